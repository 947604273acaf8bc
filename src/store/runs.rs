//! Real runs: begun and finished, each with its records in the log and its row.

use std::collections::BTreeSet;

use jiff::Timestamp;
use sqlx::SqliteConnection;

use super::audit::canonical::Json;
use super::audit::chain::Chain;
use super::audit::evidence;
use super::audit::record::{self, Frame, Record};
use super::audit::{Actor, Event};
use super::error::Fault;
use super::history::{self, RunRow, Tally};
use super::learned::{self, FullRun};
use super::stored::{actor_of, actor_to_json, counts_to_json, millis, to_json};
use super::{documents, given, holds, recorded, settings};
use crate::model::id::{GroupName, RunId};
use crate::model::plan::{Counts, SourceSummary};
use crate::model::run::{Outcome, Trigger};
use crate::signing::SigningKey;

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
    /// The run that it takes back.
    pub undoes: Option<RunId>,
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
    /// Seal of Hyperproof's answers, where the run found in them what the run before left, and wrote nothing.
    pub answers: Option<String>,
}

/// Calls to Hyperproof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Calls {
    /// GETs.
    pub read: u32,
    /// All others.
    pub write: u32,
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
        .maybe("undoes", start.undoes.as_ref().map(RunId::as_str))
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
        "INSERT INTO run (id, cause, partial, started_at, actor, config_digest, version, first_seq, undoes) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(start.run.as_str())
    .bind(start.trigger.as_str())
    .bind(partial)
    .bind(millis(start.at))
    .bind(actor_to_json(&start.actor)?)
    .bind(&start.config_digest)
    .bind(&start.version)
    .bind(first_seq)
    .bind(start.undoes.as_ref().map(RunId::as_str))
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
    key: Option<&SigningKey>,
) -> Result<(), Fault> {
    let frame = frame(conn, &finish.run).await?;
    let row = history::one(conn, &finish.run).await?.ok_or_else(|| Fault::UnknownRun(finish.run.to_string()))?;
    if let Some(full) = full {
        let written = learned::store(conn, full).await?;
        tracing::debug!(rows = written, "replaced what the last full run learned");
    }
    settings::set_throttled_until(conn, finish.throttled_until, finish.at).await?;
    // Those of an earlier run are of no use any more: they stand for it alone.
    if let Some(answers) = &finish.answers {
        settings::remember_answers(conn, &finish.run, answers).await?;
    }
    for source in &finish.sources {
        history::note_source(conn, source, finish.at).await?;
    }
    if let Some(document) = &finish.document {
        documents::keep(conn, &finish.run, documents::RUN, finish.at, document).await?;
    }
    let mut chain = Chain::read(conn).await?;
    let ended = full.map_or(&[][..], |full| &full.ended);
    let accepted = match full {
        Some(full) => given::of_accepted(conn, &full.learned.accepted_missing, finish.at).await?,
        None => Vec::new(),
    };
    let record = finished(finish, &frame, &row)
        .maybe(recorded::ENDED, approvals_record(conn, ended).await?)
        .maybe(recorded::ACCEPTED, approvals_record(conn, &accepted).await?);
    let mut last_seq = chain.append(conn, record).await?;
    given::end(conn, ended, last_seq).await?;
    given::accept(conn, &accepted, last_seq).await?;
    holds::close_passed(conn, finish.at).await?;
    if let Some(key) = key {
        warn_of_first(conn, &finish.run).await?;
        let organisation = settings::organisation(conn).await?;
        let record = Record::of_run(Event::Checkpoint, finish.at, &frame);
        last_seq = chain.append_checkpoint(conn, record, organisation.as_deref(), key).await?;
    }
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

/// Tells when the first signature of a log is made over what earlier runs left: it proves nothing of them.
async fn warn_of_first(conn: &mut SqliteConnection, run: &RunId) -> Result<(), Fault> {
    let began: i64 =
        sqlx::query_scalar("SELECT first_seq FROM run WHERE id = $1").bind(run.as_str()).fetch_one(&mut *conn).await?;
    // As a rule the record before this run is the checkpoint of the last one, or one a few records before it.
    let signed: Option<i64> = sqlx::query_scalar(
        "SELECT seq FROM audit WHERE seq < $1 AND record LIKE '%\"event\":\"checkpoint\"%' ORDER BY seq DESC LIMIT 1",
    )
    .bind(began)
    .fetch_optional(&mut *conn)
    .await?;
    if signed.is_some() {
        return Ok(());
    }
    let runs: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM audit WHERE seq < $1 AND record LIKE '%\"event\":\"run_finished\"%'")
            .bind(began)
            .fetch_one(conn)
            .await?;
    if runs > 0 {
        tracing::warn!(
            runs,
            help = "if the key was in use before, somebody took its checkpoints out of the log: compare it with the \
                    checkpoint file and a backup",
            "the first signature of this log is made over earlier runs, which nobody signed"
        );
    }
    Ok(())
}

/// Approvals by number and hold; absent where there is none.
async fn approvals_record(conn: &mut SqliteConnection, numbers: &[i64]) -> Result<Option<Json>, Fault> {
    let mut list = Vec::with_capacity(numbers.len());
    for number in numbers {
        let terms = given::terms(conn, *number).await?;
        list.push(Json::object([("number", Some((*number).into())), ("hold", Some(terms.hold.as_str().into()))]));
    }
    Ok((!list.is_empty()).then_some(Json::List(list)))
}

fn finished(finish: &RunFinish, frame: &Frame, row: &RunRow) -> Record {
    let sources = finish.sources.iter().map(|source| {
        Json::object([
            ("name", Some(source.name.as_str().into())),
            ("kind", Some(source.kind.into())),
            ("complete", Some(source.complete.into())),
            ("people", Some(source.people.into())),
            ("evidence", Some(source.evidence.as_str().into())),
            ("read", evidence::read(source)),
            ("unchanged_since", source.unchanged_since.map(|since| record::time(since).into())),
        ])
    });
    let never_tried = finish.planned.as_ref().map(|planned| row.tally.never_tried(planned)).filter(|count| *count > 0);
    Record::of_run(Event::RunFinished, finish.at, frame)
        .with("outcome", finish.outcome.as_str())
        .with("exit", i64::from(finish.exit))
        .maybe("error", finish.error.as_deref())
        .maybe("plan_digest", row.plan_digest.as_deref())
        .maybe("planned", finish.planned.as_ref().map(counts_record))
        .with("actual", tally_record(&row.tally))
        .maybe("never_tried", never_tried)
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
