//! What earlier runs were: their rows, and how each source was read last.

use jiff::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::audit::Actor;
use super::error::Fault;
use super::stored::{actor_of, big, count, counts_of, from_json, millis, time};
use crate::model::id::RunId;
use crate::model::plan::{Counts, SourceSummary};
use crate::model::run::{ChangeResult, Outcome};

const TABLE: &str = "run";

/// What became of a run's changes, counted as their outcomes were recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Intents.
    pub intents: u64,
    /// Outcomes `done`.
    pub done: u64,
    /// Outcomes `already_so`.
    pub already_so: u64,
    /// Outcomes `failed`.
    pub failed: u64,
    /// Outcomes `not_tried`.
    pub not_tried: u64,
}

impl Tally {
    /// Intents whose outcome is not known: more than 0 after a crash.
    pub fn open(&self) -> u64 {
        self.intents.saturating_sub(self.done + self.already_so + self.failed + self.not_tried)
    }

    /// Changes that the plan meant to make and to which the run did not come: nothing was announced for them.
    pub fn never_tried(&self, planned: &Counts) -> u64 {
        let meant = [planned.create, planned.add, planned.remove, planned.lead].into_iter().map(|count| count as u64);
        meant.sum::<u64>().saturating_sub(self.intents)
    }
}

/// A real run, as the state file has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRow {
    /// Its id.
    pub run: RunId,
    /// A word of [`crate::model::run::Trigger::as_str`].
    pub trigger: String,
    /// The run that it took back.
    pub undoes: Option<RunId>,
    /// The groups that it was limited to.
    pub partial: Option<Vec<String>>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended; none while it is under way, and after a crash.
    pub finished_at: Option<Timestamp>,
    /// What became of it.
    pub outcome: Option<Outcome>,
    /// The process exit code.
    pub exit: Option<u8>,
    /// What was planned.
    pub planned: Option<Counts>,
    /// Digest of its plan.
    pub plan_digest: Option<String>,
    /// What became of its changes.
    pub tally: Tally,
    /// Who acted.
    pub actor: Actor,
    /// Digest of its configuration.
    pub config_digest: String,
    /// The version of rosterd.
    pub version: String,
    /// The audit record with which it began.
    pub first_seq: i64,
    /// The audit record with which it ended.
    pub last_seq: Option<i64>,
}

/// How a source was read last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceRead {
    /// The source.
    pub source: String,
    /// `csv` or `ldap`.
    pub kind: String,
    /// When it was read last, by a real run.
    pub at: Timestamp,
    /// Whether that read was complete.
    pub complete: bool,
    /// The last complete read.
    pub complete_at: Option<Timestamp>,
    /// People read.
    pub people: u64,
    /// How it was read.
    pub evidence: String,
}

impl SourceRead {
    /// Whether the last run read it. Else it vouched that nothing changed, and was left unread: the times are
    /// those of the question.
    pub fn was_read(&self) -> bool {
        !self.evidence.starts_with("not read: ")
    }
}

impl Tally {
    /// Counts what became of an intent.
    pub(super) fn count(&mut self, result: &ChangeResult) {
        let counter = match result {
            ChangeResult::Done => &mut self.done,
            ChangeResult::AlreadySo => &mut self.already_so,
            ChangeResult::Failed(_) => &mut self.failed,
            // What waits or is only reported is never announced; if it was, it was not tried.
            ChangeResult::NotTried(_) | ChangeResult::Held | ChangeResult::Report => &mut self.not_tried,
        };
        *counter += 1;
    }
}

/// Adds what became of some of a run's changes.
pub(super) async fn add_tally(conn: &mut SqliteConnection, run: &RunId, tally: &Tally) -> Result<(), Fault> {
    sqlx::query(
        "UPDATE run SET intents = intents + $2, done = done + $3, already_so = already_so + $4, \
         failed = failed + $5, not_tried = not_tried + $6 WHERE id = $1",
    )
    .bind(run.as_str())
    .bind(big(tally.intents))
    .bind(big(tally.done))
    .bind(big(tally.already_so))
    .bind(big(tally.failed))
    .bind(big(tally.not_tried))
    .execute(conn)
    .await?;
    Ok(())
}

const LATEST: &str = "SELECT id, cause, partial, started_at, finished_at, outcome, exit_code, actor, config_digest, \
     version, plan_digest, planned, intents, done, already_so, failed, not_tried, first_seq, last_seq, undoes \
     FROM run ORDER BY first_seq DESC LIMIT $1";

const ONE: &str = "SELECT id, cause, partial, started_at, finished_at, outcome, exit_code, actor, config_digest, \
     version, plan_digest, planned, intents, done, already_so, failed, not_tried, first_seq, last_seq, undoes \
     FROM run WHERE id = $1";

/// The newest runs, newest first: by their place in the log. A clock may have been set back.
pub(super) async fn latest(conn: &mut SqliteConnection, limit: u32) -> Result<Vec<RunRow>, Fault> {
    let rows = sqlx::query(LATEST).bind(i64::from(limit)).fetch_all(conn).await?;
    rows.iter().map(decode).collect()
}

pub(super) async fn one(conn: &mut SqliteConnection, run: &RunId) -> Result<Option<RunRow>, Fault> {
    let row = sqlx::query(ONE).bind(run.as_str()).fetch_optional(conn).await?;
    row.as_ref().map(decode).transpose()
}

fn decode(row: &SqliteRow) -> Result<RunRow, Fault> {
    let id: String = row.try_get("id")?;
    let number = |column: &str| -> Result<u64, Fault> { count(TABLE, &id, row.try_get(column)?) };
    let optional = |column: &str| -> Result<Option<Timestamp>, Fault> {
        let at: Option<i64> = row.try_get(column)?;
        at.map(|at| time(TABLE, &id, at)).transpose()
    };
    let text = |column: &str| -> Result<Option<String>, Fault> { Ok(row.try_get(column)?) };
    let outcome =
        |word: String| Outcome::parse(&word).ok_or_else(|| Fault::row(TABLE, &id, format!("unknown outcome {word:?}")));
    let exit: Option<i64> = row.try_get("exit_code")?;
    let actor: String = row.try_get("actor")?;
    Ok(RunRow {
        trigger: row.try_get("cause")?,
        undoes: text("undoes")?.map(Into::into),
        partial: text("partial")?.map(|groups| from_json(TABLE, &id, &groups)).transpose()?,
        started_at: time(TABLE, &id, row.try_get("started_at")?)?,
        finished_at: optional("finished_at")?,
        outcome: text("outcome")?.map(outcome).transpose()?,
        exit: exit.map(u8::try_from).transpose().map_err(|error| Fault::row(TABLE, &id, error))?,
        planned: text("planned")?.map(|counts| counts_of(TABLE, &id, &counts)).transpose()?,
        plan_digest: text("plan_digest")?,
        tally: Tally {
            intents: number("intents")?,
            done: number("done")?,
            already_so: number("already_so")?,
            failed: number("failed")?,
            not_tried: number("not_tried")?,
        },
        actor: actor_of(TABLE, &id, &actor)?,
        config_digest: row.try_get("config_digest")?,
        version: row.try_get("version")?,
        first_seq: row.try_get("first_seq")?,
        last_seq: row.try_get("last_seq")?,
        run: id.into(),
    })
}

type SourceColumns = (String, String, i64, i64, Option<i64>, i64, String);

/// How each source was read last, by name.
pub(super) async fn sources(conn: &mut SqliteConnection) -> Result<Vec<SourceRead>, Fault> {
    const TABLE: &str = "source_read";
    let rows: Vec<SourceColumns> = sqlx::query_as(
        "SELECT source, kind, at, complete, complete_at, people, evidence FROM source_read ORDER BY source",
    )
    .fetch_all(conn)
    .await?;
    let read = |(source, kind, at, complete, complete_at, people, evidence): SourceColumns| {
        Ok(SourceRead {
            kind,
            at: time(TABLE, &source, at)?,
            complete: complete != 0,
            complete_at: complete_at.map(|at| time(TABLE, &source, at)).transpose()?,
            people: count(TABLE, &source, people)?,
            evidence,
            source,
        })
    };
    rows.into_iter().map(read).collect()
}

/// Remembers how a source was read just now.
pub(super) async fn note_source(
    conn: &mut SqliteConnection,
    source: &SourceSummary,
    at: Timestamp,
) -> Result<(), Fault> {
    sqlx::query(
        "INSERT INTO source_read (source, kind, at, complete, complete_at, people, evidence) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) \
         ON CONFLICT (source) DO UPDATE SET kind = excluded.kind, at = excluded.at, complete = excluded.complete, \
         complete_at = COALESCE(excluded.complete_at, source_read.complete_at), \
         people = excluded.people, evidence = excluded.evidence",
    )
    .bind(source.name.as_str())
    .bind(source.kind)
    .bind(millis(at))
    .bind(i64::from(source.complete))
    .bind(source.complete.then(|| millis(at)))
    .bind(big(source.people as u64))
    .bind(&source.evidence)
    .execute(conn)
    .await?;
    Ok(())
}
