//! The commands around a run: configuration, what people read, secrets, and the simulator as a
//! process of its own.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rosterd::simulator::{Fault, FaultKind, Moment};
use serde_json::Value;

use crate::support::bench::{Bench, Ran, address, binary, filtered, rosterd};

/// Something of each kind: an addition, removals, a hold, a skip, a group to create, one in report
/// mode, one that is missing.
fn lively() -> Bench {
    let mut bench = Bench::small();
    bench.simulator().change(|world| {
        let all = ["ann", "bob", "cem", "dan"].map(address);
        world.add_group("Audit", &all.iter().map(String::as_str).collect::<Vec<_>>());
        world.add_group("Looked at", &[&all[0]]);
    });
    bench.rest = r#"
[guard]
first_removals = "apply"
group_removals = { percent = 0, floor = 2 }

[[source]]
name = "hr"
kind = "csv"
path = "people.csv"

[[mapping]]
source = "hr"
match = "^(.*)$"
to = "$1"

[group.New]
create = true

[group."Looked at"]
mode = "report"

[group.Absent]
create = false
"#
    .to_owned();
    bench.people(&[
        "Compliance,ann",
        "Compliance,bob,inactive",
        "Compliance,dan",
        "Compliance,nobody",
        "Audit,ann",
        "New,ann",
        "New,eve",
        "Looked at,cem",
        "Absent,ann",
    ]);
    bench
}

// check

#[test]
fn check_tells_every_mistake_at_once() {
    let mut bench = Bench::small();
    bench.hyperproof.push_str("regoin = \"us\"\n");
    bench.rest = r#"
[[source]]
name = "hr"
kind = "cvs"
path = "people.csv"

[[mapping]]
source = "rh"
group = "compliance"
to = "Compliance"

[group.Complaints]
min_members = -1
"#
    .to_owned();
    let told = bench.run(&["check"]).exits(2);
    assert_eq!(told.stdout, "");
    insta::assert_snapshot!(filtered(&told.stderr), @r#"
    error: DIR/rosterd.toml:11: hyperproof.regoin: is not a known key
      help: did you mean "region"?
    DIR/rosterd.toml:18: source[1].kind: must be one of "csv", "ldap", but is "cvs"
    DIR/rosterd.toml:22: mapping[1].source: there is no source "rh"
      help: sources: hr
    DIR/rosterd.toml:26: group.Complaints: no mapping can yield this target group
      help: it must be the to of a mapping, letter by letter
    DIR/rosterd.toml:27: group.Complaints.min_members: must be from 0 to 4294967295
    5 mistakes in the configuration
    "#);
    assert_eq!(bench.run(&["plan"]).exits(2).stderr, told.stderr, "a run does not begin with it");
    assert_eq!(bench.calls(), []);
}

#[test]
fn a_configuration_that_is_not_there_is_told() {
    let told = rosterd(&["check", "--config", "/nowhere/rosterd.toml"]).exits(2);
    insta::assert_snapshot!(told.stderr, @r#"
    error: /nowhere/rosterd.toml: cannot be read: no such file or directory
      help: --config, or else $ROSTERD_CONFIG, names the file; "rosterd init" writes a first one
    1 mistake in the configuration
    "#);
    let ran = binary().arg("check").env("ROSTERD_CONFIG", "/nowhere/else.toml").output().unwrap();
    assert!(String::from_utf8(ran.stderr).unwrap().contains("/nowhere/else.toml"));
}

#[test]
fn an_open_quote_in_the_aliases_stops_the_run() {
    let mut bench = Bench::small();
    bench.rest.push_str("[identity]\naliases = \"aliases.csv\"\n");
    // In the directory Bob is robert; a lenient reader would take his row for a part of Ann's note.
    bench.write(
        "aliases.csv",
        "from,to,note\nann@old.example,ann@corp.example,\"since May\nrobert@corp.example,bob@corp.example,\n",
    );
    bench.people(&["compliance,ann", "compliance,robert", "compliance,cem"]);
    let told = bench.run(&["apply"]).exits(2);
    assert!(told.stderr.contains("aliases.csv:2: a quote is opened and not closed"), "{}", told.stderr);
    assert_eq!(bench.members("Compliance"), ["ann", "bob", "cem"]);
    bench.write(
        "aliases.csv",
        "from,to,note\nann@old.example,ann@corp.example,since May\nrobert@corp.example,bob@corp.example,\n",
    );
    bench.apply(0);
    assert_eq!(bench.members("Compliance"), ["ann", "bob", "cem"]);
    bench.in_step();
}

#[test]
fn check_online_shows_what_each_mapping_matches() {
    let bench = lively();
    let told = bench.run(&["check", "--online"]).exits(12);
    insta::assert_snapshot!(filtered(&told.stdout), @r#"
    DIR/rosterd.toml: 1 source, 1 mapping, no mistakes
    source hr: read completely: 6 people, 5 directory groups (1 file, 9 rows, fresh)
    mapping hr "^(.*)$" -> "$1": 5 directory groups with 9 direct members
    Hyperproof: 6 accounts, 3 groups, read in TIME
      signed in as serviceAccount 4de2c911-2253-49cf-95a1-5622c8b1ced8 (no address), role id 4a673b65-50a8-47b2-8d6d-2f85e04d4a90
      no certificate: the connection is not encrypted
      no limit was met
    group Absent: cannot be worked on, 0 live, 1 desired
      group "Absent": is not in Hyperproof: left alone (help: create it there, or set `create = true` for it (Hyperproof has no way to delete a group))
    group Audit: found, 4 live, 1 desired
    group Compliance: found, 3 live, 3 desired
    group Looked at: found, 1 live, 1 desired
    group New: will be created, 0 live, 2 desired
    "#);
    assert_eq!(bench.writes(), []);
    assert!(!bench.state().exists(), "it leaves no state behind");
}

#[test]
fn check_online_tells_of_what_cannot_be_read() {
    let mut bench = Bench::small();
    std::fs::remove_file(bench.path("people.csv")).unwrap();
    let told = bench.run(&["check", "--online"]).exits(13);
    insta::assert_snapshot!(filtered(&told.stdout), @r#"
    DIR/rosterd.toml: 1 source, 1 mapping, no mistakes
    source hr: NOT read completely: 0 people, 0 directory groups (no files)
      DIR/people.csv: there is no such file (help: look whether the export ran, and whether `path` is right)
    mapping hr "compliance" -> "Compliance": not known, the source was not read completely
    Hyperproof: 6 accounts, 1 group, read in TIME
      signed in as serviceAccount 4de2c911-2253-49cf-95a1-5622c8b1ced8 (no address), role id 4a673b65-50a8-47b2-8d6d-2f85e04d4a90
      no certificate: the connection is not encrypted
      no limit was met
    group Compliance: found, 3 live, 0 desired by what was read
      group "Compliance": source hr was not read to its end: nobody is removed
    "#);
    bench.people(&["compliance,ann"]);
    bench.age("people.csv", Duration::from_secs(3 * 86_400));
    bench.rest = bench.rest.replace("path = \"people.csv\"", "path = \"people.csv\"\nmax_age = \"26h\"");
    let told = bench.run(&["check", "--online"]).exits(13);
    assert!(told.stdout.contains("NOT read completely"), "{}", told.stdout);
    bench.people(&["compliance,ann"]);
    bench.run(&["check", "--online"]).exits(0);
    bench.stop_simulator();
    let told = bench.run(&["check", "--online"]).exits(13);
    insta::assert_snapshot!(filtered(&told.stdout), @r#"
    DIR/rosterd.toml: 1 source, 1 mapping, no mistakes
    source hr: read completely: 1 person, 1 directory group (1 file, 1 row, fresh)
    mapping hr "compliance" -> "Compliance": 1 directory group with 1 direct member
    Hyperproof: NOT read: POST /oauth/token: Connection refused
      help: are api_url and token_url right, and can this machine reach them (proxy, firewall)? otherwise the next run tries again
    "#);
}

#[test]
fn check_online_tells_how_an_unknown_group_may_be_spelt() {
    let mut bench = Bench::small();
    bench.people(&["Compliance,ann"]);
    let told = bench.run(&["check", "--online"]).exits(0);
    let line = "matches NOTHING (help: did you mean \"Compliance\"? names are compared exactly, capitals too)";
    assert!(told.stdout.contains(line), "{}", told.stdout);
    bench.rest = bench.rest.replace("group = \"compliance\"", "match = \"^grc-(.*)$\"");
    let told = bench.run(&["check", "--online"]).exits(0);
    assert!(told.stdout.contains("matches NOTHING (help: see whether the expression fits"), "{}", told.stdout);
}

// init

#[test]
fn init_writes_what_check_accepts_and_overwrites_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let init = |args: &[&str]| {
        let mut command = binary();
        command.args(["init"]).args(args).current_dir(dir.path()).stdin(Stdio::null());
        Ran::of(command.output().unwrap())
    };
    let told = init(&["--source", "csv", "--out", "rosterd.toml"]).exits(0);
    insta::assert_snapshot!(told.stdout, @r#"
    wrote rosterd.toml

    Next:
      1. put your own client id, files and groups where it has examples
      2. export HYPERPROOF_CLIENT_SECRET=…   (the client secret; or name a file: { file = "client-secret" })
      3. rosterd check --online --config rosterd.toml   (every mistake at once; nothing is written)
      4. rosterd plan --config rosterd.toml   (what a run would do; nothing is changed)
    "#);
    let text = std::fs::read(dir.path().join("rosterd.toml")).unwrap();
    let again = init(&["--out", "rosterd.toml"]).exits(2);
    assert!(again.stderr.contains("is there already, and nothing is overwritten"), "{}", again.stderr);
    assert_eq!(std::fs::read(dir.path().join("rosterd.toml")).unwrap(), text);
    std::os::unix::fs::symlink("target", dir.path().join("link")).unwrap();
    init(&["--out", "link"]).exits(2);
    assert!(!dir.path().join("target").exists(), "a link is not followed into nothing");
    init(&["--out", "nowhere/rosterd.toml"]).exits(2);
    let empty = init(&["--out", ""]);
    assert_eq!(empty.code, 2, "{empty:?}");

    let check = |secret: Option<&str>| {
        let mut command = binary();
        command.args(["check", "--config", "rosterd.toml"]).current_dir(dir.path());
        command.envs(secret.map(|secret| ("HYPERPROOF_CLIENT_SECRET", secret)));
        Ran::of(command.output().unwrap())
    };
    assert!(check(None).exits(2).stderr.contains("HYPERPROOF_CLIENT_SECRET"));
    check(Some("a-secret")).exits(0);
}

#[test]
fn the_schema_is_json_and_knows_every_table() {
    let schema = rosterd(&["schema"]).exits(0).json();
    let known = schema["properties"].as_object().unwrap();
    for table in ["hyperproof", "state", "schedule", "identity", "guard", "source", "mapping", "group", "audit", "http"]
    {
        assert!(known.contains_key(table), "{table}");
    }
}

// Secrets

const MARKER: &str = "hunter2-s3cret-marker";

fn secret_file(path: &Path, secret: &str) {
    let mut options = std::fs::File::options();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(path).unwrap();
    file.write_all(secret.as_bytes()).unwrap();
}

#[track_caller]
fn silent(ran: &Ran, what: &str) {
    for text in [&ran.stdout, &ran.stderr] {
        assert!(!text.contains(MARKER), "{what}: {text}");
        assert!(!text.contains("simulated-token-"), "{what}: {text}");
        assert!(!text.contains("panicked"), "{what}: {text}");
    }
}

const LOUD: [&[&str]; 3] = [&["-vvv"], &["-vvv", "--log-format", "json"], &[]];

#[test]
fn no_command_shows_a_secret() {
    let bench = lively();
    secret_file(&bench.path("secret"), MARKER);
    bench.simulator().change(|world| world.client.client_secret = MARKER.to_owned());
    let commands: [&[&str]; 14] = [
        &["check"],
        &["check", "--online"],
        &["plan"],
        &["plan", "--format", "json"],
        &["plan", "--format", "markdown"],
        &["apply"],
        &["apply", "--format", "json"],
        &["holds"],
        &["approve", "h-000000000000", "--by", "Ann", "--reason", "checked"],
        &["status"],
        &["audit", "list", "--format", "jsonl"],
        &["audit", "list", "--format", "csv"],
        &["audit", "verify"],
        &["schema"],
    ];
    for loud in LOUD {
        for command in commands {
            let ran = bench.run(&[command, loud].concat());
            assert_ne!(ran.code, 1, "{command:?}: {}", ran.stderr);
            silent(&ran, &format!("{command:?} {loud:?}"));
        }
    }
    assert!(!bench.writes().is_empty(), "it could sign in with it");
    for file in std::fs::read_dir(bench.path("")).unwrap() {
        let path = file.unwrap().path();
        if path.is_file() && path != bench.path("secret") {
            let bytes = std::fs::read(&path).unwrap();
            for word in [MARKER.as_bytes(), b"simulated-token-"] {
                assert!(!bytes.windows(word.len()).any(|part| part == word), "{}", path.display());
            }
        }
    }
}

#[test]
fn no_answer_of_hyperproof_brings_a_secret_into_a_message() {
    let bench = lively();
    secret_file(&bench.path("secret"), MARKER);
    bench.simulator().change(|world| world.client.client_secret = MARKER.to_owned());
    let echo = |code| FaultKind::Answer { code, body: format!("{{\"message\":\"client_secret={MARKER} is odd\"}}") };
    let faults = [
        Fault::on("POST", "/oauth/token", echo(400)),
        Fault::on("POST", "/oauth/token", echo(500)),
        Fault::on("POST", "/oauth/token", echo(200)),
        Fault::on("GET", "/v1/groups", echo(400)),
        Fault::on("GET", "/v1/groups", echo(200)),
        Fault::on("GET", "/v1/users", FaultKind::Garbage),
        Fault::on("PUT", "/v1/groups/**", echo(409)),
        Fault::on("POST", "/v1/groups/**", echo(500)),
        Fault::on("GET", "/v1/users/me", FaultKind::Unauthorized),
    ];
    for fault in faults {
        for loud in LOUD {
            bench.simulator().clear_faults();
            bench.simulator().inject(fault.clone().always());
            for command in [&["apply", "--format", "json"][..], &["check", "--online"]] {
                silent(&bench.run(&[command, loud].concat()), &format!("{fault:?}"));
            }
        }
    }
    let log = bench.run(&["audit", "list", "--format", "jsonl"]);
    silent(&log, "the log");
    // A secret that is wrong is not shown either.
    bench.simulator().clear_faults();
    bench.simulator().change(|world| world.client.client_secret = "another".to_owned());
    let ran = bench.run(&["apply", "-vvv"]).exits(13);
    silent(&ran, "refused");
}

#[test]
fn no_mistake_shows_a_secret() {
    let mut bench = Bench::small();
    let config = bench.config();
    for (part, wrong) in [
        ("client_secret = { file = \"secret\" }", format!("client_secret = \"{MARKER}\"")),
        ("client_secret = { file = \"secret\" }", format!("client_secret = {{ value = \"{MARKER}\" }}")),
        ("timeout = \"5s\"", format!("timeout = \"5s\"\nproxy = \"http://me:{MARKER}@proxy.example\"")),
        (
            "[guard]",
            format!(
                "[[notify]]\nkind = \"webhook\"\nurl = \"https://hooks.example/{MARKER}\"\non = [\"held\"]\n[guard]"
            ),
        ),
        ("[guard]", format!("client_secret = \"{MARKER}\"\n[guard]")),
        ("[guard]", format!("[guard\nclient_secret = \"{MARKER}\"")),
    ] {
        let text = config.replace(part, &wrong);
        assert_ne!(text, config);
        bench.write("wrong.toml", &text);
        for loud in LOUD {
            let ran = bench.run(&[&["check", "--config", "wrong.toml"], loud].concat()).exits(2);
            silent(&ran, &wrong);
        }
    }
    // In a file that others can read.
    bench.write("open", MARKER);
    bench.hyperproof.push('\n');
    bench.write("wrong.toml", &config.replace("\"secret\"", "\"open\""));
    let ran = bench.run(&["check", "--config", "wrong.toml"]).exits(2);
    silent(&ran, "an open file");
    assert!(ran.stderr.contains("can be read or written by others"), "{}", ran.stderr);
}

// plan and apply, as people read them

#[test]
fn a_plan_for_people() {
    let bench = lively();
    let told = bench.run(&["plan"]).exits(12);
    insta::assert_snapshot!(filtered(&told.stdout), @r#"
    Plan of TIME

    Sources
      hr (csv): 6 people, 5 groups, 9 memberships (1 file, 9 rows, fresh)

    Absent: 0 live → 1 desired, left alone
      ! is not in Hyperproof: left alone (help: create it there, or set `create = true` for it (Hyperproof has no way to delete a group))

    Audit: 4 live → 1 desired
      ? 3 held by h-5552aa23e716 (group_removals: 3 removals, limit 2)
          remove cem@corp.example  no longer granted by any directory group
          remove dan@corp.example  no longer granted by any directory group
          remove bob@corp.example  disabled in the directory

    Compliance: 3 live → 3 desired
      + dan@corp.example  granted by hr: Compliance
      - cem@corp.example  no longer granted by any directory group
      - bob@corp.example  disabled in the directory

    Looked at: 1 live → 1 desired, mode report
      + cem@corp.example  granted by hr: Looked at (report only)
      - ann@corp.example  no longer granted by any directory group (report only)

    New: 0 live → 2 desired
      + the group itself  does not exist yet
      + eve@corp.example  granted by hr: New
      + ann@corp.example  granted by hr: New

    Skipped
      no account bears their address: nobody@corp.example in Compliance

    Waiting for approval: 1 hold
      h-5552aa23e716  Audit: 3 removals, the limit is 2 [group_removals]
        rosterd approve h-5552aa23e716 --by YOU --reason "…"

    1 group to create, 3 to add, 2 to remove, 3 held, 2 report only, 1 skipped; 3 calls
    "#);
    assert_eq!(told.stderr, "");
}

#[test]
fn a_plan_for_a_ticket() {
    let bench = lively();
    let told = bench.run(&["plan", "--format", "markdown"]).exits(12);
    insta::assert_snapshot!(filtered(&told.stdout), @r#"
    ### rosterd plan of TIME

    Run `RUN`, digest `sha256:DIGEST`

    Source `hr` (`csv`): 6 people, 5 groups, 9 memberships (`1 file, 9 rows, fresh`)

    #### `Absent`: 0 live → 1 desired, left alone

    - ``is not in Hyperproof: left alone (help: create it there, or set `create = true` for it (Hyperproof has no way to delete a group))``

    #### `Audit`: 4 live → 1 desired

    |  | who | why |
    |---|---|---|
    | `?` | remove `cem@corp.example` | no longer granted by any directory group; held by `h-5552aa23e716` (group_removals: 3 removals, limit 2) |
    | `?` | remove `dan@corp.example` | no longer granted by any directory group; held by `h-5552aa23e716` (group_removals: 3 removals, limit 2) |
    | `?` | remove `bob@corp.example` | disabled in the directory; held by `h-5552aa23e716` (group_removals: 3 removals, limit 2) |

    #### `Compliance`: 3 live → 3 desired

    |  | who | why |
    |---|---|---|
    | `+` | `dan@corp.example` | granted by `hr`: `Compliance` |
    | `-` | `cem@corp.example` | no longer granted by any directory group |
    | `-` | `bob@corp.example` | disabled in the directory |

    #### `Looked at`: 1 live → 1 desired, mode report

    |  | who | why |
    |---|---|---|
    | `+` | `cem@corp.example` | granted by `hr`: `Looked at` (report only) |
    | `-` | `ann@corp.example` | no longer granted by any directory group (report only) |

    #### `New`: 0 live → 2 desired

    |  | who | why |
    |---|---|---|
    | `+` | the group itself | does not exist yet |
    | `+` | `eve@corp.example` | granted by `hr`: `New` |
    | `+` | `ann@corp.example` | granted by `hr`: `New` |

    #### Skipped

    | who | group | why | more |
    |---|---|---|---|
    | `nobody@corp.example` | `Compliance` | no account bears their address |  |

    #### Holds

    - `h-5552aa23e716` `Audit`: `3 removals, the limit is 2` (group_removals: 3 removals, limit 2; 3 changes): `rosterd approve h-5552aa23e716 --by YOU --reason "…"`

    **1 group to create, 3 to add, 2 to remove, 3 held, 2 report only, 1 skipped; 3 calls**
    "#);
}

#[test]
fn a_run_for_people() {
    let bench = lively();
    let told = bench.run(&["apply"]).exits(12);
    insta::assert_snapshot!(filtered(&told.stdout), @r#"
    Run RUN of TIME
    Outcome: some changes failed or could not be made (exit 12)

    Sources
      hr (csv): 6 people, 5 groups, 9 memberships (1 file, 9 rows, fresh)

    Absent: 0 live → 1 desired, left alone
      ! is not in Hyperproof: left alone (help: create it there, or set `create = true` for it (Hyperproof has no way to delete a group))

    Audit: 4 live → 1 desired
      ? 3 held by h-5552aa23e716 (group_removals: 3 removals, limit 2)
          remove cem@corp.example  no longer granted by any directory group
          remove dan@corp.example  no longer granted by any directory group
          remove bob@corp.example  disabled in the directory

    Compliance: 3 live → 3 desired
      + dan@corp.example  granted by hr: Compliance
      - cem@corp.example  no longer granted by any directory group
      - bob@corp.example  disabled in the directory

    Looked at: 1 live → 1 desired, mode report
      + cem@corp.example  granted by hr: Looked at (report only)
      - ann@corp.example  no longer granted by any directory group (report only)

    New: 0 live → 2 desired
      + the group itself  does not exist yet
      + eve@corp.example  granted by hr: New
      + ann@corp.example  granted by hr: New

    Skipped
      no account bears their address: nobody@corp.example in Compliance

    Waiting for approval: 1 hold
      h-5552aa23e716  Audit: 3 removals, the limit is 2 [group_removals]
        rosterd approve h-5552aa23e716 --by YOU --reason "…"

    1 group created, 3 added, 2 removed, 0 failed, 3 held, 2 report only, 1 skipped
    "#);
}

#[test]
fn a_plan_goes_into_a_file_whole() {
    let bench = lively();
    for (format, name) in [("json", "plan.json"), ("markdown", "plan.md"), ("text", "plan.txt")] {
        let told = bench.run(&["plan", "--format", format, "--out", name, "--color", "always"]).exits(12);
        assert_eq!(told.stdout, "");
        let file = std::fs::read_to_string(bench.path(name)).unwrap();
        let shown = bench.run(&["plan", "--format", format]).exits(12).stdout;
        if format == "json" {
            let without = |text: &str| -> Value {
                let mut value: Value = serde_json::from_str(text).unwrap();
                value["run_id"].take();
                value["made_at"].take();
                value
            };
            assert_eq!(without(&file), without(&shown));
        } else {
            assert_eq!(filtered(&file), filtered(&shown));
        }
    }
    for nowhere in ["nowhere/plan.json", "."] {
        let told = bench.run(&["plan", "--out", nowhere]).exits(1);
        assert!(told.stderr.contains("cannot write"), "{}", told.stderr);
    }
}

#[test]
fn a_plan_says_by_its_exit_code_whether_changes_are_pending() {
    let bench = Bench::small();
    bench.run(&["plan", "--exit-code"]).exits(0);
    bench.people(&["compliance,ann", "compliance,bob", "compliance,cem", "compliance,dan"]);
    bench.run(&["plan"]).exits(0);
    bench.run(&["plan", "--exit-code"]).exits(10);
    bench.apply(0);
    bench.run(&["plan", "--exit-code"]).exits(0);
}

#[test]
fn a_reader_that_leaves_changes_nothing() {
    let bench = Bench::small();
    bench.people(&["compliance,ann", "compliance,bob", "compliance,cem", "compliance,dan"]);
    for (args, code) in [
        (&["plan", "--exit-code"][..], 10),
        (&["plan", "--format", "json"], 0),
        (&["apply"], 0),
        (&["holds"], 0),
        (&["audit", "list"], 0),
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let done = bench.command(args).stdout(writer).spawn().unwrap();
        bench.wait(done).exits(code);
    }
    assert_eq!(bench.members("Compliance"), ["ann", "bob", "cem", "dan"]);
    bench.in_step();
}

#[test]
fn a_group_that_no_mapping_yields_is_a_mistake() {
    let bench = Bench::small();
    bench.people(&["compliance,ann", "compliance,bob", "compliance,cem", "compliance,dan"]);
    for command in ["plan", "apply"] {
        let told = bench.run(&[command, "--group", "Complaints", "--group", "Compliance"]).exits(2);
        assert_eq!(told.stdout, "");
        insta::allow_duplicates! { insta::assert_snapshot!(filtered(&told.stderr), @r#"
        error: no mapping yields a target group named Complaints
        help: use the name of `to`, or of a [group."…"] table
        "#); }
    }
    assert_eq!(bench.writes(), []);
    bench.run(&["apply", "--group", " Compliance "]).exits(0);
    assert_eq!(bench.members("Compliance"), ["ann", "bob", "cem", "dan"]);
    bench.in_step();
}

#[test]
fn one_group_is_worked_on_and_the_others_are_left() {
    let bench = lively();
    bench.run(&["apply", "--group", "Compliance"]).exits(0);
    assert_eq!(bench.members("Compliance"), ["ann", "dan"]);
    assert!(bench.simulator().world().group("New").is_none());
    let rest = bench.run(&["apply"]).exits(12);
    assert!(bench.simulator().world().group("New").is_some(), "{}", rest.stdout);
}

// status

#[test]
fn the_status_before_and_after_runs() {
    let mut bench = lively();
    let none = bench.run(&["status"]).exits(2);
    insta::assert_snapshot!(filtered(&none.stderr), @r#"
    error: state file DIR/rosterd.db: it does not exist
    help: run `rosterd plan` or `rosterd apply` once, or check `state.path`
    "#);
    bench.plan();
    let planned = bench.run(&["status"]).exits(0);
    insta::assert_snapshot!(filtered(&planned.stdout), @r#"
    Last runs
      none yet

    Next run: not scheduled: no service is at work
    1 hold waiting for approval: h-5552aa23e716 (rosterd holds)
    "#);
    bench.apply(12);
    bench.stop_simulator();
    bench.apply(13);
    let after = bench.run(&["status"]).exits(0);
    insta::assert_snapshot!(filtered(&after.stdout), @r#"
    Last runs
      TIME (AGO, took TIME)  apply: a source or Hyperproof could not be read completely
        0 done, 0 failed, 0 not tried, 0 held, 0 skipped; run RUN
        ! Hyperproof: POST /oauth/token: Connection refused (help: are api_url and token_url right, and can this machine reach them (proxy, firewall)? otherwise the next run tries again)
      TIME (AGO, took TIME)  apply: some changes failed or could not be made
        6 done, 0 failed, 0 not tried, 3 held, 1 skipped; run RUN

    Sources
      hr: read completely TIME (AGO), 6 people

    Next run: not scheduled: no service is at work
    1 hold waiting for approval: h-5552aa23e716 (rosterd holds)
    "#);
}

#[test]
fn the_status_after_a_killed_run() {
    let bench = lively();
    bench.simulator().inject(Fault::on("POST", "/v1/groups/**", FaultKind::Hold { moment: Moment::Before }));
    let mut child = bench.start(&["apply"]);
    bench.until_held();
    let during = bench.run(&["status"]).exits(0).stdout;
    assert!(during.contains(&format!("apply (process {} on ", child.id())), "{during}");
    assert!(during.contains("apply: under way") && !during.contains("did not finish"), "{during}");
    child.kill().unwrap();
    child.wait().unwrap();
    let after = bench.run(&["status"]).exits(0).stdout;
    assert!(!after.contains("(process "), "{after}");
    assert!(after.contains("apply: did not finish"), "{after}");
}

// simulate

/// A started `rosterd simulate`, which ends with the test.
struct Simulating {
    child: Child,
    address: String,
    told: String,
}

impl Simulating {
    fn start(args: &[&str]) -> Self {
        let mut command = binary();
        command.args(["simulate", "--listen", "127.0.0.1:0"]).args(args).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut told = String::new();
        for line in lines.by_ref().map(Result::unwrap) {
            told.push_str(&line);
            told.push('\n');
            if line.starts_with("To look at it") {
                break;
            }
        }
        let address = told.split("http://").nth(1).and_then(|rest| rest.split('/').next()).expect("it tells where");
        Self { child, address: address.to_owned(), told }
    }

    /// Asks it to stop, as a service manager would.
    fn stop(mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Simulating {
    fn drop(&mut self) {
        // It has ended already, unless the test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_simulator_of_its_own_is_driven_by_another_rosterd() {
    let dir = tempfile::tempdir().unwrap();
    let world = r#"{
        "organization": "corp",
        "users": [
            { "email": "ann@corp.example", "type": "activeUser" },
            { "email": "bob@corp.example", "type": "activeUser" }
        ],
        "groups": [ { "name": "Compliance", "members": ["bob@corp.example"] } ]
    }"#;
    std::fs::write(dir.path().join("world.json"), world).unwrap();
    let world = dir.path().join("world.json").display().to_string();
    let simulating = Simulating::start(&["--world", &world]);
    insta::assert_snapshot!(filtered(&simulating.told), @r#"
    Simulating corp with 3 accounts and 1 group; stop it with Ctrl-C. To work with it:

    [hyperproof]
    api_url = "http://127.0.0.1:PORT/v1"
    token_url = "http://127.0.0.1:PORT/oauth/token"
    client_id = "0123456789abcdef0123456789abcdef"
    client_secret = { env = "ROSTERD_CLIENT_SECRET" }   # export ROSTERD_CLIENT_SECRET=simulated-secret

    To look at it: http://127.0.0.1:PORT/_sim/state and http://127.0.0.1:PORT/_sim/requests
    "#);

    // What it prints is a configuration's beginning.
    let hyperproof: Vec<&str> =
        simulating.told.lines().filter(|line| line.contains(" = ") || line.starts_with('[')).collect();
    let config = format!(
        "{}\n[state]\npath = \"rosterd.db\"\n[guard]\nfirst_removals = \"apply\"\n[[source]]\nname = \"hr\"\nkind = \"csv\"\n\
         path = \"people.csv\"\n[[mapping]]\nsource = \"hr\"\ngroup = \"compliance\"\nto = \"Compliance\"\n",
        hyperproof.join("\n")
    );
    std::fs::write(dir.path().join("rosterd.toml"), config).unwrap();
    std::fs::write(dir.path().join("people.csv"), "group,email\ncompliance,ann@corp.example\n").unwrap();
    let run = |args: &[&str]| {
        let mut command = binary();
        command.args(["--config", "rosterd.toml"]).args(args).current_dir(dir.path());
        Ran::of(command.env("ROSTERD_CLIENT_SECRET", "simulated-secret").output().unwrap())
    };
    run(&["plan", "--exit-code"]).exits(10);
    let applied = run(&["apply", "--format", "json"]).exits(0).json();
    assert_eq!(applied["outcome"], "applied");
    run(&["plan", "--exit-code"]).exits(0);
    run(&["audit", "verify"]).exits(0);

    // Two on one port cannot be.
    let taken = rosterd(&["simulate", "--listen", &simulating.address]).exits(2);
    assert!(taken.stderr.contains("cannot listen on"), "{}", taken.stderr);
    assert_eq!(simulating.stop(), Some(0));
    run(&["apply"]).exits(13);
}

#[test]
fn a_world_that_is_wrong_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("world.json");
    for text in ["", "{", "[]", "{\"organization\": 1}", "{\"organization\": \"a\", \"colour\": 1}"] {
        std::fs::write(&path, text).unwrap();
        let told = rosterd(&["simulate", "--listen", "127.0.0.1:0", "--world", &path.display().to_string()]).exits(2);
        assert!(told.stderr.starts_with("error: "), "{}", told.stderr);
    }
    rosterd(&["simulate", "--listen", "127.0.0.1:0", "--world", "/nowhere/world.json"]).exits(2);
    rosterd(&["simulate", "--listen", "nonsense"]).exits(2);
}
