//! The addresses under `/_sim/`, for a test in another process to steer the simulator.
//!
//! They are no part of the vendor's API, need no token, are not recorded and never struck by faults.

use axum::{extract::Request, http::StatusCode};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{
    call::{Call, Payload},
    edit::Edit,
    fault::Fault,
    file::WorldError,
    reply::Reply,
    shared::Shared,
    world::World,
};

/// The body of `POST /_sim/world`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
enum WorldOrder {
    /// A whole new world. Tokens stay good.
    Replace(Box<World>),
    /// Changes by hand, all or none.
    Edit(Vec<Edit>),
}

/// The body of `POST /_sim/faults`: one fault or several.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Faults {
    faults: Vec<Fault>,
}

/// The body of `POST /_sim/release`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
struct Release {
    /// Only the call with this number.
    seq: Option<u64>,
}

/// Answers a call under `/_sim/`.
pub(super) async fn handle(shared: &Shared, request: Request) -> Reply {
    let call = Call::read(request).await;
    let segments: Vec<&str> = call.path.trim_matches('/').split('/').skip(1).collect();
    let answer = match (call.method.as_str(), segments.as_slice()) {
        ("GET", ["state"]) => document(&shared.state().world),
        ("GET", ["requests"]) => document(&shared.state().records()),
        ("DELETE", ["requests"]) => done(|| shared.state().forget_records()),
        ("GET", ["faults"]) => document(&shared.state().faults.orders()),
        ("POST", ["faults"]) => order(shared, call.body),
        ("DELETE", ["faults"]) => done(|| shared.state().faults.clear()),
        ("DELETE", ["faults", id]) => remove(shared, id),
        ("POST", ["world"]) => world(shared, call.body),
        ("GET", ["held"]) => Ok(Reply::ok(&json!({ "held": shared.held() }))),
        ("POST", ["held", "wait"]) => Ok(Reply::ok(&json!({ "seq": shared.until_held().await }))),
        ("POST", ["release"]) => release(shared, call.body),
        ("POST", ["tokens", "expire"]) => done(|| shared.state().tokens.expire()),
        _ => Err((StatusCode::NOT_FOUND, "no such address under /_sim/".to_owned())),
    };
    answer.unwrap_or_else(|(status, what)| Reply::json(status, &json!({ "error": what })))
}

type Answer = Result<Reply, (StatusCode, String)>;

fn document(value: &impl serde::Serialize) -> Answer {
    match serde_json::to_value(value) {
        Ok(value) => Ok(Reply::ok(&value)),
        Err(error) => Err((StatusCode::INTERNAL_SERVER_ERROR, error.to_string())),
    }
}

fn done(action: impl FnOnce()) -> Answer {
    action();
    Ok(Reply::ok(&json!({})))
}

fn order(shared: &Shared, body: Payload) -> Answer {
    let value = value(body)?;
    // One fault can be sent as it is.
    let faults = match value.get("faults") {
        Some(_) => decoded::<Faults>(value)?.faults,
        None => vec![decoded::<Fault>(value)?],
    };
    let mut state = shared.state();
    let ids: Vec<u64> = faults.into_iter().map(|fault| state.faults.push(fault)).collect();
    Ok(Reply::ok(&json!({ "ids": ids })))
}

fn remove(shared: &Shared, id: &str) -> Answer {
    let removed = id.parse().is_ok_and(|id| shared.state().faults.remove(id));
    if removed { Ok(Reply::ok(&json!({}))) } else { Err((StatusCode::NOT_FOUND, format!("no fault {id:?}"))) }
}

fn world(shared: &Shared, body: Payload) -> Answer {
    let result = match decoded::<WorldOrder>(value(body)?)? {
        WorldOrder::Replace(world) => world.checked().map(|world| {
            let mut state = shared.state();
            state.world = world;
            state.world_was_edited();
        }),
        WorldOrder::Edit(edits) => shared.edit(&edits),
    };
    result.map_err(|error: WorldError| (StatusCode::BAD_REQUEST, error.to_string()))?;
    Ok(Reply::ok(&json!({})))
}

fn release(shared: &Shared, body: Payload) -> Answer {
    let wanted = match body {
        Payload::Nothing => Release::default(),
        body => decoded(value(body)?)?,
    };
    Ok(Reply::ok(&json!({ "released": shared.release(wanted.seq) })))
}

fn value(body: Payload) -> Result<Value, (StatusCode, String)> {
    match body {
        Payload::Json(value) => Ok(value),
        _ => Err((StatusCode::BAD_REQUEST, "a JSON body (with its content type) is required".to_owned())),
    }
}

fn decoded<T: DeserializeOwned>(value: Value) -> Result<T, (StatusCode, String)> {
    serde_json::from_value(value).map_err(|error| (StatusCode::BAD_REQUEST, error.to_string()))
}
