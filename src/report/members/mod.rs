//! `rosterd members` and `rosterd review`: who is, or was, in a group, since when, and by which grant. The
//! document `rosterd.members/1`, as text, as a table, and as a sheet for the owner of a group.

mod sheet;
mod text;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::build::time;
use super::document::GrantEntry;
use super::explain;
use crate::model::address::Address;
use crate::model::facts::{Facts, Found, GroupFacts};
use crate::model::history::{End, Event, Member, Roll, Rolls, What};
use crate::model::id::{AccountId, GroupId};
use crate::model::plan::Why;
use crate::report::words::{self, when};

pub use sheet::{review_csv, review_markdown};
pub use text::{csv, write};

/// The `format` of a list of members.
pub const FORMAT: &str = "rosterd.members/1";

/// `rosterd.members/1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MembersDocument {
    /// [`FORMAT`].
    pub format: String,
    /// The configured name.
    pub group: String,
    /// Hyperproof's id.
    pub group_id: Option<String>,
    /// The time that was asked for; none: now.
    pub at: Option<String>,
    /// How it was understood, for a person.
    pub at_means: Option<String>,
    /// When the list was made.
    pub made_at: String,
    /// Since when the log knows all members; none: it does not, and the list may have gaps.
    pub known_since: Option<String>,
    /// Until when it knew them, where it knows them no more: the list is of that time.
    pub known_until: Option<String>,
    /// The run whose facts name the grants; none for the past.
    pub facts_run: Option<String>,
    /// When that run read.
    pub facts_at: Option<String>,
    /// The members, by address.
    pub members: Vec<MemberEntry>,
    /// What else is worth knowing.
    pub notes: Vec<String>,
}

/// A member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberEntry {
    /// The account's id.
    pub user_id: String,
    /// Its address.
    pub email: Option<String>,
    /// Its standing; none for the past, and for an id that no account bears.
    pub standing: Option<String>,
    /// The grants: now, all of them; in the past, those for which the member was added.
    pub granted_by: Vec<GrantEntry>,
    /// Why somebody whom nothing grants it is a member all the same.
    pub kept: Option<String>,
    /// Since when; of a member whom the log met in a list, no later than that.
    pub since: Option<String>,
    /// `added` (by rosterd), `by_others` (in Hyperproof), or `seen` (in already when the log got its list).
    pub how: Option<String>,
    /// A `reason` of `rosterd.plan/1`.
    pub reason: Option<String>,
    /// The run.
    pub run_id: Option<String>,
    /// The record of the log.
    pub seq: Option<i64>,
    /// Who approved it; of several all, divided by `; `.
    pub approved_by: Option<String>,
    /// The approvals' tickets, likewise.
    pub ticket: Option<String>,
}

/// Members by the log, with the grants of the facts where they are about now.
#[derive(Debug, Clone, Copy)]
pub struct Listing<'a> {
    /// The configured name.
    pub group: &'a str,
    /// Hyperproof's id.
    pub id: Option<&'a GroupId>,
    /// What the log tells of the group.
    pub events: &'a [Event],
    /// The last run looked after it.
    pub mapped: bool,
    /// The facts of the last run; for the past, none.
    pub facts: Option<&'a Facts<'a>>,
    /// The time that is asked for; none: now.
    pub at: Option<Timestamp>,
    /// Now.
    pub now: Timestamp,
}

/// The list; none where the log and the facts know no such group.
pub fn list(listing: &Listing<'_>) -> Option<MembersDocument> {
    let rolls = Rolls::of(listing.events, listing.at);
    let facts = listing.facts.and_then(|facts| Some((facts, facts.group(listing.group)?)));
    let by_id = listing.id.and_then(|id| Some((id, rolls.group(id)?)));
    // A group that was made anew has another id: the one of the newest record is meant.
    let named = rolls.iter().filter(|(_, roll)| roll.name == listing.group);
    let newest = || named.max_by_key(|(_, roll)| (roll.end.is_none(), roll.last));
    let roll = by_id.filter(|(_, roll)| roll.known_since.is_some()).or_else(newest).or(by_id);
    if roll.is_none() && !listing.mapped && listing.events.is_empty() {
        return None;
    }
    let end = roll.and_then(|(id, roll)| end(listing, id, roll));
    let mut document = MembersDocument {
        format: FORMAT.to_owned(),
        group: listing.group.to_owned(),
        group_id: roll.map(|(id, _)| id).or(listing.id).map(ToString::to_string),
        at: listing.at.map(time),
        at_means: None,
        made_at: time(listing.now),
        known_since: roll.and_then(|(_, roll)| roll.known_since).filter(|_| end.is_none()).map(time),
        known_until: end.as_ref().map(|end| time(end.until)),
        facts_run: facts.map(|(facts, _)| facts.run.to_string()),
        facts_at: facts.map(|(facts, _)| time(facts.at)),
        members: Vec::new(),
        notes: Vec::new(),
    };
    let grants = facts.map(|(facts, group)| Grants::new(facts, group));
    for (account, member) in roll.into_iter().flat_map(|(_, roll)| &roll.members) {
        document.members.push(entry(listing, account, member, grants.as_ref()));
    }
    document.members.sort_by(|a, b| key(a).cmp(&key(b)));
    if let Some((_, group)) = facts.filter(|(_, group)| !group.ready) {
        document.notes.push("The group could not be worked on; these are the members that were seen last.".to_owned());
        document.notes.extend(group.problems.iter().cloned());
    }
    if let Some(End { until, why }) = &end {
        document.notes.push(format!(
            "These are the members of {} ({}): the log does not tell who is in it since.",
            when(&time(*until)),
            words::ended(why)
        ));
    } else if document.known_since.is_none() {
        let first = listing.events.iter().find(|event| matches!(event.what, What::Baseline { .. }));
        document.notes.push(match (listing.at, first) {
            (Some(_), Some(first)) => format!(
                "The log has no full list of members from before that time, only from {} on: nobody knows them all.",
                when(&time(first.at))
            ),
            (Some(_), None) => {
                "The log has no full list of members from before that time: nobody knows them all.".to_owned()
            }
            (None, _) => {
                "The log has no full list of members (older records may be in archives): rosterd apply makes one."
                    .to_owned()
            }
        });
    }
    Some(document)
}

/// Until when the log knows a group, where that is over.
fn end(listing: &Listing<'_>, id: &GroupId, roll: &Roll) -> Option<End> {
    let facts = listing.facts.filter(|facts| {
        let looked = facts.groups.iter().any(|group| group.id.as_ref() == Some(id));
        !looked && facts.group(listing.group).is_none() && roll.known_since.is_some()
    });
    // Older versions left no record of the end: a full run that did not look at the group left facts without it.
    let unseen = facts.and_then(|facts| roll.last.filter(|last| *last < facts.at));
    let unseen = unseen.map(|until| End { until, why: "unmapped".to_owned() });
    roll.end.clone().or(unseen)
}

fn key(entry: &MemberEntry) -> (bool, String, &str) {
    (entry.email.is_none(), entry.email.as_deref().unwrap_or_default().to_lowercase(), &entry.user_id)
}

fn entry(listing: &Listing<'_>, account: &AccountId, member: &Member, grants: Option<&Grants<'_>>) -> MemberEntry {
    let event = listing.events.get(member.by);
    let made = event.and_then(|event| match &event.what {
        What::Made(made) => Some(made),
        What::Baseline { .. } | What::Drift { .. } | What::Ended { .. } => None,
    });
    let how = event.map(|event| match &event.what {
        What::Made(_) => "added",
        What::Drift { .. } => "by_others",
        What::Baseline { .. } | What::Ended { .. } => "seen",
    });
    let now = grants.map(|grants| grants.of(account));
    let granted_by = match &now {
        Some(now) if !now.granted_by.is_empty() || now.kept.is_some() => now.granted_by.clone(),
        // Of the past, and of a change after the facts were read, the log knows.
        Some(_) | None => made.iter().flat_map(|made| &made.because).map(explain::grant).collect(),
    };
    let consents = made.map(|made| made.consents.as_slice()).unwrap_or_default();
    let joined = |texts: Vec<&str>| (!texts.is_empty()).then(|| texts.join("; "));
    MemberEntry {
        user_id: account.to_string(),
        email: now.as_ref().and_then(|now| now.email.clone()).or_else(|| member.email.clone()),
        standing: now.as_ref().and_then(|now| now.standing.clone()),
        kept: now.and_then(|now| now.kept),
        granted_by,
        since: event.map(|event| time(event.at)),
        how: how.map(str::to_owned),
        reason: made.map(|made| made.reason.clone()),
        run_id: event.and_then(|event| event.run.as_ref()).map(ToString::to_string),
        seq: event.map(|event| event.seq),
        approved_by: joined(consents.iter().map(|consent| consent.by.as_str()).collect()),
        ticket: joined(consents.iter().filter_map(|consent| consent.ticket.as_deref()).collect()),
    }
}

/// What the facts say of members of one group.
struct Grants<'a> {
    facts: &'a Facts<'a>,
    group: &'a GroupFacts,
    /// Entries behind each account.
    behind: BTreeMap<u32, Vec<(u32, u32)>>,
}

/// What they say of one.
#[derive(Default)]
struct Known {
    email: Option<String>,
    standing: Option<String>,
    granted_by: Vec<GrantEntry>,
    kept: Option<String>,
}

impl<'a> Grants<'a> {
    fn new(facts: &'a Facts<'a>, group: &'a GroupFacts) -> Self {
        let mut behind: BTreeMap<u32, Vec<(u32, u32)>> = BTreeMap::new();
        for (source_at, source) in (0..).zip(&facts.sources) {
            for (at, person) in source.everybody() {
                if let Some(account) = person.account {
                    behind.entry(account).or_default().push((source_at, at));
                }
            }
        }
        Self { facts, group, behind }
    }

    fn of(&self, account: &AccountId) -> Known {
        let Some(at) = self.facts.account_index(account) else {
            return Known { kept: self.kept(account.as_str(), account), ..Known::default() };
        };
        let Some(known) = self.facts.accounts.get(at as usize) else { return Known::default() };
        let mut granted_by: Vec<GrantEntry> = Vec::new();
        for (source_at, person) in self.behind.get(&at).into_iter().flatten() {
            granted_by.extend(self.ways(*source_at, *person));
        }
        granted_by.sort_by(|a, b| (&a.source, &a.path).cmp(&(&b.source, &b.path)));
        granted_by.dedup();
        let shown = known.email.as_ref().map_or(account.as_str(), Address::as_str);
        Known {
            email: known.email.as_ref().map(Address::to_string),
            standing: Some(explain::standing(known.standing).to_owned()),
            kept: if granted_by.is_empty() { self.kept(shown, account) } else { None },
            granted_by,
        }
    }

    fn ways(&self, source_at: u32, person: u32) -> Vec<GrantEntry> {
        let Some(source) = self.facts.sources.get(source_at as usize) else { return Vec::new() };
        if source.people.get(person as usize).is_none_or(|person| person.disabled) {
            return Vec::new();
        }
        let mut grants = Vec::new();
        for feed in self.group.feeds.iter().filter(|feed| feed.source == source_at) {
            let Found::Group(root) = feed.found else { continue };
            let Some(group) = source.groups.get(root as usize) else { continue };
            grants.extend(source.ways(root, person).0.into_iter().map(|way| GrantEntry {
                source: source.name.to_string(),
                directory_group: group.name.clone(),
                path: way.into_iter().map(str::to_owned).collect(),
            }));
        }
        grants
    }

    /// Why a member whom nothing grants it stays.
    fn kept(&self, shown: &str, account: &AccountId) -> Option<String> {
        let skip = self.group.skips.iter().find(|skip| skip.person == shown || skip.person == account.as_str());
        if let Some(skip) = skip {
            return Some(match (skip.why, &skip.detail) {
                (Why::Protected, Some(detail)) => format!("protected: {detail}"),
                (why, Some(detail)) => format!("{} ({detail})", words::why(why)),
                (why, None) => words::why(why).to_owned(),
            });
        }
        let change = self.group.change(account)?;
        Some(match (change.result.as_deref(), change.holds.is_empty()) {
            (_, false) => format!("the removal waits for {}", change.holds.join(", ")),
            (Some("failed"), _) => "the removal failed".to_owned(),
            _ if change.report => "the removal is planned and not made (mode report)".to_owned(),
            _ => "the removal was not made".to_owned(),
        })
    }
}
