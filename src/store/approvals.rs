//! A person's word that exactly these changes may pass one rule, each once, until it expires.

use std::collections::BTreeSet;

use jiff::Timestamp;
use sqlx::SqliteConnection;

use super::audit::chain::Chain;
use super::audit::record::{self, Record};
use super::audit::{Actor, Event};
use super::documents;
use super::error::Fault;
use super::holds::{self, StoredHold};
use super::stored::{key_columns, millis};
use crate::model::hold::{Approval, HoldId, Rule};
use crate::model::id::{GroupId, RunId};

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
    /// Holds without an approval that still hold some of its changes.
    pub still: Vec<StillHeld>,
}

/// A hold that holds what was let through by another rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StillHeld {
    /// Its id.
    pub id: HoldId,
    /// Its rule.
    pub rule: Rule,
    /// So many of the changes that were let through.
    pub changes: usize,
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
        let number = approval.number;
        let hold = StoredHold { approval: Some(approval), ..hold };
        approved.push(ApprovedHold { number, hold, still: Vec::new() });
    }
    let others = holds::waiting(conn, new.at).await?;
    for one in &mut approved {
        one.still = still_held(&one.hold, &others);
    }
    Ok(approved)
}

/// What holds the changes of an approved hold all the same. What an undo holds is another run's.
fn still_held(approved: &StoredHold, others: &[StoredHold]) -> Vec<StillHeld> {
    let others = others.iter().filter(|other| other.approval.is_none() && other.undoes == approved.undoes);
    others
        .filter(|other| other.id != approved.id && other.rule.holds_after(approved.rule))
        .map(|other| StillHeld {
            id: other.id.clone(),
            rule: other.rule,
            changes: other.changes.intersection(&approved.changes).count(),
        })
        .filter(|still| still.changes > 0)
        .collect()
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
        undoes: hold.undoes.clone(),
    };
    sqlx::query(
        "INSERT INTO approval (number, hold_id, rule, scope, approver, login, reason, ticket, at, expires, undoes) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
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
    .bind(approval.undoes.as_ref().map(RunId::as_str))
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
    let group_id = hold.group_id.as_ref().map(GroupId::as_str);
    let group = hold.group.as_ref().map(|group| record::group(group_id, group.as_str()));
    Record::new(Event::Approval, new.at)
        .with("actor", new.actor.json())
        .with("version", new.version.as_str())
        .with("hold", hold.id.as_str())
        .with("rule", hold.rule.as_str())
        .with("scope", hold.scope.as_str())
        .maybe("group", group)
        .with("approval", record::approval(approval))
        .with("changes", record::changes(&hold.changes))
        .maybe("undoes", approval.undoes.as_ref().map(RunId::as_str))
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
