//! CSV files: bytes to records, and bytes to people and groups with their digest; each beside the csv crate
//! reading the same bytes and keeping nothing.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use jiff::Timestamp;
use rosterd::model::id::SourceName;
use rosterd::source::csv::record::Records;
use rosterd::source::csv::{self as source, Column, Settings};

use crate::measure::{self, Figures, Goal, Row, Scale};
use crate::world::{Shape, address, group_name};

pub(crate) fn rows(scale: Scale) -> Vec<Row> {
    let sizes: &[u32] = match scale {
        Scale::Quick => &[10_000, 100_000],
        Scale::Full => &[10_000, 100_000, 1_000_000],
    };
    let dir = tempfile::tempdir().expect("a temporary directory can be made");
    let mut rows = Vec::new();
    for size in sizes {
        for layout in [Layout::Rows, Layout::Lists] {
            let path = dir.path().join("people.csv");
            write(&path, layout, *size);
            rows.push(row(&path, &format!("{size} {}, records", layout.name()), &["records"]));
            rows.push(row(&path, &format!("{size} {}", layout.name()), &[layout.decode()]));
        }
    }
    rows
}

/// What a row of the file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layout {
    /// A membership; two people in five rows, four groups in five hundred. All of a group stand together, so
    /// that the people of one row and the next have nothing to do with each other.
    Rows,
    /// A person with all groups, two on average; everybody is new.
    Lists,
}

impl Layout {
    fn name(self) -> &'static str {
        match self {
            Self::Rows => "rows",
            Self::Lists => "lists",
        }
    }

    /// What the child is asked for.
    fn decode(self) -> &'static str {
        match self {
            Self::Rows => "decode",
            Self::Lists => "decode-lists",
        }
    }
}

fn row(path: &Path, case: &str, ours: &[&str]) -> Row {
    let path = path.to_str().expect("temporary directories have plain names");
    let (ours, floor) = measure::pair(
        5,
        || measure::child("csv", &[ours, &[path]].concat()),
        || measure::child("csv", &["floor", path]),
    );
    let bytes = fs::metadata(path).map_or(0, |file| file.len());
    Row {
        subject: "csv".to_owned(),
        case: case.to_owned(),
        ours,
        floor: Some(("csv crate".to_owned(), floor)),
        goals: vec![Goal::Wall(1.5)],
        note: format!("{} MB of CSV", bytes / 1_000_000),
    }
}

pub(crate) fn child(args: &[&str]) -> Figures {
    match args {
        ["decode", path] => decode(Path::new(path), Layout::Rows),
        ["decode-lists", path] => decode(Path::new(path), Layout::Lists),
        ["records", path] => records(Path::new(path)),
        ["floor", path] => floor(Path::new(path)),
        _ => panic!("{args:?}"),
    }
}

/// From the file to what a plan is made from.
fn decode(path: &Path, layout: Layout) -> Figures {
    let (name, settings) = (SourceName::new("hr"), settings(path, layout));
    let (snapshot, figures) =
        measure::section(|| source::read_blocking(&name, &settings, &Default::default(), Timestamp::now()));
    assert!(snapshot.completeness.is_complete(), "{:?}", snapshot.problems.first());
    assert!(!snapshot.people.is_empty());
    figures
}

/// The bytes as fields of UTF-8 text, each looked at, none kept.
fn floor(path: &Path) -> Figures {
    let (fields, figures) = measure::section(|| {
        let mut reader = csv::Reader::from_path(path).expect("the file is there");
        let mut record = csv::StringRecord::new();
        let mut length = 0;
        while reader.read_record(&mut record).expect("the file is well-formed") {
            length += record.iter().map(str::len).sum::<usize>();
        }
        length
    });
    assert!(fields > 0);
    figures
}

/// The bytes as records of ours, each field looked at as text, none kept.
fn records(path: &Path) -> Figures {
    let (fields, figures) = measure::section(|| {
        let mut records = Records::new(File::open(path).expect("the file is there"), b',');
        let mut length = 0;
        while let Some(block) = records.read_block().expect("the file can be read") {
            for record in block.iter() {
                assert!(record.flaw().is_none());
                length += record.text().expect("the file is text").values().map(str::len).sum::<usize>();
            }
        }
        length
    });
    assert!(fields > 0);
    figures
}

fn settings(path: &Path, layout: Layout) -> Settings {
    let column = |heading: &str| Column { heading: heading.to_owned(), required: true };
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    Settings {
        path: path.to_owned(),
        shape: match layout {
            Layout::Lists => source::Shape::Lists { separator: ";".to_owned() },
            Layout::Rows => source::Shape::Rows,
        },
        group_column: "group".to_owned(),
        email_column: "email".to_owned(),
        status_column: column("status"),
        id_column: column("id"),
        active_values: words(&["active"]),
        inactive_values: words(&["inactive"]),
        delimiter: b',',
        max_age: None,
        final_line_end: true,
    }
}

fn write(path: &Path, layout: Layout, size: u32) {
    let file = File::create(path).expect("a file can be made");
    let mut file = BufWriter::new(file);
    writeln!(file, "group,email,status,id").expect("a file can be written");
    let mut line = |group: &str, person: u32| {
        let status = if person % 100 == 7 { "inactive" } else { "active" };
        writeln!(file, "{group},{},{status},{:08}", address(person), u64::from(person) * 7 + 1_000_000)
    };
    match layout {
        Layout::Rows => {
            let shape = Shape { people: size / 5 * 2, groups: size / 125, memberships: size, largest: size / 5 };
            for group in 0..shape.groups {
                for person in shape.members(group) {
                    line(&group_name(group), person).expect("a file can be written");
                }
            }
        }
        Layout::Lists => {
            for person in 0..size {
                let groups = [person % 2_003, person % 1_999].map(group_name).join(";");
                line(&groups, person).expect("a file can be written");
            }
        }
    }
}
