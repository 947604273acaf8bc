//! Memberships that rosterd made and that are no longer there. Whoever makes them again by hand makes another
//! membership, which is not rosterd's own.

use crate::model::id::{AccountId, GroupId};
use crate::model::live::{LiveGroup, LiveState};
use crate::model::memberships::{Members, Memberships, Places};

/// Memberships that rosterd made and that no live group shows, sorted.
pub fn lapsed(owned: &Memberships, live: &LiveState) -> Vec<(GroupId, AccountId)> {
    Lapsed::of(owned, live).finish()
}

/// What rosterd made, beside what is there. Each live group is looked at once, best while its members are in the
/// processor's cache: of many memberships most of the time goes into fetching them.
pub(super) struct Lapsed<'a> {
    live: &'a [LiveGroup],
    /// Of each live group what rosterd made of it, until it was looked at.
    owned: Vec<Option<Members<'a>>>,
    /// Ids are compared once for each account, not once for each membership.
    places: Places,
    gone: Vec<(GroupId, AccountId)>,
}

impl<'a> Lapsed<'a> {
    /// Nothing was looked at yet.
    pub(super) fn of(owned: &'a Memberships, live: &'a LiveState) -> Self {
        // Both are sorted by id.
        let mut all = owned.iter().peekable();
        let of = |group: &LiveGroup| {
            while all.next_if(|(id, _)| **id < group.id).is_some() {}
            all.next_if(|(id, _)| **id == group.id).map(|(_, members)| members)
        };
        Self {
            live: &live.groups,
            owned: live.groups.iter().map(of).collect(),
            places: owned.places(live.accounts.iter().map(|account| &account.id)),
            gone: Vec::new(),
        }
    }

    /// Looks at the live group at a place, if nobody did.
    pub(super) fn look(&mut self, at: usize) {
        let owned = self.owned.get_mut(at).and_then(Option::take);
        let (Some(owned), Some(group)) = (owned, self.live.get(at)) else { return };
        if owned.are(&group.members, &self.places) {
            return;
        }
        let mut members = group.members.iter().peekable();
        let mut is_there = |(at, account): (Option<u32>, &AccountId)| match at {
            Some(at) => {
                while members.next_if(|member| **member < at).is_some() {}
                members.next_if(|member| **member == at).is_some()
            }
            None => group.strangers.binary_search(account).is_ok(),
        };
        let gone = owned.placed(&self.places).filter(|account| !is_there(*account));
        self.gone.extend(gone.map(|(_, account)| (group.id.clone(), account.clone())));
    }

    /// Those of all live groups, sorted.
    pub(super) fn finish(mut self) -> Vec<(GroupId, AccountId)> {
        (0..self.live.len()).for_each(|at| self.look(at));
        self.gone.sort();
        self.gone
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::model::live::{Account, MemberIdKind, Standing};

    /// Accounts "0", "1", and so on; groups with members and strangers.
    fn live(accounts: u32, groups: &[(&str, &[u32], &[&str])]) -> LiveState {
        let account = |at: u32| Account {
            id: AccountId::new(at.to_string()),
            email: None,
            kind: "user".into(),
            standing: Standing::Active,
        };
        let group = |(id, members, strangers): &(&str, &[u32], &[&str])| LiveGroup {
            id: GroupId::new(*id),
            name: (*id).to_owned(),
            lead: None,
            members: members.to_vec(),
            strangers: strangers.iter().copied().map(AccountId::new).collect(),
        };
        LiveState {
            organisation: None,
            member_id: MemberIdKind::UserId,
            member_id_proven: true,
            own: "own".into(),
            own_id: "own".to_owned(),
            accounts: (0..accounts).map(account).collect(),
            groups: groups.iter().map(group).collect(),
            absent: BTreeMap::new(),
            problems: Vec::new(),
            reads: 3,
        }
    }

    #[test]
    fn what_was_made_and_is_gone_is_told_of_every_live_group_once() {
        let ids = ["0", "1", "2", "x"].map(AccountId::new).to_vec();
        let owned = [("a", vec![0, 1]), ("b", vec![0, 2, 3]), ("c", vec![1]), ("gone", vec![0]), ("z", vec![2, 3])];
        let owned = Memberships::new(ids, owned.map(|(id, members)| (GroupId::new(id), members)).into());
        // "x" has no account any more: in "b" it is a stranger, by whose id it is known, and in "z" it is gone.
        let live = live(
            3,
            &[("a", &[0, 1], &[]), ("b", &[1, 2], &["x"]), ("c", &[], &["x"]), ("n", &[0], &[]), ("z", &[0], &[])],
        );
        for looked_at in [vec![], vec![1], vec![4, 2, 1, 1, 9]] {
            let mut lapsed = Lapsed::of(&owned, &live);
            looked_at.iter().for_each(|at| lapsed.look(*at));
            let gone = [("b", "0"), ("c", "1"), ("z", "2"), ("z", "x")];
            assert_eq!(lapsed.finish(), gone.map(|(group, account)| (GroupId::new(group), AccountId::new(account))));
        }
    }
}
