//! The record of every call to the simulated service, for tests to look at.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One request as it came in, and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestRecord {
    /// The place in the order of arrival, counted from one.
    pub seq: u64,
    /// The method.
    pub method: String,
    /// The path without the query.
    pub path: String,
    /// The parameters of the query.
    pub query: BTreeMap<String, String>,
    /// The body, if it was JSON or a form. The client secret is blotted out.
    pub body: Option<Value>,
    /// The status that was answered; `None` while the call is under way, and for
    /// a call whose connection was cut.
    pub status: Option<u16>,
    /// Whether the world changed.
    pub effect: bool,
    /// The fault that struck this call, by the name of its kind.
    pub fault: Option<String>,
    /// How far the call has come.
    pub state: CallState,
}

/// How far a call has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CallState {
    /// Being worked on.
    Running,
    /// Held by a `hold` fault until it is released.
    Held,
    /// Answered.
    Answered,
    /// The simulator cut the connection.
    Cut,
    /// The client went away while the call was held.
    Abandoned,
}
