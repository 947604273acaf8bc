//! CSV files as a source: bytes to people and groups. Floor 2.
//!
//! `file` finds and opens, and `ahead` reads and digests on a thread of its own; everything behind them is pure:
//! `record` (bytes to `block`s of records, by `line` where it can and by `careful` where it must), `columns` (the
//! heading row), `absent` (optional columns that ought to be there), `row` (a record's meaning), `roster` (rows of all files, as `seat`s that an `index` finds),
//! `assemble` (all of that to people and groups), `age`, `ending` and `findings` (what was odd), `state` (whether anything
//! changed). A single bad row makes the whole source incomplete: it may have been anybody's, so nobody can
//! be taken for gone.

mod absent;
mod age;
mod ahead;
mod assemble;
mod block;
mod careful;
mod columns;
mod ending;
mod file;
mod findings;
mod index;
mod line;
mod reading;
pub mod record;
mod roster;
mod row;
mod seat;
mod state;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;

use crate::model::directory::{SourceKind, SourceSnapshot};
use crate::model::id::{SourceName, Watermark};
use crate::model::problem::Problem;

use super::Answer;
use reading::Reading;

/// `[[source]]` of kind `csv`, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// A file or a glob, absolute.
    pub path: PathBuf,
    /// What a row is.
    pub shape: Shape,
    /// Heading of the directory group (`shape = "rows"`: the group; `"lists"`: all of them).
    pub group_column: String,
    /// Heading of the address.
    pub email_column: String,
    /// Heading of the status.
    pub status_column: Column,
    /// Heading of the immutable id.
    pub id_column: Column,
    /// Statuses that mean active, folded to lower case.
    pub active_values: Vec<String>,
    /// Statuses that mean disabled, folded to lower case.
    pub inactive_values: Vec<String>,
    /// One ASCII character.
    pub delimiter: u8,
    /// The oldest file may be this old.
    pub max_age: Option<Duration>,
    /// Once all files ended with a line end, one that does not is cut short.
    pub final_line_end: bool,
}

/// What a row of a file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    /// One membership.
    Rows,
    /// One person, with all groups in one field.
    Lists {
        /// What parts the groups.
        separator: String,
    },
}

/// A column that may be absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its heading; empty where the configuration says that there is none.
    pub heading: String,
    /// The configuration names it, so that a file without it is a mistake.
    pub required: bool,
}

/// Reads all files, on a thread that may block. Every failure is a finding of the snapshot. `before`: the
/// optional columns that the source had at the last full run ([`SourceSnapshot::columns`]).
pub async fn read(name: &SourceName, settings: &Settings, before: &BTreeSet<String>, now: Timestamp) -> SourceSnapshot {
    let (owned, settings, before) = (name.clone(), settings.clone(), before.clone());
    let task = tokio::task::spawn_blocking(move || read_blocking(&owned, &settings, &before, now));
    match task.await {
        Ok(snapshot) => snapshot,
        Err(_) => {
            let problem =
                Problem::new(format!("source {:?}", name.as_str()), "the reading broke off: an error in rosterd");
            SourceSnapshot::unread(name.clone(), SourceKind::Csv, problem)
        }
    }
}

/// Asks whether the files are what they were. A digest costs less than a reading, and shows every
/// change, also one that leaves the time of a file as it was.
pub async fn ask(settings: &Settings, before: &Watermark, now: Timestamp) -> Answer {
    let settings = settings.clone();
    let found = tokio::task::spawn_blocking(move || state::now(&settings, now)).await;
    match found {
        Ok(Ok((mark, files))) if mark == *before => Answer::Unchanged(match files {
            1 => "1 file, the same to the byte".to_owned(),
            files => format!("{files} files, the same to the byte"),
        }),
        Ok(Ok(_)) => Answer::Changed,
        Ok(Err(why)) => Answer::Silent(why),
        Err(_) => Answer::Silent("an error in rosterd".to_owned()),
    }
}

/// What [`read()`] does, on this thread.
pub fn read_blocking(
    name: &SourceName,
    settings: &Settings,
    before: &BTreeSet<String>,
    now: Timestamp,
) -> SourceSnapshot {
    let mut reading = Reading::new(settings);
    let (files, problems) = file::list(&settings.path);
    for problem in problems {
        reading.not_found(problem);
    }
    for file in files {
        reading.file(&file);
    }
    reading.finish(name, before, now)
}

#[cfg(test)]
mod testing {
    //! Settings as the configuration's defaults make them.

    use super::{Column, Settings, Shape};

    pub(super) fn settings() -> Settings {
        let column = |heading: &str| Column { heading: heading.to_owned(), required: false };
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        Settings {
            path: "/nowhere/*.csv".into(),
            shape: Shape::Rows,
            group_column: "group".to_owned(),
            email_column: "email".to_owned(),
            status_column: column("status"),
            id_column: column("id"),
            active_values: words(&["active", "enabled", "yes", "true", "1", ""]),
            inactive_values: words(&["inactive", "disabled", "no", "false", "0"]),
            delimiter: b',',
            max_age: None,
            final_line_end: true,
        }
    }
}
