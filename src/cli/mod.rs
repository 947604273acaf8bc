//! Floor 5: the command line. A file per command; each turns what was typed into calls of lower
//! floors, hands the answer to [`output`], and ends with an [`Exit`].

mod completions;
mod man;
mod values;

pub mod args;
pub mod exit;
pub mod output;
pub mod progress;

use std::env;
use std::ffi::OsString;

use clap::Parser;

use crate::telemetry;
use args::{Arguments, Command, Global, LogFormat};
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
    let result = log(&arguments.global, &output).and_then(|()| dispatch(arguments, &output));
    output.progress().finish();
    result.unwrap_or_else(|fault| {
        output.fault(&fault);
        fault.exit
    })
}

fn dispatch(arguments: Arguments, output: &Output) -> Result<Exit, Fault> {
    match arguments.command {
        Command::Completions { shell } => completions::run(output, shell),
        Command::Man => man::run(output),
        Command::Init(_)
        | Command::Check(_)
        | Command::Plan(_)
        | Command::Apply(_)
        | Command::Holds
        | Command::Approve(_)
        | Command::Status
        | Command::Audit { .. }
        | Command::Simulate(_)
        | Command::Demo
        | Command::Schema => Err(Fault::usage(anyhow::anyhow!("this build cannot do that yet"))),
    }
}

fn log(global: &Global, output: &Output) -> Result<(), Fault> {
    let settings = telemetry::Settings {
        verbosity: i16::from(global.verbose) - i16::from(global.quiet),
        format: match global.log_format {
            LogFormat::Text => telemetry::Format::Text,
            LogFormat::Json => telemetry::Format::Json,
        },
        colour: output.colour_log(),
    };
    let directives = env::var_os("ROSTERD_LOG").map(|text| text.to_string_lossy().into_owned());
    telemetry::init(settings, directives.as_deref(), output.log_writer()).map_err(Fault::usage)
}
