//! Floor 2: decoding what may be missing, null or of an odd type.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::wire::{Ids, List};

/// A list, whose entries may be anything.
pub(super) struct Entries<T>(pub(super) List<T>);

impl<'de, T: DeserializeOwned> Deserialize<'de> for Entries<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Rows<T>(PhantomData<T>);
        impl<'de, T: DeserializeOwned> Visitor<'de> for Rows<T> {
            type Value = List<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<List<T>, A::Error> {
                let mut list = List { rows: Vec::new(), odd: 0 };
                while let Some(Entry(entry)) = entries.next_element()? {
                    match entry {
                        Some(row) => list.rows.push(row),
                        None => list.odd += 1,
                    }
                }
                Ok(list)
            }
        }
        deserializer.deserialize_seq(Rows(PhantomData)).map(Entries)
    }
}

/// An object, or anything else, which is passed over.
pub(super) struct Entry<T>(pub(super) Option<T>);

impl<'de, T: DeserializeOwned> Deserialize<'de> for Entry<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any<T>(PhantomData<T>);
        impl<'de, T: DeserializeOwned> Visitor<'de> for Any<T> {
            type Value = Option<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("anything")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Some)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(None)
            }

            fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
                Ok(None)
            }

            fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
                Ok(None)
            }

            fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
                Ok(None)
            }

            fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
                Ok(None)
            }

            fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
                Ok(None)
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(None)
            }
        }
        deserializer.deserialize_any(Any(PhantomData)).map(Entry)
    }
}

/// Text as it stands; a number is its digits; anything else is nothing.
pub(super) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    })
}

/// Text without blanks around it; nothing but blanks is nothing.
pub(super) fn word<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = text(deserializer)?;
    Ok(text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()))
}

/// Ids in a list, or in one text; anything else is nothing, which is not "nobody".
pub(super) fn ids<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Ids>, D::Error> {
    let entries = match Value::deserialize(deserializer)? {
        Value::Array(entries) => entries,
        text @ Value::String(_) => vec![text],
        _ => return Ok(None),
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
    Ok(Some(ids))
}

/// Seconds as a number or as text. What is neither, or is not positive, is as good as missing.
pub(super) fn lifetime<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let seconds = match Value::deserialize(deserializer)? {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    // A token that outlives a year is as good as one that never ends.
    Ok(seconds.filter(|seconds| *seconds > 0.0 && *seconds < 366.0 * 24.0 * 3600.0).map(Duration::from_secs_f64))
}
