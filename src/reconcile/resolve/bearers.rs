//! Which accounts bear an address, and which of them may be used.

use std::collections::BTreeMap;
#[expect(clippy::disallowed_types, reason = "for look-ups alone: nothing is said in its order")]
use std::collections::HashMap;

use crate::model::address::Address;
use crate::model::live::{AccountIndex, LiveState, Standing};
use crate::model::plan::Why;

/// Accounts by folded address.
#[derive(Debug)]
pub struct Bearers<'a> {
    live: &'a LiveState,
    #[expect(clippy::disallowed_types, reason = "for look-ups alone")]
    first: HashMap<&'a str, AccountIndex>,
    /// Addresses that more than one account bears.
    several: BTreeMap<&'a str, Vec<AccountIndex>>,
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
    #[expect(clippy::disallowed_types, reason = "for look-ups alone")]
    pub fn of(live: &'a LiveState) -> Self {
        let mut first = HashMap::with_capacity(live.accounts.len());
        let mut several: BTreeMap<&str, Vec<AccountIndex>> = BTreeMap::new();
        for (at, account) in (0..).zip(&live.accounts) {
            let Some(email) = &account.email else { continue };
            let known = *first.entry(email.key()).or_insert(at);
            if known != at {
                several.entry(email.key()).or_insert_with(|| vec![known]).push(at);
            }
        }
        Self { live, first, several }
    }

    /// The accounts that bear an address, in their order.
    pub(super) fn all(&self, address: &Address) -> &[AccountIndex] {
        let Some(first) = self.first.get(address.key()) else { return &[] };
        let several = if self.several.is_empty() { None } else { self.several.get(address.key()) };
        several.map_or(std::slice::from_ref(first), Vec::as_slice)
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
        match self.pick(self.all(address)) {
            Pick::One(account) => Ok(account),
            Pick::Several(_) => Err(Why::Ambiguous),
            Pick::Unfit(account) => Err(self.unfit(account)),
            Pick::None => Err(Why::NoAccount),
        }
    }

    pub(super) fn standing(&self, at: AccountIndex) -> Option<Standing> {
        self.live.accounts.get(at as usize).map(|account| account.standing)
    }

    /// Why an account may not be used.
    pub(super) fn unfit(&self, account: AccountIndex) -> Why {
        match self.standing(account) {
            Some(Standing::Inactive | Standing::Deactivated) => Why::InactiveAccount,
            Some(Standing::Active | Standing::Ineligible) | None => Why::IneligibleType,
        }
    }
}
