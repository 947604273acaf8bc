//! A state of an older version is brought up to date with all that is in it, or left as it was.

use std::path::Path;

use rosterd::store::{Access, Store};
use serde_json::Value;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{Executor, SqlSafeStr};

use crate::state::meddle;
use crate::support::bench::{Bench, rosterd};

/// The first schema, as it was shipped.
const FIRST: &str = include_str!("../../migrations/0001_state.sql");

/// Takes a state back to the first schema, with all that it can hold of it.
fn take_back(state: &Path) {
    let old = state.with_extension("old");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let options = SqliteConnectOptions::new().filename(&old).create_if_missing(true);
        let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await.unwrap();
        pool.execute("PRAGMA journal_mode = WAL").await.unwrap();
        let first = Migration::new(1, "state".into(), MigrationType::Simple, FIRST.into_sql_str(), false);
        Migrator::with_migrations(vec![first]).run(&pool).await.unwrap();
        let attach = format!("ATTACH '{}' AS new", state.display());
        pool.execute(sqlx::AssertSqlSafe(attach).into_sql_str()).await.unwrap();
        let tables: Vec<String> = sqlx::query_scalar(
            "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name <> '_sqlx_migrations' ORDER BY rowid",
        )
        .fetch_all(&pool)
        .await
        .unwrap();
        for table in &tables {
            let columns: Vec<String> = sqlx::query_scalar("SELECT name FROM pragma_table_info($1, 'main')")
                .bind(table)
                .fetch_all(&pool)
                .await
                .unwrap();
            let columns = columns.join(", ");
            let copy = format!("INSERT INTO main.{table} ({columns}) SELECT {columns} FROM new.{table}");
            pool.execute(sqlx::AssertSqlSafe(copy).into_sql_str()).await.unwrap();
        }
        assert!(tables.len() > 15, "{tables:?}");
        pool.close().await;
    });
    for ending in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{ending}", state.display()));
    }
    std::fs::rename(&old, state).unwrap();
}

/// Everything in a state, table by table.
fn dump(state: &Path) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let options = SqliteConnectOptions::new().filename(state);
        let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await.unwrap();
        let all = async |sql: String| -> Vec<String> {
            sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_all(&pool).await.unwrap()
        };
        let mut told = all("SELECT type || name || COALESCE(sql, '') FROM sqlite_schema ORDER BY name".into()).await;
        for table in all("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name".into()).await {
            let columns = all(format!("SELECT 'quote(' || name || ')' FROM pragma_table_info('{table}')")).await;
            let row = columns.join(" || ',' || ");
            told.extend(all(format!("SELECT '{table}:' || {row} FROM {table} ORDER BY rowid")).await);
        }
        pool.close().await;
        told.join("\n")
    })
}

fn schema(state: &Path) -> i64 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let options = SqliteConnectOptions::new().filename(state);
        let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await.unwrap();
        let version = sqlx::query_scalar("SELECT MAX(version) FROM _sqlx_migrations").fetch_one(&pool).await.unwrap();
        pool.close().await;
        version
    })
}

/// A state of the first schema with runs, a hold that was let through, and one that waits.
fn old() -> (Bench, Vec<Value>) {
    let (bench, audit, _) = old_with_keys();
    (bench, audit)
}

/// By what records of the log are found, in a state.
fn keys(state: &Path) -> Vec<String> {
    dump(state).lines().filter(|line| line.starts_with("audit_key:")).map(str::to_owned).collect()
}

/// The same, with the keys that its records had before.
fn old_with_keys() -> (Bench, Vec<Value>, Vec<String>) {
    let mut bench = Bench::small();
    bench.rest = bench.rest.replace("first_removals = \"apply\"", "first_removals = \"hold\"");
    bench.people(&["compliance,ann", "compliance,bob", "compliance,dan"]);
    let run = bench.apply(11);
    let hold = run["holds"][0]["id"].as_str().unwrap();
    bench.run(&["approve", hold, "--by", "Ann", "--reason", "left"]).exits(0);
    bench.apply(0);
    bench.rest.push_str("[group.Compliance]\nexpect = [\"cem@corp.example\"]\n");
    bench.people(&["compliance,ann", "compliance,dan", "compliance,eve"]);
    bench.apply(11);
    let audit = bench.audit();
    let keys = keys(&bench.state());
    take_back(&bench.state());
    assert_eq!(schema(&bench.state()), 1);
    (bench, audit, keys)
}

#[test]
fn an_older_state_is_brought_up_to_date_with_all_that_is_in_it() {
    let (bench, audit) = old();
    // Looking at it, and copying it, leaves it as it is.
    let state = bench.state().display().to_string();
    rosterd(&["audit", "verify", &state]).exits(0);
    bench.run(&["audit", "verify"]).exits(0);
    bench.run(&["backup", "before.db"]).exits(0);
    assert_eq!((schema(&bench.state()), schema(&bench.path("before.db"))), (1, 1));

    assert_eq!(bench.audit(), audit);
    assert!(schema(&bench.state()) > 1);
    bench.run(&["audit", "verify"]).exits(0);
    let holds = bench.run(&["holds"]).exits(0).stdout;
    assert!(holds.contains("expect"), "{holds}");
    bench.run(&["status"]).exits(0);
    bench.simulator().forget_requests();
    let run = bench.apply(11);
    assert_eq!(bench.writes(), [], "it knows what was done");
    let hold = run["holds"][0]["id"].as_str().unwrap();
    bench.run(&["approve", hold, "--by", "Ann", "--reason", "left"]).exits(0);
    bench.apply(0);
    assert_eq!(bench.members("Compliance"), ["ann", "dan", "eve"]);
    bench.in_step();
}

#[test]
fn records_of_an_older_state_are_found_by_the_keys_that_newer_ones_get() {
    let (bench, audit, before) = old_with_keys();
    assert!(before.len() > audit.len() / 2, "{before:?}");
    bench.run(&["status"]).exits(0);
    assert_eq!(keys(&bench.state()), before);
    // Once and for all.
    bench.run(&["status"]).exits(0);
    assert_eq!(keys(&bench.state()), before);
}

#[test]
fn an_upgrade_that_fails_leaves_the_state_as_it_was() {
    let (bench, audit) = old();
    meddle(&bench.state(), "CREATE TABLE archive (odd TEXT)");
    let before = dump(&bench.state());
    bench.simulator().forget_requests();
    for args in [&["apply"][..], &["plan"], &["status"]] {
        let told = bench.run(args).exits(1);
        assert!(told.stderr.contains("table archive already exists"), "{}", told.stderr);
        assert_eq!(schema(&bench.state()), 1, "all steps or none");
        assert_eq!(dump(&bench.state()), before);
    }
    assert_eq!(bench.calls(), []);
    meddle(&bench.state(), "DROP TABLE archive");
    bench.apply(11);
    assert_eq!(bench.audit()[..audit.len()], audit);
    bench.run(&["audit", "verify"]).exits(0);
}

#[test]
fn a_newer_state_is_refused_by_every_command() {
    let (bench, _) = old();
    meddle(
        &bench.state(),
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (99, 'later', TRUE, x'00', 0)",
    );
    let before = dump(&bench.state());
    for args in [&["apply"][..], &["plan"], &["status"], &["audit", "verify"], &["audit", "list"], &["backup", "c.db"]]
    {
        let told = bench.run(args).exits(1);
        assert!(told.stderr.contains("used by a newer version of rosterd (schema 99"), "{args:?}: {}", told.stderr);
        assert!(told.stderr.contains("\nhelp: install that version again"), "{}", told.stderr);
    }
    assert!(!bench.path("c.db").exists());
    assert_eq!(dump(&bench.state()), before);
}

#[tokio::test]
async fn an_upgrade_happens_once_however_many_start() {
    let bench = tokio::task::spawn_blocking(|| old().0).await.unwrap();
    let path = bench.state();
    let open = || Store::open(&path, Access::CreateOrWrite);
    let (a, b, c) = tokio::join!(open(), open(), open());
    for store in [a.unwrap(), b.unwrap(), c.unwrap()] {
        store.verify().await.unwrap();
    }
    tokio::task::spawn_blocking(move || drop(bench)).await.unwrap();
}
