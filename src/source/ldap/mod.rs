//! LDAP directories and Active Directory as sources. Floor 2.
//!
//! `address` (URLs), `wire` (sockets and TLS), `session` (one signed-in connection, with its `meter`),
//! `reader` (what is asked, in which order: `searches`, `look`, `parts`), `watermark` (whether anything
//! changed); pure: `ber`, `dn`, `entry`, `page`, `url`, `schema` (presets), `cost` (looks or one search),
//! `names`, `people`, `groups` and `members` (names become people). Entries of searches are read as they
//! come from the wire, everything else by the LDAP crate. A read is whole or it is nothing: any result
//! code but success fails it, a connection that ends is never an end, and what cannot be told of one
//! group makes that group incomplete.

pub mod address;
mod ber;
mod command;
mod cost;
mod dn;
mod entry;
mod fault;
mod groups;
mod look;
mod members;
mod meter;
mod names;
mod page;
mod parts;
mod people;
mod reader;
mod schema;
mod searches;
mod server;
mod session;
mod url;
mod watermark;
mod wire;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tracing::{debug, warn};

pub use schema::{Disabled, Preset, Schema};

use super::{Answer, Wanted};
use crate::model::directory::{Completeness, Person, ReadFacts, SourceKind, SourceSnapshot};
use crate::model::evidence::{ReadEvidence, ServerRead};
use crate::model::id::{SourceName, Watermark};
use crate::model::problem::Problem;
use crate::secret::Secret;
use crate::tls::{self, Trust};
use address::Server;
use fault::Fault;
use members::{Joined, join};
use meter::Meter;
use reader::{Raw, Reader};
use server::About;
use session::Session;
use watermark::Mark;
use wire::Tls;

/// `[[source]]` of kind `ldap`, checked.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Servers, in the order in which they are tried; at least one.
    pub servers: Vec<Server>,
    /// Whether an `ldap://` connection is turned into TLS.
    pub start_tls: bool,
    /// Whom to trust.
    pub trust: Trust,
    /// The name in the server's certificate, where it is not the host's.
    pub server_name: Option<String>,
    /// Our own certificate.
    pub identity: Option<tls::Identity>,
    /// How to sign in.
    pub bind: Bind,
    /// How the directory says things.
    pub schema: Schema,
    /// Where people are.
    pub user_base: String,
    /// Where groups are.
    pub group_base: String,
    /// Whether members of nested groups count.
    pub nested: bool,
    /// Entries in one page.
    pub page_size: i32,
    /// How long one read of the source may take.
    pub timeout: Duration,
}

/// How to sign in.
#[derive(Debug, Clone)]
pub enum Bind {
    /// Not at all.
    Anonymous,
    /// By name and password.
    Simple {
        /// The account.
        dn: String,
        /// Its password.
        password: Secret,
    },
    /// By the client certificate, or as the local user of a socket (SASL EXTERNAL).
    External,
}

impl fmt::Display for Bind {
    /// Who signs in, as far as the configuration says it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Anonymous => "nobody (anonymous)",
            Self::Simple { dn, .. } => dn,
            Self::External => "the bearer of the client certificate, or the local user",
        })
    }
}

/// Whether a filter can be read (RFC 4515). It must stand in parentheses, as it becomes a part of others.
pub fn is_filter(text: &str) -> bool {
    text.starts_with('(') && text.ends_with(')') && ldap3::parse_filter(text).is_ok()
}

/// Whether a text is a distinguished name.
pub fn is_dn(text: &str) -> bool {
    dn::is_dn(text)
}

/// Connections that are tried before a source counts as unread, at least.
const ATTEMPTS: usize = 3;

/// Reads the source. Every failure is a finding of the snapshot; a panic in the LDAP crate (it has some
/// for answers that are no LDAP) costs the source, not the run.
pub async fn read(name: &SourceName, settings: &Settings, wanted: &Wanted, now: Timestamp) -> SourceSnapshot {
    let task = tokio::spawn(read_task(name.clone(), settings.clone(), wanted.clone(), now));
    // With the run, its reading ends.
    let task = tokio_util::task::AbortOnDropHandle::new(task);
    match task.await {
        Ok(snapshot) => snapshot,
        Err(_) => {
            let problem = Problem::new(place(name), "the reading broke off: an answer could not be understood")
                .help("have a look at the server; if it answers ldapsearch well, this is an error in rosterd");
            SourceSnapshot::unread(name.clone(), SourceKind::Ldap, problem)
        }
    }
}

/// The question whether anything changed does not wait longer: reading is an answer too.
const ASKING: Duration = Duration::from_secs(20);

/// Asks the server that a read would go to whether it is as it was. It can only say no for sure where
/// it is the server that was read.
pub async fn ask(settings: &Settings, before: &Watermark) -> Answer {
    let Some(before) = Mark::of(before) else {
        return Answer::Changed;
    };
    let limit = ASKING.min(settings.timeout);
    let settings = settings.clone();
    let task = tokio::spawn(async move {
        let asked = timeout(limit, ask_server(&settings, &before)).await;
        asked.unwrap_or_else(|_| Ok(Answer::Silent(format!("no answer within {} s", limit.as_secs()))))
    });
    match tokio_util::task::AbortOnDropHandle::new(task).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(fault)) => Answer::Silent(fault.to_string()),
        Err(_) => Answer::Silent("an answer could not be understood".to_owned()),
    }
}

async fn ask_server(settings: &Settings, before: &Mark) -> Result<Answer, Fault> {
    let tls = tls(settings)?;
    let mut last = Fault::lasting("has no server", "set url");
    for server in &settings.servers {
        match Session::open(server, settings, tls.as_ref(), &Meter::default()).await {
            Ok(session) => {
                return Ok(match before.again(&session, server).await? {
                    Some(now) if now == *before => Answer::Unchanged(now.evidence()),
                    Some(_) => Answer::Changed,
                    None => Answer::Silent("the server does not tell any more".to_owned()),
                });
            }
            // A password that is no good is not tried elsewhere: asking often locks accounts.
            Err(fault) if fault.code.is_some() => return Err(fault),
            Err(fault) => last = fault,
        }
    }
    Err(last)
}

fn place(name: &SourceName) -> String {
    format!("source {:?}", name.as_str())
}

async fn read_task(name: SourceName, settings: Settings, wanted: Wanted, now: Timestamp) -> SourceSnapshot {
    let mut trial =
        Trial { began: Instant::now(), server: String::new(), meter: Meter::default(), failed: BTreeMap::new() };
    let read = timeout(settings.timeout, attempts(&name, &settings, &wanted, &mut trial)).await.unwrap_or_else(|_| {
        let text = format!("not read to its end within {} s", settings.timeout.as_secs());
        Err(Fault::passing(text).help("look whether the server is overloaded, or raise timeout"))
    });
    match read {
        Ok(read) => {
            let linked = wanted.people.count_of(&name);
            snapshot(name, &settings, read, linked, &trial, now)
        }
        Err(fault) => {
            let problem = fault.problem(place(&name));
            let unread = SourceSnapshot::unread(name, SourceKind::Ldap, problem);
            if trial.server.is_empty() {
                // It was our own side that was not ready.
                return unread;
            }
            let read = ServerRead { identity: settings.bind.to_string(), ..trial.evidence() };
            SourceSnapshot { read: ReadEvidence::Server(Box::new(read)), ..unread }
        }
    }
}

/// How the attempts go.
struct Trial {
    began: Instant,
    /// The server of the last attempt.
    server: String,
    /// What the last attempt asked.
    meter: Meter,
    /// Result codes of the attempts before.
    failed: BTreeMap<u32, usize>,
}

impl Trial {
    /// Another attempt begins.
    fn again(&mut self, server: &Server) {
        let before = std::mem::take(&mut self.meter).counts();
        for (code, count) in before.codes {
            *self.failed.entry(code).or_default() += count;
        }
        self.server = server.to_string();
    }

    /// What the conversation alone tells.
    fn evidence(&self) -> ServerRead {
        let counts = self.meter.counts();
        let mut codes = self.failed.clone();
        for (code, count) in counts.codes {
            *codes.entry(code).or_default() += count;
        }
        ServerRead {
            server: self.server.clone(),
            searches: counts.searches,
            pages: counts.pages,
            entries: counts.entries,
            references: counts.references,
            codes,
            took: self.began.elapsed(),
            ..ServerRead::default()
        }
    }
}

/// One whole read.
struct Read {
    raw: Raw,
    about: About,
    watermark: Option<Watermark>,
}

/// Tries the servers in turn. One server answers everything, or the read begins anew with the next: what
/// two servers say at different times is not one directory.
async fn attempts(name: &SourceName, settings: &Settings, wanted: &Wanted, trial: &mut Trial) -> Result<Read, Fault> {
    let tls = tls(settings)?;
    let attempts = ATTEMPTS.max(settings.servers.len());
    let mut last = Fault::lasting("has no server", "set url");
    for (attempt, server) in settings.servers.iter().cycle().take(attempts).enumerate() {
        if let Some(round) = u32::try_from(attempt / settings.servers.len()).ok().filter(|round| *round > 0) {
            tokio::time::sleep(Duration::from_millis(300) * round).await;
        }
        trial.again(server);
        match once(settings, wanted, server, tls.as_ref(), &trial.meter).await {
            Ok(read) => return Ok(read),
            Err((fault, stage)) => {
                let fault = fault.at(server);
                // A certificate that is no good is that server's; a password that is no good would be
                // so with the next one as well, and asking often locks accounts.
                let again = fault.again || (matches!(stage, Stage::Connecting) && fault.code.is_none());
                let is_last = attempt + 1 == attempts || (!fault.again && settings.servers.len() == 1);
                last = fault;
                if !again || is_last {
                    break;
                }
                warn!(source = %name, error = %last, "a server was not read: trying again");
            }
        }
    }
    Err(last)
}

/// How far an attempt came.
enum Stage {
    Connecting,
    Reading,
}

async fn once(
    settings: &Settings,
    wanted: &Wanted,
    server: &Server,
    tls: Option<&Tls>,
    meter: &Meter,
) -> Result<Read, (Fault, Stage)> {
    let open =
        || async { Session::open(server, settings, tls, meter).await.map_err(|fault| (fault, Stage::Connecting)) };
    let mut session = open().await?;
    let everything = wanted.all || settings.schema.by_member_of();
    let mut second = if everything { Some(open().await?) } else { None };
    let reading = |fault| (fault, Stage::Reading);
    let about = About::ask(&session).await.map_err(reading)?;
    // Before the reading, so that what changes while it lasts is a change for the next run.
    let mut mark = Mark::first(&session, server, &about, settings).await.map_err(reading)?;
    mark = mark.filter(|mark| mark.is_of_the_past(Timestamp::now()));
    if let (Some(first), Some(second)) = (&mark, &second) {
        // Behind one address may be several servers.
        let other = first.again(second, server).await.map_err(reading)?;
        mark = mark.filter(|first| other.as_ref() == Some(first));
    }
    let reach = mark.as_ref().map(|mark| Arc::new(mark.reach()));
    if let Some(reach) = &reach {
        session.watch(Arc::clone(reach));
        if let Some(second) = &mut second {
            second.watch(Arc::clone(reach));
        }
    }
    let raw = Reader::new(settings, wanted, about.family()).read(session, second).await.map_err(reading)?;
    let mark = mark.filter(|_| reach.is_some_and(|reach| reach.was_kept()));
    let watermark = mark.and_then(|mark| mark.to_watermark());
    Ok(Read { raw, about, watermark })
}

fn tls(settings: &Settings) -> Result<Option<Tls>, Fault> {
    let encrypted = |server: &Server| match server {
        Server::Tls(_) => true,
        Server::Plain(_) => settings.start_tls,
        Server::Socket(_) => false,
    };
    if !settings.servers.iter().any(encrypted) {
        return Ok(None);
    }
    let (config, warnings) = tls::directory_config(&settings.trust, settings.identity.as_ref())
        .map_err(|error| Fault::lasting(error.to_string(), error.help()))?;
    for warning in warnings {
        warn!("{warning}");
    }
    Ok(Some(Tls {
        connector: TlsConnector::from(Arc::new(config)),
        server_name: settings.server_name.clone(),
        start: settings.start_tls,
    }))
}

/// That nobody shows an immutable id, where somebody was read.
fn without_ids(place: &str, settings: &Settings, people: &[Person]) -> Option<Problem> {
    let is_so = !people.is_empty() && people.iter().all(|person| !person.immutable);
    is_so.then(|| {
        let (count, id) = (people.len(), &settings.schema.id_attribute);
        let text = format!("none of {count} people shows {id}: nobody can be followed when their address changes");
        Problem::new(place, text).help(
            "let the bind account read it, or name the directory's own in id_attribute; where people bear no id any \
             more, the source is another one: give it another name",
        )
    })
}

/// What a source says. `linked`: so many of its people had an immutable id at the last full run.
fn snapshot(
    name: SourceName,
    settings: &Settings,
    read: Read,
    linked: usize,
    trial: &Trial,
    now: Timestamp,
) -> SourceSnapshot {
    let Read { raw, about, watermark } = read;
    let place = place(&name);
    let (effort, everyone, with_status) = (raw.effort, raw.everyone, raw.people.with_status);
    let Joined { people, groups, mut problems, gap } = join(&place, raw, settings.nested);
    problems.extend(about.problems(&place, now));
    if let Some(Disabled::Bit { attribute, .. }) = &settings.schema.disabled
        && with_status == 0
        && !people.is_empty()
    {
        // Where it is a number, everybody has one.
        let text = format!("none of {} people shows {attribute}: nobody can be seen to be disabled", people.len());
        problems.push(Problem::new(&place, text).help("let the bind account read it"));
    }
    let without_ids = without_ids(&place, settings, &people);
    let gap = gap.or_else(|| without_ids.clone().filter(|_| linked > 0));
    if gap.is_none() {
        problems.extend(without_ids);
    }
    let references = effort.people.references + effort.groups.references;
    if references > 0 {
        debug!(source = %name, references, "references to other servers are not followed");
    }
    let completeness = match gap {
        Some(problem) => {
            let why = problem.to_string();
            problems.insert(0, problem);
            Completeness::Incomplete { why }
        }
        None => Completeness::Complete,
    };
    let read = ServerRead {
        identity: about.identity().map_or_else(|| settings.bind.to_string(), str::to_owned),
        certificate_ends: about.expires(),
        ranges: effort.ranges,
        looks: effort.looks,
        people: people.len(),
        with_address: people.iter().filter(|person| !person.addresses.is_empty()).count(),
        with_status: settings.schema.disabled.as_ref().map(|_| with_status),
        ..trial.evidence()
    };
    let watermark = watermark.filter(|_| completeness.is_complete());
    let evidence = format!(
        "{}, {about}; {} people in {} pages, {} groups in {} pages, {} ranges, {} looks, {references} references not followed",
        read.server,
        effort.people.entries,
        effort.people.pages,
        effort.groups.entries,
        effort.groups.pages,
        effort.ranges,
        effort.looks,
    );
    SourceSnapshot {
        name,
        kind: SourceKind::Ldap,
        completeness,
        people,
        everyone,
        groups,
        problems,
        evidence,
        read: ReadEvidence::Server(Box::new(read)),
        files: std::collections::BTreeSet::new(),
        columns: std::collections::BTreeSet::new(),
        facts: ReadFacts {
            certificate_ends: about.expires(),
            credential_ends: settings.identity.as_ref().and_then(tls::identity_ends),
            ..ReadFacts::default()
        },
        watermark,
    }
}
