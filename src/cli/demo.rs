//! `rosterd demo`: the whole line in front of one's eyes, against a simulator, with data that is in the
//! binary. Nothing outside a temporary directory is touched.

use std::path::{Path, PathBuf};

use anyhow::Context;
use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use super::args::AuditFormat;
use super::exit::{Exit, Fault};
use super::output::Output;
use super::{audit, holds, session};
use crate::config::{self, Config, Environment};
use crate::model::run::{PlanReport, Trigger};
use crate::report::{self, holds_text, written};
use crate::run;
use crate::simulator::{Edit, Simulator, World};
use crate::store::{Access, AuditFilter, NewApproval, Store, Verification};

/// The company: the same files as in `config/demo/`.
const FILES: [(&str, &str); 4] = [
    ("rosterd.toml", include_str!("../../config/demo/rosterd.toml")),
    ("aliases.csv", include_str!("../../config/demo/aliases.csv")),
    ("people/boston.csv", include_str!("../../config/demo/people/boston.csv")),
    ("people/munich.csv", include_str!("../../config/demo/people/munich.csv")),
];
const WORLD: &str = include_str!("../../config/demo/world.json");

/// Somebody whom an administrator puts into a group by hand while rosterd is not looking.
const BY_HAND: (&str, &str) = ("Risk Committee", "victor.hale@northwind-robotics.example");

/// Shows everything once.
pub(super) fn run(output: &Output) -> Result<Exit, Fault> {
    session::block_on(async {
        let stage = Stage::set(output).await?;
        stage.play().await?;
        Ok(Exit::Fine)
    })
}

/// The installation of the demo.
struct Stage<'a> {
    output: &'a Output,
    /// Goes, with all that is in it, when the demo ends.
    _directory: tempfile::TempDir,
    simulator: Simulator,
    config: Config,
    store: Store,
}

impl<'a> Stage<'a> {
    async fn set(output: &'a Output) -> Result<Self, Fault> {
        let world = World::from_json(WORLD).map_err(anyhow::Error::new)?;
        let simulator = Simulator::start(world).await.context("cannot start the simulator")?;
        let directory = tempfile::tempdir().context("cannot make a temporary directory")?;
        let config = configure(directory.path(), &simulator)?;
        let store = session::open(&config, Access::CreateOrWrite).await?;
        Ok(Self { output, _directory: directory, simulator, config, store })
    }

    async fn play(&self) -> Result<(), Fault> {
        let world = self.simulator.world();
        self.say(&format!(
            "A simulated Hyperproof organisation listens on {}: {}, {}.\n\
             The directory is an export of an HR system, two CSV files; config/demo/ in the repository holds the same.\n",
            self.simulator.url(),
            report::words::plural(world.users.len(), "account"),
            report::words::plural(world.groups.len(), "group"),
        ))?;
        self.scene("rosterd plan", "what a run would do; nothing is changed by it")?;
        self.plan().await?;
        self.scene("rosterd apply", "what the guard lets through is done, the rest waits")?;
        self.apply().await?;
        self.scene("rosterd plan", "again: nothing to do but what is held")?;
        self.plan().await?;
        self.scene("rosterd holds", "what waits for a person, and why")?;
        let view = holds::view(&self.store, Timestamp::now()).await?;
        self.say(&written(|out| holds_text::write(out, &view, &self.output.look())))?;
        self.approve().await?;
        self.scene("rosterd apply", "the approved changes pass, each once; and drift is put right")?;
        self.simulator
            .edit(Edit::AddMember { group: BY_HAND.0.to_owned(), user: BY_HAND.1.to_owned() })
            .map_err(anyhow::Error::new)?;
        self.say(&format!("Meanwhile somebody adds {} to {:?} by hand in Hyperproof.\n\n", BY_HAND.1, BY_HAND.0))?;
        self.apply().await?;
        self.scene("rosterd plan --exit-code", "in step")?;
        self.plan().await?;
        self.audit().await?;
        self.say(
            "\nThat was all of it. Next, with an organisation of your own:\n  \
             rosterd init             writes a short configuration\n  \
             rosterd check --online   finds every mistake before the first run\n  \
             rosterd plan             shows what a run would do\n",
        )
    }

    fn say(&self, text: &str) -> Result<(), Fault> {
        self.output.answer(text).map_err(Fault::from)
    }

    fn scene(&self, command: &str, about: &str) -> Result<(), Fault> {
        let line = self.output.heading(&format!("$ {command}"));
        self.say(&format!("\n{line}   # {about}\n"))
    }

    fn setup(&self, trigger: Trigger) -> run::Setup<'_> {
        session::setup(&self.config, &self.store, trigger, &[], CancellationToken::new())
    }

    async fn plan(&self) -> Result<PlanReport, Fault> {
        let report = run::plan(&self.setup(Trigger::Plan)).await?;
        self.say(&report::plan_text(&report, &self.output.look()))?;
        Ok(report)
    }

    async fn apply(&self) -> Result<(), Fault> {
        let report = run::apply(&self.setup(Trigger::Apply)).await?;
        self.say(&report::run_text(&report, &self.output.look()))
    }

    async fn approve(&self) -> Result<(), Fault> {
        let now = Timestamp::now();
        let waiting = self.store.holds(now).await?;
        let ids: Vec<String> =
            waiting.iter().filter(|hold| hold.approval.is_none()).map(|hold| hold.id.to_string()).collect();
        let (by, reason) = ("Priya Nair", "the move of the nine was agreed with their lead");
        let command = format!("rosterd approve {} --by {by:?} --reason {reason:?} --ticket GRC-421", ids.join(" "));
        self.scene(&command, "a person lets exactly that through")?;
        let approval = NewApproval {
            by: by.to_owned(),
            actor: session::actor(&self.config),
            reason: reason.to_owned(),
            ticket: Some("GRC-421".to_owned()),
            at: now,
            expires: now + SignedDuration::from_hours(24),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let approved = self.store.approve(&ids, &approval).await?;
        self.say(&format!("{} approved for 24 h\n", report::words::plural(approved.len(), "hold")))
    }

    async fn audit(&self) -> Result<(), Fault> {
        self.scene("rosterd audit list --limit 16", "the end of the log; every intent has its outcome")?;
        let filter = AuditFilter { limit: Some(16), ..AuditFilter::default() };
        audit::pages(self.output, self.store.audit(filter).await?, AuditFormat::Text).await?;
        self.scene("rosterd audit verify", "the chain is whole")?;
        match self.store.verify().await? {
            Verification::Verified { records, .. } => self.say(&format!("{records} records verified\n")),
            Verification::Tampered { seq, what } => Err(Fault::from(anyhow::anyhow!("record {seq}: {what}"))),
        }
    }
}

/// Writes the files of the company, with the simulator's address and secret in the configuration.
fn configure(directory: &Path, simulator: &Simulator) -> Result<Config, Fault> {
    for (name, text) in FILES {
        let path = directory.join(name);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).context("cannot write the demo's files")?;
        }
        std::fs::write(&path, text).context("cannot write the demo's files")?;
    }
    let file: PathBuf = directory.join("rosterd.toml");
    let mut environment = vec![("ROSTERD_DEMO_SECRET".to_owned(), simulator.world().client.client_secret)];
    environment.push(("CREDENTIALS_DIRECTORY".to_owned(), directory.display().to_string()));
    let mut config = config::load(&file, &Environment::of(environment)).map_err(Fault::usage)?;
    config.target.api_url = simulator.api_url();
    config.target.token_url = simulator.token_url();
    config.target.client_id = simulator.world().client.client_id;
    config.target.client_secret = crate::secret::Secret::new(simulator.world().client.client_secret);
    config.state.path = directory.join("rosterd.db");
    Ok(config)
}
