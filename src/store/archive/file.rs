//! Writing an archive and reading it back. A file is there as a whole or not at all.

use std::fs::{DirBuilder, File};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use sqlx::SqlitePool;
use tempfile::NamedTempFile;

use super::super::audit::canonical::Json;
use super::super::audit::lines::{archive_line, unpacked, walk_lines};
use super::super::audit::walk::{Fields, Verification, Walk};
use super::super::error::Fault;
use super::super::lock;
use super::range::Range;
use crate::model::digest::Digest;

/// Rows that are in memory at once.
const PAGE: i64 = 500;

/// What a file is called until it is whole.
const UNFINISHED: &str = ".rosterd-archive-";

/// The name of the archive of these records. The numbers are as wide as they are so that names sort.
pub(super) fn name(first: i64, last: i64) -> String {
    format!("rosterd-audit-{first:010}-{last:010}.jsonl")
}

/// The records of an archive, by its name; none where that is no archive's name.
pub(super) fn range_of(file: &str) -> Option<(i64, i64)> {
    let (first, last) = file.strip_prefix("rosterd-audit-")?.strip_suffix(".jsonl")?.split_once('-')?;
    let (first, last) = (first.parse().ok()?, last.parse().ok()?);
    (1 <= first && first <= last && name(first, last) == file).then_some((first, last))
}

/// What is in a directory.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// Archives, by the records that their names tell; sorted.
    pub(super) archives: Vec<(i64, i64)>,
    /// The names of the other files.
    others: Vec<String>,
}

/// Lists a directory.
pub(super) fn list(dir: &Path) -> io::Result<Listing> {
    let Listing { mut archives, mut others } = Listing::default();
    for entry in std::fs::read_dir(dir)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        match range_of(&name) {
            Some(range) => archives.push(range),
            None => others.push(name),
        }
    }
    archives.sort_unstable();
    Ok(Listing { archives, others })
}

/// An archive that was read to its end and is good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Whole {
    pub(super) first: i64,
    pub(super) last: i64,
    pub(super) last_hash: String,
    pub(super) sha256: String,
    /// What its last record says of its time.
    pub(super) until: String,
}

/// Reads a file and walks on along its records; each is shown to `each`. Gives the file's SHA-256.
pub(super) fn walk(
    path: &Path,
    walk: &mut Walk,
    anywhere: bool,
    each: impl FnMut(i64, &Fields) -> Result<(), Verification>,
) -> io::Result<Result<String, Verification>> {
    let mut reader = Hashing::open(path)?;
    let walked = walk_lines(BufReader::new(&mut reader), walk, anywhere, each)?;
    Ok(walked.map(|()| reader.hex()))
}

/// Records with a text in an archive, in order; lines that are not as an archive has them are left out.
pub(super) fn marked(path: &Path, mark: &str) -> io::Result<Vec<Fields>> {
    // As it stands in a record that stands in a text.
    let mark = mark.replace('"', r#"\""#);
    let mut found = Vec::new();
    for line in BufReader::new(File::open(path)?).lines() {
        let line = line?;
        if line.contains(&mark)
            && let Some((_, _, record)) = unpacked(&line)
            && let Some(Json::Object(fields)) = Json::parse(&record)
        {
            found.push(fields);
        }
    }
    Ok(found)
}

/// Hashes what is read.
pub(super) struct Hashing {
    file: File,
    digest: Digest,
}

impl Hashing {
    /// Opens a file of which nothing was read yet.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { file: File::open(path)?, digest: Digest::new() })
    }

    /// The SHA-256 of what was read.
    pub(super) fn hex(self) -> String {
        self.digest.hex()
    }
}

impl Read for Hashing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.digest.bytes(buffer.get(..read).unwrap_or_default());
        Ok(read)
    }
}

/// The archive of the range, written if it is not there yet, and read back. None where a longer one is there,
/// for which not all is old now.
pub(super) async fn find_or_write(pool: &SqlitePool, state: &Path, range: &Range) -> Result<Option<Whole>, Fault> {
    let dir = &super::dir_of(state);
    let (place, heir, first) = (dir.clone(), state.to_owned(), range.first);
    let there = blocking(dir, move || prepare(&place, &heir, first)).await?;
    let last = match there {
        // Whoever wrote it died before the records were pruned, or the state is from a backup.
        Some(last) if last > range.bound => return Ok(None),
        Some(last) => last,
        None => range.last,
    };
    let path = dir.join(name(range.first, last));
    if there.is_none() {
        write(pool, state, &path, range).await?;
    }
    let hash: Option<String> =
        sqlx::query_scalar("SELECT hash FROM audit WHERE seq = $1").bind(last).fetch_optional(pool).await?;
    let (range, read) = (range.clone(), path.clone());
    let whole = blocking(&path, move || Ok(read_back(&read, &range, last))).await?;
    let why = match whole {
        Ok(whole) if Some(&whole.last_hash) == hash.as_ref() => return Ok(Some(whole)),
        Ok(_) => "it has other records than the log".to_owned(),
        Err(why) => why,
    };
    if there.is_none() {
        // Written just now from a log that does not fit: all of it is still in the state.
        let path = path.clone();
        blocking(dir, move || std::fs::remove_file(path)).await?;
    }
    Err(unfit(path, why))
}

/// Makes the directory for whom the state belongs to, takes away what a killed process left half-written, and finds
/// the archive that begins with this record.
fn prepare(dir: &Path, state: &Path, first: i64) -> io::Result<Option<i64>> {
    match DirBuilder::new().mode(0o700).create(dir) {
        Ok(()) => {
            lock::give(&File::open(dir)?, state);
            sync_parent(dir)?;
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    let Listing { archives, others } = list(dir)?;
    for half in others.iter().filter(|name| name.starts_with(UNFINISHED)) {
        std::fs::remove_file(dir.join(half))?;
    }
    Ok(archives.into_iter().find(|(begins, _)| *begins == first).map(|(_, last)| last))
}

fn sync_parent(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

async fn write(pool: &SqlitePool, state: &Path, path: &Path, range: &Range) -> Result<(), Fault> {
    let heir = state.to_owned();
    let mut file = blocking(&super::dir_of(state), move || begin(&heir).map(BufWriter::new)).await?;
    let mut after = range.first - 1;
    loop {
        let rows: Vec<(i64, String, String)> =
            sqlx::query_as("SELECT seq, hash, record FROM audit WHERE seq > $1 AND seq <= $2 ORDER BY seq LIMIT $3")
                .bind(after)
                .bind(range.last)
                .bind(PAGE)
                .fetch_all(pool)
                .await?;
        let Some((seq, ..)) = rows.last() else { break };
        after = *seq;
        file = blocking(path, move || {
            for (seq, hash, record) in &rows {
                file.write_all(archive_line(*seq, hash, record).as_bytes())?;
                file.write_all(b"\n")?;
            }
            Ok(file)
        })
        .await?;
    }
    let to = path.to_owned();
    blocking(path, move || finish(file, &to)).await
}

/// A file that is not whole yet. Only its owner may read it: that is how temporary files are made.
fn begin(state: &Path) -> io::Result<NamedTempFile> {
    let file = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(super::dir_of(state))?;
    lock::give(file.as_file(), state);
    Ok(file)
}

fn finish(file: BufWriter<NamedTempFile>, to: &Path) -> io::Result<()> {
    let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.as_file().sync_all()?;
    file.persist_noclobber(to).map_err(|error| error.error)?;
    sync_parent(to)
}

/// Reads an archive from its beginning to its end; the error says what is wrong with it.
fn read_back(path: &Path, range: &Range, last: i64) -> Result<Whole, String> {
    let mut until = String::new();
    let mut along = Walk::after(range.first - 1, &range.prev);
    let walked = walk(path, &mut along, false, |_, fields| {
        if let Some(Json::Text(at)) = fields.get("at") {
            until.clone_from(at);
        }
        Ok(())
    });
    match walked {
        Err(error) => Err(format!("it cannot be read back: {error}")),
        Ok(Err(Verification::Tampered { seq, what })) => Err(format!("seq {seq}: {what}")),
        Ok(Err(Verification::Verified { .. })) => Err("it was not read to its end".to_owned()),
        Ok(Ok(_)) if along.next() != last.saturating_add(1) => Err(format!("it ends before seq {}", along.next())),
        Ok(Ok(sha256)) => Ok(Whole { first: range.first, last, last_hash: along.hash().to_owned(), sha256, until }),
    }
}

fn unfit(file: PathBuf, why: String) -> Fault {
    Fault::Archive { file, why }
}

/// Does what may take long on a thread of its own.
async fn blocking<T: Send + 'static>(
    file: &Path,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, Fault> {
    let done = tokio::task::spawn_blocking(work).await;
    let done = done.unwrap_or_else(|gone| Err(io::Error::other(gone)));
    done.map_err(|error| unfit(file.to_owned(), error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sort_and_are_told_from_others() {
        assert_eq!(name(1, 812), "rosterd-audit-0000000001-0000000812.jsonl");
        assert_eq!(range_of(&name(813, 12_345_678_901)), Some((813, 12_345_678_901)));
        for odd in [
            "rosterd-audit-1-812.jsonl",
            "rosterd-audit-0000000005-0000000004.jsonl",
            "rosterd-audit-0000000000-0000000004.jsonl",
            "rosterd-audit-0000000001-0000000812.jsonl.gz",
            "rosterd-audit--000000001-0000000812.jsonl",
            "",
        ] {
            assert_eq!(range_of(odd), None, "{odd}");
        }
    }
}
