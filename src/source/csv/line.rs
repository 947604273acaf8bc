//! Records that are one line each, with their quotes, if any, around whole fields: found where they stand.
//! Floor 2, pure.

use super::block::{Found, Span};

/// So many bytes are asked at a time whether they are marks: one bit each.
const ASKED: usize = 64;

/// What plain records end at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// The next line's end is not there yet.
    Open,
    /// The next record is something else.
    Odd,
}

/// Where in a file the next record begins.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor {
    /// In the buffer.
    pub(super) at: usize,
    /// Its line, counted from 1.
    pub(super) line: u64,
    /// The byte before was a CR that ended a line: an LF belongs to it.
    pub(super) after_cr: bool,
}

/// The bytes of a buffer that part fields or records, found all at once: a field is then what stands between
/// two of them, and no other byte needs to be looked at one by one.
pub(super) struct Lines {
    delimiter: u8,
    /// Where they are, in order.
    marks: Vec<u32>,
    /// The first of them that was not used yet.
    next: usize,
}

impl Lines {
    /// Fields are parted by this byte.
    pub(super) fn new(delimiter: u8) -> Self {
        Self { delimiter, marks: Vec::new(), next: 0 }
    }

    /// Takes in what a buffer holds now.
    pub(super) fn look(&mut self, bytes: &[u8]) {
        self.marks.clear();
        self.next = 0;
        let mut base = 0;
        for bytes in bytes.chunks(ASKED) {
            let mut marks = self.marks_of(bytes);
            while marks != 0 {
                self.marks.push(base + marks.trailing_zeros());
                marks &= marks - 1;
            }
            base += ASKED as u32;
        }
    }

    /// A bit for each byte, the lowest for the first: whether it is a mark.
    fn marks_of(&self, bytes: &[u8]) -> u64 {
        let mut are = [0; ASKED];
        for (is, byte) in are.iter_mut().zip(bytes) {
            // All four are asked of every byte, so that many bytes can be asked at once.
            let is_mark = (*byte == self.delimiter) | (*byte == b'"') | (*byte == b'\n') | (*byte == b'\r');
            *is = u8::from(is_mark);
        }
        let (eights, _) = are.as_chunks::<8>();
        // Eight bytes that are 0 or 1 each: this product has them side by side in its highest byte.
        let gathered = |eight: &[u8; 8]| u64::from_le_bytes(*eight).wrapping_mul(0x0102_0408_1020_4080) >> 56;
        eights.iter().rev().fold(0, |bits, eight| bits << 8 | gathered(eight))
    }

    /// Reads records off the bytes that were looked at, from the cursor to where it stops.
    pub(super) fn read(&mut self, bytes: &[u8], cursor: &mut Cursor, found: &mut Found) -> Stop {
        loop {
            if cursor.after_cr
                && let Some(first) = bytes.get(cursor.at)
            {
                cursor.at += usize::from(*first == b'\n');
                cursor.after_cr = false;
            }
            while self.marks.get(self.next).is_some_and(|mark| (*mark as usize) < cursor.at) {
                self.next += 1;
            }
            let before = found.fields.len();
            let end = match self.fields(bytes, cursor.at, &mut found.fields) {
                Ok(end) => end,
                Err(stop) => {
                    found.fields.truncate(before);
                    return stop;
                }
            };
            // A blank line: quotes would say that blanks are meant, and begin its one field further on.
            let line = bytes.get(cursor.at..end).unwrap_or_default();
            if found.fields.len() == before + 1 && line.trim_ascii().is_empty() {
                found.fields.truncate(before);
            } else {
                found.record(found.fields.len(), cursor.line, None);
            }
            cursor.after_cr = bytes.get(end) == Some(&b'\r');
            cursor.at = end + 1;
            cursor.line += 1;
        }
    }

    /// The fields of the record that begins here, and where its line ends.
    fn fields(&mut self, bytes: &[u8], mut at: usize, fields: &mut Vec<Span>) -> Result<usize, Stop> {
        let mut next = self.next;
        loop {
            let (mut mark, mut byte) = self.mark(bytes, &mut next)?;
            // A delimiter counts before a quote, should they be the same.
            if byte == b'"' && self.delimiter != b'"' {
                if mark != at {
                    return Err(Stop::Odd);
                }
                let close = self.closing(bytes, &mut next)?;
                fields.push(Span::new(at + 1, close));
                if close + 1 == bytes.len() {
                    return Err(Stop::Open);
                }
                (mark, byte) = self.mark(bytes, &mut next)?;
                // Text behind the quote, or another one.
                if mark != close + 1 || byte == b'"' {
                    return Err(Stop::Odd);
                }
            } else {
                fields.push(Span::new(at, mark));
            }
            if matches!(byte, b'\n' | b'\r') {
                self.next = next;
                return Ok(mark);
            }
            at = mark + 1;
        }
    }

    /// The quote that ends a quoted field. Line endings inside are for the careful reader.
    fn closing(&self, bytes: &[u8], next: &mut usize) -> Result<usize, Stop> {
        loop {
            match self.mark(bytes, next)? {
                (mark, b'"') => return Ok(mark),
                (_, b'\n' | b'\r') => return Err(Stop::Odd),
                _ => {}
            }
        }
    }

    /// The next mark: where it is, and which.
    fn mark(&self, bytes: &[u8], next: &mut usize) -> Result<(usize, u8), Stop> {
        let mark = *self.marks.get(*next).ok_or(Stop::Open)? as usize;
        *next += 1;
        Ok((mark, *bytes.get(mark).ok_or(Stop::Open)?))
    }
}
