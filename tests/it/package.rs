//! The Debian package and the systemd units: built as they are given to users, installed into a scratch
//! root, looked at, removed.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::support::bench::Ran;
use crate::support::servers;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn file(path: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join(path)).unwrap()
}

fn ran(command: &mut Command) -> Ran {
    Ran::of(command.output().unwrap())
}

/// A scratch root into which the package can be installed.
struct Scratch(tempfile::TempDir);

impl Scratch {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for folder in ["admin/info", "admin/updates", "root/etc"] {
            fs::create_dir_all(dir.path().join(folder)).unwrap();
        }
        for empty in ["admin/status", "admin/available"] {
            fs::write(dir.path().join(empty), "").unwrap();
        }
        Self(dir)
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join("root").join(path)
    }

    fn dpkg(&self, action: &str, what: &Path) -> Ran {
        let mut command = Command::new(servers::find("dpkg").unwrap());
        command
            .arg(format!("--admindir={}", self.0.path().join("admin").display()))
            .arg(format!("--instdir={}", self.path("").display()))
            .args(["--force-script-chrootless", "--force-depends", action])
            .arg(what);
        ran(&mut command)
    }

    fn mode(&self, path: &str) -> u32 {
        fs::metadata(self.path(path)).unwrap_or_else(|error| panic!("{path}: {error}")).permissions().mode() & 0o7777
    }
}

fn package(out: &Path) -> PathBuf {
    let built = ran(Command::new(Path::new(ROOT).join("deploy/debian/build"))
        .arg(env!("CARGO_BIN_EXE_rosterd"))
        .arg(out)
        .env("SOURCE_DATE_EPOCH", "1700000000")
        .env("ROSTERD_DEB_COMPRESSION", "none"))
    .exits(0);
    PathBuf::from(built.stdout.trim())
}

#[test]
fn the_package_installs_everything_starts_nothing_and_leaves_the_state() {
    let tools = ["dpkg", "dpkg-deb", "objdump", "systemd-sysusers", "systemd-tmpfiles"];
    if !servers::there("dpkg with systemd", &tools) || !servers::root("a package in a scratch root") {
        return;
    }
    let scratch = Scratch::new();
    let package = package(scratch.0.path());

    let installed = scratch.dpkg("--install", &package).exits(0);
    assert!(installed.stdout.contains("not configured yet"), "{}", installed.stdout);
    for (path, mode) in [
        ("usr/bin/rosterd", 0o755),
        ("usr/lib/systemd/system/rosterd.service", 0o644),
        ("usr/lib/systemd/system/rosterd-apply.service", 0o644),
        ("usr/lib/systemd/system/rosterd-apply.timer", 0o644),
        ("usr/share/man/man1/rosterd.1.gz", 0o644),
        ("usr/share/bash-completion/completions/rosterd", 0o644),
        ("usr/share/zsh/vendor-completions/_rosterd", 0o644),
        ("usr/share/fish/vendor_completions.d/rosterd.fish", 0o644),
        ("usr/share/doc/rosterd/copyright", 0o644),
        ("usr/share/doc/rosterd/examples/rosterd.example.toml", 0o644),
        ("etc/rosterd", 0o750),
        ("etc/rosterd/credentials", 0o700),
    ] {
        assert_eq!(scratch.mode(path), mode, "{path}");
    }
    let users = fs::read_to_string(scratch.path("etc/passwd")).unwrap();
    assert!(users.lines().any(|line| line.starts_with("rosterd:") && line.ends_with(":/usr/sbin/nologin")), "{users}");

    // Nothing is configured, and nothing wants to be started.
    assert!(!scratch.path("etc/rosterd/rosterd.toml").exists());
    assert!(!scratch.path("etc/systemd/system/multi-user.target.wants").exists());
    assert!(!scratch.path("etc/systemd/system/timers.target.wants").exists());

    let version = ran(Command::new(scratch.path("usr/bin/rosterd")).arg("--version")).exits(0);
    assert_eq!(version.stdout.trim(), concat!("rosterd ", env!("CARGO_PKG_VERSION")));
    let page = ran(Command::new("gzip").arg("-dc").arg(scratch.path("usr/share/man/man1/rosterd.1.gz"))).exits(0);
    assert!(page.stdout.contains(".SH NAME"), "{}", page.stdout);

    // Again is an upgrade; it keeps what is there.
    fs::write(scratch.path("etc/rosterd/rosterd.toml"), "mine").unwrap();
    fs::create_dir_all(scratch.path("var/lib/rosterd")).unwrap();
    fs::write(scratch.path("var/lib/rosterd/rosterd.db"), "log").unwrap();
    let again = scratch.dpkg("--install", &package).exits(0);
    assert!(!again.stdout.contains("not configured yet"), "{}", again.stdout);

    scratch.dpkg("--remove", Path::new("rosterd")).exits(0);
    assert!(!scratch.path("usr/bin/rosterd").exists());
    let purged = scratch.dpkg("--purge", Path::new("rosterd")).exits(0);
    assert!(purged.stdout.is_empty() || purged.stdout.contains("audit log"), "{}", purged.stdout);
    assert_eq!(fs::read_to_string(scratch.path("etc/rosterd/rosterd.toml")).unwrap(), "mine");
    assert_eq!(fs::read_to_string(scratch.path("var/lib/rosterd/rosterd.db")).unwrap(), "log");
    assert!(!scratch.path("etc/systemd/system/rosterd.service.d").exists());
}

#[test]
fn the_same_binary_gives_the_same_package() {
    if !servers::there("dpkg", &["dpkg-deb", "objdump"]) {
        return;
    }
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let bytes = |dir: &tempfile::TempDir| fs::read(package(dir.path())).unwrap();
    assert!(bytes(&one) == bytes(&two), "the packages differ");
}

/// The units with the binary that they name put where it is.
fn units(dir: &Path) -> Vec<PathBuf> {
    ["rosterd.service", "rosterd-apply.service", "rosterd-apply.timer"]
        .into_iter()
        .map(|name| {
            let text = file(&format!("deploy/systemd/{name}"));
            let text = text.replace("=rosterd ", concat!("=", env!("CARGO_BIN_EXE_rosterd"), " "));
            // The page is looked for among those that are installed.
            let text = text.replace("Documentation=man:rosterd(1)\n", "");
            let path = dir.join(name);
            fs::write(&path, text).unwrap();
            path
        })
        .collect()
}

#[test]
fn systemd_takes_the_units() {
    if !servers::there("systemd", &["systemd-analyze"]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let output: Output = Command::new("systemd-analyze").arg("verify").args(units(dir.path())).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    // systemd before 253 does not know this type, and stays with the one before it.
    let ours: Vec<&str> = told.lines().filter(|line| line.contains("rosterd")).collect();
    let odd: Vec<&&str> = ours.iter().filter(|line| !line.ends_with("ignoring: notify-reload")).collect();
    assert!(odd.is_empty(), "{told}");
}

#[test]
fn the_services_are_shut_in() {
    if !servers::there("systemd", &["systemd-analyze"]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    for unit in units(dir.path()).iter().filter(|unit| unit.extension().is_some_and(|kind| kind == "service")) {
        let judged = ran(Command::new("systemd-analyze")
            .args(["security", "--offline=yes", "--no-pager", "--threshold=15"])
            .arg(unit));
        let exposure = judged.stdout.lines().find(|line| line.contains("Overall exposure")).unwrap_or_default();
        assert_eq!(judged.code, 0, "{exposure}\n{}", judged.stderr);
        assert!(exposure.contains("exposure level"), "{}", judged.stdout);
    }
}

/// systemd looks at the exit status of the main process alone: where `ExecStartPre=` finds the mistake, it
/// starts the service again and again.
#[test]
fn a_mistake_in_the_configuration_restarts_nothing() {
    let unit = file("deploy/systemd/rosterd.service");
    let has = |start: &str| unit.lines().any(|line| line.starts_with(start));
    assert!(has("RestartPreventExitStatus=2") && has("Restart=on-failure") && !has("ExecStartPre="), "{unit}");
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("rosterd.toml");
    fs::write(&path, "nonsense = 1\n").unwrap();
    ran(Command::new(env!("CARGO_BIN_EXE_rosterd")).args(["run", "--config"]).arg(path)).exits(2);
}

#[test]
fn the_units_share_their_walls() {
    let walls = |name: &str| -> Vec<String> {
        let text = file(&format!("deploy/systemd/{name}"));
        let walls = text.lines().skip_while(|line| !line.starts_with("# It needs the network"));
        walls.take_while(|line| !line.is_empty()).map(str::to_owned).collect()
    };
    let service = walls("rosterd.service");
    assert!(service.len() > 25, "{service:?}");
    assert_eq!(service, walls("rosterd-apply.service"));
}

#[test]
fn the_configuration_for_kubernetes_is_whole() {
    let text = file("deploy/kubernetes/common.yaml");
    let block = text.lines().skip_while(|line| !line.contains("rosterd.toml: |")).skip(1);
    let toml: Vec<&str> = block.take_while(|line| *line != "---").map(|line| line.trim_start_matches("    ")).collect();
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("rosterd.toml"), toml.join("\n")).unwrap();
    for name in ["hyperproof-secret", "ldap-password", "status-token"] {
        assert!(file("deploy/README.md").contains(&format!("--from-file={name}")), "{name}");
        fs::write(dir.path().join(name), "secret").unwrap();
    }
    let checked = ran(Command::new(env!("CARGO_BIN_EXE_rosterd"))
        .args(["check", "--config"])
        .arg(dir.path().join("rosterd.toml"))
        .env("CREDENTIALS_DIRECTORY", dir.path()));
    checked.exits(0);
}

/// `/healthz` answers once the state is open, and a state with a long log is brought up to date first. Whoever kills
/// that start begins it again, for ever.
#[test]
fn kubernetes_waits_for_a_start_that_takes_long() {
    let text = file("deploy/kubernetes/deployment.yaml");
    let probe = |name: &str| -> String {
        let lines = text.lines().skip_while(|line| line.trim() != format!("{name}:")).skip(1);
        lines.take_while(|line| line.starts_with("            ")).collect()
    };
    let number = |probe: &str, key: &str| -> u64 {
        let rest = probe.split(&format!("{key}: ")).nth(1).unwrap_or_else(|| panic!("{key} in {probe}"));
        rest.split_whitespace().next().unwrap().parse().unwrap()
    };
    let startup = probe("startupProbe");
    assert!(startup.contains("path: /healthz"), "{startup}");
    assert!(number(&startup, "periodSeconds") * number(&startup, "failureThreshold") >= 900, "{startup}");
    // The page looks into the state, which a run may have in its hands for a moment.
    assert!(number(&probe("readinessProbe"), "timeoutSeconds") >= 5);
}

/// The watchdog ends a service with SIGABRT, and its memory has secrets in it.
#[test]
fn no_unit_leaves_a_core_behind() {
    for name in ["rosterd.service", "rosterd-apply.service"] {
        assert!(file(&format!("deploy/systemd/{name}")).lines().any(|line| line == "LimitCORE=0"), "{name}");
    }
}
