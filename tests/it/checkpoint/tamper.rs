//! Logs that were written anew with every hash: found by the key, and by the file.

use serde_json::{Value, json};

use super::{first_bad, lines, rewrite, three_runs, verify, with_key};

type Change = (&'static str, fn(&mut Vec<Value>), i64, i64);

fn forged_run(records: &mut Vec<Value>) {
    let (start, end) = (records[11].clone(), records[12].clone());
    records.extend([start, end]);
}

/// What was done, the record that the key names, and the one that the file names (0: none).
const CHANGES: [Change; 13] = [
    ("the first changed", |records| records[0]["actor"]["host"] = json!("other"), 6, 6),
    ("one in the middle changed", |records| records[7]["member"]["email"] = json!("x@corp.example"), 11, 11),
    ("the last run's end changed", |records| records[12]["outcome"] = json!("applied"), 14, 14),
    ("a checkpoint changed", |records| records[5]["actor"]["host"] = json!("other"), 6, 6),
    ("the last checkpoint changed", |records| records[13]["at"] = json!("2026-01-01T00:00:00.000Z"), 14, 14),
    ("the first dropped", |records| drop(records.remove(0)), 5, 6),
    ("one in the middle dropped", |records| drop(records.remove(7)), 10, 11),
    ("a checkpoint dropped", |records| drop(records.remove(5)), 10, 6),
    ("the last checkpoint dropped", |records| drop(records.pop()), 13, 14),
    ("two exchanged", |records| records.swap(7, 8), 11, 11),
    ("one put in", |records| records.insert(3, records[2].clone()), 7, 6),
    (
        "a signature exchanged",
        |records| records[5]["checkpoint"]["signature"] = records[10]["checkpoint"]["signature"].clone(),
        6,
        6,
    ),
    ("a run put behind it", forged_run, 16, 0),
];

#[test]
fn a_log_that_was_written_anew_is_found_by_key_and_by_file() {
    let bench = three_runs();
    crate::state::meddle(&bench.state(), "PRAGMA wal_checkpoint(TRUNCATE)");
    let whole = std::fs::read(bench.state()).unwrap();
    let state = bench.state().display().to_string();
    for (what, change, by_key, by_file) in CHANGES {
        rewrite(&bench.state(), change);
        let alone = verify(&bench, &[&state]);
        assert_eq!(alone.code, 0, "{what}: every hash fits: {}", alone.stdout);
        eprintln!("{what}");
        first_bad(verify(&bench, &[&state, "--pubkey", "pub.pem"]), by_key);
        match by_file {
            0 => drop(verify(&bench, &[]).exits(0)),
            seq => drop(first_bad(verify(&bench, &[]), seq)),
        }
        first_bad(
            verify(&bench, &["--pubkey", "pub.pem"]),
            match by_file {
                0 => by_key,
                seq => by_key.min(seq),
            },
        );
        // An export of it shows the same.
        let export = bench.run(&["audit", "list", "--format", "jsonl"]).exits(0).stdout;
        bench.write("export.jsonl", &export);
        first_bad(verify(&bench, &["export.jsonl", "--pubkey", "pub.pem"]), by_key);
        for ending in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{state}{ending}"));
        }
        std::fs::write(bench.state(), &whole).unwrap();
    }
    verify(&bench, &["--pubkey", "pub.pem"]).exits(0);
    bench.in_step();
}

#[test]
fn a_change_without_new_hashes_is_found_where_it_is() {
    let bench = three_runs();
    crate::state::meddle(&bench.state(), "UPDATE audit SET record = replace(record, 'dan@', 'eva@') WHERE seq = 3");
    first_bad(verify(&bench, &["--pubkey", "pub.pem"]), 3);
}

#[test]
fn a_tail_that_was_cut_off_at_a_checkpoint_is_found_by_the_file() {
    let bench = three_runs();
    rewrite(&bench.state(), |records| records.truncate(11));
    let state = bench.state().display().to_string();
    // All that is left is signed: only who kept the checkpoints knows that there was more.
    verify(&bench, &[&state, "--pubkey", "pub.pem"]).exits(0);
    let told = first_bad(verify(&bench, &["--pubkey", "pub.pem"]), 12);
    assert!(told.contains("the log ends here, and line 3 of"), "{told}");
    rewrite(&bench.state(), Vec::clear);
    first_bad(verify(&bench, &[]), 1);
    first_bad(verify(&bench, &[&state, "--pubkey", "pub.pem"]), 1);
}

#[test]
fn an_older_copy_in_the_states_place_is_found_by_the_file_which_stays_as_it_is() {
    let bench = with_key();
    bench.apply(0);
    bench.run(&["backup", "copy.db"]).exits(0);
    bench.apply(0);
    for ending in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{ending}", bench.state().display()));
    }
    std::fs::copy(bench.path("copy.db"), bench.state()).unwrap();
    first_bad(verify(&bench, &[]), 5);
    let before = lines(&bench);
    let ran = bench.run(&["apply"]).exits(0);
    assert!(ran.stderr.contains("it ends with another checkpoint of seq 7 than the log has"), "{}", ran.stderr);
    assert_eq!(lines(&bench), before);
    first_bad(verify(&bench, &[]), 7);
    let status = bench.run(&["status"]).exits(0).stdout;
    assert!(status.contains("Checkpoints outside: trouble since"), "{status}");
    // A file of its own begins with all that the log has.
    let mut bench = bench;
    bench.rest = bench.rest.replace("worm/checkpoints", "worm/after");
    bench.apply(0);
    verify(&bench, &["--pubkey", "pub.pem"]).exits(0);
    assert!(!bench.run(&["status"]).exits(0).stdout.contains("Checkpoints"));
}

#[test]
fn another_key_proves_nothing() {
    let bench = three_runs();
    let other = with_key();
    other.apply(0);
    let key = other.path("pub.pem").display().to_string();
    let told = first_bad(verify(&bench, &["--pubkey", &key]), 1);
    assert!(told.contains("no checkpoint in it is signed by a key that was given"), "{told}");
    // The name of the right key under another's signature.
    let foreign = lines(&other)[0].clone();
    let foreign: Value = serde_json::from_str(&foreign).unwrap();
    rewrite(&bench.state(), |records| {
        records[5]["checkpoint"]["signature"] = foreign["checkpoint"]["signature"].clone();
    });
    first_bad(verify(&bench, &["--pubkey", "pub.pem"]), 6);
    rewrite(&bench.state(), |records| {
        for record in records.iter_mut().filter(|record| record["checkpoint"].is_object()) {
            record["checkpoint"]["key_id"] = json!("0123456789abcdef");
        }
    });
    first_bad(verify(&bench, &[&bench.state().display().to_string(), "--pubkey", "pub.pem"]), 1);
}

#[test]
fn a_checkpoint_without_what_belongs_to_it_is_found_without_a_key() {
    let bench = three_runs();
    let state = bench.state().display().to_string();
    rewrite(&bench.state(), |records| {
        records[10]["checkpoint"].as_object_mut().unwrap().remove("signature");
    });
    first_bad(verify(&bench, &[&state]), 11);
    rewrite(&bench.state(), |records| {
        records[10].as_object_mut().unwrap().remove("checkpoint");
    });
    first_bad(verify(&bench, &[&state]), 11);
}
