//! Groups that Hyperproof listed once and that no mapping named then: whoever maps one later does not have it created a
//! second time. A POST of a group is not idempotent, and there is no way to delete one.

use rosterd::simulator::{DuplicateName, Edit, Fault, FaultKind, Presence};
use serde_json::{Value, json};

use crate::support::bench::Bench;
use crate::support::doc::{ended, problems, reasons};

/// The small world after a full run that merely listed `Other`.
fn listed() -> Bench {
    let bench = Bench::small();
    bench.simulator().change(|world| {
        world.add_group("Other", &["eve@corp.example"]);
        world.switches.duplicate_name = DuplicateName::Allowed;
    });
    ended(bench.run(&["apply", "--format", "json"]), 0, "in_step");
    bench
}

fn edit(bench: &Bench, edit: Edit) {
    bench.simulator().edit(edit).unwrap();
}

const BY_NAME: &str =
    "[[mapping]]\nsource = \"hr\"\ngroup = \"other\"\nto = \" other\"\n[group.other]\ncreate = true\n";
const BY_PATTERN: &str =
    "[[mapping]]\nsource = \"hr\"\nmatch = \"^(o.*)$\"\nto = \"$1\"\n[group_defaults]\ncreate = true\n";

/// Maps it now, by a name that differs in case alone.
fn map(bench: &mut Bench, mapping: &str) {
    bench.rest.push_str(mapping);
    bench.people(&["compliance,ann", "compliance,bob", "compliance,cem", "other,eve", "other,dan"]);
    bench.simulator().forget_requests();
}

/// Runs and plans that leave it alone.
#[track_caller]
fn left_alone(bench: &Bench, how: &str) {
    for _ in 0..2 {
        let run = ended(bench.run(&["apply", "--format", "json"]), 12, "partly_applied");
        assert!(problems(&run).contains(how), "{}", problems(&run));
        assert!(problems(&run).contains("rosterd will not create it again"), "{}", problems(&run));
        let plan = bench.run(&["plan", "--exit-code", "--format", "json"]).exits(12).json();
        assert_eq!(plan["changes"], json!([]));
    }
    assert_eq!(bench.writes(), []);
    bench.run(&["audit", "verify"]).exits(0);
}

#[test]
fn a_group_that_was_merely_listed_and_is_archived_is_not_created_again() {
    for mapping in [BY_NAME, BY_PATTERN] {
        let mut bench = listed();
        edit(&bench, Edit::ArchiveGroup { group: "Other".into() });
        map(&mut bench, mapping);
        left_alone(&bench, "is archived in Hyperproof");
        // Taken out of the archive, it is the group.
        edit(&bench, Edit::RestoreGroup { group: "Other".into() });
        let run = ended(bench.run(&["apply", "--format", "json"]), 0, "applied");
        assert_eq!(reasons(&run), ["add_member other dan granted"]);
        bench.in_step();
    }
}

#[test]
fn a_group_that_was_merely_listed_and_is_gone_is_not_created_again() {
    for mapping in [BY_NAME, BY_PATTERN] {
        let mut bench = listed();
        edit(&bench, Edit::DropGroup { group: "Other".into() });
        map(&mut bench, mapping);
        left_alone(&bench, "is no longer in Hyperproof");
    }
}

/// A plan alone asks too, and an archive that hides even what is asked for by its id is as good as gone.
#[test]
fn a_plan_does_not_promise_to_create_it() {
    let mut bench = listed();
    bench.simulator().change(|world| world.switches.archived_by_id = Presence::NotFound);
    edit(&bench, Edit::ArchiveGroup { group: "Other".into() });
    map(&mut bench, BY_NAME);
    let plan = bench.run(&["plan", "--exit-code", "--format", "json"]).exits(12).json();
    assert_eq!(plan["changes"], json!([]));
    assert_eq!(plan["summary"]["calls"]["read"], 4);
    assert_eq!(bench.calls().len(), 4);
}

#[test]
fn a_list_that_leaves_it_out_lies() {
    let mut bench = listed();
    let world = bench.simulator().world();
    let rows: Vec<Value> = (world.groups.iter().filter(|row| row.name != "Other"))
        .map(|row| json!({ "id": row.id, "name": row.name, "orgId": world.organization }))
        .collect();
    let lie = FaultKind::Answer { code: 200, body: Value::from(rows).to_string() };
    bench.simulator().inject(Fault::on("GET", "/v1/groups", lie).always());
    map(&mut bench, &BY_NAME.replace(" other", "Other").replace(".other", ".Other"));
    for _ in 0..2 {
        let run = ended(bench.run(&["apply", "--format", "json"]), 13, "unread");
        assert!(run["problems"].to_string().contains("is there when it is asked for"), "{run}");
        bench.run(&["plan", "--exit-code"]).exits(13);
    }
    assert_eq!(bench.writes(), []);
    bench.simulator().clear_faults();
    let run = ended(bench.run(&["apply", "--format", "json"]), 0, "applied");
    assert_eq!(reasons(&run), ["add_member Other dan granted"]);
    bench.in_step();
}

/// Full runs between its end and its mapping do not forget it, ask nothing about it, and do not stand in the way of a
/// run that leaves the directory unread.
#[test]
fn it_stays_known_for_as_long_as_nobody_maps_it() {
    for gone in [true, false] {
        let mut bench = listed();
        let group = || "Other".to_owned();
        edit(&bench, if gone { Edit::DropGroup { group: group() } } else { Edit::ArchiveGroup { group: group() } });
        bench.simulator().forget_requests();
        let unread = |run: &Value| run["sources"][0]["unchanged_since"].is_string();
        assert!(!unread(&bench.apply(0)), "what changed makes a run that reads");
        for _ in 0..3 {
            assert!(unread(&bench.apply(0)));
        }
        assert_eq!(bench.calls().len(), 12);
        map(&mut bench, BY_PATTERN);
        left_alone(&bench, if gone { "is no longer in Hyperproof" } else { "is archived in Hyperproof" });
    }
}

/// Another group of its name takes its place, when somebody makes it by hand.
#[test]
fn a_group_of_the_same_name_that_is_there_is_the_group() {
    let mut bench = listed();
    bench.simulator().change(|world| drop(world.add_group("other", &[])));
    edit(&bench, Edit::DropGroup { group: "Other".into() });
    map(&mut bench, BY_NAME);
    let run = ended(bench.run(&["apply", "--format", "json"]), 0, "applied");
    assert_eq!(reasons(&run), ["add_member other dan granted", "add_member other eve granted"]);
    assert!(bench.calls().iter().all(|call| !call.path.starts_with("/v1/groups/") || call.path.ends_with("/users")));
    bench.in_step();
}

/// A name that nobody bore is created as ever, whatever else is gone.
#[test]
fn what_was_never_there_is_created() {
    let mut bench = listed();
    let id = bench.simulator().world().group("Other").unwrap().id.clone();
    edit(&bench, Edit::ArchiveGroup { group: id.clone() });
    map(&mut bench, &BY_NAME.replace("\" other\"", "\"New\"").replace("group.other", "group.New"));
    let run = ended(bench.run(&["apply", "--format", "json"]), 0, "applied");
    assert_eq!(
        reasons(&run),
        ["add_member New dan granted", "add_member New eve granted", "create_group New - granted"]
    );
    assert!(bench.calls().iter().all(|call| !call.path.contains(&id)), "nobody asks for it");
    bench.in_step();
}
