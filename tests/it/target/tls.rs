//! Who is trusted.
#![expect(clippy::unwrap_used, reason = "a test whose server fails shall fail")]

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rosterd::target::{Client, TargetError};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use super::server::{Action, Server, ids};

struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        Self { issuer }
    }

    fn acceptor(&self, name: &str, expired: bool) -> TlsAcceptor {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        if expired {
            params.not_before = rcgen::date_time_ymd(2001, 1, 1);
            params.not_after = rcgen::date_time_ymd(2002, 1, 1);
        }
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let provider = Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}

#[tokio::test]
async fn a_certificate_is_always_checked() {
    let authority = Authority::new();
    let dir = tempfile::tempdir().unwrap();
    let ca_file = dir.path().join("ca.pem");
    std::fs::write(&ca_file, authority.issuer.pem()).unwrap();
    let other = dir.path().join("other.pem");
    std::fs::write(&other, Authority::new().issuer.pem()).unwrap();
    let cases = [
        ("127.0.0.1", false, Some(&ca_file), Ok(())),
        ("127.0.0.1", false, None, Err("ca_file")),
        ("127.0.0.1", false, Some(&other), Err("ca_file")),
        ("other.example", false, Some(&ca_file), Err("subjectAltName")),
        ("127.0.0.1", true, Some(&ca_file), Err("renew")),
    ];
    for (name, expired, ca_file, expected) in cases {
        let server = Server::start_with(Some(authority.acceptor(name, expired))).await;
        let mut settings = server.settings();
        settings.trust.ca_file = ca_file.cloned();
        let client = match Client::new(&settings) {
            Ok(client) => client,
            // A machine without any authorities refuses earlier, with the same advice.
            Err(error) => {
                assert!(ca_file.is_none() && error.help().contains("ca_file"), "{error}");
                continue;
            }
        };
        match (client.reader().own().await, expected) {
            (Ok(own), Ok(())) => {
                assert_eq!(own, "me");
                let ends = client.certificate_ends().expect("the server has shown its certificate");
                assert_eq!(ends.to_string(), "4096-01-01T00:00:00Z", "what the certificate says");
            }
            (Err(error @ TargetError::Tls { .. }), Err(help)) => {
                assert!(error.help().contains(help), "{name} {expired}: {error} {}", error.help());
                assert_eq!(client.calls().token, 1, "not tried again");
            }
            (got, _) => panic!("{name} {expired} {ca_file:?}: {got:?}"),
        }
    }
}

/// A record that is damaged where the answer is due: the request arrived, and what became of it is to be seen.
#[tokio::test]
async fn a_tls_fault_behind_the_request_is_a_lost_answer() {
    let authority = Authority::new();
    let ca_file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(ca_file.path(), authority.issuer.pem()).unwrap();
    let server = Server::start_with(Some(authority.acceptor("127.0.0.1", false))).await;
    let mut settings = server.settings();
    settings.trust.ca_file = Some(ca_file.path().to_owned());
    let writer = Client::new(&settings).unwrap().writer();
    server.fault("POST", "/groups", 0, 1, Action::PlainAfter);
    let created = writer.create_group("New", None, &ids("u1")).await;
    assert_eq!((created.result.as_str(), created.read_back), ("done", Some(true)), "{:?}", created.result);
    assert_eq!(server.count("POST /v1/groups"), 1, "made once");
    server.fault("POST", "/groups/g1/users", 0, 3, Action::PlainAfter);
    let written = writer.add_members(&"g1".into(), &ids("u3")).await;
    assert_eq!((written.members[0].result.as_str(), written.members[0].read_back), ("done", Some(true)));
    assert!(written.stop.is_none());
}

#[tokio::test]
async fn plain_http_on_a_tls_port_is_said_so() {
    let server = Server::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut settings = server.settings();
    settings.token_url = format!("https://{}/oauth/token", listener.local_addr().unwrap());
    let ca_file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(ca_file.path(), Authority::new().issuer.pem()).unwrap();
    settings.trust.ca_file = Some(ca_file.path().to_owned());
    let client = Client::new(&settings).unwrap();
    let reader = client.reader();
    let answer = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        stream
    };
    let (own, _stream) = tokio::join!(reader.own(), answer);
    let error = own.unwrap_err();
    assert!(error.help().contains("scheme"), "{error} {}", error.help());
}
