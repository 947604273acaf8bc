//! Floor 2: the client: what its reader and its writer share, and the calls that carry a token.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use reqwest::{Method, Url};
use tokio_util::sync::CancellationToken;

use super::Settings;
use super::connect::parse_url;
use super::error::TargetError;
use super::http::{Stop, Tally, Wire};
use super::patience::Patience;
use super::reader::Reader;
use super::request::{Answer, Failure, Intake, Request};
use super::token::Tokens;
use super::writer::Writer;
use crate::model::live::MemberIdKind;
use crate::model::run::Traffic;

/// A connection to one organisation. Clones share token, pacing and counts.
#[derive(Debug, Clone)]
pub struct Client(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    wire: Wire,
    tokens: Tokens,
    base: Url,
    judging: Judging,
    /// Collections answer at an address with a slash at its end, and at no other. The vendor's pages
    /// have the slash, clients of it do without (hyperproof-api.md, section 1).
    slash: AtomicBool,
}

/// How what was read is judged.
#[derive(Debug)]
pub(super) struct Judging {
    pub(super) eligible_types: Vec<String>,
    pub(super) member_id: Option<MemberIdKind>,
}

/// What a client sent so far, repeats included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CallCounts {
    /// GETs.
    pub reads: u32,
    /// Requests that may change something.
    pub writes: u32,
    /// Token requests.
    pub token: u32,
    /// How long Hyperproof's throttling held calls back.
    pub throttled: Duration,
}

impl Client {
    /// Prepares a client. Nothing is sent.
    pub fn new(settings: &Settings) -> Result<Self, TargetError> {
        Self::with_stop(settings, CancellationToken::new())
    }

    /// A client that gives up when `stop` is cancelled: whoever waits (for a throttle, for another try)
    /// waits no longer, no other write begins, and calls under way have a few seconds left.
    pub fn with_stop(settings: &Settings, stop: CancellationToken) -> Result<Self, TargetError> {
        let base = parse_url("api_url", settings.api_url.trim_end_matches('/'))?;
        let tokens = Tokens::new(settings)?;
        Ok(Self(Arc::new(Inner {
            wire: Wire::new(settings, &base, Patience::new(stop))?,
            tokens,
            base,
            judging: Judging { eligible_types: settings.eligible_types.clone(), member_id: settings.member_id },
            slash: AtomicBool::new(false),
        })))
    }

    /// The side that reads.
    pub fn reader(&self) -> Reader {
        Reader::new(self.clone())
    }

    /// The side that writes.
    pub fn writer(&self) -> Writer {
        Writer::new(self.clone())
    }

    /// When the server's certificate ends; none before the first answer, and without TLS.
    pub fn certificate_ends(&self) -> Option<Timestamp> {
        self.0.wire.certificate_ends()
    }

    /// What was sent so far.
    pub fn calls(&self) -> CallCounts {
        self.0.wire.counts()
    }

    /// Every attempt so far, by endpoint and answer.
    pub fn traffic(&self) -> Traffic {
        let Inner { wire, .. } = &*self.0;
        let calls = wire.traffic();
        Traffic { calls, throttled: wire.counts().throttled, certificate_ends: wire.certificate_ends() }
    }

    /// Sends nothing before this much time has passed: what an earlier run was told to wait, and has
    /// not yet. A wait beyond `max_wait` ends the next call as throttled.
    pub fn pause(&self, wait: Duration) {
        self.0.wire.pause(wait);
    }

    /// A request below the API's base. Every part becomes one segment of the path.
    pub(super) fn request(&self, method: Method, path: &[&str]) -> Result<Request, TargetError> {
        let mut url = self.0.base.clone();
        // "." and ".." would not stay a segment, and an empty one names the list above.
        let bad = path.iter().any(|part| part.is_empty() || *part == "." || *part == "..");
        match url.path_segments_mut() {
            Ok(mut segments) if !bad => {
                segments.extend(path);
                if path.len() == 1 && self.0.slash.load(Ordering::Relaxed) {
                    segments.push("");
                }
            }
            _ => {
                return Err(TargetError::Decode {
                    call: method.to_string(),
                    why: format!("{:?} is no id", path.last().unwrap_or(&"")),
                });
            }
        }
        let endpoint = endpoint(&method, path);
        Ok(Request::new(method, url, endpoint))
    }

    /// Collections are asked for with a slash from now on.
    pub(super) fn ask_with_slash(&self) {
        self.0.slash.store(true, Ordering::Relaxed);
    }

    /// Sends a request until it is answered, within the limits of the settings.
    pub(super) async fn call(&self, request: &Request) -> Result<Answer, Failure> {
        let mut body = Vec::new();
        let tally = self.call_into(request, &mut body).await?;
        Ok(tally.answer(body))
    }

    /// The same, and has the body taken in as it comes.
    pub(super) async fn call_into(&self, request: &Request, body: &mut dyn Intake) -> Result<Tally, Failure> {
        let Inner { wire, tokens, .. } = &*self.0;
        let mut tally = Tally::default();
        let mut bearer = match tokens.bearer(wire).await {
            Ok(bearer) => bearer,
            Err(error) => return Err(tally.failure(error)),
        };
        loop {
            match wire.exchange(request, Some(&bearer), &mut tally, body).await {
                Ok(()) => return Ok(tally),
                Err(Stop::Failed(error)) => return Err(tally.failure(error)),
                Err(Stop::Unauthorised(message)) if tally.renewed => {
                    let call = request.name();
                    return Err(tally.failure(TargetError::Auth { call, message }));
                }
                Err(Stop::Unauthorised(_)) => {
                    tally.renewed = true;
                    bearer = match tokens.renewed(wire, &bearer).await {
                        Ok(bearer) => bearer,
                        Err(error) => return Err(tally.failure(error)),
                    };
                }
            }
        }
    }

    /// The settings by which a reader judges.
    pub(super) fn judging(&self) -> &Judging {
        &self.0.judging
    }

    /// Waits before something is looked at again; not once the run was asked to stop.
    pub(super) async fn back_off(&self) {
        self.0.wire.back_off().await;
    }

    /// Tries of one call.
    pub(super) fn max_attempts(&self) -> u32 {
        self.0.wire.max_attempts
    }
}

/// Segments of paths that are no ids.
const WORDS: [&str; 4] = ["delete", "groups", "me", "users"];

/// Method and path with the ids left out: as many as there are operations, whatever the ids are.
fn endpoint(method: &Method, path: &[&str]) -> String {
    let segments = path.iter().map(|part| if WORDS.contains(part) { part } else { "{id}" });
    segments.fold(method.to_string() + " ", |name, segment| name + "/" + segment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_names_no_id() {
        let table: [(&[&str], &str); 4] = [
            (&["groups"], "PUT /groups"),
            (&["groups", "c0ffee", "users", "delete"], "PUT /groups/{id}/users/delete"),
            (&["users", "me"], "PUT /users/me"),
            (&["a\nb\"<"], "PUT /{id}"),
        ];
        for (path, expected) in table {
            assert_eq!(endpoint(&Method::PUT, path), expected);
        }
    }
}
