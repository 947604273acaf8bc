//! Intents before a call and outcomes after it, with what a success means for the state, in one
//! transaction: what the log says and what the state believes cannot part.

use jiff::Timestamp;
use sqlx::SqliteConnection;

use super::audit::canonical::Json;
use super::audit::chain::Chain;
use super::audit::evidence;
use super::audit::record::{self, Frame, Record};
use super::audit::{Event, Request};
use super::error::Fault;
use super::stored::{key_columns, key_of};
use super::{effects, given, runs};
use crate::model::desired::Grant;
use crate::model::evidence::Ground;
use crate::model::id::{GroupId, RunId};
use crate::model::plan::{ChangeKey, Entry, Reason};
use crate::model::run::ChangeResult;
use crate::model::undo::LeadBefore;

/// A change that is about to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// Group, kind and account.
    pub change: ChangeKey,
    /// The group's id; none for a group that is yet to be created.
    pub group_id: Option<GroupId>,
    /// The account's address.
    pub email: Option<String>,
    /// Why.
    pub reason: Reason,
    /// The grants behind an addition.
    pub because: Vec<Grant>,
    /// The directory's entry for the person, where there is one.
    pub entry: Option<Entry>,
    /// What a removal rests on: the directory groups that could grant the membership, sorted.
    pub grounds: Vec<Ground>,
    /// For a change of a lead, and a group that is made: who leads it before.
    pub lead_before: LeadBefore,
    /// The number of the approval that lets it through.
    pub approval: Option<i64>,
    /// The call that will make it.
    pub request: Request,
}

/// An intent whose outcome is not known: the process died, or the call is under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenIntent {
    /// Its audit record.
    pub seq: i64,
    /// The run that announced it.
    pub run: RunId,
    /// Group, kind and account.
    pub change: ChangeKey,
    /// The group's id.
    pub group_id: Option<GroupId>,
    /// The account's address.
    pub email: Option<String>,
    /// The approval that let it through.
    pub approval: Option<i64>,
}

/// What became of an intent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutcomeRecord {
    /// The intent's audit record.
    pub intent: i64,
    /// The group's id, where the call told it (a group that was created).
    pub group_id: Option<GroupId>,
    /// What became of it.
    pub result: ChangeResult,
    /// Whether Hyperproof's answer, or a read afterwards, showed the change; none where nobody looked.
    pub read_back: Option<bool>,
    /// The call, with status and attempts; none where none was made for it any more.
    pub request: Option<Request>,
}

pub(super) async fn record_intents(
    conn: &mut SqliteConnection,
    run: &RunId,
    at: Timestamp,
    intents: &[Intent],
) -> Result<Vec<i64>, Fault> {
    let frame = runs::frame(conn, run).await?;
    let mut chain = Chain::read(conn).await?;
    let mut seqs = Vec::with_capacity(intents.len());
    for intent in intents {
        let record = intent_record(conn, &frame, at, intent).await?;
        let seq = chain.append(conn, record).await?;
        open(conn, run, seq, intent).await?;
        seqs.push(seq);
    }
    sqlx::query("UPDATE run SET intents = intents + $2 WHERE id = $1")
        .bind(run.as_str())
        .bind(i64::try_from(intents.len()).unwrap_or(i64::MAX))
        .execute(conn)
        .await?;
    Ok(seqs)
}

async fn intent_record(
    conn: &mut SqliteConnection,
    frame: &Frame,
    at: Timestamp,
    intent: &Intent,
) -> Result<Record, Fault> {
    let approval = match intent.approval {
        Some(number) => Some(given::terms(conn, number).await?),
        None => None,
    };
    let account = intent.change.account.as_ref().map(|account| account.as_str());
    let group_id = intent.group_id.as_ref().map(GroupId::as_str);
    Ok(Record::of_run(Event::Intent, at, frame)
        .with("op", intent.change.op.as_str())
        .with("group", record::group(group_id, intent.change.group.as_str()))
        .maybe("member", record::member(account, intent.email.as_deref()))
        .with("reason", intent.reason.as_str())
        .maybe("lead_before", lead_record(&intent.lead_before))
        .maybe("because", record::because(&intent.because))
        .maybe("entry", intent.entry.as_ref().map(entry_record))
        .maybe("evidence", evidence::grounds(&intent.grounds))
        .maybe("hold", approval.as_ref().map(|approval| approval.hold.as_str()))
        .maybe("approval", approval.as_ref().map(record::approval))
        .with("request", intent.request.json()))
}

fn lead_record(before: &LeadBefore) -> Option<Json> {
    match before {
        LeadBefore::Unknown => None,
        LeadBefore::Nobody => Some(Json::object([])),
        LeadBefore::Account(account) => Some(Json::object([("user_id", Some(account.as_str().into()))])),
    }
}

fn entry_record(entry: &Entry) -> Json {
    Json::object([
        ("source", Some(entry.source.as_str().into())),
        ("id", Some(entry.id.as_str().into())),
        ("origin", Some(entry.origin.as_str().into())),
    ])
}

async fn open(conn: &mut SqliteConnection, run: &RunId, seq: i64, intent: &Intent) -> Result<(), Fault> {
    let (op, group, account) = key_columns(&intent.change);
    sqlx::query(
        "INSERT INTO open_intent (seq, run_id, op, group_name, account_id, group_id, email, approval) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(seq)
    .bind(run.as_str())
    .bind(op)
    .bind(group)
    .bind(account)
    .bind(intent.group_id.as_ref().map(GroupId::as_str))
    .bind(intent.email.as_deref())
    .bind(intent.approval)
    .execute(conn)
    .await?;
    Ok(())
}

type IntentColumns = (i64, String, String, String, String, Option<String>, Option<String>, Option<i64>);

fn intent_of((seq, run, op, group, account, group_id, email, approval): IntentColumns) -> Result<OpenIntent, Fault> {
    Ok(OpenIntent {
        seq,
        run: run.into(),
        change: key_of("open_intent", &seq.to_string(), (&op, &group, &account))?,
        group_id: group_id.map(Into::into),
        email,
        approval,
    })
}

/// Intents without an outcome, oldest first.
pub(super) async fn open_intents(conn: &mut SqliteConnection) -> Result<Vec<OpenIntent>, Fault> {
    let rows: Vec<IntentColumns> = sqlx::query_as(
        "SELECT seq, run_id, op, group_name, account_id, group_id, email, approval FROM open_intent ORDER BY seq",
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(intent_of).collect()
}

/// Takes an intent off the list of open ones.
async fn close(conn: &mut SqliteConnection, seq: i64) -> Result<OpenIntent, Fault> {
    let row: Option<IntentColumns> = sqlx::query_as(
        "DELETE FROM open_intent WHERE seq = $1 \
         RETURNING seq, run_id, op, group_name, account_id, group_id, email, approval",
    )
    .bind(seq)
    .fetch_optional(conn)
    .await?;
    intent_of(row.ok_or(Fault::UnknownIntent(seq))?)
}

pub(super) async fn record_outcomes(
    conn: &mut SqliteConnection,
    run: &RunId,
    at: Timestamp,
    outcomes: &[OutcomeRecord],
) -> Result<(), Fault> {
    let frame = runs::frame(conn, run).await?;
    let mut chain = Chain::read(conn).await?;
    for outcome in outcomes {
        let intent = close(conn, outcome.intent).await?;
        let record = outcome_record(conn, &frame, at, &intent, outcome).await?;
        let seq = chain.append(conn, record).await?;
        tally(conn, &intent.run, &outcome.result).await?;
        effects::take_effect(conn, at, seq, &intent, outcome).await?;
    }
    effects::forget_old_removals(conn, at).await
}

/// An outcome repeats what its intent said, so that each stands alone. It bears the id of the run
/// that made the call; a run that only found out what became of it is named beside.
async fn outcome_record(
    conn: &mut SqliteConnection,
    frame: &Frame,
    at: Timestamp,
    intent: &OpenIntent,
    outcome: &OutcomeRecord,
) -> Result<Record, Fault> {
    const REPEATED: [&str; 9] =
        ["op", "group", "member", "reason", "lead_before", "because", "entry", "hold", "approval"];
    let text: Option<String> =
        sqlx::query_scalar("SELECT record FROM audit WHERE seq = $1").bind(intent.seq).fetch_optional(conn).await?;
    let Some(Json::Object(mut said)) = text.as_deref().and_then(Json::parse) else {
        return Err(Fault::row("audit", intent.seq, "the intent's record cannot be read"));
    };
    let mut record =
        Record::of_run(Event::Outcome, at, frame).with("run_id", intent.run.as_str()).with("intent", intent.seq);
    for name in REPEATED {
        record = record.maybe(name, said.remove(name));
    }
    if let Some(id) = &outcome.group_id {
        record = record.with("group", record::group(Some(id.as_str()), intent.change.group.as_str()));
    }
    let recovered_by = (intent.run != frame.run).then(|| frame.run.as_str());
    Ok(record
        .maybe("recovered_by", recovered_by)
        .maybe("request", outcome.request.as_ref().map(Request::json))
        .with("result", outcome.result.as_str())
        .maybe("error", outcome.result.error())
        .maybe("read_back", outcome.read_back))
}

async fn tally(conn: &mut SqliteConnection, run: &RunId, result: &ChangeResult) -> Result<(), Fault> {
    let sql = match result {
        ChangeResult::Done => "UPDATE run SET done = done + 1 WHERE id = $1",
        ChangeResult::AlreadySo => "UPDATE run SET already_so = already_so + 1 WHERE id = $1",
        ChangeResult::Failed(_) => "UPDATE run SET failed = failed + 1 WHERE id = $1",
        // What waits or is only reported is never announced; if it was, it was not tried.
        ChangeResult::NotTried(_) | ChangeResult::Held | ChangeResult::Report => {
            "UPDATE run SET not_tried = not_tried + 1 WHERE id = $1"
        }
    };
    sqlx::query(sql).bind(run.as_str()).execute(conn).await?;
    Ok(())
}
