//! Stories as files: `tests/scenarios/*.txt` hold a world, a directory, a configuration and what must
//! come of it. Each is played with the real binary against the simulator, and ends with planning again.
//!
//! A file is a sentence, then parts headed `== name ==`: `world` (accounts and groups), files by their
//! name (`people.csv`), `config` (what follows `[hyperproof]` and `[state]`), then one or more rounds of
//! `edit` (changes by hand in Hyperproof), files again, `plan` (what it must say) and `apply` (exit code
//! and who is in which group then). `UPDATE_SCENARIOS=1` writes what was found into the file.

use std::path::{Path, PathBuf};

use rosterd::simulator::{Edit, UserType, World};
use serde_json::Value;

use crate::support::bench::{Bench, address};

#[test]
fn first_run() {
    play("first_run");
}

#[test]
fn joiner_mover_leaver() {
    play("joiner_mover_leaver");
}

#[test]
fn two_sources() {
    play("two_sources");
}

#[test]
fn missing_group() {
    play("missing_group");
}

#[test]
fn drift() {
    play("drift");
}

#[test]
fn modes() {
    play("modes");
}

#[test]
fn patterns() {
    play("patterns");
}

#[test]
fn identity() {
    play("identity");
}

#[test]
fn every_file_is_played() {
    let source = include_str!("scenarios.rs");
    for entry in std::fs::read_dir(folder()).unwrap() {
        let name = entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned();
        assert!(source.contains(&format!("play(\"{name}\")")), "{name}.txt is played by no test");
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios")
}

/// One part of a story: its name and its lines.
struct Part {
    name: String,
    text: String,
}

fn parts(text: &str) -> (String, Vec<Part>) {
    let mut head = String::new();
    let mut parts: Vec<Part> = Vec::new();
    for line in text.lines() {
        let name = line.strip_prefix("== ").and_then(|line| line.strip_suffix(" =="));
        let into = match (name, parts.last_mut()) {
            (Some(name), _) => {
                parts.push(Part { name: name.to_owned(), text: String::new() });
                continue;
            }
            (None, Some(part)) => &mut part.text,
            (None, None) => &mut head,
        };
        into.push_str(line);
        into.push('\n');
    }
    for part in &mut parts {
        let kept = part.text.trim_end().len();
        part.text.truncate(kept);
        part.text.push('\n');
    }
    (head.trim().to_owned(), parts)
}

fn play(name: &str) {
    let path = folder().join(format!("{name}.txt"));
    let text = std::fs::read_to_string(&path).unwrap();
    let (head, mut parts) = parts(&text);
    let world = parts.iter().find(|part| part.name == "world").expect("a story has a world");
    let mut bench = Bench::new(world_of(&world.text));
    bench.rest = parts.iter().find(|part| part.name == "config").expect("a story has a configuration").text.clone();
    for part in &mut parts {
        match part.name.as_str() {
            "world" | "config" => {}
            "edit" => edit(&bench, &part.text),
            "plan" => part.text = plan(&bench),
            "apply" => part.text = apply(&bench),
            "approve" => part.text = approve(&bench),
            file => bench.write(file, &part.text),
        }
    }
    let found = format!(
        "{head}\n\n{}",
        parts.iter().map(|part| format!("== {} ==\n{}", part.name, part.text)).collect::<Vec<_>>().join("\n")
    );
    if std::env::var_os("UPDATE_SCENARIOS").is_some() {
        std::fs::write(&path, &found).unwrap();
    }
    assert_eq!(found, text, "{name}.txt tells another story; UPDATE_SCENARIOS=1 writes this one");
    let again = bench.plan();
    let pending = again["changes"].as_array().unwrap().iter().filter(|change| is_cleared(change)).count();
    assert_eq!(pending, 0, "planning again finds something to do: {again:#}");
    bench.run(&["audit", "verify"]).exits(0);
    bench.every_intent_has_an_outcome();
}

/// `accounts: ann, bob contact` and `Compliance: ann, bob`.
fn world_of(text: &str) -> World {
    let mut world = World::new("Corp");
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let (name, list) = line.split_once(':').expect("name: list");
        let items = list.split(',').map(str::trim).filter(|item| !item.is_empty());
        if name == "accounts" {
            for item in items {
                let (who, kind) = item.split_once(' ').unwrap_or((item, "active"));
                world.add_user_of(&full(who), kind_of(kind));
            }
        } else {
            let members: Vec<String> = items.map(full).collect();
            world.add_group(name, &members.iter().map(String::as_str).collect::<Vec<_>>());
        }
    }
    world
}

fn full(who: &str) -> String {
    if who.contains('@') { who.to_owned() } else { address(who) }
}

fn kind_of(word: &str) -> UserType {
    match word {
        "active" => UserType::ActiveUser,
        "contact" => UserType::Contact,
        "deactivated" => UserType::DeactivatedUser,
        other => panic!("no kind of account: {other}"),
    }
}

/// `add bob to Compliance` and `remove bob from Compliance`.
fn edit(bench: &Bench, text: &str) {
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let edit = match line.split_once(' ') {
            Some(("add", rest)) => {
                let (user, group) = rest.split_once(" to ").expect("add WHO to GROUP");
                Edit::AddMember { group: group.to_owned(), user: full(user) }
            }
            Some(("remove", rest)) => {
                let (user, group) = rest.split_once(" from ").expect("remove WHO from GROUP");
                Edit::RemoveMember { group: group.to_owned(), user: full(user) }
            }
            _ => panic!("no edit: {line}"),
        };
        bench.simulator().edit(edit).unwrap();
    }
}

fn is_cleared(change: &Value) -> bool {
    change["report"] == false && change["holds"] == Value::Array(Vec::new())
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("-")
}

fn plan(bench: &Bench) -> String {
    let ran = bench.run(&["plan", "--format", "json"]);
    let plan = ran.json();
    let mut out = format!("exit {}\n", ran.code);
    let holds = plan["holds"].as_array().unwrap();
    for change in plan["changes"].as_array().unwrap() {
        let who = change["email"].as_str().map(|email| format!(" {email}")).unwrap_or_default();
        let mut line = format!("{} {}{who}: {}", text(&change["op"]), text(&change["group"]), text(&change["reason"]));
        for grant in change["because"].as_array().unwrap() {
            line.push_str(&format!(", {} {}", text(&grant["source"]), text(&grant["directory_group"])));
        }
        if change["report"] == true {
            line.push_str(" (report)");
        }
        for id in change["holds"].as_array().unwrap() {
            let hold = holds.iter().find(|hold| hold["id"] == *id).expect("a change names holds of its plan");
            line.push_str(&format!(" (held: {})", text(&hold["rule"])));
        }
        out.push_str(&line);
        out.push('\n');
    }
    for skip in plan["skips"].as_array().unwrap() {
        out.push_str(&format!("skip {} {}: {}\n", text(&skip["group"]), text(&skip["person"]), text(&skip["why"])));
    }
    let mut told: Vec<String> = holds.iter().map(hold).collect();
    told.sort();
    told.iter().for_each(|line| out.push_str(line));
    out.push_str(&format!("calls {}\n", plan["summary"]["calls"]["write"]));
    out
}

fn hold(hold: &Value) -> String {
    let approved = if hold["approved"] == true { ", approved" } else { "" };
    let about = hold["group"].as_str().unwrap_or("all");
    format!("hold {} {about}: {} against {}{approved}\n", text(&hold["rule"]), hold["measured"], hold["limit"])
}

fn apply(bench: &Bench) -> String {
    let ran = bench.run(&["apply", "--format", "json"]);
    let mut out = format!("exit {} {}\n", ran.code, text(&ran.json()["outcome"]));
    for group in &bench.simulator().world().groups {
        out.push_str(&format!("{}: {}\n", group.name, bench.members(&group.name).join(", ")));
    }
    out
}

/// Approves everything that waits.
fn approve(bench: &Bench) -> String {
    let plan = bench.plan();
    let waiting = plan["holds"].as_array().unwrap().iter().filter(|hold| hold["approved"] == false);
    let ids: Vec<&str> = waiting.map(|hold| text(&hold["id"])).collect();
    let args: Vec<&str> =
        ["approve"].into_iter().chain(ids.iter().copied()).chain(["--by", "Ann", "--reason", "checked"]).collect();
    bench.run(&args).exits(0);
    format!("{} approved\n", ids.len())
}
