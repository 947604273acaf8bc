//! An evidence pack: what an auditor asks for of a period, made from the records of the log alone. Pure: records
//! go in, rows and texts come out.
//!
//! The population and the chain are told twice on purpose: whoever has the records can make the population
//! again, and `audit verify` does.

mod due;
mod exceptions;
mod fold;
mod guide;
mod manifest;
mod members;
mod page;
mod period;
mod population;
mod record;
mod sample;
mod table;
mod told;
mod who;

pub use due::{DEFINITION, Latency};
pub use exceptions::{Changed, Exception, exception_headings};
pub use fold::{Counts, Fold, Rows};
pub use guide::guide;
pub use manifest::*;
pub use members::{Members, Standing, members_at};
pub use page::page;
pub use period::{Period, instant};
pub use population::{COLUMNS, Outcome, csv_headings};
pub use record::{Told, time, time_of};
pub use sample::{ALGORITHM, Draw, Drawn, draw};
pub use told::{Facts, tell};
pub use who::Who;

/// The records of the chain.
pub const LOG: &str = "log.jsonl";
/// The chain without its records.
pub const HASHES: &str = "hashes.jsonl";
/// The manifest.
pub const MANIFEST: &str = "manifest.json";
/// The manifest's digest, as `sha256sum` writes it.
pub const MANIFEST_SUM: &str = "manifest.sha256";
/// The population as a table.
pub const POPULATION: &str = "population.csv";
/// The population as JSON Lines.
pub const POPULATION_JSON: &str = "population.jsonl";
/// The sample.
pub const SAMPLE: &str = "sample.csv";
/// What was not as usual.
pub const EXCEPTIONS: &str = "exceptions.csv";
/// Changes of the configuration.
pub const CONFIGURATION: &str = "configuration.csv";
/// Members at the beginning of the period.
pub const MEMBERS_START: &str = "membership-start.csv";
/// Members at its end.
pub const MEMBERS_END: &str = "membership-end.csv";
/// The report for people.
pub const REPORT: &str = "report.html";
/// How the pack is checked.
pub const GUIDE: &str = "VERIFY.md";
