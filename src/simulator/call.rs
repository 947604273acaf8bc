//! One request to the simulated service, taken apart.

use std::collections::BTreeMap;

use axum::{
    body::{Body, Bytes},
    extract::{Form, FromRequest, Query, Request},
    http::{HeaderMap, header, request::Parts},
};
use serde_json::Value;

use super::record::{CallState, RequestRecord};

/// More than any sensible request; it only keeps a runaway client from filling the memory.
const LONGEST_BODY: usize = 64 << 20;

/// A request with everything that the simulator looks at.
#[derive(Debug, Clone)]
pub(super) struct Call {
    /// The place in the order of arrival; zero until it is recorded.
    pub(super) seq: u64,
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: BTreeMap<String, String>,
    pub(super) bearer: Option<String>,
    pub(super) body: Payload,
}

/// The body of a request.
#[derive(Debug, Clone)]
pub(super) enum Payload {
    /// No body.
    Nothing,
    /// JSON that says so.
    Json(Value),
    /// A form, as an object of texts.
    Form(Value),
    /// A body that cannot be read: the reason why.
    Unreadable(&'static str),
}

impl Call {
    /// Takes a request apart. Whatever is wrong with it is found out later, by the route.
    pub(super) async fn read(request: Request) -> Self {
        let (parts, body) = request.into_parts();
        let bytes = axum::body::to_bytes(body, LONGEST_BODY).await;
        let body = match bytes {
            Ok(bytes) => Payload::read(&parts.headers, bytes).await,
            Err(_) => Payload::Unreadable("the body is too long or was cut off"),
        };
        Self {
            seq: 0,
            method: parts.method.to_string(),
            path: parts.uri.path().to_owned(),
            query: query(&parts),
            bearer: bearer(&parts.headers),
            body,
        }
    }

    /// Whether the call asks for a change of a group.
    pub(super) fn is_write(&self) -> bool {
        self.method != "GET" && self.path.starts_with("/v1/")
    }

    /// The texts in the body's `userIds`.
    pub(super) fn user_ids(&self) -> impl Iterator<Item = &str> {
        let list = self.body_field("userIds").and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Value::as_str)
    }

    /// A field of a JSON body.
    pub(super) fn body_field(&self, name: &str) -> Option<&Value> {
        match &self.body {
            Payload::Json(value) => value.get(name),
            _ => None,
        }
    }

    /// Whether a comma-separated `expand` names a field.
    pub(super) fn expands(&self, field: &str) -> bool {
        self.query.get("expand").is_some_and(|list| list.split(',').any(|name| name.trim() == field))
    }

    /// The record of a call that has just come in.
    pub(super) fn record(&self) -> RequestRecord {
        RequestRecord {
            seq: self.seq,
            method: self.method.clone(),
            path: self.path.clone(),
            query: self.query.clone(),
            body: self.body.shown(),
            status: None,
            effect: false,
            fault: None,
            state: CallState::Running,
        }
    }
}

impl Payload {
    async fn read(headers: &HeaderMap, bytes: Bytes) -> Self {
        let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        match kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
            _ if bytes.is_empty() => Self::Nothing,
            "application/json" => serde_json::from_slice(&bytes).map_or(Self::Unreadable("not JSON"), Self::Json),
            "application/x-www-form-urlencoded" => Self::form(bytes).await,
            _ => Self::Unreadable("the content type is not supported"),
        }
    }

    async fn form(bytes: Bytes) -> Self {
        let request = Request::post("/")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(bytes));
        let Ok(request) = request else {
            return Self::Unreadable("not a form");
        };
        match Form::<BTreeMap<String, Value>>::from_request(request, &()).await {
            Ok(Form(fields)) => Self::Form(fields.into_iter().collect()),
            Err(_) => Self::Unreadable("not a form"),
        }
    }

    /// The body without the secret, which has no place in a record.
    fn shown(&self) -> Option<Value> {
        let (Self::Json(value) | Self::Form(value)) = self else {
            return None;
        };
        let mut value = value.clone();
        if let Some(secret) = value.get_mut("client_secret") {
            *secret = Value::from("***");
        }
        Some(value)
    }
}

fn query(parts: &Parts) -> BTreeMap<String, String> {
    Query::try_from_uri(&parts.uri).map(|Query(fields)| fields).unwrap_or_default()
}

fn bearer(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
}
