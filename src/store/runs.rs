//! Real runs: begun and finished, each with its records in the log and its row.

use std::collections::BTreeSet;

use jiff::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::audit::canonical::Json;
use super::audit::chain::Chain;
use super::audit::record::{Frame, Record};
use super::audit::{Actor, Event};
use super::error::Fault;
use super::learned::{self, FullRun};
use super::stored::{actor_of, actor_to_json, big, count, counts_of, counts_to_json, from_json, millis, time, to_json};
use super::{approvals, documents, holds, settings};
use crate::model::id::{GroupName, RunId};
use crate::model::plan::{Counts, SourceSummary};
use crate::model::run::{Outcome, Trigger};

const TABLE: &str = "run";

/// A run as it begins.
#[derive(Debug, Clone)]
pub struct RunStart {
    /// Its id.
    pub run: RunId,
    /// What set it off.
    pub trigger: Trigger,
    /// When.
    pub at: Timestamp,
    /// Who acts.
    pub actor: Actor,
    /// Digest of the checked configuration.
    pub config_digest: String,
    /// The version of rosterd.
    pub version: String,
    /// The groups that it is limited to (`--group`); none for a run over all.
    pub partial: Option<BTreeSet<GroupName>>,
}

/// A run as it ended.
#[derive(Debug, Clone)]
pub struct RunFinish {
    /// Its id.
    pub run: RunId,
    /// When it ended.
    pub at: Timestamp,
    /// What became of it.
    pub outcome: Outcome,
    /// The process exit code.
    pub exit: u8,
    /// What was planned; none where it did not come to a plan.
    pub planned: Option<Counts>,
    /// Calls that were made: GETs, and calls that write.
    pub calls: Calls,
    /// The sources as they were read.
    pub sources: Vec<SourceSummary>,
    /// What ended it before its time.
    pub error: Option<String>,
    /// The printed document (`rosterd.run/1`).
    pub document: Option<String>,
    /// Hyperproof said to wait until then; none forgets an earlier time.
    pub throttled_until: Option<Timestamp>,
}

/// Calls to Hyperproof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Calls {
    /// GETs.
    pub read: u32,
    /// All others.
    pub write: u32,
}

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
}

/// A real run, as the state file has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRow {
    /// Its id.
    pub run: RunId,
    /// A word of [`Trigger::as_str`].
    pub trigger: String,
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

pub(super) async fn begin(conn: &mut SqliteConnection, start: &RunStart) -> Result<(), Fault> {
    let before = settings::config_digest(conn).await?;
    let frame = Frame {
        run: start.run.clone(),
        actor: start.actor.json(),
        config_digest: start.config_digest.clone(),
        version: start.version.clone(),
    };
    let groups = start.partial.as_ref().map(names);
    let mut chain = Chain::read(conn).await?;
    let started = Record::of_run(Event::RunStarted, start.at, &frame)
        .with("trigger", start.trigger.as_str())
        .maybe("groups", groups);
    let first_seq = chain.append(conn, started).await?;
    if let Some(before) = before.filter(|before| *before != start.config_digest) {
        let changed = Record::of_run(Event::ConfigChanged, start.at, &frame).with("config_digest_before", before);
        chain.append(conn, changed).await?;
    }
    settings::remember_config(conn, &start.config_digest).await?;
    insert(conn, start, first_seq).await
}

fn names(groups: &BTreeSet<GroupName>) -> Json {
    Json::List(groups.iter().map(|group| group.as_str().into()).collect())
}

async fn insert(conn: &mut SqliteConnection, start: &RunStart, first_seq: i64) -> Result<(), Fault> {
    let partial = match &start.partial {
        Some(groups) => Some(to_json(&groups.iter().map(GroupName::as_str).collect::<Vec<_>>())?),
        None => None,
    };
    sqlx::query(
        "INSERT INTO run (id, cause, partial, started_at, actor, config_digest, version, first_seq) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(start.run.as_str())
    .bind(start.trigger.as_str())
    .bind(partial)
    .bind(millis(start.at))
    .bind(actor_to_json(&start.actor)?)
    .bind(&start.config_digest)
    .bind(&start.version)
    .bind(first_seq)
    .execute(conn)
    .await?;
    Ok(())
}

/// What all records of a run that was begun have in common.
pub(super) async fn frame(conn: &mut SqliteConnection, run: &RunId) -> Result<Frame, Fault> {
    let row: Option<(String, String, String)> =
        sqlx::query_as("SELECT actor, config_digest, version FROM run WHERE id = $1")
            .bind(run.as_str())
            .fetch_optional(conn)
            .await?;
    let (actor, config_digest, version) = row.ok_or_else(|| Fault::UnknownRun(run.to_string()))?;
    Ok(Frame { run: run.clone(), actor: actor_of(TABLE, run.as_str(), &actor)?.json(), config_digest, version })
}

pub(super) async fn finish(
    conn: &mut SqliteConnection,
    finish: &RunFinish,
    full: Option<&FullRun>,
) -> Result<(), Fault> {
    let frame = frame(conn, &finish.run).await?;
    let row = one(conn, &finish.run).await?.ok_or_else(|| Fault::UnknownRun(finish.run.to_string()))?;
    if let Some(full) = full {
        let written = learned::store(conn, full).await?;
        tracing::debug!(rows = written, "replaced what the last full run learned");
        approvals::accept_missing(conn, &full.learned.accepted_missing).await?;
    }
    holds::close_passed(conn, finish.at).await?;
    settings::set_throttled_until(conn, finish.throttled_until).await?;
    for source in &finish.sources {
        note_source(conn, source, finish.at).await?;
    }
    if let Some(document) = &finish.document {
        documents::keep(conn, &finish.run, documents::RUN, finish.at, document).await?;
    }
    let mut chain = Chain::read(conn).await?;
    let last_seq = chain.append(conn, finished(finish, &frame, &row)).await?;
    chain.mark_head(conn, millis(finish.at)).await?;
    sqlx::query(
        "UPDATE run SET finished_at = $2, outcome = $3, exit_code = $4, planned = $5, last_seq = $6 WHERE id = $1",
    )
    .bind(finish.run.as_str())
    .bind(millis(finish.at))
    .bind(finish.outcome.as_str())
    .bind(i64::from(finish.exit))
    .bind(finish.planned.as_ref().map(counts_to_json).transpose()?)
    .bind(last_seq)
    .execute(conn)
    .await?;
    Ok(())
}

fn finished(finish: &RunFinish, frame: &Frame, row: &RunRow) -> Record {
    let sources = finish.sources.iter().map(|source| {
        Json::object([
            ("name", Some(source.name.as_str().into())),
            ("kind", Some(source.kind.into())),
            ("complete", Some(source.complete.into())),
            ("people", Some(source.people.into())),
            ("evidence", Some(source.evidence.as_str().into())),
        ])
    });
    Record::of_run(Event::RunFinished, finish.at, frame)
        .with("outcome", finish.outcome.as_str())
        .with("exit", i64::from(finish.exit))
        .maybe("error", finish.error.as_deref())
        .maybe("plan_digest", row.plan_digest.as_deref())
        .maybe("planned", finish.planned.as_ref().map(counts_record))
        .with("actual", tally_record(&row.tally))
        .with(
            "calls",
            Json::object([
                ("read", Some(i64::from(finish.calls.read).into())),
                ("write", Some(i64::from(finish.calls.write).into())),
            ]),
        )
        .with("sources", Json::List(sources.collect()))
}

fn counts_record(counts: &Counts) -> Json {
    Json::object([
        ("create", Some(counts.create.into())),
        ("add", Some(counts.add.into())),
        ("remove", Some(counts.remove.into())),
        ("lead", Some(counts.lead.into())),
        ("held", Some(counts.held.into())),
        ("report", Some(counts.report.into())),
        ("skipped", Some(counts.skipped.into())),
    ])
}

fn tally_record(tally: &Tally) -> Json {
    Json::object([
        ("intents", Some(tally.intents.into())),
        ("done", Some(tally.done.into())),
        ("already_so", Some(tally.already_so.into())),
        ("failed", Some(tally.failed.into())),
        ("not_tried", Some(tally.not_tried.into())),
    ])
}

async fn note_source(conn: &mut SqliteConnection, source: &SourceSummary, at: Timestamp) -> Result<(), Fault> {
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

const LATEST: &str = "SELECT id, cause, partial, started_at, finished_at, outcome, exit_code, actor, config_digest, \
     version, plan_digest, planned, intents, done, already_so, failed, not_tried, first_seq, last_seq \
     FROM run ORDER BY started_at DESC, id DESC LIMIT $1";

const ONE: &str = "SELECT id, cause, partial, started_at, finished_at, outcome, exit_code, actor, config_digest, \
     version, plan_digest, planned, intents, done, already_so, failed, not_tried, first_seq, last_seq \
     FROM run WHERE id = $1";

/// The newest runs, newest first.
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
