//! The world as one read sees it, and the bodies that show it.
//!
//! A list of a large organisation has many megabytes. So bodies borrow from the world, and are written
//! from there straight into the reply. Their fields stand in the order of the alphabet.

use serde::{Serialize, Serializer};

use super::{
    call::Call,
    choices::{DeactivatedMembers, GroupUserIds, MemberId},
    ids,
    overlaid::Overlaid,
    state::{State, Undo},
    switches::Switches,
    user::User,
    world::{Group, GroupStatus},
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

    /// Whether a group shows any member.
    pub(super) fn has_members(&self, group: &'a Group) -> bool {
        self.member_ids(group).next().is_some()
    }

    /// The body that shows a group.
    pub(super) fn group_body(&self, group: &'a Group, call: &Call) -> impl Serialize + use<'a> {
        let switches = self.switches();
        let lead = group.lead.as_ref().and_then(|lead| self.user(lead));
        let shows_members = match switches.group_user_ids {
            GroupUserIds::Always => true,
            GroupUserIds::OnExpand => call.expands("userIds"),
            GroupUserIds::Never => false,
        };
        let body = GroupBody {
            created_on: ids::timestamp(group.created_on, switches.timestamps),
            group_lead_id: lead.map(|lead| self.shown_id(lead)),
            id: &group.id,
            name: &group.name,
            org_id: &self.state.world.organization,
            status: switches.group_status_field.then_some(group.status),
            updated_on: ids::timestamp(group.updated_on, switches.timestamps),
            user_ids: shows_members.then_some(MemberIds { view: *self, group }),
        };
        Overlaid { body, overlay: &group.overlay }
    }

    /// The body that shows a membership, as it is in this view.
    pub(super) fn membership(&self, group: &'a Group) -> impl Serialize + use<'a> {
        Membership::of(group, MemberIds { view: *self, group })
    }

    /// The members of a group by the kind of id that groups hold.
    fn member_ids(&self, group: &'a Group) -> impl Iterator<Item = &'a str> + use<'a> {
        let view = *self;
        let Switches { member_id, deactivated_members, .. } = self.switches();
        // What groups hold is then what they show: looking up every member would take most of a list's time.
        let as_held = self.state.all_known()
            && (*member_id, *deactivated_members) == (MemberId::UserId, DeactivatedMembers::Stay);
        let users = group.members.iter().filter_map(move |id| match as_held {
            true => Some(id.as_str()),
            false => view.user(id).filter(|user| view.stays(user)).map(|user| view.shown_id(user)),
        });
        users.chain(group.strangers.iter().map(String::as_str))
    }

    /// A user's id as groups hold it.
    pub(super) fn shown_id(&self, user: &'a User) -> &'a str {
        match self.switches().member_id {
            MemberId::UserId => &user.user_id,
            MemberId::Id => &user.id,
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

/// A group as replies show it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GroupBody<'a> {
    created_on: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    group_lead_id: Option<&'a str>,
    id: &'a str,
    name: &'a str,
    org_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<GroupStatus>,
    updated_on: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_ids: Option<MemberIds<'a>>,
}

/// A membership as replies show it. Its own `id` is in the vendor's samples only.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Membership<'a, I> {
    group_id: &'a str,
    id: String,
    user_ids: I,
}

impl<'a, I: Serialize> Membership<'a, I> {
    /// The membership of a group, with these ids.
    pub(super) fn of(group: &'a Group, user_ids: I) -> Self {
        Self { group_id: &group.id, id: ids::uuid(&group.id, "membership", 0), user_ids }
    }
}

/// The ids of a group's members, as a list.
struct MemberIds<'a> {
    view: View<'a>,
    group: &'a Group,
}

impl Serialize for MemberIds<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.view.member_ids(self.group))
    }
}
