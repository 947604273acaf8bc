//! One entry of an answer, and what its values mean. Floor 2, pure: nothing here fails, and what
//! cannot be understood is as absent.

use std::borrow::Cow;
use std::fmt::Write;
use std::ops::Range as Span;

use lber::structure::StructureTag;

use super::ber::element;

/// An entry: its name as the server spells it, and the attributes that were asked for. It is kept as it
/// came, and was looked through once to its last value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry<'a> {
    content: Cow<'a, [u8]>,
    dn: Span<usize>,
    attributes: Span<usize>,
}

/// Values of an attribute.
#[derive(Debug, Clone, Copy)]
pub(super) struct Values<'a>(&'a [u8]);

impl<'a> Iterator for Values<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (_, value, rest) = element(self.0)?;
        self.0 = rest;
        Some(value)
    }
}

/// A part of an attribute's values, as Active Directory answers when there are many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    /// Number of the first value of this part.
    pub(super) from: u32,
    /// Number of the first value that was left out; none: the part reaches to the end.
    pub(super) next: Option<u32>,
}

impl<'a> Entry<'a> {
    /// Looks through a search result entry (RFC 4511, section 4.5.2): the content of its operation. None
    /// when it is none. What may stand behind the parts that are known is passed over (section 4).
    pub(super) fn decode(content: impl Into<Cow<'a, [u8]>>) -> Option<Self> {
        let content = content.into();
        let (OCTETS, dn, rest) = element(&content)? else { return None };
        let (SEQUENCE, list, behind) = element(rest)? else { return None };
        std::str::from_utf8(dn).ok()?;
        let mut attributes = list;
        while !attributes.is_empty() {
            let (SEQUENCE, attribute, rest) = element(attributes)? else { return None };
            let (name, mut values) = parts(attribute)?;
            std::str::from_utf8(name).ok()?;
            while !values.is_empty() {
                let (OCTETS, _, rest) = element(values)? else { return None };
                values = rest;
            }
            attributes = rest;
        }
        let up_to = |rest: &[u8], part: &[u8]| {
            let end = content.len() - rest.len();
            end - part.len()..end
        };
        let (dn, attributes) = (up_to(rest, dn), up_to(behind, list));
        Some(Self { content, dn, attributes })
    }

    /// An entry that the LDAP crate took apart.
    pub(super) fn of_tag(tag: StructureTag) -> Option<Entry<'static>> {
        let mut bytes = Default::default();
        lber::write::encode_into(&mut bytes, tag).ok()?;
        let (_, content, _) = element(&bytes)?;
        Entry::decode(content.to_vec())
    }

    /// The distinguished name.
    pub(super) fn dn(&self) -> &str {
        let dn = self.content.get(self.dn.clone()).unwrap_or_default();
        // It was looked at before.
        std::str::from_utf8(dn).unwrap_or_default()
    }

    /// Names and values of all attributes.
    fn attributes(&self) -> impl Iterator<Item = (&[u8], Values<'_>)> {
        let list = self.content.get(self.attributes.clone()).unwrap_or_default();
        Values(list).filter_map(|attribute| parts(attribute).map(|(name, values)| (name, Values(values))))
    }

    /// The values of an attribute, whatever options it bears, but for parts of a range. Names are
    /// compared without case: 389 DS answers in the case of the question, others in their schema's.
    pub(super) fn values<'b>(&'b self, name: &'b str) -> impl Iterator<Item = &'b [u8]> {
        let own = self.attributes().filter(move |(own, _)| {
            let (base, options) = with_options(own);
            base.eq_ignore_ascii_case(name.as_bytes()) && options.and_then(range_of).is_none()
        });
        own.flat_map(|(_, values)| values)
    }

    /// The values of an attribute that are text.
    pub(super) fn texts<'b>(&'b self, name: &'b str) -> impl Iterator<Item = &'b str> {
        self.values(name).filter_map(|value| std::str::from_utf8(value).ok())
    }

    /// The first text that is more than blanks.
    pub(super) fn text<'b>(&'b self, name: &'b str) -> Option<&'b str> {
        self.texts(name).map(str::trim).find(|text| !text.is_empty())
    }

    /// The part of an attribute that was answered in place of the whole, with its values.
    pub(super) fn range(&self, name: &str) -> Option<(Range, Values<'_>)> {
        self.attributes().find_map(|(own, values)| {
            let (base, options) = with_options(own);
            let range = options.and_then(range_of).filter(|_| base.eq_ignore_ascii_case(name.as_bytes()))?;
            Some((range, values))
        })
    }

    #[cfg(test)]
    pub(super) fn of(dn: &str, attributes: &[(&str, &[&str])]) -> Entry<'static> {
        use lber::structures::{ASNTag, OctetString, Sequence, Set, Tag};

        let octets = |text: &str| Tag::OctetString(OctetString { inner: text.into(), ..Default::default() });
        let attributes = attributes.iter().map(|(name, values)| {
            let values = values.iter().map(|value| octets(value)).collect();
            let inner = vec![octets(name), Tag::Set(Set { inner: values, ..Default::default() })];
            Tag::Sequence(Sequence { inner, ..Default::default() })
        });
        let attributes = Tag::Sequence(Sequence { inner: attributes.collect(), ..Default::default() });
        let entry = Sequence { inner: vec![octets(dn), attributes], ..Default::default() };
        Entry::of_tag(entry.into_structure()).expect("it is one")
    }
}

/// Tags of the three kinds of elements that an entry is made of.
const OCTETS: u8 = 0x04;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;

/// Name and values of an attribute.
fn parts(attribute: &[u8]) -> Option<(&[u8], &[u8])> {
    let (OCTETS, name, rest) = element(attribute)? else { return None };
    let (SET, values, _) = element(rest)? else { return None };
    Some((name, values))
}

/// An attribute's name and what is behind its first semicolon.
fn with_options(name: &[u8]) -> (&[u8], Option<&str>) {
    let Some(end) = name.iter().position(|byte| *byte == b';') else { return (name, None) };
    let (base, options) = name.split_at(end);
    (base, options.get(1..).and_then(|options| std::str::from_utf8(options).ok()))
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
    use lber::structure::PL;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn attributes_are_found_in_any_case_and_with_options() {
        let entry =
            Entry::of("cn=g", &[("Mail", &["a@x"]), ("mail;lang-de", &["b@x"]), ("member;range=0-1", &["m", "n"])]);
        assert_eq!(entry.texts("mail").collect::<Vec<_>>(), ["a@x", "b@x"]);
        assert_eq!(entry.texts("member").count(), 0, "a part is never taken for the whole");
        let (range, values) = entry.range("MEMBER").unwrap();
        assert_eq!((range, values.count()), (Range { from: 0, next: Some(2) }, 2));
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
        let leaf = prop::collection::vec(any::<u8>(), 0..8).prop_map(|bytes| made(4, PL::P(bytes)));
        leaf.prop_recursive(4, 40, 4, move |inner| {
            let parts = prop::collection::vec(inner, 0..4);
            (prop::sample::select(vec![4, 16, 17]), parts).prop_map(|(id, parts)| made(id, PL::C(parts)))
        })
    }

    fn made(id: u64, payload: PL) -> StructureTag {
        StructureTag { class: TagClass::Universal, id, payload }
    }

    /// An entry of any names and values.
    fn entry() -> impl Strategy<Value = StructureTag> {
        let octets = || prop_oneof![4 => "\\PC{0,12}".prop_map(String::into_bytes), 1 => prop::collection::vec(any::<u8>(), 0..200)];
        let attribute = (octets(), prop::collection::vec(octets(), 0..5)).prop_map(|(name, values)| {
            let values = values.into_iter().map(|value| made(4, PL::P(value))).collect();
            made(16, PL::C(vec![made(4, PL::P(name)), made(17, PL::C(values))]))
        });
        (octets(), prop::collection::vec(attribute, 0..5))
            .prop_map(|(dn, attributes)| made(4, PL::C(vec![made(4, PL::P(dn)), made(16, PL::C(attributes))])))
    }

    type Plain = (String, Vec<(String, Vec<Vec<u8>>)>);

    /// An entry as the LDAP crate's tree has it.
    fn of_tree(tag: StructureTag) -> Option<Plain> {
        let octets = |tag: StructureTag| tag.expect_primitive();
        let text = |tag: StructureTag| String::from_utf8(octets(tag)?).ok();
        let mut parts = tag.expect_constructed()?.into_iter();
        let dn = text(parts.next()?)?;
        let attributes = parts.next()?.expect_constructed()?.into_iter().map(|attribute| {
            let mut parts = attribute.expect_constructed()?.into_iter();
            let name = text(parts.next()?)?;
            let values = parts.next()?.expect_constructed()?.into_iter().map(octets).collect::<Option<_>>()?;
            Some((name, values))
        });
        Some((dn, attributes.collect::<Option<_>>()?))
    }

    fn of_bytes(content: &[u8]) -> Option<Plain> {
        let entry = Entry::decode(content)?;
        let own = |(name, values): (&[u8], Values<'_>)| {
            (String::from_utf8(name.to_vec()).unwrap(), values.map(<[u8]>::to_vec).collect())
        };
        Some((entry.dn().to_owned(), entry.attributes().map(own).collect()))
    }

    /// The content of a tag, as it stands on the wire.
    fn encoded(tag: StructureTag) -> Vec<u8> {
        let mut bytes = Default::default();
        lber::write::encode_into(&mut bytes, tag).unwrap();
        element(&bytes).unwrap().1.to_vec()
    }

    proptest! {
        #[test]
        fn no_answer_is_too_odd(tag in tag(), bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = Entry::of_tag(tag);
            let _ = of_bytes(&bytes);
        }

        #[test]
        fn an_entry_says_what_the_crate_says_of_it(entry in entry()) {
            prop_assert_eq!(of_bytes(&encoded(entry.clone())), of_tree(entry));
        }

        /// Some byte is another one, and the end is missing: what is understood at all is understood as
        /// the crate understands it.
        #[test]
        fn nothing_is_read_into_a_broken_entry(
            entry in entry(),
            at in any::<prop::sample::Index>(),
            byte in any::<u8>(),
            end in any::<prop::sample::Index>(),
        ) {
            let mut content = encoded(entry);
            let at = at.index(content.len());
            content[at] = byte;
            content.truncate(content.len() - end.index(content.len()) / 8);
            if let Some(own) = of_bytes(&content) {
                let mut parts = Vec::new();
                let mut rest = content.as_slice();
                while parts.len() < 2 {
                    let (behind, tag) = lber::parse::parse_tag(rest).expect("it was understood");
                    parts.push(tag);
                    rest = behind;
                }
                prop_assert_eq!(Some(own), of_tree(made(4, PL::C(parts))));
            }
        }

        #[test]
        fn no_value_is_too_odd(bytes in prop::collection::vec(any::<u8>(), 0..40), text in "\\PC{0,20}|range=[0-9*-]{0,12}") {
            let _ = (sid(&bytes), id_text("objectGUID", &bytes), id_text("entryUUID", &bytes));
            let _ = (range_of(&text), proxy_address(&text), without_uid(&text), id_in_filter("objectGUID", &text));
        }
    }
}
