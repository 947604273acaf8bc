//! Intents of a run that was cut off, whose group nobody maps any more when the next run comes.

use rosterd::simulator::{Edit, Fault, FaultKind, Moment};
use serde_json::Value;

use crate::support::bench::{Bench, address};

/// A run that put Dan into `Gamma` was killed before it heard so; then the mapping of `Gamma` was taken out. Gives the
/// group's id, too.
fn cut_off() -> (Bench, String) {
    let mut bench = Bench::small();
    bench.simulator().change(|world| world.add_group("Gamma", &[&address("eve")]));
    bench.people(&["compliance,ann", "compliance,bob", "compliance,cem", "gamma,dan", "gamma,eve"]);
    let rest = bench.rest.clone();
    bench.rest.push_str("[[mapping]]\nsource = \"hr\"\ngroup = \"gamma\"\nto = \"Gamma\"\n");
    bench.simulator().inject(Fault::on("POST", "/v1/groups/*/users", FaultKind::Hold { moment: Moment::After }));
    let mut child = bench.start(&["apply"]);
    bench.until_held();
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    bench.until_abandoned();
    bench.simulator().clear_faults();
    bench.rest = rest;
    let id = bench.simulator().world().group("Gamma").expect("it is there").id.clone();
    (bench, id)
}

fn edit(bench: &Bench, edit: Edit) {
    bench.simulator().edit(edit).expect("it is there");
}

fn drop_it(bench: &Bench) {
    edit(bench, Edit::DropGroup { group: "Gamma".to_owned() });
}

/// Intents without an outcome.
fn open(bench: &Bench) -> usize {
    let audit = bench.audit();
    let count = |event: &str| audit.iter().filter(|record| record["event"] == event).count();
    count("intent") - count("outcome")
}

/// What became of the only change.
fn result(bench: &Bench) -> Value {
    bench.every_intent_has_an_outcome();
    let outcome = bench.audit().into_iter().find(|record| record["event"] == "outcome").expect("one");
    outcome["result"].clone()
}

/// Runs, and tells what was logged, and how often the group was asked for.
fn run(bench: &Bench, id: &str) -> (String, usize) {
    bench.simulator().forget_requests();
    let ran = bench.run(&["apply"]).exits(0);
    let path = format!("/v1/groups/{id}");
    (ran.stderr, bench.calls().iter().filter(|call| call.path == path).count())
}

#[test]
fn a_group_that_is_gone_keeps_no_intent_open() {
    let (bench, id) = cut_off();
    drop_it(&bench);
    let (log, asked) = run(&bench, &id);
    assert!(!log.contains("is found out when"), "{log}");
    assert_eq!((result(&bench), asked), ("failed".into(), 2), "nothing is taken for failed after one look");
    // All is as if it had never been: it is asked for no more, and what did not change is not read.
    assert_eq!(run(&bench, &id).1, 0);
    let unread = bench.apply(0);
    assert!(unread["sources"][0]["unchanged_since"].is_string(), "{unread:#}");
    bench.in_step();
}

#[test]
fn a_group_that_is_listed_shows_what_became_of_it() {
    let (bench, id) = cut_off();
    assert_eq!(run(&bench, &id).1, 0);
    assert_eq!(result(&bench), "done");
    bench.in_step();
}

/// It does not show its members: that is no proof of anything.
#[test]
fn a_group_that_is_archived_is_waited_for() {
    let (bench, id) = cut_off();
    edit(&bench, Edit::ArchiveGroup { group: "Gamma".to_owned() });
    for _ in 0..2 {
        let (log, _) = run(&bench, &id);
        assert!(log.contains("is found out when Hyperproof shows them"), "{log}");
        assert_eq!(open(&bench), 1);
    }
    edit(&bench, Edit::RestoreGroup { group: "Gamma".to_owned() });
    run(&bench, &id);
    assert_eq!(result(&bench), "done");
    bench.in_step();
}

/// Nobody maps it: that it cannot be asked for keeps nothing else from being done, and proves nothing.
#[test]
fn a_group_that_cannot_be_asked_for_is_waited_for() {
    for refusal in [FaultKind::Forbidden, FaultKind::Status { code: 500, moment: Moment::Before }] {
        let (bench, id) = cut_off();
        drop_it(&bench);
        bench.simulator().inject(Fault::on("GET", &format!("/v1/groups/{id}"), refusal).always());
        bench.people(&["compliance,ann", "compliance,bob", "compliance,cem", "compliance,dan"]);
        let (log, asked) = run(&bench, &id);
        assert!(asked > 0 && log.contains("whether it is gone is not known"), "{log}");
        assert_eq!((open(&bench), bench.members("Compliance").len()), (1, 4));
        bench.simulator().clear_faults();
        run(&bench, &id);
        let results: Vec<Value> = bench.audit().iter().map(|record| record["result"].clone()).collect();
        assert!(results.contains(&"failed".into()), "{results:?}");
        bench.every_intent_has_an_outcome();
        bench.in_step();
    }
}
