//! The page's lists, and its words for times and for texts from outside. Floor 4, pure.

use std::time::Duration;

use jiff::Timestamp;
use maud::{Markup, html};

use crate::model::hold::Rule;
use crate::model::run::Outcome;
use crate::model::service::ServiceState;
use crate::report::{self, words};
use crate::status::Stored;
use crate::store::{RunRow, StoredHold};

/// So many holds are shown; `rosterd holds` has them all.
const SHOWN: usize = 50;

/// What waits for a person, each with the command that lets it through.
pub(super) fn holds(stored: &Stored, now: Timestamp) -> Markup {
    let (approved, waiting): (Vec<_>, Vec<_>) = stored.holds.iter().partition(|hold| hold.approval.is_some());
    html! {
        section {
            h2 { "Holds" }
            @if waiting.is_empty() { p { "Nothing waits for approval." } }
            ul .cards {
                @for hold in waiting.iter().take(SHOWN) {
                    li {
                        p { (sentence(hold)) }
                        p .faint {
                            (hold.rule.as_str()) ", " (words::plural(hold.changes.len(), "change"))
                            ", waits since " (when(hold.first_seen)) " (" (ago(now, hold.first_seen)) ")"
                        }
                        pre { (report::approve(hold.id.as_str())) }
                    }
                }
            }
            @if waiting.len() > SHOWN { p { "… and " (waiting.len() - SHOWN) " more: rosterd holds" } }
            @if !approved.is_empty() {
                p .faint { (words::plural(approved.len(), "hold")) " approved, and not passed yet" }
            }
            p .faint { "rosterd holds shows whom each of them concerns." }
        }
    }
}

/// What a hold says, without the people whom it names.
fn sentence(hold: &StoredHold) -> String {
    let group = hold.group.as_ref().map(|group| format!("{}: ", words::clean(group.as_str()))).unwrap_or_default();
    let text = match hold.rule {
        Rule::Expect => "somebody who is expected is not granted it".to_owned(),
        _ => harmless(&hold.text),
    };
    group + &text
}

/// The last runs.
pub(super) fn runs(stored: &Stored, now: Timestamp) -> Markup {
    html! {
        section {
            h2 { "Last runs" }
            @if stored.runs.is_empty() { p { "None yet." } }
            ol {
                @for run in &stored.runs {
                    li {
                        p {
                            @match run.outcome {
                                Some(outcome) => span class=(class(outcome)) { (words::outcome(outcome)) },
                                None => "not finished",
                            }
                        }
                        p .faint { (when(run.started_at)) " (" (ago(now, run.started_at)) "), " (run.trigger) (took(run)) }
                        p .faint { (counts(run)) }
                    }
                }
            }
        }
    }
}

fn class(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::InStep | Outcome::Applied => "good",
        Outcome::Held => "",
        Outcome::PartlyApplied | Outcome::Unread | Outcome::Throttled | Outcome::Failed => "bad",
    }
}

fn took(run: &RunRow) -> String {
    run.finished_at.map(|end| format!(", took {}", words::duration(apart(run.started_at, end)))).unwrap_or_default()
}

fn counts(run: &RunRow) -> String {
    let (tally, planned) = (run.tally, run.planned.unwrap_or_default());
    format!(
        "{} done, {} failed, {} not tried, {} held, {} skipped",
        tally.done + tally.already_so,
        tally.failed,
        tally.not_tried + tally.open() + tally.never_tried(&planned),
        planned.held,
        planned.skipped
    )
}

/// The sources of the last run; before the first one, those that the state knows.
pub(super) fn sources(state: &ServiceState, stored: &Stored, now: Timestamp) -> Markup {
    let last = state.report.as_ref().map(|report| report.planned.plan.sources.as_slice());
    let known = stored.sources.iter();
    let known = known
        .filter(|read| last.is_none_or(|sources| sources.iter().any(|source| source.name.as_str() == read.source)));
    html! {
        section {
            h2 { "Sources" }
            ul .cards {
                @for read in known {
                    li {
                        p {
                            (words::clean(&read.source)) " (" (read.kind) "): "
                            @if !read.was_read() { span .good { "not read: nothing changed" } }
                            @else if read.complete { span .good { "read completely" } }
                            @else { span .bad { "not read completely" } }
                        }
                        p .faint {
                            (words::plural(usize::try_from(read.people).unwrap_or(usize::MAX), "person"))
                            (if read.was_read() { ", last read " } else { ", last asked " }) (ago(now, read.at))
                            @match read.complete_at {
                                Some(at) if at == read.at => {},
                                Some(at) => { ", last read completely " (ago(now, at)) },
                                None => ", never read completely",
                            }
                        }
                    }
                }
            }
        }
    }
}

/// A time, for a person.
pub(super) fn when(at: Timestamp) -> String {
    words::when(&report::time(at))
}

/// `2 h ago`, `in 5 min`.
pub(super) fn ago(now: Timestamp, at: Timestamp) -> String {
    let length = words::duration(apart(now, at));
    if at > now { format!("in {length}") } else { format!("{length} ago") }
}

fn apart(a: Timestamp, b: Timestamp) -> Duration {
    a.duration_until(b).unsigned_abs()
}

/// A text from outside: in one line, and without addresses of people.
pub(super) fn harmless(text: &str) -> String {
    words::clean(&without_addresses(text)).into_owned()
}

/// The same for a text of several lines.
pub(super) fn harmless_lines(text: &str) -> String {
    text.lines().map(harmless).collect::<Vec<_>>().join("\n")
}

/// Words with an `@` are taken out; what stands around a word (quotes, brackets) stays.
fn without_addresses(text: &str) -> String {
    let is_edge = |c: char| c.is_whitespace() || "\"'`<>()[]{},;".contains(c);
    let words = text.split_inclusive(is_edge).map(|piece| {
        let word = piece.trim_end_matches(is_edge);
        match word.contains('@') {
            true => format!("(address){}", &piece[word.len()..]),
            false => piece.to_owned(),
        }
    });
    words.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_out_of_texts() {
        assert_eq!(harmless("keep: \"ann@corp.example\" is\u{202e} no"), "keep: \"(address)\" is\\u{202e} no");
        assert_eq!(harmless("<ann@corp.example>, (x@y)"), "<(address)>, ((address))");
        assert_eq!(harmless_lines("a\nb@c d\n\n"), "a\n(address) d\n");
    }
}
