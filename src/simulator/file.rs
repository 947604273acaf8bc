//! Worlds as JSON: reading, completing, checking, printing.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    ids,
    user::{User, UserType},
    world::{Group, World},
};

/// Why a world cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WorldError {
    /// The text is not JSON of the right shape.
    #[error("world file, line {line}, column {column}: {what}")]
    Json {
        /// The line, counted from one.
        line: usize,
        /// The column, counted from one.
        column: usize,
        /// What is wrong there.
        what: String,
    },
    /// The JSON has the right shape but says something impossible.
    #[error("world: {place}: {what}")]
    Content {
        /// The place within the document, such as `groups[2].members`.
        place: String,
        /// What is wrong there.
        what: String,
    },
}

impl WorldError {
    pub(super) fn at(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self::Content { place: place.into(), what: what.into() }
    }

    pub(super) fn json(error: &serde_json::Error) -> Self {
        Self::Json { line: error.line(), column: error.column(), what: plain(error) }
    }
}

/// The message without the position, which the error shows on its own.
fn plain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

impl World {
    /// Reads a world, makes up what is left out, and checks it.
    ///
    /// # Errors
    /// Names the line and column, or the field, that is wrong.
    pub fn from_json(text: &str) -> Result<Self, WorldError> {
        let world: Self = serde_json::from_str(text).map_err(|error| WorldError::json(&error))?;
        world.checked()
    }

    /// The whole world as indented JSON, which [`World::from_json`] reads back unchanged.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a world holds only text keys, numbers and finite lists")
    }

    /// Completes and checks a world that came from outside.
    pub(super) fn checked(mut self) -> Result<Self, WorldError> {
        if self.organization.trim().is_empty() {
            return Err(WorldError::at("organization", "is empty"));
        }
        self.complete();
        self.check_unique()?;
        self.resolve_names()?;
        Ok(self)
    }

    /// Makes up missing ids, times and the service account.
    pub(super) fn complete(&mut self) {
        let mut users = std::mem::take(&mut self.users);
        for (position, user) in users.iter_mut().enumerate() {
            self.complete_user(user, position);
        }
        self.users = users;
        self.complete_account();
        for position in 0..self.groups.len() {
            // Looking for a free id takes a walk through all groups, so only where one is needed.
            let lacks = self.groups.get(position).is_some_and(|group| group.id.is_empty());
            let id = if lacks { self.free_group_id() } else { String::new() };
            if let Some(group) = self.groups.get_mut(position) {
                complete_group(group, id);
            }
        }
    }

    /// Makes up what a user lacks.
    pub(super) fn complete_user(&self, user: &mut User, position: usize) {
        let number = position as u64;
        if user.id.is_empty() {
            user.id = ids::uuid(&self.organization, "organization user", number);
        }
        if user.user_id.is_empty() {
            user.user_id = ids::uuid(&self.organization, "user", number);
        }
        if user.role.is_empty() {
            user.role = if user.kind.is_service() { "administrator" } else { "user" }.to_owned();
        }
        if let (true, Some(email)) = (user.given_name.is_empty(), &user.email) {
            user.given_name = email.split('@').next().unwrap_or_default().to_owned();
        }
    }

    /// The API client acts as the first service account, which is made if there is none.
    fn complete_account(&mut self) {
        if !self.client.account.is_empty() {
            return;
        }
        let first = self.users.iter().find(|user| user.kind == UserType::ServiceAccount);
        self.client.account = match first {
            Some(user) => user.user_id.clone(),
            None => self.push_user(User {
                given_name: "rosterd".to_owned(),
                surname: "service account".to_owned(),
                kind: UserType::ServiceAccount,
                ..User::default()
            }),
        };
    }

    fn check_unique(&self) -> Result<(), WorldError> {
        let mut ids = BTreeSet::new();
        let mut user_ids = BTreeSet::new();
        for (position, user) in self.users.iter().enumerate() {
            if !ids.insert(&user.id) {
                return Err(WorldError::at(format!("users[{position}].id"), format!("{:?} occurs twice", user.id)));
            }
            if !user_ids.insert(&user.user_id) {
                let what = format!("{:?} occurs twice", user.user_id);
                return Err(WorldError::at(format!("users[{position}].userId"), what));
            }
        }
        let mut groups = BTreeSet::new();
        for (position, group) in self.groups.iter().enumerate() {
            if group.name.is_empty() {
                return Err(WorldError::at(format!("groups[{position}].name"), "is empty"));
            }
            if !groups.insert(&group.id) {
                return Err(WorldError::at(format!("groups[{position}].id"), format!("{:?} occurs twice", group.id)));
            }
        }
        Ok(())
    }

    /// Turns addresses and organisation-user ids into `userId`s wherever a file may use them.
    fn resolve_names(&mut self) -> Result<(), WorldError> {
        let names = self.names();
        let find = |place: String, name: &str| match names.get(name) {
            Some(user_id) => Ok(user_id.clone()),
            None => Err(WorldError::at(place, format!("no user has the id or address {name:?}"))),
        };
        self.client.account = find("client.account".to_owned(), &self.client.account)?;
        for (position, group) in self.groups.iter_mut().enumerate() {
            if let Some(lead) = &group.lead {
                group.lead = Some(find(format!("groups[{position}].lead"), lead)?);
            }
            let members = std::mem::take(&mut group.members);
            for member in &members {
                group.members.insert(find(format!("groups[{position}].members"), member)?);
            }
        }
        Ok(())
    }

    /// Every name of every user, and the `userId` it stands for; ids win over addresses.
    fn names(&self) -> BTreeMap<String, String> {
        let emails = self.users.iter().filter_map(|user| Some((user.email.clone()?, user)));
        let ids = self.users.iter().map(|user| (user.id.clone(), user));
        let user_ids = self.users.iter().map(|user| (user.user_id.clone(), user));
        emails.chain(ids).chain(user_ids).map(|(name, user)| (name, user.user_id.clone())).collect()
    }
}

/// Makes up what a group lacks; `id` is for a group that has none.
pub(super) fn complete_group(group: &mut Group, id: String) {
    if group.id.is_empty() {
        group.id = id;
    }
    if group.created_on == 0 {
        group.created_on = ids::FIRST_SECOND;
    }
    group.updated_on = group.updated_on.max(group.created_on);
}
