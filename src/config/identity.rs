//! `[identity]`: how a directory's addresses become Hyperproof's.

use std::collections::BTreeMap;
use std::path::Path;

use super::mistake::Mistake;
use super::node::Table;
use super::secret::describe;
use crate::model::address::Address;
use crate::model::policy::{Identity, Rewrite};

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

fn parse_aliases(text: &str) -> (BTreeMap<Address, Address>, WrongRows) {
    let mut aliases: BTreeMap<Address, Address> = BTreeMap::new();
    let mut wrong = WrongRows::new();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).flexible(true).from_reader(text.as_bytes());
    let columns = reader.headers().ok().and_then(|headings| {
        let column = |name: &str| headings.iter().position(|heading| heading.eq_ignore_ascii_case(name));
        Some((column("from")?, column("to")?))
    });
    let Some((from, to)) = columns else {
        let text = "the first line does not name the columns from and to".to_owned();
        return (aliases, vec![(1, text, "begin the file with the line: from,to")]);
    };
    for row in reader.records() {
        // The file was text, so a row cannot fail; were it so, it must not pass unseen.
        let Ok(row) = row else {
            wrong.push((1, "a row cannot be read".to_owned(), "from,to"));
            continue;
        };
        let line = row.position().map_or(1, csv::Position::line);
        let mut address = |column: usize, name: &str| match Address::parse(row.get(column).unwrap_or_default()) {
            Ok(address) => Some(address),
            Err(error) => {
                wrong.push((line, format!("{name} {error}"), "write two whole addresses: from,to"));
                None
            }
        };
        let (from, to) = (address(from, "from"), address(to, "to"));
        if let (Some(from), Some(to)) = (from, to)
            && let Some(other) = aliases.insert(from, to.clone())
            && other != to
        {
            wrong.push((line, "from stands above already, with another to".to_owned(), "keep one of the two rows"));
        }
    }
    (aliases, wrong)
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
        let (_, wrong) = parse_aliases("");
        assert_eq!(wrong.len(), 1);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn random_text_is_no_panic(text in "\\PC{0,60}", near in "from,to\n[a-c@.,\"\n\r]{0,40}") {
            let _ = (parse_aliases(&text), parse_aliases(&near));
        }
    }
}
