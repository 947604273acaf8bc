//! Ids of long lists in little memory, and as numbers, so that whoever joins lists compares numbers.

use std::cmp::Ordering;

use uuid::Uuid;
use uuid::fmt::Hyphenated;

use super::id::AccountId;

/// Texts of a list, one behind the other: 4 GiB at the most.
#[derive(Debug, Default)]
pub struct Texts(String);

/// Where one of [`Texts`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    from: u32,
    to: u32,
}

impl Texts {
    /// Adds a text; tells where it is.
    pub fn add(&mut self, text: &str) -> Span {
        let end = |texts: &String| u32::try_from(texts.len()).expect("what lists are made of has some hundred MiB");
        let from = end(&self.0);
        self.0.push_str(text);
        Span { from, to: end(&self.0) }
    }

    /// The text that is there.
    pub fn of(&self, span: Span) -> &str {
        self.0.get(span.from as usize..span.to as usize).unwrap_or_default()
    }
}

/// An id of a list. Nearly all are UUIDs, which take less than half the room of their texts.
#[derive(Debug, Clone, Copy)]
pub enum Id {
    /// A UUID as it is written nearly everywhere: 36 lower-case characters. Other spellings are other ids.
    Uuid(Uuid),
    /// Any other text.
    Text(Span),
}

impl Id {
    /// An id; what of it is no UUID is kept in `texts`.
    pub fn new(text: &str, texts: &mut Texts) -> Self {
        match Key::of(text) {
            Key::Uuid(uuid) => Self::Uuid(Uuid::from_u128(uuid)),
            Key::Text(text) => Self::Text(texts.add(text)),
        }
    }

    /// As it is compared; `texts` are those that it was made with.
    pub fn key(self, texts: &Texts) -> Key<'_> {
        match self {
            Self::Uuid(uuid) => Key::Uuid(uuid.as_u128()),
            Self::Text(span) => Key::Text(texts.of(span)),
        }
    }
}

/// An id, to compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key<'a> {
    /// A UUID in its usual spelling; these sort like their texts.
    Uuid(u128),
    /// Any other text.
    Text(&'a str),
}

impl<'a> Key<'a> {
    /// An id as it is written.
    pub fn of(text: &'a str) -> Self {
        canonical(text).map_or(Self::Text(text), Self::Uuid)
    }

    /// As the id of an account.
    pub fn account(self) -> AccountId {
        self.with(|text| AccountId::new(text))
    }

    /// Its text, for one use.
    pub fn with<T>(self, read: impl FnOnce(&str) -> T) -> T {
        match self {
            Self::Uuid(uuid) => read(Uuid::from_u128(uuid).hyphenated().encode_lower(&mut [0; Hyphenated::LENGTH])),
            Self::Text(text) => read(text),
        }
    }
}

/// The number that a UUID is, where it is written as nearly everywhere. (The crate takes other spellings, too, and
/// several times as long.)
fn canonical(text: &str) -> Option<u128> {
    let bytes: &[u8; Hyphenated::LENGTH] = text.as_bytes().try_into().ok()?;
    let (mut number, mut odd) = (0, 0);
    for (part, length) in bytes.split(|byte| *byte == b'-').zip([8, 4, 4, 4, 12]) {
        odd |= u8::from(part.len() != length);
        let mut digits = 0_u64;
        for byte in part {
            let digit = DIGITS[usize::from(*byte)];
            odd |= digit & 0xf0;
            digits = digits << 4 | u64::from(digit & 0x0f);
        }
        number = number << (4 * length) | u128::from(digits);
    }
    (odd == 0).then_some(number)
}

/// What each byte is as a hexadecimal digit in lower case.
const DIGITS: [u8; 256] = {
    let mut digits = [0xff; 256];
    let mut digit = 0;
    while digit < 16 {
        digits[b"0123456789abcdef"[digit] as usize] = digit as u8;
        digit += 1;
    }
    digits
};

impl Ord for Key<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Uuid(a), Self::Uuid(b)) => a.cmp(b),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            _ => self.with(|a| other.with(|b| a.cmp(b))),
        }
    }
}

impl PartialOrd for Key<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Ids, each once, by numbers from 0 on: UUIDs before others, and each kind sorted.
#[derive(Debug)]
pub struct Numbered<'a> {
    uuids: Vec<u128>,
    texts: Vec<&'a str>,
    /// Where UUIDs begin that have these first bits; and where the last of them end. UUIDs are spread evenly, or a
    /// look-up is a search among all of them.
    starts: Vec<u32>,
    bits: u32,
}

impl<'a> Numbered<'a> {
    /// Ids as numbers; and the number of each of them, in their order.
    pub fn of(keys: impl Iterator<Item = Option<Key<'a>>>) -> (Self, Vec<Option<u32>>) {
        let (mut uuids, mut texts) = (Vec::with_capacity(keys.size_hint().0), Vec::new());
        let mut count = 0;
        for (at, key) in (0_usize..).zip(keys) {
            count = at + 1;
            match key {
                Some(Key::Uuid(uuid)) => uuids.push((uuid, at)),
                Some(Key::Text(text)) => texts.push((text, at)),
                None => {}
            }
        }
        let mut numbers = vec![None; count];
        let uuids = each_once(uuids, 0, &mut numbers);
        let texts = each_once(texts, uuids.len(), &mut numbers);
        // A few in a bucket are found as quickly as one, and the table stays near at hand.
        let bits = uuids.len().max(16).ilog2() - 3;
        let mut starts = Vec::with_capacity((1 << bits) + 1);
        for (at, uuid) in (0..).zip(&uuids) {
            starts.resize(starts.len().max(first_bits(*uuid, bits) + 1), at);
        }
        starts.resize((1 << bits) + 1, short(uuids.len()));
        (Self { uuids, texts, starts, bits }, numbers)
    }

    /// The number of an id, where it has one.
    pub fn find(&self, key: Key<'_>) -> Option<u32> {
        let at = match key {
            Key::Uuid(uuid) => {
                let bucket = first_bits(uuid, self.bits);
                let bound = |at: usize| self.starts.get(at).map_or(0, |at| *at as usize);
                let from = bound(bucket);
                from + self.uuids.get(from..bound(bucket + 1))?.binary_search(&uuid).ok()?
            }
            Key::Text(text) => self.uuids.len() + self.texts.binary_search(&text).ok()?,
        };
        Some(short(at))
    }

    /// The numbers of many ids, in their order. They are looked up by the thousand, and sorted: as they come, each
    /// would be at another end of memory.
    pub fn find_all<'b>(&self, keys: impl Iterator<Item = Key<'b>>) -> Vec<Option<u32>> {
        const AT_ONCE: usize = 50_000;
        let mut numbers = Vec::new();
        let mut keys = keys.enumerate().peekable();
        while keys.peek().is_some() {
            let mut some: Vec<(Key<'_>, usize)> = keys.by_ref().take(AT_ONCE).map(|(at, key)| (key, at)).collect();
            some.sort_unstable();
            numbers.resize(numbers.len() + some.len(), None);
            for (key, at) in some {
                if let Some(number) = numbers.get_mut(at) {
                    *number = self.find(key);
                }
            }
        }
        numbers
    }

    /// The id of a number.
    pub fn key(&self, number: u32) -> Key<'a> {
        let number = number as usize;
        match self.uuids.get(number) {
            Some(uuid) => Key::Uuid(*uuid),
            None => Key::Text(self.texts.get(number.saturating_sub(self.uuids.len())).copied().unwrap_or_default()),
        }
    }

    /// How many there are: every number is below.
    pub fn count(&self) -> usize {
        self.uuids.len() + self.texts.len()
    }

    /// All numbers, in the order of the texts of their ids.
    pub fn in_order(&self) -> impl Iterator<Item = u32> {
        let mut uuids = (0..).zip(&self.uuids).peekable();
        let mut texts = (short(self.uuids.len())..).zip(&self.texts).peekable();
        std::iter::from_fn(move || match (uuids.peek(), texts.peek()) {
            (Some((_, uuid)), Some((_, text))) if Key::Text(text) < Key::Uuid(**uuid) => texts.next().map(|(at, _)| at),
            (Some(_), _) => uuids.next().map(|(at, _)| at),
            (None, _) => texts.next().map(|(at, _)| at),
        })
    }
}

/// Ids sorted, each once; and notes the number of each place where one came from, counted from `first` on.
fn each_once<T: Ord + Copy>(mut ids: Vec<(T, usize)>, first: usize, numbers: &mut [Option<u32>]) -> Vec<T> {
    ids.sort_unstable();
    let mut once: Vec<T> = Vec::with_capacity(ids.len());
    for (id, from) in ids {
        if once.last() != Some(&id) {
            once.push(id);
        }
        if let Some(number) = numbers.get_mut(from) {
            *number = Some(short(first + once.len() - 1));
        }
    }
    once
}

fn short(number: usize) -> u32 {
    u32::try_from(number).expect("what has some hundred MiB has fewer than 2^32 ids in it")
}

fn first_bits(uuid: u128, bits: u32) -> usize {
    usize::try_from(uuid >> (u128::BITS - bits)).unwrap_or(usize::MAX)
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
        let all = [uuid, &upper, &bare, &braced, "u1", "", "876654321-1234"];
        let mut texts = Texts::default();
        let ids = all.map(|text| Id::new(text, &mut texts));
        let (numbered, numbers) = Numbered::of(ids.iter().chain(&ids).map(|id| Some(id.key(&texts))));
        for (at, text) in all.into_iter().enumerate() {
            let number = numbered.find(Key::of(text)).unwrap();
            assert_eq!((numbers[at], numbers[at + all.len()]), (Some(number), Some(number)));
            numbered.key(number).with(|found| assert_eq!(found, text));
        }
        assert_eq!((numbered.count(), numbered.find(Key::of("u2"))), (all.len(), None));
    }

    fn id() -> impl Strategy<Value = String> {
        prop_oneof![
            any::<u128>().prop_map(|bits| Uuid::from_u128(bits).to_string()),
            (0_u128..99).prop_map(|bits| Uuid::from_u128(bits).to_string()),
            "[0-9a-fA-F-]{0,37}",
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]
        #[test]
        fn ids_sort_like_their_texts_and_are_found(ids in prop::collection::vec(id(), 0..60), other in id()) {
            let mut texts = Texts::default();
            let own: Vec<Id> = ids.iter().map(|id| Id::new(id, &mut texts)).collect();
            for (id, text) in own.iter().zip(&ids) {
                id.key(&texts).with(|own| assert_eq!(own, text));
            }
            for (a, one) in ids.iter().zip(&own) {
                for (b, other) in ids.iter().zip(&own) {
                    prop_assert_eq!(one.key(&texts).cmp(&other.key(&texts)), a.cmp(b));
                }
            }
            let (numbered, numbers) = Numbered::of(own.iter().map(|id| Some(id.key(&texts))).chain([None]));
            let again: Vec<String> =
                numbers.iter().flatten().map(|at| numbered.key(*at).with(str::to_owned)).collect();
            prop_assert_eq!((&again, numbers.len()), (&ids, ids.len() + 1));
            let mut sorted = ids.clone();
            sorted.sort();
            sorted.dedup();
            let order: Vec<String> = numbered.in_order().map(|at| numbered.key(at).with(str::to_owned)).collect();
            prop_assert_eq!(&order, &sorted);
            for id in ids.iter().chain([&other]) {
                let found = numbered.find(Key::of(id)).map(|at| numbered.key(at).with(str::to_owned));
                prop_assert_eq!(found, sorted.contains(id).then(|| id.clone()));
            }
            let all = || ids.iter().chain([&other]).map(|id| Key::of(id));
            prop_assert_eq!(numbered.find_all(all()), all().map(|key| numbered.find(key)).collect::<Vec<_>>());
        }
    }
}
