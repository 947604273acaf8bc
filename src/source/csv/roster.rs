//! Rows of all files, taken in. Floor 2, pure.
//!
//! A person is known by id where a row gives one, else by address. The keys are `id:` and the id, or
//! `mail:` and the folded address, so that no id can be taken for an address. A row without an id
//! joins the one person with an id who has its address; where several have it, it stays a person of
//! its own, and it is not for a source to say whose the address is.

use std::collections::BTreeMap;
use std::hint::black_box;

use crate::model::address::Parsed;
use crate::model::id::DirectoryGroupKey;

use super::index::{Hashing, Index};
use super::seat::Seat;

/// Where a row is: the file by its place in the sorted list, and the line. Ordered as read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// Index into the files.
    pub(super) file: u32,
    /// The line, counted from 1.
    pub(super) line: u64,
}

impl Place {
    /// As a person would look it up: `people.csv:12`. Files are called by `names`.
    pub(super) fn shown(self, names: &[String]) -> String {
        let mut shown = String::new();
        self.show(names, &mut shown);
        shown
    }

    /// Writes the same behind a text.
    pub(super) fn show(self, names: &[String], to: &mut String) {
        let name = names.get(self.file as usize).map_or("", String::as_str);
        let mut digits = [0; 20];
        let (mut rest, mut first) = (self.line, digits.len());
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + (rest % 10) as u8;
            (rest, first) = (rest / 10, first - 1);
            if rest == 0 {
                break;
            }
        }
        to.push_str(name);
        to.push(':');
        to.push_str(digits.get(first..).and_then(|digits| std::str::from_utf8(digits).ok()).unwrap_or_default());
    }
}

/// What the rows read so far say. Numbers of seats and groups are indices into `seats` and `groups`,
/// handed out as those grow and never taken back: indexing by them cannot fail.
#[derive(Debug, Default)]
pub(super) struct Roster {
    pub(super) seats: Vec<Seat>,
    /// The texts of all seats.
    pub(super) texts: String,
    /// Seats with an id by it.
    by_id: Index,
    /// Seats without an id by their folded address, and by the address with which they came.
    by_address: Index,
    /// Seats whose rows contradict each other: the first row that says the opposite of the very first.
    pub(super) against: BTreeMap<u32, Place>,
    pub(super) groups: Vec<DirectoryGroupKey>,
    by_name: Index,
    /// The group of the last row: mostly the next one's, too.
    latest: u32,
    /// A group and a seat each, as they come.
    pub(super) members: Vec<(u32, u32)>,
    hashing: Hashing,
}

/// What a row names its person by, as it stands there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Named<'a> {
    Id(&'a str),
    /// There is no id.
    Address(&'a str),
}

/// A look for the seat of a row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    hash: u32,
    /// Whom it found.
    seat: Option<u32>,
}

/// Whom a row is about.
#[derive(Debug)]
pub(super) enum Who<'a> {
    /// Somebody known, with an address that is known to be theirs, or none.
    Known(u32),
    /// Somebody with an id, and maybe an address that is new to them.
    Id(&'a str, Look, Option<Parsed<'a>>),
    /// Somebody without an id.
    Address(Parsed<'a>),
}

impl Roster {
    /// Looks for the seats of many rows.
    ///
    /// Almost all of the time that a look takes, it waits for memory: for a slot, then for a seat, then for its
    /// texts. So each step is made for all rows before the next one, and begins with reading something that
    /// decides nothing: where no read has to wait for what another one says, all of them wait together.
    pub(super) fn look<'a>(&self, rows: impl Iterator<Item = Option<Named<'a>>> + Clone) -> Vec<Look> {
        let hash = |named: Option<Named<'_>>| named.map_or(0, |named| self.hash(named));
        let mut looks: Vec<Look> = rows.clone().map(|named| Look { hash: hash(named), seat: None }).collect();
        black_box(
            looks
                .iter()
                .zip(rows.clone())
                .fold(0, |sum, (look, named)| sum ^ named.map_or(0, |named| self.index(named).first(look.hash))),
        );
        for (look, named) in looks.iter_mut().zip(rows.clone()) {
            look.seat = named.and_then(|named| self.index(named).find(look.hash, |_| true));
        }
        self.touch(looks.iter().filter_map(|look| look.seat));
        for (look, named) in looks.iter_mut().zip(rows) {
            look.seat = look.seat.filter(|seat| named.is_some_and(|named| self.is(*seat, named)));
        }
        looks
    }

    /// Has memory bring the seats and their texts.
    pub(super) fn touch(&self, seats: impl Iterator<Item = u32>) {
        let starts: Vec<usize> = seats.map(|seat| self.seats[seat as usize].start()).collect();
        black_box(starts.iter().fold(0, |sum, start| sum ^ self.texts.as_bytes().get(*start).copied().unwrap_or(0)));
    }

    fn hash(&self, named: Named<'_>) -> u32 {
        match named {
            Named::Id(text) | Named::Address(text) => self.hashing.hash(text),
        }
    }

    fn index(&self, named: Named<'_>) -> &Index {
        match named {
            Named::Id(_) => &self.by_id,
            Named::Address(_) => &self.by_address,
        }
    }

    /// Whether that is the name of a seat. An address that is one was parsed when it came first, and need not be
    /// parsed again.
    fn is(&self, seat: u32, named: Named<'_>) -> bool {
        let seat = &self.seats[seat as usize];
        match named {
            Named::Id(id) => seat.key(&self.texts) == id,
            Named::Address(email) => {
                seat.written(&self.texts) == email || (seat.written_folded && seat.key(&self.texts) == email)
            }
        }
    }

    /// The seat of a row by its id or address; none where its address is new to it.
    pub(super) fn find(&self, named: Named<'_>, email: &str, look: Look) -> Option<u32> {
        let seat = look.seat.or_else(|| self.index(named).find(look.hash, |seat| self.is(seat, named)))?;
        let is_whole = match named {
            Named::Id(_) => email.is_empty() || self.seats[seat as usize].has(email, &self.texts),
            Named::Address(_) => true,
        };
        is_whole.then_some(seat)
    }

    /// Takes in what a row says of its person's status, and gives the seat; none, and nothing done, where its id
    /// has [`super::seat::MOST_ADDRESSES`] others already. Rows come in the order of files and lines.
    pub(super) fn seat(&mut self, who: Who<'_>, disabled: bool, at: Place) -> Option<u32> {
        let seat = match who {
            Who::Known(seat) => seat,
            Who::Id(id, look, address) => match self.by_id.find(look.hash, |seat| self.is(seat, Named::Id(id))) {
                Some(seat) => {
                    let is_room = address.is_none_or(|address| self.seats[seat as usize].add(address, &self.texts));
                    is_room.then_some(seat)?
                }
                None => {
                    let new = Seat::with_id(&mut self.texts, id, address.as_ref(), (disabled, at));
                    let seat = self.new_seat(new);
                    self.by_id.add(look.hash, seat);
                    seat
                }
            },
            Who::Address(address) => self.seat_of_address(&address, disabled, at),
        };
        let seen = &mut self.seats[seat as usize];
        if seen.disabled != disabled && !seen.contradicted {
            seen.contradicted = true;
            self.against.insert(seat, at);
        }
        Some(seat)
    }

    fn seat_of_address(&mut self, address: &Parsed<'_>, disabled: bool, at: Place) -> u32 {
        let hash = self.hashing.hash(address.key());
        let is_folded = address.as_str() == address.key();
        let seat = match self.without_id(hash, address.key()) {
            Some(seat) => seat,
            None => {
                let new = Seat::without_id(&mut self.texts, address, (disabled, at));
                let seat = self.new_seat(new);
                self.by_address.add(hash, seat);
                if !is_folded {
                    self.by_address.add(self.hashing.hash(address.as_str()), seat);
                }
                seat
            }
        };
        self.seats[seat as usize].written_folded |= is_folded;
        seat
    }

    fn without_id(&self, hash: u32, key: &str) -> Option<u32> {
        self.by_address.find(hash, |seat| self.seats[seat as usize].key(&self.texts) == key)
    }

    fn new_seat(&mut self, new: Seat) -> u32 {
        let seat = index(self.seats.len());
        self.seats.push(new);
        seat
    }

    /// Takes in one membership.
    pub(super) fn member(&mut self, group: &str, seat: u32) {
        if self.groups.get(self.latest as usize).is_none_or(|latest| latest.as_str() != group) {
            let hash = self.hashing.hash(group);
            let known = self.by_name.find(hash, |at| self.groups[at as usize].as_str() == group);
            self.latest = known.unwrap_or_else(|| {
                let number = index(self.groups.len());
                self.groups.push(DirectoryGroupKey::new(group));
                self.by_name.add(hash, number);
                number
            });
        }
        self.members.push((self.latest, seat));
    }

    /// How many people with an id have more addresses than one, and where the first of them is; none where
    /// nobody does.
    pub(super) fn of_several_addresses(&self) -> Option<(usize, Place)> {
        let several = |seat: &&Seat| seat.immutable && seat.addresses(&self.texts).nth(1).is_some();
        self.seats.iter().filter(several).map(|seat| seat.first).fold(None, |all, at| match all {
            Some((count, first)) => Some((count + 1, at.min(first))),
            None => Some((1, at)),
        })
    }

    /// Nothing is looked up by name any more.
    pub(super) fn forget_names(&mut self) {
        (self.by_id, self.by_address, self.by_name) = Default::default();
    }

    /// Which people with an id have the address of a seat without one; none where it is several's.
    pub(super) fn owners(&self) -> BTreeMap<u32, Option<u32>> {
        let mut owners = BTreeMap::new();
        if self.seats.iter().all(|seat| seat.immutable) {
            return owners;
        }
        for (seat, seen) in (0..).zip(&self.seats).filter(|(_, seen)| seen.immutable) {
            for address in seen.addresses(&self.texts) {
                if let Some(guest) = self.without_id(self.hashing.hash(address), address) {
                    owners.entry(guest).and_modify(|owner| *owner = None).or_insert(Some(seat));
                }
            }
        }
        owners
    }
}

/// A place in a list as a number.
pub(super) fn index(length: usize) -> u32 {
    u32::try_from(length)
        .expect("what is counted takes far more than a byte each, and 2^32 of them do not fit a machine")
}
