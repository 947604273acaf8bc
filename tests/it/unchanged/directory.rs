//! OpenLDAP with its provider overlay, behind the proxy that counts searches.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use rosterd::simulator::World;
use serde_json::Value;

use super::{reads, skips_reading};
use crate::support::bench::{Bench, address, secret};
use crate::support::doc::reasons;
use crate::support::ldap_proxy::{Meanwhile, Proxy, Rules, Seen};
use crate::support::slapd::{READER, READER_PASSWORD, ROOT, ROOT_PASSWORD, SUFFIX, Slapd, Wish, dn, group, people};

pub(super) const PROVIDER: Wish<'_> =
    Wish { ldif: "", global: "moduleload syncprov", database: "overlay syncprov", self_signed: false, expired: false };

pub(super) fn company() -> String {
    people(&["ann", "bob", "cem", "dan"]) + &group("compliance", &[&dn("ann"), &dn("bob")])
}

/// A server that keeps its change numbers.
fn provider() -> Option<Arc<Slapd>> {
    Slapd::start(&Wish { ldif: &company(), ..PROVIDER }).map(Arc::new)
}

/// A bench that reads these servers, and by `from` its groups.
pub(super) fn bench(urls: &[String], from: &str) -> Bench {
    let mut world = World::new("Corp");
    for name in ["ann", "bob", "cem", "dan"] {
        world.add_user(&address(name));
    }
    world.add_group("Compliance", &[]);
    let mut bench = Bench::new(world);
    secret(&bench.path("ldap-password"), READER_PASSWORD);
    let urls: Vec<String> = urls.iter().map(|url| format!("{url:?}")).collect();
    bench.rest = format!(
        "[guard]\nfirst_removals = \"apply\"\n[group_defaults]\nallow_empty = true\n[[source]]\nname = \"ldap\"\n\
         kind = \"ldap\"\nurl = [{}]\nbind_dn = \"{READER}\"\nbind_password = {{ file = \"ldap-password\" }}\n\
         schema = \"openldap\"\nuser_base = \"ou=people,{SUFFIX}\"\ngroup_base = \"ou=groups,{SUFFIX}\"\n\
         timeout = \"10s\"\n[[mapping]]\nsource = \"ldap\"\n{from}\nto = \"Compliance\"\n",
        urls.join(", ")
    );
    bench
}

pub(super) const BY_NAME: &str = "group = \"compliance\"";
pub(super) const BY_PATTERN: &str = "match = \"^compl.*$\"";

/// The searches of a run that reads nothing.
#[track_caller]
fn searches(proxy: &Proxy, bench: &Bench) -> Vec<Seen> {
    proxy.rules(Rules::default());
    skips_reading(bench);
    proxy.seen()
}

pub(super) fn member(change: &str, name: &str) -> String {
    format!("dn: cn=compliance,ou=groups,{SUFFIX}\nchangetype: modify\n{change}: member\nmember: {}\n", dn(name))
}

#[test]
fn one_search_is_all_that_an_unchanged_directory_costs() {
    for from in [BY_NAME, BY_PATTERN] {
        let Some(slapd) = provider() else { return };
        let proxy = Proxy::start(slapd.upstream());
        let bench = bench(&[proxy.url()], from);
        assert_eq!(reads(&bench, 0)["outcome"], "applied");
        for _ in 0..2 {
            let seen = searches(&proxy, &bench);
            assert_eq!(seen.len(), 1, "{seen:?}");
            assert_eq!((seen[0].base.as_str(), seen[0].scope), (SUFFIX, 2));
            assert_eq!(seen[0].attributes, ["contextCSN", "entryCSN"]);
            assert_eq!(proxy.connections(), 1);
        }
        let run = skips_reading(&bench);
        let evidence = run["sources"][0]["evidence"].as_str().unwrap();
        assert!(evidence.contains(&format!("{}: contextCSN 2", proxy.url())), "{evidence}");
        bench.in_step();
    }
}

#[test]
fn every_change_in_the_directory_is_seen() {
    let Some(slapd) = provider() else { return };
    let proxy = Proxy::start(slapd.upstream());
    let bench = bench(&[proxy.url()], BY_PATTERN);
    reads(&bench, 0);
    let changes: [(&str, String, &[&str]); 6] = [
        ("a member more", member("add", "cem"), &["add_member Compliance cem granted"]),
        (
            "another address",
            format!("dn: {}\nchangetype: modify\nreplace: mail\nmail: dan@corp.example\n", dn("ann")),
            &["add_member Compliance dan granted", "remove_member Compliance ann grant_ended"],
        ),
        (
            "another name",
            format!("dn: {}\nchangetype: modrdn\nnewrdn: uid=bert\ndeleteoldrdn: 0\n", dn("bob")),
            // The group still names who is no longer there.
            &["remove_member Compliance bob grant_ended"],
        ),
        (
            "something that matters to nobody",
            format!("dn: {}\nchangetype: modify\nadd: description\ndescription: x\n", dn("cem")),
            &[],
        ),
        (
            "a person gone",
            format!("dn: {}\nchangetype: delete\n", dn("cem")),
            &["remove_member Compliance cem person_gone"],
        ),
        ("a member less", member("delete", "cem"), &[]),
    ];
    for (what, ldif, expected) in changes {
        skips_reading(&bench);
        slapd.modify(&ldif);
        let run: Value = reads(&bench, 0);
        assert_eq!(reasons(&run), expected, "{what}: {run}");
    }
    skips_reading(&bench);
    bench.in_step();
}

/// The state is asked for before the reading: what came too late for this run is the next one's.
#[test]
fn what_changes_during_the_reading_is_seen_by_the_next_run() {
    for from in [BY_NAME, BY_PATTERN] {
        let Some(slapd) = provider() else { return };
        let proxy = Proxy::start(slapd.upstream());
        let bench = bench(&[proxy.url()], from);
        let own = Arc::clone(&slapd);
        let change = format!("dn: {}\nchangetype: modify\nreplace: mail\nmail: dan@corp.example\n", dn("ann"));
        proxy.rules(Rules { meanwhile: Meanwhile::new(move || own.modify(&change)), ..Rules::default() });
        reads(&bench, 0);
        // Whatever the first one saw of it, the next one reads.
        reads(&bench, 0);
        assert_eq!(bench.members("Compliance"), ["bob", "dan"]);
        skips_reading(&bench);
    }
}

#[test]
fn another_server_does_not_vouch_for_the_one_that_was_read() {
    let Some(slapd) = provider() else { return };
    let (first, second) = (Proxy::start(slapd.upstream()), Proxy::start(slapd.upstream()));
    let bench = bench(&[first.url(), second.url()], BY_NAME);
    reads(&bench, 0);
    skips_reading(&bench);
    assert_eq!(second.connections(), 0);
    drop(first);
    reads(&bench, 0);
    skips_reading(&bench);
    assert_eq!(searches(&second, &bench).len(), 1);
    // A server that is not to be reached is no reason to believe that nothing changed.
    drop(second);
    reads(&bench, 13);
}

#[test]
fn a_server_that_refuses_or_hides_its_state_is_read() {
    let Some(slapd) = provider() else { return };
    let proxy = Proxy::start(slapd.upstream());
    let bench = bench(&[proxy.url()], BY_NAME);
    let denied = || Rules { denied: Some((SUFFIX.to_owned(), 50)), ..Rules::default() };
    proxy.rules(denied());
    for _ in 0..2 {
        reads(&bench, 0);
    }
    proxy.rules(Rules::default());
    reads(&bench, 0);
    skips_reading(&bench);
    for rules in [denied(), Rules { denied: Some((SUFFIX.to_owned(), 52)), ..Rules::default() }] {
        proxy.rules(rules);
        reads(&bench, 0);
        proxy.rules(Rules::default());
        reads(&bench, 0);
        skips_reading(&bench);
    }
}

/// A server that is killed begins again with the number that it wrote down last, and with the changes
/// that came after it.
#[test]
fn a_server_that_forgot_its_last_numbers_is_read() {
    let Some(mut slapd) = Slapd::start(&Wish { ldif: &company(), ..PROVIDER }) else { return };
    let bench = bench(&[slapd.plain()], BY_NAME);
    reads(&bench, 0);
    skips_reading(&bench);
    slapd.crash();
    skips_reading(&bench);
    slapd.modify(&member("add", "cem"));
    slapd.crash();
    assert_eq!(reasons(&reads(&bench, 0)), ["add_member Compliance cem granted"]);
    // It is believed again once it counts on from there.
    reads(&bench, 0);
    slapd.modify(&format!("dn: {}\nchangetype: modify\nadd: description\ndescription: x\n", dn("cem")));
    reads(&bench, 0);
    skips_reading(&bench);
}

/// An import leaves a number behind that nobody keeps without the overlay.
#[test]
fn a_number_that_nobody_keeps_is_not_believed() {
    for wish in [Wish::default(), Wish { global: "moduleload syncprov", ..Wish::default() }] {
        let Some(slapd) = Slapd::start(&Wish { ldif: &company(), ..wish }) else { return };
        let bench = bench(&[slapd.plain()], BY_NAME);
        reads(&bench, 0);
        slapd.modify(&member("add", "cem"));
        assert_eq!(reasons(&reads(&bench, 0)), ["add_member Compliance cem granted"]);
        reads(&bench, 0);
    }
}

/// Nothing of another naming context shows in the number of this one.
#[test]
fn a_member_outside_of_the_naming_context_makes_every_run_read() {
    let outside = "cn=x,o=other";
    let ldif = people(&["ann", "bob", "cem", "dan"]) + &group("compliance", &[&dn("ann"), outside]);
    let wish = Wish { ldif: &ldif, global: "moduleload syncprov", database: "overlay syncprov", ..Wish::default() };
    let Some(slapd) = Slapd::start(&wish) else { return };
    let bench = bench(&[slapd.plain()], BY_NAME);
    for _ in 0..2 {
        reads(&bench, 0);
    }
    slapd.modify(&format!(
        "dn: cn=compliance,ou=groups,{SUFFIX}\nchangetype: modify\ndelete: member\nmember: {outside}\n"
    ));
    reads(&bench, 0);
    skips_reading(&bench);
}

/// The server's clock was ahead once: until the time has caught up, its number stands still, whatever
/// is changed.
#[test]
fn a_number_from_the_future_vouches_for_nothing() {
    let ahead = Timestamp::now() + SignedDuration::from_hours(2);
    let number = ahead.strftime("entryCSN: %Y%m%d%H%M%S.000000Z#000000#000#000000\n");
    let ldif = people(&["ann", "bob", "cem", "dan"])
        + &group("compliance", &[&dn("ann"), &dn("bob")])
            .replace("cn: compliance\n", &format!("cn: compliance\n{number}"));
    let Some(slapd) = Slapd::start(&Wish { ldif: &ldif, ..PROVIDER }) else { return };
    let bench = bench(&[slapd.plain()], BY_PATTERN);
    reads(&bench, 0);
    slapd.modify(&member("delete", "bob"));
    assert_eq!(reasons(&reads(&bench, 0)), ["remove_member Compliance bob grant_ended"]);
    reads(&bench, 0);
}

/// A part of the tree is another server's, which keeps no numbers: nothing there shows in the number of
/// this one.
#[test]
fn entries_without_a_number_make_every_run_read() {
    let unit = format!("ou=abroad,ou=groups,{SUFFIX}");
    let there = format!("dn: {unit}\nobjectClass: organizationalUnit\nou: abroad\n\n")
        + &group("compliance", &[&dn("ann"), &dn("bob")]).replace("ou=groups,", "ou=abroad,ou=groups,");
    let Some(other) = Slapd::start(&Wish { ldif: &there, database: "lastmod off", ..Wish::default() }) else { return };
    let global = format!(
        "moduleload syncprov\nmoduleload back_ldap\ndatabase ldap\nsuffix {unit}\nsubordinate\nuri {}\n\
         idassert-bind bindmethod=simple binddn={ROOT} credentials={ROOT_PASSWORD} mode=none\nidassert-authzFrom \"*\"\n",
        other.plain()
    );
    let ldif = people(&["ann", "bob", "cem", "dan"]);
    let Some(slapd) = Slapd::start(&Wish { ldif: &ldif, global: &global, ..PROVIDER }) else { return };
    for from in [BY_NAME, BY_PATTERN] {
        let bench = bench(&[slapd.plain()], from);
        reads(&bench, 0);
        assert_eq!(bench.members("Compliance"), ["ann", "bob"]);
        let change = |change: &str| member(change, "bob").replace("ou=groups,", "ou=abroad,ou=groups,");
        other.modify(&change("delete"));
        assert_eq!(reasons(&reads(&bench, 0)), ["remove_member Compliance bob grant_ended"]);
        other.modify(&change("add"));
    }
}
