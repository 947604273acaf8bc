//! Floor 2, pure but for the jitter: how long to wait before a call is repeated.

use std::time::Duration;

use governor::Jitter;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

/// No wait that a server asks for counts as longer than this: a slip in one header must not keep the
/// tool from asking again for months.
pub(super) const LONGEST_ASKED: Duration = Duration::from_secs(7 * 24 * 3600);
/// Doubling ends here.
const LONGEST_BACKOFF: Duration = Duration::from_secs(60);

/// The wait of a `Retry-After`: seconds or an HTTP date (RFC 9110, 10.2.3). A date in the past is no
/// wait; junk is no header.
pub(super) fn asked_in_header(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    if let Some(seconds) = seconds(value) {
        return Some(seconds);
    }
    let date = DateTimeParser::new().parse_timestamp(value).ok()?;
    let wait = date.duration_since(now);
    Some(Duration::try_from(wait).unwrap_or(Duration::ZERO).min(LONGEST_ASKED))
}

/// The wait that a message names: "in 5 seconds", "in 2 minutes", "in 1.02:03:04" (days, hours,
/// minutes, seconds).
pub(super) fn asked_in_message(message: &str) -> Option<Duration> {
    let words: Vec<&str> =
        message.split(|c: char| c.is_whitespace() || c == '"').filter(|word| !word.is_empty()).collect();
    words.windows(2).enumerate().find_map(|(at, pair)| match pair {
        [word, number] if word.eq_ignore_ascii_case("in") => span(number).or_else(|| {
            let unit = words.get(at + 2)?;
            counted(number, unit)
        }),
        _ => None,
    })
}

/// `HH:MM:SS`, with days before a dot and fractions behind one, as .NET writes a time span.
fn span(word: &str) -> Option<Duration> {
    let word = word.trim_end_matches(['.', ',', ';', '!', ')', '}']);
    let (days, clock) = match word.split_once('.') {
        Some((days, clock)) if clock.contains(':') => (whole(days)?, clock),
        _ => (0, word),
    };
    let mut parts = clock.split(':');
    let (hours, minutes, rest) = (whole(parts.next()?)?, whole(parts.next()?)?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let last = whole(rest.split('.').next()?)?;
    let total = days
        .checked_mul(24)?
        .checked_add(hours)?
        .checked_mul(60)?
        .checked_add(minutes)?
        .checked_mul(60)?
        .checked_add(last)?;
    Some(Duration::from_secs(total).min(LONGEST_ASKED))
}

fn counted(number: &str, unit: &str) -> Option<Duration> {
    let unit = unit.trim_end_matches(|c: char| !c.is_ascii_alphabetic()).to_ascii_lowercase();
    let each = match unit.as_str() {
        "ms" | "millisecond" | "milliseconds" => return Some(seconds(number)? / 1000),
        "s" | "sec" | "secs" | "second" | "seconds" => 1,
        "m" | "min" | "mins" | "minute" | "minutes" => 60,
        "h" | "hour" | "hours" => 3600,
        "d" | "day" | "days" => 24 * 3600,
        _ => return None,
    };
    Some(seconds(number)?.saturating_mul(each).min(LONGEST_ASKED))
}

/// A number of seconds, a fraction of one rounded up.
fn seconds(text: &str) -> Option<Duration> {
    let (whole_part, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let more = u64::from(whole(fraction)? > 0);
    Some(Duration::from_secs(whole(whole_part)?.saturating_add(more)).min(LONGEST_ASKED))
}

/// Decimal digits and nothing else. More than fit into 64 bits are as many as do.
fn whole(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some(text.parse().unwrap_or(u64::MAX))
}

/// The wait before the next attempt, after `attempts` of them: what the server asked for and a little
/// more, else `base` doubled each time, of which half is left to chance.
pub(super) fn wait(asked: Option<Duration>, base: Duration, attempts: u32) -> Duration {
    match asked {
        Some(asked) => spread(asked, base / 2),
        None => {
            let half = doubled(base, attempts) / 2;
            spread(half, half)
        }
    }
}

fn doubled(base: Duration, attempts: u32) -> Duration {
    let factor = 2u32.saturating_pow(attempts.saturating_sub(1));
    base.saturating_mul(factor).min(LONGEST_BACKOFF.max(base))
}

/// At least `least`, and up to `chance` more.
fn spread(least: Duration, chance: Duration) -> Duration {
    if chance.is_zero() {
        return least;
    }
    Jitter::up_to(chance) + least
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn now() -> Timestamp {
        "2026-11-22T05:00:00Z".parse().unwrap()
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let cases = [
            ("0", Some(0)),
            (" 57 ", Some(57)),
            ("1.5", Some(2)),
            ("Sun, 22 Nov 2026 05:00:30 GMT", Some(30)),
            ("Sun, 22 Nov 2026 04:00:30 GMT", Some(0)),
            ("-5", None),
            ("soon", None),
            ("", None),
            ("99999999999999999999999999", Some(7 * 24 * 3600)),
        ];
        for (value, expected) in cases {
            assert_eq!(asked_in_header(value, now()), expected.map(Duration::from_secs), "{value:?}");
        }
    }

    #[test]
    fn messages_name_a_wait() {
        let cases = [
            ("Rate limit is exceeded. Try again in 5 seconds.", Some(5)),
            ("Try again in 1 second", Some(1)),
            ("try again IN 2 minutes!", Some(120)),
            ("come back in 1 hour, please", Some(3600)),
            ("Quota will be replenished in 00:01:05.", Some(65)),
            ("Quota will be replenished in 1.02:03:04.", Some(93784)),
            ("Quota will be replenished in 02:03:04.5678901", Some(7384)),
            (r#"{"message":"in 7 seconds"}"#, Some(7)),
            ("in theory, in 3 seconds", Some(3)),
            ("in", None),
            ("in 5", None),
            ("in 5 bananas", None),
            ("in 1:2", None),
            ("", None),
        ];
        for (message, expected) in cases {
            assert_eq!(asked_in_message(message), expected.map(Duration::from_secs), "{message:?}");
        }
    }

    #[test]
    fn waits_double_and_are_never_shorter_than_asked() {
        let base = Duration::from_secs(1);
        for _ in 0..50 {
            for (attempts, most) in [(1, 1), (2, 2), (3, 4), (7, 60), (4000, 60)] {
                let wait = wait(None, base, attempts);
                assert!(wait >= Duration::from_secs(most) / 2 && wait <= Duration::from_secs(most), "{wait:?}");
            }
            let asked = wait(Some(Duration::from_secs(9)), base, 1);
            assert!(asked >= Duration::from_secs(9) && asked <= Duration::from_millis(9500), "{asked:?}");
        }
        assert_eq!(wait(None, Duration::ZERO, 3), Duration::ZERO);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]
        #[test]
        fn any_text_is_parsed_without_a_panic(text in "\\PC{0,60}|(in )?[0-9:. ]{0,40}(seconds|days)?") {
            for wait in [asked_in_header(&text, now()), asked_in_message(&text)].into_iter().flatten() {
                prop_assert!(wait <= LONGEST_ASKED);
            }
        }
    }
}
