//! The configuration: what loads, and every mistake there is.

#![expect(clippy::unwrap_used, reason = "a test fails by it")]

mod examples;
mod mistakes;
mod schema;
mod secrets;
mod settings;

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use rosterd::config::{Config, Environment, Mistakes, load};

/// A folder with a configuration and the files that it names.
pub(crate) struct Folder {
    folder: tempfile::TempDir,
    pub(crate) environment: Environment,
}

impl Folder {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), environment: Environment::of([("SECRET", "s3cret-value")]) }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        self.write_with_mode(name, text, 0o600)
    }

    pub(crate) fn write_with_mode(&self, name: &str, text: impl AsRef<[u8]>, mode: u32) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    pub(crate) fn load(&self, text: impl AsRef<[u8]>) -> Result<Config, Mistakes> {
        load(&self.write("rosterd.toml", text), &self.environment)
    }
}

/// Loads a text in a folder of its own.
pub(crate) fn load_text(text: impl AsRef<[u8]>) -> Result<Config, Mistakes> {
    Folder::new().load(text)
}

/// The mistakes of a text, each as `line key: text`.
pub(crate) fn mistakes_in(result: Result<Config, Mistakes>) -> Vec<String> {
    let Err(mistakes) = result else { return Vec::new() };
    mistakes
        .iter()
        .map(|mistake| {
            let line = mistake.line.map_or("-".to_owned(), |line| line.to_string());
            format!("{line} {}: {}", mistake.key, mistake.text)
        })
        .collect()
}

/// A small configuration without mistakes. Cases change a part of it.
pub(crate) const BASE: &str = r#"[hyperproof]
client_id = "id"
client_secret = { env = "SECRET" }

[state]
path = "state.db"

[[source]]
name = "hr"
kind = "csv"
path = "hr/*.csv"

[[mapping]]
source = "hr"
group = "compliance"
to = "Compliance"

[[mapping]]
source = "hr"
match = "^grc-(?<team>.+)$"
to = "GRC ${team}"
"#;

/// [`BASE`] with a part of it replaced.
pub(crate) fn base_with(part: &str, replacement: &str) -> String {
    assert_eq!(BASE.matches(part).count(), 1, "{part:?} must be in the base exactly once");
    BASE.replace(part, replacement)
}
