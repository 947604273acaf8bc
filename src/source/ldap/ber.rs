//! The little BER that is read outside the LDAP crate: how long a message is, and which messages are
//! entries. Floor 2, pure.

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

/// Operations that a server may send (RFC 4511, section 4.2 on). The LDAP crate panics on any other.
const ANSWERS: [u8; 11] = [0x61, ENTRY, 0x65, 0x67, 0x69, 0x6b, 0x6d, 0x6f, 0x73, 0x78, 0x79];

/// The operation that brings an entry of a search (RFC 4511, section 4.5.2).
const ENTRY: u8 = 0x64;

/// Why a stream of messages is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Odd {
    /// It is no LDAP.
    NoLdap,
    /// A message announces more bytes than are taken.
    TooLong(u64),
}

/// What a message is, told from its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Start {
    operation: u8,
    /// Bytes of the whole message.
    size: usize,
}

/// Looks at the start of a message. `Ok(None)`: it is too short to tell.
fn start(bytes: &[u8], longest: u64) -> Result<Option<Start>, Odd> {
    // Every LDAP message is a SEQUENCE: a number, and the operation of an answer.
    if bytes.first().is_some_and(|tag| *tag != 0x30) {
        return Err(Odd::NoLdap);
    }
    let Some(message) = head(bytes).map_err(|()| Odd::NoLdap)? else { return Ok(None) };
    if message.length > longest {
        return Err(Odd::TooLong(message.length));
    }
    let length = usize::try_from(message.length).map_err(|_| Odd::TooLong(message.length))?;
    let inside = bytes.get(message.size..).unwrap_or_default();
    let inside = inside.get(..length).unwrap_or(inside);
    let is_whole = inside.len() == length;
    let (tag, digits) = match (inside.first(), inside.get(1)) {
        (Some(tag), Some(digits)) => (*tag, *digits),
        _ if is_whole => return Err(Odd::NoLdap),
        _ => return Ok(None),
    };
    if tag != 0x02 || !(1..=4).contains(&digits) {
        return Err(Odd::NoLdap);
    }
    match inside.get(2 + usize::from(digits)) {
        Some(&operation) if ANSWERS.contains(&operation) => Ok(Some(Start { operation, size: message.size + length })),
        None if !is_whole => Ok(None),
        _ => Err(Odd::NoLdap),
    }
}

/// Whole messages at the front of what came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Front {
    /// Not even one: more must come first.
    Nothing,
    /// Entries of searches, in so many bytes.
    Entries(usize),
    /// Other messages, in so many bytes.
    Others(usize),
}

/// Tells what is at the front of what came, up to where a message is cut or of the other kind. What is no
/// LDAP, or longer than `longest`, is told as soon as its head is there.
pub(super) fn front(bytes: &[u8], longest: u64) -> Result<Front, Odd> {
    let mut front = Front::Nothing;
    let mut end = 0;
    loop {
        let rest = bytes.get(end..).unwrap_or_default();
        let found = match start(rest, longest) {
            // What is before it was good: it is told of first.
            Err(_) if end > 0 => return Ok(front),
            found => found?,
        };
        let Some(message) = found.filter(|message| message.size <= rest.len()) else { return Ok(front) };
        end += message.size;
        front = match (front, message.operation == ENTRY) {
            (Front::Nothing | Front::Entries(_), true) => Front::Entries(end),
            (Front::Nothing | Front::Others(_), false) => Front::Others(end),
            _ => return Ok(front),
        };
    }
}

/// An entry's message: its number, and the content of the operation.
pub(super) fn entry(message: &[u8]) -> Option<(i32, &[u8])> {
    let (0x02, digits, rest) = element(message)? else { return None };
    let (ENTRY, content, _) = element(rest)? else { return None };
    // Numbers are from 0 to 2^31 - 1, so that the sign's bit is never set.
    let number = digits.iter().fold(0u32, |sum, byte| sum << 8 | u32::from(*byte));
    Some((i32::try_from(number).ok()?, content))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ENTRY_7: [u8; 7] = [0x30, 0x05, 0x02, 0x01, 0x07, 0x64, 0x00];
    const DONE: [u8; 11] = [0x30, 0x82, 0x00, 0x07, 0x02, 0x02, 0x01, 0x00, 0x65, 0x01, 0x00];

    /// What a pipe makes of bytes that come in two parts.
    fn piped(parts: [&[u8]; 2]) -> Vec<(bool, Vec<u8>)> {
        let mut came = Vec::new();
        let mut passed: Vec<(bool, Vec<u8>)> = Vec::new();
        for part in parts {
            came.extend_from_slice(part);
            loop {
                let (entries, size) = match front(&came, 100).unwrap() {
                    Front::Nothing => break,
                    Front::Entries(size) => (true, size),
                    Front::Others(size) => (false, size),
                };
                let rest = came.split_off(size);
                let piece = std::mem::replace(&mut came, rest);
                match passed.last_mut().filter(|(kind, _)| *kind == entries) {
                    Some((_, last)) => last.extend(piece),
                    None => passed.push((entries, piece)),
                }
            }
        }
        assert!(came.is_empty(), "{came:x?}");
        passed
    }

    #[test]
    fn messages_are_told_apart_wherever_they_are_cut() {
        let stream = [&ENTRY_7[..], &ENTRY_7, &DONE, &DONE, &ENTRY_7].concat();
        let whole = vec![(true, [ENTRY_7, ENTRY_7].concat()), (false, [DONE, DONE].concat()), (true, ENTRY_7.to_vec())];
        for cut in 0..stream.len() {
            let (a, b) = stream.split_at(cut);
            assert_eq!(piped([a, b]), whole, "cut at {cut}");
        }
    }

    #[test]
    fn what_is_too_long_or_no_ldap_is_told_at_its_head() {
        assert_eq!(front(&[0x30, 0x84, 0x80, 0, 0, 0], 1000), Err(Odd::TooLong(0x8000_0000)));
        assert_eq!(front(b"HTTP/1.1 400", 1000), Err(Odd::NoLdap));
        assert_eq!(front(&[0x30, 0x80], 1000), Err(Odd::NoLdap));
        // No message, no number, an operation that nobody knows, and none at all.
        for odd in [&[0x30, 0x00][..], &[0x30, 1, 4], &[0x30, 4, 2, 1, 7, 0x5e], &[0x30, 3, 2, 1, 7]] {
            assert_eq!(front(odd, 1000), Err(Odd::NoLdap), "{odd:x?}");
            let behind = [&ENTRY_7[..], odd].concat();
            assert_eq!(front(&behind, 1000), Ok(Front::Entries(ENTRY_7.len())), "what came before is good");
        }
    }

    #[test]
    fn an_entry_has_a_number() {
        let message = |bytes| element(bytes).unwrap().1;
        assert_eq!(entry(message(&ENTRY_7)), Some((7, &[][..])));
        assert_eq!(entry(message(&DONE)), None);
        // The operation announces more than the message has.
        assert_eq!(entry(&[0x02, 0x01, 0x07, 0x64, 0x01]), None);
        assert_eq!(entry(&[0x02, 0x04, 0xff, 0xff, 0xff, 0xff, 0x64, 0x00]), None);
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_odd(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = element(&bytes);
            let _ = entry(&bytes);
            match front(&bytes, 20) {
                Ok(Front::Entries(size) | Front::Others(size)) => prop_assert!((1..=bytes.len()).contains(&size)),
                Ok(Front::Nothing) | Err(_) => {}
            }
        }
    }
}
