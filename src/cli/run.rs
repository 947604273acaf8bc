//! `rosterd run`: the service.

use std::time::Duration;

use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use super::args::Global;
use super::exit::{Exit, Fault};
use super::session;
use crate::config::{self, Environment, HttpSettings};
use crate::daemon::{self, NO_SCHEDULE_HELP, Parts, Signals};
use crate::model::service::ServiceState;
use crate::status::{self, Access as PageAccess};
use crate::store::{Access, Store};

/// How long the state may take to close at the end.
const CLOSING: Duration = Duration::from_secs(1);

/// Runs until a signal ends it.
pub(super) fn run(global: &Global) -> Result<Exit, Fault> {
    session::serve(async {
        // Before anything else: from now on a signal is heard, and does not end the process.
        let mut signals = Signals::listen()
            .map_err(|error| Fault::from(anyhow::Error::new(error).context("cannot listen for signals")))?;
        // A file that is not there yet, and a state that somebody keeps locked, are waited for, and nobody has to wait
        // for that.
        let started = tokio::select! {
            started = start(global) => started?,
            () = signals.stop_asked() => return Ok(Exit::Fine),
        };
        let Started { parts, page, stop } = started;
        let store = parts.store.clone();
        daemon::run(parts, signals).await;
        stop.cancel();
        if let Some(page) = page {
            let _ = tokio::time::timeout(CLOSING, page).await;
        }
        // A run that was left has its connections still.
        let _ = tokio::time::timeout(CLOSING, store.close()).await;
        Ok(Exit::Fine)
    })
}

/// A service that can begin.
struct Started {
    parts: Parts,
    page: Option<JoinHandle<()>>,
    /// Ends the page.
    stop: CancellationToken,
}

async fn start(global: &Global) -> Result<Started, Fault> {
    let environment = Environment::process();
    // Beside what hears signals: files can be on shares that do not answer.
    let (file, own) = (global.config.clone(), environment.clone());
    let read = spawn_blocking(move || config::load(&file, &own)).await;
    let config = read.map_err(|error| Fault::from(anyhow::Error::new(error)))?.map_err(Fault::usage)?;
    let Some(schedule) = config.schedule.clone() else {
        let file = config.file.display();
        return Err(Fault::usage(anyhow::anyhow!(
            "{file} has no [schedule], and the service runs by one\nhelp: {NO_SCHEDULE_HELP}"
        )));
    };
    let store = daemon::starting(session::open(&config, Access::CreateOrWrite)).await?;
    let lock = store.lock_service(Timestamp::now())?;
    store.check_writable(Timestamp::now()).await?;
    let (state, seen) = watch::channel(daemon::at_start(&config, &store, Timestamp::now()).await?);
    let stop = CancellationToken::new();
    let page = match &config.http {
        Some(http) => Some(page(http, seen, store.clone(), stop.clone()).await?),
        None => None,
    };
    let actor = session::actor(&config.target.client_id);
    Ok(Started { parts: Parts { config, schedule, environment, store, lock, actor, state }, page, stop })
}

/// Binds the address of the status page, so that it is known at once when that cannot be had, and serves it.
async fn page(
    settings: &HttpSettings,
    seen: watch::Receiver<ServiceState>,
    store: Store,
    stop: CancellationToken,
) -> Result<JoinHandle<()>, Fault> {
    let address = settings.listen;
    let listener = TcpListener::bind(address).await.map_err(|error| {
        Fault::from(anyhow::anyhow!(
            "cannot listen on {address} (http.listen): {error}\n\
             help: another program may have the port; choose another one, or leave [http] out"
        ))
    })?;
    info!(address = %listener.local_addr().unwrap_or(address), "status page");
    let access = PageAccess::new(settings.token.clone());
    Ok(tokio::spawn(async move {
        if let Err(error) = status::serve(listener, access, seen, store, stop).await {
            error!(%error, "the status page has ended");
        }
    }))
}
