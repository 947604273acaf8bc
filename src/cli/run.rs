//! `rosterd run`: the service.

use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::args::Global;
use super::exit::{Exit, Fault};
use super::session;
use crate::config::{self, Environment};
use crate::daemon::{self, NO_SCHEDULE_HELP, Parts, Signals};
use crate::store::Access;

/// How long the state may take to close at the end.
const CLOSING: Duration = Duration::from_secs(1);

/// Runs until a signal ends it.
pub(super) fn run(global: &Global) -> Result<Exit, Fault> {
    session::block_on(async {
        // Before anything else: from now on a signal is heard, and does not end the process.
        let signals = Signals::listen()
            .map_err(|error| Fault::from(anyhow::Error::new(error).context("cannot listen for signals")))?;
        let environment = Environment::process();
        let config = config::load(&global.config, &environment).map_err(Fault::usage)?;
        let Some(schedule) = config.schedule.clone() else {
            let file = config.file.display();
            return Err(Fault::usage(anyhow::anyhow!(
                "{file} has no [schedule], and the service runs by one\nhelp: {NO_SCHEDULE_HELP}"
            )));
        };
        let store = session::open(&config, Access::CreateOrWrite).await?;
        let lock = store.lock_service(Timestamp::now())?;
        store.check_writable(Timestamp::now()).await?;
        let (state, _watch) = watch::channel(daemon::at_start(&config, &store, Timestamp::now()).await?);
        let stop = CancellationToken::new();
        // The status page goes here: bind `config.http`, then serve it with a clone of `_watch` and of
        // `stop` until the service has ended.
        let actor = session::actor(&config);
        let parts = Parts { config, schedule, environment, store: store.clone(), lock, actor, state };
        daemon::run(parts, signals).await;
        stop.cancel();
        // A run that was left has its connections still.
        let _ = tokio::time::timeout(CLOSING, store.close()).await;
        Ok(Exit::Fine)
    })
}
