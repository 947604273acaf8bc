//! Lists that are older than rosterd's own last write. Whether Hyperproof has such is not known, so they must do no
//! harm: what a run did a moment ago is no drift, and nobody else's doing.

use rosterd::simulator::{AddPresent, Fault, FaultKind};
use serde_json::Value;

use crate::support::bench::Bench;
use crate::support::doc::{results, rules};

fn stale(bench: &Bench) {
    bench.simulator().inject(Fault::on("GET", "/v1/groups/users", FaultKind::StaleRead));
}

fn run_id(document: &Value) -> &str {
    document["run_id"].as_str().unwrap()
}

/// `Compliance` with Ann, Bob and Cem; a run added Dan.
fn with_dan(more: &str) -> (Bench, Value) {
    let mut bench = Bench::small();
    bench.simulator().change(|world| world.switches.add_present = AddPresent::Conflict);
    bench.rest.push_str(more);
    bench.apply(0);
    bench.people(&["compliance,ann", "compliance,bob", "compliance,cem", "compliance,dan"]);
    let run = bench.apply(0);
    assert_eq!(results(&run), ["add_member Compliance dan done"]);
    (bench, run)
}

/// What others did, by the log.
fn by_others(bench: &Bench) -> usize {
    bench.audit().iter().filter(|record| record["event"] == "observed" && record["baseline"] != true).count()
}

#[test]
fn a_list_that_is_behind_ends_no_undo() {
    let (bench, run) = with_dan("");
    bench.run(&["undo", run_id(&run), "--apply"]).exits(0);
    assert_eq!(bench.members("Compliance"), ["ann", "bob", "cem"]);
    stale(&bench);
    for _ in 0..2 {
        let run = bench.apply(11);
        assert_eq!(rules(&run), ["undone"]);
        assert_eq!(bench.members("Compliance"), ["ann", "bob", "cem"], "what was taken back stays held");
    }
    assert_eq!(by_others(&bench), 0);
}

#[test]
fn an_undo_sees_what_was_done_a_moment_ago() {
    let (bench, run) = with_dan("");
    stale(&bench);
    let report = bench.run(&["undo", run_id(&run), "--apply", "--format", "json"]).exits(0).json();
    assert_eq!(results(&report), ["remove_member Compliance dan done"]);
    assert_eq!(bench.members("Compliance"), ["ann", "bob", "cem"]);
}

#[test]
fn a_list_that_is_behind_ends_no_ownership() {
    let (bench, _) = with_dan("\n[group.Compliance]\nmode = \"owned\"\n");
    stale(&bench);
    let run = bench.apply(0);
    assert_eq!(results(&run), [""; 0]);
    assert_eq!(by_others(&bench), 0);
    bench.people(&["compliance,ann", "compliance,bob", "compliance,cem"]);
    bench.apply(0);
    assert_eq!(bench.members("Compliance"), ["ann", "bob", "cem"]);
    bench.in_step();
}

/// A list that says the same twice is believed: somebody changed it by hand in the same minutes.
#[test]
fn what_a_second_look_shows_too_is_believed() {
    let (bench, _) = with_dan("");
    let dan = bench.simulator().world().user("dan@corp.example").unwrap().user_id.clone();
    bench.simulator().change(|world| _ = world.group_mut("Compliance").unwrap().members.remove(&dan));
    let run = bench.apply(0);
    assert_eq!(run["changes"][0]["reason"], "drift_removed");
    bench.in_step();
}
