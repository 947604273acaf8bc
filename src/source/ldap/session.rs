//! One signed-in connection to one server, and the two kinds of question that are asked over it: a
//! search to its end, page by page, and a look at one entry. Floor 2.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ldap3::controls::{Control, ControlType, PagedResults, RawControl, SyncRequest};
use ldap3::exop::WhoAmI;
use ldap3::{Ldap, LdapConnAsync, LdapConnSettings, LdapError, LdapResult, Scope, SearchOptions, StdStream};
use tokio_util::task::AbortOnDropHandle;
use tracing::debug;

use super::address::Server;
use super::command::{self, Command, Size};
use super::entry::Entry;
use super::fault::Fault;
use super::meter::{Brought, Meter};
use super::page::{MOST_ENTRIES, Page, Tally, odd};
use super::watermark::Reach;
use super::wire::{self, Entries, Tls, Wire};
use super::{Bind, Settings};

/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(10);

/// A signed-in connection. Everything of it ends when it is dropped.
pub(super) struct Session {
    ldap: Ldap,
    wire: Wire,
    item: Duration,
    page_size: i32,
    shown: String,
    meter: Meter,
    reach: Option<Arc<Reach>>,
    _driver: AbortOnDropHandle<()>,
}

/// What is asked for.
#[derive(Debug, Clone)]
pub(super) struct Search {
    /// Where.
    pub(super) base: String,
    /// How deep.
    pub(super) scope: Scope,
    /// Which entries (RFC 4515).
    pub(super) filter: String,
    /// Which attributes.
    pub(super) attributes: Vec<String>,
}

/// What became of the look at one entry.
#[derive(Debug)]
pub(super) enum Look {
    /// It is there, and the filter means it.
    Found(Entry<'static>),
    /// It may be there; the filter does not mean it.
    NotMeant,
    /// The server says that there is no such entry.
    NoSuchObject,
}

impl Session {
    /// Connects and signs in. What is asked over the connection is counted by `meter`.
    pub(super) async fn open(
        server: &Server,
        settings: &Settings,
        tls: Option<&Tls>,
        meter: &Meter,
    ) -> Result<Self, Fault> {
        let limit = CONNECT.min(settings.timeout);
        let wire = tokio::time::timeout(limit, wire::connect(server, tls)).await;
        let wire = wire.map_err(|_| {
            Fault::passing(format!("cannot connect within {} s", limit.as_secs().max(1)))
                .help("check host and port of url, and whether a firewall is between")
        })??;
        let near = wire.near.try_clone().map_err(|error| Fault::passing(format!("no socket is left: {error}")))?;
        // With a stream of its own, the crate looks at nothing of the address but its scheme.
        let given = LdapConnSettings::new().set_std_stream(StdStream::Unix(near));
        let (connection, ldap) = LdapConnAsync::with_settings(given, "ldapi://wire")
            .await
            .map_err(|error| Fault::passing(format!("cannot connect: {error}")))?;
        let driver = tokio::spawn(async move {
            // The reason is in the wire, or the request that it broke says it.
            if let Err(error) = connection.drive().await {
                debug!(%error, "LDAP connection ended");
            }
        });
        let mut session = Self {
            ldap,
            wire,
            // A server that hangs leaves time for another one.
            item: settings.timeout.div_f32(2.0),
            page_size: settings.page_size,
            shown: command::connection(server, settings),
            meter: meter.clone(),
            reach: None,
            _driver: AbortOnDropHandle::new(driver),
        };
        session.bind(server, &settings.bind).await?;
        Ok(session)
    }

    async fn bind(&mut self, server: &Server, bind: &Bind) -> Result<(), Fault> {
        let limit = self.item;
        let result = match bind {
            Bind::Anonymous => return Ok(()),
            Bind::Simple { .. } if !self.wire.encrypted && !server.is_local() => {
                return Err(Fault::lasting(
                    "the connection is not encrypted, and a password is never sent over it",
                    "use ldaps://, or start_tls = true",
                ));
            }
            Bind::Simple { dn, password } => self.ldap.with_timeout(limit).simple_bind(dn, password.expose()).await,
            Bind::External => self.ldap.with_timeout(limit).sasl_external_bind().await,
        };
        let result = result.map_err(|error| self.fault("signing in", error))?;
        self.meter.answer(result.rc);
        checked("signing in", &result)
    }

    /// Whom the server takes us for (RFC 4532); none where it does not say.
    pub(super) async fn who_am_i(&self) -> Result<Option<String>, Fault> {
        let what = "asking who we are";
        let answer = self.ldap.clone().with_timeout(self.item).extended(WhoAmI).await;
        let answer = answer.map_err(|error| self.fault(what, error))?;
        self.meter.answer(answer.1.rc);
        // The crate's own type for it panics at what is no text.
        let identity = answer.0.val.and_then(|bytes| String::from_utf8(bytes).ok());
        Ok(identity.filter(|_| answer.1.rc == 0).map(|identity| match identity.is_empty() {
            true => "anonymous".to_owned(),
            false => identity,
        }))
    }

    /// The round trip: the shortest time that a look at one entry took.
    pub(super) fn trip(&self) -> Duration {
        self.meter.counts().trip.unwrap_or_default()
    }

    /// Entries that are asked for in one page.
    pub(super) fn page_size(&self) -> usize {
        usize::try_from(self.page_size).unwrap_or(1)
    }

    /// When the server's certificate ends.
    pub(super) fn expires(&self) -> Option<jiff::Timestamp> {
        self.wire.expires
    }

    /// From now on the bases of searches are noted there, and the entries that are read.
    pub(super) fn watch(&mut self, reach: Arc<Reach>) {
        self.reach = Some(reach);
    }

    /// These attributes, and what tells whether an entry is covered by the watermark.
    fn asked(&self, attributes: &[String]) -> Vec<String> {
        let more = self.reach.as_ref().and_then(|reach| reach.asks());
        let more = more.filter(|more| attributes.iter().all(|own| own != more));
        attributes.iter().cloned().chain(more.map(str::to_owned)).collect()
    }

    fn note(&self, base: &str) {
        if let Some(reach) = &self.reach {
            reach.note(base);
        }
    }

    /// The cookie of a naming context: what a replica would be told when it had all of it (RFC 4533).
    /// None where the server does not keep the context's change numbers. The control is critical, so
    /// that such a server refuses: without its provider overlay OpenLDAP may show a `contextCSN` of long
    /// ago, which an import left behind.
    pub(super) async fn cookie(&self, context: &str) -> Result<Option<Vec<u8>>, Fault> {
        const WHAT: &str = "asking for the server's state";
        let mut control: RawControl = SyncRequest::default().into();
        control.crit = true;
        let mut ldap = self.ldap.clone();
        let ldap = ldap.with_timeout(self.item).with_controls(control);
        let stream = ldap.streaming_search(context, Scope::Base, "(objectClass=*)", ["1.1"]).await;
        let mut stream = stream.map_err(|error| self.fault(WHAT, error))?;
        while stream.next().await.map_err(|error| self.fault(WHAT, error))?.is_some() {}
        let result = stream.finish().await;
        let done = result.ctrls.into_iter().find_map(|control| match control {
            Control(Some(ControlType::SyncDone), raw) => raw.val,
            _ => None,
        });
        Ok(done.filter(|_| result.rc == 0))
    }

    /// A search of which no more than so many entries are wanted, with its result code: 4 where there
    /// were more.
    pub(super) async fn few(
        &self,
        what: &str,
        search: &Search,
        most: i32,
    ) -> Result<(u32, Vec<Entry<'static>>), Fault> {
        debug!("{}", Command { connection: &self.shown, size: Size::Most(most), search });
        self.meter.search();
        let mut ldap = self.ldap.clone();
        let ldap = ldap.with_timeout(self.item).with_search_options(SearchOptions::new().sizelimit(most));
        let started = ldap.streaming_search(&search.base, search.scope, &search.filter, &search.attributes).await;
        let mut stream = started.map_err(|error| self.fault(what, error))?;
        let mut entries = Vec::new();
        while let Some(answer) = stream.next().await.map_err(|error| self.fault(what, error))? {
            if !answer.is_ref() && !answer.is_intermediate() && entries.len() < MOST_ENTRIES {
                entries.push(Entry::of_tag(answer.0).ok_or_else(|| odd(what))?);
            }
        }
        Ok((stream.finish().await.rc, entries))
    }

    /// A search to its end. Every page's result code is looked at: an end is an end only with code 0.
    pub(super) async fn scan(
        &mut self,
        what: &str,
        search: &Search,
        take: impl FnMut(Entry<'_>) + Send,
    ) -> Result<Tally, Fault> {
        self.scan_within(what, search, usize::MAX, take).await.map(|(tally, _)| tally)
    }

    /// A search that is given up after so many entries. Tells whether it came to its end before.
    pub(super) async fn scan_within(
        &mut self,
        what: &str,
        search: &Search,
        most: usize,
        mut take: impl FnMut(Entry<'_>) + Send,
    ) -> Result<(Tally, bool), Fault> {
        let reach = self.reach.clone();
        let mut take = |entry: Entry<'_>| {
            meet(reach.as_deref(), &entry);
            take(entry);
        };
        let search = &Search { attributes: self.asked(&search.attributes), ..search.clone() };
        debug!("{}", Command { connection: &self.shown, size: Size::Page(self.page_size), search });
        self.meter.search();
        self.note(&search.base);
        let mut entries = self.wire.entries();
        let mut tally = Tally::default();
        let mut cookie = Vec::new();
        loop {
            match self.page(what, search, cookie, &mut entries, &mut tally, &mut take).await {
                Ok(next) if next.is_empty() => return Ok((tally, true)),
                Ok(next) if tally.entries >= most => {
                    drop(entries);
                    self.give_up(what, search, next).await?;
                    return Ok((tally, false));
                }
                Ok(next) => cookie = next,
                // OpenLDAP refuses a page that is larger than it allows before it sends anything.
                Err(fault) if fault.code == Some(11) && tally.entries == 0 && self.page_size > 1 => {
                    self.page_size /= 2;
                    debug!(page_size = self.page_size, "the server allows no page of that size: halved");
                    tally = Tally::default();
                    cookie = Vec::new();
                }
                Err(fault) => return Err(fault),
            }
        }
    }

    /// Says that no more pages of a search are wanted (RFC 2696, section 3): some servers allow one
    /// such search at a time. What they answer does not matter.
    async fn give_up(&self, what: &str, search: &Search, cookie: Vec<u8>) -> Result<(), Fault> {
        let control: RawControl = PagedResults { size: 0, cookie }.into();
        let mut ldap = self.ldap.clone();
        let ldap = ldap.with_timeout(self.item).with_controls(control);
        let answer = ldap.search(&search.base, search.scope, &search.filter, &search.attributes).await;
        let ldap3::SearchResult(_, result) = answer.map_err(|error| self.fault(what, error))?;
        self.meter.answer(result.rc);
        Ok(())
    }

    async fn page(
        &mut self,
        what: &str,
        search: &Search,
        cookie: Vec<u8>,
        entries: &mut Entries,
        tally: &mut Tally,
        take: &mut (impl FnMut(Entry<'_>) + Send),
    ) -> Result<Vec<u8>, Fault> {
        let control: RawControl = PagedResults { size: self.page_size, cookie }.into();
        let item = self.item;
        let ldap = self.ldap.with_timeout(item).with_controls(control);
        let started = ldap.streaming_search(&search.base, search.scope, &search.filter, &search.attributes).await;
        let mut stream = started.map_err(|error| self.fault(what, error))?;
        let mut page = Page::new(what, stream.ldap_handle().last_id(), tally, take);
        loop {
            tokio::select! {
                biased;
                Some(batch) = entries.next() => page.take_all(&batch)?,
                answer = stream.next() => match answer.map_err(|error| self.fault(what, error))? {
                    Some(answer) if answer.is_ref() => page.refer(),
                    Some(answer) if answer.is_intermediate() => {}
                    Some(_) => return Err(odd(what)),
                    None => break,
                },
            }
        }
        // All entries that came before the end are there, though perhaps not looked at.
        while let Some(batch) = entries.waiting() {
            page.take_all(&batch)?;
        }
        let brought = page.brought();
        let result = stream.finish().await;
        self.meter.page(result.rc, brought);
        checked(what, &result)?;
        tally.pages += 1;
        Ok(next_cookie(&result))
    }

    /// A look at one entry.
    pub(super) async fn look(&self, what: &str, dn: &str, filter: &str, attributes: &[String]) -> Result<Look, Fault> {
        self.note(dn);
        let attributes = self.asked(attributes);
        let mut ldap = self.ldap.clone();
        let began = Instant::now();
        let stream = ldap.with_timeout(self.item).streaming_search(dn, Scope::Base, filter, &attributes).await;
        let mut stream = stream.map_err(|error| self.fault(what, error))?;
        let mut found = None;
        let mut referred = false;
        while let Some(answer) = stream.next().await.map_err(|error| self.fault(what, error))? {
            if answer.is_ref() {
                referred = true;
            } else if !answer.is_intermediate() {
                found = Some(Entry::of_tag(answer.0).ok_or_else(|| odd(what))?);
            }
        }
        let result = stream.finish().await;
        let brought = Brought { entries: usize::from(found.is_some()), references: usize::from(referred) };
        self.meter.look(result.rc, brought, began.elapsed());
        match (result.rc, found) {
            (0, Some(entry)) => {
                meet(self.reach.as_deref(), &entry);
                Ok(Look::Found(entry))
            }
            (0, None) if referred => Err(Fault::of_code(what, 10, "")),
            (0, None) => Ok(Look::NotMeant),
            (32, _) => Ok(Look::NoSuchObject),
            (code, _) => Err(Fault::of_code(what, code, &result.text)),
        }
    }

    fn fault(&self, what: &str, error: LdapError) -> Fault {
        let fault = match error {
            LdapError::LdapResult { result } => return Fault::of_code(what, result.rc, &result.text),
            LdapError::Timeout { .. } => Fault::passing(format!("no answer within {} s", self.item.as_secs()))
                .help("look whether the server is overloaded, or raise timeout"),
            LdapError::FilterParsing => Fault::lasting(
                "a filter cannot be read",
                "check user_filter and group_filter; they look like (&(objectClass=person)(mail=*))",
            ),
            _ => match self.wire.why.get() {
                Some(fault) => fault.clone(),
                None => Fault::passing("the connection broke off, or an answer could not be understood"),
            },
        };
        fault.at(&what)
    }
}

fn meet(reach: Option<&Reach>, entry: &Entry<'_>) {
    if let Some(reach) = reach {
        reach.meet(entry);
    }
}

fn checked(what: &str, result: &LdapResult) -> Result<(), Fault> {
    match result.rc {
        0 => Ok(()),
        code => Err(Fault::of_code(what, code, &result.text)),
    }
}

fn next_cookie(result: &LdapResult) -> Vec<u8> {
    let paged = result.ctrls.iter().find_map(|control| match control {
        Control(Some(ControlType::PagedResults), raw) if raw.val.is_some() => Some(raw.parse::<PagedResults>()),
        _ => None,
    });
    paged.map(|paged| paged.cookie).unwrap_or_default()
}
