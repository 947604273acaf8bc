//! Where texts stand in a list, found by their hashes.

/// Places in a list of texts. It holds no text itself: what it tells is likely, and whoever asks compares.
///
/// A place takes eight bytes, so that a table of a hundred thousand accounts stays in a processor's cache. (A map of
/// the standard library takes three times that, and hashes slower.) Nothing is ever said in its order.
#[derive(Debug)]
pub(super) struct Table {
    /// Half of a text's hash and its place plus one; 0 where there is none. What finds its slot taken goes into the
    /// next free one, so that places of equal texts are met in their order.
    slots: Vec<u64>,
}

const PLACE: u64 = u32::MAX as u64;

impl Table {
    /// The places of texts, from 0; those that are none have a place, too. There are fewer than 2^32 - 1.
    pub(super) fn of<'a>(texts: impl ExactSizeIterator<Item = Option<&'a str>>) -> Self {
        let room = texts.len() + texts.len() / 4 + 1;
        let mut table = Self { slots: vec![0; room.next_power_of_two()] };
        // First all hashes, then all slots: a processor waits for many texts at once, but not for both.
        let hashes: Vec<Option<u64>> = texts.map(|text| text.map(hash)).collect();
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

    /// Places where a text of this hash may stand, in their order.
    pub(super) fn likely(&self, hash: u64) -> impl Iterator<Item = u32> {
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

    /// The place where a text of this hash may stand, if there is one such place alone.
    pub(super) fn only(&self, hash: u64) -> Option<u32> {
        let mut likely = self.likely(hash);
        likely.next().filter(|_| likely.next().is_none())
    }

    fn slot(&self, hash: u64) -> usize {
        hash as usize & (self.slots.len() - 1)
    }

    fn next(&self, slot: usize) -> usize {
        (slot + 1) & (self.slots.len() - 1)
    }
}

/// A hash for tables of texts. It is made to be quick, and not against people who choose texts of one hash: they would
/// make a run slow, and change nothing else.
pub(super) fn hash(text: &str) -> u64 {
    let (words, rest) = text.as_bytes().as_chunks::<8>();
    let mut last = [0; 8];
    for (to, from) in last.iter_mut().zip(rest) {
        *to = *from;
    }
    let words = words.iter().chain([&last]);
    words.fold(text.len() as u64, |sum, word| mixed(sum ^ u64::from_le_bytes(*word)))
}

/// Every bit of the result depends on every bit of the number: both halves of a product of twice the width.
fn mixed(number: u64) -> u64 {
    // An odd number without a pattern: the golden ratio's.
    let product = u128::from(number ^ 0x2545_f491_4f6c_dd1d) * 0x9e37_79b9_7f4a_7c15;
    (product >> 64) as u64 ^ product as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_found_where_it_stands_and_no_other() {
        let texts: Vec<Option<String>> =
            (0..5_000).map(|n| (n % 7 != 3).then(|| format!("person.{}@corp.example", n % 4_000))).collect();
        let table = Table::of(texts.iter().map(Option::as_deref));
        for n in 0..6_000 {
            let text = format!("person.{n}@corp.example");
            let found: Vec<u32> = table.likely(hash(&text)).collect();
            let wanted: Vec<u32> =
                (0..).zip(&texts).filter(|(_, own)| own.as_ref() == Some(&text)).map(|(at, _)| at).collect();
            assert_eq!(found, wanted, "{text}");
            assert_eq!(table.only(hash(&text)), (wanted.len() == 1).then(|| wanted[0]), "{text}");
        }
        let none = Table::of(std::iter::empty());
        assert_eq!((none.likely(hash("")).count(), none.only(7)), (0, None));
    }

    #[test]
    fn texts_that_differ_little_have_hashes_that_differ_much() {
        let texts = (0..100_000).map(|n| format!("{n:08x}-0000-4000-8000-000000000000"));
        let mut slots: Vec<u64> = texts.map(|text| hash(&text) & 0x1_ffff).collect();
        slots.sort_unstable();
        slots.dedup();
        // Of 100,000 thrown into 131,072 slots about 70,000 are hit.
        assert!((69_000..71_000).contains(&slots.len()), "{}", slots.len());
    }
}
