//! Which account each person was at the last full run, in little memory.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::id::{AccountId, PersonKey, SourceName};

/// Accounts of people who have an immutable id, by source. Links that did not change are shared with those
/// that were there before.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PersonLinks(BTreeMap<SourceName, Arc<Links>>);

/// The links of one source, sorted by person, each person once: one text for all of them, and where in it
/// each person's key and each account's id ends.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Links {
    text: String,
    ends: Vec<(usize, usize)>,
}

impl Links {
    fn push(&mut self, person: &str, account: &str) {
        self.text.push_str(person);
        let key = self.text.len();
        self.text.push_str(account);
        self.ends.push((key, self.text.len()));
    }

    fn at(&self, at: usize) -> (&str, &str) {
        let from = at.checked_sub(1).and_then(|before| self.ends.get(before)).map_or(0, |(_, end)| *end);
        let (key, end) = self.ends.get(at).copied().unwrap_or((from, from));
        let part = |from: usize, to: usize| self.text.get(from..to).unwrap_or_default();
        (part(from, key), part(key, end))
    }

    fn get(&self, person: &str) -> Option<&str> {
        let (mut from, mut to) = (0, self.ends.len());
        while from < to {
            let middle = from.midpoint(to);
            let (key, account) = self.at(middle);
            match key.cmp(person) {
                Ordering::Equal => return Some(account),
                Ordering::Less => from = middle + 1,
                Ordering::Greater => to = middle,
            }
        }
        None
    }
}

/// The links of one source, for whoever asks for people in the order of their keys.
#[derive(Debug)]
pub struct InOrder<'a> {
    links: Option<&'a Links>,
    next: usize,
}

impl<'a> InOrder<'a> {
    /// The account of a person who does not come before those who were asked for.
    pub fn of(&mut self, person: &PersonKey) -> Option<&'a str> {
        let links = self.links?;
        while self.next < links.ends.len() {
            let (key, account) = links.at(self.next);
            match key.as_bytes().cmp(person.as_bytes()) {
                Ordering::Less => self.next += 1,
                Ordering::Equal => {
                    self.next += 1;
                    return Some(account);
                }
                Ordering::Greater => break,
            }
        }
        None
    }
}

impl PersonLinks {
    /// The links of a source, to be asked for in the order of people.
    pub fn in_order(&self, source: &SourceName) -> InOrder<'_> {
        InOrder { links: self.0.get(source).map(Arc::as_ref), next: 0 }
    }

    /// The account of a person.
    pub fn get(&self, source: &SourceName, person: &PersonKey) -> Option<&str> {
        self.0.get(source)?.get(person.as_str())
    }

    /// Persons and their accounts, by person.
    pub fn of(&self, source: &SourceName) -> impl Iterator<Item = (&str, &str)> {
        let links = self.0.get(source);
        links.into_iter().flat_map(|links| (0..links.ends.len()).map(|at| links.at(at)))
    }

    /// Everybody who has a link, of whatever source.
    pub fn people(&self) -> impl Iterator<Item = &str> {
        self.0.keys().flat_map(|source| self.of(source)).map(|(person, _)| person)
    }

    /// How many people of a source have a link.
    pub fn count_of(&self, source: &SourceName) -> usize {
        self.0.get(source).map_or(0, |links| links.ends.len())
    }

    /// Takes over another's links of a source, as they are.
    pub fn share(&mut self, source: &SourceName, other: &Self) {
        if let Some(links) = other.0.get(source) {
            self.0.insert(source.clone(), Arc::clone(links));
        }
    }

    /// Sources with links, by name.
    pub fn sources(&self) -> impl Iterator<Item = &SourceName> {
        self.0.keys()
    }

    /// Adds the link of a person who comes behind all others of the source.
    pub fn push(&mut self, source: &SourceName, person: &str, account: &str) {
        match self.0.get_mut(source) {
            Some(links) => Arc::make_mut(links).push(person, account),
            None => Arc::make_mut(self.0.entry(source.clone()).or_default()).push(person, account),
        }
    }

    /// Lets go of memory that was taken in advance.
    pub fn shrink(&mut self) {
        for links in self.0.values_mut().filter_map(Arc::get_mut) {
            links.text.shrink_to_fit();
            links.ends.shrink_to_fit();
        }
    }
}

/// Of two links of one person the last one counts.
impl FromIterator<((SourceName, PersonKey), AccountId)> for PersonLinks {
    fn from_iter<I: IntoIterator<Item = ((SourceName, PersonKey), AccountId)>>(links: I) -> Self {
        let sorted: BTreeMap<(SourceName, PersonKey), AccountId> = links.into_iter().collect();
        let mut all = Self::default();
        for ((source, person), account) in &sorted {
            all.push(source, person.as_str(), account.as_str());
        }
        all
    }
}

impl<const N: usize> From<[((SourceName, PersonKey), AccountId); N]> for PersonLinks {
    fn from(links: [((SourceName, PersonKey), AccountId); N]) -> Self {
        links.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_is_found_and_nobody_else() {
        let people = ["b", "", "d", "dd", "f"];
        let links: PersonLinks = people
            .iter()
            .flat_map(|key| {
                ["ad", "hr"].map(|source| ((source.into(), (*key).into()), format!("{source}-{key}").as_str().into()))
            })
            .collect();
        for key in ["", "a", "b", "c", "d", "dd", "e", "f", "g"] {
            let found = links.get(&"hr".into(), &key.into()).map(str::to_owned);
            assert_eq!(found, people.contains(&key).then(|| format!("hr-{key}")), "{key:?}");
            assert_eq!(links.get(&"other".into(), &key.into()), None);
        }
        for (name, there) in [("hr", true), ("other", false)] {
            let mut links = links.in_order(&name.into());
            for key in ["a", "b", "c", "dd", "f", "g"] {
                let is_there = there && people.contains(&key);
                assert_eq!(links.of(&key.into()), is_there.then(|| format!("hr-{key}")).as_deref(), "{name} {key}");
            }
        }
        let all: Vec<(&str, &str)> = links.of(&"ad".into()).collect();
        assert_eq!(all, [("", "ad-"), ("b", "ad-b"), ("d", "ad-d"), ("dd", "ad-dd"), ("f", "ad-f")]);
        assert_eq!(links.people().count(), 10);
        assert_eq!(links.sources().map(SourceName::as_str).collect::<Vec<_>>(), ["ad", "hr"]);
        assert_eq!(links.of(&"other".into()).count(), 0);
        assert_eq!((links.count_of(&"ad".into()), links.count_of(&"other".into())), (5, 0));
    }

    #[test]
    fn what_is_shared_can_be_added_to_without_a_change_of_the_other() {
        let before: PersonLinks = [(("hr".into(), "p1".into()), "a1".into())].into();
        let mut after = PersonLinks::default();
        after.share(&"hr".into(), &before);
        after.share(&"it".into(), &before);
        assert_eq!(after, before);
        after.push(&"hr".into(), "p2", "a2");
        assert_eq!((after.count_of(&"hr".into()), before.count_of(&"hr".into())), (2, 1));
        assert_eq!(after.get(&"hr".into(), &"p1".into()), Some("a1"));
    }
}
