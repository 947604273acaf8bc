//! Notices by hooks: told once when the state changes, daily while it lasts, and never in a run's way.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rosterd::daemon::notices::{Channels, Ended, after_run, deliver};
use rosterd::model::id::RunId;
use rosterd::model::notice::NoticeOn;
use rosterd::model::plan::{Plan, PlanDigest};
use rosterd::model::run::{Outcome, PlanReport, RunReport};
use rosterd::notice::{NoticeKind, NoticeSettings};
use rosterd::run::RunError;
use rosterd::secret::Secret;
use rosterd::store::{Access, Store};
use rosterd::target::TargetError;
use rosterd::tls::Trust;
use serde_json::Value;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};
use tokio_util::sync::CancellationToken;

use crate::support::bench::{Bench, ONE_GROUP, Ran, secret};
use crate::support::ca::Ca;
use crate::support::doc::hold_ids;
use crate::support::receiver::{Receiver, Reply};

/// Where removals of a first run are held, Cem's removal waits. A webhook hears of it.
fn held(kind: &str, more: &str) -> (Bench, Receiver) {
    let receiver = Receiver::start();
    let mut bench = Bench::small();
    bench.rest = ONE_GROUP.replace("\"apply\"", "\"hold\"")
        + &format!("\n[[notify]]\nkind = \"{kind}\"\nurl = {{ file = \"hook\" }}\n{more}\n");
    secret(&bench.path("hook"), &receiver.url());
    bench.people(&["compliance,ann", "compliance,bob"]);
    (bench, receiver)
}

fn apply(bench: &Bench, code: i32) -> (Value, Ran) {
    let ran = bench.run(&["apply", "--format", "json"]).exits(code);
    (ran.json(), ran)
}

/// Changes the state file behind rosterd's back.
fn edit(bench: &Bench, sql: &'static str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut conn = SqliteConnectOptions::new().filename(bench.state()).connect().await.unwrap();
        sqlx::query(sql).execute(&mut conn).await.unwrap();
    });
}

/// Lets what was told have been told a day ago.
const A_DAY_LATER: &str = "UPDATE notice_told SET told_at = told_at - 86400000, since = since - 86400000";
/// Lets the next attempt of everything be due.
const WAIT_IS_OVER: &str = "UPDATE notice_outbox SET next_try = 0";

/// Lets everything that waits for another attempt have waited long enough.
pub fn wait_is_over(bench: &Bench) {
    edit(bench, WAIT_IS_OVER);
}

#[test]
fn a_hold_is_told_once_and_a_new_one_again() {
    let (bench, receiver) = held("webhook", "");
    let (run, _) = apply(&bench, 11);
    let posts = receiver.take();
    assert_eq!(posts.len(), 1, "{posts:?}");
    let told = posts[0].json();
    let id = &hold_ids(&run, "first_run")[0];
    assert_eq!((&told["format"], &told["event"]), (&"rosterd.notice/1".into(), &"held".into()));
    assert_eq!((&told["run_id"], &told["outcome"], &told["exit"]), (&run["run_id"], &run["outcome"], &run["exit"]));
    assert_eq!((&told["holds"][0]["id"], &told["holds"][0]["new"]), (&Value::from(id.as_str()), &true.into()));
    let command = format!("rosterd approve {id} --by YOU --reason \"…\"");
    assert!(told["text"].as_str().unwrap().contains(&command), "{told:#}");
    assert!(posts[0].line.starts_with("POST /services/T0000/s3cr3t-in-the-path?sig=s1gnature "), "{posts:?}");
    assert!(posts[0].headers.iter().any(|header| header.eq_ignore_ascii_case("content-type: application/json")));
    apply(&bench, 11);
    assert_eq!(receiver.events(), Vec::<String>::new(), "it was told");
    bench.people(&["compliance,ann"]);
    apply(&bench, 11);
    assert_eq!(receiver.events(), ["held"], "another removal, another hold");
    // The command of the notice does what it says.
    let (run, _) = apply(&bench, 11);
    let id = &hold_ids(&run, "first_run")[0];
    bench.run(&["approve", id, "--by", "Grace", "--reason", "they left"]).exits(0);
    assert_eq!(receiver.events(), Vec::<String>::new(), "an approval does not notify");
    apply(&bench, 0);
    assert_eq!(receiver.events(), ["recovered"]);
    apply(&bench, 0);
    assert_eq!(receiver.events(), Vec::<String>::new(), "it was told");
    bench.in_step();
}

#[test]
fn a_lasting_state_is_told_daily() {
    let (bench, receiver) = held("webhook", "");
    apply(&bench, 11);
    receiver.take();
    edit(&bench, A_DAY_LATER);
    apply(&bench, 11);
    let posts = receiver.take();
    assert_eq!(posts.len(), 1);
    let told = posts[0].json();
    assert_eq!((&told["event"], &told["lasting"]), (&"held".into(), &true.into()));
    assert_eq!(told["holds"][0]["new"], false);
    assert!(told["subject"].as_str().unwrap().contains("still: 1 hold waits"), "{told:#}");
    apply(&bench, 11);
    assert_eq!(receiver.events(), Vec::<String>::new());
}

#[test]
fn failures_are_told_beside_holds_and_a_part_of_it_is_not_the_end() {
    let (bench, receiver) = held("webhook", "");
    apply(&bench, 11);
    assert_eq!(receiver.events(), ["held"]);
    bench.write("people.csv", "nonsense\n");
    apply(&bench, 13);
    let posts = receiver.take();
    assert_eq!(posts.iter().map(|post| post.json()["event"].clone()).collect::<Vec<_>>(), ["failed"]);
    assert_eq!(posts[0].json()["sources"], serde_json::json!(["hr"]));
    // The source is back, and what was held still is.
    bench.people(&["compliance,ann", "compliance,bob"]);
    apply(&bench, 11);
    assert_eq!(receiver.events(), Vec::<String>::new());
    bench.people(&["compliance,ann", "compliance,bob", "compliance,cem"]);
    apply(&bench, 0);
    let posts = receiver.take();
    assert_eq!(posts[0].json()["event"], "recovered");
    assert!(posts[0].json()["text"].as_str().unwrap().contains("(held, failed)"), "{:?}", posts[0]);
    bench.in_step();
}

#[test]
fn hyperproof_that_does_not_answer_is_told() {
    let (mut bench, receiver) = held("webhook", "on = [\"failed\"]");
    bench.stop_simulator();
    bench.run(&["apply"]).exits(13);
    let posts = receiver.take();
    assert_eq!(posts.len(), 1);
    let told = posts[0].json();
    assert_eq!((&told["event"], &told["exit"]), (&"failed".into(), &13.into()));
    assert!(told["subject"].as_str().unwrap().contains("Hyperproof could not be read"), "{told:#}");
    bench.run(&["apply"]).exits(13);
    assert_eq!(receiver.events(), Vec::<String>::new());
}

#[test]
fn a_run_over_some_groups_does_not_say_that_all_is_well() {
    let (bench, receiver) = held("webhook", "");
    apply(&bench, 11);
    receiver.take();
    bench.people(&["compliance,ann", "compliance,bob", "compliance,cem"]);
    bench.run(&["apply", "--group", "Compliance"]).exits(0);
    assert_eq!(receiver.events(), Vec::<String>::new());
    bench.run(&["apply", "--group", "Nobody"]).exits(2);
    assert_eq!(receiver.events(), Vec::<String>::new(), "a typing mistake is no state of the service");
    apply(&bench, 0);
    assert_eq!(receiver.events(), ["recovered"]);
}

#[test]
fn a_plan_does_not_notify() {
    let (bench, receiver) = held("webhook", "");
    bench.run(&["plan"]).exits(11);
    assert!(receiver.posts().is_empty());
}

#[test]
fn a_receiver_that_is_down_costs_a_run_nothing_and_hears_of_it_later() {
    let (bench, receiver) = held("webhook", "");
    // Nobody listens on a port that was free a moment ago.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    secret(&bench.path("hook"), &format!("http://{free}/s3cr3t-in-the-path"));
    let began = Instant::now();
    let (_, ran) = apply(&bench, 11);
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    assert!(ran.stderr.contains("notice not delivered"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("s3cr3t"), "{}", ran.stderr);
    // The address is mended: another receiver, which hears of it as for the first time.
    secret(&bench.path("hook"), &receiver.url());
    apply(&bench, 11);
    assert_eq!(receiver.events(), ["held"]);
    apply(&bench, 11);
    assert_eq!(receiver.events(), Vec::<String>::new(), "what waited for the old address is forgotten");
}

#[test]
fn what_was_refused_is_delivered_by_a_later_run_in_its_order() {
    let (bench, receiver) = held("webhook", "");
    receiver.reply(Reply::Status(500, "try later".to_owned()));
    let (_, ran) = apply(&bench, 11);
    assert!(ran.stderr.contains("status 500: try later"), "{}", ran.stderr);
    let first = receiver.take().remove(0).json();
    // Its time has not come; what is newer waits behind it.
    bench.people(&["compliance,ann"]);
    apply(&bench, 11);
    assert_eq!(receiver.events(), Vec::<String>::new());
    edit(&bench, WAIT_IS_OVER);
    apply(&bench, 11);
    let posts = receiver.take();
    assert_eq!(posts.len(), 2, "{posts:?}");
    assert_eq!(posts[0].json(), first, "the same notice, with the same id");
    assert_ne!(posts[1].json()["id"], first["id"]);
    edit(&bench, WAIT_IS_OVER);
    apply(&bench, 11);
    assert_eq!(receiver.events(), Vec::<String>::new());
}

#[test]
fn a_clock_that_was_set_back_does_not_keep_notices_for_a_year() {
    let (bench, receiver) = held("webhook", "");
    receiver.reply(Reply::Status(500, String::new()));
    apply(&bench, 11);
    receiver.take();
    edit(&bench, "UPDATE notice_outbox SET next_try = next_try + 31536000000");
    apply(&bench, 11);
    assert_eq!(receiver.events(), ["held"]);
}

#[test]
fn a_receiver_that_hangs_does_not_hold_the_run_up() {
    let (bench, receiver) = held("webhook", "");
    receiver.reply(Reply::Hang);
    let began = Instant::now();
    let (_, ran) = apply(&bench, 11);
    assert!(began.elapsed() < Duration::from_secs(18), "{:?}", began.elapsed());
    assert!(ran.stderr.contains("not every notice was delivered in time"), "{}", ran.stderr);
    receiver.take();
    edit(&bench, WAIT_IS_OVER);
    apply(&bench, 11);
    assert_eq!(receiver.events(), ["held"]);
}

#[test]
fn one_receiver_does_not_wait_for_another() {
    let (mut bench, receiver) = held("webhook", "");
    let other = Receiver::start();
    secret(&bench.path("other"), &other.url());
    bench.rest.push_str("[[notify]]\nkind = \"slack\"\nurl = { file = \"other\" }\n");
    receiver.reply(Reply::Hang);
    let child = bench.start(&["apply"]);
    other.until_asked();
    bench.wait(child).exits(11);
    assert_eq!(other.posts().len(), 1);
}

#[test]
fn a_stop_while_notices_are_sent_ends_at_once_and_loses_none() {
    let (bench, receiver) = held("webhook", "");
    receiver.reply(Reply::Hang);
    let child = bench.start(&["apply"]);
    receiver.until_asked();
    let began = Instant::now();
    std::process::Command::new("kill").arg("-TERM").arg(child.id().to_string()).status().unwrap();
    bench.wait(child).exits(11);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    receiver.take();
    edit(&bench, WAIT_IS_OVER);
    apply(&bench, 11);
    assert_eq!(receiver.events(), ["held"]);
}

#[test]
fn a_redirect_is_refused_and_a_message_that_is_refused_is_given_up() {
    let (bench, receiver) = held("webhook", "");
    let thief = Receiver::start();
    receiver.reply(Reply::Redirect(thief.url()));
    let (_, ran) = apply(&bench, 11);
    assert!(ran.stderr.contains("status 307: a redirect, which is not followed"), "{}", ran.stderr);
    assert!(thief.posts().is_empty());
    receiver.take();
    edit(&bench, WAIT_IS_OVER);
    receiver.reply(Reply::Status(400, "invalid_payload s3cr3t-in-the-path".to_owned()));
    let (_, ran) = apply(&bench, 11);
    assert!(ran.stderr.contains("notice given up") && ran.stderr.contains("status 400: invalid_payload"), "{ran:?}");
    assert!(!ran.stderr.contains("s3cr3t") && !ran.stderr.contains("s1gnature"), "{}", ran.stderr);
    receiver.take();
    edit(&bench, WAIT_IS_OVER);
    apply(&bench, 11);
    assert_eq!(receiver.events(), Vec::<String>::new());
}

#[test]
fn a_notice_that_cannot_be_delivered_for_days_is_given_up_loudly() {
    let (bench, receiver) = held("webhook", "");
    receiver.reply(Reply::Status(503, String::new()));
    apply(&bench, 11);
    edit(&bench, "UPDATE notice_outbox SET next_try = 0, made_at = made_at - 4 * 86400000");
    receiver.reply(Reply::Status(503, String::new()));
    let (_, ran) = apply(&bench, 11);
    assert!(ran.stderr.contains("ERROR") && ran.stderr.contains("notice given up"), "{}", ran.stderr);
    receiver.take();
    edit(&bench, WAIT_IS_OVER);
    apply(&bench, 11);
    assert_eq!(receiver.events(), Vec::<String>::new());
}

#[test]
fn people_are_named_where_that_is_configured_and_nowhere_else() {
    for kind in ["webhook", "slack", "teams"] {
        let (bench, receiver) = held(kind, "");
        apply(&bench, 11);
        let posts = receiver.take();
        assert_eq!(posts.len(), 1);
        assert!(!posts[0].body.contains('@') && !posts[0].body.contains("cem"), "{}", posts[0].body);
        assert!(posts[0].body.contains("rosterd approve h-"), "{}", posts[0].body);
        let (bench, receiver) = held(kind, "personal_data = true");
        apply(&bench, 11);
        let posts = receiver.take();
        assert!(posts[0].body.contains("remove cem@corp.example in Compliance"), "{}", posts[0].body);
    }
}

#[test]
fn the_address_of_a_hook_is_nowhere_but_in_its_request() {
    for kind in ["webhook", "slack", "teams"] {
        let (bench, receiver) = held(kind, "");
        receiver.reply(Reply::Status(404, format!("no hook at {}", receiver.url())));
        let ran = bench.run(&["-vvv", "apply", "--format", "json"]).exits(11);
        let state: Vec<u8> = ["", "-wal", "-shm"]
            .iter()
            .filter_map(|suffix| std::fs::read(bench.path(&format!("rosterd.db{suffix}"))).ok())
            .flatten()
            .collect();
        let state = String::from_utf8_lossy(&state);
        assert!(state.contains("rosterd approve h-"), "the notice waits");
        for text in [ran.stderr.as_str(), &ran.stdout, &state] {
            for part in ["s3cr3t", "s1gnature", "T0000"] {
                assert!(!text.contains(part), "{part}: {text}");
            }
        }
    }
}

#[test]
fn entries_with_one_receiver_are_told_apart_and_one_that_goes_is_forgotten() {
    let (mut bench, receiver) = held("webhook", "on = [\"held\"]");
    bench.rest.push_str("[[notify]]\nkind = \"webhook\"\nurl = { file = \"hook\" }\non = [\"failed\"]\n");
    apply(&bench, 11);
    assert_eq!(receiver.events(), ["held"]);
    bench.write("people.csv", "nonsense\n");
    apply(&bench, 13);
    assert_eq!(receiver.events(), ["failed"]);
    let all = bench.rest.clone();
    bench.rest = all.split("\n[[notify]]").next().unwrap().to_owned();
    apply(&bench, 13);
    bench.rest = all;
    apply(&bench, 13);
    let mut events = receiver.events();
    events.sort();
    // Each is sent by itself, in no order; what the source fed is still held, as it was not judged.
    assert_eq!(events, ["failed", "held"], "a receiver that comes back hears what it missed");
}

#[test]
fn a_hook_is_verified_by_the_authorities_that_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let ca = Ca::new(dir.path(), "ca");
    let _other = Ca::new(dir.path(), "other");
    let receiver = Receiver::start_tls(&ca.issue("hook", &["localhost"]));
    let trusting = |name: &str| {
        let (bench, _) = held("webhook", &format!("ca_file = \"{}\"", Ca::root(dir.path(), name).display()));
        secret(&bench.path("hook"), &receiver.url());
        apply(&bench, 11).1
    };
    let ran = trusting("other");
    assert!(ran.stderr.contains("authority") && ran.stderr.contains("ca_file"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("s3cr3t"), "{}", ran.stderr);
    assert!(receiver.posts().is_empty());
    trusting("ca");
    assert_eq!(receiver.events(), ["held"]);
}

#[test]
fn a_hook_can_be_reached_through_a_proxy() {
    let proxy = Receiver::start();
    let (bench, receiver) = held("slack", &format!("proxy = \"{}\"", proxy.base));
    apply(&bench, 11);
    assert!(receiver.posts().is_empty());
    assert!(proxy.posts()[0].line.starts_with(&format!("POST {} ", receiver.url())), "{:?}", proxy.posts());
}

/// A state file, a webhook, and a deliverer that works until it is stopped.
async fn service(
    dir: &Path,
    receiver: &Receiver,
) -> (Store, Arc<Channels>, CancellationToken, tokio::task::JoinHandle<()>) {
    let store = Store::open(&dir.join("rosterd.db"), Access::CreateOrWrite).await.unwrap();
    let settings = NoticeSettings {
        kind: NoticeKind::Webhook { url: Secret::new(receiver.url()) },
        on: NoticeOn::ALL.to_vec(),
        personal_data: false,
        trust: Trust::default(),
        proxy: None,
    };
    let channels = Arc::new(Channels::new(&[settings], "grc1"));
    let stop = CancellationToken::new();
    let task = tokio::spawn({
        let (store, channels, stop) = (store.clone(), Arc::clone(&channels), stop.clone());
        async move { deliver(&store, &channels, &stop).await }
    });
    (store, channels, stop, task)
}

/// A run that found nothing to do.
fn well() -> RunReport {
    let now = Timestamp::now();
    let plan = Plan {
        undo_of: None,
        digest: PlanDigest::of([]),
        complete: true,
        sources: Vec::new(),
        groups: Vec::new(),
        changes: Vec::new(),
        skips: Vec::new(),
        holds: Vec::new(),
        problems: Vec::new(),
        reads: 3,
        writes: 0,
    };
    RunReport {
        planned: PlanReport { run: RunId::new("0199"), made_at: now, plan },
        results: Vec::new(),
        outcome: Outcome::InStep,
        exit: 0,
        finished_at: now,
        throttled_until: None,
        traffic: Default::default(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn that_the_state_cannot_be_used_is_told_too_once_and_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start();
    let (store, channels, stop, task) = service(dir.path(), &receiver).await;
    let mut other = SqliteConnectOptions::new().filename(store.path()).connect().await.unwrap();
    sqlx::query("ALTER TABLE notice_told RENAME TO away").execute(&mut other).await.unwrap();
    let error = RunError::Target(TargetError::Setting { key: "api_url", why: "is no address".into() });
    let ended = Ended { run: Err(&error), partial: false, stopped: false };
    for _ in 0..2 {
        after_run(&store, &channels, &ended, Timestamp::now()).await.unwrap_err();
    }
    receiver.until_asked();
    assert_eq!(receiver.events(), ["failed"]);
    sqlx::query("ALTER TABLE away RENAME TO notice_told").execute(&mut other).await.unwrap();
    assert_eq!(after_run(&store, &channels, &ended, Timestamp::now()).await.unwrap(), 0, "it was told");
    let report = well();
    let ended = Ended { run: Ok(&report), ..ended };
    assert_eq!(after_run(&store, &channels, &ended, Timestamp::now()).await.unwrap(), 1);
    receiver.until_asked();
    assert_eq!(receiver.events(), ["recovered"]);
    stop.cancel();
    task.await.unwrap();
    other.close().await.unwrap();
    store.close().await;
}

/// The service's way: a deliverer beside the runs, which is woken by what a run queues. Told to stop, it ends what it
/// began; the service waits for that as long as it can, and drops it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_deliverer_is_woken_and_ends_what_it_began() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start();
    let (store, channels, stop, mut task) = service(dir.path(), &receiver).await;
    let error = RunError::Target(TargetError::Setting { key: "api_url", why: "is no address".into() });
    let ended = Ended { run: Err(&error), partial: false, stopped: false };
    let began = Instant::now();
    assert_eq!(after_run(&store, &channels, &ended, Timestamp::now()).await.unwrap(), 1);
    while store.next_notice().await.unwrap().is_some() {
        assert!(began.elapsed() < Duration::from_secs(20), "not delivered");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(receiver.events(), ["failed"]);
    assert_eq!(after_run(&store, &channels, &ended, Timestamp::now()).await.unwrap(), 0, "it was told");
    let stopped = Ended { stopped: true, ..ended };
    assert_eq!(after_run(&store, &channels, &stopped, Timestamp::now()).await.unwrap(), 0);
    receiver.reply(Reply::Hang);
    let later = Timestamp::now() + jiff::SignedDuration::from_hours(24);
    assert_eq!(after_run(&store, &channels, &ended, later).await.unwrap(), 1, "the digest");
    receiver.until_asked();
    stop.cancel();
    tokio::time::timeout(Duration::from_millis(300), &mut task).await.expect_err("an attempt is under way");
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    assert!(store.next_notice().await.unwrap().is_some(), "what was not delivered waits");
    store.close().await;
}
