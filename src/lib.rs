//! rosterd keeps the groups of a Hyperproof organisation in step with a company's directory.

pub mod cli;
pub mod config;
pub mod model;
pub mod reconcile;
pub mod report;
pub mod run;
pub mod schedule;
pub mod secret;
pub mod simulator;
pub mod source;
pub mod store;
pub mod target;
pub mod telemetry;
pub mod tls;
