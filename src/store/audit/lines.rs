//! Logs in files, a record a line: an export has the records themselves, an archive has each with its number
//! and its hash.

use std::io::{self, BufRead, Read};

use super::canonical::Json;
use super::walk::{Fields, Verification, Walk, tampered};

/// The longest line that is read, in bytes: far above any record, so that a file of something else takes no
/// memory.
const LONGEST: u64 = 64 << 20;

/// What a line of an archive begins with, and no record does (its fields are in order).
const ARCHIVE_LINE: &str = "{\"hash\":";

/// A record as a line of an archive, without its line break. The record is in it as a text, so that any JSON
/// reader gives back exactly the bytes that were hashed.
pub(crate) fn archive_line(seq: i64, hash: &str, record: &str) -> String {
    let text = [("hash", Some(hash.into())), ("record", Some(record.into())), ("seq", Some(seq.into()))];
    Json::object(text).canonical()
}

/// A record as a line of a log in a file, with its line break: as an archive has it.
pub fn log_line(seq: i64, hash: &str, record: &str) -> String {
    let mut line = archive_line(seq, hash, record);
    line.push('\n');
    line
}

/// Checks an export or an archive: a record a line, in order. It may begin anywhere; what was before its first
/// record is taken on trust, and `first` tells where that is.
pub fn verify_jsonl(reader: impl BufRead) -> io::Result<Verification> {
    let mut walk = Walk::whole();
    let walked = walk_lines(reader, &mut walk, true, |_, _| Ok(()))?;
    Ok(walked.err().unwrap_or_else(|| walk.verified()))
}

/// Checks a log in a file that goes on after a known record, and shows each good record (number and bytes) to
/// `each`, which may say what is wrong with it.
pub fn verify_lines(
    reader: impl BufRead,
    after: i64,
    hash: &str,
    mut each: impl FnMut(i64, &str) -> Result<(), String>,
) -> io::Result<Verification> {
    let mut walk = Walk::after(after, hash);
    let walked = walk_lines(reader, &mut walk, false, |seq, fields| {
        // A record that was walked is canonical: written again it has the same bytes.
        each(seq, &Json::Object(fields.clone()).canonical()).map_err(|what| tampered(seq, what))
    })?;
    Ok(walked.err().unwrap_or_else(|| walk.verified()))
}

/// Walks on along the lines, and shows each record to `each`. `anywhere`: a walk at its start may begin with
/// any record.
pub(crate) fn walk_lines(
    mut reader: impl BufRead,
    walk: &mut Walk,
    anywhere: bool,
    mut each: impl FnMut(i64, &Fields) -> Result<(), Verification>,
) -> io::Result<Result<(), Verification>> {
    let mut line = Vec::new();
    let mut ended = false;
    let mut archive = None;
    loop {
        line.clear();
        if (&mut reader).take(LONGEST).read_until(b'\n', &mut line)? == 0 {
            return Ok(Ok(()));
        }
        let bad = |what: &str| Ok(Err(tampered(walk.next(), what)));
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        let Ok(text) = std::str::from_utf8(text) else {
            return bad("the line is not UTF-8");
        };
        if ended {
            return bad("there is an empty line before the record");
        }
        if text.is_empty() {
            ended = true;
            continue;
        }
        let of_archive = *archive.get_or_insert_with(|| text.starts_with(ARCHIVE_LINE));
        let (seq, hash, record) = match of_archive {
            true => match unpacked(text) {
                Some((seq, hash, record)) => (seq, Some(hash), record),
                None => return bad("the line is not as an archive has it"),
            },
            false => (seq_of(text).unwrap_or(walk.next()), None, text.to_owned()),
        };
        if anywhere && walk.is_at_start() && seq > 1 {
            walk.begin_at(seq);
        }
        let stepped = walk.step(seq, hash.as_deref(), &record).and_then(|fields| each(seq, &fields));
        if let Err(bad) = stepped {
            return Ok(Err(bad));
        }
    }
}

fn seq_of(record: &str) -> Option<i64> {
    match Json::parse(record)? {
        Json::Object(fields) => match fields.get("seq") {
            Some(Json::Int(seq)) => Some(*seq),
            _ => None,
        },
        _ => None,
    }
}

/// Number, hash and record of an archive's line; none where it is not to the byte as it was written.
pub(crate) fn unpacked(text: &str) -> Option<(i64, String, String)> {
    let Json::Object(mut fields) = Json::parse(text)? else {
        return None;
    };
    match (fields.remove("seq"), fields.remove("hash"), fields.remove("record")) {
        (Some(Json::Int(seq)), Some(Json::Text(hash)), Some(Json::Text(record))) => {
            (archive_line(seq, &hash, &record) == text).then_some((seq, hash, record))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_line_of_an_archive_is_taken_apart_to_the_byte() {
        let line = archive_line(7, "ab", r#"{"a":"\u0001é"}"#);
        assert_eq!(line, r#"{"hash":"ab","record":"{\"a\":\"\\u0001é\"}","seq":7}"#);
        assert_eq!(unpacked(&line), Some((7, "ab".into(), r#"{"a":"\u0001é"}"#.into())));
        for odd in [line.replace(",\"seq\"", ", \"seq\""), line.replace("ab", "\\u0061b"), format!("{line} ")] {
            assert_eq!(unpacked(&odd), None, "{odd}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn any_bytes_get_a_verdict(mut bytes in any::<Vec<u8>>(), archive: bool) {
            if archive {
                bytes.splice(0..0, ARCHIVE_LINE.bytes());
            }
            let verdict = verify_jsonl(&bytes[..]).expect("reading from memory cannot fail");
            let empty = bytes.is_empty() || bytes == b"\n";
            prop_assert_eq!(matches!(verdict, Verification::Verified { .. }), empty);
        }
    }
}
