//! Names that stand for people in what leaves the house: the same person always has the same one, and without
//! the key nobody can tell whose it is.

use aws_lc_rs::hmac;

/// Makes pseudonyms with a key (HMAC-SHA-256).
pub struct Pseudonyms(hmac::Key);

impl Pseudonyms {
    /// With this key: 32 random bytes that are used for one purpose alone.
    pub fn new(key: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// The pseudonym of a value: `KIND-` and 16 hexadecimal digits of the HMAC over kind, a zero byte, and the
    /// value. The same value of another kind has another one.
    pub fn of(&self, kind: &str, value: &str) -> String {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(kind.as_bytes());
        context.update(&[0]);
        context.update(value.as_bytes());
        let digits: String = context.sign().as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        format!("{kind}-{digits}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pseudonym_is_stable_and_of_its_key_and_kind() {
        let of = |key: u8, kind: &str, value: &str| Pseudonyms::new(&[key; 32]).of(kind, value);
        assert_eq!(of(1, "user", "a"), of(1, "user", "a"));
        assert_eq!(of(1, "user", "a").len(), "user-".len() + 16);
        assert_ne!(of(1, "user", "a"), of(2, "user", "a"));
        assert_ne!(of(1, "user", "a").split_once('-').unwrap().1, of(1, "mail", "a").split_once('-').unwrap().1);
        assert_ne!(of(1, "user", "a"), of(1, "user", "b"));
        // Computed with: printf 'user\0a' | openssl dgst -sha256 -mac HMAC -macopt hexkey:0101…
        insta::assert_snapshot!(of(1, "user", "a"), @"user-d468fb24be7371ab");
    }
}
