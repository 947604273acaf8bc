//! What the service is at, for those who look at it from outside: systemd, the status page, the metrics.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::run::{Outcome, RunReport, Trigger};

pub use super::totals::Totals;

/// The service as it is now. The loop alone changes it; everybody else gets copies.
#[derive(Debug, Clone)]
pub struct ServiceState {
    /// When the process began.
    pub started_at: Timestamp,
    /// The run under way; none while it waits.
    pub running: Option<Running>,
    /// The last run of this process, or of the one before it as the state file knows it.
    pub last_run: Option<LastRun>,
    /// Since when runs fail before they come to a report, and why the last one did.
    pub failing: Option<(Timestamp, String)>,
    /// When the last run ended that left everything in step but for holds.
    pub last_success: Option<Timestamp>,
    /// The last run of this process that came to a report.
    pub report: Option<Arc<RunReport>>,
    /// When the next run is due; none without a schedule.
    pub next_run: Option<Timestamp>,
    /// How far apart the schedule's next two runs are.
    pub interval: Option<Duration>,
    /// When the schedule's second time after the end of the last run comes; none without a last run.
    pub second_after: Option<Timestamp>,
    /// Hyperproof said to wait until then.
    pub throttled_until: Option<Timestamp>,
    /// Holds without an approval.
    pub waiting: u64,
    /// The last run that did not begin, until one does: when, and why.
    pub let_go: Option<(Timestamp, String)>,
    /// The configuration in use.
    pub configuration: Configuration,
    /// Counts since the process began.
    pub totals: Totals,
}

impl ServiceState {
    /// A service that began now and knows nothing of runs before it.
    pub fn new(now: Timestamp, digest: &str) -> Self {
        Self {
            started_at: now,
            running: None,
            last_run: None,
            failing: None,
            last_success: None,
            report: None,
            next_run: None,
            interval: None,
            second_after: None,
            throttled_until: None,
            waiting: 0,
            let_go: None,
            configuration: Configuration { digest: digest.to_owned(), loaded_at: now, refused: None },
            totals: Totals::default(),
        }
    }
}

/// A run under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Running {
    /// What set it off.
    pub trigger: Trigger,
    /// Since when.
    pub since: Timestamp,
}

/// A run that ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastRun {
    /// What set it off.
    pub trigger: Trigger,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Timestamp,
    /// What became of it.
    pub outcome: Outcome,
    /// What ended it before its time, for a person.
    pub error: Option<String>,
}

/// The configuration that the service works by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Configuration {
    /// Its digest.
    pub digest: String,
    /// When it was taken into use.
    pub loaded_at: Timestamp,
    /// A newer one was refused at that time, and why; the one in use stayed.
    pub refused: Option<(Timestamp, String)>,
}
