//! Wall time, CPU time and peak memory of a piece of work in a process of its own.

use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

/// How large the subjects are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scale {
    /// A minute in all: that everything works, and roughly how fast.
    Quick,
    /// All sizes.
    Full,
}

/// What one piece of work took.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Figures {
    /// Seconds.
    pub(crate) wall: f64,
    /// Seconds, of all threads, in user space and kernel.
    pub(crate) cpu: f64,
    /// The most memory that the process had, in KiB.
    pub(crate) peak: u64,
    /// What it had before the work began.
    pub(crate) base: u64,
    /// Calls (HTTP requests, LDAP searches), where there are any.
    pub(crate) calls: u64,
    /// The size of a file, where it is about one.
    #[serde(default)]
    pub(crate) bytes: u64,
}

/// What a figure is to be.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) enum Goal {
    /// At most so many times the floor's wall time.
    Wall(f64),
    /// At most so many times the floor's CPU time.
    Cpu(f64),
    /// At most so many KiB.
    Peak(u64),
    /// At most so many seconds of CPU.
    CpuSeconds(f64),
    /// At most so many seconds.
    WallSeconds(f64),
    /// At most so many calls.
    Calls(u64),
    /// At most so many bytes.
    Bytes(u64),
}

/// A row of the table: one case of one subject, beside its floor.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Row {
    /// The subject.
    pub(crate) subject: String,
    /// The size, and what there is to do.
    pub(crate) case: String,
    /// Ours.
    pub(crate) ours: Figures,
    /// What it is held against, by name, measured in the same run.
    pub(crate) floor: Option<(String, Figures)>,
    /// What is wanted of it.
    pub(crate) goals: Vec<Goal>,
    /// More, for the reader (`18 bytes a membership`).
    pub(crate) note: String,
}

/// A value as one line, for the process that reads it.
pub(crate) fn line(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("figures are numbers and texts")
}

/// Does a piece of work in this process and says what it took. Peak memory counts from here.
pub(crate) fn section<T>(work: impl FnOnce() -> T) -> (T, Figures) {
    // Sets the peak back to what the process has now (proc(5)); where that is not allowed, the peak is the
    // whole process's.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    let base = status("VmRSS:");
    let (began, cpu) = (Instant::now(), cpu());
    let result = the_work(work);
    let wall = began.elapsed().as_secs_f64();
    let cpu = (self::cpu() - cpu).as_secs_f64();
    (result, Figures { wall, cpu, peak: status("VmHWM:"), base, ..Figures::default() })
}

/// Work by a name that the profiler of `check` finds.
#[inline(never)]
fn the_work<T>(work: impl FnOnce() -> T) -> T {
    std::hint::black_box(work())
}

fn cpu() -> Duration {
    clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).map(Duration::from).unwrap_or_default()
}

/// KiB of a line of `/proc/self/status`.
fn status(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// Has a process of its own do a subject's part.
pub(crate) fn child(subject: &str, args: &[&str]) -> Figures {
    told(&[&["--child", subject], args].concat())
}

/// Runs another program to its end. What it prints goes nowhere; that it fails is the end.
pub(crate) fn program(command: &[&str]) -> Figures {
    told(&[&["--wrap"], command].concat())
}

fn told(args: &[&str]) -> Figures {
    let own = std::env::current_exe().expect("this program is a file");
    let output = Command::new(own).args(args).output().expect("this program can be started");
    let text = String::from_utf8_lossy(&output.stdout);
    let last = text.lines().last().unwrap_or_default();
    match serde_json::from_str(last) {
        Ok(figures) if output.status.success() => figures,
        _ => panic!("{args:?}: {}\n{text}{}", output.status, String::from_utf8_lossy(&output.stderr)),
    }
}

/// [`program`], in the process that has no other child.
pub(crate) fn wrapped(command: &[&str]) -> Figures {
    let (name, args) = command.split_first().expect("the parent gives a command");
    let began = Instant::now();
    let output = Command::new(name).args(args).output().expect("the program can be started");
    let wall = began.elapsed().as_secs_f64();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("the kernel tells");
    let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    Figures {
        wall,
        cpu: seconds(usage.user_time()) + seconds(usage.system_time()),
        peak: u64::try_from(usage.max_rss()).unwrap_or(0),
        ..Figures::default()
    }
}

/// Takes ours and the floor in turns, so that both meet the same machine, and gives the round with the
/// median wall time of each.
pub(crate) fn pair(
    rounds: usize,
    mut ours: impl FnMut() -> Figures,
    mut floor: impl FnMut() -> Figures,
) -> (Figures, Figures) {
    let (mut our, mut their) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        their.push(floor());
        our.push(ours());
    }
    (median(our), median(their))
}

/// The round with the median wall time.
pub(crate) fn median(mut rounds: Vec<Figures>) -> Figures {
    rounds.sort_by(|a, b| a.wall.total_cmp(&b.wall));
    rounds.get(rounds.len() / 2).copied().unwrap_or_default()
}
