//! `rosterd man`: one page with all commands.

use std::io::{self, Write};

use clap::{Command, CommandFactory};
use clap_mangen::Man;

use super::args::Arguments;
use super::exit::{Exit, Fault};
use super::output::Output;

/// Prints the man page.
pub(super) fn run(output: &Output) -> Result<Exit, Fault> {
    let page = page(Arguments::command()).map_err(anyhow::Error::from)?;
    output.answer_bytes(&page)?;
    Ok(Exit::Fine)
}

fn page(command: Command) -> io::Result<Vec<u8>> {
    let mut command = command.disable_help_subcommand(true);
    command.build();
    let mut page = Vec::new();
    let man = Man::new(command.clone());
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    subcommands(&mut page, &command, "rosterd")?;
    page.extend(notes(&man)?.bytes());
    man.render_version_section(&mut page)?;
    Ok(page)
}

/// What stands behind the help: examples and tables, whose lines must stay as they are.
fn notes(man: &Man) -> io::Result<String> {
    let mut extra = Vec::new();
    man.render_extra_section(&mut extra)?;
    let extra = String::from_utf8_lossy(&extra);
    // clap_mangen calls it "extra".
    Ok(match extra.split_once(" EXTRA\n") {
        Some((before, lines)) => format!("{before} NOTES\n.nf\n{}\n.fi\n", lines.trim_end()),
        None => String::new(),
    })
}

/// A section for each command that does something itself, with what only it has.
fn subcommands(page: &mut Vec<u8>, command: &Command, path: &str) -> io::Result<()> {
    for command in command.get_subcommands() {
        let path = format!("{path} {}", command.get_name());
        if command.has_subcommands() {
            subcommands(page, command, &path)?;
            continue;
        }
        let own = command.clone().mut_args(|arg| {
            let everywhere = arg.is_global_set() || arg.get_id() == "help";
            arg.hide(everywhere)
        });
        let man = Man::new(own);
        let mut section = Vec::new();
        man.render_description_section(&mut section)?;
        man.render_synopsis_section(&mut section)?;
        man.render_options_section(&mut section)?;
        section.extend(notes(&man)?.bytes());
        writeln!(page, ".SH \"{}\"", path.to_uppercase())?;
        page.extend(String::from_utf8_lossy(&section).replace(".SH ", ".SS ").bytes());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_every_command_and_the_exit_codes() {
        let page = String::from_utf8(page(Arguments::command()).unwrap()).unwrap();
        for part in ["ROSTERD PLAN", "ROSTERD AUDIT VERIFY", "exit\\-code", "Exit codes", "Environment:", "--reason"] {
            let part = part.replace("--", "\\-\\-");
            assert!(page.contains(&part), "{part}:\n{page}");
        }
        assert_eq!(page.matches(".nf\n").count(), page.matches(".fi\n").count());
        assert_eq!(page.matches("\\-\\-log\\-format").count(), 2, "{page}");
    }
}
