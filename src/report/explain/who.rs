//! Whom is meant: by an address, an alias, an account's id, a person's id or DN.

use std::collections::BTreeSet;

use crate::model::address::Address;
use crate::model::facts::{Facts, PersonFacts};
use crate::model::id::AccountId;

/// One person with everything that the facts know of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Identity {
    /// Entries: indices of source and person.
    pub people: Vec<(u32, u32)>,
    /// The account.
    pub account: Option<AccountId>,
}

/// Whom a text means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// Nobody that the facts know.
    Nobody,
    /// One person.
    One(Identity),
    /// Several, each in a line with the id by which to ask.
    Several(Vec<String>),
}

/// Finds whom a text means.
pub fn find(facts: &Facts<'_>, text: &str) -> Who {
    let text = text.trim();
    let exact = entries(facts, |person| {
        let key = person.entry.key.as_str();
        key == text || plain_key(key) == text || same_origin(&person.entry.origin, text)
    });
    let address = Address::parse(text).ok();
    let people = match exact.is_empty() {
        false => exact,
        true => entries(facts, |person| {
            address.as_ref().is_some_and(|address| person.addresses().any(|own| own == address))
        }),
    };
    let accounts: BTreeSet<u32> = (0..)
        .zip(facts.accounts.iter())
        .filter(|(_, account)| account.id.as_str() == text || (address.is_some() && account.email == address))
        .map(|(at, _)| at)
        .collect();
    if people.is_empty() {
        return match accounts.first() {
            None => Who::Nobody,
            Some(one) if accounts.len() == 1 => Who::One(whole(facts, Vec::new(), Some(*one))),
            Some(_) => Who::Several(accounts.iter().filter_map(|at| account_line(facts, *at)).collect()),
        };
    }
    let meant: BTreeSet<u32> = people.iter().filter_map(|at| person(facts, *at)?.account).collect();
    let mut sources: Vec<u32> = people.iter().map(|(source, _)| *source).collect();
    sources.dedup();
    // Two entries of one source are two people, and so are people with two accounts.
    if sources.len() < people.len() || meant.len() > 1 {
        return Who::Several(people.iter().filter_map(|at| person_line(facts, *at)).collect());
    }
    // Their address, and another one's account.
    let other: Vec<u32> = accounts.iter().copied().filter(|at| !meant.contains(at)).collect();
    if !meant.is_empty() && !other.is_empty() {
        let lines = people.iter().filter_map(|at| person_line(facts, *at));
        return Who::Several(lines.chain(other.iter().filter_map(|at| account_line(facts, *at))).collect());
    }
    let only = accounts.first().copied().filter(|_| accounts.len() == 1);
    Who::One(whole(facts, people, meant.first().copied().or(only)))
}

/// With everybody behind the account.
fn whole(facts: &Facts<'_>, mut people: Vec<(u32, u32)>, account: Option<u32>) -> Identity {
    if account.is_some() {
        let mut behind = entries(facts, |person| person.account == account);
        // A second entry of a source stands for somebody else who claims the account.
        behind.retain(|(source, _)| people.iter().all(|(own, _)| own != source));
        people.extend(behind);
        people.sort_unstable();
    }
    let id = account.and_then(|at| facts.accounts.get(at as usize)).map(|account| account.id.clone());
    Identity { people, account: id }
}

fn entries(facts: &Facts<'_>, fits: impl Fn(PersonFacts<'_>) -> bool) -> Vec<(u32, u32)> {
    let mut found = Vec::new();
    for (source_at, source) in (0..).zip(&facts.sources) {
        found.extend(source.everybody().filter(|(_, person)| fits(*person)).map(|(at, _)| (source_at, at)));
    }
    found
}

/// The facts of an entry.
pub(super) fn person<'a>(facts: &'a Facts<'_>, (source, person): (u32, u32)) -> Option<PersonFacts<'a>> {
    facts.sources.get(source as usize)?.person(person)
}

/// A key of a CSV source without the word that tells an id from an address.
pub(super) fn plain_key(key: &str) -> &str {
    key.strip_prefix("id:").unwrap_or(key)
}

fn same_origin(origin: &str, text: &str) -> bool {
    origin == text || (text.contains('=') && origin.to_lowercase() == text.to_lowercase())
}

fn person_line(facts: &Facts<'_>, at: (u32, u32)) -> Option<String> {
    let source = facts.sources.get(at.0 as usize)?;
    let person = source.person(at.1)?;
    let account = person.account.and_then(|at| facts.accounts.get(at as usize));
    let account = account.map_or_else(|| "no account".to_owned(), |account| format!("account {}", account.id));
    let entry = person.entry;
    let addresses: Vec<&str> = entry.addresses.iter().map(Address::as_str).collect();
    let addresses = addresses.join(", ");
    Some(format!("{} ({}: {}; {addresses}; {account})", plain_key(entry.key.as_str()), source.name, entry.origin))
}

fn account_line(facts: &Facts<'_>, at: u32) -> Option<String> {
    let account = facts.accounts.get(at as usize)?;
    Some(format!("{} ({}, {})", account.id, account.email.as_ref().map_or("no address", Address::as_str), account.kind))
}
