//! OAuth client credentials: handing out tokens and checking them.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use super::{
    call::{Call, Payload},
    choices::ExpiresIn,
    ids,
    reply::Reply,
    switches::Switches,
    world::World,
};

/// The tokens that were handed out.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    issued: BTreeMap<String, Token>,
    count: u64,
}

#[derive(Debug)]
struct Token {
    /// `None` for a life beyond what the clock can count.
    expires: Option<Instant>,
    calls_left: Option<u32>,
    scopes: BTreeSet<String>,
}

impl Tokens {
    /// Answers a token request, whose fields come as a form or as JSON.
    pub(super) fn issue(&mut self, world: &World, call: &Call) -> Reply {
        if call.method != "POST" {
            return refused(StatusCode::METHOD_NOT_ALLOWED, "invalid_request");
        }
        let (Payload::Form(body) | Payload::Json(body)) = &call.body else {
            return refused(StatusCode::BAD_REQUEST, "invalid_request");
        };
        let field = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
        if field("grant_type") != "client_credentials" {
            return refused(StatusCode::BAD_REQUEST, "unsupported_grant_type");
        }
        if field("client_id") != world.client.client_id || field("client_secret") != world.client.client_secret {
            return refused(StatusCode::UNAUTHORIZED, "invalid_client");
        }
        match scopes(world, field("scope")) {
            Some(scopes) => self.grant(world, scopes),
            None => refused(StatusCode::BAD_REQUEST, "invalid_scope"),
        }
    }

    fn grant(&mut self, world: &World, scopes: BTreeSet<String>) -> Reply {
        self.count += 1;
        let text = format!("simulated-token-{}", ids::uuid(&world.organization, "token", self.count));
        let life = Duration::from_secs(world.switches.token_life_seconds);
        let token = Token { expires: Instant::now().checked_add(life), calls_left: world.switches.token_calls, scopes };
        self.issued.insert(text.clone(), token);
        Reply::ok(&Value::Object(granted(&world.switches, text)))
    }

    /// The scopes of a token that is good for this call; `None` for a bad or expired one.
    pub(super) fn check(&mut self, bearer: Option<&str>) -> Option<&BTreeSet<String>> {
        let token = self.issued.get_mut(bearer?)?;
        if token.expires.is_some_and(|end| end <= Instant::now()) || token.calls_left == Some(0) {
            return None;
        }
        token.calls_left = token.calls_left.map(|left| left - 1);
        Some(&token.scopes)
    }

    /// Makes every token that was handed out so far a bad one.
    pub(super) fn expire(&mut self) {
        self.issued.clear();
    }
}

/// The scopes to grant: those asked for, or else all that the client has.
fn scopes(world: &World, asked: &str) -> Option<BTreeSet<String>> {
    let asked: BTreeSet<String> = asked.split_whitespace().map(str::to_owned).collect();
    if asked.is_empty() {
        return Some(world.client.scopes.clone());
    }
    asked.is_subset(&world.client.scopes).then_some(asked)
}

fn granted(switches: &Switches, token: String) -> Map<String, Value> {
    let life = switches.token_life_seconds;
    let mut body = Map::new();
    body.insert("access_token".to_owned(), Value::from(token));
    body.insert("token_type".to_owned(), Value::from("Bearer"));
    match switches.expires_in {
        ExpiresIn::Number => body.insert("expires_in".to_owned(), Value::from(life)),
        ExpiresIn::Text => body.insert("expires_in".to_owned(), Value::from(life.to_string())),
        ExpiresIn::Missing => None,
    };
    body
}

/// An error as RFC 6749, section 5.2 shapes it.
fn refused(status: StatusCode, error: &str) -> Reply {
    Reply::json(status, &json!({ "error": error }))
}
