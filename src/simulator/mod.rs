//! A simulated Hyperproof organisation over real HTTP, for trying rosterd out and for tests.
//!
//! It is written from the vendor's pages and imports nothing from the rest of the crate, on
//! purpose: a field name that the client gets wrong must not be hidden by sharing it.
//!
//! - [`World`] is the organisation; [`Switches`] hold every behaviour that is not documented.
//! - [`Fault`] orders something to go wrong; cuts are real cuts of the TCP connection.
//! - [`Simulator`] runs one on a free port of this machine; [`serve`] runs one on a given listener.
//! - `/_sim/…` steers a simulator from another process; `/v1/…` and `/oauth/token` are the service.
//!
//! | Address | What it does |
//! | --- | --- |
//! | `GET /_sim/state` | the whole world, as a world file |
//! | `GET`, `DELETE /_sim/requests` | the record of all calls; drop it |
//! | `POST /_sim/faults` | order one [`Fault`], or several: `{"faults": […]}`; answers `{"ids": […]}` |
//! | `GET`, `DELETE /_sim/faults` | the orders that are left; drop them |
//! | `DELETE /_sim/faults/{id}` | drop one |
//! | `POST /_sim/world` | `{"replace": world}` or `{"edit": [`[`Edit`]`, …]}` |
//! | `GET /_sim/held` | the calls that are held now |
//! | `POST /_sim/held/wait` | waits until a call is held; answers `{"seq": n}` |
//! | `POST /_sim/release` | lets held calls go on: all, or `{"seq": n}` |
//! | `POST /_sim/tokens/expire` | makes all tokens bad ones |
//!
//! One call goes `server` → `fault` → `api` → `users`, `groups`, `members` → `view`.

mod api;
mod auth;
mod call;
mod choices;
mod connection;
mod control;
mod edit;
mod fault;
mod faulty;
mod file;
mod groups;
mod ids;
mod members;
mod names;
mod overlaid;
mod queue;
mod record;
mod reply;
mod server;
mod shared;
mod state;
mod switches;
mod user;
mod users;
mod view;
mod world;

use std::{future::Future, io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{net::TcpListener, task::JoinHandle};

use self::{connection::Cuttable, connection::Cutter, shared::Shared};

pub use self::{
    choices::{
        AddPresent, Admission, ArchivedWrite, CreateStatus, DeactivatedMembers, DuplicateName, Emails, ErrorBody,
        ExpiresIn, GroupUserIds, Leniency, MemberId, NameCase, Presence, RemoveAbsent, StatusParameter, Timestamps,
        TrailingSlash, WriteReply, WrongIdKind,
    },
    edit::Edit,
    fault::{Fault, FaultKind, Matcher, Moment, RetryAfter},
    file::WorldError,
    record::{CallState, RequestRecord},
    switches::{RateLimit, Switches},
    user::{User, UserStatus, UserType},
    world::{Client, Group, GroupStatus, World},
};

/// How long a stop waits for calls that are under way.
const GRACE: Duration = Duration::from_millis(500);

/// Runs a simulator on a listener until `shutdown` is ready.
///
/// # Errors
/// When the web server itself fails.
pub async fn serve(listener: TcpListener, world: World, shutdown: impl Future<Output = ()> + Send) -> io::Result<()> {
    run(listener, Arc::new(Shared::new(world)), shutdown).await
}

async fn run(listener: TcpListener, shared: Arc<Shared>, shutdown: impl Future<Output = ()> + Send) -> io::Result<()> {
    let stopped = shared.stopped.clone();
    // Whoever drops this future has stopped the simulator too: no connection may outlive it.
    let _stop = stopped.clone().drop_guard();
    let listener = Cuttable { listener, stopped: stopped.clone() };
    let app = server::router(shared).into_make_service_with_connect_info::<Cutter>();
    let server = axum::serve(listener, app).with_graceful_shutdown(stopped.clone().cancelled_owned());
    let mut server = std::pin::pin!(server.into_future());
    tokio::select! {
        result = &mut server => return result,
        () = shutdown => stopped.cancel(),
    }
    // The web server waits for open connections without a limit of its own.
    tokio::time::timeout(GRACE, server).await.unwrap_or(Ok(()))
}

/// A simulator in this process, with a handle to steer it. It stops when the handle is dropped.
#[derive(Debug)]
pub struct Simulator {
    shared: Arc<Shared>,
    address: SocketAddr,
    server: JoinHandle<io::Result<()>>,
}

impl Simulator {
    /// Starts a simulator on a free port of the loopback address.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start(world: World) -> io::Result<Self> {
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], 0)), world).await
    }

    /// Starts a simulator on a given address, such as the one another has just left.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn start_at(address: SocketAddr, world: World) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::new(world));
        let stopped = shared.stopped.clone().cancelled_owned();
        let server = tokio::spawn(run(listener, Arc::clone(&shared), stopped));
        Ok(Self { shared, address, server })
    }

    /// The address it listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:PORT`
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The base of the API, `…/v1`.
    #[must_use]
    pub fn api_url(&self) -> String {
        format!("{}/v1", self.url())
    }

    /// The token endpoint, `…/oauth/token`.
    #[must_use]
    pub fn token_url(&self) -> String {
        format!("{}/oauth/token", self.url())
    }

    /// The world as it is now.
    #[must_use]
    pub fn world(&self) -> World {
        self.shared.state().world.clone()
    }

    /// The record of all calls so far, in the order of arrival.
    #[must_use]
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.shared.state().records().to_vec()
    }

    /// Drops the record; the numbering goes on.
    pub fn forget_requests(&self) {
        self.shared.state().forget_records();
    }

    /// Orders a fault and returns its number.
    pub fn inject(&self, fault: Fault) -> u64 {
        self.shared.state().faults.push(fault)
    }

    /// Drops a fault; false if it has run out or never was.
    pub fn remove_fault(&self, id: u64) -> bool {
        self.shared.state().faults.remove(id)
    }

    /// Drops all faults.
    pub fn clear_faults(&self) {
        self.shared.state().faults.clear();
    }

    /// Makes a change by hand.
    ///
    /// # Errors
    /// When it names a group or user that is not there, or would break the world.
    pub fn edit(&self, edit: Edit) -> Result<(), WorldError> {
        self.shared.edit(&[edit])
    }

    /// Changes the world in any way.
    pub fn change<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        let mut state = self.shared.state();
        let result = change(&mut state.world);
        state.world_was_edited();
        result
    }

    /// Makes every token handed out so far a bad one.
    pub fn expire_tokens(&self) {
        self.shared.state().tokens.expire();
    }

    /// Waits until a call is held by a [`FaultKind::Hold`], and returns its number.
    pub async fn until_held(&self) -> u64 {
        self.shared.until_held().await
    }

    /// Lets all held calls go on and tells how many there were.
    pub fn release(&self) -> usize {
        self.shared.release(None)
    }

    /// Stops the simulator: held calls are given up, open connections cut, the port is free again.
    pub async fn stop(mut self) {
        self.shared.stopped.cancel();
        if let Err(error) = (&mut self.server).await {
            tracing::warn!(%error, "the simulator did not stop cleanly");
        }
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.shared.stopped.cancel();
    }
}
