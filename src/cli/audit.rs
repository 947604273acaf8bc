//! `rosterd audit list`: reading the log.

use super::args::{AuditFormat, AuditList, Global};
use super::exit::{Exit, Fault};
use super::output::Output;
use super::session;
use crate::model::id::RunId;
use crate::report::audit_text;
use crate::report::words::{self, clean};
use crate::store::{AuditCursor, AuditEntry, AuditFilter, AuditRecord, Store};

/// Shows the log, oldest first, page by page.
pub(super) fn list(global: &Global, output: &Output, list: &AuditList) -> Result<Exit, Fault> {
    let found = session::installation(global, output)?;
    session::block_on(async {
        let store = session::look_into(&found.state.path).await?;
        let filter = AuditFilter {
            since: list.since,
            run: list.run.as_ref().map(RunId::new),
            limit: list.limit.map(u64::from),
            ..AuditFilter::default()
        };
        if let Some(run) = &filter.run
            && store.run(run).await?.is_none()
        {
            let archived = match store.archives().await?.is_empty() {
                true => String::new(),
                false => format!("; older ones are in {}", store.archive_dir().display()),
            };
            let text = format!("there is no run {run}\nhelp: `rosterd status` shows the last runs{archived}");
            return Err(Fault::usage(anyhow::anyhow!(text)));
        }
        let cursor = store.audit(filter).await?;
        let shown = pages(output, cursor, list.format).await?;
        earlier(output, &store, list, shown).await?;
        store.close().await;
        Ok(())
    })?;
    Ok(Exit::Fine)
}

/// Says that records which were asked for are in archives, where that is so.
async fn earlier(output: &Output, store: &Store, list: &AuditList, shown: u64) -> Result<(), Fault> {
    let Some(anchor) = store.archives().await?.pop() else {
        return Ok(());
    };
    let wanted = list.since.is_none_or(|since| since <= anchor.until)
        && list.run.is_none()
        && list.limit.is_none_or(|limit| shown < u64::from(limit));
    if wanted {
        let dir = store.archive_dir();
        output.note(&format!("records 1 to {} are in {}", anchor.last_seq, clean(&dir.display().to_string())));
    }
    Ok(())
}

/// Shows what a cursor finds; tells how many records that were.
pub(super) async fn pages(output: &Output, mut cursor: AuditCursor, format: AuditFormat) -> Result<u64, Fault> {
    let mut shown = 0;
    if format == AuditFormat::Csv {
        output.answer(audit_text::CSV_HEADINGS)?;
    }
    while let Some(page) = cursor.next_page().await? {
        let mut text = String::new();
        for entry in &page {
            match format {
                AuditFormat::Jsonl => {
                    text.push_str(&entry.record);
                    text.push('\n');
                }
                AuditFormat::Text => text.push_str(&audit_text::line(&fields(entry)?, &output.look())),
                AuditFormat::Csv => text.push_str(&audit_text::csv_line(&fields(entry)?)),
            }
        }
        output.answer(&text)?;
        shown += page.len() as u64;
    }
    Ok(shown)
}

/// A record as the printer takes it.
fn fields(entry: &AuditEntry) -> Result<audit_text::Line, Fault> {
    let record = AuditRecord::parse(&entry.record).map_err(|why| {
        let text = format!("record {} of the log cannot be read: {why}\nhelp: run `rosterd audit verify`", entry.seq);
        Fault::from(anyhow::anyhow!(text))
    })?;
    let observed = match (record.event.as_str(), record.baseline) {
        ("observed", _) if record.ended.is_some() => record.ended.as_deref().map(words::ended).map(str::to_owned),
        ("observed", true) => Some(format!("all members: {}", record.members.len())),
        ("observed", false) => {
            Some(format!("by others: {} added, {} removed", record.added.len(), record.removed.len()))
        }
        _ => None,
    };
    Ok(audit_text::Line {
        seq: record.seq,
        at: crate::report::time(record.at),
        event: record.event,
        run: record.run_id.unwrap_or_default(),
        operator: record.actor.and_then(|actor| actor.operator).unwrap_or_default(),
        op: record.op.unwrap_or_default(),
        group: record.group.map(|group| group.name).unwrap_or_default(),
        member: record.member.map(|member| member.email.unwrap_or(member.user_id)).unwrap_or_default(),
        reason: record.reason.unwrap_or_default(),
        result: record.result.or(record.outcome).or(observed).unwrap_or_default(),
        hold: record.hold.unwrap_or_default(),
        approved_by: record.approval.as_ref().map(|approval| approval.by.clone()).unwrap_or_default(),
        ticket: record.approval.and_then(|approval| approval.ticket).unwrap_or_default(),
        error: record.error.unwrap_or_default(),
    })
}
