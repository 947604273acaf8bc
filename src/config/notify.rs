//! `[[notify]]`: who hears of it when the state changes.

use super::node::{Item, Table};
use super::value;
use crate::model::address::Address;
use crate::secret::Secret;

/// One `[[notify]]`.
#[derive(Debug, Clone)]
pub struct NoticeSettings {
    /// How it is told.
    pub kind: NoticeKind,
    /// What is told, each once, in their order.
    pub on: Vec<NoticeOn>,
    /// Whether the text names people.
    pub personal_data: bool,
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

/// A change of state that can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NoticeOn {
    /// The guard holds something.
    Held,
    /// A run failed, or something could not be read or made.
    Failed,
    /// Hyperproof's throttling cut a run off.
    Throttled,
    /// All is well again.
    Recovered,
}

impl NoticeOn {
    /// Every one.
    pub const ALL: [NoticeOn; 4] = [Self::Held, Self::Failed, Self::Throttled, Self::Recovered];

    /// The word of the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Failed => "failed",
            Self::Throttled => "throttled",
            Self::Recovered => "recovered",
        }
    }
}

/// Checks them all; those with a mistake are left out.
pub(super) fn read(top: &Table<'_>) -> Vec<NoticeSettings> {
    top.tables("notify").iter().filter_map(notice).collect()
}

fn notice(table: &Table<'_>) -> Option<NoticeSettings> {
    let on = on(table);
    let kind = match table.text("kind")? {
        "webhook" => NoticeKind::Webhook { url: hook(table)? },
        "slack" => NoticeKind::Slack { url: hook(table)? },
        "teams" => NoticeKind::Teams { url: hook(table)? },
        "email" => email(table)?,
        _ => return None,
    };
    Some(NoticeSettings { kind, on, personal_data: table.flag("personal_data").unwrap_or(false) })
}

fn on(table: &Table<'_>) -> Vec<NoticeOn> {
    let Some(items) = table.texts("on") else {
        return NoticeOn::ALL.to_vec();
    };
    if items.is_empty() {
        table.mistake("on", "is empty, so that nothing would ever be told", "leave it out for everything");
    }
    let has = |on: &NoticeOn| items.iter().any(|item| item.text() == Some(on.as_str()));
    NoticeOn::ALL.into_iter().filter(has).collect()
}

fn hook(table: &Table<'_>) -> Option<Secret> {
    let url = table.secret("url")?;
    if !table.desk().leaves_secrets()
        && let Err(error) = value::hook_url(url.expose())
    {
        table.mistake("url", format!("what it names {error}"), error.help());
        return None;
    }
    Some(url)
}

fn email(table: &Table<'_>) -> Option<NoticeKind> {
    let server = server(table);
    let login = login(table);
    let address = |item: &Item<'_>| Address::parse(item.text()?).ok();
    let to: Vec<Address> = table.texts("to")?.iter().filter_map(address).collect();
    if to.is_empty() && table.texts("to").is_some_and(|items| items.is_empty()) {
        table.mistake("to", "is empty, so that nobody would be told", "name at least one address");
    }
    let tls = match table.text("tls") {
        Some("tls") => MailTls::Tls,
        Some("none") => MailTls::None,
        _ => MailTls::StartTls,
    };
    let (host, port) = server?;
    let is_here = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    if tls == MailTls::None && !is_here {
        table.mistake(
            "tls",
            "\"none\" would send everything in clear to another machine",
            "write \"starttls\" or \"tls\"",
        );
    }
    Some(NoticeKind::Email { host, port, from: address(&table.get("from")?)?, to, login, tls })
}

/// `host`, `host:port` or `[::1]:port`.
fn server(table: &Table<'_>) -> Option<(String, Option<u16>)> {
    let text = table.text("server").map(str::trim).filter(|text| !text.is_empty())?;
    let read = || {
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, Some(port.parse().ok()?)),
            _ => (text, None),
        };
        let host = url::Host::parse(host).ok()?;
        let host = host.to_string();
        Some((host.trim_matches(['[', ']']).to_owned(), port))
    };
    let server = read();
    if server.is_none() {
        table.mistake("server", format!("{text:?} is not a host, nor host:port"), "such as \"mail.corp.example:587\"");
    }
    server
}

fn login(table: &Table<'_>) -> Option<(String, Secret)> {
    let password = table.secret("password");
    match (table.has("username"), table.has("password")) {
        (true, false) => table.mistake("password", "is missing, but there is a username", ""),
        (false, true) => table.mistake("username", "is missing, but there is a password", ""),
        _ => {}
    }
    Some((table.text("username")?.to_owned(), password?))
}

#[cfg(test)]
mod tests {
    use super::NoticeOn;

    #[test]
    fn the_known_words_are_those_of_the_type() {
        assert_eq!(super::super::keys::NOTIFY_ON, NoticeOn::ALL.map(NoticeOn::as_str));
    }
}
