//! Floor 2: membership writes whose answer agrees with the change, and would look the same if the server only
//! repeats what it is sent ([`Shown::Perhaps`](super::shown::Shown)). The first members of an empty group look so.
//!
//! Whoever has more to write asks later: an answer to another write may show that this server lists members, and
//! that is proof for all of them; else one read of all memberships does for many groups.

use std::collections::{BTreeMap, BTreeSet};

use super::error::TargetError;
use super::shown::Way;
use super::wire::Membership;
use super::writer::{CallRecord, MemberResult, Writer, Written};
use crate::model::id::{AccountId, GroupId};
use crate::model::run::ChangeResult;

/// What became of a membership write as far as its answer tells.
#[derive(Debug, Clone)]
pub enum Sent {
    /// All of it is settled.
    Settled(Written),
    /// The answer is a success, and is to be proven ([`Writer::prove`]).
    Unproven(Unproven),
}

/// A write that was answered with success by a server that has not shown how it answers.
#[derive(Debug, Clone)]
pub struct Unproven {
    pub(super) way: Way,
    pub(super) group: GroupId,
    /// As they were asked for.
    pub(super) accounts: Vec<AccountId>,
    pub(super) call: CallRecord,
}

impl Unproven {
    /// The call that was answered.
    pub fn call(&self) -> &CallRecord {
        &self.call
    }

    /// The same for all of its accounts.
    fn settled(self, result: &ChangeResult, read_back: Option<bool>) -> Written {
        let Self { accounts, call, .. } = self;
        let member = |account| MemberResult { account, result: result.clone(), read_back, call: call.clone() };
        Written { members: accounts.into_iter().map(member).collect(), stop: None }
    }

    /// Nobody knows: `what` could not be read.
    pub(super) fn unread(self, what: &str, error: &TargetError) -> Written {
        let text = format!("not confirmed: {what} could not be read: {error}");
        let stop = error.stops_the_run().then(|| error.clone());
        Written { stop, ..self.settled(&ChangeResult::Failed(text), None) }
    }
}

impl Writer {
    /// Settles a write at once.
    pub(super) async fn proven(&self, sent: Sent) -> Written {
        match sent {
            Sent::Settled(written) => written,
            Sent::Unproven(one) if self.has_proof() => one.settled(&ChangeResult::Done, None),
            Sent::Unproven(one) => self.read_after(one).await,
        }
    }

    /// Whether a read is no longer needed: an answer has shown that this server lists members.
    pub fn has_proof(&self) -> bool {
        self.trusts_replies()
    }

    /// Settles writes, in their order: by proof that has come since, or by one read. What that read does not
    /// show is read group by group.
    pub async fn prove(&self, open: Vec<Unproven>) -> Vec<Written> {
        if self.has_proof() {
            return open.into_iter().map(|one| one.settled(&ChangeResult::Done, None)).collect();
        }
        let read = match open.len() {
            0 | 1 => Ok(BTreeMap::new()),
            _ => self.read_groups(open.iter().map(|one| &one.group).collect()).await,
        };
        let read = match read {
            Ok(read) => read,
            Err(error) => return open.into_iter().map(|one| one.unread("the memberships", &error)).collect(),
        };
        let mut written: Vec<Written> = Vec::with_capacity(open.len());
        for one in open {
            let is_so = |members| one.accounts.iter().all(|account| one.way.is_so(account, members));
            let shown = read.get(&one.group).is_some_and(is_so);
            let stop = written.last().and_then(|last| last.stop.clone());
            written.push(match stop {
                _ if shown => one.settled(&ChangeResult::Done, Some(true)),
                Some(stop) => one.unread("the group's members", &stop),
                None => self.read_after(one).await,
            });
        }
        written
    }

    /// Members of these groups, as the list of all memberships has them.
    async fn read_groups(
        &self,
        groups: BTreeSet<&GroupId>,
    ) -> Result<BTreeMap<GroupId, BTreeSet<AccountId>>, TargetError> {
        let list = self.reader.memberships(None).await?;
        let mut read: BTreeMap<GroupId, BTreeSet<AccountId>> = BTreeMap::new();
        for row in list.rows::<Membership<'_>>()?.rows {
            let (Some(group), Some(users)) = (row.group_id, row.user_ids) else { continue };
            let group = GroupId::new(group);
            if groups.contains(&group) {
                read.entry(group).or_default().extend(users.ids.iter().map(AccountId::new));
            }
        }
        Ok(read)
    }
}
