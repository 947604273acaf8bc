//! `rosterd init`: a short, commented configuration to start from.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::Path;

use super::args::{Global, Init, SourceChoice};
use super::exit::{Exit, Fault};
use super::output::{Output, io_text};
use crate::config::{Answers, SourceTemplate, template};
use crate::report::words::clean;

/// Writes the configuration. Asks on a terminal; never overwrites.
pub(super) fn run(global: &Global, output: &Output, init: &Init) -> Result<Exit, Fault> {
    let path = init.out.as_deref().unwrap_or(&global.config);
    if path.exists() {
        return Err(exists(path));
    }
    let kind = match init.source {
        Some(SourceChoice::Ldap) => SourceTemplate::Ldap,
        Some(SourceChoice::Csv) | None => SourceTemplate::Csv,
    };
    let answers = match io::stdin().is_terminal() && io::stderr().is_terminal() {
        true => ask(output, kind)?,
        false => Answers::default(),
    };
    write(path, &template(kind, &answers))?;
    let shown = clean(&path.display().to_string()).into_owned();
    output.answer(&format!(
        "wrote {shown}\n\nNext:\n  \
         1. put your own client id, files and groups where it has examples\n  \
         2. export {}=…                  (the client secret; or name a file in client_secret)\n  \
         3. rosterd check --online --config {shown}     (every mistake at once; nothing is written)\n  \
         4. rosterd plan --config {shown}               (what a run would do; nothing is changed)\n",
        answers.secret_variable
    ))?;
    Ok(Exit::Fine)
}

fn exists(path: &Path) -> Fault {
    let path = path.display();
    let text = format!("{path} is there already, and nothing is overwritten\nhelp: name another file with --out");
    Fault::usage(anyhow::anyhow!(text))
}

fn write(path: &Path, text: &str) -> Result<(), Fault> {
    let cannot = |error: io::Error| {
        if error.kind() == io::ErrorKind::AlreadyExists {
            return exists(path);
        }
        let help = match error.kind() {
            io::ErrorKind::NotFound => "make its directory first, or name another file with --out",
            _ => "name another file with --out",
        };
        let why = io_text(&error);
        Fault::usage(anyhow::anyhow!("cannot write {}: {why}\nhelp: {help}", path.display()))
    };
    let mut file = File::options().write(true).create_new(true).open(path).map_err(cannot)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(cannot)
}

fn ask(output: &Output, kind: SourceTemplate) -> Result<Answers, Fault> {
    let mut defaults = Answers::default();
    output.note("Enter takes what stands in brackets.");
    let region = question("Region of Hyperproof: us, eu or gov", &defaults.region)?;
    let token_url = match region.as_str() {
        "us" => None,
        _ => Some(question("Token URL (it is not published for this region)", "https://…/oauth/token")?),
    };
    let client_id = question("Client id of the service account", &defaults.client_id)?;
    match kind {
        SourceTemplate::Csv => defaults.csv_path = question("CSV file or pattern", &defaults.csv_path)?,
        SourceTemplate::Ldap => defaults.ldap_url = question("Address of the directory server", &defaults.ldap_url)?,
    }
    Ok(Answers {
        token_url,
        client_id,
        group: question("A directory group in it", &defaults.group)?,
        to: question("The Hyperproof group that it feeds", &defaults.to)?,
        state_path: question("State file", &defaults.state_path)?,
        region,
        ..defaults
    })
}

fn question(text: &str, default: &str) -> Result<String, Fault> {
    let mut err = io::stderr();
    let mut answer = String::new();
    let asked = write!(err, "{text} [{default}]: ").and_then(|()| err.flush());
    asked
        .and_then(|()| io::stdin().read_line(&mut answer))
        .map_err(|error| Fault::from(anyhow::Error::new(error).context("cannot ask")))?;
    Ok(match answer.trim() {
        "" => default.to_owned(),
        answer => answer.to_owned(),
    })
}
