//! Reading, creating and updating groups.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{
    api::{Answer, Bend, Refusal},
    call::{Call, Payload},
    choices::{ArchivedWrite, CreateStatus, Presence, StatusParameter},
    members, names,
    reply::Reply,
    state::State,
    view::View,
    world::{Group, GroupStatus},
};

/// `GET /groups`.
pub(super) fn list(state: &mut State, call: &Call, bend: Bend) -> Answer {
    let wanted = wanted(state, call)?;
    if state.world.switches.blind_groups {
        return Ok(Reply::ok(&json!([])));
    }
    let view = View::of(state, bend.stale);
    let rows = view.groups().filter(|group| wanted.contains(&group.status)).map(|group| view.group_body(group, call));
    Ok(Reply::list(view.switches(), rows))
}

/// `GET /groups/users`: the whole membership in one call.
pub(super) fn memberships(state: &mut State, call: &Call, bend: Bend) -> Answer {
    let wanted = wanted(state, call)?;
    if state.world.switches.blind_memberships {
        return Ok(Reply::ok(&json!([])));
    }
    let view = View::of(state, bend.stale);
    let shown = |group: &&Group| {
        wanted.contains(&group.status) && (view.switches().empty_group_entry || view.has_members(group))
    };
    Ok(Reply::list(view.switches(), view.groups().filter(shown).map(|group| view.membership(group))))
}

/// `GET /groups/{id}`.
pub(super) fn get(state: &mut State, call: &Call, id: &str, bend: Bend) -> Answer {
    let view = View::of(state, bend.stale);
    let group = readable(&view, id)?;
    Ok(Reply::ok(&view.group_body(group, call)))
}

/// `GET /groups/{id}/users`.
pub(super) fn members(state: &mut State, id: &str, bend: Bend) -> Answer {
    let view = View::of(state, bend.stale);
    let group = readable(&view, id)?;
    Ok(Reply::ok(&view.membership(group)))
}

/// `POST /groups`.
pub(super) fn create(state: &mut State, call: &Call, bend: Bend) -> Answer {
    let body = object(state, call, &["name", "groupLeadId", "userIds"])?;
    let name = text(body, "name")?.ok_or_else(|| Refusal::bad("name is required"))?;
    names::check_free(&state.world, name, None)?;
    let mut group = Group { id: state.world.free_group_id(), name: name.to_owned(), ..Group::default() };
    if let Some(lead) = text(body, "groupLeadId")? {
        set_lead(state, &mut group, lead)?;
    }
    if body.get("userIds").is_some_and(|value| !value.is_null()) {
        members::fill(state, call, &mut group, bend)?;
    }
    let now = state.about_to_change(&group.id, None);
    group.created_on = now;
    group.updated_on = now;
    state.world.groups.push(group.clone());
    let status = match state.world.switches.create_status {
        CreateStatus::Ok => StatusCode::OK,
        CreateStatus::Created => StatusCode::CREATED,
    };
    Ok(Reply::json(status, &View::now(state).group_body(&group, call)))
}

/// `PATCH /groups/{id}`.
pub(super) fn update(state: &mut State, call: &Call, id: &str) -> Answer {
    let position = writable(state, id)?;
    let body = object(state, call, &["name", "groupLeadId", "clearGroupLead"])?;
    let Some(before) = state.world.groups.get(position).cloned() else {
        return Err(no_group());
    };
    let mut group = before.clone();
    if let Some(name) = text(body, "name")? {
        names::check_free(&state.world, name, Some(id))?;
        group.name = name.to_owned();
    }
    let clear = flag(body, "clearGroupLead")?;
    match text(body, "groupLeadId")? {
        Some(_) if clear => {
            return Err(Refusal::bad("clearGroupLead and groupLeadId exclude each other"));
        }
        Some(lead) => set_lead(state, &mut group, lead)?,
        None if clear => group.lead = None,
        None => {}
    }
    if group != before {
        group.updated_on = state.about_to_change(id, Some(before));
        if let Some(place) = state.world.groups.get_mut(position) {
            place.clone_from(&group);
        }
    }
    Ok(Reply::ok(&View::now(state).group_body(&group, call)))
}

/// Where a group stands that may be changed.
pub(super) fn writable(state: &State, id: &str) -> Result<usize, Refusal> {
    let position = state.world.groups.iter().position(|group| group.id == id).ok_or_else(no_group)?;
    let archived = state.world.groups.get(position).is_some_and(|group| group.status == GroupStatus::Archived);
    match state.world.switches.archived_write {
        ArchivedWrite::NotFound if archived => Err(no_group()),
        ArchivedWrite::BadRequest if archived => Err(Refusal::bad("Group is archived")),
        _ => Ok(position),
    }
}

fn readable<'a>(view: &View<'a>, id: &str) -> Result<&'a Group, Refusal> {
    let hides = view.switches().archived_by_id == Presence::NotFound;
    view.groups().find(|group| group.id == id && !(hides && group.status == GroupStatus::Archived)).ok_or_else(no_group)
}

pub(super) fn no_group() -> Refusal {
    Refusal::missing("Group not found")
}

/// Which groups a list shows.
fn wanted(state: &State, call: &Call) -> Result<Vec<GroupStatus>, Refusal> {
    let switches = &state.world.switches;
    match call.query.get("status") {
        Some(list) if switches.status_parameter == StatusParameter::Honoured => {
            list.split(',').map(|name| status(name.trim())).collect()
        }
        _ if switches.archived_listed => Ok(vec![GroupStatus::Active, GroupStatus::Archived]),
        _ => Ok(vec![GroupStatus::Active]),
    }
}

fn status(name: &str) -> Result<GroupStatus, Refusal> {
    match name {
        "active" => Ok(GroupStatus::Active),
        "archived" => Ok(GroupStatus::Archived),
        other => Err(Refusal::bad(format!("status: unknown value {other:?}"))),
    }
}

/// A lead must be known, and no contact: the vendor's help says so.
fn set_lead(state: &State, group: &mut Group, lead: &str) -> Result<(), Refusal> {
    let user = members::lead(state, lead)?;
    if state.world.switches.lead_is_member {
        group.members.insert(user.clone());
    }
    group.lead = Some(user);
    Ok(())
}

/// The body as an object with no other fields than these.
pub(super) fn object<'a>(state: &State, call: &'a Call, known: &[&str]) -> Result<&'a Value, Refusal> {
    let body = match &call.body {
        Payload::Json(body) => body,
        Payload::Unreadable(why) => return Err(Refusal::bad(*why)),
        Payload::Nothing | Payload::Form(_) => return Err(Refusal::bad("a JSON body is required")),
    };
    let fields = body.as_object().ok_or_else(|| Refusal::bad("the body is not an object"))?;
    match fields.keys().find(|name| !known.contains(&name.as_str())) {
        Some(name) if state.world.switches.strict => Err(Refusal::bad(format!("unknown field {name:?}"))),
        _ => Ok(body),
    }
}

fn text<'a>(body: &'a Value, name: &str) -> Result<Option<&'a str>, Refusal> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Refusal::bad(format!("{name} is not a string"))),
    }
}

fn flag(body: &Value, name: &str) -> Result<bool, Refusal> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(_) => Err(Refusal::bad(format!("{name} is not a boolean"))),
    }
}
