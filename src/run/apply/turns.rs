//! Whose turn it is, and when enough was tried. What one group refuses for its own sake keeps no other from its turn,
//! and what goes wrong everywhere is found out by few calls.

use std::collections::BTreeMap;

use crate::model::id::GroupName;
use crate::reconcile::Step;

use super::Answered;

/// So many calls that failed one after the other, and not because of the accounts in them, are enough.
const FAILURES_IN_A_ROW: u32 = 5;

/// What a call says of those that come after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    /// Something was done.
    Through,
    /// It failed for the sake of what was asked: an account, or a group that is gone.
    Its,
    /// Permission was refused: of this group, or of every call of this kind.
    Forbidden,
    /// No answer, or none from a server that works.
    Down,
}

impl Sign {
    /// Reads the sign in what became of a call's changes.
    pub(super) fn of<'a>(results: impl Iterator<Item = &'a Answered> + Clone) -> Self {
        if results.clone().any(|(result, ..)| result.is_so()) {
            return Self::Through;
        }
        if !results.clone().all(is_general) {
            return Self::Its;
        }
        let mut forbidden = results.map(|(.., call)| call.status == Some(403));
        if forbidden.all(|forbidden| forbidden) { Self::Forbidden } else { Self::Down }
    }
}

/// Whether the failure says nothing about this very change: no answer, or permission refused. A refusal
/// of the account does, and so does a read afterwards; an account that fails in five groups must not keep
/// all others from their turn.
fn is_general((result, read_back, call): &Answered) -> bool {
    let refused = call.status.is_some_and(|status| (400..500).contains(&status) && status != 403);
    !result.is_so() && read_back.is_none() && !refused
}

/// Why no more of it is tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Enough {
    /// Of this kind of calls.
    OfThisKind(String),
    /// Of all.
    OfAll(String),
}

/// The turns of a run.
#[derive(Debug, Default)]
pub(super) struct Turns {
    /// Groups whose last call failed, whoever failed last at the end: they come last.
    failed: Vec<GroupName>,
    in_a_row: u32,
    /// A call of this phase went through.
    through: bool,
}

impl Turns {
    /// `failed`: as an earlier run left them.
    pub(super) fn new(failed: Vec<GroupName>) -> Self {
        Self { failed, ..Self::default() }
    }

    /// Another kind of calls begins. Whatever went wrong before is tried once more with it, and not five times.
    pub(super) fn begin(&mut self) {
        self.through = false;
        self.in_a_row = self.in_a_row.min(FAILURES_IN_A_ROW - 1);
    }

    /// Puts a phase's groups in order: those that failed come last, whoever failed last at the end. So each has its
    /// turn, however many fail and however early a run ends.
    pub(super) fn order(&self, groups: &mut [&[Step]]) {
        let places: BTreeMap<&GroupName, usize> = self.failed.iter().zip(0..).collect();
        groups.sort_by_key(|steps| steps.first().and_then(|step| places.get(&step.group)));
    }

    /// A call to a group came to its end.
    pub(super) fn took(&mut self, group: &GroupName, sign: Sign) -> Option<Enough> {
        self.failed.retain(|own| own != group);
        if sign != Sign::Through {
            self.failed.push(group.clone());
        }
        self.through |= sign == Sign::Through;
        let counts = match sign {
            Sign::Through | Sign::Its => false,
            // Others may: it is this group that refuses.
            Sign::Forbidden => !self.through,
            Sign::Down => true,
        };
        self.in_a_row = if counts { self.in_a_row + 1 } else { 0 };
        if self.in_a_row < FAILURES_IN_A_ROW {
            return None;
        }
        Some(match sign {
            Sign::Forbidden => Enough::OfThisKind(format!(
                "permission was refused to {} calls one after the other, and none of this kind went through",
                self.in_a_row
            )),
            _ => Enough::OfAll(format!("{} calls failed one after the other", self.in_a_row)),
        })
    }

    /// Groups whose last call failed, for the next run.
    pub(super) fn failed(&self) -> &[GroupName] {
        &self.failed
    }
}
