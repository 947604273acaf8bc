//! The audit log: append-only, hash-chained, canonical JSON. Floor 2, part of the store because a
//! record is written in the transaction of what it records.

mod beside;
pub(super) mod canonical;
pub(super) mod chain;
pub(super) mod checkpoint;
pub(super) mod evidence;
pub(super) mod keys;
pub(super) mod lines;
mod read;
pub(super) mod record;
mod tally;
mod value;
pub(super) mod verify;
pub(super) mod walk;

pub use checkpoint::Checkpoints;
pub use lines::{log_line, verify_jsonl, verify_lines};
pub use read::{AuditCursor, AuditEntry, AuditFilter};
pub use record::{Actor, Event, FORMAT, Request};
pub use value::{
    AuditRecord, RecordActor, RecordApproval, RecordEntry, RecordGrant, RecordGroup, RecordLead, RecordMember,
    RecordRequest,
};
pub use walk::Verification;
