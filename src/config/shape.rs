//! Raw: whether the file has the shape that [`super::keys`] describes. Every unknown key, missing
//! key, wrong type and impossible single value is noted; what values mean together is left to the
//! checks.

use super::keys::{Key, Shape};
use super::node::{Item, Table};
use super::spelling::nearest;
use super::value;
use crate::model::address::Address;

/// Checks a table against its keys.
pub(super) fn table(table: &Table<'_>, keys: &[Key]) {
    for (name, item) in table.entries() {
        match keys.iter().find(|key| key.name == name) {
            Some(key) => check(&item, &key.shape),
            None => unknown(name, &item, keys),
        }
    }
    for key in keys.iter().filter(|key| key.required && !table.has(key.name)) {
        missing(table, key);
    }
}

fn unknown(name: &str, item: &Item<'_>, keys: &[Key]) {
    let help = match nearest(name, keys.iter().map(|key| key.name)) {
        Some(meant) => format!("did you mean \"{meant}\"?"),
        None => format!("known here: {}", keys.iter().map(|key| key.name).collect::<Vec<_>>().join(", ")),
    };
    item.mistake("is not a known key", help);
}

fn missing(table: &Table<'_>, key: &Key) {
    let help = match key.shape {
        Shape::Tables(_) | Shape::Kinds(_) => format!("add a [[{}]]: {}", key.name, lower(key.about)),
        Shape::Table(_) => format!("add a [{}] table: {}", key.name, lower(key.about)),
        Shape::Secret => format!(
            "{} Write {} = {{ credential = \"name\" }}, {{ file = \"path\" }} or {{ env = \"NAME\" }}.",
            key.about, key.name
        ),
        _ => key.about.to_owned(),
    };
    table.mistake(key.name, "is missing", help);
}

/// A sentence as it goes on behind a colon.
fn lower(sentence: &str) -> String {
    let mut letters = sentence.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}

fn check(item: &Item<'_>, shape: &Shape) {
    match shape {
        Shape::Text => text(item, |text| (!text.trim().is_empty()).then_some(())),
        Shape::AnyText => text(item, |_| Some(())),
        Shape::OneOf(words) => one_of(item, words),
        Shape::Whole(least, most) => whole(item, *least, *most),
        Shape::Flag if item.flag().is_none() => expected(item, "true or false"),
        Shape::Flag => {}
        Shape::Duration(least) => duration(item, *least),
        Shape::Address => address(item, false),
        Shape::AddressOrEmpty => address(item, true),
        Shape::Url => url(item, value::service_url),
        Shape::Proxy => url(item, value::proxy_url),
        Shape::Secret => secret(item),
        Shape::List(of) => list(item, of),
        Shape::OneOrMore(of) if item.is_list() => list(item, of),
        Shape::OneOrMore(of) => check(item, of),
        Shape::Table(keys) => with_table(item, |inner| table(inner, keys)),
        Shape::Tables(keys) => with_tables(item, |inner| table(inner, keys)),
        Shape::Kinds(kinds) => with_tables(item, |inner| kind(inner, kinds)),
        Shape::Named(keys) => with_table(item, |all| {
            for (_, item) in all.entries() {
                with_table(&item, |inner| table(inner, keys));
            }
        }),
        Shape::Either(first, second) => with_table(item, |inner| either(inner, first, second)),
    }
}

fn expected(item: &Item<'_>, what: &str) {
    item.mistake(format!("must be {what}, but is {}", item.kind()), "");
}

fn text(item: &Item<'_>, is_good: impl Fn(&str) -> Option<()>) {
    match item.text() {
        None => expected(item, "a text in quotes"),
        Some(text) if is_good(text).is_none() => item.mistake("is empty", ""),
        Some(_) => {}
    }
}

fn one_of(item: &Item<'_>, words: &[&str]) {
    let choice = words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", ");
    let choice = if words.len() > 1 { format!("one of {choice}") } else { choice };
    match item.text() {
        None => expected(item, &choice),
        Some(text) if words.contains(&text) => {}
        Some(text) => {
            let help = nearest(text, words.iter().copied()).map(|meant| format!("did you mean \"{meant}\"?"));
            item.mistake(format!("must be {choice}, but is {text:?}"), help.unwrap_or_default());
        }
    }
}

fn whole(item: &Item<'_>, least: i64, most: i64) {
    if !item.is_whole() {
        expected(item, "a whole number");
    } else if item.whole().is_none_or(|number| number < least || number > most) {
        item.mistake(format!("must be from {least} to {most}"), "");
    }
}

const DURATION_HELP: &str =
    "write numbers with the units ms, s, m, h and d, such as \"30s\", \"15m\", \"24h\", \"400d\" or \"1h 30m\"";

fn duration(item: &Item<'_>, least: std::time::Duration) {
    let Some(text) = item.text() else {
        item.mistake(format!("must be a duration in quotes, but is {}", item.kind()), DURATION_HELP);
        return;
    };
    match value::duration(text) {
        None => item.mistake(format!("{text:?} is not a duration"), DURATION_HELP),
        Some(duration) if duration < least => item.mistake(format!("must be at least {}", value::show(least)), ""),
        Some(_) => {}
    }
}

fn address(item: &Item<'_>, may_be_empty: bool) {
    match item.text() {
        None => expected(item, "an e-mail address in quotes"),
        Some("") if may_be_empty => {}
        Some(text) => {
            if let Err(error) = Address::written(text) {
                // The text may be somebody's name, and the line tells which one it is.
                item.mistake(error.to_string(), "write a whole address, such as \"ann@corp.example\"");
            }
        }
    }
}

fn url(item: &Item<'_>, read: impl Fn(&str) -> Result<String, value::UrlError>) {
    match item.text() {
        None => expected(item, "a web address in quotes"),
        Some(text) => {
            if let Err(error) = read(text) {
                item.mistake(error.to_string(), error.help());
            }
        }
    }
}

/// How a secret is written.
pub(super) const SECRET_HELP: &str = "write { credential = \"name\" } (a file in systemd's $CREDENTIALS_DIRECTORY), { file = \"path\" } or { env = \"NAME\" }";

/// A secret's own text and the keys of its table are never quoted: somebody may have put it there.
fn secret(item: &Item<'_>) {
    let Some(table) = item.table() else {
        let what = if item.text().is_some() {
            "is written in the file, and secrets are never inline".to_owned()
        } else {
            format!("must be a table that says where the secret is, but is {}", item.kind())
        };
        item.mistake(what, SECRET_HELP);
        return;
    };
    let entries = table.entries();
    match entries.as_slice() {
        [("credential" | "file" | "env", from)] => match from.text() {
            None => expected(from, "a text in quotes"),
            Some(text) if text.trim().is_empty() => from.mistake("is empty", SECRET_HELP),
            Some(_) => {}
        },
        _ => item.mistake("must have exactly one of the keys credential, file and env", SECRET_HELP),
    }
}

fn list(item: &Item<'_>, of: &Shape) {
    if !item.is_list() {
        expected(item, "a list in brackets");
        return;
    }
    for item in item.items() {
        check(&item, of);
    }
}

fn with_table<'a>(item: &Item<'a>, then: impl FnOnce(&Table<'a>)) {
    match item.table() {
        Some(table) => then(&table),
        None => expected(item, "a table"),
    }
}

fn with_tables<'a>(item: &Item<'a>, then: impl Fn(&Table<'a>)) {
    if !item.is_list() {
        let key = &item.place().key;
        item.mistake(
            format!("must be a list of tables, but is {}", item.kind()),
            format!("write [[{key}]] above each one"),
        );
        return;
    }
    for item in item.items() {
        with_table(&item, &then);
    }
}

/// A table whose key `kind` says which others it has. Without a kind, what no kind knows is unknown.
fn kind(inner: &Table<'_>, kinds: &[(&'static str, &'static [Key])]) {
    let named = inner.text("kind").and_then(|name| kinds.iter().find(|(kind, _)| *kind == name));
    if let Some((_, keys)) = named {
        table(inner, keys);
        return;
    }
    let names: Vec<&str> = kinds.iter().map(|(name, _)| *name).collect();
    match inner.get("kind") {
        Some(item) => one_of(&item, &names),
        None => inner.mistake("kind", "is missing", format!("one of \"{}\"", names.join("\", \""))),
    }
    for (name, item) in inner.entries() {
        if !kinds.iter().any(|(_, keys)| keys.iter().any(|key| key.name == name)) {
            item.mistake("is not a known key", "");
        }
    }
}

/// A table of either of two kinds, told apart by the key that only one of them has.
fn either(inner: &Table<'_>, first: &[Key], second: &[Key]) {
    let own = |keys: &[Key], others: &[Key]| {
        let own = keys.iter().filter(|key| others.iter().all(|other| other.name != key.name));
        own.map(|key| key.name).collect::<Vec<_>>()
    };
    if own(second, first).into_iter().any(|name| inner.has(name)) {
        table(inner, second);
    } else {
        table(inner, first);
    }
}
