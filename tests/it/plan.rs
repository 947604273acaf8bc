//! What is planned, and in which calls: the removal rule, completeness, modes, live members, order.
//! "Incident n" is a public failure of another tool that the test stands for.

use rosterd::model::id::GroupName;
use rosterd::model::live::{Absence, Standing};
use rosterd::model::plan::GroupStanding;
use rosterd::model::policy::{Lead, Mode};
use rosterd::reconcile::StepKind;

use super::support::small::{World, address, id};

const NONE: [&str; 0] = [];

fn steps(world: &World) -> Vec<(StepKind, usize)> {
    world.decide().cleared.steps().iter().map(|step| (step.kind, step.changes.len())).collect()
}

fn standing(world: &World, group: &str) -> GroupStanding {
    let plan = world.plan();
    plan.groups.iter().find(|summary| summary.name.as_str() == group).expect("a target group").standing
}

#[test]
fn live_as_desired_gives_an_empty_plan() {
    let world = World::equal(&[("Risk", "ann bob"), ("Audit", "ann")]);
    world.nothing_to_do();
    assert_eq!(steps(&world), []);
    assert!(!world.plan().is_pending());
}

#[test]
fn who_joins_the_directory_group_is_added_once() {
    let mut world = World::equal(&[("Risk", "ann bob")]);
    world.hr().join("risk", "cas");
    world.account("cas");
    assert_eq!(world.changes(), ["add Risk cas"]);
    world.apply();
    world.nothing_to_do();
}

#[test]
fn who_leaves_the_directory_group_is_removed_and_nobody_else() {
    let mut world = World::equal(&[("Risk", "ann bob"), ("Audit", "bob")]);
    world.hr().leave("risk", "bob");
    assert_eq!(world.changes(), ["remove Risk bob: grant_ended"]);
    world.apply();
    assert_eq!(world.live_group("Audit").members, [id("bob")]);
    world.nothing_to_do();
}

#[test]
fn who_is_disabled_or_gone_is_removed_with_that_reason() {
    let mut world = World::equal(&[("Risk", "ann bob cas dan eve")]);
    world.hr().person("bob").disabled = true;
    world.hr().without("cas");
    assert_eq!(world.changes(), ["remove Risk bob: person_disabled", "remove Risk cas: person_gone"]);
    world.apply();
    world.nothing_to_do();
}

#[test]
fn whom_another_group_grants_stays() {
    let mut world = World::equal(&[("Risk", "ann bob")]);
    world.hr().join("risk-staff", "bob");
    world.map("hr", "risk-staff", "Risk");
    let mut world = world.settled();
    world.hr().leave("risk", "bob");
    world.nothing_to_do();
}

#[test]
fn a_granted_person_with_a_deactivated_or_pending_account_stays_where_they_are() {
    for standing in [Standing::Deactivated, Standing::Inactive] {
        let mut world = World::equal(&[("Risk", "ann bob")]);
        world.account("bob").standing = standing;
        world.hr().join("risk", "cas");
        world.account("cas").standing = standing;
        world.nothing_to_do();
        assert_eq!(world.skips(), ["Risk bob@corp.example inactive_account", "Risk cas@corp.example inactive_account"]);
    }
}

#[test]
fn a_deactivated_account_that_nobody_grants_is_removed() {
    let mut world = World::equal(&[("Risk", "ann bob")]);
    world.account("bob").standing = Standing::Deactivated;
    world.hr().leave("risk", "bob");
    assert_eq!(world.changes(), ["remove Risk bob: account_deactivated"]);
    world.apply();
    world.nothing_to_do();
}

#[test]
fn drift_is_told_apart_from_change() {
    let mut world = World::equal(&[("Risk", "ann bob")]);
    world.without_members("Risk", "bob");
    world.members("Risk", "eve");
    assert_eq!(world.changes(), ["add Risk bob: drift_removed", "remove Risk eve: drift_added"]);
    world.apply();
    world.nothing_to_do();
}

#[test]
fn contacts_unknown_ids_and_the_own_account_are_never_removed() {
    let mut world = World::equal(&[("Risk", "ann")]);
    world.members("Risk", "own contact ghost");
    world.account("contact").standing = Standing::Ineligible;
    world.without_account("ghost");
    world.nothing_to_do();
    assert_eq!(
        world.skips(),
        ["Risk contact@corp.example ineligible_type", "Risk own@corp.example protected", "Risk u-ghost unknown_member"]
    );
}

#[test]
fn a_member_whose_id_is_in_no_list_is_told_in_every_mode() {
    for mode in Mode::ALL {
        for extra in ["ghost", "ghost eve"] {
            let mut world = World::equal(&[("Risk", "ann")]);
            world.rules("Risk").mode = mode;
            world.members("Risk", extra);
            world.without_account("ghost");
            let skips = world.skips();
            assert!(skips.contains(&"Risk u-ghost unknown_member".to_owned()), "{mode:?}: {skips:?}");
            assert!(world.changes().iter().all(|change| !change.contains("ghost")), "{mode:?}");
            world.apply();
            assert!(world.live_group("Risk").members.contains(&"u-ghost".into()), "{mode:?}");
        }
    }
}

#[test]
fn the_own_account_is_never_added() {
    let mut world = World::equal(&[("Risk", "ann")]);
    world.hr().join("risk", "own");
    world.nothing_to_do();
    assert_eq!(world.skips(), ["Risk own@corp.example protected"]);
}

#[test]
fn add_only_adds_and_never_removes() {
    let mut world = World::equal(&[("Risk", "ann bob")]);
    world.rules("Risk").mode = Mode::AddOnly;
    world.hr().leave("risk", "bob");
    world.hr().join("risk", "cas");
    world.account("cas");
    assert_eq!(world.changes(), ["add Risk cas"]);
    world.apply();
    world.nothing_to_do();
}

/// Incident 14: an option that reads as "only write a report" changed memberships all the same.
#[test]
fn report_plans_and_never_applies() {
    let mut world = World::equal(&[("Risk", "ann bob"), ("Audit", "ann")]);
    world.rules("Risk").mode = Mode::Report;
    world.rules("Risk").lead = Lead::Person(address("ann"));
    world.hr().leave("risk", "bob");
    world.hr().join("risk", "cas");
    world.account("cas");
    let planned = ["add Risk cas (report)", "remove Risk bob: grant_ended (report)", "lead Risk ann (report)"];
    assert_eq!(world.changes(), planned);
    assert_eq!(steps(&world), []);
    assert_eq!(world.plan().counts().report, 3);
    world.apply();
    assert_eq!(world.changes(), planned);
}

// ---- completeness: an error, an empty answer and a missing group are three different things ----

/// Incidents 2 and 7: a read that broke off was taken for the truth.
#[test]
fn from_a_source_that_was_not_read_to_its_end_nothing_is_added_or_removed() {
    let mut world = World::equal(&[("Risk", "ann bob")]);
    world.hr().leave("risk", "bob");
    world.hr().join("risk", "cas");
    world.account("cas");
    world.hr().complete = false;
    world.nothing_to_do();
    assert_eq!(world.skips(), ["Risk bob@corp.example source_incomplete", "Risk cas@corp.example source_incomplete"]);
    world.hr().complete = true;
    assert_eq!(world.changes(), ["add Risk cas", "remove Risk bob: grant_ended"]);
}

/// Incidents 1 and 11: everything looked empty, with an error or without one.
#[test]
fn an_unread_source_that_shows_nothing_takes_nothing() {
    let mut world = World::equal(&[("Risk", "ann bob"), ("Audit", "ann")]);
    world.hr().people.clear();
    world.hr().groups.clear();
    world.hr().complete = false;
    world.nothing_to_do();
    assert!(!world.plan().complete);
}

#[test]
fn other_sources_go_on() {
    let mut world = World::equal(&[("Risk", "ann bob"), ("Audit", "ann cas")]);
    world.source("ad").join("risk-ad", "eva");
    world.map("ad", "risk-ad", "Risk");
    world.members("Risk", "eva");
    let mut world = world.settled();
    world.source("ad").complete = false;
    world.hr().leave("audit", "cas");
    world.hr().leave("risk", "bob");
    world.hr().join("risk", "dan");
    world.account("dan");
    assert_eq!(world.changes(), ["remove Audit cas: grant_ended", "add Risk dan"]);
    assert_eq!(world.skips(), ["Risk bob@corp.example source_incomplete"]);
}

#[test]
fn whom_a_complete_source_grants_too_is_added_although_another_is_unread() {
    let mut world = World::equal(&[("Risk", "ann")]);
    world.source("ad").join("risk-ad", "ad-dan").people.insert("ad-eva".into());
    world.source("ad").person("ad-dan").addresses = vec!["dan@corp.example".into()];
    world.source("ad").complete = false;
    world.map("ad", "risk-ad", "Risk");
    world.hr().join("risk", "dan");
    world.account("dan");
    assert_eq!(world.changes(), ["add Risk dan"]);
}

/// A reader that fails before it says anything must not look like one that has nothing to say.
#[test]
fn a_source_of_which_nothing_was_heard_is_unread() {
    let mut world = World::equal(&[("Risk", "ann bob"), ("Audit", "ann")]);
    world.source("ad").join("risk-ad", "eva");
    world.map("ad", "risk-ad", "Risk");
    world.map_pattern("ad", "^x-(.*)$", "${1}it");
    world.members("Risk", "eva");
    let mut world = world.settled();
    world.sources.retain(|source| source.name != "ad");
    world.hr().leave("risk", "bob");
    world.nothing_to_do();
    assert!(!world.plan().complete);
}

/// Incidents 3 and 5: one look-up failed, or a large group's members came in ranges.
#[test]
fn from_a_group_read_in_part_people_are_added_and_nobody_is_removed() {
    let mut world = World::equal(&[("Risk", "ann bob"), ("Audit", "ann cas")]);
    world.hr().leave("risk", "bob");
    world.hr().join("risk", "dan").complete = false;
    world.account("dan");
    world.hr().leave("audit", "cas");
    assert_eq!(world.changes(), ["remove Audit cas: grant_ended", "add Risk dan"]);
    assert_eq!(world.skips(), ["Risk bob@corp.example source_incomplete"]);
    assert!(!world.plan().complete);
}

/// Incident 10: an incomplete read must not teach anything either.
#[test]
fn baselines_do_not_move_while_something_is_unread() {
    let mut world = World::equal(&[("Risk", "ann bob cas")]);
    world.hr().complete = false;
    world.hr().people.clear();
    let decision = world.decide();
    assert_eq!(decision.learned.baselines, world.memory.learned.baselines);
    assert_eq!(decision.learned.accepted_missing, world.memory.learned.accepted_missing);
}

// ---- target groups ----

/// Incidents 12 and 13: groups that the tool was never told about lost their members.
#[test]
fn a_group_that_no_mapping_names_is_left_alone() {
    let mut world = World::equal(&[("Risk", "ann")]);
    world.members("Board", "ann eve");
    world.nothing_to_do();
    world.policy.mappings.clear();
    world.live_group("Risk").members.clear();
    world.nothing_to_do();
}

#[test]
fn a_renamed_group_is_followed_by_its_id() {
    let mut world = World::equal(&[("Risk", "ann bob")]);
    world.live_group("Risk").name = "Risk and Compliance".into();
    world.hr().leave("risk", "bob");
    assert_eq!(world.changes(), ["remove Risk bob: grant_ended"]);
    let plan = world.plan();
    assert!(plan.groups[0].problems[0].text.contains("Risk and Compliance"), "{:?}", plan.groups[0].problems);
    world.apply();
    world.nothing_to_do();
}

#[test]
fn a_group_that_is_gone_or_archived_is_never_created_again() {
    for absence in [Absence::Gone, Absence::Archived] {
        let mut world = World::equal(&[("Risk", "ann")]);
        world.rules("Risk").create = true;
        world.live.groups.clear();
        world.live.absent.insert("g-Risk".into(), absence);
        world.nothing_to_do();
        assert_eq!(standing(&world, "Risk"), GroupStanding::Unusable);
    }
}

#[test]
fn a_group_that_was_known_before_it_was_mapped_is_not_created_again_either() {
    let mut world = World::equal(&[("Risk", "ann")]);
    world.members("Audit", "ann");
    let mut world = world.settled();
    world.live.groups.retain(|group| group.name != "Audit");
    world.live.absent.insert("g-Audit".into(), Absence::Archived);
    world.hr().join("audit", "ann");
    world.map("hr", "audit", "Audit");
    world.rules("Audit").create = true;
    world.nothing_to_do();
    assert_eq!(standing(&world, "Audit"), GroupStanding::Unusable);
    // The next full run does not list it any more, and knows all the same.
    world.apply();
    world.nothing_to_do();
    assert_eq!(standing(&world, "Audit"), GroupStanding::Unusable);
}

#[test]
fn a_name_that_is_not_unique_needs_an_id() {
    let mut world = World::new();
    world.hr().join("risk", "ann");
    world.map("hr", "risk", "Risk");
    world.members("Risk", "bob");
    world.live_group("Risk2").name = "Risk".into();
    world.nothing_to_do();
    assert_eq!(standing(&world, "Risk"), GroupStanding::Unusable);
    world.rules("Risk").id = Some("g-Risk2".into());
    world.account("ann");
    assert_eq!(world.changes(), ["add Risk ann"]);
}

#[test]
fn a_missing_group_is_created_only_when_asked_for() {
    let mut world = World::equal(&[("Audit", "ann")]);
    world.hr().join("risk", "ann bob");
    world.map("hr", "risk", "Risk");
    world.account("bob");
    world.nothing_to_do();
    assert_eq!(standing(&world, "Risk"), GroupStanding::Unusable);
    world.rules("Risk").create = true;
    world.rules("Risk").lead = Lead::Person(address("bob"));
    assert_eq!(world.changes(), ["create Risk", "add Risk ann", "add Risk bob", "lead Risk bob"]);
    assert_eq!(steps(&world), [(StepKind::Create, 4)]);
    world.apply();
    world.nothing_to_do();
}

#[test]
fn a_group_is_not_created_from_a_source_that_was_not_read() {
    let mut world = World::equal(&[("Audit", "ann")]);
    world.source("ad").join("risk", "ann");
    world.source("ad").complete = false;
    world.map("ad", "risk", "Risk");
    world.rules("Risk").create = true;
    world.nothing_to_do();
}

#[test]
fn a_name_that_differs_in_case_alone_is_neither_taken_nor_created() {
    let mut world = World::equal(&[("Audit", "ann")]);
    world.hr().join("risk", "ann");
    world.map("hr", "risk", "Risk");
    world.rules("Risk").create = true;
    world.members("RISK", "bob");
    world.nothing_to_do();
    assert_eq!(standing(&world, "Risk"), GroupStanding::Unusable);
}

#[test]
fn a_lead_is_set_and_cleared_as_configured() {
    let mut world = World::equal(&[("Risk", "ann bob")]);
    world.live_group("Risk").lead = Some(id("eve"));
    world.nothing_to_do();
    world.rules("Risk").lead = Lead::Person(address("ANN"));
    assert_eq!(world.changes(), ["lead Risk ann"]);
    world.apply();
    world.nothing_to_do();
    world.rules("Risk").lead = Lead::Cleared;
    assert_eq!(world.changes(), ["no lead Risk"]);
    world.apply();
    world.nothing_to_do();
}

#[test]
fn a_lead_without_an_account_is_a_skip() {
    let mut world = World::equal(&[("Risk", "ann")]);
    world.rules("Risk").lead = Lead::Person(address("nobody"));
    world.nothing_to_do();
    assert_eq!(world.skips(), ["Risk nobody@corp.example no_account"]);
}

// ---- calls ----

#[test]
fn leavers_go_before_additions_and_others_after() {
    let mut world = World::equal(&[("Audit", "ann bob cas"), ("Risk", "ann dan")]);
    world.hr().without("bob");
    world.hr().leave("risk", "dan");
    world.hr().join("audit", "eva");
    world.hr().join("new", "ann");
    world.account("eva");
    world.map("hr", "new", "New");
    world.rules("New").create = true;
    use StepKind::{Add, Create, Remove, RemoveLeft};
    assert_eq!(steps(&world), [(Create, 2), (RemoveLeft, 1), (Add, 1), (Remove, 1)]);
    world.apply();
    world.nothing_to_do();
}

/// Incident 20: batches beyond the target's limit were refused, or dropped in silence.
#[test]
fn calls_are_as_few_as_the_batch_size_allows() {
    let mut world = World::equal(&[("Risk", "ann b1 b2 b3 b4 b5")]);
    world.policy.max_users_per_call = 2;
    world.policy.guard.group_removals.floor = 10;
    world.hr().leave("risk", "b1 b2 b3 b4");
    world.hr().without("b5");
    world.hr().join("risk", "c1 c2 c3");
    world.members("Other", "c1 c2 c3");
    use StepKind::{Add, Remove, RemoveLeft};
    assert_eq!(steps(&world), [(RemoveLeft, 2), (Add, 2), (Add, 1), (Remove, 2), (Remove, 1)]);
    world.apply();
    world.nothing_to_do();
}

/// Incident 21: one bad person, or one bad group, stopped everybody's sync.
#[test]
fn one_bad_person_or_group_does_not_stop_the_rest() {
    let mut world = World::equal(&[("Risk", "ann"), ("Audit", "ann")]);
    world.hr().join("risk", "nobody dan");
    world.hr().join("audit", "dan");
    world.hr().person("nobody").addresses.clear();
    world.account("dan");
    world.live.groups.retain(|group| group.name != "Audit");
    world.live.absent.insert("g-Audit".into(), Absence::Archived);
    assert_eq!(world.changes(), ["add Risk dan"]);
    assert_eq!(world.skips(), ["Risk hr:nobody no_email"]);
    world.apply();
    world.nothing_to_do();
}

/// Incident 22: what the target had lost by itself could not be removed, and blocked every later run.
#[test]
fn what_is_so_already_is_no_change() {
    let mut world = World::equal(&[("Risk", "ann bob")]);
    world.hr().leave("risk", "bob");
    world.without_members("Risk", "bob");
    world.nothing_to_do();
    world.hr().join("risk", "cas");
    world.members("Risk", "cas");
    world.nothing_to_do();
}

#[test]
fn only_the_groups_asked_for_are_planned() {
    let mut world = World::equal(&[("Risk", "ann bob"), ("Audit", "ann bob")]);
    world.hr().without("bob");
    world.only = Some([GroupName::new("Audit")].into());
    assert_eq!(world.changes(), ["remove Audit bob: person_gone"]);
    world.apply();
    world.nothing_to_do();
    world.only = None;
    assert_eq!(world.changes(), ["remove Risk bob: person_gone"]);
}

#[test]
fn the_digest_is_of_the_changes_alone() {
    let mut world = World::equal(&[("Risk", "ann bob")]);
    let empty = world.plan().digest;
    world.hr().leave("risk", "bob");
    let free = world.plan();
    world.policy.guard.group_removals = super::support::small::limit(0, 0);
    let held = world.plan();
    assert!(held.is_held() && !free.is_held());
    assert_eq!(free.digest, held.digest);
    assert_ne!(free.digest, empty);
    assert_eq!(world.skips(), NONE);
}
