//! Floor 2: the calls that read. Nothing here can change anything in Hyperproof.

use reqwest::Method;
use serde::de::DeserializeOwned;

use super::body::Body;
use super::client::Client;
use super::error::TargetError;
use super::live::Listed;
use super::request::{Failure, Intake, Request};
use super::wire::{self, Group, Ids, List, Me, Membership};
use crate::model::id::GroupId;

/// The reading side of a client.
#[derive(Debug, Clone)]
pub struct Reader {
    client: Client,
}

/// A group that was asked for by its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// It is there.
    Group(Group),
    /// Not found, or gone (404, 410).
    Nothing,
}

impl Reader {
    pub(super) fn new(client: Client) -> Self {
        Self { client }
    }

    /// The client.
    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// `GET /users/me`: the tool's own account.
    pub async fn me(&self) -> Result<Me, TargetError> {
        let request = self.client.request(Method::GET, &["users", "me"])?;
        self.object(&request).await
    }

    /// The `id` of `GET /users/me`.
    pub async fn own(&self) -> Result<String, TargetError> {
        let request = self.client.request(Method::GET, &["users", "me"])?;
        let me: Me = self.object(&request).await?;
        me.id.ok_or_else(|| TargetError::Decode { call: request.name(), why: "the answer has no id".into() })
    }

    /// `GET /users`; `expand` names further fields, separated by commas.
    pub async fn users(&self, deactivated: bool, expand: Option<&str>) -> Result<Listed, TargetError> {
        self.listed(&self.ask_for_users(deactivated, expand)?).await
    }

    pub(super) fn ask_for_users(&self, deactivated: bool, expand: Option<&str>) -> Result<Request, TargetError> {
        let request = self.client.request(Method::GET, &["users"])?;
        Ok(request.query("includeDeactivated", deactivated.then_some("true")).query("expand", expand))
    }

    /// `GET /groups`; without a status, whatever the server lists by default (active ones, by the
    /// vendor's other lists).
    pub async fn groups(&self, status: Option<&str>, expand: Option<&str>) -> Result<List<Group>, TargetError> {
        self.group_list(status, expand).await?.rows()
    }

    /// The same, as it stands.
    pub async fn group_list(&self, status: Option<&str>, expand: Option<&str>) -> Result<Listed, TargetError> {
        let request = self.client.request(Method::GET, &["groups"])?.query("status", status).query("expand", expand);
        self.listed(&request).await
    }

    /// `GET /groups/users`: all memberships of the organisation.
    pub async fn memberships(&self, status: Option<&str>) -> Result<Listed, TargetError> {
        let request = self.ask_for_memberships(status)?;
        let mut body = Body::new();
        self.client.call_into(&request, &mut body).await.map_err(|failure| failure.error)?;
        Ok(Listed::new(request.name(), body))
    }

    pub(super) fn ask_for_memberships(&self, status: Option<&str>) -> Result<Request, TargetError> {
        Ok(self.client.request(Method::GET, &["groups", "users"])?.query("status", status))
    }

    /// `GET /groups/{id}`.
    pub async fn group(&self, id: &GroupId) -> Result<Found, TargetError> {
        let request = self.client.request(Method::GET, &["groups", id.as_str()])?;
        match self.object(&request).await {
            Ok(group) => Ok(Found::Group(group)),
            Err(TargetError::Refused { status: 404 | 410, .. }) => Ok(Found::Nothing),
            Err(error) => Err(error),
        }
    }

    /// `GET /groups/{id}/users`: the members of one group. An answer without `userIds` is an error.
    pub async fn members(&self, id: &GroupId) -> Result<Ids, TargetError> {
        let request = self.client.request(Method::GET, &["groups", id.as_str(), "users"])?;
        let body = self.body(&request).await?;
        let membership: Membership<'_> = wire::object(&body).map_err(|why| decode(&request, why))?;
        let ids = membership.user_ids.map(Ids::from);
        ids.ok_or_else(|| TargetError::Decode { call: request.name(), why: "the answer has no userIds".into() })
    }

    async fn listed(&self, request: &Request) -> Result<Listed, TargetError> {
        let mut body = Body::new();
        self.collection(request, &mut body, |body| wire::is_list(body)).await?;
        Ok(Listed::new(request.name(), body))
    }

    /// Has a list taken in whose address may or may not need a slash at its end.
    pub(super) async fn collection<T: Intake>(
        &self,
        request: &Request,
        body: &mut T,
        is_list: impl FnOnce(&mut T) -> bool,
    ) -> Result<(), TargetError> {
        let error = match self.client.call_into(request, body).await {
            Ok(_) => return Ok(()),
            Err(Failure { error, .. }) => error,
        };
        let elsewhere = matches!(error, TargetError::Refused { status: 301 | 302 | 307 | 308 | 404 | 405, .. });
        if !elsewhere || request.path().ends_with('/') {
            return Err(error);
        }
        match self.client.call_into(&request.slashed(), body).await {
            Ok(_) if is_list(body) => {
                self.client.ask_with_slash();
                Ok(())
            }
            _ => Err(error),
        }
    }

    async fn object<T: DeserializeOwned>(&self, request: &Request) -> Result<T, TargetError> {
        let body = self.body(request).await?;
        wire::object(&body).map_err(|why| decode(request, why))
    }

    async fn body(&self, request: &Request) -> Result<Vec<u8>, TargetError> {
        match self.client.call(request).await {
            Ok(answer) => Ok(answer.body),
            Err(Failure { error, .. }) => Err(error),
        }
    }
}

pub(super) fn decode(request: &Request, why: String) -> TargetError {
    TargetError::Decode { call: request.name(), why }
}
