//! What an undo took back, and whether that is over: the directory says something else by now, or somebody
//! made the change by hand. It takes a complete read of the group to say so.

use crate::model::desired::{DesiredGroup, DesiredState};
use crate::model::id::GroupName;
use crate::model::live::{LiveGroup, LiveState};
use crate::model::plan::{ChangeKey, Op};
use crate::model::undo::UndoneKey;

use super::Inputs;
use super::diff::Difference;
use super::resolve::{Resolution, Resolved};

/// What was taken back and needs no hold any more. The rest goes on being held, also while there is
/// nothing to hold.
pub(super) fn over(
    inputs: &Inputs<'_>,
    desired: &DesiredState,
    people: &Resolution,
    difference: &Difference,
) -> Vec<UndoneKey> {
    let is_over = |key: &&UndoneKey| {
        let live = inputs.live.group(&key.group)?;
        let name = (difference.groups.iter())
            .find(|(_, facts)| facts.summary.id.as_ref() == Some(&key.group))
            .map(|(name, _)| name);
        let wanted = match name {
            Some(name) => desired.get(name)?,
            // No mapping yields it: what the directory granted there is gone, if all of it was read.
            None if inputs.only.is_none() && everything_was_read(inputs) => return Some(key.op == Op::AddMember),
            None => return None,
        };
        let complete = wanted.gaps.is_empty() && wanted.missing.is_empty();
        Some(
            complete && (is_so(key, inputs.live, live) || !is_wanted(key, inputs, wanted, people, (name?, difference))),
        )
    };
    inputs.memory.undone.keys().filter(|key| is_over(key).unwrap_or(false)).cloned().collect()
}

fn everything_was_read(inputs: &Inputs<'_>) -> bool {
    inputs.sources.iter().all(|source| source.completeness.is_complete())
}

/// Whether live is as the change would make it.
fn is_so(key: &UndoneKey, state: &LiveState, live: &LiveGroup) -> bool {
    let is_member = || key.account.as_ref().is_some_and(|account| state.is_member(live, account));
    match key.op {
        Op::CreateGroup => true,
        Op::AddMember => is_member(),
        Op::RemoveMember => !is_member(),
        Op::SetLead => key.account == live.lead,
        Op::ClearLead => live.lead.is_none(),
    }
}

/// Whether the directory (for a lead, the configuration) still asks for the change, or may: somebody who is
/// granted the group and left out for another reason is still granted it.
fn is_wanted(
    key: &UndoneKey,
    inputs: &Inputs<'_>,
    wanted: &DesiredGroup,
    people: &Resolution,
    (name, difference): (&GroupName, &Difference),
) -> bool {
    let at = key.account.as_ref().and_then(|account| inputs.live.account_index(account));
    match (key.op, at) {
        (Op::AddMember, Some(at)) => people.behind(at).any(|person| wanted.grants.contains_key(&person)),
        (Op::RemoveMember, Some(at)) => !(people.behind(at))
            .any(|person| wanted.grants.contains_key(&person) && people.of(person) == Some(&Resolved::Account(at))),
        // Whoever is in no list of accounts may come back to one.
        (Op::AddMember | Op::RemoveMember, None) => true,
        (Op::CreateGroup | Op::SetLead | Op::ClearLead, _) => {
            let change = ChangeKey { group: name.clone(), op: key.op, account: key.account.clone() };
            difference.changes.binary_search_by(|own| own.key.cmp(&change)).is_ok()
        }
    }
}
