//! The guard: changes × limits × approvals → holds, and the only place that can build a
//! [`ClearedPlan`]. What is held is left alone; everything else goes ahead.
//!
//! The order is part of the rules: first what a group's removals depend on, then the limits of each
//! group, then those of sources and of the run over what the groups' rules let through. What a person
//! approved under one rule is not measured by the rules after it. One hold is judged at a time: its
//! changes are collected, its id is made of them, and an approval lets them through only if it covers
//! them all. A lower limit never lets more through: no limit of a run is measured over what another one
//! left.

mod conditions;
mod limits;
mod undone;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::model::desired::{DesiredGroup, DesiredState, Feed, Missing};
use crate::model::hold::{Approval, Hold, HoldId, Rule, Scope};
use crate::model::id::{GroupName, SourceName};
use crate::model::plan::{Change, ChangeKey, Op, Plan, SourceSummary};
use crate::model::policy::{FirstRemovals, Mode};
use crate::model::problem::Problem;

use super::Inputs;
use super::diff::{Difference, GroupFacts};
use super::mapping::Yields;
use super::steps::{Step, steps};

pub use undone::judge_undo;

/// A plan that has passed the guard, with the steps of it that may be taken. It can be built here
/// alone, so that skipping the guard does not compile.
#[derive(Debug, Clone)]
pub struct ClearedPlan {
    plan: Plan,
    steps: Vec<Step>,
}

impl ClearedPlan {
    /// Takes the guard's findings as proof that the plan's changes were judged; its holds become the plan's.
    pub(super) fn clear(mut plan: Plan, guarded: Guarded, max_users_per_call: usize) -> Self {
        let Guarded { judged: Judged, holds, .. } = guarded;
        plan.holds = holds;
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

/// Says that [`judge`] or [`judge_undo`] was there.
#[derive(Debug)]
struct Judged;

/// What the guard found. Only [`judge`] and [`judge_undo`] make one, and [`ClearedPlan`] asks for it.
#[derive(Debug)]
pub struct Guarded {
    /// Nobody else can build this.
    judged: Judged,
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
    yields: &Yields<'_>,
    desired: &DesiredState,
    sources: &[SourceSummary],
    difference: &mut Difference,
) -> Guarded {
    let mut guard = Guard::new(inputs, difference);
    let names = guard.not_in_step(desired);
    guard.undone();
    guard.blind_creations();
    for name in &names {
        guard.conditions(name, yields, desired);
    }
    guard.limits(&names, |guard| guard.source_shrink(desired, sources));
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
    /// Where the changes of each group are; groups without changes are not here.
    ranges: BTreeMap<GroupName, Range<usize>>,
    guarded: Guarded,
    /// Whether the rules of its group hold each change.
    held_by_group: Vec<bool>,
    /// Indices of the changes that wait because an undo took them back: they fill no limit.
    undone: BTreeSet<usize>,
}

impl<'a, 'b> Guard<'a, 'b> {
    fn new(inputs: &'a Inputs<'a>, difference: &'b mut Difference) -> Self {
        let guarded = Guarded {
            judged: Judged,
            holds: Vec::new(),
            frozen_baselines: BTreeSet::new(),
            unsettled: BTreeSet::new(),
            accepted: BTreeSet::new(),
            problems: Vec::new(),
        };
        let mut ranges: BTreeMap<GroupName, Range<usize>> = BTreeMap::new();
        let mut at = 0;
        // Changes are sorted by group first.
        for group in difference.changes.chunk_by(|a, b| a.key.group == b.key.group) {
            let from = at;
            at += group.len();
            ranges.extend(group.first().map(|change| (change.key.group.clone(), from..at)));
        }
        Self { inputs, difference, ranges, guarded, held_by_group: Vec::new(), undone: BTreeSet::new() }
    }
}

impl Guard<'_, '_> {
    /// The limits of groups, of sources, and of the run over what the groups' rules let through.
    fn limits(&mut self, names: &[GroupName], of_sources: impl FnOnce(&mut Self)) {
        // What does not change can be too much of nothing.
        let names: Vec<&GroupName> = names.iter().filter(|name| self.ranges.contains_key(*name)).collect();
        for name in &names {
            self.group_limits(name);
        }
        let emptied: BTreeSet<&GroupName> = names.iter().copied().filter(|name| self.empty(name)).collect();
        self.held_by_group = self.held();
        of_sources(self);
        self.run_removals();
        self.day_removals();
        self.run_adds();
        // Additions that the run's limit holds do not take anybody's place.
        for name in names.into_iter().filter(|name| !emptied.contains(name)) {
            self.empty(name);
        }
        self.creations();
        self.guarded.holds.sort_by(|a, b| a.id.cmp(&b.id));
    }

    /// Target groups of which there is something to judge: changes, absences that are waited for, and directory groups
    /// that are not there. No condition and no limit says anything of the others.
    fn not_in_step(&self, desired: &DesiredState) -> Vec<GroupName> {
        // Both are sorted by name.
        let mut wanted = desired.iter().peekable();
        let mut names = Vec::new();
        for (name, facts) in &self.difference.groups {
            while wanted.next_if(|(other, _)| *other < name).is_some() {}
            let group = wanted.next_if(|(other, _)| *other == name).map(|(_, group)| group);
            let is_missed = |group: &DesiredGroup| !group.missing.is_empty() || !group.accepted.is_empty();
            if facts.in_grace > 0 || group.is_some_and(is_missed) || self.ranges.contains_key(name) {
                names.push(name.clone());
            }
        }
        names
    }

    fn facts(&self, name: &GroupName) -> Option<&GroupFacts> {
        self.difference.groups.get(name)
    }

    /// Changes of a kind that are not reported only, in one group or (none) all.
    fn of(&self, op: Op, group: Option<&GroupName>) -> Vec<usize> {
        let changes = &self.difference.changes;
        let range = match group {
            Some(group) => self.ranges.get(group).cloned().unwrap_or_default(),
            None => 0..changes.len(),
        };
        let meant = |at: &usize| changes.get(*at).is_some_and(|change| change.key.op == op && !change.report);
        range.filter(meant).collect()
    }

    /// Those of them that no person has approved yet. What waits because an undo took it back is not about to
    /// be done.
    fn unapproved(&self, op: Op, group: Option<&GroupName>) -> Vec<usize> {
        let mut changes = self.of(op, group);
        changes.retain(|at| self.difference.changes.get(*at).is_some_and(|change| change.approval.is_none()));
        changes.retain(|at| !self.undone.contains(at));
        changes
    }

    /// Those of them that the rules of their groups let through.
    fn passing(&self, op: Op) -> Vec<usize> {
        let mut changes = self.unapproved(op, None);
        changes.retain(|at| self.held_by_group.get(*at) != Some(&true));
        changes
    }

    /// Whether each change waits for something so far.
    fn held(&self) -> Vec<bool> {
        self.difference.changes.iter().map(|change| !change.holds.is_empty()).collect()
    }

    /// Additions bring the creation of their group (and its lead) with them: a group is created with
    /// its first members in one call.
    fn with_creation(&self, mut changes: Vec<usize>) -> Vec<usize> {
        // Sorted by group, like all changes.
        let mut groups: Vec<&GroupName> =
            changes.iter().filter_map(|at| self.difference.changes.get(*at)).map(|change| &change.key.group).collect();
        groups.dedup();
        for group in groups {
            let Some(range) = self.ranges.get(group).cloned() else { continue };
            let own = self.difference.changes.get(range.clone()).unwrap_or_default();
            if own.iter().any(|change| change.key.op == Op::CreateGroup) {
                let is_creation = |change: &Change| matches!(change.key.op, Op::CreateGroup | Op::SetLead);
                changes.extend(range.zip(own).filter(|(_, change)| is_creation(change)).map(|(at, _)| at));
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

    /// Nothing can be done to a group whose creation waits, whatever of it was approved before.
    fn creations(&mut self) {
        let waiting: BTreeMap<GroupName, Vec<HoldId>> = (self.difference.changes.iter())
            .filter(|change| change.key.op == Op::CreateGroup && !change.holds.is_empty())
            .map(|change| (change.key.group.clone(), change.holds.clone()))
            .collect();
        if waiting.is_empty() {
            return;
        }
        for change in &mut self.difference.changes {
            for hold in waiting.get(&change.key.group).into_iter().flatten() {
                if !change.holds.contains(hold) {
                    change.holds.push(hold.clone());
                }
            }
        }
    }
}
