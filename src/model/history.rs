//! What the audit log tells of memberships, and who was in a group by it: the last full list, what others
//! changed, what rosterd made. Plain data and a total function.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::desired::Grant;
use super::id::{AccountId, GroupId, RunId};
use super::plan::{Entry, Op};

/// One record of the log that tells of memberships.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its number.
    pub seq: i64,
    /// When it was written.
    pub at: Timestamp,
    /// The run.
    pub run: Option<RunId>,
    /// Hyperproof's id of the group; none where it was not known.
    pub group_id: Option<GroupId>,
    /// The configured name.
    pub group: String,
    /// What it tells.
    pub what: What,
}

/// What a record tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// All members, in `of` records of which this is number `part`.
    Baseline {
        /// From 1 on.
        part: u32,
        /// How many.
        of: u32,
        /// The members of this part.
        members: Vec<Seen>,
    },
    /// What somebody else changed in Hyperproof.
    Drift {
        /// Who was added.
        added: Vec<Seen>,
        /// Who was removed.
        removed: Vec<Seen>,
        /// When the group was looked at before: it happened in between.
        since: Option<Timestamp>,
    },
    /// What became of a change of rosterd's own.
    Made(Box<Made>),
    /// The group is looked at no more: from here on the log does not know who is in it.
    Ended {
        /// Why: `unmapped`, `gone` or `archived`.
        why: String,
        /// When it was looked at last; none: just now.
        since: Option<Timestamp>,
    },
}

/// An account as a record names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The account.
    pub account: AccountId,
    /// Its address then.
    pub email: Option<String>,
}

/// A change and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// Its kind.
    pub op: Op,
    /// The account; none for the creation of a group.
    pub member: Option<Seen>,
    /// A word of [`super::plan::Reason::as_str`].
    pub reason: String,
    /// The grants behind an addition.
    pub because: Vec<Grant>,
    /// The person's entry in a source.
    pub entry: Option<Entry>,
    /// A word of [`super::run::ChangeResult::as_str`].
    pub result: String,
    /// Whether the group was then as the change wanted it.
    pub so: bool,
    /// What went wrong.
    pub error: Option<String>,
    /// Whether Hyperproof's answer, or a read afterwards, showed it.
    pub read_back: Option<bool>,
    /// The call.
    pub call: Option<Call>,
    /// The hold that it waited for.
    pub hold: Option<String>,
    /// Who let it through.
    pub consent: Option<Consent>,
    /// All who let it through, each by a rule, that one among them, oldest first.
    pub consents: Vec<Consent>,
    /// The run that found out what became of it, where another one made the call.
    pub recovered_by: Option<RunId>,
}

/// A call to Hyperproof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The method.
    pub method: String,
    /// The path.
    pub path: String,
    /// The status of the last answer.
    pub status: Option<u16>,
    /// How often it was sent.
    pub attempts: Option<u32>,
}

/// An approval, as a record names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consent {
    /// Who.
    pub by: String,
    /// The login.
    pub login: String,
    /// Why.
    pub reason: String,
    /// A ticket.
    pub ticket: Option<String>,
}

impl Event {
    /// Whether an account was put in (true) or out (false) by this record; none where it says nothing
    /// of it. A full list says something of everybody, but in several parts only at its end: that is
    /// for [`Rolls`] to know.
    pub fn says(&self, account: &AccountId) -> Option<bool> {
        let is = |seen: &Seen| seen.account == *account;
        match &self.what {
            What::Baseline { members, .. } => members.iter().any(is).then_some(true),
            What::Drift { added, removed, .. } => {
                if added.iter().any(is) {
                    return Some(true);
                }
                removed.iter().any(is).then_some(false)
            }
            What::Made(made) => {
                let about = made.so && made.member.as_ref().is_some_and(is);
                let wanted = match made.op {
                    Op::AddMember => Some(true),
                    Op::RemoveMember => Some(false),
                    Op::CreateGroup | Op::SetLead | Op::ClearLead => None,
                };
                wanted.filter(|_| about)
            }
            What::Ended { .. } => None,
        }
    }

    /// Whether it tells of an attempt to change this account's membership, successful or not.
    pub fn tries(&self, account: &AccountId) -> bool {
        match &self.what {
            What::Made(made) => {
                matches!(made.op, Op::AddMember | Op::RemoveMember)
                    && made.member.as_ref().is_some_and(|member| member.account == *account)
            }
            What::Baseline { .. } | What::Drift { .. } | What::Ended { .. } => self.says(account).is_some(),
        }
    }
}

/// A member of a group by the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The address that the log has for the account.
    pub email: Option<String>,
    /// Index of the event that put the account in, or (a full list) saw it first.
    pub by: usize,
}

/// One group by the log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Roll {
    /// Its configured name, as the last record has it.
    pub name: String,
    /// Since when the log knows all of its members; none before the first full list, and after its end.
    pub known_since: Option<Timestamp>,
    /// The end of what the log knows, until a full list begins anew.
    pub end: Option<End>,
    /// The members; after its end, those of that time.
    pub members: BTreeMap<AccountId, Member>,
    /// The newest record that says something of it.
    pub last: Option<Timestamp>,
    /// A full list of which not all parts were met yet.
    pending: Option<(u32, BTreeSet<AccountId>)>,
}

/// Until when the log knows a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// When it was looked at last.
    pub until: Timestamp,
    /// Why no longer: `unmapped`, `gone` or `archived`.
    pub why: String,
}

/// Every group by the log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rolls(BTreeMap<GroupId, Roll>);

impl Rolls {
    /// Who was in which group after these events, which are in the order of the log; those later than
    /// `until` are left out.
    pub fn of(events: &[Event], until: Option<Timestamp>) -> Self {
        let mut rolls = Self::default();
        for (at, event) in events.iter().enumerate() {
            if until.is_none_or(|until| event.at <= until) {
                rolls.take(at, event);
            }
        }
        rolls
    }

    /// A group.
    pub fn group(&self, id: &GroupId) -> Option<&Roll> {
        self.0.get(id)
    }

    /// All groups, by id.
    pub fn iter(&self) -> impl Iterator<Item = (&GroupId, &Roll)> {
        self.0.iter()
    }

    /// Goes one event further; `at` is its index.
    pub fn take(&mut self, at: usize, event: &Event) {
        let Some(id) = &event.group_id else { return };
        let roll = self.0.entry(id.clone()).or_default();
        roll.name.clone_from(&event.group);
        roll.last = Some(event.at);
        match &event.what {
            What::Baseline { part, of, members } => roll.baseline(at, event.at, (*part, *of), members),
            What::Drift { added, removed, .. } => {
                for seen in added {
                    roll.put(at, seen);
                }
                for seen in removed {
                    roll.members.remove(&seen.account);
                }
            }
            What::Made(made) if made.so => roll.made(at, event.at, made),
            What::Made(_) => {}
            What::Ended { why, since } => {
                roll.known_since = None;
                roll.end = Some(End { until: since.unwrap_or(event.at), why: why.clone() });
            }
        }
    }
}

impl Roll {
    fn put(&mut self, at: usize, seen: &Seen) {
        self.members.insert(seen.account.clone(), Member { email: seen.email.clone(), by: at });
    }

    fn made(&mut self, at: usize, time: Timestamp, made: &Made) {
        match (made.op, &made.member) {
            // Nobody was in it but those whom the call put there.
            (Op::CreateGroup, _) if made.result == "done" => _ = self.known_since.get_or_insert(time),
            (Op::AddMember, Some(seen)) => {
                // "Already so" is no new membership.
                let known = self.members.contains_key(&seen.account);
                if !known || made.result == "done" {
                    self.put(at, seen);
                }
            }
            (Op::RemoveMember, Some(seen)) => _ = self.members.remove(&seen.account),
            _ => {}
        }
    }

    fn baseline(&mut self, at: usize, time: Timestamp, (part, of): (u32, u32), members: &[Seen]) {
        let before = match (part, self.pending.take()) {
            (1, _) => BTreeSet::new(),
            (part, Some((last, before))) if last + 1 == part => before,
            // The log begins within the list (older records are in an archive): it is not whole.
            _ => return,
        };
        if part == 1 && self.end.is_some() {
            // Nobody knows what happened in between.
            self.members.clear();
        }
        let mut listed = before;
        for seen in members {
            listed.insert(seen.account.clone());
            match self.members.get_mut(&seen.account) {
                // A list that is renewed makes nobody's membership younger.
                Some(known) => known.email.clone_from(&seen.email),
                None => self.put(at, seen),
            }
        }
        if part < of {
            self.pending = Some((part, listed));
        } else {
            self.members.retain(|account, _| listed.contains(account));
            self.known_since.get_or_insert(time);
            self.end = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time in range")
    }

    fn seen(names: &str) -> Vec<Seen> {
        names.split_whitespace().map(|name| Seen { account: name.into(), email: None }).collect()
    }

    fn event(second: i64, what: What) -> Event {
        Event { seq: second, at: at(second), run: None, group_id: Some("g".into()), group: "G".into(), what }
    }

    fn made(op: Op, name: &str, result: &str) -> What {
        What::Made(Box::new(Made {
            op,
            member: seen(name).pop(),
            reason: "granted".into(),
            because: Vec::new(),
            entry: None,
            so: matches!(result, "done" | "already_so"),
            result: result.into(),
            error: None,
            read_back: None,
            call: None,
            hold: None,
            consent: None,
            consents: Vec::new(),
            recovered_by: None,
        }))
    }

    fn members(events: &[Event], until: i64) -> String {
        let rolls = Rolls::of(events, Some(at(until)));
        let roll = rolls.group(&"g".into()).cloned().unwrap_or_default();
        let names: Vec<&str> = roll.members.keys().map(AccountId::as_str).collect();
        format!("{}{}", names.join(" "), if roll.known_since.is_some() { "" } else { " (not whole)" })
    }

    #[test]
    fn lists_changes_by_others_and_own_changes_add_up() {
        let baseline = |part, of, names: &str| What::Baseline { part, of, members: seen(names) };
        let events = [
            event(1, made(Op::AddMember, "x", "done")),
            event(2, baseline(1, 2, "ann")),
            event(2, baseline(2, 2, "bob x")),
            event(3, made(Op::AddMember, "cy", "failed")),
            event(4, made(Op::AddMember, "cy", "done")),
            event(5, made(Op::RemoveMember, "ann", "already_so")),
            event(6, What::Drift { added: seen("eve"), removed: seen("bob"), since: Some(at(5)) }),
            event(9, baseline(1, 1, "cy eve")),
        ];
        let all: Vec<String> = (0..10).map(|until| members(&events, until)).collect();
        assert_eq!(
            all,
            [
                " (not whole)",
                "x (not whole)",
                "ann bob x",
                "ann bob x",
                "ann bob cy x",
                "bob cy x",
                "cy eve x",
                "cy eve x",
                "cy eve x",
                "cy eve"
            ]
        );
        let rolls = Rolls::of(&events, None);
        assert_eq!(
            rolls.group(&"g".into()).unwrap().members[&AccountId::new("cy")].by,
            4,
            "a list makes nobody younger"
        );
        assert_eq!(members(&events[2..], 2), " (not whole)", "half a list is none");
    }

    #[test]
    fn what_is_known_ends_with_the_last_look_and_begins_anew_with_a_list() {
        let list = |part, of, names: &str| What::Baseline { part, of, members: seen(names) };
        let events = [
            event(1, list(1, 1, "ann bob")),
            event(4, What::Ended { why: "gone".into(), since: Some(at(3)) }),
            event(7, list(1, 2, "ann")),
            event(8, list(2, 2, "cy")),
        ];
        assert_eq!([3, 5, 8].map(|until| members(&events, until)), ["ann bob", "ann bob (not whole)", "ann cy"]);
        let roll = |until| Rolls::of(&events, Some(at(until))).group(&"g".into()).cloned().unwrap();
        assert_eq!(roll(5).end, Some(End { until: at(3), why: "gone".into() }));
        assert_eq!((roll(8).end, roll(8).known_since), (None, Some(at(8))));
        assert_eq!(roll(8).members[&AccountId::new("ann")].by, 2, "what was before the gap says nothing of since when");
    }

    #[test]
    fn a_group_that_was_created_is_known_from_its_beginning() {
        let events = [event(1, made(Op::CreateGroup, "", "done")), event(1, made(Op::AddMember, "ann", "done"))];
        assert_eq!(members(&events, 1), "ann");
    }
}
