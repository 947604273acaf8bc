//! Addresses of servers: `ldaps://host:port`, `ldap://…`, `ldapi://%2Frun%2Fslapd.sock`. Floor 2, pure.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

/// A server, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Server {
    /// `ldaps://`: TLS from the first byte.
    Tls(Host),
    /// `ldap://`: clear, or TLS after StartTLS.
    Plain(Host),
    /// `ldapi://`: a socket on this machine.
    Socket(PathBuf),
}

/// A machine and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// A name or an IP address, without brackets.
    pub name: String,
    /// The port.
    pub port: u16,
}

/// Why a text is no address of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Neither ldaps, ldap nor ldapi.
    #[error("must begin with ldaps://, ldap:// or ldapi://")]
    Scheme,
    /// Nothing behind the scheme.
    #[error("names no host")]
    NoHost,
    /// A path, a query, a user.
    #[error("has more than host and port")]
    More,
    /// Not a number from 1 to 65535.
    #[error("has a port that is no number from 1 to 65535")]
    Port,
    /// ldapi without an absolute path.
    #[error("names no socket")]
    Socket,
}

impl AddressError {
    /// What to do.
    pub fn help(self) -> &'static str {
        match self {
            Self::Socket => "write the path with %2F for each slash, such as \"ldapi://%2Frun%2Fslapd%2Fldapi\"",
            _ => {
                "such as \"ldaps://dc1.corp.example\" or \"ldaps://dc1.corp.example:636\"; bases and filters have keys of their own"
            }
        }
    }
}

impl Server {
    /// Reads an address.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let (scheme, rest) = text.trim().split_once("://").ok_or(AddressError::Scheme)?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        match scheme.to_ascii_lowercase().as_str() {
            "ldaps" => Ok(Self::Tls(Host::parse(rest, 636)?)),
            "ldap" => Ok(Self::Plain(Host::parse(rest, 389)?)),
            "ldapi" => {
                let path = decoded(rest).filter(|path| path.starts_with('/')).ok_or(AddressError::Socket)?;
                Ok(Self::Socket(path.into()))
            }
            _ => Err(AddressError::Scheme),
        }
    }

    /// Whether what is sent stays on this machine.
    pub fn is_local(&self) -> bool {
        match self {
            Self::Tls(host) | Self::Plain(host) => host.is_loopback(),
            Self::Socket(_) => true,
        }
    }
}

impl Host {
    fn parse(text: &str, default: u16) -> Result<Self, AddressError> {
        if text.contains(['/', '?', '#', '@', '\\']) || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(AddressError::More);
        }
        let (name, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (name, behind) = rest.split_once(']').ok_or(AddressError::NoHost)?;
                name.parse::<std::net::Ipv6Addr>().map_err(|_| AddressError::NoHost)?;
                match behind {
                    "" => (name, None),
                    behind => (name, Some(behind.strip_prefix(':').ok_or(AddressError::Port)?)),
                }
            }
            None => text.split_once(':').map_or((text, None), |(name, port)| (name, Some(port))),
        };
        let port = match port {
            None => default,
            Some(port) => port.parse().ok().filter(|port| *port > 0).ok_or(AddressError::Port)?,
        };
        if name.is_empty() {
            return Err(AddressError::NoHost);
        }
        Ok(Self { name: name.to_owned(), port })
    }

    fn is_loopback(&self) -> bool {
        self.name.eq_ignore_ascii_case("localhost")
            || self.name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, host) = match self {
            Self::Tls(host) => ("ldaps", host),
            Self::Plain(host) => ("ldap", host),
            Self::Socket(path) => return write!(f, "ldapi://{}", path.display().to_string().replace('/', "%2F")),
        };
        match host.name.contains(':') {
            true => write!(f, "{scheme}://[{}]:{}", host.name, host.port),
            false => write!(f, "{scheme}://{}:{}", host.name, host.port),
        }
    }
}

fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let mut digit = || rest.next().and_then(|digit| char::from(digit).to_digit(16));
                u8::try_from(digit()? << 4 | digit()?).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok().filter(|text| !text.contains('\0'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses_are_read_and_shown() {
        for (text, shown) in [
            ("ldaps://dc1.corp.example", "ldaps://dc1.corp.example:636"),
            ("LDAP://dc1:3268/", "ldap://dc1:3268"),
            ("ldaps://[::1]", "ldaps://[::1]:636"),
            ("ldapi://%2Frun%2Fslapd.sock", "ldapi://%2Frun%2Fslapd.sock"),
        ] {
            let server = Server::parse(text).unwrap();
            assert_eq!(server.to_string(), shown);
            assert_eq!(Server::parse(shown), Ok(server));
        }
        for (text, local) in
            [("ldap://localhost", true), ("ldap://127.0.0.9:1", true), ("ldap://[::1]", true), ("ldap://dc1", false)]
        {
            assert_eq!(Server::parse(text).unwrap().is_local(), local, "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        use AddressError as E;
        for (text, error) in [
            ("dc1.corp.example", E::Scheme),
            ("https://dc1", E::Scheme),
            ("ldap:///dc=x", E::More),
            ("ldaps://", E::NoHost),
            ("ldaps://u@dc1", E::More),
            ("ldaps://dc1:0", E::Port),
            ("ldaps://::1", E::Port),
            ("ldapi://run", E::Socket),
            ("ldapi://", E::Socket),
        ] {
            assert_eq!(Server::parse(text), Err(error), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_is_too_odd(text in "\\PC{0,30}|ldap[si]?://\\PC{0,20}") {
            if let Ok(server) = Server::parse(&text) {
                prop_assert!(!server.to_string().is_empty());
            }
        }
    }
}
