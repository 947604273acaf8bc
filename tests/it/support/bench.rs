//! A whole installation in a temporary directory: a simulator, a configuration, CSV files, and the
//! real binary run against them.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, SystemTime};

use rosterd::simulator::{CallState, RequestRecord, Simulator, World};
use serde_json::Value;
use tokio::runtime::Runtime;

/// What a command left behind.
#[derive(Debug, Clone)]
pub struct Ran {
    /// Exit code; 128 and the signal's number when it was killed.
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// Of a process that has ended.
    pub fn of(output: Output) -> Self {
        use std::os::unix::process::ExitStatusExt;
        let status = output.status;
        Self {
            code: status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default()),
            stdout: String::from_utf8(output.stdout).expect("stdout is UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("stderr is UTF-8"),
        }
    }

    /// Insists on an exit code, and shows everything when it is another.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        self
    }

    /// The answer as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}\nstdout:\n{}\nstderr:\n{}", self.stdout, self.stderr))
    }
}

/// The installation. Everything goes when it is dropped.
pub struct Bench {
    dir: tempfile::TempDir,
    runtime: Runtime,
    simulator: Option<Simulator>,
    /// Keys of `[hyperproof]` after the ones that are always there.
    pub hyperproof: String,
    /// `state.path`.
    pub state_path: String,
    /// The rest of the configuration.
    pub rest: String,
}

/// What differs from run to run in what people read: ids, times, processes, hosts, ports, paths.
const FILTERS: &[(&str, &str)] = &[
    (r"/tmp/\.tmp\w+", "DIR"),
    (r"127\.0\.0\.1:\d+", "127.0.0.1:PORT"),
    (r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}", "RUN"),
    (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z| UTC)?", "TIME"),
    (r"process \d+ on [\w.-]+", "process PID on HOST"),
    (r"sha256:[0-9a-f]{64}", "sha256:DIGEST"),
    (r"\(login [^)]*\)", "(login LOGIN)"),
    (r"\d+ s ago", "AGO"),
    (r"read in \d+ s", "read in TIME"),
    (r"took \d+(\.\d+)? ?m?s", "took TIME"),
];

/// What people read, with everything that differs from run to run named instead.
pub fn filtered(text: &str) -> String {
    let replace = |text: String, (pattern, word): &(&str, &str)| {
        regex::Regex::new(pattern).expect("a filter is a pattern").replace_all(&text, *word).into_owned()
    };
    FILTERS.iter().fold(text.to_owned(), replace)
}

/// `[hyperproof]` as most tests want it: no waiting, one attempt for each call.
const QUICK: &str =
    "requests_per_minute = 60000\nburst = 1000\ntimeout = \"5s\"\nmax_attempts = 1\nmax_wait = \"2s\"\n";

/// One source, one mapping, and a guard that lets small worlds through.
pub const ONE_GROUP: &str = r#"
[guard]
first_removals = "apply"

[[source]]
name = "hr"
kind = "csv"
path = "people.csv"

[[mapping]]
source = "hr"
group = "compliance"
to = "Compliance"
"#;

impl Bench {
    /// Starts a simulator with this world. `people.csv` is empty but for its headings.
    pub fn new(world: World) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let simulator = runtime.block_on(Simulator::start(world)).expect("a free port");
        let bench = Self {
            dir: tempfile::tempdir().expect("a temporary directory"),
            runtime,
            simulator: Some(simulator),
            hyperproof: QUICK.to_owned(),
            state_path: "rosterd.db".to_owned(),
            rest: ONE_GROUP.to_owned(),
        };
        bench.people(&[]);
        bench
    }

    /// The usual small world: `Compliance` with Ann, Bob and Cem; Dan and Eve are in no group.
    pub fn small() -> Self {
        let mut world = World::new("Corp");
        for name in ["ann", "bob", "cem", "dan", "eve"] {
            world.add_user(&address(name));
        }
        let members = ["ann", "bob", "cem"].map(address);
        let members: Vec<&str> = members.iter().map(String::as_str).collect();
        world.add_group("Compliance", &members);
        let bench = Self::new(world);
        bench.people(&["compliance,ann", "compliance,bob", "compliance,cem"]);
        bench
    }

    pub fn simulator(&self) -> &Simulator {
        self.simulator.as_ref().expect("taken by stop_simulator alone")
    }

    /// Nobody answers from now on.
    pub fn stop_simulator(&mut self) {
        if let Some(simulator) = self.simulator.take() {
            self.runtime.block_on(simulator.stop());
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn state(&self) -> PathBuf {
        self.path(&self.state_path)
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("a writable directory");
    }

    /// Writes `people.csv`. A row is `group,name`, `group,name,status`; names without an `@` get the
    /// company's domain.
    pub fn people(&self, rows: &[&str]) {
        let mut text = String::from("group,email,status\n");
        for row in rows {
            let mut fields: Vec<String> = row.split(',').map(str::to_owned).collect();
            if let Some(name) = fields.get_mut(1).filter(|name| !name.contains('@')) {
                *name = address(name);
            }
            fields.resize(3, String::new());
            text.push_str(&fields.join(","));
            text.push('\n');
        }
        self.write("people.csv", &text);
    }

    /// Makes a file look that old.
    pub fn age(&self, name: &str, age: Duration) {
        let file = std::fs::File::options().append(true).open(self.path(name)).expect("the file is there");
        file.set_modified(SystemTime::now() - age).expect("the clock can be set");
    }

    /// The configuration as it will be written.
    pub fn config(&self) -> String {
        let (api, token) = match &self.simulator {
            Some(simulator) => (simulator.api_url(), simulator.token_url()),
            None => ("http://127.0.0.1:1/v1".to_owned(), "http://127.0.0.1:1/oauth/token".to_owned()),
        };
        let client = rosterd::simulator::Client::default();
        format!(
            "[hyperproof]\napi_url = \"{api}\"\ntoken_url = \"{token}\"\nclient_id = \"{}\"\n\
             client_secret = {{ file = \"secret\" }}\n{}\n[state]\npath = \"{}\"\n{}",
            client.client_id, self.hyperproof, self.state_path, self.rest
        )
    }

    fn write_config(&self) {
        // Left alone where nothing changed: another process may be reading them.
        if !self.path("secret").exists() {
            secret(&self.path("secret"), &rosterd::simulator::Client::default().client_secret);
        }
        let written = std::fs::read_to_string(self.path("rosterd.toml")).ok();
        if written.is_none() || (self.simulator.is_some() && written != Some(self.config())) {
            self.write("rosterd.toml", &self.config());
        }
    }

    /// The real binary with these arguments, ready to be started.
    pub fn command(&self, args: &[&str]) -> Command {
        self.write_config();
        let mut command = binary();
        command
            .arg("--config")
            .arg(self.path("rosterd.toml"))
            .args(args)
            .current_dir(self.dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs the real binary.
    pub fn run(&self, args: &[&str]) -> Ran {
        Ran::of(self.command(args).output().expect("the binary starts"))
    }

    /// Starts the real binary and leaves it running.
    pub fn start(&self, args: &[&str]) -> Child {
        self.command(args).spawn().expect("the binary starts")
    }

    /// Waits for a started binary.
    pub fn wait(&self, child: Child) -> Ran {
        Ran::of(child.wait_with_output().expect("the binary ends"))
    }

    /// `plan --format json`.
    #[track_caller]
    pub fn plan(&self) -> Value {
        self.run(&["plan", "--format", "json"]).json()
    }

    /// `apply --format json`, with the exit code that it must have.
    #[track_caller]
    pub fn apply(&self, code: i32) -> Value {
        self.run(&["apply", "--format", "json"]).exits(code).json()
    }

    /// Every behaviour ends with this: planning again finds nothing to do, and the log is whole.
    #[track_caller]
    pub fn in_step(&self) {
        let ran = self.run(&["plan", "--exit-code", "--format", "json"]).exits(0);
        assert_eq!(ran.json()["changes"], Value::Array(Vec::new()), "{}", ran.stdout);
        self.run(&["audit", "verify"]).exits(0);
    }

    /// Members of a group, by the part of their address before the `@`, sorted.
    pub fn members(&self, group: &str) -> Vec<String> {
        let mut members: Vec<String> = (self.simulator().world().member_emails(group).into_iter())
            .map(|email| email.trim_end_matches("@corp.example").to_owned())
            .collect();
        members.sort();
        members
    }

    /// Calls since the record was last dropped, without those for tokens.
    pub fn calls(&self) -> Vec<RequestRecord> {
        let calls = self.simulator().requests().into_iter();
        calls.filter(|call| !call.path.starts_with("/oauth")).collect()
    }

    /// Calls that write.
    pub fn writes(&self) -> Vec<RequestRecord> {
        self.calls().into_iter().filter(|call| call.method != "GET").collect()
    }

    /// Runs until a call is held by a fault, and returns the number of the call.
    pub fn until_held(&self) -> u64 {
        self.runtime.block_on(async {
            tokio::time::timeout(Duration::from_secs(30), self.simulator().until_held()).await.expect("a call is held")
        })
    }

    /// The audit log, a record a line.
    #[track_caller]
    pub fn audit(&self) -> Vec<Value> {
        let ran = self.run(&["audit", "list", "--format", "jsonl"]).exits(0);
        ran.stdout.lines().map(|line| serde_json::from_str(line).expect("a record is JSON")).collect()
    }

    /// Every intent in the log has its outcome.
    #[track_caller]
    pub fn every_intent_has_an_outcome(&self) {
        let audit = self.audit();
        let of = |event: &str| audit.iter().filter(|record| record["event"] == event).count();
        let outcomes: Vec<&Value> = audit.iter().filter(|record| record["event"] == "outcome").collect();
        for intent in audit.iter().filter(|record| record["event"] == "intent") {
            let its = outcomes.iter().filter(|outcome| outcome["intent"] == intent["seq"]).count();
            assert_eq!(its, 1, "outcomes of {intent}");
        }
        assert_eq!(of("intent"), of("outcome"));
    }

    /// Waits until the simulator has noticed that the client of a held call is gone: a call held before
    /// its effect never has one.
    pub fn until_abandoned(&self) {
        let held = |call: &RequestRecord| matches!(call.state, CallState::Held | CallState::Running);
        for _ in 0..3000 {
            if !self.simulator().requests().iter().any(held) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("a call is still held after its client was killed");
    }
}

/// The binary without arguments, with an environment of its own.
pub fn binary() -> Command {
    let mut command = Command::new(Path::new(env!("CARGO_BIN_EXE_rosterd")));
    command.env_clear();
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    command
}

/// Runs the binary without an installation.
pub fn rosterd(args: &[&str]) -> Ran {
    Ran::of(binary().args(args).stdin(Stdio::null()).output().expect("the binary starts"))
}

/// Writes a file that only its owner may read.
pub fn secret(path: &Path, text: &str) {
    let mut options = std::fs::File::options();
    let file = options.write(true).create(true).truncate(true).mode(0o600).open(path);
    file.expect("a writable directory").write_all(text.as_bytes()).expect("a writable file");
}

/// The company's address of a name.
pub fn address(name: &str) -> String {
    format!("{name}@corp.example")
}
