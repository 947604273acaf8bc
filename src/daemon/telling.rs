//! The task that delivers notices, beside the loop and never in its way.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::notices::{self, Channels, Ended};
use crate::model::run::RunReport;
use crate::notice::NoticeSettings;
use crate::run::RunError;
use crate::store::Store;

/// How long a delivery under way may take when the service ends. What is left waits in the state.
const LAST: Duration = Duration::from_secs(1);

/// The receivers of a configuration, and the task that delivers to them.
pub(super) struct Telling {
    channels: Arc<Channels>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Telling {
    /// Begins to deliver; what was left by a process before is first.
    pub(super) fn begin(store: &Store, settings: &[NoticeSettings], host: &str) -> Self {
        let channels = Arc::new(Channels::new(settings, host));
        let stop = CancellationToken::new();
        let (store, own, stopped) = (store.clone(), Arc::clone(&channels), stop.clone());
        let task = tokio::spawn(async move {
            if !own.is_empty() {
                notices::deliver(&store, &own, &stopped).await;
            }
        });
        Self { channels, stop, task }
    }

    /// Queues what is due after a run.
    pub(super) async fn ended(&self, store: &Store, result: &Result<RunReport, RunError>) {
        let ended = Ended { run: result.as_ref(), partial: false, stopped: false };
        if let Err(error) = notices::after_run(store, &self.channels, &ended, Timestamp::now()).await {
            warn!(%error, "no notice of this run could be written down");
        }
    }

    /// Stops delivering.
    pub(super) async fn end(self) {
        self.stop.cancel();
        // A receiver that does not answer is not waited for.
        let _ = tokio::time::timeout(LAST, self.task).await;
    }
}
