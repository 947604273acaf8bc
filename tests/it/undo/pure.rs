//! The pure core of it.
