//! What was measured, as a table for people: aligned text for a terminal, and Markdown.

use std::fmt::Write as _;
use std::path::Path;

use crate::measure::{Figures, Goal, Row};
use crate::plot;

const COLUMNS: usize = 14;
const HEADINGS: [&str; COLUMNS] = [
    "subject",
    "case",
    "wall",
    "CPU",
    "peak",
    "calls",
    "floor",
    "its wall",
    "its CPU",
    "wall ratio",
    "CPU ratio",
    "goal",
    "met",
    "note",
];

/// Reads `figures.jsonl` and `about.txt` of a directory, writes `table.md` and `plot.svg` beside them,
/// and prints the table. Gives how many goals were missed.
pub(crate) fn report(dir: &Path) -> usize {
    let read = |name: &str| std::fs::read_to_string(dir.join(name)).unwrap_or_default();
    let (figures, about) = (read("figures.jsonl"), read("about.txt"));
    let row = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    let rows: Vec<Row> = figures.lines().map(row).collect();
    let write = |name: &str, text: String| std::fs::write(dir.join(name), text).expect("a writable directory");
    write("table.md", markdown(&about, &rows));
    write("plot.svg", plot::svg(&rows));
    println!("{}{}", about, text(&rows));
    let missed = |row: &Row| row.goals.iter().filter(|goal| !met(row, **goal)).count();
    let (missed, all): (usize, usize) = (rows.iter().map(missed).sum(), rows.iter().map(|row| row.goals.len()).sum());
    println!("{missed} of {all} goals missed");
    println!("{0}/table.md, {0}/plot.svg, {0}/figures.jsonl", dir.display());
    missed
}

/// Ours over the floor, in wall time.
pub(crate) fn ratio(row: &Row) -> Option<f64> {
    let (_, floor) = row.floor.as_ref()?;
    (floor.wall > 0.0).then(|| row.ours.wall / floor.wall)
}

/// Whether a goal is reached. One that needs a floor is not, without one.
pub(crate) fn met(row: &Row, goal: Goal) -> bool {
    let ours = row.ours;
    let floor = |of: fn(&Figures) -> f64| row.floor.as_ref().map_or(0.0, |(_, floor)| of(floor));
    match goal {
        Goal::Wall(times) => ours.wall <= times * floor(|floor| floor.wall),
        Goal::Cpu(times) => ours.cpu <= times * floor(|floor| floor.cpu),
        Goal::Peak(most) => ours.peak <= most,
        Goal::CpuSeconds(most) => ours.cpu <= most,
        Goal::WallSeconds(most) => ours.wall <= most,
        Goal::Calls(most) => ours.calls <= most,
        Goal::Bytes(most) => ours.bytes <= most,
    }
}

fn goal_text(goal: Goal) -> String {
    match goal {
        Goal::Wall(times) => format!("wall <= {times} x"),
        Goal::Cpu(times) => format!("CPU <= {times} x"),
        Goal::Peak(most) => format!("peak <= {}", mebibytes(most)),
        Goal::CpuSeconds(most) => format!("CPU <= {}", seconds(most)),
        Goal::WallSeconds(most) => format!("wall <= {}", seconds(most)),
        Goal::Calls(most) => format!("calls <= {most}"),
        Goal::Bytes(most) => format!("size <= {} MB", most / 1_000_000),
    }
}

fn seconds(value: f64) -> String {
    match value {
        0.0 => "-".to_owned(),
        ..0.1 => format!("{:.1} ms", value * 1000.0),
        ..1.0 => format!("{:.0} ms", value * 1000.0),
        _ => format!("{value:.2} s"),
    }
}

fn mebibytes(kibibytes: u64) -> String {
    format!("{:.0} MiB", kibibytes as f64 / 1024.0)
}

fn cells(row: &Row) -> [String; COLUMNS] {
    let or_none = |value: u64, text: String| if value == 0 { "-".to_owned() } else { text };
    let ours = row.ours;
    let none = || "-".to_owned();
    let (name, floor) = row.floor.clone().unwrap_or_else(|| (none(), Figures::default()));
    let over = |ours: f64, floor: f64| if floor > 0.0 { format!("{:.2}", ours / floor) } else { none() };
    let goals: Vec<String> = row.goals.iter().map(|goal| goal_text(*goal)).collect();
    let missed = row.goals.iter().filter(|goal| !met(row, **goal)).count();
    let verdict = match (row.goals.len(), missed) {
        (0, _) => "",
        (_, 0) => "yes",
        (1, _) => "NO",
        _ => {
            let short = |goal: &Goal| if met(row, *goal) { "yes" } else { "NO" };
            &row.goals.iter().map(short).collect::<Vec<_>>().join(", ")
        }
    };
    let size = (ours.bytes > 0).then(|| format!("{:.1} MB", ours.bytes as f64 / 1e6));
    let notes: Vec<String> = size.into_iter().chain(Some(row.note.clone()).filter(|note| !note.is_empty())).collect();
    [
        row.subject.clone(),
        row.case.clone(),
        seconds(ours.wall),
        seconds(ours.cpu),
        or_none(ours.peak, mebibytes(ours.peak)),
        or_none(ours.calls, ours.calls.to_string()),
        name,
        seconds(floor.wall),
        seconds(floor.cpu),
        over(ours.wall, floor.wall),
        over(ours.cpu, floor.cpu),
        goals.join(", "),
        verdict.to_owned(),
        notes.join(", "),
    ]
}

fn text(rows: &[Row]) -> String {
    let lines: Vec<[String; COLUMNS]> =
        std::iter::once(HEADINGS.map(str::to_owned)).chain(rows.iter().map(cells)).collect();
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..HEADINGS.len()).map(width).collect();
    let mut text = String::new();
    for line in &lines {
        let padded = |(cell, width): (&String, &usize)| format!("{cell:width$}");
        let cells: Vec<String> = line.iter().zip(&widths).map(padded).collect();
        let _ = writeln!(text, "{}", cells.join("  ").trim_end());
    }
    text
}

fn markdown(about: &str, rows: &[Row]) -> String {
    let mut text = format!("{}\n", about.trim_end());
    let mut line = |cells: &[String]| {
        let _ = write!(text, "\n| {} |", cells.join(" | "));
    };
    line(&HEADINGS.map(str::to_owned));
    line(&HEADINGS.map(|_| "---".to_owned()));
    for row in rows {
        line(&cells(row));
    }
    text + "\n"
}
