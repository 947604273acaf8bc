//! What `rosterd --help` shows first: the commands by task.

use std::fmt::Write;

use clap::builder::{StyledStr, Styles};
use clap::{Command as Parser, Subcommand};

use super::args::Command;

/// Tasks in the order in which somebody meets them, and the commands for each. What is named in none
/// of them is shown at the end.
const TASKS: [(&str, &[&str]); 6] = [
    ("Try it", &["demo", "simulate"]),
    ("Set it up", &["init", "check"]),
    ("Let it work", &["plan", "apply", "run", "status"]),
    ("Decide what it may not do alone", &["holds", "approve", "undo"]),
    ("Ask and prove", &["explain", "members", "review", "audit", "backup"]),
    ("Editors, shells, manuals", &["schema", "completions", "man", "help"]),
];

/// The template of the help.
pub(super) fn template() -> StyledStr {
    let commands = all();
    let header = *Styles::styled().get_header();
    let literal = *Styles::styled().get_literal();
    let width = commands.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    let mut text = String::from("{about-with-newline}\n{usage-heading} {usage}\n");
    let mut group = |heading: &str, wanted: &dyn Fn(&str) -> Option<usize>| {
        let mut found: Vec<_> =
            commands.iter().filter_map(|(name, about)| Some((wanted(name)?, name, about))).collect();
        found.sort();
        if !found.is_empty() {
            let _ = write!(text, "\n{header}{heading}:{header:#}\n");
        }
        for (_, name, about) in found {
            let _ = writeln!(text, "  {literal}{name}{literal:#}{:pad$}  {about}", "", pad = width - name.len());
        }
    };
    for (task, names) in TASKS {
        group(task, &|name| names.iter().position(|one| *one == name));
    }
    group("More", &|name| TASKS.iter().all(|(_, names)| !names.contains(&name)).then_some(0));
    let _ = write!(text, "\n{header}Options:{header:#}\n{{options}}{{after-help}}");
    text.into()
}

/// Names and first lines of all commands.
fn all() -> Vec<(String, String)> {
    let mut commands: Vec<_> = Command::augment_subcommands(Parser::new("rosterd"))
        .get_subcommands()
        .map(|command| {
            let about = command.get_about().map(ToString::to_string).unwrap_or_default();
            (command.get_name().to_owned(), about)
        })
        .collect();
    commands.push(("help".to_owned(), "Print this, or the help of a command".to_owned()));
    commands
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_its_task() {
        let text = template().to_string();
        for (name, _) in all() {
            assert_eq!(text.matches(&format!("\n  {name} ")).count(), 1, "{name}:\n{text}");
        }
        assert!(!text.contains("More:"), "a command has no task:\n{text}");
    }
}
