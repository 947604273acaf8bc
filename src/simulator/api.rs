//! The simulated API: from a call to an answer.
//!
//! Written from the vendor's pages and not from our client, so that a field name that
//! the client gets wrong is wrong here too and fails.

use axum::http::StatusCode;

use super::{
    call::Call, choices::TrailingSlash, groups, members, reply::Reply, state::State, switches::Switches, users,
};

/// Why a call is refused.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) message: String,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    /// 400.
    pub(super) fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// 404.
    pub(super) fn missing(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }
}

/// An answer, or why there is none.
pub(super) type Answer = Result<Reply, Refusal>;

/// How a fault bends a call that is carried out all the same.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Bend {
    /// A read shows the past.
    pub(super) stale: bool,
    /// Only so many of the `userIds` count.
    pub(super) first: Option<usize>,
}

impl Bend {
    /// A read that shows the past.
    pub(super) fn stale() -> Self {
        Self { stale: true, first: None }
    }

    /// A batch of which only a part counts.
    pub(super) fn first(count: usize) -> Self {
        Self { stale: false, first: Some(count) }
    }
}

/// An address of the API.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Route {
    Users,
    Me,
    Groups,
    Memberships,
    Group(String),
    Members(String),
    MembersDelete(String),
}

impl Route {
    fn of(path: &str) -> Option<Self> {
        let segments: Vec<&str> = path.strip_prefix("/v1/")?.trim_end_matches('/').split('/').collect();
        Some(match segments.as_slice() {
            ["users"] => Self::Users,
            ["users", "me"] => Self::Me,
            ["groups"] => Self::Groups,
            ["groups", "users"] => Self::Memberships,
            ["groups", id] => Self::Group((*id).to_owned()),
            ["groups", id, "users"] => Self::Members((*id).to_owned()),
            ["groups", id, "users", "delete"] => Self::MembersDelete((*id).to_owned()),
            _ => return None,
        })
    }

    /// The scope that a call needs. The names are inferred from the pattern of documented ones.
    fn scope(&self, call: &Call) -> &'static str {
        match self {
            Self::Users | Self::Me => "user.read",
            _ if call.is_write() => "group.update",
            _ => "group.read",
        }
    }

    /// The parameters that the vendor's pages list.
    fn parameters(&self, call: &Call) -> &'static [&'static str] {
        match (call.method.as_str(), self) {
            ("GET", Self::Users) => &["expand", "includeDeactivated"],
            ("GET", Self::Me) => &["expand"],
            ("GET", Self::Groups) => &["status", "expand"],
            ("GET", Self::Memberships) => &["status"],
            _ => &[],
        }
    }
}

/// Carries out a call.
pub(super) fn answer(state: &mut State, call: &Call, bend: Bend) -> Reply {
    if call.path.trim_end_matches('/') == "/oauth/token" {
        return state.tokens.issue(&state.world, call);
    }
    match checked(state, call, bend) {
        Ok(reply) => reply,
        Err(refusal) => Reply::error(state.world.switches.error_body, refusal.status, &refusal.message),
    }
}

fn checked(state: &mut State, call: &Call, bend: Bend) -> Answer {
    if let Some(limited) = limited(state) {
        return Ok(limited);
    }
    let Some(scopes) = state.tokens.check(call.bearer.as_deref()) else {
        return Err(Refusal::new(StatusCode::UNAUTHORIZED, "Unauthorized. Access token is missing or invalid."));
    };
    let route = Route::of(&call.path).filter(|_| slash_fits(&state.world.switches, &call.path));
    let route = route.ok_or_else(|| Refusal::missing("Resource not found"))?;
    let scope = route.scope(call);
    if !scopes.contains(scope) || (call.is_write() && state.world.switches.writes_forbidden) {
        return Err(Refusal::new(StatusCode::FORBIDDEN, format!("You do not have permission: {scope}")));
    }
    if state.world.switches.strict {
        check_parameters(&route, call)?;
    }
    dispatch(state, call, &route, bend)
}

fn dispatch(state: &mut State, call: &Call, route: &Route, bend: Bend) -> Answer {
    match (call.method.as_str(), route) {
        ("GET", Route::Users) => users::list(state, call),
        ("GET", Route::Me) => users::me(state, call),
        ("GET", Route::Groups) => groups::list(state, call, bend),
        ("GET", Route::Group(id)) => groups::get(state, call, id, bend),
        ("GET", Route::Memberships) => groups::memberships(state, call, bend),
        ("GET", Route::Members(id)) => groups::members(state, id, bend),
        ("POST", Route::Groups) => groups::create(state, call, bend),
        ("PATCH", Route::Group(id)) => groups::update(state, call, id),
        ("POST", Route::Members(id)) => members::change(state, call, id, members::Change::Add, bend),
        ("PUT", Route::MembersDelete(id)) => members::change(state, call, id, members::Change::Remove, bend),
        _ => Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed")),
    }
}

/// The refusal of the standing limit, if it is reached.
fn limited(state: &mut State) -> Option<Reply> {
    let limit = state.world.switches.rate_limit?;
    let wait = state.over_limit(limit)?.as_secs() + 1;
    let message = format!("Rate limit is exceeded. Try again in {wait} seconds.");
    let header = limit.retry_after.then(|| wait.to_string());
    Some(Reply::gateway(StatusCode::TOO_MANY_REQUESTS, &message).retry_after(header))
}

/// The documented addresses of the two collections are used with and without a trailing slash.
fn slash_fits(switches: &Switches, path: &str) -> bool {
    match switches.trailing_slash {
        TrailingSlash::Both => true,
        TrailingSlash::Required => path.ends_with('/') || path.matches('/').count() > 2,
        TrailingSlash::Forbidden => !path.ends_with('/'),
    }
}

fn check_parameters(route: &Route, call: &Call) -> Result<(), Refusal> {
    let known = route.parameters(call);
    match call.query.keys().find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(Refusal::bad(format!("Unknown query parameter {name:?}"))),
        None => Ok(()),
    }
}
