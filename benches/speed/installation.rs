//! A whole installation: a directory server, a simulated Hyperproof, a configuration, a state file, and
//! the real binary run against them in a process of its own.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rosterd::simulator::{Client, Group, RequestRecord, Simulator, User, World};
use tokio::runtime::Runtime;

use crate::measure::{self, Figures};
use crate::slapd::{BIND_DN, PASSWORD, SUFFIX, Slapd};
use crate::world::{self, Shape};

/// The binary of the same build.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_rosterd");
/// What the units and the image set for the C library.
pub(crate) const HEAP: &str = "MALLOC_ARENA_MAX=1";

/// No limit holds anything: what a guard costs is measured, what it holds is not.
const GUARD: &str = "[guard]\nfirst_removals = \"apply\"\n\
    group_removals = { percent = 100, floor = 10000000 }\ngroup_adds = { percent = 100, floor = 10000000 }\n\
    run_removals = { percent = 100, floor = 10000000 }\nrun_adds = { percent = 100, floor = 10000000 }\n\
    day_removals = { percent = 100, floor = 10000000 }\nsource_shrink = { percent = 100, floor = 10000000 }\n";

/// How one run is configured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Way {
    /// Whether the directory is left alone while it vouches that nothing changed.
    pub(crate) skip_unchanged: bool,
    /// Calls a minute.
    pub(crate) rate: u32,
    /// The state file.
    pub(crate) state: &'static str,
}

impl Way {
    /// Reads everything, and never waits for the rate.
    pub(crate) const IN_FULL: Self = Self { skip_unchanged: false, rate: 1_000_000, state: "rosterd.db" };
}

/// Calls that may go at once, before the rate counts.
pub(crate) const BURST: u32 = 10;

/// The installation. Everything goes when it is dropped.
pub(crate) struct Installation {
    dir: tempfile::TempDir,
    source: String,
    simulator: Simulator,
    // Last, so that the simulator is dropped while its runtime is there.
    _runtime: Runtime,
}

impl Installation {
    /// A Hyperproof with accounts for all people, and all groups as they should be. The source is that
    /// directory server.
    pub(crate) fn of_directory(shape: Shape, slapd: &Slapd) -> Self {
        let source = format!(
            "[[source]]\nname = \"directory\"\nkind = \"ldap\"\nurl = [\"{}\"]\nbind_dn = \"{BIND_DN}\"\n\
             bind_password = {{ file = \"bind-password\" }}\nschema = \"openldap\"\n\
             user_base = \"ou=people,{SUFFIX}\"\ngroup_base = \"ou=groups,{SUFFIX}\"\ntimeout = \"10m\"\n",
            slapd.url()
        );
        Self::new(shape, source)
    }

    /// The same, with the file `people.csv` as the source.
    pub(crate) fn of_file(shape: Shape) -> Self {
        let source = "[[source]]\nname = \"directory\"\nkind = \"csv\"\npath = \"people.csv\"\n".to_owned();
        let installation = Self::new(shape, source);
        let mut rows = String::from("group,email\n");
        for group in 0..shape.groups {
            for person in shape.members(group) {
                rows += &format!("{},{}\n", world::group_name(group), world::address(person));
            }
        }
        installation.write("people.csv", &rows);
        installation
    }

    fn new(shape: Shape, source: String) -> Self {
        let dir = tempfile::Builder::new().prefix("rosterd-speed").tempdir().expect("a temporary directory");
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("threads can be started");
        let simulator = runtime.block_on(Simulator::start(hyperproof(shape))).expect("loopback has free ports");
        secret(&dir.path().join("client-secret"), &Client::default().client_secret);
        secret(&dir.path().join("bind-password"), PASSWORD);
        Self { dir, source, simulator, _runtime: runtime }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("a writable directory");
    }

    /// Writes the configuration and gives its path.
    pub(crate) fn config(&self, way: Way) -> String {
        let text = format!(
            "[hyperproof]\napi_url = \"{}\"\ntoken_url = \"{}\"\nclient_id = \"{}\"\n\
             client_secret = {{ file = \"client-secret\" }}\nrequests_per_minute = {}\nburst = {BURST}\n\
             timeout = \"5m\"\n[state]\npath = \"{}\"\n[schedule]\ncron = \"0 0 0 1 1 *\"\nrun_at_start = true\n\
             {GUARD}{}skip_unchanged = {}\n\
             [[mapping]]\nsource = \"directory\"\nmatch = \"^group-.*$\"\nto = \"$0\"\n\
             [group_defaults]\nallow_empty = true\n",
            self.simulator.api_url(),
            self.simulator.token_url(),
            Client::default().client_id,
            way.rate,
            way.state,
            self.source,
            way.skip_unchanged,
        );
        self.write("rosterd.toml", &text);
        self.path("rosterd.toml").display().to_string()
    }

    /// `rosterd apply` as its unit starts it, and the calls that it made.
    pub(crate) fn apply(&self, way: Way) -> (Figures, Vec<RequestRecord>) {
        let config = self.config(way);
        self.simulator.forget_requests();
        let mut figures = measure::program(&["env", HEAP, BINARY, "--config", &config, "apply"]);
        let calls = self.simulator.requests().into_iter().filter(|call| call.path.starts_with("/v1"));
        let calls: Vec<RequestRecord> = calls.collect();
        figures.calls = calls.len() as u64;
        (figures, calls)
    }

    /// Takes everybody out of all groups.
    pub(crate) fn empty_all_groups(&self) {
        self.simulator.change(|world| world.groups.iter_mut().for_each(|group| group.members.clear()));
    }

    /// Has the simulator answer these reads again, writes the bodies into files, and gives their names and the
    /// time that the answers took.
    pub(crate) fn bodies(&self, calls: &[RequestRecord]) -> (Vec<String>, Duration) {
        let mut answering = Duration::ZERO;
        let form = format!(
            "grant_type=client_credentials&client_id={}&client_secret={}",
            Client::default().client_id,
            Client::default().client_secret
        );
        let head = "POST /oauth/token HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded";
        let token = ask(self.simulator.address(), head, &form);
        let token: serde_json::Value = serde_json::from_slice(&token).expect("a token comes as JSON");
        let token = token["access_token"].as_str().expect("the token is a text").to_owned();
        let reads = calls.iter().filter(|call| call.method == "GET" && !call.path.ends_with("/me"));
        let mut fetch = |call: &RequestRecord| {
            let query: Vec<String> = call.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let head = format!("GET {}?{} HTTP/1.1\r\nAuthorization: Bearer {token}", call.path, query.join("&"));
            let name = format!("{}.json", call.path.trim_start_matches("/v1/").replace('/', "-"));
            let began = Instant::now();
            let body = ask(self.simulator.address(), &head, "");
            answering += began.elapsed();
            std::fs::write(self.path(&name), body).expect("a writable directory");
            self.path(&name).display().to_string()
        };
        (reads.map(&mut fetch).collect(), answering)
    }
}

/// The body of an answer under 200.
fn ask(address: SocketAddr, head: &str, body: &str) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).expect("the simulator listens");
    let length = body.len();
    write!(stream, "{head}\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}")
        .expect("the simulator reads");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("the simulator answers");
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("an answer has a head");
    let body = answer.split_off(end + 4);
    let head = String::from_utf8_lossy(&answer).to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 200") && !head.contains("transfer-encoding"), "{head}");
    body
}

fn hyperproof(shape: Shape) -> World {
    let mut world = World::new("Speed");
    let user = |person| User {
        id: format!("{person:08x}-0000-4000-a000-000000000000"),
        user_id: world::account_id(person),
        email: Some(world::address(person)),
        ..User::default()
    };
    world.users.extend((0..shape.people).map(user));
    let group = |group| Group {
        id: world::group_id(group),
        name: world::group_name(group),
        members: shape.members(group).into_iter().map(world::account_id).collect(),
        ..Group::default()
    };
    world.groups.extend((0..shape.groups).map(group));
    world
}

/// Carries out LDIF change records.
pub(crate) fn modify(slapd: &Slapd, ldif: &str) {
    let mut command = Command::new("ldapmodify");
    command.args(["-x", "-H", &slapd.url(), "-D", BIND_DN, "-w", PASSWORD]);
    let spawned = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let mut child = spawned.expect("ldapmodify is beside ldapsearch");
    child.stdin.take().expect("it is a pipe").write_all(ldif.as_bytes()).expect("ldapmodify reads");
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Writes a file that only its owner may read.
fn secret(path: &Path, text: &str) {
    let file = std::fs::File::options().write(true).create_new(true).mode(0o600).open(path);
    file.expect("a writable directory").write_all(text.as_bytes()).expect("a writable file");
}

/// How many searches the server has answered, this one left out.
pub(crate) fn searches(slapd: &Slapd) -> u64 {
    let mut command = Command::new("ldapsearch");
    command.args(["-x", "-LLL", "-H", &slapd.url(), "-D", BIND_DN, "-w", PASSWORD, "-s", "base"]);
    let output = command.args(["-b", "cn=Search,cn=Operations,cn=Monitor", "monitorOpCompleted"]).output();
    let text = String::from_utf8_lossy(&output.expect("ldapsearch was found before").stdout).into_owned();
    let count = text.lines().find_map(|line| line.strip_prefix("monitorOpCompleted: "));
    count.and_then(|count| count.parse().ok()).unwrap_or_else(|| panic!("the server counts its operations: {text}"))
}
