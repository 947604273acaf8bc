//! `rosterd schema`: the JSON Schema of the configuration.

use super::exit::{Exit, Fault};
use super::output::Output;
use crate::{config, report};

/// Prints the schema.
pub(super) fn run(output: &Output) -> Result<Exit, Fault> {
    output.answer(&report::json(&config::schema()))?;
    Ok(Exit::Fine)
}
