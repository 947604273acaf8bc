//! Floor 1: every rustls client configuration is built here, with the one provider named, and every
//! refusal of a certificate becomes a sentence here.

mod pinned;

use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{CertificateError, ClientConfig, RootCertStore};

use crate::secret::Secret;

/// Whom to trust.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trust {
    /// PEM file of authorities that take the place of the system's.
    pub ca_file: Option<PathBuf>,
}

/// Our own certificate, for a server that wants to know who calls.
#[derive(Debug, Clone)]
pub struct Identity {
    /// PEM file of the certificate, with those of its authorities behind it.
    pub certificate: PathBuf,
    /// Its private key, PEM.
    pub key: Secret,
}

/// Why no configuration could be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// `ca_file` cannot be read, or holds something that is no certificate.
    #[error("ca_file {}: {why}", path.display())]
    CaFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The client certificate or its key is no good.
    #[error("client_cert {}: {why}", path.display())]
    Identity {
        /// The certificate's file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The system has no authority that could be read.
    #[error("the system has no certificate authorities")]
    NoRoots,
    /// The provider offers no protocol version that we ask for.
    #[error("TLS cannot be set up: {0}")]
    Provider(String),
}

impl TlsError {
    /// What to do about it.
    pub fn help(&self) -> &'static str {
        match self {
            Self::CaFile { .. } => "ca_file is a PEM file with the certificates of the authorities to trust",
            Self::Identity { .. } => "client_cert is a PEM file, and client_key the private key that belongs to it",
            Self::NoRoots => "install the system's ca-certificates, or set ca_file",
            Self::Provider(_) => "this is a fault of the build",
        }
    }
}

/// When a certificate (DER) ends; none where it cannot be read.
pub fn ends(certificate: &[u8]) -> Option<Timestamp> {
    let (_, certificate) = x509_parser::parse_x509_certificate(certificate).ok()?;
    Timestamp::from_second(certificate.validity().not_after.timestamp()).ok()
}

/// When our own certificate ends; none where it cannot be read.
pub fn identity_ends(identity: &Identity) -> Option<Timestamp> {
    ends(certificates(&identity.certificate).ok()?.first()?)
}

/// A configuration without ALPN and without a client certificate, and a warning for each of the
/// system's authorities that could not be read. Where `ca_file` is set, nobody else is trusted.
pub fn client_config(trust: &Trust) -> Result<(ClientConfig, Vec<String>), TlsError> {
    let (roots, warnings) = match &trust.ca_file {
        Some(path) => (file_roots(path)?, Vec::new()),
        None => system_roots()?,
    };
    Ok((with_roots(roots)?, warnings))
}

/// The authorities of [`client_config`], DER, for a client that builds its own configuration of them
/// (the mail client does, with the same provider), and the same warnings.
pub fn authorities(trust: &Trust) -> Result<(Vec<Vec<u8>>, Vec<String>), TlsError> {
    let Some(path) = &trust.ca_file else {
        let (taken, _, warnings) = system_authorities()?;
        return Ok((taken.into_iter().map(|certificate| certificate.to_vec()).collect(), warnings));
    };
    file_roots(path)?;
    let taken = certificates(path).map_err(|why| TlsError::CaFile { path: path.clone(), why })?;
    Ok((taken.into_iter().map(|certificate| certificate.to_vec()).collect(), Vec::new()))
}

/// A configuration for a directory server: as [`client_config`], with our own certificate where there
/// is one. A certificate of `ca_file` that is the server's own (self-signed, as `openssl req -x509`
/// makes it) is accepted for what it is: exactly this one, for its names, while it is valid.
pub fn directory_config(trust: &Trust, identity: Option<&Identity>) -> Result<(ClientConfig, Vec<String>), TlsError> {
    let (roots, warnings) = match &trust.ca_file {
        Some(path) => (file_roots(path)?, Vec::new()),
        None => system_roots()?,
    };
    let pinned = match &trust.ca_file {
        Some(path) => certificates(path).map_err(|why| TlsError::CaFile { path: path.clone(), why })?,
        None => Vec::new(),
    };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let fault = |error: &dyn fmt::Display| TlsError::Provider(error.to_string());
    let verifier = pinned::Verifier::new(roots, pinned, Arc::clone(&provider)).map_err(|error| fault(&error))?;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| fault(&error))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let config = match identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let fault = |why: String| TlsError::Identity { path: identity.certificate.clone(), why };
            let chain = certificates(&identity.certificate).map_err(fault)?;
            let key = PrivateKeyDer::from_pem_slice(identity.key.expose().as_bytes())
                .map_err(|_| fault("client_key is no private key in PEM".into()))?;
            builder.with_client_auth_cert(chain, key).map_err(|error| fault(error.to_string()))?
        }
    };
    Ok((config, warnings))
}

/// A configuration that trusts nobody: for a client that speaks to plain addresses alone, which shall
/// work on a machine without any authorities.
pub fn trusting_nobody() -> Result<ClientConfig, TlsError> {
    with_roots(RootCertStore::empty())
}

fn with_roots(roots: RootCertStore) -> Result<ClientConfig, TlsError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsError::Provider(error.to_string()))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

fn file_roots(path: &Path) -> Result<RootCertStore, TlsError> {
    let fault = |why: String| TlsError::CaFile { path: path.to_owned(), why };
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path).map_err(fault)? {
        roots.add(certificate).map_err(|error| fault(error.to_string()))?;
    }
    Ok(roots)
}

/// The certificates of a PEM file, at least one.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
    let all = CertificateDer::pem_slice_iter(&bytes).collect::<Result<Vec<_>, _>>();
    let all = all.map_err(|error| format!("is not PEM: {error}"))?;
    if all.is_empty() {
        return Err("holds no certificate".into());
    }
    Ok(all)
}

fn system_roots() -> Result<(RootCertStore, Vec<String>), TlsError> {
    let (_, roots, warnings) = system_authorities()?;
    Ok((roots, warnings))
}

/// One broken file among the system's costs that file, not the whole store.
fn system_authorities() -> Result<(Vec<CertificateDer<'static>>, RootCertStore, Vec<String>), TlsError> {
    let loaded = rustls_native_certs::load_native_certs();
    let mut warnings: Vec<String> = loaded
        .errors
        .iter()
        .map(|error| format!("a certificate authority of the system could not be read: {error}"))
        .collect();
    let mut roots = RootCertStore::empty();
    let mut taken = Vec::with_capacity(loaded.certs.len());
    for certificate in loaded.certs {
        match roots.add(certificate.clone()) {
            Ok(()) => taken.push(certificate),
            Err(error) => warnings.push(format!("a certificate authority of the system is not taken: {error}")),
        }
    }
    if roots.is_empty() {
        return Err(TlsError::NoRoots);
    }
    Ok((taken, roots, warnings))
}

/// What a failed handshake means, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub help: &'static str,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

/// The TLS failure among the causes of an error. A connection that was merely cut in mid-handshake
/// is none.
pub fn explain(error: &(dyn Error + 'static)) -> Option<Refusal> {
    let mut next = Some(error);
    while let Some(cause) = next {
        if let Some(found) = cause.downcast_ref::<rustls::Error>() {
            return Some(refusal(found));
        }
        // An io::Error passes over the error that it wraps when asked for its source.
        let inner = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if let Some(refusal) = inner.and_then(|inner| explain(inner)) {
            return Some(refusal);
        }
        next = cause.source();
    }
    None
}

fn refusal(error: &rustls::Error) -> Refusal {
    let (what, help) = match error {
        rustls::Error::InvalidCertificate(error) => return certificate_refusal(error),
        rustls::Error::PeerIncompatible(why) => (
            format!("the server shares no TLS version or cipher suite with us ({why:?})"),
            "the server must offer TLS 1.2 with an ECDHE suite, or TLS 1.3",
        ),
        rustls::Error::AlertReceived(alert) => {
            (format!("the server broke off the TLS handshake ({alert:?})"), "look into the server's log")
        }
        rustls::Error::InvalidMessage(_) => {
            ("the server does not speak TLS on this port".into(), "check scheme, host and port of the address")
        }
        other => (format!("TLS failed: {other}"), "look into the server's TLS set-up"),
    };
    Refusal { what, help }
}

fn certificate_refusal(error: &CertificateError) -> Refusal {
    use CertificateError as E;
    let (what, help) = match error {
        E::UnknownIssuer => (
            "the server's certificate was issued by an authority that is not trusted".into(),
            "set ca_file to the PEM file of the authority that issued it (a proxy that opens TLS has its own)",
        ),
        // Another authority of the same name signed it.
        E::BadSignature => (
            "the server's certificate was not signed by the authority that it names".into(),
            "set ca_file to the PEM file of the authority that issued it; the one in use may be an old one",
        ),
        E::Expired | E::ExpiredContext { .. } => (
            "the server's certificate has expired".into(),
            "renew the server's certificate, and check this machine's clock",
        ),
        E::NotValidYet | E::NotValidYetContext { .. } => {
            ("the server's certificate is not valid yet".into(), "check this machine's clock")
        }
        E::NotValidForName | E::NotValidForNameContext { .. } => (
            "the server's certificate is not for this name".into(),
            "use a name from the certificate's subjectAltName (the common name does not count)",
        ),
        E::Revoked => ("the server's certificate was revoked".into(), "renew the server's certificate"),
        other => {
            (format!("the server's certificate is not accepted: {other}"), "have the server's certificate issued anew")
        }
    };
    Refusal { what, help }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ca_file_that_is_no_good_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let cases = [
            ("absent.pem", None, "No such file"),
            ("empty.pem", Some(""), "holds no certificate"),
            ("text.pem", Some("hello"), "holds no certificate"),
            ("junk.pem", Some("-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n"), "certificate"),
        ];
        for (name, content, expected) in cases {
            let path = dir.path().join(name);
            if let Some(content) = content {
                std::fs::write(&path, content).unwrap();
            }
            let error = client_config(&Trust { ca_file: Some(path) }).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains(expected), "{error}");
        }
    }

    #[test]
    fn a_tls_error_is_found_behind_io_errors() {
        let inner = rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer);
        let error = io::Error::other(io::Error::new(io::ErrorKind::InvalidData, inner));
        assert!(explain(&error).unwrap().help.contains("ca_file"));
        assert_eq!(explain(&io::Error::other("cut")), None);
    }
}
