//! Floor 2: changing members. A change is done when the reply or a read afterwards shows it; a batch
//! that is refused because of one account is halved until that account stands alone.

use std::collections::{BTreeMap, BTreeSet};

use super::error::TargetError;
use super::live::is_archived;
use super::reader::Found;
use super::request::{Answer, Failure, Request};
use super::shown::{Shown, Way, shown};
use super::unproven::{Sent, Unproven};
use super::wire::{self, Membership, UserIds};
use super::writer::{CallRecord, MemberResult, Writer, Written};
use crate::model::id::{AccountId, GroupId};
use crate::model::run::ChangeResult;

/// So many refusals one after the other, of which a look at the members explains none, may be the group's.
const REFUSALS_IN_VAIN: u32 = 3;

/// One membership write, with what is settled so far and what is still to be sent.
struct Work<'a> {
    writer: &'a Writer,
    way: Way,
    group: &'a GroupId,
    request: Request,
    /// Batches to send, the next one last.
    waiting: Vec<Vec<AccountId>>,
    settled: BTreeMap<AccountId, MemberResult>,
    stop: Option<TargetError>,
    /// The members were read because of a refusal.
    looked: bool,
    /// Accounts that were refused, each alone, after that.
    refused: Vec<(AccountId, CallRecord)>,
    /// The group was asked for because of a refusal.
    asked: bool,
    /// Archived groups were asked for because of a refusal.
    asked_for_archived: bool,
    /// Refusals since a call went through.
    in_vain: u32,
    /// The call whose answer agrees with all that is wanted, and proves nothing.
    unproven: Option<CallRecord>,
}

impl Writer {
    pub(super) async fn change_members(
        &self,
        way: Way,
        group: &GroupId,
        request: Result<Request, TargetError>,
        accounts: &[AccountId],
    ) -> Sent {
        let request = match request {
            Ok(request) => request,
            Err(error) => return Sent::Settled(unsent(way, accounts, &error)),
        };
        let batch: BTreeSet<AccountId> = accounts.iter().cloned().collect();
        let mut work = Work {
            writer: self,
            way,
            group,
            request,
            waiting: vec![batch.into_iter().collect()],
            settled: BTreeMap::new(),
            stop: None,
            looked: false,
            refused: Vec::new(),
            asked: false,
            asked_for_archived: false,
            in_vain: 0,
            unproven: None,
        };
        work.run().await;
        work.look_again().await;
        match work.unproven.take() {
            Some(call) => Sent::Unproven(Unproven { way, group: group.clone(), accounts: accounts.to_vec(), call }),
            None => Sent::Settled(work.written(accounts)),
        }
    }

    /// Decides by reading the group: done where its members show it.
    pub(super) async fn read_after(&self, write: Unproven) -> Written {
        match self.read_members_until(write.way, &write.group, &write.accounts).await {
            Ok(members) => {
                let unseen = ChangeResult::Failed(unseen(write.call.status.unwrap_or_default()));
                let member = |account: AccountId| {
                    let so = write.way.is_so(&account, &members);
                    let result = if so { ChangeResult::Done } else { unseen.clone() };
                    MemberResult { account, result, read_back: Some(so), call: write.call.clone() }
                };
                Written { members: write.accounts.into_iter().map(member).collect(), stop: None }
            }
            Err(error) => write.unread("the group's members", &error),
        }
    }

    /// Reads a group's members until all `accounts` stand as wanted, twice at most: a read can be
    /// older than the write before it.
    pub(super) async fn read_members_until(
        &self,
        way: Way,
        group: &GroupId,
        accounts: &[AccountId],
    ) -> Result<BTreeSet<AccountId>, TargetError> {
        match self.read_members(group).await {
            Ok(members) if accounts.iter().all(|account| way.is_so(account, &members)) => return Ok(members),
            // A group that was made a moment ago may not be found yet.
            Ok(_) | Err(TargetError::Refused { status: 404, .. }) => {}
            Err(error) => return Err(error),
        }
        self.client.back_off().await;
        self.read_members(group).await
    }

    async fn read_members(&self, group: &GroupId) -> Result<BTreeSet<AccountId>, TargetError> {
        let members = self.reader.members(group).await?;
        Ok(members.ids.into_iter().map(AccountId::from).collect())
    }
}

/// A success that no read shows.
fn unseen(status: u16) -> String {
    format!("not confirmed: the answer was {status}, and the group's members do not show it")
}

/// What became of those of a refused call of `batch` accounts who stand as wanted all the same. When the run read the
/// group they did not, so the call did it before it was refused, or somebody else did in the same seconds. Where nothing
/// says that it was somebody else, it is rosterd's: a membership that nobody owns up to is never taken away again, and a
/// removal that nobody counts is in no limit.
fn found_so(so: &[AccountId], batch: usize, failure: &Failure) -> ChangeResult {
    let somebody_else = match (so, &failure.error) {
        // What an attempt of ours may have done is not "somebody else's".
        _ if failure.lost => false,
        ([account], TargetError::Refused { status, message, .. }) => {
            // A refusal that is about this very account.
            message.contains(account.as_str()) || (batch == 1 && matches!(status, 404 | 409 | 410))
        }
        _ => false,
    };
    if somebody_else { ChangeResult::AlreadySo } else { ChangeResult::Done }
}

/// The id of the group cannot be part of an address: nothing was sent.
fn unsent(way: Way, accounts: &[AccountId], error: &TargetError) -> Written {
    let result = |account: &AccountId| MemberResult {
        account: account.clone(),
        result: ChangeResult::Failed(error.to_string()),
        read_back: None,
        call: CallRecord {
            method: if way == Way::In { "POST" } else { "PUT" },
            path: String::new(),
            status: None,
            attempts: 0,
            lost: false,
        },
    };
    Written { members: accounts.iter().map(result).collect(), stop: None }
}

impl Work<'_> {
    async fn run(&mut self) {
        while let Some(batch) = self.waiting.pop() {
            if batch.is_empty() {
                continue;
            }
            let ids: Vec<&str> = batch.iter().map(AccountId::as_str).collect();
            let request = self.request.clone().json(&UserIds { user_ids: &ids });
            match self.writer.client.call(&request).await {
                Ok(answer) => self.answered(&batch, &answer).await,
                Err(failure) => self.failed(batch, failure).await,
            }
            if self.stop.is_some() || self.unproven.is_some() {
                return;
            }
        }
    }

    /// A 2xx: what it shows is done, and for the rest the members are read. Where it agrees with the whole write
    /// and proves nothing, that read can wait.
    async fn answered(&mut self, batch: &[AccountId], answer: &Answer) {
        self.in_vain = 0;
        let call = CallRecord::answered(&self.request, answer);
        let reply = wire::object::<Membership<'_>>(&answer.body).ok().and_then(|reply| reply.user_ids);
        let reply: Option<BTreeSet<AccountId>> = reply.map(|texts| texts.ids.into_iter().map(AccountId::new).collect());
        let mut open: Vec<AccountId> = batch.to_vec();
        if let Some(reply) = reply {
            let shown = shown(self.way, batch, &reply);
            if shown == Shown::Members {
                self.writer.trust_replies(self.way);
            }
            let whole = self.settled.is_empty() && self.waiting.is_empty();
            if shown == Shown::Perhaps && whole && !self.writer.trusts_replies(self.way) {
                self.unproven = Some(call);
                return;
            }
            if shown == Shown::Members || (shown == Shown::Perhaps && self.writer.trusts_replies(self.way)) {
                let (so, not): (Vec<_>, Vec<_>) = open.into_iter().partition(|account| self.way.is_so(account, &reply));
                self.settle_all(&so, &ChangeResult::Done, None, &call);
                open = not;
            }
        }
        if !open.is_empty() {
            self.read_back(&open, &call, &ChangeResult::Failed(unseen(answer.status))).await;
        }
    }

    /// Decides by reading: done where the members show it, else `otherwise`.
    async fn read_back(&mut self, open: &[AccountId], call: &CallRecord, otherwise: &ChangeResult) {
        match self.writer.read_members_until(self.way, self.group, open).await {
            Ok(members) => {
                for account in open {
                    let so = self.way.is_so(account, &members);
                    let result = if so { &ChangeResult::Done } else { otherwise };
                    self.settle(account, result.clone(), Some(so), call);
                }
            }
            Err(error) => {
                let text = format!("not confirmed: the group's members could not be read: {error}");
                self.settle_all(open, &ChangeResult::Failed(text), None, call);
                self.stop_for(&error);
            }
        }
    }

    async fn failed(&mut self, batch: Vec<AccountId>, failure: Failure) {
        let call = CallRecord::failed(&self.request, &failure);
        match &failure.error {
            error if error.stops_the_run() => {
                self.settle_all(&batch, &failure.result(), None, &call);
                self.stop_for(error);
            }
            TargetError::Forbidden { .. } => self.give_up(&batch, &failure.error, &call),
            TargetError::Refused { .. } => self.refused(batch, failure, call).await,
            // Answered, and not readable; or perhaps done, and the answer lost.
            _ if failure.lost || failure.status.is_some() => {
                let otherwise = ChangeResult::Failed(failure.error.to_string());
                self.read_back(&batch, &call, &otherwise).await;
            }
            error => self.settle_all(&batch, &ChangeResult::Failed(error.to_string()), None, &call),
        }
    }

    /// A 4xx: because of the group, because some changes are made already, or because of an account.
    async fn refused(&mut self, batch: Vec<AccountId>, failure: Failure, call: CallRecord) {
        let status = failure.status.unwrap_or_default();
        self.in_vain += 1;
        if matches!(status, 404 | 410) && !std::mem::replace(&mut self.asked, true) {
            match self.writer.reader.group(self.group).await {
                Ok(Found::Nothing) => return self.give_up(&batch, &failure.error, &call),
                Ok(Found::Group(group)) if is_archived(&group) => {
                    return self.give_up(&batch, &self.archived(status), &call);
                }
                Ok(Found::Group(_)) => {}
                Err(error) => {
                    self.stop_for(&error);
                    if self.stop.is_some() {
                        return self.settle_all(&batch, &failure.result(), None, &call);
                    }
                }
            }
        }
        let mut read_back = None;
        let mut rest = batch.clone();
        if !self.looked || failure.lost || (batch.len() == 1 && matches!(status, 404 | 409 | 410)) {
            self.looked = true;
            match self.writer.read_members(self.group).await {
                Ok(members) => {
                    let (so, not): (Vec<_>, Vec<_>) =
                        rest.into_iter().partition(|account| self.way.is_so(account, &members));
                    rest = not;
                    read_back = Some(false);
                    self.settle_all(&so, &found_so(&so, batch.len(), &failure), Some(true), &call);
                }
                Err(error) => self.stop_for(&error),
            }
        }
        if rest.len() == batch.len() && self.may_be_archived(status) {
            match self.writer.reader.is_among_archived(self.group).await {
                Ok(true) => return self.give_up(&batch, &self.archived(status), &call),
                Ok(false) => {}
                Err(error) => self.stop_for(&error),
            }
        }
        if self.stop.is_some() {
            self.settle_all(&rest, &failure.result(), None, &call);
        } else if rest.len() < batch.len() {
            self.waiting.push(rest);
        } else if let [account] = rest.as_slice() {
            if read_back.is_none() {
                self.refused.push((account.clone(), call.clone()));
            }
            self.settle(account, ChangeResult::Failed(failure.error.to_string()), read_back, &call);
        } else {
            let half = rest.split_off(rest.len() / 2);
            self.waiting.extend([half, rest]);
        }
    }

    /// Whether to ask, for the first and only time, if the group was archived after it was read: a 404 may mean that, and
    /// so may any refusal that goes on however small the batches are.
    fn may_be_archived(&mut self, status: u16) -> bool {
        let is_likely = matches!(status, 404 | 410) || self.in_vain >= REFUSALS_IN_VAIN;
        self.stop.is_none() && is_likely && !std::mem::replace(&mut self.asked_for_archived, true)
    }

    fn archived(&self, status: u16) -> TargetError {
        TargetError::Refused { call: self.request.name(), status, message: "the group is archived".to_owned() }
    }

    /// Whoever was refused after the members were read may have been changed by one of the refused calls: that is no
    /// failure. One read tells of all of them.
    async fn look_again(&mut self) {
        let refused = std::mem::take(&mut self.refused);
        if refused.is_empty() || self.stop.is_some() {
            return;
        }
        match self.writer.read_members(self.group).await {
            Ok(members) => {
                for (account, call) in refused {
                    match self.way.is_so(&account, &members) {
                        true => self.settle(&account, ChangeResult::Done, Some(true), &call),
                        false => {
                            if let Some(member) = self.settled.get_mut(&account) {
                                member.read_back = Some(false);
                            }
                        }
                    }
                }
            }
            Err(error) => self.stop_for(&error),
        }
    }

    /// The group as a whole is refused: nothing more is sent to it.
    fn give_up(&mut self, batch: &[AccountId], error: &TargetError, call: &CallRecord) {
        let result = ChangeResult::Failed(error.to_string());
        self.settle_all(batch, &result, None, call);
        for batch in std::mem::take(&mut self.waiting) {
            self.settle_all(&batch, &result, None, call);
        }
    }

    fn stop_for(&mut self, error: &TargetError) {
        if error.stops_the_run() {
            self.stop = Some(error.clone());
        }
    }

    fn settle_all(
        &mut self,
        accounts: &[AccountId],
        result: &ChangeResult,
        read_back: Option<bool>,
        call: &CallRecord,
    ) {
        for account in accounts {
            self.settle(account, result.clone(), read_back, call);
        }
    }

    fn settle(&mut self, account: &AccountId, result: ChangeResult, read_back: Option<bool>, call: &CallRecord) {
        let member = MemberResult { account: account.clone(), result, read_back, call: call.clone() };
        self.settled.insert(account.clone(), member);
    }

    /// One result per account; those that were not reached were not tried.
    fn written(mut self, accounts: &[AccountId]) -> Written {
        let why = self.stop.as_ref().map_or_else(String::new, TargetError::to_string);
        let untried = CallRecord::new(&self.request, None, 0);
        let members = accounts
            .iter()
            .map(|account| match self.settled.get(account) {
                Some(member) => member.clone(),
                None => MemberResult {
                    account: account.clone(),
                    result: ChangeResult::NotTried(why.clone()),
                    read_back: None,
                    call: untried.clone(),
                },
            })
            .collect();
        Written { members, stop: self.stop.take() }
    }
}
