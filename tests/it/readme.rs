//! What `README.md` says is so: keys and defaults are the schema's, exit codes and commands the
//! binary's, the plan that it shows is the demo's.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use regex::Regex;
use rosterd::model::hold::Rule;
use serde_json::Value;

use crate::support::bench::rosterd;

const README: &str = include_str!("../../README.md");

/// Keys of a table with their defaults as JSON; `needed` for those that must be there, null for those
/// without one. Tables within are told as `outer.key`.
fn keys(table: &Value, outer: &str) -> BTreeMap<String, Value> {
    let needed: BTreeSet<&str> = table["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let mut found = BTreeMap::new();
    for (name, key) in table["properties"].as_object().into_iter().flatten() {
        let limit = key["properties"].get("percent").is_some();
        if key.get("properties").is_some() && !limit {
            found.extend(keys(key, &format!("{outer}{name}.")));
            continue;
        }
        let default = match needed.contains(name.as_str()) {
            true => Value::from("needed"),
            false => key["default"].clone(),
        };
        found.insert(format!("{outer}{name}"), default);
    }
    found
}

/// The keys of the table that follows this text in the README, in the same shape.
fn told(before: &str) -> BTreeMap<String, Value> {
    assert_eq!(README.matches(before).count(), 1, "{before}");
    let (_, after) = README.split_once(before).unwrap();
    let (_, table) = after.split_once("|---|---|---|\n").unwrap();
    let rows = table.lines().take_while(|line| line.starts_with('|'));
    rows.map(|row| {
        let cells: Vec<&str> = row.split(" | ").map(|cell| cell.trim_matches(['|', ' '])).collect();
        assert_eq!(cells.len(), 3, "{row}");
        let default = match cells[1] {
            "needed" => Value::from("needed"),
            "–" => Value::Null,
            code => {
                let text = format!("x = {}", code.trim_matches('`'));
                let table: toml::Table = text.parse().unwrap_or_else(|error| panic!("{row}: {error}"));
                serde_json::to_value(&table["x"]).unwrap()
            }
        };
        (cells[0].trim_matches('`').to_owned(), default)
    })
    .collect()
}

fn kind<'a>(tables: &'a Value, kind: &str) -> &'a Value {
    let kinds = tables["items"]["anyOf"].as_array().unwrap();
    let one = |table: &&Value| table["properties"]["kind"]["enum"] == serde_json::json!([kind]);
    kinds.iter().find(one).unwrap_or_else(|| panic!("no kind {kind}"))
}

#[test]
fn every_key_is_told_with_its_default() {
    let schema = rosterd(&["schema"]).exits(0).json();
    let top = &schema["properties"];
    let sections = [
        ("### `[hyperproof]`", &top["hyperproof"]),
        ("### `[state]`", &top["state"]),
        ("### `[[source]]` of kind `csv`", kind(&top["source"], "csv")),
        ("### `[[mapping]]`", &top["mapping"]["items"]),
        ("### `[group.\"NAME\"]` and `[group_defaults]`", &top["group"]["additionalProperties"]),
        ("### `[guard]`", &top["guard"]),
        ("### `[identity]`", &top["identity"]),
        ("`[schedule]`, for", &top["schedule"]),
        ("`[audit]`, for", &top["audit"]),
        ("`[http]`, for", &top["http"]),
        ("`[[notify]]` of kind `webhook`, `slack` or `teams`:", kind(&top["notify"], "webhook")),
        ("`[[notify]]` of kind `email`:", kind(&top["notify"], "email")),
        ("`[[source]]` of kind `ldap` (", kind(&top["source"], "ldap")),
    ];
    for (before, table) in sections {
        assert_eq!(told(before), keys(table, ""), "{before}");
    }
    let told: BTreeSet<&str> =
        "audit group group_defaults guard http hyperproof identity mapping notify schedule source state"
            .split(' ')
            .collect();
    let there: BTreeSet<&str> = top.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(told, there, "a section of the schema is not compared here");
    let mut defaults = keys(&top["group_defaults"], "");
    defaults.insert("id".to_owned(), Value::Null);
    assert_eq!(defaults, keys(&top["group"]["additionalProperties"], ""));
    for name in ["slack", "teams"] {
        assert_eq!(keys(kind(&top["notify"], name), ""), keys(kind(&top["notify"], "webhook"), ""));
    }
}

#[test]
fn exit_codes_are_those_of_the_help() {
    let help = rosterd(&["--help"]).exits(0).stdout;
    let (_, table) = help.split_once("Exit codes:\n").unwrap();
    let codes: Vec<String> = table.lines().map_while(|line| line.trim().split_once("  ")).map(row).collect();
    assert_eq!(codes.len(), 9, "{help}");
    for code in codes {
        assert!(README.contains(&code), "{code}");
    }
}

fn row((code, meaning): (&str, &str)) -> String {
    format!("| {code} | {meaning} |\n")
}

#[test]
fn every_rule_of_the_guard_is_told() {
    for rule in Rule::ALL {
        assert!(README.contains(&format!("`{}`", rule.as_str())), "{}", rule.as_str());
    }
}

#[test]
fn every_command_that_is_named_is_there() {
    let commands = Regex::new(r"(?m)(?:`|^ {4,}(?:\$ )?(?:sudo -u rosterd )?)rosterd (?:-\w )?([a-z]+)").unwrap();
    let named: BTreeSet<&str> = commands.captures_iter(README).map(|found| found.get(1).unwrap().as_str()).collect();
    assert!(named.len() >= 8, "{named:?}");
    for command in named {
        rosterd(&[command, "--help"]).exits(0);
    }
}

#[test]
fn the_plan_that_it_shows_is_the_demos() {
    let (_, excerpt) = README.split_once("    $ rosterd plan\n").unwrap();
    let lines: Vec<&str> = excerpt.lines().take_while(|line| line.starts_with("    ")).map(str::trim).collect();
    assert!(lines.len() > 5, "{lines:?}");
    let demo = include_str!("demo.rs");
    for line in lines.into_iter().filter(|line| *line != "…") {
        assert!(demo.contains(line), "{line}");
    }
}

#[test]
fn files_that_it_names_are_there_and_places_of_one_machine_are_not() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let links = Regex::new(r"\]\(([^)#:]+)\)").unwrap();
    for file in ["README.md", "config/README.md", "config/demo/README.md", "CHANGELOG.md"] {
        let text = std::fs::read_to_string(root.join(file)).unwrap();
        let folder = root.join(file).parent().unwrap().to_owned();
        for link in links.captures_iter(&text) {
            assert!(folder.join(&link[1]).exists(), "{file}: {}", &link[1]);
        }
        for place in ["/work", "/root", "/tmp", "/home", "docs.rs"] {
            assert!(!text.contains(place), "{file}: {place}");
        }
    }
    for place in Regex::new(r"`((?:src|config|tests|migrations|\.ci)/[\w./]*)`").unwrap().captures_iter(README) {
        assert!(root.join(&place[1]).exists(), "{}", &place[1]);
    }
    for anchor in Regex::new(r"\]\(#([\w-]+)\)").unwrap().captures_iter(README) {
        let headings = README.lines().filter_map(|line| line.strip_prefix("## ").or_else(|| line.strip_prefix("### ")));
        let mut slugs = headings.map(|heading| heading.to_lowercase().replace(' ', "-").replace([',', '.', '?'], ""));
        assert!(slugs.any(|slug| slug == anchor[1]), "#{}", &anchor[1]);
    }
}
