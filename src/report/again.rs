//! From a run's document back to a plan: that of a run which finds everything as that one left it.

use serde::Deserialize;

use super::document::{GroupEntry, PlanDocument, ResultWord, Results, SkipEntry, SourceEntry};
use super::word;
use crate::model::directory::ReadFacts;
use crate::model::evidence::ReadEvidence;
use crate::model::plan::{GroupSummary, Op, Plan, PlanDigest, Skip, SourceSummary};
use crate::model::problem::Problem;
use crate::model::run::Outcome;

/// What a run over the same directory would plan: nothing, and the same to tell of sources, groups and
/// skips. None where it would have more to do or to tell: something was not done, was held or only
/// reported, or a group was created.
pub fn again(document: &str) -> Option<Plan> {
    let plan: PlanDocument = serde_json::from_str(document).ok()?;
    let Ended { outcome, .. } = serde_json::from_str(document).ok()?;
    let done = plan.changes.iter().all(|change| {
        let result = change.made.as_ref().map(|made| made.result);
        change.op != Op::CreateGroup && matches!(result, Some(ResultWord::Done | ResultWord::AlreadySo))
    });
    let in_step = matches!(outcome, Outcome::InStep | Outcome::Applied);
    if !(done && in_step && plan.complete && plan.holds.is_empty()) {
        return None;
    }
    Some(Plan {
        undo_of: None,
        digest: PlanDigest::of([]),
        complete: true,
        sources: plan.sources.into_iter().map(source).collect::<Option<_>>()?,
        groups: plan.groups.into_iter().map(group).collect(),
        changes: Vec::new(),
        skips: plan.skips.into_iter().map(skip).collect(),
        holds: Vec::new(),
        problems: problems(plan.problems),
        reads: 0,
        writes: 0,
    })
}

/// What a run's document has beside the plan's ([`super::document::RunDocument`]). Two readings are quicker than one
/// of both: serde would keep every entry of the document until it knew whose it is.
#[derive(Deserialize)]
struct Ended {
    #[serde(with = "word")]
    outcome: Outcome,
    #[serde(rename = "exit")]
    _exit: u8,
    #[serde(rename = "finished_at")]
    _finished_at: String,
    #[serde(rename = "results")]
    _results: Results,
}

fn source(entry: SourceEntry) -> Option<SourceSummary> {
    Some(SourceSummary {
        name: entry.name.into(),
        kind: ["csv", "ldap"].into_iter().find(|kind| *kind == entry.kind)?,
        complete: entry.complete,
        people: entry.people,
        groups: entry.groups,
        memberships: entry.memberships,
        granted: entry.granted,
        addressed: entry.addressed,
        facts: ReadFacts::default(),
        read: ReadEvidence::None,
        mapped: Vec::new(),
        evidence: entry.evidence,
        problems: problems(entry.problems),
        unchanged_since: None,
    })
}

fn group(entry: GroupEntry) -> GroupSummary {
    GroupSummary {
        name: entry.name.into(),
        id: entry.id.map(Into::into),
        mode: entry.mode,
        lead: None,
        live: entry.live,
        desired: entry.desired,
        standing: entry.standing,
        complete: entry.complete,
        grounds: Vec::new(),
        mappings: Vec::new(),
        problems: problems(entry.problems),
    }
}

fn skip(entry: SkipEntry) -> Skip {
    Skip { group: entry.group.into(), person: entry.person, why: entry.why, detail: entry.detail }
}

/// Problems that read as they did; where the advice begins is not told from the text any more.
fn problems(texts: Vec<String>) -> Vec<Problem> {
    let problem = |text: String| match text.split_once(": ") {
        Some((place, rest)) => Problem::new(place, rest),
        None => Problem::new("", text),
    };
    texts.into_iter().map(problem).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::plan::Why;
    use crate::model::run::{ChangeResult, RunReport};
    use crate::report::{run_json, samples};

    /// A run that did all it planned.
    fn done() -> RunReport {
        let mut report = samples::small();
        report.planned.plan.holds.clear();
        for change in &mut report.planned.plan.changes {
            change.holds.clear();
        }
        report.results = vec![ChangeResult::Done, ChangeResult::AlreadySo];
        report.outcome = Outcome::Applied;
        report
    }

    #[test]
    fn the_same_is_to_tell_and_nothing_to_do() {
        let mut report = done();
        let problem = Problem::new("ldaps://dc1:636", "the certificate ends").help("renew it");
        report.planned.plan.sources[0].problems.push(problem.clone());
        let plan = again(&run_json(&report)).expect("nothing is left");
        assert_eq!((plan.changes.len(), plan.writes), (0, 0));
        let before = &report.planned.plan;
        assert_eq!(plan.skips, before.skips);
        assert_eq!(plan.skips[0].why, Why::NoAccount);
        assert_eq!(plan.groups, before.groups);
        assert_eq!(plan.sources[0].people, before.sources[0].people);
        assert_eq!(plan.sources[0].problems[0].to_string(), problem.to_string());
        // And so on from its own document.
        let next = RunReport {
            planned: crate::model::run::PlanReport { plan: plan.clone(), ..report.planned },
            results: Vec::new(),
            outcome: Outcome::InStep,
            ..report
        };
        assert_eq!(again(&run_json(&next)), Some(plan));
    }

    #[test]
    fn whoever_left_something_is_not_followed_blindly() {
        let left = |change: &dyn Fn(&mut RunReport)| {
            let mut report = done();
            change(&mut report);
            again(&run_json(&report)).is_none()
        };
        assert!(left(&|report| report.outcome = Outcome::Held));
        assert!(left(&|report| report.outcome = Outcome::PartlyApplied));
        assert!(left(&|report| report.results[0] = ChangeResult::Failed("x".to_owned())));
        assert!(left(&|report| report.results[0] = ChangeResult::Report));
        assert!(left(&|report| report.results.clear()));
        assert!(left(&|report| report.planned.plan.complete = false));
        assert!(left(&|report| report.planned.plan.changes[0].key.op = Op::CreateGroup));
        assert!(left(&|report| report.planned.plan.holds = samples::small().planned.plan.holds));
        assert!(!left(&|_| ()));
        for text in ["", "{}", "null", "{\"format\":\"rosterd.run/2\"}"] {
            assert_eq!(again(text), None, "{text}");
        }
    }
}
