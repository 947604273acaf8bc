//! LDAP directories and Active Directory as sources. Floor 2.
//!
//! `address` (URLs), `wire` (sockets and TLS), `session` (one signed-in connection), `reader` (what is
//! asked, in which order); pure: `ber`, `dn`, `entry`, `url`, `schema` (presets),
//! `people`, `groups` and `members` (names become people). A read is whole or it is nothing: any result
//! code but success fails it, a connection that ends is never an end, and what cannot be told of one
//! group makes that group incomplete.

pub mod address;
mod ber;
mod dn;
mod entry;
mod fault;
mod groups;
mod look;
mod members;
mod parts;
mod people;
mod reader;
mod schema;
mod searches;
mod server;
mod session;
mod url;
mod wire;

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tracing::{debug, warn};

pub use schema::{Disabled, Preset, Schema};

use super::Wanted;
use crate::model::directory::{Completeness, SourceKind, SourceSnapshot};
use crate::model::id::SourceName;
use crate::model::problem::Problem;
use crate::secret::Secret;
use crate::tls::{self, Trust};
use address::Server;
use fault::Fault;
use members::{Joined, join};
use reader::{Raw, Reader};
use server::About;
use session::Session;
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

fn place(name: &SourceName) -> String {
    format!("source {:?}", name.as_str())
}

async fn read_task(name: SourceName, settings: Settings, wanted: Wanted, now: Timestamp) -> SourceSnapshot {
    let began = Instant::now();
    let read = timeout(settings.timeout, attempts(&name, &settings, &wanted)).await.unwrap_or_else(|_| {
        let text = format!("not read to its end within {} s", settings.timeout.as_secs());
        Err(Fault::passing(text).help("look whether the server is overloaded, or raise timeout"))
    });
    match read {
        Ok(read) => snapshot(name, &settings, read, began, now),
        Err(fault) => {
            let problem = fault.problem(place(&name));
            SourceSnapshot::unread(name, SourceKind::Ldap, problem)
        }
    }
}

/// One whole read.
struct Read {
    raw: Raw,
    about: About,
    server: String,
}

/// Tries the servers in turn. One server answers everything, or the read begins anew with the next: what
/// two servers say at different times is not one directory.
async fn attempts(name: &SourceName, settings: &Settings, wanted: &Wanted) -> Result<Read, Fault> {
    let tls = tls(settings)?;
    let attempts = ATTEMPTS.max(settings.servers.len());
    let mut last = Fault::lasting("has no server", "set url");
    for (attempt, server) in settings.servers.iter().cycle().take(attempts).enumerate() {
        if let Some(round) = u32::try_from(attempt / settings.servers.len()).ok().filter(|round| *round > 0) {
            tokio::time::sleep(Duration::from_millis(300) * round).await;
        }
        match once(settings, wanted, server, tls.as_ref()).await {
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
) -> Result<Read, (Fault, Stage)> {
    let open = || async { Session::open(server, settings, tls).await.map_err(|fault| (fault, Stage::Connecting)) };
    let session = open().await?;
    let everything = wanted.all || settings.schema.by_member_of();
    let second = if everything { Some(open().await?) } else { None };
    let reading = |fault| (fault, Stage::Reading);
    let about = About::ask(&session).await.map_err(reading)?;
    let raw = Reader::new(settings, wanted).read(session, second).await.map_err(reading)?;
    Ok(Read { raw, about, server: server.to_string() })
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

fn snapshot(name: SourceName, settings: &Settings, read: Read, began: Instant, now: Timestamp) -> SourceSnapshot {
    let Read { raw, about, server } = read;
    let place = place(&name);
    let (effort, everyone) = (raw.effort, raw.everyone);
    let Joined { people, groups, mut problems, gap } = join(&place, raw, settings.nested);
    problems.extend(about.problems(&place, now));
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
    let evidence = format!(
        "{server}, {about}; {} people in {} pages, {} groups in {} pages, {} ranges, {} looks, {references} references not followed; {:.1} s",
        effort.people.entries,
        effort.people.pages,
        effort.groups.entries,
        effort.groups.pages,
        effort.ranges,
        effort.looks,
        began.elapsed().as_secs_f64(),
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
        files: std::collections::BTreeSet::new(),
    }
}
