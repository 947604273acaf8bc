//! Floor 2: the bearer token of the OAuth client-credentials grant (RFC 6749, section 4.4).
//!
//! The reply's `expires_in` may be a number, text or missing (never expires, as the vendor's own code
//! reads it); a token is renewed 30 seconds early.

use std::time::Duration;

use reqwest::Method;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::Settings;
use super::connect::parse_url;
use super::error::TargetError;
use super::http::Wire;
use super::request::Request;
use super::wire;
use crate::secret::Secret;

/// How long before its end a token is renewed. A token that does not live longer than this is
/// renewed when half of its life is over.
const EARLY: Duration = Duration::from_secs(30);

/// The token that a call goes with, and which one it is.
#[derive(Debug, Clone)]
pub(super) struct Bearer {
    /// The token.
    pub(super) secret: Secret,
    serial: u64,
}

/// Keeps the token. One renewal serves all that wait for it, and so does one refusal.
#[derive(Debug)]
pub(super) struct Tokens {
    request: Request,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    bearer: Option<Bearer>,
    stale_at: Option<Instant>,
    /// The last renewal failed with this, and when.
    failed: Option<(TargetError, Instant)>,
    serial: u64,
}

impl Tokens {
    /// No token yet.
    pub(super) fn new(settings: &Settings) -> Result<Self, TargetError> {
        let mut form = vec![
            ("grant_type", Secret::new("client_credentials".into())),
            ("client_id", Secret::new(settings.client_id.clone())),
            ("client_secret", settings.client_secret.clone()),
        ];
        if let Some(scope) = &settings.scope {
            form.push(("scope", Secret::new(scope.clone())));
        }
        let url = parse_url("token_url", &settings.token_url)?;
        Ok(Self {
            request: Request::new(Method::POST, url, "POST token".to_owned()).form(form),
            held: Mutex::default(),
        })
    }

    /// The token, fetched if there is none or it is about to end.
    pub(super) async fn bearer(&self, wire: &Wire) -> Result<Bearer, TargetError> {
        let asked = Instant::now();
        let mut held = self.held.lock().await;
        if let Some(bearer) = held.fresh(Instant::now()) {
            return Ok(bearer);
        }
        self.renew(&mut held, wire, asked).await
    }

    /// A token other than `refused`, which the server did not take.
    pub(super) async fn renewed(&self, wire: &Wire, refused: &Bearer) -> Result<Bearer, TargetError> {
        let asked = Instant::now();
        let mut held = self.held.lock().await;
        match held.fresh(Instant::now()) {
            Some(bearer) if bearer.serial != refused.serial => Ok(bearer),
            _ => self.renew(&mut held, wire, asked).await,
        }
    }

    async fn renew(&self, held: &mut Held, wire: &Wire, asked: Instant) -> Result<Bearer, TargetError> {
        if let Some((error, at)) = &held.failed {
            // Somebody else's renewal failed while this one waited for it.
            if *at > asked {
                return Err(error.clone());
            }
        }
        held.bearer = None;
        match self.fetch(wire).await {
            Ok((secret, life)) => {
                held.serial += 1;
                held.stale_at = life.map(|life| Instant::now() + usable(life));
                let bearer = Bearer { secret, serial: held.serial };
                held.bearer = Some(bearer.clone());
                Ok(bearer)
            }
            Err(error) => {
                held.failed = Some((error.clone(), Instant::now()));
                Err(error)
            }
        }
    }

    async fn fetch(&self, wire: &Wire) -> Result<(Secret, Option<Duration>), TargetError> {
        let answer = wire.token(&self.request).await?;
        let token: wire::Token =
            wire::object(&answer.body).map_err(|why| TargetError::Decode { call: self.request.name(), why })?;
        match token.access_token {
            Some(text) => Ok((Secret::new(text), token.expires_in)),
            None => {
                Err(TargetError::Decode { call: self.request.name(), why: "the answer has no access_token".into() })
            }
        }
    }
}

impl Held {
    fn fresh(&self, now: Instant) -> Option<Bearer> {
        if self.stale_at.is_some_and(|at| at <= now) {
            return None;
        }
        self.bearer.clone()
    }
}

fn usable(life: Duration) -> Duration {
    if life > EARLY { life - EARLY } else { life / 2 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_used_until_thirty_seconds_before_its_end() {
        for (life, expected) in [(3600, 3570.0), (31, 1.0), (30, 15.0), (1, 0.5), (0, 0.0)] {
            assert_eq!(usable(Duration::from_secs(life)).as_secs_f64(), expected);
        }
    }
}
