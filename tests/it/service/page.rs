//! What is seen of a service from outside: the page, the metrics, the notices, and other commands.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use rosterd::simulator::{Fault, FaultKind, Moment};

use super::{ASKED, AT_START, Page, RUN, SECONDS, in_order, installed, run_now, until};
use crate::support::bench::{filtered, secret};
use crate::support::doc::hold_ids;
use crate::support::receiver::{Receiver, Reply};
use crate::support::service::Service;

#[test]
fn the_first_run_makes_it_ready_and_it_counts_what_was_asked() {
    let (mut bench, receiver) = installed(SECONDS);
    in_order(&bench);
    bench.simulator().inject(Fault::on("GET", "/v1/users", FaultKind::Hold { moment: Moment::Before }));
    let mut service = Service::start(&bench);
    let page = Page::of(&mut service);
    bench.until_held();
    assert_eq!(page.get("/healthz").0, 200);
    let (status, why) = page.get("/readyz");
    assert!(status == 503 && why.contains("no run has ended yet"), "{why}");
    assert_eq!(page.metric("rosterd_run_in_progress", ""), 1.0);
    bench.simulator().release();
    until("it is ready", || page.get("/readyz").0 == 200);
    let lost = FaultKind::Status { code: 503, moment: Moment::Before };
    bench.simulator().inject(Fault::on("GET", "/v1/groups", lost));
    service.until_logged("outcome=\"unread\"", 1);
    in_order(&bench);
    service.until_logged(RUN, service.logged(RUN) + 3);
    // No more ticks, and then nothing is under way.
    bench.rest = bench.rest.replace(SECONDS, ASKED);
    bench.write("rosterd.toml", &bench.config());
    service.signal("HUP");
    service.until_logged("holds from the next run on", 1);
    until("it is idle", || page.metric("rosterd_run_in_progress", "") == 0.0);
    let asked = bench.simulator().requests();
    let refused = asked.iter().filter(|call| call.status == Some(503)).count();
    assert_eq!(page.metric("rosterd_api_calls_total", "status=\"503\""), refused as f64);
    // Calls beside the one that failed, two at most, were given up: they may have come there, or not.
    let all = page.metric("rosterd_api_calls_total", "");
    let lost = all - page.metric("rosterd_api_calls_total", "status=\"200\"") - refused as f64;
    let came = asked.len() as f64;
    assert!(lost <= 2.0 && (all - lost..=all).contains(&came), "{all} attempts, {lost} of them lost, {came} came");
    let added = "op=\"add_member\",result=\"done\"";
    assert_eq!(page.metric("rosterd_changes_total", added), 1.0);
    let audit = bench.audit();
    let ended = audit.iter().filter(|record| record["event"] == "run_finished").count();
    assert_eq!(page.metric("rosterd_runs_total", ""), ended as f64);
    assert_eq!(page.metric("rosterd_runs_total", "outcome=\"unread\""), 1.0);
    assert_eq!(page.metric("rosterd_ready", ""), 1.0);
    service.stop();
    assert_eq!(receiver.events(), ["failed", "recovered"]);
    bench.in_step();
}

#[test]
fn what_waits_is_told_once_is_approved_beside_it_and_recovers() {
    let (bench, receiver) = installed(SECONDS);
    let mut service = Service::start(&bench);
    let page = Page::of(&mut service);
    receiver.until_asked();
    service.until_logged(RUN, 3);
    let posts = receiver.posts();
    assert_eq!(posts.len(), 1, "it is told once: {posts:?}");
    let told = posts[0].json();
    let id = told["holds"][0]["id"].as_str().unwrap().to_owned();
    let command = format!("rosterd approve {id} --by YOU --reason");
    assert!(told["event"] == "held" && told["text"].as_str().unwrap().contains(&command), "{told:#}");
    let (_, seen) = page.get("/");
    assert!(seen.contains(&id), "{seen}");
    assert_eq!(page.get("/readyz").0, 200, "what waits for a person keeps nothing else from being done");
    assert_eq!(page.metric("rosterd_holds", "rule=\"first_run\",standing=\"waiting\""), 1.0);
    bench.run(&["approve", &id, "--by", "Grace", "--reason", "he left"]).exits(0);
    until("it is applied", || bench.members("Compliance") == ["ann", "bob", "dan"]);
    until("it is told", || receiver.posts().len() == 2);
    service.until_logged(RUN, service.logged(RUN) + 2);
    assert_eq!(receiver.events(), ["held", "recovered"]);
    let (_, seen) = page.get("/");
    assert!(!seen.contains(&id), "{seen}");
    assert_eq!(page.metric("rosterd_holds", "standing=\"waiting\""), 0.0);
    let stopped = service.stop();
    assert!(!stopped.log.contains("corp.example"), "nobody is named: {}", stopped.log);
    assert!(!stopped.log.contains("s3cr3t"), "{}", stopped.log);
    bench.in_step();
}

/// The receiver answers nothing, and then refuses connections: runs go on every second.
#[test]
fn a_receiver_that_is_down_delays_no_run() {
    let (bench, receiver) = installed(SECONDS);
    receiver.reply(Reply::Hang);
    let mut service = Service::start(&bench);
    receiver.until_asked();
    let ended = service.logged(RUN);
    service.until_logged(RUN, ended + 4);
    // Nobody listens there.
    secret(&bench.path("hook"), "http://127.0.0.1:1/hook");
    service.signal("HUP");
    service.until_logged("notice not delivered, will be tried again", 1);
    let ended = service.logged(RUN);
    service.until_logged(RUN, ended + 4);
    assert_eq!(service.logged("is let go"), 0, "{}", service.log());
    service.stop();
    let audit = bench.audit();
    let at = |event: &str| -> Vec<Timestamp> {
        let records = audit.iter().filter(|record| record["event"] == event);
        records.map(|record| record["at"].as_str().unwrap().parse().unwrap()).collect()
    };
    for pair in at("run_started").windows(2) {
        let apart = pair[1].duration_since(pair[0]);
        assert!(apart.as_millis() < 5000, "a hook may take 15 s and more; runs wait for none: {apart:?}");
    }
}

#[test]
fn another_receiver_is_told_after_a_reload_and_the_old_one_no_more() {
    let (bench, old) = installed(AT_START);
    let mut service = Service::start(&bench);
    old.until_asked();
    assert_eq!(old.events(), ["held"]);
    let new = Receiver::start();
    secret(&bench.path("hook"), &new.url());
    service.signal("HUP");
    service.until_logged("holds from the next run on", 1);
    run_now(&mut service);
    new.until_asked();
    assert_eq!(new.events(), ["held"], "it was told nothing yet, and it waits");
    in_order(&bench);
    run_now(&mut service);
    new.until_asked();
    assert_eq!((new.events(), old.events()), (vec!["recovered".to_owned()], Vec::new()));
    service.stop();
    bench.in_step();
}

/// Who is slow to answer has heard all the same, and does not hear twice because the configuration was read again.
#[test]
fn a_slow_receiver_is_told_once_across_reloads_and_keeps_no_stop_waiting() {
    let (bench, receiver) = installed(AT_START);
    receiver.reply(Reply::Late(Duration::from_secs(5)));
    let mut service = Service::start(&bench);
    receiver.until_asked();
    for reload in 1..=2 {
        service.signal("HUP");
        service.until_logged("holds from the next run on", reload);
    }
    service.until_logged("notice delivered", 1);
    assert_eq!(receiver.events(), ["held"]);
    // What is due later is told by those who took over.
    receiver.reply(Reply::Hang);
    in_order(&bench);
    run_now(&mut service);
    receiver.until_asked();
    assert_eq!(receiver.events(), ["recovered"]);
    service.signal("HUP");
    service.until_logged("holds from the next run on", 3);
    let stopped = service.stop();
    assert!(stopped.took < Duration::from_secs(5), "{:?}", stopped.took);
    bench.in_step();
}

#[test]
fn the_address_and_the_token_of_the_page_stay_while_it_runs() {
    let (mut bench, _receiver) = installed(AT_START);
    in_order(&bench);
    bench.rest = bench.rest.replace("[http]\n", "[http]\ntoken = { file = \"token\" }\n");
    secret(&bench.path("token"), "first-token-of-the-page");
    let mut service = Service::start(&bench);
    let mut page = Page::of(&mut service);
    service.until_logged(RUN, 1);
    assert_eq!(page.get("/").0, 401);
    page.token = Some("first-token-of-the-page");
    assert_eq!(page.get("/").0, 200);
    let config = bench.config();
    for (at, (listen, token, key)) in [
        ("127.0.0.1:0", "second-token-of-the-page", "http.token: cannot change while the service runs"),
        ("127.0.0.1:9", "first-token-of-the-page", "http.listen: cannot change while the service runs"),
    ]
    .into_iter()
    .enumerate()
    {
        secret(&bench.path("token"), token);
        bench.write("rosterd.toml", &config.replace("127.0.0.1:0", listen));
        service.signal("HUP");
        service.until_logged("the new configuration is refused", at + 1);
        assert_eq!(service.logged(key), 1, "{}", service.log());
        assert_eq!(page.get("/").0, 200, "the old one holds");
        assert_eq!(page.metric("rosterd_configuration_refused", ""), 1.0);
        assert!(!service.log().contains(token), "{}", service.log());
    }
    bench.write("rosterd.toml", &config);
    service.signal("HUP");
    service.until_logged("holds from the next run on", 1);
    assert_eq!(page.metric("rosterd_configuration_refused", ""), 0.0);
    service.stop();
    bench.in_step();
}

#[test]
fn a_port_that_is_taken_is_told_at_the_start() {
    let (mut bench, receiver) = installed(AT_START);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    bench.rest = bench.rest.replace("127.0.0.1:0", &taken.local_addr().unwrap().to_string());
    let ran = bench.run(&["run"]).exits(1);
    let told = ran.stderr.lines().skip_while(|line| !line.starts_with("error")).collect::<Vec<_>>().join("\n");
    insta::assert_snapshot!(filtered(&told), @r"
    error: cannot listen on 127.0.0.1:PORT (http.listen): Address already in use (os error 98)
    help: another program may have the port; choose another one, or leave [http] out
    ");
    assert_eq!((bench.calls().len(), receiver.posts().len()), (0, 0));
}

#[test]
fn commands_beside_the_service_have_the_state_too() {
    let (bench, _receiver) = installed(AT_START);
    let mut service = Service::start(&bench);
    service.until_logged(RUN, 1);
    let shown = bench.run(&["status"]).exits(0).stdout;
    assert!(shown.contains("1 hold"), "{shown}");
    let plan = bench.plan();
    let id = hold_ids(&plan, "first_run").remove(0);
    bench.run(&["backup", "copy.db"]).exits(0);
    bench.run(&["audit", "verify"]).exits(0);
    // A call hangs: a person can approve meanwhile, and another run cannot begin.
    bench.simulator().inject(Fault::on("GET", "/v1/users", FaultKind::Hold { moment: Moment::Before }));
    bench.people(&["compliance,ann", "compliance,bob"]);
    service.signal("USR1");
    bench.until_held();
    assert!(bench.run(&["holds"]).exits(0).stdout.contains(&id));
    bench.run(&["approve", &id, "--by", "Grace", "--reason", "he left"]).exits(0);
    let told = bench.run(&["apply"]).exits(14).stderr;
    assert!(told.contains("another run is under way"), "{told}");
    bench.people(&["compliance,ann", "compliance,bob", "compliance,dan"]);
    bench.simulator().release();
    service.until_logged(RUN, 2);
    run_now(&mut service);
    assert_eq!(bench.members("Compliance"), ["ann", "bob", "dan"]);
    let began = Instant::now();
    service.stop();
    assert!(began.elapsed() < Duration::from_secs(5));
    bench.in_step();
}
