//! Servers that the tests start when they are installed. A test whose server is missing is skipped
//! loudly: it says so on stderr and in the last line of `tests/run`. With `ROSTERD_REQUIRE_SERVERS`
//! set it fails instead.

use std::io::Write;
use std::path::PathBuf;

/// Whether these programs are there, and the test can go on. Otherwise the skip is on record.
pub fn there(server: &str, programs: &[&str]) -> bool {
    match programs.iter().find(|program| find(program).is_none()) {
        None => true,
        Some(_) => skip(&format!("{server} not installed")),
    }
}

/// Whether the test may use privileged ports and other people's files.
pub fn root(server: &str) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let uid = status.lines().find_map(|line| line.strip_prefix("Uid:")).and_then(|ids| ids.split_whitespace().nth(1));
    uid == Some("0") || skip(&format!("{server} needs root"))
}

/// A program on the PATH, or where Debian puts servers.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var("PATH").unwrap_or_default();
    let folders = path.split(':').chain(["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/libexec"]);
    folders.map(|folder| PathBuf::from(folder).join(program)).find(|program| program.is_file())
}

/// Records that a test is skipped. Always false.
#[track_caller]
#[expect(clippy::print_stderr, reason = "a skip must be seen")]
fn skip(why: &str) -> bool {
    let required = std::env::var("ROSTERD_REQUIRE_SERVERS").is_ok_and(|value| !value.is_empty() && value != "0");
    assert!(!required, "{why}, and ROSTERD_REQUIRE_SERVERS is set: tests/run installs it as root");
    eprintln!("SKIPPED: {why}");
    if let Ok(file) = std::env::var("ROSTERD_SKIPPED") {
        let file = std::fs::File::options().append(true).create(true).open(file);
        file.and_then(|mut file| file.write_all(format!("{why}\n").as_bytes())).expect("the list of skips is writable");
    }
    false
}
