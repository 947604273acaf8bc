//! What is: accounts, groups and memberships of the Hyperproof organisation, freshly read.

use std::collections::BTreeMap;

use super::address::Address;
use super::id::{AccountId, GroupId};
use super::problem::Problem;

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
    pub kind: String,
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
    /// Its members, sorted, each once. They may hold ids that no account bears.
    pub members: Vec<AccountId>,
}

/// Why a group that is known is not among the live ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absence {
    /// Asked for by its id, and not found.
    Gone,
    /// It is archived.
    Archived,
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
    /// The account with this id.
    pub fn account(&self, id: &AccountId) -> Option<&Account> {
        let at = self.accounts.binary_search_by(|account| account.id.cmp(id)).ok()?;
        self.accounts.get(at)
    }

    /// The group with this id.
    pub fn group(&self, id: &GroupId) -> Option<&LiveGroup> {
        let at = self.groups.binary_search_by(|group| group.id.cmp(id)).ok()?;
        self.groups.get(at)
    }
}
