//! Taking a run back. Hyperproof is read as always; the directory is not asked, because it may be what went
//! wrong. Everything else is a run like any other: lock, guard, approvals, intents, outcomes.

use jiff::Timestamp;
use tracing::{Instrument, info_span};

use super::apply;
use super::error::RunError;
use super::gather::{self, Reading};
use super::grade::grade;
use super::{Setup, behind, new_run, recover, say, settle, settled, start};
use crate::model::id::RunId;
use crate::model::live::LiveState;
use crate::model::memory::Memory;
use crate::model::plan::Plan;
use crate::model::run::{PlanReport, RunReport};
use crate::reconcile::{ClearedPlan, UndoInputs, undo};
use crate::report;
use crate::target::{Client, TargetError};

/// The plan that takes a run back. It is stored, so that its holds can be approved; nothing else moves.
pub async fn plan_undo(setup: &Setup<'_>, of: &RunId) -> Result<PlanReport, RunError> {
    let run = new_run();
    let span = info_span!("run", id = %run, trigger = setup.trigger.as_str(), undoes = %of);
    async {
        let _lock = setup.store.lock_run(setup.trigger.as_str(), Timestamp::now())?;
        let now = Timestamp::now();
        let memory = setup.store.memory(now).await?;
        let client = Client::with_stop(setup.order.target, setup.stop.clone())?;
        let live = match read(setup, &client, &memory, now).await {
            Ok(live) => live,
            Err(error) => return Ok(PlanReport { run, made_at: now, plan: unread(of, error) }),
        };
        let plan = decided(setup, of, &live, &memory, now).await?.into_plan();
        let report = PlanReport { run, made_at: now, plan };
        setup.store.store_plan(&report, &report::unindented(&report::plan_json(&report)), None).await?;
        Ok(report)
    }
    .instrument(span)
    .await
}

/// A real run that takes another one back.
pub async fn apply_undo(setup: &Setup<'_>, of: &RunId) -> Result<RunReport, RunError> {
    let run = new_run();
    let span = info_span!("run", id = %run, trigger = setup.trigger.as_str(), undoes = %of);
    async {
        let _lock = setup.store.lock_run(setup.trigger.as_str(), Timestamp::now())?;
        setup.store.check_writable(Timestamp::now()).await?;
        let now = Timestamp::now();
        let client = Client::with_stop(setup.order.target, setup.stop.clone())?;
        setup.store.begin_run(&start(setup, &run, now, Some(of))).await?;
        settled(setup, &run, real_run(setup, &client, &run, now, of)).await
    }
    .instrument(span)
    .await
}

async fn real_run(
    setup: &Setup<'_>,
    client: &Client,
    run: &RunId,
    now: Timestamp,
    of: &RunId,
) -> Result<RunReport, RunError> {
    let memory = setup.store.memory(now).await?;
    let mut live = read(setup, client, &memory, now).await;
    if let Ok(found) = &live
        && behind::may_be(setup, &memory, found, now).await?
    {
        behind::pause(setup).await;
        live = read(setup, client, &memory, now).await;
    }
    let live = match live {
        Ok(live) => live,
        Err(error) => {
            let until = error.until();
            return settle::unread(setup, client, (run, now), unread(of, error), until).await;
        }
    };
    settle::identity(setup, &memory, &live).await?;
    let memory = match recover::open_intents(setup, run, &live).await? {
        0 => memory,
        _ => setup.store.memory(now).await?,
    };
    let cleared = decided(setup, of, &live, &memory, now).await?;
    setup.store.record_holds(run, now, cleared.plan(), None).await?;
    say(cleared.plan());
    let applied = apply::apply(setup, client, run, &memory, &cleared).await?;
    let plan = cleared.into_plan();
    let (outcome, exit) = grade(&plan, &applied.results, applied.throttled_until.is_some());
    let report = RunReport {
        planned: PlanReport { run: run.clone(), made_at: now, plan },
        results: applied.results,
        outcome,
        exit,
        finished_at: Timestamp::now(),
        throttled_until: applied.throttled_until,
        traffic: client.traffic(),
    };
    // It read no directory, so it taught nothing that a full run does.
    settle::record(setup, client, &report, None).await?;
    Ok(report)
}

/// Reads Hyperproof, until the run is asked to stop.
async fn read(setup: &Setup<'_>, client: &Client, memory: &Memory, now: Timestamp) -> Result<LiveState, TargetError> {
    setup.stage("reading Hyperproof", 0);
    tokio::select! {
        live = gather::read_live(&setup.order, client, memory, now) => live,
        () = setup.stop.cancelled() => Reading::given_up(&setup.order, memory).live,
    }
}

/// What takes the run back. A change of it whose outcome is not known, because it was cut off, was made if
/// Hyperproof shows it.
async fn decided(
    setup: &Setup<'_>,
    of: &RunId,
    live: &LiveState,
    memory: &Memory,
    now: Timestamp,
) -> Result<ClearedPlan, RunError> {
    settle::same_organisation(setup.store, memory, live)?;
    let mut deeds = setup.store.deeds(of).await?;
    let open = setup.store.open_intents().await?;
    deeds.deeds.extend(open.iter().filter(|intent| intent.run == *of).filter_map(|open| recover::deed(open, live)));
    let facts = setup.store.facts().await?;
    let facts = facts.as_ref();
    Ok(undo(&UndoInputs { policy: setup.order.policy, live, memory, now, deeds: &deeds, facts }))
}

/// The plan of an undo that could not read Hyperproof.
fn unread(of: &RunId, error: TargetError) -> Plan {
    let reading = Reading { sources: Vec::new(), live: Err(error) };
    Plan { undo_of: Some(of.clone()), ..reading.unread_plan() }
}
