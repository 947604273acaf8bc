//! Groups in groups: paths, diamonds, cycles, and what a nested group that was read in part costs.

use super::support::small::World;

fn nest(world: &mut World, outer: &str, inner: &str) {
    world.hr().group(outer).groups.insert(inner.to_owned());
    world.hr().group(inner);
}

fn paths(world: &World) -> Vec<String> {
    let plan = world.plan();
    let grants = plan.changes.iter().flat_map(|change| &change.because);
    grants.map(|grant| grant.path.iter().map(AsRef::as_ref).collect::<Vec<&str>>().join("/")).collect()
}

#[test]
fn nested_members_are_granted_with_their_path() {
    let mut world = World::equal(&[("Risk", "ann")]);
    nest(&mut world, "risk", "emea");
    nest(&mut world, "emea", "berlin");
    world.hr().join("berlin", "bob");
    world.account("bob");
    assert_eq!(world.changes(), ["add Risk bob"]);
    assert_eq!(paths(&world), ["risk/emea/berlin"]);
    world.apply();
    world.nothing_to_do();
}

#[test]
fn in_a_diamond_everyone_gets_the_shortest_path_once() {
    let mut world = World::equal(&[("Risk", "ann")]);
    nest(&mut world, "risk", "a-long");
    nest(&mut world, "a-long", "deep");
    nest(&mut world, "deep", "end");
    nest(&mut world, "risk", "short");
    nest(&mut world, "short", "end");
    world.hr().join("end", "bob");
    world.account("bob");
    assert_eq!(paths(&world), ["risk/short/end"]);
}

/// A cycle ate the memory of another tool.
#[test]
fn cycles_end() {
    let mut world = World::equal(&[("Risk", "ann")]);
    nest(&mut world, "risk", "inner");
    nest(&mut world, "inner", "risk");
    nest(&mut world, "inner", "inner");
    world.hr().join("inner", "bob");
    world.account("bob");
    assert_eq!(world.changes(), ["add Risk bob"]);
    world.apply();
    world.nothing_to_do();
}

#[test]
fn who_leaves_one_of_two_paths_stays() {
    let mut world = World::equal(&[("Risk", "ann bob")]);
    nest(&mut world, "risk", "inner");
    world.hr().join("inner", "bob");
    world.hr().leave("risk", "bob");
    world.nothing_to_do();
    world.hr().leave("inner", "bob");
    assert_eq!(world.changes(), ["remove Risk bob: grant_ended"]);
}

/// Errors in nested groups were swallowed, and their members removed.
#[test]
fn a_nested_group_read_in_part_removes_nobody() {
    let mut world = World::equal(&[("Risk", "ann bob"), ("Audit", "ann bob")]);
    nest(&mut world, "risk", "inner");
    nest(&mut world, "inner", "deep");
    world.hr().join("deep", "dan").complete = false;
    world.account("dan");
    world.hr().leave("risk", "bob");
    world.hr().leave("audit", "bob");
    assert_eq!(world.changes(), ["remove Audit bob: grant_ended", "add Risk dan"]);
    assert_eq!(world.skips(), ["Risk bob@corp.example source_incomplete"]);
}

#[test]
fn a_disabled_member_of_a_nested_group_goes() {
    let mut world = World::equal(&[("Risk", "ann")]);
    nest(&mut world, "risk", "inner");
    world.hr().join("inner", "bob");
    world.members("Risk", "bob");
    let mut world = world.settled();
    world.hr().person("bob").disabled = true;
    assert_eq!(world.changes(), ["remove Risk bob: person_disabled"]);
    world.apply();
    world.nothing_to_do();
}

#[test]
fn a_long_chain_is_followed_to_its_end() {
    let mut world = World::equal(&[("Risk", "ann")]);
    let names: Vec<String> = (0..300).map(|at| format!("n{at:03}")).collect();
    nest(&mut world, "risk", "n000");
    for pair in names.windows(2) {
        nest(&mut world, &pair[0], &pair[1]);
    }
    world.hr().join("n299", "bob");
    world.account("bob");
    assert_eq!(world.changes(), ["add Risk bob"]);
}
