//! The only writer to standard output and standard error, and to the files of `--out`.
//!
//! Answers go to standard output; everything else to standard error. A reader that has seen enough
//! (`rosterd plan | head`) is no failure.

use std::fs::{self, File, Permissions};
use std::io::{self, IsTerminal, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anstream::AutoStream;
use anstyle::{AnsiColor, Style};
use anyhow::Context;
use clap::ColorChoice;

use super::args::Global;
use super::exit::Fault;
use super::progress::{LogWriter, Progress};
use crate::report::look::{CUT, Look};
use crate::report::words::clean;

/// Where a command's words go.
#[derive(Debug, Clone)]
pub struct Output {
    colour_out: bool,
    colour_err: bool,
    whole: bool,
    progress: Progress,
}

impl Output {
    /// Looks at the options, the environment (NO_COLOR, TERM) and whether terminals are there.
    pub fn new(global: &Global) -> Self {
        let terminal = io::stderr().is_terminal() && global.quiet == 0;
        Self {
            colour_out: coloured(global.color, &io::stdout()),
            colour_err: coloured(global.color, &io::stderr()),
            whole: global.verbose > 0,
            progress: if terminal { Progress::on_terminal() } else { Progress::none() },
        }
    }

    /// How an answer on standard output is shown.
    pub fn look(&self) -> Look {
        Look { colour: self.colour_out, limit: (!self.whole).then_some(CUT) }
    }

    /// How an answer in a file is shown: whole, without colours.
    pub fn look_in_file(&self) -> Look {
        Look::WHOLE
    }

    /// Whether the log is coloured.
    pub fn colour_log(&self) -> bool {
        self.colour_err
    }

    /// The line of progress.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Where the log goes.
    pub fn log_writer(&self) -> LogWriter {
        LogWriter::new(self.progress.clone())
    }

    /// Writes an answer, or part of one, to standard output.
    pub fn answer(&self, text: &str) -> anyhow::Result<()> {
        self.answer_bytes(text.as_bytes())
    }

    /// Writes an answer that is not text for certain.
    pub fn answer_bytes(&self, bytes: &[u8]) -> anyhow::Result<()> {
        let written = self.progress.aside(|| written(&mut io::stdout().lock(), bytes));
        written.context("cannot write to standard output")
    }

    /// A heading within an answer.
    pub fn heading(&self, text: &str) -> String {
        let style = if self.colour_out { Style::new().bold() } else { Style::new() };
        format!("{style}{text}{style:#}")
    }

    /// Tells something beside the answer, on standard error.
    pub fn note(&self, text: &str) {
        // There is nowhere left to tell that standard error is closed.
        let _ = self.progress.aside(|| writeln!(io::stderr(), "{text}"));
    }

    /// Tells why a command could not do what it was asked to. `help:` begins a line of its own.
    pub fn fault(&self, fault: &Fault) {
        let style = match self.colour_err {
            true => AnsiColor::Red.on_default().bold(),
            false => Style::new(),
        };
        let text = fault.to_string();
        let lines: Vec<_> = text.lines().map(clean).collect();
        self.note(&format!("{style}error{style:#}: {}", lines.join("\n")));
    }

    /// Writes an answer to the file of `--out`, or else to standard output.
    pub fn answer_to(&self, file: Option<&Path>, text: &str) -> anyhow::Result<()> {
        match file {
            Some(path) => write_file(path, text.as_bytes()),
            None => self.answer(text),
        }
    }
}

fn coloured<S: anstream::stream::RawStream>(choice: ColorChoice, stream: &S) -> bool {
    match choice {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto => AutoStream::choice(stream) != anstream::ColorChoice::Never,
    }
}

/// Whether standard error is the journal: systemd says in `$JOURNAL_STREAM` which device and inode that
/// would be (systemd.exec(5)). The variable alone says nothing; standard error may have been redirected.
pub fn is_journal(stream: Option<&str>) -> bool {
    let Some((device, inode)) = stream.and_then(|stream| stream.split_once(':')) else { return false };
    let Ok(own) = fs::metadata("/proc/self/fd/2") else { return false };
    (device.parse(), inode.parse()) == (Ok(own.dev()), Ok(own.ino()))
}

fn written(to: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    match to.write_all(bytes).and_then(|()| to.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// An error of the operating system in its own words, without its number.
pub fn io_text(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

/// Writes a file as a whole or not at all: beside it, synced, then renamed over it. Links are
/// followed; a device or a pipe is written to as it is. An existing file keeps its permissions.
///
/// # Errors
/// Names the file and what failed.
pub fn write_file(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let told = || format!("cannot write {}", clean(&path.display().to_string()));
    match fs::metadata(path) {
        Ok(there) if there.is_file() => {
            let target = fs::canonicalize(path).with_context(told)?;
            replace(&target, there.permissions(), bytes).with_context(told)
        }
        Ok(there) if there.is_dir() => Err(anyhow::anyhow!("it is a directory")).with_context(told),
        Ok(_) => {
            let opened = File::options().write(true).open(path);
            opened.and_then(|mut file| written(&mut file, bytes)).with_context(told)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            // The umask takes away from this what it takes away from every new file.
            replace(path, Permissions::from_mode(0o666), bytes).with_context(told)
        }
        Err(error) => Err(error).with_context(told),
    }
}

fn replace(path: &Path, permissions: Permissions, bytes: &[u8]) -> io::Result<()> {
    let directory = match path.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    let mut builder = tempfile::Builder::new();
    let builder = builder.prefix(".rosterd-").permissions(permissions);
    let mut beside = builder.tempfile_in(&directory)?;
    beside.write_all(bytes)?;
    beside.as_file().sync_all()?;
    beside.persist(path).map_err(|error| error.error)?;
    File::open(&directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_as_a_whole_and_nothing_is_left_beside_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("plan.json");
        for text in ["first", "second, longer"] {
            write_file(&path, text.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn the_journal_is_known_by_device_and_inode() {
        let own = fs::metadata("/proc/self/fd/2").unwrap();
        assert!(is_journal(Some(&format!("{}:{}", own.dev(), own.ino()))));
        for other in [None, Some(""), Some("1"), Some("a:b"), Some(&*format!("{}:{}", own.dev(), own.ino() + 1))] {
            assert!(!is_journal(other), "{other:?}");
        }
    }

    #[test]
    fn permissions_and_links_stay() {
        let directory = tempfile::tempdir().unwrap();
        let (path, link) = (directory.path().join("real"), directory.path().join("link"));
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        write_file(&link, b"new").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn what_is_no_file_is_written_to_and_not_replaced() {
        write_file(Path::new("/dev/null"), b"x").unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
        let directory = tempfile::tempdir().unwrap();
        let error = write_file(directory.path(), b"x").unwrap_err();
        assert!(format!("{error:#}").ends_with("it is a directory"), "{error:#}");
        assert!(write_file(&directory.path().join("no/where"), b"x").is_err());
    }

    #[test]
    fn a_reader_that_left_is_no_failure() {
        let (reader, mut writer) = io::pipe().unwrap();
        drop(reader);
        written(&mut writer, b"x").unwrap();
    }
}
