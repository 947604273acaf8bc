//! Hyperproof's answers that are the same to the byte are not looked at again, and any other are.

use std::time::Duration;

use rosterd::simulator::{Edit, Fault, FaultKind, Moment};
use serde_json::Value;

use super::{reads, settled, skips_reading, unchanged_since};
use crate::state::meddle;
use crate::support::bench::{Bench, address};
use crate::support::doc::{reasons, skips};

const SAME: &str = "Hyperproof answers as before, to the byte";

/// A run that reads no source, and whether it looked into Hyperproof's answers.
#[track_caller]
fn looks(bench: &Bench) -> (Value, bool) {
    bench.simulator().forget_requests();
    let ran = bench.run(&["-v", "apply", "--format", "json"]).exits(0);
    let run = ran.json();
    assert!(unchanged_since(&run).is_some(), "it was read: {run}");
    assert_eq!((&run["outcome"], bench.calls().len()), (&"in_step".into(), 3), "{run}");
    (run, !ran.stderr.contains(SAME))
}

/// A bench whose next run finds the very answers of the one before.
fn quiet() -> Bench {
    let bench = settled();
    skips_reading(&bench);
    assert!(!looks(&bench).1);
    bench
}

#[test]
fn the_same_answers_are_looked_at_once_and_tell_the_same() {
    let bench = Bench::small();
    bench.people(&["compliance,ann", "compliance,bob", "compliance,dan", "compliance,zoe"]);
    reads(&bench, 0);
    let (first, looked) = looks(&bench);
    assert!(looked, "the run before wrote");
    for _ in 0..3 {
        let (mut run, looked) = looks(&bench);
        assert!(!looked);
        assert_eq!(skips(&run), ["Compliance zoe no_account"]);
        for field in ["run_id", "made_at"] {
            run[field] = first[field].clone();
        }
        let text = |run: &Value| {
            let mut run = run.clone();
            for field in ["finished_at", "started_at"] {
                run[field] = Value::Null;
            }
            run
        };
        assert_eq!(text(&run), text(&first));
    }
    bench.in_step();
}

#[test]
fn a_member_who_was_swapped_by_hand_is_found_at_once() {
    let bench = quiet();
    let group = || "Compliance".to_owned();
    bench.simulator().edit(Edit::RemoveMember { group: group(), user: address("ann") }).unwrap();
    bench.simulator().edit(Edit::AddMember { group: group(), user: address("eve") }).unwrap();
    let expected = ["add_member Compliance ann drift_removed", "remove_member Compliance eve drift_added"];
    assert_eq!(reasons(&reads(&bench, 0)), expected);
    assert!(looks(&bench).1, "the run before wrote");
    assert!(!looks(&bench).1);
    // As it was before, to the byte: but a run that found something else came in between.
    bench.simulator().edit(Edit::RemoveMember { group: group(), user: address("ann") }).unwrap();
    assert_eq!(reasons(&reads(&bench, 0)), expected[..1]);
    assert!(looks(&bench).1);
    bench.in_step();
}

#[test]
fn another_order_is_looked_into_and_then_known() {
    let bench = quiet();
    bench.simulator().change(|world| world.users.reverse());
    assert!(looks(&bench).1);
    assert!(!looks(&bench).1);
    bench.in_step();
}

#[test]
fn answers_stand_for_the_run_that_found_them_alone() {
    let bench = quiet();
    // Whatever becomes of the note.
    for sql in [
        "UPDATE setting SET value = json_array('another run', json_extract(value, '$[1]')) WHERE name = 'last_answers'",
        "UPDATE setting SET value = json_array(json_extract(value, '$[0]'), 'x') WHERE name = 'last_answers'",
        "DELETE FROM setting WHERE name = 'last_answers'",
    ] {
        meddle(&bench.state(), sql);
        assert!(looks(&bench).1, "{sql}");
        assert!(!looks(&bench).1, "{sql}");
    }
    // A run over some groups, one that reads, and one that is killed.
    bench.run(&["apply", "--group", "Compliance"]).exits(0);
    reads(&bench, 0);
    assert!(looks(&bench).1);
    assert!(!looks(&bench).1);
    bench.simulator().inject(Fault::on("GET", "/v1/users", FaultKind::Hold { moment: Moment::After }));
    let mut child = bench.start(&["apply"]);
    bench.until_held();
    child.kill().unwrap();
    child.wait().unwrap();
    bench.simulator().clear_faults();
    bench.simulator().release();
    reads(&bench, 0);
    assert!(looks(&bench).1);
    assert!(!looks(&bench).1);
    // Answers that were cut off are none.
    let cut = FaultKind::Status { code: 503, moment: Moment::Before };
    bench.simulator().inject(Fault::on("GET", "/v1/groups/users", cut));
    reads(&bench, 13);
    reads(&bench, 0);
    assert!(looks(&bench).1);
    bench.in_step();
}

/// The same answers to somebody else may leave out what this account may not see.
#[test]
fn another_account_is_asked_for_before_its_answers_are_believed() {
    let bench = quiet();
    meddle(
        &bench.state(),
        "UPDATE setting SET value = json_array('another client', json_extract(value, '$[1]')) WHERE name = 'own_account'",
    );
    bench.simulator().forget_requests();
    let ran = bench.run(&["-v", "apply", "--format", "json"]).exits(0);
    assert!(!ran.stderr.contains(SAME), "{}", ran.stderr);
    assert_eq!(bench.calls().len(), 4, "who it is now");
    assert!(looks(&bench).1, "more was asked than the lists");
    assert!(!looks(&bench).1);
}

#[test]
fn a_changed_file_is_read_however_the_answers_are() {
    let bench = quiet();
    bench.people(&["compliance,ann", "compliance,bob"]);
    bench.age("people.csv", Duration::ZERO);
    assert_eq!(reasons(&reads(&bench, 0)), ["remove_member Compliance cem person_gone"]);
    assert!(looks(&bench).1);
}
