//! What a full run may remember. Nothing moves that the run held, or that it did not read to its end.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::desired::{DesiredState, Feed};
use crate::model::id::{AccountId, GroupName, PersonKey, SourceName};
use crate::model::memory::Learned;
use crate::model::plan::{GroupStanding, SourceSummary};

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
        feeds: feeds(inputs, desired, guarded),
        settled: settled(inputs, difference, guarded),
        baselines: baselines(inputs, guarded, sources),
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

/// Accounts of granted people with an immutable id. Somebody who could not be resolved this time keeps
/// the link.
fn person_links(
    inputs: &Inputs<'_>,
    desired: &DesiredState,
    people: &Resolution,
) -> BTreeMap<(SourceName, PersonKey), AccountId> {
    let mut links = BTreeMap::new();
    for person in desired.values().flat_map(|group| group.grants.keys()) {
        let Some(source) = inputs.sources.get(person.source as usize) else {
            continue;
        };
        let Some(entry) = source.people.get(person.person as usize).filter(|entry| entry.immutable) else {
            continue;
        };
        let key = (source.name.clone(), entry.key.clone());
        let account = match people.of(*person) {
            Some(Resolved::Account(at)) => inputs.live.accounts.get(*at as usize).map(|account| account.id.clone()),
            Some(Resolved::LeftOut { .. }) | None => inputs.memory.learned.person_links.get(&key).cloned(),
        };
        if let Some(account) = account {
            links.insert(key, account);
        }
    }
    links
}

/// Feeds that are there, and those that are missing and not accepted: they go on being missed.
fn feeds(inputs: &Inputs<'_>, desired: &DesiredState, guarded: &Guarded) -> BTreeMap<GroupName, Vec<Feed>> {
    let mut all = BTreeMap::new();
    for (name, group) in desired {
        let before = inputs.memory.learned.feeds.get(name);
        let missed = group.missing.iter().map(|missing| &missing.feed).filter(|feed| {
            let accepted = guarded.accepted.contains(&(feed.source.clone(), feed.name.clone(), name.clone()));
            !accepted && before.is_some_and(|before| before.contains(feed))
        });
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
        let waits = guarded.unsettled.contains(name) || facts.summary.standing == GroupStanding::Unusable;
        let digest = if waits {
            inputs.memory.learned.settled.get(name).cloned()
        } else {
            Some(mapping::digest(inputs.policy, name, facts.summary.mode))
        };
        if let Some(digest) = digest {
            settled.insert(name.clone(), digest);
        }
    }
    settled
}

fn baselines(inputs: &Inputs<'_>, guarded: &Guarded, sources: &[SourceSummary]) -> BTreeMap<SourceName, u64> {
    let mut baselines = BTreeMap::new();
    for source in sources {
        let before = inputs.memory.learned.baselines.get(&source.name).copied();
        let count = if source.complete && !guarded.frozen_baselines.contains(&source.name) {
            Some(source.granted as u64)
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
