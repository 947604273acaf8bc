//! `rosterd backup`: a copy of the state.

use super::args::{Backup, Global};
use super::exit::{Exit, Fault};
use super::output::Output;
use super::{session, verify};
use crate::report::words::clean;
use crate::store::{Access, Verification};

/// Copies the state, and says what the copy holds and how it is brought back.
pub(super) fn run(global: &Global, output: &Output, backup: &Backup) -> Result<Exit, Fault> {
    let config = session::without_secrets(global)?;
    if backup.file.symlink_metadata().is_ok() {
        let text = format!(
            "{} exists already\nhelp: a copy never takes the place of another file: give a new name",
            backup.file.display()
        );
        return Err(Fault::usage(anyhow::anyhow!(text)));
    }
    let (made, state, dir) = session::block_on(async {
        // Read alone, so that a state from before an upgrade is copied as it is.
        let store = session::open(&config, Access::ReadOnly).await?;
        let made = store.backup(&backup.file).await;
        let (path, dir) = (store.path().to_owned(), store.archive_dir());
        store.close().await;
        Ok((made?, path.display().to_string(), dir.display().to_string()))
    })?;
    let file = backup.file.display().to_string();
    let (verdict, exit) = verify::verdict(&file, &made.verification);
    let mut text = format!("{}: {} bytes\n{verdict}", clean(&file), made.bytes);
    if let Some(anchor) = made.archives.last() {
        let (last, dir) = (anchor.last_seq, clean(&dir));
        text.push_str(&format!("records 1 to {last} are in {dir}: keep a copy of that too\n"));
    }
    if matches!(made.verification, Verification::Verified { .. }) {
        let (state, file) = (clean(&state), clean(&file));
        text.push_str(&format!(
            "to restore it: stop rosterd, rm -f {state}-wal {state}-shm, cp {file} {state}, start rosterd\n"
        ));
    }
    output.answer(&text)?;
    Ok(exit)
}
