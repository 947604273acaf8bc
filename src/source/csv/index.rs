//! Numbers by text, for files of millions of rows. Floor 2, pure.

use std::hash::{BuildHasher, Hasher};

use foldhash::quality::RandomState;

/// A slot without a number.
const FREE: u32 = u32::MAX;

/// The number of slots that a table begins with.
const FIRST: usize = 1 << 10;

/// A text as a table looks for it.
///
/// Texts come from outside, and whoever writes them must not choose where they go: the function is another one
/// in every process.
#[derive(Debug, Default)]
pub(super) struct Hashing(RandomState);

impl Hashing {
    /// Of equal texts it is equal, of others mostly not.
    pub(super) fn hash(&self, text: &str) -> u32 {
        let mut hasher = self.0.build_hasher();
        hasher.write(text.as_bytes());
        (hasher.finish() >> 32) as u32
    }
}

/// Finds numbers by the hash of a text. It does not have the texts themselves: whoever asks has them, in as few
/// places of memory as can be, and says whether a number is the one. A membership's row waits for memory, and for
/// little else.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// A power of two of them, or none: at least twice as many as are taken. A number is in the slot that the
    /// highest bits of its hash name, or in the next free one behind it.
    slots: Vec<Slot>,
    taken: usize,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    hash: u32,
    number: u32,
}

impl Index {
    /// The number with this hash that is the one.
    pub(super) fn find(&self, hash: u32, is: impl Fn(u32) -> bool) -> Option<u32> {
        let mut at = self.home(hash);
        loop {
            let slot = self.slots.get(at)?;
            if slot.number == FREE {
                return None;
            }
            if slot.hash == hash && is(slot.number) {
                return Some(slot.number);
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
    }

    /// The number where the look for a hash begins.
    pub(super) fn first(&self, hash: u32) -> u32 {
        self.slots.get(self.home(hash)).map_or(FREE, |slot| slot.number)
    }

    /// Adds a number that is not there.
    pub(super) fn add(&mut self, hash: u32, number: u32) {
        self.taken += 1;
        if self.taken * 2 > self.slots.len() {
            let more = (self.slots.len() * 2).max(FIRST);
            let slots = std::mem::replace(&mut self.slots, vec![Slot { hash: 0, number: FREE }; more]);
            // In the order of their hashes, nearly: they go from one end of the new slots to the other.
            for slot in slots.into_iter().filter(|slot| slot.number != FREE) {
                self.put(slot);
            }
        }
        self.put(Slot { hash, number });
    }

    fn put(&mut self, new: Slot) {
        let mut at = self.home(new.hash);
        while let Some(slot) = self.slots.get_mut(at) {
            if slot.number == FREE {
                *slot = new;
                return;
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
    }

    fn home(&self, hash: u32) -> usize {
        ((u64::from(hash) * self.slots.len() as u64) >> 32) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_was_added_is_found_and_nothing_else() {
        let (hashing, mut index) = (Hashing::default(), Index::default());
        let texts: Vec<String> = (0..5_000).map(|number| format!("text {number}")).collect();
        let find = |index: &Index, text: &str| index.find(hashing.hash(text), |at| texts[at as usize] == text);
        assert_eq!(find(&index, "text 7"), None);
        for (number, text) in (0..).zip(&texts) {
            assert_eq!(find(&index, text), None);
            index.add(hashing.hash(text), number);
            assert_eq!(find(&index, text), Some(number));
        }
        assert!((0..).zip(&texts).all(|(number, text)| find(&index, text) == Some(number)));
        assert_eq!(find(&index, "text 5000"), None);
    }

    #[test]
    fn texts_of_one_hash_are_told_apart() {
        // Also where they go around the end.
        for hash in [0, u32::MAX] {
            let mut index = Index::default();
            for number in 0..2_000 {
                index.add(hash, number);
            }
            assert!((0..2_000).all(|number| index.find(hash, |at| at == number) == Some(number)));
            assert_eq!(index.find(hash, |_| false), None);
            assert_eq!(index.find(hash / 2 + 7, |_| true), None);
        }
    }
}
