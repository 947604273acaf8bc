//! Adding and removing members.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use serde_json::Value;

use super::{
    api::{Answer, Bend, Refusal},
    call::Call,
    choices::{AddPresent, Admission, Leniency, MemberId, RemoveAbsent, WriteReply, WrongIdKind},
    groups,
    reply::Reply,
    state::State,
    user::{User, UserStatus, UserType},
    view::{Membership, View},
    world::Group,
};

/// The two membership changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// `POST /groups/{id}/users`.
    Add,
    /// `PUT /groups/{id}/users/delete`.
    Remove,
}

/// Somebody whom a change is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Member {
    /// A user, by `userId`.
    User(String),
    /// An id that belongs to no user.
    Stranger(String),
}

/// Changes the members of a group.
pub(super) fn change(state: &mut State, call: &Call, id: &str, change: Change, bend: Bend) -> Answer {
    let position = groups::writable(state, id)?;
    groups::object(state, call, &["userIds"])?;
    let group = state.world.groups.get(position).ok_or_else(groups::no_group)?;
    let asked = asked(call)?;
    let members = resolve(state, group, change, first(&asked, bend))?;
    let before = group.clone();
    let changed: Vec<Member> = match state.world.groups.get_mut(position) {
        Some(group) => members.into_iter().filter(|member| apply(group, change, member)).collect(),
        None => return Err(groups::no_group()),
    };
    if !changed.is_empty() {
        let now = state.about_to_change(id, Some(before));
        let moves = state.world.switches.membership_moves_updated_on;
        if let Some(group) = state.world.groups.get_mut(position).filter(|_| moves) {
            group.updated_on = now;
        }
    }
    let group = state.world.groups.get(position).ok_or_else(groups::no_group)?;
    Ok(reply(state, group, &asked, &changed))
}

/// Puts the first members into a group that is being created.
pub(super) fn fill(state: &State, call: &Call, group: &mut Group, bend: Bend) -> Result<(), Refusal> {
    let asked = asked(call)?;
    let ids = first(&asked, bend);
    if ids.is_empty() {
        return Ok(());
    }
    // A lead who counts as a member is there already; naming the lead as a member too is no mistake.
    let bare = Group::default();
    for member in resolve(state, &bare, Change::Add, ids)? {
        apply(group, Change::Add, &member);
    }
    Ok(())
}

/// The `userId` of a lead.
pub(super) fn lead(state: &State, id: &str) -> Result<String, Refusal> {
    let unknown = || Refusal::bad(format!("groupLeadId: user {id:?} not found"));
    let (user, right_kind) = find(state, id).ok_or_else(unknown)?;
    if !right_kind && state.world.switches.wrong_id_kind != WrongIdKind::Accept {
        return Err(unknown());
    }
    match user.kind {
        UserType::Contact => Err(Refusal::bad("Contacts cannot be group leads.")),
        _ => Ok(user.user_id.clone()),
    }
}

/// The `userIds` of the body.
fn asked(call: &Call) -> Result<Vec<String>, Refusal> {
    let Some(list) = call.body_field("userIds").and_then(Value::as_array) else {
        return Err(Refusal::bad("userIds is required and must be an array"));
    };
    let texts: Option<Vec<String>> = list.iter().map(|id| id.as_str().map(str::to_owned)).collect();
    texts.ok_or_else(|| Refusal::bad("userIds holds something that is not a string"))
}

/// The part of a batch that a fault lets through.
fn first(asked: &[String], bend: Bend) -> &[String] {
    asked.get(..bend.first.unwrap_or(asked.len())).unwrap_or(asked)
}

/// Who is to be added or removed, or why nobody is.
fn resolve(state: &State, group: &Group, change: Change, ids: &[String]) -> Result<Vec<Member>, Refusal> {
    check_shape(state, ids)?;
    let mut members = Vec::new();
    for id in ids {
        let Some(member) = judge(state, group, change, id)? else {
            continue;
        };
        check_presence(state, group, change, &member, id)?;
        members.push(member);
    }
    Ok(members)
}

/// The rules about the list as a whole.
fn check_shape(state: &State, ids: &[String]) -> Result<(), Refusal> {
    let switches = &state.world.switches;
    if ids.is_empty() && switches.empty_user_ids == Leniency::BadRequest {
        return Err(Refusal::bad("userIds is empty"));
    }
    if switches.max_batch.is_some_and(|most| ids.len() > most) {
        return Err(Refusal::bad("userIds holds too many ids"));
    }
    let distinct: BTreeSet<&String> = ids.iter().collect();
    if distinct.len() < ids.len() && switches.duplicates == Leniency::BadRequest {
        return Err(Refusal::bad("userIds holds an id twice"));
    }
    Ok(())
}

/// Whom an id means; `None` for somebody who is passed over.
fn judge(state: &State, group: &Group, change: Change, id: &str) -> Result<Option<Member>, Refusal> {
    let switches = &state.world.switches;
    let stranger = || Member::Stranger(id.to_owned());
    let Some((user, right_kind)) = find(state, id) else {
        // Somebody who is in the group can leave it, whether the list of users knows them or not.
        let admission = if group.strangers.contains(id) { Admission::Accept } else { switches.unknown_user };
        return admitted(admission, stranger(), format!("User {id:?} not found"));
    };
    let member = Member::User(user.user_id.clone());
    match switches.wrong_id_kind {
        WrongIdKind::Reject if !right_kind => Err(Refusal::bad(format!("User {id:?} not found"))),
        WrongIdKind::Ignore if !right_kind => Ok(None),
        _ if change == Change::Remove => Ok(Some(member)),
        _ => admitted(admission(state, user), member, format!("User {id:?} cannot be a group member")),
    }
}

fn admitted(admission: Admission, member: Member, why: String) -> Result<Option<Member>, Refusal> {
    match admission {
        Admission::Accept => Ok(Some(member)),
        Admission::Ignore => Ok(None),
        Admission::Reject => Err(Refusal::bad(why)),
    }
}

/// Whether this kind of user may become a member.
fn admission(state: &State, user: &User) -> Admission {
    let switches = &state.world.switches;
    match user.kind {
        kind if kind.is_deactivated() => switches.deactivated,
        kind if kind.is_service() => switches.service_account,
        UserType::Contact => switches.contact,
        _ if user.status == UserStatus::Pending => switches.pending,
        _ => Admission::Accept,
    }
}

/// The rules about those who are in the group already, or are not.
fn check_presence(state: &State, group: &Group, change: Change, member: &Member, id: &str) -> Result<(), Refusal> {
    let switches = &state.world.switches;
    let present = match member {
        Member::User(user_id) => group.members.contains(user_id),
        Member::Stranger(id) => group.strangers.contains(id),
    };
    let status = match (change, present) {
        (Change::Add, true) => match switches.add_present {
            AddPresent::Ok => return Ok(()),
            AddPresent::Conflict => StatusCode::CONFLICT,
            AddPresent::BadRequest => StatusCode::BAD_REQUEST,
        },
        (Change::Remove, false) => match switches.remove_absent {
            RemoveAbsent::Ok => return Ok(()),
            RemoveAbsent::NotFound => StatusCode::NOT_FOUND,
            RemoveAbsent::BadRequest => StatusCode::BAD_REQUEST,
        },
        _ => return Ok(()),
    };
    let what = if present { "is already in the group" } else { "is not in the group" };
    Err(Refusal::new(status, format!("User {id:?} {what}")))
}

/// The user with this id, and whether it is the kind of id that groups hold.
fn find<'a>(state: &'a State, id: &str) -> Option<(&'a User, bool)> {
    let by_user_id = state.position_by_user_id(id);
    let by_id = state.position_by_id(id);
    let (right, wrong) = match state.world.switches.member_id {
        MemberId::UserId => (by_user_id, by_id),
        MemberId::Id => (by_id, by_user_id),
    };
    let user = state.world.users.get(right.or(wrong)?)?;
    Some((user, right.is_some()))
}

/// Makes one change and tells whether it was one.
fn apply(group: &mut Group, change: Change, member: &Member) -> bool {
    match (change, member) {
        (Change::Add, Member::User(id)) => group.members.insert(id.clone()),
        (Change::Add, Member::Stranger(id)) => group.strangers.insert(id.clone()),
        (Change::Remove, Member::User(id)) => group.members.remove(id),
        (Change::Remove, Member::Stranger(id)) => group.strangers.remove(id),
    }
}

fn reply(state: &State, group: &Group, asked: &[String], changed: &[Member]) -> Reply {
    let view = View::now(state);
    match state.world.switches.write_reply {
        WriteReply::After => Reply::ok(&view.membership(group)),
        WriteReply::Echo => Reply::ok(&Membership::of(group, asked)),
        WriteReply::Changed => {
            let changed: Vec<&str> = changed.iter().map(|member| shown(&view, member)).collect();
            Reply::ok(&Membership::of(group, changed))
        }
        WriteReply::Empty => Reply::empty(StatusCode::NO_CONTENT),
    }
}

fn shown<'a>(view: &View<'a>, member: &'a Member) -> &'a str {
    match member {
        Member::User(id) => view.user(id).map_or(id, |user| view.shown_id(user)),
        Member::Stranger(id) => id,
    }
}
