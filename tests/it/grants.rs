//! Grants are not kept but told on demand: they are what every walk through the directory gives.

use std::collections::BTreeSet;

use proptest::prelude::*;
use rosterd::model::desired::{Grant, PersonRef};
use rosterd::model::directory::SourceSnapshot;
use rosterd::reconcile::grants;

use super::support::random::Choices;
use super::support::small::{Source, World};

const GROUPS: usize = 9;

/// Three sources of nested groups with diamonds and cycles; five groups of each feed one target group.
fn nested(c: &mut Choices<'_>) -> World {
    let mut world = World::new();
    for name in ["ad", "hr", "it"] {
        let source = world.source(name);
        for person in 0..6 {
            source.person(&format!("p{person}")).disabled = c.once_in(6);
        }
        for group in 0..GROUPS {
            let entry = source.group(&format!("g{group}"));
            for _ in 0..c.below(4) {
                entry.people.insert(format!("p{}", c.below(6)));
            }
            for _ in 0..c.below(4) {
                entry.groups.insert(format!("g{}", c.below(GROUPS)));
            }
        }
        world.map_pattern(name, "^g[0-4]$", "Team");
        world.map(name, "g5", "Other");
    }
    world
}

/// How many groups lie between a group and a person's own, or the person is not reached; by trying again and
/// again until nothing gets shorter.
fn distance(source: &SourceSnapshot, root: usize, person: u32) -> Option<usize> {
    let mut far: Vec<Option<usize>> =
        source.groups.iter().map(|group| group.people.contains(&person).then_some(1)).collect();
    for _ in &source.groups {
        for (at, group) in source.groups.iter().enumerate() {
            let nested = group.groups.iter().filter_map(|next| far[*next as usize]).min().map(|far| far + 1);
            far[at] = far[at].into_iter().chain(nested).min();
        }
    }
    far[root]
}

fn is_way(source: &SourceSnapshot, grant: &Grant, person: u32) -> bool {
    let group = |name: &str| source.groups.iter().find(|group| group.name() == name).expect("a group of the source");
    let steps = grant.path.windows(2).all(|step| {
        let nested = group(&step[0]).groups.iter().map(|at| source.groups[*at as usize].name());
        nested.into_iter().any(|name| name == &*step[1])
    });
    steps
        && grant.path.first() == Some(&grant.directory_group)
        && grant.path.last().is_some_and(|last| group(last).people.contains(&person))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 150, ..ProptestConfig::default() })]

    /// For each feed that reaches somebody there is one grant, by a shortest way, and no other one; whether one
    /// person is asked about or everybody.
    #[test]
    fn a_grant_is_the_shortest_way_from_each_feed(bytes in proptest::collection::vec(any::<u8>(), 400)) {
        let world = nested(&mut Choices::new(&bytes));
        let sources: Vec<SourceSnapshot> = world.sources.iter().map(Source::snapshot).collect();
        let desired = world.decide().desired;
        for (target, feeds) in [("Team", &[0, 1, 2, 3, 4][..]), ("Other", &[5])] {
            let group = &desired[target];
            let mut people: Vec<PersonRef> = Vec::new();
            for (at, source) in (0..).zip(&sources) {
                people.extend((0..).zip(&source.people).map(|(person, _)| PersonRef { source: at, person }));
            }
            let all = grants::of(&sources, group, people.iter().rev().copied().collect());
            let mut granted = BTreeSet::new();
            for person in people {
                let source = &sources[person.source as usize];
                let told = all.of(person).expect("everybody was asked about").to_vec();
                let alone = grants::of(&sources, group, vec![person]);
                prop_assert_eq!(alone.of(person), Some(&told[..]));
                let disabled = source.people[person.person as usize].disabled;
                let mut wanted: Vec<(String, usize)> = Vec::new();
                for feed in feeds.iter().filter(|_| !disabled) {
                    let far = distance(source, *feed, person.person);
                    wanted.extend(far.map(|far| (source.groups[*feed].name().to_owned(), far)));
                }
                let short: Vec<(String, usize)> =
                    told.iter().map(|grant| (grant.directory_group.to_string(), grant.path.len())).collect();
                prop_assert_eq!(short, wanted);
                prop_assert!(told.iter().all(|grant| grant.source == source.name && is_way(source, grant, person.person)));
                prop_assert_eq!(grants::is_granted(&sources, group, person), !told.is_empty());
                if !told.is_empty() {
                    granted.insert(person);
                }
            }
            prop_assert!(grants::everybody(&sources, group).into_iter().eq(granted));
        }
    }
}
