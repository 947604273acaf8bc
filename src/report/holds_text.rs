//! `rosterd holds`: what waits for a person, in full, so that the person can decide.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use jiff::Timestamp;

use super::build;
use super::document::HoldEntry;
use super::look::{Ink, Look};
use super::sections::{approve, hold_text, rest};
use super::words::{self, clean};
use crate::model::hold::Hold;
use crate::model::plan::{ChangeKey, Op};
use crate::model::run::PlanReport;

/// What `rosterd holds` shows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HoldsView {
    /// When the plan was made that found them; none before the first plan.
    pub made_at: Option<Timestamp>,
    /// The plan's digest, with which all of them are approved at once.
    pub digest: Option<String>,
    /// The holds, by id.
    pub holds: Vec<HeldView>,
    /// Approvals that let something through which does not wait, as the holds that they were given for.
    pub unused: Vec<HeldView>,
}

/// One hold with its changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldView {
    /// The hold.
    pub hold: HoldEntry,
    /// Who approved it, why, and until when, in words; none where nobody did.
    pub approved: Option<String>,
    /// When it was found last, where the newest plan does not have it: that plan did not read what it takes to
    /// judge it, or was a mere plan and has nothing to hold.
    pub found: Option<Timestamp>,
    /// What it holds.
    pub changes: Vec<HeldChange>,
}

/// A change under a hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldChange {
    /// Its kind.
    pub op: Op,
    /// The target group.
    pub group: String,
    /// Whom it concerns.
    pub who: String,
}

impl HoldsView {
    /// The holds of a plan that was just made.
    pub fn of(report: &PlanReport) -> Self {
        let changes = report.plan.changes.iter();
        let emails = changes.filter_map(|change| Some((&change.key, change.email.as_deref()?)));
        let emails: BTreeMap<&ChangeKey, &str> = emails.collect();
        Self {
            made_at: Some(report.made_at),
            digest: Some(report.plan.digest.as_str().to_owned()),
            holds: report.plan.holds.iter().map(|hold| HeldView::of(hold, &emails)).collect(),
            unused: Vec::new(),
        }
    }
}

impl HeldView {
    /// A hold; `emails` has the addresses of the accounts whose changes it holds.
    pub fn of(hold: &Hold, emails: &BTreeMap<&ChangeKey, &str>) -> Self {
        let changes = hold.changes.iter().map(|key| HeldChange {
            op: key.op,
            group: key.group.to_string(),
            who: match (emails.get(key), &key.account) {
                (Some(email), _) => (*email).to_owned(),
                (None, Some(account)) => format!("account {account}"),
                (None, None) => "nobody".to_owned(),
            },
        });
        Self { hold: HoldEntry::of(hold), approved: None, found: None, changes: changes.collect() }
    }
}

/// Writes the holds, those that wait first. The last line is always the counts.
pub fn write(out: &mut dyn Write, view: &HoldsView, look: &Look) -> fmt::Result {
    let Some(made_at) = view.made_at else {
        return writeln!(out, "Nothing was planned yet: rosterd plan shows what waits.\n0 waiting, 0 approved");
    };
    let when = words::when(&build::time(made_at));
    writeln!(out, "Holds of the plan of {when}")?;
    let (approved, waiting): (Vec<&HeldView>, Vec<&HeldView>) = view.holds.iter().partition(|held| held.hold.approved);
    let all: Vec<&HeldView> = waiting.iter().chain(&approved).copied().collect();
    for (at, held) in all.iter().enumerate() {
        let mut before = all.iter().take(at);
        let same = before.find(|other| other.changes == held.changes && !held.changes.is_empty());
        write_hold(out, held, same.map(|other| other.hold.id.as_str()), look)?;
    }
    writeln!(out)?;
    if let (Some(digest), true) = (&view.digest, waiting.len() > 1) {
        writeln!(out, "All of them: {}", approve(digest))?;
    }
    if waiting.is_empty() {
        writeln!(out, "Nothing waits.")?;
    }
    if !view.unused.is_empty() {
        let ends = "what was held does not wait now; a full run that finds nothing of it ends the approval";
        writeln!(out, "\nApproved, and not used yet ({ends})")?;
        for unused in &view.unused {
            write_hold(out, unused, None, look)?;
        }
        writeln!(out)?;
    }
    let unused = match view.unused.len() {
        0 => String::new(),
        count => format!(", {} not used yet", words::plural(count, "approval")),
    };
    writeln!(out, "{} waiting, {} approved{unused}", waiting.len(), approved.len())
}

/// Writes a hold; `same` is another one, told before, that holds the same changes.
fn write_hold(out: &mut dyn Write, held: &HeldView, same: Option<&str>, look: &Look) -> fmt::Result {
    let id = clean(&held.hold.id);
    writeln!(out, "\n{}  {}", look.paint(Ink::Hold, &id), hold_text(&held.hold))?;
    match same {
        Some(other) => {
            let changes = match held.changes.len() {
                1 => "the same change".to_owned(),
                count => format!("the same {count} changes"),
            };
            writeln!(out, "  {changes} as {}", clean(other))?;
        }
        None => changes(out, held, look)?,
    }
    if let Some(found) = held.found {
        writeln!(out, "  found last {}; the newest plan does not tell of it", words::when(&build::time(found)))?;
    }
    match (&held.approved, held.hold.approved) {
        (Some(text), _) => writeln!(out, "  approved: {}", clean(text)),
        (None, true) => writeln!(out, "  approved"),
        (None, false) => writeln!(out, "  {}", approve(&held.hold.id)),
    }
}

fn changes(out: &mut dyn Write, held: &HeldView, look: &Look) -> fmt::Result {
    let shown = look.shown(held.changes.len());
    for change in held.changes.iter().take(shown) {
        let action = words::action(change.op, &clean(&change.who));
        // The heading names the group of a hold that has one.
        match held.hold.group.as_ref() == Some(&change.group) {
            true => writeln!(out, "  {action}")?,
            false => writeln!(out, "  {action} in {}", clean(&change.group))?,
        }
    }
    rest(out, look, "  ", held.changes.len() - shown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{samples, written};

    #[test]
    fn holds_are_told_with_everybody_they_concern() {
        let view = HoldsView::of(&samples::busy().planned);
        insta::assert_snapshot!(written(|out| write(out, &view, &Look::PLAIN)), @r#"
        Holds of the plan of 2026-11-22 12:00:00 UTC

        h-14e981d2f2bb  Auditors: 3 removals, the limit is 2 [group_removals]
          remove eve@corp.example
          remove fay@corp.example
          remove gus@corp.example
          rosterd approve h-14e981d2f2bb --by YOU --reason "…"

        h-24f9683dfca3  Auditors: this is its first full run: 1 removal to be looked at by a person [first_run]
          remove eve@corp.example
          rosterd approve h-24f9683dfca3 --by YOU --reason "…"

        h-c7025fe642d1  Legal: directory group "legal" of hr is not there [missing; 0 changes]
          rosterd approve h-c7025fe642d1 --by YOU --reason "…"

        All of them: rosterd approve sha256:01f27b74e2d8ef19ffd5af329e076cd783af33b2a2431fc9640c7d3197a0b3c3 --by YOU --reason "…"
        3 waiting, 0 approved
        "#);
    }

    #[test]
    fn changes_under_several_holds_are_listed_once() {
        let mut view = HoldsView::of(&samples::busy().planned);
        let (removals, first) = view.holds.split_at_mut(1);
        first[0].changes.clone_from(&removals[0].changes);
        let text = written(|out| write(out, &view, &Look::PLAIN));
        assert!(text.contains("[first_run]\n  the same 3 changes as h-14e981d2f2bb\n  rosterd approve"), "{text}");
        assert_eq!(text.matches("remove fay@corp.example").count(), 1, "{text}");
    }

    #[test]
    fn nothing_planned_and_nothing_waiting_are_two_things() {
        let mut view = HoldsView::default();
        insta::assert_snapshot!(written(|out| write(out, &view, &Look::PLAIN)), @r#"
        Nothing was planned yet: rosterd plan shows what waits.
        0 waiting, 0 approved
        "#);
        view.made_at = Some(samples::noon());
        insta::assert_snapshot!(written(|out| write(out, &view, &Look::PLAIN)), @r#"
        Holds of the plan of 2026-11-22 12:00:00 UTC

        Nothing waits.
        0 waiting, 0 approved
        "#);
    }
}
