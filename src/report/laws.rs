//! Law 10: every change and every skip is named exactly once in every format.

use proptest::prelude::*;

use super::document::{PlanDocument, RunDocument};
use super::look::Look;
use super::{plan_json, plan_markdown, plan_text, run_json, run_text, samples};
use crate::model::hold::{Rule, Scope};
use crate::model::id::GroupName;
use crate::model::plan::{Change, Op, Reason, Skip, Why};
use crate::model::run::{ChangeResult, Outcome, PlanReport};

const REASONS: [Reason; 8] = [
    Reason::Granted,
    Reason::GrantEnded,
    Reason::PersonDisabled,
    Reason::PersonGone,
    Reason::AccountDeactivated,
    Reason::DriftAdded,
    Reason::DriftRemoved,
    Reason::Undo,
];

const WHYS: [Why; 4] = [Why::NoAccount, Why::Ambiguous, Why::Grace, Why::UnknownMember];

/// A change and what becomes of it, drawn as numbers: group, kind, reason, fate, grants.
type Draw = (usize, usize, usize, u8, usize);

fn group_name(group: usize) -> String {
    format!("group<{group}>")
}

/// Everybody has an address of their own, so that a name can be counted.
fn person(n: usize) -> String {
    format!("person{n:04}@corp.example")
}

fn change(n: usize, (group, op, reason, fate, grants): Draw) -> Change {
    // Groups are created and leads cleared without a name, so those are counted by the group.
    let op = [Op::AddMember, Op::RemoveMember, Op::SetLead][op];
    let mut change = samples::change(&group_name(group), op, Some(&person(n)), REASONS[reason]);
    change.because = (0..grants).map(|n| samples::grant("hr", &["a", "b", "c"][..=n.min(2)])).collect();
    change.report = fate == 1;
    change
}

fn report(draws: &[Draw], creations: usize, skips: &[(usize, usize)]) -> PlanReport {
    let mut changes: Vec<Change> = draws.iter().enumerate().map(|(n, draw)| change(n, *draw)).collect();
    for n in 0..creations {
        let name = format!("created<{n}>");
        changes.push(samples::change(&name, Op::CreateGroup, None, Reason::Granted));
        changes.push(samples::change(&name, Op::ClearLead, None, Reason::Granted));
    }
    let mut waiting: Vec<&mut Change> =
        changes.iter_mut().zip(draws).filter_map(|(change, draw)| (draw.3 == 2).then_some(change)).collect();
    let first = samples::hold(&mut waiting, Rule::RunRemovals, Scope::Run, 1, "too many");
    let half = waiting.len() / 2;
    let scope = Scope::Group(GroupName::new("group<0>"));
    let second = samples::hold(&mut waiting[..half], Rule::FirstRun, scope, 0, "first");
    // Group 0 is not among the groups of the plan: its changes must be told all the same.
    let groups = (1..4).map(|n| samples::group(&group_name(n), 5, 5)).collect();
    let mut report = samples::plan(groups, changes);
    report.plan.holds = vec![first, second];
    let skips = skips
        .iter()
        .enumerate()
        .map(|(n, (group, why))| samples::skip(&group_name(*group), &person(1_000 + n), WHYS[*why], None));
    let mut skips: Vec<Skip> = skips.collect();
    skips.sort();
    report.plan.skips = skips;
    report
}

fn results(report: &PlanReport) -> Vec<ChangeResult> {
    let changes = report.plan.changes.iter().enumerate();
    changes
        .map(|(n, change)| match n % 4 {
            _ if change.report => ChangeResult::Report,
            _ if !change.holds.is_empty() => ChangeResult::Held,
            0 => ChangeResult::Done,
            1 => ChangeResult::AlreadySo,
            2 => ChangeResult::Failed("refused".to_owned()),
            _ => ChangeResult::NotTried("stopped".to_owned()),
        })
        .collect()
}

/// How often each person is named, and how many groups are created and leads cleared.
fn assert_named_once(format: &str, text: &str, report: &PlanReport, wordless: [&str; 2]) {
    let plan = &report.plan;
    let people = plan.changes.iter().filter_map(|change| change.email.as_ref());
    for person in people.chain(plan.skips.iter().map(|skip| &skip.person)) {
        assert_eq!(text.matches(person.as_str()).count(), 1, "{person} in {format}:\n{text}");
    }
    for (op, words) in [(Op::CreateGroup, wordless[0]), (Op::ClearLead, wordless[1])] {
        let planned = plan.changes.iter().filter(|change| change.key.op == op).count();
        let pattern = regex::Regex::new(words).unwrap();
        assert_eq!(pattern.find_iter(text).count(), planned, "{} in {format}:\n{text}", op.as_str());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_change_and_skip_is_named_once_in_every_format(
        draws in prop::collection::vec((0..4usize, 0..3usize, 0..8usize, 0..3u8, 0..4usize), 0..60),
        creations in 0..3usize,
        skips in prop::collection::vec((0..4usize, 0..4usize), 0..60),
    ) {
        let planned = report(&draws, creations, &skips);
        let words = [r"the group itself|create the group", r"lead: nobody|clear the lead"];
        let json = [r#""op": "create_group""#, r#""op": "clear_lead""#];
        assert_named_once("text", &plan_text(&planned, &Look::WHOLE), &planned, words);
        assert_named_once("Markdown", &plan_markdown(&planned), &planned, words);
        assert_named_once("JSON", &plan_json(&planned), &planned, json);

        let run = samples::run(planned.clone(), results(&planned), Outcome::PartlyApplied, 12);
        assert_named_once("run text", &run_text(&run, &Look::WHOLE), &planned, words);
        assert_named_once("run JSON", &run_json(&run), &planned, json);

        let back: PlanDocument = serde_json::from_str(&plan_json(&planned)).unwrap();
        prop_assert_eq!(back, PlanDocument::of(&planned));
        let back: RunDocument = serde_json::from_str(&run_json(&run)).unwrap();
        prop_assert_eq!(back, RunDocument::of(&run));
    }

    #[test]
    fn the_last_line_has_the_counts_and_they_add_up(
        draws in prop::collection::vec((0..4usize, 0..3usize, 0..8usize, 0..3u8, 0..4usize), 0..60),
        skips in prop::collection::vec((0..4usize, 0..4usize), 0..9),
    ) {
        let planned = report(&draws, 0, &skips);
        let run = samples::run(planned.clone(), results(&planned), Outcome::PartlyApplied, 12);
        for text in [plan_text(&planned, &Look::PLAIN), run_text(&run, &Look::PLAIN)] {
            let last = text.lines().last().unwrap_or_default();
            let before_calls = last.split(';').next().unwrap_or_default();
            let numbers = before_calls.split(", ").filter_map(|part| part.split(' ').next()?.parse::<usize>().ok());
            prop_assert_eq!(numbers.sum::<usize>(), draws.len() + skips.len(), "{}", last);
        }
    }
}
