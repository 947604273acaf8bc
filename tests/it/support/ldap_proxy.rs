//! A proxy that understands LDAP, in front of any server: it shows limits that the server does not have
//! (Active Directory's ranges and page sizes, which Samba lacks) and every way for an answer to go
//! wrong. Plain TCP on both sides.

mod answer;
mod request;
#[cfg(test)]
mod tests;

use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

/// What the proxy does to the traffic. Counting is per connection where nothing else is said.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// MaxValRange: an attribute with more values is empty, with `;range=0-(n-1)` beside it.
    pub max_values: Option<usize>,
    /// MaxPageSize: a larger page is lowered quietly, and a search without pages ends at so many entries
    /// with result code 4.
    pub max_page: Option<usize>,
    /// A result code in place of a page's own.
    pub fail: Option<Fail>,
    /// The connection breaks after so many entries.
    pub broken: Option<Break>,
    /// Attributes that the account may not read any more: they are left out of every entry.
    pub hidden: Vec<String>,
    /// Search references after the entries of every page.
    pub references: Vec<String>,
    /// Searches with this base get this code and no entries.
    pub denied: Option<(String, i64)>,
    /// Binds get this code.
    pub bind: Option<i64>,
    /// Done once, before the first search that is not of one entry goes on.
    pub meanwhile: Meanwhile,
    /// Done before each search goes on.
    pub each: Each,
    /// The first search with this base waits for [`Proxy::release`].
    pub hold: Option<String>,
    /// What becomes of a search for a part of an attribute (`member;range=1500-*`).
    pub part: Option<Part>,
}

/// What happens while somebody reads.
#[derive(Clone, Default)]
pub struct Meanwhile(Arc<Mutex<Option<Deed>>>);

type Deed = Box<dyn FnOnce() + Send>;

impl Meanwhile {
    pub fn new(what: impl FnOnce() + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(Some(Box::new(what)))))
    }

    fn happen(&self) {
        let what = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if let Some(what) = what {
            what();
        }
    }
}

impl std::fmt::Debug for Meanwhile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Meanwhile")
    }
}

/// What happens before each search, given the search.
#[derive(Clone, Default)]
pub struct Each(Option<Arc<Watch>>);

type Watch = dyn Fn(&Seen) + Send + Sync;

impl Each {
    pub fn new(what: impl Fn(&Seen) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(what)))
    }

    fn happen(&self, seen: &Seen) {
        if let Some(what) = &self.0 {
            what(seen);
        }
    }
}

impl std::fmt::Debug for Each {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Each")
    }
}

/// Searches for parts, from this one on; counted from 1, over all connections.
#[derive(Debug, Clone)]
pub struct Part {
    pub from: usize,
    pub how: Midway,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Midway {
    /// It gets this code.
    Code(i64),
    /// The connection is closed.
    Cut,
    /// Just this one waits for [`Proxy::release`].
    Hold,
}

/// A page that fails. Searches of one entry (scope base) are not counted.
#[derive(Debug, Clone)]
pub struct Fail {
    /// Which page, from 1, counted over all connections.
    pub page: usize,
    /// How many pages in a row; `usize::MAX` for all that follow.
    pub times: usize,
    pub code: i64,
    /// Whether the page's entries are sent before its code.
    pub entries: bool,
}

impl Fail {
    /// This page and all after it end with that code, after their entries.
    pub fn from(page: usize, code: i64) -> Self {
        Self { page, times: usize::MAX, code, entries: true }
    }

    /// Only this page.
    pub fn once(page: usize, code: i64) -> Self {
        Self { times: 1, ..Self::from(page, code) }
    }

    fn hits(&self, page: usize) -> bool {
        page >= self.page && page - self.page < self.times
    }
}

/// An answer that does not go on.
#[derive(Debug, Clone)]
pub struct Break {
    pub after_entries: usize,
    pub how: How,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// The connection is closed.
    Cut,
    /// Nothing comes any more; the connection stays.
    Stall,
    /// Bytes that are no LDAP.
    Rubbish,
    /// A message of 2 GB begins and is sent as fast as it is taken.
    Endless,
    /// A message whose inner length is longer than the message.
    Inconsistent,
    /// An operation that no RFC knows.
    Unknown,
    /// An entry whose name is not UTF-8.
    OddName,
}

/// A search as the proxy saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub base: String,
    /// 0 base, 1 one level, 2 subtree.
    pub scope: i64,
    pub attributes: Vec<String>,
    /// The page size that was asked for, if any.
    pub page: Option<i64>,
}

/// State that the connections share.
struct Shared {
    upstream: SocketAddr,
    stopping: AtomicBool,
    inner: Mutex<Inner>,
    /// Told when something of `inner` changes that somebody waits for.
    changed: Condvar,
}

#[derive(Default)]
struct Inner {
    rules: Rules,
    seen: Vec<Seen>,
    pages: usize,
    connections: usize,
    /// Searches for parts.
    parts: usize,
    held: bool,
    /// The hold of the rules was made.
    done: bool,
    open: Vec<TcpStream>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// The proxy. It ends, with its connections, when it is dropped.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

impl Proxy {
    /// Starts on a free loopback port, without any rule.
    pub fn start(upstream: SocketAddr) -> Self {
        Self::with(upstream, Rules::default())
    }

    pub fn with(upstream: SocketAddr, rules: Rules) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("it listens");
        let inner = Inner { rules, ..Inner::default() };
        let shared =
            Shared { upstream, stopping: AtomicBool::new(false), inner: Mutex::new(inner), changed: Condvar::new() };
        let shared = Arc::new(shared);
        let accepting = Some(std::thread::spawn({
            let shared = Arc::clone(&shared);
            move || accept(&listener, &shared)
        }));
        Self { address, shared, accepting }
    }

    /// `ldap://127.0.0.1:port`
    pub fn url(&self) -> String {
        format!("ldap://{}", self.address)
    }

    /// From now on these rules, also on open connections. Pages and searches are counted anew.
    pub fn rules(&self, rules: Rules) {
        let mut inner = self.shared.lock();
        inner.rules = rules;
        inner.pages = 0;
        inner.connections = 0;
        inner.parts = 0;
        inner.done = false;
        inner.seen.clear();
    }

    /// Waits until a search is held.
    #[track_caller]
    pub fn until_held(&self) {
        let wait = Duration::from_secs(30);
        let waited = self.shared.changed.wait_timeout_while(self.shared.lock(), wait, |inner| !inner.held);
        assert!(waited.is_ok_and(|(_, waited)| !waited.timed_out()), "no search came that is to be held");
    }

    /// Lets the search that is held go on.
    pub fn release(&self) {
        self.shared.lock().held = false;
        self.shared.changed.notify_all();
    }

    /// Searches since the rules were last set.
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.lock().seen.clone()
    }

    /// Connections since the rules were last set.
    pub fn connections(&self) -> usize {
        self.shared.lock().connections
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        self.release();
        // Wakes the thread that accepts.
        drop(TcpStream::connect(self.address));
        if let Some(accepting) = self.accepting.take() {
            drop(accepting.join());
        }
        for stream in self.shared.lock().open.drain(..) {
            drop(stream.shutdown(Shutdown::Both));
        }
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for client in listener.incoming() {
        if shared.stopping.load(Ordering::SeqCst) {
            return;
        }
        let Ok(client) = client else { continue };
        // A server that is gone is a connection that closes.
        let Ok(server) = TcpStream::connect(shared.upstream) else { continue };
        if relay(client, server, shared).is_err() {
            return;
        }
    }
}

/// Two threads: questions go one way, answers the other.
fn relay(client: TcpStream, server: TcpStream, shared: &Arc<Shared>) -> std::io::Result<()> {
    {
        let mut inner = shared.lock();
        inner.connections += 1;
        inner.open.extend([client.try_clone()?, server.try_clone()?]);
    }
    let link = Arc::new(request::Link::new(client.try_clone()?, server.try_clone()?, Arc::clone(shared)));
    std::thread::spawn({
        let link = Arc::clone(&link);
        move || request::forward(client, &link)
    });
    std::thread::spawn(move || answer::forward(server, &link));
    Ok(())
}
