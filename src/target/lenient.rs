//! Floor 2: decoding what may be missing, null or of an odd type.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Number, Value};

use super::wire::{Ids, Texts};

/// A list, whose entries may be anything: its objects are handed out, the others counted.
pub(super) struct Rows<T, F>(F, PhantomData<T>);

impl<T, F: FnMut(T)> Rows<T, F> {
    pub(super) fn new(row: F) -> Self {
        Self(row, PhantomData)
    }
}

impl<'de, T: Deserialize<'de>, F: FnMut(T)> DeserializeSeed<'de> for Rows<T, F> {
    type Value = usize;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<usize, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, T: Deserialize<'de>, F: FnMut(T)> Visitor<'de> for Rows<T, F> {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut entries: A) -> Result<usize, A::Error> {
        let mut odd = 0;
        while let Some(Entry(entry)) = entries.next_element()? {
            match entry {
                Some(row) => (self.0)(row),
                None => odd += 1,
            }
        }
        Ok(odd)
    }
}

/// An object, or anything else, which is passed over.
pub(super) struct Entry<T>(pub(super) Option<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Entry<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Any<T> {
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

/// What a field may hold, as far as it is read. What is passed over is read to its end all the same: what is not
/// JSON inside of it is not JSON.
enum Field<'de> {
    Text(Cow<'de, str>),
    Number(Number),
    List(Texts<'de>),
    Odd,
}

impl<'de> Deserialize<'de> for Field<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Field<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("anything")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Field::Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Field::Text(Cow::Owned(text.to_owned())))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
                Ok(Field::Number(number.into()))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
                Ok(Field::Number(number.into()))
            }

            fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
                Ok(Number::from_f64(number).map_or(Field::Odd, Field::Number))
            }

            fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
                Ok(Field::Odd)
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Field::Odd)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
                let mut texts = Texts::default();
                while let Some(entry) = entries.next_element()? {
                    match entry {
                        Field::Text(text) => add_words(&mut texts.ids, text),
                        Field::Number(number) => texts.ids.push(Cow::Owned(number.to_string())),
                        Field::List(_) | Field::Odd => texts.odd += 1,
                    }
                }
                Ok(Field::List(texts))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                Value::deserialize(MapAccessDeserializer::new(map)).map(|_| Field::Odd)
            }
        }
        deserializer.deserialize_any(Any)
    }
}

/// Whether there can be no blank in a text, of whatever script.
fn is_word(text: &str) -> bool {
    // Without a way out in the middle it looks at many bytes at once.
    !text.is_empty() && text.bytes().fold(true, |all, byte| all & byte.is_ascii_graphic())
}

/// The words of a text. Nearly always it is one, and then it stays where it is.
fn add_words<'a>(words: &mut Vec<Cow<'a, str>>, text: Cow<'a, str>) {
    match text {
        Cow::Borrowed(text) if is_word(text) => words.push(Cow::Borrowed(text)),
        Cow::Borrowed(text) => words.extend(text.split_whitespace().map(Cow::Borrowed)),
        Cow::Owned(text) => words.extend(text.split_whitespace().map(|word| Cow::Owned(word.to_owned()))),
    }
}

/// Text as it stands; a number is its digits; anything else is nothing.
pub(super) fn text<'de, D: Deserializer<'de>, T: From<Cow<'de, str>>>(deserializer: D) -> Result<Option<T>, D::Error> {
    Ok(read(deserializer)?.map(T::from))
}

/// Text without blanks around it; nothing but blanks is nothing.
pub(super) fn word<'de, D: Deserializer<'de>, T: From<Cow<'de, str>>>(deserializer: D) -> Result<Option<T>, D::Error> {
    let text = read(deserializer)?.map(|text| match text {
        Cow::Borrowed(text) if is_word(text) => Cow::Borrowed(text),
        Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
        Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
    });
    Ok(text.filter(|text| !text.is_empty()).map(T::from))
}

fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Cow<'de, str>>, D::Error> {
    Ok(match Field::deserialize(deserializer)? {
        Field::Text(text) => Some(text),
        Field::Number(number) => Some(Cow::Owned(number.to_string())),
        Field::List(_) | Field::Odd => None,
    })
}

/// Ids in a list, or in one text; anything else is nothing, which is not "nobody".
pub(super) fn texts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Texts<'de>>, D::Error> {
    Ok(match Field::deserialize(deserializer)? {
        Field::List(texts) => Some(texts),
        Field::Text(text) => {
            let mut texts = Texts::default();
            add_words(&mut texts.ids, text);
            Some(texts)
        }
        Field::Number(_) | Field::Odd => None,
    })
}

/// The same, sorted, each once.
pub(super) fn ids<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Ids>, D::Error> {
    Ok(texts(deserializer)?.map(Ids::from))
}

/// Seconds as a number or as text. What is neither, or is not positive, is as good as missing.
pub(super) fn lifetime<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let seconds = match Field::deserialize(deserializer)? {
        Field::Number(number) => number.as_f64(),
        Field::Text(text) => text.trim().parse().ok(),
        Field::List(_) | Field::Odd => None,
    };
    // A token that outlives a year is as good as one that never ends.
    Ok(seconds.filter(|seconds| *seconds > 0.0 && *seconds < 366.0 * 24.0 * 3600.0).map(Duration::from_secs_f64))
}

#[cfg(test)]
mod tests;
