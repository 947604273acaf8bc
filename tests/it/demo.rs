//! The demo company: its files hold the story that its README tells.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rosterd::model::address::Address;
use rosterd::model::directory::SourceSnapshot;
use rosterd::model::id::SourceName;
use rosterd::simulator::{UserType, World};
use rosterd::source::csv::{Column, Settings, Shape, read};

fn demo(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("config/demo").join(name)
}

fn text(name: &str) -> String {
    std::fs::read_to_string(demo(name)).expect("the demo file is there")
}

fn world() -> World {
    World::from_json(&text("world.json")).expect("the demo world is well-formed")
}

fn people() -> SourceSnapshot {
    let column = |heading: &str| Column { heading: heading.to_owned(), required: true };
    let settings = Settings {
        path: demo("people/*.csv"),
        shape: Shape::Rows,
        group_column: "group".to_owned(),
        email_column: "email".to_owned(),
        status_column: column("status"),
        id_column: column("id"),
        active_values: vec!["active".to_owned()],
        inactive_values: vec!["inactive".to_owned()],
        delimiter: b',',
        max_age: None,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime starts");
    runtime.block_on(read(&SourceName::new("hr"), &settings, Timestamp::now()))
}

/// The address in Hyperproof: folded, and replaced where `aliases.csv` says so.
fn hyperproof_address(address: &Address) -> String {
    let aliases = text("aliases.csv");
    let replaced = aliases.lines().skip(1).find_map(|line| {
        let (from, to) = line.split_once(',').expect("a line of aliases.csv has two fields");
        (Address::parse(from).expect("aliases.csv holds addresses") == *address).then(|| to.to_owned())
    });
    replaced.unwrap_or_else(|| address.key().to_owned())
}

/// Which target group a directory group feeds, by the mappings of `rosterd.toml`.
fn target(directory_group: &str) -> String {
    let configuration: toml::Table = text("rosterd.toml").parse().expect("the demo configuration is TOML");
    for mapping in configuration["mapping"].as_array().expect("mappings are a list") {
        let to = mapping["to"].as_str().expect("mappings hold texts");
        if let Some(pattern) = mapping.get("match") {
            let pattern = regex::Regex::new(pattern.as_str().expect("the mapping holds a pattern"))
                .expect("the mapping holds a pattern");
            if pattern.is_match(directory_group) {
                return pattern.replace(directory_group, to).into_owned();
            }
        } else if mapping["group"].as_str() == Some(directory_group) {
            return to.to_owned();
        }
    }
    panic!("no mapping means {directory_group}");
}

/// Who should be in each target group: everybody who is active, whether they have an account or not.
fn desired() -> BTreeMap<String, BTreeSet<String>> {
    let snapshot = people();
    let members = |people: &[u32]| {
        let people = people.iter().map(|person| &snapshot.people[*person as usize]);
        people.filter(|person| !person.disabled).map(|person| hyperproof_address(&person.addresses[0])).collect()
    };
    snapshot.groups.iter().map(|group| (target(group.name()), members(&group.people))).collect()
}

/// The difference of a target group, both ways, by the parts of addresses before the `@`.
fn difference(group: &str) -> (Vec<String>, Vec<String>) {
    let live: BTreeSet<String> = world().member_emails(group).into_iter().collect();
    let wanted = &desired()[group];
    let short = |address: &String| address.split('@').next().expect("there is always a first part").to_owned();
    (wanted.difference(&live).map(short).collect(), live.difference(wanted).map(short).collect())
}

#[test]
fn the_files_are_read_without_a_single_oddity() {
    let snapshot = people();
    assert_eq!(snapshot.problems, []);
    assert!(snapshot.completeness.is_complete());
    assert_eq!((snapshot.people.len(), snapshot.groups.len()), (60, 8));
    assert!(snapshot.people.iter().all(|person| person.immutable && person.addresses.len() == 1));
    assert!(snapshot.evidence.starts_with("2 files, 68 rows, "));
    let names: BTreeSet<String> = desired().into_keys().collect();
    assert_eq!(names.len(), 8, "eight directory groups feed eight target groups");
}

#[test]
fn live_and_directory_differ_by_the_story_and_by_nothing_else() {
    let moved = [
        "elena.petrova",
        "emre.yildiz",
        "felix.hartmann",
        "kevin.zhou",
        "lukas.schuster",
        "marcus.bell",
        "niklas.baum",
        "samuel.ortiz",
        "yuki.tanaka",
    ];
    let table: &[(&str, &[&str], &[&str])] = &[
        ("Compliance Managers", &[], &["auditor"]),
        ("Control Owners Engineering", &["priya.nair"], &moved),
        ("Control Owners Finance", &[], &["tom.becker"]),
        ("Control Owners People", &["jonas.weber"], &[]),
        ("Control Owners Platform", &moved, &[]),
        ("Incident Response", &["bruno.castell"], &["kevin.zhou"]),
        ("Policy Owners", &[], &["counsel", "tom.becker"]),
        ("Risk Committee", &[], &["victor.hale"]),
    ];
    assert!(desired().keys().map(String::as_str).eq(table.iter().map(|(group, ..)| *group)));
    for (group, missing, superfluous) in table {
        let expected =
            (missing.iter().map(|s| (*s).to_owned()).collect(), superfluous.iter().map(|s| (*s).to_owned()).collect());
        assert_eq!(difference(group), expected, "{group}");
    }
}

#[test]
fn the_organisation_is_as_the_story_needs_it() {
    let world = world();
    let kind = |email: &str| world.user(email).map(|user| user.kind);
    assert_eq!(kind("tom.becker@northwind-robotics.example"), Some(UserType::ActiveUser));
    assert_eq!(kind("priya.nair@northwind-robotics.example"), Some(UserType::ActiveUser));
    assert_eq!(kind("auditor@ledger-partners.example"), Some(UserType::ActiveUser));
    assert_eq!(kind("counsel@harbour-law.example"), Some(UserType::Contact));
    assert_eq!(kind("jonas.weber@northwind-robotics.example"), None);
    assert_eq!(kind("robert.chen@northwind-robotics.example"), None, "an alias stands between him and bob.chen");
    assert!(world.group("Control Owners Platform").is_none());
    assert_eq!(world.group("Compliance Managers").unwrap().lead, None);
    assert_eq!(world.member_emails("Control Owners Engineering").len(), 14);
    assert!(!world.member_emails("Board Observers").is_empty());
    assert_eq!(world.account().unwrap().kind, UserType::ServiceAccount);
    // Everybody else who is granted something has an account.
    let without: BTreeSet<String> =
        desired().into_values().flatten().filter(|email| world.user(email).is_none()).collect();
    assert_eq!(without.into_iter().collect::<Vec<_>>(), ["jonas.weber@northwind-robotics.example"]);
}

#[test]
fn one_address_differs_by_case_alone() {
    let written: Vec<String> = people().people.iter().map(|person| person.addresses[0].to_string()).collect();
    let odd: Vec<_> = written.iter().filter(|address| address.to_lowercase() != **address).collect();
    assert_eq!(odd, ["Ann.Lee@northwind-robotics.example"]);
    assert!(world().user("ann.lee@northwind-robotics.example").is_some());
}
