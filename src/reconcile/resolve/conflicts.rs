//! Accounts of which nobody can tell whose they are.

use std::collections::BTreeMap;

use crate::model::desired::PersonRef;
use crate::model::live::AccountIndex;
use crate::model::plan::Why;

use super::super::Inputs;
use super::choose::{Finder, Found};
use super::{LeftOut, NO_ACCOUNT, Resolution, Resolved};

impl Resolution {
    /// Two granted people of one source for one account: nobody can tell whose it is. (The same person
    /// in two sources is one person.)
    pub(super) fn conflicts(&mut self, inputs: &Inputs<'_>, finder: &Finder<'_>) {
        let mut doubtful: BTreeMap<AccountIndex, String> = BTreeMap::new();
        // Whoever has an account is behind it, so where one person is alone nobody contends.
        for account in self.seen.shared() {
            let claims = self.claims(inputs, account);
            let taken = || self.granted_with(account).any(|person| self.is_taken(person, account));
            if let Some(detail) = claims {
                doubtful.insert(account, detail);
            } else if taken() {
                doubtful.insert(account, "its address is another person's by now".to_owned());
            }
        }
        // Also where the account is ambiguous by way of another person's addresses.
        for account in &self.ambiguous {
            doubtful.entry(*account).or_insert_with(|| "another person's addresses mean it too".to_owned());
        }
        for (account, detail) in &doubtful {
            let people: Vec<PersonRef> = self.granted_with(*account).collect();
            for person in people {
                self.doubt(inputs, finder, person, *account, detail);
            }
        }
        self.ambiguous.extend(doubtful.into_keys());
    }

    /// Granted people whose account it is, whether or not it may be touched.
    fn granted_with(&self, account: AccountIndex) -> impl Iterator<Item = PersonRef> {
        self.behind(account).filter(move |person| self.of(*person).and_then(Resolved::account) == Some(account))
    }

    /// What is to be said where several people of one source claim an account. Where several sources say
    /// so, the same one is named whatever their order.
    fn claims(&self, inputs: &Inputs<'_>, account: AccountIndex) -> Option<String> {
        let mut by_source: BTreeMap<u32, Vec<&str>> = BTreeMap::new();
        for person in self.granted_with(account) {
            let source = inputs.sources.get(person.source as usize);
            let entry = source.and_then(|source| source.people.get(person.person as usize));
            by_source.entry(person.source).or_default().extend(entry.map(|entry| entry.origin.as_str()));
        }
        let several = by_source.into_values().filter(|people| people.len() > 1);
        several.map(|people| format!("{} people for one account: {}", people.len(), first_of(&people))).min()
    }

    /// Whether a person has an account by an old link alone, while its address was given to somebody
    /// else of the same source.
    fn is_taken(&self, person: PersonRef, account: AccountIndex) -> bool {
        let seen = self.seen.of(account);
        let by_link = seen.iter().any(|one| one.person == person && !one.by_address);
        by_link && seen.iter().any(|one| one.person.source == person.source && one.by_address && !one.disabled)
    }

    /// Leaves a person out whose account is in doubt.
    fn doubt(
        &mut self,
        inputs: &Inputs<'_>,
        finder: &Finder<'_>,
        person: PersonRef,
        account: AccountIndex,
        detail: &str,
    ) {
        let detail = Some(detail.to_owned());
        if let Some(left_out) = self.left_out.get_mut(&person) {
            (left_out.why, left_out.account, left_out.detail) = (Why::Ambiguous, Some(account), detail);
            return;
        }
        // Only now it matters which other accounts the person's addresses mean.
        let mut found = Found::default();
        let source = inputs.sources.get(person.source as usize);
        if let Some((source, entry)) =
            source.and_then(|source| Some((source, source.people.get(person.person as usize)?)))
        {
            let link = inputs.memory.learned.person_links.get(&source.name, &entry.key);
            finder.find(entry, link.filter(|_| entry.immutable), &mut found);
        }
        let left_out = LeftOut { why: Why::Ambiguous, account: Some(account), detail, accounts: found.accounts };
        self.left_out.insert(person, left_out);
        let accounts = self.accounts.get_mut(person.source as usize);
        if let Some(account) = accounts.and_then(|accounts| accounts.get_mut(person.person as usize)) {
            *account = NO_ACCOUNT;
        }
    }
}

/// The first of many texts, by which the others are found: all of them are told this of each other.
fn first_of(texts: &[&str]) -> String {
    const NAMED: usize = 5;
    let first = texts.get(..NAMED.min(texts.len())).unwrap_or_default().join(", ");
    match texts.len().saturating_sub(NAMED) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_people_the_first_are_named() {
        assert_eq!(first_of(&["a", "b"]), "a, b");
        assert_eq!(first_of(&["a", "b", "c", "d", "e"]), "a, b, c, d, e");
        assert_eq!(first_of(&["a", "b", "c", "d", "e", "f", "g"]), "a, b, c, d, e and 2 more");
    }
}
