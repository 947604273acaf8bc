//! What rosterd did within the last minutes. A list of Hyperproof that does not show it may be older than that.

use jiff::{SignedDuration, Timestamp};
use sqlx::SqliteConnection;

use super::audit::AuditRecord;
use super::effects::millis_of;
use super::error::Fault;
use super::stored::millis;
use crate::model::id::{AccountId, GroupId};

/// For so long a list may be older than a write. Whether any is, the vendor does not say.
const LATELY: SignedDuration = SignedDuration::from_mins(10);

fn after(now: Timestamp) -> i64 {
    millis(now).saturating_sub(millis_of(LATELY))
}

/// Whether a run did anything lately: most have nothing to do, and then there is nothing to look for.
async fn is_anything_done(conn: &mut SqliteConnection, now: Timestamp) -> Result<bool, Fault> {
    let sql = "SELECT EXISTS (SELECT 1 FROM (SELECT done, finished_at FROM run ORDER BY first_seq DESC LIMIT 50) \
               WHERE done > 0 AND (finished_at IS NULL OR finished_at > $1))";
    let found: i64 = sqlx::query_scalar(sql).bind(after(now)).fetch_one(conn).await?;
    Ok(found > 0)
}

/// Whether one of these memberships was made by rosterd lately, and not taken back since.
pub(super) async fn made_one_of(
    conn: &mut SqliteConnection,
    memberships: &[(GroupId, AccountId)],
    now: Timestamp,
) -> Result<bool, Fault> {
    for (group, account) in memberships {
        let made: Option<i64> =
            sqlx::query_scalar("SELECT at FROM owned WHERE group_id = $1 AND account_id = $2 AND at > $3")
                .bind(group.as_str())
                .bind(account.as_str())
                .bind(after(now))
                .fetch_optional(&mut *conn)
                .await?;
        if made.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Memberships that rosterd took away lately; none where it did nothing at all.
pub(super) async fn removed(
    conn: &mut SqliteConnection,
    now: Timestamp,
) -> Result<Option<Vec<(GroupId, AccountId)>>, Fault> {
    if !is_anything_done(conn, now).await? {
        return Ok(None);
    }
    let rows: Vec<(i64, String)> = sqlx::query_as(
        "SELECT a.seq, a.record FROM removal r JOIN audit a ON a.seq = r.seq WHERE r.at > $1 ORDER BY r.seq",
    )
    .bind(after(now))
    .fetch_all(conn)
    .await?;
    let mut removed = Vec::with_capacity(rows.len());
    for (seq, text) in rows {
        let record = AuditRecord::parse(&text).map_err(|why| Fault::row("audit", seq, why))?;
        let group = record.group.and_then(|group| group.id);
        let account = record.member.map(|member| member.user_id);
        removed.extend(group.zip(account).map(|(group, account)| (group.into(), account.into())));
    }
    Ok(Some(removed))
}
