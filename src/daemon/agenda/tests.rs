//! The agenda over days with clock changes, steps of the clock, throttles and runs that take long.

use super::*;
use crate::schedule::Schedule;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn settings(cron: &str, zone: &str, jitter: u64, run_at_start: bool) -> ScheduleSettings {
    let schedule = Schedule::parse(cron, zone).unwrap();
    ScheduleSettings { schedule, jitter: Duration::from_secs(jitter), run_at_start }
}

/// An agenda with both of its clocks.
struct Day {
    agenda: Agenda,
    now: Moment,
}

impl Day {
    fn new(cron: &str, zone: &str, jitter: u64, from: &str) -> Self {
        let now = Moment { wall: at(from), steady: Duration::from_secs(100) };
        Self { agenda: Agenda::new(settings(cron, zone, jitter, false), 7, now, None), now }
    }

    fn quarterly() -> Self {
        Self::new("0 */15 * * * *", "UTC", 0, "2026-11-22T12:00:00Z")
    }

    fn next(&mut self) -> Next {
        self.agenda.next(self.now)
    }

    /// Time passes on both clocks, up to then on the wall clock.
    fn pass_to(&mut self, wall: Timestamp) {
        let by = Duration::try_from(wall.duration_since(self.now.wall)).unwrap();
        self.now.wall = wall;
        self.now.steady += by;
    }

    fn pass(&mut self, text: &str) -> Next {
        self.pass_to(at(text));
        self.next()
    }

    /// The wall clock is set.
    fn set(&mut self, text: &str) {
        self.now.wall = at(text);
    }

    /// Sleeps as the service does, with a look every so often, until a run begins; when that was.
    fn until_run(&mut self) -> (String, Trigger) {
        for _ in 0..100_000 {
            match self.next() {
                Next::Run(trigger) => return (self.now.wall.to_string(), trigger),
                Next::LetGo(..) | Next::Stepped(_) => {}
                Next::Wait(until) => {
                    let slice = later(self.now.wall, Duration::from_secs(15));
                    self.pass_to(until.map_or(slice, |until| until.min(slice)).max(self.now.wall));
                }
            }
        }
        panic!("no run in a long time");
    }

    /// The times of so many runs, each of which takes no time.
    fn runs(&mut self, count: usize) -> Vec<String> {
        let mut runs = Vec::new();
        for _ in 0..count {
            runs.push(self.until_run().0);
            self.agenda.ended(Some(None));
        }
        runs
    }
}

#[test]
fn runs_come_with_the_ticks_and_at_start_if_wanted() {
    let mut day = Day::quarterly();
    assert_eq!(day.runs(2), ["2026-11-22T12:15:00Z", "2026-11-22T12:30:00Z"]);
    let now = day.now;
    day.agenda = Agenda::new(settings("0 */15 * * * *", "UTC", 0, true), 7, now, None);
    assert_eq!(day.next(), Next::Run(Trigger::Schedule));
    day.agenda.ended(Some(None));
    assert_eq!(day.next(), Next::Wait(Some(at("2026-11-22T12:45:00Z"))), "once");
}

#[test]
fn a_tick_within_a_run_is_let_go_and_told_once() {
    let mut day = Day::quarterly();
    assert_eq!(day.pass("2026-11-22T12:15:00Z"), Next::Run(Trigger::Schedule));
    assert_eq!(day.next(), Next::Wait(Some(at("2026-11-22T12:30:00Z"))));
    assert_eq!(day.pass("2026-11-22T12:30:01Z"), Next::LetGo(at("2026-11-22T12:30:00Z"), Why::Running));
    assert_eq!(day.next(), Next::Wait(Some(at("2026-11-22T12:45:00Z"))));
    day.agenda.ended(Some(None));
    assert_eq!(day.next(), Next::Wait(Some(at("2026-11-22T12:45:00Z"))), "it is not made up for");
}

#[test]
fn who_asks_gets_one_run_now_or_after_the_one_under_way() {
    let mut day = Day::quarterly();
    let now = day.now.wall;
    day.agenda.ask(now);
    day.agenda.ask(now);
    assert_eq!(day.next(), Next::Run(Trigger::Signal));
    assert_eq!(day.next(), Next::Wait(Some(at("2026-11-22T12:15:00Z"))));
    day.agenda.ask(now);
    day.agenda.ask(now);
    assert_eq!(day.next(), Next::Wait(Some(at("2026-11-22T12:15:00Z"))), "not beside it");
    day.agenda.ended(Some(None));
    assert_eq!(day.next(), Next::Run(Trigger::Signal));
    day.agenda.ended(Some(None));
    assert_eq!(day.next(), Next::Wait(Some(at("2026-11-22T12:15:00Z"))));
    // A tick whose time has come as well is not run on top of that.
    day.agenda.ask(now);
    assert_eq!(day.pass("2026-11-22T12:15:00Z"), Next::Run(Trigger::Signal));
    day.agenda.ended(Some(None));
    assert_eq!(day.next(), Next::Wait(Some(at("2026-11-22T12:30:00Z"))));
}

#[test]
fn another_process_has_its_way_and_only_what_was_asked_for_comes_back() {
    let mut day = Day::quarterly();
    assert_eq!(day.pass("2026-11-22T12:15:00Z"), Next::Run(Trigger::Schedule));
    day.agenda.gave_way(Trigger::Schedule, day.now.wall);
    assert_eq!(day.next(), Next::Wait(Some(at("2026-11-22T12:30:00Z"))));
    day.agenda.ask(day.now.wall);
    assert_eq!(day.next(), Next::Run(Trigger::Signal));
    day.agenda.gave_way(Trigger::Signal, day.now.wall);
    assert_eq!(day.next(), Next::Wait(Some(at("2026-11-22T12:15:05Z"))));
    assert_eq!(day.pass("2026-11-22T12:15:05Z"), Next::Run(Trigger::Signal));
}

#[test]
fn jitter_is_later_than_the_tick_and_never_reaches_the_next() {
    for (cron, jitter, most) in [("0 */15 * * * *", 600, 600_000), ("* * * * * *", 600, 1000), ("0 * * * * *", 0, 1)] {
        let mut different = std::collections::BTreeSet::new();
        let mut day = Day::new(cron, "UTC", jitter, "2026-11-22T12:00:00Z");
        for seed in 0..200 {
            day.agenda.seed = seed;
            let tick = day.agenda.tick.unwrap();
            let delay = day.agenda.due().unwrap().duration_since(tick).as_millis();
            assert!((0..most).contains(&delay), "{cron}: {delay}");
            assert_eq!(day.agenda.due(), day.agenda.due());
            different.insert(delay);
        }
        assert_eq!(different.len() > 50, jitter > 0, "{cron}");
    }
    let mut day = Day::new("0 */15 * * * *", "UTC", 600, "2026-11-22T12:00:00Z");
    let runs = day.runs(3);
    let quarters: Vec<&str> = runs.iter().map(|run| &run[11..14]).collect();
    assert_eq!(quarters, ["12:", "12:", "12:"], "{runs:?}");
    assert!(runs.iter().all(|run| !run.ends_with("00Z")), "{runs:?}");
}

#[test]
fn days_with_a_clock_change_have_their_runs_once() {
    let mut day = Day::new("0 30 2 * * *", "Europe/Berlin", 0, "2026-10-24T12:00:00Z");
    assert_eq!(day.runs(2), ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"], "02:30 comes twice on that day");
    let mut day = Day::new("0 30 2 * * *", "Europe/Berlin", 0, "2026-03-28T12:00:00Z");
    assert_eq!(day.runs(2), ["2026-03-29T01:30:00Z", "2026-03-30T00:30:00Z"], "02:30 does not come on that day");
    let mut day = Day::new("0 0 * * * *", "Europe/Berlin", 0, "2026-10-24T23:30:00Z");
    assert_eq!(day.runs(3), ["2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z", "2026-10-25T02:00:00Z"]);
}

#[test]
fn a_step_forward_makes_one_run() {
    let mut day = Day::quarterly();
    day.pass("2026-11-22T12:01:00Z");
    day.set("2026-11-23T09:07:00Z");
    assert!(matches!(day.next(), Next::Stepped(by) if by.as_hours() == 21));
    assert_eq!(day.next(), Next::Run(Trigger::Schedule));
    day.agenda.ended(Some(None));
    assert_eq!(day.next(), Next::Wait(Some(at("2026-11-23T09:15:00Z"))));
}

#[test]
fn a_step_back_neither_stalls_nor_repeats() {
    // By hours: the next quarter of the hour, and not the one that was next before.
    let mut day = Day::quarterly();
    assert_eq!(day.pass("2026-11-22T12:15:00Z"), Next::Run(Trigger::Schedule));
    day.agenda.ended(Some(None));
    day.set("2026-11-22T09:01:00Z");
    assert!(matches!(day.next(), Next::Stepped(by) if by.is_negative()));
    assert_eq!(day.runs(2), ["2026-11-22T09:15:00Z", "2026-11-22T09:30:00Z"]);

    // By seconds, just behind a run: its tick comes again, and is not run again.
    let mut day = Day::quarterly();
    assert_eq!(day.pass("2026-11-22T12:15:00Z"), Next::Run(Trigger::Schedule));
    day.agenda.ended(Some(None));
    for back in ["2026-11-22T12:14:59Z", "2026-11-22T12:14:50Z", "2026-11-22T12:14:00Z"] {
        day.set(back);
        while matches!(day.next(), Next::Stepped(_)) {}
        assert_eq!(day.next(), Next::Wait(Some(at("2026-11-22T12:30:00Z"))), "{back}");
    }

    // The same within a run, and with a daily schedule.
    let mut day = Day::new("0 0 6 * * *", "UTC", 0, "2026-11-22T05:00:00Z");
    assert_eq!(day.pass("2026-11-22T06:00:00Z"), Next::Run(Trigger::Schedule));
    day.set("2026-11-22T04:00:00Z");
    assert!(matches!(day.next(), Next::Stepped(_)));
    day.agenda.ended(Some(None));
    assert_eq!(day.next(), Next::Wait(Some(at("2026-11-23T06:00:00Z"))));

    // Without a run before there is nothing to repeat.
    let mut day = Day::quarterly();
    day.set("2026-11-21T23:50:00Z");
    assert!(matches!(day.next(), Next::Stepped(_)));
    assert_eq!(day.next(), Next::Wait(Some(at("2026-11-22T00:00:00Z"))));
}

#[test]
fn a_throttled_run_goes_on_at_the_time_that_was_named() {
    // Before the next tick.
    let mut day = Day::quarterly();
    assert_eq!(day.pass("2026-11-22T12:15:00Z"), Next::Run(Trigger::Schedule));
    day.agenda.ended(Some(Some(at("2026-11-22T12:20:00Z"))));
    assert_eq!(day.agenda.due(), Some(at("2026-11-22T12:20:00Z")));
    assert_eq!(day.until_run().0, "2026-11-22T12:20:00Z");
    day.agenda.ended(Some(None));
    assert_eq!(day.until_run().0, "2026-11-22T12:30:00Z");

    // Behind ticks, which are let go, each with a word.
    day.agenda.ended(Some(Some(at("2026-11-22T13:05:00Z"))));
    for tick in ["2026-11-22T12:45:00Z", "2026-11-22T13:00:00Z"] {
        assert_eq!(day.next(), Next::Wait(Some(at(tick))));
        assert_eq!(day.pass(tick), Next::LetGo(at(tick), Why::Throttled(at("2026-11-22T13:05:00Z"))));
    }
    assert_eq!(day.until_run(), ("2026-11-22T13:05:00Z".to_owned(), Trigger::Schedule));
    // A run that failed knows nothing new; one that read everything does.
    day.agenda.ended(None);
    assert_eq!(day.agenda.throttled(), None);
    assert_eq!(day.next(), Next::Wait(Some(at("2026-11-22T13:15:00Z"))));
}

/// What it was told to wait is a length of time, and no date on a clock that was wrong.
#[test]
fn a_step_back_takes_a_throttle_along() {
    let mut day = Day::quarterly();
    assert_eq!(day.pass("2026-11-22T12:15:00Z"), Next::Run(Trigger::Schedule));
    day.agenda.ended(Some(Some(at("2026-11-22T12:20:00Z"))));
    assert_eq!(day.next(), Next::Wait(Some(at("2026-11-22T12:20:00Z"))));
    day.set("2026-11-19T12:15:00Z");
    assert!(matches!(day.next(), Next::Stepped(by) if by.is_negative()));
    assert_eq!(day.agenda.throttled(), Some(at("2026-11-19T12:20:00Z")));
    assert_eq!(day.agenda.due(), Some(at("2026-11-19T12:20:00Z")));
    assert_eq!(day.until_run().0, "2026-11-19T12:20:00Z");
}

#[test]
fn a_throttle_of_an_earlier_service_holds_and_whoever_asks_is_heard() {
    let mut day = Day::quarterly();
    let until = at("2026-11-22T12:05:00Z");
    day.agenda = Agenda::new(settings("0 */15 * * * *", "UTC", 0, true), 7, day.now, Some(until));
    assert_eq!(day.next(), Next::LetGo(day.now.wall, Why::Throttled(until)));
    assert_eq!(day.next(), Next::Wait(Some(until)));
    day.agenda.ask(day.now.wall);
    assert_eq!(day.next(), Next::Run(Trigger::Signal));
    day.agenda.ended(None);
    assert_eq!(day.until_run().0, "2026-11-22T12:05:00Z");
}

#[test]
fn the_jitter_after_a_throttle_is_small() {
    let mut day = Day::new("0 0 6 * * *", "UTC", 3600, "2026-11-22T05:00:00Z");
    day.agenda.ended(Some(Some(at("2026-11-22T05:10:00Z"))));
    let resume = day.agenda.due().unwrap();
    assert!(resume > at("2026-11-22T05:10:00Z") && resume < at("2026-11-22T05:10:05Z"), "{resume}");
}

#[test]
fn another_schedule_counts_from_now_on() {
    let mut day = Day::quarterly();
    day.agenda.change(settings("0 0 * * * *", "UTC", 0, true), day.now.wall);
    assert_eq!(day.next(), Next::Wait(Some(at("2026-11-22T13:00:00Z"))), "and it does not start again");
    // The same schedule moves nothing, also not a tick that waits for its jitter.
    let mut day = Day::new("0 */15 * * * *", "UTC", 600, "2026-11-22T12:00:00Z");
    day.pass("2026-11-22T12:15:00Z");
    let before = day.agenda.due();
    day.agenda.change(settings("0 */15 * * * *", "UTC", 600, false), day.now.wall);
    assert_eq!(day.agenda.due(), before);
}

#[test]
fn the_second_time_after_a_run_is_behind_the_weekend() {
    let day = Day::new("0 0,15 9-17 * * Mon-Fri", "UTC", 0, "2026-11-22T12:00:00Z");
    let second = |ended: &str| day.agenda.second_after(at(ended)).unwrap().to_string();
    assert_eq!(second("2026-11-23T09:00:20Z"), "2026-11-23T10:00:00Z");
    assert_eq!(second("2026-11-20T17:15:20Z"), "2026-11-23T09:15:00Z");
}
