//! The way to a server: TCP or a local socket, StartTLS, TLS, and a watch over what comes back.
//! Floor 2.
//!
//! The LDAP crate is given one end of a socket pair, and never the network: it buffers a message of
//! any announced length, and it has no say in TLS. Between the two ends every message's head is looked
//! at, and what is too long or no LDAP ends the connection with a reason.
//!
//! While a search is read to its end, its entries do not go to the crate, which makes a tree of every
//! value, and two of them for a moment. They go by [`Entries`], as they came. Everything else goes
//! through the crate, the end of the search with it; as one task does both in the order of the network,
//! all entries that came before an end are there when the crate tells of that end.

use std::io;
use std::os::unix::net::UnixStream as PlainPair;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use jiff::Timestamp;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_util::task::AbortOnDropHandle;

use super::address::{Host, Server};
use super::ber::{self, Front, Odd};
use super::fault::Fault;
use crate::tls;

/// The longest message that is taken. A group of 300,000 members in one answer has about 30 MB.
const LONGEST: u64 = 64 * 1024 * 1024;

/// Room for what one reading from the network brings.
const READ: usize = 64 * 1024;

/// Readings that wait until their entries are taken. With more, the server waits.
const WAITING: usize = 4;

/// How TLS is done, built once for a read.
#[derive(Clone)]
pub(super) struct Tls {
    /// The configuration.
    pub(super) connector: TlsConnector,
    /// The name in the certificate, where it is not the host's.
    pub(super) server_name: Option<String>,
    /// Whether a plain connection is turned into TLS.
    pub(super) start: bool,
}

/// A connection, seen from our side.
pub(super) struct Wire {
    /// The end for the LDAP crate.
    pub(super) near: PlainPair,
    /// Why the connection ended, where it did not end by itself.
    pub(super) why: Arc<OnceLock<Fault>>,
    /// Whether it is encrypted.
    pub(super) encrypted: bool,
    /// When the server's certificate ends.
    pub(super) expires: Option<Timestamp>,
    /// Whether entries go to the LDAP crate.
    switch: Switch,
    /// The two directions; they end with this.
    pub(super) _pumps: [AbortOnDropHandle<()>; 2],
}

impl Wire {
    /// From now on, and as long as this is kept, entries come here and not to the LDAP crate.
    pub(super) fn entries(&self) -> Entries {
        let (sender, batches) = mpsc::channel(WAITING);
        *self.switch.lock() = Some(sender);
        Entries { switch: self.switch.clone(), batches }
    }
}

/// Where entries go, if not to the LDAP crate.
#[derive(Debug, Clone, Default)]
struct Switch(Arc<Mutex<Option<mpsc::Sender<Vec<u8>>>>>);

impl Switch {
    fn lock(&self) -> MutexGuard<'_, Option<mpsc::Sender<Vec<u8>>>> {
        // Nothing that holds it can panic, and a sender is whole at any time.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The entries of searches as they came: batches of whole messages.
#[derive(Debug)]
pub(super) struct Entries {
    switch: Switch,
    batches: mpsc::Receiver<Vec<u8>>,
}

impl Entries {
    /// The next batch. It may be waited for beside other things, and given up.
    pub(super) async fn next(&mut self) -> Option<Vec<u8>> {
        self.batches.recv().await
    }

    /// A batch that is there already.
    pub(super) fn waiting(&mut self) -> Option<Vec<u8>> {
        self.batches.try_recv().ok()
    }
}

impl Drop for Entries {
    fn drop(&mut self) {
        *self.switch.lock() = None;
    }
}

/// Connects.
pub(super) async fn connect(server: &Server, tls: Option<&Tls>) -> Result<Wire, Fault> {
    let failed = |error: io::Error| unreachable_fault(&error);
    match (server, tls) {
        (Server::Socket(path), _) => bridge(UnixStream::connect(path).await.map_err(failed)?, false, None),
        (Server::Tls(host), Some(tls)) => {
            let stream = tcp(host).await.map_err(failed)?;
            encrypted(stream, host, tls).await
        }
        (Server::Plain(host), Some(tls)) if tls.start => {
            let mut stream = tcp(host).await.map_err(failed)?;
            start_tls(&mut stream).await?;
            encrypted(stream, host, tls).await
        }
        (Server::Plain(host), _) => bridge(tcp(host).await.map_err(failed)?, false, None),
        (Server::Tls(_), None) => Err(Fault::lasting("TLS is not set up", "this is an error in rosterd")),
    }
}

fn unreachable_fault(error: &io::Error) -> Fault {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    Fault::passing(format!("cannot connect: {}", text.to_lowercase()))
        .help("check host and port of url, and whether a firewall is between")
}

async fn tcp(host: &Host) -> io::Result<TcpStream> {
    let stream = TcpStream::connect((host.name.as_str(), host.port)).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

async fn encrypted(stream: TcpStream, host: &Host, tls: &Tls) -> Result<Wire, Fault> {
    let name = tls.server_name.as_ref().unwrap_or(&host.name);
    let name = ServerName::try_from(name.clone()).map_err(|_| {
        Fault::lasting(format!("{name:?} is no name that a certificate can bear"), "set server_name to the name in it")
    })?;
    let stream = tls.connector.connect(name, stream).await.map_err(|error| match tls::explain(&error) {
        Some(refusal) => Fault::lasting(refusal.what.clone(), refusal.help),
        None => Fault::passing(format!("the TLS handshake broke off: {error}"))
            .help("check scheme and port of url: ldaps:// is for a port that speaks TLS from the start (636)"),
    })?;
    let expires = (stream.get_ref().1.peer_certificates())
        .and_then(|chain| chain.first())
        .and_then(|certificate| tls::ends(certificate));
    bridge(stream, true, expires)
}

/// Asks for TLS on a plain connection (RFC 4511, section 4.14).
async fn start_tls(stream: &mut TcpStream) -> Result<(), Fault> {
    const OID: &[u8] = b"1.3.6.1.4.1.1466.20037";
    let cut = |error: io::Error| Fault::passing(format!("the connection broke off at StartTLS: {error}"));
    let odd = || Fault::lasting("the answer to StartTLS is no LDAP", "check host and port of url");
    // Message 1, extended request, with nothing but the name.
    let request = [&[0x30, 0x1d, 0x02, 0x01, 0x01, 0x77, 0x18, 0x80, 0x16][..], OID].concat();
    stream.write_all(&request).await.map_err(cut)?;
    let mut answer = Vec::new();
    // Byte by byte: what is behind the answer is TLS already.
    let length = loop {
        match ber::head(&answer).map_err(|()| odd())? {
            Some(head) if head.tag == 0x30 && head.length <= 64 * 1024 => break head.size as u64 + head.length,
            Some(_) => return Err(odd()),
            None => answer.push(stream.read_u8().await.map_err(cut)?),
        }
    };
    let mut rest = vec![0; usize::try_from(length).unwrap_or_default().saturating_sub(answer.len())];
    stream.read_exact(&mut rest).await.map_err(cut)?;
    answer.append(&mut rest);
    match start_tls_code(&answer).ok_or_else(odd)? {
        0 => Ok(()),
        code => Err(Fault::of_code("StartTLS", code, "").help("the server does not offer StartTLS: use ldaps://")),
    }
}

/// The result code of an extended response.
fn start_tls_code(message: &[u8]) -> Option<u32> {
    let (_, message, _) = ber::element(message)?;
    let (_, _id, rest) = ber::element(message)?;
    let (0x78, response, _) = ber::element(rest)? else { return None };
    let (0x0a, code, _) = ber::element(response)? else { return None };
    code.iter().try_fold(0u32, |sum, byte| sum.checked_mul(256)?.checked_add(u32::from(*byte)))
}

fn bridge(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    encrypted: bool,
    expires: Option<Timestamp>,
) -> Result<Wire, Fault> {
    let pair = || -> io::Result<_> {
        let (near, far) = PlainPair::pair()?;
        far.set_nonblocking(true)?;
        Ok((near, UnixStream::from_std(far)?))
    };
    let (near, far) = pair().map_err(|error| Fault::passing(format!("no socket is left: {error}")))?;
    let why = Arc::new(OnceLock::new());
    let switch = Switch::default();
    let (from_server, to_server) = tokio::io::split(stream);
    let (from_us, to_us) = far.into_split();
    let pumps = [
        tokio::spawn(outwards(from_us, to_server)),
        tokio::spawn(inwards(from_server, to_us, switch.clone(), Arc::clone(&why))),
    ];
    Ok(Wire { near, why, encrypted, expires, switch, _pumps: pumps.map(AbortOnDropHandle::new) })
}

async fn outwards(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin) {
    // A server that is gone is noticed by the other direction.
    let _ = tokio::io::copy(&mut from, &mut to).await;
    let _ = to.shutdown().await;
}

async fn inwards(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    switch: Switch,
    why: Arc<OnceLock<Fault>>,
) {
    let mut came = Vec::new();
    let fault = loop {
        came.reserve(READ);
        match from.read_buf(&mut came).await {
            Ok(0) => break Fault::passing("the server closed the connection"),
            Ok(_) => {}
            Err(error) => break cut(&error),
        }
        match pass_on(&mut came, &mut to, &switch).await {
            Ok(()) => {}
            Err(Stop::Odd(odd)) => break odd_fault(odd),
            Err(Stop::NobodyListens) => return,
        }
    };
    let _ = why.set(fault);
    let _ = to.shutdown().await;
}

/// Why nothing more is passed on.
enum Stop {
    Odd(Odd),
    NobodyListens,
}

/// Passes on what came, in its order, up to where a message is cut.
async fn pass_on(came: &mut Vec<u8>, to: &mut (impl AsyncWrite + Unpin), switch: &Switch) -> Result<(), Stop> {
    let sender = switch.lock().clone();
    loop {
        let (entries, size) = match ber::front(came, LONGEST).map_err(Stop::Odd)? {
            Front::Nothing => return Ok(()),
            Front::Entries(size) => (sender.as_ref(), size),
            Front::Others(size) => (None, size),
        };
        let rest = came.split_off(size);
        let piece = std::mem::replace(came, rest);
        match entries {
            // Entries of a search that was given up are nobody's.
            Some(sender) => drop(sender.send(piece).await),
            None => to.write_all(&piece).await.map_err(|_| Stop::NobodyListens)?,
        }
    }
}

fn cut(error: &io::Error) -> Fault {
    match tls::explain(error) {
        Some(refusal) => Fault::passing(refusal.what.clone()).help(refusal.help),
        None => Fault::passing(format!("the connection broke off: {}", error.kind())),
    }
}

fn odd_fault(odd: Odd) -> Fault {
    match odd {
        // Another server, or the same one in a moment, may do better.
        Odd::NoLdap => Fault::passing("what answers does not speak LDAP").help("check scheme, host and port of url"),
        Odd::TooLong(length) => Fault::lasting(
            format!("the server announced a message of {length} bytes; at most {LONGEST} are taken"),
            "have a look at the server; a group of that size needs a server that parts its members (ranges)",
        ),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_code_of_an_extended_response_is_found() {
        let success = [0x30, 0x0c, 0x02, 0x01, 0x01, 0x78, 0x07, 0x0a, 0x01, 0x00, 0x04, 0x00, 0x04, 0x00];
        assert_eq!(start_tls_code(&success), Some(0));
        let mut refused = success;
        refused[9] = 2;
        assert_eq!(start_tls_code(&refused), Some(2));
        assert_eq!(start_tls_code(&success[..8]), None);
    }

    #[tokio::test]
    async fn entries_come_apart_as_long_as_they_are_wanted() {
        const ENTRY: [u8; 7] = [0x30, 0x05, 0x02, 0x01, 0x07, 0x64, 0x00];
        const DONE: [u8; 7] = [0x30, 0x05, 0x02, 0x01, 0x07, 0x65, 0x00];
        // So narrow that every message is cut.
        let (mut server, ours) = tokio::io::duplex(3);
        let wire = bridge(ours, false, None).ok().unwrap();
        let near = wire.near.try_clone().unwrap();
        near.set_nonblocking(true).unwrap();
        let mut near = UnixStream::from_std(near).unwrap();
        let mut message = [0; 7];

        let mut entries = wire.entries();
        server.write_all(&[ENTRY, ENTRY, DONE].concat()).await.unwrap();
        near.read_exact(&mut message).await.unwrap();
        assert_eq!(message, DONE);
        let before = [entries.waiting().unwrap(), entries.waiting().unwrap()].concat();
        assert_eq!(before, [ENTRY, ENTRY].concat(), "what came before an end is there before the end");
        assert_eq!(entries.waiting(), None);
        server.write_all(&ENTRY).await.unwrap();
        assert_eq!(entries.next().await.as_deref(), Some(&ENTRY[..]));

        drop(entries);
        server.write_all(&ENTRY).await.unwrap();
        near.read_exact(&mut message).await.unwrap();
        assert_eq!(message, ENTRY);

        server.write_all(b"HTT").await.unwrap();
        assert_eq!(near.read(&mut message).await.unwrap(), 0);
        assert!(wire.why.get().unwrap().to_string().contains("does not speak LDAP"));
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_odd(bytes in prop::collection::vec(any::<u8>(), 0..40), inner in prop::collection::vec(any::<u8>(), 0..20)) {
            let _ = start_tls_code(&bytes);
            let length = u8::try_from(inner.len()).unwrap_or_default();
            let framed = [&[0x30, length + 5, 0x02, 0x01, 0x01, 0x78, length][..], &inner].concat();
            let _ = start_tls_code(&framed);
        }
    }
}
