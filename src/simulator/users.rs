//! `GET /users` and `GET /users/me`.

use serde_json::{Map, Value, json};

use super::{
    api::{Answer, Refusal},
    call::Call,
    choices::Emails,
    ids,
    reply::Reply,
    state::State,
    switches::Switches,
    user::{User, UserStatus},
    world::World,
};

/// The list of users; without deactivated ones unless they are asked for.
pub(super) fn list(state: &State, call: &Call) -> Answer {
    let world = &state.world;
    let deactivated = wants_deactivated(call)?;
    if world.switches.blind_users {
        return Ok(Reply::ok(&json!([])));
    }
    let shown = world.users.iter().filter(|user| !user.hidden && (deactivated || is_current(user)));
    let rows: Vec<Value> = shown.map(|user| row(world, user, call)).collect();
    Ok(Reply::ok(&capped(&world.switches, rows)))
}

/// The profile of the account that the client acts as. Its `id` is the user's id, not the
/// organisation-user id.
pub(super) fn me(state: &State, call: &Call) -> Answer {
    let world = &state.world;
    let user = world.account().ok_or_else(|| Refusal::missing("User not found"))?;
    let seen = ids::timestamp(ids::FIRST_SECOND, world.switches.timestamps);
    let mut body = Map::new();
    body.insert("id".to_owned(), json!(user.user_id));
    person(&mut body, user, user.email.as_ref());
    if call.expands("identityProviders") {
        body.insert("identityProviders".to_owned(), json!([]));
    }
    if call.expands("organizations") {
        body.insert("organizations".to_owned(), json!([{ "id": world.organization }]));
    }
    body.insert("organizationRoleId".to_owned(), json!(role_id(world, user)));
    body.insert("lastLogin".to_owned(), json!(seen));
    body.insert("state".to_owned(), json!("valid"));
    body.insert("verifiedOn".to_owned(), json!(seen));
    body.insert("termsAcceptedOn".to_owned(), json!(seen));
    Ok(Reply::ok(&Value::Object(body)))
}

/// The most that the server returns of a list.
pub(super) fn capped(switches: &Switches, mut rows: Vec<Value>) -> Value {
    rows.truncate(switches.list_cap.unwrap_or(usize::MAX));
    Value::Array(rows)
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

fn row(world: &World, user: &User, call: &Call) -> Value {
    let mut body = Map::new();
    body.insert("id".to_owned(), json!(user.id));
    if world.switches.user_status_field {
        body.insert("status".to_owned(), json!(user.status));
    }
    person(&mut body, user, visible_email(&world.switches, user));
    body.insert("userId".to_owned(), json!(user.user_id));
    body.insert("type".to_owned(), json!(user.kind));
    if call.expands("identityProviders") {
        body.insert("identityProviders".to_owned(), json!([]));
    }
    if call.expands("organizationRoleId") {
        body.insert("organizationRoleId".to_owned(), json!(role_id(world, user)));
    }
    body.extend(user.overlay.clone());
    Value::Object(body)
}

/// The fields that both replies have.
fn person(body: &mut Map<String, Value>, user: &User, email: Option<&String>) {
    body.insert("givenName".to_owned(), json!(user.given_name));
    body.insert("surname".to_owned(), json!(user.surname));
    if let Some(email) = email {
        body.insert("email".to_owned(), json!(email));
    }
    body.insert("language".to_owned(), json!("en"));
    body.insert("locale".to_owned(), json!("US"));
    body.insert("timeZone".to_owned(), json!("America/Los_Angeles"));
}

fn visible_email<'a>(switches: &Switches, user: &'a User) -> Option<&'a String> {
    match switches.emails {
        Emails::All => user.email.as_ref(),
        Emails::NotServiceAccounts => user.email.as_ref().filter(|_| !user.kind.is_service()),
        Emails::Nobody => None,
    }
}

fn role_id(world: &World, user: &User) -> String {
    ids::uuid(&world.organization, &user.role, 0)
}
