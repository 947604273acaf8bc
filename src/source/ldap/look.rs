//! A look at a member by name: a person, a group, or neither. Floor 2.

use super::Settings;
use super::entry::Entry;
use super::fault::Fault;
use super::session::{Look, Session};

/// What became of a member who was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stray {
    /// There is no such entry.
    Dangling,
    /// An entry that is neither a person nor a group.
    Other,
    /// The look failed.
    Failed(String),
}

/// What somebody who was looked at is.
pub(super) enum Seen {
    /// A person.
    Person(Entry),
    /// A group.
    Group(Entry),
    /// Neither.
    Stray(Stray),
}

/// Looks at somebody. An error is a connection that ended: what the server refuses is the member's own fate.
pub(super) async fn look(session: &Session, settings: &Settings, dn: &str) -> Result<Seen, Fault> {
    let failed = |fault: Fault| match fault.code {
        // It is no distinguished name at all, so nobody can bear it.
        Some(34) => Ok(Seen::Stray(Stray::Dangling)),
        Some(_) => Ok(Seen::Stray(Stray::Failed(fault.to_string()))),
        None => Err(fault),
    };
    let schema = &settings.schema;
    let person = session.look("a look at a member", dn, &schema.user_filter, &schema.person_attributes()).await;
    match person {
        Ok(Look::Found(entry)) => return Ok(Seen::Person(entry)),
        Ok(Look::NoSuchObject) => return Ok(Seen::Stray(Stray::Dangling)),
        Ok(Look::NotMeant) => {}
        Err(fault) => return failed(fault),
    }
    match session.look("a look at a member", dn, &schema.group_filter, &schema.group_attributes()).await {
        Ok(Look::Found(entry)) => Ok(Seen::Group(entry)),
        Ok(Look::NotMeant) => Ok(Seen::Stray(Stray::Other)),
        Ok(Look::NoSuchObject) => Ok(Seen::Stray(Stray::Dangling)),
        Err(fault) => failed(fault),
    }
}
