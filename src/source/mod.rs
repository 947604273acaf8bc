//! Floor 2: reading directories. Every kind yields the same [`SourceSnapshot`].

pub mod csv;
pub mod ldap;

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::model::directory::{SourceKind, SourceSnapshot};
use crate::model::id::{DirectoryGroupKey, SourceName, Watermark};
use crate::model::links::PersonLinks;

/// A configured source: a closed set of kinds.
#[derive(Debug, Clone)]
pub struct Source {
    /// Its name.
    pub name: SourceName,
    /// How it is read.
    pub kind: Kind,
    /// Whether it is left unread while it vouches that nothing changed.
    pub skip_unchanged: bool,
}

/// What a source answers to the question whether it is as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Nothing changed; how that is known, for the record.
    Unchanged(String),
    /// Something changed, or another server answers.
    Changed,
    /// It cannot tell, or is not to be asked; why.
    Silent(String),
}

/// How a source is read.
#[derive(Debug, Clone)]
pub enum Kind {
    /// From files.
    Csv(csv::Settings),
    /// From a directory server.
    Ldap(ldap::Settings),
}

/// What a run needs of a source. A source may say more, and a file always says everything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wanted {
    /// Directory groups that mappings name, by name or DN.
    pub names: BTreeSet<String>,
    /// A mapping by pattern asks for every directory group.
    pub all: bool,
    /// Directory groups that fed a target group before, by immutable id: they may have been renamed.
    pub groups: BTreeSet<DirectoryGroupKey>,
    /// People of this source who were linked to accounts before, by immutable id: no longer being a member is not the
    /// same as being gone.
    pub people: PersonLinks,
    /// Addresses in folded form (`*` stands for anything) of people who may be protected, whatever group they
    /// are in: other addresses of theirs may be those of accounts.
    pub protected: BTreeSet<String>,
    /// Its state at the last full run, where every source told one: a directory of before that is not read.
    pub before: Option<Watermark>,
    /// Optional columns that it had at the last full run, where its kind has columns.
    pub columns: BTreeSet<String>,
}

impl Source {
    /// Its kind, as the core knows it.
    pub fn kind(&self) -> SourceKind {
        match self.kind {
            Kind::Csv(_) => SourceKind::Csv,
            Kind::Ldap(_) => SourceKind::Ldap,
        }
    }

    /// Reads the source. A failure is a snapshot too: incomplete, with its problems.
    pub async fn read(&self, wanted: &Wanted, now: Timestamp) -> SourceSnapshot {
        match &self.kind {
            Kind::Csv(settings) => csv::read(&self.name, settings, &wanted.columns, now).await,
            Kind::Ldap(settings) => ldap::read(&self.name, settings, wanted, now).await,
        }
    }

    /// Asks, at little cost, whether the source is as it was at the read that gave this watermark. The
    /// answer grounds nothing but not reading it.
    pub async fn ask(&self, before: &Watermark, now: Timestamp) -> Answer {
        if !self.skip_unchanged {
            return Answer::Silent("skip_unchanged = false".to_owned());
        }
        match &self.kind {
            Kind::Csv(settings) => csv::ask(settings, before, now).await,
            Kind::Ldap(settings) => ldap::ask(settings, before).await,
        }
    }
}
