//! Members that are read in parts, as Active Directory gives them: what changes, fails or breaks off
//! between two parts hides nobody, and removes nobody.

use super::*;
use crate::support::bench::Ran;
use crate::support::ldap_proxy::{Midway, Part};

/// Everybody whom the group grants while nothing changed. Bob is disabled.
const GRANTED: [&str; 6] = ["ann", "cem", "gus", "hal", "ida", "joerg"];

/// Six members in two parts of three, and what becomes of the second.
fn in_two_parts(from: usize, how: Option<Midway>) -> Rules {
    Rules { max_values: Some(3), part: how.map(|how| Part { from, how }), ..Rules::default() }
}

fn behind(samba: &Samba, members: &[&str]) -> (Proxy, Bench) {
    let proxy = Proxy::with(samba.plain(), in_two_parts(1, None));
    let world = organisation("Compliance", members);
    let bench = with(samba, world, &proxy.url(), "", &mapping("GRC-Compliance", "Compliance"));
    (proxy, bench)
}

/// A run during which something happens between the two parts.
#[track_caller]
fn between(proxy: &Proxy, bench: &Bench, what: impl FnOnce()) -> Ran {
    proxy.rules(in_two_parts(1, Some(Midway::Hold)));
    let running = bench.start(&["apply", "--format", "json"]);
    proxy.until_held();
    what();
    proxy.release();
    bench.wait(running)
}

/// A person of the first part: without them, what comes behind moves up.
fn of_the_first_part(samba: &Samba) -> (String, String) {
    let members = samba.members("GRC-Compliance");
    assert_eq!(members.len(), 6, "{members:?}");
    let people = members.into_iter().take(3).flatten().filter(|dn| dn.contains("OU=People"));
    let dn = people.into_iter().next().expect("three of six, and two of them are odd");
    let name = dn.split(['=', ',']).nth(1).expect("a name").to_owned();
    (dn, name)
}

#[test]
fn a_member_who_is_taken_out_between_two_parts_takes_nobody_along() {
    let Some(samba) = Samba::start() else { return };
    let (proxy, bench) = behind(&samba, &GRANTED);
    bench.in_step();
    let (dn, name) = of_the_first_part(&samba);
    let group = format!("dn: CN=GRC-Compliance,OU=Groups,{DOMAIN}\nchangetype: modify\n");
    between(&proxy, &bench, || samba.modify(&format!("{group}delete: member\nmember: {dn}\n"))).exits(0);
    let left: Vec<&str> = GRANTED.into_iter().filter(|granted| *granted != name).collect();
    assert_eq!(bench.members("Compliance"), left);
    bench.in_step();
    // And one who is added is in at once, or with the next run.
    samba.modify(&format!("{group}add: member\nmember: {dn}\n"));
    bench.apply(0);
    bench.in_step();
}

/// Who is deleted vanishes from the group, and that is no change of the group: its stamps stay.
#[test]
fn a_member_who_is_deleted_between_two_parts_takes_nobody_along() {
    let Some(samba) = Samba::start() else { return };
    let (proxy, bench) = behind(&samba, &GRANTED);
    bench.in_step();
    let (dn, name) = of_the_first_part(&samba);
    between(&proxy, &bench, || samba.modify(&format!("dn: {dn}\nchangetype: delete\n")));
    let left: Vec<&str> = GRANTED.into_iter().filter(|granted| *granted != name).collect();
    let members = bench.members("Compliance");
    assert!(left.iter().all(|name| members.iter().any(|member| member == name)), "{members:?} without {name}");
    bench.run(&["apply"]).exits(0);
    assert_eq!(bench.members("Compliance"), left);
    bench.in_step();
}

/// Without a stamp nobody can tell whether the group changed meanwhile.
#[test]
fn parts_without_a_stamp_remove_nobody() {
    let Some(samba) = Samba::start() else { return };
    let (proxy, bench) = behind(&samba, &["ann", "dan"]);
    let hidden = vec!["uSNChanged".to_owned(), "modifyTimestamp".to_owned()];
    proxy.rules(Rules { hidden, ..in_two_parts(1, None) });
    let ran = bench.apply(13);
    assert_eq!(bench.members("Compliance"), ["ann", "cem", "dan", "gus", "hal", "ida", "joerg"], "{ran}");
    assert!(ran.to_string().contains("does not say when it changed"), "{ran}");
    proxy.rules(in_two_parts(1, None));
    bench.apply(0);
    assert_eq!(bench.members("Compliance"), GRANTED);
    bench.in_step();
}

/// From a group that was read in part, who was read is added, and nobody is removed.
#[test]
fn a_part_that_is_refused_removes_nobody() {
    let Some(samba) = Samba::start() else { return };
    for code in [1, 4, 11, 50, 51, 52, 53] {
        let (proxy, bench) = behind(&samba, &["dan"]);
        proxy.rules(in_two_parts(1, Some(Midway::Code(code))));
        let ran = bench.apply(13);
        let members = bench.members("Compliance");
        assert!(members.contains(&"dan".to_owned()), "{code}: {members:?} {ran}");
        let first: Vec<String> = samba.members("GRC-Compliance").into_iter().take(3).flatten().collect();
        for dn in first.iter().filter(|dn| dn.contains("OU=People") && !dn.contains("=bob,")) {
            let name = dn.split(['=', ',']).nth(1).unwrap_or_default();
            assert!(members.iter().any(|member| member == name), "{code}: {name} was read: {members:?}");
        }
        assert!(ran.to_string().contains("nobody is removed"), "{code}: {ran}");
        let removals = ran["changes"].as_array().unwrap().iter().filter(|change| change["op"] == "remove_member");
        assert_eq!(removals.count(), 0, "{code}: {ran}");
        proxy.rules(in_two_parts(1, None));
        bench.apply(0);
        assert_eq!(bench.members("Compliance"), GRANTED, "{code}");
        bench.in_step();
    }
}

/// A connection that ends costs the whole read: nobody is removed and nobody added.
#[test]
fn a_connection_that_ends_between_two_parts_is_no_end() {
    let Some(samba) = Samba::start() else { return };
    let (proxy, bench) = behind(&samba, &["dan"]);
    proxy.rules(in_two_parts(1, Some(Midway::Cut)));
    let ran = bench.apply(13);
    assert_eq!(bench.members("Compliance"), ["dan"], "{ran}");
    assert_eq!(ran["sources"][0]["complete"], false, "{ran}");
    proxy.rules(in_two_parts(1, None));
    bench.apply(0);
    assert_eq!(bench.members("Compliance"), GRANTED);
    bench.in_step();
}
