//! What a full run may remember. Nothing moves that the run held, or that it did not read to its end.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::desired::{DesiredState, Feed};
use crate::model::id::{AccountId, GroupId, GroupName, PersonKey, SourceName};
use crate::model::memory::Learned;
use crate::model::plan::{Change, GroupStanding, Op, SourceSummary};

use super::Inputs;
use super::diff::Difference;
use super::guard::Guarded;
use super::mapping;
use super::resolve::{Resolution, Resolved};

/// What will take the place of [`crate::model::memory::Memory::learned`], if the run becomes a full one.
pub fn learn(
    inputs: &Inputs<'_>,
    desired: &DesiredState,
    people: &Resolution,
    difference: &Difference,
    guarded: &Guarded,
    sources: &[SourceSummary],
) -> Learned {
    Learned {
        person_links: person_links(inputs, desired, people),
        feeds: feeds(inputs, desired),
        settled: settled(inputs, difference, guarded),
        baselines: baselines(&inputs.memory.learned.baselines, desired, difference, guarded, sources, |source| {
            source.granted
        }),
        addressed: baselines(&inputs.memory.learned.addressed, desired, difference, guarded, sources, |source| {
            source.addressed
        }),
        files: files(inputs, guarded),
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
fn person_links(
    inputs: &Inputs<'_>,
    desired: &DesiredState,
    people: &Resolution,
) -> BTreeMap<(SourceName, PersonKey), AccountId> {
    let mut links = inputs.memory.learned.person_links.clone();
    links.retain(|(source, key), _| {
        let found = inputs.sources.iter().find(|own| own.name == *source);
        found.is_some_and(|source| {
            let is_there = source.people.binary_search_by(|person| person.key.cmp(key)).is_ok();
            is_there || !source.completeness.is_complete()
        })
    });
    for person in desired.values().flat_map(|group| group.grants.keys()) {
        let Some(source) = inputs.sources.get(person.source as usize) else {
            continue;
        };
        let Some(entry) = source.people.get(person.person as usize).filter(|entry| entry.immutable) else {
            continue;
        };
        let key = (source.name.clone(), entry.key.clone());
        if let Some(Resolved::Account(at)) = people.of(*person)
            && let Some(account) = inputs.live.accounts.get(*at as usize)
        {
            links.insert(key, account.id.clone());
        }
    }
    links
}

/// Memberships that rosterd made and that are no longer there. Whoever makes them again by hand makes
/// another membership, which is not rosterd's own.
pub fn lapsed(inputs: &Inputs<'_>) -> Vec<(GroupId, AccountId)> {
    let mut lapsed = Vec::new();
    for (id, accounts) in inputs.memory.owned.iter() {
        let Some(group) = inputs.live.group(id) else { continue };
        let gone = accounts.iter().filter(|account| !inputs.live.is_member(group, account));
        lapsed.extend(gone.map(|account| (id.clone(), account.clone())));
    }
    lapsed
}

/// Feeds that are there, and those that are not: they go on being missed, or (accepted as empty) being
/// known, until they come back.
fn feeds(inputs: &Inputs<'_>, desired: &DesiredState) -> BTreeMap<GroupName, Vec<Feed>> {
    let mut all = BTreeMap::new();
    for (name, group) in desired {
        let before = inputs.memory.learned.feeds.get(name);
        let absent = group.missing.iter().chain(&group.accepted).map(|missing| &missing.feed);
        let missed = absent.filter(|feed| before.is_some_and(|before| before.contains(feed)));
        let mut feeds: Vec<Feed> = group.feeds.iter().chain(missed).cloned().collect();
        feeds.sort();
        feeds.dedup();
        if !feeds.is_empty() {
            all.insert(name.clone(), feeds);
        }
    }
    all
}

fn settled(inputs: &Inputs<'_>, difference: &Difference, guarded: &Guarded) -> BTreeMap<GroupName, String> {
    let mut settled = BTreeMap::new();
    for (name, facts) in &difference.groups {
        let id = facts.summary.id.as_ref();
        let waits = guarded.unsettled.contains(name)
            || facts.summary.standing == GroupStanding::Unusable
            || (id.is_none() && !is_created(difference, name));
        let digest = if waits {
            inputs.memory.learned.settled.get(name).cloned()
        } else {
            Some(mapping::digest(inputs.policy, name, facts.summary.mode, id))
        };
        if let Some(digest) = digest {
            settled.insert(name.clone(), digest);
        }
    }
    settled
}

fn is_created(difference: &Difference, name: &GroupName) -> bool {
    let created =
        |change: &Change| change.key.op == Op::CreateGroup && change.key.group == *name && change.is_cleared();
    difference.changes.iter().any(created)
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

/// Accounts whose removal from a group that the source feeds is held.
fn waiting<'a>(desired: &DesiredState, difference: &'a Difference, source: &SourceName) -> BTreeSet<&'a AccountId> {
    let feeds = |name: &GroupName| desired.get(name).is_some_and(|group| group.sources.contains(source));
    let held =
        |change: &&Change| change.key.op == Op::RemoveMember && !change.holds.is_empty() && feeds(&change.key.group);
    difference.changes.iter().filter(held).filter_map(|change| change.key.account.as_ref()).collect()
}
