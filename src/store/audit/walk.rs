//! Walking a chain record by record: each must be where and as it was written.

use std::collections::BTreeMap;

use super::canonical::Json;
use super::chain::FIRST_PREV;
use super::checkpoint::Checkpoints;
use super::record::FORMAT;
use super::tally::Tallies;
use crate::model::digest::sha256_hex;
use crate::signing::PublicKey;

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

/// The verdict over something that is not as it was written.
pub(crate) fn tampered(seq: i64, what: impl Into<String>) -> Verification {
    Verification::Tampered { seq, what: what.into() }
}

/// The fields of a record.
pub(crate) type Fields = BTreeMap<String, Json>;

/// A text among the fields of a record.
pub(crate) fn text<'a>(fields: &'a Fields, name: &str) -> Option<&'a str> {
    match fields.get(name) {
        Some(Json::Text(text)) => Some(text),
        _ => None,
    }
}

/// How far a chain was walked.
#[derive(Debug, Clone)]
pub(crate) struct Walk {
    first: Option<i64>,
    next: i64,
    prev: Option<String>,
    records: u64,
    keys: Vec<PublicKey>,
    checkpoints: Checkpoints,
    tallies: Tallies,
}

impl Walk {
    /// From the very first record.
    pub(crate) fn whole() -> Self {
        Self::after(0, FIRST_PREV)
    }

    /// From the record after this one.
    pub(crate) fn after(seq: i64, hash: &str) -> Self {
        Self {
            first: None,
            next: seq.saturating_add(1),
            prev: Some(hash.to_owned()),
            records: 0,
            keys: Vec::new(),
            checkpoints: Checkpoints::default(),
            tallies: Tallies::default(),
        }
    }

    /// Checks the signatures of these keys too.
    pub(crate) fn knowing(self, keys: &[PublicKey]) -> Self {
        Self { keys: keys.to_vec(), ..self }
    }

    /// The checkpoints that were met.
    pub(crate) fn checkpoints(&self) -> &Checkpoints {
        &self.checkpoints
    }

    /// Begins anew at a record whose forerunners are not known: what it says of them is taken on trust.
    pub(crate) fn begin_at(&mut self, seq: i64) {
        let keys = std::mem::take(&mut self.keys);
        *self = Self { next: seq, prev: None, ..Self::whole().knowing(&keys) };
    }

    /// The number that the next record must have.
    pub(crate) fn next(&self) -> i64 {
        self.next
    }

    /// Whether no record was walked yet.
    pub(crate) fn is_at_start(&self) -> bool {
        self.first.is_none()
    }

    /// The hash of the last record.
    pub(crate) fn hash(&self) -> &str {
        self.prev.as_deref().unwrap_or(FIRST_PREV)
    }

    /// One record with its number in the chain; the hash is compared where one was kept. Gives the record's
    /// fields, or the verdict over what is wrong.
    pub(crate) fn step(&mut self, seq: i64, hash: Option<&str>, record: &str) -> Result<Fields, Verification> {
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
        let value = Json::Object(fields);
        if value.canonical() != record {
            return bad(seq, "the record is not canonical JSON (RFC 8785)");
        }
        let Json::Object(fields) = value else {
            return Ok(Fields::new());
        };
        self.checkpoints.see(seq, &computed, &fields, &self.keys)?;
        self.tallies.see(seq, &fields)?;
        self.first.get_or_insert(seq);
        self.next = seq.saturating_add(1);
        self.prev = Some(computed);
        self.records += 1;
        Ok(fields)
    }

    /// The verdict where everything walked was good.
    pub(crate) fn verified(&self) -> Verification {
        Verification::Verified {
            records: self.records,
            first: self.first,
            last: self.first.map(|_| self.next - 1),
            head_hash: self.hash().to_owned(),
        }
    }
}
