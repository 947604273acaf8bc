//! People in a pack: by their names, or, where it leaves the house, by pseudonyms.

use crate::model::pseudonym::Pseudonyms;

/// How people are named.
pub enum Who {
    /// As the log has them.
    Named,
    /// By pseudonyms. Free texts, which may name anybody, are left out.
    Hidden(Box<Pseudonyms>),
}

impl Who {
    /// Whether pseudonyms stand for people.
    pub fn is_hidden(&self) -> bool {
        matches!(self, Self::Hidden(_))
    }

    fn as_one(&self, kind: &str, value: &str) -> String {
        match self {
            Self::Hidden(names) if !value.is_empty() => names.of(kind, value),
            _ => value.to_owned(),
        }
    }

    /// An account.
    pub(super) fn user(&self, id: &str) -> String {
        self.as_one("user", id)
    }

    /// An address, whatever its case.
    pub(super) fn mail(&self, address: &str) -> String {
        match self {
            Self::Named => address.to_owned(),
            Self::Hidden(_) => self.as_one("mail", &address.trim().to_lowercase()),
        }
    }

    /// A directory entry.
    pub(super) fn entry(&self, id: &str) -> String {
        self.as_one("entry", id)
    }

    /// A person who acts: an approver, a login.
    pub(super) fn actor(&self, name: &str) -> String {
        self.as_one("actor", name)
    }

    /// A name of a group, a source, a ticket: no person's, unless it looks like an address.
    pub(super) fn thing(&self, name: &str) -> String {
        match self {
            Self::Hidden(_) if name.contains('@') => self.as_one("name", name),
            _ => name.to_owned(),
        }
    }

    /// What somebody, or a server, wrote.
    pub(super) fn free(&self, text: &str) -> String {
        match self {
            Self::Hidden(_) if !text.is_empty() => format!("(left out: {} characters)", text.chars().count()),
            _ => text.to_owned(),
        }
    }
}
