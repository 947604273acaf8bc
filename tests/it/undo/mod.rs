//! Taking a run back: what is taken back and what is left, how the guard judges it, and what later runs make
//! of a directory that still says otherwise.

mod cut;
mod directory;
mod left;
mod pure;

use rosterd::simulator::Edit;
use serde_json::Value;

use crate::support::bench::{Bench, Ran, address, filtered};
use crate::support::doc::{hold_ids, reasons, results, rules, skips};

/// The id of the last real run.
fn run_id(document: &Value) -> String {
    document["run_id"].as_str().expect("a document has a run").to_owned()
}

fn undo(bench: &Bench, run: &str) -> Ran {
    bench.run(&["undo", run, "--format", "json"])
}

fn undo_apply(bench: &Bench, run: &str) -> Ran {
    bench.run(&["undo", run, "--apply", "--format", "json"])
}

fn approve(bench: &Bench, id: &str) {
    bench.run(&["approve", id, "--by", "Ann Miller", "--reason", "looked at"]).exits(0);
}

fn edit(bench: &Bench, edit: Edit) {
    bench.simulator().edit(edit).expect("the edit fits the world");
}

fn by_hand(bench: &Bench, user: &str, member: bool) {
    let (group, user) = ("Compliance".to_owned(), address(user));
    edit(bench, if member { Edit::AddMember { group, user } } else { Edit::RemoveMember { group, user } });
}

/// `Compliance` has Ann, Bob and Cem; a run put Dan in the place of Cem.
fn swapped() -> (Bench, String) {
    let bench = Bench::small();
    bench.apply(0);
    bench.people(&["compliance,ann", "compliance,bob", "compliance,dan"]);
    let run = bench.apply(0);
    assert_eq!(results(&run), ["add_member Compliance dan done", "remove_member Compliance cem done"]);
    (bench, run_id(&run))
}

const BACK: [&str; 2] = ["add_member Compliance cem undo", "remove_member Compliance dan undo"];

#[test]
fn a_plan_moves_nothing_and_is_told_in_every_format() {
    let (bench, run) = swapped();
    bench.simulator().forget_requests();
    let records = bench.audit().len();
    let plan = undo(&bench, &run).exits(0).json();
    assert_eq!(reasons(&plan), BACK);
    assert_eq!(plan["undo_of"], run.as_str());
    assert_eq!(plan["format"], "rosterd.plan/1");
    assert!(bench.writes().is_empty());
    assert_eq!(bench.audit().len(), records, "a mere plan is not logged");
    assert_eq!(bench.members("Compliance"), ["ann", "bob", "dan"]);
    let text = bench.run(&["undo", run.get(..13).unwrap()]).exits(0).stdout;
    insta::assert_snapshot!(filtered(&text), @"
    Plan of TIME, taking back run RUN

    Compliance: 3 live → 3 desired
      + cem@corp.example  takes back what an earlier run did
      - dan@corp.example  takes back what an earlier run did

    1 to add, 1 to remove, 0 held, 0 skipped; 2 calls
    ");
    let markdown = bench.run(&["undo", &run, "--format", "markdown"]).exits(0).stdout;
    assert!(markdown.contains(&format!("It takes back run `{run}`.")), "{markdown}");
    assert!(markdown.contains("dan@corp.example") && markdown.contains("cem@corp.example"), "{markdown}");
    let refused = bench.run(&["undo", &run, "--apply", "--format", "markdown"]).exits(2);
    assert!(refused.stderr.contains("--format markdown"), "{}", refused.stderr);
    assert_eq!(bench.plan()["changes"], Value::Array(Vec::new()), "nothing is held");
}

#[test]
fn what_was_taken_back_is_held_one_by_one_and_an_approval_lets_one_through() {
    let (bench, run) = swapped();
    let report = undo_apply(&bench, &run).exits(0).json();
    assert_eq!(report["format"], "rosterd.run/1");
    assert_eq!((&report["undo_of"], &report["outcome"]), (&run.as_str().into(), &"applied".into()));
    assert_eq!(results(&report), ["add_member Compliance cem done", "remove_member Compliance dan done"]);
    assert_eq!(bench.members("Compliance"), ["ann", "bob", "cem"]);

    // The directory says what it said: that is no drift, and it waits.
    let plan = bench.run(&["plan", "--format", "json"]).exits(11).json();
    assert_eq!(reasons(&plan), ["add_member Compliance dan granted", "remove_member Compliance cem person_gone"]);
    assert!(plan["changes"].as_array().unwrap().iter().all(|change| change["drift"] == false), "{plan:#}");
    assert_eq!(rules(&plan), ["undone", "undone"]);
    for change in plan["changes"].as_array().unwrap() {
        assert_eq!(change["holds"].as_array().unwrap().len(), 1, "each its own: {change}");
    }
    let held = bench.apply(11);
    assert_eq!(held["results"]["added"], 0);
    let mut ids = hold_ids(&held, "undone");
    ids.dedup();
    assert_eq!((ids.len(), &ids), (2, &hold_ids(&plan, "undone")), "the same in every run");
    let holds = bench.run(&["holds"]).exits(0).stdout;
    for text in [format!("by the undo of run {run}"), "add dan@".into(), "remove cem@".into(), "2 waiting".into()] {
        assert!(holds.contains(&text), "{text}: {holds}");
    }

    let add = plan["changes"].as_array().unwrap().iter().find(|change| change["op"] == "add_member").unwrap();
    approve(&bench, add["holds"][0].as_str().unwrap());
    let run = bench.apply(11);
    assert_eq!(results(&run), ["add_member Compliance dan done", "remove_member Compliance cem held"]);
    assert_eq!(bench.members("Compliance"), ["ann", "bob", "cem", "dan"]);
    // Once let through, it is a membership like any other.
    by_hand(&bench, "dan", false);
    let run = bench.apply(11);
    assert_eq!(reasons(&run)[0], "add_member Compliance dan drift_removed");
    assert_eq!(results(&run)[0], "add_member Compliance dan done");
    approve(&bench, &hold_ids(&run, "undone")[0]);
    bench.apply(0);
    assert_eq!(bench.members("Compliance"), ["ann", "bob", "dan"]);
    bench.in_step();
}

#[test]
fn an_undo_of_an_undo_puts_it_back_and_nothing_waits() {
    let (bench, run) = swapped();
    let first = run_id(&undo_apply(&bench, &run).exits(0).json());
    bench.apply(11);
    let again = undo(&bench, &run).exits(0).json();
    assert_eq!(reasons(&again), [""; 0], "nothing is taken back twice");
    assert_eq!(skips(&again), ["Compliance cem later_edit", "Compliance dan later_edit"]);
    let report = undo_apply(&bench, &first).exits(0).json();
    assert_eq!(results(&report), ["add_member Compliance dan done", "remove_member Compliance cem done"]);
    assert_eq!(bench.members("Compliance"), ["ann", "bob", "dan"]);
    let holds = bench.run(&["holds"]).exits(0).stdout;
    assert!(holds.contains("0 waiting"), "{holds}");
    bench.in_step();
    let run = bench.apply(0);
    assert_eq!(reasons(&run), [""; 0]);
    bench.in_step();
}

#[test]
fn the_log_tells_of_it() {
    let (bench, run) = swapped();
    let report = undo_apply(&bench, &run).exits(0).json();
    let (audit, own) = (bench.audit(), run_id(&report));
    let of = |event: &str| {
        let records = audit.iter().filter(|record| record["run_id"] == own.as_str() && record["event"] == event);
        records.cloned().collect::<Vec<Value>>()
    };
    let started = of("run_started");
    assert_eq!((&started[0]["trigger"], &started[0]["undoes"]), (&"undo".into(), &run.as_str().into()));
    for event in ["intent", "outcome"] {
        let reasons: Vec<Value> = of(event).iter().map(|record| record["reason"].clone()).collect();
        assert_eq!(reasons, ["undo", "undo"], "{event}");
        assert!(of(event).iter().all(|record| record["evidence"].is_null()), "it rests on the run alone");
    }
    assert_eq!(of("run_finished")[0]["outcome"], "applied");
    bench.every_intent_has_an_outcome();
    bench.run(&["audit", "verify"]).exits(0);
    let status = bench.run(&["status"]).exits(0).stdout;
    assert!(status.contains("undo"), "{status}");
}

#[test]
fn ids_that_mean_no_run() {
    let (bench, run) = swapped();
    let plan = run_id(&undo(&bench, &run).exits(0).json());
    for (id, text) in [
        ("01234567-0000-7000-8000-000000000000", "there is no run"),
        (&run[..7], "is too short"),
        (plan.as_str(), "there is no run"),
        ("%%%%%%%%%", "there is no run"),
    ] {
        let ran = bench.run(&["undo", id]).exits(2);
        assert!(ran.stderr.contains(text), "{}", ran.stderr);
        assert!(ran.stderr.contains("help: "), "{}", ran.stderr);
        bench.run(&["undo", id, "--apply"]).exits(2);
    }
    undo(&bench, &run.to_uppercase()).exits(0);
    // The first digits are of the time: both runs have them, unless a minute passed in between.
    let second = run_id(&bench.apply(0));
    let shared = run.bytes().zip(second.bytes()).take_while(|(a, b)| a == b).count();
    if shared >= 8 {
        let ran = bench.run(&["undo", &run[..shared]]).exits(2);
        assert!(ran.stderr.contains("fits more than one run"), "{}", ran.stderr);
        assert!(ran.stderr.contains(&second) && ran.stderr.contains(&run), "{}", ran.stderr);
    }
    bench.in_step();
}

#[test]
fn a_run_that_changed_nothing_has_nothing_to_take_back() {
    let bench = Bench::small();
    let run = run_id(&bench.apply(0));
    let plan = bench.run(&["undo", &run]).exits(0).stdout;
    assert!(plan.contains("Nothing to take back: that run changed nothing."), "{plan}");
    let report = undo_apply(&bench, &run).exits(0).json();
    assert_eq!(report["outcome"], "in_step");
    bench.in_step();
    assert_eq!(bench.apply(0)["sources"][0]["people"], 3, "the run after it reads");
}
