//! Values of the command line that are more than text.

use std::time::Duration;

use jiff::Timestamp;

use crate::config;

/// A length of time as the configuration writes it. More than nothing.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    match config::duration(text) {
        Some(Duration::ZERO) => Err("must be longer than nothing".to_owned()),
        Some(length) => Ok(length),
        None => Err(format!("{text:?} is not a duration; write \"30m\", \"24h\", \"7d\" or \"1h 30m\"")),
    }
}

/// A time: RFC 3339, or a day (its beginning in UTC).
pub(super) fn instant(text: &str) -> Result<Timestamp, String> {
    let day = format!("{text}T00:00:00Z");
    text.parse()
        .or_else(|_| day.parse())
        .map_err(|_| format!("{text:?} is not a time; write 2026-11-22, or 2026-11-22T05:00:00Z"))
}

/// Text with more in it than blanks.
pub(super) fn said(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("must say something".to_owned()),
        text => Ok(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_are_those_of_the_configuration_but_never_nothing() {
        assert_eq!(duration("24h"), Ok(Duration::from_secs(86_400)));
        assert_eq!(duration("1h 30m"), Ok(Duration::from_secs(5_400)));
        assert_eq!(duration("400d"), Ok(Duration::from_secs(400 * 86_400)));
        for text in ["", "h", "24", "24 h", "-1h", "1.5h", "0s", "0h 0m", "1w", "1é", "40000d", "99999999999999999999s"]
        {
            assert!(duration(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_day_is_its_beginning_in_utc() {
        let noon = instant("2026-11-22T13:00:00+01:00").map(|at| at.to_string());
        assert_eq!(noon.as_deref(), Ok("2026-11-22T12:00:00Z"));
        let day = instant("2026-11-22").map(|at| at.to_string());
        assert_eq!(day.as_deref(), Ok("2026-11-22T00:00:00Z"));
        assert!(instant("yesterday").is_err());
    }

    proptest! {
        #[test]
        fn nothing_typed_makes_it_panic(text in ".{0,12}") {
            let _ = (duration(&text), instant(&text), said(&text));
        }
    }
}
