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
    /// A defect of rosterd.
    #[error("the run ended in a way that nobody foresaw: {0}")]
    Panicked(String),
    /// Asked to stop, it did not come to its end in time.
    #[error("the run was asked to stop, did not end in time, and was left")]
    Left,
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
    /// What a panic left behind.
    pub fn panicked(panic: &(dyn std::any::Any + Send)) -> Self {
        let text = panic.downcast_ref::<&str>().copied();
        let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        Self::Panicked(text.unwrap_or("no message").to_owned())
    }

    /// The exit code: 2 where the configuration or what was typed has to change, else 1.
    pub fn exit(&self) -> u8 {
        match self {
            Self::Store(StoreError { fault: Fault::OtherOrganisation { .. }, .. }) => 2,
            Self::Store(_) | Self::Panicked(_) | Self::Left => 1,
            Self::Target(_) | Self::UnknownGroup { .. } => 2,
            Self::Unread { .. } => 13,
        }
    }

    /// What to do about it.
    pub fn help(&self) -> String {
        match self {
            Self::Store(error) => error.help().to_owned(),
            Self::Target(error) => error.help().to_owned(),
            Self::Panicked(_) => {
                "this is a defect of rosterd: report it with the log; what was begun is settled by the next run"
                    .to_owned()
            }
            Self::Left => "the next run settles what it began".to_owned(),
            Self::Unread { help, .. } => help.clone(),
            Self::UnknownGroup { .. } => "use the name of `to`, or of a [group.\"…\"] table".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_a_failed_run() {
        let texts = [
            std::panic::catch_unwind(|| std::panic::panic_any("a word")),
            std::panic::catch_unwind(|| std::panic::panic_any(String::from("a word"))),
        ];
        for panic in texts {
            let error = RunError::panicked(&*panic.unwrap_err());
            assert_eq!(error.to_string(), "the run ended in a way that nobody foresaw: a word");
            assert_eq!(error.exit(), 1);
        }
        let panic = std::panic::catch_unwind(|| std::panic::panic_any(7)).unwrap_err();
        assert!(RunError::panicked(&*panic).to_string().ends_with("no message"));
    }
}
