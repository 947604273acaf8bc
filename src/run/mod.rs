//! Floor 3: one run. The line, a step a line: gather → decide → (a dry run ends here) → apply → record.
//!
//! A dry run ([`plan()`]) is given no writer. A real run ([`apply()`]) records an intent before every call
//! and its outcome after it, and stops when it cannot. Where every source vouches that nothing changed
//! since it was read, and Hyperproof is as it was left, a real run ends there (`unchanged`); a dry run
//! always reads. [`plan_undo()`] and [`apply_undo()`] take a run back.

mod apply;
mod behind;
mod error;
mod gather;
mod grade;
mod housekeeping;
mod recover;
mod settle;
mod unchanged;
mod undo;

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, info, info_span, warn};

use crate::model::facts::Facts;
use crate::model::id::{GroupId, GroupName, RunId};
use crate::model::live::LiveState;
use crate::model::memory::Memory;
use crate::model::plan::{GroupStanding, GroupSummary, Plan};
use crate::model::policy::Policy;
use crate::model::run::{PlanReport, RunReport, Trigger};
use crate::reconcile::mapping::Yields;
use crate::reconcile::{Decision, Inputs, decide, facts};
use crate::report;
use crate::source::Source;
use crate::store::{Actor, Brief, Observation, RunStart, Store, StoreError};
use crate::target::{self, Client, TargetError};

pub use error::RunError;
pub use gather::{Reading, read};
pub use grade::plan_exit;
pub use housekeeping::housekeeping;
use unchanged::Look;
pub use undo::{apply_undo, plan_undo};

/// Hyperproof's throttling cannot last longer than this; a time further away was noted by a clock that
/// was wrong.
pub const LONGEST_THROTTLE: Duration = target::Settings::LONGEST_THROTTLE;

/// How far a run has come, for a progress display.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Progress {
    /// What it is at, for a person.
    pub stage: &'static str,
    /// Calls made of this stage.
    pub done: u64,
    /// Calls of this stage; 0 where it is not known.
    pub total: u64,
}

/// The part of the configuration that a run works by.
#[derive(Debug, Clone, Copy)]
pub struct Order<'a> {
    /// Hyperproof.
    pub target: &'a target::Settings,
    /// The sources, all of them.
    pub sources: &'a [Source],
    /// The rules.
    pub policy: &'a Policy,
    /// Digest of the configuration, for the log.
    pub digest: &'a str,
    /// For so long records stay in the state.
    pub retention: Duration,
}

/// Everything that a run needs from outside.
pub struct Setup<'a> {
    /// What to read, where to write, by which rules.
    pub order: Order<'a>,
    /// The state.
    pub store: &'a Store,
    /// Who acts, for the audit log.
    pub actor: Actor,
    /// What set the run off.
    pub trigger: Trigger,
    /// `--group`; none: all.
    pub only: Option<BTreeSet<GroupName>>,
    /// Progress goes there.
    pub progress: watch::Sender<Progress>,
    /// When cancelled, the run finishes the calls under way, records them and ends.
    pub stop: CancellationToken,
}

impl Setup<'_> {
    fn stage(&self, stage: &'static str, total: u64) {
        info!(stage, "stage");
        self.progress.send_replace(Progress { stage, done: 0, total });
    }
}

/// A dry run: reads everything, decides everything, stores the plan itself so that its holds can be
/// approved, and moves nothing else.
pub async fn plan(setup: &Setup<'_>) -> Result<PlanReport, RunError> {
    let run = new_run();
    let span = info_span!("run", id = %run, trigger = setup.trigger.as_str());
    async {
        yielded(setup)?;
        let _lock = setup.store.lock_run(setup.trigger.as_str(), Timestamp::now())?;
        let now = Timestamp::now();
        let memory = setup.store.memory(now).await?;
        let client = Client::with_stop(setup.order.target, setup.stop.clone())?;
        let reading = gathered(setup, &client, &memory, now, None).await;
        let report = PlanReport {
            run,
            made_at: now,
            plan: match decided(setup, &reading, &memory, now)? {
                Some(decision) => decision.cleared.into_plan(),
                None => reading.unread_plan(),
            },
        };
        if reading.live.is_ok() {
            let document = report::unindented(&report::plan_json(&report));
            setup.store.store_plan(&report, &document, setup.only.as_ref()).await?;
        }
        Ok(report)
    }
    .instrument(span)
    .await
}

/// Reads everything afresh and decides, for somebody who asks why: nothing is stored, nothing written, and
/// no run is kept waiting.
///
/// # Errors
/// What kept Hyperproof from being read.
pub async fn look(setup: &Setup<'_>) -> Result<Facts<'static>, RunError> {
    let run = new_run();
    let span = info_span!("look", id = %run);
    async {
        let now = Timestamp::now();
        let memory = setup.store.memory(now).await?;
        let client = Client::new(setup.order.target)?;
        let reading = gathered(setup, &client, &memory, now, None).await;
        let live = match &reading.live {
            Ok(live) => live,
            Err(error) => {
                return Err(RunError::Unread { why: error.to_string(), help: error.help().to_owned() });
            }
        };
        settle::same_organisation(setup.store, &memory, live)?;
        let inputs = inputs(setup, &reading, live, &memory, now);
        let decision = decide(inputs);
        Ok(facts::of(&inputs, &decision, &run).into_owned())
    }
    .instrument(span)
    .await
}

/// A real run.
pub async fn apply(setup: &Setup<'_>) -> Result<RunReport, RunError> {
    let run = new_run();
    let span = info_span!("run", id = %run, trigger = setup.trigger.as_str());
    async {
        yielded(setup)?;
        let _lock = setup.store.lock_run(setup.trigger.as_str(), Timestamp::now())?;
        setup.store.check_writable(Timestamp::now()).await?;
        let now = Timestamp::now();
        let brief = setup.store.brief(now).await?;
        let brief = unchanged::may_ask(setup, &brief, now).then_some(&brief);
        // Answers that are known may be all that this run meets: then nothing else is needed.
        let memory = match brief.is_some_and(|brief| brief.answers.is_some()) {
            true => None,
            false => Some(setup.store.memory(now).await?),
        };
        let client = Client::with_stop(setup.order.target, setup.stop.clone())?;
        setup.store.begin_run(&start(setup, &run, now, None)).await?;
        settled(setup, &run, real_run(setup, &client, &run, now, brief, memory)).await
    }
    .instrument(span)
    .await
}

/// A run to its end, whatever that is. A panic costs the run, and nobody else; its end is recorded like any
/// other.
async fn settled(
    setup: &Setup<'_>,
    run: &RunId,
    work: impl Future<Output = Result<RunReport, RunError>>,
) -> Result<RunReport, RunError> {
    let result = AssertUnwindSafe(work).catch_unwind().await;
    let result = result.unwrap_or_else(|panic| Err(RunError::panicked(&*panic)));
    if let Err(error) = &result {
        settle::failed(setup, run, error).await;
    }
    result
}

async fn real_run(
    setup: &Setup<'_>,
    client: &Client,
    run: &RunId,
    now: Timestamp,
    brief: Option<&Brief>,
    memory: Option<Memory>,
) -> Result<RunReport, RunError> {
    let look = match brief {
        Some(brief) => unchanged::look(setup, client, brief, memory, now).await?,
        None => Look::Read(memory.map(Box::new), None),
    };
    let (memory, live) = match look {
        Look::Unchanged(found) => return unchanged::finished(setup, client, run, now, *found).await,
        Look::Read(memory, live) => (memory.map(|memory| *memory), live),
    };
    let memory = loaded(setup, memory, now).await?;
    let mut reading = gathered(setup, client, &memory, now, live).await;
    if let Ok(live) = &reading.live
        && behind::may_be(setup, &memory, live, now).await?
    {
        behind::pause(setup).await;
        reading = gathered(setup, client, &memory, now, None).await;
    }
    let Ok(live) = &reading.live else {
        return settle::unread(setup, client, (run, now), reading.unread_plan(), reading.until()).await;
    };
    settle::identity(setup, &memory, live).await?;
    let memory = match recover::open_intents(setup, run, live).await? {
        0 => memory,
        _ => setup.store.memory(now).await?,
    };
    let Some(decision) = decided(setup, &reading, &memory, now)? else {
        return settle::unread(setup, client, (run, now), reading.unread_plan(), reading.until()).await;
    };
    let facts = (setup.only.is_none()).then(|| facts::of(&inputs(setup, &reading, live, &memory, now), &decision, run));
    let plan = decision.cleared.plan();
    let is_new = |(name, id): &(&GroupName, &GroupId)| memory.group_links.get(*name) != Some(*id);
    let found: Vec<_> = decision.links.iter().map(|(name, id)| (name, id)).filter(is_new).collect();
    if !found.is_empty() {
        setup.store.link_groups(found).await?;
    }
    if !decision.lapsed.is_empty() {
        setup.store.disown(&decision.lapsed).await?;
    }
    let groups = looked_at(plan, setup.order.policy, &memory);
    let retention = SignedDuration::try_from(setup.order.retention).unwrap_or(SignedDuration::MAX);
    let observation = Observation { live, groups, all: setup.only.is_none() && plan.complete, retention };
    setup.store.observe(run, Timestamp::now(), &observation).await?;
    setup.store.record_holds(run, now, plan, setup.only.as_ref()).await?;
    say(plan);
    let applied = apply::apply(setup, client, run, &memory, &decision.cleared).await?;
    // A run over some groups alone knows too little of the others to take the place of what is kept.
    if let Some(mut facts) = facts {
        facts::made(&mut facts, decision.cleared.plan(), &applied.results);
        setup.store.keep_facts(&facts).await?;
    }
    settle::finished(setup, client, (run, now), &memory, (live, &reading.sources), decision, applied).await
}

/// Target groups with the ids by which they are followed, also while they cannot be worked on.
fn looked_at<'a>(plan: &'a Plan, policy: &'a Policy, memory: &'a Memory) -> Vec<(&'a GroupName, &'a GroupId)> {
    let id = |group: &'a GroupSummary| {
        let configured = || policy.group(&group.name).id.as_ref();
        group.id.as_ref().or_else(configured).or_else(|| memory.group_links.get(&group.name))
    };
    plan.groups.iter().filter_map(|group| Some((&group.name, id(group)?))).collect()
}

/// What is remembered, where it was not loaded already.
async fn loaded(setup: &Setup<'_>, memory: Option<Memory>, now: Timestamp) -> Result<Memory, StoreError> {
    match memory {
        Some(memory) => Ok(memory),
        None => setup.store.memory(now).await,
    }
}

fn inputs<'a>(
    setup: &'a Setup<'_>,
    reading: &'a Reading,
    live: &'a LiveState,
    memory: &'a Memory,
    now: Timestamp,
) -> Inputs<'a> {
    Inputs { policy: setup.order.policy, sources: &reading.sources, live, memory, now, only: setup.only.as_ref() }
}

/// Reads the directory, and Hyperproof where it was not read already.
async fn gathered(
    setup: &Setup<'_>,
    client: &Client,
    memory: &Memory,
    now: Timestamp,
    live: Option<Result<LiveState, TargetError>>,
) -> Reading {
    setup.stage("reading the directory and Hyperproof", 0);
    let read = async {
        match live {
            Some(live) => {
                let sources = gather::read_sources(&setup.order, memory, now).await;
                gather::both(&setup.order, client, memory, sources, live).await
            }
            None => read(&setup.order, client, memory, now).await,
        }
    };
    // A read can wait for minutes (throttling, a slow server), and nothing is lost by giving it up.
    tokio::select! {
        reading = read => reading,
        () = setup.stop.cancelled() => Reading::given_up(&setup.order, memory),
    }
}

fn say(plan: &Plan) {
    for group in plan.groups.iter().filter(|group| group.standing == GroupStanding::Unusable) {
        let why = group.problems.first().map_or_else(String::new, ToString::to_string);
        warn!(group = %group.name, why, "group cannot be worked on: it is left alone");
    }
    let counts = plan.counts();
    info!(
        create = counts.create,
        add = counts.add,
        remove = counts.remove,
        lead = counts.lead,
        held = counts.held,
        skipped = counts.skipped,
        calls = plan.writes,
        "planned"
    );
}

/// The decision; none when Hyperproof could not be read.
fn decided(
    setup: &Setup<'_>,
    reading: &Reading,
    memory: &Memory,
    now: Timestamp,
) -> Result<Option<Decision>, RunError> {
    let Ok(live) = &reading.live else {
        return Ok(None);
    };
    settle::same_organisation(setup.store, memory, live)?;
    let decision = decide(inputs(setup, reading, live, memory, now));
    let plan = decision.cleared.plan();
    let is_there = |name: &GroupName| plan.groups.iter().any(|group| group.name == *name);
    // What was not read may yield it.
    if plan.complete {
        wanted(setup, is_there)?;
    }
    Ok(Some(decision))
}

/// Refuses a name of `--group` that no mapping can yield, whatever the directory has.
fn yielded(setup: &Setup<'_>) -> Result<(), RunError> {
    let yields = Yields::of(setup.order.policy);
    wanted(setup, |name| !yields.to(name.as_str()).is_empty())
}

/// Refuses names of `--group` that are not there.
fn wanted(setup: &Setup<'_>, is_there: impl Fn(&GroupName) -> bool) -> Result<(), RunError> {
    let unknown: Vec<String> =
        setup.only.iter().flatten().filter(|name| !is_there(name)).map(ToString::to_string).collect();
    match unknown.is_empty() {
        true => Ok(()),
        false => Err(RunError::UnknownGroup { names: unknown }),
    }
}

fn start(setup: &Setup<'_>, run: &RunId, at: Timestamp, undoes: Option<&RunId>) -> RunStart {
    RunStart {
        run: run.clone(),
        trigger: setup.trigger,
        undoes: undoes.cloned(),
        at,
        actor: setup.actor.clone(),
        config_digest: setup.order.digest.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        partial: setup.only.clone(),
    }
}

fn new_run() -> RunId {
    RunId::new(uuid::Uuid::now_v7().to_string())
}
