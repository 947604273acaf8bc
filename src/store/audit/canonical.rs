//! JSON in the one form that RFC 8785 gives a value, so that the same record always has the same
//! bytes and the same hash. Numbers are integers that a double holds exactly; there is no null:
//! what is absent is left out.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

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
        serde_json::from_str(text).ok()
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

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyJson)
    }
}

struct AnyJson;

impl<'de> Visitor<'de> for AnyJson {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON of texts and whole numbers")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Json, E> {
        let exact = (-LARGEST..=LARGEST).contains(&value);
        exact.then_some(Json::Int(value)).ok_or_else(|| E::custom("a number that is not exact"))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Json, E> {
        self.visit_i64(i64::try_from(value).unwrap_or(i64::MAX))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Json, A::Error> {
        let mut object = BTreeMap::new();
        while let Some((name, value)) = members.next_entry()? {
            object.insert(name, value);
        }
        Ok(Json::Object(object))
    }
}

fn write_object(members: &BTreeMap<String, Json>, out: &mut String) {
    out.push('{');
    let mut first = true;
    let mut write = |(name, value): (&String, &Json)| {
        if !std::mem::take(&mut first) {
            out.push(',');
        }
        write_text(name, out);
        out.push(':');
        value.write(out);
    };
    // Members go by UTF-16 code units, which differs from UTF-8 beyond the basic plane.
    if members.keys().all(|name| name.is_ascii()) {
        members.iter().for_each(&mut write);
    } else {
        let mut sorted: Vec<_> = members.iter().collect();
        sorted.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
        sorted.into_iter().for_each(&mut write);
    }
    out.push('}');
}

fn write_text(text: &str, out: &mut String) {
    let is_escaped = |c: char| c < ' ' || c == '"' || c == '\\';
    out.push('"');
    let mut rest = text;
    while let Some(at) = rest.find(is_escaped) {
        let (plain, after) = rest.split_at(at);
        out.push_str(plain);
        let mut after = after.chars();
        match after.next() {
            Some('"') => out.push_str("\\\""),
            Some('\\') => out.push_str("\\\\"),
            Some('\u{8}') => out.push_str("\\b"),
            Some('\t') => out.push_str("\\t"),
            Some('\n') => out.push_str("\\n"),
            Some('\u{c}') => out.push_str("\\f"),
            Some('\r') => out.push_str("\\r"),
            Some(c) => {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            None => {}
        }
        rest = after.as_str();
    }
    out.push_str(rest);
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
