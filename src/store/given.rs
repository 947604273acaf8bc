//! Approvals that were given: what they cover, what of them has passed, when they are used up.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use sqlx::SqliteConnection;

use super::error::Fault;
use super::holds::StoredHold;
use super::recorded;
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
    accepted: bool,
}

impl Given {
    /// Whether it can still let something through. A missing directory group (as any hold without
    /// changes) has no change that could use the approval up: it stands until the run accepted it.
    fn has_something_left(&self) -> bool {
        let stands = self.approval.rule == Rule::Missing || self.all.is_empty();
        !self.approval.changes.is_empty() || (stands && !self.accepted)
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

    /// Whether every change of the hold has passed by it. What passed before the hold was found last, and is
    /// held again, waits anew: it takes another approval.
    pub(super) fn is_used_up_by(&self, hold: &StoredHold) -> bool {
        let has_passed = |change| self.all.get(change).copied().flatten().is_some_and(|passed| passed > hold.seen);
        self.is_about(hold)
            && !hold.changes.is_empty()
            && hold.changes.iter().all(has_passed)
            && !self.has_something_left_without_changes()
    }

    fn has_something_left_without_changes(&self) -> bool {
        self.approval.rule == Rule::Missing && !self.accepted
    }

    /// The approval with the changes that have not passed.
    pub(super) fn left(&self) -> Approval {
        self.approval.clone()
    }
}

/// Approvals that still let something through, oldest first. What looks like one and is not in the log is told.
pub(super) async fn standing(conn: &mut SqliteConnection, now: Timestamp) -> Result<Vec<Approval>, Fault> {
    let (given, untold) = sorted(conn, now).await?;
    for Approval { number, hold, by, .. } in untold {
        tracing::warn!(
            %hold,
            by,
            help = "find out who could write the state; whoever may approve can let the hold through with `rosterd approve`",
            "approval {number} is not in the log, as the state has it: it lets nothing through"
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

/// Approvals that have neither expired nor ended, used up or not, oldest first.
pub(super) async fn given(conn: &mut SqliteConnection, now: Timestamp) -> Result<Vec<Given>, Fault> {
    Ok(sorted(conn, now).await?.0)
}

/// The same, and beside them rows that no record of the log tells of.
async fn sorted(conn: &mut SqliteConnection, now: Timestamp) -> Result<(Vec<Given>, Vec<Approval>), Fault> {
    let mut changes = changes(conn, now).await?;
    let mut rows: Vec<ApprovalColumns> = sqlx::query_as(
        "SELECT number, hold_id, rule, scope, approver, login, reason, ticket, at, expires, undoes, accepted \
         FROM approval WHERE expires > $1 AND ended IS NULL",
    )
    .bind(millis(now))
    .fetch_all(&mut *conn)
    .await?;
    // Asked for in this order, SQLite goes through all that ever were.
    rows.sort_unstable_by_key(|row| row.0);
    let (mut given, mut untold) = (Vec::with_capacity(rows.len()), Vec::new());
    for row in rows {
        let accepted = row.11 != 0;
        let mut approval = approval_of(row)?;
        let (all, left) = changes.remove(&approval.number).unwrap_or_default();
        approval.changes = left;
        match recorded::is(conn, &approval, &all.keys().cloned().collect()).await? {
            true => given.push(Given { approval, all, accepted }),
            false => untold.push(approval),
        }
    }
    Ok((given, untold))
}

type ApprovalColumns =
    (i64, String, String, String, String, String, String, Option<String>, i64, i64, Option<String>, i64);

fn approval_of(row: ApprovalColumns) -> Result<Approval, Fault> {
    let (number, hold, rule, scope, by, login, reason, ticket, at, expires, undoes, _) = row;
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

/// Of each approval that has not expired: all its changes with the record by which each has passed, and those that
/// have not passed.
type Changes = BTreeMap<i64, (BTreeMap<ChangeKey, Option<i64>>, BTreeSet<ChangeKey>)>;

async fn changes(conn: &mut SqliteConnection, now: Timestamp) -> Result<Changes, Fault> {
    let rows: Vec<(i64, String, String, String, Option<i64>)> = sqlx::query_as(
        "SELECT approval, op, group_name, account_id, passed FROM approval_change \
         WHERE approval IN (SELECT number FROM approval WHERE expires > $1)",
    )
    .bind(millis(now))
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
        "SELECT number, hold_id, rule, scope, approver, login, reason, ticket, at, expires, undoes, accepted \
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

/// A missing directory group was accepted as empty: approvals of that have done their work.
pub(super) async fn accept_missing(
    conn: &mut SqliteConnection,
    accepted: &BTreeSet<(SourceName, String, GroupName)>,
) -> Result<(), Fault> {
    for (source, directory_group, group) in accepted {
        let scope =
            Scope::Directory { source: source.clone(), directory_group: directory_group.clone(), group: group.clone() };
        sqlx::query("UPDATE approval SET accepted = 1 WHERE rule = $1 AND scope = $2 AND accepted = 0")
            .bind(Rule::Missing.as_str())
            .bind(scope.to_string())
            .execute(&mut *conn)
            .await?;
    }
    Ok(())
}
