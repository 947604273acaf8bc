//! The checkpoint file as it is checked: every line a checkpoint, in order, each signed by its key.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use super::super::audit::canonical::Json;
use super::super::audit::checkpoint::{Mark, mark};
use crate::model::digest::sha256_hex;
use crate::signing::PublicKey;

/// The longest line that is read, in bytes: far above any checkpoint.
const LONGEST: u64 = 1 << 20;

/// A checkpoint file that was read to its end, or to the first line that is wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckpointFile {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it, by itself.
    pub bad: Option<String>,
    /// What is odd in it and not wrong.
    pub notes: Vec<String>,
    /// Its checkpoints, with the numbers of their lines.
    pub(super) lines: Vec<(usize, Mark)>,
}

impl CheckpointFile {
    /// Reads a file, and checks the signatures by the keys that are known.
    pub fn read(path: &Path, keys: &[PublicKey]) -> io::Result<Self> {
        if !path.metadata()?.is_file() {
            return Err(io::Error::other("it is not a file"));
        }
        let mut file = Self::of(BufReader::new(File::open(path)?), keys)?;
        file.path = path.to_owned();
        Ok(file)
    }

    fn of(mut reader: impl BufRead, keys: &[PublicKey]) -> io::Result<Self> {
        let mut found = Self::default();
        let mut bytes = Vec::new();
        // Beginnings of lines whose writing was cut off; the line that follows has the whole of them.
        let mut torn: Vec<(usize, Vec<u8>)> = Vec::new();
        for number in 1.. {
            bytes.clear();
            if (&mut reader).take(LONGEST).read_until(b'\n', &mut bytes)? == 0 {
                break;
            }
            let ended = bytes.last() == Some(&b'\n');
            let line = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
            let at = |what: &str| Some(format!("line {number}: {what}"));
            match checkpoint(line, keys) {
                Err(Odd::NoCheckpoint) => torn.push((number, line.to_owned())),
                Err(Odd::Wrong(what)) => {
                    found.bad = at(what);
                    return Ok(found);
                }
                Ok(mark) => {
                    if let Some((begun, _)) = torn.iter().find(|(_, begun)| !line.starts_with(begun)) {
                        found.bad = Some(format!("line {begun}: it is no checkpoint"));
                        return Ok(found);
                    }
                    torn.clear();
                    match found.lines.last() {
                        Some((_, last)) if last.seq == mark.seq && last.hash == mark.hash => continue,
                        Some((_, last)) if last.seq >= mark.seq => {
                            found.bad = at(&format!("its checkpoint of seq {} is out of order", mark.seq));
                            return Ok(found);
                        }
                        _ => found.lines.push((number, mark)),
                    }
                    if !ended {
                        found.notes.push("its last line has no end: the next run ends it".to_owned());
                    }
                }
            }
        }
        match torn.as_slice() {
            [] => {}
            [(number, begun)] if begun.starts_with(b"{") => {
                found
                    .notes
                    .push(format!("line {number} was cut off while it was written: the next run writes it again"));
            }
            [(number, _), ..] => found.bad = Some(format!("line {number}: it is no checkpoint")),
        }
        Ok(found)
    }

    /// How many checkpoints it has.
    pub fn checkpoints(&self) -> usize {
        self.lines.len()
    }
}

enum Odd {
    NoCheckpoint,
    Wrong(&'static str),
}

fn checkpoint(line: &[u8], keys: &[PublicKey]) -> Result<Mark, Odd> {
    let text = std::str::from_utf8(line).map_err(|_| Odd::NoCheckpoint)?;
    let Some(Json::Object(fields)) = Json::parse(text) else {
        return Err(Odd::NoCheckpoint);
    };
    let Some(Json::Int(seq)) = fields.get("seq") else {
        return Err(Odd::Wrong("it is no checkpoint"));
    };
    let found = mark(*seq, &sha256_hex(line), &fields, keys).map_err(Odd::Wrong)?;
    let found = found.ok_or(Odd::Wrong("it is no checkpoint"))?;
    match Json::Object(fields).canonical() == text {
        true => Ok(found),
        false => Err(Odd::Wrong("it is not as it was written")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_bytes_get_a_verdict(bytes in any::<Vec<u8>>()) {
            let file = CheckpointFile::of(&bytes[..], &[]).expect("reading from memory cannot fail");
            prop_assert!(file.lines.is_empty());
            prop_assert_eq!(file.bad.is_some() || !file.notes.is_empty(), !bytes.is_empty());
        }
    }
}
