//! Servers that are behind what was read before: what they say was true once.

use super::directory::{BY_NAME, BY_PATTERN, PROVIDER, bench, company, member};
use super::{reads, skips_reading};
use crate::support::ldap_proxy::Proxy;
use crate::support::slapd::{Slapd, Wish, dn};

fn describe(name: &str) -> String {
    format!("dn: {}\nchangetype: modify\nreplace: description\ndescription: x\n", dn(name))
}

/// The company with ids of its own, which are the same in every copy of it.
fn copied() -> String {
    let entries = company();
    let entries = entries.split("\n\n").map(str::trim).filter(|entry| !entry.is_empty()).enumerate();
    entries.map(|(at, entry)| format!("{entry}\nentryUUID: 00000000-0000-4000-8000-{at:012}\n\n")).collect()
}

/// The second server has the directory of before a change, and is asked when the first one is gone.
#[test]
fn an_older_replica_gives_nobody_back_what_was_taken() {
    for from in [BY_NAME, BY_PATTERN] {
        let older = Slapd::start(&Wish { ldif: &copied(), ..PROVIDER });
        let newer = Slapd::start(&Wish { ldif: &copied(), ..PROVIDER });
        let (Some(older), Some(newer)) = (older, newer) else { return };
        newer.modify(&(member("delete", "bob") + "\n" + &member("add", "dan")));
        let (first, second) = (Proxy::start(newer.upstream()), Proxy::start(older.upstream()));
        let bench = bench(&[first.url(), second.url()], from);
        reads(&bench, 0);
        assert_eq!(bench.members("Compliance"), ["ann", "dan"]);
        let (url, again) = (first.url(), second.url());
        drop(first);
        for command in ["plan", "apply"] {
            let ran = bench.run(&[command]).exits(13);
            for part in [format!("{again}: it is behind what was read before"), format!("when {url} was read")] {
                assert!(ran.stdout.contains(&part), "{part}: {}", ran.stdout);
            }
            assert!(ran.stdout.contains("let it catch up"), "{}", ran.stdout);
            assert_eq!(bench.members("Compliance"), ["ann", "dan"]);
        }
        // A directory that goes on from there is one that was restored on purpose.
        older.modify(&describe("cem"));
        reads(&bench, 0);
        assert_eq!(bench.members("Compliance"), ["ann", "bob"]);
        skips_reading(&bench);
    }
}

/// Of the servers that are there, the first one that is not behind is read.
#[test]
fn the_next_server_is_read_where_one_is_behind() {
    let older = Slapd::start(&Wish { ldif: &copied(), ..PROVIDER });
    let newer = Slapd::start(&Wish { ldif: &copied(), ..PROVIDER });
    let (Some(older), Some(newer)) = (older, newer) else { return };
    newer.modify(&(member("delete", "bob") + "\n" + &member("add", "dan")));
    let (first, second, third) =
        (Proxy::start(newer.upstream()), Proxy::start(older.upstream()), Proxy::start(newer.upstream()));
    let bench = bench(&[first.url(), second.url(), third.url()], BY_NAME);
    reads(&bench, 0);
    drop(first);
    reads(&bench, 0);
    assert_eq!(bench.members("Compliance"), ["ann", "dan"]);
    assert!(second.connections() > 0 && third.connections() > 0);
}

/// A server that is killed begins again with the number that it wrote down last. Its entries show that it is not behind.
#[test]
fn a_server_that_was_killed_after_it_was_read_is_not_behind() {
    let Some(mut slapd) = Slapd::start(&Wish { ldif: &company(), ..PROVIDER }) else { return };
    let bench = bench(&[slapd.plain()], BY_NAME);
    reads(&bench, 0);
    slapd.modify(&member("add", "cem"));
    reads(&bench, 0);
    slapd.crash();
    bench.run(&["plan"]).exits(0);
    slapd.modify(&member("delete", "cem"));
    reads(&bench, 0);
    assert_eq!(bench.members("Compliance"), ["ann", "bob"]);
    slapd.crash();
    bench.run(&["plan"]).exits(0);
}
