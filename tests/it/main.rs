//! All behaviour tests in one binary: a module per behaviour.

#![expect(
    clippy::unwrap_used,
    reason = "in a test, a panic with its place is the report"
)]

mod cli;
mod layers;
mod lexer;
