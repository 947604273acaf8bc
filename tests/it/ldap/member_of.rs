//! `memberOf`: membership that people name themselves, as three servers keep it. OpenLDAP's overlay and
//! Active Directory name the groups that somebody is in directly, 389 Directory Server also those above.

use super::*;
use crate::support::bench::secret;
use crate::support::ds389::{self, Ds389};
use crate::support::ldap_proxy::{Fail, Proxy, Rules};

const ONLY: &str = "member_attributes = [\"memberOf\"]\n";

fn at(name: &str) -> String {
    format!("cn={name},ou=groups,{SUFFIX}")
}

/// Change records that add the groups: the overlay works on what is added while it runs.
fn added(groups: &str) -> String {
    groups.replace("\nobjectClass: groupOfNames", "\nchangetype: add\nobjectClass: groupOfNames")
}

/// `all` has Cem and the group `compliance`, which has Ann and Bob. `other` has Dan.
fn groups() -> String {
    group("compliance", &[&dn("ann"), &dn("bob")])
        + &group("all", &[&dn("cem"), &at("compliance")])
        + &group("other", &[&dn("dan")])
}

fn openldap(rights: &str) -> Option<Slapd> {
    let database = format!(
        "{rights}\noverlay memberof\nmemberof-group-oc groupOfNames\nmemberof-member-ad member\nmemberof-memberof-ad memberOf\n"
    );
    let ldif = people(&["ann", "bob", "cem", "dan"]);
    let wish = Wish { ldif: &ldif, global: "moduleload memberof\n", database: &database, ..Wish::default() };
    let slapd = Slapd::start(&wish)?;
    slapd.modify(&added(&groups()));
    Some(slapd)
}

fn bench(keys: &str) -> Bench {
    let mut world = World::new("Corp");
    for name in ["ann", "bob", "cem", "dan"] {
        world.add_user(&address(name));
    }
    world.add_group("Compliance", &[&address("bob"), &address("dan")]);
    let mut bench = Bench::new(world);
    secret(&bench.path("password"), READER_PASSWORD);
    bench.rest = format!(
        "[guard]\nfirst_removals = \"apply\"\n[[source]]\nname = \"ldap\"\nkind = \"ldap\"\n{}\n\
         [[mapping]]\nsource = \"ldap\"\ngroup = \"all\"\nto = \"Compliance\"\n",
        keys.replace("{ env = \"PASSWORD\" }", "{ file = \"password\" }")
    );
    bench
}

/// The groups that a group has, by name, sorted.
fn nested(snapshot: &SourceSnapshot, name: &str) -> Vec<String> {
    let own = named(snapshot, name).groups.iter();
    let mut own: Vec<String> = own.map(|at| snapshot.groups[*at as usize].name().to_owned()).collect();
    own.sort();
    own
}

#[test]
fn openldap_names_direct_groups_and_nested_ones_count_all_the_same() {
    let Some(slapd) = openldap("") else { return };
    let keys = keys(&slapd, &slapd.secure()) + ONLY;
    for names in [&[][..], &["all"]] {
        let snapshot = complete(read(&keys, names));
        assert_eq!(
            (members(&snapshot, "all"), nested(&snapshot, "all")),
            (vec!["cem".into()], vec!["compliance".into()])
        );
        assert_eq!(members(&snapshot, "compliance"), ["ann", "bob"]);
        assert_eq!(told(&snapshot), "");
        let flat = complete(read(&format!("{keys}nested = false\n"), names));
        assert_eq!((members(&flat, "all"), nested(&flat, "all")), (vec!["cem".into()], Vec::new()));
    }
    // With the groups' own attribute beside it: nobody twice.
    let both = keys.replace("[\"memberOf\"]", "[\"member\", \"memberOf\"]");
    let snapshot = complete(read(&both, &["all"]));
    assert_eq!((members(&snapshot, "all"), nested(&snapshot, "all")), (vec!["cem".into()], vec!["compliance".into()]));
    assert_eq!(members(&snapshot, "compliance"), ["ann", "bob"]);

    let bench = bench(&keys);
    let ran = bench.apply(0);
    assert_eq!(bench.members("Compliance"), ["ann", "bob", "cem"], "{ran}");
    let changes = ran["changes"].as_array().unwrap();
    let ann = changes.iter().find(|change| change["email"] == address("ann")).unwrap();
    assert_eq!(ann["because"][0]["path"], serde_json::json!(["all", "compliance"]), "{ran}");
    bench.in_step();
    slapd.modify(&format!("dn: {}\nchangetype: modify\ndelete: member\nmember: {}\n", at("compliance"), dn("bob")));
    bench.apply(0);
    assert_eq!(bench.members("Compliance"), ["ann", "cem"]);
    bench.in_step();
}

/// The attribute may not be read, or the server has no such overlay: nobody names a group.
#[test]
fn an_attribute_that_nobody_has_is_no_empty_directory() {
    let hidden = "access to attrs=memberOf by * none\naccess to * by users read by anonymous auth\n";
    let Some(slapd) = openldap(hidden) else { return };
    let Some(without) = Slapd::start(&Wish { ldif: &company(), ..Wish::default() }) else { return };
    for slapd in [&slapd, &without] {
        let keys = keys(slapd, &slapd.secure()) + ONLY;
        for names in [&[][..], &["all"]] {
            let snapshot = read(&keys, names);
            assert!(!snapshot.completeness.is_complete(), "{snapshot:#?}");
            assert!(told(&snapshot).contains("none of 4 people names a group by memberOf"), "{}", told(&snapshot));
        }
        let bench = bench(&keys);
        bench.apply(13);
        assert_eq!(bench.members("Compliance"), ["bob", "dan"]);
    }
    // Beside the groups' own attribute it is one more voice, and no more.
    let keys = keys(&slapd, &slapd.secure()) + "member_attributes = [\"member\", \"memberOf\"]\n";
    assert_eq!(members(&complete(read(&keys, &["all"])), "all"), ["cem"]);
}

/// Groups may be shown and people not: what nested groups say of themselves is no word about people.
#[test]
fn groups_that_name_their_groups_do_not_vouch_for_people() {
    let hidden = format!(
        "access to dn.subtree=\"ou=people,{SUFFIX}\" attrs=memberOf by * none\n\
         access to * by users read by anonymous auth\n"
    );
    let Some(slapd) = openldap(&hidden) else { return };
    let keys = keys(&slapd, &slapd.secure()) + ONLY;
    let snapshot = read(&keys, &["all"]);
    assert_eq!(nested(&snapshot, "all"), ["compliance"], "that much is shown");
    assert!(!snapshot.completeness.is_complete(), "{snapshot:#?}");
    let bench = bench(&keys);
    bench.apply(13);
    assert_eq!(bench.members("Compliance"), ["bob", "dan"]);
}

/// What people say of themselves is whole when all people were read, and else it is nothing.
#[test]
fn a_scan_of_people_that_breaks_off_removes_and_adds_nobody() {
    let Some(slapd) = openldap("") else { return };
    let proxy = Proxy::start(slapd.upstream());
    let bench = bench(&(keys(&slapd, &proxy.url()) + ONLY + "page_size = 2\n"));
    for page in 1..=3 {
        for code in [4, 11, 51] {
            proxy.rules(Rules { fail: Some(Fail::from(page, code)), ..Rules::default() });
            bench.apply(13);
            assert_eq!(bench.members("Compliance"), ["bob", "dan"], "page {page}, {code}");
        }
    }
    proxy.rules(Rules::default());
    bench.apply(0);
    assert_eq!(bench.members("Compliance"), ["ann", "bob", "cem"]);
    bench.in_step();
}

#[test]
fn the_plug_in_of_389_names_all_groups_above() {
    let wish = ds389::Wish { ldif: &people(&["ann", "bob", "cem", "dan"]), member_of: true, ..ds389::Wish::default() };
    let Some(server) = Ds389::start(&wish) else { return };
    server.modify(&added(&groups()));
    let keys = format!(
        "url = \"{}\"\nbind_dn = \"{READER}\"\nbind_password = {{ env = \"PASSWORD\" }}\nschema = \"389ds\"\n{}{ONLY}",
        server.url(),
        bases()
    );
    for names in [&[][..], &["all"]] {
        let snapshot = complete(read(&keys, names));
        assert_eq!(members(&snapshot, "all"), ["ann", "bob", "cem"]);
        assert_eq!(
            (members(&snapshot, "compliance"), nested(&snapshot, "all")),
            (vec!["ann".into(), "bob".into()], vec!["compliance".into()])
        );
    }
    let bench = bench(&keys);
    bench.apply(0);
    assert_eq!(bench.members("Compliance"), ["ann", "bob", "cem"]);
    bench.in_step();
    server.modify(&format!("dn: {}\nchangetype: modify\ndelete: member\nmember: {}\n", at("all"), at("compliance")));
    bench.apply(0);
    assert_eq!(bench.members("Compliance"), ["cem"]);
    bench.in_step();
}
