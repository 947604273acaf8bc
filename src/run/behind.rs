//! Whether what was read may be older than what rosterd wrote last. Nothing is known of how soon Hyperproof shows a
//! write, so a list that contradicts one of the last minutes is read once more, and then believed.

use jiff::Timestamp;

use super::{Setup, recover};
use crate::model::live::LiveState;
use crate::model::memory::Memory;
use crate::reconcile::lapsed;
use crate::store::StoreError;

/// Whether to look twice. What an old list says is taken for somebody else's doing: it would end what an undo took back,
/// and make memberships of rosterd's somebody else's.
pub(super) async fn may_be(
    setup: &Setup<'_>,
    memory: &Memory,
    live: &LiveState,
    now: Timestamp,
) -> Result<bool, StoreError> {
    if recover::may_be_behind(setup, live).await? {
        return Ok(true);
    }
    let Some(removed) = setup.store.removed_lately(now).await? else { return Ok(false) };
    let is_back = removed.iter().any(|(id, account)| {
        let is_member = live.group(id).is_some_and(|group| live.is_member(group, account));
        is_member && !memory.owned.has(id, account)
    });
    Ok(is_back || setup.store.made_lately(&lapsed(&memory.owned, live), now).await?)
}

/// Waits a little before the second look.
pub(super) async fn pause(setup: &Setup<'_>) {
    tokio::select! {
        () = setup.stop.cancelled() => {}
        () = tokio::time::sleep(setup.order.target.backoff) => {}
    }
}
