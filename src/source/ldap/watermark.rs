//! The state of a server, told by the server itself: what makes two readings of it the same. Floor 2.
//!
//! OpenLDAP keeps the number of the last change of a naming context (`contextCSN`), one for each
//! provider, and tells it to replicas; Active Directory counts its own writes in `highestCommittedUSN`. Other servers tell
//! nothing, and are always read. A watermark is bound to one server: two servers never vouch for each
//! other.

mod behind;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;
use ldap3::Scope;

use super::Settings;
use super::address::Server;
use super::dn::normalise;
use super::entry::{Entry, escape};
use super::fault::Fault;
use super::server::{About, Family};
use super::session::{Look, Search, Session};
use crate::model::id::Watermark;

/// What a watermark says, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mark {
    /// The address under which the server was asked.
    server: String,
    state: State,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    /// Naming contexts with their `contextCSN` values, all of them.
    Contexts(Vec<(String, BTreeSet<String>)>),
    /// A domain controller: the DN of its settings, the id of its database (a restore gives another
    /// one, and counts from an older number), and its count. It is of all that the server has.
    Controller { settings: String, invocation: String, usn: String },
}

impl Mark {
    /// Asks a server for the first time. None where it does not tell, or where a base lies in no naming
    /// context of its own.
    pub(super) async fn first(
        session: &Session,
        server: &Server,
        about: &About,
        settings: &Settings,
    ) -> Result<Option<Self>, Fault> {
        let state = match about.family() {
            Family::ActiveDirectory => controller(session).await?,
            Family::OpenLdap => match about.contexts_of(&[&settings.user_base, &settings.group_base]) {
                Some(contexts) => first_contexts(session, contexts).await?,
                None => None,
            },
            Family::Other => None,
        };
        Ok(state.map(|state| Self { server: server.to_string(), state }))
    }

    /// Asks the same again.
    pub(super) async fn again(&self, session: &Session, server: &Server) -> Result<Option<Self>, Fault> {
        let state = match &self.state {
            State::Contexts(contexts) => contexts_again(session, contexts).await?,
            State::Controller { .. } => controller(session).await?,
        };
        Ok(state.map(|state| Self { server: server.to_string(), state }))
    }

    /// Whether it vouches for what comes after: a number that is later than now comes from a clock that was
    /// ahead, and until the time has caught up, changes have earlier ones.
    pub(super) fn is_of_the_past(&self, now: Timestamp) -> bool {
        let now = now.strftime("%Y%m%d%H%M%S.%6fZ").to_string();
        match &self.state {
            State::Contexts(contexts) => contexts.iter().flat_map(|(_, numbers)| numbers).all(|number| *number <= now),
            State::Controller { .. } => true,
        }
    }

    /// Whether it is for sure another server's: two domain controllers count each for itself.
    pub(super) fn is_of_another(&self, other: &Self) -> bool {
        match (&self.state, &other.state) {
            (State::Controller { settings, .. }, State::Controller { settings: own, .. }) => settings != own,
            _ => false,
        }
    }

    /// Whether an entry with this stamp is known to have changed after it: by a domain controller's count.
    pub(super) fn is_before(&self, stamp: &[String]) -> bool {
        let number = |text: &String| text.parse::<u64>().ok();
        match &self.state {
            State::Contexts(_) => false,
            State::Controller { usn, .. } => {
                number(usn).zip(stamp.first().and_then(number)).is_some_and(|(a, b)| a < b)
            }
        }
    }

    /// What it covers.
    pub(super) fn reach(&self) -> Reach {
        let contexts = match &self.state {
            State::Contexts(contexts) => Some(contexts.iter().map(|(context, _)| normalise(context)).collect()),
            State::Controller { .. } => None,
        };
        Reach { contexts, left: AtomicBool::new(false) }
    }

    /// How it vouches, in a line for the record.
    pub(super) fn evidence(&self) -> String {
        match &self.state {
            State::Contexts(contexts) => {
                let numbers = contexts.iter().flat_map(|(_, numbers)| numbers).map(String::as_str);
                format!("{}: contextCSN {}", self.server, numbers.collect::<Vec<_>>().join(" "))
            }
            State::Controller { usn, .. } => format!("{}: highestCommittedUSN {usn}", self.server),
        }
    }

    /// As it is kept: lines. None where a value has a line break in it.
    pub(super) fn to_watermark(&self) -> Option<Watermark> {
        let mut lines = vec![self.server.clone()];
        match &self.state {
            State::Contexts(contexts) => {
                lines.push(OPENLDAP.to_owned());
                for (context, numbers) in contexts {
                    lines.push(context.clone());
                    lines.push(numbers.iter().map(String::as_str).collect::<Vec<_>>().join(" "));
                }
            }
            State::Controller { settings, invocation, usn } => {
                lines.extend([CONTROLLER, settings, invocation, usn].map(str::to_owned));
            }
        }
        let whole = lines.iter().all(|line| !line.contains(char::is_control));
        whole.then(|| Watermark::new(lines.join("\n")))
    }

    /// Reads what was kept. None for what is no watermark of a directory server.
    pub(super) fn of(watermark: &Watermark) -> Option<Self> {
        let mut lines = watermark.as_str().split('\n');
        let server = lines.next()?.to_owned();
        let kind = lines.next()?;
        let rest: Vec<&str> = lines.collect();
        let state = match (kind, rest.as_slice()) {
            (OPENLDAP, rest) => {
                let (pairs, []) = rest.as_chunks::<2>() else { return None };
                let pair = |[context, numbers]: &[&str; 2]| {
                    ((*context).to_owned(), numbers.split(' ').map(str::to_owned).collect())
                };
                State::Contexts(pairs.iter().map(pair).collect())
            }
            (CONTROLLER, [settings, invocation, usn]) => State::Controller {
                settings: (*settings).to_owned(),
                invocation: (*invocation).to_owned(),
                usn: (*usn).to_owned(),
            },
            _ => return None,
        };
        Some(Self { server, state })
    }
}

/// Entries that are looked at: the head of the context, and one that is newer than it may be.
const FEW: i32 = 2;

const OPENLDAP: &str = "contextCSN";
const CONTROLLER: &str = "highestCommittedUSN";

/// What every entry of a context bears where the context's numbers are of it.
pub(super) const NUMBER: &str = "entryCSN";

/// Whether every search stayed within what a watermark covers. A member may lie anywhere, and a part of the
/// tree may be another server's (a subordinate database), whose changes no number here tells of.
#[derive(Debug)]
pub(super) struct Reach {
    /// Normalised names of the contexts; none: all that the server has.
    contexts: Option<Vec<String>>,
    left: AtomicBool,
}

impl Reach {
    /// Notes a search with this base.
    pub(super) fn note(&self, base: &str) {
        let Some(contexts) = &self.contexts else { return };
        let name = normalise(base);
        if !contexts.iter().any(|context| is_within(&name, context)) {
            self.left.store(true, Ordering::Relaxed);
        }
    }

    /// What an entry must show to be covered, beside what is asked for.
    pub(super) fn asks(&self) -> Option<&'static str> {
        self.contexts.is_some().then_some(NUMBER)
    }

    /// Notes an entry that was read.
    pub(super) fn meet(&self, entry: &Entry<'_>) {
        if self.contexts.is_some() && entry.values(NUMBER).next().is_none() {
            self.left.store(true, Ordering::Relaxed);
        }
    }

    /// Whether none went beyond.
    pub(super) fn was_kept(&self) -> bool {
        !self.left.load(Ordering::Relaxed)
    }
}

/// Whether a name is a context, or below it; both normalised.
pub(super) fn is_within(name: &str, context: &str) -> bool {
    name.strip_suffix(context).is_some_and(|rest| rest.is_empty() || context.is_empty() || rest.ends_with(','))
}

/// Every context's change numbers, and the proof that they are kept.
async fn first_contexts(session: &Session, contexts: Vec<String>) -> Result<Option<State>, Fault> {
    let mut state = Vec::with_capacity(contexts.len());
    for context in contexts {
        match session.cookie(&context).await?.as_deref().and_then(numbers) {
            Some(numbers) => state.push((context, numbers)),
            None => return Ok(None),
        }
    }
    Ok(Some(State::Contexts(state)))
}

/// Every context's change numbers once more, in one search each. A server that was killed may begin
/// again with an older number than its entries have: such entries are looked for in the same search,
/// and a newer one makes the numbers others.
async fn contexts_again(session: &Session, contexts: &[(String, BTreeSet<String>)]) -> Result<Option<State>, Fault> {
    let mut state = Vec::with_capacity(contexts.len());
    for (context, before) in contexts {
        let newest = before.last().map_or("", String::as_str);
        let shown = escape(newest);
        let search = Search {
            base: context.clone(),
            scope: Scope::Subtree,
            // An import may give one number to all entries, so those that have just this one are left out.
            filter: format!("(|(entryDN={})(&(entryCSN>={shown})(!(entryCSN={shown}))))", escape(context)),
            attributes: ["contextCSN", NUMBER].map(str::to_owned).to_vec(),
        };
        let (code, entries) = session.few("asking for the server's state", &search, FEW).await?;
        if !matches!(code, 0 | 4) {
            return Ok(None);
        }
        let head = entries.iter().find(|entry| normalise(entry.dn()) == normalise(context));
        let mut numbers: BTreeSet<String> =
            head.into_iter().flat_map(|entry| entry.texts("contextCSN")).map(str::to_owned).collect();
        if numbers.is_empty() && code == 0 {
            return Ok(None);
        }
        let changed = entries.iter().flat_map(|entry| entry.texts(NUMBER)).filter(|number| *number > newest);
        numbers.extend(changed.map(str::to_owned));
        if code == 4 {
            numbers.insert("more".to_owned());
        }
        state.push((context.clone(), numbers));
    }
    Ok(Some(State::Contexts(state)))
}

/// The change numbers in a cookie, which OpenLDAP writes `rid=000,csn=20261122…;20261122…`. It stands
/// in BER, of which no byte can be taken for one of a number.
fn numbers(cookie: &[u8]) -> Option<BTreeSet<String>> {
    const LEAD: &[u8] = b"csn=";
    let start = cookie.windows(LEAD.len()).position(|part| part == LEAD)? + LEAD.len();
    let of_number = |byte: &u8| byte.is_ascii_hexdigit() || matches!(byte, b'.' | b'Z' | b'#' | b';');
    let text: String =
        cookie.get(start..)?.iter().take_while(|byte| of_number(byte)).copied().map(char::from).collect();
    let numbers: BTreeSet<String> = text.split(';').filter(|number| !number.is_empty()).map(str::to_owned).collect();
    (!numbers.is_empty()).then_some(numbers)
}

/// A domain controller's count (MS-ADTS 3.1.1.3.2.20), with whose it is.
async fn controller(session: &Session) -> Result<Option<State>, Fault> {
    let asked = ["highestCommittedUSN", "dsServiceName"].map(str::to_owned);
    let Some(root) = told(session.look("asking for the server's state", "", "(objectClass=*)", &asked).await)? else {
        return Ok(None);
    };
    let (Some(usn), Some(settings)) = (root.text("highestCommittedUSN"), root.text("dsServiceName")) else {
        return Ok(None);
    };
    let asked = ["invocationId".to_owned()];
    let found = told(session.look("asking for the server's state", settings, "(objectClass=*)", &asked).await)?;
    let invocation = found.as_ref().and_then(|entry| entry.values("invocationId").next());
    let invocation: String = invocation.unwrap_or_default().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Some(State::Controller { settings: settings.to_owned(), invocation, usn: usn.to_owned() }))
}

/// What is not shown is not told; a connection that ended is a failure.
fn told(look: Result<Look, Fault>) -> Result<Option<Entry<'static>>, Fault> {
    match look {
        Ok(Look::Found(entry)) => Ok(Some(entry)),
        Ok(Look::NotMeant | Look::NoSuchObject) => Ok(None),
        Err(fault) if fault.code.is_some() => Ok(None),
        Err(fault) => Err(fault),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contexts(server: &str, all: &[(&str, &[&str])]) -> Mark {
        let pair = |(context, numbers): &(&str, &[&str])| {
            ((*context).to_owned(), numbers.iter().map(|number| (*number).to_owned()).collect())
        };
        Mark { server: server.to_owned(), state: State::Contexts(all.iter().map(pair).collect()) }
    }

    fn controller(invocation: &str, usn: &str) -> Mark {
        let state = State::Controller {
            settings: "CN=NTDS Settings,CN=DC1".to_owned(),
            invocation: invocation.to_owned(),
            usn: usn.to_owned(),
        };
        Mark { server: "ldaps://dc1:636".to_owned(), state }
    }

    const ONE: &str = "20261122100000.000000Z#000000#001#000000";
    const TWO: &str = "20261122100001.000000Z#000000#002#000000";

    #[test]
    fn what_is_kept_is_read_again() {
        let marks = [
            contexts("ldaps://a", &[("dc=corp,dc=example", &[ONE])]),
            contexts("ldaps://a", &[("dc=corp,dc=example", &[ONE, TWO]), ("o=other", &[TWO])]),
            controller("00ff", "4711"),
            controller("", "4711"),
        ];
        for mark in marks {
            assert_eq!(mark.to_watermark().as_ref().and_then(Mark::of), Some(mark));
        }
        for text in ["", "ldaps://a", "csv sha256:00", "a\nb\nc", "a\ncontextCSN\ndc=corp", "a\nhighestCommittedUSN\nb"]
        {
            assert_eq!(Mark::of(&Watermark::new(text)), None, "{text:?}");
        }
        assert_eq!(contexts("ldaps://a", &[("dc=a\ndc=b", &[ONE])]).to_watermark(), None);
    }

    #[test]
    fn values_are_a_set_and_everything_counts() {
        let mark = |server, numbers: &[&str]| contexts(server, &[("dc=corp", numbers)]).to_watermark();
        assert_eq!(mark("ldaps://a", &[ONE, TWO]), mark("ldaps://a", &[TWO, ONE]));
        assert_ne!(mark("ldaps://a", &[ONE, TWO]), mark("ldaps://a", &[ONE]), "one provider more");
        assert_ne!(mark("ldaps://a", &[ONE]), mark("ldaps://b", &[ONE]), "another server");
        assert_ne!(controller("00", "1").to_watermark(), controller("01", "1").to_watermark(), "restored");
        assert_ne!(controller("00", "1").to_watermark(), controller("00", "2").to_watermark());
    }

    #[test]
    fn change_numbers_stand_in_a_cookie() {
        let set = |all: &[&str]| Some(all.iter().map(|number| (*number).to_owned()).collect());
        // SEQUENCE { OCTET STRING, BOOLEAN }, as the server sends it.
        let sent = |cookie: String| [b"0\x40\x04\x3a", cookie.as_bytes(), b"\x01\x01\xff"].concat();
        assert_eq!(numbers(&sent(format!("rid=000,csn={ONE}"))), set(&[ONE]));
        assert_eq!(numbers(&sent(format!("rid=000,sid=001,csn={TWO};{ONE}"))), set(&[ONE, TWO]));
        assert_eq!(numbers(&sent(format!("csn={ONE},delcsn={TWO}"))), set(&[ONE]));
        for none in ["", "rid=000", "csn=", "rid=000,csn=;", "cs"] {
            assert_eq!(numbers(&sent(none.to_owned())), None, "{none}");
        }
    }

    #[test]
    fn an_entry_without_a_number_is_not_covered() {
        let reach = contexts("ldaps://a", &[("dc=corp", &[ONE])]).reach();
        reach.meet(&Entry::of("uid=ann,dc=corp", &[("ENTRYCSN", &[ONE])]));
        assert!(reach.was_kept() && reach.asks() == Some(NUMBER));
        reach.meet(&Entry::of("uid=bob,dc=corp", &[("entryUUID", &["x"])]));
        assert!(!reach.was_kept());
    }

    #[test]
    fn a_number_of_the_future_vouches_for_nothing() {
        let mark = contexts("ldaps://a", &[("dc=corp", &[ONE, TWO])]);
        for (now, past) in [("10:00:00.999999", false), ("10:00:01.5", true), ("12:00:00", true), ("09:00:00", false)] {
            assert_eq!(mark.is_of_the_past(format!("2026-11-22T{now}Z").parse().unwrap()), past, "{now}");
        }
        assert!(controller("", "1").is_of_the_past(Timestamp::UNIX_EPOCH));
    }

    #[test]
    fn a_controller_counts_for_itself() {
        let mark = controller("01", "100");
        for (stamp, later) in [("101", true), ("100", false), ("99", false), ("20261122100000.0Z", false)] {
            assert_eq!(mark.is_before(&[stamp.to_owned()]), later, "{stamp}");
        }
        assert!(!mark.is_before(&[]) && !contexts("a", &[("dc=x", &[ONE])]).is_before(&[TWO.to_owned()]));
        let mut other = controller("01", "100");
        assert!(!mark.is_of_another(&other));
        if let State::Controller { settings, .. } = &mut other.state {
            settings.push('2');
        }
        assert!(mark.is_of_another(&other) && !mark.is_of_another(&contexts("a", &[])));
    }

    #[test]
    fn a_search_beyond_the_contexts_is_noted() {
        let mark = contexts("ldaps://a", &[("dc=Corp,dc=example", &[ONE]), ("o=other", &[ONE])]);
        for (base, kept) in [
            ("DC=corp, DC=example", true),
            ("uid=ann,ou=people,dc=corp,dc=example", true),
            ("cn=x,o=other", true),
            ("dc=another-dc=corp,dc=example", false),
            ("uid=ann,dc=example", false),
            ("", false),
        ] {
            let reach = mark.reach();
            reach.note(base);
            assert_eq!(reach.was_kept(), kept, "{base:?}");
        }
        let reach = controller("", "1").reach();
        reach.note("uid=ann,dc=example");
        reach.meet(&Entry::of("uid=ann,dc=example", &[]));
        assert!(reach.was_kept() && reach.asks().is_none(), "a controller counts all that it has");
    }
}
