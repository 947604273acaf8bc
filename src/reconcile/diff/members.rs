//! Members to add and to remove, and the lead.

use std::collections::BTreeSet;

use crate::model::address::Address;
use crate::model::desired::{Grant, PersonRef};
use crate::model::live::{Account, AccountIndex};
use crate::model::plan::{Change, ChangeKey, Entry, Op, Reason, Why};
use crate::model::policy::{Lead, Mode};

use super::super::grants;
use super::super::resolve::Resolved;
use super::group::GroupDiff;

/// Why one account should be a member.
struct Wanted {
    /// Each once, sorted.
    grants: Vec<Grant>,
    /// A grant comes from a source that was read to its end.
    from_complete: bool,
}

impl GroupDiff<'_> {
    pub(super) fn change(
        &mut self,
        op: Op,
        account: Option<(AccountIndex, &Account)>,
        reason: Reason,
        because: Vec<Grant>,
        drift: bool,
    ) {
        let entry = account.and_then(|(at, _)| self.entry(op, at));
        let account = account.map(|(_, account)| account);
        self.changes.push(Change {
            key: ChangeKey { group: self.name.clone(), op, account: account.map(|account| account.id.clone()) },
            group_id: self.live.map(|live| live.id.clone()),
            email: account.and_then(|account| account.email.as_ref()).map(Address::to_string),
            reason,
            because,
            entry,
            drift,
            report: self.policy.mode == Mode::Report,
            holds: Vec::new(),
            approval: None,
        });
    }

    /// The entry of the person behind an account: for an addition one that is granted the group, for a
    /// removal one that is not active, and the same one whatever the order of the sources.
    fn entry(&self, op: Op, account: AccountIndex) -> Option<Entry> {
        let inputs = self.common.inputs;
        let removing = op == Op::RemoveMember;
        let candidate = |person: PersonRef| {
            let entry = self.person(person)?;
            let source = &inputs.sources.get(person.source as usize)?.name;
            let distance = (!self.is_granted(person), entry.disabled != removing);
            Some(((distance, source, &entry.key), entry))
        };
        let ((_, source, id), entry) =
            self.common.people.behind(account).filter_map(candidate).min_by_key(|(key, _)| *key)?;
        Some(Entry { source: source.clone(), id: id.clone(), origin: entry.origin.to_string() })
    }

    /// Whether somebody is granted the group.
    pub(super) fn is_granted(&self, person: PersonRef) -> bool {
        match self.grants.of(person) {
            Some(grants) => !grants.is_empty(),
            None => grants::is_granted(self.common.inputs.sources, self.desired, person),
        }
    }

    /// Adds the accounts that should be members and are not.
    pub(super) fn add(&mut self, missing: &[AccountIndex]) {
        if missing.is_empty() {
            return;
        }
        let left = self.left();
        for &at in missing {
            let Some(account) = self.account(at) else { continue };
            let wanted = self.wanted(at);
            match self.obstacle(at, account, &wanted) {
                Some((why, detail)) => self.skip(show_account(account), why, detail),
                None => {
                    // Whom a run added that was no full one, rosterd owns.
                    let drift = left.is_some_and(|left| left.has(&account.id) || self.is_owned(&account.id));
                    let reason = if drift { Reason::DriftRemoved } else { Reason::Granted };
                    self.change(Op::AddMember, Some((at, account)), reason, wanted.grants, drift);
                }
            }
        }
    }

    fn wanted(&self, at: AccountIndex) -> Wanted {
        let people = self.common.people;
        let mut wanted = Wanted { grants: Vec::new(), from_complete: false };
        for person in people.behind(at).filter(|person| people.of(*person) == Some(Resolved::Account(at))) {
            let grants = self.grants.of(person).unwrap_or_default();
            wanted.grants.extend_from_slice(grants);
            let complete = self.common.complete.get(person.source as usize).copied().unwrap_or(false);
            wanted.from_complete |= complete && !grants.is_empty();
        }
        wanted.grants.sort();
        wanted.grants.dedup();
        wanted
    }

    /// What stands against adding a granted account.
    fn obstacle(&self, at: AccountIndex, account: &Account, wanted: &Wanted) -> Option<(Why, Option<String>)> {
        if self.is_own(&account.id) {
            return Some((Why::Protected, Some("the account that rosterd signs in with".to_owned())));
        }
        if self.is_ignored(at, account) {
            return Some((Why::Ignored, None));
        }
        let people = self.common.people;
        let inactive = people.inactive_in(at).map(|person| {
            let source = self.common.inputs.sources.get(person.source as usize);
            let source = source.map_or("", |source| source.name.as_str());
            (source, self.person(person).map_or("", |person| person.origin.as_str()))
        });
        if let Some((source, origin)) = inactive.min() {
            return Some((Why::Disabled, Some(format!("source {source} says not active: {origin}"))));
        }
        if let Some(detail) = self.doubles.get(&at) {
            return Some((Why::Ambiguous, Some(detail.clone())));
        }
        (!wanted.from_complete).then_some((Why::SourceIncomplete, None))
    }

    /// Removes members who should not be. Whoever is granted the group and was left out stays, with every
    /// account that may be theirs. Members whose ids are in no list are told in every mode.
    pub(super) fn remove(&mut self, extra: &[AccountIndex]) {
        let Some(live) = self.live else { return };
        for id in &live.strangers {
            self.skip(id.to_string(), Why::UnknownMember, None);
        }
        if self.policy.mode == Mode::AddOnly || extra.is_empty() {
            return;
        }
        let theirs: BTreeSet<AccountIndex> =
            self.left_out.iter().flat_map(|(_, left_out)| &left_out.accounts).copied().collect();
        for &at in extra {
            let is_left_out = |person| self.left_out.binary_search_by_key(&person, |(own, _)| *own).is_ok();
            if theirs.contains(&at) || self.common.people.behind(at).any(is_left_out) {
                continue;
            }
            let Some(account) = self.account(at) else { continue };
            let reason = self.reason(at, account);
            match self.protection(at, account, reason) {
                Some((why, detail)) => self.skip(show_account(account), why, detail),
                None => {
                    let drift = self.is_new(&account.id);
                    self.change(Op::RemoveMember, Some((at, account)), reason, Vec::new(), drift);
                }
            }
        }
    }

    pub(super) fn lead(&mut self) {
        let live_lead = self.live.and_then(|live| live.lead.as_ref());
        match &self.policy.lead {
            Lead::Untouched => {}
            Lead::Cleared => {
                if live_lead.is_some() {
                    self.change(Op::ClearLead, None, Reason::Granted, Vec::new(), false);
                }
            }
            Lead::Person(address) => match self.common.bearers.account_for(address) {
                Ok(at) => {
                    let Some(account) = self.account(at) else { return };
                    if live_lead != Some(&account.id) {
                        self.change(Op::SetLead, Some((at, account)), Reason::Granted, Vec::new(), false);
                    }
                }
                Err(why) => self.skip(address.to_string(), why, Some("as the group's lead".to_owned())),
            },
        }
    }
}

/// An account as skips show it: its address, else its id.
pub(super) fn show_account(account: &Account) -> String {
    account.email.as_ref().map_or_else(|| account.id.to_string(), Address::to_string)
}
