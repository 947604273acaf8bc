//! Throttling: waited for where the wait is short, and otherwise a run that ends as throttled until T, and
//! runs before T that do not ask at all.

use std::time::Duration;

use jiff::Timestamp;
use rosterd::simulator::{Fault, FaultKind, RateLimit, RetryAfter, World};
use serde_json::Value;

use crate::support::bench::{Bench, Ran, address};
use crate::support::doc::{ended, results};

/// The small world with somebody to add, and a client that waits and tries again.
fn patient() -> Bench {
    let mut bench = Bench::small();
    bench.hyperproof = bench.hyperproof.replace("max_attempts = 1", "max_attempts = 5");
    bench.hyperproof = bench.hyperproof.replace("max_wait = \"2s\"", "max_wait = \"20s\"");
    bench.people(&["compliance,ann", "compliance,bob", "compliance,cem", "compliance,dan"]);
    bench
}

fn apply(bench: &Bench) -> Ran {
    bench.run(&["apply", "--format", "json"])
}

/// Every way in which Hyperproof says "too many": 429 and quota-403, with and without Retry-After.
fn throttles(seconds: u64) -> Vec<FaultKind> {
    vec![
        FaultKind::RateLimit { retry_after: Some(RetryAfter::Seconds(seconds)), seconds },
        FaultKind::RateLimit { retry_after: None, seconds },
        FaultKind::Quota { retry_after: Some(RetryAfter::Seconds(seconds)) },
        FaultKind::Quota { retry_after: None },
    ]
}

fn until(run: &Value) -> Timestamp {
    run["throttled_until"].as_str().expect("it says until when").parse().expect("it is a time")
}

#[test]
fn a_short_throttle_is_waited_for() {
    for kind in throttles(1) {
        for (method, path) in [("GET", "/v1/groups/users"), ("POST", "/v1/groups/*/users")] {
            let bench = patient();
            bench.simulator().inject(Fault::on(method, path, kind.clone()));
            let run = ended(apply(&bench), 0, "applied");
            assert_eq!(results(&run), ["add_member Compliance dan done"]);
            assert_eq!(run["throttled_until"], Value::Null);
            let of = |call: &&rosterd::simulator::RequestRecord| call.method == "POST";
            assert_eq!(bench.calls().iter().filter(of).count(), if method == "POST" { 2 } else { 1 });
            assert_eq!(bench.members("Compliance"), ["ann", "bob", "cem", "dan"]);
            bench.in_step();
        }
    }
}

#[test]
fn a_throttled_sign_in_is_waited_for_and_a_long_one_is_not() {
    let bench = patient();
    let short = FaultKind::RateLimit { retry_after: Some(RetryAfter::Seconds(1)), seconds: 1 };
    bench.simulator().inject(Fault::on("POST", "/oauth/token", short));
    ended(apply(&bench), 0, "applied");
    let bench = patient();
    let long = FaultKind::RateLimit { retry_after: Some(RetryAfter::Seconds(600)), seconds: 600 };
    bench.simulator().inject(Fault::on("POST", "/oauth/token", long));
    ended(apply(&bench), 13, "throttled");
    assert_eq!(bench.calls(), []);
}

#[test]
fn a_long_throttle_while_reading_ends_the_run_and_the_next_asks_nothing() {
    let kinds = [
        FaultKind::RateLimit { retry_after: Some(RetryAfter::Seconds(3600)), seconds: 3600 },
        FaultKind::RateLimit { retry_after: None, seconds: 3600 },
        FaultKind::Quota { retry_after: Some(RetryAfter::Seconds(3600)) },
        FaultKind::Quota { retry_after: Some(RetryAfter::DateIn(3600)) },
    ];
    for kind in kinds {
        let bench = patient();
        bench.simulator().inject(Fault::on("GET", "/v1/users", kind));
        let before = Timestamp::now();
        let first = ended(apply(&bench), 13, "throttled");
        let wait = until(&first).duration_since(before).as_secs();
        assert!((3590..=3610).contains(&wait), "{wait}");
        assert_eq!(bench.writes(), []);

        bench.simulator().forget_requests();
        let second = ended(apply(&bench), 13, "throttled");
        assert_eq!(until(&second), until(&first));
        let plan = bench.run(&["plan", "--format", "json"]).exits(13).json();
        assert_eq!(plan["complete"], false);
        assert_eq!(bench.simulator().requests(), [], "not even a token is asked for");
    }
}

#[test]
fn a_long_throttle_while_writing_ends_the_run_and_after_it_the_next_goes_on() {
    let mut bench = patient();
    bench.hyperproof = bench.hyperproof.replace("max_wait = \"20s\"", "max_wait = \"1s\"");
    bench.hyperproof.push_str("max_users_per_call = 1\nconcurrency = 1\n");
    bench.people(&["compliance,ann", "compliance,bob", "compliance,cem", "compliance,dan", "compliance,eve"]);
    let kind = FaultKind::RateLimit { retry_after: Some(RetryAfter::Seconds(3)), seconds: 3 };
    bench.simulator().inject(Fault::on("POST", "/v1/groups/*/users", kind).skip(1));
    let run = ended(apply(&bench), 12, "throttled");
    assert_eq!(run["results"]["added"], 1);
    assert_eq!(run["results"]["not_tried"].as_u64().unwrap() + run["results"]["failed"].as_u64().unwrap(), 1);
    let until = until(&run);
    bench.every_intent_has_an_outcome();
    bench.simulator().forget_requests();
    if Timestamp::now() + Duration::from_millis(1500) < until {
        ended(apply(&bench), 13, "throttled");
        assert_eq!(bench.simulator().requests(), []);
    }
    // What a run was told to wait, a run that is patient enough waits for, and then goes on.
    bench.hyperproof = bench.hyperproof.replace("max_wait = \"1s\"", "max_wait = \"20s\"");
    let run = ended(apply(&bench), 0, "applied");
    assert!(Timestamp::now() + Duration::from_secs(1) >= until, "it began before {until}");
    assert_eq!(run["throttled_until"], Value::Null);
    assert_eq!(bench.members("Compliance"), ["ann", "bob", "cem", "dan", "eve"]);
    bench.in_step();
}

/// No call is made before the time that an earlier run was told, however patient this one is.
#[test]
fn a_patient_run_waits_before_its_first_call() {
    let mut bench = patient();
    bench.hyperproof = bench.hyperproof.replace("max_wait = \"20s\"", "max_wait = \"1s\"");
    let kind = FaultKind::Quota { retry_after: Some(RetryAfter::Seconds(4)) };
    bench.simulator().inject(Fault::on("GET", "/v1/groups", kind));
    let until = until(&ended(apply(&bench), 13, "throttled"));
    bench.hyperproof = bench.hyperproof.replace("max_wait = \"1s\"", "max_wait = \"20s\"");
    bench.simulator().forget_requests();
    let child = bench.start(&["apply", "--format", "json"]);
    while bench.simulator().requests().is_empty() {
        std::thread::sleep(Duration::from_millis(10));
    }
    // The document tells the time to the second.
    assert!(Timestamp::now() + Duration::from_millis(600) >= until, "the first call came before {until}");
    ended(bench.wait(child), 0, "applied");
    bench.in_step();
}

#[test]
fn more_throttles_than_attempts_end_the_run_as_throttled() {
    let mut bench = patient();
    bench.hyperproof = bench.hyperproof.replace("max_attempts = 5", "max_attempts = 2");
    let kind = FaultKind::RateLimit { retry_after: Some(RetryAfter::Seconds(1)), seconds: 1 };
    bench.simulator().inject(Fault::on("GET", "/v1/users", kind).always());
    ended(apply(&bench), 13, "throttled");
    let asked = bench.calls().iter().filter(|call| call.path == "/v1/users").count();
    assert_eq!(asked, 2);
    bench.simulator().clear_faults();
    ended(apply(&bench), 0, "applied");
    bench.in_step();
}

#[test]
fn a_standing_limit_is_kept_to() {
    let mut world = World::new("Corp");
    let mut rows = Vec::new();
    for at in 0..16 {
        world.add_user(&address(&format!("p{at}")));
        world.add_group(&format!("G{at}"), &[]);
        rows.push(format!("G{at},p{at}"));
    }
    world.switches.rate_limit = Some(RateLimit { calls: 4, window_ms: 400, retry_after: false });
    let mut bench = Bench::new(world);
    bench.hyperproof =
        "requests_per_minute = 6000\nburst = 100\nmax_attempts = 20\nmax_wait = \"60s\"\nconcurrency = 4\n".to_owned();
    bench.rest = bench.rest.replace("group = \"compliance\"\nto = \"Compliance\"", "match = \"^(G.*)$\"\nto = \"$1\"");
    bench.people(&rows.iter().map(String::as_str).collect::<Vec<_>>());
    let run = ended(apply(&bench), 0, "applied");
    assert_eq!(run["results"]["added"], 16);
    let refused = bench.calls().iter().filter(|call| call.status == Some(429)).count();
    assert!(refused > 0, "the limit was never met");
    bench.every_intent_has_an_outcome();
}

#[test]
fn a_permission_403_is_no_throttling() {
    for wait in ["", ", ask again in 5 seconds"] {
        let bench = patient();
        let body = format!(r#"{{"statusCode":403,"message":"You do not have permission to do this{wait}"}}"#);
        bench.simulator().inject(Fault::on("GET", "/v1/users", FaultKind::Answer { code: 403, body }));
        let run = ended(apply(&bench), 13, "unread");
        assert_eq!(run["throttled_until"], Value::Null);
        assert_eq!(bench.calls().iter().filter(|call| call.path == "/v1/users").count(), 1);
    }
    let bench = patient();
    bench.simulator().inject(Fault::on("POST", "/v1/groups/*/users", FaultKind::Forbidden));
    let run = ended(apply(&bench), 12, "partly_applied");
    assert_eq!(run["throttled_until"], Value::Null);
    assert_eq!(results(&run), ["add_member Compliance dan failed"]);
    assert_eq!(bench.writes().len(), 1, "what is not permitted is not tried again");
    ended(apply(&bench), 0, "applied");
    bench.in_step();
}
