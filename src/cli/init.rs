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
    let source = init.source.map(|source| match source {
        SourceChoice::Ldap => SourceTemplate::Ldap,
        SourceChoice::Csv => SourceTemplate::Csv,
    });
    let (kind, answers) = match io::stdin().is_terminal() && io::stderr().is_terminal() {
        true => ask(output, source)?,
        false => (source.unwrap_or(SourceTemplate::Csv), Answers::default()),
    };
    write(path, &template(kind, &answers))?;
    output.answer(&told(path, kind, &answers))?;
    Ok(Exit::Fine)
}

/// What was written, and what comes next.
fn told(path: &Path, kind: SourceTemplate, answers: &Answers) -> String {
    let shown = clean(&path.display().to_string()).into_owned();
    let (examples, bind) = match kind {
        SourceTemplate::Csv => ("files and groups", String::new()),
        SourceTemplate::Ldap => (
            "server, bases and groups",
            format!("     export {}=…   (the password of bind_dn)\n", answers.bind_variable),
        ),
    };
    format!(
        "wrote {shown}\n\nNext:\n  \
         1. put your own client id, {examples} where it has examples\n  \
         2. export {}=…   (the client secret; or name a file: {{ file = \"client-secret\" }})\n{bind}  \
         3. rosterd check --online --config {shown}   (every mistake at once; nothing is written)\n  \
         4. rosterd plan --config {shown}   (what a run would do; nothing is changed)\n",
        answers.secret_variable
    )
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
            io::ErrorKind::PermissionDenied => "run it as a user who may write there, or name another file with --out",
            _ => "name another file with --out",
        };
        let why = io_text(&error);
        Fault::usage(anyhow::anyhow!("cannot write {}: {why}\nhelp: {help}", path.display()))
    };
    let mut file = File::options().write(true).create_new(true).open(path).map_err(cannot)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(cannot)
}

fn ask(output: &Output, source: Option<SourceTemplate>) -> Result<(SourceTemplate, Answers), Fault> {
    let mut answers = Answers::default();
    output.note("Enter takes what stands in brackets.");
    let kind = match source {
        Some(kind) => kind,
        None => match one_of("Where people come from", &["csv", "ldap"], "csv")?.as_str() {
            "ldap" => SourceTemplate::Ldap,
            _ => SourceTemplate::Csv,
        },
    };
    answers.region = one_of("Region of Hyperproof", &["us", "eu", "gov"], &answers.region)?;
    if answers.region != "us" {
        let token_url = question("Token URL (it is not published for this region)", "https://…/oauth/token")?;
        answers.token_url = Some(token_url);
    }
    answers.client_id = question("Client id of the service account", &answers.client_id)?;
    match kind {
        SourceTemplate::Csv => answers.csv_path = question("CSV file or pattern", &answers.csv_path)?,
        SourceTemplate::Ldap => {
            answers.ldap_url = question("Address of the directory server", &answers.ldap_url)?;
            answers.ldap_schema = one_of("What it is", &LDAP_SCHEMAS, &answers.ldap_schema)?;
            if let Some((bind_dn, user_base, group_base)) = places(&answers.ldap_schema) {
                answers.bind_dn = bind_dn.to_owned();
                answers.user_base = user_base.to_owned();
                answers.group_base = group_base.to_owned();
            }
            answers.bind_dn = question("DN of the account that reads", &answers.bind_dn)?;
            answers.user_base = question("DN below which people are", &answers.user_base)?;
            answers.group_base = question("DN below which groups are", &answers.group_base)?;
        }
    }
    answers.group = question("A directory group in it", &answers.group)?;
    answers.to = question("The Hyperproof group that it feeds", &answers.to)?;
    answers.state_path = question("State file", &answers.state_path)?;
    Ok((kind, answers))
}

/// Presets that are offered. Another can be written into the file.
const LDAP_SCHEMAS: [&str; 5] = ["active-directory", "openldap", "rfc2307", "freeipa", "389ds"];

/// Where the account, people and groups usually are, where it is not as in Active Directory.
fn places(schema: &str) -> Option<(&'static str, &'static str, &'static str)> {
    match schema {
        "active-directory" => None,
        "freeipa" => Some((
            "uid=svc-rosterd,cn=users,cn=accounts,dc=corp,dc=example",
            "cn=users,cn=accounts,dc=corp,dc=example",
            "cn=groups,cn=accounts,dc=corp,dc=example",
        )),
        _ => Some(("cn=rosterd,dc=corp,dc=example", "ou=people,dc=corp,dc=example", "ou=groups,dc=corp,dc=example")),
    }
}

/// Asks until the answer is one of the words. At the end of the input it is the default.
fn one_of(text: &str, words: &[&str], default: &str) -> Result<String, Fault> {
    let text = format!("{text}: {}", words.join(", "));
    loop {
        let answer = question(&text, default)?.to_lowercase();
        if words.contains(&answer.as_str()) {
            return Ok(answer);
        }
    }
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
