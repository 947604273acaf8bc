//! `[hyperproof]`: the organisation and how it is called.

use super::node::Table;
use super::seconds;
use crate::model::live::MemberIdKind;
use crate::target::Settings;
use crate::tls::Trust;

/// The account types that the vendor documents (hyperproof-api.md, section 7).
const KNOWN_TYPES: [&str; 7] = [
    "activeUser",
    "contact",
    "deactivatedUser",
    "serviceAccount",
    "deactivatedServiceAccount",
    "syncServiceAccount",
    "deactivatedSyncServiceAccount",
];

/// Checks it. None where a mistake was noted.
pub(super) fn read(table: &Table<'_>) -> Option<Settings> {
    let (api_url, token_url) = urls(table);
    let client_secret = table.secret("client_secret");
    let trust = trust(table);
    let eligible_types = eligible_types(table);
    Some(Settings {
        backoff: Settings::BACKOFF,
        api_url,
        token_url: token_url?,
        client_id: table.text("client_id")?.trim().to_owned(),
        client_secret: client_secret?,
        scope: table.text("scope").map(|scope| scope.trim().to_owned()),
        member_id: match table.text("member_id") {
            Some("user_id") => Some(MemberIdKind::UserId),
            Some("id") => Some(MemberIdKind::Id),
            _ => None,
        },
        requests_per_minute: table.number("requests_per_minute").unwrap_or(120),
        burst: table.number("burst").unwrap_or(10),
        concurrency: table.number("concurrency").unwrap_or(4),
        timeout: table.duration("timeout").unwrap_or(seconds(30)),
        max_attempts: table.number("max_attempts").unwrap_or(5),
        max_wait: table.duration("max_wait").unwrap_or(seconds(5 * 60)),
        eligible_types,
        proxy: table.text("proxy").and_then(|url| super::value::proxy_url(url).ok()),
        trust,
    })
}

/// The API and where tokens come from. Hosts: hyperproof-api.md, sections 1 and 2.
fn urls(table: &Table<'_>) -> (String, Option<String>) {
    let given = |key| table.text(key).and_then(|url| super::value::service_url(url).ok());
    let region = table.text("region").unwrap_or("us");
    let api = match region {
        "eu" => "https://api.hyperproof.eu/v1",
        "gov" => "https://api.hyperproofgov.app/v1",
        _ => "https://api.hyperproof.app/v1",
    };
    let token = match region {
        "eu" | "gov" => None,
        _ => Some("https://accounts.hyperproof.app/oauth/token".to_owned()),
    };
    if token.is_none() && table.is_there() && !table.has("token_url") {
        table.mistake(
            "token_url",
            format!("is missing, and the vendor publishes none for region \"{region}\""),
            "ask Hyperproof's support for the token address of your region",
        );
    }
    (given("api_url").unwrap_or_else(|| api.to_owned()), given("token_url").or(token))
}

fn eligible_types(table: &Table<'_>) -> Vec<String> {
    let Some(items) = table.texts("eligible_types") else {
        return vec!["activeUser".to_owned()];
    };
    if items.is_empty() {
        table.mistake(
            "eligible_types",
            "is empty, so that nobody could be added or removed",
            "leave it out for [\"activeUser\"]",
        );
    }
    let mut types: Vec<String> = Vec::new();
    for item in &items {
        let Some(text) = item.text() else { continue };
        if !KNOWN_TYPES.contains(&text) {
            let known = KNOWN_TYPES.join(", ");
            item.desk().warning(
                item.place(),
                format!("{text:?} is no account type that the vendor documents"),
                format!("documented: {known}"),
            );
        }
        if !types.iter().any(|known| known == text) {
            types.push(text.to_owned());
        }
    }
    types
}

/// `ca_file`, of this table or another.
pub(super) fn trust(table: &Table<'_>) -> Trust {
    let path = table.text("ca_file").map(|path| table.desk().path(path));
    if let Some(path) = &path
        && !path.is_file()
    {
        table.mistake("ca_file", format!("\"{}\" is not a file", path.display()), "");
    }
    Trust { ca_file: path }
}
