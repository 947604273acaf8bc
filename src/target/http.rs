//! Floor 2: one request to Hyperproof: deadline, pacing, the only retry layer, and errors with a
//! short redacted body.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::RETRY_AFTER;
use reqwest::tls::TlsInfo;
use reqwest::{Method, Response, Url};

use super::Settings;
use super::client::CallCounts;
use super::connect::{causes, http_client};
use super::error::TargetError;
use super::outcome::{Again, Verdict, judge};
use super::pace::{Leave, Pace};
use super::patience::Patience;
use super::redact::excerpt;
use super::request::{Answer, Body, Failure, Intake, Request};
use super::token::Bearer;
use super::{retry, wire};
use crate::model::run::Call;
use crate::secret::Secret;
use crate::tls;

/// No answer is read further than this: room for a list of some 1,600,000 accounts.
const LONGEST_BODY: usize = 512 * 1024 * 1024;

/// What the attempts of one call add up to.
#[derive(Debug, Default)]
pub(super) struct Tally {
    attempts: u32,
    status: Option<u16>,
    lost: bool,
    pub(super) renewed: bool,
}

impl Tally {
    pub(super) fn failure(&self, error: TargetError) -> Failure {
        Failure { error, status: self.status, attempts: self.attempts, lost: self.lost }
    }

    pub(super) fn answer(&self, body: Vec<u8>) -> Answer {
        Answer { status: self.status.unwrap_or_default(), body, attempts: self.attempts }
    }
}

/// Why the attempts ended.
pub(super) enum Stop {
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
    patience: Patience,
    counts: Counts,
    calls: Mutex<BTreeMap<Call, u64>>,
    secret: Secret,
    timeout: Duration,
    pub(super) max_attempts: u32,
    max_wait: Duration,
    backoff: Duration,
    /// When the server's certificate ends, once a connection with one was made.
    certificate: OnceLock<Timestamp>,
}

#[derive(Debug, Default)]
struct Counts {
    reads: AtomicU32,
    writes: AtomicU32,
    token: AtomicU32,
}

/// An attempt, counted at its end: also where nobody waits for its answer any more, because a call beside it
/// failed.
struct Noted<'a> {
    wire: &'a Wire,
    request: &'a Request,
    /// None until there is an answer.
    status: Option<u16>,
}

impl Drop for Noted<'_> {
    fn drop(&mut self) {
        self.wire.note_call(self.request, self.status);
    }
}

impl Wire {
    pub(super) fn new(settings: &Settings, base: &Url, patience: Patience) -> Result<Self, TargetError> {
        Ok(Self {
            http: http_client(settings, base)?,
            pace: Pace::new(settings.requests_per_minute, settings.burst, settings.concurrency),
            patience,
            counts: Counts::default(),
            calls: Mutex::default(),
            secret: settings.client_secret.clone(),
            timeout: settings.timeout,
            max_attempts: settings.max_attempts.max(1),
            max_wait: settings.max_wait,
            backoff: settings.backoff,
            certificate: OnceLock::new(),
        })
    }

    /// What was sent so far.
    pub(super) fn counts(&self) -> CallCounts {
        CallCounts {
            reads: self.counts.reads.load(Ordering::Relaxed),
            writes: self.counts.writes.load(Ordering::Relaxed),
            token: self.counts.token.load(Ordering::Relaxed),
            throttled: self.pace.held_back(),
        }
    }

    /// No request goes before this much time has passed.
    pub(super) fn pause(&self, wait: Duration) {
        self.pace.pause(wait);
    }

    /// The first wait before something is tried again, unless the run was asked to stop.
    pub(super) async fn back_off(&self) {
        // Whoever looks again at once just sees less.
        let _ = self.patience.sleep(self.backoff).await;
    }

    /// The token call: whatever refuses it, refuses the sign-in.
    pub(super) async fn token(&self, request: &Request) -> Result<Answer, TargetError> {
        let mut tally = Tally::default();
        let call = request.name();
        let mut body = Vec::new();
        match self.exchange(request, None, &mut tally, &mut body).await {
            Ok(()) => Ok(tally.answer(body)),
            Err(Stop::Unauthorised(message)) => Err(TargetError::Auth { call, message }),
            Err(Stop::Failed(TargetError::Forbidden { call, message })) => Err(TargetError::Auth { call, message }),
            Err(Stop::Failed(TargetError::Refused { call, status: 400..=499, message })) => {
                Err(TargetError::Auth { call, message })
            }
            Err(Stop::Failed(error)) => Err(error),
        }
    }

    /// Attempts until an answer is final. Its body goes into `body`, whole where it ends well.
    pub(super) async fn exchange(
        &self,
        request: &Request,
        bearer: Option<&Bearer>,
        tally: &mut Tally,
        body: &mut dyn Intake,
    ) -> Result<(), Stop> {
        loop {
            let leave = self.leave(request).await?;
            let sent = leave.at;
            tally.attempts += 1;
            self.count(request, bearer);
            let mut noted = Noted { wire: self, request, status: None };
            let answer = self.attempt(request, bearer, tally, body).await;
            noted.status = tally.status;
            drop(noted);
            let retry = match answer? {
                Ok(()) => {
                    self.pace.succeeded();
                    return Ok(());
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
                // What is lost already stays lost: that the run was asked to stop says less.
                self.patience.sleep(wait).await.map_err(|_| Stop::Failed(retry.error))?;
            }
        }
    }

    /// Leave to send an attempt. Once the run was asked to stop nobody waits for it, and nothing is
    /// written: only a read that tells what became of a write may still go, if it can go at once.
    async fn leave(&self, request: &Request) -> Result<Leave<'_>, Stop> {
        let stopped = || Stop::Failed(TargetError::Stopped { call: request.name() });
        if self.patience.is_over() && request.method != Method::GET {
            return Err(stopped());
        }
        tokio::select! {
            biased;
            leave = self.pace.leave(self.max_wait) => leave.map_err(|pause| Stop::Failed(throttled(pause.0))),
            () = self.patience.over() => Err(stopped()),
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
        body: &mut dyn Intake,
    ) -> Result<Result<(), Retry>, Stop> {
        tokio::select! {
            biased;
            ended = self.answered(request, bearer, tally, body) => return ended,
            () = self.patience.spent() => {}
        }
        let why = "given up: the run was asked to stop, and no answer came in time".to_owned();
        let again = Again { throttle: false, lost: true, asked: None };
        Ok(Err(Retry { again, error: TargetError::Unreachable { call: request.name(), why } }))
    }

    /// One attempt, for as long as its deadline lets it.
    async fn answered(
        &self,
        request: &Request,
        bearer: Option<&Bearer>,
        tally: &mut Tally,
        body: &mut dyn Intake,
    ) -> Result<Result<(), Retry>, Stop> {
        tally.status = None;
        let call = request.name();
        let response = match self.send(request, bearer).await {
            Ok(response) => response,
            Err(error) => return self.cut(call, error).map(Err),
        };
        self.note_certificate(&response);
        let status = response.status().as_u16();
        let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let is_success = (200..=299).contains(&status);
        let mut refusal = Vec::new();
        match read_body(response, if is_success { body } else { &mut refusal }).await {
            Ok(true) => {}
            Ok(false) => {
                let why = format!("the answer is longer than {} MiB", LONGEST_BODY >> 20);
                return Err(Stop::Failed(TargetError::Decode { call, why }));
            }
            Err(error) => return self.cut(call, error).map(Err),
        }
        tally.status = Some(status);
        if is_success {
            return Ok(Ok(()));
        }
        let message = wire::message(&refusal);
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

    fn note_certificate(&self, response: &Response) {
        let info = response.extensions().get::<TlsInfo>();
        if let Some(ends) = info.and_then(TlsInfo::peer_certificate).and_then(tls::ends) {
            self.certificate.get_or_init(|| ends);
        }
    }

    /// When the server's certificate ends; none before the first answer, and without TLS.
    pub(super) fn certificate_ends(&self) -> Option<Timestamp> {
        self.certificate.get().copied()
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
        let refusal = tls::explain(&error);
        // Where no connection came about, nothing was sent. A record that is damaged later on may be the answer's.
        let lost = !error.is_connect();
        let why = match refusal {
            Some(refusal) if !lost => {
                let what = format!("{call}: {}", refusal.what);
                return Err(Stop::Failed(TargetError::Tls { what, help: refusal.help }));
            }
            Some(refusal) => refusal.what,
            None if error.is_timeout() => format!("no answer within {:?}", self.timeout),
            None => causes(&error.without_url()),
        };
        Ok(Retry { again: Again { throttle: false, lost, asked: None }, error: TargetError::Unreachable { call, why } })
    }

    fn excerpt(&self, message: &str, bearer: Option<&Bearer>) -> String {
        let bearer = bearer.map_or("", |bearer| bearer.secret.expose());
        excerpt(message, &[self.secret.expose(), bearer])
    }

    fn note_call(&self, request: &Request, status: Option<u16>) {
        let call = Call { endpoint: request.endpoint.clone(), status };
        *self.calls().entry(call).or_default() += 1;
    }

    /// Every attempt so far.
    pub(super) fn traffic(&self) -> BTreeMap<Call, u64> {
        self.calls().clone()
    }

    fn calls(&self) -> MutexGuard<'_, BTreeMap<Call, u64>> {
        // Counts are whole whatever became of the thread that held them.
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
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

/// Reads a body to its end; tells whether it is no longer than the cap.
async fn read_body(mut response: Response, body: &mut dyn Intake) -> Result<bool, reqwest::Error> {
    // A length that is told spares copies of a body that grows to many MiB; what is not told grows as it comes.
    let told = response.content_length().and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
    body.begin(told.min(LONGEST_BODY));
    let mut length = 0;
    while let Some(chunk) = response.chunk().await? {
        length += chunk.len();
        if length > LONGEST_BODY {
            return Ok(false);
        }
        body.take(&chunk);
    }
    Ok(true)
}
