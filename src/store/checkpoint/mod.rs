//! Signed checkpoints: every run that ends by a store that can sign ends in one, and it is written to a file
//! outside as well. That file is only ever appended to: it may lie where nothing can be taken back.
//!
//! What could not be written (a share that is not mounted, a full disk) is no failure of the run. It is
//! remembered, and the next run writes what is missing.

mod file;
mod judge;
mod written;

use std::path::{Path, PathBuf};
use std::sync::TryLockError;
use std::time::Duration;

use jiff::Timestamp;
use sqlx::SqliteConnection;

pub use judge::{Judgement, LogVerdict, Witness, judge, verify_log};
pub use written::CheckpointFile;

use super::error::{Fault, StoreError};
use super::{Store, archive, settings};
use crate::signing::SigningKey;
use file::Tail;

/// A file that does not answer within this time is left to the next run.
const PATIENCE: Duration = Duration::from_secs(5);

/// Checkpoints that are in memory at once.
const PAGE: i64 = 500;

/// How the ends of runs are signed.
#[derive(Debug, Clone)]
pub struct Signing {
    /// The key.
    pub key: SigningKey,
    /// Where checkpoints are written as well.
    pub file: Option<PathBuf>,
}

/// What was written to the checkpoint file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Published {
    /// So many checkpoints.
    pub lines: usize,
    /// The last checkpoint that the file had been given before, where it did not have it any more.
    pub lost: Option<i64>,
}

/// That checkpoints do not get to their file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckpointTrouble {
    /// Since this run.
    pub since: Timestamp,
    /// Why, for a person.
    pub why: String,
}

impl Store {
    /// The same state; runs that end by it end in a signed checkpoint.
    pub fn signing(self, signing: Option<Signing>) -> Self {
        Self { signing: signing.map(Into::into), ..self }
    }

    /// Appends to the checkpoint file what it does not have yet. None where there is no such file. Only for
    /// who has the run's lock. An error is remembered until it went well again.
    pub async fn publish_checkpoints(&self, now: Timestamp) -> Result<Option<Published>, StoreError> {
        let Some(file) = self.signing.as_ref().and_then(|signing| signing.file.as_deref()) else {
            return Ok(None);
        };
        let published = self.publish(file).await;
        let why = match &published {
            Ok(Published { lost: None, .. }) => None,
            Ok(Published { lost: Some(lost), .. }) => {
                Some(format!("{} had lost what was written to it up to seq {lost}", file.display()))
            }
            Err(fault) => Some(fault.to_string()),
        };
        let mut tx = self.write().await?;
        let noted = settings::note_checkpoint_trouble(&mut tx, now, why.as_deref()).await;
        self.end(tx, noted).await?;
        published.map(Some).map_err(|fault| self.failed(fault))
    }

    /// Whether checkpoints do not get to their file, as the last run left it.
    pub async fn checkpoint_trouble(&self) -> Result<Option<CheckpointTrouble>, StoreError> {
        let mut tx = self.read().await?;
        let trouble = settings::checkpoint_trouble(&mut tx).await;
        let trouble = trouble.map(|found| found.map(|(since, why)| CheckpointTrouble { since, why }));
        self.end(tx, trouble).await
    }

    /// The last checkpoint that was written to this file; none where none was.
    pub async fn published_to(&self, file: &Path) -> Result<Option<i64>, StoreError> {
        let mut tx = self.read().await?;
        let seq = settings::published(&mut tx, file).await;
        self.end(tx, seq).await
    }

    async fn publish(&self, file: &Path) -> Result<Published, Fault> {
        let known = {
            let mut conn = self.pool.acquire().await?;
            settings::published(&mut conn, file).await?
        };
        let path = file.to_owned();
        let tail = self.at_file(file, move || file::look(&path)).await?;
        let unfit = |why: String| Fault::Checkpoint { file: file.to_owned(), why };
        let (mut after, torn) = match (tail, known) {
            (None, None) => (0, false),
            (None, Some(seq)) => {
                return Err(unfit(format!("it is not there, and had checkpoints up to seq {seq}")));
            }
            (Some(Tail { last: None, foreign: true, .. }), _) => {
                return Err(unfit("it has something else in it than checkpoints".to_owned()));
            }
            (Some(Tail { last: None, torn, .. }), _) => (0, torn),
            (Some(Tail { last: Some((seq, line)), torn, .. }), _) => {
                let mut conn = self.pool.acquire().await?;
                fits(&mut conn, seq, &line).await?.map_err(unfit)?;
                (seq, torn)
            }
        };
        let mut published = Published { lines: 0, lost: known.filter(|known| *known > after) };
        // The line that was cut off while it was written is ended, and written again.
        let mut text = String::from(if torn { "\n" } else { "" });
        loop {
            let rows: Vec<(i64, String)> = sqlx::query_as(
                "SELECT seq, record FROM audit WHERE seq > $1 AND record LIKE '%\"event\":\"checkpoint\"%' \
                 ORDER BY seq LIMIT $2",
            )
            .bind(after)
            .bind(PAGE)
            .fetch_all(&self.pool)
            .await?;
            let Some((last, _)) = rows.last() else {
                return Ok(published);
            };
            after = *last;
            published.lines += rows.len();
            for (_, record) in &rows {
                text.push_str(record);
                text.push('\n');
            }
            let (path, state, lines) = (file.to_owned(), self.path.clone(), std::mem::take(&mut text));
            self.at_file(file, move || file::append(&path, &state, &lines)).await?;
            let mut conn = self.pool.acquire().await?;
            settings::remember_published(&mut conn, file, after).await?;
        }
    }

    /// Works at the checkpoint file on a thread of its own, and does not wait for ever.
    async fn at_file<T: Send + 'static>(
        &self,
        file: &Path,
        work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
    ) -> Result<T, Fault> {
        let unfit = |why: String| Fault::Checkpoint { file: file.to_owned(), why };
        let writing = self.writing.clone();
        let work = tokio::task::spawn_blocking(move || {
            let _turn = match writing.try_lock() {
                Err(TryLockError::WouldBlock) => return Err("an earlier attempt has not come back yet".to_owned()),
                turn => turn,
            };
            work().map_err(|error| error.to_string())
        });
        match tokio::time::timeout(PATIENCE, work).await {
            Ok(Ok(done)) => done.map_err(unfit),
            Ok(Err(gone)) => Err(unfit(gone.to_string())),
            Err(_) => Err(unfit(format!("it does not answer within {} s", PATIENCE.as_secs()))),
        }
    }
}

/// Whether the last checkpoint of a file is this log's; the error says what it is instead.
async fn fits(conn: &mut SqliteConnection, seq: i64, line: &str) -> Result<Result<(), String>, Fault> {
    let record: Option<String> =
        sqlx::query_scalar("SELECT record FROM audit WHERE seq = $1").bind(seq).fetch_optional(&mut *conn).await?;
    let archived = archive::rows(conn).await?.last().map_or(0, |anchor| anchor.last_seq);
    Ok(match record {
        Some(record) if record == line => Ok(()),
        Some(_) => Err(format!("it ends with another checkpoint of seq {seq} than the log has")),
        None if seq <= archived => Ok(()),
        None => Err(format!("it ends with a checkpoint of seq {seq}, and the log ends before that")),
    })
}
