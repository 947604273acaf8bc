//! What a full run may remember. Nothing moves that the run held, or that it did not read to its end.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::desired::{DesiredGroup, DesiredState, Feed};
use crate::model::id::{AccountId, GroupName, SourceName};
use crate::model::links::PersonLinks;
use crate::model::memory::Learned;
use crate::model::plan::{Change, GroupStanding, Op, SourceSummary};

use super::Inputs;
use super::diff::{Difference, GroupFacts};
use super::guard::Guarded;
use super::mapping::Yields;
use super::resolve::{Resolution, Resolved};

/// What will take the place of [`crate::model::memory::Memory::learned`], if the run becomes a full one.
pub fn learn(
    inputs: &Inputs<'_>,
    yields: &Yields<'_>,
    desired: &DesiredState,
    people: &Resolution,
    difference: &Difference,
    guarded: &Guarded,
    sources: &[SourceSummary],
) -> Learned {
    Learned {
        person_links: person_links(inputs, people),
        feeds: feeds(inputs, desired),
        nested: nested(inputs, desired),
        settled: settled(inputs, yields, difference, guarded),
        baselines: baselines(&inputs.memory.learned.baselines, desired, difference, guarded, sources, |source| {
            source.granted
        }),
        addressed: baselines(&inputs.memory.learned.addressed, desired, difference, guarded, sources, |source| {
            source.addressed
        }),
        files: files(inputs, guarded),
        columns: columns(inputs),
        pending: difference.pending.clone(),
        accepted_missing: desired
            .iter()
            .flat_map(|(name, group)| group.accepted.iter().map(move |missing| (name, &missing.feed)))
            .map(|(name, feed)| (feed.source.clone(), feed.name.clone(), name.clone()))
            .chain(guarded.accepted.iter().cloned())
            .collect(),
    }
}

/// Accounts of people with an immutable id who are, or were, granted something. Somebody who is not
/// granted anything now, or could not be resolved, keeps the link until they are gone from the directory.
fn person_links(inputs: &Inputs<'_>, people: &Resolution) -> PersonLinks {
    let known = &inputs.memory.learned.person_links;
    let mut links = PersonLinks::default();
    for ((at, source), number) in (0..).zip(inputs.sources).zip(0..) {
        let name = &source.name;
        let nobody_left = !source.completeness.is_complete() || people.links_of(number) == known.count_of(name);
        let relinked = people.relinked.iter().filter(|person| person.source == at).filter_map(|person| {
            let Some(Resolved::Account(account)) = people.of(*person) else { return None };
            let account = inputs.live.accounts.get(account as usize)?;
            Some((source.people.get(person.person as usize)?.key.as_str(), account.id.as_str()))
        });
        // Sorted by key like the links that are known.
        let mut relinked = relinked.peekable();
        if nobody_left && relinked.peek().is_none() {
            links.share(name, known);
            continue;
        }
        let is_there = |key: &str| source.people.binary_search_by(|person| person.key.as_str().cmp(key)).is_ok();
        for (key, account) in known.of(name) {
            while let Some((earlier, account)) = relinked.next_if(|(new, _)| *new < key) {
                links.push(name, earlier, account);
            }
            match relinked.next_if(|(new, _)| *new == key) {
                Some((_, account)) => links.push(name, key, account),
                None if nobody_left || is_there(key) => links.push(name, key, account),
                None => {}
            }
        }
        for (key, account) in relinked {
            links.push(name, key, account);
        }
    }
    links.shrink();
    links
}

/// Feeds that are there, and those that are not: they go on being missed, or (accepted as empty) being
/// known, until they come back.
fn feeds(inputs: &Inputs<'_>, desired: &DesiredState) -> BTreeMap<GroupName, Vec<Feed>> {
    let of = |(name, group): (&GroupName, &DesiredGroup)| {
        let absent = group.missing.iter().chain(&group.accepted).map(|missing| &missing.feed);
        let is_missed = |feed: &&Feed| {
            let before = inputs.memory.learned.feeds.get(name);
            before.is_some_and(|before| before.contains(feed))
        };
        let mut feeds: Vec<Feed> = group.feeds.iter().chain(absent.filter(is_missed)).cloned().collect();
        feeds.sort();
        feeds.dedup();
        (!feeds.is_empty()).then(|| (name.clone(), feeds))
    };
    desired.iter().filter_map(of).collect()
}

/// Nested feeds that are there, and those that are missed, or (accepted as empty) known, until they come back. Of a
/// group that was not read completely nothing is forgotten.
fn nested(inputs: &Inputs<'_>, desired: &DesiredState) -> BTreeMap<GroupName, Vec<Feed>> {
    let of = |(name, group): (&GroupName, &DesiredGroup)| {
        let nested = group.walks.iter().flat_map(|walk| {
            let source = inputs.sources.get(walk.source as usize);
            walk.reached.iter().skip(1).filter_map(move |reached| {
                let source = source?;
                let group = source.groups.get(reached.group as usize)?;
                Some(Feed {
                    source: source.name.clone(),
                    name: group.member_name.clone()?,
                    key: Some(group.key.clone()),
                    immutable: group.immutable,
                })
            })
        });
        let absent = group.missing.iter().chain(&group.accepted).filter(|missing| missing.named_by.is_some());
        let mut feeds: Vec<Feed> = nested.chain(absent.map(|missing| missing.feed.clone())).collect();
        if !group.gaps.is_empty() {
            feeds.extend(inputs.memory.learned.nested.get(name).into_iter().flatten().cloned());
        }
        feeds.sort();
        feeds.dedup();
        (!feeds.is_empty()).then(|| (name.clone(), feeds))
    };
    desired.iter().filter_map(of).collect()
}

fn settled(
    inputs: &Inputs<'_>,
    yields: &Yields<'_>,
    difference: &Difference,
    guarded: &Guarded,
) -> BTreeMap<GroupName, String> {
    let of = |(name, facts): (&GroupName, &GroupFacts)| {
        let id = facts.summary.id.as_ref();
        let waits = guarded.unsettled.contains(name)
            || facts.summary.standing == GroupStanding::Unusable
            || (id.is_none() && !is_created(difference, name));
        let digest = if waits {
            inputs.memory.learned.settled.get(name).cloned()
        } else {
            Some(yields.digest(name, facts.summary.mode, id))
        };
        Some((name.clone(), digest?))
    };
    difference.groups.iter().filter_map(of).collect()
}

fn is_created(difference: &Difference, name: &GroupName) -> bool {
    // The creation of a group is the first of its changes.
    let at = difference.changes.partition_point(|change| change.key.group < *name);
    let is_creation = |change: &Change| change.key.op == Op::CreateGroup && change.key.group == *name;
    difference.changes.get(at).is_some_and(|change| is_creation(change) && change.is_cleared())
}

/// Baselines of what is counted of a source. One sinks by those who went, not by those whose removal
/// waits for a person.
fn baselines(
    known: &BTreeMap<SourceName, u64>,
    desired: &DesiredState,
    difference: &Difference,
    guarded: &Guarded,
    sources: &[SourceSummary],
    counted: fn(&SourceSummary) -> usize,
) -> BTreeMap<SourceName, u64> {
    let mut baselines = BTreeMap::new();
    for source in sources {
        let before = known.get(&source.name).copied();
        let count = if source.complete && !guarded.frozen_baselines.contains(&source.name) {
            let granted = counted(source) as u64;
            let waiting = waiting(desired, difference, &source.name).len() as u64;
            Some(before.map_or(granted, |before| granted.max(before.min(granted + waiting))))
        } else {
            before
        };
        if let Some(count) = count {
            baselines.insert(source.name.clone(), count);
        }
    }
    baselines
}

fn files(inputs: &Inputs<'_>, guarded: &Guarded) -> BTreeMap<SourceName, BTreeSet<String>> {
    let mut files = BTreeMap::new();
    for source in inputs.sources {
        let moves = source.completeness.is_complete() && !guarded.frozen_baselines.contains(&source.name);
        let now = if moves { Some(&source.files) } else { inputs.memory.learned.files.get(&source.name) };
        if let Some(now) = now.filter(|now| !now.is_empty()) {
            files.insert(source.name.clone(), now.clone());
        }
    }
    files
}

/// A source that lacks a column of the last full run was not read completely, unless the configuration rules the
/// column out.
fn columns(inputs: &Inputs<'_>) -> BTreeMap<SourceName, BTreeSet<String>> {
    let mut columns = BTreeMap::new();
    for source in inputs.sources {
        let before = inputs.memory.learned.columns.get(&source.name);
        let now = if source.completeness.is_complete() { Some(&source.columns) } else { before };
        if let Some(now) = now.filter(|now| !now.is_empty()) {
            columns.insert(source.name.clone(), now.clone());
        }
    }
    columns
}

/// Accounts whose removal from a group that the source feeds is held.
fn waiting<'a>(desired: &DesiredState, difference: &'a Difference, source: &SourceName) -> BTreeSet<&'a AccountId> {
    let feeds = |name: &GroupName| desired.get(name).is_some_and(|group| group.sources.contains(source));
    let held =
        |change: &&Change| change.key.op == Op::RemoveMember && !change.holds.is_empty() && feeds(&change.key.group);
    difference.changes.iter().filter(held).filter_map(|change| change.key.account.as_ref()).collect()
}
