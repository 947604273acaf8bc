//! A page of a search: its entries as they come. Floor 2, pure.

use super::ber;
use super::entry::Entry;
use super::fault::Fault;
use super::meter::Brought;

/// No search of a directory that this tool is for has more entries: a server that goes on is broken.
pub(super) const MOST_ENTRIES: usize = 5_000_000;

/// How a search went, for the evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Tally {
    /// Pages.
    pub(super) pages: usize,
    /// Entries.
    pub(super) entries: usize,
    /// References to other servers, which are never followed.
    pub(super) references: usize,
}

impl Tally {
    /// Adds another search's.
    pub(super) fn add(&mut self, other: Self) {
        self.pages += other.pages;
        self.entries += other.entries;
        self.references += other.references;
    }
}

/// A page of a search, as it comes.
pub(super) struct Page<'a, T> {
    what: &'a str,
    /// The number of its messages.
    number: i32,
    brought: Brought,
    tally: &'a mut Tally,
    take: T,
}

impl<'a, T: FnMut(Entry<'_>)> Page<'a, T> {
    /// A page whose messages bear this number, of the search that the tally is about.
    pub(super) fn new(what: &'a str, number: i32, tally: &'a mut Tally, take: T) -> Self {
        Self { what, number, brought: Brought::default(), tally, take }
    }

    /// What it brought so far.
    pub(super) fn brought(&self) -> Brought {
        self.brought
    }

    /// Takes in the entries of whole messages.
    pub(super) fn take_all(&mut self, mut messages: &[u8]) -> Result<(), Fault> {
        while !messages.is_empty() {
            let (_, message, behind) = ber::element(messages).ok_or_else(|| odd(self.what))?;
            messages = behind;
            let (number, content) = ber::entry(message).ok_or_else(|| odd(self.what))?;
            // What answers to nothing that was asked here is not taken for an answer.
            if number == self.number {
                self.take_one(Entry::decode(content).ok_or_else(|| odd(self.what))?)?;
            }
        }
        Ok(())
    }

    fn take_one(&mut self, entry: Entry<'_>) -> Result<(), Fault> {
        self.brought.entries += 1;
        self.tally.entries += 1;
        if self.tally.entries > MOST_ENTRIES {
            let what = self.what;
            return Err(Fault::lasting(
                format!("{what}: the server sends entries without end"),
                "have a look at the server",
            ));
        }
        (self.take)(entry);
        Ok(())
    }

    /// Counts a reference to another server.
    pub(super) fn refer(&mut self) {
        self.brought.references += 1;
        self.tally.references += 1;
    }
}

/// An answer that is no entry.
pub(super) fn odd(what: &str) -> Fault {
    Fault::lasting(format!("{what}: an entry of the answer cannot be understood"), "have a look at the server")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An entry without attributes, in message 7.
    const ENTRY: [u8; 16] = *b"\x30\x0e\x02\x01\x07\x64\x09\x04\x05dc=xy\x30\x00";

    fn taken(messages: &[u8], number: i32) -> (Result<(), String>, Vec<String>, Tally) {
        let (mut tally, mut taken) = (Tally::default(), Vec::new());
        let mut page = Page::new("reading", number, &mut tally, |entry: Entry<'_>| taken.push(entry.dn().to_owned()));
        let result = page.take_all(messages).map_err(|fault| fault.to_string());
        assert_eq!(page.brought().entries, taken.len());
        (result, taken, tally)
    }

    #[test]
    fn entries_are_taken_in_by_their_number() {
        let (result, names, tally) = taken(&[ENTRY, ENTRY].concat(), 7);
        assert_eq!((result, tally.entries), (Ok(()), 2));
        assert_eq!(names, ["dc=xy", "dc=xy"]);
        let (result, names, tally) = taken(&[ENTRY, ENTRY].concat(), 8);
        assert_eq!((result, names.len(), tally.entries), (Ok(()), 0, 0), "nobody asked for them here");
    }

    #[test]
    fn what_cannot_be_understood_is_an_error() {
        // The list of attributes is missing, a name is no text, and an element is longer than its message.
        for (at, byte) in [(8, 7), (11, 0xff), (6, 10)] {
            let mut broken = ENTRY;
            broken[at] = byte;
            let (result, names, _) = taken(&broken, 7);
            assert!(result.unwrap_err().contains("cannot be understood") && names.is_empty(), "{at}");
        }
        assert!(taken(&ENTRY[..15], 7).0.is_err());
    }
}
