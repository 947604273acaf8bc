//! A small slapd of a test's own: one database from an LDIF text, plain LDAP and LDAP over TLS on free
//! loopback ports.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::support::ca::{Ca, Issued};
use crate::support::servers;

/// The suffix, and who may do everything.
pub const SUFFIX: &str = "dc=corp,dc=example";
pub const ROOT: &str = "cn=root,dc=corp,dc=example";
pub const PASSWORD: &str = "secret.of.root";

/// The running server. It and its files go when it is dropped.
pub struct LittleSlapd {
    plain: SocketAddr,
    secure: SocketAddr,
    dir: tempfile::TempDir,
    child: Child,
}

impl Drop for LittleSlapd {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl LittleSlapd {
    /// Starts one with these entries. `None`, with the skip on record, where that is not possible.
    pub fn start(ldif: &str) -> Option<Self> {
        Self::with(ldif, |ca| ca.issue("server", &["localhost", "127.0.0.1"]))
    }

    /// The same with another certificate, issued in the server's directory.
    pub fn with(ldif: &str, certificate: impl Fn(&Ca) -> Issued) -> Option<Self> {
        if !servers::there("slapd", &["slapd", "slapadd", "ldapsearch"]) {
            return None;
        }
        let dir = tempfile::Builder::new().prefix("rosterd-slapd").tempdir().expect("a temporary directory");
        let ca = Ca::new(dir.path(), "ca");
        std::fs::write(dir.path().join("slapd.conf"), config(dir.path(), &certificate(&ca))).expect("writable");
        std::fs::write(dir.path().join("all.ldif"), ldif).expect("writable");
        let added = tool("slapadd", dir.path())
            .stderr(Stdio::piped())
            .args(["-q", "-w", "-l"])
            .arg(dir.path().join("all.ldif"))
            .output();
        let added = added.expect("slapadd starts");
        assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
        for _ in 0..20 {
            let (plain, secure) = (free(), free());
            let urls = format!("ldap://{plain} ldaps://{secure}");
            // -d 0: it stays in the foreground.
            let mut command = tool("slapd", dir.path());
            let mut child = command.args(["-d", "0", "-h", &urls]).spawn().expect("slapd starts");
            while child.try_wait().expect("it can be asked").is_none() {
                if TcpStream::connect(plain).is_ok() && TcpStream::connect(secure).is_ok() {
                    return Some(Self { plain, secure, dir, child });
                }
                std::thread::sleep(Duration::from_millis(10));
            }
            // Somebody else took a port in between: once more, with others.
        }
        panic!("slapd does not start");
    }

    /// Its port without TLS, for a proxy.
    pub fn plain(&self) -> SocketAddr {
        self.plain
    }

    /// Its port with TLS.
    pub fn secure(&self) -> SocketAddr {
        self.secure
    }

    /// The authority that its certificate is from.
    pub fn ca_file(&self) -> PathBuf {
        Ca::root(self.dir.path(), "ca")
    }

    /// Carries out LDIF change records.
    #[track_caller]
    pub fn modify(&self, ldif: &str) {
        let file = self.dir.path().join("change.ldif");
        std::fs::write(&file, ldif).expect("writable");
        let url = format!("ldap://{}", self.plain);
        let mut command = Command::new("ldapmodify");
        command.args(["-x", "-H", &url, "-D", ROOT, "-w", PASSWORD, "-f"]).arg(file);
        let output = command.output().expect("it starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

fn config(dir: &Path, issued: &Issued) -> String {
    let dir = dir.display();
    format!(
        "include /etc/ldap/schema/core.schema\ninclude /etc/ldap/schema/cosine.schema\n\
         include /etc/ldap/schema/inetorgperson.schema\nmodulepath /usr/lib/ldap\nmoduleload back_mdb\n\
         pidfile {dir}/pid\nTLSCACertificateFile {dir}/ca.pem\nTLSCertificateFile {}\n\
         TLSCertificateKeyFile {}\ndatabase mdb\nsuffix {SUFFIX}\nrootdn {ROOT}\nrootpw {PASSWORD}\n\
         directory {dir}\nmaxsize 104857600\ndbnosync\n",
        issued.cert.display(),
        issued.key.display()
    )
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
