//! Who is in which group, in little memory.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::id::{AccountId, GroupId};
use super::numbered::{Id, Numbered, Texts};
use super::piece::Piece;

/// Accounts by group. Each id is there once, however many groups its account is in, so that a membership
/// takes about four bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Memberships {
    /// Everybody who is in a group, sorted, each once.
    accounts: Vec<AccountId>,
    /// Indices into `accounts`, sorted, each once.
    groups: BTreeMap<GroupId, Vec<u32>>,
}

/// The members of one group.
#[derive(Debug, Clone, Copy)]
pub struct Members<'a> {
    accounts: &'a [AccountId],
    members: &'a [u32],
}

/// Where accounts stand among others ([`Memberships::places`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Places {
    /// Each where it stands here: then the same memberships are the same numbers.
    Same,
    /// Each at one of its own; the last of all numbers stands for nowhere.
    Other(Vec<u32>),
}

/// The place of an account that is not among the others.
const NOWHERE: u32 = u32::MAX;

impl Places {
    fn of(&self, at: u32) -> Option<u32> {
        match self {
            Self::Same => Some(at),
            Self::Other(places) => places.get(at as usize).copied().filter(|place| *place != NOWHERE),
        }
    }
}

impl<'a> Members<'a> {
    /// How many they are.
    pub fn len(self) -> usize {
        self.members.len()
    }

    /// Whether there is nobody.
    pub fn is_empty(self) -> bool {
        self.members.is_empty()
    }

    /// Whether an account is among them.
    pub fn has(self, account: &AccountId) -> bool {
        self.members.binary_search_by(|at| self.id(*at).cmp(&Some(account))).is_ok()
    }

    /// Their ids, sorted.
    pub fn iter(self) -> impl Iterator<Item = &'a AccountId> {
        self.members.iter().filter_map(move |at| self.id(*at))
    }

    /// Their ids, sorted, each with its place.
    pub fn placed(self, places: &'a Places) -> impl Iterator<Item = (Option<u32>, &'a AccountId)> {
        self.members.iter().filter_map(move |at| Some((places.of(*at), self.id(*at)?)))
    }

    /// Whether they are those at these places, which are sorted, and nobody else.
    pub fn are(self, others: &[u32], places: &Places) -> bool {
        match places {
            Places::Same => self.members == others,
            Places::Other(_) => {
                self.members.len() == others.len()
                    && self.members.iter().zip(others).all(|(at, other)| places.of(*at) == Some(*other))
            }
        }
    }

    fn id(self, at: u32) -> Option<&'a AccountId> {
        self.accounts.get(at as usize)
    }
}

impl Memberships {
    /// Groups with indices into a table of accounts, all of them in any order. What points past the table is
    /// left out.
    ///
    /// The table names each account once.
    pub fn new(accounts: Vec<AccountId>, mut groups: BTreeMap<GroupId, Vec<u32>>) -> Self {
        let mut is_used = vec![false; accounts.len()];
        for at in groups.values().flatten() {
            if let Some(is_used) = is_used.get_mut(*at as usize) {
                *is_used = true;
            }
        }
        let mut table: Vec<(AccountId, u32)> =
            accounts.into_iter().zip(0..).zip(&is_used).filter(|(_, is_used)| **is_used).map(|(one, _)| one).collect();
        table.sort_unstable();
        let mut place: Vec<Option<u32>> = vec![None; is_used.len()];
        for ((_, before), now) in table.iter().zip(0..) {
            if let Some(place) = place.get_mut(*before as usize) {
                *place = Some(now);
            }
        }
        for members in groups.values_mut() {
            members.retain_mut(|at| match place.get(*at as usize) {
                Some(Some(now)) => {
                    *at = *now;
                    true
                }
                Some(None) | None => false,
            });
            members.sort_unstable();
            members.dedup();
            members.shrink_to_fit();
        }
        Self { accounts: table.into_iter().map(|(id, _)| id).collect(), groups }
    }

    /// The members of a group; none where the group is not known.
    pub fn of(&self, group: &GroupId) -> Option<Members<'_>> {
        self.groups.get(group).map(|members| self.members(members))
    }

    /// Whether an account is known to be in a group.
    pub fn has(&self, group: &GroupId, account: &AccountId) -> bool {
        self.of(group).is_some_and(|members| members.has(account))
    }

    /// All groups, by id, those without members too.
    pub fn iter(&self) -> impl Iterator<Item = (&GroupId, Members<'_>)> {
        self.groups.iter().map(|(id, members)| (id, self.members(members)))
    }

    /// Where each account that is in a group stands among other accounts, which are sorted too.
    pub fn places<'a>(&self, others: impl Iterator<Item = &'a AccountId>) -> Places {
        let mut others = others.zip(0..).peekable();
        let place = |account: &AccountId| {
            loop {
                match others.peek().map(|(other, _)| (*other).cmp(account)) {
                    Some(Ordering::Less) => _ = others.next(),
                    Some(Ordering::Equal) => break others.next().map_or(NOWHERE, |(_, at)| at),
                    Some(Ordering::Greater) | None => break NOWHERE,
                }
            }
        };
        let places: Vec<u32> = self.accounts.iter().map(place).collect();
        if places.iter().zip(0..).all(|(place, at)| *place == at) { Places::Same } else { Places::Other(places) }
    }

    /// How many memberships there are in all groups.
    pub fn count(&self) -> usize {
        self.groups.values().map(Vec::len).sum()
    }

    /// Whether no group is known.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    fn members<'a>(&'a self, members: &'a [u32]) -> Members<'a> {
        Members { accounts: &self.accounts, members }
    }
}

/// Memberships as they are met, in any order.
#[derive(Debug, Default)]
pub struct Gathering {
    texts: Texts,
    ids: Vec<Id>,
    /// Groups, each with where its members end among the ids.
    groups: Vec<(GroupId, usize)>,
}

impl Gathering {
    /// Puts accounts into a group. A group that nobody is put into is known all the same.
    pub fn add<'a>(&mut self, group: GroupId, accounts: impl IntoIterator<Item = &'a str>) {
        let texts = &mut self.texts;
        self.ids.extend(accounts.into_iter().map(|account| Id::new(account, texts)));
        self.groups.push((group, self.ids.len()));
    }

    /// All that was met.
    pub fn finish(self) -> Memberships {
        let Self { texts, ids, groups: met } = self;
        let (numbered, numbers) = Numbered::of(ids.iter().map(|id| Some(id.key(&texts))));
        // The texts of all of them are one.
        let (mut text, mut ends) = (String::new(), Vec::with_capacity(numbered.count()));
        let mut places = vec![NOWHERE; numbered.count()];
        for (number, place) in numbered.in_order().zip(0..) {
            numbered.key(number).with(|id| text.push_str(id));
            ends.push(text.len());
            if let Some(found) = places.get_mut(number as usize) {
                *found = place;
            }
        }
        let mut groups: BTreeMap<GroupId, Vec<u32>> = BTreeMap::new();
        let mut from = 0;
        for (group, to) in met {
            let members = numbers.get(from..to).into_iter().flatten().flatten();
            let members = members.filter_map(|number| places.get(*number as usize).copied());
            groups.entry(group).or_default().extend(members);
            from = to;
        }
        for members in groups.values_mut() {
            members.sort_unstable();
            members.dedup();
            members.shrink_to_fit();
        }
        Memberships { accounts: Piece::cut(text, ends).map(AccountId::from).collect(), groups }
    }
}

impl FromIterator<(GroupId, Vec<AccountId>)> for Memberships {
    fn from_iter<I: IntoIterator<Item = (GroupId, Vec<AccountId>)>>(groups: I) -> Self {
        let mut gathering = Gathering::default();
        for (group, members) in groups {
            gathering.add(group, members.iter().map(AccountId::as_str));
        }
        gathering.finish()
    }
}

impl<const N: usize> From<[(GroupId, Vec<AccountId>); N]> for Memberships {
    fn from(groups: [(GroupId, Vec<AccountId>); N]) -> Self {
        groups.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(text: &str) -> Vec<AccountId> {
        text.split_whitespace().map(AccountId::from).collect()
    }

    #[test]
    fn what_was_put_in_comes_out_sorted_and_once() {
        let all: Memberships =
            [("g2".into(), ids("d b d a")), ("g1".into(), ids("c b")), ("g3".into(), ids(""))].into();
        let told: Vec<String> = all
            .iter()
            .map(|(id, members)| {
                format!("{id} {}", members.iter().map(AccountId::as_str).collect::<Vec<_>>().join(" "))
            })
            .collect();
        assert_eq!(told, ["g1 b c", "g2 a b d", "g3 "]);
        assert_eq!((all.count(), all.is_empty()), (5, false));
        let group = all.of(&"g2".into()).unwrap();
        assert_eq!((group.len(), group.is_empty(), all.of(&"g3".into()).unwrap().is_empty()), (3, false, true));
        assert!(all.of(&"g4".into()).is_none());
        for (id, is) in [("a", true), ("b", true), ("c", false), ("d", true), ("e", false), ("", false)] {
            assert_eq!(all.has(&"g2".into(), &id.into()), is, "{id}");
        }
    }

    #[test]
    fn ids_of_any_spelling_are_sorted_by_their_text() {
        let all = ids(
            "82d7c228-8bcd-11e9-a94b-ab3de8494987 82D7C228-8BCD-11E9-A94B-AB3DE8494987 u1 8 00000000-0000-0000-0000-000000000001",
        );
        let mut gathering = Gathering::default();
        gathering.add("g1".into(), all.iter().map(AccountId::as_str));
        gathering.add("g2".into(), ["u1", "8"]);
        gathering.add("g1".into(), ["u1", "u2"]);
        let found = gathering.finish();
        let mut sorted: Vec<AccountId> = all.into_iter().chain(ids("u2")).collect();
        sorted.sort();
        assert_eq!(found.of(&"g1".into()).unwrap().iter().collect::<Vec<_>>(), sorted.iter().collect::<Vec<_>>());
        assert_eq!(found.of(&"g2".into()).unwrap().iter().map(AccountId::as_str).collect::<Vec<_>>(), ["8", "u1"]);
        assert_eq!(
            found,
            Memberships::new(sorted, [("g1".into(), (0..6).collect()), ("g2".into(), vec![4, 1])].into())
        );
    }

    #[test]
    fn members_are_compared_by_where_they_stand_among_others() {
        let all: Memberships = [("g1".into(), ids("b d")), ("g2".into(), ids("d"))].into();
        let members = all.of(&"g1".into()).unwrap();
        let places = |others: &str| all.places(ids(others).iter());
        assert_eq!((places("b d"), places("b d e")), (Places::Same, Places::Same));
        for (others, numbers, are) in [
            ("b d e", &[0, 1][..], true),
            ("b d e", &[0], false),
            ("b d e", &[0, 2], false),
            ("a b c d", &[1, 3], true),
            ("a b c d", &[0, 1], false),
            ("a b c d", &[1, 3, 4], false),
            ("a b", &[1], false),
            ("a b", &[1, u32::MAX], false),
            ("", &[], false),
        ] {
            assert_eq!(members.are(numbers, &places(others)), are, "{others:?} {numbers:?}");
        }
        let told: Vec<_> = members.placed(&places("a b")).map(|(at, id)| (at, id.to_string())).collect();
        assert_eq!(told, [(Some(1), "b".to_owned()), (None, "d".to_owned())]);
    }

    #[test]
    fn the_same_memberships_are_equal_however_they_came_about() {
        let table = ids("z c a b");
        let groups = [("g1".into(), vec![3, 1, 3, 9]), ("g2".into(), Vec::new())].into();
        let by_index = Memberships::new(table, groups);
        assert_eq!(by_index, [("g2".into(), Vec::new()), ("g1".into(), ids("b c"))].into());
        assert_ne!(by_index, [("g1".into(), ids("b c"))].into(), "a group without members is not no group");
        assert_eq!(Memberships::new(ids("a"), BTreeMap::new()), Memberships::default());
    }
}
