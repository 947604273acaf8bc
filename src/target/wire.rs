//! Floor 2: what the API sends and takes (hyperproof-api.md, sections 7 and 8).
//!
//! Lenient: any field may be missing, null, extra or of an odd type; whoever needs it decides what
//! its absence means. Strict in one thing: a list is a JSON array, or it is no list.

use std::borrow::Cow;
use std::time::Duration;

use serde::de::{DeserializeSeed, IgnoredAny};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::lenient::{Entry, Rows, ids, lifetime, text, texts, word};

/// A user of `GET /users`, as far as possible a part of the answer itself.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct User<'a> {
    /// The organisation-user id.
    #[serde(borrow, deserialize_with = "word")]
    pub id: Option<Cow<'a, str>>,
    /// The person's id.
    #[serde(borrow, deserialize_with = "word")]
    pub user_id: Option<Cow<'a, str>>,
    /// The address.
    #[serde(borrow, deserialize_with = "word")]
    pub email: Option<Cow<'a, str>>,
    /// `activeUser`, `contact`, …
    #[serde(borrow, rename = "type", deserialize_with = "word")]
    pub kind: Option<Cow<'a, str>>,
    /// `active`, `archived`, …
    #[serde(borrow, deserialize_with = "word")]
    pub status: Option<Cow<'a, str>>,
}

/// `GET /users/me`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Me {
    /// The user's id (by the samples, `userId` of the list).
    #[serde(deserialize_with = "word")]
    pub id: Option<String>,
    /// The address.
    #[serde(deserialize_with = "word")]
    pub email: Option<String>,
    /// The id of the role in the organisation. No call tells the role's name.
    #[serde(deserialize_with = "word")]
    pub organization_role_id: Option<String>,
}

/// A group, as all calls on groups send it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Group {
    /// The group's id.
    #[serde(deserialize_with = "word")]
    pub id: Option<String>,
    /// The organisation's id.
    #[serde(deserialize_with = "word")]
    pub org_id: Option<String>,
    /// The name, as it stands.
    #[serde(deserialize_with = "text")]
    pub name: Option<String>,
    /// The lead.
    #[serde(deserialize_with = "word")]
    pub group_lead_id: Option<String>,
    /// Not in the vendor's schema; it may come all the same.
    #[serde(deserialize_with = "word")]
    pub status: Option<String>,
    /// The members; the samples leave them out.
    #[serde(deserialize_with = "ids")]
    pub user_ids: Option<Ids>,
}

/// The members of a group, as far as possible a part of the answer itself.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Membership<'a> {
    /// The group. (The samples have another `id` beside it, which means nothing to us.)
    #[serde(borrow, deserialize_with = "word")]
    pub group_id: Option<Cow<'a, str>>,
    /// The members.
    #[serde(borrow, deserialize_with = "texts")]
    pub user_ids: Option<Texts<'a>>,
}

/// The token endpoint's reply.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Token {
    #[serde(deserialize_with = "word")]
    pub(super) access_token: Option<String>,
    #[serde(deserialize_with = "lifetime")]
    pub(super) expires_in: Option<Duration>,
}

/// Body of `POST /groups`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NewGroup<'a> {
    pub(super) name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) group_lead_id: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(super) user_ids: &'a [&'a str],
}

/// Body of `PATCH /groups/{id}`: a lead, or none; never both.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum GroupPatch<'a> {
    GroupLeadId(&'a str),
    ClearGroupLead(bool),
    Name(&'a str),
}

/// Body of the membership writes.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UserIds<'a> {
    pub(super) user_ids: &'a [&'a str],
}

/// A `userIds` as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Texts<'a> {
    /// The ids. A text with blanks inside is several (the vendor's samples).
    pub ids: Vec<Cow<'a, str>>,
    /// Entries that are no id.
    pub odd: usize,
}

/// Ids of a `userIds`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ids {
    /// The ids, sorted, each once.
    pub ids: Vec<String>,
    /// Entries that are no id.
    pub odd: usize,
}

impl From<Texts<'_>> for Ids {
    fn from(texts: Texts<'_>) -> Self {
        let mut ids: Vec<String> = texts.ids.into_iter().map(Cow::into_owned).collect();
        ids.sort_unstable();
        ids.dedup();
        Self { ids, odd: texts.odd }
    }
}

/// A list of the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List<T> {
    /// Its objects.
    pub rows: Vec<T>,
    /// Entries that are no object.
    pub odd: usize,
}

impl<T> List<T> {
    /// Entries in all.
    pub fn len(&self) -> usize {
        self.rows.len() + self.odd
    }

    /// Whether it has no entry at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Decodes a list. Anything but a JSON array is an error.
pub(super) fn list<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<List<T>, String> {
    let mut text = serde_json::Deserializer::from_slice(body);
    let mut rows = Vec::new();
    let odd = Rows::new(|row| rows.push(row)).deserialize(&mut text).and_then(|odd| text.end().map(|()| odd));
    let odd = odd.map_err(|error| fault(&error, Place::default(), "array"))?;
    Ok(List { rows, odd })
}

/// Whether it is a list at all.
pub(super) fn is_list(body: &[u8]) -> bool {
    list::<IgnoredAny>(body).is_ok()
}

/// Decodes the entry of a list with which these bytes begin: the object, none where it is another value, and how long
/// it is. Nothing where it may go on behind these bytes.
///
/// # Errors
/// It is no JSON, or not yet.
pub(super) fn first<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<Option<(Option<T>, usize)>, serde_json::Error> {
    let mut values = serde_json::Deserializer::from_slice(bytes).into_iter::<Entry<T>>();
    match values.next() {
        Some(Ok(Entry(entry))) if values.byte_offset() < bytes.len() => Ok(Some((entry, values.byte_offset()))),
        // More digits may follow.
        Some(Ok(_)) | None => Ok(None),
        Some(Err(error)) => Err(error),
    }
}

/// Decodes an object.
pub(super) fn object<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, String> {
    let Entry(entry) = serde_json::from_slice(body).map_err(|error| fault(&error, Place::default(), "object"))?;
    entry.ok_or_else(|| "the answer is not a JSON object".into())
}

/// The words of an error body: the vendor's gateway has `message`, the application `error` or plain
/// text (hyperproof-api.md, section 5).
pub(super) fn message(body: &[u8]) -> String {
    let plain = || String::from_utf8_lossy(body).into_owned();
    let Ok(Value::Object(fields)) = serde_json::from_slice::<Value>(body) else {
        return plain();
    };
    let found =
        ["message", "error_description", "detail", "title", "error"].iter().find_map(|key| match fields.get(*key)? {
            Value::String(text) if !text.trim().is_empty() => Some(text.clone()),
            Value::Object(inner) => Some(inner.get("message")?.as_str()?.to_owned()),
            _ => None,
        });
    found.unwrap_or_else(plain)
}

/// How far into an answer: line breaks before it, and bytes since the last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Place {
    lines: usize,
    column: usize,
}

impl Place {
    /// The place behind these bytes.
    pub(super) fn behind(self, bytes: &[u8]) -> Self {
        // Most answers are one line.
        if !bytes.contains(&b'\n') {
            return Self { column: self.column + bytes.len(), ..self };
        }
        let lines = bytes.iter().filter(|byte| **byte == b'\n').count();
        let column = bytes.iter().rev().take_while(|byte| **byte != b'\n').count();
        Self { lines: self.lines + lines, column }
    }
}

/// Whether it may be that there is an error because these bytes are not all.
pub(super) fn is_at_end(error: &serde_json::Error, bytes: &[u8]) -> bool {
    let end = Place::default().behind(bytes);
    error.is_eof() || (error.line(), error.column()) == (end.lines + 1, end.column)
}

/// What is said of an answer that ends before its end.
pub(super) const CUT_OFF: &str = "the answer is cut off or empty";

/// What is said of an answer that is no JSON behind this place.
pub(super) fn no_json(place: Place) -> String {
    format!("the answer is not JSON (line {}, column {})", place.lines + 1, place.column)
}

/// What is said of an error in what begins at this place. serde's own words would quote the value.
pub(super) fn fault(error: &serde_json::Error, from: Place, wanted: &str) -> String {
    if error.is_data() {
        format!("the answer is not a JSON {wanted}")
    } else if error.is_eof() {
        CUT_OFF.into()
    } else {
        no_json(match error.line() {
            0 | 1 => Place { column: from.column + error.column(), ..from },
            line => Place { lines: from.lines + line - 1, column: error.column() },
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn odd_fields_are_passed_over() {
        let body = br#"[
            {"id":"a","userId":"b","email":" Ann@corp.example ","type":"activeUser","status":"active","extra":{"x":[1]}},
            {"id":null,"userId":7,"email":[],"type":{},"status":true},
            null, 5, -1, 1.5, "text", [1,{}], false, {}
        ]"#;
        let users: List<User<'_>> = list(body).unwrap();
        assert_eq!((users.rows.len(), users.odd, users.len()), (3, 7, 10));
        assert_eq!(users.rows[0].email.as_deref(), Some("Ann@corp.example"));
        assert_eq!(users.rows[1], User { user_id: Some("7".into()), ..User::default() });
        assert_eq!(users.rows[2], User::default());
    }

    #[test]
    fn ids_are_split_sorted_and_counted_once() {
        let of = |body: &str| object::<Membership>(body.as_bytes()).unwrap().user_ids.map(Ids::from);
        let some = |ids: &[&str], odd| Some(Ids { ids: ids.iter().map(|id| (*id).to_owned()).collect(), odd });
        assert_eq!(of(r#"{"userIds":["b a","a"," c "]}"#), some(&["a", "b", "c"], 0));
        assert_eq!(of(r#"{"userIds":"a b"}"#), some(&["a", "b"], 0));
        assert_eq!(of(r#"{"userIds":[1,null,{},""]}"#), some(&["1"], 2));
        assert_eq!(of(r#"{"userIds":[]}"#), some(&[], 0));
        for body in [r#"{"userIds":null}"#, r#"{"userIds":{}}"#, r#"{"userIds":5}"#, "{}"] {
            assert_eq!(of(body), None, "{body}");
        }
    }

    #[test]
    fn what_is_no_list_is_an_error_that_quotes_nothing() {
        for body in ["", "{}", "null", "5", "\"secret\"", "<html>", "[{}", "{\"data\":[]}", "[] []"] {
            let error = list::<User>(body.as_bytes()).unwrap_err();
            assert!(error.starts_with("the answer is") && !error.contains("secret"), "{body}: {error}");
        }
        for body in ["", "[]", "null", "<html>", "{"] {
            assert!(object::<Group>(body.as_bytes()).is_err(), "{body}");
        }
    }

    #[test]
    fn tokens_live_for_a_number_a_text_or_for_ever() {
        let of = |body: &str| object::<Token>(body.as_bytes()).unwrap().expires_in.map(|life| life.as_secs());
        assert_eq!(of(r#"{"expires_in":3600}"#), Some(3600));
        assert_eq!(of(r#"{"expires_in":"86400"}"#), Some(86400));
        assert_eq!(of(r#"{"expires_in":12.5}"#), Some(12));
        for body in [
            "{}",
            r#"{"expires_in":null}"#,
            r#"{"expires_in":"soon"}"#,
            r#"{"expires_in":-5}"#,
            r#"{"expires_in":1e300}"#,
            r#"{"expires_in":"NaN"}"#,
        ] {
            assert_eq!(of(body), None, "{body}");
        }
    }

    #[test]
    fn error_bodies_come_in_several_shapes() {
        let cases = [
            (r#"{"statusCode":429,"message":"slow"}"#, "slow"),
            (r#"{"error":"bad"}"#, "bad"),
            (r#"{"error":"invalid_client","error_description":"unknown"}"#, "unknown"),
            (r#"{"error":{"message":"deep"}}"#, "deep"),
            (r#"{"message":""}"#, r#"{"message":""}"#),
            ("plain text", "plain text"),
            ("", ""),
        ];
        for (body, expected) in cases {
            assert_eq!(message(body.as_bytes()), expected);
        }
    }

    #[test]
    fn bodies_are_written_as_the_api_takes_them() {
        let json = |value: &dyn erased::Json| value.json();
        assert_eq!(json(&NewGroup { name: "G", group_lead_id: None, user_ids: &[] }), r#"{"name":"G"}"#);
        assert_eq!(
            json(&NewGroup { name: "G", group_lead_id: Some("l"), user_ids: &["a"] }),
            r#"{"name":"G","groupLeadId":"l","userIds":["a"]}"#
        );
        assert_eq!(json(&GroupPatch::GroupLeadId("l")), r#"{"groupLeadId":"l"}"#);
        assert_eq!(json(&GroupPatch::ClearGroupLead(true)), r#"{"clearGroupLead":true}"#);
        assert_eq!(json(&GroupPatch::Name("n")), r#"{"name":"n"}"#);
        assert_eq!(json(&UserIds { user_ids: &["a", "b"] }), r#"{"userIds":["a","b"]}"#);
    }

    mod erased {
        pub(super) trait Json {
            fn json(&self) -> String;
        }

        impl<T: serde::Serialize> Json for T {
            fn json(&self) -> String {
                serde_json::to_string(self).unwrap()
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]
        #[test]
        fn any_bytes_are_decoded_or_refused(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = list::<User>(&body);
            let _ = list::<Membership>(&body);
            let _ = object::<Group>(&body);
            let _ = object::<Token>(&body);
            let _ = message(&body);
        }

        #[test]
        fn near_json_is_decoded_or_refused(body in "[\\[\\]{}\":,0-9eE.\\-nultrsdIi ]{0,80}") {
            let _ = list::<Group>(body.as_bytes());
            let _ = object::<Membership>(body.as_bytes());
        }
    }
}
