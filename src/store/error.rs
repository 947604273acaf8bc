//! What can go wrong with the state file, told apart so that each has its own advice. Floor 2.

use std::io;
use std::path::PathBuf;

use jiff::Timestamp;
use sqlx::migrate::MigrateError;

/// A failure of the state, with the file that it concerns.
#[derive(Debug, thiserror::Error)]
#[error("state file {}: {fault}", path.display())]
pub struct StoreError {
    /// The state file.
    pub path: PathBuf,
    /// What happened.
    pub fault: Fault,
}

impl StoreError {
    /// What to do about it.
    pub fn help(&self) -> String {
        self.fault.help(&self.path.display().to_string())
    }
}

/// What happened.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// Only an existing file would do, and there is none.
    #[error("it does not exist")]
    Missing,
    /// The directory that it should be in is not there; it is never made silently.
    #[error("there is no directory {}", .0.display())]
    NoDirectory(PathBuf),
    /// The path leads to a directory.
    #[error("it is a directory")]
    IsDirectory,
    /// The path cannot be given to SQLite.
    #[error("the path is not UTF-8")]
    Path,
    /// The bytes are no SQLite database.
    #[error("it is not a database")]
    NotADatabase,
    /// A SQLite database that something else made.
    #[error("it is a database of another program: {0}")]
    Foreign(String),
    /// A newer rosterd used it.
    #[error("it was used by a newer version of rosterd (schema {found}, this one knows {known})")]
    Newer {
        /// The newest migration in the file.
        found: i64,
        /// The newest migration of this program.
        known: i64,
    },
    /// It can only be read, and no version of rosterd has brought it to a schema yet: nothing is in it.
    #[error("it is empty: no run of rosterd has written anything to it yet")]
    Older,
    /// SQLite found it inconsistent.
    #[error("it is damaged: {0}")]
    Damaged(String),
    /// Somebody else changed what SQLite does with it.
    #[error("it is not as rosterd made it: {0}")]
    Meddled(String),
    /// A stored value cannot be read back.
    #[error("it is damaged: table {table}, row {key:?}: {why}")]
    DamagedRow {
        /// The table.
        table: &'static str,
        /// The row's key.
        key: String,
        /// What is wrong with it.
        why: String,
    },
    /// The path leads to another file than the one that is open, or to none.
    #[error("it is not the file that was opened: it was removed, moved or replaced since")]
    Replaced,
    /// It, or its directory, may not be written.
    #[error("it cannot be written: {0}")]
    Unwritable(String),
    /// Its file system is read-only.
    #[error("it cannot be written: {0}")]
    ReadOnly(String),
    /// Its file system is read-only, and what was committed last is in the file beside it, which SQLite can read only
    /// where it can write.
    #[error(
        "what was recorded last is in the file beside it whose name ends in -wal, and their file system is read-only"
    )]
    LogBeside,
    /// Another process kept it locked for longer than we wait.
    #[error("another process keeps it locked")]
    Locked,
    /// No room on the disk.
    #[error("the disk is full")]
    Full,
    /// Another run is under way.
    #[error("another run is under way: {who}{}", since.map(|at| format!(", since {at:.0}")).unwrap_or_default())]
    Busy {
        /// Command, process and host.
        who: String,
        /// When it began.
        since: Option<Timestamp>,
    },
    /// A service works on it.
    #[error("a service works on it already: {who}{}", since.map(|at| format!(", since {at:.0}")).unwrap_or_default())]
    Served {
        /// Command, process and host.
        who: String,
        /// When it began.
        since: Option<Timestamp>,
    },
    /// The state belongs to another organisation.
    #[error("it belongs to organisation {bound:?}, and Hyperproof answered for {found:?}")]
    OtherOrganisation {
        /// The organisation of the state.
        bound: String,
        /// The organisation that was found.
        found: String,
    },
    /// An id that is neither a hold that waits nor a plan with such holds.
    #[error("nothing that waits has the id {id:?}")]
    UnknownHold {
        /// The id as it was given.
        id: String,
        /// Ids of the holds that wait now.
        waiting: Vec<String>,
    },
    /// A part of a digest that fits several plans.
    #[error("the id {0:?} fits more than one plan")]
    AmbiguousPlan(String),
    /// A run that was never begun.
    #[error("there is no run {0:?}")]
    UnknownRun(String),
    /// An outcome for an intent that was never recorded, or has one already.
    #[error("audit record {0} is not an intent that waits for its outcome")]
    UnknownIntent(i64),
    /// Old records could not be archived.
    #[error("archive {}: {why}", .file.display())]
    Archive {
        /// The file, or its directory.
        file: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Checkpoints could not be written to their file.
    #[error("checkpoint file {}: {why}", .file.display())]
    Checkpoint {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// An archive that is needed cannot be read.
    #[error("archive {}: {why}", .file.display())]
    ArchiveUnread {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A file beside it failed.
    #[error("{what}: {cause}")]
    Io {
        /// What was tried.
        what: String,
        /// The system's answer.
        cause: io::Error,
    },
    /// Any other answer of SQLite.
    #[error("unexpected answer of the database: {0}")]
    Database(String),
}

impl Fault {
    fn help(&self, path: &str) -> String {
        match self {
            Self::Missing | Self::Older => "run `rosterd plan` or `rosterd apply` once, or check `state.path`".into(),
            Self::NoDirectory(directory) => {
                format!("create {} for the user that rosterd runs as, or mend `state.path`", directory.display())
            }
            Self::IsDirectory | Self::Path => "let `state.path` name a file".into(),
            Self::NotADatabase | Self::Foreign(_) => {
                "let `state.path` name a file that rosterd made, or one that does not exist yet".into()
            }
            Self::Newer { .. } => "install that version again; a state is never taken back to an older one".into(),
            Self::Damaged(_) | Self::DamagedRow { .. } => {
                format!(
                    "stop rosterd, keep {path} (with -wal and -shm) aside, and restore a copy made by `rosterd backup`"
                )
            }
            Self::Meddled(_) => {
                format!(
                    "nothing more was recorded in it or sent. Stop rosterd, keep {path} (with -wal and -shm) aside, find \
                     out who could write it, and restore a copy made by `rosterd backup`"
                )
            }
            Self::Replaced => {
                "restart rosterd, so that it opens the file that is there now; stop it before a copy is restored".into()
            }
            Self::Unwritable(_) => {
                format!(
                    "run it as the user that rosterd runs as (sudo -u rosterd …), who must own {path}, the files beside it whose names begin with that, and its directory"
                )
            }
            Self::ReadOnly(_) => "its file system is read-only: mount it so that it can be written (where the system made it \
                 so by itself, look at its log first: the disk may be failing). Commands that only look (`rosterd status`, \
                 `holds`, `explain`, `members`, `review`, `audit list`) work meanwhile"
                .into(),
            Self::LogBeside => format!(
                "copy {path} and {path}-wal together to where they can be written, and look at that copy. A copy made by \
                 `rosterd backup` has all in one file"
            ),
            Self::Locked => format!("see who uses it: `fuser {path}`"),
            Self::Full => "make room on the file system; nothing is sent until the state can be written".into(),
            Self::Busy { .. } => "wait for it to end; `rosterd status` shows it".into(),
            Self::Served { .. } => {
                "stop that one first, or give this one a configuration and a state of its own".into()
            }
            Self::OtherOrganisation { .. } => {
                "use one state file for each organisation, or mend the credentials in [hyperproof]".into()
            }
            Self::UnknownHold { waiting, .. } if waiting.is_empty() => "nothing waits for an approval now".into(),
            Self::UnknownHold { waiting, .. } => format!("waiting now: {}", waiting.join(", ")),
            Self::AmbiguousPlan(_) => "give more digits of the digest".into(),
            Self::UnknownRun(_) => "`rosterd status` lists the last runs".into(),
            Self::UnknownIntent(_) | Self::Database(_) => "this is a mistake in rosterd: please report it".into(),
            Self::Archive { .. } => {
                "nothing was pruned, and the next run tries again. See that the archives' directory can be written and \
                 has room; keep a file that does not fit, in another place, and run `rosterd audit verify`"
                    .into()
            }
            Self::Checkpoint { .. } => {
                "the run is as good as ever, and the next one writes what is missing. See that the file's place is \
                 there, can be written and has room. A file that does not fit the log is never changed: keep it, run \
                 `rosterd audit verify`, and name another one in `audit.checkpoint_file`"
                    .into()
            }
            Self::ArchiveUnread { .. } => {
                "bring the file back from where copies are kept, then run `rosterd audit verify`".into()
            }
            Self::Io { .. } => format!("check the rights on {path} and its directory"),
        }
    }

    /// A stored value that cannot be read back.
    pub(super) fn row(table: &'static str, key: impl ToString, why: impl ToString) -> Self {
        Self::DamagedRow { table, key: key.to_string(), why: why.to_string() }
    }

    /// A failed file operation: no room, no right, or something else.
    pub(super) fn io(what: impl Into<String>, cause: io::Error) -> Self {
        use io::ErrorKind;
        match cause.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::Full,
            ErrorKind::PermissionDenied => Self::Unwritable(format!("{}: {cause}", what.into())),
            ErrorKind::ReadOnlyFilesystem => Self::ReadOnly(format!("{}: {cause}", what.into())),
            _ => Self::Io { what: what.into(), cause },
        }
    }
}

impl From<sqlx::Error> for Fault {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(answer) => {
                let code = answer.code().and_then(|code| code.parse::<u32>().ok());
                of_code(code.unwrap_or_default(), answer.message())
            }
            sqlx::Error::Io(cause) => Self::io("the database", cause),
            sqlx::Error::PoolTimedOut => Self::Locked,
            error @ (sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) | sqlx::Error::ColumnNotFound(_)) => {
                Self::Damaged(error.to_string())
            }
            other => Self::Database(other.to_string()),
        }
    }
}

/// By SQLite's primary result code (<https://www.sqlite.org/rescode.html>), which is the low byte of
/// the extended one.
fn of_code(code: u32, message: &str) -> Fault {
    // SQLITE_IOERR_SHMSIZE: the file that processes share could not be made larger.
    if code == 4874 {
        return Fault::Full;
    }
    match code & 0xff {
        5 | 6 => Fault::Locked,
        3 | 8 | 14 | 23 => Fault::Unwritable(message.to_owned()),
        10 => Fault::Io { what: "the database".into(), cause: io::Error::other(message.to_owned()) },
        11 => Fault::Damaged(message.to_owned()),
        13 => Fault::Full,
        26 => Fault::NotADatabase,
        _ => Fault::Database(message.to_owned()),
    }
}

/// A migration that did not go through. Newer files are told apart before one is tried.
pub(super) fn of_migration(error: MigrateError) -> Fault {
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => error.into(),
        MigrateError::VersionMismatch(version) => {
            Fault::Foreign(format!("its migration {version} is not the one of rosterd"))
        }
        other => Fault::Damaged(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn result_codes_are_told_apart() {
        let word = |code| of_code(code, "x").to_string();
        assert_eq!(word(5), "another process keeps it locked");
        assert_eq!(word(517), "another process keeps it locked", "an extended code");
        assert_eq!(word(13), "the disk is full");
        assert_eq!(word(4874), "the disk is full", "no room for the file beside it");
        assert_eq!(word(8), "it cannot be written: x");
        assert_eq!(word(11), "it is damaged: x");
        assert_eq!(word(26), "it is not a database");
        assert_eq!(word(1), "unexpected answer of the database: x");
    }
}
