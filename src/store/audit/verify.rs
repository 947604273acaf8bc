//! Checking the chain without any key: a record that was changed, dropped, put elsewhere or cut off
//! is found, and the first bad `seq` named.

use std::io::{self, BufRead};

use futures_util::TryStreamExt;
use sqlx::{Row, SqliteConnection};

use super::canonical::Json;
use super::chain::FIRST_PREV;
use super::record::FORMAT;
use crate::model::digest::sha256_hex;
use crate::store::error::Fault;

/// The verdict over a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verification {
    /// Every record is where and as it was written.
    Verified {
        /// How many records.
        records: u64,
        /// `seq` of the first; none in an empty log.
        first: Option<i64>,
        /// `seq` of the last.
        last: Option<i64>,
        /// Hash of the last record (64 zeros for an empty log), to compare with a checkpoint.
        head_hash: String,
    },
    /// Something is not as it was written.
    Tampered {
        /// The first `seq` that is wrong.
        seq: i64,
        /// What is wrong there.
        what: String,
    },
}

/// Walks the chain record by record.
struct Walk {
    first: Option<i64>,
    next: i64,
    prev: Option<String>,
    records: u64,
}

impl Walk {
    /// From the very first record.
    fn whole() -> Self {
        Self { first: None, next: 1, prev: Some(FIRST_PREV.to_owned()), records: 0 }
    }

    /// One record with its number in the chain; the hash is compared where one was kept.
    fn step(&mut self, seq: i64, hash: Option<&str>, record: &str) -> Result<(), Verification> {
        let bad = |seq, what: &str| Err(tampered(seq, what));
        if seq != self.next {
            // Of a gap the first missing number is the bad one; of a number out of order, itself.
            return match seq > self.next {
                true => bad(self.next, "the record is missing"),
                false => bad(seq, "the record is out of order"),
            };
        }
        let computed = sha256_hex(record.as_bytes());
        if hash.is_some_and(|hash| hash != computed) {
            return bad(seq, "the hash does not fit the record");
        }
        let Some(Json::Object(fields)) = Json::parse(record) else {
            return bad(seq, "the record is no JSON object of texts and whole numbers");
        };
        if fields.get("format") != Some(&Json::from(FORMAT)) {
            return bad(seq, "the record's format is not rosterd.audit/1");
        }
        if fields.get("seq") != Some(&Json::Int(seq)) {
            return bad(seq, "the record bears another number");
        }
        match fields.get("prev") {
            Some(Json::Text(prev)) if self.prev.as_ref().is_none_or(|before| before == prev) => {}
            _ => return bad(seq, "the record does not follow the one before it"),
        }
        if Json::Object(fields).canonical() != record {
            return bad(seq, "the record is not canonical JSON (RFC 8785)");
        }
        self.first.get_or_insert(seq);
        self.next = seq.saturating_add(1);
        self.prev = Some(computed);
        self.records += 1;
        Ok(())
    }

    fn verified(self) -> Verification {
        Verification::Verified {
            records: self.records,
            first: self.first,
            last: self.first.map(|_| self.next - 1),
            head_hash: self.prev.unwrap_or_else(|| FIRST_PREV.to_owned()),
        }
    }
}

fn tampered(seq: i64, what: &str) -> Verification {
    Verification::Tampered { seq, what: what.to_owned() }
}

/// Checks the log of a state file, in one transaction so that all of it is of one moment.
pub(crate) async fn verify(conn: &mut SqliteConnection) -> Result<Verification, Fault> {
    let heads = match first_bad_head(conn).await? {
        Ok(found) => found,
        Err(what) => return Ok(tampered(0, &what)),
    };
    let mut walk = Walk::whole();
    let verdict = walk_rows(conn, &mut walk).await?;
    let Some((seq, cut)) = heads else {
        return Ok(verdict.err().unwrap_or_else(|| walk.verified()));
    };
    // The chain may break behind the first bad head, or before it.
    let head = match cut {
        true => tampered(walk.next.min(seq), "the log ends here, and a run had recorded more"),
        false => tampered(seq, "the record is not the one that was there at a run's end"),
    };
    Ok(match verdict {
        Err(Verification::Tampered { seq: at, what }) if at <= seq => Verification::Tampered { seq: at, what },
        _ => head,
    })
}

async fn walk_rows(conn: &mut SqliteConnection, walk: &mut Walk) -> Result<Result<(), Verification>, Fault> {
    let mut rows = sqlx::query("SELECT seq, hash, record FROM audit ORDER BY seq").fetch(&mut *conn);
    while let Some(row) = rows.try_next().await? {
        let (Ok(seq), Ok(hash), Ok(record)) =
            (row.try_get::<i64, _>("seq"), row.try_get::<String, _>("hash"), row.try_get::<String, _>("record"))
        else {
            return Ok(Err(tampered(walk.next, "the row cannot be read")));
        };
        if let Err(bad) = walk.step(seq, Some(&hash), &record) {
            return Ok(Err(bad));
        }
    }
    Ok(Ok(()))
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

/// Checks an export: a record a line, in order. It may begin anywhere; what was before its first
/// record is taken on trust, and `first` tells where that is.
pub fn verify_jsonl(mut reader: impl BufRead) -> io::Result<Verification> {
    let mut walk = Walk::whole();
    let mut line = Vec::new();
    let mut ended = false;
    loop {
        line.clear();
        if reader.read_until(b'\n', &mut line)? == 0 {
            return Ok(walk.verified());
        }
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        let Ok(text) = std::str::from_utf8(text) else {
            return Ok(tampered(walk.next, "the line is not UTF-8"));
        };
        if ended {
            return Ok(tampered(walk.next, "there is an empty line before the record"));
        }
        if text.is_empty() {
            ended = true;
            continue;
        }
        let seq = match Json::parse(text) {
            Some(Json::Object(fields)) => match fields.get("seq") {
                Some(Json::Int(seq)) => *seq,
                _ => walk.next,
            },
            _ => walk.next,
        };
        if walk.first.is_none() && seq > 1 {
            walk.next = seq;
            walk.prev = None;
        }
        if let Err(bad) = walk.step(seq, None, text) {
            return Ok(bad);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn any_bytes_get_a_verdict(bytes in any::<Vec<u8>>()) {
            let verdict = verify_jsonl(&bytes[..]).expect("reading from memory cannot fail");
            let empty = bytes.is_empty() || bytes == b"\n";
            prop_assert_eq!(matches!(verdict, Verification::Verified { .. }), empty);
        }
    }
}
