//! From the model to the documents.

use std::collections::BTreeMap;

use jiff::Timestamp;

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
        let plan = &report.plan;
        Self {
            format: PLAN_FORMAT.to_owned(),
            run_id: report.run.to_string(),
            undo_of: text(plan.undo_of.as_ref()),
            made_at: time(report.made_at),
            digest: plan.digest.as_str().to_owned(),
            complete: plan.complete,
            sources: plan.sources.iter().map(SourceEntry::of).collect(),
            groups: plan.groups.iter().map(GroupEntry::of).collect(),
            changes: plan.changes.iter().map(ChangeEntry::of).collect(),
            skips: plan.skips.iter().map(SkipEntry::of).collect(),
            holds: plan.holds.iter().map(HoldEntry::of).collect(),
            problems: problems(&plan.problems),
            summary: Summary::of(plan),
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
        let mut plan = PlanDocument::of(&report.planned);
        plan.format = RUN_FORMAT.to_owned();
        for (at, change) in plan.changes.iter_mut().enumerate() {
            change.made = Some(Made::of(report.results.get(at)));
        }
        Self {
            results: Results::of(&plan.changes),
            plan,
            outcome: report.outcome,
            exit: report.exit,
            finished_at: time(report.finished_at),
            throttled_until: report.throttled_until.map(time),
        }
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
    fn of(changes: &[ChangeEntry]) -> Self {
        let mut results = Self::default();
        for change in changes {
            let Some(made) = &change.made else { continue };
            let count = match (made.result, change.op) {
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
