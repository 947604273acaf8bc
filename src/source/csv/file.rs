//! Finding and opening files. Floor 2: the I/O of this source, and nothing else.

use std::fs::{self, File, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::model::problem::Problem;

/// A file that a source names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listed {
    /// Where it is.
    pub(super) path: PathBuf,
    /// What to call it: its path from where the pattern's wildcards begin.
    pub(super) name: String,
}

/// Why a file, or the list of files, is not there to be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum FileError {
    /// Nothing is there.
    #[error("there is no such file")]
    Missing,
    /// A pattern fits nothing.
    #[error("no file matches")]
    NoMatch,
    /// A pattern that the glob crate refuses.
    #[error("is not a pattern: {0}")]
    Pattern(String),
    /// A directory stands where a file should be.
    #[error("is a directory")]
    Directory,
    /// A pipe, a device, a socket.
    #[error("is not a regular file")]
    NotRegular,
    /// The system said no.
    #[error("cannot be read: {0}")]
    Io(#[source] io::Error),
    /// Written to, or cut short, while it was read.
    #[error("changed while it was read")]
    Changed,
}

impl FileError {
    fn of(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::Missing,
            _ => Self::Io(error),
        }
    }

    fn help(&self) -> Option<&'static str> {
        match self {
            Self::Missing | Self::NoMatch => Some("look whether the export ran, and whether `path` is right"),
            Self::Directory => Some("to read the files in it, end `path` with /*.csv"),
            Self::Io(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                Some("let the user that rosterd runs as read it")
            }
            Self::Changed => Some("write the export under another name, and rename it when it is whole"),
            Self::Pattern(_) | Self::NotRegular | Self::Io(_) => None,
        }
    }

    /// The problem of that file.
    pub(super) fn problem(&self, place: impl Into<String>) -> Problem {
        let problem = Problem::new(place, self.to_string());
        match self.help() {
            Some(help) => problem.help(help),
            None => problem,
        }
    }
}

/// The files that a path or pattern means, sorted, and the places where looking failed.
pub(super) fn list(pattern: &Path) -> (Vec<Listed>, Vec<Problem>) {
    // A file may have a bracket in its name: what is there is meant as it stands.
    let plain = !has_wildcard(pattern) || fs::symlink_metadata(pattern).is_ok();
    if plain {
        let name = pattern.file_name().unwrap_or(pattern.as_os_str());
        let file = Listed { path: pattern.to_owned(), name: name.to_string_lossy().into_owned() };
        return (vec![file], Vec::new());
    }
    match matches(pattern) {
        Ok((files, problems)) if files.is_empty() && problems.is_empty() => {
            (files, vec![FileError::NoMatch.problem(pattern.to_string_lossy())])
        }
        Ok(found) => found,
        Err(error) => (Vec::new(), vec![error.problem(pattern.to_string_lossy())]),
    }
}

fn matches(pattern: &Path) -> Result<(Vec<Listed>, Vec<Problem>), FileError> {
    let text = pattern.to_str().ok_or_else(|| FileError::Pattern("it is not UTF-8".to_owned()))?;
    // Hidden files are an editor's or an unfinished copy's.
    let options =
        glob::MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };
    let found = glob::glob_with(text, options).map_err(|error| FileError::Pattern(error.msg.to_owned()))?;
    let base: PathBuf = pattern.components().take_while(|part| !has_wildcard(part.as_ref())).collect();
    let (mut files, mut problems) = (Vec::new(), Vec::new());
    for path in found {
        match path {
            Ok(path) => {
                let name = path.strip_prefix(&base).unwrap_or(&path).to_string_lossy().into_owned();
                files.push(Listed { path, name });
            }
            Err(error) => {
                let place = error.path().to_string_lossy().into_owned();
                problems.push(FileError::of(error.into()).problem(place));
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok((files, problems))
}

fn has_wildcard(path: &Path) -> bool {
    path.to_string_lossy().contains(['*', '?', '['])
}

/// What tells one state of a file from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    /// When it was last written.
    pub(super) written: Timestamp,
    /// In bytes.
    pub(super) size: u64,
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        // A time that no calendar holds counts as long ago: the file is then too old, and not new.
        let written = metadata.modified().ok().and_then(|time| Timestamp::try_from(time).ok());
        Self { written: written.unwrap_or(Timestamp::MIN), size: metadata.len() }
    }
}

/// A file that is being read.
#[derive(Debug)]
pub(super) struct Opened {
    /// To read from.
    pub(super) file: File,
    /// Its state before the first byte was read.
    pub(super) stamp: Stamp,
}

impl Opened {
    /// Opens a regular file, or what a symbolic link leads to.
    pub(super) fn new(path: &Path) -> Result<Self, FileError> {
        // Asked before it is opened: to open a pipe would wait for somebody to write to it.
        regular(&fs::metadata(path).map_err(FileError::of)?)?;
        let file = File::open(path).map_err(FileError::of)?;
        let metadata = file.metadata().map_err(FileError::of)?;
        regular(&metadata)?;
        Ok(Self { file, stamp: Stamp::of(&metadata) })
    }

    /// Whether the file is still what it was when it was opened. A file that was *replaced* is: what
    /// was opened was read whole.
    pub(super) fn unchanged(&self) -> Result<(), FileError> {
        let now = Stamp::of(&self.file.metadata().map_err(FileError::of)?);
        if now == self.stamp { Ok(()) } else { Err(FileError::Changed) }
    }
}

fn regular(metadata: &Metadata) -> Result<(), FileError> {
    if metadata.is_dir() {
        Err(FileError::Directory)
    } else if metadata.is_file() {
        Ok(())
    } else {
        Err(FileError::NotRegular)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn names(files: &[Listed]) -> Vec<&str> {
        files.iter().map(|file| file.name.as_str()).collect()
    }

    #[test]
    fn patterns_are_sorted_and_leave_hidden_files_out() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["b.csv", "a.csv", ".a.csv.swp", ".c.csv", "a.txt", "[x].csv"] {
            fs::write(dir.path().join(name), "").unwrap();
        }
        fs::create_dir(dir.path().join("sub")).unwrap();
        fs::write(dir.path().join("sub/a.csv"), "").unwrap();

        let list_names = |pattern: &str| {
            let (files, problems) = list(&dir.path().join(pattern));
            assert!(problems.is_empty(), "{problems:?}");
            files.into_iter().map(|file| file.name).collect::<Vec<_>>()
        };
        assert_eq!(list_names("*.csv"), ["[x].csv", "a.csv", "b.csv"]);
        assert_eq!(list_names("*/*.csv"), ["sub/a.csv"]);
        assert_eq!(list_names("?.csv"), ["a.csv", "b.csv"]);
        assert_eq!(list_names("a.csv"), ["a.csv"]);
        assert_eq!(list_names("[x].csv"), ["[x].csv"], "a file of that very name goes first");
        assert_eq!(list_names("nothing.csv"), ["nothing.csv"], "whether it is there is asked when it is opened");
    }

    #[test]
    fn what_matches_nothing_is_a_problem() {
        let dir = tempfile::tempdir().unwrap();
        for (pattern, text) in
            [("*.csv", "no file matches"), ("none/*.csv", "no file matches"), ("a[.csv", "is not a pattern")]
        {
            let (files, problems) = list(&dir.path().join(pattern));
            assert_eq!(names(&files), [""; 0]);
            assert!(problems[0].text.starts_with(text), "{problems:?}");
        }
    }

    #[test]
    fn only_regular_files_are_opened() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("real.csv"), "x").unwrap();
        std::os::unix::fs::symlink(at("real.csv"), at("link.csv")).unwrap();
        std::os::unix::fs::symlink(at("gone.csv"), at("broken.csv")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();

        assert!(Opened::new(&at("link.csv")).is_ok());
        assert!(matches!(Opened::new(&at("broken.csv")), Err(FileError::Missing)));
        assert!(matches!(Opened::new(&at("gone.csv")), Err(FileError::Missing)));
        assert!(matches!(Opened::new(dir.path()), Err(FileError::Directory)));
        assert!(matches!(Opened::new(&at("socket")), Err(FileError::NotRegular)));
    }

    #[test]
    fn a_file_that_grew_is_found_out_and_one_that_was_replaced_is_not_blamed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.csv");
        fs::write(&path, "group,email\n").unwrap();

        let opened = Opened::new(&path).unwrap();
        assert!(opened.unchanged().is_ok());
        fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"a,").unwrap();
        assert!(matches!(opened.unchanged(), Err(FileError::Changed)));

        let opened = Opened::new(&path).unwrap();
        fs::write(dir.path().join("new"), "group,email\na,b@c.example\n").unwrap();
        fs::rename(dir.path().join("new"), &path).unwrap();
        assert!(opened.unchanged().is_ok());
    }
}
