//! Secrets: fetched from where the configuration says that they are. No mistake here quotes one.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::node::{Item, Table};
use super::shape::SECRET_HELP;
use crate::secret::Secret;

/// No key, password or token is longer.
const LONGEST: u64 = 64 * 1024;

impl Table<'_> {
    /// The secret of a key; none if the key is not there, or (which is noted) the secret is not.
    pub(super) fn secret(&self, key: &str) -> Option<Secret> {
        let table = self.get(key)?.table()?;
        let entries = table.entries();
        // Any other shape was refused, and that is noted.
        let [(how, item)] = entries.as_slice() else { return None };
        item.text().filter(|text| !text.trim().is_empty())?;
        if item.desk().leaves_secrets() {
            return Some(Secret::new(String::new()));
        }
        match *how {
            "env" => from_environment(item),
            "file" => from_file(item),
            "credential" => from_credential(item),
            _ => None,
        }
    }
}

fn from_environment(item: &Item<'_>) -> Option<Secret> {
    let name = item.text()?;
    // Somebody may have put the secret in the place of the name.
    let is_name = name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
    let what = if is_name { format!("the variable {name}") } else { "the variable".to_owned() };
    let Some(value) = item.desk().environment().var(name) else {
        item.mistake(format!("{what} is not set"), "name a variable that is set where rosterd is started");
        return None;
    };
    filled(item, value, &what)
}

fn from_file(item: &Item<'_>) -> Option<Secret> {
    let path = item.desk().path(item.text()?);
    let text = read(item, &path, true)?;
    filled(item, text, &format!("the file \"{}\"", path.display()))
}

fn from_credential(item: &Item<'_>) -> Option<Secret> {
    let name = item.text()?;
    if name.contains('/') || name == "." || name == ".." {
        item.mistake("is a path, and not the name of a credential", "write { file = \"path\" } for a file of your own");
        return None;
    }
    let Some(folder) = item.desk().environment().var("CREDENTIALS_DIRECTORY").filter(|folder| !folder.is_empty())
    else {
        item.mistake(
            "$CREDENTIALS_DIRECTORY is not set, so there are no credentials",
            format!("start rosterd by systemd with LoadCredential={name}:/path, or write {{ file = \"path\" }} or {{ env = \"NAME\" }}"),
        );
        return None;
    };
    let text = read(item, &Path::new(&folder).join(name), false)?;
    filled(item, text, &format!("the credential {name:?}"))
}

/// Reads a file; a private one must not be readable for others.
fn read(item: &Item<'_>, path: &Path, private: bool) -> Option<String> {
    let refuse = |why: String, help: &str| {
        item.mistake(format!("\"{}\" {why}", path.display()), help);
        None
    };
    // Opening a pipe would wait for its writer.
    if path.metadata().is_ok_and(|metadata| !metadata.is_file()) {
        return refuse("is not a file".to_owned(), "");
    }
    let (file, metadata) = match File::open(path).and_then(|file| file.metadata().map(|metadata| (file, metadata))) {
        Ok(opened) => opened,
        Err(error) => {
            let help = match error.kind() {
                ErrorKind::PermissionDenied => "run rosterd as its own user (sudo -u rosterd …), who must own the file",
                _ => "",
            };
            return refuse(format!("cannot be read: {}", describe(&error)), help);
        }
    };
    let mode = metadata.permissions().mode() & 0o777;
    if private && mode & 0o077 != 0 {
        return refuse(
            format!("can be read or written by others (mode {mode:o})"),
            "chmod 600 it, and let the user that runs rosterd own it",
        );
    }
    let mut bytes = Vec::new();
    match file.take(LONGEST + 1).read_to_end(&mut bytes) {
        Err(error) => return refuse(format!("cannot be read: {}", describe(&error)), ""),
        Ok(length) if length as u64 > LONGEST => return refuse("is too large for a secret".to_owned(), ""),
        Ok(_) => {}
    }
    match String::from_utf8(bytes) {
        Ok(text) => Some(text),
        Err(_) => refuse("is not text (UTF-8)".to_owned(), ""),
    }
}

/// The secret without the line end that editors leave behind it.
fn filled(item: &Item<'_>, text: String, what: &str) -> Option<Secret> {
    let trimmed = text.trim_end_matches(['\r', '\n']);
    if trimmed.trim().is_empty() {
        item.mistake(format!("{what} is empty"), SECRET_HELP);
        return None;
    }
    if trimmed.starts_with('\u{feff}') {
        // A server would say no more than that the sign-in is refused.
        let help = "save it as plain text, as UTF-8 without a byte-order mark";
        item.mistake(format!("{what} begins with a byte-order mark, which is no part of a secret"), help);
        return None;
    }
    Some(Secret::new(trimmed.to_owned()))
}

/// An error of the operating system without its number.
pub(super) fn describe(error: &std::io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    text.to_lowercase()
}
