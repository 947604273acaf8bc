//! JSON in the one form that RFC 8785 gives a value, so that the same record always has the same
//! bytes and the same hash. Numbers are integers that a double holds exactly; there is no null:
//! what is absent is left out.

use std::collections::BTreeMap;
use std::fmt::Write;

/// The largest integer that every JSON reader keeps exactly (RFC 8785, section 3.2.2.3).
const LARGEST: i64 = (1 << 53) - 1;

/// A JSON value as the audit log has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Json {
    /// `true` or `false`.
    Bool(bool),
    /// An integer within ±(2^53 − 1).
    Int(i64),
    /// A text.
    Text(String),
    /// An array.
    List(Vec<Json>),
    /// An object.
    Object(BTreeMap<String, Json>),
}

impl Json {
    /// An object of these members.
    pub(crate) fn object<const N: usize>(members: [(&str, Option<Json>); N]) -> Self {
        let members = members.into_iter().filter_map(|(name, value)| value.map(|value| (name.to_owned(), value)));
        Self::Object(members.collect())
    }

    /// The value's one text.
    pub(crate) fn canonical(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }

    /// Reads a text; nothing where it is no JSON, or has a null or a number that is no exact
    /// integer. Whether the text was canonical shows when it is written again.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::of(serde_json::from_str(text).ok()?)
    }

    fn of(value: serde_json::Value) -> Option<Self> {
        use serde_json::Value;
        match value {
            Value::Null => None,
            Value::Bool(value) => Some(Self::Bool(value)),
            Value::Number(number) => {
                let number = number.as_i64()?;
                (-LARGEST..=LARGEST).contains(&number).then_some(Self::Int(number))
            }
            Value::String(text) => Some(Self::Text(text)),
            Value::Array(items) => Some(Self::List(items.into_iter().map(Self::of).collect::<Option<_>>()?)),
            Value::Object(members) => {
                let members = members.into_iter().map(|(name, value)| Some((name, Self::of(value)?)));
                Some(Self::Object(members.collect::<Option<_>>()?))
            }
        }
    }

    fn write(&self, out: &mut String) {
        match self {
            Self::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Self::Int(value) => out.push_str(&value.to_string()),
            Self::Text(text) => write_text(text, out),
            Self::List(items) => {
                out.push('[');
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    item.write(out);
                }
                out.push(']');
            }
            Self::Object(members) => write_object(members, out),
        }
    }
}

fn write_object(members: &BTreeMap<String, Json>, out: &mut String) {
    let mut sorted: Vec<_> = members.iter().collect();
    // Members go by UTF-16 code units, which differs from UTF-8 beyond the basic plane.
    sorted.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
    out.push('{');
    for (at, (name, value)) in sorted.into_iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        write_text(name, out);
        out.push(':');
        value.write(out);
    }
    out.push('}');
}

fn write_text(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            c if c < ' ' => {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

impl From<&str> for Json {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Json {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for Json {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Json {
    /// Beyond what is exact, RFC 8785 asks for a text.
    fn from(value: i64) -> Self {
        if (-LARGEST..=LARGEST).contains(&value) { Self::Int(value) } else { Self::Text(value.to_string()) }
    }
}

impl From<u64> for Json {
    fn from(value: u64) -> Self {
        i64::try_from(value).map_or_else(|_| Self::Text(value.to_string()), Self::from)
    }
}

impl From<usize> for Json {
    fn from(value: usize) -> Self {
        Self::from(value as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn members_are_sorted_by_utf16() {
        // The example of RFC 8785, section 3.2.3.
        let names = ["\u{20ac}", "\r", "\u{fb33}", "1", "\u{1f600}", "\u{80}", "\u{f6}"];
        let object = Json::Object(names.iter().map(|name| (name.to_string(), Json::Int(0))).collect());
        assert_eq!(
            object.canonical(),
            "{\"\\r\":0,\"1\":0,\"\u{80}\":0,\"\u{f6}\":0,\"\u{20ac}\":0,\"\u{1f600}\":0,\"\u{fb33}\":0}"
        );
    }

    #[test]
    fn texts_are_escaped_as_rfc_8785_says() {
        let text = Json::from("\u{20ac}$\u{f}\nA'B\"\\\\\"/\u{7f}\u{2028}\u{8}\t\u{c}\r");
        assert_eq!(text.canonical(), "\"\u{20ac}$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\u{7f}\u{2028}\\b\\t\\f\\r\"");
    }

    #[test]
    fn numbers_beyond_what_is_exact_are_texts() {
        assert_eq!(Json::from(9_007_199_254_740_991_i64).canonical(), "9007199254740991");
        assert_eq!(Json::from(9_007_199_254_740_992_i64).canonical(), "\"9007199254740992\"");
        assert_eq!(Json::from(u64::MAX).canonical(), "\"18446744073709551615\"");
        for text in ["1.0", "1e3", "9007199254740992", "null", "[null]", "", "{", "1 2"] {
            assert_eq!(Json::parse(text), None, "{text}");
        }
    }

    fn any_json() -> impl Strategy<Value = Json> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Json::Bool),
            any::<i64>().prop_map(Json::from),
            any::<String>().prop_map(Json::Text),
        ];
        leaf.prop_recursive(3, 24, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Json::List),
                prop::collection::btree_map(any::<String>(), inner, 0..5).prop_map(Json::Object),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_is_written_is_read_back(value in any_json()) {
            let text = value.canonical();
            prop_assert_eq!(Json::parse(&text), Some(value));
        }

        #[test]
        fn any_text_is_read_or_refused(text in any::<String>()) {
            if let Some(value) = Json::parse(&text) {
                prop_assert_eq!(Json::parse(&value.canonical()), Some(value));
            }
        }
    }
}
