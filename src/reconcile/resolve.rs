//! From people to accounts, with a reason for everyone who is left out.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::address::{Address, folded};
use crate::model::desired::{DesiredState, PersonRef};
use crate::model::directory::Person;
use crate::model::live::{AccountIndex, LiveState, Standing};
use crate::model::plan::Why;
use crate::model::policy::{Identity, Rewrite};

use super::Inputs;

/// What became of one person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolved {
    /// One account.
    Account(AccountIndex),
    /// No account that may be touched.
    LeftOut {
        /// Why.
        why: Why,
        /// The account that was found all the same.
        account: Option<AccountIndex>,
        /// More, for a person.
        detail: Option<String>,
    },
}

/// A person of a source behind an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    person: PersonRef,
    disabled: bool,
    /// One of the person's addresses means the account; else only the link does.
    by_address: bool,
}

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
    people: BTreeMap<PersonRef, Resolved>,
    /// Every account that a granted person's addresses or link mean.
    accounts: BTreeMap<PersonRef, Vec<AccountIndex>>,
    /// People with a mapped grant, and those of them with an address, by source.
    granted: Vec<(usize, usize)>,
    /// Accounts that no one may touch, because it is not clear whose they are.
    pub ambiguous: BTreeSet<AccountIndex>,
    /// Accounts of people whom `identity.ignore` names.
    pub ignored: BTreeSet<AccountIndex>,
    /// Everyone whose addresses (or link) mean an account.
    seen: BTreeMap<AccountIndex, Vec<Seen>>,
    by_address: AddressIndex,
}

impl Resolution {
    /// What became of a person.
    pub fn of(&self, person: PersonRef) -> Option<&Resolved> {
        self.people.get(&person)
    }

    /// Every account that the addresses or the link of a granted person mean.
    pub fn accounts_of(&self, person: PersonRef) -> &[AccountIndex] {
        self.accounts.get(&person).map_or(&[], Vec::as_slice)
    }

    /// Everyone whose addresses or link mean an account.
    pub fn behind(&self, account: AccountIndex) -> impl Iterator<Item = PersonRef> {
        self.seen.get(&account).into_iter().flatten().map(|seen| seen.person)
    }

    /// People of a source with a mapped grant.
    pub fn granted_of(&self, source: usize) -> usize {
        self.granted.get(source).map_or(0, |(granted, _)| *granted)
    }

    /// Those of them who have an address.
    pub fn addressed_of(&self, source: usize) -> usize {
        self.granted.get(source).map_or(0, |(_, addressed)| *addressed)
    }

    /// What the directory says of the people behind an account. A source among `feeding` that has them
    /// all inactive outweighs another that has one active; any other counts only if no source that may
    /// have one active is `unread`.
    pub fn known(&self, account: AccountIndex, feeding: impl Fn(u32) -> bool, unread: bool) -> Known {
        let Some(seen) = self.seen.get(&account) else {
            return Known::Gone;
        };
        let inactive_by_feeding = self.inactive_in(account).any(|person| feeding(person.source));
        if inactive_by_feeding || (!unread && seen.iter().all(|seen| seen.disabled)) {
            Known::Disabled
        } else {
            Known::Active
        }
    }

    /// Whether one of these granted people stands behind an account, and was left out for whatever
    /// reason: it stays where it is.
    pub fn is_left_out(&self, account: AccountIndex, granted: impl Fn(PersonRef) -> bool) -> bool {
        let mut seen = self.seen.get(&account).into_iter().flatten();
        seen.any(|seen| granted(seen.person) && matches!(self.of(seen.person), Some(Resolved::LeftOut { .. })))
    }

    /// People behind an account in sources that have nobody active behind it. (Somebody who left and
    /// was hired again is in one source twice, once inactive: that counts for nothing.)
    pub fn inactive_in(&self, account: AccountIndex) -> impl Iterator<Item = PersonRef> {
        let seen = self.seen.get(&account).map_or(&[][..], Vec::as_slice);
        seen.iter()
            .filter(|one| {
                one.disabled && !seen.iter().any(|other| other.person.source == one.person.source && !other.disabled)
            })
            .map(|one| one.person)
    }

    /// The account for an address of the configuration (a lead), or why there is none.
    pub fn account_for(&self, live: &LiveState, address: &Address) -> Result<AccountIndex, Why> {
        match self.by_address.pick(live, address) {
            Pick::One(account) => Ok(account),
            Pick::Several(_) => Err(Why::Ambiguous),
            Pick::Unfit(account) => Err(unfit(live, account)),
            Pick::None => Err(Why::NoAccount),
        }
    }
}

/// Resolves every person of every source.
pub fn resolve(inputs: &Inputs<'_>, desired: &DesiredState) -> Resolution {
    let granted: BTreeSet<PersonRef> = desired.values().flat_map(|group| group.grants.keys().copied()).collect();
    let mut counts = vec![(0, 0); inputs.sources.len()];
    for person in &granted {
        let at = person.source as usize;
        let entry = inputs.sources.get(at).and_then(|source| source.people.get(person.person as usize));
        if let (Some((granted, addressed)), Some(entry)) = (counts.get_mut(at), entry) {
            *granted += 1;
            *addressed += usize::from(!entry.addresses.is_empty());
        }
    }
    let mut resolution = Resolution {
        people: BTreeMap::new(),
        accounts: BTreeMap::new(),
        granted: counts,
        ambiguous: BTreeSet::new(),
        ignored: BTreeSet::new(),
        seen: BTreeMap::new(),
        by_address: AddressIndex::new(inputs.live),
    };
    for (at, source) in (0..).zip(inputs.sources) {
        for (person_at, person) in (0..).zip(&source.people) {
            let key = PersonRef { source: at, person: person_at };
            let found = find(inputs, &resolution.by_address, at, person);
            resolution.note(key, person, &found);
            if granted.contains(&key) {
                resolution.people.insert(key, found.resolved);
                resolution.accounts.insert(key, found.accounts);
            }
        }
    }
    resolution.conflicts(inputs);
    resolution
}

impl Resolution {
    /// Writes down what a person says about accounts, granted or not.
    fn note(&mut self, person: PersonRef, entry: &Person, found: &Found) {
        self.ambiguous.extend(&found.ambiguous);
        for &account in &found.accounts {
            if found.resolved.is_ignored() {
                self.ignored.insert(account);
            }
            self.seen.entry(account).or_default().push(Seen {
                person,
                disabled: entry.disabled,
                by_address: found.by_address.contains(&account),
            });
        }
    }

    /// Two granted people of one source for one account: nobody can tell whose it is. (The same person
    /// in two sources is one person.)
    fn conflicts(&mut self, inputs: &Inputs<'_>) {
        let mut claims: BTreeMap<(AccountIndex, u32), Vec<PersonRef>> = BTreeMap::new();
        for (person, resolved) in &self.people {
            if let Some(account) = resolved.account() {
                claims.entry((account, person.source)).or_default().push(*person);
            }
        }
        let mut doubtful: BTreeMap<AccountIndex, String> = BTreeMap::new();
        for ((account, source), people) in &claims {
            if people.len() > 1 {
                let entries: Vec<&str> = people
                    .iter()
                    .filter_map(|person| inputs.sources.get(*source as usize)?.people.get(person.person as usize))
                    .map(|person| person.origin.as_str())
                    .collect();
                let detail = format!("{} people for one account: {}", people.len(), entries.join(", "));
                // Where several sources say so, the same one is named whatever their order.
                let known = doubtful.entry(*account).or_insert_with(|| detail.clone());
                if detail < *known {
                    *known = detail;
                }
            }
        }
        for (person, resolved) in &self.people {
            if let Some(account) = resolved.account().filter(|account| self.is_taken(*person, *account)) {
                doubtful.entry(account).or_insert_with(|| "its address is another person's by now".to_owned());
            }
        }
        // Also where the account is ambiguous by way of another person's addresses.
        for account in &self.ambiguous {
            doubtful.entry(*account).or_insert_with(|| "another person's addresses mean it too".to_owned());
        }
        for resolved in self.people.values_mut() {
            let Some(account) = resolved.account() else {
                continue;
            };
            if let Some(detail) = doubtful.get(&account) {
                *resolved =
                    Resolved::LeftOut { why: Why::Ambiguous, account: Some(account), detail: Some(detail.clone()) };
            }
        }
        self.ambiguous.extend(doubtful.into_keys());
    }
}

impl Resolution {
    /// Whether a person has an account by an old link alone, while its address was given to somebody
    /// else of the same source.
    fn is_taken(&self, person: PersonRef, account: AccountIndex) -> bool {
        let seen = self.seen.get(&account).map_or(&[][..], Vec::as_slice);
        let by_link = seen.iter().any(|one| one.person == person && !one.by_address);
        by_link && seen.iter().any(|one| one.person.source == person.source && one.by_address && !one.disabled)
    }
}

impl Resolved {
    /// The account, whether or not it may be touched.
    pub fn account(&self) -> Option<AccountIndex> {
        match self {
            Self::Account(account) => Some(*account),
            Self::LeftOut { account, .. } => *account,
        }
    }

    fn is_ignored(&self) -> bool {
        matches!(self, Self::LeftOut { why: Why::Ignored, .. })
    }

    fn left_out(why: Why, account: Option<AccountIndex>) -> Self {
        Self::LeftOut { why, account, detail: None }
    }
}

/// The accounts of one person.
struct Found {
    resolved: Resolved,
    /// Every account that bears one of the person's addresses, or was linked at the last full run.
    accounts: Vec<AccountIndex>,
    /// Those of them that bear one of the addresses.
    by_address: Vec<AccountIndex>,
    /// Those of them between which nobody can choose.
    ambiguous: Vec<AccountIndex>,
}

fn find(inputs: &Inputs<'_>, index: &AddressIndex, source: u32, person: &Person) -> Found {
    let identity = &inputs.policy.identity;
    let addresses: Vec<Address> = person.addresses.iter().map(|address| translate(identity, address)).collect();
    let by_address: Vec<AccountIndex> = addresses.iter().flat_map(|address| index.all(address)).copied().collect();
    let linked = linked(inputs, source, person);
    let mut accounts = by_address.clone();
    accounts.extend(linked);
    accounts.sort_unstable();
    accounts.dedup();
    let mut ambiguous = Vec::new();
    let ignored = person.addresses.iter().chain(&addresses).any(|address| is_ignored(identity, address));
    let resolved = if ignored {
        Resolved::left_out(Why::Ignored, None)
    } else {
        choose(inputs.live, index, &addresses, linked, &mut ambiguous)
    };
    if !ambiguous.is_empty() {
        // Untouched on both sides: the linked account, and those of the other addresses, may be the one.
        ambiguous.clone_from(&accounts);
    }
    Found { resolved, accounts, by_address, ambiguous }
}

/// Chooses among the accounts that bear a person's addresses: the primary address first, an account
/// that may be touched before one that may not. The linked account is kept while no account bears the
/// primary address.
fn choose(
    live: &LiveState,
    index: &AddressIndex,
    addresses: &[Address],
    linked: Option<AccountIndex>,
    ambiguous: &mut Vec<AccountIndex>,
) -> Resolved {
    let mut unfit_account = None;
    let standing = |at: AccountIndex| live.accounts.get(at as usize).map(|account| account.standing);
    let active = linked.filter(|linked| standing(*linked) == Some(Standing::Active));
    for (at, address) in addresses.iter().enumerate() {
        match index.pick(live, address) {
            Pick::One(account) => return Resolved::Account(account),
            Pick::Several(several) => {
                let detail = format!("{} accounts bear {address}", several.len());
                ambiguous.extend(several);
                return Resolved::LeftOut { why: Why::Ambiguous, account: None, detail: Some(detail) };
            }
            Pick::Unfit(account) => unfit_account = unfit_account.or(Some(account)),
            Pick::None => {
                if let (0, Some(linked)) = (at, active) {
                    return Resolved::Account(linked);
                }
            }
        }
    }
    match (unfit_account, active, linked) {
        (None, Some(active), _) => Resolved::Account(active),
        (Some(account), ..) | (None, None, Some(account)) => Resolved::left_out(unfit(live, account), Some(account)),
        (None, None, None) if addresses.is_empty() => Resolved::left_out(Why::NoEmail, None),
        (None, None, None) => Resolved::left_out(Why::NoAccount, None),
    }
}

/// The account that a person with an immutable id had at the last full run.
fn linked(inputs: &Inputs<'_>, source: u32, person: &Person) -> Option<AccountIndex> {
    if !person.immutable {
        return None;
    }
    let source = inputs.sources.get(source as usize)?;
    let links = &inputs.memory.learned.person_links;
    let id = links.get(&(source.name.clone(), person.key.clone()))?;
    inputs.live.account_index(id)
}

fn unfit(live: &LiveState, account: AccountIndex) -> Why {
    match live.accounts.get(account as usize).map(|account| account.standing) {
        Some(Standing::Inactive | Standing::Deactivated) => Why::InactiveAccount,
        Some(Standing::Active | Standing::Ineligible) | None => Why::IneligibleType,
    }
}

/// What an address of the directory is in Hyperproof: an alias, else a rewritten ending, else itself.
pub fn translate(identity: &Identity, address: &Address) -> Address {
    if let Some(alias) = identity.aliases.get(address) {
        return alias.clone();
    }
    identity.rewrite.iter().find_map(|rewrite| rewritten(rewrite, address)).unwrap_or_else(|| address.clone())
}

fn rewritten(rewrite: &Rewrite, address: &Address) -> Option<Address> {
    let stem = address.key().strip_suffix(&folded(&rewrite.from))?;
    Address::parse(&format!("{stem}{}", rewrite.to)).ok()
}

/// Addresses of the directory, as patterns, that are or become what a pattern of the configuration means.
pub fn origins(identity: &Identity, pattern: &str) -> BTreeSet<String> {
    let pattern = folded(pattern);
    let aliased = identity.aliases.iter().filter(|(_, to)| matches(&pattern, to.key()));
    let mut origins: BTreeSet<String> = aliased.map(|(from, _)| from.key().to_owned()).collect();
    origins.extend(identity.rewrite.iter().filter_map(|rewrite| {
        let stem = pattern.strip_suffix(&folded(&rewrite.to))?;
        Some(format!("{stem}{}", folded(&rewrite.from)))
    }));
    origins.insert(pattern);
    origins
}

/// Whether `identity.ignore` names an address.
pub fn is_ignored(identity: &Identity, address: &Address) -> bool {
    identity.ignore.iter().any(|pattern| matches(&folded(pattern), address.key()))
}

/// Whether a text fits a pattern in which `*` stands for anything.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut text) = text.strip_prefix(head) else {
        return false;
    };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        match text.find(part) {
            Some(at) => text = text.get(at + part.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    text.ends_with(last)
}

/// Accounts by folded address.
#[derive(Debug, Clone)]
struct AddressIndex(BTreeMap<String, Vec<AccountIndex>>);

enum Pick {
    One(AccountIndex),
    Several(Vec<AccountIndex>),
    /// Only accounts that may not be added.
    Unfit(AccountIndex),
    None,
}

impl AddressIndex {
    fn new(live: &LiveState) -> Self {
        let mut index: BTreeMap<String, Vec<AccountIndex>> = BTreeMap::new();
        for (at, account) in (0..).zip(&live.accounts) {
            if let Some(email) = &account.email {
                index.entry(email.key().to_owned()).or_default().push(at);
            }
        }
        Self(index)
    }

    fn all(&self, address: &Address) -> &[AccountIndex] {
        self.0.get(address.key()).map_or(&[], Vec::as_slice)
    }

    fn pick(&self, live: &LiveState, address: &Address) -> Pick {
        let all = self.all(address);
        let standing = |at: &AccountIndex| live.accounts.get(*at as usize).map(|account| account.standing);
        let active: Vec<AccountIndex> =
            all.iter().copied().filter(|at| standing(at) == Some(Standing::Active)).collect();
        match (active.as_slice(), all) {
            ([one], _) => Pick::One(*one),
            ([], []) => Pick::None,
            ([], [first, ..]) => {
                // The one that is nearest to being usable explains best.
                Pick::Unfit(all.iter().copied().min_by_key(|at| standing(at)).unwrap_or(*first))
            }
            _ => Pick::Several(active),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, text, fits) in [
            ("svc-*@corp.example", "svc-backup@corp.example", true),
            ("svc-*@corp.example", "svc-@corp.example", true),
            ("svc-*@corp.example", "ann@corp.example", false),
            ("*@corp.example", "ann@corp.example.evil", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "acb", false),
            ("ann@corp.example", "ann@corp.example", true),
            ("*", "", true),
            ("ab*ba", "aba", false),
        ] {
            assert_eq!(matches(pattern, text), fits, "{pattern} {text}");
        }
    }

    #[test]
    fn an_alias_wins_over_a_rewrite() {
        let address = |text: &str| Address::parse(text).unwrap();
        let identity = Identity {
            rewrite: vec![Rewrite { from: "@Corp.Local".into(), to: "@corp.example".into() }],
            aliases: BTreeMap::from([(address("bob@corp.local"), address("robert@corp.example"))]),
            ignore: Vec::new(),
        };
        assert_eq!(translate(&identity, &address("Bob@corp.local")), address("robert@corp.example"));
        assert_eq!(translate(&identity, &address("Ann@CORP.local")), address("ann@corp.example"));
        assert_eq!(translate(&identity, &address("ann@else.example")), address("ann@else.example"));
    }

    #[test]
    fn whatever_becomes_an_address_is_among_its_origins() {
        let address = |text: &str| Address::parse(text).unwrap();
        let identity = Identity {
            rewrite: vec![Rewrite { from: "@Corp.Local".into(), to: "@corp.example".into() }],
            aliases: BTreeMap::from([(address("Bob@x.example"), address("robert@corp.example"))]),
            ignore: Vec::new(),
        };
        let of = |pattern| origins(&identity, pattern).into_iter().collect::<Vec<_>>();
        assert_eq!(of("Robert@Corp.example"), ["bob@x.example", "robert@corp.example", "robert@corp.local"]);
        assert_eq!(of("rob*@corp.example"), ["bob@x.example", "rob*@corp.example", "rob*@corp.local"]);
        assert_eq!(of("ann@else.example"), ["ann@else.example"]);
    }
}
