//! `[[mapping]]`: which directory group feeds which target group.

use std::collections::BTreeMap;

use regex::Regex;

use super::desk::Place;
use super::node::Table;
use super::placeholder::{Part, Yield, has_capture, parts};
use super::source::Sources;
use super::spelling::nearest;
use crate::model::id::SourceName;
use crate::model::policy::{Mapping, Selector};

/// The checked mappings, and what all of them can yield.
pub(super) struct Mappings {
    mappings: Vec<Mapping>,
    yields: Vec<Yield>,
}

impl Mappings {
    /// Whether a mapping can yield a target group of that name.
    pub(super) fn can_yield(&self, name: &str) -> bool {
        self.yields.iter().any(|what| what.can_be(name))
    }

    /// The names that mappings yield for certain.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.yields.iter().filter_map(|what| match what {
            Yield::Name(name) => Some(name.as_str()),
            Yield::Like(_) | Yield::Anything => None,
        })
    }

    /// The checked ones.
    pub(super) fn into_mappings(self) -> Vec<Mapping> {
        self.mappings
    }
}

/// Checks them all.
pub(super) fn read(top: &Table<'_>, sources: &Sources<'_>) -> Mappings {
    let tables = top.tables("mapping");
    if top.get("mapping").is_some_and(|item| item.is_list()) && tables.is_empty() {
        top.mistake("mapping", "is empty, so that there is nothing to keep in step", "add a [[mapping]]");
    }
    let mut all = Mappings { mappings: Vec::new(), yields: Vec::new() };
    for table in &tables {
        let mapping = mapping(table, sources);
        all.yields.push(mapping.as_ref().map_or(Yield::Anything, |mapping| match mapping.from {
            Selector::Name(_) => Yield::Name(mapping.to.clone()),
            Selector::Pattern(_) => Yield::of(&mapping.to),
        }));
        all.mappings.extend(mapping);
    }
    // A mapping with a mistake has no place in the list, but then there is no configuration either.
    if all.mappings.len() == tables.len() {
        warn_of_twins(&tables, &all.mappings);
        warn_of_idle(top, sources, &all.mappings);
    }
    all
}

fn mapping(table: &Table<'_>, sources: &Sources<'_>) -> Option<Mapping> {
    let source = source(table, sources);
    let from = selector(table);
    let to = table.text("to").map(str::trim).filter(|to| !to.is_empty());
    if let (Some(from), Some(to)) = (&from, to) {
        check_template(table, from, to);
    }
    Some(Mapping { source: source?, from: from?, to: to?.to_owned() })
}

fn source(table: &Table<'_>, sources: &Sources<'_>) -> Option<SourceName> {
    let name = table.text("source").map(str::trim).filter(|name| !name.is_empty())?;
    if !sources.knows(name) {
        let help = match nearest(name, sources.names()) {
            Some(meant) => format!("did you mean \"{meant}\"?"),
            None => format!("sources: {}", sources.names().collect::<Vec<_>>().join(", ")),
        };
        table.mistake("source", format!("there is no source {name:?}"), help);
    }
    Some(SourceName::new(name))
}

fn selector(table: &Table<'_>) -> Option<Selector> {
    const HELP: &str = "group names one directory group, match is a regular expression for many";
    match (table.get("group"), table.get("match")) {
        (Some(_), Some(_)) => {
            table.mistake("match", "stands beside group, and only one of them can hold", HELP);
            None
        }
        (None, None) => {
            table.mistake("group", "is missing, and so is match", HELP);
            None
        }
        (Some(group), None) => Some(Selector::Name(group.text()?.trim().to_owned())),
        (None, Some(pattern)) => match Regex::new(pattern.text()?) {
            Ok(regex) => Some(Selector::Pattern(regex)),
            Err(error) => {
                pattern.mistake(
                    format!("is not a regular expression: {}", reason(&error)),
                    "the syntax is that of Rust's regex crate",
                );
                None
            }
        },
    }
}

/// The last line of the message: those before it draw the pattern.
fn reason(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    last.trim().trim_start_matches("error: ").to_owned()
}

fn check_template(table: &Table<'_>, from: &Selector, to: &str) {
    let captures = parts(to).into_iter().filter_map(|part| match part {
        Part::Capture(name) => Some(name),
        Part::Literal(_) => None,
    });
    match from {
        Selector::Pattern(pattern) => {
            for name in captures.filter(|name| !has_capture(pattern, name)) {
                table.mistake("to", format!("the pattern has no capture {name:?}"), capture_help(pattern, name));
            }
        }
        Selector::Name(_) => {
            if captures.count() > 0 {
                let text = format!("{to:?} is taken as it is, because there is no pattern");
                table.desk().warning(&table.place_of("to"), text, "write match instead of group for a template");
            }
        }
    }
}

fn capture_help(pattern: &Regex, name: &str) -> String {
    // "$1_x" means a capture that is called "1_x".
    if let Some(known) = pattern.capture_names().flatten().find(|known| name.starts_with(known)) {
        return format!("write ${{{known}}} in braces where letters, digits or _ follow it");
    }
    if name.starts_with(|c: char| c.is_ascii_digit()) && name.parse::<usize>().is_err() {
        let digits: String = name.chars().take_while(char::is_ascii_digit).collect();
        return format!("write ${{{digits}}} in braces where letters, digits or _ follow it");
    }
    let names: Vec<&str> = pattern.capture_names().flatten().collect();
    if names.is_empty() {
        return format!(
            "it has the captures 0 to {}; $$ stands for a dollar sign",
            pattern.captures_len().saturating_sub(1)
        );
    }
    format!("it has {}; $$ stands for a dollar sign", names.join(", "))
}

fn warn_of_twins(tables: &[Table<'_>], mappings: &[Mapping]) {
    let mut seen: BTreeMap<(&str, bool, &str, &str), Place> = BTreeMap::new();
    for (table, mapping) in tables.iter().zip(mappings) {
        let is_pattern = matches!(mapping.from, Selector::Pattern(_));
        let key = (mapping.source.as_str(), is_pattern, mapping.from.as_str(), mapping.to.as_str());
        let place = table.place();
        if let Some(first) = seen.get(&key) {
            let line = first.line.map(|line| format!(" in line {line}")).unwrap_or_default();
            table.desk().warning(place, format!("says the same as the mapping{line}"), "take one of them out");
        } else {
            seen.insert(key, place.clone());
        }
    }
}

fn warn_of_idle(top: &Table<'_>, sources: &Sources<'_>, mappings: &[Mapping]) {
    for table in top.tables("source") {
        let name = table.text("name").map(str::trim).unwrap_or_default();
        if sources.knows(name) && !mappings.iter().any(|mapping| mapping.source.as_str() == name) {
            table.desk().warning(
                &table.place_of("name"),
                format!("no mapping uses the source {name:?}"),
                "add a [[mapping]], or take the source out",
            );
        }
    }
}
