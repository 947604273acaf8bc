//! The facts of the last run: a part a row, columns instead of records, indices instead of copies. A
//! quarter of a million memberships take some megabytes, and only parts that differ are written.

mod shape;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sqlx::SqliteConnection;

use super::error::Fault;
use super::rows::{Cell, Kind, Rows, Table, read, replace};
use super::stored::{from_json, millis, time, to_json};
use crate::model::facts::{DirectoryFacts, Facts, HoldFacts, MappingFacts, PersonFacts, SourceFacts};
use shape::{Accounts, Directory, Group, People};
use shape::{accounts, accounts_of, deltas, group_of, people, people_of, stored_group, sums};

const TABLE: Table = Table {
    name: "fact",
    keys: 1,
    value: Some(Kind::Text),
    select: "SELECT part, body FROM fact",
    upsert: "INSERT INTO fact (part, body) VALUES ($1, $2) ON CONFLICT (part) DO UPDATE SET body = excluded.body",
    delete: "DELETE FROM fact WHERE part = $1",
};

const FRAME: &str = "frame";
const ACCOUNTS: &str = "accounts";

/// What belongs to no source or group; it alone differs from run to run where nothing changed.
#[derive(Serialize, Deserialize)]
struct Frame {
    run: String,
    at: i64,
    complete: bool,
    own: String,
    sources: Vec<SourceFrame>,
    mappings: Vec<(String, String, bool, String)>,
    groups: Vec<String>,
    holds: BTreeMap<String, (String, String)>,
}

#[derive(Serialize, Deserialize)]
struct SourceFrame {
    name: String,
    kind: String,
    unread: Option<String>,
    everyone: bool,
    evidence: String,
}

/// Keeps facts in place of the ones before.
pub(super) async fn keep(conn: &mut SqliteConnection, facts: &Facts) -> Result<(), Fault> {
    let written = replace(conn, &TABLE, &parts(facts)?).await?;
    tracing::debug!(parts = written, "kept the facts of the run");
    Ok(())
}

fn parts(facts: &Facts) -> Result<Rows, Fault> {
    let mut rows = Rows::new();
    let mut part = |name: String, body: String| _ = rows.insert(vec![name], Some(Cell::Text(body)));
    part(FRAME.to_owned(), to_json(&frame(facts))?);
    part(ACCOUNTS.to_owned(), to_json(&accounts(&facts.accounts))?);
    for source in &facts.sources {
        part(format!("people {}", source.name), to_json(&people(&source.people))?);
        let groups = source
            .groups
            .iter()
            .map(|group| (group.name.clone(), group.partial.clone(), deltas(&group.people), group.groups.clone()));
        part(format!("directory {}", source.name), to_json(&groups.collect::<Vec<Directory>>())?);
    }
    for group in &facts.groups {
        part(format!("group {}", group.name), to_json(&stored_group(group))?);
    }
    Ok(rows)
}

fn frame(facts: &Facts) -> Frame {
    let source = |source: &SourceFacts| SourceFrame {
        name: source.name.to_string(),
        kind: source.kind.clone(),
        unread: source.unread.clone(),
        everyone: source.everyone,
        evidence: source.evidence.clone(),
    };
    let mapping = |mapping: &MappingFacts| {
        (mapping.source.to_string(), mapping.from.clone(), mapping.pattern, mapping.to.clone())
    };
    Frame {
        run: facts.run.to_string(),
        at: millis(facts.at),
        complete: facts.complete,
        own: facts.own.to_string(),
        sources: facts.sources.iter().map(source).collect(),
        mappings: facts.mappings.iter().map(mapping).collect(),
        groups: facts.groups.iter().map(|group| group.name.to_string()).collect(),
        holds: (facts.holds.iter()).map(|(id, hold)| (id.clone(), (hold.rule.clone(), hold.text.clone()))).collect(),
    }
}

/// The facts that were kept last; none before the first.
pub(super) async fn load(conn: &mut SqliteConnection) -> Result<Option<Facts>, Fault> {
    let mut parts: BTreeMap<String, String> = (read(conn, &TABLE).await?.into_iter())
        .filter_map(|(key, value)| match value {
            Some(Cell::Text(body)) => Some((key.into_iter().next()?, body)),
            Some(Cell::Int(_)) | None => None,
        })
        .collect();
    if parts.is_empty() {
        return Ok(None);
    }
    let mut part = |name: String| {
        let body = parts.remove(&name).ok_or_else(|| Fault::row(TABLE.name, &name, "it is not there"))?;
        Ok::<_, Fault>((name, body))
    };
    let (name, body) = part(FRAME.to_owned())?;
    let frame: Frame = from_json(TABLE.name, &name, &body)?;
    let (name, body) = part(ACCOUNTS.to_owned())?;
    let accounts: Accounts = from_json(TABLE.name, &name, &body)?;
    let mut sources = Vec::with_capacity(frame.sources.len());
    for source in frame.sources {
        let (name, body) = part(format!("people {}", source.name))?;
        let people: People = from_json(TABLE.name, &name, &body)?;
        let people = people_of(people).ok_or_else(|| Fault::row(TABLE.name, &name, "its columns do not fit"))?;
        let (name, body) = part(format!("directory {}", source.name))?;
        let groups: Vec<Directory> = from_json(TABLE.name, &name, &body)?;
        sources.push(source_of(source, people, groups));
    }
    let mut groups = Vec::with_capacity(frame.groups.len());
    for group in frame.groups {
        let (name, body) = part(format!("group {group}"))?;
        let stored: Group = from_json(TABLE.name, &name, &body)?;
        let unknown = || Fault::row(TABLE.name, &name, "it has a word that is not known");
        groups.push(group_of(group, stored).ok_or_else(unknown)?);
    }
    Ok(Some(Facts {
        run: frame.run.into(),
        at: time(TABLE.name, FRAME, frame.at)?,
        complete: frame.complete,
        own: frame.own.into(),
        sources,
        mappings: (frame.mappings.into_iter())
            .map(|(source, from, pattern, to)| MappingFacts { source: source.into(), from, pattern, to })
            .collect(),
        accounts: accounts_of(accounts).ok_or_else(|| Fault::row(TABLE.name, ACCOUNTS, "its columns do not fit"))?,
        groups,
        holds: frame.holds.into_iter().map(|(id, (rule, text))| (id, HoldFacts { rule, text })).collect(),
    }))
}

fn source_of(frame: SourceFrame, people: Vec<PersonFacts>, groups: Vec<Directory>) -> SourceFacts {
    let group =
        |(name, partial, people, groups): Directory| DirectoryFacts { name, partial, people: sums(&people), groups };
    SourceFacts {
        name: frame.name.into(),
        kind: frame.kind,
        unread: frame.unread,
        everyone: frame.everyone,
        evidence: frame.evidence,
        people,
        groups: groups.into_iter().map(group).collect(),
    }
}
