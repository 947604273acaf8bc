//! What can only be seen from inside: a connection that meets a full disk, rows that were damaged
//! by hand, and how many rows a full run writes.

use super::*;
use crate::model::id::AccountId;
use crate::model::memory::Learned;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).expect("a time in range")
}

async fn open(dir: &tempfile::TempDir) -> Store {
    Store::open(&dir.path().join("state.db"), Access::CreateOrWrite).await.expect("a new state")
}

fn full(accounts: std::ops::Range<u32>) -> FullRun {
    let members: Vec<AccountId> = accounts.map(|n| AccountId::new(format!("a{n:05}"))).collect();
    FullRun {
        over: Vec::new(),
        ended: Vec::new(),
        learned: Learned {
            person_links: members.iter().map(|id| (("hr".into(), id.as_str().into()), id.clone())).collect(),
            ..Learned::default()
        },
        known_groups: [("g1".into(), "One".to_owned())].into(),
        left: [("g1".into(), members), ("g2".into(), Vec::new())].into(),
        seen: None,
    }
}

#[tokio::test]
async fn a_full_run_writes_differences_alone() {
    let dir = tempfile::tempdir().expect("a temp dir");
    let store = open(&dir).await;
    let mut tx = store.write().await.unwrap();
    let pages = learned::store(&mut tx, &full(0..50)).await.unwrap() - 1 - 2;
    assert!(pages < 50 / 10, "{pages} pages of links");
    assert_eq!(learned::store(&mut tx, &full(0..50)).await.unwrap(), 0, "nothing changed");
    assert_eq!(
        learned::store(&mut tx, &full(1..51)).await.unwrap(),
        2 + 1 + 1,
        "the first page under another name, the last page with a link more, the row of the one group that changed"
    );
    assert_eq!(learned::store(&mut tx, &FullRun::default()).await.unwrap(), pages + 1 + 2);
}

#[tokio::test]
async fn a_full_disk_is_told_and_leaves_nothing_behind() {
    let dir = tempfile::tempdir().expect("a temp dir");
    let store = open(&dir).await;
    let event = async |detail: String| {
        let actor = Actor { service: "s".into(), host: "h".into(), operator: None };
        let detail = [("text".to_owned(), detail)].into();
        store.record_event(Event::Exported, at(0), &actor, "1", &detail).await
    };
    event("small".into()).await.unwrap();
    // SQLite's own limit of pages stands for the disk. It is a connection's, so every one gets it.
    let pages: i64 = sqlx::query_scalar("PRAGMA page_count").fetch_one(&store.pool).await.unwrap();
    let mut connections = Vec::new();
    for _ in 0..store.pool.options().get_max_connections() {
        let mut conn = store.pool.acquire().await.unwrap();
        sqlx::query(sqlx::AssertSqlSafe(format!("PRAGMA max_page_count = {}", pages + 4)))
            .execute(&mut *conn)
            .await
            .unwrap();
        connections.push(conn);
    }
    drop(connections);
    let error = event("x".repeat(100_000)).await.unwrap_err();
    assert!(matches!(error.fault, Fault::Full), "{error}");
    assert!(error.help().contains("make room"), "{}", error.help());
    // Whichever connection comes next, the one that met the full disk included.
    for number in 0..8 {
        event(format!("small again {number}")).await.unwrap();
    }
    let verdict = store.verify().await.unwrap();
    assert!(matches!(verdict, Verification::Verified { records: 9, .. }), "{verdict:?}");
}

/// Statements that damage one value each, and the table that must be named.
const DAMAGE: [(&str, &str); 20] = [
    ("INSERT INTO left_group (group_id, members) VALUES ('g', '[1]')", "left_group"),
    ("INSERT INTO left_group (group_id, members) VALUES ('g', x'ff')", "left_group"),
    ("INSERT INTO person_link_page VALUES ('hr', 'a', 'd', '[\"a\"]')", "person_link_page"),
    ("INSERT INTO person_link VALUES ('hr', 'a', x'ff')", "person_link"),
    ("INSERT INTO feed VALUES ('G', '{')", "feed"),
    ("INSERT INTO nested_feed VALUES ('G', '[1]')", "nested_feed"),
    ("INSERT INTO baseline VALUES ('hr', -1)", "baseline"),
    ("INSERT INTO baseline VALUES ('hr', 'many')", "baseline"),
    ("INSERT INTO pending VALUES ('G', 'a', 9223372036854775807)", "pending"),
    ("INSERT INTO setting VALUES ('throttled_until', 'soon')", "setting"),
    ("INSERT INTO setting VALUES ('own_account', '[]')", "setting"),
    ("INSERT INTO setting VALUES ('member_id', 'email')", "setting"),
    (
        "INSERT INTO approval VALUES (1, 'h-1', 'odd', 'run', 'b', 'l', 'r', NULL, 0, 9000000000000, 0, NULL, NULL)",
        "approval",
    ),
    (
        "INSERT INTO approval VALUES (1, 'h-1', 'empty', 'run', 'b', 'l', 'r', NULL, 9223372036854775807, 9000000000000, 0, NULL, NULL)",
        "approval",
    ),
    (
        "INSERT INTO approval VALUES (1, 'h-1', 'empty', 'run', 'b', 'l', 'r', NULL, 0, 9000000000000, 0, NULL, NULL); \
         INSERT INTO approval_change VALUES (1, 'explode', 'G', 'a', NULL)",
        "approval_change",
    ),
    ("INSERT INTO hold VALUES ('h-1', 'empty', 'run', NULL, 0, 0, 't', 'x', 0, 0, 1, NULL, NULL, 0, NULL)", "hold"),
    ("INSERT INTO undone VALUES ('g', 'explode', 'a', 'r2', 'r1', 0)", "undone"),
    ("INSERT INTO open_intent VALUES (1, 'r', 'explode', 'G', 'a', NULL, NULL, NULL)", "open_intent"),
    (
        "INSERT INTO run (id, cause, started_at, actor, config_digest, version, first_seq) \
         VALUES ('r', 'apply', 0, 'x', '', '', 1)",
        "run",
    ),
    ("INSERT INTO source_read VALUES ('hr', 'csv', 0, 1, NULL, -5, '')", "source_read"),
];

#[tokio::test]
async fn damaged_rows_are_named() {
    for (sql, table) in DAMAGE {
        let dir = tempfile::tempdir().expect("a temp dir");
        let store = open(&dir).await;
        sqlx::raw_sql(sql).execute(&store.pool).await.unwrap();
        let errors = [
            store.memory(at(0)).await.err(),
            store.holds(at(0)).await.err(),
            store.open_intents().await.err(),
            store.runs(5).await.err(),
            store.sources().await.err(),
        ];
        let error = errors.into_iter().flatten().next().unwrap_or_else(|| panic!("{sql}: nothing was found"));
        match &error.fault {
            Fault::DamagedRow { table: named, .. } => assert_eq!(*named, table, "{sql}"),
            other => panic!("{sql}: {other}"),
        }
        assert!(error.help().contains("backup"), "{}", error.help());
    }
}

/// A state of so many MiB whose pages hold one record each, and one of them that nothing reads as it is opened.
async fn large_state(dir: &tempfile::TempDir, mebibytes: usize) {
    let store = open(dir).await;
    let actor = Actor { service: "s".into(), host: "h".into(), operator: None };
    let detail = [("text".to_owned(), "x".repeat(3_000))].into();
    for _ in 0..mebibytes * 256 {
        store.record_event(Event::Exported, at(0), &actor, "1", &detail).await.unwrap();
    }
    store.close().await;
}

fn spoil_the_middle(path: &Path) {
    let mut bytes = std::fs::read(path).unwrap();
    let page = bytes.len() / 4096 / 2;
    bytes[page * 4096..(page + 1) * 4096].fill(0x5a);
    std::fs::write(path, bytes).unwrap();
}

#[tokio::test]
async fn a_large_state_is_checked_once_a_day_and_when_nobody_closed_it() {
    let dir = tempfile::tempdir().expect("a temp dir");
    let path = dir.path().join("state.db");
    large_state(&dir, 2).await;
    let is_damaged = async |access| match Store::open(&path, access).await {
        Ok(store) => {
            store.close().await;
            false
        }
        Err(error) => matches!(error.fault, Fault::Damaged(_)),
    };
    assert!(!is_damaged(Access::CreateOrWrite).await);
    let whole = std::fs::read(&path).unwrap();
    spoil_the_middle(&path);
    assert!(!is_damaged(Access::CreateOrWrite).await, "it was checked a moment ago");
    assert!(is_damaged(Access::ExistingOnly).await);
    // The process that had it open was killed.
    let log = lock::beside(&path, "-wal");
    std::fs::write(&log, [0; 32]).unwrap();
    assert!(is_damaged(Access::CreateOrWrite).await);
    for (checked, damaged) in [(-25, true), (-23, false), (1, true)] {
        std::fs::write(&path, &whole).unwrap();
        let store = open(&dir).await;
        let mut tx = store.write().await.unwrap();
        let when = Timestamp::now() + jiff::SignedDuration::from_hours(checked);
        settings::remember_checked(&mut tx, when).await.unwrap();
        tx.commit().await.unwrap();
        store.close().await;
        spoil_the_middle(&path);
        assert_eq!(is_damaged(Access::CreateOrWrite).await, damaged, "checked {checked} h from now");
    }
}

/// Connections that are still on their way back are closed at one moment, and none of them is the last one.
#[tokio::test]
async fn a_closed_state_leaves_no_log_beside_it() {
    for round in 0..100 {
        let dir = tempfile::tempdir().expect("a temp dir");
        let store = open(&dir).await;
        let mut taken = Vec::new();
        for _ in 0..4 {
            taken.push(store.read().await.unwrap());
        }
        drop(taken);
        store.close().await;
        let left: Vec<_> = ["-wal", "-shm"]
            .into_iter()
            .filter(|end| lock::beside(&dir.path().join("state.db"), end).exists())
            .collect();
        assert!(left.is_empty(), "round {round}: {left:?}");
    }
}

/// A store works in tasks: every future of it can go to another thread. That this compiles is the test.
#[tokio::test]
async fn every_future_can_run_in_a_task() {
    fn sendable<F: Future + Send>(future: F) -> F {
        future
    }
    let dir = tempfile::tempdir().expect("a temp dir");
    let path = dir.path().join("state.db");
    let store = sendable(Store::open(&path, Access::CreateOrWrite)).await.unwrap();
    let run = RunId::new("r");
    let actor = Actor { service: "s".into(), host: "h".into(), operator: None };
    let detail = BTreeMap::new();
    sendable(store.memory(at(0))).await.unwrap();
    sendable(store.check_writable(at(0))).await.unwrap();
    sendable(store.record_intents(&run, at(0), &[])).await.unwrap_err();
    sendable(store.record_outcomes(&run, at(0), &[])).await.unwrap_err();
    sendable(store.open_intents()).await.unwrap();
    sendable(store.holds(at(0))).await.unwrap();
    sendable(store.record_event(Event::Exported, at(0), &actor, "1", &detail)).await.unwrap();
    let mut cursor = sendable(store.audit(AuditFilter::default())).await.unwrap();
    assert_eq!(sendable(cursor.next_page()).await.unwrap().map(|page| page.len()), Some(1));
    sendable(store.verify()).await.unwrap();
    sendable(store.backup(&dir.path().join("copy.db"))).await.unwrap();
    let retire = Retire { before: at(0), chunk: 10, now: at(1), actor: actor.clone(), version: "1".into() };
    assert_eq!(sendable(store.archive_next(&retire)).await.unwrap(), None);
    sendable(store.remember_archived(at(0))).await.unwrap();
    assert_eq!(sendable(store.archived_at()).await.unwrap(), Some(at(0)));
    assert_eq!(sendable(store.archives()).await.unwrap(), []);
    sendable(store.verify_with_archives(Some(dir.path()))).await.unwrap();
    // Not awaited: these need more of a world than this test has.
    let _ = |start: RunStart, finish: RunFinish, full: FullRun, plan: PlanReport, new: NewApproval| {
        drop(sendable(store.begin_run(&start)));
        drop(sendable(store.finish_run(&finish, Some(&full))));
        drop(sendable(store.store_plan(&plan, "", None)));
        drop(sendable(store.record_holds(&run, at(0), &plan.plan, None)));
        drop(sendable(store.approve(&[], &new)));
    };
}
