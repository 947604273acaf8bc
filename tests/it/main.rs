//! Behaviour of rosterd, a module a topic. One binary, so that it links once.
#![expect(clippy::unwrap_used, reason = "a test that meets what it did not expect shall stop")]
#![allow(unreachable_pub, reason = "nothing is published from a test binary")]

mod ad;
mod apply;
mod audit;
mod blind;
mod chain;
mod cli;
mod config;
mod config_cli;
mod csv;
mod demo;
mod drift;
mod explain;
mod explain_past;
mod facts;
mod guard;
mod hazards;
mod holds;
mod incidents;
mod laws;
mod layers;
mod ldap;
mod ldap_faults;
mod lexer;
mod mapping;
mod members;
mod nesting;
mod outage;
mod outcomes;
mod ownership;
mod package;
mod plan;
mod readme;
mod resolve;
mod scenarios;
mod simulator;
mod state;
mod store;
mod support;
mod target;
mod throttle;
mod unknowns;
