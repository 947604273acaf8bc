//! Data of the guard: what waits for a person, and what a person let through.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

use super::digest::Digest;
use super::id::{GroupName, RunId, SourceName};
use super::plan::ChangeKey;

/// A rule that can hold changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// More removals in a group than its limit.
    GroupRemovals,
    /// More additions in a group than its limit.
    GroupAdds,
    /// More removals in a run than its limit.
    RunRemovals,
    /// More additions in a run than its limit.
    RunAdds,
    /// More removals within 24 hours than the limit.
    DayRemovals,
    /// A source lost more people than its limit.
    SourceShrink,
    /// Removals that would leave nobody.
    Empty,
    /// Fewer desired members than `min_members`.
    MinMembers,
    /// Somebody whom `expect` names is not granted.
    Expect,
    /// Removals of a first full run; creations in an organisation that shows no groups.
    FirstRun,
    /// A directory group that should be there is not.
    Missing,
    /// A membership that an undo took back.
    Undone,
}

impl Rule {
    /// Every rule.
    pub const ALL: [Rule; 12] = [
        Rule::GroupRemovals,
        Rule::GroupAdds,
        Rule::RunRemovals,
        Rule::RunAdds,
        Rule::DayRemovals,
        Rule::SourceShrink,
        Rule::Empty,
        Rule::MinMembers,
        Rule::Expect,
        Rule::FirstRun,
        Rule::Missing,
        Rule::Undone,
    ];

    /// The word of the documents and the state.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::GroupRemovals => "group_removals",
            Self::GroupAdds => "group_adds",
            Self::RunRemovals => "run_removals",
            Self::RunAdds => "run_adds",
            Self::DayRemovals => "day_removals",
            Self::SourceShrink => "source_shrink",
            Self::Empty => "empty",
            Self::MinMembers => "min_members",
            Self::Expect => "expect",
            Self::FirstRun => "first_run",
            Self::Missing => "missing",
            Self::Undone => "undone",
        }
    }

    /// Whether it still holds changes after a person let them through by another rule. A limit measures only
    /// what nobody has let through by then, and is asked after the conditions (see the guard's order).
    pub fn holds_after(self, approved: Rule) -> bool {
        self.turn() <= approved.turn() || !self.is_limit()
    }

    /// When the guard asks it.
    fn turn(self) -> u8 {
        match self {
            Self::Undone | Self::FirstRun | Self::Missing | Self::Expect | Self::MinMembers => 0,
            Self::GroupRemovals | Self::GroupAdds => 1,
            Self::Empty => 2,
            Self::SourceShrink => 3,
            Self::RunRemovals => 4,
            Self::DayRemovals => 5,
            Self::RunAdds => 6,
        }
    }

    /// Whether it measures how many changes there are that nobody has let through.
    fn is_limit(self) -> bool {
        match self {
            Self::GroupRemovals
            | Self::GroupAdds
            | Self::SourceShrink
            | Self::RunRemovals
            | Self::DayRemovals
            | Self::RunAdds => true,
            Self::Undone | Self::FirstRun | Self::Missing | Self::Expect | Self::MinMembers | Self::Empty => false,
        }
    }

    /// The rule that a word of [`Rule::as_str`] means.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rule| rule.as_str() == word)
    }
}

/// What a hold spans. Its text form (`Display`) is stored, and is part of a hold's id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// One target group.
    Group(GroupName),
    /// The whole run.
    Run,
    /// Everything that a source feeds.
    Source(SourceName),
    /// A missing directory group and the target group that it fed.
    Directory {
        /// The source.
        source: SourceName,
        /// The directory group that is not there.
        directory_group: String,
        /// The target group.
        group: GroupName,
    },
}

impl Scope {
    /// The one target group that the scope is about.
    pub fn group(&self) -> Option<&GroupName> {
        match self {
            Self::Group(group) | Self::Directory { group, .. } => Some(group),
            Self::Run | Self::Source(_) => None,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Group(group) => write!(f, "group {group:?}"),
            Self::Run => f.write_str("run"),
            Self::Source(source) => write!(f, "source {source:?}"),
            Self::Directory { source, directory_group, group } => {
                write!(f, "directory group {directory_group:?} of {source:?} for {group:?}")
            }
        }
    }
}

/// `h-` and 12 hexadecimal digits of a digest of rule, scope and changes, and of nothing that moves
/// by itself: the same situation has the same id in every run. Cheap to clone: every change that waits names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct HoldId(Arc<str>);

impl HoldId {
    /// The id of a hold.
    pub fn of(rule: Rule, scope: &Scope, changes: &BTreeSet<ChangeKey>) -> Self {
        let mut digest = Digest::new();
        digest.part(rule.as_str()).part(&scope.to_string()).parts(changes.iter().flat_map(ChangeKey::parts));
        let hex = digest.hex();
        Self(format!("h-{}", hex.get(..12).unwrap_or(&hex)).into())
    }

    /// An id as it was stored or typed.
    pub fn from_text(text: &str) -> Self {
        Self(text.into())
    }

    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HoldId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Changes (or none, where a rule has something to say without one) that wait for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// Its id.
    pub id: HoldId,
    /// The rule.
    pub rule: Rule,
    /// What it spans.
    pub scope: Scope,
    /// The rule's limit; 0 where it has none.
    pub limit: u64,
    /// What was measured against it.
    pub measured: u64,
    /// The changes that wait.
    pub changes: BTreeSet<ChangeKey>,
    /// One sentence for a person: what was found, against what.
    pub text: String,
    /// Index into [`crate::model::memory::Memory::approvals`] of the approval that fits.
    pub approval: Option<usize>,
}

/// A person's word that certain changes may pass one rule, each once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// Its number in the state file.
    pub number: i64,
    /// The hold as it was approved.
    pub hold: HoldId,
    /// The rule.
    pub rule: Rule,
    /// The text form of the hold's scope.
    pub scope: String,
    /// Approved changes that have not passed yet.
    pub changes: BTreeSet<ChangeKey>,
    /// Who approved, as given.
    pub by: String,
    /// The operating-system login.
    pub login: String,
    /// Why.
    pub reason: String,
    /// A ticket's reference.
    pub ticket: Option<String>,
    /// When it was given.
    pub at: Timestamp,
    /// From when on it lets nothing through.
    pub expires: Timestamp,
    /// The run that the hold waited to take back; none for a hold of any other plan.
    pub undoes: Option<RunId>,
}
