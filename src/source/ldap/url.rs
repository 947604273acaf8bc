//! The search that a dynamic group is (`memberURL`): an LDAP URL (RFC 4516). Floor 2, pure.

use ldap3::Scope;

/// A search on the server itself.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Url {
    /// Where.
    pub(super) base: String,
    /// How deep; one entry, where the URL does not say.
    pub(super) scope: Scope,
    /// Which entries.
    pub(super) filter: String,
}

/// Reads `ldap:///base?attributes?scope?filter`. None for a search on another server, for one that
/// asks for an extension, and for what is no such thing.
pub(super) fn parse(text: &str) -> Option<Url> {
    let scheme = text.get(..8).filter(|scheme| scheme.eq_ignore_ascii_case("ldap:///"))?;
    let mut parts = text.get(scheme.len()..)?.split('?');
    let mut next = || decoded(parts.next().unwrap_or_default());
    let base = next()?;
    let _attributes = next()?;
    let scope = match next()?.to_ascii_lowercase().as_str() {
        "" | "base" => Scope::Base,
        "one" => Scope::OneLevel,
        "sub" => Scope::Subtree,
        _ => return None,
    };
    let filter = Some(next()?).filter(|filter| !filter.is_empty()).unwrap_or_else(|| "(objectClass=*)".to_owned());
    if parts.next().is_some_and(|extensions| !extensions.is_empty()) || ldap3::parse_filter(&filter).is_err() {
        return None;
    }
    let filter = if filter.starts_with('(') { filter } else { format!("({filter})") };
    Some(Url { base, scope, filter })
}

fn decoded(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let digit = |at: usize| bytes.get(at).and_then(|digit| char::from(*digit).to_digit(16));
        out.push(u8::try_from(digit(at)? << 4 | digit(at + 1)?).ok()?);
        at += 2;
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn searches_are_read() {
        let url = parse("ldap:///ou=People,dc=x??sub?(employeeType=%61)").unwrap();
        assert_eq!(
            url,
            Url { base: "ou=People,dc=x".into(), scope: Scope::Subtree, filter: "(employeeType=a)".into() }
        );
        assert_eq!(parse("LDAP:///dc=x").unwrap().scope, Scope::Base);
        for text in [
            "ldap://other/dc=x??sub",
            "dc=x",
            "ldap:///dc=x??all",
            "ldap:///dc=x??sub?(a=",
            "ldap:///dc=%zz",
            "ldap:///d??sub?(a=b)?!x",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_is_too_odd(text in "\\PC{0,30}|ldap:///\\PC{0,30}") {
            let _ = parse(&text);
        }

        #[test]
        fn no_bytes_are_too_odd(bytes in prop::collection::vec(any::<u8>(), 0..40), text in "[a-c=%0-9()?&|!*,: ]{0,40}") {
            let _ = parse(&format!("ldap:///{}", String::from_utf8_lossy(&bytes)));
            let _ = parse(&format!("ldap:///dc=x??sub?{text}"));
            // What is taken is a part of a filter, and cannot be more than that.
            if let Some(url) = parse(&format!("ldap:///{text}")) {
                let part = format!("(&(objectClass=person){})", url.filter);
                prop_assert!(ldap3::parse_filter(&part).is_ok(), "{}", part);
            }
        }
    }
}
