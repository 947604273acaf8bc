//! Floor 0: plain data and total functions. No I/O, no clock, no serde.
//!
//! The words are the field's: a *person* is in the directory, an *account* is in Hyperproof; a
//! *directory group* grants, a *target group* receives; a *mapping* joins the two.

pub mod address;
pub mod desired;
pub mod digest;
pub mod directory;
pub mod evidence;
pub mod facts;
pub mod history;
pub mod hold;
pub mod id;
pub mod links;
pub mod live;
pub mod memberships;
pub mod memory;
pub mod notice;
pub mod numbered;
pub mod piece;
pub mod plan;
pub mod policy;
pub mod problem;
pub mod pseudonym;
pub mod run;
pub mod seal;
pub mod service;
pub mod totals;
pub mod undo;
