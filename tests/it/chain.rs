//! The audit log: its frozen form, and that nothing can be changed in it unseen.

#![expect(clippy::unwrap_used, reason = "a test may stop where it stands")]

use std::collections::BTreeMap;

use rosterd::model::digest::sha256_hex;
use rosterd::model::plan::Op;
use rosterd::model::run::ChangeResult;
use rosterd::store::{AuditEntry, AuditFilter, Event, Store, Verification, verify_jsonl};

use crate::store::{State, actor, at, change, finish, key, outcome, records, start};

/// Two runs: records 1 to 6 (a start, two changes, an end) and 7 to 8.
async fn two_runs(store: &Store) {
    store.begin_run(&start("r1", 0)).await.unwrap();
    change(store, "r1", 1, key(Op::AddMember, "Staff", "a"), ChangeResult::Done).await;
    change(store, "r1", 2, key(Op::RemoveMember, "Staff", "b"), ChangeResult::Failed("409: no".into())).await;
    store.finish_run(&finish("r1", 3), None).await.unwrap();
    store.begin_run(&start("r2", 10)).await.unwrap();
    store.finish_run(&finish("r2", 11), None).await.unwrap();
}

async fn entries(store: &Store, filter: AuditFilter) -> Vec<AuditEntry> {
    let mut cursor = store.audit(filter).await.unwrap();
    let mut all = Vec::new();
    while let Some(page) = cursor.next_page().await.unwrap() {
        all.extend(page);
    }
    all
}

fn seqs(entries: &[AuditEntry]) -> Vec<i64> {
    entries.iter().map(|entry| entry.seq).collect()
}

/// The first bad record, 0 for a log that verifies.
async fn bad(store: &Store) -> i64 {
    match store.verify().await.unwrap() {
        Verification::Verified { .. } => 0,
        Verification::Tampered { seq, .. } => seq,
    }
}

#[tokio::test]
async fn records_have_their_frozen_form() {
    let state = State::new();
    let store = state.open().await;
    two_runs(&store).await;
    let all = entries(&store, AuditFilter::default()).await;
    let zeros = "0".repeat(64);
    assert_eq!(
        all[0].record,
        format!(
            r#"{{"actor":{{"host":"host-1","operator":"root","service":"client-1"}},"at":"2027-01-15T08:00:00.000Z","config_digest":"sha256:c1","event":"run_started","format":"rosterd.audit/1","prev":"{zeros}","run_id":"r1","seq":1,"trigger":"apply","version":"0.1.0"}}"#
        )
    );
    assert_eq!(
        all[2].record,
        format!(
            r#"{{"actor":{{"host":"host-1","operator":"root","service":"client-1"}},"at":"2027-01-15T08:00:01.000Z","because":[{{"directory_group":"staff","path":["staff","inner \"x\""],"source":"hr"}}],"config_digest":"sha256:c1","entry":{{"id":"p-1","origin":"people.csv:12","source":"hr"}},"event":"outcome","format":"rosterd.audit/1","group":{{"id":"id-Staff","name":"Staff"}},"intent":2,"member":{{"email":"a@corp.example","user_id":"a"}},"op":"add_member","prev":"{}","read_back":true,"reason":"granted","request":{{"attempts":2,"method":"POST","path":"/groups/g/users","status":200}},"result":"done","run_id":"r1","seq":3,"version":"0.1.0"}}"#,
            all[1].hash
        )
    );
    assert_eq!(
        all[5].record,
        format!(
            r#"{{"actor":{{"host":"host-1","operator":"root","service":"client-1"}},"actual":{{"already_so":0,"done":1,"failed":1,"intents":2,"not_tried":0}},"at":"2027-01-15T08:00:03.000Z","calls":{{"read":3,"write":0}},"config_digest":"sha256:c1","event":"run_finished","exit":0,"format":"rosterd.audit/1","outcome":"in_step","prev":"{}","run_id":"r1","seq":6,"sources":[{{"complete":true,"evidence":"2 files","kind":"csv","name":"hr","people":120}}],"version":"0.1.0"}}"#,
            all[4].hash
        )
    );
    for entry in &all {
        assert_eq!(entry.hash, sha256_hex(entry.record.as_bytes()));
    }
    let failed = &records(&store, AuditFilter::default()).await[4];
    assert_eq!((failed.result.as_deref(), failed.error.as_deref()), (Some("failed"), Some("409: no")));
    assert_eq!(failed.read_back, Some(false));
    assert_eq!(
        store.verify().await.unwrap(),
        Verification::Verified { records: 8, first: Some(1), last: Some(8), head_hash: all[7].hash.clone() }
    );
}

#[tokio::test]
async fn an_empty_log_verifies() {
    let state = State::new();
    let verdict = state.open().await.verify().await.unwrap();
    let empty = Verification::Verified { records: 0, first: None, last: None, head_hash: "0".repeat(64) };
    assert_eq!(verdict, empty);
    assert_eq!(verify_jsonl(&b""[..]).unwrap(), empty);
}

/// What somebody with the file and `sqlite3` may try, and the record that must be named.
const TAMPERING: [(&str, i64); 22] = [
    ("UPDATE audit SET record = replace(record, 'r1', 'r9') WHERE seq = 1", 1),
    ("UPDATE audit SET record = replace(record, 'add_member', 'remove_member') WHERE seq = 3", 3),
    ("UPDATE audit SET record = replace(record, 'a@corp', 'x@corp') WHERE seq = 2", 2),
    ("UPDATE audit SET record = replace(record, '08:00:01.000Z', '07:00:01.000Z') WHERE seq = 2", 2),
    ("UPDATE audit SET record = replace(record, '\"status\":200', '\"status\":201') WHERE seq = 3", 3),
    ("UPDATE audit SET record = replace(record, '\"read_back\":true', '\"read_back\":false') WHERE seq = 3", 3),
    ("UPDATE audit SET record = replace(record, 'people.csv', 'person.csv') WHERE seq = 3", 3),
    ("UPDATE audit SET record = replace(record, 'host-1', 'host-2') WHERE seq = 8", 8),
    ("UPDATE audit SET record = record || ' ' WHERE seq = 4", 4),
    ("UPDATE audit SET record = '' WHERE seq = 4", 4),
    ("UPDATE audit SET record = x'ff' WHERE seq = 4", 4),
    ("UPDATE audit SET hash = upper(hash) WHERE seq = 5", 5),
    ("UPDATE audit SET hash = (SELECT hash FROM audit WHERE seq = 1) WHERE seq = 5", 5),
    ("DELETE FROM audit WHERE seq = 1", 1),
    ("DELETE FROM audit WHERE seq = 4", 4),
    ("DELETE FROM audit WHERE seq = 4; UPDATE audit SET seq = seq - 1 WHERE seq > 4", 4),
    (
        "UPDATE audit SET seq = -5 WHERE seq = 5; UPDATE audit SET seq = 5 WHERE seq = 6; UPDATE audit SET seq = 6 WHERE seq = -5",
        5,
    ),
    ("UPDATE audit SET seq = 'five' WHERE seq = 5", 5),
    ("DELETE FROM audit WHERE seq = 8", 8),
    ("DELETE FROM audit WHERE seq > 2", 3),
    ("DELETE FROM audit", 1),
    ("UPDATE audit_head SET hash = 'x' WHERE seq = 6", 6),
];

#[tokio::test]
async fn tampering_is_found_and_the_first_bad_record_named() {
    for (sql, first) in TAMPERING {
        let state = State::new();
        let store = state.open().await;
        two_runs(&store).await;
        assert_eq!(bad(&store).await, 0);
        state.meddle(sql).await;
        assert_eq!(bad(&store).await, first, "{sql}: {:?}", store.verify().await);
    }
}

/// Every field of a record, and every character of it.
#[tokio::test]
async fn no_byte_of_a_record_can_change() {
    let state = State::new();
    let store = state.open().await;
    two_runs(&store).await;
    let lines: Vec<String> = entries(&store, AuditFilter::default()).await.into_iter().map(|e| e.record).collect();
    for at in 0..lines[2].len() {
        let mut bytes = lines[2].clone().into_bytes();
        bytes[at] ^= 1;
        let mut export = lines[..2].join("\n").into_bytes();
        export.push(b'\n');
        export.extend(&bytes);
        export.push(b'\n');
        export.extend(lines[3..].join("\n").bytes());
        match verify_jsonl(&export[..]).unwrap() {
            // An export has no hashes of its own: a record is proved by the one after it.
            Verification::Tampered { seq: 2..=4, .. } => {}
            other => panic!("byte {at}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_chain_that_was_forged_to_its_end_differs_from_what_runs_left() {
    let state = State::new();
    let store = state.open().await;
    two_runs(&store).await;
    store.close().await;
    // A forger with this program: the same log, but for the first run's account.
    let other = State::new();
    let forged = other.open().await;
    forged.begin_run(&start("r1", 0)).await.unwrap();
    change(&forged, "r1", 1, key(Op::AddMember, "Staff", "mallory"), ChangeResult::Done).await;
    forged.close().await;
    let attach: &'static str = format!(
        "ATTACH '{}' AS forged; DELETE FROM audit; INSERT INTO audit SELECT * FROM forged.audit",
        other.path().display()
    )
    .leak();
    state.meddle(attach).await;
    let store = state.open().await;
    assert_eq!(bad(&store).await, 4, "three fit each other, and a run had left six");
    // Going on as if nothing had happened does not hide it.
    for (run, seconds) in [("r3", 20), ("r4", 30), ("r5", 40)] {
        store.begin_run(&start(run, seconds)).await.unwrap();
        store.finish_run(&finish(run, seconds + 1), None).await.unwrap();
    }
    assert_eq!(bad(&store).await, 6);
}

#[tokio::test]
async fn exports_verify_and_broken_ones_do_not() {
    let state = State::new();
    let store = state.open().await;
    two_runs(&store).await;
    let all = entries(&store, AuditFilter::default()).await;
    let lines: Vec<&str> = all.iter().map(|entry| entry.record.as_str()).collect();
    let verdict = |lines: &[&str]| verify_jsonl(lines.join("\n").as_bytes()).unwrap();
    let whole = store.verify().await.unwrap();
    assert_eq!(verdict(&lines), whole);
    assert_eq!(verify_jsonl(format!("{}\n", lines.join("\n")).as_bytes()).unwrap(), whole, "with a last line end");
    let Verification::Verified { first: Some(4), last: Some(8), records: 5, .. } = verdict(&lines[3..]) else {
        panic!("an export may begin anywhere")
    };
    let seq = |lines: &[&str]| match verdict(lines) {
        Verification::Tampered { seq, .. } => seq,
        Verification::Verified { .. } => 0,
    };
    assert_eq!(seq(&[lines[0], lines[2], lines[3]]), 2, "dropped");
    assert_eq!(seq(&[lines[0], lines[2], lines[1]]), 2, "swapped");
    assert_eq!(seq(&[lines[0], lines[0]]), 1, "doubled");
    assert_eq!(seq(&[lines[0], "", lines[1]]), 2, "an empty line");
    assert_eq!(seq(&[lines[0], "{}"]), 2);
    assert_eq!(seq(&["{\"seq\":1}"]), 1);
}

#[tokio::test]
async fn the_log_is_read_page_by_page_and_filtered() {
    let state = State::new();
    let store = state.open().await;
    for n in 0..600 {
        let run = format!("r{n:03}");
        store.begin_run(&start(&run, n * 10)).await.unwrap();
        store.finish_run(&finish(&run, n * 10 + 1), None).await.unwrap();
    }
    let list = async |filter| seqs(&entries(&store, filter).await);
    let all = AuditFilter::default();
    assert_eq!(list(all.clone()).await, (1..=1200).collect::<Vec<_>>());
    assert_eq!(list(AuditFilter { limit: Some(3), ..all.clone() }).await, [1198, 1199, 1200]);
    assert_eq!(list(AuditFilter { limit: Some(0), ..all.clone() }).await, [0; 0]);
    assert_eq!(list(AuditFilter { limit: Some(9999), ..all.clone() }).await.len(), 1200);
    assert_eq!(list(AuditFilter { run: Some("r300".into()), ..all.clone() }).await, [601, 602]);
    assert_eq!(list(AuditFilter { run: Some("nobody".into()), ..all.clone() }).await, [0; 0]);
    let window = AuditFilter { since: Some(at(11)), until: Some(at(21)), ..all.clone() };
    assert_eq!(list(window).await, [4, 5]);
    let ends = AuditFilter { event: Some(Event::RunFinished), limit: Some(600), ..all };
    let ends = list(ends).await;
    assert_eq!((ends.len(), ends[0], ends[599]), (600, 2, 1200));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn tasks_that_append_at_once_keep_one_chain() {
    let state = State::new();
    let store = state.open().await;
    let mut tasks = Vec::new();
    for task in 0..6 {
        // Half of them with connections of their own, as another process would have.
        let store = if task % 2 == 0 { store.clone() } else { state.open().await };
        tasks.push(tokio::spawn(async move { append(&store, &format!("task{task}"), 8).await }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(whole(&store).await, 6 * 8);
}

async fn append(store: &Store, name: &str, count: i64) {
    for n in 0..count {
        let detail: BTreeMap<String, String> = [("n".to_owned(), format!("{name} {n}"))].into();
        store.record_event(Event::Exported, at(n), &actor(), "0.1.0", &detail).await.unwrap();
    }
}

async fn whole(store: &Store) -> u64 {
    match store.verify().await.unwrap() {
        Verification::Verified { records, .. } => records,
        bad => panic!("{bad:?}"),
    }
}

#[tokio::test]
async fn nothing_is_written_where_an_outcome_is_refused() {
    let state = State::new();
    let store = state.open().await;
    two_runs(&store).await;
    let before = store.verify().await.unwrap();
    store.record_outcomes(&"r2".into(), at(20), &[outcome(2, ChangeResult::Done)]).await.unwrap_err();
    store.record_outcomes(&"nobody".into(), at(20), &[]).await.unwrap_err();
    store.begin_run(&start("r2", 20)).await.unwrap_err();
    assert_eq!(store.verify().await.unwrap(), before);
}
