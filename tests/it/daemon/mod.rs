//! The service: its schedule, what signals do, and what systemd is told.

mod clock;
mod stop;

use std::time::{Duration, Instant};

use jiff::Timestamp;
use rosterd::simulator::{Fault, FaultKind, Moment, RetryAfter, World};
use serde_json::Value;

use crate::support::bench::{Bench, Ran, address, filtered};
use crate::support::service::Service;

/// A line of the log for each run that came to its end.
const RUN: &str = "run finished";

/// The small world with Dan to add, and a schedule.
fn scheduled(schedule: &str) -> Bench {
    let mut bench = Bench::small();
    bench.rest.push_str(&format!("\n[schedule]\n{schedule}\n"));
    bench.people(&["compliance,ann", "compliance,bob", "compliance,cem", "compliance,dan"]);
    bench
}

/// Runs when it starts, and else only when it is asked to: the next tick is far away.
const AT_START: &str = "cron = \"0 0 0 1 1 *\"";
/// Runs only when it is asked to.
const ASKED: &str = "cron = \"0 0 0 1 1 *\"\nrun_at_start = false";
/// Runs every second.
const SECONDS: &str = "cron = \"* * * * * *\"\njitter = \"0s\"\nrun_at_start = false";

/// The runs that the log has begun, by what set them off.
fn triggers(bench: &Bench) -> Vec<String> {
    let audit = bench.audit().into_iter().filter(|record| record["event"] == "run_started");
    audit.map(|record| record["trigger"].as_str().unwrap_or_default().to_owned()).collect()
}

fn hold(bench: &Bench, method: &str, path: &str) {
    bench.simulator().inject(Fault::on(method, path, FaultKind::Hold { moment: Moment::Before }));
}

#[test]
fn it_is_ready_runs_and_tells_how_it_stands() {
    let bench = scheduled(AT_START);
    let mut service = Service::start(&bench);
    let status = service.until_told("applied");
    insta::assert_snapshot!(filtered(&status), @"STATUS=last run TIME: applied completely; next run TIME");
    let seen = bench.run(&["status"]).exits(0).stdout;
    assert!(seen.contains("Next run: 2") && seen.contains("-01-01 00:00"), "{seen}");
    let stopped = service.stop();
    assert_eq!(stopped.told[0], "READY=1\n", "{:#?}", stopped.told);
    assert_eq!(stopped.logged(RUN), 1, "{}", stopped.log);
    for line in ["service started", "next run", "stopping", "stopped"] {
        assert!(stopped.logged(line) > 0, "{line}: {}", stopped.log);
    }
    assert!(!stopped.log.contains('@'), "nobody is named: {}", stopped.log);
    assert!(bench.run(&["status"]).stdout.contains("Next run: not scheduled"));
    assert_eq!(triggers(&bench), ["schedule"]);
    assert_eq!(bench.members("Compliance"), ["ann", "bob", "cem", "dan"]);
    bench.in_step();
}

#[test]
fn ticks_run_one_after_the_other() {
    let bench = scheduled(SECONDS);
    let mut service = Service::start(&bench);
    service.until_logged(RUN, 3);
    let stopped = service.stop();
    assert!(triggers(&bench).iter().all(|trigger| trigger == "schedule"));
    assert!(stopped.logged("written") == 1, "{}", stopped.log);
    let starts: Vec<Timestamp> = bench
        .audit()
        .iter()
        .filter(|record| record["event"] == "run_started")
        .map(|record| record["at"].as_str().unwrap().parse().unwrap())
        .collect();
    for pair in starts.windows(2) {
        assert!(pair[1].duration_since(pair[0]).as_millis() > 500, "{starts:?}");
    }
    bench.in_step();
}

#[test]
fn ticks_within_a_run_are_let_go_and_the_watchdog_is_fed() {
    let bench = scheduled(SECONDS);
    hold(&bench, "GET", "/v1/users");
    let mut service = Service::start_with(&bench, &[], &[("WATCHDOG_USEC", "400000")]);
    bench.until_held();
    service.until_logged("a tick of the schedule is let go", 2);
    service.told();
    for _ in 0..6 {
        let before = Instant::now();
        service.until_told("WATCHDOG=1");
        assert!(before.elapsed() < Duration::from_secs(5));
    }
    assert_eq!(service.logged(RUN), 0);
    bench.simulator().release();
    service.until_logged(RUN, 2);
    service.stop();
    bench.in_step();
}

#[test]
fn a_signal_runs_now_and_once_more_after_the_run_under_way() {
    let bench = scheduled(ASKED);
    let mut service = Service::start(&bench);
    hold(&bench, "GET", "/v1/users");
    service.signal("USR1");
    bench.until_held();
    for _ in 0..3 {
        let before = service.logged("a run was asked for");
        service.signal("USR1");
        service.until_logged("a run was asked for", before + 1);
    }
    bench.simulator().release();
    service.until_logged(RUN, 2);
    // It is idle again: a reload is done, and no third run was begun before it.
    service.signal("HUP");
    service.until_logged("holds from the next run on", 1);
    let stopped = service.stop();
    assert_eq!(stopped.logged(RUN), 2, "{}", stopped.log);
    assert_eq!(triggers(&bench), ["signal", "signal"]);
    bench.in_step();
}

#[test]
fn another_configuration_holds_from_the_next_run_on() {
    let mut bench = scheduled(ASKED);
    bench.simulator().change(|world| _ = world.add_group("Other", &[]));
    let mut service = Service::start(&bench);
    hold(&bench, "GET", "/v1/users");
    service.signal("USR1");
    bench.until_held();
    bench.rest = bench.rest.replace("to = \"Compliance\"", "to = \"Other\"");
    bench.write("rosterd.toml", &bench.config());
    service.signal("HUP");
    let reloading = service.until_told("RELOADING=1");
    assert!(reloading.contains("MONOTONIC_USEC="), "{reloading}");
    service.until_told("READY=1");
    bench.simulator().release();
    service.until_logged(RUN, 1);
    assert_eq!(bench.members("Compliance"), ["ann", "bob", "cem", "dan"], "the run under way keeps the old one");
    assert_eq!(bench.members("Other"), Vec::<String>::new());
    service.signal("USR1");
    service.until_logged(RUN, 2);
    assert_eq!(bench.members("Other"), ["ann", "bob", "cem", "dan"]);
    service.stop();
    let changed = bench.audit().into_iter().filter(|record| record["event"] == "config_changed").count();
    assert!(changed >= 1);
    bench.in_step();
}

#[test]
fn a_new_schedule_is_kept_to_at_once() {
    let mut bench = scheduled(ASKED);
    let mut service = Service::start(&bench);
    bench.rest = bench.rest.replace(ASKED, SECONDS);
    bench.write("rosterd.toml", &bench.config());
    service.signal("HUP");
    service.until_logged(RUN, 2);
    service.stop();
    bench.in_step();
}

#[test]
fn a_bad_configuration_is_refused_and_the_old_one_stays() {
    let bench = scheduled(ASKED);
    let good = bench.config();
    let mut service = Service::start(&bench);
    let cases = [
        (good.replace("[guard]", "[guard]\nnonsense = 1\nfirst_adds = 2"), "guard.nonsense", "guard.first_adds"),
        (good.replace("rosterd.db", "other.db"), "state.path: cannot change", "restart"),
        (format!("{good}\n[http]\nlisten = \"127.0.0.1:1\"\n"), "http.listen: cannot change", "restart"),
        (good.split("[schedule]").next().unwrap().to_owned(), "schedule: is missing", "cron ="),
        ("not toml at all".to_owned(), "is not TOML", ""),
    ];
    for (at, (text, first, second)) in cases.iter().enumerate() {
        bench.write("rosterd.toml", text);
        service.signal("HUP");
        service.until_told("RELOADING=1");
        service.until_told("READY=1");
        service.until_logged("the new configuration is refused; the one in use stays", at + 1);
        assert!(service.log().contains(first) && service.log().contains(second), "{first}: {}", service.log());
    }
    service.signal("USR1");
    service.until_logged(RUN, 1);
    let status = service.until_told("last run");
    assert!(status.contains("was refused"), "{status}");
    bench.write("rosterd.toml", &good);
    service.signal("HUP");
    service.until_logged("holds from the next run on", 1);
    let stopped = service.stop();
    let status = stopped.told.iter().rfind(|message| message.contains("STATUS=")).unwrap();
    assert!(!status.contains("refused"), "{:#?}", stopped.told);
    bench.in_step();
}

#[test]
fn without_a_schedule_it_says_what_to_write() {
    let bench = Bench::small();
    let ran = bench.run(&["run"]).exits(2);
    insta::assert_snapshot!(filtered(&ran.stderr), @r#"
    error: DIR/rosterd.toml has no [schedule], and the service runs by one
    help: write when it runs, such as:
    [schedule]
    cron = "0 */15 * * * *"
    "#);
    assert!(!bench.state().exists());
}

#[test]
fn one_service_for_each_state() {
    let bench = scheduled(ASKED);
    let service = Service::start(&bench);
    let second = bench.run(&["run"]).exits(14);
    insta::assert_snapshot!(filtered(&second.stderr), @r"
    error: state file DIR/rosterd.db: a service works on it already: rosterd run (process PID on HOST), since TIME
    help: stop that one first, or give this one a configuration and a state of its own
    ");
    service.stop();
    Service::start(&bench).stop();
}

#[test]
fn a_state_that_cannot_be_used_is_told_at_the_start() {
    let bench = scheduled(ASKED);
    bench.write("rosterd.db", "this is no database, and long enough to look at");
    let ran = bench.run(&["run"]).exits(1);
    assert!(ran.stderr.contains("it is not a database") && ran.stderr.contains("help:"), "{}", ran.stderr);
}

#[test]
fn a_run_of_another_process_has_its_way() {
    let bench = scheduled(SECONDS);
    hold(&bench, "GET", "/v1/users");
    let apply = bench.start(&["apply"]);
    bench.until_held();
    let mut service = Service::start(&bench);
    let status = service.until_told("no run at");
    assert!(status.contains("another run is under way: apply (process"), "{status}");
    service.until_logged("no run now: another process has one under way", 1);
    assert_eq!(service.logged(" ERROR "), 0, "{}", service.log());
    bench.simulator().release();
    bench.wait(apply).exits(0);
    service.until_logged(RUN, 1);
    let status = service.until_told("last run");
    assert!(!status.contains("no run at"), "{status}");
    service.stop();
    bench.in_step();
}

#[test]
fn what_was_asked_for_comes_after_a_run_of_another_process() {
    let bench = scheduled(ASKED);
    hold(&bench, "GET", "/v1/users");
    let apply = bench.start(&["apply"]);
    bench.until_held();
    let mut service = Service::start(&bench);
    service.signal("USR1");
    service.until_logged("no run now: another process has one under way", 1);
    bench.simulator().release();
    bench.wait(apply).exits(0);
    service.until_logged(RUN, 1);
    service.stop();
    assert_eq!(triggers(&bench), ["apply", "signal"]);
    bench.in_step();
}

#[test]
fn a_throttled_run_goes_on_when_hyperproof_said_so() {
    let mut bench = scheduled(SECONDS);
    bench.hyperproof = bench.hyperproof.replace("max_wait = \"2s\"", "max_wait = \"1s\"");
    let kind = FaultKind::RateLimit { retry_after: Some(RetryAfter::Seconds(4)), seconds: 4 };
    bench.simulator().inject(Fault::on("GET", "/v1/users", kind));
    let mut service = Service::start(&bench);
    service.until_logged("outcome=\"throttled\"", 1);
    let heard = Instant::now();
    service.until_logged("Hyperproof wants no calls", 1);
    service.until_logged("outcome=\"applied\"", 1);
    assert!(heard.elapsed() > Duration::from_millis(3500), "{:?}", heard.elapsed());
    let stopped = service.stop();
    let wasted = stopped.log.split("outcome=\"applied\"").next().unwrap().matches(RUN).count();
    assert_eq!(wasted, 2, "the throttled run, and the one after it: {}", stopped.log);
    bench.in_step();
}

#[test]
fn a_throttled_run_goes_on_before_the_next_tick_and_a_new_service_knows_of_it() {
    let mut bench = scheduled(AT_START);
    bench.hyperproof = bench.hyperproof.replace("max_wait = \"2s\"", "max_wait = \"1s\"");
    let kind = FaultKind::RateLimit { retry_after: Some(RetryAfter::Seconds(6)), seconds: 6 };
    bench.simulator().inject(Fault::on("GET", "/v1/users", kind));
    let mut service = Service::start(&bench);
    service.until_logged("outcome=\"throttled\"", 1);
    service.stop();
    bench.simulator().forget_requests();
    let mut service = Service::start(&bench);
    service.until_logged("Hyperproof wants no calls", 1);
    assert_eq!(bench.simulator().requests(), []);
    service.until_logged("outcome=\"applied\"", 1);
    let stopped = service.stop();
    assert_eq!(stopped.logged(RUN), 1, "{}", stopped.log);
    bench.in_step();
}

#[test]
fn a_run_that_fails_is_tried_again_at_the_next_tick() {
    let bench = scheduled(SECONDS);
    let mut service = Service::start(&bench);
    service.until_logged(RUN, 1);
    // The lock cannot be had: a failure of the state, and not another run.
    let lock = bench.path("rosterd.db.lock");
    std::fs::remove_file(&lock).unwrap();
    std::fs::create_dir(&lock).unwrap();
    service.until_logged("the run failed: it is tried again at the next tick", 2);
    let status = service.until_told("failed unexpectedly");
    assert!(status.contains("next run"), "{status}");
    std::fs::remove_dir(&lock).unwrap();
    let before = service.logged(RUN);
    service.until_logged(RUN, before + 1);
    service.stop();
    bench.in_step();
}

#[test]
fn an_outage_of_hyperproof_ends_with_the_next_tick_after_it() {
    let bench = scheduled(SECONDS);
    let down = FaultKind::Status { code: 503, moment: Moment::Before };
    bench.simulator().inject(Fault::on("GET", "/v1/users", down).times(2));
    let mut service = Service::start(&bench);
    service.until_logged("outcome=\"unread\"", 1);
    service.until_logged("outcome=\"applied\"", 1);
    service.stop();
    bench.in_step();
}

#[test]
fn what_is_held_is_told() {
    let mut world = World::new("Corp");
    for name in ["ann", "bob"] {
        world.add_user(&address(name));
    }
    world.add_group("Compliance", &[&address("ann"), &address("bob")]);
    let mut bench = Bench::new(world);
    bench.rest.push_str(&format!("\n[schedule]\n{AT_START}\n"));
    let mut service = Service::start(&bench);
    let status = service.until_told("waiting for approval");
    assert!(status.contains("; 2 holds waiting"), "{status}");
    service.stop();
}

#[test]
fn quiet_is_quiet_and_json_is_json() {
    let bench = scheduled(AT_START);
    let mut service = Service::start_with(&bench, &["-q"], &[]);
    service.until_told("last run");
    assert_eq!(service.stop().log, "");
    let mut service = Service::start_with(&bench, &["--log-format", "json"], &[]);
    service.until_logged(RUN, 1);
    for line in service.stop().log.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        assert!(line["message"].is_string(), "{line}");
    }
}

#[test]
fn a_start_that_takes_long_asks_systemd_for_more_time() {
    let bench = scheduled("cron = \"0 0 0 1 1 *\"\nrun_at_start = false");
    bench.plan();
    // Somebody else brings the state up to date.
    let lock = std::fs::File::create(format!("{}.migrate.lock", bench.state().display())).unwrap();
    lock.lock().unwrap();
    let release = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_secs(7));
        lock.unlock().unwrap();
    });
    let mut service = Service::start(&bench);
    release.join().unwrap();
    let told = service.told();
    let asked = told.iter().position(|message| message.contains("EXTEND_TIMEOUT_USEC=30000000"));
    let ready = told.iter().position(|message| message.contains("READY=1"));
    assert!(asked.is_some() && asked < ready, "{told:#?}");
    service.stop();
}

#[test]
fn it_needs_no_systemd() {
    let bench = scheduled(AT_START);
    let child = bench.start(&["run"]);
    let deadline = Instant::now() + Duration::from_secs(30);
    while bench.members("Compliance").len() < 4 {
        assert!(Instant::now() < deadline);
        std::thread::sleep(Duration::from_millis(20));
    }
    std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let ran: Ran = bench.wait(child).exits(0);
    assert_eq!(ran.stdout, "");
    bench.in_step();
}

#[test]
fn what_was_approved_does_not_go_on_waiting() {
    let mut bench = scheduled(AT_START);
    bench.rest.push_str("\n[group.Compliance]\nmin_members = 9\n");
    bench.people(&["compliance,ann", "compliance,bob"]);
    // The loop turns often.
    let mut service = Service::start_with(&bench, &[], &[("WATCHDOG_USEC", "400000")]);
    let status = service.until_told("1 hold waiting for approval");
    assert!(status.contains("the guard holds something"), "{status}");
    let holds = bench.run(&["holds"]).exits(0).stdout;
    let id = holds.split_whitespace().find(|word| word.starts_with("h-")).expect("an id").to_owned();
    bench.run(&["approve", &id, "--by", "Hana", "--reason", "known"]).exits(0);
    while service.until_told("STATUS=").contains("waiting for approval") {}
    service.stop();
}
