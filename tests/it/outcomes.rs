//! Exit codes, outcomes and the printed documents: what scripts outside the repository stand on.

use std::collections::BTreeSet;

use rosterd::simulator::{Fault, FaultKind, RetryAfter, World};
use serde_json::Value;

use crate::support::bench::{Bench, Ran, address};
use crate::support::doc::ended;

const RULES: &str = r#"
[guard]
first_removals = "apply"

[[source]]
name = "hr"
kind = "csv"
path = "people.csv"

[[source]]
name = "extra"
kind = "csv"
path = "extra.csv"

[[mapping]]
source = "hr"
match = "^(Alpha|Beta|Nowhere)$"
to = "$1"

[[mapping]]
source = "hr"
group = "gamma"
to = "Gamma"

[[mapping]]
source = "extra"
group = "alpha"
to = "Alpha"
"#;

/// What is wrong, or only pending, in a run.
#[derive(Debug, Clone, Copy)]
struct Trouble {
    pending: bool,
    /// A directory group is missing.
    held: bool,
    /// A target group is missing.
    missing: bool,
    /// A source is not there.
    unread: bool,
}

impl Trouble {
    fn all() -> impl Iterator<Item = Self> {
        (0..16).map(|bits| Self {
            pending: bits & 1 > 0,
            held: bits & 2 > 0,
            missing: bits & 4 > 0,
            unread: bits & 8 > 0,
        })
    }

    fn worst(self) -> Option<(i32, &'static str)> {
        match self {
            Self { unread: true, .. } => Some((13, "unread")),
            Self { missing: true, .. } => Some((12, "partly_applied")),
            Self { held: true, .. } => Some((11, "held")),
            _ => None,
        }
    }

    fn bench(self) -> Bench {
        let mut world = World::new("Corp");
        for name in ["ann", "bob", "cem"] {
            world.add_user(&address(name));
        }
        for group in ["Alpha", "Beta", "Gamma"] {
            world.add_group(group, &["ann@corp.example"]);
        }
        let mut bench = Bench::new(world);
        bench.rest = RULES.to_owned();
        if !self.unread {
            bench.write("extra.csv", "group,email\nalpha,ann@corp.example\n");
        }
        let mut rows = vec!["Alpha,ann", "Beta,ann"];
        if self.pending {
            rows.push("Beta,bob");
        }
        if !self.held {
            rows.push("gamma,ann");
        }
        if self.missing {
            rows.push("Nowhere,ann");
        }
        bench.people(&rows);
        bench
    }
}

fn apply(bench: &Bench) -> Ran {
    bench.run(&["apply", "--format", "json"])
}

#[test]
fn of_several_codes_the_highest_wins() {
    for trouble in Trouble::all() {
        let bench = trouble.bench();
        let (plan, pending) = match (trouble.worst(), trouble.pending) {
            (Some((code, _)), _) => (code, code),
            (None, true) => (0, 10),
            (None, false) => (0, 0),
        };
        assert_eq!(bench.run(&["plan"]).code, plan, "{trouble:?}");
        assert_eq!(bench.run(&["plan", "--exit-code"]).code, pending, "{trouble:?}");
        assert_eq!(bench.writes(), []);
        let calm = if trouble.pending { "applied" } else { "in_step" };
        let (code, outcome) = trouble.worst().unwrap_or((0, calm));
        let run = apply(&bench);
        assert_eq!((run.code, run.json()["outcome"].as_str().unwrap()), (code, outcome), "{trouble:?}");
        // What is not concerned goes ahead, whatever else is wrong.
        assert_eq!(bench.members("Beta").len(), if trouble.pending { 2 } else { 1 }, "{trouble:?}");
        assert_eq!(bench.members("Gamma"), ["ann"], "{trouble:?}");
    }
}

#[test]
fn a_failed_change_is_a_12_unless_something_was_not_read() {
    for trouble in Trouble::all().filter(|trouble| trouble.pending && !trouble.missing) {
        let bench = trouble.bench();
        bench.simulator().change(|world| world.switches.writes_forbidden = true);
        let (code, outcome) = if trouble.unread { (13, "unread") } else { (12, "partly_applied") };
        let run = ended(apply(&bench), code, outcome);
        assert_eq!(run["results"]["failed"], 1, "{trouble:?}");
    }
}

#[test]
fn a_run_that_throttling_cut_off_says_so() {
    for held in [false, true] {
        let trouble = Trouble { pending: true, held, missing: false, unread: false };
        let bench = trouble.bench();
        let long = FaultKind::RateLimit { retry_after: Some(RetryAfter::Seconds(600)), seconds: 600 };
        bench.simulator().inject(Fault::on("POST", "/v1/groups/*/users", long));
        ended(apply(&bench), 12, "throttled");
    }
}

#[test]
fn a_mistake_in_the_configuration_is_a_2() {
    let mut bench = Bench::small();
    bench.rest.push_str("\n[gaurd]\n");
    for command in ["plan", "apply", "check", "status"] {
        let ran = bench.run(&[command]).exits(2);
        assert!(ran.stdout.is_empty(), "{}", ran.stdout);
        assert!(ran.stderr.contains("gaurd"), "{}", ran.stderr);
    }
    assert_eq!(bench.simulator().requests(), []);
}

#[test]
fn a_state_file_that_is_damaged_is_a_1_and_nothing_is_sent() {
    let bench = Bench::small();
    ended(apply(&bench), 0, "in_step");
    bench.simulator().forget_requests();
    bench.people(&["compliance,ann"]);
    std::fs::write(bench.state(), b"SQLite format 3\0 and then nonsense").expect("it can be written");
    for suffix in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(bench.path(&format!("rosterd.db{suffix}")));
    }
    let ran = bench.run(&["apply"]).exits(1);
    assert!(ran.stderr.contains("rosterd.db"), "{}", ran.stderr);
    assert_eq!(bench.writes(), []);
}

// ---- documents ---------------------------------------------------------------------------------

#[track_caller]
fn has(value: &Value, keys: &[&str]) {
    let object = value.as_object().unwrap_or_else(|| panic!("an object: {value}"));
    for key in keys {
        assert!(object.contains_key(*key), "{key} is missing: {value:#}");
    }
}

fn words(list: &Value, key: &str) -> BTreeSet<String> {
    list.as_array().unwrap().iter().map(|entry| entry[key].as_str().unwrap().to_owned()).collect()
}

/// The contract, key by key.
#[track_caller]
fn follows_the_contract(document: &Value, format: &str) {
    let top = "format run_id made_at digest complete sources groups changes skips holds summary";
    has(document, &top.split(' ').collect::<Vec<_>>());
    assert_eq!(document["format"], format);
    let made_at = document["made_at"].as_str().unwrap();
    assert!(made_at.len() == 20 && made_at.ends_with('Z'), "{made_at}");
    let digest = document["digest"].as_str().unwrap();
    assert!(digest.starts_with("sha256:") && digest.len() == 71, "{digest}");
    for source in document["sources"].as_array().unwrap() {
        has(source, &["name", "kind", "complete", "people", "groups", "memberships", "problems"]);
        assert!(source["people"].is_u64() && source["groups"].is_u64() && source["memberships"].is_u64());
    }
    for group in document["groups"].as_array().unwrap() {
        has(group, &["name", "id", "mode", "live", "desired", "problems"]);
        assert!(group["live"].is_u64() && group["desired"].is_u64());
    }
    for change in document["changes"].as_array().unwrap() {
        let keys = "op group group_id user_id email reason because drift report holds";
        has(change, &keys.split(' ').collect::<Vec<_>>());
        assert!(change["drift"].is_boolean() && change["report"].is_boolean() && change["holds"].is_array());
        for grant in change["because"].as_array().unwrap() {
            has(grant, &["source", "directory_group", "path"]);
            assert!(grant["path"].as_array().unwrap().iter().all(Value::is_string));
        }
    }
    for skip in document["skips"].as_array().unwrap() {
        has(skip, &["group", "person", "why"]);
    }
    for hold in document["holds"].as_array().unwrap() {
        has(hold, &["id", "rule", "group", "limit", "measured", "approved"]);
        let id = hold["id"].as_str().unwrap().strip_prefix("h-").unwrap();
        assert!(id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
        assert!(hold["limit"].is_u64() && hold["measured"].is_u64() && hold["approved"].is_boolean());
    }
    let summary = &document["summary"];
    has(summary, &["create", "add", "remove", "lead", "held", "report", "skipped", "calls"]);
    has(&summary["calls"], &["read", "write"]);
}

/// A world with every kind of change, some of them held or only reported, and skips.
fn rich() -> Bench {
    let mut world = World::new("Corp");
    for name in ["ann", "bob", "cem", "dan", "eve", "fay", "gus"] {
        world.add_user(&address(name));
    }
    world.add_group("Alpha", &["ann@corp.example", "bob@corp.example", "cem@corp.example"]);
    world.add_group("Beta", &["ann@corp.example", "bob@corp.example", "cem@corp.example"]);
    world.add_group("Gamma", &["ann@corp.example", "bob@corp.example"]);
    world.group_mut("Beta").unwrap().lead = Some(world.user("ann@corp.example").unwrap().user_id.clone());
    let mut bench = Bench::new(world);
    bench.rest = r#"
[guard]
first_removals = "apply"

[[source]]
name = "hr"
kind = "csv"
path = "people.csv"

[[mapping]]
source = "hr"
match = "^(.*)$"
to = "$1"

[group.Alpha]
lead = "ann@corp.example"
[group.Beta]
lead = ""
min_members = 5
[group.Gamma]
mode = "report"
[group.Risk]
create = true
"#
    .to_owned();
    bench.people(&[
        "Alpha,ann",
        "Alpha,dan",
        "Alpha,bob,inactive",
        "Alpha,nobody",
        "Beta,ann",
        "Beta,eve",
        "Gamma,ann",
        "Gamma,fay",
        "Risk,gus",
    ]);
    bench
}

#[test]
fn the_plan_document_is_as_promised() {
    let bench = rich();
    let plan = bench.run(&["plan", "--format", "json"]).exits(11).json();
    follows_the_contract(&plan, "rosterd.plan/1");
    assert!(plan["changes"].as_array().unwrap().iter().all(|change| change.get("result").is_none()));
    assert!(plan.get("outcome").is_none());
    let ops = ["add_member", "clear_lead", "create_group", "remove_member", "set_lead"];
    assert_eq!(words(&plan["changes"], "op"), ops.map(str::to_owned).into());
    assert_eq!(plan["summary"]["create"], 1);
    assert_eq!(plan["summary"]["add"], 3, "Dan, Eve and Gus");
    assert_eq!(plan["summary"]["remove"], 2, "Bob and Cem of Alpha");
    assert_eq!(plan["summary"]["lead"], 2);
    assert_eq!(plan["summary"]["held"], 2, "Bob and Cem of Beta");
    assert_eq!(plan["summary"]["report"], 2, "Gamma");
    assert_eq!(plan["summary"]["skipped"], 1);
    let held: Vec<&Value> =
        plan["changes"].as_array().unwrap().iter().filter(|change| change["holds"] != Value::Array(vec![])).collect();
    assert_eq!(held.len(), 2);
    assert!(held.iter().all(|change| change["holds"][0] == plan["holds"][0]["id"]));
    let new = plan["changes"].as_array().unwrap().iter().find(|change| change["op"] == "create_group").unwrap();
    assert_eq!((&new["group_id"], &new["user_id"], &new["email"]), (&Value::Null, &Value::Null, &Value::Null));
}

#[test]
fn the_same_inputs_give_the_same_document() {
    let bench = rich();
    let plan = || {
        let mut plan = bench.run(&["plan", "--format", "json"]).exits(11).json();
        for key in ["run_id", "made_at"] {
            plan[key] = Value::Null;
        }
        plan
    };
    // The first plan asks for the tool's own account, as every plan does before the first real run.
    assert_eq!(plan(), plan());
    let out = bench.path("plan.json");
    let out = out.to_str().unwrap();
    let ran = bench.run(&["plan", "--format", "json", "--out", out]).exits(11);
    assert_eq!(ran.stdout, "");
    let written: Value = serde_json::from_str(&std::fs::read_to_string(out).unwrap()).unwrap();
    assert_eq!(written["digest"], plan()["digest"]);
}

#[test]
fn the_run_document_is_as_promised() {
    let bench = rich();
    let plan = bench.run(&["plan", "--format", "json"]).exits(11).json();
    let run = ended(apply(&bench), 11, "held");
    follows_the_contract(&run, "rosterd.run/1");
    has(&run, &["outcome"]);
    assert_eq!(run["digest"], plan["digest"]);
    assert_eq!(run["summary"]["calls"]["write"], plan["summary"]["calls"]["write"]);
    for change in run["changes"].as_array().unwrap() {
        has(change, &["result", "error"]);
    }
    let results = words(&run["changes"], "result");
    assert_eq!(results, ["done", "held", "report"].map(str::to_owned).into());
    assert_eq!(run["summary"]["calls"]["write"], bench.writes().len());
    assert_eq!(run["summary"]["calls"]["read"], 4);
}

#[test]
fn an_unread_run_has_the_same_document() {
    let bench = rich();
    bench.simulator().change(|world| world.switches.blind_users = true);
    let run = ended(apply(&bench), 13, "unread");
    follows_the_contract(&run, "rosterd.run/1");
    assert_eq!(run["complete"], false);
    let plan = bench.run(&["plan", "--format", "json"]).exits(13).json();
    follows_the_contract(&plan, "rosterd.plan/1");
    assert_eq!(plan["complete"], false);
}
