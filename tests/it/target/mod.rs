//! The client against a small Hyperproof over real sockets.

mod call;
mod create;
mod lead;
mod live;
mod members;
mod server;
mod simulated;
mod tls;
