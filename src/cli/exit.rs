//! Exit codes: a public table that scripts and timers rely on, and how runs and faults map to it.

use std::fmt;
use std::process::ExitCode;

/// How the process ends. Ordered by code, so that of several the largest wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Exit {
    /// In step, or applied completely.
    Fine = 0,
    /// Unexpected failure: nothing was sent after it.
    Failed = 1,
    /// Usage or configuration error, or an unknown id.
    Usage = 2,
    /// `plan --exit-code`: changes are pending.
    Pending = 10,
    /// Finished, and the guard holds something.
    Held = 11,
    /// Some changes failed, were cut off, or could not be made.
    Partly = 12,
    /// A source or Hyperproof could not be read completely.
    Unread = 13,
    /// Another run is under way.
    Busy = 14,
    /// `audit verify`: the log does not verify.
    Unverified = 15,
}

impl Exit {
    /// Every code, in order.
    pub const ALL: [Exit; 9] = [
        Exit::Fine,
        Exit::Failed,
        Exit::Usage,
        Exit::Pending,
        Exit::Held,
        Exit::Partly,
        Exit::Unread,
        Exit::Busy,
        Exit::Unverified,
    ];

    /// The code.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The exit with this code.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|exit| exit.code() == code)
    }

    /// The exit of a run, which knows its own code.
    pub fn of(code: u8) -> Self {
        Self::from_code(code).unwrap_or(Self::Failed)
    }

    /// What the code means, for the help and the man page.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Fine => "in step, or applied completely (skips are no failure)",
            Self::Failed => "unexpected failure; nothing was sent after it",
            Self::Usage => "usage or configuration error, unknown id",
            Self::Pending => "plan --exit-code: changes are pending",
            Self::Held => "finished, and the guard holds something",
            Self::Partly => "some changes failed, were cut off, or could not be made",
            Self::Unread => "a source or Hyperproof could not be read completely",
            Self::Busy => "another run is under way",
            Self::Unverified => "audit verify: the log does not verify",
        }
    }

    /// The table of the help and the man page.
    pub fn table() -> String {
        let lines = Self::ALL.map(|exit| format!("  {:>2}  {}", exit.code(), exit.meaning()));
        format!("Exit codes:\n{}\nOf several of 10 to 13 the highest wins.", lines.join("\n"))
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// Why a command could not do what it was asked to, with the exit code that says so.
#[derive(Debug)]
pub struct Fault {
    /// The exit code.
    pub exit: Exit,
    /// What went wrong, with its causes.
    pub error: anyhow::Error,
}

impl Fault {
    /// A fault with this exit code.
    pub fn new(exit: Exit, error: impl Into<anyhow::Error>) -> Self {
        Self { exit, error: error.into() }
    }

    /// A mistake in what was typed or configured.
    pub fn usage(error: impl Into<anyhow::Error>) -> Self {
        Self::new(Exit::Usage, error)
    }
}

/// What nobody expected is [`Exit::Failed`].
impl From<anyhow::Error> for Fault {
    fn from(error: anyhow::Error) -> Self {
        Self::new(Exit::Failed, error)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_exits_are_one_to_one() {
        for exit in Exit::ALL {
            assert_eq!(Exit::from_code(exit.code()), Some(exit));
        }
        assert_eq!(Exit::ALL.map(Exit::code), [0, 1, 2, 10, 11, 12, 13, 14, 15]);
        assert!(Exit::ALL.is_sorted());
        assert_eq!(Exit::from_code(3), None);
    }
}
