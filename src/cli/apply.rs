//! `rosterd apply`: one real run.

use std::time::Duration;

use jiff::Timestamp;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::args::{Apply, Global, RunFormat};
use super::exit::{Exit, Fault};
use super::output::Output;
use super::session;
use crate::config::Config;
use crate::daemon::notices::{self, Channels, Ended};
use crate::model::run::{RunReport, Trigger};
use crate::store::{Access, Store};
use crate::{report, run};

/// What is left of the notices after this long waits for the next run.
const NOTICES: Duration = Duration::from_secs(10);

/// Makes a run, shows what became of it, and tells those who are to be told.
pub(super) fn run(global: &Global, output: &Output, apply: &Apply) -> Result<Exit, Fault> {
    let config = session::configuration(global, output)?;
    session::block_on(async {
        let store = session::open(&config, Access::CreateOrWrite).await?;
        let stop = CancellationToken::new();
        let listener = listen(output.clone(), stop.clone())?;
        let setup = session::setup(&config, &store, Trigger::Apply, &apply.groups, stop.clone());
        let result = session::with_progress(output, &setup, run::apply(&setup)).await;
        output.progress().finish();
        let shown = result.as_ref().ok().map(|report| show(output, apply, report));
        if result.is_ok() {
            run::housekeeping(&setup).await;
        }
        let ended = Ended { run: result.as_ref(), partial: setup.only.is_some(), stopped: stop.is_cancelled() };
        notify(&config, &store, &ended, &stop).await;
        listener.abort();
        store.close().await;
        shown.transpose()?;
        Ok(Exit::of(result?.exit))
    })
}

fn show(output: &Output, apply: &Apply, report: &RunReport) -> Result<(), Fault> {
    let text = match apply.format {
        RunFormat::Text => report::run_text(report, &output.look()),
        RunFormat::Json => report::run_json(report),
    };
    Ok(output.answer(&text)?)
}

/// Tells what is due. Whatever goes wrong here is said, and changes nothing about the run.
pub(super) async fn notify(config: &Config, store: &Store, ended: &Ended<'_>, stop: &CancellationToken) {
    let channels = Channels::new(&config.notices, &session::actor(&config.target.client_id).host);
    if let Err(error) = notices::after_run(store, &channels, ended, Timestamp::now()).await {
        tracing::warn!(%error, "no notice could be made of this run");
        return;
    }
    notices::deliver_for(store, &channels, NOTICES, stop).await;
}

/// SIGINT and SIGTERM let the calls under way end, and no other begin.
pub(super) fn listen(output: Output, stop: CancellationToken) -> Result<tokio::task::JoinHandle<()>, Fault> {
    let cannot = |error| Fault::from(anyhow::Error::new(error).context("cannot listen for signals"));
    let mut interrupt = signal(SignalKind::interrupt()).map_err(cannot)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(cannot)?;
    Ok(tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if !stop.is_cancelled() {
                output.note("stopping: calls under way are finished and recorded, no other is made");
            }
            stop.cancel();
        }
    }))
}
