//! Which account each person was.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::id::{AccountId, PersonKey, SourceName};

/// The links of one source: sorted by person, each person once.
pub type SourceLinks = Arc<Vec<(PersonKey, AccountId)>>;

/// Accounts of people who have an immutable id, by source. Links that did not change are shared with those
/// that were there before.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PersonLinks(BTreeMap<SourceName, SourceLinks>);

impl PersonLinks {
    /// The links of a source, sorted by person.
    pub fn of(&self, source: &SourceName) -> &[(PersonKey, AccountId)] {
        self.0.get(source).map_or(&[], |links| links.as_slice())
    }

    /// The account that a person was.
    pub fn get(&self, source: &SourceName, person: &PersonKey) -> Option<&AccountId> {
        let links = self.of(source);
        let at = links.binary_search_by(|(key, _)| key.cmp(person)).ok()?;
        links.get(at).map(|(_, account)| account)
    }

    /// All links, by source and person.
    pub fn iter(&self) -> impl Iterator<Item = (&SourceName, &PersonKey, &AccountId)> {
        let of = |(source, links)| -> (&SourceName, &SourceLinks) { (source, links) };
        let all = self.0.iter().map(of);
        all.flat_map(|(source, links)| links.iter().map(move |(person, account)| (source, person, account)))
    }

    /// Takes over another's links of a source, as they are.
    pub fn share(&mut self, source: &SourceName, other: &Self) {
        if let Some(links) = other.0.get(source) {
            self.0.insert(source.clone(), Arc::clone(links));
        }
    }

    /// Sets the links of a source. Of two for one person the later one counts.
    pub fn set(&mut self, source: &SourceName, mut links: Vec<(PersonKey, AccountId)>) {
        links.reverse();
        links.sort_by(|(a, _), (b, _)| a.cmp(b));
        links.dedup_by(|(later, _), (first, _)| later == first);
        if links.is_empty() {
            self.0.remove(source);
        } else {
            self.0.insert(source.clone(), Arc::new(links));
        }
    }
}

impl FromIterator<((SourceName, PersonKey), AccountId)> for PersonLinks {
    fn from_iter<I: IntoIterator<Item = ((SourceName, PersonKey), AccountId)>>(links: I) -> Self {
        let mut by_source: BTreeMap<SourceName, Vec<(PersonKey, AccountId)>> = BTreeMap::new();
        for ((source, person), account) in links {
            by_source.entry(source).or_default().push((person, account));
        }
        let mut all = Self::default();
        for (source, links) in by_source {
            all.set(&source, links);
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
    fn a_person_of_a_source_has_one_link_the_last_that_was_given() {
        let key = |source: &str, person: &str| (source.into(), person.into());
        let links: PersonLinks = [
            (key("hr", "p2"), "a2".into()),
            (key("ad", "p1"), "a9".into()),
            (key("hr", "p1"), "a0".into()),
            (key("hr", "p1"), "a1".into()),
        ]
        .into();
        let told: Vec<String> =
            links.iter().map(|(source, person, account)| format!("{source} {person} {account}")).collect();
        assert_eq!(told, ["ad p1 a9", "hr p1 a1", "hr p2 a2"]);
        assert_eq!(links.get(&"hr".into(), &"p1".into()), Some(&"a1".into()));
        assert_eq!(links.get(&"hr".into(), &"p3".into()), None);
        assert_eq!((links.of(&"hr".into()).len(), links.of(&"it".into()).len()), (2, 0));

        let mut some = PersonLinks::default();
        some.share(&"hr".into(), &links);
        some.share(&"it".into(), &links);
        assert_eq!(some.iter().count(), 2);
        some.set(&"hr".into(), Vec::new());
        assert_eq!(some, PersonLinks::default());
    }
}
