//! Refusals that say less than they seem to: a batch that was refused after a part of it was done, groups that refuse
//! every write, groups that were archived a moment ago.

use rosterd::simulator::{Edit, Fault, FaultKind, Moment, World};
use serde_json::Value;

use crate::support::bench::{Bench, address};
use crate::support::doc::{reasons, results};

/// Lets everything through.
const OPEN: &str = r#"
[guard]
first_removals = "apply"
group_adds = { percent = 100, floor = 1000 }
group_removals = { percent = 100, floor = 1000 }
run_adds = { percent = 100, floor = 1000 }
run_removals = { percent = 100, floor = 1000 }
source_shrink = { percent = 100, floor = 1000 }

[[source]]
name = "hr"
kind = "csv"
path = "people.csv"

[[mapping]]
source = "hr"
match = "^(.*)$"
to = "$1"
"#;

// ---- done in part ------------------------------------------------------------------------------

/// `Team` in mode `owned` with Ann; a run adds these, and its first call is refused after the `first` of them.
fn added_in_part(names: &[&str], first: usize) -> (Bench, Value) {
    let mut world = World::new("Corp");
    for name in ["ann", "bob", "cem", "dan", "eve"] {
        world.add_user(&address(name));
    }
    world.add_group("Team", &[&address("ann")]);
    let mut bench = Bench::new(world);
    bench.rest = format!("{OPEN}\n[group.Team]\nmode = \"owned\"\n");
    let rows: Vec<String> = ["ann"].iter().chain(names).map(|name| format!("Team,{name}")).collect();
    bench.people(&rows.iter().map(String::as_str).collect::<Vec<_>>());
    let part = FaultKind::PartialBatch { first, code: 400 };
    bench.simulator().inject(Fault::on("POST", "/v1/groups/*/users", part));
    let run = bench.apply(0);
    (bench, run)
}

/// What the log and the ownership say of an addition does not depend on how far the server came before it refused.
#[test]
fn additions_that_were_made_before_a_refusal_are_rosterds_own() {
    for (names, first) in [(&["bob", "cem", "dan", "eve"][..], 2), (&["bob", "cem", "dan"], 1), (&["bob"], 1)] {
        let (bench, run) = added_in_part(names, first);
        let done: Vec<String> = names.iter().map(|name| format!("add_member Team {name} done")).collect();
        assert_eq!(results(&run), done);
        bench.people(&["Team,ann"]);
        bench.apply(0);
        assert_eq!(bench.members("Team"), ["ann"], "{names:?}: what rosterd added it may remove");
        bench.in_step();
    }
}

/// The same with removals: they count for the day, and can be taken back.
#[test]
fn removals_that_were_made_before_a_refusal_are_taken_back() {
    let mut world = World::new("Corp");
    let names = ["ann", "bob", "cem", "dan"];
    for name in names {
        world.add_user(&address(name));
    }
    let members = names.map(address);
    world.add_group("Team", &members.iter().map(String::as_str).collect::<Vec<_>>());
    let mut bench = Bench::new(world);
    bench.rest = OPEN.to_owned();
    bench.people(&["Team,ann"]);
    let part = FaultKind::PartialBatch { first: 2, code: 400 };
    bench.simulator().inject(Fault::on("PUT", "/v1/groups/*/users/delete", part));
    let run = bench.apply(0);
    assert_eq!(results(&run), ["bob", "cem", "dan"].map(|name| format!("remove_member Team {name} done")));
    bench.run(&["undo", run["run_id"].as_str().unwrap(), "--apply"]).exits(0);
    assert_eq!(bench.members("Team"), names);
}

/// A server that answers every call so, whatever it did.
#[test]
fn what_a_second_refusal_left_is_looked_at_too() {
    let mut world = World::new("Corp");
    let names = ["ann", "bob", "cem", "dan", "eve"];
    for name in names {
        world.add_user(&address(name));
    }
    world.add_group("Team", &[&address("ann")]);
    let mut bench = Bench::new(world);
    bench.rest = OPEN.to_owned();
    bench.people(&names.map(|name| format!("Team,{name}")).each_ref().map(String::as_str));
    let part = FaultKind::PartialBatch { first: 2, code: 400 };
    bench.simulator().inject(Fault::on("POST", "/v1/groups/*/users", part).always());
    let run = bench.apply(0);
    assert_eq!(results(&run), ["bob", "cem", "dan", "eve"].map(|name| format!("add_member Team {name} done")));
    bench.in_step();
}

// ---- archived in between -----------------------------------------------------------------------

/// A group that was archived after it was read is found out by a few calls, however many were to be added.
#[test]
fn a_group_that_is_archived_in_between_is_not_asked_for_each_account() {
    let names: Vec<String> = (0..125).map(|at| format!("p{at}")).collect();
    let mut world = World::new("Corp");
    for name in &names {
        world.add_user(&address(name));
    }
    world.add_group("Team", &[&address("p0")]);
    world.add_group("Other", &[&address("p0")]);
    let mut bench = Bench::new(world);
    bench.rest = OPEN.to_owned();
    let rows: Vec<String> = names.iter().map(|name| format!("Team,{name}")).chain(["Other,p0".to_owned()]).collect();
    bench.people(&rows.iter().map(String::as_str).collect::<Vec<_>>());
    bench.simulator().inject(Fault::on("POST", "/v1/groups/*/users", FaultKind::Hold { moment: Moment::Before }));
    let child = bench.start(&["apply", "--format", "json"]);
    bench.until_held();
    bench.simulator().edit(Edit::ArchiveGroup { group: "Team".to_owned() }).unwrap();
    bench.simulator().forget_requests();
    bench.simulator().release();
    let run = bench.wait(child).exits(12).json();
    assert_eq!(run["results"]["failed"], 124);
    let error = run["changes"][0]["error"].as_str().unwrap();
    assert!(error.contains("archived"), "{error}");
    assert!(bench.calls().len() <= 6, "{} calls", bench.calls().len());
    assert_eq!(reasons(&bench.apply(12)), [""; 0], "it is left alone");
}
