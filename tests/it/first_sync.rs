//! A first sync into empty groups: no answer shows whether the server lists members or repeats what it was sent,
//! and yet no group is read on its own.

use rosterd::simulator::{Edit, Fault, FaultKind, Moment, RequestRecord, World, WriteReply};
use serde_json::Value;

use crate::apply::terminate;
use crate::support::bench::{Bench, address};

/// `groups` empty groups, each of which is to get `members`.
fn empty_groups(groups: usize, members: usize) -> Bench {
    let mut world = World::new("Corp");
    for at in 0..members {
        world.add_user(&address(&format!("p{at}")));
    }
    let mut rows = Vec::new();
    for group in 0..groups {
        world.add_group(&format!("G{group}"), &[]);
        rows.extend((0..members).map(|at| format!("G{group},p{at}")));
    }
    let mut bench = Bench::new(world);
    bench.rest = "\n[[source]]\nname = \"hr\"\nkind = \"csv\"\npath = \"people.csv\"\n\n[[mapping]]\nsource = \"hr\"\n\
                  match = \"^(.*)$\"\nto = \"$1\"\n"
        .to_owned();
    bench.people(&rows.iter().map(String::as_str).collect::<Vec<_>>());
    bench
}

fn reads(bench: &Bench) -> Vec<String> {
    let line = |call: &RequestRecord| format!("{} {}", call.method, call.path);
    let mut reads: Vec<String> = bench.calls().iter().filter(|call| call.method == "GET").map(line).collect();
    reads.sort();
    reads
}

/// What was read back, of every outcome.
fn read_back(bench: &Bench) -> Vec<Value> {
    let outcomes = bench.audit().into_iter().filter(|record| record["event"] == "outcome");
    let mut found: Vec<Value> = outcomes.map(|outcome| outcome["read_back"].clone()).collect();
    found.dedup();
    found
}

const LISTS: [&str; 4] = ["GET /v1/groups", "GET /v1/groups/users", "GET /v1/users", "GET /v1/users/me"];

fn with_a_second_look() -> Vec<&'static str> {
    let mut reads = [LISTS.as_slice(), &["GET /v1/groups/users"]].concat();
    reads.sort_unstable();
    reads
}

#[test]
fn one_read_proves_what_was_added_to_empty_groups() {
    let bench = empty_groups(8, 3);
    bench.apply(0);
    assert_eq!(bench.writes().len(), 8);
    assert_eq!(reads(&bench), with_a_second_look());
    assert_eq!(read_back(&bench), [Value::Bool(true)]);
    bench.every_intent_has_an_outcome();
    bench.in_step();
}

#[test]
fn an_answer_that_lists_others_proves_the_ones_before_it() {
    for concurrency in [1, 4] {
        let mut bench = empty_groups(4, 5);
        bench.hyperproof.push_str(&format!("max_users_per_call = 3\nconcurrency = {concurrency}\n"));
        bench.apply(0);
        assert_eq!(bench.writes().len(), 8);
        assert_eq!(reads(&bench), LISTS);
        assert_eq!(read_back(&bench), [Value::Null], "the answers were enough");
        bench.every_intent_has_an_outcome();
        bench.in_step();
    }
}

#[test]
fn one_group_is_read_alone() {
    let bench = empty_groups(1, 3);
    bench.apply(0);
    let group = bench.simulator().world().group("G0").expect("it is there").id.clone();
    assert!(reads(&bench).contains(&format!("GET /v1/groups/{group}/users")));
    assert_eq!(reads(&bench).len(), 5);
    bench.every_intent_has_an_outcome();
    bench.in_step();
}

/// Removing everybody is answered with nobody, whatever was done.
#[test]
fn groups_that_are_emptied_are_read_together_too() {
    let mut bench = empty_groups(6, 2);
    bench.apply(0);
    bench.rest.push_str(
        "[group_defaults]\nallow_empty = true\n[guard]\nsource_shrink = { percent = 100, floor = 9 }\n\
         group_removals = { percent = 100, floor = 9 }\nrun_removals = { percent = 100, floor = 99 }\n\
         day_removals = { percent = 100, floor = 99 }\n",
    );
    bench.people(&["G0,p0"]);
    let found = bench.plan();
    // The directory groups are gone: that waits for a person.
    let holds: Vec<&str> =
        found["holds"].as_array().expect("a list").iter().filter_map(|hold| hold["id"].as_str()).collect();
    let mut approve = vec!["approve"];
    approve.extend(&holds);
    approve.extend(["--by", "Ann", "--reason", "closed"]);
    bench.run(&approve).exits(0);
    bench.simulator().forget_requests();
    bench.apply(0);
    assert_eq!(bench.members("G3"), Vec::<String>::new());
    let group_reads = reads(&bench).into_iter().filter(|line| line.matches('/').count() > 3).count();
    assert_eq!(group_reads, 0, "{:?}", reads(&bench));
    bench.every_intent_has_an_outcome();
    bench.in_step();
}

/// A server that repeats what it was sent, and silently leaves somebody out, or everybody: a group without members is
/// not in its list of memberships.
#[test]
fn what_the_read_does_not_show_is_not_done() {
    for first in [2, 0] {
        let bench = empty_groups(5, 3);
        bench.simulator().change(|world| {
            world.switches.write_reply = WriteReply::Echo;
            world.switches.empty_group_entry = false;
        });
        let partial = FaultKind::PartialBatch { first, code: 200 };
        bench.simulator().inject(Fault::on("POST", "/v1/groups/*/users", partial).always());
        let run = bench.apply(12);
        let results = |what: &str| run["results"][what].as_u64().unwrap_or_default();
        assert_eq!((results("added"), results("failed")), (5 * first as u64, 15 - 5 * first as u64), "{run:#}");
        assert_eq!(bench.members("G2").len(), first);
        bench.every_intent_has_an_outcome();
        bench.simulator().clear_faults();
        bench.apply(0);
        bench.in_step();
    }
}

#[test]
fn a_list_that_is_behind_is_not_taken_for_the_truth() {
    let bench = empty_groups(4, 2);
    bench.simulator().inject(Fault::on("GET", "/v1/groups/users", FaultKind::StaleRead).skip(1));
    bench.apply(0);
    assert_eq!(read_back(&bench), [Value::Bool(true)]);
    assert_eq!(bench.writes().len(), 4);
    bench.every_intent_has_an_outcome();
    bench.in_step();
}

#[test]
fn a_proof_that_cannot_be_read_leaves_the_intents_to_the_next_run() {
    let bench = empty_groups(4, 2);
    let refused = FaultKind::Status { code: 500, moment: Moment::Before };
    bench.simulator().inject(Fault::on("GET", "/v1/groups/users", refused).skip(1).always());
    let run = bench.apply(12);
    assert_eq!(run["results"]["failed"], 8, "{run:#}");
    assert_eq!(read_back(&bench), [Value::Null; 0], "nobody knows yet");
    bench.simulator().clear_faults();
    bench.simulator().forget_requests();
    bench.apply(0);
    assert_eq!(bench.writes(), [], "all of it was done before");
    bench.every_intent_has_an_outcome();
    bench.in_step();
    // It is rosterd's own, too.
    assert_eq!(read_back(&bench), [Value::Bool(true)]);
    let results: Vec<Value> = bench.audit().into_iter().filter(|record| record["event"] == "outcome").collect();
    assert!(results.iter().all(|outcome| outcome["result"] == "done"), "{results:#?}");
}

/// What was answered with success, and not proven.
fn unproven(bench: &Bench) {
    let refused = FaultKind::Status { code: 500, moment: Moment::Before };
    bench.simulator().inject(Fault::on("GET", "/v1/groups/users", refused).skip(1).always());
    bench.apply(12);
    bench.simulator().clear_faults();
    bench.simulator().forget_requests();
}

/// An answer without a body is no proof, and the group cannot be read: nobody knows, and the next run looks.
#[test]
fn a_success_that_shows_nothing_leaves_the_intents_to_the_next_run() {
    let bench = empty_groups(2, 2);
    bench.simulator().change(|world| world.switches.write_reply = WriteReply::Empty);
    let refused = FaultKind::Status { code: 500, moment: Moment::Before };
    bench.simulator().inject(Fault::on("GET", "/v1/groups/*/users", refused).always());
    bench.apply(12);
    assert_eq!(read_back(&bench), [Value::Null; 0], "nobody knows yet");
    bench.simulator().clear_faults();
    bench.simulator().forget_requests();
    bench.apply(0);
    assert_eq!(bench.writes(), [], "all of it was done before");
    all_is_done(&bench);
}

fn all_is_done(bench: &Bench) {
    bench.every_intent_has_an_outcome();
    let results: Vec<Value> = bench.audit().into_iter().filter(|record| record["event"] == "outcome").collect();
    assert!(results.iter().all(|outcome| outcome["result"] == "done"), "{results:#?}");
    bench.in_step();
}

/// An archived group does not show its members: that is no proof that they were not added.
#[test]
fn the_intents_of_a_group_that_is_archived_meanwhile_wait_for_it() {
    let bench = empty_groups(3, 2);
    unproven(&bench);
    bench.simulator().edit(Edit::ArchiveGroup { group: "G1".to_owned() }).expect("it is there");
    bench.apply(12);
    let open = |bench: &Bench| {
        let count = |event: &str| bench.audit().iter().filter(|record| record["event"] == event).count();
        count("intent") - count("outcome")
    };
    assert_eq!(open(&bench), 2, "those of the others were settled");
    bench.apply(12);
    assert_eq!(open(&bench), 2);
    bench.simulator().edit(Edit::RestoreGroup { group: "G1".to_owned() }).expect("it is there");
    bench.apply(0);
    assert_eq!(bench.writes(), [], "all of it was done before");
    all_is_done(&bench);
}

/// A list that is older than the writes is looked at again before anything is written down as failed.
#[test]
fn what_was_not_proven_is_looked_for_twice() {
    let bench = empty_groups(3, 2);
    unproven(&bench);
    bench.simulator().inject(Fault::on("GET", "/v1/groups/users", FaultKind::StaleRead));
    bench.apply(0);
    assert_eq!(bench.writes(), [], "all of it was done before");
    all_is_done(&bench);
}

#[test]
fn killed_before_the_proof() {
    let bench = empty_groups(4, 2);
    bench.simulator().inject(Fault::on("GET", "/v1/groups/users", FaultKind::Hold { moment: Moment::Before }).skip(1));
    let mut child = bench.start(&["apply"]);
    bench.until_held();
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    bench.until_abandoned();
    // Somebody takes one of them out meanwhile: that change was made all the same, or never; the log says what is seen.
    bench.simulator().edit(Edit::RemoveMember { group: "G1".to_owned(), user: address("p0") }).expect("it is in");
    bench.simulator().forget_requests();
    bench.apply(0);
    assert_eq!(bench.writes().len(), 1);
    bench.every_intent_has_an_outcome();
    bench.in_step();
}

/// Whoever stops a run gets what it did written down as done, by the next run at the latest.
#[test]
fn asked_to_stop_before_the_proof() {
    let bench = empty_groups(4, 2);
    bench.simulator().inject(Fault::on("GET", "/v1/groups/users", FaultKind::Hold { moment: Moment::Before }).skip(1));
    let child = bench.start(&["apply"]);
    bench.until_held();
    terminate(&child);
    bench.wait(child).exits(12);
    assert_eq!(read_back(&bench), [Value::Null; 0], "nobody knows yet");
    bench.simulator().forget_requests();
    bench.apply(0);
    assert_eq!(bench.writes(), []);
    assert_eq!(read_back(&bench), [Value::Bool(true)]);
    bench.every_intent_has_an_outcome();
    bench.in_step();
}

#[test]
fn killed_at_each_call() {
    for nth in 1..=9 {
        for moment in [Moment::Before, Moment::After] {
            let mut bench = empty_groups(4, 2);
            bench.hyperproof.push_str("concurrency = 1\n");
            bench.simulator().inject(Fault::nth(nth, FaultKind::Hold { moment }));
            let mut child = bench.start(&["apply"]);
            bench.until_held();
            child.kill().expect("it runs");
            child.wait().expect("it ends");
            bench.until_abandoned();
            bench.apply(0);
            for group in 0..4 {
                assert_eq!(bench.members(&format!("G{group}")), ["p0", "p1"], "call {nth}, {moment:?}");
            }
            bench.every_intent_has_an_outcome();
            bench.in_step();
        }
    }
}

/// Hyperproof has no way to delete a group: a pattern that fits far too much waits for a person, also where none of
/// the groups would get a member.
#[test]
fn very_many_creations_wait_for_a_person() {
    let bench = || {
        let mut world = World::new("Corp");
        world.add_user(&address("ann"));
        world.add_group("G000", &[]);
        let mut bench = Bench::new(world);
        bench.rest =
            "\n[[source]]\nname = \"hr\"\nkind = \"csv\"\npath = \"people.csv\"\n\n[[mapping]]\nsource = \"hr\"\n\
                      match = \"^(.*)$\"\nto = \"$1\"\n\n[group_defaults]\ncreate = true\n"
                .to_owned();
        bench
    };
    let rows = |groups: usize| -> Vec<String> { (0..groups).map(|at| format!("G{at:03},nobody{at}")).collect() };
    let people = |bench: &Bench, rows: &[String]| bench.people(&rows.iter().map(String::as_str).collect::<Vec<_>>());
    let large = bench();
    people(&large, &rows(300));
    let run = large.apply(11);
    assert_eq!(large.simulator().world().groups.len(), 1);
    let hold = &run["holds"][0];
    assert_eq!((&hold["rule"], &hold["limit"], &hold["measured"]), (&"run_adds".into(), &100.into(), &299.into()));
    let text = large.run(&["holds"]).stdout;
    assert!(text.contains("299 creations of groups in this run, the limit is 100"), "{text}");
    let id = hold["id"].as_str().unwrap().to_owned();
    large.run(&["approve", &id, "--by", "Ann Miller", "--reason", "that many there are"]).exits(0);
    large.apply(0);
    assert_eq!(large.simulator().world().groups.len(), 300);
    // Some with members and some without, and each counts once.
    let some = bench();
    let mut mixed: Vec<String> = (0..3).map(|at| format!("G{at:03},ann")).collect();
    mixed.extend(rows(101));
    people(&some, &mixed);
    let run = some.apply(11);
    assert_eq!((run["holds"].as_array().unwrap().len(), &run["holds"][0]["measured"]), (1, &101.into()));
    assert_eq!(some.simulator().world().groups.len(), 1);
    let text = some.run(&["holds"]).stdout;
    assert!(text.contains("3 additions and 98 creations of groups in this run, the limit is 100"), "{text}");
    mixed.pop();
    let some = bench();
    people(&some, &mixed);
    some.apply(0);
    assert_eq!(some.simulator().world().groups.len(), 100);
}
