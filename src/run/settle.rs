//! The end of a run: what it was, and what of it is remembered. Baselines move at the end of a full run
//! alone: one over all groups that read everything it needed and was not cut off.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use tracing::{debug, error, info, warn};

use crate::model::directory::SourceSnapshot;
use crate::model::hold::Scope;
use crate::model::id::{AccountId, GroupId, GroupName, RunId};
use crate::model::live::{Absence, LiveState};
use crate::model::memberships::Memberships;
use crate::model::memory::{Learned, Memory, Seen};
use crate::model::plan::{ChangeKey, Op, Plan};
use crate::model::run::{Outcome, PlanReport, RunReport};
use crate::reconcile::{Decision, ended};
use crate::report;
use crate::store::{Calls, Fault, FullRun, Published, RunFinish, Store, StoreError};
use crate::target::Client;

use super::Setup;
use super::apply::Applied;
use super::error::RunError;
use super::grade::grade;
use super::unchanged::{Leads, live_digest};

/// Refuses to go on with another organisation's state.
pub(super) fn same_organisation(store: &Store, memory: &Memory, live: &LiveState) -> Result<(), StoreError> {
    match (&memory.organisation, &live.organisation) {
        (Some(bound), Some(found)) if bound != found => Err(StoreError {
            path: store.path().to_owned(),
            fault: Fault::OtherOrganisation { bound: bound.clone(), found: found.clone() },
        }),
        _ => Ok(()),
    }
}

/// Remembers whom rosterd is, where it is, and which id groups hold. A throttle is over: it answered.
pub(super) async fn identity(setup: &Setup<'_>, memory: &Memory, live: &LiveState) -> Result<(), RunError> {
    let store = setup.store;
    same_organisation(store, memory, live)?;
    if let Some(organisation) = live.organisation.as_ref().filter(|_| memory.organisation.is_none()) {
        store.bind_organisation(organisation).await?;
    }
    let own = (setup.order.target.client_id.clone(), live.own_id.clone());
    if memory.own_account.as_ref() != Some(&own) {
        store.remember_own(&own.0, &own.1).await?;
    }
    if live.member_id_proven && memory.member_id != Some(live.member_id) {
        store.remember_member_id(live.member_id).await?;
    }
    if memory.throttled_until.is_some() {
        store.set_throttled_until(None, Timestamp::now()).await?;
    }
    Ok(())
}

/// Ends a run that could not read Hyperproof; `throttled_until`: which said to wait until then.
pub(super) async fn unread(
    setup: &Setup<'_>,
    client: &Client,
    (run, made_at): (&RunId, Timestamp),
    plan: Plan,
    throttled_until: Option<Timestamp>,
) -> Result<RunReport, RunError> {
    let report = RunReport {
        planned: PlanReport { run: run.clone(), made_at, plan },
        results: Vec::new(),
        outcome: match throttled_until {
            Some(_) => Outcome::Throttled,
            None => Outcome::Unread,
        },
        exit: 13,
        finished_at: Timestamp::now(),
        throttled_until,
        traffic: client.traffic(),
    };
    record(setup, client, &report, None).await?;
    Ok(report)
}

/// Ends a run that read everything, or enough.
pub(super) async fn finished(
    setup: &Setup<'_>,
    client: &Client,
    start: (&RunId, Timestamp),
    memory: &Memory,
    (live, sources): (&LiveState, &[SourceSnapshot]),
    decision: Decision,
    applied: Applied,
) -> Result<RunReport, RunError> {
    let (run, made_at) = start;
    let Decision { cleared, mut learned, over, .. } = decision;
    let plan = cleared.into_plan();
    let (outcome, exit) = grade(&plan, &applied.results, applied.throttled_until.is_some());
    let full = setup.only.is_none() && plan.complete && applied.stopped.is_none();
    // A group that should have been created and was not will have a first run of its own.
    let there = |name: &GroupName| {
        applied.created.contains_key(name) || plan.groups.iter().any(|group| group.name == *name && group.id.is_some())
    };
    learned.settled.retain(|name, _| there(name) || memory.learned.settled.contains_key(name));
    unlearn(&mut learned, memory, &plan, &applied);
    let ended = if full { ended(&memory.approvals, &plan) } else { Vec::new() };
    for approval in memory.approvals.iter().filter(|approval| ended.contains(&approval.number)) {
        info!(hold = %approval.hold, "an approval ends: nothing of what it lets through waits any more");
    }
    let full = full.then(|| FullRun {
        known_groups: known_groups(memory, live, &applied),
        ended,
        left: left(memory, live, &plan, &learned, &applied),
        seen: seen(made_at, sources, live, &plan, &applied),
        learned,
        over,
    });
    let report = RunReport {
        planned: PlanReport { run: run.clone(), made_at, plan },
        results: applied.results,
        outcome,
        exit,
        finished_at: Timestamp::now(),
        throttled_until: applied.throttled_until,
        traffic: client.traffic(),
    };
    record(setup, client, &report, full).await?;
    Ok(report)
}

/// Records a run's end.
pub(super) async fn record(
    setup: &Setup<'_>,
    client: &Client,
    report: &RunReport,
    full: Option<FullRun>,
) -> Result<(), StoreError> {
    record_with(setup, client, report, full, None).await
}

/// Records the end of a run that found everything as the one before left it, and the seal of the answers in
/// which it did.
pub(super) async fn unchanged(
    setup: &Setup<'_>,
    client: &Client,
    report: &RunReport,
    answers: Option<String>,
) -> Result<(), StoreError> {
    record_with(setup, client, report, None, answers).await
}

async fn record_with(
    setup: &Setup<'_>,
    client: &Client,
    report: &RunReport,
    full: Option<FullRun>,
    answers: Option<String>,
) -> Result<(), StoreError> {
    let plan = &report.planned.plan;
    let calls = client.calls();
    let finish = RunFinish {
        run: report.planned.run.clone(),
        at: report.finished_at,
        outcome: report.outcome,
        exit: report.exit,
        planned: Some(plan.counts()),
        calls: Calls { read: calls.reads, write: calls.writes },
        sources: plan.sources.clone(),
        error: None,
        document: Some(report::unindented(&report::run_json(report))),
        throttled_until: report.throttled_until,
        answers,
    };
    setup.store.finish_run(&finish, full.as_ref()).await?;
    publish(setup.store).await;
    info!(
        outcome = report.outcome.as_str(),
        exit = report.exit,
        full = full.is_some(),
        gets = calls.reads,
        writes = calls.writes,
        "run finished"
    );
    Ok(())
}

/// Writes a failed run's end down, as far as that is still possible.
pub(super) async fn failed(setup: &Setup<'_>, run: &RunId, error: &RunError) {
    let finish = RunFinish {
        run: run.clone(),
        at: Timestamp::now(),
        outcome: Outcome::Failed,
        exit: error.exit(),
        planned: None,
        calls: Calls::default(),
        sources: Vec::new(),
        error: Some(error.to_string()),
        document: None,
        throttled_until: None,
        answers: None,
    };
    match setup.store.finish_run(&finish, None).await {
        Ok(()) => publish(setup.store).await,
        Err(error) => error!(%error, "the end of the run could not be recorded"),
    }
}

/// Writes checkpoints to their file. What goes wrong there is told, and changes nothing about the run.
async fn publish(store: &Store) {
    match store.publish_checkpoints(Timestamp::now()).await {
        Ok(None) => {}
        Ok(Some(Published { lines, lost: None })) => debug!(lines, "checkpoints written"),
        Ok(Some(Published { lines, lost: Some(seq) })) => {
            warn!(lines, lost_up_to = seq, "the checkpoint file had lost what was written to it: written again");
        }
        Err(error) => warn!(%error, help = error.help(), "checkpoints were not written to their file"),
    }
}

/// What a person approved and this run did not get done keeps its hold, so that the approval still fits
/// in the next run: nothing moves that the hold rests on.
fn unlearn(learned: &mut Learned, memory: &Memory, plan: &Plan, applied: &Applied) {
    let undone: BTreeSet<&ChangeKey> = (plan.changes.iter().zip(&applied.results))
        .filter(|(change, result)| change.approval.is_some() && result.error().is_some())
        .map(|(change, _)| &change.key)
        .collect();
    let approved = plan.holds.iter().filter(|hold| hold.approval.is_some());
    for hold in approved.filter(|hold| hold.changes.iter().any(|key| undone.contains(key))) {
        match &hold.scope {
            Scope::Group(name) => restore(&mut learned.settled, &memory.learned.settled, name),
            Scope::Source(source) => {
                restore(&mut learned.baselines, &memory.learned.baselines, source);
                restore(&mut learned.addressed, &memory.learned.addressed, source);
                restore(&mut learned.files, &memory.learned.files, source);
            }
            Scope::Directory { source, directory_group, group } => {
                learned.accepted_missing.remove(&(source.clone(), directory_group.clone(), group.clone()));
                let known = memory.learned.feeds.get(group).into_iter().flatten();
                for feed in known.filter(|feed| feed.source == *source && feed.name == *directory_group) {
                    let feeds = learned.feeds.entry(group.clone()).or_default();
                    feeds.push(feed.clone());
                    feeds.sort();
                    feeds.dedup();
                }
            }
            Scope::Run => {}
        }
    }
}

fn restore<K: Ord + Clone, V: Clone>(learned: &mut BTreeMap<K, V>, memory: &BTreeMap<K, V>, key: &K) {
    match memory.get(key) {
        Some(before) => learned.insert(key.clone(), before.clone()),
        None => learned.remove(key),
    };
}

/// What this run found, where every source vouches for its state.
fn seen(at: Timestamp, sources: &[SourceSnapshot], live: &LiveState, plan: &Plan, applied: &Applied) -> Option<Seen> {
    let mark = |source: &SourceSnapshot| Some((source.name.clone(), source.watermark.clone()?));
    let mut leads = Leads::new();
    for (change, _) in plan.changes.iter().zip(&applied.results).filter(|(_, result)| result.is_so()) {
        match (change.key.op, &change.group_id) {
            (Op::SetLead, Some(id)) => _ = leads.insert(id, change.key.account.as_ref()),
            (Op::ClearLead, Some(id)) => _ = leads.insert(id, None),
            _ => {}
        }
    }
    Some(Seen { at, marks: sources.iter().map(mark).collect::<Option<_>>()?, live: live_digest(live, &leads) })
}

/// Groups that are there, and those that were: whoever maps one of them later does not have it created again.
fn known_groups(memory: &Memory, live: &LiveState, applied: &Applied) -> BTreeMap<GroupId, String> {
    let mut known = memory.known_groups.clone();
    let listed = live.groups.iter().map(|group| (group.id.clone(), group.name.clone()));
    let created = applied.created.iter().map(|(name, id)| (id.clone(), name.to_string()));
    known.extend(listed.chain(created));
    known
}

/// Memberships as this run leaves them. What it meant to change and did not, stays as the run before
/// left it, so that drift is still told from change when its turn comes.
fn left(memory: &Memory, live: &LiveState, plan: &Plan, learned: &Learned, applied: &Applied) -> Memberships {
    let mut edits: BTreeMap<&GroupId, BTreeMap<&AccountId, bool>> = BTreeMap::new();
    let before = |id: &GroupId, account: &AccountId| memory.left.of(id).map(|members| members.has(account));
    for (name, account) in learned.pending.keys() {
        let id = (plan.groups.binary_search_by(|group| group.name.cmp(name)).ok())
            .and_then(|at| plan.groups.get(at)?.id.as_ref());
        let Some(id) = id else { continue };
        if let Some(present) = before(id, account) {
            edits.entry(id).or_default().insert(account, present);
        }
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
        let present = if result.is_so() { wanted } else { before(id, account).unwrap_or(!wanted) };
        edits.entry(id).or_default().insert(account, present);
    }
    let mut table = Table::new(live);
    let mut left: BTreeMap<GroupId, Vec<u32>> = BTreeMap::new();
    for group in &live.groups {
        let strangers = group.strangers.iter().map(|id| table.place(id));
        left.insert(group.id.clone(), group.members.iter().copied().chain(strangers).collect());
    }
    // Of a group whose members were not to be had, no more is known than before.
    let unread = live.absent.iter().filter(|(_, absence)| matches!(absence, Absence::Unread(_)));
    for (id, members) in unread.filter_map(|(id, _)| Some((id, memory.left.of(id)?))) {
        left.insert(id.clone(), members.iter().map(|account| table.place(account)).collect());
    }
    for (id, edits) in edits {
        let members = left.entry(id.clone()).or_default();
        let edits: BTreeMap<u32, bool> =
            edits.into_iter().map(|(account, present)| (table.place(account), present)).collect();
        members.retain(|at| edits.get(at) != Some(&false));
        members.extend(edits.iter().filter(|(_, present)| **present).map(|(at, _)| *at));
    }
    Memberships::new(table.accounts, left)
}

/// Ids of accounts: those that Hyperproof has, in its order, and behind them those that it has not.
struct Table<'a> {
    live: &'a LiveState,
    accounts: Vec<AccountId>,
    strangers: BTreeMap<AccountId, u32>,
}

impl<'a> Table<'a> {
    fn new(live: &'a LiveState) -> Self {
        let accounts = live.accounts.iter().map(|account| account.id.clone()).collect();
        Self { live, accounts, strangers: BTreeMap::new() }
    }

    fn place(&mut self, id: &AccountId) -> u32 {
        if let Some(at) = self.live.account_index(id).or_else(|| self.strangers.get(id).copied()) {
            return at;
        }
        let at = u32::try_from(self.accounts.len()).unwrap_or(u32::MAX);
        self.accounts.push(id.clone());
        self.strangers.insert(id.clone(), at);
        at
    }
}
