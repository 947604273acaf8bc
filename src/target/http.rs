//! Floor 2: one request to Hyperproof: token, deadline, pacing, the only retry layer, and errors
//! with a short redacted body.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::RETRY_AFTER;
use reqwest::{Method, Proxy, Response, Url};
use serde::Serialize;

use super::Settings;
use super::error::TargetError;
use super::outcome::{Again, Verdict, judge};
use super::pace::Pace;
use super::reader::Reader;
use super::redact::excerpt;
use super::token::{Bearer, Tokens};
use super::writer::Writer;
use super::{retry, wire};
use crate::model::live::MemberIdKind;
use crate::secret::Secret;
use crate::tls;

/// No answer is read further than this.
const LONGEST_BODY: usize = 64 * 1024 * 1024;
/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(10);

/// A connection to one organisation. Clones share token, pacing and counts.
#[derive(Debug, Clone)]
pub struct Client(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    wire: Wire,
    tokens: Tokens,
    base: Url,
    judging: Judging,
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
        let base = parse_url("api_url", settings.api_url.trim_end_matches('/'))?;
        let tokens = Tokens::new(settings)?;
        Ok(Self(Arc::new(Inner {
            wire: Wire::new(settings, &base)?,
            tokens,
            base,
            judging: Judging { eligible_types: settings.eligible_types.clone(), member_id: settings.member_id },
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

    /// What was sent so far.
    pub fn calls(&self) -> CallCounts {
        let counts = &self.0.wire.counts;
        CallCounts {
            reads: counts.reads.load(Ordering::Relaxed),
            writes: counts.writes.load(Ordering::Relaxed),
            token: counts.token.load(Ordering::Relaxed),
            throttled: self.0.wire.pace.held_back(),
        }
    }

    /// A request below the API's base. Every part becomes one segment of the path.
    pub(super) fn request(&self, method: Method, path: &[&str]) -> Result<Request, TargetError> {
        let mut url = self.0.base.clone();
        // "." and ".." would not stay a segment, and an empty one names the list above.
        let bad = path.iter().any(|part| part.is_empty() || *part == "." || *part == "..");
        match url.path_segments_mut() {
            Ok(mut segments) if !bad => {
                segments.extend(path);
            }
            _ => {
                return Err(TargetError::Decode {
                    call: method.to_string(),
                    why: format!("{:?} is no id", path.last().unwrap_or(&"")),
                });
            }
        }
        Ok(Request { method, url, body: Body::None, once: false, at_most: u32::MAX })
    }

    /// Sends a request until it is answered, within the limits of the settings.
    pub(super) async fn call(&self, request: &Request) -> Result<Answer, Failure> {
        let Inner { wire, tokens, .. } = &*self.0;
        let mut tally = Tally::default();
        let mut bearer = match tokens.bearer(wire).await {
            Ok(bearer) => bearer,
            Err(error) => return Err(tally.failure(error)),
        };
        loop {
            match wire.exchange(request, Some(&bearer), &mut tally).await {
                Ok(answer) => return Ok(answer),
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

    /// The first wait before something is tried again.
    pub(super) fn backoff(&self) -> Duration {
        self.0.wire.backoff
    }

    /// Tries of one call.
    pub(super) fn max_attempts(&self) -> u32 {
        self.0.wire.max_attempts
    }
}

/// One call.
#[derive(Debug, Clone)]
pub(super) struct Request {
    method: Method,
    url: Url,
    body: Body,
    once: bool,
    at_most: u32,
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
    /// A token request.
    pub(super) fn token(url: Url, body: Body) -> Self {
        Self { method: Method::POST, url, body, once: false, at_most: u32::MAX }
    }

    /// Adds a query parameter.
    pub(super) fn query(mut self, key: &str, value: Option<&str>) -> Self {
        if let Some(value) = value {
            self.url.query_pairs_mut().append_pair(key, value);
        }
        self
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
    /// The answer to an earlier attempt was lost: what it did may have been done by that one.
    pub(super) lost: bool,
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

/// What the attempts of one call add up to.
#[derive(Debug, Default)]
struct Tally {
    attempts: u32,
    status: Option<u16>,
    lost: bool,
    renewed: bool,
}

impl Tally {
    fn failure(&self, error: TargetError) -> Failure {
        Failure { error, status: self.status, attempts: self.attempts, lost: self.lost }
    }
}

/// Why the attempts ended.
enum Stop {
    Unauthorised(String),
    Failed(TargetError),
}

/// An attempt that is worth repeating, and the error if it is not repeated.
struct Retry {
    again: Again,
    error: TargetError,
}

/// The HTTP client with its pacing: everything but the token.
#[derive(Debug)]
pub(super) struct Wire {
    http: reqwest::Client,
    pace: Pace,
    counts: Counts,
    secret: Secret,
    timeout: Duration,
    max_attempts: u32,
    max_wait: Duration,
    backoff: Duration,
}

#[derive(Debug, Default)]
struct Counts {
    reads: AtomicU32,
    writes: AtomicU32,
    token: AtomicU32,
}

impl Wire {
    fn new(settings: &Settings, base: &Url) -> Result<Self, TargetError> {
        Ok(Self {
            http: http_client(settings, base)?,
            pace: Pace::new(settings.requests_per_minute, settings.burst, settings.concurrency),
            counts: Counts::default(),
            secret: settings.client_secret.clone(),
            timeout: settings.timeout,
            max_attempts: settings.max_attempts.max(1),
            max_wait: settings.max_wait,
            backoff: settings.backoff,
        })
    }

    /// The token call: whatever refuses it, refuses the sign-in.
    pub(super) async fn token(&self, request: &Request) -> Result<Answer, TargetError> {
        let mut tally = Tally::default();
        let call = request.name();
        match self.exchange(request, None, &mut tally).await {
            Ok(answer) => Ok(answer),
            Err(Stop::Unauthorised(message)) => Err(TargetError::Auth { call, message }),
            Err(Stop::Failed(TargetError::Forbidden { call, message })) => Err(TargetError::Auth { call, message }),
            Err(Stop::Failed(TargetError::Refused { call, status: 400..=499, message })) => {
                Err(TargetError::Auth { call, message })
            }
            Err(Stop::Failed(error)) => Err(error),
        }
    }

    /// Attempts until an answer is final.
    async fn exchange(&self, request: &Request, bearer: Option<&Bearer>, tally: &mut Tally) -> Result<Answer, Stop> {
        loop {
            let leave = self.pace.leave(self.max_wait).await.map_err(|pause| Stop::Failed(throttled(pause.0)))?;
            let sent = leave.at;
            tally.attempts += 1;
            self.count(request, bearer);
            let retry = match self.attempt(request, bearer, tally).await? {
                Ok(body) => {
                    self.pace.succeeded();
                    return Ok(Answer {
                        status: tally.status.unwrap_or_default(),
                        body,
                        attempts: tally.attempts,
                        lost: tally.lost,
                    });
                }
                Err(retry) => retry,
            };
            drop(leave);
            tally.lost |= retry.again.lost;
            let wait = retry::wait(retry.again.asked, self.backoff, tally.attempts);
            if retry.again.throttle {
                tracing::warn!(
                    call = request.name(),
                    wait_ms = wait.as_millis() as u64,
                    "Hyperproof throttles: all calls wait, and go on at half the rate"
                );
                self.pace.throttled(sent, wait);
            }
            self.may_repeat(request, &retry, tally, wait)?;
            if !retry.again.throttle {
                tracing::debug!(call = request.name(), error = %retry.error, "will be tried again");
                tokio::time::sleep(wait).await;
            }
        }
    }

    /// Whether another attempt is allowed.
    fn may_repeat(&self, request: &Request, retry: &Retry, tally: &Tally, wait: Duration) -> Result<(), Stop> {
        if retry.again.asked.is_some_and(|asked| asked > self.max_wait) {
            return Err(Stop::Failed(throttled(wait)));
        }
        // The attempt that only showed that the token had ended does not count.
        let spent = tally.attempts - u32::from(tally.renewed);
        if spent < self.max_attempts.min(request.at_most) && !(retry.again.lost && request.once) {
            return Ok(());
        }
        Err(Stop::Failed(if retry.again.throttle && !retry.again.lost { throttled(wait) } else { retry.error.clone() }))
    }

    /// One attempt: a body, or a reason to try again.
    async fn attempt(
        &self,
        request: &Request,
        bearer: Option<&Bearer>,
        tally: &mut Tally,
    ) -> Result<Result<Vec<u8>, Retry>, Stop> {
        tally.status = None;
        let call = request.name();
        let response = match self.send(request, bearer).await {
            Ok(response) => response,
            Err(error) => return self.cut(call, error).map(Err),
        };
        let status = response.status().as_u16();
        let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let body = match read_body(response).await {
            Ok(Some(body)) => body,
            Ok(None) => {
                let why = format!("the answer is longer than {} MiB", LONGEST_BODY >> 20);
                return Err(Stop::Failed(TargetError::Decode { call, why }));
            }
            Err(error) => return self.cut(call, error).map(Err),
        };
        tally.status = Some(status);
        if (200..=299).contains(&status) {
            return Ok(Ok(body));
        }
        let message = wire::message(&body);
        let verdict = judge(status, retry_after.as_deref(), &message, Timestamp::now());
        let message = self.excerpt(&message, bearer);
        match verdict {
            Verdict::Again(again) => {
                let why = format!("status {status}: {message}");
                Ok(Err(Retry { again, error: TargetError::Unreachable { call, why } }))
            }
            Verdict::Unauthorised => Err(Stop::Unauthorised(message)),
            Verdict::Forbidden => Err(Stop::Failed(TargetError::Forbidden { call, message })),
            Verdict::Refused | Verdict::Success => Err(Stop::Failed(TargetError::Refused { call, status, message })),
        }
    }

    async fn send(&self, request: &Request, bearer: Option<&Bearer>) -> Result<Response, reqwest::Error> {
        let mut builder = self.http.request(request.method.clone(), request.url.clone());
        if let Some(bearer) = bearer {
            builder = builder.bearer_auth(bearer.secret.expose());
        }
        builder = match &request.body {
            Body::None => builder,
            Body::Json(json) => builder.header("content-type", "application/json").body(json.clone()),
            Body::Form(fields) => {
                let fields: Vec<_> = fields.iter().map(|(key, value)| (*key, value.expose())).collect();
                builder.form(&fields)
            }
        };
        builder.header("accept", "application/json").send().await
    }

    /// What to do about a connection that failed or was cut.
    fn cut(&self, call: String, error: reqwest::Error) -> Result<Retry, Stop> {
        if let Some(refusal) = tls::explain(&error) {
            return Err(Stop::Failed(TargetError::Tls {
                what: format!("{call}: {}", refusal.what),
                help: refusal.help,
            }));
        }
        // Where no connection came about, nothing was sent.
        let lost = !error.is_connect();
        let why = if error.is_timeout() {
            format!("no answer within {:?}", self.timeout)
        } else {
            causes(&error.without_url())
        };
        Ok(Retry { again: Again { throttle: false, lost, asked: None }, error: TargetError::Unreachable { call, why } })
    }

    fn excerpt(&self, message: &str, bearer: Option<&Bearer>) -> String {
        let bearer = bearer.map_or("", |bearer| bearer.secret.expose());
        excerpt(message, &[self.secret.expose(), bearer])
    }

    fn count(&self, request: &Request, bearer: Option<&Bearer>) {
        let count = match (bearer, &request.method) {
            (None, _) => &self.counts.token,
            (Some(_), method) if *method == Method::GET => &self.counts.reads,
            (Some(_), _) => &self.counts.writes,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }
}

fn throttled(wait: Duration) -> TargetError {
    let until = Timestamp::now().checked_add(wait).unwrap_or(Timestamp::MAX);
    TargetError::Throttled { until }
}

/// The whole body, or nothing where it is longer than the cap.
async fn read_body(mut response: Response) -> Result<Option<Vec<u8>>, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > LONGEST_BODY {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body))
}

/// reqwest's own text hides the cause: the causes are what helps.
fn causes(error: &reqwest::Error) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut next = Some(error as &dyn Error);
    while let Some(cause) = next {
        let text = cause.to_string();
        if !parts.iter().any(|part| part.contains(&text)) {
            parts.push(text);
        }
        next = cause.source();
    }
    excerpt(&parts.join(": "), &[])
}

/// Parses an address of the settings.
pub(super) fn parse_url(key: &'static str, text: &str) -> Result<Url, TargetError> {
    let fault = |why: String| TargetError::Setting { key, why };
    let url = Url::parse(text).map_err(|error| fault(format!("is no address: {error}")))?;
    if url.cannot_be_a_base() || !url.has_host() || !matches!(url.scheme(), "http" | "https") {
        return Err(fault("is no http or https address".into()));
    }
    Ok(url)
}

fn http_client(settings: &Settings, base: &Url) -> Result<reqwest::Client, TargetError> {
    let (mut config, warnings) = tls::client_config(&settings.trust)?;
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let mut builder = reqwest::Client::builder()
        .tls_backend_preconfigured(config)
        .user_agent(concat!("rosterd/", env!("CARGO_PKG_VERSION")))
        .timeout(settings.timeout)
        .read_timeout(settings.timeout)
        .connect_timeout(settings.timeout.min(CONNECT))
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .gzip(true);
    if let Some(proxy) = &settings.proxy {
        // An address without a scheme would silently mean http.
        let url = parse_url("proxy", proxy)?;
        tracing::info!(
            proxy = url.host_str().unwrap_or_default(),
            "requests go through the proxy of the configuration"
        );
        let proxy = Proxy::all(url)
            .map_err(|_| TargetError::Setting { key: "proxy", why: "is no address of a proxy".into() })?;
        builder = builder.no_proxy().proxy(proxy);
    } else if is_loopback(base) {
        builder = builder.no_proxy();
    } else {
        name_environment_proxies();
    }
    builder.build().map_err(|error| TargetError::Setting { key: "api_url", why: causes(&error) })
}

/// reqwest reads these variables; a person should see that they count.
fn name_environment_proxies() {
    let set: Vec<&str> =
        ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"]
            .into_iter()
            .filter(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
            .collect();
    if !set.is_empty() {
        tracing::info!(variables = set.join(" "), "requests go by the proxy variables of the environment");
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host_str() {
        Some("localhost") => true,
        Some(host) => {
            host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
        }
        None => false,
    }
}
