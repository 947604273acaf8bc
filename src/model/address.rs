//! E-mail addresses: sent as given, compared folded.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use unicode_normalization::UnicodeNormalization;

use super::piece::Piece;

/// An address as it was given, with the form by which it is compared: local part in NFC and lower
/// case, domain in lower-case ASCII by IDNA. Equality and order look at the folded form alone.
#[derive(Clone)]
pub struct Address {
    text: Piece,
    /// None where it is the text: most addresses are written as they are compared.
    key: Option<Arc<str>>,
}

/// Why a text is no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Nothing but blanks.
    #[error("is empty")]
    Empty,
    /// No `@`, or nothing on one side of it.
    #[error("is not an e-mail address")]
    Shape,
    /// A blank or a control character inside.
    #[error("is not an e-mail address: it has a blank or a control character in it")]
    Blank,
    /// Something that stands in an address in quotes alone: there are two of them, or a word is before it.
    #[error("is not one e-mail address: it has {0:?} before its last @")]
    More(char),
    /// The part behind the `@` is no domain name.
    #[error("is not an e-mail address: the part behind the @ is not a domain name")]
    Domain,
}

/// An address that was looked at, and has no room of its own yet: tables of very many people put them where
/// they like.
#[derive(Debug, Clone)]
pub struct Parsed<'a> {
    text: &'a str,
    key: Cow<'a, str>,
}

/// What stands in a local part in quotes only (RFC 5322, section 3.2.3), but for the dot, which real ones have anywhere.
const IN_QUOTES: [bool; 256] = {
    let mut table = [false; 256];
    let all = b"()<>[]:;@\\,\"";
    let mut at = 0;
    while at < all.len() {
        table[all[at] as usize] = true;
        at += 1;
    }
    table
};

impl<'a> Parsed<'a> {
    /// Trims and folds an address. The last `@` parts local part and domain.
    pub fn new(text: &'a str) -> Result<Self, AddressError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(AddressError::Empty);
        }
        // All is asked of every byte, without an early end, so that many bytes can be asked at once.
        let (mut is_ascii, mut is_visible, mut is_lower) = (true, true, true);
        for byte in text.bytes() {
            is_ascii &= byte.is_ascii();
            is_visible &= byte.is_ascii_graphic();
            is_lower &= !byte.is_ascii_uppercase();
        }
        let blank = match is_ascii {
            true => !is_visible,
            false => text.chars().any(|c| c.is_whitespace() || c.is_control()),
        };
        if blank {
            return Err(AddressError::Blank);
        }
        let (local, domain) = text.rsplit_once('@').ok_or(AddressError::Shape)?;
        if local.is_empty() || domain.is_empty() {
            return Err(AddressError::Shape);
        }
        if is_ascii {
            // IDNA changes nothing in an ASCII name but its case; the check below is the part of
            // it that matters here.
            if !domain.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_')) {
                return Err(AddressError::Domain);
            }
            let key = match is_lower {
                true => Cow::Borrowed(text),
                false => Cow::Owned(text.to_ascii_lowercase()),
            };
            return Ok(Self { text, key });
        }
        let domain = idna::domain_to_ascii(domain).map_err(|_| AddressError::Domain)?;
        if domain.is_empty() {
            return Err(AddressError::Domain);
        }
        Ok(Self { text, key: Cow::Owned(format!("{}@{domain}", lower(local))) })
    }

    /// The same of what is written into a list, where a slip must not make an address that nobody has: two in one
    /// cell, or a word such as `mailto:` before it, are refused (RFC 5322, section 3.2.3: these characters stand
    /// in quotes only). What a server shows as somebody's address is one.
    pub fn written(text: &'a str) -> Result<Self, AddressError> {
        let parsed = Self::new(text)?;
        let (local, domain) = parsed.text.rsplit_once('@').unwrap_or_default();
        let is_quoted = local.len() > 1 && local.starts_with('"') && local.ends_with('"');
        // Of every byte, without an early end: addresses are short, and there are very many.
        if !is_quoted && local.bytes().fold(false, |found, byte| found | IN_QUOTES[usize::from(byte)]) {
            let odd = local.chars().find(|c| u8::try_from(*c).is_ok_and(|byte| IN_QUOTES[usize::from(byte)]));
            return Err(AddressError::More(odd.unwrap_or('@')));
        }
        let domain = match domain.is_ascii() {
            true => domain,
            false => parsed.key.rsplit_once('@').map_or("", |(_, domain)| domain),
        };
        let (mut before, mut has_empty) = (b'.', false);
        for byte in domain.bytes().chain([b'.']) {
            has_empty |= byte == b'.' && before == b'.';
            before = byte;
        }
        if has_empty { Err(AddressError::Domain) } else { Ok(parsed) }
    }

    /// The address as it was given, without blanks around it.
    pub fn as_str(&self) -> &'a str {
        self.text
    }

    /// The form by which addresses are compared.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// That form, where it is not the text.
    fn other_key(&self) -> Option<Arc<str>> {
        (self.key != self.text).then(|| Arc::from(&*self.key))
    }
}

impl From<Parsed<'_>> for Address {
    fn from(parsed: Parsed<'_>) -> Self {
        Self { key: parsed.other_key(), text: Piece::new(parsed.text) }
    }
}

impl Address {
    /// Trims and folds an address. The last `@` parts local part and domain.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        Parsed::new(text).map(Self::from)
    }

    /// As [`Parsed::written`].
    pub fn written(text: &str) -> Result<Self, AddressError> {
        Parsed::written(text).map(Self::from)
    }

    /// What [`Self::as_str`] and [`Self::key`] gave of an address, put together again.
    pub fn again(text: Piece, key: &str) -> Self {
        let key = (*key != *text).then(|| key.into());
        Self { text, key }
    }

    /// The same as [`Self::parse`], of a text that may share its memory with others. Blanks around it cost a copy.
    pub fn of(text: Piece) -> Result<Self, AddressError> {
        let parsed = Parsed::new(text.as_str())?;
        match parsed.text.len() == text.as_str().len() {
            true => Ok(Self { key: parsed.other_key(), text }),
            false => Ok(parsed.into()),
        }
    }

    /// The address as it was given, without blanks around it.
    pub fn as_str(&self) -> &str {
        self.text.as_str()
    }

    /// The form by which addresses are compared.
    pub fn key(&self) -> &str {
        match &self.key {
            Some(key) => key,
            None => self.as_str(),
        }
    }

    /// Its bytes: there is no need to look whether they are text.
    pub fn key_bytes(&self) -> &[u8] {
        match &self.key {
            Some(key) => key.as_bytes(),
            None => self.text.as_bytes(),
        }
    }
}

/// Part of an address, or a pattern for one, in the form by which addresses are compared. What it makes
/// of a text that is neither fits no address.
pub fn folded(text: &str) -> String {
    match text.rsplit_once('@') {
        Some((local, domain)) if !text.is_ascii() => {
            let domain = idna::domain_to_ascii(domain).unwrap_or_else(|_| lower(domain));
            format!("{}@{domain}", lower(local))
        }
        _ => lower(text),
    }
}

fn lower(text: &str) -> String {
    // Lower-casing can leave a composed letter decomposed (U+0130), so NFC comes last.
    text.nfc().collect::<String>().to_lowercase().nfc().collect()
}

impl PartialEq for Address {
    fn eq(&self, other: &Self) -> bool {
        self.key_bytes() == other.key_bytes()
    }
}

impl Eq for Address {}

impl PartialOrd for Address {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Address {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key_bytes().cmp(other.key_bytes())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_compared_folded_and_shown_as_given() {
        let same = [
            ("Ann@Corp.Example", "ann@corp.example"),
            ("  ann@corp.example\t", "ANN@CORP.EXAMPLE"),
            ("jo\u{0065}\u{0301}@corp.example", "JO\u{00c9}@corp.example"),
            ("ann@b\u{00fc}cher.example", "ann@XN--BCHER-KVA.example"),
        ];
        for (a, b) in same {
            assert_eq!(Address::parse(a), Address::parse(b), "{a} and {b}");
        }
        assert_ne!(
            Address::parse("stra\u{00df}e@corp.example"),
            Address::parse("strasse@corp.example"),
            "full case folding would make two people one"
        );
        assert_eq!(Address::parse(" Ann@Corp.Example ").unwrap().as_str(), "Ann@Corp.Example");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in ["", "  ", "ann", "@corp.example", "ann@", "a nn@corp.example", "ann@corp,example", "a\u{0}@b.c"] {
            assert!(Address::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn what_is_written_into_a_list_is_one_address() {
        for text in [
            "ann@x.example;bob@x.example",
            "ann@x.example,bob@x.example",
            "mailto:ann@x.example",
            "SMTP:ann@x.example",
            "ann@@x.example",
            "<ann@x.example",
            "ann(hr)@x.example",
            "ann@x.example.",
            "ann@.x.example",
            "ann@x..example",
            "ann@b\u{00fc}cher..example",
            "\"@x.example",
            "ann",
        ] {
            assert!(Address::written(text).is_err(), "{text:?}");
        }
        for text in [
            "ann@x.example",
            "o'brien+a/b=c@x",
            "ann..lee.@x.example",
            "\"a,b@c\"@x.example",
            "j\u{00f6}@b\u{00fc}cher.example",
        ] {
            assert_eq!(Address::written(text), Address::parse(text));
            assert!(Address::written(text).is_ok(), "{text:?}");
        }
        assert_eq!(
            Address::written("a@x,b@x").unwrap_err().to_string(),
            "is not one e-mail address: it has '@' before its last @"
        );
    }
}
