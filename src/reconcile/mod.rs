//! Floor 1: the functional core. From what was read and what is remembered to a plan: no I/O, no
//! clock, no log, no failure. One bad record costs itself and hides nothing.
//!
//! The steps, in order: [`desired`] (snapshots and mappings → who should be where), [`resolve`]
//! (people → accounts), [`diff`] (desired × live → changes and skips), [`guard`] (changes × limits ×
//! approvals → [`ClearedPlan`] and holds). [`grants`] tells on demand who is granted a group, and by which way.
//! [`undo()`] is another way to the guard: what a run did, the other way round. [`evidence`] says what that
//! rests on, [`learn`] what a full run may remember of it, [`ended()`] which approvals are over, and `lapsed` which
//! memberships are rosterd's no more.

pub mod desired;
pub mod diff;
mod ended;
pub mod evidence;
pub mod facts;
pub mod find;
pub mod grants;
pub mod guard;
mod lapsed;
pub mod learn;
pub mod mapping;
pub mod resolve;
mod steps;
mod table;
pub mod undo;
mod undone;

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::model::desired::DesiredState;
use crate::model::directory::{SourceKind, SourceSnapshot};
use crate::model::id::{AccountId, GroupId, GroupName};
use crate::model::live::LiveState;
use crate::model::memory::{Learned, Memory};
use crate::model::plan::{Change, GroupSummary, Op, Plan, PlanDigest, SourceSummary};
use crate::model::policy::Policy;
use crate::model::undo::UndoneKey;

use mapping::Yields;
use resolve::{Bearers, Rules};

pub use ended::ended;
pub use guard::ClearedPlan;
pub use lapsed::lapsed;
pub use steps::{Step, StepKind};
pub use undo::{UndoInputs, undo};

/// Everything that a decision rests on.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// The configured rules.
    pub policy: &'a Policy,
    /// Every configured source, as it was read in this run.
    pub sources: &'a [SourceSnapshot],
    /// Hyperproof, as it was read in this run.
    pub live: &'a LiveState,
    /// What earlier runs left behind.
    pub memory: &'a Memory,
    /// The moment of the decision.
    pub now: Timestamp,
    /// `--group`: only these target groups; none: all.
    pub only: Option<&'a BTreeSet<GroupName>>,
}

/// What was decided.
#[derive(Debug, Clone)]
pub struct Decision {
    /// The plan, and the steps of it that may be taken.
    pub cleared: ClearedPlan,
    /// What a full run will remember, if this becomes one.
    pub learned: Learned,
    /// Target groups that were found, with their ids, to be followed by id from now on.
    pub links: Vec<(GroupName, GroupId)>,
    /// Memberships that rosterd made and that are no longer there: it owns them no more, whoever may
    /// make them again.
    pub lapsed: Vec<(GroupId, AccountId)>,
    /// Who should be where, for [`facts`].
    pub desired: DesiredState,
    /// People and their accounts, for [`facts`].
    pub people: resolve::Resolution,
    /// What an undo took back and what is over: the directory says something else now, or somebody made the
    /// change by hand. A full run forgets it.
    pub over: Vec<UndoneKey>,
}

/// Decides: the whole line from snapshots to a guarded plan.
pub fn decide(inputs: Inputs<'_>) -> Decision {
    let yields = Yields::of(inputs.policy);
    let rules = Rules::of(&inputs.policy.identity);
    let bearers = Bearers::of(inputs.live);
    let compiled = desired::build(&inputs, &yields);
    let people = resolve::resolve(&inputs, &compiled.state, &rules, &bearers);
    let mut difference = diff::diff(&inputs, &compiled.state, &people, &rules, &bearers);
    if let Some(only) = inputs.only {
        difference.retain(only);
    }
    let sources = summaries(&inputs, &compiled.state, &people);
    let guarded = guard::judge(&inputs, &yields, &compiled.state, &sources, &mut difference);
    let learned = learn::learn(&inputs, &yields, &compiled.state, &people, &difference, &guarded, &sources);
    let over = undone::over(&inputs, &compiled.state, &people, &difference);
    let links = difference.links();
    let mut problems = compiled.problems;
    problems.extend(inputs.live.problems.iter().cloned());
    problems.extend(guarded.problems.iter().cloned());
    problems.sort();
    let mut groups: Vec<GroupSummary> = difference.groups.into_values().map(|group| group.summary).collect();
    mappings(&yields, &difference.changes, &mut groups);
    let plan = Plan {
        undo_of: None,
        digest: PlanDigest::of(difference.changes.iter().map(|change| &change.key)),
        complete: sources.iter().all(|source| source.complete) && groups.iter().all(|group| group.complete),
        sources,
        groups,
        changes: difference.changes,
        skips: difference.skips,
        holds: Vec::new(),
        problems,
        reads: inputs.live.reads,
        writes: 0,
    };
    Decision {
        cleared: ClearedPlan::clear(plan, guarded, inputs.policy.max_users_per_call),
        learned,
        links,
        lapsed: difference.lapsed,
        desired: compiled.state,
        people,
        over,
    }
}

/// Names the mappings on which removals rest.
fn mappings(yields: &Yields<'_>, changes: &[Change], groups: &mut [GroupSummary]) {
    let removals = changes.iter().filter(|change| change.key.op == Op::RemoveMember);
    let losing: BTreeSet<&GroupName> = removals.map(|change| &change.key.group).collect();
    for group in groups.iter_mut().filter(|group| losing.contains(&group.name)) {
        let may_yield = yields.to(group.name.as_str());
        group.mappings = may_yield.into_iter().map(|(_, mapping)| facts::mapping(mapping)).collect();
        // In another order the mappings grant the same.
        group.mappings.sort();
        group.mappings.dedup();
    }
}

/// The sources as the plan shows them.
pub fn summaries(inputs: &Inputs<'_>, desired: &DesiredState, people: &resolve::Resolution) -> Vec<SourceSummary> {
    let mut mapped = evidence::mapped(inputs, desired);
    let full = |(at, source)| SourceSummary {
        addressed: people.addressed_of(at),
        mapped: mapped.get_mut(at).map(std::mem::take).unwrap_or_default(),
        ..summary(source, people.granted_of(at))
    };
    let mut summaries: Vec<SourceSummary> = inputs.sources.iter().enumerate().map(full).collect();
    summaries.sort_by(|a, b| a.name.cmp(&b.name));
    summaries
}

/// One source as the plan shows it, before it is known what feeds a target group; `granted`: its people
/// with a mapped grant.
pub fn summary(source: &SourceSnapshot, granted: usize) -> SourceSummary {
    SourceSummary {
        name: source.name.clone(),
        kind: match source.kind {
            SourceKind::Csv => "csv",
            SourceKind::Ldap => "ldap",
        },
        complete: source.completeness.is_complete(),
        people: source.people.len(),
        groups: source.groups.len(),
        memberships: source.groups.iter().map(|group| group.people.len()).sum(),
        granted,
        addressed: 0,
        evidence: source.evidence.clone(),
        facts: source.facts,
        read: source.read.clone(),
        mapped: Vec::new(),
        problems: source.problems.clone(),
        unchanged_since: None,
    }
}
