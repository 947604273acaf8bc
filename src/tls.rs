//! Floor 1: every rustls client configuration is built here, with the one provider named.

use std::path::PathBuf;

/// Whom to trust.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trust {
    /// PEM file of authorities that take the place of the system's.
    pub ca_file: Option<PathBuf>,
}
