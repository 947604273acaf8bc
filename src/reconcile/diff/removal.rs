//! Whether a live member whom nothing grants the group goes, and why.

use crate::model::address::Address;
use crate::model::id::AccountId;
use crate::model::live::{Account, AccountIndex, Standing};
use crate::model::memberships::Members;
use crate::model::plan::{Reason, Why};
use crate::model::policy::Mode;

use super::super::resolve::Known;
use super::group::GroupDiff;

impl<'a> GroupDiff<'a> {
    /// The members that the last full run left; none where it did not know the group.
    pub(super) fn left(&self) -> Option<Members<'a>> {
        self.common.inputs.memory.left.of(&self.live?.id)
    }

    /// The group was there at the last full run, and this member was not; nor did rosterd add them since, in a run that
    /// was no full one.
    pub(super) fn is_new(&self, id: &AccountId) -> bool {
        self.left().is_some_and(|left| !left.has(id)) && !self.is_owned(id)
    }

    pub(super) fn reason(&self, at: AccountIndex, account: &Account) -> Reason {
        let feeding = |source: u32| {
            let source = self.common.inputs.sources.get(source as usize);
            source.is_some_and(|source| self.desired.sources.contains(&source.name))
        };
        let known = self.common.people.known(at, feeding, self.common.complete.contains(&false));
        if known == Known::Disabled {
            Reason::PersonDisabled
        } else if account.standing == Standing::Deactivated {
            Reason::AccountDeactivated
        } else if self.is_new(&account.id) {
            Reason::DriftAdded
        } else if known == Known::Gone && self.would_know(account) {
            Reason::PersonGone
        } else {
            Reason::GrantEnded
        }
    }

    /// Whether every source that feeds the group would have the person, were they still there: it was
    /// read with everybody, or looked for this very person.
    fn would_know(&self, account: &Account) -> bool {
        let mut feeding =
            self.common.inputs.sources.iter().filter(|source| self.desired.sources.contains(&source.name));
        feeding.all(|source| source.everyone || self.common.linked().contains(&(&source.name, account.id.as_str())))
    }

    /// What stands against removing a live member whom nobody grants.
    pub(super) fn protection(
        &mut self,
        at: AccountIndex,
        account: &Account,
        reason: Reason,
    ) -> Option<(Why, Option<String>)> {
        if self.is_own(&account.id) {
            return Some((Why::Protected, Some("the account that rosterd signs in with".to_owned())));
        }
        let email = account.email.as_ref();
        if self.is_kept(at, account) {
            return Some((Why::Protected, Some("named by keep".to_owned())));
        }
        if self.is_ignored(at, account) {
            return Some((Why::Ignored, None));
        }
        if let Some(detail) = self.doubles.get(&at) {
            return Some((Why::Ambiguous, Some(detail.clone())));
        }
        if self.common.people.ambiguous.contains(&at) {
            return Some((Why::Ambiguous, None));
        }
        if account.standing == Standing::Ineligible {
            return Some((Why::IneligibleType, Some(format!("{} account", account.kind))));
        }
        if email.is_none() && self.common.people.behind(at).next().is_none() {
            // Nobody can be matched to it, granted or not: that nobody is, is no ground for a removal.
            return Some((Why::NoEmail, Some("Hyperproof shows no usable address of this account".to_owned())));
        }
        if self.policy.mode == Mode::Owned && !self.is_owned(&account.id) {
            return Some((Why::NotOwned, None));
        }
        if !self.desired.gaps.is_empty() {
            return Some((Why::SourceIncomplete, None));
        }
        self.grace(account, reason)
    }

    /// Whether `identity.ignore` names the account, or a person behind it.
    pub(super) fn is_ignored(&self, at: AccountIndex, account: &Account) -> bool {
        self.common.people.ignored.contains(&at) || account.email.as_ref().is_some_and(|email| self.ignores(email))
    }

    /// Whether `keep` names the account: by its own address, or by one that the directory has for it.
    pub(super) fn is_kept(&self, at: AccountIndex, account: &Account) -> bool {
        let rules = self.common.rules;
        let named = |address: &Address| self.policy.keep.contains(address);
        let aliased = |email: &Address| self.policy.keep.iter().any(|keep| *rules.translate(keep) == *email);
        account.email.as_ref().is_some_and(|email| named(email) || aliased(email))
            || (self.common.people.behind(at).filter_map(|person| self.person(person)))
                .flat_map(|person| &person.addresses)
                .any(|address| named(address) || named(&rules.translate(address)))
    }

    pub(super) fn is_owned(&self, id: &AccountId) -> bool {
        self.live.is_some_and(|live| self.common.inputs.memory.owned.has(&live.id, id))
    }

    /// Starts or reads the clock of an absence. Disabled people go at once.
    fn grace(&mut self, account: &Account, reason: Reason) -> Option<(Why, Option<String>)> {
        let grace = self.common.inputs.policy.guard.removal_grace;
        if grace.is_zero() || reason == Reason::PersonDisabled {
            return None;
        }
        let key = (self.name.clone(), account.id.clone());
        let now = self.common.inputs.now;
        let known = self.common.inputs.memory.learned.pending.get(&key).copied();
        // Noted later than now: by a clock that was ahead. The absence is no longer than from this run on.
        let known = known.filter(|since| *since <= now);
        let since = known.unwrap_or(now);
        self.pending.insert(key, since);
        let waited = std::time::Duration::try_from(now.duration_since(since)).unwrap_or_default();
        (waited < grace).then(|| {
            self.in_grace += 1;
            // The time of this very run is the run's, and would differ in the next plan of the same.
            let since = known.map_or_else(|| "this run".to_owned(), |since| format!("{since:.0}"));
            (Why::Grace, Some(format!("absent since {since}")))
        })
    }
}
