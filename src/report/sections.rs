//! Parts that the texts of a plan and of a run share: sources, groups, skips, holds.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use super::change_text::{self, Fate, Held, Line, Teller};
use super::document::{ChangeEntry, GroupEntry, HoldEntry, PlanDocument, SkipEntry, SourceEntry};
use super::look::{Ink, Look};
use super::words::{self, clean, plural};
use crate::model::hold::Rule;
use crate::model::plan::{GroupStanding, Why};
use crate::model::policy::Mode;

/// How many skips of one kind are shown where lists are cut: they are many, and mostly old news.
const SKIP_EXAMPLES: usize = 3;
/// People's names are lined up to this many characters.
const COLUMN: usize = 60;

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
        let evidence = match source.evidence.as_str() {
            "" => String::new(),
            evidence => format!(" ({})", clean(evidence)),
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

/// The groups with what is to be done in them. Groups with nothing to do are one line together, and
/// so are those of which only the same can be said.
pub(crate) fn groups(out: &mut dyn Write, look: &Look, document: &PlanDocument) -> fmt::Result {
    let teller = Teller::new(document, words::plain);
    let mut changes = document.changes_by_group();
    let alike = alike(document, &changes);
    let mut quiet = 0;
    for group in &document.groups {
        let changes = changes.remove(group.name.as_str()).unwrap_or_default();
        let said = (group.standing == GroupStanding::Unusable, words::within(group));
        if changes.is_empty() && said == (false, Vec::new()) {
            quiet += 1;
            continue;
        }
        if changes.is_empty() && alike.contains_key(&said) {
            continue;
        }
        writeln!(out, "\n{}", heading(look, group))?;
        problems(out, look, "  ", &said.1)?;
        lines(out, look, &changes, &teller)?;
    }
    for (name, changes) in changes {
        writeln!(out, "\n{}", look.paint(Ink::Heading, &clean(name)))?;
        lines(out, look, &changes, &teller)?;
    }
    for ((unusable, said), names) in alike {
        let what = if unusable { "left alone" } else { "with nothing to do" };
        let title = format!("{} {what}, each for this reason", plural(names.len(), "group"));
        writeln!(out, "\n{}", look.paint(Ink::Heading, &title))?;
        problems(out, look, "  ", &said)?;
        let shown = look.shown(names.len());
        let listed: Vec<_> = names.iter().take(shown).map(|name| clean(name)).collect();
        writeln!(out, "  {}", listed.join(", "))?;
        rest(out, look, "  ", names.len() - shown)?;
    }
    match quiet {
        0 => Ok(()),
        quiet => writeln!(out, "\n{} with nothing to do.", plural(quiet, "group")),
    }
}

/// What is said of a group without changes: whether it cannot be worked on, and its problems.
type Said = (bool, Vec<String>);

/// Groups without changes of which the same is said, by that; only where there are several.
fn alike<'a>(document: &'a PlanDocument, changes: &BTreeMap<&str, Vec<&ChangeEntry>>) -> BTreeMap<Said, Vec<&'a str>> {
    let mut alike: BTreeMap<Said, Vec<&str>> = BTreeMap::new();
    for group in &document.groups {
        if !changes.contains_key(group.name.as_str()) && !group.problems.is_empty() {
            let said = (group.standing == GroupStanding::Unusable, words::within(group));
            alike.entry(said).or_default().push(&group.name);
        }
    }
    alike.retain(|_, names| names.len() > 1);
    alike
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
    let sorted = change_text::sorted(changes);
    let shown = look.shown(sorted.len());
    // What waits stands last but for what is only reported, and together by its holds.
    let blocks = sorted.chunk_by(|one, other| Fate::of(one) == Fate::Held && one.holds == other.holds);
    let (mut single, mut held): (Vec<Line>, Vec<Held>) = (Vec::new(), Vec::new());
    let mut left = shown;
    for block in blocks {
        let part: Vec<&ChangeEntry> = block.iter().copied().take(left).collect();
        left -= part.len();
        match part.as_slice() {
            [] => break,
            [change] if block.len() == 1 => single.push(teller.line(change)),
            part => held.push(teller.held(part, block.len())),
        }
    }
    table(out, look, &single)?;
    for held in held {
        writeln!(out, "  {} {}", look.paint(Ink::Hold, "?"), held.head)?;
        let width = column(held.lines.iter().map(|(who, _)| who));
        for (who, why) in held.lines {
            writeln!(out, "      {}", format!("{who:width$}  {why}").trim_end())?;
        }
    }
    rest(out, look, "  ", sorted.len() - shown)
}

fn table(out: &mut dyn Write, look: &Look, lines: &[Line]) -> fmt::Result {
    let width = column(lines.iter().map(|line| &line.who));
    for line in lines {
        let mark = line.mark.to_string();
        writeln!(out, "  {} {:width$}  {}", look.paint(line.ink, &mark), line.who, line.why)?;
    }
    Ok(())
}

/// The width to which names are lined up: that of the widest, but for those that are out of the way.
fn column<'a>(names: impl Iterator<Item = &'a String>) -> usize {
    names.map(|name| name.chars().count()).filter(|width| *width <= COLUMN).max().unwrap_or(0)
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
        if let [skip] = skips.as_slice() {
            writeln!(out, "  {}: {}", words::why(why), skipped(skip))?;
            continue;
        }
        writeln!(out, "  {}: {}", words::why(why), skips.len())?;
        let shown = look.limit.map_or(skips.len(), |limit| skips.len().min(limit).min(SKIP_EXAMPLES));
        for skip in skips.iter().take(shown) {
            writeln!(out, "    {}", skipped(skip))?;
        }
        rest(out, look, "    ", skips.len() - shown)?;
    }
    Ok(())
}

fn skipped(skip: &SkipEntry) -> String {
    let detail = skip.detail.as_deref().map(|detail| format!(" ({})", clean(detail)));
    format!("{} in {}{}", clean(&skip.person), clean(&skip.group), detail.unwrap_or_default())
}

/// What waits, with the command that lets exactly that through; then what was approved.
pub(crate) fn holds(out: &mut dyn Write, look: &Look, document: &PlanDocument) -> fmt::Result {
    let (approved, waiting): (Vec<&HoldEntry>, Vec<&HoldEntry>) = document.holds.iter().partition(|hold| hold.approved);
    if !waiting.is_empty() {
        let title = format!("Waiting for approval: {}", plural(waiting.len(), "hold"));
        writeln!(out, "\n{}", look.paint(Ink::Heading, &title))?;
        let shown = look.shown(waiting.len());
        for hold in waiting.iter().take(shown) {
            let id = clean(&hold.id);
            writeln!(out, "  {}  {}", look.paint(Ink::Hold, &id), hold_text(hold))?;
        }
        rest(out, look, "  ", waiting.len() - shown)?;
        match waiting.as_slice() {
            [hold] => writeln!(out, "    {}", approve(&hold.id))?,
            _ => {
                writeln!(out, "  some of them: {}", approve("ID…"))?;
                writeln!(out, "  all of them: {}", approve(&document.digest))?;
            }
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

/// What a hold says: of which group, its rule, and how much it holds where its text does not say so.
pub(crate) fn hold_text(hold: &HoldEntry) -> String {
    let group = hold.group.as_deref().map(|group| format!("{}: ", clean(group))).unwrap_or_default();
    let changes = match hold.rule {
        Rule::GroupRemovals | Rule::GroupAdds | Rule::Empty | Rule::FirstRun => String::new(),
        Rule::RunRemovals
        | Rule::RunAdds
        | Rule::DayRemovals
        | Rule::SourceShrink
        | Rule::MinMembers
        | Rule::Expect
        | Rule::Missing
        | Rule::Undone => format!("; {}", plural(hold.changes, "change")),
    };
    format!("{group}{} [{}{changes}]", clean(&hold.text), hold.rule.as_str())
}

/// The command that approves a hold, or all holds of a plan.
pub(crate) fn approve(id: &str) -> String {
    format!("rosterd approve {} --by YOU --reason \"…\"", clean(id))
}
