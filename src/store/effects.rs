//! What a success means for the state: whose memberships they are, how a group is found, which
//! approval was used, what counts for the day.

use jiff::{SignedDuration, Timestamp};
use sqlx::SqliteConnection;

use super::changes::{OpenIntent, OutcomeRecord};
use super::error::Fault;
use super::stored::{key_columns, millis};
use super::{given, settings, undo};
use crate::model::id::{AccountId, GroupId};
use crate::model::plan::Op;
use crate::model::run::ChangeResult;

/// Removals older than this are counted by nothing.
const REMOVALS_KEPT: SignedDuration = SignedDuration::from_hours(48);

/// What a success means for the state.
pub(super) async fn take_effect(
    conn: &mut SqliteConnection,
    at: Timestamp,
    seq: i64,
    intent: &OpenIntent,
    outcome: &OutcomeRecord,
) -> Result<(), Fault> {
    if !outcome.result.is_so() {
        return Ok(());
    }
    if intent.approval.is_some() {
        given::pass(conn, &intent.change, seq).await?;
    }
    let done = outcome.result == ChangeResult::Done;
    let group = match outcome.group_id.as_ref().or(intent.group_id.as_ref()) {
        Some(id) => Some(id.clone()),
        None => settings::linked_group(conn, &intent.change.group).await?,
    };
    let Some(group) = group else {
        tracing::warn!(group = %intent.change.group, seq, "a change was made in a group whose id is not known");
        return Ok(());
    };
    undo::settle(conn, at, intent, &group).await?;
    match intent.change.op {
        Op::CreateGroup => settings::link_group(conn, &intent.change.group, &group).await,
        Op::AddMember if done => own(conn, at, &group, intent).await,
        Op::RemoveMember => {
            let (_, _, account) = key_columns(&intent.change);
            disown(conn, &group, account).await?;
            if done {
                count_removal(conn, at, seq, intent.approval.is_some()).await?;
            }
            Ok(())
        }
        Op::AddMember | Op::SetLead | Op::ClearLead => Ok(()),
    }
}

async fn own(conn: &mut SqliteConnection, at: Timestamp, group: &GroupId, intent: &OpenIntent) -> Result<(), Fault> {
    let (_, _, account) = key_columns(&intent.change);
    sqlx::query(
        "INSERT INTO owned (group_id, account_id, run_id, at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (group_id, account_id) DO UPDATE SET run_id = excluded.run_id, at = excluded.at",
    )
    .bind(group.as_str())
    .bind(account)
    .bind(intent.run.as_str())
    .bind(millis(at))
    .execute(conn)
    .await?;
    Ok(())
}

/// Memberships that rosterd made and that somebody else took back.
pub(super) async fn disown_all(conn: &mut SqliteConnection, lapsed: &[(GroupId, AccountId)]) -> Result<(), Fault> {
    for (group, account) in lapsed {
        disown(conn, group, account.as_str()).await?;
    }
    Ok(())
}

async fn disown(conn: &mut SqliteConnection, group: &GroupId, account: &str) -> Result<(), Fault> {
    sqlx::query("DELETE FROM owned WHERE group_id = $1 AND account_id = $2")
        .bind(group.as_str())
        .bind(account)
        .execute(conn)
        .await?;
    Ok(())
}

async fn count_removal(conn: &mut SqliteConnection, at: Timestamp, seq: i64, approved: bool) -> Result<(), Fault> {
    sqlx::query("INSERT INTO removal (seq, at, approved) VALUES ($1, $2, $3)")
        .bind(seq)
        .bind(millis(at))
        .bind(i64::from(approved))
        .execute(conn)
        .await?;
    Ok(())
}

/// Removals after a time that no approval let through.
pub(super) async fn unapproved_removals(conn: &mut SqliteConnection, after: i64) -> Result<i64, Fault> {
    let count = sqlx::query_scalar("SELECT COUNT(*) FROM removal WHERE at > $1 AND approved = 0").bind(after);
    Ok(count.fetch_one(conn).await?)
}

/// A span in milliseconds.
pub(super) fn millis_of(span: SignedDuration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

/// Lets go of removals that no day counts any more.
pub(super) async fn forget_old_removals(conn: &mut SqliteConnection, at: Timestamp) -> Result<(), Fault> {
    sqlx::query("DELETE FROM removal WHERE at < $1")
        .bind(millis(at).saturating_sub(millis_of(REMOVALS_KEPT)))
        .execute(conn)
        .await?;
    Ok(())
}
