//! What waits for a person: written down by plans and runs, closed when it is held no longer.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use sqlx::SqliteConnection;

use super::audit::Event;
use super::audit::canonical::Json;
use super::audit::chain::Chain;
use super::audit::record::{self, Record};
use super::error::Fault;
use super::given::{self, Given};
use super::stored::{big, changes_of, changes_to_json, count, millis, time};
use super::{documents, runs};
use crate::model::hold::{Approval, Hold, HoldId, Rule};
use crate::model::id::{GroupId, GroupName, RunId};
use crate::model::plan::{ChangeKey, Op, Plan};

const TABLE: &str = "hold";

/// So long the holds of an undo wait that nobody plans again.
const UNDO_WAITS: SignedDuration = SignedDuration::from_hours(7 * 24);

/// A hold that waits, or that was approved and has not passed yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredHold {
    /// Its id.
    pub id: HoldId,
    /// The rule.
    pub rule: Rule,
    /// The text form of what it spans.
    pub scope: String,
    /// The one target group that it is about.
    pub group: Option<GroupName>,
    /// Its id, where it is there and was known when the hold was found last.
    pub group_id: Option<GroupId>,
    /// The rule's limit; 0 where it has none.
    pub limit: u64,
    /// What was measured against it.
    pub measured: u64,
    /// One sentence for a person.
    pub text: String,
    /// The changes that wait.
    pub changes: BTreeSet<ChangeKey>,
    /// The run that waits to be taken back; none for a hold of any other plan.
    pub undoes: Option<RunId>,
    /// When it was found first, in this spell of waiting.
    pub first_seen: Timestamp,
    /// When it was found last.
    pub last_seen: Timestamp,
    /// The last record of the log at that time.
    pub seen: i64,
    /// The approval that covers it; its `changes` are those that have not passed yet.
    pub approval: Option<Approval>,
}

/// Writes down the holds of a real run and closes those that are held no longer.
pub(super) async fn record(
    conn: &mut SqliteConnection,
    run: &RunId,
    at: Timestamp,
    plan: &Plan,
    partial: Option<&BTreeSet<GroupName>>,
) -> Result<(), Fault> {
    let frame = runs::frame(conn, run).await?;
    let mut chain = Chain::read(conn).await?;
    for hold in &plan.holds {
        if see(conn, (at, chain.seq()), hold, plan, true).await? {
            let record =
                Record::of_run(Event::Hold, at, &frame).maybe("undoes", plan.undo_of.as_ref().map(RunId::as_str));
            chain.append(conn, hold_record(record, hold, group_id(hold, plan))).await?;
        }
    }
    close_others(conn, at, plan, partial, true).await?;
    documents::keep_plan(conn, run, at, plan).await?;
    sqlx::query("UPDATE run SET plan_digest = $2 WHERE id = $1")
        .bind(run.as_str())
        .bind(plan.digest.as_str())
        .execute(conn)
        .await?;
    Ok(())
}

/// Writes down the holds of a mere plan, so that they can be approved, and closes those that mere plans alone found
/// and this one does not hold. What a run found, only a run closes.
pub(super) async fn record_plan(
    conn: &mut SqliteConnection,
    run: &RunId,
    at: Timestamp,
    plan: &Plan,
    partial: Option<&BTreeSet<GroupName>>,
) -> Result<(), Fault> {
    let seen = Chain::read(conn).await?.seq();
    for hold in &plan.holds {
        see(conn, (at, seen), hold, plan, false).await?;
    }
    close_others(conn, at, plan, partial, false).await?;
    documents::keep_plan(conn, run, at, plan).await
}

/// The id of the one target group that a hold is about, where it is there.
fn group_id<'a>(hold: &Hold, plan: &'a Plan) -> Option<&'a str> {
    let name = hold.scope.group()?;
    let at = plan.groups.binary_search_by(|group| group.name.cmp(name)).ok()?;
    plan.groups.get(at)?.id.as_ref().map(GroupId::as_str)
}

fn hold_record(record: Record, hold: &Hold, group_id: Option<&str>) -> Record {
    let group = hold.scope.group().map(|group| record::group(group_id, group.as_str()));
    record
        .with("hold", hold.id.as_str())
        .with("rule", hold.rule.as_str())
        .with("scope", hold.scope.to_string())
        .maybe("group", group)
        .with("limit", Json::from(hold.limit))
        .with("measured", Json::from(hold.measured))
        .with("text", hold.text.as_str())
        .with("changes", record::changes(&hold.changes))
}

/// Writes down one hold, found when the log went so far. True where the log has to tell of it: no run has, since it
/// began to wait.
async fn see(
    conn: &mut SqliteConnection,
    (at, seen): (Timestamp, i64),
    hold: &Hold,
    plan: &Plan,
    by_run: bool,
) -> Result<bool, Fault> {
    let before: Option<(i64, i64, Option<String>, Option<i64>)> =
        sqlx::query_as("SELECT first_seen, audited, undoes, closed_at FROM hold WHERE id = $1")
            .bind(hold.id.as_str())
            .fetch_optional(&mut *conn)
            .await?;
    let waiting = before.filter(|(.., closed)| closed.is_none());
    let audited = waiting.as_ref().is_some_and(|(_, audited, ..)| *audited != 0);
    // What another plan holds in the same way is that one's.
    let undoes = plan.undo_of.as_ref().filter(|_| waiting.as_ref().is_none_or(|(_, _, undoes, _)| undoes.is_some()));
    sqlx::query(
        "INSERT INTO hold (id, rule, scope, group_name, limit_value, measured, sentence, changes, first_seen, \
         last_seen, audited, undoes, seen_seq, group_id, closed_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, NULL) \
         ON CONFLICT (id) DO UPDATE SET limit_value = excluded.limit_value, measured = excluded.measured, \
         sentence = excluded.sentence, first_seen = excluded.first_seen, last_seen = excluded.last_seen, \
         audited = excluded.audited, undoes = excluded.undoes, seen_seq = excluded.seen_seq, \
         group_id = excluded.group_id, closed_at = NULL",
    )
    .bind(hold.id.as_str())
    .bind(hold.rule.as_str())
    .bind(hold.scope.to_string())
    .bind(hold.scope.group().map(GroupName::as_str))
    .bind(big(hold.limit))
    .bind(big(hold.measured))
    .bind(&hold.text)
    .bind(changes_to_json(&hold.changes)?)
    .bind(waiting.as_ref().map_or(millis(at), |(first, ..)| *first))
    .bind(millis(at))
    .bind(i64::from(audited || by_run))
    .bind(undoes.map(RunId::as_str))
    .bind(seen)
    .bind(group_id(hold, plan))
    .execute(conn)
    .await?;
    Ok(by_run && !audited)
}

/// Closes what a run (`by_run`) or a mere plan judged and does not hold any more. A run that takes another one
/// back judges its own, and they are closed by others only after a long time.
async fn close_others(
    conn: &mut SqliteConnection,
    at: Timestamp,
    plan: &Plan,
    partial: Option<&BTreeSet<GroupName>>,
    by_run: bool,
) -> Result<(), Fault> {
    let held: BTreeSet<&str> = plan.holds.iter().map(|hold| hold.id.as_str()).collect();
    let of_plans: BTreeSet<String> =
        sqlx::query_scalar::<_, String>("SELECT id FROM hold WHERE closed_at IS NULL AND audited = 0")
            .fetch_all(&mut *conn)
            .await?
            .into_iter()
            .collect();
    for hold in open(conn).await? {
        if !by_run && !of_plans.contains(hold.id.as_str()) {
            continue;
        }
        let own = match (&hold.undoes, &plan.undo_of) {
            (None, None) => true,
            (Some(_), None) => at.duration_since(hold.last_seen) > UNDO_WAITS,
            (undoes, own) => undoes == own,
        };
        if own && !held.contains(hold.id.as_str()) && is_judged(&hold, plan, partial) {
            close(conn, at, &hold.id).await?;
        }
    }
    Ok(())
}

/// A run over some groups judges holds that are about these alone; and no run judges what it did not
/// read: a source that does not answer for an hour neither ends a hold nor the approval that somebody
/// is about to give.
fn is_judged(hold: &StoredHold, plan: &Plan, partial: Option<&BTreeSet<GroupName>>) -> bool {
    let groups: BTreeSet<&GroupName> = hold.group.iter().chain(hold.changes.iter().map(|key| &key.group)).collect();
    if groups.is_empty() {
        return partial.is_none() && plan.complete;
    }
    // Of a directory group that was read in part additions are judged, and removals are not.
    let removes = hold.changes.is_empty() || hold.changes.iter().any(|key| key.op == Op::RemoveMember);
    let in_part = !removes && plan.sources.iter().all(|source| source.complete);
    let read = |group: &GroupName| match plan.groups.iter().find(|own| own.name == *group) {
        Some(found) => found.complete || in_part,
        // A pattern yields it no more, or it was not read by what.
        None => plan.complete || in_part,
    };
    groups.into_iter().all(|group| partial.is_none_or(|groups| groups.contains(group)) && read(group))
}

/// A hold that waits does not wait any more.
pub(super) async fn close(conn: &mut SqliteConnection, at: Timestamp, id: &HoldId) -> Result<(), Fault> {
    sqlx::query("UPDATE hold SET closed_at = $2 WHERE id = $1 AND closed_at IS NULL")
        .bind(id.as_str())
        .bind(millis(at))
        .execute(conn)
        .await?;
    Ok(())
}

/// Closes holds of which every change has passed by an approval.
pub(super) async fn close_passed(conn: &mut SqliteConnection, at: Timestamp) -> Result<(), Fault> {
    let approvals = given::given(conn, at).await?;
    for hold in open(conn).await? {
        if approvals.iter().any(|given| given.is_used_up_by(&hold)) {
            close(conn, at, &hold.id).await?;
        }
    }
    Ok(())
}

/// What waits now, approved holds included, by id.
pub(super) async fn waiting(conn: &mut SqliteConnection, now: Timestamp) -> Result<Vec<StoredHold>, Fault> {
    let approvals = given::given(conn, now).await?;
    let mut holds = open(conn).await?;
    holds.retain(|hold| !approvals.iter().any(|given| given.is_used_up_by(hold)));
    for hold in &mut holds {
        hold.approval = approvals.iter().rev().find(|given| given.covers(hold)).map(Given::left);
    }
    Ok(holds)
}

/// Approvals that stand and that nothing needs which waits, oldest first.
pub(super) async fn unused_approvals(conn: &mut SqliteConnection, now: Timestamp) -> Result<Vec<Approval>, Fault> {
    let holds = waiting(conn, now).await?;
    given::unused(conn, now, &holds).await
}

type HoldColumns =
    (String, String, String, Option<String>, i64, i64, String, String, i64, i64, Option<String>, i64, Option<String>);

/// Open holds as they were written, without their approvals.
async fn open(conn: &mut SqliteConnection) -> Result<Vec<StoredHold>, Fault> {
    let rows: Vec<HoldColumns> = sqlx::query_as(
        "SELECT id, rule, scope, group_name, limit_value, measured, sentence, changes, first_seen, last_seen, \
         undoes, seen_seq, group_id FROM hold WHERE closed_at IS NULL ORDER BY id",
    )
    .fetch_all(conn)
    .await?;
    let hold =
        |(id, rule, scope, group, limit, measured, text, changes, first, last, undoes, seen, group_id): HoldColumns| {
            Ok(StoredHold {
                rule: Rule::parse(&rule).ok_or_else(|| Fault::row(TABLE, &id, format!("unknown rule {rule:?}")))?,
                scope,
                group: group.map(Into::into),
                group_id: group_id.map(Into::into),
                limit: count(TABLE, &id, limit)?,
                measured: count(TABLE, &id, measured)?,
                text,
                changes: changes_of(TABLE, &id, &changes)?,
                undoes: undoes.map(Into::into),
                first_seen: time(TABLE, &id, first)?,
                last_seen: time(TABLE, &id, last)?,
                seen,
                approval: None,
                id: HoldId::from_text(&id),
            })
        };
    rows.into_iter().map(hold).collect()
}
