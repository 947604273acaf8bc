//! The facts behind a decision, for those who ask why. Nothing is decided here.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::BTreeMap;

use crate::model::address::Address;
use crate::model::desired::{DesiredGroup, PersonRef};
use crate::model::directory::{Completeness, DirectoryGroup, Person, SourceKind, SourceSnapshot};
use crate::model::facts::{
    ChangeFacts, DirectoryFacts, Facts, FeedFacts, Found, GroupFacts, HoldFacts, MappingFacts, SkipFacts, SourceFacts,
};
use crate::model::id::{GroupName, RunId};
use crate::model::live::AccountIndex;
use crate::model::plan::{Change, GroupStanding, GroupSummary, Plan, Why};
use crate::model::policy::{Mapping, Selector};
use crate::model::run::ChangeResult;

use super::mapping::{Names, Yields, by_pattern, indexed, target_of};
use super::resolve::{LeftOut, Resolution, Resolved, Rules};
use super::{Decision, Inputs};

/// The facts of a decision; nothing was carried out yet.
pub fn of<'a>(inputs: &Inputs<'a>, decision: &Decision, run: &RunId) -> Facts<'a> {
    let plan = decision.cleared.plan();
    let behind = behind(inputs, &decision.people);
    let mut roots: Vec<Vec<u32>> = vec![Vec::new(); inputs.sources.len()];
    let mut feeds: BTreeMap<&GroupName, Vec<FeedFacts>> = BTreeMap::new();
    let meant = meant(inputs);
    let yields = Yields::of(inputs.policy);
    let rules = Rules::of(&inputs.policy.identity);
    for group in &plan.groups {
        let wanted = decision.desired.get(&group.name);
        let found = wanted.map(|wanted| feeds_of(inputs, &yields, &meant, &group.name, wanted)).unwrap_or_default();
        for feed in &found {
            if let (Found::Group(at), Some(roots)) = (&feed.found, roots.get_mut(feed.source as usize)) {
                roots.push(*at);
            }
        }
        feeds.insert(&group.name, found);
    }
    let mut sources = Vec::with_capacity(inputs.sources.len());
    let mut places = Vec::with_capacity(inputs.sources.len());
    for ((at, source), roots) in (0..).zip(inputs.sources).zip(roots) {
        let (groups, place) = directory(source, roots);
        let mut facts = SourceFacts {
            name: source.name.clone(),
            kind: match source.kind {
                SourceKind::Csv => "csv".to_owned(),
                SourceKind::Ldap => "ldap".to_owned(),
            },
            unread: missing(&source.completeness),
            everyone: source.everyone,
            evidence: source.read.in_full(&source.evidence, inputs.now),
            people: Cow::Borrowed(&source.people),
            meant: Vec::with_capacity(source.people.len()),
            sought: BTreeMap::new(),
            left_out: BTreeMap::new(),
            groups,
        };
        for (person_at, person) in (0..).zip(&source.people) {
            let key = PersonRef { source: at, person: person_at };
            self::person(inputs, &rules, &decision.people, &behind, key, person, &mut facts);
        }
        sources.push(facts);
        places.push(place);
    }
    let groups = plan.groups.iter().map(|group| {
        let mut feeds = feeds.remove(&group.name).unwrap_or_default();
        for feed in &mut feeds {
            if let Found::Group(at) = &mut feed.found {
                *at = places.get(feed.source as usize).and_then(|place| place.get(at)).copied().unwrap_or(u32::MAX);
            }
        }
        target(inputs, plan, group, feeds)
    });
    Facts {
        run: run.clone(),
        at: inputs.now,
        complete: plan.complete,
        own: inputs.live.own.clone(),
        groups: groups.collect(),
        sources,
        mappings: inputs.policy.mappings.iter().map(mapping).collect(),
        accounts: Cow::Borrowed(&inputs.live.accounts),
        holds: (plan.holds.iter())
            .map(|hold| {
                (hold.id.to_string(), HoldFacts { rule: hold.rule.as_str().to_owned(), text: hold.text.clone() })
            })
            .collect(),
    }
}

/// Notes what became of the plan's changes: `results` has one for each, in their order.
pub fn made(facts: &mut Facts<'_>, plan: &Plan, results: &[ChangeResult]) {
    let mut groups: BTreeMap<GroupName, &mut GroupFacts> =
        facts.groups.iter_mut().map(|group| (group.name.clone(), group)).collect();
    let mut at: BTreeMap<&GroupName, usize> = BTreeMap::new();
    for (change, result) in plan.changes.iter().zip(results) {
        // The changes of a group stand in the same order in both.
        let index = at.entry(&change.key.group).or_default();
        let facts = groups.get_mut(&change.key.group).and_then(|group| group.changes.get_mut(*index));
        *index += 1;
        if let Some(facts) = facts {
            facts.result = Some(result.as_str().to_owned());
            facts.error = result.error().map(str::to_owned);
        }
    }
}

fn missing(completeness: &Completeness) -> Option<String> {
    match completeness {
        Completeness::Complete => None,
        Completeness::Incomplete { why } => Some(why.clone()),
    }
}

/// A mapping, as it is told.
pub(super) fn mapping(mapping: &Mapping) -> MappingFacts {
    MappingFacts {
        source: mapping.source.clone(),
        from: mapping.from.as_str().to_owned(),
        pattern: matches!(mapping.from, Selector::Pattern(_)),
        to: mapping.to.clone(),
    }
}

/// The accounts that people mean whom the decision gave none, sorted.
fn behind(inputs: &Inputs<'_>, people: &Resolution) -> Vec<(PersonRef, AccountIndex)> {
    let mut behind = Vec::new();
    for (at, _) in (0..).zip(&inputs.live.accounts) {
        let open = people.behind(at).filter(|person| !matches!(people.of(*person), Some(Resolved::Account(_))));
        behind.extend(open.map(|person| (person, at)));
    }
    behind.sort_unstable();
    behind
}

/// Of the accounts that somebody means whom nothing grants anything, the one of the first address that
/// any of them bears.
fn nearest(
    inputs: &Inputs<'_>,
    behind: &[(PersonRef, AccountIndex)],
    key: PersonRef,
    sought: &[Address],
) -> Option<AccountIndex> {
    let from = behind.partition_point(|(person, _)| *person < key);
    let own = behind.iter().skip(from).take_while(|(person, _)| *person == key).map(|(_, at)| *at);
    let email = |at: AccountIndex| inputs.live.accounts.get(at as usize)?.email.as_ref();
    let bearer = |address: &Address| own.clone().find(|at| email(*at) == Some(address));
    sought.iter().find_map(bearer).or(own.clone().next())
}

/// Notes what is known of a person.
fn person(
    inputs: &Inputs<'_>,
    rules: &Rules<'_>,
    people: &Resolution,
    behind: &[(PersonRef, AccountIndex)],
    key: PersonRef,
    person: &Person,
    facts: &mut SourceFacts<'_>,
) {
    let sought = rules.translate_all(&person.addresses);
    if *sought != *person.addresses {
        facts.sought.insert(key.person, sought.to_vec());
    }
    let meant = || nearest(inputs, behind, key, &sought);
    let (account, left_out) = match people.of(key) {
        Some(Resolved::Account(at)) => (Some(at), None),
        Some(Resolved::LeftOut(LeftOut { why, account, detail, .. })) => {
            // Who is ignored was not even looked for.
            let account = if *why == Why::Ignored { meant() } else { *account };
            (account, Some((*why, detail.clone())))
        }
        None => (meant(), None),
    };
    facts.meant.push(account);
    if let Some(left_out) = left_out {
        facts.left_out.insert(key.person, left_out);
    }
}

/// The directory groups from which these are reached, and where each of them went.
fn directory(source: &SourceSnapshot, roots: Vec<u32>) -> (Vec<DirectoryFacts>, BTreeMap<u32, u32>) {
    let mut reached: BTreeMap<u32, &DirectoryGroup> = BTreeMap::new();
    let mut open = roots;
    while let Some(at) = open.pop() {
        let Some(group) = source.groups.get(at as usize) else { continue };
        if reached.insert(at, group).is_none() {
            open.extend(&group.groups);
        }
    }
    let place: BTreeMap<u32, u32> = reached.keys().copied().zip(0..).collect();
    let facts = reached.values().map(|group| DirectoryFacts {
        name: group.name().to_owned(),
        partial: missing(&group.completeness),
        people: group.people.clone(),
        groups: group.groups.iter().filter_map(|at| place.get(at)).copied().collect(),
    });
    (facts.collect(), place)
}

/// Directory groups that a mapping means, by the target group that it makes of them.
type Meant = BTreeMap<GroupName, Vec<u32>>;

/// What each mapping means. Each name is held against each pattern once, however many target groups there
/// are.
fn meant(inputs: &Inputs<'_>) -> Vec<Meant> {
    let names: Vec<OnceCell<Names<'_>>> = inputs.sources.iter().map(|_| OnceCell::new()).collect();
    let of = |mapping: &Mapping| {
        let mut meant = Meant::new();
        let Some(source) = inputs.sources.iter().find(|source| source.name == mapping.source) else { return meant };
        match &mapping.from {
            Selector::Name(name) => {
                let names = names.iter().zip(inputs.sources).find(|(_, own)| own.name == source.name);
                let names = names.map(|(names, _)| names.get_or_init(|| Names::of(source)));
                let groups = names.map_or(&[][..], |names| names.bearers(name)).to_vec();
                meant.insert(GroupName::new(mapping.to.trim()), groups);
            }
            Selector::Pattern(_) => {
                for (at, group) in indexed(source) {
                    if let Some((_, Some(target))) = by_pattern(mapping, source.kind, group) {
                        meant.entry(target).or_default().push(at);
                    }
                }
            }
        }
        meant
    };
    inputs.policy.mappings.iter().map(of).collect()
}

/// What each mapping that may yield a target group came to.
fn feeds_of(
    inputs: &Inputs<'_>,
    yields: &Yields<'_>,
    meant: &[Meant],
    target: &GroupName,
    wanted: &DesiredGroup,
) -> Vec<FeedFacts> {
    let mut feeds = Vec::new();
    for (at, mapping) in yields.to(target.as_str()) {
        let Some(meant) = meant.get(at) else { continue };
        let source = (0..).zip(inputs.sources).find(|(_, source)| source.name == mapping.source);
        let Some((source_at, source)) = source else { continue };
        let groups = meant.get(target).map_or(&[][..], Vec::as_slice);
        for found in found(mapping, source, groups, target, wanted) {
            feeds.push(FeedFacts { mapping: u32::try_from(at).unwrap_or(u32::MAX), source: source_at, found });
        }
    }
    feeds
}

fn found(
    mapping: &Mapping,
    source: &SourceSnapshot,
    groups: &[u32],
    target: &GroupName,
    wanted: &DesiredGroup,
) -> Vec<Found> {
    let missing = |accepted: bool| {
        let list = if accepted { &wanted.accepted } else { &wanted.missing };
        let meant = list.iter().filter(move |missing| {
            missing.feed.source == source.name
                && match &mapping.from {
                    Selector::Name(name) => missing.feed.name == *name,
                    Selector::Pattern(_) => {
                        target_of(mapping, source.kind, &missing.feed.name) == Some(Some(target.clone()))
                    }
                }
        });
        meant.map(move |missing| Found::Missing {
            name: missing.feed.name.clone(),
            renamed_to: missing.renamed_to.clone(),
            accepted,
        })
    };
    let by_name = matches!(mapping.from, Selector::Name(_));
    let mut found: Vec<Found> = match groups {
        [_, _, ..] if by_name => vec![Found::Doubled],
        groups => groups.iter().map(|at| Found::Group(*at)).collect(),
    };
    found.extend(missing(false).chain(missing(true)));
    if found.is_empty() {
        found.push(if source.completeness.is_complete() { Found::Nothing } else { Found::Unread });
    }
    found
}

fn target(inputs: &Inputs<'_>, plan: &Plan, summary: &GroupSummary, feeds: Vec<FeedFacts>) -> GroupFacts {
    let live = summary.id.as_ref().and_then(|id| inputs.live.group(id));
    let of = |change: &&Change| change.key.group == summary.name;
    let from = plan.changes.partition_point(|change| change.key.group < summary.name);
    let changes = plan.changes.iter().skip(from).take_while(of);
    let skips_from = plan.skips.partition_point(|skip| skip.group < summary.name);
    let skips = plan.skips.iter().skip(skips_from).take_while(|skip| skip.group == summary.name);
    GroupFacts {
        name: summary.name.clone(),
        id: summary.id.clone(),
        mode: summary.mode,
        ready: summary.standing == GroupStanding::Ready,
        complete: summary.complete,
        members: live.map(|live| live.members.clone()).unwrap_or_default(),
        strangers: live.map(|live| live.strangers.clone()).unwrap_or_default(),
        feeds,
        problems: summary.problems.iter().map(ToString::to_string).collect(),
        changes: changes
            .map(|change| ChangeFacts {
                op: change.key.op,
                account: change.key.account.clone(),
                reason: change.reason,
                report: change.report,
                holds: change.holds.iter().map(ToString::to_string).collect(),
                result: None,
                error: None,
            })
            .collect(),
        skips: skips
            .map(|skip| SkipFacts { person: skip.person.clone(), why: skip.why, detail: skip.detail.clone() })
            .collect(),
    }
}
