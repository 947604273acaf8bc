//! tests
mod chain;
mod store;
