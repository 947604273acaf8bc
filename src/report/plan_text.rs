//! A plan as a person reads it, at a glance, at three in the morning.

use std::fmt::{self, Write};

use super::document::{GroupEntry, PlanDocument};
use super::look::{Ink, Look};
use super::sections;
use super::words;
use crate::model::plan::GroupStanding;

/// Writes the plan. The last line is always the counts.
pub fn write(out: &mut dyn Write, document: &PlanDocument, look: &Look) -> fmt::Result {
    let title = format!("Plan of {}", words::when(&document.made_at));
    writeln!(out, "{}", look.paint(Ink::Heading, &title))?;
    sections::alarms(out, look, document)?;
    sections::sources(out, look, &document.sources)?;
    sections::groups(out, look, document)?;
    sections::skips(out, look, &document.skips)?;
    sections::holds(out, look, document)?;
    writeln!(out)?;
    if let Some(text) = nothing(document) {
        writeln!(out, "{text}")?;
    }
    writeln!(out, "{}", words::plan_counts(&document.summary))
}

/// That there is nothing to do, said plainly and never more than is known.
fn nothing(document: &PlanDocument) -> Option<&'static str> {
    let summary = &document.summary;
    if summary.create + summary.add + summary.remove + summary.lead > 0 {
        return None;
    }
    let waits = document.holds.iter().any(|hold| !hold.approved);
    let unusable = |group: &GroupEntry| group.standing == GroupStanding::Unusable;
    Some(match (document.complete, document.groups.iter().any(unusable)) {
        (false, _) => "Nothing to do in what could be read.",
        (true, true) => "Nothing to do in the groups that could be worked on.",
        (true, false) if waits => "Nothing to do but what is held.",
        (true, false) if summary.report > 0 => "Nothing to do but what is only reported.",
        (true, false) => "Nothing to do.",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{plan_text, samples};

    #[test]
    fn a_plan_reads_at_a_glance() {
        insta::assert_snapshot!(plan_text(&samples::busy().planned, &Look::PLAIN), @r#"
        Plan of 2026-11-22 12:00:00 UTC
        Not everything could be read. What depends on it is left alone.

        Sources
          corp-ad (ldap): not read completely; 120 people, 7 groups, 310 memberships
            ! ldaps://dc1.corp.example: did not answer within 60 s
          hr (csv): 120 people, 7 groups, 310 memberships (2 files, 310 rows, oldest 3 h)
          hr-contractors (csv): 120 people, 7 groups, 310 memberships (2 files, 310 rows, oldest 3 h)

        Auditors: 4 live → 1 desired
          ? remove eve@corp.example  no longer granted by any directory group; held by h-14e981d2f2bb (group_removals: 3 removals, limit 2), h-24f9683dfca3 (first_run)
          ? remove fay@corp.example  no longer granted by any directory group; held by h-14e981d2f2bb (group_removals: 3 removals, limit 2)
          ? remove gus@corp.example  no longer granted by any directory group; held by h-14e981d2f2bb (group_removals: 3 removals, limit 2)

        Lost: 0 live → 3 desired, left alone
          ! group "Lost": is not in Hyperproof (help: create it there, or set create = true)

        Managers: 12 live → 13 desired
          + ann@corp.example        granted by hr: compliance (and 1 more grant)
          + cy@corp.example         removed in Hyperproof since the last run, granted by hr: compliance > emea > berlin
          - bob@corp.example        no longer in the directory
          ~ lead: ann@corp.example  the configuration says so

        New Team: 0 live → 0 desired
          + the group itself  does not exist yet

        Watched: 1 live → 2 desired, mode report
          + dee@corp.example  granted by hr: compliance (report only)

        1 group with nothing to do.

        Skipped
          no account bears their address: 5
            n1@corp.example in Managers
            n2@corp.example in Managers
            n3@corp.example in Managers
            … and 2 more (-v shows all)
          ambiguous: two accounts for one person, or two people for one account: 1
            hal@corp.example in Managers: 2 accounts bear hal@corp.example

        Waiting for approval: 3 holds
          h-14e981d2f2bb  3 of 4 members would be removed from "Auditors" [group_removals: 3 removals, limit 2; 3 changes]
            rosterd approve h-14e981d2f2bb --by YOU --reason "…"
          h-24f9683dfca3  first full run of "Auditors" [first_run; 1 change]
            rosterd approve h-24f9683dfca3 --by YOU --reason "…"
          h-c7025fe642d1  directory group "legal" of hr is not there [missing; 0 changes]
            rosterd approve h-c7025fe642d1 --by YOU --reason "…"
          all of them: rosterd approve sha256:01f27b74e2d8ef19ffd5af329e076cd783af33b2a2431fc9640c7d3197a0b3c3 --by YOU --reason "…"

        1 group to create, 2 to add, 1 to remove, 1 lead to change, 3 held, 1 report only, 6 skipped; 4 calls
        "#);
    }

    #[test]
    fn nothing_to_do_is_said_plainly() {
        insta::assert_snapshot!(plan_text(&samples::quiet(), &Look::PLAIN), @r#"
        Plan of 2026-11-22 12:00:00 UTC

        Sources
          hr (csv): 120 people, 7 groups, 310 memberships (2 files, 310 rows, oldest 3 h)

        2 groups with nothing to do.

        Nothing to do.
        0 to add, 0 to remove, 0 held, 0 skipped; 0 calls
        "#);
        let mut unread = samples::quiet();
        unread.plan.complete = false;
        let last = |report| plan_text(report, &Look::PLAIN).lines().rev().nth(1).map(str::to_owned);
        let mut lost = samples::quiet();
        lost.plan.groups[0].standing = GroupStanding::Unusable;
        assert_eq!(last(&lost).as_deref(), Some("Nothing to do in the groups that could be worked on."));
        insta::assert_snapshot!(plan_text(&unread, &Look::PLAIN), @r#"
        Plan of 2026-11-22 12:00:00 UTC
        Not everything could be read. What depends on it is left alone.

        Sources
          hr (csv): 120 people, 7 groups, 310 memberships (2 files, 310 rows, oldest 3 h)

        2 groups with nothing to do.

        Nothing to do in what could be read.
        0 to add, 0 to remove, 0 held, 0 skipped; 0 calls
        "#);
    }

    #[test]
    fn long_lists_are_cut_unless_asked_for_whole() {
        let long = samples::many(200);
        let cut = plan_text(&long, &Look::PLAIN);
        assert!(cut.contains("… and 180 more (-v shows all)"), "{cut}");
        assert!(cut.lines().count() < 60, "{cut}");
        let whole = plan_text(&long, &Look::WHOLE);
        assert!(!whole.contains("more ("), "{whole}");
        assert!(whole.lines().count() > 400, "{whole}");
    }

    #[test]
    fn names_cannot_paint_on_the_terminal() {
        let report = samples::hostile();
        for look in [Look::PLAIN, Look::WHOLE] {
            let text = plan_text(&report, &look);
            assert!(!text.chars().any(|c| c != '\n' && crate::report::words::is_unsafe(c)), "{text:?}");
        }
        insta::assert_snapshot!(plan_text(&report, &Look::PLAIN), @r#"
        Plan of 2026-11-22 12:00:00 UTC
        ! group \u{1b}]0;x: a\nb

        Sources
          hr (csv): 120 people, 7 groups, 310 memberships (2 files, 310 rows, oldest 3 h)

        Evil\u{1b}[2J\n0 to add, 0 to remove|`x`<b>@security\u{202e}: 0 live → 1 desired
          + a|`b`@corp.example  granted by hr: <img>\u{9b}31m

        Skipped
          a member that is in no list of accounts: 1
            x\r\ny in Evil\u{1b}[2J\n0 to add, 0 to remove|`x`<b>@security\u{202e}: \u{7}bell

        1 to add, 0 to remove, 0 held, 1 skipped; 1 call
        "#);
    }

    #[test]
    fn colour_changes_no_word() {
        let report = samples::busy().planned;
        let colour = Look { colour: true, ..Look::PLAIN };
        let painted = plan_text(&report, &colour);
        assert!(painted.contains('\u{1b}'));
        let stripped = anstream::adapter::strip_str(&painted).to_string();
        assert_eq!(stripped, plan_text(&report, &Look::PLAIN));
    }
}
