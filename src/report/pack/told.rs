//! From the end of the pass to the manifest.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use super::due::DEFINITION;
use super::fold::Fold;
use super::manifest::{
    ChainPart, CountsPart, FORMAT, Generated, GroupPart, Kinds, LatencyPart, Manifest, MembershipPart, Parameters,
    PeriodPart, SamplePart, Span, Verified,
};
use super::members::Standing;
use super::record;
use super::sample::ALGORITHM;
use crate::report::words::plural;

/// What the pass itself does not know.
pub struct Facts {
    /// As `--from` and `--to` were given.
    pub given: (String, Option<String>),
    /// Who makes the pack.
    pub generated: Generated,
    /// The part of the chain.
    pub chain: ChainPart,
    /// What the log was found to be.
    pub verified: Verified,
    /// The first record that was read for memberships.
    pub since_seq: Option<i64>,
    /// What whoever reads the pack should know.
    pub notes: Vec<String>,
}

/// The manifest; its files are yet to be named.
pub fn tell(fold: &Fold, facts: Facts) -> Manifest {
    let (period, counts) = (fold.period(), &fold.counts);
    let standings = fold.members().standings(fold.who());
    let whole = standings.iter().filter(|group| group.whole_since.is_some()).count();
    let ended = standings.iter().filter(|group| group.known_until.is_some()).count();
    let mut notes = facts.notes;
    if ended > 0 {
        notes.push(format!(
            "Of {} the log does not tell who is in at the end of the period: rosterd looks at them no more. Their rows in \
             the lists of members are those of the time in the column known_until.",
            plural(ended, "group")
        ));
    }
    if counts.outside > 0 {
        notes.push(format!(
            "{} records stand in the chain between records of the period and bear a time outside of it; they are in \
             the pack, so that the chain has no gap",
            counts.outside
        ));
    }
    if fold.who().is_hidden() {
        notes.push(HIDDEN.to_owned());
    }
    let (joiners, leavers) = (fold.draw.joiners().len() as u64, fold.draw.leavers().len() as u64);
    let [all_joiners, all_leavers] = fold.draw.populations();
    let latency = &fold.latency;
    Manifest {
        format: FORMAT.to_owned(),
        period: PeriodPart {
            from: record::time(period.from),
            to: record::time(period.to),
            timezone: period.zone_name().to_owned(),
            from_given: facts.given.0,
            to_given: facts.given.1,
        },
        parameters: Parameters {
            filters: Vec::new(),
            pseudonymised: fold.who().is_hidden(),
            objective_seconds: latency.objective().as_secs(),
        },
        generated: facts.generated,
        chain: facts.chain,
        verified: facts.verified,
        counts: CountsPart {
            records: counts.records,
            events: counts.events.clone(),
            population: counts.events.get("outcome").copied().unwrap_or_default(),
            outcomes: counts.outcomes.clone(),
            runs: counts.runs.clone(),
            exceptions: counts.exceptions.clone(),
            outside_period: counts.outside,
        },
        configurations: spans(&counts.configurations),
        versions: spans(&counts.versions),
        sample: SamplePart {
            algorithm: ALGORITHM.to_owned(),
            seed: fold.draw.seed(),
            size: fold.draw.size() as u64,
            population: Kinds { joiners: all_joiners, leavers: all_leavers },
            drawn: Kinds { joiners, leavers },
        },
        removal_latency: LatencyPart {
            definition: DEFINITION.to_owned(),
            removals: latency.removals(),
            p50_seconds: latency.percentile(50).map(seconds),
            p95_seconds: latency.percentile(95).map(seconds),
            worst_seconds: latency.worst().map(|(took, _)| seconds(took)),
            worst_seq: latency.worst().map(|(_, seq)| seq),
            late: latency.late(),
        },
        membership: MembershipPart {
            rests_on: rests_on(whole + ended, standings.len()),
            since_seq: facts.since_seq,
            groups: standings.into_iter().map(group).collect(),
        },
        notes,
        files: Vec::new(),
    }
}

/// What is told of a pack with pseudonyms.
const HIDDEN: &str = "Pseudonyms (HMAC-SHA-256 with a key that is not in the pack) stand for accounts, addresses, \
     directory entries, approvers and logins; free texts are left out. The records of the chain would name people \
     and are not included: hashes.jsonl has their numbers and hashes, which whoever has the log can compare.";

fn rests_on(whole: usize, groups: usize) -> String {
    let text = "The log: full lists of members that runs found, changes by others that runs found, and outcomes of \
         rosterd's own changes, in the order of the chain.";
    match whole == groups {
        true => text.to_owned(),
        false => format!(
            "{text} For {} of {groups} groups the log has no full list up to then: of these only members are known \
             that rosterd itself added, or found when adding.",
            groups - whole
        ),
    }
}

fn group(standing: Standing) -> GroupPart {
    let whole = standing.whole_since.is_some();
    GroupPart {
        group: standing.group,
        group_id: standing.group_id,
        members: standing.members,
        whole,
        known_until: standing.known_until,
    }
}

/// In the order of their first record.
fn spans(seen: &BTreeMap<String, (i64, i64)>) -> Vec<Span> {
    let span =
        |(name, (first, last)): (&String, &(i64, i64))| Span { name: name.clone(), first_seq: *first, last_seq: *last };
    let mut spans: Vec<Span> = seen.iter().map(span).collect();
    spans.sort_by_key(|span| span.first_seq);
    spans
}

/// To the millisecond.
fn seconds(took: SignedDuration) -> f64 {
    took.as_millis() as f64 / 1_000.0
}
