//! All integration tests in one binary, a module per behaviour.

mod simulator;
mod target;
