//! A 389 Directory Server of a test's own on loopback, without TLS. No set-up tool of the package is
//! run (they want systemd): its template of a configuration is filled in, the content imported, and the
//! server kept in the foreground.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::servers;
use crate::support::slapd::{ROOT, ROOT_PASSWORD, SUFFIX, top};

const TEMPLATES: &str = "/usr/share/dirsrv/data";
/// The hash of [`ROOT_PASSWORD`], salted: the server takes no plain one from its file.
const ROOT_HASH: &str = "{SSHA}Eb7nCyN0bxmYB/O6zPt+oYCVlU9zYWx0c2FsdA==";
/// Everybody may read everything but passwords.
const READ_ALL: &str = r#"aci: (targetattr!="userPassword || aci")(version 3.0; acl "read"; allow (read, search, compare) userdn="ldap:///anyone";)"#;
/// The database's settings.
pub const LDBM: &str = "cn=config,cn=ldbm database,cn=plugins,cn=config";

/// What a server is to be.
#[derive(Default)]
pub struct Wish<'a> {
    /// Entries below the suffix.
    pub ldif: &'a str,
    /// `aci:` lines of the suffix; none: everybody may read everything but passwords.
    pub rights: &'a str,
    /// Lines of the server's own schema.
    pub schema: &'a str,
    /// The MemberOf plug-in is on. It works on what is added later.
    pub member_of: bool,
}

/// The running server. It and its files go when it is dropped.
pub struct Ds389 {
    dir: tempfile::TempDir,
    address: SocketAddr,
    child: Child,
}

impl Drop for Ds389 {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Ds389 {
    /// Starts one. `None`, with the skip on record, where that is not possible.
    pub fn start(wish: &Wish<'_>) -> Option<Self> {
        if !servers::there("389 Directory Server", &["ns-slapd", "ldapmodify"])
            || !servers::root("389 Directory Server")
        {
            return None;
        }
        for _ in 0..20 {
            let dir = tempfile::Builder::new().prefix("rosterd-389ds").tempdir().expect("a temporary directory");
            let address = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
            let address = address.expect("a free port");
            write(dir.path(), address, wish);
            let mut import = tool(&["ldif2db", "-n", "userRoot", "-D"]);
            import.arg(dir.path().join("config")).arg("-i").arg(dir.path().join("all.ldif"));
            let imported = import.status().expect("ns-slapd starts");
            let log = || std::fs::read_to_string(dir.path().join("log/errors")).unwrap_or_default();
            assert!(imported.success(), "{}", log());
            if let Some(child) = serve(dir.path()) {
                return Some(Self { dir, address, child });
            }
        }
        panic!("389 Directory Server does not start");
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("ldap://localhost:{}", self.address.port())
    }

    /// Carries out LDIF change records.
    #[track_caller]
    pub fn modify(&self, changes: &str) {
        let file = self.dir.path().join("change.ldif");
        std::fs::write(&file, changes).expect("a writable directory");
        let mut command = Command::new("ldapmodify");
        command.args(["-x", "-H", &self.url(), "-D", ROOT, "-w", ROOT_PASSWORD, "-f"]).arg(file);
        let output = command.output().expect("it starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Sets an attribute of an entry.
    #[track_caller]
    pub fn set(&self, dn: &str, attribute: &str, value: &str) {
        self.modify(&format!("dn: {dn}\nchangetype: modify\nreplace: {attribute}\n{attribute}: {value}\n"));
    }
}

fn write(dir: &Path, address: SocketAddr, wish: &Wish<'_>) {
    for folder in ["config/schema", "lock", "tmp", "run", "log", "db", "files"] {
        std::fs::create_dir_all(dir.join(folder)).expect("a writable directory");
    }
    let write = |name: &str, text: &str| std::fs::write(dir.join(name), text).expect("a writable directory");
    let read = |name: &str| std::fs::read_to_string(PathBuf::from(TEMPLATES).join(name)).expect("it is in the package");
    write(
        "config/dse.ldif",
        &config(dir, address, wish, &(read("template-dse.ldif") + &read("template-suffix-db.ldif"))),
    );
    write("config/slapd-collations.conf", "");
    write("config/schema/99user.ldif", &format!("dn: cn=schema\nobjectClass: top\ncn: schema\n{}", wish.schema));
    let rights = if wish.rights.is_empty() { READ_ALL } else { wish.rights.trim_end() };
    let top = top().replacen("\ndc: corp\n", &format!("\ndc: corp\n{rights}\n"), 1);
    write("all.ldif", &(top + wish.ldif));
}

fn config(dir: &Path, address: SocketAddr, wish: &Wish<'_>, template: &str) -> String {
    let dir = dir.display();
    let mut text: String =
        template.lines().filter(|line| !line.starts_with('#')).map(|line| format!("{line}\n")).collect();
    for (word, value) in [
        ("schema_dir", format!("{dir}/config/schema")),
        ("config_dir", format!("{dir}/config")),
        ("cert_dir", format!("{dir}/config")),
        ("lock_dir", format!("{dir}/lock")),
        ("tmp_dir", format!("{dir}/tmp")),
        ("run_dir", format!("{dir}/run")),
        ("log_dir", format!("{dir}/log")),
        ("ldif_dir", format!("{dir}/files")),
        ("bak_dir", format!("{dir}/files")),
        ("inst_dir", format!("{dir}/files")),
        ("db_dir", format!("{dir}/db")),
        ("db_home_dir", format!("{dir}/db")),
        ("db_lib", "bdb".to_owned()),
        ("ldapi", format!("{dir}/ldapi")),
        ("ldapi_enabled", "off".to_owned()),
        ("ldapi_autobind", "off".to_owned()),
        ("fqdn", "localhost".to_owned()),
        ("ds_port", address.port().to_string()),
        ("ds_user", "root".to_owned()),
        ("rootdn", ROOT.to_owned()),
        ("ds_passwd", ROOT_HASH.to_owned()),
        ("ds_suffix", SUFFIX.to_owned()),
        ("ds_bename", "userRoot".to_owned()),
    ] {
        text = text.replace(&format!("%{word}%"), &value);
    }
    // It listens everywhere unless it is told, and takes a hundred megabytes for each cache.
    text = text.replacen(
        "nsslapd-port:",
        "nsslapd-listenhost: 127.0.0.1\nnsslapd-accesslog-logging-enabled: off\nnsslapd-port:",
        1,
    );
    text = text.replacen(
        "nsslapd-backend-implement:",
        "nsslapd-cache-autosize: 0\nnsslapd-import-cache-autosize: 0\nnsslapd-dbcachesize: 4000000\n\
         nsslapd-import-cachesize: 16000000\nnsslapd-backend-implement:",
        1,
    );
    if wish.member_of {
        let (before, after) = text.split_once("memberof_postop_init").expect("the template has the plug-in");
        text = format!("{before}memberof_postop_init{}", after.replacen("pluginenabled: off", "pluginenabled: on", 1));
    }
    text
}

/// Starts it. `None`: it ended, for its port is somebody else's by now.
fn serve(dir: &Path) -> Option<Child> {
    let pid = dir.join("run/pid");
    // -d 0: it stays in the foreground.
    let mut command = tool(&["-d", "0", "-D"]);
    let mut child = command.arg(dir.join("config")).arg("-i").arg(&pid).spawn().expect("ns-slapd starts");
    let until = Instant::now() + Duration::from_secs(60);
    while child.try_wait().expect("it can be asked").is_none() {
        // It writes its number when it listens.
        if pid.is_file() {
            return Some(child);
        }
        assert!(Instant::now() < until, "389 Directory Server does not get ready");
        std::thread::sleep(Duration::from_millis(20));
    }
    None
}

/// The server's program, which goes with its test, also when that is killed.
fn tool(args: &[&str]) -> Command {
    let program = servers::find("ns-slapd").expect("it was found before");
    let mut command = match servers::find("setpriv") {
        Some(setpriv) => {
            let mut command = Command::new(setpriv);
            command.args(["--pdeathsig", "KILL"]).arg(program);
            command
        }
        None => Command::new(program),
    };
    command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}
