//! One read of one source, file by file. Floor 2.

use std::fmt::Write as _;
use std::io::{self, Read};

use jiff::Timestamp;

use crate::model::directory::{Completeness, DirectoryGroup, Person, ReadFacts, SourceKind, SourceSnapshot};
use crate::model::evidence::{FileRead, GroupRead, ReadEvidence};
use crate::model::id::{DirectoryGroupKey, SourceName};
use crate::model::problem::Problem;

use super::Settings;
use super::age::{self, Written};
use super::columns::{Columns, HeadingError};
use super::file::{FileError, Listed, Opened};
use super::findings::Findings;
use super::record::{Record, Records};
use super::roster::{Contradiction, Found, MOST_ADDRESSES, Place, Roster, Who};
use super::row::{BadRow, Decoder, Row};
use super::state::{self, Digesting};

/// What was read so far.
pub(super) struct Reading<'a> {
    settings: &'a Settings,
    decoder: Decoder<'a>,
    roster: Roster,
    findings: Findings,
    names: Vec<String>,
    written: Vec<Written>,
    /// Digest of each file's bytes, beside `written`; empty where it was not read to its end.
    contents: Vec<String>,
    rows: u64,
}

/// Why a file was not read to its end.
#[derive(Debug, thiserror::Error)]
enum ReadError {
    #[error(transparent)]
    Heading(#[from] HeadingError),
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl<'a> Reading<'a> {
    /// Nothing read yet.
    pub(super) fn new(settings: &'a Settings) -> Self {
        Self {
            settings,
            decoder: Decoder::new(settings),
            roster: Roster::default(),
            findings: Findings::default(),
            names: Vec::new(),
            written: Vec::new(),
            contents: Vec::new(),
            rows: 0,
        }
    }

    /// A file or a pattern that leads to nothing.
    pub(super) fn not_found(&mut self, problem: Problem) {
        self.findings.gap(problem);
    }

    /// Reads one file. Files come sorted.
    pub(super) fn file(&mut self, file: &Listed) {
        match Opened::new(&file.path) {
            Ok(opened) => self.opened(file, &opened),
            Err(error) => self.findings.gap(error.problem(file.path.to_string_lossy())),
        }
    }

    fn opened(&mut self, file: &Listed, opened: &Opened) {
        self.written.push(Written { name: file.name.clone(), at: opened.stamp.written });
        let mut bytes = Digesting::new(&opened.file);
        self.input(&file.name, &mut bytes);
        // What fails here failed in the reading, and was told.
        self.contents.push(bytes.finish().unwrap_or_default());
        if let Err(error) = opened.unchanged() {
            self.findings.gap(error.problem(&file.name));
        }
    }

    /// Reads one file's bytes.
    fn input(&mut self, name: &str, input: impl Read) {
        let number = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        self.names.push(name.to_owned());
        match self.records(number, input) {
            Ok(()) => {}
            Err(ReadError::Heading(error)) => {
                let problem = Problem::new(name, error.to_string());
                self.findings.gap(match error.help() {
                    Some(help) => problem.help(help),
                    None => problem,
                });
            }
            Err(ReadError::Io(error)) => self.findings.gap(FileError::Io(error).problem(name)),
        }
    }

    fn records(&mut self, file: u32, input: impl Read) -> Result<(), ReadError> {
        let mut records = Records::new(without_mark(input)?, self.settings.delimiter);
        let columns = match records.read()? {
            Some(headings) => Columns::find(&headings, self.settings)?,
            None => return Err(HeadingError::Empty.into()),
        };
        while let Some(record) = records.read()? {
            self.rows += 1;
            let at = Place { file, line: record.line() };
            if let Err(bad) = self.row(&record, &columns, at) {
                let names = &self.names;
                self.findings.bad_row(|| bad_row(place(names, at), &bad));
            }
        }
        Ok(())
    }

    fn row(&mut self, record: &Record<'_>, columns: &Columns, at: Place) -> Result<(), BadRow> {
        let row = self.decoder.row(record, columns)?;
        let who = self.who(&row)?;
        let disabled = self.decoder.disabled(row.status)?;
        let Some(seat) = self.roster.seat(who) else {
            return Err(BadRow::Addresses(MOST_ADDRESSES, self.settings.id_column.heading.clone()));
        };
        self.roster.status(seat, disabled, at);
        for group in self.decoder.groups(row.groups) {
            self.roster.member(group, seat);
        }
        Ok(())
    }

    fn who<'r>(&mut self, row: &Row<'r>) -> Result<Who<'r>, BadRow> {
        if let Some(seat) = self.roster.find(row.id, row.email) {
            return Ok(Who::Known(seat));
        }
        match (row.id, self.decoder.address(row.email)?) {
            (Some(id), address) => Ok(Who::Id(id, address)),
            (None, Some(address)) => Ok(Who::Address(address)),
            (None, None) => Err(BadRow::Nobody),
        }
    }

    /// What all files together say.
    pub(super) fn finish(mut self, name: &SourceName, now: Timestamp) -> SourceSnapshot {
        let assembled = self.roster.assemble();
        for contradiction in &assembled.contradictions {
            self.findings.bad_row(|| contradictory(&self.names, contradiction));
        }
        if let Some(problem) = age::stopped(&self.written, now, self.settings.max_age) {
            self.findings.gap(problem);
        }
        for problem in age::from_the_future(&self.written, now) {
            self.findings.note(problem);
        }
        let completeness = self.findings.completeness();
        let names = self.written.iter().map(|file| file.name.as_str());
        let watermark = state::watermark(names.zip(self.contents.iter().map(String::as_str)));
        let watermark = Some(watermark).filter(|_| completeness.is_complete());
        SourceSnapshot {
            name: name.clone(),
            kind: SourceKind::Csv,
            evidence: evidence(&self.written, self.rows, now),
            read: ReadEvidence::Files(FileRead {
                files: self.written.len(),
                rows: self.rows,
                oldest: age::oldest(&self.written).map(|file| file.at),
            }),
            people: assembled.people.into_iter().map(|found| person(found, &self.names)).collect(),
            everyone: true,
            groups: assembled.groups.into_iter().map(|(name, people)| group(name, people, &completeness)).collect(),
            completeness,
            problems: self.findings.into_problems(name.as_str()),
            files: self.names.into_iter().collect(),
            facts: ReadFacts { written_at: age::oldest(&self.written).map(|file| file.at), ..ReadFacts::default() },
            watermark,
        }
    }
}

/// The input behind its byte order mark.
fn without_mark<R: Read>(mut input: R) -> Result<io::Chain<io::Cursor<Vec<u8>>, R>, ReadError> {
    let mut lead = Vec::new();
    input.by_ref().take(4).read_to_end(&mut lead)?;
    match lead.as_slice() {
        // With its mark, or with every second byte of its heading row a zero.
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] | [_, 0, ..] | [0, _, ..] => return Err(HeadingError::Utf16.into()),
        [0xEF, 0xBB, 0xBF, ..] => drop(lead.drain(..3)),
        _ => {}
    }
    Ok(io::Cursor::new(lead).chain(input))
}

fn place(names: &[String], at: Place) -> String {
    let name = names.get(at.file as usize).map_or("", String::as_str);
    let mut place = String::with_capacity(name.len() + 9);
    // Writing to text cannot fail.
    let _ = write!(place, "{name}:{}", at.line);
    place
}

fn bad_row(place: String, bad: &BadRow) -> Problem {
    let problem = Problem::new(place, bad.to_string());
    match bad.help() {
        Some(help) => problem.help(help),
        None => problem,
    }
}

fn contradictory(names: &[String], contradiction: &Contradiction) -> Problem {
    let (here, there) = match contradiction.disabled {
        true => ("inactive", "active"),
        false => ("active", "inactive"),
    };
    let against = place(names, contradiction.against);
    Problem::new(place(names, contradiction.at), format!("the person is {here} here and {there} in {against}"))
        .help("let the export give one person one status")
}

fn person(found: Found, names: &[String]) -> Person {
    Person {
        key: found.key,
        immutable: found.immutable,
        addresses: found.addresses,
        disabled: found.disabled,
        origin: found.first.map(|first| place(names, first)).unwrap_or_default().into(),
    }
}

fn group(name: DirectoryGroupKey, people: Vec<u32>, completeness: &Completeness) -> DirectoryGroup {
    DirectoryGroup {
        names: vec![name.as_str().to_owned()],
        key: name,
        immutable: false,
        read: GroupRead { members: people.len(), ..GroupRead::default() },
        people,
        groups: Vec::new(),
        completeness: completeness.clone(),
    }
}

fn evidence(written: &[Written], rows: u64, now: Timestamp) -> String {
    let Some(oldest) = age::oldest(written) else {
        return "no files".to_owned();
    };
    let (files, rows) = (count(written.len() as u64, "file"), count(rows, "row"));
    let age = age::age(oldest.at, now);
    let age = match (age.as_secs() < 60, written.len()) {
        (true, _) => "fresh".to_owned(),
        (false, 1) => format!("{} old", age::words(age)),
        (false, _) => format!("the oldest {} old", age::words(age)),
    };
    format!("{files}, {rows}, {age}")
}

fn count(count: u64, thing: &str) -> String {
    match count {
        1 => format!("1 {thing}"),
        _ => format!("{count} {thing}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::csv::testing::settings;

    fn finish(reading: Reading<'_>) -> SourceSnapshot {
        reading.finish(&SourceName::new("hr"), Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn a_file_that_is_written_to_while_it_is_read_is_not_believed() {
        let dir = tempfile::tempdir().unwrap();
        let file = Listed { path: dir.path().join("a.csv"), name: "a.csv".to_owned() };
        std::fs::write(&file.path, "group,email\na,x@corp.example\n").unwrap();
        let settings = settings();
        let mut reading = Reading::new(&settings);
        let opened = Opened::new(&file.path).unwrap();
        std::fs::write(&file.path, "group,email\n").unwrap();
        reading.opened(&file, &opened);

        let snapshot = finish(reading);
        assert_eq!(snapshot.problems[0].text, "changed while it was read");
        assert!(!snapshot.completeness.is_complete());
    }

    #[test]
    fn an_input_that_fails_half_way_keeps_what_came_before_and_is_incomplete() {
        struct Failing;
        impl Read for Failing {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("the share went away"))
            }
        }
        let settings = settings();
        let mut reading = Reading::new(&settings);
        let before = b"group,email\na,x@corp.example\na,y@corp".as_slice();
        reading.input("a.csv", before.chain(Failing));

        let snapshot = finish(reading);
        assert_eq!(snapshot.people.len(), 1);
        assert_eq!(snapshot.problems[0].to_string(), "a.csv: cannot be read: the share went away");
        assert!(!snapshot.completeness.is_complete());
    }
}
