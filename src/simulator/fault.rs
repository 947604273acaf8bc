//! Faults on order: what goes wrong, on which call, how often.

use serde::{Deserialize, Serialize};

use super::call::Call;

/// An order for something to go wrong.
///
/// A fault that makes sense for some calls only (a stale read, a partly applied batch, a refused
/// account) is about those alone. Each fault counts the calls it matches on its own. When several are due at the same
/// call, the one ordered first strikes, and the others stay due for the next call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fault {
    /// Which calls it is about.
    #[serde(default)]
    pub when: Matcher,
    /// How many calls it strikes; `None` (in JSON: `null`) means until it is removed.
    #[serde(default = "once")]
    pub times: Option<u32>,
    /// What happens.
    pub kind: FaultKind,
}

fn once() -> Option<u32> {
    Some(1)
}

/// Which calls a fault is about. An empty matcher takes every call, token requests included.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Matcher {
    /// Only the call with this number in the record of requests.
    pub nth: Option<u64>,
    /// Only this method.
    pub method: Option<String>,
    /// Only this path. A segment `*` stands for any one segment, a last segment `**` for
    /// any rest. A trailing slash makes no difference.
    pub path: Option<String>,
    /// How many calls that match are let through first.
    pub skip: u32,
}

/// Before or after the world is changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Moment {
    /// The call has no effect.
    #[default]
    Before,
    /// The effect is there, but the client does not learn of it.
    After,
}

/// The value of a `Retry-After` header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RetryAfter {
    /// A number of seconds.
    Seconds(u64),
    /// A date, so many seconds from now (or, if negative, ago).
    DateIn(i32),
    /// Any text, to see what the client makes of it.
    Text(String),
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum FaultKind {
    /// 429 with the documented body.
    RateLimit {
        /// The header, if any.
        #[serde(default)]
        retry_after: Option<RetryAfter>,
        /// The number in "Try again in 5 seconds."
        #[serde(default = "five")]
        seconds: u64,
    },
    /// 403 "Bandwidth quota exceeded", which is throttling and passes.
    Quota {
        /// The header, if any.
        #[serde(default)]
        retry_after: Option<RetryAfter>,
    },
    /// 403 because of a missing permission, which does not pass.
    Forbidden,
    /// 401.
    Unauthorized,
    /// Any other status, with an error body.
    Status {
        /// The status, such as 503.
        code: u16,
        /// Whether the effect happens first.
        #[serde(default)]
        moment: Moment,
    },
    /// The connection is cut without an answer.
    Cut {
        /// Whether the effect happens first.
        #[serde(default)]
        moment: Moment,
        /// A TCP reset instead of an early end.
        #[serde(default)]
        reset: bool,
    },
    /// The answer comes late. The effect happens even if the client has given up by then.
    Slow {
        /// How late, in milliseconds.
        ms: u64,
        /// Whether the effect happens before the wait.
        #[serde(default)]
        moment: Moment,
    },
    /// The call is held until it is released. If the client goes away meanwhile, a call
    /// held before its effect never has one.
    Hold {
        /// Whether the effect happens before the wait.
        #[serde(default)]
        moment: Moment,
    },
    /// Half of the answer arrives, then the connection is cut.
    Truncated,
    /// 200 with a web page.
    Html,
    /// 200 with `[]`.
    EmptyList,
    /// 200 with nothing.
    EmptyBody,
    /// 200 with something that says it is JSON and is not.
    Garbage,
    /// 200 with a JSON array of this many bytes.
    Huge {
        /// The size of the body.
        bytes: usize,
    },
    /// Any answer; the effect happens first.
    Answer {
        /// The status.
        code: u16,
        /// The body, sent as JSON.
        body: String,
    },
    /// A read shows the group as it was before the last write.
    StaleRead,
    /// Only the first of the `userIds` take effect.
    PartialBatch {
        /// How many take effect.
        first: usize,
        /// The status: 200 answers as usual, anything else is an error.
        #[serde(default = "ok")]
        code: u16,
    },
    /// Every change that names this account is refused with 400. It lasts until it is
    /// removed if `times` is `null`.
    RefuseAccount {
        /// The account, as the client names it.
        user_id: String,
    },
}

fn five() -> u64 {
    5
}

fn ok() -> u16 {
    200
}

impl Fault {
    /// A fault that strikes the next call.
    #[must_use]
    pub fn next(kind: FaultKind) -> Self {
        Self { when: Matcher::default(), times: once(), kind }
    }

    /// A fault that strikes the call with this number in the record of requests.
    #[must_use]
    pub fn nth(nth: u64, kind: FaultKind) -> Self {
        Self::next(kind).matching(Matcher { nth: Some(nth), ..Matcher::default() })
    }

    /// A fault that strikes the next call with this method and path (see [`Matcher::path`]).
    #[must_use]
    pub fn on(method: &str, path: &str, kind: FaultKind) -> Self {
        let (method, path) = (Some(method.to_owned()), Some(path.to_owned()));
        Self::next(kind).matching(Matcher { method, path, ..Matcher::default() })
    }

    /// The same fault on other calls.
    #[must_use]
    pub fn matching(mut self, when: Matcher) -> Self {
        self.when = when;
        self
    }

    /// The same fault after `skip` matching calls.
    #[must_use]
    pub fn skip(mut self, skip: u32) -> Self {
        self.when.skip = skip;
        self
    }

    /// The same fault, striking `times` calls.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// The same fault until it is removed.
    #[must_use]
    pub fn always(mut self) -> Self {
        self.times = None;
        self
    }

    /// Whether the fault is about this call.
    pub(super) fn is_about(&self, call: &Call) -> bool {
        let named = match &self.kind {
            FaultKind::RefuseAccount { user_id } => call.is_write() && call.user_ids().any(|id| id == user_id),
            FaultKind::PartialBatch { .. } => call.is_write() && call.user_ids().next().is_some(),
            FaultKind::StaleRead => call.method == "GET",
            _ => true,
        };
        named && self.when.matches(call)
    }
}

impl FaultKind {
    /// The name of the kind, as JSON spells it.
    pub(super) fn name(&self) -> String {
        match serde_json::to_value(self) {
            Ok(serde_json::Value::String(name)) => name,
            Ok(serde_json::Value::Object(fields)) => fields.keys().next().cloned().unwrap_or_default(),
            _ => String::new(),
        }
    }
}

impl Matcher {
    fn matches(&self, call: &Call) -> bool {
        self.nth.is_none_or(|nth| nth == call.seq)
            && self.method.as_ref().is_none_or(|method| method.eq_ignore_ascii_case(&call.method))
            && self.path.as_ref().is_none_or(|path| fits(path, &call.path))
    }
}

/// Whether a path fits a pattern, segment by segment.
fn fits(pattern: &str, path: &str) -> bool {
    let mut segments = path.trim_matches('/').split('/');
    for wanted in pattern.trim_matches('/').split('/') {
        match (wanted, segments.next()) {
            ("**", _) => return true,
            (_, None) => return false,
            ("*", Some(_)) => {}
            (wanted, Some(found)) if wanted == found => {}
            _ => return false,
        }
    }
    segments.next().is_none()
}
