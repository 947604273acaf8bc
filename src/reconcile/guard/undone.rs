//! What an undo took back: each change that would make it again waits for a person by itself. And the guard
//! of an undo, which rests on a run that was made, not on a directory.

use super::*;
use crate::model::undo::UndoneKey;

impl Guard<'_, '_> {
    /// Holds what an undo took back, one hold for each change. What waits here is not about to be done: it
    /// fills no limit, and empties no group.
    pub(super) fn undone(&mut self) {
        if self.inputs.memory.undone.is_empty() {
            return;
        }
        let taken_back = |change: &Change| {
            let group = change.group_id.clone().filter(|_| !change.report)?;
            let key = UndoneKey { group, op: change.key.op, account: change.key.account.clone() };
            let undone = self.inputs.memory.undone.get(&key)?;
            Some(format!("taken back at {:.0} by the undo of run {}", undone.at, undone.of))
        };
        let changes = self.difference.changes.iter().enumerate();
        let found: Vec<(usize, GroupName, String)> =
            changes.filter_map(|(at, change)| Some((at, change.key.group.clone(), taken_back(change)?))).collect();
        for (at, group, text) in found {
            let scope = Scope::Group(group);
            let objection = Objection { rule: Rule::Undone, scope, limit: 0, measured: 1, changes: vec![at], text };
            if !self.hold(objection) {
                self.undone.insert(at);
            }
        }
    }
}

/// Judges an undo. Rules about what the directory grants have nothing to say: it is not asked. `expect` and
/// `min_members` are about what the undo would leave.
pub fn judge_undo(inputs: &Inputs<'_>, difference: &mut Difference) -> Guarded {
    let mut guard = Guard::new(inputs, difference);
    let names: Vec<GroupName> = guard.difference.groups.keys().cloned().collect();
    for name in &names {
        guard.what_is_left(name);
    }
    guard.limits(&names, |_| {});
    guard.guarded
}
