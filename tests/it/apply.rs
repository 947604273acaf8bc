//! Applying: as few calls as possible, in the right order, each change's fate told, and nothing but what
//! was planned.

use std::io::Read;
use std::process::{Child, Command};

use rosterd::simulator::{
    Edit, Fault, FaultKind, Group, GroupStatus, MemberId, Moment, RequestRecord, UserType, World,
};
use serde_json::{Value, json};

use crate::support::bench::{Bench, ONE_GROUP, Ran, address};
use crate::support::doc::{ended, hold_ids, problems, reasons, results, rules, skips};

fn apply(bench: &Bench) -> Ran {
    bench.run(&["apply", "--format", "json"])
}

/// Guards that let everything through.
const OPEN: &str = r#"
[guard]
first_removals = "apply"
group_removals = { percent = 100, floor = 1000 }
run_removals = { percent = 100, floor = 1000 }
day_removals = { percent = 100, floor = 1000 }
source_shrink = { percent = 100, floor = 1000 }

[[source]]
name = "hr"
kind = "csv"
path = "people.csv"

[[mapping]]
source = "hr"
match = "^(.*)$"
to = "$1"
"#;

/// Accounts `p0` and on, and `Staff` with some of them.
fn staff(accounts: usize, members: std::ops::Range<usize>) -> Bench {
    let mut world = World::new("Corp");
    for at in 0..accounts {
        world.add_user(&address(&format!("p{at}")));
    }
    let members: Vec<String> = members.map(|at| address(&format!("p{at}"))).collect();
    world.add_group("Staff", &members.iter().map(String::as_str).collect::<Vec<_>>());
    let mut bench = Bench::new(world);
    bench.rest = OPEN.to_owned();
    bench
}

/// Grants `Staff` to these accounts.
fn grant(bench: &Bench, range: std::ops::Range<usize>) {
    let rows: Vec<String> = range.map(|at| format!("Staff,p{at}")).collect();
    bench.people(&rows.iter().map(String::as_str).collect::<Vec<_>>());
}

fn user_id(bench: &Bench, name: &str) -> String {
    bench.simulator().world().user(&address(name)).expect("the account is there").user_id.clone()
}

fn edit(bench: &Bench, edit: Edit) {
    bench.simulator().edit(edit).expect("the edit fits the world");
}

fn line(call: &RequestRecord) -> String {
    format!("{} {}", call.method, call.path)
}

/// Calls that write, without the ids of groups.
fn writes(bench: &Bench) -> Vec<String> {
    let world = bench.simulator().world();
    let named = |call: &RequestRecord| {
        let mut text = line(call);
        for group in &world.groups {
            text = text.replace(&group.id, &group.name);
        }
        text
    };
    bench.writes().iter().map(named).collect()
}

fn ids_of(call: &RequestRecord) -> usize {
    call.body.as_ref().and_then(|body| body["userIds"].as_array()).map_or(0, Vec::len)
}

// ---- calls -------------------------------------------------------------------------------------

#[test]
fn a_run_in_step_costs_three_gets() {
    let bench = Bench::small();
    ended(apply(&bench), 0, "in_step");
    assert_eq!(bench.calls().len(), 4, "the first run asks for its own account too");
    for command in [["apply"], ["plan"]] {
        bench.simulator().forget_requests();
        bench.run(&command).exits(0);
        let mut calls: Vec<String> = bench.calls().iter().map(line).collect();
        calls.sort();
        assert_eq!(calls, ["GET /v1/groups", "GET /v1/groups/users", "GET /v1/users"]);
        let users = bench.calls().into_iter().find(|call| call.path == "/v1/users").unwrap();
        assert_eq!(users.query["includeDeactivated"], "true");
    }
    bench.in_step();
}

#[test]
fn batches_are_as_full_as_they_may_be_and_nothing_is_listed_twice() {
    for (adds, removals, max) in [(5_usize, 5_usize, 2), (4, 1, 4), (7, 3, 200), (0, 9, 3), (6, 0, 6)] {
        let mut bench = staff(20, 0..removals);
        bench.hyperproof.push_str(&format!("max_users_per_call = {max}\n"));
        // Somebody stays, so that the group is never empty.
        edit(&bench, Edit::AddMember { group: "Staff".to_owned(), user: address("p19") });
        let rows: Vec<String> = (10..10 + adds).chain([19]).map(|at| format!("Staff,p{at}")).collect();
        bench.people(&rows.iter().map(String::as_str).collect::<Vec<_>>());
        let run = ended(apply(&bench), 0, "applied");
        let of = |method: &str| bench.calls().iter().filter(|call| call.method == method).count();
        assert_eq!(of("POST"), adds.div_ceil(max), "{adds} {removals} {max}");
        assert_eq!(of("PUT"), removals.div_ceil(max), "{adds} {removals} {max}");
        assert_eq!(of("GET"), 4, "{adds} {removals} {max}: {:?}", bench.calls().iter().map(line).collect::<Vec<_>>());
        assert_eq!(run["summary"]["calls"]["write"], adds.div_ceil(max) + removals.div_ceil(max));
        assert_eq!(run["summary"]["calls"]["read"], 4);
        assert!(bench.writes().iter().all(|call| ids_of(call) <= max));
        bench.in_step();
    }
}

#[test]
fn leavers_go_before_additions_and_others_after_them() {
    let mut world = World::new("Corp");
    for name in ["ann", "bob", "cem", "dan"] {
        world.add_user(&address(name));
    }
    world.add_group("Staff", &["ann@corp.example", "bob@corp.example", "cem@corp.example"]);
    world.group_mut("Staff").unwrap().lead = Some(world.user("bob@corp.example").unwrap().user_id.clone());
    let mut bench = Bench::new(world);
    bench.hyperproof.push_str("max_users_per_call = 1\nconcurrency = 4\n");
    bench.rest = format!("{OPEN}\n[group_defaults]\ncreate = true\n[group.Staff]\nlead = \"ann@corp.example\"\n");
    // Bob left, Cem is somewhere else now.
    bench.people(&["Staff,ann", "Staff,dan", "Staff,bob,inactive", "Risk,cem"]);
    let run = ended(apply(&bench), 0, "applied");
    assert_eq!(
        writes(&bench),
        [
            "POST /v1/groups",
            "PUT /v1/groups/Staff/users/delete",
            "POST /v1/groups/Staff/users",
            "PATCH /v1/groups/Staff",
            "PUT /v1/groups/Staff/users/delete",
        ]
    );
    let removed: Vec<Value> =
        bench.writes().iter().filter(|call| call.method == "PUT").map(|call| call.body.clone().unwrap()).collect();
    assert_eq!(removed, [json!({"userIds": [user_id(&bench, "bob")]}), json!({"userIds": [user_id(&bench, "cem")]})]);
    assert_eq!(
        reasons(&run),
        [
            "add_member Risk cem granted",
            "add_member Staff dan granted",
            "create_group Risk - granted",
            "remove_member Staff bob person_disabled",
            "remove_member Staff cem grant_ended",
            "set_lead Staff ann granted",
        ]
    );
    bench.in_step();
}

#[test]
fn a_group_is_made_with_its_first_members_and_its_lead() {
    let mut bench = staff(5, 0..1);
    bench.rest = format!("{OPEN}\n[group_defaults]\ncreate = true\n[group.Risk]\nlead = \"p2@corp.example\"\n");
    bench.people(&["Staff,p0", "Risk,p1", "Risk,p2"]);
    let run = ended(apply(&bench), 0, "applied");
    let mut members = [user_id(&bench, "p1"), user_id(&bench, "p2")];
    members.sort();
    let bodies: Vec<Value> = bench.writes().into_iter().filter_map(|call| call.body).collect();
    assert_eq!(bodies, [json!({ "name": "Risk", "groupLeadId": user_id(&bench, "p2"), "userIds": members })]);
    assert_eq!(run["results"]["created"], 1);
    assert_eq!(run["results"]["added"], 2);
    assert_eq!(run["results"]["lead"], 1);
    assert_eq!(bench.members("Risk"), ["p1", "p2"]);
    bench.in_step();
}

#[test]
fn groups_side_by_side_come_to_the_same_end() {
    for concurrency in [1, 2, 8] {
        let mut world = World::new("Corp");
        let names: Vec<String> = (0..12).map(|at| format!("p{at:02}")).collect();
        for name in &names {
            world.add_user(&address(name));
        }
        let mut rows = Vec::new();
        for group in 0..12 {
            world.add_group(&format!("G{group}"), &[&address(&names[group]), &address(&names[(group + 1) % 12])]);
            rows.push(format!("G{group},{}", names[group]));
            rows.push(format!("G{group},{}", names[(group + 2) % 12]));
        }
        let mut bench = Bench::new(world);
        bench.hyperproof.push_str(&format!("concurrency = {concurrency}\n"));
        bench.rest = OPEN.to_owned();
        bench.people(&rows.iter().map(String::as_str).collect::<Vec<_>>());
        ended(apply(&bench), 0, "applied");
        for group in 0..12 {
            let mut wanted = [names[group].clone(), names[(group + 2) % 12].clone()];
            wanted.sort();
            assert_eq!(bench.members(&format!("G{group}")), wanted);
        }
        assert_eq!(bench.writes().len(), 24);
        bench.in_step();
        bench.every_intent_has_an_outcome();
    }
}

// ---- refusals ----------------------------------------------------------------------------------

#[test]
fn one_refused_account_stands_alone() {
    let mut bench = staff(20, 0..1);
    bench.rest = format!("{OPEN}\n[group_defaults]\ncreate = true\n");
    let rows: Vec<String> =
        (0..17).map(|at| format!("Staff,p{at}")).chain((10..18).map(|at| format!("Risk,p{at}"))).collect();
    bench.people(&rows.iter().map(String::as_str).collect::<Vec<_>>());
    bench.simulator().inject(Fault::next(FaultKind::RefuseAccount { user_id: user_id(&bench, "p13") }).always());
    let run = ended(apply(&bench), 12, "partly_applied");
    let failed: Vec<String> = results(&run).into_iter().filter(|line| !line.ends_with(" done")).collect();
    assert_eq!(failed, ["add_member Risk p13 failed", "add_member Staff p13 failed"]);
    assert_eq!(bench.members("Staff").len(), 16);
    assert_eq!(bench.members("Risk").len(), 7);
    // Halving 16 finds one in at most 1 + 2 · 4 calls, halving 8 in 1 + 2 · 3; the POST with members was refused.
    assert!(bench.writes().len() <= 9 + 7 + 2, "{:?}", writes(&bench));
    bench.every_intent_has_an_outcome();
    // The next run asks for that account alone.
    bench.simulator().forget_requests();
    ended(apply(&bench), 12, "partly_applied");
    assert_eq!(bench.writes().iter().map(ids_of).collect::<Vec<_>>(), [1, 1]);
    bench.simulator().clear_faults();
    ended(apply(&bench), 0, "applied");
    bench.in_step();
}

#[test]
fn a_permission_403_on_one_group_is_that_groups_alone() {
    let mut bench = staff(6, 0..3);
    bench.simulator().change(|world| world.add_group("Alpha", &["p0@corp.example"]));
    bench.hyperproof.push_str("concurrency = 1\n");
    bench.people(&["Staff,p0", "Staff,p1", "Staff,p2", "Staff,p3", "Alpha,p0", "Alpha,p4"]);
    let alpha = bench.simulator().world().group("Alpha").unwrap().id.clone();
    bench.simulator().inject(Fault::on("POST", &format!("/v1/groups/{alpha}/users"), FaultKind::Forbidden).always());
    let run = ended(apply(&bench), 12, "partly_applied");
    assert_eq!(results(&run), ["add_member Alpha p4 failed", "add_member Staff p3 done"]);
    assert_eq!(run["throttled_until"], Value::Null);
    bench.simulator().clear_faults();
    ended(apply(&bench), 0, "applied");
    bench.in_step();
}

/// Ten groups with one addition each.
fn ten_groups() -> Bench {
    let mut world = World::new("Corp");
    world.add_user("ann@corp.example");
    world.add_user("bob@corp.example");
    let mut rows = Vec::new();
    for group in 0..10 {
        world.add_group(&format!("G{group}"), &["ann@corp.example"]);
        rows.extend([format!("G{group},ann"), format!("G{group},bob")]);
    }
    let mut bench = Bench::new(world);
    bench.hyperproof.push_str("concurrency = 1\n");
    bench.rest = OPEN.to_owned();
    bench.people(&rows.iter().map(String::as_str).collect::<Vec<_>>());
    bench
}

#[test]
fn many_failures_in_a_row_end_the_run() {
    let bench = ten_groups();
    bench.simulator().change(|world| world.switches.writes_forbidden = true);
    let run = ended(apply(&bench), 12, "partly_applied");
    assert_eq!(bench.writes().len(), 5);
    assert_eq!(run["results"]["failed"], 5);
    assert_eq!(run["results"]["not_tried"], 5);
    bench.every_intent_has_an_outcome();
    bench.simulator().change(|world| world.switches.writes_forbidden = false);
    ended(apply(&bench), 0, "applied");
    bench.in_step();
}

/// Cut off, a run is no full one: removals of a group's first full run wait in the next one.
#[test]
fn a_run_that_was_cut_off_settles_no_group() {
    let mut bench = ten_groups();
    bench.rest = bench.rest.replace("first_removals = \"apply\"\n", "");
    bench.simulator().change(|world| world.switches.writes_forbidden = true);
    ended(apply(&bench), 12, "partly_applied");
    bench.simulator().change(|world| world.switches.writes_forbidden = false);
    let rows: Vec<String> = (0..10).map(|group| format!("G{group},bob")).collect();
    bench.people(&rows.iter().map(String::as_str).collect::<Vec<_>>());
    let run = ended(apply(&bench), 11, "held");
    assert_eq!(rules(&run), ["first_run"; 10]);
    assert_eq!(bench.members("G9"), ["ann", "bob"]);
}

/// A refused addition is no drift in the next run: it was never made.
#[test]
fn a_change_that_failed_is_told_as_the_same_change_again() {
    let bench = Bench::small();
    bench.apply(0);
    bench.people(&["compliance,ann", "compliance,bob", "compliance,dan"]);
    for name in ["cem", "dan"] {
        let user_id = user_id(&bench, name);
        bench.simulator().inject(Fault::next(FaultKind::RefuseAccount { user_id }).always());
    }
    for _ in 0..2 {
        let run = bench.apply(12);
        assert_eq!(run["results"]["failed"], 2, "{run:#}");
        for change in run["changes"].as_array().unwrap() {
            assert_eq!(change["drift"], false, "{change:#}");
            assert!(!change["reason"].as_str().unwrap().starts_with("drift"), "{change:#}");
        }
    }
}

/// A group that was to be made and was not has had no first full run.
#[test]
fn a_group_whose_creation_failed_is_not_settled() {
    let mut bench = Bench::small();
    bench.rest = bench.rest.replace("first_removals = \"apply\"\n", "");
    bench
        .rest
        .push_str("[[mapping]]\nsource = \"hr\"\ngroup = \"audit\"\nto = \"Audit\"\n[group.Audit]\ncreate = true\n");
    bench.people(&["compliance,ann", "compliance,bob", "compliance,cem", "audit,dan"]);
    let refused = FaultKind::Status { code: 422, moment: Moment::Before };
    bench.simulator().inject(Fault::on("POST", "/v1/groups", refused).always());
    ended(apply(&bench), 12, "partly_applied");
    bench.simulator().clear_faults();
    bench.simulator().change(|world| world.add_group("Audit", &["dan@corp.example", "eve@corp.example"]));
    assert_eq!(rules(&ended(apply(&bench), 11, "held")), ["first_run"]);
    assert_eq!(bench.members("Audit"), ["dan", "eve"]);
}

#[test]
fn a_sign_in_that_is_refused_for_good_ends_the_run() {
    let bench = ten_groups();
    bench.simulator().inject(Fault::on("POST", "/v1/groups/*/users", FaultKind::Unauthorized).skip(3).always());
    let run = ended(apply(&bench), 12, "partly_applied");
    assert_eq!(run["results"]["added"], 3);
    assert_eq!(run["results"]["failed"], 1);
    assert_eq!(run["results"]["not_tried"], 6);
    // One renewal, one more attempt.
    assert_eq!(bench.writes().len(), 5);
    bench.every_intent_has_an_outcome();
    bench.simulator().clear_faults();
    ended(apply(&bench), 0, "applied");
    bench.in_step();
}

#[test]
fn a_sign_in_that_is_refused_reads_nothing() {
    let bench = ten_groups();
    bench.simulator().change(|world| world.client.client_secret = "another".to_owned());
    let ran = apply(&bench);
    let run = ended(ran.clone(), 13, "unread");
    assert!(problems_of_plan(&run).contains("sign-in"), "{run:#}");
    assert!(!ran.stderr.contains("simulated-secret"));
    assert_eq!(bench.calls(), []);
}

fn problems_of_plan(document: &Value) -> String {
    document["problems"].to_string()
}

#[test]
fn a_token_that_ends_within_the_run_is_renewed() {
    let bench = ten_groups();
    bench.simulator().change(|world| world.switches.token_calls = Some(3));
    ended(apply(&bench), 0, "applied");
    bench.in_step();
}

#[test]
fn a_signal_lets_the_call_under_way_end_and_no_other_begin() {
    for moment in [Moment::Before, Moment::After] {
        let bench = ten_groups();
        bench.simulator().inject(Fault::on("POST", "/v1/groups/*/users", FaultKind::Hold { moment }).skip(2));
        let mut child = bench.start(&["apply", "--format", "json"]);
        bench.until_held();
        terminate(&child);
        until_stopping(&mut child);
        bench.simulator().release();
        let run = ended(bench.wait(child), 12, "partly_applied");
        assert_eq!(run["results"]["added"], 3);
        assert_eq!(run["results"]["not_tried"], 7);
        assert_eq!(bench.writes().len(), 3);
        bench.every_intent_has_an_outcome();
        ended(apply(&bench), 0, "applied");
        assert_eq!(bench.writes().len(), 10);
        bench.in_step();
    }
}

#[test]
fn a_signal_while_reading_ends_the_run_at_once() {
    let bench = ten_groups();
    bench.simulator().inject(Fault::on("GET", "/v1/users", FaultKind::Hold { moment: Moment::Before }));
    let mut child = bench.start(&["apply", "--format", "json"]);
    bench.until_held();
    terminate(&child);
    until_stopping(&mut child);
    // The call is never answered.
    let run = ended(bench.wait(child), 13, "unread");
    assert!(problems_of_plan(&run).contains("asked to stop"), "{run:#}");
    assert_eq!(bench.writes(), []);
    ended(apply(&bench), 0, "applied");
    bench.in_step();
}

pub(crate) fn terminate(child: &Child) {
    let signalled = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().expect("kill starts");
    assert!(signalled.success());
}

/// Reads what the run tells until it says that it stops. Byte by byte, so that the rest is left to read.
fn until_stopping(child: &mut Child) {
    let stderr = child.stderr.as_mut().expect("it is piped");
    let mut told = Vec::new();
    while !told.ends_with(b"stopping:") {
        let mut byte = [0];
        stderr.read_exact(&mut byte).expect("the run says that it stops");
        told.push(byte[0]);
    }
}

// ---- ids ---------------------------------------------------------------------------------------

#[test]
fn which_id_groups_hold_is_found_out_and_remembered() {
    for member_id in [MemberId::UserId, MemberId::Id] {
        let mut bench = staff(6, 0..3);
        bench.simulator().change(|world| world.switches.member_id = member_id);
        grant(&bench, 0..4);
        ended(apply(&bench), 0, "applied");
        assert_eq!(bench.members("Staff"), ["p0", "p1", "p2", "p3"]);
        bench.in_step();
        // Nobody is left to show it: the verdict is remembered.
        bench.simulator().change(|world| world.group_mut("Staff").unwrap().members.clear());
        bench.rest = bench.rest.replace("[guard]", "[guard]\n# again\n");
        bench.simulator().change(|world| world.switches.empty_group_entry = true);
        ended(apply(&bench), 0, "applied");
        assert_eq!(bench.members("Staff"), ["p0", "p1", "p2", "p3"]);
        // Members that show the other id contradict it: nothing is written.
        let other = if member_id == MemberId::Id { MemberId::UserId } else { MemberId::Id };
        bench.simulator().change(|world| world.switches.member_id = other);
        bench.simulator().forget_requests();
        grant(&bench, 0..6);
        let run = ended(apply(&bench), 13, "unread");
        assert!(problems_of_plan(&run).contains("before"), "{run:#}");
        assert_eq!(bench.writes(), []);
    }
}

#[test]
fn evidence_for_both_ids_writes_nothing() {
    let bench = staff(6, 0..3);
    // A group that holds an organisation-user id beside user ids.
    bench.simulator().change(|world| {
        let id = world.user("p5@corp.example").unwrap().id.clone();
        world.group_mut("Staff").unwrap().strangers.insert(id);
    });
    grant(&bench, 0..5);
    let run = ended(apply(&bench), 13, "unread");
    assert!(problems_of_plan(&run).contains("hyperproof.member_id"), "{run:#}");
    assert_eq!(bench.writes(), []);
}

#[test]
fn without_evidence_it_is_the_user_id_and_a_wrong_guess_adds_nobody() {
    let mut bench = staff(4, 0..0);
    grant(&bench, 0..2);
    ended(apply(&bench), 0, "applied");
    assert_eq!(bench.members("Staff"), ["p0", "p1"]);
    bench.in_step();

    bench = staff(4, 0..0);
    bench.simulator().change(|world| world.switches.member_id = MemberId::Id);
    grant(&bench, 0..2);
    ended(apply(&bench), 12, "partly_applied");
    assert_eq!(bench.members("Staff"), [""; 0]);
    bench.hyperproof.push_str("member_id = \"id\"\n");
    ended(apply(&bench), 0, "applied");
    assert_eq!(bench.members("Staff"), ["p0", "p1"]);
    bench.in_step();
}

// ---- modes and people --------------------------------------------------------------------------

#[test]
fn each_mode_does_what_it_says() {
    let cases = [
        ("mirror", vec!["ann", "dan"], 0, "applied"),
        ("add-only", vec!["ann", "bob", "cem", "dan"], 0, "applied"),
        ("owned", vec!["ann", "bob", "cem", "dan"], 0, "applied"),
        ("report", vec!["ann", "bob", "cem"], 0, "in_step"),
    ];
    for (mode, members, code, outcome) in cases {
        let mut bench = Bench::small();
        bench.rest = format!("{ONE_GROUP}\n[group.Compliance]\nmode = \"{mode}\"\n");
        bench.people(&["compliance,ann", "compliance,dan"]);
        let run = ended(apply(&bench), code, outcome);
        assert_eq!(run["groups"][0]["mode"], mode);
        assert_eq!(bench.members("Compliance"), members, "{mode}");
        let not_owned = skips(&run).iter().filter(|skip| skip.ends_with("not_owned")).count();
        assert_eq!(not_owned, if mode == "owned" { 2 } else { 0 });
        // Dan was added by rosterd (but for the report), so that every mode that removes may remove him.
        bench.people(&["compliance,ann"]);
        apply(&bench).exits(0);
        let stays = mode == "add-only";
        assert_eq!(bench.members("Compliance").contains(&"dan".to_owned()), stays, "{mode}");
        if mode != "report" {
            bench.in_step();
        }
    }
}

#[test]
fn only_eligible_accounts_are_added_or_removed() {
    let mut bench = Bench::small();
    bench.simulator().change(|world| {
        for (name, kind) in [
            ("con", UserType::Contact),
            ("kon", UserType::Contact),
            ("svc", UserType::ServiceAccount),
            ("old", UserType::DeactivatedUser),
            ("off", UserType::DeactivatedUser),
        ] {
            world.add_user_of(&address(name), kind);
        }
        let inside: Vec<String> =
            ["con", "svc", "old"].map(|name| world.user(&address(name)).unwrap().user_id.clone()).into();
        let group = world.group_mut("Compliance").unwrap();
        group.members.extend(inside);
        group.strangers.insert("0badc0de-0000-4000-8000-000000000000".to_owned());
    });
    bench.rest.push_str("[group.Compliance]\nguard = { group_removals = { percent = 100, floor = 10 } }\n");
    bench.people(&["compliance,ann", "compliance,kon", "compliance,off", "compliance,nobody"]);
    let run = ended(apply(&bench), 0, "applied");
    assert_eq!(
        reasons(&run),
        [
            "remove_member Compliance bob person_gone",
            "remove_member Compliance cem person_gone",
            "remove_member Compliance old account_deactivated",
        ]
    );
    assert_eq!(
        skips(&run),
        [
            "Compliance 0badc0de-0000-4000-8000-000000000000 unknown_member",
            "Compliance con ineligible_type",
            "Compliance kon ineligible_type",
            "Compliance nobody no_account",
            "Compliance off inactive_account",
            "Compliance svc ineligible_type",
        ]
    );
    assert_eq!(bench.members("Compliance"), ["0badc0de-0000-4000-8000-000000000000", "ann", "con", "svc"]);
    bench.in_step();
}

#[test]
fn a_member_whom_no_list_names_is_left_alone() {
    let bench = Bench::small();
    edit(&bench, Edit::HideUser { user: address("bob"), hidden: true });
    bench.people(&["compliance,ann", "compliance,cem"]);
    let run = ended(apply(&bench), 0, "in_step");
    assert_eq!(skips(&run), [format!("Compliance {} unknown_member", user_id(&bench, "bob"))]);
    assert_eq!(bench.writes(), []);
}

/// A list that shows no addresses says nothing about who its accounts are: that nobody is matched to
/// them is no ground for a removal.
#[test]
fn an_account_without_an_address_is_nobody_to_remove() {
    let bench = Bench::small();
    edit(&bench, Edit::SetEmail { user: address("bob"), email: None });
    let bob = user_id_of_nameless(&bench);
    let run = ended(apply(&bench), 0, "in_step");
    assert_eq!(skips(&run), [format!("Compliance {bob} no_email"), "Compliance bob no_account".to_owned()]);
    assert_eq!(bench.writes(), []);
    assert_eq!(bench.simulator().world().group("Compliance").unwrap().members.len(), 3);
}

fn user_id_of_nameless(bench: &Bench) -> String {
    let world = bench.simulator().world();
    let nameless = world.users.iter().find(|user| user.email.is_none() && user.kind == UserType::ActiveUser);
    nameless.expect("one account has no address").user_id.clone()
}

#[test]
fn the_tools_own_account_is_never_added_or_removed() {
    for member in [true, false] {
        let mut bench = Bench::small();
        bench.hyperproof.push_str("eligible_types = [\"activeUser\", \"serviceAccount\"]\n");
        let own = bench.simulator().world().account().unwrap().user_id.clone();
        edit(&bench, Edit::SetEmail { user: own.clone(), email: Some(address("bot")) });
        bench.simulator().change(|world| {
            world.switches.service_account = rosterd::simulator::Admission::Accept;
            if member {
                world.group_mut("Compliance").unwrap().members.insert(own.clone());
            }
        });
        let mut rows = vec!["compliance,ann", "compliance,bob", "compliance,cem"];
        if !member {
            rows.push("compliance,bot");
        }
        bench.people(&rows);
        let run = ended(apply(&bench), 0, "in_step");
        assert_eq!(skips(&run), ["Compliance bot protected"]);
        assert_eq!(bench.writes(), []);
        bench.in_step();
    }
}

// ---- leads -------------------------------------------------------------------------------------

#[test]
fn a_lead_is_set_kept_cleared_and_otherwise_left_alone() {
    let mut bench = Bench::small();
    let lead = |bench: &Bench| bench.simulator().world().group("Compliance").unwrap().lead.clone();
    bench.rest = format!("{ONE_GROUP}\n[group.Compliance]\nlead = \"Ann@corp.example\"\n");
    let run = ended(apply(&bench), 0, "applied");
    assert_eq!(results(&run), ["set_lead Compliance ann done"]);
    assert_eq!(lead(&bench), Some(user_id(&bench, "ann")));
    bench.in_step();

    bench.rest = ONE_GROUP.to_owned();
    ended(apply(&bench), 0, "in_step");
    assert_eq!(lead(&bench), Some(user_id(&bench, "ann")));

    bench.rest = format!("{ONE_GROUP}\n[group.Compliance]\nlead = \"\"\n");
    let run = ended(apply(&bench), 0, "applied");
    assert_eq!(results(&run), ["clear_lead Compliance - done"]);
    assert_eq!(lead(&bench), None);
    bench.in_step();

    bench.rest = format!("{ONE_GROUP}\n[group.Compliance]\nlead = \"nobody@corp.example\"\n");
    let run = ended(apply(&bench), 0, "in_step");
    assert_eq!(skips(&run), ["Compliance nobody no_account"]);
}

#[test]
fn a_lead_who_is_refused_keeps_nobody_out() {
    let mut bench = Bench::small();
    bench.simulator().change(|world| world.add_user_of("con@corp.example", UserType::Contact));
    bench.rest = format!("{ONE_GROUP}\n[group.Compliance]\nlead = \"dan@corp.example\"\n");
    bench.simulator().inject(Fault::on(
        "PATCH",
        "/v1/groups/*",
        FaultKind::Status { code: 400, moment: Moment::Before },
    ));
    bench.people(&["compliance,ann", "compliance,bob", "compliance,cem", "compliance,dan"]);
    let run = ended(apply(&bench), 12, "partly_applied");
    assert_eq!(results(&run), ["add_member Compliance dan done", "set_lead Compliance dan failed"]);
    bench.rest = format!("{ONE_GROUP}\n[group.Compliance]\nlead = \"con@corp.example\"\n");
    let run = ended(apply(&bench), 0, "in_step");
    assert_eq!(skips(&run), ["Compliance con ineligible_type"]);
}

// ---- groups ------------------------------------------------------------------------------------

#[test]
fn a_group_that_may_not_be_made_is_a_12() {
    let mut bench = Bench::small();
    bench.rest = ONE_GROUP.replace("to = \"Compliance\"", "to = \"Elsewhere\"");
    let run = ended(apply(&bench), 12, "partly_applied");
    assert_eq!(run["changes"], json!([]));
    bench.run(&["plan"]).exits(12);
    assert_eq!(bench.writes(), []);
}

#[test]
fn a_name_that_differs_in_case_alone_is_neither_taken_nor_made() {
    let mut bench = Bench::small();
    bench.rest = ONE_GROUP.replace("to = \"Compliance\"", "to = \"COMPLIANCE\"") + "[group_defaults]\ncreate = true\n";
    let run = ended(apply(&bench), 12, "partly_applied");
    assert!(problems(&run).contains("\"Compliance\""), "{}", problems(&run));
    assert_eq!(bench.writes(), []);
}

#[test]
fn a_group_that_is_archived_or_gone_is_left_alone_and_never_made_again() {
    for archived_by_id in ["ok", "notFound"] {
        for gone in [false, true] {
            let mut bench = Bench::small();
            bench.rest = format!("{ONE_GROUP}\n[group_defaults]\ncreate = true\n");
            bench.simulator().change(|world| world.add_group("Other", &["eve@corp.example"]));
            ended(apply(&bench), 0, "in_step");
            let switches = json!({ "archivedById": archived_by_id });
            let Value::Object(switches) = switches else { unreachable!("it is an object") };
            edit(&bench, Edit::Switches(switches));
            let group = "Compliance".to_owned();
            edit(&bench, if gone { Edit::DropGroup { group } } else { Edit::ArchiveGroup { group } });
            bench.people(&["compliance,ann", "compliance,dan"]);
            for _ in 0..2 {
                let run = ended(apply(&bench), 12, "partly_applied");
                assert_eq!(run["groups"][0]["standing"], "unusable");
                assert_eq!(run["changes"], json!([]));
            }
            assert_eq!(bench.writes(), []);
            if !gone {
                edit(&bench, Edit::RestoreGroup { group: "Compliance".to_owned() });
                ended(apply(&bench), 0, "applied");
                assert_eq!(bench.members("Compliance"), ["ann", "dan"]);
                bench.in_step();
            }
        }
    }
}

#[test]
fn a_group_is_followed_by_its_id_through_a_change_of_name() {
    let bench = Bench::small();
    ended(apply(&bench), 0, "in_step");
    edit(&bench, Edit::RenameGroup { group: "Compliance".to_owned(), name: "GRC".to_owned() });
    bench.people(&["compliance,ann", "compliance,bob", "compliance,cem", "compliance,dan"]);
    let run = ended(apply(&bench), 0, "applied");
    assert!(problems(&run).contains("\"GRC\""), "{}", problems(&run));
    assert_eq!(run["changes"][0]["group"], "Compliance", "the configured name");
    assert_eq!(bench.members("GRC"), ["ann", "bob", "cem", "dan"]);
    assert_eq!(writes(&bench), ["POST /v1/groups/GRC/users"]);
    bench.in_step();
}

#[test]
fn an_id_tells_groups_of_one_name_apart() {
    let mut bench = Bench::small();
    let second = bench.simulator().change(|world| {
        world.push_group(Group { name: "Compliance".to_owned(), status: GroupStatus::Active, ..Group::default() })
    });
    ended(apply(&bench), 12, "partly_applied");
    assert_eq!(bench.writes(), []);
    bench.rest = format!("{ONE_GROUP}\n[group.Compliance]\nid = \"{second}\"\n");
    ended(apply(&bench), 0, "applied");
    assert_eq!(bench.members(&second), ["ann", "bob", "cem"]);
    bench.in_step();
}

// ---- --group -----------------------------------------------------------------------------------

#[test]
fn a_run_over_some_groups_touches_them_alone_and_moves_no_baseline() {
    let mut bench = staff(30, 0..20);
    bench.rest = OPEN.replace("source_shrink = { percent = 100, floor = 1000 }\n", "");
    bench.simulator().change(|world| world.add_group("Risk", &["p0@corp.example"]));
    let rows = |staff: usize, risk: &str| {
        let rows: Vec<String> = (0..staff).map(|at| format!("Staff,p{at}")).chain([format!("Risk,{risk}")]).collect();
        bench.people(&rows.iter().map(String::as_str).collect::<Vec<_>>());
    };
    rows(20, "p0");
    ended(apply(&bench), 0, "in_step");
    // Half of the source is gone. A run over Risk alone goes on, and does not take that for the new size.
    rows(5, "p29");
    let run = ended(bench.run(&["apply", "--format", "json", "--group", "Risk"]), 11, "held");
    assert_eq!(rules(&run), ["source_shrink"]);
    assert_eq!(results(&run), ["add_member Risk p29 done", "remove_member Risk p0 held"]);
    assert_eq!(run["groups"].as_array().unwrap().len(), 1);
    let run = ended(apply(&bench), 11, "held");
    let shrink = &run["holds"].as_array().unwrap().iter().find(|hold| hold["rule"] == "source_shrink").unwrap();
    assert_eq!(shrink["measured"], 14);
    assert_eq!(bench.members("Staff").len(), 20);
    bench.run(&["apply", "--group", "No such group"]).exits(2);
    bench.run(&["plan", "--group", "No such group"]).exits(2);
}

#[test]
fn a_run_over_some_groups_is_no_first_full_run() {
    let mut bench = Bench::small();
    bench.rest = ONE_GROUP.replace("first_removals = \"apply\"", "");
    bench.run(&["apply", "--group", "Compliance"]).exits(0);
    bench.people(&["compliance,ann", "compliance,bob"]);
    let run = ended(apply(&bench), 11, "held");
    assert_eq!(rules(&run), ["first_run"]);
    let id = hold_ids(&run, "first_run").remove(0);
    bench.run(&["approve", &id, "--by", "kim", "--reason", "looked at"]).exits(0);
    ended(apply(&bench), 0, "applied");
    assert_eq!(bench.members("Compliance"), ["ann", "bob"]);
    bench.in_step();
}

/// The group may have been made with its members, and nobody could look: they are as unknown as it is. The
/// next run looks, and whoever is in it then was put there by rosterd, and by nobody else.
#[test]
fn members_of_a_group_whose_creation_was_lost_are_not_called_untried() {
    let mut bench = Bench::small();
    bench.rest = bench.rest.replace("kind = \"csv\"", "kind = \"csv\"\nskip_unchanged = false")
        + "[[mapping]]\nsource = \"hr\"\ngroup = \"audit\"\nto = \"Audit\"\n\
           [group.Audit]\ncreate = true\nmode = \"owned\"\nallow_empty = true\nlead = \"dan@corp.example\"\n";
    bench.people(&["compliance,ann", "compliance,bob", "compliance,cem", "audit,dan", "audit,eve"]);
    let simulator = bench.simulator();
    simulator.inject(Fault::on("POST", "/v1/groups", FaultKind::Cut { moment: Moment::After, reset: false }));
    let down = FaultKind::Status { code: 503, moment: Moment::Before };
    simulator.inject(Fault::on("GET", "/v1/groups", down).skip(1).always());
    bench.apply(12);
    assert_eq!(bench.members("Audit"), ["dan", "eve"], "it was made all the same");
    bench.simulator().clear_faults();
    bench.apply(0);
    bench.every_intent_has_an_outcome();
    let audit = bench.audit();
    for record in audit.iter().filter(|record| record["event"] == "outcome") {
        assert_eq!(record["result"], "done", "{record:#}");
    }
    bench.apply(0);
    let audit = bench.audit();
    let others = audit.iter().filter(|record| record["event"] == "observed" && record["baseline"] != true);
    assert_eq!(others.count(), 0, "nobody else changed anything");
    // They are rosterd's own, so it may take them out.
    bench.people(&["compliance,ann", "compliance,bob", "compliance,cem", "audit,dan"]);
    bench.apply(0);
    assert_eq!(bench.members("Audit"), ["dan"]);
    bench.in_step();
}

/// Somebody made a group of the same name before the next run: which of the two is rosterd's, nobody knows.
#[test]
fn a_creation_that_was_cut_off_is_not_done_by_another_group_of_its_name() {
    let mut bench = Bench::small();
    bench
        .rest
        .push_str("[[mapping]]\nsource = \"hr\"\ngroup = \"audit\"\nto = \"Audit\"\n[group.Audit]\ncreate = true\n");
    bench.people(&["compliance,ann", "compliance,bob", "compliance,cem", "audit,dan"]);
    bench.simulator().inject(Fault::on("POST", "/v1/groups", FaultKind::Hold { moment: Moment::After }));
    let mut child = bench.start(&["apply"]);
    bench.until_held();
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    bench.until_abandoned();
    bench.simulator().change(|world| world.add_group("Audit", &["dan@corp.example"]));
    bench.apply(12);
    bench.every_intent_has_an_outcome();
    let audit = bench.audit();
    let outcomes: Vec<&Value> = audit.iter().filter(|record| record["event"] == "outcome").collect();
    assert_eq!(outcomes.len(), 2);
    assert!(outcomes.iter().all(|outcome| outcome["result"] == "failed"), "{outcomes:#?}");
}
