//! Who may see what: the token, and the names by which the page may be called. Floor 4, pure.

use std::net::{IpAddr, Ipv6Addr};

use axum::http::header::{AUTHORIZATION, HOST};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Uri, Version};
use subtle::ConstantTimeEq;

use crate::secret::Secret;

/// Who may look in.
#[derive(Debug, Clone)]
pub struct Access {
    token: Option<Secret>,
}

impl Access {
    /// Those who show the token; without one, everybody who can reach the address. An empty token is
    /// none.
    pub fn new(token: Option<Secret>) -> Self {
        Self { token: token.filter(|token| !token.expose().is_empty()) }
    }

    /// Whether no token is needed.
    pub(super) fn is_open(&self) -> bool {
        self.token.is_none()
    }

    /// Whether a request may see everything.
    pub(super) fn admits(&self, headers: &HeaderMap) -> bool {
        let Some(token) = &self.token else { return true };
        let mut shown = headers.get_all(AUTHORIZATION).iter();
        let (Some(first), None) = (shown.next(), shown.next()) else { return false };
        // The scheme is compared without case (RFC 9110, section 11.1).
        let bearer = match first.as_bytes().split_at_checked(7) {
            Some((scheme, bearer)) if scheme.eq_ignore_ascii_case(b"bearer ") => bearer,
            _ => return false,
        };
        // As long as it takes for a token that fits: its time tells nothing of how much of it is right.
        bool::from(bearer.trim_ascii().ct_eq(token.expose().as_bytes()))
    }

    /// Whether the request means this address. A web page can have its own name resolve to 127.0.0.1 and
    /// read what is served there; its requests bear its name. Where a token is needed, it protects.
    pub(super) fn is_meant(&self, version: Version, uri: &Uri, headers: &HeaderMap) -> bool {
        if !self.is_open() {
            return true;
        }
        let mut hosts = headers.get_all(HOST).iter();
        let host = match (hosts.next(), hosts.next()) {
            (Some(host), None) => host.to_str().ok().and_then(|host| host.parse::<Authority>().ok()),
            // Browsers never leave it out; simple health checks do, with HTTP/1.0.
            (None, _) => return version < Version::HTTP_11 && uri.host().is_none_or(is_here),
            (Some(_), Some(_)) => None,
        };
        host.is_some_and(|host| is_here(host.host())) && uri.host().is_none_or(is_here)
    }
}

/// Whether a name can only mean this machine.
fn is_here(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    match bare {
        Some(address) => address.parse::<Ipv6Addr>().is_ok_and(|address| address.is_loopback()),
        None => host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_here() {
        for host in ["localhost", "LOCALHOST", "127.0.0.1", "127.8.8.8", "[::1]"] {
            assert!(is_here(host), "{host}");
        }
        for host in ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "10.0.0.1", "[fe80::1]", ""] {
            assert!(!is_here(host), "{host}");
        }
    }

    #[test]
    fn a_token_must_be_shown_whole_and_once() {
        let access = Access::new(Some(Secret::new("s3cret".into())));
        let shows = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(AUTHORIZATION, value.parse().unwrap());
            }
            access.admits(&headers)
        };
        assert!(shows(&["Bearer s3cret"]) && shows(&["bearer  s3cret "]));
        let wrong: [&[&str]; 7] = [
            &[],
            &["Bearer"],
            &["Bearer "],
            &["Bearer s3cre"],
            &["Bearer s3cret2"],
            &["Basic s3cret"],
            &["Bearer s3cret", "Bearer s3cret"],
        ];
        for values in wrong {
            assert!(!shows(values), "{values:?}");
        }
        assert!(Access::new(Some(Secret::new(String::new()))).is_open(), "nothing is no token");
    }
}
