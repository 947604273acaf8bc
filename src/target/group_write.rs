//! Floor 2: creating a group, and its lead.
//!
//! Hyperproof has no idempotency key and no way to delete a group, so the POST that creates one is
//! not repeated after a lost answer before the list of groups was read again.

use reqwest::Method;

use super::error::TargetError;
use super::reader::Found;
use super::request::{Failure, Request};
use super::shown::Way;
use super::wire::{self, Group, GroupPatch, NewGroup};
use super::writer::{CallRecord, Created, LeadWritten, MemberResult, Writer};
use crate::model::id::{AccountId, GroupId};
use crate::model::run::ChangeResult;

/// A group that was made.
struct Made {
    id: GroupId,
    /// What is known of it.
    group: Group,
    /// The list of groups showed it.
    listed: bool,
    call: CallRecord,
}

/// A group that was not made, or not that anybody could tell.
struct Unmade {
    result: ChangeResult,
    error: TargetError,
    /// False where the list was read, and the group is not in it.
    read_back: Option<bool>,
    call: CallRecord,
}

impl Writer {
    pub(super) async fn create(&self, name: &str, lead: Option<&AccountId>, members: &[AccountId]) -> Created {
        let first = match self.post(name, lead, members).await {
            Ok(made) => return self.created(made, lead, members).await,
            Err(unmade) => unmade,
        };
        // Perhaps because of a member or of the lead: the group alone, and they one by one. A 409
        // speaks of the name.
        let is_refusal = matches!(first.error, TargetError::Refused { status: 400 | 404 | 413 | 422, .. });
        if !is_refusal || (members.is_empty() && lead.is_none()) {
            return not_created(first, lead, members);
        }
        let mut unmade = first;
        for lead_kept in [lead, None] {
            if members.is_empty() && lead_kept.is_some() {
                continue;
            }
            match self.post(name, lead_kept, &[]).await {
                Ok(made) => return self.fill(made, lead, lead_kept, members, &unmade.error).await,
                Err(again) => unmade = again,
            }
            if lead.is_none() || !matches!(unmade.error, TargetError::Refused { .. }) {
                break;
            }
        }
        not_created(unmade, lead, members)
    }

    /// A group was made without its members: they follow, and whoever is refused stands alone.
    async fn fill(
        &self,
        made: Made,
        lead: Option<&AccountId>,
        lead_kept: Option<&AccountId>,
        members: &[AccountId],
        refusal: &TargetError,
    ) -> Created {
        let id = made.id.clone();
        let mut created = self.created(made, lead_kept, &[]).await;
        if let (Some(_), None) = (lead, lead_kept) {
            created.lead = Some(LeadWritten {
                result: ChangeResult::Failed(refusal.to_string()),
                read_back: None,
                call: created.call.clone(),
                stop: None,
            });
        }
        if created.stop.is_some() {
            created.members = untried(members, &created.call);
        } else if !members.is_empty() {
            let written = self.add_members(&id, members).await;
            created.members = written.members;
            created.stop = written.stop;
        }
        created
    }

    /// The POST, until it is known what became of it.
    async fn post(&self, name: &str, lead: Option<&AccountId>, members: &[AccountId]) -> Result<Made, Unmade> {
        let ids: Vec<&str> = members.iter().map(AccountId::as_str).collect();
        let body = NewGroup { name, group_lead_id: lead.map(AccountId::as_str), user_ids: &ids };
        let request = match self.client.request(Method::POST, &["groups"]) {
            Ok(request) => request.json(&body).once(),
            Err(error) => return Err(unmade(error, unsent("POST"))),
        };
        let mut attempts = 0;
        let mut lost_before = false;
        loop {
            let left = self.client.max_attempts().saturating_sub(attempts).max(1);
            let request = request.clone().at_most(left);
            let failure = match self.client.call(&request).await {
                Ok(answer) => {
                    let mut call = CallRecord::answered(&request, &answer);
                    call.attempts += attempts;
                    return self.reply(name, &answer.body, call).await;
                }
                Err(failure) => failure,
            };
            attempts += failure.attempts;
            lost_before |= failure.lost;
            let call = CallRecord { lost: lost_before, ..CallRecord::new(&request, failure.status, attempts) };
            if !lost_before || failure.error.stops_the_run() {
                let failure = Failure { lost: lost_before, ..failure };
                return Err(Unmade { result: failure.result(), error: failure.error, read_back: None, call });
            }
            match self.find_twice(name).await {
                Ok(Some((id, group))) => return Ok(Made { id, group, listed: true, call }),
                Ok(None) if attempts < self.client.max_attempts() && failure.lost => {}
                Ok(None) => return Err(Unmade { read_back: Some(false), ..unmade(failure.error, call) }),
                Err(error) => return Err(unread(&failure, error, call)),
            }
        }
    }

    /// A 2xx to the POST. Without an id in it, the list tells.
    async fn reply(&self, name: &str, body: &[u8], call: CallRecord) -> Result<Made, Unmade> {
        let group: Group = wire::object(body).unwrap_or_default();
        if let Some(id) = group.id.as_deref().map(GroupId::from) {
            return Ok(Made { id, group, listed: false, call });
        }
        match self.find_twice(name).await {
            Ok(Some((id, group))) => return Ok(Made { id, group, listed: true, call }),
            Ok(None) => {}
            Err(error) => return Err(unmade(error, call)),
        }
        let why = "the answer has no id, and the list of groups does not have the new group".into();
        let name = format!("{} {}", call.method, call.path);
        Err(Unmade { read_back: Some(false), ..unmade(TargetError::Decode { call: name, why }, call) })
    }

    /// The new group in the list, which is read twice before it counts as not there: a list can be
    /// older than the request, and a group that was made twice cannot be deleted.
    async fn find_twice(&self, name: &str) -> Result<Option<(GroupId, Group)>, TargetError> {
        self.client.back_off().await;
        if let Some(found) = self.find(name).await? {
            return Ok(Some(found));
        }
        self.client.back_off().await;
        self.find(name).await
    }

    /// The one group of this name in the list.
    async fn find(&self, name: &str) -> Result<Option<(GroupId, Group)>, TargetError> {
        let list = self.reader.groups(None, None).await?;
        let mut found = list
            .rows
            .into_iter()
            .filter(|group| group.name.as_deref().is_some_and(|other| other.trim() == name.trim()))
            .filter_map(|group| Some((GroupId::from(group.id.as_deref()?), group)));
        match (found.next(), found.next()) {
            (Some(_), Some(_)) => Err(TargetError::Unbelievable {
                what: format!("there are two groups named {name:?}"),
                help: "name the id of the right one in the configuration",
            }),
            (found, _) => Ok(found),
        }
    }

    /// Lead and members of a group that was made: by the reply, or by reading.
    async fn created(&self, made: Made, lead: Option<&AccountId>, members: &[AccountId]) -> Created {
        let Made { id, group, listed, call } = made;
        let mut created = Created {
            result: ChangeResult::Done,
            read_back: listed.then_some(true),
            members: Vec::new(),
            lead: None,
            call: call.clone(),
            stop: None,
            group: Some(id.clone()),
        };
        if let Some(lead) = lead {
            let written = if group.group_lead_id.as_deref() == Some(lead.as_str()) {
                lead_done(None, &call)
            } else {
                self.read_lead_until(&id, Some(lead), call.clone(), None).await
            };
            created.stop = written.stop.clone();
            created.lead = Some(written);
        }
        let reply = group.user_ids.filter(|_| !listed).unwrap_or_default();
        let is_shown = |account: &AccountId| reply.ids.binary_search_by(|id| id.as_str().cmp(account.as_str())).is_ok();
        let open: Vec<AccountId> = members.iter().filter(|account| !is_shown(account)).cloned().collect();
        let read = if open.is_empty() || created.stop.is_some() {
            None
        } else {
            Some(self.read_members_until(Way::In, &id, &open).await)
        };
        if let Some(Err(error)) = &read {
            created.stop = error.stops_the_run().then(|| error.clone());
        }
        created.members = members
            .iter()
            .map(|account| {
                let (result, read_back) = match &read {
                    _ if is_shown(account) => (ChangeResult::Done, None),
                    Some(Ok(read)) if read.contains(account) => (ChangeResult::Done, Some(true)),
                    Some(Ok(_)) => (failed("not confirmed: the new group's members do not show it"), Some(false)),
                    Some(Err(error)) => {
                        (failed(&format!("not confirmed: the new group's members could not be read: {error}")), None)
                    }
                    None => (failed("not confirmed: the run stopped before the new group's members were read"), None),
                };
                member(account, result, read_back, &call)
            })
            .collect();
        created
    }

    pub(super) async fn change_lead(&self, group: &GroupId, lead: Option<&AccountId>) -> LeadWritten {
        let patch = match lead {
            Some(lead) => GroupPatch::GroupLeadId(lead.as_str()),
            None => GroupPatch::ClearGroupLead(true),
        };
        let request = match self.client.request(Method::PATCH, &["groups", group.as_str()]) {
            Ok(request) => request.json(&patch),
            Err(error) => return lead_failed(ChangeResult::Failed(error.to_string()), unsent("PATCH"), None),
        };
        match self.client.call(&request).await {
            Ok(answer) => {
                let call = CallRecord::answered(&request, &answer);
                match wire::object::<Group>(&answer.body) {
                    // An echo of the request has no id.
                    Ok(group)
                        if group.id.is_some() && group.group_lead_id.as_deref() == lead.map(AccountId::as_str) =>
                    {
                        lead_done(None, &call)
                    }
                    _ => self.read_lead_until(group, lead, call, None).await,
                }
            }
            Err(failure) => self.lead_failure(group, lead, &request, failure).await,
        }
    }

    pub(super) async fn change_name(&self, group: &GroupId, name: &str) -> Result<CallRecord, TargetError> {
        let request = self.client.request(Method::PATCH, &["groups", group.as_str()])?.json(&GroupPatch::Name(name));
        let answer = self.client.call(&request).await.map_err(|failure| failure.error)?;
        let shown = match wire::object::<Group>(&answer.body) {
            Ok(shown) if shown.id.is_some() => shown.name,
            // An echo, or nothing: the group itself is asked.
            _ => match self.reader.group(group).await? {
                Found::Group(found) => found.name,
                Found::Nothing => None,
            },
        };
        if shown.as_deref() == Some(name) {
            return Ok(CallRecord::answered(&request, &answer));
        }
        Err(TargetError::Decode { call: request.name(), why: "the group does not bear the name afterwards".into() })
    }

    async fn lead_failure(
        &self,
        group: &GroupId,
        lead: Option<&AccountId>,
        request: &Request,
        failure: Failure,
    ) -> LeadWritten {
        let call = CallRecord::failed(request, &failure);
        let stop = failure.error.stops_the_run().then(|| failure.error.clone());
        let perhaps_so = failure.lost || matches!(failure.error, TargetError::Refused { status: 400 | 409 | 422, .. });
        if stop.is_some() || !perhaps_so {
            return lead_failed(failure.result(), call, stop);
        }
        self.read_lead_until(group, lead, call, Some(&failure)).await
    }

    /// Reads the group until its lead is as wanted, twice at most. Without a failure before, the
    /// change was answered with 2xx.
    async fn read_lead_until(
        &self,
        group: &GroupId,
        lead: Option<&AccountId>,
        call: CallRecord,
        failure: Option<&Failure>,
    ) -> LeadWritten {
        let wanted = lead.map(AccountId::as_str);
        for last in [false, true] {
            match self.reader.group(group).await {
                Ok(Found::Group(found)) if found.group_lead_id.as_deref() == wanted => {
                    let mut done = lead_done(Some(true), &call);
                    if failure.is_some_and(|failure| !failure.lost) {
                        done.result = ChangeResult::AlreadySo;
                    }
                    return done;
                }
                Ok(_) if last || failure.is_some_and(|failure| !failure.lost) => break,
                Ok(_) => self.client.back_off().await,
                Err(error) => {
                    let text = format!("not confirmed: the group could not be read: {error}");
                    let stop = error.stops_the_run().then_some(error);
                    return lead_failed(ChangeResult::Failed(text), call, stop);
                }
            }
        }
        let text = failure.map_or_else(
            || "not confirmed: the group does not show the lead as it should be".to_owned(),
            |failure| failure.error.to_string(),
        );
        let mut written = lead_failed(ChangeResult::Failed(text), call, None);
        written.read_back = Some(false);
        written
    }
}

fn failed(text: &str) -> ChangeResult {
    ChangeResult::Failed(text.to_owned())
}

fn unsent(method: &'static str) -> CallRecord {
    CallRecord { method, path: String::new(), status: None, attempts: 0, lost: false }
}

fn unmade(error: TargetError, call: CallRecord) -> Unmade {
    Unmade { result: ChangeResult::Failed(error.to_string()), error, read_back: None, call }
}

/// The answer was lost, and the list could not be read either.
fn unread(failure: &Failure, error: TargetError, call: CallRecord) -> Unmade {
    let text = format!("{}; whether the group was made could not be read: {error}", failure.error);
    Unmade { result: ChangeResult::Failed(text), error, read_back: None, call }
}

fn not_created(unmade: Unmade, lead: Option<&AccountId>, members: &[AccountId]) -> Created {
    let Unmade { result, error, read_back, call } = unmade;
    Created {
        group: None,
        result,
        read_back,
        members: untried(members, &call),
        lead: lead.map(|_| lead_failed(ChangeResult::NotTried(WITHOUT_GROUP.into()), call.clone(), None)),
        stop: error.stops_the_run().then_some(error),
        call,
    }
}

const WITHOUT_GROUP: &str = "the group was not created";

fn untried(members: &[AccountId], call: &CallRecord) -> Vec<MemberResult> {
    members.iter().map(|account| member(account, ChangeResult::NotTried(WITHOUT_GROUP.into()), None, call)).collect()
}

fn member(account: &AccountId, result: ChangeResult, read_back: Option<bool>, call: &CallRecord) -> MemberResult {
    MemberResult { account: account.clone(), result, read_back, call: call.clone() }
}

fn lead_done(read_back: Option<bool>, call: &CallRecord) -> LeadWritten {
    LeadWritten { result: ChangeResult::Done, read_back, call: call.clone(), stop: None }
}

fn lead_failed(result: ChangeResult, call: CallRecord, stop: Option<TargetError>) -> LeadWritten {
    LeadWritten { result, read_back: None, call, stop }
}
