//! One entry of an answer, and what its values mean. Floor 2, pure: nothing here fails, and what
//! cannot be understood is as absent.

use std::fmt::Write;

use lber::structure::{PL, StructureTag};

/// An entry: its name as the server spells it, and the attributes that were asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Entry {
    /// The distinguished name.
    pub(super) dn: String,
    attributes: Vec<(String, Vec<Vec<u8>>)>,
}

/// A part of an attribute's values, as Active Directory answers when there are many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    /// Number of the first value of this part.
    pub(super) from: u32,
    /// Number of the first value that was left out; none: the part reaches to the end.
    pub(super) next: Option<u32>,
}

impl Entry {
    /// Takes a search result entry (RFC 4511, section 4.5.2) apart. None when it is none.
    pub(super) fn decode(tag: StructureTag) -> Option<Self> {
        let PL::C(parts) = tag.payload else { return None };
        let mut parts = parts.into_iter();
        let dn = String::from_utf8(primitive(parts.next()?)?).ok()?;
        let PL::C(list) = parts.next()?.payload else { return None };
        let attributes = list.into_iter().map(attribute).collect::<Option<_>>()?;
        Some(Self { dn, attributes })
    }

    /// The values of an attribute, whatever options it bears, but for parts of a range. Names are
    /// compared without case: 389 DS answers in the case of the question, others in their schema's.
    pub(super) fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        let own = self.attributes.iter().filter(move |(own, _)| {
            let (base, options) = own.split_once(';').unwrap_or((own, ""));
            base.eq_ignore_ascii_case(name) && range_of(options).is_none()
        });
        own.flat_map(|(_, values)| values.iter().map(Vec::as_slice))
    }

    /// The values of an attribute that are text.
    pub(super) fn texts<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.values(name).filter_map(|value| std::str::from_utf8(value).ok())
    }

    /// The first text that is more than blanks.
    pub(super) fn text<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.texts(name).map(str::trim).find(|text| !text.is_empty())
    }

    /// The part of an attribute that was answered in place of the whole, with its values.
    pub(super) fn range(&self, name: &str) -> Option<(Range, &[Vec<u8>])> {
        self.attributes.iter().find_map(|(own, values)| {
            let (base, options) = own.split_once(';')?;
            let range = range_of(options).filter(|_| base.eq_ignore_ascii_case(name))?;
            Some((range, values.as_slice()))
        })
    }

    /// Whether some value of the attribute is no text.
    pub(super) fn has_binary(&self, name: &str) -> bool {
        self.values(name).any(|value| std::str::from_utf8(value).is_err())
    }

    #[cfg(test)]
    pub(super) fn of(dn: &str, attributes: &[(&str, &[&str])]) -> Self {
        let own = |values: &[&str]| values.iter().map(|value| value.as_bytes().to_vec()).collect();
        Self {
            dn: dn.to_owned(),
            attributes: attributes.iter().map(|(name, values)| ((*name).to_owned(), own(values))).collect(),
        }
    }
}

fn primitive(tag: StructureTag) -> Option<Vec<u8>> {
    match tag.payload {
        PL::P(bytes) => Some(bytes),
        PL::C(_) => None,
    }
}

fn attribute(tag: StructureTag) -> Option<(String, Vec<Vec<u8>>)> {
    let PL::C(parts) = tag.payload else { return None };
    let mut parts = parts.into_iter();
    let name = String::from_utf8(primitive(parts.next()?)?).ok()?;
    let PL::C(values) = parts.next()?.payload else { return None };
    Some((name, values.into_iter().map(primitive).collect::<Option<_>>()?))
}

/// `range=0-1499` or `range=1500-*` among an attribute's options.
fn range_of(options: &str) -> Option<Range> {
    options.split(';').find_map(|option| {
        let bounds = option.get(..6).filter(|key| key.eq_ignore_ascii_case("range=")).and(option.get(6..))?;
        let (from, to) = bounds.split_once('-')?;
        let next = match to {
            "*" => None,
            to => Some(to.parse::<u32>().ok()?.checked_add(1)?),
        };
        Some(Range { from: from.parse().ok()?, next })
    })
}

/// The text form of an immutable id: of sixteen bytes that of a GUID as Active Directory shows it
/// (MS-DTYP 2.3.4: the first three fields are little-endian), of text the text itself, in lower case.
pub(super) fn id_text(attribute: &str, value: &[u8]) -> Option<String> {
    if attribute.eq_ignore_ascii_case("objectGUID") {
        return guid(value);
    }
    let text = std::str::from_utf8(value).ok()?.trim();
    (!text.is_empty() && !text.contains('\0')).then(|| text.to_ascii_lowercase())
}

fn guid(bytes: &[u8]) -> Option<String> {
    let bytes: [u8; 16] = bytes.try_into().ok()?;
    Some(uuid::Uuid::from_bytes_le(bytes).to_string())
}

/// The value of an id in a search filter, escaped (RFC 4515).
pub(super) fn id_in_filter(attribute: &str, id: &str) -> Option<String> {
    if !attribute.eq_ignore_ascii_case("objectGUID") {
        return Some(escape(id));
    }
    let bytes = uuid::Uuid::parse_str(id).ok()?.to_bytes_le();
    Some(bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "\\{byte:02x}").expect("writing to a String does not fail");
        text
    }))
}

/// A value in a search filter, escaped (RFC 4515).
pub(super) fn escape(value: &str) -> String {
    ldap3::ldap_escape(value).into_owned()
}

/// A security identifier (MS-DTYP 2.4.2): its text form, that of its domain, and its last part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sid {
    /// Everything but the last part: `S-1-5-21-…`.
    pub(super) domain: String,
    /// The last part, the relative identifier.
    pub(super) rid: u32,
}

/// Reads a binary security identifier.
pub(super) fn sid(bytes: &[u8]) -> Option<Sid> {
    let (&[revision, count], rest) = bytes.split_first_chunk::<2>()?;
    let (authority, parts) = rest.split_first_chunk::<6>()?;
    if revision != 1 || count == 0 || parts.len() != usize::from(count) * 4 {
        return None;
    }
    let authority = authority.iter().fold(0u64, |sum, byte| sum << 8 | u64::from(*byte));
    let mut parts: Vec<u32> =
        parts.chunks_exact(4).filter_map(|part| part.try_into().ok()).map(u32::from_le_bytes).collect();
    let rid = parts.pop()?;
    let mut domain = format!("S-1-{authority}");
    for part in parts {
        write!(domain, "-{part}").expect("writing to a String does not fail");
    }
    Some(Sid { domain, rid })
}

/// The address of a value of `proxyAddresses`: of `SMTP:` the primary one (true), of `smtp:` another;
/// every other kind (`x500:`, `SIP:`) is none.
pub(super) fn proxy_address(value: &str) -> Option<(bool, &str)> {
    let (kind, address) = value.split_once(':')?;
    match kind {
        "SMTP" => Some((true, address)),
        kind if kind.eq_ignore_ascii_case("smtp") => Some((false, address)),
        _ => None,
    }
}

/// `uniqueMember` without its optional bit string: `cn=a,dc=x#'0101'B` (RFC 4517, section 3.3.21).
pub(super) fn without_uid(value: &str) -> &str {
    let Some((name, bits)) = value.rsplit_once('#') else { return value };
    let is_bits = bits
        .strip_prefix('\'')
        .and_then(|bits| bits.strip_suffix("'B"))
        .is_some_and(|bits| bits.bytes().all(|bit| matches!(bit, b'0' | b'1')));
    if is_bits { name } else { value }
}

#[cfg(test)]
mod tests {
    use lber::common::TagClass;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn attributes_are_found_in_any_case_and_with_options() {
        let entry =
            Entry::of("cn=g", &[("Mail", &["a@x"]), ("mail;lang-de", &["b@x"]), ("member;range=0-1", &["m", "n"])]);
        assert_eq!(entry.texts("mail").collect::<Vec<_>>(), ["a@x", "b@x"]);
        assert_eq!(entry.texts("member").count(), 0, "a part is never taken for the whole");
        let (range, values) = entry.range("MEMBER").unwrap();
        assert_eq!((range, values.len()), (Range { from: 0, next: Some(2) }, 2));
        let end = Entry::of("cn=g", &[("member", &[]), ("member;Range=1500-*", &["m"])]);
        assert_eq!(end.range("member").unwrap().0, Range { from: 1500, next: None });
    }

    #[test]
    fn a_guid_has_the_form_that_microsoft_shows() {
        let bytes: Vec<u8> = (0u8..16).collect();
        let text = "03020100-0504-0706-0809-0a0b0c0d0e0f";
        assert_eq!(id_text("objectguid", &bytes).unwrap(), text);
        assert_eq!(
            id_in_filter("objectGUID", text).unwrap(),
            "\\00\\01\\02\\03\\04\\05\\06\\07\\08\\09\\0a\\0b\\0c\\0d\\0e\\0f"
        );
        assert_eq!(
            id_text("entryUUID", b" 597AE2F6-16A6-1027-98F4-D28B5365DC14 ").unwrap(),
            "597ae2f6-16a6-1027-98f4-d28b5365dc14"
        );
        assert_eq!(id_text("objectGUID", b"0123456789"), None);
    }

    #[test]
    fn a_sid_is_parted_into_domain_and_last_part() {
        let mut bytes = vec![1, 5, 0, 0, 0, 0, 0, 5];
        for part in [21u32, 1, 2, 3, 513] {
            bytes.extend(part.to_le_bytes());
        }
        assert_eq!(sid(&bytes), Some(Sid { domain: "S-1-5-21-1-2-3".into(), rid: 513 }));
        assert_eq!(sid(&bytes[..20]), None);
    }

    #[test]
    fn addresses_and_members_lose_what_is_around_them() {
        assert_eq!(proxy_address("SMTP:Ann@x.y"), Some((true, "Ann@x.y")));
        assert_eq!(proxy_address("smtp:ann@x.y"), Some((false, "ann@x.y")));
        assert_eq!(proxy_address("x500:/o=x"), None);
        assert_eq!(without_uid("cn=a,dc=x#'0101'B"), "cn=a,dc=x");
        assert_eq!(without_uid("cn=a#'12'B"), "cn=a#'12'B");
    }

    fn tag() -> impl Strategy<Value = StructureTag> {
        let leaf = prop::collection::vec(any::<u8>(), 0..8).prop_map(PL::P);
        let make = |payload| StructureTag { class: TagClass::Universal, id: 4, payload };
        leaf.prop_map(make).prop_recursive(4, 40, 4, move |inner| {
            prop::collection::vec(inner, 0..4).prop_map(move |parts| make(PL::C(parts)))
        })
    }

    proptest! {
        #[test]
        fn no_answer_is_too_odd(tag in tag()) {
            let _ = Entry::decode(tag);
        }

        #[test]
        fn no_value_is_too_odd(bytes in prop::collection::vec(any::<u8>(), 0..40), text in "\\PC{0,20}|range=[0-9*-]{0,12}") {
            let _ = (sid(&bytes), id_text("objectGUID", &bytes), id_text("entryUUID", &bytes));
            let _ = (range_of(&text), proxy_address(&text), without_uid(&text), id_in_filter("objectGUID", &text));
        }
    }
}
