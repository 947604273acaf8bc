//! From the server to the client.

use std::collections::BTreeMap;
use std::io::{BufReader, Read};
use std::net::TcpStream;

use super::request::{DONE, ENTRY, Link, REFERENCE, Search, result};
use super::{How, Rules};
use crate::support::ber::{Ber, INTEGER, SEQUENCE, SET};

pub fn forward(server: TcpStream, link: &Link) {
    let mut server = BufReader::new(server);
    let mut entries = 0;
    while let Ok(Some(message)) = Ber::read(&mut server) {
        let rules = link.shared.lock().rules.clone();
        if message.as_parts().get(1).is_some_and(|op| op.tag == ENTRY) {
            if let Some(broken) = rules.broken.as_ref().filter(|broken| entries >= broken.after_entries) {
                give_up(broken.how, &message, link, &mut server);
                break;
            }
            entries += 1;
        }
        let sent = mend(message, &rules, link).iter().try_for_each(|message| link.tell(&message.encode()));
        if sent.is_err() {
            break;
        }
    }
    link.close();
}

/// The messages that go on in place of this one.
fn mend(message: Ber, rules: &Rules, link: &Link) -> Vec<Ber> {
    let id = message.as_parts().first().map(Ber::as_number).unwrap_or_default();
    let mut searches = link.searches();
    let (Some(op), Some(search)) = (message.as_parts().get(1).map(|op| op.tag), searches.get_mut(&id)) else {
        return vec![message];
    };
    match op {
        DONE => {
            let search = searches.remove(&id).unwrap_or_default();
            if search.ended { Vec::new() } else { end(message, id, &search, rules) }
        }
        _ if search.ended => Vec::new(),
        ENTRY => entry(message, id, search, rules),
        _ => vec![message],
    }
}

fn end(message: Ber, id: i64, search: &Search, rules: &Rules) -> Vec<Ber> {
    if search.page.is_none() {
        return vec![message];
    }
    let references = rules.references.iter().map(|url| {
        let reference = Ber::parts(REFERENCE, vec![Ber::octets(url.as_str())]);
        Ber::parts(SEQUENCE, vec![Ber::number(INTEGER, id), reference])
    });
    let last = match rules.fail.as_ref().filter(|fail| search.page.is_some_and(|page| fail.hits(page))) {
        Some(fail) => result(id, DONE, fail.code),
        None => message,
    };
    references.chain([last]).collect()
}

fn entry(mut message: Ber, id: i64, search: &mut Search, rules: &Rules) -> Vec<Ber> {
    if let Some(fail) = &rules.fail
        && search.page.is_some_and(|page| fail.hits(page))
        && !fail.entries
    {
        return Vec::new();
    }
    if rules.max_page.is_some_and(|max| !search.paged && search.entries >= max) {
        search.ended = true;
        return vec![result(id, DONE, 4)];
    }
    search.entries += 1;
    if let Some(attributes) = message
        .as_parts_mut()
        .and_then(|parts| parts.get_mut(1))
        .and_then(Ber::as_parts_mut)
        .and_then(|entry| entry.get_mut(1))
        .and_then(Ber::as_parts_mut)
    {
        attributes.retain(|attribute| !rules.hidden.iter().any(|hidden| hidden.eq_ignore_ascii_case(&name(attribute))));
        *attributes = attributes.drain(..).flat_map(|attribute| cut(attribute, &search.ranges, rules)).collect();
    }
    vec![message]
}

fn name(attribute: &Ber) -> String {
    attribute.as_parts().first().map(Ber::as_text).unwrap_or_default()
}

fn attribute(name: String, values: &[Ber]) -> Ber {
    Ber::parts(SEQUENCE, vec![Ber::octets(name), Ber::parts(SET, values.to_vec())])
}

/// An attribute as Active Directory gives it: whole, or the first range of it with its own name empty
/// beside it, or the range that was asked for.
fn cut(whole: Ber, asked: &BTreeMap<String, (usize, Option<usize>)>, rules: &Rules) -> Vec<Ber> {
    let Some(max) = rules.max_values else { return vec![whole] };
    let name = name(&whole);
    let values = whole.as_parts().get(1).map(Ber::as_parts).unwrap_or_default();
    let (from, to) = match asked.get(&name.to_ascii_lowercase()) {
        Some((from, to)) => (*from, *to),
        None if values.len() <= max => return vec![whole],
        None => (0, None),
    };
    let end = values.len().min(from.saturating_add(max)).min(to.map_or(usize::MAX, |to| to.saturating_add(1)));
    let part = values.get(from..end).unwrap_or_default();
    let last = if end >= values.len() { "*".to_owned() } else { (end.saturating_sub(1)).to_string() };
    let ranged = attribute(format!("{name};range={from}-{last}"), part);
    if asked.contains_key(&name.to_ascii_lowercase()) { vec![ranged] } else { vec![attribute(name, &[]), ranged] }
}

/// The end of what is sensible on this connection. Comes back when the client has gone.
fn give_up(how: How, message: &Ber, link: &Link, server: &mut impl Read) {
    let id = message.as_parts().first().map(Ber::as_number).unwrap_or_default();
    let entry = |name: &[u8]| {
        let entry = Ber::parts(ENTRY, vec![Ber::octets(name), Ber::parts(SEQUENCE, Vec::new())]);
        Ber::parts(SEQUENCE, vec![Ber::number(INTEGER, id), entry]).encode()
    };
    let told = match how {
        How::Cut => return,
        How::Stall => Ok(()),
        How::Rubbish => link.tell(b"\x00\xff HTTP/1.1 400 Bad Request\r\n\r\n\x30\x80\x00"),
        // 30 84: a length of four bytes follows.
        How::Endless => link.tell(&[0x30, 0x84, 0x7f, 0xff, 0xff, 0xff]).and_then(|()| {
            let zeros = vec![0; 1 << 20];
            (0..2048).try_for_each(|_| link.tell(&zeros))
        }),
        // Eight bytes of message; inside, an octet string of 127.
        How::Inconsistent => link.tell(&[0x30, 0x08, 0x02, 0x01, 0x02, 0x64, 0x03, 0x04, 0x7f, 0x61]),
        How::Unknown => {
            link.tell(&Ber::parts(SEQUENCE, vec![Ber::number(INTEGER, id), Ber::bytes(0x5e, [1])]).encode())
        }
        How::OddName => link.tell(&entry(b"cn=\xff\xfe,dc=corp")),
    };
    // What the server still says is dropped, until the client has gone.
    let _ = told.and_then(|()| std::io::copy(server, &mut std::io::sink()).map(drop));
}
