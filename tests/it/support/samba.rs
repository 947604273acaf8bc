//! A Samba Active Directory domain controller of a test's own: LDAP and global catalogue on a loopback
//! address of its own, as the ports cannot be chosen.
//!
//! Provisioning takes a quarter of a minute. So it is done once into a template under `target/`, behind
//! a lock as every test is a process; a test starts a copy of it, which takes a second. The server ends
//! when its standard input does, that is also when the test is killed.

use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use crate::support::ca::Ca;
use crate::support::servers;

/// The naming context.
pub const DOMAIN: &str = "DC=corp,DC=example";
/// An account without any right of its own.
pub const SERVICE: &str = "CN=svc-rosterd,OU=Service,DC=corp,DC=example";
pub const SERVICE_PASSWORD: &str = "Passw0rd.Service";
const ADMIN: &str = "CN=Administrator,CN=Users,DC=corp,DC=example";
const ADMIN_PASSWORD: &str = "Passw0rd.Admin";
/// Contacts `c0001` and so on in OU=Crowd, one more than real servers give in two ranges less 1498.
pub const CROWD: usize = 1502;
/// Members of `GRC-Big`: the first of them.
pub const BIG: usize = 1499;

const FILL: &str = include_str!("samba/fill.py");
const WORLD: &str = include_str!("samba/world.ldif");

/// A running domain controller. It and its files go when it is dropped.
pub struct Samba {
    address: Ipv4Addr,
    dir: tempfile::TempDir,
    child: Child,
}

impl Samba {
    /// Starts one. `None`, with the skip on record, where that is not possible.
    pub fn start() -> Option<Self> {
        if !servers::there("samba", &["samba", "samba-tool", "ldapmodify"]) || !servers::root("samba") {
            return None;
        }
        let template = template();
        // Not under target/: the names of its sockets may have 107 bytes.
        sweep();
        let prefix = format!("{COPY}{}-", std::process::id());
        let dir = tempfile::Builder::new().prefix(&prefix).tempdir_in("/tmp").expect("a temporary directory");
        let copied = Command::new("cp").arg("-a").arg(template.join(".")).arg(dir.path()).status();
        assert!(copied.is_ok_and(|status| status.success()), "the template is copied");
        let address = address();
        let ca = Ca::new(dir.path(), "ca");
        ca.issue("server", &["dc1.corp.example", &address.to_string()]);
        let child = serve(dir.path(), address);
        let mut samba = Self { address, dir, child };
        samba.ready();
        Some(samba)
    }

    fn ready(&mut self) {
        let started = Instant::now();
        for port in [389, 636] {
            while TcpStream::connect((self.address, port)).is_err() {
                let ended = self.child.try_wait().expect("it can be asked");
                let late = started.elapsed() > Duration::from_secs(60);
                assert!(ended.is_none() && !late, "samba does not start, {ended:?}\n{}", self.log());
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.path("samba.log")).unwrap_or_default()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// `ldaps://` and its address.
    pub fn url(&self) -> String {
        format!("ldaps://{}", self.address)
    }

    /// Its port without TLS, for a proxy.
    pub fn plain(&self) -> SocketAddr {
        (self.address, 389).into()
    }

    /// The authority that its certificate is from.
    pub fn ca_file(&self) -> PathBuf {
        Ca::root(self.dir.path(), "ca")
    }

    /// Carries out LDIF change records as the administrator.
    #[track_caller]
    pub fn modify(&self, ldif: &str) {
        let mut command = Command::new("ldapmodify");
        command.args(["-x", "-H", &format!("ldap://{}", self.address), "-D", ADMIN, "-w", ADMIN_PASSWORD]);
        feed(&mut command, ldif.as_bytes());
    }

    /// The members of a group of OU=Groups in the server's order, as far as their names are plain text.
    pub fn members(&self, group: &str) -> Vec<Option<String>> {
        let mut command = Command::new("ldapsearch");
        command.args(["-x", "-LLL", "-o", "ldif-wrap=no", "-H", &format!("ldap://{}", self.address), "-D", ADMIN]);
        command.args(["-w", ADMIN_PASSWORD, "-s", "base", "-b", &format!("CN={group},OU=Groups,{DOMAIN}"), "member"]);
        let output = command.output().expect("it starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).expect("LDIF is text");
        let lines = text.lines().filter(|line| line.starts_with("member:"));
        lines.map(|line| line.strip_prefix("member: ").map(str::to_owned)).collect()
    }

    /// Adds members to a group of OU=Groups, by the part of their DN before the domain.
    #[track_caller]
    pub fn add_members(&self, group: &str, members: &[String]) {
        let mut ldif = format!("dn: CN={group},OU=Groups,{DOMAIN}\nchangetype: modify\nadd: member\n");
        ldif.extend(members.iter().map(|member| format!("member: {member},{DOMAIN}\n")));
        self.modify(&ldif);
    }

    /// Gives an entry another name in its place.
    #[track_caller]
    pub fn rename(&self, dn: &str, name: &str) {
        self.modify(&format!("dn: {dn},{DOMAIN}\nchangetype: modrdn\nnewrdn: CN={name}\ndeleteoldrdn: 1\n"));
    }
}

impl Drop for Samba {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The name of a contact of the crowd, without the domain.
pub fn crowd(number: usize) -> String {
    format!("CN=c{number:04},OU=Crowd")
}

/// Name of a copy's directory, up to the process id of its test.
const COPY: &str = "rosterd-samba-";

/// Removes what tests left behind that were killed.
fn sweep() {
    for entry in std::fs::read_dir("/tmp").expect("a readable directory").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let id = name.strip_prefix(COPY).and_then(|rest| rest.split('-').next());
        if id.is_some_and(|id| !Path::new("/proc").join(id).exists()) {
            drop(std::fs::remove_dir_all(entry.path()));
        }
    }
}

/// An address that nobody listens on. The process id makes it one that no other test tries.
fn address() -> Ipv4Addr {
    static NEXT: AtomicU8 = AtomicU8::new(0);
    let [_, _, high, low] = std::process::id().to_be_bytes();
    loop {
        let second = NEXT.fetch_add(1, Ordering::SeqCst);
        assert!(second < 100, "no free loopback address");
        let address = Ipv4Addr::new(127, 64 + second, high, low);
        if [389, 636, 3268, 3269].iter().all(|port| TcpListener::bind((address, *port)).is_ok()) {
            return address;
        }
    }
}

fn config(dir: &Path, address: Ipv4Addr) -> String {
    let dir = dir.display();
    // Without strong auth: a proxy in between speaks plain TCP on loopback.
    format!(
        "[global]
netbios name = DC1
realm = CORP.EXAMPLE
workgroup = CORP
server role = active directory domain controller
server services = ldap
interfaces = {address}/8
bind interfaces only = yes
ldap server require strong auth = no
tls enabled = yes
tls certfile = {dir}/server.pem
tls keyfile = {dir}/server.key
tls cafile = {dir}/ca.pem
private dir = {dir}/private
state directory = {dir}/state
cache directory = {dir}/cache
lock directory = {dir}/lock
pid directory = {dir}/run
ncalrpc dir = {dir}/ncalrpc
binddns dir = {dir}/binddns
log file = {dir}/log.%m
[sysvol]
path = {dir}/state/sysvol
read only = no
[netlogon]
path = {dir}/state/sysvol/corp.example/scripts
read only = no
"
    )
}

/// Starts the server, in one process and in the foreground. Its standard input is a pipe of ours.
fn serve(dir: &Path, address: Ipv4Addr) -> Child {
    std::fs::write(dir.join("smb.conf"), config(dir, address)).expect("a writable directory");
    let log = File::create(dir.join("samba.log")).expect("a writable directory");
    let mut command = Command::new(servers::find("samba").expect("it was found before"));
    command.args(["-i", "-M", "single", "--debug-stdout", "-s"]).arg(dir.join("smb.conf"));
    command.env("TDB_NO_FSYNC", "1").stdin(Stdio::piped());
    command.stderr(log.try_clone().expect("a file handle")).stdout(log);
    command.spawn().expect("samba starts")
}

/// The provisioned domain, made when it is not there yet.
fn template() -> PathBuf {
    let mut hasher = DefaultHasher::new();
    (FILL, WORLD, CROWD, BIG, SERVICE_PASSWORD, config(Path::new("/"), Ipv4Addr::LOCALHOST)).hash(&mut hasher);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let ready = folder.join(format!("samba-{:016x}", hasher.finish()));
    std::fs::create_dir_all(folder).expect("a writable target directory");
    let lock = File::create(folder.join("samba.lock")).expect("a writable target directory");
    lock.lock().expect("the lock comes free");
    if !ready.is_dir() {
        // Left over from another version of the world, or from a test that was killed.
        for entry in std::fs::read_dir(folder).expect("a readable directory").flatten() {
            if entry.file_name().to_string_lossy().starts_with("samba-") {
                drop(std::fs::remove_dir_all(entry.path()));
            }
        }
        let part = folder.join("samba-part");
        provision(&part);
        std::fs::rename(&part, &ready).expect("both are in one directory");
    }
    ready
}

fn provision(dir: &Path) {
    for folder in ["private", "state/sysvol", "cache", "lock", "run", "ncalrpc", "binddns"] {
        std::fs::create_dir_all(dir.join(folder)).expect("a writable target directory");
    }
    let config_file = dir.join("smb.conf");
    std::fs::write(&config_file, config(dir, Ipv4Addr::LOCALHOST)).expect("a writable directory");
    let tool = servers::find("samba-tool").expect("it was found before");
    let mut command = Command::new(&tool);
    command.args(["domain", "provision", "--realm=CORP.EXAMPLE", "--domain=CORP", "--server-role=dc"]);
    command.args(["--dns-backend=NONE", "--host-name=DC1", "--host-ip=127.0.0.1"]);
    command.arg(format!("--adminpass={ADMIN_PASSWORD}")).arg("--configfile").arg(&config_file);
    feed(&mut command, b"");
    // Samba's modules belong to the interpreter that its own tool uses.
    let mut first = String::new();
    File::open(&tool).and_then(|tool| tool.take(128).read_to_string(&mut first)).expect("the tool is a script");
    let python = first.lines().next().and_then(|line| line.strip_prefix("#!")).map(str::trim).expect("an interpreter");
    let mut command = Command::new(python);
    command.args(["-c", FILL]).arg(&config_file).arg(format!("svc-rosterd:{SERVICE_PASSWORD}"));
    feed(&mut command, world().as_bytes());
}

/// The small world, and a crowd of contacts with a group that is one short of a range of 1500.
fn world() -> String {
    let mut ldif = format!("{WORLD}\n");
    for number in 1..=CROWD {
        let name = crowd(number);
        ldif += &format!("dn: {name},{DOMAIN}\nobjectClass: contact\nmail: c{number:04}@corp.example\n\n");
    }
    ldif += &format!("dn: CN=GRC-Big,OU=Groups,{DOMAIN}\nobjectClass: group\nsAMAccountName: GRC-Big\n");
    ldif.extend((1..=BIG).map(|number| format!("member: {},{DOMAIN}\n", crowd(number))));
    ldif
}

/// Runs a program to its end with that on its standard input.
#[track_caller]
fn feed(command: &mut Command, input: &[u8]) {
    command.env("TDB_NO_FSYNC", "1").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    let mut stdin = child.stdin.take().expect("it is piped");
    let input = input.to_vec();
    // On a thread: the program may write before it has read everything.
    let fed = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().expect("it ends");
    drop(fed.join());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{:?}: {}\n{said}", command.get_program(), output.status);
}
