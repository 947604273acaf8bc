//! Texts that share memory with their neighbours: a large directory has hundreds of thousands of short ones.

use std::cmp::Ordering;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// A text, or a part of a longer one that others are parts of, too. Cheap to clone; compared by its bytes. As long as
/// one of them is kept, the whole is: what goes together is made together.
#[derive(Clone)]
pub struct Piece {
    whole: Arc<str>,
    from: u32,
    to: u32,
}

impl Piece {
    /// A text by itself.
    pub fn new(text: &str) -> Self {
        Self { whole: text.into(), from: 0, to: offset(text.len()) }
    }

    /// A text cut into pieces, each of which ends there: these are offsets in bytes, rising.
    pub fn cut(whole: String, ends: impl IntoIterator<Item = usize>) -> impl Iterator<Item = Self> {
        let whole: Arc<str> = whole.into();
        let mut from = 0;
        ends.into_iter().map(move |end| {
            let to = offset(end);
            Self { whole: Arc::clone(&whole), from: std::mem::replace(&mut from, to), to }
        })
    }

    /// The text.
    #[inline]
    pub fn as_str(&self) -> &str {
        self.whole.get(self.from as usize..self.to as usize).unwrap_or_default()
    }

    /// Its bytes, by which it is compared: they are there without asking whether characters are cut in two.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        self.whole.as_bytes().get(self.from as usize..self.to as usize).unwrap_or_default()
    }
}

impl Deref for Piece {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl Default for Piece {
    fn default() -> Self {
        Self::new("")
    }
}

impl From<String> for Piece {
    fn from(text: String) -> Self {
        Self::new(&text)
    }
}

fn offset(at: usize) -> u32 {
    // What is cut are the texts of one person, or of some hundred people or accounts, and each has a few MiB at the most.
    u32::try_from(at).expect("texts that are cut together are shorter than 4 GiB")
}

impl PartialEq for Piece {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Piece {}

impl PartialEq<str> for Piece {
    fn eq(&self, other: &str) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl PartialOrd for Piece {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Piece {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl fmt::Display for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_are_cut_compare_like_texts_by_themselves() {
        let texts = ["b", "", "jo\u{e9}", "a", "b"];
        let pieces: Vec<Piece> = Piece::cut(texts.concat(), [1, 1, 5, 6, 7]).collect();
        assert_eq!(pieces.iter().map(Piece::as_str).collect::<Vec<_>>(), texts);
        assert_eq!((&pieces[0], &pieces[1]), (&pieces[4], &Piece::new("")));
        assert!(pieces[3] < pieces[0] && pieces[0] < pieces[2]);
        assert!(pieces[2] == *"jo\u{e9}" && pieces[2] != *"jo");
    }
}
