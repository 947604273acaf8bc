//! The audit log as the binary writes, shows and checks it.

use std::collections::BTreeSet;
use std::path::Path;

use rosterd::model::digest::sha256_hex;
use rosterd::simulator::{Fault, FaultKind, Moment};
use serde_json::{Value, json};
use sqlx::{ConnectOptions, Connection, Executor, Row, SqlSafeStr};

use crate::support::bench::{Bench, filtered};

/// A log with two runs, a hold, an approval and a changed configuration.
fn eventful() -> Bench {
    let mut bench = Bench::small();
    bench.rest = bench.rest.replace("first_removals = \"apply\"", "first_removals = \"hold\"");
    bench.people(&["compliance,ann", "compliance,bob", "compliance,dan", "compliance,nobody"]);
    let run = bench.apply(11);
    let hold = run["holds"][0]["id"].as_str().unwrap();
    let said = ["--by", "Ann Miller", "--reason", "left the team", "--ticket", "GRC-7"];
    bench.run(&[&["approve", hold], &said[..]].concat()).exits(0);
    bench.rest.push_str("[group.Compliance]\nmin_members = 1\n");
    bench.apply(0);
    bench
}

/// Rows of the table, in order.
fn rows(path: &Path) -> Vec<(i64, String, String)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut conn = sqlx::sqlite::SqliteConnectOptions::new().filename(path).connect().await.unwrap();
        let rows = sqlx::query("SELECT seq, hash, record FROM audit ORDER BY seq").fetch_all(&mut conn).await.unwrap();
        conn.close().await.unwrap();
        rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect()
    })
}

fn meddle(path: &Path, sql: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut conn = sqlx::sqlite::SqliteConnectOptions::new().filename(path).connect().await.unwrap();
        conn.execute(sqlx::AssertSqlSafe(sql.to_owned()).into_sql_str()).await.unwrap();
        conn.close().await.unwrap();
    });
}

fn of<'a>(records: &'a [Value], event: &'a str) -> impl Iterator<Item = &'a Value> {
    records.iter().filter(move |record| record["event"] == event)
}

#[track_caller]
fn one<'a>(records: &'a [Value], event: &'a str) -> &'a Value {
    let found: Vec<&Value> = of(records, event).collect();
    assert_eq!(found.len(), 1, "{event}: {found:?}");
    found[0]
}

#[test]
fn every_record_hashes_to_its_hash_and_names_the_one_before() {
    let bench = eventful();
    let rows = rows(&bench.state());
    let shown = bench.run(&["audit", "list", "--format", "jsonl"]).exits(0).stdout;
    let lines: Vec<&str> = shown.lines().collect();
    assert!(rows.len() > 8, "{rows:?}");
    assert_eq!(lines, rows.iter().map(|(.., record)| record.as_str()).collect::<Vec<_>>(), "the very bytes");
    let mut prev = "0".repeat(64);
    for ((seq, hash, record), expected) in rows.iter().zip(1..) {
        let value: Value = serde_json::from_str(record).unwrap();
        assert_eq!((*seq, &value["seq"]), (expected, &json!(expected)));
        assert_eq!(value["prev"], prev.as_str());
        assert_eq!(value["format"], "rosterd.audit/1");
        assert_eq!(serde_json::to_string(&sorted(&value)).unwrap(), *record, "canonical JSON");
        prev = sha256_hex(record.as_bytes());
        assert_eq!(*hash, prev);
    }
    let told = bench.run(&["audit", "verify"]).exits(0).stdout;
    assert!(told.contains(&format!("{} records verified, seq 1 to {}", rows.len(), rows.len())), "{told}");
    assert!(told.contains(&format!("head {prev}")), "{told}");
}

/// The value with the fields of its objects in order, whatever features serde_json was built with.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by(|a, b| a.0.cmp(b.0));
            Value::Object(fields.into_iter().map(|(name, value)| (name.clone(), sorted(value))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        other => other.clone(),
    }
}

#[test]
fn a_change_is_told_with_who_what_when_why_and_what_became_of_it() {
    let bench = eventful();
    let audit = bench.audit();
    bench.every_intent_has_an_outcome();
    let events: Vec<&str> = audit.iter().map(|record| record["event"].as_str().unwrap()).collect();
    assert_eq!(
        events,
        [
            "run_started",
            "observed",
            "hold",
            "intent",
            "outcome",
            "run_finished",
            "approval",
            "run_started",
            "config_changed",
            "intent",
            "outcome",
            "run_finished"
        ]
    );
    let world = bench.simulator().world();
    let group = json!({ "id": world.group("Compliance").unwrap().id, "name": "Compliance" });
    let (intent, outcome) = (&audit[9], &audit[10]);
    let cem = world.user("cem@corp.example").unwrap();
    for record in [intent, outcome] {
        assert_eq!(record["op"], "remove_member", "{record}");
        assert_eq!(record["group"], group, "{record}");
        assert_eq!(record["member"]["email"], "cem@corp.example", "{record}");
        let id = record["member"]["user_id"].as_str().unwrap();
        assert!([&cem.user_id, &cem.id].iter().any(|own| *own == id), "{record}");
        assert_eq!(record["actor"]["service"], world.client.client_id.as_str());
        assert!(record["actor"]["host"].as_str().is_some_and(|host| !host.is_empty()), "{record}");
        assert!(record["actor"]["operator"].as_str().is_some_and(|login| !login.is_empty()), "{record}");
        assert_eq!(record["approval"]["by"], "Ann Miller");
        assert_eq!(record["approval"]["ticket"], "GRC-7");
        assert_eq!(record["run_id"], audit[7]["run_id"]);
        assert_eq!(record["config_digest"], audit[7]["config_digest"]);
        assert_eq!(record["version"], env!("CARGO_PKG_VERSION"));
        record["at"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
        assert!(record["at"].as_str().unwrap().ends_with('Z'));
        assert_eq!(record["request"]["method"], "PUT");
    }
    // A removal says which mappings could have granted it.
    let mappings = json!([{ "source": "hr", "group": "compliance", "to": "Compliance" }]);
    assert_eq!((&intent["mappings"], &outcome["mappings"]), (&mappings, &mappings));
    assert_eq!(outcome["intent"], intent["seq"]);
    assert_eq!((&outcome["result"], &outcome["request"]["status"]), (&json!("done"), &json!(200)));
    assert_eq!(outcome["request"]["attempts"], 1);
    // An addition says who granted it.
    assert_eq!(audit[3]["reason"], "granted");
    let because = json!([{ "source": "hr", "directory_group": "compliance", "path": ["compliance"] }]);
    assert_eq!(audit[3]["because"], because);
    assert_eq!(audit[3]["entry"]["source"], "hr", "{}", audit[3]);
}

#[test]
fn holds_approvals_and_configurations_are_told() {
    let bench = eventful();
    let audit = bench.audit();
    let (hold, approval, config) = (one(&audit, "hold"), one(&audit, "approval"), one(&audit, "config_changed"));
    assert_eq!((&hold["rule"], &hold["limit"], &hold["measured"]), (&json!("first_run"), &json!(0), &json!(1)));
    let world = bench.simulator().world();
    let group = json!({ "id": world.group("Compliance").unwrap().id, "name": "Compliance" });
    assert_eq!((&hold["group"], &approval["group"]), (&group, &group));
    assert_eq!(hold["changes"]["count"], 1);
    assert_eq!(approval["hold"], hold["hold"]);
    assert_eq!(approval["changes"], hold["changes"]);
    let said = &approval["approval"];
    assert_eq!(
        (&said["by"], &said["reason"], &said["ticket"]),
        (&json!("Ann Miller"), &json!("left the team"), &json!("GRC-7"))
    );
    assert!(said["login"].as_str().is_some_and(|login| !login.is_empty()), "{said}");
    assert_eq!(config["config_digest_before"], audit[0]["config_digest"]);
    assert_ne!(config["config_digest"], audit[0]["config_digest"]);
}

#[test]
fn a_run_that_changed_nothing_has_its_records_and_a_plan_has_none() {
    let bench = Bench::small();
    bench.apply(0);
    let before = bench.audit().len();
    let run = bench.apply(0);
    let audit = bench.audit();
    let new = &audit[before..];
    assert_eq!(new.iter().map(|record| &record["event"]).collect::<Vec<_>>(), ["run_started", "run_finished"]);
    let end = &new[1];
    assert_eq!((&end["run_id"], &end["outcome"], &end["exit"]), (&run["run_id"], &json!("in_step"), &json!(0)));
    assert_eq!(end["sources"][0]["name"], "hr");
    assert_eq!(end["sources"][0]["complete"], true);
    assert!(end["sources"][0]["evidence"].as_str().is_some_and(|text| text.contains("3 rows")), "{end}");
    assert_eq!(end["actual"]["done"], 0);
    bench.plan();
    assert_eq!(bench.audit().len(), audit.len());
}

#[test]
fn a_run_that_could_not_read_is_told_too() {
    let mut bench = Bench::small();
    bench.apply(0);
    std::fs::remove_file(bench.path("people.csv")).unwrap();
    bench.apply(13);
    bench.people(&["compliance,ann", "compliance,bob", "compliance,cem"]);
    bench.stop_simulator();
    bench.apply(13);
    let audit = bench.audit();
    let ends: Vec<_> = of(&audit, "run_finished").map(|end| (end["outcome"].as_str(), end["exit"].as_i64())).collect();
    assert_eq!(ends, [(Some("in_step"), Some(0)), (Some("unread"), Some(13)), (Some("unread"), Some(13))]);
    bench.run(&["audit", "verify"]).exits(0);
}

#[test]
fn a_refused_change_is_told_with_its_error() {
    let bench = Bench::small();
    bench.people(&["compliance,ann", "compliance,bob", "compliance,cem", "compliance,dan"]);
    bench.simulator().inject(Fault::on("POST", "/v1/groups/**", FaultKind::Forbidden).always());
    bench.apply(12);
    let audit = bench.audit();
    let outcome = one(&audit, "outcome");
    assert_eq!(outcome["result"], "failed", "{outcome}");
    assert_eq!(outcome["request"]["status"], 403, "{outcome}");
    assert!(outcome["error"].as_str().is_some_and(|error| !error.is_empty()), "{outcome}");
    assert_eq!(one(&audit, "run_finished")["actual"]["failed"], 1);
}

// Listing.

#[test]
fn the_list_is_limited_by_number_time_and_run() {
    let bench = eventful();
    let all = bench.audit();
    let list = |args: &[&str]| -> Vec<Value> {
        let ran = bench.run(&[&["audit", "list", "--format", "jsonl"], args].concat()).exits(0);
        ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    assert_eq!(list(&["--limit", "3"]), all[all.len() - 3..]);
    assert!(list(&["--limit", "0"]).is_empty());
    assert_eq!(list(&["--limit", "999"]), all);
    let second = all[7]["run_id"].as_str().unwrap();
    assert_eq!(list(&["--run", second]), all[7..]);
    assert_eq!(list(&["--run", second, "--limit", "1"]), all[all.len() - 1..]);
    let approved = all[6]["at"].as_str().unwrap();
    assert_eq!(list(&["--since", approved]), all[6..]);
    assert_eq!(list(&["--since", "2000-01-01"]), all);
    assert!(list(&["--since", "2900-01-01"]).is_empty());
    for wrong in [&["--run", "nobody"][..], &["--since", "yesterday"], &["--limit", "-1"], &["--format", "xml"]] {
        bench.run(&[&["audit", "list"], wrong].concat()).exits(2);
    }
}

#[test]
fn the_list_for_people() {
    let bench = eventful();
    let shown = bench.run(&["audit", "list"]).exits(0).stdout;
    insta::assert_snapshot!(filtered(&shown), @r#"
     1  TIME  run_started     RUN
     2  TIME  observed        "Compliance"  all members: 3
     3  TIME  hold            h-5c0aac4e16d8
     4  TIME  intent          add_member dan@corp.example in "Compliance"  granted
     5  TIME  outcome         add_member dan@corp.example in "Compliance"  granted  done
     6  TIME  run_finished    RUN  held
     7  TIME  approval        h-5c0aac4e16d8  approved by Ann Miller  GRC-7
     8  TIME  run_started     RUN
     9  TIME  config_changed
    10  TIME  intent          remove_member cem@corp.example in "Compliance"  person_gone  h-5c0aac4e16d8  approved by Ann Miller  GRC-7
    11  TIME  outcome         remove_member cem@corp.example in "Compliance"  person_gone  done  h-5c0aac4e16d8  approved by Ann Miller  GRC-7
    12  TIME  run_finished    RUN  applied
    "#);
}

#[test]
fn the_list_for_spreadsheets() {
    let bench = eventful();
    let shown = bench.run(&["audit", "list", "--format", "csv"]).exits(0).stdout;
    let mut reader = csv::Reader::from_reader(shown.as_bytes());
    let headings: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    let at = |name: &str| headings.iter().position(|heading| heading == name).unwrap();
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let audit = bench.audit();
    assert_eq!(rows.len(), audit.len());
    for (row, record) in rows.iter().zip(&audit) {
        assert_eq!(row[at("seq")], record["seq"].to_string());
        for name in ["event", "run_id"] {
            assert_eq!(&row[at(name)], record[name].as_str().unwrap_or_default());
        }
        let second = row[at("at")].trim_end_matches('Z');
        assert!(record["at"].as_str().unwrap().starts_with(second), "{row:?}");
    }
    let outcome = &rows[10];
    let told: Vec<&str> =
        ["op", "group", "member", "result", "approved_by", "ticket"].map(|name| &outcome[at(name)]).to_vec();
    assert_eq!(told, ["remove_member", "Compliance", "cem@corp.example", "done", "Ann Miller", "GRC-7"]);
}

// Checking.

#[test]
fn whatever_is_done_to_the_log_is_found_and_the_first_bad_record_named() {
    let bench = eventful();
    // Everything into the one file.
    meddle(&bench.state(), "PRAGMA wal_checkpoint(TRUNCATE)");
    let whole = std::fs::read(bench.state()).unwrap();
    let count = rows(&bench.state()).len();
    let last = format!("DELETE FROM audit WHERE seq = {count}");
    let tampered: [(&str, usize); 8] = [
        ("UPDATE audit SET record = replace(record, 'cem@', 'eve@') WHERE seq = 10", 10),
        ("UPDATE audit SET hash = substr(hash, 2) || 'x' WHERE seq = 4", 4),
        ("DELETE FROM audit WHERE seq = 3", 3),
        (&last, count),
        ("DELETE FROM audit WHERE seq > 5", 6),
        ("DELETE FROM audit", 1),
        (
            "UPDATE audit SET seq = 100 WHERE seq = 3; UPDATE audit SET seq = 3 WHERE seq = 4; \
             UPDATE audit SET seq = 4 WHERE seq = 100",
            3,
        ),
        ("INSERT INTO audit SELECT seq + 100, hash, record FROM audit WHERE seq = 2", count + 1),
    ];
    for (sql, seq) in tampered {
        meddle(&bench.state(), sql);
        let told = bench.run(&["audit", "verify"]).exits(15);
        assert!(told.stdout.contains(&format!("First bad record: seq {seq}: ")), "{sql}: {}", told.stdout);
        for ending in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{ending}", bench.state().display()));
        }
        std::fs::write(bench.state(), &whole).unwrap();
    }
    bench.run(&["audit", "verify"]).exits(0);
}

#[test]
fn a_copy_and_a_list_verify_offline_without_a_configuration() {
    let bench = eventful();
    meddle(&bench.state(), "PRAGMA wal_checkpoint(TRUNCATE)");
    let verify = |path: &Path| {
        let path = path.display().to_string();
        crate::support::bench::rosterd(&["audit", "verify", &path])
    };
    let copy = bench.path("copy.db");
    std::fs::copy(bench.state(), &copy).unwrap();
    let of_copy = verify(&copy).exits(0).stdout;
    let list = bench.path("log.jsonl");
    let lines = bench.run(&["audit", "list", "--format", "jsonl"]).exits(0).stdout;
    std::fs::write(&list, &lines).unwrap();
    let of_list = verify(&list).exits(0).stdout;
    let head = |text: &str| text.lines().last().map(str::to_owned);
    assert_eq!(head(&of_copy), head(&of_list));
    // A part of it verifies by itself; a changed one does not.
    let tail: Vec<&str> = lines.lines().skip(4).collect();
    std::fs::write(&list, tail.join("\n")).unwrap();
    assert!(verify(&list).exits(0).stdout.contains("seq 5 to 12"));
    std::fs::write(&list, lines.replacen("\"done\"", "\"failed\"", 1)).unwrap();
    let told = verify(&list).exits(15).stdout;
    assert!(told.contains("First bad record: seq 6: "), "record 5 was changed, and 6 does not follow it: {told}");
    verify(&bench.path("nowhere.jsonl")).exits(2);
}

// Several processes.

#[test]
fn processes_that_append_at_once_keep_one_chain() {
    let bench = Bench::small();
    // The file is new: they meet at its creation too. One of them runs, the others find it running or
    // come after it.
    let runs = [(), (), ()].map(|()| bench.start(&["apply"]));
    for child in runs {
        let ran = bench.wait(child);
        assert!([0, 14].contains(&ran.code), "{ran:?}");
    }
    bench.in_step();
    // Approvals while a run is held up between its records.
    let mut bench = bench;
    bench.rest.push_str("[group.Compliance]\nmin_members = 9\n");
    bench.people(&["compliance,ann", "compliance,dan"]);
    let id = bench.plan()["holds"][0]["id"].as_str().unwrap().to_owned();
    let before = bench.audit().len();
    bench.simulator().inject(Fault::on("POST", "/v1/groups/**", FaultKind::Hold { moment: Moment::Before }));
    let run = bench.start(&["apply"]);
    bench.until_held();
    let approvals: Vec<_> = (0..4)
        .map(|number| bench.start(&["approve", &id, "--by", &format!("person {number}"), "--reason", "at once"]))
        .collect();
    for child in approvals {
        bench.wait(child).exits(0);
    }
    bench.simulator().release();
    bench.wait(run).exits(11);
    bench.run(&["audit", "verify"]).exits(0);
    let audit = bench.audit();
    let by: BTreeSet<&str> =
        of(&audit[before..], "approval").map(|record| record["approval"]["by"].as_str().unwrap()).collect();
    assert_eq!(by.len(), 4, "{by:?}");
    bench.apply(0);
    bench.in_step();
}

/// What has no log in it did not verify, whatever it is.
#[test]
fn nothing_to_verify_is_no_success() {
    let bench = eventful();
    let verify = |name: &str| {
        let path = bench.path(name).display().to_string();
        crate::support::bench::rosterd(&["--config", "/nowhere.toml", "audit", "verify", &path])
    };
    for name in ["pack", "other.db.archive"] {
        std::fs::create_dir(bench.path(name)).unwrap();
    }
    for name in ["log.jsonl", "copy.db", "foreign.db", "nothing.db"] {
        bench.write(name, "");
    }
    bench.write("people.txt", "name,mail\nann,ann@corp.example\n");
    meddle(&bench.path("foreign.db"), "CREATE TABLE people (name TEXT)");
    meddle(&bench.path("nothing.db"), "CREATE TABLE t (a); DROP TABLE t");
    for name in ["pack", "other.db.archive", "log.jsonl", "copy.db", "people.txt", "foreign.db", "nothing.db"] {
        let ran = verify(name).exits(15);
        assert!(ran.stdout.contains("nothing was verified"), "{name}: {}", ran.stdout);
        for misleading in ["state.path", "older version"] {
            assert!(!ran.stderr.contains(misleading), "{name}: {}", ran.stderr);
        }
    }
    // A state that was emptied, and is the configured one.
    for ending in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{ending}", bench.state().display()));
    }
    std::fs::write(bench.state(), "").unwrap();
    let ran = bench.run(&["audit", "verify"]).exits(15);
    assert!(ran.stdout.contains("nothing was verified") && ran.stdout.contains("it is empty"), "{}", ran.stdout);
}
