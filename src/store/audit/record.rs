//! Building audit records. The fields and their names are frozen (`rosterd.audit/1`); new ones may be
//! added, and none changes its meaning.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::canonical::Json;
use crate::model::desired::Grant;
use crate::model::hold::Approval;
use crate::model::id::RunId;
use crate::model::plan::{ChangeKey, PlanDigest};

/// The format of a record.
pub const FORMAT: &str = "rosterd.audit/1";

/// What a record is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Event {
    /// A real run began.
    RunStarted,
    /// It ended; with what it read, counts and outcome.
    RunFinished,
    /// A call is about to be made for a change.
    Intent,
    /// What became of an intent.
    Outcome,
    /// Members of a group as a run found them: all of them, or what somebody else changed.
    Observed,
    /// The guard holds something that it did not hold before.
    Hold,
    /// A person let a hold through.
    Approval,
    /// The configuration differs from that of the last run.
    ConfigChanged,
    /// The log's head was signed or written elsewhere.
    Checkpoint,
    /// Old records were moved to an archive.
    Archived,
    /// An evidence pack was written.
    Exported,
}

impl Event {
    /// Every event.
    pub const ALL: [Event; 11] = [
        Event::RunStarted,
        Event::RunFinished,
        Event::Intent,
        Event::Outcome,
        Event::Observed,
        Event::Hold,
        Event::Approval,
        Event::ConfigChanged,
        Event::Checkpoint,
        Event::Archived,
        Event::Exported,
    ];

    /// The word of the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RunStarted => "run_started",
            Self::RunFinished => "run_finished",
            Self::Intent => "intent",
            Self::Outcome => "outcome",
            Self::Observed => "observed",
            Self::Hold => "hold",
            Self::Approval => "approval",
            Self::ConfigChanged => "config_changed",
            Self::Checkpoint => "checkpoint",
            Self::Archived => "archived",
            Self::Exported => "exported",
        }
    }

    /// The event that a word of [`Event::as_str`] means.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|event| event.as_str() == word)
    }
}

/// Who acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The identity towards Hyperproof: the `client_id`.
    pub service: String,
    /// The host.
    pub host: String,
    /// The operating-system login that set it off.
    pub operator: Option<String>,
}

impl Actor {
    pub(crate) fn json(&self) -> Json {
        Json::object([
            ("service", Some(self.service.as_str().into())),
            ("host", Some(self.host.as_str().into())),
            ("operator", self.operator.as_deref().map(Json::from)),
        ])
    }
}

/// A call to Hyperproof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// `POST`, `PUT`, `PATCH`.
    pub method: String,
    /// The path, without host and query.
    pub path: String,
    /// The status of the last answer; none before the call, and where no answer came.
    pub status: Option<u16>,
    /// How often it was sent; 0 before the call.
    pub attempts: u32,
}

impl Request {
    pub(crate) fn json(&self) -> Json {
        Json::object([
            ("method", Some(self.method.as_str().into())),
            ("path", Some(self.path.as_str().into())),
            ("status", self.status.map(|status| Json::from(i64::from(status)))),
            ("attempts", (self.attempts > 0).then(|| Json::from(i64::from(self.attempts)))),
        ])
    }
}

/// What all records of a run have in common.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    pub(crate) run: RunId,
    pub(crate) actor: Json,
    pub(crate) config_digest: String,
    pub(crate) version: String,
}

/// A record that has not got its place in the chain yet.
#[derive(Debug, Clone)]
pub(crate) struct Record(BTreeMap<String, Json>);

impl Record {
    /// A record outside a run.
    pub(crate) fn new(event: Event, at: Timestamp) -> Self {
        Self(BTreeMap::new()).with("format", FORMAT).with("event", event.as_str()).with("at", time(at))
    }

    /// A record of a run.
    pub(crate) fn of_run(event: Event, at: Timestamp, frame: &Frame) -> Self {
        Self::new(event, at)
            .with("run_id", frame.run.as_str())
            .with("actor", frame.actor.clone())
            .with("config_digest", frame.config_digest.as_str())
            .with("version", frame.version.as_str())
    }

    /// Adds a field.
    pub(crate) fn with(mut self, name: &str, value: impl Into<Json>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    /// Adds a field that may be absent.
    pub(crate) fn maybe(self, name: &str, value: Option<impl Into<Json>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// What it says so far.
    pub(crate) fn fields(&self) -> &BTreeMap<String, Json> {
        &self.0
    }

    /// The record's bytes at its place in the chain.
    pub(crate) fn placed(self, seq: i64, prev: &str) -> String {
        let record = self.with("seq", seq).with("prev", prev);
        Json::Object(record.0).canonical()
    }
}

/// RFC 3339 in UTC with milliseconds.
pub(crate) fn time(at: Timestamp) -> String {
    let at = Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at);
    format!("{at:.3}")
}

/// `group`.
pub(crate) fn group(id: Option<&str>, name: &str) -> Json {
    Json::object([("id", id.map(Json::from)), ("name", Some(name.into()))])
}

/// `member`; absent where the change is about none.
pub(crate) fn member(account: Option<&str>, email: Option<&str>) -> Option<Json> {
    account.map(|id| Json::object([("user_id", Some(id.into())), ("email", email.map(Json::from))]))
}

/// `because`; absent where there is no grant.
pub(crate) fn because(grants: &[Grant]) -> Option<Json> {
    let grant = |grant: &Grant| {
        let path = grant.path.iter().map(|name| Json::from(&**name)).collect();
        Json::object([
            ("source", Some(grant.source.as_str().into())),
            ("directory_group", Some((&*grant.directory_group).into())),
            ("path", Some(Json::List(path))),
        ])
    };
    (!grants.is_empty()).then(|| Json::List(grants.iter().map(grant).collect()))
}

/// `approval`.
pub(crate) fn approval(approval: &Approval) -> Json {
    Json::object([
        ("number", Some(approval.number.into())),
        ("by", Some(approval.by.as_str().into())),
        ("login", Some(approval.login.as_str().into())),
        ("reason", Some(approval.reason.as_str().into())),
        ("ticket", approval.ticket.as_deref().map(Json::from)),
        ("expires", Some(time(approval.expires).into())),
    ])
}

/// How many changes, and the digest of exactly those.
pub(crate) fn changes(changes: &BTreeSet<ChangeKey>) -> Json {
    Json::object([("count", Some(changes.len().into())), ("digest", Some(PlanDigest::of(changes).as_str().into()))])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_milliseconds() {
        let at = Timestamp::from_nanosecond(1_763_787_600_000_999_999).expect("a time in range");
        assert_eq!(time(at), "2025-11-22T05:00:00.000Z");
    }

    #[test]
    fn a_record_is_canonical_and_leaves_out_what_is_absent() {
        let at = Timestamp::from_millisecond(0).expect("a time in range");
        let record = Record::new(Event::Hold, at).maybe("result", None::<&str>).with("hold", "h-1");
        assert_eq!(
            record.placed(7, "00"),
            r#"{"at":"1970-01-01T00:00:00.000Z","event":"hold","format":"rosterd.audit/1","hold":"h-1","prev":"00","seq":7}"#
        );
    }
}
