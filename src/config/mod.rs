//! Floor 3: the configuration file, compiled. The text becomes a document with positions, the
//! document is held against the known keys (shape), the checks look at what values mean
//! together, and only a file without a mistake becomes a [`Config`]. All mistakes are told at once,
//! each with file, line and key; none of them quotes a secret.

mod desk;
mod directory;
mod environment;
mod group;
mod guard;
mod hyperproof;
mod identity;
mod installation;
mod keys;
mod mapping;
mod mistake;
mod node;
mod notify;
mod placeholder;
mod schema;
mod secret;
mod service;
mod shape;
mod source;
mod spelling;
mod template;
mod value;

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::Spanned;
use toml::de::DeTable;

pub use environment::Environment;
pub use installation::{Installation, load_installation};
pub use mistake::{Mistake, Mistakes};
pub use schema::schema;
pub use service::{AuditSettings, HttpSettings, ScheduleSettings, StateSettings};
pub use spelling::nearest;
pub use template::{Answers, SourceTemplate, template};
pub use value::duration;

use crate::model::digest::{Digest, sha256_hex};
use crate::model::policy::Policy;
use crate::model::problem::Problem;
use crate::notice::NoticeSettings;
use crate::source::Source;
use crate::target;
use desk::{Desk, Lines, Secrets};
use node::Table;

/// A configuration without mistakes.
#[derive(Debug, Clone)]
pub struct Config {
    /// The file it was read from, absolute.
    pub file: PathBuf,
    /// Hexadecimal SHA-256 of the file's bytes; with an aliases file, of both.
    pub digest: String,
    /// `[hyperproof]`.
    pub target: target::Settings,
    /// `[state]`.
    pub state: StateSettings,
    /// `[schedule]`.
    pub schedule: Option<ScheduleSettings>,
    /// Mappings, groups, identity and guard.
    pub policy: Policy,
    /// `[[source]]`, in the order of the file.
    pub sources: Vec<Source>,
    /// `[audit]`.
    pub audit: AuditSettings,
    /// `[http]`.
    pub http: Option<HttpSettings>,
    /// `[[notify]]`, in the order of the file.
    pub notices: Vec<NoticeSettings>,
    /// What is odd and no mistake.
    pub warnings: Vec<Problem>,
}

/// A configuration is written by hand; a larger file is something else.
const LARGEST: u64 = 16 * 1024 * 1024;

/// Reads and checks a configuration. Files that it names (secrets, aliases) are read as well.
///
/// # Errors
/// Every mistake, in the order of the file.
pub fn load(path: &Path, environment: &Environment) -> Result<Config, Mistakes> {
    read(path, environment, Secrets::Fetched)
}

/// The same for whoever works on the state alone and asks nobody: secrets are often only where the
/// service runs. They are not looked for, and empty in the configuration.
///
/// # Errors
/// Every mistake but those of secrets, in the order of the file.
pub fn load_without_secrets(path: &Path, environment: &Environment) -> Result<Config, Mistakes> {
    read(path, environment, Secrets::Left)
}

fn read(path: &Path, environment: &Environment, secrets: Secrets) -> Result<Config, Mistakes> {
    let text = read_text(path).map_err(|(text, help)| {
        let mistake = whole_file(path, text, help);
        Mistakes::new(path, vec![mistake])
    })?;
    let document = document(path, &text)?;
    let (file, folder) = folder(path);
    let desk = Desk::new(path, folder, &text, environment, secrets);
    let compiled = compile(&Table::top(&desk, document.get_ref()));
    let (mistakes, warnings) = desk.into_notes();
    match compiled {
        Some((config, aliases)) if mistakes.is_empty() => {
            Ok(Config { file, digest: digest(&text, aliases.as_deref()), warnings, ..config })
        }
        _ => Err(Mistakes::new(path, mistakes)),
    }
}

/// The text as TOML. What the rest of a broken file means is guesswork, so nothing more is said of it.
fn document<'a>(path: &Path, text: &'a str) -> Result<Spanned<DeTable<'a>>, Mistakes> {
    let (document, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() { Ok(document) } else { Err(Mistakes::new(path, syntax(path, text, &errors))) }
}

/// The file, absolute, and its folder: what its relative paths are relative to.
fn folder(path: &Path) -> (PathBuf, PathBuf) {
    let file = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let folder = file.parent().map(Path::to_owned).unwrap_or_default();
    (file, folder)
}

/// Every check, each on its part. None only where a mistake was noted. Beside the configuration goes
/// the text of the aliases file.
fn compile(top: &Table<'_>) -> Option<(Config, Option<String>)> {
    shape::table(top, keys::FILE);
    let target = hyperproof::read(&top.table("hyperproof"));
    let state = service::state(&top.table("state"));
    let schedule = service::schedule(&top.table("schedule"));
    let audit = service::audit(&top.table("audit"));
    let http = service::http(&top.table("http"));
    let (identity, aliases) = identity::read(&top.table("identity"));
    let guard = guard::read(&top.table("guard"));
    let sources = source::read(top);
    let mappings = mapping::read(top, &sources);
    let groups = group::read(top, &mappings, &guard);
    let notices = notify::read(top);
    let policy = Policy {
        mappings: mappings.into_mappings(),
        groups: groups.named,
        group_defaults: groups.defaults,
        identity,
        guard,
        max_users_per_call: top.table("hyperproof").number("max_users_per_call").unwrap_or(200),
    };
    let config = Config {
        file: PathBuf::new(),
        digest: String::new(),
        target: target?,
        state: state?,
        schedule,
        policy,
        sources: sources.into_sources(),
        audit,
        http,
        notices,
        warnings: Vec::new(),
    };
    Some((config, aliases))
}

/// The file, or why it cannot be read, and what to do.
fn read_text(path: &Path) -> Result<String, (String, &'static str)> {
    let cannot = |error: std::io::Error| {
        let help = match error.kind() {
            ErrorKind::PermissionDenied => "run rosterd as its own user (sudo -u rosterd …)",
            _ => NAMED,
        };
        (format!("cannot be read: {}", secret::describe(&error)), help)
    };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(cannot)?;
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(cannot)?;
    if bytes.len() as u64 > LARGEST {
        return Err(("is too large for a configuration".to_owned(), NAMED));
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let lines = error.as_bytes().iter().take(good).filter(|byte| **byte == b'\n').count();
        (format!("is not text (UTF-8): the first wrong byte is on line {}", lines + 1), NAMED)
    })
}

/// Which file is read.
const NAMED: &str = "--config, or else $ROSTERD_CONFIG, names the file; \"rosterd init\" writes a first one";

fn whole_file(path: &Path, text: String, help: &str) -> Mistake {
    Mistake { file: path.to_owned(), line: None, column: None, key: String::new(), text, help: Some(help.to_owned()) }
}

/// What the parser says, with its place and without the line, which may hold a secret.
fn syntax(path: &Path, text: &str, errors: &[toml::de::Error]) -> Vec<Mistake> {
    let lines = Lines::new(text);
    let mistakes = errors.iter().map(|error| {
        let position = error.span().map(|span| lines.position(text, span.start));
        Mistake {
            file: path.to_owned(),
            line: position.map(|(line, _)| line),
            column: position.map(|(_, column)| column),
            key: String::new(),
            text: format!("is not TOML: {}", error.message()),
            help: None,
        }
    });
    mistakes.collect()
}

fn digest(text: &str, aliases: Option<&str>) -> String {
    let Some(aliases) = aliases else {
        return sha256_hex(text.as_bytes());
    };
    let mut digest = Digest::new();
    digest.part(text).part(aliases);
    digest.hex()
}

/// A duration of seconds, for defaults.
const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
