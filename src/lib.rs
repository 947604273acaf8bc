//! rosterd keeps the groups of a Hyperproof organisation in step with a company's directory.

pub mod simulator;
