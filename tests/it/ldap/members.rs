//! Who is a member, as the schemas of this world say it.

use super::*;
use crate::support::slapd::person;
use rosterd::model::directory::Completeness;

#[track_caller]
fn start(ldif: &str) -> Option<Slapd> {
    Slapd::start(&Wish { ldif, ..Wish::default() })
}

/// Reads by name and by pattern: both must say the same of that group.
#[track_caller]
fn both(keys: &str, name: &str) -> [SourceSnapshot; 2] {
    let both = [complete(read(keys, &[name])), complete(read(keys, &[]))];
    assert_eq!(members(&both[0], name), members(&both[1], name));
    assert_eq!(named(&both[0], name).completeness, named(&both[1], name).completeness);
    both
}

#[test]
fn nested_groups_keep_their_structure_with_cycles_and_outside_the_base() {
    let at = |name: &str| format!("cn={name},ou=groups,{SUFFIX}");
    let away = format!("cn=away,{SUFFIX}");
    let outside =
        format!("dn: {away}\nobjectClass: groupOfNames\ncn: away\nmember: {}\nmember: {}\n\n", dn("dan"), at("a"));
    let ldif = people(&["ann", "bob", "cem", "dan"])
        + &group("a", &[&dn("ann"), &at("b"), &at("c"), &away])
        + &group("b", &[&dn("bob"), &at("a")])
        + &group("c", &[&dn("cem"), &at("b")])
        + &outside;
    let Some(slapd) = start(&ldif) else { return };
    for snapshot in both(&keys(&slapd, &slapd.secure()), "a") {
        let nested = |name: &str| {
            let nested = named(&snapshot, name).groups.iter().map(|at| snapshot.groups[*at as usize].name());
            let mut nested: Vec<&str> = nested.collect();
            nested.sort_unstable();
            nested
        };
        assert_eq!(nested("a"), ["b", "c", away.as_str()], "outside of the base it is called by its DN alone");
        assert_eq!((nested("b"), nested("c"), nested(&away)), (vec!["a"], vec!["b"], vec!["a"]));
        assert_eq!(members(&snapshot, &away), ["dan"]);
    }
    let flat = keys(&slapd, &slapd.secure()) + "nested = false\n";
    assert_eq!(named(&complete(read(&flat, &["a"])), "a").groups, Vec::<u32>::new());
}

#[test]
fn names_are_compared_as_names_and_not_as_text() {
    let odd = "dn: cn=Doe\\, Jane+uid=jd,ou=people,dc=corp,dc=example\nobjectClass: inetOrgPerson\ncn: Doe, Jane\nuid: jd\nsn: Doe\nmail: jane@corp.example\n\n\
               dn:: Y249Wm/DqyxvdT1wZW9wbGUsZGM9Y29ycCxkYz1leGFtcGxl\nobjectClass: inetOrgPerson\ncn:: Wm/Dqw==\nsn: x\nmail: zoe@corp.example\n\n";
    // In the group: the parts the other way round, hexadecimal, other cases and blanks, decomposed.
    let ldif = format!(
        "{odd}dn: cn=g,ou=groups,{SUFFIX}\nobjectClass: groupOfNames\ncn: g\n\
         member: UID=JD + CN=doe\\2C jane , OU=People, DC=corp,DC=EXAMPLE\n\
         member: CN=ZOE\\CC\\88,ou=people,dc=corp,dc=example\n\n"
    );
    let Some(slapd) = start(&ldif) else { return };
    for snapshot in both(&keys(&slapd, &slapd.secure()), "g") {
        assert_eq!(members(&snapshot, "g"), ["jane", "zoe"]);
        assert_eq!(told(&snapshot), "");
    }
}

#[test]
fn nobody_is_dropped_in_silence() {
    let printer = format!("dn: cn=printer,{SUFFIX}\nobjectClass: device\ncn: printer\n\n");
    let guest = format!(
        "dn: uid=guest,{SUFFIX}\nobjectClass: inetOrgPerson\nuid: guest\ncn: g\nsn: g\nmail: guest@corp.example\n\n"
    );
    let ldif = people(&["ann"])
        + &printer
        + &guest
        + &group("g", &[&dn("ann"), &dn("gone"), &format!("cn=printer,{SUFFIX}"), &format!("uid=guest,{SUFFIX}"), ""]);
    let Some(slapd) = start(&ldif) else { return };
    for snapshot in both(&keys(&slapd, &slapd.secure()), "g") {
        assert_eq!(members(&snapshot, "g"), ["ann", "guest"], "somebody outside of the base is a person all the same");
        assert_eq!(named(&snapshot, "g").completeness, Completeness::Complete, "dangling is no gap");
        let told = told(&snapshot);
        assert!(told.contains("not in the directory: uid=gone") && told.contains("cn=printer"), "{told}");
        assert_eq!(snapshot.problems.len(), 2, "{told}");
    }
}

#[test]
fn many_members_switch_to_one_search_for_everybody() {
    let names: Vec<String> = (0..250).map(|number| format!("p{number:03}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let all: Vec<String> = names.iter().map(|name| dn(name)).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let ldif = people(&names) + &group("big", &all) + &group("small", all.get(..5).unwrap());
    let Some(slapd) = start(&ldif) else { return };
    let keys = keys(&slapd, &slapd.secure()) + "page_size = 100\n";
    let snapshot = complete(read(&keys, &["small"]));
    assert_eq!(snapshot.people.len(), 5, "five are looked at, not 250: {}", snapshot.evidence);
    let snapshot = complete(read(&keys, &["big"]));
    assert_eq!(named(&snapshot, "big").people.len(), 250);
    assert!(
        snapshot.evidence.contains("250 people in 3 pages") && snapshot.evidence.contains(" 0 looks"),
        "{}",
        snapshot.evidence
    );
}

#[test]
fn somebody_known_is_looked_for_although_no_group_has_them() {
    let Some(slapd) = start(&company()) else { return };
    let keys = keys(&slapd, &slapd.secure());
    let everybody = complete(read(&keys, &[]));
    let dan = everybody.people.iter().find(|person| *person.origin == *dn("dan")).unwrap();
    let mut wanted = Wanted { names: ["compliance".to_owned()].into(), ..Wanted::default() };
    assert_eq!(complete(read_wanted(&keys, &wanted)).people.len(), 2);
    wanted.people.push(&"directory".into(), dan.key.as_str(), "account");
    let group = named(&everybody, "all").key.clone();
    wanted.groups.insert(group.clone());
    let snapshot = complete(read_wanted(&keys, &wanted));
    assert!(snapshot.people.contains(dan));
    assert!(snapshot.groups.iter().any(|own| own.key == group), "a group is found by its id");
}

#[test]
fn posix_groups_name_logins() {
    let ldif = people(&["ann", "bob"])
        + &format!(
            "dn: cn=g,ou=groups,{SUFFIX}\nobjectClass: posixGroup\ncn: g\ngidNumber: 5\nmemberUid: ann\nmemberUid: BOB\nmemberUid: gone\n\n"
        );
    let Some(slapd) = start(&ldif) else { return };
    let keys = keys(&slapd, &slapd.secure()).replace("\"openldap\"", "\"rfc2307\"");
    for snapshot in both(&keys, "g") {
        assert_eq!(members(&snapshot, "g"), ["ann", "bob"]);
        assert!(told(&snapshot).contains("not in the directory: gone"), "{}", told(&snapshot));
    }
}

#[test]
fn unique_members_searches_and_groups_that_people_name() {
    let ldif = person("ann", "employeeType: staff\n")
        + &person("bob", "employeeType: staff\n")
        + &person("cem", "employeeType: left\nou: cn=named,ou=groups,dc=corp,dc=example\n")
        + &format!(
            "dn: cn=unique,ou=groups,{SUFFIX}\nobjectClass: groupOfUniqueNames\ncn: unique\nuniqueMember: {}#'0101'B\nuniqueMember: {}\n\n",
            dn("ann"),
            dn("cem")
        )
        + &format!(
            "dn: cn=staff,ou=groups,{SUFFIX}\nobjectClass: groupOfURLs\ncn: staff\nmemberURL: ldap:///ou=people,{SUFFIX}??sub?(employeeType=staff)\n\n"
        )
        + &format!(
            "dn: cn=broken,ou=groups,{SUFFIX}\nobjectClass: groupOfURLs\ncn: broken\nmemberURL: ldap://elsewhere/ou=people,{SUFFIX}??sub?(uid=*)\n\n"
        );
    let Some(slapd) = start(&ldif) else { return };
    let keys = keys(&slapd, &slapd.secure())
        + "group_filter = \"(|(objectClass=groupOfUniqueNames)(objectClass=groupOfURLs))\"\n\
           member_attributes = [\"uniqueMember\", \"memberURL\"]\n\
           disabled = { attribute = \"employeeType\", values = [\"Left\"] }\n";
    for snapshot in both(&keys, "unique") {
        assert_eq!(members(&snapshot, "unique"), ["ann", "cem"]);
        let cem = snapshot.people.iter().find(|person| *person.origin == *dn("cem")).unwrap();
        assert!(cem.disabled && snapshot.people.iter().filter(|person| person.disabled).count() == 1);
    }
    for snapshot in both(&keys, "staff") {
        assert_eq!(members(&snapshot, "staff"), ["ann", "bob"]);
    }
    let snapshot = complete(read(&keys, &["broken", "staff"]));
    assert!(!named(&snapshot, "broken").completeness.is_complete(), "a search on another server is not carried out");
    assert!(named(&snapshot, "staff").completeness.is_complete());
}

#[test]
fn a_bit_of_a_number_tells_who_has_left_on_any_server() {
    let ldif = person("ann", "employeeNumber: 512\n")
        + &person("bob", "employeeNumber: 514\n")
        + &person("cem", "employeeNumber: 2\n")
        + &person("dan", "employeeNumber: two\n")
        + &person("eve", "")
        + &group("g", &["ann", "bob", "cem", "dan", "eve"].map(dn).each_ref().map(String::as_str));
    let Some(slapd) = start(&ldif) else { return };
    let keys = keys(&slapd, &slapd.secure()) + "disabled = { attribute = \"EMPLOYEENUMBER\", bit = 2 }\n";
    for snapshot in both(&keys, "g") {
        let left = snapshot.people.iter().filter(|person| person.disabled);
        let mut left: Vec<&str> = left.map(|person| person.origin.as_str()).collect();
        left.sort_unstable();
        assert_eq!(left, [dn("bob"), dn("cem")]);
        assert_eq!(members(&snapshot, "g"), ["ann", "bob", "cem", "dan", "eve"]);
    }
}

#[test]
fn groups_are_named_by_dn_and_without_case() {
    let Some(slapd) = start(&company()) else { return };
    let keys = keys(&slapd, &slapd.secure());
    for name in ["COMPLIANCE", &format!("CN=Compliance,OU=Groups,{SUFFIX}")] {
        let snapshot = complete(read(&keys, &[name]));
        assert_eq!(members(&snapshot, "compliance"), ["ann", "bob"], "{name}");
        assert_eq!(snapshot.groups.len(), 1);
    }
    for odd in ["*", "a)(cn=*", "cn=nowhere,dc=elsewhere", "x=\\", "no such group"] {
        assert_eq!(complete(read(&keys, &[odd])).groups.len(), 0, "{odd}");
    }
}

/// The value names nobody, with its bit string as without one: dangling is no gap.
#[test]
fn a_unique_member_who_is_gone_is_told_and_is_no_gap() {
    let unique = |gone: &str| {
        format!(
            "dn: cn=g,ou=groups,{SUFFIX}\nobjectClass: groupOfUniqueNames\ncn: g\nuniqueMember: {}#'0101'B\nuniqueMember: {gone}\n\n",
            dn("ann")
        )
    };
    for bits in ["", "#'0101'B"] {
        let gone = format!("{}{bits}", dn("gone"));
        let Some(slapd) = start(&(people(&["ann"]) + &unique(&gone))) else { return };
        for snapshot in both(&keys(&slapd, &slapd.secure()), "g") {
            assert_eq!(members(&snapshot, "g"), ["ann"]);
            assert_eq!(named(&snapshot, "g").completeness, Completeness::Complete, "{}", told(&snapshot));
            assert!(told(&snapshot).contains(&format!("not in the directory: {gone}")), "{}", told(&snapshot));
        }
    }
}
