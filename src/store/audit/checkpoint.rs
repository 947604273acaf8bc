//! Checkpoints: records that sign the log up to the record before them. What is signed is the record itself
//! without its signature, led by a line that no other text of rosterd begins with:
//!
//! ```text
//! rosterd-checkpoint/1
//! {"actor":…,"checkpoint":{"head_hash":…,"head_seq":…,"key_id":…,"organisation":…},"event":"checkpoint",…,"seq":…}
//! ```
//!
//! Both lines end in a line feed. Nothing in the record can be changed, and through the hash nothing before it.

use super::canonical::Json;
use super::record::{Event, Record};
use super::walk::{Fields, Verification, tampered, text};
use crate::signing::{PublicKey, SigningKey};

/// The field of the record.
const FIELD: &str = "checkpoint";

/// The first line of what is signed.
const DOMAIN: &str = "rosterd-checkpoint/1";

/// A record with its checkpoint, for its place in the chain.
pub(crate) fn signed(record: Record, seq: i64, prev: &str, organisation: Option<&str>, key: &SigningKey) -> Record {
    let checkpoint = |signature: Option<String>| {
        Json::object([
            ("head_seq", Some((seq - 1).into())),
            ("head_hash", Some(prev.into())),
            ("key_id", Some(key.public().id().into())),
            ("organisation", organisation.map(Json::from)),
            ("signature", signature.map(Json::from)),
        ])
    };
    let signature = key.sign(&message(&record.clone().with(FIELD, checkpoint(None)).placed(seq, prev)));
    record.with(FIELD, checkpoint(Some(signature)))
}

fn message(unsigned: &str) -> String {
    format!("{DOMAIN}\n{unsigned}\n")
}

/// A checkpoint that was met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mark {
    /// Its number in the log.
    pub(crate) seq: i64,
    /// The hash of its record.
    pub(crate) hash: String,
    /// Its time, as it says.
    pub(crate) at: String,
    /// Which key it names.
    pub(crate) key: String,
    /// Whether a key that is known signed it.
    pub(crate) proven: bool,
}

/// The checkpoint in a record; none where the record is another one. The error says what is wrong.
pub(crate) fn mark(seq: i64, hash: &str, fields: &Fields, keys: &[PublicKey]) -> Result<Option<Mark>, &'static str> {
    if fields.get("event") != Some(&Json::from(Event::Checkpoint.as_str())) {
        return Ok(None);
    }
    let Some(Json::Object(said)) = fields.get(FIELD) else {
        return Err("the checkpoint has nothing in it");
    };
    if said.get("head_seq") != Some(&Json::from(seq.saturating_sub(1))) || said.get("head_hash") != fields.get("prev") {
        return Err("the checkpoint is not of the record before it");
    }
    let (Some(Json::Text(key)), Some(Json::Text(signature))) = (said.get("key_id"), said.get("signature")) else {
        return Err("the checkpoint is not signed");
    };
    let known = keys.iter().find(|known| known.id() == key);
    if let Some(known) = known {
        let mut bare = fields.clone();
        if let Some(Json::Object(said)) = bare.get_mut(FIELD) {
            said.remove("signature");
        }
        if !known.signed(&message(&Json::Object(bare).canonical()), signature) {
            return Err("the signature of the checkpoint is not the key's");
        }
    }
    let at = text(fields, "at").unwrap_or_default().to_owned();
    Ok(Some(Mark { seq, hash: hash.to_owned(), at, key: key.clone(), proven: known.is_some() }))
}

/// The checkpoints that were met on the way along a log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checkpoints {
    pub(crate) marks: Vec<Mark>,
    /// The first end of a run that no checkpoint which counts comes after: with keys, one that they signed.
    pub(crate) open_end: Option<i64>,
    /// The first record that was looked at.
    pub(crate) first: Option<i64>,
    /// Runs that ended before the first checkpoint that counts, that of the checkpoint among them.
    pub(crate) ended_before: usize,
    /// Whether one that counts was met.
    signed: bool,
}

impl Checkpoints {
    /// Looks at a record that fits the chain.
    pub(crate) fn see(
        &mut self,
        seq: i64,
        hash: &str,
        fields: &Fields,
        keys: &[PublicKey],
    ) -> Result<(), Verification> {
        self.first.get_or_insert(seq);
        if fields.get("event") == Some(&Json::from(Event::RunFinished.as_str())) {
            self.open_end.get_or_insert(seq);
            self.ended_before += usize::from(!self.signed);
        }
        if let Some(mark) = mark(seq, hash, fields, keys).map_err(|what| tampered(seq, what))? {
            if mark.proven || keys.is_empty() {
                self.open_end = None;
                self.signed = true;
            }
            self.marks.push(mark);
        }
        Ok(())
    }

    /// Those of the part of the log that follows this one, with these.
    pub(crate) fn then(&self, next: &Self) -> Self {
        Self {
            marks: self.marks.iter().chain(&next.marks).cloned().collect(),
            open_end: if next.signed { next.open_end } else { self.open_end.or(next.open_end) },
            first: self.first.or(next.first),
            ended_before: self.ended_before + if self.signed { 0 } else { next.ended_before },
            signed: self.signed || next.signed,
        }
    }
}
