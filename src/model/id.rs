//! Names and identifiers as types of their own, so that one cannot stand for another.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;

use super::piece::Piece;

/// Text that names one kind of thing. Cheap to clone; ordered and compared by its bytes.
pub struct Text<K> {
    text: Piece,
    kind: PhantomData<fn() -> K>,
}

impl<K> Text<K> {
    /// Takes the text as it is: nothing is trimmed or folded.
    pub fn new(text: impl AsRef<str>) -> Self {
        Self::from(Piece::new(text.as_ref()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        self.text.as_str()
    }

    /// Its bytes, by which it is compared.
    pub fn as_bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }
}

impl<K> Clone for Text<K> {
    fn clone(&self) -> Self {
        Self::from(self.text.clone())
    }
}

impl<K> PartialEq for Text<K> {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl<K> Eq for Text<K> {}

impl<K> PartialEq<str> for Text<K> {
    fn eq(&self, other: &str) -> bool {
        self.text == *other
    }
}

impl<K> PartialOrd for Text<K> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<K> Ord for Text<K> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.text.cmp(&other.text)
    }
}

impl<K> Hash for Text<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl<K> Borrow<str> for Text<K> {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl<K> fmt::Display for Text<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl<K> fmt::Debug for Text<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

impl<K> From<Piece> for Text<K> {
    fn from(text: Piece) -> Self {
        Self { text, kind: PhantomData }
    }
}

impl<K> From<&str> for Text<K> {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl<K> From<String> for Text<K> {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

/// The kinds of [`Text`]; never built.
pub mod kind {
    /// See [`super::SourceName`].
    pub enum Source {}
    /// See [`super::GroupName`].
    pub enum Group {}
    /// See [`super::GroupId`].
    pub enum TargetGroup {}
    /// See [`super::AccountId`].
    pub enum Account {}
    /// See [`super::AccountType`].
    pub enum AccountType {}
    /// See [`super::RunId`].
    pub enum Run {}
    /// See [`super::PersonKey`].
    pub enum Person {}
    /// See [`super::DirectoryGroupKey`].
    pub enum DirectoryGroup {}
    /// See [`super::Watermark`].
    pub enum Watermark {}
}

/// `name` of a `[[source]]`.
pub type SourceName = Text<kind::Source>;
/// The configured name of a target group: `to` of a mapping after its template was filled in.
pub type GroupName = Text<kind::Group>;
/// Hyperproof's id of a group.
pub type GroupId = Text<kind::TargetGroup>;
/// Hyperproof's id of an account, of the kind that groups hold (see [`super::live::MemberIdKind`]).
pub type AccountId = Text<kind::Account>;
/// `type` of an account, as Hyperproof gives it (`activeUser`, `contact`, …). There are few of them, and accounts of
/// one type share its text.
pub type AccountType = Text<kind::AccountType>;
/// A run's id: a UUID of version 7, so that ids sort by time.
pub type RunId = Text<kind::Run>;
/// What tells one person of a source from another: the immutable id where the source has one,
/// else the first address, folded.
pub type PersonKey = Text<kind::Person>;
/// What tells one directory group of a source from another: the immutable id where there is one,
/// else the name.
pub type DirectoryGroupKey = Text<kind::DirectoryGroup>;
/// What a source says of its own state: two equal ones mean that nothing changed in between. Only the
/// source that gave it can read it.
pub type Watermark = Text<kind::Watermark>;
