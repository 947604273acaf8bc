//! Floor 4: the service. One loop over ticks of the schedule, runs that end, another configuration, and
//! signals. What comes next is decided by the agenda, which knows no clock; the loop tells it the
//! time, and does what it says.
//!
//! A run has a thread of its own, so that the loop hears signals and feeds the watchdog while one is
//! under way; there is never more than one. A run that fails costs that run: the next tick tries again.
//!
//! The service waits in short sleeps against the wall clock, and not in one long one: a clock that is
//! set is noticed within seconds.

mod agenda;
mod board;
pub mod notices;
mod reload;
mod runs;
mod signals;
mod systemd;
mod telling;

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinHandle};
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{debug, info, warn};

use crate::config::{Config, Environment, ScheduleSettings};
use crate::model::run::RunReport;
use crate::model::service::ServiceState;
use crate::run::RunError;
use crate::store::{Actor, ServiceLock, Store, StoreError};
use agenda::{Agenda, Moment, Next};
use reload::Refusal;
use runs::UnderWay;
use signals::Wish;
use systemd::Systemd;
use telling::Telling;

pub use board::at_start;
pub use signals::Signals;
pub use systemd::starting;

/// What to do where the service has no schedule.
pub const NO_SCHEDULE_HELP: &str = "write when it runs, such as:\n[schedule]\ncron = \"0 */15 * * * *\"";

/// The longest sleep without a look at the clocks.
const SLICE: Duration = Duration::from_secs(15);

/// What waits for a person is counted again after this long: they may have approved it.
const COUNT: Duration = Duration::from_secs(20);

/// How long a stop waits for the run under way. Calls in it give up earlier than that.
const LAST: Duration = Duration::from_secs(7);

/// How long it waits for a run that was left.
const LEAVING: Duration = Duration::from_millis(500);

/// What the service works with.
#[derive(Debug)]
pub struct Parts {
    /// The configuration at start, and its schedule.
    pub config: Config,
    /// `[schedule]` of it.
    pub schedule: ScheduleSettings,
    /// Where the configuration's secrets are looked for, when it is read again.
    pub environment: Environment,
    /// The state.
    pub store: Store,
    /// Shows that this is the only service on it.
    pub lock: ServiceLock,
    /// Who acts; its `service` is that of the configuration in use.
    pub actor: Actor,
    /// The service as others see it, from [`at_start`].
    pub state: watch::Sender<ServiceState>,
}

/// Runs the service until a signal ends it. That is its only end: whatever fails, fails a run.
pub async fn run(parts: Parts, signals: Signals) {
    let throttled = parts.state.borrow().throttled_until;
    let seed = uuid::Uuid::new_v4().as_u64_pair().0;
    let clock = Instant::now();
    let now = Moment { wall: Timestamp::now(), steady: Duration::ZERO };
    let telling = Telling::begin(&parts.store, &parts.config.notices, &parts.actor.host);
    let service = Service {
        config: Arc::new(parts.config),
        environment: parts.environment,
        store: parts.store,
        lock: parts.lock,
        actor: parts.actor,
        state: parts.state,
        agenda: Agenda::new(parts.schedule, seed, now, throttled),
        clock,
        signals,
        systemd: Systemd::from_environment(),
        telling,
        under_way: None,
        reloading: None,
        reload_again: false,
        counting: None,
        counted_at: clock,
        moving: None,
        stopping: false,
    };
    service.run().await;
}

/// What ends a turn of the loop.
#[expect(clippy::large_enum_variant, reason = "there is one, and it lives for a moment")]
enum Event {
    Wish(Wish),
    Ended(Result<Result<RunReport, RunError>, JoinError>),
    Reloaded(Result<Result<Arc<Config>, Refusal>, JoinError>),
    Counted(Result<Result<u64, StoreError>, JoinError>),
    Time,
}

struct Service {
    config: Arc<Config>,
    environment: Environment,
    store: Store,
    lock: ServiceLock,
    actor: Actor,
    state: watch::Sender<ServiceState>,
    agenda: Agenda,
    /// When the service began, on the clock that nobody sets.
    clock: Instant,
    signals: Signals,
    systemd: Systemd,
    telling: Telling,
    under_way: Option<UnderWay>,
    reloading: Option<JoinHandle<Result<Arc<Config>, Refusal>>>,
    /// Another configuration was announced while one was being read.
    reload_again: bool,
    /// What waits is being counted again.
    counting: Option<JoinHandle<Result<u64, StoreError>>>,
    /// When that was done last.
    counted_at: Instant,
    /// What Hyperproof said to wait is being moved along with the clock.
    moving: Option<JoinHandle<()>>,
    /// A signal has ended it.
    stopping: bool,
}

impl Service {
    async fn run(mut self) {
        self.say_warnings();
        info!(
            version = env!("CARGO_PKG_VERSION"),
            config = %self.config.file.display(),
            state = %self.store.path().display(),
            "service started"
        );
        self.systemd.ready();
        self.say_next();
        loop {
            let until = self.turn();
            self.count();
            self.publish();
            self.systemd.alive();
            match self.event(until).await {
                Event::Wish(Wish::Stop) => break,
                Event::Wish(Wish::Run) => {
                    let after = self.under_way.is_some();
                    info!(after_the_run_under_way = after, "a run was asked for (SIGUSR1)");
                    self.agenda.ask(Timestamp::now());
                }
                Event::Wish(Wish::Reload) => self.reload(),
                Event::Ended(result) => self.ended(result).await,
                Event::Reloaded(result) => self.reloaded(result).await,
                Event::Counted(result) => self.counted(result),
                Event::Time => {}
            }
        }
        self.stop().await;
    }

    /// Does what is due; until when nothing else is.
    fn turn(&mut self) -> Option<Timestamp> {
        loop {
            let now = self.now();
            match self.agenda.next(now) {
                Next::Run(trigger) => self.begin(trigger, now.wall),
                Next::LetGo(tick, why) => self.let_go(tick, why),
                Next::Stepped(by) => {
                    warn!(seconds = by.as_secs(), "the clock was set, or the machine slept");
                    self.move_throttle(by);
                    self.say_next();
                }
                Next::Wait(until) => return until,
            }
        }
    }

    /// The agenda has moved what Hyperproof said to wait along with a clock that was set back; the state, which runs go
    /// by, has to follow. Beside the loop: the state may be locked. The next run waits for it.
    fn move_throttle(&mut self, by: SignedDuration) {
        if !by.is_negative() {
            return;
        }
        let (store, before) = (self.store.clone(), self.moving.take());
        self.moving = Some(tokio::spawn(async move {
            done(before).await;
            if let Err(error) = store.move_throttled_until(by).await {
                warn!(%error, "the time until which Hyperproof said to wait was not moved along with the clock");
            }
        }));
    }

    async fn event(&mut self, until: Option<Timestamp>) -> Event {
        let nap = self.nap(until);
        tokio::select! {
            biased;
            wish = self.signals.next() => Event::Wish(wish),
            result = joined(self.under_way.as_mut().map(|run| &mut run.task)) => Event::Ended(result),
            result = joined(self.reloading.as_mut()) => Event::Reloaded(result),
            result = joined(self.counting.as_mut()) => Event::Counted(result),
            () = sleep(nap) => Event::Time,
        }
    }

    /// The next sleep.
    fn nap(&self, until: Option<Timestamp>) -> Duration {
        let longest = self.systemd.pulse().map_or(SLICE, |pulse| pulse.min(SLICE));
        let left = until.map(|until| until.duration_since(Timestamp::now()));
        left.map_or(longest, |left| Duration::try_from(left).unwrap_or_default().min(longest))
    }

    /// Counts what waits again, where something did, beside the loop: the state may be locked.
    fn count(&mut self) {
        if self.counting.is_some() || self.state.borrow().waiting == 0 || self.counted_at.elapsed() < COUNT {
            return;
        }
        let store = self.store.clone();
        self.counting = Some(tokio::spawn(async move { board::waiting(&store, Timestamp::now()).await }));
    }

    fn counted(&mut self, joined: Result<Result<u64, StoreError>, JoinError>) {
        self.counting = None;
        self.counted_at = Instant::now();
        if let Ok(Ok(waiting)) = joined {
            self.state.send_modify(|state| state.waiting = waiting);
        }
    }

    fn now(&self) -> Moment {
        Moment { wall: Timestamp::now(), steady: self.clock.elapsed() }
    }

    fn say_warnings(&self) {
        for warning in &self.config.warnings {
            warn!("{warning}");
        }
    }

    fn say_next(&self) {
        match self.agenda.due() {
            Some(next) => info!(at = %format_args!("{next:.0}"), "next run"),
            None => warn!("the schedule names no further time"),
        }
    }

    /// Tells those who look from outside.
    fn publish(&mut self) {
        let (next_run, interval) = (self.agenda.due(), self.agenda.interval());
        let throttled_until = self.agenda.throttled();
        self.lock.tell(next_run, self.state.borrow().failing.as_ref());
        let ended = self.state.borrow().last_run.as_ref().map(|run| run.finished_at);
        let second_after = ended.and_then(|ended| self.agenda.second_after(ended));
        self.state.send_if_modified(|state| {
            let news = (next_run, interval, second_after, throttled_until);
            let old = (state.next_run, state.interval, state.second_after, state.throttled_until);
            (state.next_run, state.interval, state.second_after, state.throttled_until) = news;
            news != old
        });
        let line = board::line(&self.state.borrow());
        self.systemd.status(&line);
    }

    /// Ends cleanly: calls under way are finished and recorded, none begins, and signals change nothing
    /// about that any more.
    async fn stop(mut self) {
        self.stopping = true;
        info!(run_under_way = self.under_way.is_some(), "stopping");
        self.systemd.stopping();
        if let Some(run) = &self.under_way {
            run.stop.cancel();
        }
        let mut last = Instant::now() + LAST;
        while let Some(run) = &mut self.under_way {
            let pulse = self.systemd.pulse().unwrap_or(SLICE);
            tokio::select! {
                biased;
                result = &mut run.task => self.ended(result).await,
                wish = self.signals.next() => debug!(?wish, "the service is stopping already"),
                () = sleep_until(last) => {
                    if run.leave.is_cancelled() {
                        break;
                    }
                    run.leave.cancel();
                    last += LEAVING;
                }
                () = sleep(pulse) => self.systemd.alive(),
            }
        }
        self.telling.end().await;
        info!("stopped");
    }
}

/// Waits for the end of a task, whatever came of it; without one there is nothing to wait for.
async fn done(task: Option<JoinHandle<()>>) {
    if let Some(task) = task {
        // It ended, and nothing is taken from it.
        let _ = task.await;
    }
}

/// The result of a task; without one nothing ever comes.
async fn joined<T>(task: Option<&mut JoinHandle<T>>) -> Result<T, JoinError> {
    match task {
        Some(task) => task.await,
        None => pending().await,
    }
}
