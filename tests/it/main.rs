//! tests

mod simulator;
