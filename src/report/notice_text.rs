//! Notices as people read them: what happened, since when, and what to do next. Without personal data
//! nobody is named.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write};

use super::build;
use super::document::{GroupEntry, PlanDocument, RunDocument, SourceEntry};
use super::sections::approve;
use super::words::{self, clean, plural};
use crate::model::hold::Rule;
use crate::model::notice::{Condition, Due, End, Seen, Waiting, is_throttled};
use crate::model::plan::{ChangeKey, GroupStanding};
use crate::model::run::{ChangeResult, RunReport};

/// Holds, sources, groups and changes are listed up to this many each.
pub(super) const LISTED: usize = 20;

/// A notice to be written.
#[derive(Debug, Clone, Copy)]
pub struct NoticeView<'a> {
    /// Its id.
    pub id: &'a str,
    /// What it tells.
    pub due: &'a Due,
    /// What is known after the run.
    pub seen: &'a Seen<'a>,
    /// Whether it names people.
    pub personal_data: bool,
    /// The machine that rosterd runs on.
    pub host: &'a str,
    /// The version of rosterd.
    pub version: &'a str,
}

impl NoticeView<'_> {
    /// The report, where the run came to one.
    pub(super) fn report(&self) -> Option<&RunReport> {
        match &self.seen.end {
            End::Report(report) => Some(report),
            End::Error { .. } => None,
        }
    }

    /// Whether a hold is among what is new.
    pub(super) fn is_new(&self, hold: &Waiting) -> bool {
        matches!(self.due, Due::Began { new, .. } if new.contains(hold.id.as_str()))
    }

    /// The holds, what is new first.
    pub(super) fn holds(&self) -> Vec<&Waiting> {
        let (new, other): (Vec<&Waiting>, Vec<&Waiting>) = self.seen.waiting.iter().partition(|hold| self.is_new(hold));
        new.into_iter().chain(other).collect()
    }

    /// What a hold says. The one text that names people is given by its rule instead.
    pub(super) fn hold_text(&self, hold: &Waiting) -> String {
        let text = match (self.personal_data, hold.rule) {
            (false, Rule::Expect) => "somebody whom `expect` names is not granted".to_owned(),
            (false, _) => harmless(&hold.text, &['@']).unwrap_or("see rosterd holds").to_owned(),
            (true, _) => hold.text.clone(),
        };
        let group = hold.group.as_ref().map(|group| format!("{}: ", clean(group.as_str()))).unwrap_or_default();
        format!("{group}{} [{}; {}]", clean(&text), hold.rule.as_str(), plural(hold.changes.len(), "change"))
    }

    /// The plan whose digest approves everything that waits.
    pub(super) fn whole_plan(&self) -> Option<&str> {
        let plan = &self.report()?.planned.plan;
        let planned: BTreeSet<&str> = plan.holds.iter().map(|hold| hold.id.as_str()).collect();
        let all = self.seen.waiting.iter().all(|hold| planned.contains(hold.id.as_str()));
        (all && self.seen.waiting.len() > 1).then(|| plan.digest.as_str())
    }

    /// What is held, for those who may know: `remove eve@corp.example in Auditors`.
    pub(super) fn held_changes(&self) -> Vec<String> {
        if !self.personal_data {
            return Vec::new();
        }
        let planned = self.report().map(|report| report.planned.plan.changes.as_slice()).unwrap_or_default();
        let emails: BTreeMap<&ChangeKey, &str> =
            planned.iter().filter_map(|change| Some((&change.key, change.email.as_deref()?))).collect();
        let keys: BTreeSet<&ChangeKey> = self.seen.waiting.iter().flat_map(|hold| &hold.changes).collect();
        let line = |key: &&ChangeKey| {
            let who = match (emails.get(*key), &key.account) {
                (Some(email), _) => clean(email).into_owned(),
                (None, Some(account)) => format!("account {}", clean(account.as_str())),
                (None, None) => String::new(),
            };
            format!("{} in {}", words::action(key.op, &who), clean(key.group.as_str()))
        };
        keys.iter().map(line).collect()
    }

    /// What was not done, a line each: sources, Hyperproof, groups, changes.
    pub(super) fn failures(&self) -> Vec<String> {
        let report = match &self.seen.end {
            End::Error { text, help, .. } => {
                let text = self.told(text, &['@']).unwrap_or("the log tells why");
                return vec![format!("the run ended before its time: {} (help: {})", clean(text), clean(help))];
            }
            End::Report(report) => report,
        };
        let document = RunDocument::of(report);
        let mut lines = self.unread_sources(&document.plan);
        if report.planned.plan.reads == 0 && !is_throttled(report) {
            let why = document.plan.problems.first().and_then(|problem| self.told(problem, &['@']));
            let why = why.map(|why| why.strip_prefix("Hyperproof: ").unwrap_or(why));
            lines.push(format!("Hyperproof could not be read: {}", clean(why.unwrap_or("the log tells why"))));
        }
        lines.extend(self.troubled_groups(&document.plan));
        let count = |is: fn(&ChangeResult) -> bool| report.results.iter().filter(|result| is(result)).count();
        let failed = count(|result| matches!(result, ChangeResult::Failed(_)));
        let not_tried = count(|result| matches!(result, ChangeResult::NotTried(_)));
        if failed > 0 {
            lines.push(format!("{} failed; the next run tries again", plural(failed, "change")));
        }
        if not_tried > 0 {
            lines.push(format!("{} not tried; the next run goes on", plural(not_tried, "change")));
        }
        if self.personal_data {
            lines.extend(failed_changes(&document.plan));
        }
        if lines.is_empty() {
            lines.push(format!("{}; rosterd status tells more", words::outcome(report.outcome)));
        }
        lines
    }

    fn troubled_groups(&self, plan: &PlanDocument) -> Vec<String> {
        let whole = plan.sources.iter().all(|source| source.complete);
        let told = plan.groups.iter().filter(|group| group.standing == GroupStanding::Unusable || !group.complete);
        // Where a source is unread, what it feeds is no news of its own.
        let (alone, fed): (Vec<&GroupEntry>, Vec<&GroupEntry>) =
            told.partition(|group| whole || group.standing == GroupStanding::Unusable);
        let line = |group: &&GroupEntry| {
            let problems = words::within(group);
            let why = problems.first().and_then(|problem| self.told(problem, &['@', '"']));
            let why = why.unwrap_or(match group.standing {
                GroupStanding::Unusable => "could not be worked on; rosterd status tells why",
                GroupStanding::Ready => "not everything that could grant it was read; rosterd status tells more",
            });
            format!("group {}: {}", clean(&group.name), clean(why))
        };
        let mut lines: Vec<String> = alone.iter().map(line).collect();
        if !fed.is_empty() {
            let names: Vec<_> = fed.iter().take(LISTED).map(|group| clean(&group.name)).collect();
            let more = if fed.len() > LISTED { ", …" } else { "" };
            lines.push(format!("because of that nobody is removed from {}{more}", names.join(", ")));
        }
        lines
    }

    fn unread_sources(&self, plan: &PlanDocument) -> Vec<String> {
        let unread = plan.sources.iter().filter(|source| !source.complete);
        let line = |source: &SourceEntry| {
            // What is odd in single records of a directory names them; what kept a whole source from being read does
            // not, nor does what is odd in a file, unless it quotes it.
            let whole = source.people == 0 && source.problems.len() == 1;
            let is_file = source.kind == "csv";
            let why = source.problems.first().filter(|_| whole || is_file || self.personal_data);
            let why = why.and_then(|why| self.told(why, &['@', '"', '=']));
            let name = clean(&source.name);
            match why {
                Some(why) if whole => format!("source {name} ({}) was not read: {}", source.kind, clean(why)),
                Some(why) => format!("source {name} ({}) was not read completely: {}", source.kind, clean(why)),
                None => format!("source {name} ({}) was not read completely; rosterd status tells more", source.kind),
            }
        };
        unread.map(line).collect()
    }

    /// The text, unless it may name somebody and must not.
    fn told<'t>(&self, text: &'t str, signs: &[char]) -> Option<&'t str> {
        if self.personal_data { Some(text) } else { harmless(text, signs) }
    }
}

fn failed_changes(plan: &PlanDocument) -> Vec<String> {
    let failed = plan.changes.iter().filter_map(|change| {
        let error = change.made.as_ref()?.error.as_deref()?;
        let who = change.email.as_deref().or(change.user_id.as_deref()).unwrap_or_default();
        Some(format!("{} in {}: {}", words::action(change.op, &clean(who)), clean(&change.group), clean(error)))
    });
    failed.collect()
}

/// The text where none of these characters stands in a word of it: an address, a quoted value, a name
/// in the directory. ("create = true" is none of these.)
fn harmless<'t>(text: &'t str, signs: &[char]) -> Option<&'t str> {
    let names = |word: &str| word.contains(signs) && word != "=";
    (!text.split_whitespace().any(names)).then_some(text)
}

/// The subject: one line, which says by itself what is the matter.
pub fn subject(view: &NoticeView<'_>) -> String {
    let waiting = view.seen.waiting.len();
    let wait = |count: usize, new: &str| match count {
        1 => format!("1 {new}hold waits for approval"),
        _ => format!("{count} {new}holds wait for approval"),
    };
    let text = match view.due {
        Due::Began { condition: Condition::Held, .. } => {
            let new = view.seen.waiting.iter().filter(|hold| view.is_new(hold)).count();
            match new == waiting {
                true => wait(waiting, ""),
                false => format!("{}, {waiting} in all", wait(new, "new ")),
            }
        }
        Due::Lasts { condition: Condition::Held, .. } => format!("still: {}", wait(waiting, "")),
        Due::Began { condition: Condition::Failed, .. } => failed_subject(view).to_owned(),
        Due::Lasts { condition: Condition::Failed, .. } => format!("still: {}", failed_subject(view)),
        Due::Began { condition: Condition::Throttled, .. } => "throttled by Hyperproof".to_owned(),
        Due::Lasts { condition: Condition::Throttled, .. } => "still: throttled by Hyperproof".to_owned(),
        Due::Recovered { .. } => "all is well again".to_owned(),
    };
    format!("rosterd on {}: {text}", clean(view.host))
}

fn failed_subject(view: &NoticeView<'_>) -> &'static str {
    let Some(report) = view.report() else {
        return "a run failed";
    };
    let plan = &report.planned.plan;
    if plan.reads == 0 && !is_throttled(report) {
        return "Hyperproof could not be read";
    }
    if plan.sources.iter().any(|source| !source.complete) {
        return "not every source could be read";
    }
    "some changes failed or could not be made"
}

/// The text. Commands stand on lines of their own, indented.
pub fn write(out: &mut dyn Write, view: &NoticeView<'_>) -> fmt::Result {
    let since = words::when(&build::time(view.due.since()));
    match view.due {
        Due::Began { condition: Condition::Held, .. } | Due::Lasts { condition: Condition::Held, .. } => {
            held(out, view, &since)?;
        }
        Due::Began { condition: Condition::Failed, .. } | Due::Lasts { condition: Condition::Failed, .. } => {
            failed(out, view, &since)?;
        }
        Due::Began { condition: Condition::Throttled, .. } | Due::Lasts { condition: Condition::Throttled, .. } => {
            throttled(out, view, &since)?;
        }
        Due::Recovered { was, .. } => {
            let was: Vec<&str> = was.iter().map(|condition| condition.as_str()).collect();
            writeln!(
                out,
                "The last run found everything in order. It had not been since {since} ({}).",
                was.join(", ")
            )?;
            writeln!(out, "There is nothing to do.")?;
        }
    }
    frame(out, view)
}

fn held(out: &mut dyn Write, view: &NoticeView<'_>, since: &str) -> fmt::Result {
    writeln!(out, "The guard holds what follows, since {since}. None of it happens until a person approves it.")?;
    let holds = view.holds();
    for hold in holds.iter().take(LISTED) {
        let new = if view.is_new(hold) { "new: " } else { "" };
        writeln!(out, "\n{new}{} {}", clean(hold.id.as_str()), view.hold_text(hold))?;
        writeln!(out, "    {}", approve(hold.id.as_str()))?;
    }
    if holds.len() > LISTED {
        writeln!(out, "\n… and {} more", holds.len() - LISTED)?;
    }
    if let Some(digest) = view.whole_plan() {
        writeln!(out, "\nAll of them at once:\n    {}", approve(digest))?;
    }
    list(out, "\nWhat they hold:", &view.held_changes())?;
    writeln!(out, "\nWhat to do next: look at them with")?;
    writeln!(out, "    rosterd holds")?;
    writeln!(
        out,
        "Approve what is right, by the command under it. What is wrong is mended in the directory or in the \
         configuration; its hold then goes by itself."
    )
}

fn failed(out: &mut dyn Write, view: &NoticeView<'_>, since: &str) -> fmt::Result {
    list(out, &format!("What is the matter, since {since}:"), &view.failures())?;
    match view.report() {
        None => writeln!(out, "\nNothing was sent after that.")?,
        Some(report) if !report.planned.plan.complete => {
            writeln!(out, "\nWhat could not be read was left alone: nobody is removed because of it.")?;
        }
        Some(_) => {}
    }
    writeln!(
        out,
        "\nWhat to do next: mend what is named above; the next run goes on by itself. To see whether everything \
         can be read:"
    )?;
    writeln!(out, "    rosterd check --online")
}

fn throttled(out: &mut dyn Write, view: &NoticeView<'_>, since: &str) -> fmt::Result {
    writeln!(out, "Hyperproof takes no more requests for now, since {since}; the run was cut off.")?;
    if let Some(until) = view.report().and_then(|report| report.throttled_until) {
        writeln!(out, "Nothing is asked before {}.", words::when(&build::time(until)))?;
    }
    writeln!(
        out,
        "\nWhat to do next: nothing; the first run after that goes on. If this happens often, lower \
         requests_per_minute in [hyperproof], or let runs be further apart."
    )
}

fn list(out: &mut dyn Write, heading: &str, lines: &[String]) -> fmt::Result {
    if lines.is_empty() {
        return Ok(());
    }
    writeln!(out, "{heading}")?;
    for line in lines.iter().take(LISTED) {
        writeln!(out, "- {line}")?;
    }
    match lines.len().saturating_sub(LISTED) {
        0 => Ok(()),
        more => writeln!(out, "… and {more} more"),
    }
}

/// Which run it was, and whose words these are.
fn frame(out: &mut dyn Write, view: &NoticeView<'_>) -> fmt::Result {
    writeln!(out)?;
    if let Some(report) = view.report() {
        let document = RunDocument::of(report);
        let plan = &document.plan;
        writeln!(
            out,
            "Run {} of {}: {}",
            clean(&plan.run_id),
            words::when(&plan.made_at),
            words::outcome(report.outcome)
        )?;
        writeln!(out, "{}", words::run_counts(&document.results, &plan.summary))?;
    }
    writeln!(out, "rosterd {} on {}", view.version, clean(view.host))
}
