//! Floor 2, pure: ids as numbers, so that whoever joins lists compares numbers.

use std::borrow::Cow;
#[expect(clippy::disallowed_types, reason = "for look-ups alone: nothing is said in its order")]
use std::collections::HashMap;

/// Texts, each once, by the number in which they came first.
#[derive(Debug, Default)]
pub(super) struct Numbered<'a> {
    #[expect(clippy::disallowed_types, reason = "for look-ups alone: nothing is said in its order")]
    numbers: HashMap<Cow<'a, str>, u32>,
    texts: Vec<Cow<'a, str>>,
}

impl<'a> Numbered<'a> {
    /// The number of a text, which is remembered.
    pub(super) fn number(&mut self, text: Cow<'a, str>) -> u32 {
        let next = u32::try_from(self.texts.len()).expect("an answer of some MiB has fewer than 2^32 ids in it");
        let number = *self.numbers.entry(text.clone()).or_insert(next);
        if number == next {
            self.texts.push(text);
        }
        number
    }

    /// The number of a text, where it has one.
    pub(super) fn find(&self, text: &str) -> Option<u32> {
        self.numbers.get(text).copied()
    }

    /// The text of a number.
    pub(super) fn text(&self, number: u32) -> &str {
        self.texts.get(number as usize).map_or("", |text| text)
    }

    /// How many there are: every number is below.
    pub(super) fn len(&self) -> usize {
        self.texts.len()
    }
}
