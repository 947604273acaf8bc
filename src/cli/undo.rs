//! `rosterd undo`: taking a run back.

use anyhow::anyhow;
use tokio_util::sync::CancellationToken;

use super::apply::{listen, notify};
use super::args::{Global, PlanFormat, Undo};
use super::exit::{Exit, Fault};
use super::output::Output;
use super::session;
use crate::config::Config;
use crate::daemon::notices::Ended;
use crate::model::id::RunId;
use crate::model::run::Trigger;
use crate::store::{Access, Store};
use crate::{report, run};

/// A run's id may be cut to this many characters, and no shorter.
const SHORTEST: usize = 8;

/// Shows what takes a run back, or does it.
pub(super) fn run(global: &Global, output: &Output, undo: &Undo) -> Result<Exit, Fault> {
    if undo.apply && undo.format == PlanFormat::Markdown {
        return Err(Fault::usage(anyhow!(
            "--format markdown is for the plan alone\nhelp: leave out --apply, or take --format json"
        )));
    }
    let config = session::configuration(global, output)?;
    session::block_on(async {
        let store = session::open(&config, Access::ExistingOnly).await?;
        let ended = match find(&store, &undo.run).await {
            Ok(of) if undo.apply => apply(&config, output, &store, &of, undo.format).await,
            Ok(of) => plan(&config, output, &store, &of, undo.format).await,
            Err(fault) => Err(fault),
        };
        store.close().await;
        ended
    })
}

async fn plan(config: &Config, output: &Output, store: &Store, of: &RunId, format: PlanFormat) -> Result<Exit, Fault> {
    let setup = session::setup(config, store, Trigger::Undo, &[], CancellationToken::new());
    let report = session::with_progress(output, &setup, run::plan_undo(&setup, of)).await?;
    output.progress().finish();
    let text = match format {
        PlanFormat::Text => report::plan_text(&report, &output.look()),
        PlanFormat::Json => report::plan_json(&report),
        PlanFormat::Markdown => report::plan_markdown(&report),
    };
    output.answer(&text)?;
    if format == PlanFormat::Text && report.plan.is_pending() {
        output.note(&format!("to do it: rosterd undo {of} --apply"));
    }
    Ok(Exit::of(run::plan_exit(&report.plan, false)))
}

async fn apply(config: &Config, output: &Output, store: &Store, of: &RunId, format: PlanFormat) -> Result<Exit, Fault> {
    let stop = CancellationToken::new();
    let listener = listen(output.clone(), stop.clone())?;
    let setup = session::setup(config, store, Trigger::Undo, &[], stop.clone());
    let result = session::with_progress(output, &setup, run::apply_undo(&setup, of)).await;
    output.progress().finish();
    let shown = result.as_ref().ok().map(|report| match format {
        PlanFormat::Json => output.answer(&report::run_json(report)),
        PlanFormat::Text | PlanFormat::Markdown => output.answer(&report::run_text(report, &output.look())),
    });
    if result.is_ok() {
        run::housekeeping(&setup).await;
    }
    // It is about the groups of one run alone: that those are well says nothing of the others.
    let ended = Ended { run: result.as_ref(), partial: true, stopped: stop.is_cancelled() };
    notify(config, store, &ended, &stop).await;
    listener.abort();
    shown.transpose()?;
    Ok(Exit::of(result?.exit))
}

/// The run that an id, or the beginning of one, means.
async fn find(store: &Store, id: &str) -> Result<RunId, Fault> {
    let typed = id.trim().to_lowercase();
    if typed.len() < SHORTEST {
        return Err(Fault::usage(anyhow!(
            "the id {id:?} is too short\nhelp: give {SHORTEST} characters of it or more"
        )));
    }
    let found = store.runs_named(&typed).await?;
    match found.as_slice() {
        [run] => Ok(run.clone()),
        [] => Err(Fault::usage(anyhow!(
            "there is no run {id:?}\nhelp: `rosterd audit list` shows the runs; one that only planned changed nothing, and \
             one whose records were archived cannot be taken back"
        ))),
        several => {
            let ids: Vec<&str> = several.iter().map(RunId::as_str).collect();
            let text = format!("the id {id:?} fits more than one run\nhelp: one of {}", ids.join(", "));
            Err(Fault::usage(anyhow!(text)))
        }
    }
}
