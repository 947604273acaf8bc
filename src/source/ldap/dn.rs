//! Distinguished names (RFC 4514) made comparable: a key by which two spellings of one name meet.
//! What is shown and sent is always the name as it was given. Floor 2, pure.

use unicode_normalization::UnicodeNormalization;

use crate::model::digest;

/// What a name, spelt in any way, is looked up by: 128 bits of a SHA-256. Strings are dropped as soon
/// as they were read, which is what keeps a large directory small in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key(u64, u64);

impl Key {
    /// The key of a distinguished name.
    pub(super) fn of_dn(dn: &str) -> Self {
        Self::of_comparable(&normalise(dn))
    }

    /// The key of a comparable form.
    pub(super) fn of_comparable(form: &str) -> Self {
        let short = digest::short(form.as_bytes());
        // In two halves it stands closer to its neighbours in memory than as one number.
        Self((short >> 64) as u64, short as u64)
    }

    /// The number that so many of its first bits make.
    pub(super) fn first_bits(self, bits: u32) -> usize {
        let first = self.0.checked_shr(u64::BITS - bits).unwrap_or(0);
        usize::try_from(first).unwrap_or(usize::MAX)
    }

    /// The key of a login name, which LDAP compares without case.
    pub(super) fn of_login(login: &str) -> Self {
        // A zero byte is in no normalised name, so that logins and names are apart.
        Self::of_comparable(&format!("\0{}", fold(login.trim())))
    }
}

/// Attribute types that may stand in the quick path: they have no other short name.
const SHORT: [&str; 8] = ["cn", "ou", "dc", "uid", "o", "c", "l", "st"];

/// Object identifiers and long names of the attribute types that names are made of (RFC 4519).
const TYPES: [(&str, &str, &str); 13] = [
    ("2.5.4.3", "commonname", "cn"),
    ("2.5.4.4", "surname", "sn"),
    ("2.5.4.5", "serialnumber", "serialnumber"),
    ("2.5.4.6", "countryname", "c"),
    ("2.5.4.7", "localityname", "l"),
    ("2.5.4.8", "stateorprovincename", "st"),
    ("2.5.4.9", "streetaddress", "street"),
    ("2.5.4.10", "organizationname", "o"),
    ("2.5.4.11", "organizationalunitname", "ou"),
    ("2.5.4.42", "gn", "givenname"),
    ("0.9.2342.19200300.100.1.1", "userid", "uid"),
    ("0.9.2342.19200300.100.1.25", "domaincomponent", "dc"),
    ("1.2.840.113549.1.9.1", "emailaddress", "e"),
];

/// The comparable form of a name. A text that is no name is folded as a whole: it meets its like.
pub(super) fn normalise(dn: &str) -> String {
    if is_plain(dn) {
        return dn.to_ascii_lowercase();
    }
    parse(dn).unwrap_or_else(|| fold(dn.trim()))
}

/// Adds the comparable form of a name, or of some of its parts, to a text. False where it is none.
pub(super) fn comparable_into(name: &str, form: &mut String) -> bool {
    if is_plain(name) {
        form.push_str(name);
        let own = form.len() - name.len();
        form.get_mut(own..).unwrap_or_default().make_ascii_lowercase();
        return true;
    }
    let parsed = parse(name).filter(|parsed| !parsed.is_empty());
    form.push_str(parsed.as_deref().unwrap_or_default());
    parsed.is_some()
}

/// Whether a text is a distinguished name of at least one part.
pub(super) fn is_dn(text: &str) -> bool {
    is_plain(text) || parse(text).is_some_and(|name| !name.is_empty())
}

/// Whether ASCII lower case is all that this name needs.
fn is_plain(dn: &str) -> bool {
    let odd = |byte: u8| !(b' '..=b'~').contains(&byte) || matches!(byte, b'\\' | b'+' | b'"' | b';');
    if dn.is_empty() || dn.bytes().any(odd) {
        return false;
    }
    dn.split(',').all(|part| {
        let Some((kind, value)) = part.split_once('=') else { return false };
        let edges = value.starts_with([' ', '#']) || value.ends_with(' ') || value.contains("  ");
        !edges && !value.is_empty() && SHORT.iter().any(|short| short.eq_ignore_ascii_case(kind))
    })
}

fn parse(dn: &str) -> Option<String> {
    let mut rest = dn.trim_start_matches(' ').as_bytes();
    let mut name = String::with_capacity(dn.len());
    while !rest.is_empty() {
        let mut parts = Vec::new();
        loop {
            let (part, end, behind) = attribute(rest)?;
            parts.push(part);
            rest = behind;
            match end {
                Some(b'+') => {}
                Some(_) if rest.iter().all(|byte| *byte == b' ') => return None,
                _ => break,
            }
        }
        // The order of a multi-valued part means nothing, and 389 DS changes it.
        parts.sort();
        if !name.is_empty() {
            name.push(',');
        }
        name.push_str(&parts.join("+"));
    }
    Some(name)
}

/// One `type=value`, the separator that ended it, and what is behind.
fn attribute(text: &[u8]) -> Option<(String, Option<u8>, &[u8])> {
    let equals = text.iter().position(|byte| *byte == b'=')?;
    let (kind, value) = text.split_at_checked(equals)?;
    let kind = std::str::from_utf8(kind).ok()?.trim_matches(' ').to_ascii_lowercase();
    if kind.is_empty() || !kind.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.')) {
        return None;
    }
    let (value, end, behind) = value_of(value.get(1..)?)?;
    let mut part = short_type(&kind).to_owned();
    part.push('=');
    escape(&fold(&String::from_utf8_lossy(&value)), &mut part);
    Some((part, end, behind))
}

fn short_type(kind: &str) -> &str {
    let kind = kind.strip_prefix("oid.").unwrap_or(kind);
    TYPES.iter().find(|(oid, long, _)| *oid == kind || *long == kind).map_or(kind, |(_, _, short)| short)
}

/// The bytes of a value, without its escapes and the blanks around it that are not escaped.
fn value_of(text: &[u8]) -> Option<(Vec<u8>, Option<u8>, &[u8])> {
    let mut value = Vec::new();
    // Up to here the value is to be kept: behind it are blanks alone.
    let mut kept = 0;
    let mut quoted = false;
    let mut at = text.iter().position(|byte| *byte != b' ').unwrap_or(text.len());
    if text.get(at) == Some(&b'#') {
        return hexadecimal(text.get(at + 1..)?);
    }
    while let Some(&byte) = text.get(at) {
        at += 1;
        match byte {
            b'\\' => {
                let first = *text.get(at)?;
                let pair = (digit(first), text.get(at + 1).copied().and_then(digit));
                let (byte, used) = match pair {
                    (Some(high), Some(low)) => (high << 4 | low, 2),
                    _ => (first, 1),
                };
                at += used;
                value.push(byte);
                kept = value.len();
            }
            b'"' => quoted = !quoted,
            b',' | b';' | b'+' if !quoted => {
                value.truncate(kept);
                return Some((value, Some(byte), text.get(at..)?));
            }
            b' ' if !quoted => value.push(byte),
            _ => {
                value.push(byte);
                kept = value.len();
            }
        }
    }
    if quoted {
        return None;
    }
    value.truncate(kept);
    Some((value, None, &[]))
}

/// `#` and the BER of a value: of a string the text, of anything else the digits themselves.
fn hexadecimal(text: &[u8]) -> Option<(Vec<u8>, Option<u8>, &[u8])> {
    let end = text.iter().position(|byte| matches!(byte, b',' | b';' | b'+')).unwrap_or(text.len());
    let (digits, behind) = text.split_at_checked(end)?;
    let digits = digits.trim_ascii();
    let bytes: Vec<u8> = digits
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
            _ => None,
        })
        .collect::<Option<_>>()?;
    let value = match bytes.as_slice() {
        // UTF8String, OctetString, PrintableString and IA5String with a short length.
        [0x0c | 0x04 | 0x13 | 0x16, length, value @ ..] if usize::from(*length) == value.len() => value.to_vec(),
        _ => [b"#", digits].concat(),
    };
    Some((value, behind.first().copied(), behind.get(1..).unwrap_or_default()))
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// NFKC, lower case, and runs of blanks as one.
fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    let mut push = |c: char| {
        let c = match c {
            // The form of sigma depends on its place, not on the word.
            'ς' => 'σ',
            c if c.is_whitespace() => ' ',
            c => c,
        };
        if c != ' ' || !folded.ends_with(' ') {
            folded.push(c);
        }
    };
    if text.is_ascii() {
        text.chars().for_each(|c| push(c.to_ascii_lowercase()));
    } else {
        // Lower-casing can leave a composed letter decomposed (U+0130), so NFKC comes last as well.
        let lower: String = text.nfkc().collect::<String>().to_lowercase();
        lower.nfkc().for_each(&mut push);
    }
    folded
}

/// Writes a value so that no two values look the same, and a plain one looks as in the quick path.
fn escape(value: &str, out: &mut String) {
    let last = value.len().saturating_sub(1);
    for (at, c) in value.char_indices() {
        if matches!(c, ',' | '+' | '"' | '\\' | ';' | '\0')
            || (at == 0 && c == '#')
            || ((at == 0 || at == last) && c == ' ')
        {
            out.push('\\');
        }
        out.push(c);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spellings_of_one_name_meet() {
        let same: &[&[&str]] = &[
            &[
                "uid=ann,ou=People,dc=corp",
                "UID=Ann, OU=people , DC = corp",
                "0.9.2342.19200300.100.1.1=ann,2.5.4.11=people,oid.0.9.2342.19200300.100.1.25=CORP",
                "userid=ann;ou=people;domainComponent=corp",
                "uid=\"ann\",ou=people,dc=corp",
                "uid=#0c03616e6e,ou=people,dc=corp",
                "uid=\\61nn,ou=people,dc=corp",
            ],
            &["cn=Doe\\, Jane,dc=x", "cn=doe\\2C jane,dc=x", "cn=doe\\2c  jane,dc=x", "cn=\"Doe, Jane\",dc=x"],
            &["cn=\\C3\\89va,dc=x", "cn=éva,dc=x", "cn=e\u{301}va,dc=x", "cn=ÉVA,dc=x"],
            &["cn=a+uid=b,dc=x", "uid=B + cn=A,dc=x"],
            &["cn=Less\\<More\\>\\3BEq\\3D1,dc=x", "cn=less<more>\\;eq=1,dc=x"],
            &["cn=ΟΔΟΣ,dc=x", "cn=οδος,dc=x", "cn=οδοσ,dc=x"],
        ];
        for names in same {
            for name in *names {
                assert_eq!(normalise(names[0]), normalise(name), "{name}");
            }
        }
    }

    #[test]
    fn different_names_stay_apart() {
        let names = [
            "cn=a,dc=x",
            "cn=a\\,dc=x",
            "cn=a\\+dc=x",
            "cn=a+dc=x",
            "cn=a\\ ,dc=x",
            "cn=\\#a,dc=x",
            "cn=a\\\\,dc=x",
            "ou=a,dc=x",
            "cn=a,dc=x,dc=y",
            "cn=straße,dc=x",
            "cn=strasse,dc=x",
        ];
        for (at, name) in names.iter().enumerate() {
            for other in &names[..at] {
                assert_ne!(normalise(name), normalise(other), "{name} and {other}");
            }
        }
        assert_ne!(Key::of_login("ann"), Key::of_dn("ann"));
    }

    #[test]
    fn what_is_no_name_is_told_from_one() {
        for text in ["", "ann", "GRC-Compliance", "cn", "=x", "cn=a,", "cn=a,ou", "cn=\"a", "a b=c"] {
            assert!(!is_dn(text), "{text:?}");
        }
        assert!(is_dn("CN=GRC,OU=Groups,DC=corp"));
    }

    proptest! {
        #[test]
        fn no_text_is_too_odd(text in "\\PC{0,60}|[a-c=,+\\\\#\" ;0-9é]{0,40}") {
            let once = normalise(&text);
            prop_assert_eq!(&once, &normalise(&text));
            if is_dn(&text) {
                prop_assert_eq!(&normalise(&once), &once, "normalising again changes nothing");
            }
        }

        #[test]
        fn no_bytes_are_too_odd(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let text = String::from_utf8_lossy(&bytes);
            let _ = (is_dn(&text), Key::of_dn(&text), Key::of_login(&text));
            let named = format!("cn={text},dc=x");
            prop_assert_eq!(normalise(&normalise(&named)), normalise(&named));
        }

        #[test]
        fn the_quick_path_says_what_the_long_one_says(text in "(cn|OU|dc|uid)=[a-zA-Z0-9 .=<>_-]{1,12}(,(cn|OU|dc)=[a-zA-Z0-9 .=-]{1,8}){0,3}") {
            if is_plain(&text) {
                prop_assert_eq!(Some(normalise(&text)), parse(&text));
            }
        }
    }
}
