//! What the log is told of a change before its call, and what of a call.

use crate::model::id::GroupId;
use crate::model::plan::{Change, GroupSummary, Op, Reason};
use crate::model::undo::LeadBefore;
use crate::store::{Intent, Request};
use crate::target::CallRecord;

use super::Applier;

impl Applier<'_> {
    pub(super) fn intent(&self, change: &Change, group: Option<&GroupId>, call: &CallRecord) -> Intent {
        Intent {
            change: change.key.clone(),
            group_id: group.cloned(),
            email: change.email.clone(),
            reason: change.reason,
            because: change.because.clone(),
            entry: change.entry.clone(),
            grounds: self.rests_on(change).map_or_else(Vec::new, |group| group.grounds.clone()),
            mappings: self.rests_on(change).map_or_else(Vec::new, |group| group.mappings.clone()),
            lead_before: self.lead_before(change),
            approval: (change.approval.and_then(|at| self.memory.approvals.get(at))).map(|approval| approval.number),
            approvals: self.approvals(change),
            request: request(call),
        }
    }

    /// All approvals that a change uses up once one of them lets it through, oldest first.
    fn approvals(&self, change: &Change) -> Vec<i64> {
        let of_it = self.memory.approvals.iter().filter(|approval| approval.changes.contains(&change.key));
        change.approval.map(|_| of_it.map(|approval| approval.number).collect()).unwrap_or_default()
    }

    /// What a removal rests on: the directory groups and mappings that could grant the membership, and do not. What
    /// takes a run back rests on that run.
    fn rests_on(&self, change: &Change) -> Option<&GroupSummary> {
        self.summary(change).filter(|_| change.key.op == Op::RemoveMember && change.reason != Reason::Undo)
    }

    /// Who led the group when it was read: what a change of its lead overwrites.
    fn lead_before(&self, change: &Change) -> LeadBefore {
        match (change.key.op, self.summary(change)) {
            (Op::SetLead | Op::ClearLead, Some(group)) => LeadBefore::of(group.lead.as_ref()),
            _ => LeadBefore::Unknown,
        }
    }

    fn summary(&self, change: &Change) -> Option<&GroupSummary> {
        let groups = &self.plan.groups;
        let at = groups.binary_search_by(|group| group.name.cmp(&change.key.group)).ok()?;
        groups.get(at)
    }
}

pub(super) fn request(call: &CallRecord) -> Request {
    Request { method: call.method.to_owned(), path: call.path.clone(), status: call.status, attempts: call.attempts }
}
