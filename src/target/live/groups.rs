//! Floor 2: rows of `GET /groups` and `GET /groups/users` → groups, held against what is known.

use std::collections::{BTreeMap, BTreeSet};

use super::super::error::TargetError;
use super::super::reader::{Found, Reader};
use super::super::wire::{Group, List, Membership};
use super::{Known, unbelievable};
use crate::model::id::{AccountId, GroupId};
use crate::model::live::Absence;
use crate::model::problem::Problem;

/// A group that is believed, before it is known whose its members' ids are.
pub(super) struct Believed {
    pub(super) id: GroupId,
    pub(super) name: String,
    pub(super) lead: Option<AccountId>,
    pub(super) members: BTreeSet<AccountId>,
}

/// What is believed: groups, those that are not there, and the organisation.
type Answer = (Vec<Believed>, BTreeMap<GroupId, Absence>, Option<String>);

impl Reader {
    /// Joins groups and members, and asks for what the lists leave out.
    pub(super) async fn believe_groups(
        &self,
        groups: List<Group>,
        memberships: List<Membership>,
        known: Known<'_>,
        problems: &mut Vec<Problem>,
    ) -> Result<Answer, TargetError> {
        let organisation = organisation(&groups.rows, problems);
        let (mut listed, mut absent) = index(groups.rows, problems);
        let mut members = members_by_group(memberships.rows, problems);
        if listed.is_empty() && absent.is_empty() && !known.groups.is_empty() {
            let count = known.groups.len();
            return Err(unbelievable(format!(
                "the list of groups is empty, and {count} groups were there at the last run"
            )));
        }
        let left = known.left.count();
        if members.is_empty() && left > 0 {
            return Err(unbelievable(format!(
                "the list of memberships is empty, and there were {left} memberships after the last run"
            )));
        }
        absent.extend(self.ask_for_unlisted(&listed, &absent, known, problems).await?);
        self.ask_for_memberless(&listed, &members, known).await?;
        let groups = std::mem::take(&mut listed)
            .into_iter()
            .map(|(id, group)| Believed {
                name: group.name.unwrap_or_default(),
                lead: group.group_lead_id.map(AccountId::from),
                members: members.remove(&id).unwrap_or_default(),
                id,
            })
            .collect();
        Ok((groups, absent, organisation))
    }

    /// Mapped groups that are in no list.
    async fn ask_for_unlisted(
        &self,
        listed: &BTreeMap<GroupId, Group>,
        absent: &BTreeMap<GroupId, Absence>,
        known: Known<'_>,
        problems: &mut Vec<Problem>,
    ) -> Result<BTreeMap<GroupId, Absence>, TargetError> {
        let mut found = BTreeMap::new();
        let mut archived = None;
        for id in known.mapped {
            if listed.contains_key(id) || absent.contains_key(id) {
                continue;
            }
            let absence = match self.group(id).await {
                Ok(Found::Nothing) => Absence::Gone,
                Ok(Found::Group(group)) if is_archived(&group) => Absence::Archived,
                Ok(Found::Group(_)) => {
                    if archived.is_none() {
                        archived = Some(self.archived().await?);
                    }
                    if !archived.as_ref().is_some_and(|archived| archived.contains(id)) {
                        return Err(unbelievable(format!(
                            "the list of groups does not have group {id}, which is there when it is asked for"
                        )));
                    }
                    Absence::Archived
                }
                Err(TargetError::Refused { status: 400 | 422, message, .. }) => {
                    let problem = Problem::new(format!("group {id}"), format!("Hyperproof refuses the id: {message}"));
                    problems.push(problem.help("correct the id of the group in the configuration"));
                    Absence::Gone
                }
                Err(error) => return Err(error),
            };
            found.insert(id.clone(), absence);
        }
        Ok(found)
    }

    /// Ids of archived groups. A server that cannot list them has none to show.
    async fn archived(&self) -> Result<BTreeSet<GroupId>, TargetError> {
        match self.groups(Some("archived"), None).await {
            Ok(list) => Ok(list.rows.into_iter().filter_map(|group| group.id).map(GroupId::from).collect()),
            Err(TargetError::Refused { .. } | TargetError::Decode { .. }) => Ok(BTreeSet::new()),
            Err(error) => Err(error),
        }
    }

    /// Mapped groups that had members and show none now, and those never seen before that have no
    /// entry among the memberships. Whether a group without members has one is not documented.
    async fn ask_for_memberless(
        &self,
        listed: &BTreeMap<GroupId, Group>,
        members: &BTreeMap<GroupId, BTreeSet<AccountId>>,
        known: Known<'_>,
    ) -> Result<(), TargetError> {
        for (id, group) in listed {
            let settled = match (known.left.of(id), members.get(id)) {
                (Some(left), None) => left.is_empty(),
                (Some(left), Some(members)) => left.is_empty() || !members.is_empty(),
                (None, members) => members.is_some(),
            };
            if settled {
                continue;
            }
            if !known.mapped.contains(id) && !group.name.as_deref().is_some_and(known.is_target) {
                continue;
            }
            let count = self.members(id).await?.ids.len();
            if count > 0 {
                return Err(unbelievable(format!(
                    "the list of memberships shows nobody in group {id}, which has {count} members when it is asked for"
                )));
            }
        }
        Ok(())
    }
}

fn is_archived(group: &Group) -> bool {
    let words = ["archived", "deleted", "canceled", "cancelled"];
    group.status.as_deref().is_some_and(|status| words.iter().any(|word| status.eq_ignore_ascii_case(word)))
}

/// Groups by id; archived ones apart.
fn index(rows: Vec<Group>, problems: &mut Vec<Problem>) -> (BTreeMap<GroupId, Group>, BTreeMap<GroupId, Absence>) {
    let mut listed: BTreeMap<GroupId, Group> = BTreeMap::new();
    let mut absent = BTreeMap::new();
    for group in rows {
        let name = group.name.as_deref().unwrap_or_default();
        let Some(id) = group.id.as_deref().map(GroupId::from) else {
            problems.push(Problem::new(format!("group {name:?}"), "has no id; it is left out"));
            continue;
        };
        if name.trim().is_empty() {
            problems.push(Problem::new(format!("group {id}"), "has no name"));
        }
        if listed.contains_key(&id) || absent.contains_key(&id) {
            problems.push(Problem::new(format!("group {id}"), "is listed more than once; the first entry counts"));
        } else if is_archived(&group) {
            absent.insert(id, Absence::Archived);
        } else {
            listed.insert(id, group);
        }
    }
    (listed, absent)
}

/// Members by group. An entry that does not say who its members are is no entry: it is not "nobody".
fn members_by_group(rows: Vec<Membership>, problems: &mut Vec<Problem>) -> BTreeMap<GroupId, BTreeSet<AccountId>> {
    let mut by_group: BTreeMap<GroupId, BTreeSet<AccountId>> = BTreeMap::new();
    for row in rows {
        let Some(id) = row.group_id.map(GroupId::from) else {
            problems
                .push(Problem::new("Hyperproof's list of memberships", "an entry has no groupId and was passed over"));
            continue;
        };
        let Some(ids) = row.user_ids else {
            problems.push(Problem::new(format!("group {id}"), "its entry in the list of memberships has no userIds"));
            continue;
        };
        if ids.odd > 0 {
            let text = format!("{} entries of its userIds are no ids and were passed over", ids.odd);
            problems.push(Problem::new(format!("group {id}"), text));
        }
        if by_group.contains_key(&id) {
            problems
                .push(Problem::new(format!("group {id}"), "is in the list of memberships more than once; all count"));
        }
        by_group.entry(id).or_default().extend(ids.ids.into_iter().map(AccountId::from));
    }
    by_group
}

/// The organisation that most groups name.
fn organisation(rows: &[Group], problems: &mut Vec<Problem>) -> Option<String> {
    let mut named: BTreeMap<&str, usize> = BTreeMap::new();
    for id in rows.iter().filter_map(|group| group.org_id.as_deref()) {
        *named.entry(id).or_default() += 1;
    }
    if named.len() > 1 {
        let text = format!("name {} different organisations", named.len());
        problems.push(
            Problem::new("Hyperproof's groups", text).help("is the API client meant for more than one organisation?"),
        );
    }
    let (id, _) = named.into_iter().max_by(|a, b| a.1.cmp(&b.1).then(b.0.cmp(a.0)))?;
    Some(id.to_owned())
}
