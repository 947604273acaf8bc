//! Checking archives: each by itself, that they join each other, and that they join the log in the state.

use std::io;
use std::path::{Path, PathBuf};

use sqlx::SqliteConnection;

use super::super::audit::walk::{Verification, Walk, tampered};
use super::super::audit::{Event, verify};
use super::super::error::Fault;
use super::{Archive, FIELD, file};
use crate::signing::PublicKey;
use crate::store::audit::Checkpoints;
use crate::store::audit::canonical::Json;

/// The verdict over the archives in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilesVerdict {
    /// The directory, or the file.
    pub path: PathBuf,
    /// How many archives were looked for.
    pub files: usize,
    /// The verdict over their records, as one chain.
    pub verification: Verification,
    /// SHA-256 of the file, where it is one that is good.
    pub sha256: Option<String>,
    /// Files that are no part of it: what they are, for a person.
    pub notes: Vec<String>,
    /// The checkpoints in them.
    pub checkpoints: Checkpoints,
}

/// The verdict over a state file and its archives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WholeVerdict {
    /// The log in the state file.
    pub state: Verification,
    /// The archives that the state names, oldest first.
    pub archives: Vec<Archive>,
    /// The archives as they were found; none where nobody looked.
    pub files: Option<FilesVerdict>,
    /// The checkpoints in all that was looked at.
    pub checkpoints: Checkpoints,
}

impl WholeVerdict {
    /// The verdict over archives and state as one log, from the first record that was looked at.
    pub fn log(&self) -> Verification {
        match (self.files.as_ref().map(|files| &files.verification), &self.state) {
            (Some(bad @ Verification::Tampered { .. }), _) => bad.clone(),
            (
                Some(Verification::Verified { records: before, first: first @ Some(_), .. }),
                Verification::Verified { records, last, head_hash, .. },
            ) => Verification::Verified {
                records: before + records,
                first: *first,
                last: *last,
                head_hash: head_hash.clone(),
            },
            (_, state) => state.clone(),
        }
    }
}

/// Checks state and archives, in the caller's transaction so that all is of one moment.
pub(super) async fn whole(
    conn: &mut SqliteConnection,
    dir: Option<&Path>,
    keys: &[PublicKey],
) -> Result<WholeVerdict, Fault> {
    let verify::Checked { verification: state, archives, checkpoints } = verify::verify(conn, keys).await?;
    let Some(dir) = dir else {
        return Ok(WholeVerdict { state, archives, files: None, checkpoints });
    };
    let failed = |error: io::Error| Fault::Archive { file: dir.to_owned(), why: error.to_string() };
    let (place, named, known) = (dir.to_owned(), archives.clone(), keys.to_vec());
    let found = tokio::task::spawn_blocking(move || joined(&place, &named, &known)).await.map_err(io::Error::other);
    let (mut files, begun) = found.and_then(|found| found).map_err(failed)?;
    for (name, last, hash) in begun {
        let there: Option<String> =
            sqlx::query_scalar("SELECT hash FROM audit WHERE seq = $1").bind(last).fetch_optional(&mut *conn).await?;
        files.notes.push(match there == Some(hash) {
            true => format!("{name} was begun: its records are still in the state, and the same"),
            false => format!("{name} has other records than the log: it is no archive of this state"),
        });
    }
    let checkpoints = files.checkpoints.then(&checkpoints);
    Ok(WholeVerdict { state, archives, files: Some(files), checkpoints })
}

/// Archives that were written and whose records are still in the state: name, last `seq`, last hash.
type Begun = Vec<(String, i64, String)>;

/// Checks that the archives that a state names are there, and join.
fn joined(dir: &Path, named: &[Archive], keys: &[PublicKey]) -> io::Result<(FilesVerdict, Begun)> {
    let mut along = Walk::whole().knowing(keys);
    let mut told = Vec::new();
    let mut bad = None;
    for archive in named {
        if let Err(found) = one(dir, archive, &mut along, &mut told)? {
            bad = Some(found);
            break;
        }
    }
    let end = named.last().map_or(0, |anchor| anchor.last_seq);
    let bad = bad.or_else(|| untold(named, &told, end));
    let bad = [bad, super::unjoined(named)].into_iter().flatten().min_by_key(first_bad);
    let (mut notes, mut begun) = (Vec::new(), Vec::new());
    let there = match file::list(dir) {
        Ok(there) => there.archives,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(error),
    };
    let ranges: Vec<(i64, i64)> = named.iter().map(|archive| (archive.first_seq, archive.last_seq)).collect();
    for (first, last) in there.into_iter().filter(|range| !ranges.contains(range)) {
        let name = file::name(first, last);
        let mut on = along.clone();
        let walked = match bad.is_none() && first == end + 1 {
            true => file::walk(&dir.join(&name), &mut on, false, |_, _| Ok(()))?.is_ok(),
            false => false,
        };
        match walked && on.next() == last.saturating_add(1) {
            true => begun.push((name, last, on.hash().to_owned())),
            false => notes.push(format!("{name} is none of the archives that the state names, and was not checked")),
        }
    }
    let verification = bad.unwrap_or_else(|| along.verified());
    let checkpoints = along.checkpoints().clone();
    let files = named.len();
    Ok((FilesVerdict { path: dir.to_owned(), files, verification, sha256: None, notes, checkpoints }, begun))
}

/// The `seq` that a verdict names.
fn first_bad(verdict: &Verification) -> i64 {
    match verdict {
        Verification::Tampered { seq, .. } => *seq,
        Verification::Verified { .. } => i64::MAX,
    }
}

/// What records in archives tell of archives: at which `seq`, and what.
type Told = Vec<(i64, Json)>;

fn one(dir: &Path, archive: &Archive, along: &mut Walk, told: &mut Told) -> io::Result<Result<(), Verification>> {
    let named = &archive.file;
    let sha256 = match walk_on(&dir.join(named), along, told) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(Err(tampered(archive.first_seq, format!("{named} is not there"))));
        }
        walked => match walked? {
            Err(bad) => return Ok(Err(inside(named, bad))),
            Ok(sha256) => sha256,
        },
    };
    Ok(if along.next() != archive.last_seq.saturating_add(1) {
        Err(tampered(along.next().min(archive.last_seq), format!("{named} does not end where its name says")))
    } else if along.hash() != archive.last_hash {
        Err(tampered(archive.last_seq, format!("{named} does not end with the record that was archived last")))
    } else if sha256 != archive.sha256 {
        Err(tampered(archive.first_seq, format!("{named} is not the file that was written: its SHA-256 differs")))
    } else {
        Ok(())
    })
}

/// Walks on along a file, and keeps what its records tell of archives.
fn walk_on(path: &Path, along: &mut Walk, told: &mut Told) -> io::Result<Result<String, Verification>> {
    file::walk(path, along, false, |seq, fields| {
        if fields.get("event") == Some(&Json::from(Event::Archived.as_str()))
            && let Some(said) = fields.get(FIELD)
        {
            told.push((seq, said.clone()));
        }
        Ok(())
    })
}

/// A verdict with the file that it is about.
fn inside(file: &str, bad: Verification) -> Verification {
    match bad {
        Verification::Tampered { seq, what } => tampered(seq, format!("{what} (in {file})")),
        good @ Verification::Verified { .. } => good,
    }
}

/// The first archive up to `end` of which the records tell something else, or nothing. Those whose record is
/// after `end` are told of in the state's own log.
fn untold(named: &[Archive], told: &Told, end: i64) -> Option<Verification> {
    let archived = named.iter().filter(|archive| archive.recorded_by <= end);
    let kept: Vec<(i64, Json)> = archived.map(|archive| (archive.recorded_by, archive.json())).collect();
    let differs = |pair: &&(i64, Json), other: &[(i64, Json)]| !other.contains(pair);
    let first = kept.iter().filter(|pair| differs(pair, told)).chain(told.iter().filter(|pair| differs(pair, &kept)));
    let seq = first.map(|(seq, _)| *seq).min()?;
    Some(tampered(seq, "what the record tells of an archive is not what the state has beside the log"))
}

/// Checks the archives in a directory without a state: that they join each other, and are what their records
/// tell of one another. They may begin anywhere; what was before is taken on trust, and so is the end.
/// Signatures are checked by the keys that are known.
pub fn verify_archives(dir: &Path, keys: &[PublicKey]) -> io::Result<FilesVerdict> {
    let there = file::list(dir)?.archives;
    let mut along = Walk::whole().knowing(keys);
    let mut told = Told::new();
    let mut read: Vec<(i64, Json)> = Vec::new();
    let mut bad = None;
    for &(first, last) in &there {
        let name = file::name(first, last);
        if along.is_at_start() && first > 1 {
            along.begin_at(first);
        }
        if first != along.next() {
            bad = Some(match first > along.next() {
                true => tampered(along.next(), format!("no archive has the record; the next is {name}")),
                false => tampered(first, format!("{name} has records that another archive has too")),
            });
            break;
        }
        match walk_on(&dir.join(&name), &mut along, &mut told)? {
            Err(found) => bad = Some(inside(&name, found)),
            Ok(_) if along.next() != last.saturating_add(1) => {
                bad = Some(tampered(along.next().min(last), format!("{name} does not end where its name says")));
            }
            Ok(sha256) => read.push((first, facts(&name, (first, last), along.hash(), &sha256))),
        }
        if bad.is_some() {
            break;
        }
    }
    let bad = bad.or_else(|| contradicted(&read, &told));
    Ok(FilesVerdict {
        path: dir.to_owned(),
        files: there.len(),
        verification: bad.unwrap_or_else(|| along.verified()),
        sha256: None,
        notes: Vec::new(),
        checkpoints: along.checkpoints().clone(),
    })
}

/// What a record tells of an archive with this file.
fn facts(name: &str, (first_seq, last_seq): (i64, i64), last_hash: &str, sha256: &str) -> Json {
    let archive = Archive {
        file: name.to_owned(),
        first_seq,
        last_seq,
        last_hash: last_hash.to_owned(),
        sha256: sha256.to_owned(),
        until: jiff::Timestamp::UNIX_EPOCH,
        recorded_by: 0,
    };
    archive.json()
}

/// The first file of which a record in a later one tells something else.
fn contradicted(read: &[(i64, Json)], told: &Told) -> Option<Verification> {
    let first_of = |said: &Json| match said {
        Json::Object(fields) => fields.get("first_seq").cloned(),
        _ => None,
    };
    let differs = |(first, facts): &&(i64, Json)| {
        told.iter().any(|(_, said)| first_of(said) == Some(Json::from(*first)) && said != facts)
    };
    let (first, _) = read.iter().find(differs)?;
    Some(tampered(*first, "its archive is not the file that a later record tells of"))
}

/// Checks one archive, or an export with a record a line. Where the file bears the name of an archive, it must
/// begin and end where that says. Signatures are checked by the keys that are known.
pub fn verify_archive(path: &Path, keys: &[PublicKey]) -> io::Result<FilesVerdict> {
    let mut along = Walk::whole().knowing(keys);
    let walked = file::walk(path, &mut along, true, |_, _| Ok(()))?;
    let range = path.file_name().and_then(|name| file::range_of(&name.to_string_lossy()));
    let (verification, sha256) = match (walked, range, along.verified()) {
        (Err(bad), ..) => (bad, None),
        (Ok(_), Some((first, _)), Verification::Verified { first: begins, .. }) if begins != Some(first) => {
            (tampered(first, "the file does not begin where its name says"), None)
        }
        (Ok(_), Some((_, last)), _) if along.next() != last.saturating_add(1) => {
            (tampered(along.next().min(last), "the file does not end where its name says"), None)
        }
        (Ok(sha256), range, good) => (good, range.map(|_| sha256)),
    };
    let checkpoints = along.checkpoints().clone();
    Ok(FilesVerdict { path: path.to_owned(), files: 1, verification, sha256, notes: Vec::new(), checkpoints })
}
