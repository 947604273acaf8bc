//! What every check has at hand: the file, where its lines begin, the environment, and the sheet on
//! which mistakes and warnings are noted.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use super::environment::Environment;
use super::mistake::Mistake;
use crate::model::problem::Problem;

/// A place in the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// The key.
    pub(super) key: String,
    /// The line, from 1.
    pub(super) line: Option<usize>,
}

/// What becomes of secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Secrets {
    /// They are fetched, and those that are not there are mistakes.
    Fetched,
    /// They are left where they are: nobody is asked for whom they would be needed.
    Left,
}

/// See the module.
pub(super) struct Desk<'a> {
    file: &'a Path,
    folder: PathBuf,
    lines: Lines,
    environment: &'a Environment,
    secrets: Secrets,
    mistakes: RefCell<Vec<Mistake>>,
    warnings: RefCell<Vec<Problem>>,
}

impl<'a> Desk<'a> {
    /// A desk for the file with this text. Relative paths are relative to `folder`.
    pub(super) fn new(
        file: &'a Path,
        folder: PathBuf,
        text: &str,
        environment: &'a Environment,
        secrets: Secrets,
    ) -> Self {
        Self {
            file,
            folder,
            lines: Lines::new(text),
            environment,
            secrets,
            mistakes: RefCell::default(),
            warnings: RefCell::default(),
        }
    }

    /// Whether secrets are left where they are; each is empty then.
    pub(super) fn leaves_secrets(&self) -> bool {
        self.secrets == Secrets::Left
    }

    /// The environment.
    pub(super) fn environment(&self) -> &Environment {
        self.environment
    }

    /// The line of a byte.
    pub(super) fn line(&self, byte: usize) -> usize {
        self.lines.line(byte)
    }

    /// A path of the configuration, relative to the file.
    pub(super) fn path(&self, text: &str) -> PathBuf {
        self.folder.join(text)
    }

    /// The folder of the configuration.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Notes a mistake.
    pub(super) fn mistake(&self, place: &Place, text: impl Into<String>, help: impl Into<String>) {
        let help: String = help.into();
        self.mistakes.borrow_mut().push(Mistake {
            file: self.file.to_owned(),
            line: place.line,
            column: None,
            key: place.key.clone(),
            text: text.into(),
            help: Some(help).filter(|help| !help.is_empty()),
        });
    }

    /// Notes a mistake in another file that the configuration names.
    pub(super) fn mistake_elsewhere(&self, mistake: Mistake) {
        self.mistakes.borrow_mut().push(mistake);
    }

    /// Notes something that is odd and no mistake.
    pub(super) fn warning(&self, place: &Place, text: impl Into<String>, help: impl Into<String>) {
        let line = place.line.map(|line| format!(":{line}")).unwrap_or_default();
        let at = format!("{}{line}: {}", self.file.display(), place.key);
        self.warnings.borrow_mut().push(Problem::new(at, text).help(help));
    }

    /// Everything that was noted.
    pub(super) fn into_notes(self) -> (Vec<Mistake>, Vec<Problem>) {
        (self.mistakes.into_inner(), self.warnings.into_inner())
    }
}

/// Where the lines of a text begin.
pub(super) struct Lines(Vec<usize>);

impl Lines {
    /// Finds them.
    pub(super) fn new(text: &str) -> Self {
        Self(text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1).collect())
    }

    /// The line of a byte, from 1.
    pub(super) fn line(&self, byte: usize) -> usize {
        1 + self.0.partition_point(|start| *start <= byte)
    }

    /// Line and column of a byte, in characters, both from 1.
    pub(super) fn position(&self, text: &str, byte: usize) -> (usize, usize) {
        let line = self.line(byte);
        let start = line.checked_sub(2).and_then(|before| self.0.get(before)).copied().unwrap_or(0);
        let before = text.get(start..byte).map_or(0, |before| before.chars().count());
        (line, before + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::Lines;

    #[test]
    fn positions_count_characters_from_one() {
        let text = "a\nbü c\n\nd";
        let lines = Lines::new(text);
        let at = |part: &str| lines.position(text, text.find(part).unwrap());
        assert_eq!(at("a"), (1, 1));
        assert_eq!(at("c"), (2, 4));
        assert_eq!(at("d"), (4, 1));
        assert_eq!(lines.position(text, text.len()), (4, 2));
        assert_eq!(lines.position(text, 1_000), (4, 1), "beyond the end");
    }
}
