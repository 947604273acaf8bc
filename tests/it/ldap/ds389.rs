//! 389 Directory Server, and FreeIPA's way of using it, read from the real server.

use super::*;
use crate::support::bench::secret;
use crate::support::ds389::{Ds389, LDBM, Wish};
use crate::support::slapd::person;
use rosterd::model::directory::Completeness;

/// The keys of a source that reads with a password.
fn keys(server: &Ds389, schema: &str) -> String {
    format!(
        "url = \"{}\"\nbind_dn = \"{READER}\"\nbind_password = {{ env = \"PASSWORD\" }}\nschema = \"{schema}\"\n{}",
        server.url(),
        bases()
    )
}

fn unique(name: &str, members: &[&str]) -> String {
    group(name, members).replace("groupOfNames", "groupOfUniqueNames").replace("\nmember:", "\nuniqueMember:")
}

/// `compliance` has Ann, Bob and the group `inner` of unique names, which has Cem and `compliance`.
fn small() -> String {
    let inner = format!("cn=inner,ou=groups,{SUFFIX}");
    let compliance = format!("cn=compliance,ou=groups,{SUFFIX}");
    people(&["ann", "bob", "cem", "dan"])
        + &group("compliance", &[&dn("ann"), &dn("bob"), &inner])
        + &unique("inner", &[&dn("cem"), &compliance])
}

fn organisation(members: &[&str]) -> World {
    let mut world = World::new("Corp");
    for name in ["ann", "bob", "cem", "dan"] {
        world.add_user(&address(name));
    }
    let members: Vec<String> = members.iter().map(|name| address(name)).collect();
    world.add_group("Compliance", &members.iter().map(String::as_str).collect::<Vec<_>>());
    world
}

fn bench(keys: &str, world: World) -> Bench {
    let mut bench = Bench::new(world);
    secret(&bench.path("password"), READER_PASSWORD);
    bench.rest = format!(
        "[guard]\nfirst_removals = \"apply\"\n[[source]]\nname = \"ldap\"\nkind = \"ldap\"\n{}\n\
         [[mapping]]\nsource = \"ldap\"\ngroup = \"compliance\"\nto = \"Compliance\"\n",
        keys.replace("{ env = \"PASSWORD\" }", "{ file = \"password\" }")
    );
    bench
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
fn a_directory_feeds_groups_to_the_end() {
    let Some(server) = Ds389::start(&Wish { ldif: &small(), ..Wish::default() }) else { return };
    let bench = bench(&keys(&server, "389ds"), organisation(&["dan"]));
    let check = bench.run(&["check", "--online"]).exits(0);
    for part in ["389 Project", SUFFIX, "read completely"] {
        assert!(check.stdout.contains(part), "{part}: {}", check.stdout);
    }
    let ran = bench.apply(0);
    assert_eq!(bench.members("Compliance"), ["ann", "bob", "cem"], "{ran}");
    let changes = ran["changes"].as_array().unwrap();
    let cem = changes.iter().find(|change| change["email"] == address("cem")).unwrap();
    assert_eq!(cem["because"][0]["path"], serde_json::json!(["compliance", "inner"]), "{ran}");
    bench.in_step();

    // Locked: still a member over there, and gone here.
    server.set(&dn("bob"), "nsAccountLock", "TRUE");
    let ran = bench.apply(0);
    assert_eq!(ran["changes"][0]["reason"], "person_disabled", "{ran}");
    assert_eq!(bench.members("Compliance"), ["ann", "cem"]);
    bench.in_step();
    server.set(&dn("bob"), "nsAccountLock", "false");
    bench.apply(0);
    assert_eq!(bench.members("Compliance"), ["ann", "bob", "cem"]);

    // Another name and another address: the same person by nsUniqueId, so nothing is sent.
    server.modify(&format!("dn: {}\nchangetype: modrdn\nnewrdn: uid=annie\ndeleteoldrdn: 1\n", dn("ann")));
    server.set(&dn("annie"), "mail", "annie.new@corp.example");
    server.modify(&format!(
        "dn: cn=compliance,ou=groups,{SUFFIX}\nchangetype: modify\ndelete: member\nmember: {}\n-\nadd: member\nmember: {}\n",
        dn("ann"),
        dn("annie")
    ));
    bench.simulator().forget_requests();
    bench.apply(0);
    assert_eq!(bench.writes().len(), 0);
    bench.in_step();

    server.modify(&format!(
        "dn: cn=compliance,ou=groups,{SUFFIX}\nchangetype: modrdn\nnewrdn: cn=conformity\ndeleteoldrdn: 1\n"
    ));
    let ran = bench.run(&["apply"]).exits(11);
    assert!(ran.stdout.contains("renamed to") && ran.stdout.contains("conformity"), "{}", ran.stdout);
    assert_eq!(bench.members("Compliance"), ["ann", "bob", "cem"], "what it granted stays");
}

#[test]
fn people_and_groups_have_lasting_ids_and_odd_names_meet() {
    let odd = "dn: cn=Doe\\, Jane+uid=jd,ou=people,dc=corp,dc=example\nobjectClass: inetOrgPerson\ncn: Doe, Jane\nuid: jd\nsn: Doe\nmail: jane@corp.example\n\n";
    let ldif = format!(
        "{odd}dn: cn=g,ou=groups,{SUFFIX}\nobjectClass: groupOfNames\ncn: g\n\
         member: UID=JD + CN=doe\\2C jane , OU=People, DC=corp,DC=EXAMPLE\nmember: {}\n\n",
        dn("gone")
    );
    let Some(server) = Ds389::start(&Wish { ldif: &ldif, ..Wish::default() }) else { return };
    let keys = keys(&server, "389ds");
    let before = both(&keys, "g");
    for snapshot in &before {
        assert_eq!(members(snapshot, "g"), ["jane"]);
        assert!(told(snapshot).contains("not in the directory: uid=gone"), "{}", told(snapshot));
        assert!(snapshot.people.iter().all(|person| person.immutable), "{:?}", snapshot.people);
        assert!(named(snapshot, "g").immutable);
    }
    // By id, a group is found under any name.
    let key = named(&before[0], "g").key.clone();
    let person = before[0].people[0].key.clone();
    server.modify(&format!("dn: cn=g,ou=groups,{SUFFIX}\nchangetype: modrdn\nnewrdn: cn=h\ndeleteoldrdn: 1\n"));
    let mut wanted = Wanted { names: ["g".to_owned()].into(), ..Wanted::default() };
    wanted.groups.insert(key.clone());
    wanted.people.push(&"directory".into(), person.as_str(), "account");
    let after = complete(read_wanted(&keys, &wanted));
    assert_eq!((named(&after, "h").key.clone(), after.people[0].key.clone()), (key, person));
}

/// Many people, all of them members.
fn crowd(count: usize) -> String {
    let names: Vec<String> = (0..count).map(|number| format!("p{number:03}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let members: Vec<String> = names.iter().map(|name| dn(name)).collect();
    let members: Vec<&str> = members.iter().map(String::as_str).collect();
    people(&names) + &group("compliance", &members)
}

#[test]
fn pages_and_limits() {
    let Some(server) = Ds389::start(&Wish { ldif: &crowd(60), ..Wish::default() }) else { return };
    let keys = keys(&server, "389ds");
    let whole = |size: u32| {
        let snapshot = complete(read(&format!("{keys}page_size = {size}\n"), &[]));
        assert_eq!((snapshot.people.len(), named(&snapshot, "compliance").people.len()), (60, 60));
        snapshot
    };
    let evidence = whole(10).evidence;
    assert!(evidence.contains("60 people in 6 pages") || evidence.contains("60 people in 7 pages"), "{evidence}");
    for (entry, attribute, limit, code) in [
        ("cn=config", "nsslapd-sizelimit", "20", "(4)"),
        ("cn=config", "nsslapd-pagedsizelimit", "20", "(4)"),
        (LDBM, "nsslapd-lookthroughlimit", "20", "(11)"),
        (LDBM, "nsslapd-pagedlookthroughlimit", "20", "(11)"),
    ] {
        let old = match attribute {
            "nsslapd-sizelimit" => "2000",
            "nsslapd-lookthroughlimit" => "5000",
            _ => "0",
        };
        server.set(entry, attribute, limit);
        let told = unread(&read(&format!("{keys}page_size = 30\n"), &[]));
        assert!(told.contains(code) && told.contains("389 Directory Server"), "{attribute}: {told}");
        // This server counts a page, not the search, against its size limit.
        if code == "(4)" {
            whole(10);
        }
        server.set(entry, attribute, old);
        whole(30);
    }
}

#[test]
fn what_may_not_be_read_is_no_empty_directory() {
    let own = |rule: &str, whom: &str, what: &str| {
        format!(
            "aci: (targetattr{rule})(version 3.0; acl \"{what}\"; allow (read, search, compare) userdn=\"ldap:///{whom}\";)\n"
        )
    };
    // FreeIPA is so: everybody sees names, only who signed in sees addresses.
    let rights = own("=\"objectClass || cn || uid || member || nsUniqueId\"", "anyone", "names")
        + &own("=\"mail || nsAccountLock\"", READER, "addresses");
    let Some(server) = Ds389::start(&Wish { ldif: &small(), rights: &rights, ..Wish::default() }) else { return };
    let keys = keys(&server, "389ds");
    assert_eq!(members(&complete(read(&keys, &["compliance"])), "compliance"), ["ann", "bob"]);
    let anonymous: String =
        keys.lines().filter(|line| !line.starts_with("bind_")).map(|line| format!("{line}\n")).collect();
    for names in [&[][..], &["compliance"]] {
        let snapshot = read(&anonymous, names);
        assert!(!snapshot.completeness.is_complete(), "{snapshot:#?}");
        assert!(told(&snapshot).contains("has an address"), "{}", told(&snapshot));
    }
    server.set("cn=config", "nsslapd-allow-anonymous-access", "rootdse");
    let told = unread(&read(&anonymous, &[]));
    assert!(told.contains("(48)") && told.contains("bind_dn"), "{told}");
    let wrong = keys.replace(READER, &format!("cn=nobody,{SUFFIX}"));
    assert!(unread(&read(&wrong, &[])).contains("invalid credentials (49)"));
    // Without a right above, the server answers a base that is not there with success and nothing.
    for base in ["user_base", "group_base"] {
        let told = unread(&read(&keys.replace(&format!("{base} = \"ou="), &format!("{base} = \"ou=no-")), &[]));
        assert!(told.contains(base) && told.contains("ou=no-") && told.contains("may not see it"), "{told}");
    }
}

#[test]
fn a_member_of_whom_the_server_says_nothing_is_a_gap() {
    let own = |whom: &str| {
        format!(
            "aci: (targetattr!=\"userPassword || aci || dc || ou\")(target=\"ldap:///{whom}\")\
             (version 3.0; acl \"read\"; allow (read, search, compare) userdn=\"ldap:///anyone\";)\n"
        )
    };
    let rights = own("uid=*,ou=people,dc=corp,dc=example") + &own("cn=*,dc=corp,dc=example");
    let printer = format!("dn: cn=printer,{SUFFIX}\nobjectClass: device\ncn: printer\n\n");
    let hidden = person("hid", "").replace("ou=people,", "");
    let members = [dn("ann"), dn("gone"), format!("cn=printer,{SUFFIX}"), format!("uid=hid,{SUFFIX}")];
    let ldif = people(&["ann"]) + &printer + &hidden + &group("g", &members.each_ref().map(String::as_str));
    let Some(server) = Ds389::start(&Wish { ldif: &ldif, rights: &rights, ..Wish::default() }) else { return };
    for snapshot in both(&keys(&server, "389ds"), "g") {
        assert_eq!(super::members(&snapshot, "g"), ["ann"]);
        let told = told(&snapshot);
        assert!(told.contains("2 members are not to be read: uid="), "{told}");
        assert!(told.contains("gone, or hidden from the bind account"), "{told}");
        assert!(told.contains("1 member is neither person nor group") && told.contains(": cn=printer"), "{told}");
        assert!(
            !named(&snapshot, "g").completeness.is_complete(),
            "the server does not say that there is no such entry"
        );
    }
}

/// As FreeIPA's own schema has them (install/share/60basev2.ldif and 60kerberos.ldif).
const IPA: &str = "\
attributeTypes: (2.16.840.1.113730.3.8.3.1 NAME 'ipaUniqueID' EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE)
objectClasses: (2.16.840.1.113730.3.8.4.1 NAME 'ipaObject' SUP top AUXILIARY MUST ipaUniqueID)
objectClasses: (2.16.840.1.113730.3.8.4.14 NAME 'nestedGroup' SUP groupOfNames STRUCTURAL MAY memberOf)
objectClasses: (2.16.840.1.113730.3.8.4.3 NAME 'ipaUserGroup' SUP nestedGroup STRUCTURAL)
";

/// The tree of FreeIPA: people and groups below cn=accounts. Host groups are groups of names too.
fn ipa() -> String {
    let container = |dn: &str| format!("dn: {dn},{SUFFIX}\nobjectClass: nsContainer\n\n");
    let user = |name: &str, more: &str| {
        format!(
            "dn: {}\nobjectClass: top\nobjectClass: inetOrgPerson\nobjectClass: inetUser\nobjectClass: posixAccount\nobjectClass: ipaObject\n\
             uid: {name}\ncn: {name}\nsn: {name}\nuidNumber: 5000\ngidNumber: 5000\nhomeDirectory: /home/{name}\n\
             ipaUniqueID: 0f000000-0000-11f1-8000-{:0>12}\nmail: {name}@corp.example\n{more}\n",
            ipa_user(name),
            name.bytes().fold(0u64, |sum, byte| sum * 256 + u64::from(byte)),
        )
    };
    let group = |name: &str, number: u32, members: &[String]| {
        let members: String = members.iter().map(|member| format!("member: {member}\n")).collect();
        format!(
            "dn: {}\nobjectClass: top\nobjectClass: groupOfNames\nobjectClass: nestedGroup\nobjectClass: ipaUserGroup\nobjectClass: ipaObject\n\
             cn: {name}\nipaUniqueID: 0f000000-0000-11f1-9000-{number:0>12}\n{members}\n",
            ipa_group(name)
        )
    };
    container("cn=accounts")
        + &container("cn=users,cn=accounts")
        + &container("cn=groups,cn=accounts")
        + &user("ann", "")
        + &user("bob", "nsAccountLock: TRUE\n")
        + &user("cem", "nsAccountLock: FALSE\n")
        + &user("dan", "")
        + &group("inner", 1, &[ipa_user("cem")])
        + &group("compliance", 2, &[ipa_user("ann"), ipa_user("bob"), ipa_group("inner")])
        + &group("nobody", 3, &[])
}

fn ipa_user(name: &str) -> String {
    format!("uid={name},cn=users,cn=accounts,{SUFFIX}")
}

fn ipa_group(name: &str) -> String {
    format!("cn={name},cn=groups,cn=accounts,{SUFFIX}")
}

fn ipa_keys(server: &Ds389) -> String {
    let keys = keys(server, "freeipa");
    keys.replace("ou=people,", "cn=users,cn=accounts,").replace("ou=groups,", "cn=groups,cn=accounts,")
}

#[test]
fn free_ipa_is_read_as_it_keeps_people_and_groups() {
    let Some(server) = Ds389::start(&Wish { ldif: &ipa(), schema: IPA, member_of: true, ..Wish::default() }) else {
        return;
    };
    let keys = ipa_keys(&server);
    for snapshot in both(&keys, "compliance") {
        assert_eq!(members(&snapshot, "compliance"), ["ann", "bob"]);
        assert_eq!(members(&snapshot, "inner"), ["cem"]);
        let locked: Vec<&str> =
            snapshot.people.iter().filter(|person| person.disabled).map(|person| person.origin.as_str()).collect();
        assert_eq!(locked, [ipa_user("bob")]);
        assert!(snapshot.people.iter().all(|person| person.immutable && person.key.as_str().starts_with("0f000000-")));
        assert_eq!(named(&snapshot, "compliance").key.as_str(), "0f000000-0000-11f1-9000-000000000002");
    }
    let empty = complete(read(&keys, &["nobody"]));
    assert_eq!(named(&empty, "nobody").completeness, Completeness::Complete, "an empty group is one");

    let bench = bench(&keys, organisation(&["bob", "dan"]));
    bench.apply(0);
    assert_eq!(bench.members("Compliance"), ["ann", "cem"]);
    bench.in_step();
    // What `ipa user-disable` and `ipa user-mod --rename` do.
    server.set(&ipa_user("ann"), "nsAccountLock", "TRUE");
    server.modify(&format!("dn: {}\nchangetype: modrdn\nnewrdn: uid=cemal\ndeleteoldrdn: 1\n", ipa_user("cem")));
    server.set(&ipa_user("cemal"), "mail", "cemal@corp.example");
    server.modify(&format!(
        "dn: {}\nchangetype: modify\nreplace: member\nmember: {}\n",
        ipa_group("inner"),
        ipa_user("cemal")
    ));
    let ran = bench.apply(0);
    assert_eq!(ran["changes"].as_array().unwrap().len(), 1, "{ran}");
    assert_eq!(ran["changes"][0]["reason"], "person_disabled", "{ran}");
    assert_eq!(bench.members("Compliance"), ["cem"]);
    bench.in_step();
}
