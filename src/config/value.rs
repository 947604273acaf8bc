//! Single values: durations, web addresses, delimiters.

use std::time::Duration;

use url::{Host, Url};

/// A hundred years: what is longer is a slip, and could not be added to a time.
const LONGEST: Duration = Duration::from_secs(36_525 * 24 * 3600);

/// Reads a duration: whole numbers with the units ms, s, m, h and d, the largest first, such as
/// `"15m"` or `"1h 30m"`. None if it is not one.
pub fn duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut last = None;
    let mut total = Duration::ZERO;
    while !rest.is_empty() || last.is_none() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, behind) = rest.split_at_checked(digits)?;
        let letters = behind.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(behind.len());
        let (unit, behind) = behind.split_at_checked(letters)?;
        let millis: u64 = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        if last.is_some_and(|last| millis >= last) {
            return None;
        }
        last = Some(millis);
        let part = Duration::from_millis(number.parse::<u64>().ok()?.checked_mul(millis)?);
        total = total.checked_add(part).filter(|total| *total <= LONGEST)?;
        rest = behind.trim_start();
    }
    Some(total)
}

/// A duration as the configuration would say it, in its largest whole units.
pub(super) fn show(duration: Duration) -> String {
    let mut millis = duration.as_millis();
    let mut parts = Vec::new();
    for (unit, size) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)] {
        if millis >= size {
            parts.push(format!("{}{unit}", millis / size));
            millis %= size;
        }
    }
    if parts.is_empty() { "0s".to_owned() } else { parts.join(" ") }
}

/// Why a text is no address of a web service. It never quotes the address, which may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum UrlError {
    /// Not an absolute address.
    #[error("is not a web address")]
    Shape,
    /// Neither http nor https.
    #[error("must begin with https://")]
    Scheme,
    /// http to another machine.
    #[error("is plain http:// to another machine, which sends everything in clear")]
    Plain,
    /// Name or password before the host.
    #[error("holds a user name or a password")]
    User,
    /// Something behind `?` or `#`.
    #[error("has a query (?) or a fragment (#)")]
    Query,
}

impl UrlError {
    /// What to do.
    pub(super) fn help(self) -> &'static str {
        match self {
            Self::Shape => "write it in full, such as \"https://api.hyperproof.app/v1\"",
            Self::Scheme | Self::Plain => {
                "use https://; plain http:// is taken for 127.0.0.0/8, ::1 and localhost only"
            }
            Self::User => "take it out of the address: secrets are never inline",
            Self::Query => "write the address without it",
        }
    }
}

/// Reads the address of a web service that rosterd calls: https, or http on this machine.
pub(super) fn service_url(text: &str) -> Result<String, UrlError> {
    let url = web_address(text)?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err(UrlError::Query);
    }
    if url.scheme() == "http" && !is_loopback(&url) {
        return Err(UrlError::Plain);
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// Reads the address of a hook: like [`service_url`], but its query may be the token.
pub(super) fn hook_url(text: &str) -> Result<(), UrlError> {
    let url = web_address(text)?;
    if url.scheme() == "http" && !is_loopback(&url) {
        return Err(UrlError::Plain);
    }
    Ok(())
}

/// Reads the address of a proxy, to which http is what everybody speaks.
pub(super) fn proxy_url(text: &str) -> Result<String, UrlError> {
    let url = web_address(text)?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err(UrlError::Query);
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

fn web_address(text: &str) -> Result<Url, UrlError> {
    // The parser would drop blanks, and take "https:host" and "https:\\host" as well.
    if text.chars().any(|c| c.is_whitespace() || c.is_control() || c == '\\') {
        return Err(UrlError::Shape);
    }
    let url = Url::parse(text).map_err(|_| UrlError::Shape)?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(UrlError::Scheme);
    }
    if url.host().is_none() || !text.contains("://") {
        return Err(UrlError::Shape);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(UrlError::User);
    }
    Ok(url)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// The one character between the fields of a CSV file: ASCII, and none that CSV itself needs. A tab
/// may be written `\t` in a literal string too.
pub(super) fn delimiter(text: &str) -> Option<u8> {
    match text.as_bytes() {
        [b'\\', b't'] => Some(b'\t'),
        [byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r' | 0) => Some(*byte),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations() {
        let good = [
            ("30s", 30_000),
            ("15m", 900_000),
            ("24h", 86_400_000),
            ("400d", 34_560_000_000),
            ("1h 30m", 5_400_000),
            ("1h30m", 5_400_000),
            (" 250ms ", 250),
            ("0m", 0),
        ];
        for (text, millis) in good {
            assert_eq!(duration(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for text in [
            "",
            " ",
            "15",
            "-5m",
            "1.5h",
            "5 m",
            "m",
            "5w",
            "5M",
            "30m 1h",
            "1h 1h",
            "é",
            "5é",
            "99999999999999999999s",
            "36526d",
            "PT5M",
        ] {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    #[test]
    fn web_addresses() {
        let read = |text: &str| service_url(text);
        assert_eq!(read("https://api.hyperproof.app/v1//").unwrap(), "https://api.hyperproof.app/v1");
        for local in [
            "http://127.0.0.1:8080",
            "http://127.9.9.9",
            "http://localhost:1/v1",
            "http://LOCALHOST",
            "http://[::1]:8080",
        ] {
            assert!(read(local).is_ok(), "{local}");
        }
        for remote in [
            "http://api.hyperproof.app",
            "http://10.0.0.1",
            "http://localhost.example",
            "http://[::2]",
            "http://127.0.0.1.example",
        ] {
            assert_eq!(read(remote), Err(UrlError::Plain), "{remote}");
        }
        for (text, error) in [
            ("", UrlError::Shape),
            ("api.hyperproof.app", UrlError::Shape),
            ("https:api.hyperproof.app", UrlError::Shape),
            ("https://a b", UrlError::Shape),
            ("https://", UrlError::Shape),
            ("ftp://host", UrlError::Scheme),
            ("https://me@host", UrlError::User),
            ("https://me:pw@host", UrlError::User),
            ("https://host?x=1", UrlError::Query),
            ("https://host#x", UrlError::Query),
        ] {
            assert_eq!(read(text), Err(error), "{text}");
        }
        assert!(proxy_url("http://proxy.corp.example:3128").is_ok());
        assert_eq!(proxy_url("socks5://proxy.corp.example"), Err(UrlError::Scheme));
        assert_eq!(hook_url("https://hooks.example/x?sig=1"), Ok(()));
        assert_eq!(hook_url("http://hooks.example/x"), Err(UrlError::Plain));
    }

    #[test]
    fn delimiters() {
        assert_eq!(delimiter(","), Some(b','));
        assert_eq!(delimiter("\t"), Some(b'\t'));
        assert_eq!(delimiter("\\t"), Some(b'\t'));
        for text in ["", ",,", "\"", "\n", "é", "\0"] {
            assert_eq!(delimiter(text), None, "{text:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn what_is_shown_reads_back(millis in 0_u64..3_000_000_000_000) {
            let value = Duration::from_millis(millis);
            prop_assert_eq!(duration(&show(value)), Some(value));
        }

        #[test]
        fn random_text_is_no_panic(text in "\\PC{0,20}", near in "[0-9 smhd]{0,12}") {
            let _ = (duration(&text), duration(&near), service_url(&text), delimiter(&text));
        }
    }
}
