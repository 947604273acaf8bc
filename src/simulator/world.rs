//! The simulated organisation: who is in it, which groups it has, how it behaves.
//!
//! A world is plain data. It is read from JSON, built by tests, changed by API calls
//! and by hand, and printed again. Only `organization` has to be in a world file:
//!
//! ```json
//! {
//!   "organization": "12345678-1234-5678-1234-123456789012",
//!   "client": { "clientId": "…", "clientSecret": "…", "account": "bot@corp.example" },
//!   "users": [
//!     { "email": "ann@corp.example", "givenName": "Ann", "surname": "Lee" },
//!     { "email": "con@corp.example", "type": "contact" },
//!     { "email": "old@corp.example", "type": "deactivatedUser", "status": "archived" },
//!     { "email": "bot@corp.example", "type": "serviceAccount" }
//!   ],
//!   "groups": [
//!     { "name": "Staff", "lead": "ann@corp.example", "members": ["ann@corp.example"] },
//!     { "name": "Old", "status": "archived", "strangers": ["an-id-that-nobody-has"] }
//!   ],
//!   "switches": { "memberId": "id", "rateLimit": { "calls": 60, "windowMs": 1000 } }
//! }
//! ```

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    ids,
    switches::Switches,
    user::{User, UserType},
};

/// A whole organisation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct World {
    /// The organisation's id; derived ids follow from it. Replies show it as `orgId`.
    pub organization: String,
    /// The one API client that may ask for tokens.
    #[serde(default)]
    pub client: Client,
    /// All users, in the order in which lists show them.
    #[serde(default)]
    pub users: Vec<User>,
    /// All groups, in the order in which lists show them.
    #[serde(default)]
    pub groups: Vec<Group>,
    /// The undocumented behaviours.
    #[serde(default)]
    pub switches: Switches,
}

/// The credentials of the simulated API client. They open nothing but the simulator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Client {
    /// The client id of the token request.
    pub client_id: String,
    /// The client secret of the token request.
    pub client_secret: String,
    /// The account that the client acts as: a user's id or address. Empty in a
    /// world file: the first service account, which is made if there is none.
    pub account: String,
    /// The scopes chosen for the client. The names are inferred from the pattern of documented ones.
    pub scopes: BTreeSet<String>,
}

impl Default for Client {
    fn default() -> Self {
        Self {
            client_id: "0123456789abcdef0123456789abcdef".to_owned(),
            client_secret: "simulated-secret".to_owned(),
            account: String::new(),
            scopes: ["user.read", "group.read", "group.update"].map(str::to_owned).into(),
        }
    }
}

/// A group.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Group {
    /// The group's id; made up when a world file leaves it out.
    pub id: String,
    /// The name.
    pub name: String,
    /// The `userId` of the lead. A world file can also give an `id` or an address.
    pub lead: Option<String>,
    /// The `userId`s of the members. A world file can also give ids or addresses.
    pub members: BTreeSet<String>,
    /// Member ids that belong to no user at all.
    pub strangers: BTreeSet<String>,
    /// Active or archived.
    pub status: GroupStatus,
    /// Seconds since 1970 of the creation.
    pub created_on: i64,
    /// Seconds since 1970 of the last change.
    pub updated_on: i64,
    /// Fields laid over the reply as they are, to show a client odd data.
    pub overlay: Map<String, Value>,
}

/// The state of a group. The two values are inferred from sibling APIs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum GroupStatus {
    /// In use.
    #[default]
    Active,
    /// Put away: out of the default list, not deleted.
    Archived,
}

impl World {
    /// An organisation with nobody in it but the API client's service account.
    #[must_use]
    pub fn new(organization: &str) -> Self {
        let mut world = Self {
            organization: organization.to_owned(),
            client: Client::default(),
            users: Vec::new(),
            groups: Vec::new(),
            switches: Switches::default(),
        };
        world.complete();
        world
    }

    /// Adds an active user and returns the `userId`.
    pub fn add_user(&mut self, email: &str) -> String {
        self.push_user(User { email: Some(email.to_owned()), ..User::default() })
    }

    /// Adds a user of a given type, and returns the `userId`.
    pub fn add_user_of(&mut self, email: &str, kind: UserType) -> String {
        self.push_user(User { email: Some(email.to_owned()), kind, ..User::default() })
    }

    /// Adds a user, making up the ids that are empty, and returns the `userId`.
    pub fn push_user(&mut self, mut user: User) -> String {
        self.complete_user(&mut user, self.users.len());
        let user_id = user.user_id.clone();
        self.users.push(user);
        user_id
    }

    /// Adds an active group and returns its id. Members are named by `userId`, `id` or address;
    /// a name that fits nobody becomes a member who is in no list of users.
    pub fn add_group(&mut self, name: &str, members: &[&str]) -> String {
        let id = self.free_group_id();
        let mut group = Group {
            id: id.clone(),
            name: name.to_owned(),
            created_on: ids::FIRST_SECOND,
            updated_on: ids::FIRST_SECOND,
            ..Group::default()
        };
        for member in members {
            match self.user(member) {
                Some(user) => group.members.insert(user.user_id.clone()),
                None => group.strangers.insert((*member).to_owned()),
            };
        }
        self.groups.push(group);
        id
    }

    /// Adds a group whose members are `userId`s already, making up what is empty, and returns
    /// its id. Quicker than [`World::add_group`] for large worlds.
    pub fn push_group(&mut self, mut group: Group) -> String {
        super::file::complete_group(&mut group, self.free_group_id());
        let id = group.id.clone();
        self.groups.push(group);
        id
    }

    /// Finds a user by `userId`, `id` or e-mail address.
    #[must_use]
    pub fn user(&self, name: &str) -> Option<&User> {
        self.users.get(self.user_position(name)?)
    }

    /// Like [`World::user`], to change the user.
    pub fn user_mut(&mut self, name: &str) -> Option<&mut User> {
        let position = self.user_position(name)?;
        self.users.get_mut(position)
    }

    /// Finds a group by id or name.
    #[must_use]
    pub fn group(&self, name: &str) -> Option<&Group> {
        self.groups.get(self.group_position(name)?)
    }

    /// Like [`World::group`], to change the group.
    pub fn group_mut(&mut self, name: &str) -> Option<&mut Group> {
        let position = self.group_position(name)?;
        self.groups.get_mut(position)
    }

    /// The e-mail addresses of a group's members, sorted; ids stand for members without an address.
    #[must_use]
    pub fn member_emails(&self, group: &str) -> Vec<String> {
        let Some(group) = self.group(group) else {
            return Vec::new();
        };
        let mut names: Vec<String> = self
            .users
            .iter()
            .filter(|user| group.members.contains(&user.user_id))
            .map(|user| user.email.clone().unwrap_or_else(|| user.user_id.clone()))
            .chain(group.strangers.iter().cloned())
            .collect();
        names.sort();
        names
    }

    /// The user that the API client acts as.
    #[must_use]
    pub fn account(&self) -> Option<&User> {
        self.user(&self.client.account)
    }

    /// Where `name` stands among the groups; an id goes before a name.
    pub(super) fn group_position(&self, name: &str) -> Option<usize> {
        let by_id = self.groups.iter().position(|group| group.id == name);
        by_id.or_else(|| self.groups.iter().position(|group| group.name == name))
    }

    fn user_position(&self, name: &str) -> Option<usize> {
        self.users
            .iter()
            .position(|user| user.user_id == name || user.id == name || user.email.as_deref() == Some(name))
    }

    /// An id that no group has yet.
    pub(super) fn free_group_id(&self) -> String {
        let mut number = self.groups.len() as u64;
        loop {
            let id = ids::uuid(&self.organization, "group", number);
            if self.groups.iter().all(|group| group.id != id) {
                return id;
            }
            number += 1;
        }
    }
}
