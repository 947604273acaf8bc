//! Floor 2, pure: what an answer means for the call that it answers.
//!
//! The vendor documents a 429 and a 403 for throttling, the 403 "to be kept apart from a true 403"
//! by its message (hyperproof-api.md, section 4).

use std::time::Duration;

use jiff::Timestamp;

use super::retry::{asked_in_header, asked_in_message};

/// What an answer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// 2xx.
    Success,
    /// 401: the token is not taken (any more).
    Unauthorised,
    /// 403 for want of permission.
    Forbidden,
    /// Repeating it will not change it.
    Refused,
    /// Worth repeating.
    Again(Again),
}

/// How a failed attempt is to be repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Again {
    /// The server wants fewer calls: all of them wait.
    pub(super) throttle: bool,
    /// The request may have had its effect.
    pub(super) lost: bool,
    /// The wait that the server asks for.
    pub(super) asked: Option<Duration>,
}

/// Judges an answer by its status, its `Retry-After` and its message.
pub(super) fn judge(status: u16, retry_after: Option<&str>, message: &str, now: Timestamp) -> Verdict {
    let asked = || retry_after.and_then(|value| asked_in_header(value, now)).or_else(|| asked_in_message(message));
    let again = |throttle, lost| Verdict::Again(Again { throttle, lost, asked: asked() });
    match status {
        200..=299 => Verdict::Success,
        401 => Verdict::Unauthorised,
        429 => again(true, false),
        403 if is_quota(message) => again(true, false),
        // A gateway that says nothing but when to come back.
        403 if message.trim().is_empty() && retry_after.is_some() => again(true, false),
        403 => Verdict::Forbidden,
        // The server says when to come back: that holds for every call.
        503 if retry_after.is_some() => again(true, true),
        408 | 500..=599 => again(false, true),
        _ => Verdict::Refused,
    }
}

/// Whether the message of a 403 speaks of throttling and not of permission.
fn is_quota(message: &str) -> bool {
    let message = message.to_lowercase();
    let has = |word| message.contains(word);
    (has("quota") && (has("exceed") || has("replenish") || has("out of") || has("try again")))
        || has("rate limit")
        || has("too many requests")
        || has("throttl")
        || (has("bandwidth") && has("exceed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-11-22T05:00:00Z".parse().unwrap()
    }

    #[test]
    fn answers_are_told_apart() {
        let throttled = |seconds: Option<u64>| {
            Verdict::Again(Again { throttle: true, lost: false, asked: seconds.map(Duration::from_secs) })
        };
        let lost = Verdict::Again(Again { throttle: false, lost: true, asked: None });
        let cases = [
            (200, None, "", Verdict::Success),
            (204, None, "", Verdict::Success),
            (401, None, "expired", Verdict::Unauthorised),
            (403, None, "You do not have permission.", Verdict::Forbidden),
            (403, None, "", Verdict::Forbidden),
            (403, Some("7"), "You do not have permission.", Verdict::Forbidden),
            (403, None, "Bandwidth quota exceeded. Try again later.", throttled(None)),
            (403, Some("9"), "Bandwidth quota exceeded. Try again later.", throttled(Some(9))),
            (403, Some("9"), "", throttled(Some(9))),
            (403, None, "Out of call volume quota. Quota will be replenished in 01:02:03.", throttled(Some(3723))),
            (429, None, "Rate limit is exceeded. Try again in 5 seconds.", throttled(Some(5))),
            (429, Some("2"), "Rate limit is exceeded. Try again in 5 seconds.", throttled(Some(2))),
            (429, Some("junk"), "Rate limit is exceeded. Try again in 5 seconds.", throttled(Some(5))),
            (429, None, "", throttled(None)),
            (408, None, "", lost),
            (500, None, "", lost),
            (502, None, "", lost),
            (503, None, "", lost),
            (504, None, "", lost),
            (400, None, "", Verdict::Refused),
            (404, None, "", Verdict::Refused),
            (409, None, "", Verdict::Refused),
            (302, None, "", Verdict::Refused),
        ];
        for (status, header, message, expected) in cases {
            assert_eq!(judge(status, header, message, now()), expected, "{status} {header:?} {message}");
        }
    }
}
