//! The whole log, in archives and in the state, page by page: what an export is made of. While somebody reads
//! it, no record moves from the one to the other.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;

use super::super::audit::AuditEntry;
use super::super::audit::chain::FIRST_PREV;
use super::super::audit::lines::unpacked;
use super::super::audit::walk::{Verification, Walk};
use super::super::error::{Fault, StoreError};
use super::super::lock;
use super::Archive;
use super::file::Hashing;
use crate::store::Store;

/// Rows that are in memory at once.
const PAGE: usize = 500;

/// How often it is tried to keep archiving off, and how long between: a chunk of records is archived in less.
const TRIES: u32 = 100;
const BETWEEN: Duration = Duration::from_millis(100);

/// The log, and which part of it can be read.
pub struct WholeLog {
    store: Store,
    archives: Vec<Archive>,
    /// Archives that are older than the period and not there.
    missing: usize,
    /// The state's own records are read too.
    to_the_end: bool,
    last: i64,
    _kept: File,
}

impl Store {
    /// The log around a period, to be read more than once. Archives with records of the period must be
    /// there; older ones that are not there are left out, with all that is before them.
    pub async fn whole_log(&self, from: Timestamp, to: Timestamp) -> Result<WholeLog, StoreError> {
        self.around(from, to).await.map_err(|fault| self.failed(fault))
    }

    async fn around(&self, from: Timestamp, to: Timestamp) -> Result<WholeLog, Fault> {
        let kept = self.keep_archives().await?;
        let mut conn = self.pool.acquire().await?;
        let mut archives = super::rows(&mut conn).await?;
        let last: Option<i64> = sqlx::query_scalar("SELECT MAX(seq) FROM audit").fetch_one(&mut *conn).await?;
        let dir = self.archive_dir();
        let (mut missing, mut end) = (0, archives.len());
        for (at, archive) in archives.iter().enumerate() {
            if dir.join(&archive.file).is_file() {
                continue;
            }
            let before = at.checked_sub(1).and_then(|before| archives.get(before));
            if archive.until < from {
                missing = at + 1;
            } else if before.is_some_and(|before| before.until >= to) {
                end = at;
                break;
            } else {
                let why = "it is not there, and it has records of the period".to_owned();
                return Err(Fault::ArchiveUnread { file: dir.join(&archive.file), why });
            }
        }
        let to_the_end = end == archives.len();
        archives.truncate(end);
        Ok(WholeLog { store: self.clone(), archives, missing, to_the_end, last: last.unwrap_or(0), _kept: kept })
    }

    /// Keeps others from archiving until the file is closed.
    async fn keep_archives(&self) -> Result<File, Fault> {
        for _ in 0..TRIES {
            if let Some(kept) = lock::try_lock(&self.path, ".archive.lock")? {
                return Ok(kept);
            }
            tokio::time::sleep(BETWEEN).await;
        }
        Err(Fault::Locked)
    }
}

impl WholeLog {
    /// Archives that are not there; what is read begins after the last of them.
    pub fn missing(&self) -> &[Archive] {
        self.archives.get(..self.missing).unwrap_or_default()
    }

    /// Archives that are read.
    pub fn read(&self) -> &[Archive] {
        self.archives.get(self.missing..).unwrap_or_default()
    }

    /// The record before the first one that is read, by number and hash.
    pub fn before(&self) -> (i64, String) {
        let anchor = self.missing().last();
        anchor.map_or_else(|| (0, FIRST_PREV.to_owned()), |anchor| (anchor.last_seq, anchor.last_hash.clone()))
    }

    /// Goes through it, oldest first. What was appended after [`Store::whole_log`] is not seen.
    pub fn cursor(&self) -> LogCursor {
        let (seq, hash) = self.before();
        LogCursor {
            store: self.store.clone(),
            archives: self.read().iter().cloned().collect(),
            open: None,
            walk: Walk::after(seq, &hash),
            until: if self.to_the_end { self.last } else { i64::MIN },
        }
    }
}

/// Goes through the log.
pub struct LogCursor {
    store: Store,
    archives: VecDeque<Archive>,
    open: Option<Reading>,
    walk: Walk,
    until: i64,
}

/// An archive that is being read.
struct Reading {
    path: PathBuf,
    archive: Archive,
    lines: BufReader<Hashing>,
}

impl LogCursor {
    /// The next records; none at the end, and never an empty page. Records are checked to be where and as
    /// they were written.
    pub async fn next_page(&mut self) -> Result<Option<Vec<AuditEntry>>, StoreError> {
        let page = self.page().await;
        page.map_err(|fault| self.store.failed(fault))
    }

    async fn page(&mut self) -> Result<Option<Vec<AuditEntry>>, Fault> {
        loop {
            if self.open.is_none()
                && let Some(archive) = self.archives.pop_front()
            {
                let path = self.store.archive_dir().join(&archive.file);
                self.open = Some(Reading::open(path, archive)?);
            }
            let Some(reading) = self.open.take() else { break };
            let path = reading.path.clone();
            let walk = self.walk.clone();
            let read = tokio::task::spawn_blocking(move || reading.page(walk)).await;
            let unfit = |why: String| Fault::ArchiveUnread { file: path.clone(), why };
            let (page, walk, reading) = read.map_err(|gone| unfit(gone.to_string()))?.map_err(unfit)?;
            self.walk = walk;
            self.open = reading;
            if !page.is_empty() {
                return Ok(Some(page));
            }
        }
        self.rows().await
    }

    async fn rows(&mut self) -> Result<Option<Vec<AuditEntry>>, Fault> {
        let rows: Vec<(i64, String, String)> =
            sqlx::query_as("SELECT seq, hash, record FROM audit WHERE seq >= $1 AND seq <= $2 ORDER BY seq LIMIT $3")
                .bind(self.walk.next())
                .bind(self.until)
                .bind(PAGE as i64)
                .fetch_all(&self.store.pool)
                .await?;
        let mut page = Vec::with_capacity(rows.len());
        for (seq, hash, record) in rows {
            if let Err(Verification::Tampered { seq, what }) = self.walk.step(seq, Some(&hash), &record) {
                return Err(Fault::row("audit", seq, what));
            }
            page.push(AuditEntry { seq, hash, record });
        }
        Ok((!page.is_empty()).then_some(page))
    }
}

/// A page, how far the chain was walked, and the file where there is more of it.
type Page = (Vec<AuditEntry>, Walk, Option<Reading>);

impl Reading {
    fn open(path: PathBuf, archive: Archive) -> Result<Self, Fault> {
        let opened = Hashing::open(&path);
        let hashing = opened.map_err(|error| Fault::ArchiveUnread { file: path.clone(), why: error.to_string() })?;
        Ok(Self { path, archive, lines: BufReader::new(hashing) })
    }

    fn page(mut self, mut walk: Walk) -> Result<Page, String> {
        let mut page = Vec::with_capacity(PAGE);
        while page.len() < PAGE {
            let mut line = String::new();
            if self.lines.read_line(&mut line).map_err(|error: io::Error| error.to_string())? == 0 {
                return self.ended(&walk).map(|()| (page, walk, None));
            }
            let text = line.strip_suffix('\n').unwrap_or(&line);
            let bad = |seq: i64, what: &str| format!("seq {seq}: {what}");
            let Some((seq, hash, record)) = unpacked(text) else {
                return Err(bad(walk.next(), "the line is not as an archive has it"));
            };
            if let Err(Verification::Tampered { seq, what }) = walk.step(seq, Some(&hash), &record) {
                return Err(bad(seq, &what));
            }
            page.push(AuditEntry { seq, hash, record });
        }
        Ok((page, walk, Some(self)))
    }

    /// The file is the one that the log tells of.
    fn ended(self, walk: &Walk) -> Result<(), String> {
        let (archive, end) = (self.archive, walk.next() - 1);
        if end != archive.last_seq || walk.hash() != archive.last_hash {
            return Err(format!("it ends with seq {end}, and the state says {}", archive.last_seq));
        }
        match self.lines.into_inner().hex() == archive.sha256 {
            true => Ok(()),
            false => Err("it is not the file that was written: its SHA-256 differs".to_owned()),
        }
    }
}
