//! Approvals count where the log tells of them, word for word: the rows beside it can be written by whoever can
//! write the file, and then a name would stand under changes whose bearer never said a word.

use std::collections::BTreeSet;

use futures_util::TryStreamExt;
use sqlx::SqliteConnection;

use super::archive;
use super::audit::Event;
use super::audit::canonical::Json;
use super::audit::record;
use super::audit::walk::Fields;
use super::error::Fault;
use super::stored::millis;
use crate::model::hold::Approval;
use crate::model::plan::ChangeKey;

/// Where the log was when an approval was given: at the end of the run before it, or later.
const BEFORE: &str = "SELECT last_seq FROM run WHERE started_at <= $1 AND finished_at <= $1 \
     ORDER BY started_at DESC, id DESC LIMIT 1";

const SINCE: &str = "SELECT record FROM audit WHERE seq > $1 AND record LIKE '%\"event\":\"approval\"%' ORDER BY seq";

/// Whether a record tells of this approval of just these changes. Where it is old, its record may be in an archive.
pub(super) async fn is(
    conn: &mut SqliteConnection,
    approval: &Approval,
    changes: &BTreeSet<ChangeKey>,
) -> Result<bool, Fault> {
    let wanted = [
        ("event", Event::Approval.as_str().into()),
        ("at", record::time(approval.at).into()),
        ("hold", approval.hold.as_str().into()),
        ("rule", approval.rule.as_str().into()),
        ("scope", approval.scope.as_str().into()),
        ("approval", record::approval(approval)),
        ("changes", record::changes(changes)),
    ];
    let tells = |fields: &Fields| wanted.iter().all(|(name, value): &(&str, Json)| fields.get(*name) == Some(value));
    let before: Option<Option<i64>> =
        sqlx::query_scalar(BEFORE).bind(millis(approval.at)).fetch_optional(&mut *conn).await?;
    let before = before.flatten().unwrap_or(0);
    // A clock that was set back puts it before its time.
    for after in [before, 0].into_iter().take(if before > 0 { 2 } else { 1 }) {
        let mut records = sqlx::query_scalar::<_, String>(SINCE).bind(after).fetch(&mut *conn);
        while let Some(text) = records.try_next().await? {
            if let Some(Json::Object(fields)) = Json::parse(&text)
                && tells(&fields)
            {
                return Ok(true);
            }
        }
    }
    archive::has_approval(conn, approval.at, tells).await
}
