//! Floor 2: when the next request may go. One limiter for all calls, which learns from throttling.
//!
//! The vendor publishes no limits, so the budget is our own: it is halved when the server throttles,
//! and grows back by a tenth of the whole for each minute without that.

use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep};

/// The least that the budget can shrink to.
const LEAST: f64 = 1.0 / 16.0;
/// What the budget grows by.
const STEP: f64 = 0.1;
/// How often it grows.
const EVERY: Duration = Duration::from_secs(60);

/// Tokio's clock for governor, whose own timers know nothing of a paused runtime.
#[derive(Debug, Clone)]
struct TokioClock(Instant);

impl Clock for TokioClock {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}

type Limiter = RateLimiter<NotKeyed, InMemoryState, TokioClock, NoOpMiddleware<Duration>>;

/// The pacing of all calls of a client.
#[derive(Debug)]
pub(super) struct Pace {
    per_minute: u32,
    burst: u32,
    slots: Semaphore,
    clock: TokioClock,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    limiter: Limiter,
    /// The share of the budget in use.
    share: f64,
    /// When the share changed last.
    changed: Instant,
    /// No request goes before then.
    not_before: Instant,
    /// How long calls were held back in all.
    throttled: Duration,
}

/// Leave to send one request. Dropped when its answer is read.
#[derive(Debug)]
pub(super) struct Leave<'a> {
    /// When the leave was given.
    pub(super) at: Instant,
    _slot: SemaphorePermit<'a>,
}

/// The server's pause is longer than the caller would wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooLong(pub(super) Duration);

impl Pace {
    /// A full budget. At least one call a minute, one at a time.
    pub(super) fn new(per_minute: u32, burst: u32, concurrency: usize) -> Self {
        let now = Instant::now();
        let clock = TokioClock(now);
        Self {
            per_minute: per_minute.max(1),
            burst: burst.max(1),
            slots: Semaphore::new(concurrency.clamp(1, Semaphore::MAX_PERMITS)),
            state: Mutex::new(State {
                limiter: limiter(per_minute, burst, 1.0, &clock),
                share: 1.0,
                changed: now,
                not_before: now,
                throttled: Duration::ZERO,
            }),
            clock,
        }
    }

    /// Waits for leave to send a request; not longer than `max_wait` for a pause of the server.
    pub(super) async fn leave(&self, max_wait: Duration) -> Result<Leave<'_>, TooLong> {
        let slot = self.slots.acquire().await.expect("the semaphore is never closed");
        loop {
            let wait = {
                let state = self.state();
                let now = Instant::now();
                let pause = state.not_before.saturating_duration_since(now);
                if pause > max_wait {
                    return Err(TooLong(pause));
                }
                if !pause.is_zero() {
                    pause
                } else {
                    match state.limiter.check() {
                        Ok(()) => return Ok(Leave { at: now, _slot: slot }),
                        Err(not_yet) => not_yet.wait_time_from(self.clock.now()),
                    }
                }
            };
            sleep(wait.max(Duration::from_millis(1))).await;
        }
    }

    /// The server throttled a request that was sent at `sent`: all calls wait, and go on at half the
    /// rate. Requests that were under way together are throttled together: that halves once.
    pub(super) fn throttled(&self, sent: Instant, wait: Duration) {
        let mut state = self.state();
        let now = Instant::now();
        let until = now + wait;
        if until > state.not_before {
            let more = until - state.not_before.max(now);
            state.throttled += more;
            state.not_before = until;
        }
        if sent >= state.changed {
            let share = (state.share / 2.0).max(LEAST);
            self.set_share(&mut state, share, now);
        }
    }

    /// The server asked an earlier run to wait so much longer.
    pub(super) fn pause(&self, wait: Duration) {
        let mut state = self.state();
        state.not_before = state.not_before.max(Instant::now() + wait);
    }

    /// A request went through.
    pub(super) fn succeeded(&self) {
        let mut state = self.state();
        let now = Instant::now();
        if state.share < 1.0 && now.saturating_duration_since(state.changed) >= EVERY {
            let share = (state.share + STEP).min(1.0);
            self.set_share(&mut state, share, now);
        }
    }

    /// How long calls were held back by the server in all.
    pub(super) fn held_back(&self) -> Duration {
        self.state().throttled
    }

    /// A limiter is born with its burst; a change of rate must not hand out a new one, so it is used
    /// up at once.
    fn set_share(&self, state: &mut State, share: f64, now: Instant) {
        state.limiter = limiter(self.per_minute, self.burst, share, &self.clock);
        // Of a fresh limiter the whole burst can be had at once.
        let _ = state.limiter.check_n(burst_of(self.burst, share));
        state.share = share;
        state.changed = now;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn limiter(per_minute: u32, burst: u32, share: f64, clock: &TokioClock) -> Limiter {
    let period = Duration::from_secs(60).div_f64(f64::from(per_minute.max(1)) * share);
    let quota = Quota::with_period(period.max(Duration::from_nanos(1)))
        .expect("a period of at least a nanosecond is not zero")
        .allow_burst(burst_of(burst, share));
    RateLimiter::direct_with_clock(quota, clock.clone())
}

fn burst_of(burst: u32, share: f64) -> NonZeroU32 {
    NonZeroU32::new((f64::from(burst) * share) as u32).unwrap_or(NonZeroU32::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(3600);

    async fn calls_within(pace: &Pace, span: Duration) -> u32 {
        let end = Instant::now() + span;
        let mut calls = 0;
        loop {
            let leave = tokio::time::timeout_at(end, pace.leave(LONG)).await;
            match leave {
                Ok(leave) => drop(leave.unwrap()),
                Err(_) => return calls,
            }
            calls += 1;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_minute_has_its_budget_and_one_burst() {
        let pace = Pace::new(60, 5, 4);
        assert_eq!(calls_within(&pace, Duration::from_millis(1)).await, 5);
        let calls = calls_within(&pace, Duration::from_secs(60)).await;
        assert!((59..=61).contains(&calls), "{calls}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_written_down_between_calls_does_not_slow_them() {
        let pace = Pace::new(60, 1, 1);
        let began = Instant::now();
        for _ in 0..30 {
            drop(pace.leave(LONG).await.unwrap());
            sleep(Duration::from_millis(700)).await;
        }
        drop(pace.leave(LONG).await.unwrap());
        let (took, exact) = (began.elapsed(), Duration::from_secs(30));
        assert!(took >= exact && took < exact + Duration::from_millis(100), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_throttle_pauses_everybody_halves_and_recovers_slowly() {
        let pace = Pace::new(60, 5, 4);
        let sent = Instant::now();
        // Two requests that were under way together: one halving, one pause.
        pace.throttled(sent, Duration::from_secs(10));
        pace.throttled(sent - Duration::from_millis(1), Duration::from_secs(8));
        assert_eq!(pace.held_back(), Duration::from_secs(10));
        let before = Instant::now();
        drop(pace.leave(LONG).await.unwrap());
        assert_eq!(before.elapsed(), Duration::from_secs(10));
        // Half the rate, and at most half the burst.
        let calls = calls_within(&pace, Duration::from_secs(58)).await;
        assert!((28..=32).contains(&calls), "{calls}");
        for minute in 0..4 {
            pace.succeeded();
            pace.succeeded();
            tokio::time::advance(EVERY).await;
            assert!(pace.state().share < 1.0, "still slow after minute {minute}");
        }
        for _ in 0..3 {
            pace.succeeded();
            tokio::time::advance(EVERY).await;
        }
        assert_eq!(pace.state().share, 1.0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_beyond_patience_is_not_waited_for() {
        let pace = Pace::new(60, 5, 1);
        pace.throttled(Instant::now(), Duration::from_secs(301));
        let refused = pace.leave(Duration::from_secs(300)).await.unwrap_err();
        assert_eq!(refused, TooLong(Duration::from_secs(301)));
    }

    #[tokio::test(start_paused = true)]
    async fn only_so_many_are_under_way() {
        let pace = Pace::new(6000, 100, 2);
        let held = (pace.leave(LONG).await.unwrap(), pace.leave(LONG).await.unwrap());
        assert!(tokio::time::timeout(LONG, pace.leave(LONG)).await.is_err());
        drop(held);
        assert!(pace.leave(LONG).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn the_rate_never_falls_to_nothing() {
        let pace = Pace::new(60, 1, 1);
        for _ in 0..100 {
            pace.throttled(Instant::now(), Duration::ZERO);
            tokio::time::advance(Duration::from_millis(1)).await;
        }
        assert!(calls_within(&pace, Duration::from_secs(60)).await >= 3);
    }
}
