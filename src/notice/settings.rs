//! What `[[notify]]` says: to whom, how, and of what. Floor 2.

use crate::model::address::Address;
use crate::model::digest::Digest;
use crate::model::notice::NoticeOn;
use crate::secret::Secret;
use crate::tls::Trust;

/// One `[[notify]]`.
#[derive(Debug, Clone)]
pub struct NoticeSettings {
    /// How it is told.
    pub kind: NoticeKind,
    /// What is told, each once, in their order.
    pub on: Vec<NoticeOn>,
    /// Whether the text names people.
    pub personal_data: bool,
    /// Who may vouch for the receiver.
    pub trust: Trust,
    /// A proxy for hooks; none: those of the environment.
    pub proxy: Option<String>,
}

/// How a change of state is told.
#[derive(Debug, Clone)]
pub enum NoticeKind {
    /// A JSON document by POST.
    Webhook {
        /// The hook's address.
        url: Secret,
    },
    /// A Slack incoming webhook.
    Slack {
        /// The hook's address.
        url: Secret,
    },
    /// A Microsoft Teams webhook.
    Teams {
        /// The hook's address.
        url: Secret,
    },
    /// A mail.
    Email {
        /// Host of the mail server.
        host: String,
        /// Its port, where it is not the usual one.
        port: Option<u16>,
        /// The sender.
        from: Address,
        /// The recipients, at least one.
        to: Vec<Address>,
        /// The account on the mail server, with its password.
        login: Option<(String, Secret)>,
        /// How the connection is protected.
        tls: MailTls,
    },
}

/// How the connection to a mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailTls {
    /// It begins in clear and must turn into TLS.
    StartTls,
    /// It is TLS from the start.
    Tls,
    /// It is in clear; to this machine only.
    None,
}

impl NoticeSettings {
    /// The word of the configuration for the kind.
    pub fn kind(&self) -> &'static str {
        match self.kind {
            NoticeKind::Webhook { .. } => "webhook",
            NoticeKind::Slack { .. } => "slack",
            NoticeKind::Teams { .. } => "teams",
            NoticeKind::Email { .. } => "email",
        }
    }

    /// What stands for the receiver in the state file: its kind and a digest of where it is. A hook's
    /// address is a secret and is not in it.
    pub fn key(&self) -> String {
        let mut digest = Digest::new();
        match &self.kind {
            NoticeKind::Webhook { url } | NoticeKind::Slack { url } | NoticeKind::Teams { url } => {
                digest.part(url.expose());
            }
            NoticeKind::Email { host, port, from, to, .. } => {
                digest.part(host).part(&port.map(|port| port.to_string()).unwrap_or_default()).part(from.as_str());
                for to in to {
                    digest.part(to.as_str());
                }
            }
        }
        let hex = digest.hex();
        format!("{}-{}", self.kind(), hex.get(..16).unwrap_or(&hex))
    }
}
