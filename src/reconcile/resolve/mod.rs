//! From people to accounts, with a reason for everyone who is left out.

mod bearers;
mod choose;
mod conflicts;
mod identity;
mod seen;

use std::collections::{BTreeMap, BTreeSet};

use crate::model::desired::{DesiredState, PersonRef};
use crate::model::directory::{Person, SourceSnapshot};
use crate::model::live::AccountIndex;
use crate::model::plan::Why;

use super::Inputs;
use super::evidence::walked;
use choose::{Finder, Found, LookUp, Verdict};
use seen::{Seen, SeenIndex};

pub use bearers::Bearers;
pub use identity::{Rules, is_ignored, origins, translate};

/// What became of one person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolved<'a> {
    /// One account, which may be touched: it is active.
    Account(AccountIndex),
    /// No account that may be touched.
    LeftOut(&'a LeftOut),
}

impl Resolved<'_> {
    /// The account, whether or not it may be touched.
    pub fn account(self) -> Option<AccountIndex> {
        match self {
            Self::Account(account) => Some(account),
            Self::LeftOut(left_out) => left_out.account,
        }
    }
}

/// Why a person is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Why.
    pub why: Why,
    /// The account that was found all the same.
    pub account: Option<AccountIndex>,
    /// More, for a person.
    pub detail: Option<String>,
    /// Every account that the person's addresses or link mean, sorted.
    pub accounts: Vec<AccountIndex>,
}

/// No account's index: stands for everybody who has none that may be touched, or is granted nothing.
const NO_ACCOUNT: AccountIndex = AccountIndex::MAX;

/// So many people are looked up at once: what is asked of their accounts is near while all of it is asked.
const AT_ONCE: usize = 256;

/// What the directory says of the people behind an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// A source has the person, active.
    Active,
    /// Sources have the person, and (one of those that were asked about, or all) not active.
    Disabled,
    /// No source has the person.
    Gone,
}

/// All people, resolved.
#[derive(Debug, Clone)]
pub struct Resolution {
    /// The account of each person who is granted something, by source; else [`NO_ACCOUNT`].
    accounts: Vec<Vec<AccountIndex>>,
    /// Those who are granted something and have none that may be touched.
    left_out: BTreeMap<PersonRef, LeftOut>,
    /// What was counted of each source.
    counts: Vec<Counts>,
    /// Accounts that no one may touch, because it is not clear whose they are.
    pub ambiguous: BTreeSet<AccountIndex>,
    /// Accounts of people whom `identity.ignore` names.
    pub ignored: BTreeSet<AccountIndex>,
    /// People who are granted something and have an account, by other accounts that bear one of their addresses and
    /// are active too.
    others: BTreeMap<AccountIndex, Vec<PersonRef>>,
    /// Everyone whose addresses (or link) mean an account.
    seen: SeenIndex,
    /// People with an immutable id who have another account than their link says.
    pub(super) relinked: Vec<PersonRef>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    /// People with a mapped grant.
    granted: usize,
    /// Those of them who have an address.
    addressed: usize,
    /// Links of people who are there.
    links: usize,
}

impl Resolution {
    /// What became of a person who is granted something.
    pub fn of(&self, person: PersonRef) -> Option<Resolved<'_>> {
        match *self.accounts_of(person.source).get(person.person as usize)? {
            NO_ACCOUNT => self.left_out.get(&person).map(Resolved::LeftOut),
            account => Some(Resolved::Account(account)),
        }
    }

    /// The account of each person of a source; an index that no account has for those who are left out or
    /// granted nothing.
    pub fn accounts_of(&self, source: u32) -> &[AccountIndex] {
        self.accounts.get(source as usize).map_or(&[], Vec::as_slice)
    }

    /// Everyone whose addresses or link mean an account.
    pub fn behind(&self, account: AccountIndex) -> impl Iterator<Item = PersonRef> {
        self.seen.of(account).iter().map(|seen| seen.person)
    }

    /// People who are granted something and have an account, while this one bears another of their addresses and is
    /// active too; with the account that they have.
    pub fn other_of(&self, account: AccountIndex) -> impl Iterator<Item = (PersonRef, AccountIndex)> {
        let people = self.others.get(&account).map_or(&[][..], Vec::as_slice);
        people.iter().filter_map(|person| match self.of(*person)? {
            Resolved::Account(own) => Some((*person, own)),
            Resolved::LeftOut(_) => None,
        })
    }

    /// People of a source with a mapped grant.
    pub fn granted_of(&self, source: usize) -> usize {
        self.counts.get(source).map_or(0, |counts| counts.granted)
    }

    /// Those of them who have an address.
    pub fn addressed_of(&self, source: usize) -> usize {
        self.counts.get(source).map_or(0, |counts| counts.addressed)
    }

    /// Links of a source whose people are there.
    pub(super) fn links_of(&self, source: usize) -> usize {
        self.counts.get(source).map_or(0, |counts| counts.links)
    }

    /// What the directory says of the people behind an account. A source among `feeding` that has them
    /// all inactive outweighs another that has one active; any other counts only if no source that may
    /// have one active is `unread`.
    pub fn known(&self, account: AccountIndex, feeding: impl Fn(u32) -> bool, unread: bool) -> Known {
        let seen = self.seen.of(account);
        if seen.is_empty() {
            return Known::Gone;
        }
        let inactive_by_feeding = self.inactive_in(account).any(|person| feeding(person.source));
        if inactive_by_feeding || (!unread && seen.iter().all(|seen| seen.disabled)) {
            Known::Disabled
        } else {
            Known::Active
        }
    }

    /// People behind an account in sources that have nobody active behind it. (Somebody who left and
    /// was hired again is in one source twice, once inactive: that counts for nothing.)
    pub fn inactive_in(&self, account: AccountIndex) -> impl Iterator<Item = PersonRef> {
        let seen = self.seen.of(account);
        seen.iter()
            .filter(|one| {
                one.disabled && !seen.iter().any(|other| other.person.source == one.person.source && !other.disabled)
            })
            .map(|one| one.person)
    }
}

/// Resolves every person of every source.
pub fn resolve(inputs: &Inputs<'_>, desired: &DesiredState, rules: &Rules<'_>, bearers: &Bearers<'_>) -> Resolution {
    let finder = Finder { live: inputs.live, rules, bearers };
    let mut resolver = Resolver {
        finder,
        accounts: Vec::with_capacity(inputs.sources.len()),
        left_out: BTreeMap::new(),
        counts: Vec::with_capacity(inputs.sources.len()),
        ambiguous: BTreeSet::new(),
        ignored: BTreeSet::new(),
        others: BTreeMap::new(),
        seen: Vec::with_capacity(inputs.sources.iter().map(|source| source.people.len()).sum()),
        relinked: Vec::new(),
    };
    for ((at, source), walked) in (0..).zip(inputs.sources).zip(walked(inputs, desired)) {
        resolver.source(inputs, at, source, &granted(source, &walked));
    }
    let Resolver { accounts, left_out, counts, ambiguous, ignored, others, seen, relinked, finder } = resolver;
    let seen = SeenIndex::new(inputs.live.accounts.len(), seen);
    let mut resolution = Resolution { accounts, left_out, counts, ambiguous, ignored, others, seen, relinked };
    resolution.conflicts(inputs, &finder);
    resolution
}

/// Whether each person of a source is in a directory group that was looked into.
fn granted(source: &SourceSnapshot, walked: &[bool]) -> Vec<bool> {
    let mut granted = vec![false; source.people.len()];
    let mut others = granted.len();
    for (group, _) in source.groups.iter().zip(walked).filter(|(_, walked)| **walked) {
        for person in &group.people {
            if let Some(granted) = granted.get_mut(*person as usize) {
                others -= usize::from(!*granted);
                *granted = true;
            }
        }
        if others == 0 {
            break;
        }
    }
    granted
}

struct Resolver<'a> {
    finder: Finder<'a>,
    accounts: Vec<Vec<AccountIndex>>,
    left_out: BTreeMap<PersonRef, LeftOut>,
    counts: Vec<Counts>,
    ambiguous: BTreeSet<AccountIndex>,
    ignored: BTreeSet<AccountIndex>,
    others: BTreeMap<AccountIndex, Vec<PersonRef>>,
    seen: Vec<(AccountIndex, Seen)>,
    relinked: Vec<PersonRef>,
}

impl Resolver<'_> {
    /// Resolves the people of one source; `granted`: who of them is in a mapped group.
    fn source(&mut self, inputs: &Inputs<'_>, at: u32, source: &SourceSnapshot, granted: &[bool]) {
        let mut counts = Counts::default();
        let mut accounts = Vec::with_capacity(source.people.len());
        let mut found = Found::default();
        let finder = self.finder;
        let mut links = inputs.memory.learned.person_links.in_order(&source.name);
        let look_ups = source.people.chunks(AT_ONCE).flat_map(|people| finder.look_up(people, &mut links));
        for (((person_at, person), in_group), LookUp { link, account }) in
            (0..).zip(&source.people).zip(granted).zip(look_ups)
        {
            counts.links += usize::from(link.is_some());
            let link = link.filter(|_| person.immutable);
            let is_granted = *in_group && !person.disabled;
            counts.granted += usize::from(is_granted);
            counts.addressed += usize::from(is_granted && !person.addresses.is_empty());
            let key = PersonRef { source: at, person: person_at };
            if account != NO_ACCOUNT {
                self.seen.push((account, Seen { person: key, disabled: person.disabled, by_address: true }));
                if is_granted && person.immutable && link.is_none() {
                    self.relinked.push(key);
                }
                accounts.push(if is_granted { account } else { NO_ACCOUNT });
                continue;
            }
            let verdict = self.finder.find(person, link, &mut found);
            self.note(key, person, &verdict, &found);
            if !is_granted {
                accounts.push(NO_ACCOUNT);
                continue;
            }
            accounts.push(match verdict {
                Verdict::Account(account) => {
                    if person.immutable && found.linked != Some(account) {
                        self.relinked.push(key);
                    }
                    for other in finder.others(account, &found) {
                        self.others.entry(other).or_default().push(key);
                    }
                    account
                }
                Verdict::LeftOut { why, account, detail } => {
                    let accounts = found.accounts.clone();
                    self.left_out.insert(key, LeftOut { why, account, detail, accounts });
                    NO_ACCOUNT
                }
            });
        }
        self.accounts.push(accounts);
        self.counts.push(counts);
    }

    /// Writes down what a person says about accounts, granted or not.
    fn note(&mut self, key: PersonRef, person: &Person, verdict: &Verdict, found: &Found) {
        if found.is_ambiguous {
            self.ambiguous.extend(&found.accounts);
        }
        if matches!(verdict, Verdict::LeftOut { why: Why::Ignored, .. }) {
            self.ignored.extend(&found.accounts);
        }
        for &account in &found.accounts {
            let by_address = found.bears(account);
            self.seen.push((account, Seen { person: key, disabled: person.disabled, by_address }));
        }
    }
}
