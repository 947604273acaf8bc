//! Whether long answers are the very ones of an earlier time, told ten times as quickly as by SHA-256.
//!
//! A seal is a message authentication code: of each piece of a part the GMAC (AES-GCM without a text,
//! NIST SP 800-38D), and the SHA-256 of all of them. Its key is known to whoever can read the seal, which is
//! our state file, and to nobody else. Without the key nobody can make other bytes that pass for the sealed
//! ones but by a chance of one in 2^100; no digest without a key is that quick and withstands people who
//! choose what stands in the answers.

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use super::digest::Digest;

/// So many bytes are sealed at once.
const PIECE: usize = 64 * 1024;

/// What a seal is made with. It is for one seal, by whose text it is told again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealKey(u128);

impl SealKey {
    /// A key from a number that nobody can guess.
    pub fn new(secret: u128) -> Self {
        Self(secret)
    }

    /// The key of a seal; none where the text is no seal.
    pub fn of(seal: &str) -> Option<Self> {
        let (key, _) = seal.split_once(':')?;
        u128::from_str_radix(key, 16).ok().map(Self)
    }

    /// The seal of parts that were taken in with this key.
    pub fn seal(self, parts: impl IntoIterator<Item = Part>) -> String {
        let mut digest = Digest::new();
        for part in parts {
            digest.part(&part.finish());
        }
        format!("{:032x}:{}", self.0, digest.hex())
    }
}

/// A part of what is sealed, taken in as it comes.
pub struct Part {
    key: LessSafeKey,
    number: u32,
    pieces: u64,
    /// What does not make a piece yet.
    rest: Vec<u8>,
    codes: Digest,
}

impl Part {
    /// The beginning of a part. Parts of one seal have different numbers.
    pub fn new(key: SealKey, number: u32) -> Self {
        let key = UnboundKey::new(&AES_128_GCM, &key.0.to_be_bytes()).expect("the key of AES-128 has 16 bytes");
        Self { key: LessSafeKey::new(key), number, pieces: 0, rest: Vec::new(), codes: Digest::new() }
    }

    /// More of it; how it is cut makes no difference.
    pub fn take(&mut self, mut bytes: &[u8]) -> &mut Self {
        while let Some((now, later)) = bytes.split_at_checked(PIECE - self.rest.len()) {
            if self.rest.is_empty() {
                self.piece(now);
            } else {
                let mut piece = std::mem::take(&mut self.rest);
                piece.extend_from_slice(now);
                self.piece(&piece);
                piece.clear();
                self.rest = piece;
            }
            bytes = later;
        }
        self.rest.extend_from_slice(bytes);
        self
    }

    fn piece(&mut self, bytes: &[u8]) {
        // No two codes under one key with one number: this is what their strength rests on.
        let mut number = [0; 12];
        let (part, piece) = number.split_at_mut(4);
        part.copy_from_slice(&self.number.to_be_bytes());
        piece.copy_from_slice(&self.pieces.to_be_bytes());
        let number = Nonce::assume_unique_for_key(number);
        let code = self.key.seal_in_place_separate_tag(number, Aad::from(bytes), &mut []);
        self.codes.bytes(code.expect("a piece is shorter than the 2^61 bytes that GCM takes").as_ref());
        self.pieces += 1;
    }

    /// The last piece is shorter than all others, and may be empty: so no part is the beginning of another.
    fn finish(mut self) -> String {
        let rest = std::mem::take(&mut self.rest);
        self.piece(&rest);
        self.codes.hex()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: SealKey = SealKey(0x00ff_0123_4567_89ab_cdef_0123_4567_89ab);

    fn seal(key: SealKey, parts: &[&[u8]]) -> String {
        let part = |(number, bytes): (usize, &&[u8])| {
            let mut part = Part::new(key, number as u32);
            part.take(bytes);
            part
        };
        key.seal(parts.iter().enumerate().map(part))
    }

    #[test]
    fn a_seal_names_its_key_and_fits_the_same_bytes_alone() {
        let long: Vec<u8> = (0..3 * PIECE + 5).map(|at| (at * 7 % 251) as u8).collect();
        let of = |bytes: &[u8]| seal(KEY, &[b"own", bytes]);
        assert_eq!(SealKey::of(&of(&long)), Some(KEY));
        assert_eq!(of(&long), of(&long));
        let mut others = vec![Vec::new(), [&long[..], b"x"].concat(), long[1..].to_vec()];
        others.extend([PIECE, 2 * PIECE, 3 * PIECE, long.len() - 1].map(|length| long[..length].to_vec()));
        for at in [0, PIECE - 1, PIECE, 2 * PIECE + 1, long.len() - 1] {
            let mut other = long.clone();
            other[at] ^= 1;
            others.push(other);
        }
        let mut seals: Vec<String> = others.iter().map(|other| of(other)).collect();
        seals.push(of(&long));
        seals.push(seal(KEY, &[b"ow", &[b"n", &long[..]].concat()]));
        seals.push(seal(KEY, &[&long, b"own"]));
        seals.push(seal(SealKey(1), &[b"own", &long]));
        let count = seals.len();
        seals.sort();
        seals.dedup();
        assert_eq!(seals.len(), count);
    }

    #[test]
    fn how_a_part_is_cut_makes_no_difference() {
        let long: Vec<u8> = (0..2 * PIECE + 5).map(|at| (at * 7 % 251) as u8).collect();
        let whole = seal(KEY, &[&long]);
        for cut in [1, 1000, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, long.len()] {
            let mut part = Part::new(KEY, 0);
            long.chunks(cut).for_each(|piece| _ = part.take(piece));
            assert_eq!(KEY.seal([part]), whole, "{cut}");
        }
    }

    #[test]
    fn what_is_no_seal_has_no_key() {
        for text in ["", "x", "x:y", ":", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"] {
            assert_eq!(SealKey::of(text), None, "{text}");
        }
    }
}
