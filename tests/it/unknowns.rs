//! Every behaviour of Hyperproof that no page tells, played both ways: the same small story (people who
//! left, people to add, a group to make) must come to its end, or to a clean 12 or 13 with nothing wrong
//! written.

use std::collections::BTreeSet;

use rosterd::simulator::{Edit, User, UserStatus, UserType, World};
use serde_json::{Value, json};

use crate::support::bench::{Bench, address};

/// `Compliance` has Ann, Bob (who is disabled), Cem (who is gone) and Off (deactivated, still granted). Dan,
/// Eve and an invited account are to be added, and `Risk` is to be made.
fn story(switches: &Value) -> Bench {
    let mut world = World::new("Corp");
    for name in ["ann", "bob", "cem", "dan", "eve", "fay"] {
        world.add_user(&address(name));
    }
    world.add_user_of(&address("con"), UserType::Contact);
    let off = User { email: Some(address("off")), status: UserStatus::Archived, ..User::default() };
    world.push_user(User { kind: UserType::DeactivatedUser, ..off });
    world.push_user(User { email: Some(address("pen")), status: UserStatus::Pending, ..User::default() });
    let members: Vec<String> = ["ann", "bob", "cem", "off"].map(address).into();
    world.add_group("Compliance", &members.iter().map(String::as_str).collect::<Vec<_>>());
    world.add_group("Old", &["ann@corp.example", "bob@corp.example"]);
    world.add_group("Other", &["bob@corp.example", "eve@corp.example"]);
    let mut bench = Bench::new(world);
    bench.simulator().edit(Edit::ArchiveGroup { group: "Old".to_owned() }).expect("it is there");
    let Value::Object(switches) = switches.clone() else { panic!("switches are an object") };
    bench.simulator().edit(Edit::Switches(switches)).expect("the switches are there");
    bench.hyperproof = bench.hyperproof.replace("max_attempts = 1", "max_attempts = 5");
    bench.rest = r#"
[guard]
first_removals = "apply"

[[source]]
name = "hr"
kind = "csv"
path = "people.csv"

[[mapping]]
source = "hr"
match = "^(Compliance|Risk)$"
to = "$1"

[group.Risk]
create = true
lead = "ann@corp.example"
"#
    .to_owned();
    bench.people(&[
        "Compliance,ann",
        "Compliance,dan",
        "Compliance,eve",
        "Compliance,con",
        "Compliance,off",
        "Compliance,pen",
        "Compliance,bob,inactive",
        "Risk,ann",
        "Risk,fay",
    ]);
    bench
}

fn set<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
    names.map(str::to_owned).into()
}

/// Whatever was refused: nobody is where nobody wants them, and nobody was taken out wrongly.
#[track_caller]
fn nothing_is_wrong(bench: &Bench, switches: &Value) {
    let members = |group: &str| -> BTreeSet<String> { bench.members(group).into_iter().collect() };
    let compliance = members("Compliance");
    assert!(compliance.is_superset(&set(["ann", "off"])), "{switches}: {compliance:?}");
    let allowed = set(["ann", "bob", "cem", "dan", "eve", "off", "pen"]);
    assert!(compliance.is_subset(&allowed), "{switches}: {compliance:?}");
    assert!(members("Risk").is_subset(&set(["ann", "fay"])), "{switches}: {:?}", members("Risk"));
    assert_eq!(members("Old"), set(["ann", "bob"]), "{switches}");
    assert_eq!(members("Other"), set(["bob", "eve"]), "{switches}");
    let groups = bench.simulator().world().groups;
    assert!(groups.iter().filter(|group| group.name == "Risk").count() <= 1, "{switches}: made twice");
}

/// Runs until a run finds nothing more to do, five times at most, and tells how the last one ended.
#[track_caller]
fn play(switches: &Value) -> i32 {
    let bench = story(switches);
    let mut code = -1;
    for _ in 0..5 {
        let ran = bench.run(&["apply", "--format", "json"]);
        code = ran.code;
        assert!(matches!(code, 0 | 12 | 13), "{switches}: exit {code}\n{}", ran.stderr);
        assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
        nothing_is_wrong(&bench, switches);
        if ran.json()["outcome"] == "in_step" {
            break;
        }
    }
    let written = bench.writes().len();
    assert!(written <= 40, "{switches}: {written} calls that write");
    if code == 0 {
        let compliance: BTreeSet<String> = bench.members("Compliance").into_iter().collect();
        assert!(compliance.is_superset(&set(["ann", "dan", "eve", "off"])), "{switches}: {compliance:?}");
        assert!(compliance.is_disjoint(&set(["bob", "cem"])), "{switches}: {compliance:?}");
        assert_eq!(bench.members("Risk"), ["ann", "fay"], "{switches}");
        bench.in_step();
    }
    bench.every_intent_has_an_outcome();
    code
}

#[track_caller]
fn each(cases: &[(Value, i32)]) {
    for (switches, code) in cases {
        assert_eq!(play(switches), *code, "{switches}");
    }
}

#[test]
fn which_id_and_what_becomes_of_the_other_kind() {
    each(&[
        (json!({ "memberId": "userId" }), 0),
        (json!({ "memberId": "userId", "wrongIdKind": "ignore" }), 0),
        (json!({ "memberId": "userId", "wrongIdKind": "accept" }), 0),
        (json!({ "memberId": "id" }), 0),
        (json!({ "memberId": "id", "wrongIdKind": "ignore" }), 0),
        (json!({ "memberId": "id", "wrongIdKind": "accept" }), 0),
    ]);
}

#[test]
fn who_is_taken_and_who_is_refused() {
    each(&[
        (json!({ "addPresent": "conflict" }), 0),
        (json!({ "addPresent": "badRequest" }), 0),
        (json!({ "removeAbsent": "notFound" }), 0),
        (json!({ "removeAbsent": "badRequest" }), 0),
        (json!({ "unknownUser": "accept" }), 0),
        (json!({ "unknownUser": "ignore" }), 0),
        (json!({ "contact": "reject" }), 0),
        (json!({ "contact": "ignore" }), 0),
        (json!({ "deactivated": "accept" }), 0),
        (json!({ "deactivated": "ignore" }), 0),
        (json!({ "serviceAccount": "accept" }), 0),
        (json!({ "emptyUserIds": "badRequest" }), 0),
        (json!({ "duplicates": "badRequest" }), 0),
        (json!({ "maxBatch": 1 }), 0),
    ]);
}

#[test]
fn what_the_list_of_users_shows() {
    each(&[
        // Without a status, an invited account looks like any other.
        (json!({ "userStatusField": false }), 0),
        (json!({ "userStatusField": false, "pending": "reject" }), 12),
        (json!({ "userStatusField": false, "pending": "ignore" }), 12),
        (json!({ "emails": "notServiceAccounts" }), 0),
        (json!({ "deactivatedMembers": "vanish" }), 0),
    ]);
}

#[test]
fn what_a_write_answers() {
    let mut cases = Vec::new();
    for (reply, stale) in [("after", 2), ("changed", 0), ("echo", 1), ("empty", 0), ("empty", 2)] {
        cases.push((json!({ "writeReply": reply, "staleReads": stale }), 0));
    }
    cases.push((json!({ "createStatus": "created" }), 0));
    cases.push((json!({ "groupUserIds": "always" }), 0));
    cases.push((json!({ "groupUserIds": "never" }), 0));
    cases.push((json!({ "leadIsMember": true }), 0));
    cases.push((json!({ "membershipMovesUpdatedOn": false }), 0));
    each(&cases);
}

#[test]
fn what_the_lists_of_groups_show() {
    each(&[
        (json!({ "emptyGroupEntry": false }), 0),
        (json!({ "archivedById": "notFound" }), 0),
        (json!({ "archivedWrite": "ok" }), 0),
        (json!({ "archivedWrite": "badRequest" }), 0),
        (json!({ "groupStatusField": true }), 0),
        (json!({ "archivedListed": true }), 0),
        (json!({ "archivedListed": true, "groupStatusField": true }), 0),
        (json!({ "statusParameter": "ignored" }), 0),
        (json!({ "statusParameter": "ignored", "archivedListed": true }), 0),
        (json!({ "duplicateName": "conflict" }), 0),
        (json!({ "duplicateName": "allowed" }), 0),
        (json!({ "nameCase": "exact" }), 0),
        (json!({ "archivedNamesCount": false }), 0),
        (json!({ "trailingSlash": "required" }), 0),
        (json!({ "trailingSlash": "forbidden" }), 0),
    ]);
}

#[test]
fn how_things_are_written() {
    each(&[
        (json!({ "timestamps": "zulu" }), 0),
        (json!({ "expiresIn": "text" }), 0),
        (json!({ "expiresIn": "missing" }), 0),
        (json!({ "tokenLifeSeconds": 0 }), 13),
        (json!({ "tokenLifeSeconds": 1 }), 0),
        (json!({ "tokenCalls": 2 }), 0),
        (json!({ "errorBody": "error", "maxBatch": 1 }), 0),
        (json!({ "errorBody": "text", "maxBatch": 1 }), 0),
        (json!({ "errorBody": "html", "maxBatch": 1 }), 0),
        (json!({ "rateLimit": { "calls": 3, "windowMs": 300, "retryAfter": false } }), 0),
        (json!({ "rateLimit": { "calls": 2, "windowMs": 100 } }), 0),
    ]);
}

#[test]
fn a_role_that_is_too_low() {
    each(&[
        (json!({ "writesForbidden": true }), 12),
        (json!({ "blindUsers": true }), 13),
        (json!({ "blindMemberships": true }), 13),
    ]);
}

/// The name that the mapping gives is that of an archived group, and may not be taken again.
#[test]
fn a_name_that_an_archived_group_bears() {
    for (count, duplicate, code) in [(true, "badRequest", 12), (true, "conflict", 12), (false, "badRequest", 0)] {
        let switches = json!({ "archivedNamesCount": count, "duplicateName": duplicate });
        let bench = story(&switches);
        bench.simulator().edit(Edit::RenameGroup { group: "Old".to_owned(), name: "Risk".to_owned() }).unwrap();
        let old = bench.simulator().world().group("Risk").unwrap().id.clone();
        for _ in 0..2 {
            bench.run(&["apply"]).exits(code);
        }
        assert_eq!(bench.members(&old), ["ann", "bob"]);
        assert_eq!(bench.members("Compliance"), ["ann", "dan", "eve", "off"]);
    }
}
