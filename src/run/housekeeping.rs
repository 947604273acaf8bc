//! After a real run: old records are archived and pruned. It is never in a run's way: what fails is told, and
//! tried again after the next run.

use jiff::{SignedDuration, Timestamp};
use tracing::{debug, info, warn};

use super::Setup;
use crate::store::{Retire, StoreError};

/// Not more often than this.
const EVERY: SignedDuration = SignedDuration::from_hours(24);

/// So many records go at once, so that the state is never locked for long.
const CHUNK: u32 = 50_000;

/// Archives what is older than `retention`, once a day, chunk by chunk until `stop` is cancelled. For the end
/// of every real run, after its lock was let go: a run that begins meanwhile is not in its way.
pub async fn housekeeping(setup: &Setup<'_>) {
    if let Err(error) = archive(setup, Timestamp::now()).await {
        warn!(%error, help = error.help(), "old records were not archived: nothing of them was pruned");
    }
}

async fn archive(setup: &Setup<'_>, now: Timestamp) -> Result<(), StoreError> {
    let store = setup.store;
    // A clock that was set back does not stop it for long.
    let lately = |at: &Timestamp| *at <= now && now.duration_since(*at) < EVERY;
    if store.archived_at().await?.as_ref().is_some_and(lately) {
        return Ok(());
    }
    let Ok(before) = now.checked_sub(setup.order.retention) else {
        return Ok(());
    };
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let retire = Retire { before, chunk: CHUNK, now, actor: setup.actor.clone(), version };
    let mut files = 0_u32;
    while !setup.stop.is_cancelled() {
        let Some(archive) = store.archive_next(&retire).await? else {
            break;
        };
        files += 1;
        info!(file = archive.file, records = archive.records(), last_seq = archive.last_seq, "archived old records");
    }
    if files > 0 && !setup.stop.is_cancelled() {
        store.remember_archived(now).await?;
    }
    debug!(files, "old records looked for");
    Ok(())
}
