//! `rosterd status`: last runs, what comes next, what waits, and how old the sources' reads are.

use std::fmt::{self, Write};
use std::time::Duration;

use jiff::Timestamp;

use super::build;
use super::look::{Ink, Look};
use super::words::{self, clean, plural};
use crate::model::run::{Outcome, Trigger};

/// So many waiting holds are named; `rosterd holds` has them all.
const NAMED: usize = 3;

/// What `rosterd status` shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusView {
    /// The time of asking.
    pub now: Timestamp,
    /// The run under way.
    pub running: Option<RunningView>,
    /// Runs, the latest first.
    pub runs: Vec<RunView>,
    /// A service is at work.
    pub at_work: bool,
    /// When the schedule says to run next; none without a service or a schedule.
    pub next_run: Option<Timestamp>,
    /// Since when the service's runs fail before they come to a report, and why the last one did.
    pub failing: Option<(Timestamp, String)>,
    /// Hyperproof said to wait until then.
    pub throttled_until: Option<Timestamp>,
    /// Since when checkpoints do not get to their file, and why.
    pub checkpoints: Option<(Timestamp, String)>,
    /// Ids of the holds that wait.
    pub waiting: Vec<String>,
    /// Sources, by name.
    pub sources: Vec<SourceView>,
}

/// A run under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunningView {
    /// Who runs it: host and process.
    pub who: String,
    /// Since when.
    pub since: Timestamp,
}

/// A run that was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunView {
    /// Its id.
    pub id: String,
    /// What set it off.
    pub trigger: Trigger,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended; none for one that was cut off.
    pub finished_at: Option<Timestamp>,
    /// What became of it.
    pub outcome: Option<Outcome>,
    /// Its counts in a line, as its own report ended.
    pub counts: String,
    /// Why it could not do everything, a line each ([`super::reasons()`]).
    pub why: Vec<String>,
    /// It is the run under way.
    pub under_way: bool,
}

/// How a source was read last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceView {
    /// Its name.
    pub name: String,
    /// When that was.
    pub at: Timestamp,
    /// Whether it was read to its end then, or vouched that nothing changed since it was.
    pub complete: bool,
    /// When it was last read to its end, or vouched.
    pub complete_at: Option<Timestamp>,
    /// It vouched, and was left unread.
    pub unchanged: bool,
    /// People who were read the last time.
    pub people: usize,
}

/// Writes the status. The last line says what waits.
pub fn write(out: &mut dyn Write, view: &StatusView, look: &Look) -> fmt::Result {
    runs(out, view, look)?;
    sources(out, view, look)?;
    writeln!(out)?;
    if let Some(until) = view.throttled_until.filter(|until| *until > view.now) {
        writeln!(out, "Throttled by Hyperproof until {} ({})", when(until), apart(view.now, until))?;
    }
    if let Some((since, why)) = &view.checkpoints {
        let text = look.paint(Ink::Trouble, "Checkpoints outside: trouble");
        writeln!(out, "{text} since {} ({}): {}", when(*since), apart(view.now, *since), clean(why))?;
    }
    if let Some(running) = &view.running {
        let (who, ago) = (clean(&running.who), apart(view.now, running.since));
        writeln!(out, "A run is under way: {who}, since {} ({ago})", when(running.since))?;
    }
    if let Some((since, why)) = &view.failing {
        let text = look.paint(Ink::Trouble, "The service's runs fail");
        writeln!(out, "{text} since {} ({}): {}", when(*since), apart(view.now, *since), clean(why))?;
    }
    match view.next_run {
        Some(next) => writeln!(out, "Next run: {} ({})", when(next), apart(view.now, next))?,
        None if view.at_work => writeln!(out, "Next run: not scheduled")?,
        None => writeln!(out, "Next run: not scheduled: no service is at work")?,
    }
    match view.waiting.as_slice() {
        [] => writeln!(out, "Nothing waits for approval"),
        ids => {
            let named: Vec<_> = ids.iter().take(NAMED).map(|id| clean(id)).collect();
            let more = if ids.len() > NAMED { ", …" } else { "" };
            let text = format!("{} waiting for approval", plural(ids.len(), "hold"));
            writeln!(out, "{}: {}{more} (rosterd holds)", look.paint(Ink::Hold, &text), named.join(", "))
        }
    }
}

fn runs(out: &mut dyn Write, view: &StatusView, look: &Look) -> fmt::Result {
    writeln!(out, "{}", look.paint(Ink::Heading, "Last runs"))?;
    if view.runs.is_empty() {
        return writeln!(out, "  none yet");
    }
    for run in &view.runs {
        let (text, ink) = match run.outcome {
            Some(outcome @ (Outcome::InStep | Outcome::Applied)) => (words::outcome(outcome), Ink::Add),
            Some(Outcome::Held) => (words::outcome(Outcome::Held), Ink::Hold),
            Some(outcome) => (words::outcome(outcome), Ink::Trouble),
            None if run.under_way => ("under way", Ink::Hold),
            None => ("did not finish", Ink::Trouble),
        };
        let took = run.finished_at.map(|end| format!(", took {}", words::duration(length(run.started_at, end))));
        writeln!(
            out,
            "  {} ({}{})  {}: {}",
            when(run.started_at),
            apart(view.now, run.started_at),
            took.unwrap_or_default(),
            run.trigger.as_str(),
            look.paint(ink, text),
        )?;
        let counts = match run.counts.is_empty() {
            true => String::new(),
            false => format!("{}; ", clean(&run.counts)),
        };
        writeln!(out, "    {counts}run {}", clean(&run.id))?;
        for why in run.why.iter().take(NAMED) {
            writeln!(out, "    {} {}", look.paint(Ink::Trouble, "!"), clean(why))?;
        }
        if let more @ 1.. = run.why.len().saturating_sub(NAMED) {
            writeln!(out, "    … and {more} more (rosterd plan)")?;
        }
    }
    Ok(())
}

fn sources(out: &mut dyn Write, view: &StatusView, look: &Look) -> fmt::Result {
    if view.sources.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{}", look.paint(Ink::Heading, "Sources"))?;
    for source in &view.sources {
        let name = clean(&source.name);
        let how = match (source.complete, source.unchanged) {
            (true, true) => "asked, and not read because nothing changed,".to_owned(),
            (true, false) => "read completely".to_owned(),
            (false, _) => look.paint(Ink::Trouble, "not read completely").to_string(),
        };
        let (at, people) = (moment(view.now, source.at), plural(source.people, "person"));
        let before = match source.complete_at {
            _ if source.complete => String::new(),
            Some(at) => format!("; last read completely {}", moment(view.now, at)),
            None => "; never read completely".to_owned(),
        };
        writeln!(out, "  {name}: {how} {at}, {people}{before}")?;
    }
    Ok(())
}

fn when(at: Timestamp) -> String {
    words::when(&build::time(at))
}

/// A time, and how far it is.
fn moment(now: Timestamp, at: Timestamp) -> String {
    format!("{} ({})", when(at), apart(now, at))
}

/// `2 h ago`, `in 5 min`.
fn apart(now: Timestamp, at: Timestamp) -> String {
    let length = words::duration(length(now, at));
    match at > now {
        true => format!("in {length}"),
        false => format!("{length} ago"),
    }
}

fn length(a: Timestamp, b: Timestamp) -> Duration {
    a.duration_until(b).unsigned_abs()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{samples, written};

    #[test]
    fn status_tells_runs_sources_and_what_waits() {
        let now = samples::noon();
        let at = |seconds: i64| now + jiff::SignedDuration::from_secs(seconds);
        let run = |id: &str, started_at: Timestamp, outcome: Option<Outcome>| RunView {
            id: id.to_owned(),
            trigger: Trigger::Schedule,
            started_at,
            finished_at: outcome.map(|_| started_at + jiff::SignedDuration::from_secs(12)),
            outcome,
            counts: "3 added, 0 removed, 0 failed, 9 held, 2 skipped".to_owned(),
            why: Vec::new(),
            under_way: false,
        };
        let unread = RunView {
            outcome: Some(Outcome::Unread),
            why: (1..=5).map(|n| format!("source hr: {n}.csv: is empty")).collect(),
            ..run("r-2", at(-900), Some(Outcome::Unread))
        };
        let source = |name: &str, complete: bool, complete_at: Option<Timestamp>, people: usize| SourceView {
            name: name.to_owned(),
            at: at(-900),
            complete,
            complete_at,
            unchanged: false,
            people,
        };
        let view = StatusView {
            now,
            running: Some(RunningView { who: "sync1, process 4711".to_owned(), since: at(-30) }),
            runs: vec![
                RunView { under_way: true, ..run("r-4", at(-30), None) },
                run("r-3", at(-300), Some(Outcome::Held)),
                unread,
                run("r-1", at(-90_000), None),
            ],
            at_work: true,
            next_run: Some(at(600)),
            failing: Some((at(-90), "state file /x: the disk is full".to_owned())),
            throttled_until: Some(at(300)),
            checkpoints: Some((at(-900), "checkpoint file /mnt/worm/x: it is not there".to_owned())),
            waiting: vec!["h-0123456789ab".to_owned()],
            sources: vec![
                source("corp-ad", false, None, 0),
                source("hr", true, Some(at(-900)), 118),
                source("lists", false, Some(at(-90_000)), 30),
            ],
        };
        insta::assert_snapshot!(written(|out| write(out, &view, &Look::PLAIN)), @r#"
        Last runs
          2026-11-22 11:59:30 UTC (30 s ago)  schedule: under way
            3 added, 0 removed, 0 failed, 9 held, 2 skipped; run r-4
          2026-11-22 11:55:00 UTC (5 min ago, took 12 s)  schedule: finished, and the guard holds something
            3 added, 0 removed, 0 failed, 9 held, 2 skipped; run r-3
          2026-11-22 11:45:00 UTC (15 min ago, took 12 s)  schedule: a source or Hyperproof could not be read completely
            3 added, 0 removed, 0 failed, 9 held, 2 skipped; run r-2
            ! source hr: 1.csv: is empty
            ! source hr: 2.csv: is empty
            ! source hr: 3.csv: is empty
            … and 2 more (rosterd plan)
          2026-11-21 11:00:00 UTC (25 h ago)  schedule: did not finish
            3 added, 0 removed, 0 failed, 9 held, 2 skipped; run r-1

        Sources
          corp-ad: not read completely 2026-11-22 11:45:00 UTC (15 min ago), 0 people; never read completely
          hr: read completely 2026-11-22 11:45:00 UTC (15 min ago), 118 people
          lists: not read completely 2026-11-22 11:45:00 UTC (15 min ago), 30 people; last read completely 2026-11-21 11:00:00 UTC (25 h ago)

        Throttled by Hyperproof until 2026-11-22 12:05:00 UTC (in 5 min)
        Checkpoints outside: trouble since 2026-11-22 11:45:00 UTC (15 min ago): checkpoint file /mnt/worm/x: it is not there
        A run is under way: sync1, process 4711, since 2026-11-22 11:59:30 UTC (30 s ago)
        The service's runs fail since 2026-11-22 11:58:30 UTC (90 s ago): state file /x: the disk is full
        Next run: 2026-11-22 12:10:00 UTC (in 10 min)
        1 hold waiting for approval: h-0123456789ab (rosterd holds)
        "#);
    }

    #[test]
    fn an_empty_state_says_so() {
        let view = StatusView {
            now: samples::noon(),
            running: None,
            runs: Vec::new(),
            at_work: false,
            next_run: None,
            failing: None,
            throttled_until: None,
            checkpoints: None,
            waiting: Vec::new(),
            sources: Vec::new(),
        };
        insta::assert_snapshot!(written(|out| write(out, &view, &Look::PLAIN)), @r#"
        Last runs
          none yet

        Next run: not scheduled: no service is at work
        Nothing waits for approval
        "#);
    }
}
