//! What went wrong elsewhere, told again with rosterd in the leading part. Each story ends with a
//! simulator in which nothing was wrongly removed or added, and with an exit code and an outcome that
//! say what happened.
//!
//! Incidents that only a directory server can cause are not here: larskanis/pg-ldap-sync#32, #37 (ranged
//! attributes), the recycle bin of bitwarden/directory-connector#548, the primary group of
//! adobe-apiplatform/user-sync.py#423, kanidm/kanidm#2502 and #3299, openshift/origin#12168,
//! user-sync.py#418 (size limit) and dalibo/ldap2pg#592 (cycles). Repeated alerts
//! (MicrosoftDocs/azure-docs#39708) belong to the service's notices.

use std::time::Duration;

use rosterd::simulator::{
    AddPresent, Admission, Edit, Fault, FaultKind, Moment, RemoveAbsent, RetryAfter, Timestamps, World,
};
use serde_json::json;

use crate::support::bench::{Bench, ONE_GROUP, Ran, address};
use crate::support::doc::{ended, hold_ids, problems, reasons, results, rules, skips};

/// `Compliance` with `count` people, all granted, and one run that settled it.
fn settled(count: usize) -> Bench {
    let mut world = World::new("Corp");
    let names: Vec<String> = (0..count).map(|at| format!("p{at:03}")).collect();
    for name in &names {
        world.add_user(&address(name));
    }
    let members: Vec<String> = names.iter().map(|name| address(name)).collect();
    world.add_group("Compliance", &members.iter().map(String::as_str).collect::<Vec<_>>());
    let bench = Bench::new(world);
    rows(&bench, 0..count);
    ended(apply(&bench), 0, "in_step");
    bench.simulator().forget_requests();
    bench
}

fn rows(bench: &Bench, range: std::ops::Range<usize>) {
    let rows: Vec<String> = range.map(|at| format!("compliance,p{at:03}")).collect();
    bench.people(&rows.iter().map(String::as_str).collect::<Vec<_>>());
}

fn apply(bench: &Bench) -> Ran {
    bench.run(&["apply", "--format", "json"])
}

fn settled_small() -> Bench {
    let bench = Bench::small();
    ended(apply(&bench), 0, "in_step");
    bench.simulator().forget_requests();
    bench
}

#[track_caller]
fn nothing_written(bench: &Bench) {
    assert_eq!(bench.writes(), [], "nothing may be written");
}

fn switches(bench: &Bench, switches: serde_json::Value) {
    let serde_json::Value::Object(switches) = switches else { panic!("switches are an object") };
    bench.simulator().edit(Edit::Switches(switches)).expect("the switches are there");
}

// ---- reads taken for truth ---------------------------------------------------------------------

/// awslabs/ssosync#194: one cycle saw no users and no groups, deleted all, made them anew the next.
#[test]
fn a_cycle_that_sees_nothing_changes_nothing() {
    for blind in ["blindUsers", "blindGroups", "blindMemberships"] {
        let bench = settled_small();
        bench.people(&["compliance,ann", "compliance,dan"]);
        switches(&bench, json!({ blind: true }));
        ended(apply(&bench), 13, "unread");
        nothing_written(&bench);
        assert_eq!(bench.members("Compliance"), ["ann", "bob", "cem"]);
        switches(&bench, json!({ blind: false }));
        ended(apply(&bench), 0, "applied");
        assert_eq!(bench.members("Compliance"), ["ann", "dan"]);
        bench.in_step();
    }
}

/// awslabs/ssosync#234, #236: a 503 part-way through the listing, and removals at random.
#[test]
fn a_503_in_the_middle_of_reading_is_no_empty_list() {
    for path in ["/v1/users", "/v1/groups", "/v1/groups/users"] {
        let bench = settled_small();
        bench.people(&["compliance,ann", "compliance,dan"]);
        let broken = FaultKind::Status { code: 503, moment: Moment::Before };
        bench.simulator().inject(Fault::on("GET", path, broken));
        ended(apply(&bench), 13, "unread");
        nothing_written(&bench);
        ended(apply(&bench), 0, "applied");
        assert_eq!(bench.members("Compliance"), ["ann", "dan"]);
        bench.in_step();
    }
}

/// awslabs/ssosync#278: one person's record could not be read, and that person was removed.
#[test]
fn one_bad_record_removes_nobody() {
    let bench = settled_small();
    bench.people(&["compliance,ann", "compliance,bob,perhaps", "compliance,dan"]);
    let run = ended(apply(&bench), 13, "unread");
    nothing_written(&bench);
    assert!(problems(&run).contains("people.csv:3"), "{}", problems(&run));
    assert_eq!(bench.members("Compliance"), ["ann", "bob", "cem"]);
}

/// firezone/firezone#9194: the source answers well and leaves people out; only a breaker sees it.
#[test]
fn a_source_that_forgets_people_is_held() {
    let bench = settled(100);
    rows(&bench, 0..60);
    let run = ended(apply(&bench), 11, "held");
    nothing_written(&bench);
    assert!(rules(&run).contains(&"source_shrink"), "{:?}", rules(&run));
    assert_eq!(bench.members("Compliance").len(), 100);
    // The loss is not forgotten: the next run holds it under the same ids.
    let again = ended(apply(&bench), 11, "held");
    assert_eq!(hold_ids(&run, "source_shrink"), hold_ids(&again, "source_shrink"));
}

/// adobe-apiplatform/user-sync.py#517: a renamed directory group acted as an empty one.
#[test]
fn a_renamed_directory_group_is_not_an_empty_one() {
    let bench = settled_small();
    bench.people(&["compliance-2026,ann", "compliance-2026,bob"]);
    let run = ended(apply(&bench), 11, "held");
    nothing_written(&bench);
    assert!(rules(&run).contains(&"missing"), "{:?}", rules(&run));
    assert_eq!(bench.members("Compliance"), ["ann", "bob", "cem"]);
}

/// bitwarden/directory-connector#38, redhat-cop/group-sync-operator#246, #370: only the first page of a
/// list was read, and whoever was on the next was removed.
#[test]
fn a_list_that_is_cut_off_removes_nobody() {
    let mut world = World::new("Corp");
    for at in 0..8 {
        world.add_user(&address(&format!("p{at}")));
    }
    for group in ["Alpha", "Beta", "Compliance"] {
        let members: Vec<String> = (0..8).map(|at| address(&format!("p{at}"))).collect();
        world.add_group(group, &members.iter().map(String::as_str).collect::<Vec<_>>());
    }
    let bench = Bench::new(world);
    let all: Vec<String> = (0..8).map(|at| format!("compliance,p{at}")).collect();
    bench.people(&all.iter().map(String::as_str).collect::<Vec<_>>());
    ended(apply(&bench), 0, "in_step");
    bench.simulator().forget_requests();
    for cap in 0..9 {
        switches(&bench, json!({ "listCap": cap }));
        let ran = apply(&bench);
        assert!(matches!(ran.code, 0 | 13), "cap {cap}: exit {}", ran.code);
        nothing_written(&bench);
    }
    switches(&bench, json!({ "listCap": null }));
    bench.in_step();
}

/// kubernetes/org#4365: removals were switched on over a configuration that was not ready for them.
#[test]
fn removals_that_are_switched_on_wait_for_a_person() {
    let mut bench = Bench::small();
    bench.rest = ONE_GROUP.replace("first_removals = \"apply\"", "") + "[group.Compliance]\nmode = \"add-only\"\n";
    bench.people(&["compliance,ann"]);
    ended(apply(&bench), 0, "in_step");
    bench.rest = bench.rest.replace("add-only", "mirror");
    let run = ended(apply(&bench), 11, "held");
    nothing_written(&bench);
    assert_eq!(rules(&run), ["first_run"]);
    assert_eq!(bench.members("Compliance"), ["ann", "bob", "cem"]);
}

/// redhat-cop/group-sync-operator#169, #248, #251: times compared as texts, and a marker read back too
/// early.
#[test]
fn times_and_late_reads_decide_nothing() {
    for timestamps in [Timestamps::SevenDigits, Timestamps::Zulu] {
        let bench = Bench::small();
        bench.simulator().change(|world| {
            world.switches.timestamps = timestamps;
            world.switches.stale_reads = 2;
        });
        bench.people(&["compliance,ann", "compliance,dan"]);
        let ran = apply(&bench);
        assert!(matches!(ran.code, 0 | 12), "{}", ran.stderr);
        // Whatever the first run could confirm: the reads have caught up, and nothing was done twice.
        for _ in 0..2 {
            apply(&bench);
        }
        assert_eq!(bench.members("Compliance"), ["ann", "dan"]);
        bench.in_step();
    }
}

/// bitwarden/directory-connector#107, keycloak/keycloak#24669: the directory comes back empty, without
/// any error.
#[test]
fn an_empty_directory_is_not_nobody() {
    let bench = settled_small();
    bench.people(&[]);
    let run = ended(apply(&bench), 11, "held");
    assert!(rules(&run).contains(&"missing"), "{:?}", rules(&run));
    bench.write("people.csv", "");
    ended(apply(&bench), 13, "unread");
    std::fs::remove_file(bench.path("people.csv")).expect("it was there");
    ended(apply(&bench), 13, "unread");
    nothing_written(&bench);
    assert_eq!(bench.members("Compliance"), ["ann", "bob", "cem"]);
}

// ---- scope and ownership -----------------------------------------------------------------------

/// awslabs/ssosync#50, #88, #105, #141, #179, #220, #305, #244: groups that the tool never made lost their
/// members; the ignore list acted on one side alone.
#[test]
fn groups_that_no_mapping_yields_are_nobodys_business() {
    let bench = settled_small();
    bench.simulator().change(|world| {
        world.add_group("AWSControlTowerAdmins", &["bob@corp.example", "eve@corp.example"]);
    });
    bench.people(&["compliance,ann", "compliance,cem", "AWSControlTowerAdmins,ann"]);
    let run = ended(apply(&bench), 0, "applied");
    assert_eq!(results(&run), ["remove_member Compliance bob done"]);
    assert_eq!(bench.members("AWSControlTowerAdmins"), ["bob", "eve"]);
    bench.in_step();
}

/// kubernetes-sigs/prow#737: no way to leave part of the target alone.
#[test]
fn people_who_are_ignored_or_kept_are_left_alone_on_both_sides() {
    let mut bench = Bench::small();
    bench.rest = format!(
        "[identity]\nignore = [\"bob@*\", \"dan@*\"]\n{ONE_GROUP}\n[group.Compliance]\nkeep = [\"CEM@corp.example\"]\n"
    );
    bench.people(&["compliance,ann", "compliance,dan"]);
    let run = ended(apply(&bench), 0, "in_step");
    assert_eq!(skips(&run), ["Compliance bob ignored", "Compliance cem protected", "Compliance dan ignored"]);
    nothing_written(&bench);
    bench.in_step();
}

/// adobe-apiplatform/user-sync.py#166, #507: an option that reads as "only a report" changed memberships
/// and made accounts.
#[test]
fn a_report_reports() {
    let mut bench = Bench::small();
    bench.rest = format!(
        "{ONE_GROUP}\n[[mapping]]\nsource = \"hr\"\ngroup = \"risk\"\nto = \"Risk\"\n\
         [group_defaults]\nmode = \"report\"\ncreate = true\n[group.Compliance]\nlead = \"ann@corp.example\"\n"
    );
    bench.people(&["compliance,ann", "compliance,dan", "risk,eve"]);
    let run = ended(apply(&bench), 0, "in_step");
    assert_eq!(
        results(&run),
        [
            "add_member Compliance dan report",
            "add_member Risk eve report",
            "create_group Risk - report",
            "remove_member Compliance bob report",
            "remove_member Compliance cem report",
            "set_lead Compliance ann report",
        ]
    );
    bench.run(&["plan"]).exits(0);
    nothing_written(&bench);
    assert_eq!(bench.members("Compliance"), ["ann", "bob", "cem"]);
    assert_eq!(bench.simulator().world().groups.len(), 1);
}

// ---- caps and approvals ------------------------------------------------------------------------

/// firezone/firezone#10898, MicrosoftDocs/azure-docs#35848: a breaker without a way through is switched
/// off. Here the way through is one approval of just these changes.
#[test]
fn a_held_clean_up_has_a_way_through_that_is_used_up() {
    let bench = settled(30);
    rows(&bench, 0..20);
    let run = ended(apply(&bench), 11, "held");
    let mut args = vec!["approve".to_owned()];
    args.extend(run["holds"].as_array().unwrap().iter().map(|hold| hold["id"].as_str().unwrap().to_owned()));
    args.extend(["--by", "kim", "--reason", "team dissolved", "--ticket", "T-1"].map(str::to_owned));
    bench.run(&args.iter().map(String::as_str).collect::<Vec<_>>()).exits(0);
    ended(apply(&bench), 0, "applied");
    assert_eq!(bench.members("Compliance").len(), 20);
    bench.in_step();
    // Another clean-up of the same size waits again.
    rows(&bench, 0..10);
    ended(apply(&bench), 11, "held");
    assert_eq!(bench.members("Compliance").len(), 20);
}

/// MicrosoftDocs/azure-docs#44661: nobody could tell whether a tripped run applied part of the changes.
#[test]
fn a_tripped_run_says_of_each_change_what_became_of_it() {
    let bench = settled(30);
    bench.simulator().change(|world| world.add_user("new@corp.example"));
    let mut all: Vec<String> = (0..20).map(|at| format!("compliance,p{at:03}")).collect();
    all.push("compliance,new".to_owned());
    bench.people(&all.iter().map(String::as_str).collect::<Vec<_>>());
    let run = ended(apply(&bench), 11, "held");
    let results = results(&run);
    assert_eq!(results[0], "add_member Compliance new done");
    assert_eq!(results.len(), 11);
    assert!(results[1..].iter().all(|line| line.starts_with("remove_member") && line.ends_with(" held")));
    assert_eq!(bench.members("Compliance").len(), 31);
    assert_eq!(run["summary"]["add"], 1);
    assert_eq!(run["summary"]["held"], 10);
}

/// octodns/octodns#40, #61, #120, #638, #785, #808, #1169: a percentage alone blocks small groups, and the
/// error did not say how to go on.
#[test]
fn small_groups_have_a_floor_and_a_hold_says_how_to_go_on() {
    let bench = settled(8);
    rows(&bench, 0..5);
    ended(apply(&bench), 0, "applied");
    rows(&bench, 0..1);
    let ran = bench.run(&["apply"]).exits(11);
    assert!(ran.stdout.contains("rosterd approve h-"), "{}", ran.stdout);
    assert!(ran.stdout.contains("the limit is 3"), "{}", ran.stdout);
    assert_eq!(bench.members("Compliance").len(), 5);
}

// ---- rate, size, speed -------------------------------------------------------------------------

/// adobe-apiplatform/user-sync.py#867, #813, #461, umapi-documentation#76: a 429 with a wait of nearly an
/// hour, in the middle of writing.
#[test]
fn a_wait_of_an_hour_ends_the_run_and_not_the_sync() {
    let bench = settled_small();
    bench.people(&["compliance,ann", "compliance,dan"]);
    let hour = FaultKind::RateLimit { retry_after: Some(RetryAfter::Seconds(3590)), seconds: 3590 };
    bench.simulator().inject(Fault::on("POST", "/v1/groups/*/users", hour));
    let run = ended(apply(&bench), 12, "throttled");
    assert!(run["throttled_until"].is_string(), "{run:#}");
    // People who left go before anybody is added: that much was done.
    assert_eq!(bench.writes().len(), 2);
    assert_eq!(bench.members("Compliance"), ["ann"]);
    bench.every_intent_has_an_outcome();
}

/// awslabs/ssosync#17: "is X in G" for every pair.
#[test]
fn each_list_is_read_once_however_many_groups_there_are() {
    let mut world = World::new("Corp");
    let mut rows = Vec::new();
    for at in 0..30 {
        let name = format!("p{at}");
        world.add_user(&address(&name));
        world.add_group(&format!("G{at}"), &[&address(&name)]);
        rows.push(format!("G{at},{name}"));
    }
    let mut bench = Bench::new(world);
    bench.rest = ONE_GROUP.replace("group = \"compliance\"\nto = \"Compliance\"", "match = \"^(G.*)$\"\nto = \"$1\"");
    bench.people(&rows.iter().map(String::as_str).collect::<Vec<_>>());
    ended(apply(&bench), 0, "in_step");
    bench.simulator().forget_requests();
    ended(apply(&bench), 0, "in_step");
    let mut calls: Vec<String> = bench.calls().iter().map(|call| format!("{} {}", call.method, call.path)).collect();
    calls.sort();
    assert_eq!(calls, ["GET /v1/groups", "GET /v1/groups/users", "GET /v1/users"]);
}

/// slashdevops/idp-scim-sync#62, user-sync.py#301, directory-connector#39, lsc-project/lsc#256: the target
/// takes fewer changes in one call than were sent.
#[test]
fn a_server_that_takes_small_batches_gets_small_batches() {
    let mut bench = settled(40);
    bench.rest = format!("{ONE_GROUP}\n[group.Compliance.guard]\ngroup_removals = {{ percent = 100, floor = 10 }}\n")
        .replace("[guard]", "[guard]\nrun_removals = { percent = 100, floor = 50 }\nday_removals = { percent = 100, floor = 50 }\nsource_shrink = { percent = 100, floor = 50 }");
    switches(&bench, json!({ "maxBatch": 7 }));
    rows(&bench, 0..10);
    let run = ended(apply(&bench), 0, "applied");
    assert_eq!(run["results"]["removed"], 30);
    assert_eq!(bench.members("Compliance").len(), 10);
    bench.in_step();
}

// ---- partial failure ---------------------------------------------------------------------------

/// kubernetes/test-infra#22723, istio/test-infra#2294, kubeflow/internal-acls#154, #587: one blocked person
/// failed the whole organisation's sync for days.
#[test]
fn one_refused_person_does_not_stop_the_rest() {
    let bench = settled_small();
    let dan = bench.simulator().world().user("dan@corp.example").unwrap().user_id.clone();
    bench.simulator().inject(Fault::next(FaultKind::RefuseAccount { user_id: dan }).always());
    bench.people(&["compliance,ann", "compliance,dan", "compliance,eve"]);
    let run = ended(apply(&bench), 12, "partly_applied");
    assert_eq!(
        results(&run),
        [
            "add_member Compliance dan failed",
            "add_member Compliance eve done",
            "remove_member Compliance bob done",
            "remove_member Compliance cem done",
        ]
    );
    assert_eq!(bench.members("Compliance"), ["ann", "eve"]);
}

/// redhat-cop/group-sync-operator#319: one group that was not there stopped all groups.
#[test]
fn one_missing_group_does_not_stop_the_rest() {
    let mut bench = Bench::small();
    bench.rest.push_str("[[mapping]]\nsource = \"hr\"\ngroup = \"risk\"\nto = \"Risk\"\n");
    bench.people(&["compliance,ann", "compliance,bob", "compliance,cem", "compliance,dan", "risk,eve"]);
    let run = ended(apply(&bench), 12, "partly_applied");
    assert_eq!(results(&run), ["add_member Compliance dan done"]);
    assert!(problems(&run).contains("create = true"), "{}", problems(&run));
    assert_eq!(bench.simulator().world().groups.len(), 1);
}

/// slashdevops/idp-scim-sync#104, awslabs/ssosync#219: somebody was gone already; the 404 was fatal and
/// blocked every later run.
#[test]
fn somebody_who_is_gone_already_blocks_nothing() {
    for refusal in [RemoveAbsent::NotFound, RemoveAbsent::BadRequest] {
        let bench = settled_small();
        bench.simulator().change(|world| world.switches.remove_absent = refusal);
        bench.people(&["compliance,ann", "compliance,dan"]);
        bench.simulator().inject(Fault::on(
            "PUT",
            "/v1/groups/*/users/delete",
            FaultKind::Hold { moment: Moment::Before },
        ));
        let child = bench.start(&["apply", "--format", "json"]);
        bench.until_held();
        let gone = Edit::RemoveMember { group: "Compliance".to_owned(), user: address("bob") };
        bench.simulator().edit(gone).expect("bob is there");
        bench.simulator().release();
        let run = ended(bench.wait(child), 0, "applied");
        assert_eq!(
            results(&run),
            [
                "add_member Compliance dan done",
                "remove_member Compliance bob already_so",
                "remove_member Compliance cem done",
            ]
        );
        bench.in_step();
    }
}

/// kubernetes/test-infra#21434: removed from one side and invited again through the other.
#[test]
fn nobody_is_removed_by_one_mapping_and_added_by_another() {
    let mut bench = Bench::small();
    bench.rest.push_str("[[mapping]]\nsource = \"hr\"\ngroup = \"audit\"\nto = \"Compliance\"\n");
    bench.people(&["compliance,ann", "audit,ann", "audit,bob", "audit,dan"]);
    let run = ended(apply(&bench), 0, "applied");
    assert_eq!(reasons(&run), ["add_member Compliance dan granted", "remove_member Compliance cem person_gone"]);
    bench.in_step();
}

/// dalibo/ldap2pg#422: the mark of ownership went first, the removal failed, and the account fell out of
/// sight for ever.
#[test]
fn a_removal_that_failed_is_tried_again() {
    let mut bench = Bench::small();
    bench.rest.push_str("[group.Compliance]\nmode = \"owned\"\n");
    bench.people(&["compliance,ann", "compliance,bob", "compliance,cem", "compliance,dan"]);
    ended(apply(&bench), 0, "applied");
    bench.people(&["compliance,ann", "compliance,bob", "compliance,cem"]);
    let refused = FaultKind::Status { code: 400, moment: Moment::Before };
    bench.simulator().inject(Fault::on("PUT", "/v1/groups/*/users/delete", refused));
    let run = ended(apply(&bench), 12, "partly_applied");
    assert_eq!(results(&run), ["remove_member Compliance dan failed"]);
    ended(apply(&bench), 0, "applied");
    assert_eq!(bench.members("Compliance"), ["ann", "bob", "cem"]);
    bench.in_step();
}

// ---- identity ----------------------------------------------------------------------------------

/// svthalia/concrexit#3099, user-sync.py#529, #649, #753: removed and added again every hour, over one
/// capital letter.
#[test]
fn a_capital_letter_is_no_difference() {
    let bench = Bench::small();
    bench.simulator().change(|world| {
        world.user_mut("bob@corp.example").unwrap().email = Some("Bob@Corp.Example".to_owned());
    });
    bench.people(&["compliance,ANN@corp.example", "compliance,bob@CORP.example", "compliance, cem@corp.example "]);
    ended(apply(&bench), 0, "in_step");
    nothing_written(&bench);
    bench.in_step();
}

/// bitwarden/directory-connector#397, opencloud-eu/opencloud-compose#304: a change of name became a removal
/// and an addition, and access was lost without a word.
#[test]
fn a_change_of_name_is_no_removal() {
    let bench = Bench::small();
    let people = |bob: &str| {
        let rows = format!(
            "group,email,status,id\ncompliance,ann@corp.example,,1\ncompliance,{bob},,2\ncompliance,cem@corp.example,,3\n"
        );
        bench.write("people.csv", &rows);
    };
    people("bob@corp.example");
    ended(apply(&bench), 0, "in_step");
    people("robert.new@corp.example");
    ended(apply(&bench), 0, "in_step");
    nothing_written(&bench);
    assert_eq!(bench.members("Compliance"), ["ann", "bob", "cem"]);
    bench.in_step();
}

// ---- running it --------------------------------------------------------------------------------

/// user-sync.py#803, knative/test-infra#2652: failures with exit code 0.
#[test]
fn a_failure_is_never_a_zero() {
    let mut bench = settled_small();
    bench.people(&["compliance,ann", "compliance,dan"]);
    bench.simulator().change(|world| world.switches.writes_forbidden = true);
    let run = ended(apply(&bench), 12, "partly_applied");
    assert_eq!(run["results"]["failed"], 3);
    bench.stop_simulator();
    ended(apply(&bench), 13, "unread");
}

/// awslabs/ssosync#206: overlapping runs.
#[test]
fn two_runs_do_not_overlap() {
    let bench = settled_small();
    bench.people(&["compliance,ann", "compliance,bob", "compliance,cem", "compliance,dan"]);
    bench.simulator().inject(Fault::on("POST", "/v1/groups/*/users", FaultKind::Hold { moment: Moment::Before }));
    let first = bench.start(&["apply", "--format", "json"]);
    bench.until_held();
    for command in ["apply", "plan"] {
        let second = bench.run(&[command]).exits(14);
        assert!(second.stderr.contains("apply"), "{}", second.stderr);
    }
    bench.simulator().release();
    ended(bench.wait(first), 0, "applied");
    assert_eq!(bench.writes().len(), 1);
    bench.in_step();
}

/// bitwarden/directory-connector#22, #92: "synced N users", while the target had silently refused them.
#[test]
fn what_the_target_passes_over_is_not_done() {
    let bench = settled_small();
    bench.simulator().change(|world| {
        let dan = world.user_mut("dan@corp.example").unwrap();
        dan.status = rosterd::simulator::UserStatus::Pending;
        world.switches.user_status_field = false;
        world.switches.pending = Admission::Ignore;
    });
    bench.people(&["compliance,ann", "compliance,bob", "compliance,cem", "compliance,dan", "compliance,eve"]);
    let run = ended(apply(&bench), 12, "partly_applied");
    assert_eq!(results(&run), ["add_member Compliance dan failed", "add_member Compliance eve done"]);
    assert_eq!(bench.members("Compliance"), ["ann", "bob", "cem", "eve"]);
}

/// firezone/firezone#15169: somebody who was deleted a moment ago is answered with 412 and not with 404.
#[test]
fn an_odd_refusal_of_somebody_who_is_gone_is_read_back() {
    let bench = settled_small();
    bench.people(&["compliance,ann", "compliance,bob", "compliance,dan"]);
    bench.simulator().inject(Fault::on("PUT", "/v1/groups/*/users/delete", FaultKind::Hold { moment: Moment::Before }));
    let odd = FaultKind::Answer { code: 412, body: r#"{"error":"deleted"}"#.to_owned() };
    bench.simulator().inject(Fault::on("PUT", "/v1/groups/*/users/delete", odd));
    let child = bench.start(&["apply", "--format", "json"]);
    bench.until_held();
    let gone = Edit::RemoveMember { group: "Compliance".to_owned(), user: address("cem") };
    bench.simulator().edit(gone).expect("cem is there");
    bench.simulator().release();
    ended(bench.wait(child), 0, "applied");
    bench.in_step();
}

// ---- hazards read in code ----------------------------------------------------------------------

/// ssosync, internal/sync.go: somebody who is granted the group and has no usable account is skipped, and
/// so removed.
#[test]
fn a_granted_member_without_a_usable_account_stays() {
    let bench = settled_small();
    bench.simulator().edit(Edit::DeactivateUser { user: address("bob") }).expect("bob is there");
    let run = ended(apply(&bench), 0, "in_step");
    assert_eq!(skips(&run), ["Compliance bob inactive_account"]);
    nothing_written(&bench);
}

/// ssosync: members keyed by the name of the group, so that two groups of one name collide.
#[test]
fn two_groups_of_one_name_are_left_alone() {
    let bench = Bench::small();
    bench.simulator().change(|world| world.add_group("Compliance", &["eve@corp.example"]));
    bench.people(&["compliance,ann", "compliance,dan"]);
    let run = ended(apply(&bench), 12, "partly_applied");
    nothing_written(&bench);
    assert!(problems(&run).contains("set its `id`"), "{}", problems(&run));
}

/// ldap-poller, src/ldap.rs: the marker moved on although the run had failed.
#[test]
fn a_run_that_failed_moves_no_baseline() {
    let bench = settled(100);
    rows(&bench, 0..60);
    switches(&bench, json!({ "blindGroups": true }));
    ended(apply(&bench), 13, "unread");
    switches(&bench, json!({ "blindGroups": false }));
    let run = ended(apply(&bench), 11, "held");
    assert!(rules(&run).contains(&"source_shrink"), "{:?}", rules(&run));
}

/// bitwarden/directory-connector: an equal hash of the desired state, and drift stays.
#[test]
fn drift_is_repaired_although_the_directory_did_not_change() {
    let bench = settled_small();
    let add = Edit::AddMember { group: "Compliance".to_owned(), user: address("eve") };
    let remove = Edit::RemoveMember { group: "Compliance".to_owned(), user: address("ann") };
    for edit in [add, remove] {
        bench.simulator().edit(edit).expect("they are there");
    }
    let run = ended(apply(&bench), 0, "applied");
    assert_eq!(reasons(&run), ["add_member Compliance ann drift_removed", "remove_member Compliance eve drift_added"]);
    bench.in_step();
}

/// lsc, AbstractSynchronize.java: a time limit returned quietly, and the cleaning began.
#[test]
fn a_source_that_is_too_old_cleans_nothing() {
    let mut bench = settled_small();
    bench.rest = ONE_GROUP.replace("path = \"people.csv\"", "path = \"people.csv\"\nmax_age = \"26h\"");
    bench.people(&["compliance,ann", "compliance,dan"]);
    bench.age("people.csv", Duration::from_secs(27 * 3600));
    ended(apply(&bench), 13, "unread");
    nothing_written(&bench);
}

/// Members who are there already make a server that is strict about it refuse the batch.
#[test]
fn somebody_who_is_in_already_blocks_nothing() {
    for refusal in [AddPresent::Conflict, AddPresent::BadRequest] {
        let bench = settled_small();
        bench.simulator().change(|world| world.switches.add_present = refusal);
        bench.people(&["compliance,ann", "compliance,bob", "compliance,cem", "compliance,dan", "compliance,eve"]);
        bench.simulator().inject(Fault::on("POST", "/v1/groups/*/users", FaultKind::Hold { moment: Moment::Before }));
        let child = bench.start(&["apply", "--format", "json"]);
        bench.until_held();
        let edit = Edit::AddMember { group: "Compliance".to_owned(), user: address("dan") };
        bench.simulator().edit(edit).expect("dan is there");
        bench.simulator().release();
        let run = ended(bench.wait(child), 0, "applied");
        assert_eq!(results(&run), ["add_member Compliance dan already_so", "add_member Compliance eve done"]);
        bench.in_step();
    }
}
