//! What becomes of an approval: used, used again, left over, one of several on the same change.

use crate::holds::{approve, company, count, granted, hold, ids, only_id, rules, waiting};
use crate::support::bench::Bench;

/// A group of ten that a run has settled; more than three removals are held.
fn settled() -> Bench {
    let mut bench = company(40, &[("A", 0..10)]);
    rules(&mut bench, "group_removals = { percent = 0, floor = 3 }", "");
    granted(&bench, &[("A", 0..10)]);
    bench.apply(0);
    bench
}

fn shown(bench: &Bench) -> String {
    bench.run(&["holds"]).exits(0).stdout
}

/// The same removals once more, after they were approved, made, and taken back in the directory: they wait
/// anew, and the used approval hides nothing.
#[test]
fn what_was_approved_and_done_can_be_approved_again_when_it_waits_anew() {
    let bench = settled();
    granted(&bench, &[("A", 5..10)]);
    let id = only_id(&bench.apply(11));
    approve(&bench, &[&id]);
    bench.apply(0);
    granted(&bench, &[("A", 0..10)]);
    bench.apply(0);
    assert_eq!(count(&bench, "A"), 10);
    granted(&bench, &[("A", 5..10)]);
    // A mere plan finds it too.
    for run in [bench.plan(), bench.apply(11)] {
        assert_eq!(only_id(&run), id);
        assert_eq!(waiting(&run), [hold("group_removals", 3, 5, 5)]);
        let told = shown(&bench);
        assert!(told.contains(&format!("rosterd approve {id}")) && told.ends_with("1 waiting, 0 approved\n"), "{told}");
        let status = bench.run(&["status"]).exits(0).stdout;
        assert!(status.contains(&format!("1 hold waiting for approval: {id}")), "{status}");
    }
    approve(&bench, &[&id]);
    bench.apply(0);
    assert_eq!(count(&bench, "A"), 5);
    assert!(shown(&bench).contains("0 waiting, 0 approved"), "{}", shown(&bench));
    bench.in_step();
}

/// Four of five passed by an approval. When all five wait again, what is left of it does not let them through,
/// and so they are not shown as approved.
#[test]
fn an_approval_of_which_most_has_passed_does_not_make_a_new_hold_look_approved() {
    let bench = settled();
    granted(&bench, &[("A", 5..10)]);
    let id = only_id(&bench.apply(11));
    approve(&bench, &[&id]);
    granted(&bench, &[("A", 4..10)]);
    bench.apply(0);
    granted(&bench, &[("A", 0..10)]);
    bench.run(&["apply", "--group", "A"]).exits(0);
    granted(&bench, &[("A", 5..10)]);
    assert_eq!(only_id(&bench.apply(11)), id);
    let told = shown(&bench);
    assert!(told.contains(&format!("rosterd approve {id}")) && told.contains("1 waiting, 0 approved"), "{told}");
    approve(&bench, &[&id]);
    bench.apply(0);
    bench.in_step();
}

/// A person approves, and the directory is mended before the next run: that run finds nothing of what was
/// approved, and the approval ends with it. The same cut days later is another event.
#[test]
fn an_approval_ends_with_its_hold_and_lets_nothing_through_later() {
    let bench = settled();
    granted(&bench, &[("A", 5..10)]);
    let id = only_id(&bench.apply(11));
    bench.run(&["approve", &id, "--by", "Ann", "--reason", "checked", "--expires", "7d"]).exits(0);
    granted(&bench, &[("A", 0..10)]);
    // Nothing was read: nobody knows whether it still waits.
    bench.write("people.csv", "no headings at all\n");
    bench.apply(13);
    granted(&bench, &[("A", 0..10)]);
    // Some groups alone are no full run. The approval stands, and shows.
    bench.run(&["apply", "--group", "A"]).exits(0);
    let told = shown(&bench);
    assert!(told.contains("Approved, and not used yet") && told.contains(&id) && told.contains("until "), "{told}");
    assert!(told.contains("remove p000@corp.example") || told.contains("5 changes may pass once"), "{told}");
    assert!(told.ends_with("0 waiting, 0 approved, 1 approval not used yet\n"), "{told}");
    // A mere plan moves nothing.
    bench.in_step();
    assert!(shown(&bench).contains(&id), "{}", shown(&bench));
    bench.apply(0);
    assert!(shown(&bench).ends_with("Nothing waits.\n0 waiting, 0 approved\n"), "{}", shown(&bench));
    let audit = bench.audit();
    let ended: Vec<_> = audit.iter().filter(|record| record.get("approvals_ended").is_some()).collect();
    let [last] = ended[..] else { panic!("{ended:?}") };
    assert_eq!((&last["event"], &last["approvals_ended"][0]["hold"]), (&"run_finished".into(), &id.clone().into()));
    let approval = audit.iter().find(|record| record["event"] == "approval").unwrap();
    assert_eq!(last["approvals_ended"][0]["number"], approval["approval"]["number"]);

    granted(&bench, &[("A", 5..10)]);
    assert_eq!(waiting(&bench.apply(11)), [hold("group_removals", 3, 5, 5)]);
    assert_eq!(count(&bench, "A"), 10);
    approve(&bench, &[&id]);
    bench.apply(0);
    assert_eq!(count(&bench, "A"), 5);
    bench.in_step();
}

/// Who approves one of two holds on the same changes is told that the other one still holds them, and what to do.
#[test]
fn approving_one_of_two_holds_tells_of_the_other() {
    let mut bench = company(40, &[("A", 0..10)]);
    rules(&mut bench, "group_removals = { percent = 0, floor = 3 }", "[group.A]\nmin_members = 8\n");
    granted(&bench, &[("A", 5..10)]);
    let plan = bench.plan();
    let (removals, few) = (ids(&plan, "group_removals").remove(0), ids(&plan, "min_members").remove(0));
    let args = |id: &str| ["approve", id, "--by", "Ann", "--reason", "checked"].map(str::to_owned);
    let told = |id: &str| bench.run(&args(id).each_ref().map(String::as_str)).exits(0).stdout;
    let first = told(&removals);
    assert!(first.contains(&format!("{few} [min_members] still holds all of it: rosterd approve {few}")), "{first}");
    assert!(first.contains("but for those that another hold still holds") && !first.contains("exactly"), "{first}");
    let second = told(&few);
    assert!(!second.contains("still holds") && second.contains("exactly these changes"), "{second}");
    bench.apply(0);
    assert_eq!(count(&bench, "A"), 5);
    bench.in_step();
}

/// A limit does not measure what a person let through by a condition: nothing of the limit is left to tell of.
#[test]
fn a_limit_that_will_not_measure_what_was_approved_is_not_told_of() {
    let mut bench = company(40, &[("A", 0..10)]);
    rules(&mut bench, "group_removals = { percent = 0, floor = 3 }", "[group.A]\nmin_members = 8\n");
    granted(&bench, &[("A", 5..10)]);
    let few = ids(&bench.plan(), "min_members").remove(0);
    let told = bench.run(&["approve", &few, "--by", "Ann", "--reason", "checked"]).exits(0).stdout;
    assert!(!told.contains("still holds") && told.contains("exactly these changes"), "{told}");
    bench.apply(0);
    assert_eq!(count(&bench, "A"), 5);
}

/// A hold that mere plans alone found goes with the plan that read everything and does not find it.
#[test]
fn a_plan_with_nothing_to_do_leaves_no_hold_of_earlier_plans() {
    let bench = settled();
    granted(&bench, &[("A", 5..10)]);
    let id = only_id(&bench.plan());
    bench.write("people.csv", "group,em");
    bench.run(&["plan"]).exits(13);
    let told = shown(&bench);
    assert!(told.contains(&id) && told.contains("found last"), "it was not judged: {told}");
    granted(&bench, &[("A", 0..10)]);
    bench.in_step();
    assert!(shown(&bench).ends_with("Nothing waits.\n0 waiting, 0 approved\n"), "{}", shown(&bench));
    bench.run(&["approve", &id, "--by", "Ann", "--reason", "checked"]).exits(2);
    // What a run found, a run closes; until then it is told that the newest plan does not have it.
    granted(&bench, &[("A", 5..10)]);
    bench.apply(11);
    granted(&bench, &[("A", 0..10)]);
    bench.in_step();
    let told = shown(&bench);
    assert!(told.contains(&id) && told.contains("the newest plan does not tell of it"), "{told}");
    bench.apply(0);
    assert!(shown(&bench).ends_with("Nothing waits.\n0 waiting, 0 approved\n"), "{}", shown(&bench));
}

/// A change that two people let through, each by one rule, names both wherever it is told of.
#[test]
fn all_who_let_a_change_through_are_told() {
    let mut bench = company(40, &[("A", 0..10)]);
    rules(&mut bench, "group_removals = { percent = 0, floor = 3 }", "[group.A]\nmin_members = 8\n");
    granted(&bench, &[("A", 5..10)]);
    let plan = bench.plan();
    for (rule, by, ticket) in [("group_removals", "Maria", "T-1"), ("min_members", "Moritz", "T-2")] {
        let id = ids(&plan, rule).remove(0);
        bench.run(&["approve", &id, "--by", by, "--reason", "checked", "--ticket", ticket]).exits(0);
    }
    bench.apply(0);
    assert_eq!(count(&bench, "A"), 5);
    let audit = bench.audit();
    let made: Vec<_> =
        audit.iter().filter(|record| record["event"] == "intent" || record["event"] == "outcome").collect();
    assert_eq!(made.len(), 10);
    for record in made {
        let by: Vec<&str> =
            record["approvals"].as_array().unwrap().iter().map(|one| one["by"].as_str().unwrap()).collect();
        assert_eq!(by, ["Maria", "Moritz"], "{record}");
        assert!(by.contains(&record["approval"]["by"].as_str().unwrap()), "{record}");
    }
    let told = bench.run(&["explain", "p000@corp.example", "A"]).exits(0).stdout;
    assert!(told.contains("approved by Maria") && told.contains("approved by Moritz"), "{told}");
    bench.run(&["audit", "export", "--from", "2000-01-01", "--out", "pack"]).exits(0);
    let table = std::fs::read_to_string(bench.path("pack").join("population.csv")).unwrap();
    assert_eq!(table.matches("Maria; Moritz").count(), 5, "{table}");
    assert_eq!(table.matches("T-1; T-2").count(), 5, "{table}");
    bench.run(&["audit", "verify", "pack"]).exits(0);
    bench.in_step();
}

/// A plan that could not judge a hold has no addresses for it; the last run had.
#[test]
fn people_under_a_hold_are_named_also_while_the_source_cannot_be_read() {
    let bench = settled();
    granted(&bench, &[("A", 5..10)]);
    bench.apply(11);
    bench.write("people.csv", "no headings at all\n");
    bench.apply(13);
    let told = shown(&bench);
    assert!(told.contains("remove p000@corp.example") && !told.contains("account "), "{told}");
}
