//! A run over a directory that vouches that nothing changed: Hyperproof is read as always, and where it
//! is as the last run left it too, the run ends in step. Anything else is a run that reads.
//!
//! Where such a run follows another and Hyperproof's answers are the same to the byte, they say what they said
//! then, and neither they nor what is remembered is looked at again.

mod verdict;

use std::collections::BTreeMap;

use futures_util::future::{join, join_all};
use jiff::Timestamp;
use tracing::info;
use uuid::Uuid;

use crate::model::id::{RunId, SourceName};
use crate::model::live::LiveState;
use crate::model::memory::{Memory, Seen};
use crate::model::plan::Plan;
use crate::model::run::{Outcome, PlanReport, RunReport};
use crate::model::seal::SealKey;
use crate::report;
use crate::store::{Brief, RunRow};
use crate::target::{Client, TargetError};

pub(super) use verdict::{Leads, live_digest};

use super::error::RunError;
use super::{Setup, gather, loaded, settle};
use verdict::{Facts, Why};

/// What a run found before it read the directory.
pub(super) enum Look {
    /// Nothing changed anywhere.
    Unchanged(Box<Unchanged>),
    /// The directory is to be read. Hyperproof was read where it was worth it.
    Read(Option<Box<Memory>>, Option<Result<LiveState, TargetError>>),
}

/// A run that finds nothing changed.
pub(super) struct Unchanged {
    plan: Plan,
    /// What Hyperproof has and what is remembered; none where its answers are the very ones of the run before.
    read: Option<(LiveState, Memory)>,
    /// Seal of its answers, where they and nothing else said it.
    answers: Option<String>,
}

/// Whether it is worth asking if anything changed.
pub(super) fn may_ask(setup: &Setup<'_>, brief: &Brief, now: Timestamp) -> bool {
    let facts = Facts {
        partial: setup.only.is_some(),
        sources: setup.order.sources.iter().map(|source| (&source.name, source.skip_unchanged)).collect(),
        digest: setup.order.digest,
        version: env!("CARGO_PKG_VERSION"),
        brief,
        now,
    };
    match verdict::may_ask(&facts) {
        Ok(_) => true,
        Err(why) => {
            say(&why);
            false
        }
    }
}

/// Asks whether anything changed, where that is worth it.
pub(super) async fn look(
    setup: &Setup<'_>,
    client: &Client,
    brief: &Brief,
    memory: Option<Memory>,
    now: Timestamp,
) -> Result<Look, RunError> {
    let (Some(seen), Some(plan)) = (&brief.seen, before(setup, brief.last.as_ref()).await?) else {
        say(&Why::LastRun);
        return Ok(Look::Read(memory.map(Box::new), None));
    };
    setup.stage("asking the directory whether it changed", 0);
    let own = brief.own_account.as_ref();
    let lists = gather::read_lists(&setup.order, client, own, brief.throttled_until, now);
    let (lists, answers) = tokio::select! {
        both = join(lists, ask(setup, seen, now)) => both,
        // Whoever reads next finds that it is to stop.
        () = setup.stop.cancelled() => return Ok(Look::Read(memory.map(Box::new), None)),
    };
    let vouched = verdict::all_vouch(answers);
    let own = gather::own_id(&setup.order, own);
    if let (Ok(how), Ok(lists)) = (&vouched, &lists)
        && verdict::is_as_answered(brief, own, lists)
    {
        info!("Hyperproof answers as before, to the byte");
        let plan = as_of_now(plan, seen, how, lists.reads());
        return Ok(Look::Unchanged(Box::new(Unchanged { plan, read: None, answers: brief.answers.clone() })));
    }
    let memory = loaded(setup, memory, now).await?;
    let seal = lists.as_ref().ok().map(|lists| lists.seal(SealKey::new(Uuid::new_v4().as_u128())));
    let draft = lists.and_then(|lists| client.reader().decode(lists));
    let live = gather::believe(&setup.order, client, &memory, draft).await;
    let vouched = vouched.and_then(|how| {
        let live = live.as_ref().map_err(|_| Why::NoLive)?;
        verdict::is_as_left(&memory, seen, live).map(|()| how)
    });
    Ok(match (live, vouched) {
        (Ok(live), Ok(how)) => {
            let mut plan = as_of_now(plan, seen, &how, live.reads);
            count_live(&mut plan, &memory, &live);
            // More GETs than the lists: what was asked beside them is not in their seal.
            let answers = seal.filter(|_| live.reads == LISTS);
            Look::Unchanged(Box::new(Unchanged { plan, read: Some((live, memory)), answers }))
        }
        (live, vouched) => {
            if let Err(why) = vouched {
                say(&why);
            }
            Look::Read(Some(Box::new(memory)), Some(live))
        }
    })
}

/// The GETs of a read in which nothing is asked for beside the three lists.
const LISTS: u32 = 3;

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

/// The plan of this run: what the one before told, and how it is known that nothing changed.
fn as_of_now(mut plan: Plan, seen: &Seen, how: &BTreeMap<SourceName, String>, reads: u32) -> Plan {
    plan.reads = reads;
    for source in &mut plan.sources {
        let how = how.get(&source.name).map_or("", String::as_str);
        // The run before may not have read it either.
        let read = source.evidence.split_once(READ_THEN).map_or(source.evidence.as_str(), |(_, read)| read);
        source.evidence = format!("not read: nothing changed since {:.0} ({how}){READ_THEN}{read}", seen.at);
        source.unchanged_since = Some(seen.at);
    }
    plan
}

/// What Hyperproof has now.
fn count_live(plan: &mut Plan, memory: &Memory, live: &LiveState) {
    for group in &mut plan.groups {
        let id = group.id.as_ref().or_else(|| memory.group_links.get(&group.name));
        if let Some(found) = id.and_then(|id| live.group(id)) {
            group.live = found.count();
        }
    }
}

/// Ends a run that found that nothing changed. What the last full run learned stays as it is.
pub(super) async fn finished(
    setup: &Setup<'_>,
    client: &Client,
    run: &RunId,
    made_at: Timestamp,
    unchanged: Unchanged,
) -> Result<RunReport, RunError> {
    let Unchanged { plan, read, answers } = unchanged;
    // The run before saw to it where the answers are the same.
    if let Some((live, memory)) = &read {
        settle::identity(setup, memory, live).await?;
    }
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
    settle::unchanged(setup, client, &report, answers).await?;
    Ok(report)
}
