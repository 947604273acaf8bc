//! Opening the state file: created for its owner alone, told from files of others, brought up to
//! date, and set so that what is committed stays.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, SqlSafeStr, SqliteConnection};

use super::audit::keys;
use super::error::{Fault, of_migration};
use super::{form, lock, settings};

/// How the state file may be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// For plans and runs: a missing file is created, an older one brought up to date.
    CreateOrWrite,
    /// For commands that make no sense without one: a missing file is an error and stays missing.
    ExistingOnly,
    /// Looked at and left as it is: for a copy on a read-only medium, or of an older version. Of an older
    /// one nothing but the audit log can be relied on.
    ReadOnly,
}

/// Every file of `migrations/`, in order.
const MIGRATIONS: &[(i64, &str, &str)] = &[
    (1, "state", include_str!("../../migrations/0001_state.sql")),
    (2, "watermarks", include_str!("../../migrations/0002_watermarks.sql")),
    (3, "source_addresses", include_str!("../../migrations/0003_source_addresses.sql")),
    (4, "notices", include_str!("../../migrations/0004_notices.sql")),
    (5, "archive", include_str!("../../migrations/0005_archive.sql")),
    (6, "facts", include_str!("../../migrations/0006_facts.sql")),
    (7, "undone", include_str!("../../migrations/0007_undone.sql")),
    (KEYS, "keys", include_str!("../../migrations/0008_keys.sql")),
    (9, "runs", include_str!("../../migrations/0009_runs.sql")),
    (10, "hold_seen", include_str!("../../migrations/0010_hold_seen.sql")),
    (11, "approval_ended", include_str!("../../migrations/0011_approval_ended.sql")),
    (12, "nested_feeds", include_str!("../../migrations/0012_nested_feeds.sql")),
    (13, "hold_group", include_str!("../../migrations/0013_hold_group.sql")),
];

/// The migration from which on records of the log have keys.
const KEYS: i64 = 8;

/// How long a writer waits for another one.
const BUSY: Duration = Duration::from_secs(15);

/// Up to this size the whole file is checked whenever it is opened; it takes a millisecond.
const CHECKED_ALWAYS: u64 = 1024 * 1024;

/// Up to this size runs check the whole file once a day, and when nobody closed it: it takes some twenty
/// milliseconds, and a run shall not cost more because of what others wrote before it. Other commands check it.
const CHECKED_WHOLE: u64 = 32 * 1024 * 1024;

/// How often that is.
const CHECKED_EVERY: SignedDuration = SignedDuration::from_hours(24);

/// Opening alone reads nothing.
const ANYTHING: &str = "SELECT COUNT(*) FROM sqlite_schema";

/// The first bytes of every SQLite database (<https://www.sqlite.org/fileformat.html>).
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// Opens the file and leaves connections to it.
pub(super) async fn open(path: &Path, access: Access) -> Result<SqlitePool, Fault> {
    if path.to_str().is_none() {
        return Err(Fault::Path);
    }
    look(path, access)?;
    // Whoever closes the file last leaves no such log behind.
    let closed = !std::fs::metadata(lock::beside(path, "-wal")).is_ok_and(|log| log.len() > 0);
    match access {
        Access::CreateOrWrite | Access::ExistingOnly => prepare(path, access).await?,
        Access::ReadOnly => header(path)?,
    }
    let pool = match connect(options(path, access)).await {
        // In a directory that is read-only SQLite cannot make the files it shares with writers. Where
        // no log waits beside the file, nobody writes there, and it can be read without them.
        Err(Fault::Unwritable(_)) if access == Access::ReadOnly && !lock::beside(path, "-wal").exists() => {
            connect(options(path, access).immutable(true)).await?
        }
        Err(Fault::Unwritable(_)) if access == Access::ReadOnly && on_read_only(&lock::beside(path, "-wal")) => {
            return Err(Fault::LogBeside);
        }
        other => other?,
    };
    if access == Access::ReadOnly && probe(&pool).await? == 0 {
        return Err(Fault::Older);
    }
    check(&pool, path, access, closed).await?;
    Ok(pool)
}

/// Whether a file that was opened as it is has what this version makes of one.
pub(super) async fn is_current(pool: &SqlitePool) -> Result<bool, Fault> {
    Ok(probe(pool).await? == newest())
}

async fn connect(options: SqliteConnectOptions) -> Result<SqlitePool, Fault> {
    let pool = SqlitePoolOptions::new()
        .max_connections(4)
        .acquire_timeout(BUSY * 2)
        .after_release(|conn, _| Box::pin(is_clean(conn)))
        .connect_with(options)
        .await?;
    sqlx::query(ANYTHING).execute(&pool).await?;
    Ok(pool)
}

/// Whether a file is there, and on a file system that is read-only. Opened so, it is left as it is.
fn on_read_only(path: &Path) -> bool {
    let opened = OpenOptions::new().append(true).open(path);
    opened.is_err_and(|error| error.kind() == ErrorKind::ReadOnlyFilesystem)
}

/// One connection, closed behind a first look.
pub(super) async fn open_and_close(options: &SqliteConnectOptions) -> Result<(), sqlx::Error> {
    let mut one = options.connect().await?;
    sqlx::query(ANYTHING).execute(&mut one).await?;
    one.close().await
}

/// Whether a connection can serve the next transaction. On a full disk SQLite itself takes a transaction back;
/// sqlx's rollback fails then, and sqlx counts the transaction as open for ever: such a connection is closed.
async fn is_clean(conn: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    // Behind the rollback of a transaction that was dropped.
    conn.ping().await?;
    Ok(!conn.is_in_transaction())
}

fn options(path: &Path, access: Access) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .read_only(access == Access::ReadOnly)
        .busy_timeout(BUSY)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        // Statements may take their time on a large log; that is nothing to warn about.
        .disable_statement_logging()
}

/// What the path alone tells.
fn look(path: &Path, access: Access) -> Result<(), Fault> {
    match std::fs::metadata(path) {
        Ok(found) if found.is_dir() => return Err(Fault::IsDirectory),
        Ok(_) => return Ok(()),
        Err(cause) if cause.kind() == ErrorKind::NotFound => {}
        Err(cause) if cause.kind() == ErrorKind::NotADirectory => {}
        Err(cause) => return Err(Fault::io("looking at it", cause)),
    }
    let directory = path.parent().unwrap_or(path);
    match access {
        Access::ExistingOnly | Access::ReadOnly => Err(Fault::Missing),
        Access::CreateOrWrite if directory.is_dir() => Ok(()),
        Access::CreateOrWrite => Err(Fault::NoDirectory(directory.to_owned())),
    }
}

/// Creates the file where there is none and brings it up to date, while no other process does.
async fn prepare(path: &Path, access: Access) -> Result<(), Fault> {
    let guard = lock::lock_opening(path).await?;
    if access == Access::CreateOrWrite {
        create(path)?;
    }
    header(path)?;
    // A pool of one: sqlx's migrations on a bare connection make a future that no task can run.
    let one = SqlitePoolOptions::new().max_connections(1).connect_with(options(path, access)).await?;
    let done = bring_up_to_date(&one).await;
    one.close().await;
    done?;
    drop(guard);
    Ok(())
}

async fn bring_up_to_date(pool: &SqlitePool) -> Result<(), Fault> {
    let found = probe(pool).await?;
    // The first thing that is written, and only now: before it we did not know whose file it is.
    let mode: String = sqlx::query_scalar("PRAGMA journal_mode = WAL").fetch_one(pool).await?;
    if mode != "wal" {
        return Err(Fault::Unwritable("its file system does not allow a write-ahead log".into()));
    }
    // All of them or none: a file between two versions could be opened by neither. Each migration has a
    // transaction of its own, which becomes a savepoint of this one.
    let mut all = pool.begin_with("BEGIN IMMEDIATE").await?;
    let mut done = migrator().run_direct(None, &mut *all, false).await.map_err(of_migration);
    if done.is_ok() && found < KEYS {
        done = keys::fill(&mut all).await;
    }
    match done {
        Ok(()) => Ok(all.commit().await?),
        Err(fault) => {
            // The transaction may be gone already, and the first failure is the one to tell.
            all.rollback().await.ok();
            Err(fault)
        }
    }
}

fn create(path: &Path) -> Result<(), Fault> {
    let created = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    match created {
        Ok(file) => {
            lock::give(&file, lock::directory(path));
            Ok(())
        }
        Err(cause) if cause.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(cause) => Err(Fault::io("creating it", cause)),
    }
}

/// A file with something else at its beginning is never given to SQLite.
fn header(path: &Path) -> Result<(), Fault> {
    let mut start = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(MAGIC.len() as u64).read_to_end(&mut start))
        .map_err(|cause| Fault::io("reading it", cause))?;
    if start.is_empty() || start == MAGIC { Ok(()) } else { Err(Fault::NotADatabase) }
}

/// Whose database it is; the newest migration in it, 0 for an empty one.
async fn probe(pool: &SqlitePool) -> Result<i64, Fault> {
    schema(pool).await?;
    let tables: Vec<String> =
        sqlx::query_scalar("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").fetch_all(pool).await?;
    let Some(first) = tables.first() else {
        return Ok(0);
    };
    if !tables.iter().any(|name| name == "_sqlx_migrations") {
        return Err(Fault::Foreign(format!("it has a table {first:?}, and none of rosterd's")));
    }
    let found: Option<i64> = sqlx::query_scalar("SELECT MAX(version) FROM _sqlx_migrations").fetch_one(pool).await?;
    let (found, known) = (found.unwrap_or(0), newest());
    if found > known {
        return Err(Fault::Newer { found, known });
    }
    // Before its first migration it has no table of the log.
    if found > 0 {
        form::check(&mut *pool.acquire().await?).await?;
    }
    Ok(found)
}

/// Whether what tells the tables is text at all. SQLite takes any bytes for the types of columns; sqlx takes them for
/// text, and where they are none its thread ends, and whoever asks it something at that moment waits for ever.
async fn schema(pool: &SqlitePool) -> Result<(), Fault> {
    let texts: Vec<Vec<u8>> =
        sqlx::query_scalar("SELECT CAST(sql AS BLOB) FROM sqlite_schema WHERE sql IS NOT NULL").fetch_all(pool).await?;
    match texts.iter().all(|text| std::str::from_utf8(text).is_ok()) {
        true => Ok(()),
        false => Err(Fault::Damaged("what describes its tables is not text".to_owned())),
    }
}

/// Structure of the whole file where that is cheap, else of what SQLite reads on its way.
async fn check(pool: &SqlitePool, path: &Path, access: Access, closed: bool) -> Result<(), Fault> {
    let size = std::fs::metadata(path).map_or(u64::MAX, |found| found.len());
    if size > CHECKED_WHOLE {
        return Ok(());
    }
    let now = Timestamp::now();
    let by_run = access == Access::CreateOrWrite && size > CHECKED_ALWAYS;
    if by_run && closed && was_checked(pool, now).await {
        return Ok(());
    }
    let found: Vec<String> = sqlx::query_scalar("PRAGMA quick_check(1)").fetch_all(pool).await?;
    match found.first().map(String::as_str) {
        Some("ok") => {}
        Some(what) => return Err(Fault::Damaged(what.to_owned())),
        None => return Err(Fault::Damaged("it cannot be checked".into())),
    }
    if by_run && let Err(fault) = remember_checked(pool, now).await {
        // The next one checks again. Whether the state can be written is asked before anything depends on it.
        tracing::debug!(?fault, "that the state was checked could not be remembered");
    }
    Ok(())
}

async fn remember_checked(pool: &SqlitePool, now: Timestamp) -> Result<(), Fault> {
    let mut tx = pool.begin_with("BEGIN IMMEDIATE").await?;
    settings::remember_checked(&mut tx, now).await?;
    Ok(tx.commit().await?)
}

/// Whether the whole file was checked within a day. What cannot be read is no yes.
async fn was_checked(pool: &SqlitePool, now: Timestamp) -> bool {
    let Ok(mut conn) = pool.acquire().await else { return false };
    let at = settings::checked_at(&mut conn).await.ok().flatten();
    // A clock that was set back does not put it off for long.
    at.is_some_and(|at| at <= now && now.duration_since(at) < CHECKED_EVERY)
}

fn newest() -> i64 {
    MIGRATIONS.iter().map(|(version, ..)| *version).max().unwrap_or(0)
}

fn migrator() -> Migrator {
    let migrations = MIGRATIONS
        .iter()
        .map(|&(version, name, sql)| {
            Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
        })
        .collect();
    Migrator::with_migrations(migrations)
}
