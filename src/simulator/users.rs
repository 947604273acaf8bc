//! `GET /users` and `GET /users/me`. The fields of the bodies stand in the order of the alphabet.

use serde::Serialize;
use serde_json::{Value, json};

use super::{
    api::{Answer, Refusal},
    call::Call,
    choices::Emails,
    ids,
    overlaid::Overlaid,
    reply::Reply,
    state::State,
    switches::Switches,
    user::{User, UserStatus, UserType},
    world::World,
};

const LANGUAGE: &str = "en";
const LOCALE: &str = "US";
const TIME_ZONE: &str = "America/Los_Angeles";

/// A user in the list of users.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    given_name: &'a str,
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    identity_providers: Option<[Value; 0]>,
    language: &'a str,
    locale: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    organization_role_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<UserStatus>,
    surname: &'a str,
    time_zone: &'a str,
    #[serde(rename = "type")]
    kind: UserType,
    user_id: &'a str,
}

/// What `GET /users/me` shows.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Profile<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    given_name: &'a str,
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    identity_providers: Option<[Value; 0]>,
    language: &'a str,
    last_login: &'a str,
    locale: &'a str,
    organization_role_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    organizations: Option<[Value; 1]>,
    state: &'a str,
    surname: &'a str,
    terms_accepted_on: &'a str,
    time_zone: &'a str,
    verified_on: &'a str,
}

/// The list of users; without deactivated ones unless they are asked for.
pub(super) fn list(state: &State, call: &Call) -> Answer {
    let world = &state.world;
    let deactivated = wants_deactivated(call)?;
    if world.switches.blind_users {
        return Ok(Reply::ok(&json!([])));
    }
    let shown = world.users.iter().filter(|user| !user.hidden && (deactivated || is_current(user)));
    let (providers, role) = (call.expands("identityProviders"), call.expands("organizationRoleId"));
    Ok(Reply::list(&world.switches, shown.map(|user| row(world, user, providers, role))))
}

/// The profile of the account that the client acts as. Its `id` is the user's id, not the
/// organisation-user id.
pub(super) fn me(state: &State, call: &Call) -> Answer {
    let world = &state.world;
    let user = world.account().ok_or_else(|| Refusal::missing("User not found"))?;
    let seen = ids::timestamp(ids::FIRST_SECOND, world.switches.timestamps);
    Ok(Reply::ok(&Profile {
        email: user.email.as_deref(),
        given_name: &user.given_name,
        id: &user.user_id,
        identity_providers: call.expands("identityProviders").then_some([]),
        language: LANGUAGE,
        last_login: &seen,
        locale: LOCALE,
        organization_role_id: role_id(world, user),
        organizations: call.expands("organizations").then(|| [json!({ "id": world.organization })]),
        state: "valid",
        surname: &user.surname,
        terms_accepted_on: &seen,
        time_zone: TIME_ZONE,
        verified_on: &seen,
    }))
}

fn wants_deactivated(call: &Call) -> Result<bool, Refusal> {
    match call.query.get("includeDeactivated").map(|value| value.to_ascii_lowercase()).as_deref() {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(other) => Err(Refusal::bad(format!("includeDeactivated: {other:?} is not a boolean"))),
    }
}

fn is_current(user: &User) -> bool {
    !user.kind.is_deactivated() && !matches!(user.status, UserStatus::Archived | UserStatus::Deleted)
}

fn row<'a>(world: &'a World, user: &'a User, providers: bool, role: bool) -> impl Serialize + use<'a> {
    let body = Row {
        email: visible_email(&world.switches, user),
        given_name: &user.given_name,
        id: &user.id,
        identity_providers: providers.then_some([]),
        language: LANGUAGE,
        locale: LOCALE,
        organization_role_id: role.then(|| role_id(world, user)),
        status: world.switches.user_status_field.then_some(user.status),
        surname: &user.surname,
        time_zone: TIME_ZONE,
        kind: user.kind,
        user_id: &user.user_id,
    };
    Overlaid { body, overlay: &user.overlay }
}

fn visible_email<'a>(switches: &Switches, user: &'a User) -> Option<&'a str> {
    match switches.emails {
        Emails::All => user.email.as_deref(),
        Emails::NotServiceAccounts => user.email.as_deref().filter(|_| !user.kind.is_service()),
        Emails::Nobody => None,
    }
}

fn role_id(world: &World, user: &User) -> String {
    ids::uuid(&world.organization, &user.role, 0)
}
