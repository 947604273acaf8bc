//! `[[source]]` of kind `ldap`: a directory server.

use std::path::PathBuf;

use super::node::{Item, Table};
use super::seconds;
use crate::secret::Secret;
use crate::source::ldap::address::Server;
use crate::source::ldap::{Bind, Disabled, Preset, Schema, Settings, is_dn, is_filter};
use crate::tls::{Identity, Trust};

/// Checks it. None only where a mistake was noted.
pub(super) fn read(table: &Table<'_>) -> Option<Settings> {
    let start_tls = table.flag("start_tls").unwrap_or(false);
    let servers = servers(table, start_tls);
    let identity = identity(table);
    let bind = bind(table, &servers, identity.is_some());
    let trust = Trust { ca_file: file(table, "ca_file") };
    let schema = schema(table);
    Some(Settings {
        user_base: base(table, "user_base")?,
        group_base: base(table, "group_base")?,
        schema: schema?,
        bind: bind?,
        start_tls,
        trust,
        server_name: table.text("server_name").map(|name| name.trim().to_owned()),
        identity,
        nested: table.flag("nested").unwrap_or(true),
        page_size: table.number("page_size").unwrap_or(1000),
        timeout: table.duration("timeout").unwrap_or(seconds(60)),
        servers: servers.into_iter().map(|(_, server)| server).collect(),
    })
}

fn servers<'a>(table: &Table<'a>, start_tls: bool) -> Vec<(Item<'a>, Server)> {
    let items = table.texts("url").unwrap_or_default();
    if table.has("url") && items.is_empty() {
        table.mistake("url", "is empty", "name at least one server, such as \"ldaps://dc1.corp.example\"");
    }
    let mut servers = Vec::new();
    for item in items {
        let Some(text) = item.text().filter(|text| !text.trim().is_empty()) else { continue };
        match Server::parse(text) {
            Ok(server) => {
                if start_tls && !matches!(server, Server::Plain(_)) {
                    item.mistake(
                        "start_tls = true turns ldap:// into TLS, and this is another kind of address",
                        "write ldap://, or take start_tls out: ldaps:// is TLS from the start",
                    );
                }
                servers.push((item, server));
            }
            Err(error) => item.mistake(error.to_string(), error.help()),
        }
    }
    servers
}

fn bind(table: &Table<'_>, servers: &[(Item<'_>, Server)], has_identity: bool) -> Option<Bind> {
    let dn = table.text("bind_dn").map(str::trim);
    let password = table.secret("bind_password");
    if table.text("sasl") == Some("external") {
        for key in ["bind_dn", "bind_password"] {
            if table.has(key) {
                table.mistake(key, "has no meaning with sasl = \"external\"", "take one of the two out");
            }
        }
        let local = |(_, server): &(Item<'_>, Server)| matches!(server, Server::Socket(_));
        if !has_identity && !table.has("client_cert") && !servers.iter().all(local) {
            table.mistake(
                "sasl",
                "signs in with a client certificate, and there is none",
                "set client_cert and client_key, or use an ldapi:// address",
            );
        }
        return Some(Bind::External);
    }
    match (dn, table.has("bind_password")) {
        (None, false) => return Some(Bind::Anonymous),
        (None, true) => {
            table.mistake("bind_password", "has no bind_dn to go with it", "set bind_dn, or take the password out");
            return None;
        }
        (Some(_), false) => {
            table.mistake(
                "bind_dn",
                "has no bind_password to go with it",
                "set bind_password; for an anonymous bind take bind_dn out",
            );
            return None;
        }
        (Some(_), true) => {}
    }
    in_clear(table, servers);
    Some(Bind::Simple { dn: dn?.to_owned(), password: password? })
}

/// A password never goes over a clear connection to another machine.
fn in_clear(table: &Table<'_>, servers: &[(Item<'_>, Server)]) {
    if table.flag("start_tls") == Some(true) {
        return;
    }
    for (item, server) in servers.iter().filter(|(_, server)| matches!(server, Server::Plain(_)) && !server.is_local())
    {
        item.mistake(
            format!("{server} would carry the password in clear to another machine"),
            "write ldaps://, or set start_tls = true",
        );
    }
}

fn identity(table: &Table<'_>) -> Option<Identity> {
    let certificate = file(table, "client_cert");
    let key: Option<Secret> = table.secret("client_key");
    for (own, other) in [("client_cert", "client_key"), ("client_key", "client_cert")] {
        if table.has(own) && !table.has(other) {
            table.mistake(own, format!("has no {other} to go with it"), format!("set {other}"));
        }
    }
    Some(Identity { certificate: certificate?, key: key? })
}

fn file(table: &Table<'_>, key: &str) -> Option<PathBuf> {
    let path = table.desk().path(table.text(key).filter(|path| !path.trim().is_empty())?);
    if !path.is_file() {
        table.mistake(key, format!("\"{}\" is not a file", path.display()), "");
    }
    Some(path)
}

fn base(table: &Table<'_>, key: &str) -> Option<String> {
    let base = table.text(key).map(str::trim).filter(|base| !base.is_empty())?;
    if !is_dn(base) {
        table.mistake(key, format!("{base:?} is not a distinguished name"), "such as \"ou=People,dc=corp,dc=example\"");
    }
    Some(base.to_owned())
}

/// The preset, and what overrides it.
fn schema(table: &Table<'_>) -> Option<Schema> {
    let preset = Schema::of(Preset::parse(table.text("schema")?)?);
    let disabled = disabled(table);
    Some(Schema {
        user_filter: filter(table, "user_filter").unwrap_or(preset.user_filter),
        group_filter: filter(table, "group_filter").unwrap_or(preset.group_filter),
        user_name_attribute: attribute(table, "user_name_attribute").unwrap_or(preset.user_name_attribute),
        group_name_attributes: attributes(table, "group_name_attributes").unwrap_or(preset.group_name_attributes),
        member_attributes: attributes(table, "member_attributes").unwrap_or(preset.member_attributes),
        id_attribute: attribute(table, "id_attribute").unwrap_or(preset.id_attribute),
        email_attributes: attributes(table, "email_attributes").unwrap_or(preset.email_attributes),
        disabled: disabled.or(preset.disabled),
        primary_groups: preset.primary_groups,
    })
}

fn filter(table: &Table<'_>, key: &str) -> Option<String> {
    let filter = table.text(key).map(str::trim).filter(|filter| !filter.is_empty())?;
    if !is_filter(filter) {
        table.mistake(
            key,
            format!("{filter:?} is not a search filter"),
            "such as \"(&(objectClass=person)(mail=*))\", with every parenthesis closed",
        );
    }
    Some(filter.to_owned())
}

fn attribute(table: &Table<'_>, key: &str) -> Option<String> {
    table.get(key).and_then(|item| name(&item))
}

fn attributes(table: &Table<'_>, key: &str) -> Option<Vec<String>> {
    let items = table.texts(key)?;
    if items.is_empty() {
        table.mistake(key, "is empty", "take it out for what the schema says");
    }
    Some(items.iter().filter_map(name).collect())
}

/// The name of an attribute (RFC 4512, section 1.4), without options.
fn name(item: &Item<'_>) -> Option<String> {
    let name = item.text().map(str::trim).filter(|name| !name.is_empty())?;
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_')) {
        item.mistake(format!("{name:?} is not the name of an attribute"), "such as \"mail\"");
    }
    Some(name.to_owned())
}

fn disabled(table: &Table<'_>) -> Option<Disabled> {
    let table = table.get("disabled")?.table()?;
    let attribute = attribute(&table, "attribute")?;
    if let Some(bit) = table.number::<u64>("bit") {
        if !bit.is_power_of_two() {
            table.mistake("bit", format!("{bit} is not the value of one bit"), "such as 2 (1, 2, 4, 8, …)");
        }
        return Some(Disabled::Bit { attribute, bit });
    }
    let items = table.texts("values")?;
    if items.is_empty() {
        table.mistake("values", "is empty, so that nobody could have left", "name the values");
    }
    let values = items.iter().filter_map(Item::text).map(|value| value.trim().to_lowercase()).collect();
    Some(Disabled::Values { attribute, values })
}
