//! Keeps what was won: counts the instructions of the pure parts and of their floors, and compares them
//! with what was recorded. Instructions, unlike seconds, are the same on a busy machine.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::process::Command;

use serde::{Deserialize, Serialize};

use crate::world::{self, Shape};

/// How much worse a figure may be than the recorded one. Other builds of the standard library and of
/// libc's memory functions make a few percent.
const ROOM: f64 = 1.10;

/// What is counted: sizes small enough for a profiler that is fifty times slower than the processor.
struct Case {
    name: &'static str,
    subject: &'static str,
    ours: &'static [&'static str],
    floor: &'static [&'static str],
    /// What one piece is called, and how many there are.
    unit: (&'static str, u64),
}

/// A word of [`Case`] that stands for a file of [`Files`].
const CSV: &str = "CSV";

const CASES: &[Case] = &[
    Case {
        name: "decide-nothing",
        subject: "decide",
        ours: &["decide", "nothing", "1000", "100", "10000", "500"],
        floor: &["merge", "nothing", "1000", "100", "10000", "500"],
        unit: ("membership", 10_000),
    },
    Case {
        name: "decide-churn",
        subject: "decide",
        ours: &["decide", "churn", "1000", "100", "10000", "500"],
        floor: &["merge", "churn", "1000", "100", "10000", "500"],
        unit: ("membership", 10_000),
    },
    Case {
        name: "live",
        subject: "live",
        ours: &["ours", "1000", "120", "10000", "500"],
        floor: &["typed", "1000", "120", "10000", "500"],
        unit: ("membership", 10_000),
    },
    Case {
        name: "csv-records",
        subject: "csv",
        ours: &["records", CSV],
        floor: &["floor", CSV],
        unit: ("row", 10_000),
    },
    Case { name: "csv", subject: "csv", ours: &["decode", CSV], floor: &["floor", CSV], unit: ("row", 10_000) },
];

/// What the cases read.
struct Files(tempfile::TempDir);

/// One case as it was recorded.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Recorded {
    /// Our instructions over the floor's.
    ratio: f64,
    /// Our instructions for one piece.
    each: f64,
}

/// Whether nothing is worse than recorded, beyond the room for noise.
pub(crate) fn against(baseline: &Path) -> bool {
    let text = std::fs::read_to_string(baseline).unwrap_or_else(|error| panic!("{}: {error}", baseline.display()));
    let recorded: BTreeMap<String, Recorded> = toml::from_str(&text).expect("it was written by --record");
    let mut fine = true;
    for name in recorded.keys().filter(|name| CASES.iter().all(|case| case.name != *name)) {
        println!("{name}: recorded, and no case of this name is counted any more");
        fine = false;
    }
    for (name, unit, now) in measured() {
        let Some(before) = recorded.get(name) else {
            println!("{name}: {}; never recorded", words(now, unit));
            fine = false;
            continue;
        };
        let worst = (now.ratio / before.ratio).max(now.each / before.each);
        let verdict = match worst {
            worst if worst > ROOM => "WORSE",
            worst if worst < 1.0 / ROOM => "better",
            _ => "as recorded",
        };
        fine &= worst <= ROOM;
        println!(
            "{name}: {} ({:+.1} %), recorded {}: {verdict}",
            words(now, unit),
            (worst - 1.0) * 100.0,
            words(*before, unit)
        );
    }
    let again = "benches/check --record writes down what is counted now";
    println!(
        "{}",
        if fine {
            format!("none is worse by more than 10 %; {again}")
        } else {
            format!("NOT as recorded; if it is meant to be so, {again}")
        }
    );
    fine
}

/// Writes down what is counted now.
pub(crate) fn record(baseline: &Path) {
    let mut text = "# Instructions, counted by `benches/check --record`; `benches/check` compares with them.\n\
                    # ratio: ours over the floor's; each: ours for one row, membership or entry.\n"
        .to_owned();
    for (name, unit, now) in measured() {
        println!("{name}: {}", words(now, unit));
        text += &format!("\n[{name}] # {unit}\nratio = {:.3}\neach = {:.1}\n", now.ratio, now.each);
    }
    std::fs::write(baseline, text).unwrap_or_else(|error| panic!("{}: {error}", baseline.display()));
}

fn words(recorded: Recorded, unit: &str) -> String {
    format!("{:.2} x the floor, {:.0} instructions a {unit}", recorded.ratio, recorded.each)
}

fn measured() -> impl Iterator<Item = (&'static str, &'static str, Recorded)> {
    let files = Files::written();
    CASES.iter().map(move |case| {
        let ours = files.instructions(case.subject, case.ours);
        let floor = files.instructions(case.subject, case.floor);
        let (unit, count) = case.unit;
        (case.name, unit, Recorded { ratio: ours as f64 / floor as f64, each: ours as f64 / count as f64 })
    })
}

impl Files {
    fn written() -> Self {
        let files = Self(tempfile::tempdir().expect("a temporary directory"));
        let file = File::create(files.path(CSV)).expect("a writable directory");
        let mut file = BufWriter::new(file);
        writeln!(file, "group,email,status,id").expect("room for the file");
        for group in 0..ROWS.groups {
            for person in ROWS.members(group) {
                let (name, address) = (world::group_name(group), world::address(person));
                writeln!(file, "{name},{address},active,{person:08}").expect("room for the file");
            }
        }
        files
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    /// Instructions of the measured section of a child.
    fn instructions(&self, subject: &str, args: &[&str]) -> u64 {
        let counted = self.path("callgrind");
        let own = std::env::current_exe().expect("this program is a file");
        let mut command = Command::new("valgrind");
        command.args(["--tool=callgrind", "--quiet", "--toggle-collect=*the_work*"]);
        command.arg(format!("--callgrind-out-file={counted}")).arg(own).args(["--child", subject]);
        command.args(args.iter().map(|arg| if *arg == CSV { self.path(CSV) } else { (*arg).to_owned() }));
        let output = command.output().expect("valgrind was found by benches/check");
        assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
        let text = std::fs::read_to_string(&counted).expect("callgrind writes what it counted");
        let total = text.lines().find_map(|line| line.strip_prefix("summary:").or(line.strip_prefix("totals:")));
        let total = total.and_then(|total| total.trim().parse().ok()).unwrap_or(0);
        assert!(total > 0, "{command:?}: nothing was counted");
        total
    }
}

/// The memberships of the CSV file.
const ROWS: Shape = Shape { people: 4_000, groups: 100, memberships: 10_000, largest: 2_000 };
