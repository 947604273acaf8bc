//! Floor 2, pure: a few safe words of a body that somebody else wrote.

/// Longest excerpt, in characters.
const LONGEST: usize = 200;
/// Bytes of a body that are looked at.
const LOOKED_AT: usize = 4096;
/// A word of this length that is no UUID is taken for a credential.
const CREDENTIAL: usize = 32;

/// One line of at most 200 characters without control characters, credentials or addresses.
/// `secrets` are taken out wherever they stand.
pub(super) fn excerpt(text: &str, secrets: &[&str]) -> String {
    let mut text: String = text.chars().take(LOOKED_AT).collect();
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        text = text.replace(secret, "[secret]");
    }
    let line = words(&text);
    if line.is_empty() {
        return "no message".into();
    }
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}

/// Passes the text on word by word, so that each can be judged; control characters become blanks and
/// runs of blanks one.
fn words(text: &str) -> String {
    let mut out = Out::default();
    let mut word = String::new();
    for c in text.chars() {
        if c.is_alphanumeric() || "_-.~+/@%".contains(c) {
            word.push(c);
        } else {
            out.word(&word);
            word.clear();
            out.between(if c.is_control() || is_format(c) { ' ' } else { c });
        }
    }
    out.word(&word);
    out.text.trim().to_owned()
}

/// Characters that reorder or hide text on a terminal (bidirectional controls, zero-width marks).
fn is_format(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[derive(Default)]
struct Out {
    text: String,
    /// The last word names a credential; what follows it is one, if a sign of assignment comes first.
    key: bool,
    /// What comes next is a credential.
    armed: bool,
}

impl Out {
    fn word(&mut self, word: &str) {
        if word.is_empty() {
            return;
        }
        if std::mem::take(&mut self.armed) || is_credential(word) {
            self.text.push_str("[secret]");
            self.key = false;
        } else if word.contains('@') {
            self.text.push_str("[address]");
            self.key = false;
        } else {
            self.text.push_str(word);
            let word = word.to_ascii_lowercase();
            self.armed = word == "bearer" || word == "basic";
            self.key = ["token", "secret", "password", "authorization", "assertion", "apikey", "api_key", "api-key"]
                .iter()
                .any(|name| word.ends_with(name));
        }
    }

    fn between(&mut self, c: char) {
        if self.key && matches!(c, ':' | '=') {
            self.armed = true;
            self.key = false;
        }
        if !(c.is_whitespace() && self.text.ends_with(' ')) {
            self.text.push(if c.is_whitespace() { ' ' } else { c });
        }
    }
}

fn is_credential(word: &str) -> bool {
    let is_uuid = word.len() == 36 && word.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    // A path is long too; its parts are not.
    !is_uuid && word.split('/').any(|part| part.len() >= CREDENTIAL && !part.contains('@'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_must_not_be_seen_is_not() {
        let cases = [
            ("plain words, kept.", "plain words, kept."),
            ("", "no message"),
            ("\u{1b}[31mred\r\nnext\u{202e}", "[31mred next"),
            ("user ann@corp.example unknown", "user [address] unknown"),
            ("Bearer abc.def refused", "Bearer [secret] refused"),
            (r#"{"access_token":"abc"}"#, r#"{"access_token":"[secret]"}"#),
            ("client_secret=abc&x=1", "client_secret=[secret]&x=1"),
            ("the token expired", "the token expired"),
            ("see hunter2 there", "see [secret] there"),
            ("user 82d7c228-8bcd-11e9-a94b-ab3de8494987 unknown", "user 82d7c228-8bcd-11e9-a94b-ab3de8494987 unknown"),
            ("got eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.e30.x", "got [secret]"),
        ];
        for (text, expected) in cases {
            assert_eq!(excerpt(text, &["hunter2", ""]), expected, "{text:?}");
        }
        assert_eq!(excerpt(&"ab ".repeat(500), &[]).chars().count(), LONGEST + 1);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_text_gives_a_short_line(text in "\\PC{0,300}|[\\x00-\\x7f]{0,300}") {
            let line = excerpt(&text, &["a"]);
            prop_assert!(line.chars().count() <= LONGEST + 1);
            prop_assert!(!line.chars().any(char::is_control));
            prop_assert!(!line.contains('@') || !line.contains("@a"));
        }
    }
}
