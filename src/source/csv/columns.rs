//! The heading row: which column is which. Floor 2, pure.

use super::record::{Flaw, Record};
use super::{Column, Settings};

/// Where the columns of a file are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Columns {
    /// The directory group, or all of them.
    pub(super) group: usize,
    /// The address.
    pub(super) email: usize,
    /// The status, where the file has one.
    pub(super) status: Option<usize>,
    /// The immutable id, where the file has one.
    pub(super) id: Option<usize>,
    /// All headings.
    pub(super) headings: Vec<String>,
}

/// Why a file cannot be read by its heading row.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum HeadingError {
    /// The text is UTF-16.
    #[error("is UTF-16 text, and rosterd reads UTF-8")]
    Utf16,
    /// Not even a heading row.
    #[error("is empty: not even a heading row")]
    Empty,
    /// The heading row is no UTF-8.
    #[error("the heading row is not UTF-8 text")]
    NotUtf8,
    /// The heading row's quotes do not fit.
    #[error("the heading row has a quote that is not closed, or text beside a quoted heading")]
    Quotes,
    /// The heading row does not end.
    #[error("the heading row is longer than 1 MiB, and nothing behind it was read")]
    TooLong,
    /// A column is not there.
    #[error("no column has the heading {heading:?}; {}", found(.headings))]
    Missing {
        /// The heading that was looked for.
        heading: String,
        /// All headings.
        headings: Vec<String>,
        /// A delimiter that would fit better.
        other_delimiter: Option<char>,
    },
    /// Two columns bear the heading.
    #[error("two columns have the heading {heading:?}; {}", found(.headings))]
    Doubled {
        /// The heading.
        heading: String,
        /// All headings.
        headings: Vec<String>,
    },
}

impl HeadingError {
    /// What to do about it.
    pub(super) fn help(&self) -> Option<String> {
        match self {
            Self::Utf16 | Self::NotUtf8 => Some("save it as \"CSV UTF-8\"".to_owned()),
            Self::Empty => {
                Some("an export without people still has its heading row: look whether it failed".to_owned())
            }
            Self::Quotes => Some("a quote inside a quoted heading is written twice".to_owned()),
            Self::TooLong => Some(Flaw::TooLong.help().to_owned()),
            Self::Missing { other_delimiter: Some(other), .. } => {
                Some(format!("the row looks as if its delimiter were {other:?}: set delimiter = {other:?}"))
            }
            Self::Missing { headings, .. } if looks_like_data(headings) => {
                Some("the first row must hold headings".to_owned())
            }
            Self::Missing { heading, .. } => {
                Some(format!("rename the column, or name yours in `columns` in place of {heading:?}"))
            }
            Self::Doubled { .. } => Some("leave one of them out of the export, or rename it".to_owned()),
        }
    }
}

/// The headings, for an error. A file without a heading row shows a person there, who has no place
/// in an error text.
pub(super) fn found(headings: &[String]) -> String {
    if looks_like_data(headings) {
        return "the first row looks like data".to_owned();
    }
    const SHOWN: usize = 12;
    let mut text: Vec<String> = headings.iter().take(SHOWN).map(|heading| shown(heading)).collect();
    if headings.len() > SHOWN {
        text.push(format!("and {} more", headings.len() - SHOWN));
    }
    format!("the headings are {}", text.join(", "))
}

fn looks_like_data(headings: &[String]) -> bool {
    headings.iter().any(|heading| heading.contains('@'))
}

/// A value from a file, quoted and of bearable length; not when it is somebody's address.
pub(super) fn shown(value: &str) -> String {
    const LONGEST: usize = 40;
    if value.contains('@') {
        return "(an e-mail address)".to_owned();
    }
    match value.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{:?}…", value.get(..end).unwrap_or_default()),
        None => format!("{value:?}"),
    }
}

impl Columns {
    /// Finds the columns by their headings, which are compared trimmed and without case.
    pub(super) fn find(record: &Record<'_>, settings: &Settings) -> Result<Self, HeadingError> {
        match record.flaw() {
            None => {}
            Some(Flaw::Unclosed | Flaw::StrayQuote) => return Err(HeadingError::Quotes),
            Some(Flaw::TooLong) => return Err(HeadingError::TooLong),
        }
        let headings = headings(record)?;
        let row = HeadingRow { headings: &headings, delimiter: settings.delimiter };
        let group = row.required(&settings.group_column)?;
        let email = row.required(&settings.email_column)?;
        let (status, id) = (row.maybe(&settings.status_column)?, row.maybe(&settings.id_column)?);
        Ok(Self { group, email, status, id, headings })
    }
}

fn headings(record: &Record<'_>) -> Result<Vec<String>, HeadingError> {
    record
        .fields()
        .map(|field| match std::str::from_utf8(field) {
            Ok(text) => Ok(text.trim().to_owned()),
            Err(_) => Err(HeadingError::NotUtf8),
        })
        .collect()
}

struct HeadingRow<'a> {
    headings: &'a [String],
    delimiter: u8,
}

impl HeadingRow<'_> {
    fn find(&self, heading: &str) -> Result<Option<usize>, HeadingError> {
        let wanted = heading.trim().to_lowercase();
        let mut places = (0..).zip(self.headings).filter(|(_, h)| h.to_lowercase() == wanted).map(|(at, _)| at);
        match (places.next(), places.next()) {
            (Some(_), Some(_)) => {
                Err(HeadingError::Doubled { heading: heading.to_owned(), headings: self.headings.to_vec() })
            }
            (first, _) => Ok(first),
        }
    }

    fn required(&self, heading: &str) -> Result<usize, HeadingError> {
        self.find(heading)?.ok_or_else(|| HeadingError::Missing {
            heading: heading.to_owned(),
            headings: self.headings.to_vec(),
            other_delimiter: self.other_delimiter(),
        })
    }

    fn maybe(&self, column: &Column) -> Result<Option<usize>, HeadingError> {
        match column.required {
            _ if column.heading.is_empty() => Ok(None),
            true => self.required(&column.heading).map(Some),
            false => self.find(&column.heading),
        }
    }

    /// The delimiter that a row of one field seems to have been written with.
    fn other_delimiter(&self) -> Option<char> {
        let [heading] = self.headings else { return None };
        [',', ';', '\t', '|']
            .into_iter()
            .filter(|delimiter| *delimiter != char::from(self.delimiter))
            .map(|delimiter| (heading.matches(delimiter).count(), delimiter))
            .filter(|(count, _)| *count > 0)
            .max_by_key(|(count, _)| *count)
            .map(|(_, delimiter)| delimiter)
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::Records;
    use super::super::testing::settings;
    use super::*;

    fn find(row: &[u8], settings: &Settings) -> Result<Columns, HeadingError> {
        let mut records = Records::new(row, settings.delimiter);
        Columns::find(&records.read().unwrap().unwrap(), settings)
    }

    #[test]
    fn headings_are_found_trimmed_and_without_case() {
        let found = find(" E-Mail ,GROUP,Ident,\"Stand\"\n".as_bytes(), &{
            let mut settings = settings();
            settings.email_column = "e-mail".to_owned();
            settings.id_column.heading = " IDENT".to_owned();
            settings.status_column.heading = "stand".to_owned();
            settings
        });
        let headings = ["E-Mail", "GROUP", "Ident", "Stand"].map(str::to_owned).to_vec();
        let expected = Columns { group: 1, email: 0, status: Some(3), id: Some(2), headings };
        assert_eq!(found, Ok(expected));
    }

    #[test]
    fn doubled_headings_matter_only_where_they_are_read() {
        assert!(find(b"group,email,note,note,,", &settings()).is_ok());
        assert!(find(b"group,email,id,ID", &settings()).is_err());
    }

    #[test]
    fn what_is_wrong_is_said_with_the_headings_found() {
        let table: &[(&[u8], &str, &str)] = &[
            (
                b"team,email",
                "no column has the heading \"group\"; the headings are \"team\", \"email\"",
                "rename the column, or name yours in `columns` in place of \"group\"",
            ),
            (
                b"group,mail,status",
                "no column has the heading \"email\"; the headings are \"group\", \"mail\", \"status\"",
                "rename the column, or name yours in `columns` in place of \"email\"",
            ),
            (
                b"group;email;status",
                "no column has the heading \"group\"; the headings are \"group;email;status\"",
                "the row looks as if its delimiter were ';': set delimiter = ';'",
            ),
            (
                b"group,email,Group",
                "two columns have the heading \"group\"; the headings are \"group\", \"email\", \"Group\"",
                "leave one of them out of the export, or rename it",
            ),
            (
                b"compliance,ann@corp.example",
                "no column has the heading \"group\"; the first row looks like data",
                "the first row must hold headings",
            ),
            (b"gr\xfcppe,email", "the heading row is not UTF-8 text", "save it as \"CSV UTF-8\""),
            (
                b"group,\"email",
                "the heading row has a quote that is not closed, or text beside a quoted heading",
                "a quote inside a quoted heading is written twice",
            ),
        ];
        for (row, text, help) in table {
            let error = find(row, &settings()).unwrap_err();
            assert_eq!(error.to_string(), *text);
            assert_eq!(error.help().as_deref(), Some(*help));
        }
    }

    #[test]
    fn a_column_that_the_configuration_names_must_be_there() {
        let mut settings = settings();
        assert_eq!(find(b"group,email", &settings).map(|columns| columns.status), Ok(None));
        settings.status_column.required = true;
        let error = find(b"group,email", &settings).unwrap_err();
        assert_eq!(error.to_string(), "no column has the heading \"status\"; the headings are \"group\", \"email\"");
    }

    #[test]
    fn a_column_that_the_configuration_rules_out_is_not_looked_for() {
        let mut settings = settings();
        settings.status_column = Column { heading: String::new(), required: true };
        assert_eq!(find(b"group,email,status,", &settings).map(|columns| columns.status), Ok(None));
    }
}
