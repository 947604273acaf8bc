//! Whether the state still does what it is told, and nothing else. A trigger or a view that somebody else put into
//! it could let a record vanish while it is written, with no number left out, and the next run would sign the rest.

use sqlx::SqliteConnection;

use super::error::Fault;

/// The migration that made the table of the log. None changes it: its form is frozen.
const FIRST: &str = include_str!("../../migrations/0001_state.sql");

/// Refuses a state that has triggers or views, which rosterd never makes, or whose table of the log is not the one
/// that rosterd made. Asked whenever a state is opened, and again in every transaction that appends to the log.
pub(super) async fn check(conn: &mut SqliteConnection) -> Result<(), Fault> {
    let found: Vec<(String, String, String)> = sqlx::query_as(
        "SELECT type, name, COALESCE(sql, '') FROM sqlite_schema \
         WHERE type IN ('trigger', 'view') OR (type = 'table' AND name = 'audit') ORDER BY type DESC, name",
    )
    .fetch_all(conn)
    .await?;
    match found.as_slice() {
        [(kind, _, sql)] if kind == "table" && FIRST.contains(&format!("{sql};")) => Ok(()),
        [(kind, name, _), ..] if kind != "table" => {
            Err(Fault::Meddled(format!("it has the {kind} {name:?}, and rosterd makes no {kind}")))
        }
        _ => Err(Fault::Meddled("its table audit is not the one that rosterd made".to_owned())),
    }
}
