//! What a run did, the other way round. What happened since is not overwritten: it is listed.
//!
//! An addition is taken back by a removal although the directory may still grant it, and a removal by an
//! addition: the directory is not asked. All else that stands against a change stands against this one too:
//! the group must be mapped, its mode must allow it, nothing may protect the account, and the guard judges.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::model::address::Address;
use crate::model::facts::Facts;
use crate::model::id::{AccountId, GroupId, GroupName};
use crate::model::live::{Account, LiveGroup, LiveState, Standing};
use crate::model::memory::Memory;
use crate::model::plan::{Change, ChangeKey, GroupStanding, GroupSummary, Op, Plan, PlanDigest, Reason, Skip, Why};
use crate::model::policy::{GroupPolicy, Mode, Policy};
use crate::model::problem::Problem;
use crate::model::undo::{Deed, Deeds, LeadBefore};

use super::Inputs;
use super::diff::{Difference, GroupFacts};
use super::find;
use super::guard::{self, ClearedPlan};
use super::mapping::may_yield;
use super::resolve::{is_ignored, translate};

/// Everything that an undo rests on.
#[derive(Debug, Clone, Copy)]
pub struct UndoInputs<'a> {
    /// The configured rules.
    pub policy: &'a Policy,
    /// Hyperproof, as it was read in this run.
    pub live: &'a LiveState,
    /// What earlier runs left behind.
    pub memory: &'a Memory,
    /// The moment of the decision.
    pub now: Timestamp,
    /// What the run did that is to be taken back.
    pub deeds: &'a Deeds,
    /// What the last run knew of the directory, which is not asked now: whose other addresses those are that the
    /// configuration names. None where nothing is kept.
    pub facts: Option<&'a Facts<'a>>,
}

/// Decides what takes a run back.
pub fn undo(inputs: &UndoInputs<'_>) -> ClearedPlan {
    let mut groups: BTreeMap<(GroupName, Option<GroupId>), Vec<&Deed>> = BTreeMap::new();
    for deed in &inputs.deeds.deeds {
        groups.entry((deed.group.clone(), deed.group_id.clone())).or_default().push(deed);
    }
    let mut difference = Difference { memberships: memberships(inputs), ..Difference::default() };
    let people = People::of(inputs);
    for ((name, id), deeds) in groups {
        match place(inputs, &name, id.as_ref()) {
            Ok((name, live)) => GroupUndo::new(inputs, &people, &name, live).run(&deeds, &mut difference),
            Err(problem) => left_alone(inputs, &name, id, problem, &mut difference),
        }
    }
    difference.changes.sort_by(|a, b| a.key.cmp(&b.key));
    difference.changes.dedup_by(|a, b| a.key == b.key);
    difference.skips.sort();
    difference.skips.dedup();
    let mut guarded = guard::judge_undo(&inputs.of_guard(), &mut difference);
    for hold in &mut guarded.holds {
        hold.text = format!("undo of run {}: {}", inputs.deeds.run, hold.text);
    }
    let plan = Plan {
        undo_of: Some(inputs.deeds.run.clone()),
        digest: PlanDigest::of(difference.changes.iter().map(|change| &change.key)),
        complete: true,
        sources: Vec::new(),
        groups: difference.groups.into_values().map(|group| group.summary).collect(),
        changes: difference.changes,
        skips: difference.skips,
        holds: Vec::new(),
        problems: inputs.live.problems.clone(),
        reads: inputs.live.reads,
        writes: 0,
    };
    ClearedPlan::clear(plan, guarded, inputs.policy.max_users_per_call)
}

impl<'a> UndoInputs<'a> {
    /// The same, as the guard takes it: no directory was read.
    fn of_guard(&self) -> Inputs<'a> {
        let Self { policy, live, memory, now, .. } = *self;
        Inputs { policy, sources: &[], live, memory, now, only: None }
    }
}

/// Live memberships of all mapped groups that are known: the base of a run's limits.
fn memberships(inputs: &UndoInputs<'_>) -> usize {
    let links = inputs.memory.group_links.iter().filter(|(name, _)| is_mapped(inputs.policy, name));
    let configured = inputs.policy.groups.iter().filter(|(name, _)| is_mapped(inputs.policy, name));
    let ids: BTreeSet<&GroupId> =
        links.map(|(_, id)| id).chain(configured.filter_map(|(_, group)| group.id.as_ref())).collect();
    ids.into_iter().filter_map(|id| inputs.live.group(id)).map(|group| group.count()).sum()
}

fn is_mapped(policy: &Policy, name: &GroupName) -> bool {
    policy.mappings.iter().any(|mapping| may_yield(mapping, name.as_str()))
}

/// The live group of deeds, and the name of the target group that it is now; or why it is left alone.
fn place<'a>(
    inputs: &UndoInputs<'a>,
    name: &GroupName,
    id: Option<&GroupId>,
) -> Result<(GroupName, &'a LiveGroup), Problem> {
    let UndoInputs { policy, live, memory, .. } = *inputs;
    let subject = || format!("group {:?}", name.as_str());
    let links = &memory.group_links;
    let Some(id) = id.or_else(|| links.get(name)) else {
        return Err(Problem::new(subject(), "its id in Hyperproof is not known: left alone"));
    };
    let stands_for = |name: &&GroupName| {
        policy.group(name).id.as_ref().or_else(|| links.get(*name)) == Some(id) && is_mapped(policy, name)
    };
    let names = std::iter::once(name).chain(links.keys()).chain(policy.groups.keys());
    let Some(target) = names.into_iter().find(stands_for) else {
        let text = format!("no mapping yields it any more ({id}): left alone");
        let help = "only mapped groups are touched: map it again, take the run back, and unmap it then";
        return Err(Problem::new(subject(), text).help(help));
    };
    match live.group(id) {
        Some(group) => Ok((target.clone(), group)),
        None => Err(find::gone(target, id, live.absent.get(id))),
    }
}

fn left_alone(
    inputs: &UndoInputs<'_>,
    name: &GroupName,
    id: Option<GroupId>,
    problem: Problem,
    difference: &mut Difference,
) {
    let summary = GroupSummary {
        name: name.clone(),
        id,
        mode: inputs.policy.group(name).mode,
        lead: None,
        live: 0,
        desired: 0,
        standing: GroupStanding::Unusable,
        complete: true,
        grounds: Vec::new(),
        mappings: Vec::new(),
        problems: vec![problem],
    };
    let facts = GroupFacts { summary, desired_accounts: 0, not_granted: Vec::new(), in_grace: 0, link: None };
    difference.groups.entry(name.clone()).or_insert(facts);
}

/// Who is behind accounts, as far as the last run knew.
struct People<'a> {
    /// All addresses of the people behind each account, and what those are in Hyperproof.
    addresses: BTreeMap<&'a AccountId, Vec<&'a Address>>,
    /// Whoever is behind no account here is in no source.
    whole: bool,
}

impl<'a> People<'a> {
    fn of(inputs: &UndoInputs<'a>) -> Self {
        let mut addresses: BTreeMap<&AccountId, Vec<&Address>> = BTreeMap::new();
        let Some(facts) = inputs.facts else { return Self { addresses, whole: false } };
        for (_, person) in facts.sources.iter().flat_map(|source| source.everybody()) {
            let account = person.account.and_then(|at| facts.accounts.get(at as usize));
            if let Some(account) = account {
                addresses.entry(&account.id).or_default().extend(person.addresses());
            }
        }
        Self { addresses, whole: facts.sources.iter().all(|source| source.unread.is_none()) }
    }

    fn behind(&self, account: &Account) -> &[&'a Address] {
        self.addresses.get(&account.id).map_or(&[], Vec::as_slice)
    }

    fn is_known(&self, account: &Account) -> bool {
        self.whole || self.addresses.contains_key(&account.id)
    }
}

/// The undo within one target group.
struct GroupUndo<'a> {
    inputs: &'a UndoInputs<'a>,
    people: &'a People<'a>,
    name: &'a GroupName,
    policy: &'a GroupPolicy,
    live: &'a LiveGroup,
    changes: Vec<Change>,
    skips: Vec<Skip>,
    problems: Vec<Problem>,
}

/// Why a deed is not taken back, with more for a person.
type Obstacle = (Why, Option<String>);

impl<'a> GroupUndo<'a> {
    fn new(inputs: &'a UndoInputs<'a>, people: &'a People<'a>, name: &'a GroupName, live: &'a LiveGroup) -> Self {
        let policy = inputs.policy.group(name);
        Self { inputs, people, name, policy, live, changes: Vec::new(), skips: Vec::new(), problems: Vec::new() }
    }

    fn run(mut self, deeds: &[&Deed], difference: &mut Difference) {
        for deed in deeds {
            match deed.op {
                Op::CreateGroup => self.problems.push(Problem::new(
                    format!("group {:?}", self.name.as_str()),
                    "was created by that run and stays: Hyperproof has no way to delete a group",
                )),
                Op::AddMember | Op::RemoveMember => self.member(deed),
                Op::SetLead | Op::ClearLead => self.lead(deed),
            }
        }
        let count = |op| self.changes.iter().filter(|change| change.key.op == op).count();
        let after = (self.live.count() + count(Op::AddMember)).saturating_sub(count(Op::RemoveMember));
        let facts = GroupFacts {
            desired_accounts: after,
            not_granted: self.expected(),
            in_grace: 0,
            link: None,
            summary: GroupSummary {
                name: self.name.clone(),
                id: Some(self.live.id.clone()),
                mode: self.policy.mode,
                lead: self.live.lead.clone(),
                live: self.live.count(),
                desired: after,
                standing: GroupStanding::Ready,
                complete: true,
                grounds: Vec::new(),
                mappings: Vec::new(),
                problems: self.problems,
            },
        };
        difference.groups.insert(self.name.clone(), facts);
        difference.changes.append(&mut self.changes);
        difference.skips.append(&mut self.skips);
    }

    fn account(&self, id: &AccountId) -> Option<&'a Account> {
        self.inputs.live.account(id)
    }

    fn is_member(&self, id: &AccountId) -> bool {
        self.inputs.live.is_member(self.live, id)
    }

    fn change(&mut self, op: Op, account: Option<&AccountId>, email: Option<&str>) {
        let shown = account.and_then(|id| self.account(id)).and_then(|account| account.email.as_ref());
        self.changes.push(Change {
            key: ChangeKey { group: self.name.clone(), op, account: account.cloned() },
            group_id: Some(self.live.id.clone()),
            email: shown.map(Address::to_string).or_else(|| email.map(ToOwned::to_owned)),
            reason: Reason::Undo,
            because: Vec::new(),
            entry: None,
            drift: false,
            report: self.policy.mode == Mode::Report,
            holds: Vec::new(),
            approval: None,
        });
    }

    fn skip(&mut self, deed: &Deed, (why, detail): Obstacle) {
        let shown = deed.account.as_ref().and_then(|id| self.account(id)).and_then(|account| account.email.as_ref());
        let person = shown.map(Address::to_string).or_else(|| deed.email.clone());
        let person = person.or_else(|| deed.account.as_ref().map(ToString::to_string));
        let person = person.unwrap_or_else(|| "the lead".to_owned());
        self.skips.push(Skip { group: self.name.clone(), person, why, detail });
    }

    fn member(&mut self, deed: &Deed) {
        let Some(id) = &deed.account else { return };
        let (op, obstacle) = match deed.op {
            Op::AddMember => (Op::RemoveMember, self.against_removing(deed, id)),
            _ => (Op::AddMember, self.against_adding(deed, id)),
        };
        match obstacle {
            Some(obstacle) => self.skip(deed, obstacle),
            None => self.change(op, Some(id), deed.email.as_deref()),
        }
    }

    /// What stands against taking an addition back.
    fn against_removing(&self, deed: &Deed, id: &AccountId) -> Option<Obstacle> {
        if let Some(later) = later(deed) {
            return Some(later);
        }
        let edit = |text: &str| Some((Why::LaterEdit, Some(text.to_owned())));
        if !self.is_member(id) {
            return edit("removed in Hyperproof since");
        }
        if !self.inputs.memory.owned.has(&self.live.id, id) {
            return edit("removed and added again in Hyperproof since");
        }
        let Some(account) = self.account(id) else {
            return Some((Why::UnknownMember, None));
        };
        if let Some(obstacle) = self.protection(account) {
            return Some(obstacle);
        }
        if self.is_kept(account) {
            return Some((Why::Protected, Some("named by keep".to_owned())));
        }
        if let Some(address) = self.may_be_meant(account) {
            let text = format!("{address:?} may mean this account: no run has read all of the directory to tell");
            return Some((Why::Protected, Some(text)));
        }
        if self.policy.mode == Mode::AddOnly {
            return Some((Why::Mode, Some("mode add-only: nobody is removed".to_owned())));
        }
        None
    }

    /// What stands against taking a removal back.
    fn against_adding(&self, deed: &Deed, id: &AccountId) -> Option<Obstacle> {
        if let Some(later) = later(deed) {
            return Some(later);
        }
        if self.is_member(id) {
            return Some((Why::LaterEdit, Some("added in Hyperproof since".to_owned())));
        }
        self.against_using(id)
    }

    /// What stands against an account becoming a member, or the lead.
    fn against_using(&self, id: &AccountId) -> Option<Obstacle> {
        let Some(account) = self.account(id) else {
            return Some((Why::NoAccount, Some(format!("account {id} is no longer in Hyperproof"))));
        };
        let inactive = matches!(account.standing, Standing::Inactive | Standing::Deactivated);
        let inactive = inactive.then(|| (Why::InactiveAccount, Some(format!("{} account", account.kind))));
        self.protection(account).or(inactive)
    }

    /// Accounts that are nobody's to touch.
    fn protection(&self, account: &Account) -> Option<Obstacle> {
        if account.id == self.inputs.live.own {
            return Some((Why::Protected, Some("the account that rosterd signs in with".to_owned())));
        }
        let behind = self.people.behind(account).iter().copied();
        if account.email.iter().chain(behind).any(|email| is_ignored(&self.inputs.policy.identity, email)) {
            return Some((Why::Ignored, None));
        }
        let ineligible = account.standing == Standing::Ineligible;
        ineligible.then(|| (Why::IneligibleType, Some(format!("{} account", account.kind))))
    }

    /// Whether one of these addresses of the configuration means the account, by its own address or by another one of
    /// the person behind it.
    fn names(&self, addresses: &'a [Address], account: &Account) -> Option<&'a Address> {
        let is_own = |address: &&Address| self.is_address(account, address);
        addresses.iter().find(|address| is_own(address) || self.people.behind(account).contains(address))
    }

    fn is_address(&self, account: &Account, address: &Address) -> bool {
        let identity = &self.inputs.policy.identity;
        account.email.as_ref().is_some_and(|email| address == email || translate(identity, address) == *email)
    }

    /// Where nobody knows who is behind an account: what of `keep` and `ignore` may mean it, because no account has it
    /// for its own address.
    fn may_be_meant(&self, account: &Account) -> Option<&'a str> {
        if self.people.is_known(account) {
            return None;
        }
        let accounts = &self.inputs.live.accounts;
        let is_anybodys = |address: &Address| accounts.iter().any(|account| self.is_address(account, address));
        let kept = self.policy.keep.iter().find(|address| !is_anybodys(address)).map(Address::as_str);
        let mut ignored = self.inputs.policy.identity.ignore.iter().map(String::as_str);
        kept.or_else(|| ignored.find(|own| !Address::parse(own).is_ok_and(|own| is_anybodys(&own))))
    }

    fn is_kept(&self, account: &Account) -> bool {
        self.names(&self.policy.keep, account).is_some()
    }

    /// Addresses that `expect` names and that the undo would take out.
    fn expected(&self) -> Vec<Address> {
        let removed = self.changes.iter().filter(|change| change.key.op == Op::RemoveMember);
        let accounts = removed.filter_map(|change| self.account(change.key.account.as_ref()?));
        let named: BTreeSet<&Address> =
            accounts.filter_map(|account| self.names(&self.policy.expect, account)).collect();
        named.into_iter().cloned().collect()
    }

    /// Gives a group the lead back that it had.
    fn lead(&mut self, deed: &Deed) {
        let set = if deed.op == Op::SetLead { deed.account.as_ref() } else { None };
        let edit = |text: &str| Some((Why::LaterEdit, Some(text.to_owned())));
        let obstacle = match (&deed.lead_before, later(deed)) {
            (_, Some((why, detail))) => Some((why, detail.map(|text| format!("as the group's lead: {text}")))),
            _ if self.live.lead.as_ref() != set => edit("the group's lead was changed in Hyperproof since"),
            (LeadBefore::Unknown, None) => edit("the log does not say who led the group before"),
            (LeadBefore::Nobody, None) => None,
            (LeadBefore::Account(before), None) => {
                let obstacle = self.against_using(before);
                obstacle.map(|(why, _)| (why, Some(format!("account {before} led the group before"))))
            }
        };
        match (obstacle, &deed.lead_before) {
            (Some(obstacle), _) => self.skip(deed, obstacle),
            (None, LeadBefore::Account(before)) => self.change(Op::SetLead, Some(before), None),
            (None, _) if set.is_some() => self.change(Op::ClearLead, None, None),
            (None, _) => {}
        }
    }
}

/// That rosterd itself changed the same thing later.
fn later(deed: &Deed) -> Option<Obstacle> {
    let later = deed.later.as_ref()?;
    let what = match later.op {
        Op::CreateGroup => "created",
        Op::AddMember => "added",
        Op::RemoveMember => "removed",
        Op::SetLead => "set",
        Op::ClearLead => "cleared",
    };
    Some((Why::LaterEdit, Some(format!("{what} by run {} at {:.0}", later.run, later.at))))
}
