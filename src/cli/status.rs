//! `rosterd status`: last runs, what waits, how old the sources' reads are.

use jiff::Timestamp;

use super::args::Global;
use super::exit::{Exit, Fault};
use super::output::Output;
use super::session;
use crate::model::run::{Outcome, Trigger};
use crate::report;
use crate::report::status_text::{self, RunView, RunningView, SourceView, StatusView};
use crate::report::written;
use crate::store::{RunRow, Store};

/// So many runs are shown.
const RUNS: u32 = 5;

/// Shows the state's own view; nobody is asked.
pub(super) fn run(global: &Global, output: &Output) -> Result<Exit, Fault> {
    let found = session::installation(global, output)?;
    let view = session::block_on(async {
        let store = session::look_into(&found.state.path).await?;
        let mut view = view(&store, Timestamp::now()).await?;
        if found.audit.checkpoint_file.is_some() {
            view.checkpoints = store.checkpoint_trouble().await?.map(|trouble| (trouble.since, trouble.why));
        }
        store.close().await;
        Ok(view)
    })?;
    output.answer(&written(|out| status_text::write(out, &view, &output.look())))?;
    Ok(Exit::Fine)
}

async fn view(store: &Store, now: Timestamp) -> Result<StatusView, Fault> {
    let memory = store.memory(now).await?;
    let holds = store.holds(now).await?;
    let sources = store.sources().await?;
    // One that is at work knows best when it runs next; apply runs when it is called.
    let service = store.service();
    let running = store.running().map(|(who, since)| RunningView { who, since });
    let rows = store.runs(RUNS).await?;
    let mut runs: Vec<RunView> = rows.iter().map(|row| run_view(row, running.as_ref())).collect();
    // Of the last run alone: why others could not do everything is over, or is why it could not either.
    if let Some(last) = runs.iter_mut().find(|run| !run.under_way)
        && matches!(last.outcome, Some(Outcome::Unread | Outcome::Throttled | Outcome::PartlyApplied))
        && let Some(document) = store.document(&last.id.as_str().into()).await?
    {
        last.why = report::reasons(&document);
    }
    Ok(StatusView {
        now,
        running,
        runs,
        at_work: service.is_some(),
        next_run: service.as_ref().and_then(|service| service.next_run),
        failing: service.and_then(|service| service.failing),
        throttled_until: memory.throttled_until,
        checkpoints: None,
        waiting: holds.iter().filter(|hold| hold.approval.is_none()).map(|hold| hold.id.to_string()).collect(),
        sources: sources
            .into_iter()
            .map(|source| SourceView {
                unchanged: source.complete && !source.was_read(),
                name: source.source,
                at: source.at,
                complete: source.complete,
                complete_at: source.complete_at,
                people: usize::try_from(source.people).unwrap_or(usize::MAX),
            })
            .collect(),
    })
}

fn run_view(row: &RunRow, running: Option<&RunningView>) -> RunView {
    // One that was cut off began before whoever has the lock. Times of runs are kept in milliseconds.
    let began = |running: &RunningView| running.since.as_millisecond() <= row.started_at.as_millisecond();
    let tally = row.tally;
    let planned = row.planned.unwrap_or_default();
    RunView {
        id: row.run.to_string(),
        trigger: Trigger::parse(&row.trigger).unwrap_or(Trigger::Apply),
        started_at: row.started_at,
        finished_at: row.finished_at,
        outcome: row.outcome,
        under_way: row.finished_at.is_none() && running.is_some_and(began),
        why: Vec::new(),
        counts: format!(
            "{} done, {} failed, {} not tried, {} held, {} skipped",
            tally.done + tally.already_so,
            tally.failed,
            tally.not_tried + tally.open() + tally.never_tried(&planned),
            planned.held,
            planned.skipped
        ),
    }
}
