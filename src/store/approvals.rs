//! A person's word that exactly these changes may pass one rule, each once, until it expires.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use sqlx::SqliteConnection;

use super::audit::chain::Chain;
use super::audit::record::{self, Record};
use super::audit::{Actor, Event};
use super::documents;
use super::error::Fault;
use super::holds::{self, StoredHold};
use super::stored::{key_columns, key_of, millis, time};
use crate::model::hold::{Approval, HoldId, Rule, Scope};
use crate::model::id::{GroupName, SourceName};
use crate::model::plan::ChangeKey;

const TABLE: &str = "approval";

/// Fewer digits of a plan's digest are not taken for one.
const DIGITS: usize = 12;

/// What a person says when approving.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewApproval {
    /// Who approves, as given.
    pub by: String,
    /// Who acts: service identity, host, and the operating-system login as operator.
    pub actor: Actor,
    /// Why.
    pub reason: String,
    /// A ticket's reference.
    pub ticket: Option<String>,
    /// When.
    pub at: Timestamp,
    /// From when on it lets nothing through.
    pub expires: Timestamp,
    /// The version of rosterd.
    pub version: String,
}

/// A hold that was let through just now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovedHold {
    /// The approval's number.
    pub number: i64,
    /// The hold as it was.
    pub hold: StoredHold,
}

/// An approval that has not expired, with what was approved and what of it has not passed.
pub(super) struct Given {
    approval: Approval,
    all: BTreeSet<ChangeKey>,
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
        self.is_about(hold) && hold.changes.is_subset(&self.all) && self.has_something_left()
    }

    /// Whether every change of the hold has passed by it.
    pub(super) fn is_used_up_by(&self, hold: &StoredHold) -> bool {
        self.is_about(hold)
            && !hold.changes.is_empty()
            && hold.changes.is_subset(&self.all)
            && hold.changes.is_disjoint(&self.approval.changes)
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

/// Approvals that still let something through, oldest first.
pub(super) async fn standing(conn: &mut SqliteConnection, now: Timestamp) -> Result<Vec<Approval>, Fault> {
    let given = given(conn, now).await?;
    Ok(given.into_iter().filter(Given::has_something_left).map(|given| given.approval).collect())
}

/// Approvals that have not expired, used up or not, oldest first.
pub(super) async fn given(conn: &mut SqliteConnection, now: Timestamp) -> Result<Vec<Given>, Fault> {
    let mut changes = changes(conn, now).await?;
    let rows: Vec<ApprovalColumns> = sqlx::query_as(
        "SELECT number, hold_id, rule, scope, approver, login, reason, ticket, at, expires, accepted \
         FROM approval WHERE expires > $1 ORDER BY number",
    )
    .bind(millis(now))
    .fetch_all(conn)
    .await?;
    let mut given = Vec::with_capacity(rows.len());
    for row in rows {
        let accepted = row.10 != 0;
        let mut approval = approval_of(row)?;
        let (all, left) = changes.remove(&approval.number).unwrap_or_default();
        approval.changes = left;
        given.push(Given { approval, all, accepted });
    }
    Ok(given)
}

type ApprovalColumns = (i64, String, String, String, String, String, String, Option<String>, i64, i64, i64);

fn approval_of(row: ApprovalColumns) -> Result<Approval, Fault> {
    let (number, hold, rule, scope, by, login, reason, ticket, at, expires, _) = row;
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
    })
}

/// Of each approval that has not expired: all its changes, and those that have not passed.
type Changes = BTreeMap<i64, (BTreeSet<ChangeKey>, BTreeSet<ChangeKey>)>;

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
        all.insert(key);
    }
    Ok(changes)
}

/// Who let a change through, for its records; without the changes.
pub(super) async fn terms(conn: &mut SqliteConnection, number: i64) -> Result<Approval, Fault> {
    let row: Option<ApprovalColumns> = sqlx::query_as(
        "SELECT number, hold_id, rule, scope, approver, login, reason, ticket, at, expires, accepted \
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

/// Lets holds through: all that are named, or none.
pub(super) async fn approve(
    conn: &mut SqliteConnection,
    ids: &[String],
    new: &NewApproval,
) -> Result<Vec<ApprovedHold>, Fault> {
    let waiting = holds::waiting(conn, new.at).await?;
    let mut wanted = BTreeSet::new();
    for id in ids {
        wanted.extend(named(conn, id, &waiting).await?);
    }
    let mut chain = Chain::read(conn).await?;
    let mut approved = Vec::with_capacity(wanted.len());
    for hold in waiting.into_iter().filter(|hold| wanted.contains(&hold.id)) {
        let approval = insert(conn, &hold, new).await?;
        chain.append(conn, approval_record(&hold, &approval, new)).await?;
        approved.push(ApprovedHold { number: approval.number, hold: StoredHold { approval: Some(approval), ..hold } });
    }
    Ok(approved)
}

/// The holds that an id means: one hold, or all of a plan that wait without an approval.
async fn named(conn: &mut SqliteConnection, id: &str, waiting: &[StoredHold]) -> Result<Vec<HoldId>, Fault> {
    if let Some(hold) = waiting.iter().find(|hold| hold.id.as_str() == id) {
        return Ok(vec![hold.id.clone()]);
    }
    let of_plan = match as_digest(id) {
        Some(digest) => documents::holds_of_plan(conn, &digest).await?.unwrap_or_default(),
        None => Vec::new(),
    };
    let unapproved = |hold: &&StoredHold| hold.approval.is_none();
    let found: Vec<HoldId> = waiting
        .iter()
        .filter(unapproved)
        .filter(|hold| of_plan.contains(&hold.id))
        .map(|hold| hold.id.clone())
        .collect();
    if !found.is_empty() {
        return Ok(found);
    }
    Err(Fault::UnknownHold {
        id: id.to_owned(),
        waiting: waiting.iter().filter(unapproved).map(|hold| hold.id.to_string()).collect(),
    })
}

/// The beginning of a plan's digest, in the form that is stored.
fn as_digest(id: &str) -> Option<String> {
    let digits = id.strip_prefix("sha256:").unwrap_or(id).to_ascii_lowercase();
    let fits = (DIGITS..=64).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit());
    fits.then(|| format!("sha256:{digits}"))
}

async fn insert(conn: &mut SqliteConnection, hold: &StoredHold, new: &NewApproval) -> Result<Approval, Fault> {
    let last: Option<i64> = sqlx::query_scalar("SELECT MAX(number) FROM approval").fetch_one(&mut *conn).await?;
    let approval = Approval {
        number: last.unwrap_or(0).saturating_add(1),
        hold: hold.id.clone(),
        rule: hold.rule,
        scope: hold.scope.clone(),
        changes: hold.changes.clone(),
        by: new.by.clone(),
        login: new.actor.operator.clone().unwrap_or_default(),
        reason: new.reason.clone(),
        ticket: new.ticket.clone(),
        at: new.at,
        expires: new.expires,
    };
    sqlx::query(
        "INSERT INTO approval (number, hold_id, rule, scope, approver, login, reason, ticket, at, expires) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(approval.number)
    .bind(approval.hold.as_str())
    .bind(approval.rule.as_str())
    .bind(&approval.scope)
    .bind(&approval.by)
    .bind(&approval.login)
    .bind(&approval.reason)
    .bind(approval.ticket.as_deref())
    .bind(millis(approval.at))
    .bind(millis(approval.expires))
    .execute(&mut *conn)
    .await?;
    for change in &approval.changes {
        let (op, group, account) = key_columns(change);
        sqlx::query("INSERT INTO approval_change (approval, op, group_name, account_id) VALUES ($1, $2, $3, $4)")
            .bind(approval.number)
            .bind(op)
            .bind(group)
            .bind(account)
            .execute(&mut *conn)
            .await?;
    }
    Ok(approval)
}

fn approval_record(hold: &StoredHold, approval: &Approval, new: &NewApproval) -> Record {
    let group = hold.group.as_ref().map(|group| record::group(None, group.as_str()));
    Record::new(Event::Approval, new.at)
        .with("actor", new.actor.json())
        .with("version", new.version.as_str())
        .with("hold", hold.id.as_str())
        .with("rule", hold.rule.as_str())
        .with("scope", hold.scope.as_str())
        .maybe("group", group)
        .with("approval", record::approval(approval))
        .with("changes", record::changes(&hold.changes))
}

#[cfg(test)]
mod tests {
    use super::as_digest;

    #[test]
    fn digests_are_taken_with_and_without_prefix_and_shortened() {
        let stored = Some("sha256:0123456789ab".to_owned());
        assert_eq!(as_digest("sha256:0123456789ab"), stored);
        assert_eq!(as_digest("0123456789AB"), stored);
        for id in ["", "sha256:", "0123456789a", "h-0123456789ab", "0123456789ag", "%%%%%%%%%%%%"] {
            assert_eq!(as_digest(id), None, "{id}");
        }
        assert_eq!(as_digest(&"a".repeat(65)), None);
    }
}
