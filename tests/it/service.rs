//! The whole service at once, as an administrator has it: its runs, its page, its notices, its archives,
//! and other commands beside it.

mod page;
mod trouble;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::support::bench::{Bench, ONE_GROUP, secret};
use crate::support::receiver::Receiver;
use crate::support::service::Service;

/// A line of the log for each run that came to its end.
const RUN: &str = "run finished";
/// Runs when it starts, and else only when it is asked to: the next tick is far away.
const AT_START: &str = "cron = \"0 0 0 1 1 *\"";
/// Runs only when it is asked to.
const ASKED: &str = "cron = \"0 0 0 1 1 *\"\nrun_at_start = false";
/// Runs every second.
const SECONDS: &str = "cron = \"* * * * * *\"\njitter = \"0s\"\nrun_at_start = false";

/// The small world with Cem to remove, which waits for a person, and Dan to add; a page on a free port, and
/// a webhook.
fn installed(schedule: &str) -> (Bench, Receiver) {
    let receiver = Receiver::start();
    let mut bench = Bench::small();
    bench.rest = ONE_GROUP.replace("\"apply\"", "\"hold\"")
        + &format!("\n[schedule]\n{schedule}\n[http]\nlisten = \"127.0.0.1:0\"\n")
        + "\n[[notify]]\nkind = \"webhook\"\nurl = { file = \"hook\" }\n";
    secret(&bench.path("hook"), &receiver.url());
    bench.people(&["compliance,ann", "compliance,bob", "compliance,dan"]);
    (bench, receiver)
}

/// Lets nothing wait for a person.
fn in_order(bench: &Bench) {
    bench.people(&["compliance,ann", "compliance,bob", "compliance,cem", "compliance,dan"]);
}

/// Asks for a run, and waits for its end.
fn run_now(service: &mut Service) {
    let before = service.logged(RUN);
    service.signal("USR1");
    service.until_logged(RUN, before + 1);
}

/// Waits until it is so.
#[track_caller]
fn until(what: &str, mut is: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(40);
    while !is() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The status page of a service.
struct Page {
    address: String,
    token: Option<&'static str>,
}

impl Page {
    /// Where the log says that it is.
    fn of(service: &mut Service) -> Self {
        service.until_logged("status page", 1);
        let log = service.log();
        let line = log.lines().find(|line| line.contains("status page")).unwrap();
        let address = line.split("address=").nth(1).unwrap().trim().to_owned();
        Self { address, token: None }
    }

    /// Status and body.
    fn get(&self, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let shown = self.token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {}\r\n{shown}\r\n", self.address).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    /// The sum over the values of a metric whose labels have this in them.
    fn metric(&self, name: &str, labels: &str) -> f64 {
        let (status, body) = self.get("/metrics");
        assert_eq!(status, 200, "{body}");
        let lines = body.lines().filter(|line| line.starts_with(name) && line.contains(labels));
        let lines = lines.filter(|line| matches!(line.as_bytes().get(name.len()), Some(b'{' | b' ')));
        let values: Vec<f64> = lines.map(|line| line.rsplit(' ').next().unwrap().parse().unwrap()).collect();
        assert!(!values.is_empty(), "{name}{{{labels}}} is not in\n{body}");
        values.iter().sum()
    }
}
