//! A record to a row that means something, or to the reason why it does not. Floor 2, pure.
//!
//! Errors name the column and the line, never the address or the id: they go to logs.

use std::collections::BTreeSet;

use crate::model::address::{Address, AddressError};

use super::columns::{Columns, shown};
use super::record::{Flaw, Record};
use super::{Settings, Shape};

/// What a good row says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Row<'a> {
    /// The immutable id, where there is one.
    pub(super) id: Option<&'a str>,
    /// The address; there is at least one of id and address.
    pub(super) address: Option<Address>,
    /// Whether the status is one of the inactive ones.
    pub(super) disabled: bool,
    /// The directory groups: one, or in shape `lists` any number.
    pub(super) groups: Vec<&'a str>,
}

/// Why a row is bad.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadRow {
    /// No well-formed record.
    #[error("{0}")]
    Flawed(Flaw),
    /// Not as many fields as headings.
    #[error("{} where the heading row has {wanted}", fields(*.found))]
    Fields {
        /// How many the row has.
        found: usize,
        /// How many the heading row has.
        wanted: usize,
    },
    /// Bytes that are no UTF-8.
    #[error("the row is not UTF-8 text")]
    NotUtf8,
    /// No directory group.
    #[error("column {0:?} is empty")]
    NoGroup(String),
    /// A line break or the like in a name or an id.
    #[error("column {0:?} has a line break or another control character in it")]
    Control(String),
    /// The address is none.
    #[error("column {0:?} {1}")]
    Email(String, AddressError),
    /// Nobody is named.
    #[error("the row has neither an e-mail address nor an id")]
    Nobody,
    /// One id with ever more addresses.
    #[error("its id has more than {0} addresses: the column {1:?} cannot be an id")]
    Addresses(usize, String),
    /// A status that is in neither list.
    #[error("status {} is neither active nor inactive", shown(.0))]
    Status(String),
}

fn fields(count: usize) -> String {
    match count {
        1 => "1 field".to_owned(),
        _ => format!("{count} fields"),
    }
}

impl BadRow {
    /// What to do about it, where that is not plain.
    pub(super) fn help(&self) -> Option<&'static str> {
        match self {
            Self::Flawed(flaw) => Some(flaw.help()),
            Self::NotUtf8 => Some("save the file as \"CSV UTF-8\""),
            Self::Status(_) => Some("name it in `active_values` or `inactive_values`"),
            Self::Fields { .. } => Some("a field that holds the delimiter is put in quotes"),
            Self::Addresses(..) => Some("name another column in `columns.id`, or a heading that no column has"),
            Self::NoGroup(_) | Self::Control(_) | Self::Email(..) | Self::Nobody => None,
        }
    }
}

/// How the rows of a source are read: its settings, made ready once.
pub(super) struct Decoder<'a> {
    settings: &'a Settings,
    active: BTreeSet<String>,
    inactive: BTreeSet<String>,
}

impl<'a> Decoder<'a> {
    /// Folds the status values.
    pub(super) fn new(settings: &'a Settings) -> Self {
        let folded = |values: &[String]| values.iter().map(|value| fold(value)).collect();
        Self { settings, active: folded(&settings.active_values), inactive: folded(&settings.inactive_values) }
    }

    /// Reads one row.
    pub(super) fn row<'r>(&self, record: &'r Record, columns: &Columns) -> Result<Row<'r>, BadRow> {
        if let Some(flaw) = record.flaw() {
            return Err(BadRow::Flawed(flaw));
        }
        if record.len() != columns.count {
            return Err(BadRow::Fields { found: record.len(), wanted: columns.count });
        }
        // The unused columns count too: bytes that are no UTF-8 say that the whole file is not what
        // it is taken for.
        if record.fields().any(|field| std::str::from_utf8(field).is_err()) {
            return Err(BadRow::NotUtf8);
        }
        let groups = self.groups(value(record, columns.group))?;
        let id = self.id(columns.id.map(|at| value(record, at)))?;
        let address = self.address(value(record, columns.email))?;
        if id.is_none() && address.is_none() {
            return Err(BadRow::Nobody);
        }
        let disabled = match columns.status {
            Some(at) => self.disabled(value(record, at))?,
            None => false,
        };
        Ok(Row { id, address, disabled, groups })
    }

    fn groups<'r>(&self, text: &'r str) -> Result<Vec<&'r str>, BadRow> {
        let column = &self.settings.group_column;
        let groups = match &self.settings.shape {
            Shape::Rows if text.is_empty() => return Err(BadRow::NoGroup(column.clone())),
            Shape::Rows => vec![text],
            Shape::Lists { separator } => split(text, separator),
        };
        match groups.iter().any(|group| has_control(group)) {
            true => Err(BadRow::Control(column.clone())),
            false => Ok(groups),
        }
    }

    fn id<'r>(&self, text: Option<&'r str>) -> Result<Option<&'r str>, BadRow> {
        match text {
            Some(id) if has_control(id) => Err(BadRow::Control(self.settings.id_column.heading.clone())),
            Some(id) if !id.is_empty() => Ok(Some(id)),
            _ => Ok(None),
        }
    }

    fn address(&self, text: &str) -> Result<Option<Address>, BadRow> {
        match Address::parse(text) {
            Ok(address) => Ok(Some(address)),
            Err(AddressError::Empty) => Ok(None),
            Err(error) => Err(BadRow::Email(self.settings.email_column.clone(), error)),
        }
    }

    fn disabled(&self, text: &str) -> Result<bool, BadRow> {
        let status = fold(text);
        if self.active.contains(&status) {
            Ok(false)
        } else if self.inactive.contains(&status) {
            Ok(true)
        } else {
            Err(BadRow::Status(text.to_owned()))
        }
    }
}

/// A field without the blanks around it. The caller has seen that there is such a field and that it
/// is UTF-8.
fn value(record: &Record, column: usize) -> &str {
    let field = record.field(column).unwrap_or_default();
    std::str::from_utf8(field).unwrap_or_default().trim()
}

fn fold(status: &str) -> String {
    status.trim().to_lowercase()
}

fn has_control(text: &str) -> bool {
    text.contains(|c: char| c.is_control())
}

fn split<'r>(text: &'r str, separator: &str) -> Vec<&'r str> {
    // An empty separator would part every letter from the next.
    let parts: Vec<&str> = match separator {
        "" => vec![text],
        _ => text.split(separator).collect(),
    };
    parts.into_iter().map(str::trim).filter(|part| !part.is_empty()).collect()
}
