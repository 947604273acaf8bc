//! What people read in a pack, and that the commands it gives them work.

use std::process::Command;

use super::{export, pack, story};
use crate::support::bench::filtered;

/// The text of a page as it stands on paper, without tags and style.
fn text_of(html: &str) -> String {
    let replace = |text: String, pattern: &str, with: &str| {
        regex::Regex::new(pattern).unwrap().replace_all(&text, with).into_owned()
    };
    let text = replace(html.to_owned(), "(?s)<style>.*?</style>", "");
    let text = replace(text, "</(td|th|dt)>", " | ");
    let text = replace(text, "</(tr|p|h1|h2|h3|dd|pre|title)>", "\n");
    let text = replace(text, "<[^>]*>", "");
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&");
    let lines: Vec<&str> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    lines.join("\n")
}

/// What differs from machine to machine and from run to run.
fn steady(text: &str) -> String {
    let replace = |text: String, (pattern, with): (&str, &str)| {
        regex::Regex::new(pattern).unwrap().replace_all(&text, with).into_owned()
    };
    let rules = [
        (r"\b[0-9a-f]{64}\b", "HASH"),
        (r"\d+(\.\d+)? s\b", "N s"),
        (r"by \S+ on \S+", "by LOGIN on HOST"),
        (r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "ID"),
    ];
    rules.into_iter().fold(filtered(text), replace)
}

#[test]
fn the_report() {
    let bench = story();
    export(&bench, &[]).exits(0);
    let html = pack(&bench).text("report.html");
    assert!(!html.contains("<script") && !html.contains("http://") && !html.contains("https://") && !html.contains("src="));
    for rule in ["@media print", "display: table-header-group", "break-before: page", "@page"] {
        assert!(html.contains(rule), "{rule}");
    }
    insta::assert_snapshot!(steady(&text_of(&html)), @"");
    bench.in_step();
}

#[test]
fn names_in_the_report_are_text() {
    let mut world = rosterd::simulator::World::new("Corp");
    world.add_user("ann@corp.example");
    world.add_group("<script>alert(1)</script>", &[]);
    let mut bench = crate::support::bench::Bench::new(world);
    bench.rest = bench.rest.replace("to = \"Compliance\"", "to = \"<script>alert(1)</script>\"");
    bench.people(&["compliance,ann"]);
    bench.apply(0);
    export(&bench, &[]).exits(0);
    let html = pack(&bench).text("report.html");
    assert!(html.contains("&lt;script&gt;") && !html.contains("<script"), "{html}");
    bench.in_step();
}

#[test]
fn the_instructions() {
    let bench = story();
    export(&bench, &[]).exits(0);
    insta::assert_snapshot!(pack(&bench).text("VERIFY.md"), @"");
}

/// The indented lines of `VERIFY.md` behind "Without rosterd", as one script.
fn commands(guide: &str) -> Vec<String> {
    let (_, by_hand) = guide.split_once("## Without rosterd").unwrap();
    by_hand.lines().filter_map(|line| line.strip_prefix("    ")).map(str::to_owned).collect()
}

#[test]
fn the_commands_for_those_without_rosterd_work() {
    let bench = story();
    for (out, args) in [("pack", &[][..]), ("hidden", &["--pseudonymise"])] {
        let args = [&["audit", "export", "--from", "2000-01-01", "--out", out, "--seed", "42", "--sample", "1"], args].concat();
        bench.run(&args).exits(0);
        let pack = super::Pack(bench.path(out));
        let run = |script: &str| {
            let output = Command::new("bash").args(["-c", script]).current_dir(&pack.0).output().unwrap();
            (output.status.success(), String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
        };
        let lines = commands(&pack.text("VERIFY.md"));
        let (sample, checks): (Vec<&String>, Vec<&String>) =
            lines.iter().partition(|line| line.contains("draw") || line.contains("SEED="));
        assert!(checks.len() >= 4, "{checks:?}");
        for check in &checks {
            let (good, told, error) = run(check);
            assert!(good, "{check}\n{told}{error}");
            assert!(!check.starts_with("diff") || told.is_empty(), "{check}\n{told}{error}");
        }
        let script = sample.iter().map(|line| line.as_str()).collect::<Vec<_>>().join("\n");
        let (good, drawn, error) = run(&script);
        assert!(good, "{error}");
        let sampled: Vec<String> = pack.table("sample.csv").iter().map(|row| row["seq"].clone()).collect();
        assert_eq!(drawn.lines().collect::<Vec<_>>(), sampled, "{script}");
        assert_eq!(sampled.len(), 2);

        // A check that cannot fail is none: each finds what it is for.
        let chain = if out == "pack" { "log.jsonl" } else { "hashes.jsonl" };
        let whole = pack.text(chain);
        let cut: String = whole.lines().skip(1).map(|line| format!("{line}\n")).collect();
        std::fs::write(pack.0.join(chain), cut).unwrap();
        let found = checks.iter().filter(|check| {
            let (good, told, _) = run(check);
            !good || (check.starts_with("diff") && !told.is_empty())
        });
        assert!(found.count() >= 2, "{out}");
    }
}
