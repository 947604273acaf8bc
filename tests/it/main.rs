//! Behaviour of rosterd, a module a topic. One binary, so that it links once.
#![expect(clippy::unwrap_used, reason = "a test that meets what it did not expect shall stop")]
#![allow(unreachable_pub, reason = "nothing is published from a test binary")]

mod ad;
mod chain;
mod cli;
mod config;
mod csv;
mod demo;
mod layers;
mod ldap;
mod ldap_faults;
mod lexer;
mod outage;
mod scenarios;
mod simulator;
mod store;
mod support;
mod target;
