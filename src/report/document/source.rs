//! Sources within the documents: what was read of each, and how.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::directory::Completeness;
use crate::model::evidence::{MappedGroup, ReadEvidence};
use crate::model::plan::SourceSummary;
use crate::report::build::{problems, text, time};

/// One source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceEntry {
    /// Its name.
    pub name: String,
    /// `csv` or `ldap`.
    pub kind: String,
    /// Read to its end.
    pub complete: bool,
    /// People read.
    pub people: usize,
    /// Directory groups read.
    pub groups: usize,
    /// Direct memberships read.
    pub memberships: usize,
    /// What was odd.
    pub problems: Vec<String>,
    /// People with a mapped grant: what `source_shrink` measures.
    pub granted: usize,
    /// Those of them who have an address: it measures them too.
    #[serde(default)]
    pub addressed: usize,
    /// How it was read, in a line: the same for the same. What people read says how old and how long, too.
    pub evidence: String,
    /// The same in figures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read: Option<ReadEntry>,
    /// The directory groups that feed target groups, nested ones included, by name.
    #[serde(default)]
    pub directory_groups: Vec<DirectoryGroupEntry>,
    /// It was not read in this run, as nothing changed in it since its read of then: what is told of it
    /// is of that. Left out where it was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unchanged_since: Option<String>,
}

/// How a source was read. Files and servers have figures of their own; the others are left out.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ReadEntry {
    /// Files that were opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<usize>,
    /// Rows in them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// When the oldest of them was last written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oldest: Option<String>,
    /// The conversation with a server.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub server: Option<ServerEntry>,
}

/// A conversation with a directory server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerEntry {
    /// The server that answered.
    pub server: String,
    /// Whom it takes us for.
    pub identity: String,
    /// When its certificate ends.
    pub certificate_ends: Option<String>,
    /// Searches.
    pub searches: usize,
    /// Pages.
    pub pages: usize,
    /// Entries.
    pub entries: usize,
    /// References to other servers, not followed.
    pub references: usize,
    /// Parts in which members were asked for.
    pub ranges: usize,
    /// Members that were looked at one by one.
    pub looks: usize,
    /// Result codes, and how often each came.
    pub codes: BTreeMap<String, usize>,
    /// People read with an address.
    pub with_address: usize,
    /// People read with the attribute that says who has left; `null` where none is known.
    pub with_status: Option<usize>,
}

/// One directory group behind a target group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectoryGroupEntry {
    /// Its name.
    pub name: String,
    /// Its immutable id, where the source has one.
    pub id: Option<String>,
    /// Read to its end.
    pub complete: bool,
    /// Members that were read, whatever they turned out to be.
    pub members: usize,
    /// Groups nested directly in it.
    pub nested: usize,
    /// Parts in which its members were asked for.
    pub ranges: usize,
    /// What was odd; where it is not complete, the reason first.
    pub problems: Vec<String>,
}

impl SourceEntry {
    pub(in crate::report) fn of(source: &SourceSummary) -> Self {
        Self {
            name: source.name.to_string(),
            kind: source.kind.to_owned(),
            complete: source.complete,
            people: source.people,
            groups: source.groups,
            memberships: source.memberships,
            problems: problems(&source.problems),
            granted: source.granted,
            addressed: source.addressed,
            evidence: source.evidence.clone(),
            read: ReadEntry::of(&source.read),
            directory_groups: source.mapped.iter().map(DirectoryGroupEntry::of).collect(),
            unchanged_since: source.unchanged_since.map(time),
        }
    }
}

impl ReadEntry {
    fn of(read: &ReadEvidence) -> Option<Self> {
        match read {
            ReadEvidence::None => None,
            ReadEvidence::Files(read) => Some(Self {
                files: Some(read.files),
                rows: Some(read.rows),
                oldest: read.oldest.map(time),
                server: None,
            }),
            ReadEvidence::Server(read) => Some(Self {
                server: Some(ServerEntry {
                    server: read.server.clone(),
                    identity: read.identity.clone(),
                    certificate_ends: read.certificate_ends.map(time),
                    searches: read.searches,
                    pages: read.pages,
                    entries: read.entries,
                    references: read.references,
                    ranges: read.ranges,
                    looks: read.looks,
                    codes: read.codes.iter().map(|(code, count)| (code.to_string(), *count)).collect(),
                    with_address: read.with_address,
                    with_status: read.with_status,
                }),
                ..Self::default()
            }),
        }
    }
}

impl DirectoryGroupEntry {
    fn of(group: &MappedGroup) -> Self {
        let why = match &group.completeness {
            Completeness::Complete => None,
            Completeness::Incomplete { why } => Some(why),
        };
        let others = group.read.problems.iter().filter(|problem| Some(*problem) != why);
        Self {
            name: group.name.clone(),
            id: text(group.id.as_ref()),
            complete: why.is_none(),
            members: group.read.members,
            nested: group.nested,
            ranges: group.read.ranges,
            problems: why.into_iter().chain(others).cloned().collect(),
        }
    }
}
