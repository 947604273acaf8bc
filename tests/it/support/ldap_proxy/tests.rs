//! The proxy itself, in front of slapd, asked by `ldapsearch`.

use std::process::{Command, Output};
use std::time::{Duration, Instant};

use super::{Break, Fail, How, Proxy, Rules};
use crate::support::slapd::{ROOT, ROOT_PASSWORD, SUFFIX, Slapd, Wish};

/// 25 people and a group of them.
fn small() -> Option<Slapd> {
    let mut ldif = String::new();
    for n in 0..25 {
        ldif += &format!("dn: cn=p{n},{SUFFIX}\nobjectClass: inetOrgPerson\ncn: p{n}\nsn: p{n}\nmail: p{n}@corp\n\n");
    }
    ldif += &format!("dn: cn=all,{SUFFIX}\nobjectClass: groupOfNames\ncn: all\n");
    ldif.extend((0..25).map(|n| format!("member: cn=p{n},{SUFFIX}\n")));
    Slapd::start(&Wish { ldif: &ldif, ..Wish::default() })
}

fn search(proxy: &Proxy, args: &[&str]) -> Output {
    Command::new("ldapsearch")
        .args(["-x", "-LLL", "-o", "ldif-wrap=no", "-o", "nettimeout=2", "-H", &proxy.url(), "-b", SUFFIX])
        .args(args)
        .output()
        .unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn lines(output: &Output, start: &str) -> Vec<String> {
    text(output).lines().filter(|line| line.starts_with(start)).map(str::to_owned).collect()
}

#[test]
fn without_rules_nothing_changes() {
    let Some(slapd) = small() else { return };
    let proxy = Proxy::start(slapd.upstream());
    let all = search(&proxy, &["-E", "pr=10/noprompt", "(objectClass=*)", "mail", "member"]);
    assert_eq!(all.status.code(), Some(0), "{all:?}");
    assert_eq!((lines(&all, "mail:").len(), lines(&all, "member:").len()), (25, 25));
    let seen = proxy.seen();
    assert_eq!(seen.len(), 3, "{seen:?}");
    assert_eq!((seen[0].base.as_str(), seen[0].scope, seen[0].page), (SUFFIX, 2, Some(10)));
    assert_eq!(seen[0].attributes, ["mail", "member"]);
}

#[test]
fn ranges_as_active_directory_cuts_them() {
    let Some(slapd) = small() else { return };
    let proxy = Proxy::with(slapd.upstream(), Rules { max_values: Some(10), ..Rules::default() });
    let mut all = Vec::new();
    for (asked, given, values) in [
        ("member", "member;range=0-9: ", 10),
        ("member;range=10-*", "member;range=10-19: ", 10),
        ("member;range=20-*", "member;range=20-*: ", 5),
    ] {
        let output = search(&proxy, &["(cn=all)", asked]);
        assert_eq!(lines(&output, "member: ").len(), 0, "{}", text(&output));
        let part: Vec<String> =
            lines(&output, given).iter().map(|line| line.trim_start_matches(given).to_owned()).collect();
        assert_eq!(part.len(), values, "{}", text(&output));
        all.extend(part);
    }
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 25);
    // An empty attribute of the plain name stands beside a range.
    assert_eq!(lines(&search(&proxy, &["(cn=all)", "member"]), "member:").len(), 0);
    assert_eq!(lines(&search(&proxy, &["-A", "(cn=all)", "member"]), "member").len(), 1);
    // A step that the client chooses.
    assert_eq!(lines(&search(&proxy, &["(cn=all)", "member;range=3-4"]), "member;range=3-4:").len(), 2);
    proxy.rules(Rules { max_values: Some(25), ..Rules::default() });
    assert_eq!(lines(&search(&proxy, &["(cn=all)", "member"]), "member: ").len(), 25);
}

#[test]
fn page_sizes_are_lowered_and_unpaged_searches_end_with_4() {
    let Some(slapd) = small() else { return };
    let proxy = Proxy::with(slapd.upstream(), Rules { max_page: Some(7), ..Rules::default() });
    let paged = search(&proxy, &["-E", "pr=1000/noprompt", "(mail=*)", "mail"]);
    assert_eq!((paged.status.code(), lines(&paged, "mail:").len()), (Some(0), 25));
    assert_eq!(proxy.seen().len(), 4);
    let unpaged = search(&proxy, &["(mail=*)", "mail"]);
    assert_eq!((unpaged.status.code(), lines(&unpaged, "mail:").len()), (Some(4), 7));
    let short = search(&proxy, &["(cn=p1)", "mail"]);
    assert_eq!((short.status.code(), lines(&short, "mail:").len()), (Some(0), 1));
}

#[test]
fn result_codes_on_the_page_that_was_named() {
    let Some(slapd) = small() else { return };
    let proxy = Proxy::start(slapd.upstream());
    for code in [4, 11, 51, 52, 53, 80] {
        proxy.rules(Rules { fail: Some(Fail::from(2, code)), ..Rules::default() });
        let output = search(&proxy, &["-E", "pr=10/noprompt", "(mail=*)", "mail"]);
        assert_eq!(output.status.code(), i32::try_from(code).ok(), "{output:?}");
        assert_eq!(lines(&output, "mail:").len(), 20);
    }
    let fail = Fail { entries: false, ..Fail::once(1, 11) };
    proxy.rules(Rules { fail: Some(fail), ..Rules::default() });
    let refused = search(&proxy, &["-E", "pr=10/noprompt", "(mail=*)", "mail"]);
    assert_eq!((refused.status.code(), lines(&refused, "mail:").len()), (Some(11), 0));
    let after = search(&proxy, &["-E", "pr=10/noprompt", "(mail=*)", "mail"]);
    assert_eq!((after.status.code(), lines(&after, "mail:").len()), (Some(0), 25));
}

#[test]
fn hidden_attributes_references_denied_bases_and_refused_binds() {
    let Some(slapd) = small() else { return };
    let proxy = Proxy::with(slapd.upstream(), Rules { hidden: vec!["MAIL".to_owned()], ..Rules::default() });
    let output = search(&proxy, &["(cn=p1)", "mail", "sn"]);
    assert_eq!((lines(&output, "mail:").len(), lines(&output, "sn:").len()), (0, 1));
    let references = vec!["ldap://other.example/dc=other".to_owned()];
    proxy.rules(Rules { references, ..Rules::default() });
    let output = search(&proxy, &["(cn=p1)", "mail"]);
    assert_eq!(lines(&output, "# refldap://other.example").len(), 1, "{}", text(&output));
    proxy.rules(Rules { denied: Some((SUFFIX.to_uppercase(), 50)), ..Rules::default() });
    assert_eq!(search(&proxy, &["(cn=p1)"]).status.code(), Some(50));
    proxy.rules(Rules { bind: Some(49), ..Rules::default() });
    assert_eq!(search(&proxy, &["-D", ROOT, "-w", ROOT_PASSWORD]).status.code(), Some(49));
    proxy.rules(Rules::default());
    assert_eq!(search(&proxy, &["-D", ROOT, "-w", ROOT_PASSWORD, "(cn=p1)"]).status.code(), Some(0));
}

#[test]
fn breaks() {
    let Some(slapd) = small() else { return };
    let proxy = Proxy::start(slapd.upstream());
    for how in [How::Cut, How::Stall, How::Rubbish, How::Inconsistent, How::Unknown] {
        proxy.rules(Rules { broken: Some(Break { after_entries: 12, how }), ..Rules::default() });
        let started = Instant::now();
        // -l: the client's own limit is told to the server only, so the test stops it after a second.
        let output = Command::new("timeout")
            .args(["1", "ldapsearch", "-x", "-LLL", "-H", &proxy.url(), "-b", SUFFIX, "(mail=*)", "mail"])
            .output()
            .unwrap();
        assert!(!output.status.success(), "{how:?} {output:?}");
        assert!(lines(&output, "mail:").len() <= 12, "{how:?} {output:?}");
        // 124 is timeout's own code: the client was still waiting.
        assert_eq!(output.status.code() == Some(124), matches!(how, How::Stall | How::Unknown), "{how:?} {output:?}");
        assert!(started.elapsed() < Duration::from_secs(5), "{how:?}");
    }
}
