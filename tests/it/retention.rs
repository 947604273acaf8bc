//! Old records go to an archive that still verifies, and nothing goes that is not in it.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use jiff::{SignedDuration, Timestamp};
use rosterd::model::digest::sha256_hex;
use rosterd::model::id::{GroupId, GroupName};
use rosterd::model::plan::Op;
use rosterd::model::run::ChangeResult;
use rosterd::store::{Access, Archive, NewApproval, Observation, Retire, Store, Verification, verify_archives};
use serde_json::Value;

use crate::explain_past::live;
use crate::state::{Disk, meddle};
use crate::store::{actor, at, change, finish, intent, key, removals, run_with, start, word_of};
use crate::support::bench::{Bench, Ran, filtered, rosterd};

fn wait_for<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap().block_on(work)
}

async fn opened(path: &Path) -> Store {
    Store::open(path, Access::CreateOrWrite).await.unwrap()
}

/// So many days ago, as [`at`] counts.
fn ago(days: i64) -> i64 {
    Timestamp::now().as_second() - days * 86_400 - at(0).as_second()
}

/// Six records of a run with two changes that came to nothing.
async fn old_run(store: &Store, run: &str, days: i64) {
    store.begin_run(&start(run, ago(days))).await.unwrap();
    for account in ["a", "b"] {
        let refused = ChangeResult::Failed("403: no".into());
        change(store, run, ago(days) + 1, key(Op::AddMember, "Old", account), refused).await;
    }
    store.finish_run(&finish(run, ago(days) + 2), None).await.unwrap();
}

async fn old_approval(store: &Store, days: i64) {
    let id = store.holds(at(ago(days))).await.unwrap()[0].id.to_string();
    let word = NewApproval { expires: at(ago(days)) + SignedDuration::from_hours(1), ..word_of(ago(days)) };
    store.approve(&[id], &word).await.unwrap();
}

/// Records 1 to 6 (500 days old), 7 to 10 (450, with a hold and an approval), 11 to 17 (420, with another
/// approval behind it), 18 to 23 (200).
async fn history(path: &Path) {
    history_from("r500", path).await;
}

/// The same, with another first run.
async fn history_from(first: &str, path: &Path) {
    let store = opened(path).await;
    old_run(&store, first, 500).await;
    run_with(&store, "r450", ago(450), vec![removals("Old", &["c"])]).await;
    old_approval(&store, 449).await;
    old_run(&store, "r420", 420).await;
    old_approval(&store, 419).await;
    run_with(&store, "r410", ago(410), Vec::new()).await;
    old_run(&store, "r200", 200).await;
    store.close().await;
}

/// All that is older than 400 days.
const OLD: i64 = 19;

/// Gives a bench that has no state yet the [`history`]: 19 records of it are old.
pub(crate) fn with_old_runs(bench: &Bench) {
    wait_for(history(&bench.state()));
}

fn with_history() -> Bench {
    let bench = Bench::small();
    with_old_runs(&bench);
    bench
}

fn dir(bench: &Bench) -> PathBuf {
    bench.path("rosterd.db.archive")
}

fn file(bench: &Bench, first: i64, last: i64) -> PathBuf {
    dir(bench).join(format!("rosterd-audit-{first:010}-{last:010}.jsonl"))
}

/// Files of the archives' directory, sorted.
fn files(bench: &Bench) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(dir(bench)) else { return Vec::new() };
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn counted(bench: &Bench, sql: &'static str) -> i64 {
    use sqlx::{ConnectOptions, Connection};
    wait_for(async {
        let mut conn = sqlx::sqlite::SqliteConnectOptions::new().filename(bench.state()).connect().await.unwrap();
        let count = sqlx::query_scalar(sql).fetch_one(&mut conn).await.unwrap();
        conn.close().await.unwrap();
        count
    })
}

fn verify(path: &Path) -> Ran {
    rosterd(&["--config", "/nowhere.toml", "audit", "verify", &path.display().to_string()])
}

fn retire(before: i64, chunk: u32) -> Retire {
    Retire { before: at(before), chunk, now: Timestamp::now(), actor: actor(), version: "0.1.0".into() }
}

#[test]
fn old_records_go_to_an_archive_that_verifies() {
    let bench = with_history();
    let before = bench.audit();
    assert_eq!(before.len() as i64, OLD + 6);
    bench.apply(0);

    let archive = file(&bench, 1, OLD);
    assert_eq!(files(&bench), [archive.file_name().unwrap().to_str().unwrap()]);
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&archive), mode(&dir(&bench))), (0o600, 0o700));

    // Line by line what was in the log; an auditor needs no more than this to check it.
    let bytes = std::fs::read(&archive).unwrap();
    let lines: Vec<Value> = bytes
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    let mut prev = "0".repeat(64);
    for (line, record) in lines.iter().zip(&before) {
        let text = line["record"].as_str().unwrap();
        assert_eq!(serde_json::from_str::<Value>(text).unwrap(), *record);
        assert_eq!(
            (&line["seq"], line["hash"].as_str().unwrap()),
            (&record["seq"], sha256_hex(text.as_bytes()).as_str())
        );
        assert_eq!(record["prev"], prev.as_str());
        prev = line["hash"].as_str().unwrap().to_owned();
    }
    assert_eq!(lines.len() as i64, OLD);

    // The chain tells of it, and goes on behind it.
    let after = bench.audit();
    assert_eq!((&after[0]["seq"], &after[0]["prev"]), (&Value::from(OLD + 1), &Value::from(prev.as_str())));
    let told: Vec<&Value> = after.iter().filter(|record| record["event"] == "archived").collect();
    assert_eq!(told.len(), 1);
    let expected = serde_json::json!({ "file": archive.file_name().unwrap().to_str().unwrap(), "first_seq": 1,
        "last_seq": OLD, "last_hash": prev, "records": OLD, "sha256": sha256_hex(&bytes) });
    assert_eq!(told[0]["archive"], expected);
    assert!(told[0]["actor"]["operator"].is_string() && told[0]["version"].is_string(), "{}", told[0]);

    // What belonged to it is gone, and what the next approval needs is there.
    assert_eq!(counted(&bench, "SELECT COUNT(*) FROM run WHERE id LIKE 'r4%' OR id = 'r500'"), 0);
    assert_eq!(counted(&bench, "SELECT COUNT(*) FROM run"), 2);
    assert_eq!(counted(&bench, "SELECT MIN(seq) FROM audit_head"), OLD + 6);
    assert_eq!(counted(&bench, "SELECT COUNT(*) FROM hold"), 0);
    assert_eq!(counted(&bench, "SELECT COUNT(*) * 10 + MAX(number) FROM approval"), 12);
    assert_eq!(counted(&bench, "SELECT COUNT(*) FROM approval_change"), 1);
    assert_eq!(counted(&bench, "SELECT COUNT(*) FROM document WHERE run_id <> 'r200'"), 1);
    bench.in_step();
    bench.apply(0);
    assert_eq!(files(&bench).len(), 1);
}

#[test]
fn what_is_told_of_a_pruned_log() {
    let bench = with_history();
    bench.apply(0);
    let told = bench.run(&["audit", "verify"]).exits(0).stdout;
    let told = regex::Regex::new("[0-9a-f]{64}").unwrap().replace_all(&told, "HASH").into_owned();
    insta::assert_snapshot!(filtered(&told), @r"
    DIR/rosterd.db.archive: 1 archive, 19 records verified, seq 1 to 19
    DIR/rosterd.db: 11 records verified, seq 20 to 30
    head HASH
    ");
    let list = bench.run(&["audit", "list"]).exits(0);
    insta::assert_snapshot!(filtered(&list.stderr), @"records 1 to 19 are in DIR/rosterd.db.archive");
    for args in [&["--limit", "2"][..], &["--since", "2026-10-01"], &["--limit", "2", "--format", "csv"]] {
        let list = bench.run(&[&["audit", "list"], args].concat()).exits(0);
        assert_eq!(list.stderr, "", "{args:?}");
    }
    let gone = bench.run(&["audit", "list", "--run", "r500"]).exits(2);
    insta::assert_snapshot!(filtered(&gone.stderr), @r"
    error: there is no run r500
    help: `rosterd status` shows the last runs; older ones are in DIR/rosterd.db.archive
    ");
    let one = verify(&file(&bench, 1, OLD)).exits(0).stdout;
    assert!(one.contains(&format!("{OLD} records verified, seq 1 to {OLD}\n")), "{one}");
    let sha256 = sha256_hex(&std::fs::read(file(&bench, 1, OLD)).unwrap());
    assert!(one.contains(&format!("sha256 {sha256}")), "{one}");
    // A copy of the state alone says what it does not have.
    let copy = bench.path("copy.db");
    bench.run(&["backup", "copy.db"]).exits(0);
    let alone = verify(&copy).exits(0).stdout;
    assert!(alone.contains(&format!("records 1 to {OLD} are in archives, which were not checked")), "{alone}");
    // The archives alone, with nothing beside them.
    let elsewhere = bench.path("elsewhere");
    std::fs::rename(dir(&bench), &elsewhere).unwrap();
    let alone = verify(&elsewhere).exits(0);
    assert!(alone.stdout.contains("1 archive, 19 records verified, seq 1 to 19"), "{}", alone.stdout);
    assert!(alone.stderr.contains("no state was compared"), "{}", alone.stderr);
    // With the configuration they are compared with its state.
    let with = bench.run(&["audit", "verify", "elsewhere"]).exits(0);
    assert!(with.stdout.contains("rosterd.db: ") && with.stderr.is_empty(), "{with:?}");
    // The configured state wants them where they belong.
    let told = bench.run(&["audit", "verify"]).exits(15).stdout;
    assert!(told.contains("First bad record: seq 1: ") && told.contains("is not there"), "{told}");
}

/// Where records stay for less than 90 days, a full list is told anew in time, and the one that what stays rests on
/// stays with it.
#[test]
fn no_day_within_the_retention_is_unknown() {
    let mut bench = Bench::small();
    bench.rest = format!("retention = \"30d\"\n{}", bench.rest);
    let group = bench.simulator().world().group("Compliance").unwrap().id.clone();
    wait_for(async {
        let store = opened(&bench.state()).await;
        // Ann, then Ann and Bob, as others made it; lists were told anew every 10 days, but for one time.
        for (days, members) in [(52, "ann"), (41, "ann"), (33, "ann bob"), (20, "ann bob"), (11, "ann bob dan")] {
            let run = format!("r{days}");
            store.begin_run(&start(&run, ago(days))).await.unwrap();
            let members = members.split_whitespace().map(str::to_owned).collect();
            let live = live(&[(&group, &members)]);
            let (name, id) = (GroupName::from("Compliance"), GroupId::from(group.as_str()));
            let retention = SignedDuration::from_hours(30 * 24);
            let found = Observation { live: &live, groups: vec![(&name, &id)], all: true, retention };
            store.observe(&run.as_str().into(), at(ago(days)), &found).await.unwrap();
            store.finish_run(&finish(&run, ago(days) + 2), None).await.unwrap();
        }
        store.close().await;
    });
    let lists = || -> Vec<i64> {
        let audit = bench.audit();
        let lists = audit.iter().filter(|record| record["baseline"] == true);
        let age = |record: &Value| {
            let at: Timestamp = record["at"].as_str().unwrap().parse().unwrap();
            (Timestamp::now().as_second() - at.as_second()) / 86_400
        };
        lists.map(age).collect()
    };
    assert_eq!(lists(), [52, 41, 20]);
    bench.apply(0);
    assert_eq!(lists(), [41, 20, 0], "the list of 41 days ago is the last one from before 30 days ago");
    let members = |days: i64| {
        let at = at(ago(days)).to_string();
        let json = bench.run(&["members", "Compliance", "--at", &at, "--format", "json"]).exits(0).json();
        (json["members"].as_array().unwrap().len(), json["known_since"].is_string())
    };
    assert_eq!(
        [43, 40, 30, 29, 21, 12, 10].map(members),
        [(0, false), (1, true), (2, true), (2, true), (2, true), (2, true), (3, true)]
    );
    let now = bench.run(&["members", "Compliance"]).exits(0).stdout;
    assert!(now.contains("All members are in the log since") && now.ends_with("3 members\n"), "{now}");
    bench.in_step();
}

/// A group's only list stays, however old it is.
#[test]
fn the_only_full_list_of_a_group_is_not_pruned() {
    let mut bench = Bench::small();
    bench.rest = format!("retention = \"30d\"\n{}", bench.rest);
    let group = bench.simulator().world().group("Compliance").unwrap().id.clone();
    wait_for(async {
        let store = opened(&bench.state()).await;
        old_run(&store, "r50", 50).await;
        store.begin_run(&start("r40", ago(40))).await.unwrap();
        let members = ["ann", "bob"].map(str::to_owned).into();
        let live = live(&[(&group, &members)]);
        let (name, id) = (GroupName::from("Compliance"), GroupId::from(group.as_str()));
        // As an older version did it.
        let retention = SignedDuration::from_hours(400 * 24);
        let found = Observation { live: &live, groups: vec![(&name, &id)], all: true, retention };
        store.observe(&"r40".into(), at(ago(40)), &found).await.unwrap();
        store.finish_run(&finish("r40", ago(40) + 2), None).await.unwrap();
        old_run(&store, "r35", 35).await;
        old_run(&store, "r5", 5).await;
        store.close().await;
    });
    // A run that does not look at the group must not take its list away.
    bench.rest.push_str("[[mapping]]\nsource = \"hr\"\ngroup = \"other\"\nto = \"Other\"\n");
    bench.simulator().change(|world| world.add_group("Other", &[]));
    bench.run(&["apply", "--group", "Other"]);
    assert_eq!(files(&bench).len(), 1);
    assert_eq!(bench.audit()[0]["run_id"], "r40");
    let at = at(ago(20)).to_string();
    let json = bench.run(&["members", "Compliance", "--at", &at, "--format", "json"]).exits(0).json();
    assert_eq!((json["members"].as_array().unwrap().len(), json["known_since"].is_string()), (2, true), "{json:#}");
    bench.run(&["audit", "verify"]).exits(0);
}

#[test]
fn nothing_is_archived_while_nothing_is_old() {
    let bench = Bench::small();
    wait_for(async {
        let store = opened(&bench.state()).await;
        old_run(&store, "r399", 399).await;
        store.close().await;
    });
    bench.apply(0);
    bench.apply(0);
    assert!(!dir(&bench).exists());
    assert_eq!(bench.audit()[0]["seq"], 1);
    bench.in_step();
}

/// Two archives, and a state: records 1 to 19, 20 to 25 with one more, and the rest.
fn with_two() -> (Bench, i64) {
    let mut bench = with_history();
    bench.apply(0);
    bench.rest = format!("retention = \"100d\"\n{}", bench.rest);
    bench.apply(0);
    assert_eq!(files(&bench).len(), 1, "once a day");
    meddle(&bench.state(), "UPDATE setting SET value = value - 86400001 WHERE name = 'archived_at'");
    bench.apply(0);
    assert_eq!(files(&bench).len(), 2, "and then again");
    let begins = bench.audit()[0]["seq"].as_i64().unwrap();
    assert_eq!(begins, OLD + 7);
    (bench, begins)
}

#[test]
fn archives_join_each_other_and_the_state() {
    let (bench, begins) = with_two();
    let told = bench.run(&["audit", "verify"]).exits(0).stdout;
    assert!(told.contains(&format!("2 archives, {0} records verified, seq 1 to {0}", begins - 1)), "{told}");
    assert!(told.contains(&format!("verified, seq {begins} to ")), "{told}");
    verify(&dir(&bench)).exits(0);
    verify(&file(&bench, OLD + 1, begins - 1)).exits(0);
    bench.in_step();
}

/// A copy of state and archives, to be meddled with.
struct Copy {
    dir: tempfile::TempDir,
}

/// There was no record to be bad.
const NOTHING: i64 = -1;

impl Copy {
    fn of(bench: &Bench) -> Self {
        let copy = Self { dir: tempfile::tempdir().unwrap() };
        std::fs::copy(bench.state(), copy.state()).unwrap();
        std::fs::create_dir(copy.archives()).unwrap();
        for name in files(bench) {
            std::fs::copy(dir(bench).join(&name), copy.archives().join(&name)).unwrap();
        }
        copy
    }

    fn state(&self) -> PathBuf {
        self.dir.path().join("rosterd.db")
    }

    fn archives(&self) -> PathBuf {
        self.dir.path().join("rosterd.db.archive")
    }

    /// The first bad record, 0 where all is well.
    #[track_caller]
    fn first_bad(&self, path: &Path, what: &str) -> i64 {
        let told = verify(path);
        if told.code == 0 {
            return 0;
        }
        let told = told.exits(15).stdout;
        if told.contains("nothing was verified") {
            return NOTHING;
        }
        let (_, told) = told.split_once("First bad record: seq ").unwrap_or_else(|| panic!("{what}: {told}"));
        told.split_once(':').unwrap().0.parse().unwrap()
    }
}

#[test]
fn whatever_is_done_to_a_pruned_state_is_found() {
    let (bench, begins) = with_two();
    meddle(&bench.state(), "PRAGMA wal_checkpoint(TRUNCATE)");
    let told: Vec<i64> = (bench.audit().iter())
        .filter(|record| record["event"] == "archived")
        .map(|record| record["seq"].as_i64().unwrap())
        .collect();
    let [first_told, second_told] = told[..] else { panic!("{told:?}") };
    let end = bench.audit().last().unwrap()["seq"].as_i64().unwrap();
    assert_eq!(end, second_told);
    let zeros = "0".repeat(64);
    let tampered = [
        (
            format!("UPDATE audit SET record = replace(record, 'Corp', 'corp') || ' ' WHERE seq = {}", begins + 1),
            begins + 1,
        ),
        (format!("DELETE FROM audit WHERE seq = {begins}"), begins),
        (format!("DELETE FROM audit WHERE seq < {}", begins + 3), begins),
        (format!("DELETE FROM audit WHERE seq = {}", begins + 2), begins + 2),
        (format!("DELETE FROM audit WHERE seq = {end}"), end),
        (format!("DELETE FROM audit WHERE seq > {}", begins + 1), begins + 2),
        ("DELETE FROM audit".into(), begins),
        // The anchor.
        (format!("UPDATE archive SET last_hash = '{zeros}' WHERE first_seq > 1"), begins - 1),
        (format!("UPDATE archive SET last_seq = {begins} WHERE first_seq > 1"), 20),
        ("DELETE FROM archive".into(), 1),
        ("DELETE FROM archive WHERE first_seq = 1".into(), 1),
        ("DELETE FROM archive WHERE first_seq > 1".into(), 20),
        (format!("UPDATE archive SET sha256 = '{zeros}' WHERE first_seq = 1"), 1),
        ("UPDATE archive SET file = '../../etc/passwd' WHERE first_seq = 1".into(), 1),
        (format!("UPDATE archive SET recorded_by = {begins} WHERE first_seq = 1"), begins),
        ("UPDATE archive SET recorded_by = 3 WHERE first_seq = 1".into(), 1),
        ("UPDATE archive SET recorded_by = recorded_by + 1 WHERE first_seq > 1".into(), second_told),
        ("UPDATE archive SET until_at = 'x'".into(), 0),
    ];
    for (sql, seq) in &tampered {
        let copy = Copy::of(&bench);
        meddle(&copy.state(), sql);
        assert_eq!(copy.first_bad(&copy.state(), sql), *seq, "{sql}");
        assert_eq!(copy.first_bad(&copy.archives(), sql), *seq, "{sql}");
    }
    assert!(first_told < second_told);
    // A forger who also moves the anchor meets the record that tells of it.
    let copy = Copy::of(&bench);
    let cut = format!(
        "DELETE FROM audit WHERE seq <= {begins}; DELETE FROM audit_head WHERE seq <= {begins}; \
         UPDATE archive SET last_seq = {begins}, file = 'rosterd-audit-0000000020-{begins:010}.jsonl', \
         last_hash = (SELECT json_extract(record, '$.prev') FROM audit WHERE seq = {begins} + 1) WHERE first_seq > 1"
    );
    meddle(&copy.state(), &cut);
    std::fs::remove_dir_all(copy.archives()).unwrap();
    assert_eq!(copy.first_bad(&copy.state(), &cut), second_told);
}

#[test]
fn whatever_is_done_to_archives_is_found() {
    let (bench, begins) = with_two();
    meddle(&bench.state(), "PRAGMA wal_checkpoint(TRUNCATE)");
    let (one, two) = (file(&bench, 1, OLD), file(&bench, OLD + 1, begins - 1));
    let name = |path: &Path| path.file_name().unwrap().to_owned();
    let (one, two) = (name(&one), name(&two));
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    type Edit = fn(&mut Vec<String>);
    let edits: [(&str, Edit, i64); 9] = [
        ("changed", |lines| lines[4] = lines[4].replace("b@corp", "x@corp"), 5),
        ("hash changed", |lines| lines[4] = lines[4].replace("{\"hash\":\"", "{\"hash\":\"0"), 5),
        ("dropped", |lines| drop(lines.remove(4)), 5),
        ("head cut", |lines| drop(lines.remove(0)), 1),
        ("tail cut", |lines| drop(lines.pop()), OLD),
        ("swapped", |lines| lines.swap(7, 8), 8),
        ("doubled", |lines| lines.insert(3, lines[3].clone()), 4),
        ("one too many", |lines| lines.push(lines[18].clone()), OLD),
        ("emptied", Vec::clear, 1),
    ];
    for (what, edit, seq) in edits {
        let copy = Copy::of(&bench);
        let path = copy.archives().join(&one);
        let mut text = lines(&std::fs::read_to_string(&path).unwrap());
        edit(&mut text);
        std::fs::write(&path, text.iter().map(|line| format!("{line}\n")).collect::<String>()).unwrap();
        // With the state, in the directory alone, and by itself.
        assert_eq!(copy.first_bad(&copy.state(), what), seq, "{what}");
        assert_eq!(copy.first_bad(&path, what), seq, "{what}");
        std::fs::remove_file(copy.state()).unwrap();
        assert_eq!(copy.first_bad(&copy.archives(), what), seq, "{what}");
    }
    type OfFiles = fn(&Path, &Path, &Path);
    let of_files: [(&str, OfFiles, i64, i64); 5] = [
        ("first removed", |dir, one, _| std::fs::remove_file(dir.join(one)).unwrap(), 1, 0),
        ("second removed", |dir, _, two| std::fs::remove_file(dir.join(two)).unwrap(), OLD + 1, 0),
        (
            "all removed",
            |dir, one, two| [one, two].iter().for_each(|name| std::fs::remove_file(dir.join(name)).unwrap()),
            1,
            NOTHING,
        ),
        (
            "exchanged",
            |dir, one, two| {
                let text = std::fs::read(dir.join(one)).unwrap();
                std::fs::rename(dir.join(two), dir.join(one)).unwrap();
                std::fs::write(dir.join(two), text).unwrap();
            },
            1,
            1,
        ),
        (
            "a line end less",
            |dir, one, _| {
                let text = std::fs::read_to_string(dir.join(one)).unwrap();
                std::fs::write(dir.join(one), text.trim_end()).unwrap();
            },
            1,
            0,
        ),
    ];
    for (what, edit, seq, alone) in of_files {
        let copy = Copy::of(&bench);
        edit(&copy.archives(), Path::new(&one), Path::new(&two));
        assert_eq!(copy.first_bad(&copy.state(), what), seq, "{what}");
        std::fs::remove_file(copy.state()).unwrap();
        assert_eq!(copy.first_bad(&copy.archives(), what), alone, "{what}, without the state");
    }
    // An archive of another installation, of the same records by number.
    let other = Bench::small();
    wait_for(history_from("mallory", &other.state()));
    other.apply(0);
    let copy = Copy::of(&bench);
    std::fs::copy(file(&other, 1, OLD), copy.archives().join(&one)).unwrap();
    assert_eq!(copy.first_bad(&copy.state(), "another's"), OLD);
}

// What a kill at any point can leave behind.

/// What was told in the log; nothing else.
fn warned(ran: &Ran) -> bool {
    ran.stderr.contains("old records were not archived")
}

#[test]
fn a_file_that_was_written_before_a_kill_is_checked_and_taken() {
    let bench = with_history();
    meddle(&bench.state(), "PRAGMA wal_checkpoint(TRUNCATE)");
    let before = std::fs::read(bench.state()).unwrap();
    bench.apply(0);
    let archive = std::fs::read(file(&bench, 1, OLD)).unwrap();
    let back = || {
        for ending in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{ending}", bench.state().display()));
        }
        std::fs::write(bench.state(), &before).unwrap();
    };
    // The file is there and nothing is pruned; and another one is half-written.
    back();
    std::fs::write(dir(&bench).join(".rosterd-archive-abc123"), &archive[..500]).unwrap();
    let told = verify(&bench.state()).exits(0).stdout;
    assert!(told.contains("was begun: its records are still in the state, and the same"), "{told}");
    let modified = std::fs::metadata(file(&bench, 1, OLD)).unwrap().modified().unwrap();
    bench.apply(0);
    assert_eq!(files(&bench).len(), 1);
    assert_eq!(std::fs::metadata(file(&bench, 1, OLD)).unwrap().modified().unwrap(), modified, "it was taken as it is");
    assert_eq!(bench.audit()[0]["seq"], OLD + 1);
    bench.in_step();

    // It has something else: nothing is pruned, and the run is as good as ever.
    let text = String::from_utf8(archive.clone()).unwrap();
    let cut: String = text.lines().take(10).map(|line| format!("{line}\n")).collect();
    for wrong in [text.replace("403: no", "404: no"), cut, String::new(), "x".into(), text.clone() + "x"] {
        back();
        std::fs::write(file(&bench, 1, OLD), &wrong).unwrap();
        let ran = bench.run(&["apply"]).exits(0);
        assert!(warned(&ran) && ran.stderr.contains("rosterd-audit-0000000001-0000000019.jsonl"), "{}", ran.stderr);
        assert_eq!(bench.audit()[0]["seq"], 1);
        assert_eq!(std::fs::read_to_string(file(&bench, 1, OLD)).unwrap(), wrong, "it is left as it is");
    }
    std::fs::rename(file(&bench, 1, OLD), bench.path("kept.jsonl")).unwrap();
    let ran = bench.run(&["apply"]).exits(0);
    assert!(!warned(&ran), "{}", ran.stderr);
    assert_eq!(std::fs::read(file(&bench, 1, OLD)).unwrap(), archive);
    bench.in_step();
}

#[test]
fn a_kill_at_any_time_loses_nothing() {
    let bench = with_history();
    meddle(&bench.state(), "PRAGMA wal_checkpoint(TRUNCATE)");
    let before = std::fs::read(bench.state()).unwrap();
    let records = bench.audit();
    let begun = Instant::now();
    bench.apply(0);
    let whole = begun.elapsed();
    for round in 0..12 {
        for ending in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{ending}", bench.state().display()));
        }
        std::fs::write(bench.state(), &before).unwrap();
        std::fs::remove_dir_all(dir(&bench)).unwrap();
        let mut run = bench.start(&["apply"]);
        // Archiving comes last.
        std::thread::sleep(whole / 24 * (14 + round));
        run.kill().unwrap();
        run.wait().unwrap();
        bench.run(&["audit", "verify"]).exits(0);
        bench.apply(0);
        bench.run(&["audit", "verify"]).exits(0);
        let lines = std::fs::read_to_string(file(&bench, 1, OLD)).unwrap();
        let archived = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let archived = archived.map(|line| serde_json::from_str::<Value>(line["record"].as_str().unwrap()).unwrap());
        let all: Vec<Value> = archived.chain(bench.audit()).collect();
        assert_eq!(all[..records.len()], records, "round {round}");
        assert_eq!(files(&bench).len(), 1, "round {round}: nothing half-written stays: {:?}", files(&bench));
    }
    bench.in_step();
}

#[test]
fn a_log_that_was_tampered_with_is_not_pruned() {
    let bench = with_history();
    meddle(&bench.state(), "UPDATE audit SET record = replace(record, 'a@corp', 'x@corp') WHERE seq = 2");
    for _ in 0..2 {
        let ran = bench.run(&["apply"]).exits(0);
        assert!(warned(&ran) && ran.stderr.contains("seq 2: the hash does not fit the record"), "{}", ran.stderr);
        assert_eq!(files(&bench), [""; 0]);
    }
    let told = bench.run(&["audit", "verify"]).exits(15).stdout;
    assert!(told.contains("First bad record: seq 2"), "{told}");
}

#[test]
fn archives_that_cannot_be_written_are_in_no_runs_way() {
    let bench = with_history();
    std::fs::write(dir(&bench), "no directory").unwrap();
    for people in [&["compliance,ann", "compliance,bob"][..], &["compliance,ann", "compliance,bob", "compliance,dan"]] {
        bench.people(people);
        let ran = bench.run(&["apply"]).exits(0);
        assert!(warned(&ran), "{}", ran.stderr);
        assert_eq!(bench.audit()[0]["seq"], 1);
    }
    assert_eq!(bench.members("Compliance"), ["ann", "bob", "dan"]);
    std::fs::remove_file(dir(&bench)).unwrap();
    let ran = bench.run(&["apply"]).exits(0);
    assert!(!warned(&ran) && files(&bench).len() == 1, "{}", ran.stderr);
    bench.in_step();
}

#[test]
fn a_full_disk_for_archives_is_in_no_runs_way() {
    let bench = with_history();
    let Some(disk) = Disk::mount(bench.path("disk"), "64k") else { return };
    std::os::unix::fs::symlink(bench.path("disk"), dir(&bench)).unwrap();
    disk.fill();
    let ran = bench.run(&["apply"]).exits(0);
    assert!(warned(&ran) && ran.stderr.contains("No space left"), "{}", ran.stderr);
    assert_eq!(bench.audit()[0]["seq"], 1);
    assert_eq!(files(&bench), ["ballast"], "nothing half-written is left");
    disk.make_room();
    bench.apply(0);
    assert_eq!(bench.audit()[0]["seq"], OLD + 1);
    bench.in_step();
}

#[test]
fn a_run_whose_intents_are_open_stays_with_all_that_came_after_it() {
    let bench = Bench::small();
    wait_for(async {
        let store = opened(&bench.state()).await;
        old_run(&store, "r500", 500).await;
        store.begin_run(&start("cut-off", ago(450))).await.unwrap();
        let change = intent(key(Op::AddMember, "Compliance", "nobody"), None);
        store.record_intents(&"cut-off".into(), at(ago(450)), &[change]).await.unwrap();
        old_run(&store, "r420", 420).await;
        store.close().await;
    });
    // A run that cannot read Hyperproof finds no outcome for it.
    let bench = {
        let mut bench = bench;
        bench.stop_simulator();
        bench
    };
    bench.apply(13);
    assert_eq!(files(&bench), ["rosterd-audit-0000000001-0000000006.jsonl"]);
    assert_eq!(counted(&bench, "SELECT COUNT(*) FROM open_intent"), 1);
    bench.run(&["audit", "verify"]).exits(0);
}

#[test]
fn an_approval_that_is_young_stays_though_the_runs_around_it_are_not() {
    let bench = Bench::small();
    wait_for(async {
        let store = opened(&bench.state()).await;
        run_with(&store, "r500", ago(500), vec![removals("Old", &["c"])]).await;
        old_approval(&store, 450).await;
        old_approval(&store, 3).await;
        store.close().await;
    });
    bench.apply(0);
    let audit = bench.audit();
    assert_eq!((&audit[0]["seq"], &audit[0]["event"]), (&Value::from(5), &Value::from("approval")));
    bench.in_step();
}

// The store alone.

async fn archived(store: &Store, retire: &Retire) -> Vec<Archive> {
    let mut all = Vec::new();
    while let Some(archive) = store.archive_next(retire).await.unwrap() {
        all.push(archive);
    }
    all
}

#[tokio::test]
async fn a_long_log_goes_in_chunks_and_no_run_is_split() {
    let place = tempfile::tempdir().unwrap();
    let store = opened(&place.path().join("rosterd.db")).await;
    for n in 0..12 {
        old_run(&store, &format!("r{n:02}"), 500 - n).await;
    }
    // Six records a run: 10 hold one, 13 hold two, 1 holds none.
    let ends = |archives: &[Archive]| archives.iter().map(|archive| archive.last_seq).collect::<Vec<_>>();
    assert_eq!(ends(&archived(&store, &retire(ago(498), 10)).await), [6, 12]);
    assert_eq!(ends(&archived(&store, &retire(ago(494), 13)).await), [24, 36]);
    assert_eq!(ends(&archived(&store, &retire(ago(492), 1)).await), [42, 48]);
    assert_eq!(ends(&archived(&store, &retire(ago(400), 1000)).await), [66], "the newest run stays");
    assert_eq!(archived(&store, &retire(ago(0), 1000)).await, []);
    let whole = store.verify_with_archives(Some(&store.archive_dir())).await.unwrap();
    let Verification::Verified { first: Some(67), last: Some(79), records: 13, .. } = whole.state else {
        panic!("{whole:?}")
    };
    let files = whole.files.unwrap();
    assert!(matches!(files.verification, Verification::Verified { records: 66, .. }), "{files:?}");
    assert_eq!((files.files, files.notes.len()), (7, 0));
}

/// By its time, the approval belongs to the archive before its own.
#[tokio::test]
async fn an_approval_by_a_clock_that_was_set_back_is_found_in_its_archive() {
    let place = tempfile::tempdir().unwrap();
    let store = opened(&place.path().join("rosterd.db")).await;
    let held = || vec![removals("Old", &["c"])];
    run_with(&store, "r500", ago(500), held()).await;
    run_with(&store, "r510", ago(510), held()).await;
    let word = NewApproval { expires: Timestamp::now() + SignedDuration::from_hours(1), ..word_of(ago(509)) };
    store.approve(&[held()[0].id.to_string()], &word).await.unwrap();
    run_with(&store, "r450", ago(450), held()).await;
    run_with(&store, "r001", ago(1), held()).await;
    assert_eq!(archived(&store, &retire(ago(400), 1)).await.len(), 3);
    assert_eq!(store.memory(Timestamp::now()).await.unwrap().approvals.len(), 1);
}

/// The record of an archive grows old too, and goes into a later archive: what it tells is checked there.
#[tokio::test]
async fn an_archive_is_proved_by_its_record_wherever_that_is() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("rosterd.db");
    let store = opened(&path).await;
    old_run(&store, "r500", 500).await;
    old_run(&store, "r490", 490).await;
    let early = Retire { now: at(ago(480)), ..retire(ago(495), 1000) };
    assert_eq!(archived(&store, &early).await[0].recorded_by, 13);
    old_run(&store, "r470", 470).await;
    old_run(&store, "r001", 1).await;
    assert_eq!(archived(&store, &retire(ago(400), 1000)).await[0].last_seq, 19);
    let dir = store.archive_dir();
    let files = async || store.verify_with_archives(Some(&dir)).await.unwrap().files.unwrap().verification;
    assert!(matches!(files().await, Verification::Verified { records: 19, .. }));
    assert!(matches!(verify_archives(&dir, &[]).unwrap().verification, Verification::Verified { records: 19, .. }));
    // The row beside the log says what the file is now, and a record says what it was.
    let first = dir.join("rosterd-audit-0000000001-0000000006.jsonl");
    let shorter = std::fs::read_to_string(&first).unwrap().trim_end().to_owned();
    std::fs::write(&first, &shorter).unwrap();
    let row: &'static str =
        format!("UPDATE archive SET sha256 = '{}' WHERE first_seq = 1", sha256_hex(shorter.as_bytes())).leak();
    let changed = path.clone();
    tokio::task::spawn_blocking(move || meddle(&changed, row)).await.unwrap();
    assert!(matches!(files().await, Verification::Tampered { seq: 13, .. }), "{:?}", files().await);
    let alone = verify_archives(&dir, &[]).unwrap().verification;
    assert!(matches!(alone, Verification::Tampered { seq: 1, .. }), "{alone:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn processes_that_archive_and_append_at_once_keep_one_chain() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("rosterd.db");
    let store = opened(&path).await;
    for n in 0..20 {
        old_run(&store, &format!("r{n:02}"), 500 - n).await;
    }
    let mut tasks = Vec::new();
    for task in 0..4 {
        let store = opened(&path).await;
        tasks.push(tokio::spawn(async move {
            if task % 2 == 0 {
                archived(&store, &retire(ago(400), 10)).await;
            } else {
                for n in 0..10 {
                    run_with(&store, &format!("t{task}-{n}"), ago(1) + n, Vec::new()).await;
                }
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    archived(&store, &retire(ago(400), 10)).await;
    let whole = store.verify_with_archives(Some(&store.archive_dir())).await.unwrap();
    assert!(matches!(whole.state, Verification::Verified { first: Some(121), .. }), "{:?}", whole.state);
    let files = whole.files.unwrap();
    assert!(matches!(files.verification, Verification::Verified { records: 120, .. }), "{files:?}");
}

/// A state whose runs so far are ten days old, with records kept for one.
fn aged(bench: &Bench) {
    const TEN: i64 = 10 * 86_400_000;
    meddle(
        &bench.state(),
        &format!("UPDATE run SET started_at = started_at - {TEN}, finished_at = finished_at - {TEN}"),
    );
    meddle(&bench.state(), &format!("UPDATE observed_group SET baseline_at = baseline_at - {TEN}"));
}

fn for_a_day() -> Bench {
    let mut bench = Bench::small();
    bench.rest = bench.rest.replace("kind = \"csv\"", "kind = \"csv\"\nskip_unchanged = false");
    bench.rest.insert_str(0, "retention = \"1d\"\n");
    bench.people(&["compliance,ann", "compliance,bob", "compliance,cem", "compliance,dan"]);
    bench
}

fn observed(bench: &Bench) -> Vec<Value> {
    bench.audit().into_iter().filter(|record| record["event"] == "observed").collect()
}

/// Hyperproof was not readable for longer than records are kept: what rosterd did last is still its own doing.
#[test]
fn what_no_run_has_looked_at_since_is_not_pruned() {
    use rosterd::simulator::{Fault, FaultKind, Moment};
    let bench = for_a_day();
    bench.apply(0);
    aged(&bench);
    bench.simulator().inject(Fault::on("GET", "/v1/groups", FaultKind::Status { code: 503, moment: Moment::Before }));
    bench.apply(13);
    bench.simulator().clear_faults();
    bench.apply(0);
    let told = observed(&bench);
    assert!(told.iter().all(|record| record["baseline"] == true), "nobody else changed anything: {told:#?}");
    bench.in_step();
}

#[test]
fn a_list_of_members_that_was_archived_is_told_anew() {
    let bench = for_a_day();
    bench.apply(0);
    aged(&bench);
    bench.apply(0);
    assert_eq!(files(&bench).len(), 0, "its list is the last one from before");
    aged(&bench);
    bench.apply(0);
    assert_eq!(files(&bench).len(), 1, "the first run went");
    let lists = observed(&bench).iter().filter(|record| record["baseline"] == true).count();
    assert_eq!(lists, 2, "the one of the second run, and the one of this run");
    bench.apply(0);
    assert!(observed(&bench).iter().any(|record| record["baseline"] == true), "{:#?}", observed(&bench));
    let members = bench.run(&["members", "Compliance", "--at", &Timestamp::now().to_string(), "--format", "json"]);
    let members = members.exits(0).json();
    assert_eq!(members["members"].as_array().map(Vec::len), Some(4), "{members:#}");
    bench.in_step();
}

/// The share of the checkpoints is away for longer than records are kept. What it has not got yet stays in the
/// state until it is back: a gap in the file could never be mended, and is told as a loss for ever.
#[test]
fn checkpoints_that_are_not_in_their_file_yet_are_not_archived() {
    let mut bench = for_a_day();
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    crate::support::bench::secret(&bench.path("audit-key.pem"), &key.serialize_pem());
    bench.write("pub.pem", &key.public_key_pem());
    let audit = "[audit]\nsigning_key = { file = \"audit-key.pem\" }\ncheckpoint_file = \"worm/checkpoints\"\n";
    bench.rest = bench.rest.replacen("\n[guard]", &format!("\n{audit}[guard]"), 1);
    std::fs::create_dir(bench.path("worm")).unwrap();
    let verify = || bench.run(&["audit", "verify", "--pubkey", "pub.pem"]).exits(0).stdout;
    let again = || {
        aged(&bench);
        meddle(&bench.state(), "DELETE FROM setting WHERE name = 'archived_at'");
    };
    bench.apply(0);
    again();
    bench.apply(0);
    std::fs::rename(bench.path("worm"), bench.path("away")).unwrap();
    for _ in 0..3 {
        again();
        bench.apply(0);
    }
    assert_eq!(files(&bench).len(), 1, "what is in the file goes, but for the last full list: {:?}", files(&bench));
    let kept = bench.audit().iter().filter(|record| record["event"] == "checkpoint").count();
    assert_eq!(kept, 4);
    std::fs::rename(bench.path("away"), bench.path("worm")).unwrap();
    bench.apply(0);
    assert!(verify().contains("6 checkpoints, 6 found in this log"), "{}", verify());
    // And with that they may go too.
    assert_eq!(files(&bench).len(), 2, "{:?}", files(&bench));
    again();
    bench.apply(0);
    assert_eq!(files(&bench).len(), 3, "{:?}", files(&bench));
    assert!(verify().contains("7 checkpoints, 7 found in this log"), "{}", verify());
    bench.in_step();
}

/// Five removals from `A` that are held, and approved for longer than records are kept.
fn approved_for_long() -> Bench {
    use crate::holds::{company, granted, only_id, rules};
    let mut bench = company(40, &[("A", 0..10)]);
    rules(&mut bench, "group_removals = { percent = 0, floor = 3 }", "");
    bench.rest = bench.rest.replace("kind = \"csv\"", "kind = \"csv\"\nskip_unchanged = false");
    bench.rest.insert_str(0, "retention = \"1d\"\n");
    granted(&bench, &[("A", 0..10)]);
    bench.apply(0);
    granted(&bench, &[("A", 5..10)]);
    let id = only_id(&bench.apply(11));
    bench.run(&["approve", &id, "--by", "Ann", "--reason", "checked", "--expires", "30d"]).exits(0);
    bench
}

/// An approval that stands for longer than records are kept: its record is in an archive by now, and it counts. Where
/// the archive is not there, nobody can say that it was given, and what it was for waits.
#[test]
fn an_approval_whose_record_was_archived_counts() {
    use crate::holds::{count, granted};
    let bench = approved_for_long();
    // Nothing can be read, and so nothing is used, for days.
    bench.write("people.csv", "no headings at all\n");
    for _ in 0..4 {
        aged(&bench);
        meddle(&bench.state(), "DELETE FROM setting WHERE name = 'archived_at'");
        bench.apply(13);
    }
    assert!(bench.audit().iter().all(|record| record["event"] != "approval"), "{:?}", files(&bench));
    granted(&bench, &[("A", 5..10)]);
    std::fs::rename(dir(&bench), bench.path("elsewhere")).unwrap();
    let told = bench.run(&["apply"]).exits(11).stderr;
    assert!(told.contains("cannot be read") && told.contains("is not in the log"), "{told}");
    assert_eq!(count(&bench, "A"), 10);
    std::fs::rename(bench.path("elsewhere"), dir(&bench)).unwrap();
    bench.apply(0);
    assert_eq!(count(&bench, "A"), 5);
    bench.in_step();
}

/// Used and archived: the archives tell that it was used, and a row that does not lets nothing through.
#[test]
fn an_approval_whose_use_was_archived_is_not_opened_again() {
    use crate::holds::{count, granted};
    let bench = approved_for_long();
    bench.apply(0);
    granted(&bench, &[("A", 0..10)]);
    for _ in 0..4 {
        bench.apply(0);
        aged(&bench);
        meddle(&bench.state(), "DELETE FROM setting WHERE name = 'archived_at'");
    }
    bench.apply(0);
    let told = bench.audit();
    assert!(told.iter().all(|record| record["event"] != "approval"), "{:?}", files(&bench));
    bench.in_step();
    meddle(&bench.state(), "UPDATE approval_change SET passed = NULL");
    let told = bench.run(&["audit", "verify"]).exits(15).stdout;
    assert!(told.contains("approval 1 was used or ended"), "{told}");
    granted(&bench, &[("A", 5..10)]);
    let told = bench.run(&["apply"]).exits(11).stderr;
    assert!(told.contains("approval 1 was used or ended"), "{told}");
    // Nobody can say so without the archives; it lets nothing through all the same.
    std::fs::rename(dir(&bench), bench.path("elsewhere")).unwrap();
    let told = bench.run(&["apply"]).exits(11).stderr;
    assert!(told.contains("approval 1 is not in the log"), "{told}");
    assert_eq!(count(&bench, "A"), 10);
}

/// Archives, and checkpoints in their file, that root made: the service goes on with them.
#[test]
fn what_root_archives_is_its_owners() {
    use std::os::unix::fs::{MetadataExt, chown};
    const OWNER: u32 = 65534;
    if !crate::support::servers::root("a state of another user") {
        return;
    }
    let mut bench = for_a_day();
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    crate::support::bench::secret(&bench.path("audit-key.pem"), &key.serialize_pem());
    let audit = "[audit]\nsigning_key = { file = \"audit-key.pem\" }\ncheckpoint_file = \"kept/checkpoints\"\n";
    bench.rest = bench.rest.replacen("\n[guard]", &format!("\n{audit}[guard]"), 1);
    bench.state_path = "kept/rosterd.db".to_owned();
    std::fs::create_dir(bench.path("kept")).unwrap();
    chown(bench.path("kept"), Some(OWNER), Some(OWNER)).unwrap();
    bench.apply(0);
    for _ in 0..4 {
        aged(&bench);
        meddle(&bench.state(), "DELETE FROM setting WHERE name = 'archived_at'");
        bench.apply(0);
    }
    let archives = bench.path("kept/rosterd.db.archive");
    let inside =
        |place: &Path| -> Vec<PathBuf> { std::fs::read_dir(place).unwrap().map(|file| file.unwrap().path()).collect() };
    let all = [inside(&bench.path("kept")), inside(&archives)];
    assert!(all[0].contains(&bench.path("kept/checkpoints")) && !all[1].is_empty(), "{all:?}");
    for path in all.concat() {
        let found = path.metadata().unwrap();
        assert_eq!((found.uid(), found.gid()), (OWNER, OWNER), "{path:?}");
    }
}
