//! A run over a directory that vouches that nothing changed: Hyperproof is read as always, and where it
//! is as the last run left it too, the run ends in step. Anything else is a run that reads.

mod verdict;

use std::collections::BTreeMap;

use futures_util::future::{join, join_all};
use jiff::Timestamp;
use tracing::info;

use crate::model::id::{RunId, SourceName};
use crate::model::live::LiveState;
use crate::model::memory::{Memory, Seen};
use crate::model::plan::Plan;
use crate::model::run::{Outcome, PlanReport, RunReport};
use crate::report;
use crate::store::RunRow;
use crate::target::{Client, TargetError};

pub(super) use verdict::{Leads, live_digest};

use super::error::RunError;
use super::{Setup, gather, settle};
use verdict::{Facts, Why};

/// What a run found before it read the directory.
pub(super) enum Look {
    /// Nothing changed anywhere: Hyperproof as it is, and what there is to tell.
    Unchanged(Box<(LiveState, Plan)>),
    /// The directory is to be read. Hyperproof was read where it was worth it.
    Read(Option<Result<LiveState, TargetError>>),
}

/// Asks whether anything changed.
pub(super) async fn look(
    setup: &Setup<'_>,
    client: &Client,
    run: &RunId,
    memory: &Memory,
    now: Timestamp,
) -> Result<Look, RunError> {
    let store = setup.store;
    let last = store.runs(2).await?.into_iter().find(|row| row.run != *run);
    let holds = store.holds(now).await?.len();
    let open = store.open_intents().await?.len();
    let facts = Facts {
        partial: setup.only.is_some(),
        sources: setup.order.sources.iter().map(|source| (&source.name, source.skip_unchanged)).collect(),
        digest: setup.order.digest,
        version: env!("CARGO_PKG_VERSION"),
        memory,
        last: last.as_ref(),
        holds,
        open,
        now,
    };
    let asked = match verdict::may_ask(&facts) {
        Ok(seen) => before(setup, last.as_ref()).await?.map(|plan| (seen, plan)).ok_or(Why::LastRun),
        Err(why) => Err(why),
    };
    let (seen, plan) = match asked {
        Ok(asked) => asked,
        Err(why) => {
            say(&why);
            return Ok(Look::Read(None));
        }
    };
    setup.stage("asking the directory whether it changed", 0);
    let asking = join(gather::read_live(&setup.order, client, memory, now), ask(setup, seen, now));
    let (live, answers) = tokio::select! {
        both = asking => both,
        // Whoever reads next finds that it is to stop.
        () = setup.stop.cancelled() => return Ok(Look::Read(None)),
    };
    let vouched = verdict::all_vouch(answers).and_then(|how| {
        let live = live.as_ref().map_err(|_| Why::NoLive)?;
        verdict::is_as_left(memory, seen, live).map(|()| how)
    });
    Ok(match (live, vouched) {
        (Ok(live), Ok(how)) => {
            let plan = as_of_now(plan, memory, &live, seen, &how);
            Look::Unchanged(Box::new((live, plan)))
        }
        (live, vouched) => {
            if let Err(why) = vouched {
                say(&why);
            }
            Look::Read(Some(live))
        }
    })
}

fn say(why: &Why) {
    info!(why = %why, "the directory is read");
}

/// What the run before would tell once more.
async fn before(setup: &Setup<'_>, last: Option<&RunRow>) -> Result<Option<Plan>, RunError> {
    let Some(last) = last else { return Ok(None) };
    let document = setup.store.document(&last.run).await?;
    Ok(document.and_then(|document| report::again(&document)))
}

async fn ask(setup: &Setup<'_>, seen: &Seen, now: Timestamp) -> Vec<(SourceName, crate::source::Answer)> {
    let asks = setup.order.sources.iter().filter_map(|source| {
        let mark = seen.marks.get(&source.name)?;
        Some(async move { (source.name.clone(), source.ask(mark, now).await) })
    });
    join_all(asks).await
}

/// Leads what was told of the reading itself.
const READ_THEN: &str = "; read then: ";

/// The plan of this run: what the one before told, with what Hyperproof has now, and how it is known
/// that nothing changed.
fn as_of_now(
    mut plan: Plan,
    memory: &Memory,
    live: &LiveState,
    seen: &Seen,
    how: &BTreeMap<SourceName, String>,
) -> Plan {
    plan.reads = live.reads;
    for source in &mut plan.sources {
        let how = how.get(&source.name).map_or("", String::as_str);
        // The run before may not have read it either.
        let read = source.evidence.split_once(READ_THEN).map_or(source.evidence.as_str(), |(_, read)| read);
        source.evidence = format!("not read: nothing changed since {:.0} ({how}){READ_THEN}{read}", seen.at);
        source.unchanged_since = Some(seen.at);
    }
    for group in &mut plan.groups {
        let id = group.id.as_ref().or_else(|| memory.group_links.get(&group.name));
        if let Some(found) = id.and_then(|id| live.group(id)) {
            group.live = found.count();
        }
    }
    plan
}

/// Ends a run that found that nothing changed. What the last full run learned stays as it is.
pub(super) async fn finished(
    setup: &Setup<'_>,
    client: &Client,
    run: &RunId,
    made_at: Timestamp,
    memory: &Memory,
    (live, plan): (LiveState, Plan),
) -> Result<RunReport, RunError> {
    settle::identity(setup, memory, &live).await?;
    setup.store.record_holds(run, made_at, &plan, None).await?;
    for source in &plan.sources {
        info!(source = %source.name, evidence = source.evidence, "source not read: nothing changed");
    }
    let report = RunReport {
        planned: PlanReport { run: run.clone(), made_at, plan },
        results: Vec::new(),
        outcome: Outcome::InStep,
        exit: 0,
        finished_at: Timestamp::now(),
        throttled_until: None,
        traffic: client.traffic(),
    };
    settle::record(setup, client, &report, None).await?;
    Ok(report)
}
