//! Active Directory: the count of one domain controller, from Samba.

use rosterd::simulator::World;

use super::{reads, skips_reading};
use crate::support::bench::{Bench, address, secret};
use crate::support::ldap_proxy::{Proxy, Rules};
use crate::support::samba::{DOMAIN, SERVICE, SERVICE_PASSWORD, Samba};

fn bench(samba: &Samba, url: &str) -> Bench {
    let mut world = World::new("Corp");
    for name in ["ann", "bob", "cem", "dan", "gus", "hal", "ida", "joerg"] {
        world.add_user(&address(name));
    }
    world.add_group("Compliance", &[]);
    let mut bench = Bench::new(world);
    secret(&bench.path("ldap-password"), SERVICE_PASSWORD);
    bench.rest = format!(
        "[guard]\nfirst_removals = \"apply\"\n[[source]]\nname = \"ad\"\nkind = \"ldap\"\nurl = [\"{url}\"]\n\
         ca_file = \"{}\"\nbind_dn = \"{SERVICE}\"\nbind_password = {{ file = \"ldap-password\" }}\n\
         schema = \"active-directory\"\nuser_base = \"OU=People,{DOMAIN}\"\ngroup_base = \"OU=Groups,{DOMAIN}\"\n\
         [[mapping]]\nsource = \"ad\"\ngroup = \"GRC-Compliance\"\nto = \"Compliance\"\n",
        samba.ca_file().display()
    );
    bench
}

#[test]
fn a_domain_controller_that_counted_nothing_is_not_read() {
    let Some(samba) = Samba::start() else { return };
    let bench = bench(&samba, &samba.url());
    assert_eq!(reads(&bench, 0)["outcome"], "applied");
    let run = skips_reading(&bench);
    let evidence = run["sources"][0]["evidence"].as_str().unwrap();
    assert!(evidence.contains("highestCommittedUSN "), "{evidence}");
    samba.add_members("GRC-Compliance", &["CN=dan,OU=People".to_owned()]);
    let run = reads(&bench, 0);
    assert_eq!(run["summary"]["add"], 1, "{run}");
    skips_reading(&bench);
    samba.modify(&format!(
        "dn: CN=dan,OU=People,{DOMAIN}\nchangetype: modify\nreplace: userAccountControl\nuserAccountControl: 514\n"
    ));
    assert_eq!(reads(&bench, 0)["summary"]["remove"], 1);
    skips_reading(&bench);
    bench.in_step();
}

/// Where the id of its database cannot be read any more, or is another one, the count says nothing.
#[test]
fn another_database_does_not_vouch_for_the_one_that_was_read() {
    let Some(samba) = Samba::start() else { return };
    let proxy = Proxy::start(samba.plain());
    let bench = bench(&samba, &proxy.url());
    reads(&bench, 0);
    skips_reading(&bench);
    proxy.rules(Rules { hidden: vec!["invocationId".to_owned()], ..Rules::default() });
    reads(&bench, 0);
}
