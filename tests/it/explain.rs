//! Why somebody is, or is not, in a group: by the facts of the last run, or read afresh.

use rosterd::simulator::{Edit, Fault, FaultKind, Moment, User, UserType, World};
use serde_json::Value;

use crate::support::bench::{Bench, ONE_GROUP, Ran, address, filtered, secret};
use crate::support::doc::hold_ids;
use crate::support::slapd::{READER, READER_PASSWORD, SUFFIX, Slapd, Wish, dn, group, people};

fn explain(bench: &Bench, args: &[&str]) -> Ran {
    bench.run(&[&["explain"], args].concat())
}

#[track_caller]
fn json(bench: &Bench, args: &[&str]) -> Value {
    explain(bench, &[args, &["--format", "json"]].concat()).exits(0).json()
}

/// The answer for one group.
#[track_caller]
fn verdict(bench: &Bench, person: &str) -> String {
    let document = json(bench, &[person, "Compliance"]);
    let verdict = document["groups"][0]["verdict"].as_str().unwrap_or_else(|| panic!("{document:#}"));
    verdict.to_owned()
}

/// `why` of the mapping that grants nothing.
#[track_caller]
fn why_not(bench: &Bench, person: &str) -> Value {
    json(bench, &[person, "Compliance"])["groups"][0]["not_granted"][0]["why"].clone()
}

fn edit(bench: &Bench, edit: Edit) {
    bench.simulator().edit(edit).expect("they are there");
}

/// The usual small world after a run that added Dan.
fn ran() -> Bench {
    let bench = Bench::small();
    bench.people(&["compliance,ann", "compliance,bob", "compliance,cem", "compliance,dan", "other,eve"]);
    bench.apply(0);
    bench
}

#[test]
fn a_member_is_explained_from_source_to_read_back() {
    let bench = ran();
    insta::assert_snapshot!(filtered(&explain(&bench, &["DAN@Corp.example"]).exits(0).stdout), @r#"
    DAN@Corp.example
      in hr: people.csv:5 (active)
        dan@corp.example
        account found by dan@corp.example
      account 8684dc5d-5c9d-4d46-96f8-192da078dff6: dan@corp.example (activeUser, active)

    Compliance (mirror)
      is a member: the directory grants it, and the run added them
      granted by hr: compliance
        by mapping hr: group "compliance" to "Compliance"
      last change: TIME, added, the directory granted it
        granted by hr: compliance
        entry hr: mail:dan@corp.example (people.csv:5)
        POST /v1/groups/39f0abcb-2b5a-45b7-bac1-5116761cb69b/users: 200 by its answer
        run RUN, record 4

    By the facts of run RUN, read at TIME, AGO.
    "#);
    let document = json(&bench, &["dan@corp.example", "compliance"]);
    let mut shown = document.clone();
    shown["facts"]["age_seconds"] = 0.into();
    insta::assert_snapshot!(filtered(&format!("{shown:#}")), @r#"
    {
      "account": {
        "email": "dan@corp.example",
        "kind": "activeUser",
        "standing": "active",
        "user_id": "8684dc5d-5c9d-4d46-96f8-192da078dff6"
      },
      "asked": {
        "at": null,
        "at_means": null,
        "group": "compliance",
        "live": false,
        "person": "dan@corp.example"
      },
      "facts": {
        "age_seconds": 0,
        "at": "TIME",
        "complete": true,
        "run_id": "RUN",
        "sources": [
          {
            "complete": true,
            "evidence": "1 file, 5 rows, fresh",
            "has_person": true,
            "kind": "csv",
            "name": "hr",
            "why": null
          }
        ]
      },
      "format": "rosterd.explain/1",
      "groups": [
        {
          "change": {
            "error": null,
            "holds": [],
            "op": "add_member",
            "reason": "granted",
            "report": false,
            "result": "done"
          },
          "failed_change": null,
          "granted": true,
          "grants": [
            {
              "mapping": {
                "group": "compliance",
                "match": null,
                "source": "hr",
                "to": "Compliance"
              },
              "path": [
                "compliance"
              ],
              "person": "people.csv:5",
              "source": "hr"
            }
          ],
          "group": "Compliance",
          "group_id": "39f0abcb-2b5a-45b7-bac1-5116761cb69b",
          "known_since": null,
          "known_until": null,
          "last_change": {
            "approval": null,
            "approvals": [],
            "at": "TIME",
            "because": [
              {
                "directory_group": "compliance",
                "path": [
                  "compliance"
                ],
                "source": "hr"
              }
            ],
            "entry": "hr: mail:dan@corp.example (people.csv:5)",
            "error": null,
            "held_since": null,
            "hold": null,
            "kind": "made",
            "member": true,
            "not_before": null,
            "read_back": null,
            "reason": "granted",
            "recovered_by": null,
            "request": {
              "attempts": 1,
              "method": "POST",
              "path": "/v1/groups/39f0abcb-2b5a-45b7-bac1-5116761cb69b/users",
              "status": 200
            },
            "result": "done",
            "run_id": "RUN",
            "seq": 4
          },
          "member": true,
          "mode": "mirror",
          "more_grants": false,
          "next_change": null,
          "not_granted": [],
          "problems": [],
          "skips": [],
          "verdict": "is a member: the directory grants it, and the run added them"
        }
      ],
      "notes": [],
      "people": [
        {
          "addresses": [
            "dan@corp.example"
          ],
          "detail": null,
          "disabled": false,
          "id": "mail:dan@corp.example",
          "immutable": false,
          "matched_address": "dan@corp.example",
          "matched_by": "address",
          "origin": "people.csv:5",
          "sought_as": [],
          "source": "hr",
          "user_id": "8684dc5d-5c9d-4d46-96f8-192da078dff6",
          "why": null
        }
      ]
    }
    "#);
    let run = bench.audit().iter().find(|record| record["event"] == "run_started").unwrap()["run_id"].clone();
    assert_eq!(document["groups"][0]["last_change"]["run_id"], run);
    assert_eq!(document["groups"][0]["last_change"]["read_back"], Value::Null, "the answer said it");
    bench.in_step();
}

#[test]
fn every_way_to_name_somebody_means_the_same() {
    let mut bench = Bench::small();
    bench.write("people.csv", "id,group,email\nE1,compliance,ann@corp.local\nE2,compliance,bob@corp.example\n");
    bench.write("aliases.csv", "from,to\nann@corp.local,ann@corp.example\n");
    bench.rest.push_str("[identity]\naliases = \"aliases.csv\"\n");
    bench.apply(0);
    let id = json(&bench, &["ann@corp.example"])["account"]["user_id"].clone();
    for name in ["ann@corp.local", "ann@corp.example", " ANN@corp.local", "E1", "people.csv:2", id.as_str().unwrap()] {
        let document = json(&bench, &[name, "Compliance"]);
        assert_eq!(document["account"]["user_id"], id, "{name}");
        assert_eq!(document["people"][0]["id"], "id:E1", "{name}");
        assert_eq!(document["people"][0]["matched_address"], address("ann"));
        assert_eq!(document["people"][0]["sought_as"][0], address("ann"));
        assert_eq!(document["groups"][0]["granted"], true);
    }
    bench.in_step();
}

#[test]
fn nobody_and_no_group_end_with_2() {
    let bench = ran();
    let ran = explain(&bench, &["zoe@corp.example"]).exits(2);
    assert!(ran.stderr.contains("no source has them, no account bears the address"), "{}", ran.stderr);
    let ran = explain(&bench, &["ann@corp.example", "Nonsense"]).exits(2);
    assert!(ran.stderr.contains("\"Nonsense\" is no mapped group"), "{}", ran.stderr);
    assert!(ran.stderr.contains("mapped groups are \"Compliance\""), "{}", ran.stderr);
    explain(&bench, &["ann@corp.example", "Nonsense", "--at", "2026-01-01"]).exits(2);
    let fresh = Bench::small();
    explain(&fresh, &["ann@corp.example"]).exits(2);
    fresh.plan();
    let ran = explain(&fresh, &["ann@corp.example"]).exits(2);
    assert!(ran.stderr.contains("no run has kept facts yet"), "a plan keeps none: {}", ran.stderr);
}

#[test]
fn what_is_ambiguous_is_listed() {
    let bench = Bench::small();
    bench.write(
        "people.csv",
        "id,group,email\nE1,compliance,ann@corp.example\nE2,compliance,ann@corp.example\nE3,compliance,bob@corp.example\n",
    );
    bench.run(&["apply"]);
    let ran = explain(&bench, &["ann@corp.example"]).exits(2);
    assert!(
        ran.stderr.contains("E1 (hr: people.csv:2") && ran.stderr.contains("E2 (hr: people.csv:3"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("ask by the id"), "{}", ran.stderr);
    let document = json(&bench, &["E1", "Compliance"]);
    assert_eq!(document["groups"][0]["skips"][0]["why"], "ambiguous", "{document:#}");
}

#[test]
fn each_negative_answer_has_its_reason() {
    let mut bench = ran();
    assert_eq!(why_not(&bench, "eve@corp.example"), "not_in_group");
    assert_eq!(verdict(&bench, "eve@corp.example"), "is not a member: nothing grants it");
    // In no source, and an account all the same.
    bench.simulator().change(|world| world.add_user(&address("fay")));
    // In the directory, and no account.
    bench.people(&["compliance,ann", "compliance,bob", "compliance,cem,inactive", "compliance,gus", "other,eve"]);
    bench.apply(0);
    assert_eq!(why_not(&bench, "fay@corp.example"), "not_in_source");
    assert_eq!(
        verdict(&bench, "gus@corp.example"),
        "is not a member: the directory grants it, and they are not added: no account bears their address"
    );
    let document = json(&bench, &["gus@corp.example", "Compliance"]);
    assert_eq!((&document["account"], &document["people"][0]["why"]), (&Value::Null, &"no_account".into()));
    assert_eq!(why_not(&bench, "cem@corp.example"), "disabled");
    let never = explain(&bench, &["gus@corp.example", "--at", "2026-01-01"]).exits(0).stdout;
    assert!(never.contains("without one nobody is a member"), "{never}");
    let document = json(&bench, &["cem@corp.example", "Compliance"]);
    assert_eq!(document["groups"][0]["last_change"]["reason"], "person_disabled");
    assert_eq!(document["groups"][0]["last_change"]["member"], false);

    bench.rest = format!("{ONE_GROUP}[[mapping]]\nsource = \"hr\"\nmatch = \"^x-(.*)$\"\nto = \"$1\"\n");
    bench.people(&["other,ann"]);
    bench.run(&["apply"]).exits(11);
    let document = json(&bench, &["ann@corp.example", "Compliance"]);
    let whys: Vec<&Value> =
        document["groups"][0]["not_granted"].as_array().unwrap().iter().map(|not| &not["why"]).collect();
    assert_eq!(whys, ["missing", "no_match"]);
    bench.write("people.csv", "nonsense\n");
    bench.run(&["apply"]).exits(13);
    assert_eq!(why_not(&bench, "ann@corp.example"), "source_incomplete");
    let shown = explain(&bench, &["ann@corp.example"]).exits(0).stdout;
    assert!(shown.contains("not found in hr, which was not read to its end"), "{shown}");
}

#[test]
fn a_hold_and_its_approval_are_told() {
    let mut bench = Bench::small();
    bench.rest.push_str("[group.Compliance]\nmin_members = 3\n");
    bench.people(&["compliance,ann", "compliance,bob", "other,cem"]);
    let run = bench.apply(11);
    assert_eq!(verdict(&bench, "cem@corp.example"), "is a member: nothing grants it, and the removal waits for 1 hold");
    let document = json(&bench, &["cem@corp.example", "Compliance"]);
    let id = &hold_ids(&run, "min_members")[0];
    assert_eq!(&document["groups"][0]["change"]["holds"][0]["id"], id);
    assert_eq!(document["groups"][0]["change"]["holds"][0]["rule"], "min_members");
    bench.run(&["approve", id, "--by", "kim", "--reason", "team of two", "--ticket", "GRC-7"]).exits(0);
    bench.apply(0);
    let change = &json(&bench, &["cem@corp.example", "Compliance"])["groups"][0]["last_change"];
    assert_eq!(
        (&change["approval"]["by"], &change["approval"]["ticket"]),
        (&"kim".into(), &"GRC-7".into()),
        "{change:#}"
    );
    assert_eq!(&change["hold"], id);
    assert!(change["held_since"].is_string(), "{change:#}");
    let shown = explain(&bench, &["cem@corp.example"]).exits(0).stdout;
    assert!(shown.contains("approved by kim (login ") && shown.contains("): team of two, ticket GRC-7"), "{shown}");
    bench.in_step();
}

/// Still in the directory, and the account is gone: the log tells what was.
#[test]
fn an_account_that_is_gone_is_found_in_the_log() {
    let bench = ran();
    bench.simulator().change(|world| world.users.retain(|user| user.email != Some(address("dan"))));
    bench.apply(0);
    let document = json(&bench, &["dan@corp.example", "Compliance"]);
    assert_eq!(document["groups"][0]["skips"][0]["why"], "no_account", "{document:#}");
    assert_eq!(document["groups"][0]["last_change"]["kind"], "by_others", "{document:#}");
    assert!(document["notes"][0].as_str().unwrap().contains("no such account any more"), "{document:#}");
}

/// A world in which one person each is skipped for a reason.
#[test]
fn every_skip_is_found_again_as_its_answer() {
    let mut bench = Bench::small();
    bench.simulator().change(|world| {
        world.add_user_of(&address("con"), UserType::Contact);
        world.add_user_of(&address("old"), UserType::DeactivatedUser);
        world.add_user(&address("two"));
        let twin = User { email: Some(address("two")), ..world.user(&address("dan")).unwrap().clone() };
        world.push_user(User { user_id: "twin-1".into(), id: "twin-2".into(), ..twin });
        world.add_user(&address("svc-x"));
        for name in ["dan", "svc-x"] {
            let id = world.user(&address(name)).unwrap().user_id.clone();
            world.group_mut("Compliance").unwrap().members.insert(id);
        }
        world.group_mut("Compliance").unwrap().strangers.insert("stranger-1".to_owned());
    });
    bench.rest = ONE_GROUP.replace("[guard]", "[guard]\nremoval_grace = \"1h\"");
    bench
        .rest
        .push_str("[identity]\nignore = [\"svc-*@corp.example\"]\n[group.Compliance]\nkeep = [\"dan@corp.example\"]\n");
    bench.people(&[
        "compliance,ann",
        "compliance,bob",
        "compliance,con",
        "compliance,old",
        "compliance,two",
        "compliance,gus",
    ]);
    let run = bench.apply(0);
    let skips = run["skips"].as_array().unwrap();
    let mut whys: Vec<&str> = skips.iter().map(|skip| skip["why"].as_str().unwrap()).collect();
    whys.sort_unstable();
    whys.dedup();
    assert_eq!(
        whys,
        [
            "ambiguous",
            "grace",
            "ignored",
            "inactive_account",
            "ineligible_type",
            "no_account",
            "protected",
            "unknown_member"
        ]
    );
    for skip in skips.iter().filter(|skip| skip["why"] != "unknown_member") {
        let document = json(&bench, &[skip["person"].as_str().unwrap(), "Compliance"]);
        assert_eq!(document["groups"][0]["skips"][0]["why"], skip["why"], "{skip} {document:#}");
    }
    assert_eq!(
        verdict(&bench, "dan@corp.example"),
        "is a member: nothing grants it, and they stay: protected: keep, or the tool's own account (named by keep)"
    );
    assert!(verdict(&bench, "cem@corp.example").contains("not absent for long enough (absent since "));
    bench.rest = bench.rest.replace("[group.Compliance]", "[group.Compliance]\nmode = \"owned\"");
    bench.apply(0);
    assert_eq!(json(&bench, &["cem@corp.example"])["groups"][0]["skips"][0]["why"], "not_owned");
}

#[test]
fn modes_failures_and_runs_that_keep_no_facts() {
    let mut bench = ran();
    bench.simulator().inject(
        Fault::on("POST", "/v1/groups/*/users", FaultKind::Status { code: 403, moment: Moment::Before }).always(),
    );
    bench.people(&["compliance,ann", "compliance,bob", "compliance,cem", "compliance,dan", "compliance,eve"]);
    bench.apply(12);
    assert!(
        verdict(&bench, "eve@corp.example")
            .starts_with("is not a member: the directory grants it, and the addition failed: ")
    );
    let document = json(&bench, &["eve@corp.example"]);
    assert_eq!(document["groups"][0]["failed_change"]["request"]["status"], 403, "{document:#}");
    bench.simulator().clear_faults();
    bench.run(&["apply", "--group", "Compliance"]).exits(0);
    let document = json(&bench, &["eve@corp.example"]);
    assert!(document["notes"][0].as_str().unwrap().contains("was limited to Compliance"), "{document:#}");
    assert_eq!(document["groups"][0]["last_change"]["result"], "done", "the log is never behind");
    bench.apply(0);
    bench.rest.push_str("[group.Compliance]\nmode = \"report\"\n");
    bench.people(&["compliance,ann", "other,bob", "compliance,cem", "compliance,dan", "compliance,eve"]);
    bench.apply(0);
    assert_eq!(
        verdict(&bench, "bob@corp.example"),
        "is a member: nothing grants it, and the removal is planned and not made: the group is in mode report"
    );
    bench.rest = bench.rest.replace("report", "add-only");
    bench.apply(0);
    assert_eq!(
        verdict(&bench, "bob@corp.example"),
        "is a member: nothing grants it, and nobody is removed in mode add-only"
    );
}

#[test]
fn a_fresh_look_differs_from_what_is_kept_and_changes_nothing() {
    let bench = ran();
    bench.people(&["compliance,ann", "compliance,bob", "compliance,dan", "compliance,eve"]);
    edit(&bench, Edit::RemoveMember { group: "Compliance".into(), user: address("bob") });
    let records = bench.audit().len();
    bench.simulator().forget_requests();
    assert_eq!(verdict(&bench, "eve@corp.example"), "is not a member: nothing grants it");
    assert!(bench.calls().is_empty(), "nobody was asked");
    let fresh = |name: &str| json(&bench, &[&address(name), "Compliance", "--live"])["groups"][0]["verdict"].clone();
    assert_eq!(fresh("eve"), "is not a member: the directory grants it, and the addition would be made by a run now");
    assert_eq!(fresh("cem"), "is a member: nothing grants it, and the removal would be made by a run now");
    assert_eq!(fresh("bob"), "is not a member: the directory grants it, and the addition would be made by a run now");
    assert_eq!(verdict(&bench, "eve@corp.example"), "is not a member: nothing grants it", "the look was not kept");
    assert_eq!((bench.writes().len(), bench.audit().len()), (0, records));
    let shown = explain(&bench, &["eve@corp.example", "--live"]).exits(0).stdout;
    assert!(shown.contains("Read afresh at "), "{shown}");
    bench.simulator().change(|world| world.switches.writes_forbidden = true);
    bench
        .simulator()
        .inject(Fault::on("GET", "/v1/users", FaultKind::Status { code: 500, moment: Moment::Before }).always());
    explain(&bench, &["eve@corp.example", "--live"]).exits(13);
}

#[test]
fn all_ways_through_nested_groups_are_told() {
    let cn = |name: &str| format!("cn={name},ou=groups,{SUFFIX}");
    let ldif = people(&["ann", "bob"])
        + &group("emea", &[&dn("ann")])
        + &group("left", &[&cn("emea")])
        + &group("right", &[&cn("emea"), &dn("ann")])
        + &group("all", &[&cn("left"), &cn("right"), &dn("bob")]);
    let Some(slapd) = Slapd::start(&Wish { ldif: &ldif, ..Wish::default() }) else { return };
    let mut world = World::new("Corp");
    world.add_user(&address("ann"));
    world.add_group("Compliance", &[]);
    let mut bench = Bench::new(world);
    secret(&bench.path("password"), READER_PASSWORD);
    bench.rest = format!(
        "[[source]]\nname = \"ldap\"\nkind = \"ldap\"\nurl = \"{}\"\nca_file = \"{}\"\nbind_dn = \"{READER}\"\n\
         bind_password = {{ file = \"password\" }}\nschema = \"openldap\"\nuser_base = \"ou=people,{SUFFIX}\"\n\
         group_base = \"ou=groups,{SUFFIX}\"\n[[mapping]]\nsource = \"ldap\"\ngroup = \"all\"\nto = \"Compliance\"\n",
        slapd.secure(),
        slapd.ca_file().display()
    );
    bench.apply(0);
    let document = json(&bench, &[&dn("ANN"), "Compliance"]);
    let mut ways: Vec<String> =
        document["groups"][0]["grants"].as_array().unwrap().iter().map(|way| way["path"].to_string()).collect();
    ways.sort();
    assert_eq!(ways, [r#"["all","left","emea"]"#, r#"["all","right","emea"]"#, r#"["all","right"]"#]);
    let shown = explain(&bench, &["ann@corp.example"]).exits(0).stdout;
    assert!(
        shown.contains("granted by ldap: all > right > emea\n    by mapping ldap: group \"all\" to \"Compliance\""),
        "{shown}"
    );
    assert!(document["people"][0]["immutable"] == true && shown.contains("in ldap: uid=ann,"), "{shown}");
    bench.in_step();
}
