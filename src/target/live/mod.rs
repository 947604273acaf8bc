//! Floor 2: one complete read of Hyperproof that can be believed, or an error.
//!
//! A list can answer `200 []` to an account whose role is too low (hyperproof-api.md, section 3). So
//! what was read is held against what is known, and where it falls short the group is asked for by
//! its id. An error, an empty answer and a missing group are three different things.

mod accounts;
mod groups;

use std::collections::{BTreeMap, BTreeSet};

use super::error::TargetError;
use super::member_id;
use super::reader::Reader;
use super::wire::{List, User};
use crate::model::id::{AccountId, GroupId};
use crate::model::live::{LiveGroup, LiveState, MemberIdKind, told_apart};
use crate::model::memberships::Memberships;
use crate::model::problem::Problem;
use groups::Believed;

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
        let before = self.client().calls().reads;
        let own = async {
            match known.own_account {
                Some(id) => Ok(id.to_owned()),
                None => self.own().await,
            }
        };
        let (users, listed, memberships, own) =
            tokio::try_join!(self.users(true, None), self.groups(None, None), self.memberships(None), own)?;
        let mut problems = Vec::new();
        look_at(&mut problems, "users", &users);
        look_at(&mut problems, "groups", &listed);
        look_at(&mut problems, "memberships", &memberships);

        let own_id = self.own_among(&users, own, known).await?;
        let (groups, absent, organisation) = self.believe_groups(listed, memberships, known, &mut problems).await?;
        let settings = self.client().judging();
        let verdict = {
            let members: BTreeSet<&str> =
                groups.iter().flat_map(|group| &group.members).map(AccountId::as_str).collect();
            let pairs = accounts::eligible_pairs(&users.rows, &settings.eligible_types);
            member_id::decide(settings.member_id, known.member_id, &pairs, &members)?
        };
        let accounts = accounts::accounts(&users.rows, verdict.kind, &settings.eligible_types, &mut problems);
        let groups = groups
            .into_iter()
            .map(|Believed { id, name, lead, members }| {
                let (members, strangers) = told_apart(&accounts, members);
                LiveGroup { id, name, lead, members, strangers }
            })
            .collect();
        let own = accounts::own(&users.rows, &own_id, verdict.kind);
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
            reads: self.client().calls().reads.saturating_sub(before),
        })
    }

    /// The id of the tool's own account, which must be among the users. A remembered one that is not
    /// is asked for again: the account may have been made anew.
    async fn own_among(&self, users: &List<User>, own: String, known: Known<'_>) -> Result<String, TargetError> {
        if accounts::row_of(&users.rows, &own).is_some() {
            return Ok(own);
        }
        let own = match known.own_account {
            Some(_) => self.own().await?,
            None => own,
        };
        match accounts::row_of(&users.rows, &own) {
            Some(_) => Ok(own),
            None => Err(unbelievable(format!(
                "the list of users ({} entries) does not have the tool's own account {own:?}",
                users.len()
            ))),
        }
    }
}

/// Warns of entries that are no objects, and of lists that look cut.
fn look_at<T>(problems: &mut Vec<Problem>, what: &str, list: &List<T>) {
    let place = || format!("Hyperproof's list of {what}");
    if list.odd > 0 {
        problems.push(Problem::new(place(), format!("{} entries are no objects and were passed over", list.odd)));
    }
    if SUSPICIOUS.contains(&list.len()) {
        let text = format!("has exactly {} entries: the server may have cut it off", list.len());
        problems.push(Problem::new(place(), text).help("compare with the number that Hyperproof shows"));
    }
}
