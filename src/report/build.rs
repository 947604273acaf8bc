//! From the model to the documents.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use super::document::{
    Calls, ChangeEntry, GrantEntry, GroupEntry, HoldEntry, Made, PLAN_FORMAT, PlanDocument, RUN_FORMAT, ResultWord,
    Results, RunDocument, SkipEntry, SourceEntry, Summary,
};
use crate::model::desired::Grant;
use crate::model::hold::{Hold, Scope};
use crate::model::id::Text;
use crate::model::plan::{Change, GroupSummary, Op, Plan, Skip};
use crate::model::problem::Problem;
use crate::model::run::{ChangeResult, PlanReport, RunReport};

impl PlanDocument {
    /// The document of a plan.
    pub fn of(report: &PlanReport) -> Self {
        plan(report, Changes { report, results: None }.entries().collect())
    }

    /// The document of a plan, to be rendered for people: they are told as well what differs from one read of the
    /// same to the next.
    pub fn for_people(report: &PlanReport) -> Self {
        let mut document = Self::of(report);
        document.tell_in_full(report);
        document
    }

    fn tell_in_full(&mut self, report: &PlanReport) {
        for (entry, source) in self.sources.iter_mut().zip(&report.plan.sources) {
            entry.evidence = source.read.in_full(&source.evidence, report.made_at);
        }
    }

    /// Changes by target group, in the order of the document.
    pub(crate) fn changes_by_group(&self) -> BTreeMap<&str, Vec<&ChangeEntry>> {
        let mut by_group: BTreeMap<&str, Vec<&ChangeEntry>> = BTreeMap::new();
        for change in &self.changes {
            by_group.entry(&change.group).or_default().push(change);
        }
        by_group
    }
}

impl RunDocument {
    /// The document of a run. A change beyond the end of the results was not tried.
    pub fn of(report: &RunReport) -> Self {
        run(report, Changes::of(report).entries().collect())
    }

    /// The document of a run, to be rendered for people ([`PlanDocument::for_people`]).
    pub fn for_people(report: &RunReport) -> Self {
        let mut document = Self::of(report);
        document.plan.tell_in_full(&report.planned);
        document
    }
}

/// A plan to be written and not looked at: there can be very many changes.
pub(super) fn plan_to_write(report: &PlanReport) -> impl Serialize {
    plan(report, Changes { report, results: None })
}

/// A run to be written and not looked at.
pub(super) fn run_to_write(report: &RunReport) -> impl Serialize {
    run(report, Changes::of(report))
}

fn plan<C>(report: &PlanReport, changes: C) -> PlanDocument<C> {
    let plan = &report.plan;
    PlanDocument {
        format: PLAN_FORMAT.to_owned(),
        run_id: report.run.to_string(),
        undo_of: text(plan.undo_of.as_ref()),
        made_at: time(report.made_at),
        digest: plan.digest.as_str().to_owned(),
        complete: plan.complete,
        sources: plan.sources.iter().map(SourceEntry::of).collect(),
        groups: plan.groups.iter().map(GroupEntry::of).collect(),
        changes,
        skips: plan.skips.iter().map(SkipEntry::of).collect(),
        holds: plan.holds.iter().map(HoldEntry::of).collect(),
        problems: problems(&plan.problems),
        summary: Summary::of(plan),
    }
}

fn run<C>(report: &RunReport, changes: C) -> RunDocument<C> {
    RunDocument {
        plan: PlanDocument { format: RUN_FORMAT.to_owned(), ..plan(&report.planned, changes) },
        outcome: report.outcome,
        exit: report.exit,
        finished_at: time(report.finished_at),
        throttled_until: report.throttled_until.map(time),
        results: Results::of(report),
    }
}

/// The changes of a plan, and in a run what became of each.
struct Changes<'a> {
    report: &'a PlanReport,
    results: Option<&'a [ChangeResult]>,
}

impl<'a> Changes<'a> {
    fn of(report: &'a RunReport) -> Self {
        Self { report: &report.planned, results: Some(&report.results) }
    }

    fn entries(&self) -> impl Iterator<Item = ChangeEntry> {
        self.report.plan.changes.iter().enumerate().map(|(at, change)| ChangeEntry {
            made: self.results.map(|results| Made::of(results.get(at))),
            ..ChangeEntry::of(change)
        })
    }
}

impl Serialize for Changes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.entries())
    }
}

impl GroupEntry {
    fn of(group: &GroupSummary) -> Self {
        Self {
            name: group.name.to_string(),
            id: text(group.id.as_ref()),
            mode: group.mode,
            live: group.live,
            desired: group.desired,
            problems: problems(&group.problems),
            complete: group.complete,
            standing: group.standing,
        }
    }
}

impl ChangeEntry {
    fn of(change: &Change) -> Self {
        Self {
            op: change.key.op,
            group: change.key.group.to_string(),
            group_id: text(change.group_id.as_ref()),
            user_id: text(change.key.account.as_ref()),
            email: change.email.clone(),
            reason: change.reason,
            because: change.because.iter().map(GrantEntry::of).collect(),
            drift: change.drift,
            report: change.report,
            holds: change.holds.iter().map(ToString::to_string).collect(),
            approved: change.approval.is_some(),
            made: None,
        }
    }
}

impl GrantEntry {
    fn of(grant: &Grant) -> Self {
        Self {
            source: grant.source.to_string(),
            directory_group: grant.directory_group.to_string(),
            path: grant.path.iter().map(ToString::to_string).collect(),
        }
    }
}

impl Made {
    fn of(result: Option<&ChangeResult>) -> Self {
        let (result, error) = match result {
            Some(ChangeResult::Done) => (ResultWord::Done, None),
            Some(ChangeResult::AlreadySo) => (ResultWord::AlreadySo, None),
            Some(ChangeResult::Failed(error)) => (ResultWord::Failed, Some(error.clone())),
            Some(ChangeResult::NotTried(error)) => (ResultWord::NotTried, Some(error.clone())),
            Some(ChangeResult::Held) => (ResultWord::Held, None),
            Some(ChangeResult::Report) => (ResultWord::Report, None),
            None => (ResultWord::NotTried, Some("no result".to_owned())),
        };
        Self { result, error }
    }
}

impl SkipEntry {
    fn of(skip: &Skip) -> Self {
        Self { group: skip.group.to_string(), person: skip.person.clone(), why: skip.why, detail: skip.detail.clone() }
    }
}

impl HoldEntry {
    /// The entry of a hold.
    pub fn of(hold: &Hold) -> Self {
        let (scope, source, directory_group) = match &hold.scope {
            Scope::Group(_) => ("group", None, None),
            Scope::Run => ("run", None, None),
            Scope::Source(source) => ("source", Some(source), None),
            Scope::Directory { source, directory_group, group: _ } => {
                ("directory_group", Some(source), Some(directory_group))
            }
        };
        Self {
            id: hold.id.to_string(),
            rule: hold.rule,
            group: text(hold.scope.group()),
            limit: hold.limit,
            measured: hold.measured,
            approved: hold.approval.is_some(),
            scope: scope.to_owned(),
            source: text(source),
            directory_group: directory_group.cloned(),
            changes: hold.changes.len(),
            text: hold.text.clone(),
        }
    }
}

impl Summary {
    fn of(plan: &Plan) -> Self {
        let counts = plan.counts();
        Self {
            create: counts.create,
            add: counts.add,
            remove: counts.remove,
            lead: counts.lead,
            held: counts.held,
            report: counts.report,
            skipped: counts.skipped,
            calls: Calls { read: plan.reads, write: plan.writes },
        }
    }
}

impl Results {
    fn of(report: &RunReport) -> Self {
        let mut results = Self::default();
        for (at, change) in report.planned.plan.changes.iter().enumerate() {
            let made = Made::of(report.results.get(at));
            let count = match (made.result, change.key.op) {
                (ResultWord::Done, Op::CreateGroup) => &mut results.created,
                (ResultWord::Done, Op::AddMember) => &mut results.added,
                (ResultWord::Done, Op::RemoveMember) => &mut results.removed,
                (ResultWord::Done, Op::SetLead | Op::ClearLead) => &mut results.lead,
                (ResultWord::AlreadySo, _) => &mut results.already_so,
                (ResultWord::Failed, _) => &mut results.failed,
                (ResultWord::NotTried, _) => &mut results.not_tried,
                (ResultWord::Held | ResultWord::Report, _) => continue,
            };
            *count += 1;
        }
        results
    }
}

/// RFC 3339 in UTC, to the second.
pub(crate) fn time(at: Timestamp) -> String {
    format!("{at:.0}")
}

/// Problems as texts.
pub(super) fn problems(problems: &[Problem]) -> Vec<String> {
    problems.iter().map(ToString::to_string).collect()
}

/// An id as a text.
pub(super) fn text<K>(id: Option<&Text<K>>) -> Option<String> {
    id.map(ToString::to_string)
}
