//! Which accounts bear an address, and which of them may be used.

use crate::model::address::Address;
use crate::model::live::{Account, AccountIndex, LiveState, Standing};
use crate::model::plan::Why;

use super::super::table::Table;

/// Accounts by folded address.
#[derive(Debug)]
pub struct Bearers<'a> {
    live: &'a LiveState,
    table: Table,
}

/// What became of the accounts that bear an address.
pub(super) enum Pick {
    /// One that may be used.
    One(AccountIndex),
    /// More than one that may be used.
    Several(Vec<AccountIndex>),
    /// Only accounts that may not be added.
    Unfit(AccountIndex),
    /// There is none.
    None,
}

impl<'a> Bearers<'a> {
    /// The accounts of an organisation.
    pub fn of(live: &'a LiveState) -> Self {
        let keys = live.accounts.iter().map(|account| account.email.as_ref().map(Address::key_bytes));
        Self { live, table: Table::of(keys) }
    }

    /// The accounts that bear an address, in their order.
    pub(super) fn all(&self, address: &Address) -> impl Iterator<Item = AccountIndex> {
        self.table.likely(address.key_bytes()).filter(move |at| self.bears(*at, address))
    }

    /// The only account that may bear an address. Whether it does is still to be asked; where the answer is that there
    /// is none, or more than one, [`Bearers::all`] tells.
    pub(super) fn likely(&self, address: &Address) -> Option<AccountIndex> {
        self.table.only(address.key_bytes())
    }

    /// Whether an account bears an address.
    pub(super) fn bears(&self, at: AccountIndex, address: &Address) -> bool {
        self.account(at).is_some_and(|account| account.email.as_ref() == Some(address))
    }

    fn account(&self, at: AccountIndex) -> Option<&'a Account> {
        self.live.accounts.get(at as usize)
    }

    /// Chooses among accounts that bear one address.
    pub(super) fn pick(&self, all: &[AccountIndex]) -> Pick {
        match *all {
            [] => return Pick::None,
            [one] if self.standing(one) == Some(Standing::Active) => return Pick::One(one),
            [one] => return Pick::Unfit(one),
            _ => {}
        }
        let active = all.iter().copied().filter(|at| self.standing(*at) == Some(Standing::Active));
        let active: Vec<AccountIndex> = active.collect();
        match (active.as_slice(), all) {
            ([one], _) => Pick::One(*one),
            ([], [first, ..]) => {
                // The one that is nearest to being usable explains best.
                Pick::Unfit(all.iter().copied().min_by_key(|at| self.standing(*at)).unwrap_or(*first))
            }
            ([], []) => Pick::None,
            _ => Pick::Several(active),
        }
    }

    /// The account for an address of the configuration (a lead), or why there is none.
    pub fn account_for(&self, address: &Address) -> Result<AccountIndex, Why> {
        let all: Vec<AccountIndex> = self.all(address).collect();
        match self.pick(&all) {
            Pick::One(account) => Ok(account),
            Pick::Several(_) => Err(Why::Ambiguous),
            Pick::Unfit(account) => Err(self.unfit(account)),
            Pick::None => Err(Why::NoAccount),
        }
    }

    pub(super) fn standing(&self, at: AccountIndex) -> Option<Standing> {
        self.account(at).map(|account| account.standing)
    }

    /// Why an account may not be used.
    pub(super) fn unfit(&self, account: AccountIndex) -> Why {
        match self.standing(account) {
            Some(Standing::Inactive | Standing::Deactivated) => Why::InactiveAccount,
            Some(Standing::Active | Standing::Ineligible) | None => Why::IneligibleType,
        }
    }
}
