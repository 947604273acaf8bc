//! A list of members for a terminal, and as a table for a spreadsheet.

use std::fmt::{self, Write};

use super::{MemberEntry, MembersDocument};
use crate::report::audit_text::quoted;
use crate::report::explain::grant_words;
use crate::report::look::{Ink, Look};
use crate::report::words::{self, clean, plural};

/// Writes the list. The last line is always the count.
pub fn write(out: &mut dyn Write, document: &MembersDocument, look: &Look) -> fmt::Result {
    let id = document.group_id.as_ref().map(|id| format!(" ({})", clean(id))).unwrap_or_default();
    writeln!(out, "{}{id}", look.paint(Ink::Heading, &clean(&document.group)))?;
    if let Some(means) = &document.at_means {
        writeln!(out, "as of {}", clean(means))?;
    }
    for member in &document.members {
        let who = clean(member.email.as_deref().unwrap_or(&member.user_id));
        writeln!(out, "  {who}  {}", grounds(member))?;
        writeln!(out, "    {}", since(member))?;
    }
    if let (Some(run), Some(at)) = (&document.facts_run, &document.facts_at) {
        writeln!(out, "Grants by the facts of run {}, read at {}.", clean(run), words::when(at))?;
    }
    if let Some(since) = &document.known_since {
        writeln!(out, "All members are in the log since {}.", words::when(since))?;
    }
    for note in &document.notes {
        writeln!(out, "{}", clean(note))?;
    }
    let asked = document.at.is_some() || document.known_until.is_some();
    let known = if document.known_since.is_none() && asked { " known" } else { "" };
    writeln!(out, "{}{known}", plural(document.members.len(), "member"))
}

/// Why somebody is a member.
pub(super) fn grounds(member: &MemberEntry) -> String {
    let grants: Vec<String> = member.granted_by.iter().map(grant_words).collect();
    match (grants.is_empty(), &member.kept) {
        (false, _) => format!("granted by {}", grants.join("; ")),
        (true, Some(kept)) => format!("granted by nothing: {}", clean(kept)),
        (true, None) => "no grant known".to_owned(),
    }
}

/// Since when, and by whom.
pub(super) fn since(member: &MemberEntry) -> String {
    let Some(at) = member.since.as_deref().map(words::when) else {
        return "since when is not known".to_owned();
    };
    let run = member.run_id.as_ref().map(|run| format!(", run {}", clean(run))).unwrap_or_default();
    let by = member.approved_by.as_ref().map(|by| format!(", approved by {}", clean(by))).unwrap_or_default();
    let ticket = member.ticket.as_ref().map(|ticket| format!(" ({})", clean(ticket))).unwrap_or_default();
    match member.how.as_deref() {
        Some("added") => format!("added {at}{run}{by}{ticket}"),
        Some("by_others") => format!("added in Hyperproof by somebody else, seen {at}{run}"),
        _ => format!("in already when first seen, {at}"),
    }
}

/// The headings of the table.
const HEADINGS: &str = "group,group_id,user_id,email,standing,granted_by,kept,since,how,reason,run_id,seq,approved_by,ticket,known_until\n";

/// The list as a table (RFC 4180). A text that a spreadsheet would take for a formula is led by an
/// apostrophe.
pub fn csv(document: &MembersDocument) -> String {
    let mut text = HEADINGS.to_owned();
    for member in &document.members {
        let grants: Vec<String> = member.granted_by.iter().map(grant_words).collect();
        let seq = member.seq.map(|seq| seq.to_string());
        let or_empty = |text: &Option<String>| quoted(text.as_deref().unwrap_or_default());
        let fields = [
            quoted(&document.group),
            or_empty(&document.group_id),
            quoted(&member.user_id),
            or_empty(&member.email),
            or_empty(&member.standing),
            quoted(&grants.join("; ")),
            or_empty(&member.kept),
            or_empty(&member.since),
            or_empty(&member.how),
            or_empty(&member.reason),
            or_empty(&member.run_id),
            or_empty(&seq),
            or_empty(&member.approved_by),
            or_empty(&member.ticket),
            or_empty(&document.known_until),
        ];
        text.push_str(&fields.join(","));
        text.push('\n');
    }
    text
}
