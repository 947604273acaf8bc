//! The facts behind one decision, kept for those who ask why: what the sources said, which account each
//! person is, what fed each target group, and what became of it. Enough to explain without asking anybody,
//! and no more: indices instead of copies, and people and accounts as they were read.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::Timestamp;

use super::address::Address;
use super::directory::Person;
use super::id::{AccountId, GroupId, GroupName, RunId, SourceName};
use super::live::Account;
use super::plan::{Op, Reason, Why};
use super::policy::Mode;

/// The facts of one decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts<'a> {
    /// The run.
    pub run: RunId,
    /// When it read.
    pub at: Timestamp,
    /// Everything that it rests on was read to its end.
    pub complete: bool,
    /// The tool's own account.
    pub own: AccountId,
    /// The sources.
    pub sources: Vec<SourceFacts<'a>>,
    /// The mappings, in the order of the configuration.
    pub mappings: Vec<MappingFacts>,
    /// All accounts, by id.
    pub accounts: Cow<'a, [Account]>,
    /// Mapped target groups, by name.
    pub groups: Vec<GroupFacts>,
    /// Holds, by id.
    pub holds: BTreeMap<String, HoldFacts>,
}

/// One source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFacts<'a> {
    /// Its name.
    pub name: SourceName,
    /// `csv` or `ldap`.
    pub kind: String,
    /// What was missing, where it was not read to its end.
    pub unread: Option<String>,
    /// Whoever is not among its people is gone.
    pub everyone: bool,
    /// How it was read.
    pub evidence: String,
    /// Its people, sorted by key.
    pub people: Cow<'a, [Person]>,
    /// The account of each of them: an index into [`Facts::accounts`].
    pub meant: Vec<Option<u32>>,
    /// What the addresses of some of them are in Hyperproof, by aliases and rewriting: of those where that is
    /// something else.
    pub sought: BTreeMap<u32, Vec<Address>>,
    /// Of some of them: why the account may not be touched, or there is none.
    pub left_out: BTreeMap<u32, (Why, Option<String>)>,
    /// Directory groups from which a target group is fed, directly or through others.
    pub groups: Vec<DirectoryFacts>,
}

/// What the facts say of somebody in a source.
#[derive(Debug, Clone, Copy)]
pub struct PersonFacts<'a> {
    /// The directory's entry.
    pub entry: &'a Person,
    /// What each address is in Hyperproof, by aliases and rewriting; empty where that is the same.
    pub sought: &'a [Address],
    /// The account: an index into [`Facts::accounts`].
    pub account: Option<u32>,
    /// Why the account may not be touched, or there is none.
    pub left_out: Option<&'a (Why, Option<String>)>,
}

impl<'a> PersonFacts<'a> {
    /// The person's addresses, and what they are in Hyperproof.
    pub fn addresses(self) -> impl Iterator<Item = &'a Address> {
        self.entry.addresses.iter().chain(self.sought)
    }
}

/// A directory group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectoryFacts {
    /// The name to show.
    pub name: String,
    /// What was missing, where it was read in part.
    pub partial: Option<String>,
    /// Direct members: indices into [`SourceFacts::people`], sorted.
    pub people: Vec<u32>,
    /// Nested groups: indices into [`SourceFacts::groups`], sorted.
    pub groups: Vec<u32>,
}

/// A mapping.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct MappingFacts {
    /// The source.
    pub source: SourceName,
    /// The directory group's name, or the pattern.
    pub from: String,
    /// Whether `from` is a pattern.
    pub pattern: bool,
    /// The target group, or the template of its name.
    pub to: String,
}

/// A target group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupFacts {
    /// The configured name.
    pub name: GroupName,
    /// Hyperproof's id.
    pub id: Option<GroupId>,
    /// Its mode.
    pub mode: Mode,
    /// It is there, or will be created.
    pub ready: bool,
    /// Everything that could grant it was read to its end.
    pub complete: bool,
    /// Members as they were read: indices into [`Facts::accounts`], sorted.
    pub members: Vec<u32>,
    /// Members whose id no account bears.
    pub strangers: Vec<AccountId>,
    /// What may grant it.
    pub feeds: Vec<FeedFacts>,
    /// What was odd.
    pub problems: Vec<String>,
    /// Changes, with what became of them.
    pub changes: Vec<ChangeFacts>,
    /// Steps deliberately not taken.
    pub skips: Vec<SkipFacts>,
}

/// What a mapping came to for one target group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedFacts {
    /// Index into [`Facts::mappings`].
    pub mapping: u32,
    /// Index into [`Facts::sources`].
    pub source: u32,
    /// What was found.
    pub found: Found,
}

/// What a mapping found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// A directory group: an index into [`SourceFacts::groups`].
    Group(u32),
    /// It is not in the source.
    Missing {
        /// Its name.
        name: String,
        /// The name under which its immutable id lives on.
        renamed_to: Option<String>,
        /// A person accepted it as empty.
        accepted: bool,
    },
    /// Two directory groups bear the name.
    Doubled,
    /// A pattern that no directory group fits, for this target group.
    Nothing,
    /// The source was not read to its end, and nothing was found in what was read.
    Unread,
}

/// A change and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeFacts {
    /// Its kind.
    pub op: Op,
    /// The account.
    pub account: Option<AccountId>,
    /// Why.
    pub reason: Reason,
    /// Planned, never applied.
    pub report: bool,
    /// Unapproved holds that it waits for.
    pub holds: Vec<String>,
    /// A word of [`super::run::ChangeResult::as_str`]; none where nothing was carried out.
    pub result: Option<String>,
    /// What went wrong.
    pub error: Option<String>,
}

impl ChangeFacts {
    /// Whether Hyperproof was as the change wanted it when the run ended.
    pub fn is_so(&self) -> bool {
        matches!(self.result.as_deref(), Some("done" | "already_so"))
    }
}

/// A step deliberately not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkipFacts {
    /// Whom it concerns, as the plan shows it.
    pub person: String,
    /// Why.
    pub why: Why,
    /// More.
    pub detail: Option<String>,
}

/// A hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldFacts {
    /// The rule.
    pub rule: String,
    /// One sentence.
    pub text: String,
}

/// Ways through nested groups that are named; there can be very many.
const WAYS: usize = 16;

impl SourceFacts<'_> {
    /// One of its people.
    pub fn person(&self, at: u32) -> Option<PersonFacts<'_>> {
        Some(PersonFacts {
            entry: self.people.get(at as usize)?,
            sought: self.sought.get(&at).map_or(&[], Vec::as_slice),
            account: self.meant.get(at as usize).copied().flatten(),
            left_out: self.left_out.get(&at),
        })
    }

    /// Its people, each with the index.
    pub fn everybody(&self) -> impl Iterator<Item = (u32, PersonFacts<'_>)> {
        (0..).zip(self.people.iter()).filter_map(|(at, _)| Some((at, self.person(at)?)))
    }

    /// Ways from a directory group to a person: names of the groups on each, the shortest first, and
    /// whether there are more than are named.
    pub fn ways(&self, root: u32, person: u32) -> (Vec<Vec<&str>>, bool) {
        let reach = self.reaching(person);
        let mut ways = Vec::new();
        let mut queue = std::collections::VecDeque::from([vec![root]]);
        while let Some(way) = queue.pop_front() {
            let Some(group) = way.last().and_then(|at| self.groups.get(*at as usize)) else { continue };
            if group.people.binary_search(&person).is_ok() {
                if ways.len() == WAYS {
                    return (ways, true);
                }
                ways.push(way.iter().filter_map(|at| Some(self.groups.get(*at as usize)?.name.as_str())).collect());
            }
            for next in group.groups.iter().filter(|next| reach.contains(next) && !way.contains(next)) {
                queue.push_back(way.iter().copied().chain([*next]).collect());
            }
        }
        (ways, false)
    }

    /// Groups that a person is in, directly or through others.
    fn reaching(&self, person: u32) -> std::collections::BTreeSet<u32> {
        let has = |group: &DirectoryFacts| group.people.binary_search(&person).is_ok();
        let mut reach: std::collections::BTreeSet<u32> =
            (0..).zip(&self.groups).filter(|(_, group)| has(group)).map(|(at, _)| at).collect();
        loop {
            let before = reach.len();
            let more: Vec<u32> = (0..)
                .zip(&self.groups)
                .filter(|(_, group)| group.groups.iter().any(|nested| reach.contains(nested)))
                .map(|(at, _)| at)
                .collect();
            reach.extend(more);
            if reach.len() == before {
                return reach;
            }
        }
    }
}

impl Facts<'_> {
    /// The same facts, by themselves.
    pub fn into_owned(self) -> Facts<'static> {
        let source = |source: SourceFacts<'_>| SourceFacts {
            people: source.people.into_owned().into(),
            name: source.name,
            kind: source.kind,
            unread: source.unread,
            everyone: source.everyone,
            evidence: source.evidence,
            meant: source.meant,
            sought: source.sought,
            left_out: source.left_out,
            groups: source.groups,
        };
        Facts {
            sources: self.sources.into_iter().map(source).collect(),
            accounts: self.accounts.into_owned().into(),
            run: self.run,
            at: self.at,
            complete: self.complete,
            own: self.own,
            mappings: self.mappings,
            groups: self.groups,
            holds: self.holds,
        }
    }

    /// Where an account stands.
    pub fn account_index(&self, id: &AccountId) -> Option<u32> {
        let at = self.accounts.binary_search_by(|account| account.id.cmp(id)).ok()?;
        u32::try_from(at).ok()
    }

    /// A group by its configured name.
    pub fn group(&self, name: &str) -> Option<&GroupFacts> {
        self.groups.iter().find(|group| group.name.as_str() == name)
    }
}

impl GroupFacts {
    /// The change of an account's membership.
    pub fn change(&self, account: &AccountId) -> Option<&ChangeFacts> {
        let membership = |change: &&ChangeFacts| matches!(change.op, Op::AddMember | Op::RemoveMember);
        self.changes.iter().filter(membership).find(|change| change.account.as_ref() == Some(account))
    }

    /// Whether an account was a member when the run ended.
    pub fn has(&self, at: u32, id: &AccountId) -> bool {
        match self.change(id) {
            Some(change) if change.is_so() => change.op == Op::AddMember,
            _ => self.members.binary_search(&at).is_ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(name: &str, people: &[u32], groups: &[u32]) -> DirectoryFacts {
        DirectoryFacts { name: name.into(), partial: None, people: people.to_vec(), groups: groups.to_vec() }
    }

    fn source(groups: Vec<DirectoryFacts>) -> SourceFacts<'static> {
        SourceFacts {
            name: "hr".into(),
            kind: "csv".into(),
            unread: None,
            everyone: true,
            evidence: String::new(),
            people: Cow::default(),
            meant: Vec::new(),
            sought: BTreeMap::new(),
            left_out: BTreeMap::new(),
            groups,
        }
    }

    #[test]
    fn every_way_is_found_the_shortest_first() {
        let source = source(vec![
            group("top", &[7], &[1, 2]),
            group("left", &[], &[3]),
            group("right", &[], &[0, 3]),
            group("end", &[7, 8], &[3]),
        ]);
        let (ways, more) = source.ways(0, 7);
        assert_eq!(ways, [vec!["top"], vec!["top", "left", "end"], vec!["top", "right", "end"]]);
        assert!(!more);
        assert_eq!(source.ways(0, 9), (Vec::new(), false));
    }

    /// Ten diamonds in a row have 1024 ways, and a thousand groups without the person cost nothing.
    #[test]
    fn there_is_an_end_to_naming_ways() {
        let mut groups: Vec<DirectoryFacts> = (0..30_u32)
            .map(|at| match at % 3 {
                0 => group("a", &[], &[at + 1, at + 2]),
                1 => group("b", &[], &[at + 2]),
                _ => group("c", &[], &[at + 1]),
            })
            .collect();
        groups.push(group("end", &[1], &[]));
        let source = source(groups);
        let (ways, more) = source.ways(0, 1);
        assert_eq!((ways.len(), more), (WAYS, true));
    }
}
