//! Shapes of JSON texts in the state file, and the way there and back. They are apart from the model,
//! so that a change of the model cannot silently change what older files mean.

use std::borrow::Cow;
use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::audit::Actor;
use super::error::Fault;
use crate::model::desired::Feed;
use crate::model::plan::{ChangeKey, Counts, Op};

/// [`ChangeKey`].
#[derive(Serialize, Deserialize)]
struct StoredKey {
    op: String,
    group: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<String>,
}

/// [`Feed`].
#[derive(Serialize, Deserialize)]
struct StoredFeed {
    source: String,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    immutable: bool,
}

/// [`Counts`].
#[derive(Serialize, Deserialize)]
struct StoredCounts {
    create: usize,
    add: usize,
    remove: usize,
    lead: usize,
    held: usize,
    report: usize,
    skipped: usize,
}

/// [`Actor`].
#[derive(Serialize, Deserialize)]
struct StoredActor {
    service: String,
    host: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    operator: Option<String>,
}

/// Writes a value that cannot fail to be JSON: structs of texts and numbers.
pub(super) fn to_json(value: &impl Serialize) -> Result<String, Fault> {
    serde_json::to_string(value).map_err(|error| Fault::Database(format!("a value cannot be stored: {error}")))
}

/// A text of a stored value that is not copied where it stands there as it is.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self(Cow::Borrowed(text))
    }
}

impl From<String> for Text<'_> {
    fn from(text: String) -> Self {
        Self(Cow::Owned(text))
    }
}

impl Text<'_> {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Reads a stored value back.
pub(super) fn from_json<'a, T: Deserialize<'a>>(table: &'static str, key: &str, text: &'a str) -> Result<T, Fault> {
    serde_json::from_str(text).map_err(|error| Fault::row(table, key, error))
}

/// Milliseconds since 1970.
pub(super) fn millis(at: Timestamp) -> i64 {
    at.as_millisecond()
}

/// A stored time.
pub(super) fn time(table: &'static str, key: &str, millis: i64) -> Result<Timestamp, Fault> {
    Timestamp::from_millisecond(millis).map_err(|error| Fault::row(table, key, error))
}

/// A stored size, which is never negative.
pub(super) fn count(table: &'static str, key: &str, number: i64) -> Result<u64, Fault> {
    u64::try_from(number).map_err(|error| Fault::row(table, key, error))
}

/// A size as it is stored.
pub(super) fn big(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The parts of a key as columns have them; no account is the empty text.
pub(super) fn key_columns(key: &ChangeKey) -> (&'static str, &str, &str) {
    let account = key.account.as_ref().map_or("", |account| account.as_str());
    (key.op.as_str(), key.group.as_str(), account)
}

/// A key from its columns.
pub(super) fn key_of(
    table: &'static str,
    row: &str,
    (op, group, account): (&str, &str, &str),
) -> Result<ChangeKey, Fault> {
    Ok(ChangeKey {
        group: group.into(),
        op: Op::parse(op).ok_or_else(|| Fault::row(table, row, format!("unknown op {op:?}")))?,
        account: (!account.is_empty()).then(|| account.into()),
    })
}

/// Changes as JSON.
pub(super) fn changes_to_json(changes: &BTreeSet<ChangeKey>) -> Result<String, Fault> {
    let stored = changes.iter().map(|key| StoredKey {
        op: key.op.as_str().to_owned(),
        group: key.group.to_string(),
        account: key.account.as_ref().map(ToString::to_string),
    });
    to_json(&stored.collect::<Vec<_>>())
}

/// Changes from JSON.
pub(super) fn changes_of(table: &'static str, row: &str, text: &str) -> Result<BTreeSet<ChangeKey>, Fault> {
    let stored: Vec<StoredKey> = from_json(table, row, text)?;
    stored.iter().map(|key| key_of(table, row, (&key.op, &key.group, key.account.as_deref().unwrap_or("")))).collect()
}

/// Feeds as JSON.
pub(super) fn feeds_to_json(feeds: &[Feed]) -> Result<String, Fault> {
    let stored = feeds.iter().map(|feed| StoredFeed {
        source: feed.source.to_string(),
        name: feed.name.clone(),
        key: feed.key.as_ref().map(ToString::to_string),
        immutable: feed.immutable,
    });
    to_json(&stored.collect::<Vec<_>>())
}

/// Feeds from JSON.
pub(super) fn feeds_of(table: &'static str, row: &str, text: &str) -> Result<Vec<Feed>, Fault> {
    let stored: Vec<StoredFeed> = from_json(table, row, text)?;
    let feed = |feed: StoredFeed| Feed {
        source: feed.source.into(),
        name: feed.name,
        key: feed.key.map(Into::into),
        immutable: feed.immutable,
    };
    Ok(stored.into_iter().map(feed).collect())
}

/// Counts as JSON.
pub(super) fn counts_to_json(counts: &Counts) -> Result<String, Fault> {
    let Counts { create, add, remove, lead, held, report, skipped } = *counts;
    to_json(&StoredCounts { create, add, remove, lead, held, report, skipped })
}

/// Counts from JSON.
pub(super) fn counts_of(table: &'static str, row: &str, text: &str) -> Result<Counts, Fault> {
    let stored: StoredCounts = from_json(table, row, text)?;
    Ok(Counts {
        create: stored.create,
        add: stored.add,
        remove: stored.remove,
        lead: stored.lead,
        held: stored.held,
        report: stored.report,
        skipped: stored.skipped,
    })
}

/// An actor as JSON.
pub(super) fn actor_to_json(actor: &Actor) -> Result<String, Fault> {
    to_json(&StoredActor { service: actor.service.clone(), host: actor.host.clone(), operator: actor.operator.clone() })
}

/// An actor from JSON.
pub(super) fn actor_of(table: &'static str, row: &str, text: &str) -> Result<Actor, Fault> {
    let stored: StoredActor = from_json(table, row, text)?;
    Ok(Actor { service: stored.service, host: stored.host, operator: stored.operator })
}
