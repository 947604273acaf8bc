//! Members of Active Directory who are nobody here, and how people are written there.

use super::*;

/// Somebody of a trusted domain is an entry that stands for them. It is there, and it is no person of
/// this directory: left out, told by name, and no reason to remove nobody.
#[test]
fn foreign_security_principals_are_told_and_are_no_gap() {
    let Some(samba) = Samba::start() else { return };
    let stranger = "S-1-5-21-1004336348-1177238915-682003330-1105";
    let group = format!("dn: CN=GRC-Mail,OU=Groups,{DOMAIN}\nchangetype: modify\nadd: member\n");
    samba.modify(&format!("{group}member: <SID={stranger}>\n"));
    samba.modify(&format!("{group}member: CN=S-1-5-11,CN=ForeignSecurityPrincipals,{DOMAIN}\n"));
    let everything = format!("user_base = \"{DOMAIN}\"\ngroup_base = \"{DOMAIN}\"");
    for (more, mappings) in [
        ("", mapping("GRC-Mail", "Mail")),
        ("", "[[mapping]]\nsource = \"ad\"\nmatch = \"^GRC-(Mail)$\"\nto = \"$1\"\n".to_owned()),
        (everything.as_str(), mapping("GRC-Mail", "Mail")),
    ] {
        let bench = with(&samba, organisation("Mail", &["dan"]), &samba.url(), more, &mappings);
        let ran = bench.apply(0);
        let problems = ran["sources"][0]["problems"].to_string();
        for part in ["2 members are neither person nor group", stranger, "CN=S-1-5-11,CN=ForeignSecurityPrincipals"] {
            assert!(problems.contains(part), "{part}: {problems}");
        }
        assert_eq!(ran["sources"][0]["complete"], true, "{ran}");
        assert_eq!(bench.members("Mail"), ["ann"], "who is out is removed all the same");
        bench.in_step();
    }
}

#[test]
fn the_address_in_capitals_is_the_primary_one() {
    let Some(samba) = Samba::start() else { return };
    let mut world = World::new("Corp");
    for name in ["ann", "cem"] {
        world.add_user(&address(name));
    }
    world.add_group("Compliance", &[]);
    let bench = bench(&samba, world, "GRC-Compliance", "Compliance");
    let set = |lines: &str| {
        samba.modify(&format!("dn: CN=cem,OU=People,{DOMAIN}\nchangetype: modify\nreplace: proxyAddresses\n{lines}"));
    };
    // Matched without case; the account's own spelling is of no matter.
    set("proxyAddresses: smtp:aaa@corp.example\nproxyAddresses: SMTP:CEM@Corp.Example\n");
    bench.apply(0);
    assert_eq!(bench.members("Compliance"), ["ann", "cem"]);
    bench.in_step();
    // No account has any of them: they are called by the primary one, whatever stands first.
    set(
        "proxyAddresses: smtp:aaa@corp.example\nproxyAddresses: SMTP:zzz@corp.example\nproxyAddresses: sip:cem@corp.example\n",
    );
    let plan = bench.plan();
    assert!(skipped(&plan, "zzz@corp.example").is_some() || !plan["changes"].to_string().contains("aaa@"), "{plan}");
    assert!(!plan["skips"].to_string().contains("aaa@corp.example"), "{plan}");
    // A mail address goes before both.
    samba.modify(&format!("dn: CN=cem,OU=People,{DOMAIN}\nchangetype: modify\nadd: mail\nmail: cem@corp.example\n"));
    bench.in_step();
    assert_eq!(bench.members("Compliance"), ["ann", "cem"]);
}

/// Who is given another name after the group was read and before its members were looked at is not
/// somebody who has gone: the group has the new name by now.
#[test]
fn somebody_renamed_while_the_group_is_read_stays() {
    let Some(samba) = Samba::start() else { return };
    let proxy = Proxy::start(samba.plain());
    let everybody = ["ann", "cem", "gus", "hal", "ida", "joerg"];
    let world = organisation("Compliance", &everybody);
    let bench = with(&samba, world, &proxy.url(), "", &mapping("GRC-Compliance", "Compliance"));
    bench.in_step();
    proxy.rules(Rules { hold: Some(format!("CN=ann,OU=People,{DOMAIN}")), ..Rules::default() });
    let running = bench.start(&["apply", "--format", "json"]);
    proxy.until_held();
    samba.rename("CN=ann,OU=People", "Ann Miller");
    proxy.release();
    let ran = bench.wait(running).exits(13);
    assert!(ran.stdout.contains("it changed while its members were looked at"), "{}", ran.stdout);
    assert_eq!(bench.members("Compliance"), everybody);
    bench.run(&["apply"]).exits(0);
    assert_eq!(bench.members("Compliance"), everybody);
    bench.in_step();
}
