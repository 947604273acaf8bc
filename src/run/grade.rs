//! What became of a run, in one word and one exit code: the worst of what happened.

use crate::model::plan::{GroupStanding, Plan};
use crate::model::run::{ChangeResult, Outcome};

/// Exit code of a dry run. `pending`: whether pending changes count (`--exit-code`).
pub fn plan_exit(plan: &Plan, pending: bool) -> u8 {
    match plan_outcome(plan) {
        Some(outcome) => exit(outcome),
        None if pending && plan.is_pending() => 10,
        None => 0,
    }
}

/// What the plan alone says of its run, from the worst to the mildest.
fn plan_outcome(plan: &Plan) -> Option<Outcome> {
    if !plan.complete {
        return Some(Outcome::Unread);
    }
    if plan.groups.iter().any(|group| group.standing == GroupStanding::Unusable) {
        return Some(Outcome::PartlyApplied);
    }
    plan.is_held().then_some(Outcome::Held)
}

/// Outcome and exit code of a real run. `throttled`: Hyperproof's throttling cut the writing off.
pub(super) fn grade(plan: &Plan, results: &[ChangeResult], throttled: bool) -> (Outcome, u8) {
    let failed = |result: &ChangeResult| matches!(result, ChangeResult::Failed(_) | ChangeResult::NotTried(_));
    let mut outcome = match results.iter().any(ChangeResult::is_so) {
        true => Outcome::Applied,
        false => Outcome::InStep,
    };
    if results.iter().any(failed) || throttled {
        outcome = Outcome::PartlyApplied;
    }
    outcome = outcome.max(plan_outcome(plan).unwrap_or(Outcome::InStep));
    match outcome {
        Outcome::PartlyApplied if throttled => (Outcome::Throttled, 12),
        other => (other, exit(other)),
    }
}

/// The exit code of an outcome. A throttled reading is 13; a throttled writing is graded above.
pub(super) fn exit(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::InStep | Outcome::Applied => 0,
        Outcome::Failed => 1,
        Outcome::Held => 11,
        Outcome::PartlyApplied => 12,
        Outcome::Unread | Outcome::Throttled => 13,
    }
}
