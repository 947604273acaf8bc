//! Just enough of Rust's lexis to see which paths a file names: comments and texts are left out.

/// The names, `::`, and single characters of a text.
pub(crate) fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = skipped(rest).unwrap_or_else(|| {
            let length = word(rest).unwrap_or(first.len_utf8());
            if !first.is_whitespace() {
                tokens.push(rest[..length].to_owned());
            }
            length
        });
        rest = &rest[length..];
    }
    tokens
}

/// The length of a comment or a literal that begins here.
fn skipped(rest: &str) -> Option<usize> {
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return Some(rest.find("*/").map_or(rest.len(), |end| end + 2));
    }
    let prefix = ["br", "cr", "b", "c", "r", ""].into_iter().find(|prefix| {
        let behind = rest.strip_prefix(*prefix).unwrap_or_default().trim_start_matches('#');
        behind.starts_with('"') && (prefix.ends_with('r') || rest[prefix.len()..].starts_with('"'))
    });
    match prefix {
        Some(prefix) if prefix.ends_with('r') => Some(raw(rest, prefix.len())),
        Some(prefix) => Some(prefix.len() + quoted(&rest[prefix.len()..], '"')),
        None => character(rest),
    }
}

fn raw(rest: &str, prefix: usize) -> usize {
    let hashes = rest[prefix..].chars().take_while(|character| *character == '#').count();
    let begin = prefix + hashes + 1;
    let end = format!("\"{}", "#".repeat(hashes));
    rest[begin..].find(&end).map_or(rest.len(), |at| begin + at + end.len())
}

/// The length of a text in quotes, the quotes included.
fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, character) in rest.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if character == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// A literal character; the quote of a lifetime is skipped alone.
fn character(rest: &str) -> Option<usize> {
    let mut behind = rest.strip_prefix('\'')?.chars();
    let literal = behind.next() == Some('\\') || behind.next() == Some('\'');
    Some(if literal { quoted(rest, '\'') } else { 1 })
}

/// The length of a name or of `::`.
fn word(rest: &str) -> Option<usize> {
    if rest.starts_with("::") {
        return Some(2);
    }
    let length: usize =
        rest.chars().take_while(|character| character.is_alphanumeric() || *character == '_').map(char::len_utf8).sum();
    (length > 0).then_some(length)
}

#[test]
fn comments_and_texts_are_no_code() {
    let text = r####"
        /* a */ // b "
        use c::d; let e = "f \" g"; h('"', '\'', 'i'); fn j<'k>() {}
        r#"l " m"#; b"n"; br##"o"# p"##; q
    "####;
    let names: Vec<String> = tokens(text).into_iter().filter(|token| token.starts_with(char::is_alphabetic)).collect();
    assert_eq!(names, ["use", "c", "d", "let", "e", "h", "fn", "j", "k", "q"]);
}
