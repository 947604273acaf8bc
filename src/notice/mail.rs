//! Mail: one message over SMTP. Floor 2.

use std::error::Error;

use lettre::message::header::{ContentType, Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MessageBuilder};
use lettre::transport::smtp;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};

use super::error::{NoticeError, cause, quote};
use super::settings::MailTls;
use super::{DEADLINE, Message};
use crate::model::address::Address;
use crate::secret::Secret;
use crate::tls::{self, Trust};

/// The mail server.
pub(super) struct Server<'a> {
    pub(super) host: &'a str,
    pub(super) port: Option<u16>,
    pub(super) login: Option<&'a (String, Secret)>,
    pub(super) tls: MailTls,
}

/// Says that nobody wrote it, so that nobody's absence notice answers it (RFC 3834).
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

/// Hands the message over to the server.
pub(super) async fn send(
    server: &Server<'_>,
    trust: &Trust,
    (from, to): (&Address, &[Address]),
    message: &Message,
) -> Result<(), NoticeError> {
    let mail = mail(from, to, message)?;
    let (tls, port) = match server.tls {
        MailTls::None => (Tls::None, 25),
        MailTls::StartTls => (Tls::Required(parameters(server.host, trust)?), 587),
        MailTls::Tls => (Tls::Wrapper(parameters(server.host, trust)?), 465),
    };
    let mut transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(server.host)
        .port(server.port.unwrap_or(port))
        .timeout(Some(DEADLINE / 2))
        .tls(tls);
    if let Some((user, password)) = server.login {
        transport = transport.credentials(Credentials::new(user.clone(), password.expose().to_owned()));
    }
    let sent = transport.build::<Tokio1Executor>().send(mail).await;
    sent.map(drop).map_err(|error| failed(&error, server))
}

fn mail(from: &Address, to: &[Address], message: &Message) -> Result<lettre::Message, NoticeError> {
    let mailbox = |address: &Address, what: &str| {
        let parsed = address.as_str().parse::<lettre::Address>();
        let parsed = parsed.map_err(|_| NoticeError::lasting(format!("{what} is no address that mail can carry")))?;
        Ok::<_, NoticeError>(Mailbox::new(None, parsed))
    };
    let sender = mailbox(from, "from")?;
    let id = format!("<{}@{}>", message.id, sender.email.domain());
    // A subject is one line: what would begin another header has no way in.
    let subject: String = message.subject.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let mut builder: MessageBuilder = lettre::Message::builder()
        .from(sender)
        .subject(subject)
        .message_id(Some(id))
        .header(AutoSubmitted)
        .header(ContentType::TEXT_PLAIN);
    for address in to {
        builder = builder.to(mailbox(address, "to")?);
    }
    builder.body(message.body.clone()).map_err(|error| NoticeError::lasting(quote(&error.to_string(), &[])))
}

/// Trust as everywhere in the house: the system's authorities, or those of `ca_file` alone.
fn parameters(host: &str, trust: &Trust) -> Result<TlsParameters, NoticeError> {
    let (authorities, warnings) = tls::authorities(trust)?;
    for warning in warnings {
        tracing::debug!("{warning}");
    }
    let refused = |error: smtp::Error| NoticeError::lasting(cause(&error));
    let mut builder = TlsParameters::builder(host.to_owned()).certificate_store(CertificateStore::None);
    for authority in authorities {
        builder = builder.add_root_certificate(Certificate::from_der(authority).map_err(refused)?);
    }
    builder.build_rustls().map_err(refused)
}

/// A mail server says no for reasons that pass and in codes that do not tell, so all of it is tried
/// again; the whole is given up above after some days.
fn failed(error: &smtp::Error, server: &Server<'_>) -> NoticeError {
    if let Some(refused) = NoticeError::of_tls(error) {
        return refused;
    }
    let password = server.login.map_or("", |(_, password)| password.expose());
    let words = quote(&cause(error), &[password]);
    match error.status() {
        Some(status) => NoticeError::again(format!("the mail server answered {status}: {words}")),
        None if words.is_empty() => NoticeError::again("the mail server could not be spoken to"),
        None => NoticeError::again(words),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_cannot_begin_another_header() {
        let address = |text: &str| Address::parse(text).unwrap();
        let message = Message {
            id: "0199".into(),
            subject: "rosterd on a\r\nBcc: thief@evil.example\r\n\r\nx\u{85}y".into(),
            body: "Bcc: no header\n.\n".into(),
        };
        let mail = mail(&address("rosterd@corp.example"), &[address("grc@corp.example")], &message).unwrap();
        let text = String::from_utf8(mail.formatted()).unwrap();
        let (headers, _) = text.split_once("\r\n\r\n").unwrap();
        let names: Vec<&str> = headers.lines().filter_map(|line| line.split_once(": ")).map(|(name, _)| name).collect();
        for name in ["From", "To", "Subject", "Message-ID", "Auto-Submitted", "Date"] {
            assert_eq!(names.iter().filter(|found| **found == name).count(), 1, "{name}: {headers}");
        }
        assert!(!names.contains(&"Bcc"), "{headers}");
        assert_eq!(mail.envelope().to().len(), 1);
    }
}
