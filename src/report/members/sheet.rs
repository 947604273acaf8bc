//! The sheet for the owner of a group: who is in it, why and since when, and room for the owner's word.

use super::text::{grounds, since};
use super::{MemberEntry, MembersDocument};
use crate::report::audit_text::quoted;
use crate::report::markdown::{cell, code};
use crate::report::words::{self, plural};

/// The sheet as a table (RFC 4180). The last two columns are the owner's: `keep` or `remove`, and why.
pub fn review_csv(document: &MembersDocument) -> String {
    let mut text =
        "group,member,user_id,account,granted_by,since,last_change,decision (keep or remove),comment\n".to_owned();
    for member in &document.members {
        let fields = [
            document.group.as_str(),
            member.email.as_deref().unwrap_or_default(),
            &member.user_id,
            account(member),
            &grounds(member),
            member.since.as_deref().unwrap_or_default(),
            &since(member),
            "",
            "",
        ];
        text.push_str(&fields.map(quoted).join(","));
        text.push('\n');
    }
    text
}

/// The sheet for a ticket or a wiki.
pub fn review_markdown(document: &MembersDocument) -> String {
    let name = code(&document.group);
    let id = document.group_id.as_ref().map(|id| format!(" ({})", code(id))).unwrap_or_default();
    let mut text = format!("# Review of {name}{id}\n\n");
    text.push_str(&format!("Made {}", words::when(&document.made_at)));
    if let (Some(run), Some(at)) = (&document.facts_run, &document.facts_at) {
        text.push_str(&format!("; grants by run {}, read {}", code(run), words::when(at)));
    }
    text.push_str(&format!(". {}.\n\n", plural(document.members.len(), "member")));
    text.push_str("| Member | Account | Granted by | Since | Last change | Keep / remove | Comment |\n");
    text.push_str("|---|---|---|---|---|---|---|\n");
    for member in &document.members {
        let who = cell(member.email.as_deref().unwrap_or(&member.user_id));
        let at = member.since.as_deref().map(words::when).unwrap_or_default();
        let (why, last) = (cell(&grounds(member)), cell(&since(member)));
        text.push_str(&format!("| {who} | {} | {why} | {at} | {last} |  |  |\n", account(member)));
    }
    for note in &document.notes {
        text.push_str(&format!("\n{}\n", cell(note)));
    }
    text.push_str("\nReviewed by: ____________________  on: ____________________\n");
    text
}

fn account(member: &MemberEntry) -> &str {
    member.standing.as_deref().unwrap_or("in no list of accounts")
}
