//! What applying a plan does: to Hyperproof, simulated, and to what is remembered.

use std::collections::BTreeMap;

use rosterd::model::hold::Rule;
use rosterd::model::id::{AccountId, GroupId};
use rosterd::model::memberships::Memberships;
use rosterd::model::plan::{Change, Op};
use rosterd::reconcile::{ClearedPlan, Decision};

use super::small::{Team, World};

impl World {
    /// A run: all steps, and what a full run learns if it was one.
    pub(crate) fn apply(&mut self) -> Decision {
        let decision = self.decide();
        self.take(&decision, usize::MAX);
        if decision.cleared.plan().complete && self.only.is_none() {
            self.learn(&decision);
        }
        decision
    }

    /// A run that is killed after some of its steps. Returns what it had decided.
    pub(crate) fn apply_and_die(&mut self, steps: usize) -> Decision {
        let decision = self.decide();
        self.take(&decision, steps);
        decision
    }

    fn take(&mut self, decision: &Decision, steps: usize) {
        self.memory.group_links.extend(decision.links.iter().cloned());
        for (group, account) in &decision.lapsed {
            edit(&mut self.memory.owned, group, account, false);
        }
        self.carry_out(&decision.cleared, steps);
    }

    /// Makes the cleared changes of the first steps.
    pub(crate) fn carry_out(&mut self, cleared: &ClearedPlan, steps: usize) {
        let plan = cleared.plan();
        for step in cleared.steps().iter().take(steps) {
            for at in &step.changes {
                self.make(&plan.changes[*at]);
            }
        }
    }

    fn make(&mut self, change: &Change) {
        assert!(change.is_cleared(), "a step makes a change that waits: {change:?}");
        if change.key.op == Op::CreateGroup {
            self.create(change);
        } else {
            let id = change.group_id.clone().or_else(|| self.memory.group_links.get(&change.key.group).cloned());
            let id = id.expect("a group is created before anything else is done to it");
            self.change(&id, change);
        }
        // Whatever it was approved under: it passes once.
        for approval in &mut self.memory.approvals {
            approval.changes.remove(&change.key);
        }
    }

    fn create(&mut self, change: &Change) {
        let name = &change.key.group;
        assert!(self.live.groups.iter().all(|group| group.name != name.as_str()), "{name} is there already");
        let id = GroupId::new(format!("g-{name}"));
        self.live_group(name.as_str());
        self.memory.group_links.insert(name.clone(), id);
    }

    fn change(&mut self, id: &GroupId, change: &Change) {
        let group = self.live.groups.iter_mut().find(|group| group.id == *id).expect("a live group");
        let owned = &mut self.memory.owned;
        let account = change.key.account.clone();
        match change.key.op {
            Op::CreateGroup => {}
            Op::AddMember => {
                let account = account.expect("an addition names an account");
                assert!(insert(group, account.clone()), "{account} is in {id} already");
                edit(owned, id, &account, true);
            }
            Op::RemoveMember => {
                let account = account.expect("a removal names an account");
                let before = group.members.len();
                group.members.retain(|member| *member != account);
                assert!(group.members.len() < before, "{account} is not in {id}");
                edit(owned, id, &account, false);
                if change.approval.is_none() {
                    self.memory.removed_today += 1;
                }
            }
            Op::SetLead => {
                assert_ne!(group.lead, account, "{account:?} leads {id} already");
                group.lead = account;
            }
            Op::ClearLead => {
                assert!(group.lead.is_some(), "nobody leads {id}");
                group.lead = None;
            }
        }
    }

    /// What a full run leaves behind.
    fn learn(&mut self, decision: &Decision) {
        self.memory.learned = decision.learned.clone();
        self.memory.known_groups =
            self.live.groups.iter().map(|group| (group.id.clone(), group.name.clone())).collect();
        self.memory.left = self.live.groups.iter().map(|group| (group.id.clone(), group.members.clone())).collect();
        // Accepting a missing directory group is done once it is learned.
        self.memory.approvals.retain(|approval| {
            let accepted = decision.cleared.plan().holds.iter().any(|hold| {
                hold.rule == Rule::Missing && approval.rule == Rule::Missing && hold.scope.to_string() == approval.scope
            });
            !approval.changes.is_empty() || (approval.rule == Rule::Missing && !accepted)
        });
    }
}

/// One membership more, or less.
fn edit(memberships: &mut Memberships, group: &GroupId, account: &AccountId, present: bool) {
    let all = memberships.iter().map(|(id, members)| (id.clone(), members.iter().cloned().collect()));
    let mut all: BTreeMap<GroupId, Vec<AccountId>> = all.collect();
    let members = all.entry(group.clone()).or_default();
    members.retain(|member| member != account);
    members.extend(present.then(|| account.clone()));
    *memberships = all.into_iter().collect();
}

fn insert(group: &mut Team, account: AccountId) -> bool {
    match group.members.binary_search(&account) {
        Ok(_) => false,
        Err(at) => {
            group.members.insert(at, account);
            true
        }
    }
}
