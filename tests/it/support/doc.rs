//! The printed documents in short lines, so that a test can say what it expects.

use serde_json::Value;

use super::bench::Ran;

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or("-")
}

/// Who a change is about: the part of the address before the company's domain, else the account's id.
fn who(change: &Value) -> &str {
    let name = change["email"].as_str().or(change["user_id"].as_str()).unwrap_or("-");
    name.trim_end_matches("@corp.example")
}

fn list<'a>(document: &'a Value, key: &str) -> &'a Vec<Value> {
    document[key].as_array().unwrap_or_else(|| panic!("{key} is a list: {document}"))
}

fn sorted(lines: impl Iterator<Item = String>) -> Vec<String> {
    let mut lines: Vec<String> = lines.collect();
    lines.sort();
    lines
}

/// `op group person reason`, sorted.
pub fn reasons(document: &Value) -> Vec<String> {
    let line = |change: &Value| {
        format!("{} {} {} {}", word(&change["op"]), word(&change["group"]), who(change), word(&change["reason"]))
    };
    sorted(list(document, "changes").iter().map(line))
}

/// `op group person result`, sorted.
pub fn results(document: &Value) -> Vec<String> {
    let line = |change: &Value| {
        format!("{} {} {} {}", word(&change["op"]), word(&change["group"]), who(change), word(&change["result"]))
    };
    sorted(list(document, "changes").iter().map(line))
}

/// `group person why`, sorted.
pub fn skips(document: &Value) -> Vec<String> {
    let line = |skip: &Value| {
        let person = word(&skip["person"]).trim_end_matches("@corp.example");
        format!("{} {person} {}", word(&skip["group"]), word(&skip["why"]))
    };
    sorted(list(document, "skips").iter().map(line))
}

/// The rules of the holds that wait, sorted.
pub fn rules(document: &Value) -> Vec<&str> {
    let waiting = list(document, "holds").iter().filter(|hold| hold["approved"] == false);
    let mut rules: Vec<&str> = waiting.map(|hold| word(&hold["rule"])).collect();
    rules.sort_unstable();
    rules
}

/// Ids of the holds of a rule.
pub fn hold_ids(document: &Value, rule: &str) -> Vec<String> {
    let holds = list(document, "holds").iter().filter(|hold| hold["rule"] == rule);
    holds.map(|hold| word(&hold["id"]).to_owned()).collect()
}

/// All problems: of the plan, its groups and its sources.
pub fn problems(document: &Value) -> String {
    let of = |value: &Value| list(value, "problems").iter().map(|text| format!("{}\n", word(text))).collect::<String>();
    let parts = list(document, "groups").iter().chain(list(document, "sources"));
    of(document) + &parts.map(of).collect::<String>()
}

/// An `apply --format json` that ended with this code and this outcome.
#[track_caller]
pub fn ended(ran: Ran, code: i32, outcome: &str) -> Value {
    let document = ran.exits(code).json();
    assert_eq!(document["outcome"], outcome, "{document:#}");
    assert_eq!(document["exit"], code, "{document:#}");
    document
}
