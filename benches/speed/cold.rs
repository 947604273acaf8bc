//! What the binary costs before it does anything: its size, and its start.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::installation::{BINARY, Installation, Way};
use crate::measure::{Figures, Goal, Row, pair, program};
use crate::world::Shape;

/// The size of the binary without its symbols.
pub(crate) fn binary() -> Row {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let stripped = dir.path().join("rosterd");
    std::fs::copy(BINARY, &stripped).expect("room for a copy");
    let strip = Command::new("strip").arg(&stripped).status();
    let note = if strip.is_ok_and(|status| status.success()) { "stripped" } else { "as it was built: no strip here" };
    let bytes = std::fs::metadata(&stripped).expect("it is there").len();
    Row {
        subject: "run".to_owned(),
        case: "size of the binary".to_owned(),
        ours: Figures { bytes, ..Figures::default() },
        floor: None,
        goals: vec![Goal::Bytes(20_000_000)],
        note: note.to_owned(),
    }
}

/// From the start of the service to the first line that it logs.
pub(crate) fn cold_start() -> Row {
    let installation = Installation::of_file(Shape { people: 10, groups: 2, memberships: 8, largest: 6 });
    let config = installation.config(Way::IN_FULL);
    let first_line = || {
        let mut command = Command::new(BINARY);
        command.args(["--config", &config, "run"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let began = Instant::now();
        let mut child = command.spawn().expect("the binary starts");
        let mut line = String::new();
        let mut log = BufReader::new(child.stderr.take().expect("it is a pipe"));
        log.read_line(&mut line).expect("the log is text");
        let wall = began.elapsed().as_secs_f64();
        drop(child.kill());
        drop(child.wait());
        assert!(!line.is_empty(), "the service logs before it ends");
        Figures { wall, ..Figures::default() }
    };
    let (ours, floor) = pair(21, first_line, || program(&["true"]));
    Row {
        subject: "run".to_owned(),
        case: "cold start to the first log line".to_owned(),
        ours,
        floor: None,
        goals: vec![Goal::WallSeconds(0.02)],
        note: format!("starting true takes {:.1} ms", floor.wall * 1000.0),
    }
}
