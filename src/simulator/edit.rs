//! Changes by hand: what people do in the web page while rosterd is not looking.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    file::WorldError,
    user::{User, UserStatus},
    world::{Group, GroupStatus, World},
};

/// One change by hand. Groups are named by id or name, users by `userId`, `id` or address.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Edit {
    /// Puts somebody into a group; an id that fits nobody becomes a member who is in no list.
    AddMember {
        /// The group.
        group: String,
        /// The user.
        user: String,
    },
    /// Takes somebody out of a group.
    RemoveMember {
        /// The group.
        group: String,
        /// The user.
        user: String,
    },
    /// Gives a group another name.
    RenameGroup {
        /// The group.
        group: String,
        /// The new name.
        name: String,
    },
    /// Archives a group.
    ArchiveGroup {
        /// The group.
        group: String,
    },
    /// Takes a group back out of the archive.
    RestoreGroup {
        /// The group.
        group: String,
    },
    /// Makes a group vanish altogether, which the API cannot.
    DropGroup {
        /// The group.
        group: String,
    },
    /// Adds a group as a world file spells it.
    AddGroup(Group),
    /// Adds a user as a world file spells it.
    AddUser(User),
    /// Deactivates an account.
    DeactivateUser {
        /// The user.
        user: String,
    },
    /// Reactivates an account, which makes a person a contact.
    ReactivateUser {
        /// The user.
        user: String,
    },
    /// Gives a user another address, or none.
    SetEmail {
        /// The user.
        user: String,
        /// The new address.
        email: Option<String>,
    },
    /// Takes a user out of all lists, or puts the user back.
    HideUser {
        /// The user.
        user: String,
        /// Whether the user is hidden.
        hidden: bool,
    },
    /// Changes some of the switches.
    Switches(Map<String, Value>),
}

/// Makes a change by hand.
pub(super) fn apply(world: &mut World, edit: &Edit) -> Result<(), WorldError> {
    match edit {
        Edit::AddMember { group, user } => add_member(world, group, user),
        Edit::RemoveMember { group, user } => remove_member(world, group, user),
        Edit::RenameGroup { group, name } => edit_group(world, group, |group| group.name.clone_from(name)),
        Edit::ArchiveGroup { group } => edit_group(world, group, |group| group.status = GroupStatus::Archived),
        Edit::RestoreGroup { group } => edit_group(world, group, |group| group.status = GroupStatus::Active),
        Edit::DropGroup { group } => drop_group(world, group),
        Edit::AddGroup(group) => checked(world, |world| world.groups.push(group.clone())),
        Edit::AddUser(user) => checked(world, |world| world.users.push(user.clone())),
        Edit::DeactivateUser { user } => edit_user(world, user, |user| {
            user.kind = user.kind.deactivated();
            user.status = UserStatus::Archived;
        }),
        Edit::ReactivateUser { user } => edit_user(world, user, |user| {
            user.kind = user.kind.reactivated();
            user.status = UserStatus::Active;
        }),
        Edit::SetEmail { user, email } => edit_user(world, user, |user| user.email.clone_from(email)),
        Edit::HideUser { user, hidden } => edit_user(world, user, |user| user.hidden = *hidden),
        Edit::Switches(changes) => set_switches(world, changes),
    }
}

fn add_member(world: &mut World, group: &str, user: &str) -> Result<(), WorldError> {
    let known = world.user(user).map(|user| user.user_id.clone());
    edit_group(world, group, |group| {
        match known {
            Some(user_id) => group.members.insert(user_id),
            None => group.strangers.insert(user.to_owned()),
        };
    })
}

fn remove_member(world: &mut World, group: &str, user: &str) -> Result<(), WorldError> {
    let known = world.user(user).map(|user| user.user_id.clone());
    edit_group(world, group, |group| {
        group.strangers.remove(user);
        if let Some(user_id) = known {
            group.members.remove(&user_id);
        }
    })
}

fn edit_group(world: &mut World, name: &str, change: impl FnOnce(&mut Group)) -> Result<(), WorldError> {
    let group = world.group_mut(name).ok_or_else(|| no_group(name))?;
    change(group);
    group.updated_on = group.updated_on.saturating_add(1);
    Ok(())
}

fn edit_user(world: &mut World, name: &str, change: impl FnOnce(&mut User)) -> Result<(), WorldError> {
    let missing = || WorldError::at("edit", format!("no user has the id or address {name:?}"));
    change(world.user_mut(name).ok_or_else(missing)?);
    Ok(())
}

fn drop_group(world: &mut World, name: &str) -> Result<(), WorldError> {
    let position = world.group_position(name).ok_or_else(|| no_group(name))?;
    world.groups.remove(position);
    Ok(())
}

/// Makes a change that can break a world, on a copy first.
fn checked(world: &mut World, change: impl FnOnce(&mut World)) -> Result<(), WorldError> {
    let mut copy = world.clone();
    change(&mut copy);
    *world = copy.checked()?;
    Ok(())
}

fn set_switches(world: &mut World, changes: &Map<String, Value>) -> Result<(), WorldError> {
    let mut all = serde_json::to_value(&world.switches).map_err(|error| WorldError::json(&error))?;
    if let Value::Object(fields) = &mut all {
        fields.extend(changes.clone());
    }
    world.switches = serde_json::from_value(all).map_err(|error| WorldError::at("edit.switches", error.to_string()))?;
    Ok(())
}

fn no_group(name: &str) -> WorldError {
    WorldError::at("edit", format!("no group has the id or name {name:?}"))
}
