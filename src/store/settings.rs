//! Single values that are remembered: whose state this is, who we are there, what to wait for.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use sqlx::SqliteConnection;

use super::error::Fault;
use super::rows;
use super::stored::{from_json, millis, time, to_json};
use crate::model::id::{GroupId, GroupName, RunId, SourceName};
use crate::model::live::MemberIdKind;

const TABLE: &str = "setting";
const ORGANISATION: &str = "organisation";
const OWN_ACCOUNT: &str = "own_account";
const MEMBER_ID: &str = "member_id";
const CONFIG_DIGEST: &str = "config_digest";
const THROTTLED_UNTIL: &str = "throttled_until";
const THROTTLED_NOTED: &str = "throttled_noted";
const WRITTEN_AT: &str = "written_at";
const FILES: &str = "source_files";
const COLUMNS: &str = "source_columns";
const LAST_READ: &str = "last_read";
const ANSWERS: &str = "last_answers";
const ARCHIVED_AT: &str = "archived_at";
const CHECKED_AT: &str = "checked_at";
const OBSERVED: &str = "observed";
const PUBLISHED: &str = "checkpoint_published";
const TROUBLE: &str = "checkpoint_trouble";
const FAILED_GROUPS: &str = "failed_groups";

async fn get(conn: &mut SqliteConnection, name: &str) -> Result<Option<String>, Fault> {
    let value = sqlx::query_scalar("SELECT value FROM setting WHERE name = $1").bind(name);
    Ok(value.fetch_optional(conn).await?)
}

async fn set(conn: &mut SqliteConnection, name: &str, value: &str) -> Result<(), Fault> {
    sqlx::query(
        "INSERT INTO setting (name, value) VALUES ($1, $2) \
         ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    )
    .bind(name)
    .bind(value)
    .execute(conn)
    .await?;
    Ok(())
}

async fn clear(conn: &mut SqliteConnection, name: &str) -> Result<(), Fault> {
    sqlx::query("DELETE FROM setting WHERE name = $1").bind(name).execute(conn).await?;
    Ok(())
}

pub(super) async fn organisation(conn: &mut SqliteConnection) -> Result<Option<String>, Fault> {
    get(conn, ORGANISATION).await
}

/// The first organisation binds the state; another one is refused for ever.
pub(super) async fn bind_organisation(conn: &mut SqliteConnection, found: &str) -> Result<(), Fault> {
    match get(conn, ORGANISATION).await? {
        Some(bound) if bound == found => Ok(()),
        Some(bound) => Err(Fault::OtherOrganisation { bound, found: found.to_owned() }),
        None => set(conn, ORGANISATION, found).await,
    }
}

pub(super) async fn own_account(conn: &mut SqliteConnection) -> Result<Option<(String, String)>, Fault> {
    match get(conn, OWN_ACCOUNT).await? {
        Some(text) => from_json(TABLE, OWN_ACCOUNT, &text).map(Some),
        None => Ok(None),
    }
}

pub(super) async fn remember_own(conn: &mut SqliteConnection, client: &str, id: &str) -> Result<(), Fault> {
    set(conn, OWN_ACCOUNT, &to_json(&(client, id))?).await
}

fn kind_word(kind: MemberIdKind) -> &'static str {
    match kind {
        MemberIdKind::UserId => "user_id",
        MemberIdKind::Id => "id",
    }
}

pub(super) async fn member_id(conn: &mut SqliteConnection) -> Result<Option<MemberIdKind>, Fault> {
    let Some(word) = get(conn, MEMBER_ID).await? else {
        return Ok(None);
    };
    [MemberIdKind::UserId, MemberIdKind::Id]
        .into_iter()
        .find(|kind| kind_word(*kind) == word)
        .map(Some)
        .ok_or_else(|| Fault::row(TABLE, MEMBER_ID, format!("unknown kind {word:?}")))
}

pub(super) async fn remember_member_id(conn: &mut SqliteConnection, kind: MemberIdKind) -> Result<(), Fault> {
    set(conn, MEMBER_ID, kind_word(kind)).await
}

pub(super) async fn config_digest(conn: &mut SqliteConnection) -> Result<Option<String>, Fault> {
    get(conn, CONFIG_DIGEST).await
}

pub(super) async fn remember_config(conn: &mut SqliteConnection, digest: &str) -> Result<(), Fault> {
    set(conn, CONFIG_DIGEST, digest).await
}

/// Until when Hyperproof said to wait. A time that was noted later than now was noted by a clock that has been set
/// back since, and says nothing any more: Hyperproof is asked, and says it anew. A step back that is smaller than the
/// time since then does not show here; the service, which sees it, moves the time along.
pub(super) async fn throttled_until(conn: &mut SqliteConnection, now: Timestamp) -> Result<Option<Timestamp>, Fault> {
    let until = moment(conn, THROTTLED_UNTIL).await?;
    let noted = moment(conn, THROTTLED_NOTED).await?;
    Ok(until.filter(|_| noted.is_none_or(|noted| noted <= now)))
}

/// The clock was set: what Hyperproof said to wait is as long as it was.
pub(super) async fn move_throttled_until(conn: &mut SqliteConnection, by: SignedDuration) -> Result<(), Fault> {
    for name in [THROTTLED_UNTIL, THROTTLED_NOTED] {
        if let Some(moved) = moment(conn, name).await?.and_then(|at| at.checked_add(by).ok()) {
            set(conn, name, &millis(moved).to_string()).await?;
        }
    }
    Ok(())
}

/// A run that finds the time of an earlier one notes it again: a clock that is set back later is noticed by the newest
/// note.
pub(super) async fn set_throttled_until(
    conn: &mut SqliteConnection,
    until: Option<Timestamp>,
    now: Timestamp,
) -> Result<(), Fault> {
    match until {
        Some(until) => {
            set(conn, THROTTLED_UNTIL, &millis(until).to_string()).await?;
            set(conn, THROTTLED_NOTED, &millis(now).to_string()).await
        }
        None => {
            clear(conn, THROTTLED_UNTIL).await?;
            clear(conn, THROTTLED_NOTED).await
        }
    }
}

/// When old records were archived last.
pub(super) async fn archived_at(conn: &mut SqliteConnection) -> Result<Option<Timestamp>, Fault> {
    moment(conn, ARCHIVED_AT).await
}

pub(super) async fn remember_archived(conn: &mut SqliteConnection, now: Timestamp) -> Result<(), Fault> {
    set(conn, ARCHIVED_AT, &millis(now).to_string()).await
}

/// When the whole file was checked last.
pub(super) async fn checked_at(conn: &mut SqliteConnection) -> Result<Option<Timestamp>, Fault> {
    moment(conn, CHECKED_AT).await
}

pub(super) async fn remember_checked(conn: &mut SqliteConnection, now: Timestamp) -> Result<(), Fault> {
    set(conn, CHECKED_AT, &millis(now).to_string()).await
}

/// A time that is remembered under a name.
async fn moment(conn: &mut SqliteConnection, name: &str) -> Result<Option<Timestamp>, Fault> {
    let Some(text) = get(conn, name).await? else {
        return Ok(None);
    };
    let number = text.parse().map_err(|error| Fault::row(TABLE, name, error))?;
    time(TABLE, name, number).map(Some)
}

/// The last checkpoint that was written to this file.
pub(super) async fn published(conn: &mut SqliteConnection, file: &Path) -> Result<Option<i64>, Fault> {
    let Some(text) = get(conn, PUBLISHED).await? else {
        return Ok(None);
    };
    let (path, seq): (String, i64) = from_json(TABLE, PUBLISHED, &text)?;
    Ok((path == file.to_string_lossy()).then_some(seq))
}

pub(super) async fn remember_published(conn: &mut SqliteConnection, file: &Path, seq: i64) -> Result<(), Fault> {
    set(conn, PUBLISHED, &to_json(&(file.to_string_lossy(), seq))?).await
}

/// Since when checkpoints do not get to their file, and why.
pub(super) async fn checkpoint_trouble(conn: &mut SqliteConnection) -> Result<Option<(Timestamp, String)>, Fault> {
    let Some(text) = get(conn, TROUBLE).await? else {
        return Ok(None);
    };
    let (since, why): (i64, String) = from_json(TABLE, TROUBLE, &text)?;
    Ok(Some((time(TABLE, TROUBLE, since)?, why)))
}

/// What lasts keeps its beginning.
pub(super) async fn note_checkpoint_trouble(
    conn: &mut SqliteConnection,
    now: Timestamp,
    why: Option<&str>,
) -> Result<(), Fault> {
    let Some(why) = why else {
        return clear(conn, TROUBLE).await;
    };
    let since = checkpoint_trouble(conn).await?.map_or(now, |(since, _)| since);
    set(conn, TROUBLE, &to_json(&(millis(since), why))?).await
}

/// Texts of each source.
type BySource = BTreeMap<SourceName, BTreeSet<String>>;

/// The files that each source was read from at the last full run.
pub(super) async fn files(conn: &mut SqliteConnection) -> Result<BySource, Fault> {
    by_source(conn, FILES).await
}

pub(super) async fn remember_files(conn: &mut SqliteConnection, files: &BySource) -> Result<(), Fault> {
    remember_by_source(conn, FILES, files).await
}

/// The optional columns that each source had at the last full run.
pub(super) async fn columns(conn: &mut SqliteConnection) -> Result<BySource, Fault> {
    by_source(conn, COLUMNS).await
}

pub(super) async fn remember_columns(conn: &mut SqliteConnection, columns: &BySource) -> Result<(), Fault> {
    remember_by_source(conn, COLUMNS, columns).await
}

async fn by_source(conn: &mut SqliteConnection, name: &str) -> Result<BySource, Fault> {
    let Some(text) = get(conn, name).await? else {
        return Ok(BTreeMap::new());
    };
    let stored: BTreeMap<String, BTreeSet<String>> = from_json(TABLE, name, &text)?;
    Ok(stored.into_iter().map(|(source, texts)| (source.into(), texts)).collect())
}

async fn remember_by_source(conn: &mut SqliteConnection, name: &str, texts: &BySource) -> Result<(), Fault> {
    let stored: BTreeMap<&str, &BTreeSet<String>> =
        texts.iter().map(|(source, texts)| (source.as_str(), texts)).collect();
    set(conn, name, &to_json(&stored)?).await
}

/// When the last full run that stored watermarks began to read, and its digest of Hyperproof.
pub(super) async fn last_read(conn: &mut SqliteConnection) -> Result<Option<(Timestamp, String)>, Fault> {
    let Some(text) = get(conn, LAST_READ).await? else {
        return Ok(None);
    };
    let (at, live): (i64, String) = from_json(TABLE, LAST_READ, &text)?;
    Ok(Some((time(TABLE, LAST_READ, at)?, live)))
}

pub(super) async fn remember_last_read(
    conn: &mut SqliteConnection,
    last: Option<(Timestamp, &str)>,
) -> Result<(), Fault> {
    match last {
        Some((at, live)) => set(conn, LAST_READ, &to_json(&(millis(at), live))?).await,
        None => clear(conn, LAST_READ).await,
    }
}

/// A run and the seal of the answers in which it found Hyperproof as the run before left it.
pub(super) async fn answers(conn: &mut SqliteConnection) -> Result<Option<(String, String)>, Fault> {
    match get(conn, ANSWERS).await? {
        Some(text) => from_json(TABLE, ANSWERS, &text).map(Some),
        None => Ok(None),
    }
}

pub(super) async fn remember_answers(conn: &mut SqliteConnection, run: &RunId, seal: &str) -> Result<(), Fault> {
    set(conn, ANSWERS, &to_json(&(run.as_str(), seal))?).await
}

/// How far the log went when memberships were observed last (`seq`), and when those of all groups were.
pub(super) async fn observed(conn: &mut SqliteConnection) -> Result<Option<(i64, Timestamp)>, Fault> {
    let Some(text) = get(conn, OBSERVED).await? else {
        return Ok(None);
    };
    let (seq, at): (i64, i64) = from_json(TABLE, OBSERVED, &text)?;
    Ok(Some((seq, time(TABLE, OBSERVED, at)?)))
}

pub(super) async fn remember_observed(conn: &mut SqliteConnection, seq: i64, at: Timestamp) -> Result<(), Fault> {
    set(conn, OBSERVED, &to_json(&(seq, millis(at)))?).await
}

/// Target groups whose last call failed, whichever failed last at the end.
pub(super) async fn failed_groups(conn: &mut SqliteConnection) -> Result<Vec<GroupName>, Fault> {
    let Some(text) = get(conn, FAILED_GROUPS).await? else {
        return Ok(Vec::new());
    };
    let names: Vec<String> = from_json(TABLE, FAILED_GROUPS, &text)?;
    Ok(names.into_iter().map(Into::into).collect())
}

pub(super) async fn remember_failed_groups(conn: &mut SqliteConnection, groups: &[GroupName]) -> Result<(), Fault> {
    if groups.is_empty() {
        return clear(conn, FAILED_GROUPS).await;
    }
    set(conn, FAILED_GROUPS, &to_json(&groups.iter().map(GroupName::as_str).collect::<Vec<_>>())?).await
}

/// A small write, to learn whether a larger one would go through.
pub(super) async fn touch(conn: &mut SqliteConnection, now: Timestamp) -> Result<(), Fault> {
    set(conn, WRITTEN_AT, &millis(now).to_string()).await
}

pub(super) async fn link_groups(conn: &mut SqliteConnection, found: Vec<(&GroupName, &GroupId)>) -> Result<(), Fault> {
    const SQL: &str = "INSERT INTO group_link (group_name, group_id) VALUES ($1, $2) \
         ON CONFLICT (group_name) DO UPDATE SET group_id = excluded.group_id";
    rows::insert(conn, SQL, found, |mut row, (name, id)| {
        row.push_bind(name.as_str()).push_bind(id.as_str());
    })
    .await
}

pub(super) async fn linked_group(conn: &mut SqliteConnection, name: &GroupName) -> Result<Option<GroupId>, Fault> {
    let id: Option<String> = sqlx::query_scalar("SELECT group_id FROM group_link WHERE group_name = $1")
        .bind(name.as_str())
        .fetch_optional(conn)
        .await?;
    Ok(id.map(Into::into))
}
