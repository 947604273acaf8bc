//! The end of a run: what it was, and what of it is remembered. Baselines move at the end of a full run
//! alone: one over all groups that read everything it needed and was not cut off.

use std::collections::BTreeMap;

use jiff::Timestamp;
use tracing::{error, info};

use crate::model::id::{AccountId, GroupId, GroupName, RunId};
use crate::model::live::LiveState;
use crate::model::memory::{Learned, Memory};
use crate::model::plan::{Op, Plan};
use crate::model::run::{ChangeResult, Outcome, PlanReport, RunReport};
use crate::reconcile::Decision;
use crate::report::document;
use crate::store::{FullRun, RunFinish, SourceRead, StoreError};

use super::apply::Applied;
use super::error::RunError;
use super::gather::Reading;
use super::grade::grade;
use super::Setup;

/// Refuses to go on with another organisation's state.
pub(super) fn same_organisation(memory: &Memory, live: &LiveState) -> Result<(), RunError> {
    match (&memory.organisation, &live.organisation) {
        (Some(known), Some(found)) if known != found => Err(RunError::OtherOrganisation {
            known: known.clone(),
            found: found.clone(),
        }),
        _ => Ok(()),
    }
}

/// Remembers whom rosterd is, where it is, and which id groups hold. A throttle is over: it answered.
pub(super) async fn identity(setup: &Setup<'_>, memory: &Memory, live: &LiveState) -> Result<(), RunError> {
    same_organisation(memory, live)?;
    let store = setup.store;
    if let Some(organisation) = live.organisation.as_ref().filter(|_| memory.organisation.is_none()) {
        store.bind_organisation(organisation).await?;
    }
    let own = (setup.config.target.client_id.clone(), live.own_id.clone());
    if memory.own_account.as_ref() != Some(&own) {
        store.remember_own(&own.0, &own.1).await?;
    }
    if live.member_id_proven && memory.member_id != Some(live.member_id) {
        store.remember_member_id(live.member_id).await?;
    }
    if memory.throttled_until.is_some() {
        store.set_throttled_until(None).await?;
    }
    Ok(())
}

/// Ends a run that could not read Hyperproof.
pub(super) async fn unread(
    setup: &Setup<'_>,
    run: &RunId,
    made_at: Timestamp,
    memory: &Memory,
    reading: Reading,
) -> Result<RunReport, RunError> {
    let throttled_until = reading.live.as_ref().err().and_then(|error| error.until());
    let report = RunReport {
        planned: PlanReport {
            run: run.clone(),
            made_at,
            plan: reading.unread_plan(),
        },
        results: Vec::new(),
        outcome: match throttled_until {
            Some(_) => Outcome::Throttled,
            None => Outcome::Unread,
        },
        exit: 13,
        finished_at: Timestamp::now(),
        throttled_until,
    };
    record(setup, &report, None, memory).await?;
    Ok(report)
}

/// Ends a run that read everything, or enough.
pub(super) async fn finished(
    setup: &Setup<'_>,
    run: &RunId,
    made_at: Timestamp,
    memory: &Memory,
    live: &LiveState,
    decision: Decision,
    applied: Applied,
) -> Result<RunReport, RunError> {
    let Decision { cleared, mut learned, .. } = decision;
    let plan = cleared.into_plan();
    let (outcome, exit) = grade(&plan, &applied.results, applied.throttled_until.is_some());
    let full = setup.only.is_none() && plan.complete && applied.stopped.is_none();
    // A group that should have been created and was not will have a first run of its own.
    let there = |name: &GroupName| {
        applied.created.contains_key(name) || plan.groups.iter().any(|group| group.name == *name && group.id.is_some())
    };
    learned.settled.retain(|name, _| there(name) || memory.learned.settled.contains_key(name));
    let full = full.then(|| FullRun {
        known_groups: known_groups(live, &applied),
        left: left(memory, live, &plan, &learned, &applied),
        accounts: live.accounts.len(),
        learned,
    });
    let report = RunReport {
        planned: PlanReport {
            run: run.clone(),
            made_at,
            plan,
        },
        results: applied.results,
        outcome,
        exit,
        finished_at: Timestamp::now(),
        throttled_until: applied.throttled_until,
    };
    record(setup, &report, full, memory).await?;
    Ok(report)
}

async fn record(setup: &Setup<'_>, report: &RunReport, full: Option<FullRun>, before: &Memory) -> Result<(), StoreError> {
    let plan = &report.planned.plan;
    if report.throttled_until.is_some() {
        setup.store.set_throttled_until(report.throttled_until).await?;
    }
    let finish = RunFinish {
        run: report.planned.run.clone(),
        at: report.finished_at,
        outcome: report.outcome,
        exit: report.exit,
        counts: plan.counts(),
        results: results_by_word(&report.results),
        sources: plan
            .sources
            .iter()
            .map(|source| SourceRead {
                name: source.name.clone(),
                complete: source.complete,
                people: source.people,
                evidence: source.evidence.clone(),
            })
            .collect(),
        document: document::run_json(report),
        throttled_until: report.throttled_until,
        error: None,
    };
    setup.store.finish_run(&finish, full.as_ref(), before).await?;
    info!(outcome = report.outcome.as_str(), exit = report.exit, full = full.is_some(), "run finished");
    Ok(())
}

fn results_by_word(results: &[ChangeResult]) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for result in results {
        *counts.entry(result.as_str()).or_default() += 1;
    }
    counts
}

/// Writes a failed run's end down, as far as that is still possible.
pub(super) async fn failed(setup: &Setup<'_>, run: &RunId, error: &RunError) {
    let finish = RunFinish {
        run: run.clone(),
        at: Timestamp::now(),
        outcome: Outcome::Failed,
        exit: 1,
        counts: Default::default(),
        results: BTreeMap::new(),
        sources: Vec::new(),
        document: String::new(),
        throttled_until: None,
        error: Some(error.to_string()),
    };
    if let Err(error) = setup.store.finish_run(&finish, None, &Memory::default()).await {
        error!(%error, "the end of the run could not be recorded");
    }
}

fn known_groups(live: &LiveState, applied: &Applied) -> BTreeMap<GroupId, String> {
    let listed = live.groups.iter().map(|group| (group.id.clone(), group.name.clone()));
    let created = applied.created.iter().map(|(name, id)| (id.clone(), name.to_string()));
    listed.chain(created).collect()
}

/// Memberships as this run leaves them. What it meant to change and did not, stays as the run before
/// left it, so that drift is still told from change when its turn comes.
fn left(
    memory: &Memory,
    live: &LiveState,
    plan: &Plan,
    learned: &Learned,
    applied: &Applied,
) -> BTreeMap<GroupId, Vec<AccountId>> {
    let mut left: BTreeMap<GroupId, Vec<AccountId>> = BTreeMap::new();
    for group in &live.groups {
        left.insert(group.id.clone(), group.members.clone());
    }
    for (change, result) in plan.changes.iter().zip(&applied.results) {
        let id = change.group_id.as_ref().or_else(|| applied.created.get(&change.key.group));
        let (Some(id), Some(account)) = (id, &change.key.account) else {
            continue;
        };
        let wanted = match change.key.op {
            Op::AddMember => true,
            Op::RemoveMember => false,
            Op::CreateGroup | Op::SetLead | Op::ClearLead => continue,
        };
        let before = memory.left.get(id).map(|before| before.binary_search(account).is_ok());
        let present = if result.is_so() { wanted } else { before.unwrap_or(!wanted) };
        set(left.entry(id.clone()).or_default(), account, present);
    }
    for (name, account) in learned.pending.keys() {
        let id = plan.groups.iter().find(|group| group.name == *name).and_then(|group| group.id.as_ref());
        let removed = plan.changes.iter().any(|change| change.key.group == *name && change.key.account.as_ref() == Some(account));
        let Some(id) = id.filter(|_| !removed) else { continue };
        if let Some(before) = memory.left.get(id) {
            let present = before.binary_search(account).is_ok();
            set(left.entry(id.clone()).or_default(), account, present);
        }
    }
    left
}

/// Puts an account into a sorted list, or takes it out.
fn set(members: &mut Vec<AccountId>, account: &AccountId, present: bool) {
    match (members.binary_search(account), present) {
        (Ok(at), false) => {
            members.remove(at);
        }
        (Err(at), true) => members.insert(at, account.clone()),
        (Ok(_), true) | (Err(_), false) => {}
    }
}
