//! What the simulator answers, before it becomes bytes on a connection.

use std::time::Duration;

use axum::{
    body::{Body, Bytes},
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::Response,
};
use futures_util::stream;
use serde::{Serialize, Serializer as _};
use serde_json::json;

use super::{choices::ErrorBody, switches::Switches};

const JSON: &str = "application/json; charset=utf-8";

/// Why a body can always be written.
const PLAIN: &str = "a body holds only text keys, numbers and lists, and memory takes all that is written";

/// One answer.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) content_type: &'static str,
    pub(super) body: Bytes,
    pub(super) retry_after: Option<String>,
    /// Sends half of the body under the length of the whole, then cuts the connection.
    pub(super) truncated: bool,
}

impl Reply {
    /// A JSON document.
    pub(super) fn json(status: StatusCode, value: &impl Serialize) -> Self {
        let text = serde_json::to_vec(value).expect(PLAIN);
        Self::text(status, JSON, text)
    }

    /// A JSON document under 200.
    pub(super) fn ok(value: &impl Serialize) -> Self {
        Self::json(StatusCode::OK, value)
    }

    /// A list under 200, as far as the server returns one. Each row is written as it comes.
    pub(super) fn list(switches: &Switches, rows: impl Iterator<Item: Serialize>) -> Self {
        let mut text = Vec::new();
        let rows = rows.take(switches.list_cap.unwrap_or(usize::MAX));
        serde_json::Serializer::new(&mut text).collect_seq(rows).expect(PLAIN);
        Self::text(StatusCode::OK, JSON, text)
    }

    /// Any text.
    pub(super) fn text(status: StatusCode, content_type: &'static str, text: impl Into<Bytes>) -> Self {
        Self { status, content_type, body: text.into(), retry_after: None, truncated: false }
    }

    /// No body at all.
    pub(super) fn empty(status: StatusCode) -> Self {
        Self::text(status, "", "")
    }

    /// An error in the gateway's documented shape.
    pub(super) fn gateway(status: StatusCode, message: &str) -> Self {
        Self::json(status, &json!({ "statusCode": status.as_u16(), "message": message }))
    }

    /// An error of the application behind the gateway; its shape is not documented.
    pub(super) fn error(shape: ErrorBody, status: StatusCode, message: &str) -> Self {
        match shape {
            ErrorBody::Gateway => Self::gateway(status, message),
            ErrorBody::Error => Self::json(status, &json!({ "error": message })),
            ErrorBody::Text => Self::text(status, "text/plain; charset=utf-8", message.to_owned()),
            ErrorBody::Html => Self::html(status, message),
        }
    }

    /// A web page, as a proxy on the way would show it.
    pub(super) fn html(status: StatusCode, message: &str) -> Self {
        let page = format!("<!DOCTYPE html><html><body><h1>{message}</h1></body></html>");
        Self::text(status, "text/html; charset=utf-8", page)
    }

    /// Adds a `Retry-After`.
    pub(super) fn retry_after(mut self, value: Option<String>) -> Self {
        self.retry_after = value;
        self
    }

    /// Turns the answer into what the web server sends.
    pub(super) fn into_response(self) -> Response {
        let length = self.body.len();
        let body = if self.truncated { half(&self.body) } else { Body::from(self.body) };
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        let mut set = |name: HeaderName, value: &str| {
            // A header that tests made up and that HTTP cannot carry is left out.
            if let Ok(value) = HeaderValue::from_str(value) {
                response.headers_mut().insert(name, value);
            }
        };
        if !self.content_type.is_empty() {
            set(header::CONTENT_TYPE, self.content_type);
        }
        if let Some(value) = &self.retry_after {
            set(header::RETRY_AFTER, value);
        }
        if self.truncated {
            set(header::CONTENT_LENGTH, &length.max(2).to_string());
        }
        response
    }
}

/// The first half of a body, then an error, which makes the server drop the connection.
fn half(whole: &Bytes) -> Body {
    let part = whole.slice(..whole.len() / 2);
    Body::from_stream(stream::unfold(Some(part), |part| async move {
        match part {
            Some(bytes) => Some((Ok(bytes), None)),
            None => {
                // The pause lets the server send the first half before it learns of the error.
                tokio::time::sleep(Duration::from_millis(5)).await;
                Some((Err(std::io::Error::other("simulated truncation")), None))
            }
        }
    }))
}
