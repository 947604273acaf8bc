//! What the tests stand on.

pub mod bench;
pub mod doc;
