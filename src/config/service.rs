//! `[state]`, `[schedule]`, `[audit]` and `[http]`: what the service needs beside its rules.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::node::Table;
use super::seconds;
use crate::schedule::{Schedule, ScheduleError};
use crate::secret::Secret;
use crate::signing::{KeyError, SigningKey};
use crate::store::Signing;

/// `[state]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateSettings {
    /// The SQLite file, absolute.
    pub path: PathBuf,
    /// How long runs and their records stay in the state file; older ones are archived.
    pub retention: Duration,
}

/// `[schedule]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduleSettings {
    /// When runs are due.
    pub schedule: Schedule,
    /// A run starts up to this much later.
    pub jitter: Duration,
    /// Whether the service runs once when it starts.
    pub run_at_start: bool,
}

/// `[audit]`.
#[derive(Debug, Clone, Default)]
pub struct AuditSettings {
    /// The key that signs checkpoints; none also where secrets were left where they are.
    pub signing_key: Option<SigningKey>,
    /// Where checkpoints are written as well, absolute.
    pub checkpoint_file: Option<PathBuf>,
}

impl AuditSettings {
    /// How the ends of runs are signed; none without a key.
    pub fn signing(&self) -> Option<Signing> {
        Some(Signing { key: self.signing_key.clone()?, file: self.checkpoint_file.clone() })
    }
}

/// `[http]`.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// Where the status page listens.
    pub listen: SocketAddr,
    /// What a caller must show.
    pub token: Option<Secret>,
}

/// Checks `[state]`. None where a mistake was noted.
pub(super) fn state(table: &Table<'_>) -> Option<StateSettings> {
    Some(StateSettings {
        path: table.desk().path(table.text("path")?),
        retention: table.duration("retention").unwrap_or(seconds(400 * 24 * 3600)),
    })
}

/// Checks `[schedule]`. None where there is none, or a mistake was noted.
pub(super) fn schedule(table: &Table<'_>) -> Option<ScheduleSettings> {
    let zone = table.text("timezone").unwrap_or("UTC");
    // Each is tried with a good partner, so that one mistake does not hide the other.
    let good_zone = match Schedule::parse("0 0 0 * * *", zone) {
        Ok(_) => zone,
        Err(error) => {
            table.mistake(
                "timezone",
                error.to_string(),
                "write a name such as \"Europe/Berlin\", \"America/New_York\" or \"UTC\"",
            );
            "UTC"
        }
    };
    let schedule = match Schedule::parse(table.text("cron")?, good_zone) {
        Ok(schedule) => schedule,
        Err(error) => {
            table.mistake("cron", error.to_string(), cron_help(&error));
            return None;
        }
    };
    if schedule.wants_both_days() {
        let text = "fires only on days that fit both the day of month and the weekday";
        table.desk().warning(&table.place_of("cron"), text, "write * for one of them if that is not meant");
    }
    Some(ScheduleSettings {
        schedule,
        jitter: table.duration("jitter").unwrap_or(seconds(30)),
        run_at_start: table.flag("run_at_start").unwrap_or(true),
    })
}

fn cron_help(error: &ScheduleError) -> &'static str {
    match error {
        ScheduleError::Never => "such as \"0 0 6 1 * *\" for the first day of each month",
        _ => "second minute hour day-of-month month weekday, such as \"0 */15 * * * *\" or \"0 0 6 * * MON-FRI\"",
    }
}

/// Checks `[audit]`.
pub(super) fn audit(table: &Table<'_>) -> AuditSettings {
    let secret = table.secret("signing_key").filter(|_| !table.desk().leaves_secrets());
    let signing_key = secret.and_then(|secret| match SigningKey::from_pem(secret.expose()) {
        Ok(key) => Some(key),
        Err(error) => {
            table.mistake("signing_key", error.to_string(), KeyError::help(error));
            None
        }
    });
    let checkpoint_file = table.text("checkpoint_file").filter(|path| !path.trim().is_empty());
    let checkpoint_file = checkpoint_file.map(|path| table.desk().path(path));
    if checkpoint_file.is_some() && !table.has("signing_key") {
        table.mistake(
            "checkpoint_file",
            "is set, and there is no signing_key: nothing would be written to it",
            "set audit.signing_key, or leave it out",
        );
    }
    AuditSettings { signing_key, checkpoint_file }
}

/// Checks `[http]`. None where there is none, or a mistake was noted.
pub(super) fn http(table: &Table<'_>) -> Option<HttpSettings> {
    let token = table.secret("token");
    let text = table.text("listen").filter(|text| !text.trim().is_empty())?;
    let Ok(listen) = text.trim().parse::<SocketAddr>() else {
        table.mistake(
            "listen",
            format!("{text:?} is not an address with a port"),
            "such as \"127.0.0.1:9797\" or \"[::1]:9797\"",
        );
        return None;
    };
    if !listen.ip().is_loopback() && !table.has("token") {
        table.mistake(
            "token",
            "is missing, and the page can be reached from other machines",
            "set one, or listen on 127.0.0.1",
        );
    }
    Some(HttpSettings { listen, token })
}
