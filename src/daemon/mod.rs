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
mod reload;
mod signals;
mod systemd;

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinHandle, spawn_blocking};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use crate::config::{Config, Environment, ScheduleSettings};
use crate::model::run::{Outcome, RunReport, Trigger};
use crate::model::service::{LastRun, Running, ServiceState};
use crate::run::{self, Order, Progress, RunError, Setup};
use crate::store::{Actor, Fault, ServiceLock, Store, StoreError};
use agenda::{Agenda, Moment, Next, Why};
use reload::Refusal;
use signals::Wish;
use systemd::Systemd;

pub use board::at_start;
pub use signals::Signals;

/// What to do where the service has no schedule.
pub const NO_SCHEDULE_HELP: &str = "write when it runs, such as:\n[schedule]\ncron = \"0 */15 * * * *\"";

/// The longest sleep without a look at the clocks.
const SLICE: Duration = Duration::from_secs(15);

/// How long a stop waits for the run under way. Calls in it give up earlier than that.
const LAST: Duration = Duration::from_millis(7_500);

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
        under_way: None,
        reloading: None,
        reload_again: false,
        stopping: false,
    };
    service.run().await;
}

/// The run under way.
struct UnderWay {
    task: JoinHandle<Result<RunReport, RunError>>,
    trigger: Trigger,
    since: Timestamp,
    stop: CancellationToken,
}

/// What ends a turn of the loop.
enum Event {
    Wish(Wish),
    Ended(Result<Result<RunReport, RunError>, JoinError>),
    Reloaded(Result<Result<Config, Refusal>, JoinError>),
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
    under_way: Option<UnderWay>,
    reloading: Option<JoinHandle<Result<Config, Refusal>>>,
    /// Another configuration was announced while one was being read.
    reload_again: bool,
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
                Event::Reloaded(result) => self.reloaded(result),
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
                    self.say_next();
                }
                Next::Wait(until) => return until,
            }
        }
    }

    async fn event(&mut self, until: Option<Timestamp>) -> Event {
        let nap = self.nap(until);
        tokio::select! {
            biased;
            wish = self.signals.next() => Event::Wish(wish),
            result = joined(self.under_way.as_mut().map(|run| &mut run.task)) => Event::Ended(result),
            result = joined(self.reloading.as_mut()) => Event::Reloaded(result),
            () = sleep(nap) => Event::Time,
        }
    }

    /// The next sleep.
    fn nap(&self, until: Option<Timestamp>) -> Duration {
        let longest = self.systemd.pulse().map_or(SLICE, |pulse| pulse.min(SLICE));
        let left = until.map(|until| until.duration_since(Timestamp::now()));
        left.map_or(longest, |left| Duration::try_from(left).unwrap_or_default().min(longest))
    }

    fn now(&self) -> Moment {
        Moment { wall: Timestamp::now(), steady: self.clock.elapsed() }
    }

    /// Begins a run by the configuration in use, which it keeps to its end.
    fn begin(&mut self, trigger: Trigger, since: Timestamp) {
        let stop = CancellationToken::new();
        let (config, store) = (Arc::clone(&self.config), self.store.clone());
        let actor = Actor { service: config.target.client_id.clone(), ..self.actor.clone() };
        let token = stop.clone();
        let runtime = Handle::current();
        let task = spawn_blocking(move || {
            let setup = Setup {
                order: Order {
                    target: &config.target,
                    sources: &config.sources,
                    policy: &config.policy,
                    digest: &config.digest,
                },
                store: &store,
                actor,
                trigger,
                only: None,
                progress: watch::Sender::new(Progress::default()),
                stop: token,
            };
            runtime.block_on(run::apply(&setup))
        });
        self.under_way = Some(UnderWay { task, trigger, since, stop });
        self.state.send_modify(|state| state.running = Some(Running { trigger, since }));
    }

    fn let_go(&mut self, tick: Timestamp, why: Why) {
        let text = match why {
            Why::Running => "a run is under way".to_owned(),
            Why::Throttled(until) => format!("Hyperproof wants no calls until then: {until:.0}"),
        };
        info!(tick = %format_args!("{tick:.0}"), why = text, "a tick of the schedule is let go");
        self.note_let_go(tick, text);
    }

    fn note_let_go(&self, tick: Timestamp, why: String) {
        self.state.send_modify(|state| {
            state.totals.skipped_ticks += 1;
            state.let_go = Some((tick, why));
        });
    }

    /// Another process has a run under way. That is no failure. A run that was asked for is tried again
    /// soon, and said once.
    fn gave_way(&mut self, trigger: Trigger, since: Timestamp, why: String) {
        self.agenda.gave_way(trigger, Timestamp::now());
        let said = self.state.borrow().let_go.as_ref().is_some_and(|(_, said)| *said == why);
        if !said || trigger == Trigger::Schedule {
            info!(trigger = trigger.as_str(), why, "no run now: another process has one under way");
        }
        match trigger {
            Trigger::Schedule => self.note_let_go(since, why),
            _ => self.state.send_modify(|state| state.let_go = Some((since, why))),
        }
    }

    /// A run has ended, one way or another.
    async fn ended(&mut self, joined: Result<Result<RunReport, RunError>, JoinError>) {
        let Some(UnderWay { trigger, since, .. }) = self.under_way.take() else { return };
        let result = joined.unwrap_or_else(|error| match error.try_into_panic() {
            Ok(panic) => Err(RunError::panicked(&*panic)),
            Err(error) => Err(RunError::Panicked(error.to_string())),
        });
        self.state.send_modify(|state| state.running = None);
        let now = Timestamp::now();
        if let Err(RunError::Store(StoreError { fault: fault @ Fault::Busy { .. }, .. })) = &result {
            self.gave_way(trigger, since, fault.to_string());
            return;
        }
        self.agenda.ended(result.as_ref().ok().map(|report| report.throttled_until));
        if let Err(error) = &result {
            let help = error.help();
            error!(trigger = trigger.as_str(), %error, help, "the run failed: it is tried again at the next tick");
        }
        let waiting = match board::waiting(&self.store, now).await {
            Ok(waiting) => Some(waiting),
            Err(error) => {
                debug!(%error, "what waits is not known");
                None
            }
        };
        self.note_run(trigger, since, &result, waiting);
        if self.stopping {
            // That it was cut off is what was asked for, and no news.
            return;
        }
        // Notices of this run go here: (trigger, &result) says what became of it.
        self.say_next();
    }

    fn note_run(&self, trigger: Trigger, since: Timestamp, result: &Result<RunReport, RunError>, waiting: Option<u64>) {
        let (finished_at, outcome, error) = match result {
            Ok(report) => (report.finished_at, report.outcome, None),
            Err(error) => (Timestamp::now(), Outcome::Failed, Some(error.to_string())),
        };
        self.state.send_modify(|state| {
            state.last_run = Some(LastRun { trigger, started_at: since, finished_at, outcome, error });
            state.let_go = None;
            if board::is_success(outcome) {
                state.last_success = Some(finished_at);
            }
            if let Ok(report) = result {
                state.report = Some(Arc::new(report.clone()));
            }
            state.waiting = waiting.unwrap_or(state.waiting);
        });
    }

    /// Reads the configuration again, beside the loop: files can be on shares that do not answer.
    fn reload(&mut self) {
        if self.reloading.is_some() {
            self.reload_again = true;
            return;
        }
        info!(config = %self.config.file.display(), "reading the configuration again (SIGHUP)");
        self.systemd.reloading();
        let (old, environment) = (Arc::clone(&self.config), self.environment.clone());
        self.reloading = Some(spawn_blocking(move || reload::read(&old, &environment)));
    }

    fn reloaded(&mut self, joined: Result<Result<Config, Refusal>, JoinError>) {
        self.reloading = None;
        let read = joined.unwrap_or_else(|error| Err(Refusal::Unchangeable(vec![error.to_string()])));
        match read {
            Ok(config) => self.take(config),
            Err(refusal) => self.refuse(&refusal),
        }
        self.systemd.ready();
        if std::mem::take(&mut self.reload_again) {
            self.reload();
        }
    }

    fn take(&mut self, config: Config) {
        let now = Timestamp::now();
        if let Some(schedule) = &config.schedule {
            self.agenda.change(schedule.clone(), now);
        }
        self.config = Arc::new(config);
        self.say_warnings();
        info!(
            digest = self.config.digest,
            run_under_way = self.under_way.is_some(),
            "the new configuration holds from the next run on"
        );
        self.state.send_modify(|state| {
            state.configuration.digest.clone_from(&self.config.digest);
            state.configuration.loaded_at = now;
            state.configuration.refused = None;
        });
        self.say_next();
    }

    fn refuse(&self, refusal: &Refusal) {
        for line in refusal.lines() {
            error!("{line}");
        }
        error!("the new configuration is refused; the one in use stays (help: mend it, and reload again)");
        self.state.send_modify(|state| {
            state.configuration.refused = Some((Timestamp::now(), refusal.to_string()));
            state.totals.refused_reloads += 1;
        });
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
        if self.state.borrow().next_run != next_run {
            self.lock.tell_next_run(next_run);
        }
        self.state.send_if_modified(|state| {
            let news = (next_run, interval, throttled_until);
            let old = (state.next_run, state.interval, state.throttled_until);
            (state.next_run, state.interval, state.throttled_until) = news;
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
        let last = Instant::now() + LAST;
        while let Some(run) = &mut self.under_way {
            let pulse = self.systemd.pulse().unwrap_or(SLICE);
            tokio::select! {
                biased;
                result = &mut run.task => self.ended(result).await,
                wish = self.signals.next() => debug!(?wish, "the service is stopping already"),
                () = sleep_until(last) => {
                    warn!("the run under way does not end: it is left, and the next run settles what it began");
                    break;
                }
                () = sleep(pulse) => self.systemd.alive(),
            }
        }
        info!("stopped");
    }
}

/// The result of a task; without one nothing ever comes.
async fn joined<T>(task: Option<&mut JoinHandle<T>>) -> Result<T, JoinError> {
    match task {
        Some(task) => task.await,
        None => pending().await,
    }
}
