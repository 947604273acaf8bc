//! Floor 5: the command line. A file per command; each turns what was typed into calls of lower
//! floors, hands the answer to [`output`], and ends with an [`Exit`].

mod apply;
mod approve;
mod audit;
mod backup;
mod check;
mod completions;
mod demo;
mod explain;
mod export;
mod holds;
mod init;
mod man;
mod members;
mod moment;
mod overview;
mod plan;
mod review;
mod run;
mod schema;
mod session;
mod simulate;
mod status;
mod undo;
mod values;
mod verify;
mod verify_pack;
mod witness;

pub mod args;
pub mod exit;
pub mod output;
pub mod progress;

use std::env;
use std::ffi::OsString;

use clap::Parser;

use crate::telemetry;
use args::{Arguments, Audit, Command, LogFormat};
use exit::{Exit, Fault};
use output::Output;

/// Does what was typed. The first of `line` is the name of the program.
pub fn main(line: impl IntoIterator<Item = OsString>) -> Exit {
    let arguments = match Arguments::try_parse_from(line) {
        Ok(arguments) => arguments,
        Err(told) => {
            // Help and version are told this way too. A reader that left is no failure.
            let _ = told.print();
            return if told.use_stderr() { Exit::Usage } else { Exit::Fine };
        }
    };
    let output = Output::new(&arguments.global);
    let result = log(&arguments, &output).and_then(|()| dispatch(arguments, &output));
    output.progress().finish();
    result.unwrap_or_else(|fault| {
        output.fault(&fault);
        fault.exit
    })
}

fn dispatch(arguments: Arguments, output: &Output) -> Result<Exit, Fault> {
    let global = &arguments.global;
    match &arguments.command {
        Command::Init(init) => init::run(global, output, init),
        Command::Check(check) => check::run(global, output, check),
        Command::Plan(plan) => plan::run(global, output, plan),
        Command::Apply(apply) => apply::run(global, output, apply),
        Command::Run => run::run(global),
        Command::Holds => holds::run(global, output),
        Command::Approve(approve) => approve::run(global, output, approve),
        Command::Explain(explain) => explain::run(global, output, explain),
        Command::Members(members) => members::run(global, output, members),
        Command::Review(review) => review::run(global, output, review),
        Command::Status => status::run(global, output),
        Command::Undo(undo) => undo::run(global, output, undo),
        Command::Audit { command: Audit::List(list) } => audit::list(global, output, list),
        Command::Audit { command: Audit::Verify(verify) } => verify::run(global, output, verify),
        Command::Audit { command: Audit::Pubkey } => witness::pubkey(global, output),
        Command::Audit { command: Audit::Export(export) } => export::run(global, output, export),
        Command::Backup(backup) => backup::run(global, output, backup),
        Command::Simulate(simulate) => simulate::run(output, simulate),
        Command::Demo => demo::run(output),
        Command::Schema => schema::run(output),
        Command::Completions { shell } => completions::run(output, *shell),
        Command::Man => man::run(output),
    }
}

fn log(arguments: &Arguments, output: &Output) -> Result<(), Fault> {
    let global = &arguments.global;
    // The log is all that the service says.
    let own = i16::from(matches!(arguments.command, Command::Run) && global.quiet == 0);
    let settings = telemetry::Settings {
        verbosity: own + i16::from(global.verbose) - i16::from(global.quiet),
        format: match global.log_format {
            LogFormat::Text => telemetry::Format::Text,
            LogFormat::Json => telemetry::Format::Json,
        },
        colour: output.colour_log(),
        times: !output::is_journal(env::var("JOURNAL_STREAM").ok().as_deref()),
    };
    let directives = env::var_os("ROSTERD_LOG").map(|text| text.to_string_lossy().into_owned());
    telemetry::init(settings, directives.as_deref(), output.log_writer()).map_err(Fault::usage)
}
