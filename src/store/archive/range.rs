//! Which records are old enough to go: whole runs, and what stands between them.

use std::path::Path;

use futures_util::TryStreamExt;
use jiff::Timestamp;
use sqlx::SqliteConnection;

use super::super::audit::AuditRecord;
use super::super::audit::chain::FIRST_PREV;
use super::super::error::Fault;
use super::super::settings;
use super::super::stored::millis;
use super::Retire;

/// Records that can be archived now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Range {
    /// The first record that is in the state.
    pub(super) first: i64,
    /// The hash before it.
    pub(super) prev: String,
    /// The end of this chunk.
    pub(super) last: i64,
    /// The end of all that is old.
    pub(super) bound: i64,
}

/// The next chunk; none where nothing is old. `written_to`: the file that checkpoints are written to.
pub(super) async fn next(
    conn: &mut SqliteConnection,
    retire: &Retire,
    written_to: Option<&Path>,
) -> Result<Option<Range>, Fault> {
    let anchor: Option<(i64, String)> =
        sqlx::query_as("SELECT last_seq, last_hash FROM archive ORDER BY first_seq DESC LIMIT 1")
            .fetch_optional(&mut *conn)
            .await?;
    let (done, prev) = anchor.unwrap_or_else(|| (0, FIRST_PREV.to_owned()));
    let Some(bound) = bound(conn, retire.before, written_to).await?.filter(|bound| *bound > done) else {
        return Ok(None);
    };
    let chunk = i64::from(retire.chunk);
    let last = match bound - done > chunk {
        true => end_of_chunk(conn, done, chunk).await?.map_or(bound, |last| last.min(bound)),
        false => bound,
    };
    Ok(Some(Range { first: done + 1, prev, last, bound }))
}

/// The last boundary between runs within a chunk; else the first one after it.
async fn end_of_chunk(conn: &mut SqliteConnection, done: i64, chunk: i64) -> Result<Option<i64>, Fault> {
    let within: Option<i64> =
        sqlx::query_scalar("SELECT MAX(first_seq) - 1 FROM run WHERE first_seq > $1 AND first_seq <= $2")
            .bind(done + 1)
            .bind(done + 1 + chunk)
            .fetch_one(&mut *conn)
            .await?;
    if within.is_some() {
        return Ok(within);
    }
    let beyond = sqlx::query_scalar("SELECT MIN(first_seq) - 1 FROM run WHERE first_seq > $1");
    Ok(beyond.bind(done + 1 + chunk).fetch_one(conn).await?)
}

/// The last record that may go. The newest run stays, whatever its age, and so does a run whose intents wait
/// for their outcome, with all that came after it. So does the run that looked at the groups last: without
/// its outcomes the next look would take what it did for somebody else's doing. So does what came after the last
/// checkpoint that is in its file: a gap there could never be mended; a file that has none yet begins where the state
/// does. And so does the last full list of each group from before what stays: without it nobody would know who was in
/// the group then.
async fn bound(
    conn: &mut SqliteConnection,
    before: Timestamp,
    written_to: Option<&Path>,
) -> Result<Option<i64>, Fault> {
    let newest: Option<i64> = sqlx::query_scalar("SELECT MAX(first_seq) FROM run").fetch_one(&mut *conn).await?;
    let Some(newest) = newest else {
        return Ok(None);
    };
    let young: Option<i64> =
        sqlx::query_scalar("SELECT MIN(first_seq) FROM run WHERE COALESCE(finished_at, started_at) >= $1")
            .bind(millis(before))
            .fetch_one(&mut *conn)
            .await?;
    let open: Option<i64> =
        sqlx::query_scalar("SELECT MAX(first_seq) FROM run WHERE first_seq <= (SELECT MIN(seq) FROM open_intent)")
            .fetch_one(&mut *conn)
            .await?;
    let observed: Option<i64> = match settings::observed(conn).await? {
        Some((seq, _)) => {
            let looked = sqlx::query_scalar("SELECT MAX(first_seq) FROM run WHERE first_seq <= $1");
            looked.bind(seq).fetch_one(&mut *conn).await?
        }
        None => None,
    };
    let published = match written_to {
        Some(file) => settings::published(conn, file).await?,
        None => None,
    };
    let unwritten: Option<i64> = match published {
        Some(seq) => {
            let next = sqlx::query_scalar("SELECT MIN(first_seq) FROM run WHERE first_seq > $1");
            next.bind(seq).fetch_one(&mut *conn).await?
        }
        None => None,
    };
    let keep = [young, open, observed, unwritten].into_iter().flatten().fold(newest, i64::min);
    let keep = listed(conn, keep).await?.map_or(keep, |listed| listed.min(keep));
    let last: Option<(i64, Option<i64>)> =
        sqlx::query_as("SELECT first_seq, last_seq FROM run WHERE first_seq < $1 ORDER BY first_seq DESC LIMIT 1")
            .bind(keep)
            .fetch_optional(&mut *conn)
            .await?;
    match last {
        // Of a run that was cut off, the end is not known; its records are as old as it is.
        Some((first, last)) => before_young(conn, last.unwrap_or(first), keep, before).await.map(Some),
        None => Ok(None),
    }
}

/// The run from which on everything stays, so that the members of each group that is looked at are known from record
/// `keep` on.
async fn listed(conn: &mut SqliteConnection, keep: i64) -> Result<Option<i64>, Fault> {
    let list: Option<i64> = sqlx::query_scalar(
        "SELECT MIN(list) FROM ( \
         SELECT MAX(own.seq) AS list FROM audit_key AS roll \
         JOIN audit_key AS own ON own.seq = roll.seq AND own.kind = 'group' \
         JOIN observed_group ON observed_group.group_id = own.value \
         WHERE roll.kind = 'roll' AND roll.value = '' AND roll.seq < $1 GROUP BY own.value) AS lists",
    )
    .bind(keep)
    .fetch_one(&mut *conn)
    .await?;
    let Some(list) = list else { return Ok(None) };
    let run = sqlx::query_scalar("SELECT MAX(first_seq) FROM run WHERE first_seq <= $1").bind(list);
    Ok(run.fetch_one(conn).await?)
}

/// What follows the last old run (approvals, exports) goes with it as far as it is old too.
async fn before_young(conn: &mut SqliteConnection, after: i64, keep: i64, before: Timestamp) -> Result<i64, Fault> {
    let mut records =
        sqlx::query_as::<_, (i64, String)>("SELECT seq, record FROM audit WHERE seq > $1 AND seq < $2 ORDER BY seq")
            .bind(after)
            .bind(keep)
            .fetch(conn);
    while let Some((seq, record)) = records.try_next().await? {
        let record = AuditRecord::parse(&record).map_err(|why| Fault::row("audit", seq, why))?;
        if record.at >= before {
            return Ok(seq - 1);
        }
    }
    Ok(keep - 1)
}
