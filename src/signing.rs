//! Floor 1: Ed25519 keys (RFC 8032) for the log's checkpoints: read from PEM, signing, checking. Pure.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use rustls::pki_types::pem::{PemObject, SectionKind};

use crate::model::digest::sha256_hex;

/// What a public key of Ed25519 begins with in DER (RFC 8410, section 4): the 32 bytes of the key follow.
const SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// So many digits of a fingerprint name a key.
const ID_DIGITS: usize = 16;

/// What is wrong with a key. Says nothing of what was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// No `-----BEGIN PRIVATE KEY-----`, or what follows cannot be read.
    #[error("is not a private key in PKCS#8 PEM")]
    NotPrivate,
    /// It is protected by a passphrase, and nobody is there to type it.
    #[error("is encrypted, and there is nobody to ask for a passphrase")]
    Encrypted,
    /// RSA, ECDSA, Ed448, …
    #[error("is not a key of Ed25519")]
    OtherKind,
    /// More than one private key.
    #[error("has more than one key")]
    Several,
    /// No `-----BEGIN PUBLIC KEY-----`.
    #[error("has no public key in PEM")]
    NotPublic,
    /// The private key was given where the public one belongs.
    #[error("is a private key, and the public one is wanted")]
    Private,
}

impl KeyError {
    /// What to do about it.
    pub fn help(self) -> &'static str {
        match self {
            Self::NotPublic | Self::Private => "`rosterd audit pubkey` prints the public key",
            _ => "make one with: openssl genpkey -algorithm ed25519 -out audit-key.pem",
        }
    }
}

/// A key that signs. Debug shows which it is and nothing of it.
#[derive(Clone)]
pub struct SigningKey {
    pair: Arc<Ed25519KeyPair>,
    public: PublicKey,
}

impl SigningKey {
    /// Reads a private key in PKCS#8 PEM, as `openssl genpkey -algorithm ed25519` writes it.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        if text.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----") {
            return Err(KeyError::Encrypted);
        }
        let sections = sections(text).ok_or(KeyError::NotPrivate)?;
        let mut keys = sections.into_iter().filter(|(kind, _)| *kind == SectionKind::PrivateKey);
        let (_, der) = keys.next().ok_or(KeyError::NotPrivate)?;
        if keys.next().is_some() {
            return Err(KeyError::Several);
        }
        // OpenSSL leaves the public key out (PKCS#8 version 1): there is nothing to compare with then.
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der).map_err(|_| KeyError::OtherKind)?;
        let raw = pair.public_key().as_ref().try_into().map_err(|_| KeyError::OtherKind)?;
        Ok(Self { pair: Arc::new(pair), public: PublicKey::new(raw) })
    }

    /// The signature of a text, in Base64.
    pub fn sign(&self, text: &str) -> String {
        BASE64.encode(self.pair.sign(text.as_bytes()))
    }

    /// The key that checks its signatures.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[private key {}]", self.public.id())
    }
}

/// A key that checks signatures. It can be shown to anybody.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PublicKey {
    raw: [u8; 32],
    fingerprint: String,
}

impl PublicKey {
    fn new(raw: [u8; 32]) -> Self {
        let fingerprint = sha256_hex(&[&SPKI[..], &raw].concat());
        Self { raw, fingerprint }
    }

    /// Reads all public keys of a PEM text; there is one at least.
    pub fn all_from_pem(text: &str) -> Result<Vec<Self>, KeyError> {
        let sections = sections(text).ok_or(KeyError::NotPublic)?;
        if sections.iter().any(|(kind, _)| *kind == SectionKind::PrivateKey) {
            return Err(KeyError::Private);
        }
        let keys = sections.into_iter().filter(|(kind, _)| *kind == SectionKind::PublicKey);
        let keys = keys.map(|(_, der)| {
            let raw = der.strip_prefix(&SPKI).and_then(|raw| raw.try_into().ok());
            raw.map(Self::new).ok_or(KeyError::OtherKind)
        });
        let keys: Vec<Self> = keys.collect::<Result<_, _>>()?;
        if keys.is_empty() { Err(KeyError::NotPublic) } else { Ok(keys) }
    }

    /// What the key is called: the first 16 hexadecimal digits of its fingerprint.
    pub fn id(&self) -> &str {
        self.fingerprint.get(..ID_DIGITS).unwrap_or(&self.fingerprint)
    }

    /// SHA-256 of the key in DER (SubjectPublicKeyInfo), in hexadecimal.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// The key in PEM, as `openssl pkey -pubout` writes it.
    pub fn pem(&self) -> String {
        let der = BASE64.encode([&SPKI[..], &self.raw].concat());
        format!("-----BEGIN PUBLIC KEY-----\n{der}\n-----END PUBLIC KEY-----\n")
    }

    /// Whether this is the key's signature (in Base64) of the text.
    pub fn signed(&self, text: &str, signature: &str) -> bool {
        let Ok(signature) = BASE64.decode(signature) else {
            return false;
        };
        UnparsedPublicKey::new(&ED25519, &self.raw).verify(text.as_bytes(), &signature).is_ok()
    }
}

/// The parts of a PEM text; none where it is broken.
fn sections(text: &str) -> Option<Vec<(SectionKind, Vec<u8>)>> {
    <(SectionKind, Vec<u8>)>::pem_slice_iter(text.as_bytes()).collect::<Result<_, _>>().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    // The key of RFC 8410, section 10.3, and its public key of section 10.1.
    const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n";
    const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";

    #[test]
    fn a_key_of_the_standard_is_read_and_its_public_key_is_the_standards() {
        let key = SigningKey::from_pem(PRIVATE).expect("a good key");
        assert_eq!(key.public().pem(), PUBLIC);
        assert_eq!(PublicKey::all_from_pem(PUBLIC).expect("a good key"), [key.public().clone()]);
        assert_eq!(format!("{key:?}"), format!("[private key {}]", key.public().id()));
        assert!(key.public().fingerprint().starts_with(key.public().id()));
        assert_eq!((key.public().id().len(), key.public().fingerprint().len()), (16, 64));
    }

    #[test]
    fn a_signature_is_of_one_text_by_one_key() {
        let key = SigningKey::from_pem(PRIVATE).expect("a good key");
        let other = PublicKey::new([7; 32]);
        let signature = key.sign("text");
        assert!(key.public().signed("text", &signature));
        assert!(!key.public().signed("texts", &signature));
        assert!(!other.signed("text", &signature));
        for odd in ["", "A", "AAAA", "ä", signature.trim_end_matches('='), &signature.to_lowercase()] {
            assert!(!key.public().signed("text", odd), "{odd}");
        }
    }

    #[test]
    fn what_is_no_such_key_is_told_apart() {
        let bad = |text: &str| SigningKey::from_pem(text).expect_err("a bad key");
        assert_eq!(bad(""), KeyError::NotPrivate);
        assert_eq!(bad(PUBLIC), KeyError::NotPrivate);
        assert_eq!(bad(&PRIVATE.replace("-----END", "---END")), KeyError::NotPrivate);
        assert_eq!(bad(&PRIVATE.replace("MC4C", "MC4D")), KeyError::OtherKind);
        assert_eq!(bad(&PRIVATE.repeat(2)), KeyError::Several);
        assert_eq!(bad(&PRIVATE.replace("PRIVATE", "ENCRYPTED PRIVATE")), KeyError::Encrypted);
        let bad = |text: &str| PublicKey::all_from_pem(text).expect_err("no public key");
        assert_eq!(bad(PRIVATE), KeyError::Private);
        assert_eq!(bad("text"), KeyError::NotPublic);
        assert_eq!(bad(&PUBLIC.replace("MCow", "MCox")), KeyError::OtherKind);
        let text = format!("text around it\n{PUBLIC}\n{PUBLIC}");
        assert_eq!(PublicKey::all_from_pem(&text).expect("two keys").len(), 2);
    }
}
