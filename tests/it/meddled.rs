//! Somebody can write the state file and has no key: what rosterd itself would do with such a state, and what
//! `audit verify` says of it.

use crate::checkpoint::{first_bad, forge, rewrite, rows, three_runs};
use crate::holds::{company, count, granted, hold, ids, only_id, rules, waiting};
use crate::state::meddle;
use crate::support::bench::{Bench, Ran};

fn verify(bench: &Bench) -> Ran {
    bench.run(&["audit", "verify"])
}

const TRIGGER: &str = "CREATE TRIGGER t AFTER INSERT ON audit WHEN NEW.record LIKE '%\"event\":\"outcome\"%eve@corp.example%' \
    BEGIN DELETE FROM audit WHERE record LIKE '%eve@corp.example%'; END";
const VIEW: &str = "ALTER TABLE audit RENAME TO kept; \
    CREATE VIEW audit AS SELECT seq, hash, record FROM kept; \
    CREATE TRIGGER t INSTEAD OF INSERT ON audit BEGIN INSERT INTO kept VALUES (NEW.seq, NEW.hash, NEW.record); END";
const PICKY: &str = "ALTER TABLE audit RENAME TO kept; \
    CREATE TABLE audit (seq BIGINT NOT NULL PRIMARY KEY, hash TEXT NOT NULL, record TEXT NOT NULL, \
    x AS (CASE WHEN record LIKE '%eve@%' THEN 1 END) UNIQUE ON CONFLICT IGNORE); \
    INSERT INTO audit SELECT seq, hash, record FROM kept; DROP TABLE kept";

/// rosterd makes neither triggers nor views: what is written to a state that has some may not be what is in it.
#[test]
fn a_state_that_does_something_by_itself_is_refused_before_any_call() {
    for (sql, what) in [
        (TRIGGER, "it has the trigger \"t\""),
        ("CREATE VIEW v AS SELECT 1", "it has the view \"v\""),
        (VIEW, "it has the "),
        (PICKY, "its table audit is not the one that rosterd made"),
    ] {
        let bench = Bench::small();
        bench.apply(0);
        bench.people(&["compliance,ann", "compliance,bob", "compliance,cem", "compliance,eve"]);
        meddle(&bench.state(), sql);
        bench.simulator().forget_requests();
        for command in [&["apply"][..], &["plan"], &["status"], &["backup", "copy.db"]] {
            let told = bench.run(command).exits(1).stderr;
            assert!(told.contains(what) && told.contains("\nhelp: "), "{command:?}: {told}");
        }
        assert_eq!(bench.calls(), []);
        let state = bench.state().display().to_string();
        for path in [None, Some(state.as_str())] {
            let ran = bench.run(&[&["audit", "verify"][..], &path.into_iter().collect::<Vec<_>>()].concat());
            assert!(ran.clone().exits(15).stdout.contains(what), "{ran:?}");
        }
    }
}

/// The state was opened before: nothing is appended to it, and the run makes no call that writes.
#[test]
fn a_trigger_that_comes_while_a_run_is_under_way_stops_it() {
    use rosterd::simulator::{Fault, FaultKind, Moment};
    let bench = Bench::small();
    bench.apply(0);
    bench.people(&["compliance,ann", "compliance,bob", "compliance,cem", "compliance,eve"]);
    bench.simulator().inject(Fault::on("GET", "/v1/groups", FaultKind::Hold { moment: Moment::Before }));
    let run = bench.start(&["apply"]);
    bench.until_held();
    meddle(&bench.state(), TRIGGER);
    bench.simulator().forget_requests();
    bench.simulator().release();
    let told = bench.wait(run).exits(1).stderr;
    assert!(told.contains("it has the trigger \"t\""), "{told}");
    assert_eq!(bench.writes(), []);
    assert_eq!(bench.members("Compliance"), ["ann", "bob", "cem"]);
    meddle(&bench.state(), "DROP TRIGGER t");
    bench.apply(0);
    assert_eq!(bench.members("Compliance"), ["ann", "bob", "cem", "eve"]);
    bench.in_step();
}

/// What a run counted is in its last record: a change that is gone from the log, with every hash made anew,
/// contradicts it.
#[test]
fn a_run_that_counted_what_has_no_record_is_found() {
    let bench = three_runs();
    forge(&bench.state(), |records| records.retain(|record| record["member"]["email"] != "eve@corp.example"));
    let told = first_bad(verify(&bench), 8);
    assert!(told.contains("the run counted 1 intents, and the log has 0"), "{told}");
    bench.write("log.jsonl", &bench.run(&["audit", "list", "--format", "jsonl"]).exits(0).stdout);
    first_bad(bench.run(&["audit", "verify", "log.jsonl"]), 8);
    bench.run(&["audit", "export", "--from", "2000-01-01", "--out", "part"]).exits(15);
    // A log that begins within the run has not all of it, and that is no contradiction.
    let part = std::fs::read_to_string(bench.path("log.jsonl")).unwrap();
    bench.write("log.jsonl", &part.lines().skip(7).fold(String::new(), |text, line| text + line + "\n"));
    bench.run(&["audit", "verify", "log.jsonl"]).exits(0);
}

/// The approval and all its changes stand in the state, and no record of the log tells of it: nobody gave it.
#[test]
fn an_approval_that_is_not_in_the_log_lets_nothing_through() {
    let mut bench = company(40, &[("A", 0..10)]);
    rules(&mut bench, "group_removals = { percent = 0, floor = 3 }", "");
    granted(&bench, &[("A", 0..10)]);
    bench.apply(0);
    granted(&bench, &[("A", 5..10)]);
    let id = only_id(&bench.apply(11));
    let given = "INSERT INTO approval (number, hold_id, rule, scope, approver, login, reason, at, expires) \
         SELECT 7, id, rule, scope, 'Maria', 'maria', 'checked', first_seen, first_seen + 86400000 FROM hold; \
         INSERT INTO approval_change (approval, op, group_name, account_id) \
         SELECT 7, json_extract(value, '$.op'), json_extract(value, '$.group'), COALESCE(json_extract(value, '$.account'), '') \
         FROM hold, json_each(hold.changes)";
    meddle(&bench.state(), given);
    let run = bench.run(&["apply", "--format", "json"]).exits(11);
    assert!(run.stderr.contains("approval 7 is not in the log"), "{}", run.stderr);
    assert_eq!(waiting(&run.json()), [hold("group_removals", 3, 5, 5)]);
    assert_eq!(count(&bench, "A"), 10);
    assert!(bench.run(&["holds"]).exits(0).stdout.ends_with("1 waiting, 0 approved\n"));
    // A real one whose terms or changes somebody widened is another one.
    granted(&bench, &[("A", 4..10)]);
    let few = only_id(&bench.apply(11));
    crate::holds::approve(&bench, &[&few]);
    granted(&bench, &[("A", 5..10)]);
    assert_eq!(only_id(&bench.apply(11)), id);
    meddle(
        &bench.state(),
        "INSERT OR IGNORE INTO approval_change (approval, op, group_name, account_id) SELECT 8, op, group_name, account_id \
         FROM approval_change WHERE approval = 7",
    );
    bench.apply(11);
    assert_eq!(count(&bench, "A"), 10);
    // A person's word is in the log, and counts.
    crate::holds::approve(&bench, &[&id]);
    bench.apply(0);
    assert_eq!(count(&bench, "A"), 5);
    assert_eq!(bench.plan()["changes"], serde_json::json!([]));
    assert!(first_bad(verify(&bench), 0).contains("approval 7 is not in the log"));
    meddle(&bench.state(), "DELETE FROM approval_change WHERE approval = 7; DELETE FROM approval WHERE number = 7");
    assert!(first_bad(verify(&bench), 0).contains("approval 8 is not in the log"));
}

/// Ten people, of whom more than three removals are held.
fn settled() -> Bench {
    let mut bench = company(40, &[("A", 0..10)]);
    rules(&mut bench, "group_removals = { percent = 0, floor = 3 }", "");
    granted(&bench, &[("A", 0..10)]);
    bench.apply(0);
    bench
}

/// Each change passes once: what the log tells of an approval's use counts, and not the rows beside it.
#[test]
fn a_used_approval_that_is_opened_again_lets_nothing_through() {
    let bench = settled();
    granted(&bench, &[("A", 5..10)]);
    let id = only_id(&bench.apply(11));
    crate::holds::approve(&bench, &[&id]);
    bench.apply(0);
    granted(&bench, &[("A", 0..10)]);
    bench.apply(0);
    bench.in_step();
    meddle(&bench.state(), "UPDATE approval_change SET passed = NULL; UPDATE approval SET ended = NULL");
    assert!(first_bad(verify(&bench), 0).contains("approval 1"));
    granted(&bench, &[("A", 5..10)]);
    let run = bench.run(&["apply", "--format", "json"]).exits(11);
    assert!(run.stderr.contains("approval 1 was used or ended"), "{}", run.stderr);
    assert_eq!((count(&bench, "A"), only_id(&run.json())), (10, id.clone()));
    assert!(bench.run(&["holds"]).exits(0).stdout.ends_with("1 waiting, 0 approved\n"));
    // Nor does one that is used up by something that never was hide what waits.
    meddle(&bench.state(), "UPDATE approval_change SET passed = 999999");
    assert!(bench.run(&["holds"]).exits(0).stdout.ends_with("1 waiting, 0 approved\n"));
    assert!(first_bad(verify(&bench), 0).contains("approval 1"));
    // A person's new word counts.
    crate::holds::approve(&bench, &[&id]);
    bench.apply(0);
    assert_eq!(count(&bench, "A"), 5);
}

/// What was approved went away by itself, and with it the approval: the log tells.
#[test]
fn an_ended_approval_that_is_opened_again_lets_nothing_through() {
    for (before, after) in [
        ("SELECT 1", "UPDATE approval SET ended = NULL"),
        // It would not end, as if it were for a run that takes another one back.
        ("UPDATE approval SET undoes = (SELECT id FROM run LIMIT 1)", "SELECT 1"),
    ] {
        let bench = settled();
        granted(&bench, &[("A", 5..10)]);
        let id = only_id(&bench.apply(11));
        crate::holds::approve(&bench, &[&id]);
        meddle(&bench.state(), before);
        granted(&bench, &[("A", 0..10)]);
        bench.apply(0);
        meddle(&bench.state(), after);
        assert!(first_bad(verify(&bench), 0).contains("approval 1"), "{after}");
        granted(&bench, &[("A", 5..10)]);
        let run = bench.run(&["apply", "--format", "json"]).exits(11);
        assert!(run.stderr.contains("approval 1 "), "{}", run.stderr);
        assert_eq!((count(&bench, "A"), only_id(&run.json())), (10, id));
    }
}

/// A missing group was accepted as empty, came back, and goes again: that takes another word.
#[test]
fn an_acceptance_that_is_taken_back_beside_the_log_accepts_nothing() {
    let mut bench = company(5, &[("Staff", 0..0)]);
    rules(&mut bench, "", "");
    bench.rest = bench.rest.replace("match = \"^(.*)$\"\nto = \"$1\"", "group = \"Staff\"\nto = \"Staff\"");
    granted(&bench, &[("Other", 0..1)]);
    crate::holds::approve(&bench, &[&only_id(&bench.apply(11))]);
    bench.apply(0);
    let ends: Vec<_> = bench.audit().into_iter().filter(|record| record["event"] == "run_finished").collect();
    let accepted = &ends[1]["approvals_accepted"];
    assert_eq!((&accepted[0]["number"], accepted.as_array().map(Vec::len)), (&1.into(), Some(1)), "{accepted}");
    bench.in_step();
    meddle(&bench.state(), "UPDATE approval SET accepted = 0");
    assert!(first_bad(verify(&bench), 0).contains("approval 1"));
    granted(&bench, &[("Staff", 0..1)]);
    bench.apply(0);
    granted(&bench, &[("Other", 0..1)]);
    let run = bench.run(&["apply", "--format", "json"]).exits(11);
    assert!(run.stderr.contains("approval 1 was used or ended"), "{}", run.stderr);
}

/// Rows beside the log that nobody's word stands behind, or that are gone.
#[test]
fn approvals_beside_the_log_are_compared_with_it() {
    let bench = settled();
    granted(&bench, &[("A", 5..10)]);
    let id = only_id(&bench.apply(11));
    crate::holds::approve(&bench, &[&id]);
    meddle(&bench.state(), "PRAGMA wal_checkpoint(TRUNCATE)");
    let whole = std::fs::read(bench.state()).unwrap();
    for sql in [
        "UPDATE approval SET approver = 'Maria'",
        "UPDATE approval SET expires = expires + 86400000",
        "UPDATE approval SET expires = 0",
        "UPDATE approval SET number = 7",
        "DELETE FROM approval_change; DELETE FROM approval",
        "DELETE FROM approval_change WHERE account_id = (SELECT MIN(account_id) FROM approval_change)",
        "UPDATE approval_change SET passed = 3",
        "UPDATE approval SET ended = 3",
    ] {
        meddle(&bench.state(), &format!("PRAGMA foreign_keys = OFF; {sql}"));
        let told = first_bad(verify(&bench), 0);
        assert!(told.contains("approval 1 ") || told.contains("approval 7 "), "{sql}: {told}");
        for ending in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{ending}", bench.state().display()));
        }
        std::fs::write(bench.state(), &whole).unwrap();
    }
    bench.apply(0);
    bench.in_step();
}

/// An outcome names an approval, and the log has none of that number: an exception of the pack, by whichever of
/// several rules it was let through.
#[test]
fn an_outcome_by_an_approval_that_the_log_does_not_have_is_an_exception() {
    let mut bench = company(40, &[("A", 0..10)]);
    rules(&mut bench, "group_removals = { percent = 0, floor = 3 }", "[group.A]\nmin_members = 8\n");
    granted(&bench, &[("A", 5..10)]);
    let plan = bench.plan();
    for rule in ["group_removals", "min_members"] {
        let id = ids(&plan, rule).remove(0);
        bench.run(&["approve", &id, "--by", "Maria", "--reason", "checked"]).exits(0);
    }
    bench.apply(0);
    let pack = |name: &str| {
        bench.run(&["audit", "export", "--from", "2000-01-01", "--seed", "1", "--out", name]).exits(0);
        let rows = |file: &str, what: &str| {
            let text = std::fs::read_to_string(bench.path(name).join(file)).unwrap();
            text.lines().filter(|row| row.contains(what)).count()
        };
        (rows("exceptions.csv", "\"unapproved\","), rows("sample.csv", "\"not looked\",\"yes\""))
    };
    assert_eq!(pack("whole"), (0, 5));
    // Its number stays where it is, so that only the approval is gone: the second of the two.
    rewrite(&bench.state(), |records| {
        let second = records.iter_mut().filter(|record| record["event"] == "approval").nth(1).unwrap();
        second["approval"]["number"] = serde_json::json!(99);
    });
    meddle(
        &bench.state(),
        "PRAGMA foreign_keys = OFF; UPDATE approval SET number = 99 WHERE number = 2; \
         UPDATE approval_change SET approval = 99 WHERE approval = 2",
    );
    assert_eq!(pack("part"), (5, 0));
}

/// The log itself tells that a change passed twice by one word, or by one that had ended.
#[test]
fn an_outcome_by_an_approval_that_was_used_or_had_ended_is_an_exception() {
    for (is_used, what) in [(true, "had passed by it before"), (false, "had ended")] {
        let bench = settled();
        for used in [is_used, true] {
            granted(&bench, &[("A", 5..10)]);
            crate::holds::approve(&bench, &[&only_id(&bench.apply(11))]);
            if used {
                bench.apply(0);
            }
            granted(&bench, &[("A", 0..10)]);
            bench.apply(0);
        }
        let pack = |name: &str| {
            bench.run(&["audit", "export", "--from", "2000-01-01", "--out", name]).exits(0);
            let text = std::fs::read_to_string(bench.path(name).join("exceptions.csv")).unwrap();
            let rows = || text.lines().filter(|row| row.contains("\"unapproved\","));
            (rows().count(), rows().filter(|row| row.contains(what)).count())
        };
        assert_eq!(pack("whole"), (0, 0));
        // The second time as if by the first word.
        rewrite(&bench.state(), |records| {
            for record in records.iter_mut().filter(|record| record["event"] != "approval") {
                let mut named: Vec<&mut serde_json::Value> = Vec::new();
                if let Some(fields) = record.as_object_mut() {
                    for (field, value) in fields {
                        match field.as_str() {
                            "approval" => named.push(value),
                            "approvals" => named.extend(value.as_array_mut().unwrap()),
                            _ => {}
                        }
                    }
                }
                for approval in named {
                    approval["number"] = serde_json::json!(1);
                }
            }
        });
        assert_eq!(pack("twice"), (5, 5));
    }
}

/// Lists beside the log that answers are made of are made anew and compared.
#[test]
fn what_answers_rest_on_beside_the_log_is_compared_with_it() {
    let bench = three_runs();
    meddle(&bench.state(), "PRAGMA wal_checkpoint(TRUNCATE)");
    let whole = std::fs::read(bench.state()).unwrap();
    let eve = "json_extract((SELECT record FROM audit WHERE seq = 9), '$.member.user_id')";
    let members = |change: &str| format!("UPDATE observed_group SET members = {change}");
    for (sql, seq, what) in [
        ("DELETE FROM audit_key WHERE seq = 9".to_owned(), 9, "found by"),
        ("DELETE FROM audit_key WHERE seq = 9 AND kind = 'account'".to_owned(), 9, "found by"),
        ("UPDATE audit_key SET value = 'x' WHERE seq = 9 AND kind = 'address'".to_owned(), 9, "found by"),
        ("UPDATE audit_key SET seq = 10 WHERE seq = 9".to_owned(), 9, "found by"),
        ("INSERT INTO audit_key SELECT kind, value, 99 FROM audit_key WHERE seq = 9".to_owned(), 99, "found by"),
        (members(&format!("json_insert(members, '$[#]', {eve} || 'x')")), 0, "members of group"),
        ("UPDATE observed_group SET digest = 'x'".to_owned(), 0, "members of group"),
        (members("'[]'"), 0, "members of group"),
    ] {
        meddle(&bench.state(), &sql);
        let told = first_bad(verify(&bench), seq);
        assert!(told.contains(what), "{sql}: {told}");
        for ending in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{ending}", bench.state().display()));
        }
        std::fs::write(bench.state(), &whole).unwrap();
    }
    bench.in_step();
}

/// Whoever has the state can drop what he likes with all checkpoints, and the next run signs the rest: no key
/// tells. It is told when the first signature was made, and over how many runs.
#[test]
fn a_log_that_is_signed_for_the_first_time_after_earlier_runs_says_so() {
    let bench = three_runs();
    let signed = |bench: &Bench| bench.run(&["audit", "verify", "--pubkey", "pub.pem"]);
    let told = signed(&bench).exits(0).stdout;
    assert!(told.contains("\nfirst signed at seq 6, on 2") && !told.contains("before its first signature"), "{told}");
    rewrite(&bench.state(), |records| {
        records.retain(|record| record["event"] != "checkpoint" && record["member"]["email"] != "eve@corp.example");
    });
    std::fs::remove_file(bench.path("worm/checkpoints")).unwrap();
    meddle(
        &bench.state(),
        "DELETE FROM setting WHERE name IN ('checkpoint_published', 'observed'); DELETE FROM observed_group",
    );
    let ran = bench.run(&["apply"]).exits(0);
    assert!(ran.stderr.contains("the first signature of this log") && ran.stderr.contains("runs=3"), "{}", ran.stderr);
    let told = signed(&bench).exits(0).stdout;
    assert!(told.contains("\nfirst signed at seq 12, on 2"), "{told}");
    assert!(told.contains("note: 3 runs had ended in this log before its first signature"), "{told}");
    assert!(!bench.run(&["apply"]).exits(0).stderr.contains("first signature"));
    let log = rows_of(&bench);
    assert!(log.iter().all(|record| record["member"]["email"] != "eve@corp.example"));
}

fn rows_of(bench: &Bench) -> Vec<serde_json::Value> {
    use sqlx::{ConnectOptions, Connection};
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut conn = sqlx::sqlite::SqliteConnectOptions::new().filename(bench.state()).connect().await.unwrap();
        let rows = rows(&mut conn).await;
        conn.close().await.unwrap();
        rows
    })
}
