//! `rosterd check [--online]`: every mistake before the first run.

mod directory;

use std::fmt::Write;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::args::{Check, Global};
use super::exit::{Exit, Fault};
use super::output::Output;
use super::session;
use crate::config::{Config, nearest};
use crate::model::directory::{SourceKind, SourceSnapshot};
use crate::model::live::LiveState;
use crate::model::memory::Memory;
use crate::model::plan::GroupStanding;
use crate::model::policy::Selector;
use crate::reconcile::{self, Inputs, mapping};
use crate::report::words::{clean, duration, plural};
use crate::run::{self, Reading};
use crate::store::{Access, Store};
use crate::target::wire::Me;
use crate::target::{CallCounts, Client};

/// Checks the configuration; online, also signs in and reads everything. Nothing is written.
pub(super) fn run(global: &Global, output: &Output, check: &Check) -> Result<Exit, Fault> {
    let config = session::configuration(global, output)?;
    let mut text = format!(
        "{}: {}, {}, no mistakes\n",
        clean(&config.file.display().to_string()),
        plural(config.sources.len(), "source"),
        plural(config.policy.mappings.len(), "mapping"),
    );
    if !check.online {
        output.answer(&text)?;
        return Ok(Exit::Fine);
    }
    let seen = session::block_on(read(&config, output))?;
    output.progress().finish();
    let exit = online(&mut text, &config, &seen);
    output.answer(&text)?;
    Ok(exit)
}

/// What an online check saw.
struct Seen {
    reading: Reading,
    /// Each directory server read as a whole, where the mappings need less of it.
    whole: Vec<SourceSnapshot>,
    memory: Memory,
    /// The tool's own account, where it could be asked for.
    me: Option<Me>,
    certificate_ends: Option<Timestamp>,
    calls: CallCounts,
    took: Duration,
    now: Timestamp,
}

async fn read(config: &Config, output: &Output) -> Result<Seen, Fault> {
    let now = Timestamp::now();
    // What is known lets the read tell more; without a state file there is nothing known yet.
    let memory = match config.state.path.exists() {
        true => Store::open(&config.state.path, Access::ExistingOnly).await?.memory(now).await?,
        false => Memory::default(),
    };
    let client = Client::new(&config.target).map_err(run::RunError::from)?;
    output.progress().stage("reading the directory and Hyperproof", None);
    let begun = Instant::now();
    let reading = run::read(&session::order(config), &client, &memory, now).await;
    let took = begun.elapsed();
    let me = match reading.live.is_ok() {
        true => client.reader().me().await.ok(),
        false => None,
    };
    output.progress().stage("reading directories as a whole", None);
    let whole = directory::whole(config, &reading, now).await;
    let (certificate_ends, calls) = (client.certificate_ends(), client.calls());
    Ok(Seen { reading, whole, memory, me, certificate_ends, calls, took, now })
}

/// Writes what was found, and says how it ends.
fn online(out: &mut String, config: &Config, seen: &Seen) -> Exit {
    let reading = &seen.reading;
    let mut exit = Exit::Fine;
    for source in &reading.sources {
        let complete = source.completeness.is_complete();
        let state = if complete { "read completely" } else { "NOT read completely" };
        let people = plural(source.people.len(), "person");
        let groups = plural(source.groups.len(), "directory group");
        let evidence = match source.read.in_full(&source.evidence, seen.now).as_str() {
            "" => String::new(),
            evidence => format!(" ({evidence})"),
        };
        line(out, &format!("source {}: {state}: {people}, {groups}{evidence}", source.name));
        let whole = seen.whole.iter().find(|whole| whole.name == source.name);
        for told in directory::lines(source, whole, seen.now) {
            line(out, &format!("  {told}"));
        }
        for problem in &source.problems {
            line(out, &format!("  {problem}"));
        }
        if !complete {
            exit = exit.max(Exit::Unread);
        }
    }
    mappings(out, config, reading);
    match &reading.live {
        Ok(live) => {
            let accounts = plural(live.accounts.len(), "account");
            let groups = plural(live.groups.len(), "group");
            line(out, &format!("Hyperproof: {accounts}, {groups}, read in {}", duration(seen.took)));
            signed_in(out, live, seen.me.as_ref());
            connection(out, seen);
            for problem in &live.problems {
                line(out, &format!("  {problem}"));
            }
            exit = exit.max(targets(out, config, reading, &seen.memory));
        }
        Err(error) => {
            line(out, &format!("Hyperproof: NOT read: {error}"));
            line(out, &format!("  help: {}", error.help()));
            exit = exit.max(Exit::Unread);
        }
    }
    exit
}

/// Who rosterd is in Hyperproof. The role decides what it is shown, and no call tells the role's name.
fn signed_in(out: &mut String, live: &LiveState, me: Option<&Me>) {
    let kind = live.account(&live.own).map_or("account", |own| own.kind.as_str());
    let email = me.and_then(|me| me.email.as_deref()).unwrap_or("no address");
    let role = me.and_then(|me| me.organization_role_id.as_deref()).unwrap_or("not told");
    line(out, &format!("  signed in as {kind} {} ({email}), role id {role}", live.own));
}

/// Certificate and limits that the read met.
fn connection(out: &mut String, seen: &Seen) {
    match seen.certificate_ends {
        Some(ends) => line(out, &format!("  {}", directory::certificate(ends, seen.now))),
        None => line(out, "  no certificate: the connection is not encrypted"),
    }
    match seen.calls.throttled {
        none if none.is_zero() => line(out, "  no limit was met"),
        held => line(out, &format!("  its throttling held calls back for {}", duration(held))),
    }
}

/// One line, safe to show.
fn line(out: &mut String, text: &str) {
    writeln!(out, "{}", clean(text)).expect("writing to a String does not fail");
}

/// What each mapping matches now.
fn mappings(out: &mut String, config: &Config, reading: &Reading) {
    for mapping in &config.policy.mappings {
        let Some(source) = reading.sources.iter().find(|source| source.name == mapping.source) else { continue };
        let matched: Vec<_> =
            source.groups.iter().filter(|group| mapping::means(mapping, source.kind, group)).collect();
        let people: usize = matched.iter().map(|group| group.people.len()).sum();
        let matches = match matched.is_empty() {
            // Nothing is known of groups that were not read.
            true if !source.completeness.is_complete() => "not known, the source was not read completely".to_owned(),
            true => format!("matches NOTHING (help: {})", unmatched(&mapping.from, source)),
            false => {
                let groups = plural(matched.len(), "directory group");
                format!("{groups} with {}{}", plural(people, "direct member"), directory::nested(source, &matched))
            }
        };
        line(out, &format!("mapping {} {:?} -> {:?}: {matches}", source.name, mapping.from.as_str(), mapping.to));
    }
}

/// What to do about a mapping to which nothing is there.
fn unmatched(from: &Selector, source: &SourceSnapshot) -> String {
    let names = source.groups.iter().flat_map(|group| &group.names);
    match (from, source.kind) {
        (Selector::Pattern(_), _) => "see whether the expression fits the names of the directory groups".to_owned(),
        (Selector::Name(name), SourceKind::Csv) => match nearest(name, names.map(String::as_str)) {
            Some(meant) => format!("did you mean {meant:?}? names are compared exactly, capitals too"),
            None => "names are compared exactly, capitals too".to_owned(),
        },
        (Selector::Name(_), SourceKind::Ldap) => {
            "is the name right, is the group below group_base, does its kind fit `schema`, and may the account see it?"
                .to_owned()
        }
    }
}

/// Target groups that cannot be worked on.
fn targets(out: &mut String, config: &Config, reading: &Reading, memory: &Memory) -> Exit {
    let Ok(live) = &reading.live else { return Exit::Unread };
    let inputs =
        Inputs { policy: &config.policy, sources: &reading.sources, live, memory, now: Timestamp::now(), only: None };
    let plan = reconcile::decide(inputs).cleared.into_plan();
    for group in &plan.groups {
        let state = match (&group.id, group.standing) {
            (_, GroupStanding::Unusable) => "cannot be worked on",
            (Some(_), GroupStanding::Ready) => "found",
            (None, GroupStanding::Ready) => "will be created",
        };
        let desired = match group.complete {
            true => format!("{} desired", group.desired),
            false => format!("{} desired by what was read", group.desired),
        };
        line(out, &format!("group {}: {state}, {} live, {desired}", group.name, group.live));
        for problem in &group.problems {
            line(out, &format!("  {problem}"));
        }
    }
    // What the guard would hold is no mistake of the configuration.
    match Exit::of(run::plan_exit(&plan, false)) {
        Exit::Held => Exit::Fine,
        exit => exit,
    }
}
