//! What is: accounts, groups and memberships of the Hyperproof organisation, freshly read.

use std::collections::BTreeMap;

use super::address::Address;
use super::id::{AccountId, AccountType, GroupId};
use super::problem::Problem;

/// Index of an account in [`LiveState::accounts`].
pub type AccountIndex = u32;

/// Which of an account's two ids groups hold. Both are UUIDs; no vendor page says which it is
/// (hyperproof-api.md, section 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberIdKind {
    /// `userId` of `GET /users`: the person's id.
    UserId,
    /// `id` of `GET /users`: the organisation-user id.
    Id,
}

/// What an account's `type` and `status` let us do with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// May be added and removed.
    Active,
    /// Of an eligible type, but pending, archived, deleted or cancelled: may be removed, not added.
    Inactive,
    /// Deactivated: may be removed, not added.
    Deactivated,
    /// Of a type that is left alone (a contact, a service account, an unknown type).
    Ineligible,
}

/// An account of the organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The id that groups hold.
    pub id: AccountId,
    /// Its address as Hyperproof gives it; accounts without one are matched to nobody.
    pub email: Option<Address>,
    /// `type` as Hyperproof gives it, to show.
    pub kind: AccountType,
    /// What may be done with it.
    pub standing: Standing,
}

/// A group of the organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveGroup {
    /// Its id.
    pub id: GroupId,
    /// Its name as Hyperproof gives it.
    pub name: String,
    /// Its lead.
    pub lead: Option<AccountId>,
    /// Its members, sorted, each once. Accounts are sorted by id, so this is the order of ids, too.
    pub members: Vec<AccountIndex>,
    /// Members whose ids no account bears, sorted, each once.
    pub strangers: Vec<AccountId>,
}

impl LiveGroup {
    /// How many members it has, strangers included.
    pub fn count(&self) -> usize {
        self.members.len() + self.strangers.len()
    }
}

/// Members by their ids, in any order: those who have one of these accounts (sorted by id), and strangers.
pub fn told_apart(
    accounts: &[Account],
    ids: impl IntoIterator<Item = AccountId>,
) -> (Vec<AccountIndex>, Vec<AccountId>) {
    let (mut members, mut strangers) = (Vec::new(), Vec::new());
    for id in ids {
        match index_of(accounts, id.as_str()) {
            Some(at) => members.push(at),
            None => strangers.push(id),
        }
    }
    members.sort_unstable();
    members.dedup();
    strangers.sort_unstable();
    strangers.dedup();
    (members, strangers)
}

fn index_of(accounts: &[Account], id: &str) -> Option<AccountIndex> {
    let at = accounts.binary_search_by(|account| account.id.as_str().cmp(id)).ok()?;
    AccountIndex::try_from(at).ok()
}

/// Why a group that is known is not among the live ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Absence {
    /// Asked for by its id, and not found.
    Gone,
    /// It is archived.
    Archived,
    /// It was listed, by this name, and its members were not to be had: nobody knows who they are.
    Unread(String),
}

/// One complete read of Hyperproof. There is no partial one: a read that is not to be believed is an
/// error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveState {
    /// The organisation's id, where a group gave it.
    pub organisation: Option<String>,
    /// Which id groups hold.
    pub member_id: MemberIdKind,
    /// Whether `member_id` rests on evidence (or the configuration), so that it is worth remembering.
    pub member_id_proven: bool,
    /// The tool's own account.
    pub own: AccountId,
    /// The `id` of `/users/me`, as it was sent: what to remember, so that the question costs a call
    /// only once.
    pub own_id: String,
    /// All accounts, the deactivated ones too, sorted by id.
    pub accounts: Vec<Account>,
    /// All groups that were listed, sorted by id.
    pub groups: Vec<LiveGroup>,
    /// Groups that are known from earlier runs or the configuration and were not listed.
    pub absent: BTreeMap<GroupId, Absence>,
    /// What was odd.
    pub problems: Vec<Problem>,
    /// GETs that the read took.
    pub reads: u32,
}

impl LiveState {
    /// Where the account with this id stands.
    pub fn account_index(&self, id: &AccountId) -> Option<AccountIndex> {
        index_of(&self.accounts, id.as_str())
    }

    /// Where the account with this id stands, by its text.
    pub fn index_of(&self, id: &str) -> Option<AccountIndex> {
        index_of(&self.accounts, id)
    }

    /// The account with this id.
    pub fn account(&self, id: &AccountId) -> Option<&Account> {
        self.accounts.get(self.account_index(id)? as usize)
    }

    /// Whether an id is among a group's members.
    pub fn is_member(&self, group: &LiveGroup, id: &AccountId) -> bool {
        match self.account_index(id) {
            Some(at) => group.members.binary_search(&at).is_ok(),
            None => group.strangers.binary_search(id).is_ok(),
        }
    }

    /// The ids of all of a group's members, sorted.
    pub fn members<'a>(&'a self, group: &'a LiveGroup) -> impl Iterator<Item = &'a AccountId> {
        let mut known = group.members.iter().filter_map(|at| Some(&self.accounts.get(*at as usize)?.id)).peekable();
        let mut strangers = group.strangers.iter().peekable();
        std::iter::from_fn(move || match (known.peek(), strangers.peek()) {
            (Some(known_id), Some(stranger)) if stranger < known_id => strangers.next(),
            (Some(_), _) => known.next(),
            (None, _) => strangers.next(),
        })
    }

    /// The group with this id.
    pub fn group(&self, id: &GroupId) -> Option<&LiveGroup> {
        let at = self.groups.binary_search_by(|group| group.id.cmp(id)).ok()?;
        self.groups.get(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_come_in_the_order_of_ids_with_an_account_or_without() {
        let account = |id: &str| Account { id: id.into(), email: None, kind: "".into(), standing: Standing::Active };
        let accounts = vec![account("b"), account("d"), account("f")];
        let ids = ["f", "g", "a", "b", "e", "a", "f"].map(AccountId::from);
        let (members, strangers) = told_apart(&accounts, ids);
        assert_eq!(members, [0, 2]);
        let group = LiveGroup { id: "g1".into(), name: String::new(), lead: None, members, strangers };
        let live = LiveState {
            organisation: None,
            member_id: MemberIdKind::Id,
            member_id_proven: true,
            own: "b".into(),
            own_id: String::new(),
            accounts,
            groups: Vec::new(),
            absent: BTreeMap::new(),
            problems: Vec::new(),
            reads: 0,
        };
        assert_eq!(live.members(&group).map(AccountId::as_str).collect::<Vec<_>>(), ["a", "b", "e", "f", "g"]);
        assert_eq!(group.count(), 5);
        for (id, is) in [("a", true), ("b", true), ("c", false), ("d", false), ("g", true), ("h", false)] {
            assert_eq!(live.is_member(&group, &id.into()), is, "{id}");
        }
    }
}
