//! What is kept beside the log and was made from it alone: by what its records are found, who was in the groups when a
//! run looked at them last, and which approvals were given, used and ended. Answers rest on all three, and whoever can
//! write the state can write them; so they are made anew while the log is walked, and compared.

use std::collections::{BTreeMap, BTreeSet};
use std::iter::Peekable;
use std::vec::IntoIter;

use futures_util::TryStreamExt;
use sqlx::SqliteConnection;

use super::canonical::Json;
use super::keys::{self, Key, Kind};
use super::record::Event;
use super::walk::{Fields, Verification, tampered, text};
use crate::model::id::AccountId;
use crate::model::plan::Op;
use crate::model::run::ChangeResult;
use crate::store::error::Fault;
use crate::store::learned::digest;
use crate::store::recorded::Recorded;
use crate::store::settings;
use crate::store::stored::from_json;

/// The migration that brought the younger of the first two.
const SINCE: i64 = 8;

/// The migration from which on it is written down which approvals ended.
const APPROVALS: i64 = 11;

type Row = (i64, String, String);

/// What the log says of what is beside it, as far as it was walked.
pub(crate) struct Beside {
    /// A file that is older has none of it, and stays as it is while it is only read.
    is_there: bool,
    /// Keys of the records that come next, in their order.
    rows: Peekable<IntoIter<Row>>,
    /// The first record whose keys are others, or the first key of a record that is not there.
    bad: Option<Verification>,
    /// The log was looked at up to here when members were written down last.
    until: i64,
    /// Groups by their ids.
    groups: BTreeMap<String, Roll>,
    /// Approvals; none in a file that is older.
    approvals: Option<Recorded>,
    /// When old records were archived last, by the log.
    archived_at: Option<String>,
}

/// Members of a group by the log.
#[derive(Default)]
struct Roll {
    /// The log has a full list, or the creation of the group; else some may be missing.
    whole: bool,
    members: BTreeSet<String>,
}

impl Beside {
    /// At the beginning of the log.
    pub(crate) async fn new(conn: &mut SqliteConnection) -> Result<Self, Fault> {
        let schema: Option<i64> =
            sqlx::query_scalar("SELECT MAX(version) FROM _sqlx_migrations").fetch_one(&mut *conn).await?;
        let schema = schema.unwrap_or(0);
        let is_there = schema >= SINCE;
        let until = match is_there {
            true => settings::observed(conn).await?.map_or(0, |(seq, _)| seq),
            false => 0,
        };
        Ok(Self {
            is_there,
            rows: Vec::new().into_iter().peekable(),
            bad: None,
            until,
            groups: BTreeMap::new(),
            approvals: (schema >= APPROVALS).then(Recorded::default),
            archived_at: None,
        })
    }

    /// Reads the keys of the records from one number to another.
    pub(crate) async fn page(&mut self, conn: &mut SqliteConnection, from: i64, to: i64) -> Result<(), Fault> {
        if !self.is_there {
            return Ok(());
        }
        self.skip(i64::MAX);
        let rows: Vec<Row> =
            sqlx::query_as("SELECT seq, kind, value FROM audit_key WHERE seq >= $1 AND seq <= $2 ORDER BY seq")
                .bind(from)
                .bind(to)
                .fetch_all(conn)
                .await?;
        self.rows = rows.into_iter().peekable();
        Ok(())
    }

    /// Keys before this number belong to no record.
    fn skip(&mut self, seq: i64) {
        while let Some((stray, ..)) = self.rows.next_if(|(key, ..)| *key < seq) {
            self.found(stray, "the state has keys that a record is found by, and there is no such record");
        }
    }

    fn found(&mut self, seq: i64, what: &str) {
        self.bad.get_or_insert_with(|| tampered(seq, what));
    }

    /// Compares the keys of a record that fits the chain, and notes what it says of memberships.
    pub(crate) fn take(&mut self, seq: i64, fields: &Fields) {
        if !self.is_there {
            return;
        }
        self.skip(seq);
        let (mut count, mut found) = (0, BTreeSet::<Key>::new());
        while let Some((_, kind, value)) = self.rows.next_if(|(key, ..)| *key == seq) {
            count += 1;
            found.extend(Kind::parse(&kind).map(|kind| (kind, value)));
        }
        let wanted = keys::of(fields);
        if count != wanted.len() || found != wanted {
            self.found(seq, "the record is not found by what it is about: its keys beside the log are others");
        }
        if seq <= self.until {
            self.note(fields);
        }
        if let Some(approvals) = &mut self.approvals {
            approvals.take(fields);
        }
        if text(fields, "event") == Some(Event::Archived.as_str()) {
            self.archived_at = text(fields, "at").map(str::to_owned);
        }
    }

    fn note(&mut self, fields: &Fields) {
        let Some(Json::Object(group)) = fields.get("group") else { return };
        let Some(group) = text(group, "id") else { return };
        match text(fields, "event").and_then(Event::parse) {
            Some(Event::Observed) => self.observed(group, fields),
            Some(Event::Outcome) => self.outcome(group, fields),
            _ => {}
        }
    }

    fn observed(&mut self, group: &str, fields: &Fields) {
        if fields.contains_key("ended") {
            self.groups.remove(group);
            return;
        }
        let is_first = fields.get("part").is_none_or(|part| *part == Json::Int(1));
        if fields.get("baseline") == Some(&Json::Bool(true)) && is_first {
            self.groups.insert(group.to_owned(), Roll { whole: true, members: BTreeSet::new() });
        }
        let members = &mut self.groups.entry(group.to_owned()).or_default().members;
        members.extend(ids(fields, "members").chain(ids(fields, "added")).map(str::to_owned));
        for id in ids(fields, "removed") {
            members.remove(id);
        }
    }

    fn outcome(&mut self, group: &str, fields: &Fields) {
        let result = text(fields, "result");
        let done = result == Some(ChangeResult::Done.as_str());
        if !done && result != Some(ChangeResult::AlreadySo.as_str()) {
            return;
        }
        let member = match fields.get("member") {
            Some(Json::Object(member)) => text(member, "user_id"),
            _ => None,
        };
        let roll = self.groups.entry(group.to_owned()).or_default();
        match (text(fields, "op").and_then(Op::parse), member) {
            (Some(Op::CreateGroup), _) if done => roll.whole = true,
            (Some(Op::AddMember), Some(id)) => _ = roll.members.insert(id.to_owned()),
            (Some(Op::RemoveMember), Some(id)) => _ = roll.members.remove(id),
            _ => {}
        }
    }

    /// What is wrong, once all records were walked. Of a group whose full list is in an archive nothing is said.
    pub(crate) async fn ended(mut self, conn: &mut SqliteConnection) -> Result<Option<Verification>, Fault> {
        if !self.is_there {
            return Ok(None);
        }
        self.skip(i64::MAX);
        if self.bad.is_some() {
            return Ok(self.bad);
        }
        if let Some(mut approvals) = self.approvals.take()
            && let Some(what) = approvals.contradicted(conn, self.archived_at.as_deref()).await?
        {
            return Ok(Some(tampered(0, what)));
        }
        let mut rows = sqlx::query_as::<_, (String, String, String, String)>(
            "SELECT group_id, group_name, digest, members FROM observed_group ORDER BY group_id",
        )
        .fetch(conn);
        while let Some((id, name, stored, members)) = rows.try_next().await? {
            let members: Vec<AccountId> =
                from_json::<Vec<String>>("observed_group", &id, &members)?.into_iter().map(AccountId::from).collect();
            let told = self.groups.get(&id).filter(|roll| roll.whole).is_none_or(|roll| {
                roll.members.len() == members.len() && members.iter().all(|id| roll.members.contains(id.as_str()))
            });
            if !told || digest(members.iter()) != stored {
                let what = format!("what the state has as members of group {name:?} is not what the log tells of them");
                return Ok(Some(tampered(0, what)));
            }
        }
        Ok(None)
    }
}

/// Ids of a list of members.
fn ids<'a>(fields: &'a Fields, list: &str) -> impl Iterator<Item = &'a str> {
    let members = match fields.get(list) {
        Some(Json::List(members)) => members.as_slice(),
        _ => &[],
    };
    members.iter().filter_map(|member| match member {
        Json::Object(member) => text(member, "user_id"),
        _ => None,
    })
}
