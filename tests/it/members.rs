//! Who is, or was, in a group, and the sheet for its owner.

use jiff::Timestamp;
use rosterd::simulator::{Edit, Fault, FaultKind, Moment, World};
use serde_json::Value;

use crate::support::bench::{Bench, ONE_GROUP, address, filtered};

/// Members by the log, by the part of their address before the `@`, sorted.
#[track_caller]
fn members(bench: &Bench, group: &str, at: Option<&str>) -> Vec<String> {
    let mut args = vec!["members", group, "--format", "json"];
    args.extend(at.iter().flat_map(|at| ["--at", at]));
    let document = bench.run(&args).exits(0).json();
    let name = |member: &Value| member["email"].as_str().unwrap_or("?").trim_end_matches("@corp.example").to_owned();
    let mut members: Vec<String> = document["members"].as_array().unwrap().iter().map(name).collect();
    members.sort();
    members
}

/// A world with somebody of every sort: added by rosterd, there before, kept, held, and one with an
/// odd name.
fn company() -> Bench {
    let mut bench = Bench::small();
    bench.simulator().change(|world| world.add_user("=cmd|x@corp.example"));
    bench.simulator().edit(Edit::AddMember { group: "Compliance".into(), user: address("eve") }).unwrap();
    bench.rest = format!("{ONE_GROUP}[group.Compliance]\nkeep = [\"eve@corp.example\"]\nmin_members = 9\n");
    bench.people(&["compliance,ann", "compliance,bob", "other,cem", "compliance,=cmd|x@corp.example"]);
    bench.apply(11);
    bench
}

#[test]
fn members_are_told_with_their_grants_and_since_when() {
    let bench = company();
    insta::assert_snapshot!(filtered(&bench.run(&["members", "compliance"]).exits(0).stdout), @r#"
    Compliance (39f0abcb-2b5a-45b7-bac1-5116761cb69b)
      =cmd|x@corp.example  granted by hr: compliance
        added TIME, run RUN
      ann@corp.example  granted by hr: compliance
        in already when first seen, TIME
      bob@corp.example  granted by hr: compliance
        in already when first seen, TIME
      cem@corp.example  granted by nothing: the removal waits for h-2802d9f15d10
        in already when first seen, TIME
      eve@corp.example  granted by nothing: protected: named by keep
        in already when first seen, TIME
    Grants by the facts of run RUN, read at TIME.
    All members are in the log since TIME.
    5 members
    "#);
    let document = bench.run(&["members", "Compliance", "--format", "json"]).exits(0).json();
    insta::assert_snapshot!(filtered(&format!("{:#}", document["members"][0])), @r#"
    {
      "approved_by": null,
      "email": "=cmd|x@corp.example",
      "granted_by": [
        {
          "directory_group": "compliance",
          "path": [
            "compliance"
          ],
          "source": "hr"
        }
      ],
      "how": "added",
      "kept": null,
      "reason": "granted",
      "run_id": "RUN",
      "seq": 5,
      "since": "TIME",
      "standing": "active",
      "ticket": null,
      "user_id": "3738cb80-5ac7-437b-bd63-2cb33365b111"
    }
    "#);
    let csv = filtered(&bench.run(&["members", "Compliance", "--format", "csv"]).exits(0).stdout);
    insta::assert_snapshot!(csv, @r#"
    group,group_id,user_id,email,standing,granted_by,kept,since,how,reason,run_id,seq,approved_by,ticket,known_until
    "Compliance","39f0abcb-2b5a-45b7-bac1-5116761cb69b","3738cb80-5ac7-437b-bd63-2cb33365b111","'=cmd|x@corp.example","active","hr: compliance","","TIME","added","granted","RUN","5","","",""
    "Compliance","39f0abcb-2b5a-45b7-bac1-5116761cb69b","8fc158db-a88f-4681-9309-d974ea192aab","ann@corp.example","active","hr: compliance","","TIME","seen","","RUN","2","","",""
    "Compliance","39f0abcb-2b5a-45b7-bac1-5116761cb69b","aa29366d-6bd7-43e2-8239-0acf408ce8f5","bob@corp.example","active","hr: compliance","","TIME","seen","","RUN","2","","",""
    "Compliance","39f0abcb-2b5a-45b7-bac1-5116761cb69b","6cb75efd-e1eb-4c64-bb9d-c6e1fbaf85a9","cem@corp.example","active","","the removal waits for h-2802d9f15d10","TIME","seen","","RUN","2","","",""
    "Compliance","39f0abcb-2b5a-45b7-bac1-5116761cb69b","1b283870-1996-4e1a-8a58-fbbcf0a1c312","eve@corp.example","active","","protected: named by keep","TIME","seen","","RUN","2","","",""
    "#);
    // A list that nobody knows does not look like an empty one.
    let early = bench.run(&["members", "Compliance", "--at", "2020-01-01", "--format", "csv"]).exits(0);
    assert_eq!(early.stdout.lines().count(), 1, "{}", early.stdout);
    assert!(early.stderr.contains("no full list of members from before that time, only from 20"), "{}", early.stderr);
    let early = bench.run(&["members", "Compliance", "--at", "2020-01-01"]).exits(0).stdout;
    assert!(early.ends_with("0 members known\n"), "{early}");
    let ran = bench.run(&["members", "Nobody"]).exits(2);
    assert!(ran.stderr.contains("mapped groups are \"Compliance\""), "{}", ran.stderr);
}

#[test]
fn the_sheet_has_room_for_the_owners_word_and_no_formula() {
    let bench = company();
    insta::assert_snapshot!(filtered(&bench.run(&["review", "Compliance"]).exits(0).stdout), @r#"
    # Review of `Compliance` (`39f0abcb-2b5a-45b7-bac1-5116761cb69b`)

    Made TIME; grants by run `RUN`, read TIME. 5 members.

    | Member | Account | Granted by | Since | Last change | Keep / remove | Comment |
    |---|---|---|---|---|---|---|
    | `=cmd\|x@corp.example` | active | `granted by hr: compliance` | TIME | `added TIME, run RUN` |  |  |
    | `ann@corp.example` | active | `granted by hr: compliance` | TIME | `in already when first seen, TIME` |  |  |
    | `bob@corp.example` | active | `granted by hr: compliance` | TIME | `in already when first seen, TIME` |  |  |
    | `cem@corp.example` | active | `granted by nothing: the removal waits for h-2802d9f15d10` | TIME | `in already when first seen, TIME` |  |  |
    | `eve@corp.example` | active | `granted by nothing: protected: named by keep` | TIME | `in already when first seen, TIME` |  |  |

    Reviewed by: ____________________  on: ____________________
    "#);
    bench.run(&["review", "Compliance", "--format", "csv", "--out", "review.csv"]).exits(0);
    let sheet = std::fs::read_to_string(bench.path("review.csv")).unwrap();
    insta::assert_snapshot!(filtered(&sheet), @r#"
    group,member,user_id,account,granted_by,since,last_change,decision (keep or remove),comment
    "Compliance","'=cmd|x@corp.example","3738cb80-5ac7-437b-bd63-2cb33365b111","active","granted by hr: compliance","TIME","added TIME, run RUN","",""
    "Compliance","ann@corp.example","8fc158db-a88f-4681-9309-d974ea192aab","active","granted by hr: compliance","TIME","in already when first seen, TIME","",""
    "Compliance","bob@corp.example","aa29366d-6bd7-43e2-8239-0acf408ce8f5","active","granted by hr: compliance","TIME","in already when first seen, TIME","",""
    "Compliance","cem@corp.example","6cb75efd-e1eb-4c64-bb9d-c6e1fbaf85a9","active","granted by nothing: the removal waits for h-2802d9f15d10","TIME","in already when first seen, TIME","",""
    "Compliance","eve@corp.example","1b283870-1996-4e1a-8a58-fbbcf0a1c312","active","granted by nothing: protected: named by keep","TIME","in already when first seen, TIME","",""
    "#);
    let mut reader = csv::Reader::from_reader(sheet.as_bytes());
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 5);
    for field in rows.iter().flatten() {
        assert!(!field.starts_with(['=', '+', '-', '@', '\t', '\r']), "{field}");
    }
    bench.run(&["review", "Nobody"]).exits(2);
}

/// Of what a run over one group did after the facts were read, the log knows the grant.
#[test]
fn a_run_over_one_group_shows_in_the_list() {
    let bench = Bench::small();
    bench.apply(0);
    bench.people(&["compliance,ann", "compliance,bob", "compliance,cem", "compliance,dan"]);
    bench.run(&["apply", "--group", "Compliance"]).exits(0);
    let document = bench.run(&["members", "Compliance", "--format", "json"]).exits(0).json();
    let dan = document["members"].as_array().unwrap().iter().find(|member| member["email"] == address("dan")).unwrap();
    assert_eq!(dan["granted_by"][0]["directory_group"], "compliance", "{document:#}");
    assert!(document["notes"][0].as_str().unwrap().contains("was limited to Compliance"), "{document:#}");
    bench.in_step();
}

/// Numbers that look random and are the same in every run of the test (xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

/// Runs, changes by hand, failures and kills in any order: at the end of every run the log has the
/// members that Hyperproof has, and still has them later.
#[test]
fn at_any_runs_end_the_log_has_hyperproofs_members() {
    const NAMES: [&str; 6] = ["ann", "bob", "cem", "dan", "eve", "fay"];
    let mut world = World::new("Corp");
    for name in NAMES {
        world.add_user(&address(name));
    }
    world.add_group("Compliance", &[&address("ann"), &address("bob")]);
    let mut bench = Bench::new(world);
    bench.rest = format!("{ONE_GROUP}[group.Compliance]\nallow_empty = true\n");
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let mut known: Vec<(String, Vec<String>)> = Vec::new();
    for round in 0..12 {
        for _ in 0..dice.below(3) {
            let user = address(NAMES[usize::try_from(dice.below(6)).unwrap()]);
            let group = "Compliance".to_owned();
            let edit = match dice.below(2) {
                0 => Edit::AddMember { group, user },
                _ => Edit::RemoveMember { group, user },
            };
            bench.simulator().edit(edit).unwrap();
        }
        let rows: Vec<String> = (NAMES.iter().filter(|_| dice.below(3) > 0))
            .map(|name| format!("compliance,{name}"))
            .chain(["compliance,ann".to_owned()])
            .collect();
        bench.people(&rows.iter().map(String::as_str).collect::<Vec<_>>());
        let fault = dice.below(4);
        match fault {
            0 => {
                _ = bench.simulator().inject(Fault::on(
                    "POST",
                    "/v1/groups/*/users",
                    FaultKind::Status { code: 503, moment: Moment::Before },
                ))
            }
            1 => {
                _ = bench.simulator().inject(Fault::on(
                    "POST",
                    "/v1/groups/*/users",
                    FaultKind::Cut { moment: Moment::After, reset: false },
                ))
            }
            _ => {}
        }
        bench.run(&["apply"]);
        bench.simulator().clear_faults();
        if fault == 1 {
            // What became of a call without an answer is for the next run to see.
            bench.run(&["apply"]);
        }
        known.push((Timestamp::now().to_string(), bench.members("Compliance")));
        assert_eq!(members(&bench, "Compliance", None), bench.members("Compliance"), "round {round}");
    }
    for (at, then) in known {
        assert_eq!(members(&bench, "Compliance", Some(&at)), then, "{at}");
    }
    bench.run(&["audit", "verify"]).exits(0);
}
