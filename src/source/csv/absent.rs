//! What is not there and was, or what another file has: optional columns, and the line end behind the last
//! row. Floor 2, pure.
//!
//! Without a status everybody is active, and without an id nobody is followed: a slip in a heading must not
//! be taken for an export that never had the column. A file that is cut within its last field has good rows
//! only: that it ends within a line is all that shows it.

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
    /// The file ends within a line, and nothing was told of it.
    pub(super) ends_in_line: bool,
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

/// Beside the keys of columns: every file ended with a line end.
const FINAL_LINE_END: &str = "final_line_end";

/// The optional columns that were found, by their keys, and whether every file ended with a line end.
pub(super) fn present(heads: &[Head], settings: &Settings) -> BTreeSet<String> {
    let is_there = |optional: &Optional<'_>| heads.iter().any(|head| (optional.is_in)(&head.columns));
    let all_end = !heads.is_empty() && heads.iter().all(|head| !head.ends_in_line);
    let columns = optional(settings).into_iter().filter(is_there).map(|optional| optional.key);
    columns.chain(all_end.then_some(FINAL_LINE_END)).map(str::to_owned).collect()
}

/// Files that end within a line, where all files of the last full run (`before`) had a line end there.
pub(super) fn cut_short(heads: &[Head], settings: &Settings, before: &BTreeSet<String>) -> Vec<Problem> {
    if !settings.final_line_end || !before.contains(FINAL_LINE_END) {
        return Vec::new();
    }
    let problem = |head: &Head| {
        let text = "the file looks cut short: no line end comes after its last row, and at the last full run all files had one";
        Problem::new(&head.file, text).help(
            "look whether the export was written, and copied, to its end; if it ends like that for good, \
             set `final_line_end = false`",
        )
    };
    heads.iter().filter(|head| head.ends_in_line).map(problem).collect()
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
