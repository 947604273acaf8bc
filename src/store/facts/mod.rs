//! The facts of the last run: a part a row, columns instead of records, indices instead of copies. A
//! quarter of a million memberships take some megabytes, and only parts that differ are written.

mod shape;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write};

use serde::{Deserialize, Serialize};
use sqlx::SqliteConnection;

use super::error::Fault;
use super::rows::pair;
use super::stored::{from_json, millis, time, to_json};
use crate::model::digest::Digest;
use crate::model::facts::{DirectoryFacts, Facts, HoldFacts, MappingFacts, SourceFacts};
use shape::{Accounts, Directory, Group, People};
use shape::{accounts, accounts_of, deltas, group_of, people, people_of, stored_group, sums};
use shape::{digest_of_accounts, digest_of_people};

const TABLE: &str = "fact";

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
pub(super) async fn keep(conn: &mut SqliteConnection, facts: &Facts<'_>) -> Result<(), Fault> {
    let mut parts = Parts::read(conn).await?;
    parts.keep(conn, FRAME.to_owned(), &frame(facts)).await?;
    // The two parts that are large have digests of their own: where nothing changed, not even their JSON is made.
    let digest = digest_of_accounts(&facts.accounts);
    if parts.differs(ACCOUNTS, &digest) {
        parts.write(conn, ACCOUNTS, &accounts(&facts.accounts), &digest).await?;
    }
    for source in &facts.sources {
        let (part, digest) = (format!("people {}", source.name), digest_of_people(source));
        if parts.differs(&part, &digest) {
            parts.write(conn, &part, &people(source), &digest).await?;
        }
        let groups = source
            .groups
            .iter()
            .map(|group| (group.name.clone(), group.partial.clone(), deltas(&group.people), group.groups.clone()));
        parts.keep(conn, format!("directory {}", source.name), &groups.collect::<Vec<Directory>>()).await?;
    }
    for group in &facts.groups {
        parts.keep(conn, format!("group {}", group.name), &stored_group(group)).await?;
    }
    parts.finish(conn).await
}

/// What is kept, by its digests: a part that is the same costs no writing, and no reading either.
struct Parts {
    have: BTreeMap<String, String>,
    written: usize,
}

impl Parts {
    async fn read(conn: &mut SqliteConnection) -> Result<Self, Fault> {
        let rows: Vec<(String, String)> = sqlx::query_as("SELECT part, digest FROM fact").fetch_all(conn).await?;
        Ok(Self { have: rows.into_iter().collect(), written: 0 })
    }

    async fn keep(
        &mut self,
        conn: &mut SqliteConnection,
        part: String,
        content: &(impl Serialize + Sync),
    ) -> Result<(), Fault> {
        let digest = digest_of(content)?;
        match self.differs(&part, &digest) {
            true => self.write(conn, &part, content, &digest).await,
            false => Ok(()),
        }
    }

    /// Whether a part is not there as it is; strikes it off what is there.
    fn differs(&mut self, part: &str, digest: &str) -> bool {
        self.have.remove(part).as_deref() != Some(digest)
    }

    async fn write(
        &mut self,
        conn: &mut SqliteConnection,
        part: &str,
        content: &(impl Serialize + Sync),
        digest: &str,
    ) -> Result<(), Fault> {
        sqlx::query(
            "INSERT INTO fact (part, body, digest) VALUES ($1, $2, $3) \
             ON CONFLICT (part) DO UPDATE SET body = excluded.body, digest = excluded.digest",
        )
        .bind(part)
        .bind(to_json(content)?)
        .bind(digest)
        .execute(conn)
        .await?;
        self.written += 1;
        Ok(())
    }

    /// Lets go of the parts that there are no more.
    async fn finish(self, conn: &mut SqliteConnection) -> Result<(), Fault> {
        for part in self.have.keys() {
            sqlx::query("DELETE FROM fact WHERE part = $1").bind(part).execute(&mut *conn).await?;
        }
        tracing::debug!(parts = self.written + self.have.len(), "kept the facts of the run");
        Ok(())
    }
}

/// The digest of a value's JSON, of which no more than a piece is in memory.
fn digest_of(content: &impl Serialize) -> Result<String, Fault> {
    struct Digesting(Digest);
    impl Write for Digesting {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.bytes(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let odd = |error: &dyn std::fmt::Display| Fault::Database(format!("a value cannot be stored: {error}"));
    let mut out = BufWriter::with_capacity(64 * 1024, Digesting(Digest::new()));
    serde_json::to_writer(&mut out, content).map_err(|error| odd(&error))?;
    let digesting = out.into_inner().map_err(|error| odd(&error))?;
    Ok(digesting.0.hex())
}

fn frame(facts: &Facts<'_>) -> Frame {
    let source = |source: &SourceFacts<'_>| SourceFrame {
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
pub(super) async fn load(conn: &mut SqliteConnection) -> Result<Option<Facts<'static>>, Fault> {
    let rows = sqlx::query("SELECT part, body FROM fact").fetch_all(conn).await?;
    let mut parts: BTreeMap<String, String> = rows.iter().map(|row| pair(TABLE, row)).collect::<Result<_, _>>()?;
    if parts.is_empty() {
        return Ok(None);
    }
    let mut part = |name: String| {
        let body = parts.remove(&name).ok_or_else(|| Fault::row(TABLE, &name, "it is not there"))?;
        Ok::<_, Fault>((name, body))
    };
    let (name, body) = part(FRAME.to_owned())?;
    let frame: Frame = from_json(TABLE, &name, &body)?;
    let (name, body) = part(ACCOUNTS.to_owned())?;
    let accounts: Accounts<'_> = from_json(TABLE, &name, &body)?;
    let accounts = accounts_of(accounts).ok_or_else(|| Fault::row(TABLE, ACCOUNTS, "its columns do not fit"))?;
    let mut sources = Vec::with_capacity(frame.sources.len());
    for source in frame.sources {
        let (name, body) = part(format!("people {}", source.name))?;
        let mut facts = source_of(source);
        let people: People<'_> = from_json(TABLE, &name, &body)?;
        people_of(people, &mut facts).ok_or_else(|| Fault::row(TABLE, &name, "its columns do not fit"))?;
        let (name, body) = part(format!("directory {}", facts.name))?;
        let groups: Vec<Directory> = from_json(TABLE, &name, &body)?;
        let group = |(name, partial, people, groups): Directory| DirectoryFacts {
            name,
            partial,
            people: sums(&people),
            groups,
        };
        facts.groups = groups.into_iter().map(group).collect();
        sources.push(facts);
    }
    let mut groups = Vec::with_capacity(frame.groups.len());
    for group in frame.groups {
        let (name, body) = part(format!("group {group}"))?;
        let stored: Group = from_json(TABLE, &name, &body)?;
        let unknown = || Fault::row(TABLE, &name, "it has a word that is not known");
        groups.push(group_of(group, stored).ok_or_else(unknown)?);
    }
    Ok(Some(Facts {
        run: frame.run.into(),
        at: time(TABLE, FRAME, frame.at)?,
        complete: frame.complete,
        own: frame.own.into(),
        sources,
        mappings: (frame.mappings.into_iter())
            .map(|(source, from, pattern, to)| MappingFacts { source: source.into(), from, pattern, to })
            .collect(),
        accounts: accounts.into(),
        groups,
        holds: frame.holds.into_iter().map(|(id, (rule, text))| (id, HoldFacts { rule, text })).collect(),
    }))
}

/// A source, without its people and its groups.
fn source_of(frame: SourceFrame) -> SourceFacts<'static> {
    SourceFacts {
        name: frame.name.into(),
        kind: frame.kind,
        unread: frame.unread,
        everyone: frame.everyone,
        evidence: frame.evidence,
        people: Cow::default(),
        meant: Vec::new(),
        sought: BTreeMap::new(),
        left_out: BTreeMap::new(),
        groups: Vec::new(),
    }
}
