//! Why a run could not be made at all. (That something could not be read, or was refused, is no error
//! here: it is an outcome, with a report.)

use crate::store::{Fault, StoreError};
use crate::target::TargetError;

/// A run that ended without a report.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The state file.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The client for Hyperproof could not be built.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// `--group` names what no mapping yields.
    #[error("no mapping yields a target group named {}", names.join(", "))]
    UnknownGroup {
        /// The names.
        names: Vec<String>,
    },
    /// A mere look could not read Hyperproof.
    #[error("Hyperproof was not read: {why}")]
    Unread {
        /// Why.
        why: String,
        /// What to do about it.
        help: String,
    },
}

impl RunError {
    /// The exit code: 2 where the configuration or what was typed has to change, else 1.
    pub fn exit(&self) -> u8 {
        match self {
            Self::Store(StoreError { fault: Fault::OtherOrganisation { .. }, .. }) => 2,
            Self::Store(_) => 1,
            Self::Target(_) | Self::UnknownGroup { .. } => 2,
            Self::Unread { .. } => 13,
        }
    }

    /// What to do about it.
    pub fn help(&self) -> String {
        match self {
            Self::Store(error) => error.help().to_owned(),
            Self::Target(error) => error.help().to_owned(),
            Self::Unread { help, .. } => help.clone(),
            Self::UnknownGroup { .. } => "use the name of `to`, or of a [group.\"…\"] table".to_owned(),
        }
    }
}
