//! What is wrong with a configuration: all of it at once, each with its place.

use std::fmt;
use std::path::PathBuf;

/// One mistake. Its text never quotes a secret, nor a line of the file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mistake {
    /// The file that is wrong: the configuration, or one that it names.
    pub file: PathBuf,
    /// The line, from 1; none where nothing in the file is to blame.
    pub line: Option<usize>,
    /// The column in characters, from 1, where the file is not TOML at all.
    pub column: Option<usize>,
    /// The key, such as `source[2].path` (tables of a list count from 1); empty for the whole file.
    pub key: String,
    /// What is wrong: a lower-case fragment.
    pub text: String,
    /// What to do.
    pub help: Option<String>,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file.display())?;
        for number in [self.line, self.column].into_iter().flatten() {
            write!(f, "{number}:")?;
        }
        if !self.key.is_empty() {
            write!(f, " {}:", self.key)?;
        }
        write!(f, " {}", self.text)?;
        match &self.help {
            Some(help) => write!(f, "\n  help: {help}"),
            None => Ok(()),
        }
    }
}

/// Every mistake of a configuration: at least one, sorted by file and line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistakes(Vec<Mistake>);

impl Mistakes {
    /// Sorts them: those of `file` first.
    pub(super) fn new(file: &std::path::Path, mut mistakes: Vec<Mistake>) -> Self {
        mistakes.sort_by(|a, b| (a.file != file, a).cmp(&(b.file != file, b)));
        mistakes.dedup();
        Self(mistakes)
    }

    /// Whether one of them is in this table, or in one under it.
    pub(super) fn concern(&self, table: &str) -> bool {
        let within = |key: &str| key.strip_prefix(table).is_some_and(|rest| !rest.starts_with(char::is_alphanumeric));
        self.0.iter().any(|mistake| within(&mistake.key))
    }

    /// Each of them, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Mistake> {
        self.0.iter()
    }
}

impl<'a> IntoIterator for &'a Mistakes {
    type Item = &'a Mistake;
    type IntoIter = std::slice::Iter<'a, Mistake>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for mistake in &self.0 {
            writeln!(f, "{mistake}")?;
        }
        match self.0.len() {
            1 => f.write_str("1 mistake in the configuration"),
            count => write!(f, "{count} mistakes in the configuration"),
        }
    }
}

impl std::error::Error for Mistakes {}
