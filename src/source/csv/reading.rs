//! One read of one source, file by file. Floor 2.

use std::collections::BTreeSet;
use std::io::{self, Read};

use jiff::Timestamp;

use crate::model::directory::{Completeness, DirectoryGroup, ReadFacts, SourceKind, SourceSnapshot};
use crate::model::evidence::{FileRead, GroupRead, ReadEvidence};
use crate::model::id::{DirectoryGroupKey, SourceName};
use crate::model::problem::Problem;

use super::Settings;
use super::absent::{self, Head};
use super::age::{self, Written};
use super::ahead;
use super::assemble::Contradiction;
use super::columns::{Columns, HeadingError};
use super::ending::Watched;
use super::file::{FileError, Listed, Opened};
use super::findings::Findings;
use super::record::{Block, Flaw, Records};
use super::roster::{Look, Place, Roster, Who};
use super::row::{BadRow, Decoder, Row};
use super::seat::MOST_ADDRESSES;
use super::state;

/// What was read so far.
pub(super) struct Reading<'a> {
    settings: &'a Settings,
    decoder: Decoder<'a>,
    roster: Roster,
    findings: Findings,
    names: Vec<String>,
    heads: Vec<Head>,
    written: Vec<Written>,
    /// Digest of each file's bytes, beside `written`; empty where it was not read to its end.
    contents: Vec<String>,
    rows: u64,
    /// The line of the last row that was read, where that row is bad.
    last_bad: Option<Place>,
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
            heads: Vec::new(),
            written: Vec::new(),
            contents: Vec::new(),
            rows: 0,
            last_bad: None,
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
        let ((), digest) = ahead::digested(&opened.file, opened.stamp.size, |bytes| self.input(&file.name, bytes));
        // What fails here failed in the reading, and was told.
        self.contents.push(digest.unwrap_or_default());
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
        let mut input = Watched::new(without_mark(input)?);
        let mut records = Records::new(&mut input, self.settings.delimiter);
        let columns = match records.read()? {
            Some(headings) => Columns::find(&headings, self.settings)?,
            None => return Err(HeadingError::Empty.into()),
        };
        let before = self.rows;
        self.last_bad = None;
        let read = self.rows(&mut records, &columns, file);
        let ends_in_line = read.is_ok() && input.ends_in_line();
        if let Some(bad) = self.last_bad.filter(|_| ends_in_line) {
            self.findings.gap(cut_short(bad.shown(&self.names)));
        }
        let ends_in_line = ends_in_line && self.last_bad.is_none();
        let file = self.names.get(file as usize).cloned().unwrap_or_default();
        self.heads.push(Head { file, columns, has_rows: self.rows > before, ends_in_line });
        read
    }

    fn rows(&mut self, records: &mut Records<impl Read>, columns: &Columns, file: u32) -> Result<(), ReadError> {
        while let Some(block) = records.read_block()? {
            self.block(block, columns, file);
        }
        Ok(())
    }

    fn block(&mut self, block: Block<'_>, columns: &Columns, file: u32) {
        let rows: Vec<_> = block.iter().map(|record| (record.line(), self.decoder.row(&record, columns))).collect();
        let looks = self.roster.look(rows.iter().map(|(_, row)| row.as_ref().ok().map(Row::named)));
        for ((line, row), look) in rows.into_iter().zip(looks) {
            self.rows += 1;
            let at = Place { file, line };
            self.last_bad = None;
            if let Err(bad) = row.and_then(|row| self.row(&row, look, at)) {
                // Of a quote that is not closed, the row itself says that the file may be cut off.
                self.last_bad = Some(at).filter(|_| bad != BadRow::Flawed(Flaw::Unclosed));
                let names = &self.names;
                self.findings.bad_row(|| bad_row(at.shown(names), &bad));
            }
        }
    }

    fn row(&mut self, row: &Row<'_>, look: Look, at: Place) -> Result<(), BadRow> {
        let who = self.who(row, look)?;
        let disabled = self.decoder.disabled(row.status)?;
        let Some(seat) = self.roster.seat(who, disabled, at) else {
            return Err(BadRow::Addresses(MOST_ADDRESSES, self.settings.id_column.heading.clone()));
        };
        for group in self.decoder.groups(row.groups) {
            self.roster.member(group, seat);
        }
        Ok(())
    }

    fn who<'r>(&self, row: &Row<'r>, look: Look) -> Result<Who<'r>, BadRow> {
        if let Some(seat) = self.roster.find(row.named(), row.email, look) {
            return Ok(Who::Known(seat));
        }
        match (row.id, self.decoder.address(row.email)?) {
            (Some(id), address) => Ok(Who::Id(id, look, address)),
            (None, Some(address)) => Ok(Who::Address(address)),
            (None, None) => Err(BadRow::Nobody),
        }
    }

    /// What all files together say. `before`: what [`absent::present`] said at the last full run.
    pub(super) fn finish(mut self, name: &SourceName, before: &BTreeSet<String>, now: Timestamp) -> SourceSnapshot {
        let cut = absent::cut_short(&self.heads, self.settings, before);
        for problem in cut.into_iter().chain(absent::absent(&self.heads, self.settings, before)) {
            self.findings.gap(problem);
        }
        if let Some((count, first)) = self.roster.of_several_addresses() {
            self.findings.note(several_addresses(count, &first.shown(&self.names)));
        }
        let assembled = self.roster.assemble(&self.names);
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
            evidence: evidence(&self.written, self.rows),
            read: ReadEvidence::Files(FileRead {
                files: self.written.len(),
                rows: self.rows,
                oldest: age::oldest(&self.written).map(|file| file.at),
            }),
            people: assembled.people,
            everyone: true,
            groups: assembled.groups.into_iter().map(|(name, people)| group(name, people, &completeness)).collect(),
            completeness,
            problems: self.findings.into_problems(name.as_str()),
            columns: absent::present(&self.heads, self.settings),
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

fn bad_row(place: String, bad: &BadRow) -> Problem {
    let problem = Problem::new(place, bad.to_string());
    match bad.help() {
        Some(help) => problem.help(help),
        None => problem,
    }
}

/// Of a bad row at the end of a file that ends within a line: what is wrong with the row is the least of it.
fn cut_short(place: String) -> Problem {
    Problem::new(place, "the file looks cut short: its last row is bad, and no line end comes after it")
        .help("look whether the export was written, and copied, to its end")
}

/// Addresses of one person, in the ordinary case; else of people who all have what stands for "no id".
fn several_addresses(people: usize, first: &str) -> Problem {
    let text = match people {
        1 => "an id has several addresses".to_owned(),
        people => format!("{people} ids have several addresses each, beginning with this one"),
    };
    Problem::new(first, text)
        .help("all of them are taken for one person's; where there is no id, leave the column empty")
}

fn contradictory(names: &[String], contradiction: &Contradiction) -> Problem {
    let (here, there) = match contradiction.disabled {
        true => ("inactive", "active"),
        false => ("active", "inactive"),
    };
    let against = contradiction.against.shown(names);
    Problem::new(contradiction.at.shown(names), format!("the person is {here} here and {there} in {against}"))
        .help("let the export give one person one status")
}

fn group(name: DirectoryGroupKey, people: Vec<u32>, completeness: &Completeness) -> DirectoryGroup {
    DirectoryGroup {
        names: vec![name.as_str().to_owned()],
        full_names: Vec::new(),
        key: name,
        immutable: false,
        member_name: None,
        dangling: Vec::new(),
        read: GroupRead { members: people.len(), ..GroupRead::default() },
        people,
        groups: Vec::new(),
        completeness: completeness.clone(),
    }
}

fn evidence(written: &[Written], rows: u64) -> String {
    match written {
        [] => "no files".to_owned(),
        _ => format!("{}, {}", count(written.len() as u64, "file"), count(rows, "row")),
    }
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
        reading.finish(&SourceName::new("hr"), &BTreeSet::new(), Timestamp::UNIX_EPOCH)
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
