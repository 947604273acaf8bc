//! rosterd keeps the groups of a Hyperproof organisation in step with a company's directory.
//!
//! It reads who *should* be in which group, reads who *is* in it, and carries out the difference with
//! as few calls as possible, behind a guard, with a log that an auditor can check.
//!
//! # The line
//!
//! ```text
//! sources ─┐
//!          ├─ gather ─→ desired ─→ resolve ─→ diff ─→ guard ─→ apply ─→ audit ─→ report
//! live ────┘   I/O      └────────────── pure ──────────────┘   └────── I/O ──────┘
//! ```
//!
//! [`run`] walks it. [`run::plan()`] is the same line cut after the guard; [`run::apply()`] goes to its
//! end, or leaves a directory unread that vouches for being as it was. Everything is read, then
//! everything is decided, then it is written: the plan is a value ([`model::plan::Plan`]), and nothing
//! is decided while it is carried out.
//!
//! # The floors
//!
//! A module imports from lower floors only, and of those only what it needs. A test reads the sources
//! and holds the table.
//!
//! | floor | modules | what they are |
//! |---|---|---|
//! | 5 | [`cli`], [`telemetry`] | people: what is typed, what is shown, what is logged |
//! | 4 | [`daemon`] | the service: when to run, reload and stop |
//! | 4 | [`status`] | the service seen from outside: health, metrics, a page; read-only |
//! | 4 | [`simulator`] | a Hyperproof to try things on; it knows nothing of the rest, so that a wrong field name in the client is not hidden by sharing it |
//! | 3 | [`run`], [`config`] | one run; settings, checked |
//! | 2 | [`source`], [`target`], [`store`], [`notice`] | the outside: the directory, Hyperproof, the state file, whom to tell. None knows another |
//! | 1 | [`reconcile`], [`report`], [`schedule`], [`signing`], [`tls`] | pure: what to do, how to say it, when, what is proven, whom to trust |
//! | 0 | [`model`], [`secret`] | plain data |
//!
//! # Where to begin
//!
//! - [`reconcile::decide`]: the whole decision, without a clock or a network.
//! - [`model::plan::Change`]: all that can ever happen to a group.
//! - [`target::Reader`] and [`target::Writer`]: what is asked of Hyperproof.
//! - [`store::Store`]: what is remembered, and the audit log.
//! - [`report::document`]: what scripts get to see.
//! - [`model::history::Rolls`]: who was in which group at any time, by the log.
//! - [`report::explain`]: why somebody is, or is not, in a group, by the facts ([`model::facts::Facts`]) of a run.
//! - [`report::pack`]: what auditors get to see.
//!
//! # What always holds
//!
//! - **A removal needs evidence.** Its group is mapped, every directory group that could grant it was
//!   read completely in this run ([`model::directory::Completeness`]), nothing grants it, nothing
//!   protects it, the guard let it through, and the group's mode allows it. An error, an empty answer
//!   and a missing group are three things, and none of them is "nobody".
//! - **Only what the guard cleared can be written.** [`run::apply()`] takes its steps from a
//!   [`reconcile::ClearedPlan`], which nothing but the guard can make.
//! - **A dry run has no writer.** Code that must not write is not given one; there is no flag to
//!   forget.
//! - **What is not in [`model::plan::Op`] cannot happen.** There is no deleting of groups or people.
//! - **No call without a record.** An intent stands in the audit log before its call, its outcome
//!   after it; records form a chain ([`store::Verification`]).
//! - **A key makes the log proof.** Each run ends in a checkpoint that is signed over all before it, and written where
//!   rosterd cannot take it back ([`store::Signing`]).
//! - **No record goes that was not read back.** Old records are pruned in the transaction that tells of
//!   their archive, and only after the archive was checked ([`store::Archive`]).
//! - **Planning again after a run finds nothing to do** but what is held, wherever that run was cut
//!   off.
//! - **The same inputs give the same plan.** Ordered collections, no clock and no chance in the core.
//! - **What was taken back is not made again** unless the directory says something else, or a person does
//!   ([`run::apply_undo()`]).
//! - **The core does not fail.** One bad record becomes a [`model::problem::Problem`] and hides none of
//!   the good ones.

pub mod cli;
pub mod config;
pub mod daemon;
pub mod model;
pub mod notice;
pub mod reconcile;
pub mod report;
pub mod run;
pub mod schedule;
pub mod secret;
pub mod signing;
pub mod simulator;
pub mod source;
pub mod status;
pub mod store;
pub mod target;
pub mod telemetry;
pub mod tls;
