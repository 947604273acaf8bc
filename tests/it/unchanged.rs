//! A run over a directory in which nothing changed does not read it, and everything else makes a run
//! that does. Here with CSV files; below with directory servers.

mod answers;
mod behind;
mod controller;
mod directory;

use std::time::Duration;

use rosterd::simulator::{Edit, Fault, FaultKind, Moment};
use serde_json::Value;

use crate::state::meddle;
use crate::support::bench::{Bench, address};
use crate::support::doc::{hold_ids, reasons, skips};

/// Since when the sources were not read, if this run did not read them; all of them, or none.
#[track_caller]
fn unchanged_since(run: &Value) -> Option<String> {
    let sources = run["sources"].as_array().unwrap();
    let since: Vec<Option<&str>> = sources.iter().map(|source| source["unchanged_since"].as_str()).collect();
    assert!(since.windows(2).all(|pair| pair[0] == pair[1]), "{run}");
    since[0].map(str::to_owned)
}

/// A run that ends in step without reading the directory.
#[track_caller]
fn skips_reading(bench: &Bench) -> Value {
    bench.simulator().forget_requests();
    let run = bench.apply(0);
    assert!(unchanged_since(&run).is_some(), "it was read: {run}");
    assert_eq!((&run["outcome"], run["changes"].as_array().unwrap().len()), (&"in_step".into(), 0), "{run}");
    let calls = bench.calls();
    assert!(calls.len() <= 3 && calls.iter().all(|call| call.method == "GET"), "{calls:?}");
    run
}

/// A run that reads.
#[track_caller]
fn reads(bench: &Bench, code: i32) -> Value {
    let run = bench.apply(code);
    assert_eq!(unchanged_since(&run), None, "{run}");
    run
}

/// The small world after its first run.
fn settled() -> Bench {
    let bench = Bench::small();
    reads(&bench, 0);
    bench
}

#[test]
fn the_same_files_are_not_read_and_the_run_tells_so() {
    let bench = Bench::small();
    bench.people(&["compliance,ann", "compliance,bob", "compliance,dan", "compliance,zoe"]);
    let first = reads(&bench, 0);
    assert_eq!(first["outcome"], "applied");
    let run = skips_reading(&bench);
    assert_eq!(unchanged_since(&run).as_ref(), first["made_at"].as_str().map(str::to_owned).as_ref());
    for field in ["people", "groups", "memberships", "granted", "complete"] {
        assert_eq!(run["sources"][0][field], first["sources"][0][field], "{field}");
    }
    assert_eq!(skips(&run), ["Compliance zoe no_account"], "as the last reading found");
    assert_eq!((&run["groups"][0]["live"], &run["groups"][0]["desired"]), (&3.into(), &first["groups"][0]["desired"]));
    let evidence = run["sources"][0]["evidence"].as_str().unwrap();
    assert!(evidence.starts_with("not read: nothing changed since "), "{evidence}");
    assert!(evidence.contains("(1 file, the same to the byte)"), "{evidence}");
    for run in [&run, &skips_reading(&bench)] {
        let evidence = run["sources"][0]["evidence"].as_str().unwrap();
        let (_, read) = evidence.split_once("; read then: ").unwrap();
        assert_eq!(read, first["sources"][0]["evidence"], "of the reading itself, however long ago");
    }

    let ran = bench.run(&["apply"]).exits(0);
    assert!(ran.stdout.contains("Nothing changed in the directory since "), "{}", ran.stdout);
    let status = bench.run(&["status"]).exits(0).stdout;
    assert!(status.contains("hr: asked, and not read because nothing changed, "), "{status}");
    let audit = bench.audit();
    let finished = audit.iter().rfind(|record| record["event"] == "run_finished").unwrap();
    assert!(finished["sources"][0]["unchanged_since"].is_string(), "{finished}");
    assert!(finished["sources"][0]["evidence"].as_str().unwrap().starts_with("not read"), "{finished}");
    // A plan always reads.
    assert_eq!(unchanged_since(&bench.plan()), None);
    bench.in_step();
}

#[test]
fn any_byte_of_any_file_counts_and_so_does_its_age() {
    let mut bench = settled();
    bench.rest = bench.rest.replace("path = \"people.csv\"", "path = \"people*.csv\"\nmax_age = \"26h\"");
    reads(&bench, 0);
    skips_reading(&bench);
    // Written again, with what was in it.
    let text = std::fs::read_to_string(bench.path("people.csv")).unwrap();
    bench.write("people.csv", &text);
    skips_reading(&bench);
    // Another name of equal length, in a file as old as it was.
    bench.write("people.csv", &text.replace("cem@", "dan@"));
    bench.age("people.csv", Duration::from_secs(60));
    assert_eq!(
        reasons(&reads(&bench, 0)),
        ["add_member Compliance dan granted", "remove_member Compliance cem person_gone"]
    );
    skips_reading(&bench);
    bench.write("people2.csv", "group,email,status\ncompliance,cem@corp.example,\n");
    assert_eq!(reasons(&reads(&bench, 0)), ["add_member Compliance cem granted"]);
    skips_reading(&bench);
    // Too old is too old, whether or not anything changed.
    bench.age("people.csv", Duration::from_secs(27 * 3600));
    let run = reads(&bench, 13);
    assert!(run["sources"][0]["problems"][0].as_str().unwrap().contains("the export has stopped"), "{run}");
    bench.age("people.csv", Duration::ZERO);
    reads(&bench, 0);
    skips_reading(&bench);
    std::fs::remove_file(bench.path("people2.csv")).unwrap();
    reads(&bench, 11);
}

#[test]
fn whatever_changed_in_hyperproof_makes_a_run_that_reads_and_mends() {
    let bench = settled();
    let group = || "Compliance".to_owned();
    skips_reading(&bench);
    let edits = [
        (Edit::RemoveMember { group: group(), user: address("ann") }, vec!["add_member Compliance ann drift_removed"]),
        (Edit::AddMember { group: group(), user: address("eve") }, vec!["remove_member Compliance eve drift_added"]),
        (Edit::SetEmail { user: address("eve"), email: Some(address("eva")) }, vec![]),
        (Edit::DeactivateUser { user: address("eva") }, vec![]),
        (Edit::RenameGroup { group: group(), name: "Conformity".to_owned() }, vec![]),
    ];
    for (edit, expected) in edits {
        let shown = format!("{edit:?}");
        bench.simulator().edit(edit).unwrap();
        assert_eq!(reasons(&reads(&bench, 0)), expected, "{shown}");
        skips_reading(&bench);
    }
    assert_eq!(bench.members("Conformity"), ["ann", "bob", "cem"]);
    bench.in_step();
}

#[test]
fn a_changed_configuration_and_a_run_over_some_groups_read() {
    let mut bench = settled();
    skips_reading(&bench);
    bench.rest.push_str("[group.Compliance]\nkeep = [\"dan@corp.example\"]\n");
    reads(&bench, 0);
    skips_reading(&bench);
    let some = |bench: &Bench| bench.run(&["apply", "--format", "json", "--group", "Compliance"]).exits(0).json();
    assert_eq!(unchanged_since(&some(&bench)), None);
    reads(&bench, 0);
    skips_reading(&bench);
    bench.rest = bench.rest.replace("kind = \"csv\"", "kind = \"csv\"\nskip_unchanged = false");
    for _ in 0..2 {
        reads(&bench, 0);
    }
    let ran = bench.run(&["-v", "apply"]).exits(0);
    assert!(ran.stderr.contains("skip_unchanged = false"), "{}", ran.stderr);
    bench.in_step();
}

#[test]
fn what_waits_makes_every_run_read() {
    let mut bench = settled();
    bench.rest.push_str("[group.Compliance]\nmin_members = 3\n");
    bench.people(&["compliance,ann", "compliance,bob"]);
    for _ in 0..2 {
        reads(&bench, 11);
    }
    // A hold that a plan found waits too, and an approval is looked for by the next run.
    let held = reads(&bench, 11);
    let id = &hold_ids(&held, "min_members")[0];
    bench.run(&["approve", id, "--by", "kim", "--reason", "Cem left"]).exits(0);
    assert_eq!(reads(&bench, 0)["outcome"], "applied");
    assert_eq!(bench.members("Compliance"), ["ann", "bob"]);
    // The run that passed it showed it as approved.
    reads(&bench, 0);
    skips_reading(&bench);
    bench.in_step();
}

#[test]
fn a_grace_period_is_not_slept_through() {
    let mut bench = Bench::small();
    bench.rest = bench.rest.replace("[guard]", "[guard]\nremoval_grace = \"1h\"");
    reads(&bench, 0);
    skips_reading(&bench);
    bench.people(&["compliance,ann", "compliance,bob"]);
    for _ in 0..2 {
        assert_eq!(skips(&reads(&bench, 0)), ["Compliance cem grace"]);
    }
    meddle(&bench.state(), "UPDATE pending SET since = since - 3600001");
    assert_eq!(reasons(&reads(&bench, 0)), ["remove_member Compliance cem person_gone"]);
    // Who was just removed was still waiting when that run began.
    reads(&bench, 0);
    skips_reading(&bench);
}

#[test]
fn a_run_that_failed_moves_nothing_and_the_next_one_reads() {
    let bench = settled();
    bench.people(&["compliance,ann", "compliance,bob", "compliance,cem", "compliance,dan"]);
    bench.simulator().change(|world| world.switches.writes_forbidden = true);
    for _ in 0..2 {
        reads(&bench, 12);
    }
    bench.simulator().change(|world| world.switches.writes_forbidden = false);
    assert_eq!(reasons(&reads(&bench, 0)), ["add_member Compliance dan granted"]);
    skips_reading(&bench);
    let broken = |code| Fault::on("GET", "/v1/groups", FaultKind::Status { code, moment: Moment::Before });
    bench.simulator().inject(broken(503));
    reads(&bench, 13);
    reads(&bench, 0);
    // Killed: nobody knows how it ended.
    skips_reading(&bench);
    bench.simulator().inject(Fault::on("GET", "/v1/users", FaultKind::Hold { moment: Moment::Before }));
    let mut child = bench.start(&["apply"]);
    bench.until_held();
    child.kill().unwrap();
    child.wait().unwrap();
    bench.simulator().clear_faults();
    bench.simulator().release();
    reads(&bench, 0);
    skips_reading(&bench);
    bench.in_step();
}

#[test]
fn what_is_only_reported_is_reported_by_every_run() {
    let mut bench = settled();
    bench.rest.push_str("[group.Compliance]\nmode = \"report\"\n");
    bench.people(&["compliance,ann", "compliance,bob"]);
    for _ in 0..2 {
        assert_eq!(reasons(&reads(&bench, 0)), ["remove_member Compliance cem person_gone"]);
    }
}

#[test]
fn a_created_group_and_a_lead_that_was_set_are_expected() {
    let mut bench = settled();
    bench.rest.push_str(
        "[[mapping]]\nsource = \"hr\"\ngroup = \"audit\"\nto = \"Audit\"\n[group.Audit]\ncreate = true\n\
         [group.Compliance]\nlead = \"ann@corp.example\"\n",
    );
    bench.people(&["compliance,ann", "compliance,bob", "compliance,cem", "audit,dan"]);
    assert_eq!(reads(&bench, 0)["outcome"], "applied");
    reads(&bench, 0);
    skips_reading(&bench);
    bench.rest = bench.rest.replace("ann@corp.example", "bob@corp.example");
    assert_eq!(reads(&bench, 0)["summary"]["lead"], 1);
    skips_reading(&bench);
    bench.in_step();
}

#[test]
fn a_day_is_the_longest() {
    let bench = settled();
    skips_reading(&bench);
    // Reading would find no reason to: only the time has gone by.
    let back = |ms: i64| {
        let sql = format!(
            "UPDATE setting SET value = json_array(json_extract(value, '$[0]') - {ms}, json_extract(value, '$[1]')) \
             WHERE name = 'last_read'"
        );
        meddle(&bench.state(), &sql);
    };
    back(86_000_000);
    skips_reading(&bench);
    back(400_001);
    reads(&bench, 0);
    skips_reading(&bench);
}
