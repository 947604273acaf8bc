//! Taking a run back: what it did, as the log tells it, and what was taken back, as it is remembered.

use jiff::Timestamp;

use super::id::{AccountId, GroupId, GroupName, RunId};
use super::plan::Op;

/// Who led a group before its lead was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeadBefore {
    /// Nobody wrote it down.
    Unknown,
    /// Nobody did.
    Nobody,
    /// This account.
    Account(AccountId),
}

impl LeadBefore {
    /// What is known of a lead that was read.
    pub fn of(lead: Option<&AccountId>) -> Self {
        lead.map_or(Self::Nobody, |account| Self::Account(account.clone()))
    }
}

/// What one run did, as far as the log tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deeds {
    /// The run.
    pub run: RunId,
    /// Its changes that were made, in the order in which they were.
    pub deeds: Vec<Deed>,
}

/// One change that a run made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deed {
    /// The target group, by the name that it was configured under then.
    pub group: GroupName,
    /// Its id.
    pub group_id: Option<GroupId>,
    /// What was done.
    pub op: Op,
    /// To whom.
    pub account: Option<AccountId>,
    /// The account's address then, to show.
    pub email: Option<String>,
    /// For a lead: who it was before.
    pub lead_before: LeadBefore,
    /// The newest change that rosterd made to the same membership, or the group's lead, after it.
    pub later: Option<LaterDeed>,
}

/// A change that was made after another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaterDeed {
    /// The run that made it.
    pub run: RunId,
    /// When.
    pub at: Timestamp,
    /// What was done.
    pub op: Op,
}

/// A change that was taken back: what would make it again is held.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct UndoneKey {
    /// The group.
    pub group: GroupId,
    /// The kind of the change.
    pub op: Op,
    /// The account; none for clearing a lead.
    pub account: Option<AccountId>,
}

/// By what it was taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undone {
    /// The run that took it back.
    pub by: RunId,
    /// The run that had made it.
    pub of: RunId,
    /// When.
    pub at: Timestamp,
}
