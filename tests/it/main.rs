//! Behaviour tests, one module per behaviour.

mod guard;
mod laws;
mod mapping;
mod nesting;
mod ownership;
mod plan;
mod resolve;
mod support;
