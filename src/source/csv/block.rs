//! Records and their fields, where they stand in the bytes that were read. Floor 2, pure.

use std::ops::Range;

use super::record::Flaw;

/// Where a field is in the bytes that its record was read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// From here to there, in no more bytes than `MAX_BYTES` of a record and a buffer.
    pub(super) fn new(start: usize, end: usize) -> Self {
        Self { start: start as u32, end: end as u32 }
    }

    /// Where it ends.
    pub(super) fn end(self) -> usize {
        self.end as usize
    }
}

/// Records by their fields.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Of all records, one behind the other.
    pub(super) fields: Vec<Span>,
    records: Vec<One>,
}

/// One record among others.
#[derive(Debug, Clone, Copy)]
struct One {
    /// How many fields it and those before it have.
    fields: usize,
    line: u64,
    flaw: Option<Flaw>,
}

impl Found {
    /// The fields up to here, but for those of the records before, are one that begins on this line.
    pub(super) fn record(&mut self, fields: usize, line: u64, flaw: Option<Flaw>) {
        self.records.push(One { fields, line, flaw });
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    pub(super) fn clear(&mut self) {
        self.fields.clear();
        self.records.clear();
    }
}

/// Records that were found together: as many as stood in the buffer one behind the other, or one that took care.
#[derive(Debug, Clone, Copy)]
pub struct Block<'a> {
    source: Source<'a>,
    /// Letters may begin in one field and end in another.
    is_cut: bool,
    /// Of these records, one behind the other.
    fields: &'a [Span],
    records: &'a [One],
    /// How many fields the records before these have.
    passed: usize,
}

/// What fields are read from.
#[derive(Debug, Clone, Copy)]
struct Source<'a> {
    bytes: &'a [u8],
    /// Where they begin, as fields count.
    base: usize,
    /// The same as text, where each field begins and ends between letters.
    text: Option<&'a str>,
    /// No field has anything in it but ASCII that can be seen, and blanks.
    is_plain: bool,
}

impl<'a> Source<'a> {
    #[inline]
    fn range(self, field: Span) -> Range<usize> {
        (field.start as usize).saturating_sub(self.base)..field.end().saturating_sub(self.base)
    }

    #[inline]
    fn bytes(self, field: Span) -> &'a [u8] {
        self.bytes.get(self.range(field)).unwrap_or_default()
    }

    #[inline]
    fn text(self, field: Span) -> &'a str {
        let text = match self.text {
            Some(text) => text.get(self.range(field)),
            None => std::str::from_utf8(self.bytes(field)).ok(),
        };
        text.unwrap_or_default()
    }
}

impl<'a> Block<'a> {
    /// The records found in these bytes, from this one on.
    pub(super) fn new(bytes: &'a [u8], fields: &'a [Span], found: &'a Found, first: usize, is_cut: bool) -> Self {
        let records = &found.records;
        let passed = first.checked_sub(1).and_then(|before| records.get(before)).map_or(0, |one| one.fields);
        let fields = fields.get(passed..).unwrap_or_default();
        // No more than they take: what stood before them was looked at with the records before them.
        let base = fields.first().map_or(0, |field| field.start as usize);
        let end = fields.last().map_or(base, |field| field.end());
        let bytes = bytes.get(base..end).unwrap_or_default();
        let source = Source { bytes, base, text: None, is_plain: false };
        Self { source, is_cut, fields, records: records.get(first..).unwrap_or_default(), passed }
    }

    /// Its records, in order.
    pub fn iter(self) -> impl Iterator<Item = Record<'a>> {
        let mut source = self.source;
        if !self.is_cut {
            source.text = std::str::from_utf8(source.bytes).ok();
            // No early end, so that many bytes can be asked at once.
            let shows = |byte: &u8| matches!(byte, b' '..=b'~' | b'\n' | b'\r');
            source.is_plain = source.bytes.iter().fold(true, |all, byte| all & shows(byte));
        }
        self.of(source)
    }

    /// The first of them alone.
    pub(super) fn first(self) -> Option<Record<'a>> {
        self.of(self.source).next()
    }

    fn of(self, source: Source<'a>) -> impl Iterator<Item = Record<'a>> {
        let mut before = 0;
        self.records.iter().map(move |one| {
            let end = one.fields - self.passed;
            let fields = self.fields.get(before..end).unwrap_or_default();
            before = end;
            Record { source, fields, line: one.line, flaw: one.flaw }
        })
    }
}

/// One record: its fields, unquoted, and where it begins.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    source: Source<'a>,
    fields: &'a [Span],
    line: u64,
    flaw: Option<Flaw>,
}

impl<'a> Record<'a> {
    /// Its fields, in order.
    pub fn fields(&self) -> impl Iterator<Item = &'a [u8]> {
        let source = self.source;
        self.fields.iter().map(move |field| source.bytes(*field))
    }

    /// One field.
    pub(crate) fn field(&self, index: usize) -> Option<&'a [u8]> {
        self.fields.get(index).map(|field| self.source.bytes(*field))
    }

    /// Its fields as text; none where one of them is not UTF-8.
    pub fn text(&self) -> Option<Text<'a>> {
        let is_text = self.source.text.is_some() || self.fields().all(|field| std::str::from_utf8(field).is_ok());
        is_text.then_some(Text { source: self.source, fields: self.fields })
    }

    /// How many fields it has.
    pub(crate) fn len(&self) -> usize {
        self.fields.len()
    }

    /// It is known to have nothing in it but ASCII that can be seen, and blanks.
    pub(crate) fn is_plain(&self) -> bool {
        self.source.is_plain
    }

    /// The line it begins on, counted from 1.
    pub(crate) fn line(&self) -> u64 {
        self.line
    }

    /// What makes it unfit.
    pub fn flaw(&self) -> Option<Flaw> {
        self.flaw
    }
}

/// The fields of a record, as text.
#[derive(Debug, Clone, Copy)]
pub struct Text<'a> {
    source: Source<'a>,
    fields: &'a [Span],
}

impl<'a> Text<'a> {
    /// All fields, in order.
    pub fn values(&self) -> impl Iterator<Item = &'a str> {
        let source = self.source;
        self.fields.iter().map(move |field| source.text(*field))
    }

    /// One field without the blanks around it; empty where there is no such field.
    pub(crate) fn value(&self, index: usize) -> &'a str {
        let value = self.fields.get(index).map_or("", |field| self.source.text(*field));
        match value.as_bytes() {
            // Most have none, which is seen at once.
            [first, .., last] if first.is_ascii_graphic() && last.is_ascii_graphic() => value,
            _ => value.trim(),
        }
    }
}
