//! Who is granted a target group, and by which ways. No grant is kept for each membership: the walks are, and
//! a grant is told when it is asked for.

use std::sync::Arc;

use crate::model::desired::{DesiredGroup, Grant, PersonRef, Walk};
use crate::model::directory::{DirectoryGroup, SourceSnapshot};

/// The people of each directory group that was reached, with their source. Somebody may be in several of them,
/// and those who are disabled are there too.
pub fn people<'a>(
    sources: &'a [SourceSnapshot],
    desired: &'a DesiredGroup,
) -> impl Iterator<Item = (u32, &'a [u32])> + Clone {
    desired.walks.iter().flat_map(|walk| groups(sources, walk).map(|group| (walk.source, group.people.as_slice())))
}

fn groups<'a>(sources: &'a [SourceSnapshot], walk: &'a Walk) -> impl Iterator<Item = &'a DirectoryGroup> + Clone {
    let source = sources.get(walk.source as usize);
    walk.reached.iter().filter_map(move |reached| source?.groups.get(reached.group as usize))
}

fn is_active(sources: &[SourceSnapshot], person: PersonRef) -> bool {
    let source = sources.get(person.source as usize);
    source.and_then(|source| source.people.get(person.person as usize)).is_some_and(|person| !person.disabled)
}

/// Everybody who is granted a target group, sorted, each once.
pub fn everybody(sources: &[SourceSnapshot], desired: &DesiredGroup) -> Vec<PersonRef> {
    let all = people(sources, desired)
        .flat_map(|(source, people)| people.iter().map(move |&person| PersonRef { source, person }));
    let mut all: Vec<PersonRef> = all.filter(|person| is_active(sources, *person)).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Whether somebody is granted a target group.
pub fn is_granted(sources: &[SourceSnapshot], desired: &DesiredGroup, person: PersonRef) -> bool {
    let is_in =
        |(source, people): (u32, &[u32])| source == person.source && people.binary_search(&person.person).is_ok();
    is_active(sources, person) && people(sources, desired).any(is_in)
}

/// What some people are granted.
#[derive(Debug, Default)]
pub struct Grants(Vec<(PersonRef, Vec<Grant>)>);

impl Grants {
    /// The grants of one of the people who were asked about, sorted; none of anybody else.
    pub fn of(&self, person: PersonRef) -> Option<&[Grant]> {
        let at = self.0.binary_search_by_key(&person, |(own, _)| *own).ok()?;
        self.0.get(at).map(|(_, grants)| grants.as_slice())
    }
}

/// The grants of these people in a target group, in any order, each person once: from each feed the one with
/// the shortest path.
pub fn of(sources: &[SourceSnapshot], desired: &DesiredGroup, mut people: Vec<PersonRef>) -> Grants {
    people.sort_unstable();
    people.dedup();
    let mut all: Vec<(PersonRef, Vec<Grant>)> = people.into_iter().map(|person| (person, Vec::new())).collect();
    for walk in &desired.walks {
        let Some(source) = sources.get(walk.source as usize) else { continue };
        let from = all.partition_point(|(person, _)| person.source < walk.source);
        let to = all.partition_point(|(person, _)| person.source <= walk.source);
        grant(source, walk, all.get_mut(from..to).unwrap_or_default());
    }
    for (_, grants) in &mut all {
        grants.sort();
        grants.dedup();
    }
    Grants(all)
}

/// Gives these people of the source what a walk grants them.
fn grant(source: &SourceSnapshot, walk: &Walk, people: &mut [(PersonRef, Vec<Grant>)]) {
    let active = |person: PersonRef| source.people.get(person.person as usize).is_some_and(|person| !person.disabled);
    let mut open: Vec<bool> = people.iter().map(|(person, _)| active(*person)).collect();
    let mut root = None;
    for (at, reached) in walk.reached.iter().enumerate() {
        let Some(group) = source.groups.get(reached.group as usize) else { continue };
        let mut path = None;
        for place in common(&group.people, people) {
            // Breadth first: the first group that has somebody is at the end of the shortest path.
            if let (Some(open), Some((_, grants))) = (open.get_mut(place), people.get_mut(place))
                && std::mem::take(open)
            {
                let path = path.get_or_insert_with(|| self::path(source, walk, at));
                let root = root.get_or_insert_with(|| path.first().cloned().unwrap_or_default());
                grants.push(Grant {
                    source: source.name.clone(),
                    directory_group: Arc::clone(root),
                    path: Arc::clone(path),
                });
            }
        }
    }
}

/// Places among `people` of those who are in `members`; both are sorted. A list that is much shorter than the other is
/// looked up in it; else both are walked through.
fn common(members: &[u32], people: &[(PersonRef, Vec<Grant>)]) -> Vec<usize> {
    const MUCH: usize = 8;
    if people.len() < members.len() / MUCH {
        let is_member =
            |(_, (person, _)): &(usize, &(PersonRef, Vec<Grant>))| members.binary_search(&person.person).is_ok();
        people.iter().enumerate().filter(is_member).map(|(place, _)| place).collect()
    } else if members.len() < people.len() / MUCH {
        let place = |member: &u32| people.binary_search_by_key(member, |(person, _)| person.person).ok();
        members.iter().filter_map(place).collect()
    } else {
        let mut people = people.iter().map(|(person, _)| person.person).enumerate().peekable();
        let place = |member: &u32| {
            while people.next_if(|(_, person)| person < member).is_some() {}
            people.next_if(|(_, person)| person == member).map(|(place, _)| place)
        };
        members.iter().filter_map(place).collect()
    }
}

/// Names of the groups from the feed to the one at a place of the walk.
fn path(source: &SourceSnapshot, walk: &Walk, at: usize) -> Arc<[Arc<str>]> {
    let mut names: Vec<Arc<str>> = Vec::new();
    let mut at = at;
    while let Some(reached) = walk.reached.get(at) {
        names.extend(source.groups.get(reached.group as usize).map(|group| Arc::from(group.name())));
        // Whoever names a group was reached before it.
        let from = reached.from as usize;
        if from >= at {
            break;
        }
        at = from;
    }
    names.reverse();
    Arc::from(names)
}
