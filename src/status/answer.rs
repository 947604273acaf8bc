//! What is asked, and what is answered: methods, paths, and the headers of every answer. Floor 4.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, WWW_AUTHENTICATE,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use tokio::sync::{Mutex, watch};

use super::access::Access;
use super::view::View;
use super::{metrics, page, ready};
use crate::model::service::ServiceState;
use crate::store::Store;

/// What an answer is made from.
pub(super) struct Face {
    pub(super) access: Access,
    pub(super) state: watch::Receiver<ServiceState>,
    pub(super) store: Store,
    /// Whoever holds it reads the state file: however many ask, a run finds connections to it.
    pub(super) turn: Mutex<()>,
}

const TEXT: &str = "text/plain; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";

/// Answers one request. The order tells nothing to those who may not know: a stranger learns the same
/// of a path that is there and of one that is not.
pub(super) async fn answer(State(face): State<Arc<Face>>, request: Request) -> Response {
    let (request, _) = request.into_parts();
    let mut response = inner(&face, &request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (CACHE_CONTROL, "no-store"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
        (CONTENT_SECURITY_POLICY, page::POLICY),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

async fn inner(face: &Face, request: &Parts) -> Response {
    if !face.access.is_meant(request.version, &request.uri, &request.headers) {
        let text = "call it by 127.0.0.1, [::1] or localhost\n";
        return reply(StatusCode::MISDIRECTED_REQUEST, TEXT, text.to_owned());
    }
    if !matches!(request.method, Method::GET | Method::HEAD) {
        let mut response = reply(StatusCode::METHOD_NOT_ALLOWED, TEXT, "only GET and HEAD\n".to_owned());
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    let admitted = face.access.admits(&request.headers);
    match request.uri.path() {
        "/healthz" => health(face),
        "/readyz" => readiness(face, admitted).await,
        _ if !admitted => {
            let mut response = StatusCode::UNAUTHORIZED.into_response();
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            response
        }
        "/metrics" => {
            let view = view(face).await;
            let text = metrics::render(&view.state, view.stored.as_ref().ok(), view.now);
            reply(StatusCode::OK, metrics::CONTENT_TYPE, text)
        }
        "/" => {
            let view = view(face).await;
            let stored = view.stored.as_ref().map_err(String::as_str);
            reply(StatusCode::OK, HTML, page::render(&view.state, stored, view.now))
        }
        _ => reply(StatusCode::NOT_FOUND, TEXT, "/healthz /readyz /metrics /\n".to_owned()),
    }
}

/// Alive: the loop that publishes the state is there.
fn health(face: &Face) -> Response {
    match face.state.has_changed() {
        Ok(_) => reply(StatusCode::OK, TEXT, "ok\n".to_owned()),
        Err(_) => reply(StatusCode::SERVICE_UNAVAILABLE, TEXT, "the service's loop has ended\n".to_owned()),
    }
}

async fn readiness(face: &Face, admitted: bool) -> Response {
    let view = view(face).await;
    let wrong = ready::wrong(&view.state, view.stored.as_ref().err().map(String::as_str), view.now);
    let (status, mut text) = match wrong.is_empty() {
        true => (StatusCode::OK, "ready\n".to_owned()),
        false => (StatusCode::SERVICE_UNAVAILABLE, "not ready\n".to_owned()),
    };
    if admitted {
        for reason in wrong {
            text += &format!("- {reason}\n");
        }
    }
    reply(status, TEXT, text)
}

async fn view(face: &Face) -> View {
    let state = face.state.borrow().clone();
    View::fetch(state, &face.store, &face.turn, Timestamp::now()).await
}

fn reply(status: StatusCode, kind: &'static str, body: String) -> Response {
    (status, [(CONTENT_TYPE, kind)], body).into_response()
}
