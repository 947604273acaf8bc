//! How a file ends. Floor 2.

use std::io::{self, Read};

/// Notices the last byte of what is read through it.
pub(super) struct Watched<R> {
    input: R,
    last: Option<u8>,
    at_end: bool,
}

impl<R> Watched<R> {
    /// Nothing was read yet.
    pub(super) fn new(input: R) -> Self {
        Self { input, last: None, at_end: false }
    }

    /// The input was read to its end, and ends within a line.
    pub(super) fn ends_in_line(&self) -> bool {
        self.at_end && self.last.is_some_and(|byte| !matches!(byte, b'\n' | b'\r'))
    }
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(buffer)?;
        match buffer.get(..count).and_then(<[u8]>::last) {
            Some(byte) => self.last = Some(*byte),
            None => self.at_end = !buffer.is_empty(),
        }
        Ok(count)
    }
}
