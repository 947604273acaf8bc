//! Signed checkpoints, as the binary writes and checks them: what no hash can find, a signature and a file out
//! of reach do.

mod file;
mod keys;
mod tamper;

use std::path::Path;

use serde_json::Value;

use crate::support::bench::{Bench, Ran, filtered, secret};

/// `audit-key.pem` with a new key.
fn new_key(bench: &Bench, name: &str) {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    secret(&bench.path(name), &key.serialize_pem());
}

/// `[audit]` with this key, and the file `worm/checkpoints`.
fn audit(key: &str) -> String {
    format!("[audit]\nsigning_key = {{ file = \"{key}\" }}\ncheckpoint_file = \"worm/checkpoints\"\n")
}

/// The small world with a key; nothing has run yet. `pub.pem` is its public key.
fn with_key() -> Bench {
    let mut bench = Bench::small();
    new_key(&bench, "audit-key.pem");
    std::fs::create_dir(bench.path("worm")).unwrap();
    bench.rest = format!("{}{}", audit("audit-key.pem"), bench.rest);
    let told = bench.run(&["audit", "pubkey"]).exits(0).stdout;
    bench.write("pub.pem", &told);
    bench
}

/// Records 1 to 6 (who is in, Dan comes in), 7 to 11 (Eve comes in), 12 to 14 (nothing): checkpoints at 6, 11
/// and 14.
pub(crate) fn three_runs() -> Bench {
    let bench = with_key();
    let mut people = vec!["compliance,ann", "compliance,bob", "compliance,cem", "compliance,dan"];
    bench.people(&people);
    bench.apply(0);
    people.push("compliance,eve");
    bench.people(&people);
    bench.apply(0);
    bench.apply(0);
    bench
}

fn lines(bench: &Bench) -> Vec<String> {
    let text = std::fs::read_to_string(bench.path("worm/checkpoints")).unwrap();
    text.lines().map(str::to_owned).collect()
}

fn events(bench: &Bench) -> Vec<String> {
    bench.audit().iter().map(|record| record["event"].as_str().unwrap().to_owned()).collect()
}

fn verify(bench: &Bench, args: &[&str]) -> Ran {
    bench.run(&[&["audit", "verify"], args].concat())
}

/// What differs from key to key as well.
fn shown(text: &str) -> String {
    let text = regex::Regex::new("[0-9a-f]{64}").unwrap().replace_all(text, "HASH").into_owned();
    filtered(&regex::Regex::new("key [0-9a-f]{16}").unwrap().replace_all(&text, "key KEY"))
}

#[track_caller]
pub(crate) fn first_bad(ran: Ran, seq: i64) -> String {
    let ran = ran.exits(15);
    assert!(ran.stdout.contains(&format!("First bad record: seq {seq}: ")), "{seq}: {}", ran.stdout);
    ran.stdout
}

#[test]
fn every_run_ends_in_a_checkpoint_that_is_written_outside_too() {
    let bench = three_runs();
    let run = ["run_started", "intent", "outcome", "run_finished", "checkpoint"];
    let first = ["run_started", "observed", "intent", "outcome", "run_finished", "checkpoint"];
    assert_eq!(events(&bench), [&first[..], &run, &["run_started", "run_finished", "checkpoint"]].concat());
    let log = bench.run(&["audit", "list", "--format", "jsonl"]).exits(0).stdout;
    let in_log: Vec<&str> = log.lines().filter(|line| line.contains(r#""event":"checkpoint""#)).collect();
    assert_eq!(lines(&bench), in_log, "the very bytes");
    let audit = bench.audit();
    let (end, last) = (&audit[12], &audit[13]);
    assert_eq!(last["checkpoint"]["head_seq"], 13);
    assert_eq!(last["checkpoint"]["head_hash"], last["prev"]);
    assert_eq!((&last["run_id"], &last["at"]), (&end["run_id"], &end["at"]));
    assert!(last["checkpoint"]["organisation"].is_string(), "{last}");
    insta::assert_snapshot!(shown(&verify(&bench, &[]).exits(0).stdout), @r"
    DIR/rosterd.db: 14 records verified, seq 1 to 14
    head HASH
    3 checkpoints, the last at seq 14: signatures not checked (give --pubkey FILE)
    DIR/worm/checkpoints: 3 checkpoints, 3 found in this log
    ");
    insta::assert_snapshot!(shown(&verify(&bench, &["--pubkey", "pub.pem"]).exits(0).stdout), @r"
    DIR/rosterd.db: 14 records verified, seq 1 to 14
    head HASH
    3 checkpoints signed by key KEY
    first signed at seq 6, on TIME
    signed up to seq 14; 0 records after it, not signed yet
    DIR/worm/checkpoints: 3 checkpoints, 3 found in this log
    ");
    bench.in_step();
}

#[test]
fn an_approval_between_runs_is_signed_by_the_next_run() {
    let mut bench = with_key();
    bench.rest.push_str("[group.Compliance]\nmin_members = 9\n");
    bench.people(&["compliance,ann"]);
    let held = bench.apply(11);
    let id = held["holds"][0]["id"].as_str().unwrap();
    bench.run(&["approve", id, "--by", "Ann", "--reason", "so it is"]).exits(0);
    assert_eq!(events(&bench).last().unwrap(), "approval");
    let told = verify(&bench, &["--pubkey", "pub.pem"]).exits(0).stdout;
    assert!(told.contains("; 1 record after it, not signed yet\n"), "{told}");
    bench.apply(0);
    assert!(verify(&bench, &["--pubkey", "pub.pem"]).exits(0).stdout.contains("; 0 records after it"));
}

#[test]
fn a_run_that_failed_and_one_that_could_not_read_are_signed_too() {
    let mut bench = three_runs();
    bench.rest.push_str("[[mapping]]\nsource = \"hr\"\nmatch = \"^team-(.*)$\"\nto = \"Team $1\"\n");
    bench.run(&["apply", "--group", "Team of nobody"]).exits(2);
    bench.stop_simulator();
    bench.apply(13);
    let ended = ["run_finished", "checkpoint"];
    let failed = [&["run_started", "config_changed"][..], &ended].concat();
    assert_eq!(events(&bench)[14..], [&failed[..], &["run_started"], &ended].concat());
    assert_eq!(lines(&bench).len(), 5);
    verify(&bench, &["--pubkey", "pub.pem"]).exits(0);
}

#[test]
fn without_a_key_nothing_is_signed_and_a_cut_tail_is_found_all_the_same() {
    let bench = Bench::small();
    bench.apply(0);
    bench.apply(0);
    assert!(!events(&bench).contains(&"checkpoint".to_owned()));
    crate::state::meddle(&bench.state(), "DELETE FROM audit WHERE seq = 4");
    first_bad(verify(&bench, &[]), 4);
}

#[test]
fn processes_that_run_at_once_write_each_checkpoint_once() {
    let bench = with_key();
    for _ in 0..2 {
        let runs = [(), (), ()].map(|()| bench.start(&["apply"]));
        for child in runs {
            let ran = bench.wait(child);
            assert!([0, 14].contains(&ran.code), "{ran:?}");
        }
    }
    let ended = events(&bench).iter().filter(|event| *event == "run_finished").count();
    assert_eq!(lines(&bench).len(), ended);
    verify(&bench, &["--pubkey", "pub.pem"]).exits(0);
}

#[test]
fn the_service_signs_and_a_new_key_counts_from_the_next_run_on() {
    let mut bench = with_key();
    bench.rest = format!("[schedule]\ncron = \"0 0 3 1 1 *\"\n{}", bench.rest);
    new_key(&bench, "second.pem");
    let mut service = crate::support::service::Service::start(&bench);
    let until = |count: usize| {
        let begun = std::time::Instant::now();
        while std::fs::read_to_string(bench.path("worm/checkpoints")).unwrap_or_default().lines().count() < count {
            assert!(begun.elapsed() < std::time::Duration::from_secs(30), "{count} checkpoints");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    };
    until(1);
    service.until_logged("run finished", 1);
    bench.write("rosterd.toml", &bench.config().replace("audit-key.pem", "second.pem"));
    service.signal("HUP");
    service.until_logged("holds from the next run on", 1);
    service.signal("USR1");
    until(2);
    let key = |line: &str| serde_json::from_str::<Value>(line).unwrap()["checkpoint"]["key_id"].clone();
    assert_ne!(key(&lines(&bench)[0]), key(&lines(&bench)[1]));
    service.stop();
}

/// Whoever gets a pack and the public key can check both, and nothing else is needed.
#[test]
fn a_pack_of_evidence_is_checked_by_its_signatures_too() {
    let bench = three_runs();
    let other = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    bench.write("other.pem", &other.public_key_pem());
    let pack = |name: &str, more: &[&str]| {
        let args = [&["audit", "export", "--from", "2020-01-01", "--out", name], more].concat();
        bench.run(&args).exits(0);
    };
    pack("pack", &[]);
    pack("hidden", &["--pseudonymise", "--key-file", "pseudonyms.key"]);
    let verify = |dir: &str, key: &str| bench.run(&["audit", "verify", dir, "--pubkey", key]);
    let told = verify("pack", "pub.pem").exits(0).stdout;
    assert!(told.contains("3 checkpoints"), "{told}");
    verify("pack", "other.pem").exits(15);
    let told = verify("hidden", "pub.pem").exits(15).stdout;
    assert!(told.contains("the records are not in this pack"), "{told}");
    bench.run(&["audit", "verify", "hidden"]).exits(0);
}

/// Nothing happened, or no run ended: such a pack has no signature, and nobody tampered with it.
#[test]
fn a_pack_without_the_end_of_a_run_is_told_as_what_it_is() {
    let mut bench = with_key();
    bench.rest.push_str("[group.Compliance]\nmin_members = 9\n");
    bench.people(&["compliance,ann"]);
    let id = bench.apply(11)["holds"][0]["id"].as_str().unwrap().to_owned();
    bench.run(&["approve", &id, "--by", "Ann", "--reason", "so it is"]).exits(0);
    let approved: jiff::Timestamp = bench.audit().last().unwrap()["at"].as_str().unwrap().parse().unwrap();
    bench.apply(0);
    let pack = |name: &str, from: &str, to: &str| {
        bench.run(&["audit", "export", "--from", from, "--to", to, "--out", name]).exits(0);
        bench.run(&["audit", "verify", name]).exits(0);
        bench.run(&["audit", "verify", name, "--pubkey", "pub.pem"])
    };
    let told = pack("nothing", "2020-01-01", "2020-02-01").exits(0).stdout;
    assert!(told.contains("no records: there is nothing to sign"), "{told}");
    let after = approved + jiff::SignedDuration::from_millis(1);
    let told = pack("between", &approved.to_string(), &after.to_string()).exits(15).stdout;
    assert!(told.contains("no run ends in it, and so nothing in it is signed: seq "), "{told}");
    assert!(!told.contains("First bad record") && !told.contains("is not what was signed"), "{told}");
    // A run that ended without a signature is what it always was.
    let log = bench.run(&["audit", "list", "--format", "jsonl"]).exits(0).stdout;
    let unsigned: String = log.lines().take(4).fold(String::new(), |text, line| text + line + "\n");
    bench.write("unsigned.jsonl", &unsigned);
    assert!(unsigned.contains("run_finished") && !unsigned.contains("\"checkpoint\""), "{unsigned}");
    first_bad(verify(&bench, &["unsigned.jsonl", "--pubkey", "pub.pem"]), 1);
}

#[test]
fn openssl_and_a_shell_are_enough_to_check_a_checkpoint() {
    if crate::support::servers::find("openssl").is_none() {
        return;
    }
    let bench = three_runs();
    // The lines of the README.
    let script = r#"
        set -e
        tail -n 1 worm/checkpoints > last
        (echo rosterd-checkpoint/1; sed 's/,"signature":"[^"]*"//' last) > text
        sed 's/.*"signature":"\([^"]*\)".*/\1/' last | openssl base64 -d -A > signature
        openssl pkeyutl -verify -pubin -inkey pub.pem -rawin -in text -sigfile signature
    "#;
    let readme = include_str!("../../../README.md");
    for line in script.lines().map(str::trim).filter(|line| line.len() > 6) {
        assert!(
            readme.contains(
                &line
                    .replace("worm/checkpoints", "/mnt/worm/rosterd/checkpoints")
                    .replace("pub.pem", "audit-key.pub.pem")
            ),
            "{line}"
        );
    }
    let run = |script: &str| {
        let shell = std::process::Command::new("sh").args(["-c", script]).current_dir(bench.path("")).output();
        Ran::of(shell.unwrap())
    };
    assert!(run(script).exits(0).stdout.contains("Verified Successfully"));
    let changed = script.replace("tail -n 1 worm/checkpoints", "tail -n 1 worm/checkpoints | sed s/13/14/");
    assert!(run(&changed).code != 0);
    // And the key that openssl makes is one that signs.
    run("umask 077; openssl genpkey -algorithm ed25519 -out audit-key.pem; openssl pkey -in audit-key.pem -pubout -out pub.pem").exits(0);
    bench.apply(0);
    run(script).exits(0);
    verify(&bench, &["--pubkey", "pub.pem"]).exits(0);
    assert!(
        bench
            .run(&["audit", "pubkey"])
            .exits(0)
            .stdout
            .ends_with(&std::fs::read_to_string(bench.path("pub.pem")).unwrap())
    );
}

/// The rows of the log.
pub(crate) async fn rows(conn: &mut sqlx::SqliteConnection) -> Vec<Value> {
    let rows: Vec<String> = sqlx::query_scalar("SELECT record FROM audit ORDER BY seq").fetch_all(conn).await.unwrap();
    rows.iter().map(|record| serde_json::from_str(record).unwrap()).collect()
}

/// What somebody does who has the state and no key: changes the log, counts what each run did anew, numbers and
/// hashes all of it, and lets every checkpoint, every mark of a run's end and every key fit.
pub(crate) fn rewrite(path: &Path, change: impl FnOnce(&mut Vec<Value>)) {
    forge(path, |records| {
        change(records);
        for at in 0..records.len() {
            if records[at]["event"] != "run_finished" {
                continue;
            }
            let run = records[at]["run_id"].clone();
            let count = |field: &str, value: &str| {
                let of_run = records[..at].iter().filter(|record| record["run_id"] == run);
                Value::from(of_run.filter(|record| record[field] == value).count())
            };
            let mut actual = records[at]["actual"].clone();
            actual["intents"] = count("event", "intent");
            for result in ["done", "already_so", "failed", "not_tried"] {
                actual[result] = count("result", result);
            }
            records[at]["actual"] = actual;
        }
    });
}

/// By what a record is found.
fn keys(record: &Value) -> std::collections::BTreeSet<(&'static str, String)> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let mut keys = std::collections::BTreeSet::new();
    if record["event"] == "hold" {
        keys.extend(text(&record["hold"]).map(|hold| ("hold", hold)));
    }
    if record["event"] != "outcome" && record["event"] != "observed" {
        return keys;
    }
    keys.extend(text(&record["group"]["id"]).map(|id| ("group", id)));
    keys.extend(text(&record["group"]["name"]).map(|name| ("name", name)));
    let lists = ["added", "removed"].into_iter().filter_map(|name| record[name].as_array()).flatten();
    for member in record.get("member").into_iter().chain(lists) {
        keys.extend(text(&member["user_id"]).map(|id| ("account", id)));
        keys.extend(text(&member["email"]).map(|email| ("address", email)));
    }
    if record["op"] == "create_group" || record["baseline"] == true || record.get("ended").is_some() {
        keys.insert(("roll", String::new()));
    }
    keys
}

/// The same, and what runs counted is left as it is.
pub(crate) fn forge(path: &Path, change: impl FnOnce(&mut Vec<Value>)) {
    use sqlx::{ConnectOptions, Connection, Executor};
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut conn = sqlx::sqlite::SqliteConnectOptions::new().filename(path).connect().await.unwrap();
        let mut records = rows(&mut conn).await;
        change(&mut records);
        conn.execute("DELETE FROM audit").await.unwrap();
        conn.execute("DELETE FROM audit_head").await.unwrap();
        conn.execute("DELETE FROM audit_key").await.unwrap();
        let mut prev = "0".repeat(64);
        for (record, seq) in records.iter_mut().zip(1_i64..) {
            record["seq"] = seq.into();
            record["prev"] = prev.as_str().into();
            if record["checkpoint"].is_object() {
                record["checkpoint"]["head_seq"] = (seq - 1).into();
                record["checkpoint"]["head_hash"] = prev.as_str().into();
            }
            let text = canonical(record);
            prev = rosterd::model::digest::sha256_hex(text.as_bytes());
            for sql in ["INSERT INTO audit (seq, hash, record) VALUES ($1, $2, $3)"] {
                sqlx::query(sql).bind(seq).bind(&prev).bind(&text).execute(&mut conn).await.unwrap();
            }
            for (kind, value) in keys(record) {
                let key = "INSERT INTO audit_key (kind, value, seq) VALUES ($1, $2, $3)";
                sqlx::query(key).bind(kind).bind(value).bind(seq).execute(&mut conn).await.unwrap();
            }
            let mark = "INSERT INTO audit_head (seq, hash, at) VALUES ($1, $2, 0)";
            sqlx::query(mark).bind(seq).bind(&prev).execute(&mut conn).await.unwrap();
        }
        conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").await.unwrap();
        conn.close().await.unwrap();
    });
}

/// Canonical JSON, whatever features serde_json was built with. Strings here need no special escapes.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by(|a, b| a.0.cmp(b.0));
            let fields: Vec<String> = fields
                .iter()
                .map(|(name, value)| format!("{}:{}", Value::from(name.as_str()), canonical(value)))
                .collect();
            format!("{{{}}}", fields.join(","))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(canonical).collect::<Vec<_>>().join(",")),
        other => other.to_string(),
    }
}
