//! Bytes to records by RFC 4180, strictly, with the line that each record begins on. Floor 2, pure.
//!
//! The csv crate is lenient where a source of removals must not be: text behind a closing quote
//! becomes part of the field, a quote that the end of the file leaves open counts as closed, and
//! either can swallow whole rows without a word; whoever was in them would look gone. Here each is a
//! [`Flaw`] of the record. For what is well-formed that crate is the reference (see the tests). Lines
//! end in LF, CRLF or CR, and are counted so.
//!
//! There are two readers. `line` knows the records that nearly all files consist of, and finds their
//! fields where they stand. What is not as plain it leaves to `careful`, which goes byte by byte and
//! knows everything; that one says what a file means, and the tests hold the other to it.

use std::io::{self, Read};

use super::block::Found;
pub use super::block::{Block, Record, Text};
use super::careful::Careful;
use super::line::{Cursor, Lines, Stop};

/// A record may have this many bytes. A quote that is never closed reads the rest of the file as one
/// field, which must not take the memory that the file does.
pub(super) const MAX_BYTES: usize = 1 << 20;

/// So much of the input is in memory at a time. Lines that are longer are read byte by byte.
const BUFFER: usize = 1 << 16;

/// What makes a record unfit, whatever its fields say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// The end of the file came inside quotes.
    #[error("a quote is opened and not closed before the end of the file")]
    Unclosed,
    /// A quote inside a field that does not begin with one, or text behind a closing quote.
    #[error("a quote inside a field without quotes, or text beside a quoted field")]
    StrayQuote,
    /// More than 1 MiB; what follows in the file was not read.
    #[error("the row is longer than 1 MiB, and the rest of the file was not read")]
    TooLong,
}

impl Flaw {
    /// What to do about it.
    pub(crate) fn help(self) -> &'static str {
        match self {
            Self::Unclosed => "the file may have been cut off; a quote inside a quoted field is written twice",
            Self::StrayQuote => "put the whole field in quotes, and write each quote inside it twice",
            Self::TooLong => "look for a quote that is not closed",
        }
    }
}

/// The records of some input, one after the other.
pub struct Records<R> {
    input: R,
    delimiter: u8,
    lines: Lines,
    buffer: Box<[u8]>,
    /// The buffer is filled up to here.
    end: usize,
    /// Where the next record begins.
    cursor: Cursor,
    /// Why there is no more to read, to be told when all before it was.
    failed: Option<io::Error>,
    found: Found,
    /// How many of the records found were given.
    given: usize,
    /// The one record found is with the careful reader, and not in the buffer.
    with_care: bool,
    careful: Careful,
    finished: bool,
}

impl<R: Read> Records<R> {
    /// Begins at line 1.
    pub fn new(input: R, delimiter: u8) -> Self {
        Self::with_buffer(input, delimiter, BUFFER)
    }

    fn with_buffer(input: R, delimiter: u8, size: usize) -> Self {
        Self {
            input,
            delimiter,
            lines: Lines::new(delimiter),
            buffer: vec![0; size].into_boxed_slice(),
            end: 0,
            cursor: Cursor { at: 0, line: 1, after_cr: false },
            failed: None,
            found: Found::default(),
            given: 0,
            with_care: false,
            careful: Careful::default(),
            finished: false,
        }
    }

    /// Reads the next record that is not a blank line; none at the end of the input.
    pub fn read(&mut self) -> io::Result<Option<Record<'_>>> {
        if !self.find()? {
            return Ok(None);
        }
        self.given += 1;
        Ok(self.block(self.given - 1).first())
    }

    /// Reads the next records; none at the end of the input.
    pub fn read_block(&mut self) -> io::Result<Option<Block<'_>>> {
        if !self.find()? {
            return Ok(None);
        }
        let first = self.given;
        self.given = self.found.len();
        Ok(Some(self.block(first)))
    }

    /// The records found, from this one on.
    fn block(&self, first: usize) -> Block<'_> {
        let (bytes, fields) = match self.with_care {
            true => self.careful.record(),
            false => (&*self.buffer, self.found.fields.as_slice()),
        };
        // Of what the careful reader put together, letters may begin in one field and end in the next; so may
        // those that a delimiter beyond ASCII cuts.
        Block::new(bytes, fields, &self.found, first, self.with_care || !self.delimiter.is_ascii())
    }

    /// Whether there is a record that was not given yet.
    fn find(&mut self) -> io::Result<bool> {
        if self.given < self.found.len() {
            return Ok(true);
        }
        self.found.clear();
        (self.given, self.with_care) = (0, false);
        while !self.finished {
            let bytes = self.buffer.get(..self.end).unwrap_or_default();
            let stop = self.lines.read(bytes, &mut self.cursor, &mut self.found);
            if self.found.len() > 0 {
                return Ok(true);
            }
            if stop == Stop::Odd || !self.more()? {
                return self.carefully();
            }
        }
        Ok(false)
    }

    fn carefully(&mut self) -> io::Result<bool> {
        self.careful.begin(self.delimiter, self.cursor.line);
        let found = loop {
            let rest = self.buffer.get(self.cursor.at..self.end).unwrap_or_default();
            let (used, ended) = self.careful.take(rest);
            self.cursor.at += used;
            if ended {
                self.finished = self.careful.lost();
                break true;
            }
            if !self.more()? {
                self.finished = true;
                break self.careful.finish();
            }
        };
        if found {
            self.with_care = true;
            self.found.record(self.careful.record().1.len(), self.careful.first(), self.careful.flaw());
        }
        self.cursor.line = self.careful.line();
        self.cursor.after_cr = self.careful.after_cr();
        Ok(found)
    }

    /// Reads on behind what is not used yet. False when there is nothing to read, or no room.
    fn more(&mut self) -> io::Result<bool> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        self.buffer.copy_within(self.cursor.at..self.end, 0);
        self.end -= self.cursor.at;
        self.cursor.at = 0;
        let before = self.end;
        // As much as there is room for: what is in the buffer is looked at anew each time.
        while let Some(room) = self.buffer.get_mut(self.end..).filter(|room| !room.is_empty()) {
            match self.input.read(room) {
                Ok(0) => break,
                Ok(read) => self.end += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if self.end > before => {
                    self.failed = Some(error);
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        self.lines.look(self.buffer.get(..self.end).unwrap_or_default());
        Ok(self.end > before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Seen = (u64, Option<Flaw>, Vec<String>);

    fn seen(record: &Record<'_>) -> Seen {
        let text = |field: &[u8]| String::from_utf8_lossy(field).into_owned();
        let fields: Vec<_> = record.fields().map(text).collect();
        assert_eq!(record.len(), fields.len());
        for (index, field) in fields.iter().enumerate() {
            assert_eq!(&text(record.field(index).unwrap()), field);
        }
        let all_are_text = record.fields().all(|field| std::str::from_utf8(field).is_ok());
        assert_eq!(record.text().is_some(), all_are_text);
        if let Some(text) = record.text() {
            assert!(text.values().eq(fields.iter().map(String::as_str)));
            assert!((0..).zip(&fields).all(|(index, field)| text.value(index) == field.trim()));
        }
        let shows = |field: &String| field.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        assert!(!record.is_plain() || fields.iter().all(shows));
        (record.line(), record.flaw(), fields)
    }

    /// All records, read through a buffer of the given size, since all must survive its edges.
    fn records(input: &[u8], delimiter: u8, buffer: usize) -> Vec<Seen> {
        let mut records = Records::with_buffer(input, delimiter, buffer);
        let mut all = Vec::new();
        while let Some(record) = records.read().unwrap() {
            all.push(seen(&record));
        }
        assert!(records.read().unwrap().is_none(), "the end stays the end");
        assert_eq!(in_blocks(input, delimiter, buffer), all);
        all
    }

    /// The first alone, as headings are read, and the others together.
    fn in_blocks(input: &[u8], delimiter: u8, buffer: usize) -> Vec<Seen> {
        let mut records = Records::with_buffer(input, delimiter, buffer);
        let mut all: Vec<Seen> = records.read().unwrap().iter().map(seen).collect();
        while let Some(block) = records.read_block().unwrap() {
            all.extend(block.iter().map(|record| seen(&record)));
        }
        assert!(records.read_block().unwrap().is_none(), "the end stays the end");
        all
    }

    /// All records, as the careful reader alone reads them.
    fn carefully(mut input: &[u8], delimiter: u8) -> Vec<Seen> {
        let (mut careful, mut all) = (Careful::default(), Vec::new());
        let record = |careful: &Careful| {
            let (bytes, fields) = careful.record();
            let mut found = Found::default();
            found.record(fields.len(), careful.first(), careful.flaw());
            seen(&Block::new(bytes, fields, &found, 0, true).first().unwrap())
        };
        careful.begin(delimiter, 1);
        loop {
            let (used, ended) = careful.take(input);
            input = &input[used..];
            if !ended && !careful.finish() {
                return all;
            }
            all.push(record(&careful));
            if careful.after_cr() && input.first() == Some(&b'\n') {
                input = &input[1..];
            }
            if !ended || careful.lost() {
                return all;
            }
            careful.begin(delimiter, careful.line());
        }
    }

    fn good(line: u64, fields: &[&str]) -> Seen {
        (line, None, fields.iter().map(|f| (*f).to_owned()).collect())
    }

    fn bad(line: u64, flaw: Flaw, fields: &[&str]) -> Seen {
        (line, Some(flaw), fields.iter().map(|f| (*f).to_owned()).collect())
    }

    #[test]
    fn records_with_their_lines_and_flaws() {
        let table: &[(&str, &[Seen])] = &[
            ("", &[]),
            ("\n\r\n \t\n", &[]),
            ("a,b", &[good(1, &["a", "b"])]),
            ("a,b\n", &[good(1, &["a", "b"])]),
            ("a,b\r\nc,d\r\n\r\ne,f", &[good(1, &["a", "b"]), good(2, &["c", "d"]), good(4, &["e", "f"])]),
            ("a,b\rc,d\r\re,f", &[good(1, &["a", "b"]), good(2, &["c", "d"]), good(4, &["e", "f"])]),
            ("\n\n  \na,b\n\nc,d\n", &[good(4, &["a", "b"]), good(6, &["c", "d"])]),
            (",\n", &[good(1, &["", ""])]),
            ("a,", &[good(1, &["a", ""])]),
            ("\"a,\"\"b\"\"\",\" c \"\n", &[good(1, &["a,\"b\"", " c "])]),
            ("\"a\r\nb\",c\nd,e", &[good(1, &["a\r\nb", "c"]), good(3, &["d", "e"])]),
            ("\"\"\nx", &[good(1, &[""]), good(2, &["x"])]),
            ("\"\"", &[good(1, &[""])]),
            ("a,\"b", &[bad(1, Flaw::Unclosed, &["a", "b"])]),
            ("x\na,\"b\nc,d\n", &[good(1, &["x"]), bad(2, Flaw::Unclosed, &["a", "b\nc,d\n"])]),
            ("\"", &[bad(1, Flaw::Unclosed, &[""])]),
            ("a,\"b\"c,d\ne,f", &[bad(1, Flaw::StrayQuote, &["a", "bc", "d"]), good(2, &["e", "f"])]),
            ("a, \"b\"\n", &[bad(1, Flaw::StrayQuote, &["a", " \"b\""])]),
            // The lenient reading is one row of three fields; the row of y is gone without a word.
            ("a,x,\"oops\nb,y,\"fine\n", &[bad(1, Flaw::StrayQuote, &["a", "x", "oops\nb,y,fine"])]),
        ];
        for (input, expected) in table {
            for buffer in [1, 2, 3, 4096] {
                assert_eq!(&records(input.as_bytes(), b',', buffer), expected, "{input:?}, buffer {buffer}");
            }
            assert_eq!(&carefully(input.as_bytes(), b','), expected, "{input:?}, carefully");
        }
    }

    #[test]
    fn a_record_without_end_stops_the_reading() {
        let mut input = b"a,b\nc,\"".to_vec();
        input.resize(3 * MAX_BYTES, b'x');
        let seen = records(&input, b',', 4096);
        assert_eq!(seen.len(), 2);
        assert_eq!(seen.last().unwrap().1, Some(Flaw::TooLong));

        let delimiters = vec![b','; 3 * MAX_BYTES];
        assert_eq!(records(&delimiters, b',', 4096).last().unwrap().1, Some(Flaw::TooLong));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1024))]

        /// Whichever reader a record falls to, and wherever the buffer ends.
        #[test]
        fn any_bytes_are_read_as_the_careful_reader_reads_them(
            input in prop::collection::vec(prop_oneof![
                8 => prop::sample::select(b"ab,;\"\"\"\n\r \t".to_vec()),
                1 => prop::sample::select("\u{e9}\u{20ac}".as_bytes().to_vec()),
                1 => any::<u8>(),
            ], 0..200),
            delimiter in prop_oneof![prop::sample::select(b",;".to_vec()), 0..128_u8],
            buffer in 1..50_usize,
        ) {
            prop_assert_eq!(records(&input, delimiter, buffer), carefully(&input, delimiter));
        }

        /// The csv crate is the reference for what is well-formed.
        #[test]
        fn what_a_csv_writer_wrote_is_read_back(
            rows in prop::collection::vec(prop::collection::vec("[a-c ,;\"\n\r\u{e9}]{0,5}", 3), 0..12),
            delimiter in prop::sample::select(b",;\t|".to_vec()),
        ) {
            let mut writer = csv::WriterBuilder::new().delimiter(delimiter).from_writer(Vec::new());
            for row in &rows {
                writer.write_record(row).unwrap();
            }
            let seen = records(&writer.into_inner().unwrap(), delimiter, 5);
            prop_assert!(seen.iter().all(|(_, flaw, _)| flaw.is_none()));
            prop_assert_eq!(seen.into_iter().map(|(_, _, fields)| fields).collect::<Vec<_>>(), rows);
        }
    }
}
