//! What waits for a person, and what a person lets through.

use std::time::Duration;

use rosterd::model::hold::Rule;
use rosterd::model::plan::Op;
use rosterd::model::policy::{FirstRemovals, Mode, Selector};
use rosterd::model::undo::{Undone, UndoneKey};

use super::support::small::{World, address, id, limit};

/// `n` names from a letter: `a0 a1 …`.
fn names(letter: &str, n: usize) -> String {
    (0..n).map(|at| format!("{letter}{at} ")).collect()
}

fn approved(world: &World) -> Vec<String> {
    world.holds().into_iter().filter(|hold| hold.ends_with("approved")).collect()
}

#[test]
fn more_removals_than_a_group_s_limit_wait_and_the_rest_goes_ahead() {
    let mut world = World::equal(&[("Risk", &names("r", 10)), ("Audit", "ann bob")]);
    world.hr().leave("risk", "r0 r1 r2 r3");
    world.hr().leave("audit", "bob");
    world.hr().join("risk", "ann");
    assert_eq!(world.holds(), ["group_removals 4/3 on 4"]);
    world.apply();
    assert_eq!(
        world.changes(),
        ["r0", "r1", "r2", "r3"].map(|who| format!("remove Risk {who}: grant_ended [group_removals]"))
    );
    assert_eq!(world.live_group("Audit").members.len(), 1);
}

/// Incident 17: small groups need a floor.
#[test]
fn within_the_floor_a_small_group_may_shrink() {
    let mut world = World::equal(&[("Risk", "ann bob cas dan")]);
    world.hr().leave("risk", "bob cas dan");
    assert_eq!(world.holds(), [""; 0]);
    world.apply();
    world.nothing_to_do();
}

#[test]
fn a_group_s_own_limit_takes_the_place_of_the_guard_s() {
    let mut world = World::equal(&[("Risk", "ann bob cas dan")]);
    world.rules("Risk").group_removals = Some(limit(0, 0));
    world.rules("Risk").group_adds = Some(limit(0, 0));
    world.hr().leave("risk", "bob");
    world.hr().join("risk", "eve");
    world.account("eve");
    assert_eq!(world.holds(), ["group_adds 1/0 on 1", "group_removals 1/0 on 1"]);
}

#[test]
fn the_limits_of_a_run_are_measured_over_what_the_groups_let_through() {
    let groups: Vec<(String, String)> = (0..9).map(|at| (format!("G{at}"), names(&format!("g{at}x"), 10))).collect();
    let groups: Vec<(&str, &str)> = groups.iter().map(|(name, members)| (name.as_str(), members.as_str())).collect();
    let mut world = World::equal(&groups);
    world.policy.guard.source_shrink = limit(100, 0);
    for at in 0..7 {
        let three: String = (0..3).map(|who| format!("g{at}x{who} ")).collect();
        world.hr().leave(&format!("g{at}"), &three);
    }
    assert_eq!(world.holds(), ["run_removals 21/20 on 21"]);
    // A fourth removal of G0 is held by the group's limit, so that the others are within the run's.
    world.hr().leave("g0", "g0x3");
    assert_eq!(world.holds(), ["group_removals 4/3 on 4"]);
    world.policy.guard.run_adds = limit(0, 2);
    world.hr().join("g8", &names("new", 3));
    for at in 0..3 {
        world.account(&format!("new{at}"));
    }
    assert_eq!(world.holds(), ["group_removals 4/3 on 4", "run_adds 3/2 on 3"]);
}

/// A slow bleed.
#[test]
fn the_limit_of_a_day_counts_what_was_removed_before() {
    let mut world = World::equal(&[("Risk", &names("r", 10))]);
    world.policy.guard.day_removals = limit(0, 4);
    world.hr().leave("risk", "r0 r1");
    world.apply();
    assert_eq!(world.memory.removed_today, 2);
    world.hr().leave("risk", "r2 r3");
    world.apply();
    world.hr().leave("risk", "r4");
    assert_eq!(world.holds(), ["day_removals 5/4 on 1"]);
    world.approve(Rule::DayRemovals);
    world.apply();
    assert_eq!(world.memory.removed_today, 4, "what a person approved does not count");
    world.nothing_to_do();
}

// ---- approvals ----

/// Incidents 15 and 16: the only way past a limit was to raise it, or to switch it off.
#[test]
fn an_approval_lets_exactly_that_through_once() {
    let mut world = World::equal(&[("Risk", &names("r", 10))]);
    world.hr().leave("risk", "r0 r1 r2 r3");
    world.approve(Rule::GroupRemovals);
    assert_eq!(world.holds(), ["group_removals 4/3 on 4 approved"]);
    world.apply();
    world.nothing_to_do();
    // The same people again: the approval is used up.
    world.members("Risk", "r0 r1 r2 r3");
    assert_eq!(world.holds(), ["group_removals 4/2 on 4"].map(|_| "group_removals 4/3 on 4"));
}

#[test]
fn an_approval_does_not_cover_more_than_it_was_given_for() {
    let mut world = World::equal(&[("Risk", &names("r", 10))]);
    world.hr().leave("risk", "r0 r1 r2 r3");
    world.approve(Rule::GroupRemovals);
    world.hr().leave("risk", "r4");
    assert_eq!(world.holds(), ["group_removals 5/3 on 5"]);
    assert!(world.plan().changes.iter().all(|change| !change.is_cleared()));
    // Fewer than were approved are covered.
    world.hr().join("risk", "r4 r0");
    world.policy.guard.group_removals = limit(0, 0);
    assert_eq!(world.holds(), ["group_removals 3/0 on 3 approved"]);
}

/// With no change to hold, the scope alone says what a word was about.
#[test]
fn an_approval_of_one_missing_group_accepts_no_other() {
    let mut world = World::equal(&[("Audit", "ann")]);
    for (from, to) in [("risk", "Risk"), ("board", "Board")] {
        world.map("hr", from, to);
        world.members(to, "");
    }
    let hold = world.plan().holds[0].clone();
    world.memory.approvals.push(world.approval(&hold));
    assert_eq!(world.holds(), ["missing 0/0 on 0", "missing 0/0 on 0 approved"]);
}

#[test]
fn an_approval_expires() {
    let mut world = World::equal(&[("Risk", &names("r", 10))]);
    world.hr().leave("risk", "r0 r1 r2 r3");
    world.approve(Rule::GroupRemovals);
    world.now += Duration::from_hours(24);
    assert_eq!(world.holds(), ["group_removals 4/3 on 4"]);
}

#[test]
fn the_same_situation_has_the_same_id_in_every_run() {
    let mut world = World::equal(&[("Risk", &names("r", 10)), ("Audit", "ann bob")]);
    world.hr().leave("risk", "r0 r1 r2 r3");
    let first = world.plan().holds[0].id.clone();
    world.hr().leave("audit", "bob");
    world.members("Risk", "eve");
    world.rules("Risk").keep = vec![address("eve")];
    world.now += Duration::from_hours(5);
    world.apply();
    assert_eq!(world.plan().holds[0].id, first);
    world.hr().leave("risk", "r4");
    assert_ne!(world.plan().holds[0].id, first);
}

/// Killed within an approved set: what is left of it passes, though it is within the limit by itself.
#[test]
fn the_rest_of_an_approved_set_passes_after_a_crash() {
    let mut world = World::equal(&[("Risk", &names("r", 10))]);
    world.policy.max_users_per_call = 1;
    world.policy.guard.run_removals = limit(0, 0);
    world.hr().leave("risk", "r0 r1 r2 r3");
    world.approve(Rule::GroupRemovals);
    for left in (0..4).rev() {
        world.apply_and_die(1);
        let plan = world.plan();
        assert_eq!(plan.changes.iter().filter(|change| change.is_cleared()).count(), left);
    }
    world.apply();
    world.nothing_to_do();
}

#[test]
fn what_was_approved_under_a_group_s_rule_is_not_measured_by_the_run() {
    let mut world = World::equal(&[("Risk", &names("r", 10)), ("Audit", "ann bob")]);
    world.policy.guard.run_removals = limit(0, 1);
    world.hr().leave("risk", "r0 r1 r2 r3");
    world.hr().leave("audit", "bob");
    world.approve(Rule::GroupRemovals);
    assert_eq!(world.holds(), ["group_removals 4/3 on 4 approved"]);
    world.apply();
    world.nothing_to_do();
}

#[test]
fn a_change_under_two_rules_waits_for_both() {
    let mut world = World::equal(&[("Risk", "ann bob cas")]);
    world.rules("Risk").min_members = 5;
    world.rules("Risk").expect = vec![address("head")];
    world.hr().leave("risk", "bob");
    assert_eq!(world.changes(), ["remove Risk bob: grant_ended [expect min_members]"]);
    world.approve(Rule::Expect);
    assert_eq!(world.changes(), ["remove Risk bob: grant_ended [min_members]"]);
    assert_eq!(approved(&world), ["expect 1/0 on 1 approved"]);
    world.approve(Rule::MinMembers);
    world.apply();
    world.nothing_to_do();
}

/// The limits of a run must not depend on what they hold themselves.
#[test]
fn a_lower_limit_of_additions_does_not_let_removals_through() {
    let mut world = World::equal(&[("Risk", "ann bob cas"), ("Audit", "ann bob")]);
    world.policy.guard.run_removals = limit(0, 3);
    world.hr().leave("risk", "ann bob cas");
    world.hr().join("risk", "dan");
    world.account("dan");
    world.hr().leave("audit", "bob");
    world.policy.guard.source_shrink = limit(100, 100);
    assert_eq!(world.holds(), ["run_removals 4/3 on 4"]);
    world.policy.guard.run_adds = limit(0, 0);
    assert_eq!(world.holds(), ["empty 3/0 on 3", "run_adds 1/0 on 1", "run_removals 4/3 on 4"]);
}

// ---- what a group's removals depend on ----

#[test]
fn removals_that_would_leave_nobody_wait() {
    let mut world = World::equal(&[("Risk", "ann bob"), ("Audit", "ann bob")]);
    world.hr().leave("risk", "ann bob");
    assert_eq!(world.holds(), ["empty 2/0 on 2"]);
    world.rules("Risk").allow_empty = true;
    assert_eq!(world.holds(), [""; 0]);
    world.rules("Risk").allow_empty = false;
    world.hr().join("risk", "cas");
    world.account("cas");
    assert_eq!(world.holds(), [""; 0], "somebody takes their place");
    world.policy.guard.group_adds = limit(0, 0);
    assert_eq!(world.holds(), ["empty 2/0 on 2", "group_adds 1/0 on 1"]);
}

/// What an undo took back is not about to be done: it waits for its own word alone, and empties nothing.
#[test]
fn what_was_taken_back_empties_nothing() {
    let mut world = World::equal(&[("Risk", "ann bob")]);
    let group = world.live_group("Risk").id.clone();
    for name in ["ann", "bob"] {
        let key = UndoneKey { group: group.clone(), op: Op::RemoveMember, account: Some(id(name)) };
        world.memory.undone.insert(key, Undone { by: "r2".into(), of: "r1".into(), at: world.now });
    }
    world.hr().leave("risk", "ann bob");
    assert_eq!(world.changes(), ["ann", "bob"].map(|who| format!("remove Risk {who}: grant_ended [undone]")));
}

#[test]
fn fewer_desired_than_min_members_hold_removals() {
    let mut world = World::equal(&[("Risk", "ann bob cas")]);
    world.rules("Risk").min_members = 3;
    world.hr().leave("risk", "bob");
    assert_eq!(world.changes(), ["remove Risk bob: grant_ended [min_members]"]);
    world.hr().join("risk", "dan");
    world.account("dan");
    assert_eq!(world.changes(), ["add Risk dan", "remove Risk bob: grant_ended"]);
}

#[test]
fn removals_wait_while_somebody_expected_is_not_granted() {
    let mut world = World::equal(&[("Risk", "ann bob head")]);
    world.rules("Risk").expect = vec![address("HEAD")];
    world.hr().leave("risk", "bob");
    assert_eq!(world.changes(), ["remove Risk bob: grant_ended"]);
    world.hr().leave("risk", "head");
    assert_eq!(world.changes(), ["remove Risk bob: grant_ended [expect]", "remove Risk head: grant_ended [expect]"]);
}

#[test]
fn removals_of_a_first_full_run_wait() {
    let mut world = World::new();
    world.hr().join("risk", "ann cas");
    world.map("hr", "risk", "Risk");
    world.members("Risk", "ann bob");
    world.account("cas");
    assert_eq!(world.changes(), ["add Risk cas", "remove Risk bob: person_gone [first_run]"]);
    world.apply();
    assert_eq!(world.changes(), ["remove Risk bob: person_gone [first_run]"], "it is the first one still");
    world.approve(Rule::FirstRun);
    world.apply();
    world.nothing_to_do();
    world.hr().leave("risk", "cas");
    assert_eq!(world.changes(), ["remove Risk cas: grant_ended"]);
}

/// When the grace period is over, nobody has looked at them yet.
#[test]
fn removals_that_a_first_full_run_left_to_their_grace_wait_after_it() {
    let mut world = World::new();
    world.policy.guard.removal_grace = Duration::from_hours(2);
    world.hr().join("risk", "ann");
    world.map("hr", "risk", "Risk");
    world.members("Risk", "ann bob");
    world.apply();
    world.nothing_to_do();
    world.now += Duration::from_hours(2);
    assert_eq!(world.changes(), ["remove Risk bob: person_gone [first_run]"]);
}

#[test]
fn first_removals_can_be_let_through() {
    let mut world = World::new();
    world.policy.guard.first_removals = FirstRemovals::Apply;
    world.hr().join("risk", "ann");
    world.map("hr", "risk", "Risk");
    world.members("Risk", "ann bob");
    world.apply();
    world.nothing_to_do();
}

#[test]
fn removals_after_a_change_of_mode_wait() {
    let mut world = World::equal(&[("Risk", "ann")]);
    world.rules("Risk").mode = Mode::AddOnly;
    world.members("Risk", "eve");
    let mut world = world.settled();
    world.rules("Risk").mode = Mode::Mirror;
    assert_eq!(world.changes(), ["remove Risk eve: person_gone [first_run]"]);
}

/// A group whose creation waits has had no first full run.
#[test]
fn a_group_that_was_not_there_is_not_settled() {
    let mut world = World::equal(&[("Audit", "ann")]);
    world.hr().join("risk", "ann");
    world.map("hr", "risk", "Risk");
    world.rules("Risk").create = true;
    world.rules("Risk").group_adds = Some(limit(0, 0));
    world.apply();
    world.members("Risk", "ann eve");
    assert_eq!(world.changes(), ["remove Risk eve: person_gone [first_run]"]);
}

#[test]
fn an_organisation_that_shows_no_group_gets_none_created() {
    let mut world = World::new();
    world.hr().join("risk", "ann");
    world.map("hr", "risk", "Risk");
    world.rules("Risk").create = true;
    world.account("ann");
    assert_eq!(world.changes(), ["create Risk [first_run]", "add Risk ann [first_run]"]);
    world.approve(Rule::FirstRun);
    world.apply();
    world.nothing_to_do();
}

/// It is one situation, and one hold: what is not approved must not slip through once the first group
/// is there.
#[test]
fn creations_in_an_organisation_that_shows_no_group_are_one_hold() {
    let mut world = World::new();
    for (from, to) in [("a", "A"), ("b", "B")] {
        world.hr().join(from, "ann");
        world.map("hr", from, to);
        world.rules(to).create = true;
    }
    world.account("ann");
    assert_eq!(world.holds(), ["first_run 2/0 on 4"]);
    world.approve(Rule::FirstRun);
    world.hr().join("c", "ann");
    world.map("hr", "c", "C");
    world.rules("C").create = true;
    assert_eq!(world.holds(), ["first_run 3/0 on 6"]);
    world.apply();
    assert!(world.live.groups.is_empty());
}

/// Once the first of them is there, the organisation is not blind any more; the approval holds good.
#[test]
fn approved_creations_pass_after_a_crash() {
    let mut world = World::new();
    for (from, to) in [("a", "A"), ("b", "B")] {
        world.hr().join(from, &names(from, 5));
        world.map("hr", from, to);
        world.rules(to).create = true;
    }
    for letter in ["a", "b"] {
        names(letter, 5).split_whitespace().for_each(|name| drop(world.account(name).id.clone()));
    }
    world.policy.max_users_per_call = 2;
    world.policy.guard.group_adds = limit(0, 1);
    world.policy.guard.run_adds = limit(0, 1);
    world.approve(Rule::FirstRun);
    for steps in 0..world.decide().cleared.steps().len() {
        let mut killed = world.clone();
        killed.apply_and_die(steps);
        killed.apply();
        killed.nothing_to_do();
    }
}

#[test]
fn a_group_is_not_filled_before_its_creation_is_let_through() {
    let mut world = World::equal(&[("Audit", "ann")]);
    world.hr().join("risk", "r0 r1 r2");
    world.map("hr", "risk", "Risk");
    world.rules("Risk").create = true;
    for name in ["r0", "r1", "r2", "r3"] {
        world.account(name);
    }
    world.policy.guard.group_adds = limit(0, 2);
    world.approve(Rule::GroupAdds);
    // Some of the approved are left, somebody new is not approved, and the run's limit is met.
    world.hr().leave("risk", "r2");
    world.hr().join("risk", "r3");
    world.policy.guard.group_adds = limit(0, 3);
    world.policy.guard.run_adds = limit(0, 0);
    for step in world.decide().cleared.steps() {
        assert_eq!(step.kind, rosterd::reconcile::StepKind::Create);
    }
    world.approve_all();
    world.apply();
    world.nothing_to_do();
}

// ---- a source that lost people ----

/// People without an immutable id, whom an address alone ties to their accounts.
fn by_address(people: &str) -> World {
    let mut world = World::equal(&[("Risk", people)]);
    world.policy.guard.group_removals = limit(100, 0);
    world.policy.guard.run_removals = limit(100, 0);
    world.policy.guard.day_removals = limit(100, 0);
    for name in people.split_whitespace() {
        world.hr().person(name).immutable = false;
    }
    world.apply();
    world.nothing_to_do();
    world
}

#[test]
fn a_source_whose_people_lost_their_addresses_removes_nobody() {
    let mut world = by_address(&names("r", 30));
    for name in names("r", 11).split_whitespace() {
        world.hr().person(name).addresses.clear();
    }
    assert_eq!(world.holds(), ["source_shrink 11/10 on 11"]);
    world.apply();
    assert_eq!(world.holds(), ["source_shrink 11/10 on 11"], "the baseline stays while its removals wait");
    world.approve(Rule::SourceShrink);
    world.apply();
    world.nothing_to_do();
}

#[test]
fn people_who_leave_take_their_addresses_along_and_those_who_come_owe_none() {
    let mut world = by_address(&names("r", 30));
    world.hr().leave("risk", &names("r", 10));
    assert_eq!(world.holds(), [""; 0], "ten fewer people, and ten fewer addresses, are within the limit");
    let mut world = by_address(&names("r", 30));
    world.hr().join("risk", &names("robot", 30));
    for name in names("robot", 30).split_whitespace() {
        world.hr().person(name).addresses.clear();
    }
    world.hr().leave("risk", "r0");
    assert_eq!(world.holds(), [""; 0], "who came without an address has lost none");
}

#[test]
fn a_source_that_lost_many_people_removes_nobody() {
    let mut world = World::equal(&[("Risk", &names("r", 30)), ("Audit", &names("a", 30)), ("Board", &names("b", 30))]);
    world.policy.guard.group_removals = limit(50, 0);
    world.policy.guard.run_removals = limit(50, 0);
    for letter in ["r", "a", "b"] {
        names(letter, 4).split_whitespace().for_each(|name| world.hr().without(name));
    }
    assert_eq!(world.holds(), ["source_shrink 12/10 on 12"]);
    world.apply();
    assert_eq!(world.holds(), ["source_shrink 12/10 on 12"], "the baseline stays while its removals wait");
    world.approve(Rule::SourceShrink);
    world.apply();
    world.nothing_to_do();
}

/// What waits under any rule is not forgotten by the baseline.
#[test]
fn a_baseline_does_not_sink_by_what_the_run_held() {
    let mut world = World::equal(&[("Risk", &names("r", 10)), ("Audit", &names("a", 30))]);
    world.policy.guard.group_removals = limit(50, 0);
    world.rules("Risk").group_removals = Some(limit(0, 0));
    world.hr().leave("risk", &names("r", 8));
    world.apply();
    assert_eq!(world.holds(), ["group_removals 8/0 on 8"]);
    world.hr().leave("audit", &names("a", 8));
    assert_eq!(world.holds(), ["group_removals 8/0 on 8", "source_shrink 16/10 on 16"]);
}

#[test]
fn the_run_s_limit_counts_what_only_the_source_s_limit_holds() {
    let mut world = World::equal(&[("Risk", &names("r", 30)), ("Audit", &names("a", 30))]);
    world.source("ad").join("risk-ad", &names("x", 10));
    world.map("ad", "risk-ad", "Board");
    world.members("Board", &names("x", 10));
    let mut world = world.settled();
    world.policy.guard.group_removals = limit(50, 0);
    world.policy.guard.run_removals = limit(0, 12);
    world.hr().leave("risk", &names("r", 6));
    world.hr().leave("audit", &names("a", 6));
    world.source("ad").leave("risk-ad", "x0");
    assert_eq!(world.holds(), ["run_removals 13/12 on 13", "source_shrink 12/10 on 12"]);
}

// ---- missing directory groups ----

/// Incident 6: a group was renamed, and "not found" acted as "empty".
#[test]
fn what_a_missing_group_granted_stays() {
    let mut world = World::equal(&[("Risk", "ann bob"), ("Audit", "ann cas")]);
    world.hr().drop_group("risk");
    world.hr().leave("audit", "cas");
    world.apply();
    assert_eq!(
        world.changes(),
        ["remove Risk ann: grant_ended [empty missing]", "remove Risk bob: grant_ended [empty missing]"]
    );
    world.hr().join("risk", "ann bob");
    world.nothing_to_do();
}

#[test]
fn a_missing_group_is_a_hold_even_with_no_change_to_hold() {
    let mut world = World::equal(&[("Audit", "ann")]);
    world.map("hr", "risk", "Risk");
    world.members("Risk", "");
    assert_eq!(world.holds(), ["missing 0/0 on 0"]);
    assert!(world.plan().is_held());
    world.approve(Rule::Missing);
    world.apply();
    world.nothing_to_do();
    assert_eq!(world.holds(), [""; 0], "accepted");
}

fn ldap() -> World {
    let mut world = World::new();
    world.source("ad").ldap_group("guid-1", "GRC-Risk");
    world.source("ad").join("guid-1", "ann bob");
    world.members("Risk", "ann bob");
    world
}

#[test]
fn a_renamed_group_is_named() {
    let mut world = ldap();
    world.map("ad", "GRC-Risk", "Risk");
    let mut world = world.settled();
    world.source("ad").ldap_group("guid-1", "GRC-Risiko");
    let hold = &world.plan().holds[0];
    assert!(hold.rule == Rule::Missing || hold.rule == Rule::Empty);
    let plan = world.plan();
    let missing = plan.holds.iter().find(|hold| hold.rule == Rule::Missing).expect("a hold");
    assert!(missing.text.contains("renamed to \"GRC-Risiko\""), "{}", missing.text);
    world.policy.mappings[0].from = Selector::Name("GRC-Risiko".into());
    world.nothing_to_do();
}

#[test]
fn a_group_renamed_under_a_pattern_is_missed_where_it_was() {
    let mut world = ldap();
    world.map_pattern("ad", "^GRC-(.+)$", "$1");
    let mut world = world.settled();
    world.members("Risiko", "");
    world.source("ad").ldap_group("guid-1", "GRC-Risiko");
    let held = |who: &str| format!("remove Risk {who}: grant_ended [empty missing]");
    assert_eq!(world.changes(), ["add Risiko ann".to_owned(), "add Risiko bob".to_owned(), held("ann"), held("bob")]);
    world.apply();
    assert_eq!(world.changes(), [held("ann"), held("bob")], "it goes on being missed");
}

#[test]
fn two_missing_groups_of_one_name_are_one_hold() {
    let mut world = ldap();
    world.source("ad").ldap_group("guid-2", "GRC-Risk");
    world.map_pattern("ad", "^GRC-(.+)$", "$1");
    let mut world = world.settled();
    world.source("ad").groups.clear();
    let plan = world.plan();
    let missing: Vec<_> = plan.holds.iter().filter(|hold| hold.rule == Rule::Missing).collect();
    assert_eq!(missing.len(), 1);
    assert_eq!(plan.changes[0].holds.iter().filter(|id| **id == missing[0].id).count(), 1);
}

#[test]
fn an_approval_accepts_a_missing_group_as_empty_until_it_comes_back() {
    let mut world = World::equal(&[("Risk", "ann bob")]);
    world.rules("Risk").allow_empty = true;
    world.hr().drop_group("risk");
    world.approve(Rule::Missing);
    world.apply();
    world.nothing_to_do();
    assert!(world.live_group("Risk").members.is_empty());
    world.members("Risk", "eve");
    assert_eq!(world.changes(), ["remove Risk eve: drift_added"], "empty is what it shall be");
    world.apply();
    world.hr().join("risk", "ann");
    assert_eq!(world.changes(), ["add Risk ann"]);
    world.apply();
    world.nothing_to_do();
    world.hr().drop_group("risk");
    assert_eq!(world.changes(), ["remove Risk ann: grant_ended [missing]"], "it came back, and was missed anew");
}

/// With a pattern nothing but memory knows the group; it is accepted as empty all the same.
#[test]
fn a_group_accepted_as_missing_under_a_pattern_stays_empty_until_it_comes_back() {
    let mut world = ldap();
    world.map_pattern("ad", "^GRC-(.+)$", "$1");
    let mut world = world.settled();
    world.source("ad").drop_group("guid-1");
    world.approve(Rule::Missing);
    world.apply();
    let held = ["remove Risk ann: grant_ended [empty]", "remove Risk bob: grant_ended [empty]"];
    assert_eq!(world.changes(), held, "what another rule holds is not forgotten");
    world.apply();
    assert_eq!(world.changes(), held);
    world.approve(Rule::Empty);
    world.apply();
    world.nothing_to_do();
    assert!(world.live_group("Risk").members.is_empty());
    // Made anew, with another id.
    world.source("ad").ldap_group("guid-9", "GRC-Risk");
    world.source("ad").join("guid-9", "ann");
    assert_eq!(world.changes(), ["add Risk ann"]);
    world.apply();
    world.nothing_to_do();
    world.source("ad").drop_group("guid-9");
    assert!(world.holds().iter().any(|hold| hold.starts_with("missing")), "{:?}", world.holds());
}

/// A directory that does not mend the names of members (OpenLDAP's way without an overlay): a nested group that is
/// renamed, deleted or hidden is still named, and not there.
#[test]
fn what_a_nested_group_granted_stays_while_it_is_named_and_not_there() {
    let mut world = World::equal(&[("Risk", "ann bob cas"), ("Audit", "ann")]);
    world.hr().leave("risk", "bob cas");
    world.hr().group("risk").groups.insert("team".to_owned());
    world.hr().join("team", "bob cas");
    world.apply();
    world.nothing_to_do();
    world.hr().drop_group("team");
    let held = ["remove Risk bob: grant_ended [missing]", "remove Risk cas: grant_ended [missing]"];
    assert_eq!(world.changes(), held);
    world.hr().join("audit", "bob");
    assert_eq!(world.changes(), ["add Audit bob", held[0], held[1]], "the others go ahead");
    world.apply();
    assert_eq!(world.changes(), held, "it goes on being missed");
    let text = &world.plan().holds[0].text;
    assert!(text.contains("\"team\", a member of \"risk\", is not there"), "{text}");
    // Read in part, the parent says nothing of it, and nothing is forgotten.
    world.hr().group("risk").complete = false;
    world.hr().group("risk").groups.clear();
    assert_eq!(world.decide().learned.nested, world.memory.learned.nested);
    world.apply();
    world.hr().group("risk").complete = true;
    world.hr().group("risk").groups.insert("team".to_owned());
    assert_eq!(world.changes(), held);
    // It is there again, under another key even.
    world.hr().join("team", "bob");
    assert_eq!(world.changes(), ["remove Risk cas: grant_ended"]);
    world.apply();
    world.nothing_to_do();
    world.hr().drop_group("team");
    assert_eq!(world.changes(), ["remove Risk bob: grant_ended [missing]"]);
    world.approve(Rule::Missing);
    world.apply();
    world.nothing_to_do();
    assert_eq!(world.holds(), [""; 0], "accepted as empty, although it is still named");
}

#[test]
fn a_nested_group_that_was_taken_out_of_its_parent_is_no_missing_one() {
    let mut world = World::equal(&[("Risk", "ann bob")]);
    world.hr().leave("risk", "bob");
    world.hr().group("risk").groups.insert("team".to_owned());
    world.hr().join("team", "bob");
    world.apply();
    world.hr().drop_group("team");
    world.hr().group("risk").groups.clear();
    assert_eq!(world.changes(), ["remove Risk bob: grant_ended"]);
    world.apply();
    world.nothing_to_do();
    // Nor is one that never was a group, as far as anybody knows.
    world.hr().group("risk").groups.insert("nobody".to_owned());
    world.nothing_to_do();
}

// ---- grace ----

#[test]
fn the_absent_wait_for_their_grace_and_the_disabled_do_not() {
    let mut world = World::equal(&[("Risk", "ann bob cas dan")]);
    world.policy.guard.removal_grace = Duration::from_hours(2);
    world.hr().without("bob");
    world.hr().person("cas").disabled = true;
    assert_eq!(world.changes(), ["remove Risk cas: person_disabled"]);
    assert_eq!(world.skips(), ["Risk bob@corp.example grace"]);
    world.apply();
    world.nothing_to_do();
    world.now += Duration::from_mins(119);
    world.apply();
    world.nothing_to_do();
    world.now += Duration::from_mins(1);
    assert_eq!(world.changes(), ["remove Risk bob: person_gone"]);
    world.apply();
    world.nothing_to_do();
}

#[test]
fn who_comes_back_in_time_starts_anew() {
    let mut world = World::equal(&[("Risk", "ann bob cas")]);
    world.policy.guard.removal_grace = Duration::from_hours(2);
    world.hr().leave("risk", "bob");
    world.apply();
    world.now += Duration::from_hours(1);
    world.hr().join("risk", "bob");
    world.apply();
    world.hr().leave("risk", "bob");
    world.now += Duration::from_hours(2);
    world.nothing_to_do();
    assert_eq!(world.skips(), ["Risk bob@corp.example grace"]);
}

/// The first of the runs that miss somebody had a clock that was a month ahead.
#[test]
fn a_clock_that_was_set_back_does_not_lengthen_the_grace() {
    let mut world = World::equal(&[("Risk", "ann bob cas")]);
    world.policy.guard.removal_grace = Duration::from_hours(2);
    let right = world.now;
    world.hr().without("bob");
    world.now += Duration::from_hours(30 * 24);
    world.apply();
    world.now = right;
    world.apply();
    assert_eq!(world.skips(), ["Risk bob@corp.example grace"]);
    world.now += Duration::from_mins(119);
    world.apply();
    world.nothing_to_do();
    world.now += Duration::from_mins(1);
    assert_eq!(world.changes(), ["remove Risk bob: person_gone"]);
}

/// Who is disabled in one source and active in another that was not read today may be active.
#[test]
fn an_unread_source_ends_no_grace() {
    let mut world = World::equal(&[("Risk", "ann bob cas")]);
    world.policy.guard.removal_grace = Duration::from_hours(2);
    world.hr().without("bob");
    world.source("ad").person("bob").disabled = true;
    assert_eq!(world.changes(), ["remove Risk bob: person_disabled"]);
    world.source("it").complete = false;
    assert_eq!(world.skips(), ["Risk bob@corp.example grace"]);
}

/// Only complete reads count.
#[test]
fn an_unread_source_starts_no_clock() {
    let mut world = World::equal(&[("Risk", "ann bob cas")]);
    world.policy.guard.removal_grace = Duration::from_hours(2);
    world.hr().leave("risk", "bob");
    world.hr().complete = false;
    world.apply();
    world.now += Duration::from_hours(5);
    world.hr().complete = true;
    world.nothing_to_do();
}

#[test]
fn the_loss_is_not_forgotten_while_people_wait_for_their_grace() {
    let mut world = World::equal(&[("Risk", &names("r", 40))]);
    world.policy.guard.group_removals = limit(100, 0);
    world.policy.guard.removal_grace = Duration::from_hours(2);
    names("r", 12).split_whitespace().for_each(|name| world.hr().without(name));
    world.apply();
    world.now += Duration::from_hours(2);
    assert_eq!(world.holds(), ["source_shrink 12/10 on 12"]);
}
