//! Floor 2: what a call carries, and what comes back of it.

use reqwest::{Method, Url};
use serde::Serialize;

use super::error::TargetError;
use crate::secret::Secret;

/// One call.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) url: Url,
    /// Method and path without ids, to count by.
    pub(super) endpoint: String,
    pub(super) body: Body,
    pub(super) once: bool,
    pub(super) at_most: u32,
}

/// What a call carries.
#[derive(Debug, Clone)]
pub(super) enum Body {
    /// Nothing.
    None,
    /// A JSON text.
    Json(Vec<u8>),
    /// A form.
    Form(Vec<(&'static str, Secret)>),
}

impl Request {
    /// A request without a body, repeated as the settings allow.
    pub(super) fn new(method: Method, url: Url, endpoint: String) -> Self {
        Self { method, url, endpoint, body: Body::None, once: false, at_most: u32::MAX }
    }

    /// Carries a form.
    pub(super) fn form(mut self, fields: Vec<(&'static str, Secret)>) -> Self {
        self.body = Body::Form(fields);
        self
    }

    /// Adds a query parameter.
    pub(super) fn query(mut self, key: &str, value: Option<&str>) -> Self {
        if let Some(value) = value {
            self.url.query_pairs_mut().append_pair(key, value);
        }
        self
    }

    /// The same request at the address with a slash at its end.
    pub(super) fn slashed(&self) -> Self {
        let mut slashed = self.clone();
        slashed.url.set_path(&format!("{}/", self.url.path().trim_end_matches('/')));
        slashed
    }

    /// Carries a JSON body.
    pub(super) fn json(mut self, body: &impl Serialize) -> Self {
        self.body = Body::Json(serde_json::to_vec(body).expect("texts and lists of texts are always JSON"));
        self
    }

    /// Is not repeated once its answer may be lost.
    pub(super) fn once(mut self) -> Self {
        self.once = true;
        self
    }

    /// Has only so many attempts left.
    pub(super) fn at_most(mut self, attempts: u32) -> Self {
        self.at_most = attempts;
        self
    }

    /// `GET`, `POST`, …
    pub(super) fn method(&self) -> &'static str {
        match self.method {
            Method::GET => "GET",
            Method::POST => "POST",
            Method::PUT => "PUT",
            Method::PATCH => "PATCH",
            _ => "OTHER",
        }
    }

    /// The path, without the query.
    pub(super) fn path(&self) -> &str {
        self.url.path()
    }

    /// Method and path, for messages.
    pub(super) fn name(&self) -> String {
        format!("{} {}", self.method, self.url.path())
    }
}

/// A 2xx answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
    pub(super) attempts: u32,
}

/// Takes in the body of a 2xx answer as it comes.
pub(super) trait Intake: Send {
    /// A body begins, about so long. What came before, of an attempt that was cut, counts for nothing.
    fn begin(&mut self, length: usize);

    /// More of it.
    fn take(&mut self, piece: &[u8]);
}

impl Intake for Vec<u8> {
    fn begin(&mut self, length: usize) {
        self.clear();
        self.reserve_exact(length);
    }

    fn take(&mut self, piece: &[u8]) {
        self.extend_from_slice(piece);
    }
}

/// A call that was not answered with 2xx.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: TargetError,
    /// The last status, if there was one.
    pub(super) status: Option<u16>,
    pub(super) attempts: u32,
    /// The answer to an attempt was lost: it may have had its effect.
    pub(super) lost: bool,
}
