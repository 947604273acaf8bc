//! What can go wrong in a conversation with a directory server, and whether asking again may help.
//! Floor 2.

use std::fmt;

use crate::model::problem::Problem;

/// A failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    text: String,
    help: Option<String>,
    /// The server's result code (RFC 4511, appendix A), where it gave one.
    pub(super) code: Option<u32>,
    /// A new connection may help.
    pub(super) again: bool,
    /// The server has a directory of before. It is told, whatever becomes of other servers.
    pub(super) behind: bool,
}

impl Fault {
    /// A failure that another attempt would not mend.
    pub(super) fn lasting(text: impl Into<String>, help: impl Into<String>) -> Self {
        Self { text: text.into(), help: Some(help.into()), code: None, again: false, behind: false }
    }

    /// A failure that a new connection may mend.
    pub(super) fn passing(text: impl Into<String>) -> Self {
        Self { text: text.into(), help: None, code: None, again: true, behind: false }
    }

    /// A server that another one may stand in for: what it has is older than what was read before.
    pub(super) fn behind(text: impl Into<String>, help: impl Into<String>) -> Self {
        Self { behind: true, ..Self::passing(text).help(help) }
    }

    /// What a result code of the server says, other than success.
    pub(super) fn of_code(what: &str, code: u32, message: &str) -> Self {
        let message: String = message.chars().filter(|c| !c.is_control()).take(200).collect();
        let said = if message.is_empty() { String::new() } else { format!(": {message}") };
        Self {
            text: format!("{what}: the server answered {} ({code}){said}", word(code)),
            help: help(code).map(str::to_owned),
            code: Some(code),
            again: matches!(code, 51 | 52 | 80),
            behind: false,
        }
    }

    /// Says in front where it happened.
    pub(super) fn at(mut self, place: &impl fmt::Display) -> Self {
        self.text = format!("{place}: {}", self.text);
        self
    }

    /// Replaces the advice.
    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Whether the server has a limit that was met: of time, of size, or one of its administrator's.
    pub(super) fn is_limit(&self) -> bool {
        matches!(self.code, Some(3 | 4 | 11))
    }

    /// As a finding of the source.
    pub(super) fn problem(self, place: impl Into<String>) -> Problem {
        let problem = Problem::new(place, self.text);
        match self.help {
            Some(help) => problem.help(help),
            None => problem,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The name of a result code.
fn word(code: u32) -> &'static str {
    match code {
        1 => "operations error",
        2 => "protocol error",
        3 => "time limit exceeded",
        4 => "size limit exceeded",
        7 => "sign-in method not supported",
        8 => "stronger sign-in required",
        10 => "referral",
        11 => "administrative limit exceeded",
        13 => "confidentiality required",
        32 => "no such object",
        34 => "invalid name",
        48 => "inappropriate sign-in",
        49 => "invalid credentials",
        50 => "insufficient rights",
        51 => "busy",
        52 => "unavailable",
        53 => "unwilling to perform",
        80 => "other error",
        _ => "result code",
    }
}

fn help(code: u32) -> Option<&'static str> {
    Some(match code {
        3 => "raise the server's time limit for the bind account, or index the attributes of the filter",
        4 | 11 => {
            "raise the server's limits for the bind account (OpenLDAP: limits … size.prtotal=unlimited; 389 Directory Server: nsSizeLimit and nsLookThroughLimit of its entry), or lower page_size"
        }
        8 | 13 => "use ldaps://, or start_tls = true",
        10 => {
            "the server does not hold that part of the directory: name one that does (Active Directory: the global catalogue, port 3268 or 3269), or a base within its naming contexts"
        }
        32 => "the base is spelt wrong, or the bind account may not see it",
        34 => "it is not a distinguished name, such as \"ou=People,dc=corp,dc=example\"",
        48 | 49 => {
            "check bind_dn and bind_password (Active Directory: locked out, expired and disabled accounts answer so as well)"
        }
        50 => "give the bind account the right to read there",
        1 => "sign in first: set bind_dn and bind_password",
        _ => return None,
    })
}
