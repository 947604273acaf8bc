//! Drift: what differs from what the last run left is told apart from what the directory changed, and
//! what somebody else made is not taken for rosterd's own.

use rosterd::simulator::{Edit, Fault, FaultKind, Moment};
use serde_json::Value;

use crate::support::bench::{Bench, ONE_GROUP, Ran, address};
use crate::support::doc::{ended, hold_ids, reasons, rules, skips};

fn apply(bench: &Bench) -> Ran {
    bench.run(&["apply", "--format", "json"])
}

fn add(bench: &Bench, name: &str) {
    let edit = Edit::AddMember { group: "Compliance".to_owned(), user: address(name) };
    bench.simulator().edit(edit).expect("they are there");
}

fn remove(bench: &Bench, name: &str) {
    let edit = Edit::RemoveMember { group: "Compliance".to_owned(), user: address(name) };
    bench.simulator().edit(edit).expect("they are there");
}

fn settled() -> Bench {
    let bench = Bench::small();
    ended(apply(&bench), 0, "in_step");
    bench
}

/// Whether each change is drift, by person.
fn drift(document: &Value) -> Vec<bool> {
    document["changes"].as_array().unwrap().iter().map(|change| change["drift"] == true).collect()
}

const DRIFTED: [&str; 2] = ["add_member Compliance ann drift_removed", "remove_member Compliance eve drift_added"];

#[test]
fn changes_by_hand_are_told_from_changes_of_the_directory() {
    let bench = settled();
    add(&bench, "eve");
    remove(&bench, "ann");
    bench.people(&["compliance,ann", "compliance,bob", "compliance,dan"]);
    let run = ended(apply(&bench), 0, "applied");
    assert_eq!(
        reasons(&run),
        [DRIFTED[0], "add_member Compliance dan granted", "remove_member Compliance cem person_gone", DRIFTED[1]]
    );
    for change in run["changes"].as_array().unwrap() {
        assert_eq!(change["drift"] == true, change["reason"].as_str().unwrap().starts_with("drift"), "{change}");
    }
    bench.in_step();
}

#[test]
fn nothing_is_drift_before_a_first_full_run() {
    let bench = Bench::small();
    add(&bench, "eve");
    bench.people(&["compliance,ann", "compliance,bob", "compliance,cem", "compliance,dan"]);
    let run = ended(apply(&bench), 0, "applied");
    assert_eq!(reasons(&run), ["add_member Compliance dan granted", "remove_member Compliance eve person_gone"]);
    assert_eq!(drift(&run), [false, false]);
}

#[test]
fn drift_stays_drift_through_runs_that_do_not_repair_it() {
    let mut bench = settled();
    add(&bench, "eve");
    remove(&bench, "ann");
    // A dry run, one over some groups that cannot write, one that reads in part, one that fails.
    assert_eq!(reasons(&bench.plan()), DRIFTED);
    bench.simulator().change(|world| world.switches.writes_forbidden = true);
    for args in [&["apply", "--format", "json", "--group", "Compliance"][..], &["apply", "--format", "json"]] {
        let run = ended(bench.run(args), 12, "partly_applied");
        assert_eq!(reasons(&run), DRIFTED);
    }
    bench.simulator().change(|world| world.switches.writes_forbidden = false);
    bench.simulator().inject(Fault::on("GET", "/v1/groups", FaultKind::Status { code: 503, moment: Moment::Before }));
    ended(apply(&bench), 13, "unread");
    let rest = std::mem::replace(&mut bench.rest, format!("{ONE_GROUP}\n[group.Compliance]\nmode = \"report\"\n"));
    let run = ended(apply(&bench), 0, "in_step");
    assert_eq!(reasons(&run), DRIFTED);
    bench.rest = rest;
    let run = ended(apply(&bench), 0, "applied");
    assert_eq!(reasons(&run), DRIFTED);
    bench.in_step();
}

#[test]
fn drift_in_a_held_group_stays_drift() {
    let mut bench = Bench::small();
    bench.rest.push_str("[group.Compliance]\nmin_members = 4\n");
    ended(apply(&bench), 0, "in_step");
    add(&bench, "eve");
    let mut ids = Vec::new();
    for _ in 0..3 {
        let run = ended(apply(&bench), 11, "held");
        assert_eq!(reasons(&run), ["remove_member Compliance eve drift_added"]);
        assert_eq!(drift(&run), [true]);
        assert_eq!(rules(&run), ["min_members"]);
        ids.extend(hold_ids(&run, "min_members"));
    }
    ids.dedup();
    assert_eq!(ids.len(), 1, "the id of a hold does not move by itself");
    bench.run(&["approve", &ids[0], "--by", "kim", "--reason", "Eve asked for it"]).exits(0);
    let run = ended(apply(&bench), 0, "applied");
    assert_eq!(reasons(&run), ["remove_member Compliance eve drift_added"]);
    bench.in_step();
}

#[test]
fn drift_that_waits_for_its_grace_period_stays_drift() {
    let mut bench = Bench::small();
    bench.rest = bench.rest.replace("[guard]", "[guard]\nremoval_grace = \"1h\"");
    ended(apply(&bench), 0, "in_step");
    add(&bench, "eve");
    for _ in 0..2 {
        let run = ended(apply(&bench), 0, "in_step");
        assert_eq!(skips(&run), ["Compliance eve grace"]);
    }
    bench.rest = bench.rest.replace("removal_grace = \"1h\"", "");
    let run = ended(apply(&bench), 0, "applied");
    assert_eq!(reasons(&run), ["remove_member Compliance eve drift_added"]);
    bench.in_step();
}

// ---- ownership ---------------------------------------------------------------------------------

/// `Compliance` in mode `owned`; Dan was added by rosterd.
fn owned() -> Bench {
    let mut bench = Bench::small();
    bench.rest.push_str("[group.Compliance]\nmode = \"owned\"\n");
    bench.people(&["compliance,ann", "compliance,bob", "compliance,cem", "compliance,dan"]);
    ended(apply(&bench), 0, "applied");
    bench
}

#[test]
fn what_rosterd_added_it_may_remove() {
    let bench = owned();
    bench.people(&["compliance,ann"]);
    let run = ended(apply(&bench), 0, "applied");
    assert_eq!(reasons(&run), ["remove_member Compliance dan person_gone"]);
    assert_eq!(skips(&run), ["Compliance bob not_owned", "Compliance cem not_owned"]);
    bench.in_step();
}

#[test]
fn who_was_removed_by_hand_and_added_by_hand_is_not_rosterds() {
    let bench = owned();
    remove(&bench, "dan");
    bench.people(&["compliance,ann", "compliance,bob", "compliance,cem"]);
    ended(apply(&bench), 0, "in_step");
    add(&bench, "dan");
    let run = ended(apply(&bench), 0, "in_step");
    assert_eq!(skips(&run), ["Compliance dan not_owned"]);
    assert_eq!(bench.members("Compliance"), ["ann", "bob", "cem", "dan"]);
}

#[test]
fn who_was_removed_by_hand_and_is_added_again_by_rosterd_is_rosterds() {
    let bench = owned();
    remove(&bench, "dan");
    let run = ended(apply(&bench), 0, "applied");
    assert_eq!(reasons(&run), ["add_member Compliance dan drift_removed"]);
    bench.people(&["compliance,ann", "compliance,bob", "compliance,cem"]);
    let run = ended(apply(&bench), 0, "applied");
    assert_eq!(reasons(&run), ["remove_member Compliance dan person_gone"]);
    bench.in_step();
}

#[test]
fn a_plan_drops_no_ownership() {
    let bench = owned();
    remove(&bench, "dan");
    bench.people(&["compliance,ann", "compliance,bob", "compliance,cem"]);
    bench.run(&["plan"]).exits(0);
    add(&bench, "dan");
    let run = ended(apply(&bench), 0, "applied");
    assert_eq!(reasons(&run), ["remove_member Compliance dan person_gone"]);
}

/// Somebody who was in already when the call came was not added by rosterd.
#[test]
fn who_was_in_already_is_not_rosterds() {
    let mut bench = Bench::small();
    bench.simulator().change(|world| world.switches.add_present = rosterd::simulator::AddPresent::Conflict);
    bench.rest.push_str("[group.Compliance]\nmode = \"owned\"\n");
    bench.people(&["compliance,ann", "compliance,bob", "compliance,cem", "compliance,dan"]);
    bench.simulator().inject(Fault::on("POST", "/v1/groups/*/users", FaultKind::Hold { moment: Moment::Before }));
    let child = bench.start(&["apply", "--format", "json"]);
    bench.until_held();
    add(&bench, "dan");
    bench.simulator().release();
    ended(bench.wait(child), 0, "applied");
    bench.people(&["compliance,ann", "compliance,bob", "compliance,cem"]);
    let run = ended(apply(&bench), 0, "in_step");
    assert_eq!(skips(&run), ["Compliance dan not_owned"]);
}

// ---- runs that are no full ones ----------------------------------------------------------------

/// `settled`, with a second source for a group of its own.
fn two_sources() -> Bench {
    let mut bench = settled();
    bench.simulator().change(|world| world.add_group("Risk", &["ann@corp.example"]));
    bench.rest.push_str(
        "\n[[source]]\nname = \"extra\"\nkind = \"csv\"\npath = \"extra.csv\"\n\n\
         [[mapping]]\nsource = \"extra\"\ngroup = \"risk\"\nto = \"Risk\"\n",
    );
    bench.write("extra.csv", "group,email\nrisk,ann@corp.example\n");
    ended(apply(&bench), 0, "in_step");
    bench
}

const STAFF: [&str; 3] = ["compliance,ann", "compliance,bob", "compliance,cem"];

/// Makes a run that is no full one, as this kind of it.
fn partial_run(bench: &Bench, kind: &str) {
    match kind {
        "unread" => _ = ended(apply(bench), 13, "unread"),
        "group" => bench.run(&["apply", "--group", "Compliance"]).exits(0).stdout.clear(),
        "killed" => {
            let hold = FaultKind::Hold { moment: Moment::After };
            bench.simulator().inject(Fault::on("POST", "/v1/groups/*/users", hold.clone()));
            bench.simulator().inject(Fault::on("PUT", "/v1/groups/*/users/delete", hold));
            let mut child = bench.start(&["apply"]);
            bench.until_held();
            child.kill().unwrap();
            child.wait().unwrap();
            bench.until_abandoned();
            bench.simulator().clear_faults();
        }
        other => panic!("{other}"),
    }
}

/// What rosterd itself did in a run that is no full one is nobody else's doing, and no drift.
#[test]
fn what_a_run_did_that_is_no_full_one_is_no_drift() {
    for kind in ["unread", "group", "killed"] {
        let bench = two_sources();
        if kind == "unread" {
            std::fs::remove_file(bench.path("extra.csv")).unwrap();
        }
        let code = if kind == "unread" { 13 } else { 0 };
        // In, and out again.
        bench.people(&[&STAFF[..], &["compliance,dan"]].concat());
        partial_run(&bench, kind);
        bench.people(&STAFF);
        let run = bench.apply(code);
        assert_eq!(reasons(&run), ["remove_member Compliance dan person_gone"], "{kind}");
        assert_eq!(drift(&run), [false], "{kind}");
        // Out, and in again.
        bench.people(&STAFF[1..]);
        partial_run(&bench, kind);
        bench.people(&STAFF);
        let run = bench.apply(code);
        assert_eq!(reasons(&run), ["add_member Compliance ann granted"], "{kind}");
        assert_eq!(drift(&run), [false], "{kind}");
        // Somebody else's doing is drift all the same.
        remove(&bench, "ann");
        add(&bench, "eve");
        assert_eq!(reasons(&bench.apply(code)), DRIFTED, "{kind}");
    }
}
