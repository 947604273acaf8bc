//! `--at TIME`: a day or a time of the past, in the configured time zone unless it names its own.

use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Timestamp, Zoned, civil};

use super::exit::Fault;
use crate::config::Config;

/// A time of the past as it was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Moment {
    /// The moment.
    pub(super) at: Timestamp,
    /// How it was understood, for a person.
    pub(super) means: String,
}

/// Reads a time; without a zone it is in that of `[schedule]`, else in UTC. A day means its end, and so does a
/// second: times are shown without their fractions, and what happened at one that was shown has happened.
pub(super) fn moment(text: &str, config: &Config, now: Timestamp) -> Result<Moment, Fault> {
    let name = config.schedule.as_ref().map_or("UTC", |schedule| schedule.schedule.zone());
    let zone = TimeZone::get(name).unwrap_or(TimeZone::UTC);
    understood(text.trim(), &zone, name, now).map_err(|why| Fault::usage(anyhow::anyhow!("--at {why}")))
}

fn understood(text: &str, zone: &TimeZone, name: &str, now: Timestamp) -> Result<Moment, String> {
    let unclear = || {
        format!(
            "{text:?} is not a time\nhelp: write 2026-03-03 (its end), \"2026-03-03 14:30\", or 2026-03-03T14:30:00Z"
        )
    };
    let (at, how) = if let Ok(at) = text.parse::<Timestamp>() {
        (at, String::new())
    } else if let Ok(at) = text.parse::<Zoned>() {
        (at.timestamp(), String::new())
    } else if text.len() <= 10 {
        let day: civil::Date = text.parse().map_err(|_| unclear())?;
        let next = day.tomorrow().and_then(|next| next.to_zoned(zone.clone())).map_err(|_| unclear())?;
        let end = next.timestamp().checked_sub(jiff::SignedDuration::from_millis(1)).map_err(|_| unclear())?;
        let begun = day.to_zoned(zone.clone()).is_ok_and(|begin| begin.timestamp() <= now);
        // Of a day that is not over, the end is now.
        (if begun { end.min(now) } else { end }, format!(": the end of that day in {name}"))
    } else {
        let wall: civil::DateTime = text.parse().map_err(|_| unclear())?;
        let ambiguous = zone.to_ambiguous_timestamp(wall);
        let how = match ambiguous.offset() {
            AmbiguousOffset::Unambiguous { .. } => format!(" in {name}"),
            AmbiguousOffset::Gap { .. } => format!(" in {name}, where the clock skips it: just as far after the jump"),
            AmbiguousOffset::Fold { .. } => format!(" in {name}, where the clock shows it twice: the first of them"),
        };
        (ambiguous.compatible().map_err(|_| unclear())?, how)
    };
    if at > now {
        return Err(format!("{text:?} lies in the future\nhelp: leave --at out for now"));
    }
    let whole = at.subsec_nanosecond() == 0 && !text.contains(['.', ',']);
    let end = at.checked_add(jiff::SignedDuration::from_millis(999)).map_err(|_| unclear())?;
    let at = if whole { end.min(now) } else { at };
    let utc = crate::report::words::when(&crate::report::time(at));
    Ok(Moment { at, means: format!("{text}{how} ({utc})") })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> String {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let now = "2026-11-22T12:00:00Z".parse().unwrap();
        match understood(text, &zone, "Europe/Berlin", now) {
            Ok(moment) => moment.means,
            Err(why) => why.lines().next().unwrap_or_default().to_owned(),
        }
    }

    #[test]
    fn times_are_understood_in_the_configured_zone_and_say_so() {
        let all = [
            "2026-03-03",
            "2026-11-22",
            "2026-03-03 14:30",
            "2026-07-03T14:30:05",
            "2026-03-03T14:30:00Z",
            "2026-03-03T14:30:00+09:00",
            "2026-03-03T14:30[America/New_York]",
            "2026-03-29T02:30",
            "2026-10-25T02:30",
            "2026-10-25",
            "2027-01-01",
            "yesterday",
            "",
        ];
        insta::assert_snapshot!(all.map(told).join("\n"), @r#"
        2026-03-03: the end of that day in Europe/Berlin (2026-03-03 22:59:59 UTC)
        2026-11-22: the end of that day in Europe/Berlin (2026-11-22 12:00:00 UTC)
        2026-03-03 14:30 in Europe/Berlin (2026-03-03 13:30:00 UTC)
        2026-07-03T14:30:05 in Europe/Berlin (2026-07-03 12:30:05 UTC)
        2026-03-03T14:30:00Z (2026-03-03 14:30:00 UTC)
        2026-03-03T14:30:00+09:00 (2026-03-03 05:30:00 UTC)
        2026-03-03T14:30[America/New_York] (2026-03-03 19:30:00 UTC)
        2026-03-29T02:30 in Europe/Berlin, where the clock skips it: just as far after the jump (2026-03-29 01:30:00 UTC)
        2026-10-25T02:30 in Europe/Berlin, where the clock shows it twice: the first of them (2026-10-25 00:30:00 UTC)
        2026-10-25: the end of that day in Europe/Berlin (2026-10-25 22:59:59 UTC)
        "2027-01-01" lies in the future
        "yesterday" is not a time
        "" is not a time
        "#);
    }

    proptest::proptest! {
        #[test]
        fn nothing_typed_makes_it_panic(text in ".{0,30}") {
            let _ = understood(&text, &TimeZone::UTC, "UTC", Timestamp::UNIX_EPOCH);
        }
    }
}
