//! What the tests stand on.

pub mod applied;
pub mod bench;
pub mod doc;
pub mod random;
pub mod small;
