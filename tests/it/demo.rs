//! The demo company: its files hold the story that its README tells, and `rosterd demo` tells it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rosterd::model::address::Address;
use rosterd::model::directory::SourceSnapshot;
use rosterd::model::id::SourceName;
use rosterd::simulator::{UserType, World};
use rosterd::source::csv::{Column, Settings, Shape, read};

use crate::support::bench::{Ran, binary};

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
        final_line_end: true,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime starts");
    runtime.block_on(read(&SourceName::new("hr"), &settings, &Default::default(), Timestamp::now()))
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
    assert!(snapshot.evidence == "2 files, 68 rows");
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

/// What changes from one demo to the next.
const FILTERS: [(&str, &str); 5] = [
    (r"127\.0\.0\.1:\d+", "127.0.0.1:PORT"),
    (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(Z| UTC)", "TIME"),
    (r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}", "RUN"),
    (r"head [0-9a-f]{64}", "head HASH"),
    (r"seq \d+: the record", "seq N: the record"),
];

#[test]
fn the_demo_tells_its_story() {
    let ran = Ran::of(binary().arg("demo").output().expect("the binary starts")).exits(0);
    assert_eq!(ran.stderr, "");
    assert!(ran.stdout.lines().count() <= 140, "{} lines", ran.stdout.lines().count());
    insta::with_settings!({ filters => FILTERS }, {
        insta::assert_snapshot!(ran.stdout, @r#"
        Northwind Robotics does its compliance work in Hyperproof; who belongs to which team is known to its
        HR system, which exports two CSV files. Here Hyperproof is simulated, on http://127.0.0.1:PORT:
        62 accounts, 8 groups.

        A plan shows who would be added and removed, and why. It changes nothing.
        $ rosterd plan
        Plan of TIME

        Sources
          hr (csv): 60 people, 8 groups, 68 memberships (2 files, 68 rows, fresh)

        Compliance Managers: 9 live → 8 desired
          ~ lead: maria.santos@northwind-robotics.example  the configuration says so

        Control Owners Engineering: 14 live → 6 desired
          + priya.nair@northwind-robotics.example  granted by hr: ctl-Engineering
          ? 9 held by h-f0e78807237b (group_removals: 9 removals, limit 3): no longer granted by any directory group
              remove elena.petrova@northwind-robotics.example
              remove kevin.zhou@northwind-robotics.example
              remove felix.hartmann@northwind-robotics.example
          … and 6 more (-v shows all)

        Control Owners Finance: 10 live → 9 desired
          - tom.becker@northwind-robotics.example  disabled in the directory

        Control Owners Platform: 0 live → 9 desired
          + the group itself                           does not exist yet
          + elena.petrova@northwind-robotics.example   granted by hr: ctl-Platform
          + kevin.zhou@northwind-robotics.example      granted by hr: ctl-Platform
          + felix.hartmann@northwind-robotics.example  granted by hr: ctl-Platform
          … and 6 more (-v shows all)

        Incident Response: 10 live → 10 desired, mode report
          + bruno.castell@northwind-robotics.example  granted by hr: incident-response (report only)
          - kevin.zhou@northwind-robotics.example     no longer granted by any directory group (report only)

        Policy Owners: 13 live → 11 desired
          - tom.becker@northwind-robotics.example  disabled in the directory

        Risk Committee: 7 live → 6 desired
          - victor.hale@northwind-robotics.example  no longer granted by any directory group

        1 group with nothing to do.

        Skipped
          no account bears their address: jonas.weber@northwind-robotics.example in Control Owners People
          the account is of a type that is left alone: counsel@harbour-law.example in Policy Owners (contact account)
          protected: keep, or the tool's own account: auditor@ledger-partners.example in Compliance Managers (named by keep)

        Waiting for approval: 1 hold
          h-f0e78807237b  Control Owners Engineering: 9 removals, the limit is 3 [group_removals]
            rosterd approve h-f0e78807237b --by YOU --reason "…"

        1 group to create, 10 to add, 3 to remove, 1 lead to change, 9 held, 2 report only, 3 skipped; 6 calls

        A run does it. The nine removals are more than that group's limit: they might be a mistake in the
        export, so they wait for a person. Everything else goes ahead, and planning again finds no more to do.
        $ rosterd apply
        Run RUN of TIME
        Outcome: finished, and the guard holds something (exit 11)
        …
        1 group created, 10 added, 3 removed, 1 lead changed, 0 failed, 9 held, 2 report only, 3 skipped
        $ rosterd plan
        …
        Nothing to do but what is held.
        0 to add, 0 to remove, 9 held, 2 report only, 3 skipped; 0 calls

        A person looks, and lets exactly these nine through, once. Who, and why, is kept.
        $ rosterd holds
        Holds of the plan of TIME

        h-f0e78807237b  Control Owners Engineering: 9 removals, the limit is 3 [group_removals]
          remove elena.petrova@northwind-robotics.example
          remove emre.yildiz@northwind-robotics.example
          remove felix.hartmann@northwind-robotics.example
          … and 6 more (-v shows all)
          rosterd approve h-f0e78807237b --by YOU --reason "…"

        1 waiting, 0 approved
        $ rosterd approve h-f0e78807237b --by "Maria Santos" --reason "HR moved the nine to Platform" --ticket GRC-421
        approved h-f0e78807237b  Control Owners Engineering: 9 removals, the limit is 3 [9 changes]
        1 hold approved until TIME. The next run lets exactly these changes through, each once: rosterd apply
        $ rosterd apply
        Run RUN of TIME
        Outcome: applied completely (exit 0)
        …
        Control Owners Engineering: 15 live → 6 desired
          - elena.petrova@northwind-robotics.example   no longer granted by any directory group; approved
          - kevin.zhou@northwind-robotics.example      no longer granted by any directory group; approved
          - felix.hartmann@northwind-robotics.example  no longer granted by any directory group; approved
          … and 6 more (-v shows all)
        …
        0 added, 9 removed, 0 failed, 0 held, 2 report only, 3 skipped

        Now somebody puts Victor Hale back into the Risk Committee by hand, in Hyperproof. The next run knows
        that it was not there when the last one ended, that nothing grants it, and takes him out.
        $ rosterd apply
        Run RUN of TIME
        Outcome: applied completely (exit 0)
        …
        Risk Committee: 7 live → 6 desired
          - victor.hale@northwind-robotics.example  added in Hyperproof since the last run, not granted
        …
        0 added, 1 removed, 0 failed, 0 held, 2 report only, 3 skipped

        Groups and directory agree, and a script can tell by the exit code: 10 would mean changes.
        $ rosterd plan --exit-code; echo $?
        …
        Nothing to do but what is only reported.
        0 to add, 0 to remove, 0 held, 2 report only, 3 skipped; 0 calls
        0

        Each change stands in the audit log twice: as an intent before the call, and with its outcome after.
        $ rosterd audit list --run RUN
            62  TIME  run_started     RUN
            63  TIME  observed        "Risk Committee"  by others: 1 added, 0 removed
            64  TIME  intent          remove_member victor.hale@northwind-robotics.example in "Risk Committee"  drift_added
            65  TIME  outcome         remove_member victor.hale@northwind-robotics.example in "Risk Committee"  drift_added  done
            66  TIME  run_finished    RUN  applied

        Each record carries the hash of the one before it. Whoever changes one is found out.
        $ rosterd audit verify
        rosterd.db: 66 records verified, seq 1 to 66
        head HASH
        $ rosterd audit list --format jsonl | sed s/victor.hale/walter.simmons/ > log.jsonl
        $ rosterd audit verify log.jsonl; echo $?
        log.jsonl: the log does not verify. First bad record: seq N: the record does not follow the one before it
        15

        That was all of it, and it is gone again. To go on:
          rosterd init --source csv    writes a short configuration for an organisation of your own
          rosterd check --online       finds every mistake in it, and shows what each mapping matches
          rosterd plan                 shows what a run would do, and changes nothing
        "#);
    });
}

#[test]
fn nothing_around_the_demo_matters_to_it() {
    let mut demo = binary();
    // Nobody may write here: not even root.
    demo.arg("demo").current_dir("/proc/self");
    demo.env_remove("PATH").env("HOME", "/nonexistent").env("ROSTERD_CONFIG", "/nonexistent/rosterd.toml");
    for proxy in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"] {
        demo.env(proxy, "http://127.0.0.1:1");
    }
    demo.env("ROSTERD_DEMO_SECRET", "another").env("CREDENTIALS_DIRECTORY", "/nonexistent");
    let ran = Ran::of(demo.output().expect("the binary starts")).exits(0);
    assert_eq!(ran.stderr, "");
    assert!(ran.stdout.contains("records verified"), "{}", ran.stdout);
}
