//! The tasks that write down and deliver notices, beside the loop and never in its way: neither a receiver
//! that does not answer nor a state that somebody keeps locked makes the service deaf to signals.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::notices::{self, Channels, Ended};
use crate::model::run::RunReport;
use crate::notice::NoticeSettings;
use crate::run::RunError;
use crate::store::Store;

/// How long what is under way may take when the service ends. What is left waits in the state, or is found
/// again by the next run.
const LAST: Duration = Duration::from_secs(1);

/// The receivers of a configuration, and the tasks that work for them.
pub(super) struct Telling {
    channels: Arc<Channels>,
    /// None from its end on.
    runs: Option<UnboundedSender<Result<RunReport, RunError>>>,
    stop: CancellationToken,
    clerk: JoinHandle<()>,
    deliverer: JoinHandle<()>,
}

impl Telling {
    /// Begins to deliver; what was left by a process before is first.
    pub(super) fn begin(store: &Store, settings: &[NoticeSettings], host: &str) -> Self {
        Self::work(store, Channels::new(settings, host))
    }

    /// Ends what there is, and goes on by other settings.
    pub(super) async fn change(&mut self, store: &Store, settings: &[NoticeSettings], host: &str) {
        self.end().await;
        let channels = Channels::new(settings, host);
        channels.take_over(&self.channels).await;
        *self = Self::work(store, channels);
    }

    fn work(store: &Store, channels: Channels) -> Self {
        let channels = Arc::new(channels);
        let stop = CancellationToken::new();
        let (runs, ended) = mpsc::unbounded_channel();
        let clerk = tokio::spawn(write_down(store.clone(), Arc::clone(&channels), ended));
        let (store, own, stopped) = (store.clone(), Arc::clone(&channels), stop.clone());
        let deliverer = tokio::spawn(async move {
            if !own.is_empty() {
                notices::deliver(&store, &own, &stopped).await;
            }
        });
        Self { channels, runs: Some(runs), stop, clerk, deliverer }
    }

    /// What is due after a run will be queued.
    pub(super) fn ended(&self, result: Result<RunReport, RunError>) {
        if let Some(runs) = &self.runs {
            // The clerk ends after its last sender.
            let _ = runs.send(result);
        }
    }

    /// Ends both.
    pub(super) async fn end(&mut self) {
        self.runs = None;
        if timeout(LAST, &mut self.clerk).await.is_err() {
            self.clerk.abort();
        }
        self.stop.cancel();
        if timeout(LAST, &mut self.deliverer).await.is_err() {
            self.deliverer.abort();
        }
    }
}

/// Queues what is due after each run, one after the other.
async fn write_down(store: Store, channels: Arc<Channels>, mut ended: UnboundedReceiver<Result<RunReport, RunError>>) {
    channels.learn(&store).await;
    while let Some(run) = ended.recv().await {
        let ended = Ended { run: run.as_ref(), partial: false, stopped: false };
        if let Err(error) = notices::after_run(&store, &channels, &ended, Timestamp::now()).await {
            warn!(%error, "no notice of this run could be written down");
        }
    }
}
