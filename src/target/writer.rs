//! Floor 2: the calls that change something, one method per kind of change, and what they report.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use reqwest::Method;

use super::client::Client;
use super::error::TargetError;
use super::reader::Reader;
use super::request::{Answer, Failure, Request};
use super::shown::Way;
use super::unproven::Sent;
use crate::model::id::{AccountId, GroupId};
use crate::model::plan::Op;
use crate::model::run::ChangeResult;

/// The writing side of a client. Only code that is to change something is given one.
#[derive(Debug, Clone)]
pub struct Writer {
    pub(super) client: Client,
    pub(super) reader: Reader,
    /// Replies have shown that this server answers additions, and removals, with the group's members. One does not
    /// stand for the other: nobody is in the answer to the removal of all, and in that of a server that says nothing.
    lists_members: Arc<[AtomicBool; 2]>,
}

/// The call that decided a change, for the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallRecord {
    /// `POST`, `PUT` or `PATCH`.
    pub method: &'static str,
    /// The path, base included.
    pub path: String,
    /// The last status; none where no answer came.
    pub status: Option<u16>,
    /// Requests sent for this call.
    pub attempts: u32,
    /// The answer to one of them was lost: it may have had its effect.
    pub lost: bool,
}

/// What became of one account of a membership write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberResult {
    /// The account.
    pub account: AccountId,
    /// What became of it.
    pub result: ChangeResult,
    /// What a read afterwards showed; none where the reply was enough, or the read failed.
    pub read_back: Option<bool>,
    /// The call that decided it.
    pub call: CallRecord,
}

/// What became of a membership write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// One result per account, in the order of the request.
    pub members: Vec<MemberResult>,
    /// The run must stop: the sign-in is refused, or the throttling outlasts its patience.
    pub stop: Option<TargetError>,
}

/// What became of the creation of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// The new group's id, where one was made.
    pub group: Option<GroupId>,
    /// What became of the creation.
    pub result: ChangeResult,
    /// Whether the list of groups showed it; none where the reply was enough.
    pub read_back: Option<bool>,
    /// The first members, in the order of the request.
    pub members: Vec<MemberResult>,
    /// The lead, where one was asked for.
    pub lead: Option<LeadWritten>,
    /// The call that decided it.
    pub call: CallRecord,
    /// The run must stop.
    pub stop: Option<TargetError>,
}

/// What became of a group's lead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeadWritten {
    /// What became of it.
    pub result: ChangeResult,
    /// What a read afterwards showed; none where the reply was enough, or the read failed.
    pub read_back: Option<bool>,
    /// The call that decided it.
    pub call: CallRecord,
    /// The run must stop.
    pub stop: Option<TargetError>,
}

impl Writer {
    pub(super) fn new(client: Client) -> Self {
        Self { reader: client.reader(), client, lists_members: Arc::default() }
    }

    /// Creates a group with its first members and lead, in one call where the server takes it.
    pub async fn create_group(&self, name: &str, lead: Option<&AccountId>, members: &[AccountId]) -> Created {
        self.create(name, lead, members).await
    }

    /// Adds members; at most `max_users_per_call` of them.
    pub async fn add_members(&self, group: &GroupId, accounts: &[AccountId]) -> Written {
        self.proven(self.send_additions(group, accounts).await).await
    }

    /// Removes members; at most `max_users_per_call` of them.
    pub async fn remove_members(&self, group: &GroupId, accounts: &[AccountId]) -> Written {
        self.proven(self.send_removals(group, accounts).await).await
    }

    /// Adds members like [`Writer::add_members`], and leaves it to the caller when a success is proven.
    pub async fn send_additions(&self, group: &GroupId, accounts: &[AccountId]) -> Sent {
        let request = self.client.request(Method::POST, &["groups", group.as_str(), "users"]);
        self.change_members(Way::In, group, request, accounts).await
    }

    /// Removes members like [`Writer::remove_members`], and leaves it to the caller when a success is proven.
    pub async fn send_removals(&self, group: &GroupId, accounts: &[AccountId]) -> Sent {
        let request = self.client.request(Method::PUT, &["groups", group.as_str(), "users", "delete"]);
        self.change_members(Way::Out, group, request, accounts).await
    }

    /// Makes an account the lead.
    pub async fn set_lead(&self, group: &GroupId, lead: &AccountId) -> LeadWritten {
        self.change_lead(group, Some(lead)).await
    }

    /// Takes the lead away.
    pub async fn clear_lead(&self, group: &GroupId) -> LeadWritten {
        self.change_lead(group, None).await
    }

    /// Gives a group another name. No run does: a rename in Hyperproof is followed by the group's id and
    /// never undone.
    ///
    /// # Errors
    /// The call failed, or the group does not bear the name afterwards.
    pub async fn rename_group(&self, group: &GroupId, name: &str) -> Result<CallRecord, TargetError> {
        self.change_name(group, name).await
    }

    /// The call that would make a change, before it is made: for the record of the intent.
    pub fn announce(&self, op: Op, group: Option<&GroupId>) -> CallRecord {
        let group = group.map_or("", GroupId::as_str);
        let (method, parts) = match op {
            Op::CreateGroup => (Method::POST, vec!["groups"]),
            Op::AddMember if group.is_empty() => (Method::POST, vec!["groups"]),
            Op::AddMember => (Method::POST, vec!["groups", group, "users"]),
            Op::RemoveMember => (Method::PUT, vec!["groups", group, "users", "delete"]),
            Op::SetLead if group.is_empty() => (Method::POST, vec!["groups"]),
            Op::SetLead | Op::ClearLead => (Method::PATCH, vec!["groups", group]),
        };
        let request = self.client.request(method, &parts);
        request.map_or_else(|_| CallRecord::unsent(), |request| CallRecord::new(&request, None, 0))
    }

    pub(super) fn trusts_replies(&self, way: Way) -> bool {
        self.replies_to(way).load(Ordering::Relaxed)
    }

    pub(super) fn trust_replies(&self, way: Way) {
        self.replies_to(way).store(true, Ordering::Relaxed);
    }

    fn replies_to(&self, way: Way) -> &AtomicBool {
        let [additions, removals] = &*self.lists_members;
        match way {
            Way::In => additions,
            Way::Out => removals,
        }
    }
}

impl CallRecord {
    fn unsent() -> Self {
        Self { method: "", path: String::new(), status: None, attempts: 0, lost: false }
    }

    pub(super) fn answered(request: &Request, answer: &Answer) -> Self {
        Self::new(request, Some(answer.status), answer.attempts)
    }

    pub(super) fn failed(request: &Request, failure: &Failure) -> Self {
        Self { lost: failure.lost, ..Self::new(request, failure.status, failure.attempts) }
    }

    pub(super) fn new(request: &Request, status: Option<u16>, attempts: u32) -> Self {
        Self { method: request.method(), path: request.path().to_owned(), status, attempts, lost: false }
    }
}

impl Failure {
    /// What a change comes to whose call failed for good: a throttled one, and one that was not sent any
    /// more, were not tried, unless an earlier attempt may have had its effect.
    pub(super) fn result(&self) -> ChangeResult {
        let text = self.error.to_string();
        let untried = self.error.is_throttled() || matches!(self.error, TargetError::Stopped { .. });
        match (untried, self.lost) {
            (true, false) => ChangeResult::NotTried(text),
            (_, true) => ChangeResult::Failed(format!("{text}; it may have been done all the same")),
            (false, false) => ChangeResult::Failed(text),
        }
    }
}
