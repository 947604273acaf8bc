//! A part of the directory is on another server, to which this one refers. What is not followed is not
//! known: nobody there is taken for somebody who is not in the directory.

use super::*;
use crate::support::slapd::person;

/// Cem and Dan are abroad: in a unit that is soon on another server.
fn company() -> String {
    let there = ["cem", "dan"].map(|name| person(name, "employeeType: staff\n").replace(&dn(name), &abroad(name)));
    ["ann", "bob", "eve"].map(|name| person(name, "employeeType: staff\n")).concat()
        + &format!("dn: ou=abroad,ou=people,{SUFFIX}\nobjectClass: organizationalUnit\nou: abroad\n\n")
        + &there.concat()
}

fn abroad(name: &str) -> String {
    format!("uid={name},ou=abroad,ou=people,{SUFFIX}")
}

/// The unit moves: what is left is a reference to it.
fn move_abroad(slapd: &Slapd) {
    let unit = format!("ou=abroad,ou=people,{SUFFIX}");
    let gone = [abroad("cem"), abroad("dan"), unit.clone()].map(|dn| format!("dn: {dn}\nchangetype: delete\n\n"));
    slapd.modify(&format!(
        "{}dn: {unit}\nchangetype: add\nobjectClass: referral\nobjectClass: extensibleObject\nou: abroad\nref: ldap://127.0.0.1:1/{unit}\n",
        gone.concat()
    ));
}

/// Whoever is abroad stays, and whoever is here is added and told apart from them.
#[track_caller]
fn keeps(slapd: &Slapd, keys: &str, join: &str) {
    let mappings = ["group = \"g\"", "match = \"^(g)$\""]
        .map(|from| format!("[[mapping]]\nsource = \"ldap\"\n{from}\nto = \"Compliance\"\n"));
    let everybody = ["ann", "bob", "cem", "dan", "eve"];
    let benches = mappings.map(|mapping| fed(keys, organisation(&everybody, &everybody[..4]), &mapping));
    for bench in &benches {
        bench.apply(0);
        bench.in_step();
    }
    move_abroad(slapd);
    slapd.modify(join);
    for bench in benches {
        let ran = bench.apply(13);
        assert_eq!(bench.members("Compliance"), everybody, "{ran}");
        let problems = ran["sources"][0]["problems"].to_string();
        assert!(problems.contains("refers to other servers"), "{problems}");
        assert_eq!(ran["sources"][0]["complete"], true, "it costs the group alone: {ran}");
    }
}

#[test]
fn login_names_of_people_on_another_server_are_not_dangling() {
    let logins = ["ann", "bob", "cem", "dan"].map(|login| format!("memberUid: {login}\n")).concat();
    let ldif =
        company() + &format!("dn: cn=g,ou=groups,{SUFFIX}\nobjectClass: posixGroup\ncn: g\ngidNumber: 5\n{logins}\n");
    let Some(slapd) = Slapd::start(&Wish { ldif: &ldif, ..Wish::default() }) else { return };
    let keys = keys(&slapd, &slapd.secure()).replace("\"openldap\"", "\"rfc2307\"");
    keeps(&slapd, &keys, &format!("dn: cn=g,ou=groups,{SUFFIX}\nchangetype: modify\nadd: memberUid\nmemberUid: eve\n"));
}

#[test]
fn a_group_that_is_a_search_may_find_more_on_another_server() {
    let ldif = company()
        + &format!(
            "dn: cn=g,ou=groups,{SUFFIX}\nobjectClass: groupOfURLs\ncn: g\nmemberURL: ldap:///ou=people,{SUFFIX}??sub?(employeeType=staff)\n\n"
        );
    let ldif = ldif.replacen("mail: eve@corp.example\nemployeeType: staff", "mail: eve@corp.example", 1);
    let Some(slapd) = Slapd::start(&Wish { ldif: &ldif, ..Wish::default() }) else { return };
    let keys = keys(&slapd, &slapd.secure())
        + "group_filter = \"(objectClass=groupOfURLs)\"\nmember_attributes = [\"memberURL\"]\n";
    let join = format!("dn: {}\nchangetype: modify\nadd: employeeType\nemployeeType: staff\n", dn("eve"));
    keeps(&slapd, &keys, &join);
}

#[test]
fn people_on_another_server_may_name_the_group() {
    let database =
        "overlay memberof\nmemberof-group-oc groupOfNames\nmemberof-member-ad member\nmemberof-memberof-ad memberOf\n";
    let ldif = company();
    let wish = Wish { ldif: &ldif, global: "moduleload memberof\n", database, ..Wish::default() };
    let Some(slapd) = Slapd::start(&wish) else { return };
    let members = [dn("ann"), dn("bob"), abroad("cem"), abroad("dan")];
    let group = group("g", &members.each_ref().map(String::as_str));
    slapd.modify(&group.replace("\nobjectClass: groupOfNames", "\nchangetype: add\nobjectClass: groupOfNames"));
    let keys = keys(&slapd, &slapd.secure()) + "member_attributes = [\"memberOf\"]\n";
    let join = format!("dn: cn=g,ou=groups,{SUFFIX}\nchangetype: modify\nadd: member\nmember: {}\n", dn("eve"));
    keeps(&slapd, &keys, &join);
}
