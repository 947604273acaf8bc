//! Printed documents of the last plans and runs, and which holds a plan's digest stands for.

use jiff::Timestamp;
use sqlx::SqliteConnection;

use super::error::Fault;
use super::stored::{from_json, millis, time, to_json};
use crate::model::hold::HoldId;
use crate::model::id::RunId;
use crate::model::plan::Plan;

/// How many documents of each kind, and how many plans, are kept.
const KEPT: i64 = 20;

/// A document of `plan`.
pub(super) const PLAN: &str = "plan";
/// A document of a real run.
pub(super) const RUN: &str = "run";

/// Keeps a document and lets the oldest of its kind go.
pub(super) async fn keep(
    conn: &mut SqliteConnection,
    run: &RunId,
    kind: &str,
    at: Timestamp,
    body: &str,
) -> Result<(), Fault> {
    sqlx::query(
        "INSERT INTO document (run_id, kind, at, body) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (run_id) DO UPDATE SET kind = excluded.kind, at = excluded.at, body = excluded.body",
    )
    .bind(run.as_str())
    .bind(kind)
    .bind(millis(at))
    .bind(body)
    .execute(&mut *conn)
    .await?;
    sqlx::query(
        "DELETE FROM document WHERE kind = $1 AND run_id NOT IN \
         (SELECT run_id FROM document WHERE kind = $1 ORDER BY at DESC, run_id DESC LIMIT $2)",
    )
    .bind(kind)
    .bind(KEPT)
    .execute(conn)
    .await?;
    Ok(())
}

pub(super) async fn get(conn: &mut SqliteConnection, run: &RunId) -> Result<Option<String>, Fault> {
    let body = sqlx::query_scalar("SELECT body FROM document WHERE run_id = $1").bind(run.as_str());
    Ok(body.fetch_optional(conn).await?)
}

/// Remembers which holds a plan's digest stands for.
pub(super) async fn keep_plan(
    conn: &mut SqliteConnection,
    run: &RunId,
    at: Timestamp,
    plan: &Plan,
) -> Result<(), Fault> {
    let holds: Vec<&str> = plan.holds.iter().map(|hold| hold.id.as_str()).collect();
    sqlx::query(
        "INSERT INTO plan (run_id, digest, made_at, holds) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (run_id) DO UPDATE SET digest = excluded.digest, made_at = excluded.made_at, holds = excluded.holds",
    )
    .bind(run.as_str())
    .bind(plan.digest.as_str())
    .bind(millis(at))
    .bind(to_json(&holds)?)
    .execute(&mut *conn)
    .await?;
    sqlx::query(
        "DELETE FROM plan WHERE run_id NOT IN (SELECT run_id FROM plan ORDER BY made_at DESC, run_id DESC LIMIT $1)",
    )
    .bind(KEPT)
    .execute(conn)
    .await?;
    Ok(())
}

/// The holds of the newest plan whose digest begins so; none where there is no such plan.
pub(super) async fn holds_of_plan(conn: &mut SqliteConnection, digest: &str) -> Result<Option<Vec<HoldId>>, Fault> {
    let rows: Vec<(String, String, String)> =
        sqlx::query_as("SELECT digest, run_id, holds FROM plan ORDER BY made_at DESC, run_id DESC")
            .fetch_all(conn)
            .await?;
    let mut fitting = rows.iter().filter(|(stored, ..)| stored.starts_with(digest));
    let Some((stored, run, holds)) = fitting.next() else {
        return Ok(None);
    };
    if fitting.any(|(other, ..)| other != stored) {
        return Err(Fault::AmbiguousPlan(digest.to_owned()));
    }
    let holds: Vec<String> = from_json("plan", run, holds)?;
    Ok(Some(holds.iter().map(|id| HoldId::from_text(id)).collect()))
}

/// The newest plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LatestPlan {
    /// When it was made.
    pub made_at: Timestamp,
    /// Its digest.
    pub digest: String,
    /// The printed document; none while its run is under way, or after it was cut off.
    pub document: Option<String>,
}

pub(super) async fn latest_plan(conn: &mut SqliteConnection) -> Result<Option<LatestPlan>, Fault> {
    let row: Option<(String, i64, String)> =
        sqlx::query_as("SELECT run_id, made_at, digest FROM plan ORDER BY made_at DESC, run_id DESC LIMIT 1")
            .fetch_optional(&mut *conn)
            .await?;
    let Some((run, made_at, digest)) = row else {
        return Ok(None);
    };
    let made_at = time("plan", &run, made_at)?;
    let document = get(conn, &RunId::new(&run)).await?;
    Ok(Some(LatestPlan { made_at, digest, document }))
}
