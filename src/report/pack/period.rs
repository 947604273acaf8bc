//! The period of a pack: from a time on, and before another one. Days begin where the zone says.

use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Timestamp, Zoned};

/// From `from` on, and before `to`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Period {
    /// The first instant in it.
    pub from: Timestamp,
    /// The first instant after it.
    pub to: Timestamp,
    /// The zone that days were read in, and times are shown in beside UTC.
    pub zone: TimeZone,
}

impl Period {
    /// Whether the time lies in it.
    pub fn has(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.to
    }

    /// The name of the zone.
    pub fn zone_name(&self) -> &str {
        self.zone.iana_name().unwrap_or("UTC")
    }

    /// A time in UTC, and in the zone where that is another one.
    pub fn shown(&self, at: Timestamp) -> String {
        let utc = format!("{at:.0}");
        match self.zone_name() {
            "UTC" => utc,
            name => format!("{utc} ({} {name})", at.to_zoned(self.zone.clone()).strftime("%Y-%m-%d %H:%M:%S %:z")),
        }
    }

    /// Days that begin or end in it with another offset from UTC: how often the clock is changed.
    pub fn clock_changes(&self) -> Vec<Timestamp> {
        let changes = self.zone.following(self.from).take_while(|change| change.timestamp() < self.to);
        changes.map(|change| change.timestamp()).take(100).collect()
    }
}

/// An instant: a day (its beginning in the zone), a time on the zone's clock, or a time with an offset or a
/// zone of its own. A time that the clock skips or shows twice is refused.
pub fn instant(text: &str, zone: &TimeZone) -> Result<Timestamp, String> {
    let text = text.trim();
    if let Ok(day) = text.parse::<Date>()
        && text.len() == "2026-11-22".len()
    {
        let begins = day.to_zoned(zone.clone()).map_err(|_| format!("{text:?} is beyond the calendar"))?;
        return Ok(begins.timestamp());
    }
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    if let Ok(at) = text.parse::<Zoned>() {
        return Ok(at.timestamp());
    }
    let Ok(wall) = text.parse::<DateTime>() else {
        return Err(format!(
            "{text:?} is not a time; write 2026-11-22, 2026-11-22T05:00, or with an offset 2026-11-22T05:00:00+01:00"
        ));
    };
    let found = zone.to_ambiguous_timestamp(wall);
    let name = zone.iana_name().unwrap_or("UTC");
    match found.offset() {
        AmbiguousOffset::Unambiguous { .. } => {
            found.compatible().map_err(|_| format!("{text:?} is beyond the calendar"))
        }
        AmbiguousOffset::Gap { before, after } => Err(format!(
            "{text:?} does not exist in {name}: the clock goes from {before} to {after}; write it with its offset"
        )),
        AmbiguousOffset::Fold { before, after } => {
            Err(format!("{text:?} is there twice in {name}; write it with its offset, {before} or {after}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn berlin() -> TimeZone {
        TimeZone::get("Europe/Berlin").expect("the zones are bundled")
    }

    fn read(text: &str, zone: &TimeZone) -> String {
        instant(text, zone).map_or_else(|why| why, |at| at.to_string())
    }

    #[test]
    fn days_begin_where_the_zone_says_also_when_the_clock_changes() {
        let berlin = berlin();
        let begins = ["2026-03-29", "2026-03-30", "2026-10-25", "2026-10-26"].map(|day| read(day, &berlin));
        assert_eq!(
            begins,
            ["2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"]
        );
        // A day whose midnight is skipped begins at the first instant that it has.
        let beirut = TimeZone::get("Asia/Beirut").expect("the zones are bundled");
        assert_eq!(read("2026-03-29", &beirut), "2026-03-28T22:00:00Z");
    }

    #[test]
    fn times_that_are_none_or_two_are_refused() {
        let berlin = berlin();
        insta::assert_snapshot!(read("2026-03-29T02:30", &berlin), @r#""2026-03-29T02:30" does not exist in Europe/Berlin: the clock goes from +01 to +02; write it with its offset"#);
        insta::assert_snapshot!(read("2026-10-25T02:30", &berlin), @r#""2026-10-25T02:30" is there twice in Europe/Berlin; write it with its offset, +02 or +01"#);
        assert_eq!(read("2026-10-25T02:30:00+01:00", &berlin), "2026-10-25T01:30:00Z");
        assert_eq!(read("2026-10-25T02:30:00Z", &berlin), "2026-10-25T02:30:00Z");
        assert_eq!(read("2026-06-01T00:00[America/New_York]", &berlin), "2026-06-01T04:00:00Z");
        assert_eq!(read("2026-06-01T12:00", &berlin), "2026-06-01T10:00:00Z");
        assert!(instant("yesterday", &berlin).is_err());
    }

    #[test]
    fn a_period_has_its_beginning_and_not_its_end() {
        let at = |text: &str| instant(text, &berlin()).expect("a day");
        let period = Period { from: at("2026-03-28"), to: at("2026-03-30"), zone: berlin() };
        assert!(period.has(period.from) && !period.has(period.to));
        assert_eq!(period.to.duration_since(period.from).as_hours(), 47);
        assert_eq!(period.clock_changes().len(), 1);
        assert_eq!(period.shown(period.to), "2026-03-29T22:00:00Z (2026-03-30 00:00:00 +02:00 Europe/Berlin)");
    }
}
