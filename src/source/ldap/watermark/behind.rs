//! Whether a server is behind what was read before: a replica that lags, or a database of long ago. What
//! it says was true once, and whoever lost an access since would get it again. Floor 2.

use std::collections::BTreeSet;

use super::{FEW, Mark, NUMBER, State};
use crate::source::ldap::dn::normalise;
use crate::source::ldap::entry::escape;
use crate::source::ldap::fault::Fault;
use crate::source::ldap::session::{Search, Session};

/// What a server has of something, and what was read of it before.
#[derive(Debug, PartialEq, Eq)]
struct Lag<'a> {
    /// The naming context, where it is one's.
    context: Option<&'a str>,
    now: String,
    then: &'a str,
}

impl Mark {
    /// Fails where the server is behind what was read before, of it or of another one. Where the two cannot
    /// be compared, as two domain controllers, it is believed.
    pub(in crate::source::ldap) async fn is_not_behind(&self, session: &Session, before: &Self) -> Result<(), Fault> {
        let Some(lag) = self.behind(before) else { return Ok(()) };
        // One that was killed may begin again with an older number than its entries have.
        if let Some(context) = lag.context.filter(|_| self.server == before.server)
            && has_since(session, context, lag.then).await?
        {
            return Ok(());
        }
        let of = lag.context.map_or_else(|| "highestCommittedUSN".to_owned(), |of| format!("contextCSN of {of}"));
        let text = format!(
            "it is behind what was read before: its {of} is {}, and it was {} when {} was read",
            lag.now, lag.then, before.server
        );
        let help = match lag.context {
            Some(_) => {
                "let it catch up with the other servers. Where the directory was restored from a backup on purpose, any \
                 change in it gives a newer number, and is enough (of several providers: one change by each)"
            }
            None => {
                "let it catch up with the other domain controllers. A restore that Active Directory knows of gives it \
                 another invocationId, and it is read then"
            }
        };
        Err(Fault::behind(text, help))
    }

    /// What of it is older than what was read before.
    fn behind<'a>(&self, before: &'a Self) -> Option<Lag<'a>> {
        match (&self.state, &before.state) {
            (State::Contexts(now), State::Contexts(then)) => then.iter().find_map(|(context, then)| {
                let (_, now) = now.iter().find(|(own, _)| normalise(own) == normalise(context))?;
                let then = older(now, then)?;
                let now = now.iter().map(String::as_str).collect::<Vec<_>>().join(" ");
                Some(Lag { context: Some(context), now, then })
            }),
            (
                State::Controller { settings, invocation, usn },
                State::Controller { settings: own, invocation: same, usn: then },
            ) if settings == own && invocation == same && !invocation.is_empty() => {
                let (is, was): (u64, u64) = (usn.parse().ok()?, then.parse().ok()?);
                (is < was).then(|| Lag { context: None, now: usn.clone(), then })
            }
            _ => None,
        }
    }
}

/// The number of a provider that is older now than it was. One of which there is no number any more was taken
/// out of service, if anything is newer than all that was there; else the database is one of long ago.
fn older<'a>(now: &BTreeSet<String>, then: &'a BTreeSet<String>) -> Option<&'a str> {
    let newest = |numbers: &BTreeSet<String>| numbers.last().cloned();
    let found = then.iter().find(|number| {
        let own = now.iter().rfind(|own| provider(own) == provider(number));
        match own {
            Some(own) => own < *number,
            None => newest(now) <= newest(then),
        }
    });
    found.map(String::as_str)
}

/// Who made a change: `20261122100000.000000Z#000000#001#000000` is of provider 001.
fn provider(number: &str) -> Option<&str> {
    number.split('#').nth(2)
}

/// Whether an entry of the context has this number or a newer one.
async fn has_since(session: &Session, context: &str, number: &str) -> Result<bool, Fault> {
    let search = Search {
        base: context.to_owned(),
        scope: ldap3::Scope::Subtree,
        filter: format!("(entryCSN>={})", escape(number)),
        attributes: vec![NUMBER.to_owned()],
    };
    let (_, entries) = session.few("asking for the server's state", &search, FEW).await?;
    Ok(entries.iter().flat_map(|entry| entry.texts(NUMBER)).any(|own| own >= number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(second: u32, provider: &str) -> String {
        format!("20261122100{second:03}.000000Z#000000#{provider}#000000")
    }

    fn contexts(server: &str, all: &[(&str, &[(u32, &str)])]) -> Mark {
        let of = |(context, numbers): &(&str, &[(u32, &str)])| {
            let numbers = numbers.iter().map(|(second, provider)| number(*second, provider));
            ((*context).to_owned(), numbers.collect())
        };
        Mark { server: server.to_owned(), state: State::Contexts(all.iter().map(of).collect()) }
    }

    fn controller(invocation: &str, usn: &str) -> Mark {
        let (settings, invocation, usn) = ("CN=DC1".to_owned(), invocation.to_owned(), usn.to_owned());
        Mark { server: "ldaps://dc1".to_owned(), state: State::Controller { settings, invocation, usn } }
    }

    #[test]
    fn each_provider_is_compared_with_itself() {
        type Number<'a> = (u32, &'a str);
        type Case<'a> = (&'a [Number<'a>], &'a [Number<'a>], Option<Number<'a>>);
        let table: [Case<'_>; 9] = [
            (&[(5, "000")], &[(5, "000")], None),
            (&[(5, "000")], &[(6, "000")], None),
            (&[(5, "000")], &[(4, "000")], Some((5, "000"))),
            (&[(5, "001"), (7, "002")], &[(5, "001"), (7, "002")], None),
            (&[(5, "001"), (7, "002")], &[(4, "001"), (9, "002")], Some((5, "001"))),
            (&[(5, "001"), (7, "002")], &[(9, "001"), (6, "002")], Some((7, "002"))),
            (&[(5, "001")], &[(5, "001"), (9, "002")], None),
            // A provider is not there any more: in what is newer, and in what is not.
            (&[(5, "001"), (7, "002")], &[(8, "002")], None),
            (&[(5, "001"), (7, "002")], &[(7, "002")], Some((5, "001"))),
        ];
        for (then, now, expected) in table {
            let (then, now) = (contexts("a", &[("dc=x", then)]), contexts("b", &[("DC=X", now)]));
            let lag = now.behind(&then).map(|lag| lag.then.to_owned());
            assert_eq!(lag, expected.map(|(second, provider)| number(second, provider)), "{then:?} {now:?}");
        }
    }

    #[test]
    fn only_the_same_is_compared() {
        let then = contexts("a", &[("dc=x", &[(5, "000")]), ("dc=y", &[(5, "000")])]);
        let other = contexts("a", &[("dc=z", &[(1, "000")])]);
        assert_eq!(other.behind(&then), None);
        let one = contexts("a", &[("dc=x", &[(6, "000")]), ("dc=y", &[(4, "000")])]);
        assert_eq!(one.behind(&then).and_then(|lag| lag.context), Some("dc=y"));
        assert!(controller("01", "99").behind(&controller("01", "100")).is_some());
        for (now, then) in [
            (controller("01", "100"), controller("01", "100")),
            (controller("01", "101"), controller("01", "100")),
            (controller("02", "99"), controller("01", "100")),
            (controller("", "99"), controller("", "100")),
        ] {
            assert_eq!(now.behind(&then), None);
        }
        assert_eq!(controller("01", "1").behind(&then), None);
    }
}
