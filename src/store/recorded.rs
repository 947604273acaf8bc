//! Approvals count where the log tells of them, word for word, and as far as it does not tell that they were used or
//! ended: the rows beside it can be written by whoever can write the file, and then a name would stand under changes
//! whose bearer never said a word, or said it once and for something else.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::TryStreamExt;
use jiff::Timestamp;
use sqlx::SqliteConnection;

use super::archive;
use super::audit::Event;
use super::audit::canonical::Json;
use super::audit::record;
use super::audit::walk::{Fields, text};
use super::error::Fault;
use super::given::{self, Given};
use super::stored::{key_of, millis};
use crate::model::hold::Approval;
use crate::model::id::RunId;
use crate::model::plan::ChangeKey;
use crate::model::run::ChangeResult;

/// What stands in every record that tells of an approval, and in few others: fields and an event that begin so.
pub(super) const MARK: &str = "\"approval";

/// Fields of a run's end: approvals that end with it, and those whose missing directory group was accepted as empty.
pub(super) const ENDED: &str = "approvals_ended";
pub(super) const ACCEPTED: &str = "approvals_accepted";

/// Where the log was when an approval was given: at the end of the run before it, or later.
const BEFORE: &str = "SELECT last_seq FROM run WHERE started_at <= $1 AND finished_at <= $1 \
     ORDER BY started_at DESC, id DESC LIMIT 1";

const SINCE: &str = "SELECT record FROM audit WHERE seq > $1 AND instr(record, $2) > 0 ORDER BY seq";

/// What keeps an approval from counting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Denial {
    /// No record tells of an approval with these terms and changes.
    Unknown,
    /// The log tells of its use, or of its end, and the row tells otherwise.
    Otherwise,
}

impl Denial {
    /// Behind "approval 7".
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "is not in the log, as the state has it",
            Self::Otherwise => "was used or ended, by the log, otherwise than the state has it",
        }
    }
}

/// What the log tells of approvals: records may be taken in any order, and more than once.
#[derive(Debug, Default)]
pub(crate) struct Recorded {
    /// Their records, by the approval's number.
    given: BTreeMap<i64, BTreeMap<i64, Fields>>,
    /// Outcomes by which a change passed that a person had let through.
    passed: BTreeMap<ChangeKey, BTreeSet<i64>>,
    /// Ends of runs, by the number of the approval that ended.
    ended: BTreeMap<i64, BTreeSet<i64>>,
    /// The same of those whose missing directory group was accepted.
    accepted: BTreeMap<i64, BTreeSet<i64>>,
}

impl Recorded {
    /// What the log tells of these approvals: it is read from the oldest of them on.
    pub(super) async fn of(conn: &mut SqliteConnection, approvals: &[Given]) -> Result<Self, Fault> {
        let mut recorded = Self::default();
        let Some(oldest) = approvals.iter().map(|given| given.approval().at).min() else { return Ok(recorded) };
        let before: Option<Option<i64>> =
            sqlx::query_scalar(BEFORE).bind(millis(oldest)).fetch_optional(&mut *conn).await?;
        let before = before.flatten().unwrap_or(0);
        recorded.read(conn, before).await?;
        // A clock that was set back puts one before its time.
        if before > 0 && approvals.iter().any(|given| recorded.place(given).is_none()) {
            recorded.read(conn, 0).await?;
        }
        if let Err((file, error)) = recorded.unpack(conn, approvals).await? {
            tracing::warn!(file, %error, "an archive that may have an approval cannot be read");
        }
        Ok(recorded)
    }

    /// Takes the state's own records behind a number.
    async fn read(&mut self, conn: &mut SqliteConnection, after: i64) -> Result<(), Fault> {
        let mut records = sqlx::query_scalar::<_, String>(SINCE).bind(after).bind(MARK).fetch(conn);
        while let Some(text) = records.try_next().await? {
            if let Some(Json::Object(fields)) = Json::parse(&text) {
                self.take(&fields);
            }
        }
        Ok(())
    }

    /// Takes the records of archives that may have those of approvals that were not found, from the newest on and as far
    /// as they can be read: of an approval that is found, no later record is missing then.
    async fn unpack(&mut self, conn: &mut SqliteConnection, approvals: &[Given]) -> Result<Unpacked, Fault> {
        // By its time; or in another, since a clock that was set back puts a record before its time.
        for from in [None, Some(Timestamp::MIN)] {
            let unplaced = approvals.iter().filter(|given| self.place(given).is_none());
            let Some(oldest) = unplaced.map(|given| given.approval().at).min() else { break };
            let read = archive::approvals(conn, from.unwrap_or(oldest), |fields| self.take(fields)).await?;
            if !matches!(read, Ok(true)) {
                return Ok(read);
            }
        }
        Ok(Ok(true))
    }

    /// Takes a record.
    pub(crate) fn take(&mut self, fields: &Fields) {
        let Some(Json::Int(seq)) = fields.get("seq") else { return };
        match text(fields, "event").and_then(Event::parse) {
            Some(Event::Approval) => {
                if let Some(number) = fields.get("approval").and_then(number) {
                    self.given.entry(number).or_default().insert(*seq, fields.clone());
                }
            }
            Some(Event::Outcome) if fields.contains_key("approval") => {
                if let Some(change) = passed(fields) {
                    self.passed.entry(change).or_default().insert(*seq);
                }
            }
            Some(Event::RunFinished) => {
                for (field, told) in [(ENDED, &mut self.ended), (ACCEPTED, &mut self.accepted)] {
                    if let Some(Json::List(list)) = fields.get(field) {
                        list.iter()
                            .filter_map(number)
                            .for_each(|number| _ = told.entry(number).or_default().insert(*seq));
                    }
                }
            }
            _ => {}
        }
    }

    /// The record of just this approval of just these changes.
    pub(super) fn place(&self, given: &Given) -> Option<i64> {
        let approval = given.approval();
        let wanted = terms(approval, given.changes());
        let tells = |fields: &Fields| {
            wanted.iter().all(|(name, value)| fields.get(*name) == Some(value))
                && text(fields, "undoes") == approval.undoes.as_ref().map(RunId::as_str)
        };
        let records = self.given.get(&approval.number)?;
        records.iter().rev().find(|(_, fields)| tells(fields)).map(|(seq, _)| *seq)
    }

    /// Compares an approval with what the log tells of it.
    pub(super) fn judge(&self, given: &Given) -> Result<(), Denial> {
        let place = self.place(given).ok_or(Denial::Unknown)?;
        let first = |told: Option<&BTreeSet<i64>>| told.and_then(|told| told.range(place..).next().copied());
        let number = given.approval().number;
        let accepted = match first(self.accepted.get(&number)) {
            Some(seq) => given.accepted() == seq,
            // The log of earlier versions does not tell; they wrote 1.
            None => (0..=1).contains(&given.accepted()),
        };
        let passed = given.all().iter().all(|(change, passed)| first(self.passed.get(change)) == *passed);
        match accepted && passed && first(self.ended.get(&number)) == given.ended() {
            true => Ok(()),
            false => Err(Denial::Otherwise),
        }
    }

    /// What the state has of approvals beside the log, and the log tells otherwise, once all of the state's own records
    /// were taken; `archived_at`: when old ones were archived last, and with them approvals forgotten that were over.
    pub(crate) async fn contradicted(
        &mut self,
        conn: &mut SqliteConnection,
        archived_at: Option<&str>,
    ) -> Result<Option<String>, Fault> {
        let given = match given::all(conn).await {
            Err(Fault::DamagedRow { .. } | Fault::Damaged(_)) => {
                return Ok(Some("a row of approvals cannot be read".to_owned()));
            }
            given => given?,
        };
        let all_read = self.unpack(conn, &given).await?.is_ok();
        for one in &given {
            match self.judge(one) {
                Ok(()) => {}
                // An archive that is away may have it.
                Err(Denial::Unknown) if !all_read => {}
                Err(denial) => return Ok(Some(format!("approval {} {}", one.approval().number, denial.as_str()))),
            }
        }
        let known: BTreeSet<i64> = given.iter().map(|one| one.approval().number).collect();
        let lasts = |fields: &Fields| match fields.get("approval") {
            Some(Json::Object(approval)) => text(approval, "expires") > archived_at,
            _ => false,
        };
        let gone = self.given.iter().find(|(number, told)| !known.contains(number) && told.values().any(lasts));
        Ok(gone.map(|(number, _)| format!("approval {number} is in the log, and no longer beside it")))
    }
}

/// Whether there was an archive to read; or which could not be, and why not.
pub(super) type Unpacked = Result<bool, (String, std::io::Error)>;

/// What the record of an approval says of it.
fn terms(approval: &Approval, changes: BTreeSet<ChangeKey>) -> [(&'static str, Json); 7] {
    [
        ("event", Event::Approval.as_str().into()),
        ("at", record::time(approval.at).into()),
        ("hold", approval.hold.as_str().into()),
        ("rule", approval.rule.as_str().into()),
        ("scope", approval.scope.as_str().into()),
        ("approval", record::approval(approval)),
        ("changes", record::changes(&changes)),
    ]
}

fn number(approval: &Json) -> Option<i64> {
    match approval {
        Json::Object(approval) => match approval.get("number") {
            Some(Json::Int(number)) => Some(*number),
            _ => None,
        },
        _ => None,
    }
}

/// The change that passed by an outcome.
fn passed(outcome: &Fields) -> Option<ChangeKey> {
    let result = text(outcome, "result")?;
    if ![ChangeResult::Done.as_str(), ChangeResult::AlreadySo.as_str()].contains(&result) {
        return None;
    }
    let Some(Json::Object(group)) = outcome.get("group") else { return None };
    let account = match outcome.get("member") {
        Some(Json::Object(member)) => text(member, "user_id")?,
        _ => "",
    };
    key_of("audit", "", (text(outcome, "op")?, text(group, "name")?, account)).ok()
}
