//! A run as a person reads it: the plan with what became of each change.

use std::fmt::{self, Write};

use super::document::{Results, RunDocument};
use super::look::{Ink, Look};
use super::sections;
use super::words;
use crate::model::run::Outcome;

/// Writes the run. The last line is always the counts.
pub fn write(out: &mut dyn Write, document: &RunDocument, look: &Look) -> fmt::Result {
    let plan = &document.plan;
    let (run, when) = (words::clean(&plan.run_id), words::when(&plan.made_at));
    let title = format!("Run {run} of {when}{}", words::undoes(plan));
    writeln!(out, "{}", look.paint(Ink::Heading, &title))?;
    writeln!(out, "{}", outcome(document, look))?;
    if let Some(since) = unchanged_since(document) {
        let text = "Nothing changed in the directory since";
        writeln!(out, "{text} {}: it was not read.", words::when(since))?;
    }
    sections::alarms(out, look, plan)?;
    sections::sources(out, look, &plan.sources)?;
    sections::groups(out, look, plan)?;
    sections::skips(out, look, &plan.skips)?;
    sections::holds(out, look, plan)?;
    writeln!(out)?;
    if document.results == Results::default() {
        writeln!(out, "Nothing was changed.")?;
    }
    writeln!(out, "{}", words::run_counts(&document.results, &plan.summary))
}

/// When the directory was read last, where this run did not read it.
fn unchanged_since(document: &RunDocument) -> Option<&str> {
    document.plan.sources.iter().find_map(|source| source.unchanged_since.as_deref())
}

fn outcome(document: &RunDocument, look: &Look) -> String {
    let text = words::outcome(document.outcome);
    let ink = match document.outcome {
        Outcome::InStep | Outcome::Applied => Ink::Add,
        Outcome::Held => Ink::Hold,
        Outcome::PartlyApplied | Outcome::Unread | Outcome::Throttled | Outcome::Failed => Ink::Trouble,
    };
    let until = match &document.throttled_until {
        Some(until) => format!(" until {}", words::when(until)),
        None => String::new(),
    };
    format!("Outcome: {}{until} (exit {})", look.paint(ink, text), document.exit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{run_text, samples};

    #[test]
    fn a_run_tells_what_became_of_each_change() {
        insta::assert_snapshot!(run_text(&samples::busy(), &Look::PLAIN), @r#"
        Run 0199-run of 2026-11-22 12:00:00 UTC
        Outcome: a source or Hyperproof could not be read completely (exit 13)
        Not everything could be read. What depends on it is left alone.

        Sources
          corp-ad (ldap): not read completely; 120 people, 7 groups, 310 memberships
            ! ldaps://dc1.corp.example: did not answer within 60 s
          hr (csv): 120 people, 7 groups, 310 memberships (2 files, 310 rows, the oldest 3 h old)
          hr-contractors (csv): 120 people, 7 groups, 310 memberships (2 files, 310 rows, the oldest 3 h old)

        Auditors: 4 live → 1 desired
          ? remove eve@corp.example  no longer granted by any directory group; held by h-14e981d2f2bb (group_removals: 3 removals, limit 2), h-24f9683dfca3 (first_run)
          ? 2 held by h-14e981d2f2bb (group_removals: 3 removals, limit 2): no longer granted by any directory group
              remove fay@corp.example
              remove gus@corp.example

        Lost: 0 live → 3 desired, left alone
          ! is not in Hyperproof (help: create it there, or set create = true)

        Managers: 12 live → 13 desired
          ! make ann@corp.example the lead  failed: 400 Bad Request: lead is not a member; the configuration says so
          + ann@corp.example                granted by hr: compliance (and 1 more grant)
          + cy@corp.example                 removed in Hyperproof since the last run, granted by hr: compliance > emea > berlin
          = remove bob@corp.example         already so; no longer in the directory

        New Team: 0 live → 0 desired
          ! create the group  not tried: throttled; does not exist yet

        Watched: 1 live → 2 desired, mode report
          + dee@corp.example  granted by hr: compliance (report only)

        1 group with nothing to do.

        Skipped
          no account bears their address: 5
            n1@corp.example in Managers
            n2@corp.example in Managers
            n3@corp.example in Managers
            … and 2 more (-v shows all)
          ambiguous: two accounts for one person, or two people for one account: hal@corp.example in Managers (2 accounts bear hal@corp.example)

        Waiting for approval: 3 holds
          h-14e981d2f2bb  Auditors: 3 removals, the limit is 2 [group_removals]
          h-24f9683dfca3  Auditors: this is its first full run: 1 removal to be looked at by a person [first_run]
          h-c7025fe642d1  Legal: directory group "legal" of hr is not there [missing; 0 changes]
          some of them: rosterd approve ID… --by YOU --reason "…"
          all of them: rosterd approve sha256:01f27b74e2d8ef19ffd5af329e076cd783af33b2a2431fc9640c7d3197a0b3c3 --by YOU --reason "…"

        2 added, 0 removed, 1 already so, 1 failed, 1 not tried, 3 held, 1 report only, 6 skipped
        "#);
    }
}
