//! The facts of the last run: a part a row, columns instead of records, indices instead of copies. A
//! quarter of a million memberships take some megabytes, and only parts that differ are written.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sqlx::SqliteConnection;

use super::error::Fault;
use super::rows::{Cell, Kind, Rows, Table, read, replace};
use super::stored::{from_json, to_json};
use crate::model::facts::{
    AccountFacts, ChangeFacts, DirectoryFacts, Facts, FeedFacts, Found, GroupFacts, HoldFacts, MappingFacts,
    PersonFacts, SkipFacts, SourceFacts,
};
use crate::model::live::Standing;
use crate::model::plan::{Op, Reason, Why};
use crate::model::policy::Mode;

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

#[derive(Serialize, Deserialize, Default)]
struct Accounts {
    ids: Vec<String>,
    emails: Vec<Option<String>>,
    /// Kinds, and where each account's is.
    kinds: Vec<String>,
    kind: Vec<usize>,
    standing: Vec<u8>,
}

/// People of one source. An address has no blanks in it, so blanks part addresses.
#[derive(Serialize, Deserialize, Default)]
struct People {
    keys: Vec<String>,
    origins: Vec<String>,
    addresses: Vec<String>,
    account: Vec<Option<u32>>,
    mutable: Vec<u32>,
    disabled: Vec<u32>,
    sought: BTreeMap<u32, String>,
    left_out: BTreeMap<u32, (String, Option<String>)>,
}

/// A directory group: name, what was missing, people, nested groups.
type Directory = (String, Option<String>, Vec<u32>, Vec<u32>);

#[derive(Serialize, Deserialize)]
struct Group {
    id: Option<String>,
    mode: String,
    ready: bool,
    complete: bool,
    members: Vec<u32>,
    strangers: Vec<String>,
    feeds: Vec<(u32, u32, StoredFound)>,
    problems: Vec<String>,
    changes: Vec<Change>,
    skips: Vec<(String, String, Option<String>)>,
}

#[derive(Serialize, Deserialize)]
enum StoredFound {
    Group(u32),
    Missing(String, Option<String>, bool),
    Doubled,
    Nothing,
    Unread,
}

#[derive(Serialize, Deserialize)]
struct Change {
    op: String,
    account: Option<String>,
    reason: String,
    report: bool,
    holds: Vec<String>,
    result: Option<String>,
    error: Option<String>,
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
        at: super::stored::millis(facts.at),
        complete: facts.complete,
        own: facts.own.to_string(),
        sources: facts.sources.iter().map(source).collect(),
        mappings: facts.mappings.iter().map(mapping).collect(),
        groups: facts.groups.iter().map(|group| group.name.to_string()).collect(),
        holds: (facts.holds.iter()).map(|(id, hold)| (id.clone(), (hold.rule.clone(), hold.text.clone()))).collect(),
    }
}

const STANDINGS: [Standing; 4] = [Standing::Active, Standing::Inactive, Standing::Deactivated, Standing::Ineligible];

fn accounts(accounts: &[AccountFacts]) -> Accounts {
    let mut stored = Accounts::default();
    for account in accounts {
        stored.ids.push(account.id.to_string());
        stored.emails.push(account.email.clone());
        let kind = stored.kinds.iter().position(|kind| *kind == account.kind).unwrap_or_else(|| {
            stored.kinds.push(account.kind.clone());
            stored.kinds.len() - 1
        });
        stored.kind.push(kind);
        let standing = STANDINGS.iter().position(|standing| *standing == account.standing);
        stored.standing.push(standing.and_then(|at| u8::try_from(at).ok()).unwrap_or_default());
    }
    stored
}

fn people(people: &[PersonFacts]) -> People {
    let mut stored = People::default();
    for (at, person) in (0..).zip(people) {
        stored.keys.push(person.key.clone());
        stored.origins.push(person.origin.clone());
        stored.addresses.push(person.addresses.join(" "));
        stored.account.push(person.account);
        if !person.immutable {
            stored.mutable.push(at);
        }
        if person.disabled {
            stored.disabled.push(at);
        }
        if !person.sought.is_empty() {
            stored.sought.insert(at, person.sought.join(" "));
        }
        if let Some((why, detail)) = &person.left_out {
            stored.left_out.insert(at, (why.as_str().to_owned(), detail.clone()));
        }
    }
    stored.mutable = deltas(&stored.mutable);
    stored.disabled = deltas(&stored.disabled);
    stored
}

fn stored_group(group: &GroupFacts) -> Group {
    let feed = |feed: &FeedFacts| {
        let found = match &feed.found {
            Found::Group(at) => StoredFound::Group(*at),
            Found::Missing { name, renamed_to, accepted } => {
                StoredFound::Missing(name.clone(), renamed_to.clone(), *accepted)
            }
            Found::Doubled => StoredFound::Doubled,
            Found::Nothing => StoredFound::Nothing,
            Found::Unread => StoredFound::Unread,
        };
        (feed.mapping, feed.source, found)
    };
    let change = |change: &ChangeFacts| Change {
        op: change.op.as_str().to_owned(),
        account: change.account.as_ref().map(ToString::to_string),
        reason: change.reason.as_str().to_owned(),
        report: change.report,
        holds: change.holds.clone(),
        result: change.result.clone(),
        error: change.error.clone(),
    };
    Group {
        id: group.id.as_ref().map(ToString::to_string),
        mode: group.mode.as_str().to_owned(),
        ready: group.ready,
        complete: group.complete,
        members: deltas(&group.members),
        strangers: group.strangers.iter().map(ToString::to_string).collect(),
        feeds: group.feeds.iter().map(feed).collect(),
        problems: group.problems.clone(),
        changes: group.changes.iter().map(change).collect(),
        skips: (group.skips.iter())
            .map(|skip| (skip.person.clone(), skip.why.as_str().to_owned(), skip.detail.clone()))
            .collect(),
    }
}

/// Rising numbers as the steps between them, which are shorter.
fn deltas(rising: &[u32]) -> Vec<u32> {
    let mut before = 0;
    rising.iter().map(|number| number.wrapping_sub(std::mem::replace(&mut before, *number))).collect()
}

fn sums(steps: &[u32]) -> Vec<u32> {
    let mut sum = 0_u32;
    steps
        .iter()
        .map(|step| {
            sum = sum.wrapping_add(*step);
            sum
        })
        .collect()
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
        at: super::stored::time(TABLE.name, FRAME, frame.at)?,
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

fn accounts_of(stored: Accounts) -> Option<Vec<AccountFacts>> {
    let Accounts { ids, emails, kinds, kind, standing } = stored;
    let rows = ids.into_iter().zip(emails).zip(kind).zip(standing);
    rows.map(|(((id, email), kind), standing)| {
        Some(AccountFacts {
            id: id.into(),
            email,
            kind: kinds.get(kind)?.clone(),
            standing: *STANDINGS.get(usize::from(standing))?,
        })
    })
    .collect()
}

fn people_of(stored: People) -> Option<Vec<PersonFacts>> {
    let People { keys, origins, addresses, account, mutable, disabled, sought, mut left_out } = stored;
    let (mutable, disabled) = (sums(&mutable), sums(&disabled));
    let has = |list: &[u32], at: u32| list.binary_search(&at).is_ok();
    let split = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    if [origins.len(), addresses.len(), account.len()].iter().any(|length| *length != keys.len()) {
        return None;
    }
    let rows = (0..).zip(keys).zip(origins).zip(addresses).zip(account);
    rows.map(|((((at, key), origin), addresses), account)| {
        let left_out = match left_out.remove(&at) {
            Some((why, detail)) => Some((Why::parse(&why)?, detail)),
            None => None,
        };
        Some(PersonFacts {
            key,
            immutable: !has(&mutable, at),
            addresses: split(&addresses),
            sought: sought.get(&at).map(|text| split(text)).unwrap_or_default(),
            disabled: has(&disabled, at),
            origin,
            account,
            left_out,
        })
    })
    .collect()
}

fn group_of(name: String, stored: Group) -> Option<GroupFacts> {
    let feed = |(mapping, source, found): (u32, u32, StoredFound)| FeedFacts {
        mapping,
        source,
        found: match found {
            StoredFound::Group(at) => Found::Group(at),
            StoredFound::Missing(name, renamed_to, accepted) => Found::Missing { name, renamed_to, accepted },
            StoredFound::Doubled => Found::Doubled,
            StoredFound::Nothing => Found::Nothing,
            StoredFound::Unread => Found::Unread,
        },
    };
    let change = |change: Change| {
        Some(ChangeFacts {
            op: Op::parse(&change.op)?,
            account: change.account.map(Into::into),
            reason: Reason::parse(&change.reason)?,
            report: change.report,
            holds: change.holds,
            result: change.result,
            error: change.error,
        })
    };
    let skip = |(person, why, detail): (String, String, Option<String>)| {
        Some(SkipFacts { person, why: Why::parse(&why)?, detail })
    };
    Some(GroupFacts {
        name: name.into(),
        id: stored.id.map(Into::into),
        mode: Mode::parse(&stored.mode)?,
        ready: stored.ready,
        complete: stored.complete,
        members: sums(&stored.members),
        strangers: stored.strangers.into_iter().map(Into::into).collect(),
        feeds: stored.feeds.into_iter().map(feed).collect(),
        problems: stored.problems,
        changes: stored.changes.into_iter().map(change).collect::<Option<_>>()?,
        skips: stored.skips.into_iter().map(skip).collect::<Option<_>>()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_and_sums_are_each_others_way_back() {
        for numbers in [&[][..], &[0], &[0, 1, 5, 1_000_000], &[7, u32::MAX]] {
            assert_eq!(sums(&deltas(numbers)), numbers);
        }
    }
}
