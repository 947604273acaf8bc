//! A record that is one line, with its quotes, if any, around whole fields: found where it stands.
//! Floor 2, pure.

use super::record::Span;

/// What the bytes begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line {
    /// A record of so many bytes; its line ending comes behind them.
    Record(usize),
    /// A line of so many bytes, none but blanks.
    Blank(usize),
    /// Perhaps one of those: the line's end is not there yet.
    Open,
    /// Something else.
    Odd,
}

/// How a file parts its fields.
pub(super) struct Lines {
    delimiter: u8,
    /// Whether a byte ends a field without quotes: asked for every byte of a file.
    ends: [bool; 256],
}

impl Lines {
    /// Fields are parted by this byte.
    pub(super) fn new(delimiter: u8) -> Self {
        let mut ends = [false; 256];
        for byte in [delimiter, b'"', b'\n', b'\r'] {
            ends[usize::from(byte)] = true;
        }
        Self { delimiter, ends }
    }

    /// Finds the fields of the record that the bytes begin with.
    pub(super) fn read(&self, bytes: &[u8], fields: &mut Vec<Span>) -> Line {
        fields.clear();
        let mut at = 0;
        loop {
            // A delimiter counts before a quote, should they be the same.
            let quoted = bytes.get(at) == Some(&b'"') && self.delimiter != b'"';
            let start = at + usize::from(quoted);
            let rest = bytes.get(start..).unwrap_or_default();
            let length = match quoted {
                true => rest.iter().position(|byte| matches!(byte, b'"' | b'\n' | b'\r')),
                false => rest.iter().position(|byte| self.ends[usize::from(*byte)]),
            };
            let Some(length) = length else { return Line::Open };
            let end = start + length;
            // A quoted field must end in a quote, and not in a line ending.
            if quoted && bytes.get(end) != Some(&b'"') {
                return Line::Odd;
            }
            fields.push(Span { start, end });
            at = end + usize::from(quoted);
            match bytes.get(at) {
                None => return Line::Open,
                Some(b'\n' | b'\r') if fields.len() == 1 && !quoted && is_blank(bytes, at) => return Line::Blank(at),
                Some(b'\n' | b'\r') => return Line::Record(at),
                Some(byte) if *byte == self.delimiter => at += 1,
                // A quote inside the field or behind it, or text behind a quote.
                Some(_) => return Line::Odd,
            }
        }
    }
}

fn is_blank(bytes: &[u8], end: usize) -> bool {
    bytes.get(..end).unwrap_or_default().trim_ascii().is_empty()
}
