//! The outage loop and the kill loop: every call of a run is cut, refused or outlived once, before and
//! after its effect. Afterwards one more run converges, nothing happens twice, and the log explains
//! both runs.

use std::collections::BTreeMap;

use rosterd::simulator::{Fault, FaultKind, Moment, World};

use crate::support::bench::{Bench, address};

/// A run with every kind of change: two groups to create (one with more members than a call takes),
/// additions, removals of people who left and of others, a lead to set and one to clear.
fn busy() -> Bench {
    let mut world = World::new("Corp");
    let names = ["ann", "bob", "cem", "dan", "eve", "fay", "gus", "hal", "ida"];
    for name in names {
        world.add_user(&address(name));
    }
    let members: Vec<String> = ["ann", "bob", "cem", "dan"].map(address).to_vec();
    let members: Vec<&str> = members.iter().map(String::as_str).collect();
    world.add_group("Compliance", &members);
    world.add_group("Auditors", &members);
    let mut bench = Bench::new(world);
    bench.hyperproof.push_str("max_users_per_call = 2\nconcurrency = 1\n");
    bench.rest = r#"
[guard]
first_removals = "apply"
group_removals = { percent = 100, floor = 10 }

[[source]]
name = "hr"
kind = "csv"
path = "people.csv"

[[mapping]]
source = "hr"
match = "^(.*)$"
to = "$1"

[group_defaults]
create = true

[group.Compliance]
lead = "ann@corp.example"
"#
    .to_owned();
    bench.people(&[
        "Compliance,ann",
        "Compliance,eve",
        "Compliance,fay",
        "Compliance,gus",
        "Compliance,bob,inactive",
        "Auditors,ann",
        "Auditors,cem",
        "Auditors,bob,inactive",
        "Risk,ann",
        "Risk,hal",
        "Risk,ida",
        "Vendors,cem",
    ]);
    bench
}

fn wanted() -> BTreeMap<&'static str, Vec<&'static str>> {
    BTreeMap::from([
        ("Compliance", vec!["ann", "eve", "fay", "gus"]),
        ("Auditors", vec!["ann", "cem"]),
        ("Risk", vec!["ann", "hal", "ida"]),
        ("Vendors", vec!["cem"]),
    ])
}

/// Whatever happened before: one more run, and all is as it should be.
#[track_caller]
fn converges(bench: &Bench, what: &str) {
    let ran = bench.run(&["apply"]);
    assert_eq!(ran.code, 0, "{what}\n{}\n{}", ran.stdout, ran.stderr);
    for (group, members) in wanted() {
        assert_eq!(bench.members(group), members, "{group}, {what}");
    }
    let groups: Vec<String> = bench.simulator().world().groups.iter().map(|group| group.name.clone()).collect();
    assert_eq!(groups.len(), wanted().len(), "{groups:?}, {what}");
    bench.in_step();
    bench.every_intent_has_an_outcome();
}

/// Calls of a run that meets no trouble, the token's included.
fn calls_of_a_run() -> u64 {
    let bench = busy();
    converges(&bench, "no trouble");
    let calls = busy_calls(&bench);
    assert!(calls > 10, "{calls}");
    calls
}

fn busy_calls(bench: &Bench) -> u64 {
    // The second run of `converges` is a plan: four calls with its token.
    bench.simulator().requests().iter().filter(|call| call.method != "GET").count() as u64 + 4
}

fn every_call(kind: impl Fn() -> FaultKind, may_succeed: bool) {
    for nth in 1..=calls_of_a_run() {
        let bench = busy();
        bench.simulator().inject(Fault::nth(nth, kind()));
        let ran = bench.run(&["apply"]);
        assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
        let allowed: &[i32] = if may_succeed { &[0, 12, 13] } else { &[12, 13] };
        assert!(allowed.contains(&ran.code), "call {nth}: exit {}\n{}", ran.code, ran.stderr);
        converges(&bench, &format!("call {nth}, {:?}", kind()));
    }
}

#[test]
fn a_call_cut_before_its_effect() {
    every_call(|| FaultKind::Cut { moment: Moment::Before, reset: true }, true);
}

#[test]
fn a_call_cut_after_its_effect() {
    every_call(|| FaultKind::Cut { moment: Moment::After, reset: false }, true);
}

#[test]
fn a_call_answered_503_after_its_effect() {
    every_call(|| FaultKind::Status { code: 503, moment: Moment::After }, true);
}

#[test]
fn a_truncated_answer() {
    every_call(|| FaultKind::Truncated, true);
}

#[test]
fn a_web_page_in_place_of_an_answer() {
    every_call(|| FaultKind::Html, true);
}

fn killed_at_every_call(moment: Moment) {
    for nth in 1..=calls_of_a_run() {
        let bench = busy();
        bench.simulator().inject(Fault::nth(nth, FaultKind::Hold { moment }));
        let mut child = bench.start(&["apply"]);
        bench.until_held();
        child.kill().expect("it runs");
        child.wait().expect("it ends");
        bench.until_abandoned();
        converges(&bench, &format!("killed at call {nth}"));
    }
}

#[test]
fn killed_before_the_effect_of_each_call() {
    killed_at_every_call(Moment::Before);
}

#[test]
fn killed_after_the_effect_of_each_call() {
    killed_at_every_call(Moment::After);
}
