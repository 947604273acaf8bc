//! One run at a time, across processes: a lock on a file beside the state. The operating system lets
//! go of it when the process ends, however it ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::error::Fault;

/// How long we wait for another process that opens the file.
const OPENING: Duration = Duration::from_secs(60);

/// How long a look at who holds the lock may get in the way of taking it.
const GLANCE: Duration = Duration::from_millis(15);

/// Held while a run is under way; let go when dropped.
#[derive(Debug)]
pub struct RunLock {
    file: File,
}

impl Drop for RunLock {
    fn drop(&mut self) {
        // Who held it is nobody's business any more. The file itself stays: removing it would let
        // two processes lock two files of one name.
        if let Err(error) = self.file.set_len(0) {
            tracing::debug!(%error, "the run lock keeps its last content");
        }
    }
}

/// The content of the lock file, for whoever finds it locked.
#[derive(Serialize, Deserialize)]
struct Holder {
    pid: u32,
    host: String,
    command: String,
    since: Timestamp,
}

impl Holder {
    fn words(&self) -> String {
        format!("{} (process {} on {})", self.command, self.pid, self.host)
    }
}

/// Takes the run lock or says who has it.
pub(super) fn lock_run(state: &Path, command: &str, now: Timestamp) -> Result<RunLock, Fault> {
    let path = beside(state, ".lock");
    let mut file = open(&path)?;
    for last in [false, false, false, true] {
        match file.try_lock() {
            Ok(()) => break,
            // Somebody may only be looking (see `running`).
            Err(TryLockError::WouldBlock) if !last => std::thread::sleep(GLANCE),
            Err(TryLockError::WouldBlock) => return Err(busy(&mut file)),
            Err(TryLockError::Error(cause)) => return Err(Fault::io(format!("locking {}", path.display()), cause)),
        }
    }
    let holder = Holder {
        pid: std::process::id(),
        host: hostname::get().unwrap_or_default().to_string_lossy().into_owned(),
        command: command.to_owned(),
        since: now,
    };
    write(&mut file, &holder).map_err(|cause| Fault::io(format!("writing {}", path.display()), cause))?;
    Ok(RunLock { file })
}

/// The run under way: who and since when. Whoever holds no lock any more has left nothing but a name
/// behind, so the lock is tried, for a moment and shared.
pub(super) fn running(state: &Path) -> Option<(String, Timestamp)> {
    let mut file = File::open(beside(state, ".lock")).ok()?;
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    let holder: Holder = serde_json::from_str(&text).ok()?;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => Some((holder.words(), holder.since)),
        Ok(()) | Err(TryLockError::Error(_)) => None,
    }
}

fn write(file: &mut File, holder: &Holder) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(holder)?;
    line.push(b'\n');
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(&line)
}

fn busy(file: &mut File) -> Fault {
    let mut text = String::new();
    // The holder may be between taking the lock and writing who it is.
    let holder = match file.read_to_string(&mut text) {
        Ok(_) => serde_json::from_str::<Holder>(&text).ok(),
        Err(_) => None,
    };
    match holder {
        Some(holder) => Fault::Busy { who: holder.words(), since: Some(holder.since) },
        None => Fault::Busy { who: "a process that has just begun".into(), since: None },
    }
}

/// Takes a lock beside the state, or gives none where somebody has it.
pub(super) fn try_lock(state: &Path, ending: &str) -> Result<Option<File>, Fault> {
    let path = beside(state, ending);
    let file = open(&path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(cause)) => Err(Fault::io(format!("locking {}", path.display()), cause)),
    }
}

/// Keeps others from creating or migrating the file meanwhile: SQLite's migrations take no lock of
/// their own. Let go when dropped.
pub(super) async fn lock_opening(state: &Path) -> Result<File, Fault> {
    let path = beside(state, ".migrate.lock");
    let file = open(&path)?;
    let taken = tokio::time::timeout(OPENING, async {
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(()),
                Err(TryLockError::WouldBlock) => tokio::time::sleep(Duration::from_millis(20)).await,
                Err(TryLockError::Error(cause)) => {
                    return Err(Fault::io(format!("locking {}", path.display()), cause));
                }
            }
        }
    });
    match taken.await {
        Ok(locked) => locked.map(|()| file),
        Err(_) => Err(Fault::Locked),
    }
}

fn open(path: &Path) -> Result<File, Fault> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(|cause| Fault::io(format!("opening {}", path.display()), cause))
}

/// The state file's path with an ending.
pub(super) fn beside(state: &Path, ending: &str) -> PathBuf {
    let mut path = state.as_os_str().to_owned();
    path.push(ending);
    PathBuf::from(path)
}
