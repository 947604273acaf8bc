//! Floor 2: one complete read of Hyperproof that can be believed, or an error.
//!
//! A list can answer `200 []` to an account whose role is too low (hyperproof-api.md, section 3). So
//! what was read is held against what is known, and where it falls short the group is asked for by
//! its id. An error, an empty answer and a missing group are three different things.

mod accounts;
mod groups;
mod lists;
mod texts;

use std::collections::{BTreeMap, BTreeSet};

use super::error::TargetError;
use super::member_id;
use super::reader::Reader;
use super::wire::{Group, List};
use crate::model::id::{AccountId, GroupId};
use crate::model::live::{AccountIndex, LiveGroup, LiveState, MemberIdKind};
use crate::model::memberships::Memberships;
use crate::model::problem::Problem;

use accounts::Row;
use groups::Drawn;
pub use lists::{Listed, Lists};
use texts::Numbered;

/// What earlier runs know, against which a read is held.
#[derive(Clone, Copy)]
pub struct Known<'a> {
    /// The `id` of `/users/me`, when it was asked for with this client id.
    pub own_account: Option<&'a str>,
    /// Which id groups hold, once there was evidence.
    pub member_id: Option<MemberIdKind>,
    /// Groups that were listed at the last full run.
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
        let lists = self.lists(known.own_account).await?;
        self.believe(&lists, known).await
    }

    /// The lists that a read takes, and the tool's own account where its id is not remembered.
    pub async fn lists(&self, own: Option<&str>) -> Result<Lists, TargetError> {
        let before = self.client().calls().reads;
        let own = async {
            match own {
                Some(id) => Ok(id.to_owned()),
                None => self.own().await,
            }
        };
        let (users, groups, memberships, own) =
            tokio::try_join!(self.users(true, None), self.group_list(None, None), self.memberships(None), own)?;
        let reads = self.client().calls().reads.saturating_sub(before);
        Ok(Lists { users, groups, memberships, own, before, reads })
    }

    /// Decodes lists, holds them against what is known, and asks for what they leave out.
    pub async fn believe(&self, lists: &Lists, known: Known<'_>) -> Result<LiveState, TargetError> {
        let settings = self.client().judging();
        let mut draft = Draft::new(lists, &settings.eligible_types)?;
        let own_id = self.own_among(&draft, lists, known).await?;
        draft.drawn.absent = self.believe_groups(&draft.drawn, known, &mut draft.problems).await?;
        let mut live = draft.finish(own_id, settings.member_id, known.member_id)?;
        live.reads = self.client().calls().reads.saturating_sub(lists.before);
        Ok(live)
    }

    /// The id of the tool's own account, which must be among the users. A remembered one that is not
    /// is asked for again: the account may have been made anew.
    async fn own_among(&self, draft: &Draft<'_>, lists: &Lists, known: Known<'_>) -> Result<String, TargetError> {
        if draft.row_of(&lists.own).is_some() {
            return Ok(lists.own.clone());
        }
        let own = match known.own_account {
            Some(_) => self.own().await?,
            None => lists.own.clone(),
        };
        match draft.row_of(&own) {
            Some(_) => Ok(own),
            None => Err(unbelievable(format!(
                "the list of users ({} entries) does not have the tool's own account {own:?}",
                draft.entries
            ))),
        }
    }
}

impl Lists {
    /// What the lists say, nothing held against it and nothing asked for.
    ///
    /// # Errors
    /// A list is none, or groups hold both kinds of ids.
    pub fn read(&self, eligible: &[String], member_id: Option<MemberIdKind>) -> Result<LiveState, TargetError> {
        Draft::new(self, eligible)?.finish(self.own.clone(), None, member_id)
    }
}

/// Lists decoded, before it is known which id groups hold.
#[derive(Debug)]
struct Draft<'a> {
    ids: Numbered<'a>,
    rows: Vec<Row<'a>>,
    /// Entries of the list of users, odd ones too.
    entries: usize,
    drawn: Drawn,
    problems: Vec<Problem>,
}

impl<'a> Draft<'a> {
    fn new(lists: &'a Lists, eligible: &[String]) -> Result<Self, TargetError> {
        let (mut ids, mut rows, mut problems) = (Numbered::default(), Vec::new(), Vec::new());
        let odd = lists.users.each(|user| rows.push(Row::new(user, eligible, &mut ids)))?;
        let entries = rows.len() + odd;
        look_at(&mut problems, "users", entries, odd);
        let List { rows: groups, odd } = lists.groups.rows::<Group>()?;
        look_at(&mut problems, "groups", groups.len() + odd, odd);
        let (mut members, mut count) = (BTreeMap::new(), 0);
        let odd = lists.memberships.each(|row| {
            count += 1;
            groups::add_members(&mut members, row, &mut ids, &mut problems);
        })?;
        look_at(&mut problems, "memberships", count + odd, odd);
        let organisation = groups::organisation(&groups, &mut problems);
        let (listed, absent) = groups::index(groups, &mut problems);
        Ok(Self { ids, rows, entries, drawn: Drawn { listed, absent, members, organisation }, problems })
    }

    fn row_of(&self, own: &str) -> Option<&Row<'a>> {
        accounts::row_of(&self.rows, &self.ids, own)
    }

    fn finish(
        self,
        own_id: String,
        configured: Option<MemberIdKind>,
        remembered: Option<MemberIdKind>,
    ) -> Result<LiveState, TargetError> {
        let Self { ids, rows, drawn, mut problems, .. } = self;
        let Drawn { listed, absent, mut members, organisation } = drawn;
        let mut held = vec![false; ids.len()];
        for id in listed.keys().filter_map(|id| members.get(id)).flatten() {
            if let Some(held) = held.get_mut(*id as usize) {
                *held = true;
            }
        }
        let verdict = member_id::decide(configured, remembered, accounts::eligible_pairs(&rows), &held)?;
        let (accounts, places) = accounts::accounts(&rows, &ids, verdict.kind, &mut problems);
        let own = accounts::own(&rows, &ids, &own_id, verdict.kind);
        let groups = listed.into_iter().map(|(id, group)| {
            let members = members.remove(&id).unwrap_or_default();
            let (members, strangers) = told_apart(members, &places, &ids);
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

/// Members with an account, by where it stands, and those whose ids no account bears; both sorted, each once.
fn told_apart(
    members: Vec<u32>,
    places: &[Option<AccountIndex>],
    ids: &Numbered<'_>,
) -> (Vec<AccountIndex>, Vec<AccountId>) {
    let (mut known, mut strangers) = (Vec::with_capacity(members.len()), Vec::new());
    for id in members {
        match places.get(id as usize).copied().flatten() {
            Some(place) => known.push(place),
            None => strangers.push(ids.id(id).account()),
        }
    }
    known.sort_unstable();
    known.dedup();
    strangers.sort_unstable();
    strangers.dedup();
    (known, strangers)
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
