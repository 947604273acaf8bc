//! Which directory group feeds which target group.

use rosterd::model::directory::SourceKind;
use rosterd::model::plan::GroupStanding;
use rosterd::model::policy::Selector;

use super::support::small::World;

#[test]
fn csv_names_compare_exactly() {
    let mut world = World::equal(&[("Risk", "ann")]);
    world.policy.mappings[0].from = Selector::Name("RISK".into());
    assert_eq!(world.changes(), ["remove Risk ann: grant_ended [empty first_run missing]"]);
}

#[test]
fn a_pattern_makes_a_target_of_every_group_that_matches() {
    let mut world = World::new();
    world.hr().join("GRC-Risk", "ann");
    world.hr().join("GRC-Audit", "bob");
    world.hr().join("Canteen", "cas");
    world.map_pattern("hr", "^GRC-(?<team>.+)$", "${team}");
    for group in ["Risk", "Audit", "Canteen"] {
        world.members(group, "");
    }
    for name in ["ann", "bob", "cas"] {
        world.account(name);
    }
    assert_eq!(world.changes(), ["add Audit bob", "add Risk ann"]);
    world.apply();
    world.nothing_to_do();
}

#[test]
fn a_new_match_brings_its_people_and_nobody_goes() {
    let mut world = World::new();
    world.hr().join("GRC-Risk", "ann");
    world.map_pattern("hr", "^GRC-(?<team>.+)$", "${team}");
    world.members("Risk", "ann");
    world.members("Audit", "bob");
    let mut world = world.settled();
    world.hr().join("GRC-Audit", "ann");
    // Its first full run: whoever is in the group already waits for a person.
    assert_eq!(world.changes(), ["add Audit ann", "remove Audit bob: person_gone [first_run]"]);
}

#[test]
fn two_mappings_to_one_group_are_a_union() {
    let mut world = World::equal(&[("Risk", "ann")]);
    world.hr().join("risk-it", "bob");
    world.map("hr", "risk-it", "Risk");
    world.account("bob");
    assert_eq!(world.changes(), ["add Risk bob"]);
    world.apply();
    world.nothing_to_do();
}

#[test]
fn the_order_of_mappings_is_no_change_of_mappings() {
    let mut world = World::equal(&[("Risk", "ann")]);
    world.hr().join("risk-it", "bob");
    world.map("hr", "risk-it", "Risk");
    world.members("Risk", "bob");
    let mut world = world.settled();
    world.policy.mappings.reverse();
    world.hr().leave("risk-it", "bob");
    assert_eq!(world.changes(), ["remove Risk bob: grant_ended"]);
}

#[test]
fn two_directory_groups_of_one_name_leave_the_mapping_alone() {
    let mut world = World::new();
    for key in ["guid-1", "guid-2"] {
        world.source("ad").ldap_group(key, "GRC-Risk");
    }
    world.source("ad").group("guid-2").full_names.push("CN=GRC-Risk,OU=Two,DC=corp".into());
    world.source("ad").join("guid-1", "ann");
    world.source("ad").join("guid-2", "bob");
    world.map("ad", "GRC-Risk", "Risk");
    world.members("Risk", "ann eve");
    world.account("bob");
    world.nothing_to_do();
    assert!(!world.plan().complete);
    world.policy.mappings[0].from = Selector::Name("cn=grc-risk,ou=two,dc=corp".into());
    assert!(world.changes().contains(&"add Risk bob".to_owned()));
}

/// A pattern means every group of its name: both feed the group, and whoever had one in mind is told of both.
#[test]
fn two_directory_groups_of_one_name_under_a_pattern_both_count_and_are_told() {
    let mut world = World::new();
    for (key, name, unit, person) in [("guid-1", "GRC-Risk", "One", "ann"), ("guid-2", "grc-risk", "Two", "bob")] {
        let group = world.source("ad").ldap_group(key, name);
        group.full_names.push(format!("CN={name},OU={unit},DC=corp"));
        world.source("ad").join(key, person);
        world.account(person);
    }
    world.map_pattern("ad", "(?i)^GRC-Ri", "Risk");
    world.members("Risk", "");
    assert_eq!(world.changes(), ["add Risk ann", "add Risk bob"]);
    let plan = world.plan();
    assert!(plan.complete);
    let told: Vec<String> = plan.problems.iter().map(ToString::to_string).collect();
    let dns = "CN=GRC-Risk,OU=One,DC=corp; CN=grc-risk,OU=Two,DC=corp";
    let text = format!("group \"Risk\": 2 directory groups of ad bear one name, and all feed it: {dns} (help: ");
    assert!(told.len() == 1 && told[0].starts_with(&text), "{told:?}");
    // Two names are two groups that a pattern joins.
    world.source("ad").group("guid-2").names[0] = "GRC-Risiko".into();
    assert_eq!(world.plan().problems, []);
    assert_eq!(world.changes(), ["add Risk ann", "add Risk bob"]);
}

/// What fed a group under its name in full is no group that a pattern misses, where the pattern fits the
/// place and not the name.
#[test]
fn a_pattern_does_not_miss_who_only_lies_in_its_place() {
    let mut world = World::new();
    let dn = "CN=Parking,OU=GRC-Teams,DC=corp";
    world.source("ad").ldap_group("guid-1", "Parking").full_names.push(dn.into());
    world.source("ad").join("guid-1", "ann");
    world.map("ad", dn, "Risk");
    world.map("ad", "GRC-Audit", "Risk");
    world.source("ad").ldap_group("guid-2", "GRC-Audit");
    world.source("ad").join("guid-2", "bob");
    world.members("Risk", "ann bob");
    let mut world = world.settled();
    world.policy.mappings.clear();
    world.map_pattern("ad", "GRC-", "Risk");
    assert_eq!(world.changes(), ["remove Risk ann: grant_ended [first_run]"]);
}

#[test]
fn one_live_group_for_two_targets_is_neither_s() {
    let mut world = World::equal(&[("Risk", "ann"), ("Audit", "bob")]);
    world.rules("Audit").id = Some("g-Risk".into());
    world.hr().leave("risk", "ann");
    world.nothing_to_do();
    assert!(world.plan().groups.iter().all(|group| group.standing == GroupStanding::Unusable));
}

/// Incident 8: new configuration, switched on at once, took people out of groups.
#[test]
fn removals_after_a_change_of_mappings_wait() {
    let mut world = World::equal(&[("Risk", "ann bob cas dan")]);
    world.hr().join("risk-core", "ann bob cas");
    world.policy.mappings[0].from = Selector::Name("risk-core".into());
    assert_eq!(world.changes(), ["remove Risk dan: grant_ended [first_run]"]);
}

/// A wrong `id` is another group with other members: its first run as well.
#[test]
fn removals_after_a_change_of_id_wait() {
    let mut world = World::equal(&[("Risk", "ann bob")]);
    world.members("Board", "ann bob eve");
    world.rules("Risk").id = Some("g-Board".into());
    for _ in 0..2 {
        assert_eq!(world.changes(), ["remove Risk eve: person_gone [first_run]"]);
        world.apply();
    }
    // Naming the id that was followed anyway changes nothing.
    let mut world = World::equal(&[("Risk", "ann bob")]);
    world.rules("Risk").id = Some("g-Risk".into());
    world.hr().leave("risk", "bob");
    assert_eq!(world.changes(), ["remove Risk bob: grant_ended"]);
}

#[test]
fn a_blank_in_a_template_does_not_hide_an_unread_source() {
    let mut world = World::new();
    world.source("ad").kind = SourceKind::Ldap;
    world.source("ad").join("GRC", "ann");
    world.map_pattern("ad", "^GRC-?(?<team>.*)$", "Team ${team}");
    world.hr().join("team", "bob");
    world.map("hr", "team", "Team");
    world.members("Team", "ann bob");
    let mut world = world.settled();
    world.source("ad").complete = false;
    world.source("ad").people.clear();
    world.source("ad").groups.clear();
    world.nothing_to_do();
}
