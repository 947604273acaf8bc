//! The checkpoint file: only ever appended to, whatever becomes of it, and checked by itself.

use super::{lines, three_runs, verify, with_key};
use crate::state::Disk;
use crate::support::bench::Bench;

fn trouble(bench: &Bench) -> Option<String> {
    let status = bench.run(&["status"]).exits(0).stdout;
    status.lines().find(|line| line.starts_with("Checkpoints")).map(str::to_owned)
}

#[test]
fn a_share_that_is_gone_costs_no_run_and_gets_what_is_missing_when_it_is_back() {
    let bench = with_key();
    bench.apply(0);
    let before = std::fs::read(bench.path("worm/checkpoints")).unwrap();
    std::fs::rename(bench.path("worm"), bench.path("away")).unwrap();
    for _ in 0..2 {
        let ran = bench.run(&["apply"]).exits(0);
        assert!(ran.stderr.contains("checkpoints were not written to their file"), "{}", ran.stderr);
    }
    assert!(trouble(&bench).unwrap().contains("it is not there, and had checkpoints up to seq 4"));
    let told = verify(&bench, &["--pubkey", "pub.pem"]).exits(0).stdout;
    assert!(told.contains("note: ") && told.contains("was not compared: "), "{told}");
    // The place of the share alone, without it: nothing is begun there.
    std::fs::create_dir(bench.path("worm")).unwrap();
    bench.apply(0);
    assert!(!bench.path("worm/checkpoints").exists());
    std::fs::remove_dir(bench.path("worm")).unwrap();
    std::fs::rename(bench.path("away"), bench.path("worm")).unwrap();
    let told = verify(&bench, &["--pubkey", "pub.pem"]).exits(0).stdout;
    assert!(told.contains("does not have the last 3 checkpoints yet: the next run writes them"), "{told}");
    bench.apply(0);
    assert_eq!(lines(&bench).len(), 5);
    assert!(std::fs::read(bench.path("worm/checkpoints")).unwrap().starts_with(&before));
    assert_eq!(trouble(&bench), None);
    verify(&bench, &["--pubkey", "pub.pem"]).exits(0);
    bench.in_step();
}

#[test]
fn a_line_that_was_cut_off_is_ended_and_written_again() {
    let bench = three_runs();
    let path = bench.path("worm/checkpoints");
    let text = std::fs::read_to_string(&path).unwrap();
    for cut in [1, 100] {
        std::fs::write(&path, &text[..text.len() - cut]).unwrap();
        let told = verify(&bench, &["--pubkey", "pub.pem"]);
        match cut {
            1 => drop(told.exits(0)),
            // The state knows that this one was written as a whole.
            _ => assert!(
                told.exits(15).stdout.contains("the checkpoint of seq 14 was written to it, and it has lost it")
            ),
        }
        let ran = bench.run(&["apply"]).exits(0);
        assert!(ran.stderr.contains("written again"), "{}", ran.stderr);
        let now = std::fs::read_to_string(&path).unwrap();
        assert!(now.starts_with(&text[..text.len() - cut]), "nothing is taken back");
        verify(&bench, &["--pubkey", "pub.pem"]).exits(0);
        assert!(trouble(&bench).is_some());
        bench.apply(0);
        assert_eq!(trouble(&bench), None);
        // Back to where it was: the state has more than the file now.
    }
}

#[test]
fn a_file_that_was_changed_cut_or_put_in_another_order_is_found() {
    let bench = three_runs();
    let path = bench.path("worm/checkpoints");
    let whole = lines(&bench);
    let write =
        |lines: &[&str]| std::fs::write(&path, lines.iter().map(|line| format!("{line}\n")).collect::<String>());
    let [a, b, c] = [0, 1, 2].map(|at| whole[at].as_str());
    let told = |keys: bool| {
        let args: &[&str] = if keys { &["--pubkey", "pub.pem"] } else { &[] };
        verify(&bench, args).exits(15).stdout
    };
    write(&[a, c, b]).unwrap();
    assert!(told(false).contains("does not verify: line 3: its checkpoint of seq 11 is out of order"));
    write(&[a, c]).unwrap();
    assert!(told(false).contains("it does not have the checkpoint of seq 11, and has later ones"));
    write(&[a, b]).unwrap();
    assert!(told(false).contains("the checkpoint of seq 14 was written to it, and it has lost it"));
    std::fs::write(&path, "").unwrap();
    assert!(told(false).contains("the checkpoint of seq 6 was written to it, and it has lost it"));
    let edited = b.replace("\"at\":\"2", "\"at\":\"1");
    write(&[a, &edited, c]).unwrap();
    assert!(told(true).contains("does not verify: line 2: the signature of the checkpoint is not the key's"));
    assert!(told(false).contains("First bad record: seq 11: the checkpoint is another than line 2 of"));
    write(&[a, "a word", b, c]).unwrap();
    assert!(told(false).contains("does not verify: line 2: it is no checkpoint"));
    write(&[a, b, c, "a word"]).unwrap();
    assert!(told(false).contains("does not verify: line 4: it is no checkpoint"));
    write(&[a, &b.replace(":{", ": {"), c]).unwrap();
    assert!(told(false).contains("does not verify: line 2: it is not as it was written"));
    let start = bench.run(&["audit", "list", "--format", "jsonl", "--limit", "14"]).exits(0).stdout;
    write(&[start.lines().next().unwrap(), a, b, c]).unwrap();
    assert!(told(false).contains("does not verify: line 1: it is no checkpoint"));
    // What was before the file is no gap in it, and a line that is there twice is no other one.
    write(&[b, b, c]).unwrap();
    let fine = verify(&bench, &["--pubkey", "pub.pem"]).exits(0).stdout;
    assert!(
        fine.contains("2 checkpoints, 2 found") && fine.contains("does not have the first 1 checkpoints"),
        "{fine}"
    );
    write(&[a, b, c]).unwrap();
    verify(&bench, &["--pubkey", "pub.pem"]).exits(0);
}

#[test]
fn a_file_of_something_else_is_left_alone() {
    let bench = with_key();
    bench.write("worm/checkpoints", "my notes\n");
    let ran = bench.run(&["apply"]).exits(0);
    assert!(ran.stderr.contains("it has something else in it than checkpoints"), "{}", ran.stderr);
    assert_eq!(lines(&bench), ["my notes"]);
    std::fs::remove_file(bench.path("worm/checkpoints")).unwrap();
    std::fs::create_dir(bench.path("worm/checkpoints")).unwrap();
    let ran = bench.run(&["apply"]).exits(0);
    assert!(ran.stderr.contains("it is not a file"), "{}", ran.stderr);
    std::fs::remove_dir(bench.path("worm/checkpoints")).unwrap();
    // It had none of this log yet, and gets all of it now.
    bench.apply(0);
    assert_eq!(lines(&bench).len(), 3);
    bench.in_step();
}

#[test]
fn a_copy_of_the_file_and_a_copy_of_the_state_are_compared_without_a_configuration() {
    let bench = three_runs();
    bench.run(&["backup", "copy.db"]).exits(0);
    std::fs::copy(bench.path("worm/checkpoints"), bench.path("kept")).unwrap();
    let path = |name: &str| bench.path(name).display().to_string();
    let verify = |log: &str| {
        let args = ["audit", "verify", &path(log), "--pubkey", &path("pub.pem"), "--checkpoints", &path("kept")];
        crate::support::bench::rosterd(&args)
    };
    assert!(verify("copy.db").exits(0).stdout.contains("3 checkpoints, 3 found"));
    bench.write("log.jsonl", &bench.run(&["audit", "list", "--format", "jsonl"]).exits(0).stdout);
    assert!(verify("log.jsonl").exits(0).stdout.contains("3 checkpoints, 3 found"));
    let part: String = std::fs::read_to_string(bench.path("log.jsonl"))
        .unwrap()
        .lines()
        .take(11)
        .fold(String::new(), |text, line| text + line + "\n");
    bench.write("part.jsonl", &part);
    let told = verify("part.jsonl").exits(0).stdout;
    assert!(told.contains("goes on with 1 checkpoints after the last record here"), "{told}");
    std::fs::write(bench.path("kept"), format!("{}\n", lines(&bench)[1].replace("\"seq\":11", "\"seq\":12"))).unwrap();
    assert!(verify("copy.db").exits(15).stdout.contains("line 1: the checkpoint is not of the record before it"));
    std::fs::remove_file(bench.path("kept")).unwrap();
    verify("copy.db").exits(2);
}

#[test]
fn a_share_without_room_costs_no_run_either() {
    let bench = with_key();
    let Some(disk) = Disk::mount(bench.path("worm"), "64k") else { return };
    bench.apply(0);
    disk.fill();
    // What is left of the last block may hold some.
    let full = (0..20).any(|_| bench.run(&["apply"]).exits(0).stderr.contains("checkpoints were not written"));
    assert!(full, "{} lines", lines(&bench).len());
    assert!(trouble(&bench).is_some());
    verify(&bench, &["--pubkey", "pub.pem"]).exits(0);
    disk.make_room();
    bench.apply(0);
    assert_eq!(trouble(&bench), None);
    let log = bench.run(&["audit", "list", "--format", "jsonl"]).exits(0).stdout;
    for line in log.lines().filter(|line| line.contains(r#""event":"checkpoint""#)) {
        assert!(lines(&bench).iter().any(|written| written == line), "{line}");
    }
    verify(&bench, &["--pubkey", "pub.pem"]).exits(0);
    bench.in_step();
}

/// Runs end while the log is checked: what is written in between is no loss.
#[test]
fn a_check_while_runs_end_raises_no_false_alarm() {
    let bench = with_key();
    bench.apply(0);
    let mut checks = 0;
    for _ in 0..25 {
        let mut run = bench.start(&["-qq", "apply"]);
        while run.try_wait().unwrap().is_none() {
            verify(&bench, &["--pubkey", "pub.pem"]).exits(0);
            checks += 1;
        }
        bench.wait(run).exits(0);
    }
    assert!(checks >= 25, "{checks}");
    bench.in_step();
}

/// Somebody takes the whole file away; a share that is not there at all is another thing.
#[test]
fn a_file_that_is_gone_from_its_place_is_found() {
    let bench = three_runs();
    let text = std::fs::read(bench.path("worm/checkpoints")).unwrap();
    std::fs::remove_file(bench.path("worm/checkpoints")).unwrap();
    for keys in [&["--pubkey", "pub.pem"][..], &[]] {
        let told = verify(&bench, keys).exits(15).stdout;
        let what = "worm/checkpoints: the checkpoint file is not there, and checkpoints up to seq 14 were written to it. It was \
             taken away, or what is mounted there is not mounted";
        assert!(told.contains(what), "{told}");
        assert!(told.contains("14 records verified"), "the log is as good as ever: {told}");
    }
    std::fs::write(bench.path("worm/checkpoints"), text).unwrap();
    verify(&bench, &["--pubkey", "pub.pem"]).exits(0);
    // One that nothing was written to yet is none that was taken.
    let mut bench = bench;
    bench.rest = bench.rest.replace("worm/checkpoints", "worm/other");
    verify(&bench, &["--pubkey", "pub.pem"]).exits(0);
    bench.apply(0);
    bench.in_step();
}
