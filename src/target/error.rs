//! Floor 2: what can go wrong with Hyperproof, and what to do about it.

use jiff::{Timestamp, Unit};

use crate::tls::TlsError;

/// A failure of a call, or of a read as a whole. No text in it holds a secret or an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// No usable answer came: the connection failed or was cut, a deadline passed, or the server
    /// kept failing (408, 5xx).
    #[error("{call}: {why}")]
    Unreachable {
        /// Method and path.
        call: String,
        /// The last failure.
        why: String,
    },
    /// The sign-in was refused, or a fresh token was.
    #[error("{call}: the sign-in was refused: {message}")]
    Auth {
        /// Method and path.
        call: String,
        /// What the server said.
        message: String,
    },
    /// The account may not do this.
    #[error("{call}: permission refused: {message}")]
    Forbidden {
        /// Method and path.
        call: String,
        /// What the server said.
        message: String,
    },
    /// The server said to wait, longer than `max_wait` or more often than `max_attempts`.
    #[error("Hyperproof throttles until {}", whole_seconds(*until))]
    Throttled {
        /// No call before then.
        until: Timestamp,
    },
    /// The run was asked to stop before the call was sent.
    #[error("{call}: the run was asked to stop")]
    Stopped {
        /// Method and path.
        call: String,
    },
    /// An answer that repeating will not change (4xx, 3xx).
    #[error("{call}: refused with status {status}: {message}")]
    Refused {
        /// Method and path.
        call: String,
        /// The HTTP status.
        status: u16,
        /// What the server said.
        message: String,
    },
    /// The answers contradict each other or what is known: nothing may rest on them.
    #[error("{what}")]
    Unbelievable {
        /// The contradiction.
        what: String,
        /// What to do.
        help: &'static str,
    },
    /// The answer is not what the API sends.
    #[error("{call}: {why}")]
    Decode {
        /// Method and path.
        call: String,
        /// What is wrong with it.
        why: String,
    },
    /// No connection that could be trusted.
    #[error("{what}")]
    Tls {
        /// What is wrong.
        what: String,
        /// What to do.
        help: &'static str,
    },
    /// A setting that cannot be used.
    #[error("hyperproof.{key}: {why}")]
    Setting {
        /// The key.
        key: &'static str,
        /// What is wrong with it.
        why: String,
    },
}

fn whole_seconds(time: Timestamp) -> Timestamp {
    time.round(Unit::Second).unwrap_or(time)
}

impl TargetError {
    /// Whether Hyperproof's throttling is the reason.
    pub fn is_throttled(&self) -> bool {
        self.until().is_some()
    }

    /// Until when Hyperproof wants no calls.
    pub fn until(&self) -> Option<Timestamp> {
        match self {
            Self::Throttled { until } => Some(*until),
            _ => None,
        }
    }

    /// Whether no further call can go through in this run: the sign-in is refused, the throttling
    /// outlasts the run's patience, or somebody asked it to stop.
    pub fn stops_the_run(&self) -> bool {
        matches!(self, Self::Auth { .. } | Self::Throttled { .. } | Self::Tls { .. } | Self::Stopped { .. })
    }

    /// What to do about it.
    pub fn help(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => {
                "are api_url and token_url right, and can this machine reach them (proxy, firewall)? otherwise the next run tries again"
            }
            Self::Auth { .. } => {
                "check client_id, client_secret and token_url, and that API clients are switched on for the organisation"
            }
            Self::Forbidden { .. } => {
                "give the service account a role that may manage groups (administrator or compliance manager), and the scopes group.read, group.update and user.read"
            }
            Self::Throttled { .. } => "the next run after that goes on; lower requests_per_minute if this comes often",
            Self::Stopped { .. } => "the next run goes on",
            Self::Refused { status: 300..=399, .. } => "the address redirects: set api_url to where it points",
            Self::Refused { call, status: 404, .. } if call.starts_with("GET ") => {
                "is api_url the base of the API (with its version, such as /v1)? the message is the server's"
            }
            Self::Refused { .. } => "the message is the server's; `rosterd plan` shows what is still to do",
            Self::Unbelievable { help, .. } | Self::Tls { help, .. } => help,
            Self::Decode { .. } => "is api_url the base of the API, and does no proxy answer in its place?",
            Self::Setting { .. } => "mend the configuration",
        }
    }
}

impl From<TlsError> for TargetError {
    fn from(error: TlsError) -> Self {
        Self::Tls { help: error.help(), what: error.to_string() }
    }
}
