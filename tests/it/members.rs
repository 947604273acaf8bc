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
    insta::assert_snapshot!(filtered(&bench.run(&["members", "compliance"]).exits(0).stdout), @"");
    let document = bench.run(&["members", "Compliance", "--format", "json"]).exits(0).json();
    insta::assert_snapshot!(filtered(&format!("{:#}", document["members"][0])), @"");
    let csv = filtered(&bench.run(&["members", "Compliance", "--format", "csv"]).exits(0).stdout);
    insta::assert_snapshot!(csv, @"");
    let ran = bench.run(&["members", "Nobody"]).exits(2);
    assert!(ran.stderr.contains("mapped groups are \"Compliance\""), "{}", ran.stderr);
}

#[test]
fn the_sheet_has_room_for_the_owners_word_and_no_formula() {
    let bench = company();
    insta::assert_snapshot!(filtered(&bench.run(&["review", "Compliance"]).exits(0).stdout), @"");
    bench.run(&["review", "Compliance", "--format", "csv", "--out", "review.csv"]).exits(0);
    let sheet = std::fs::read_to_string(bench.path("review.csv")).unwrap();
    insta::assert_snapshot!(filtered(&sheet), @"");
    let mut reader = csv::Reader::from_reader(sheet.as_bytes());
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 5);
    for field in rows.iter().flatten() {
        assert!(!field.starts_with(['=', '+', '-', '@', '\t', '\r']), "{field}");
    }
    bench.run(&["review", "Nobody"]).exits(2);
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
