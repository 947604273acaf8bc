//! From the client to the server.

use std::collections::BTreeMap;
use std::io::{BufReader, Result, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};

use super::{Inner, Midway, Seen, Shared};
use crate::support::ber::{Ber, ENUMERATED, INTEGER, OCTETS, SEQUENCE};

pub const BIND: u8 = 0x60;
pub const BIND_DONE: u8 = 0x61;
pub const SEARCH: u8 = 0x63;
pub const ENTRY: u8 = 0x64;
pub const DONE: u8 = 0x65;
pub const REFERENCE: u8 = 0x73;
const CONTROLS: u8 = 0xa0;
const PAGED: &[u8] = b"1.2.840.113556.1.4.319";

/// A connection: both ends and the searches under way on it.
pub struct Link {
    client: Mutex<TcpStream>,
    server: TcpStream,
    searches: Mutex<BTreeMap<i64, Search>>,
    pub shared: Arc<Shared>,
}

/// A search under way.
#[derive(Debug, Clone, Default)]
pub struct Search {
    /// Number of the page over all connections, when it is one that counts.
    pub page: Option<usize>,
    pub paged: bool,
    pub entries: usize,
    /// Ranges that were asked for, by lower-case attribute.
    pub ranges: BTreeMap<String, (usize, Option<usize>)>,
    /// The client was told the end already.
    pub ended: bool,
}

impl Link {
    pub fn new(client: TcpStream, server: TcpStream, shared: Arc<Shared>) -> Self {
        Self { client: Mutex::new(client), server, searches: Mutex::default(), shared }
    }

    pub fn searches(&self) -> MutexGuard<'_, BTreeMap<i64, Search>> {
        self.searches.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Sends bytes to the client.
    pub fn tell(&self, bytes: &[u8]) -> Result<()> {
        self.client.lock().unwrap_or_else(std::sync::PoisonError::into_inner).write_all(bytes)
    }

    pub fn close(&self) {
        let client = self.client.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        drop(client.shutdown(Shutdown::Both));
        drop(self.server.shutdown(Shutdown::Both));
    }
}

/// A result with a code of our own.
pub fn result(id: i64, tag: u8, code: i64) -> Ber {
    let text = format!("the proxy says {code}");
    let parts = vec![Ber::number(ENUMERATED, code), Ber::octets(""), Ber::octets(text)];
    Ber::parts(SEQUENCE, vec![Ber::number(INTEGER, id), Ber::parts(tag, parts)])
}

pub fn forward(client: TcpStream, link: &Link) {
    let mut client = BufReader::new(client);
    while let Ok(Some(message)) = Ber::read(&mut client) {
        let sent = match mend(message, link) {
            Way::On(message) => (&link.server).write_all(&message.encode()),
            Way::Back(answer) => link.tell(&answer.encode()),
            Way::End => {
                link.close();
                break;
            }
        };
        if sent.is_err() {
            break;
        }
    }
    drop(link.server.shutdown(Shutdown::Both));
}

enum Way {
    On(Ber),
    Back(Ber),
    End,
}

fn asks_for_a_part(message: &Ber) -> bool {
    let request = message.as_parts().get(1).map(Ber::as_parts).unwrap_or_default();
    let attributes = request.get(7).map(Ber::as_parts).unwrap_or_default();
    attributes.iter().any(|attribute| range(&attribute.as_text()).is_some())
}

/// Counts a search for a part, and says what becomes of it. One that is held has waited then.
fn part(link: &Link) -> Option<Midway> {
    let mut inner = link.shared.lock();
    inner.parts += 1;
    let number = inner.parts;
    let part = inner.rules.part.clone().filter(|part| number >= part.from)?;
    if part.how == Midway::Hold && number == part.from {
        held(inner, link);
    }
    Some(part.how)
}

/// Waits until the test lets it go on.
fn held(mut inner: MutexGuard<'_, Inner>, link: &Link) {
    inner.held = true;
    link.shared.changed.notify_all();
    drop(link.shared.changed.wait_while(inner, |inner| inner.held));
}

fn mend(mut message: Ber, link: &Link) -> Way {
    let id = message.as_parts().first().map(Ber::as_number).unwrap_or_default();
    let op = message.as_parts().get(1).map(|op| op.tag);
    let refused = link.shared.lock().rules.bind;
    match (op, refused) {
        (Some(BIND), Some(code)) => Way::Back(result(id, BIND_DONE, code)),
        (Some(SEARCH), _) if asks_for_a_part(&message) => match (part(link), search(id, &mut message, link)) {
            (Some(Midway::Code(code)), _) | (_, Some(code)) => Way::Back(result(id, DONE, code)),
            (Some(Midway::Cut), _) => Way::End,
            _ => Way::On(message),
        },
        (Some(SEARCH), _) => match search(id, &mut message, link) {
            Some(code) => Way::Back(result(id, DONE, code)),
            None => Way::On(message),
        },
        _ => Way::On(message),
    }
}

/// Notes a search and takes out what the server does not know. A code: it is denied.
fn search(id: i64, message: &mut Ber, link: &Link) -> Option<i64> {
    let parts = message.as_parts_mut()?;
    let request = parts.get_mut(1)?.as_parts_mut()?;
    let base = request.first()?.as_text();
    let scope = request.get(1)?.as_number();
    let attributes: Vec<String> = request.get(7)?.as_parts().iter().map(Ber::as_text).collect();
    let ranges = ranges(&attributes);
    *request.get_mut(7)?.as_parts_mut()? = without_ranges(&attributes);
    let mut inner = link.shared.lock();
    let page = page_size(parts, inner.rules.max_page);
    let seen = Seen { base: base.clone(), scope, attributes, page };
    inner.seen.push(seen.clone());
    if let Some((denied, code)) = &inner.rules.denied
        && denied.eq_ignore_ascii_case(&base)
    {
        return Some(*code);
    }
    if !inner.done && inner.rules.hold.as_ref().is_some_and(|hold| hold.eq_ignore_ascii_case(&base)) {
        inner.done = true;
        held(inner, link);
        inner = link.shared.lock();
    }
    let number = (scope != 0).then(|| {
        inner.pages += 1;
        inner.pages
    });
    let (meanwhile, each) = (inner.rules.meanwhile.clone(), inner.rules.each.clone());
    drop(inner);
    each.happen(&seen);
    if scope != 0 {
        meanwhile.happen();
    }
    let search = Search { page: number, paged: page.is_some(), ranges, ..Search::default() };
    link.searches().insert(id, search);
    None
}

/// `member;range=1500-*`: attribute, first, last.
pub fn range(attribute: &str) -> Option<(String, usize, Option<usize>)> {
    let (name, range) = attribute.split_once(';')?;
    let (from, to) = range
        .to_ascii_lowercase()
        .strip_prefix("range=")?
        .split_once('-')
        .map(|(from, to)| (from.parse().ok(), if to == "*" { Some(None) } else { to.parse().ok().map(Some) }))?;
    Some((name.to_ascii_lowercase(), from?, to?))
}

fn ranges(attributes: &[String]) -> BTreeMap<String, (usize, Option<usize>)> {
    attributes.iter().filter_map(|asked| range(asked)).map(|(name, from, to)| (name, (from, to))).collect()
}

fn without_ranges(attributes: &[String]) -> Vec<Ber> {
    let plain = |asked: &String| match range(asked) {
        Some(_) => asked.split(';').next().unwrap_or_default().to_owned(),
        None => asked.clone(),
    };
    attributes.iter().map(|asked| Ber::octets(plain(asked))).collect()
}

/// The page size that was asked for. A larger one than allowed is lowered on its way.
fn page_size(parts: &mut [Ber], max: Option<usize>) -> Option<i64> {
    let controls = parts.iter_mut().find(|part| part.tag == CONTROLS)?.as_parts_mut()?;
    let control =
        controls.iter_mut().find(|control| control.as_parts().first().is_some_and(|oid| oid.as_bytes() == PAGED))?;
    let value = control.as_parts_mut()?.iter_mut().skip(1).find(|part| part.tag == OCTETS)?;
    let mut paging = Ber::read(&mut value.as_bytes()).ok()??;
    let asked = paging.as_parts().first()?.as_number();
    if let Some(max) = max.and_then(|max| i64::try_from(max).ok()).filter(|max| asked > *max) {
        *paging.as_parts_mut()?.first_mut()? = Ber::number(INTEGER, max);
        *value = Ber::octets(paging.encode());
    }
    Some(asked)
}
