//! `report.html`: the pack for people, in one file without scripts, made for paper too.

mod tables;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::fold::Fold;
use super::guide;
use super::manifest::Manifest;
use crate::report::words::clean;
use tables::{changes, counts, exceptions, latency, membership, sample};

const STYLE: &str = include_str!("report.css");

/// The report. It names nothing that the other files do not have.
pub fn page(manifest: &Manifest, fold: &Fold) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'";
                title { "Evidence pack" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    h1 { "Evidence pack" }
                    p .faint { "Memberships of Hyperproof groups, kept by rosterd" }
                }
                main {
                    (frame(manifest, fold))
                    section { h2 { "Population and completeness" } (counts(manifest)) }
                    section { h2 { "Removals: how long they took" } (latency(manifest)) }
                    section .page { h2 { "Exceptions" } (exceptions(manifest, fold)) }
                    section .page { h2 { "Sample" } (sample(manifest, fold)) }
                    section .page { h2 { "Configuration" } (changes(manifest, fold)) }
                    section { h2 { "Members of each group" } (membership(manifest)) }
                    section .page { h2 { "Where controls find their evidence" } (controls(manifest)) }
                    section { h2 { "How to check this pack" } (check(manifest)) }
                }
            }
        }
    };
    page.into_string()
}

/// Text from outside, on one line.
fn text(text: &str) -> Markup {
    html! { (clean(text)) }
}

fn frame(manifest: &Manifest, fold: &Fold) -> Markup {
    let (period, made) = (fold.period(), &manifest.generated);
    let changes = period.clock_changes();
    html! {
        section {
            dl {
                dt { "From" } dd { (period.shown(period.from)) }
                dt { "Up to, not including" } dd { (period.shown(period.to)) }
                dt { "Filters" } dd { "none: every record of the period" }
                dt { "Made" } dd { (text(&made.at)) " by " (text(&made.by)) " on " (text(&made.host)) }
                dt { "Made with" } dd { (text(&made.tool)) " " (text(&made.version)) ", binary SHA-256 " code { (text(&made.binary_sha256)) } }
                dt { "Hyperproof identity" } dd { (text(&made.service)) }
                dt { "Log when it was made" } dd {
                    (text(&manifest.verified.result)) ": " (manifest.verified.records) " records, head " (manifest.verified.head.seq) " "
                    code { (text(&manifest.verified.head.hash)) }
                }
            }
            p { "Times are UTC; days begin where " (text(period.zone_name())) " says"
                @if !changes.is_empty() {
                    ", where the clock is changed in this period: "
                    @for (at, change) in changes.iter().enumerate() { @if at > 0 { ", " } (format!("{change:.0}")) }
                }
                "." }
            @for note in &manifest.notes { p { strong { "Note. " } (text(note)) } }
        }
    }
}

/// Controls, and where in the pack there is something about them.
const CONTROLS: [[&str; 3]; 6] = [
    [
        "SOC 2 CC6.2",
        "Access is given to people who are authorised, and taken when they are not",
        "population.csv: each addition with source and way through directory groups, each removal with its reason; sample.csv",
    ],
    [
        "SOC 2 CC6.3",
        "Access is changed as roles change; segregation of duties",
        "population.csv, membership-start.csv and membership-end.csv; approvals with approver and login in exceptions.csv and sample.csv",
    ],
    [
        "ISO/IEC 27001:2022 A.5.18",
        "Access rights are given, reviewed, changed and removed",
        "population.csv; removal times above; exceptions.csv; the lists of members, for the review",
    ],
    [
        "NIST SP 800-53 AC-2",
        "Account management: membership conditions, approvals, removal in time",
        "configuration.csv (mappings are in the configuration), sample.csv (request, approval, call in order), removal times above",
    ],
    [
        "NIST SP 800-53 AU-3",
        "Content of audit records: what, when, where, source, outcome, who",
        "log.jsonl: event, at, actor, group, member, because, request, result, read_back",
    ],
    [
        "NIST SP 800-53 AU-9",
        "Protection of audit information",
        "the hash chain in log.jsonl from chain.anchor on; manifest.json; VERIFY.md",
    ],
];

fn controls(manifest: &Manifest) -> Markup {
    let place = |text: &'static str| match manifest.chain.records_included {
        true => text.to_owned(),
        false => text.replace("log.jsonl", "the log itself, by the numbers in hashes.jsonl"),
    };
    html! {
        p { "An index, and no claim that a control is met: that is for whoever judges it." }
        table {
            thead { tr { th { "Control" } th { "Is about" } th { "Look at" } } }
            tbody { @for [control, about, look] in CONTROLS { tr { td { (control) } td { (about) } td { (place(look)) } } } }
        }
    }
}

fn check(manifest: &Manifest) -> Markup {
    html! {
        p { "Compare the SHA-256 of " code { "manifest.json" } " with the one that was printed when the pack was made, or that stands in the "
            code { "exported" } " record of the log. Then, without a network (" code { "VERIFY.md" } " has more, also without rosterd):" }
        pre { @for command in guide::short(manifest) { (command) "\n" } }
        @if !manifest.chain.records_included {
            p { "The records of the chain are not in this pack: that they have these hashes can be checked only where the log is." }
        }
    }
}
