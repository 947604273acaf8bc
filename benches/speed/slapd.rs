//! An OpenLDAP server of the benchmark's own on loopback, with a made-up organisation in it.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::world::{self, Shape};

/// The suffix: people are below `ou=people`, groups below `ou=groups`.
pub(crate) const SUFFIX: &str = "dc=corp,dc=example";
/// Who reads, without limits.
pub(crate) const BIND_DN: &str = "cn=root,dc=corp,dc=example";
/// Their password.
pub(crate) const PASSWORD: &str = "secret.of.root";

/// Where distributions keep servers, if not on the path.
const ELSEWHERE: [&str; 3] = ["/usr/sbin", "/usr/local/sbin", "/usr/libexec"];

/// The running server. It and its files go when it is dropped, by a panic as well.
pub(crate) struct Slapd {
    port: u16,
    child: Child,
    _files: tempfile::TempDir,
}

impl Drop for Slapd {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Slapd {
    /// Starts one that has this organisation. None, with a note, where there is no slapd.
    pub(crate) fn start(shape: Shape) -> Option<Self> {
        let (Some(slapd), Some(slapadd), Some(_)) = (find("slapd"), find("slapadd"), find("ldapsearch")) else {
            eprintln!("no slapd, slapadd and ldapsearch on this machine: the directory is not measured");
            return None;
        };
        let dir = tempfile::Builder::new().prefix("rosterd-speed").tempdir().expect("a temporary directory");
        let at = dir.path();
        std::fs::create_dir(at.join("db")).expect("writable");
        std::fs::write(at.join("slapd.conf"), config(at)).expect("writable");
        let ldif = at.join("all.ldif");
        write_ldif(shape, &ldif).expect("room for the directory's entries");
        let mut add = Command::new(slapadd);
        add.args(["-q", "-w", "-f"]).arg(at.join("slapd.conf")).arg("-l").arg(&ldif);
        let added = add.output().expect("slapadd starts");
        assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
        std::fs::remove_file(ldif).expect("it is there");
        // A port that is free now may be somebody else's a moment later.
        for _ in 0..20 {
            let port = free();
            if let Some(child) = serve(&slapd, at, port) {
                return Some(Self { port, child, _files: dir });
            }
        }
        panic!("slapd does not start");
    }

    /// Its address.
    pub(crate) fn url(&self) -> String {
        format!("ldap://127.0.0.1:{}", self.port)
    }
}

/// A program, on the path or where servers are.
fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = std::env::split_paths(&path).chain(ELSEWHERE.map(PathBuf::from));
    places.map(|place| place.join(name)).find(|file| file.is_file())
}

fn config(dir: &Path) -> String {
    let dir = dir.display();
    format!(
        "include /etc/ldap/schema/core.schema\ninclude /etc/ldap/schema/cosine.schema\n\
         include /etc/ldap/schema/inetorgperson.schema\nmodulepath /usr/lib/ldap\nmoduleload back_mdb\n\
         moduleload syncprov\n\
         pidfile {dir}/pid\ndatabase mdb\nsuffix {SUFFIX}\nrootdn {BIND_DN}\nrootpw {PASSWORD}\n\
         directory {dir}/db\nmaxsize 8589934592\ndbnosync\nindex objectClass,entryCSN eq\n\
         overlay syncprov\ndatabase monitor\nrootdn {BIND_DN}\n"
    )
}

fn write_ldif(shape: Shape, file: &Path) -> std::io::Result<()> {
    let mut out = BufWriter::new(File::create(file)?);
    write!(
        out,
        "dn: {SUFFIX}\nobjectClass: domain\ndc: corp\n\n\
         dn: ou=people,{SUFFIX}\nobjectClass: organizationalUnit\nou: people\n\n\
         dn: ou=groups,{SUFFIX}\nobjectClass: organizationalUnit\nou: groups\n\n"
    )?;
    for person in 0..shape.people {
        let (dn, address) = (dn(person), world::address(person));
        write!(
            out,
            "dn: {dn}\nobjectClass: inetOrgPerson\nuid: p{person:07}\ncn: Person {person}\nsn: {person}\nmail: {address}\n\n"
        )?;
    }
    let mut text = String::new();
    for group in 0..shape.groups {
        text.clear();
        let name = world::group_name(group);
        let _ = writeln!(text, "dn: cn={name},ou=groups,{SUFFIX}\nobjectClass: groupOfNames\ncn: {name}");
        for member in shape.members(group) {
            let _ = writeln!(text, "member: {}", dn(member));
        }
        writeln!(out, "{text}")?;
    }
    out.flush()
}

/// The name of a person's entry.
pub(crate) fn dn(person: u32) -> String {
    format!("uid=p{person:07},ou=people,{SUFFIX}")
}

/// A port that nobody listens on.
fn free() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback has free ports");
    listener.local_addr().expect("it is bound").port()
}

fn serve(slapd: &Path, dir: &Path, port: u16) -> Option<Child> {
    let mut command = Command::new(slapd);
    command.args(["-d", "0", "-h", &format!("ldap://127.0.0.1:{port}"), "-f"]).arg(dir.join("slapd.conf"));
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("slapd starts");
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(30) && child.try_wait().is_ok_and(|ended| ended.is_none()) {
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return Some(child);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    drop(child.kill());
    drop(child.wait());
    None
}
