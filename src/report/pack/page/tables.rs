//! The tables of the report.

use maud::{Markup, html};

use super::super::fold::Fold;
use super::super::manifest::Manifest;
use super::super::sample::Drawn;
use super::text;

/// Counts, and what they must add up to.
pub(super) fn counts(manifest: &Manifest) -> Markup {
    let (counts, chain) = (&manifest.counts, &manifest.chain);
    html! {
        @match (&chain.first, &chain.last) {
            (Some(first), Some(last)) => {
                p { "The chain's records " strong { (first.seq) " to " (last.seq) } " are of this period: "
                    strong { (counts.records) " records" } ", each counted once below. "
                    code { "population.csv" } " has " strong { (counts.population) " rows" } ", one for each outcome." }
                dl {
                    dt { "Hash before the first" } dd { code { (text(&chain.anchor.hash)) } " (record " (chain.anchor.seq) ")" }
                    dt { "Hash of the first" } dd { code { (text(&first.hash)) } }
                    dt { "Hash of the last" } dd { code { (text(&last.hash)) } }
                }
            }
            _ => p { "No record of the log bears a time of this period." }
        }
        table {
            thead { tr { th { "Event" } th .n { "Records" } } }
            tbody {
                @for (event, count) in &counts.events { tr { td { (text(event)) } td .n { (count) } } }
                tr { th { "All" } th .n { (counts.records) } }
            }
        }
        table {
            thead { tr { th { "Change" } th { "Result" } th .n { "Rows" } } }
            tbody {
                @for (op, results) in &counts.outcomes { @for (result, count) in results {
                    tr { td { (text(op)) } td { (text(result)) } td .n { (count) } }
                } }
                tr { th { "Population" } th {} th .n { (counts.population) } }
            }
        }
        table {
            thead { tr { th { "Runs that ended" } th .n { "Runs" } } }
            tbody { @for (outcome, count) in &counts.runs { tr { td { (text(outcome)) } td .n { (count) } } } }
        }
    }
}

/// Percentiles against the objective.
pub(super) fn latency(manifest: &Manifest) -> Markup {
    let latency = &manifest.removal_latency;
    let shown = |seconds: Option<f64>| seconds.map_or_else(|| "–".to_owned(), duration);
    html! {
        table {
            thead { tr { th .n { "Removals" } th .n { "Half took up to" } th .n { "95 % took up to" } th .n { "Longest" } th .n { "Objective" } th .n { "Later than that" } } }
            tbody { tr {
                td .n { (latency.removals) }
                td .n { (shown(latency.p50_seconds)) }
                td .n { (shown(latency.p95_seconds)) }
                td .n { (shown(latency.worst_seconds)) @if let Some(seq) = latency.worst_seq { " (" (seq) ")" } }
                td .n { (duration(manifest.parameters.objective_seconds as f64)) }
                td .n { (latency.late) }
            } }
        }
        p { (text(&latency.definition)) }
    }
}

/// `45.2 s`, `3 min 5 s`, `26 h 4 min`.
fn duration(seconds: f64) -> String {
    // Lengths of time in a log are far below what an integer holds.
    let whole = seconds as u64;
    match whole {
        0..60 => format!("{seconds:.1} s"),
        60..3_600 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3_600, whole / 60 % 60),
    }
}

/// What was not as usual.
pub(super) fn exceptions(manifest: &Manifest, fold: &Fold) -> Markup {
    let all: u64 = manifest.counts.exceptions.values().sum();
    let shown = fold.exceptions.len() as u64;
    html! {
        @if all == 0 {
            p { "None: nothing was held, approved, failed, undone or late, every change that was announced has its outcome, and every run read what it needed and ended." }
        } @else {
            p { @for (at, (kind, count)) in manifest.counts.exceptions.iter().enumerate() { @if at > 0 { ", " } (kind) ": " (count) }
                ". All of them are in " code { "exceptions.csv" } @if shown < all { "; these are the first " (shown) } "." }
            table {
                thead { tr { th { "What" } th .n { "Record" } th { "When" } th { "Change" } th { "Result, rule" } th { "Approved by" } th { "Why, ticket" } th { "Told" } } }
                tbody { @for row in &fold.exceptions { tr {
                    td { (row.kind) }
                    td .n { (row.seq) }
                    td { (text(&row.at)) }
                    td { (text(&row.op)) " " (text(&row.user_id)) @if !row.group.is_empty() { " " (text(&row.group)) } }
                    td { (text(&row.result)) " " (text(&row.rule)) " " (text(&row.hold)) @if let Some(took) = row.took { " after " (duration(took as f64)) } }
                    td { (text(&row.approved_by)) }
                    td { (text(&row.said)) " " (text(&row.ticket)) }
                    td { (text(&row.text)) }
                } } }
            }
        }
    }
}

/// The sample, and how to draw it again.
pub(super) fn sample(manifest: &Manifest, fold: &Fold) -> Markup {
    let sample = &manifest.sample;
    html! {
        p { "Seed " strong { (sample.seed) } ", " (sample.size) " of each kind. " (text(&sample.algorithm)) }
        h3 { "Joiners: " (sample.drawn.joiners) " of " (sample.population.joiners) }
        (drawn(fold.draw.joiners()))
        h3 { "Leavers: " (sample.drawn.leavers) " of " (sample.population.leavers) }
        (drawn(fold.draw.leavers()))
    }
}

fn drawn<'a>(rows: impl Iterator<Item = &'a Drawn>) -> Markup {
    html! {
        table {
            thead { tr { th .n { "#" } th .n { "Record" } th { "Person" } th { "Group" } th { "Requested" } th { "Approved" } th { "Called" } th { "Done" } th { "In order" } } }
            tbody { @for (rank, row) in (1..).zip(rows) { tr {
                @let outcome = &row.outcome;
                @let [due, approval, intent] = row.steps();
                td .n { (rank) }
                td .n { (outcome.seq) }
                td { (text(if outcome.email.is_empty() { &outcome.user_id } else { &outcome.email })) }
                td { (text(&outcome.group)) }
                td { (text(&outcome.reason)) " " (text(&outcome.source)) " " (text(&outcome.path)) (step(due)) }
                td { @match approval { Some(_) => { (text(&outcome.approved_by)) " " (text(&outcome.ticket)) (step(approval)) }, None => (row.authority) } }
                td { (step(intent)) }
                td { (text(&outcome.at)) }
                td { @if row.in_order { "yes" } @else { strong { "no" } } }
            } } }
        }
    }
}

fn step(place: Option<&(i64, String)>) -> Markup {
    html! { @if let Some((seq, at)) = place { " " (text(at)) " (" (seq) ")" } }
}

/// Configurations, and when they changed.
pub(super) fn changes(manifest: &Manifest, fold: &Fold) -> Markup {
    let all = manifest.counts.events.get("config_changed").copied().unwrap_or_default();
    let shown = fold.changed.len() as u64;
    html! {
        p { "Digests of the configuration that the records name. In force when the pack was made: " code { (text(&manifest.generated.config_digest)) } }
        table {
            thead { tr { th { "Digest" } th .n { "First record" } th .n { "Last record" } } }
            tbody { @for span in &manifest.configurations { tr { td { code { (text(&span.name)) } } td .n { (span.first_seq) } td .n { (span.last_seq) } } } }
        }
        @if all == 0 {
            p { "The configuration was not changed in this period." }
        } @else {
            p { "Changes: " (all) ", in " code { "configuration.csv" } @if shown < all { "; these are the first " (shown) } "." }
            table {
                thead { tr { th .n { "Record" } th { "When" } th { "Run" } th { "Login" } th { "From" } th { "To" } } }
                tbody { @for row in &fold.changed { tr {
                    td .n { (row.seq) } td { (text(&row.at)) } td { (text(&row.run_id)) } td { (text(&row.login)) }
                    td { code { (text(&row.before)) } } td { code { (text(&row.after)) } }
                } } }
            }
        }
    }
}

/// What the lists of members rest on.
pub(super) fn membership(manifest: &Manifest) -> Markup {
    let membership = &manifest.membership;
    html! {
        p { code { "membership-start.csv" } " and " code { "membership-end.csv" } " have the members at the beginning and at the end of the period. "
            (text(&membership.rests_on)) }
        @if !membership.groups.is_empty() {
            table {
                thead { tr { th { "Group" } th { "Id" } th .n { "Members at the end" } th { "All members known" } } }
                tbody { @for group in &membership.groups { tr {
                    td { (text(&group.group)) } td { (text(&group.group_id)) } td .n { (group.members) }
                    td { @if let Some(until) = &group.known_until { "up to " (text(until)) } @else if group.whole { "yes" } @else { "no" } }
                } } }
            }
        }
    }
}
