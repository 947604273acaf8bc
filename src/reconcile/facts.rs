//! The facts behind a decision, for those who ask why. Nothing is decided here.

use std::collections::BTreeMap;

use crate::model::address::Address;
use crate::model::desired::{DesiredGroup, PersonRef};
use crate::model::directory::{Completeness, DirectoryGroup, Person, SourceKind, SourceSnapshot};
use crate::model::facts::{
    AccountFacts, ChangeFacts, DirectoryFacts, Facts, FeedFacts, Found, GroupFacts, HoldFacts, MappingFacts,
    PersonFacts, SkipFacts, SourceFacts,
};
use crate::model::id::{GroupName, RunId};
use crate::model::live::AccountIndex;
use crate::model::plan::{Change, GroupStanding, GroupSummary, Plan, Why};
use crate::model::policy::{Mapping, Selector};
use crate::model::run::ChangeResult;

use super::mapping::{indexed, may_yield, named, target_of};
use super::resolve::{Resolution, Resolved, translate};
use super::{Decision, Inputs};

/// The facts of a decision; nothing was carried out yet.
pub fn of(inputs: &Inputs<'_>, decision: &Decision, run: &RunId) -> Facts {
    let plan = decision.cleared.plan();
    let accounts = accounts_behind(inputs, &decision.people);
    let mut roots: Vec<Vec<u32>> = vec![Vec::new(); inputs.sources.len()];
    let mut feeds: BTreeMap<&GroupName, Vec<FeedFacts>> = BTreeMap::new();
    let meant = meant(inputs);
    for group in &plan.groups {
        let wanted = decision.desired.get(&group.name);
        let found = wanted.map(|wanted| feeds_of(inputs, &meant, &group.name, wanted)).unwrap_or_default();
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
        let people = (0..).zip(&source.people).map(|(person_at, person)| {
            let key = PersonRef { source: at, person: person_at };
            self::person(inputs, &decision.people, &accounts, key, person)
        });
        sources.push(SourceFacts {
            name: source.name.clone(),
            kind: match source.kind {
                SourceKind::Csv => "csv".to_owned(),
                SourceKind::Ldap => "ldap".to_owned(),
            },
            unread: missing(&source.completeness),
            everyone: source.everyone,
            evidence: source.evidence.clone(),
            people: people.collect(),
            groups,
        });
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
        accounts: inputs
            .live
            .accounts
            .iter()
            .map(|account| AccountFacts {
                id: account.id.clone(),
                email: account.email.as_ref().map(Address::to_string),
                kind: account.kind.clone(),
                standing: account.standing,
            })
            .collect(),
        holds: (plan.holds.iter())
            .map(|hold| {
                (hold.id.to_string(), HoldFacts { rule: hold.rule.as_str().to_owned(), text: hold.text.clone() })
            })
            .collect(),
    }
}

/// Notes what became of the plan's changes: `results` has one for each, in their order.
pub fn made(facts: &mut Facts, plan: &Plan, results: &[ChangeResult]) {
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

fn mapping(mapping: &Mapping) -> MappingFacts {
    MappingFacts {
        source: mapping.source.clone(),
        from: mapping.from.as_str().to_owned(),
        pattern: matches!(mapping.from, Selector::Pattern(_)),
        to: mapping.to.clone(),
    }
}

/// The accounts that people mean, granted or not.
fn accounts_behind(inputs: &Inputs<'_>, people: &Resolution) -> BTreeMap<PersonRef, Vec<AccountIndex>> {
    let mut behind: BTreeMap<PersonRef, Vec<AccountIndex>> = BTreeMap::new();
    for (at, _) in (0..).zip(&inputs.live.accounts) {
        for person in people.behind(at) {
            behind.entry(person).or_default().push(at);
        }
    }
    behind
}

/// Of the accounts that somebody means whom nothing grants anything, the one of the first address that
/// any of them bears.
fn nearest(inputs: &Inputs<'_>, accounts: &[AccountIndex], sought: &[Address]) -> Option<AccountIndex> {
    let email = |at: &AccountIndex| inputs.live.accounts.get(*at as usize)?.email.as_ref();
    let bearer = |address: &Address| accounts.iter().find(|at| email(at) == Some(address));
    sought.iter().find_map(bearer).or(accounts.first()).copied()
}

fn person(
    inputs: &Inputs<'_>,
    people: &Resolution,
    behind: &BTreeMap<PersonRef, Vec<AccountIndex>>,
    key: PersonRef,
    person: &Person,
) -> PersonFacts {
    let sought: Vec<Address> =
        person.addresses.iter().map(|address| translate(&inputs.policy.identity, address)).collect();
    let meant = || nearest(inputs, behind.get(&key).map_or(&[], Vec::as_slice), &sought);
    let (account, left_out) = match people.of(key) {
        Some(Resolved::Account(at)) => (Some(*at), None),
        // Who is ignored was not even looked for.
        Some(Resolved::LeftOut { why: Why::Ignored, detail, .. }) => (meant(), Some((Why::Ignored, detail.clone()))),
        Some(Resolved::LeftOut { why, account, detail }) => (*account, Some((*why, detail.clone()))),
        None => (meant(), None),
    };
    let same = sought == person.addresses;
    PersonFacts {
        key: person.key.to_string(),
        immutable: person.immutable,
        addresses: person.addresses.iter().map(Address::to_string).collect(),
        sought: if same { Vec::new() } else { sought.iter().map(Address::to_string).collect() },
        disabled: person.disabled,
        origin: person.origin.clone(),
        account,
        left_out,
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
    let of = |mapping: &Mapping| {
        let mut meant = Meant::new();
        let Some(source) = inputs.sources.iter().find(|source| source.name == mapping.source) else { return meant };
        match &mapping.from {
            Selector::Name(name) => {
                let groups = named(source, name).iter().map(|(at, _)| *at).collect();
                meant.insert(GroupName::new(mapping.to.trim()), groups);
            }
            Selector::Pattern(_) => {
                for (at, group) in indexed(source) {
                    let target = group.names.iter().find_map(|name| target_of(mapping, source.kind, name));
                    if let Some(Some(target)) = target {
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
fn feeds_of(inputs: &Inputs<'_>, meant: &[Meant], target: &GroupName, wanted: &DesiredGroup) -> Vec<FeedFacts> {
    let mut feeds = Vec::new();
    for ((at, mapping), meant) in (0..).zip(&inputs.policy.mappings).zip(meant) {
        if !may_yield(mapping, target.as_str()) {
            continue;
        }
        let source = (0..).zip(inputs.sources).find(|(_, source)| source.name == mapping.source);
        let Some((source_at, source)) = source else { continue };
        let groups = meant.get(target).map_or(&[][..], Vec::as_slice);
        for found in found(mapping, source, groups, target, wanted) {
            feeds.push(FeedFacts { mapping: at, source: source_at, found });
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
