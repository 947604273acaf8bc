//! `rosterd demo`: the whole line in front of one's eyes, against a simulator, with data that is in the
//! binary. A story in scenes; after the first, a scene shows only what is new. Nothing outside a
//! temporary directory is touched.

mod excerpt;
mod stage;

use std::io::Cursor;

use jiff::{SignedDuration, Timestamp};

use super::args::AuditFormat;
use super::exit::{Exit, Fault};
use super::output::Output;
use super::{approve, audit, holds, session, verify};
use crate::model::id::RunId;
use crate::report::look::Look;
use crate::report::words::plural;
use crate::report::{self, holds_text, written};
use crate::store::{AuditFilter, NewApproval, verify_jsonl};
use excerpt::excerpt;
use stage::Stage;

/// Somebody whom an administrator puts into a group by hand while rosterd is not looking.
const BY_HAND: (&str, &str) = ("Risk Committee", "victor.hale@northwind-robotics.example");

/// Shows everything once.
pub(super) fn run(output: &Output) -> Result<Exit, Fault> {
    session::serve(async {
        let demo = Demo { output, stage: Stage::set().await? };
        demo.play().await?;
        Ok(Exit::Fine)
    })
}

struct Demo<'a> {
    output: &'a Output,
    stage: Stage,
}

impl Demo<'_> {
    async fn play(&self) -> Result<(), Fault> {
        self.opening()?;
        self.plan().await?;
        self.apply().await?;
        self.approve().await?;
        let drift = self.drift().await?;
        self.in_step().await?;
        self.audit(drift).await?;
        self.say(
            "\nThat was all of it, and it is gone again. To go on:\n  \
             rosterd init --source csv    writes a short configuration for an organisation of your own\n  \
             rosterd check --online       finds every mistake in it, and shows what each mapping matches\n  \
             rosterd plan                 shows what a run would do, and changes nothing\n",
        )
    }

    fn opening(&self) -> Result<(), Fault> {
        let world = self.stage.simulator.world();
        self.say(&format!(
            "Northwind Robotics does its compliance work in Hyperproof; who belongs to which team is known to its\n\
             HR system, which exports two CSV files. Here Hyperproof is simulated, on {}:\n\
             {}, {}.\n",
            self.stage.simulator.url(),
            plural(world.users.len(), "account"),
            plural(world.groups.len(), "group"),
        ))
    }

    async fn plan(&self) -> Result<(), Fault> {
        self.scene("A plan shows who would be added and removed, and why. It changes nothing.")?;
        self.command("rosterd plan")?;
        let report = self.stage.plan().await?;
        let look = Look { limit: Some(4), ..self.output.look() };
        self.say(&report::plan_text(&report, &look))
    }

    async fn apply(&self) -> Result<(), Fault> {
        self.scene(
            "A run does it. The nine removals are more than that group's limit: they might be a mistake in the\n\
             export, so they wait for a person. Everything else goes ahead, and planning again finds no more to do.",
        )?;
        self.command("rosterd apply")?;
        self.run(&[]).await?;
        self.command("rosterd plan")?;
        let again = self.stage.plan().await?;
        self.say(&excerpt(&report::plan_text(&again, &self.brief()), 0, &[]))
    }

    async fn approve(&self) -> Result<(), Fault> {
        self.scene("A person looks, and lets exactly these nine through, once. Who, and why, is kept.")?;
        self.command("rosterd holds")?;
        let view = holds::view(&self.stage.store, Timestamp::now()).await?;
        self.say(&written(|out| holds_text::write(out, &view, &self.brief())))?;
        let ids = self.stage.waiting().await?;
        let (by, reason, ticket) = ("Maria Santos", "HR moved the nine to Platform", "GRC-421");
        let id = ids.join(" ");
        self.command(&format!("rosterd approve {id} --by {by:?} --reason {reason:?} --ticket {ticket}"))?;
        let now = Timestamp::now();
        let approval = NewApproval {
            by: by.to_owned(),
            actor: self.stage.actor(),
            reason: reason.to_owned(),
            ticket: Some(ticket.to_owned()),
            at: now,
            expires: now + SignedDuration::from_hours(24),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let approved = self.stage.store.approve(&ids, &approval).await?;
        self.say(&approve::told(&approved, approval.expires))?;
        self.command("rosterd apply")?;
        self.run(&["Control Owners Engineering"]).await?;
        Ok(())
    }

    /// Somebody works around the directory; the run that puts it right.
    async fn drift(&self) -> Result<RunId, Fault> {
        let (group, who) = BY_HAND;
        self.scene(
            "Now somebody puts Victor Hale back into the Risk Committee by hand, in Hyperproof. The next run knows\n\
             that it was not there when the last one ended, that nothing grants it, and takes him out.",
        )?;
        self.stage.add_by_hand(group, who)?;
        self.command("rosterd apply")?;
        self.run(&[group]).await
    }

    async fn in_step(&self) -> Result<(), Fault> {
        self.scene("Groups and directory agree, and a script can tell by the exit code: 10 would mean changes.")?;
        self.command("rosterd plan --exit-code; echo $?")?;
        let report = self.stage.plan().await?;
        self.say(&excerpt(&report::plan_text(&report, &self.brief()), 0, &[]))?;
        self.say(&format!("{}\n", crate::run::plan_exit(&report.plan, true)))
    }

    async fn audit(&self, run: RunId) -> Result<(), Fault> {
        self.scene(
            "Each change stands in the audit log twice: as an intent before the call, and with its outcome after.",
        )?;
        self.command(&format!("rosterd audit list --run {run}"))?;
        let store = &self.stage.store;
        let filter = AuditFilter { run: Some(run), ..AuditFilter::default() };
        audit::pages(self.output, store.audit(filter).await?, AuditFormat::Text).await?;
        self.scene("Each record carries the hash of the one before it. Whoever changes one is found out.")?;
        self.command("rosterd audit verify")?;
        self.say(&verify::verdict("rosterd.db", &store.verify().await?).0)?;
        self.command("rosterd audit list --format jsonl | sed s/victor.hale/walter.simmons/ > log.jsonl")?;
        self.command("rosterd audit verify log.jsonl; echo $?")?;
        let mut log = String::new();
        let mut records = store.audit(AuditFilter::default()).await?;
        while let Some(page) = records.next_page().await? {
            for entry in page {
                log.push_str(&entry.record.replace("victor.hale", "walter.simmons"));
                log.push('\n');
            }
        }
        let verdict = verify_jsonl(Cursor::new(log)).map_err(anyhow::Error::new)?;
        let (text, exit) = verify::verdict("log.jsonl", &verdict);
        self.say(&format!("{text}{}\n", exit.code()))
    }

    /// Makes a run, and shows how it went, what it did in these groups, and its counts.
    async fn run(&self, groups: &[&str]) -> Result<RunId, Fault> {
        let report = self.stage.apply().await?;
        self.say(&excerpt(&report::run_text(&report, &self.brief()), 2, groups))?;
        Ok(report.planned.run)
    }

    /// Lists cut short, since they were shown before.
    fn brief(&self) -> Look {
        Look { limit: Some(3), ..self.output.look() }
    }

    fn say(&self, text: &str) -> Result<(), Fault> {
        self.output.answer(text).map_err(Fault::from)
    }

    fn scene(&self, about: &str) -> Result<(), Fault> {
        self.say(&format!("\n{about}\n"))
    }

    fn command(&self, line: &str) -> Result<(), Fault> {
        let line = self.output.heading(&format!("$ {line}"));
        self.say(&format!("{line}\n"))
    }
}
