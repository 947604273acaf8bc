//! Patterns mean groups by their names. Where a group lies is not its name.

use super::*;

const TEAMS: &str = "ou=GRC-Teams,ou=groups,dc=corp,dc=example";

/// `GRC-Risk` has Ann, and a group that lies outside of the base. The car park lies among the teams.
fn company() -> String {
    let away = format!("cn=GRC-away,{SUFFIX}");
    people(&["ann", "bob", "dan"])
        + &group("GRC-Risk", &[&dn("ann"), &away])
        + &group("away", &[&dn("bob")])
            .replace("cn=away,ou=groups,", "cn=GRC-away,")
            .replace("cn: away", "cn: GRC-away")
        + &format!("dn: {TEAMS}\nobjectClass: organizationalUnit\nou: GRC-Teams\n\n")
        + &group("parking", &[&dn("dan")])
            .replace("cn=parking,ou=groups,dc=corp,dc=example", &format!("cn=parking,{TEAMS}"))
}

#[test]
fn a_pattern_is_held_against_names_and_not_against_places() {
    let ldif = company();
    let Some(slapd) = Slapd::start(&Wish { ldif: &ldif, ..Wish::default() }) else { return };
    let keys = keys(&slapd, &slapd.secure());
    let mapping = |from: &str, to: &str| format!("[[mapping]]\nsource = \"ldap\"\n{from}\nto = \"{to}\"\n");
    let joined = fed(&keys, organisation(&["ann", "bob", "dan"], &[]), &mapping("match = \"GRC-\"", "Compliance"));
    let check = joined.run(&["check", "--online"]).exits(0);
    assert!(check.stdout.contains("\"GRC-\" -> \"Compliance\": 1 directory group"), "{}", check.stdout);
    joined.apply(0);
    assert_eq!(joined.members("Compliance"), ["ann", "bob"], "nested groups count wherever they are");
    joined.in_step();

    let create = mapping("match = \"GRC-(?<team>.+)\"", "${team}") + "[group_defaults]\ncreate = true\n";
    let made = fed(&keys, organisation(&["ann", "bob", "dan"], &[]), &create);
    let ran = made.apply(0);
    let groups: Vec<&str> =
        ran["groups"].as_array().unwrap().iter().filter_map(|group| group["name"].as_str()).collect();
    assert_eq!(groups, ["Risk"], "{ran}");
    assert_eq!(made.members("Risk"), ["ann", "bob"]);
    made.in_step();

    // In full, it is meant all the same.
    let by_place = format!("group = \"CN=Parking, {TEAMS}\"");
    let named = fed(&keys, organisation(&["ann", "bob", "dan"], &[]), &mapping(&by_place, "Compliance"));
    named.apply(0);
    assert_eq!(named.members("Compliance"), ["dan"]);
    named.in_step();
}
