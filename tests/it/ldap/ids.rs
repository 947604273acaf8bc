//! Values of `id_attribute` that are no ids: who shares one with somebody else is never taken for them.

use super::*;
use crate::support::slapd::person;

const BY_PATTERN: &str = "[[mapping]]\nsource = \"ldap\"\nmatch = \"^(g)$\"\nto = \"Compliance\"\n";

/// A run that leaves everything alone, with what it tells of the source.
#[track_caller]
fn left_alone(bench: &Bench) -> String {
    let before = bench.members("Compliance");
    let ran = bench.apply(13);
    assert_eq!(bench.members("Compliance"), before);
    assert_eq!(ran["changes"].as_array().map(Vec::len), Some(0), "{ran}");
    ran["sources"][0]["problems"].to_string()
}

#[test]
fn two_people_with_one_id_are_told_and_nobody_is_taken_for_the_other() {
    let ldif = person("ann", "employeeNumber: 1\n")
        + &person("eve", "employeeNumber: n/a\n")
        + &person("fay", "employeeNumber: N/A\n")
        + &group("g", &[&dn("ann"), &dn("fay")]);
    let Some(slapd) = Slapd::start(&Wish { ldif: &ldif, ..Wish::default() }) else { return };
    let keys = keys(&slapd, &slapd.secure()) + "id_attribute = \"employeeNumber\"\n";
    let bench = fed(&keys, organisation(&["ann", "eve", "fay"], &["ann"]), BY_PATTERN);
    let told = left_alone(&bench);
    for part in ["2 entries have the same id n/a", &dn("eve"), &dn("fay"), "id_attribute"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    slapd.modify(&format!("dn: {}\nchangetype: modify\nreplace: employeeNumber\nemployeeNumber: 2\n", dn("fay")));
    bench.apply(0);
    assert_eq!(bench.members("Compliance"), ["ann", "fay"]);
    bench.in_step();
}

/// A second account of the same human, which has left and is read first, would take her with it.
#[test]
fn a_second_account_with_the_same_number_removes_nobody() {
    let second = format!(
        "dn: {}\nobjectClass: inetOrgPerson\nuid: adm-ann\ncn: a\nsn: a\nemployeeNumber: 1\nemployeeType: left\n\n",
        dn("adm-ann")
    );
    let ldif = second
        + &person("ann", "employeeNumber: 1\n")
        + &person("bob", "employeeNumber: 2\n")
        + &group("g", &[&dn("ann"), &dn("bob")]);
    let Some(slapd) = Slapd::start(&Wish { ldif: &ldif, ..Wish::default() }) else { return };
    let keys = keys(&slapd, &slapd.secure())
        + "id_attribute = \"employeeNumber\"\ndisabled = { attribute = \"employeeType\", values = [\"left\"] }\n";
    let bench = fed(&keys, organisation(&["ann", "bob"], &["ann", "bob"]), BY_PATTERN);
    let told = left_alone(&bench);
    assert!(told.contains("2 entries have the same id 1"), "{told}");
}
