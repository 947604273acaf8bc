//! Intents without an outcome: the run that recorded them died between the call and the record. What
//! live says now is their outcome.

use jiff::Timestamp;
use tracing::warn;

use crate::model::id::RunId;
use crate::model::live::{Absence, LiveGroup, LiveState};
use crate::model::plan::Op;
use crate::model::run::ChangeResult;
use crate::model::undo::{Deed, LeadBefore};
use crate::store::{OpenIntent, OutcomeRecord, StoreError};

use super::Setup;

/// So many outcomes are written down at once.
const AT_ONCE: usize = 1_000;

/// Whether something that a run announced before it was cut off is not to be seen: a list can be older than the last
/// write. A group that is made twice cannot be deleted, and a membership that is written down as failed is not
/// rosterd's own. Worth a second look.
pub(super) async fn may_be_behind(setup: &Setup<'_>, live: &LiveState) -> Result<bool, StoreError> {
    let open = setup.store.open_intents().await?;
    let is_shown = |intent| group_of(intent, live).is_some_and(|group| shows(intent, live, group));
    Ok(open.iter().any(|intent| !is_hidden(intent, live) && !is_shown(intent)))
}

/// Gives open intents their outcome, all but those of groups that cannot be looked at now. Returns how many there were.
pub(super) async fn open_intents(setup: &Setup<'_>, run: &RunId, live: &LiveState) -> Result<usize, StoreError> {
    let open = setup.store.open_intents().await?;
    if open.is_empty() {
        return Ok(0);
    }
    let visible = open.iter().filter(|intent| !is_hidden(intent, live));
    let outcomes: Vec<OutcomeRecord> = visible.map(|intent| outcome(intent, live)).collect();
    let hidden = open.len() - outcomes.len();
    if hidden > 0 {
        warn!(
            intents = hidden,
            "an earlier run was cut off, and Hyperproof does not show the groups of these intents (they are archived, \
            or in no list and not known to be gone): what became of the intents is found out when Hyperproof shows them"
        );
    }
    if outcomes.is_empty() {
        return Ok(0);
    }
    let seen = outcomes.iter().filter(|outcome| outcome.result.is_so()).count();
    warn!(intents = outcomes.len(), seen, "an earlier run was cut off: its open intents were compared with Hyperproof");
    // Whoever dies in between leaves the rest to the next run.
    for some in outcomes.chunks(AT_ONCE) {
        setup.store.record_outcomes(run, Timestamp::now(), some).await?;
    }
    Ok(outcomes.len())
}

/// Whether the group of an intent is there, as far as is known, and does not show its members: it is archived, or in no
/// list. A group that Hyperproof does not know any more is not hidden. Each of these groups was asked for that is in no
/// list, also where nobody maps it any more.
fn is_hidden(intent: &OpenIntent, live: &LiveState) -> bool {
    let id = intent.group_id.as_ref();
    id.is_some_and(|id| live.group(id).is_none() && live.absent.get(id) != Some(&Absence::Gone))
}

fn outcome(intent: &OpenIntent, live: &LiveState) -> OutcomeRecord {
    let group = group_of(intent, live);
    let seen = group.map(|group| shows(intent, live, group));
    let result = match (seen, &intent.group_id) {
        (Some(true), _) => ChangeResult::Done,
        (None, Some(_)) => ChangeResult::Failed("the run was cut off, and the group is not there any more".to_owned()),
        (Some(false), _) | (None, None) => {
            ChangeResult::Failed("the run was cut off, and Hyperproof does not show the change".to_owned())
        }
    };
    OutcomeRecord {
        intent: intent.seq,
        group_id: group.map(|group| group.id.clone()).or_else(|| intent.group_id.clone()),
        result,
        // Of a group that is gone nobody can say whether the change was made.
        read_back: seen.or(intent.group_id.is_none().then_some(false)),
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
