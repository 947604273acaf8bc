//! A pack of a long log takes no more memory than one of a short log.

use std::process::Child;

use rosterd::model::plan::Op;
use rosterd::model::run::ChangeResult;
use rosterd::store::{Access, Store};

use super::Pack;
use crate::store::{finish, intent, key, outcome, start};
use crate::support::bench::{Bench, Ran};

const RUNS: i64 = 50;
const CHANGES: i64 = 1_000;

/// 50 runs with 1,000 changes each: 100,100 records, long ago.
async fn history(path: &std::path::Path) {
    let store = Store::open(path, Access::CreateOrWrite).await.unwrap();
    for run in 0..RUNS {
        let (id, second) = (format!("run-{run}"), run * 60 - 40_000_000);
        store.begin_run(&start(&id, second)).await.unwrap();
        // Who is added in one run is removed in the next.
        let op = if run % 2 == 0 { Op::AddMember } else { Op::RemoveMember };
        let intents: Vec<_> = (0..CHANGES).map(|user| intent(key(op, "Risk", &format!("user-{user}")), None)).collect();
        let at = crate::store::at(second + 1);
        let seqs = store.record_intents(&id.as_str().into(), at, &intents).await.unwrap();
        let outcomes: Vec<_> = seqs.into_iter().map(|seq| outcome(seq, ChangeResult::Done)).collect();
        store.record_outcomes(&id.as_str().into(), at, &outcomes).await.unwrap();
        store.finish_run(&finish(&id, second + 2), None).await.unwrap();
    }
    store.close().await;
}

/// Waits for a process; tells the most memory that it had, in bytes, by what the kernel last said.
fn watched(mut child: Child) -> (Ran, u64) {
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let high = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib: Option<u64> = high.and_then(|high| high.split_whitespace().next()?.parse().ok());
        peak = peak.max(kib.unwrap_or(0) * 1024);
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    (Ran::of(child.wait_with_output().unwrap()), peak)
}

#[test]
fn a_hundred_thousand_records_are_not_held_in_memory() {
    let bench = Bench::small();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(history(&bench.state()));
    let child = bench.start(&["audit", "export", "--from", "2000-01-01", "--out", "pack"]);
    let (ran, peak) = watched(child);
    let told = ran.exits(0).stdout;
    assert!(told.contains("100100 records, seq 1 to 100100, 50000 outcomes"), "{told}");
    let pack = Pack(bench.path("pack"));
    let size = std::fs::metadata(pack.0.join("log.jsonl")).unwrap().len();
    assert!(size > 80_000_000, "the log alone has {size} bytes");
    assert!(peak > 0 && peak < 100_000_000, "{peak} bytes of memory");
    let child = bench.start(&["audit", "verify", "pack"]);
    let (ran, peak) = watched(child);
    ran.exits(0);
    assert!(peak > 0 && peak < 100_000_000, "{peak} bytes of memory");
    assert_eq!(pack.manifest()["removal_latency"]["removals"], 25_000);
    let copy = pack.text("population.csv");
    assert_eq!(copy.lines().count(), 50_001);
}
