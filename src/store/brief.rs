//! The little of all that is remembered that tells whether a run has anything to read.

use jiff::Timestamp;
use sqlx::SqliteConnection;

use super::error::Fault;
use super::history::{self, RunRow};
use super::stored::count;
use super::{changes, given, holds, learned, settings};
use crate::model::memory::Seen;

/// What a run knows before it loads its memory: the same things, without those that grow with the number of
/// people and groups.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Brief {
    /// The `client_id` and the `id` of `/users/me` that it signed in as.
    pub own_account: Option<(String, String)>,
    /// Hyperproof said to wait until then.
    pub throttled_until: Option<Timestamp>,
    /// What the last full run found, where every source vouches for its state.
    pub seen: Option<Seen>,
    /// The last real run.
    pub last: Option<RunRow>,
    /// Seal of Hyperproof's answers, where the last real run found in them what the run before it left, and
    /// wrote nothing.
    pub answers: Option<String>,
    /// Holds that wait, approved or not.
    pub holds: usize,
    /// Intents without an outcome.
    pub open: usize,
    /// Approvals with something left, not expired.
    pub approvals: usize,
    /// Removals that wait for their grace period.
    pub pending: u64,
}

/// Everything as of one moment: the caller's transaction.
pub(super) async fn load(conn: &mut SqliteConnection, now: Timestamp) -> Result<Brief, Fault> {
    let last = history::latest(conn, 1).await?.into_iter().next();
    let answers = settings::answers(conn).await?;
    // Whatever run came after the one that wrote them down may have found or done something else.
    let answers = answers.filter(|(run, _)| last.as_ref().is_some_and(|last| last.run.as_str() == run));
    // Not of use here; but what makes no sense stops a run before it begins.
    settings::organisation(conn).await?;
    settings::member_id(conn).await?;
    settings::files(conn).await?;
    let pending: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM pending").fetch_one(&mut *conn).await?;
    Ok(Brief {
        own_account: settings::own_account(conn).await?,
        throttled_until: settings::throttled_until(conn, now).await?,
        seen: learned::seen(conn).await?,
        answers: answers.map(|(_, seal)| seal),
        holds: holds::waiting(conn, now).await?.len(),
        open: changes::open_intents(conn).await?.len(),
        approvals: given::standing(conn, now).await?.len(),
        pending: count("pending", "count", pending)?,
        last,
    })
}
