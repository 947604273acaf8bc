//! Bytes to records by RFC 4180, strictly, with the line that each record begins on. Floor 2, pure.
//!
//! The csv crate is lenient where a source of removals must not be: text behind a closing quote
//! becomes part of the field, a quote that the end of the file leaves open counts as closed, and
//! either can swallow whole rows without a word; whoever was in them would look gone. Here each is a
//! [`Flaw`] of the record. For what is well-formed that crate is the reference (see the tests). Lines
//! end in LF, CRLF or CR, and are counted so.

use std::io::{self, BufRead};

/// A record may have this many bytes. A quote that is never closed reads the rest of the file as one
/// field, which must not take the memory that the file does.
const MAX_BYTES: usize = 1 << 20;

/// What makes a record unfit, whatever its fields say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Flaw {
    /// The end of the file came inside quotes.
    #[error("a quote is opened and not closed before the end of the file")]
    Unclosed,
    /// A quote inside a field that does not begin with one, or text behind a closing quote.
    #[error("a quote inside a field without quotes, or text beside a quoted field")]
    StrayQuote,
    /// More than [`MAX_BYTES`]; what follows in the file was not read.
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

/// One record: its fields, unquoted, and where it begins.
#[derive(Debug, Default)]
pub(crate) struct Record {
    bytes: Vec<u8>,
    /// Where each field ends in `bytes`.
    ends: Vec<usize>,
    line: u64,
    flaw: Option<Flaw>,
}

impl Record {
    /// Its fields, in order.
    pub(crate) fn fields(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| self.bytes.get(start..*end).unwrap_or_default())
    }

    /// One field.
    pub(crate) fn field(&self, index: usize) -> Option<&[u8]> {
        let end = *self.ends.get(index)?;
        let start = match index.checked_sub(1) {
            Some(before) => *self.ends.get(before)?,
            None => 0,
        };
        self.bytes.get(start..end)
    }

    /// How many fields it has.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The line it begins on, counted from 1.
    pub(crate) fn line(&self) -> u64 {
        self.line
    }

    /// What makes it unfit.
    pub(crate) fn flaw(&self) -> Option<Flaw> {
        self.flaw
    }

    fn begin(&mut self, line: u64) {
        self.bytes.clear();
        self.ends.clear();
        self.line = line;
        self.flaw = None;
    }

    fn end_field(&mut self) {
        self.ends.push(self.bytes.len());
    }

    fn mark(&mut self, flaw: Flaw) {
        self.flaw.get_or_insert(flaw);
    }
}

/// Where in a record the last byte left us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// At the start of the record's first field.
    Record,
    /// At the start of a field.
    Field,
    /// In a field without quotes.
    Plain,
    /// Inside quotes.
    Quoted,
    /// Behind a quote inside quotes: it ends the field, or the next byte makes it a doubled one.
    Closed,
}

/// The records of some input, one after the other.
pub(crate) struct Records<R> {
    input: R,
    delimiter: u8,
    state: State,
    /// The line of the next byte.
    line: u64,
    after_cr: bool,
    finished: bool,
}

impl<R: BufRead> Records<R> {
    /// Begins at line 1.
    pub(crate) fn new(input: R, delimiter: u8) -> Self {
        Self { input, delimiter, state: State::Record, line: 1, after_cr: false, finished: false }
    }

    /// Reads the next record that is not a blank line; false at the end of the input.
    pub(crate) fn next(&mut self, record: &mut Record) -> io::Result<bool> {
        record.begin(self.line);
        while !self.finished {
            let chunk = match self.input.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if chunk.is_empty() {
                self.finished = true;
                return Ok(finish(self.state, record));
            }
            let mut scan = Scan {
                delimiter: self.delimiter,
                state: &mut self.state,
                line: &mut self.line,
                after_cr: &mut self.after_cr,
            };
            let (used, ended) = scan.chunk(chunk, record);
            self.input.consume(used);
            self.finished = record.flaw == Some(Flaw::TooLong);
            if ended {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Ends the last record, which no line ending ended. False when there is none.
fn finish(state: State, record: &mut Record) -> bool {
    if state == State::Record {
        return false;
    }
    if state == State::Quoted {
        record.mark(Flaw::Unclosed);
    }
    record.end_field();
    !is_blank(state, record)
}

/// Nothing but blanks, and no quotes to say that they are meant.
fn is_blank(state: State, record: &Record) -> bool {
    state != State::Closed && record.ends.len() == 1 && record.flaw.is_none() && record.bytes.trim_ascii().is_empty()
}

/// The part of [`Records`] that changes while a chunk of its buffer is borrowed.
struct Scan<'a> {
    delimiter: u8,
    state: &'a mut State,
    line: &'a mut u64,
    after_cr: &'a mut bool,
}

impl Scan<'_> {
    /// Takes bytes up to the end of the record or of the chunk: how many, and whether it ended.
    fn chunk(&mut self, chunk: &[u8], record: &mut Record) -> (usize, bool) {
        for (at, byte) in chunk.iter().enumerate() {
            if self.byte(*byte, record) {
                return (at + 1, true);
            }
            if record.bytes.len() + record.ends.len() > MAX_BYTES {
                record.flaw = Some(Flaw::TooLong);
                record.end_field();
                return (at + 1, true);
            }
        }
        (chunk.len(), false)
    }

    /// Takes one byte; true when it ended a record.
    fn byte(&mut self, byte: u8, record: &mut Record) -> bool {
        let second_of_crlf = *self.after_cr && byte == b'\n';
        *self.after_cr = byte == b'\r';
        let line_end = matches!(byte, b'\n' | b'\r');
        if line_end && !second_of_crlf {
            *self.line += 1;
        }
        if *self.state == State::Quoted {
            self.quoted(byte, record);
            return false;
        }
        // The LF of a CRLF whose CR ended a record.
        if *self.state == State::Record && second_of_crlf {
            return false;
        }
        if line_end {
            return self.end_record(record);
        }
        self.unquoted(byte, record);
        false
    }

    fn quoted(&mut self, byte: u8, record: &mut Record) {
        if byte == b'"' {
            *self.state = State::Closed;
        } else {
            record.bytes.push(byte);
        }
    }

    fn unquoted(&mut self, byte: u8, record: &mut Record) {
        if byte == self.delimiter {
            record.end_field();
            *self.state = State::Field;
            return;
        }
        match (*self.state, byte) {
            (State::Record | State::Field, b'"') => *self.state = State::Quoted,
            (State::Closed, b'"') => {
                record.bytes.push(byte);
                *self.state = State::Quoted;
            }
            (state, _) => {
                if state == State::Closed || byte == b'"' {
                    record.mark(Flaw::StrayQuote);
                }
                record.bytes.push(byte);
                *self.state = State::Plain;
            }
        }
    }

    /// A line ending outside quotes; false when the line was blank and the record begins anew.
    fn end_record(&mut self, record: &mut Record) -> bool {
        record.end_field();
        let blank = is_blank(*self.state, record);
        *self.state = State::Record;
        if blank {
            record.begin(*self.line);
        }
        !blank
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Seen = (u64, Option<Flaw>, Vec<String>);

    /// All records, read through a buffer of the given size, since states must survive its edges.
    fn records(input: &[u8], delimiter: u8, buffer: usize) -> Vec<Seen> {
        let mut records = Records::new(io::BufReader::with_capacity(buffer, input), delimiter);
        let mut record = Record::default();
        let mut seen = Vec::new();
        while records.next(&mut record).unwrap() {
            let fields: Vec<_> = record.fields().map(|f| String::from_utf8_lossy(f).into_owned()).collect();
            assert_eq!(record.len(), fields.len());
            for (index, field) in fields.iter().enumerate() {
                assert_eq!(&String::from_utf8_lossy(record.field(index).unwrap()), field);
            }
            seen.push((record.line(), record.flaw(), fields));
        }
        assert!(!records.next(&mut record).unwrap(), "the end stays the end");
        seen
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
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn random_bytes_are_read_to_the_end(
            input in prop::collection::vec(prop_oneof![
                4 => prop::sample::select(b"ab,;\"\"\"\n\r \t".to_vec()),
                1 => any::<u8>(),
            ], 0..200),
            delimiter in any::<u8>(),
        ) {
            prop_assert_eq!(records(&input, delimiter, 7), records(&input, delimiter, 4096));
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
