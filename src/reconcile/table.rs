//! Where texts stand in a list, found by their hashes.

use std::hash::{BuildHasher, Hasher};

use foldhash::quality::RandomState;

/// Places in a list of texts. It holds no text itself: what it tells is likely, and whoever asks compares.
///
/// A place takes eight bytes, so that a table of a hundred thousand accounts stays in a processor's cache. (A map of
/// the standard library takes three times that, and hashes slower.) Nothing is ever said in its order.
///
/// Texts come from outside, and whoever writes them must not choose where they go: hashes are others in every table. Of
/// very many equal texts each is met on the way to the last, which is slow and no more.
#[derive(Debug)]
pub(super) struct Table {
    /// Half of a text's hash and its place plus one; 0 where there is none. What finds its slot taken goes into the
    /// next free one, so that places of equal texts are met in their order.
    slots: Vec<u64>,
    hashing: RandomState,
}

const PLACE: u64 = u32::MAX as u64;

impl Table {
    /// The places of texts, as bytes, from 0; those that are none have a place, too. There are fewer than 2^32 - 1.
    pub(super) fn of<'a>(texts: impl ExactSizeIterator<Item = Option<&'a [u8]>>) -> Self {
        let room = texts.len() + texts.len() / 4 + 1;
        let mut table = Self { slots: vec![0; room.next_power_of_two()], hashing: RandomState::default() };
        // First all hashes, then all slots: a processor waits for many texts at once, but not for both.
        let hashes: Vec<Option<u64>> = texts.map(|text| text.map(|text| table.hash(text))).collect();
        for (hash, number) in hashes.into_iter().zip(1_u32..) {
            let Some(hash) = hash else { continue };
            let mut at = table.slot(hash);
            while table.slots.get(at).is_some_and(|slot| *slot != 0) {
                at = table.next(at);
            }
            if let Some(slot) = table.slots.get_mut(at) {
                *slot = hash & !PLACE | u64::from(number);
            }
        }
        table
    }

    /// Places where a text may stand, in their order.
    pub(super) fn likely(&self, text: &[u8]) -> impl Iterator<Item = u32> {
        let hash = self.hash(text);
        let mut at = self.slot(hash);
        std::iter::from_fn(move || {
            loop {
                let slot = *self.slots.get(at).filter(|slot| **slot != 0)?;
                at = self.next(at);
                if slot & !PLACE == hash & !PLACE {
                    return u32::try_from((slot & PLACE) - 1).ok();
                }
            }
        })
    }

    /// The place where a text may stand, if there is one such place alone.
    pub(super) fn only(&self, text: &[u8]) -> Option<u32> {
        let mut likely = self.likely(text);
        likely.next().filter(|_| likely.next().is_none())
    }

    fn hash(&self, text: &[u8]) -> u64 {
        let mut hasher = self.hashing.build_hasher();
        hasher.write(text);
        hasher.finish()
    }

    fn slot(&self, hash: u64) -> usize {
        hash as usize & (self.slots.len() - 1)
    }

    fn next(&self, slot: usize) -> usize {
        (slot + 1) & (self.slots.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_found_where_it_stands_and_no_other() {
        let texts: Vec<Option<String>> =
            (0..5_000).map(|n| (n % 7 != 3).then(|| format!("person.{}@corp.example", n % 4_000))).collect();
        let table = Table::of(texts.iter().map(|text| text.as_ref().map(String::as_bytes)));
        for n in 0..6_000 {
            let text = format!("person.{n}@corp.example");
            let found: Vec<u32> = table.likely(text.as_bytes()).collect();
            let wanted: Vec<u32> =
                (0..).zip(&texts).filter(|(_, own)| own.as_ref() == Some(&text)).map(|(at, _)| at).collect();
            assert_eq!(found, wanted, "{text}");
            assert_eq!(table.only(text.as_bytes()), (wanted.len() == 1).then(|| wanted[0]), "{text}");
        }
        let none = Table::of(std::iter::empty());
        assert_eq!((none.likely(b"").count(), none.only(b"a")), (0, None));
    }
}
