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
    assert!(
        !html.contains("<script") && !html.contains("http://") && !html.contains("https://") && !html.contains("src=")
    );
    for rule in ["@media print", "display: table-header-group", "break-before: page", "@page"] {
        assert!(html.contains(rule), "{rule}");
    }
    insta::assert_snapshot!(steady(&text_of(&html)), @r##"
    Evidence pack
    Evidence pack
    Memberships of Hyperproof groups, kept by rosterd
    From | TIME
    Up to, not including | TIME
    Filters | none: every record of the period
    Made | TIME by LOGIN on HOST
    Made with | rosterd 0.1.0, binary SHA-256 HASH
    Hyperproof identity | 0123456789abcdef0123456789abcdef
    Log when it was made | verified: 22 records, head 22 HASH
    Times are UTC; days begin where UTC says.
    Population and completeness
    The chain's records 1 to 22 are of this period: 22 records, each counted once below. population.csv has 5 rows, one for each outcome.
    Hash before the first | HASH (record 0)
    Hash of the first | HASH
    Hash of the last | HASH
    Event | Records |
    approval | 1 |
    config_changed | 1 |
    hold | 1 |
    intent | 5 |
    observed | 1 |
    outcome | 5 |
    run_finished | 4 |
    run_started | 4 |
    All | 22 |
    Change | Result | Rows |
    add_member | done | 2 |
    add_member | failed | 1 |
    remove_member | done | 2 |
    Population |  | 5 |
    Runs that ended | Runs |
    applied | 2 |
    held | 1 |
    partly_applied | 1 |
    Removals: how long they took
    Removals | Half took up to | 95 % took up to | Longest | Objective | Later than that |
    2 | N s | N s | N s (11) | 24 h 0 min | 0 |
    From when a removal was first due, by the log, to the record of its outcome "done". First due is the earliest of: the record of the hold that was approved for it, that of the approval, the start of the first run that tried the same removal and failed, the start of the run that made it. The log names the people under a hold by number and digest: a hold that went away without an approval is not counted as waiting, nor is the time of removal_grace, nor the time between the change in the source and the run that read it.
    Exceptions
    approved: 1, failed: 1, held: 1. All of them are in exceptions.csv.
    What | Record | When | Change | Result, rule | Approved by | Why, ticket | Told |
    held | 3 | TIME |   Compliance |  first_run h-5c0aac4e16d8 |  |   | this is its first full run: 1 removal to be looked at by a person |
    approved | 7 | TIME |   Compliance |  first_run h-5c0aac4e16d8 | Ann Miller | left the team GRC-7 |  |
    failed | 15 | TIME | add_member ID Compliance | failed   |  |   | POST /v1/groups/ID/users: permission refused: You do not have permission to perform this action. |
    Sample
    Seed 42, 25 of each kind. Joiners are the rows of population.csv with op add_member and result done, leavers those with op remove_member and result done. For each row the SHA-256 of the text SEED:SEQ (the seed and the row's seq as decimal numbers, a colon between, nothing else) is written in lower-case hexadecimal. Rows are sorted by it, and the first ones are the sample.
    Joiners: 2 of 2
    # | Record | Person | Group | Requested | Approved | Called | Done | In order |
    1 | 21 | eve@corp.example | Compliance | granted hr compliance TIME (17) | mapping |  TIME (20) | TIME | yes |
    2 | 5 | dan@corp.example | Compliance | granted hr compliance TIME (1) | mapping |  TIME (4) | TIME | yes |
    Leavers: 2 of 2
    # | Record | Person | Group | Requested | Approved | Called | Done | In order |
    1 | 11 | cem@corp.example | Compliance | person_gone   TIME (3) | Ann Miller GRC-7 TIME (7) |  TIME (10) | TIME | yes |
    2 | 19 | bob@corp.example | Compliance | person_disabled hr  TIME (17) | mapping |  TIME (18) | TIME | yes |
    Configuration
    Digests of the configuration that the records name. In force when the pack was made: HASH
    Digest | First record | Last record |
    HASH | 1 | 6 |
    HASH | 8 | 22 |
    Changes: 1, in configuration.csv.
    Record | When | Run | Login | From | To |
    9 | TIME | RUN | root | HASH | HASH |
    Members of each group
    membership-start.csv and membership-end.csv have the members at the beginning and at the end of the period. The log: full lists of members that runs found, changes by others that runs found, and outcomes of rosterd's own changes, in the order of the chain.
    Group | Id | Members at the end | All members known |
    Compliance | ID | 3 | yes |
    Where controls find their evidence
    An index, and no claim that a control is met: that is for whoever judges it.
    Control | Is about | Look at |
    SOC 2 CC6.2 | Access is given to people who are authorised, and taken when they are not | population.csv: each addition with source and way through directory groups, each removal with its reason; sample.csv |
    SOC 2 CC6.3 | Access is changed as roles change; segregation of duties | population.csv, membership-start.csv and membership-end.csv; approvals with approver and login in exceptions.csv and sample.csv |
    ISO/IEC 27001:2022 A.5.18 | Access rights are given, reviewed, changed and removed | population.csv; removal times above; exceptions.csv; the lists of members, for the review |
    NIST SP 800-53 AC-2 | Account management: membership conditions, approvals, removal in time | configuration.csv (mappings are in the configuration), sample.csv (request, approval, call in order), removal times above |
    NIST SP 800-53 AU-3 | Content of audit records: what, when, where, source, outcome, who | log.jsonl: event, at, actor, group, member, because, request, result, read_back |
    NIST SP 800-53 AU-9 | Protection of audit information | the hash chain in log.jsonl from chain.anchor on; manifest.json; VERIFY.md |
    How to check this pack
    Compare the SHA-256 of manifest.json with the one that was printed when the pack was made, or that stands in the exported record of the log. Then, without a network (VERIFY.md has more, also without rosterd):
    rosterd audit verify DIRECTORY
    sha256sum -c manifest.sha256
    jq -r '.files[] | "\(.sha256)  \(.name)"' manifest.json | sha256sum -c -
    rosterd audit verify log.jsonl
    "##);
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
    insta::assert_snapshot!(pack(&bench).text("VERIFY.md"), @r##"
    # How to check this evidence pack

    Nothing here needs the network, the machine that the pack comes from, or trust in whoever handed it over, but for one thing:
    **the digest of `manifest.json`**. It was printed when the pack was made, and it stands in the log of the system, in the record
    of the event `exported`. Ask for it on another way than the pack, and compare:

        sha256sum manifest.json

    `manifest.json` has the SHA-256 and the size of every other file.

    ## With rosterd

        rosterd audit verify .

    Ends with 0 when all is well, and with 15 when anything is not; it names the file and the first bad record.
    It checks every file against the manifest; that each record of `log.jsonl` has the hash it bears and follows the one before it,
    from the hash before the first record (`chain.anchor` in the manifest) to the last; that the counts are those of the records;
    and it makes the population anew from the records and compares `population.csv` and `population.jsonl` byte by byte.

    ## Without rosterd

    With `jq`, `sha256sum` and a shell (bash), in the directory of the pack. Each line that compares prints nothing when all is well.

    The files:

        sha256sum -c manifest.sha256
        jq -r '.files[] | "\(.sha256)  \(.name)"' manifest.json | sha256sum -c -

    The chain: each record has its hash, and names the hash of the one before it.

        jq -r .record log.jsonl | while IFS= read -r r; do printf %s "$r" | sha256sum | cut -c-64; done | diff - <(jq -r .hash log.jsonl)
        diff <(jq -r '.record|fromjson|.prev' log.jsonl) <(jq -r .chain.anchor.hash manifest.json; jq -r .hash log.jsonl | head -n -1)

    Completeness: the numbers have no gap, each record is counted once, and the population has a row for each outcome.

        diff <(jq .seq log.jsonl) <(seq $(jq '.chain.first.seq, .chain.last.seq' manifest.json))
        diff <(jq -r '.record|fromjson|.event' log.jsonl | sort | uniq -c | awk '{print $2, $1}') <(jq -r '.counts.events | to_entries[] | "\(.key) \(.value)"' manifest.json | sort)
        diff <(jq -r '.record|fromjson|select(.event == "outcome")|.seq' log.jsonl) <(jq .seq population.jsonl)

    ## The sample, drawn again

    Joiners are rows with `add_member` and `done`, leavers rows with `remove_member` and `done`. Each row's digest is the SHA-256 of
    `SEED:SEQ`; the rows with the smallest digests are the sample.

        SEED=42 SIZE=25
        draw() { jq -r "select(.op == \"$1\" and .result == \"done\") | .seq" population.jsonl | while read -r s; do echo "$(printf %s "$SEED:$s" | sha256sum | cut -c-64) $s"; done | sort | head -n $SIZE | cut -d' ' -f2; }
        draw add_member; draw remove_member

    An auditor who wants a sample that nobody could know before picks the seed: `rosterd audit export … --seed N`.

    ## What this shows, and what it does not

    The chain shows that no record between the first and the last was changed, dropped, added or moved since. It does not show
    that nobody wrote the whole chain anew before the pack was made: compare `verified.head` in the manifest with a checkpoint, a
    backup, or an earlier pack that was kept where the system cannot write. Times are the clock's of the machine that wrote them.
    Texts in tables that a spreadsheet would take for a formula are led by an apostrophe; `population.jsonl` has them as they are.
    "##);
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
        let args = [&["audit", "export", "--from", "2000-01-01", "--out", out, "--seed", "42", "--sample", "1"], args]
            .concat();
        bench.run(&args).exits(0);
        let pack = super::Pack(bench.path(out));
        let run = |script: &str| {
            let output = Command::new("bash").args(["-c", script]).current_dir(&pack.0).output().unwrap();
            (
                output.status.success(),
                String::from_utf8(output.stdout).unwrap(),
                String::from_utf8(output.stderr).unwrap(),
            )
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
