//! What systemd is told: that the service is ready, reloads, stops, how it stands, and that its loop is
//! alive. Without systemd (`$NOTIFY_SOCKET`) all of this does nothing.
//!
//! The watchdog is fed by the loop itself at each of its turns, and by nothing beside it: what it proves
//! is that the loop turns, hears signals and would begin the next run. A run has a thread of its own, and its
//! every wait has a deadline (`timeout`, `max_wait`, `max_attempts` of the configuration), so that a run
//! that takes its time is no reason to kill the service.

use std::pin::pin;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::sleep;
use tracing::debug;

/// How long the end of the service may take, whatever its unit says.
const STOPPING: Duration = Duration::from_secs(15);

/// How often a start that takes long asks for more time, and how much it asks for.
const STARTING: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(30));

/// Work that comes before the service is up, for as long as it takes: a state with a long log is brought up to date
/// once.
pub async fn starting<T>(work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    let (every, more) = STARTING;
    loop {
        tokio::select! {
            biased;
            done = &mut work => return done,
            () = sleep(every) => tell(&[NotifyState::Status("opening the state"), extended(more)]),
        }
    }
}

/// The time that systemd is to allow from now on.
fn extended(time: Duration) -> NotifyState<'static> {
    NotifyState::ExtendTimeoutUsec(u32::try_from(time.as_micros()).unwrap_or(u32::MAX))
}

/// See the module.
#[derive(Debug)]
pub(super) struct Systemd {
    watchdog: Option<Duration>,
    /// The status that it was told last.
    status: String,
}

impl Systemd {
    /// As the environment says.
    pub(super) fn from_environment() -> Self {
        Self { watchdog: sd_notify::watchdog_enabled(), status: String::new() }
    }

    /// How often the loop has to turn: twice within the watchdog's patience.
    pub(super) fn pulse(&self) -> Option<Duration> {
        self.watchdog.map(|patience| patience / 2)
    }

    /// The service is up, or done with reloading.
    pub(super) fn ready(&self) {
        tell(&[NotifyState::Ready]);
    }

    /// The service reads its configuration again.
    pub(super) fn reloading(&self) {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => tell(&[NotifyState::Reloading, now]),
            Err(_) => tell(&[NotifyState::Reloading]),
        }
    }

    /// The service ends.
    pub(super) fn stopping(&self) {
        tell(&[NotifyState::Stopping, extended(STOPPING)]);
    }

    /// How the service stands, if that is news.
    pub(super) fn status(&mut self, status: &str) {
        if self.status != status {
            tell(&[NotifyState::Status(status)]);
            status.clone_into(&mut self.status);
        }
    }

    /// The loop is alive.
    pub(super) fn alive(&self) {
        if self.watchdog.is_some() {
            tell(&[NotifyState::Watchdog]);
        }
    }
}

fn tell(what: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(what) {
        debug!(%error, "systemd cannot be told");
    }
}
