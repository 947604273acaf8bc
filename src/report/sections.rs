//! Parts that the texts of a plan and of a run share: sources, groups, skips, holds.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use super::change_text::{self, Teller};
use super::document::{ChangeEntry, GroupEntry, HoldEntry, PlanDocument, SkipEntry, SourceEntry};
use super::look::{Ink, Look};
use super::words::{self, clean, plural};
use crate::model::plan::{GroupStanding, Why};
use crate::model::policy::Mode;

/// How many skips of one kind are shown where lists are cut: they are many, and mostly old news.
const SKIP_EXAMPLES: usize = 3;
/// People's names are lined up to this many characters.
const COLUMN: usize = 40;

/// `… and 180 more`, where something was cut off.
pub(crate) fn rest(out: &mut dyn Write, look: &Look, indent: &str, hidden: usize) -> fmt::Result {
    if hidden == 0 {
        return Ok(());
    }
    let text = format!("… and {hidden} more (-v shows all)");
    writeln!(out, "{indent}{}", look.paint(Ink::Faint, &text))
}

/// Problems, a line each.
pub(crate) fn problems(out: &mut dyn Write, look: &Look, indent: &str, problems: &[String]) -> fmt::Result {
    let shown = look.shown(problems.len());
    for problem in problems.iter().take(shown) {
        writeln!(out, "{indent}{} {}", look.paint(Ink::Trouble, "!"), clean(problem))?;
    }
    rest(out, look, indent, problems.len() - shown)
}

/// What stands above all else: that something was not read, and problems that belong to no source
/// or group.
pub(crate) fn alarms(out: &mut dyn Write, look: &Look, document: &PlanDocument) -> fmt::Result {
    if !document.complete {
        let text = "Not everything could be read. What depends on it is left alone.";
        writeln!(out, "{}", look.paint(Ink::Trouble, text))?;
    }
    problems(out, look, "", &document.problems)
}

/// The sources, those with problems first.
pub(crate) fn sources(out: &mut dyn Write, look: &Look, sources: &[SourceEntry]) -> fmt::Result {
    if sources.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{}", look.paint(Ink::Heading, "Sources"))?;
    let mut sources: Vec<&SourceEntry> = sources.iter().collect();
    sources.sort_by_key(|source| (source.complete, source.problems.is_empty()));
    for source in sources {
        let evidence = match source.evidence.is_empty() {
            true => String::new(),
            false => format!(" ({})", clean(&source.evidence)),
        };
        let incomplete = match source.complete {
            true => String::new(),
            false => format!("{}; ", look.paint(Ink::Trouble, "not read completely")),
        };
        writeln!(
            out,
            "  {} ({}): {incomplete}{}, {}, {}{evidence}",
            clean(&source.name),
            clean(&source.kind),
            plural(source.people, "person"),
            plural(source.groups, "group"),
            plural(source.memberships, "membership"),
        )?;
        problems(out, look, "    ", &source.problems)?;
    }
    Ok(())
}

/// The groups with what is to be done in them. Groups with nothing to do are one line together.
pub(crate) fn groups(out: &mut dyn Write, look: &Look, document: &PlanDocument) -> fmt::Result {
    let teller = Teller::new(document, words::plain);
    let mut changes = document.changes_by_group();
    let mut quiet = 0;
    for group in &document.groups {
        let changes = changes.remove(group.name.as_str()).unwrap_or_default();
        if changes.is_empty() && group.problems.is_empty() && group.standing == GroupStanding::Ready {
            quiet += 1;
            continue;
        }
        writeln!(out, "\n{}", heading(look, group))?;
        problems(out, look, "  ", &group.problems)?;
        lines(out, look, &changes, &teller)?;
    }
    for (name, changes) in changes {
        writeln!(out, "\n{}", look.paint(Ink::Heading, &clean(name)))?;
        lines(out, look, &changes, &teller)?;
    }
    match quiet {
        0 => Ok(()),
        quiet => writeln!(out, "\n{} with nothing to do.", plural(quiet, "group")),
    }
}

fn heading(look: &Look, group: &GroupEntry) -> String {
    let name = clean(&group.name);
    let mut text = format!("{}: {} live → {} desired", look.paint(Ink::Heading, &name), group.live, group.desired);
    if group.mode != Mode::Mirror {
        text.push_str(", mode ");
        text.push_str(group.mode.as_str());
    }
    if !group.complete {
        text.push_str(", not read completely");
    }
    if group.standing == GroupStanding::Unusable {
        text.push_str(", left alone");
    }
    text
}

fn lines(out: &mut dyn Write, look: &Look, changes: &[&ChangeEntry], teller: &Teller<'_>) -> fmt::Result {
    let shown = look.shown(changes.len());
    let lines: Vec<_> =
        change_text::sorted(changes).into_iter().take(shown).map(|change| teller.line(change)).collect();
    let widths = lines.iter().map(|line| line.who.chars().count());
    let width = widths.filter(|width| *width <= COLUMN).max().unwrap_or(0);
    for line in lines {
        let mark = line.mark.to_string();
        writeln!(out, "  {} {:width$}  {}", look.paint(line.ink, &mark), line.who, line.why)?;
    }
    rest(out, look, "  ", changes.len() - shown)
}

/// Skips by why, with examples.
pub(crate) fn skips(out: &mut dyn Write, look: &Look, skips: &[SkipEntry]) -> fmt::Result {
    if skips.is_empty() {
        return Ok(());
    }
    let mut by_why: BTreeMap<Why, Vec<&SkipEntry>> = BTreeMap::new();
    for skip in skips {
        by_why.entry(skip.why).or_default().push(skip);
    }
    writeln!(out, "\n{}", look.paint(Ink::Heading, "Skipped"))?;
    for (why, skips) in by_why {
        writeln!(out, "  {}: {}", words::why(why), skips.len())?;
        let shown = look.limit.map_or(skips.len(), |limit| skips.len().min(limit).min(SKIP_EXAMPLES));
        for skip in skips.iter().take(shown) {
            let detail = skip.detail.as_deref().map(|detail| format!(": {}", clean(detail)));
            writeln!(out, "    {} in {}{}", clean(&skip.person), clean(&skip.group), detail.unwrap_or_default())?;
        }
        rest(out, look, "    ", skips.len() - shown)?;
    }
    Ok(())
}

/// What waits, with the command that lets exactly that through; then what was approved.
pub(crate) fn holds(out: &mut dyn Write, look: &Look, document: &PlanDocument) -> fmt::Result {
    let (approved, waiting): (Vec<&HoldEntry>, Vec<&HoldEntry>) = document.holds.iter().partition(|hold| hold.approved);
    if !waiting.is_empty() {
        let title = format!("Waiting for approval: {}", plural(waiting.len(), "hold"));
        writeln!(out, "\n{}", look.paint(Ink::Heading, &title))?;
        let shown = look.shown(waiting.len());
        for hold in waiting.iter().take(shown) {
            waits(out, look, hold)?;
        }
        rest(out, look, "  ", waiting.len() - shown)?;
        if waiting.len() > 1 {
            writeln!(out, "  all of them: {}", approve(&document.digest))?;
        }
    }
    if !approved.is_empty() {
        writeln!(out, "\n{}", look.paint(Ink::Heading, "Approved"))?;
    }
    for hold in approved {
        writeln!(out, "  {}  {}", clean(&hold.id), hold_text(hold))?;
    }
    Ok(())
}

fn waits(out: &mut dyn Write, look: &Look, hold: &HoldEntry) -> fmt::Result {
    let id = clean(&hold.id);
    writeln!(out, "  {}  {}", look.paint(Ink::Hold, &id), hold_text(hold))?;
    writeln!(out, "    {}", approve(&hold.id))
}

/// What a hold says, with its rule and how much it holds.
pub(crate) fn hold_text(hold: &HoldEntry) -> String {
    format!("{} [{}; {}]", clean(&hold.text), words::rule(hold), plural(hold.changes, "change"))
}

/// The command that approves a hold, or all holds of a plan.
pub(crate) fn approve(id: &str) -> String {
    format!("rosterd approve {} --by YOU --reason \"…\"", clean(id))
}
