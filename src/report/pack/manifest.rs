//! `manifest.json` (`rosterd.export/1`): what the pack is of, who made it, and what each of its files must be.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The format.
pub const FORMAT: &str = "rosterd.export/1";

/// The manifest. Fields may be added, and none changes its meaning.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: String,
    /// The period.
    pub period: PeriodPart,
    /// What else was asked for.
    pub parameters: Parameters,
    /// Who made it.
    pub generated: Generated,
    /// The part of the chain.
    pub chain: ChainPart,
    /// What the log was found to be when the pack was made.
    pub verified: Verified,
    /// Counts.
    pub counts: CountsPart,
    /// Configurations that are named in the records, in the order of their first record.
    pub configurations: Vec<Span>,
    /// Versions of rosterd that wrote the records.
    pub versions: Vec<Span>,
    /// The sample.
    pub sample: SamplePart,
    /// How long removals took.
    pub removal_latency: LatencyPart,
    /// What the lists of members rest on.
    pub membership: MembershipPart,
    /// What whoever reads the pack should know.
    pub notes: Vec<String>,
    /// The files, sorted by name; this one, and the file with its digest, are not among them.
    pub files: Vec<FilePart>,
}

/// The period.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PeriodPart {
    /// The first instant in it, in UTC.
    pub from: String,
    /// The first instant after it, in UTC.
    pub to: String,
    /// The zone in which days were read.
    pub timezone: String,
    /// As `--from` was given.
    pub from_given: String,
    /// As `--to` was given; none where the pack goes up to its making.
    pub to_given: Option<String>,
}

/// What was asked for beside the period.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parameters {
    /// Conditions that left out records of the period: there are none, ever.
    pub filters: Vec<String>,
    /// Whether pseudonyms stand for people.
    pub pseudonymised: bool,
    /// `--objective`, in seconds.
    pub objective_seconds: i64,
}

/// Who made it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Generated {
    /// When.
    pub at: String,
    /// The operating-system login.
    pub by: String,
    /// The host.
    pub host: String,
    /// The identity towards Hyperproof.
    pub service: String,
    /// The program.
    pub tool: String,
    /// Its version.
    pub version: String,
    /// SHA-256 of the binary that made it.
    pub binary_sha256: String,
    /// The digest of the configuration in force.
    pub config_digest: String,
}

/// The part of the chain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChainPart {
    /// The file: `log.jsonl`, or `hashes.jsonl` without the records.
    pub file: String,
    /// Whether the records are in it.
    pub records_included: bool,
    /// The record before the first one, by number and hash (0 and 64 zeros where there is none).
    pub anchor: Link,
    /// The first record.
    pub first: Option<Link>,
    /// The last record.
    pub last: Option<Link>,
}

/// A record by number and hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Its number.
    pub seq: i64,
    /// Its hash.
    pub hash: String,
}

/// What the log was found to be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verified {
    /// `verified`: nothing else is exported.
    pub result: String,
    /// How many records were checked.
    pub records: u64,
    /// The last record of the log then.
    pub head: Link,
    /// Archives that were read, and checked too.
    pub archives: Vec<String>,
}

/// Counts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CountsPart {
    /// Records: last `seq` minus first `seq` plus one, and the sum over the events.
    pub records: u64,
    /// By event.
    pub events: BTreeMap<String, u64>,
    /// Rows of `population.csv`: the records of event `outcome`.
    pub population: u64,
    /// Those by kind of change and result.
    pub outcomes: BTreeMap<String, BTreeMap<String, u64>>,
    /// Runs that ended, by how.
    pub runs: BTreeMap<String, u64>,
    /// Rows of `exceptions.csv` by kind.
    pub exceptions: BTreeMap<String, u64>,
    /// Records between others of the period that bear a time outside of it.
    pub outside_period: u64,
}

/// Something that holds over a span of the chain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Span {
    /// A digest or a version.
    pub name: String,
    /// The first record that names it.
    pub first_seq: i64,
    /// The last one.
    pub last_seq: i64,
}

/// The sample.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SamplePart {
    /// How it was drawn.
    pub algorithm: String,
    /// The seed.
    pub seed: u64,
    /// How many of each kind were asked for.
    pub size: u64,
    /// Joiners and leavers there are.
    pub population: Kinds,
    /// Joiners and leavers that were drawn.
    pub drawn: Kinds,
}

/// Joiners and leavers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Kinds {
    /// Additions that were made.
    pub joiners: u64,
    /// Removals that were made.
    pub leavers: u64,
}

/// How long removals took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LatencyPart {
    /// What is measured.
    pub definition: String,
    /// How many removals.
    pub removals: u64,
    /// Half of them took no longer.
    pub p50_seconds: Option<f64>,
    /// 95 of 100 took no longer.
    pub p95_seconds: Option<f64>,
    /// The longest.
    pub worst_seconds: Option<f64>,
    /// Its outcome.
    pub worst_seq: Option<i64>,
    /// How many took longer than the objective.
    pub late: u64,
}

/// What the lists of members rest on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MembershipPart {
    /// In a sentence.
    pub rests_on: String,
    /// The first record that was read for them.
    pub since_seq: Option<i64>,
    /// Group by group, at the end of the period.
    pub groups: Vec<GroupPart>,
}

/// A group's list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupPart {
    /// Its configured name.
    pub group: String,
    /// Its id.
    pub group_id: String,
    /// Members that are known at the end.
    pub members: u64,
    /// Whether these are all members by the log; else only rosterd's own changes are known, or the members are
    /// those of `known_until`.
    pub whole: bool,
    /// Until when the log knows the members, where rosterd looks at the group no more.
    #[serde(default)]
    pub known_until: Option<String>,
}

/// A file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilePart {
    /// Its name.
    pub name: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its SHA-256, in hexadecimal.
    pub sha256: String,
}

impl Manifest {
    /// Reads a manifest; the error says what is wrong, for a person.
    pub fn parse(text: &str) -> Result<Self, String> {
        let manifest: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        match manifest.format == FORMAT {
            true => Ok(manifest),
            false => Err(format!("its format is {:?}, and this version reads {FORMAT}", manifest.format)),
        }
    }
}
