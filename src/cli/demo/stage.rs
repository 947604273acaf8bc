//! The installation of the demo: a simulator, the company's files, a state, all of them gone when it
//! ends. Nothing of it comes from the environment.

use std::path::Path;

use anyhow::Context;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::cli::exit::Fault;
use crate::cli::session;
use crate::config::{self, Config, Environment};
use crate::model::run::{PlanReport, RunReport, Trigger};
use crate::run;
use crate::simulator::{Edit, Simulator, World};
use crate::store::{Access, Actor, Store};

/// The company: the same files as in `config/demo/`.
const FILES: [(&str, &str); 4] = [
    ("rosterd.toml", include_str!("../../../config/demo/rosterd.toml")),
    ("aliases.csv", include_str!("../../../config/demo/aliases.csv")),
    ("people/boston.csv", include_str!("../../../config/demo/people/boston.csv")),
    ("people/munich.csv", include_str!("../../../config/demo/people/munich.csv")),
];
const WORLD: &str = include_str!("../../../config/demo/world.json");

/// See the module.
pub(super) struct Stage {
    /// Goes, with all that is in it, when the demo ends.
    _directory: tempfile::TempDir,
    /// Hyperproof.
    pub(super) simulator: Simulator,
    config: Config,
    /// The state.
    pub(super) store: Store,
}

impl Stage {
    /// Starts the simulator and writes the files.
    pub(super) async fn set() -> Result<Self, Fault> {
        let world = World::from_json(WORLD).map_err(anyhow::Error::new)?;
        let simulator = Simulator::start(world).await.context("cannot start the simulator")?;
        let directory = tempfile::tempdir().context("cannot make a temporary directory")?;
        let config = configure(directory.path(), &simulator)?;
        let store = session::open(&config, Access::CreateOrWrite).await?;
        Ok(Self { _directory: directory, simulator, config, store })
    }

    /// Plans.
    pub(super) async fn plan(&self) -> Result<PlanReport, Fault> {
        Ok(run::plan(&self.setup(Trigger::Plan)).await?)
    }

    /// Makes a run.
    pub(super) async fn apply(&self) -> Result<RunReport, Fault> {
        Ok(run::apply(&self.setup(Trigger::Apply)).await?)
    }

    /// Puts somebody into a group behind rosterd's back.
    pub(super) fn add_by_hand(&self, group: &str, who: &str) -> Result<(), Fault> {
        let edit = Edit::AddMember { group: group.to_owned(), user: who.to_owned() };
        Ok(self.simulator.edit(edit).map_err(anyhow::Error::new)?)
    }

    /// Who acts.
    pub(super) fn actor(&self) -> Actor {
        session::actor(&self.config.target.client_id)
    }

    /// Ids of the holds that wait.
    pub(super) async fn waiting(&self) -> Result<Vec<String>, Fault> {
        let holds = self.store.holds(Timestamp::now()).await?;
        Ok(holds.iter().filter(|hold| hold.approval.is_none()).map(|hold| hold.id.to_string()).collect())
    }

    fn setup(&self, trigger: Trigger) -> run::Setup<'_> {
        session::setup(&self.config, &self.store, trigger, &[], CancellationToken::new())
    }
}

/// Writes the files of the company, and points the configuration at the simulator.
fn configure(directory: &Path, simulator: &Simulator) -> Result<Config, Fault> {
    for (name, text) in FILES {
        let path = directory.join(name);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).context("cannot write the demo's files")?;
        }
        std::fs::write(&path, text).context("cannot write the demo's files")?;
    }
    let client = simulator.world().client;
    let environment = Environment::of([("ROSTERD_DEMO_SECRET", client.client_secret.as_str())]);
    let mut config = config::load(&directory.join("rosterd.toml"), &environment).map_err(Fault::usage)?;
    config.target.api_url = simulator.api_url();
    config.target.token_url = simulator.token_url();
    config.target.client_id = client.client_id;
    config.state.path = directory.join("rosterd.db");
    Ok(config)
}
