//! rosterd keeps the groups of a Hyperproof organisation in step with a company's directory.

pub mod cli;
pub mod model;
pub mod report;
pub mod secret;
pub mod simulator;
pub mod source;
pub mod target;
pub mod telemetry;
pub mod tls;
