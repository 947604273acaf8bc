//! The metrics: what they say, that they can be read, and that everything that uses them uses what is there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use regex::Regex;
use rosterd::model::run::Trigger;
use rosterd::model::service::Running;

use super::Watched;
use super::exposition::{Metric, read};
use crate::support::bench::Bench;

const README: &str = include_str!("../../../README.md");
const DASHBOARD: &str = include_str!("../../../deploy/grafana/rosterd.json");
const RULES: &str = include_str!("../../../deploy/prometheus/rosterd.rules.yml");

/// One person to add, and one whose removal waits: the group must have nine.
fn holding() -> Bench {
    let mut bench = Bench::small();
    bench.rest += "\n[group.\"Compliance\"]\nmin_members = 9\nexpect = [\"zoe@corp.example\"]\n";
    bench.people(&["compliance,ann", "compliance,bob", "compliance,dan", "compliance,nobody"]);
    bench
}

fn ask(watched: &Watched) -> BTreeMap<String, Metric> {
    let answer = watched.get("/metrics");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("application/openmetrics-text; version=1.0.0; charset=utf-8"));
    read(&answer.body)
}

#[track_caller]
fn value(metrics: &BTreeMap<String, Metric>, name: &str, labels: &[(&str, &str)]) -> f64 {
    let metric = metrics.get(name).unwrap_or_else(|| panic!("no {name}"));
    metric.value(labels).unwrap_or_else(|| panic!("no {name} of {labels:?}: {:?}", metric.values))
}

/// A service after a run, with everything known that can be.
fn full() -> Watched {
    let watched = Watched::new(holding());
    watched.bench.age("people.csv", Duration::from_secs(600));
    watched.run();
    let later = Timestamp::now() + SignedDuration::from_hours(24);
    watched.tell(|state| {
        state.throttled_until = Some(later);
        state.running = Some(Running { trigger: Trigger::Schedule, since: Timestamp::now() });
        state.totals.seen.certificates.insert(None, later);
        state.totals.seen.certificates.insert(Some("hr".into()), later);
        state.totals.seen.credentials.insert("hr".into(), later);
    });
    watched
}

#[test]
fn a_run_is_told_in_numbers() {
    let watched = full();
    let metrics = ask(&watched);
    let of = |name: &str, labels: &[(&str, &str)]| value(&metrics, name, labels);
    assert_eq!(of("rosterd_runs_total", &[("outcome", "held")]), 1.0);
    assert_eq!(of("rosterd_runs_total", &[("outcome", "failed")]), 0.0);
    assert_eq!(of("rosterd_last_run_outcome", &[("outcome", "held")]), 1.0);
    assert_eq!(of("rosterd_changes_total", &[("op", "add_member"), ("result", "done")]), 1.0);
    assert_eq!(of("rosterd_changes_total", &[("op", "remove_member"), ("result", "done")]), 0.0);
    assert_eq!(of("rosterd_changes_held", &[]), 1.0);
    assert_eq!(of("rosterd_holds", &[("rule", "min_members"), ("standing", "waiting")]), 1.0);
    assert_eq!(of("rosterd_holds", &[("rule", "min_members"), ("standing", "approved")]), 0.0);
    assert_eq!(of("rosterd_skips", &[("why", "no_account")]), 1.0);
    let hr = [("source", "hr")];
    assert_eq!(of("rosterd_source_complete", &hr), 1.0);
    assert_eq!(of("rosterd_source_people", &hr), 4.0);
    assert_eq!(of("rosterd_source_groups", &hr), 1.0);
    assert_eq!(of("rosterd_source_memberships", &hr), 4.0);
    assert!(of("rosterd_source_read_seconds", &hr) > 0.0);
    let now = Timestamp::now().as_second() as f64;
    let written = now - of("rosterd_source_written_timestamp_seconds", &hr);
    assert!((590.0..660.0).contains(&written), "{written}");
    let lag = of("rosterd_source_effect_lag_seconds", &hr);
    assert!((590.0..660.0).contains(&lag), "{lag}");
    // What the simulator was asked is what is counted.
    let asked = watched.bench.simulator().requests();
    let calls = metrics["rosterd_api_calls_total"].values.values().sum::<f64>();
    assert_eq!(calls, asked.len() as f64);
    assert_eq!(of("rosterd_api_calls_total", &[("endpoint", "POST token"), ("status", "200")]), 1.0);
    let added = asked.iter().find(|call| call.method == "POST" && call.path.ends_with("/users")).unwrap();
    let status = added.status.unwrap().to_string();
    assert_eq!(of("rosterd_api_calls_total", &[("endpoint", "POST /groups/{id}/users"), ("status", &status)]), 1.0);
}

#[test]
fn what_goes_up_never_goes_down() {
    let watched = full();
    let before = ask(&watched);
    watched.bench.people(&["compliance,ann", "compliance,bob", "compliance,dan", "compliance,eve"]);
    watched.run();
    let after = ask(&watched);
    let counters: Vec<_> = before.iter().filter(|(_, metric)| metric.kind == "counter").collect();
    assert!(counters.len() >= 6, "{counters:?}");
    for (name, metric) in counters {
        for (labels, value) in &metric.values {
            assert!(after[name].values[labels] >= *value, "{name} {labels:?}");
        }
    }
    let added = [("op", "add_member"), ("result", "done")];
    assert_eq!(value(&before, "rosterd_changes_total", &added), 1.0);
    assert_eq!(value(&after, "rosterd_changes_total", &added), 2.0);
    assert_eq!(value(&after, "rosterd_runs_total", &[("outcome", "held")]), 2.0);
    let users = [("endpoint", "GET /users"), ("status", "200")];
    assert!(value(&after, "rosterd_api_calls_total", &users) > value(&before, "rosterd_api_calls_total", &users));
}

#[test]
fn a_run_without_a_report_counts_as_failed() {
    let watched = Watched::new(Bench::small());
    watched.tell(|state| state.totals.count_failed());
    assert_eq!(value(&ask(&watched), "rosterd_runs_total", &[("outcome", "failed")]), 1.0);
}

#[test]
fn what_was_seen_of_a_source_stays_until_the_source_is_gone() {
    let mut watched = full();
    let of = |watched: &Watched, name: &str| ask(watched)[name].values.len();
    let names = ["rosterd_tls_certificate_expiry_timestamp_seconds", "rosterd_credential_expiry_timestamp_seconds"];
    watched.bench.write("people.csv", "no,headings\n");
    watched.run();
    assert_eq!(value(&ask(&watched), "rosterd_source_complete", &[("source", "hr")]), 0.0);
    assert_eq!(names.map(|name| of(&watched, name)), [2, 1], "an unread source has its certificate all the same");
    watched.bench.rest = watched.bench.rest.replace("\"hr\"", "\"staff\"");
    watched.run();
    assert_eq!(names.map(|name| of(&watched, name)), [1, 0], "Hyperproof's is left");
    let lags = &ask(&watched)["rosterd_source_effect_lag_seconds"];
    assert!(lags.values.is_empty(), "{lags:?}");
    let read = &ask(&watched)["rosterd_source_complete_read_timestamp_seconds"];
    assert!(read.value(&[("source", "hr")]).is_none(), "{read:?}");
}

#[test]
fn what_is_not_known_is_left_out_and_not_zero() {
    let metrics = ask(&Watched::new(Bench::small()));
    for name in [
        "rosterd_last_success_timestamp_seconds",
        "rosterd_last_run_timestamp_seconds",
        "rosterd_last_run_outcome",
        "rosterd_source_people",
        "rosterd_skips",
        "rosterd_tls_certificate_expiry_timestamp_seconds",
        "rosterd_oldest_hold_timestamp_seconds",
    ] {
        assert!(metrics[name].values.is_empty(), "{name}");
    }
    assert_eq!(value(&metrics, "rosterd_ready", &[]), 0.0);
}

#[test]
fn lost_answers_and_throttling_are_counted() {
    use rosterd::simulator::{Fault, FaultKind, Moment, RetryAfter};
    let mut bench = Bench::small();
    bench.hyperproof = bench.hyperproof.replace("max_attempts = 1", "max_attempts = 5");
    let watched = Watched::new(bench);
    let simulator = watched.bench.simulator();
    simulator.inject(Fault::on("GET", "/v1/users", FaultKind::Cut { moment: Moment::Before, reset: true }));
    let short = FaultKind::RateLimit { retry_after: Some(RetryAfter::Seconds(1)), seconds: 1 };
    simulator.inject(Fault::on("GET", "/v1/groups", short));
    watched.run();
    let metrics = ask(&watched);
    let of = |endpoint: &str, status: &str| {
        value(&metrics, "rosterd_api_calls_total", &[("endpoint", endpoint), ("status", status)])
    };
    assert_eq!(of("GET /users", "lost"), 1.0);
    assert!(of("GET /users", "200") >= 1.0);
    assert!(of("GET /groups", "429") >= 1.0);
    let throttled = value(&metrics, "rosterd_api_throttled_seconds_total", &[]);
    assert!((0.5..10.0).contains(&throttled), "{throttled}");
    watched.bench.in_step();
}

#[test]
fn names_from_outside_stay_inside_their_label() {
    let watched = full();
    let name = "a\"b\\c\nd} 1\n<script>";
    watched.tell(|state| {
        let report = Arc::make_mut(state.report.as_mut().unwrap());
        report.planned.plan.sources[0].name = name.into();
    });
    let metrics = ask(&watched);
    assert_eq!(value(&metrics, "rosterd_source_people", &[("source", name)]), 4.0);
}

#[test]
fn nobody_is_named() {
    let body = full().get("/metrics").body;
    for name in ["ann", "bob", "cem", "dan", "zoe", "nobody"] {
        assert!(!body.contains(&format!("{name}@")) && !body.contains(&format!("\"{name}")), "{name}\n{body}");
    }
}

/// `| metric | type | labels | meaning |` of the README, and the same as `/metrics` has it.
#[test]
fn the_readme_tells_every_metric() {
    let metrics = ask(&full());
    let (_, after) = README.split_once("| metric | type | labels | meaning |\n|---|---|---|---|\n").unwrap();
    let told: Vec<&str> = after.lines().take_while(|line| line.starts_with('|')).collect();
    let there: Vec<String> = metrics
        .iter()
        .map(|(name, metric)| {
            assert!(!metric.values.is_empty(), "{name} has no value even where everything is known");
            let labels: Vec<_> = metric.labels().iter().map(|label| format!("`{label}`")).collect();
            let labels = if labels.is_empty() { "–".to_owned() } else { labels.join(", ") };
            format!("| `{name}` | {} | {labels} | {} |", metric.kind, metric.help)
        })
        .collect();
    assert_eq!(told, there, "\n{}\n", there.join("\n"));
}

/// Names of metrics in a text, with the labels that a selector names.
fn used(text: &str) -> BTreeMap<String, BTreeSet<String>> {
    let names = Regex::new(r#"\b((?:rosterd|process)_[a-z_]+)(?:\{((?:[^}"\\]|\\?"(?:[^"\\]|\\[^"])*\\?")*)\})?"#);
    let labels = Regex::new(r"([a-z_]+)\s*(?:=~|!=|!~|=)").unwrap();
    let mut used: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for found in names.unwrap().captures_iter(text) {
        let selector = found.get(2).map_or("", |selector| selector.as_str());
        let labels = labels.captures_iter(selector).map(|label| label[1].to_owned());
        used.entry(found[1].to_owned()).or_default().extend(labels);
    }
    used
}

#[test]
fn dashboard_and_alerts_use_what_is_there() {
    let metrics = ask(&full());
    let dashboard: serde_json::Value = serde_json::from_str(DASHBOARD).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let exprs = panels.iter().flat_map(|panel| panel["targets"].as_array().into_iter().flatten());
    let exprs: Vec<&str> = exprs.map(|target| target["expr"].as_str().unwrap()).collect();
    assert!(exprs.len() >= 10, "{exprs:?}");
    let rules = Regex::new(r"(?m)^ +expr: (.+)$").unwrap();
    let rules: Vec<&str> = rules.captures_iter(RULES).map(|found| found.get(1).unwrap().as_str()).collect();
    assert_eq!(rules.len(), RULES.matches("- alert: ").count());
    for text in exprs.into_iter().chain(rules) {
        let used = used(text);
        assert!(!used.is_empty(), "{text}");
        for (name, labels) in used {
            let metric = metrics.get(&name).unwrap_or_else(|| panic!("{text}: there is no {name}"));
            // Prometheus adds these two itself.
            for label in labels.iter().filter(|label| !["job", "instance"].contains(&label.as_str())) {
                assert!(metric.labels().contains(label.as_str()), "{text}: {name} has no label {label}");
            }
        }
    }
    for name in used(&format!("{DASHBOARD}{RULES}")).into_keys() {
        assert!(metrics.contains_key(&name), "there is no {name}");
    }
    // Values of labels are words of the contract.
    let words = Regex::new(r#"(outcome|standing|result|status|peer)(?:=|=~)\\?"([a-z_|]+)\\?""#).unwrap();
    for found in words.captures_iter(&format!("{RULES}{DASHBOARD}")) {
        for word in found[2].split('|').filter(|word| *word != "lost") {
            let there = metrics.values().flat_map(|metric| metric.values.keys().flatten());
            assert!(there.into_iter().any(|(_, value)| value == word), "{}", &found[0]);
        }
    }
}
