//! Reading the log page by page, in bounded memory.

use jiff::Timestamp;

use super::record::Event;
use super::value::AuditRecord;
use crate::model::id::RunId;
use crate::store::Store;
use crate::store::error::{Fault, StoreError};

/// Rows that are in memory at once.
const PAGE: i64 = 500;

/// Which records; all of them by default.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// At this time or later.
    pub since: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
    /// Of this run.
    pub run: Option<RunId>,
    /// Of this event.
    pub event: Option<Event>,
    /// Only this many, the newest ones; still oldest first.
    pub limit: Option<u64>,
}

impl AuditFilter {
    fn takes_all(&self) -> bool {
        self.since.is_none() && self.until.is_none() && self.run.is_none() && self.event.is_none()
    }

    fn takes(&self, entry: &AuditEntry) -> Result<bool, Fault> {
        if self.takes_all() {
            return Ok(true);
        }
        let record = AuditRecord::parse(&entry.record).map_err(|why| Fault::row("audit", entry.seq, why))?;
        Ok(self.since.is_none_or(|since| record.at >= since)
            && self.until.is_none_or(|until| record.at < until)
            && self.run.as_ref().is_none_or(|run| record.run_id.as_deref() == Some(run.as_str()))
            && self.event.is_none_or(|event| record.event == event.as_str()))
    }
}

/// A row of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its number.
    pub seq: i64,
    /// The hash of `record`.
    pub hash: String,
    /// Canonical JSON, as it was written.
    pub record: String,
}

/// Goes through the log; oldest first. Records appended meanwhile may or may not be seen.
#[derive(Debug)]
pub struct AuditCursor {
    store: Store,
    filter: AuditFilter,
    after: i64,
    until: i64,
}

impl AuditCursor {
    pub(crate) async fn new(store: Store, filter: AuditFilter) -> Result<Self, Fault> {
        let last: Option<i64> = sqlx::query_scalar("SELECT MAX(seq) FROM audit").fetch_one(&store.pool).await?;
        let mut cursor = Self { store, filter, after: i64::MIN, until: last.unwrap_or(i64::MIN) };
        if let Some(run) = cursor.filter.run.clone() {
            // Nothing of a run is before its first record.
            let first: Option<i64> = sqlx::query_scalar("SELECT first_seq FROM run WHERE id = $1")
                .bind(run.as_str())
                .fetch_optional(&cursor.store.pool)
                .await?;
            cursor.after = first.map_or(i64::MIN, |first| first.saturating_sub(1));
        }
        if let Some(limit) = cursor.filter.limit {
            cursor.after = cursor.before_the_last(limit).await?;
        }
        Ok(cursor)
    }

    /// The next records that the filter takes; none at the end, and never an empty page.
    pub async fn next_page(&mut self) -> Result<Option<Vec<AuditEntry>>, StoreError> {
        let page = self.page().await;
        page.map_err(|fault| self.store.failed(fault))
    }

    async fn page(&mut self) -> Result<Option<Vec<AuditEntry>>, Fault> {
        loop {
            let rows = self.rows().await?;
            let Some(last) = rows.last() else {
                return Ok(None);
            };
            self.after = last.seq;
            let mut page = Vec::new();
            for entry in rows {
                if self.filter.takes(&entry)? {
                    page.push(entry);
                }
            }
            if !page.is_empty() {
                return Ok(Some(page));
            }
        }
    }

    async fn rows(&self) -> Result<Vec<AuditEntry>, Fault> {
        let rows: Vec<(i64, String, String)> =
            sqlx::query_as("SELECT seq, hash, record FROM audit WHERE seq > $1 AND seq <= $2 ORDER BY seq LIMIT $3")
                .bind(self.after)
                .bind(self.until)
                .bind(PAGE)
                .fetch_all(&self.store.pool)
                .await?;
        Ok(entries(rows))
    }

    /// Goes back from the end until the filter took `limit` records.
    async fn before_the_last(&self, limit: u64) -> Result<i64, Fault> {
        if limit == 0 {
            return Ok(i64::MAX);
        }
        let (mut below, mut left) = (self.until.saturating_add(1), limit);
        loop {
            let rows: Vec<(i64, String, String)> = sqlx::query_as(
                "SELECT seq, hash, record FROM audit WHERE seq > $1 AND seq < $2 ORDER BY seq DESC LIMIT $3",
            )
            .bind(self.after)
            .bind(below)
            .bind(PAGE)
            .fetch_all(&self.store.pool)
            .await?;
            let rows = entries(rows);
            let Some(last) = rows.last() else {
                return Ok(self.after);
            };
            below = last.seq;
            for entry in &rows {
                left -= u64::from(self.filter.takes(entry)?);
                if left == 0 {
                    return Ok(entry.seq.saturating_sub(1));
                }
            }
        }
    }
}

fn entries(rows: Vec<(i64, String, String)>) -> Vec<AuditEntry> {
    rows.into_iter().map(|(seq, hash, record)| AuditEntry { seq, hash, record }).collect()
}
