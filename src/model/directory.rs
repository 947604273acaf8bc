//! What one source said: people, directory groups, and how completely they were read.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use super::address::Address;
use super::evidence::{GroupRead, ReadEvidence};
use super::id::{DirectoryGroupKey, PersonKey, SourceName, Watermark};
use super::piece::Piece;
use super::problem::Problem;

/// Where people and directory groups come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceKind {
    /// Files of comma-separated values.
    Csv,
    /// A directory server.
    Ldap,
}

/// Whether something was read to its end. Only what is complete can be the ground of a removal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Completeness {
    /// Read to its end, and nothing in it was refused.
    Complete,
    /// Not read, or read in part.
    Incomplete {
        /// What was missing, for a person.
        why: String,
    },
}

impl Completeness {
    /// Read to its end.
    pub fn is_complete(&self) -> bool {
        matches!(self, Self::Complete)
    }
}

/// One read of one source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceSnapshot {
    /// The source.
    pub name: SourceName,
    /// Its kind; it decides how names of directory groups are compared.
    pub kind: SourceKind,
    /// Whether the whole source was read.
    pub completeness: Completeness,
    /// People, sorted by key, each key once.
    pub people: Vec<Person>,
    /// Everybody whom the source has is in `people`, and not just members of the groups that were asked
    /// for: somebody who is not here is gone.
    pub everyone: bool,
    /// Directory groups, sorted by key, each key once.
    pub groups: Vec<DirectoryGroup>,
    /// What was odd in it. Every reason for incompleteness is among them.
    pub problems: Vec<Problem>,
    /// How it was read: one line (`2 files, 120 rows`), the same for the same. [`ReadEvidence::in_full`] tells more.
    pub evidence: String,
    /// The same in figures.
    pub read: ReadEvidence,
    /// The files that it was read from, where its kind has files. One that is not there any more may
    /// be missing by mistake, with everybody in it.
    pub files: BTreeSet<String>,
    /// The optional columns that it had, by their keys in the configuration, where its kind has columns. One that
    /// is not there any more may have got another heading by mistake. And `final_line_end`, where all of its files
    /// ended with a line end: one that does not any more may be cut short.
    pub columns: BTreeSet<String>,
    /// What else is known of the read.
    pub facts: ReadFacts,
    /// The state of the source as the read began, told by the very server or file that was read; none
    /// where it does not tell, or where not all that was read is covered by it.
    pub watermark: Option<Watermark>,
}

/// What is known of a read, for those who watch the service. Nothing is decided by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReadFacts {
    /// How long it took.
    pub took: Duration,
    /// When the data were last written; of several files, the oldest. None where the kind cannot tell.
    pub written_at: Option<Timestamp>,
    /// When the server's TLS certificate ends.
    pub certificate_ends: Option<Timestamp>,
    /// When the certificate ends with which rosterd signs in.
    pub credential_ends: Option<Timestamp>,
}

impl SourceSnapshot {
    /// A source that could not be read at all.
    pub fn unread(name: SourceName, kind: SourceKind, problem: Problem) -> Self {
        Self {
            name,
            kind,
            completeness: Completeness::Incomplete { why: problem.to_string() },
            people: Vec::new(),
            everyone: false,
            groups: Vec::new(),
            problems: vec![problem],
            evidence: String::new(),
            read: ReadEvidence::None,
            files: BTreeSet::new(),
            columns: BTreeSet::new(),
            facts: ReadFacts::default(),
            watermark: None,
        }
    }
}

/// Somebody in the directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Unique within the source.
    pub key: PersonKey,
    /// Whether `key` is an immutable id, which survives a change of address.
    pub immutable: bool,
    /// Addresses, the primary one first, as the source gives them. May be empty.
    pub addresses: Vec<Address>,
    /// The source says that the person is not active.
    pub disabled: bool,
    /// Where the person was found: `people.csv:12`, or a DN.
    pub origin: Piece,
}

/// A group in the directory, with its direct members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectoryGroup {
    /// Unique within the source.
    pub key: DirectoryGroupKey,
    /// Whether `key` is an immutable id, which survives a change of name.
    pub immutable: bool,
    /// Names by which a mapping may mean it; the first is the one to show.
    pub names: Vec<String>,
    /// Names in full, by which a mapping by name may mean it as well: an LDAP group's DN, in every spelling
    /// that was asked for. Patterns are not held against them: they say where a group lies.
    pub full_names: Vec<String>,
    /// Direct members: indices into [`SourceSnapshot::people`], sorted, each once.
    pub people: Vec<u32>,
    /// Nested groups: indices into [`SourceSnapshot::groups`], sorted, each once.
    pub groups: Vec<u32>,
    /// Whether all of its direct members were read.
    pub completeness: Completeness,
    /// The name by which other groups would name it as a member, in the form by which such names are compared (an LDAP
    /// group's DN); none where the kind of source nests no groups.
    pub member_name: Option<String>,
    /// Members of whom the source says that there is no such entry, by such names; sorted.
    pub dangling: Vec<String>,
    /// How it was read.
    pub read: GroupRead,
}

impl DirectoryGroup {
    /// The name to show.
    pub fn name(&self) -> &str {
        self.names.first().or(self.full_names.first()).map_or(self.key.as_str(), String::as_str)
    }
}
