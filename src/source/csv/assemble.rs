//! What all rows said, as people and groups in their final order. Floor 2, pure.

use std::collections::BTreeMap;
use std::sync::mpsc;

use crate::model::directory::Person;
use crate::model::id::DirectoryGroupKey;
use crate::model::piece::Piece;

use super::roster::{Place, Roster};
use super::seat::Seat;

/// People and groups in their final order.
#[derive(Debug, Default)]
pub(super) struct Assembled {
    /// Sorted by key.
    pub(super) people: Vec<Person>,
    /// Names, sorted, each with its members: indices into `people`, sorted, each once.
    pub(super) groups: Vec<(DirectoryGroupKey, Vec<u32>)>,
    /// People whose rows contradict each other on their status.
    pub(super) contradictions: Vec<Contradiction>,
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

/// What rows say of a person's status. The place is that of the first row that says so.
#[derive(Debug, Clone, Copy)]
struct Said {
    active: Option<Place>,
    inactive: Option<Place>,
}

impl Said {
    fn of(roster: &Roster, number: u32, seat: &Seat) -> Self {
        let against = if seat.contradicted { roster.against.get(&number).copied() } else { None };
        match seat.disabled {
            true => Self { active: against, inactive: Some(seat.first) },
            false => Self { active: Some(seat.first), inactive: against },
        }
    }

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

/// Rows without an id that are of people with one.
struct Joined {
    /// From which seat to which.
    seats: BTreeMap<u32, u32>,
    /// What the rows of both say, by the seat that stays.
    said: BTreeMap<u32, Said>,
}

impl Joined {
    fn new(roster: &Roster) -> Self {
        let seats: BTreeMap<u32, u32> =
            roster.owners().into_iter().filter_map(|(from, to)| Some((from, to?))).collect();
        let mut said = BTreeMap::new();
        for (from, to) in &seats {
            let of = |seat: u32| Said::of(roster, seat, &roster.seats[seat as usize]);
            let both = said.entry(*to).or_insert_with(|| of(*to));
            *both = both.and(of(*from));
        }
        Self { seats, said }
    }

    fn said(&self, roster: &Roster, number: u32) -> Said {
        let own = || Said::of(roster, number, &roster.seats[number as usize]);
        // Mostly there is nobody.
        let both = if self.said.is_empty() { None } else { self.said.get(&number).copied() };
        both.unwrap_or_else(own)
    }

    fn contradictions(&self, roster: &Roster) -> Vec<Contradiction> {
        let own = roster.against.keys().filter(|seat| !self.seats.contains_key(seat) && !self.said.contains_key(seat));
        let all = self.said.keys().chain(own).filter_map(|seat| self.said(roster, *seat).contradiction());
        let mut all: Vec<Contradiction> = all.collect();
        all.sort_unstable();
        all
    }
}

/// A seat with what decides of its place among the others.
#[derive(Debug, Clone, Copy)]
struct Placed {
    /// People with an id come first.
    is_address: bool,
    /// The first bytes of the key, which most often decide.
    lead: u64,
    seat: u32,
}

impl Roster {
    /// Joins, numbers and sorts. Files are called by `names`.
    pub(super) fn assemble(mut self, names: &[String]) -> Assembled {
        let joined = Joined::new(&self);
        self.forget_names();
        let order = self.order(&joined);
        // Where each seat ends up among the people.
        let mut numbers = vec![0; self.seats.len()];
        for (number, seat) in (0..).zip(&order) {
            numbers[*seat as usize] = number;
        }
        for (from, to) in &joined.seats {
            numbers[*from as usize] = numbers[*to as usize];
        }
        let (groups, members) = (std::mem::take(&mut self.groups), std::mem::take(&mut self.members));
        let contradictions = joined.contradictions(&self);
        let (groups, people) =
            beside(move || in_order(groups, members, &numbers), || self.people(&order, &joined, names));
        Assembled { people, groups, contradictions }
    }

    /// Seats of people, in the order of their keys.
    fn order(&self, joined: &Joined) -> Vec<u32> {
        let placed = |(number, seat): (u32, &Seat)| {
            let key = seat.key(&self.texts).as_bytes();
            let mut lead = [0; 8];
            lead.iter_mut().zip(key).for_each(|(lead, byte)| *lead = *byte);
            Placed { is_address: !seat.immutable, lead: u64::from_be_bytes(lead), seat: number }
        };
        let stays = |(number, _): &(u32, &Seat)| joined.seats.is_empty() || !joined.seats.contains_key(number);
        let mut order: Vec<Placed> = (0..).zip(&self.seats).filter(stays).map(placed).collect();
        let key = |placed: &Placed| self.seats[placed.seat as usize].key(&self.texts);
        order.sort_unstable_by(|a, b| {
            let leads = (a.is_address, a.lead).cmp(&(b.is_address, b.lead));
            leads.then_with(|| key(a).cmp(key(b)))
        });
        order.iter().map(|placed| placed.seat).collect()
    }

    /// People, in this order: every other part of them is made on a thread of its own.
    fn people(&self, order: &[u32], joined: &Joined, names: &[String]) -> Vec<Person> {
        const PART: usize = 1 << 9;
        let (made, arriving) = mpsc::sync_channel(2);
        let make = &|part: &[u32]| self.part(part, joined, names);
        // Each has its end of the channel, so that neither waits for one who broke off.
        let there = move || order.chunks(PART).step_by(2).try_for_each(|part| made.send(make(part)));
        let here = move || {
            let mut people = Vec::with_capacity(order.len());
            for (number, part) in order.chunks(PART).enumerate() {
                match number % 2 {
                    0 => people.extend(arriving.recv().into_iter().flatten()),
                    _ => people.extend(make(part)),
                }
            }
            people
        };
        beside(there, here).1
    }

    /// People of these seats. Their texts lie together: one piece of memory for all is had far sooner than three for each.
    fn part(&self, seats: &[u32], joined: &Joined, names: &[String]) -> Vec<Person> {
        self.touch(seats.iter().copied());
        let seats: Vec<(&Seat, Said)> =
            seats.iter().map(|number| (&self.seats[*number as usize], joined.said(self, *number))).collect();
        let (mut texts, mut ends) = (String::new(), Vec::with_capacity(3 * seats.len()));
        for (seat, said) in &seats {
            texts.push_str(if seat.immutable { "id:" } else { "mail:" });
            texts.push_str(seat.key(&self.texts));
            ends.push(texts.len());
            texts.push_str(seat.written(&self.texts));
            ends.push(texts.len());
            if let Some(first) = said.first() {
                first.show(names, &mut texts);
            }
            ends.push(texts.len());
        }
        let mut pieces = Piece::cut(texts, ends);
        let person = |(seat, said): (&Seat, Said)| {
            let (key, email, origin) = (pieces.next()?, pieces.next()?, pieces.next()?);
            // That another row may say the opposite makes the source incomplete.
            let disabled = said.inactive.is_some();
            let addresses = seat.all_addresses(email, &self.texts);
            Some(Person { key: key.into(), immutable: seat.immutable, addresses, disabled, origin })
        };
        seats.into_iter().map_while(person).collect()
    }
}

fn in_order(
    names: Vec<DirectoryGroupKey>,
    members: Vec<(u32, u32)>,
    numbers: &[u32],
) -> Vec<(DirectoryGroupKey, Vec<u32>)> {
    let mut counts = vec![0; names.len()];
    for (group, _) in &members {
        counts[*group as usize] += 1;
    }
    let mut groups: Vec<(DirectoryGroupKey, Vec<u32>)> =
        names.into_iter().zip(counts).map(|(name, count)| (name, Vec::with_capacity(count))).collect();
    for (group, seat) in members {
        groups[group as usize].1.push(numbers[seat as usize]);
    }
    for (_, people) in &mut groups {
        people.sort_unstable();
        people.dedup();
    }
    groups.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    groups
}

/// Does two things at the same time, the first on a thread of its own.
fn beside<A: Send, B>(there: impl FnOnce() -> A + Send, here: impl FnOnce() -> B) -> (A, B) {
    std::thread::scope(|scope| {
        let there = scope.spawn(there);
        let here = here();
        match there.join() {
            Ok(done) => (done, here),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}
