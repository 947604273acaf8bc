//! What was asked for: the period, the sample, the key of the pseudonyms.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::cli::args::AuditExport;
use crate::cli::exit::Fault;
use crate::config::Config;
use crate::model::digest::Digest;
use crate::model::pseudonym::Pseudonyms;
use crate::report::pack::{Draw, Fold, Latency, Period, Who, instant};

/// What was asked for, made sense of.
pub(super) struct Request {
    /// The period; it does not go beyond now.
    pub(super) period: Period,
    /// As `--from` and `--to` were given.
    pub(super) given: (String, Option<String>),
    /// Now.
    pub(super) now: Timestamp,
    /// What is odd in it.
    pub(super) notes: Vec<String>,
    /// The directory as it was given.
    pub(super) shown: String,
    objective: SignedDuration,
    seed: u64,
    size: usize,
    key: Option<[u8; 32]>,
    key_file: Option<PathBuf>,
}

impl Request {
    /// Reads what was typed.
    pub(super) fn read(export: &AuditExport, config: &Config, now: Timestamp) -> Result<Self, Fault> {
        let usage = |text: String| Fault::usage(anyhow!(text));
        let configured = config.schedule.as_ref().map_or("UTC", |schedule| schedule.schedule.zone());
        let name = export.timezone.as_deref().unwrap_or(configured);
        let zone = TimeZone::get(name)
            .map_err(|_| usage(format!("{name:?} is not a time zone\nhelp: write a name such as \"Europe/Berlin\"")))?;
        let read = |option: &str, text: &str| instant(text, &zone).map_err(|why| usage(format!("{option}: {why}")));
        let from = read("--from", &export.from)?;
        let to = export.to.as_deref().map(|to| read("--to", to)).transpose()?;
        let mut notes = Vec::new();
        if to.is_some_and(|to| to > now) {
            notes.push("The period was not over when the pack was made: it ends with the making.".to_owned());
        }
        let to = to.unwrap_or(now).min(now);
        if from >= to {
            return Err(usage(format!(
                "the period ends ({to}) before it begins ({from})\nhelp: --to is the first \
                 day or time that is not in it, and the period cannot lie ahead"
            )));
        }
        let key_file = match &export.key_file {
            Some(file) => Some(new_file(file, &export.out)?),
            None => None,
        };
        Ok(Self {
            period: Period { from, to, zone },
            given: (export.from.clone(), export.to.clone()),
            now,
            notes,
            shown: export.out.display().to_string(),
            objective: SignedDuration::try_from(export.objective).unwrap_or(SignedDuration::MAX),
            seed: export.seed.unwrap_or_else(|| u64::from(Uuid::new_v4().as_fields().0)),
            size: usize::try_from(export.sample).unwrap_or(usize::MAX),
            key: export.pseudonymise.then(key),
            key_file,
        })
    }

    /// The pass over the log, at its beginning.
    pub(super) fn fold(&self) -> Fold {
        let who = match &self.key {
            Some(key) => Who::Hidden(Box::new(Pseudonyms::new(key))),
            None => Who::Named,
        };
        Fold::new(who, self.period.clone(), Latency::new(self.objective), Draw::new(self.seed, self.size))
    }

    /// Writes the key to the file that was named, which is never in the pack.
    pub(super) fn keep_key(&self) -> Result<(), Fault> {
        let (Some(key), Some(path)) = (&self.key, &self.key_file) else { return Ok(()) };
        let file = File::options().write(true).create_new(true).mode(0o600).open(path);
        let told = || format!("cannot write {}", path.display());
        let mut file = file.with_context(told)?;
        file.write_all(format!("{}\n", hex(key)).as_bytes()).and_then(|()| file.sync_all()).with_context(told)?;
        Ok(())
    }

    /// The key, where no file was named for it.
    pub(super) fn key_shown(&self) -> String {
        match (&self.key, &self.key_file) {
            (Some(key), None) => format!("key of the pseudonyms, kept nowhere: {}\n", hex(key)),
            _ => String::new(),
        }
    }
}

/// 244 random bits, of the operating system.
fn key() -> [u8; 32] {
    let mut key = [0; 32];
    let halves = [Uuid::new_v4(), Uuid::new_v4()];
    for (place, byte) in key.iter_mut().zip(halves.iter().flat_map(|half| half.as_bytes())) {
        *place = *byte;
    }
    key
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A file that is not there yet, and not in the pack.
fn new_file(file: &Path, pack: &Path) -> Result<PathBuf, Fault> {
    let usage = |text: String| Fault::usage(anyhow!("{}: {text}", file.display()));
    let (path, pack) = match (std::path::absolute(file), std::path::absolute(pack)) {
        (Ok(path), Ok(pack)) => (path, pack),
        (Err(error), _) | (_, Err(error)) => return Err(usage(error.to_string())),
    };
    if path.starts_with(&pack) {
        return Err(usage("the key must not be in the pack\nhelp: name a file elsewhere".to_owned()));
    }
    if path.symlink_metadata().is_ok() {
        return Err(usage("it is there already\nhelp: each pack has a key of its own: give a new name".to_owned()));
    }
    Ok(path)
}

/// SHA-256 of the binary that runs, also where another one has taken its place on the disk.
pub(super) fn own_digest() -> std::io::Result<String> {
    let mut file = File::open("/proc/self/exe").or_else(|_| std::env::current_exe().and_then(File::open))?;
    let mut digest = Digest::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(digest.hex());
        }
        digest.bytes(buffer.get(..read).unwrap_or_default());
    }
}
