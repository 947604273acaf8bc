//! Behaviour of rosterd, a module a topic.

mod config;
mod csv;
mod demo;
mod simulator;
