//! Evidence packs: what is in them, and that it is what happened.

mod cut;
mod hidden;
mod large;
mod periods;
mod reading;
mod tampering;

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rosterd::model::digest::sha256_hex;
use rosterd::simulator::{Fault, FaultKind};
use serde_json::{Value, json};

use crate::support::bench::{Bench, Ran, rosterd};

/// A year and more of four runs in a few seconds: additions, a removal that was held and approved, one of a
/// disabled person, a refused addition, a changed configuration.
fn story() -> Bench {
    let mut bench = Bench::small();
    bench.rest = bench.rest.replace("first_removals = \"apply\"", "first_removals = \"hold\"");
    bench.people(&["compliance,ann", "compliance,bob", "compliance,dan", "compliance,nobody"]);
    let run = bench.apply(11);
    let hold = run["holds"][0]["id"].as_str().unwrap();
    let said = ["--by", "Ann Miller", "--reason", "left the team", "--ticket", "GRC-7"];
    bench.run(&[&["approve", hold], &said[..]].concat()).exits(0);
    bench
        .rest
        .push_str("[group.Compliance]\nmin_members = 1\nguard = { group_removals = { percent = 100, floor = 9 } }\n");
    bench.apply(0);
    bench.people(&["compliance,ann", "compliance,bob", "compliance,dan", "compliance,eve"]);
    bench.simulator().inject(Fault::on("POST", "/v1/groups/**", FaultKind::Forbidden).always());
    bench.apply(12);
    bench.simulator().clear_faults();
    bench.people(&["compliance,ann", "compliance,bob,inactive", "compliance,dan", "compliance,eve"]);
    let outcome = bench.apply(0);
    assert_eq!(outcome["outcome"], "applied");
    bench.in_step();
    bench
}

/// Exports everything.
#[track_caller]
fn export(bench: &Bench, args: &[&str]) -> Ran {
    bench.run(&[&["audit", "export", "--from", "2000-01-01", "--out", "pack", "--seed", "42"], args].concat())
}

/// A pack as it lies there.
struct Pack(PathBuf);

impl Pack {
    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.0.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    fn manifest(&self) -> Value {
        serde_json::from_str(&self.text("manifest.json")).unwrap()
    }

    /// A table by its headings.
    fn table(&self, name: &str) -> Vec<BTreeMap<String, String>> {
        let text = self.text(name);
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let headings = reader.headers().unwrap().clone();
        let row =
            |row: csv::StringRecord| headings.iter().map(str::to_owned).zip(row.iter().map(str::to_owned)).collect();
        reader.records().map(|record| row(record.unwrap())).collect()
    }

    fn lines(&self, name: &str) -> Vec<Value> {
        self.text(name).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.0).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

fn pack(bench: &Bench) -> Pack {
    Pack(bench.path("pack"))
}

/// Checks a directory as an auditor's machine would: without a configuration.
fn verify(dir: &Path) -> Ran {
    rosterd(&["--config", "/nowhere.toml", "audit", "verify", &dir.display().to_string()])
}

fn copied(from: &Path) -> tempfile::TempDir {
    let to = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.path().join(entry.file_name())).unwrap();
    }
    to
}

#[test]
fn the_pack_tells_what_hyperproof_saw() {
    let bench = story();
    // Who was sent in calls that had an effect, by Hyperproof's own record.
    let sent = |method: &str| -> u64 {
        let calls = bench.writes().into_iter().filter(|call| call.method == method && call.effect);
        calls.map(|call| call.body.unwrap()["userIds"].as_array().unwrap().len() as u64).sum()
    };
    let refused = bench.writes().iter().filter(|call| call.status == Some(403)).count() as u64;
    export(&bench, &[]).exits(0);
    let pack = pack(&bench);
    let counts = pack.manifest()["counts"].clone();
    assert_eq!(counts["outcomes"]["add_member"], json!({ "done": sent("POST"), "failed": refused }), "{counts}");
    assert_eq!(counts["outcomes"]["remove_member"], json!({ "done": sent("PUT") }), "{counts}");
    assert_eq!((sent("POST"), sent("PUT"), refused), (2, 2, 1));
    assert_eq!(counts["population"], 5);
    assert_eq!(counts["exceptions"], json!({ "approved": 1, "failed": 1, "held": 1 }));
    assert_eq!(counts["runs"], json!({ "applied": 2, "held": 1, "partly_applied": 1 }));
    let rows = pack.table("population.csv");
    let told: Vec<[&str; 4]> =
        rows.iter().map(|row| ["op", "email", "result", "reason"].map(|name| row[name].as_str())).collect();
    assert_eq!(
        told,
        [
            ["add_member", "dan@corp.example", "done", "granted"],
            ["remove_member", "cem@corp.example", "done", "person_gone"],
            ["add_member", "eve@corp.example", "failed", "granted"],
            ["remove_member", "bob@corp.example", "done", "person_disabled"],
            ["add_member", "eve@corp.example", "done", "granted"],
        ]
    );
    assert_eq!((rows[0]["source"].as_str(), rows[0]["path"].as_str()), ("hr", "compliance"));
    assert_eq!((rows[1]["approved_by"].as_str(), rows[1]["ticket"].as_str()), ("Ann Miller", "GRC-7"));
    assert_eq!(rows[0]["group_id"], bench.simulator().world().group("Compliance").unwrap().id);
    // Both forms say the same.
    for (row, line) in rows.iter().zip(pack.lines("population.jsonl")) {
        let line: BTreeMap<String, String> = (line.as_object().unwrap().iter())
            .map(|(name, value)| (name.clone(), value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
            .collect();
        assert_eq!(*row, line);
    }
    bench.in_step();
}

#[test]
fn everything_adds_up_and_every_file_is_named_with_its_digest() {
    let bench = story();
    let audit = bench.audit();
    let told = export(&bench, &[]).exits(0);
    let pack = pack(&bench);
    let manifest = pack.manifest();
    assert_eq!(manifest["format"], "rosterd.export/1");

    // Files.
    let named: Vec<&str> =
        manifest["files"].as_array().unwrap().iter().map(|file| file["name"].as_str().unwrap()).collect();
    let mut expected: Vec<&str> = named.clone();
    expected.extend(["manifest.json", "manifest.sha256"]);
    expected.sort_unstable();
    assert_eq!(pack.names(), expected);
    assert_eq!(
        named,
        [
            "VERIFY.md",
            "configuration.csv",
            "exceptions.csv",
            "log.jsonl",
            "membership-end.csv",
            "membership-start.csv",
            "population.csv",
            "population.jsonl",
            "report.html",
            "sample.csv"
        ]
    );
    for file in manifest["files"].as_array().unwrap() {
        let bytes = std::fs::read(pack.0.join(file["name"].as_str().unwrap())).unwrap();
        assert_eq!((&file["bytes"], &file["sha256"]), (&json!(bytes.len()), &json!(sha256_hex(&bytes))), "{file}");
    }
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&pack.0), 0o700);
    assert!(pack.names().iter().all(|name| mode(&pack.0.join(name)) == 0o600));

    // The chain, and its counts.
    let chain = &manifest["chain"];
    assert_eq!((&chain["first"]["seq"], &chain["last"]["seq"]), (&json!(1), &json!(audit.len())));
    assert_eq!(chain["anchor"], json!({ "seq": 0, "hash": "0".repeat(64) }));
    let events = manifest["counts"]["events"].as_object().unwrap();
    assert_eq!(events.values().map(|count| count.as_u64().unwrap()).sum::<u64>(), audit.len() as u64);
    for (event, count) in events {
        assert_eq!(*count, audit.iter().filter(|record| record["event"] == *event).count(), "{event}");
    }
    for (line, record) in pack.lines("log.jsonl").iter().zip(&audit) {
        let text = line["record"].as_str().unwrap();
        assert_eq!(serde_json::from_str::<Value>(text).unwrap(), *record);
        assert_eq!(line["hash"], sha256_hex(text.as_bytes()));
    }
    let digests: Vec<&Value> =
        manifest["configurations"].as_array().unwrap().iter().map(|span| &span["name"]).collect();
    let changed = audit.iter().find(|record| record["event"] == "config_changed").unwrap();
    assert_eq!(digests, [&changed["config_digest_before"], &changed["config_digest"]]);
    let table = pack.table("configuration.csv");
    assert_eq!(table.len(), 1);
    assert_eq!(table[0]["digest_after"], changed["config_digest"].as_str().unwrap());

    // Who made it, and with what.
    let made = &manifest["generated"];
    assert_eq!(made["binary_sha256"], sha256_hex(&std::fs::read(env!("CARGO_BIN_EXE_rosterd")).unwrap()));
    assert_eq!(made["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!((&made["by"], &made["host"]), (&changed["actor"]["operator"], &changed["actor"]["host"]));
    assert_eq!(manifest["verified"]["result"], "verified");
    assert_eq!(manifest["parameters"], json!({ "filters": [], "pseudonymised": false, "objective_seconds": 86_400 }));

    // Its digest is printed, and goes into the chain behind it.
    let digest = sha256_hex(pack.text("manifest.json").as_bytes());
    assert!(told.stdout.contains(&format!("manifest sha256 {digest}\n")), "{}", told.stdout);
    let after = bench.audit();
    assert_eq!(after.len(), audit.len() + 1);
    let exported = after.last().unwrap();
    assert_eq!(
        (&exported["event"], &exported["detail"]["manifest"]),
        (&json!("exported"), &json!(format!("sha256:{digest}")))
    );
    assert_eq!(exported["actor"], changed["actor"]);
    assert!(told.stdout.contains(&format!("recorded as seq {}", exported["seq"])), "{}", told.stdout);
    bench.run(&["audit", "verify"]).exits(0);
    // The next pack has that record in it, and begins where nobody chose.
    bench.run(&["audit", "export", "--from", "2000-01-01", "--out", "again"]).exits(0);
    assert_eq!(Pack(bench.path("again")).manifest()["counts"]["events"]["exported"], 1);
    bench.in_step();
}

#[test]
fn exceptions_members_and_latency() {
    let bench = story();
    export(&bench, &["--objective", "1s"]).exits(0);
    let pack = pack(&bench);
    let rows = pack.table("exceptions.csv");
    let of = |kind: &str| -> Vec<&BTreeMap<String, String>> { rows.iter().filter(|row| row["kind"] == kind).collect() };
    let held = of("held");
    assert_eq!((held.len(), held[0]["rule"].as_str(), held[0]["changes"].as_str()), (1, "first_run", "1"));
    let approved = of("approved");
    let told = ["approved_by", "approval_reason", "ticket"].map(|name| approved[0][name].as_str());
    assert_eq!(told, ["Ann Miller", "left the team", "GRC-7"]);
    assert_eq!(approved[0]["hold"], held[0]["hold"]);
    assert!(of("failed")[0]["text"].contains("permission refused"), "{:?}", of("failed"));
    // The held removal waited from the first run on; the other one was made by the run that found it.
    let population = pack.table("population.csv");
    let at = |time: &str| time.parse::<jiff::Timestamp>().unwrap();
    let waited = at(&population[1]["at"]).duration_since(at(&held[0]["at"]));
    let latency = pack.manifest()["removal_latency"].clone();
    assert!((latency["worst_seconds"].as_f64().unwrap() - waited.as_secs_f64()).abs() < 0.002, "{latency} {waited}");
    assert_eq!((&latency["removals"], latency["worst_seq"].to_string()), (&json!(2), population[1]["seq"].clone()));
    let late = of("late");
    assert_eq!(late.len(), usize::from(waited.as_secs_f64() > 1.0), "{waited}");
    assert_eq!(latency["late"], late.len());
    // Members: what rosterd did is known, and that is said.
    assert_eq!(pack.table("membership-start.csv"), Vec::new());
    let members: Vec<String> = pack.table("membership-end.csv").iter().map(|row| row["email"].clone()).collect();
    let live = bench.members("Compliance");
    assert!(
        members.iter().all(|email| live.contains(&email.trim_end_matches("@corp.example").to_owned())),
        "{members:?}"
    );
    assert!(members.contains(&"dan@corp.example".to_owned()) && members.contains(&"eve@corp.example".to_owned()));
    bench.in_step();
}

#[test]
fn the_sample_can_be_drawn_again_by_anybody() {
    let bench = story();
    for (size, seed) in [(1, 42_u64), (2, 7), (25, 42), (0, 1)] {
        let out = format!("pack-{size}-{seed}");
        let (size_text, seed_text) = (size.to_string(), seed.to_string());
        let args =
            ["audit", "export", "--from", "2000-01-01", "--out", &out, "--sample", &size_text, "--seed", &seed_text];
        let told = bench.run(&args).exits(0).stdout;
        assert!(told.contains(&format!("sample with seed {seed}:")), "{told}");
        let pack = Pack(bench.path(&out));
        let sample = pack.table("sample.csv");
        for (op, kind) in [("add_member", "joiner"), ("remove_member", "leaver")] {
            // From population.csv alone, as the report says.
            let rows = pack.table("population.csv");
            let all = rows.iter().filter(|row| row["op"] == op && row["result"] == "done");
            let mut drawn: Vec<(String, String)> =
                all.map(|row| (sha256_hex(format!("{seed}:{}", row["seq"]).as_bytes()), row["seq"].clone())).collect();
            drawn.sort();
            drawn.truncate(size);
            let told: Vec<(String, String)> = (sample.iter().filter(|row| row["kind"] == kind))
                .map(|row| (row["draw"].clone(), row["seq"].clone()))
                .collect();
            assert_eq!(told, drawn, "{kind}");
        }
        assert!(sample.iter().all(|row| row["in_order"] == "yes"), "{sample:?}");
        let approved: Vec<_> = sample.iter().filter(|row| row["authority"] == "approval").collect();
        for row in approved {
            let order: Vec<i64> =
                ["held_seq", "approved_seq", "sent_seq", "seq"].map(|name| row[name].parse().unwrap()).to_vec();
            assert!(order.is_sorted(), "{order:?}");
            assert_eq!(row["approval_reason"], "left the team");
        }
    }
    bench.in_step();
}

/// An operator let somebody back in, and no mapping did.
#[test]
fn what_an_undo_did_is_not_what_a_mapping_granted() {
    let bench = Bench::small();
    bench.apply(0);
    bench.people(&["compliance,ann", "compliance,bob", "compliance,dan"]);
    let run = bench.apply(0);
    bench.run(&["undo", run["run_id"].as_str().unwrap(), "--apply"]).exits(0);
    export(&bench, &[]).exits(0);
    let pack = pack(&bench);
    let told = |row: &BTreeMap<String, String>| {
        format!("{} {} {} {}", row["op"], row["email"], row["reason"], row["authority"])
    };
    let mut told: Vec<String> = pack.table("sample.csv").iter().map(told).collect();
    told.sort();
    assert_eq!(
        told,
        [
            "add_member cem@corp.example undo undo",
            "add_member dan@corp.example granted mapping",
            "remove_member cem@corp.example person_gone mapping",
            "remove_member dan@corp.example undo undo",
        ]
    );
    verify(&pack.0).exits(0);
}

#[test]
fn what_a_spreadsheet_would_run_is_text_in_it() {
    let mut world = rosterd::simulator::World::new("Corp");
    world.add_user("ann@corp.example");
    world.add_group("=cmd|'/C calc'!A0", &[]);
    let mut bench = Bench::new(world);
    bench.rest = bench.rest.replace("to = \"Compliance\"", "to = \"=cmd|'/C calc'!A0\"");
    bench.people(&["compliance,ann"]);
    bench.apply(0);
    export(&bench, &[]).exits(0);
    let pack = pack(&bench);
    assert_eq!(pack.table("population.csv")[0]["group"], "'=cmd|'/C calc'!A0");
    assert_eq!(pack.table("membership-end.csv")[0]["group"], "'=cmd|'/C calc'!A0");
    assert_eq!(pack.lines("population.jsonl")[0]["group"], "=cmd|'/C calc'!A0");
    for name in ["population.csv", "sample.csv", "exceptions.csv", "configuration.csv"] {
        let text = pack.text(name);
        assert!(text.ends_with("\r\n") && text.matches('\n').count() == text.matches("\r\n").count(), "{name}");
    }
    verify(&pack.0).exits(0);
    bench.in_step();
}
