//! The account of one person.

use crate::model::address::Address;
use crate::model::directory::Person;
use crate::model::links::InOrder;
use crate::model::live::{AccountIndex, LiveState, Standing};
use crate::model::plan::Why;

use super::NO_ACCOUNT;
use super::bearers::{Bearers, Pick};
use super::identity::Rules;

/// What is said of one person by the accounts alone.
#[derive(Debug)]
pub(super) enum Verdict {
    /// One account, which may be touched.
    Account(AccountIndex),
    /// No account that may be touched.
    LeftOut { why: Why, account: Option<AccountIndex>, detail: Option<String> },
}

/// What was found out about one person. It is filled anew for each.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Accounts that bear one of the person's addresses, by address.
    by_address: Vec<AccountIndex>,
    /// Where those of each address end.
    ends: Vec<usize>,
    /// All of them and the linked one, sorted, each once.
    pub(super) accounts: Vec<AccountIndex>,
    /// The account that the person had at the last full run.
    pub(super) linked: Option<AccountIndex>,
    /// Nobody can choose between the accounts.
    pub(super) is_ambiguous: bool,
}

impl Found {
    /// Whether an account bears one of the person's addresses.
    pub(super) fn bears(&self, account: AccountIndex) -> bool {
        self.by_address.contains(&account)
    }
}

/// What is found of a person before anything is asked twice.
#[derive(Debug, Clone, Copy)]
pub(super) struct LookUp<'a> {
    /// The account that the person had at the last full run.
    pub(super) link: Option<&'a str>,
    /// The account of a person of whom there is nothing else to tell: it alone bears the only address, is active, and
    /// the linked one if there is any. An index that no account has for everybody else, and for all where addresses do
    /// not stand for themselves. [`Finder::find`] comes to the same.
    pub(super) account: AccountIndex,
}

/// Finds people's accounts.
#[derive(Clone, Copy)]
pub(super) struct Finder<'a> {
    pub(super) live: &'a LiveState,
    pub(super) rules: &'a Rules<'a>,
    pub(super) bearers: &'a Bearers<'a>,
}

impl Finder<'_> {
    /// Looks people up of whom there is most often nothing else to tell. `links`: those of the source, behind the ones of
    /// the people before.
    pub(super) fn look_up<'b>(&self, people: &[Person], links: &mut InOrder<'b>) -> Vec<LookUp<'b>> {
        let linked = |person: &Person| LookUp { link: links.of(&person.key), account: NO_ACCOUNT };
        let mut found: Vec<LookUp<'b>> = people.iter().map(linked).collect();
        if !self.rules.are_empty() {
            return found;
        }
        // A pass for each question: a processor fetches what many people need at once while there is nothing else to do.
        for (person, found) in people.iter().zip(&mut found) {
            let likely = only_address(person).and_then(|address| self.bearers.likely(address));
            found.account = likely.unwrap_or(NO_ACCOUNT);
        }
        for found in &mut found {
            if self.bearers.standing(found.account) != Some(Standing::Active) {
                found.account = NO_ACCOUNT;
            }
        }
        for (person, found) in people.iter().zip(&mut found) {
            if !self.is_plain(person, found) {
                found.account = NO_ACCOUNT;
            }
        }
        found
    }

    /// Whether the account bears the only address, and is the linked one if there is any.
    fn is_plain(&self, person: &Person, found: &LookUp<'_>) -> bool {
        let Some(account) = self.live.accounts.get(found.account as usize) else { return false };
        account.email.as_ref() == only_address(person)
            && found.link.is_none_or(|id| !person.immutable || account.id == *id)
    }

    /// The account of a person; `link`: the one that the person had at the last full run.
    pub(super) fn find(&self, person: &Person, link: Option<&str>, found: &mut Found) -> Verdict {
        let addresses = self.rules.translate_all(&person.addresses);
        found.by_address.clear();
        found.ends.clear();
        for address in addresses.iter() {
            found.by_address.extend(self.bearers.all(address));
            found.ends.push(found.by_address.len());
        }
        found.linked = link.and_then(|id| self.account_of(id, &found.by_address));
        found.accounts.clone_from(&found.by_address);
        found.accounts.extend(found.linked);
        found.accounts.sort_unstable();
        found.accounts.dedup();
        found.is_ambiguous = false;
        if person.addresses.iter().chain(addresses.iter()).any(|address| self.rules.is_ignored(address)) {
            return left_out(Why::Ignored, None);
        }
        self.choose(&addresses, found)
    }

    /// The account with an id; most often it is one of those that bear an address.
    fn account_of(&self, id: &str, likely: &[AccountIndex]) -> Option<AccountIndex> {
        let is_it = |at: &&AccountIndex| self.live.accounts.get(**at as usize).is_some_and(|account| account.id == *id);
        likely.iter().find(is_it).copied().or_else(|| self.live.index_of(id))
    }

    /// Accounts that bear an address of a person who has this one, and are active too.
    pub(super) fn others(&self, own: AccountIndex, found: &Found) -> impl Iterator<Item = AccountIndex> {
        let is_active = |at: &AccountIndex| self.bearers.standing(*at) == Some(Standing::Active);
        found.accounts.iter().copied().filter(move |at| *at != own && found.bears(*at) && is_active(at))
    }

    /// Chooses among the accounts that bear a person's addresses: the primary address first, an account
    /// that may be touched before one that may not. The linked account is kept while no account bears the
    /// primary address.
    fn choose(&self, addresses: &[Address], found: &mut Found) -> Verdict {
        let linked = found.linked;
        let active = linked.filter(|linked| self.bearers.standing(*linked) == Some(Standing::Active));
        let mut unfit_account = None;
        let mut from = 0;
        for (at, (address, &end)) in addresses.iter().zip(&found.ends).enumerate() {
            let all = found.by_address.get(from..end).unwrap_or_default();
            from = end;
            match self.bearers.pick(all) {
                Pick::One(account) => return Verdict::Account(account),
                Pick::Several(several) => {
                    let detail = format!("{} accounts bear {address}", several.len());
                    // Untouched on both sides: the linked account, and those of the other addresses, may be the one.
                    found.is_ambiguous = true;
                    return Verdict::LeftOut { why: Why::Ambiguous, account: None, detail: Some(detail) };
                }
                Pick::Unfit(account) => unfit_account = unfit_account.or(Some(account)),
                Pick::None => {
                    if let (0, Some(linked)) = (at, active) {
                        return Verdict::Account(linked);
                    }
                }
            }
        }
        match (unfit_account, active, linked) {
            (None, Some(active), _) => Verdict::Account(active),
            (Some(account), ..) | (None, None, Some(account)) => left_out(self.bearers.unfit(account), Some(account)),
            (None, None, None) if addresses.is_empty() => left_out(Why::NoEmail, None),
            (None, None, None) => left_out(Why::NoAccount, None),
        }
    }
}

fn only_address(person: &Person) -> Option<&Address> {
    match person.addresses.as_slice() {
        [address] => Some(address),
        _ => None,
    }
}

fn left_out(why: Why, account: Option<AccountIndex>) -> Verdict {
    Verdict::LeftOut { why, account, detail: None }
}
