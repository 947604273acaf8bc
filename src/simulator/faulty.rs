//! The answers that faults give.

use axum::http::StatusCode;
use serde_json::json;

use super::{
    fault::{FaultKind, Moment, RetryAfter},
    reply::Reply,
};

const JSON: &str = "application/json; charset=utf-8";

/// The answer of a fault that keeps the call from being carried out; `None` if it is another kind.
pub(super) fn instead(kind: &FaultKind) -> Option<Reply> {
    Some(match kind {
        // Both texts are the documented ones.
        FaultKind::RateLimit { retry_after, seconds } => {
            let message = format!("Rate limit is exceeded. Try again in {seconds} seconds.");
            Reply::gateway(StatusCode::TOO_MANY_REQUESTS, &message).retry_after(header(retry_after.as_ref()))
        }
        FaultKind::Quota { retry_after } => {
            let message = "Bandwidth quota exceeded. Try again later.";
            Reply::gateway(StatusCode::FORBIDDEN, message).retry_after(header(retry_after.as_ref()))
        }
        FaultKind::Forbidden => {
            Reply::gateway(StatusCode::FORBIDDEN, "You do not have permission to perform this action.")
        }
        FaultKind::Unauthorized => {
            Reply::gateway(StatusCode::UNAUTHORIZED, "Unauthorized. Access token is missing or invalid.")
        }
        FaultKind::Status { code, moment: Moment::Before } => plain(*code),
        FaultKind::RefuseAccount { user_id } => {
            Reply::gateway(StatusCode::BAD_REQUEST, &format!("User {user_id:?} cannot be changed"))
        }
        _ => return None,
    })
}

/// What becomes of the answer of a call that was carried out.
pub(super) fn after(kind: &FaultKind, reply: Reply) -> Reply {
    match kind {
        FaultKind::Status { code, .. } => plain(*code),
        FaultKind::Truncated => Reply { truncated: true, ..reply },
        FaultKind::Html => Reply::html(StatusCode::OK, "Please sign in"),
        FaultKind::EmptyList => Reply::ok(&json!([])),
        FaultKind::EmptyBody => Reply::text(StatusCode::OK, JSON, ""),
        FaultKind::Garbage => Reply::text(StatusCode::OK, JSON, "{\"id\": \u{fffd}]["),
        FaultKind::Huge { bytes } => Reply::text(StatusCode::OK, JSON, huge(*bytes)),
        FaultKind::Answer { code, body } => Reply::text(status(*code), JSON, body.clone()),
        _ => reply,
    }
}

/// The answer to a batch that was applied in part only.
pub(super) fn partial(code: u16, reply: Reply) -> Reply {
    if code == 200 || !reply.status.is_success() { reply } else { plain(code) }
}

fn plain(code: u16) -> Reply {
    let status = status(code);
    Reply::gateway(status, status.canonical_reason().unwrap_or("Error"))
}

/// Statuses that HTTP does not have become 500.
fn status(code: u16) -> StatusCode {
    StatusCode::from_u16(code)
        .ok()
        // An interim status cannot end a call.
        .filter(|status| !status.is_informational())
        .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// A JSON array of one long text.
fn huge(bytes: usize) -> String {
    // Asked for over the network, so there has to be an end.
    let filler = bytes.min(1 << 30).saturating_sub(4);
    format!("[\"{}\"]", "x".repeat(filler))
}

fn header(retry_after: Option<&RetryAfter>) -> Option<String> {
    Some(match retry_after? {
        RetryAfter::Seconds(seconds) => seconds.to_string(),
        RetryAfter::DateIn(seconds) => http_date(*seconds),
        RetryAfter::Text(text) => text.clone(),
    })
}

/// A date as RFC 9110, section 5.6.7 wants it, so many seconds from now.
fn http_date(seconds: i32) -> String {
    let moment = jiff::Timestamp::now().saturating_add(jiff::SignedDuration::from_secs(i64::from(seconds)));
    moment.unwrap_or(jiff::Timestamp::UNIX_EPOCH).strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}
