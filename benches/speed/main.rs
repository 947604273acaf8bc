//! How fast, against floors of the same run: `benches/README.md` says how and what.
//!
//! Without arguments of its own it does nothing, so that `cargo test --benches` ends at once. It runs
//! itself for every measurement, so that each has a process, and with it a peak of memory, of its own.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "figures go to stdout, progress to stderr")]

mod check;
mod cold;
mod csv;
mod decide;
mod installation;
mod json;
mod ldap;
mod live;
mod measure;
mod plot;
mod run;
mod slapd;
mod table;
mod world;

use std::path::Path;

use measure::{Figures, Row, Scale};

/// One subject: rows of the table, and the part that a process of its own does for them.
struct Subject {
    name: &'static str,
    rows: fn(Scale) -> Vec<Row>,
    child: fn(&[&str]) -> Figures,
}

const SUBJECTS: [Subject; 5] = [
    Subject { name: "decide", rows: decide::rows, child: decide::child },
    Subject { name: "csv", rows: csv::rows, child: csv::child },
    Subject { name: "live", rows: live::rows, child: live::child },
    Subject { name: "ldap", rows: ldap::rows, child: ldap::child },
    Subject { name: "run", rows: run::rows, child: run::child },
];

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        ["--child", name, rest @ ..] => {
            let subject = SUBJECTS.iter().find(|subject| subject.name == *name).expect("the parent names a subject");
            println!("{}", measure::line(&(subject.child)(rest)));
        }
        ["--check", baseline] => std::process::exit(i32::from(!check::against(Path::new(baseline)))),
        ["--record", baseline] => check::record(Path::new(baseline)),
        ["--report", dir] => drop(table::report(Path::new(dir))),
        ["--strict-report", dir] => std::process::exit(i32::from(table::report(Path::new(dir)) > 0)),
        ["--wrap", command @ ..] => println!("{}", measure::line(&measure::wrapped(command))),
        [scale @ ("quick" | "full"), names @ ..] => {
            let scale = if *scale == "quick" { Scale::Quick } else { Scale::Full };
            for subject in SUBJECTS.iter().filter(|subject| names.is_empty() || names.contains(&subject.name)) {
                for row in (subject.rows)(scale) {
                    println!("{}", measure::line(&row));
                }
            }
        }
        _ => println!("speed: benches/run calls it"),
    }
}
