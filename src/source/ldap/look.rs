//! A look at a member by name: a person, a group, or neither. Floor 2.

use super::Settings;
use super::cost::TERMS;
use super::dn::{Key, is_dn};
use super::entry::{Entry, escape, without_uid};
use super::fault::Fault;
use super::people::Found;
use super::reader::Raw;
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
    Person(Entry<'static>),
    /// A group.
    Group(Entry<'static>),
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
        Ok(Look::Found(entry)) => return Ok(Seen::Group(entry)),
        Ok(Look::NoSuchObject) => return Ok(Seen::Stray(Stray::Dangling)),
        Ok(Look::NotMeant) => {}
        Err(fault) => return failed(fault),
    }
    match is_there(session, "a look at a member", dn).await {
        Ok(Look::Found(_)) => Ok(Seen::Stray(Stray::Other)),
        Ok(Look::NoSuchObject) => Ok(Seen::Stray(Stray::Dangling)),
        // No statement that there is no such entry: who is hidden is still a member.
        Ok(Look::NotMeant) => Ok(Seen::Stray(Stray::Failed(
            "they are gone, or hidden from the bind account: it may see nothing there".into(),
        ))),
        Err(fault) => failed(fault),
    }
}

/// A look at whatever bears the name. 389 Directory Server answers for a name that nobody bears, and for
/// what is hidden, with success and nothing, where the account has no right to what is above it.
pub(super) async fn is_there(session: &Session, what: &str, dn: &str) -> Result<Look, Fault> {
    session.look(what, dn, "(objectClass=*)", &["1.1".to_owned()]).await
}

/// A name that nobody bears may have been somebody's when the group was read: they were given another
/// one since, or a move. A group that still has the name has it in vain.
pub(super) async fn still_named(
    session: &Session,
    settings: &Settings,
    raw: &mut Raw,
    rows: &[usize],
) -> Result<(), Fault> {
    let Raw { people, groups, strays, effort, .. } = raw;
    let attributes: Vec<&str> = settings.schema.dn_attributes().collect();
    for &at in rows {
        let Some(group) = groups.rows.get_mut(at) else { continue };
        let dangling = |key: &Key| strays.get(key) == Some(&Stray::Dangling) && people.named(*key) == Found::Nobody;
        // What is no name at all could not be asked for, and never was anybody's.
        let dangling = group.members.iter().filter(|(key, _)| dangling(key)).map(|(_, name)| name.to_string());
        let terms: Vec<String> = dangling
            .filter(|name| is_dn(without_uid(name)))
            .map(|name| {
                let value = escape(&name);
                let terms: String = attributes.iter().map(|name| format!("({name}={value})")).collect();
                format!("(|{terms})")
            })
            .collect();
        for chunk in terms.chunks(TERMS) {
            let filter = format!("(&{})", chunk.concat());
            effort.looks += 1;
            group.gap = match session.look("a second look at a group", &group.dn, &filter, &["1.1".to_owned()]).await {
                Ok(Look::Found(_)) => continue,
                Ok(Look::NotMeant | Look::NoSuchObject) => {
                    Some("it changed while its members were looked at: the next run reads it again".to_owned())
                }
                Err(fault) if fault.code.is_some() => Some(fault.to_string()),
                Err(fault) => return Err(fault),
            };
        }
    }
    Ok(())
}
