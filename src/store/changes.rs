//! Intents before a call and outcomes after it, with what a success means for the state, in one
//! transaction: what the log says and what the state believes cannot part.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use futures_util::TryStreamExt;
use jiff::Timestamp;
use sqlx::{FromRow, Row as _, SqliteConnection};

use super::audit::canonical::Json;
use super::audit::chain::Chain;
use super::audit::evidence;
use super::audit::record::{self, Frame, Record};
use super::audit::{Event, Request};
use super::effects::Effects;
use super::error::Fault;
use super::history::{self, Tally};
use super::stored::{key_columns, key_of};
use super::{given, rows, runs};
use crate::model::desired::Grant;
use crate::model::evidence::Ground;
use crate::model::facts::MappingFacts;
use crate::model::hold::Approval;
use crate::model::id::{GroupId, RunId};
use crate::model::plan::{self, ChangeKey, Reason};
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
    pub entry: Option<plan::Entry>,
    /// What a removal rests on: the directory groups that could grant the membership, sorted.
    pub grounds: Vec<Ground>,
    /// The mappings that may grant it, sorted.
    pub mappings: Vec<MappingFacts>,
    /// For a change of a lead, and a group that is made: who leads it before.
    pub lead_before: LeadBefore,
    /// The number of the approval that lets it through.
    pub approval: Option<i64>,
    /// The numbers of all approvals that it uses up, that one among them: a person may have let it through by each
    /// of several rules.
    pub approvals: Vec<i64>,
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
    // All changes of a hold have the same terms.
    let mut terms: BTreeMap<i64, Approval> = BTreeMap::new();
    let mut records = Vec::with_capacity(intents.len());
    for intent in intents {
        for number in intent.approval.iter().chain(&intent.approvals) {
            if let Entry::Vacant(new) = terms.entry(*number) {
                new.insert(given::terms(conn, *number).await?);
            }
        }
        records.push(intent_record(&frame, at, intent, &terms));
    }
    let seqs = chain.append_all(conn, records).await?;
    open(conn, run, seqs.iter().copied().zip(intents).collect()).await?;
    history::add_tally(conn, run, &Tally { intents: intents.len() as u64, ..Tally::default() }).await?;
    Ok(seqs)
}

/// `terms`: of each approval that the intent names.
fn intent_record(frame: &Frame, at: Timestamp, intent: &Intent, terms: &BTreeMap<i64, Approval>) -> Record {
    let approval = intent.approval.and_then(|number| terms.get(&number));
    let approvals: Vec<Json> =
        intent.approvals.iter().filter_map(|number| terms.get(number)).map(record::approval).collect();
    let account = intent.change.account.as_ref().map(|account| account.as_str());
    let group_id = intent.group_id.as_ref().map(GroupId::as_str);
    Record::of_run(Event::Intent, at, frame)
        .with("op", intent.change.op.as_str())
        .with("group", record::group(group_id, intent.change.group.as_str()))
        .maybe("member", record::member(account, intent.email.as_deref()))
        .with("reason", intent.reason.as_str())
        .maybe("lead_before", lead_record(&intent.lead_before))
        .maybe("because", record::because(&intent.because))
        .maybe("entry", intent.entry.as_ref().map(entry_record))
        .maybe("evidence", evidence::grounds(&intent.grounds))
        .maybe("mappings", evidence::mappings(&intent.mappings))
        .maybe("mappings_more", evidence::mappings_more(&intent.mappings))
        .maybe("hold", approval.map(|approval| approval.hold.as_str()))
        .maybe("approval", approval.map(record::approval))
        .maybe("approvals", (!approvals.is_empty()).then_some(Json::List(approvals)))
        .with("request", intent.request.json())
}

fn lead_record(before: &LeadBefore) -> Option<Json> {
    match before {
        LeadBefore::Unknown => None,
        LeadBefore::Nobody => Some(Json::object([])),
        LeadBefore::Account(account) => Some(Json::object([("user_id", Some(account.as_str().into()))])),
    }
}

fn entry_record(entry: &plan::Entry) -> Json {
    Json::object([
        ("source", Some(entry.source.as_str().into())),
        ("id", Some(entry.id.as_str().into())),
        ("origin", Some(entry.origin.as_str().into())),
    ])
}

async fn open(conn: &mut SqliteConnection, run: &RunId, intents: Vec<(i64, &Intent)>) -> Result<(), Fault> {
    const SQL: &str = "INSERT INTO open_intent (seq, run_id, op, group_name, account_id, group_id, email, approval) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    rows::insert(conn, SQL, intents, |mut row, (seq, intent)| {
        let (op, group, account) = key_columns(&intent.change);
        row.push_bind(seq).push_bind(run.as_str()).push_bind(op).push_bind(group).push_bind(account);
        row.push_bind(intent.group_id.as_ref().map(GroupId::as_str));
        row.push_bind(intent.email.as_deref()).push_bind(intent.approval);
    })
    .await
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

/// Open intents from one number to another, each with the text of its record.
const OPENED: &str = "SELECT i.seq, i.run_id, i.op, i.group_name, i.account_id, i.group_id, i.email, i.approval, \
     a.record FROM open_intent i LEFT JOIN audit a ON a.seq = i.seq WHERE i.seq >= $1 AND i.seq <= $2";

/// Takes intents off the list of open ones, and gives them with the texts of their records.
async fn close(
    conn: &mut SqliteConnection,
    outcomes: &[OutcomeRecord],
) -> Result<BTreeMap<i64, (OpenIntent, String)>, Fault> {
    let mut closed = BTreeMap::new();
    let mut seqs: Vec<i64> = outcomes.iter().map(|outcome| outcome.intent).collect();
    seqs.sort_unstable();
    // Those of one call stand together in the log, and between them are those of other calls.
    for together in seqs.chunk_by(|one, next| one + 1 == *next) {
        let mut rows = sqlx::query(OPENED).bind(together.first()).bind(together.last()).fetch(&mut *conn);
        while let Some(row) = rows.try_next().await? {
            let intent = intent_of(IntentColumns::from_row(&row)?)?;
            let text: Option<String> = row.try_get("record")?;
            closed.insert(intent.seq, (intent, text.unwrap_or_default()));
        }
        drop(rows);
        sqlx::query("DELETE FROM open_intent WHERE seq >= $1 AND seq <= $2")
            .bind(together.first())
            .bind(together.last())
            .execute(&mut *conn)
            .await?;
    }
    Ok(closed)
}

pub(super) async fn record_outcomes(
    conn: &mut SqliteConnection,
    run: &RunId,
    at: Timestamp,
    outcomes: &[OutcomeRecord],
) -> Result<(), Fault> {
    let frame = runs::frame(conn, run).await?;
    let mut chain = Chain::read(conn).await?;
    let mut closed = close(conn, outcomes).await?;
    let mut intents = Vec::with_capacity(outcomes.len());
    let mut records = Vec::with_capacity(outcomes.len());
    let mut tallies: BTreeMap<RunId, Tally> = BTreeMap::new();
    for outcome in outcomes {
        let (intent, text) = closed.remove(&outcome.intent).ok_or(Fault::UnknownIntent(outcome.intent))?;
        records.push(outcome_record(&frame, at, (&intent, &text), outcome)?);
        tallies.entry(intent.run.clone()).or_default().count(&outcome.result);
        intents.push(intent);
    }
    let seqs = chain.append_all(conn, records).await?;
    for (run, tally) in tallies {
        history::add_tally(conn, &run, &tally).await?;
    }
    let mut effects = Effects::new(conn, at).await?;
    for ((outcome, intent), seq) in outcomes.iter().zip(&intents).zip(seqs) {
        effects.take(conn, seq, intent, outcome).await?;
    }
    effects.write(conn).await
}

/// An outcome repeats what its intent said, so that each stands alone. It bears the id of the run
/// that made the call; a run that only found out what became of it is named beside.
fn outcome_record(
    frame: &Frame,
    at: Timestamp,
    (intent, text): (&OpenIntent, &str),
    outcome: &OutcomeRecord,
) -> Result<Record, Fault> {
    const REPEATED: [&str; 12] = [
        "op",
        "group",
        "member",
        "reason",
        "lead_before",
        "because",
        "entry",
        "mappings",
        "mappings_more",
        "hold",
        "approval",
        "approvals",
    ];
    let Some(Json::Object(mut said)) = Json::parse(text) else {
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
