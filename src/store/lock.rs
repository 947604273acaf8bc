//! One run at a time, and one service, across processes: a lock each on a file beside the state. The
//! operating system lets go of it when the process ends, however it ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Seek, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::error::Fault;

/// How long we wait for another process that opens the file.
const OPENING: Duration = Duration::from_secs(60);

/// How long a look at who holds the lock may get in the way of taking it.
const GLANCE: Duration = Duration::from_millis(15);

/// The lock files, by what stands behind the state's name.
const RUN: &str = ".lock";
const SERVICE: &str = ".service.lock";

/// What the service was started with.
const SERVICE_COMMAND: &str = "rosterd run";

/// The length of a service's line, so that a shorter one covers a longer one.
const SERVICE_LINE: usize = 512;

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
    /// Of a service: when its next run is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next_run: Option<Timestamp>,
    /// Of a service: since when its runs fail, and why the last one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failed_since: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl Holder {
    /// This process.
    fn own(command: &str, now: Timestamp) -> Self {
        Self {
            pid: std::process::id(),
            host: hostname::get().unwrap_or_default().to_string_lossy().into_owned(),
            command: command.to_owned(),
            since: now,
            next_run: None,
            failed_since: None,
            error: None,
        }
    }

    fn words(&self) -> String {
        format!("{} (process {} on {})", self.command, self.pid, self.host)
    }
}

/// Takes the run lock or says who has it.
pub(super) fn lock_run(state: &Path, command: &str, now: Timestamp) -> Result<RunLock, Fault> {
    let path = beside(state, RUN);
    let mut file = taken(&path, state)?.map_err(|holder| match holder {
        Some(holder) => Fault::Busy { who: holder.words(), since: Some(holder.since) },
        None => Fault::Busy { who: "a process that has just begun".into(), since: None },
    })?;
    let written = write(&mut file, &Holder::own(command, now));
    written.map_err(|cause| Fault::io(format!("writing {}", path.display()), cause))?;
    Ok(RunLock { file })
}

/// Held by the service as long as it lives.
#[derive(Debug)]
pub struct ServiceLock {
    file: File,
    since: Timestamp,
    /// What the file has by now.
    line: Vec<u8>,
}

impl ServiceLock {
    /// Tells `rosterd status` when the next run is due, and of runs that fail since when, and why: the state itself has
    /// nothing of a run that could not write to it. Written over what was there in one go, so that whoever reads
    /// meanwhile finds one or the other, and a full disk has room for it; what is lost is no harm.
    pub fn tell(&mut self, next_run: Option<Timestamp>, failing: Option<&(Timestamp, String)>) {
        let (failed_since, error) = failing.cloned().unzip();
        let own = Holder::own(SERVICE_COMMAND, self.since);
        let line = service_line(Holder { next_run, failed_since, error, ..own });
        if line == self.line {
            return;
        }
        match self.file.write_all_at(&line, 0) {
            Ok(()) => self.line = line,
            Err(error) => tracing::debug!(%error, "how the service stands cannot be told"),
        }
    }
}

/// A service's line, always of one length. Of an error that does not fit, it has the beginning.
fn service_line(mut holder: Holder) -> Vec<u8> {
    let mut error = holder.error.clone().unwrap_or_default();
    loop {
        let Ok(mut line) = serde_json::to_vec(&holder) else { return Vec::new() };
        let over = line.len().saturating_sub(SERVICE_LINE - 1);
        if over == 0 || error.is_empty() {
            line.resize(line.len().max(SERVICE_LINE - 1), b' ');
            line.push(b'\n');
            return line;
        }
        // JSON takes six bytes for a character at most.
        (0..over.div_ceil(6)).for_each(|_| _ = error.pop());
        holder.error = Some(format!("{error}…"));
    }
}

impl Drop for ServiceLock {
    fn drop(&mut self) {
        if let Err(error) = self.file.set_len(0) {
            tracing::debug!(%error, "the service lock keeps its last content");
        }
    }
}

/// A service at work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceSeen {
    /// Command, process and host.
    pub who: String,
    /// When it began.
    pub since: Timestamp,
    /// When its next run is due; none while nothing is.
    pub next_run: Option<Timestamp>,
    /// Since when its runs fail before they come to a report, and why the last one did.
    pub failing: Option<(Timestamp, String)>,
}

/// Takes the service lock or says who has it.
pub(super) fn lock_service(state: &Path, now: Timestamp) -> Result<ServiceLock, Fault> {
    let path = beside(state, SERVICE);
    let file = taken(&path, state)?.map_err(|holder| match holder {
        Some(holder) => Fault::Served { who: holder.words(), since: Some(holder.since) },
        None => Fault::Served { who: "a process that has just begun".into(), since: None },
    })?;
    file.set_len(0).map_err(|cause| Fault::io(format!("writing {}", path.display()), cause))?;
    let mut lock = ServiceLock { file, since: now, line: Vec::new() };
    lock.tell(None, None);
    Ok(lock)
}

/// The service at work, if there is one.
pub(super) fn service(state: &Path) -> Option<ServiceSeen> {
    let holder = holder(&beside(state, SERVICE))?;
    Some(ServiceSeen {
        who: holder.words(),
        since: holder.since,
        next_run: holder.next_run,
        failing: holder.failed_since.zip(holder.error),
    })
}

/// A locked file, or who has it locked.
fn taken(path: &Path, state: &Path) -> Result<Result<File, Option<Holder>>, Fault> {
    let mut file = open(path, state)?;
    for last in [false, false, false, true] {
        match file.try_lock() {
            Ok(()) => break,
            // Somebody may only be looking (see `holder`).
            Err(TryLockError::WouldBlock) if !last => std::thread::sleep(GLANCE),
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                // The holder may be between taking the lock and writing who it is.
                let read = file.read_to_string(&mut text);
                return Ok(Err(read.ok().and_then(|_| serde_json::from_str(&text).ok())));
            }
            Err(TryLockError::Error(cause)) => return Err(Fault::io(format!("locking {}", path.display()), cause)),
        }
    }
    Ok(Ok(file))
}

/// The run under way: who and since when.
pub(super) fn running(state: &Path) -> Option<(String, Timestamp)> {
    let holder = holder(&beside(state, RUN))?;
    Some((holder.words(), holder.since))
}

/// Who has a file locked. Whoever holds no lock any more has left nothing but a name behind, so the
/// lock is tried, for a moment and shared.
fn holder(path: &Path) -> Option<Holder> {
    let mut file = File::open(path).ok()?;
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    let holder: Holder = serde_json::from_str(&text).ok()?;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => Some(holder),
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

/// Takes a lock beside the state, or gives none where somebody has it.
pub(super) fn try_lock(state: &Path, ending: &str) -> Result<Option<File>, Fault> {
    let path = beside(state, ending);
    let file = open(&path, state)?;
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
    let file = open(&path, state)?;
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

/// Opens a lock file. One that is made here belongs to whom the state belongs to.
fn open(path: &Path, state: &Path) -> Result<File, Fault> {
    let failed = |cause| Fault::io(format!("opening {}", path.display()), cause);
    let mut options = OpenOptions::new();
    options.read(true).write(true).truncate(false).mode(0o600);
    // What is there already, also a link, stays whose it is.
    match options.clone().create_new(true).open(path) {
        Ok(file) => {
            let heir = if state.exists() { state } else { directory(state) };
            give(&file, heir);
            Ok(file)
        }
        Err(cause) if cause.kind() == ErrorKind::AlreadyExists => options.create(true).open(path).map_err(failed),
        Err(cause) => Err(failed(cause)),
    }
}

/// Gives a file that root has just made to the owner of another one, as SQLite does with the files that it makes: a
/// person who looked with `sudo` would shut the service out.
pub(super) fn give(file: &File, heir: &Path) {
    let given = file.metadata().and_then(|own| {
        let heir = std::fs::metadata(heir)?;
        if own.uid() == 0 && heir.uid() != 0 { fchown(file, Some(heir.uid()), Some(heir.gid())) } else { Ok(()) }
    });
    if let Err(error) = given {
        tracing::debug!(%error, "a new file beside the state stays with root");
    }
}

/// The directory that a file is in.
pub(super) fn directory(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}

/// The state file's path with an ending.
pub(super) fn beside(state: &Path, ending: &str) -> PathBuf {
    let mut path = state.as_os_str().to_owned();
    path.push(ending);
    PathBuf::from(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_a_service_has_one_length_whatever_it_tells() {
        for error in ["the disk is full", &"\u{1}".repeat(2000), &"ü\"\n".repeat(300), &"x".repeat(100_000)] {
            let now = Timestamp::UNIX_EPOCH;
            let own = Holder::own(SERVICE_COMMAND, now);
            let line = service_line(Holder { failed_since: Some(now), error: Some(error.to_owned()), ..own });
            assert_eq!(line.len(), SERVICE_LINE);
            let read: Holder = serde_json::from_slice(&line).unwrap();
            let told = read.error.unwrap();
            assert!(told.len() > 15 && error.starts_with(told.trim_end_matches('…')), "{told}");
        }
    }
}
