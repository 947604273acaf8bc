//! BER as LDAP uses it (RFC 4511, section 5.1): a tag of one byte, a definite length, a value. Of our
//! own, so that the tests do not stand on the decoder that they test.

use std::io::{Error, ErrorKind, Read, Result};

pub const INTEGER: u8 = 0x02;
pub const OCTETS: u8 = 0x04;
pub const ENUMERATED: u8 = 0x0a;
pub const SEQUENCE: u8 = 0x30;
pub const SET: u8 = 0x31;

/// Longer messages are no business of a test.
const LONGEST: usize = 256 << 20;

/// A value with its tag, or several in a row inside one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ber {
    pub tag: u8,
    pub inner: Inner,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inner {
    Bytes(Vec<u8>),
    Parts(Vec<Ber>),
}

impl Ber {
    pub fn bytes(tag: u8, bytes: impl Into<Vec<u8>>) -> Self {
        Self { tag, inner: Inner::Bytes(bytes.into()) }
    }

    pub fn parts(tag: u8, parts: Vec<Ber>) -> Self {
        Self { tag, inner: Inner::Parts(parts) }
    }

    pub fn octets(text: impl Into<Vec<u8>>) -> Self {
        Self::bytes(OCTETS, text)
    }

    pub fn number(tag: u8, number: i64) -> Self {
        let all = number.to_be_bytes();
        // The shortest form: leading bytes that only repeat the sign are left out.
        let mut from = 0;
        while from < 7 && ((all[from] == 0 && all[from + 1] < 0x80) || (all[from] == 0xff && all[from + 1] >= 0x80)) {
            from += 1;
        }
        Self::bytes(tag, &all[from..])
    }

    pub fn as_bytes(&self) -> &[u8] {
        match &self.inner {
            Inner::Bytes(bytes) => bytes,
            Inner::Parts(_) => &[],
        }
    }

    pub fn as_parts(&self) -> &[Ber] {
        match &self.inner {
            Inner::Bytes(_) => &[],
            Inner::Parts(parts) => parts,
        }
    }

    pub fn as_parts_mut(&mut self) -> Option<&mut Vec<Ber>> {
        match &mut self.inner {
            Inner::Bytes(_) => None,
            Inner::Parts(parts) => Some(parts),
        }
    }

    pub fn as_text(&self) -> String {
        String::from_utf8_lossy(self.as_bytes()).into_owned()
    }

    pub fn as_number(&self) -> i64 {
        let bytes = self.as_bytes();
        let start = if bytes.first().is_some_and(|byte| *byte >= 0x80) { -1 } else { 0 };
        bytes.iter().fold(start, |number, byte| (number << 8) | i64::from(*byte))
    }

    pub fn encode(&self) -> Vec<u8> {
        let value = match &self.inner {
            Inner::Bytes(bytes) => bytes.clone(),
            Inner::Parts(parts) => parts.iter().flat_map(Ber::encode).collect(),
        };
        let mut all = vec![self.tag];
        all.extend(length(value.len()));
        all.extend(value);
        all
    }

    /// Reads the next value, to its end. `None` when the stream ends before it begins.
    pub fn read(stream: &mut impl Read) -> Result<Option<Self>> {
        let mut tag = [0];
        if stream.read(&mut tag)? == 0 {
            return Ok(None);
        }
        let long = match one(stream)? {
            short @ ..=0x7f => usize::from(short),
            bytes @ 0x81..=0x84 => {
                let mut long = 0;
                for _ in 0x80..bytes {
                    long = (long << 8) | usize::from(one(stream)?);
                }
                long
            }
            odd => return Err(Error::new(ErrorKind::InvalidData, format!("length {odd:#x}"))),
        };
        if long > LONGEST {
            return Err(Error::new(ErrorKind::InvalidData, format!("{long} bytes")));
        }
        let mut value = vec![0; long];
        stream.read_exact(&mut value)?;
        Self::of(tag[0], value).map(Some)
    }

    fn of(tag: u8, value: Vec<u8>) -> Result<Self> {
        // Bit 6 of the tag: made of parts.
        if tag & 0x20 == 0 {
            return Ok(Self::bytes(tag, value));
        }
        let (mut rest, mut parts) = (value.as_slice(), Vec::new());
        while let Some(part) = Self::read(&mut rest)? {
            parts.push(part);
        }
        Ok(Self::parts(tag, parts))
    }
}

fn one(stream: &mut impl Read) -> Result<u8> {
    let mut byte = [0];
    stream.read_exact(&mut byte)?;
    Ok(byte[0])
}

fn length(long: usize) -> Vec<u8> {
    let Ok(long) = u32::try_from(long) else { unreachable!("a test sends no such message") };
    match long {
        0..0x80 => vec![u8::try_from(long).unwrap()],
        _ => {
            let bytes = long.to_be_bytes();
            let from = bytes.iter().take_while(|byte| **byte == 0).count();
            let mut all = vec![0x80 | u8::try_from(4 - from).unwrap()];
            all.extend(&bytes[from..]);
            all
        }
    }
}

#[test]
fn numbers_and_lengths_survive() {
    for number in [0, 1, 127, 128, 255, 256, 65_535, 2_147_483_647, -1, -128, -129] {
        assert_eq!(Ber::number(INTEGER, number).as_number(), number);
    }
    assert_eq!(Ber::number(INTEGER, 127).as_bytes(), [127]);
    assert_eq!(Ber::number(INTEGER, 128).as_bytes(), [0, 128]);
    for long in [0, 1, 127, 128, 255, 256, 65_536, 1 << 20] {
        let whole = Ber::parts(SEQUENCE, vec![Ber::octets(vec![7; long]), Ber::number(ENUMERATED, 4)]);
        assert_eq!(Ber::read(&mut whole.encode().as_slice()).unwrap(), Some(whole));
    }
    // An abandon, by hand.
    let abandon = Ber::parts(SEQUENCE, vec![Ber::number(INTEGER, 2), Ber::bytes(0x50, [1])]);
    assert_eq!(abandon.encode(), [0x30, 6, 2, 1, 2, 0x50, 1, 1]);
}
