//! `rosterd audit verify`: checking the log, in a state file, in archives, in an export. Changes nothing.

use std::fs::Metadata;
use std::path::{Path, PathBuf};

use super::args::{AuditVerify, Global};
use super::exit::{Exit, Fault};
use super::output::Output;
use super::witness::{Against, cannot_read};
use super::{session, verify_pack};
use crate::report::words::clean;
use crate::store::{
    Access, Fault as StateFault, FilesVerdict, Store, StoreError, Verification, WholeVerdict, verify_archive,
    verify_archives,
};

/// The ending of the directory of a state's archives.
const ARCHIVES: &str = ".archive";

/// Checks what was named, else the configured state with its archives.
pub(super) fn run(global: &Global, output: &Output, verify: &AuditVerify) -> Result<Exit, Fault> {
    let Some(path) = &verify.path else {
        let found = session::installation(global, output)?;
        let against = Against::read(verify, found.audit.checkpoint_file)?;
        return state(output, &found.state.path, Expect::Archives, against);
    };
    let mut against = Against::read(verify, None)?;
    let found = std::fs::metadata(path).map_err(|error| cannot_read(path, &error))?;
    if found.is_dir() && verify_pack::is_one(path) {
        against.look()?;
        return verify_pack::run(output, path, against);
    }
    if found.is_dir() {
        return directory(global, output, path, against);
    }
    match is_database(path, &found)? {
        true => state(output, path, Expect::WhatIsThere, against),
        false => {
            against.look()?;
            let verdict = verify_archive(path, &against.keys).map_err(|error| cannot_read(path, &error))?;
            let (mut text, mut exit) = self::verdict(&path.display().to_string(), &verdict.verification);
            if let Some(sha256) = &verdict.sha256 {
                text.push_str(&format!("sha256 {sha256}; the log has it in its `archived` record\n"));
            }
            let log = (&verdict.verification, &verdict.checkpoints);
            judged(&mut text, &mut exit, against.judge(path, log, false, None));
            output.answer(&text)?;
            Ok(exit)
        }
    }
}

/// Adds what the checkpoints say.
fn judged(text: &mut String, exit: &mut Exit, (more, found): (String, Exit)) {
    text.push_str(&more);
    *exit = (*exit).max(found);
}

/// What must be beside a state file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expect {
    /// All the archives that it names.
    Archives,
    /// All of them, or no directory of archives: a copy of the state may be alone.
    WhatIsThere,
}

fn state(output: &Output, path: &Path, expect: Expect, mut against: Against) -> Result<Exit, Fault> {
    let found = session::block_on(async {
        let store = match Store::open(path, Access::ReadOnly).await {
            Err(error) if is_no_log(&error.fault, expect) => return Ok(Err(error.fault)),
            opened => opened?,
        };
        let dir = store.archive_dir();
        let look = dir.is_dir() || (expect == Expect::Archives && !store.archives().await?.is_empty());
        let found = checked(&store, look.then_some(&*dir), &mut against).await;
        store.close().await;
        found.map(Ok)
    })?;
    match found {
        Ok((verdict, published)) => whole(output, path, &verdict, against, published),
        Err(fault @ StateFault::Meddled(_)) => meddled(output, path, &fault),
        Err(fault) => nothing(output, path, &fault.to_string()),
    }
}

/// Whether there is nothing in a file that could be a log, or that could be relied on. A configured state that is something else is a mistake of
/// the configuration, or damaged; what was named to be checked did not verify.
fn is_no_log(fault: &StateFault, expect: Expect) -> bool {
    match fault {
        StateFault::Older | StateFault::Meddled(_) => true,
        StateFault::NotADatabase | StateFault::Foreign(_) => expect == Expect::WhatIsThere,
        _ => false,
    }
}

/// Where there is no log, nothing was verified.
fn nothing(output: &Output, path: &Path, why: &str) -> Result<Exit, Fault> {
    let path = path.display().to_string();
    output.answer(&format!("{}: nothing was verified, there is no log in it: {}\n", clean(&path), clean(why)))?;
    output.note("name a state file, an archive or a directory of them, what `audit list --format jsonl` wrote, or an evidence pack");
    Ok(Exit::Unverified)
}

/// Where SQLite does something by itself, what is read may not be what is there.
fn meddled(output: &Output, path: &Path, fault: &StateFault) -> Result<Exit, Fault> {
    let path = path.display().to_string();
    output.answer(&format!("{}: the log does not verify: {}\n", clean(&path), clean(&fault.to_string())))?;
    Ok(Exit::Unverified)
}

/// The verdict over a state, and how far it wrote to the checkpoint file. In the order of [`Against::look`].
async fn checked(
    store: &Store,
    dir: Option<&Path>,
    against: &mut Against,
) -> Result<(WholeVerdict, Option<i64>), Fault> {
    let published = match against.file() {
        Some(file) => store.published_to(file).await,
        None => Ok(None),
    };
    against.look()?;
    let verdict = store.verify_signed(dir, &against.keys).await?;
    // Beside a log that is not as it was written, a setting that cannot be read is no news.
    let published = match &verdict.state {
        Verification::Verified { .. } => published?,
        Verification::Tampered { .. } => None,
    };
    Ok((verdict, published))
}

/// A directory of archives: with the state beside it, or the configured one where these are its archives, or
/// else alone.
fn directory(global: &Global, output: &Output, dir: &Path, mut against: Against) -> Result<Exit, Fault> {
    let beside = dir.to_str().and_then(|dir| dir.trim_end_matches('/').strip_suffix(ARCHIVES)).map(PathBuf::from);
    let beside = beside.filter(|path| path.is_file());
    let sure = beside.is_some();
    let configured = || session::without_secrets(global).ok().map(|config| config.state.path);
    if let Some(path) = beside.or_else(configured).filter(|path| path.is_file()) {
        let found = session::block_on(async {
            let store = match Store::open(&path, Access::ReadOnly).await {
                Err(StoreError { fault: fault @ StateFault::Meddled(_), .. }) => return Ok(Some(Err(fault))),
                opened => opened?,
            };
            let its = |file: &str| dir.join(file).exists();
            let found = match sure || store.archives().await?.iter().any(|archive| its(&archive.file)) {
                true => Some(checked(&store, Some(dir), &mut against).await),
                false => None,
            };
            store.close().await;
            Ok::<_, Fault>(found.transpose()?.map(Ok))
        })?;
        match found {
            Some(Ok((verdict, published))) => return whole(output, &path, &verdict, against, published),
            Some(Err(fault)) => return meddled(output, &path, &fault),
            None => {}
        }
    }
    against.look()?;
    let verdict = verify_archives(dir, &against.keys).map_err(|error| cannot_read(dir, &error))?;
    if verdict.files == 0 && matches!(verdict.verification, Verification::Verified { .. }) {
        return nothing(output, dir, "it has no archive and is no evidence pack");
    }
    let (mut text, mut exit) = of_files(&verdict);
    judged(&mut text, &mut exit, against.judge(dir, (&verdict.verification, &verdict.checkpoints), false, None));
    output.answer(&text)?;
    if exit == Exit::Fine {
        output.note("no state was compared: nothing proves that the last archive is the last one");
    }
    Ok(exit)
}

/// Shows the verdict over a state and its archives.
fn whole(
    output: &Output,
    path: &Path,
    verdict: &WholeVerdict,
    against: Against,
    published: Option<i64>,
) -> Result<Exit, Fault> {
    let files = verdict.files.as_ref().filter(|files| files.files > 0 || !files.notes.is_empty());
    let (mut text, mut exit) = match files {
        Some(files) => of_files(files),
        None => (String::new(), Exit::Fine),
    };
    let (state, state_exit) = self::verdict(&path.display().to_string(), &verdict.state);
    text.push_str(&state);
    if let (None, Some(anchor)) = (&verdict.files, verdict.archives.last()) {
        let names: Vec<&str> = verdict.archives.iter().rev().take(3).map(|archive| archive.file.as_str()).collect();
        let more = if verdict.archives.len() > names.len() { ", …" } else { "" };
        text.push_str(&format!(
            "records 1 to {} are in archives, which were not checked: {}{more}\n",
            anchor.last_seq,
            clean(&names.join(", "))
        ));
    }
    exit = exit.max(state_exit);
    judged(&mut text, &mut exit, against.judge(path, (&verdict.log(), &verdict.checkpoints), true, published));
    output.answer(&text)?;
    Ok(exit)
}

fn of_files(files: &FilesVerdict) -> (String, Exit) {
    let dir = files.path.display().to_string();
    let (mut text, exit) = match &files.verification {
        Verification::Verified { records, first: Some(first), last: Some(last), .. } => {
            let count = files.files;
            let archives = if count == 1 { "archive" } else { "archives" };
            let dir = clean(&dir);
            (format!("{dir}: {count} {archives}, {records} records verified, seq {first} to {last}\n"), Exit::Fine)
        }
        Verification::Verified { .. } => (format!("{}: no archives\n", clean(&dir)), Exit::Fine),
        bad @ Verification::Tampered { .. } => verdict(&dir, bad),
    };
    for note in &files.notes {
        text.push_str(&format!("note: {}\n", clean(note)));
    }
    (text, exit)
}

/// What was found, and how that ends.
pub(super) fn verdict(path: &str, verdict: &Verification) -> (String, Exit) {
    let path = clean(path);
    match verdict {
        Verification::Verified { records, first, last, head_hash } => {
            let range = match (first, last) {
                (Some(first), Some(last)) => format!(", seq {first} to {last}"),
                _ => String::new(),
            };
            (format!("{path}: {records} records verified{range}\nhead {head_hash}\n"), Exit::Fine)
        }
        Verification::Tampered { seq, what } => {
            let text = format!("{path}: the log does not verify. First bad record: seq {seq}: {}\n", clean(what));
            (text, Exit::Unverified)
        }
    }
}

fn is_database(path: &Path, found: &Metadata) -> Result<bool, Fault> {
    use std::io::Read;
    let mut head = Vec::new();
    let file = std::fs::File::open(path).map_err(|error| cannot_read(path, &error))?;
    file.take(16).read_to_end(&mut head).map_err(|error| cannot_read(path, &error))?;
    // An archive that was emptied is an archive still; the state says best what is wrong with other files.
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let emptied = found.len() == 0 && name.starts_with("rosterd-audit-");
    Ok(!emptied && !head.starts_with(b"{"))
}
