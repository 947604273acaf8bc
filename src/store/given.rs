//! Approvals that were given: what they cover, what of them has passed, when they are used up.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use sqlx::{FromRow, Row as _, SqliteConnection};

use super::error::Fault;
use super::holds::StoredHold;
use super::recorded::{Denial, Recorded};
use super::stored::{key_columns, key_of, millis, time};
use crate::model::hold::{Approval, HoldId, Rule, Scope};
use crate::model::id::{GroupName, SourceName};
use crate::model::plan::ChangeKey;

const TABLE: &str = "approval";

/// An approval that has not expired, with what was approved and what of it has not passed.
pub(super) struct Given {
    approval: Approval,
    /// Everything that was approved; of what has passed, the record of the outcome.
    all: BTreeMap<ChangeKey, Option<i64>>,
    /// The end of the run that ended it.
    ended: Option<i64>,
    /// The end of the run that accepted its missing directory group as empty; 0 where none has. Earlier versions wrote 1.
    accepted: i64,
}

impl Given {
    pub(super) fn approval(&self) -> &Approval {
        &self.approval
    }

    pub(super) fn all(&self) -> &BTreeMap<ChangeKey, Option<i64>> {
        &self.all
    }

    /// Everything that was approved.
    pub(super) fn changes(&self) -> BTreeSet<ChangeKey> {
        self.all.keys().cloned().collect()
    }

    pub(super) fn ended(&self) -> Option<i64> {
        self.ended
    }

    pub(super) fn accepted(&self) -> i64 {
        self.accepted
    }

    /// Whether it can still let something through. A missing directory group (as any hold without
    /// changes) has no change that could use the approval up: it stands until the run accepted it.
    fn has_something_left(&self) -> bool {
        let stands = self.approval.rule == Rule::Missing || self.all.is_empty();
        !self.approval.changes.is_empty() || (stands && self.accepted == 0)
    }

    fn is_about(&self, hold: &StoredHold) -> bool {
        self.approval.rule == hold.rule && self.approval.scope == hold.scope
    }

    /// Whether it lets the hold through, as far as that has not passed already.
    pub(super) fn covers(&self, hold: &StoredHold) -> bool {
        let is_let_through = |change| match self.all.get(change) {
            Some(Some(passed)) => *passed > hold.seen,
            Some(None) => true,
            None => false,
        };
        self.is_about(hold) && hold.changes.iter().all(is_let_through) && self.has_something_left()
    }

    /// Whether every change of the hold has passed by it, and a missing directory group was accepted. What passed
    /// before the hold was found last, and is held again, waits anew: it takes another approval.
    pub(super) fn is_used_up_by(&self, hold: &StoredHold) -> bool {
        let has_passed = |change| self.all.get(change).copied().flatten().is_some_and(|passed| passed > hold.seen);
        let is_missing = self.approval.rule == Rule::Missing;
        let is_over = match hold.changes.is_empty() {
            true => is_missing && self.accepted > hold.seen,
            false => !is_missing || self.accepted != 0,
        };
        self.is_about(hold) && is_over && hold.changes.iter().all(has_passed)
    }

    /// The approval with the changes that have not passed.
    pub(super) fn left(&self) -> Approval {
        self.approval.clone()
    }
}

/// Approvals that still let something through, oldest first. Of what looks like one, and is not what the log tells of
/// it, it is told.
pub(super) async fn standing(conn: &mut SqliteConnection, now: Timestamp) -> Result<Vec<Approval>, Fault> {
    let (given, denied) = sorted(conn, now).await?;
    for (Approval { number, hold, by, .. }, denial) in denied {
        tracing::warn!(
            %hold,
            by,
            help = "find out who could write the state; whoever may approve can let the hold through with `rosterd approve`",
            "approval {number} {}: it lets nothing through",
            denial.as_str()
        );
    }
    Ok(given.into_iter().filter(Given::has_something_left).map(|given| given.approval).collect())
}

/// Those of them that none of these holds is let through by, oldest first.
pub(super) async fn unused(
    conn: &mut SqliteConnection,
    now: Timestamp,
    holds: &[StoredHold],
) -> Result<Vec<Approval>, Fault> {
    let given = given(conn, now).await?.into_iter();
    let unused = given.filter(|given| given.has_something_left() && !holds.iter().any(|hold| given.covers(hold)));
    Ok(unused.map(|given| given.approval).collect())
}

/// Ends approvals; `seq` is the record that tells of it.
pub(super) async fn end(conn: &mut SqliteConnection, numbers: &[i64], seq: i64) -> Result<(), Fault> {
    for number in numbers {
        sqlx::query("UPDATE approval SET ended = $2 WHERE number = $1 AND ended IS NULL")
            .bind(number)
            .bind(seq)
            .execute(&mut *conn)
            .await?;
    }
    Ok(())
}

/// Approvals that have neither expired nor ended, and that let something through or did so with what waits still,
/// oldest first.
pub(super) async fn given(conn: &mut SqliteConnection, now: Timestamp) -> Result<Vec<Given>, Fault> {
    Ok(sorted(conn, now).await?.0)
}

/// The same, and beside them rows of which the log tells otherwise, or nothing.
async fn sorted(conn: &mut SqliteConnection, now: Timestamp) -> Result<(Vec<Given>, Vec<(Approval, Denial)>), Fault> {
    let mut given = rows(conn, now, false).await?;
    if given.is_empty() {
        return Ok((given, Vec::new()));
    }
    // The log is read for no other: what was used up stands here until it expires.
    let waiting: BTreeSet<(String, String)> =
        sqlx::query_as("SELECT DISTINCT rule, scope FROM hold WHERE closed_at IS NULL")
            .fetch_all(&mut *conn)
            .await?
            .into_iter()
            .collect();
    let name = |approval: &Approval| (approval.rule.as_str().to_owned(), approval.scope.clone());
    given.retain(|given| given.has_something_left() || waiting.contains(&name(&given.approval)));
    let recorded = Recorded::of(conn, &given).await?;
    let (mut told, mut denied) = (Vec::with_capacity(given.len()), Vec::new());
    for one in given {
        match recorded.judge(&one) {
            Ok(()) => told.push(one),
            Err(denial) => denied.push((one.approval, denial)),
        }
    }
    Ok((told, denied))
}

/// Every approval that the state has, whatever became of it, as it stands beside the log.
pub(super) async fn all(conn: &mut SqliteConnection) -> Result<Vec<Given>, Fault> {
    rows(conn, Timestamp::MIN, true).await
}

/// Approvals that expire after a time, oldest first, as they stand beside the log; those that ended only where asked.
async fn rows(conn: &mut SqliteConnection, after: Timestamp, ended: bool) -> Result<Vec<Given>, Fault> {
    let mut rows: Vec<(ApprovalColumns, Option<i64>, i64)> = sqlx::query(
        "SELECT number, hold_id, rule, scope, approver, login, reason, ticket, at, expires, undoes, ended, accepted \
         FROM approval WHERE expires > $1 AND (ended IS NULL OR $2)",
    )
    .bind(millis(after))
    .bind(ended)
    .fetch_all(&mut *conn)
    .await?
    .iter()
    .map(|row| Ok((ApprovalColumns::from_row(row)?, row.try_get("ended")?, row.try_get("accepted")?)))
    .collect::<Result<_, sqlx::Error>>()?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    // Asked for in this order, SQLite goes through all that ever were.
    rows.sort_unstable_by_key(|(row, ..)| row.0);
    let mut changes = changes(conn, after).await?;
    let mut given = Vec::with_capacity(rows.len());
    for (row, ended, accepted) in rows {
        let mut approval = approval_of(row)?;
        let (all, left) = changes.remove(&approval.number).unwrap_or_default();
        approval.changes = left;
        given.push(Given { approval, all, ended, accepted });
    }
    Ok(given)
}

type ApprovalColumns = (i64, String, String, String, String, String, String, Option<String>, i64, i64, Option<String>);

fn approval_of(row: ApprovalColumns) -> Result<Approval, Fault> {
    let (number, hold, rule, scope, by, login, reason, ticket, at, expires, undoes) = row;
    let key = number.to_string();
    Ok(Approval {
        number,
        hold: HoldId::from_text(&hold),
        rule: Rule::parse(&rule).ok_or_else(|| Fault::row(TABLE, &key, format!("unknown rule {rule:?}")))?,
        scope,
        changes: BTreeSet::new(),
        by,
        login,
        reason,
        ticket,
        at: time(TABLE, &key, at)?,
        expires: time(TABLE, &key, expires)?,
        undoes: undoes.map(Into::into),
    })
}

/// Of each of these approvals: all its changes with the record by which each has passed, and those that
/// have not passed.
type Changes = BTreeMap<i64, (BTreeMap<ChangeKey, Option<i64>>, BTreeSet<ChangeKey>)>;

async fn changes(conn: &mut SqliteConnection, after: Timestamp) -> Result<Changes, Fault> {
    let rows: Vec<(i64, String, String, String, Option<i64>)> = sqlx::query_as(
        "SELECT approval, op, group_name, account_id, passed FROM approval_change \
         WHERE approval IN (SELECT number FROM approval WHERE expires > $1)",
    )
    .bind(millis(after))
    .fetch_all(conn)
    .await?;
    let mut changes = Changes::new();
    for (number, op, group, account, passed) in rows {
        let key = key_of("approval_change", &number.to_string(), (&op, &group, &account))?;
        let (all, left) = changes.entry(number).or_default();
        if passed.is_none() {
            left.insert(key.clone());
        }
        all.insert(key, passed);
    }
    Ok(changes)
}

/// Who let a change through, for its records; without the changes.
pub(super) async fn terms(conn: &mut SqliteConnection, number: i64) -> Result<Approval, Fault> {
    let row: Option<ApprovalColumns> = sqlx::query_as(
        "SELECT number, hold_id, rule, scope, approver, login, reason, ticket, at, expires, undoes \
         FROM approval WHERE number = $1",
    )
    .bind(number)
    .fetch_optional(conn)
    .await?;
    approval_of(row.ok_or_else(|| Fault::row(TABLE, number, "there is no such approval"))?)
}

/// A change passed by an approval: it is used up in every approval that has it, so that two
/// approvals of one hold (or of two rules) let it through once.
pub(super) async fn pass(conn: &mut SqliteConnection, change: &ChangeKey, seq: i64) -> Result<(), Fault> {
    let (op, group, account) = key_columns(change);
    sqlx::query(
        "UPDATE approval_change SET passed = $4 \
         WHERE op = $1 AND group_name = $2 AND account_id = $3 AND passed IS NULL",
    )
    .bind(op)
    .bind(group)
    .bind(account)
    .bind(seq)
    .execute(conn)
    .await?;
    Ok(())
}

/// Approvals that stand of missing directory groups that are accepted as empty: they have done their work.
pub(super) async fn of_accepted(
    conn: &mut SqliteConnection,
    accepted: &BTreeSet<(SourceName, String, GroupName)>,
    now: Timestamp,
) -> Result<Vec<i64>, Fault> {
    let mut numbers = Vec::new();
    for (source, directory_group, group) in accepted {
        let scope =
            Scope::Directory { source: source.clone(), directory_group: directory_group.clone(), group: group.clone() };
        let of_it: Vec<i64> = sqlx::query_scalar(
            "SELECT number FROM approval WHERE rule = $1 AND scope = $2 AND accepted = 0 AND ended IS NULL \
             AND expires > $3",
        )
        .bind(Rule::Missing.as_str())
        .bind(scope.to_string())
        .bind(millis(now))
        .fetch_all(&mut *conn)
        .await?;
        numbers.extend(of_it);
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Writes that down; `seq` is the record that tells of it.
pub(super) async fn accept(conn: &mut SqliteConnection, numbers: &[i64], seq: i64) -> Result<(), Fault> {
    for number in numbers {
        sqlx::query("UPDATE approval SET accepted = $2 WHERE number = $1")
            .bind(number)
            .bind(seq)
            .execute(&mut *conn)
            .await?;
    }
    Ok(())
}
