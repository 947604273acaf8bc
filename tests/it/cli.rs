//! The binary as a script meets it: exit codes, where words go, and readers that leave.

use std::fs::File;
use std::process::{Command, Output, Stdio};

use crate::support::bench::Bench;

fn rosterd(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rosterd"));
    command.args(arguments).env_clear().stdin(Stdio::null());
    command
}

fn told(command: &mut Command) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

#[test]
fn answers_go_to_standard_output_and_complaints_to_standard_error() {
    for arguments in [["--help"], ["--version"], ["man"]] {
        let (code, out, err) = told(&mut rosterd(&arguments));
        assert_eq!((code, err.as_str()), (Some(0), ""), "{arguments:?}");
        assert!(out.contains("rosterd"), "{arguments:?}: {out}");
    }
    for arguments in [&["plann"][..], &[], &["plan", "--format", "yaml"], &["completions", "cmd"]] {
        let (code, out, err) = told(&mut rosterd(arguments));
        assert_eq!((code, out.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(!err.is_empty(), "{arguments:?}");
    }
}

#[test]
fn every_shell_gets_completions_of_every_command() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let (code, out, _) = told(&mut rosterd(&["completions", shell]));
        assert_eq!(code, Some(0), "{shell}");
        assert!(out.contains("approve") && out.contains("verify"), "{shell}");
    }
}

#[test]
fn a_reader_that_leaves_is_no_failure_and_a_full_disk_is() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let (code, _, err) = told(rosterd(&["man"]).stdout(writer));
    assert_eq!((code, err.as_str()), (Some(0), ""));
    let full = File::options().write(true).open("/dev/full").unwrap();
    let (code, _, err) = told(rosterd(&["man"]).stdout(full));
    assert_eq!(code, Some(1));
    assert!(err.starts_with("error: cannot write to standard output: No space left"), "{err}");
}

#[test]
fn colours_are_for_terminals_and_for_those_who_ask() {
    let escapes = |arguments: &[&str], no_colour: bool| {
        let mut command = rosterd(arguments);
        command.env("ROSTERD_LOG", "a=b=c");
        if no_colour {
            command.env("NO_COLOR", "1");
        }
        let (code, _, err) = told(&mut command);
        assert_eq!(code, Some(2), "{err}");
        assert!(err.contains("error") && err.contains("\nhelp: "), "{err}");
        err.contains('\u{1b}')
    };
    assert!(!escapes(&["man"], false), "standard error is no terminal here");
    assert!(escapes(&["man", "--color", "always"], false));
    assert!(!escapes(&["man", "--color", "never"], false));
    assert!(!escapes(&["man", "--color", "auto"], true));
}

#[test]
fn who_works_on_the_state_alone_needs_no_secret() {
    let bench = Bench::small();
    bench.people(&["compliance,ann", "compliance,bob", "compliance,cem", "compliance,dan"]);
    bench.apply(0);
    std::fs::remove_file(bench.path("secret")).unwrap();
    let run = |arguments: &[&str]| {
        let mut command = rosterd(&["--config"]);
        told(command.arg(bench.path("rosterd.toml")).args(arguments))
    };
    for arguments in [&["holds"][..], &["status"], &["audit", "list"], &["audit", "verify"]] {
        let (code, out, err) = run(arguments);
        assert_eq!((code, err.as_str()), (Some(0), ""), "{arguments:?}");
        assert!(!out.is_empty(), "{arguments:?}");
    }
    let (code, _, err) = run(&["approve", "h-000000000000", "--by", "Ann", "--reason", "why not"]);
    assert_eq!(code, Some(2));
    assert!(err.starts_with("error: nothing that waits has the id \"h-000000000000\"\nhelp: "), "{err}");
    let (code, _, err) = run(&["plan"]);
    assert_eq!(code, Some(2));
    assert!(err.contains("hyperproof.client_secret.file"), "{err}");
}
