//! Refusals that say less than they seem to: a batch that was refused after a part of it was done, groups that refuse
//! every write, groups that were archived a moment ago.

use std::collections::BTreeSet;

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

// ---- groups that refuse everything -------------------------------------------------------------

/// Nine groups and `Z`; Ann is in all of them. The calls go one after the other.
fn ten_groups() -> (Bench, Vec<String>) {
    let mut world = World::new("Corp");
    for name in ["ann", "bob", "cem"] {
        world.add_user(&address(name));
    }
    let groups: Vec<String> = (0..9).map(|at| format!("A{at}")).chain(["Z".to_owned()]).collect();
    for group in &groups {
        world.add_group(group, &[&address("ann"), &address("bob")]);
    }
    let mut bench = Bench::new(world);
    bench.hyperproof.push_str("concurrency = 1\n");
    bench.rest = OPEN.to_owned();
    (bench, groups)
}

fn rows(bench: &Bench, groups: &[String], of: impl Fn(&str) -> Vec<String>) {
    let rows: Vec<String> = groups
        .iter()
        .flat_map(|group| of(group).into_iter().map(|row| format!("{group},{row}")).collect::<Vec<_>>())
        .collect();
    bench.people(&rows.iter().map(String::as_str).collect::<Vec<_>>());
}

/// Every write to the groups whose names begin with A goes wrong so.
fn sick(bench: &Bench, groups: &[String], method: &str, end: &str, kind: &FaultKind) {
    let world = bench.simulator().world();
    for group in groups.iter().filter(|group| group.starts_with('A')) {
        let path = format!("/v1/groups/{}/users{end}", world.group(group).unwrap().id);
        bench.simulator().inject(Fault::on(method, &path, kind.clone()).always());
    }
}

const BROKEN: FaultKind = FaultKind::Status { code: 500, moment: Moment::Before };

/// Groups that refuse what is done to them keep no other group from its turn for long, whatever they refuse with.
#[test]
fn groups_that_refuse_every_write_starve_no_other() {
    for kind in [FaultKind::Forbidden, BROKEN, FaultKind::Status { code: 409, moment: Moment::Before }] {
        let (bench, groups) = ten_groups();
        sick(&bench, &groups, "PUT", "/delete", &kind);
        // Bob left; Cem joins Z.
        rows(&bench, &groups, |group| {
            let mut rows = vec!["ann".to_owned(), "bob,inactive".to_owned()];
            rows.extend((group == "Z").then(|| "cem".to_owned()));
            rows
        });
        let first = bench.apply(12);
        assert!(bench.members("Z").contains(&"cem".to_owned()), "{kind:?}: {:?}", results(&first));
        bench.apply(12);
        assert_eq!(bench.members("Z"), ["ann", "cem"], "{kind:?}");
        bench.every_intent_has_an_outcome();
    }
}

/// So it is with many of them, and with calls that are never answered: every group has its turn, in every order.
#[test]
fn every_group_has_its_turn() {
    let cut = FaultKind::Cut { moment: Moment::Before, reset: true };
    for kind in [FaultKind::Forbidden, BROKEN, cut] {
        let (bench, groups) = ten_groups();
        sick(&bench, &groups, "POST", "", &kind);
        for group in groups.iter().filter(|group| group.starts_with('A')) {
            // After a lost answer the members are read.
            let path = format!("/v1/groups/{}/users", bench.simulator().world().group(group).unwrap().id);
            bench.simulator().inject(Fault::on("GET", &path, kind.clone()).always());
        }
        rows(&bench, &groups, |_| vec!["ann".to_owned(), "bob".to_owned(), "cem".to_owned()]);
        let mut tried: BTreeSet<String> = BTreeSet::new();
        for _ in 0..4 {
            let run = bench.apply(12);
            let results = results(&run);
            tried.extend(results.into_iter().filter(|line| !line.ends_with("not_tried")));
        }
        assert_eq!(bench.members("Z"), ["ann", "bob", "cem"], "{kind:?}");
        assert_eq!(tried.len(), 10, "{kind:?}: {tried:?}");
    }
}

/// Where nothing goes through at all, few calls find that out; what they left is said.
#[test]
fn a_refusal_of_everything_is_found_out_by_few_calls() {
    let (bench, groups) = ten_groups();
    bench.simulator().change(|world| world.switches.writes_forbidden = true);
    rows(&bench, &groups, |_| vec!["ann".to_owned(), "cem".to_owned(), "bob,inactive".to_owned()]);
    let run = bench.apply(12);
    let sent = bench.writes().len();
    assert!(sent <= 6, "{sent} calls");
    assert_eq!(run["results"]["failed"], sent);
    assert_eq!(run["results"]["not_tried"], 20 - sent);
    let status = bench.run(&["status"]).stdout;
    assert!(status.contains(&format!("{sent} failed, {} not tried", 20 - sent)), "{status}");
    let finished = bench.audit().into_iter().rfind(|record| record["event"] == "run_finished").unwrap();
    assert_eq!(finished["never_tried"], 20 - sent, "{finished}");
    bench.simulator().change(|world| world.switches.writes_forbidden = false);
    bench.apply(0);
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
