//! What the server's tasks and the handle share.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::{
    edit::{self, Edit},
    file::WorldError,
    state::State,
    world::World,
};

/// The state behind its lock, the calls that are held, and the stop signal.
#[derive(Debug)]
pub(super) struct Shared {
    state: Mutex<State>,
    /// Calls that are held, by number; sending lets them go on.
    held: watch::Sender<BTreeMap<u64, Option<oneshot::Sender<()>>>>,
    pub(super) stopped: CancellationToken,
}

impl Shared {
    pub(super) fn new(world: World) -> Self {
        Self {
            state: Mutex::new(State::new(world)),
            held: watch::Sender::new(BTreeMap::new()),
            stopped: CancellationToken::new(),
        }
    }

    /// The state, for as long as the guard lives; it must not live across an await.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        // A task that panicked does not make the state of a simulator worthless.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the world by hand; all changes are made, or none.
    pub(super) fn edit(&self, edits: &[Edit]) -> Result<(), WorldError> {
        let mut state = self.state();
        let mut world = state.world.clone();
        for edit in edits {
            edit::apply(&mut world, edit)?;
        }
        state.world = world;
        state.world_was_edited();
        Ok(())
    }

    /// Registers a held call; the receiver hears when it may go on.
    pub(super) fn hold(&self, seq: u64) -> oneshot::Receiver<()> {
        let (release, released) = oneshot::channel();
        self.held.send_modify(|held| {
            held.insert(seq, Some(release));
        });
        released
    }

    /// Forgets a held call that went on or was given up.
    pub(super) fn unhold(&self, seq: u64) {
        self.held.send_modify(|held| {
            held.remove(&seq);
        });
    }

    /// Lets one held call go on, or all of them. Tells how many.
    pub(super) fn release(&self, seq: Option<u64>) -> usize {
        let mut count = 0;
        self.held.send_modify(|held| {
            for (number, release) in held.iter_mut() {
                if seq.is_none_or(|seq| seq == *number)
                    && let Some(release) = release.take()
                {
                    count += usize::from(release.send(()).is_ok());
                }
            }
        });
        count
    }

    /// The numbers of the calls that are held now.
    pub(super) fn held(&self) -> Vec<u64> {
        self.held.borrow().keys().copied().collect()
    }

    /// Waits until a call is held, and returns its number.
    pub(super) async fn until_held(&self) -> u64 {
        let mut watch = self.held.subscribe();
        let first = match watch.wait_for(|held| !held.is_empty()).await {
            Ok(held) => held.keys().next().copied(),
            Err(_) => None,
        };
        // The sender lives as long as `self`, and the map was not empty.
        first.unwrap_or_default()
    }
}
