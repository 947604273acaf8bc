//! Runs of the service: how one begins, gives way, and ends. Whatever becomes of it, the service goes on.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinHandle, spawn_blocking};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info};

use super::agenda::Why;
use super::{Service, board, done};
use crate::model::run::{Outcome, RunReport, Trigger};
use crate::model::service::{LastRun, Running};
use crate::run::{self, Order, Progress, RunError, Setup};
use crate::store::{Actor, Fault, StoreError};

/// The run under way.
pub(super) struct UnderWay {
    pub(super) task: JoinHandle<Result<RunReport, RunError>>,
    trigger: Trigger,
    since: Timestamp,
    /// Asks it to stop.
    pub(super) stop: CancellationToken,
    /// Leaves it where it is, as if the process had been killed.
    pub(super) leave: CancellationToken,
}

impl Service {
    /// Begins a run by the configuration in use, which it keeps to its end.
    pub(super) fn begin(&mut self, trigger: Trigger, since: Timestamp) {
        let (stop, leave) = (CancellationToken::new(), CancellationToken::new());
        let config = Arc::clone(&self.config);
        let store = self.store.clone().signing(config.audit.signing());
        let actor = Actor { service: config.target.client_id.clone(), ..self.actor.clone() };
        let (stopped, left) = (stop.clone(), leave.clone());
        let moving = self.moving.take();
        let runtime = Handle::current();
        let task = spawn_blocking(move || {
            let setup = Setup {
                order: Order {
                    target: &config.target,
                    sources: &config.sources,
                    policy: &config.policy,
                    digest: &config.digest,
                    retention: config.state.retention,
                },
                store: &store,
                actor,
                trigger,
                only: None,
                progress: watch::Sender::new(Progress::default()),
                stop: stopped,
            };
            runtime.block_on(async {
                let work = async {
                    done(moving).await;
                    let result = run::apply(&setup).await;
                    if result.is_ok() {
                        run::housekeeping(&setup).await;
                    }
                    result
                };
                tokio::select! {
                    result = work => result,
                    () = left.cancelled() => Err(RunError::Left),
                }
            })
        });
        self.under_way = Some(UnderWay { task, trigger, since, stop, leave });
        self.state.send_modify(|state| state.running = Some(Running { trigger, since }));
    }

    pub(super) fn let_go(&mut self, tick: Timestamp, why: Why) {
        let text = match why {
            Why::Running => "a run is under way".to_owned(),
            Why::Throttled(until) => format!("Hyperproof wants no calls until {until:.0}"),
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
    pub(super) async fn ended(&mut self, joined: Result<Result<RunReport, RunError>, JoinError>) {
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
            let (help, trigger) = (error.help(), trigger.as_str());
            match self.stopping {
                true => error!(trigger, %error, help, "the run failed"),
                false => error!(trigger, %error, help, "the run failed: it is tried again at the next tick"),
            }
        }
        if self.stopping {
            // That it was cut off is what was asked for, and no news; nobody looks any more.
            return;
        }
        // What is counted just now may be of the time before the run.
        self.counting = None;
        let waiting = match board::waiting(&self.store, now).await {
            Ok(waiting) => Some(waiting),
            Err(error) => {
                debug!(%error, "what waits is not known");
                None
            }
        };
        self.note_run(trigger, since, &result, waiting);
        self.telling.ended(result);
        self.say_next();
    }

    fn note_run(&self, trigger: Trigger, since: Timestamp, result: &Result<RunReport, RunError>, waiting: Option<u64>) {
        let (finished_at, outcome, error) = match result {
            Ok(report) => (report.finished_at, report.outcome, None),
            Err(error) => (Timestamp::now(), Outcome::Failed, Some(error.to_string())),
        };
        self.state.send_modify(|state| {
            let failed_since = state.failing.take().map_or(finished_at, |(since, _)| since);
            state.failing = error.clone().map(|why| (failed_since, why));
            state.last_run = Some(LastRun { trigger, started_at: since, finished_at, outcome, error });
            state.let_go = None;
            if board::is_success(outcome) {
                state.last_success = Some(finished_at);
            }
            match result {
                Ok(report) => {
                    state.totals.count(report);
                    state.report = Some(Arc::new(report.clone()));
                }
                Err(_) => state.totals.count_failed(),
            }
            state.waiting = waiting.unwrap_or(state.waiting);
        });
    }
}
