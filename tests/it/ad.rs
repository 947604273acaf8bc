//! Active Directory as a source, read from a Samba domain controller; what Samba lacks (ranges, page
//! limits) comes from the proxy.

mod members;
mod moments;
mod parts;

use rosterd::simulator::World;
use serde_json::Value;

use crate::support::bench::{Bench, address, secret};
use crate::support::ldap_proxy::{Proxy, Rules};
use crate::support::samba::{BIG, DOMAIN, SERVICE, SERVICE_PASSWORD, Samba, crowd};

const EVERYBODY: [&str; 10] = ["ann", "bob", "cem", "dan", "eve", "fay", "gus", "hal", "ida", "joerg"];

/// An organisation where everybody of the small world has an account, with this group.
fn organisation(group: &str, members: &[&str]) -> World {
    let mut world = World::new("Corp");
    for name in EVERYBODY {
        world.add_user(&address(name));
    }
    let members: Vec<String> = members.iter().map(|name| address(name)).collect();
    let members: Vec<&str> = members.iter().map(String::as_str).collect();
    world.add_group(group, &members);
    world
}

/// The source, read at that URL. The bases may be given again in `more`.
fn source(samba: &Samba, url: &str, more: &str) -> String {
    let bases = if more.contains("_base") {
        String::new()
    } else {
        format!("user_base = \"OU=People,{DOMAIN}\"\ngroup_base = \"OU=Groups,{DOMAIN}\"\n")
    };
    format!(
        "[guard]\nfirst_removals = \"apply\"\n\n[[source]]\nname = \"ad\"\nkind = \"ldap\"\nurl = [\"{url}\"]\n\
         ca_file = \"{}\"\nbind_dn = \"{SERVICE}\"\nbind_password = {{ file = \"ldap-password\" }}\n\
         schema = \"active-directory\"\n{bases}{more}\n",
        samba.ca_file().display()
    )
}

fn mapping(group: &str, to: &str) -> String {
    format!("[[mapping]]\nsource = \"ad\"\ngroup = \"{group}\"\nto = \"{to}\"\n\n")
}

/// A bench with one mapping, read over TLS.
fn bench(samba: &Samba, world: World, group: &str, to: &str) -> Bench {
    with(samba, world, &samba.url(), "", &mapping(group, to))
}

fn with(samba: &Samba, world: World, url: &str, more: &str, mappings: &str) -> Bench {
    let mut bench = Bench::new(world);
    secret(&bench.path("ldap-password"), SERVICE_PASSWORD);
    bench.rest = source(samba, url, more) + mappings;
    bench
}

fn because<'a>(document: &'a Value, person: &str) -> &'a Value {
    let changes = document["changes"].as_array().expect("changes");
    let change = changes.iter().find(|change| change["email"] == address(person));
    &change.unwrap_or_else(|| panic!("no change of {person} in {document}"))["because"][0]
}

fn skipped(document: &Value, person: &str) -> Option<String> {
    let skips = document["skips"].as_array().expect("skips");
    let skip = skips.iter().find(|skip| skip["person"].as_str().is_some_and(|name| name.contains(person)))?;
    skip["why"].as_str().map(str::to_owned)
}

#[test]
fn users_contacts_odd_names_proxy_addresses_and_nested_groups_with_a_cycle() {
    let Some(samba) = Samba::start() else { return };
    let bench = bench(&samba, organisation("Compliance", &["ann", "dan"]), "GRC-Compliance", "Compliance");
    let plan = bench.plan();
    let path = serde_json::json!(["GRC-Compliance", "GRC-Inner", "GRC-Deep"]);
    assert_eq!(because(&plan, "hal")["path"], path, "{plan}");
    bench.apply(0);
    // Bob is disabled, Dan is not in the group.
    assert_eq!(bench.members("Compliance"), ["ann", "cem", "gus", "hal", "ida", "joerg"]);
    bench.in_step();
}

#[test]
fn people_whose_primary_group_it_is() {
    let Some(samba) = Samba::start() else { return };
    // The name is a sAMAccountName; the group's cn is another.
    let bench = bench(&samba, organisation("Risk", &[]), "GRC-Primary", "Risk");
    bench.apply(0);
    assert_eq!(bench.members("Risk"), ["dan", "fay"]);
    bench.in_step();
    // Domain Users has hardly any member value, and is the primary group of everybody else.
    let bench = with(
        &samba,
        organisation("All", &[]),
        &samba.url(),
        &format!("user_base = \"OU=People,{DOMAIN}\"\ngroup_base = \"CN=Users,{DOMAIN}\""),
        &mapping("domain users", "All"),
    );
    let ran = bench.apply(0);
    assert_eq!(bench.members("All"), ["ann", "cem", "dan", "fay", "gus", "hal", "joerg"]);
    assert_eq!(skipped(&ran, "eve").as_deref(), Some("no_email"), "{ran}");
}

/// `memberOf` is computed by the server: direct groups alone, and never the primary one.
#[test]
fn groups_that_people_name_are_what_groups_say_and_primary_groups_count() {
    let Some(samba) = Samba::start() else { return };
    let more = format!(
        "user_base = \"OU=People,{DOMAIN}\"\ngroup_base = \"OU=Groups,{DOMAIN}\"\nmember_attributes = [\"memberOf\"]"
    );
    let with = |group: &str, to: &str, world: World| with(&samba, world, &samba.url(), &more, &mapping(group, to));
    let bench = with("GRC-Compliance", "Compliance", organisation("Compliance", &["ann", "dan"]));
    let ran = bench.apply(0);
    assert_eq!(bench.members("Compliance"), ["ann", "cem", "gus", "hal", "ida", "joerg"], "{ran}");
    assert_eq!(because(&ran, "hal")["path"], serde_json::json!(["GRC-Compliance", "GRC-Inner", "GRC-Deep"]));
    bench.in_step();
    let bench = with("GRC-Primary", "Risk", organisation("Risk", &[]));
    bench.apply(0);
    assert_eq!(bench.members("Risk"), ["dan", "fay"]);
    bench.in_step();
}

#[test]
fn disabled_is_a_bit_not_a_value() {
    let Some(samba) = Samba::start() else { return };
    let bench = bench(&samba, organisation("Compliance", &["ann", "bob", "cem"]), "GRC-Compliance", "Compliance");
    let set = |name: &str, value: u32| {
        samba.modify(&format!(
            "dn: CN={name},OU=People,{DOMAIN}\nchangetype: modify\nreplace: userAccountControl\n\
             userAccountControl: {value}\n"
        ));
    };
    // Disabled, no password needed, password never expires.
    set("ann", 2 + 32 + 512 + 65_536);
    let ran = bench.apply(0);
    let reasons: Vec<&Value> = ran["changes"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|change| change["op"] == "remove_member")
        .map(|change| &change["reason"])
        .collect();
    assert_eq!(reasons, ["person_disabled", "person_disabled"], "{ran}");
    assert_eq!(bench.members("Compliance"), ["cem", "gus", "hal", "ida", "joerg"]);
    set("ann", 32 + 512 + 65_536);
    bench.apply(0);
    assert_eq!(bench.members("Compliance"), ["ann", "cem", "gus", "hal", "ida", "joerg"]);
    bench.in_step();
}

#[test]
fn distribution_groups_and_people_without_an_address() {
    let Some(samba) = Samba::start() else { return };
    let bench = bench(&samba, organisation("Mail", &[]), "GRC-Mail", "Mail");
    let ran = bench.apply(0);
    assert_eq!(bench.members("Mail"), ["ann"]);
    assert_eq!(skipped(&ran, "eve").as_deref(), Some("no_email"), "{ran}");
}

#[test]
fn a_renamed_group_is_missing_says_its_new_name_and_loses_nobody() {
    let Some(samba) = Samba::start() else { return };
    let mut bench = bench(&samba, organisation("Compliance", &["ann"]), "GRC-Compliance", "Compliance");
    bench.apply(0);
    let before = bench.members("Compliance");
    // Its other name stays: found all the same.
    samba.rename("CN=GRC-Compliance,OU=Groups", "GRC-Conformity");
    bench.in_step();
    samba.modify(&format!(
        "dn: CN=GRC-Conformity,OU=Groups,{DOMAIN}\nchangetype: modify\nreplace: sAMAccountName\n\
         sAMAccountName: GRC-Conformity\n"
    ));
    let ran = bench.run(&["apply"]).exits(11);
    let text = format!("{}{}", ran.stdout, ran.stderr);
    assert!(text.contains("renamed to") && text.contains("GRC-Conformity"), "{text}");
    assert_eq!(bench.members("Compliance"), before);
    // The name is mended in the configuration, and all is well.
    bench.rest = bench.rest.replace("GRC-Compliance", "GRC-Conformity");
    bench.apply(0);
    assert_eq!(bench.members("Compliance"), before);
    bench.in_step();
}

#[test]
fn a_renamed_person_keeps_the_account() {
    let Some(samba) = Samba::start() else { return };
    let bench = bench(&samba, organisation("Compliance", &["ann"]), "GRC-Compliance", "Compliance");
    bench.apply(0);
    let before = bench.members("Compliance");
    samba.rename("CN=ann,OU=People", "Ann Miller");
    samba.modify(&format!(
        "dn: CN=Ann Miller,OU=People,{DOMAIN}\nchangetype: modify\nreplace: mail\nmail: ann.miller@corp.example\n"
    ));
    bench.simulator().forget_requests();
    bench.apply(0);
    assert_eq!(bench.writes().len(), 0);
    assert_eq!(bench.members("Compliance"), before);
    bench.in_step();
}

#[test]
fn a_person_moved_out_of_the_base_is_still_found() {
    let Some(samba) = Samba::start() else { return };
    let bench = bench(&samba, organisation("Compliance", &["ann", "gus"]), "GRC-Compliance", "Compliance");
    samba.modify(&format!(
        "dn: CN=gus,OU=People,{DOMAIN}\nchangetype: modrdn\nnewrdn: CN=gus\ndeleteoldrdn: 1\n\
         newsuperior: OU=Service,{DOMAIN}\n"
    ));
    bench.apply(0);
    assert_eq!(bench.members("Compliance"), ["ann", "cem", "gus", "hal", "ida", "joerg"]);
    bench.in_step();
}

#[test]
fn a_domain_root_gives_references_that_are_reported_and_not_followed() {
    let Some(samba) = Samba::start() else { return };
    let bases = format!("user_base = \"{DOMAIN}\"\ngroup_base = \"{DOMAIN}\"");
    let mappings = mapping("GRC-Compliance", "Compliance");
    let world = organisation("Compliance", &["ann"]);
    let bench = with(&samba, world, &samba.url(), &bases, &mappings);
    let ran = bench.apply(0);
    assert_eq!(bench.members("Compliance"), ["ann", "cem", "gus", "hal", "ida", "joerg"]);
    assert_eq!(ran["sources"][0]["complete"], true, "{ran}");
    assert!(ran["sources"][0].to_string().contains("reference"), "{}", ran["sources"][0]);
    bench.in_step();
}

/// Incident 5: a group grew from 1499 to 1501 members, `member` read as empty, everyone was removed.
#[test]
fn a_group_that_outgrows_a_range_loses_nobody() {
    let Some(samba) = Samba::start() else { return };
    let proxy = Proxy::with(samba.plain(), Rules { max_values: Some(1500), max_page: Some(1000), ..Rules::default() });
    let mut world = organisation("Compliance", &[]);
    let names: Vec<String> = (1..=BIG + 3).map(|number| format!("c{number:04}@corp.example")).collect();
    for name in &names {
        world.add_user(name);
    }
    let members: Vec<&str> = names.iter().take(BIG).map(String::as_str).collect();
    world.add_group("Big", &members);
    let bases = format!("user_base = \"OU=Crowd,{DOMAIN}\"\ngroup_base = \"OU=Groups,{DOMAIN}\"");
    let bench = with(&samba, world, &proxy.url(), &bases, &mapping("GRC-Big", "Big"));
    bench.in_step();
    assert_eq!(bench.members("Big").len(), 1499);
    for (more, count) in [(vec![1500], 1500), (vec![1501, 1502], 1502)] {
        let more: Vec<String> = more.into_iter().map(crowd).collect();
        samba.add_members("GRC-Big", &more);
        proxy.rules(Rules { max_values: Some(1500), max_page: Some(1000), ..Rules::default() });
        let ran = bench.apply(0);
        // Members whom the scan has brought are not looked at once more.
        let evidence = ran["sources"][0]["evidence"].as_str().unwrap_or_default();
        assert!(evidence.contains(" 0 looks"), "{evidence}");
        assert_eq!(bench.members("Big").len(), count);
        let ranged = proxy.seen().iter().any(|seen| seen.attributes.iter().any(|name| name.contains("range=1499-*")));
        assert_eq!(ranged, count > 1500, "{:?}", proxy.seen());
        bench.in_step();
    }
    let removed = bench.audit().iter().filter(|record| record["op"] == "remove_member").count();
    assert_eq!(removed, 0);
}
