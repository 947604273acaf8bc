//! The comparison of one target group.
//!
//! A group in step costs a pass over those who are granted it and one over its live members. Everything with
//! names and grants happens for the members alone that differ.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::model::address::Address;
use crate::model::desired::{DesiredGroup, Feed, Gap, Missing, PersonRef};
use crate::model::directory::Person;
use crate::model::id::{AccountId, GroupName};
use crate::model::live::{Account, AccountIndex, LiveGroup};
use crate::model::plan::{Change, GroupStanding, GroupSummary, Op, Reason, Skip, Why};
use crate::model::policy::{GroupPolicy, Mode};
use crate::model::problem::Problem;

use super::super::find::Found;
use super::super::grants::{self, Grants};
use super::super::resolve::{LeftOut, Resolved};
use super::marks::Marks;
use super::{Common, Difference, GroupFacts};

/// The comparison of one target group.
pub(super) struct GroupDiff<'a> {
    pub(super) common: &'a Common<'a>,
    pub(super) name: &'a GroupName,
    pub(super) desired: &'a DesiredGroup,
    pub(super) policy: &'a GroupPolicy,
    pub(super) live: Option<&'a LiveGroup>,
    /// Everyone who is granted the group and left out, sorted.
    pub(super) left_out: Vec<(PersonRef, &'a LeftOut)>,
    /// Grants of everyone who stands behind an account that differs.
    pub(super) grants: Grants,
    /// Accounts of people who have another one that is a member too, with what is to be told of them.
    pub(super) doubles: BTreeMap<AccountIndex, String>,
    pub(super) changes: Vec<Change>,
    pub(super) skips: Vec<Skip>,
    pub(super) pending: BTreeMap<(GroupName, AccountId), Timestamp>,
    pub(super) in_grace: usize,
}

/// How a group's accounts should be and are.
struct Compared {
    /// How many should be members and may be.
    wanted: usize,
    /// Those of them who are not, sorted.
    missing: Vec<AccountIndex>,
    /// Members who should not be, sorted.
    extra: Vec<AccountIndex>,
}

impl<'a> GroupDiff<'a> {
    pub(super) fn new(
        common: &'a Common<'a>,
        name: &'a GroupName,
        desired: &'a DesiredGroup,
        live: Option<&'a LiveGroup>,
    ) -> Self {
        Self {
            common,
            name,
            desired,
            policy: common.inputs.policy.group(name),
            live,
            left_out: Vec::new(),
            grants: Grants::default(),
            doubles: BTreeMap::new(),
            changes: Vec::new(),
            skips: Vec::new(),
            pending: BTreeMap::new(),
            in_grace: 0,
        }
    }

    /// Compares, and adds what differs to the difference.
    pub(super) fn run(mut self, found: &Found<'_>, marks: &mut Marks, difference: &mut Difference) -> GroupFacts {
        let Compared { wanted, missing, extra } = self.compare(marks);
        let desired_people = wanted + self.leave_out();
        let mut problems: Vec<Problem> = found.problems().to_vec();
        problems.extend(self.gaps());
        problems.extend(self.missed());
        let create = matches!(found, Found::Absent { .. })
            && self.policy.create
            && self.desired.feeds.iter().any(|feed| self.is_complete(feed.source.as_str()));
        let ready = create || self.live.is_some();
        if ready {
            if create {
                self.change(Op::CreateGroup, None, Reason::Granted, Vec::new(), false);
            }
            let differing = missing.iter().chain(&extra).flat_map(|at| self.common.people.behind(*at)).collect();
            self.grants = grants::of(self.common.inputs.sources, self.desired, differing);
            self.doubles = self.doubles(&extra);
            self.add(&missing);
            self.remove(&extra);
            self.lead();
        } else {
            self.skips.clear();
        }
        let absent_but_creatable = matches!(found, Found::Absent { .. }) && self.policy.create;
        difference.memberships += self.live.map_or(0, LiveGroup::count);
        difference.changes.append(&mut self.changes);
        difference.skips.append(&mut self.skips);
        difference.pending.append(&mut self.pending);
        GroupFacts {
            not_granted: self.not_granted(),
            desired_accounts: wanted,
            in_grace: self.in_grace,
            link: found.link().cloned(),
            summary: GroupSummary {
                name: self.name.clone(),
                id: self.live.map(|live| live.id.clone()),
                mode: self.policy.mode,
                lead: self.live.and_then(|live| live.lead.clone()),
                live: self.live.map_or(0, LiveGroup::count),
                desired: desired_people,
                standing: if ready || absent_but_creatable { GroupStanding::Ready } else { GroupStanding::Unusable },
                complete: self.desired.gaps.is_empty(),
                grounds: self.desired.grounds.clone(),
                mappings: Vec::new(),
                problems,
            },
        }
    }

    /// Marks the accounts that should be members, and looks which of those that are have a mark.
    fn compare(&mut self, marks: &mut Marks) -> Compared {
        let people = self.common.people;
        let all = grants::people(self.common.inputs.sources, self.desired);
        marks.renew();
        let mut granted = 0;
        for (source, members) in all.clone() {
            let accounts = people.accounts_of(source);
            let marked = marks.want(members, accounts);
            granted += marked;
            if marked == members.len() {
                continue;
            }
            let left_out = members.iter().map(|person| PersonRef { source, person: *person });
            self.left_out.extend(left_out.filter_map(|person| match people.of(person) {
                Some(Resolved::LeftOut(why)) => Some((person, why)),
                Some(Resolved::Account(_)) | None => None,
            }));
        }
        self.left_out.sort_by_key(|(person, _)| *person);
        self.left_out.dedup_by_key(|(person, _)| *person);
        let live = self.live.map_or(&[][..], |live| &live.members);
        let extra = marks.unwanted(live);
        let kept = live.len() - extra.len();
        let mut missing = Vec::new();
        // Where there are more grants than members, somebody is missing, or an account is granted more than once.
        if granted > kept {
            live.iter().for_each(|at| _ = marks.meet(*at));
            for (source, members) in all {
                let accounts = people.accounts_of(source);
                let accounts = members.iter().filter_map(|person| accounts.get(*person as usize).copied());
                missing.extend(accounts.filter(|at| marks.meet(*at)));
            }
            missing.sort_unstable();
        }
        Compared { wanted: kept + missing.len(), missing, extra }
    }

    fn is_complete(&self, source: &str) -> bool {
        let found = self.common.inputs.sources.iter().find(|own| own.name.as_str() == source);
        found.is_some_and(|source| source.completeness.is_complete())
    }

    pub(super) fn account(&self, at: AccountIndex) -> Option<&'a Account> {
        self.common.inputs.live.accounts.get(at as usize)
    }

    pub(super) fn person(&self, person: PersonRef) -> Option<&'a Person> {
        self.common.inputs.sources.get(person.source as usize)?.people.get(person.person as usize)
    }

    pub(super) fn is_own(&self, id: &AccountId) -> bool {
        *id == self.common.inputs.live.own
    }

    pub(super) fn ignores(&self, address: &Address) -> bool {
        self.common.rules.is_ignored(address)
    }

    /// Whoever is left out becomes a skip. Returns how many are by a name that tells people apart; those whom
    /// `identity.ignore` names do not count.
    fn leave_out(&mut self) -> usize {
        let mut names: BTreeSet<String> = BTreeSet::new();
        for at in 0..self.left_out.len() {
            let Some((person, LeftOut { why, account, detail, .. })) = self.left_out.get(at).copied() else { continue };
            let Some(entry) = self.person(person) else { continue };
            let shown = show(entry);
            let is_live =
                account.is_some_and(|at| self.live.is_some_and(|live| live.members.binary_search(&at).is_ok()));
            let account = account.and_then(|at| self.account(at));
            if *why != Why::Ignored {
                names.insert(account.map_or_else(|| shown.to_lowercase(), |account| account.id.to_string()));
            }
            // A contact that is a member already is where the directory wants it.
            if *why != Why::IneligibleType || !is_live {
                let detail = detail.clone().or_else(|| account.map(|account| format!("{} account", account.kind)));
                self.skip(shown, *why, detail);
            }
        }
        names.len()
    }

    pub(super) fn skip(&mut self, person: String, why: Why, detail: Option<String>) {
        self.skips.push(Skip { group: self.name.clone(), person, why, detail });
    }

    /// Addresses of `expect` that nobody who is granted the group bears.
    fn not_granted(&self) -> Vec<Address> {
        if self.policy.expect.is_empty() {
            return Vec::new();
        }
        let Common { inputs, rules, people, .. } = self.common;
        let mut granted: BTreeSet<Address> = BTreeSet::new();
        for person in grants::everybody(inputs.sources, self.desired) {
            let Some(entry) = self.person(person) else { continue };
            for address in &entry.addresses {
                granted.insert(rules.translate(address).into_owned());
                granted.insert(address.clone());
            }
            let account = people.of(person).and_then(Resolved::account).and_then(|at| self.account(at));
            granted.extend(account.and_then(|account| account.email.clone()));
        }
        self.policy.expect.iter().filter(|address| !granted.contains(*address)).cloned().collect()
    }

    /// Directory groups that are not there, where the removals that their absence seems to ask for are shown and do not
    /// say that they would wait.
    fn missed(&self) -> Vec<Problem> {
        if self.policy.mode != Mode::Report {
            return Vec::new();
        }
        let missed = |missing: &Missing| {
            let Feed { source, name, .. } = &missing.feed;
            let text = format!("directory group {name:?} of {source} is not there: its people would stay");
            let place = match &missing.named_by {
                Some(parent) => format!("in {parent:?}"),
                None => "in the mapping".to_owned(),
            };
            Problem::new(format!("group {:?}", self.name.as_str()), text).help(match &missing.renamed_to {
                Some(to) => format!("it was renamed to {to:?}: mend the name {place}"),
                None => format!("mend the name {place}, or approve the hold where the group is meant to be empty"),
            })
        };
        self.desired.missing.iter().map(missed).collect()
    }

    fn gaps(&self) -> Vec<Problem> {
        let place = || format!("group {:?}", self.name.as_str());
        let gap = |gap: &Gap| match gap {
            Gap::Source { source, .. } => {
                Problem::new(place(), format!("source {source} was not read to its end: nobody is removed"))
            }
            Gap::Group { source, directory_group, why } => Problem::new(
                place(),
                format!("directory group {directory_group:?} of {source} was read in part: {why}; nobody is removed"),
            ),
            Gap::Doubled { source, directory_group } => Problem::new(
                place(),
                format!("{source} has two directory groups named {directory_group:?}: that mapping is left alone"),
            )
            .help("name the group by its DN"),
        };
        self.desired.gaps.iter().map(gap).collect()
    }
}

/// A person as skips show them: the first address, else where the person was found.
fn show(person: &Person) -> String {
    person.addresses.first().map_or_else(|| person.origin.to_string(), Address::to_string)
}
