//! Values of the command line that are more than text.

use std::time::Duration;

use jiff::Timestamp;

/// A length of time: `30s`, `15m`, `24h`, `400d`, as in the configuration. More than nothing.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is not a duration; write \"30s\", \"15m\", \"24h\" or \"7d\"");
    let unit = match text.chars().last() {
        Some('s') => 1,
        Some('m') => 60,
        Some('h') => 3_600,
        Some('d') => 86_400,
        _ => return Err(wrong()),
    };
    let digits = text.get(..text.len() - 1).unwrap_or_default();
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong());
    }
    let count: u64 = digits.parse().map_err(|_| wrong())?;
    match count.checked_mul(unit) {
        Some(0) => Err("must be longer than nothing".to_owned()),
        Some(seconds) => Ok(Duration::from_secs(seconds)),
        None => Err(wrong()),
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
    fn durations_are_whole_numbers_with_a_unit() {
        assert_eq!(duration("24h"), Ok(Duration::from_secs(86_400)));
        assert_eq!(duration("400d"), Ok(Duration::from_secs(400 * 86_400)));
        for text in ["", "h", "24", "24 h", "-1h", "1.5h", "0s", "1w", "1é", "99999999999999999999s"] {
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
