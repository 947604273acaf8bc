//! What the guard holds, by which rule, from which number on; and what an approval lets through.

use std::ops::Range;
use std::time::Duration;

use rosterd::simulator::{Edit, Fault, FaultKind, Moment, World};
use serde_json::Value;

use crate::support::bench::{Bench, address, filtered};
use crate::support::doc::hold_ids;

/// Everything that could hold is out of the way; a test takes back what it is about.
const WIDE: &str = "\
group_removals = { percent = 100, floor = 1000 }
group_adds = { percent = 100, floor = 1000 }
run_removals = { percent = 100, floor = 1000 }
run_adds = { percent = 100, floor = 1000 }
day_removals = { percent = 100, floor = 1000 }
source_shrink = { percent = 100, floor = 1000 }
first_removals = \"apply\"
";

fn name(number: usize) -> String {
    format!("p{number:03}")
}

/// People `p000`, `p001` and so on, with groups that have some of them.
pub(crate) fn company(people: usize, groups: &[(&str, Range<usize>)]) -> Bench {
    let mut world = World::new("Corp");
    for number in 0..people {
        world.add_user(&address(&name(number)));
    }
    for (group, members) in groups {
        let members: Vec<String> = members.clone().map(|number| address(&name(number))).collect();
        let members: Vec<&str> = members.iter().map(String::as_str).collect();
        world.add_group(group, &members);
    }
    let mut bench = Bench::new(world);
    rules(&mut bench, "", "");
    bench
}

/// Every directory group feeds the target group of its name. `guard` replaces lines of [`WIDE`].
pub(crate) fn rules(bench: &mut Bench, guard: &str, more: &str) {
    let own: Vec<&str> = guard.lines().filter_map(|line| line.split(' ').next()).collect();
    let wide: Vec<&str> = WIDE.lines().filter(|line| !own.iter().any(|key| line.starts_with(key))).collect();
    bench.rest = format!(
        "[guard]\n{}\n{guard}\n[[source]]\nname = \"hr\"\nkind = \"csv\"\npath = \"people.csv\"\n\
         [[mapping]]\nsource = \"hr\"\nmatch = \"^(.*)$\"\nto = \"$1\"\n{more}\n",
        wide.join("\n")
    );
}

/// Writes who belongs where.
pub(crate) fn granted(bench: &Bench, groups: &[(&str, Range<usize>)]) {
    let rows: Vec<String> = (groups.iter())
        .flat_map(|(group, people)| people.clone().map(move |number| format!("{group},{}", name(number))))
        .collect();
    bench.people(&rows.iter().map(String::as_str).collect::<Vec<_>>());
}

/// One group mapped by name, so that it can go missing.
fn by_name(bench: &mut Bench, guard: &str, more: &str) {
    rules(bench, guard, more);
    bench.rest = bench.rest.replace("match = \"^(.*)$\"\nto = \"$1\"", "group = \"Staff\"\nto = \"Staff\"");
}

/// A hold of a document: rule, limit, measured, number of changes.
pub(crate) type Seen = (String, u64, u64, u64);

fn seen(hold: &Value) -> Seen {
    let number = |key: &str| hold[key].as_u64().expect("a hold has numbers");
    let rule = hold["rule"].as_str().expect("a hold has a rule").to_owned();
    (rule, number("limit"), number("measured"), number("changes"))
}

/// Holds of a document that wait.
pub(crate) fn waiting(document: &Value) -> Vec<Seen> {
    let holds = document["holds"].as_array().expect("a document has holds").iter();
    let mut seen: Vec<Seen> = holds.filter(|hold| hold["approved"] == false).map(seen).collect();
    seen.sort();
    seen
}

pub(crate) fn hold(rule: &str, limit: u64, measured: u64, changes: u64) -> Seen {
    (rule.to_owned(), limit, measured, changes)
}

/// Ids of the holds of a rule.
pub(crate) fn ids(document: &Value, rule: &str) -> Vec<String> {
    let holds = document["holds"].as_array().expect("a document has holds").iter();
    holds.filter(|hold| hold["rule"] == rule).map(|hold| hold["id"].as_str().unwrap().to_owned()).collect()
}

/// The only hold of a document.
#[track_caller]
pub(crate) fn only_id(document: &Value) -> String {
    let holds = document["holds"].as_array().expect("a document has holds");
    assert_eq!(holds.len(), 1, "{holds:?}");
    holds[0]["id"].as_str().unwrap().to_owned()
}

#[track_caller]
pub(crate) fn approve(bench: &Bench, ids: &[&str]) {
    let mut args = vec!["approve"];
    args.extend(ids);
    args.extend(["--by", "Ann Miller", "--reason", "checked", "--ticket", "GRC-421"]);
    bench.run(&args).exits(0);
}

pub(crate) fn count(bench: &Bench, group: &str) -> usize {
    bench.members(group).len()
}

// Limits: max(floor, ceil(percent of the base)); as many as the limit pass, one more is held.

/// A run in which the group of 16 (or more) goes from `live` to `wanted`, under one rule.
#[track_caller]
fn limited(guard: &str, live: &[(&str, Range<usize>)], wanted: &[(&str, Range<usize>)], expected: &[Seen]) {
    let mut bench = company(120, live);
    rules(&mut bench, guard, "");
    granted(&bench, wanted);
    let plan = bench.run(&["plan", "--format", "json"]).exits(if expected.is_empty() { 0 } else { 11 }).json();
    assert_eq!(waiting(&plan), expected, "{guard} {live:?} -> {wanted:?}");
    let run = bench.apply(if expected.is_empty() { 0 } else { 11 });
    assert_eq!(run["outcome"], if expected.is_empty() { "applied" } else { "held" });
    for (group, people) in wanted {
        let unheld = expected.is_empty()
            || !run["changes"].as_array().unwrap().iter().any(|c| c["group"] == *group && c["result"] == "held");
        if unheld {
            assert_eq!(count(&bench, group), people.len(), "{group}");
        }
    }
}

#[test]
fn removals_of_a_group_are_held_from_one_above_the_limit() {
    let guard = "group_removals = { percent = 20, floor = 3 }";
    // 20 % of 16 is 3.2: the limit is 4. Of 10 it is 2: the floor of 3 holds.
    limited(guard, &[("A", 0..16)], &[("A", 4..16)], &[]);
    limited(guard, &[("A", 0..16)], &[("A", 5..16)], &[hold("group_removals", 4, 5, 5)]);
    limited(guard, &[("A", 0..10)], &[("A", 3..10)], &[]);
    limited(guard, &[("A", 0..10)], &[("A", 4..10)], &[hold("group_removals", 3, 4, 4)]);
}

#[test]
fn additions_to_a_group_are_held_from_one_above_the_limit() {
    let guard = "group_adds = { percent = 50, floor = 2 }";
    limited(guard, &[("A", 0..7)], &[("A", 0..11)], &[]);
    limited(guard, &[("A", 0..7)], &[("A", 0..12)], &[hold("group_adds", 4, 5, 5)]);
    limited(guard, &[("A", 0..1)], &[("A", 0..3)], &[]);
    limited(guard, &[("A", 0..1)], &[("A", 0..4)], &[hold("group_adds", 2, 3, 3)]);
}

#[test]
fn removals_of_a_run_are_measured_over_all_mapped_groups() {
    let guard = "run_removals = { percent = 10, floor = 1 }";
    let live = [("A", 0..11), ("B", 0..10)];
    // 10 % of 21 is 2.1.
    limited(guard, &live, &[("A", 2..11), ("B", 1..10)], &[]);
    limited(guard, &live, &[("A", 2..11), ("B", 2..10)], &[hold("run_removals", 3, 4, 4)]);
    // A group that no mapping yields is no part of the base.
    let mut bench = company(30, &[("A", 0..10), ("Other", 0..30)]);
    by_name(&mut bench, guard, "");
    bench.rest = bench.rest.replace("\"Staff\"", "\"A\"");
    granted(&bench, &[("A", 2..10)]);
    assert_eq!(waiting(&bench.plan()), [hold("run_removals", 1, 2, 2)]);
}

#[test]
fn additions_of_a_run_are_measured_over_all_mapped_groups() {
    let guard = "run_adds = { percent = 10, floor = 1 }";
    let live = [("A", 0..11), ("B", 0..10)];
    limited(guard, &live, &[("A", 0..13), ("B", 0..11)], &[]);
    limited(guard, &live, &[("A", 0..13), ("B", 0..12)], &[hold("run_adds", 3, 4, 4)]);
}

#[test]
fn what_a_group_rule_holds_is_not_measured_again_by_the_run() {
    let guard = "group_removals = { percent = 0, floor = 3 }\nrun_removals = { percent = 0, floor = 3 }";
    limited(guard, &[("A", 0..20), ("B", 0..20)], &[("A", 4..20), ("B", 3..20)], &[hold("group_removals", 3, 4, 4)]);
}

#[test]
fn a_group_has_limits_of_its_own() {
    let mut bench = company(40, &[("A", 0..20), ("B", 0..20)]);
    let guard = "group_removals = { percent = 0, floor = 2 }\ngroup_adds = { percent = 0, floor = 2 }";
    let own = "[group.B.guard]\ngroup_removals = { percent = 0, floor = 5 }\ngroup_adds = { percent = 0, floor = 1 }\n";
    rules(&mut bench, guard, own);
    granted(&bench, &[("A", 3..22), ("B", 5..22)]);
    let plan = bench.plan();
    assert_eq!(waiting(&plan), [hold("group_adds", 1, 2, 2), hold("group_removals", 2, 3, 3)]);
    let of: Vec<(&str, &str)> = (plan["holds"].as_array().unwrap().iter())
        .map(|hold| (hold["rule"].as_str().unwrap(), hold["group"].as_str().unwrap()))
        .collect();
    assert!(of.contains(&("group_adds", "B")) && of.contains(&("group_removals", "A")), "{of:?}");
}

#[test]
fn a_slow_bleed_is_held_by_the_day() {
    let mut bench = company(20, &[("A", 0..20)]);
    rules(&mut bench, "day_removals = { percent = 20, floor = 1 }", "");
    granted(&bench, &[("A", 2..20)]);
    bench.apply(0);
    // Two are gone; of the 18 that are left, 20 % are 4.
    granted(&bench, &[("A", 4..20)]);
    bench.apply(0);
    granted(&bench, &[("A", 5..20)]);
    let run = bench.apply(11);
    assert_eq!(waiting(&run), [hold("day_removals", 4, 5, 1)]);
    assert_eq!(count(&bench, "A"), 16);
    approve(&bench, &[&only_id(&run)]);
    bench.apply(0);
    assert_eq!(count(&bench, "A"), 15);
    bench.in_step();
    // What a person approved is not measured afterwards either: the four before it are.
    granted(&bench, &[("A", 6..20)]);
    assert_eq!(waiting(&bench.plan()), [hold("day_removals", 3, 5, 1)]);
}

// Rules that are not about a number.

#[test]
fn a_source_that_shrank_holds_the_removals_of_all_it_feeds() {
    let mut bench = company(20, &[("A", 0..20), ("B", 0..2)]);
    rules(&mut bench, "source_shrink = { percent = 10, floor = 1 }", "");
    granted(&bench, &[("A", 0..20), ("B", 0..2)]);
    bench.apply(0);
    granted(&bench, &[("A", 2..20), ("B", 0..2)]);
    bench.apply(0);
    // B still grants p000 and p001: the source lost nobody. Now it loses three of 20.
    granted(&bench, &[("A", 4..20), ("B", 0..1)]);
    let run = bench.apply(11);
    assert_eq!(waiting(&run), [hold("source_shrink", 2, 3, 3)]);
    assert_eq!((count(&bench, "A"), count(&bench, "B")), (18, 2));
    // The baseline does not move while it is held: the same again, however often.
    let again = bench.apply(11);
    assert_eq!(only_id(&run), only_id(&again));
    approve(&bench, &[&only_id(&run)]);
    bench.apply(0);
    assert_eq!((count(&bench, "A"), count(&bench, "B")), (16, 1));
    bench.in_step();
    // And now the baseline is the smaller one: 17.
    granted(&bench, &[("A", 7..20), ("B", 0..1)]);
    assert_eq!(waiting(&bench.plan()), [hold("source_shrink", 2, 3, 3)]);
}

#[test]
fn a_group_is_not_emptied_unless_it_may_be() {
    let mut bench = company(4, &[("A", 0..2), ("B", 0..2)]);
    rules(&mut bench, "", "[group.B]\nallow_empty = true\n[group.A]\n");
    // Disabled in the source: the directory groups are there, with nobody active.
    bench.people(&["A,p000,inactive", "A,p001,inactive", "B,p000,inactive", "B,p001,inactive"]);
    let run = bench.apply(11);
    assert_eq!(waiting(&run), [hold("empty", 0, 2, 2)]);
    assert_eq!((count(&bench, "A"), count(&bench, "B")), (2, 0));
    // Somebody is added: the removals leave somebody.
    bench.people(&["A,p000,inactive", "A,p001,inactive", "A,p002", "B,p000,inactive"]);
    bench.apply(0);
    assert_eq!(bench.members("A"), ["p002"]);
    bench.in_step();
}

#[test]
fn an_addition_that_is_held_does_not_save_a_group_from_being_emptied() {
    let mut bench = company(4, &[("A", 0..2)]);
    rules(&mut bench, "group_adds = { percent = 0, floor = 1 }", "");
    granted(&bench, &[("A", 2..4)]);
    assert_eq!(waiting(&bench.plan()), [hold("empty", 0, 2, 2), hold("group_adds", 1, 2, 2)]);
}

#[test]
fn fewer_than_min_members_hold_removals_and_nothing_else() {
    let mut bench = company(6, &[("A", 0..4)]);
    rules(&mut bench, "", "[group.A]\nmin_members = 4\n");
    granted(&bench, &[("A", 1..5)]);
    assert_eq!(waiting(&bench.plan()), [], "four are desired");
    bench.people(&["A,p001", "A,p002", "A,p004"]);
    let run = bench.apply(11);
    assert_eq!(waiting(&run), [hold("min_members", 4, 3, 2)]);
    assert_eq!(bench.members("A"), ["p000", "p001", "p002", "p003", "p004"]);
}

#[test]
fn whom_expect_names_and_nobody_grants_holds_removals() {
    let mut bench = company(6, &[("A", 0..4)]);
    rules(&mut bench, "", "[group.A]\nexpect = [\"p000@corp.example\", \"p001@corp.example\"]\n");
    granted(&bench, &[("A", 2..5)]);
    let run = bench.apply(11);
    assert_eq!(waiting(&run), [hold("expect", 0, 2, 2)]);
    assert_eq!(bench.members("A"), ["p000", "p001", "p002", "p003", "p004"]);
    bench.people(&["A,p000", "A,P001@Corp.Example", "A,p002", "A,p004"]);
    bench.apply(0);
    assert_eq!(bench.members("A"), ["p000", "p001", "p002", "p004"]);
}

#[test]
fn removals_of_a_first_full_run_are_held_and_additions_are_not() {
    let mut bench = company(5, &[("A", 0..3)]);
    rules(&mut bench, "first_removals = \"hold\"", "");
    granted(&bench, &[("A", 1..4)]);
    let run = bench.apply(11);
    assert_eq!(waiting(&run), [hold("first_run", 0, 1, 1)]);
    assert_eq!(bench.members("A"), ["p000", "p001", "p002", "p003"]);
    // It stays the first full run until a person has looked.
    assert_eq!(only_id(&bench.apply(11)), only_id(&run));
    approve(&bench, &[&only_id(&run)]);
    bench.apply(0);
    assert_eq!(bench.members("A"), ["p001", "p002", "p003"]);
    granted(&bench, &[("A", 2..4)]);
    bench.apply(0);
    bench.in_step();
}

#[test]
fn a_first_run_without_removals_settles_the_group() {
    let mut bench = company(5, &[("A", 0..3)]);
    rules(&mut bench, "first_removals = \"hold\"", "");
    granted(&bench, &[("A", 0..4)]);
    bench.apply(0);
    granted(&bench, &[("A", 1..4)]);
    bench.apply(0);
    assert_eq!(bench.members("A"), ["p001", "p002", "p003"]);
}

#[test]
fn a_run_over_one_group_settles_nothing() {
    let mut bench = company(5, &[("A", 0..3)]);
    rules(&mut bench, "first_removals = \"hold\"", "");
    granted(&bench, &[("A", 0..3)]);
    bench.run(&["apply", "--group", "A"]).exits(0);
    granted(&bench, &[("A", 1..3)]);
    assert_eq!(waiting(&bench.apply(11)), [hold("first_run", 0, 1, 1)]);
}

#[test]
fn a_changed_mapping_or_mode_is_a_first_run_again() {
    let mut bench = company(6, &[("Staff", 0..4)]);
    by_name(&mut bench, "first_removals = \"hold\"", "");
    granted(&bench, &[("Staff", 0..4), ("Crew", 1..4)]);
    bench.apply(0);
    // Another mapping: what it no longer grants is held.
    let before = bench.rest.clone();
    bench.rest = bench.rest.replace("group = \"Staff\"", "group = \"Crew\"");
    let run = bench.apply(11);
    assert_eq!(waiting(&run), [hold("first_run", 0, 1, 1)]);
    // Back again: nothing to do.
    bench.rest = before.clone();
    bench.apply(0);
    // Another mode: it comes back to mirror with somebody too many.
    bench.rest = format!("{before}[group.Staff]\nmode = \"add-only\"\n");
    granted(&bench, &[("Staff", 1..4)]);
    bench.apply(0);
    bench.rest = before;
    assert_eq!(waiting(&bench.apply(11)), [hold("first_run", 0, 1, 1)]);
}

#[test]
fn an_organisation_that_shows_no_group_gets_none_created() {
    let mut bench = company(3, &[]);
    rules(&mut bench, "", "[group_defaults]\ncreate = true\n");
    granted(&bench, &[("A", 0..2)]);
    let run = bench.apply(11);
    assert_eq!(waiting(&run), [hold("first_run", 0, 1, 3)]);
    assert!(bench.writes().is_empty());
    approve(&bench, &[&only_id(&run)]);
    bench.apply(0);
    assert_eq!(bench.members("A"), ["p000", "p001"]);
    bench.in_step();
}

#[test]
fn a_missing_directory_group_is_held_with_and_without_changes() {
    let mut bench = company(5, &[("Staff", 0..3)]);
    by_name(&mut bench, "", "");
    granted(&bench, &[("Staff", 0..3), ("Other", 0..1)]);
    bench.apply(0);
    granted(&bench, &[("Other", 0..1)]);
    let run = bench.apply(11);
    assert_eq!(waiting(&run), [hold("empty", 0, 3, 3), hold("missing", 0, 3, 3)]);
    assert_eq!(count(&bench, "Staff"), 3);
    // Nobody in the target group: nothing to remove, and said all the same.
    for person in 0..3 {
        let user = address(&name(person));
        bench.simulator().edit(Edit::RemoveMember { group: "Staff".into(), user }).unwrap();
    }
    assert_eq!(waiting(&bench.apply(11)), [hold("missing", 0, 0, 0)]);
}

/// The week of looking is when a wrong name is found: nothing is changed then, and nobody would miss anything.
#[test]
fn a_missing_directory_group_is_held_in_report_mode_too() {
    let mut bench = company(5, &[("Staff", 0..3)]);
    by_name(&mut bench, "", "[group_defaults]\nmode = \"report\"\n");
    granted(&bench, &[("Other", 0..1)]);
    let told = bench.run(&["plan"]).exits(11).stdout;
    assert!(told.contains("directory group \"Staff\" of hr is not there: its people would stay"), "{told}");
    assert!(told.contains("mend the name in the mapping"), "{told}");
    for _ in 0..2 {
        let run = bench.apply(11);
        assert_eq!(waiting(&run), [hold("missing", 0, 0, 0)]);
        assert_eq!((&run["summary"]["report"], &run["summary"]["held"]), (&3.into(), &0.into()), "what is reported");
    }
    // Meant so: it is accepted like any other, and nothing but reported.
    approve(&bench, &[&only_id(&bench.apply(11))]);
    for _ in 0..2 {
        assert_eq!(bench.apply(0)["summary"]["report"], 3);
    }
    // It comes, and goes again: that is news.
    granted(&bench, &[("Staff", 0..2)]);
    assert_eq!(bench.apply(0)["summary"]["report"], 1);
    granted(&bench, &[("Other", 0..1)]);
    assert_eq!(waiting(&bench.apply(11)), [hold("missing", 0, 0, 0)]);
    assert_eq!(bench.writes(), []);
    assert_eq!(count(&bench, "Staff"), 3);
}

#[test]
fn a_missing_group_that_was_accepted_stays_accepted_until_it_comes_back() {
    let mut bench = company(5, &[("Staff", 0..3)]);
    by_name(&mut bench, "", "[group.Staff]\nallow_empty = true\n");
    granted(&bench, &[("Staff", 0..3), ("Other", 0..1)]);
    bench.apply(0);
    granted(&bench, &[("Other", 0..1)]);
    approve(&bench, &[&only_id(&bench.apply(11))]);
    bench.apply(0);
    assert_eq!(count(&bench, "Staff"), 0);
    bench.in_step();
    bench.apply(0);
    bench.in_step();
    // It comes back, and goes again: that is news.
    granted(&bench, &[("Staff", 0..2), ("Other", 0..1)]);
    bench.apply(0);
    assert_eq!(count(&bench, "Staff"), 2);
    granted(&bench, &[("Other", 0..1)]);
    assert_eq!(waiting(&bench.apply(11)), [hold("missing", 0, 2, 2)]);
    assert_eq!(count(&bench, "Staff"), 2);
}

#[test]
fn a_missing_group_without_members_is_accepted_by_its_empty_hold() {
    let mut bench = company(5, &[("Staff", 0..0)]);
    by_name(&mut bench, "", "");
    granted(&bench, &[("Other", 0..1)]);
    let run = bench.apply(11);
    assert_eq!(waiting(&run), [hold("missing", 0, 0, 0)]);
    approve(&bench, &[&only_id(&run)]);
    bench.apply(0);
    // What was approved and used waits for nobody, as soon as that run is over.
    let told = || (bench.run(&["holds"]).exits(0).stdout, bench.run(&["status"]).exits(0).stdout);
    let (holds, status) = told();
    assert!(holds.ends_with("Nothing waits.\n0 waiting, 0 approved\n"), "{holds}");
    assert!(!status.contains("waiting for approval"), "{status}");
    bench.in_step();
    // It comes back, and goes again: that is news, of the same id.
    granted(&bench, &[("Staff", 0..1), ("Other", 0..1)]);
    bench.apply(0);
    bench.simulator().edit(Edit::RemoveMember { group: "Staff".into(), user: address(&name(0)) }).unwrap();
    granted(&bench, &[("Other", 0..1)]);
    assert_eq!(only_id(&bench.apply(11)), only_id(&run));
    let (holds, status) = told();
    assert!(holds.ends_with("1 waiting, 0 approved\n"), "{holds}");
    assert!(status.contains("1 hold waiting for approval"), "{status}");
}

/// A source that does not answer for a while ends no hold: it is shown, and can be approved, meanwhile.
#[test]
fn a_hold_outlasts_a_run_that_could_not_read_its_source() {
    let mut bench = company(40, &[("A", 0..10), ("B", 0..10)]);
    rules(&mut bench, "group_removals = { percent = 0, floor = 3 }", "");
    bench.write("more.csv", "group,email,status\n");
    let more = "[[source]]\nname = \"more\"\nkind = \"csv\"\npath = \"more.csv\"\n\
                [[mapping]]\nsource = \"more\"\nmatch = \"^B$\"\nto = \"B\"\n";
    bench.rest.push_str(more);
    granted(&bench, &[("A", 0..5), ("B", 0..5)]);
    let run = bench.apply(11);
    let held = |group: &str| {
        let holds = run["holds"].as_array().unwrap().iter().find(|hold| hold["group"] == group);
        holds.unwrap()["id"].as_str().unwrap().to_owned()
    };
    let shown = || bench.run(&["holds"]).exits(0).stdout;
    // Only what feeds B cannot be read, and A's hold has no more ground.
    bench.write("more.csv", "no headings at all\n");
    granted(&bench, &[("A", 0..10), ("B", 0..5)]);
    bench.apply(13);
    assert!(!shown().contains(&held("A")) && shown().contains(&held("B")), "{}", shown());
    // Nothing can be read, and it can be approved all the same.
    bench.write("people.csv", "no headings at all\n");
    bench.apply(13);
    assert!(shown().contains(&held("B")), "{}", shown());
    approve(&bench, &[&held("B")]);
    bench.apply(13);
    assert_eq!(count(&bench, "B"), 10);
    bench.write("more.csv", "group,email,status\n");
    granted(&bench, &[("A", 0..10), ("B", 0..5)]);
    bench.apply(0);
    assert_eq!(count(&bench, "B"), 5);
    assert!(!shown().contains("h-"), "{}", shown());
    bench.in_step();
}

#[test]
fn a_group_in_report_mode_is_planned_and_not_guarded() {
    let mut bench = company(30, &[("A", 0..20)]);
    let guard = "group_removals = { percent = 0, floor = 1 }\nfirst_removals = \"hold\"\n";
    rules(&mut bench, guard, "[group.A]\nmode = \"report\"\nmin_members = 15\n");
    granted(&bench, &[("A", 10..12)]);
    let run = bench.apply(0);
    assert_eq!(waiting(&run), []);
    assert_eq!((&run["summary"]["report"], &run["summary"]["remove"]), (&18.into(), &0.into()));
    assert!(bench.writes().is_empty());
}

// Ids.

#[test]
fn a_hold_has_one_id_in_every_run_and_every_process() {
    let mut bench = company(40, &[("A", 0..10), ("B", 0..10)]);
    rules(&mut bench, "group_removals = { percent = 0, floor = 3 }", "");
    granted(&bench, &[("A", 5..10), ("B", 0..10)]);
    let id = only_id(&bench.plan());
    assert!(id.len() == 14 && id.starts_with("h-") && id[2..].bytes().all(|b| b.is_ascii_hexdigit()), "{id}");
    assert_eq!(only_id(&bench.plan()), id);
    assert_eq!(only_id(&bench.apply(11)), id);
    // Changes elsewhere, additions to the same group, another limit: the same removals, the same id.
    granted(&bench, &[("A", 5..12), ("B", 1..11)]);
    assert_eq!(only_id(&bench.plan()), id);
    assert_eq!(only_id(&bench.apply(11)), id);
    rules(&mut bench, "group_removals = { percent = 0, floor = 2 }", "");
    assert_eq!(only_id(&bench.plan()), id);
    let shown = bench.run(&["holds"]).exits(0);
    assert!(shown.stdout.contains(&id), "{}", shown.stdout);
    // Another set of removals is another hold.
    granted(&bench, &[("A", 4..12), ("B", 1..11)]);
    assert_ne!(only_id(&bench.plan()), id);
}

// Approvals.

/// Two groups, each with five removals where three are the limit.
fn two_holds() -> (Bench, String, String) {
    let mut bench = company(40, &[("A", 0..10), ("B", 0..10)]);
    rules(&mut bench, "group_removals = { percent = 0, floor = 3 }", "");
    granted(&bench, &[("A", 5..10), ("B", 5..10)]);
    let plan = bench.plan();
    let of = |group: &str| {
        let holds = plan["holds"].as_array().unwrap().iter();
        holds.filter(|hold| hold["group"] == group).map(|hold| hold["id"].as_str().unwrap().to_owned()).next().unwrap()
    };
    (bench, of("A"), of("B"))
}

#[test]
fn one_hold_or_several_are_approved_by_id() {
    let (bench, a, b) = two_holds();
    approve(&bench, &[&a]);
    let run = bench.apply(11);
    assert_eq!((count(&bench, "A"), count(&bench, "B")), (5, 10));
    assert_eq!(ids(&run, "group_removals").len(), 2, "an approved hold is still shown");
    assert_eq!(waiting(&run), [hold("group_removals", 3, 5, 5)]);
    approve(&bench, &[&b]);
    bench.apply(0);
    bench.in_step();

    let (bench, a, b) = two_holds();
    approve(&bench, &[&b, &a, &b]);
    bench.apply(0);
    assert_eq!((count(&bench, "A"), count(&bench, "B")), (5, 5));
    bench.in_step();
    let approvals: Vec<Value> = bench.audit().into_iter().filter(|record| record["event"] == "approval").collect();
    assert_eq!(approvals.len(), 2, "{approvals:?}");
}

#[test]
fn a_plan_is_approved_by_its_digest_with_and_without_prefix() {
    for prefix in ["sha256:", ""] {
        let (bench, ..) = two_holds();
        let plan = bench.plan();
        let digest = plan["digest"].as_str().unwrap().trim_start_matches("sha256:");
        approve(&bench, &[&format!("{prefix}{digest}")]);
        bench.apply(0);
        assert_eq!((count(&bench, "A"), count(&bench, "B")), (5, 5));
        bench.in_step();
    }
}

#[test]
fn an_unknown_id_approves_nothing_at_all() {
    let (bench, a, _) = two_holds();
    let digest = format!("sha256:{}", "0".repeat(64));
    for unknown in ["h-000000000000", "nonsense", "", &digest, "h-"] {
        let told = bench.run(&["approve", &a, unknown, "--by", "Ann", "--reason", "checked"]).exits(2);
        assert!(told.stderr.contains("nothing that waits has the id"), "{}", told.stderr);
        assert!(told.stderr.contains(&a), "it says what waits: {}", told.stderr);
    }
    assert_eq!(bench.apply(11)["holds"].as_array().unwrap().iter().filter(|hold| hold["approved"] == true).count(), 0);
    for incomplete in [
        &["approve", &a, "--by", "Ann"][..],
        &["approve", &a, "--reason", "x"],
        &["approve", "--by", "a", "--reason", "b"],
    ] {
        bench.run(incomplete).exits(2);
    }
    for length in ["0s", "soon", "-1h", "1"] {
        bench.run(&["approve", &a, "--by", "a", "--reason", "b", &format!("--expires={length}")]).exits(2);
    }
}

#[test]
fn a_hold_that_no_longer_waits_cannot_be_approved() {
    let (bench, a, b) = two_holds();
    granted(&bench, &[("A", 0..10), ("B", 5..10)]);
    bench.apply(11);
    let told = bench.run(&["approve", &a, "--by", "Ann", "--reason", "checked"]).exits(2);
    assert!(told.stderr.contains(&b), "{}", told.stderr);
    // Nor one that has passed.
    approve(&bench, &[&b]);
    bench.apply(0);
    bench.run(&["approve", &b, "--by", "Ann", "--reason", "checked"]).exits(2);
    let nothing = bench.run(&["holds"]).exits(0);
    assert!(!nothing.stdout.contains(&b), "{}", nothing.stdout);
}

#[test]
fn an_approval_covers_what_was_held_and_nobody_else() {
    let (bench, a, _) = two_holds();
    approve(&bench, &[&a]);
    // One more leaver: the set is another one, and is held whole.
    granted(&bench, &[("A", 6..10), ("B", 0..10)]);
    let run = bench.apply(11);
    assert_eq!(waiting(&run), [hold("group_removals", 3, 6, 6)]);
    assert_eq!(count(&bench, "A"), 10);
    // One fewer than approved: within the set.
    granted(&bench, &[("A", 4..10), ("B", 0..10)]);
    bench.apply(0);
    assert_eq!(count(&bench, "A"), 6);
    // What has passed has passed: who comes back and goes again is measured anew.
    granted(&bench, &[("A", 0..10), ("B", 0..10)]);
    bench.apply(0);
    assert_eq!(count(&bench, "A"), 10);
    granted(&bench, &[("A", 4..10), ("B", 0..10)]);
    assert_eq!(waiting(&bench.apply(11)), [hold("group_removals", 3, 4, 4)]);
    assert_eq!(count(&bench, "A"), 10);
}

#[test]
fn an_approval_expires() {
    let (bench, a, b) = two_holds();
    bench.run(&["approve", &a, "--by", "Ann", "--reason", "checked", "--expires", "1ms"]).exits(0);
    let run = bench.apply(11);
    assert_eq!(waiting(&run).len(), 2);
    assert_eq!(count(&bench, "A"), 10);
    let told = bench.run(&["approve", &a, &b, "--by", "Ann", "--reason", "again", "--expires", "1h 30m"]).exits(0);
    assert!(told.stdout.contains(&a), "{}", told.stdout);
    bench.apply(0);
    assert_eq!(count(&bench, "A"), 5);
}

#[test]
fn what_was_approved_under_one_rule_is_not_measured_by_the_others() {
    let mut bench = company(40, &[("A", 0..10), ("B", 0..10)]);
    let guard = "group_removals = { percent = 0, floor = 3 }\nrun_removals = { percent = 0, floor = 2 }\n\
                 day_removals = { percent = 0, floor = 4 }";
    rules(&mut bench, guard, "");
    granted(&bench, &[("A", 5..10), ("B", 2..10)]);
    let plan = bench.plan();
    assert_eq!(waiting(&plan), [hold("group_removals", 3, 5, 5)]);
    approve(&bench, &[&only_id(&plan)]);
    // With the approved five, the run removes seven.
    bench.apply(0);
    assert_eq!((count(&bench, "A"), count(&bench, "B")), (5, 8));
    bench.in_step();
}

#[test]
fn a_change_under_several_rules_needs_each_of_them() {
    let mut bench = company(40, &[("A", 0..10)]);
    rules(&mut bench, "group_removals = { percent = 0, floor = 3 }", "[group.A]\nmin_members = 8\n");
    granted(&bench, &[("A", 5..10)]);
    let plan = bench.plan();
    assert_eq!(waiting(&plan), [hold("group_removals", 3, 5, 5), hold("min_members", 8, 5, 5)]);
    approve(&bench, &[&ids(&plan, "group_removals")[0]]);
    let run = bench.apply(11);
    assert_eq!(waiting(&run), [hold("min_members", 8, 5, 5)]);
    assert_eq!(count(&bench, "A"), 10);
    approve(&bench, &[&ids(&plan, "min_members")[0]]);
    bench.apply(0);
    assert_eq!(count(&bench, "A"), 5);
    bench.in_step();
}

#[test]
fn who_approved_and_why_is_in_the_log_and_in_the_list() {
    let (bench, a, _) = two_holds();
    let mut command =
        bench.command(&["approve", &a, "--by", "Ann Miller", "--reason", "team dissolved", "--ticket", "GRC-421"]);
    // The login is the kernel's word: the environment may say what it likes.
    command.envs([("LOGNAME", "mallory"), ("USER", "mallory"), ("SUDO_USER", "mallory")]);
    assert!(command.output().unwrap().status.success());
    let record = bench.audit().into_iter().find(|record| record["event"] == "approval").expect("it is in the log");
    let approval = &record["approval"];
    assert_eq!(record["hold"], *a);
    let login = record["actor"]["operator"].as_str().unwrap();
    assert!(!login.is_empty() && login != "mallory", "{record}");
    for (key, value) in [("by", "Ann Miller"), ("login", login), ("reason", "team dissolved"), ("ticket", "GRC-421")] {
        assert_eq!(approval[key], value, "{record}");
    }
    let (at, expires) = (time(&record["at"]), time(&approval["expires"]));
    assert_eq!(expires.duration_since(at), jiff::SignedDuration::from_hours(24));
    let shown = bench.run(&["holds"]).exits(0).stdout;
    insta::assert_snapshot!(filtered(&shown), @r#"
    Holds of the plan of TIME

    h-11bd4957729e  B: 5 removals, the limit is 3 [group_removals]
      remove p000@corp.example
      remove p001@corp.example
      remove p002@corp.example
      remove p003@corp.example
      remove p004@corp.example
      rosterd approve h-11bd4957729e --by YOU --reason "…"

    h-9e39339b8322  A: 5 removals, the limit is 3 [group_removals]
      remove p000@corp.example
      remove p001@corp.example
      remove p002@corp.example
      remove p003@corp.example
      remove p004@corp.example
      approved: by Ann Miller (login LOGIN): team dissolved, ticket GRC-421; until TIME

    1 waiting, 1 approved
    "#);
    bench.apply(11);
    for record in bench.audit().iter().filter(|record| record["event"] == "intent") {
        assert_eq!(
            (&record["approval"]["by"], &record["approval"]["ticket"]),
            (&"Ann Miller".into(), &"GRC-421".into())
        );
    }
}

fn time(value: &Value) -> jiff::Timestamp {
    value.as_str().unwrap().parse().unwrap()
}

// While a run is under way.

#[test]
fn while_a_run_is_held_up_holds_are_seen_and_approved_and_no_other_run_begins() {
    let mut bench = company(40, &[("A", 0..10), ("B", 0..10)]);
    rules(&mut bench, "group_removals = { percent = 0, floor = 3 }", "");
    granted(&bench, &[("A", 5..10), ("B", 3..10)]);
    let id = only_id(&bench.plan());
    bench.simulator().inject(Fault::on("PUT", "/v1/groups/**", FaultKind::Hold { moment: Moment::Before }));
    let child = bench.start(&["apply", "--format", "json"]);
    bench.until_held();

    let told = [&["apply"][..], &["plan"], &["plan", "--format", "json"]].map(|args| bench.run(args).exits(14));
    for other in &told {
        assert_eq!((other.stdout.as_str(), filtered(&other.stderr)), ("", filtered(&told[0].stderr)));
    }
    insta::assert_snapshot!(filtered(&told[0].stderr), @r#"
    error: state file DIR/rosterd.db: another run is under way: apply (process PID on HOST), since TIME
    help: wait for it to end; `rosterd status` shows it
    "#);
    let shown = bench.run(&["holds"]).exits(0);
    assert!(shown.stdout.contains(&id), "{}", shown.stdout);
    let status = bench.run(&["status"]).exits(0);
    assert!(status.stdout.contains("apply (process "), "{}", status.stdout);
    approve(&bench, &[&id]);

    bench.simulator().clear_faults();
    bench.simulator().release();
    let run = bench.wait(child).exits(11).json();
    assert_eq!(run["outcome"], "held", "the run that was under way does not see the approval");
    assert_eq!((count(&bench, "A"), count(&bench, "B")), (10, 7));
    bench.apply(0);
    assert_eq!(count(&bench, "A"), 5);
    bench.in_step();
    bench.every_intent_has_an_outcome();
}

#[test]
fn after_a_kill_within_an_approved_batch_the_rest_still_passes() {
    for moment in [Moment::Before, Moment::After] {
        for call in 0..3 {
            let mut bench = company(40, &[("A", 0..10)]);
            bench.hyperproof.push_str("max_users_per_call = 2\nconcurrency = 1\n");
            rules(&mut bench, "group_removals = { percent = 0, floor = 3 }", "");
            granted(&bench, &[("A", 5..10)]);
            approve(&bench, &[&only_id(&bench.plan())]);
            bench.simulator().inject(Fault::on("PUT", "/v1/groups/**", FaultKind::Hold { moment }).skip(call));
            let mut child = bench.start(&["apply"]);
            bench.until_held();
            child.kill().unwrap();
            child.wait().unwrap();
            bench.until_abandoned();
            let run = bench.apply(0);
            assert_eq!(waiting(&run), [], "killed {moment:?} the effect of call {call}");
            assert_eq!(count(&bench, "A"), 5);
            bench.in_step();
            bench.every_intent_has_an_outcome();
        }
    }
}

// Grace.

#[test]
fn who_is_absent_is_removed_after_the_grace_and_who_is_disabled_at_once() {
    let mut bench = company(6, &[("A", 0..6)]);
    rules(&mut bench, "removal_grace = \"1s\"", "");
    granted(&bench, &[("A", 0..6)]);
    bench.apply(0);
    bench.people(&["A,p000,inactive", "A,p003", "A,p004", "A,p005"]);
    let first = bench.apply(0);
    assert_eq!(bench.members("A"), ["p001", "p002", "p003", "p004", "p005"], "the disabled one alone");
    let skips: Vec<&str> = first["skips"].as_array().unwrap().iter().filter_map(|skip| skip["why"].as_str()).collect();
    assert_eq!(skips.iter().filter(|why| **why == "grace").count(), 2, "{skips:?}");
    // p001 comes back within the grace: the clock starts anew when they go again.
    bench.people(&["A,p001", "A,p003", "A,p004", "A,p005"]);
    bench.apply(0);
    std::thread::sleep(Duration::from_millis(1100));
    bench.people(&["A,p003", "A,p004", "A,p005"]);
    bench.apply(0);
    assert_eq!(bench.members("A"), ["p001", "p003", "p004", "p005"]);
    // A plan moves no clock: only the apply before it started that of p001.
    bench.plan();
    std::thread::sleep(Duration::from_millis(1100));
    bench.apply(0);
    assert_eq!(bench.members("A"), ["p003", "p004", "p005"]);
    bench.in_step();
}

/// A service goes on with the file that it read; whoever looks while the file is being edited still sees what
/// waits, and can let it through. What rests on the broken part does not go on.
#[test]
fn a_mistake_elsewhere_in_the_file_hides_nothing_that_waits() {
    let mut bench = company(20, &[("Staff", 0..10)]);
    rules(&mut bench, "group_removals = { percent = 10, floor = 1 }", "");
    granted(&bench, &[("Staff", 0..5)]);
    let id = hold_ids(&bench.apply(11), "group_removals").remove(0);
    let good = std::mem::replace(&mut bench.rest, "[guard]\ngroup_remvals = 1\n".to_owned());
    bench.run(&["plan"]).exits(2);
    for args in [&["status"][..], &["holds"], &["audit", "list"], &["audit", "verify"], &["backup", "copy.db"]] {
        let ran = bench.run(args).exits(0);
        assert!(ran.stderr.contains("guard.group_remvals"), "{args:?}: {}", ran.stderr);
    }
    assert!(bench.run(&["holds"]).stdout.contains(&id));
    bench.run(&["approve", &id, "--by", "Ann", "--reason", "reviewed"]).exits(0);
    bench.rest = good;
    bench.apply(0);
    assert_eq!(bench.members("Staff").len(), 5);
    bench.in_step();
}

/// Nobody guesses where the state is, or who acts.
#[test]
fn a_mistake_about_the_state_stops_those_who_would_look_at_it() {
    let mut bench = company(1, &[("Staff", 0..1)]);
    rules(&mut bench, "", "[audit]\nsigning_ky = { credential = \"key\" }\n");
    let ran = bench.run(&["status"]).exits(2);
    assert!(ran.stderr.contains("audit.signing_ky"), "{}", ran.stderr);
}
