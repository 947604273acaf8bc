//! Floor 2: Hyperproof. Reader and writer are different types: code that must not write is not given
//! a writer.
//!
//! Every request goes through `client` (which adds the token) and `http` (deadline, pacing, the only
//! retry layer). What the API sends and takes is in [`wire`]; what an answer means is decided by pure
//! functions (`outcome`, `retry`, `shown`, `member_id`, `standing`).

mod body;
mod client;
mod connect;
mod error;
mod group_write;
mod http;
mod lenient;
mod live;
mod member_id;
mod member_write;
mod outcome;
mod pace;
mod patience;
mod reader;
mod redact;
mod request;
mod retry;
mod shown;
mod standing;
mod token;
mod unproven;
pub mod wire;
mod writer;

use std::time::Duration;

pub use client::{CallCounts, Client};
pub use error::TargetError;
pub use live::{Draft, Known, Listed, Lists};
pub use reader::{Found, Reader};
pub use unproven::{Sent, Unproven};
pub use writer::{CallRecord, Created, LeadWritten, MemberResult, Writer, Written};

use crate::model::live::MemberIdKind;
use crate::secret::Secret;
use crate::tls::Trust;

/// `[hyperproof]`, checked.
#[derive(Debug, Clone)]
pub struct Settings {
    /// API base without a trailing slash, such as `https://api.hyperproof.app/v1`.
    pub api_url: String,
    /// Where tokens come from.
    pub token_url: String,
    /// OAuth client id.
    pub client_id: String,
    /// OAuth client secret.
    pub client_secret: Secret,
    /// Sent with the token request when set.
    pub scope: Option<String>,
    /// Which id groups hold; none: found out.
    pub member_id: Option<MemberIdKind>,
    /// Our own budget of calls.
    pub requests_per_minute: u32,
    /// Calls that may go at once.
    pub burst: u32,
    /// Calls under way at the same time.
    pub concurrency: usize,
    /// One attempt's deadline.
    pub timeout: Duration,
    /// Attempts of one call, the first included.
    pub max_attempts: u32,
    /// The first wait before a call is repeated where the server names none; it doubles from there.
    /// Internal: no key of the configuration sets it, [`Settings::BACKOFF`] is its value.
    pub backoff: Duration,
    /// A longer wait ends the run as throttled.
    pub max_wait: Duration,
    /// Account types that may be added and removed.
    pub eligible_types: Vec<String>,
    /// An explicit proxy; none: the environment's.
    pub proxy: Option<String>,
    /// Whom to trust.
    pub trust: Trust,
}

impl Settings {
    /// A throttle cannot last longer than this; a time further away comes from a clock that was wrong.
    pub const LONGEST_THROTTLE: Duration = retry::LONGEST_ASKED.saturating_add(Duration::from_secs(3600));

    /// The first wait before a call is repeated.
    pub const BACKOFF: Duration = Duration::from_secs(1);
}
