//! `rosterd explain`: why somebody is, or is not, in a group.

use std::collections::BTreeMap;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::args::{Explain, ExplainFormat, Global};
use super::exit::{Exit, Fault};
use super::moment::{Moment, moment};
use super::output::Output;
use super::session;
use crate::config::Config;
use crate::model::facts::{Facts, GroupFacts};
use crate::model::history::{Event, Seen, What};
use crate::model::id::AccountId;
use crate::model::run::Trigger;
use crate::report::explain::{self, AccountEntry, Asked, ExplainDocument, Identity, Question, Who};
use crate::report::{json, words, written};
use crate::run;
use crate::store::Store;

/// Answers by the facts of the last run, by a fresh look, or (for the past) by the log.
pub(super) fn run(global: &Global, output: &Output, explain: &Explain) -> Result<Exit, Fault> {
    let config = match explain.live {
        true => session::configuration(global, output)?,
        false => session::without_secrets(global)?,
    };
    let now = Timestamp::now();
    let at = explain.at.as_deref().map(|text| moment(text, &config, now)).transpose()?;
    let document = session::block_on(async {
        let store = session::look_into(&config.state.path).await?;
        let document = match (&at, explain.live) {
            (Some(at), _) => past(&store, explain, at).await,
            (None, true) => live(&config, &store, output, explain, now).await,
            (None, false) => stored(&store, explain, now).await,
        };
        store.close().await;
        document
    })?;
    output.progress().finish();
    let text = match explain.format {
        ExplainFormat::Text => written(|out| explain::write(out, &document, &output.look())),
        ExplainFormat::Json => json(&document),
    };
    output.answer(&text)?;
    Ok(Exit::Fine)
}

fn asked(explain: &Explain, at: Option<&Moment>) -> Asked {
    Asked {
        person: explain.person.clone(),
        group: explain.group.clone(),
        at: at.map(|at| crate::report::time(at.at)),
        at_means: at.map(|at| at.means.clone()),
        live: explain.live,
    }
}

async fn stored(store: &Store, explain: &Explain, now: Timestamp) -> Result<ExplainDocument, Fault> {
    let Some(facts) = store.facts().await? else {
        return Err(no_facts());
    };
    let mut document = by_facts(store, explain, &facts, now).await?;
    document.notes.extend(newer_run(store, &facts).await?);
    Ok(document)
}

pub(super) fn no_facts() -> Fault {
    let text = "no run has kept facts yet\nhelp: `rosterd apply` makes a run; `rosterd explain … --live` reads afresh";
    Fault::usage(anyhow::anyhow!(text))
}

async fn live(
    config: &Config,
    store: &Store,
    output: &Output,
    explain: &Explain,
    now: Timestamp,
) -> Result<ExplainDocument, Fault> {
    let setup = session::setup(config, store, Trigger::Plan, &[], CancellationToken::new());
    let facts = session::with_progress(output, &setup, run::look(&setup)).await?;
    by_facts(store, explain, &facts, now).await
}

async fn by_facts(
    store: &Store,
    explain: &Explain,
    facts: &Facts<'_>,
    now: Timestamp,
) -> Result<ExplainDocument, Fault> {
    let group = explain.group.as_deref().map(|name| group(facts, name)).transpose()?;
    let (who, in_log) = match explain::find(facts, &explain.person) {
        Who::One(who) => {
            let in_log = match &who.account {
                Some(account) => Some(account.clone()),
                None => former(store, facts, &who).await?.map(|seen| seen.account),
            };
            (who, in_log)
        }
        Who::Several(lines) => return Err(several(&explain.person, &lines)),
        // Gone from the sources and from Hyperproof, the log may know them.
        Who::Nobody => (Identity::default(), Some(in_log(store, &explain.person).await?.account)),
    };
    let events = match &in_log {
        Some(account) => store.account_history(account).await?,
        None => Vec::new(),
    };
    let holds = holds(store, &events).await?;
    let asked = asked(explain, None);
    let in_log = in_log.as_ref();
    let question = Question { asked: &asked, facts, who: &who, group, in_log, events: &events, holds: &holds, now };
    let mut document = explain::answer(&question);
    if let (None, Some(account)) = (&document.account, in_log) {
        document.notes.push(format!("The audit log knows account {account}; Hyperproof has no such account any more."));
    }
    if !facts.complete {
        document.notes.push("Not everything was read to its end: what is missing may grant more.".to_owned());
    }
    Ok(document)
}

/// The account that the log knows somebody by who has none now.
async fn former(store: &Store, facts: &Facts<'_>, who: &Identity) -> Result<Option<Seen>, Fault> {
    for (source, person) in &who.people {
        let source = facts.sources.get(*source as usize);
        let Some(person) = source.and_then(|source| source.person(*person)) else { continue };
        for address in person.addresses() {
            let known = store.accounts_in_log(address.as_str()).await?;
            // One that somebody bears now is somebody else's business.
            let mut gone = known.into_iter().filter(|seen| facts.account_index(&seen.account).is_none());
            if let Some(seen) = gone.next_back() {
                return Ok(Some(seen));
            }
        }
    }
    Ok(None)
}

/// A target group by its name, in whatever case where that is clear, or its id.
pub(super) fn group<'a>(facts: &'a Facts<'_>, name: &str) -> Result<&'a GroupFacts, Fault> {
    find_group(facts, name).ok_or_else(|| {
        let all: Vec<&str> = facts.groups.iter().map(|group| group.name.as_str()).collect();
        unknown_group(name, &all)
    })
}

pub(super) fn find_group<'a>(facts: &'a Facts<'_>, name: &str) -> Option<&'a GroupFacts> {
    let by_id = || facts.groups.iter().find(|group| group.id.as_ref().is_some_and(|id| id.as_str() == name));
    let folded = || {
        let mut fitting = facts.groups.iter().filter(|group| group.name.as_str().to_lowercase() == name.to_lowercase());
        fitting.next().filter(|_| fitting.next().is_none())
    };
    facts.group(name).or_else(by_id).or_else(folded)
}

pub(super) fn unknown_group(name: &str, all: &[&str]) -> Fault {
    let shown: Vec<String> = all.iter().take(20).map(|name| format!("{name:?}")).collect();
    let more = if all.len() > shown.len() { ", …" } else { "" };
    let help = match shown.is_empty() {
        true => "no mapped group is known; `rosterd apply` makes a run".to_owned(),
        false => format!("mapped groups are {}{more}", shown.join(", ")),
    };
    Fault::usage(anyhow::anyhow!("{name:?} is no mapped group\nhelp: {help}"))
}

fn several(person: &str, lines: &[String]) -> Fault {
    let lines: Vec<String> = lines.iter().map(|line| format!("  {line}")).collect();
    let text =
        format!("{person:?} fits {}:\n{}\nhelp: ask by the id", words::plural(lines.len(), "entry"), lines.join("\n"));
    Fault::usage(anyhow::anyhow!(text.replace("entrys", "entries")))
}

/// An account that the log alone knows.
async fn in_log(store: &Store, person: &str) -> Result<Seen, Fault> {
    let known = store.accounts_in_log(person.trim()).await?;
    match known.as_slice() {
        [one] => Ok(one.clone()),
        [] => {
            let text = format!(
                "nobody is known as {person:?}: no source has them, no account bears the address, and the log does not \
                 name them\nhelp: ask by an address, an account's id, or a person's id or DN; --live reads the sources afresh"
            );
            Err(Fault::usage(anyhow::anyhow!(text)))
        }
        all => {
            let lines: Vec<String> = all
                .iter()
                .map(|seen| format!("{} ({})", seen.account, seen.email.as_deref().unwrap_or("no address")))
                .collect();
            Err(several(person, &lines))
        }
    }
}

async fn holds(store: &Store, events: &[Event]) -> Result<BTreeMap<i64, Timestamp>, Fault> {
    let mut holds = BTreeMap::new();
    for event in events {
        if let What::Made(made) = &event.what
            && let Some(hold) = &made.hold
            && let Some(began) = store.hold_began(hold, event.seq).await?
        {
            holds.insert(event.seq, began);
        }
    }
    Ok(holds)
}

/// What to know of runs that ended after the one whose facts are kept.
pub(super) async fn newer_run(store: &Store, facts: &Facts<'_>) -> Result<Option<String>, Fault> {
    let Some(newest) = store.runs(1).await?.into_iter().next().filter(|run| run.run != facts.run) else {
        return Ok(None);
    };
    let why = match (&newest.partial, newest.outcome) {
        (Some(groups), _) => format!("was limited to {}", groups.join(", ")),
        (None, Some(outcome)) => format!("ended as {}", outcome.as_str()),
        (None, None) => "has not ended".to_owned(),
    };
    let at = words::when(&crate::report::time(newest.started_at));
    Ok(Some(format!("Run {} of {at} is newer ({why}) and left no facts of its own; --live reads afresh.", newest.run)))
}

async fn past(store: &Store, explain: &Explain, at: &Moment) -> Result<ExplainDocument, Fault> {
    let facts = store.facts().await?;
    let found = facts.as_ref().map_or(Who::Nobody, |facts| explain::find(facts, &explain.person));
    let account = match found {
        Who::Several(lines) => return Err(several(&explain.person, &lines)),
        Who::One(Identity { account: Some(account), .. }) => {
            let facts = facts.as_ref().and_then(|facts| facts.accounts.get(facts.account_index(&account)? as usize));
            AccountEntry {
                user_id: account.to_string(),
                email: facts.and_then(|account| Some(account.email.as_ref()?.to_string())),
                kind: facts.map(|account| account.kind.to_string()),
                standing: None,
            }
        }
        Who::One(who) => {
            let former = match &facts {
                Some(facts) => former(store, facts, &who).await?,
                None => None,
            };
            match former {
                Some(seen) => gone(seen),
                None => return Ok(never(explain, at)),
            }
        }
        Who::Nobody => gone(in_log(store, &explain.person).await?),
    };
    let group = explain.group.as_deref();
    let canonical = group
        .map(|name| facts.as_ref().and_then(|facts| find_group(facts, name)).map_or(name, |group| group.name.as_str()));
    let events = store.account_history(&AccountId::new(&account.user_id)).await?;
    let holds = holds(store, &events).await?;
    let asked = asked(explain, Some(at));
    let mut document = explain::past(&asked, account, canonical, &events, &holds, at.at);
    if let (Some(name), true) = (group, document.groups.is_empty()) {
        if let Some(group) = facts.as_ref().and_then(|facts| find_group(facts, name)) {
            document.groups.push(explain::unheard(group));
            return Ok(document);
        }
        let all: Vec<&str> = facts.iter().flat_map(|facts| &facts.groups).map(|group| group.name.as_str()).collect();
        return Err(unknown_group(name, &all));
    }
    Ok(document)
}

/// An account that Hyperproof does not have any more.
fn gone(seen: Seen) -> AccountEntry {
    AccountEntry { user_id: seen.account.to_string(), email: seen.email, kind: None, standing: None }
}

/// The answer for somebody who has no account, and had none that the log knows.
fn never(explain: &Explain, at: &Moment) -> ExplainDocument {
    ExplainDocument {
        format: explain::FORMAT.to_owned(),
        asked: asked(explain, Some(at)),
        facts: None,
        people: Vec::new(),
        account: None,
        groups: Vec::new(),
        notes: vec!["They have no account, and the log knows of none: without one nobody is a member.".to_owned()],
    }
}
