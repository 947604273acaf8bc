//! An OpenLDAP server of a test's own on loopback: plain, over TLS, and on a local socket, with an LDIF
//! text as its content and whatever the test wants in its configuration.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::support::ca::{Ca, Issued};
use crate::support::servers;

/// The suffix.
pub const SUFFIX: &str = "dc=corp,dc=example";
/// Who may do everything.
pub const ROOT: &str = "cn=root,dc=corp,dc=example";
pub const ROOT_PASSWORD: &str = "secret.of.root";
/// An account that reads.
pub const READER: &str = "cn=reader,dc=corp,dc=example";
pub const READER_PASSWORD: &str = "secret.of.reader";

/// What a server is to be.
#[derive(Default)]
pub struct Wish<'a> {
    /// Entries below the suffix.
    pub ldif: &'a str,
    /// Lines before the database's.
    pub global: &'a str,
    /// Lines of the database: limits, rights.
    pub database: &'a str,
    /// The server's certificate is self-signed, and an authority of its own.
    pub self_signed: bool,
    /// The server's certificate has expired.
    pub expired: bool,
}

/// The running server. It and its files go when it is dropped.
pub struct Slapd {
    dir: tempfile::TempDir,
    plain: SocketAddr,
    secure: SocketAddr,
    child: Child,
}

impl Drop for Slapd {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Slapd {
    /// Starts one. `None`, with the skip on record, where that is not possible.
    pub fn start(wish: &Wish<'_>) -> Option<Self> {
        if !servers::there("slapd", &["slapd", "slapadd", "ldapsearch"]) {
            return None;
        }
        let dir = tempfile::Builder::new().prefix("rosterd-slapd").tempdir().expect("a temporary directory");
        let issued = certificate(dir.path(), wish);
        std::fs::create_dir(dir.path().join("db")).expect("writable");
        write(dir.path(), "slapd.conf", &config(dir.path(), &issued, wish));
        write(dir.path(), "all.ldif", &(top() + wish.ldif));
        let mut slapadd = tool("slapadd", dir.path());
        // -g: into this database alone, where another one is a part of its tree.
        let added =
            slapadd.stderr(Stdio::piped()).args(["-g", "-q", "-w", "-l"]).arg(dir.path().join("all.ldif")).output();
        let added = added.expect("slapadd starts");
        assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
        for _ in 0..20 {
            let (plain, secure) = (free(), free());
            if let Some(child) = serve(dir.path(), plain, secure) {
                return Some(Self { dir, plain, secure, child });
            }
        }
        panic!("slapd does not start");
    }

    /// Without TLS, or with StartTLS.
    pub fn plain(&self) -> String {
        format!("ldap://localhost:{}", self.plain.port())
    }

    /// With TLS.
    pub fn secure(&self) -> String {
        format!("ldaps://localhost:{}", self.secure.port())
    }

    /// On its local socket.
    pub fn socket(&self) -> String {
        format!("ldapi://{}", self.path("ldapi").display().to_string().replace('/', "%2F"))
    }

    /// The authority that its certificate is from, or that certificate itself.
    pub fn ca_file(&self) -> PathBuf {
        self.path("ca.pem")
    }

    /// The certificate of a client `cn=client`.
    pub fn client(&self) -> Issued {
        Issued { cert: self.path("client.pem"), key: self.path("client.key") }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Ends it at once.
    pub fn kill(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }

    /// Ends it at once, and starts it again where it was.
    pub fn crash(&mut self) {
        self.kill();
        self.child = serve(self.dir.path(), self.plain, self.secure).expect("slapd starts again");
    }

    /// Carries out LDIF change records.
    #[track_caller]
    pub fn modify(&self, ldif: &str) {
        write(self.dir.path(), "change.ldif", ldif);
        let mut command = Command::new("ldapmodify");
        command.args(["-x", "-H", &self.plain(), "-D", ROOT, "-w", ROOT_PASSWORD, "-f"]).arg(self.path("change.ldif"));
        let output = command.output().expect("it starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Where a proxy finds it.
    pub fn upstream(&self) -> SocketAddr {
        self.plain
    }
}

fn write(dir: &Path, name: &str, text: &str) {
    std::fs::write(dir.join(name), text).expect("a writable directory");
}

/// The entries that every directory has.
pub fn top() -> String {
    format!(
        "dn: {SUFFIX}\nobjectClass: domain\ndc: corp\n\n\
         dn: {READER}\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\ncn: reader\nuserPassword: {READER_PASSWORD}\n\n\
         dn: ou=people,{SUFFIX}\nobjectClass: organizationalUnit\nou: people\n\n\
         dn: ou=groups,{SUFFIX}\nobjectClass: organizationalUnit\nou: groups\n\n"
    )
}

fn certificate(dir: &Path, wish: &Wish<'_>) -> Issued {
    let names = ["localhost", "127.0.0.1", "ldap.corp.example"];
    let ca = Ca::new(dir, "ca");
    ca.issue("client", &[]);
    match (wish.self_signed, wish.expired) {
        (true, _) => Ca::own(dir, "ca", &names),
        (false, true) => ca.issue_expired("server", &names),
        (false, false) => ca.issue("server", &names),
    }
}

fn config(dir: &Path, issued: &Issued, wish: &Wish<'_>) -> String {
    let dir = dir.display();
    let schemas = ["core", "cosine", "inetorgperson", "nis", "dyngroup"];
    let schemas: String = schemas.iter().map(|name| format!("include /etc/ldap/schema/{name}.schema\n")).collect();
    format!(
        "{schemas}modulepath /usr/lib/ldap\nmoduleload back_mdb\npidfile {dir}/pid\n\
         TLSCACertificateFile {dir}/ca.pem\nTLSCertificateFile {}\nTLSCertificateKeyFile {}\n{}\n\
         database mdb\nsuffix {SUFFIX}\nrootdn {ROOT}\nrootpw {ROOT_PASSWORD}\ndirectory {dir}/db\n\
         maxsize 1073741824\ndbnosync\nindex objectClass,entryUUID,cn eq\n{}\n",
        issued.cert.display(),
        issued.key.display(),
        wish.global,
        wish.database,
    )
}

fn serve(dir: &Path, plain: SocketAddr, secure: SocketAddr) -> Option<Child> {
    let socket = dir.join("ldapi").display().to_string().replace('/', "%2F");
    let urls = format!("ldap://{plain} ldaps://{secure} ldapi://{socket}");
    // -d 0: it stays in the foreground.
    let mut child = tool("slapd", dir).args(["-d", "0", "-h", &urls]).spawn().expect("slapd starts");
    while child.try_wait().expect("it can be asked").is_none() {
        if TcpStream::connect(plain).is_ok() && TcpStream::connect(secure).is_ok() {
            return Some(child);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    None
}

/// A program that goes with its test, also when that is killed.
fn tool(program: &str, dir: &Path) -> Command {
    let program = servers::find(program).expect("it was found before");
    let mut command = match servers::find("setpriv") {
        Some(setpriv) => {
            let mut command = Command::new(setpriv);
            command.args(["--pdeathsig", "KILL"]).arg(program);
            command
        }
        None => Command::new(program),
    };
    command.arg("-f").arg(dir.join("slapd.conf")).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port")
}

/// People `ann`, `bob`, … with an address each.
pub fn people(names: &[&str]) -> String {
    names.iter().map(|name| person(name, "")).collect()
}

/// One of them, with more lines.
pub fn person(name: &str, more: &str) -> String {
    format!(
        "dn: {}\nobjectClass: inetOrgPerson\nuid: {name}\ncn: {name}\nsn: {name}\nmail: {name}@corp.example\n{more}\n",
        dn(name)
    )
}

/// A group of names.
pub fn group(name: &str, members: &[&str]) -> String {
    let members: String = members.iter().map(|member| format!("member: {member}\n")).collect();
    format!("dn: cn={name},ou=groups,{SUFFIX}\nobjectClass: groupOfNames\ncn: {name}\n{members}\n")
}

/// The DN of a person.
pub fn dn(name: &str) -> String {
    format!("uid={name},ou=people,{SUFFIX}")
}
