//! What checkpoints prove of a log. Up to the last one that a known key signed all is proven; a run that ended
//! after it is not. What was written to the checkpoint file must be in the log, to the byte.

use std::collections::BTreeMap;
use std::io::{self, BufRead};

use super::super::audit::checkpoint::{Checkpoints, Mark};
use super::super::audit::lines::walk_lines;
use super::super::audit::walk::{Verification, Walk, tampered};
use super::CheckpointFile;
use crate::signing::PublicKey;

/// What a log is held against.
#[derive(Debug, Clone, Default)]
pub struct Witness {
    /// Keys; where there are some, one of them must have signed the log.
    pub keys: Vec<PublicKey>,
    /// A checkpoint file, read with these keys.
    pub written: Option<CheckpointFile>,
    /// Whether the log should go as far as the checkpoint file does: so it is with a state, and not with an
    /// archive.
    pub to_the_end: bool,
    /// The last checkpoint that the state wrote to that file, where that is known.
    pub published: Option<i64>,
}

/// What the checkpoints of a log prove.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Judgement {
    /// The log is not what was signed or written; never [`Verification::Verified`].
    pub log: Option<Verification>,
    /// The checkpoint file is not what was written.
    pub file: Option<String>,
    /// A part of a log in which no run ends has no signature, and so nothing of it is proven. First and last `seq`.
    pub unsigned: Option<(i64, i64)>,
    /// How many checkpoints the log has.
    pub checkpoints: usize,
    /// How many of them each known key signed, by the key's id.
    pub signed: BTreeMap<String, usize>,
    /// How many of them name each key that is not known.
    pub unknown: BTreeMap<String, usize>,
    /// `seq` and time of the first one that counts: before it nobody had signed anything.
    pub first: Option<(i64, String)>,
    /// So many runs had ended before the one that it was made by.
    pub before: usize,
    /// `seq` of the last one that counts: with keys, the last that they signed.
    pub last: Option<i64>,
    /// How many records come after that one.
    pub after: i64,
    /// How many lines of the checkpoint file were found in the log.
    pub compared: usize,
    /// What else is to be said, for a person.
    pub notes: Vec<String>,
}

impl Judgement {
    /// Whether nothing was found.
    pub fn is_good(&self) -> bool {
        self.log.is_none() && self.file.is_none() && self.unsigned.is_none()
    }
}

/// The verdict over a log in lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogVerdict {
    /// The chain.
    pub verification: Verification,
    /// What its checkpoints prove.
    pub judgement: Judgement,
}

/// Checks an export, a record a line (as [`super::super::verify_jsonl`] does), and its checkpoints.
pub fn verify_log(reader: impl BufRead, witness: &Witness) -> io::Result<LogVerdict> {
    let mut walk = Walk::whole().knowing(&witness.keys);
    let walked = walk_lines(reader, &mut walk, true, |_, _| Ok(()))?;
    let verification = walked.err().unwrap_or_else(|| walk.verified());
    let judgement = judge(&verification, walk.checkpoints(), witness);
    Ok(LogVerdict { verification, judgement })
}

/// Judges a log by the checkpoints that were met in it (with the keys of the witness).
pub fn judge(log: &Verification, met: &Checkpoints, witness: &Witness) -> Judgement {
    let counts = |mark: &&Mark| mark.proven || witness.keys.is_empty();
    let first = met.marks.iter().find(counts).map(|mark| (mark.seq, mark.at.clone()));
    let last = met.marks.iter().rfind(counts).map(|mark| mark.seq);
    let (begins, ends) = match log {
        Verification::Verified { first, last, .. } => (first.unwrap_or(1), last.unwrap_or(0)),
        // As far as it is good.
        Verification::Tampered { seq, .. } => (met.first.unwrap_or(i64::MAX), seq.saturating_sub(1)),
    };
    let mut found = Judgement {
        checkpoints: met.marks.len(),
        before: first.as_ref().map_or(0, |_| met.ended_before.saturating_sub(1)),
        first,
        last,
        after: ends.saturating_sub(last.unwrap_or_else(|| begins.saturating_sub(1))).max(0),
        ..Judgement::default()
    };
    for mark in &met.marks {
        let of = if mark.proven { &mut found.signed } else { &mut found.unknown };
        *of.entry(mark.key.clone()).or_default() += 1;
    }
    if !witness.keys.is_empty() && matches!(log, Verification::Verified { .. }) {
        // An empty log, and a whole one, should have been signed.
        let in_between = met.first.is_some() && !witness.to_the_end;
        found.log = match (last, met.open_end) {
            (None, None) if met.marks.is_empty() && in_between => {
                found.unsigned = Some((begins, ends));
                None
            }
            (None, _) => Some(tampered(begins, "no checkpoint in it is signed by a key that was given")),
            (_, Some(end)) => {
                Some(tampered(end, "a run ended here, and no checkpoint after it is signed by a key that was given"))
            }
            (Some(_), None) => None,
        };
    }
    if let Some(file) = &witness.written {
        compare(&mut found, (log, begins, ends), met, file, witness);
    }
    found
}

/// Holds the log against the checkpoint file, and the other way round.
fn compare(
    found: &mut Judgement,
    (log, begins, ends): (&Verification, i64, i64),
    met: &Checkpoints,
    file: &CheckpointFile,
    witness: &Witness,
) {
    let path = file.path.display().to_string();
    let whole = matches!(log, Verification::Verified { .. });
    let mut bad = Vec::new();
    let mut beyond = 0_usize;
    for (number, line) in &file.lines {
        let seq = line.seq;
        match met.marks.binary_search_by_key(&seq, |mark| mark.seq).ok().and_then(|at| met.marks.get(at)) {
            Some(mark) if mark.hash == line.hash => found.compared += 1,
            Some(_) if seq > ends => {}
            Some(_) => bad.push(tampered(seq, format!("the checkpoint is another than line {number} of {path}"))),
            None if (begins..=ends).contains(&seq) => {
                bad.push(tampered(seq, format!("line {number} of {path} has a checkpoint here, and the log has none")));
            }
            None if seq < begins || !whole => {}
            None if witness.to_the_end => {
                let what = format!("the log ends here, and line {number} of {path} is a checkpoint of seq {seq}");
                bad.push(tampered(ends.saturating_add(1), what));
            }
            None => beyond += 1,
        }
    }
    found.log = [found.log.take(), bad.into_iter().next()].into_iter().flatten().min_by_key(first_bad);
    found.notes.extend(file.notes.iter().map(|note| format!("{path}: {note}")));
    if beyond > 0 {
        found.notes.push(format!("{path} goes on with {beyond} checkpoints after the last record here"));
    }
    found.file = file.bad.clone();
    if found.file.is_none() && found.log.is_none() && whole {
        missing(found, met, file, witness.published);
    }
}

/// Looks for checkpoints of the log that the file should have.
fn missing(found: &mut Judgement, met: &Checkpoints, file: &CheckpointFile, published: Option<i64>) {
    let has = |mark: &&Mark| file.lines.binary_search_by_key(&mark.seq, |(_, line)| line.seq).is_ok();
    let ends = |seq: Option<i64>| seq.unwrap_or(0);
    let (first, last) =
        (ends(file.lines.first().map(|(_, line)| line.seq)), ends(file.lines.last().map(|(_, line)| line.seq)));
    let lost: Vec<&Mark> = met.marks.iter().filter(|mark| !has(mark)).collect();
    let between = lost.iter().find(|mark| first < mark.seq && mark.seq < last);
    let taken = lost.iter().find(|mark| mark.seq > last && published.is_some_and(|written| mark.seq <= written));
    let before = lost.iter().filter(|mark| mark.seq < first).count();
    let waiting = lost.iter().filter(|mark| mark.seq > last).count();
    found.file = match (between, taken) {
        (Some(mark), _) => Some(format!("it does not have the checkpoint of seq {}, and has later ones", mark.seq)),
        (None, Some(mark)) => Some(format!("the checkpoint of seq {} was written to it, and it has lost it", mark.seq)),
        (None, None) => None,
    };
    let path = file.path.display();
    if before > 0 {
        found.notes.push(format!("{path} begins later: it does not have the first {before} checkpoints"));
    }
    if waiting > 0 && found.file.is_none() {
        found.notes.push(format!("{path} does not have the last {waiting} checkpoints yet: the next run writes them"));
    }
}

/// The `seq` that a verdict names.
fn first_bad(verdict: &Verification) -> i64 {
    match verdict {
        Verification::Tampered { seq, .. } => *seq,
        Verification::Verified { .. } => i64::MAX,
    }
}
