//! Floor 2: what a client still waits for once its run was asked to stop: no pause and no other try at
//! all, and a call under way for a few seconds.

use std::sync::OnceLock;
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

/// How long a call under way may still take. The service stops within ten seconds; what is left of them
/// is for its records.
const GRACE: Duration = Duration::from_secs(6);

/// The run was asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Over;

/// See the module.
#[derive(Debug)]
pub(super) struct Patience {
    stop: CancellationToken,
    /// When somebody first noticed.
    since: OnceLock<Instant>,
}

impl Patience {
    /// Patience until `stop` is cancelled.
    pub(super) fn new(stop: CancellationToken) -> Self {
        Self { stop, since: OnceLock::new() }
    }

    /// Whether the run was asked to stop.
    pub(super) fn is_over(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Ends when the run is asked to stop.
    pub(super) async fn over(&self) {
        self.stop.cancelled().await;
        self.since.get_or_init(Instant::now);
    }

    /// Ends when a call under way has had its last seconds.
    pub(super) async fn spent(&self) {
        self.over().await;
        let since = *self.since.get_or_init(Instant::now);
        sleep_until(since + GRACE).await;
    }

    /// Sleeps, but not once the run was asked to stop.
    pub(super) async fn sleep(&self, wait: Duration) -> Result<(), Over> {
        tokio::select! {
            biased;
            () = self.over() => Err(Over),
            () = sleep(wait) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn waits_end_at_once_and_calls_after_a_while() {
        let stop = CancellationToken::new();
        let patience = Patience::new(stop.clone());
        assert_eq!(patience.sleep(Duration::from_secs(3600)).await, Ok(()));
        assert!(tokio::time::timeout(Duration::from_secs(3600), patience.spent()).await.is_err());
        stop.cancel();
        let asked = Instant::now();
        assert_eq!(patience.sleep(Duration::from_secs(3600)).await, Err(Over));
        assert_eq!(asked.elapsed(), Duration::ZERO);
        patience.spent().await;
        assert_eq!(asked.elapsed(), GRACE);
        patience.spent().await;
        assert_eq!(asked.elapsed(), GRACE, "one grace for all calls");
    }
}
