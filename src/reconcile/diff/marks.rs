//! Which accounts should be members of the group that is compared.

use crate::model::live::AccountIndex;

/// A mark for each account. Every group has kinds of its own, so that nobody takes off those of the group before.
///
/// The loops over all members are functions of their own: what they count stays in a register so.
pub(super) struct Marks {
    marks: Vec<u8>,
    /// The account should be a member.
    wanted: u8,
    /// It is one, or was told to be missing.
    met: u8,
}

impl Marks {
    /// None, for so many accounts.
    pub(super) fn new(accounts: usize) -> Self {
        Self { marks: vec![0; accounts], wanted: 0, met: 0 }
    }

    /// No account is marked.
    pub(super) fn renew(&mut self) {
        if self.met > u8::MAX - 2 {
            self.marks.fill(0);
            self.met = 0;
        }
        (self.wanted, self.met) = (self.met + 1, self.met + 2);
    }

    /// Marks the accounts of these people; returns how many people have one.
    pub(super) fn want(&mut self, people: &[u32], accounts: &[AccountIndex]) -> usize {
        let mut others = 0;
        for person in people {
            let account = accounts.get(*person as usize);
            match account.and_then(|account| self.marks.get_mut(*account as usize)) {
                Some(mark) => *mark = self.wanted,
                None => others += 1,
            }
        }
        people.len() - others
    }

    /// Those of these accounts that are not marked.
    pub(super) fn unwanted(&self, accounts: &[AccountIndex]) -> Vec<AccountIndex> {
        let (marks, wanted) = (self.marks.as_slice(), self.wanted);
        let is_wanted = move |at: &AccountIndex| marks.get(*at as usize).is_some_and(|mark| *mark == wanted);
        let mut unwanted = Vec::new();
        // Most often all are. A list of a known length costs half of what one of any length does.
        let (most, rest) = accounts.as_chunks::<8>();
        for some in most {
            if !some.iter().all(is_wanted) {
                unwanted.extend(some.iter().filter(|at| !is_wanted(at)));
            }
        }
        unwanted.extend(rest.iter().filter(|at| !is_wanted(at)));
        unwanted
    }

    /// Takes the mark off an account; tells whether there was one.
    pub(super) fn meet(&mut self, at: AccountIndex) -> bool {
        let mark = self.marks.get_mut(at as usize);
        mark.is_some_and(|mark| std::mem::replace(mark, self.met) == self.wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_account_bears_a_mark_of_another_group() {
        let mut marks = Marks::new(4);
        for round in 0..1000 {
            marks.renew();
            assert_eq!(marks.unwanted(&[0, 1, 2, 3]), [0, 1, 2, 3], "{round}");
            // Person 2 has no account, and person 9 is none.
            assert_eq!(marks.want(&[0, 1, 2, 9], &[3, 1, AccountIndex::MAX]), 2);
            assert_eq!(marks.unwanted(&[0, 1, 2, 3, 7]), [0, 2, 7]);
            assert_eq!([3, 3, 0, 7].map(|at| marks.meet(at)), [true, false, false, false]);
            assert_eq!(marks.unwanted(&[1, 3]), [3]);
        }
    }
}
