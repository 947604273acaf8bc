//! The world as one read sees it, and the bodies that show it.

use serde_json::{Map, Value, json};

use super::{
    call::Call,
    choices::{DeactivatedMembers, GroupUserIds, MemberId},
    ids,
    state::{State, Undo},
    switches::Switches,
    user::User,
    world::Group,
};

/// What one read sees: the present, or the world before the last change.
#[derive(Debug, Clone, Copy)]
pub(super) struct View<'a> {
    state: &'a State,
    undo: Option<&'a Undo>,
}

impl<'a> View<'a> {
    /// The view of a read; it counts as one of the reads that come too early.
    pub(super) fn of(state: &'a mut State, struck: bool) -> Self {
        let past = state.reads_past(struck);
        let state: &'a State = state;
        Self { state, undo: state.undo().filter(|_| past) }
    }

    /// The present.
    pub(super) fn now(state: &'a State) -> Self {
        Self { state, undo: None }
    }

    pub(super) fn switches(&self) -> &'a Switches {
        &self.state.world.switches
    }

    /// All groups.
    pub(super) fn groups(&self) -> impl Iterator<Item = &'a Group> + use<'a> {
        let undo = self.undo;
        self.state.world.groups.iter().filter_map(move |group| match undo {
            Some(undo) if undo.id == group.id => undo.before.as_ref(),
            _ => Some(group),
        })
    }

    /// The members of a group by the kind of id that groups hold.
    pub(super) fn member_ids(&self, group: &Group) -> Vec<String> {
        let users = group.members.iter().filter_map(|id| self.user(id)).filter(|user| self.stays(user));
        users.map(|user| self.shown_id(user)).chain(group.strangers.iter().cloned()).collect()
    }

    /// The body that shows a group.
    pub(super) fn group_body(&self, group: &Group, call: &Call) -> Value {
        let switches = self.switches();
        let mut body = Map::new();
        body.insert("id".to_owned(), json!(group.id));
        body.insert("orgId".to_owned(), json!(self.state.world.organization));
        body.insert("name".to_owned(), json!(group.name));
        if let Some(lead) = group.lead.as_ref().and_then(|lead| self.user(lead)) {
            body.insert("groupLeadId".to_owned(), json!(self.shown_id(lead)));
        }
        let shows_members = match switches.group_user_ids {
            GroupUserIds::Always => true,
            GroupUserIds::OnExpand => call.expands("userIds"),
            GroupUserIds::Never => false,
        };
        if shows_members {
            body.insert("userIds".to_owned(), json!(self.member_ids(group)));
        }
        if switches.group_status_field {
            body.insert("status".to_owned(), json!(group.status));
        }
        body.insert("createdOn".to_owned(), json!(ids::timestamp(group.created_on, switches.timestamps)));
        body.insert("updatedOn".to_owned(), json!(ids::timestamp(group.updated_on, switches.timestamps)));
        body.extend(group.overlay.clone());
        Value::Object(body)
    }

    /// The body that shows a membership. Its own `id` is in the vendor's samples only.
    pub(super) fn membership(&self, group: &Group, user_ids: Vec<String>) -> Value {
        json!({
            "id": ids::uuid(&group.id, "membership", 0),
            "groupId": group.id,
            "userIds": user_ids,
        })
    }

    /// A user's id as groups hold it.
    pub(super) fn shown_id(&self, user: &User) -> String {
        match self.switches().member_id {
            MemberId::UserId => user.user_id.clone(),
            MemberId::Id => user.id.clone(),
        }
    }

    /// The user with this `userId`.
    pub(super) fn user(&self, user_id: &str) -> Option<&'a User> {
        self.state.world.users.get(self.state.position_by_user_id(user_id)?)
    }

    fn stays(&self, user: &User) -> bool {
        self.switches().deactivated_members == DeactivatedMembers::Stay || !user.kind.is_deactivated()
    }
}
