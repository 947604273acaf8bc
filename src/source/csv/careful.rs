//! A record byte by byte: whatever a file may hold. Floor 2, pure.

use super::block::Span;
use super::record::{Flaw, MAX_BYTES};

/// Where in a record the last byte left us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    /// At the start of the record's first field.
    #[default]
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

/// A record that grows by what [`Careful::take`] is given.
#[derive(Debug, Default)]
pub(super) struct Careful {
    delimiter: u8,
    state: State,
    /// The fields, without their quotes, one behind the other.
    bytes: Vec<u8>,
    fields: Vec<Span>,
    flaw: Option<Flaw>,
    /// The line on which the record begins.
    first: u64,
    /// The line of the next byte.
    line: u64,
    after_cr: bool,
}

impl Careful {
    /// Nothing yet, on this line.
    pub(super) fn begin(&mut self, delimiter: u8, line: u64) {
        self.delimiter = delimiter;
        self.state = State::Record;
        self.line = line;
        self.after_cr = false;
        self.clear();
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.fields.clear();
        self.flaw = None;
        self.first = self.line;
    }

    /// Takes bytes up to the end of the record, or all: how many, and whether it ended.
    pub(super) fn take(&mut self, bytes: &[u8]) -> (usize, bool) {
        for (at, byte) in bytes.iter().enumerate() {
            if self.byte(*byte) {
                return (at + 1, true);
            }
            if self.bytes.len() + self.fields.len() > MAX_BYTES {
                self.flaw = Some(Flaw::TooLong);
                self.end_field();
                return (at + 1, true);
            }
        }
        (bytes.len(), false)
    }

    /// Ends the last record, which no line ending ended. False when there is none.
    pub(super) fn finish(&mut self) -> bool {
        if self.state == State::Record {
            return false;
        }
        if self.state == State::Quoted {
            self.mark(Flaw::Unclosed);
        }
        self.end_field();
        !self.is_blank()
    }

    /// What was read: the bytes of all fields, and which are whose.
    pub(super) fn record(&self) -> (&[u8], &[Span]) {
        (&self.bytes, &self.fields)
    }

    /// The line on which it begins.
    pub(super) fn first(&self) -> u64 {
        self.first
    }

    /// What makes it unfit.
    pub(super) fn flaw(&self) -> Option<Flaw> {
        self.flaw
    }

    /// It is too long: where the next record begins is not known.
    pub(super) fn lost(&self) -> bool {
        self.flaw == Some(Flaw::TooLong)
    }

    /// The line of the byte behind it.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// Its last byte is a CR; an LF behind it belongs to it.
    pub(super) fn after_cr(&self) -> bool {
        self.after_cr
    }

    /// Takes one byte; true when it ended a record.
    fn byte(&mut self, byte: u8) -> bool {
        let second_of_crlf = self.after_cr && byte == b'\n';
        self.after_cr = byte == b'\r';
        let line_end = matches!(byte, b'\n' | b'\r');
        if line_end && !second_of_crlf {
            self.line += 1;
        }
        if self.state == State::Quoted {
            self.quoted(byte);
            return false;
        }
        // The LF of a CRLF whose CR ended a blank line.
        if self.state == State::Record && second_of_crlf {
            return false;
        }
        if line_end {
            return self.end_record();
        }
        self.unquoted(byte);
        false
    }

    fn quoted(&mut self, byte: u8) {
        if byte == b'"' {
            self.state = State::Closed;
        } else {
            self.bytes.push(byte);
        }
    }

    fn unquoted(&mut self, byte: u8) {
        if byte == self.delimiter {
            self.end_field();
            self.state = State::Field;
            return;
        }
        match (self.state, byte) {
            (State::Record | State::Field, b'"') => self.state = State::Quoted,
            (State::Closed, b'"') => {
                self.bytes.push(byte);
                self.state = State::Quoted;
            }
            (state, _) => {
                if state == State::Closed || byte == b'"' {
                    self.mark(Flaw::StrayQuote);
                }
                self.bytes.push(byte);
                self.state = State::Plain;
            }
        }
    }

    /// A line ending outside quotes; false when the line was blank and the record begins anew.
    fn end_record(&mut self) -> bool {
        self.end_field();
        let blank = self.is_blank();
        self.state = State::Record;
        if blank {
            self.clear();
        }
        !blank
    }

    fn end_field(&mut self) {
        let start = self.fields.last().map_or(0, |before| before.end());
        self.fields.push(Span::new(start, self.bytes.len()));
    }

    fn mark(&mut self, flaw: Flaw) {
        self.flaw.get_or_insert(flaw);
    }

    /// Nothing but blanks, and no quotes to say that they are meant.
    fn is_blank(&self) -> bool {
        self.state != State::Closed
            && self.fields.len() == 1
            && self.flaw.is_none()
            && self.bytes.trim_ascii().is_empty()
    }
}
