//! Keys and checkpoint files: what `rosterd audit verify` holds a log against, and `rosterd audit pubkey`.

use std::path::{Path, PathBuf};

use super::args::{AuditVerify, Global};
use super::exit::{Exit, Fault};
use super::output::{Output, io_text};
use super::session;
use crate::report::words::{clean, plural};
use crate::signing::PublicKey;
use crate::store::{CheckpointFile, Checkpoints, Judgement, Verification, Witness, judge};

/// What a log is held against, read.
pub(super) struct Against {
    pub(super) keys: Vec<PublicKey>,
    written: Option<CheckpointFile>,
    /// Why the configured file was not looked at.
    note: Option<String>,
}

impl Against {
    /// Reads what was named. A file that only the configuration names may be away; that is told.
    pub(super) fn read(verify: &AuditVerify, configured: Option<PathBuf>) -> Result<Self, Fault> {
        let mut keys = Vec::new();
        for file in &verify.pubkeys {
            keys.extend(public_keys(file)?);
        }
        keys.sort();
        keys.dedup();
        let (written, note) = match (&verify.checkpoints, configured) {
            (Some(file), _) => {
                (Some(CheckpointFile::read(file, &keys).map_err(|error| cannot_read(file, &error))?), None)
            }
            (None, Some(file)) => match CheckpointFile::read(&file, &keys) {
                Ok(written) => (Some(written), None),
                Err(error) => (None, Some(format!("{} was not compared: {}", file.display(), io_text(&error)))),
            },
            (None, None) => (None, None),
        };
        Ok(Self { keys, written, note })
    }

    /// The checkpoint file.
    pub(super) fn file(&self) -> Option<&Path> {
        self.written.as_ref().map(|written| &*written.path)
    }

    /// Judges a log by its checkpoints, and says what was found. `to_the_end`: it should go as far as the
    /// checkpoint file does. `published`: so far the file was written.
    pub(super) fn judge(
        self,
        path: &Path,
        (log, met): (&Verification, &Checkpoints),
        to_the_end: bool,
        published: Option<i64>,
    ) -> (String, Exit) {
        let witness = Witness { keys: self.keys, written: self.written, to_the_end, published };
        let found = judge(log, met, &witness);
        let mut text = told(&path.display().to_string(), log, &found, &witness);
        for note in self.note.iter().chain(&found.notes) {
            text.push_str(&format!("note: {}\n", clean(note)));
        }
        (text, if found.is_good() { Exit::Fine } else { Exit::Unverified })
    }
}

fn told(path: &str, log: &Verification, found: &Judgement, witness: &Witness) -> String {
    let mut text = String::new();
    if let Some(Verification::Tampered { seq, what }) = &found.log {
        text.push_str(&format!(
            "{}: the log is not what was signed and written. First bad record: seq {seq}: {}\n",
            clean(path),
            clean(what)
        ));
    } else if matches!(log, Verification::Verified { .. }) {
        text.push_str(&signed(found, !witness.keys.is_empty()));
    }
    let Some(written) = &witness.written else {
        return text;
    };
    let file = clean(&written.path.display().to_string()).into_owned();
    match &found.file {
        Some(why) => text.push_str(&format!("{file}: the checkpoint file does not verify: {}\n", clean(why))),
        None => {
            let lines = plural(written.checkpoints(), "checkpoint");
            text.push_str(&format!("{file}: {lines}, {} found in this log\n", found.compared));
        }
    }
    text
}

/// Which checkpoints there are, and how far they reach.
fn signed(found: &Judgement, checked: bool) -> String {
    let Some(last) = found.last else {
        return String::new();
    };
    if !checked {
        let count = plural(found.checkpoints, "checkpoint");
        return format!("{count}, the last at seq {last}: signatures not checked (give --pubkey FILE)\n");
    }
    let mut text = String::new();
    for (key, count) in &found.signed {
        text.push_str(&format!("{} signed by key {}\n", plural(*count, "checkpoint"), clean(key)));
    }
    for (key, count) in &found.unknown {
        let count = plural(*count, "checkpoint");
        text.push_str(&format!("{count} by key {}, which was not given: not checked\n", clean(key)));
    }
    let after = plural(usize::try_from(found.after).unwrap_or_default(), "record");
    text.push_str(&format!("signed up to seq {last}; {after} after it, not signed yet\n"));
    text
}

fn public_keys(file: &Path) -> Result<Vec<PublicKey>, Fault> {
    let text = std::fs::read(file).map_err(|error| cannot_read(file, &error))?;
    PublicKey::all_from_pem(&String::from_utf8_lossy(&text))
        .map_err(|error| Fault::usage(anyhow::anyhow!("{} {error}\nhelp: {}", file.display(), error.help())))
}

/// `rosterd audit pubkey`: the public key of the configured one.
pub(super) fn pubkey(global: &Global, output: &Output) -> Result<Exit, Fault> {
    let config = session::configuration(global, output)?;
    let Some(key) = config.audit.signing_key else {
        let file = config.file.display();
        return Err(Fault::usage(anyhow::anyhow!(
            "{file} has no key in audit.signing_key\n\
             help: make one with: openssl genpkey -algorithm ed25519 -out audit-key.pem"
        )));
    };
    let key = key.public();
    output.answer(&format!("key {}\nsha256 {}\n{}", key.id(), key.fingerprint(), key.pem()))?;
    Ok(Exit::Fine)
}

/// A file that was named cannot be read.
pub(super) fn cannot_read(path: &Path, error: &std::io::Error) -> Fault {
    Fault::usage(anyhow::anyhow!("cannot read {}: {}", path.display(), io_text(error)))
}
