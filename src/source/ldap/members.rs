//! From what was read to what a source says: names become people and groups, and everything that is
//! odd becomes a finding. Floor 2, pure.

use std::collections::{BTreeMap, BTreeSet};

use super::dn::{Key, is_dn, normalise};
use super::entry::without_uid;
use super::groups::Group;
use super::look::Stray;
use super::names::Name;
use super::people::{Found, People};
use super::reader::{REFERS, Raw};
use crate::model::directory::{Completeness, DirectoryGroup, Person};
use crate::model::evidence::GroupRead;
use crate::model::id::PersonKey;
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
    dangling: Vec<Name<'a>>,
    other: Vec<Name<'a>>,
    ambiguous: Vec<Name<'a>>,
    failed: Vec<(Name<'a>, &'a str)>,
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
            members.take(raw.people.named(*key), "".into());
        }
        let problems = members.problems(group);
        groups.push(members.group(group, nested, &problems));
        joined.problems.extend(problems);
    }
    if nested {
        nest_by_name(&raw, &mut groups);
    }
    joined.gap = distrust(place, &raw.people, &groups, wanted_members);
    // What finds them is not needed any more, and takes a third of the room that they take.
    let mut people = raw.into_people();
    let (places, shared) = sort_people(&mut people);
    joined.gap = joined.gap.or_else(|| shared_ids(place, &shared));
    for group in &mut groups {
        place_all(&mut group.people, &places);
    }
    let (groups, doubled) = sorted(groups);
    joined.problems.extend(doubled);
    joined.groups = groups;
    joined.people = people;
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
        match raw.people.named(key) {
            Found::Nobody => members.take_other(key, name, raw),
            found => members.take(found, name),
        }
    }
    for login in &group.logins {
        match raw.people.with_login(Key::of_login(login)) {
            Found::Nobody if raw.elsewhere => members.failed.push((login.as_str().into(), REFERS)),
            Found::Nobody => members.dangling.push(login.as_str().into()),
            found => members.take(found, login.as_str().into()),
        }
    }
    if let Some((sid, _)) = group.sid {
        members.people.extend(raw.people.of_primary(sid));
    }
    members.people.extend(raw.people.who_name(Key::of_dn(&group.dn)));
    members
}

impl<'a> Members<'a> {
    /// Takes in a member who is none of the people.
    fn take_other(&mut self, key: Key, name: Name<'a>, raw: &'a Raw) {
        match (raw.groups.named(key), raw.strays.get(&key)) {
            (Some(nested), _) => self.groups.push(nested),
            (None, Some(Stray::Dangling)) => self.dangling.push(name),
            (None, Some(Stray::Other)) => self.other.push(name),
            (None, Some(Stray::Failed(why))) => self.failed.push((name, why)),
            (None, None) => self.failed.push((name, "it was not looked at")),
        }
    }

    fn take(&mut self, found: Found, name: Name<'a>) {
        match found {
            Found::One(person) => self.people.push(person),
            Found::Several => self.ambiguous.push(name),
            Found::Nobody => {}
        }
    }

    fn problems(&self, group: &Group) -> Vec<Problem> {
        let place = format!("group {:?}", group.name());
        let mut problems = Vec::new();
        let mut say = |names: &[Name<'_>], text: &str, help: &str| {
            if !names.is_empty() {
                let text = format!("{} {text}: {}", count(names.len(), "member"), some(names));
                problems.push(Problem::new(&place, text).help(help));
            }
        };
        say(&self.dangling, "not in the directory", "take what is gone out of the group");
        say(&self.other, "neither person nor group (a computer, or somebody of another domain)", "they are left out");
        say(&self.ambiguous, "the name of several people", "make the names unique; until then nobody is removed");
        let failed: Vec<Name<'_>> = self.failed.iter().map(|(name, _)| *name).collect();
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
        let names =
            self.dangling.iter().map(|name| without_uid(&name.to_string()).to_owned()).filter(|name| is_dn(name));
        let mut dangling: Vec<String> = names.map(|name| normalise(&name)).collect();
        dangling.sort_unstable();
        DirectoryGroup {
            key: group.key.clone(),
            immutable: group.immutable,
            names: group.names.clone(),
            full_names: std::iter::once(&group.dn).chain(&group.spellings).cloned().collect(),
            people: self.people,
            groups: if nested { self.groups } else { Vec::new() },
            completeness: why.map_or(Completeness::Complete, |why| Completeness::Incomplete { why }),
            member_name: Some(normalise(&group.dn)),
            dangling,
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

fn some(names: &[Name<'_>]) -> String {
    let shown = names.iter().take(SHOWN).map(Name::to_string).collect::<Vec<_>>().join("; ");
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

/// Ids that several entries have, with the names of these.
type Shared = BTreeMap<PersonKey, BTreeSet<String>>;

/// Whom an id means that two entries have, nobody can tell: what is known of one of them would be taken
/// for the other's. It may be somebody who was moved while people were read, and met in both places.
fn shared_ids(place: &str, shared: &Shared) -> Option<Problem> {
    let (id, names) = shared.first_key_value()?;
    let (count, names) = (names.len(), names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join("; "));
    let more = match shared.len() - 1 {
        0 => String::new(),
        1 => "; and so it is with 1 more id".to_owned(),
        more => format!("; and so it is with {more} more ids"),
    };
    let help = "is everybody's id_attribute their own? name another one, or mend the entries; \
                who was just moved is read again by the next run";
    Some(Problem::new(place, format!("{count} entries have the same id {id}: {names}{more}")).help(help))
}

/// Sorts everybody by key, each key once, and tells for each old place the new one; with the keys that
/// entries of several names have.
fn sort_people(rows: &mut Vec<Person>) -> (Vec<u32>, Shared) {
    // Keys are all over the memory. Their first bytes, side by side, nearly always decide.
    let mut order: Vec<(u64, u32)> = (0..).zip(&*rows).map(|(at, person)| (first_bytes(&person.key), at)).collect();
    let key = |at: u32| rows.get(at as usize).map(|person| &person.key);
    order.sort_unstable_by(|(first, a), (other, b)| {
        first.cmp(other).then_with(|| key(*a).cmp(&key(*b))).then_with(|| a.cmp(b))
    });
    let mut places = vec![0; rows.len()];
    let mut goals = vec![0; rows.len()];
    let mut last = None;
    let mut keys = 0;
    for (goal, (_, at)) in order.iter().enumerate() {
        let own = key(*at);
        keys += u32::from(last != own);
        last = own;
        if let (Some(place), Some(own)) = (places.get_mut(*at as usize), goals.get_mut(*at as usize)) {
            (*place, *own) = (keys - 1, goal);
        }
    }
    // In place: another list of everybody would be the most memory that a read ever has. Each step
    // brings somebody where they belong.
    for at in 0..goals.len() {
        while let Some(goal) = goals.get(at).copied().filter(|goal| *goal != at) {
            rows.swap(at, goal);
            goals.swap(at, goal);
        }
    }
    let mut shared = Shared::new();
    rows.dedup_by(|again, first| {
        let same = again.key == first.key;
        // An entry may be shown twice, when it changes while people are read.
        if same && Key::of_dn(&again.origin) != Key::of_dn(&first.origin) {
            let names = shared.entry(first.key.clone()).or_insert_with(|| [first.origin.to_string()].into());
            names.insert(again.origin.to_string());
        }
        same
    });
    (places, shared)
}

/// The first bytes of a key as a number that is ordered as they are.
fn first_bytes(key: &PersonKey) -> u64 {
    let bytes = key.as_str().bytes().chain(std::iter::repeat(0));
    bytes.take(8).fold(0, |number, byte| number << 8 | u64::from(byte))
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
                last.full_names.extend(group.full_names);
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

    fn tag(id: u64, payload: PL) -> StructureTag {
        StructureTag { class: TagClass::Universal, id, payload }
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

    fn entry() -> impl Strategy<Value = Entry<'static>> {
        let attribute = (prop::sample::select(NAMES.to_vec()), prop::collection::vec(value(), 0..4));
        ("cn=[a-d],dc=x|\\PC{0,9}", prop::collection::vec(attribute, 0..8)).prop_map(|(dn, attributes)| {
            let attributes = attributes.into_iter().map(|(name, values)| {
                let values = values.into_iter().map(|value| tag(4, PL::P(value))).collect();
                tag(16, PL::C(vec![tag(4, PL::P(name.into())), tag(17, PL::C(values))]))
            });
            let entry = tag(4, PL::C(vec![tag(4, PL::P(dn.into_bytes())), tag(16, PL::C(attributes.collect()))]));
            Entry::of_tag(entry).expect("it is one")
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
                elsewhere: false,
                effort: Effort::default(),
            };
            for (at, entry) in people.into_iter().enumerate() {
                match at % 2 {
                    0 => raw.people.add(&entry, &schema),
                    _ => raw.people.add_once(&entry, &schema),
                }
            }
            for entry in groups {
                raw.groups.add(Group::of(&entry, &schema));
            }
            raw.people.finish();
            let rows = &raw.people.rows;
            let entry = |person: &Person| (person.key.clone(), Key::of_dn(&person.origin));
            let (entries, ids): (BTreeSet<_>, BTreeSet<_>) = rows.iter().map(|row| (entry(row), row.key.clone())).unzip();
            let shares_an_id = entries.len() > ids.len();
            let joined = join("x", raw, true);
            prop_assert!(joined.people.is_sorted_by(|a, b| a.key < b.key));
            prop_assert!(joined.gap.is_some() || !shares_an_id);
            prop_assert!(joined.groups.is_sorted_by(|a, b| a.key < b.key));
            for group in &joined.groups {
                prop_assert!(group.people.iter().all(|at| (*at as usize) < joined.people.len()));
                prop_assert!(group.groups.iter().all(|at| (*at as usize) < joined.groups.len()));
            }
        }
    }
}
