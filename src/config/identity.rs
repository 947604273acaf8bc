//! `[identity]`: how a directory's addresses become Hyperproof's.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use super::mistake::Mistake;
use super::node::Table;
use super::secret::describe;
use crate::model::address::Address;
use crate::model::policy::{Identity, Rewrite};
use crate::source::csv::record::{Record, Records};

/// Checks it. Beside it goes the text of the aliases file.
pub(super) fn read(table: &Table<'_>) -> (Identity, Option<String>) {
    let rewrite = table.tables("rewrite").iter().filter_map(rewrite).collect();
    let ignore = ignore(table);
    let text = aliases_text(table);
    let aliases = text.as_deref().map(|text| aliases(table, text)).unwrap_or_default();
    (Identity { rewrite, aliases, ignore }, text)
}

fn rewrite(table: &Table<'_>) -> Option<Rewrite> {
    let (from, to) = (table.text("from")?.trim(), table.text("to")?.trim());
    for (key, ending) in [("from", from), ("to", to)] {
        let is_ending = match ending.split_once('@') {
            Some((_, domain)) => Address::parse(&format!("x@{domain}")).is_ok(),
            None => !ending.chars().any(char::is_whitespace),
        };
        if !is_ending && !ending.is_empty() {
            table.mistake(key, format!("{ending:?} is not the ending of an address"), "such as \"@corp.example\"");
        }
    }
    if from.contains('@') != to.contains('@') {
        table.mistake(
            "to",
            "would leave no address: only one of from and to has an @",
            "write it in both, or in neither",
        );
    }
    Some(Rewrite { from: from.to_owned(), to: to.to_owned() })
}

fn ignore(table: &Table<'_>) -> Vec<String> {
    let mut patterns = Vec::new();
    for item in table.texts("ignore").unwrap_or_default() {
        let Some(pattern) = item.text().map(str::trim).filter(|pattern| !pattern.is_empty()) else {
            continue;
        };
        if pattern.chars().all(|c| matches!(c, '*' | '@')) {
            item.mistake(format!("{pattern:?} would ignore everybody"), "such as \"svc-*@corp.example\"");
        } else if pattern.chars().any(char::is_whitespace) || !pattern.contains(['@', '*']) {
            item.mistake(format!("{pattern:?} fits no address"), "such as \"svc-*@corp.example\"");
        }
        patterns.push(pattern.to_owned());
    }
    patterns
}

fn aliases_text(table: &Table<'_>) -> Option<String> {
    let path = table.desk().path(table.text("aliases").filter(|path| !path.trim().is_empty())?);
    let read = || {
        if path.metadata()?.is_file() { std::fs::read(&path) } else { Err(std::io::Error::other("not a file")) }
    };
    let why = match read().map(String::from_utf8) {
        Ok(Ok(text)) => return Some(text),
        Ok(Err(_)) => "is not text (UTF-8)".to_owned(),
        Err(error) => format!("cannot be read: {}", describe(&error)),
    };
    table.mistake("aliases", format!("\"{}\" {why}", path.display()), "a CSV file with the columns from and to");
    None
}

/// Reads the file. A bad row is a mistake, because somebody would be taken for somebody else.
fn aliases(table: &Table<'_>, text: &str) -> BTreeMap<Address, Address> {
    let path = table.text("aliases").map(|path| table.desk().path(path)).unwrap_or_default();
    let (aliases, mistakes) = parse_aliases(text);
    for (line, text, help) in mistakes {
        table.desk().mistake_elsewhere(wrong_row(&path, line, text, help));
    }
    aliases
}

fn wrong_row(path: &Path, line: u64, text: String, help: &str) -> Mistake {
    Mistake {
        file: path.to_owned(),
        line: usize::try_from(line).ok(),
        column: None,
        key: String::new(),
        text,
        help: Some(help.to_owned()),
    }
}

type WrongRows = Vec<(u64, String, &'static str)>;

const TWO: &str = "write two whole addresses: from,to";

fn parse_aliases(text: &str) -> (BTreeMap<Address, Address>, WrongRows) {
    let mut file = Aliases::default();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if let Err(error) = file.read(text) {
        // Text in memory cannot fail; were it so, it must not pass unseen.
        file.wrong.push((1, error.to_string(), TWO));
    }
    (file.aliases, file.wrong)
}

/// What the file says, and every row that cannot be believed.
#[derive(Default)]
struct Aliases {
    aliases: BTreeMap<Address, Address>,
    wrong: WrongRows,
}

impl Aliases {
    fn read(&mut self, text: &str) -> io::Result<()> {
        let mut records = Records::new(text.as_bytes(), b',');
        let headings = records.read()?.filter(|record| record.flaw().is_none());
        let Some((columns, wanted)) = headings.and_then(|record| Some((columns(&record)?, record.len()))) else {
            let text = "the first line does not name the columns from and to, each once".to_owned();
            self.wrong.push((1, text, "begin the file with the line: from,to"));
            return Ok(());
        };
        while let Some(record) = records.read()? {
            self.row(&record, columns, wanted);
        }
        Ok(())
    }

    fn row(&mut self, record: &Record<'_>, (from, to): (usize, usize), wanted: usize) {
        let line = record.line();
        if let Some(flaw) = record.flaw() {
            self.wrong.push((line, flaw.to_string(), flaw.help()));
            return;
        }
        if record.len() > wanted {
            let text = format!("has more fields than the first line, which has {wanted}");
            self.wrong.push((line, text, "put a field with a comma in it into quotes"));
            return;
        }
        let (Some(from), Some(to)) = (self.address(record, from, "from"), self.address(record, to, "to")) else {
            return;
        };
        if let Some(other) = self.aliases.insert(from, to.clone())
            && other != to
        {
            let text = "from stands above already, with another to".to_owned();
            self.wrong.push((line, text, "keep one of the two rows"));
        }
    }

    fn address(&mut self, record: &Record<'_>, column: usize, name: &str) -> Option<Address> {
        match Address::written(&field(record, column)) {
            Ok(address) => Some(address),
            Err(error) => {
                self.wrong.push((record.line(), format!("{name} {error}"), TWO));
                None
            }
        }
    }
}

/// Where the headings `from` and `to` are, if each is there once.
fn columns(headings: &Record<'_>) -> Option<(usize, usize)> {
    let column = |name: &str| {
        let mut found = (0..headings.len()).filter(|at| field(headings, *at).trim().eq_ignore_ascii_case(name));
        found.next().filter(|_| found.next().is_none())
    };
    Some((column("from")?, column("to")?))
}

/// A field as text; the whole file is. A missing one is empty.
fn field<'a>(record: &Record<'a>, column: usize) -> std::borrow::Cow<'a, str> {
    String::from_utf8_lossy(record.field(column).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::parse_aliases;

    #[test]
    fn good_rows_are_read_and_every_bad_one_is_named() {
        let (aliases, wrong) =
            parse_aliases("\u{feff}From , to\nAnn@corp.local, ann@corp.example\r\n\nann@corp.local,ann@corp.example\n");
        assert_eq!(aliases.len(), 1);
        assert!(wrong.is_empty(), "{wrong:?}");
        let (_, wrong) = parse_aliases("to,from\na@b.c,x\n\"a@b.c\",\n,\na@b.c,d@e.f\nx@b.c,D@e.f\n");
        let lines: Vec<u64> = wrong.iter().map(|(line, ..)| *line).collect();
        assert_eq!(lines, [2, 3, 4, 4, 6]);
        for text in ["", "from,to,From\n", "\"from,to\n", "from,to\na@b.c,d@e.f,\n", "from,to\na@b.c,\"d@e.f\"x\n"] {
            assert_eq!(parse_aliases(text).1.len(), 1, "{text:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn random_text_is_no_panic(text in "\\PC{0,60}", near in "from,to\n[a-c@.,\"\n\r]{0,40}") {
            let _ = (parse_aliases(&text), parse_aliases(&near));
        }
    }
}
