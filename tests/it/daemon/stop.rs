//! The service is stopped, or killed, at every stage of a run: it stops within ten seconds with 0, the
//! log is whole, and a run afterwards does the rest.

use std::process::{Child, Command};
use std::time::{Duration, Instant};

use rosterd::simulator::{Fault, FaultKind, Moment, RetryAfter};
use sqlx::{ConnectOptions, Connection};

use super::{ASKED, AT_START, RUN, hold, scheduled};
use crate::support::bench::Bench;
use crate::support::service::Service;

/// Dan and Eve are added in two calls.
fn two_calls(schedule: &str) -> Bench {
    let mut bench = scheduled(schedule);
    bench.people(&["compliance,ann", "compliance,bob", "compliance,cem", "compliance,dan", "compliance,eve"]);
    bench.hyperproof = bench.hyperproof.replace("timeout = \"5s\"", "timeout = \"60s\"");
    bench.hyperproof = bench.hyperproof.replace("max_attempts = 1", "max_attempts = 5");
    bench.hyperproof = bench.hyperproof.replace("max_wait = \"2s\"", "max_wait = \"10m\"");
    bench.hyperproof.push_str("max_users_per_call = 1\nconcurrency = 1\n");
    bench
}

/// A run afterwards does what is left, and nothing twice.
fn converges(bench: &Bench) {
    bench.simulator().clear_faults();
    bench.run(&["audit", "verify"]).exits(0);
    bench.apply(0);
    assert_eq!(bench.members("Compliance"), ["ann", "bob", "cem", "dan", "eve"]);
    bench.every_intent_has_an_outcome();
    bench.in_step();
}

const ADD: &str = "/v1/groups/*/users";

/// From its first moment on the service hears signals.
#[track_caller]
fn until_it_hears(child: &Child) {
    let deadline = Instant::now() + Duration::from_secs(30);
    // Bit 14 of the mask is SIGTERM.
    let hears = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap().trim().to_owned();
        u64::from_str_radix(&mask, 16).unwrap() & (1 << 14) != 0
    };
    while !hears() {
        assert!(Instant::now() < deadline);
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn between_runs() {
    let bench = two_calls(ASKED);
    let stopped = Service::start(&bench).stop();
    assert!(stopped.took < Duration::from_secs(5), "{:?}", stopped.took);
    converges(&bench);
}

#[test]
fn while_it_reads() {
    let bench = two_calls(AT_START);
    hold(&bench, "GET", "/v1/users");
    let service = Service::start(&bench);
    bench.until_held();
    let stopped = service.stop();
    assert!(stopped.took < Duration::from_secs(5), "{:?}", stopped.took);
    assert_eq!(stopped.logged(RUN), 1, "its end is recorded: {}", stopped.log);
    bench.until_abandoned();
    assert_eq!(bench.writes(), []);
    converges(&bench);
}

#[test]
fn while_it_signs_in() {
    let bench = two_calls(AT_START);
    hold(&bench, "POST", "/oauth/token");
    let service = Service::start(&bench);
    bench.until_held();
    service.stop();
    bench.until_abandoned();
    converges(&bench);
}

#[test]
fn while_it_writes_the_call_under_way_is_finished_and_recorded() {
    for moment in [Moment::Before, Moment::After] {
        let bench = two_calls(AT_START);
        bench.simulator().inject(Fault::on("POST", ADD, FaultKind::Hold { moment }));
        let mut service = Service::start(&bench);
        bench.until_held();
        service.signal("TERM");
        service.until_told("STOPPING=1");
        // Neither more signals nor other ones change anything.
        for name in ["TERM", "INT", "HUP", "USR1"] {
            service.signal(name);
        }
        bench.simulator().release();
        let stopped = service.ends();
        assert_eq!(stopped.logged(RUN), 1, "{}", stopped.log);
        assert_eq!(bench.writes().len(), 1, "no other call begins");
        bench.every_intent_has_an_outcome();
        converges(&bench);
        assert_eq!(bench.writes().len(), 2, "and nothing is sent twice");
    }
}

#[test]
fn while_a_write_is_never_answered() {
    for moment in [Moment::Before, Moment::After] {
        let bench = two_calls(AT_START);
        bench.simulator().inject(Fault::on("POST", ADD, FaultKind::Hold { moment }));
        let service = Service::start(&bench);
        bench.until_held();
        let stopped = service.stop();
        assert_eq!(stopped.logged(RUN), 1, "its end is recorded: {}", stopped.log);
        bench.until_abandoned();
        converges(&bench);
    }
}

/// The end of the run cannot be recorded, because somebody keeps the state locked: it is left.
#[test]
fn while_the_state_is_locked() {
    let bench = two_calls(AT_START);
    hold(&bench, "GET", "/v1/users");
    let service = Service::start(&bench);
    bench.until_held();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(bench.state());
    let mut locker = runtime.block_on(options.connect()).unwrap();
    runtime.block_on(sqlx::query("BEGIN IMMEDIATE").execute(&mut locker)).unwrap();
    let stopped = service.stop();
    assert_eq!(stopped.logged("did not end in time"), 1, "{}", stopped.log);
    assert_eq!(stopped.logged(RUN), 0, "{}", stopped.log);
    runtime.block_on(sqlx::query("ROLLBACK").execute(&mut locker)).unwrap();
    runtime.block_on(locker.close()).unwrap();
    bench.until_abandoned();
    converges(&bench);
}

/// A run has failed, because somebody keeps the state locked, and what there is to tell of that cannot be
/// written down either. (Each of them waits for a quarter of a minute.)
#[test]
fn after_a_run_that_found_the_state_locked() {
    let bench = two_calls(ASKED);
    let mut service = Service::start(&bench);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(bench.state());
    let mut locker = runtime.block_on(options.connect()).unwrap();
    runtime.block_on(sqlx::query("BEGIN IMMEDIATE").execute(&mut locker)).unwrap();
    service.signal("USR1");
    service.until_logged("the run failed", 1);
    let stopped = service.stop();
    assert!(stopped.took < Duration::from_secs(5), "{:?}", stopped.took);
    runtime.block_on(sqlx::query("ROLLBACK").execute(&mut locker)).unwrap();
    runtime.block_on(locker.close()).unwrap();
    converges(&bench);
}

#[test]
fn while_it_starts_and_finds_the_state_locked() {
    let bench = two_calls(ASKED);
    bench.plan();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(bench.state());
    let mut locker = runtime.block_on(options.connect()).unwrap();
    runtime.block_on(sqlx::query("BEGIN IMMEDIATE").execute(&mut locker)).unwrap();
    let child = bench.start(&["run"]);
    until_it_hears(&child);
    let asked = Instant::now();
    Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    bench.wait(child).exits(0);
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    runtime.block_on(sqlx::query("ROLLBACK").execute(&mut locker)).unwrap();
    runtime.block_on(locker.close()).unwrap();
    converges(&bench);
}

/// It may lie on a share that does not answer: here a pipe into which nobody writes.
#[test]
fn while_it_starts_and_reads_its_configuration() {
    let bench = two_calls(ASKED);
    assert!(Command::new("mkfifo").arg(bench.path("pipe.toml")).status().unwrap().success());
    let child = bench.start(&["run", "--config", "pipe.toml"]);
    until_it_hears(&child);
    let asked = Instant::now();
    Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    while std::fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap().split(' ').nth(2) != Some("Z") {
        if asked.elapsed() > Duration::from_secs(5) {
            // It waits for ever, and so would this test.
            Command::new("kill").args(["-KILL", &child.id().to_string()]).status().unwrap();
            panic!("it does not stop");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    bench.wait(child).exits(0);
    assert!(!bench.state().exists());
}

#[test]
fn while_a_throttle_is_waited_for() {
    for (method, path) in [("GET", "/v1/users"), ("POST", ADD), ("POST", "/oauth/token")] {
        let bench = two_calls(AT_START);
        let kind = FaultKind::RateLimit { retry_after: Some(RetryAfter::Seconds(300)), seconds: 300 };
        bench.simulator().inject(Fault::on(method, path, kind));
        let mut service = Service::start(&bench);
        service.until_logged("Hyperproof throttles", 1);
        let stopped = service.stop();
        assert!(stopped.took < Duration::from_secs(5), "{method} {path}: {:?}", stopped.took);
        assert_eq!(stopped.logged(RUN), 1, "its end is recorded: {}", stopped.log);
        bench.every_intent_has_an_outcome();
        converges(&bench);
    }
}

#[test]
fn while_our_own_budget_is_waited_for() {
    let mut bench = two_calls(AT_START);
    bench.hyperproof =
        bench.hyperproof.replace("requests_per_minute = 60000\nburst = 1000", "requests_per_minute = 1\nburst = 5");
    let mut service = Service::start(&bench);
    service.until_logged("stage=\"writing to Hyperproof\"", 1);
    let stopped = service.stop();
    assert!(stopped.took < Duration::from_secs(5), "{:?}", stopped.took);
    bench.hyperproof =
        bench.hyperproof.replace("requests_per_minute = 1\nburst = 5", "requests_per_minute = 6000\nburst = 100");
    converges(&bench);
}

/// `apply` has the same manners.
#[test]
fn an_apply_that_waits_for_a_throttle_stops_at_once() {
    let bench = two_calls(ASKED);
    let kind = FaultKind::RateLimit { retry_after: Some(RetryAfter::Seconds(300)), seconds: 300 };
    bench.simulator().inject(Fault::on("POST", ADD, kind));
    let child = bench.start(&["apply", "--format", "json"]);
    let deadline = Instant::now() + Duration::from_secs(30);
    while !bench.calls().iter().any(|call| call.status == Some(429)) {
        assert!(Instant::now() < deadline);
        std::thread::sleep(Duration::from_millis(10));
    }
    let asked = Instant::now();
    Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    let run = bench.wait(child).exits(12).json();
    assert!(asked.elapsed() < Duration::from_secs(8), "{:?}", asked.elapsed());
    assert_eq!(run["results"]["not_tried"], 2, "{run:#}");
    assert!(run["changes"][0]["error"].as_str().unwrap().contains("asked to stop"), "{run:#}");
    bench.every_intent_has_an_outcome();
    converges(&bench);
}

#[test]
fn killed_while_it_writes_and_started_again() {
    for moment in [Moment::Before, Moment::After] {
        let bench = two_calls(AT_START);
        bench.simulator().inject(Fault::on("POST", ADD, FaultKind::Hold { moment }));
        let service = Service::start(&bench);
        bench.until_held();
        service.kill();
        bench.until_abandoned();
        let mut service = Service::start(&bench);
        service.until_logged(RUN, 1);
        service.stop();
        assert_eq!(bench.members("Compliance"), ["ann", "bob", "cem", "dan", "eve"]);
        converges(&bench);
    }
}
