//! `[[source]]`: where people and directory groups come from.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::node::{Item, Table};
use super::{directory, value};
use crate::model::id::SourceName;
use crate::source::csv::{Column, Settings, Shape};
use crate::source::{Kind, Source};

/// The checked sources, and the names of all, also of those with a mistake in them.
pub(super) struct Sources<'a> {
    sources: Vec<Source>,
    names: BTreeSet<&'a str>,
}

impl<'a> Sources<'a> {
    /// Whether a source has this name.
    pub(super) fn knows(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    /// The names.
    pub(super) fn names(&self) -> impl Iterator<Item = &'a str> + '_ {
        self.names.iter().copied()
    }

    /// The checked ones.
    pub(super) fn into_sources(self) -> Vec<Source> {
        self.sources
    }
}

/// Checks them all.
pub(super) fn read<'a>(top: &Table<'a>) -> Sources<'a> {
    let mut all = Sources { sources: Vec::new(), names: BTreeSet::new() };
    let tables = top.tables("source");
    if top.has("source") && top.get("source").is_some_and(|item| item.is_list()) && tables.is_empty() {
        top.mistake("source", "is empty, so that nobody could be granted anything", "add a [[source]]");
    }
    for table in tables {
        let name = name(&table, &mut all.names);
        let kind = match table.text("kind") {
            Some("csv") => csv(&table).map(Kind::Csv),
            Some("ldap") => directory::read(&table).map(Kind::Ldap),
            _ => None,
        };
        if let (Some(name), Some(kind)) = (name, kind) {
            let skip_unchanged = table.flag("skip_unchanged").unwrap_or(true);
            all.sources.push(Source { name: SourceName::new(name), kind, skip_unchanged });
        }
    }
    all
}

fn name<'a>(table: &Table<'a>, names: &mut BTreeSet<&'a str>) -> Option<&'a str> {
    let name = table.text("name").map(str::trim).filter(|name| !name.is_empty())?;
    if name.chars().any(char::is_control) {
        table.mistake("name", "has a control character in it", "");
    }
    if !names.insert(name) {
        table.mistake(
            "name",
            format!("{name:?} is the name of another source too"),
            "give each source a name of its own",
        );
    }
    Some(name)
}

fn csv(table: &Table<'_>) -> Option<Settings> {
    let delimiter = delimiter(table);
    let shape = shape(table, delimiter);
    let is_lists = matches!(shape, Shape::Lists { .. });
    let columns = Columns::read(table, is_lists);
    let (active_values, inactive_values) = statuses(table);
    Some(Settings {
        path: path(table)?,
        shape,
        group_column: columns.group,
        email_column: columns.email,
        status_column: columns.status,
        id_column: columns.id,
        active_values,
        inactive_values,
        delimiter,
        max_age: table.duration("max_age"),
        final_line_end: table.flag("final_line_end").unwrap_or(true),
    })
}

/// The path, absolute. The folder of the configuration is no part of a glob.
fn path(table: &Table<'_>) -> Option<PathBuf> {
    let text = table.text("path").filter(|text| !text.trim().is_empty())?;
    let plain = table.desk().path(text);
    // The reader takes a file that is there as it stands, also with a bracket in its name.
    if !text.contains(['*', '?', '[']) || plain.is_file() {
        return Some(plain);
    }
    if let Err(error) = glob::Pattern::new(text) {
        table.mistake(
            "path",
            format!("is not a glob: {}", error.msg),
            "* and ? stand for anything and for one character; [ab] for either",
        );
        return None;
    }
    let folder = glob::Pattern::escape(&table.desk().folder().to_string_lossy());
    Some(PathBuf::from(folder).join(text))
}

fn delimiter(table: &Table<'_>) -> u8 {
    let Some(text) = table.text("delimiter") else { return b',' };
    value::delimiter(text).unwrap_or_else(|| {
        table.mistake(
            "delimiter",
            "must be one ASCII character, and no quote or line end",
            "such as \",\", \";\", \"|\" or \"\\t\"",
        );
        b','
    })
}

fn shape(table: &Table<'_>, delimiter: u8) -> Shape {
    let separator = table.text("list_separator");
    if table.text("shape") != Some("lists") {
        if separator.is_some() {
            table.mistake(
                "list_separator",
                "has a meaning for shape = \"lists\" only",
                "take it out, or set shape = \"lists\"",
            );
        }
        return Shape::Rows;
    }
    let separator = separator.unwrap_or(";");
    if separator.is_empty() {
        table.mistake("list_separator", "is empty", "such as \";\"");
    } else if separator.as_bytes() == [delimiter] {
        table.mistake(
            "list_separator",
            format!("{separator:?} parts the fields of the file already"),
            "choose another list_separator or another delimiter",
        );
    }
    Shape::Lists { separator: separator.to_owned() }
}

/// The headings.
struct Columns {
    group: String,
    email: String,
    status: Column,
    id: Column,
}

impl Columns {
    fn read(source: &Table<'_>, is_lists: bool) -> Self {
        let table = source.table("columns");
        let (own, other) = if is_lists { ("groups", "group") } else { ("group", "groups") };
        if table.has(other) {
            let shape = if is_lists { "lists" } else { "rows" };
            table.mistake(
                other,
                format!("has no meaning for shape = \"{shape}\""),
                format!("name the column in columns.{own}"),
            );
        }
        let heading = |key: &str| table.text(key).map_or(key, str::trim).to_owned();
        let column = |key: &str| {
            let heading = heading(key);
            Column { required: table.has(key) && !heading.is_empty(), heading }
        };
        let columns = Self { group: heading(own), email: heading("email"), status: column("status"), id: column("id") };
        columns.check(&table, own);
        columns
    }

    /// Each heading once. An optional column that is not named gives way: it is the same column.
    fn check(&self, table: &Table<'_>, group: &str) {
        let all =
            [(group, &self.group), ("email", &self.email), ("status", &self.status.heading), ("id", &self.id.heading)];
        for (at, (key, heading)) in all.iter().enumerate() {
            let twin = all.iter().take(at).find(|(_, other)| other == heading && !heading.is_empty());
            if let Some((other, _)) = twin {
                let at_key = if table.has(key) { key } else { other };
                table.mistake(
                    at_key,
                    format!("{heading:?} is the column of both {other} and {key}"),
                    "each needs a column of its own",
                );
            }
        }
    }
}

/// The statuses that mean active, and those that do not, folded. A list that is given takes its values
/// from the other's default.
fn statuses(table: &Table<'_>) -> (Vec<String>, Vec<String>) {
    let active = values(table, "active_values");
    let inactive = values(table, "inactive_values");
    if let (Some(active), Some(inactive)) = (&active, &inactive) {
        for (item, value) in inactive.iter().filter(|(_, value)| active.iter().any(|(_, other)| other == value)) {
            item.mistake(format!("{value:?} is among active_values too"), "a status means one of the two");
        }
    }
    let fill =
        |own: &Option<Vec<(Item<'_>, String)>>, other: &Option<Vec<(Item<'_>, String)>>, default: &[&str]| match own {
            Some(own) => own.iter().map(|(_, value)| value.clone()).collect(),
            None => {
                let taken = |value: &str| other.iter().flatten().any(|(_, other)| other == value);
                default.iter().filter(|value| !taken(value)).map(|value| (*value).to_owned()).collect()
            }
        };
    (
        fill(&active, &inactive, &["active", "enabled", "yes", "true", "1", ""]),
        fill(&inactive, &active, &["inactive", "disabled", "no", "false", "0"]),
    )
}

fn values<'a>(table: &Table<'a>, key: &str) -> Option<Vec<(Item<'a>, String)>> {
    let items = table.texts(key)?;
    Some(
        items
            .into_iter()
            .filter_map(|item| item.text().map(|text| text.trim().to_lowercase()).map(|text| (item, text)))
            .collect(),
    )
}
