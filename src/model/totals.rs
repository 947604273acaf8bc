//! Counts since the service began, folded from one run after the other.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use super::id::SourceName;
use super::plan::Op;
use super::run::{Call, ChangeResult, Outcome, RunReport};

/// Counts since the process began. None of them ever goes down.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Totals {
    /// Ticks of the schedule that were let go: a run was under way, of this process or another one, or
    /// Hyperproof had said to wait.
    pub skipped_ticks: u64,
    /// Configurations that were refused on reload.
    pub refused_reloads: u64,
    /// Runs that ended, by what became of them.
    pub runs: BTreeMap<Outcome, u64>,
    /// Changes that were due, by kind and word of [`ChangeResult::as_str`]; what waits or is only
    /// reported is none.
    pub changes: BTreeMap<(Op, &'static str), u64>,
    /// Attempts of calls to Hyperproof.
    pub calls: BTreeMap<Call, u64>,
    /// How long Hyperproof's throttling held calls back.
    pub throttled: Duration,
    /// What the runs last showed of those that it depends on.
    pub seen: Seen,
}

/// What the runs last showed. A server that could not be reached any more keeps what was known of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Seen {
    /// When TLS certificates end: Hyperproof's (none), and those of sources' servers.
    pub certificates: BTreeMap<Option<SourceName>, Timestamp>,
    /// When the certificates end with which rosterd signs in at sources.
    pub credentials: BTreeMap<SourceName, Timestamp>,
    /// For the last run that made changes by what a source says: the time from the source's data being
    /// written to the end of that run. Only for sources that know when they were written.
    pub lags: BTreeMap<SourceName, Duration>,
}

impl Totals {
    /// Adds a run that came to a report.
    pub fn count(&mut self, report: &RunReport) {
        *self.runs.entry(report.outcome).or_default() += 1;
        for (change, result) in report.planned.plan.changes.iter().zip(&report.results) {
            if !matches!(result, ChangeResult::Held | ChangeResult::Report) {
                *self.changes.entry((change.key.op, result.as_str())).or_default() += 1;
            }
        }
        for (call, count) in &report.traffic.calls {
            *self.calls.entry(call.clone()).or_default() += count;
        }
        self.throttled += report.traffic.throttled;
        self.seen.look(report);
    }

    /// Adds a run that ended without a report.
    pub fn count_failed(&mut self) {
        *self.runs.entry(Outcome::Failed).or_default() += 1;
    }
}

impl Seen {
    fn look(&mut self, report: &RunReport) {
        let sources = &report.planned.plan.sources;
        let there: BTreeSet<&SourceName> = sources.iter().map(|source| &source.name).collect();
        self.certificates.retain(|name, _| name.as_ref().is_none_or(|name| there.contains(name)));
        self.credentials.retain(|name, _| there.contains(name));
        self.lags.retain(|name, _| there.contains(name));
        self.certificates.extend(report.traffic.certificate_ends.map(|ends| (None, ends)));
        let moved = moved(report);
        for source in sources {
            let (name, facts) = (&source.name, &source.facts);
            self.certificates.extend(facts.certificate_ends.map(|ends| (Some(name.clone()), ends)));
            self.credentials.extend(facts.credential_ends.map(|ends| (name.clone(), ends)));
            if let Some(written) = facts.written_at.filter(|_| moved.contains(name)) {
                let lag = Duration::try_from(report.finished_at.duration_since(written)).unwrap_or_default();
                self.lags.insert(name.clone(), lag);
            }
        }
    }
}

/// Sources by which changes were made.
fn moved(report: &RunReport) -> BTreeSet<&SourceName> {
    let changes = report.planned.plan.changes.iter().zip(&report.results);
    let done = changes.filter(|(_, result)| matches!(result, ChangeResult::Done)).map(|(change, _)| change);
    done.flat_map(|change| {
        let grants = change.because.iter().map(|grant| &grant.source);
        grants.chain(change.entry.iter().map(|entry| &entry.source))
    })
    .collect()
}
