//! Alive and ready: what each of the two is about.

use jiff::{SignedDuration, Timestamp};
use rosterd::model::run::Outcome;

use super::{Watched, ended};
use crate::support::bench::{Bench, filtered};

fn in_step() -> Watched {
    let watched = Watched::new(Bench::small());
    watched.run();
    watched
}

/// `/readyz` says exactly this, with the status that belongs to it.
#[track_caller]
fn says(watched: &Watched, reasons: &[&str]) {
    let answer = watched.get("/readyz");
    let expected = match reasons {
        [] => "ready\n".to_owned(),
        _ => format!("not ready\n{}", reasons.iter().map(|reason| format!("- {reason}\n")).collect::<String>()),
    };
    assert_eq!((answer.status, filtered(&answer.body)), (if reasons.is_empty() { 200 } else { 503 }, expected));
}

#[test]
fn ready_after_a_run_and_not_before() {
    let watched = Watched::new(Bench::small());
    says(&watched, &["no run has ended yet"]);
    watched.run();
    says(&watched, &[]);
    assert_eq!(watched.get("/healthz").body, "ok\n");
    watched.bench.in_step();
}

#[test]
fn a_run_that_failed_or_could_not_read_is_not_ready_and_one_that_holds_is() {
    let mut watched = in_step();
    watched.bench.write("people.csv", "no,headings\n");
    watched.run();
    says(&watched, &["the last run: a source or Hyperproof could not be read completely"]);
    watched.bench.people(&["compliance,ann", "compliance,bob", "compliance,cem"]);
    watched.run();
    says(&watched, &[]);
    watched.bench.stop_simulator();
    watched.run();
    says(&watched, &["the last run: a source or Hyperproof could not be read completely"]);
    let now = Timestamp::now();
    let table = [
        (Outcome::InStep, None),
        (Outcome::Applied, None),
        (Outcome::Held, None),
        (Outcome::PartlyApplied, None),
        (Outcome::Throttled, Some("the last run: throttled by Hyperproof")),
        (Outcome::Failed, Some("the last run: failed unexpectedly; nothing was sent after the failure")),
    ];
    for (outcome, reason) in table {
        watched.tell(|state| state.last_run = Some(ended(outcome, now, now)));
        says(&watched, reason.as_slice());
    }
}

#[test]
fn a_run_older_than_two_intervals_is_not_ready() {
    let watched = in_step();
    let ago = |seconds: i64| {
        let at = Timestamp::now() - SignedDuration::from_secs(seconds);
        watched.tell(|state| state.last_run = Some(ended(Outcome::Applied, at, at)));
    };
    ago(2 * 900 - 60);
    says(&watched, &[]);
    ago(2 * 900 + 60);
    says(&watched, &["the last run ended 31 min ago, more than two intervals"]);
    // It was the last one on Friday, and it is Sunday.
    watched.tell(|state| state.second_after = Some(Timestamp::now() + SignedDuration::from_hours(20)));
    says(&watched, &[]);
    watched.tell(|state| state.second_after = Some(Timestamp::now() - SignedDuration::from_secs(1)));
    says(&watched, &["the last run ended 31 min ago, more than two intervals"]);
    watched.tell(|state| state.interval = None);
    says(&watched, &[]);
}

#[test]
fn without_configuration_or_state_it_is_not_ready_and_tells_both() {
    let watched = in_step();
    watched.tell(|state| state.configuration.digest.clear());
    says(&watched, &["no configuration is loaded"]);
    watched.lose_the_state();
    let answer = watched.get("/readyz");
    assert_eq!(answer.status, 503, "{}", answer.body);
    assert!(answer.body.contains("- no configuration is loaded\n- the state cannot be read: "), "{}", answer.body);
    assert_eq!(watched.get("/healthz").status, 200, "the process is alive all the same");
    assert!(watched.get("/metrics").body.contains("\nrosterd_state_readable 0\n"));
    let page = watched.get("/");
    assert!(page.status == 200 && page.body.contains("the state cannot be read"), "{}", page.body);
}

#[test]
fn alive_as_long_as_the_loop_is() {
    let mut watched = in_step();
    assert_eq!(watched.get("/healthz").status, 200);
    watched.end_the_loop();
    assert_eq!(watched.get("/healthz").status, 503);
}

#[test]
fn probes_without_the_token_learn_no_more_than_yes_or_no() {
    let watched = Watched::with_token(Bench::small(), Some("s3cret"));
    let answer = watched.get("/readyz");
    assert_eq!((answer.status, answer.body.as_str()), (503, "not ready\n"));
    let answer = watched.ask("GET", "/readyz", &["Authorization: Bearer s3cret"]);
    assert_eq!((answer.status, answer.body.as_str()), (503, "not ready\n- no run has ended yet\n"));
    assert_eq!(watched.get("/healthz").body, "ok\n");
}
