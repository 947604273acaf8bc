//! Keys and checkpoint files: what `rosterd audit verify` holds a log against, and `rosterd audit pubkey`.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::args::{AuditVerify, Global};
use super::exit::{Exit, Fault};
use super::output::{Output, io_text};
use super::session;
use crate::report::words::{clean, plural};
use crate::signing::PublicKey;
use crate::store::{CheckpointFile, Checkpoints, Judgement, Verification, Witness, judge};

/// What a log is held against.
pub(super) struct Against {
    pub(super) keys: Vec<PublicKey>,
    file: Option<PathBuf>,
    /// The configuration names the file, and nobody else: it may be away.
    configured: bool,
    written: Option<CheckpointFile>,
    /// The configured file is not there, though its directory is.
    gone: bool,
    /// Why the configured file was not looked at.
    note: Option<String>,
}

impl Against {
    /// Reads the keys. The checkpoint file is read later, by [`Against::look`].
    pub(super) fn read(verify: &AuditVerify, configured: Option<PathBuf>) -> Result<Self, Fault> {
        let mut keys = Vec::new();
        for file in &verify.pubkeys {
            keys.extend(public_keys(file)?);
        }
        keys.sort();
        keys.dedup();
        let (file, configured) = match &verify.checkpoints {
            Some(file) => (Some(file.clone()), false),
            None => (configured, true),
        };
        Ok(Self { keys, file, configured, written: None, gone: false, note: None })
    }

    /// The checkpoint file.
    pub(super) fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// Reads the checkpoint file. Runs may end meanwhile: what the state says of having written to it must be
    /// asked before, and the log be read after; then the file has all that is said, and the log all that is in
    /// the file. A file that only the configuration names may be away; that is told.
    pub(super) fn look(&mut self) -> Result<(), Fault> {
        let Some(file) = &self.file else { return Ok(()) };
        match CheckpointFile::read(file, &self.keys) {
            Ok(written) => self.written = Some(written),
            Err(error) if self.configured => {
                let there = file.parent().is_some_and(Path::is_dir);
                self.gone = error.kind() == ErrorKind::NotFound && there;
                self.note = Some(format!("{} was not compared: {}", file.display(), io_text(&error)));
            }
            Err(error) => return Err(cannot_read(file, &error)),
        }
        Ok(())
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
        // A share that is not there at all is told; a file that is gone from its place was taken away.
        let taken = published.filter(|_| self.gone);
        let file = self.file.unwrap_or_default();
        let witness = Witness { keys: self.keys, written: self.written, to_the_end, published };
        let found = judge(log, met, &witness);
        let mut text = told(&path.display().to_string(), log, &found, &witness);
        if let Some(seq) = taken {
            let file = clean(&file.display().to_string()).into_owned();
            text.push_str(&format!(
                "{file}: the checkpoint file is not there, and checkpoints up to seq {seq} were written to it. It was taken \
                 away, or what is mounted there is not mounted\n"
            ));
        }
        let late = (!witness.keys.is_empty() && found.is_good() && found.before > 0).then(|| {
            format!(
                "{} had ended in this log before its first signature: until then, whoever could write the state could \
                 write all of it anew. If the key was in use before, its checkpoints were taken out; a checkpoint file \
                 or a backup tells",
                plural(found.before, "run")
            )
        });
        for note in self.note.iter().chain(&found.notes).chain(&late) {
            text.push_str(&format!("note: {}\n", clean(note)));
        }
        (text, if found.is_good() && taken.is_none() { Exit::Fine } else { Exit::Unverified })
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
    } else if let Some((first, last)) = found.unsigned {
        text.push_str(&format!(
            "{}: no run ends in it, and so nothing in it is signed: seq {first} to {last} come before their checkpoint. \
             No key proves them; a longer part of the log has it\n",
            clean(path)
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
    if let Some((seq, at)) = &found.first {
        text.push_str(&format!("first signed at seq {seq}, on {}\n", clean(at)));
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
