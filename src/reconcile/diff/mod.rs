//! Desired × live: changes, and skips for the steps deliberately not taken. No no-ops, nothing twice.

mod doubles;
mod group;
mod marks;
mod members;
mod removal;

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::model::address::Address;
use crate::model::desired::DesiredState;
use crate::model::id::{AccountId, GroupId, GroupName, SourceName};
use crate::model::plan::{Change, GroupSummary, Skip};

use super::Inputs;
use super::find::{Found, find};
use super::lapsed::Lapsed;
use super::resolve::{Bearers, Resolution, Rules};
use group::GroupDiff;
use marks::Marks;

/// The difference between what should be and what is.
#[derive(Debug, Default)]
pub struct Difference {
    /// Sorted by key.
    pub changes: Vec<Change>,
    /// Sorted, each once.
    pub skips: Vec<Skip>,
    /// Every target group, with what the guard needs to know of it.
    pub groups: BTreeMap<GroupName, GroupFacts>,
    /// Since when somebody is absent whose removal waits, or waited, for its grace period.
    pub pending: BTreeMap<(GroupName, AccountId), Timestamp>,
    /// Live memberships of all mapped groups, selected or not: the base of a run's limits.
    pub memberships: usize,
    /// Memberships that rosterd made and that are no longer there, in groups that are mapped or not; sorted.
    pub lapsed: Vec<(GroupId, AccountId)>,
}

/// One target group, as the guard sees it.
#[derive(Debug)]
pub struct GroupFacts {
    /// As the plan shows it.
    pub summary: GroupSummary,
    /// Accounts that should be members and may be.
    pub desired_accounts: usize,
    /// Addresses that `expect` names and nobody grants.
    pub not_granted: Vec<Address>,
    /// Removals that wait for their grace period.
    pub in_grace: usize,
    /// The id by which the group is to be followed.
    pub link: Option<GroupId>,
}

impl Difference {
    /// Keeps the target groups of `--group` alone. The base of a run's limits stays.
    pub fn retain(&mut self, only: &BTreeSet<GroupName>) {
        self.changes.retain(|change| only.contains(&change.key.group));
        self.skips.retain(|skip| only.contains(&skip.group));
        self.groups.retain(|name, _| only.contains(name));
    }

    /// Target groups that are there (or were, before a mapping named them), with their ids.
    pub fn links(&self) -> Vec<(GroupName, GroupId)> {
        let of = |(name, facts): (&GroupName, &GroupFacts)| Some((name.clone(), facts.link.clone()?));
        self.groups.iter().filter_map(of).collect()
    }
}

/// Compares every target group.
pub fn diff(
    inputs: &Inputs<'_>,
    desired: &DesiredState,
    people: &Resolution,
    rules: &Rules<'_>,
    bearers: &Bearers<'_>,
) -> Difference {
    let found = find(inputs, desired.keys());
    let common = Common {
        inputs,
        people,
        rules,
        bearers,
        complete: inputs.sources.iter().map(|source| source.completeness.is_complete()).collect(),
        linked: OnceCell::new(),
    };
    let mut difference = Difference::default();
    let mut marks = Marks::new(inputs.live.accounts.len());
    let mut lapsed = Lapsed::of(&inputs.memory.owned, inputs.live);
    let mut groups = Vec::with_capacity(found.len());
    for ((name, wanted), found) in desired.iter().zip(&found) {
        let facts = GroupDiff::new(&common, name, wanted, found.group()).run(found, &mut marks, &mut difference);
        if let Found::Group { at, .. } = found {
            lapsed.look(*at);
        }
        groups.push((name.clone(), facts));
    }
    // Sorted already, so that the map is built in one go.
    difference.groups = groups.into_iter().collect();
    difference.changes.sort_by(|a, b| a.key.cmp(&b.key));
    difference.skips.sort();
    difference.skips.dedup();
    difference.lapsed = lapsed.finish();
    difference
}

/// What the comparisons of all target groups share.
struct Common<'a> {
    inputs: &'a Inputs<'a>,
    people: &'a Resolution,
    rules: &'a Rules<'a>,
    bearers: &'a Bearers<'a>,
    /// Sources that were read to their end, by index.
    complete: Vec<bool>,
    linked: OnceCell<BTreeSet<(&'a SourceName, &'a str)>>,
}

impl<'a> Common<'a> {
    /// Accounts that somebody of a source was, by the links of the last full run.
    fn linked(&self) -> &BTreeSet<(&'a SourceName, &'a str)> {
        self.linked.get_or_init(|| {
            let links = &self.inputs.memory.learned.person_links;
            links.sources().flat_map(|source| links.of(source).map(move |(_, account)| (source, account))).collect()
        })
    }
}
