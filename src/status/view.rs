//! What is to be shown: the loop's own state, and what the state file adds. Floor 4.

use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::model::service::ServiceState;
use crate::store::{RunRow, SourceRead, Store, StoreError, StoredHold};

/// The state file answers within this time, or it counts as unreadable.
const PATIENCE: Duration = Duration::from_secs(3);

/// So many runs are shown.
const RUNS: u32 = 10;

/// What the state file adds.
#[derive(Debug, Clone, Default)]
pub struct Stored {
    /// The last runs, the newest first.
    pub runs: Vec<RunRow>,
    /// What waits, approved holds included.
    pub holds: Vec<StoredHold>,
    /// How each source was read last.
    pub sources: Vec<SourceRead>,
}

/// Everything at one moment.
pub(super) struct View {
    pub(super) now: Timestamp,
    pub(super) state: ServiceState,
    pub(super) stored: Result<Stored, String>,
}

impl View {
    pub(super) async fn fetch(state: ServiceState, store: &Store, turn: &Mutex<()>, now: Timestamp) -> Self {
        let read = async {
            let _turn = turn.lock().await;
            fetch(store, now).await
        };
        let stored = match timeout(PATIENCE, read).await {
            Ok(stored) => stored.map_err(|error| error.to_string()),
            Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
        };
        Self { now, state, stored }
    }
}

async fn fetch(store: &Store, now: Timestamp) -> Result<Stored, StoreError> {
    Ok(Stored { runs: store.runs(RUNS).await?, holds: store.holds(now).await?, sources: store.sources().await? })
}
