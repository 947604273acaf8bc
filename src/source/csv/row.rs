//! A record to a row that means something, or to the reason why it does not. Floor 2, pure.
//!
//! Errors name the column and the line, never the address or the id: they go to logs.

use crate::model::address::{AddressError, Parsed};

use super::columns::{Columns, shown};
use super::record::{Flaw, Record};
use super::roster::Named;
use super::{Settings, Shape};

/// What a row says, before its address and its status were looked at: a file repeats them, and whoever
/// reads it knows most of them already.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Row<'a> {
    /// The immutable id, where there is one.
    pub(super) id: Option<&'a str>,
    /// The address as it stands there, or nothing.
    pub(super) email: &'a str,
    /// The status as it stands there, where the file has one.
    pub(super) status: Option<&'a str>,
    /// The directory group, or in shape `lists` any number ([`Decoder::groups`]).
    pub(super) groups: &'a str,
}

impl<'a> Row<'a> {
    /// What it names its person by.
    pub(super) fn named(&self) -> Named<'a> {
        self.id.map_or(Named::Address(self.email), Named::Id)
    }
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
            Self::Addresses(..) => Some("name another column in `columns.id`, or \"\" if there is none"),
            Self::NoGroup(_) | Self::Control(_) | Self::Email(..) | Self::Nobody => None,
        }
    }
}

/// How the rows of a source are read: its settings, made ready once.
pub(super) struct Decoder<'a> {
    settings: &'a Settings,
    /// Folded, and whether they mean inactive. There are few of them, and each row looks for one.
    statuses: Vec<(String, bool)>,
}

impl<'a> Decoder<'a> {
    /// Folds the status values.
    pub(super) fn new(settings: &'a Settings) -> Self {
        let (active, inactive) = (&settings.active_values, &settings.inactive_values);
        // What is in both is active, by coming first.
        let all = active.iter().map(|value| (value, false)).chain(inactive.iter().map(|value| (value, true)));
        Self { settings, statuses: all.map(|(value, is_inactive)| (fold(value), is_inactive)).collect() }
    }

    /// Reads one row.
    pub(super) fn row<'r>(&self, record: &Record<'r>, columns: &Columns) -> Result<Row<'r>, BadRow> {
        if let Some(flaw) = record.flaw() {
            return Err(BadRow::Flawed(flaw));
        }
        if record.len() != columns.headings.len() {
            return Err(BadRow::Fields { found: record.len(), wanted: columns.headings.len() });
        }
        // The unused columns count too: bytes that are no UTF-8 say that the whole file is not what
        // it is taken for.
        let text = record.text().ok_or(BadRow::NotUtf8)?;
        let groups = text.value(columns.group);
        self.check_groups(groups, record.is_plain())?;
        let id = self.id(columns.id.map(|at| text.value(at)), record.is_plain())?;
        let status = columns.status.map(|at| text.value(at));
        Ok(Row { id, email: text.value(columns.email), status, groups })
    }

    fn check_groups(&self, text: &str, is_plain: bool) -> Result<(), BadRow> {
        let column = &self.settings.group_column;
        if text.is_empty() && self.settings.shape == Shape::Rows {
            return Err(BadRow::NoGroup(column.clone()));
        }
        match !is_plain && self.groups(text).any(has_control) {
            true => Err(BadRow::Control(column.clone())),
            false => Ok(()),
        }
    }

    /// The groups of a row.
    pub(super) fn groups<'r>(&self, text: &'r str) -> impl Iterator<Item = &'r str> + use<'r, 'a> {
        let separator = match &self.settings.shape {
            // An empty separator would part every letter from the next.
            Shape::Lists { separator } if !separator.is_empty() => Some(separator.as_str()),
            _ => None,
        };
        let mut rest = Some(text);
        let parts = std::iter::from_fn(move || {
            let text = rest.take()?;
            let Some((part, more)) = separator.and_then(|separator| text.split_once(separator)) else {
                return Some(text);
            };
            rest = Some(more);
            Some(part)
        });
        parts.map(str::trim).filter(|part| !part.is_empty())
    }

    fn id<'r>(&self, text: Option<&'r str>, is_plain: bool) -> Result<Option<&'r str>, BadRow> {
        match text {
            Some(id) if !is_plain && has_control(id) => Err(BadRow::Control(self.settings.id_column.heading.clone())),
            Some(id) if !id.is_empty() => Ok(Some(id)),
            _ => Ok(None),
        }
    }

    /// Reads the address of a row.
    pub(super) fn address<'r>(&self, email: &'r str) -> Result<Option<Parsed<'r>>, BadRow> {
        match Parsed::written(email) {
            Ok(address) => Ok(Some(address)),
            Err(AddressError::Empty) => Ok(None),
            Err(error) => Err(BadRow::Email(self.settings.email_column.clone(), error)),
        }
    }

    /// Whether the status of a row is one of the inactive ones. Without a column nobody is.
    pub(super) fn disabled(&self, status: Option<&str>) -> Result<bool, BadRow> {
        let Some(text) = status else { return Ok(false) };
        let known = |status: &str| self.statuses.iter().find(|(known, _)| known == status).map(|(_, is)| *is);
        // Most are written as they are configured.
        let disabled = known(text).or_else(|| known(&fold(text)));
        disabled.ok_or_else(|| BadRow::Status(text.to_owned()))
    }
}

fn fold(status: &str) -> String {
    status.trim().to_lowercase()
}

fn has_control(text: &str) -> bool {
    text.contains(|c: char| c.is_control())
}
