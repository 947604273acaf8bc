//! Recording an archive in the chain, and pruning what is in it: one transaction, so that both are so or
//! neither. What the present rests on stays: open intents, what rosterd owns, holds that wait, approvals that
//! can still let something through.

use jiff::Timestamp;
use sqlx::SqliteConnection;

use super::super::audit::Event;
use super::super::audit::chain::Chain;
use super::super::audit::record::Record;
use super::super::effects;
use super::super::error::Fault;
use super::super::stored::millis;
use super::file::{Whole, name};
use super::{Archive, FIELD, Retire, rows};

/// What is of runs that are gone, by the last record that is archived.
const BY_SEQ: [&str; 4] = [
    "DELETE FROM audit WHERE seq <= $1",
    "DELETE FROM audit_key WHERE seq <= $1",
    "DELETE FROM audit_head WHERE seq <= $1",
    "DELETE FROM run WHERE first_seq <= $1",
];

/// What is over for longer than records are kept, by that time: holds that were closed, approvals that expired.
/// The newest approval stays, because the next one takes its number from it.
const BY_TIME: [&str; 4] = [
    "DELETE FROM hold WHERE closed_at < $1",
    "DELETE FROM approval_change WHERE approval IN (SELECT number FROM approval WHERE expires < $1 \
     AND number < (SELECT MAX(number) FROM approval) \
     AND number NOT IN (SELECT approval FROM open_intent WHERE approval IS NOT NULL))",
    "DELETE FROM approval WHERE expires < $1 AND number < (SELECT MAX(number) FROM approval) \
     AND number NOT IN (SELECT approval FROM open_intent WHERE approval IS NOT NULL)",
    "DELETE FROM document WHERE at < $1",
];

/// Records the archive and prunes.
pub(super) async fn prune(conn: &mut SqliteConnection, retire: &Retire, whole: Whole) -> Result<Archive, Fault> {
    unchanged(conn, &whole).await?;
    let until: Timestamp = whole
        .until
        .parse()
        .map_err(|why| Fault::row("audit", whole.last, format!("its time cannot be read: {why}")))?;
    let mut chain = Chain::read(conn).await?;
    let mut archive = Archive {
        file: name(whole.first, whole.last),
        first_seq: whole.first,
        last_seq: whole.last,
        last_hash: whole.last_hash,
        sha256: whole.sha256,
        until,
        recorded_by: 0,
    };
    let record = Record::new(Event::Archived, retire.now)
        .with("actor", retire.actor.json())
        .with("version", retire.version.as_str())
        .with(FIELD, archive.json());
    archive.recorded_by = chain.append(conn, record).await?;
    insert(conn, &archive).await?;
    for sql in BY_SEQ {
        sqlx::query(sql).bind(archive.last_seq).execute(&mut *conn).await?;
    }
    for sql in BY_TIME {
        sqlx::query(sql).bind(millis(retire.before)).execute(&mut *conn).await?;
    }
    // A list of members that is in the archive tells nobody any more: the next look tells it anew.
    sqlx::query("UPDATE observed_group SET baseline_at = 0 WHERE baseline_at <= $1")
        .bind(millis(archive.until))
        .execute(&mut *conn)
        .await?;
    effects::forget_old_removals(conn, retire.now).await?;
    Ok(archive)
}

/// What was written to the file is what the log has now, and nobody waits for any of it.
async fn unchanged(conn: &mut SqliteConnection, whole: &Whole) -> Result<(), Fault> {
    let anchor = rows(conn).await?.last().map_or(0, |anchor| anchor.last_seq);
    let there: (i64, Option<i64>) = sqlx::query_as("SELECT COUNT(*), MIN(seq) FROM audit WHERE seq <= $1")
        .bind(whole.last)
        .fetch_one(&mut *conn)
        .await?;
    let hash: Option<String> =
        sqlx::query_scalar("SELECT hash FROM audit WHERE seq = $1").bind(whole.last).fetch_optional(&mut *conn).await?;
    let open: Option<i64> = sqlx::query_scalar("SELECT MIN(seq) FROM open_intent").fetch_one(&mut *conn).await?;
    let same = anchor == whole.first - 1
        && there == (whole.last - whole.first + 1, Some(whole.first))
        && hash.as_ref() == Some(&whole.last_hash);
    if same && open.is_none_or(|open| open > whole.last) {
        return Ok(());
    }
    Err(Fault::Archive {
        file: name(whole.first, whole.last).into(),
        why: "the log changed while it was written".to_owned(),
    })
}

async fn insert(conn: &mut SqliteConnection, archive: &Archive) -> Result<(), Fault> {
    sqlx::query(
        "INSERT INTO archive (first_seq, last_seq, last_hash, file, sha256, until_at, recorded_by) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(archive.first_seq)
    .bind(archive.last_seq)
    .bind(&archive.last_hash)
    .bind(&archive.file)
    .bind(&archive.sha256)
    .bind(millis(archive.until))
    .bind(archive.recorded_by)
    .execute(conn)
    .await?;
    Ok(())
}
