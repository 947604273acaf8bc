//! The checked rules by which a run decides: mappings, groups, identity and guard.

use std::collections::BTreeMap;
use std::time::Duration;

use super::address::Address;
use super::id::{GroupId, GroupName, SourceName};

/// All that decides, apart from what was read and what is remembered.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Mappings in the order of the file.
    pub mappings: Vec<Mapping>,
    /// `[group."…"]`, the defaults filled in.
    pub groups: BTreeMap<GroupName, GroupPolicy>,
    /// `[group_defaults]`, for target groups without a table of their own.
    pub group_defaults: GroupPolicy,
    /// `[identity]`.
    pub identity: Identity,
    /// `[guard]`.
    pub guard: Guard,
    /// `hyperproof.max_users_per_call`: ids in one call, at least 1.
    pub max_users_per_call: usize,
}

impl Policy {
    /// The rules for one target group.
    pub fn group(&self, name: &GroupName) -> &GroupPolicy {
        self.groups.get(name).unwrap_or(&self.group_defaults)
    }
}

/// One `[[mapping]]`.
#[derive(Debug, Clone)]
pub struct Mapping {
    /// The source.
    pub source: SourceName,
    /// Which directory groups.
    pub from: Selector,
    /// The target group: a name, or (behind a pattern) a template of the regex crate.
    pub to: String,
}

/// Which directory groups a mapping means.
#[derive(Debug, Clone)]
pub enum Selector {
    /// One, by name or DN.
    Name(String),
    /// Every one whose name matches.
    Pattern(regex::Regex),
}

impl Selector {
    /// The text of the configuration.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Name(name) => name,
            Self::Pattern(pattern) => pattern.as_str(),
        }
    }
}

/// What may be done to a target group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// Members are what the directory says.
    Mirror,
    /// Members are added, never removed.
    AddOnly,
    /// Members that rosterd added may be removed again, others not.
    Owned,
    /// Planned, never applied.
    Report,
}

impl Mode {
    /// Every mode.
    pub const ALL: [Mode; 4] = [Mode::Mirror, Mode::AddOnly, Mode::Owned, Mode::Report];

    /// The mode that a word of [`Mode::as_str`] means.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == word)
    }

    /// The word of the configuration and the documents.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mirror => "mirror",
            Self::AddOnly => "add-only",
            Self::Owned => "owned",
            Self::Report => "report",
        }
    }
}

/// What the configuration says of a group's lead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lead {
    /// The lead is nobody's business.
    Untouched,
    /// There shall be none.
    Cleared,
    /// This person shall be it.
    Person(Address),
}

/// The rules of one target group.
#[derive(Debug, Clone)]
pub struct GroupPolicy {
    /// Hyperproof's id; without it the group is found by name.
    pub id: Option<GroupId>,
    /// What may be done.
    pub mode: Mode,
    /// Never removed.
    pub keep: Vec<Address>,
    /// Unless all of these are granted, removals are held.
    pub expect: Vec<Address>,
    /// With fewer desired members, removals are held.
    pub min_members: u32,
    /// The lead.
    pub lead: Lead,
    /// Whether the group may be created.
    pub create: bool,
    /// Whether removals may leave nobody.
    pub allow_empty: bool,
    /// The group's own limit of removals, else that of the guard.
    pub group_removals: Option<Limit>,
    /// The group's own limit of additions, else that of the guard.
    pub group_adds: Option<Limit>,
}

/// `[identity]`: how a directory's addresses become Hyperproof's.
#[derive(Debug, Clone, Default)]
pub struct Identity {
    /// Endings of addresses to replace, in order; the first that fits is used.
    pub rewrite: Vec<Rewrite>,
    /// Whole addresses to replace, by folded address; they win over `rewrite`.
    pub aliases: BTreeMap<Address, Address>,
    /// Address patterns (`*` stands for anything) of people who are never granted and accounts that
    /// are never removed.
    pub ignore: Vec<String>,
}

/// An ending of an address and what takes its place, both compared without case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rewrite {
    /// The ending, such as `@corp.local`.
    pub from: String,
    /// Its replacement.
    pub to: String,
}

/// A limit: `max(floor, ceil(percent of the base))`. More than that is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Hundredths of the base.
    pub percent: u32,
    /// The least that the limit can be.
    pub floor: u32,
}

impl Limit {
    /// The limit over a base.
    pub fn of(self, base: usize) -> u64 {
        let share = (base as u64).saturating_mul(u64::from(self.percent)).div_ceil(100);
        share.max(u64::from(self.floor))
    }
}

/// What becomes of the removals of a target group's first full run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirstRemovals {
    /// They wait for an approval.
    Hold,
    /// They are applied.
    Apply,
}

/// `[guard]`.
#[derive(Debug, Clone)]
pub struct Guard {
    /// Removals in one group; base: its live members.
    pub group_removals: Limit,
    /// Additions in one group; base: its live members.
    pub group_adds: Limit,
    /// Removals in a run; base: live memberships of all mapped groups.
    pub run_removals: Limit,
    /// Additions in a run; base: the same.
    pub run_adds: Limit,
    /// Removals in the last 24 hours and this run together; base: the same.
    pub day_removals: Limit,
    /// People with a mapped grant that a source may lose; base: its size at the last full run.
    pub source_shrink: Limit,
    /// Removals of a first full run.
    pub first_removals: FirstRemovals,
    /// How far apart the complete reads must be, from which somebody is absent, before a removal.
    pub removal_grace: Duration,
}

#[cfg(test)]
mod tests {
    use super::Limit;

    #[test]
    fn a_limit_is_the_larger_of_floor_and_share_rounded_up() {
        let limit = Limit { percent: 20, floor: 3 };
        assert_eq!(limit.of(0), 3);
        assert_eq!(limit.of(15), 3);
        assert_eq!(limit.of(16), 4);
        assert_eq!(limit.of(usize::MAX), u64::MAX.div_ceil(100));
    }
}
