//! Copies of the state: whole at any time, and good to go on from.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rosterd::simulator::{Fault, FaultKind, Moment};

use crate::state::{Disk, meddle};
use crate::support::bench::{Bench, filtered, rosterd};

/// Puts a copy in the state's place, as the command says.
fn restore(bench: &Bench, copy: &str) {
    for ending in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{ending}", bench.state().display()));
    }
    std::fs::copy(bench.path(copy), bench.state()).unwrap();
}

fn names(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn a_copy_is_whole_its_owners_alone_and_takes_the_place_of_nothing() {
    let bench = Bench::small();
    bench.run(&["backup", "copy.db"]).exits(2);
    bench.apply(0);
    std::fs::create_dir(bench.path("copies")).unwrap();
    let told = bench.run(&["backup", "copies/a.db"]).exits(0).stdout;
    let told = regex::Regex::new("[0-9a-f]{64}").unwrap().replace_all(&told, "HASH").into_owned();
    let told = regex::Regex::new(r"\d+ bytes").unwrap().replace(&told, "SIZE bytes").into_owned();
    insta::assert_snapshot!(filtered(&told), @r"
    copies/a.db: 3 records verified, seq 1 to 3
    head HASH
    SIZE bytes

    To bring it back, while rosterd does not run:
      rm -f DIR/rosterd.db-wal DIR/rosterd.db-shm
      cp DIR/copies/a.db DIR/rosterd.db
    ");
    assert_eq!(names(&bench.path("copies")), ["a.db"], "nothing is left beside it");
    let copy = bench.path("copies/a.db");
    assert_eq!(std::fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
    let verified = rosterd(&["audit", "verify", &copy.display().to_string()]).exits(0).stdout;
    assert_eq!(verified.lines().last(), bench.run(&["audit", "verify"]).exits(0).stdout.lines().last());

    let before = std::fs::read(&copy).unwrap();
    let again = bench.run(&["backup", "copies/a.db"]).exits(2);
    insta::assert_snapshot!(filtered(&again.stderr), @r"
    error: copies/a.db exists already
    help: a copy never takes the place of another file: give a new name
    ");
    assert_eq!(std::fs::read(&copy).unwrap(), before);
    std::os::unix::fs::symlink("nowhere", bench.path("link")).unwrap();
    bench.run(&["backup", "link"]).exits(2);
    bench.run(&["backup", "no/where.db"]).exits(2);
    bench.run(&["backup", "copies"]).exits(2);
    bench.in_step();
}

#[test]
fn a_copy_made_while_a_run_is_under_way_goes_on_where_that_was() {
    let bench = Bench::small();
    bench.apply(0);
    bench.people(&["compliance,ann", "compliance,dan", "compliance,eve"]);
    bench.simulator().inject(Fault::on("POST", "/v1/groups/**", FaultKind::Hold { moment: Moment::After }));
    let run = bench.start(&["apply"]);
    bench.until_held();
    bench.run(&["backup", "copy.db"]).exits(0);
    bench.simulator().release();
    bench.wait(run).exits(0);
    assert_eq!(bench.members("Compliance"), ["ann", "dan", "eve"]);
    // The copy has intents without an outcome: it is a state that was cut off.
    restore(&bench, "copy.db");
    bench.simulator().forget_requests();
    bench.apply(0);
    assert_eq!(bench.writes(), [], "nothing is done twice");
    bench.every_intent_has_an_outcome();
    bench.in_step();
}

#[test]
fn a_copy_after_a_kill_has_all_that_was_recorded() {
    let bench = Bench::small();
    bench.people(&["compliance,ann", "compliance,bob", "compliance,cem", "compliance,dan"]);
    bench.simulator().inject(Fault::on("POST", "/v1/groups/**", FaultKind::Hold { moment: Moment::Before }));
    let mut run = bench.start(&["apply"]);
    bench.until_held();
    run.kill().unwrap();
    run.wait().unwrap();
    bench.until_abandoned();
    assert!(std::fs::metadata(format!("{}-wal", bench.state().display())).unwrap().len() > 0);
    let told = bench.run(&["backup", "copy.db"]).exits(0).stdout;
    assert!(told.contains("3 records verified"), "the start, who was in, and the intent: {told}");
    restore(&bench, "copy.db");
    bench.apply(0);
    assert_eq!(bench.members("Compliance"), ["ann", "bob", "cem", "dan"]);
    bench.every_intent_has_an_outcome();
    bench.in_step();
}

#[test]
fn a_state_from_before_changes_converges() {
    let bench = Bench::small();
    bench.apply(0);
    bench.run(&["backup", "copy.db"]).exits(0);
    bench.people(&["compliance,ann", "compliance,bob", "compliance,dan"]);
    bench.apply(0);
    restore(&bench, "copy.db");
    bench.simulator().forget_requests();
    let plan = bench.plan();
    assert_eq!(plan["changes"], serde_json::json!([]), "what the log does not know is as it should be");
    bench.apply(0);
    assert_eq!(bench.writes(), []);
    // From there it goes on as ever.
    bench.people(&["compliance,ann", "compliance,dan"]);
    bench.apply(0);
    assert_eq!(bench.writes().len(), 1);
    assert_eq!(bench.members("Compliance"), ["ann", "dan"]);
    bench.in_step();
}

#[test]
fn a_log_that_does_not_verify_is_copied_and_told() {
    let bench = Bench::small();
    bench.apply(0);
    meddle(&bench.state(), "UPDATE audit SET record = replace(record, 'apply', 'aply') WHERE seq = 1");
    let told = bench.run(&["backup", "copy.db"]).exits(15).stdout;
    assert!(told.contains("First bad record: seq 1"), "{told}");
    assert!(!told.contains("To bring it back"), "{told}");
    assert!(bench.path("copy.db").exists());
}

#[test]
fn no_room_for_a_copy_leaves_nothing_and_harms_nothing() {
    let bench = Bench::small();
    bench.apply(0);
    let Some(disk) = Disk::mount(bench.path("disk"), "64k") else { return };
    let told = bench.run(&["backup", "disk/copy.db"]).exits(1);
    assert!(told.stderr.contains("disk/copy.db: the disk is full"), "{}", told.stderr);
    assert_eq!(names(&bench.path("disk")), [""; 0]);
    drop(disk);
    bench.apply(0);
    bench.in_step();
}
