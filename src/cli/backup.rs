//! `rosterd backup`: a copy of the state.

use super::args::{Backup, Global};
use super::exit::{Exit, Fault};
use super::output::Output;
use super::{session, verify};
use crate::report::words::clean;
use crate::store::{Access, Verification};

/// Copies the state, and says what the copy holds and how it is brought back.
pub(super) fn run(global: &Global, output: &Output, backup: &Backup) -> Result<Exit, Fault> {
    let found = session::installation(global, output)?;
    if backup.file.symlink_metadata().is_ok() {
        let text = format!(
            "{} exists already\nhelp: a copy never takes the place of another file: give a new name",
            backup.file.display()
        );
        return Err(Fault::usage(anyhow::anyhow!(text)));
    }
    let (made, state, dir) = session::block_on(async {
        // Read alone, so that a state from before an upgrade is copied as it is.
        let store = session::open_state(&found, Access::ReadOnly).await?;
        let made = store.backup(&backup.file).await;
        let (path, dir) = (store.path().to_owned(), store.archive_dir());
        store.close().await;
        Ok((made?, path.display().to_string(), dir.display().to_string()))
    })?;
    let file = backup.file.display().to_string();
    let (mut text, exit) = verify::verdict(&file, &made.verification);
    text.push_str(&format!("{} bytes\n", made.bytes));
    if let Some(anchor) = made.archives.last() {
        let (last, dir) = (anchor.last_seq, clean(&dir));
        text.push_str(&format!("records 1 to {last} are in {dir}: keep a copy of that too\n"));
    }
    if matches!(made.verification, Verification::Verified { .. }) {
        let whole = std::path::absolute(&backup.file).unwrap_or_else(|_| backup.file.clone());
        let (from, to) = (quoted(&whole.display().to_string()), quoted(&state));
        text.push_str(&format!(
            "\nTo bring it back, while rosterd does not run:\n  rm -f {to}-wal {to}-shm\n  cp {from} {to}\n"
        ));
    }
    output.answer(&text)?;
    Ok(exit)
}

/// A path for a shell.
fn quoted(path: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-+:@%".contains(c);
    match path.chars().all(plain) {
        true => path.to_owned(),
        false => format!("'{}'", clean(path).replace('\'', "'\\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn paths_can_be_pasted() {
        assert_eq!(quoted("/var/lib/rosterd/rosterd.db"), "/var/lib/rosterd/rosterd.db");
        assert_eq!(quoted("/a b/it's.db"), r"'/a b/it'\''s.db'");
    }
}
