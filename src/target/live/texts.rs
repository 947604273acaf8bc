//! Floor 2, pure: ids as numbers, so that whoever joins lists compares numbers.

use std::borrow::Cow;
use std::cmp::Ordering;
#[expect(clippy::disallowed_types, reason = "for look-ups alone: nothing is said in its order")]
use std::collections::HashMap;

use uuid::Uuid;
use uuid::fmt::Hyphenated;

use crate::model::id::AccountId;

/// An id. Nearly all are UUIDs, which are compared without going back to the text: that lies somewhere in an answer
/// of many MiB.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Id<'a> {
    /// A UUID as it is written nearly everywhere: 36 lower-case characters. These sort like their texts.
    Uuid(Uuid),
    /// Any other text.
    Text(Cow<'a, str>),
}

impl<'a> Id<'a> {
    fn new(text: Cow<'a, str>) -> Self {
        match Uuid::try_parse(&text) {
            // Other spellings of a UUID are other ids.
            Ok(uuid) if written(uuid, &mut [0; Hyphenated::LENGTH]) == text => Self::Uuid(uuid),
            _ => Self::Text(text),
        }
    }

    /// As the id of an account.
    pub(super) fn account(&self) -> AccountId {
        self.with(|text| AccountId::new(text))
    }

    /// Its text, for one use.
    pub(super) fn with<T>(&self, read: impl FnOnce(&str) -> T) -> T {
        match self {
            Self::Uuid(uuid) => read(written(*uuid, &mut [0; Hyphenated::LENGTH])),
            Self::Text(text) => read(text),
        }
    }
}

fn written(uuid: Uuid, buffer: &mut [u8; Hyphenated::LENGTH]) -> &str {
    uuid.hyphenated().encode_lower(buffer)
}

impl Ord for Id<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Uuid(a), Self::Uuid(b)) => a.cmp(b),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            _ => self.with(|a| other.with(|b| a.cmp(b))),
        }
    }
}

impl PartialOrd for Id<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Ids, each once, by the number in which they came first. UUIDs have a table of their own, of half the size.
#[derive(Debug, Default)]
#[expect(clippy::disallowed_types, reason = "for look-ups alone: nothing is said in its order")]
pub(super) struct Numbered<'a> {
    uuids: HashMap<u128, u32>,
    texts: HashMap<Cow<'a, str>, u32>,
    ids: Vec<Id<'a>>,
}

impl<'a> Numbered<'a> {
    /// The number of an id, which is remembered.
    pub(super) fn number(&mut self, text: Cow<'a, str>) -> u32 {
        let id = Id::new(text);
        let next = u32::try_from(self.ids.len()).expect("an answer of some MiB has fewer than 2^32 ids in it");
        let number = match &id {
            Id::Uuid(uuid) => *self.uuids.entry(uuid.as_u128()).or_insert(next),
            Id::Text(text) => *self.texts.entry(text.clone()).or_insert(next),
        };
        if number == next {
            self.ids.push(id);
        }
        number
    }

    /// The number of an id, where it has one.
    pub(super) fn find(&self, text: &str) -> Option<u32> {
        match Id::new(Cow::Borrowed(text)) {
            Id::Uuid(uuid) => self.uuids.get(&uuid.as_u128()).copied(),
            Id::Text(text) => self.texts.get(&text).copied(),
        }
    }

    /// The id of a number that was given out.
    pub(super) fn id(&self, number: u32) -> &Id<'a> {
        const NONE: &Id<'static> = &Id::Text(Cow::Borrowed(""));
        self.ids.get(number as usize).unwrap_or(NONE)
    }

    /// How many there are: every number is below.
    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_spelling_is_an_id_of_its_own() {
        let uuid = "82d7c228-8bcd-11e9-a94b-ab3de8494987";
        let upper = uuid.to_uppercase();
        let bare = uuid.replace('-', "");
        let braced = format!("{{{uuid}}}");
        let mut ids = Numbered::default();
        let texts = [uuid, &upper, &bare, &braced, "u1", "", "876654321-1234"];
        for (at, text) in texts.into_iter().enumerate() {
            assert_eq!(ids.number(Cow::Borrowed(text)) as usize, at, "{text}");
        }
        for (at, text) in texts.into_iter().enumerate() {
            assert_eq!(ids.number(Cow::Owned(text.to_owned())) as usize, at, "{text}");
            assert_eq!(ids.find(text), Some(at as u32));
            ids.id(at as u32).with(|found| assert_eq!(found, text));
        }
        assert_eq!((ids.len(), ids.find("u2")), (texts.len(), None));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]
        #[test]
        fn ids_sort_like_their_texts(a in any::<u128>(), b in any::<u128>(), text in "[0-9a-fA-F-]{0,37}") {
            let texts = [Uuid::from_u128(a).to_string(), Uuid::from_u128(b).to_string(), text];
            for a in &texts {
                for b in &texts {
                    let (one, other) = (Id::new(Cow::Borrowed(a)), Id::new(Cow::Borrowed(b)));
                    prop_assert_eq!(one.cmp(&other), a.cmp(b));
                    prop_assert_eq!(one == other, a == b);
                }
            }
        }
    }
}
