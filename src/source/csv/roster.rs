//! Rows of all files to people and groups. Floor 2, pure.
//!
//! A person is known by id where a row gives one, else by address. The keys are `id:` and the id, or
//! `mail:` and the folded address, so that no id can be taken for an address. A row without an id
//! joins the one person with an id who has its address; where several have it, it stays a person of
//! its own, and it is not for a source to say whose the address is.

use std::collections::BTreeMap;

use crate::model::address::Address;

use super::row::Row;

/// So many addresses one person may have. More say that the id column does not hold ids, and that
/// everybody is about to become one person.
pub(super) const MOST_ADDRESSES: usize = 64;

/// Where a row is: the file by its place in the sorted list, and the line. Ordered as read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// Index into the files.
    pub(super) file: u32,
    /// The line, counted from 1.
    pub(super) line: u64,
}

/// What the rows read so far say. Numbers of seats and groups are indices into `seats` and `members`,
/// handed out as those grow and never taken back: indexing by them cannot fail.
#[derive(Debug, Default)]
pub(super) struct Roster {
    seats: Vec<Seat>,
    by_id: BTreeMap<Box<str>, u32>,
    by_mail: BTreeMap<Box<str>, u32>,
    groups: BTreeMap<Box<str>, u32>,
    /// Seats by group, as they come.
    members: Vec<Vec<u32>>,
}

/// People and groups in their final order.
#[derive(Debug, Default)]
pub(super) struct Assembled {
    /// Sorted by key.
    pub(super) people: Vec<Found>,
    /// Names, sorted, each with its members: indices into `people`, sorted, each once.
    pub(super) groups: Vec<(Box<str>, Vec<u32>)>,
    /// People whose rows contradict each other on their status.
    pub(super) contradictions: Vec<Contradiction>,
}

/// A person.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// `id:…` or `mail:…`.
    pub(super) key: String,
    /// It is `id:…`.
    pub(super) immutable: bool,
    /// In the order in which they came.
    pub(super) addresses: Vec<Address>,
    /// Some row says so. That another may say the opposite makes the source incomplete.
    pub(super) disabled: bool,
    /// The first row.
    pub(super) first: Place,
}

/// Somebody is active on one row and inactive on another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Contradiction {
    /// The later of the two rows.
    pub(super) at: Place,
    /// The earlier one.
    pub(super) against: Place,
    /// What the later one says.
    pub(super) disabled: bool,
}

impl Roster {
    /// Takes in one row. Rows come in the order of files and lines. False, and nothing taken in, when
    /// its id has [`MOST_ADDRESSES`] others already.
    pub(super) fn add(&mut self, row: Row<'_>, at: Place) -> bool {
        let seat = match (row.id, &row.address) {
            (Some(id), _) => number(&mut self.by_id, id, &mut self.seats, || Seat::new(at)),
            (None, Some(address)) => number(&mut self.by_mail, address.key(), &mut self.seats, || Seat::new(at)),
            // The decoder refuses a row that names nobody.
            (None, None) => return true,
        };
        if !self.seats[seat as usize].take_in(row.address, row.disabled, at) {
            return false;
        }
        for group in row.groups {
            let group = number(&mut self.groups, group, &mut self.members, Vec::new);
            self.members[group as usize].push(seat);
        }
        true
    }

    /// Joins, numbers and sorts.
    pub(super) fn assemble(mut self) -> Assembled {
        let joined = self.join();
        let mut assembled = Assembled::default();
        // Where each seat ends up among the people: `id:` sorts before `mail:`, and both maps are sorted.
        let mut numbers = vec![0; self.seats.len()];
        for (prefix, map) in [("id:", &self.by_id), ("mail:", &self.by_mail)] {
            for (key, seat) in map.iter().filter(|(_, seat)| !joined.contains_key(seat)) {
                let seen = &mut self.seats[*seat as usize];
                numbers[*seat as usize] = index(assembled.people.len());
                assembled.contradictions.extend(seen.contradiction());
                assembled.people.push(Found {
                    key: format!("{prefix}{key}"),
                    immutable: prefix == "id:",
                    addresses: std::mem::take(&mut seen.addresses),
                    disabled: seen.inactive.is_some(),
                    first: seen.first,
                });
            }
        }
        for (from, to) in &joined {
            numbers[*from as usize] = numbers[*to as usize];
        }
        assembled.contradictions.sort_unstable();
        assembled.groups = self.into_groups(&numbers);
        assembled
    }

    /// Joins rows without an id to the one person with an id who has their address: from which seat
    /// to which.
    fn join(&mut self) -> BTreeMap<u32, u32> {
        let owners = self.owners();
        let owner = |key| owners.get(key).copied().flatten();
        let joined: BTreeMap<u32, u32> =
            self.by_mail.iter().filter_map(|(key, from)| Some((*from, owner(&**key)?))).collect();
        for (from, to) in &joined {
            let guest = self.seats[*from as usize].clone();
            self.seats[*to as usize].join(&guest);
        }
        joined
    }

    /// Whose seat an address belongs to among the people with an id; none where it is several's.
    fn owners(&self) -> BTreeMap<&str, Option<u32>> {
        let mut owners = BTreeMap::new();
        for seat in self.by_id.values() {
            for address in &self.seats[*seat as usize].addresses {
                let owner = owners.entry(address.key());
                owner.and_modify(|owner| *owner = None).or_insert(Some(*seat));
            }
        }
        owners
    }

    fn into_groups(mut self, numbers: &[u32]) -> Vec<(Box<str>, Vec<u32>)> {
        let groups = self.groups.into_iter().map(|(name, group)| {
            let mut people = std::mem::take(&mut self.members[group as usize]);
            for seat in &mut people {
                *seat = numbers[*seat as usize];
            }
            people.sort_unstable();
            people.dedup();
            (name, people)
        });
        groups.collect()
    }
}

/// The number of a key: the one that it has, else the next one, with a new item to go with it.
fn number<T>(known: &mut BTreeMap<Box<str>, u32>, key: &str, items: &mut Vec<T>, new: impl FnOnce() -> T) -> u32 {
    if let Some(number) = known.get(key) {
        return *number;
    }
    let number = index(items.len());
    known.insert(Box::from(key), number);
    items.push(new());
    number
}

/// What is known of a person, or of an address that may turn out to be somebody's with an id.
#[derive(Debug, Clone)]
struct Seat {
    addresses: Vec<Address>,
    first: Place,
    /// The first row that says so.
    active: Option<Place>,
    /// The first row that says so.
    inactive: Option<Place>,
}

impl Seat {
    fn new(first: Place) -> Self {
        Self { addresses: Vec::new(), first, active: None, inactive: None }
    }

    fn take_in(&mut self, address: Option<Address>, disabled: bool, at: Place) -> bool {
        if let Some(address) = address.filter(|address| !self.addresses.contains(address)) {
            if self.addresses.len() == MOST_ADDRESSES {
                return false;
            }
            self.addresses.push(address);
        }
        let seen = if disabled { &mut self.inactive } else { &mut self.active };
        seen.get_or_insert(at);
        true
    }

    /// Takes over what rows without an id say. Their address is among the host's already.
    fn join(&mut self, guest: &Self) {
        let earlier = |a: Option<Place>, b: Option<Place>| a.into_iter().chain(b).min();
        self.first = self.first.min(guest.first);
        self.active = earlier(self.active, guest.active);
        self.inactive = earlier(self.inactive, guest.inactive);
    }

    fn contradiction(&self) -> Option<Contradiction> {
        let (active, inactive) = (self.active?, self.inactive?);
        Some(Contradiction { at: active.max(inactive), against: active.min(inactive), disabled: inactive > active })
    }
}

fn index(length: usize) -> u32 {
    u32::try_from(length)
        .expect("what is counted takes far more than a byte each, and 2^32 of them do not fit a machine")
}
