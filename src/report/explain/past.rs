//! What the log tells of one account in one group: when it came and went, by whom, and why.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{AccountEntry, ApprovalEntry, Asked, EventEntry, ExplainDocument, FORMAT, GroupAnswer, RequestEntry};
use crate::model::desired::Grant;
use crate::model::facts::GroupFacts;
use crate::model::history::{Consent, Event, Made, Rolls, What};
use crate::model::id::{AccountId, GroupId};
use crate::report::build::time;
use crate::report::document::GrantEntry;
use crate::report::words;

/// A record after which somebody was in, or out, and was not before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Move {
    /// Index of the event.
    pub(super) at: usize,
    /// In, after it.
    pub(super) member: bool,
}

/// All moves of an account in a group, oldest first.
pub(super) fn moves(events: &[Event], group: &GroupId, account: &AccountId) -> Vec<Move> {
    let mut rolls = Rolls::default();
    let mut moves = Vec::new();
    let (mut before, mut gap) = (false, false);
    for (at, event) in events.iter().enumerate().filter(|(_, event)| event.group_id.as_ref() == Some(group)) {
        rolls.take(at, event);
        let Some(roll) = rolls.group(group).filter(|roll| roll.end.is_none()) else {
            gap = true;
            continue;
        };
        let member = roll.members.contains_key(account);
        // Taken out of a group in which the log did not know them yet, they were in before.
        let out = event.says(account) == Some(false) && moves.is_empty();
        // Who is in after a time of which nobody knows is seen anew.
        if member != before || out || (gap && member) {
            moves.push(Move { at, member });
        }
        (before, gap) = (member, false);
    }
    moves
}

/// The last change after an event that was tried and not made.
pub(super) fn attempt(
    events: &[Event],
    group: &GroupId,
    account: &AccountId,
    after: Option<usize>,
    holds: &BTreeMap<i64, Timestamp>,
) -> Option<EventEntry> {
    let failed = |event: &Event| match &event.what {
        What::Made(made) => !made.so && event.group_id.as_ref() == Some(group) && event.tries(account),
        What::Baseline { .. } | What::Drift { .. } | What::Ended { .. } => false,
    };
    let at = events.iter().rposition(failed)?;
    let later = after.is_none_or(|after| at > after);
    let event = events.get(at).filter(|_| later)?;
    let wanted = matches!(&event.what, What::Made(made) if made.op == crate::model::plan::Op::AddMember);
    Some(event_entry(event, !wanted, holds))
}

/// A move for the document.
pub(super) fn entry(events: &[Event], one: &Move, holds: &BTreeMap<i64, Timestamp>) -> Option<EventEntry> {
    events.get(one.at).map(|event| event_entry(event, one.member, holds))
}

pub(crate) fn grant(grant: &Grant) -> GrantEntry {
    GrantEntry {
        source: grant.source.to_string(),
        directory_group: grant.directory_group.to_string(),
        path: grant.path.iter().map(ToString::to_string).collect(),
    }
}

pub(crate) fn event_entry(event: &Event, member: bool, holds: &BTreeMap<i64, Timestamp>) -> EventEntry {
    let plain = EventEntry {
        seq: event.seq,
        at: time(event.at),
        run_id: event.run.as_ref().map(ToString::to_string),
        kind: "seen".to_owned(),
        member,
        not_before: None,
        reason: None,
        because: Vec::new(),
        entry: None,
        hold: None,
        held_since: None,
        approval: None,
        approvals: Vec::new(),
        request: None,
        result: None,
        read_back: None,
        error: None,
        recovered_by: None,
    };
    match &event.what {
        What::Baseline { .. } | What::Ended { .. } => plain,
        What::Drift { since, .. } => EventEntry { kind: "by_others".to_owned(), not_before: since.map(time), ..plain },
        What::Made(made) => of_made(made, holds.get(&event.seq).copied(), plain),
    }
}

fn approval(consent: &Consent) -> ApprovalEntry {
    ApprovalEntry {
        by: consent.by.clone(),
        login: consent.login.clone(),
        reason: consent.reason.clone(),
        ticket: consent.ticket.clone(),
    }
}

fn of_made(made: &Made, held_since: Option<Timestamp>, plain: EventEntry) -> EventEntry {
    EventEntry {
        kind: "made".to_owned(),
        reason: Some(made.reason.clone()),
        because: made.because.iter().map(grant).collect(),
        entry: made.entry.as_ref().map(|entry| format!("{}: {} ({})", entry.source, entry.id, entry.origin)),
        hold: made.hold.clone(),
        held_since: held_since.map(time),
        approval: made.consent.as_ref().map(approval),
        approvals: made.consents.iter().map(approval).collect(),
        request: made.call.as_ref().map(|call| RequestEntry {
            method: call.method.clone(),
            path: call.path.clone(),
            status: call.status,
            attempts: call.attempts,
        }),
        result: Some(made.result.clone()),
        read_back: made.read_back,
        error: made.error.clone(),
        recovered_by: made.recovered_by.as_ref().map(ToString::to_string),
        ..plain
    }
}

/// The answer for a moment in the past, from the log alone. `group`: by its name or id; none: every group
/// in which the account ever was.
pub fn past(
    asked: &Asked,
    account: AccountEntry,
    group: Option<&str>,
    events: &[Event],
    holds: &BTreeMap<i64, Timestamp>,
    at: Timestamp,
) -> ExplainDocument {
    let id = AccountId::new(&account.user_id);
    let mut groups: BTreeMap<&GroupId, &str> = BTreeMap::new();
    for event in events {
        if let Some(id) = &event.group_id {
            groups.insert(id, &event.group);
        }
    }
    let named = |name: &str| {
        events.iter().filter(|event| event.group == name).filter_map(|event| event.group_id.as_ref()).collect()
    };
    let wanted: Option<BTreeSet<&GroupId>> = group.map(|group| {
        let by_id = groups.keys().copied().find(|id| id.as_str() == group);
        by_id.map_or_else(|| named(group), |id| BTreeSet::from([id]))
    });
    let mut answers = Vec::new();
    for (group_id, name) in groups {
        let moves = moves(events, group_id, &id);
        let shown = match &wanted {
            Some(wanted) => wanted.contains(group_id),
            None => !moves.is_empty(),
        };
        if shown {
            answers.push(at_moment(events, holds, at, (group_id, name), &id, &moves));
        }
    }
    answers.sort_by(|a, b| (&a.group, &a.group_id).cmp(&(&b.group, &b.group_id)));
    ExplainDocument {
        format: FORMAT.to_owned(),
        asked: asked.clone(),
        facts: None,
        people: Vec::new(),
        account: Some(account),
        groups: answers,
        notes: Vec::new(),
    }
}

/// The answer for a group of which the log tells nothing.
pub fn unheard(group: &GroupFacts) -> GroupAnswer {
    GroupAnswer {
        group: group.name.to_string(),
        group_id: group.id.as_ref().map(ToString::to_string),
        verdict: UNHEARD.to_owned(),
        ..GroupAnswer::default()
    }
}

/// Nothing is told of a group up to a time.
const UNHEARD: &str = "nobody knows: the log tells nothing of this group before that time";

fn at_moment(
    events: &[Event],
    holds: &BTreeMap<i64, Timestamp>,
    at: Timestamp,
    (group_id, name): (&GroupId, &str),
    account: &AccountId,
    moves: &[Move],
) -> GroupAnswer {
    let is_later = |one: &&Move| events.get(one.at).is_some_and(|event| event.at > at);
    let next = moves.iter().find(is_later);
    let last = moves.iter().rev().find(|one| !is_later(one));
    let rolls = Rolls::of(events, Some(at));
    let roll = rolls.group(group_id);
    let known_since = roll.and_then(|roll| roll.known_since);
    let present = roll.is_some_and(|roll| roll.members.contains_key(account));
    let end = roll.and_then(|roll| roll.end.as_ref());
    let today = Rolls::of(events, None);
    let later = today.group(group_id).and_then(|roll| roll.end.as_ref()).filter(|_| next.is_none());
    let member = match (last, known_since, end) {
        (None, None, _) | (_, _, Some(_)) => None,
        _ => Some(present),
    };
    let verdict = match (member, last.is_some()) {
        (None, _) if end.is_some() => {
            let until = end.map(|end| format!("up to {} ({})", words_when(end.until), words::ended(&end.why)));
            let then = if present { "was a member then" } else { "was not a member then" };
            format!("nobody knows: the log tells of this group {}; {then}", until.unwrap_or_default())
        }
        (None, _) => match next.and_then(|next| events.get(next.at)) {
            Some(next) => format!("nobody knows: the log tells of this group from {} on", words_when(next.at)),
            None => UNHEARD.to_owned(),
        },
        (Some(true), _) => "was a member".to_owned(),
        (Some(false), true) => "was not a member any more".to_owned(),
        (Some(false), false) => "was not a member".to_owned(),
    };
    let upto = events.iter().take_while(|event| event.at <= at).count();
    GroupAnswer {
        group: name.to_owned(),
        group_id: Some(group_id.to_string()),
        member,
        verdict,
        known_since: known_since.map(time),
        known_until: end.or(later).map(|end| time(end.until)),
        last_change: last.and_then(|last| entry(events, last, holds)),
        next_change: next.and_then(|next| entry(events, next, holds)),
        failed_change: attempt(
            events.get(..upto).unwrap_or(events),
            group_id,
            account,
            last.map(|last| last.at),
            holds,
        ),
        ..GroupAnswer::default()
    }
}

fn words_when(at: Timestamp) -> String {
    words::when(&time(at))
}
