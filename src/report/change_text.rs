//! One change as one line: a mark, whom it concerns, and why.

use std::collections::{BTreeMap, BTreeSet};

use super::document::{ChangeEntry, HoldEntry, Made, PlanDocument, ResultWord};
use super::look::Ink;
use super::words;
use crate::model::plan::Op;

/// A line of a list of changes.
pub(crate) struct Line {
    /// One character.
    pub(crate) mark: char,
    /// Its colour.
    pub(crate) ink: Ink,
    /// Whom or what it concerns.
    pub(crate) who: String,
    /// Why, and what stands against it.
    pub(crate) why: String,
}

/// What becomes, or became, of a change, the most urgent first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fate<'a> {
    /// It failed, with the error.
    Failed(&'a str),
    /// The run did not come to it, with the cause.
    NotTried(&'a str),
    /// It will be made, or was.
    Passes,
    /// Somebody else had made it.
    AlreadySo,
    /// It waits.
    Held,
    /// Its group is in report mode.
    Report,
}

impl<'a> Fate<'a> {
    pub(crate) fn of(change: &'a ChangeEntry) -> Self {
        match &change.made {
            Some(made) => Self::made(made),
            None if change.report => Self::Report,
            None if !change.holds.is_empty() => Self::Held,
            None => Self::Passes,
        }
    }

    fn made(made: &'a Made) -> Self {
        let error = made.error.as_deref().unwrap_or("no cause given");
        match made.result {
            ResultWord::Done => Self::Passes,
            ResultWord::AlreadySo => Self::AlreadySo,
            ResultWord::Failed => Self::Failed(error),
            ResultWord::NotTried => Self::NotTried(error),
            ResultWord::Held => Self::Held,
            ResultWord::Report => Self::Report,
        }
    }

    /// The order within a list: what a person must know first is not cut off.
    pub(crate) fn rank(self) -> u8 {
        match self {
            Self::Failed(_) => 0,
            Self::NotTried(_) => 1,
            Self::Passes => 2,
            Self::AlreadySo => 3,
            Self::Held => 4,
            Self::Report => 5,
        }
    }
}

/// Tells of a document's changes: knows its holds, and how text from outside must be shown.
pub(crate) struct Teller<'a> {
    holds: BTreeMap<&'a str, &'a HoldEntry>,
    /// Addresses that two accounts bear: those are told with their ids.
    twins: BTreeSet<&'a str>,
    show: fn(&str) -> String,
}

/// The changes of one group, the most urgent first, what waits for the same holds together, and
/// otherwise in the order of the document.
pub(crate) fn sorted<'a>(changes: &[&'a ChangeEntry]) -> Vec<&'a ChangeEntry> {
    let mut changes = changes.to_vec();
    let rank = |change: &ChangeEntry| Fate::of(change).rank();
    let holds = |change: &'a ChangeEntry| match Fate::of(change) {
        Fate::Held => change.holds.as_slice(),
        _ => &[],
    };
    changes.sort_by(|one, other| rank(one).cmp(&rank(other)).then_with(|| holds(one).cmp(holds(other))));
    changes
}

/// Changes that the same holds keep waiting.
pub(crate) struct Held {
    /// By what, and why, where it is the same for all of them.
    pub(crate) head: String,
    /// Whom each of them concerns; the reason where they differ.
    pub(crate) lines: Vec<(String, String)>,
}

impl<'a> Teller<'a> {
    /// `show` makes text from outside fit for the format.
    pub(crate) fn new(document: &'a PlanDocument, show: fn(&str) -> String) -> Self {
        let mut ids: BTreeMap<&str, &str> = BTreeMap::new();
        let mut twins = BTreeSet::new();
        for change in &document.changes {
            if let (Some(email), Some(id)) = (&change.email, &change.user_id)
                && *ids.entry(email).or_insert(id) != id
            {
                twins.insert(email.as_str());
            }
        }
        Self { holds: document.holds.iter().map(|hold| (hold.id.as_str(), hold)).collect(), twins, show }
    }

    /// The line of a change.
    pub(crate) fn line(&self, change: &ChangeEntry) -> Line {
        let show = self.show;
        let name = self.name(change);
        let mut why = words::reason(change, show);
        if change.approved {
            why.push_str("; approved");
        }
        let verb = words::action(change.op, &name);
        match Fate::of(change) {
            Fate::Failed(error) => trouble(verb, format!("failed: {}; {why}", show(error))),
            Fate::NotTried(error) => trouble(verb, format!("not tried: {}; {why}", show(error))),
            Fate::AlreadySo => Line { mark: '=', ink: Ink::Faint, who: verb, why: format!("already so; {why}") },
            Fate::Held => {
                Line { mark: '?', ink: Ink::Hold, who: verb, why: format!("{why}; held by {}", self.held_by(change)) }
            }
            Fate::Report => noun(change.op, name, format!("{why} (report only)")),
            Fate::Passes => noun(change.op, name, why),
        }
    }

    /// Changes under the same holds, `whole` in number if all were shown: told together.
    pub(crate) fn held(&self, changes: &[&ChangeEntry], whole: usize) -> Held {
        let reasons: Vec<String> = changes.iter().map(|change| words::reason(change, self.show)).collect();
        let by = changes.first().map(|change| self.held_by(change)).unwrap_or_default();
        let common = match reasons.split_first() {
            Some((first, rest)) if rest.iter().all(|reason| reason == first) => Some(first.clone()),
            _ => None,
        };
        let why = common.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        let actions = changes.iter().map(|change| words::action(change.op, &self.name(change)));
        let reasons = reasons.into_iter().map(|reason| if common.is_some() { String::new() } else { reason });
        Held { head: format!("{whole} held by {by}{why}"), lines: actions.zip(reasons).collect() }
    }

    /// Whom a change concerns: the address, and the account's id where the address is not enough.
    fn name(&self, change: &ChangeEntry) -> String {
        let show = self.show;
        match (&change.email, &change.user_id) {
            (Some(email), Some(id)) if self.twins.contains(email.as_str()) => {
                format!("{} (account {})", show(email), show(id))
            }
            (Some(email), _) => show(email),
            (None, Some(id)) => format!("account {}", show(id)),
            (None, None) => "nobody".to_owned(),
        }
    }

    fn held_by(&self, change: &ChangeEntry) -> String {
        let show = self.show;
        let named: Vec<String> = change
            .holds
            .iter()
            .map(|id| match self.holds.get(id.as_str()) {
                Some(hold) => format!("{} ({})", show(id), words::rule(hold)),
                None => show(id),
            })
            .collect();
        named.join(", ")
    }
}

fn trouble(who: String, why: String) -> Line {
    Line { mark: '!', ink: Ink::Trouble, who, why }
}

fn noun(op: Op, name: String, why: String) -> Line {
    let (mark, ink, who) = match op {
        Op::CreateGroup => ('+', Ink::Add, "the group itself".to_owned()),
        Op::AddMember => ('+', Ink::Add, name),
        Op::RemoveMember => ('-', Ink::Remove, name),
        Op::SetLead => ('~', Ink::Alter, format!("lead: {name}")),
        Op::ClearLead => ('~', Ink::Alter, "lead: nobody".to_owned()),
    };
    Line { mark, ink, who, why }
}
