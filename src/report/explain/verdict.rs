//! The answer for one group in one sentence.

use super::GroupAnswer;
use super::answer::Question;
use super::who::person;
use crate::model::facts::{ChangeFacts, GroupFacts};
use crate::model::plan::Op;
use crate::model::policy::Mode;
use crate::report::words;

/// One sentence.
pub(super) fn verdict(
    question: &Question<'_>,
    group: &GroupFacts,
    answer: &GroupAnswer,
    member: Option<bool>,
    change: Option<&ChangeFacts>,
) -> String {
    let is = match member {
        Some(true) => "is a member",
        Some(false) => "is not a member",
        None => "may be a member: an account with one of their addresses is",
    };
    let member = member.unwrap_or(true);
    let granted = if answer.grants.is_empty() { "nothing grants it" } else { "the directory grants it" };
    if let Some(change) = change {
        return format!("{is}: {granted}, and {}", of_change(group, change));
    }
    if let Some(skip) = answer.skips.first() {
        let why = words::why_of(&skip.why);
        let detail = skip.detail.as_ref().map(|detail| format!(" ({detail})")).unwrap_or_default();
        let step = if member { "they stay" } else { "they are not added" };
        return format!("{is}: {granted}, and {step}: {why}{detail}");
    }
    let left_out = question.who.people.iter().find_map(|at| person(question.facts, *at)?.left_out);
    match (member, answer.grants.is_empty()) {
        (_, false) if !group.ready => format!("{is}: {granted}, but the group cannot be worked on"),
        (true, false) => match left_out {
            Some((why, _)) => format!("is a member, and stays where they are: {}", words::why(*why)),
            None => "is a member, as the directory grants it".to_owned(),
        },
        (true, true) if group.mode == Mode::AddOnly => {
            "is a member: nothing grants it, and nobody is removed in mode add-only".to_owned()
        }
        (true, true) => format!("{is}: {granted}"),
        (false, false) => match left_out {
            Some((why, _)) => format!("{is}: {granted}, but {}", words::why(*why)),
            None => format!("{is}, although {granted}"),
        },
        (false, true) => {
            let unread = answer.not_granted.iter().any(|not| not.why == "source_incomplete");
            let doubt = if unread { " that was read" } else { "" };
            format!("{is}: nothing{doubt} grants it")
        }
    }
}

fn of_change(group: &GroupFacts, change: &ChangeFacts) -> String {
    let (step, done) = match change.op {
        Op::RemoveMember => ("the removal", "removed them"),
        _ => ("the addition", "added them"),
    };
    let error = change.error.as_deref().unwrap_or("it is not known why");
    match (change.result.as_deref(), change.holds.as_slice()) {
        (Some("report"), _) | (None, _) if change.report => {
            format!("{step} is planned and not made: the group is in mode {}", group.mode.as_str())
        }
        (Some("held") | None, [_, ..]) => {
            format!("{step} waits for {}", words::plural(change.holds.len(), "hold"))
        }
        (Some("done" | "already_so"), _) => format!("the run {done}"),
        (Some("failed"), _) => format!("{step} failed: {error}"),
        (Some("not_tried"), _) => format!("the run did not come to {step}: {error}"),
        (Some(other), _) => format!("{step} ended as {other}"),
        (None, []) => format!("{step} would be made by a run now"),
    }
}
