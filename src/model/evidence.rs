//! How something was read: what stands behind the word "complete" in a plan and in the audit log.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::directory::Completeness;
use super::id::{DirectoryGroupKey, SourceName};

/// How one source was read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ReadEvidence {
    /// Nothing is known of it.
    #[default]
    None,
    /// From files.
    Files(FileRead),
    /// From a directory server.
    Server(Box<ServerRead>),
}

impl ReadEvidence {
    /// The conversation with a server, where there was one.
    pub fn server(&self) -> Option<&ServerRead> {
        match self {
            Self::Server(read) => Some(read),
            Self::None | Self::Files(_) => None,
        }
    }
}

/// One read of files.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FileRead {
    /// Files that were opened.
    pub files: usize,
    /// Rows in all of them, without the headings.
    pub rows: u64,
    /// When the oldest of them was last written. (Its age would change from one read to the next.)
    pub oldest: Option<Timestamp>,
}

/// One conversation with a directory server: the one that answered everything, or the last that was
/// tried.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServerRead {
    /// The server's URL, as it is configured.
    pub server: String,
    /// Whom the server takes us for (RFC 4532: `dn:…`, `u:…`); where it does not say, the configured
    /// name.
    pub identity: String,
    /// When the server's certificate ends; none without TLS.
    pub certificate_ends: Option<Timestamp>,
    /// Searches, looks at single entries included.
    pub searches: usize,
    /// Pages of the searches that have pages.
    pub pages: usize,
    /// Entries in all answers.
    pub entries: usize,
    /// References to other servers, which are never followed.
    pub references: usize,
    /// Parts of member attributes that were asked for.
    pub ranges: usize,
    /// Members that were looked at one by one.
    pub looks: usize,
    /// Result codes (RFC 4511, appendix A) and how often each came, those of failed attempts included.
    pub codes: BTreeMap<u32, usize>,
    /// People who were read.
    pub people: usize,
    /// People who were read with an address.
    pub with_address: usize,
    /// People who were read with the attribute that says who has left, whatever its value; none where no
    /// such attribute is known.
    pub with_status: Option<usize>,
    /// From the first connection to the last answer.
    pub took: Duration,
}

/// How one directory group was read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GroupRead {
    /// Members that were read: people, groups, and what turned out to be neither.
    pub members: usize,
    /// Parts in which members were asked for, where the server does not give all at once.
    pub ranges: usize,
    /// What was odd, without the group's name.
    pub problems: Vec<String>,
}

/// A directory group behind a target group, as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappedGroup {
    /// The name to show.
    pub name: String,
    /// The immutable id, where the source has one.
    pub id: Option<DirectoryGroupKey>,
    /// Read to its end, or why not.
    pub completeness: Completeness,
    /// Groups that are nested directly in it.
    pub nested: usize,
    /// How it was read.
    pub read: GroupRead,
}

/// A directory group that could grant the members of a target group, with all that is nested in it:
/// the ground on which somebody is no member.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ground {
    /// The source.
    pub source: SourceName,
    /// The directory group.
    pub directory_group: String,
    /// Its immutable id, where the source has one.
    pub id: Option<DirectoryGroupKey>,
    /// It was not there, and a person accepted that.
    pub missing: bool,
    /// It, and everything nested in it, was read to its end.
    pub complete: bool,
    /// Members that were read, nested groups' included.
    pub members: usize,
    /// Parts in which they were asked for.
    pub ranges: usize,
    /// Nested groups that were looked into, at any depth.
    pub nested: usize,
}
