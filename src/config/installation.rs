//! What a command needs that works on the state alone: where it is, how it is signed, whom it serves.

use std::path::{Path, PathBuf};

use super::desk::{Desk, Secrets};
use super::node::Table;
use super::{
    AuditSettings, Config, Environment, Mistakes, StateSettings, document, folder, load_without_secrets, service,
};

/// An installation, as far as its state goes.
#[derive(Debug, Clone)]
pub struct Installation {
    /// The configuration file, absolute.
    pub file: PathBuf,
    /// `[state]`.
    pub state: StateSettings,
    /// `[audit]`, without its key.
    pub audit: AuditSettings,
    /// `client_id` of `[hyperproof]`.
    pub client_id: String,
    /// What is wrong elsewhere in the file, if anything is.
    pub mistakes: Option<Mistakes>,
}

impl From<Config> for Installation {
    fn from(config: Config) -> Self {
        Self {
            file: config.file,
            state: config.state,
            audit: config.audit,
            client_id: config.target.client_id,
            mistakes: None,
        }
    }
}

/// Reads a configuration for whoever works on the state alone. A service goes on with the file that it read
/// when that file is broken later, so a mistake that has nothing to do with the state must not keep a person
/// from seeing what the service does, nor from letting a hold through.
///
/// # Errors
/// Every mistake, where the file cannot be read or is not TOML, or one of them is in what this gives.
pub fn load_installation(path: &Path, environment: &Environment) -> Result<Installation, Mistakes> {
    let mistakes = match load_without_secrets(path, environment) {
        Ok(config) => return Ok(config.into()),
        Err(mistakes) => mistakes,
    };
    let Ok(text) = super::read_text(path) else { return Err(mistakes) };
    let Ok(document) = document(path, &text) else { return Err(mistakes) };
    let (file, folder) = folder(path);
    let desk = Desk::new(path, folder, &text, environment, Secrets::Left);
    let top = Table::top(&desk, document.get_ref());
    let (state, audit) = (service::state(&top.table("state")), service::audit(&top.table("audit")));
    let client_id = top.table("hyperproof").text("client_id").unwrap_or_default().trim().to_owned();
    let named = ["state", "audit", "hyperproof.client_id"].iter().any(|part| mistakes.concern(part));
    match state {
        Some(state) if !named => Ok(Installation { file, state, audit, client_id, mistakes: Some(mistakes) }),
        _ => Err(mistakes),
    }
}
