//! What a success means for the state: whose memberships they are, how a group is found, which
//! approval was used, what counts for the day.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use sqlx::SqliteConnection;

use super::changes::{OpenIntent, OutcomeRecord};
use super::error::Fault;
use super::stored::{key_columns, millis};
use super::undo::Undoing;
use super::{given, learned, rows, settings};
use crate::model::id::{AccountId, GroupId, RunId};
use crate::model::plan::Op;
use crate::model::run::ChangeResult;

/// Removals older than this are counted by nothing.
const REMOVALS_KEPT: SignedDuration = SignedDuration::from_hours(48);

/// What successes mean for the state: gathered change by change, written together.
pub(super) struct Effects {
    at: Timestamp,
    undoing: Undoing,
    /// Memberships by group and account: the run that made it, or none where it is no longer rosterd's.
    owned: BTreeMap<(GroupId, String), Option<RunId>>,
    /// Removals: the outcome, and whether an approval let it through.
    removals: Vec<(i64, bool)>,
    /// Who was taken out, by group: not in it as rosterd left it, whatever run did it.
    out: BTreeMap<GroupId, BTreeSet<String>>,
}

impl Effects {
    pub(super) async fn new(conn: &mut SqliteConnection, at: Timestamp) -> Result<Self, Fault> {
        let undoing = Undoing::new(conn, at).await?;
        Ok(Self { at, undoing, owned: BTreeMap::new(), removals: Vec::new(), out: BTreeMap::new() })
    }

    /// Takes what became of one change; `seq` is its outcome's record.
    pub(super) async fn take(
        &mut self,
        conn: &mut SqliteConnection,
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
        self.undoing.settle(conn, intent, &group).await?;
        let (_, _, account) = key_columns(&intent.change);
        match intent.change.op {
            Op::CreateGroup => settings::link_groups(conn, vec![(&intent.change.group, &group)]).await?,
            Op::AddMember if done => _ = self.owned.insert((group, account.to_owned()), Some(intent.run.clone())),
            Op::RemoveMember => {
                if done {
                    self.removals.push((seq, intent.approval.is_some()));
                    self.out.entry(group.clone()).or_default().insert(account.to_owned());
                }
                self.owned.insert((group, account.to_owned()), None);
            }
            Op::AddMember | Op::SetLead | Op::ClearLead => {}
        }
        Ok(())
    }

    /// Writes down what was gathered.
    pub(super) async fn write(self, conn: &mut SqliteConnection) -> Result<(), Fault> {
        const OWN: &str = "INSERT INTO owned (group_id, account_id, run_id, at) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (group_id, account_id) DO UPDATE SET run_id = excluded.run_id, at = excluded.at";
        const COUNT: &str = "INSERT INTO removal (seq, at, approved) VALUES ($1, $2, $3)";
        let at = millis(self.at);
        let mut made = Vec::new();
        for ((group, account), run) in self.owned {
            match run {
                Some(run) => made.push((group, account, run)),
                None => disown(conn, &group, &account).await?,
            }
        }
        rows::insert(conn, OWN, made, |mut row, (group, account, run)| {
            row.push_bind(group.as_str()).push_bind(account).push_bind(run.as_str()).push_bind(at);
        })
        .await?;
        for (group, accounts) in self.out {
            learned::not_left(conn, &group, &accounts).await?;
        }
        rows::insert(conn, COUNT, self.removals, |mut row, (seq, approved)| {
            row.push_bind(seq).push_bind(at).push_bind(i64::from(approved));
        })
        .await?;
        forget_old_removals(conn, self.at).await
    }
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
