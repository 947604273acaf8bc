//! Records of the log as values, for those who explain or take back what was done.

use jiff::Timestamp;
use serde::Deserialize;

/// A record of the log as a value. Fields that this version does not know are left out.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct AuditRecord {
    /// Its number.
    pub seq: i64,
    /// When it was written.
    pub at: Timestamp,
    /// A word of [`super::Event::as_str`].
    pub event: String,
    /// The run.
    pub run_id: Option<String>,
    /// Who acted.
    pub actor: Option<RecordActor>,
    /// The target group.
    pub group: Option<RecordGroup>,
    /// The account.
    pub member: Option<RecordMember>,
    /// A word of [`crate::model::plan::Op::as_str`].
    pub op: Option<String>,
    /// A word of [`crate::model::plan::Reason::as_str`].
    pub reason: Option<String>,
    /// Of a change of a lead: who it was before; without an id, nobody.
    pub lead_before: Option<RecordLead>,
    /// Of a run that takes another one back: that one.
    pub undoes: Option<String>,
    /// The grants behind an addition.
    #[serde(default)]
    pub because: Vec<RecordGrant>,
    /// The directory entry that the change is about.
    pub entry: Option<RecordEntry>,
    /// A hold's id.
    pub hold: Option<String>,
    /// The approval that let it through.
    pub approval: Option<RecordApproval>,
    /// All approvals that it used up, that one among them, oldest first; none in records of older versions.
    #[serde(default)]
    pub approvals: Vec<RecordApproval>,
    /// The call.
    pub request: Option<RecordRequest>,
    /// A word of [`crate::model::run::ChangeResult::as_str`].
    pub result: Option<String>,
    /// What went wrong.
    pub error: Option<String>,
    /// Whether Hyperproof's answer, or a read afterwards, showed the change.
    pub read_back: Option<bool>,
    /// `seq` of the intent that an outcome is about.
    pub intent: Option<i64>,
    /// The run that found out what became of another run's intent.
    pub recovered_by: Option<String>,
    /// A word of [`crate::model::run::Outcome::as_str`].
    pub outcome: Option<String>,
    /// `observed`: whether `members` are all there are, in `of` records of which this is number `part`.
    #[serde(default)]
    pub baseline: bool,
    /// See `baseline`.
    pub part: Option<u32>,
    /// See `baseline`.
    pub of: Option<u32>,
    /// `observed`: all members, or some of them.
    #[serde(default)]
    pub members: Vec<RecordMember>,
    /// `observed`: who was added by somebody else.
    #[serde(default)]
    pub added: Vec<RecordMember>,
    /// `observed`: who was removed by somebody else.
    #[serde(default)]
    pub removed: Vec<RecordMember>,
    /// `observed`: when the group was looked at before.
    pub since: Option<Timestamp>,
    /// `observed`: why the group is looked at no more: `unmapped`, `gone` or `archived`.
    pub ended: Option<String>,
    /// The digest of the configuration.
    pub config_digest: Option<String>,
    /// The version of rosterd.
    pub version: Option<String>,
    /// The hash of the record before.
    pub prev: String,
}

impl AuditRecord {
    /// Reads a record; the error says what is wrong with it, for a person.
    pub fn parse(text: &str) -> Result<Self, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }
}

/// `actor`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RecordActor {
    /// The identity towards Hyperproof.
    pub service: String,
    /// The host.
    pub host: String,
    /// The login.
    pub operator: Option<String>,
}

/// `group`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RecordGroup {
    /// Hyperproof's id.
    pub id: Option<String>,
    /// The configured name.
    pub name: String,
}

/// `member`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RecordMember {
    /// The id that groups hold.
    pub user_id: String,
    /// The address.
    pub email: Option<String>,
}

/// `lead_before`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RecordLead {
    /// The id that groups hold.
    pub user_id: Option<String>,
}

/// One of `because`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RecordGrant {
    /// The source.
    pub source: String,
    /// The directory group that the mapping names.
    pub directory_group: String,
    /// The way through nested groups.
    pub path: Vec<String>,
}

/// `entry`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RecordEntry {
    /// The source.
    pub source: String,
    /// The person's immutable id, or key.
    pub id: String,
    /// Where it was found.
    pub origin: Option<String>,
}

/// `approval`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RecordApproval {
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
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RecordRequest {
    /// The method.
    pub method: String,
    /// The path.
    pub path: String,
    /// The status of the last answer.
    pub status: Option<u16>,
    /// How often it was sent.
    pub attempts: Option<u32>,
}
