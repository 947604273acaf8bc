//! Why a notice was not delivered. Floor 2.
//!
//! A hook's address is a secret, and what a server answers was written by somebody else: neither gets
//! into an error as it is.

use std::error::Error;

use crate::tls::{self, TlsError};

/// An attempt that failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct NoticeError {
    /// What went wrong: no address, no secret.
    pub what: String,
    /// Whether it can be otherwise the next time. A receiver that is gone or refuses us may be mended;
    /// a message that is refused for what it is stays refused.
    pub retryable: bool,
}

impl NoticeError {
    /// A failure that may pass.
    pub(super) fn again(what: impl Into<String>) -> Self {
        Self { what: what.into(), retryable: true }
    }

    /// A failure that stays.
    pub(super) fn lasting(what: impl Into<String>) -> Self {
        Self { what: what.into(), retryable: false }
    }

    /// A refused certificate with its sentence, where that is what went wrong.
    pub(super) fn of_tls(error: &(dyn Error + 'static)) -> Option<Self> {
        let refusal = tls::explain(error)?;
        Some(Self::again(format!("{} (help: {})", refusal.what, refusal.help)))
    }
}

impl From<TlsError> for NoticeError {
    fn from(error: TlsError) -> Self {
        Self::again(format!("{error} (help: {})", error.help()))
    }
}

/// Longest quotation, in characters.
const LONGEST: usize = 160;

/// A few words of an answer, in one line: none that has an address in it, or a part of a secret.
pub(super) fn quote(answer: &str, secrets: &[&str]) -> String {
    let answer: String = answer.chars().take(4096).collect();
    let parts: Vec<&str> =
        secrets.iter().flat_map(|secret| secret.split(['/', '?', '&', '='])).filter(|part| part.len() >= 4).collect();
    let is_safe = |word: &&str| {
        !word.contains(['@', '/', '=', '<', '>'])
            && word.len() <= 32
            && !word.chars().any(char::is_control)
            && !parts.iter().any(|part| word.contains(part))
    };
    let words: Vec<&str> = answer.split_whitespace().filter(is_safe).collect();
    words.join(" ").chars().take(LONGEST).collect()
}

/// The innermost cause, which is what helps; layers above it name the address, or nothing.
pub(super) fn cause(error: &(dyn Error + 'static)) -> String {
    let mut inmost = error;
    while let Some(next) = inmost.source() {
        inmost = next;
    }
    let text = inmost.to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quotation_gives_nothing_away() {
        let secret = "https://hooks.example/services/T00AAAA/B00BBBB/s3cr3ts3cr3t?sig=abcd";
        let cases = [
            ("no_service", "no_service"),
            ("invalid\r\n\u{1b}[31mpayload", "invalid"),
            ("token s3cr3ts3cr3t is unknown", "token is unknown"),
            ("T00AAAA/B00BBBB gone", "gone"),
            ("signature abcd!", "signature"),
            ("550 5.1.1 <grc@corp.example>: Recipient address rejected", "550 5.1.1 Recipient address rejected"),
            ("", ""),
        ];
        for (answer, expected) in cases {
            assert_eq!(quote(answer, &[secret]), expected, "{answer}");
        }
        assert!(quote(&"word ".repeat(1000), &[]).len() <= LONGEST);
    }
}
