//! What a run finds in the groups, told to the log: the full list of members at first and every now and
//! then, and in between what somebody else changed. With the outcomes of rosterd's own changes the log so
//! tells who was in a group at any time.
//!
//! A run observes before its own changes, so that the records stand in the order of what happened.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::TryStreamExt;
use jiff::{SignedDuration, Timestamp};
use sqlx::SqliteConnection;

use super::audit::canonical::Json;
use super::audit::chain::Chain;
use super::audit::record::{self, Frame, Record};
use super::audit::{AuditRecord, Event};
use super::error::Fault;
use super::learned::digest;
use super::stored::{from_json, millis, time, to_json};
use super::{runs, settings};
use crate::model::id::{AccountId, GroupId, GroupName, RunId};
use crate::model::live::{Absence, LiveState};
use crate::model::plan::Op;
use crate::model::run::ChangeResult;

const TABLE: &str = "observed_group";

/// So many accounts stand in one record.
const IN_ONE_RECORD: usize = 1_000;

/// A full list is told anew after this time at the latest, so that older records can go to an archive.
const RENEWED_AFTER: SignedDuration = SignedDuration::from_hours(90 * 24);

/// What a run found.
#[derive(Debug, Clone)]
pub struct Observation<'a> {
    /// Hyperproof as it was read.
    pub live: &'a LiveState,
    /// Target groups with the ids by which they are followed, also those that cannot be worked on now. Several may
    /// claim one group.
    pub groups: Vec<(&'a GroupName, &'a GroupId)>,
    /// `groups` has every target group of which an id is known, and everything was read that says which these are: a
    /// group that is not among them is mapped no more. Else `groups` may lack some, and nothing follows from it.
    pub all: bool,
    /// For so long records stay in the state. Three times in it a full list is told anew.
    pub retention: SignedDuration,
}

/// Members by the log, as a row has them.
struct Row {
    name: String,
    digest: String,
    baseline_at: Timestamp,
}

/// What rosterd's own changes did to a group since it was observed.
#[derive(Default)]
struct Edits {
    /// The group's configured name.
    name: String,
    /// It was created, at that time.
    created: Option<Timestamp>,
    /// Who is in and who is out by them.
    members: BTreeMap<AccountId, bool>,
}

/// Appends what the log does not know yet. Tells how many records that took.
pub(super) async fn record(
    conn: &mut SqliteConnection,
    run: &RunId,
    at: Timestamp,
    observation: &Observation<'_>,
) -> Result<usize, Fault> {
    let last = settings::observed(conn).await?;
    let mut rows = rows(conn).await?;
    let mut edits = edits_since(conn, last.map(|(seq, _)| seq)).await?;
    let mut teller = Teller {
        frame: runs::frame(conn, run).await?,
        chain: Chain::read(conn).await?,
        at,
        since: last.map(|(_, at)| at),
        renewed_after: RENEWED_AFTER.min(observation.retention / 3),
        records: 0,
    };
    for (id, name) in named(observation, &rows) {
        let Some(group) = observation.live.group(id) else { continue };
        let (row, edits) = (rows.remove(id), edits.remove(id).unwrap_or_default());
        let members: Vec<&AccountId> = observation.live.members(group).collect();
        teller.group(conn, observation.live, (name, id), &members, row, edits).await?;
    }
    for (id, why) in ended(observation, &rows, &edits) {
        let (row, edits) = (rows.remove(&id), edits.remove(&id).unwrap_or_default());
        teller.end(conn, observation.live, &id, row, edits, why).await?;
    }
    // Groups that were not looked at this time: the next look begins behind these outcomes.
    for (id, edits) in edits.into_iter().filter(|(_, edits)| !edits.members.is_empty() || edits.created.is_some()) {
        let Some(baseline_at) = rows.get(&id).map(|row| row.baseline_at).or(edits.created) else { continue };
        let name = rows.get(&id).map_or(&edits.name, |row| &row.name);
        let members = expected(conn, &id, &edits).await?;
        let members: Vec<&AccountId> = members.iter().collect();
        write(conn, (&id, name), &digest(members.iter().copied()), &members, baseline_at).await?;
    }
    // A run that did not look at all groups makes none of the others' changes younger: what is found in them
    // later may have happened since the last look at all.
    let looked = last.map(|(_, before)| before).filter(|_| !observation.all).unwrap_or(at);
    settings::remember_observed(conn, teller.chain.seq(), looked).await?;
    Ok(teller.records)
}

/// Each group that is looked at, once, in the order of the target groups. Where several of those claim it, it keeps the
/// name that the log has for it.
fn named<'a>(observation: &Observation<'a>, rows: &BTreeMap<GroupId, Row>) -> Vec<(&'a GroupId, &'a GroupName)> {
    let mut names: BTreeMap<&GroupId, &GroupName> = BTreeMap::new();
    for (name, id) in &observation.groups {
        let is_known = rows.get(*id).is_some_and(|row| row.name == name.as_str());
        if is_known || !names.contains_key(*id) {
            names.insert(*id, *name);
        }
    }
    let chosen = observation.groups.iter().filter(|(name, id)| names.get(*id) == Some(name));
    chosen.map(|(name, id)| (*id, *name)).collect()
}

/// Groups that the log knows and that are looked at no more, each with the reason.
fn ended(
    observation: &Observation<'_>,
    rows: &BTreeMap<GroupId, Row>,
    edits: &BTreeMap<GroupId, Edits>,
) -> Vec<(GroupId, &'static str)> {
    let mapped: BTreeSet<&GroupId> = observation.groups.iter().map(|(_, id)| *id).collect();
    let why = |id: &GroupId| match observation.live.absent.get(id) {
        Some(Absence::Gone) => Some("gone"),
        Some(Absence::Archived) => Some("archived"),
        Some(Absence::Unread(_)) => None,
        None => (observation.all && !mapped.contains(id)).then_some("unmapped"),
    };
    let created = edits.iter().filter(|(id, edits)| edits.created.is_some() && !rows.contains_key(*id));
    let known = rows.keys().chain(created.map(|(id, _)| id));
    known.filter_map(|id| Some((id.clone(), why(id)?))).collect()
}

/// Groups that the log is not done with: those whose members it follows, and those of intents without an outcome.
pub(super) async fn followed(conn: &mut SqliteConnection) -> Result<BTreeSet<GroupId>, Fault> {
    let ids: Vec<String> = sqlx::query_scalar(
        "SELECT group_id FROM observed_group UNION SELECT group_id FROM open_intent WHERE group_id IS NOT NULL",
    )
    .fetch_all(conn)
    .await?;
    Ok(ids.into_iter().map(GroupId::from).collect())
}

async fn rows(conn: &mut SqliteConnection) -> Result<BTreeMap<GroupId, Row>, Fault> {
    let rows: Vec<(String, String, String, i64)> =
        sqlx::query_as("SELECT group_id, group_name, digest, baseline_at FROM observed_group").fetch_all(conn).await?;
    let row = |(id, name, digest, baseline_at): (String, String, String, i64)| {
        let baseline_at = time(TABLE, &id, baseline_at)?;
        Ok((id.into(), Row { name, digest, baseline_at }))
    };
    rows.into_iter().map(row).collect()
}

/// Outcomes behind a number of the log, by group. Nothing was observed yet: they do not matter.
async fn edits_since(conn: &mut SqliteConnection, seq: Option<i64>) -> Result<BTreeMap<GroupId, Edits>, Fault> {
    let mut edits: BTreeMap<GroupId, Edits> = BTreeMap::new();
    let Some(seq) = seq else { return Ok(edits) };
    let mut rows = sqlx::query_as::<_, (i64, String)>(
        "SELECT seq, record FROM audit WHERE seq > $1 AND record LIKE '%\"event\":\"outcome\"%' ORDER BY seq",
    )
    .bind(seq)
    .fetch(conn);
    while let Some((seq, text)) = rows.try_next().await? {
        let record = AuditRecord::parse(&text).map_err(|why| Fault::row("audit", seq, why))?;
        let done = record.result.as_deref() == Some(ChangeResult::Done.as_str());
        let so = done || record.result.as_deref() == Some(ChangeResult::AlreadySo.as_str());
        let Some(group) = record.group.filter(|_| so) else { continue };
        let Some(id) = group.id else { continue };
        let edits = edits.entry(id.into()).or_default();
        edits.name = group.name;
        let member = record.member.map(|member| AccountId::from(member.user_id));
        match (record.op.as_deref().and_then(Op::parse), member) {
            (Some(Op::CreateGroup), _) if done => edits.created = Some(record.at),
            (Some(Op::AddMember), Some(account)) => _ = edits.members.insert(account, true),
            (Some(Op::RemoveMember), Some(account)) => _ = edits.members.insert(account, false),
            _ => {}
        }
    }
    Ok(edits)
}

/// Members by the log: those of the row, after rosterd's own changes.
async fn expected(conn: &mut SqliteConnection, id: &GroupId, edits: &Edits) -> Result<BTreeSet<AccountId>, Fault> {
    let text: Option<String> = sqlx::query_scalar("SELECT members FROM observed_group WHERE group_id = $1")
        .bind(id.as_str())
        .fetch_optional(conn)
        .await?;
    let members: Vec<String> = match text {
        Some(text) => from_json(TABLE, id.as_str(), &text)?,
        None => Vec::new(),
    };
    let mut members: BTreeSet<AccountId> = members.into_iter().map(AccountId::from).collect();
    for (account, present) in &edits.members {
        match present {
            true => members.insert(account.clone()),
            false => members.remove(account),
        };
    }
    Ok(members)
}

/// Appends the records of one observation.
struct Teller {
    frame: Frame,
    chain: Chain,
    at: Timestamp,
    since: Option<Timestamp>,
    renewed_after: SignedDuration,
    records: usize,
}

impl Teller {
    async fn group(
        &mut self,
        conn: &mut SqliteConnection,
        live: &LiveState,
        (name, id): (&GroupName, &GroupId),
        members: &[&AccountId],
        row: Option<Row>,
        edits: Edits,
    ) -> Result<(), Fault> {
        let group = record::group(Some(id.as_str()), name.as_str());
        let known_since = row.as_ref().map(|row| row.baseline_at).or(edits.created);
        let same_name = row.as_ref().is_none_or(|row| row.name == name.as_str());
        let digest = digest(members.iter().copied());
        let stored = row.as_ref().is_some_and(|row| row.digest == digest);
        if known_since.is_some() && same_name && !(stored && edits.members.is_empty()) {
            let expected = expected(conn, id, &edits).await?;
            self.drift(conn, live, &group, members, &expected).await?;
        }
        let fresh = known_since.filter(|since| same_name && self.at.duration_since(*since) < self.renewed_after);
        if fresh.is_none() {
            self.baseline(conn, live, &group, members).await?;
        }
        let baseline_at = fresh.unwrap_or(self.at);
        if !(stored && same_name && row.is_some_and(|row| row.baseline_at == baseline_at)) {
            write(conn, (id, name.as_str()), &digest, members, baseline_at).await?;
        }
        Ok(())
    }

    /// Tells what happened in a group up to now, where it is still there, and that it is looked at no more. What
    /// comes later nobody knows; where it is back, it begins with a full list.
    async fn end(
        &mut self,
        conn: &mut SqliteConnection,
        live: &LiveState,
        id: &GroupId,
        row: Option<Row>,
        edits: Edits,
        why: &str,
    ) -> Result<(), Fault> {
        let group = record::group(Some(id.as_str()), row.as_ref().map_or(&edits.name, |row| &row.name));
        let there = live.group(id);
        if let Some(there) = there {
            let members: Vec<&AccountId> = live.members(there).collect();
            let expected = expected(conn, id, &edits).await?;
            self.drift(conn, live, &group, &members, &expected).await?;
        }
        let since = self.since.filter(|_| there.is_none()).map(record::time);
        let record = self.record(&group).with("ended", why).maybe("since", since);
        self.append(conn, record).await?;
        sqlx::query("DELETE FROM observed_group WHERE group_id = $1").bind(id.as_str()).execute(conn).await?;
        Ok(())
    }

    async fn append(&mut self, conn: &mut SqliteConnection, record: Record) -> Result<(), Fault> {
        self.chain.append(conn, record).await?;
        self.records += 1;
        Ok(())
    }

    fn record(&self, group: &Json) -> Record {
        Record::of_run(Event::Observed, self.at, &self.frame).with("group", group.clone())
    }

    async fn baseline(
        &mut self,
        conn: &mut SqliteConnection,
        live: &LiveState,
        group: &Json,
        members: &[&AccountId],
    ) -> Result<(), Fault> {
        let of = members.len().div_ceil(IN_ONE_RECORD).max(1);
        for part in 0..of {
            let members = members.iter().skip(part * IN_ONE_RECORD).take(IN_ONE_RECORD);
            let record = self
                .record(group)
                .with("baseline", true)
                .with("part", part + 1)
                .with("of", of)
                .with("members", Json::List(members.map(|id| member(live, id)).collect()));
            self.append(conn, record).await?;
        }
        Ok(())
    }

    async fn drift(
        &mut self,
        conn: &mut SqliteConnection,
        live: &LiveState,
        group: &Json,
        members: &[&AccountId],
        expected: &BTreeSet<AccountId>,
    ) -> Result<(), Fault> {
        let added = members.iter().filter(|id| !expected.contains(**id)).map(|id| (*id, true));
        let removed = expected.iter().filter(|id| members.binary_search(id).is_err()).map(|id| (id, false));
        let drift: Vec<(&AccountId, bool)> = added.chain(removed).collect();
        for part in drift.chunks(IN_ONE_RECORD) {
            let of = |wanted: bool| {
                let ids = part.iter().filter(|(_, added)| *added == wanted);
                let ids: Vec<Json> = ids.map(|(id, _)| member(live, id)).collect();
                (!ids.is_empty()).then_some(Json::List(ids))
            };
            let record = self
                .record(group)
                .maybe("added", of(true))
                .maybe("removed", of(false))
                .maybe("since", self.since.map(record::time));
            self.append(conn, record).await?;
        }
        Ok(())
    }
}

fn member(live: &LiveState, id: &AccountId) -> Json {
    let email = live.account(id).and_then(|account| account.email.as_ref());
    Json::object([("user_id", Some(id.as_str().into())), ("email", email.map(|email| email.as_str().into()))])
}

async fn write(
    conn: &mut SqliteConnection,
    (id, name): (&GroupId, &str),
    digest: &str,
    members: &[&AccountId],
    baseline_at: Timestamp,
) -> Result<(), Fault> {
    sqlx::query(
        "INSERT INTO observed_group (group_id, group_name, digest, members, baseline_at) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (group_id) DO UPDATE SET group_name = excluded.group_name, digest = excluded.digest, \
         members = excluded.members, baseline_at = excluded.baseline_at",
    )
    .bind(id.as_str())
    .bind(name)
    .bind(digest)
    .bind(to_json(&members.iter().map(|id| id.as_str()).collect::<Vec<_>>())?)
    .bind(millis(baseline_at))
    .execute(conn)
    .await?;
    Ok(())
}
