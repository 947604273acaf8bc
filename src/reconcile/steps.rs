//! From cleared changes to the calls that make them: as few as possible, in the order that harms least
//! when a run is cut off. Create groups → remove people who left → add → leads → other removals.

use crate::model::id::{GroupId, GroupName};
use crate::model::plan::{Change, Op};

/// What a call does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StepKind {
    /// Create a group, with its first members and its lead.
    Create,
    /// Remove people who left; a call that has room takes other removals of the group along.
    RemoveLeft,
    /// Add members.
    Add,
    /// Set or clear the lead.
    Lead,
    /// Remove other members.
    Remove,
}

/// One call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What it does. Steps are sorted by it.
    pub kind: StepKind,
    /// The target group.
    pub group: GroupName,
    /// Its id; none for a group that an earlier step creates.
    pub group_id: Option<GroupId>,
    /// Indices of the changes that the call makes.
    pub changes: Vec<usize>,
}

/// The cleared changes of one group, by what they do.
#[derive(Default)]
struct Work {
    group_id: Option<GroupId>,
    create: Vec<usize>,
    lead: Vec<usize>,
    add: Vec<usize>,
    left: Vec<usize>,
    remove: Vec<usize>,
}

/// The calls for the cleared ones among these changes, with at most `max` accounts each.
pub(super) fn steps(changes: &[Change], max: usize) -> Vec<Step> {
    let mut groups: Vec<(&GroupName, Work)> = Vec::new();
    // Changes are sorted by group first.
    for (at, change) in changes.iter().enumerate().filter(|(_, change)| change.is_cleared()) {
        if groups.last().is_none_or(|(name, _)| **name != change.key.group) {
            groups.push((&change.key.group, Work { group_id: change.group_id.clone(), ..Work::default() }));
        }
        let Some((_, work)) = groups.last_mut() else { continue };
        let list = match change.key.op {
            Op::CreateGroup => &mut work.create,
            Op::AddMember => &mut work.add,
            Op::RemoveMember if change.reason.left() => &mut work.left,
            Op::RemoveMember => &mut work.remove,
            Op::SetLead | Op::ClearLead => &mut work.lead,
        };
        list.push(at);
    }
    let mut steps: Vec<Step> = groups.into_iter().flat_map(|(name, work)| work.steps(name, max.max(1))).collect();
    steps.sort_by(|a, b| (a.kind, &a.group).cmp(&(b.kind, &b.group)));
    steps
}

impl Work {
    fn steps(mut self, name: &GroupName, max: usize) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut step = |kind, changes: Vec<usize>| {
            if !changes.is_empty() {
                steps.push(Step { kind, group: name.clone(), group_id: self.group_id.clone(), changes });
            }
        };
        if !self.create.is_empty() {
            let first = self.add.drain(..self.add.len().min(max));
            step(StepKind::Create, self.create.drain(..).chain(first).chain(self.lead.drain(..)).collect());
        }
        // Otherwise two calls that are not full would go where one has room for all.
        let room = (max - self.left.len() % max) % max;
        self.left.extend(self.remove.drain(..self.remove.len().min(room)));
        for (kind, list) in [
            (StepKind::RemoveLeft, &self.left),
            (StepKind::Add, &self.add),
            (StepKind::Lead, &self.lead),
            (StepKind::Remove, &self.remove),
        ] {
            for batch in list.chunks(max) {
                step(kind, batch.to_vec());
            }
        }
        steps
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::plan::{ChangeKey, Reason};

    fn change(op: Op, account: &str, reason: Reason, new: bool) -> Change {
        Change {
            key: ChangeKey { group: "Risk".into(), op, account: (!account.is_empty()).then(|| account.into()) },
            group_id: (!new).then(|| "g1".into()),
            email: None,
            reason,
            because: Vec::new(),
            entry: None,
            drift: false,
            report: false,
            holds: Vec::new(),
            approval: None,
        }
    }

    fn shape(steps: &[Step]) -> Vec<(StepKind, usize)> {
        steps.iter().map(|step| (step.kind, step.changes.len())).collect()
    }

    #[test]
    fn a_group_is_created_with_its_first_members_and_lead() {
        let mut changes = vec![change(Op::CreateGroup, "", Reason::Granted, true)];
        changes.extend(["a", "b", "c"].map(|account| change(Op::AddMember, account, Reason::Granted, true)));
        changes.push(change(Op::SetLead, "a", Reason::Granted, true));
        assert_eq!(shape(&steps(&changes, 2)), [(StepKind::Create, 4), (StepKind::Add, 1)]);
    }

    #[test]
    fn removals_take_no_more_calls_than_their_number_asks_for() {
        for left in 0..7_usize {
            for other in 0..7 {
                let mut changes: Vec<Change> = (0..left)
                    .map(|at| change(Op::RemoveMember, &format!("l{at}"), Reason::PersonGone, false))
                    .collect();
                changes.extend(
                    (0..other).map(|at| change(Op::RemoveMember, &format!("o{at}"), Reason::GrantEnded, false)),
                );
                let steps = steps(&changes, 3);
                assert_eq!(steps.len(), (left + other).div_ceil(3), "{left} {other}");
                assert_eq!(steps.iter().map(|step| step.changes.len()).sum::<usize>(), left + other);
            }
        }
    }

    #[test]
    fn what_waits_is_in_no_step() {
        let mut held = change(Op::AddMember, "a", Reason::Granted, false);
        held.holds.push(crate::model::hold::HoldId::from_text("h-0"));
        let mut report = change(Op::AddMember, "b", Reason::Granted, false);
        report.report = true;
        assert!(steps(&[held, report], 10).is_empty());
    }
}
