//! Intents without an outcome: the run that recorded them died between the call and the record. What
//! live says now is their outcome.

use jiff::Timestamp;
use tracing::warn;

use crate::model::id::RunId;
use crate::model::live::{LiveGroup, LiveState};
use crate::model::plan::Op;
use crate::model::run::ChangeResult;
use crate::model::undo::{Deed, LeadBefore};
use crate::store::{OpenIntent, OutcomeRecord, StoreError};

use super::Setup;

/// So many outcomes are written down at once.
const AT_ONCE: usize = 1_000;

/// Whether a group was being created when a run was cut off, and is not there: a list can be older than
/// the last write, and a group that is made twice cannot be deleted. Worth a second look.
pub(super) async fn may_be_behind(setup: &Setup<'_>, live: &LiveState) -> Result<bool, StoreError> {
    let open = setup.store.open_intents().await?;
    Ok(open.iter().any(|intent| intent.change.op == Op::CreateGroup && group_of(intent, live).is_none()))
}

/// Gives every open intent its outcome. Returns how many there were.
pub(super) async fn open_intents(setup: &Setup<'_>, run: &RunId, live: &LiveState) -> Result<usize, StoreError> {
    let open = setup.store.open_intents().await?;
    if open.is_empty() {
        return Ok(0);
    }
    let outcomes: Vec<OutcomeRecord> = open.iter().map(|intent| outcome(intent, live)).collect();
    let seen = outcomes.iter().filter(|outcome| outcome.result.is_so()).count();
    warn!(intents = open.len(), seen, "an earlier run was cut off: its open intents were compared with Hyperproof");
    // Whoever dies in between leaves the rest to the next run.
    for outcomes in outcomes.chunks(AT_ONCE) {
        setup.store.record_outcomes(run, Timestamp::now(), outcomes).await?;
    }
    Ok(open.len())
}

fn outcome(intent: &OpenIntent, live: &LiveState) -> OutcomeRecord {
    let group = group_of(intent, live);
    let seen = group.is_some_and(|group| shows(intent, live, group));
    OutcomeRecord {
        intent: intent.seq,
        group_id: group.map(|group| group.id.clone()).or_else(|| intent.group_id.clone()),
        result: if seen {
            ChangeResult::Done
        } else {
            ChangeResult::Failed("the run was cut off, and Hyperproof does not show the change".to_owned())
        },
        read_back: Some(seen),
        request: None,
    }
}

/// The change that an open intent announced, if Hyperproof shows it.
pub(super) fn deed(intent: &OpenIntent, live: &LiveState) -> Option<Deed> {
    let group = group_of(intent, live).filter(|group| shows(intent, live, group))?;
    Some(Deed {
        group: intent.change.group.clone(),
        group_id: Some(group.id.clone()),
        op: intent.change.op,
        account: intent.change.account.clone(),
        email: intent.email.clone(),
        lead_before: LeadBefore::Unknown,
        later: None,
    })
}

/// The group by its id; one that was being created, by its name, if just one group bears it.
fn group_of<'a>(intent: &OpenIntent, live: &'a LiveState) -> Option<&'a LiveGroup> {
    if let Some(id) = &intent.group_id {
        return live.group(id);
    }
    let mut named = live.groups.iter().filter(|group| group.name == intent.change.group.as_str());
    named.next().filter(|_| named.next().is_none())
}

fn shows(intent: &OpenIntent, live: &LiveState, group: &LiveGroup) -> bool {
    let account = intent.change.account.as_ref();
    let is_member = account.is_some_and(|account| live.is_member(group, account));
    match intent.change.op {
        Op::CreateGroup => true,
        Op::AddMember => is_member,
        Op::RemoveMember => !is_member,
        Op::SetLead => account == group.lead.as_ref(),
        Op::ClearLead => group.lead.is_none(),
    }
}
