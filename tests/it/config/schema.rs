//! The JSON Schema says what the reader says.

use rosterd::config::schema;
use serde_json::{Map, Value, json};

use super::{BASE, Folder, examples, mistakes_in};

/// What is wrong with a value by the keywords that the schema uses: a small validator, written from
/// the specification and not from the reader.
fn faults(schema: &Value, root: &Value, value: &Value, at: &str) -> Vec<String> {
    let mut found = Vec::new();
    let keywords = schema.as_object().unwrap();
    for (keyword, rule) in keywords {
        match keyword.as_str() {
            "type" => {
                let is = match rule.as_str().unwrap() {
                    "object" => value.is_object(),
                    "array" => value.is_array(),
                    "string" => value.is_string(),
                    "integer" => value.is_i64() || value.is_u64(),
                    "boolean" => value.is_boolean(),
                    other => panic!("type {other}"),
                };
                if !is {
                    found.push(format!("{at}: type"));
                }
            }
            "enum" if !rule.as_array().unwrap().contains(value) => found.push(format!("{at}: enum")),
            "minimum" if value.as_i64().is_some_and(|number| number < rule.as_i64().unwrap()) => {
                found.push(format!("{at}: minimum"))
            }
            "maximum" if value.as_i64().is_some_and(|number| number > rule.as_i64().unwrap()) => {
                found.push(format!("{at}: maximum"))
            }
            "pattern" => {
                let pattern = regex::Regex::new(rule.as_str().unwrap()).unwrap();
                if value.as_str().is_some_and(|text| !pattern.is_match(text)) {
                    found.push(format!("{at}: pattern"));
                }
            }
            "required" if value.is_object() => {
                let missing = rule.as_array().unwrap().iter().filter(|key| value.get(key.as_str().unwrap()).is_none());
                found.extend(missing.map(|key| format!("{at}.{}: required", key.as_str().unwrap())));
            }
            "properties" => {
                for (key, schema) in rule.as_object().unwrap() {
                    if let Some(inner) = value.get(key) {
                        found.extend(faults(schema, root, inner, &format!("{at}.{key}")));
                    }
                }
            }
            "additionalProperties" => {
                let known = schema.get("properties").and_then(Value::as_object);
                let others = value
                    .as_object()
                    .into_iter()
                    .flatten()
                    .filter(|(key, _)| !known.is_some_and(|known| known.contains_key(*key)));
                for (key, inner) in others {
                    match rule {
                        Value::Bool(false) => found.push(format!("{at}.{key}: additional")),
                        rule => found.extend(faults(rule, root, inner, &format!("{at}.{key}"))),
                    }
                }
            }
            "items" => {
                for (index, inner) in value.as_array().into_iter().flatten().enumerate() {
                    found.extend(faults(rule, root, inner, &format!("{at}[{index}]")));
                }
            }
            "anyOf" => {
                let each: Vec<_> =
                    rule.as_array().unwrap().iter().map(|schema| faults(schema, root, value, at)).collect();
                if each.iter().all(|faults| !faults.is_empty()) {
                    found.push(format!("{at}: anyOf"));
                }
            }
            "$ref" => {
                let target = root.pointer(rule.as_str().unwrap().trim_start_matches('#')).unwrap();
                found.extend(faults(target, root, value, at));
            }
            "enum" | "minimum" | "maximum" | "required" | "description" | "default" | "format" | "title"
            | "$schema" | "$defs" => {}
            other => panic!("keyword {other} is not known to this test"),
        }
    }
    found
}

fn document(text: &str) -> Value {
    let table: toml::Table = toml::from_str(text).unwrap();
    serde_json::to_value(table).unwrap()
}

#[test]
fn every_example_satisfies_the_schema() {
    let schema = schema();
    for (path, text) in examples::files() {
        assert!(faults(&schema, &schema, &document(&text), "").is_empty(), "{}", path.display());
    }
}

#[test]
fn the_schema_refuses_what_the_reader_refuses_by_shape() {
    let schema = schema();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    for lines in [
        "[gaurd]\n",
        "[guard]\nrun_adds = 5\n",
        "[guard]\nrun_removals = { percent = 101 }\n",
        "[group_defaults]\nid = \"x\"\n",
        "[group_defaults]\nmode = \"mirrored\"\n",
        "[group.Compliance]\nkeep = [\"ann\"]\n",
        "[schedule]\n",
        "[schedule]\ncron = \"0 0 * * * *\"\njitter = \"soon\"\n",
        "[http]\nlisten = \"127.0.0.1:1\"\ntoken = \"inline\"\n",
        "[http]\nlisten = \"127.0.0.1:1\"\ntoken = { env = \"A\", file = \"b\" }\n",
        "[[notify]]\nkind = \"pager\"\n",
        "[[notify]]\nkind = \"slack\"\nurl = { env = \"SECRET\" }\nserver = \"x\"\n",
        "[[source]]\nname = \"x\"\nkind = \"csv\"\npath = \"x\"\nurl = \"ldaps://x\"\n",
    ] {
        let text = format!("{BASE}{lines}");
        assert!(!faults(&schema, &schema, &document(&text), "").is_empty(), "{lines}");
        assert!(!mistakes_in(Folder::new().load(&text)).is_empty(), "{lines}");
    }
    assert!(faults(&schema, &schema, &document(BASE), "").is_empty());
}

/// Every default of the schema below a table, as a document.
fn defaults(schema: &Value) -> Value {
    let mut filled = Map::new();
    for (key, property) in schema["properties"].as_object().unwrap() {
        if let Some(default) = property.get("default") {
            filled.insert(key.clone(), default.clone());
        } else if property.get("properties").is_some() {
            filled.insert(key.clone(), defaults(property));
        }
    }
    filled.into()
}

/// Fills what `known` has and `document` has not.
fn fill(document: &mut Value, known: &Value) {
    let (Some(document), Some(known)) = (document.as_object_mut(), known.as_object()) else { return };
    for (key, value) in known {
        fill(document.entry(key.clone()).or_insert_with(|| value.clone()), value);
    }
}

#[test]
fn the_defaults_of_the_schema_are_those_of_the_reader() {
    let schema = schema();
    let text = format!("{BASE}[schedule]\ncron = \"0 0 * * * *\"\n");
    let mut document = document(&text);
    let mut known = defaults(&schema);
    // Tables that are nothing unless set.
    for table in ["audit", "http"] {
        known.as_object_mut().unwrap().remove(table);
    }
    known["group_defaults"].as_object_mut().unwrap().remove("guard");
    fill(&mut document, &known);
    let csv = &schema["properties"]["source"]["items"]["anyOf"][0];
    assert_eq!(csv["properties"]["kind"]["enum"], json!(["csv"]));
    let mut source_defaults = defaults(csv);
    // A column that is named is needed, which is what a default is not.
    assert_eq!(source_defaults["columns"], json!({ "email": "email" }));
    source_defaults.as_object_mut().unwrap().remove("columns");
    fill(&mut document["source"][0], &source_defaults);
    let filled = toml::to_string(&document).unwrap();
    assert!(filled.lines().count() > text.lines().count() + 30, "{filled}");
    let folder = Folder::new();
    let shown = |text: &str| {
        let mut config = folder.load(text).unwrap();
        config.digest.clear();
        format!("{config:#?}")
    };
    assert_eq!(shown(&filled), shown(&text));
}

#[test]
fn every_key_is_described() {
    fn check(schema: &Value, at: &str, count: &mut usize) {
        for (key, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            *count += 1;
            let about = property["description"].as_str().unwrap_or_default();
            assert!(about.ends_with('.') && about.len() > 5, "{at}.{key}: {about:?}");
            check(property, &format!("{at}.{key}"), count);
        }
        for inner in ["items", "additionalProperties"] {
            schema.get(inner).into_iter().for_each(|inner| check(inner, at, count));
        }
        schema.get("anyOf").and_then(Value::as_array).into_iter().flatten().for_each(|inner| check(inner, at, count));
    }
    let mut count = 0;
    check(&schema(), "", &mut count);
    assert!(count > 100, "{count}");
}
