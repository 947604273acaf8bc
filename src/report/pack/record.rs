//! A record of the log as the pack needs it. Only what `rosterd.audit/1` says is read, from the record's own
//! text, so that a pack can be checked by what is in it.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

/// A record; what it does not have is absent or empty.
#[derive(Debug, Clone, Deserialize)]
pub struct Told {
    /// Its number.
    pub seq: i64,
    /// When it was written.
    pub at: Timestamp,
    /// What it tells of.
    pub event: String,
    /// The run.
    pub run_id: Option<String>,
    /// Who acted.
    pub actor: Option<Actor>,
    /// The target group.
    pub group: Option<Group>,
    /// The account.
    pub member: Option<Member>,
    /// The kind of change.
    pub op: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// The grants behind an addition.
    #[serde(default)]
    pub because: Vec<Grant>,
    /// The directory entry behind the change.
    pub entry: Option<Entry>,
    /// A hold's id.
    pub hold: Option<String>,
    /// The rule of a hold.
    pub rule: Option<String>,
    /// What a hold spans.
    pub scope: Option<String>,
    /// The rule's limit.
    pub limit: Option<Value>,
    /// What was measured against it.
    pub measured: Option<Value>,
    /// A hold in a sentence.
    pub text: Option<String>,
    /// How many changes a hold or an approval is about.
    pub changes: Option<Changes>,
    /// The approval.
    pub approval: Option<Approval>,
    /// All approvals that an outcome used up, that one among them.
    #[serde(default)]
    pub approvals: Vec<Approval>,
    /// Approvals that a run ended.
    #[serde(default)]
    pub approvals_ended: Vec<Ended>,
    /// The call.
    pub request: Option<Request>,
    /// What became of a change.
    pub result: Option<String>,
    /// What went wrong.
    pub error: Option<String>,
    /// Whether Hyperproof's answer showed the change.
    pub read_back: Option<bool>,
    /// The intent of an outcome.
    pub intent: Option<i64>,
    /// How a run ended.
    pub outcome: Option<String>,
    /// The digest of the configuration.
    pub config_digest: Option<String>,
    /// That of the run before.
    pub config_digest_before: Option<String>,
    /// The version of rosterd.
    pub version: Option<String>,
    /// The hash of the record before.
    pub prev: String,
    /// Whether an observation has all members of a group.
    #[serde(default)]
    pub baseline: bool,
    /// Which part of the full list this is.
    pub part: Option<u64>,
    /// Of so many parts.
    pub of: Option<u64>,
    /// The members of a full list.
    #[serde(default)]
    pub members: Vec<Member>,
    /// Who was found in the group and had not been put there by rosterd.
    #[serde(default)]
    pub added: Vec<Member>,
    /// Who was no longer in the group and had not been removed by rosterd.
    #[serde(default)]
    pub removed: Vec<Member>,
    /// When the group was looked at before.
    pub since: Option<Timestamp>,
    /// Why the group is looked at no more: `unmapped`, `gone` or `archived`.
    pub ended: Option<String>,
}

/// `actor`.
#[derive(Debug, Clone, Deserialize)]
pub struct Actor {
    /// The host.
    pub host: String,
    /// The login.
    pub operator: Option<String>,
}

/// `group`.
#[derive(Debug, Clone, Deserialize)]
pub struct Group {
    /// Hyperproof's id.
    pub id: Option<String>,
    /// The configured name.
    pub name: String,
}

/// `member`.
#[derive(Debug, Clone, Deserialize)]
pub struct Member {
    /// The id that groups hold.
    pub user_id: String,
    /// The address.
    pub email: Option<String>,
}

/// One of `because`.
#[derive(Debug, Clone, Deserialize)]
pub struct Grant {
    /// The source.
    pub source: String,
    /// The way through nested groups, the mapped one first.
    #[serde(default)]
    pub path: Vec<String>,
}

/// `entry`.
#[derive(Debug, Clone, Deserialize)]
pub struct Entry {
    /// The source.
    pub source: String,
    /// The person's immutable id, or key.
    pub id: String,
}

/// `changes`.
#[derive(Debug, Clone, Deserialize)]
pub struct Changes {
    /// How many.
    pub count: u64,
}

/// One of `approvals_ended`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Ended {
    /// The approval's number.
    pub number: i64,
}

/// `approval`.
#[derive(Debug, Clone, Deserialize)]
pub struct Approval {
    /// Its number.
    pub number: Option<i64>,
    /// Who.
    pub by: String,
    /// The login.
    pub login: String,
    /// Why.
    pub reason: String,
    /// A ticket.
    pub ticket: Option<String>,
    /// Until when.
    pub expires: Timestamp,
}

/// `request`.
#[derive(Debug, Clone, Deserialize)]
pub struct Request {
    /// The status of the last answer.
    pub status: Option<u16>,
}

impl Told {
    /// Reads a record; the error says what is wrong, for a person.
    pub fn parse(text: &str) -> Result<Self, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    /// All approvals, oldest first. Older records name one alone.
    pub(super) fn consents(&self) -> impl Iterator<Item = &Approval> + Clone {
        let one = self.approval.as_ref().filter(|_| self.approvals.is_empty());
        self.approvals.iter().chain(one)
    }

    /// Whether it is an outcome of this change with this result.
    pub(super) fn is(&self, op: &str, result: &str) -> bool {
        self.event == "outcome" && self.op.as_deref() == Some(op) && self.result.as_deref() == Some(result)
    }

    /// Whether it tells that the change is so: made, or found made.
    pub(super) fn is_so(&self, op: &str) -> bool {
        self.is(op, "done") || self.is(op, "already_so")
    }
}

/// When a record was written, without the rest of it: what finding a period needs.
pub fn time_of(text: &str) -> Result<Timestamp, String> {
    #[derive(Deserialize)]
    struct Time {
        at: Timestamp,
    }
    serde_json::from_str::<Time>(text).map(|time| time.at).map_err(|error| error.to_string())
}

/// RFC 3339 in UTC with milliseconds, as the log has it.
pub fn time(at: Timestamp) -> String {
    format!("{at:.3}")
}
