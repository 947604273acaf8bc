//! Rows of all files to people and groups. Floor 2, pure.
//!
//! A person is known by id where a row gives one, else by address. The keys are `id:` and the id, or
//! `mail:` and the folded address, so that no id can be taken for an address. A row without an id
//! joins the one person with an id who has its address; where several have it, it stays a person of
//! its own, and it is not for a source to say whose the address is.

use std::collections::BTreeMap;

use crate::model::address::Address;
use crate::model::id::{DirectoryGroupKey, PersonKey};

/// So many addresses one person may have. More say that the id column does not hold ids, and that
/// everybody is about to become one person.
pub(super) const MOST_ADDRESSES: usize = 64;

const ID: &str = "id:";
const MAIL: &str = "mail:";

/// Where a row is: the file by its place in the sorted list, and the line. Ordered as read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// Index into the files.
    pub(super) file: u32,
    /// The line, counted from 1.
    pub(super) line: u64,
}

/// Numbers by key. A file of a million rows asks for one with every row.
#[expect(clippy::disallowed_types, reason = "looked into, never walked: nothing goes by its order")]
type Numbers<K> = std::collections::HashMap<K, u32>;

/// What the rows read so far say. Numbers of seats and groups are indices into `seats` and `groups`,
/// handed out as those grow and never taken back: indexing by them cannot fail.
#[derive(Debug, Default)]
pub(super) struct Roster {
    seats: Vec<Seat>,
    by_key: Numbers<PersonKey>,
    /// Seats of rows without an id by their address as it was written, where that is not its folded form.
    by_spelling: Numbers<Box<str>>,
    groups: Vec<Group>,
    by_name: Numbers<DirectoryGroupKey>,
    /// The group of the last row: mostly the next one's, too.
    latest: usize,
    /// Room for the key that is looked for.
    key: String,
}

/// Whom a row is about.
#[derive(Debug)]
pub(super) enum Who<'a> {
    /// Somebody known, with an address that is known to be theirs, or none.
    Known(u32),
    /// Somebody with an id, and maybe an address that is new to them.
    Id(&'a str, Option<Address>),
    /// Somebody without an id.
    Address(Address),
}

/// People and groups in their final order.
#[derive(Debug, Default)]
pub(super) struct Assembled {
    /// Sorted by key.
    pub(super) people: Vec<Found>,
    /// Names, sorted, each with its members: indices into `people`, sorted, each once.
    pub(super) groups: Vec<(DirectoryGroupKey, Vec<u32>)>,
    /// People whose rows contradict each other on their status.
    pub(super) contradictions: Vec<Contradiction>,
}

/// A person.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// `id:…` or `mail:…`.
    pub(super) key: PersonKey,
    /// It is `id:…`.
    pub(super) immutable: bool,
    /// In the order in which they came.
    pub(super) addresses: Vec<Address>,
    /// Some row says so. That another may say the opposite makes the source incomplete.
    pub(super) disabled: bool,
    /// The first row.
    pub(super) first: Option<Place>,
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
    /// Looks for the seat of a row by its id or address, as they stand in it. An address that is found
    /// so was parsed when it came first, and need not be parsed again.
    pub(super) fn find(&mut self, id: Option<&str>, email: &str) -> Option<u32> {
        if let Some(id) = id {
            let seat = self.look_up(ID, id)?;
            return (email.is_empty() || self.seats[seat as usize].has(email)).then_some(seat);
        }
        match self.look_up(MAIL, email) {
            Some(seat) if self.seats[seat as usize].written_folded => Some(seat),
            _ => self.by_spelling.get(email).copied(),
        }
    }

    /// The seat of a row; none, and nothing done, where its id has [`MOST_ADDRESSES`] others already.
    pub(super) fn seat(&mut self, who: Who<'_>) -> Option<u32> {
        match who {
            Who::Known(seat) => Some(seat),
            Who::Id(id, address) => {
                let seat = self.number(ID, id);
                let seen = &mut self.seats[seat as usize];
                address.is_none_or(|address| seen.add(address)).then_some(seat)
            }
            Who::Address(address) => {
                let seat = self.number(MAIL, address.key());
                if address.as_str() == address.key() {
                    self.seats[seat as usize].written_folded = true;
                } else {
                    self.by_spelling.insert(Box::from(address.as_str()), seat);
                }
                self.seats[seat as usize].add(address).then_some(seat)
            }
        }
    }

    /// Takes in the status of a row. Rows come in the order of files and lines.
    pub(super) fn status(&mut self, seat: u32, disabled: bool, at: Place) {
        let said = &mut self.seats[seat as usize].said;
        let said = if disabled { &mut said.inactive } else { &mut said.active };
        said.get_or_insert(at);
    }

    /// Takes in one membership.
    pub(super) fn member(&mut self, group: &str, seat: u32) {
        let latest = self.groups.get(self.latest).is_some_and(|latest| latest.name.as_str() == group);
        if !latest {
            self.latest = match self.by_name.get(group) {
                Some(number) => *number as usize,
                None => self.new_group(group),
            };
        }
        self.groups[self.latest].members.push(seat);
    }

    fn new_group(&mut self, name: &str) -> usize {
        let (number, name) = (self.groups.len(), DirectoryGroupKey::new(name));
        self.by_name.insert(name.clone(), index(number));
        self.groups.push(Group { name, members: Vec::new() });
        number
    }

    fn look_up(&mut self, prefix: &str, text: &str) -> Option<u32> {
        look_up(&self.by_key, &mut self.key, prefix, text)
    }

    /// The number of a key: the one that it has, else the next one, with a new seat to go with it.
    fn number(&mut self, prefix: &str, text: &str) -> u32 {
        if let Some(seat) = self.look_up(prefix, text) {
            return seat;
        }
        let (seat, key) = (index(self.seats.len()), PersonKey::new(&self.key));
        self.by_key.insert(key.clone(), seat);
        self.seats.push(Seat::new(key, prefix == ID));
        seat
    }

    /// Joins, numbers and sorts.
    pub(super) fn assemble(mut self) -> Assembled {
        let joined = self.join();
        // Nothing is looked up any more, and people are about to take room twice.
        (self.by_key, self.by_spelling) = (Numbers::default(), Numbers::default());
        let mut order: Vec<u32> = (0..index(self.seats.len())).filter(|seat| !joined.contains_key(seat)).collect();
        order.sort_unstable_by(|a, b| self.seats[*a as usize].key.cmp(&self.seats[*b as usize].key));
        let mut assembled = Assembled { people: Vec::with_capacity(order.len()), ..Assembled::default() };
        // Where each seat ends up among the people.
        let mut numbers = vec![0; self.seats.len()];
        for (number, seat) in (0..).zip(order) {
            numbers[seat as usize] = number;
            let seen = &mut self.seats[seat as usize];
            assembled.contradictions.extend(seen.said.contradiction());
            assembled.people.push(Found {
                key: seen.key.clone(),
                immutable: seen.immutable,
                addresses: std::mem::take(&mut seen.addresses),
                disabled: seen.said.inactive.is_some(),
                first: seen.said.first(),
            });
        }
        for (from, to) in &joined {
            numbers[*from as usize] = numbers[*to as usize];
        }
        assembled.contradictions.sort_unstable();
        assembled.groups = into_groups(self.groups, &numbers);
        assembled
    }

    /// Joins rows without an id to the one person with an id who has their address: from which seat
    /// to which.
    fn join(&mut self) -> BTreeMap<u32, u32> {
        let joined: BTreeMap<u32, u32> = self.owners().into_iter().filter_map(|(from, to)| Some((from, to?))).collect();
        for (from, to) in &joined {
            let guest = self.seats[*from as usize].said;
            let host = &mut self.seats[*to as usize];
            host.said = host.said.and(guest);
        }
        joined
    }

    /// Which people with an id have the address of a seat without one; none where it is several's.
    fn owners(&mut self) -> BTreeMap<u32, Option<u32>> {
        let mut owners = BTreeMap::new();
        if self.seats.iter().all(|seat| seat.immutable) {
            return owners;
        }
        for (seat, seen) in (0..).zip(&self.seats).filter(|(_, seen)| seen.immutable) {
            for address in &seen.addresses {
                if let Some(guest) = look_up(&self.by_key, &mut self.key, MAIL, address.key()) {
                    owners.entry(guest).and_modify(|owner| *owner = None).or_insert(Some(seat));
                }
            }
        }
        owners
    }
}

/// Puts a key together and looks for it.
fn look_up(keys: &Numbers<PersonKey>, key: &mut String, prefix: &str, text: &str) -> Option<u32> {
    key.clear();
    key.push_str(prefix);
    key.push_str(text);
    keys.get(key.as_str()).copied()
}

fn into_groups(mut groups: Vec<Group>, numbers: &[u32]) -> Vec<(DirectoryGroupKey, Vec<u32>)> {
    groups.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    let groups = groups.into_iter().map(|group| {
        let mut people = group.members;
        for seat in &mut people {
            *seat = numbers[*seat as usize];
        }
        people.sort_unstable();
        people.dedup();
        (group.name, people)
    });
    groups.collect()
}

/// A directory group.
#[derive(Debug)]
struct Group {
    name: DirectoryGroupKey,
    /// Seats, as they come.
    members: Vec<u32>,
}

/// What is known of a person, or of an address that may turn out to be somebody's with an id.
#[derive(Debug)]
struct Seat {
    key: PersonKey,
    /// It has an id.
    immutable: bool,
    /// Some row without an id has its address, letter by letter in the folded form.
    written_folded: bool,
    addresses: Vec<Address>,
    said: Said,
}

/// What rows say of a person's status. The place is that of the first row that says so.
#[derive(Debug, Clone, Copy, Default)]
struct Said {
    active: Option<Place>,
    inactive: Option<Place>,
}

impl Seat {
    fn new(key: PersonKey, immutable: bool) -> Self {
        Self { key, immutable, written_folded: false, addresses: Vec::new(), said: Said::default() }
    }

    /// It has the address, letter by letter.
    fn has(&self, email: &str) -> bool {
        self.addresses.iter().any(|address| address.as_str() == email)
    }

    /// False, and nothing done, where it has too many.
    fn add(&mut self, address: Address) -> bool {
        if self.addresses.contains(&address) {
            return true;
        }
        if self.addresses.len() == MOST_ADDRESSES {
            return false;
        }
        // Most have one.
        self.addresses.reserve_exact(1);
        self.addresses.push(address);
        true
    }
}

impl Said {
    /// The first row: each row says one or the other.
    fn first(self) -> Option<Place> {
        earlier(self.active, self.inactive)
    }

    /// What both say.
    fn and(self, other: Self) -> Self {
        Self { active: earlier(self.active, other.active), inactive: earlier(self.inactive, other.inactive) }
    }

    fn contradiction(self) -> Option<Contradiction> {
        let (active, inactive) = (self.active?, self.inactive?);
        Some(Contradiction { at: active.max(inactive), against: active.min(inactive), disabled: inactive > active })
    }
}

fn earlier(a: Option<Place>, b: Option<Place>) -> Option<Place> {
    a.into_iter().chain(b).min()
}

fn index(length: usize) -> u32 {
    u32::try_from(length)
        .expect("what is counted takes far more than a byte each, and 2^32 of them do not fit a machine")
}
