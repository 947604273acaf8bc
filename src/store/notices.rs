//! Notices: what each receiver was told, and what is not delivered yet. A restart neither repeats nor
//! loses one.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use sqlx::SqliteConnection;

use super::Store;
use super::error::{Fault, StoreError};
use super::stored::{from_json, millis, time, to_json};
use crate::model::notice::{Account, Condition, Told};

const TOLD: &str = "notice_told";
const OUTBOX: &str = "notice_outbox";

/// So many notices wait for one receiver; then the oldest go.
const KEPT: i64 = 200;

/// A notice to be delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewNotice {
    /// Its id. Ids sort by time.
    pub id: String,
    /// The receiver's key.
    pub channel: String,
    /// The subject.
    pub subject: String,
    /// The text or document.
    pub body: String,
}

/// A notice that waits for its delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuedNotice {
    /// The notice.
    pub notice: NewNotice,
    /// When it was made.
    pub made_at: Timestamp,
    /// How many attempts began, the one that it was claimed for included.
    pub attempts: u32,
}

impl Store {
    /// Brings what receivers were told up to date and queues what is due, in one transaction. `decide`
    /// gets what each of them was told, by its key, and changes it. What belongs to receivers that are
    /// not in `channels` is forgotten. Tells how many notices were queued.
    pub async fn settle_notices(
        &self,
        channels: &BTreeSet<String>,
        now: Timestamp,
        decide: impl FnOnce(&mut BTreeMap<String, Account>) -> Vec<NewNotice>,
    ) -> Result<usize, StoreError> {
        let mut tx = self.write().await?;
        let done = settle(&mut tx, channels, now, decide).await;
        self.end(tx, done).await
    }

    /// What each receiver was told, by its key.
    pub async fn notices_told(&self) -> Result<BTreeMap<String, Account>, StoreError> {
        let mut tx = self.read().await?;
        let told = told(&mut tx).await;
        self.end(tx, told).await
    }

    /// Takes the oldest notice of each receiver, where its time has come. It will not be given again
    /// before `wait` (of the number of attempts) has passed, also to another process.
    pub async fn claim_notices(
        &self,
        now: Timestamp,
        wait: fn(u32) -> jiff::SignedDuration,
    ) -> Result<Vec<QueuedNotice>, StoreError> {
        let mut tx = self.write().await?;
        let claimed = claim(&mut tx, now, wait).await;
        self.end(tx, claimed).await
    }

    /// When the next notice can be claimed; none where nothing waits.
    pub async fn next_notice(&self) -> Result<Option<Timestamp>, StoreError> {
        let mut tx = self.read().await?;
        let next = next(&mut tx).await;
        self.end(tx, next).await
    }

    /// Forgets a notice: it is delivered, or given up.
    pub async fn forget_notice(&self, id: &str) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        let done = sqlx::query("DELETE FROM notice_outbox WHERE id = $1").bind(id).execute(&mut *tx).await;
        self.end(tx, done.map(drop).map_err(Fault::from)).await
    }
}

async fn settle(
    conn: &mut SqliteConnection,
    channels: &BTreeSet<String>,
    now: Timestamp,
    decide: impl FnOnce(&mut BTreeMap<String, Account>) -> Vec<NewNotice>,
) -> Result<usize, Fault> {
    let before = told(conn).await?;
    let mut after = before.clone();
    after.retain(|channel, _| channels.contains(channel));
    let notices = decide(&mut after);
    for (channel, condition) in keys(&before).difference(&keys(&after)) {
        let delete = sqlx::query("DELETE FROM notice_told WHERE channel = $1 AND condition = $2");
        delete.bind(channel).bind(condition.as_str()).execute(&mut *conn).await?;
    }
    for (channel, account) in &after {
        for (condition, told) in account {
            if before.get(channel).and_then(|account| account.get(condition)) != Some(told) {
                remember(conn, channel, *condition, told).await?;
            }
        }
    }
    let queued: Vec<String> =
        sqlx::query_scalar("SELECT DISTINCT channel FROM notice_outbox").fetch_all(&mut *conn).await?;
    for gone in queued.iter().filter(|channel| !channels.contains(*channel)) {
        sqlx::query("DELETE FROM notice_outbox WHERE channel = $1").bind(gone).execute(&mut *conn).await?;
    }
    for notice in &notices {
        queue(conn, notice, now).await?;
    }
    Ok(notices.len())
}

fn keys(told: &BTreeMap<String, Account>) -> BTreeSet<(&str, Condition)> {
    told.iter().flat_map(|(channel, account)| account.keys().map(|condition| (channel.as_str(), *condition))).collect()
}

async fn told(conn: &mut SqliteConnection) -> Result<BTreeMap<String, Account>, Fault> {
    let rows: Vec<(String, String, i64, i64, i64, String)> =
        sqlx::query_as("SELECT channel, condition, since, told_at, lasts, parts FROM notice_told ORDER BY channel")
            .fetch_all(conn)
            .await?;
    let mut all: BTreeMap<String, Account> = BTreeMap::new();
    for (channel, word, since, told_at, lasts, parts) in rows {
        let condition =
            Condition::parse(&word).ok_or_else(|| Fault::row(TOLD, &channel, format!("unknown condition {word:?}")))?;
        let told = Told {
            since: time(TOLD, &channel, since)?,
            told_at: time(TOLD, &channel, told_at)?,
            parts: from_json(TOLD, &channel, &parts)?,
            lasts: lasts != 0,
        };
        all.entry(channel).or_default().insert(condition, told);
    }
    Ok(all)
}

async fn remember(conn: &mut SqliteConnection, channel: &str, condition: Condition, told: &Told) -> Result<(), Fault> {
    sqlx::query(
        "INSERT INTO notice_told (channel, condition, since, told_at, lasts, parts) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (channel, condition) DO UPDATE SET since = excluded.since, told_at = excluded.told_at, \
         lasts = excluded.lasts, parts = excluded.parts",
    )
    .bind(channel)
    .bind(condition.as_str())
    .bind(millis(told.since))
    .bind(millis(told.told_at))
    .bind(i64::from(told.lasts))
    .bind(to_json(&told.parts)?)
    .execute(conn)
    .await?;
    Ok(())
}

async fn queue(conn: &mut SqliteConnection, notice: &NewNotice, now: Timestamp) -> Result<(), Fault> {
    sqlx::query(
        "INSERT INTO notice_outbox (id, channel, made_at, subject, body, attempts, next_try) \
         VALUES ($1, $2, $3, $4, $5, 0, $3)",
    )
    .bind(&notice.id)
    .bind(&notice.channel)
    .bind(millis(now))
    .bind(&notice.subject)
    .bind(&notice.body)
    .execute(&mut *conn)
    .await?;
    sqlx::query(
        "DELETE FROM notice_outbox WHERE channel = $1 AND id NOT IN \
         (SELECT id FROM notice_outbox WHERE channel = $1 ORDER BY id DESC LIMIT $2)",
    )
    .bind(&notice.channel)
    .bind(KEPT)
    .execute(conn)
    .await?;
    Ok(())
}

async fn claim(
    conn: &mut SqliteConnection,
    now: Timestamp,
    wait: fn(u32) -> jiff::SignedDuration,
) -> Result<Vec<QueuedNotice>, Fault> {
    // No wait is longer: one that is was made by a clock that has been set back since.
    let longest = now.checked_add(wait(u32::MAX)).unwrap_or(Timestamp::MAX);
    let heads: Vec<(String, String, i64, String, String, i64)> = sqlx::query_as(
        "SELECT id, channel, made_at, subject, body, attempts FROM notice_outbox AS head \
         WHERE (next_try <= $1 OR next_try > $2) AND \
         id = (SELECT MIN(id) FROM notice_outbox WHERE channel = head.channel) ORDER BY id",
    )
    .bind(millis(now))
    .bind(millis(longest))
    .fetch_all(&mut *conn)
    .await?;
    let mut claimed = Vec::with_capacity(heads.len());
    for (id, channel, made_at, subject, body, attempts) in heads {
        let attempts = u32::try_from(attempts).unwrap_or(u32::MAX).saturating_add(1);
        let next = now.checked_add(wait(attempts)).unwrap_or(Timestamp::MAX);
        sqlx::query("UPDATE notice_outbox SET attempts = $2, next_try = $3 WHERE id = $1")
            .bind(&id)
            .bind(i64::from(attempts))
            .bind(millis(next))
            .execute(&mut *conn)
            .await?;
        let made_at = time(OUTBOX, &id, made_at)?;
        claimed.push(QueuedNotice { notice: NewNotice { id, channel, subject, body }, made_at, attempts });
    }
    Ok(claimed)
}

async fn next(conn: &mut SqliteConnection) -> Result<Option<Timestamp>, Fault> {
    let next: Option<i64> = sqlx::query_scalar(
        "SELECT MIN(next_try) FROM notice_outbox AS head WHERE \
         id = (SELECT MIN(id) FROM notice_outbox WHERE channel = head.channel)",
    )
    .fetch_one(conn)
    .await?;
    next.map(|next| time(OUTBOX, "next", next)).transpose()
}
