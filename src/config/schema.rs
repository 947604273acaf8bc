//! The JSON Schema of the configuration, for editors: made from the same [`super::keys`] as the
//! reader, so that the two cannot differ.

use serde_json::{Map, Value, json};

use super::keys::{FILE, Key, Shape};

/// JSON Schema (draft 2020-12) of the configuration file.
pub fn schema() -> Value {
    let mut schema = table(FILE);
    if let Some(top) = schema.as_object_mut() {
        top.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
        top.insert("title".to_owned(), json!("Configuration of rosterd"));
        top.insert("$defs".to_owned(), json!({ "secret": secret() }));
    }
    schema
}

fn table(keys: &[Key]) -> Value {
    let properties: Map<String, Value> = keys.iter().map(|key| (key.name.to_owned(), property(key))).collect();
    let required: Vec<&str> = keys.iter().filter(|key| key.required).map(|key| key.name).collect();
    let mut table = json!({ "type": "object", "properties": properties, "additionalProperties": false });
    if !required.is_empty() {
        table["required"] = json!(required);
    }
    table
}

fn property(key: &Key) -> Value {
    let mut property = shape(&key.shape);
    property["description"] = json!(key.about);
    if let Ok(default) = serde_json::from_str::<Value>(key.default) {
        property["default"] = default;
    }
    property
}

/// The syntax of [`super::value::duration`], as far as a pattern can say it.
const DURATION: &str = r"^\s*[0-9]+(ms|s|m|h|d)(\s*[0-9]+(ms|s|m|h))*\s*$";

fn shape(shape: &Shape) -> Value {
    match shape {
        Shape::Text => json!({ "type": "string", "pattern": r"\S" }),
        Shape::AnyText => json!({ "type": "string" }),
        Shape::OneOf(words) => json!({ "enum": words }),
        Shape::Whole(least, most) => json!({ "type": "integer", "minimum": least, "maximum": most }),
        Shape::Flag => json!({ "type": "boolean" }),
        Shape::Duration(_) => json!({ "type": "string", "pattern": DURATION }),
        Shape::Address => json!({ "type": "string", "pattern": "@" }),
        Shape::AddressOrEmpty => json!({ "type": "string", "pattern": "^$|@" }),
        Shape::Url | Shape::Proxy => json!({ "type": "string", "format": "uri" }),
        Shape::Secret => json!({ "$ref": "#/$defs/secret" }),
        Shape::List(of) => json!({ "type": "array", "items": self::shape(of) }),
        Shape::OneOrMore(of) => {
            json!({ "anyOf": [self::shape(of), { "type": "array", "items": self::shape(of) }] })
        }
        Shape::Table(keys) => table(keys),
        Shape::Tables(keys) => json!({ "type": "array", "items": table(keys) }),
        Shape::Named(keys) => json!({ "type": "object", "additionalProperties": table(keys) }),
        Shape::Kinds(kinds) => {
            let kinds: Vec<Value> = kinds.iter().map(|(_, keys)| table(keys)).collect();
            json!({ "type": "array", "items": { "anyOf": kinds } })
        }
        Shape::Either(first, second) => json!({ "anyOf": [table(first), table(second)] }),
    }
}

fn secret() -> Value {
    let by = |key: &str, about: &str| {
        json!({
            "type": "object",
            "properties": { key: { "type": "string", "pattern": r"\S", "description": about } },
            "required": [key],
            "additionalProperties": false,
        })
    };
    json!({
        "description": "Where a secret is; secrets are never inline.",
        "anyOf": [
            by("credential", "A file in systemd's $CREDENTIALS_DIRECTORY."),
            by("file", "A file that only its owner can read."),
            by("env", "A variable of the environment."),
        ],
    })
}
