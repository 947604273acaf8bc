//! What the behaviour tests share.

pub(crate) mod applied;
pub(crate) mod random;
pub(crate) mod small;
