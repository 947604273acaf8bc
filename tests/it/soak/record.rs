//! What a service left behind: its records, its log, its files, and what it took of the machine.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;
use serde_json::Value;
use sqlx::{ConnectOptions, Connection};

use crate::support::bench::Bench;

/// A gap between two runs that nothing explains: a tick, which is a second, and what a busy machine takes.
const GAP_SECONDS: f64 = 6.0;
/// What a process may have more of at the end than after a third of the time. Memory: glibc keeps an arena for
/// each of the threads that come and go with runs, and SQLite's caches fill up (2 MB for each of 4 connections).
const MORE_KIB: u64 = 16 * 1024;
/// Descriptors: 3 for each of 4 connections to the state, some sockets of calls, notices and the page.
const MORE_FILES: usize = 20;
/// The files that may be left after a stop.
const FILES: [&str; 10] = [
    "hook",
    "notify.socket",
    "people.csv",
    "rosterd.db",
    "rosterd.db.archive.lock",
    "rosterd.db.lock",
    "rosterd.db.migrate.lock",
    "rosterd.db.service.lock",
    "rosterd.toml",
    "secret",
];

/// What a process takes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Resources {
    /// Resident memory.
    pub(super) kib: u64,
    /// Open files.
    files: usize,
}

impl Resources {
    pub(super) fn of(pid: u32) -> Self {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        let kib = line.trim().trim_end_matches("kB").trim().parse().unwrap();
        Self { kib, files: std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count() }
    }

    pub(super) fn least(self, other: Self) -> Self {
        Self { kib: self.kib.min(other.kib), files: self.files.min(other.files) }
    }
}

/// What an installation has been through.
pub(super) struct Figures {
    pub(super) runs: usize,
    faults: usize,
    kills: usize,
    outcomes: BTreeMap<String, usize>,
    changes: usize,
    gap: f64,
    first: Resources,
    last: Resources,
    /// Resident memory in KiB, once a minute.
    pub(super) memory: Vec<u64>,
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { runs, faults, kills, outcomes, changes, gap, first, last, memory } = self;
        write!(f, "{runs} runs {outcomes:?}, {changes} changes, {faults} faults, {kills} kills, ")?;
        write!(f, "largest unexplained gap {gap:.1} s, ")?;
        write!(f, "RSS {} to {} KiB, open files {} to {}", first.kib, last.kib, first.files, last.files)?;
        if memory.is_empty() { Ok(()) } else { write!(f, ", each minute {memory:?}") }
    }
}

/// The last lines of a log.
pub(super) fn tail(log: &str, lines: usize) -> String {
    let all: Vec<&str> = log.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

/// Insists on all that has to be so after a stop.
pub(super) fn judge(
    bench: &Bench,
    logs: &[String],
    away: &[(Timestamp, Timestamp)],
    faults: usize,
    (first, last): (Resources, Resources),
) -> Figures {
    nothing_left(bench, "the service");
    let audit = bench.audit();
    nothing_left(bench, "rosterd audit list");
    let changes = answered(&audit);
    let gap = largest_gap(&audit, logs, away);
    assert!(gap < GAP_SECONDS, "no run for {gap} s, and nothing explains it\n{}", tail(&logs.join("\n"), 400));
    assert!(last.kib < first.kib + MORE_KIB, "memory grows: {first:?}, {last:?}");
    assert!(last.files < first.files + MORE_FILES, "files stay open: {first:?}, {last:?}");
    for log in logs {
        assert!(!log.contains("panicked") && !log.contains("mistake in rosterd"), "{log}");
    }
    bounded(bench);
    let finished: Vec<&Value> = audit.iter().filter(|record| record["event"] == "run_finished").collect();
    let mut outcomes = BTreeMap::new();
    for record in &finished {
        *outcomes.entry(record["outcome"].as_str().unwrap_or("?").to_owned()).or_default() += 1;
    }
    Figures { runs: finished.len(), faults, kills: away.len(), outcomes, changes, gap, first, last, memory: Vec::new() }
}

fn nothing_left(bench: &Bench, by: &str) {
    let names = std::fs::read_dir(bench.path("")).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let left: BTreeSet<String> = names.filter(|name| !FILES.contains(&name.as_str())).collect();
    assert_eq!(left, BTreeSet::new(), "left over by {by}");
}

/// Every intent has one outcome; how many intents there are.
fn answered(audit: &[Value]) -> usize {
    let seqs = |event: &str, field: &str| -> Vec<i64> {
        let records = audit.iter().filter(|record| record["event"] == event);
        let mut seqs: Vec<i64> = records.map(|record| record[field].as_i64().unwrap()).collect();
        seqs.sort_unstable();
        seqs
    };
    let intents = seqs("intent", "seq");
    assert_eq!(intents, seqs("outcome", "intent"));
    intents.len()
}

/// The longest time from the end of a run to the start of the next, in seconds, that neither a throttle, nor
/// another run, nor a kill explains.
fn largest_gap(audit: &[Value], logs: &[String], away: &[(Timestamp, Timestamp)]) -> f64 {
    let at = |value: &Value| -> Timestamp { value.as_str().unwrap().parse().unwrap() };
    let excuses: Vec<Timestamp> = (logs.iter().flat_map(|log| log.lines()))
        .filter(|line| line.contains("is let go") || line.contains("no run now"))
        .map(|line| at(&serde_json::from_str::<Value>(line).unwrap()["timestamp"]))
        .collect();
    let mut ended: Option<Timestamp> = None;
    let mut largest = 0.0_f64;
    for record in audit {
        match record["event"].as_str() {
            Some("run_finished") => ended = Some(at(&record["at"])),
            Some("run_started") => {
                let start = at(&record["at"]);
                let Some(end) = ended.take() else { continue };
                let within = |time: &Timestamp| *time >= end && *time <= start;
                let explained =
                    excuses.iter().any(within) || away.iter().any(|(from, to)| *from <= start && *to >= end);
                if !explained {
                    largest = largest.max(start.duration_since(end).as_secs_f64());
                }
            }
            _ => {}
        }
    }
    largest
}

/// What is kept does not grow with the runs, but for the log and its runs, which `retention` ends.
fn bounded(bench: &Bench) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let count = |sql: &'static str| -> i64 {
        runtime.block_on(async {
            let options = sqlx::sqlite::SqliteConnectOptions::new().filename(bench.state()).read_only(true);
            let mut conn = options.connect().await.unwrap();
            let count = sqlx::query_scalar(sql).fetch_one(&mut conn).await.unwrap();
            conn.close().await.unwrap();
            count
        })
    };
    assert!(count("SELECT COUNT(*) FROM document") <= 40);
    assert!(count("SELECT COUNT(*) FROM notice_outbox") <= 200);
    assert!(count("SELECT COUNT(*) FROM notice_told") <= 4);
    assert_eq!(count("SELECT COUNT(*) FROM open_intent"), 0);
    assert_eq!(count("SELECT COUNT(*) FROM hold WHERE closed_at IS NULL"), 0);
}
