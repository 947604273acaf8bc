//! When the service runs. A state machine without a clock: it is told what happened and what time it
//! is, and says what comes next.
//!
//! Time is seen twice, on the wall clock and on one that nobody sets. Where the two part, the wall clock
//! was set (or the machine slept). A step forward over ticks makes one run and not many. After a step
//! back the next tick is looked for again, and one that would come soon after the last run is not run a
//! second time; what Hyperproof said to wait is as long as it was.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::config::ScheduleSettings;
use crate::model::run::Trigger;

/// The two clocks may part by this much between two looks without being set: they are read one after
/// the other, and time servers slew.
const TOLERANCE: SignedDuration = SignedDuration::from_secs(2);

/// How long after Hyperproof's time a run begins at the latest: several services were told the same.
const AFTER_THROTTLE: Duration = Duration::from_secs(5);

/// How long a run that was asked for waits for another process's run, before it tries again.
const ASIDE: Duration = Duration::from_secs(5);

/// So many ticks are looked at for one that is not too soon; every second is the densest schedule.
const LOOKS: usize = 10_000;

/// A moment on both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment {
    /// The wall clock.
    pub(super) wall: Timestamp,
    /// Since any fixed moment, on a clock that nobody sets.
    pub(super) steady: Duration,
}

/// Why a tick is let go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// A run of this service is under way.
    Running,
    /// Hyperproof wants no calls before then, and a run goes on after it.
    Throttled(Timestamp),
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// A run begins now. The agenda takes it as begun.
    Run(Trigger),
    /// A tick goes by without a run. Ask again.
    LetGo(Timestamp, Why),
    /// The wall clock was set by this much. Ask again.
    Stepped(SignedDuration),
    /// Nothing before then; none: nothing by itself.
    Wait(Option<Timestamp>),
}

/// See the module.
#[derive(Debug)]
pub(super) struct Agenda {
    settings: ScheduleSettings,
    /// What jitter is drawn from.
    seed: u64,
    /// The tick that is next.
    tick: Option<Timestamp>,
    /// The service has just started, and runs at once.
    at_start: bool,
    /// Somebody asked for a run, which may begin then.
    asked: Option<Timestamp>,
    /// Hyperproof wants no calls before then.
    throttled: Option<Timestamp>,
    running: bool,
    /// When the last run of the schedule began.
    began: Option<Timestamp>,
    /// The last look at the clocks.
    seen: Moment,
}

impl Agenda {
    /// The agenda of a service that starts now. `throttled`: what an earlier run was told to wait.
    pub(super) fn new(settings: ScheduleSettings, seed: u64, now: Moment, throttled: Option<Timestamp>) -> Self {
        Self {
            tick: settings.schedule.next_after(now.wall),
            at_start: settings.run_at_start,
            settings,
            seed,
            asked: None,
            throttled,
            running: false,
            began: None,
            seen: now,
        }
    }

    /// What comes next. To be asked again after [`Next::LetGo`] and [`Next::Stepped`], when something
    /// happened, and when the time of [`Next::Wait`] has come.
    pub(super) fn next(&mut self, now: Moment) -> Next {
        if let Some(by) = self.step(now) {
            return Next::Stepped(by);
        }
        let now = now.wall;
        if self.running {
            return self.passed(now, Why::Running).unwrap_or(Next::Wait(self.start()));
        }
        if self.asked.is_some_and(|at| at <= now) {
            self.asked = None;
            return self.begin(Trigger::Signal, now);
        }
        match self.resume() {
            Some(resume) if now < resume => {
                let why = Why::Throttled(resume);
                if std::mem::take(&mut self.at_start) {
                    return Next::LetGo(now, why);
                }
                let wait = [Some(resume), self.start(), self.asked].into_iter().flatten().min();
                return self.passed(now, why).unwrap_or(Next::Wait(wait));
            }
            Some(_) => {
                self.throttled = None;
                return self.begin(Trigger::Schedule, now);
            }
            None => {}
        }
        if self.at_start || self.start().is_some_and(|start| start <= now) {
            return self.begin(Trigger::Schedule, now);
        }
        Next::Wait([self.start(), self.asked].into_iter().flatten().min())
    }

    /// When the next run is due by itself, also while one is under way.
    pub(super) fn due(&self) -> Option<Timestamp> {
        match self.resume() {
            Some(resume) if !self.running => Some(resume),
            _ => self.start(),
        }
    }

    /// How far apart the next two ticks are.
    pub(super) fn interval(&self) -> Option<Duration> {
        let tick = self.tick?;
        Duration::try_from(self.settings.schedule.next_after(tick)?.duration_since(tick)).ok()
    }

    /// The schedule's second time after that moment.
    pub(super) fn second_after(&self, at: Timestamp) -> Option<Timestamp> {
        let schedule = &self.settings.schedule;
        schedule.next_after(schedule.next_after(at)?)
    }

    /// Until when Hyperproof wants no calls.
    pub(super) fn throttled(&self) -> Option<Timestamp> {
        self.throttled
    }

    /// Somebody wants a run now; during a run: another one after it.
    pub(super) fn ask(&mut self, now: Timestamp) {
        self.asked = Some(now);
    }

    /// The run under way ended. `throttled`: what its report says of that; none where there is no
    /// report, and nothing new is known.
    pub(super) fn ended(&mut self, throttled: Option<Option<Timestamp>>) {
        self.running = false;
        if let Some(throttled) = throttled {
            self.throttled = throttled;
        }
    }

    /// The run did not begin, because another process has one under way. One that was asked for is
    /// tried again.
    pub(super) fn gave_way(&mut self, trigger: Trigger, now: Timestamp) {
        self.running = false;
        if trigger == Trigger::Signal {
            self.asked.get_or_insert(later(now, ASIDE));
        }
    }

    /// Other settings, from now on.
    pub(super) fn change(&mut self, settings: ScheduleSettings, now: Timestamp) {
        if settings.schedule != self.settings.schedule || settings.jitter != self.settings.jitter {
            self.tick = settings.schedule.next_after(now);
        }
        self.settings = settings;
    }

    fn begin(&mut self, trigger: Trigger, now: Timestamp) -> Next {
        self.running = true;
        self.at_start = false;
        self.began = Some(now);
        // Of ticks that have passed, this run is the one.
        if self.tick.is_some_and(|tick| tick <= now) {
            self.tick = self.settings.schedule.next_after(now);
        }
        Next::Run(trigger)
    }

    /// Lets the tick go whose time has come.
    fn passed(&mut self, now: Timestamp, why: Why) -> Option<Next> {
        let tick = self.tick.filter(|_| self.start().is_some_and(|start| start <= now))?;
        self.tick = self.settings.schedule.next_after(now);
        Some(Next::LetGo(tick, why))
    }

    /// When the next tick's run begins.
    fn start(&self) -> Option<Timestamp> {
        let tick = self.tick?;
        let most = self.interval().map_or(self.settings.jitter, |interval| interval.min(self.settings.jitter));
        Some(later(tick, self.chance(tick, most)))
    }

    /// When the run begins that goes on after a throttle.
    fn resume(&self) -> Option<Timestamp> {
        let until = self.throttled?;
        Some(later(until, self.chance(until, self.settings.jitter.min(AFTER_THROTTLE))))
    }

    /// A part of `most`, always the same for the same moment.
    fn chance(&self, of: Timestamp, most: Duration) -> Duration {
        let most = u64::try_from(most.as_millis()).unwrap_or(u64::MAX);
        let mut hasher = DefaultHasher::new();
        (self.seed, of.as_millisecond()).hash(&mut hasher);
        Duration::from_millis(hasher.finish().checked_rem(most).unwrap_or(0))
    }

    /// Notices that the wall clock was set.
    fn step(&mut self, now: Moment) -> Option<SignedDuration> {
        let seen = std::mem::replace(&mut self.seen, now);
        let steady = SignedDuration::try_from(now.steady.saturating_sub(seen.steady)).ok()?;
        let by = now.wall.duration_since(seen.wall).checked_sub(steady)?;
        if by.abs() <= TOLERANCE {
            return None;
        }
        if by.is_negative() {
            let moved = |at: Timestamp| at.checked_add(by).unwrap_or(Timestamp::MIN);
            self.began = self.began.map(moved);
            self.asked = self.asked.map(moved);
            self.throttled = self.throttled.map(moved);
            self.tick = self.tick_after_step(now.wall);
        }
        Some(by)
    }

    /// The first tick that is at least half as far from the last run as from the tick behind it.
    fn tick_after_step(&self, now: Timestamp) -> Option<Timestamp> {
        let schedule = &self.settings.schedule;
        let first = schedule.next_after(now)?;
        let Some(began) = self.began else { return Some(first) };
        let is_far = |tick: &Timestamp| {
            let behind = schedule.next_after(*tick).map(|next| next.duration_since(*tick));
            behind.is_none_or(|behind| tick.duration_since(began) >= behind / 2)
        };
        let ticks = std::iter::successors(Some(first), |tick| schedule.next_after(*tick));
        ticks.take(LOOKS).find(is_far).or(Some(first))
    }
}

fn later(at: Timestamp, by: Duration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests;
