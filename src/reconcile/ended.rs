//! Approvals that are over before they expire: what was held went away by itself.

use crate::model::hold::{Approval, Rule};
use crate::model::plan::Plan;

/// Numbers of the approvals of which a plan over everything, read completely, has nothing any more: neither a
/// change that has not passed yet, nor the hold where that stands without changes. The same changes, found again
/// later, are another event, and a person is to look at it. An approval for a run that takes another one back
/// is not judged here: that run plans by itself.
pub fn ended(approvals: &[Approval], plan: &Plan) -> Vec<i64> {
    let waits = |approval: &Approval| {
        let stands_without_changes = approval.rule == Rule::Missing || approval.changes.is_empty();
        plan.changes.iter().any(|change| approval.changes.contains(&change.key))
            || (stands_without_changes
                && plan.holds.iter().any(|hold| hold.rule == approval.rule && hold.scope.to_string() == approval.scope))
    };
    approvals
        .iter()
        .filter(|approval| approval.undoes.is_none() && !waits(approval))
        .map(|approval| approval.number)
        .collect()
}
