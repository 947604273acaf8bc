//! Who stands behind each account.

use crate::model::desired::PersonRef;
use crate::model::live::AccountIndex;

/// A person of a source behind an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) person: PersonRef,
    pub(super) disabled: bool,
    /// One of the person's addresses means the account; else only the link does.
    pub(super) by_address: bool,
}

/// People by account.
#[derive(Debug, Clone)]
pub(super) struct SeenIndex {
    /// Where the people of each account end; they begin where those of the account before end.
    ends: Vec<u32>,
    people: Vec<Seen>,
}

impl SeenIndex {
    /// Sorts people to their accounts, of which there are so many; those of one account stay in order.
    pub(super) fn new(accounts: usize, all: Vec<(AccountIndex, Seen)>) -> Self {
        let Some(&(_, any)) = all.first() else { return Self { ends: vec![0; accounts], people: Vec::new() } };
        // Counted first, so that each has a place before anybody is put there.
        let mut ends = vec![0; accounts];
        for (account, _) in &all {
            if let Some(count) = ends.get_mut(*account as usize) {
                *count += 1;
            }
        }
        let mut before = 0;
        for end in &mut ends {
            // Where the account's people begin; it moves on with each of them.
            before += std::mem::replace(end, before);
        }
        let mut people = vec![any; before as usize];
        for (account, seen) in all {
            let Some(next) = ends.get_mut(account as usize) else { continue };
            if let Some(place) = people.get_mut(*next as usize) {
                *place = seen;
            }
            *next += 1;
        }
        Self { ends, people }
    }

    /// The people behind an account.
    pub(super) fn of(&self, account: AccountIndex) -> &[Seen] {
        let at = account as usize;
        let Some(&to) = self.ends.get(at) else { return &[] };
        let from = at.checked_sub(1).and_then(|before| self.ends.get(before)).map_or(0, |from| *from);
        self.people.get(from as usize..to as usize).unwrap_or_default()
    }

    /// Accounts with more than one person behind them.
    pub(super) fn shared(&self) -> impl Iterator<Item = AccountIndex> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let shared = starts.zip(&self.ends).zip(0..).filter(|((from, to), _)| **to - *from > 1);
        shared.map(|(_, account)| account)
    }
}
