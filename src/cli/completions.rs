//! `rosterd completions SHELL`.

use clap::CommandFactory;
use clap_complete::Shell;

use super::args::Arguments;
use super::exit::{Exit, Fault};
use super::output::Output;

/// Prints the completions of a shell.
pub(super) fn run(output: &Output, shell: Shell) -> Result<Exit, Fault> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "rosterd", &mut script);
    output.answer_bytes(&script)?;
    Ok(Exit::Fine)
}
