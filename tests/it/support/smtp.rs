//! A mail server: SMTP in clear, with STARTTLS, or in TLS from the start. It writes down what it gets.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::ca::Issued;

/// How the server protects its connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    None,
    StartTls,
    Tls,
}

/// A mail as it came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mail {
    pub from: String,
    pub to: Vec<String>,
    pub data: String,
    /// What AUTH PLAIN carried, base64.
    pub login: Option<String>,
    pub tls: bool,
}

#[derive(Debug, Default)]
struct Shared {
    mails: Vec<Mail>,
    /// Commands of all connections, those in clear marked so.
    commands: Vec<String>,
    /// Answers with which the next MAIL commands are refused.
    refusals: Vec<String>,
}

/// The server. It goes with the process of the test.
pub struct Smtp {
    pub port: u16,
    shared: Arc<Mutex<Shared>>,
}

impl Smtp {
    /// Starts one. A server without TLS needs no certificate.
    pub fn start(security: Security, issued: Option<&Issued>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let shared = Arc::new(Mutex::new(Shared::default()));
        let config = issued.map(server_config);
        let own = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (shared, config) = (Arc::clone(&own), config.clone());
                // A client that breaks off ends its connection, and nothing else.
                std::thread::spawn(move || connection(stream, security, config, &shared));
            }
        });
        Self { port, shared }
    }

    pub fn mails(&self) -> Vec<Mail> {
        self.lock().mails.clone()
    }

    /// The commands so far: `clear EHLO …`, `tls MAIL FROM:…`.
    pub fn commands(&self) -> Vec<String> {
        self.lock().commands.clone()
    }

    /// The next mail is refused with this answer.
    pub fn refuse(&self, answer: &str) {
        self.lock().refusals.push(answer.to_owned());
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().expect("no thread stops while it has it")
    }
}

/// What a server with this certificate speaks TLS by.
pub fn server_config(issued: &Issued) -> Arc<ServerConfig> {
    let certificates: Vec<CertificateDer<'static>> =
        CertificateDer::pem_file_iter(&issued.cert).expect("a file").map(|der| der.expect("PEM")).collect();
    let key = PrivateKeyDer::from_pem_file(&issued.key).expect("a key");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.expect("versions").with_no_client_auth();
    Arc::new(builder.with_single_cert(certificates, key).expect("they belong together"))
}

/// A connection, in TLS or in clear.
pub trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

fn connection(
    stream: TcpStream,
    security: Security,
    config: Option<Arc<ServerConfig>>,
    shared: &Mutex<Shared>,
) -> Option<()> {
    let secured = |stream: TcpStream| -> Option<Box<dyn Stream>> {
        Some(Box::new(StreamOwned::new(ServerConnection::new(config.clone()?).ok()?, stream)))
    };
    match security {
        Security::Tls => session(secured(stream)?, Some("AUTH PLAIN LOGIN"), true, true, shared).map(drop),
        Security::None => session(Box::new(stream), Some("AUTH PLAIN LOGIN"), false, true, shared).map(drop),
        Security::StartTls => {
            let second = stream.try_clone().ok()?;
            if session(Box::new(stream), Some("STARTTLS"), false, true, shared)? {
                session(secured(second)?, Some("AUTH PLAIN LOGIN"), true, false, shared)?;
            }
            Some(())
        }
    }
}

/// Speaks until the client goes, or asks for TLS: then true.
fn session(
    stream: Box<dyn Stream>,
    offers: Option<&str>,
    tls: bool,
    greets: bool,
    shared: &Mutex<Shared>,
) -> Option<bool> {
    let mut stream = BufReader::new(stream);
    let say = |stream: &mut BufReader<Box<dyn Stream>>, text: &str| {
        let out = stream.get_mut();
        out.write_all(format!("{text}\r\n").as_bytes()).and_then(|()| out.flush()).ok()
    };
    if greets {
        say(&mut stream, "220 mail.corp.example ESMTP")?;
    }
    let mut mail = Mail { tls, ..Mail::default() };
    loop {
        let line = line(&mut stream)?;
        let word = if tls { "tls" } else { "clear" };
        let lock = || shared.lock().expect("no thread stops while it has it");
        lock().commands.push(format!("{word} {line}"));
        let upper = line.to_uppercase();
        let inside = |text: &str| text.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
        match upper.split(' ').next().unwrap_or_default() {
            "EHLO" => say(&mut stream, &format!("250-mail.corp.example\r\n250 {}", offers.unwrap_or("HELP")))?,
            "STARTTLS" => {
                say(&mut stream, "220 go ahead")?;
                return Some(true);
            }
            "AUTH" => {
                mail.login = line.split(' ').nth(2).map(str::to_owned);
                say(&mut stream, "235 welcome")?;
            }
            "MAIL" => {
                let refusal = lock().refusals.pop();
                mail.from = inside(&line);
                say(&mut stream, refusal.as_deref().unwrap_or("250 ok"))?;
            }
            "RCPT" => {
                mail.to.push(inside(&line));
                say(&mut stream, "250 ok")?;
            }
            "DATA" => {
                say(&mut stream, "354 go on")?;
                mail.data = data(&mut stream)?;
                lock().mails.push(mail.clone());
                say(&mut stream, "250 taken")?;
            }
            "QUIT" => {
                say(&mut stream, "221 bye")?;
                return Some(false);
            }
            _ => say(&mut stream, "250 ok")?,
        }
    }
}

fn line(stream: &mut BufReader<Box<dyn Stream>>) -> Option<String> {
    let mut line = String::new();
    (stream.read_line(&mut line).ok()? > 0).then(|| line.trim_end().to_owned())
}

fn data(stream: &mut BufReader<Box<dyn Stream>>) -> Option<String> {
    let mut data = String::new();
    loop {
        let line = line(stream)?;
        if line == "." {
            return Some(data);
        }
        data.push_str(line.strip_prefix('.').unwrap_or(&line));
        data.push('\n');
    }
}
