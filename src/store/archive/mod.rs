//! Old records of the log: moved to files beside the state, and pruned once the file was read back. What is
//! left begins after the last archived record, the anchor.
//!
//! A file is written beside its place, synced, renamed, and read back. Only then one transaction records it in
//! the chain (event `archived`), remembers it beside the chain, and prunes. Whoever dies before that has left
//! a file that the next one finds, checks and takes.

mod check;
mod file;
mod log;
mod prune;
mod range;

use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use sqlx::SqliteConnection;

pub use check::{FilesVerdict, WholeVerdict, verify_archive, verify_archives};
pub use log::{LogCursor, WholeLog};

use super::audit::Actor;
use super::audit::canonical::Json;
use super::audit::walk::{Fields, Verification, tampered};
use super::error::{Fault, StoreError};
use super::recorded::{self, Unpacked};
use super::stored::{count, time};
use super::{Store, lock, settings};
use crate::signing::PublicKey;

const TABLE: &str = "archive";

/// The field of the record that tells of an archive.
pub(super) const FIELD: &str = "archive";

/// The migration that brought the table.
const SINCE: i64 = 5;

/// An archive: old records of the log in a file beside the state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archive {
    /// The file's name, without its directory.
    pub file: String,
    /// `seq` of its first record.
    pub first_seq: i64,
    /// `seq` of its last record.
    pub last_seq: i64,
    /// Hash of its last record.
    pub last_hash: String,
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: String,
    /// When its last record was written.
    pub until: Timestamp,
    /// `seq` of the record that tells of it.
    pub recorded_by: i64,
}

impl Archive {
    /// How many records it has.
    pub fn records(&self) -> u64 {
        u64::try_from(self.last_seq - self.first_seq + 1).unwrap_or(0)
    }

    /// As the log tells of it.
    pub(super) fn json(&self) -> Json {
        Json::object([
            ("file", Some(self.file.as_str().into())),
            ("first_seq", Some(self.first_seq.into())),
            ("last_seq", Some(self.last_seq.into())),
            ("last_hash", Some(self.last_hash.as_str().into())),
            ("records", Some(self.records().into())),
            ("sha256", Some(self.sha256.as_str().into())),
        ])
    }
}

/// What is to be archived, and in whose name.
#[derive(Debug, Clone)]
pub struct Retire {
    /// Runs that ended before this time are old.
    pub before: Timestamp,
    /// So many records go into one file and one transaction. A run is not split: one that has more gets a
    /// file of its own.
    pub chunk: u32,
    /// Now.
    pub now: Timestamp,
    /// Who acts.
    pub actor: Actor,
    /// The version of rosterd.
    pub version: String,
}

impl Store {
    /// Where archives are: a directory beside the state file.
    pub fn archive_dir(&self) -> PathBuf {
        dir_of(&self.path)
    }

    /// Archives the oldest records, one chunk of them, and prunes what belongs to them. None
    /// where nothing is old, and where another process is at it. Checkpoints that their file has not got yet
    /// stay, with all that came after them: from the state the next run writes them there. Nothing is pruned unless the archive was
    /// read back.
    pub async fn archive_next(&self, retire: &Retire) -> Result<Option<Archive>, StoreError> {
        let Some(_lock) = lock::try_lock(&self.path, ".archive.lock").map_err(|fault| self.failed(fault))? else {
            return Ok(None);
        };
        let written_to = self.signing.as_ref().and_then(|signing| signing.file.as_deref());
        let mut tx = self.read().await?;
        let range = range::next(&mut tx, retire, written_to).await;
        let Some(range) = self.end(tx, range).await? else {
            return Ok(None);
        };
        let written = file::find_or_write(&self.pool, &self.path, &range).await;
        let Some(written) = written.map_err(|fault| self.failed(fault))? else {
            return Ok(None);
        };
        let mut tx = self.write().await?;
        let archive = prune::prune(&mut tx, retire, written).await;
        self.end(tx, archive).await.map(Some)
    }

    /// When old records were archived last, to the end of what was old.
    pub async fn archived_at(&self) -> Result<Option<Timestamp>, StoreError> {
        let mut tx = self.read().await?;
        let at = settings::archived_at(&mut tx).await;
        self.end(tx, at).await
    }

    /// Remembers that all was archived that was old.
    pub async fn remember_archived(&self, now: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        let done = settings::remember_archived(&mut tx, now).await;
        self.end(tx, done).await
    }

    /// The archives of this state, oldest first. The log in the state file begins after the last one.
    pub async fn archives(&self) -> Result<Vec<Archive>, StoreError> {
        let mut tx = self.read().await?;
        let rows = rows(&mut tx).await;
        self.end(tx, rows).await
    }

    /// Checks the log of the state file, and with it the archives in a directory. Every archive that the
    /// state names must be there.
    pub async fn verify_with_archives(&self, dir: Option<&Path>) -> Result<WholeVerdict, StoreError> {
        self.verify_signed(dir, &[]).await
    }

    /// The same, and the signatures of checkpoints by the keys that are known.
    pub async fn verify_signed(&self, dir: Option<&Path>, keys: &[PublicKey]) -> Result<WholeVerdict, StoreError> {
        let mut tx = self.read().await?;
        let verdict = check::whole(&mut tx, dir, keys).await;
        self.end(tx, verdict).await
    }
}

/// The directory of a state's archives.
fn dir_of(state: &Path) -> PathBuf {
    lock::beside(state, ".archive")
}

type Columns = (i64, i64, String, String, String, i64, i64);

/// The archives, oldest first; none in a file that is older than the table.
pub(super) async fn rows(conn: &mut SqliteConnection) -> Result<Vec<Archive>, Fault> {
    let schema: Option<i64> =
        sqlx::query_scalar("SELECT MAX(version) FROM _sqlx_migrations").fetch_one(&mut *conn).await?;
    if schema.unwrap_or(0) < SINCE {
        return Ok(Vec::new());
    }
    let rows: Vec<Columns> = sqlx::query_as(
        "SELECT first_seq, last_seq, last_hash, file, sha256, until_at, recorded_by FROM archive ORDER BY first_seq",
    )
    .fetch_all(conn)
    .await?;
    let archive = |(first_seq, last_seq, last_hash, file, sha256, until, recorded_by): Columns| {
        count(TABLE, &file, first_seq)?;
        count(TABLE, &file, last_seq.saturating_sub(first_seq))?;
        let until = time(TABLE, &file, until)?;
        Ok(Archive { file, first_seq, last_seq, last_hash, sha256, until, recorded_by })
    };
    rows.into_iter().map(archive).collect()
}

/// Shows what archives have about approvals: the one that has what was recorded at a time, and all after it, from the
/// newest on. Tells whether there is one. Where one cannot be read it ends there, and tells which and why: what an
/// archive cannot prove is not believed.
pub(super) async fn approvals(
    conn: &mut SqliteConnection,
    from: Timestamp,
    mut each: impl FnMut(&Fields),
) -> Result<Unpacked, Fault> {
    let mut archives = rows(conn).await?;
    let Some(likely) = archives.iter().position(|archive| archive.until >= from) else {
        return Ok(Ok(false));
    };
    // The one place that asks SQLite where it is: whoever reads approvals has no path.
    let state: String =
        sqlx::query_scalar("SELECT file FROM pragma_database_list WHERE name = 'main'").fetch_one(conn).await?;
    let dir = dir_of(Path::new(&state));
    for archive in archives.drain(likely..).rev() {
        let path = dir.join(&archive.file);
        let read = tokio::task::spawn_blocking(move || file::marked(&path, recorded::MARK)).await;
        match read.unwrap_or_else(|gone| Err(io::Error::other(gone))) {
            Ok(records) => records.iter().for_each(&mut each),
            Err(error) => return Ok(Err((archive.file, error))),
        }
    }
    Ok(Ok(true))
}

/// The first place where archives do not join each other, or could not be as they are told.
pub(super) fn unjoined(archives: &[Archive]) -> Option<Verification> {
    let mut next = 1;
    for archive in archives {
        if archive.first_seq != next {
            let what = "the record is missing: no archive has it, and the log begins later";
            return Some(tampered(next.min(archive.first_seq), what));
        }
        if archive.file != file::name(archive.first_seq, archive.last_seq) {
            return Some(tampered(next, "the state names a file that is no archive of these records"));
        }
        if archive.recorded_by <= archive.last_seq {
            return Some(tampered(next, "the state tells of an archive that the log does not tell of"));
        }
        next = archive.last_seq.saturating_add(1);
    }
    None
}
