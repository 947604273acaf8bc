//! `[[notify]]`: who hears of it when the state changes.

use super::node::{Item, Table};
use super::value;
use crate::model::address::Address;
use crate::model::notice::NoticeOn;
use crate::notice::{MailTls, NoticeKind, NoticeSettings};
use crate::secret::Secret;

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
    Some(NoticeSettings {
        kind,
        on,
        personal_data: table.flag("personal_data").unwrap_or(false),
        trust: super::hyperproof::trust(table),
        proxy: table.text("proxy").and_then(|url| value::proxy_url(url).ok()),
    })
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
