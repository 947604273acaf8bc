//! What the log tells of the past: `observed` records, and answers for a time that is over.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use rosterd::model::address::Address;
use rosterd::model::history::{Rolls, What};
use rosterd::model::id::{AccountId, GroupId, GroupName};
use rosterd::model::live::{Account, LiveGroup, LiveState, MemberIdKind, Standing};
use rosterd::model::plan::{ChangeKey, Op, Reason};
use rosterd::model::run::ChangeResult;
use rosterd::simulator::Edit;
use rosterd::store::{Access, Intent, Observation, OutcomeRecord, Request, Store};
use serde_json::Value;

use crate::state::meddle;
use crate::store::{State, start};
use crate::support::bench::{Bench, address, filtered};

fn add(bench: &Bench, name: &str) {
    bench.simulator().edit(Edit::AddMember { group: "Compliance".into(), user: address(name) }).unwrap();
}

fn remove(bench: &Bench, name: &str) {
    bench.simulator().edit(Edit::RemoveMember { group: "Compliance".into(), user: address(name) }).unwrap();
}

/// The `observed` records in short lines.
fn observed(bench: &Bench) -> Vec<String> {
    let names = |list: &Value| {
        let names = list.as_array().into_iter().flatten();
        let mut names: Vec<&str> =
            names.map(|name| name["email"].as_str().unwrap().trim_end_matches("@corp.example")).collect();
        names.sort_unstable();
        names.join(" ")
    };
    let line = |record: &Value| match record["baseline"] == true {
        _ if record["ended"].is_string() => format!("ended: {}", record["ended"].as_str().unwrap()),
        true => format!("all {}/{}: {}", record["part"], record["of"], names(&record["members"])),
        false => format!("+{} -{}", names(&record["added"]), names(&record["removed"])),
    };
    bench.audit().iter().filter(|record| record["event"] == "observed").map(line).collect()
}

#[test]
fn the_log_gets_the_full_list_once_and_then_what_others_change() {
    let bench = Bench::small();
    bench.people(&["compliance,ann", "compliance,bob", "compliance,cem", "compliance,dan"]);
    bench.apply(0);
    assert_eq!(observed(&bench), ["all 1/1: ann bob cem"], "as it was found; what the run adds has its own records");
    bench.apply(0);
    assert_eq!(observed(&bench).len(), 1, "nothing new, no record");
    add(&bench, "eve");
    remove(&bench, "ann");
    bench.plan();
    assert_eq!(observed(&bench).len(), 1, "a plan records nothing");
    bench.apply(0);
    assert_eq!(observed(&bench)[1..], ["+eve -ann"], "although this very run put it right");
    bench.apply(0);
    assert_eq!(observed(&bench).len(), 2);
    let drift = bench.audit().into_iter().rfind(|record| record["event"] == "observed").unwrap();
    assert!(drift["since"].is_string() && drift["run_id"].is_string(), "{drift:#}");
    bench.in_step();
}

/// What a run over another group did not look at did not happen after it.
#[test]
fn drift_is_dated_from_the_last_look_at_that_group() {
    let mut bench = Bench::small();
    bench.simulator().change(|world| world.add_group("Audit", &[]));
    bench.rest.push_str("[[mapping]]\nsource = \"hr\"\ngroup = \"audit\"\nto = \"Audit\"\n");
    bench.people(&["compliance,ann", "compliance,bob", "compliance,cem", "audit,dan"]);
    bench.apply(0);
    let before = Timestamp::now();
    add(&bench, "eve");
    bench.run(&["apply", "--group", "Audit"]).exits(0);
    bench.apply(0);
    let drift = bench.audit().into_iter().rfind(|record| record["event"] == "observed").unwrap();
    assert_eq!(drift["added"][0]["email"], address("eve"), "{drift:#}");
    let since: Timestamp = drift["since"].as_str().unwrap().parse().unwrap();
    assert!(since <= before, "eve was added before the run over Audit: {drift:#}");
    bench.in_step();
}

/// A new name is a new group to those who look for it in the log.
#[test]
fn a_group_that_is_mapped_anew_gets_a_new_list() {
    let mut bench = Bench::small();
    bench.apply(0);
    let rest = bench.rest.clone();
    bench.rest = rest.replace("to = \"Compliance\"", "to = \"Other\"");
    bench.simulator().change(|world| world.add_group("Other", &[]));
    bench.apply(0);
    remove(&bench, "bob");
    bench.rest = rest;
    bench.apply(0);
    let [first, other, end] = ["all 1/1: ann bob cem", "all 1/1: ", "ended: unmapped"];
    assert_eq!(observed(&bench), [first, other, end, "all 1/1: ann cem", end]);
    let at = bench.run(&["members", "Compliance", "--format", "json"]).exits(0).json();
    assert_eq!(at["members"].as_array().unwrap().len(), 3);
}

/// A run with one group more, which nothing maps by the rest of the configuration that is told beside it.
fn with_gamma() -> (Bench, String) {
    let mut bench = Bench::small();
    bench.simulator().change(|world| world.add_group("Gamma", &["dan@corp.example"]));
    bench.people(&["compliance,ann", "compliance,bob", "compliance,cem", "gamma,dan"]);
    let rest = bench.rest.clone();
    bench.rest.push_str("[[mapping]]\nsource = \"hr\"\ngroup = \"gamma\"\nto = \"Gamma\"\n");
    bench.apply(0);
    (bench, rest)
}

/// Nobody looks at it any more, so nobody knows who is in it: its last list is no list of today.
#[test]
fn a_group_that_is_mapped_no_more_is_known_up_to_its_last_look() {
    let (mut bench, rest) = with_gamma();
    let with = Timestamp::now().to_string();
    // What others changed up to the run that finds it unmapped is told by that run.
    let edit = |edit: Edit| bench.simulator().edit(edit).unwrap();
    let gamma = || "Gamma".to_owned();
    edit(Edit::AddMember { group: gamma(), user: address("eve") });
    bench.rest = rest;
    bench.apply(0);
    let end = bench.audit().into_iter().find(|record| record["ended"] == "unmapped").unwrap();
    assert_eq!((&end["event"], &end["group"]["name"]), (&"observed".into(), &"Gamma".into()), "{end:#}");
    let edit = |edit: Edit| bench.simulator().edit(edit).unwrap();
    edit(Edit::RemoveMember { group: gamma(), user: address("dan") });
    edit(Edit::AddMember { group: gamma(), user: address("ann") });
    bench.apply(0);
    assert_eq!(bench.audit().iter().filter(|record| record["ended"].is_string()).count(), 1, "it is told once");

    let members = |bench: &Bench, args: &[&str]| bench.run(&[&["members", "Gamma"], args].concat()).exits(0);
    let now = Timestamp::now().to_string();
    for args in [&[][..], &["--at", &now]] {
        let json = members(&bench, &[args, &["--format", "json"]].concat()).json();
        assert_eq!((&json["known_since"], json["known_until"].is_string()), (&Value::Null, true), "{json:#}");
        let told = members(&bench, args).stdout;
        assert!(
            told.contains("the log does not tell who is in it since") && told.ends_with("2 members known\n"),
            "{told}"
        );
        let csv = members(&bench, &[args, &["--format", "csv"]].concat());
        assert!(csv.stderr.contains("the log does not tell who is in it since"), "{csv:?}");
        assert!(csv.stdout.lines().skip(1).all(|line| !line.ends_with(",\"\"")), "{}", csv.stdout);
    }
    let review = bench.run(&["review", "Gamma"]).exits(0).stdout;
    assert!(review.contains("the log does not tell who is in it since"), "{review}");
    let then = members(&bench, &["--at", &with, "--format", "json"]).json();
    assert_eq!((then["known_since"].is_string(), &then["known_until"]), (true, &Value::Null), "{then:#}");
    assert_eq!(then["members"].as_array().unwrap().len(), 1, "{then:#}");
    // Of whom the log tells a later change, it knows up to that change.
    let args = ["explain", "eve@corp.example", "Gamma", "--at", &with, "--format", "json"];
    let eve = bench.run(&args).exits(0).json()["groups"][0].clone();
    assert_eq!((eve["next_change"].is_object(), &eve["known_until"]), (true, &Value::Null), "{eve:#}");

    let at =
        |bench: &Bench, time: &str| bench.run(&["explain", "dan@corp.example", "Gamma", "--at", time]).exits(0).stdout;
    insta::assert_snapshot!(filtered(&at(&bench, &now)).replace(&now, "NOW"), @r#"
    dan@corp.example
      account 8684dc5d-5c9d-4d46-96f8-192da078dff6: dan@corp.example (activeUser)
      asked for TIME (TIME)

    Gamma
      nobody knows: the log tells of this group up to TIME (rosterd looks after the group no more); was a member then
      before: TIME, was in already when the log got its first list
        run RUN, record 3
      after: nothing in the log since TIME

    From the audit log.
    "#);
    insta::assert_snapshot!(filtered(&at(&bench, &with)).replace(&with, "THEN"), @r#"
    dan@corp.example
      account 8684dc5d-5c9d-4d46-96f8-192da078dff6: dan@corp.example (activeUser)
      asked for TIME (TIME)

    Gamma
      was a member
      all members are in the log since TIME
      before: TIME, was in already when the log got its first list
        run RUN, record 3
      after: nothing in the log since TIME

    From the audit log.
    "#);
    insta::assert_snapshot!(filtered(&bench.run(&["audit", "list", "--limit", "7"]).exits(0).stdout), @r#"
     5  TIME  run_started     RUN
     6  TIME  config_changed
     7  TIME  observed        "Gamma"  by others: 1 added, 0 removed
     8  TIME  observed        "Gamma"  rosterd looks after the group no more
     9  TIME  run_finished    RUN  in_step
    10  TIME  run_started     RUN
    11  TIME  run_finished    RUN  in_step
    "#);

    bench.run(&["audit", "export", "--from", "2000-01-01", "--out", "pack"]).exits(0);
    let manifest = std::fs::read_to_string(bench.path("pack/manifest.json")).unwrap();
    let manifest: Value = serde_json::from_str(&manifest).unwrap();
    let group = &manifest["membership"]["groups"][1];
    assert_eq!((&group["group"], &group["whole"], &group["known_until"]), (&"Gamma".into(), &false.into(), &end["at"]));
    assert!(manifest["notes"][0].as_str().unwrap().starts_with("Of 1 group the log does not tell"), "{manifest:#}");
    let rows = std::fs::read_to_string(bench.path("pack/membership-end.csv")).unwrap();
    let rows: Vec<&str> = rows.lines().filter(|row| row.contains("Gamma")).collect();
    let until = end["at"].as_str().unwrap();
    assert!(rows.len() == 2 && rows.iter().all(|row| row.ends_with(&format!(",\"{until}\""))), "{rows:#?}");
    bench.run(&["audit", "verify", "pack"]).exits(0);
    bench.in_step();

    // Mapped again, it is known again, from then on.
    bench.rest.push_str(
        "[[mapping]]\nsource = \"hr\"\ngroup = \"gamma\"\nto = \"Gamma\"\n[group.Gamma]\nmode = \"report\"\n",
    );
    bench.apply(0);
    let json = members(&bench, &["--format", "json"]).json();
    assert_eq!((json["known_since"].is_string(), &json["known_until"]), (true, &Value::Null), "{json:#}");
    assert!(json["members"].as_array().unwrap().iter().all(|member| member["how"] == "seen"), "{json:#}");
    insta::assert_snapshot!(filtered(&at(&bench, &Timestamp::now().to_string())), @r#"
    dan@corp.example
      account 8684dc5d-5c9d-4d46-96f8-192da078dff6: dan@corp.example (activeUser)
      asked for TIME (TIME)

    Gamma
      was not a member any more
      all members are in the log since TIME
      before: TIME, was no longer in when the log got a new list
        run RUN, record 15
      after: no change to this day

    From the audit log.
    "#);
}

/// Of a group that is mapped and of which the log tells nothing, nobody knows: it is no group that is not mapped.
#[test]
fn a_mapped_group_of_which_the_log_tells_nothing_is_known_to_nobody() {
    let mut bench = Bench::small();
    bench.rest.push_str("[[mapping]]\nsource = \"hr\"\ngroup = \"compliance\"\nto = \"New\"\n");
    bench.apply(12);
    let at = Timestamp::now().to_string();
    let members = bench.run(&["members", "New", "--at", &at]).exits(0).stdout;
    assert!(members.contains("nobody knows them all") && members.ends_with("0 members known\n"), "{members}");
    let explain = bench.run(&["explain", "ann@corp.example", "New", "--at", &at]).exits(0).stdout;
    assert!(explain.contains("nobody knows: the log tells nothing of this group before that time"), "{explain}");
    bench.run(&["members", "Nobody", "--at", &at]).exits(2);
    bench.run(&["explain", "ann@corp.example", "Nobody", "--at", &at]).exits(2);
}

/// Times are shown to the second: whoever asks for one that was shown asks for what happened in that second.
#[test]
fn a_time_that_was_shown_is_one_at_which_it_was_so() {
    let bench = Bench::small();
    bench.people(&["compliance,ann", "compliance,bob", "compliance,cem", "compliance,dan"]);
    bench.apply(0);
    let json = bench.run(&["members", "Compliance", "--format", "json"]).exits(0).json();
    let dan = json["members"].as_array().unwrap().iter().find(|member| member["email"] == address("dan")).unwrap();
    let (since, known) = (dan["since"].as_str().unwrap(), json["known_since"].as_str().unwrap());
    assert!(!since.contains('.'), "{since}");
    let shown = since.replace('T', " ").replace('Z', "");
    for at in [since, &shown] {
        let then = bench.run(&["members", "Compliance", "--at", at, "--format", "json"]).exits(0).json();
        assert_eq!(then["members"].as_array().unwrap().len(), 4, "{then:#}");
        let answer = bench.run(&["explain", "dan@corp.example", "Compliance", "--at", at]).exits(0).stdout;
        assert!(answer.contains("was a member\n"), "{answer}");
    }
    let then = bench.run(&["members", "Compliance", "--at", known, "--format", "json"]).exits(0).json();
    assert!(then["known_since"].is_string(), "{then:#}");
    // A fraction means what it says.
    let record = bench.audit().into_iter().find(|record| record["event"] == "outcome").unwrap();
    let exact: Timestamp = record["at"].as_str().unwrap().parse().unwrap();
    let before = format!("{:.3}", exact - SignedDuration::from_millis(1));
    let then = bench.run(&["members", "Compliance", "--at", &before, "--format", "json"]).exits(0).json();
    assert_eq!(then["members"].as_array().unwrap().len(), 3, "{then:#}");
}

/// Of a group that went away, in whatever way, nobody knows who was in it since the last look.
#[test]
fn a_group_that_is_gone_or_archived_is_known_up_to_its_last_look() {
    for (edit, why) in [
        (Edit::DropGroup { group: "Compliance".into() }, "gone"),
        (Edit::ArchiveGroup { group: "Compliance".into() }, "archived"),
    ] {
        let bench = Bench::small();
        bench.simulator().change(|world| world.add_group("Other", &["dan@corp.example"]));
        bench.apply(0);
        let looked = Timestamp::now();
        bench.simulator().edit(edit).unwrap();
        bench.apply(12);
        bench.apply(12);
        assert_eq!(observed(&bench), ["all 1/1: ann bob cem".to_owned(), format!("ended: {why}")]);
        let json = bench.run(&["members", "Compliance", "--format", "json"]).exits(0).json();
        let until: Timestamp = json["known_until"].as_str().unwrap().parse().unwrap();
        assert!(json["known_since"].is_null() && until <= looked, "{json:#}");
        let at = Timestamp::now().to_string();
        let args = ["explain", "ann@corp.example", "Compliance", "--at", &at, "--format", "json"];
        let answer = bench.run(&args).exits(0).json();
        assert_eq!(answer["groups"][0]["member"], Value::Null, "{answer:#}");
        assert!(answer["groups"][0]["verdict"].as_str().unwrap().contains("was a member then"), "{answer:#}");
        if why == "archived" {
            bench.simulator().edit(Edit::RestoreGroup { group: "Compliance".into() }).unwrap();
            remove(&bench, "ann");
            add(&bench, "ann");
            bench.apply(0);
            assert_eq!(observed(&bench)[2..], ["all 1/1: ann bob cem"]);
            let json = bench.run(&["members", "Compliance", "--format", "json"]).exits(0).json();
            assert!(json["known_since"].is_string() && json["known_until"].is_null(), "{json:#}");
            bench.in_step();
        }
    }
}

/// It went before the run that finds it unmapped: that it is gone is what there is to know.
#[test]
fn a_group_that_is_unmapped_and_dropped_at_once_is_gone() {
    let mut bench = Bench::small();
    bench.simulator().change(|world| world.add_group("Gamma", &["dan@corp.example"]));
    bench.people(&["compliance,ann", "compliance,bob", "compliance,cem", "gamma,dan"]);
    let rest = bench.rest.clone();
    bench.rest.push_str("[[mapping]]\nsource = \"hr\"\ngroup = \"gamma\"\nto = \"Gamma\"\n");
    bench.apply(0);
    bench.rest = rest;
    bench.simulator().edit(Edit::DropGroup { group: "Gamma".into() }).unwrap();
    bench.apply(0);
    assert_eq!(observed(&bench), ["all 1/1: ann bob cem", "all 1/1: dan", "ended: gone"]);
    bench.simulator().forget_requests();
    bench.apply(0);
    assert_eq!(bench.calls().len(), 3, "it is asked for no more: {:?}", bench.calls());
    bench.in_step();
}

/// Another target group claims it for a while, so that none of the two can be worked on. It is mapped and there all
/// the time, and so it is looked at, under the name that it had.
#[test]
fn a_group_that_cannot_be_worked_on_is_looked_at_all_the_same() {
    let mut bench = Bench::small();
    bench.apply(0);
    let known = |bench: &Bench| {
        let json = bench.run(&["members", "Compliance", "--format", "json"]).exits(0).json();
        let names = json["members"].as_array().unwrap().len();
        (json["known_since"].clone(), json["known_until"].clone(), names)
    };
    let (since, until, _) = known(&bench);
    assert!(since.is_string() && until.is_null());
    let id = bench.simulator().world().group("Compliance").unwrap().id.clone();
    let rest = bench.rest.clone();
    bench.rest.push_str(&format!(
        "[[mapping]]\nsource = \"hr\"\ngroup = \"compliance\"\nto = \"Auditors\"\n[group.Auditors]\nid = \"{id}\"\n"
    ));
    add(&bench, "eve");
    bench.apply(12);
    assert_eq!(observed(&bench), ["all 1/1: ann bob cem", "+eve -"]);
    assert_eq!(known(&bench), (since.clone(), Value::Null, 4));
    remove(&bench, "eve");
    bench.rest = rest;
    bench.apply(0);
    assert_eq!(observed(&bench), ["all 1/1: ann bob cem", "+eve -", "+ -eve"]);
    assert_eq!(known(&bench), (since, Value::Null, 3));
    bench.in_step();
}

/// A state of an older version has no record of the end: the last full run's facts say that it did not look.
#[test]
fn a_group_of_an_older_log_that_no_run_looks_at_is_not_told_as_todays() {
    let (mut bench, rest) = with_gamma();
    // As the older version left it.
    meddle(&bench.state(), "DELETE FROM observed_group WHERE group_name = 'Gamma'");
    bench.rest = rest;
    bench.apply(0);
    let json = bench.run(&["members", "Gamma", "--format", "json"]).exits(0).json();
    assert!(json["known_since"].is_null() && json["known_until"].is_string(), "{json:#}");
}

/// A source that cannot be read says nothing of what is mapped: a group that its pattern yields is no group of yesterday.
#[test]
fn a_group_of_a_source_that_was_not_read_is_known_as_before() {
    let mut bench = Bench::small();
    bench.simulator().change(|world| world.add_group("Gamma", &["dan@corp.example"]));
    bench.rest.push_str(
        "[[source]]\nname = \"extra\"\nkind = \"csv\"\npath = \"extra.csv\"\n\
         [[mapping]]\nsource = \"extra\"\nmatch = \"^(Gam.*)$\"\nto = \"$1\"\n",
    );
    bench.write("extra.csv", "group,email,status\nGamma,dan@corp.example,\n");
    bench.apply(0);
    std::fs::remove_file(bench.path("extra.csv")).unwrap();
    bench.apply(13);
    let json = bench.run(&["members", "Gamma", "--format", "json"]).exits(0).json();
    assert!(json["known_since"].is_string() && json["known_until"].is_null(), "{json:#}");
    assert_eq!(bench.audit().iter().filter(|record| record["ended"].is_string()).count(), 0);
}

/// The same where another source yielded it before: nothing that is remembered says that a pattern means it.
#[test]
fn a_group_that_a_source_that_was_not_read_may_yield_is_known_as_before() {
    let mut bench = Bench::small();
    bench.simulator().change(|world| world.add_group("Gamma", &["dan@corp.example"]));
    bench.people(&["compliance,ann", "compliance,bob", "compliance,cem", "gamma,dan"]);
    let rest = bench.rest.clone();
    bench.rest.push_str("[[mapping]]\nsource = \"hr\"\ngroup = \"gamma\"\nto = \"Gamma\"\n");
    bench.apply(0);
    bench.rest = rest
        + "[[source]]\nname = \"extra\"\nkind = \"csv\"\npath = \"extra.csv\"\n\
           [[mapping]]\nsource = \"extra\"\nmatch = \"^(Gam.*)$\"\nto = \"$1\"\n";
    bench.apply(13);
    let json = bench.run(&["members", "Gamma", "--format", "json"]).exits(0).json();
    assert!(json["known_since"].is_string() && json["known_until"].is_null(), "{json:#}");
}

/// Another group bore the name before, and an older version did not write down that nobody looks at it any more: its
/// list is not that of the group that bore the name last.
#[test]
fn a_group_s_own_list_goes_before_that_of_another_of_its_name() {
    let mut bench = Bench::small();
    bench.simulator().change(|world| {
        world.add_group("Gamma", &["dan@corp.example"]);
        world.add_group("Delta", &["ann@corp.example", "dan@corp.example"]);
    });
    bench.people(&["compliance,ann", "compliance,bob", "compliance,cem", "gamma,dan"]);
    let rest = bench.rest.clone();
    let id = |name: &str| bench.simulator().world().group(name).unwrap().id.to_string();
    let (before, last) = (id("Gamma"), id("Delta"));
    let mapped = |id: &str| {
        let mapping = "[[mapping]]\nsource = \"hr\"\ngroup = \"gamma\"\nto = \"Gamma\"\n";
        format!("{rest}{mapping}[group.Gamma]\nid = \"{id}\"\nmode = \"report\"\n")
    };
    bench.rest = mapped(&before);
    bench.apply(0);
    meddle(&bench.state(), "DELETE FROM observed_group WHERE group_name = 'Gamma'");
    bench.rest = mapped(&last);
    bench.apply(0);
    bench.rest = rest;
    bench.apply(0);
    let json = bench.run(&["members", "Gamma", "--format", "json"]).exits(0).json();
    assert_eq!((&json["group_id"], json["known_until"].is_string()), (&last.into(), true), "{json:#}");
    assert_eq!(json["members"].as_array().unwrap().len(), 2, "{json:#}");
}

/// A group that the configuration calls otherwise is the same group.
#[test]
fn a_group_that_is_called_otherwise_is_found_by_its_old_name() {
    let mut bench = Bench::small();
    bench.apply(0);
    let id = bench.simulator().world().group("Compliance").unwrap().id.clone();
    bench.rest = bench.rest.replace("to = \"Compliance\"", "to = \"Omega\"");
    bench.rest.push_str(&format!("[group.Omega]\nid = \"{id}\"\n"));
    bench.people(&["compliance,ann", "compliance,bob", "compliance,cem", "compliance,dan"]);
    bench.apply(0);
    let json = bench.run(&["members", "Compliance", "--format", "json"]).exits(0).json();
    assert_eq!((&json["group"], &json["group_id"]), (&"Omega".into(), &id.into()), "{json:#}");
    assert_eq!(json["members"].as_array().unwrap().len(), 4, "{json:#}");
    assert_eq!(json["notes"][0], "\"Compliance\" is \"Omega\" in the configuration by now.");
    // The list that the new name brought makes nobody's membership younger.
    let since = |member: &Value| (member["user_id"].as_str().unwrap().to_owned(), member["seq"].to_string());
    let mut since: Vec<(String, String)> = json["members"].as_array().unwrap().iter().map(since).collect();
    since.sort();
    bench.run(&["audit", "export", "--from", "2000-01-01", "--out", "pack"]).exits(0);
    let mut rows = csv::Reader::from_path(bench.path("pack/membership-end.csv")).unwrap();
    let rows: Vec<csv::StringRecord> = rows.records().map(Result::unwrap).collect();
    let told: Vec<(String, String)> = rows.iter().map(|row| (row[2].to_owned(), row[4].to_owned())).collect();
    assert_eq!(told, since);
    assert!(rows.iter().all(|row| &row[1] == "Omega"), "{rows:?}");
}

#[test]
fn a_created_group_is_known_from_its_creation() {
    let mut bench = Bench::small();
    bench.rest = bench.rest.replace("to = \"Compliance\"", "to = \"Fresh\"");
    bench.rest.push_str("[group.Fresh]\ncreate = true\n");
    let before = Timestamp::now().to_string();
    bench.apply(0);
    bench.apply(0);
    assert_eq!(observed(&bench), [""; 0]);
    let answer =
        bench.run(&["explain", "ann@corp.example", "Fresh", "--at", &Timestamp::now().to_string(), "--format", "json"]);
    let answer = answer.exits(0).json();
    assert_eq!(answer["groups"][0]["member"], true, "{answer:#}");
    let answer =
        bench.run(&["explain", "ann@corp.example", "Fresh", "--at", &before, "--format", "json"]).exits(0).json();
    assert_eq!(answer["groups"][0]["member"], Value::Null, "{answer:#}");
    bench.in_step();
}

#[test]
fn why_somebody_lost_access() {
    let bench = Bench::small();
    bench.people(&["compliance,ann", "compliance,bob", "compliance,cem", "compliance,dan"]);
    bench.apply(0);
    let with = Timestamp::now().to_string();
    bench.people(&["compliance,ann", "compliance,bob", "compliance,cem", "other,dan"]);
    bench.apply(0);
    let without = Timestamp::now().to_string();
    let at = |time: &str| {
        let args = ["explain", "dan@corp.example", "compliance", "--at", time, "--format", "json"];
        bench.run(&args).exits(0).json()["groups"][0].clone()
    };
    let then = at(&with);
    assert_eq!((&then["member"], &then["verdict"]), (&true.into(), &"was a member".into()));
    assert_eq!((&then["last_change"]["reason"], &then["last_change"]["member"]), (&"granted".into(), &true.into()));
    assert_eq!(
        (&then["next_change"]["reason"], &then["next_change"]["member"]),
        (&"grant_ended".into(), &false.into())
    );
    let then = at(&without);
    assert_eq!((&then["member"], &then["next_change"]), (&false.into(), &Value::Null));
    assert_eq!(then["last_change"]["reason"], "grant_ended");
    let today = Timestamp::now().strftime("%Y-%m-%d").to_string();
    let shown = bench.run(&["explain", "dan@corp.example", "--at", &today]).exits(0).stdout;
    insta::assert_snapshot!(filtered(&shown).replace(&today, "TODAY"), @r#"
    dan@corp.example
      account 8684dc5d-5c9d-4d46-96f8-192da078dff6: dan@corp.example (activeUser)
      asked for TODAY: the end of that day in UTC (TIME)

    Compliance
      was not a member any more
      all members are in the log since TIME
      before: TIME, removed, no directory group granted it any more
        entry hr: mail:dan@corp.example (people.csv:5)
        PUT /v1/groups/39f0abcb-2b5a-45b7-bac1-5116761cb69b/users/delete: 200 by its answer
        run RUN, record 8
      after: no change to this day

    From the audit log.
    "#);
    // Gone from Hyperproof and from every source, the log still knows them.
    bench.people(&["compliance,ann", "compliance,bob", "compliance,cem"]);
    bench.simulator().change(|world| world.users.retain(|user| user.email != Some(address("dan"))));
    bench.apply(0);
    assert_eq!(at(&without)["last_change"]["reason"], "grant_ended");
    let now = bench.run(&["explain", "dan@corp.example"]).exits(0).stdout;
    assert!(now.contains("Hyperproof has no such account any more"), "{now}");
    let ran = bench.run(&["explain", "dan@corp.example", "--at", "2126-01-01"]).exits(2);
    assert!(ran.stderr.contains("lies in the future"), "{}", ran.stderr);
    bench.run(&["explain", "dan@corp.example", "--at", "some day"]).exits(2);
}

#[test]
fn drift_by_hand_is_told_as_somebody_elses() {
    let bench = Bench::small();
    bench.apply(0);
    remove(&bench, "ann");
    bench.apply(0);
    let shown = bench.run(&["explain", "ann@corp.example"]).exits(0).stdout;
    assert!(shown.contains("added, somebody had removed them in Hyperproof, and the directory granted it"), "{shown}");
    let log = bench.run(&["audit", "list"]).exits(0).stdout;
    assert!(log.contains("observed        \"Compliance\"  by others: 0 added, 1 removed"), "{log}");
    let drift = bench.audit().into_iter().rfind(|record| record["event"] == "observed").unwrap();
    let at = drift["at"].as_str().unwrap();
    let then = bench.run(&["explain", "ann@corp.example", "--at", at, "--format", "json"]).exits(0).json();
    let change = &then["groups"][0]["last_change"];
    assert_eq!((&change["kind"], &change["member"]), (&"by_others".into(), &false.into()), "{then:#}");
    assert_eq!(change["not_before"].as_str().unwrap().get(..10), at.get(..10));
}

// ---- the store alone, with a clock of the test's own -------------------------------------------

fn account(name: &str) -> AccountId {
    AccountId::new(format!("u-{name}"))
}

pub(crate) fn live(groups: &[(&str, &BTreeSet<String>)]) -> LiveState {
    let names: BTreeSet<&String> = groups.iter().flat_map(|(_, members)| members.iter()).collect();
    LiveState {
        organisation: None,
        member_id: MemberIdKind::UserId,
        member_id_proven: true,
        own: account("own"),
        own_id: "own".into(),
        accounts: names
            .iter()
            .map(|name| Account {
                id: account(name),
                email: Address::parse(&address(name)).ok(),
                kind: "activeUser".into(),
                standing: Standing::Active,
            })
            .collect(),
        groups: groups
            .iter()
            .map(|(id, members)| LiveGroup {
                id: GroupId::new(id),
                name: (*id).to_owned(),
                lead: None,
                members: (0..).zip(&names).filter(|(_, name)| members.contains(**name)).map(|(at, _)| at).collect(),
                strangers: Vec::new(),
            })
            .collect(),
        absent: Default::default(),
        problems: Vec::new(),
        reads: 3,
    }
}

async fn observe(store: &Store, run: &str, at: Timestamp, groups: &[(&str, &BTreeSet<String>)]) -> usize {
    look(store, run, at, groups, true).await
}

async fn look(store: &Store, run: &str, at: Timestamp, groups: &[(&str, &BTreeSet<String>)], all: bool) -> usize {
    let live = live(groups);
    let names: Vec<(GroupName, GroupId)> = groups.iter().map(|(id, _)| ((*id).into(), (*id).into())).collect();
    let groups = names.iter().map(|(name, id)| (name, id)).collect();
    let observation = Observation { live: &live, groups, all, retention: SignedDuration::from_hours(400 * 24) };
    store.observe(&run.into(), at, &observation).await.unwrap()
}

/// Announces and records one change, of `G`.
async fn change(store: &Store, run: &str, at: Timestamp, op: Op, name: &str, result: ChangeResult) {
    change_in(store, (run, "G"), at, op, name, result).await;
}

async fn change_in(store: &Store, (run, group): (&str, &str), at: Timestamp, op: Op, name: &str, result: ChangeResult) {
    let request = Request { method: "POST".into(), path: "/groups/G/users".into(), status: Some(200), attempts: 1 };
    let intent = Intent {
        change: ChangeKey { group: group.into(), op, account: Some(account(name)) },
        group_id: Some(group.into()),
        email: Some(address(name)),
        reason: Reason::Granted,
        because: Vec::new(),
        entry: None,
        approval: None,
        approvals: Vec::new(),
        request: request.clone(),
        grounds: Vec::new(),
        mappings: Vec::new(),
        lead_before: rosterd::model::undo::LeadBefore::Unknown,
    };
    let seqs = store.record_intents(&run.into(), at, &[intent]).await.unwrap();
    let outcome = OutcomeRecord {
        intent: seqs[0],
        group_id: Some(group.into()),
        result,
        read_back: Some(true),
        request: Some(request),
    };
    store.record_outcomes(&run.into(), at, &[outcome]).await.unwrap();
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn set(names: &str) -> BTreeSet<String> {
    names.split_whitespace().map(str::to_owned).collect()
}

#[tokio::test]
async fn a_list_is_renewed_after_90_days_and_is_cut_into_parts() {
    let state = State::new();
    let store = state.open().await;
    store.begin_run(&start("r1", 0)).await.unwrap();
    let many: BTreeSet<String> = (0..2_001).map(|number| format!("p{number:04}")).collect();
    assert_eq!(observe(&store, "r1", at(0), &[("G", &many)]).await, 3);
    assert_eq!(observe(&store, "r1", at(90 * 86_400 - 1), &[("G", &many)]).await, 0);
    assert_eq!(observe(&store, "r1", at(90 * 86_400), &[("G", &many)]).await, 3);
    assert_eq!(observe(&store, "r1", at(90 * 86_400 + 1), &[("G", &many)]).await, 0);
    let none = BTreeSet::new();
    assert_eq!(observe(&store, "r1", at(91 * 86_400), &[("G", &none)]).await, 3, "2001 removals by others");
    let events = store.group_history(Some(&"G".into()), "G").await.unwrap();
    let count = |seconds| Rolls::of(&events, Some(at(seconds))).group(&"G".into()).map_or(0, |roll| roll.members.len());
    assert_eq!([count(-1), count(0), count(90 * 86_400 + 1), count(91 * 86_400)], [0, 2001, 2001, 0]);
}

#[test]
fn wall_clock_times_around_a_clock_change() {
    let mut bench = Bench::small();
    bench.rest.push_str("[schedule]\ncron = \"0 0 6 * * *\"\ntimezone = \"Europe/Berlin\"\n");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = Store::open(&bench.state(), Access::CreateOrWrite).await.unwrap();
        let time = |text: &str| text.parse::<Timestamp>().unwrap();
        store.begin_run(&start("r1", 0)).await.unwrap();
        // In spring the clock goes from 01:59:59+01 to 03:00+02 at 01:00 UTC; in autumn 02:00-03:00 is there twice.
        observe(&store, "r1", time("2026-03-29T00:00:00Z"), &[("G", &set("ann"))]).await;
        change(&store, "r1", time("2026-03-29T00:59:00Z"), Op::AddMember, "bob", ChangeResult::Done).await;
        change(&store, "r1", time("2026-03-29T01:10:00Z"), Op::AddMember, "cem", ChangeResult::Done).await;
        change(&store, "r1", time("2026-10-25T00:30:00Z"), Op::RemoveMember, "bob", ChangeResult::Done).await;
        change(&store, "r1", time("2026-10-25T01:30:00Z"), Op::RemoveMember, "cem", ChangeResult::Done).await;
        store.close().await;
    });
    let members = |at: &str| {
        let text = bench.run(&["members", "G", "--at", at, "--format", "json"]).exits(0).json();
        let names = text["members"].as_array().unwrap().iter();
        let names: Vec<&str> =
            names.map(|member| member["email"].as_str().unwrap_or("?").split('@').next().unwrap()).collect();
        names.join(" ")
    };
    assert_eq!(members("2026-03-29 01:58"), "ann");
    assert_eq!(members("2026-03-29 01:59"), "ann bob");
    assert_eq!(members("2026-03-29 03:09"), "ann bob");
    assert_eq!(members("2026-03-29 03:10"), "ann bob cem");
    assert_eq!(members("2026-03-28"), "", "the end of that day is 23:00 UTC");
    assert_eq!(members("2026-03-29"), "ann bob cem");
    assert_eq!(members("2026-10-25 02:29"), "ann bob cem");
    assert_eq!(members("2026-10-25 02:30"), "ann cem", "the first of the two");
    assert_eq!(members("2026-10-25T02:29+01:00"), "ann cem");
    assert_eq!(members("2026-10-25T02:30+01:00"), "ann");
    let shown = bench.run(&["members", "G", "--at", "2026-10-25 02:30"]).exits(0).stdout;
    assert!(shown.contains("in Europe/Berlin, where the clock shows it twice: the first of them"), "{shown}");
}

/// One step of a random history of two groups.
#[derive(Debug, Clone)]
enum Step {
    /// Somebody changes one by hand.
    Hand(usize, bool, u8),
    /// A run changes one; with this result.
    Run(usize, bool, u8, u8),
    /// A run looks: at both, or (a run over some groups) at one.
    Look(Option<usize>),
    /// A long time passes.
    Wait(i64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..2usize, any::<bool>(), 0..6u8).prop_map(|(group, add, who)| Step::Hand(group, add, who)),
        3 => (0..2usize, any::<bool>(), 0..6u8, 0..3u8)
            .prop_map(|(group, add, who, result)| Step::Run(group, add, who, result)),
        2 => Just(Step::Look(None)),
        1 => (0..2usize).prop_map(|group| Step::Look(Some(group))),
        1 => (0..120i64).prop_map(Step::Wait),
    ]
}

const GROUPS: [&str; 2] = ["G", "H"];

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever happens, and wherever a run is cut off: after each look, and each change of a run that
    /// followed one, the log has the members that there are. Nobody's change by hand is told that was none.
    #[test]
    fn the_log_knows_who_was_in(steps in prop::collection::vec(step(), 1..30)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let state = State::new();
            let store = state.open().await;
            store.begin_run(&start("r1", 0)).await.unwrap();
            let mut truth = [BTreeSet::new(), BTreeSet::new()];
            let mut exact = [false; 2];
            let (mut clock, mut by_hand) = (0, 0);
            let mut known: Vec<(i64, usize, BTreeSet<String>)> = Vec::new();
            for step in steps {
                clock += 1;
                match step {
                    Step::Hand(group, add, who) => {
                        let name = format!("p{who}");
                        let changed = if add { truth[group].insert(name) } else { truth[group].remove(&name) };
                        exact[group] &= !changed;
                        by_hand += usize::from(changed);
                    }
                    Step::Run(group, add, who, result) => {
                        let name = format!("p{who}");
                        let result = match result {
                            0 => ChangeResult::Failed("503".into()),
                            // What is not so would be a lie of Hyperproof's.
                            _ if truth[group].contains(&name) == add => ChangeResult::AlreadySo,
                            _ => ChangeResult::Done,
                        };
                        if result.is_so() {
                            if add { truth[group].insert(name.clone()); } else { truth[group].remove(&name); }
                        }
                        let op = if add { Op::AddMember } else { Op::RemoveMember };
                        change_in(&store, ("r1", GROUPS[group]), at(clock), op, &name, result).await;
                    }
                    Step::Look(one) => {
                        let seen: Vec<usize> = (0..2).filter(|group| one.is_none_or(|one| one == *group)).collect();
                        let groups: Vec<(&str, &BTreeSet<String>)> =
                            seen.iter().map(|group| (GROUPS[*group], &truth[*group])).collect();
                        look(&store, "r1", at(clock), &groups, one.is_none()).await;
                        seen.into_iter().for_each(|group| exact[group] = true);
                    }
                    Step::Wait(days) => clock += days * 86_400,
                }
                for group in (0..2).filter(|group| exact[*group]) {
                    known.push((clock, group, truth[group].clone()));
                }
            }
            let mut drifted = 0;
            for (at_group, name) in GROUPS.iter().enumerate() {
                let id = GroupId::new(name);
                let events = store.group_history(Some(&id), name).await.unwrap();
                for (clock, _, truth) in known.iter().filter(|(_, group, _)| *group == at_group) {
                    let rolls = Rolls::of(&events, Some(at(*clock)));
                    let members: BTreeSet<AccountId> =
                        rolls.group(&id).map(|roll| roll.members.keys().cloned().collect()).unwrap_or_default();
                    let truth: BTreeSet<AccountId> = truth.iter().map(|name| account(name)).collect();
                    prop_assert_eq!(members, truth, "{} at {}", name, clock);
                }
                drifted += events.iter().map(|event| match &event.what {
                    What::Drift { added, removed, .. } => added.len() + removed.len(),
                    What::Baseline { .. } | What::Made(_) | What::Ended { .. } => 0,
                }).sum::<usize>();
            }
            prop_assert!(drifted <= by_hand, "{} changes by others, {} by hand", drifted, by_hand);
            Ok(())
        })?;
    }
}
