//! `rosterd members`: who is, or was, in a group, and by which grant.

use jiff::Timestamp;

use super::args::{Global, Members, MembersFormat};
use super::exit::{Exit, Fault};
use super::moment::{Moment, moment};
use super::output::Output;
use super::{explain, session};
use crate::model::facts::GroupFacts;
use crate::report::members::{self, Listing, MembersDocument};
use crate::report::{json, written};
use crate::store::Store;

/// Shows the members.
pub(super) fn run(global: &Global, output: &Output, members: &Members) -> Result<Exit, Fault> {
    let config = session::without_secrets(global)?;
    let now = Timestamp::now();
    let at = members.at.as_deref().map(|text| moment(text, &config, now)).transpose()?;
    let document = session::block_on(async {
        let store = session::look_into(&config.state.path).await?;
        let document = list(&store, &members.group, at.as_ref(), now).await;
        store.close().await;
        document
    })?;
    let text = match members.format {
        MembersFormat::Text => written(|out| members::write(out, &document, &output.look())),
        MembersFormat::Json => json(&document),
        MembersFormat::Csv => {
            // A spreadsheet has no place for them, and a list that is not whole must not look so.
            for note in &document.notes {
                output.note(note);
            }
            members::csv(&document)
        }
    };
    output.answer(&text)?;
    Ok(Exit::Fine)
}

/// The members of a group, now or at a time of the past.
pub(super) async fn list(
    store: &Store,
    name: &str,
    at: Option<&Moment>,
    now: Timestamp,
) -> Result<MembersDocument, Fault> {
    let facts = store.facts().await?;
    let mut known = facts.as_ref().and_then(|facts| explain::find_group(facts, name));
    let mut id = known.and_then(|group| group.id.clone());
    let direct = known.is_some();
    if !direct {
        // What the configuration calls otherwise by now, the log knows by its id.
        let named = store.group_history(None, name).await?;
        id = named.iter().rev().find_map(|event| event.group_id.clone());
        let by_id = |group: &&GroupFacts| id.is_some() && group.id == id;
        known = facts.as_ref().and_then(|facts| facts.groups.iter().find(by_id));
    }
    let renamed = known.is_some() && !direct;
    let canonical = known.map_or(name, |group| group.name.as_str());
    let events = store.group_history(id.as_ref(), canonical).await?;
    let listing = Listing {
        group: canonical,
        id: id.as_ref(),
        events: &events,
        mapped: known.is_some(),
        facts: facts.as_ref().filter(|_| at.is_none()),
        at: at.map(|at| at.at),
        now,
    };
    let mut document = members::list(&listing).ok_or_else(|| {
        let all: Vec<&str> = facts.iter().flat_map(|facts| &facts.groups).map(|group| group.name.as_str()).collect();
        explain::unknown_group(name, &all)
    })?;
    if renamed {
        document.notes.push(format!("{name:?} is {canonical:?} in the configuration by now."));
    }
    document.at_means = at.map(|at| at.means.clone());
    if let (Some(facts), None) = (&facts, at) {
        document.notes.extend(explain::newer_run(store, facts).await?);
    }
    Ok(document)
}
