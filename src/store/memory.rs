//! All that is remembered, put together.

use jiff::{SignedDuration, Timestamp};
use sqlx::SqliteConnection;

use super::error::Fault;
use super::{effects, given, learned, observed, settings, stored, undo};
use crate::model::memory::Memory;

/// Everything as of one moment: the caller's transaction.
pub(super) async fn load(conn: &mut SqliteConnection, now: Timestamp) -> Result<Memory, Fault> {
    const DAY: SignedDuration = SignedDuration::from_hours(24);
    let after = stored::millis(now).saturating_sub(effects::millis_of(DAY));
    let removed = effects::unapproved_removals(conn, after).await?;
    let mut memory = Memory {
        organisation: settings::organisation(conn).await?,
        config_digest: settings::config_digest(conn).await?,
        own_account: settings::own_account(conn).await?,
        member_id: settings::member_id(conn).await?,
        throttled_until: settings::throttled_until(conn, now).await?,
        followed: observed::followed(conn).await?,
        approvals: given::standing(conn, now).await?,
        removed_today: stored::count("removal", "count", removed)?,
        failed_groups: settings::failed_groups(conn).await?,
        ..Memory::default()
    };
    learned::load(conn, &mut memory).await?;
    undo::load(conn, &mut memory).await?;
    Ok(memory)
}
