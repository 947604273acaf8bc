//! A consistent copy of the state, made while others may write.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::error::{Fault, StoreError};
use super::{Access, Archive, Store, Verification};

/// A copy that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    /// The size of the file in bytes.
    pub bytes: u64,
    /// The verdict over the log in the copy.
    pub verification: Verification,
    /// Archives that the copy names and does not hold.
    pub archives: Vec<Archive>,
}

impl Store {
    /// Writes a consistent copy to a file that does not exist yet, for its owner alone (mode 0600), also
    /// while others write; nothing of the state is changed. The file is there as a whole or not at all. Its
    /// log is checked, and the copy is kept whatever the verdict.
    pub async fn backup(&self, to: &Path) -> Result<Backup, StoreError> {
        let failed = |fault| StoreError { path: to.to_owned(), fault };
        if to.symlink_metadata().is_ok() {
            return Err(failed(Fault::io("creating it", io::ErrorKind::AlreadyExists.into())));
        }
        let directory = match to.parent() {
            Some(parent) if parent != Path::new("") => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        if !directory.is_dir() {
            return Err(failed(Fault::NoDirectory(directory)));
        }
        // Only its owner may read it: that is how temporary files are made. It goes when we fail.
        let beside = tempfile::Builder::new().prefix(".rosterd-backup-").tempfile_in(&directory);
        let beside = beside.map_err(|cause| failed(Fault::io("creating it", cause)))?.into_temp_path();
        let name = beside.to_str().ok_or(Fault::Path).map_err(failed)?;
        let copied = sqlx::query("VACUUM INTO $1").bind(name).execute(&self.pool).await;
        copied.map_err(|error| failed(error.into()))?;
        let copy = Self::open(&beside, Access::ReadOnly).await.map_err(|error| failed(error.fault))?;
        let verdict = copy.verify_with_archives(None).await;
        copy.close().await;
        let verdict = verdict.map_err(|error| failed(error.fault))?;
        let synced = File::open(&beside).and_then(|file| {
            file.sync_all()?;
            Ok(file.metadata()?.len())
        });
        let bytes = synced.map_err(|cause| failed(Fault::io("writing it", cause)))?;
        beside.persist_noclobber(to).map_err(|error| failed(Fault::io("creating it", error.error)))?;
        let synced = File::open(&directory).and_then(|directory| directory.sync_all());
        synced.map_err(|cause| failed(Fault::io("writing its directory", cause)))?;
        Ok(Backup { bytes, verification: verdict.state, archives: verdict.archives })
    }
}
