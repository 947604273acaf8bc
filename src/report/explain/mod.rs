//! `rosterd explain`: why somebody is, or is not, in a group. The document `rosterd.explain/1` and how it is
//! made of the facts of a run and of what the log tells. What a person reads is rendered from it.

mod answer;
mod past;
mod text;
mod verdict;
mod who;

use serde::{Deserialize, Serialize};

use super::document::GrantEntry;

pub(crate) use answer::standing;
pub use answer::{Question, answer};
pub(crate) use past::grant;
pub use past::{past, unheard};
pub(crate) use text::grant_words;
pub use text::write;
pub use who::{Identity, Who, find};

/// The `format` of an explanation.
pub const FORMAT: &str = "rosterd.explain/1";

/// `rosterd.explain/1`. What is not known is `null`, empty lists are `[]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExplainDocument {
    /// [`FORMAT`].
    pub format: String,
    /// What was asked.
    pub asked: Asked,
    /// The facts that the answer rests on; none where it rests on the log alone.
    pub facts: Option<FactsEntry>,
    /// The person's entries in the sources.
    pub people: Vec<PersonEntry>,
    /// The account.
    pub account: Option<AccountEntry>,
    /// The answers, by group.
    pub groups: Vec<GroupAnswer>,
    /// What else is worth knowing.
    pub notes: Vec<String>,
}

/// What was asked.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Asked {
    /// Whom.
    pub person: String,
    /// In which group; none: all that concern the person.
    pub group: Option<String>,
    /// For when; none: now.
    pub at: Option<String>,
    /// How `at` was understood, for a person.
    pub at_means: Option<String>,
    /// Everything was read afresh.
    pub live: bool,
}

/// The facts that an answer rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FactsEntry {
    /// The run that read them; of a look afresh, an id that is in no log.
    pub run_id: String,
    /// When it read.
    pub at: String,
    /// How long ago that was.
    pub age_seconds: i64,
    /// Everything was read to its end.
    pub complete: bool,
    /// The sources.
    pub sources: Vec<FactsSource>,
}

/// A source as it was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FactsSource {
    /// Its name.
    pub name: String,
    /// `csv` or `ldap`.
    pub kind: String,
    /// Read to its end.
    pub complete: bool,
    /// What was missing.
    pub why: Option<String>,
    /// How it was read.
    pub evidence: String,
    /// Whether it has the person.
    pub has_person: bool,
}

/// An entry of the person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonEntry {
    /// The source.
    pub source: String,
    /// The immutable id, or the key that stands for it.
    pub id: String,
    /// Whether `id` survives a change of address.
    pub immutable: bool,
    /// A DN, or file and line.
    pub origin: String,
    /// Addresses, the primary one first.
    pub addresses: Vec<String>,
    /// What they are in Hyperproof by aliases and rewriting; empty where that is the same.
    pub sought_as: Vec<String>,
    /// The source says not active.
    pub disabled: bool,
    /// The account's id.
    pub user_id: Option<String>,
    /// How the account was found: `address`, or `link` (it was theirs at an earlier run).
    pub matched_by: Option<String>,
    /// The address by which it was found.
    pub matched_address: Option<String>,
    /// Why there is no account that may be touched: a `why` of `rosterd.plan/1`.
    pub why: Option<String>,
    /// More.
    pub detail: Option<String>,
}

/// The account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountEntry {
    /// The id that groups hold.
    pub user_id: String,
    /// Its address.
    pub email: Option<String>,
    /// Its type, as Hyperproof gives it.
    pub kind: Option<String>,
    /// `active`, `inactive`, `deactivated` or `ineligible`.
    pub standing: Option<String>,
}

/// The answer for one group.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct GroupAnswer {
    /// The configured name.
    pub group: String,
    /// Hyperproof's id.
    pub group_id: Option<String>,
    /// Its mode.
    pub mode: Option<String>,
    /// Whether the person is (or was) a member; null where nobody knows.
    pub member: Option<bool>,
    /// Whether the directory grants it; null where that is not known.
    pub granted: Option<bool>,
    /// One sentence.
    pub verdict: String,
    /// Every way by which it is granted.
    pub grants: Vec<GrantWay>,
    /// There are more ways than are named.
    pub more_grants: bool,
    /// Mappings that could grant it and do not, with the reason of each.
    pub not_granted: Vec<NotGranted>,
    /// Steps deliberately not taken.
    pub skips: Vec<SkipAnswer>,
    /// What the run meant to change.
    pub change: Option<ChangeAnswer>,
    /// What was odd with the group.
    pub problems: Vec<String>,
    /// Since when the log knows all members.
    pub known_since: Option<String>,
    /// Until when it did, where it does no more: at the time that was asked for, or to this day.
    pub known_until: Option<String>,
    /// The last change of the membership (asked for a time: before it).
    pub last_change: Option<EventEntry>,
    /// The next change after the time that was asked for.
    pub next_change: Option<EventEntry>,
    /// A change that was tried after the last one, and not made.
    pub failed_change: Option<EventEntry>,
}

/// A way by which something is granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantWay {
    /// The source.
    pub source: String,
    /// The entry that is granted it.
    pub person: String,
    /// The mapping.
    pub mapping: MappingEntry,
    /// From the mapped directory group to the one that the person is a direct member of.
    pub path: Vec<String>,
}

/// A mapping.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MappingEntry {
    /// The source.
    pub source: String,
    /// Its `group`.
    pub group: Option<String>,
    /// Its `match`.
    #[serde(rename = "match")]
    pub pattern: Option<String>,
    /// Its `to`.
    pub to: String,
}

/// Why a mapping grants nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotGranted {
    /// The mapping.
    pub mapping: MappingEntry,
    /// `not_in_source`, `not_in_group`, `disabled`, `missing`, `accepted_missing`, `doubled`, `no_match` or
    /// `source_incomplete`.
    pub why: String,
    /// One sentence.
    pub text: String,
}

/// A step deliberately not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkipAnswer {
    /// A `why` of `rosterd.plan/1`.
    pub why: String,
    /// More.
    pub detail: Option<String>,
}

/// What a run meant to change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeAnswer {
    /// `add_member` or `remove_member`.
    pub op: String,
    /// A `reason` of `rosterd.plan/1`.
    pub reason: String,
    /// Unapproved holds that it waits for.
    pub holds: Vec<HoldAnswer>,
    /// Planned, never applied.
    pub report: bool,
    /// A `result` of `rosterd.run/1`; null where nothing was carried out.
    pub result: Option<String>,
    /// What went wrong.
    pub error: Option<String>,
}

/// A hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldAnswer {
    /// Its id.
    pub id: String,
    /// The rule.
    pub rule: String,
    /// One sentence.
    pub text: String,
}

/// A record of the log that changed a membership, or tried to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventEntry {
    /// Its number.
    pub seq: i64,
    /// When it was written.
    pub at: String,
    /// The run.
    pub run_id: Option<String>,
    /// `made` (by rosterd), `by_others` (in Hyperproof), or `seen` (a full list of members).
    pub kind: String,
    /// Whether the person was in the group after it.
    pub member: bool,
    /// What others did lies between this time and `at`.
    pub not_before: Option<String>,
    /// Why: a `reason` of `rosterd.plan/1`.
    pub reason: Option<String>,
    /// The grants behind it.
    pub because: Vec<GrantEntry>,
    /// The entry in a source, for a person.
    pub entry: Option<String>,
    /// The hold that it waited for.
    pub hold: Option<String>,
    /// When that hold began to wait.
    pub held_since: Option<String>,
    /// Who let it through.
    pub approval: Option<ApprovalEntry>,
    /// All who let it through, each by a rule, that one among them, oldest first.
    #[serde(default)]
    pub approvals: Vec<ApprovalEntry>,
    /// The call.
    pub request: Option<RequestEntry>,
    /// A `result` of `rosterd.run/1`.
    pub result: Option<String>,
    /// Whether Hyperproof's answer, or a read afterwards, showed it.
    pub read_back: Option<bool>,
    /// What went wrong.
    pub error: Option<String>,
    /// The run that found out what became of another run's call.
    pub recovered_by: Option<String>,
}

/// An approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalEntry {
    /// Who.
    pub by: String,
    /// The login.
    pub login: String,
    /// Why.
    pub reason: String,
    /// A ticket.
    pub ticket: Option<String>,
}

/// A call to Hyperproof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestEntry {
    /// The method.
    pub method: String,
    /// The path.
    pub path: String,
    /// The status of the last answer.
    pub status: Option<u16>,
    /// How often it was sent.
    pub attempts: Option<u32>,
}
