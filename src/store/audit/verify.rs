//! Checking the chain without any key: a record that was changed, dropped, put elsewhere or cut off
//! is found, and the first bad `seq` named. So is what is kept beside the log and does not fit it.

use sqlx::{Row, SqliteConnection};

use super::beside::Beside;
use super::canonical::Json;
use super::checkpoint::Checkpoints;
use super::record::Event;
use super::walk::{Fields, Verification, Walk, tampered};
use crate::signing::PublicKey;
use crate::store::archive::{self, Archive};
use crate::store::error::Fault;

/// Records that are in memory at once.
const PAGE: usize = 500;

/// What was found in a state file.
pub(crate) struct Checked {
    /// The log.
    pub(crate) verification: Verification,
    /// The archives that the state names.
    pub(crate) archives: Vec<Archive>,
    /// The checkpoints in the log.
    pub(crate) checkpoints: Checkpoints,
}

/// Checks the log of a state file, in one transaction so that all of it is of one moment. Where old records
/// were archived it begins after them. Signatures are checked by the keys that are known.
pub(crate) async fn verify(conn: &mut SqliteConnection, keys: &[PublicKey]) -> Result<Checked, Fault> {
    let unwalked = |verification, archives| Checked { verification, archives, checkpoints: Checkpoints::default() };
    let archives = match archive::rows(conn).await {
        Err(Fault::DamagedRow { .. } | Fault::Damaged(_)) => {
            return Ok(unwalked(tampered(0, "a row of archive cannot be read"), Vec::new()));
        }
        rows => rows?,
    };
    if let Some(bad) = archive::unjoined(&archives) {
        return Ok(unwalked(bad, archives));
    }
    let walk = match archives.last() {
        Some(anchor) => Walk::after(anchor.last_seq, &anchor.last_hash),
        None => Walk::whole(),
    };
    let mut walk = walk.knowing(keys);
    let verification = chain(conn, &mut walk, &archives).await?;
    Ok(Checked { verification, archives, checkpoints: walk.checkpoints().clone() })
}

async fn chain(conn: &mut SqliteConnection, walk: &mut Walk, archives: &[Archive]) -> Result<Verification, Fault> {
    let heads = match first_bad_head(conn).await? {
        Ok(found) => found,
        Err(what) => return Ok(tampered(0, what)),
    };
    let mut beside = Beside::new(conn).await?;
    let verdict = walk_rows(conn, walk, &mut beside, archives).await?;
    let Some((seq, cut)) = heads else {
        return Ok(match verdict {
            Err(bad) => bad,
            // A log that is as it was written; last, what was made from it.
            Ok(()) => beside.ended(conn).await?.unwrap_or_else(|| walk.verified()),
        });
    };
    // The chain may break behind the first bad head, or before it.
    let head = match cut {
        true => tampered(walk.next().min(seq), "the log ends here, and a run had recorded more"),
        false => tampered(seq, "the record is not the one that was there at a run's end"),
    };
    Ok(match verdict {
        Err(Verification::Tampered { seq: at, what }) if at <= seq => Verification::Tampered { seq: at, what },
        _ => head,
    })
}

async fn walk_rows(
    conn: &mut SqliteConnection,
    walk: &mut Walk,
    beside: &mut Beside,
    archives: &[Archive],
) -> Result<Result<(), Verification>, Fault> {
    let begins = walk.next();
    let mut from = i64::MIN;
    loop {
        let rows = sqlx::query("SELECT seq, hash, record FROM audit WHERE seq >= $1 ORDER BY seq LIMIT $2")
            .bind(from)
            .bind(PAGE as i64)
            .fetch_all(&mut *conn)
            .await?;
        let last = rows.last().filter(|_| rows.len() == PAGE).and_then(|row| row.try_get::<i64, _>("seq").ok());
        beside.page(conn, from, last.unwrap_or(i64::MAX)).await?;
        for row in rows {
            let (Ok(seq), Ok(hash), Ok(record)) =
                (row.try_get::<i64, _>("seq"), row.try_get::<&str, _>("hash"), row.try_get::<&str, _>("record"))
            else {
                return Ok(Err(tampered(walk.next(), "the row cannot be read")));
            };
            let stepped = walk.step(seq, Some(hash), record).and_then(|fields| {
                told(seq, &fields, archives)?;
                beside.take(seq, &fields);
                Ok(())
            });
            if let Err(bad) = stepped {
                return Ok(Err(bad));
            }
        }
        match last {
            Some(last) => from = last.saturating_add(1),
            None => break,
        }
    }
    // The anchor lies outside the chain; the record that tells of it is what proves it.
    let untold = archives.iter().find(|archive| archive.recorded_by >= walk.next().max(begins));
    Ok(match untold {
        Some(archive) => Err(tampered(
            walk.next(),
            format!("the log ends here, and {} had been recorded at {}", archive.file, archive.recorded_by),
        )),
        None => Ok(()),
    })
}

/// What the log tells of an archive is what is kept beside it, and the other way round.
pub(crate) fn told(seq: i64, fields: &Fields, archives: &[Archive]) -> Result<(), Verification> {
    let kept = archives.iter().find(|archive| archive.recorded_by == seq);
    let said = match fields.get("event") {
        Some(Json::Text(event)) if event == Event::Archived.as_str() => fields.get(archive::FIELD),
        _ => None,
    };
    match (said, kept) {
        (None, None) => Ok(()),
        (Some(said), Some(kept)) if *said == kept.json() => Ok(()),
        _ => Err(tampered(seq, "what the record tells of an archive is not what the state has beside the log")),
    }
}

/// The first place noted at a run's end where the log now has something else, or (`true`) nothing.
async fn first_bad_head(conn: &mut SqliteConnection) -> Result<Result<Option<(i64, bool)>, String>, Fault> {
    let row = sqlx::query(
        "SELECT h.seq AS seq, a.hash AS found FROM audit_head h LEFT JOIN audit a ON a.seq = h.seq \
         WHERE a.hash IS NULL OR a.hash <> h.hash ORDER BY h.seq LIMIT 1",
    )
    .fetch_optional(conn)
    .await?;
    let Some(row) = row else {
        return Ok(Ok(None));
    };
    Ok(match (row.try_get::<i64, _>("seq"), row.try_get::<Option<String>, _>("found")) {
        (Ok(seq), Ok(found)) => Ok(Some((seq, found.is_none()))),
        _ => Err("a row of audit_head cannot be read".to_owned()),
    })
}
