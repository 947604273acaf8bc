//! The versioned documents `rosterd.plan/1` and `rosterd.run/1`. Their field names are a contract
//! with scripts: add freely, change nothing.
//!
//! Ids that are not there are `null`, empty lists are `[]`, times are RFC 3339 in UTC to the second.

mod source;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use source::{DirectoryGroupEntry, ReadEntry, ServerEntry, SourceEntry};

use super::word;
use crate::model::hold::Rule;
use crate::model::plan::{GroupStanding, Op, Reason, Why};
use crate::model::policy::Mode;
use crate::model::run::Outcome;

/// The `format` of a plan.
pub const PLAN_FORMAT: &str = "rosterd.plan/1";
/// The `format` of a run.
pub const RUN_FORMAT: &str = "rosterd.run/1";

/// `rosterd.plan/1`. `C`: the changes; a document that is only written makes each of them as it comes to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanDocument<C = Vec<ChangeEntry>> {
    /// [`PLAN_FORMAT`]; within a run's document, [`RUN_FORMAT`].
    pub format: String,
    /// The run that made the plan.
    pub run_id: String,
    /// The run that it takes back; in the documents of `undo` alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo_of: Option<String>,
    /// When.
    pub made_at: String,
    /// Digest of the changes.
    pub digest: String,
    /// Everything that it rests on was read to its end.
    pub complete: bool,
    /// Sources, by name.
    pub sources: Vec<SourceEntry>,
    /// Target groups, by name.
    pub groups: Vec<GroupEntry>,
    /// Changes, sorted; those that wait and those only reported included.
    pub changes: C,
    /// Steps deliberately not taken, sorted.
    pub skips: Vec<SkipEntry>,
    /// What waits, or would wait without an approval, by id.
    pub holds: Vec<HoldEntry>,
    /// What was odd and belongs to no source or group.
    pub problems: Vec<String>,
    /// The counts.
    pub summary: Summary,
}

/// `rosterd.run/1`: the plan, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunDocument<C = Vec<ChangeEntry>> {
    /// The plan. Each of its changes has a result.
    #[serde(flatten)]
    pub plan: PlanDocument<C>,
    /// What became of the run.
    #[serde(with = "word")]
    pub outcome: Outcome,
    /// The exit code of the process.
    pub exit: u8,
    /// When it ended.
    pub finished_at: String,
    /// Hyperproof said to wait until then.
    pub throttled_until: Option<String>,
    /// What was done, counted.
    pub results: Results,
}

/// One target group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupEntry {
    /// The configured name.
    pub name: String,
    /// Hyperproof's id.
    pub id: Option<String>,
    /// Its mode.
    #[serde(with = "word")]
    pub mode: Mode,
    /// Live members.
    pub live: usize,
    /// People whom the directory grants it; of `undo`, members that there will be.
    pub desired: usize,
    /// What was odd.
    pub problems: Vec<String>,
    /// Everything that could grant it was read to its end.
    pub complete: bool,
    /// `ready`, or `unusable`: missing, archived, or not to be told from another.
    #[serde(with = "word")]
    pub standing: GroupStanding,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeEntry {
    /// Its kind.
    #[serde(with = "word")]
    pub op: Op,
    /// The configured name of the target group.
    pub group: String,
    /// Hyperproof's id of the group.
    pub group_id: Option<String>,
    /// Hyperproof's id of the account.
    pub user_id: Option<String>,
    /// The account's address.
    pub email: Option<String>,
    /// Why.
    #[serde(with = "word")]
    pub reason: Reason,
    /// The grants behind it.
    pub because: Vec<GrantEntry>,
    /// Live differs from what the last run left.
    pub drift: bool,
    /// Planned, never applied.
    pub report: bool,
    /// Unapproved holds that it waits for.
    pub holds: Vec<String>,
    /// An approval lets it through.
    pub approved: bool,
    /// What became of it; in a run's document alone.
    #[serde(flatten, default, skip_serializing_if = "Option::is_none")]
    pub made: Option<Made>,
}

/// Why a person belongs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantEntry {
    /// The source.
    pub source: String,
    /// The directory group that the mapping names.
    pub directory_group: String,
    /// From the mapped group to the one that the person is a direct member of.
    pub path: Vec<String>,
}

/// What became of a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// The result.
    pub result: ResultWord,
    /// What went wrong, or why it was not tried.
    pub error: Option<String>,
}

/// [`crate::model::run::ChangeResult`] without its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResultWord {
    /// Made and seen.
    Done,
    /// Somebody else had made it.
    AlreadySo,
    /// Refused, or not confirmed.
    Failed,
    /// The run stopped before it.
    NotTried,
    /// It waits for an approval.
    Held,
    /// Its group is in report mode.
    Report,
}

/// A step deliberately not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkipEntry {
    /// The target group.
    pub group: String,
    /// Whom it concerns.
    pub person: String,
    /// Why.
    #[serde(with = "word")]
    pub why: Why,
    /// More, where `why` does not say all.
    pub detail: Option<String>,
}

/// A hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldEntry {
    /// Its id.
    pub id: String,
    /// The rule.
    #[serde(with = "word")]
    pub rule: Rule,
    /// The one target group that it is about.
    pub group: Option<String>,
    /// The rule's limit; 0 where it has none.
    pub limit: u64,
    /// What was measured against it.
    pub measured: u64,
    /// Somebody let it through.
    pub approved: bool,
    /// `group`, `run`, `source` or `directory_group`.
    pub scope: String,
    /// The source that it is about.
    pub source: Option<String>,
    /// The directory group that is not there.
    pub directory_group: Option<String>,
    /// How many changes it holds.
    pub changes: usize,
    /// One sentence for a person.
    pub text: String,
}

/// The counts of a plan. A change is counted once, under what will become of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Summary {
    /// Groups to create.
    pub create: usize,
    /// Members to add.
    pub add: usize,
    /// Members to remove.
    pub remove: usize,
    /// Leads to set or clear.
    pub lead: usize,
    /// Changes that wait.
    pub held: usize,
    /// Changes of groups in report mode.
    pub report: usize,
    /// Skips.
    pub skipped: usize,
    /// Calls to Hyperproof.
    pub calls: Calls,
}

/// Calls to Hyperproof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Calls {
    /// That the read took.
    pub read: u32,
    /// That the changes will take.
    pub write: u32,
}

/// What a run did, counted. A change is counted once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Results {
    /// Groups created.
    pub created: usize,
    /// Members added.
    pub added: usize,
    /// Members removed.
    pub removed: usize,
    /// Leads set or cleared.
    pub lead: usize,
    /// Changes that somebody else had made.
    pub already_so: usize,
    /// Changes that failed.
    pub failed: usize,
    /// Changes that the run did not come to.
    pub not_tried: usize,
}
