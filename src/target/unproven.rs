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
            Sent::Unproven(one) if self.is_proven(&one) => one.settled(&ChangeResult::Done, None),
            Sent::Unproven(one) => self.read_after(one).await,
        }
    }

    /// Whether a write needs no read any longer: the answer to another one of its way has shown that this server lists
    /// members.
    pub fn is_proven(&self, write: &Unproven) -> bool {
        self.trusts_replies(write.way)
    }

    /// Settles writes, in their order: by proof that has come since, or by one read. What that read does not
    /// show is read group by group.
    pub async fn prove(&self, open: Vec<Unproven>) -> Vec<Written> {
        let unproven: Vec<&GroupId> = open.iter().filter(|one| !self.is_proven(one)).map(|one| &one.group).collect();
        let read = match unproven.len() {
            0 | 1 => Ok(BTreeMap::new()),
            _ => self.read_groups(unproven.into_iter().collect()).await,
        };
        let mut written: Vec<Written> = Vec::with_capacity(open.len());
        let mut stop: Option<TargetError> = None;
        for one in open {
            if self.is_proven(&one) {
                written.push(one.settled(&ChangeResult::Done, None));
                continue;
            }
            let is_so = |members| one.accounts.iter().all(|account| one.way.is_so(account, members));
            written.push(match (&read, &stop) {
                (Err(error), _) => one.unread("the memberships", error),
                (Ok(read), _) if read.get(&one.group).is_some_and(is_so) => {
                    one.settled(&ChangeResult::Done, Some(true))
                }
                (Ok(_), Some(stop)) => one.unread("the group's members", stop),
                (Ok(_), None) => {
                    let read = self.read_after(one).await;
                    stop.clone_from(&read.stop);
                    read
                }
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
