//! The tasks that write down and deliver notices, beside the loop and never in its way: neither a receiver
//! that does not answer nor a state that somebody keeps locked makes the service deaf to signals.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::warn;

use super::notices::{self, Channels, Ended};
use crate::model::run::RunReport;
use crate::notice::NoticeSettings;
use crate::run::RunError;
use crate::store::Store;

/// How long what is under way may take when the service ends; an attempt that takes longer is broken off, and made
/// again after the next start. What is left waits in the state, or is found again by the next run.
const LAST: Duration = Duration::from_secs(1);

/// The receivers of a configuration, and the tasks that work for them.
pub(super) struct Telling {
    channels: Arc<Channels>,
    /// None from its end on.
    runs: Option<UnboundedSender<Result<RunReport, RunError>>>,
    stop: CancellationToken,
    clerk: JoinHandle<()>,
    /// None while it is handed over. It goes with whoever waits for it.
    deliverer: Option<AbortOnDropHandle<()>>,
}

/// Who delivered before, to be waited for.
struct Before {
    deliverer: AbortOnDropHandle<()>,
    channels: Arc<Channels>,
}

impl Telling {
    /// Begins to deliver; what was left by a process before is first.
    pub(super) fn begin(store: &Store, settings: &[NoticeSettings], host: &str) -> Self {
        Self::work(store, Channels::new(settings, host), None)
    }

    /// Goes on by other settings. An attempt that is under way comes to its end, which its own deadline sees to: nobody
    /// waits for it but the next one to deliver.
    pub(super) async fn change(&mut self, store: &Store, settings: &[NoticeSettings], host: &str) {
        self.end_clerk().await;
        self.stop.cancel();
        let channels = Channels::new(settings, host);
        channels.take_over(&self.channels).await;
        let before = |deliverer| Before { deliverer, channels: Arc::clone(&self.channels) };
        let before = self.deliverer.take().map(before);
        *self = Self::work(store, channels, before);
    }

    fn work(store: &Store, channels: Channels, before: Option<Before>) -> Self {
        let channels = Arc::new(channels);
        let stop = CancellationToken::new();
        let (runs, ended) = mpsc::unbounded_channel();
        let clerk = tokio::spawn(write_down(store.clone(), Arc::clone(&channels), ended));
        let (store, own, stopped) = (store.clone(), Arc::clone(&channels), stop.clone());
        let deliverer = tokio::spawn(async move {
            if let Some(Before { deliverer, channels }) = before {
                // However it ended, it is over.
                let _ = deliverer.await;
                own.take_queue(&channels).await;
            }
            if !own.is_empty() {
                notices::deliver(&store, &own, &stopped).await;
            }
        });
        Self { channels, runs: Some(runs), stop, clerk, deliverer: Some(AbortOnDropHandle::new(deliverer)) }
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
        self.end_clerk().await;
        self.stop.cancel();
        if let Some(deliverer) = self.deliverer.take() {
            // What takes longer goes with its handle.
            let _ = timeout(LAST, deliverer).await;
        }
    }

    async fn end_clerk(&mut self) {
        self.runs = None;
        if timeout(LAST, &mut self.clerk).await.is_err() {
            self.clerk.abort();
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
