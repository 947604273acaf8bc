//! Floor 2: telling people that the state changed: webhook, Slack, Teams, e-mail. One attempt is made
//! here, within a deadline; what is told and when it is tried again is decided above.

mod error;
mod hook;
mod mail;
mod settings;

use std::time::Duration;

pub use error::NoticeError;
pub use settings::{MailTls, NoticeKind, NoticeSettings};

/// No attempt takes longer, whatever the other side does.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// What is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// What tells this notice from every other: a repetition bears the same.
    pub id: String,
    /// The subject of a mail.
    pub subject: String,
    /// The text of a mail; for hooks the JSON document that they expect.
    pub body: String,
}

/// Sends it once.
///
/// # Errors
/// What went wrong, without the receiver's address, and whether it can be otherwise the next time.
pub async fn send(settings: &NoticeSettings, message: &Message) -> Result<(), NoticeError> {
    let attempt = async {
        match &settings.kind {
            NoticeKind::Webhook { url } | NoticeKind::Slack { url } | NoticeKind::Teams { url } => {
                hook::post(url, settings, message).await
            }
            NoticeKind::Email { host, port, from, to, login, tls } => {
                let server = mail::Server { host, port: *port, login: login.as_ref(), tls: *tls };
                mail::send(&server, &settings.trust, (from, to), message).await
            }
        }
    };
    match tokio::time::timeout(DEADLINE, attempt).await {
        Ok(result) => result,
        Err(_) => Err(NoticeError::again(format!("no answer within {} s", DEADLINE.as_secs()))),
    }
}
