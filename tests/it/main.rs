//! Behaviour of rosterd, a module a topic.

mod csv;
mod demo;
mod simulator;
