//! Behaviour of rosterd, a module a topic.

mod chain;
mod csv;
mod demo;
mod simulator;
mod store;
