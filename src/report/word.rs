//! The model's words as strings of the documents; serde stays off the model.

use serde::de::{Deserializer, Error};
use serde::{Deserialize, Serializer};

use crate::model::hold::Rule;
use crate::model::plan::{GroupStanding, Op, Reason, Why};
use crate::model::policy::Mode;
use crate::model::run::Outcome;

/// A closed set of words.
pub(crate) trait Word: Copy + 'static {
    /// Every word.
    const ALL: &'static [Self];
    /// As the documents write it.
    fn word(self) -> &'static str;
}

impl Word for Op {
    const ALL: &'static [Self] = &Op::ALL;
    fn word(self) -> &'static str {
        self.as_str()
    }
}

impl Word for Rule {
    const ALL: &'static [Self] = &Rule::ALL;
    fn word(self) -> &'static str {
        self.as_str()
    }
}

impl Word for Outcome {
    const ALL: &'static [Self] = &Outcome::ALL;
    fn word(self) -> &'static str {
        self.as_str()
    }
}

impl Word for Reason {
    const ALL: &'static [Self] = &[
        Self::Granted,
        Self::GrantEnded,
        Self::PersonDisabled,
        Self::PersonGone,
        Self::AccountDeactivated,
        Self::DriftAdded,
        Self::DriftRemoved,
        Self::Undo,
    ];
    fn word(self) -> &'static str {
        self.as_str()
    }
}

impl Word for Why {
    const ALL: &'static [Self] = &[
        Self::NoAccount,
        Self::Ambiguous,
        Self::InactiveAccount,
        Self::NoEmail,
        Self::IneligibleType,
        Self::Protected,
        Self::SourceIncomplete,
        Self::NotOwned,
        Self::Grace,
        Self::Ignored,
        Self::UnknownMember,
        Self::Disabled,
    ];
    fn word(self) -> &'static str {
        self.as_str()
    }
}

impl Word for Mode {
    const ALL: &'static [Self] = &[Self::Mirror, Self::AddOnly, Self::Owned, Self::Report];
    fn word(self) -> &'static str {
        self.as_str()
    }
}

impl Word for GroupStanding {
    const ALL: &'static [Self] = &[Self::Ready, Self::Unusable];
    fn word(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Unusable => "unusable",
        }
    }
}

/// For `#[serde(with = "word")]`.
pub(crate) fn serialize<W: Word, S: Serializer>(word: &W, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(word.word())
}

/// For `#[serde(with = "word")]`.
pub(crate) fn deserialize<'de, W: Word, D: Deserializer<'de>>(from: D) -> Result<W, D::Error> {
    let text = String::deserialize(from)?;
    W::ALL
        .iter()
        .copied()
        .find(|word| word.word() == text)
        .ok_or_else(|| D::Error::custom(format!("{text:?} is not a known word here")))
}
