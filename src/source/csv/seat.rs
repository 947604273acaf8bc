//! What is known of a person while files are read. Floor 2, pure.

use crate::model::address::{Address, Parsed};
use crate::model::piece::Piece;

use super::roster::Place;

/// So many addresses one person may have. More say that the id column does not hold ids, and that
/// everybody is about to become one person.
pub(super) const MOST_ADDRESSES: usize = 64;

/// A person, or an address that may turn out to be that of somebody with an id.
#[derive(Debug)]
pub(super) struct Seat {
    /// Where its texts begin among those of all seats: its key without what tells ids from addresses, then the
    /// address with which it came, if any, as it is written, then its folded form if that is neither of both.
    start: usize,
    /// How long each of them is. No record has more than a MiB.
    key: u32,
    written: u32,
    folded: u32,
    /// It has an id.
    pub(super) immutable: bool,
    /// Some row without an id has its address, letter by letter in the folded form.
    pub(super) written_folded: bool,
    /// What the first row says.
    pub(super) disabled: bool,
    /// Some later row says the opposite.
    pub(super) contradicted: bool,
    pub(super) first: Place,
    /// Addresses that came later. Most people have one address, and there are very many people.
    #[expect(clippy::box_collection, reason = "one word a seat instead of three")]
    more: Option<Box<Vec<Address>>>,
}

impl Seat {
    /// Somebody new with an id.
    pub(super) fn with_id(texts: &mut String, id: &str, address: Option<&Parsed<'_>>, said: (bool, Place)) -> Self {
        let written = address.map_or("", Parsed::as_str);
        let folded = address.map(Parsed::key).filter(|key| *key != written);
        Self::new(texts, [id, written, folded.unwrap_or_default()], true, said)
    }

    /// Somebody new without one.
    pub(super) fn without_id(texts: &mut String, address: &Parsed<'_>, said: (bool, Place)) -> Self {
        Self::new(texts, [address.key(), address.as_str(), ""], false, said)
    }

    fn new(texts: &mut String, own: [&str; 3], immutable: bool, (disabled, first): (bool, Place)) -> Self {
        let start = texts.len();
        own.iter().for_each(|text| texts.push_str(text));
        let [key, written, folded] = own.map(|text| text.len() as u32);
        let (written_folded, contradicted, more) = (false, false, None);
        Self { start, key, written, folded, immutable, written_folded, disabled, contradicted, first, more }
    }

    /// Where its texts begin.
    pub(super) fn start(&self) -> usize {
        self.start
    }

    /// The id, or the folded address.
    pub(super) fn key<'t>(&self, texts: &'t str) -> &'t str {
        part(texts, self.start, self.key)
    }

    /// The address with which it came, as it is written; empty where there is none.
    pub(super) fn written<'t>(&self, texts: &'t str) -> &'t str {
        part(texts, self.start + self.key as usize, self.written)
    }

    fn folded<'t>(&self, texts: &'t str) -> &'t str {
        match (self.immutable, self.folded) {
            (false, _) => self.key(texts),
            (true, 0) => self.written(texts),
            (true, length) => part(texts, self.start + self.key as usize + self.written as usize, length),
        }
    }

    /// It has the address, letter by letter.
    pub(super) fn has(&self, email: &str, texts: &str) -> bool {
        self.written(texts) == email || self.more().iter().any(|address| address.as_str() == email)
    }

    /// Folded forms of its addresses.
    pub(super) fn addresses<'a>(&'a self, texts: &'a str) -> impl Iterator<Item = &'a str> {
        let first = (self.written > 0).then(|| self.folded(texts));
        first.into_iter().chain(self.more().iter().map(Address::key))
    }

    fn more(&self) -> &[Address] {
        self.more.as_ref().map_or(&[], |more| more)
    }

    /// False, and nothing done, where it has too many.
    pub(super) fn add(&mut self, address: Parsed<'_>, texts: &str) -> bool {
        if self.addresses(texts).any(|other| other == address.key()) {
            return true;
        }
        if self.addresses(texts).count() == MOST_ADDRESSES {
            return false;
        }
        self.more.get_or_insert_default().push(Address::from(address));
        true
    }

    /// Its addresses, in the order in which they came; `written`: the text of the first of them, where it has come to lie.
    pub(super) fn all_addresses(&self, written: Piece, texts: &str) -> Vec<Address> {
        let first = (self.written > 0).then(|| Address::again(written, self.folded(texts)));
        let mut all = Vec::with_capacity(usize::from(first.is_some()) + self.more().len());
        all.extend(first);
        all.extend_from_slice(self.more());
        all
    }
}

fn part(texts: &str, start: usize, length: u32) -> &str {
    texts.get(start..start + length as usize).unwrap_or_default()
}
