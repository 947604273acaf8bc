//! Answers of 200 that are not the truth: a role that is too low, a list that ends early, a group that
//! no list has. An error, an empty answer and a missing group are three different things, and none of
//! them is "nobody".

use rosterd::simulator::{Edit, Fault, FaultKind, World};
use serde_json::{Value, json};

use crate::support::bench::{Bench, ONE_GROUP, Ran, address};
use crate::support::doc::{ended, hold_ids, problems, results, rules, skips};

fn apply(bench: &Bench) -> Ran {
    bench.run(&["apply", "--format", "json"])
}

fn switch(bench: &Bench, name: &str, value: Value) {
    let switches = serde_json::Map::from_iter([(name.to_owned(), value)]);
    bench.simulator().edit(Edit::Switches(switches)).expect("the switch is there");
}

/// The small world, settled, with a second group that no mapping yields, and somebody to add and to remove.
fn settled() -> Bench {
    let bench = Bench::small();
    bench.simulator().change(|world| world.add_group("Other", &["eve@corp.example"]));
    ended(apply(&bench), 0, "in_step");
    bench.people(&["compliance,ann", "compliance,dan"]);
    bench.simulator().forget_requests();
    bench
}

#[track_caller]
fn unbelieved(bench: &Bench, text: &str) {
    let run = ended(apply(bench), 13, "unread");
    assert!(run["problems"].to_string().contains(text), "{}", run["problems"]);
    assert_eq!(bench.writes(), []);
    bench.run(&["plan", "--exit-code"]).exits(13);
    assert_eq!(bench.members("Compliance"), ["ann", "bob", "cem"]);
}

#[test]
fn empty_lists_are_not_believed_while_something_is_known() {
    for (what, text) in [("Users", "own account"), ("Groups", "list of groups"), ("Memberships", "memberships")] {
        let bench = settled();
        switch(&bench, &format!("blind{what}"), json!(true));
        unbelieved(&bench, text);
        switch(&bench, &format!("blind{what}"), json!(false));
        ended(apply(&bench), 0, "applied");
        bench.in_step();
    }
}

#[test]
fn an_empty_list_of_users_is_not_believed_on_the_first_run_either() {
    let bench = Bench::small();
    switch(&bench, "blindUsers", json!(true));
    unbelieved(&bench, "own account");
}

/// Nothing can be said against an empty list of groups on the first run: whoever reads that a group is not
/// there learns of the likelier reason.
#[test]
fn an_empty_list_of_groups_on_the_first_run_points_to_the_role() {
    let bench = Bench::small();
    switch(&bench, "blindGroups", json!(true));
    let run = ended(apply(&bench), 12, "partly_applied");
    assert!(run.to_string().contains("the role of the service account may be too low to see any"), "{run}");
    assert_eq!(bench.writes(), []);
    switch(&bench, "blindGroups", json!(false));
    ended(apply(&bench), 0, "in_step");
    bench.in_step();
}

/// Nothing is known yet, but a group that is to be worked on is asked for its members before all of
/// them are added once more, and taken for rosterd's own.
#[test]
fn an_empty_list_of_memberships_is_not_believed_on_the_first_run_either() {
    let bench = Bench::small();
    switch(&bench, "blindMemberships", json!(true));
    unbelieved(&bench, "memberships");
}

#[test]
fn groups_without_members_cost_one_question_once() {
    let mut world = World::new("Corp");
    for name in ["ann", "bob"] {
        world.add_user(&address(name));
    }
    world.add_group("Compliance", &[]);
    world.add_group("Other", &["bob@corp.example"]);
    world.switches.empty_group_entry = false;
    let mut bench = Bench::new(world);
    bench.rest.push_str("[group.Compliance]\nmode = \"report\"\n");
    bench.people(&["compliance,ann"]);
    for gets in [5, 3, 3] {
        bench.simulator().forget_requests();
        ended(apply(&bench), 0, "in_step");
        assert_eq!(bench.calls().len(), gets);
    }
}

#[test]
fn where_no_group_is_known_a_creation_waits_for_a_person() {
    let mut world = World::new("Corp");
    world.add_user(&address("ann"));
    let mut bench = Bench::new(world);
    bench.rest = format!("{ONE_GROUP}\n[group_defaults]\ncreate = true\n");
    bench.people(&["compliance,ann"]);
    let run = ended(apply(&bench), 11, "held");
    assert_eq!(rules(&run), ["first_run"]);
    assert_eq!(results(&run), ["add_member Compliance ann held", "create_group Compliance - held"]);
    assert_eq!(bench.writes(), []);
    bench.run(&["plan", "--exit-code"]).exits(11);
    let id = hold_ids(&run, "first_run").remove(0);
    bench.run(&["approve", &id, "--by", "kim", "--reason", "the organisation is new"]).exits(0);
    ended(apply(&bench), 0, "applied");
    assert_eq!(bench.members("Compliance"), ["ann"]);
    bench.in_step();
}

#[test]
fn a_role_that_sees_no_groups_makes_none_again() {
    let mut bench = Bench::small();
    bench.rest = format!("{ONE_GROUP}\n[group_defaults]\ncreate = true\n");
    bench.simulator().change(|world| {
        world.switches.blind_groups = true;
        world.switches.duplicate_name = rosterd::simulator::DuplicateName::Allowed;
    });
    let run = ended(apply(&bench), 11, "held");
    assert_eq!(rules(&run), ["first_run"]);
    assert_eq!(bench.simulator().world().groups.len(), 1);
    switch(&bench, "blindGroups", json!(false));
    ended(apply(&bench), 0, "in_step");
    bench.in_step();
}

/// What the list of groups shows now, but for one group.
fn without(bench: &Bench, path: &str, field: &str, group: &str) -> FaultKind {
    let world = bench.simulator().world();
    let rows: Vec<Value> = (world.groups.iter())
        .filter(|row| row.name != group)
        .map(|row| json!({ field: row.id, "name": row.name, "orgId": world.organization, "userIds": row.members }))
        .collect();
    assert!(!rows.is_empty(), "{path} shall not be empty");
    FaultKind::Answer { code: 200, body: Value::from(rows).to_string() }
}

#[test]
fn a_known_group_that_is_not_listed_is_asked_for() {
    let bench = settled();
    let lie = without(&bench, "/v1/groups", "id", "Compliance");
    bench.simulator().inject(Fault::on("GET", "/v1/groups", lie).always());
    unbelieved(&bench, "is there when it is asked for");
    bench.simulator().clear_faults();
    ended(apply(&bench), 0, "applied");
    bench.in_step();
}

#[test]
fn a_known_group_without_an_entry_among_the_memberships_is_asked_for() {
    let bench = settled();
    let lie = without(&bench, "/v1/groups/users", "groupId", "Compliance");
    bench.simulator().inject(Fault::on("GET", "/v1/groups/users", lie).always());
    unbelieved(&bench, "members when it is asked for");
    bench.simulator().clear_faults();
    ended(apply(&bench), 0, "applied");
    bench.in_step();
}

/// A group whose members are all gone for good is empty, and that is no lie.
#[test]
fn a_group_that_is_empty_when_it_is_asked_for_is_empty() {
    let bench = settled();
    bench.simulator().change(|world| {
        world.switches.empty_group_entry = false;
        world.group_mut("Compliance").unwrap().members.clear();
    });
    let run = ended(apply(&bench), 0, "applied");
    assert_eq!(
        results(&run),
        ["add_member Compliance ann done", "add_member Compliance dan done"],
        "Ann was removed by hand, Dan is new"
    );
    bench.in_step();
}

/// A hidden cap cuts all lists: at any size the first run removes nobody who is granted, and makes no
/// group twice.
#[test]
fn a_hidden_cap_is_survived_from_the_first_run_on() {
    for cap in 1..8 {
        let mut bench = Bench::small();
        bench.simulator().change(|world| {
            world.add_group("Alpha", &["ann@corp.example", "eve@corp.example"]);
            world.add_group("Beta", &["ann@corp.example", "dan@corp.example"]);
        });
        switch(&bench, "listCap", json!(cap));
        bench.rest = bench.rest.replace(
            "group = \"compliance\"\nto = \"Compliance\"",
            "match = \"^(.*)$\"\nto = \"$1\"\n[group_defaults]\ncreate = true",
        );
        bench.people(&[
            "Compliance,ann",
            "Compliance,bob",
            "Compliance,cem",
            "Alpha,ann",
            "Alpha,eve",
            "Beta,ann",
            "Beta,dan",
        ]);
        for _ in 0..2 {
            let ran = apply(&bench);
            assert!(matches!(ran.code, 0 | 12 | 13), "cap {cap}: exit {}\n{}", ran.code, ran.stderr);
        }
        assert_eq!(bench.members("Compliance"), ["ann", "bob", "cem"], "cap {cap}");
        assert_eq!(bench.members("Alpha"), ["ann", "eve"], "cap {cap}");
        assert_eq!(bench.members("Beta"), ["ann", "dan"], "cap {cap}");
        assert_eq!(bench.simulator().world().groups.len(), 3, "cap {cap}");
    }
}

#[test]
fn lists_of_round_sizes_get_a_warning() {
    for (accounts, warned) in [(23, false), (24, true), (25, false), (49, true), (99, true)] {
        let mut world = World::new("Corp");
        // The tool's own account is one more.
        for at in 0..accounts {
            world.add_user(&address(&format!("p{at}")));
        }
        world.add_group("Compliance", &[&address("p0")]);
        let bench = Bench::new(world);
        bench.people(&["compliance,p0"]);
        let run = ended(apply(&bench), 0, "in_step");
        let text = format!("exactly {} entries", accounts + 1);
        assert_eq!(problems(&run).contains(&text), warned, "{accounts}: {}", problems(&run));
        let text = bench.run(&["apply"]).exits(0);
        assert_eq!(text.stdout.contains("may have cut it off"), warned, "{}", text.stdout);
    }
}

/// Without addresses nobody can be matched, granted or not.
#[test]
fn users_without_addresses_change_nothing() {
    let bench = settled();
    switch(&bench, "emails", json!("nobody"));
    let run = ended(apply(&bench), 0, "in_step");
    assert_eq!(skips(&run).iter().filter(|skip| skip.ends_with("no_account")).count(), 2);
    assert_eq!(skips(&run).iter().filter(|skip| skip.ends_with("no_email")).count(), 3);
    assert_eq!(bench.writes(), []);
}

#[test]
fn another_organisation_is_refused() {
    let bench = settled();
    bench.simulator().change(|world| world.organization = "Another".to_owned());
    let ran = bench.run(&["apply"]).exits(2);
    assert!(ran.stderr.contains("another") || ran.stderr.contains("Another"), "{}", ran.stderr);
    bench.run(&["plan"]).exits(2);
    assert_eq!(bench.writes(), []);
}

/// Answers of 200 that are no lists, or lists of nothing that can be used.
#[test]
fn odd_answers_are_no_lists_of_nobody() {
    let odd = ["", "null", "{}", "true", "\"\"", "[null]", "[{}]", "[[]]", "[1, 2]", "{\"message\": \"none\"}"];
    for path in ["/v1/users", "/v1/groups", "/v1/groups/users"] {
        let bench = settled();
        for body in odd {
            let answer = FaultKind::Answer { code: 200, body: body.to_owned() };
            bench.simulator().inject(Fault::on("GET", path, answer).always());
            let ran = apply(&bench);
            assert_eq!(ran.code, 13, "{path} {body:?}\n{}\n{}", ran.stdout, ran.stderr);
            assert_eq!(bench.writes(), [], "{path} {body:?}");
            bench.simulator().clear_faults();
        }
        for fault in [FaultKind::Truncated, FaultKind::Html, FaultKind::EmptyBody, FaultKind::Garbage] {
            bench.simulator().inject(Fault::on("GET", path, fault));
            ended(apply(&bench), 13, "unread");
            assert_eq!(bench.writes(), []);
        }
        ended(apply(&bench), 0, "applied");
        bench.in_step();
    }
}

/// An entry that does not say who its members are is no entry, and one that says "nobody" of a group that
/// had members is asked about.
#[test]
fn an_entry_without_members_is_not_believed_at_once() {
    let bench = settled();
    let id = bench.simulator().world().group("Compliance").unwrap().id.clone();
    let other = bench.simulator().world().group("Other").unwrap().id.clone();
    for ids in ["null", "[]", "\"\"", "{}", "17"] {
        let body =
            format!("[{{\"groupId\": \"{id}\", \"userIds\": {ids}}}, {{\"groupId\": \"{other}\", \"userIds\": []}}]");
        bench.simulator().inject(Fault::on("GET", "/v1/groups/users", FaultKind::Answer { code: 200, body }).always());
        unbelieved(&bench, "members when it is asked for");
        bench.simulator().clear_faults();
    }
}

/// Nor is it on the first run, when nothing is known of its group.
#[test]
fn an_entry_that_does_not_say_who_its_members_are_is_never_believed() {
    for ids in ["null", "{}", "17"] {
        let bench = Bench::small();
        let id = bench.simulator().world().group("Compliance").unwrap().id.clone();
        let body = format!("[{{\"groupId\": \"{id}\", \"userIds\": {ids}}}]");
        bench.simulator().inject(Fault::on("GET", "/v1/groups/users", FaultKind::Answer { code: 200, body }).always());
        unbelieved(&bench, "members when it is asked for");
    }
}

/// Some rows are odd: they cost themselves alone, and nobody is removed for them.
#[test]
fn odd_rows_of_users_remove_nobody() {
    for overlay in [
        json!({ "email": null }),
        json!({ "email": 17 }),
        json!({ "email": "not an address" }),
        json!({ "type": "somethingNew" }),
        json!({ "type": null }),
        json!({ "userId": null }),
        json!({ "userId": "" }),
    ] {
        let bench = Bench::small();
        ended(apply(&bench), 0, "in_step");
        bench.simulator().change(|world| {
            let Value::Object(overlay) = overlay.clone() else { panic!("an overlay is an object") };
            world.user_mut("bob@corp.example").unwrap().overlay = overlay;
        });
        let run = ended(apply(&bench), 0, "in_step");
        assert_eq!(bench.writes(), [], "{overlay}: {:?}", results(&run));
    }
}

/// A group that is listed, and whose members are not to be had: that group's own trouble. It is no empty group, no lie
/// of all lists, and nothing to create once more.
#[test]
fn a_listed_group_whose_members_are_not_found_is_left_alone() {
    for known in [true, false] {
        let mut bench = Bench::small();
        bench.simulator().change(|world| world.add_group("Risk", &["dan@corp.example"]));
        bench.rest.push_str(
            "\n[[mapping]]\nsource = \"hr\"\ngroup = \"risk\"\nto = \"Risk\"\n\n[group.Risk]\ncreate = true\n",
        );
        bench.people(&["compliance,ann", "compliance,bob", "compliance,cem", "risk,dan"]);
        if known {
            ended(apply(&bench), 0, "in_step");
        }
        let without = without(&bench, "/v1/groups/users", "groupId", "Risk");
        bench.simulator().inject(Fault::on("GET", "/v1/groups/users", without).always());
        let id = bench.simulator().world().group("Risk").unwrap().id.clone();
        for code in [404, 410] {
            bench.simulator().inject(
                Fault::on(
                    "GET",
                    &format!("/v1/groups/{id}/users"),
                    FaultKind::Status { code, moment: rosterd::simulator::Moment::Before },
                )
                .times(2),
            );
        }
        bench.people(&["compliance,ann", "compliance,bob", "compliance,dan", "risk,eve"]);
        let plan = bench.run(&["plan", "--format", "json"]).exits(12).json();
        assert!(problems(&plan).contains("group \"Risk\": its members"), "{}", problems(&plan));
        let run = ended(apply(&bench), 12, "partly_applied");
        assert_eq!(results(&run), ["add_member Compliance dan done", "remove_member Compliance cem done"]);
        assert_eq!(bench.simulator().world().groups.len(), 2);
        assert_eq!(bench.members("Risk"), ["dan"]);
        bench.simulator().clear_faults();
        let run = ended(apply(&bench), 0, "applied");
        assert_eq!(results(&run), ["add_member Risk eve done", "remove_member Risk dan done"]);
        bench.in_step();
    }
}
