//! Ways to a server, and what stands in them.

use super::*;

fn four(slapd: &Slapd) -> [(&'static str, String); 4] {
    let external = |url: String, more: &str| {
        format!("url = \"{url}\"\nsasl = \"external\"\nschema = \"openldap\"\n{}{more}", bases())
    };
    [
        ("loopback in clear", keys(slapd, &slapd.plain())),
        ("ldaps", keys(slapd, &slapd.secure())),
        ("StartTLS", keys(slapd, &slapd.plain()) + "start_tls = true\n"),
        ("ldapi", external(slapd.socket(), "")),
    ]
}

#[test]
fn every_way_leads_to_the_same_answer() {
    let Some(slapd) = Slapd::start(&Wish { ldif: &company(), ..Wish::default() }) else { return };
    for (way, keys) in four(&slapd) {
        let snapshot = complete(read(&keys, &[]));
        assert_eq!(members(&snapshot, "compliance"), ["ann", "bob"], "{way}");
        assert_eq!(snapshot.people.len(), 4);
        assert_eq!(snapshot.problems, [], "{way}");
        assert!(snapshot.people.iter().all(|person| person.immutable), "{way}");
        let encrypted = matches!(way, "ldaps" | "StartTLS");
        let ends = snapshot.facts.certificate_ends.map(|ends| ends.to_string());
        assert_eq!(ends.as_deref(), encrypted.then_some("4096-01-01T00:00:00Z"), "{way}");
        assert_eq!(snapshot.facts.credential_ends, None, "{way}");
    }
}

#[test]
fn a_client_certificate_signs_in() {
    let Some(slapd) = Slapd::start(&Wish {
        ldif: &company(),
        global: "TLSVerifyClient try\n",
        database: "access to * by dn.exact=\"cn=client\" read by * none\n",
        ..Wish::default()
    }) else {
        return;
    };
    let issued = slapd.client();
    let keys = |identity: &str| {
        format!(
            "url = \"{}\"\nca_file = \"{}\"\nsasl = \"external\"\nschema = \"openldap\"\n{}{identity}",
            slapd.secure(),
            shown(&slapd.ca_file()),
            bases()
        )
    };
    let identity =
        format!("client_cert = \"{}\"\nclient_key = {{ file = \"{}\" }}\n", shown(&issued.cert), shown(&issued.key));
    for start_tls in ["", "start_tls = true\n"] {
        let url = if start_tls.is_empty() { slapd.secure() } else { slapd.plain() };
        let keys = |identity: &str| keys(identity).replace(&slapd.secure(), &url) + start_tls;
        let snapshot = complete(read(&keys(&identity), &[]));
        assert_eq!(members(&snapshot, "compliance"), ["ann", "bob"], "{url}");
        let ends = snapshot.facts.credential_ends.expect("the certificate can be read");
        assert_eq!(ends.to_string(), "4096-01-01T00:00:00Z", "what the certificate says");
        // Without it, nobody has signed in.
        let anonymous = keys("").replace("sasl = \"external\"\n", "");
        let told = unread(&read(&anonymous, &[]));
        assert!(told.contains("(32)") || told.contains("(50)"), "{url}: {told}");
    }
}

#[test]
fn what_is_wrong_with_a_certificate_is_a_sentence() {
    let Some(slapd) = Slapd::start(&Wish { ldif: &company(), ..Wish::default() }) else { return };
    let good = keys(&slapd, &slapd.secure());
    let other = tempfile::tempdir().unwrap();
    crate::support::ca::Ca::new(other.path(), "ca");
    let stranger = good.replace(&shown(&slapd.ca_file()), &shown(&other.path().join("ca.pem")));
    let told = unread(&read(&stranger, &["compliance"]));
    assert!(told.contains("not trusted") || told.contains("not signed by"), "{told}");
    let told = unread(&read(&format!("{good}server_name = \"dc1.corp.example\"\n"), &["compliance"]));
    assert!(told.contains("not for this name") && told.contains("subjectAltName"), "{told}");
    complete(read(&format!("{good}server_name = \"ldap.corp.example\"\n"), &["compliance"]));
    let Some(slapd) = Slapd::start(&Wish { expired: true, ..Wish::default() }) else { return };
    let told = unread(&read(&keys(&slapd, &slapd.secure()), &["compliance"]));
    assert!(told.contains("has expired"), "{told}");
}

#[test]
fn a_pinned_self_signed_certificate_is_that_server_and_no_other() {
    let Some(slapd) = Slapd::start(&Wish { ldif: &company(), self_signed: true, ..Wish::default() }) else { return };
    let good = keys(&slapd, &slapd.secure());
    complete(read(&good, &["compliance"]));
    let told = unread(&read(&format!("{good}server_name = \"dc1.corp.example\"\n"), &["compliance"]));
    assert!(told.contains("not for this name"), "{told}");
}

#[test]
fn a_wrong_password_is_asked_for_once() {
    let Some(slapd) = Slapd::start(&Wish { ldif: &company(), ..Wish::default() }) else { return };
    let second = slapd.secure();
    let keys = keys(&slapd, &second).replace(READER, &format!("cn=nobody,{SUFFIX}"));
    let keys = keys.replace(&format!("url = \"{second}\""), &format!("url = [\"{second}\", \"{second}\"]"));
    let began = std::time::Instant::now();
    let told = unread(&read(&keys, &["compliance"]));
    assert!(told.contains("invalid credentials (49)") && told.contains("bind_password"), "{told}");
    assert!(began.elapsed().as_secs() < 5);
}

#[test]
fn the_next_server_answers_where_the_first_does_not() {
    let Some(slapd) = Slapd::start(&Wish { ldif: &company(), ..Wish::default() }) else { return };
    let url = slapd.secure();
    let keys = keys(&slapd, &url).replace(&format!("\"{url}\""), &format!("[\"ldaps://127.0.0.1:1\", \"{url}\"]"));
    let snapshot = complete(read(&keys, &["compliance"]));
    assert!(snapshot.evidence.starts_with(&url), "{}", snapshot.evidence);
}

#[test]
fn a_base_that_is_not_there_is_no_empty_directory() {
    let Some(slapd) = Slapd::start(&Wish { ldif: &company(), ..Wish::default() }) else { return };
    for (base, key) in [("ou=groups", "group_base"), ("ou=people", "user_base")] {
        let keys =
            keys(&slapd, &slapd.secure()).replace(&format!("{key} = \"{base}"), &format!("{key} = \"ou=nowhere"));
        let told = unread(&read(&keys, &[]));
        assert!(told.contains(key) && told.contains("ou=nowhere") && told.contains("(32)"), "{told}");
    }
}

#[test]
fn limits_are_met_by_smaller_pages_or_by_a_failure() {
    let names: Vec<String> = (0..60).map(|number| format!("p{number:02}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let members: Vec<String> = names.iter().map(|name| dn(name)).collect();
    let members: Vec<&str> = members.iter().map(String::as_str).collect();
    let ldif = people(&names) + &group("compliance", &members);
    let limited = |database: &str, works: bool| {
        let Some(slapd) = Slapd::start(&Wish { ldif: &ldif, database, ..Wish::default() }) else { return };
        let snapshot = read(&keys(&slapd, &slapd.secure()), &[]);
        match works {
            true => {
                let snapshot = complete(snapshot);
                assert_eq!((snapshot.people.len(), named(&snapshot, "compliance").people.len()), (60, 60));
            }
            false => {
                let told = unread(&snapshot);
                assert!(told.contains("(4)") || told.contains("(11)"), "{told}");
                assert!(told.contains("prtotal"), "{told}");
            }
        }
    };
    limited("sizelimit size.soft=unlimited size.pr=16\n", true);
    limited("sizelimit size.soft=20 size.hard=20 size.pr=10\n", false);
    limited("sizelimit size.soft=unlimited size.pr=10 size.prtotal=30\n", false);
}

#[test]
fn rights_that_are_lost_are_no_empty_directory() {
    let blind = [
        (
            "people",
            format!(
                "access to dn.subtree=\"ou=people,{SUFFIX}\" by * none\naccess to * by users read by anonymous auth\n"
            ),
        ),
        ("addresses", "access to attrs=mail by * none\naccess to * by users read by anonymous auth\n".to_owned()),
    ];
    for (what, database) in blind {
        let Some(slapd) = Slapd::start(&Wish { ldif: &company(), database: &database, ..Wish::default() }) else {
            return;
        };
        for names in [&[][..], &["compliance"]] {
            let snapshot = read(&keys(&slapd, &slapd.secure()), names);
            assert!(!snapshot.completeness.is_complete(), "{what}: {snapshot:#?}");
            let told = told(&snapshot);
            assert!(told.contains("bind account"), "{what}: {told}");
        }
    }
}
