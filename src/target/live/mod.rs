//! Floor 2: one complete read of Hyperproof that can be believed, or an error.
//!
//! A list can answer `200 []` to an account whose role is too low (hyperproof-api.md, section 3). So
//! what was read is held against what is known, and where it falls short the group is asked for by
//! its id. An error, an empty answer and a missing group are three different things.

mod accounts;
mod groups;
mod lists;
mod pieces;

use std::collections::{BTreeMap, BTreeSet};

use super::error::TargetError;
use super::member_id;
use super::reader::{Reader, decode};
use super::request::Request;
use super::wire::{Group, List};
use crate::model::id::{AccountId, GroupId};
use crate::model::live::{AccountIndex, LiveGroup, LiveState, MemberIdKind};
use crate::model::memberships::Memberships;
use crate::model::numbered::Numbered;
use crate::model::problem::Problem;

use accounts::Users;
pub(super) use groups::is_archived;
use groups::{Drawn, Members};
pub use lists::{Listed, Lists};
use pieces::Pieces;

/// What earlier runs know, against which a read is held.
#[derive(Clone, Copy)]
pub struct Known<'a> {
    /// The `id` of `/users/me`, when it was asked for with this client id.
    pub own_account: Option<&'a str>,
    /// Which id groups hold, once there was evidence.
    pub member_id: Option<MemberIdKind>,
    /// Groups that a full run listed, the last one or an earlier one.
    pub groups: &'a BTreeMap<GroupId, String>,
    /// Groups that are worked on: they are asked for by id when they are not listed.
    pub mapped: &'a BTreeSet<GroupId>,
    /// Whether a group of this name is worked on, known or not.
    pub is_target: &'a (dyn Fn(&str) -> bool + Sync),
    /// Members as the last full run left them.
    pub left: &'a Memberships,
}

/// Sizes at which servers commonly end a list without saying so (hyperproof-api.md, section 6).
const SUSPICIOUS: [usize; 7] = [25, 50, 100, 200, 250, 500, 1000];

const ROLE: &str = "the role of the service account may be too low to see everything: it must be administrator or \
                    compliance manager; compare with what Hyperproof shows";

fn unbelievable(what: String) -> TargetError {
    TargetError::Unbelievable { what, help: ROLE }
}

impl Reader {
    /// Reads accounts, groups and memberships: three GETs, one more for the tool's own account while
    /// it is not remembered, and one or two for each mapped group that the lists leave out.
    pub async fn live(&self, known: Known<'_>) -> Result<LiveState, TargetError> {
        let draft = self.draft(known.own_account).await?;
        self.believe(draft, known).await
    }

    /// The lists that a read takes, as they came, and the tool's own account where its id is not remembered.
    pub async fn lists(&self, own: Option<&str>) -> Result<Lists, TargetError> {
        let before = self.client().calls().reads;
        let (users, groups, memberships, own) = tokio::try_join!(
            self.users(true, None),
            self.group_list(None, None),
            self.memberships(None),
            self.remembered_or_own(own)
        )?;
        let reads = self.client().calls().reads.saturating_sub(before);
        Ok(Lists { users, groups, memberships, own, before, reads })
    }

    /// The same, decoded as they come: nothing of them is held that is not needed.
    pub async fn draft(&self, own: Option<&str>) -> Result<Draft, TargetError> {
        let before = self.client().calls().reads;
        let users = self.ask_for_users(true, None)?;
        let memberships = self.ask_for_memberships(None)?;
        let mut rows = Pieces::new(Users::new(self.client().judging().eligible_types.clone()));
        let mut members = Pieces::new(Members::default());
        let (_, groups, _, own) = tokio::try_join!(
            self.collection(&users, &mut rows, |rows| rows.is_list()),
            self.group_list(None, None),
            self.memberships_into(&memberships, &mut members),
            self.remembered_or_own(own)
        )?;
        let rows = rows.finish().map_err(|why| decode(&users, why))?;
        let groups = groups.rows()?;
        let members = members.finish().map_err(|why| decode(&memberships, why))?;
        Ok(Draft::new(rows, groups, members, own, before))
    }

    async fn memberships_into(&self, request: &Request, members: &mut Pieces<Members>) -> Result<(), TargetError> {
        self.client().call_into(request, members).await.map(drop).map_err(|failure| failure.error)
    }

    async fn remembered_or_own(&self, own: Option<&str>) -> Result<String, TargetError> {
        match own {
            Some(id) => Ok(id.to_owned()),
            None => self.own().await,
        }
    }

    /// Decodes lists.
    ///
    /// # Errors
    /// One of them is none.
    pub fn decode(&self, lists: Lists) -> Result<Draft, TargetError> {
        lists.decode(&self.client().judging().eligible_types)
    }

    /// Holds lists against what is known, and asks for what they leave out.
    pub async fn believe(&self, mut draft: Draft, known: Known<'_>) -> Result<LiveState, TargetError> {
        let own_id = self.own_among(&draft, known).await?;
        draft.drawn.absent = self.believe_groups(&draft.drawn, known, &mut draft.problems).await?;
        let Drawn { listed, absent, .. } = &mut draft.drawn;
        listed.retain(|id, _| !absent.contains_key(id));
        let before = draft.before;
        let mut live = draft.finish(own_id, self.client().judging().member_id, known.member_id)?;
        live.reads = self.client().calls().reads.saturating_sub(before);
        Ok(live)
    }

    /// The id of the tool's own account, which must be among the users. A remembered one that is not
    /// is asked for again: the account may have been made anew.
    async fn own_among(&self, draft: &Draft, known: Known<'_>) -> Result<String, TargetError> {
        if draft.users.has(&draft.own) {
            return Ok(draft.own.clone());
        }
        let own = match known.own_account {
            Some(_) => self.own().await?,
            None => draft.own.clone(),
        };
        match draft.users.has(&own) {
            true => Ok(own),
            false => Err(unbelievable(format!(
                "the list of users ({} entries) does not have the tool's own account {own:?}",
                draft.users.len()
            ))),
        }
    }
}

impl Lists {
    /// What the lists say, nothing held against it and nothing asked for.
    ///
    /// # Errors
    /// A list is none, or groups hold both kinds of ids.
    pub fn read(self, eligible: &[String], member_id: Option<MemberIdKind>) -> Result<LiveState, TargetError> {
        let own = self.own.clone();
        self.decode(eligible)?.finish(own, None, member_id)
    }

    /// Each list goes when it is decoded.
    fn decode(self, eligible: &[String]) -> Result<Draft, TargetError> {
        let Self { users, groups, memberships, own, before, .. } = self;
        let users = users.into_entries(Users::new(eligible.to_vec()))?;
        let groups = groups.rows()?;
        Ok(Draft::new(users, groups, memberships.into_entries(Members::default())?, own, before))
    }
}

/// Lists decoded, before it is known which id groups hold.
#[derive(Debug)]
pub struct Draft {
    users: Users,
    drawn: Drawn,
    /// The `id` of `/users/me`.
    own: String,
    /// GETs that were sent by this client before.
    before: u32,
    problems: Vec<Problem>,
}

impl Draft {
    fn new(users: Users, groups: List<Group>, mut members: Members, own: String, before: u32) -> Self {
        let mut problems = std::mem::take(&mut members.problems);
        look_at(&mut problems, "users", users.len(), users.odd);
        look_at(&mut problems, "groups", groups.len(), groups.odd);
        look_at(&mut problems, "memberships", members.len, members.odd);
        let organisation = groups::organisation(&groups.rows, &mut problems);
        let (listed, absent) = groups::index(groups.rows, &mut problems);
        Self { users, drawn: Drawn { listed, absent, members, organisation }, own, before, problems }
    }

    fn finish(
        self,
        own_id: String,
        configured: Option<MemberIdKind>,
        remembered: Option<MemberIdKind>,
    ) -> Result<LiveState, TargetError> {
        let Self { users, drawn, mut problems, .. } = self;
        let Drawn { listed, absent, mut members, organisation } = drawn;
        let (ids, numbers) = users.numbered();
        let mut held = vec![false; ids.count()];
        let of_listed = listed.keys().filter_map(|id| members.groups.get(id)).flatten();
        let mut found = ids.find_all(of_listed.map(|id| id.key(&members.texts))).into_iter();
        let mut groups = Vec::with_capacity(listed.len());
        for (id, group) in listed {
            let own = members.groups.remove(&id).unwrap_or_default();
            let (mut known, mut strangers) = (Vec::with_capacity(own.len()), Vec::new());
            for (id, number) in own.into_iter().zip(&mut found) {
                let Some(number) = number else {
                    strangers.push(id.key(&members.texts).account());
                    continue;
                };
                if let Some(held) = held.get_mut(number as usize) {
                    *held = true;
                }
                known.push(number);
            }
            groups.push((id, group, known, strangers));
        }
        let pairs = users.eligible_pairs(&numbers);
        let verdict = member_id::decide(configured, remembered, pairs, &held)?;
        let (accounts, places) = users.accounts(&ids, &numbers, verdict.kind, &mut problems);
        let own = accounts::own(&ids, &numbers, &own_id, verdict.kind);
        let groups = groups.into_iter().map(|(id, group, known, strangers)| {
            let (members, strangers) = told_apart(known, strangers, &ids, &places);
            let lead = group.group_lead_id.map(AccountId::from);
            LiveGroup { name: group.name.unwrap_or_default(), lead, members, strangers, id }
        });
        let groups = groups.collect();
        problems.sort();
        Ok(LiveState {
            organisation,
            member_id: verdict.kind,
            member_id_proven: verdict.proven,
            own,
            own_id,
            accounts,
            groups,
            absent,
            problems,
            reads: 0,
        })
    }
}

/// Of members whose ids are known by number, those with an account by where it stands, and with the `strangers` those
/// whose ids no account bears; both sorted, each once.
fn told_apart(
    known: Vec<u32>,
    mut strangers: Vec<AccountId>,
    ids: &Numbered<'_>,
    places: &[Option<AccountIndex>],
) -> (Vec<AccountIndex>, Vec<AccountId>) {
    let mut members = Vec::with_capacity(known.len());
    for number in known {
        match places.get(number as usize).copied().flatten() {
            Some(place) => members.push(place),
            None => strangers.push(ids.key(number).account()),
        }
    }
    members.sort_unstable();
    members.dedup();
    strangers.sort_unstable();
    strangers.dedup();
    (members, strangers)
}

/// Warns of entries that are no objects, and of lists that look cut.
fn look_at(problems: &mut Vec<Problem>, what: &str, entries: usize, odd: usize) {
    let place = || format!("Hyperproof's list of {what}");
    if odd > 0 {
        problems.push(Problem::new(place(), format!("{odd} entries are no objects and were passed over")));
    }
    if SUSPICIOUS.contains(&entries) {
        let text = format!("has exactly {entries} entries: the server may have cut it off");
        problems.push(Problem::new(place(), text).help("compare with the number that Hyperproof shows"));
    }
}
