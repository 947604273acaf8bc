//! The state file: opening it, what it remembers, holds and approvals.

#![expect(clippy::unwrap_used, reason = "a test may stop where it stands")]

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use rosterd::model::desired::{Feed, Grant};
use rosterd::model::directory::ReadFacts;
use rosterd::model::hold::{Hold, HoldId, Rule, Scope};
use rosterd::model::id::{GroupId, GroupName, RunId};
use rosterd::model::live::MemberIdKind;
use rosterd::model::memberships::Memberships;
use rosterd::model::memory::{Learned, Memory, Seen};
use rosterd::model::plan::{ChangeKey, Entry, Op, Plan, PlanDigest, Reason, SourceSummary};
use rosterd::model::run::{ChangeResult, Outcome, PlanReport, Trigger};
use rosterd::store::{
    Access, Actor, AuditFilter, AuditRecord, Calls, Event, Fault, FullRun, Intent, NewApproval, OutcomeRecord, Request,
    RunFinish, RunStart, Store, Verification,
};
use sqlx::{ConnectOptions, Connection, Executor, SqlSafeStr};

/// A state file in a directory of its own.
pub(crate) struct State {
    dir: tempfile::TempDir,
}

impl State {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().expect("a temp dir") }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().join("rosterd.db")
    }

    pub(crate) async fn open(&self) -> Store {
        Store::open(&self.path(), Access::CreateOrWrite).await.expect("the state opens")
    }

    /// Runs SQL on the file as somebody with `sqlite3` would.
    pub(crate) async fn meddle(&self, sql: &'static str) {
        let mut conn =
            sqlx::sqlite::SqliteConnectOptions::new().filename(self.path()).connect().await.expect("the file opens");
        conn.execute(sqlx::raw_sql(sql)).await.expect("the statement runs");
        conn.close().await.expect("the file closes");
    }

    async fn fault(&self, access: Access) -> Fault {
        match Store::open(&self.path(), access).await {
            Ok(_) => panic!("the state opened"),
            Err(error) => {
                assert!(!error.help().is_empty());
                assert!(error.to_string().contains("rosterd.db"), "{error}");
                error.fault
            }
        }
    }
}

pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).expect("a time in range")
}

pub(crate) fn actor() -> Actor {
    Actor { service: "client-1".into(), host: "host-1".into(), operator: Some("root".into()) }
}

pub(crate) fn start(run: &str, seconds: i64) -> RunStart {
    RunStart {
        undoes: None,
        run: run.into(),
        trigger: Trigger::Apply,
        at: at(seconds),
        actor: actor(),
        config_digest: "sha256:c1".into(),
        version: "0.1.0".into(),
        partial: None,
    }
}

pub(crate) fn finish(run: &str, seconds: i64) -> RunFinish {
    RunFinish {
        answers: None,
        run: run.into(),
        at: at(seconds),
        outcome: Outcome::InStep,
        exit: 0,
        planned: None,
        calls: Calls { read: 3, write: 0 },
        sources: vec![SourceSummary {
            name: "hr".into(),
            kind: "csv",
            complete: true,
            people: 120,
            groups: 7,
            memberships: 310,
            granted: 100,
            addressed: 100,
            evidence: "2 files".into(),
            facts: ReadFacts::default(),
            read: Default::default(),
            mapped: Vec::new(),
            problems: Vec::new(),
            unchanged_since: None,
        }],
        error: None,
        document: Some(format!("{{\"run\":\"{run}\"}}")),
        throttled_until: None,
    }
}

pub(crate) fn key(op: Op, group: &str, account: &str) -> ChangeKey {
    ChangeKey { group: group.into(), op, account: (!account.is_empty()).then(|| account.into()) }
}

pub(crate) fn intent(change: ChangeKey, approval: Option<i64>) -> Intent {
    Intent {
        lead_before: rosterd::model::undo::LeadBefore::Unknown,
        group_id: (change.op != Op::CreateGroup).then(|| format!("id-{}", change.group).into()),
        email: change.account.as_ref().map(|account| format!("{account}@corp.example")),
        reason: Reason::Granted,
        because: vec![Grant {
            source: "hr".into(),
            directory_group: "staff".into(),
            path: ["staff".into(), "inner \"x\"".into()].into(),
        }],
        entry: Some(Entry { source: "hr".into(), id: "p-1".into(), origin: "people.csv:12".into() }),
        grounds: Vec::new(),
        mappings: Vec::new(),
        approvals: approval.into_iter().collect(),
        approval,
        request: Request { method: "POST".into(), path: "/groups/g/users".into(), status: None, attempts: 0 },
        change,
    }
}

pub(crate) fn outcome(intent: i64, result: ChangeResult) -> OutcomeRecord {
    OutcomeRecord {
        intent,
        group_id: None,
        read_back: Some(result.is_so()),
        result,
        request: Some(Request {
            method: "POST".into(),
            path: "/groups/g/users".into(),
            status: Some(200),
            attempts: 2,
        }),
    }
}

/// Announces a change and records what became of it.
pub(crate) async fn change(store: &Store, run: &str, seconds: i64, change: ChangeKey, result: ChangeResult) {
    approved_change(store, run, seconds, change, result, None).await;
}

pub(crate) async fn approved_change(
    store: &Store,
    run: &str,
    seconds: i64,
    change: ChangeKey,
    result: ChangeResult,
    approval: Option<i64>,
) {
    let seqs = store.record_intents(&run.into(), at(seconds), &[intent(change, approval)]).await.unwrap();
    store.record_outcomes(&run.into(), at(seconds), &[outcome(seqs[0], result)]).await.unwrap();
}

fn hold(rule: Rule, scope: Scope, changes: impl IntoIterator<Item = ChangeKey>) -> Hold {
    let changes: BTreeSet<ChangeKey> = changes.into_iter().collect();
    Hold {
        id: HoldId::of(rule, &scope, &changes),
        rule,
        scope,
        limit: 3,
        measured: changes.len() as u64,
        text: "too many".into(),
        changes,
        approval: None,
    }
}

pub(crate) fn removals(group: &str, accounts: &[&str]) -> Hold {
    let changes = accounts.iter().map(|account| key(Op::RemoveMember, group, account));
    hold(Rule::GroupRemovals, Scope::Group(group.into()), changes)
}

fn plan(holds: Vec<Hold>) -> Plan {
    let keys: BTreeSet<ChangeKey> = holds.iter().flat_map(|hold| hold.changes.clone()).collect();
    Plan {
        undo_of: None,
        digest: PlanDigest::of(&keys),
        complete: true,
        sources: Vec::new(),
        groups: Vec::new(),
        changes: Vec::new(),
        skips: Vec::new(),
        holds,
        problems: Vec::new(),
        reads: 3,
        writes: 0,
    }
}

pub(crate) fn word_of(seconds: i64) -> NewApproval {
    NewApproval {
        by: "Ann".into(),
        actor: actor(),
        reason: "reorganisation".into(),
        ticket: Some("GRC-7".into()),
        at: at(seconds),
        expires: at(seconds + 3600),
        version: "0.1.0".into(),
    }
}

/// A run that found these holds and ended.
pub(crate) async fn run_with(store: &Store, run: &str, seconds: i64, holds: Vec<Hold>) {
    store.begin_run(&start(run, seconds)).await.unwrap();
    store.record_holds(&run.into(), at(seconds), &plan(holds), None).await.unwrap();
    store.finish_run(&finish(run, seconds + 1), None).await.unwrap();
}

async fn waiting(store: &Store, seconds: i64) -> Vec<(String, bool)> {
    let holds = store.holds(at(seconds)).await.unwrap();
    holds.iter().map(|hold| (hold.id.to_string(), hold.approval.is_some())).collect()
}

pub(crate) async fn records(store: &Store, filter: AuditFilter) -> Vec<AuditRecord> {
    let mut cursor = store.audit(filter).await.unwrap();
    let mut records = Vec::new();
    while let Some(page) = cursor.next_page().await.unwrap() {
        assert!(!page.is_empty());
        records.extend(page.iter().map(|entry| AuditRecord::parse(&entry.record).unwrap()));
    }
    records
}

async fn events(store: &Store) -> Vec<String> {
    let all = records(store, AuditFilter::default()).await;
    all.into_iter().map(|record| record.event).collect()
}

// Opening

#[tokio::test]
async fn a_new_state_is_its_owners_alone_and_opens_again() {
    let state = State::new();
    let store = state.open().await;
    store.check_writable(at(0)).await.unwrap();
    for file in ["rosterd.db", "rosterd.db-wal", "rosterd.db.migrate.lock"] {
        let mode = std::fs::metadata(state.dir.path().join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    store.link_groups(vec![(&"Staff".into(), &"g1".into())]).await.unwrap();
    store.close().await;
    let again = Store::open(&state.path(), Access::ExistingOnly).await.unwrap();
    assert_eq!(again.memory(at(1)).await.unwrap().group_links.len(), 1);
}

#[tokio::test]
async fn a_missing_file_stays_missing_where_nothing_may_be_made() {
    let state = State::new();
    for access in [Access::ExistingOnly, Access::ReadOnly] {
        assert!(matches!(state.fault(access).await, Fault::Missing));
    }
    assert_eq!(std::fs::read_dir(state.dir.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn the_directory_is_never_made() {
    let state = State::new();
    let path = state.dir.path().join("no/such/rosterd.db");
    let error = Store::open(&path, Access::CreateOrWrite).await.unwrap_err();
    assert!(matches!(error.fault, Fault::NoDirectory(_)), "{error}");
    assert!(error.help().contains("no/such"), "{}", error.help());
    assert!(!state.dir.path().join("no").exists());
}

#[tokio::test]
async fn names_that_sqlite_reads_differently_are_files() {
    let state = State::new();
    for name in [":memory:", "file:x?mode=memory", "a b%20#.db"] {
        let path = state.dir.path().join(name);
        let store = Store::open(&path, Access::CreateOrWrite).await.unwrap();
        store.check_writable(at(0)).await.unwrap();
        assert!(path.is_file(), "{name}");
    }
}

#[tokio::test]
async fn what_is_no_state_is_refused_and_left_as_it_is() {
    let state = State::new();
    std::fs::create_dir(state.path()).unwrap();
    assert!(matches!(state.fault(Access::CreateOrWrite).await, Fault::IsDirectory));
    std::fs::remove_dir(state.path()).unwrap();

    let text = "name,mail\nann,ann@corp.example\n".repeat(100);
    std::fs::write(state.path(), &text).unwrap();
    assert!(matches!(state.fault(Access::CreateOrWrite).await, Fault::NotADatabase));
    assert_eq!(std::fs::read_to_string(state.path()).unwrap(), text);
    std::fs::remove_file(state.path()).unwrap();

    std::fs::write(state.path(), "").unwrap();
    state.meddle("CREATE TABLE recipe (name TEXT)").await;
    let before = std::fs::read(state.path()).unwrap();
    assert!(matches!(state.fault(Access::CreateOrWrite).await, Fault::Foreign(_)));
    assert_eq!(std::fs::read(state.path()).unwrap(), before, "not even its journal mode changed");
}

#[tokio::test]
async fn a_directory_where_nothing_can_be_made_is_told() {
    // Root may write anywhere but here.
    let error = Store::open(Path::new("/proc/rosterd.db"), Access::CreateOrWrite).await.unwrap_err();
    assert!(matches!(error.fault, Fault::Unwritable(_) | Fault::Io { .. }), "{error}");
}

#[tokio::test]
async fn a_newer_state_is_refused_and_one_that_was_altered_too() {
    let state = State::new();
    state.open().await.close().await;
    state
        .meddle(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
             VALUES (99, 'later', TRUE, x'00', 0)",
        )
        .await;
    let fault = state.fault(Access::CreateOrWrite).await;
    assert!(matches!(fault, Fault::Newer { found: 99, .. }), "{fault}");
    assert!(fault.to_string().contains("was used by a newer version of rosterd"), "{fault}");
    state.meddle("DELETE FROM _sqlx_migrations WHERE version = 99").await;
    state.open().await.close().await;
    state.meddle("UPDATE _sqlx_migrations SET checksum = x'00'").await;
    let fault = state.fault(Access::CreateOrWrite).await;
    assert!(matches!(fault, Fault::Foreign(_)), "{fault}");
}

#[tokio::test]
async fn an_older_state_is_brought_up_to_date() {
    let state = State::new();
    std::fs::write(state.path(), "").unwrap();
    // The oldest state there is: made, and killed before its first migration.
    state
        .meddle(
            "CREATE TABLE _sqlx_migrations (version BIGINT PRIMARY KEY, description TEXT NOT NULL, \
             installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, success BOOLEAN NOT NULL, \
             checksum BLOB NOT NULL, execution_time BIGINT NOT NULL)",
        )
        .await;
    assert!(matches!(state.fault(Access::ReadOnly).await, Fault::Older));
    assert_eq!(state.open().await.memory(at(0)).await.unwrap(), Memory::default());
}

#[tokio::test]
async fn a_damaged_state_is_told() {
    let state = State::new();
    let store = state.open().await;
    run_with(&store, "r1", 0, vec![removals("Staff", &["a", "b"])]).await;
    store.close().await;
    let whole = std::fs::read(state.path()).unwrap();
    let mut bytes = whole.clone();
    for page in bytes.chunks_mut(4096).skip(1) {
        page.fill(0x5a);
    }
    std::fs::write(state.path(), &bytes).unwrap();
    let fault = state.fault(Access::CreateOrWrite).await;
    assert!(matches!(fault, Fault::Damaged(_)), "{fault}");
    std::fs::write(state.path(), &whole[..whole.len() / 2]).unwrap();
    let fault = state.fault(Access::CreateOrWrite).await;
    assert!(matches!(fault, Fault::Damaged(_)), "{fault}");
    std::fs::write(state.path(), &whole).unwrap();
    state.open().await;
}

#[tokio::test]
async fn what_may_only_be_read_is_not_written() {
    let state = State::new();
    let store = state.open().await;
    run_with(&store, "r1", 0, Vec::new()).await;
    let reader = Store::open(&state.path(), Access::ReadOnly).await.unwrap();
    assert!(matches!(reader.verify().await.unwrap(), Verification::Verified { records: 2, .. }));
    let error = reader.check_writable(at(0)).await.unwrap_err();
    assert!(matches!(error.fault, Fault::Unwritable(_)), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn several_starts_at_once_on_a_new_file() {
    for _ in 0..8 {
        let state = State::new();
        let open = || {
            let path = state.path();
            tokio::spawn(async move { Store::open(&path, Access::CreateOrWrite).await })
        };
        for start in [open(), open(), open()] {
            start.await.unwrap().unwrap().check_writable(at(0)).await.unwrap();
        }
    }
}

/// What is under test is that no bytes make it panic or hang; some of them may open.
fn try_bytes(bytes: &[u8]) {
    let state = State::new();
    std::fs::write(state.path(), bytes).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        if let Ok(store) = Store::open(&state.path(), Access::CreateOrWrite).await {
            let _ = store.memory(at(0)).await;
            let _ = store.verify().await;
            let _ = store.holds(at(0)).await;
            let _ = store.check_writable(at(0)).await;
        }
    });
}

fn whole_file() -> Vec<u8> {
    let state = State::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = state.open().await;
        run_with(&store, "r1", 0, vec![removals("Staff", &["a", "b"])]).await;
        store.close().await;
    });
    std::fs::read(state.path()).unwrap()
}

/// SQLite finds nothing wrong with it, and sqlx cannot read it.
#[test]
fn a_table_whose_description_is_no_text_is_damage() {
    let state = State::new();
    let mut bytes = whole_file();
    let table = b"CREATE TABLE hold ";
    let at = bytes.windows(table.len()).position(|window| window == table).unwrap();
    let kind = bytes[at..].windows(4).position(|window| window == b"TEXT").unwrap();
    bytes[at + kind] = 0xff;
    std::fs::write(state.path(), bytes).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for access in [Access::CreateOrWrite, Access::ExistingOnly, Access::ReadOnly] {
        let Err(error) = runtime.block_on(Store::open(&state.path(), access)) else { panic!("it was opened") };
        assert!(matches!(&error.fault, Fault::Damaged(what) if what.contains("not text")), "{error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn random_bytes_never_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..9000), magic: bool) {
        if magic {
            let start = b"SQLite format 3\0\x10\x00\x01\x01\x00\x40\x20\x20";
            bytes.splice(0..bytes.len().min(start.len()), *start);
        }
        try_bytes(&bytes);
    }

    #[test]
    fn a_state_with_random_holes_never_panics(holes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..40)) {
        let mut bytes = whole_file();
        for (place, byte) in holes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        try_bytes(&bytes);
    }
}

/// Every statement of the store with the file that it is in, from the name of the folder on.
fn statements() -> Vec<(String, String)> {
    let literal = regex::Regex::new(r#""((?:SELECT|INSERT|UPDATE|DELETE) (?:[^"\\]|\\[\s\S])*)""#).unwrap();
    let joined = regex::Regex::new(r"\\\n\s*").unwrap();
    let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src/store"));
    let mut folders = vec![root.clone()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for file in std::fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            if path.ends_with("tests.rs") {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let file = path.strip_prefix(&root).unwrap().display().to_string();
            let sql = literal.captures_iter(&text).map(|sql| joined.replace_all(&sql[1], "").into_owned());
            found.extend(sql.map(|sql| (file.clone(), sql)));
        }
    }
    assert!(found.len() > 60, "only {} statements were found", found.len());
    found
}

#[tokio::test]
async fn every_statement_in_the_source_is_prepared() {
    let state = State::new();
    state.open().await.close().await;
    let mut conn = sqlx::sqlite::SqliteConnectOptions::new().filename(state.path()).connect().await.unwrap();
    for (file, sql) in statements() {
        let result = conn.prepare(sqlx::AssertSqlSafe(sql.clone()).into_sql_str()).await;
        assert!(result.is_ok(), "{file}: {sql}: {}", result.err().unwrap());
    }
}

/// The ten thousandth run costs what the tenth did: of what grows with the runs nothing is gone through.
#[tokio::test]
async fn no_statement_goes_through_what_grows_with_the_history() {
    const GROWS: [&str; 7] = ["audit", "audit_key", "audit_head", "run", "hold", "approval", "approval_change"];
    // The whole log is their task. What is to be archived is asked after every run (archive/range.rs).
    const WHOLE: [&str; 6] =
        ["archive/check.rs", "archive/log.rs", "archive/prune.rs", "audit/verify.rs", "audit/walk.rs", "backup.rs"];
    let state = State::new();
    state.open().await.close().await;
    let mut conn = sqlx::sqlite::SqliteConnectOptions::new().filename(state.path()).connect().await.unwrap();
    let mut scans = Vec::new();
    for (file, sql) in statements() {
        if WHOLE.iter().any(|whole| file.starts_with(whole)) {
            continue;
        }
        let plan = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"));
        let steps = sqlx::query(plan).fetch_all(&mut conn).await.unwrap();
        let steps: Vec<String> = steps.iter().map(|step| sqlx::Row::get(step, "detail")).collect();
        // In the order of an index, with a limit and nothing to sort, no more is read than is wanted.
        let sorts = steps.iter().any(|step| step.contains("TEMP B-TREE"));
        for step in &steps {
            let scanned = step.strip_prefix("SCAN ").and_then(|rest| rest.split(' ').next());
            let ends = step.contains(" USING ") && sql.contains(" LIMIT ") && !sorts;
            if scanned.is_some_and(|table| GROWS.contains(&table)) && !ends {
                scans.push(format!("{file}: {sql}: {step}"));
            }
        }
    }
    assert!(scans.is_empty(), "{}", scans.join("\n"));
}

// The run lock

#[tokio::test]
async fn one_run_at_a_time() {
    let state = State::new();
    let store = state.open().await;
    let lock = store.lock_run("rosterd apply", at(5)).unwrap();
    let error = store.lock_run("rosterd run", at(6)).unwrap_err();
    let Fault::Busy { who, since } = &error.fault else { panic!("{error}") };
    assert!(who.starts_with(&format!("rosterd apply (process {} on ", std::process::id())), "{who}");
    assert_eq!(*since, Some(at(5)));
    drop(lock);
    store.lock_run("rosterd run", at(7)).unwrap();
}

// Memory

fn full() -> FullRun {
    FullRun {
        over: Vec::new(),
        ended: Vec::new(),
        learned: Learned {
            person_links: [(("hr".into(), "p1".into()), "a1".into()), (("ad".into(), "p1".into()), "a2".into())].into(),
            feeds: [(
                "Staff".into(),
                vec![
                    Feed { source: "hr".into(), name: "staff".into(), key: Some("k".into()), immutable: true },
                    Feed { source: "ad".into(), name: "Stäff \"x\"".into(), key: None, immutable: false },
                ],
            )]
            .into(),
            nested: [(
                "Staff".into(),
                vec![Feed {
                    source: "ad".into(),
                    name: "cn=team,dc=x".into(),
                    key: Some("k2".into()),
                    immutable: true,
                }],
            )]
            .into(),
            settled: [("Staff".into(), "d".into())].into(),
            baselines: [("hr".into(), 120), ("ad".into(), 0)].into(),
            addressed: [("hr".into(), 118)].into(),
            pending: [(("Staff".into(), "a9".into()), at(-500))].into(),
            accepted_missing: [("hr".into(), "gone".into(), "Staff".into())].into(),
            files: [("hr".into(), ["a.csv".to_owned(), "b.csv".to_owned()].into())].into(),
            columns: [("hr".into(), ["status".to_owned()].into())].into(),
        },
        known_groups: [("id-Staff".into(), "Staff".to_owned()), ("g2".into(), String::new())].into(),
        left: [("id-Staff".into(), vec!["a1".into(), "a2".into()]), ("g2".into(), Vec::new())].into(),
        seen: Some(Seen {
            at: at(-60),
            marks: [("hr".into(), "csv 1".into()), ("ad".into(), "two\nlines".into())].into(),
            live: "d".into(),
        }),
    }
}

#[tokio::test]
async fn memory_comes_back_as_it_was_given() {
    let state = State::new();
    let store = state.open().await;
    assert_eq!(store.memory(at(0)).await.unwrap(), Memory::default());

    store.begin_run(&start("r1", 0)).await.unwrap();
    store.bind_organisation("org-1").await.unwrap();
    store.remember_own("client-1", "me").await.unwrap();
    store.remember_member_id(MemberIdKind::Id).await.unwrap();
    store.link_groups(vec![(&"Staff".into(), &"id-Staff".into())]).await.unwrap();
    change(&store, "r1", 1, key(Op::AddMember, "Staff", "a1"), ChangeResult::Done).await;
    change(&store, "r1", 1, key(Op::AddMember, "Staff", "a2"), ChangeResult::AlreadySo).await;
    change(&store, "r1", 1, key(Op::RemoveMember, "Staff", "a3"), ChangeResult::Done).await;
    let ended = RunFinish { throttled_until: Some(at(900)), ..finish("r1", 2) };
    store.finish_run(&ended, Some(&full())).await.unwrap();

    let FullRun { learned, known_groups, left, seen, over: _, ended: _ } = full();
    let expected = Memory {
        undone: BTreeMap::new(),
        organisation: Some("org-1".into()),
        config_digest: Some("sha256:c1".into()),
        own_account: Some(("client-1".into(), "me".into())),
        member_id: Some(MemberIdKind::Id),
        throttled_until: Some(at(900)),
        group_links: [("Staff".into(), "id-Staff".into())].into(),
        known_groups,
        followed: BTreeSet::new(),
        left,
        owned: [("id-Staff".into(), ["a1".into()].into())].into(),
        learned,
        seen,
        approvals: Vec::new(),
        removed_today: 1,
        failed_groups: Vec::new(),
    };
    store.close().await;
    assert_eq!(state.open().await.memory(at(3)).await.unwrap(), expected);
}

#[tokio::test]
async fn a_run_that_was_not_full_teaches_nothing_and_a_full_one_replaces() {
    let state = State::new();
    let store = state.open().await;
    store.begin_run(&start("r1", 0)).await.unwrap();
    store.finish_run(&finish("r1", 1), Some(&full())).await.unwrap();
    store.begin_run(&start("r2", 10)).await.unwrap();
    store.finish_run(&finish("r2", 11), None).await.unwrap();
    let memory = store.memory(at(12)).await.unwrap();
    assert_eq!((&memory.learned, &memory.left), (&full().learned, &full().left));
    let mut less = full();
    less.learned.person_links = [(("hr".into(), "p1".into()), "a1".into())].into();
    less.learned.pending.clear();
    less.learned.baselines.insert("hr".into(), 7);
    less.left = [("id-Staff".into(), vec!["a1".into(), "a2".into()])].into();
    less.known_groups.insert("g3".into(), "Three".into());
    store.begin_run(&start("r3", 20)).await.unwrap();
    store.finish_run(&finish("r3", 21), Some(&less)).await.unwrap();
    let memory = store.memory(at(22)).await.unwrap();
    assert_eq!((memory.learned, memory.left, memory.known_groups), (less.learned, less.left, less.known_groups));
}

#[tokio::test]
async fn outcomes_move_what_rosterd_owns() {
    let state = State::new();
    let store = state.open().await;
    store.begin_run(&start("r1", 0)).await.unwrap();
    // A group that is created with its first member: its id is known from the answer alone.
    let create = Intent { group_id: None, ..intent(key(Op::CreateGroup, "New", ""), None) };
    let add = Intent { group_id: None, ..intent(key(Op::AddMember, "New", "a1"), None) };
    let seqs = store.record_intents(&"r1".into(), at(1), &[create, add]).await.unwrap();
    let created = OutcomeRecord { group_id: Some("g-new".into()), ..outcome(seqs[0], ChangeResult::Done) };
    let added = outcome(seqs[1], ChangeResult::Done);
    store.record_outcomes(&"r1".into(), at(1), &[created, added]).await.unwrap();
    let memory = store.memory(at(2)).await.unwrap();
    assert_eq!(memory.group_links, [("New".into(), "g-new".into())].into());
    assert_eq!(memory.owned, [(GroupId::new("g-new"), ["a1".into()].into())].into());
    let told = records(&store, AuditFilter { event: Some(Event::Outcome), ..AuditFilter::default() }).await;
    assert_eq!(told[0].group.as_ref().unwrap().id.as_deref(), Some("g-new"));

    let failed = ChangeResult::Failed("403".into());
    change(&store, "r1", 3, key(Op::AddMember, "Staff", "b"), failed.clone()).await;
    change(&store, "r1", 3, key(Op::RemoveMember, "New", "a1"), failed).await;
    assert_eq!(store.memory(at(4)).await.unwrap().owned, memory.owned, "what failed moves nothing");
    let remove = Intent { group_id: Some("g-new".into()), ..intent(key(Op::RemoveMember, "New", "a1"), None) };
    let seqs = store.record_intents(&"r1".into(), at(5), &[remove]).await.unwrap();
    store.record_outcomes(&"r1".into(), at(5), &[outcome(seqs[0], ChangeResult::AlreadySo)]).await.unwrap();
    let memory = store.memory(at(6)).await.unwrap();
    assert_eq!(memory.owned, Memberships::default());
    assert_eq!(memory.removed_today, 0, "somebody else had removed it");

    change(&store, "r1", 7, key(Op::AddMember, "New", "a2"), ChangeResult::Done).await;
    change(&store, "r1", 7, key(Op::AddMember, "New", "a3"), ChangeResult::Done).await;
    let group = GroupId::new("id-New");
    let both = [(group.clone(), ["a2".into(), "a3".into()].into())].into();
    assert_eq!(store.memory(at(8)).await.unwrap().owned, both);
    store.disown(&[(group.clone(), "a2".into()), (group.clone(), "nobody".into())]).await.unwrap();
    let left = [(group, ["a3".into()].into())].into();
    assert_eq!(store.memory(at(9)).await.unwrap().owned, left, "somebody took it back");
}

#[tokio::test]
async fn an_outcome_needs_its_open_intent() {
    let state = State::new();
    let store = state.open().await;
    let nobody = store.record_intents(&"r0".into(), at(0), &[]).await.unwrap_err();
    assert!(matches!(nobody.fault, Fault::UnknownRun(_)), "{nobody}");
    store.begin_run(&start("r1", 0)).await.unwrap();
    let seqs =
        store.record_intents(&"r1".into(), at(1), &[intent(key(Op::AddMember, "Staff", "a"), None)]).await.unwrap();
    let once = outcome(seqs[0], ChangeResult::Done);
    let twice = store.record_outcomes(&"r1".into(), at(1), &[once.clone(), once.clone()]).await.unwrap_err();
    assert!(matches!(twice.fault, Fault::UnknownIntent(_)), "{twice}");
    assert_eq!(store.open_intents().await.unwrap().len(), 1, "all of it was taken back");
    assert_eq!(events(&store).await, ["run_started", "intent"]);
    store.record_outcomes(&"r1".into(), at(1), &[once]).await.unwrap();
}

#[tokio::test]
async fn removals_count_for_a_day_unless_they_were_approved() {
    let state = State::new();
    let store = state.open().await;
    run_with(&store, "r1", 0, vec![removals("Staff", &["c"])]).await;
    let id = waiting(&store, 1).await[0].0.clone();
    let number = store.approve(&[id], &word_of(1)).await.unwrap()[0].number;
    store.begin_run(&start("r2", 10)).await.unwrap();
    change(&store, "r2", 10, key(Op::RemoveMember, "Staff", "a"), ChangeResult::Done).await;
    change(&store, "r2", 500, key(Op::RemoveMember, "Staff", "b"), ChangeResult::Done).await;
    approved_change(&store, "r2", 500, key(Op::RemoveMember, "Staff", "c"), ChangeResult::Done, Some(number)).await;
    const DAY: i64 = 24 * 3600;
    let counted = async |seconds| store.memory(at(seconds)).await.unwrap().removed_today;
    assert_eq!(counted(600).await, 2);
    assert_eq!(counted(DAY + 9).await, 2);
    assert_eq!(counted(DAY + 10).await, 1);
    assert_eq!(counted(DAY + 500).await, 0);
}

#[tokio::test]
async fn a_state_belongs_to_one_organisation() {
    let state = State::new();
    let store = state.open().await;
    store.bind_organisation("org-1").await.unwrap();
    store.bind_organisation("org-1").await.unwrap();
    let error = store.bind_organisation("org-2").await.unwrap_err();
    let Fault::OtherOrganisation { bound, found } = &error.fault else { panic!("{error}") };
    assert_eq!((bound.as_str(), found.as_str()), ("org-1", "org-2"));
    store.set_throttled_until(Some(at(9)), at(0)).await.unwrap();
    assert_eq!(store.memory(at(0)).await.unwrap().throttled_until, Some(at(9)));
    store.set_throttled_until(None, at(0)).await.unwrap();
    let memory = store.memory(at(0)).await.unwrap();
    assert_eq!((memory.throttled_until, memory.organisation), (None, Some("org-1".into())));
}

// Runs

#[tokio::test]
async fn a_run_is_framed_in_the_log_and_listed() {
    let state = State::new();
    let store = state.open().await;
    run_with(&store, "r1", 0, Vec::new()).await;
    let changed =
        RunStart { config_digest: "sha256:c2".into(), partial: Some(["Staff".into()].into()), ..start("r2", 100) };
    store.begin_run(&changed).await.unwrap();
    change(&store, "r2", 101, key(Op::AddMember, "Staff", "a"), ChangeResult::Done).await;
    change(&store, "r2", 101, key(Op::AddMember, "Staff", "b"), ChangeResult::Failed("500".into())).await;
    let mut unread = finish("r2", 102);
    unread.sources[0].complete = false;
    unread.outcome = Outcome::PartlyApplied;
    unread.exit = 12;
    unread.planned = Some(plan(Vec::new()).counts());
    store.finish_run(&unread, None).await.unwrap();
    assert_eq!(
        events(&store).await,
        [
            "run_started",
            "run_finished",
            "run_started",
            "config_changed",
            "intent",
            "outcome",
            "intent",
            "outcome",
            "run_finished"
        ]
    );
    let rows = store.runs(10).await.unwrap();
    let ids: Vec<&str> = rows.iter().map(|row| row.run.as_str()).collect();
    assert_eq!(ids, ["r2", "r1"], "newest first");
    assert_eq!(rows[0].outcome, Some(Outcome::PartlyApplied));
    assert_eq!((rows[0].exit, rows[0].partial.as_deref()), (Some(12), Some(&["Staff".to_owned()][..])));
    assert_eq!((rows[0].tally.intents, rows[0].tally.done, rows[0].tally.failed, rows[0].tally.open()), (2, 1, 1, 0));
    assert_eq!(store.runs(1).await.unwrap().len(), 1);
    assert_eq!(store.document(&"r2".into()).await.unwrap().as_deref(), Some("{\"run\":\"r2\"}"));
    assert_eq!(store.run(&"r3".into()).await.unwrap(), None);
    let sources = store.sources().await.unwrap();
    assert_eq!((sources[0].complete, sources[0].at, sources[0].complete_at), (false, at(102), Some(at(1))));
    assert_eq!(store.memory(at(103)).await.unwrap().config_digest.as_deref(), Some("sha256:c2"));
}

#[tokio::test]
async fn the_last_run_is_the_last_one_of_the_log_also_where_the_clock_was_set_back() {
    let state = State::new();
    let store = state.open().await;
    run_with(&store, "r1", 7200, Vec::new()).await;
    run_with(&store, "r2", 60, Vec::new()).await;
    let rows = store.runs(10).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.run.as_str()).collect::<Vec<_>>(), ["r2", "r1"]);
    assert_eq!(store.brief(at(100)).await.unwrap().last.map(|last| last.run), Some("r2".into()));
}

#[tokio::test]
async fn a_plan_is_stored_and_nothing_else_moves() {
    let state = State::new();
    let store = state.open().await;
    run_with(&store, "r1", 0, Vec::new()).await;
    let before = store.memory(at(10)).await.unwrap();
    let held = removals("Staff", &["a", "b"]);
    for n in 0..25 {
        let report =
            PlanReport { run: RunId::new(format!("p{n:02}")), made_at: at(10 + n), plan: plan(vec![held.clone()]) };
        store.store_plan(&report, "{}", None).await.unwrap();
    }
    assert_eq!(store.memory(at(50)).await.unwrap(), before);
    assert_eq!(events(&store).await, ["run_started", "run_finished"]);
    assert_eq!(store.runs(10).await.unwrap().len(), 1);
    assert_eq!(store.document(&"p04".into()).await.unwrap(), None, "the oldest are let go");
    assert!(store.document(&"p05".into()).await.unwrap().is_some());
    assert!(store.document(&"r1".into()).await.unwrap().is_some(), "a run's document is not pushed out by plans");
    assert_eq!(waiting(&store, 50).await, [(held.id.to_string(), false)]);

    // The run that finds it tells the log, once.
    run_with(&store, "r2", 60, vec![held.clone()]).await;
    run_with(&store, "r3", 70, vec![held]).await;
    let holds = records(&store, AuditFilter { event: Some(Event::Hold), ..AuditFilter::default() }).await;
    assert_eq!(holds.len(), 1);
    assert_eq!(holds[0].run_id.as_deref(), Some("r2"));
}

// Holds and approvals

#[tokio::test]
async fn a_hold_closes_when_it_is_held_no_longer_and_opens_again() {
    let state = State::new();
    let store = state.open().await;
    let held = removals("Staff", &["a", "b"]);
    run_with(&store, "r1", 0, vec![held.clone()]).await;
    let stored = store.holds(at(5)).await.unwrap();
    assert_eq!(stored[0].changes, held.changes);
    assert_eq!(stored[0].scope, held.scope.to_string());
    assert_eq!((stored[0].first_seen, stored[0].last_seen), (at(0), at(0)));
    run_with(&store, "r2", 10, vec![held.clone()]).await;
    let stored = store.holds(at(15)).await.unwrap();
    assert_eq!((stored[0].first_seen, stored[0].last_seen), (at(0), at(10)));
    run_with(&store, "r3", 20, Vec::new()).await;
    assert!(waiting(&store, 25).await.is_empty());
    run_with(&store, "r4", 30, vec![held]).await;
    assert_eq!(store.holds(at(35)).await.unwrap()[0].first_seen, at(30));
    let told = records(&store, AuditFilter { event: Some(Event::Hold), ..AuditFilter::default() }).await;
    assert_eq!(told.len(), 2, "when it was new, and when it waited again");
}

#[tokio::test]
async fn a_run_over_some_groups_closes_their_holds_alone() {
    let state = State::new();
    let store = state.open().await;
    let (staff, board) = (removals("Staff", &["a"]), removals("Board", &["a"]));
    let own = hold(Rule::RunRemovals, Scope::Run, [key(Op::RemoveMember, "Staff", "a")]);
    let both =
        hold(Rule::RunRemovals, Scope::Run, [key(Op::RemoveMember, "Staff", "a"), key(Op::RemoveMember, "Board", "a")]);
    run_with(&store, "r1", 0, vec![staff, board.clone(), own, both.clone()]).await;
    let groups: BTreeSet<GroupName> = ["Staff".into()].into();
    store.begin_run(&start("r2", 10)).await.unwrap();
    store.record_holds(&"r2".into(), at(10), &plan(Vec::new()), Some(&groups)).await.unwrap();
    let left: BTreeSet<String> = waiting(&store, 11).await.into_iter().map(|(id, _)| id).collect();
    assert_eq!(left, [board.id.to_string(), both.id.to_string()].into());
}

#[tokio::test]
async fn an_approval_covers_exactly_its_set_and_each_change_passes_once() {
    let state = State::new();
    let store = state.open().await;
    let held = removals("Staff", &["a", "b", "c"]);
    run_with(&store, "r1", 0, vec![held.clone()]).await;
    let approved = store.approve(&[held.id.to_string()], &word_of(1)).await.unwrap();
    let number = approved[0].number;
    assert_eq!(waiting(&store, 2).await, [(held.id.to_string(), true)]);
    let given = &store.memory(at(2)).await.unwrap().approvals[0];
    assert_eq!(given.changes, held.changes);
    assert_eq!((given.rule, given.scope.as_str()), (Rule::GroupRemovals, "group \"Staff\""));
    assert_eq!((given.by.as_str(), given.login.as_str()), ("Ann", "root"));

    store.begin_run(&start("r2", 10)).await.unwrap();
    store.record_holds(&"r2".into(), at(10), &plan(vec![held.clone()]), None).await.unwrap();
    let result = [ChangeResult::Done, ChangeResult::AlreadySo, ChangeResult::Failed("409".into())];
    for (account, result) in ["a", "b", "c"].into_iter().zip(result) {
        approved_change(&store, "r2", 11, key(Op::RemoveMember, "Staff", account), result, Some(number)).await;
    }
    store.finish_run(&finish("r2", 12), None).await.unwrap();
    let left: BTreeSet<_> = [key(Op::RemoveMember, "Staff", "c")].into();
    assert_eq!(store.memory(at(13)).await.unwrap().approvals[0].changes, left);

    // What is left has another id, and is within the set; one change more is not.
    let (rest, more) = (removals("Staff", &["c"]), removals("Staff", &["c", "d"]));
    let other_rule = hold(Rule::Empty, Scope::Group("Staff".into()), rest.changes.clone());
    let other_scope = hold(Rule::GroupRemovals, Scope::Group("Board".into()), rest.changes.clone());
    run_with(&store, "r3", 20, vec![rest.clone(), more, other_rule, other_scope]).await;
    let covered: Vec<String> =
        waiting(&store, 22).await.into_iter().filter(|(_, yes)| *yes).map(|(id, _)| id).collect();
    assert_eq!(covered, [rest.id.to_string()]);

    store.begin_run(&start("r4", 30)).await.unwrap();
    approved_change(&store, "r4", 30, key(Op::RemoveMember, "Staff", "c"), ChangeResult::Done, Some(number)).await;
    assert!(store.memory(at(31)).await.unwrap().approvals.is_empty(), "used up");
    let open: Vec<String> = waiting(&store, 31).await.into_iter().map(|(id, _)| id).collect();
    assert!(!open.contains(&rest.id.to_string()), "it has passed, even before the run ends");
    store.finish_run(&finish("r4", 32), None).await.unwrap();
    // The same again needs another word.
    run_with(&store, "r5", 40, vec![rest.clone()]).await;
    assert!(store.memory(at(41)).await.unwrap().approvals.is_empty());
}

#[tokio::test]
async fn a_change_without_the_approval_uses_nothing_up_and_one_with_it_uses_all() {
    let state = State::new();
    let store = state.open().await;
    let group = removals("Staff", &["a"]);
    let run = hold(Rule::RunRemovals, Scope::Run, group.changes.clone());
    run_with(&store, "r1", 0, vec![group.clone(), run.clone()]).await;
    let ids = [group.id.to_string(), run.id.to_string()];
    let approved = store.approve(&ids, &word_of(1)).await.unwrap();
    assert_eq!(approved.len(), 2);
    store.begin_run(&start("r2", 10)).await.unwrap();
    change(&store, "r2", 10, key(Op::RemoveMember, "Staff", "a"), ChangeResult::Done).await;
    assert_eq!(store.memory(at(11)).await.unwrap().approvals.len(), 2);
    approved_change(
        &store,
        "r2",
        12,
        key(Op::RemoveMember, "Staff", "a"),
        ChangeResult::Done,
        Some(approved[0].number),
    )
    .await;
    assert!(store.memory(at(13)).await.unwrap().approvals.is_empty(), "it passed once, under both rules");
}

#[tokio::test]
async fn an_approval_expires() {
    let state = State::new();
    let store = state.open().await;
    let held = removals("Staff", &["a"]);
    run_with(&store, "r1", 0, vec![held.clone()]).await;
    store.approve(&[held.id.to_string()], &word_of(1)).await.unwrap();
    assert_eq!(store.memory(at(3600)).await.unwrap().approvals.len(), 1);
    assert_eq!(waiting(&store, 3600).await, [(held.id.to_string(), true)]);
    assert!(store.memory(at(3601)).await.unwrap().approvals.is_empty());
    assert_eq!(waiting(&store, 3601).await, [(held.id.to_string(), false)]);
    // Given again, it has new terms; the change passes once all the same.
    store.approve(&[held.id.to_string()], &word_of(3700)).await.unwrap();
    let number = store.approve(&[held.id.to_string()], &word_of(3800)).await.unwrap()[0].number;
    assert_eq!(store.memory(at(3900)).await.unwrap().approvals.len(), 2);
    store.begin_run(&start("r2", 3900)).await.unwrap();
    approved_change(&store, "r2", 3900, key(Op::RemoveMember, "Staff", "a"), ChangeResult::Done, Some(number)).await;
    assert!(store.memory(at(3901)).await.unwrap().approvals.is_empty());
}

/// By their times, a run that came after the approval ended before it.
#[tokio::test]
async fn an_approval_by_a_clock_that_was_ahead_is_found_in_the_log() {
    let state = State::new();
    let store = state.open().await;
    let held = removals("Staff", &["a"]);
    run_with(&store, "r1", 0, vec![held.clone()]).await;
    store.approve(&[held.id.to_string()], &word_of(600)).await.unwrap();
    run_with(&store, "r2", 60, vec![held.clone()]).await;
    assert_eq!(store.memory(at(120)).await.unwrap().approvals.len(), 1);
}

#[tokio::test]
async fn a_missing_group_is_approved_until_the_run_accepts_it() {
    let state = State::new();
    let store = state.open().await;
    let scope = Scope::Directory { source: "hr".into(), directory_group: "gone".into(), group: "Staff".into() };
    let held = hold(Rule::Missing, scope, []);
    run_with(&store, "r1", 0, vec![held.clone()]).await;
    store.approve(&[held.id.to_string()], &word_of(1)).await.unwrap();
    assert_eq!(store.memory(at(2)).await.unwrap().approvals.len(), 1);
    assert_eq!(waiting(&store, 2).await, [(held.id.to_string(), true)]);
    store.begin_run(&start("r2", 10)).await.unwrap();
    store.finish_run(&finish("r2", 11), Some(&full())).await.unwrap();
    let memory = store.memory(at(12)).await.unwrap();
    assert!(memory.approvals.is_empty(), "the acceptance took its place");
    assert_eq!(memory.learned.accepted_missing.len(), 1);
}

#[tokio::test]
async fn a_plans_digest_stands_for_its_holds_that_wait() {
    let state = State::new();
    let store = state.open().await;
    let (staff, board, other) = (removals("Staff", &["a"]), removals("Board", &["b"]), removals("Other", &["c"]));
    run_with(&store, "r1", 0, vec![other.clone()]).await;
    let report = PlanReport { run: "p1".into(), made_at: at(5), plan: plan(vec![staff.clone(), board.clone()]) };
    store.store_plan(&report, "{}", None).await.unwrap();
    let digest = report.plan.digest.as_str().to_owned();
    store.approve(&[board.id.to_string()], &word_of(6)).await.unwrap();
    let approved = store.approve(std::slice::from_ref(&digest), &word_of(7)).await.unwrap();
    assert_eq!(approved.iter().map(|one| &one.hold.id).collect::<Vec<_>>(), [&staff.id], "the other has its word");
    let open: BTreeMap<String, bool> = waiting(&store, 8).await.into_iter().collect();
    assert!(!open[other.id.as_str()], "it is another plan's");
    let error = store.approve(&[digest], &word_of(9)).await.unwrap_err();
    let Fault::UnknownHold { waiting: left, .. } = &error.fault else { panic!("{error}") };
    assert_eq!(left, &[other.id.to_string()]);
    // A run's plan has a digest too, and twelve digits of it will do.
    let of_run = plan(vec![other.clone()]).digest.as_str()["sha256:".len()..][..12].to_owned();
    assert_eq!(store.approve(&[of_run], &word_of(10)).await.unwrap()[0].hold.id, other.id);
}

#[tokio::test]
async fn approving_is_all_or_nothing() {
    let state = State::new();
    let store = state.open().await;
    let held = removals("Staff", &["a"]);
    run_with(&store, "r1", 0, vec![held.clone()]).await;
    for unknown in ["h-000000000000", "nonsense", "", "sha256:00", "'; DROP TABLE hold; --", "%%%%%%%%%%%%%"] {
        let error = store.approve(&[held.id.to_string(), unknown.to_owned()], &word_of(1)).await.unwrap_err();
        let Fault::UnknownHold { id, waiting } = &error.fault else { panic!("{error}") };
        assert_eq!((id.as_str(), waiting), (unknown, &vec![held.id.to_string()]));
        assert!(error.help().contains(held.id.as_str()), "{}", error.help());
    }
    assert!(store.memory(at(2)).await.unwrap().approvals.is_empty());
    assert!(!events(&store).await.contains(&"approval".to_owned()));
    store.approve(&[held.id.to_string()], &word_of(1)).await.unwrap();
    let told = records(&store, AuditFilter { event: Some(Event::Approval), ..AuditFilter::default() }).await;
    let approval = told[0].approval.as_ref().unwrap();
    assert_eq!(told[0].hold.as_deref(), Some(held.id.as_str()));
    assert_eq!((approval.by.as_str(), approval.login.as_str()), ("Ann", "root"));
    assert_eq!((approval.reason.as_str(), approval.ticket.as_deref()), ("reorganisation", Some("GRC-7")));
    assert_eq!(approval.expires, at(3601));
}

#[tokio::test]
async fn approving_works_while_a_run_is_under_way() {
    let state = State::new();
    let run = state.open().await;
    let held = removals("Staff", &["a"]);
    let _lock = run.lock_run("rosterd apply", at(0)).unwrap();
    run.begin_run(&start("r1", 0)).await.unwrap();
    run.record_holds(&"r1".into(), at(0), &plan(vec![held.clone()]), None).await.unwrap();
    let cli = Store::open(&state.path(), Access::ExistingOnly).await.unwrap();
    assert_eq!(cli.holds(at(1)).await.unwrap().len(), 1);
    cli.approve(&[held.id.to_string()], &word_of(1)).await.unwrap();
    change(&run, "r1", 2, key(Op::AddMember, "Staff", "z"), ChangeResult::Done).await;
    run.finish_run(&finish("r1", 3), None).await.unwrap();
    assert_eq!(run.memory(at(4)).await.unwrap().approvals.len(), 1);
    assert!(matches!(run.verify().await.unwrap(), Verification::Verified { .. }));
}

#[tokio::test]
async fn a_backup_is_whole_and_its_owners_alone() {
    let state = State::new();
    let store = state.open().await;
    run_with(&store, "r1", 0, vec![removals("Staff", &["a"])]).await;
    let copy = state.dir.path().join("copy.db");
    store.backup(&copy).await.unwrap();
    assert_eq!(std::fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
    let again = store.backup(&copy).await.unwrap_err();
    assert!(again.to_string().contains("copy.db"), "nothing is overwritten: {again}");
    let restored = Store::open(&copy, Access::CreateOrWrite).await.unwrap();
    assert_eq!(restored.memory(at(9)).await.unwrap(), store.memory(at(9)).await.unwrap());
    assert_eq!(restored.verify().await.unwrap(), store.verify().await.unwrap());
    let later = at(0) + SignedDuration::from_secs(10);
    restored.check_writable(later).await.unwrap();
}
