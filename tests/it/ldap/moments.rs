//! A directory that changes while it is read: what was read of it before the change and what was read
//! after it are no directory that ever was.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::*;
use crate::support::bench::secret;
use crate::support::ldap_proxy::{Each, Proxy, Rules, Seen};

/// A server that keeps its change numbers, and one that does not.
const SERVERS: [(&str, &str); 2] = [("", ""), ("moduleload syncprov", "overlay syncprov")];

fn server(ldif: &str, (global, database): (&str, &str)) -> Option<Arc<Slapd>> {
    Slapd::start(&Wish { ldif, global, database, ..Wish::default() }).map(Arc::new)
}

/// These accounts, those of them in the group Compliance, and a bench that feeds it.
fn bench(url: &str, members: &[&str], more: &str, from: &str) -> Bench {
    let keys = format!(
        "url = \"{url}\"\nbind_dn = \"{READER}\"\nbind_password = {{ file = \"password\" }}\n{}skip_unchanged = false\n{more}",
        bases()
    );
    let mapping = format!("[[mapping]]\nsource = \"ldap\"\n{from}\nto = \"Compliance\"\n");
    let bench = fed(&keys, organisation(&["ann", "bob", "cem", "dan", "eve"], members), &mapping);
    secret(&bench.path("password"), READER_PASSWORD);
    bench
}

const OPENLDAP: &str = "schema = \"openldap\"\n";

/// Once, when a search comes that is meant, the directory becomes another one.
fn once(slapd: &Arc<Slapd>, meant: impl Fn(&Seen) -> bool + Send + Sync + 'static, ldif: String) -> Rules {
    let (slapd, met) = (Arc::clone(slapd), AtomicUsize::new(0));
    let each = Each::new(move |seen| {
        if meant(seen) && met.fetch_add(1, Ordering::SeqCst) == 0 {
            slapd.modify(&ldif);
        }
    });
    Rules { each, ..Rules::default() }
}

fn change(group: &str, change: &str, member: &str) -> String {
    format!("dn: {group}\nchangetype: modify\n{change}: member\nmember: {}\n\n", dn(member))
}

/// A run while the directory changes, and the one after it: nobody goes who was granted all the time.
#[track_caller]
fn nobody_goes(bench: &Bench, proxy: &Proxy, rules: Rules, what: &str) {
    let before = bench.members("Compliance");
    bench.in_step();
    proxy.rules(rules);
    let ran = bench.run(&["apply"]).exits(0);
    assert_eq!(bench.members("Compliance"), before, "{what}: {}", ran.stdout);
    proxy.rules(Rules::default());
    bench.in_step();
}

/// `all` has `b` and, through `c`, `a`; these three lie outside of the group base.
fn teams() -> String {
    let unit = format!("dn: ou=teams,{SUFFIX}\nobjectClass: organizationalUnit\nou: teams\n\n");
    let moved = |text: String| text.replace(",ou=groups,", ",ou=teams,");
    people(&["ann", "bob", "cem", "dan", "eve"])
        + &unit
        + &moved(group("b", &[&dn("bob")]))
        + &moved(group("a", &[&dn("ann"), &dn("eve")]))
        + &moved(group("c", &[&team("a")]))
        + &group("all", &[&dn("cem"), &team("b"), &team("c")])
}

fn team(name: &str) -> String {
    format!("cn={name},ou=teams,{SUFFIX}")
}

/// When `a` is looked at, `b` has been.
fn at_a(seen: &Seen) -> bool {
    seen.base == team("a")
}

fn move_eve() -> String {
    change(&team("b"), "add", "eve") + &change(&team("a"), "delete", "eve")
}

#[test]
fn somebody_moved_between_nested_groups_stays() {
    for kind in SERVERS {
        let Some(slapd) = server(&teams(), kind) else { return };
        let proxy = Proxy::start(slapd.upstream());
        let bench = bench(&proxy.url(), &["ann", "bob", "cem", "eve"], OPENLDAP, "group = \"all\"");
        nobody_goes(&bench, &proxy, once(&slapd, at_a, move_eve()), kind.0);
    }
}

#[test]
fn somebody_moved_between_two_pages_stays() {
    let at = |name: &str| format!("cn={name},ou=groups,{SUFFIX}");
    let ldif = people(&["ann", "bob", "cem", "dan", "eve"])
        + &group("b", &[&dn("bob")])
        + &group("a", &[&dn("ann"), &dn("eve")]);
    for kind in SERVERS {
        let Some(slapd) = server(&ldif, kind) else { return };
        let proxy = Proxy::start(slapd.upstream());
        let small = format!("{OPENLDAP}page_size = 1\n");
        let bench = bench(&proxy.url(), &["ann", "bob", "eve"], &small, "match = \"^[ab]$\"");
        let pages = AtomicUsize::new(0);
        let second = move |seen: &Seen| {
            seen.page.is_some() && seen.base.starts_with("ou=groups,") && pages.fetch_add(1, Ordering::SeqCst) == 1
        };
        let moved = change(&at("b"), "add", "eve") + &change(&at("a"), "delete", "eve");
        nobody_goes(&bench, &proxy, once(&slapd, second, moved), kind.0);
    }
}

/// A group that nobody mapped becomes one that is mapped, under another name, with somebody of another one.
#[test]
fn somebody_moved_to_a_group_that_is_renamed_stays() {
    let at = |name: &str| format!("cn={name},ou=groups,{SUFFIX}");
    let ldif = people(&["ann", "bob", "cem", "dan", "eve"])
        + &group("x", &[&dn("bob")])
        + &group("a", &[&dn("ann"), &dn("eve")]);
    for kind in SERVERS {
        let Some(slapd) = server(&ldif, kind) else { return };
        let proxy = Proxy::start(slapd.upstream());
        let small = format!("{OPENLDAP}page_size = 1\n");
        let bench = bench(&proxy.url(), &["ann", "eve"], &small, "match = \"^[ab]$\"");
        bench.in_step();
        let pages = AtomicUsize::new(0);
        let second = move |seen: &Seen| {
            seen.page.is_some() && seen.base.starts_with("ou=groups,") && pages.fetch_add(1, Ordering::SeqCst) == 1
        };
        let moved = change(&at("x"), "add", "eve")
            + &change(&at("a"), "delete", "eve")
            + &format!("dn: {}\nchangetype: modrdn\nnewrdn: cn=b\ndeleteoldrdn: 1\n", at("x"));
        proxy.rules(once(&slapd, second, moved));
        let ran = bench.run(&["apply"]).exits(0);
        assert_eq!(bench.members("Compliance"), ["ann", "bob", "eve"], "{}: {}", kind.0, ran.stdout);
        proxy.rules(Rules::default());
        bench.in_step();
    }
}

/// What becomes of a group that went away after it was read, the next run sees.
#[test]
fn a_group_that_went_away_meanwhile_is_not_what_it_was() {
    for kind in SERVERS {
        let Some(slapd) = server(&teams(), kind) else { return };
        let proxy = Proxy::start(slapd.upstream());
        let bench = bench(&proxy.url(), &["ann", "bob", "cem", "eve"], OPENLDAP, "group = \"all\"");
        bench.apply(0);
        let gone = move_eve() + &format!("dn: {}\nchangetype: modrdn\nnewrdn: cn=z\ndeleteoldrdn: 1\n", team("b"));
        proxy.rules(once(&slapd, at_a, gone));
        let ran = bench.run(&["apply"]).exits(13);
        assert!(ran.stdout.contains("it went away while the directory was read"), "{}", ran.stdout);
        assert_eq!(bench.members("Compliance"), ["ann", "bob", "cem", "eve"]);
        proxy.rules(Rules::default());
        bench.run(&["apply"]).exits(11);
        assert_eq!(bench.members("Compliance"), ["ann", "bob", "cem", "eve"]);
    }
}

/// Who was gone when the first look came, and is there again, is no ghost.
#[test]
fn somebody_who_is_written_anew_meanwhile_stays() {
    let Some(slapd) = server(&teams(), SERVERS[0]) else { return };
    let proxy = Proxy::start(slapd.upstream());
    let bench = bench(&proxy.url(), &["ann", "bob", "cem", "eve"], OPENLDAP, "group = \"all\"");
    bench.in_step();
    let (own, stage) = (Arc::clone(&slapd), AtomicUsize::new(0));
    let each = Each::new(move |seen| {
        // She is looked at with the members of `a`; then the group is read again.
        let next = match stage.load(Ordering::SeqCst) {
            0 => seen.base == dn("eve"),
            _ => seen.attributes.iter().any(|asked| asked == "entryCSN"),
        };
        let ldif = match stage.load(Ordering::SeqCst) {
            0 => format!("dn: {}\nchangetype: delete\n", dn("eve")),
            1 => {
                let person = people(&["eve"]).replacen('\n', "\nchangetype: add\n", 1);
                person + &change(&team("b"), "add", "eve") + &change(&team("a"), "delete", "eve")
            }
            _ => return,
        };
        if next {
            stage.fetch_add(1, Ordering::SeqCst);
            own.modify(&ldif);
        }
    });
    proxy.rules(Rules { each, ..Rules::default() });
    let ran = bench.run(&["apply"]);
    assert_eq!(bench.members("Compliance"), ["ann", "bob", "cem", "eve"], "{}", ran.stdout);
    proxy.rules(Rules::default());
    bench.in_step();
}

/// Login names that are given anew, in the groups and for the people.
#[test]
fn somebody_with_another_login_stays() {
    let person = |name: &str| people(&[name]).replace("dn: uid=", "dn: cn=");
    let posix = format!(
        "dn: cn=devs,ou=groups,{SUFFIX}\nobjectClass: posixGroup\ncn: devs\ngidNumber: 1\nmemberUid: bob\nmemberUid: eve\n\n"
    );
    let ldif = ["bob", "eve"].map(person).concat() + &posix;
    let renamed = format!(
        "dn: cn=devs,ou=groups,{SUFFIX}\nchangetype: modify\ndelete: memberUid\nmemberUid: eve\n-\n\
         add: memberUid\nmemberUid: eva\n\ndn: cn=eve,ou=people,{SUFFIX}\nchangetype: modify\nreplace: uid\nuid: eva\n"
    );
    for kind in SERVERS {
        for from in ["group = \"devs\"", "match = \"^devs$\""] {
            let Some(slapd) = server(&ldif, kind) else { return };
            let proxy = Proxy::start(slapd.upstream());
            let bench = bench(&proxy.url(), &["bob", "eve"], "schema = \"rfc2307\"\n", from);
            let by_name = from.starts_with("group");
            let late = move |seen: &Seen| match by_name {
                // The group has been read.
                true => seen.scope == 2 && seen.base.starts_with("ou=people,"),
                // People are read meanwhile.
                false if seen.scope == 2 && seen.base.starts_with("ou=groups,") => {
                    std::thread::sleep(Duration::from_millis(500));
                    true
                }
                false => false,
            };
            nobody_goes(&bench, &proxy, once(&slapd, late, renamed.clone()), &format!("{} {from}", kind.0));
        }
    }
}

/// A group that is written without end is no ground for a removal. Who is in it comes in.
#[test]
fn a_group_that_never_stands_still_removes_nobody() {
    for kind in SERVERS {
        let Some(slapd) = server(&teams(), kind) else { return };
        let proxy = Proxy::start(slapd.upstream());
        let bench = bench(&proxy.url(), &["ann", "bob", "dan"], OPENLDAP, "group = \"all\"");
        let (own, count) = (Arc::clone(&slapd), AtomicUsize::new(0));
        let each = Each::new(move |seen| {
            if seen.base == team("b") || seen.scope == 2 || at_a(seen) {
                let count = count.fetch_add(1, Ordering::SeqCst);
                let value = format!("replace: description\ndescription: {count}\n");
                own.modify(&format!("dn: {}\nchangetype: modify\n{value}", team("b")));
            }
        });
        proxy.rules(Rules { each, ..Rules::default() });
        let ran = bench.run(&["apply"]).exits(13);
        assert!(ran.stdout.contains("it is being changed while it is read"), "{}", ran.stdout);
        assert_eq!(bench.members("Compliance"), ["ann", "bob", "cem", "dan", "eve"], "{}", kind.0);
        proxy.rules(Rules::default());
        bench.run(&["apply"]).exits(0);
        assert_eq!(bench.members("Compliance"), ["ann", "bob", "cem", "eve"]);
    }
}

/// What a read of a directory costs that stands still: one question more, and a small one.
#[test]
fn a_directory_that_stands_still_is_asked_once_more() {
    for kind in SERVERS {
        let Some(slapd) = server(&company(), kind) else { return };
        let proxy = Proxy::start(slapd.upstream());
        for from in ["group = \"all\"", "match = \"^all$\""] {
            let bench = bench(&proxy.url(), &[], OPENLDAP, from);
            bench.run(&["apply"]).exits(0);
            proxy.rules(Rules::default());
            bench.in_step();
            let seen = proxy.seen();
            let again =
                seen.iter().filter(|seen| !seen.attributes.iter().any(|asked| asked == "cn" || asked == "mail"));
            let again: Vec<_> = again.filter(|seen| seen.attributes.iter().any(|asked| asked == "entryCSN")).collect();
            let (numbers, stamps): (Vec<_>, Vec<_>) =
                again.into_iter().partition(|seen| seen.attributes.iter().any(|asked| asked == "contextCSN"));
            let by_name = from.starts_with("group");
            let expected = match (kind.0.is_empty(), by_name) {
                // Every search: by name, the group, its two members and the two of the one that is nested.
                (true, true) => (0, 1),
                (true, false) => (0, 1),
                (false, true) => (1, 0),
                // The second connection is asked for its state at the start.
                (false, false) => (2, 0),
            };
            assert_eq!((numbers.len(), stamps.len()), expected, "{} {from}: {seen:#?}", kind.0);
        }
    }
}
