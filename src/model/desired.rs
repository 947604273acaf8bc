//! What should be: who belongs in which target group, and why.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::evidence::Ground;
use super::id::{DirectoryGroupKey, GroupName, SourceName};

/// A person of a source: indices into the run's sources and that source's people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PersonRef {
    /// Index into the sources.
    pub source: u32,
    /// Index into [`super::directory::SourceSnapshot::people`].
    pub person: u32,
}

/// Why a person belongs in a target group: a directory group that a mapping names, and the way from
/// it to the person through nested groups.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grant {
    /// The source of the directory group.
    pub source: SourceName,
    /// The directory group that the mapping names.
    pub directory_group: Arc<str>,
    /// Names of the groups from the mapped one to the one that the person is a direct member of.
    pub path: Arc<[Arc<str>]>,
}

/// A directory group that feeds a target group.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Feed {
    /// The source.
    pub source: SourceName,
    /// The name by which the mapping means it, or by which a pattern found it.
    pub name: String,
    /// The group's key in the source; none when it is not there and never was.
    pub key: Option<DirectoryGroupKey>,
    /// Whether the key survives a rename.
    pub immutable: bool,
}

/// What stands against believing that nobody else belongs in a target group.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gap {
    /// A source was not read to its end.
    Source {
        /// The source.
        source: SourceName,
        /// What was missing.
        why: String,
    },
    /// A directory group, or one nested in it, was read in part.
    Group {
        /// The source.
        source: SourceName,
        /// The group that was read in part.
        directory_group: String,
        /// What was missing.
        why: String,
    },
    /// Two directory groups bear the name that a mapping gives.
    Doubled {
        /// The source.
        source: SourceName,
        /// The name.
        directory_group: String,
    },
}

/// A directory group that a mapping names, or that fed a target group at the last full run, and that
/// is not in the source, although the source was read to its end.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Missing {
    /// The feed that is gone.
    pub feed: Feed,
    /// The name under which its immutable id lives on.
    pub renamed_to: Option<String>,
    /// The directory group that still names it as a member, where it fed the target group as a nested one.
    pub named_by: Option<String>,
}

/// A directory group that feeds a target group, with all that is nested in it. Whom it grants the group, and
/// by which way, follows from it and the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Walk {
    /// Index into the sources.
    pub source: u32,
    /// The groups that were reached, each once, breadth first: the feed itself is the first.
    pub reached: Vec<Reached>,
}

/// A directory group that was reached from a feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reached {
    /// Index into the source's groups.
    pub group: u32,
    /// Where in [`Walk::reached`] the group stands that names it; the feed names itself.
    pub from: u32,
}

/// One target group as the directory wants it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DesiredGroup {
    /// Directory groups that feed it, each once. Their people belong in the group, but for those who are
    /// disabled.
    pub walks: Vec<Walk>,
    /// Directory groups that feed it and are there.
    pub feeds: Vec<Feed>,
    /// Sources whose mappings may yield it.
    pub sources: Vec<SourceName>,
    /// Reasons why nobody may be removed, and (a source's) nobody added.
    pub gaps: Vec<Gap>,
    /// Feeds that are not there.
    pub missing: Vec<Missing>,
    /// Feeds that are not there, and that a person accepted as empty.
    pub accepted: Vec<Missing>,
    /// Feeds, as they were read, with those that are not there.
    pub grounds: Vec<Ground>,
}

/// Every target group that a mapping yields.
pub type DesiredState = BTreeMap<GroupName, DesiredGroup>;
