//! What a full run learned: read at the beginning of the next one, replaced at the end of it. Only
//! rows that differ are written.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::TryStreamExt;
use sqlx::SqliteConnection;

use super::error::Fault;
use super::rows::{Cell, Kind, Rows, Table, pair, read, replace};
use super::stored::{Text, big, count, feeds_of, feeds_to_json, from_json, millis, time, to_json};
use super::{links, settings, undo};
use crate::model::desired::Feed;
use crate::model::digest::Digest;
use crate::model::id::{AccountId, GroupId, GroupName};
use crate::model::memberships::{Gathering, Memberships};
use crate::model::memory::{Learned, Memory, Seen};
use crate::model::undo::UndoneKey;

/// What a full run leaves behind.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FullRun {
    /// What it learned.
    pub learned: Learned,
    /// Groups that Hyperproof listed, with their names.
    pub known_groups: BTreeMap<GroupId, String>,
    /// Memberships as the run left them.
    pub left: Memberships,
    /// What it found, where every source vouches for its state.
    pub seen: Option<Seen>,
    /// What an undo took back, and what is over.
    pub over: Vec<UndoneKey>,
    /// Numbers of approvals of which nothing waits any more: they end.
    pub ended: Vec<i64>,
}

const KNOWN_GROUP: Table = Table {
    name: "known_group",
    keys: 1,
    value: Some(Kind::Text),
    select: "SELECT group_id, name FROM known_group",
    upsert: "INSERT INTO known_group (group_id, name) VALUES ($1, $2) \
             ON CONFLICT (group_id) DO UPDATE SET name = excluded.name",
    delete: "DELETE FROM known_group WHERE group_id = $1",
};

const LEFT_GROUP: &str = "left_group";

const FEED: Table = Table {
    name: "feed",
    keys: 1,
    value: Some(Kind::Text),
    select: "SELECT group_name, feeds FROM feed",
    upsert: "INSERT INTO feed (group_name, feeds) VALUES ($1, $2) \
             ON CONFLICT (group_name) DO UPDATE SET feeds = excluded.feeds",
    delete: "DELETE FROM feed WHERE group_name = $1",
};

const NESTED_FEED: Table = Table {
    name: "nested_feed",
    keys: 1,
    value: Some(Kind::Text),
    select: "SELECT group_name, feeds FROM nested_feed",
    upsert: "INSERT INTO nested_feed (group_name, feeds) VALUES ($1, $2) \
             ON CONFLICT (group_name) DO UPDATE SET feeds = excluded.feeds",
    delete: "DELETE FROM nested_feed WHERE group_name = $1",
};

const SETTLED: Table = Table {
    name: "settled",
    keys: 1,
    value: Some(Kind::Text),
    select: "SELECT group_name, digest FROM settled",
    upsert: "INSERT INTO settled (group_name, digest) VALUES ($1, $2) \
             ON CONFLICT (group_name) DO UPDATE SET digest = excluded.digest",
    delete: "DELETE FROM settled WHERE group_name = $1",
};

const BASELINE: Table = Table {
    name: "baseline",
    keys: 1,
    value: Some(Kind::Int),
    select: "SELECT source, people FROM baseline",
    upsert: "INSERT INTO baseline (source, people) VALUES ($1, $2) \
             ON CONFLICT (source) DO UPDATE SET people = excluded.people",
    delete: "DELETE FROM baseline WHERE source = $1",
};

const BASELINE_ADDRESS: Table = Table {
    name: "baseline_address",
    keys: 1,
    value: Some(Kind::Int),
    select: "SELECT source, people FROM baseline_address",
    upsert: "INSERT INTO baseline_address (source, people) VALUES ($1, $2) \
             ON CONFLICT (source) DO UPDATE SET people = excluded.people",
    delete: "DELETE FROM baseline_address WHERE source = $1",
};

const PENDING: Table = Table {
    name: "pending",
    keys: 2,
    value: Some(Kind::Int),
    select: "SELECT group_name, account_id, since FROM pending",
    upsert: "INSERT INTO pending (group_name, account_id, since) VALUES ($1, $2, $3) \
             ON CONFLICT (group_name, account_id) DO UPDATE SET since = excluded.since",
    delete: "DELETE FROM pending WHERE group_name = $1 AND account_id = $2",
};

const ACCEPTED_MISSING: Table = Table {
    name: "accepted_missing",
    keys: 3,
    value: None,
    select: "SELECT source, directory_group, group_name FROM accepted_missing",
    upsert: "INSERT INTO accepted_missing (source, directory_group, group_name) VALUES ($1, $2, $3) \
             ON CONFLICT (source, directory_group, group_name) DO NOTHING",
    delete: "DELETE FROM accepted_missing WHERE source = $1 AND directory_group = $2 AND group_name = $3",
};

const WATERMARK: Table = Table {
    name: "watermark",
    keys: 1,
    value: Some(Kind::Text),
    select: "SELECT source, mark FROM watermark",
    upsert: "INSERT INTO watermark (source, mark) VALUES ($1, $2) \
             ON CONFLICT (source) DO UPDATE SET mark = excluded.mark",
    delete: "DELETE FROM watermark WHERE source = $1",
};

const GROUP_LINK: Table = Table {
    name: "group_link",
    keys: 1,
    value: Some(Kind::Text),
    select: "SELECT group_name, group_id FROM group_link",
    upsert: "INSERT INTO group_link (group_name, group_id) VALUES ($1, $2) \
             ON CONFLICT (group_name) DO UPDATE SET group_id = excluded.group_id",
    delete: "DELETE FROM group_link WHERE group_name = $1",
};

/// One row a group: of so many rows each would cost more than all that is in it.
const OWNED: &str = "SELECT group_id, string_agg(account_id, $1) FROM owned GROUP BY group_id";

/// Stands between accounts, and in none.
const BETWEEN: char = '\u{1f}';

/// Takes the place of what the last full run learned; tells how many rows that wrote.
pub(super) async fn store(conn: &mut SqliteConnection, full: &FullRun) -> Result<u64, Fault> {
    let mut written = 0;
    for (table, wanted) in tables(full)? {
        written += replace(conn, table, &wanted).await?;
    }
    written += store_left(conn, &full.left).await?;
    written += links::store(conn, &full.learned.person_links).await?;
    if settings::files(conn).await? != full.learned.files {
        settings::remember_files(conn, &full.learned.files).await?;
        written += 1;
    }
    if settings::columns(conn).await? != full.learned.columns {
        settings::remember_columns(conn, &full.learned.columns).await?;
        written += 1;
    }
    for key in &full.over {
        undo::forget(conn, key).await?;
        written += 1;
    }
    let last = full.seen.as_ref().map(|seen| (seen.at, seen.live.as_str()));
    settings::remember_last_read(conn, last).await?;
    Ok(written)
}

fn tables(full: &FullRun) -> Result<[(&'static Table, Rows); 9], Fault> {
    let Learned {
        person_links: _,
        feeds,
        nested,
        settled,
        baselines,
        pending,
        accepted_missing,
        files: _,
        columns: _,
        addressed,
    } = &full.learned;
    let known = full.known_groups.iter().map(|(id, name)| (vec![id.to_string()], Some(Cell::text(name))));
    let of = |(group, feeds): (&GroupName, &Vec<Feed>)| {
        Ok((vec![group.to_string()], Some(Cell::Text(feeds_to_json(feeds)?))))
    };
    let (feeds, nested) = (feeds.iter().map(of), nested.iter().map(of));
    let settled = settled.iter().map(|(group, digest)| (vec![group.to_string()], Some(Cell::text(digest))));
    let baselines = baselines.iter().map(|(source, people)| (vec![source.to_string()], Some(Cell::Int(big(*people)))));
    let addressed = addressed.iter().map(|(source, people)| (vec![source.to_string()], Some(Cell::Int(big(*people)))));
    let pending = pending.iter().map(|((group, account), since)| {
        (vec![group.to_string(), account.to_string()], Some(Cell::Int(millis(*since))))
    });
    let accepted = accepted_missing.iter().map(|(source, directory_group, group)| {
        (vec![source.to_string(), directory_group.clone(), group.to_string()], None)
    });
    let marks = full.seen.iter().flat_map(|seen| &seen.marks);
    let marks = marks.map(|(source, mark)| (vec![source.to_string()], Some(Cell::text(mark))));
    Ok([
        (&KNOWN_GROUP, known.collect()),
        (&FEED, feeds.collect::<Result<_, Fault>>()?),
        (&NESTED_FEED, nested.collect::<Result<_, Fault>>()?),
        (&SETTLED, settled.collect()),
        (&BASELINE, baselines.collect()),
        (&BASELINE_ADDRESS, addressed.collect()),
        (&PENDING, pending.collect()),
        (&ACCEPTED_MISSING, accepted.collect()),
        (&WATERMARK, marks.collect()),
    ])
}

/// Makes the table hold exactly these memberships: one row a group, so that a group in which nothing changed
/// costs no write, and by its digest no reading. Tells how many rows that wrote.
async fn store_left(conn: &mut SqliteConnection, left: &Memberships) -> Result<u64, Fault> {
    let rows: Vec<(String, String)> =
        sqlx::query_as("SELECT group_id, digest FROM left_group").fetch_all(&mut *conn).await?;
    let mut have: BTreeMap<String, String> = rows.into_iter().collect();
    let mut written = 0;
    for (group, members) in left.iter() {
        let digest = digest(members.iter());
        if have.remove(group.as_str()).as_ref() == Some(&digest) {
            continue;
        }
        sqlx::query(
            "INSERT INTO left_group (group_id, members, digest) VALUES ($1, $2, $3) \
             ON CONFLICT (group_id) DO UPDATE SET members = excluded.members, digest = excluded.digest",
        )
        .bind(group.as_str())
        .bind(to_json(&members.iter().map(AccountId::as_str).collect::<Vec<_>>())?)
        .bind(digest)
        .execute(&mut *conn)
        .await?;
        written += 1;
    }
    for group in have.keys() {
        sqlx::query("DELETE FROM left_group WHERE group_id = $1").bind(group).execute(&mut *conn).await?;
        written += 1;
    }
    Ok(written)
}

/// The digest of members by their ids, sorted.
pub(super) fn digest<'a>(members: impl Iterator<Item = &'a AccountId>) -> String {
    let mut digest = Digest::new();
    digest.parts(members.map(AccountId::as_str));
    digest.hex()
}

/// Somebody whom an undo put back is in the group as rosterd left it: that is no drift.
pub(super) async fn is_left(conn: &mut SqliteConnection, group: &GroupId, account: &str) -> Result<(), Fault> {
    edit_left(conn, group, |members| {
        members.retain(|member| member != account);
        members.push(account.to_owned());
    })
    .await
}

/// Those whom rosterd took out, in whatever run, are not in the group as it left it: whoever joins again is no drift.
/// (Whom it put in it owns, and so it is known.) Only the memberships that it changed move before the end of a full
/// run.
pub(super) async fn not_left(
    conn: &mut SqliteConnection,
    group: &GroupId,
    accounts: &BTreeSet<String>,
) -> Result<(), Fault> {
    edit_left(conn, group, |members| members.retain(|member| !accounts.contains(member))).await
}

async fn edit_left(
    conn: &mut SqliteConnection,
    group: &GroupId,
    edit: impl FnOnce(&mut Vec<String>),
) -> Result<(), Fault> {
    let text: Option<String> = sqlx::query_scalar("SELECT members FROM left_group WHERE group_id = $1")
        .bind(group.as_str())
        .fetch_optional(&mut *conn)
        .await?;
    // A group that no full run has seen was left by none.
    let Some(text) = text else { return Ok(()) };
    let mut members: Vec<String> = from_json(LEFT_GROUP, group.as_str(), &text)?;
    edit(&mut members);
    members.sort_unstable();
    // Without a digest: the next full run writes the row, whatever is in it.
    sqlx::query("UPDATE left_group SET members = $2, digest = '' WHERE group_id = $1")
        .bind(group.as_str())
        .bind(to_json(&members)?)
        .execute(conn)
        .await?;
    Ok(())
}

/// Fills in what the last full run learned, and what was recorded as it was done.
pub(super) async fn load(conn: &mut SqliteConnection, memory: &mut Memory) -> Result<(), Fault> {
    for (key, name) in read(conn, &KNOWN_GROUP).await? {
        memory.known_groups.insert(one(key).into(), text(name));
    }
    let mut left = Gathering::default();
    let mut rows = sqlx::query("SELECT group_id, members FROM left_group").fetch(&mut *conn);
    while let Some(row) = rows.try_next().await? {
        let (group, members) = pair(LEFT_GROUP, &row)?;
        let members: Vec<Text<'_>> = from_json(LEFT_GROUP, &group, &members)?;
        left.add(group.into(), members.iter().map(Text::as_str));
    }
    drop(rows);
    memory.left = left.finish();
    for (key, id) in read(conn, &GROUP_LINK).await? {
        memory.group_links.insert(one(key).into(), text(id).into());
    }
    let mut owned = Gathering::default();
    let mut rows = sqlx::query(OWNED).bind(BETWEEN.to_string()).fetch(&mut *conn);
    while let Some(row) = rows.try_next().await? {
        let (group, accounts) = pair("owned", &row)?;
        owned.add(group.into(), accounts.split(BETWEEN));
    }
    drop(rows);
    memory.owned = owned.finish();
    memory.learned.files = settings::files(conn).await?;
    memory.learned.columns = settings::columns(conn).await?;
    memory.seen = seen(conn).await?;
    load_learned(conn, &mut memory.learned).await
}

/// What the last full run found, where every source vouches for its state.
pub(super) async fn seen(conn: &mut SqliteConnection) -> Result<Option<Seen>, Fault> {
    let Some((at, live)) = settings::last_read(conn).await? else { return Ok(None) };
    let marks = read(conn, &WATERMARK).await?;
    let marks = marks.into_iter().map(|(key, mark)| (one(key).into(), text(mark).into())).collect();
    Ok(Some(Seen { at, marks, live }))
}

async fn load_learned(conn: &mut SqliteConnection, learned: &mut Learned) -> Result<(), Fault> {
    learned.person_links = links::load(conn).await?;
    for (table, feeding) in [(&FEED, &mut learned.feeds), (&NESTED_FEED, &mut learned.nested)] {
        for (key, feeds) in read(conn, table).await? {
            let group = one(key);
            let feeds = feeds_of(table.name, &group, &text(feeds))?;
            feeding.insert(group.into(), feeds);
        }
    }
    for (key, digest) in read(conn, &SETTLED).await? {
        learned.settled.insert(one(key).into(), text(digest));
    }
    for (key, people) in read(conn, &BASELINE).await? {
        let source = one(key);
        let people = count(BASELINE.name, &source, int(people))?;
        learned.baselines.insert(source.into(), people);
    }
    for (key, people) in read(conn, &BASELINE_ADDRESS).await? {
        let source = one(key);
        let people = count(BASELINE_ADDRESS.name, &source, int(people))?;
        learned.addressed.insert(source.into(), people);
    }
    for (key, since) in read(conn, &PENDING).await? {
        let [group, account] = parts(key);
        let since = time(PENDING.name, &group, int(since))?;
        learned.pending.insert((group.into(), account.into()), since);
    }
    for (key, _) in read(conn, &ACCEPTED_MISSING).await? {
        let [source, directory_group, group] = parts(key);
        learned.accepted_missing.insert((source.into(), directory_group, group.into()));
    }
    Ok(())
}

/// The parts of a key; [`read`] gives as many as the table declares.
fn parts<const N: usize>(key: Vec<String>) -> [String; N] {
    let mut parts = key.into_iter();
    std::array::from_fn(|_| parts.next().unwrap_or_default())
}

fn one(key: Vec<String>) -> String {
    let [only] = parts(key);
    only
}

/// The value of a text column; [`read`] gives the kind that the table declares.
fn text(cell: Option<Cell>) -> String {
    match cell {
        Some(Cell::Text(text)) => text,
        Some(Cell::Int(_)) | None => String::new(),
    }
}

/// The value of a number column.
fn int(cell: Option<Cell>) -> i64 {
    match cell {
        Some(Cell::Int(number)) => number,
        Some(Cell::Text(_)) | None => 0,
    }
}
