//! Making the cleared changes: intent before every call, outcome after it. Nothing is decided here.

mod intent;
mod turns;
mod unproven;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::stream::{self, StreamExt};
use jiff::Timestamp;
use tracing::{error, info, warn};

use crate::model::id::{AccountId, GroupId, GroupName, RunId};
use crate::model::memory::Memory;
use crate::model::plan::{Change, Op, Plan};
use crate::model::run::ChangeResult;
use crate::reconcile::{ClearedPlan, Step, StepKind};
use crate::store::{Intent, OutcomeRecord, StoreError};
use crate::target::{CallRecord, Client, MemberResult, Sent, TargetError, Unproven, Writer, Written};

use super::Setup;
use intent::request;
use turns::{Enough, Sign, Turns};
use unproven::Waiting;

/// What became of every change.
#[derive(Debug)]
pub(super) struct Applied {
    /// One for each change of the plan.
    pub results: Vec<ChangeResult>,
    /// Ids of the groups that were created.
    pub created: BTreeMap<GroupName, GroupId>,
    /// Why the run stopped before its end.
    pub stopped: Option<String>,
    /// Hyperproof wants no calls before then.
    pub throttled_until: Option<Timestamp>,
}

/// Takes the steps, phase by phase; groups go side by side, the calls of one group one after the other.
/// An error means that the log could not be written: no call was made after it.
pub(super) async fn apply(
    setup: &Setup<'_>,
    client: &Client,
    run: &RunId,
    memory: &Memory,
    cleared: &ClearedPlan,
) -> Result<Applied, StoreError> {
    let plan = cleared.plan();
    let (progress, waiting) = (Mutex::new(Tally::new(plan, memory)), Mutex::default());
    let log = tokio::sync::Mutex::default();
    let applier = Applier { setup, writer: client.writer(), run, memory, plan, progress, waiting, log };
    setup.stage("writing to Hyperproof", cleared.steps().len() as u64);
    for phase in cleared.steps().chunk_by(|a, b| a.kind == b.kind) {
        let mut groups: Vec<&[Step]> = phase.chunk_by(|a, b| a.group == b.group).collect();
        applier.begin(&mut groups);
        stream::iter(groups)
            .map(|steps| applier.group(steps))
            .buffer_unordered(setup.order.target.concurrency.max(1))
            .collect::<Vec<()>>()
            .await;
        applier.prove().await;
    }
    applier.finish().await
}

struct Applier<'a> {
    setup: &'a Setup<'a>,
    writer: Writer,
    run: &'a RunId,
    memory: &'a Memory,
    plan: &'a Plan,
    progress: Mutex<Tally>,
    /// Calls whose success is to be proven.
    waiting: Mutex<Vec<Waiting<'a>>>,
    /// Held by who writes to the log. The state lets one write at a time, and does not care who waited longest:
    /// next to many outcomes an intent could wait until it is given up.
    log: tokio::sync::Mutex<()>,
}

/// What is known so far. Locked for a moment at a time, never across an await.
struct Tally {
    results: Vec<Option<ChangeResult>>,
    created: BTreeMap<GroupName, GroupId>,
    turns: Turns,
    /// Why no further call of this kind is made.
    phase_over: Option<String>,
    /// Why not all of an earlier kind were made.
    cut_off: Option<String>,
    stopped: Option<String>,
    throttled_until: Option<Timestamp>,
    broken: Option<StoreError>,
}

impl Tally {
    fn new(plan: &Plan, memory: &Memory) -> Self {
        let settled = |change: &Change| match change {
            change if change.report => Some(ChangeResult::Report),
            change if !change.holds.is_empty() => Some(ChangeResult::Held),
            _ => None,
        };
        Self {
            results: plan.changes.iter().map(settled).collect(),
            created: BTreeMap::new(),
            turns: Turns::new(memory.failed_groups.clone()),
            phase_over: None,
            cut_off: None,
            stopped: None,
            throttled_until: None,
            broken: None,
        }
    }
}

/// What became of one change: result, what a read afterwards showed, and the call that decided it.
type Answered = (ChangeResult, Option<bool>, CallRecord);

/// The outcome of one call: what became of each of its changes, in their order.
struct Called {
    /// By the change's index.
    results: BTreeMap<usize, Answered>,
    created: Option<GroupId>,
    stop: Option<TargetError>,
}

/// What a call led to.
enum Came {
    To(Called),
    /// A success that is to be proven.
    Unproven(Unproven),
}

impl<'a> Applier<'a> {
    fn tally(&self) -> MutexGuard<'_, Tally> {
        // A poisoned lock is a panic elsewhere in this run; what it guards is still whole.
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a phase, and puts its groups in order.
    fn begin(&self, groups: &mut [&[Step]]) {
        let mut tally = self.tally();
        // What was left out of a phase was cut off as well: this is no full run.
        if let Some(over) = tally.phase_over.take() {
            tally.cut_off.get_or_insert(over);
        }
        tally.turns.begin();
        tally.turns.order(groups);
    }

    async fn group(&self, steps: &'a [Step]) {
        for step in steps {
            let reason = self.obstacle(step);
            match reason {
                Some(reason) => self.not_tried(step, &reason),
                None => {
                    if let Err(broken) = self.step(step).await {
                        self.broken(broken);
                    }
                }
            }
            self.setup.progress.send_modify(|progress| progress.done += 1);
            if self.is_time_to_prove() {
                self.prove().await;
            }
        }
    }

    fn broken(&self, broken: StoreError) {
        error!(error = %broken, "the log cannot be written: no further call is made");
        let mut tally = self.tally();
        tally.stopped.get_or_insert_with(|| "the log could not be written".to_owned());
        tally.broken.get_or_insert(broken);
    }

    /// Why a step may not be taken any more.
    fn obstacle(&self, step: &Step) -> Option<String> {
        let mut tally = self.tally();
        if self.setup.stop.is_cancelled() {
            tally.stopped.get_or_insert_with(|| "the run was asked to stop".to_owned());
        }
        let stopped = tally.stopped.as_ref().or(tally.phase_over.as_ref());
        if stopped.is_some() {
            return stopped.cloned();
        }
        let orphan =
            step.kind != StepKind::Create && step.group_id.is_none() && !tally.created.contains_key(&step.group);
        orphan.then(|| "the group was not created".to_owned())
    }

    fn not_tried(&self, step: &Step, reason: &str) {
        let mut tally = self.tally();
        for at in &step.changes {
            if let Some(result) = tally.results.get_mut(*at) {
                *result = Some(ChangeResult::NotTried(reason.to_owned()));
            }
        }
    }

    async fn step(&self, step: &'a Step) -> Result<(), StoreError> {
        let group = step.group_id.clone().or_else(|| self.tally().created.get(&step.group).cloned());
        let changes: Vec<&Change> = step.changes.iter().filter_map(|at| self.plan.changes.get(*at)).collect();
        let Some(first) = changes.first() else { return Ok(()) };
        let announced = self.writer.announce(first.key.op, group.as_ref());
        let intents: Vec<Intent> =
            changes.iter().map(|change| self.intent(change, group.as_ref(), &announced)).collect();
        let seqs = {
            let _turn = self.log.lock().await;
            self.setup.store.record_intents(self.run, Timestamp::now(), &intents).await?
        };
        drop(intents);
        match self.call(step, group.as_ref()).await {
            Came::To(called) => {
                let outcomes = self.outcomes(step, group, seqs, called, &announced);
                self.record(&outcomes).await
            }
            Came::Unproven(write) => {
                self.took(step, Sign::Through);
                self.wait(Waiting { step, group, seqs, write });
                Ok(())
            }
        }
    }

    async fn record(&self, outcomes: &[OutcomeRecord]) -> Result<(), StoreError> {
        let _turn = self.log.lock().await;
        self.setup.store.record_outcomes(self.run, Timestamp::now(), outcomes).await
    }

    /// What the log is told of a call's end, after the run was: `announced` is the call, for what its answer left out.
    fn outcomes(
        &self,
        step: &Step,
        group: Option<GroupId>,
        seqs: Vec<i64>,
        mut called: Called,
        announced: &CallRecord,
    ) -> Vec<OutcomeRecord> {
        let group = called.created.clone().or(group);
        let mut outcomes = Vec::with_capacity(seqs.len());
        for (at, intent) in step.changes.iter().zip(seqs) {
            let unsaid = || (ChangeResult::Failed("the answer said nothing of it".to_owned()), None, announced.clone());
            let answered = called.results.entry(*at).or_insert_with(unsaid);
            if is_unknown(answered) {
                // The intent stays open: the next run looks, and that is the outcome.
                continue;
            }
            let (result, read_back, call) = answered.clone();
            outcomes.push(OutcomeRecord {
                intent,
                group_id: group.clone(),
                result,
                read_back,
                request: Some(request(&call)),
            });
        }
        self.note(step, &called);
        outcomes
    }

    /// Writes down what a call did, and whether the run may go on.
    fn note(&self, step: &Step, called: &Called) {
        let done = called.results.values().filter(|(result, ..)| result.is_so()).count();
        let failed = called.results.len() - done;
        if failed == 0 {
            info!(group = %step.group, kind = ?step.kind, done, "written");
        } else {
            let error = called.results.values().find_map(|(result, ..)| result.error()).unwrap_or_default();
            warn!(group = %step.group, kind = ?step.kind, done, failed, error, "not everything was written");
        }
        let mut tally = self.tally();
        for (at, (result, ..)) in &called.results {
            if let Some(slot) = tally.results.get_mut(*at) {
                *slot = Some(result.clone());
            }
        }
        if let Some(id) = &called.created {
            tally.created.insert(step.group.clone(), id.clone());
        }
        if let Some(stop) = &called.stop {
            tally.throttled_until = tally.throttled_until.max(stop.until());
            tally.stopped.get_or_insert_with(|| stop.to_string());
        }
        drop(tally);
        self.took(step, Sign::of(called.results.values()));
    }

    /// A call came to its end: whether others are worth trying.
    fn took(&self, step: &Step, sign: Sign) {
        let mut tally = self.tally();
        match tally.turns.took(&step.group, sign) {
            None => {}
            Some(Enough::OfThisKind(why)) => _ = tally.phase_over.get_or_insert(why),
            Some(Enough::OfAll(why)) => _ = tally.stopped.get_or_insert(why),
        }
    }

    async fn call(&self, step: &Step, group: Option<&GroupId>) -> Came {
        let sent = match (step.kind, group) {
            (StepKind::Create, _) => return Came::To(self.create(step).await),
            (StepKind::Lead, Some(group)) => return Came::To(self.lead(step, group).await),
            (StepKind::Add, Some(group)) => self.writer.send_additions(group, &self.accounts(step)).await,
            (StepKind::RemoveLeft | StepKind::Remove, Some(group)) => {
                self.writer.send_removals(group, &self.accounts(step)).await
            }
            // `obstacle` keeps steps of groups without an id from coming here.
            (StepKind::Lead | StepKind::Add | StepKind::RemoveLeft | StepKind::Remove, None) => {
                return Came::To(Called { results: BTreeMap::new(), created: None, stop: None });
            }
        };
        match sent {
            Sent::Settled(written) => Came::To(self.members(step, written)),
            Sent::Unproven(write) => Came::Unproven(write),
        }
    }

    /// The accounts of a step's membership changes.
    fn accounts(&self, step: &Step) -> Vec<AccountId> {
        let member = |at: &usize| {
            let key = &self.plan.changes.get(*at)?.key;
            matches!(key.op, Op::AddMember | Op::RemoveMember).then(|| key.account.clone())?
        };
        step.changes.iter().filter_map(member).collect()
    }

    fn members(&self, step: &Step, Written { members, stop }: Written) -> Called {
        let by_account: BTreeMap<AccountId, MemberResult> =
            members.into_iter().map(|member| (member.account.clone(), member)).collect();
        let result = |at: &usize| {
            let account = self.plan.changes.get(*at)?.key.account.as_ref()?;
            let member = by_account.get(account)?;
            Some((*at, (member.result.clone(), member.read_back, member.call.clone())))
        };
        Called { results: step.changes.iter().filter_map(result).collect(), created: None, stop }
    }

    async fn lead(&self, step: &Step, group: &GroupId) -> Called {
        let change = step.changes.first().and_then(|at| Some((*at, self.plan.changes.get(*at)?)));
        let Some((at, change)) = change else {
            return Called { results: BTreeMap::new(), created: None, stop: None };
        };
        let written = match &change.key.account {
            Some(account) => self.writer.set_lead(group, account).await,
            None => self.writer.clear_lead(group).await,
        };
        Called {
            results: BTreeMap::from([(at, (written.result, written.read_back, written.call))]),
            created: None,
            stop: written.stop,
        }
    }

    async fn create(&self, step: &Step) -> Called {
        let lead =
            step.changes.iter().filter_map(|at| self.plan.changes.get(*at)).find(|change| change.key.op == Op::SetLead);
        let lead = lead.and_then(|change| change.key.account.as_ref());
        let created = self.writer.create_group(step.group.as_str(), lead, &self.accounts(step)).await;
        let mut members: BTreeMap<AccountId, MemberResult> =
            created.members.into_iter().map(|member| (member.account.clone(), member)).collect();
        let whole = (created.result, created.read_back, created.call);
        let lead = created.lead.map(|lead| (lead.result, lead.read_back, lead.call));
        // It may have been made, and then with its members and its lead: nobody knows more of them than of it.
        let unknown = is_unknown(&whole);
        let mut results = BTreeMap::new();
        for at in &step.changes {
            let Some(change) = self.plan.changes.get(*at) else { continue };
            let member = change.key.account.as_ref().and_then(|account| members.remove(account));
            let answered = match (change.key.op, member) {
                _ if unknown => whole.clone(),
                (Op::AddMember, Some(member)) => (member.result, member.read_back, member.call),
                (Op::SetLead, _) => lead.clone().unwrap_or_else(|| whole.clone()),
                _ => whole.clone(),
            };
            results.insert(*at, answered);
        }
        Called { results, created: created.group, stop: created.stop }
    }

    async fn finish(self) -> Result<Applied, StoreError> {
        let tally = self.progress.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some(broken) = tally.broken {
            return Err(broken);
        }
        if tally.turns.failed() != self.memory.failed_groups {
            self.setup.store.remember_failed_groups(tally.turns.failed()).await?;
        }
        let lost = || ChangeResult::Failed("the answer said nothing of it".to_owned());
        Ok(Applied {
            results: tally.results.into_iter().map(|result| result.unwrap_or_else(lost)).collect(),
            created: tally.created,
            stopped: tally.stopped.or(tally.cut_off).or(tally.phase_over),
            throttled_until: tally.throttled_until,
        })
    }
}

/// Whether nobody knows what became of a change: it may have been made, and a read afterwards was not
/// to be had.
fn is_unknown((result, read_back, call): &Answered) -> bool {
    let answered = call.status.is_some_and(|status| (200..300).contains(&status));
    matches!(result, ChangeResult::Failed(_)) && read_back.is_none() && (call.lost || answered)
}
