//! All behaviour tests in one binary: a module per behaviour.

mod layers;
mod lexer;
