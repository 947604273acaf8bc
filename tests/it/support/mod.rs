//! What the tests stand on.

pub mod applied;
pub mod bench;
pub mod random;
pub mod small;
pub mod doc;
