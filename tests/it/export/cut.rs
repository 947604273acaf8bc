//! A run that was cut off: what it announced, and that it has no end, is in the pack and is not "none".

use rosterd::simulator::{Fault, FaultKind, Moment};
use serde_json::json;

use super::{Pack, verify};
use crate::support::bench::Bench;

fn export(bench: &Bench, out: &str, args: &[&str]) -> Pack {
    bench.run(&[&["audit", "export", "--from", "2000-01-01", "--out", out], args].concat()).exits(0);
    let pack = Pack(bench.path(out));
    verify(&pack.0).exits(0);
    pack
}

/// `kind op email result` of each exception.
fn exceptions(pack: &Pack) -> Vec<String> {
    let rows = pack.table("exceptions.csv");
    let told = ["kind", "op", "email", "result"];
    let line = |row: &std::collections::BTreeMap<String, String>| told.map(|name| row[name].clone()).join(" ");
    rows.iter().map(|row| line(row).trim_end().to_owned()).collect()
}

#[test]
fn a_run_that_was_killed_and_what_it_announced_are_exceptions() {
    let bench = Bench::small();
    bench.apply(0);
    bench.people(&["compliance,ann", "compliance,bob", "compliance,cem", "compliance,dan"]);
    let fault = FaultKind::Hold { moment: Moment::After };
    bench.simulator().inject(Fault::on("POST", "/v1/groups/*/users", fault));
    let mut child = bench.start(&["apply"]);
    bench.until_held();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(bench.members("Compliance").contains(&"dan".to_owned()), "Hyperproof has them already");
    let run = bench.audit().last().unwrap()["run_id"].clone();

    let pack = export(&bench, "cut", &[]);
    assert_eq!(exceptions(&pack), ["run   not_ended", "open add_member dan@corp.example"]);
    let manifest = pack.manifest();
    assert_eq!(manifest["counts"]["exceptions"], json!({ "open": 1, "run": 1 }));
    assert_eq!(manifest["counts"]["population"], 0);
    let rows = pack.table("exceptions.csv");
    assert!(rows.iter().all(|row| row["run_id"] == run.as_str().unwrap()), "{rows:?}");
    let group = bench.simulator().world().group("Compliance").unwrap().id.clone();
    assert_eq!((rows[1]["group_id"].as_str(), rows[1]["reason"].as_str()), (group.as_str(), "granted"));
    let report = pack.text("report.html");
    assert!(!report.contains("None: nothing was held") && report.contains("not_ended"), "{report}");
    // By pseudonyms too.
    bench.run(&["audit", "export", "--from", "2000-01-01", "--out", "hidden", "--pseudonymise"]).exits(0);
    let hidden = Pack(bench.path("hidden"));
    assert_eq!(hidden.table("exceptions.csv").len(), 2);
    assert!(!hidden.text("exceptions.csv").contains("dan@"));

    // The next run finds out what became of the change; the run that was cut off has no end for ever.
    bench.simulator().clear_faults();
    bench.apply(0);
    let pack = export(&bench, "after", &[]);
    assert_eq!(exceptions(&pack), ["run   not_ended"]);
    assert_eq!(pack.manifest()["counts"]["population"], 1);
    bench.in_step();
}

/// A period may end within a run: a run that ended later ended.
#[test]
fn a_run_that_ends_after_the_period_ended() {
    let bench = Bench::small();
    bench.people(&["compliance,ann", "compliance,bob", "compliance,cem", "compliance,dan"]);
    bench.apply(0);
    let intent = bench.audit().into_iter().find(|record| record["event"] == "intent").unwrap();
    let outcome = bench.audit().into_iter().find(|record| record["event"] == "outcome").unwrap();
    let pack = export(&bench, "within", &["--to", outcome["at"].as_str().unwrap()]);
    assert_eq!(exceptions(&pack), ["open add_member dan@corp.example"], "{intent} {outcome}");
    assert_eq!(exceptions(&export(&bench, "whole", &[])), [""; 0]);
}
