//! The service seen from outside: a real server over a real state, asked over real sockets. The runs are
//! real; what the service's loop would publish is published by the test.

mod door;
mod exposition;
mod metrics;
mod page;
mod ready;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use rosterd::config::{self, Config, Environment};
use rosterd::model::run::{Outcome, RunReport, Trigger};
use rosterd::model::service::{Configuration, LastRun, ServiceState, Totals};
use rosterd::run::{self, Order, Progress, Setup};
use rosterd::secret::Secret;
use rosterd::status::{self, Access};
use rosterd::store::{self, Actor, Store};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::support::bench::Bench;

/// A bench, and the status server over its state.
pub(crate) struct Watched {
    pub(crate) bench: Bench,
    runtime: Runtime,
    store: Store,
    state: Option<watch::Sender<ServiceState>>,
    address: SocketAddr,
    stop: CancellationToken,
    server: Option<JoinHandle<std::io::Result<()>>>,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

impl Answer {
    fn of(raw: &str) -> Self {
        let (head, body) = raw.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {raw:?}"));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        Self { status: status.unwrap_or_else(|| panic!("{head}")), head: head.to_owned(), body: body.to_owned() }
    }

    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }
}

impl Watched {
    /// Serves what the bench has, to everybody.
    pub(crate) fn new(bench: Bench) -> Self {
        Self::with_token(bench, None)
    }

    pub(crate) fn with_token(bench: Bench, token: Option<&str>) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let access = Access::new(token.map(|token| Secret::new(token.to_owned())));
        let stop = CancellationToken::new();
        let (state, receiver) = watch::channel(fresh());
        let (store, address, server) = runtime.block_on(async {
            let store = Store::open(&bench.state(), store::Access::CreateOrWrite).await.unwrap();
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let server = tokio::spawn(status::serve(listener, access, receiver, store.clone(), stop.clone()));
            (store, address, server)
        });
        Self { bench, runtime, store, state: Some(state), address, stop, server: Some(server) }
    }

    /// One real run, told as the loop tells it.
    pub(crate) fn run(&self) -> Arc<RunReport> {
        // Writes the configuration.
        self.bench.command(&["check"]);
        let config: Config = config::load(&self.bench.path("rosterd.toml"), &Environment::process()).unwrap();
        let setup = Setup {
            order: Order {
                target: &config.target,
                sources: &config.sources,
                policy: &config.policy,
                digest: &config.digest,
                retention: config.state.retention,
            },
            store: &self.store,
            actor: Actor { service: "test".into(), host: "here".into(), operator: None },
            trigger: Trigger::Schedule,
            only: None,
            progress: watch::Sender::new(Progress::default()),
            stop: CancellationToken::new(),
        };
        let started_at = Timestamp::now();
        let report = Arc::new(self.runtime.block_on(run::apply(&setup)).unwrap());
        self.tell(|state| {
            state.totals.count(&report);
            state.last_run = Some(ended(report.outcome, started_at, report.finished_at));
            if matches!(report.outcome, Outcome::InStep | Outcome::Applied | Outcome::Held) {
                state.last_success = Some(report.finished_at);
            }
            state.configuration.digest.clone_from(&config.digest);
            state.report = Some(Arc::clone(&report));
        });
        report
    }

    /// Publishes a change of the service's state.
    pub(crate) fn tell(&self, change: impl FnOnce(&mut ServiceState)) {
        self.state.as_ref().expect("the loop has ended").send_modify(change);
    }

    /// The loop ends, and nobody publishes any more.
    pub(crate) fn end_the_loop(&mut self) {
        self.state = None;
    }

    /// Nothing can be read from the state any more.
    pub(crate) fn lose_the_state(&self) {
        self.runtime.block_on(self.store.clone().close());
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream
    }

    /// Sends these lines as a request's head, and reads the answer to its end.
    pub(crate) fn send(&self, lines: &[&str]) -> Answer {
        let mut stream = self.connect();
        stream.write_all(format!("{}\r\n\r\n", lines.join("\r\n")).as_bytes()).unwrap();
        let mut raw = String::new();
        stream.read_to_string(&mut raw).unwrap();
        Answer::of(&raw)
    }

    /// GET, by the address that is served.
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[])
    }

    pub(crate) fn ask(&self, method: &str, path: &str, headers: &[&str]) -> Answer {
        let (line, host) = (format!("{method} {path} HTTP/1.1"), format!("Host: {}", self.address));
        let mut lines = vec![line.as_str(), host.as_str()];
        lines.extend(headers);
        self.send(&lines)
    }

    /// Stops the server; how long that took.
    pub(crate) fn stop(&mut self) -> Duration {
        let began = Instant::now();
        self.stop.cancel();
        self.runtime.block_on(self.server.take().unwrap()).unwrap().unwrap();
        began.elapsed()
    }
}

/// The service just after its start, a run every quarter of an hour.
pub(crate) fn fresh() -> ServiceState {
    let now = Timestamp::now();
    ServiceState {
        let_go: None,
        started_at: now,
        running: None,
        last_run: None,
        failing: None,
        last_success: None,
        report: None,
        next_run: Some(now + SignedDuration::from_mins(15)),
        interval: Some(Duration::from_secs(900)),
        second_after: None,
        throttled_until: None,
        waiting: 0,
        configuration: Configuration { digest: "sha256:0123456789abcdef".into(), loaded_at: now, refused: None },
        totals: Totals::default(),
    }
}

pub(crate) fn ended(outcome: Outcome, started_at: Timestamp, finished_at: Timestamp) -> LastRun {
    LastRun { trigger: Trigger::Schedule, started_at, finished_at, outcome, error: None }
}
