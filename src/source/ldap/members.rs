//! From what was read to what a source says: names become people and groups, and everything that is
//! odd becomes a finding. Floor 2, pure.

use std::collections::BTreeMap;

use super::dn::Key;
use super::groups::Group;
use super::look::Stray;
use super::people::{Found, People};
use super::reader::Raw;
use crate::model::directory::{Completeness, DirectoryGroup, Person};
use crate::model::evidence::GroupRead;
use crate::model::problem::Problem;

/// How many names a finding shows.
const SHOWN: usize = 10;

/// What a source says, but for its name.
#[derive(Debug, Default)]
pub(super) struct Joined {
    /// Sorted by key.
    pub(super) people: Vec<Person>,
    /// Sorted by key.
    pub(super) groups: Vec<DirectoryGroup>,
    /// What was odd.
    pub(super) problems: Vec<Problem>,
    /// Why the whole source is not to be believed.
    pub(super) gap: Option<Problem>,
}

/// Members of one group, before they are sorted.
#[derive(Default)]
struct Members<'a> {
    people: Vec<u32>,
    groups: Vec<u32>,
    dangling: Vec<&'a str>,
    other: Vec<&'a str>,
    ambiguous: Vec<&'a str>,
    failed: Vec<(&'a str, &'a str)>,
}

/// Joins people and groups.
pub(super) fn join(place: &str, raw: Raw, nested: bool) -> Joined {
    let mut joined = Joined::default();
    let dynamic = by_group(&raw.dynamic);
    let mut wanted_members = 0;
    let mut groups: Vec<DirectoryGroup> = Vec::with_capacity(raw.groups.rows.len());
    for (at, group) in (0..).zip(&raw.groups.rows) {
        wanted_members += group.members.len() + group.logins.len();
        let mut members = members_of(group, &raw);
        for key in dynamic.get(&at).into_iter().flatten() {
            members.take(raw.people.named(*key), "");
        }
        let problems = members.problems(group);
        groups.push(members.group(group, nested, &problems));
        joined.problems.extend(problems);
    }
    if nested {
        nest_by_name(&raw, &mut groups);
    }
    joined.gap = distrust(place, &raw.people, &groups, wanted_members);
    let order = order(&raw.people.rows);
    for group in &mut groups {
        place_all(&mut group.people, &order.people);
    }
    let (groups, doubled) = sorted(groups);
    joined.problems.extend(doubled);
    joined.groups = groups;
    joined.people = order.arrange(raw.people.rows);
    joined
}

/// Groups that say what they are in.
fn nest_by_name(raw: &Raw, groups: &mut [DirectoryGroup]) {
    for (at, group) in (0..).zip(&raw.groups.rows) {
        let parents = group.parents.iter().filter_map(|parent| raw.groups.named(*parent));
        for parent in parents {
            if let Some(parent) = groups.get_mut(parent as usize) {
                parent.groups.push(at);
            }
        }
    }
}

fn by_group(dynamic: &[(u32, Key)]) -> BTreeMap<u32, Vec<Key>> {
    let mut by_group: BTreeMap<u32, Vec<Key>> = BTreeMap::new();
    for (group, person) in dynamic {
        by_group.entry(*group).or_default().push(*person);
    }
    by_group
}

fn members_of<'a>(group: &'a Group, raw: &'a Raw) -> Members<'a> {
    let mut members = Members::default();
    for (key, name) in group.members.iter() {
        let found = raw.people.named(key);
        match (found, raw.groups.named(key), raw.strays.get(&key)) {
            (Found::Nobody, Some(nested), _) => members.groups.push(nested),
            (Found::Nobody, None, Some(Stray::Dangling)) => members.dangling.push(name),
            (Found::Nobody, None, Some(Stray::Other)) => members.other.push(name),
            (Found::Nobody, None, Some(Stray::Failed(why))) => members.failed.push((name, why)),
            (Found::Nobody, None, None) => members.failed.push((name, "it was not looked at")),
            (found, ..) => members.take(found, name),
        }
    }
    for login in &group.logins {
        match raw.people.with_login(Key::of_login(login)) {
            Found::Nobody => members.dangling.push(login),
            found => members.take(found, login),
        }
    }
    if let Some((sid, _)) = group.sid {
        members.people.extend(raw.people.of_primary(sid));
    }
    members.people.extend(raw.people.who_name(Key::of_dn(&group.dn)));
    members
}

impl<'a> Members<'a> {
    fn take(&mut self, found: Found, name: &'a str) {
        match found {
            Found::One(person) => self.people.push(person),
            Found::Several => self.ambiguous.push(name),
            Found::Nobody => {}
        }
    }

    fn problems(&self, group: &Group) -> Vec<Problem> {
        let place = format!("group {:?}", group.name());
        let mut problems = Vec::new();
        let mut say = |names: &[&str], text: &str, help: &str| {
            if !names.is_empty() {
                let text = format!("{} {text}: {}", count(names.len(), "member"), some(names));
                problems.push(Problem::new(&place, text).help(help));
            }
        };
        say(&self.dangling, "not in the directory", "take what is gone out of the group");
        say(&self.other, "neither person nor group (a computer, or somebody of another domain)", "they are left out");
        say(&self.ambiguous, "the name of several people", "make the names unique; until then nobody is removed");
        let failed: Vec<&str> = self.failed.iter().map(|(name, _)| *name).collect();
        let why = self.failed.first().map_or("", |(_, why)| why);
        say(&failed, "not to be read", why);
        if let Some(gap) = &group.gap {
            problems.push(Problem::new(&place, gap.clone()).help("nobody is removed on its ground"));
        }
        problems
    }

    /// How many members were read, whatever they turned out to be.
    fn count(&self) -> usize {
        let known = self.people.len() + self.groups.len();
        known + self.dangling.len() + self.other.len() + self.ambiguous.len() + self.failed.len()
    }

    fn group(self, group: &Group, nested: bool, problems: &[Problem]) -> DirectoryGroup {
        let read = GroupRead {
            members: self.count(),
            ranges: group.ranges,
            problems: problems.iter().map(|problem| problem.text.clone()).collect(),
        };
        let why = match (&group.gap, self.failed.len(), self.ambiguous.len()) {
            (Some(gap), ..) => Some(gap.clone()),
            (None, 0, 0) => None,
            (None, 0, several) => Some(format!("{} the name of several people", count(several, "member"))),
            (None, failed, _) => Some(format!("{} not to be read", count(failed, "member"))),
        };
        DirectoryGroup {
            key: group.key.clone(),
            immutable: group.immutable,
            names: group.names.clone(),
            people: self.people,
            groups: if nested { self.groups } else { Vec::new() },
            completeness: why.map_or(Completeness::Complete, |why| Completeness::Incomplete { why }),
            read,
        }
    }
}

fn count(number: usize, what: &str) -> String {
    match number {
        1 => format!("1 {what} is"),
        number => format!("{number} {what}s are"),
    }
}

fn some(names: &[&str]) -> String {
    let shown = names.iter().take(SHOWN).copied().collect::<Vec<_>>().join("; ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown}; and {more} more"),
    }
}

/// A bind account that lost its rights gets answers without an error. What a directory can hardly be
/// is taken for that.
fn distrust(place: &str, people: &People, groups: &[DirectoryGroup], members: usize) -> Option<Problem> {
    let help = "look whether the bind account may still read people (user_base, user_filter) and their addresses (email_attributes)";
    let text = if people.rows.is_empty() && members > 0 {
        format!("no person could be read, although groups have {members} members")
    } else if let Some(gap) = &people.gap {
        gap.clone()
    } else if groups.iter().any(|group| !group.people.is_empty())
        && people.rows.iter().all(|person| person.addresses.is_empty())
    {
        format!("none of {} people has an address", people.rows.len())
    } else {
        return None;
    };
    Some(Problem::new(place, text).help(help))
}

/// Where each person goes.
struct Order {
    /// New place by old place.
    people: Vec<u32>,
    /// Old place by new place.
    old: Vec<u32>,
}

/// Everybody sorted by key, each key once.
fn order(rows: &[Person]) -> Order {
    let key = |at: u32| rows.get(at as usize).map(|person| &person.key);
    let mut sorted: Vec<u32> = (0..u32::try_from(rows.len()).unwrap_or(u32::MAX)).collect();
    sorted.sort_by(|a, b| key(*a).cmp(&key(*b)));
    let mut people = vec![0; rows.len()];
    let mut old: Vec<u32> = Vec::with_capacity(rows.len());
    for at in sorted {
        if old.last().is_none_or(|last| key(*last) != key(at)) {
            old.push(at);
        }
        if let Some(place) = people.get_mut(at as usize) {
            *place = u32::try_from(old.len().saturating_sub(1)).unwrap_or(u32::MAX);
        }
    }
    Order { people, old }
}

impl Order {
    fn arrange(&self, rows: Vec<Person>) -> Vec<Person> {
        let mut rows: Vec<Option<Person>> = rows.into_iter().map(Some).collect();
        self.old.iter().filter_map(|at| rows.get_mut(*at as usize)?.take()).collect()
    }
}

fn place_all(list: &mut Vec<u32>, places: &[u32]) {
    for at in list.iter_mut() {
        *at = places.get(*at as usize).copied().unwrap_or(u32::MAX);
    }
    list.sort_unstable();
    list.dedup();
}

/// Groups sorted by key. A key that two entries bear makes both doubtful.
fn sorted(groups: Vec<DirectoryGroup>) -> (Vec<DirectoryGroup>, Vec<Problem>) {
    let mut by_key: Vec<(u32, DirectoryGroup)> = (0..).zip(groups).collect();
    by_key.sort_by(|(_, a), (_, b)| a.key.cmp(&b.key));
    let mut places = vec![0; by_key.len()];
    let mut problems = Vec::new();
    let mut sorted: Vec<DirectoryGroup> = Vec::with_capacity(by_key.len());
    for (old, group) in by_key {
        match sorted.last_mut().filter(|last| last.key == group.key) {
            Some(last) => {
                let why = format!("another entry has the same id {}", group.key);
                problems.push(Problem::new(format!("group {:?}", last.name()), why.clone()));
                last.read.members += group.read.members;
                last.read.ranges += group.read.ranges;
                last.read.problems.push(why.clone());
                last.completeness = Completeness::Incomplete { why };
                last.names.extend(group.names);
                last.people.extend(group.people);
                last.groups.extend(group.groups);
                last.people.sort_unstable();
                last.people.dedup();
            }
            None => sorted.push(group),
        }
        if let Some(place) = places.get_mut(old as usize) {
            *place = u32::try_from(sorted.len().saturating_sub(1)).unwrap_or(u32::MAX);
        }
    }
    for group in &mut sorted {
        place_all(&mut group.groups, &places);
    }
    (sorted, problems)
}

#[cfg(test)]
mod tests {
    use lber::common::TagClass;
    use lber::structure::{PL, StructureTag};
    use proptest::prelude::*;

    use super::*;
    use crate::source::ldap::entry::Entry;
    use crate::source::ldap::groups::Groups;
    use crate::source::ldap::reader::Effort;
    use crate::source::ldap::schema::{Preset, Schema};

    const NAMES: [&str; 18] = [
        "objectGUID",
        "entryUUID",
        "cn",
        "sAMAccountName",
        "member",
        "member;range=0-1",
        "member;range=7-*",
        "uniqueMember",
        "memberUid",
        "memberURL",
        "memberOf",
        "memberOf;range=0-0",
        "objectSid",
        "primaryGroupID",
        "userAccountControl",
        "mail",
        "proxyAddresses",
        "uSNChanged",
    ];

    fn tag(payload: PL) -> StructureTag {
        StructureTag { class: TagClass::Universal, id: 4, payload }
    }

    /// Names that meet, numbers, and bytes that are anything.
    fn value() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            "cn=[a-d],dc=x".prop_map(String::into_bytes),
            "[0-9]{1,3}|[a-d]@x.y|SMTP:[a-d]@x.y".prop_map(String::into_bytes),
            Just([&[1, 2, 0, 0, 0, 0, 0, 5, 21, 0, 0, 0], &7u32.to_le_bytes()[..]].concat()),
            prop::collection::vec(any::<u8>(), 0..20),
        ]
    }

    fn entry() -> impl Strategy<Value = Entry> {
        let attribute = (prop::sample::select(NAMES.to_vec()), prop::collection::vec(value(), 0..4));
        ("cn=[a-d],dc=x|\\PC{0,9}", prop::collection::vec(attribute, 0..8)).prop_map(|(dn, attributes)| {
            let attributes = attributes.into_iter().map(|(name, values)| {
                let values = values.into_iter().map(|value| tag(PL::P(value))).collect();
                tag(PL::C(vec![tag(PL::P(name.into())), tag(PL::C(values))]))
            });
            let entry = tag(PL::C(vec![tag(PL::P(dn.into_bytes())), tag(PL::C(attributes.collect()))]));
            Entry::decode(entry).expect("it is one")
        })
    }

    proptest! {
        /// Whatever entries say: everybody once, in order, and nobody is a member who is not there.
        #[test]
        fn no_entries_are_too_odd(
            people in prop::collection::vec(entry(), 0..6),
            groups in prop::collection::vec(entry(), 0..6),
            preset in prop::sample::select(vec![Preset::ActiveDirectory, Preset::Rfc2307, Preset::Ds389]),
        ) {
            let members = ["member", "uniqueMember", "memberUid", "memberURL", "memberOf"].map(str::to_owned).to_vec();
            let schema = Schema { member_attributes: members, ..Schema::of(preset) };
            let mut raw = Raw {
                people: People::default(),
                everyone: true,
                groups: Groups::default(),
                strays: BTreeMap::new(),
                dynamic: Vec::new(),
                effort: Effort::default(),
            };
            for (at, entry) in people.into_iter().enumerate() {
                match at % 2 {
                    0 => raw.people.add(entry, &schema),
                    _ => raw.people.add_once(entry, &schema),
                }
            }
            for entry in groups {
                raw.groups.add(Group::of(entry, &schema));
            }
            raw.people.finish();
            let joined = join("x", raw, true);
            prop_assert!(joined.people.is_sorted_by(|a, b| a.key < b.key));
            prop_assert!(joined.groups.is_sorted_by(|a, b| a.key < b.key));
            for group in &joined.groups {
                prop_assert!(group.people.iter().all(|at| (*at as usize) < joined.people.len()));
                prop_assert!(group.groups.iter().all(|at| (*at as usize) < joined.groups.len()));
            }
        }
    }
}
