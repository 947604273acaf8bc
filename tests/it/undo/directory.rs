//! How long what was taken back stays held: until the directory says something else, or somebody does.

use super::*;

/// Taken back: Dan is out and still granted, Cem is in and not granted.
fn taken_back() -> Bench {
    let (bench, run) = swapped();
    undo_apply(&bench, &run).exits(0);
    bench.apply(11);
    bench
}

#[test]
fn the_directory_that_says_something_else_ends_the_waiting() {
    let bench = taken_back();
    bench.people(&["compliance,ann", "compliance,bob", "compliance,cem"]);
    let run = bench.apply(0);
    assert_eq!(reasons(&run), [""; 0]);
    assert!(bench.run(&["holds"]).exits(0).stdout.contains("Nothing waits."));
    bench.in_step();
    // What it says from now on is new, and goes the usual way.
    bench.people(&["compliance,ann", "compliance,bob", "compliance,dan"]);
    let run = bench.apply(0);
    assert_eq!(results(&run), ["add_member Compliance dan done", "remove_member Compliance cem done"]);
    bench.in_step();
}

#[test]
fn a_directory_that_was_not_read_to_its_end_ends_nothing() {
    let bench = taken_back();
    bench.people(&["compliance,ann", "compliance,bob", "compliance,cem,perhaps"]);
    bench.apply(13);
    bench.people(&["compliance,ann", "compliance,bob", "compliance,dan"]);
    let run = bench.apply(11);
    assert_eq!(rules(&run), ["undone", "undone"]);
    // Nor does a plan, or a run over some groups.
    bench.people(&["compliance,ann", "compliance,bob", "compliance,cem"]);
    bench.plan();
    bench.run(&["apply", "--group", "Compliance"]).exits(0);
    bench.people(&["compliance,ann", "compliance,bob", "compliance,dan"]);
    let run = bench.apply(11);
    assert_eq!(rules(&run), ["undone", "undone"]);
}

#[test]
fn a_missing_directory_group_ends_nothing() {
    let bench = taken_back();
    bench.people(&["other,eve"]);
    let run = bench.apply(11);
    assert!(rules(&run).contains(&"missing"), "{run:#}");
    bench.people(&["compliance,ann", "compliance,bob", "compliance,dan"]);
    assert_eq!(rules(&bench.apply(11)), ["undone", "undone"]);
}

#[test]
fn somebody_who_makes_the_change_by_hand_ends_it_too() {
    let bench = taken_back();
    by_hand(&bench, "dan", true);
    by_hand(&bench, "cem", false);
    bench.apply(0);
    bench.in_step();
    by_hand(&bench, "dan", false);
    by_hand(&bench, "cem", true);
    let run = bench.apply(0);
    assert_eq!(
        results(&run),
        ["add_member Compliance dan done", "remove_member Compliance cem done"],
        "drift like any other"
    );
    bench.in_step();
}

#[test]
fn nobody_is_let_through_by_a_run_that_reads_no_directory() {
    let (bench, run) = swapped();
    // A run that found everything as it was left, and then an undo: the next one must look.
    let run_before = bench.apply(0);
    assert!(run_before["sources"][0]["evidence"].as_str().unwrap().starts_with("not read"), "{run_before:#}");
    undo_apply(&bench, &run).exits(0);
    let held = bench.apply(11);
    assert_eq!(rules(&held), ["undone", "undone"]);
    assert_eq!(rules(&bench.apply(11)), ["undone", "undone"]);
}

#[test]
fn an_account_that_cannot_be_added_now_is_still_held_when_it_can() {
    let bench = taken_back();
    edit(&bench, Edit::HideUser { user: address("dan"), hidden: true });
    let run = bench.apply(11);
    assert_eq!(skips(&run), ["Compliance dan no_account"]);
    edit(&bench, Edit::HideUser { user: address("dan"), hidden: false });
    assert_eq!(rules(&bench.apply(11)), ["undone", "undone"]);
}
