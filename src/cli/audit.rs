//! `rosterd audit list|verify`: reading and checking the log.

use std::path::Path;

use super::args::{AuditFormat, AuditList, AuditVerify, Global};
use super::exit::{Exit, Fault};
use super::output::{Output, io_text};
use super::session;
use crate::model::id::RunId;
use crate::report::audit_text;
use crate::report::words::clean;
use crate::store::{Access, AuditCursor, AuditEntry, AuditFilter, AuditRecord, Store, Verification, verify_jsonl};

/// Shows the log, oldest first, page by page.
pub(super) fn list(global: &Global, output: &Output, list: &AuditList) -> Result<Exit, Fault> {
    let config = session::without_secrets(global)?;
    session::block_on(async {
        let store = session::open(&config, Access::ExistingOnly).await?;
        let filter = AuditFilter {
            since: list.since,
            run: list.run.as_ref().map(RunId::new),
            limit: list.limit.map(u64::from),
            ..AuditFilter::default()
        };
        if let Some(run) = &filter.run
            && store.run(run).await?.is_none()
        {
            let text = format!("there is no run {run}\nhelp: `rosterd status` shows the last runs");
            return Err(Fault::usage(anyhow::anyhow!(text)));
        }
        let cursor = store.audit(filter).await?;
        pages(output, cursor, list.format).await
    })?;
    Ok(Exit::Fine)
}

/// Shows what a cursor finds.
pub(super) async fn pages(output: &Output, mut cursor: AuditCursor, format: AuditFormat) -> Result<(), Fault> {
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
    }
    Ok(())
}

/// A record as the printer takes it.
fn fields(entry: &AuditEntry) -> Result<audit_text::Line, Fault> {
    let record = AuditRecord::parse(&entry.record).map_err(|why| {
        let text = format!("record {} of the log cannot be read: {why}\nhelp: run `rosterd audit verify`", entry.seq);
        Fault::from(anyhow::anyhow!(text))
    })?;
    let observed = match (record.event.as_str(), record.baseline) {
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

/// Checks the chain of a state file, or of an export with a record a line. Changes nothing.
pub(super) fn verify(global: &Global, output: &Output, verify: &AuditVerify) -> Result<Exit, Fault> {
    let path = match &verify.path {
        Some(path) => {
            std::fs::metadata(path).map_err(|error| cannot_read(path, &error))?;
            path.clone()
        }
        None => session::without_secrets(global)?.state.path,
    };
    let verdict = if is_database(&path)? {
        session::block_on(async {
            let store = Store::open(&path, Access::ReadOnly).await?;
            let verdict = store.verify().await;
            store.close().await;
            Ok(verdict?)
        })?
    } else {
        verify_lines(&path)?
    };
    let (text, exit) = self::verdict(&path.display().to_string(), &verdict);
    output.answer(&text)?;
    Ok(exit)
}

/// What was found, and how that ends.
pub(super) fn verdict(path: &str, verdict: &Verification) -> (String, Exit) {
    let path = clean(path);
    match verdict {
        Verification::Verified { records, first, last, head_hash } => {
            let range = match (first, last) {
                (Some(first), Some(last)) => format!(", seq {first} to {last}"),
                _ => String::new(),
            };
            (format!("{path}: {records} records verified{range}\nhead {head_hash}\n"), Exit::Fine)
        }
        Verification::Tampered { seq, what } => {
            let text = format!("{path}: the log does not verify. First bad record: seq {seq}: {}\n", clean(what));
            (text, Exit::Unverified)
        }
    }
}

fn is_database(path: &Path) -> Result<bool, Fault> {
    use std::io::Read;
    let mut head = Vec::new();
    match std::fs::File::open(path) {
        Ok(file) => {
            let read = file.take(16).read_to_end(&mut head);
            read.map_err(|error| cannot_read(path, &error))?;
            Ok(!head.starts_with(b"{"))
        }
        // The state says best what to do about a file that is not there.
        Err(_) => Ok(true),
    }
}

fn verify_lines(path: &Path) -> Result<Verification, Fault> {
    let file = std::fs::File::open(path).map_err(|error| cannot_read(path, &error))?;
    verify_jsonl(std::io::BufReader::new(file)).map_err(|error| cannot_read(path, &error))
}

fn cannot_read(path: &Path, error: &std::io::Error) -> Fault {
    Fault::usage(anyhow::anyhow!("cannot read {}: {}", path.display(), io_text(error)))
}
