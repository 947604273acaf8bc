//! Floor 4: the service seen from outside, over HTTP and read-only: whether it is alive, whether it is
//! ready, its metrics, and a page for people.
//!
//! `access` (who may see what) and `answer` (what is asked, and the headers of every answer) are the
//! door; `view` fetches what is to be shown; pure: `ready`, [`metrics`], [`page`]. Nothing here can
//! change anything, and no name or address of a person leaves by this door.

mod access;
mod answer;
pub mod metrics;
pub mod page;
mod ready;
mod view;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::model::service::ServiceState;
use crate::store::Store;
use answer::Face;

pub use access::Access;
pub use view::Stored;

/// Connections at the same time; more wait until one ends.
const MOST_CONNECTIONS: usize = 256;

/// A request's head must be there within this time.
const HEAD: Duration = Duration::from_secs(5);

/// A connection, which carries one request, lasts no longer than this.
const WHOLE: Duration = Duration::from_secs(20);

/// So long requests under way may take to end when the service stops.
const GRACE: Duration = Duration::from_secs(3);

/// Answers until `stop`, and at most 3 s longer. Fails at once where others could look in without a
/// token.
pub async fn serve(
    listener: TcpListener,
    access: Access,
    state: watch::Receiver<ServiceState>,
    store: Store,
    stop: CancellationToken,
) -> io::Result<()> {
    let address = listener.local_addr()?;
    if !address.ip().is_loopback() && access.is_open() {
        let why = format!("the status page would be open to everybody at {address}\nhelp: set [http] token");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    }
    let router = Router::new().fallback(answer::answer).with_state(Arc::new(Face {
        access,
        state,
        store,
        turn: Mutex::default(),
    }));
    let room = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = connections.join_next() => {}
            (stream, permit) = accept(&listener, &room) => {
                connections.spawn(connection(stream, router.clone(), stop.clone(), permit));
            }
        }
    }
    drop(listener);
    let ended = timeout(GRACE, async { while connections.join_next().await.is_some() {} }).await;
    if ended.is_err() {
        debug!(open = connections.len(), "connections were cut");
    }
    Ok(())
}

/// The next connection. A process that has no sockets left waits for some.
async fn accept(listener: &TcpListener, room: &Arc<Semaphore>) -> (TcpStream, OwnedSemaphorePermit) {
    let permit = Arc::clone(room).acquire_owned().await.expect("this semaphore is never closed");
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, permit),
            Err(error) => {
                warn!(%error, "the status page cannot take a connection");
                sleep(Duration::from_millis(500)).await;
            }
        }
    }
}

/// One request and its answer.
async fn connection(stream: TcpStream, router: Router, stop: CancellationToken, permit: OwnedSemaphorePermit) {
    let service = TowerToHyperService::new(router);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(16 * 1024)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let answered = timeout(WHOLE, async {
        tokio::select! {
            result = connection.as_mut() => result,
            () = stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        }
    });
    if let Ok(Err(error)) = answered.await {
        debug!(%error, "a request for the status page came to nothing");
    }
    drop(permit);
}
