//! Floor 2: rows of `GET /groups` and `GET /groups/users` → groups, held against what is known.

use std::collections::{BTreeMap, BTreeSet};

use super::super::error::TargetError;
use super::super::reader::{Found, Reader};
use super::super::wire::{Group, Membership, first};
use super::pieces::Entries;
use super::{Known, unbelievable};
use crate::model::id::GroupId;
use crate::model::live::{Absence, LiveState};
use crate::model::numbered::{Id, Texts};
use crate::model::problem::Problem;

/// Groups and members as the lists have them.
#[derive(Debug)]
pub(super) struct Drawn {
    /// Groups by id.
    pub(super) listed: BTreeMap<GroupId, Group>,
    /// Groups that the list itself shows as archived.
    pub(super) absent: BTreeMap<GroupId, Absence>,
    /// Members by group.
    pub(super) members: Members,
    /// The organisation.
    pub(super) organisation: Option<String>,
}

impl Reader {
    /// Asks for what the lists leave out.
    pub(super) async fn believe_groups(
        &self,
        drawn: &Drawn,
        known: Known<'_>,
        problems: &mut Vec<Problem>,
    ) -> Result<BTreeMap<GroupId, Absence>, TargetError> {
        let Drawn { listed, absent, members, .. } = drawn;
        if listed.is_empty() && absent.is_empty() && !known.groups.is_empty() {
            let count = known.groups.len();
            return Err(unbelievable(format!(
                "the list of groups is empty, and {count} groups are known from earlier runs"
            )));
        }
        let left = known.left.count();
        if members.groups.is_empty() && left > 0 {
            return Err(unbelievable(format!(
                "the list of memberships is empty, and there were {left} memberships after the last run"
            )));
        }
        let mut absent = absent.clone();
        let unlisted = known.mapped.iter().filter(|id| !listed.contains_key(*id) && !absent.contains_key(*id));
        let found = self.ask_for_unlisted(unlisted, problems).await?;
        absent.extend(found);
        absent.extend(self.ask_for_memberless(listed, &members.groups, known).await?);
        Ok(absent)
    }

    /// Asks for more groups that are known and in no list, once it is known that they matter.
    ///
    /// # Errors
    /// One could not be asked for, or is there after all: then the list of groups is not to be believed.
    pub async fn ask_for_more(&self, live: &mut LiveState, unlisted: &BTreeSet<GroupId>) -> Result<(), TargetError> {
        let before = self.client().calls().reads;
        let found = self.ask_for_unlisted(unlisted, &mut live.problems).await?;
        live.absent.extend(found);
        live.problems.sort();
        live.reads += self.client().calls().reads.saturating_sub(before);
        Ok(())
    }

    /// Groups that are in no list, asked for one by one.
    async fn ask_for_unlisted(
        &self,
        unlisted: impl IntoIterator<Item = &GroupId>,
        problems: &mut Vec<Problem>,
    ) -> Result<BTreeMap<GroupId, Absence>, TargetError> {
        let mut found = BTreeMap::new();
        let mut archived = None;
        for id in unlisted {
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

    /// Whether a group that was listed a moment ago is archived by now: it is among the archived ones, and not among the
    /// others. A server that does not know the `status` lists the same groups both times.
    pub(in super::super) async fn is_among_archived(&self, id: &GroupId) -> Result<bool, TargetError> {
        if !self.archived().await?.contains(id) {
            return Ok(false);
        }
        let listed = self.groups(None, None).await?.rows;
        Ok(!listed.iter().any(|group| group.id.as_deref() == Some(id.as_str()) && !is_archived(group)))
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
    /// entry among the memberships. Whether a group without members has one is not documented. Gives those whose members
    /// are not to be had.
    async fn ask_for_memberless(
        &self,
        listed: &BTreeMap<GroupId, Group>,
        members: &BTreeMap<GroupId, Vec<Id>>,
        known: Known<'_>,
    ) -> Result<BTreeMap<GroupId, Absence>, TargetError> {
        let mut unread = BTreeMap::new();
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
            let count = match self.members(id).await {
                Ok(members) => members.ids.len(),
                // This group's own matter, and not "nobody".
                Err(TargetError::Refused { status: 404 | 410, .. }) => {
                    unread.insert(id.clone(), Absence::Unread(group.name.clone().unwrap_or_default()));
                    continue;
                }
                Err(error) => return Err(error),
            };
            if count > 0 {
                return Err(unbelievable(format!(
                    "the list of memberships shows nobody in group {id}, which has {count} members when it is asked for"
                )));
            }
        }
        Ok(unread)
    }
}

/// Whether the body of a group says that it is archived.
pub(in super::super) fn is_archived(group: &Group) -> bool {
    let words = ["archived", "deleted", "canceled", "cancelled"];
    group.status.as_deref().is_some_and(|status| words.iter().any(|word| status.eq_ignore_ascii_case(word)))
}

/// Groups by id; archived ones apart.
pub(super) fn index(
    rows: Vec<Group>,
    problems: &mut Vec<Problem>,
) -> (BTreeMap<GroupId, Group>, BTreeMap<GroupId, Absence>) {
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

/// The list of memberships, with nothing in it but what is needed.
#[derive(Debug, Default)]
pub(super) struct Members {
    /// Members' ids by group, as they came. A group without an entry is not in it.
    pub(super) groups: BTreeMap<GroupId, Vec<Id>>,
    pub(super) texts: Texts,
    /// What was odd.
    pub(super) problems: Vec<Problem>,
    /// Entries, odd ones too.
    pub(super) len: usize,
    /// Entries that are no objects.
    pub(super) odd: usize,
}

impl Entries for Members {
    fn take(&mut self, bytes: &[u8]) -> Result<Option<usize>, serde_json::Error> {
        let Some((row, length)) = first::<Membership<'_>>(bytes)? else { return Ok(None) };
        self.len += 1;
        match row {
            Some(row) => self.add(row),
            None => self.odd += 1,
        }
        Ok(Some(length))
    }

    fn clear(&mut self) {
        *self = Self::default();
    }
}

impl Members {
    /// Adds the members of one entry. One that does not say who its members are is no entry: it is not "nobody".
    fn add(&mut self, row: Membership<'_>) {
        let Self { groups, texts, problems, .. } = self;
        let Some(id) = row.group_id.map(GroupId::new) else {
            let place = "Hyperproof's list of memberships";
            problems.push(Problem::new(place, "an entry has no groupId and was passed over"));
            return;
        };
        let Some(members) = row.user_ids else {
            problems.push(Problem::new(format!("group {id}"), "its entry in the list of memberships has no userIds"));
            return;
        };
        if members.odd > 0 {
            let text = format!("{} entries of its userIds are no ids and were passed over", members.odd);
            problems.push(Problem::new(format!("group {id}"), text));
        }
        if groups.contains_key(&id) {
            let text = "is in the list of memberships more than once; all count";
            problems.push(Problem::new(format!("group {id}"), text));
        }
        groups.entry(id).or_default().extend(members.ids.iter().map(|id| Id::new(id, texts)));
    }
}

/// The organisation that most groups name.
pub(super) fn organisation(rows: &[Group], problems: &mut Vec<Problem>) -> Option<String> {
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
