//! SHA-256 over parts that cannot run into each other.

use aws_lc_rs::digest;

/// A SHA-256 over a sequence of parts, each led by its length, so that `("ab", "c")` and
/// `("a", "bc")` differ.
pub struct Digest(digest::Context);

impl Digest {
    /// A digest of nothing yet.
    pub fn new() -> Self {
        Self(digest::Context::new(&digest::SHA256))
    }

    /// Adds one part.
    pub fn part(&mut self, part: &str) -> &mut Self {
        self.part_bytes(part.as_bytes())
    }

    /// Adds one part that may be no text.
    pub fn part_bytes(&mut self, part: &[u8]) -> &mut Self {
        self.0.update(&(part.len() as u64).to_be_bytes());
        self.0.update(part);
        self
    }

    /// Adds many parts, as [`Self::part`] would one by one.
    pub fn parts<'a>(&mut self, parts: impl IntoIterator<Item = &'a str>) -> &mut Self {
        const GATHERED: usize = 16 * 1024;
        let mut bytes = Vec::new();
        for part in parts {
            lead(&mut bytes, part);
            if bytes.len() >= GATHERED {
                self.0.update(&bytes);
                bytes.clear();
            }
        }
        self.0.update(&bytes);
        self
    }

    /// Adds bytes as they are, without their length: all parts given so hash like their concatenation.
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.update(bytes);
        self
    }

    /// The digest in lower-case hexadecimal, 64 digits.
    pub fn hex(self) -> String {
        hex(self.0.finish().as_ref())
    }
}

impl Default for Digest {
    fn default() -> Self {
        Self::new()
    }
}

fn lead(bytes: &mut Vec<u8>, part: &str) {
    bytes.extend((part.len() as u64).to_be_bytes());
    bytes.extend(part.as_bytes());
}

/// The digest of a few parts and nothing else, in lower-case hexadecimal.
pub fn parts_hex<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut bytes = Vec::with_capacity(256);
    parts.into_iter().for_each(|part| lead(&mut bytes, part));
    sha256_hex(&bytes)
}

/// SHA-256 of the bytes alone, in lower-case hexadecimal.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

/// The first 128 bits of the SHA-256 of the bytes: a key for tables of very many texts.
pub fn short(bytes: &[u8]) -> u128 {
    digest::digest(&digest::SHA256, bytes).as_ref().iter().take(16).fold(0, |sum, byte| sum << 8 | u128::from(*byte))
}

fn hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from(if half < 10 { b'0' + half } else { b'a' + (half - 10) });
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        text.push(digit(byte >> 4));
        text.push(digit(byte & 15));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_value_and_parts_kept_apart() {
        assert_eq!(sha256_hex(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(short(b"abc"), 0xba78_16bf_8f01_cfea_4141_40de_5dae_2223);
        let of = |parts: &[&str]| {
            let mut digest = Digest::new();
            for part in parts {
                digest.part(part);
            }
            digest.hex()
        };
        assert_ne!(of(&["ab", "c"]), of(&["a", "bc"]));
        let many: Vec<String> = (0..5_000).map(|number| number.to_string()).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let mut together = Digest::new();
        together.parts(many.iter().copied());
        assert_eq!(together.hex(), of(&many));
        assert_eq!(parts_hex(many.iter().copied()), of(&many));
        let mut pieces = Digest::new();
        pieces.bytes(b"a").bytes(b"bc");
        assert_eq!(pieces.hex(), sha256_hex(b"abc"));
    }
}
