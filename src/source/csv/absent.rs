//! Optional columns that are not there and were, or that another file has. Floor 2, pure.
//!
//! Without a status everybody is active, and without an id nobody is followed: a slip in a heading must not
//! be taken for an export that never had the column.

use std::collections::BTreeSet;

use crate::model::problem::Problem;

use super::columns::{Columns, found};
use super::{Column, Settings};

/// The heading row of one file.
#[derive(Debug)]
pub(super) struct Head {
    /// The file.
    pub(super) file: String,
    /// What its heading row says.
    pub(super) columns: Columns,
    /// There are rows below it.
    pub(super) has_rows: bool,
}

/// An optional column, by its key in `columns`.
struct Optional<'a> {
    key: &'static str,
    column: &'a Column,
    is_in: fn(&Columns) -> bool,
}

fn optional(settings: &Settings) -> [Optional<'_>; 2] {
    [
        Optional { key: "status", column: &settings.status_column, is_in: |columns| columns.status.is_some() },
        Optional { key: "id", column: &settings.id_column, is_in: |columns| columns.id.is_some() },
    ]
}

/// The optional columns that were found, by their keys.
pub(super) fn present(heads: &[Head], settings: &Settings) -> BTreeSet<String> {
    let is_there = |optional: &Optional<'_>| heads.iter().any(|head| (optional.is_in)(&head.columns));
    optional(settings).iter().filter(|optional| is_there(optional)).map(|optional| optional.key.to_owned()).collect()
}

/// Files without an optional column that they ought to have: it was there at the last full run (`before`, by
/// keys), or another file has it now. A file without rows says nothing of anybody, so that it may lack what
/// others have.
pub(super) fn absent(heads: &[Head], settings: &Settings, before: &BTreeSet<String>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for Optional { key, column, is_in } in optional(settings) {
        if column.heading.is_empty() {
            continue;
        }
        let heading = &column.heading;
        let other = heads.iter().find(|head| is_in(&head.columns));
        for head in heads.iter().filter(|head| !is_in(&head.columns)) {
            let headings = found(&head.columns.headings);
            let (why, help) = match other {
                Some(other) if head.has_rows => (
                    format!("which {} has", other.file),
                    "mend the heading, or add the column; files that differ for good are sources of their own"
                        .to_owned(),
                ),
                _ if before.contains(key) => (
                    "which was there at the last full run".to_owned(),
                    format!(
                        "mend the heading; or set `columns.{key}` to the new one, or to \"\" if there is to be no such \
                         column any more"
                    ),
                ),
                _ => continue,
            };
            problems.push(
                Problem::new(&head.file, format!("no column has the heading {heading:?}, {why}; {headings}"))
                    .help(help),
            );
        }
    }
    problems
}
