//! Tables of a pack as CSV (RFC 4180: lines end with CR LF). A text that a spreadsheet would take for a formula
//! is led by an apostrophe, as in `audit list --format csv`.

use crate::report::audit_text::quoted;

/// A cell.
pub(super) enum Cell<'a> {
    /// A number, as it is.
    Number(i64),
    /// A text, always quoted.
    Text(&'a str),
}

impl From<i64> for Cell<'_> {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl<'a> From<&'a String> for Cell<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a str> for Cell<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a Option<String>> for Cell<'a> {
    fn from(text: &'a Option<String>) -> Self {
        Self::Text(text.as_deref().unwrap_or_default())
    }
}

impl From<Option<i64>> for Cell<'_> {
    fn from(number: Option<i64>) -> Self {
        number.map_or(Self::Text(""), Self::Number)
    }
}

/// A row, with its line break.
pub(super) fn row(cells: &[Cell<'_>]) -> String {
    let cells: Vec<String> = cells
        .iter()
        .map(|cell| match cell {
            Cell::Number(number) => number.to_string(),
            Cell::Text("") => String::new(),
            Cell::Text(text) => quoted(text),
        })
        .collect();
    format!("{}\r\n", cells.join(","))
}

/// The first row: names that need no quotes.
pub(super) fn headings(names: &[&str]) -> String {
    format!("{}\r\n", names.join(","))
}
