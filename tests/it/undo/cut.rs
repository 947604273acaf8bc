//! An undo that is killed, and the undo of a run that was.

use rosterd::simulator::{Fault, FaultKind, Moment};

use super::*;

#[test]
fn a_kill_at_any_call_is_settled_by_whatever_run_comes_next() {
    for moment in [Moment::Before, Moment::After] {
        for call in ["POST", "PUT"] {
            for next in ["undo", "apply"] {
                let (bench, run) = swapped();
                let id = bench.simulator().inject(Fault::on(call, "/v1/groups/**", FaultKind::Hold { moment }));
                let mut child = bench.start(&["undo", &run, "--apply"]);
                bench.until_held();
                child.kill().unwrap();
                child.wait().unwrap();
                bench.simulator().remove_fault(id);
                bench.until_abandoned();
                if next == "apply" {
                    // Killed before its first call, the undo took nothing back that could wait.
                    let nothing = call == "POST" && matches!(moment, Moment::Before);
                    bench.run(&["apply"]).exits(if nothing { 0 } else { 11 });
                }
                undo_apply(&bench, &run).exits(0);
                assert_eq!(bench.members("Compliance"), ["ann", "bob", "cem"], "{moment:?} {call} {next}");
                let held = bench.apply(11);
                assert_eq!(rules(&held), ["undone", "undone"], "{moment:?} {call} {next}");
                assert!(held["changes"].as_array().unwrap().iter().all(|change| change["drift"] == false));
                bench.every_intent_has_an_outcome();
                bench.run(&["audit", "verify"]).exits(0);
            }
        }
    }
}

#[test]
fn a_run_that_was_cut_off_is_taken_back_as_far_as_it_came() {
    for moment in [Moment::Before, Moment::After] {
        let bench = Bench::small();
        bench.apply(0);
        bench.people(&["compliance,ann", "compliance,bob", "compliance,cem", "compliance,dan"]);
        let id = bench.simulator().inject(Fault::on("POST", "/v1/groups/**", FaultKind::Hold { moment }));
        let mut child = bench.start(&["apply"]);
        bench.until_held();
        child.kill().unwrap();
        child.wait().unwrap();
        bench.simulator().remove_fault(id);
        bench.until_abandoned();
        let started = bench.audit().into_iter().rfind(|record| record["event"] == "run_started").unwrap();
        let run = started["run_id"].as_str().unwrap();
        let made = matches!(moment, Moment::After);
        let expected: &[&str] = if made { &["remove_member Compliance dan undo"] } else { &[] };
        let plan = undo(&bench, run).json();
        let report = undo_apply(&bench, run).exits(0).json();
        assert_eq!(reasons(&report), expected, "{moment:?}");
        assert_eq!(bench.members("Compliance"), ["ann", "bob", "cem"], "{moment:?}");
        assert_eq!(rules(&bench.apply(if made { 11 } else { 0 })).len(), expected.len());
        assert_eq!(plan["undo_of"], run);
        bench.every_intent_has_an_outcome();
    }
}
