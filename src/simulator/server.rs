//! One call from the connection to the answer, faults included.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{ConnectInfo, Request, State as Shown},
    http::StatusCode,
    response::Response,
};
use tokio_util::sync::CancellationToken;

use super::{
    api::{self, Bend},
    call::Call,
    connection::Cutter,
    control,
    fault::{FaultKind, Moment},
    faulty,
    record::CallState,
    reply::Reply,
    shared::Shared,
};

/// How a call ends.
#[derive(Debug)]
enum Ending {
    Answer(Reply),
    Cut { reset: bool },
    Abandoned,
}

/// All routes. One handler takes every call, because a fault can strike any of them.
pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new().fallback(handle).with_state(shared)
}

async fn handle(
    Shown(shared): Shown<Arc<Shared>>,
    ConnectInfo(cutter): ConnectInfo<Cutter>,
    request: Request,
) -> Response {
    if request.uri().path().starts_with("/_sim/") {
        return control::handle(&shared, request).await.into_response();
    }
    let call = Call::read(request).await;
    let gone = CancellationToken::new();
    // The server drops this future when the client goes away. The call is carried out in a task
    // of its own, because a real service does not stop half way either.
    let _cancel = gone.clone().drop_guard();
    let ending = tokio::spawn(carry_out(shared, call, gone)).await;
    match ending {
        Ok(Ending::Answer(reply)) => reply.into_response(),
        Ok(Ending::Cut { reset }) => cut(&cutter, reset),
        Ok(Ending::Abandoned) => cut(&cutter, false),
        Err(_) => Reply::gateway(StatusCode::INTERNAL_SERVER_ERROR, "the simulator failed").into_response(),
    }
}

/// The answer is never sent: writing it fails, and the server drops the connection.
fn cut(cutter: &Cutter, reset: bool) -> Response {
    cutter.cut(reset);
    Reply::empty(StatusCode::OK).into_response()
}

async fn carry_out(shared: Arc<Shared>, mut call: Call, gone: CancellationToken) -> Ending {
    let struck = shared.state().begin(&mut call);
    let ending = match &struck {
        None => Ending::Answer(perform(&shared, &call, Bend::default())),
        Some(kind) => strike(&shared, &call, &gone, kind).await,
    };
    let (status, state) = match &ending {
        Ending::Answer(reply) => (Some(reply.status.as_u16()), CallState::Answered),
        Ending::Cut { .. } => (None, CallState::Cut),
        Ending::Abandoned => (None, CallState::Abandoned),
    };
    shared.state().note(call.seq, |record| (record.status, record.state) = (status, state));
    tracing::debug!(seq = call.seq, method = call.method, path = call.path, ?status, fault = ?struck, "simulated call");
    ending
}

/// Carries a call out and notes whether the world changed.
fn perform(shared: &Shared, call: &Call, bend: Bend) -> Reply {
    let mut state = shared.state();
    let before = state.revision;
    let reply = api::answer(&mut state, call, bend);
    let effect = state.revision != before;
    state.note(call.seq, |record| record.effect = effect);
    reply
}

async fn strike(shared: &Shared, call: &Call, gone: &CancellationToken, kind: &FaultKind) -> Ending {
    if let Some(reply) = faulty::instead(kind) {
        return Ending::Answer(reply);
    }
    let plain = || perform(shared, call, Bend::default());
    match kind {
        FaultKind::Cut { moment, reset } => {
            if *moment == Moment::After {
                plain();
            }
            Ending::Cut { reset: *reset }
        }
        FaultKind::Slow { ms, moment } => {
            let early = (*moment == Moment::After).then(plain);
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(*ms)) => {}
                () = shared.stopped.cancelled() => return Ending::Abandoned,
            }
            Ending::Answer(early.unwrap_or_else(plain))
        }
        FaultKind::Hold { moment } => {
            let early = (*moment == Moment::After).then(plain);
            if hold(shared, call.seq, gone).await {
                Ending::Answer(early.unwrap_or_else(plain))
            } else {
                Ending::Abandoned
            }
        }
        FaultKind::StaleRead => Ending::Answer(perform(shared, call, Bend::stale())),
        FaultKind::PartialBatch { first, code } => {
            let reply = perform(shared, call, Bend::first(*first));
            Ending::Answer(faulty::partial(*code, reply))
        }
        _ => Ending::Answer(faulty::after(kind, plain())),
    }
}

/// Holds a call; false if it was given up.
async fn hold(shared: &Shared, seq: u64, gone: &CancellationToken) -> bool {
    shared.state().note_state(seq, CallState::Held);
    let released = shared.hold(seq);
    let goes_on = tokio::select! {
        released = released => released.is_ok(),
        () = gone.cancelled() => false,
        () = shared.stopped.cancelled() => false,
    };
    shared.unhold(seq);
    shared.state().note_state(seq, CallState::Running);
    goes_on
}
