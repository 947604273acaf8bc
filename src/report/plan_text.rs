//! A plan as a person reads it, at a glance, at three in the morning.

use std::fmt::{self, Write};

use super::document::{GroupEntry, PlanDocument};
use super::look::{Ink, Look};
use super::sections;
use super::words;
use crate::model::plan::GroupStanding;

/// Writes the plan. The last line is always the counts.
pub fn write(out: &mut dyn Write, document: &PlanDocument, look: &Look) -> fmt::Result {
    let title = format!("Plan of {}{}", words::when(&document.made_at), words::undoes(document));
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
    if document.undo_of.is_some() && document.complete && document.groups.is_empty() {
        return Some("Nothing to take back: that run changed nothing.");
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
    use crate::model::hold::{Rule, Scope};
    use crate::model::id::GroupName;
    use crate::model::plan::{Op, Reason};
    use crate::model::problem::Problem;
    use crate::report::{plan_text, samples};

    #[test]
    fn a_plan_reads_at_a_glance() {
        insta::assert_snapshot!(plan_text(&samples::busy().planned, &Look::PLAIN), @r#"
        Plan of 2026-11-22 12:00:00 UTC
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
          ambiguous: two accounts for one person, or two people for one account: hal@corp.example in Managers (2 accounts bear hal@corp.example)

        Waiting for approval: 3 holds
          h-14e981d2f2bb  Auditors: 3 removals, the limit is 2 [group_removals]
          h-24f9683dfca3  Auditors: this is its first full run: 1 removal to be looked at by a person [first_run]
          h-c7025fe642d1  Legal: directory group "legal" of hr is not there [missing; 0 changes]
          some of them: rosterd approve ID… --by YOU --reason "…"
          all of them: rosterd approve sha256:01f27b74e2d8ef19ffd5af329e076cd783af33b2a2431fc9640c7d3197a0b3c3 --by YOU --reason "…"

        1 group to create, 2 to add, 1 to remove, 1 lead to change, 3 held, 1 report only, 6 skipped; 4 calls
        "#);
    }

    #[test]
    fn nothing_to_do_is_said_plainly() {
        insta::assert_snapshot!(plan_text(&samples::quiet(), &Look::PLAIN), @r#"
        Plan of 2026-11-22 12:00:00 UTC

        Sources
          hr (csv): 120 people, 7 groups, 310 memberships (2 files, 310 rows, the oldest 3 h old)

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
          hr (csv): 120 people, 7 groups, 310 memberships (2 files, 310 rows, the oldest 3 h old)

        2 groups with nothing to do.

        Nothing to do in what could be read.
        0 to add, 0 to remove, 0 held, 0 skipped; 0 calls
        "#);
    }

    #[test]
    fn what_waits_for_the_same_hold_stands_together_and_names_line_up() {
        let long = "a.rather.long.address.of.somebody@subsidiary.corp.example";
        let mut add = samples::change("Auditors", Op::AddMember, Some(long), Reason::DriftRemoved);
        add.because = vec![samples::grant("hr", &["audit"])];
        let ann = samples::change("Auditors", Op::AddMember, Some("ann@corp.example"), Reason::Granted);
        let reasons = [("eve@corp.example", Reason::PersonGone), ("franziska@corp.example", Reason::GrantEnded)];
        let mut held = reasons.map(|(who, why)| samples::change("Auditors", Op::RemoveMember, Some(who), why));
        let mut all: Vec<_> = held.iter_mut().collect();
        let scope = Scope::Group(GroupName::new("Auditors"));
        let hold = samples::hold(&mut all, Rule::GroupRemovals, scope, 1, "2 removals, the limit is 1");
        let mut report =
            samples::plan(vec![samples::group("Auditors", 4, 4)], [add, ann].into_iter().chain(held).collect());
        report.plan.holds = vec![hold];
        let text = plan_text(&report, &Look::PLAIN);
        let group = text.split("\n\n").nth(2).unwrap_or_default();
        insta::assert_snapshot!(group, @r#"
        Auditors: 4 live → 4 desired
          + a.rather.long.address.of.somebody@subsidiary.corp.example  removed in Hyperproof since the last run, granted by hr: audit
          + ann@corp.example                                           granted
          ? 2 held by h-3df74951e1cf (group_removals: 2 removals, limit 1)
              remove eve@corp.example        no longer in the directory
              remove franziska@corp.example  no longer granted by any directory group
        "#);
    }

    #[test]
    fn groups_of_which_only_the_same_can_be_said_are_told_together() {
        let mut report = samples::quiet();
        for group in &mut report.plan.groups {
            let place = format!("group {:?}", group.name.as_str());
            group.complete = false;
            group.problems = vec![Problem::new(place, "source hr was not read to its end: nobody is removed")];
        }
        let text = plan_text(&report, &Look::PLAIN);
        let group = text.split("\n\n").nth(2).unwrap_or_default();
        insta::assert_snapshot!(group, @r#"
        2 groups with nothing to do, each for this reason
          ! source hr was not read to its end: nobody is removed
          Auditors, Managers
        "#);
        for group in &mut report.plan.groups {
            group.standing = GroupStanding::Unusable;
        }
        let text = plan_text(&report, &Look::PLAIN);
        assert!(text.contains("\n2 groups left alone, each for this reason\n"), "{text}");
        report.plan.groups.truncate(1);
        report.plan.groups[0].standing = GroupStanding::Ready;
        let text = plan_text(&report, &Look::PLAIN);
        let group = text.split("\n\n").nth(2).unwrap_or_default();
        insta::assert_snapshot!(group, @r#"
        Auditors: 4 live → 4 desired, not read completely
          ! source hr was not read to its end: nobody is removed
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
          hr (csv): 120 people, 7 groups, 310 memberships (2 files, 310 rows, the oldest 3 h old)

        Evil\u{1b}[2J\n0 to add, 0 to remove|`x`<b>@security\u{202e}: 0 live → 1 desired
          + a|`b`@corp.example  granted by hr: <img>\u{9b}31m

        Skipped
          a member that is in no list of accounts: x\r\ny in Evil\u{1b}[2J\n0 to add, 0 to remove|`x`<b>@security\u{202e} (\u{7}bell)

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
