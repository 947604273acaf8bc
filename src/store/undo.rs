//! Taking back: what a run did, by the log, and what was taken back, as long as that holds.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sqlx::SqliteConnection;

use super::audit::AuditRecord;
use super::changes::OpenIntent;
use super::error::Fault;
use super::stored::{key_columns, millis, time};
use super::{holds, learned};
use crate::model::hold::{HoldId, Rule, Scope};
use crate::model::id::{AccountId, GroupId, RunId};
use crate::model::memory::Memory;
use crate::model::plan::Op;
use crate::model::run::ChangeResult;
use crate::model::undo::{Deed, Deeds, LaterDeed, LeadBefore, Undone, UndoneKey};

const TABLE: &str = "undone";

/// Records that are in memory at once.
const PAGE: i64 = 500;

/// Runs whose ids begin so, newest first, 10 at most; the one with exactly this id alone.
pub(super) async fn runs_named(conn: &mut SqliteConnection, id: &str) -> Result<Vec<RunId>, Fault> {
    // What begins so stands together in the order of ids, up to where the last character there is follows.
    let sql = "SELECT id FROM run WHERE id >= $1 AND id < $2 ORDER BY started_at DESC, id DESC LIMIT 10";
    let ids: Vec<String> = sqlx::query_scalar(sql).bind(id).bind(format!("{id}{}", char::MAX)).fetch_all(conn).await?;
    let ids = if ids.iter().any(|own| own == id) { vec![id.to_owned()] } else { ids };
    Ok(ids.into_iter().map(Into::into).collect())
}

/// What a run did, with the newest change to the same thing after each deed. The log is read from the
/// run's first record on.
pub(super) async fn deeds(conn: &mut SqliteConnection, run: &RunId) -> Result<Deeds, Fault> {
    let first: Option<i64> = sqlx::query_scalar("SELECT first_seq FROM run WHERE id = $1")
        .bind(run.as_str())
        .fetch_optional(&mut *conn)
        .await?;
    let mut after = first.ok_or_else(|| Fault::UnknownRun(run.to_string()))?;
    let mut deeds: Vec<Deed> = Vec::new();
    // Of each membership, and each group's lead: the deed to which a later change belongs.
    let mut at: BTreeMap<Thing, usize> = BTreeMap::new();
    loop {
        let rows: Vec<(i64, String)> =
            sqlx::query_as("SELECT seq, record FROM audit WHERE seq > $1 ORDER BY seq LIMIT $2")
                .bind(after)
                .bind(PAGE)
                .fetch_all(&mut *conn)
                .await?;
        let Some((last, _)) = rows.last() else { break };
        after = *last;
        for (seq, text) in &rows {
            // Most records are none; parsing them all would take the longest.
            if !text.contains("\"event\":\"outcome\"") {
                continue;
            }
            let record = AuditRecord::parse(text).map_err(|why| Fault::row("audit", seq, why))?;
            if record.event != "outcome" || record.result.as_deref() != Some(ChangeResult::Done.as_str()) {
                continue;
            }
            let by: RunId = record.run_id.clone().unwrap_or_default().into();
            let written = record.at;
            let deed = deed(*seq, record)?;
            let thing = Thing::of(&deed);
            if by == *run {
                if let Some(thing) = thing {
                    at.insert(thing, deeds.len());
                }
                deeds.push(deed);
            } else if let Some(done) = thing.and_then(|thing| at.get(&thing)).and_then(|at| deeds.get_mut(*at)) {
                done.later = Some(LaterDeed { run: by, at: written, op: deed.op });
            }
        }
    }
    Ok(Deeds { run: run.clone(), deeds })
}

/// What a change is about: a membership, or (none) the lead of a group.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Thing(GroupId, Option<AccountId>);

impl Thing {
    fn of(deed: &Deed) -> Option<Self> {
        let group = deed.group_id.clone()?;
        match deed.op {
            Op::CreateGroup => None,
            Op::AddMember | Op::RemoveMember => Some(Self(group, Some(deed.account.clone()?))),
            Op::SetLead | Op::ClearLead => Some(Self(group, None)),
        }
    }
}

fn deed(seq: i64, record: AuditRecord) -> Result<Deed, Fault> {
    let odd = |what: &str| Fault::row("audit", seq, format!("an outcome without {what}"));
    let group = record.group.ok_or_else(|| odd("a group"))?;
    let op = record.op.as_deref().and_then(Op::parse).ok_or_else(|| odd("a kind that is known"))?;
    let (account, email) = record.member.map_or((None, None), |member| (Some(member.user_id.into()), member.email));
    Ok(Deed {
        group: group.name.into(),
        group_id: group.id.map(Into::into),
        op,
        account,
        email,
        lead_before: match record.lead_before {
            None => LeadBefore::Unknown,
            Some(lead) => lead.user_id.map_or(LeadBefore::Nobody, |id| LeadBefore::Account(id.into())),
        },
        later: None,
    })
}

/// Fills in what was taken back.
pub(super) async fn load(conn: &mut SqliteConnection, memory: &mut Memory) -> Result<(), Fault> {
    let rows: Vec<(String, String, String, String, String, i64)> =
        sqlx::query_as("SELECT group_id, op, account_id, by_run, of_run, at FROM undone").fetch_all(conn).await?;
    for (group, op, account, by, of, at) in rows {
        let op = Op::parse(&op).ok_or_else(|| Fault::row(TABLE, &group, format!("unknown kind {op:?}")))?;
        let at = time(TABLE, &group, at)?;
        let account = (!account.is_empty()).then(|| account.into());
        let key = UndoneKey { group: group.into(), op, account };
        memory.undone.insert(key, Undone { by: by.into(), of: of.into(), at });
    }
    Ok(())
}

/// What changes that were made mean for what was taken back.
pub(super) struct Undoing {
    at: Timestamp,
    /// Whether anything was taken back, or waits because it was.
    anything: bool,
    /// What each run takes back.
    undoes: BTreeMap<RunId, Option<String>>,
}

impl Undoing {
    pub(super) async fn new(conn: &mut SqliteConnection, at: Timestamp) -> Result<Self, Fault> {
        let (undone, holds): (i64, i64) = sqlx::query_as(
            "SELECT EXISTS (SELECT 1 FROM undone), \
             EXISTS (SELECT 1 FROM hold WHERE closed_at IS NULL AND rule = $1)",
        )
        .bind(Rule::Undone.as_str())
        .fetch_one(conn)
        .await?;
        Ok(Self { at, anything: undone + holds > 0, undoes: BTreeMap::new() })
    }

    async fn undone_by(&mut self, conn: &mut SqliteConnection, run: &RunId) -> Result<Option<String>, Fault> {
        if let Some(known) = self.undoes.get(run) {
            return Ok(known.clone());
        }
        let of: Option<Option<String>> =
            sqlx::query_scalar("SELECT undoes FROM run WHERE id = $1").bind(run.as_str()).fetch_optional(conn).await?;
        Ok(self.undoes.entry(run.clone()).or_insert(of.flatten()).clone())
    }

    /// Whatever run made a change, it waits no longer. If a run made it that takes another one back, the change
    /// the other way round waits from now on, and live is as the last run left it: that is no drift.
    pub(super) async fn settle(
        &mut self,
        conn: &mut SqliteConnection,
        intent: &OpenIntent,
        group: &GroupId,
    ) -> Result<(), Fault> {
        let change = &intent.change;
        if self.anything {
            forget(conn, &UndoneKey { group: group.clone(), op: change.op, account: change.account.clone() }).await?;
            let hold = HoldId::of(Rule::Undone, &Scope::Group(change.group.clone()), &[change.clone()].into());
            holds::close(conn, self.at, &hold).await?;
        }
        match self.undone_by(conn, &intent.run).await? {
            Some(of) => {
                self.anything = true;
                take_back(conn, self.at, intent, group, &of).await
            }
            None => Ok(()),
        }
    }
}

/// A change of a run that takes `of` back was made.
async fn take_back(
    conn: &mut SqliteConnection,
    at: Timestamp,
    intent: &OpenIntent,
    group: &GroupId,
    of: &str,
) -> Result<(), Fault> {
    let change = &intent.change;
    let (_, _, account) = key_columns(change);
    let back = match change.op {
        Op::CreateGroup => None,
        Op::AddMember => Some((Op::RemoveMember, account.to_owned())),
        Op::RemoveMember => Some((Op::AddMember, account.to_owned())),
        Op::SetLead | Op::ClearLead => lead_before(conn, intent.seq).await?,
    };
    match change.op {
        Op::AddMember => learned::is_left(conn, group, account).await?,
        // Also where somebody else had done it already.
        Op::RemoveMember => learned::not_left(conn, group, &[account.to_owned()].into()).await?,
        Op::CreateGroup | Op::SetLead | Op::ClearLead => {}
    }
    let Some((op, account)) = back else { return Ok(()) };
    sqlx::query(
        "INSERT INTO undone (group_id, op, account_id, by_run, of_run, at) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (group_id, op, account_id) \
         DO UPDATE SET by_run = excluded.by_run, of_run = excluded.of_run, at = excluded.at",
    )
    .bind(group.as_str())
    .bind(op.as_str())
    .bind(account)
    .bind(intent.run.as_str())
    .bind(of)
    .bind(millis(at))
    .execute(conn)
    .await?;
    Ok(())
}

/// The change that gives a group the lead back that it had before an intent.
async fn lead_before(conn: &mut SqliteConnection, intent: i64) -> Result<Option<(Op, String)>, Fault> {
    let text: Option<String> =
        sqlx::query_scalar("SELECT record FROM audit WHERE seq = $1").bind(intent).fetch_optional(conn).await?;
    let record = text.as_deref().map(AuditRecord::parse).transpose().map_err(|why| Fault::row("audit", intent, why))?;
    Ok(record.and_then(|record| record.lead_before).map(|lead| match lead.user_id {
        Some(account) => (Op::SetLead, account),
        None => (Op::ClearLead, String::new()),
    }))
}

/// Lets go of what was taken back, where that is over.
pub(super) async fn forget(conn: &mut SqliteConnection, key: &UndoneKey) -> Result<(), Fault> {
    sqlx::query("DELETE FROM undone WHERE group_id = $1 AND op = $2 AND account_id = $3")
        .bind(key.group.as_str())
        .bind(key.op.as_str())
        .bind(key.account.as_ref().map_or("", AccountId::as_str))
        .execute(conn)
        .await?;
    Ok(())
}
