//! Another configuration while the service runs: taken as a whole or refused as a whole.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::task::{JoinError, spawn_blocking};
use tracing::{error, info};

use super::Service;
use crate::config::{self, Config, Environment, Mistakes};
use crate::secret::Secret;

/// Why a configuration is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It has mistakes.
    Mistakes(Mistakes),
    /// It is good, and not for a service that is running.
    Unchangeable(Vec<String>),
}

impl Refusal {
    /// Everything that is wrong, a line each.
    pub(super) fn lines(&self) -> Vec<String> {
        match self {
            Self::Mistakes(mistakes) => mistakes.iter().map(|one| one.to_string().replace("\n  ", "; ")).collect(),
            Self::Unchangeable(reasons) => reasons.clone(),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = self.lines();
        match lines.split_first() {
            Some((first, [])) => f.write_str(first),
            Some((first, more)) => write!(f, "{first} (and {} more)", more.len()),
            None => Ok(()),
        }
    }
}

/// Reads the configuration again, for a service that works by `old`.
fn read(old: &Config, environment: &Environment) -> Result<Arc<Config>, Refusal> {
    let new = config::load(&old.file, environment).map_err(Refusal::Mistakes)?;
    match unchangeable(old, &new, &old.file) {
        reasons if reasons.is_empty() => Ok(Arc::new(new)),
        reasons => Err(Refusal::Unchangeable(reasons)),
    }
}

/// What differs and cannot be changed in a service that is running.
fn unchangeable(old: &Config, new: &Config, file: &Path) -> Vec<String> {
    let file = file.display();
    let mut reasons = Vec::new();
    if new.state.path != old.state.path {
        reasons.push(format!(
            "{file}: state.path: cannot change while the service runs (it works on {}); help: restart it to use {}",
            old.state.path.display(),
            new.state.path.display()
        ));
    }
    let listen = |config: &Config| config.http.as_ref().map(|http| http.listen);
    if listen(new) != listen(old) {
        let word = |config| listen(config).map_or("nothing".to_owned(), |address| address.to_string());
        reasons.push(format!(
            "{file}: http.listen: cannot change while the service runs (it listens on {}); help: restart it to listen on {}",
            word(old),
            word(new)
        ));
    }
    if token(new) != token(old) {
        reasons.push(format!("{file}: http.token: cannot change while the service runs; help: restart it"));
    }
    if new.schedule.is_none() {
        reasons.push(format!("{file}: schedule: is missing; help: {}", super::NO_SCHEDULE_HELP.replace('\n', " ")));
    }
    reasons
}

fn token(config: &Config) -> Option<&str> {
    config.http.as_ref()?.token.as_ref().map(Secret::expose)
}

impl Service {
    /// Reads the configuration again, beside the loop: files can be on shares that do not answer.
    pub(super) fn reload(&mut self) {
        if self.reloading.is_some() {
            self.reload_again = true;
            return;
        }
        info!(config = %self.config.file.display(), "reading the configuration again (SIGHUP)");
        self.systemd.reloading();
        let (old, environment) = (Arc::clone(&self.config), self.environment.clone());
        self.reloading = Some(spawn_blocking(move || read(&old, &environment)));
    }

    pub(super) async fn reloaded(&mut self, joined: Result<Result<Arc<Config>, Refusal>, JoinError>) {
        self.reloading = None;
        let read = joined.unwrap_or_else(|error| Err(Refusal::Unchangeable(vec![error.to_string()])));
        match read {
            Ok(config) => self.take(config).await,
            Err(refusal) => self.refuse(&refusal),
        }
        self.systemd.ready();
        if std::mem::take(&mut self.reload_again) {
            self.reload();
        }
    }

    async fn take(&mut self, config: Arc<Config>) {
        let now = Timestamp::now();
        if let Some(schedule) = &config.schedule {
            self.agenda.change(schedule.clone(), now);
        }
        self.config = config;
        self.telling.change(&self.store, &self.config.notices, &self.actor.host).await;
        self.say_warnings();
        info!(
            digest = self.config.digest,
            run_under_way = self.under_way.is_some(),
            "the new configuration holds from the next run on"
        );
        self.state.send_modify(|state| {
            state.configuration.digest.clone_from(&self.config.digest);
            state.configuration.loaded_at = now;
            state.configuration.refused = None;
        });
        self.say_next();
    }

    fn refuse(&self, refusal: &Refusal) {
        for line in refusal.lines() {
            error!("{line}");
        }
        error!("the new configuration is refused; the one in use stays (help: mend it, and reload again)");
        self.state.send_modify(|state| {
            state.configuration.refused = Some((Timestamp::now(), refusal.to_string()));
            state.totals.refused_reloads += 1;
        });
    }
}
