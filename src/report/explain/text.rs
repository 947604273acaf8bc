//! An explanation as a person reads it at three in the morning: the answer first, then its grounds.

use std::fmt::{self, Write};
use std::time::Duration;

use super::who::plain_key;
use super::{EventEntry, ExplainDocument, GroupAnswer, MappingEntry, PersonEntry};
use crate::model::plan::Reason;
use crate::report::document::GrantEntry;
use crate::report::look::{Ink, Look};
use crate::report::sections::approve;
use crate::report::words::{self, clean};

/// Writes an explanation.
pub fn write(out: &mut dyn Write, document: &ExplainDocument, look: &Look) -> fmt::Result {
    writeln!(out, "{}", look.paint(Ink::Heading, &clean(&document.asked.person)))?;
    for person in &document.people {
        self::person(out, person)?;
    }
    match &document.account {
        Some(account) => {
            let email = account.email.as_deref().unwrap_or("no address");
            let kind = account.kind.as_deref().unwrap_or("of a type that the log does not tell");
            let standing = account.standing.as_ref().map(|standing| format!(", {standing}")).unwrap_or_default();
            writeln!(out, "  account {}: {} ({}{standing})", clean(&account.user_id), clean(email), clean(kind))?;
        }
        None => writeln!(out, "  no account")?,
    }
    sources(out, document)?;
    if let Some(means) = &document.asked.at_means {
        writeln!(out, "  asked for {}", clean(means))?;
    }
    for group in &document.groups {
        self::group(out, group, look)?;
    }
    if document.groups.is_empty() {
        let none = match document.facts {
            Some(_) => "No mapped group concerns them.",
            None => "The log tells of no membership of theirs.",
        };
        writeln!(out, "\n{none}")?;
    }
    writeln!(out)?;
    match &document.facts {
        Some(facts) if document.asked.live => {
            writeln!(out, "Read afresh at {}; nothing was changed or stored.", words::when(&facts.at))?;
        }
        Some(facts) => {
            let age = Duration::from_secs(u64::try_from(facts.age_seconds).unwrap_or_default());
            let (run, at) = (clean(&facts.run_id), words::when(&facts.at));
            writeln!(out, "By the facts of run {run}, read at {at}, {} ago.", words::duration(age))?;
        }
        None => writeln!(out, "From the audit log.")?,
    }
    for note in &document.notes {
        writeln!(out, "{}", clean(note))?;
    }
    Ok(())
}

fn person(out: &mut dyn Write, person: &PersonEntry) -> fmt::Result {
    let id = if person.immutable { format!("id {}, ", clean(plain_key(&person.id))) } else { String::new() };
    let state = if person.disabled { "not active" } else { "active" };
    writeln!(out, "  in {}: {} ({id}{state})", clean(&person.source), clean(&person.origin))?;
    let addresses = match person.addresses.is_empty() {
        true => "no address".to_owned(),
        false => person.addresses.join(", "),
    };
    let sought = match person.sought_as.is_empty() {
        true => String::new(),
        false => format!(", sought as {}", person.sought_as.join(", ")),
    };
    writeln!(out, "    {}{}", clean(&addresses), clean(&sought))?;
    match (person.matched_by.as_deref(), &person.matched_address) {
        (Some("address"), Some(address)) => writeln!(out, "    account found by {}", clean(address))?,
        (Some(_), _) => writeln!(out, "    account known from an earlier run; no account bears these addresses")?,
        (None, _) => {}
    }
    if let Some(why) = person.why.as_deref().map(words::why_of) {
        let detail = person.detail.as_ref().map(|detail| format!(" ({detail})")).unwrap_or_default();
        writeln!(out, "    left alone: {why}{}", clean(&detail))?;
    }
    Ok(())
}

/// Sources that do not have the person.
fn sources(out: &mut dyn Write, document: &ExplainDocument) -> fmt::Result {
    let Some(facts) = &document.facts else { return Ok(()) };
    for source in facts.sources.iter().filter(|source| !source.has_person) {
        let name = clean(&source.name);
        match &source.why {
            None => writeln!(out, "  not in {name} ({})", clean(&source.evidence))?,
            Some(why) => writeln!(out, "  not found in {name}, which was not read to its end: {}", clean(why))?,
        }
    }
    Ok(())
}

fn group(out: &mut dyn Write, group: &GroupAnswer, look: &Look) -> fmt::Result {
    let mode = group.mode.as_ref().map(|mode| format!(" ({mode})")).unwrap_or_default();
    let ink = match group.member {
        Some(true) => Ink::Add,
        Some(false) => Ink::Remove,
        None => Ink::Hold,
    };
    let name = clean(&group.group);
    writeln!(out, "\n{}{mode}", look.paint(Ink::Heading, &name))?;
    writeln!(out, "  {}", look.paint(ink, &clean(&group.verdict)))?;
    for way in &group.grants {
        let path: Vec<_> = way.path.iter().map(|name| clean(name)).collect();
        writeln!(out, "  granted by {}: {}", clean(&way.source), path.join(" > "))?;
        writeln!(out, "    by {}", mapping(&way.mapping))?;
    }
    if group.more_grants {
        writeln!(out, "  and by more ways than are named")?;
    }
    for not in &group.not_granted {
        writeln!(out, "  not by {}: {}", mapping(&not.mapping), clean(&not.text))?;
    }
    for skip in group.skips.iter().skip(1) {
        let why = words::why_of(&skip.why);
        writeln!(out, "  left alone: {}", clean(why))?;
    }
    for hold in group.change.iter().flat_map(|change| &change.holds) {
        writeln!(out, "  {} {}: {}", look.paint(Ink::Hold, &clean(&hold.id)), clean(&hold.rule), clean(&hold.text))?;
        writeln!(out, "    {}", approve(&hold.id))?;
    }
    for problem in &group.problems {
        writeln!(out, "  ! {}", clean(problem))?;
    }
    if let Some(since) = &group.known_since {
        writeln!(out, "  all members are in the log since {}", words::when(since))?;
    }
    let past = group.granted.is_none();
    for (event, title) in [
        (&group.last_change, if past { "before" } else { "last change" }),
        (&group.failed_change, "tried and not made"),
        (&group.next_change, "after"),
    ] {
        if let Some(event) = event {
            self::event(out, event, title)?;
        }
    }
    if past && group.last_change.is_none() && group.member.is_some() {
        writeln!(out, "  before: no change in the log")?;
    }
    if past && group.next_change.is_none() {
        match &group.known_until {
            Some(until) => writeln!(out, "  after: nothing in the log since {}", words::when(until))?,
            None => writeln!(out, "  after: no change to this day")?,
        }
    }
    Ok(())
}

fn mapping(mapping: &MappingEntry) -> String {
    let from = match (&mapping.group, &mapping.pattern) {
        (Some(group), _) => format!("group {group:?}"),
        (None, pattern) => format!("match {:?}", pattern.as_deref().unwrap_or_default()),
    };
    clean(&format!("mapping {}: {from} to {:?}", mapping.source, mapping.to)).into_owned()
}

fn event(out: &mut dyn Write, event: &EventEntry, title: &str) -> fmt::Result {
    let at = words::when(&event.at);
    let what = match (event.kind.as_str(), event.member) {
        ("made", member) => {
            let reason = event.reason.as_deref().and_then(Reason::parse);
            let added = if event.error.is_some() { !member } else { member };
            format!("{}, {}", if added { "added" } else { "removed" }, reason.map_or("reason not told", reason_words))
        }
        ("by_others", true) => "added in Hyperproof by somebody else".to_owned(),
        ("by_others", false) => "removed in Hyperproof by somebody else".to_owned(),
        (_, true) => "was in already when the log got its first list".to_owned(),
        (_, false) => "was no longer in when the log got a new list".to_owned(),
    };
    writeln!(out, "  {title}: {at}, {what}")?;
    if let Some(since) = &event.not_before {
        writeln!(out, "    between {} and then", words::when(since))?;
    }
    for grant in &event.because {
        writeln!(out, "    granted by {}", grant_words(grant))?;
    }
    if let Some(entry) = &event.entry {
        writeln!(out, "    entry {}", clean(entry))?;
    }
    if let Some(hold) = &event.hold {
        let since = event.held_since.as_ref().map(|since| format!(" since {}", words::when(since))).unwrap_or_default();
        writeln!(out, "    waited for hold {}{since}", clean(hold))?;
    }
    for approval in &event.approvals {
        let ticket = approval.ticket.as_ref().map(|ticket| format!(", ticket {ticket}")).unwrap_or_default();
        let text = format!("approved by {} (login {}): {}{ticket}", approval.by, approval.login, approval.reason);
        writeln!(out, "    {}", clean(&text))?;
    }
    if let Some(request) = &event.request {
        let status = request.status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
        let shown = match event.read_back {
            Some(true) => "; Hyperproof shows it",
            Some(false) => "; Hyperproof does not show it",
            None if event.result.as_deref() == Some("done") => " by its answer",
            None => "",
        };
        writeln!(out, "    {} {}: {status}{shown}", clean(&request.method), clean(&request.path))?;
    } else if let Some(seen) = event.read_back {
        writeln!(out, "    Hyperproof {} it when it was read", if seen { "showed" } else { "did not show" })?;
    }
    if let Some(error) = &event.error {
        writeln!(out, "    {}", clean(error))?;
    }
    let run = event.run_id.as_ref().map(|run| format!("run {run}, ")).unwrap_or_default();
    let by = event.recovered_by.as_ref().map(|run| format!(" (found out by run {run})")).unwrap_or_default();
    writeln!(out, "    {}record {}{}", clean(&run), event.seq, clean(&by))
}

/// A grant in a line: `hr: compliance > emea`.
pub(crate) fn grant_words(grant: &GrantEntry) -> String {
    let path = if grant.path.is_empty() { std::slice::from_ref(&grant.directory_group) } else { &grant.path };
    clean(&format!("{}: {}", grant.source, path.join(" > "))).into_owned()
}

/// Why a membership changed.
pub(crate) fn reason_words(reason: Reason) -> &'static str {
    match reason {
        Reason::Granted => "the directory granted it",
        Reason::GrantEnded => "no directory group granted it any more",
        Reason::PersonDisabled => "disabled in the directory",
        Reason::PersonGone => "no longer in the directory",
        Reason::AccountDeactivated => "the account was deactivated in Hyperproof, and nothing granted it",
        Reason::DriftAdded => "somebody had added them in Hyperproof, and nothing granted it",
        Reason::DriftRemoved => "somebody had removed them in Hyperproof, and the directory granted it",
        Reason::Undo => "it took back what an earlier run did",
    }
}
