//! The little BER that is read outside the LDAP crate: how long a message is. Floor 2, pure.

/// The head of an element: its tag, and the lengths of the head and of what it announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    /// The first byte.
    pub(super) tag: u8,
    /// Bytes of tag and length.
    pub(super) size: usize,
    /// Bytes behind the head.
    pub(super) length: u64,
}

/// Reads a head. `Ok(None)`: it goes on behind the end of the bytes. An error: it is no definite
/// length of at most four bytes, which is all that LDAP uses (RFC 4511, section 5.1).
pub(super) fn head(bytes: &[u8]) -> Result<Option<Head>, ()> {
    let (Some(&tag), Some(&first)) = (bytes.first(), bytes.get(1)) else { return Ok(None) };
    if first < 0x80 {
        return Ok(Some(Head { tag, size: 2, length: u64::from(first) }));
    }
    let count = usize::from(first & 0x7f);
    if count == 0 || count > 4 {
        return Err(());
    }
    let Some(digits) = bytes.get(2..2 + count) else { return Ok(None) };
    let length = digits.iter().fold(0u64, |sum, byte| sum << 8 | u64::from(*byte));
    Ok(Some(Head { tag, size: 2 + count, length }))
}

/// The first element of the bytes: its tag and content, and what is behind it.
pub(super) fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let head = head(bytes).ok()??;
    let end = head.size.checked_add(usize::try_from(head.length).ok()?)?;
    Some((head.tag, bytes.get(head.size..end)?, bytes.get(end..)?))
}

/// Follows messages through a stream of bytes that is cut anywhere.
#[derive(Debug, Default)]
pub(super) struct Messages {
    head: Vec<u8>,
    left: u64,
    /// The first bytes of a message, until its operation has been seen.
    start: Vec<u8>,
    known: bool,
}

/// Operations that a server may send (RFC 4511, section 4.2 on). The LDAP crate panics on any other.
const ANSWERS: [u8; 11] = [0x61, 0x64, 0x65, 0x67, 0x69, 0x6b, 0x6d, 0x6f, 0x73, 0x78, 0x79];

/// Whether a message begins with its number and the operation of an answer; `Ok(false)`: it is too
/// short to tell.
fn is_answer(start: &[u8]) -> Result<bool, Odd> {
    let (Some(&tag), Some(&length)) = (start.first(), start.get(1)) else { return Ok(false) };
    if tag != 0x02 || !(1..=4).contains(&length) {
        return Err(Odd::NoLdap);
    }
    match start.get(2 + usize::from(length)) {
        None => Ok(false),
        Some(operation) if ANSWERS.contains(operation) => Ok(true),
        Some(_) => Err(Odd::NoLdap),
    }
}

/// Why a stream of messages is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Odd {
    /// It is no LDAP.
    NoLdap,
    /// A message announces more bytes than are taken.
    TooLong(u64),
}

impl Messages {
    /// Looks at the next bytes.
    pub(super) fn follow(&mut self, mut bytes: &[u8], longest: u64) -> Result<(), Odd> {
        while let Some((&first, rest)) = bytes.split_first() {
            if self.left > 0 {
                let inside = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
                let (part, behind) = bytes.split_at(inside);
                self.look_into(part)?;
                self.left -= inside as u64;
                if self.left == 0 && !self.known {
                    return Err(Odd::NoLdap);
                }
                bytes = behind;
                continue;
            }
            bytes = rest;
            self.head.push(first);
            // Every LDAP message is a SEQUENCE.
            if self.head.first() != Some(&0x30) {
                return Err(Odd::NoLdap);
            }
            if let Some(head) = head(&self.head).map_err(|()| Odd::NoLdap)? {
                if head.length > longest {
                    return Err(Odd::TooLong(head.length));
                }
                if head.length == 0 {
                    return Err(Odd::NoLdap);
                }
                self.left = head.length;
                self.head.clear();
                self.start.clear();
                self.known = false;
            }
        }
        Ok(())
    }

    fn look_into(&mut self, part: &[u8]) -> Result<(), Odd> {
        for byte in part {
            if self.known {
                break;
            }
            self.start.push(*byte);
            self.known = is_answer(&self.start)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn messages_are_followed_wherever_they_are_cut() {
        let entry = [0x30, 0x05, 0x02, 0x01, 0x07, 0x64, 0x00];
        let done = [0x30, 0x82, 0x00, 0x07, 0x02, 0x02, 0x01, 0x00, 0x65, 0x01, 0x00];
        let stream = [&entry[..], &done, &entry].concat();
        for cut in 0..stream.len() {
            let mut messages = Messages::default();
            let (a, b) = stream.split_at(cut);
            assert_eq!(messages.follow(a, 100).and_then(|()| messages.follow(b, 100)), Ok(()));
            assert_eq!((messages.left, messages.head.len()), (0, 0));
        }
    }

    #[test]
    fn what_is_too_long_or_no_ldap_is_told_at_its_head() {
        let mut messages = Messages::default();
        assert_eq!(messages.follow(&[0x30, 0x84, 0x80, 0, 0, 0], 1000), Err(Odd::TooLong(0x8000_0000)));
        assert_eq!(Messages::default().follow(b"HTTP/1.1 400", 1000), Err(Odd::NoLdap));
        assert_eq!(Messages::default().follow(&[0x30, 0x80], 1000), Err(Odd::NoLdap));
        // No message, no number, an operation that nobody knows, and none at all.
        for odd in [&[0x30, 0x00][..], &[0x30, 1, 4], &[0x30, 4, 2, 1, 7, 0x5e], &[0x30, 3, 2, 1, 7]] {
            assert_eq!(Messages::default().follow(odd, 1000), Err(Odd::NoLdap), "{odd:x?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_odd(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = Messages::default().follow(&bytes, 20);
            let _ = element(&bytes);
        }
    }
}
