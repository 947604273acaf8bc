//! What an undo leaves alone: later edits, what is protected, what is gone; and what the guard holds.

use rosterd::simulator::{Edit, Fault, FaultKind, Moment, World};

use super::*;

#[test]
fn later_edits_by_hand_are_listed_and_stay() {
    let (bench, run) = swapped();
    by_hand(&bench, "cem", true);
    by_hand(&bench, "dan", false);
    let plan = undo(&bench, &run).exits(0).json();
    assert_eq!(reasons(&plan), [""; 0]);
    assert_eq!(skips(&plan), ["Compliance cem later_edit", "Compliance dan later_edit"]);
    let report = undo_apply(&bench, &run).exits(0).json();
    assert_eq!(report["outcome"], "in_step");
    assert_eq!(bench.members("Compliance"), ["ann", "bob", "cem"]);
    // Nothing was taken back, so nothing waits: it is drift.
    let run = bench.apply(0);
    assert_eq!(reasons(&run), ["add_member Compliance dan drift_removed", "remove_member Compliance cem drift_added"]);
    bench.in_step();
}

#[test]
fn later_edits_by_rosterd_are_listed_and_stay() {
    let (bench, run) = swapped();
    bench.people(&["compliance,ann", "compliance,bob", "compliance,cem"]);
    let later = run_id(&bench.apply(0));
    bench.people(&["compliance,ann", "compliance,bob", "compliance,cem", "compliance,dan"]);
    let last = run_id(&bench.apply(0));
    let plan = undo(&bench, &run).exits(0).json();
    assert_eq!(reasons(&plan), [""; 0], "Dan is a member by another run");
    let details: Vec<&str> =
        plan["skips"].as_array().unwrap().iter().map(|skip| skip["detail"].as_str().unwrap()).collect();
    assert!(details[0].starts_with(&format!("added by run {later} at ")), "{details:?}");
    assert!(details[1].starts_with(&format!("added by run {last} at ")), "{details:?}");
    bench.in_step();
}

#[test]
fn an_addition_that_somebody_made_again_is_theirs() {
    let (mut bench, run) = swapped();
    by_hand(&bench, "dan", false);
    // A run sees that it is gone; it may not put it back.
    let rest = bench.rest.clone();
    bench.rest.push_str("[group.Compliance]\nmode = \"report\"\n");
    bench.run(&["apply"]).exits(0);
    by_hand(&bench, "dan", true);
    bench.rest = rest;
    let plan = undo(&bench, &run).exits(0).json();
    assert_eq!(reasons(&plan), ["add_member Compliance cem undo"]);
    assert_eq!(skips(&plan), ["Compliance dan later_edit"]);
}

#[test]
fn accounts_that_may_not_be_touched_are_listed() {
    let (mut bench, run) = swapped();
    edit(&bench, Edit::DeactivateUser { user: address("cem") });
    bench.rest.push_str("[group.Compliance]\nkeep = [\"dan@corp.example\"]\n");
    let plan = undo(&bench, &run).exits(0).json();
    assert_eq!(reasons(&plan), [""; 0]);
    assert_eq!(skips(&plan), ["Compliance cem inactive_account", "Compliance dan protected"]);
    edit(&bench, Edit::HideUser { user: address("cem"), hidden: true });
    bench.rest = bench.rest.replace("keep = [\"dan@corp.example\"]", "mode = \"add-only\"");
    bench.rest.push_str("[identity]\nignore = [\"nobody@*\"]\n");
    assert_eq!(skips(&undo(&bench, &run).exits(0).json()), ["Compliance cem no_account", "Compliance dan mode"]);
    edit(&bench, Edit::HideUser { user: address("cem"), hidden: false });
    bench.rest = bench.rest.replace("nobody@*", "dan@*\", \"cem@*").replace("add-only", "owned");
    assert_eq!(skips(&undo_apply(&bench, &run).exits(0).json()), ["Compliance cem ignored", "Compliance dan ignored"]);
    bench.rest = bench.rest.replace("ignore = [\"dan@*\", \"cem@*\"]", "ignore = []");
    assert_eq!(results(&undo_apply(&bench, &run).exits(0).json()), ["remove_member Compliance dan done"]);
    assert_eq!(bench.members("Compliance"), ["ann", "bob"]);
}

#[test]
fn a_group_in_report_mode_is_only_reported() {
    let (mut bench, run) = swapped();
    bench.rest.push_str("[group.Compliance]\nmode = \"report\"\n");
    let report = undo_apply(&bench, &run).exits(0).json();
    assert_eq!(results(&report), ["add_member Compliance cem report", "remove_member Compliance dan report"]);
    assert_eq!(bench.members("Compliance"), ["ann", "bob", "dan"]);
    bench.in_step();
}

#[test]
fn a_group_that_is_gone_archived_or_unmapped_is_left_alone() {
    let (mut bench, run) = swapped();
    bench.simulator().change(|world| _ = world.add_group("Board", &[]));
    edit(&bench, Edit::ArchiveGroup { group: "Compliance".into() });
    let plan = undo(&bench, &run).exits(12).json();
    assert_eq!(reasons(&plan), [""; 0]);
    assert!(crate::support::doc::problems(&plan).contains("is archived in Hyperproof"), "{plan:#}");
    undo_apply(&bench, &run).exits(12);
    edit(&bench, Edit::RestoreGroup { group: "Compliance".into() });
    let rest = bench.rest.clone();
    bench.rest = bench.rest.replace("to = \"Compliance\"", "to = \"Other\"");
    let plan = undo_apply(&bench, &run).exits(12).json();
    assert_eq!(results(&plan), [""; 0]);
    assert!(crate::support::doc::problems(&plan).contains("no mapping yields it any more"), "{plan:#}");
    bench.rest = rest;
    // Renamed by hand is still the same group.
    edit(&bench, Edit::RenameGroup { group: "Compliance".into(), name: "Conformity".into() });
    undo_apply(&bench, &run).exits(0);
    assert_eq!(bench.members("Conformity"), ["ann", "bob", "cem"]);
    edit(&bench, Edit::DropGroup { group: "Conformity".into() });
    let report = undo(&bench, &run).exits(12).json();
    assert!(crate::support::doc::problems(&report).contains("is no longer in Hyperproof"), "{report:#}");
}

#[test]
fn a_group_that_was_created_stays_without_its_members() {
    let mut bench = Bench::small();
    bench.apply(0);
    bench.rest.push_str(
        "[[mapping]]\nsource = \"hr\"\ngroup = \"audit\"\nto = \"Audit\"\n\
         [group.Audit]\ncreate = true\nlead = \"dan@corp.example\"\n",
    );
    bench.people(&["compliance,ann", "compliance,bob", "compliance,cem", "audit,dan", "audit,eve"]);
    let run = run_id(&bench.apply(0));
    let plan = undo(&bench, &run).exits(11).json();
    assert_eq!(rules(&plan), ["empty"]);
    assert!(crate::support::doc::problems(&plan).contains("was created by that run and stays"), "{plan:#}");
    bench.rest.push_str("allow_empty = true\n");
    let report = undo_apply(&bench, &run).exits(0).json();
    assert_eq!(
        results(&report),
        ["clear_lead Audit - done", "remove_member Audit dan done", "remove_member Audit eve done"]
    );
    assert_eq!(bench.members("Audit"), [""; 0]);
    let run = bench.apply(11);
    assert_eq!(rules(&run), ["undone", "undone", "undone"]);
    assert_eq!(run["results"]["added"], 0);
    bench.run(&["approve", run["digest"].as_str().unwrap(), "--by", "Ann", "--reason", "after all"]).exits(0);
    bench.apply(0);
    assert_eq!(bench.members("Audit"), ["dan", "eve"]);
    bench.in_step();
}

#[test]
fn a_lead_comes_back_and_a_later_one_stays() {
    let mut bench = Bench::small();
    let lead = |bench: &Bench| {
        let world = bench.simulator().world();
        let lead = world.groups[0].lead.clone()?;
        world.users.iter().find(|user| user.user_id == lead)?.email.clone()
    };
    bench.rest.push_str("[group.Compliance]\nlead = \"ann@corp.example\"\n");
    let first = run_id(&bench.apply(0));
    bench.rest = bench.rest.replace("lead = \"ann@", "lead = \"bob@");
    let second = run_id(&bench.apply(0));
    assert_eq!(skips(&undo(&bench, &first).exits(0).json()), ["Compliance ann later_edit"]);
    assert_eq!(results(&undo_apply(&bench, &second).exits(0).json()), ["set_lead Compliance ann done"]);
    assert_eq!(lead(&bench), Some(address("ann")));
    let held = bench.apply(11);
    assert_eq!(results(&held), ["set_lead Compliance bob held"]);
    assert_eq!(rules(&held), ["undone"]);
    // The configuration says something else.
    bench.rest = bench.rest.replace("lead = \"bob@", "lead = \"\"#");
    bench.apply(0);
    assert_eq!(lead(&bench), None);
    bench.rest = bench.rest.replace("lead = \"\"#", "lead = \"bob@");
    let third = run_id(&bench.apply(0));
    assert_eq!(lead(&bench), Some(address("bob")));
    let bob = bench.simulator().world().user(&address("bob")).unwrap().user_id.clone();
    bench.simulator().change(|world| world.groups[0].lead = None);
    assert_eq!(skips(&undo(&bench, &third).exits(0).json()), ["Compliance bob later_edit"]);
    bench.simulator().change(|world| world.groups[0].lead = Some(bob));
    assert_eq!(results(&undo_apply(&bench, &third).exits(0).json()), ["clear_lead Compliance - done"]);
    let held = bench.apply(11);
    approve(&bench, &hold_ids(&held, "undone")[0]);
    bench.apply(0);
    assert_eq!(lead(&bench), Some(address("bob")));
    bench.in_step();
}

/// `Staff` with 30 people whom one run added.
fn many() -> (Bench, String) {
    let mut world = World::new("Corp");
    for at in 0..40 {
        world.add_user(&address(&format!("p{at:02}")));
    }
    world.add_group("Staff", &["p30@corp.example", "p31@corp.example"]);
    let mut bench = Bench::new(world);
    bench.rest = bench.rest.replace("compliance", "staff").replace("Compliance", "Staff");
    bench.rest = bench.rest.replace("[guard]", "[guard]\ngroup_adds = { percent = 100, floor = 100 }");
    bench.people(&["staff,p30", "staff,p31"]);
    bench.apply(0);
    let rows: Vec<String> = (0..32).map(|at| format!("staff,p{at:02}")).collect();
    bench.people(&rows.iter().map(String::as_str).collect::<Vec<_>>());
    let run = run_id(&bench.apply(0));
    assert_eq!(bench.members("Staff").len(), 32);
    (bench, run)
}

#[test]
fn a_large_undo_is_held_and_an_approval_lets_it_through() {
    let (bench, run) = many();
    let plan = undo(&bench, &run).exits(11).json();
    assert_eq!(rules(&plan), ["group_removals"], "{plan:#}");
    let hold = hold_ids(&plan, "group_removals").remove(0);
    // Another run knows nothing of it, and leaves it waiting.
    bench.apply(0);
    assert!(bench.run(&["holds"]).exits(0).stdout.contains(&format!("undo of run {run}: 30 removals")));
    let report = undo_apply(&bench, &run).exits(11).json();
    assert_eq!(hold_ids(&report, "group_removals"), [hold.as_str()], "the same in plan and run");
    assert_eq!((&report["outcome"], &report["results"]["removed"]), (&"held".into(), &0.into()));
    bench.apply(0);
    let told = bench.run(&["approve", &hold, "--by", "Ann", "--reason", "wrong export"]).exits(0).stdout;
    assert!(told.contains(&format!("rosterd undo {run} --apply")), "{told}");
    bench.apply(0);
    assert_eq!(bench.members("Staff").len(), 32, "an ordinary run takes nothing back");
    let report = undo_apply(&bench, &run).exits(0).json();
    assert_eq!(report["results"]["removed"], 30);
    assert_eq!(bench.members("Staff"), ["p30", "p31"]);
    let outcome = bench.audit().into_iter().rfind(|record| record["event"] == "outcome").unwrap();
    assert_eq!((&outcome["reason"], &outcome["approval"]["by"]), (&"undo".into(), &"Ann".into()));
    // Thirty that wait, each by itself, and they fill no limit: others go ahead.
    let mut rows: Vec<String> = (0..32).map(|at| format!("staff,p{at:02}")).collect();
    rows.push("staff,p35".into());
    bench.people(&rows.iter().map(String::as_str).collect::<Vec<_>>());
    let run = bench.apply(11);
    assert_eq!(hold_ids(&run, "undone").len(), 30);
    assert_eq!(rules(&run).len(), 30, "no other rule");
    assert_eq!(run["results"]["added"], 1);
    assert_eq!(bench.members("Staff"), ["p30", "p31", "p35"]);
    let waiting = bench.run(&["holds"]).exits(0).stdout;
    assert!(waiting.contains("30 waiting, 0 approved"), "{waiting}");
}

#[test]
fn what_would_be_too_few_or_leave_out_the_expected_is_held() {
    let (mut bench, run) = swapped();
    by_hand(&bench, "cem", true);
    by_hand(&bench, "ann", false);
    bench.rest.push_str("[group.Compliance]\nmin_members = 3\n");
    assert_eq!(rules(&undo(&bench, &run).exits(11).json()), ["min_members"]);
    bench.rest = bench.rest.replace("min_members = 3", "expect = [\"dan@corp.example\", \"eve@corp.example\"]");
    let plan = undo(&bench, &run).exits(11).json();
    assert_eq!(rules(&plan), ["expect"]);
    assert!(plan["holds"][0]["text"].as_str().unwrap().ends_with("expected and not granted: dan@corp.example"));
}

#[test]
fn one_run_at_a_time_and_hyperproof_must_be_readable() {
    let (mut bench, run) = swapped();
    bench.simulator().inject(Fault::on("PUT", "/v1/groups/**", FaultKind::Hold { moment: Moment::Before }));
    let child = bench.start(&["undo", &run, "--apply"]);
    bench.until_held();
    for args in [&["undo", run.as_str()][..], &["undo", &run, "--apply"], &["apply"]] {
        let ran = bench.run(args).exits(14);
        assert!(ran.stderr.contains("another run is under way: undo"), "{}", ran.stderr);
    }
    bench.simulator().release();
    bench.wait(child).exits(0);
    bench.stop_simulator();
    let plan = undo(&bench, &run).exits(13).json();
    assert_eq!((&plan["complete"], &plan["undo_of"]), (&false.into(), &run.as_str().into()));
    let report = undo_apply(&bench, &run).exits(13).json();
    assert_eq!(report["outcome"], "unread");
    bench.run(&["audit", "verify"]).exits(0);
}

#[test]
fn it_works_while_the_directory_does_not() {
    let (bench, run) = swapped();
    std::fs::remove_file(bench.path("people.csv")).unwrap();
    undo_apply(&bench, &run).exits(0);
    assert_eq!(bench.members("Compliance"), ["ann", "bob", "cem"]);
    bench.apply(13);
    assert_eq!(bench.members("Compliance"), ["ann", "bob", "cem"]);
    bench.people(&["compliance,ann", "compliance,bob", "compliance,cem"]);
    bench.apply(0);
    bench.in_step();
}

/// The directory has another address for her than Hyperproof, and that one is kept (or ignored).
#[test]
fn whoever_is_kept_by_another_address_stays() {
    for rule in ["[group.Compliance]\nkeep = [\"ann.alias@corp.example\"]\n", "[identity]\nignore = [\"ann.a*@*\"]\n"] {
        let mut bench = Bench::new({
            let mut world = World::new("Corp");
            for name in ["ann", "bob"] {
                world.add_user(&address(name));
            }
            world.add_group("Compliance", &["bob@corp.example"]);
            world
        });
        let rows = "group,email,status,id\ncompliance,bob@corp.example,,2\n";
        bench.write("people.csv", rows);
        bench.apply(0);
        let ann = "compliance,ann@corp.example,,1\ncompliance,ann.alias@corp.example,,1\n";
        bench.write("people.csv", &format!("{rows}{ann}"));
        let run = run_id(&bench.apply(0));
        assert_eq!(bench.members("Compliance"), ["ann", "bob"]);
        bench.rest.push_str(rule);
        let plan = undo(&bench, &run).exits(0).json();
        assert_eq!(reasons(&plan), [""; 0], "{rule}");
        let why = if rule.contains("keep") { "protected" } else { "ignored" };
        assert_eq!(skips(&plan), [format!("Compliance ann {why}")]);
        undo_apply(&bench, &run).exits(0);
        assert_eq!(bench.members("Compliance"), ["ann", "bob"]);
        // Without what the last run knew of the directory, nobody can tell whom the rule means.
        crate::state::meddle(&bench.state(), "DELETE FROM fact");
        let plan = undo(&bench, &run).exits(0).json();
        assert_eq!(reasons(&plan), [""; 0], "{rule}");
    }
}
