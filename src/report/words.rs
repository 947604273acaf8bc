//! Words that several texts share: numbers with their nouns, times, names made harmless, and a
//! sentence for each word of the documents.

use std::borrow::Cow;
use std::time::Duration;

use super::document::{ChangeEntry, GrantEntry, GroupEntry, HoldEntry, PlanDocument, Results, Summary};
use crate::model::hold::Rule;
use crate::model::plan::{Op, Reason, Why};
use crate::model::run::Outcome;

/// `1 change`, `2 changes`: every noun used here takes an `s`, but for `person`.
pub fn plural(count: usize, noun: &str) -> String {
    match (count, noun) {
        (1, _) => format!("1 {noun}"),
        (_, "person") => format!("{count} people"),
        _ => format!("{count} {noun}s"),
    }
}

/// `9 of 12`, or `all 12`.
pub fn of(part: usize, whole: usize) -> String {
    if part == whole && whole > 1 { format!("all {whole}") } else { format!("{part} of {whole}") }
}

/// A length of time in its largest fitting unit: `45 s`, `12 min`, `3 h`, `2 d`.
pub fn duration(length: Duration) -> String {
    match length.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7_200 => format!("{} min", seconds / 60),
        seconds @ 7_200..172_800 => format!("{} h", seconds / 3_600),
        seconds => format!("{} d", seconds / 86_400),
    }
}

/// A time of a document (`2026-11-22T05:00:00Z`) as a person reads it.
pub fn when(time: &str) -> String {
    match (time.split_once('T'), time.strip_suffix('Z')) {
        (Some((day, clock)), Some(_)) => format!("{day} {} UTC", clock.trim_end_matches('Z')),
        _ => clean(time).into_owned(),
    }
}

/// Why a group is looked at no more: a word of the log (`ended`) as a sentence.
pub fn ended(why: &str) -> &'static str {
    match why {
        "gone" => "the group is no longer in Hyperproof",
        "archived" => "the group is archived in Hyperproof",
        _ => "rosterd looks after the group no more",
    }
}

/// Whether a terminal (or a reader's eye) could be led astray by the character: controls, line and
/// paragraph separators, invisible blanks, changes of writing direction (Unicode UAX 9), tags.
pub fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{061c}'
                | '\u{200b}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{2069}'
                | '\u{feff}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// Text from outside, made harmless: what [`is_unsafe`] names is shown as an escape. A name keeps to
/// its line, and cannot paint on the terminal.
pub fn clean(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut cleaned = String::with_capacity(text.len());
    for character in text.chars() {
        if is_unsafe(character) {
            cleaned.extend(character.escape_default());
        } else {
            cleaned.push(character);
        }
    }
    Cow::Owned(cleaned)
}

/// `clean` as a `String`, to hand over as a way of showing names.
pub(crate) fn plain(text: &str) -> String {
    clean(text).into_owned()
}

/// In a title: that a plan takes a run back.
pub(crate) fn undoes(document: &PlanDocument) -> String {
    let undo_of = document.undo_of.as_deref();
    undo_of.map(|run| format!(", taking back run {}", clean(run))).unwrap_or_default()
}

/// A group's problems as they stand under its name: without it.
pub(crate) fn within(group: &GroupEntry) -> Vec<String> {
    let subject = format!("group {:?}: ", group.name);
    let problems = group.problems.iter();
    problems.map(|problem| problem.strip_prefix(&subject).unwrap_or(problem).to_owned()).collect()
}

/// Why a change is to be made.
pub(crate) fn reason(change: &ChangeEntry, show: fn(&str) -> String) -> String {
    let text = match (change.reason, change.op) {
        (Reason::Granted, _) if !change.because.is_empty() => grants(&change.because, show),
        (Reason::Granted, Op::CreateGroup) => "does not exist yet".to_owned(),
        (Reason::Granted, Op::AddMember) => "granted".to_owned(),
        (Reason::Granted, Op::RemoveMember | Op::SetLead | Op::ClearLead) => "the configuration says so".to_owned(),
        (Reason::GrantEnded, _) => "no longer granted by any directory group".to_owned(),
        (Reason::PersonDisabled, _) => "disabled in the directory".to_owned(),
        (Reason::PersonGone, _) => "no longer in the directory".to_owned(),
        (Reason::AccountDeactivated, _) => "account deactivated in Hyperproof, and not granted".to_owned(),
        (Reason::DriftAdded, _) => "added in Hyperproof since the last run, not granted".to_owned(),
        (Reason::DriftRemoved, _) => {
            let back = "removed in Hyperproof since the last run";
            match change.because.is_empty() {
                true => back.to_owned(),
                false => format!("{back}, {}", grants(&change.because, show)),
            }
        }
        (Reason::Undo, _) => "takes back what an earlier run did".to_owned(),
    };
    match change.drift && !matches!(change.reason, Reason::DriftAdded | Reason::DriftRemoved) {
        true => format!("{text}; changed in Hyperproof since the last run"),
        false => text,
    }
}

/// `granted by hr: compliance`, with the way through nested groups where there is one.
fn grants(grants: &[GrantEntry], show: fn(&str) -> String) -> String {
    let Some(first) = grants.first() else {
        return "granted".to_owned();
    };
    let mut text = format!("granted by {}: {}", show(&first.source), show(&first.directory_group));
    let nested = match first.path.split_first() {
        Some((head, rest)) if *head == first.directory_group => rest,
        _ => first.path.as_slice(),
    };
    for step in nested {
        text.push_str(" > ");
        text.push_str(&show(step));
    }
    match grants.len() - 1 {
        0 => text,
        more => format!("{text} (and {})", plural(more, "more grant")),
    }
}

/// What a change does, in the infinitive.
pub(crate) fn action(op: Op, who: &str) -> String {
    match op {
        Op::CreateGroup => "create the group".to_owned(),
        Op::AddMember => format!("add {who}"),
        Op::RemoveMember => format!("remove {who}"),
        Op::SetLead => format!("make {who} the lead"),
        Op::ClearLead => "clear the lead".to_owned(),
    }
}

/// Why a step was not taken.
pub fn why(why: Why) -> &'static str {
    match why {
        Why::NoAccount => "no account bears their address",
        Why::Ambiguous => "ambiguous: two accounts for one person, or two people for one account",
        Why::InactiveAccount => "the account is not active",
        Why::NoEmail => "the directory has no address",
        Why::IneligibleType => "the account is of a type that is left alone",
        Why::Protected => "protected: keep, or the tool's own account",
        Why::SourceIncomplete => "not everything that could grant it was read",
        Why::NotOwned => "not added by rosterd",
        Why::Grace => "not absent for long enough",
        Why::Ignored => "ignored by identity.ignore",
        Why::UnknownMember => "a member that is in no list of accounts",
        Why::Disabled => "granted by one source, disabled in another",
        Why::LaterEdit => "changed after the run that is taken back",
        Why::Mode => "the group's mode does not allow it",
    }
}

/// The same for a word of the documents; one that is not known stays as it is.
pub(crate) fn why_of(word: &str) -> &str {
    match Why::parse(word) {
        Some(known) => why(known),
        None => word,
    }
}

/// A hold's rule with its measure: `group_removals: 9 removals, limit 5`.
pub fn rule(hold: &HoldEntry) -> String {
    let rule = hold.rule.as_str();
    let measured = usize::try_from(hold.measured).unwrap_or(usize::MAX);
    let limit = hold.limit;
    match hold.rule {
        Rule::GroupRemovals | Rule::RunRemovals | Rule::DayRemovals => {
            format!("{rule}: {}, limit {limit}", plural(measured, "removal"))
        }
        Rule::GroupAdds | Rule::RunAdds => {
            format!("{rule}: {}, limit {limit}", plural(measured, "addition"))
        }
        Rule::SourceShrink => format!("{rule}: {} fewer, limit {limit}", plural(measured, "person")),
        Rule::MinMembers => format!("{rule}: {measured} desired, at least {limit}"),
        Rule::Empty | Rule::Expect | Rule::FirstRun | Rule::Missing | Rule::Undone => rule.to_owned(),
    }
}

/// What became of a run.
pub fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::InStep => "in step",
        Outcome::Applied => "applied completely",
        Outcome::Held => "finished, and the guard holds something",
        Outcome::PartlyApplied => "some changes failed or could not be made",
        Outcome::Unread => "a source or Hyperproof could not be read completely",
        Outcome::Throttled => "throttled by Hyperproof",
        Outcome::Failed => "failed unexpectedly; nothing was sent after the failure",
    }
}

/// The last line of a plan: `3 to add, 1 to remove, 9 held, 2 skipped; 2 calls`. Kinds that are rare
/// are named only when there are any.
pub fn plan_counts(summary: &Summary) -> String {
    let mut parts = Vec::new();
    if summary.create > 0 {
        parts.push(format!("{} to create", plural(summary.create, "group")));
    }
    parts.push(format!("{} to add", summary.add));
    parts.push(format!("{} to remove", summary.remove));
    if summary.lead > 0 {
        parts.push(format!("{} to change", plural(summary.lead, "lead")));
    }
    waiting(&mut parts, summary);
    let calls = usize::try_from(summary.calls.write).unwrap_or(usize::MAX);
    format!("{}; {}", parts.join(", "), plural(calls, "call"))
}

/// The last line of a run: `3 added, 1 removed, 0 failed, 9 held, 2 skipped`.
pub fn run_counts(results: &Results, summary: &Summary) -> String {
    let mut parts = Vec::new();
    if results.created > 0 {
        parts.push(format!("{} created", plural(results.created, "group")));
    }
    parts.push(format!("{} added", results.added));
    parts.push(format!("{} removed", results.removed));
    if results.lead > 0 {
        parts.push(format!("{} changed", plural(results.lead, "lead")));
    }
    if results.already_so > 0 {
        parts.push(format!("{} already so", results.already_so));
    }
    parts.push(format!("{} failed", results.failed));
    if results.not_tried > 0 {
        parts.push(format!("{} not tried", results.not_tried));
    }
    waiting(&mut parts, summary);
    parts.join(", ")
}

fn waiting(parts: &mut Vec<String>, summary: &Summary) {
    parts.push(format!("{} held", summary.held));
    if summary.report > 0 {
        parts.push(format!("{} report only", summary.report));
    }
    parts.push(format!("{} skipped", summary.skipped));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nouns_follow_their_number() {
        let all = [0, 1, 2].map(|n| [plural(n, "hold"), plural(n, "person")]);
        assert_eq!(all, [["0 holds", "0 people"], ["1 hold", "1 person"], ["2 holds", "2 people"]]);
        assert_eq!([of(9, 12), of(12, 12), of(1, 1), of(0, 0)], ["9 of 12", "all 12", "1 of 1", "0 of 0"]);
    }

    #[test]
    fn durations_are_in_their_largest_fitting_unit() {
        let all = [0, 119, 120, 7_199, 7_200, 172_799, 172_800, u64::MAX]
            .map(|seconds| duration(Duration::from_secs(seconds)));
        assert_eq!(all[..7], ["0 s", "119 s", "2 min", "119 min", "2 h", "47 h", "2 d"]);
    }

    #[test]
    fn what_could_mislead_a_terminal_is_escaped_and_the_rest_is_not() {
        assert_eq!(clean("a\nb\u{1b}[2J\u{9b}c\u{202e}d"), r"a\nb\u{1b}[2J\u{9b}c\u{202e}d");
        assert!(matches!(clean("Jürgen 李 o'Neil <x>"), Cow::Borrowed(_)));
    }
}
