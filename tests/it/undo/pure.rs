//! Laws of the pure core of it, over random small worlds.

use std::collections::BTreeSet;

use proptest::prelude::*;
use rosterd::model::hold::Rule;
use rosterd::model::id::{AccountId, GroupId};
use rosterd::model::live::Standing;
use rosterd::model::memberships::Memberships;
use rosterd::model::plan::{Change, Op, Why};
use rosterd::model::policy::{Lead, Mode};
use rosterd::model::undo::{Deed, Deeds, LeadBefore, Undone, UndoneKey};
use rosterd::reconcile::{ClearedPlan, UndoInputs, undo};

use crate::support::random::world;
use crate::support::small::{Live, Team, World, limit};

fn config() -> ProptestConfig {
    ProptestConfig {
        cases: if std::env::var_os("PROPTEST_CASES").is_some() { ProptestConfig::default().cases } else { 200 },
        failure_persistence: None,
        max_shrink_iters: 3000,
        ..ProptestConfig::default()
    }
}

fn group<'a>(live: &'a Live, id: &GroupId) -> Option<&'a Team> {
    live.groups.iter().find(|group| group.id == *id)
}

/// Nothing is too much, and nobody is missed.
fn wide(world: &mut World) {
    let guard = &mut world.policy.guard;
    for own in [&mut guard.group_removals, &mut guard.group_adds, &mut guard.run_removals, &mut guard.run_adds] {
        *own = limit(100, 1000);
    }
    guard.day_removals = limit(100, 1000);
    let defaults = &mut world.policy.group_defaults;
    for own in world.policy.groups.values_mut().chain([defaults]) {
        (own.group_removals, own.group_adds) = (None, None);
        (own.min_members, own.allow_empty) = (0, true);
        own.expect.clear();
    }
}

/// A run, as the log tells it: what was made, and who led before.
fn ran(world: &mut World) -> Deeds {
    let before = world.live.clone();
    let decision = world.apply();
    let deed = |change: &Change| {
        let name = &change.key.group;
        let group_id = change.group_id.clone().or_else(|| world.memory.group_links.get(name).cloned());
        let lead = group_id.as_ref().and_then(|id| group(&before, id)).and_then(|group| group.lead.as_ref());
        Deed {
            group: name.clone(),
            group_id,
            op: change.key.op,
            account: change.key.account.clone(),
            email: change.email.clone(),
            lead_before: LeadBefore::of(lead),
            later: None,
        }
    };
    let changes = decision.cleared.plan().changes.iter();
    let deeds = changes.filter(|change| change.is_cleared()).map(deed).collect();
    Deeds { run: "r1".into(), deeds }
}

fn taken_back(world: &World, deeds: &Deeds) -> ClearedPlan {
    let World { policy, live, memory, now, .. } = world;
    undo(&UndoInputs { policy, live: &live.state(), memory, now: *now, deeds, facts: None })
}

/// What the state remembers of an undo.
fn remember(world: &mut World, cleared: &ClearedPlan, before: &Live) {
    for change in cleared.plan().changes.iter().filter(|change| change.is_cleared()) {
        let id = change.group_id.clone().expect("a group that is there");
        let account = change.key.account.clone();
        let (op, account) = match change.key.op {
            Op::AddMember => (Op::RemoveMember, account),
            Op::RemoveMember => (Op::AddMember, account),
            _ => match group(before, &id).and_then(|group| group.lead.clone()) {
                Some(lead) => (Op::SetLead, Some(lead)),
                None => (Op::ClearLead, None),
            },
        };
        let live = group(&world.live, &id).expect("a group that is there");
        world.memory.left = left_with(&world.memory.left, &id, &live.members);
        let by = Undone { by: "r2".into(), of: "r1".into(), at: world.now };
        world.memory.undone.insert(UndoneKey { group: id, op, account }, by);
    }
}

fn left_with(left: &Memberships, group: &GroupId, members: &[AccountId]) -> Memberships {
    let others = left.iter().filter(|(id, _)| *id != group);
    let others = others.map(|(id, members)| (id.clone(), members.iter().cloned().collect()));
    others.chain([(group.clone(), members.to_vec())]).collect()
}

fn members(group: Option<&Team>) -> BTreeSet<AccountId> {
    group.map(|group| group.members.iter().cloned().collect()).unwrap_or_default()
}

proptest! {
    #![proptest_config(config())]

    /// Where nothing else happened, everything is as it was, but for what is listed.
    #[test]
    fn an_undo_restores_what_was(seed in proptest::collection::vec(any::<u8>(), 160)) {
        let mut world = world(&seed);
        wide(&mut world);
        let before = world.live.clone();
        let deeds = ran(&mut world);
        let cleared = taken_back(&world, &deeds);
        let plan = cleared.plan();
        prop_assert!(plan.holds.is_empty(), "{:?}", plan.holds);
        world.carry_out(&cleared, usize::MAX);
        for after in &world.live.groups {
            let was = group(&before, &after.id);
            let (then, now) = (members(was), members(Some(after)));
            let name = world.memory.group_links.iter().find(|(_, id)| **id == after.id).map(|(name, _)| name);
            for account in then.symmetric_difference(&now) {
                let account = world.live.account(account).expect("an account that was added or removed");
                let shown = account.email.as_ref().map_or(account.id.to_string(), |email| email.to_string());
                let mut skips = plan.skips.iter().filter(|skip| Some(&skip.group) == name && skip.person == shown);
                // Who may not be added any more, or not be removed, is listed.
                let why = skips.any(|skip| match skip.why {
                    Why::InactiveAccount => then.contains(&account.id) && account.standing != Standing::Active,
                    Why::Mode => world.policy.group(&skip.group).mode == Mode::AddOnly,
                    Why::Protected => now.contains(&account.id),
                    _ => false,
                });
                prop_assert!(why, "{} in {}: {:?}\n{:?}\n{:?}", account.id, after.id, plan.skips, plan.groups, deeds);
            }
            let lead = was.and_then(|group| group.lead.as_ref());
            if lead != after.lead.as_ref() {
                let listed = plan.skips.iter().any(|skip| Some(&skip.group) == name && skip.why != Why::LaterEdit);
                prop_assert!(listed, "the lead of {}", after.id);
            }
        }
        // Nothing beside the run's own deeds, and no deed twice or unnamed.
        for change in &plan.changes {
            let of = |deed: &&Deed| match change.key.op {
                Op::AddMember => deed.op == Op::RemoveMember && deed.account == change.key.account,
                Op::RemoveMember => deed.op == Op::AddMember && deed.account == change.key.account,
                _ => matches!(deed.op, Op::SetLead | Op::ClearLead),
            };
            let own = deeds.deeds.iter().filter(|deed| deed.group_id == change.group_id).filter(of).count();
            prop_assert_eq!(own, 1, "{:?}", change.key);
        }
        let named = plan.changes.len() + plan.skips.len();
        let created = deeds.deeds.iter().filter(|deed| deed.op == Op::CreateGroup).count();
        prop_assert!(named <= deeds.deeds.len() - created);
    }

    /// The next run makes nothing of it again unless a person says so: each change waits by itself, and
    /// what else there is to do is the same.
    #[test]
    fn what_was_taken_back_waits(seed in proptest::collection::vec(any::<u8>(), 160)) {
        let mut world = world(&seed);
        wide(&mut world);
        world.policy.groups.values_mut().filter(|own| own.lead != Lead::Untouched).for_each(|own| own.lead = Lead::Untouched);
        let deeds = ran(&mut world);
        world.memory.approvals.clear();
        let otherwise = world.plan();
        let cleared = taken_back(&world, &deeds);
        let before = world.live.clone();
        world.carry_out(&cleared, usize::MAX);
        remember(&mut world, &cleared, &before);
        let decision = world.decide();
        let plan = decision.cleared.plan();
        for change in &plan.changes {
            let id = change.group_id.clone();
            let key = id.map(|group| UndoneKey { group, op: change.key.op, account: change.key.account.clone() });
            let undone = key.is_some_and(|key| world.memory.undone.contains_key(&key)) && !change.report;
            let holds = plan.holds.iter().filter(|hold| hold.rule == Rule::Undone && hold.changes.contains(&change.key));
            prop_assert_eq!(holds.clone().count(), usize::from(undone), "{:?}", change.key);
            prop_assert!(holds.clone().all(|hold| hold.changes.len() == 1));
            if undone {
                prop_assert!(!change.is_cleared() && !change.drift, "{:?}", change);
            } else if change.is_cleared() {
                let same = otherwise.changes.iter().any(|own| own.key == change.key);
                prop_assert!(same, "{:?}", change.key);
            }
        }
        world.approve_all();
        let again = world.decide();
        prop_assert!(again.cleared.plan().holds.iter().all(|hold| hold.approval.is_some()));
    }
}
