//! `keep` and `ignore` protect people by every address that the directory has for them, also where a source
//! reads just the members of the groups that are named.

use super::*;
use crate::support::bench::secret;
use crate::support::doc::skips;
use crate::support::slapd::person;

/// Ann is a member; Bob, Cem, Dan and Eve were put into the group by hand, and no directory group has them.
fn bench(slapd: &Slapd, rules: &str) -> Bench {
    let mut world = World::new("Corp");
    let names = ["ann", "bob", "cem", "dan", "eve"].map(address);
    for name in &names {
        world.add_user(name);
    }
    world.add_group("Compliance", &names.each_ref().map(String::as_str));
    let mut bench = Bench::new(world);
    secret(&bench.path("password"), READER_PASSWORD);
    let keys = keys(slapd, &slapd.secure()).replace("{ env = \"PASSWORD\" }", "{ file = \"password\" }");
    bench.rest = format!(
        "[guard]\nfirst_removals = \"apply\"\n[[source]]\nname = \"ldap\"\nkind = \"ldap\"\n{keys}\n{rules}\n\
         [group.Compliance]\nkeep = [\"dan.the.man@corp.example\"]\n"
    );
    bench
}

#[test]
fn people_who_are_no_members_are_protected_by_all_of_their_addresses() {
    let ldif = person("ann", "")
        + &person("bob", "mail: robot-7@corp.example\n")
        + &person("cem", "mail: svc-x@corp.local\n")
        + &person("dan", "mail: Dan.The.Man@corp.example\n")
        + &person("eve", "")
        + &group("compliance", &[&dn("ann")]);
    let Some(slapd) = Slapd::start(&Wish { ldif: &ldif, ..Wish::default() }) else { return };
    let identity = "[identity]\nrewrite = [{ from = \"@corp.local\", to = \"@corp.intern\" }]\n\
                    ignore = [\"robot-*@corp.example\", \"svc-*@corp.intern\"]\n";
    for mapping in ["group = \"compliance\"", "match = \"^compliance$\""] {
        let rules = format!("{identity}[[mapping]]\nsource = \"ldap\"\n{mapping}\nto = \"Compliance\"\n");
        let bench = bench(&slapd, &rules);
        let run = bench.apply(0);
        let expected = ["Compliance bob ignored", "Compliance cem ignored", "Compliance dan protected"];
        assert_eq!(skips(&run), expected, "{mapping}");
        assert_eq!(bench.members("Compliance"), ["ann", "bob", "cem", "dan"], "{mapping}");
        bench.in_step();
    }
}
