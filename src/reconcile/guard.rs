//! The guard: changes × limits × approvals → holds, and the only place that can build a
//! [`ClearedPlan`]. What is held is left alone; everything else goes ahead.
//!
//! The order is part of the rules: first what a group's removals depend on, then the limits of each
//! group, then those of sources and of the run over what the groups' rules let through. What a person
//! approved under one rule is not measured by the rules after it. One hold is judged at a time: its
//! changes are collected, its id is made of them, and an approval lets them through only if it covers
//! them all. A lower limit never lets more through: no limit of a run is measured over what another one
//! left.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::desired::{DesiredGroup, DesiredState, Feed, Missing};
use crate::model::hold::{Approval, Hold, HoldId, Rule, Scope};
use crate::model::id::{GroupName, SourceName};
use crate::model::plan::{Change, ChangeKey, Op, Plan, SourceSummary};
use crate::model::policy::{FirstRemovals, Mode};
use crate::model::problem::Problem;

use super::Inputs;
use super::diff::{Difference, GroupFacts};
use super::mapping;
use super::steps::{Step, steps};

/// A plan that has passed the guard, with the steps of it that may be taken. It can be built here
/// alone, so that skipping the guard does not compile.
#[derive(Debug, Clone)]
pub struct ClearedPlan {
    plan: Plan,
    steps: Vec<Step>,
}

impl ClearedPlan {
    pub(super) fn clear(mut plan: Plan, max_users_per_call: usize) -> Self {
        let steps = steps(&plan.changes, max_users_per_call);
        plan.writes = u32::try_from(steps.len()).unwrap_or(u32::MAX);
        Self { plan, steps }
    }

    /// The whole plan, held and reported changes included.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The calls to make, in order.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The plan alone: what is left of it in a dry run.
    pub fn into_plan(self) -> Plan {
        self.plan
    }
}

/// What the guard found.
#[derive(Debug, Default)]
pub struct Guarded {
    /// Holds, the approved ones included, by id.
    pub holds: Vec<Hold>,
    /// Sources whose baseline must not move.
    pub frozen_baselines: BTreeSet<SourceName>,
    /// Target groups whose first full run is not over.
    pub unsettled: BTreeSet<GroupName>,
    /// Missing directory groups that a person accepted as empty in this run.
    pub accepted: BTreeSet<(SourceName, String, GroupName)>,
    /// What is worth saying beside the holds.
    pub problems: Vec<Problem>,
}

/// Judges the changes: marks each with the holds that it waits for, or the approval that lets it pass.
pub fn judge(
    inputs: &Inputs<'_>,
    desired: &DesiredState,
    sources: &[SourceSummary],
    difference: &mut Difference,
) -> Guarded {
    let mut guard = Guard { inputs, difference, guarded: Guarded::default(), held_by_group: BTreeSet::new() };
    let names: Vec<GroupName> = guard.difference.groups.keys().cloned().collect();
    guard.blind_creations();
    for name in &names {
        guard.conditions(name, desired);
    }
    for name in &names {
        guard.group_limits(name);
    }
    let emptied: BTreeSet<&GroupName> = names.iter().filter(|name| guard.empty(name)).collect();
    guard.held_by_group = guard.held();
    guard.source_shrink(desired, sources);
    guard.run_removals();
    guard.day_removals();
    guard.run_adds();
    // Additions that the run's limit holds do not take anybody's place.
    for name in names.iter().filter(|name| !emptied.contains(name)) {
        guard.empty(name);
    }
    guard.creations();
    guard.guarded.holds.sort_by(|a, b| a.id.cmp(&b.id));
    guard.guarded
}

/// A situation that a rule objects to.
struct Objection {
    rule: Rule,
    scope: Scope,
    limit: u64,
    measured: u64,
    /// Indices of the changes.
    changes: Vec<usize>,
    text: String,
}

struct Guard<'a, 'b> {
    inputs: &'a Inputs<'a>,
    difference: &'b mut Difference,
    guarded: Guarded,
    /// Indices of the changes that the rules of groups hold.
    held_by_group: BTreeSet<usize>,
}

impl Guard<'_, '_> {
    fn facts(&self, name: &GroupName) -> Option<&GroupFacts> {
        self.difference.groups.get(name)
    }

    /// Changes of a kind that are not reported only, in one group or (none) all.
    fn of(&self, op: Op, group: Option<&GroupName>) -> Vec<usize> {
        let changes = &self.difference.changes;
        // Changes are sorted by group first.
        let range = match group {
            Some(group) => {
                changes.partition_point(|change| change.key.group < *group)
                    ..changes.partition_point(|change| change.key.group <= *group)
            }
            None => 0..changes.len(),
        };
        let meant = |at: &usize| changes.get(*at).is_some_and(|change| change.key.op == op && !change.report);
        range.filter(meant).collect()
    }

    /// Those of them that no person has approved yet.
    fn unapproved(&self, op: Op, group: Option<&GroupName>) -> Vec<usize> {
        let mut changes = self.of(op, group);
        changes.retain(|at| self.difference.changes.get(*at).is_some_and(|change| change.approval.is_none()));
        changes
    }

    /// Those of them that the rules of their groups let through.
    fn passing(&self, op: Op) -> Vec<usize> {
        let mut changes = self.unapproved(op, None);
        changes.retain(|at| !self.held_by_group.contains(at));
        changes
    }

    /// Changes that wait for something so far.
    fn held(&self) -> BTreeSet<usize> {
        let held = |(_, change): &(usize, &Change)| !change.holds.is_empty();
        self.difference.changes.iter().enumerate().filter(held).map(|(at, _)| at).collect()
    }

    /// Additions bring the creation of their group (and its lead) with them: a group is created with
    /// its first members in one call.
    fn with_creation(&self, mut changes: Vec<usize>) -> Vec<usize> {
        let groups: BTreeSet<&GroupName> =
            changes.iter().filter_map(|at| self.difference.changes.get(*at)).map(|change| &change.key.group).collect();
        let created: BTreeSet<&GroupName> = (self.difference.changes.iter())
            .filter(|change| change.key.op == Op::CreateGroup && groups.contains(&change.key.group))
            .map(|change| &change.key.group)
            .collect();
        for (at, change) in self.difference.changes.iter().enumerate() {
            let creation = matches!(change.key.op, Op::CreateGroup | Op::SetLead);
            if creation && created.contains(&change.key.group) {
                changes.push(at);
            }
        }
        changes.sort_unstable();
        changes.dedup();
        changes
    }

    /// Makes a hold of an objection, approved or not. Returns whether an approval covers it.
    fn hold(&mut self, objection: Objection) -> bool {
        let Objection { rule, scope, limit, measured, changes: at, text } = objection;
        let keys: BTreeSet<ChangeKey> =
            at.iter().filter_map(|at| self.difference.changes.get(*at)).map(|change| change.key.clone()).collect();
        let id = HoldId::of(rule, &scope, &keys);
        let approval = self.approval(rule, &scope, &keys);
        for at in at {
            let Some(change) = self.difference.changes.get_mut(at) else {
                continue;
            };
            match approval {
                Some(approval) => change.approval = change.approval.or(Some(approval)),
                None => change.holds.push(id.clone()),
            }
        }
        self.guarded.holds.push(Hold { id, rule, scope, limit, measured, changes: keys, text, approval });
        approval.is_some()
    }

    fn approval(&self, rule: Rule, scope: &Scope, keys: &BTreeSet<ChangeKey>) -> Option<usize> {
        let scope = scope.to_string();
        let fits = |approval: &Approval| {
            approval.rule == rule
                && approval.scope == scope
                && approval.expires > self.inputs.now
                && keys.is_subset(&approval.changes)
        };
        self.inputs.memory.approvals.iter().position(fits)
    }

    /// What a group's removals (and creation) depend on, whatever their number.
    fn conditions(&mut self, name: &GroupName, desired: &DesiredState) {
        if self.inputs.policy.group(name).mode == Mode::Report {
            return;
        }
        if let Some(group) = desired.get(name) {
            self.missed(name, group);
        }
        self.first_run(name);
        self.expect(name);
        self.min_members(name);
    }

    /// Directory groups that bore one name are one hold.
    fn missed(&mut self, name: &GroupName, group: &DesiredGroup) {
        for accepted in &group.accepted {
            let changes = self.of(Op::RemoveMember, Some(name));
            self.remainder(Rule::Missing, &directory(name, &accepted.feed), &changes);
        }
        let mut names: BTreeMap<(&SourceName, &str), &Missing> = BTreeMap::new();
        for missing in &group.missing {
            let entry = names.entry((&missing.feed.source, &missing.feed.name)).or_insert(missing);
            if entry.renamed_to.is_none() {
                *entry = missing;
            }
        }
        for missing in names.into_values() {
            self.missing(name, missing);
        }
    }

    fn missing(&mut self, name: &GroupName, missing: &Missing) {
        let changes = self.of(Op::RemoveMember, Some(name));
        let feed = &missing.feed;
        let text = match &missing.renamed_to {
            Some(to) => {
                format!("directory group {:?} was renamed to {to:?}; the mapping wants the new name", feed.name)
            }
            None => format!("directory group {:?} is not there; what it granted stays", feed.name),
        };
        let approved = self.hold(Objection {
            rule: Rule::Missing,
            scope: directory(name, feed),
            limit: 0,
            measured: changes.len() as u64,
            changes,
            text,
        });
        if approved {
            self.guarded.accepted.insert((feed.source.clone(), feed.name.clone(), name.clone()));
        }
    }

    fn first_run(&mut self, name: &GroupName) {
        let policy = self.inputs.policy;
        let settled = self.inputs.memory.learned.settled.get(name);
        let id = self.facts(name).and_then(|facts| facts.summary.id.as_ref());
        let over = mapping::is_settled(settled, policy, name, id);
        let changes = self.of(Op::RemoveMember, Some(name));
        if over || policy.guard.first_removals == FirstRemovals::Apply {
            self.remainder(Rule::FirstRun, &Scope::Group(name.clone()), &changes);
            return;
        }
        // Somebody whose grace period runs would be removed by a later run as if this one had settled it.
        if self.facts(name).is_some_and(|facts| facts.in_grace > 0) {
            self.guarded.unsettled.insert(name.clone());
        }
        if changes.is_empty() {
            return;
        }
        let cause = match settled {
            Some(_) => "its mappings, mode or id changed",
            None => "this is its first full run",
        };
        let approved = self.hold(Objection {
            rule: Rule::FirstRun,
            scope: Scope::Group(name.clone()),
            limit: 0,
            measured: changes.len() as u64,
            text: format!("{cause}: {} to be looked at by a person", removals(changes.len())),
            changes,
        });
        if !approved {
            self.guarded.unsettled.insert(name.clone());
        }
    }

    /// An organisation that shows no groups to an account that may be too weak to see them. That is one
    /// thing to approve: once the first group is there, the organisation shows one.
    fn blind_creations(&mut self) {
        let blind = self.inputs.live.groups.is_empty() && self.inputs.memory.known_groups.is_empty();
        let creations = self.of(Op::CreateGroup, None);
        let additions = self.of(Op::AddMember, None);
        let measured = creations.len() as u64;
        let changes: Vec<usize> = creations.into_iter().chain(additions).collect();
        let changes = self.with_creation(changes);
        if !blind || measured == 0 {
            self.remainder(Rule::FirstRun, &Scope::Run, &changes);
            return;
        }
        self.hold(Objection {
            rule: Rule::FirstRun,
            scope: Scope::Run,
            limit: 0,
            measured,
            changes,
            text: "Hyperproof lists no group at all; an account with too low a role sees the same".to_owned(),
        });
    }

    fn expect(&mut self, name: &GroupName) {
        let changes = self.of(Op::RemoveMember, Some(name));
        let Some(facts) = self.facts(name).filter(|facts| !facts.not_granted.is_empty() && !changes.is_empty()) else {
            self.remainder(Rule::Expect, &Scope::Group(name.clone()), &changes);
            return;
        };
        let names: Vec<&str> = facts.not_granted.iter().map(|address| address.as_str()).collect();
        self.hold(Objection {
            rule: Rule::Expect,
            scope: Scope::Group(name.clone()),
            limit: 0,
            measured: names.len() as u64,
            text: format!("expected and not granted: {}", names.join(", ")),
            changes,
        });
    }

    fn min_members(&mut self, name: &GroupName) {
        let changes = self.of(Op::RemoveMember, Some(name));
        let limit = self.inputs.policy.group(name).min_members;
        let desired = self.facts(name).map_or(0, |facts| facts.desired_accounts);
        if desired as u64 >= u64::from(limit) || changes.is_empty() {
            self.remainder(Rule::MinMembers, &Scope::Group(name.clone()), &changes);
            return;
        }
        self.hold(Objection {
            rule: Rule::MinMembers,
            scope: Scope::Group(name.clone()),
            limit: u64::from(limit),
            measured: desired as u64,
            text: format!("{desired} desired members, at least {limit} are expected"),
            changes,
        });
    }

    fn group_limits(&mut self, name: &GroupName) {
        let policy = self.inputs.policy;
        let own = policy.group(name);
        let live = self.facts(name).map_or(0, |facts| facts.summary.live);
        let removals = own.group_removals.unwrap_or(policy.guard.group_removals).of(live);
        let adds = own.group_adds.unwrap_or(policy.guard.group_adds).of(live);
        let scope = || Scope::Group(name.clone());
        self.limit(Rule::GroupRemovals, scope(), removals, self.unapproved(Op::RemoveMember, Some(name)), 0);
        self.limit(Rule::GroupAdds, scope(), adds, self.unapproved(Op::AddMember, Some(name)), 0);
    }

    /// Holds changes that are, with those made `before`, more than a limit.
    fn limit(&mut self, rule: Rule, scope: Scope, limit: u64, changes: Vec<usize>, before: u64) {
        let measured = (changes.len() as u64).saturating_add(before);
        if measured <= limit || changes.is_empty() {
            self.remainder(rule, &scope, &changes);
            return;
        }
        let removing = matches!(rule, Rule::GroupRemovals | Rule::RunRemovals | Rule::DayRemovals);
        let what = if removing { "removals" } else { "additions" };
        let within = match rule {
            Rule::DayRemovals => " within 24 hours",
            Rule::RunRemovals | Rule::RunAdds => " in this run",
            _ => "",
        };
        self.hold(Objection {
            rule,
            scope,
            limit,
            measured,
            text: format!("{measured} {what}{within}, the limit is {limit}"),
            changes: if removing { changes } else { self.with_creation(changes) },
        });
    }

    /// What is left of an approved set after a crash may be nothing to object to by itself. It is
    /// approved all the same, so the rules after this one do not measure it.
    fn remainder(&mut self, rule: Rule, scope: &Scope, changes: &[usize]) {
        if self.inputs.memory.approvals.is_empty() {
            return;
        }
        for at in changes {
            let Some(key) = self.difference.changes.get(*at).map(|change| BTreeSet::from([change.key.clone()])) else {
                continue;
            };
            let approval = self.approval(rule, scope, &key);
            if let Some(change) = self.difference.changes.get_mut(*at) {
                change.approval = change.approval.or(approval);
            }
        }
    }

    fn source_shrink(&mut self, desired: &DesiredState, sources: &[SourceSummary]) {
        for source in sources.iter().filter(|source| source.complete) {
            let fewer = self.fewer_people(source);
            let missing = self.missing_files(&source.name);
            let (limit, measured) = match &fewer {
                Some((limit, measured, _)) => (*limit, *measured),
                None => (0, missing.as_ref().map_or(0, |(count, _)| *count)),
            };
            let fed: Vec<&GroupName> = desired
                .iter()
                .filter(|(_, group)| group.sources.contains(&source.name))
                .map(|(name, _)| name)
                .collect();
            let texts: Vec<String> =
                fewer.map(|(.., text)| text).into_iter().chain(missing.map(|(_, text)| text)).collect();
            if texts.is_empty() {
                let changes: Vec<usize> = fed.iter().flat_map(|name| self.of(Op::RemoveMember, Some(name))).collect();
                self.remainder(Rule::SourceShrink, &Scope::Source(source.name.clone()), &changes);
            } else {
                self.shrunk(&fed, &source.name, limit, measured, texts.join("; "));
            }
        }
    }

    /// Limit, measured value and sentence, where a source grants far fewer people than before.
    fn fewer_people(&self, source: &SourceSummary) -> Option<(u64, u64, String)> {
        let baseline = *self.inputs.memory.learned.baselines.get(&source.name)?;
        let limit = self.inputs.policy.guard.source_shrink.of(usize::try_from(baseline).unwrap_or(usize::MAX));
        let measured = baseline.saturating_sub(source.granted as u64);
        let text = format!(
            "{} grants {} people, {baseline} at the last full run: {measured} fewer, the limit is {limit}",
            source.name, source.granted
        );
        (measured > limit).then_some((limit, measured, text))
    }

    /// How many, and a sentence, where a source has fewer files than before: one may be late, and
    /// everybody in it would look gone. (Files that only changed their names are as many as before.)
    fn missing_files(&self, source: &SourceName) -> Option<(u64, String)> {
        const NAMED: usize = 3;
        let before = self.inputs.memory.learned.files.get(source)?;
        let now = &self.inputs.sources.iter().find(|own| own.name == *source)?.files;
        let count = before.len().checked_sub(now.len()).filter(|count| *count > 0)?;
        let gone: Vec<&str> = before.difference(now).map(String::as_str).collect();
        let more = match gone.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let named = gone.get(..NAMED).unwrap_or(&gone).join(", ");
        let text = format!(
            "{source} has {} of the {} files of the last full run; not there: {named}{more}",
            now.len(),
            before.len()
        );
        Some((count as u64, text))
    }

    fn shrunk(&mut self, fed: &[&GroupName], source: &SourceName, limit: u64, measured: u64, text: String) {
        let changes: Vec<usize> = fed.iter().flat_map(|name| self.unapproved(Op::RemoveMember, Some(name))).collect();
        if changes.is_empty() {
            // Nothing to hold yet. While people wait for their grace period, the loss must not be
            // forgotten before their removals come.
            if fed.iter().any(|name| self.facts(name).is_some_and(|facts| facts.in_grace > 0)) {
                self.guarded.frozen_baselines.insert(source.clone());
                self.guarded.problems.push(Problem::new(format!("source {source}"), text));
            }
            return;
        }
        let approved = self.hold(Objection {
            rule: Rule::SourceShrink,
            scope: Scope::Source(source.clone()),
            limit,
            measured,
            changes,
            text,
        });
        if !approved {
            self.guarded.frozen_baselines.insert(source.clone());
        }
    }

    fn run_adds(&mut self) {
        let limit = self.inputs.policy.guard.run_adds.of(self.difference.memberships);
        self.limit(Rule::RunAdds, Scope::Run, limit, self.passing(Op::AddMember), 0);
    }

    /// Counts the additions that nothing holds so far. Returns whether there was something to object to.
    fn empty(&mut self, name: &GroupName) -> bool {
        let changes = self.of(Op::RemoveMember, Some(name));
        let live = self.facts(name).map_or(0, |facts| facts.summary.live);
        let added = self.of(Op::AddMember, Some(name));
        let cleared = |at: &&usize| self.difference.changes.get(**at).is_some_and(|change| change.is_cleared());
        let left = (live + added.iter().filter(cleared).count()).saturating_sub(changes.len());
        if left > 0 || changes.is_empty() || self.inputs.policy.group(name).allow_empty {
            self.remainder(Rule::Empty, &Scope::Group(name.clone()), &changes);
            return false;
        }
        self.hold(Objection {
            rule: Rule::Empty,
            scope: Scope::Group(name.clone()),
            limit: 0,
            measured: changes.len() as u64,
            text: format!("{} would leave nobody in the group", removals(changes.len())),
            changes,
        });
        true
    }

    fn run_removals(&mut self) {
        let limit = self.inputs.policy.guard.run_removals.of(self.difference.memberships);
        self.limit(Rule::RunRemovals, Scope::Run, limit, self.passing(Op::RemoveMember), 0);
    }

    fn day_removals(&mut self) {
        let limit = self.inputs.policy.guard.day_removals.of(self.difference.memberships);
        let before = self.inputs.memory.removed_today;
        self.limit(Rule::DayRemovals, Scope::Run, limit, self.passing(Op::RemoveMember), before);
    }

    /// Nothing can be done to a group whose creation waits, whatever of it was approved before.
    fn creations(&mut self) {
        let waiting: BTreeMap<GroupName, Vec<HoldId>> = (self.difference.changes.iter())
            .filter(|change| change.key.op == Op::CreateGroup && !change.holds.is_empty())
            .map(|change| (change.key.group.clone(), change.holds.clone()))
            .collect();
        for change in &mut self.difference.changes {
            for hold in waiting.get(&change.key.group).into_iter().flatten() {
                if !change.holds.contains(hold) {
                    change.holds.push(hold.clone());
                }
            }
        }
    }
}

fn directory(group: &GroupName, feed: &Feed) -> Scope {
    Scope::Directory { source: feed.source.clone(), directory_group: feed.name.clone(), group: group.clone() }
}

fn removals(count: usize) -> String {
    match count {
        1 => "1 removal".to_owned(),
        count => format!("{count} removals"),
    }
}
