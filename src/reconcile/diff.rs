//! Desired × live: changes, and skips for the steps deliberately not taken. No no-ops, nothing twice.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::model::address::Address;
use crate::model::desired::{DesiredGroup, DesiredState, Gap, Grant, PersonRef};
use crate::model::directory::Person;
use crate::model::id::{AccountId, GroupId, GroupName};
use crate::model::live::{Account, AccountIndex, LiveGroup, Standing};
use crate::model::plan::{Change, ChangeKey, Entry, GroupStanding, GroupSummary, Op, Reason, Skip, Why};
use crate::model::policy::{GroupPolicy, Lead, Mode};
use crate::model::problem::Problem;

use super::Inputs;
use super::find::{Found, Targets};
use super::resolve::{Known, Resolution, Resolved, is_ignored, translate};

/// The difference between what should be and what is.
#[derive(Debug, Default)]
pub struct Difference {
    /// Sorted by key.
    pub changes: Vec<Change>,
    /// Sorted, each once.
    pub skips: Vec<Skip>,
    /// Every target group, with what the guard needs to know of it.
    pub groups: BTreeMap<GroupName, GroupFacts>,
    /// Since when somebody is absent whose removal waits, or waited, for its grace period.
    pub pending: BTreeMap<(GroupName, AccountId), Timestamp>,
    /// Live memberships of all mapped groups, selected or not: the base of a run's limits.
    pub memberships: usize,
}

/// One target group, as the guard sees it.
#[derive(Debug)]
pub struct GroupFacts {
    /// As the plan shows it.
    pub summary: GroupSummary,
    /// Accounts that should be members and may be.
    pub desired_accounts: usize,
    /// Addresses that `expect` names and nobody grants.
    pub not_granted: Vec<Address>,
    /// Removals that wait for their grace period.
    pub in_grace: usize,
    /// The id by which the group is to be followed.
    pub link: Option<GroupId>,
}

impl Difference {
    /// Keeps the target groups of `--group` alone. The base of a run's limits stays.
    pub fn retain(&mut self, only: &BTreeSet<GroupName>) {
        self.changes.retain(|change| only.contains(&change.key.group));
        self.skips.retain(|skip| only.contains(&skip.group));
        self.groups.retain(|name, _| only.contains(name));
    }

    /// Target groups that are there (or were, before a mapping named them), with their ids.
    pub fn links(&self) -> Vec<(GroupName, GroupId)> {
        let of = |(name, facts): (&GroupName, &GroupFacts)| Some((name.clone(), facts.link.clone()?));
        self.groups.iter().filter_map(of).collect()
    }
}

/// Compares every target group.
pub fn diff(inputs: &Inputs<'_>, desired: &DesiredState, people: &Resolution) -> Difference {
    let targets = Targets::find(inputs, desired.keys());
    let mut difference = Difference::default();
    for (name, wanted) in desired {
        let found = targets.of(name);
        let group = GroupDiff::new(inputs, people, name, wanted, found.group());
        group.run(found, &mut difference);
    }
    difference.changes.sort_by(|a, b| a.key.cmp(&b.key));
    difference.skips.sort();
    difference.skips.dedup();
    difference
}

/// One account that a target group should have, and why.
#[derive(Default)]
struct Wanted {
    grants: Vec<Grant>,
    /// A grant comes from a source that was read to its end.
    from_complete: bool,
}

/// The comparison of one target group.
struct GroupDiff<'a> {
    inputs: &'a Inputs<'a>,
    people: &'a Resolution,
    name: &'a GroupName,
    desired: &'a DesiredGroup,
    policy: &'a GroupPolicy,
    live: Option<&'a LiveGroup>,
    /// Sources that were read to their end, by index.
    complete: Vec<bool>,
    changes: Vec<Change>,
    skips: Vec<Skip>,
    pending: BTreeMap<(GroupName, AccountId), Timestamp>,
    in_grace: usize,
    /// Everyone who is granted the group and left out, by a name that tells people apart.
    left_out: BTreeSet<String>,
}

impl<'a> GroupDiff<'a> {
    fn new(
        inputs: &'a Inputs<'a>,
        people: &'a Resolution,
        name: &'a GroupName,
        desired: &'a DesiredGroup,
        live: Option<&'a LiveGroup>,
    ) -> Self {
        Self {
            inputs,
            people,
            name,
            desired,
            policy: inputs.policy.group(name),
            live,
            complete: inputs.sources.iter().map(|source| source.completeness.is_complete()).collect(),
            changes: Vec::new(),
            skips: Vec::new(),
            pending: BTreeMap::new(),
            in_grace: 0,
            left_out: BTreeSet::new(),
        }
    }

    fn run(mut self, found: &Found<'_>, difference: &mut Difference) {
        let wanted = self.wanted();
        let desired_people = wanted.len() + self.left_out.len();
        let mut problems: Vec<Problem> = found.problems().to_vec();
        problems.extend(self.gaps());
        let create = matches!(found, Found::Absent { .. })
            && self.policy.create
            && self.desired.feeds.iter().any(|feed| self.is_complete(feed.source.as_str()));
        let ready = create || self.live.is_some();
        if ready {
            if create {
                self.change(Op::CreateGroup, None, Reason::Granted, Vec::new(), false);
            }
            self.add(&wanted);
            self.remove(&wanted);
            self.lead();
        } else {
            self.skips.clear();
        }
        let absent_but_creatable = matches!(found, Found::Absent { .. }) && self.policy.create;
        difference.memberships += self.live.map_or(0, LiveGroup::count);
        difference.groups.insert(
            self.name.clone(),
            GroupFacts {
                not_granted: self.not_granted(),
                desired_accounts: wanted.keys().filter(|at| self.is_usable(**at)).count(),
                in_grace: self.in_grace,
                link: found.link().cloned(),
                summary: GroupSummary {
                    name: self.name.clone(),
                    id: self.live.map(|live| live.id.clone()),
                    mode: self.policy.mode,
                    lead: self.live.and_then(|live| live.lead.clone()),
                    live: self.live.map_or(0, LiveGroup::count),
                    desired: desired_people,
                    standing: if ready || absent_but_creatable {
                        GroupStanding::Ready
                    } else {
                        GroupStanding::Unusable
                    },
                    complete: self.desired.gaps.is_empty(),
                    grounds: self.desired.grounds.clone(),
                    problems,
                },
            },
        );
        difference.changes.append(&mut self.changes);
        difference.skips.append(&mut self.skips);
        difference.pending.append(&mut self.pending);
    }

    fn is_complete(&self, source: &str) -> bool {
        let found = self.inputs.sources.iter().find(|own| own.name.as_str() == source);
        found.is_some_and(|source| source.completeness.is_complete())
    }

    fn is_usable(&self, account: AccountIndex) -> bool {
        self.account(account).is_some_and(|account| account.standing == Standing::Active)
    }

    fn account(&self, at: AccountIndex) -> Option<&'a Account> {
        self.inputs.live.accounts.get(at as usize)
    }

    fn person(&self, person: PersonRef) -> Option<&'a Person> {
        self.inputs.sources.get(person.source as usize)?.people.get(person.person as usize)
    }

    fn is_live(&self, at: AccountIndex) -> bool {
        self.live.is_some_and(|live| live.members.binary_search(&at).is_ok())
    }

    fn is_own(&self, id: &AccountId) -> bool {
        *id == self.inputs.live.own
    }

    /// Granted people by account; whoever is left out becomes a skip.
    fn wanted(&mut self) -> BTreeMap<AccountIndex, Wanted> {
        let mut wanted: BTreeMap<AccountIndex, Wanted> = BTreeMap::new();
        for (person, grants) in &self.desired.grants {
            match self.people.of(*person) {
                Some(Resolved::Account(account)) => {
                    let entry = wanted.entry(*account).or_default();
                    entry.grants.extend(grants.iter().cloned());
                    entry.from_complete |= self.complete.get(person.source as usize).copied().unwrap_or(false);
                }
                Some(Resolved::LeftOut { why, account, detail }) => self.leave_out(*person, *why, *account, detail),
                None => {}
            }
        }
        for entry in wanted.values_mut() {
            entry.grants.sort();
            entry.grants.dedup();
        }
        wanted
    }

    fn leave_out(&mut self, person: PersonRef, why: Why, account: Option<AccountIndex>, detail: &Option<String>) {
        let Some(entry) = self.person(person) else {
            return;
        };
        let shown = show(entry);
        let is_live = account.is_some_and(|at| self.is_live(at));
        let account = account.and_then(|at| self.account(at));
        if why != Why::Ignored {
            let key = account.map_or_else(|| shown.to_lowercase(), |account| account.id.to_string());
            self.left_out.insert(key);
        }
        // A contact that is a member already is where the directory wants it.
        let in_step = why == Why::IneligibleType && is_live;
        if !in_step {
            let detail = detail.clone().or_else(|| account.map(|account| format!("{} account", account.kind)));
            self.skip(shown, why, detail);
        }
    }

    fn skip(&mut self, person: String, why: Why, detail: Option<String>) {
        self.skips.push(Skip { group: self.name.clone(), person, why, detail });
    }

    fn change(&mut self, op: Op, account: Option<&Account>, reason: Reason, because: Vec<Grant>, drift: bool) {
        self.changes.push(Change {
            key: ChangeKey { group: self.name.clone(), op, account: account.map(|account| account.id.clone()) },
            group_id: self.live.map(|live| live.id.clone()),
            email: account.and_then(|account| account.email.as_ref()).map(Address::to_string),
            reason,
            because,
            entry: account.and_then(|account| self.entry(op, account)),
            drift,
            report: self.policy.mode == Mode::Report,
            holds: Vec::new(),
            approval: None,
        });
    }

    /// The entry of the person behind an account: for an addition one that is granted the group, for a
    /// removal one that is not active, and the same one whatever the order of the sources.
    fn entry(&self, op: Op, account: &Account) -> Option<Entry> {
        let at = self.inputs.live.account_index(&account.id)?;
        let removing = op == Op::RemoveMember;
        let candidate = |person: PersonRef| {
            let entry = self.person(person)?;
            let source = &self.inputs.sources.get(person.source as usize)?.name;
            let distance = (!self.desired.grants.contains_key(&person), entry.disabled != removing);
            Some(((distance, source, &entry.key), entry))
        };
        let ((_, source, id), entry) = self.people.behind(at).filter_map(candidate).min_by_key(|(key, _)| *key)?;
        Some(Entry { source: source.clone(), id: id.clone(), origin: entry.origin.clone() })
    }

    fn add(&mut self, wanted: &BTreeMap<AccountIndex, Wanted>) {
        for (at, wanted) in wanted {
            let Some(account) = self.account(*at) else {
                continue;
            };
            if self.is_live(*at) {
                continue;
            }
            match self.obstacle(*at, account, wanted) {
                Some((why, detail)) => self.skip(show_account(account), why, detail),
                None => {
                    let drift = self.was_left(&account.id);
                    let reason = if drift { Reason::DriftRemoved } else { Reason::Granted };
                    self.change(Op::AddMember, Some(account), reason, wanted.grants.clone(), drift);
                }
            }
        }
    }

    /// What stands against adding a granted account.
    fn obstacle(&self, at: AccountIndex, account: &Account, wanted: &Wanted) -> Option<(Why, Option<String>)> {
        if self.is_own(&account.id) {
            return Some((Why::Protected, Some("the account that rosterd signs in with".to_owned())));
        }
        let email = account.email.as_ref();
        if self.people.ignored.contains(&at) || email.is_some_and(|email| self.ignores(email)) {
            return Some((Why::Ignored, None));
        }
        let inactive = self.people.inactive_in(at).map(|person| {
            let source = self.inputs.sources.get(person.source as usize).map_or("", |source| source.name.as_str());
            (source, self.person(person).map_or("", |person| person.origin.as_str()))
        });
        if let Some((source, origin)) = inactive.min() {
            return Some((Why::Disabled, Some(format!("source {source} says not active: {origin}"))));
        }
        (!wanted.from_complete).then_some((Why::SourceIncomplete, None))
    }

    fn ignores(&self, address: &Address) -> bool {
        is_ignored(&self.inputs.policy.identity, address)
    }

    /// Whether the last full run left this account in the group.
    fn was_left(&self, id: &AccountId) -> bool {
        self.live.is_some_and(|live| self.inputs.memory.left.has(&live.id, id))
    }

    fn remove(&mut self, wanted: &BTreeMap<AccountIndex, Wanted>) {
        let Some(live) = self.live else { return };
        if self.policy.mode == Mode::AddOnly {
            return;
        }
        let granted: BTreeSet<AccountIndex> = wanted.keys().copied().chain(self.granted_but_left_out()).collect();
        for id in &live.strangers {
            self.skip(id.to_string(), Why::UnknownMember, None);
        }
        for &at in &live.members {
            let grants = &self.desired.grants;
            let is_left_out = || self.people.is_left_out(at, |person| grants.contains_key(&person));
            if granted.contains(&at) || is_left_out() {
                continue;
            }
            let Some(account) = self.account(at) else { continue };
            let reason = self.reason(at, account);
            match self.protection(at, account, reason) {
                Some((why, detail)) => self.skip(show_account(account), why, detail),
                None => {
                    let drift = self.is_new(&account.id);
                    self.change(Op::RemoveMember, Some(account), reason, Vec::new(), drift);
                }
            }
        }
    }

    /// Accounts of people who are granted the group and who were left out for another reason: whichever
    /// of them is theirs, they stay where they are.
    fn granted_but_left_out(&self) -> Vec<AccountIndex> {
        let left_out = |person: &&PersonRef| matches!(self.people.of(**person), Some(Resolved::LeftOut { .. }));
        self.desired
            .grants
            .keys()
            .filter(left_out)
            .flat_map(|person| self.people.accounts_of(*person))
            .copied()
            .collect()
    }

    /// The group was there at the last full run, and this member was not.
    fn is_new(&self, id: &AccountId) -> bool {
        let known = self.live.and_then(|live| self.inputs.memory.left.of(&live.id));
        known.is_some_and(|left| !left.has(id))
    }

    fn reason(&self, at: AccountIndex, account: &Account) -> Reason {
        let feeding = |source: u32| {
            let source = self.inputs.sources.get(source as usize);
            source.is_some_and(|source| self.desired.sources.contains(&source.name))
        };
        let known = self.people.known(at, feeding, self.complete.contains(&false));
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
        let links = &self.inputs.memory.learned.person_links;
        self.inputs.sources.iter().filter(|source| self.desired.sources.contains(&source.name)).all(|source| {
            let linked = || links.iter().any(|((own, _), id)| *own == source.name && *id == account.id);
            source.everyone || linked()
        })
    }

    /// What stands against removing a live member whom nobody grants.
    fn protection(&mut self, at: AccountIndex, account: &Account, reason: Reason) -> Option<(Why, Option<String>)> {
        if self.is_own(&account.id) {
            return Some((Why::Protected, Some("the account that rosterd signs in with".to_owned())));
        }
        let email = account.email.as_ref();
        if self.is_kept(at, account) {
            return Some((Why::Protected, Some("named by keep".to_owned())));
        }
        if self.people.ignored.contains(&at) || email.is_some_and(|email| self.ignores(email)) {
            return Some((Why::Ignored, None));
        }
        if self.people.ambiguous.contains(&at) {
            return Some((Why::Ambiguous, None));
        }
        if account.standing == Standing::Ineligible {
            return Some((Why::IneligibleType, Some(format!("{} account", account.kind))));
        }
        if email.is_none() && self.people.behind(at).next().is_none() {
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

    /// Whether `keep` names the account: by its own address, or by one that the directory has for it.
    fn is_kept(&self, at: AccountIndex, account: &Account) -> bool {
        let identity = &self.inputs.policy.identity;
        let named = |address: &Address| self.policy.keep.contains(address);
        let aliased = |email: &Address| self.policy.keep.iter().any(|keep| translate(identity, keep) == *email);
        account.email.as_ref().is_some_and(|email| named(email) || aliased(email))
            || (self.people.behind(at).filter_map(|person| self.person(person)))
                .flat_map(|person| &person.addresses)
                .any(|address| named(address) || named(&translate(identity, address)))
    }

    fn is_owned(&self, id: &AccountId) -> bool {
        self.live.is_some_and(|live| self.inputs.memory.owned.has(&live.id, id))
    }

    /// Starts or reads the clock of an absence. Disabled people go at once.
    fn grace(&mut self, account: &Account, reason: Reason) -> Option<(Why, Option<String>)> {
        let grace = self.inputs.policy.guard.removal_grace;
        if grace.is_zero() || reason == Reason::PersonDisabled {
            return None;
        }
        let key = (self.name.clone(), account.id.clone());
        let now = self.inputs.now;
        let since = self.inputs.memory.learned.pending.get(&key).copied().unwrap_or(now);
        self.pending.insert(key, since);
        let waited = std::time::Duration::try_from(now.duration_since(since)).unwrap_or_default();
        (waited < grace).then(|| {
            self.in_grace += 1;
            (Why::Grace, Some(format!("absent since {since:.0}")))
        })
    }

    fn lead(&mut self) {
        let live_lead = self.live.and_then(|live| live.lead.as_ref());
        match &self.policy.lead {
            Lead::Untouched => {}
            Lead::Cleared => {
                if live_lead.is_some() {
                    self.change(Op::ClearLead, None, Reason::Granted, Vec::new(), false);
                }
            }
            Lead::Person(address) => match self.people.account_for(self.inputs.live, address) {
                Ok(at) => {
                    let Some(account) = self.account(at) else {
                        return;
                    };
                    if live_lead != Some(&account.id) {
                        self.change(Op::SetLead, Some(account), Reason::Granted, Vec::new(), false);
                    }
                }
                Err(why) => self.skip(address.to_string(), why, Some("as the group's lead".to_owned())),
            },
        }
    }

    /// Addresses of `expect` that nobody who is granted the group bears.
    fn not_granted(&self) -> Vec<Address> {
        let identity = &self.inputs.policy.identity;
        let mut granted: BTreeSet<Address> = BTreeSet::new();
        for person in self.desired.grants.keys() {
            let Some(entry) = self.person(*person) else {
                continue;
            };
            for address in &entry.addresses {
                granted.insert(translate(identity, address));
                granted.insert(address.clone());
            }
            let account = self.people.of(*person).and_then(Resolved::account).and_then(|at| self.account(at));
            granted.extend(account.and_then(|account| account.email.clone()));
        }
        self.policy.expect.iter().filter(|address| !granted.contains(*address)).cloned().collect()
    }

    fn gaps(&self) -> Vec<Problem> {
        let place = format!("group {:?}", self.name.as_str());
        let gap = |gap: &Gap| match gap {
            Gap::Source { source, .. } => {
                Problem::new(&place, format!("source {source} was not read to its end: nobody is removed"))
            }
            Gap::Group { source, directory_group, why } => Problem::new(
                &place,
                format!("directory group {directory_group:?} of {source} was read in part: {why}; nobody is removed"),
            ),
            Gap::Doubled { source, directory_group } => Problem::new(
                &place,
                format!("{source} has two directory groups named {directory_group:?}: that mapping is left alone"),
            )
            .help("name the group by its DN"),
        };
        self.desired.gaps.iter().map(gap).collect()
    }
}

/// A person as skips show them: the first address, else where the person was found.
fn show(person: &Person) -> String {
    person.addresses.first().map_or_else(|| person.origin.clone(), Address::to_string)
}

fn show_account(account: &Account) -> String {
    account.email.as_ref().map_or_else(|| account.id.to_string(), Address::to_string)
}
