//! The plan: everything that a run would do, with its reasons, as a value.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::desired::Grant;
use super::digest::Digest;
use super::directory::ReadFacts;
use super::evidence::{Ground, MappedGroup, ReadEvidence};
use super::facts::MappingFacts;
use super::hold::{Hold, HoldId};
use super::id::{AccountId, GroupId, GroupName, PersonKey, RunId, SourceName};
use super::policy::Mode;
use super::problem::Problem;

/// A kind of change. What is not here cannot happen: there is no way to delete a group or a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Op {
    /// Create a target group (with its first members and lead, in one call).
    CreateGroup,
    /// Add an account to a target group.
    AddMember,
    /// Remove an account from a target group.
    RemoveMember,
    /// Make an account the group's lead.
    SetLead,
    /// Take the lead away.
    ClearLead,
}

impl Op {
    /// Every kind, in the order of the documents.
    pub const ALL: [Op; 5] = [Op::CreateGroup, Op::AddMember, Op::RemoveMember, Op::SetLead, Op::ClearLead];

    /// The word of the documents and the state.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CreateGroup => "create_group",
            Self::AddMember => "add_member",
            Self::RemoveMember => "remove_member",
            Self::SetLead => "set_lead",
            Self::ClearLead => "clear_lead",
        }
    }

    /// The kind that a word of [`Op::as_str`] means.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|op| op.as_str() == word)
    }
}

/// What makes one change different from every other: at most one change of a plan has it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChangeKey {
    /// The target group.
    pub group: GroupName,
    /// The kind.
    pub op: Op,
    /// The account; none for creating a group and clearing a lead.
    pub account: Option<AccountId>,
}

impl ChangeKey {
    /// What of it goes into a digest of changes: op, group, account.
    pub fn parts(&self) -> [&str; 3] {
        [self.op.as_str(), self.group.as_str(), self.account.as_ref().map_or("", AccountId::as_str)]
    }
}

/// Why a change is to be made. It explains and orders; it decides nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// The directory grants it, or (group, lead) the configuration asks for it.
    Granted,
    /// The person is in the directory and is no longer granted it.
    GrantEnded,
    /// The directory says that the person is not active.
    PersonDisabled,
    /// The person is no longer in the directory.
    PersonGone,
    /// The account is deactivated and nobody grants it.
    AccountDeactivated,
    /// Somebody added the member in Hyperproof since the last run.
    DriftAdded,
    /// Somebody removed the member in Hyperproof since the last run.
    DriftRemoved,
    /// It takes back what a run did.
    Undo,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Reason; 8] = [
        Reason::Granted,
        Reason::GrantEnded,
        Reason::PersonDisabled,
        Reason::PersonGone,
        Reason::AccountDeactivated,
        Reason::DriftAdded,
        Reason::DriftRemoved,
        Reason::Undo,
    ];

    /// The reason that a word of [`Reason::as_str`] means.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == word)
    }

    /// The word of the documents.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Granted => "granted",
            Self::GrantEnded => "grant_ended",
            Self::PersonDisabled => "person_disabled",
            Self::PersonGone => "person_gone",
            Self::AccountDeactivated => "account_deactivated",
            Self::DriftAdded => "drift_added",
            Self::DriftRemoved => "drift_removed",
            Self::Undo => "undo",
        }
    }

    /// Whether the person left, so that the removal goes before the additions.
    pub fn left(self) -> bool {
        matches!(self, Self::PersonDisabled | Self::PersonGone)
    }
}

/// A person's entry in a source: what the log names as the ground of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The source.
    pub source: SourceName,
    /// The person's key: the immutable id where the source has one.
    pub id: PersonKey,
    /// Where it was found: a DN, or file and line.
    pub origin: String,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Group, kind and account.
    pub key: ChangeKey,
    /// The group's id; none for a group that is yet to be created.
    pub group_id: Option<GroupId>,
    /// The account's address, to show.
    pub email: Option<String>,
    /// Why.
    pub reason: Reason,
    /// The grants behind an addition; for a removal, empty.
    pub because: Vec<Grant>,
    /// The person's entry, where the directory has one.
    pub entry: Option<Entry>,
    /// Live differs from what the last run left.
    pub drift: bool,
    /// The group is in report mode: planned, never applied.
    pub report: bool,
    /// Unapproved holds that it waits for.
    pub holds: Vec<HoldId>,
    /// Index into [`crate::model::memory::Memory::approvals`] of the approval that lets it through.
    pub approval: Option<usize>,
}

impl Change {
    /// Whether the run will make this change.
    pub fn is_cleared(&self) -> bool {
        !self.report && self.holds.is_empty()
    }
}

/// Why a step was deliberately not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// No account bears any of the person's addresses.
    NoAccount,
    /// Two accounts for one person, or two people for one account.
    Ambiguous,
    /// The account is pending, deactivated or archived.
    InactiveAccount,
    /// The directory has no address for the person, or Hyperproof none for a live member.
    NoEmail,
    /// The account is of a type that is left alone.
    IneligibleType,
    /// `keep`, or the tool's own account.
    Protected,
    /// A source or directory group was not read to its end.
    SourceIncomplete,
    /// The group is in mode `owned`, and rosterd did not add the member.
    NotOwned,
    /// Not absent for long enough.
    Grace,
    /// `identity.ignore`.
    Ignored,
    /// A live member whose id no account bears.
    UnknownMember,
    /// Granted by one source, while another one says that the person is not active.
    Disabled,
    /// Of an undo: somebody changed it after the run that is taken back.
    LaterEdit,
    /// Of an undo: the group's mode does not allow it.
    Mode,
}

impl Why {
    /// Every reason.
    pub const ALL: [Why; 14] = [
        Why::NoAccount,
        Why::Ambiguous,
        Why::InactiveAccount,
        Why::NoEmail,
        Why::IneligibleType,
        Why::Protected,
        Why::SourceIncomplete,
        Why::NotOwned,
        Why::Grace,
        Why::Ignored,
        Why::UnknownMember,
        Why::Disabled,
        Why::LaterEdit,
        Why::Mode,
    ];

    /// The one that a word of [`Why::as_str`] means.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|why| why.as_str() == word)
    }

    /// The word of the documents.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoAccount => "no_account",
            Self::Ambiguous => "ambiguous",
            Self::InactiveAccount => "inactive_account",
            Self::NoEmail => "no_email",
            Self::IneligibleType => "ineligible_type",
            Self::Protected => "protected",
            Self::SourceIncomplete => "source_incomplete",
            Self::NotOwned => "not_owned",
            Self::Grace => "grace",
            Self::Ignored => "ignored",
            Self::UnknownMember => "unknown_member",
            Self::Disabled => "disabled",
            Self::LaterEdit => "later_edit",
            Self::Mode => "mode",
        }
    }
}

/// A step deliberately not taken.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Skip {
    /// The target group.
    pub group: GroupName,
    /// Whom it concerns: an address, else the name that the directory or Hyperproof has.
    pub person: String,
    /// Why.
    pub why: Why,
    /// More, where `why` does not say all (`2 accounts bear ann@corp.example`).
    pub detail: Option<String>,
}

/// Digest of the changes of a plan: op, group and account of each, and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PlanDigest(String);

impl PlanDigest {
    /// The digest of these changes, which must be sorted.
    pub fn of<'a>(changes: impl IntoIterator<Item = &'a ChangeKey>) -> Self {
        let mut digest = Digest::new();
        digest.parts(changes.into_iter().flat_map(ChangeKey::parts));
        Self(format!("sha256:{}", digest.hex()))
    }

    /// `sha256:` and 64 hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One source in a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceSummary {
    /// Its name.
    pub name: SourceName,
    /// `csv` or `ldap`.
    pub kind: &'static str,
    /// Read to its end.
    pub complete: bool,
    /// People read.
    pub people: usize,
    /// Directory groups read.
    pub groups: usize,
    /// Direct memberships read.
    pub memberships: usize,
    /// People with a mapped grant: what the baseline counts.
    pub granted: usize,
    /// Those of them who have an address.
    pub addressed: usize,
    /// How it was read.
    pub evidence: String,
    /// What else is known of the read.
    pub facts: ReadFacts,
    /// The same in figures.
    pub read: ReadEvidence,
    /// The directory groups that feed target groups, nested ones included, by name.
    pub mapped: Vec<MappedGroup>,
    /// What was odd.
    pub problems: Vec<Problem>,
    /// Not read in this run, as nothing changed in it since its read of then: what is told is of that.
    pub unchanged_since: Option<Timestamp>,
}

/// Whether a target group could be worked on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum GroupStanding {
    /// It is there, or will be created.
    Ready,
    /// It is missing, archived, or cannot be told from another: left alone (exit 12).
    Unusable,
}

/// One target group in a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupSummary {
    /// The configured name.
    pub name: GroupName,
    /// Hyperproof's id, where the group is there.
    pub id: Option<GroupId>,
    /// Its mode.
    pub mode: Mode,
    /// Its lead, as it was read.
    pub lead: Option<AccountId>,
    /// Live members.
    pub live: usize,
    /// People whom the directory grants it; in an undo, members that there will be.
    pub desired: usize,
    /// Whether it could be worked on.
    pub standing: GroupStanding,
    /// Whether everything that could grant it was read to its end.
    pub complete: bool,
    /// The directory groups that could grant it, sorted: what a removal rests on.
    pub grounds: Vec<Ground>,
    /// Where somebody is to be removed: the mappings that may yield the group, none of which grants them, sorted.
    pub mappings: Vec<MappingFacts>,
    /// What was odd.
    pub problems: Vec<Problem>,
}

/// Everything that a run would do. All lists are sorted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The run that it takes back; none for any other plan.
    pub undo_of: Option<RunId>,
    /// Digest of the changes.
    pub digest: PlanDigest,
    /// Everything that it rests on was read to its end.
    pub complete: bool,
    /// Sources, by name.
    pub sources: Vec<SourceSummary>,
    /// Target groups, by name.
    pub groups: Vec<GroupSummary>,
    /// Changes, by key; those that wait and those only reported included.
    pub changes: Vec<Change>,
    /// Skips, by group and person.
    pub skips: Vec<Skip>,
    /// Holds, approved ones included, by id.
    pub holds: Vec<Hold>,
    /// What was odd and belongs to no source or group.
    pub problems: Vec<Problem>,
    /// GETs that the read took.
    pub reads: u32,
    /// Calls that will be made.
    pub writes: u32,
}

/// How many changes of each kind a plan has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Groups that will be created.
    pub create: usize,
    /// Members that will be added.
    pub add: usize,
    /// Members that will be removed.
    pub remove: usize,
    /// Leads that will be set or cleared.
    pub lead: usize,
    /// Changes that wait for an approval.
    pub held: usize,
    /// Changes of groups in report mode.
    pub report: usize,
    /// Skips.
    pub skipped: usize,
}

impl Plan {
    /// The counts: a change is counted once, under what will become of it.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts { skipped: self.skips.len(), ..Counts::default() };
        for change in &self.changes {
            let count = if change.report {
                &mut counts.report
            } else if !change.holds.is_empty() {
                &mut counts.held
            } else {
                match change.key.op {
                    Op::CreateGroup => &mut counts.create,
                    Op::AddMember => &mut counts.add,
                    Op::RemoveMember => &mut counts.remove,
                    Op::SetLead | Op::ClearLead => &mut counts.lead,
                }
            };
            *count += 1;
        }
        counts
    }

    /// Whether the run will change anything.
    pub fn is_pending(&self) -> bool {
        self.changes.iter().any(Change::is_cleared)
    }

    /// Whether something waits for a person: a hold without an approval, with or without changes.
    pub fn is_held(&self) -> bool {
        self.holds.iter().any(|hold| hold.approval.is_none())
    }

    /// Skips by reason, for a glance.
    pub fn skips_by_why(&self) -> BTreeMap<Why, usize> {
        let mut by_why = BTreeMap::new();
        for skip in &self.skips {
            *by_why.entry(skip.why).or_default() += 1;
        }
        by_why
    }
}
