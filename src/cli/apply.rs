//! `rosterd apply`: one real run.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::args::{Apply, Global, RunFormat};
use super::exit::{Exit, Fault};
use super::output::Output;
use super::session;
use crate::model::run::Trigger;
use crate::run::RunError;
use crate::store::Access;
use crate::{report, run};

/// Makes a run and shows what became of it.
pub(super) fn run(global: &Global, output: &Output, apply: &Apply) -> Result<Exit, Fault> {
    let config = session::configuration(global, output)?;
    let report = session::block_on(async {
        let store = session::open(&config, Access::CreateOrWrite).await?;
        let stop = CancellationToken::new();
        let listener = listen(output.clone(), stop.clone())?;
        let setup = session::setup(&config, &store, Trigger::Apply, &apply.groups, stop);
        let work = async {
            let report = run::apply(&setup).await?;
            run::housekeeping(&setup, config.state.retention).await;
            Ok::<_, RunError>(report)
        };
        let report = session::with_progress(output, &setup, work).await;
        listener.abort();
        store.close().await;
        Ok(report?)
    })?;
    output.progress().finish();
    let text = match apply.format {
        RunFormat::Text => report::run_text(&report, &output.look()),
        RunFormat::Json => report::run_json(&report),
    };
    output.answer(&text)?;
    Ok(Exit::of(report.exit))
}

/// SIGINT and SIGTERM let the calls under way end, and no other begin.
fn listen(output: Output, stop: CancellationToken) -> Result<tokio::task::JoinHandle<()>, Fault> {
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
