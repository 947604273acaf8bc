//! People who have two accounts, one of which is a member that nothing grants the group by itself.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::desired::PersonRef;
use crate::model::live::{Account, AccountIndex};
use crate::model::plan::Reason;

use super::group::GroupDiff;
use super::members::show_account;

impl GroupDiff<'_> {
    /// Accounts of people who are granted the group, where another account than theirs, active and borne by another of
    /// their addresses, is among these members, whom nothing grants it: both, with what is to be told of them. The
    /// primary address says which account is meant, but not which of them the person works with, so that one is not
    /// removed in favour of the other, nor is the other added beside it. (Where no other account is a member, there is
    /// nothing to lose, and the primary address decides.)
    pub(super) fn doubles(&self, extra: &[AccountIndex]) -> BTreeMap<AccountIndex, String> {
        let mut people: BTreeMap<PersonRef, BTreeSet<AccountIndex>> = BTreeMap::new();
        for &other in extra {
            for (person, own) in self.common.people.other_of(other) {
                if self.is_granted(person) && !self.is_decided(other) {
                    people.entry(person).or_default().extend([own, other]);
                }
            }
        }
        let mut doubles: BTreeMap<AccountIndex, String> = BTreeMap::new();
        for (person, accounts) in people {
            let Some(entry) = self.person(person) else { continue };
            let mut shown: Vec<String> = accounts.iter().filter_map(|at| self.account(*at)).map(show_account).collect();
            shown.sort_unstable();
            let text = format!("{} accounts of one person: {} ({})", shown.len(), shown.join(", "), entry.origin);
            for at in accounts {
                // Where several sources say so, the same one is named whatever their order.
                let told = doubles.entry(at).or_insert_with(|| text.clone());
                if text < *told {
                    told.clone_from(&text);
                }
            }
        }
        doubles
    }

    /// Whether something else says what becomes of a member: the configuration, or a source that has the person behind
    /// it as not active.
    fn is_decided(&self, at: AccountIndex) -> bool {
        let decides = |account: &Account| {
            self.is_own(&account.id)
                || self.is_kept(at, account)
                || self.is_ignored(at, account)
                || self.reason(at, account) == Reason::PersonDisabled
        };
        self.account(at).is_none_or(decides)
    }
}
