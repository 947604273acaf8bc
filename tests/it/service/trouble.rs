//! A service whose surroundings fail: its disk, its state, its receiver; and one that is stopped meanwhile.

use std::os::unix::fs::FileExt;

use rosterd::simulator::{Fault, FaultKind, Moment};

use super::{ASKED, AT_START, Page, RUN, SECONDS, in_order, installed, run_now, until};
use crate::notices::wait_is_over;
use crate::retention;
use crate::state::Disk;
use crate::support::bench::{Bench, filtered};
use crate::support::receiver::{Receiver, Reply};
use crate::support::service::Service;

/// A line of the log for each run that failed.
const FAILED: &str = "the run failed: it is tried again at the next tick";

fn on_a_disk(schedule: &str) -> Option<(Disk, Bench, Receiver)> {
    let (mut bench, receiver) = installed(schedule);
    in_order(&bench);
    bench.state_path = "disk/rosterd.db".to_owned();
    let disk = Disk::mount(bench.path("disk"), "4m")?;
    Some((disk, bench, receiver))
}

#[test]
fn a_disk_that_is_full_for_a_while() {
    let Some((disk, bench, receiver)) = on_a_disk(SECONDS) else { return };
    let mut service = Service::start(&bench);
    let page = Page::of(&mut service);
    service.until_logged(RUN, 2);
    disk.fill();
    service.until_logged(FAILED, 3);
    receiver.until_asked();
    let calls = bench.calls().len();
    bench.people(&["compliance,ann", "compliance,bob", "compliance,cem", "compliance,dan", "compliance,eve"]);
    // What was told from memory is not told again by another configuration.
    service.signal("HUP");
    service.until_logged("holds from the next run on", 1);
    service.until_logged(FAILED, service.logged(FAILED) + 2);
    assert_eq!(bench.calls().len(), calls, "nothing is asked while nothing can be written");
    let posts = receiver.posts();
    assert_eq!(posts.len(), 1, "it is told once: {posts:?}");
    let told = posts[0].json();
    assert!(told["event"] == "failed" && told["text"].as_str().unwrap().contains("the disk is full"), "{told:#}");
    assert_eq!(page.get("/readyz").0, 503);
    assert_eq!(page.get("/healthz").0, 200, "a restart would mend nothing");
    disk.make_room();
    until("it is applied", || bench.members("Compliance").len() == 5);
    until("it is ready", || page.get("/readyz").0 == 200);
    until("it is told", || receiver.posts().len() == 2);
    assert_eq!(receiver.events(), ["failed", "recovered"]);
    service.stop();
    bench.every_intent_has_an_outcome();
    bench.in_step();
}

#[test]
fn a_state_that_is_damaged_meanwhile_fails_runs_and_stops_cleanly() {
    let (bench, receiver) = installed(ASKED);
    in_order(&bench);
    let mut service = Service::start(&bench);
    run_now(&mut service);
    bench.run(&["backup", "copy.db"]).exits(0);
    let calls = bench.calls().len();
    let length = std::fs::metadata(bench.state()).unwrap().len();
    let file = std::fs::File::options().write(true).open(bench.state()).unwrap();
    file.write_all_at(&vec![0x5a; usize::try_from(length).unwrap()], 0).unwrap();
    let _ = std::fs::File::options().write(true).truncate(true).open(bench.path("rosterd.db-wal")).unwrap();
    service.signal("USR1");
    service.until_logged(FAILED, 1);
    receiver.until_asked();
    assert_eq!(bench.calls().len(), calls, "{}", service.log());
    assert!(receiver.posts()[0].json()["event"] == "failed");
    service.stop();
    // As the documentation says: the copy takes its place while nothing runs.
    for name in ["rosterd.db-wal", "rosterd.db-shm"] {
        let _ = std::fs::remove_file(bench.path(name));
    }
    std::fs::copy(bench.path("copy.db"), bench.state()).unwrap();
    let mut service = Service::start(&bench);
    run_now(&mut service);
    service.stop();
    bench.in_step();
}

/// It goes on with a file that nobody else has, and what it records is lost: it has to notice.
#[test]
fn a_state_that_is_replaced_meanwhile_is_noticed_before_a_call() {
    let (bench, receiver) = installed(ASKED);
    in_order(&bench);
    let mut service = Service::start(&bench);
    run_now(&mut service);
    bench.run(&["backup", "copy.db"]).exits(0);
    let calls = bench.calls().len();
    std::fs::rename(bench.path("copy.db"), bench.state()).unwrap();
    service.signal("USR1");
    service.until_logged(FAILED, 1);
    assert_eq!(bench.calls().len(), calls);
    assert_eq!(service.logged("is not the file that was opened"), 1, "{}", service.log());
    receiver.until_asked();
    assert!(receiver.posts()[0].json()["event"] == "failed");
    service.stop();
}

#[test]
fn it_stops_while_a_receiver_does_not_answer_and_tells_it_after_the_next_start() {
    let (bench, receiver) = installed(AT_START);
    receiver.reply(Reply::Hang);
    let service = Service::start(&bench);
    receiver.until_asked();
    let stopped = service.stop();
    assert!(stopped.took.as_secs() < 5, "{:?}", stopped.took);
    receiver.take();
    wait_is_over(&bench);
    let service = Service::start(&bench);
    receiver.until_asked();
    service.stop();
    assert_eq!(receiver.events(), ["held"]);
}

#[test]
fn old_runs_are_archived_by_the_service() {
    let (bench, _receiver) = installed(AT_START);
    in_order(&bench);
    retention::with_old_runs(&bench);
    let mut service = Service::start(&bench);
    service.until_logged("archived old records", 1);
    until("the run has ended", || service.logged(RUN) == 1);
    run_now(&mut service);
    let stopped = service.stop();
    assert_eq!(stopped.logged("archived old records"), 1, "once a day: {}", stopped.log);
    let told = bench.run(&["audit", "verify"]).exits(0).stdout;
    assert!(told.contains("1 archive, 19 records verified"), "{told}");
    bench.in_step();
}

/// A stop at different moments around the end of a run and its housekeeping.
#[test]
fn it_stops_while_it_archives() {
    for wait_for in ["run finished", "archived old records"] {
        let (bench, _receiver) = installed(AT_START);
        in_order(&bench);
        retention::with_old_runs(&bench);
        let mut service = Service::start(&bench);
        service.until_logged(wait_for, 1);
        let stopped = service.stop();
        assert!(stopped.took.as_secs() < 5, "{:?}", stopped.took);
        bench.run(&["audit", "verify"]).exits(0);
        bench.apply(0);
        let told = bench.run(&["audit", "verify"]).exits(0).stdout;
        assert!(told.contains("1 archive, 19 records verified"), "{told}");
        bench.in_step();
    }
}

/// A run that ended badly in a service that was killed is mended by the next one, and told by neither.
#[test]
fn killed_in_a_write_with_a_notice_under_way() {
    let (bench, receiver) = installed(AT_START);
    bench.simulator().inject(Fault::on("POST", "/v1/groups/*/users", FaultKind::Hold { moment: Moment::After }));
    receiver.reply(Reply::Hang);
    let service = Service::start(&bench);
    bench.until_held();
    service.kill();
    bench.until_abandoned();
    let mut service = Service::start(&bench);
    let page = Page::of(&mut service);
    service.until_logged(RUN, 1);
    receiver.until_asked();
    assert_eq!(page.get("/readyz").0, 200);
    in_order(&bench);
    run_now(&mut service);
    service.stop();
    bench.every_intent_has_an_outcome();
    bench.in_step();
}

/// At three in the morning the log, the notice and the status say what is the matter, and not just that something is.
#[test]
fn whoever_looks_is_told_why() {
    let (mut bench, receiver) = installed(ASKED);
    in_order(&bench);
    bench.rest.push_str("\n[[mapping]]\nsource = \"hr\"\ngroup = \"compliance\"\nto = \"Nowhere\"\n");
    let mut service = Service::start(&bench);
    run_now(&mut service);
    let lost = "group \"Nowhere\": is not in Hyperproof: left alone (help: create it there, or set `create = true`";
    service.until_logged("group cannot be worked on: it is left alone", 1);
    assert!(service.log().contains("is not in Hyperproof: left alone"), "{}", service.log());
    let status = bench.run(&["status"]).exits(0).stdout;
    assert!(status.contains(&format!("    ! {lost}")), "{status}");

    bench.write("people.csv", "");
    run_now(&mut service);
    service.until_logged("people.csv: is empty: not even a heading row (help: an export without people", 1);
    let status = bench.run(&["status"]).exits(0).stdout;
    assert!(status.contains("    ! source hr: people.csv: is empty: not even a heading row"), "{status}");
    assert!(
        status.contains("  hr: not read completely ") && status.contains(", 0 people; last read complet"),
        "{status}"
    );
    until("it is told", || {
        receiver.posts().iter().any(|post| post.json()["text"].to_string().contains("people.csv: is empty"))
    });
    service.stop();
}

/// What was told stays told, also where that it was cannot be written down: of a hold nobody hears twice.
#[test]
fn a_disk_that_is_full_makes_nothing_new_of_what_was_told() {
    let Some((disk, bench, receiver)) = on_a_disk(ASKED) else { return };
    bench.people(&["compliance,ann", "compliance,bob", "compliance,dan"]);
    bench.apply(11);
    assert_eq!(receiver.events(), ["held"]);
    let mut service = Service::start(&bench);
    disk.fill();
    for count in 1..=2 {
        service.signal("USR1");
        service.until_logged(FAILED, count);
        // Neither to the receivers of another configuration.
        service.signal("HUP");
        service.until_logged("holds from the next run on", count);
    }
    until("it is told", || !receiver.posts().is_empty());
    assert_eq!(receiver.events(), ["failed"]);
    disk.make_room();
    run_now(&mut service);
    in_order(&bench);
    run_now(&mut service);
    until("it is told", || !receiver.posts().is_empty());
    assert_eq!(receiver.events(), ["recovered"], "the hold was not told again");
    service.stop();
    bench.in_step();
}

/// The state has rows of the runs that went well, and nothing of those that could not write any.
#[test]
fn who_asks_for_the_status_hears_that_the_runs_fail() {
    let Some((disk, bench, _receiver)) = on_a_disk(ASKED) else { return };
    let mut service = Service::start(&bench);
    let page = Page::of(&mut service);
    run_now(&mut service);
    let status = || bench.run(&["status"]).exits(0).stdout;
    assert!(!status().contains("runs fail"), "{}", status());
    assert!(page.get("/metrics").1.contains("\nrosterd_source_people{source=\"hr\"} 4\n"));
    disk.fill();
    service.signal("USR1");
    service.until_logged(FAILED, 1);
    let told = |text: &str| text.lines().find(|line| line.contains("runs fail")).map(filtered);
    until("it is told", || told(&status()).is_some());
    let first = status();
    let line = told(&first).unwrap();
    let told_so =
        format!("The service's runs fail since TIME (AGO): state file {}: the disk is full", bench.state().display());
    assert_eq!(line, filtered(&told_so));
    assert!(first.contains("Next run: 2"), "{first}");
    service.signal("USR1");
    service.until_logged(FAILED, 2);
    let metrics = page.get("/metrics").1;
    for gone in ["source_complete", "source_people", "source_read_seconds", "skips", "changes_held"] {
        assert!(!metrics.contains(&format!("\nrosterd_{gone}{{")) && !metrics.contains(&format!("\nrosterd_{gone} ")));
    }
    assert!(metrics.contains("\nrosterd_source_complete_read_timestamp_seconds{source=\"hr\"}"), "{metrics}");
    disk.make_room();
    run_now(&mut service);
    until("it is over", || told(&status()).is_none());
    assert!(page.get("/metrics").1.contains("\nrosterd_source_people{source=\"hr\"} 4\n"));
    service.stop();
    assert!(status().contains("\nNext run: not scheduled: no service is at work\n"), "{}", status());
}
