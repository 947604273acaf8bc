//! Floor 1: when the service runs next. Pure: no clock is read here.
//!
//! An expression is evaluated on the wall clock as if that were UTC, and daylight saving is resolved
//! afterwards, because the cron crate's own handling of it skips runs, repeats them and can go back
//! in time. A time that the clock skips fires once, just as far after the jump. A time that the
//! clock shows twice fires at the first, and at both only when the hour field means every hour.
//! The types of the cron and chrono crates stay inside this module.

use std::fmt;

use chrono::{DateTime as ChronoTime, Datelike, NaiveDate, Timelike, Utc};
use cron::TimeUnitSpec;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp};

/// No clock change of today's time zone rules is larger than this (the largest is two hours).
const SLACK: SignedDuration = SignedDuration::from_hours(3);

/// The days of the week as cron names them, from Sunday.
const DAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// The fields in their order.
const FIELDS: [&str; 6] = ["second", "minute", "hour", "day of month", "month", "day of week"];

/// A cron expression in a time zone.
#[derive(Clone)]
pub struct Schedule {
    expression: String,
    cron: cron::Schedule,
    zone: TimeZone,
}

/// Why a schedule is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// Neither five nor six fields.
    #[error("a cron expression has six fields, seconds first (or five, from minutes on), but this has {0}")]
    Fields(usize),
    /// A field that cannot be read.
    #[error("the {name} field cannot be \"{text}\"")]
    Field {
        /// Which one.
        name: &'static str,
        /// Its text.
        text: String,
    },
    /// No date fits it.
    #[error("no date ever fits it")]
    Never,
    /// Not a name of the time zone database.
    #[error("\"{0}\" is not a time zone")]
    Zone(String),
}

impl Schedule {
    /// Reads an expression of six fields (seconds first) or five (from minutes on), and the name of
    /// a time zone such as `Europe/Berlin`. Days of the week are names, or numbers from 0 to 7 where
    /// 0 and 7 are Sunday. Where both a day of the month and a day of the week are given, both must
    /// fit. An expression that never fires is refused.
    pub fn parse(expression: &str, zone: &str) -> Result<Self, ScheduleError> {
        let zone = time_zone(zone)?;
        let fields = fields(expression)?;
        let cron: cron::Schedule = fields.join(" ").parse().map_err(|_| ScheduleError::Never)?;
        let schedule = Self { expression: expression.trim().to_owned(), cron, zone };
        // The rules have no year in them, so an expression that fires at all fires after any day.
        let first = schedule.walls(DateTime::constant(2026, 1, 1, 0, 0, 0, 0)).next();
        first.map(|_| schedule).ok_or(ScheduleError::Never)
    }

    /// The expression as it was given.
    pub fn expression(&self) -> &str {
        &self.expression
    }

    /// The name of the time zone.
    pub fn zone(&self) -> &str {
        self.zone.iana_name().unwrap_or("UTC")
    }

    /// Whether both a day of the month and a day of the week are given. Both must fit here, while
    /// classic cron asks for either.
    pub fn wants_both_days(&self) -> bool {
        !self.cron.days_of_month().is_all() && !self.cron.days_of_week().is_all()
    }

    /// The first run that is later than `last`; none where the calendar ends (in the year 2100).
    pub fn next_after(&self, last: Timestamp) -> Option<Timestamp> {
        let mut from = self.zone.to_datetime(last);
        if self.is_near_change(last) {
            from = from.checked_sub(SLACK).ok()?;
        }
        let mut next: Option<Timestamp> = None;
        let mut end: Option<DateTime> = None;
        for wall in self.walls(from) {
            if end.is_some_and(|end| wall > end) {
                break;
            }
            let Some(instant) = self.instants(wall).into_iter().flatten().filter(|at| *at > last).min() else {
                continue;
            };
            next = Some(next.map_or(instant, |next| next.min(instant)));
            if end.is_none() {
                // Away from a clock change the first is the earliest.
                if !self.is_near_change(instant) {
                    break;
                }
                end = wall.checked_add(SLACK).ok();
            }
        }
        next
    }

    /// The wall-clock times of the expression from `from` on.
    fn walls(&self, from: DateTime) -> impl Iterator<Item = DateTime> + '_ {
        let start = from.checked_sub(SignedDuration::from_secs(1)).ok().and_then(to_chrono);
        start.into_iter().flat_map(|start| self.cron.after_owned(start)).filter_map(|time| from_chrono(&time))
    }

    /// The instants that a wall-clock time stands for.
    fn instants(&self, wall: DateTime) -> [Option<Timestamp>; 2] {
        let at = self.zone.to_ambiguous_timestamp(wall);
        let both = matches!(at.offset(), AmbiguousOffset::Fold { .. }) && self.cron.hours().count() == 24;
        // "Compatible" is as far after a gap as the time is in it, and the first of a fold.
        [at.compatible().ok(), at.later().ok().filter(|_| both)]
    }

    /// Whether the clock changes so near that the order of wall-clock times is not that of instants.
    fn is_near_change(&self, at: Timestamp) -> bool {
        let (Ok(from), Ok(to)) = (at.checked_sub(SLACK), at.checked_add(SLACK)) else {
            return true;
        };
        self.zone.following(from).next().is_some_and(|change| change.timestamp() <= to)
    }
}

impl fmt::Debug for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Schedule({:?} {})", self.expression, self.zone())
    }
}

impl PartialEq for Schedule {
    fn eq(&self, other: &Self) -> bool {
        self.expression == other.expression && self.zone == other.zone
    }
}

impl Eq for Schedule {}

/// The time zone of that name. UTC, the default, is the same in every database: a run need not look through the
/// system's for it.
fn time_zone(name: &str) -> Result<TimeZone, ScheduleError> {
    if name.trim().eq_ignore_ascii_case("UTC") {
        return Ok(TimeZone::UTC);
    }
    TimeZone::get(name.trim()).map_err(|_| ScheduleError::Zone(name.to_owned()))
}

/// The six fields as the cron crate takes them, each one checked.
fn fields(expression: &str) -> Result<Vec<String>, ScheduleError> {
    let mut given: Vec<&str> = expression.split_whitespace().collect();
    if given.len() == 5 {
        given.insert(0, "0");
    }
    if given.len() != FIELDS.len() {
        return Err(ScheduleError::Fields(given.len()));
    }
    let mut fields = Vec::new();
    for (place, (text, name)) in given.into_iter().zip(FIELDS).enumerate() {
        let field = if name == "day of week" { weekdays(text) } else { Some(text.to_owned()) };
        let field = field.filter(|field| is_shaped(text) && is_field(place, field));
        fields.push(field.ok_or(ScheduleError::Field { name, text: text.to_owned() })?);
    }
    Ok(fields)
}

/// Whether a field is a list of `*`, `?`, a value or a range, each with or without a step. The cron
/// crate parts fields by their shape and not by blanks, so that `*1` would be two of them.
fn is_shaped(field: &str) -> bool {
    let is_value = |text: &str| {
        !text.is_empty() && (text.bytes().all(|b| b.is_ascii_digit()) || text.bytes().all(|b| b.is_ascii_alphabetic()))
    };
    field.split(',').all(|item| {
        let (base, step) = item.split_once('/').map_or((item, None), |(base, step)| (base, Some(step)));
        let base = matches!(base, "*" | "?")
            || match base.split_once('-') {
                Some((from, to)) => is_value(from) && is_value(to),
                None => is_value(base),
            };
        base && step.is_none_or(|step| !step.is_empty() && step.bytes().all(|b| b.is_ascii_digit()))
    })
}

/// Whether the cron crate takes `field` in its place, whatever the others are.
fn is_field(place: usize, field: &str) -> bool {
    let alone: Vec<&str> = (0..FIELDS.len()).map(|at| if at == place { field } else { "*" }).collect();
    alone.join(" ").parse::<cron::Schedule>().is_ok()
}

/// A field of weekdays as a list of names; none if it cannot be read. The cron crate counts from
/// 1 = Sunday; everybody's crontab counts from 0 = Sunday, with 7 for Sunday as well.
fn weekdays(field: &str) -> Option<String> {
    if matches!(field, "*" | "?") {
        return Some("*".to_owned());
    }
    let mut chosen = [false; 7];
    for item in field.split(',') {
        let (base, step) = match item.split_once('/') {
            Some((base, step)) => (base, step.parse::<usize>().ok().filter(|step| (1..=7).contains(step))?),
            None => (item, 1),
        };
        let (from, to) = match base.split_once('-') {
            Some((from, to)) => (weekday(from)?, weekday(to)?),
            None if matches!(base, "*" | "?") => (0, 6),
            None if item.contains('/') => (weekday(base)?, 6),
            None => (weekday(base)?, weekday(base)?),
        };
        // "FRI-MON" goes round the end of the week, "5-7" up to it.
        let to = if to < from { to + 7 } else { to };
        for day in (from..=to).step_by(step) {
            *chosen.get_mut(day % 7)? = true;
        }
    }
    let names: Vec<&str> = DAYS.iter().zip(chosen).filter_map(|(name, is)| is.then_some(*name)).collect();
    Some(names.join(","))
}

/// A day of the week by number (0 to 7) or by name, long or short.
fn weekday(text: &str) -> Option<usize> {
    if let Ok(number) = text.parse::<usize>() {
        return (number <= 7).then_some(number);
    }
    const LONG: [&str; 7] = ["SUNDAY", "MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY"];
    let name = text.to_ascii_uppercase();
    LONG.iter().position(|long| name.len() >= 3 && long.starts_with(&name))
}

fn to_chrono(time: DateTime) -> Option<ChronoTime<Utc>> {
    let part = |number: i8| u32::try_from(number).ok();
    NaiveDate::from_ymd_opt(time.year().into(), part(time.month())?, part(time.day())?)?
        .and_hms_opt(part(time.hour())?, part(time.minute())?, part(time.second())?)
        .map(|time| time.and_utc())
}

fn from_chrono(time: &ChronoTime<Utc>) -> Option<DateTime> {
    let part = |number: u32| i8::try_from(number).ok();
    DateTime::new(
        i16::try_from(time.year()).ok()?,
        part(time.month())?,
        part(time.day())?,
        part(time.hour())?,
        part(time.minute())?,
        part(time.second())?,
        0,
    )
    .ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// The first `count` runs after `from`, each asked for with the one before.
    fn runs(expression: &str, zone: &str, from: &str, count: usize) -> Vec<String> {
        let schedule = Schedule::parse(expression, zone).unwrap();
        std::iter::successors(schedule.next_after(at(from)), |last| schedule.next_after(*last))
            .take(count)
            .map(|run| run.to_string())
            .collect()
    }

    const NEW_YORK: &str = "America/New_York";

    #[test]
    fn a_skipped_time_fires_once_just_as_far_after_the_jump() {
        assert_eq!(
            runs("0 30 2 * * *", NEW_YORK, "2026-03-07T12:00:00Z", 2),
            ["2026-03-08T07:30:00Z", "2026-03-09T06:30:00Z"],
            "03:30 EDT, then 02:30 EDT"
        );
        assert_eq!(
            runs("0 30 2,3 * * *", NEW_YORK, "2026-03-08T05:00:00Z", 2),
            ["2026-03-08T07:30:00Z", "2026-03-09T06:30:00Z"],
            "the moved run and the regular one are the same instant"
        );
    }

    #[test]
    fn a_repeated_time_fires_at_the_first() {
        assert_eq!(
            runs("0 30 1 * * *", NEW_YORK, "2026-10-31T12:00:00Z", 2),
            ["2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"]
        );
    }

    #[test]
    fn hourly_loses_no_hour() {
        assert_eq!(
            runs("0 0 * * * *", NEW_YORK, "2026-11-01T04:30:00Z", 4),
            ["2026-11-01T05:00:00Z", "2026-11-01T06:00:00Z", "2026-11-01T07:00:00Z", "2026-11-01T08:00:00Z"]
        );
        assert_eq!(
            runs("0 0 * * * *", NEW_YORK, "2026-03-08T06:30:00Z", 2),
            ["2026-03-08T07:00:00Z", "2026-03-08T08:00:00Z"]
        );
    }

    #[test]
    fn half_hours_never_go_back() {
        assert_eq!(
            runs("0 */30 * * * *", NEW_YORK, "2026-11-01T05:00:00Z", 4),
            ["2026-11-01T05:30:00Z", "2026-11-01T06:00:00Z", "2026-11-01T06:30:00Z", "2026-11-01T07:00:00Z"]
        );
    }

    #[test]
    fn five_fields_and_weekdays_by_name_or_number() {
        // 2026-11-01 is a Sunday.
        for sunday in ["SUN", "sun", "Sunday", "0", "7"] {
            for expression in [format!("0 0 6 * * {sunday}"), format!("0 6 * * {sunday}")] {
                assert_eq!(
                    runs(&expression, "UTC", "2026-10-31T00:00:00Z", 1),
                    ["2026-11-01T06:00:00Z"],
                    "{expression}"
                );
            }
        }
        let days = |days: &str| {
            runs(&format!("0 0 * * {days}"), "UTC", "2026-10-31T12:00:00Z", 3)
                .iter()
                .map(|run| run.get(8..10).unwrap().to_owned())
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(days("1-5"), "02 03 04");
        assert_eq!(days("5-7"), "01 06 07");
        assert_eq!(days("FRI-MON"), "01 02 06");
        assert_eq!(days("MON,3"), "02 04 09");
        assert_eq!(days("*/3"), "01 04 07");
        assert_eq!(days("?"), "01 02 03");
    }

    #[test]
    fn day_of_month_and_weekday_must_both_fit() {
        assert_eq!(
            runs("0 6 1-7 * MON", "UTC", "2026-11-01T00:00:00Z", 2),
            ["2026-11-02T06:00:00Z", "2026-12-07T06:00:00Z"]
        );
        assert!(Schedule::parse("0 6 1-7 * MON", "UTC").unwrap().wants_both_days());
        assert!(!Schedule::parse("0 6 * * MON", "UTC").unwrap().wants_both_days());
        assert!(!Schedule::parse("0 6 1 * ?", "UTC").unwrap().wants_both_days());
    }

    #[test]
    fn a_leap_day_is_waited_for() {
        assert_eq!(runs("0 0 29 2 *", "UTC", "2026-11-01T00:00:00Z", 1), ["2028-02-29T00:00:00Z"]);
    }

    #[test]
    fn what_is_no_schedule_is_refused() {
        let refused = |expression: &str| Schedule::parse(expression, "UTC").unwrap_err().to_string();
        assert!(refused("* * * *").contains("has 4"));
        assert!(refused("0 0 0 * * * 2030").contains("has 7"));
        assert!(refused("@daily").contains("has 1"));
        assert_eq!(refused("0 0 25 * * *"), "the hour field cannot be \"25\"");
        assert_eq!(refused("0 61 * * * *"), "the minute field cannot be \"61\"");
        assert_eq!(refused("*1 0 0 * * *"), "the second field cannot be \"*1\"");
        for weekday in ["8", "L", "MON#2", "5L", "XYZ", "1-", "*/0", "*/9", ""] {
            assert!(Schedule::parse(&format!("0 0 0 * * {weekday}"), "UTC").is_err(), "{weekday}");
        }
        assert!(refused("0 0 0 L * *").contains("day of month"));
        assert_eq!(refused("0 0 0 31 2 *"), "no date ever fits it");
        assert_eq!(
            Schedule::parse("0 0 * * * *", "Europe/Berlyn").unwrap_err().to_string(),
            "\"Europe/Berlyn\" is not a time zone"
        );
    }

    #[test]
    fn the_ends_of_time_are_no_panic() {
        let schedule = Schedule::parse("0 0 * * * *", NEW_YORK).unwrap();
        assert_eq!(schedule.next_after(Timestamp::MAX), None);
        assert!(schedule.next_after(Timestamp::MIN).is_none_or(|run| run > Timestamp::MIN));
    }

    const ZONES: [&str; 6] =
        ["UTC", "Europe/Berlin", NEW_YORK, "Australia/Lord_Howe", "America/St_Johns", "Pacific/Auckland"];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn always_later_and_hourly_leaves_no_hole(zone in prop::sample::select(&ZONES[..]), second in 1_767_225_600_i64..1_830_297_600) {
            let from = Timestamp::from_second(second).unwrap();
            for expression in ["0 0 * * * *", "0 */20 * * * *", "0 30 1,2 * * *"] {
                let schedule = Schedule::parse(expression, zone).unwrap();
                let mut last = from;
                for _ in 0..30 {
                    let next = schedule.next_after(last).unwrap();
                    prop_assert!(next > last);
                    prop_assert!(expression == "0 30 1,2 * * *" || next.duration_since(last).as_mins() <= 90);
                    last = next;
                }
            }
        }

        #[test]
        fn runs_around_a_change_are_those_that_a_walk_through_all_minutes_finds(zone in prop::sample::select(&ZONES[1..]), minute in 0_u32..60) {
            // What is due is asked minute by minute over a day with a clock change.
            let schedule = Schedule::parse(&format!("0 {minute} * * * *"), zone).unwrap();
            let tz = TimeZone::get(zone).unwrap();
            let change = tz.following(at("2026-06-01T00:00:00Z")).next().unwrap().timestamp();
            let start = change.checked_sub(SignedDuration::from_hours(12)).unwrap();
            let due: Vec<Timestamp> = (1..=24 * 60)
                .map(|minutes| start.checked_add(SignedDuration::from_mins(minutes)).unwrap())
                .filter(|at| u32::try_from(tz.to_datetime(*at).minute()).unwrap() == minute)
                .collect();
            let found: Vec<Timestamp> = std::iter::successors(schedule.next_after(start), |last| schedule.next_after(*last))
                .take(due.len())
                .collect();
            // Lord Howe's half hour skips the times of half an hour; they are moved, not lost.
            if zone == "Australia/Lord_Howe" {
                prop_assert!(due.iter().all(|at| found.contains(at) || *at > *found.last().unwrap()));
            } else {
                prop_assert_eq!(found, due);
            }
        }

        #[test]
        fn random_expressions_are_no_panic(text in "[0-9*/,?\\- A-Za-z#]{0,24}") {
            if let Ok(schedule) = Schedule::parse(&text, "Europe/Berlin") {
                let _ = schedule.next_after(at("2026-11-01T00:00:00Z"));
            }
        }

        #[test]
        fn random_fields_are_no_panic(fields in prop::collection::vec("[0-9*/,?\\-]{1,5}", 5..=6)) {
            if let Ok(schedule) = Schedule::parse(&fields.join(" "), "UTC") {
                prop_assert!(schedule.next_after(at("2026-11-01T00:00:00Z")).is_some());
            }
        }
    }
}
