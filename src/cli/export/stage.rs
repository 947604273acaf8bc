//! The directory of a pack while it is written: beside its place, for its owner alone, and renamed as a whole.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{BufWriter, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use tempfile::TempDir;

use crate::cli::exit::Fault;
use crate::model::digest::Digest;
use crate::report::pack::FilePart;
use crate::report::words::clean;

/// A pack that is being written.
pub(super) struct Stage {
    dir: TempDir,
    to: PathBuf,
    files: Vec<FilePart>,
}

/// A file of it.
pub(super) struct Sink {
    name: &'static str,
    out: BufWriter<File>,
    digest: Digest,
    bytes: u64,
}

impl Sink {
    /// Writes on.
    pub(super) fn put(&mut self, text: &str) -> anyhow::Result<()> {
        self.digest.bytes(text.as_bytes());
        self.bytes += text.len() as u64;
        self.out.write_all(text.as_bytes()).with_context(|| format!("cannot write {}", self.name))
    }
}

impl Stage {
    /// Begins a pack that will be at `to`: nothing, or an empty directory, may be there.
    pub(super) fn new(to: &Path) -> Result<Self, Fault> {
        let told = clean(&to.display().to_string()).into_owned();
        let absolute = std::path::absolute(to).map_err(|error| Fault::usage(anyhow!("{told}: {error}")))?;
        match std::fs::read_dir(&absolute).map(|mut entries| entries.next().is_none()) {
            Ok(false) => {
                let text = format!("{told} is not empty\nhelp: a pack is a directory of its own: give a new name");
                return Err(Fault::usage(anyhow!(text)));
            }
            Ok(true) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && absolute.symlink_metadata().is_err() => {}
            Err(error) => {
                return Err(Fault::usage(anyhow!("{told}: {error}\nhelp: name a new or an empty directory")));
            }
        }
        let parent = absolute.parent().unwrap_or(Path::new("/"));
        let mut builder = tempfile::Builder::new();
        let dir = builder.prefix(".rosterd-export-").permissions(Permissions::from_mode(0o700)).tempdir_in(parent);
        let dir = dir.map_err(|error| {
            Fault::usage(anyhow!("cannot write beside {told}: {error}\nhelp: the directory above must be there"))
        })?;
        Ok(Self { dir, to: absolute, files: Vec::new() })
    }

    /// Begins a file.
    pub(super) fn file(&self, name: &'static str) -> anyhow::Result<Sink> {
        let mut options = OpenOptions::new();
        let file = options.write(true).create_new(true).mode(0o600).open(self.dir.path().join(name));
        let out = BufWriter::new(file.with_context(|| format!("cannot write {name}"))?);
        Ok(Sink { name, out, digest: Digest::new(), bytes: 0 })
    }

    /// Ends a file; gives its SHA-256.
    pub(super) fn end(&mut self, mut sink: Sink) -> anyhow::Result<String> {
        let name = sink.name;
        let flushed = sink.out.flush().and_then(|()| sink.out.get_ref().sync_all());
        flushed.with_context(|| format!("cannot write {name}"))?;
        let sha256 = sink.digest.hex();
        self.files.push(FilePart { name: name.to_owned(), bytes: sink.bytes, sha256: sha256.clone() });
        Ok(sha256)
    }

    /// Writes a whole file; gives its SHA-256.
    pub(super) fn write(&mut self, name: &'static str, text: &str) -> anyhow::Result<String> {
        let mut sink = self.file(name)?;
        sink.put(text)?;
        self.end(sink)
    }

    /// The files that were ended, sorted by name.
    pub(super) fn files(&self) -> Vec<FilePart> {
        let mut files = self.files.clone();
        files.sort_by(|a, b| a.name.cmp(&b.name));
        files
    }

    /// Puts it in its place, as a whole or not at all.
    pub(super) fn publish(self) -> anyhow::Result<Published> {
        let told = || format!("cannot put the pack at {}", clean(&self.to.display().to_string()));
        File::open(self.dir.path()).and_then(|dir| dir.sync_all()).with_context(told)?;
        std::fs::rename(self.dir.path(), &self.to).with_context(told)?;
        // What was the temporary directory is the pack now.
        let _ = self.dir.keep();
        let parent = self.to.parent().unwrap_or(Path::new("/")).to_owned();
        File::open(parent).and_then(|dir| dir.sync_all()).with_context(|| "cannot write the pack's directory")?;
        Ok(Published { at: self.to })
    }
}

/// A pack in its place.
pub(super) struct Published {
    at: PathBuf,
}

impl Published {
    /// Takes it away again: there is no pack without its record in the log.
    pub(super) fn withdraw(self) {
        let _ = std::fs::remove_dir_all(self.at);
    }
}
