//! A certificate authority that is thrown away with its test.

use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};

/// The authority, and the directory it writes to.
pub struct Ca {
    issuer: CertifiedIssuer<'static, KeyPair>,
    dir: PathBuf,
}

/// A certificate and its key, as PEM files.
#[derive(Debug, Clone)]
pub struct Issued {
    pub cert: PathBuf,
    pub key: PathBuf,
}

impl Ca {
    /// Writes `<name>.pem` into that directory, and later what it issues.
    pub fn new(dir: &Path, name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names are fine names");
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let ca =
            Self { issuer: CertifiedIssuer::self_signed(params, key).expect("a certificate"), dir: dir.to_owned() };
        ca.write(&format!("{name}.pem"), &ca.issuer.pem(), 0o644);
        ca
    }

    /// The root that clients trust, given the name of the authority.
    pub fn root(dir: &Path, name: &str) -> PathBuf {
        dir.join(format!("{name}.pem"))
    }

    /// Issues for these host names or addresses, into `<file>.pem` and `<file>.key`.
    pub fn issue(&self, file: &str, names: &[&str]) -> Issued {
        self.sign(file, names, |_| ())
    }

    /// A certificate whose time has passed.
    pub fn issue_expired(&self, file: &str, names: &[&str]) -> Issued {
        self.sign(file, names, |params| {
            params.not_before = date_time_ymd(2001, 1, 1);
            params.not_after = date_time_ymd(2002, 1, 1);
        })
    }

    /// A certificate that ends so many days from now.
    pub fn issue_for_days(&self, file: &str, names: &[&str], days: u64) -> Issued {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock that is right");
        self.sign(file, names, |params| {
            params.not_before = date_time_ymd(2001, 1, 1);
            params.not_after = date_time_ymd(1970, 1, 1) + now + Duration::from_secs(days * 86_400 + 3_600);
        })
    }

    /// A server's certificate that is its own authority, as `openssl req -x509` makes it. It takes the
    /// place of the authority's file.
    pub fn own(dir: &Path, name: &str, names: &[&str]) -> Issued {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("host names");
        params.distinguished_name.push(DnType::CommonName, "self-signed");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let issuer = CertifiedIssuer::self_signed(params, &key).expect("a certificate");
        let ca = Ca::new(dir, "unused");
        Issued {
            cert: ca.write(&format!("{name}.pem"), &issuer.pem(), 0o644),
            key: ca.write(&format!("{name}.key"), &key.serialize_pem(), 0o600),
        }
    }

    fn sign(&self, file: &str, names: &[&str], adapt: impl Fn(&mut CertificateParams)) -> Issued {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("host names");
        params.distinguished_name.push(DnType::CommonName, file);
        adapt(&mut params);
        let key = KeyPair::generate().expect("a key");
        let cert = params.signed_by(&key, &self.issuer).expect("a certificate");
        // Samba refuses a key that others may read.
        Issued {
            cert: self.write(&format!("{file}.pem"), &cert.pem(), 0o644),
            key: self.write(&format!("{file}.key"), &key.serialize_pem(), 0o600),
        }
    }

    fn write(&self, name: &str, text: &str, mode: u32) -> PathBuf {
        let path = self.dir.join(name);
        let mut options = std::fs::File::options();
        let file = options.write(true).create(true).truncate(true).mode(mode).open(&path);
        std::io::Write::write_all(&mut file.expect("a writable directory"), text.as_bytes()).expect("a writable file");
        path
    }
}
