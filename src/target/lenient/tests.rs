//! The decoder that borrows, held against a plain one that goes through values.

use proptest::prelude::*;
use serde_json::Value;

use super::super::wire::{Group, Ids, List, Membership, Token, User, list, object};
use super::*;

/// A plain decoder of the same fields.
mod plain {
    use super::*;

    fn text(value: &Value) -> Option<String> {
        match value {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    fn word(value: &Value) -> Option<String> {
        text(value).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
    }

    fn ids(value: &Value) -> Option<Ids> {
        let entries = match value {
            Value::Array(entries) => entries.clone(),
            Value::String(_) => vec![value.clone()],
            _ => return None,
        };
        let mut ids = Ids::default();
        for entry in entries {
            match entry {
                Value::String(text) => ids.ids.extend(text.split_whitespace().map(str::to_owned)),
                Value::Number(number) => ids.ids.push(number.to_string()),
                _ => ids.odd += 1,
            }
        }
        ids.ids.sort_unstable();
        ids.ids.dedup();
        Some(ids)
    }

    pub(super) fn user(row: &Value) -> [Option<String>; 5] {
        [word(&row["id"]), word(&row["userId"]), word(&row["email"]), word(&row["type"]), word(&row["status"])]
    }

    pub(super) fn membership(row: &Value) -> (Option<String>, Option<Ids>) {
        (word(&row["groupId"]), ids(&row["userIds"]))
    }

    pub(super) fn group(row: &Value) -> Group {
        Group {
            id: word(&row["id"]),
            org_id: word(&row["orgId"]),
            name: text(&row["name"]),
            group_lead_id: word(&row["groupLeadId"]),
            status: word(&row["status"]),
            user_ids: ids(&row["userIds"]),
        }
    }
}

/// What the plain decoder makes of a list: its objects, and the number of other entries.
fn plainly<T>(body: &[u8], row: fn(&Value) -> T) -> Option<(Vec<T>, usize)> {
    let entries: Vec<Value> = serde_json::from_slice(body).ok()?;
    let rows: Vec<T> = entries.iter().filter(|entry| entry.is_object()).map(row).collect();
    let odd = entries.len() - rows.len();
    Some((rows, odd))
}

fn borrowing<'a, R: Deserialize<'a>, T>(body: &'a [u8], row: fn(R) -> T) -> Option<(Vec<T>, usize)> {
    let List { rows, odd } = list::<R>(body).ok()?;
    Some((rows.into_iter().map(row).collect(), odd))
}

fn user(user: User<'_>) -> [Option<String>; 5] {
    [user.id, user.user_id, user.email, user.kind, user.status].map(|field| field.map(Cow::into_owned))
}

fn membership(row: Membership<'_>) -> (Option<String>, Option<Ids>) {
    (row.group_id.map(Cow::into_owned), row.user_ids.map(Ids::from))
}

/// JSON texts of all kinds of values; no key of an object comes twice.
fn value() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "null",
        "true",
        "0",
        "7",
        "-5",
        "1.50",
        "-0.0",
        "1e5",
        "1E-7",
        "18446744073709551616",
        "1e999",
        "\"\"",
        "\" \"",
        "\"u1\"",
        "\" u1  u2 \"",
        "\"a\\tb\"",
        "\"\\u00e9 \\ud83d\\ude00\"",
        "\"\\u2003x\\u2003\"",
        "\"\u{e9}\u{2003}y\"",
        "\"\\ud800\"",
    ]);
    words.prop_map(str::to_owned).prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|entries| format!("[{}]", entries.join(", "))),
            object_of(inner),
        ]
    })
}

fn object_of(value: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    let keys = ["id", "userId", "email", "type", "status", "groupId", "userIds", "orgId", "name", "groupLeadId", "x"];
    let fields = (prop::sample::subsequence(keys.to_vec(), 0..keys.len()), prop::collection::vec(value, keys.len()));
    fields.prop_map(|(keys, values)| {
        let fields: Vec<String> = keys.iter().zip(values).map(|(key, value)| format!("{key:?}:{value}")).collect();
        format!("{{{}}}", fields.join(","))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]
    #[test]
    fn the_borrowing_decoder_reads_what_the_plain_one_does(
        entries in prop::collection::vec(prop_oneof![4 => object_of(value()), 1 => value()], 0..5),
        cut in prop::option::weighted(0.1, 0..200usize),
    ) {
        let mut body = format!(" [{}] ", entries.join(" ,"));
        if let Some(cut) = cut.filter(|cut| body.is_char_boundary(*cut)) {
            body.truncate(cut);
        }
        let body = body.as_bytes();
        // What is in a field that nobody reads may be less than JSON; where the plain decoder reads, so does the other.
        if let Some(expected) = plainly(body, plain::user) {
            prop_assert_eq!(borrowing(body, user), Some(expected));
            prop_assert_eq!(borrowing(body, membership), plainly(body, plain::membership));
            prop_assert_eq!(borrowing(body, |group: Group| group), plainly(body, plain::group));
        }
    }
}

/// What stands in a field that is read is JSON to its last byte, or the answer is none.
#[test]
fn what_is_passed_over_in_a_field_is_checked() {
    let deep = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    for (field, read) in [
        (r#"{"a":[1e999]}"#, false),
        (r#"{"a":"\ud800"}"#, false),
        (r#"[[1e999]]"#, false),
        (r#"{"a":[{"b":null}]}"#, true),
        (deep(120).as_str(), true),
        (deep(130).as_str(), false),
    ] {
        for name in ["userId", "email"] {
            let body = format!(r#"[{{"{name}":{field}}}]"#);
            assert_eq!(list::<User<'_>>(body.as_bytes()).is_ok(), read, "{body}");
        }
        let body = format!(r#"[{{"userIds":{field}}}]"#);
        assert_eq!(list::<Membership<'_>>(body.as_bytes()).is_ok(), read, "{body}");
    }
    let twice = br#"[{"userId":"a","userId":"b"}]"#;
    assert!(list::<User<'_>>(twice).is_err(), "which one counts is not to be guessed");
    assert_eq!(object::<Token>(br#"{"expires_in":[1]}"#).unwrap().expires_in, None);
}
