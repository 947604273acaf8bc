//! What was read stands in plan and log; an account that suddenly sees less removes nobody; and what
//! `check --online` says of a directory server. With real servers.

use rosterd::simulator::World;
use serde_json::{Value, json};

use crate::support::bench::{Bench, address, secret};
use crate::support::ca::Ca;
use crate::support::samba::{DOMAIN, SERVICE, SERVICE_PASSWORD, Samba};
use crate::support::slapd::{READER, READER_PASSWORD, SUFFIX, Slapd, Wish, dn, group, people, person};
use crate::support::tls_front::TlsFront;

/// Whoever has this description is seen by the reader without an address.
const HIDING: &str =
    "access to filter=(description=hidden) attrs=mail by * none\naccess to * by users read by anonymous auth\n";

/// A group of everybody in Hyperproof, with accounts for these people.
fn world(names: &[&str], members: &[&str]) -> World {
    let mut world = World::new("Corp");
    for name in names {
        world.add_user(&address(name));
    }
    let members: Vec<String> = members.iter().map(|name| address(name)).collect();
    let members: Vec<&str> = members.iter().map(String::as_str).collect();
    world.add_group("Staff", &members);
    world
}

/// A bench that reads `url` with a password.
fn bench(world: World, url: &str, ca_file: &std::path::Path, guard: &str, more: &str, group: &str) -> Bench {
    let mut bench = Bench::new(world);
    secret(&bench.path("password"), READER_PASSWORD);
    bench.rest = format!(
        "[guard]\nfirst_removals = \"apply\"\n{guard}[[source]]\nname = \"ldap\"\nkind = \"ldap\"\nurl = \"{url}\"\n\
         ca_file = \"{}\"\nbind_dn = \"{READER}\"\nbind_password = {{ file = \"password\" }}\nschema = \"openldap\"\n\
         user_base = \"ou=people,{SUFFIX}\"\ngroup_base = \"ou=groups,{SUFFIX}\"\ntimeout = \"20s\"\n{more}\
         [[mapping]]\nsource = \"ldap\"\ngroup = \"{group}\"\nto = \"Staff\"\n",
        ca_file.display()
    );
    bench
}

fn over_tls(slapd: &Slapd, world: World, guard: &str, more: &str, group: &str) -> Bench {
    bench(world, &slapd.secure(), &slapd.ca_file(), guard, more, group)
}

/// `staff` has Ann and `inner`, which has Bob, Cem, and somebody who is gone.
fn nested() -> String {
    people(&["ann", "bob", "cem", "dan"])
        + &group("staff", &[&dn("ann"), &format!("cn=inner,ou=groups,{SUFFIX}")])
        + &group("inner", &[&dn("bob"), &dn("cem"), &dn("gone")])
}

fn events<'a>(audit: &'a [Value], event: &str) -> Vec<&'a Value> {
    audit.iter().filter(|record| record["event"] == event).collect()
}

#[test]
fn what_was_read_stands_in_the_plan_and_under_each_removal() {
    let Some(slapd) = Slapd::start(&Wish { ldif: &nested(), ..Wish::default() }) else { return };
    let names = ["ann", "bob", "cem", "dan"];
    let bench = over_tls(&slapd, world(&names, &["ann", "dan"]), "", "", "staff");
    let ran = bench.apply(0);
    assert_eq!(bench.members("Staff"), ["ann", "bob", "cem"]);

    let source = &ran["sources"][0];
    let groups = source["directory_groups"].as_array().unwrap();
    let id = |at: usize| groups[at]["id"].as_str().unwrap_or_default().to_owned();
    assert!(id(0).len() == 36 && id(1).len() == 36, "{source}");
    let told = "1 member is not in the directory: uid=gone,ou=people,dc=corp,dc=example";
    assert_eq!(
        *groups,
        [
            json!({ "name": "inner", "id": id(0), "complete": true, "members": 3, "nested": 0, "ranges": 0, "problems": [told] }),
            json!({ "name": "staff", "id": id(1), "complete": true, "members": 2, "nested": 1, "ranges": 0, "problems": [] }),
        ]
    );
    let read = &source["read"];
    assert_eq!(read["server"], json!(slapd.secure()));
    assert_eq!(read["identity"], format!("dn:{READER}"));
    assert_eq!(read["certificate_ends"], "4096-01-01T00:00:00Z");
    assert_eq!((&read["looks"], &read["with_address"], &read["with_status"]), (&json!(6), &json!(3), &Value::Null));
    assert!(read["codes"]["32"].as_u64() == Some(1) && read["codes"]["0"].as_u64() > Some(5), "{read}");
    assert!(read["searches"].as_u64() >= Some(6) && read["pages"] == 1, "{read}");

    let audit = bench.audit();
    let of = |op: &str| {
        let mut intents = events(&audit, "intent").into_iter().filter(|record| record["op"] == op);
        intents.next().unwrap_or_else(|| panic!("no {op}"))
    };
    assert_eq!(
        of("remove_member")["evidence"],
        json!({ "complete": true, "groups": [{
            "source": "ldap", "directory_group": "staff", "id": id(1), "complete": true, "members": 5, "ranges": 0,
            "nested": 1,
        }] })
    );
    assert!(of("add_member")["evidence"].is_null() && of("add_member")["because"].is_array());
    let end = events(&audit, "run_finished")[0];
    assert_eq!(end["sources"][0]["read"]["people"], json!({ "read": 3, "with_address": 3 }));
    assert!(end["sources"][0]["read"]["millis"].is_u64(), "{end}");
    assert_eq!(end["sources"][0]["read"]["groups"], json!({ "mapped": 2, "incomplete": 0 }));
    bench.in_step();
}

/// A document without what may differ where everything else is the same.
fn lasting(mut document: Value) -> Value {
    let fields = document.as_object_mut().unwrap();
    assert!(fields.remove("run_id").is_some() && fields.remove("made_at").is_some());
    document
}

#[test]
fn two_plans_of_the_same_directory_are_one_document() {
    let Some(slapd) = Slapd::start(&Wish { ldif: &nested(), ..Wish::default() }) else { return };
    let bench = over_tls(&slapd, world(&["ann", "bob", "cem", "dan"], &["ann", "dan"]), "", "", "staff");
    let first = lasting(bench.plan());
    for _ in 0..5 {
        assert_eq!(lasting(bench.plan()), first);
    }
    let told = bench.run(&["plan"]).exits(0).stdout;
    assert!(told.contains("0 references not followed; "), "{told}");
}

/// Neither the age of a file nor that of an absence belongs to what is the same.
#[test]
fn two_plans_of_the_same_files_are_one_document() {
    let mut bench = Bench::small();
    bench.rest = bench.rest.replace("[guard]\n", "[guard]\nremoval_grace = \"2h\"\n");
    bench.rest = bench.rest.replace("path = \"people.csv\"\n", "path = \"*.csv\"\nmax_age = \"58s\"\n");
    bench.people(&["compliance,ann", "compliance,bob"]);
    bench.write("ahead.csv", "group,email,status\ncompliance,ann@corp.example,\n");
    let written = |name: &str, time: std::time::SystemTime| {
        std::fs::File::options().write(true).open(bench.path(name)).unwrap().set_modified(time).unwrap();
    };
    let now = std::time::SystemTime::now();
    let (minute, hour) = (std::time::Duration::from_secs(59), std::time::Duration::from_hours(1));
    written("people.csv", now - minute);
    written("ahead.csv", now + hour);
    let stopped = lasting(bench.plan());
    bench.rest = bench.rest.replace("58s", "2h");
    let waiting = lasting(bench.plan());
    assert_eq!(waiting["skips"][0]["why"], "grace", "{waiting:#}");
    // By now the file is a minute old, and the other one so many minutes less from now.
    std::thread::sleep(std::time::Duration::from_millis(1500));
    assert_eq!(lasting(bench.plan()), waiting);
    bench.rest = bench.rest.replacen("max_age = \"2h\"", "max_age = \"58s\"", 1);
    assert_eq!(lasting(bench.plan()), stopped);
}

/// Somebody whose addresses mean two accounts is told, and works on with the one that is in the group.
#[test]
fn a_second_account_of_somebody_who_is_granted_the_group_stays() {
    let ldif =
        person("ann", "mail: a.smith@corp.example\n") + &people(&["bob"]) + &group("staff", &[&dn("ann"), &dn("bob")]);
    let Some(slapd) = Slapd::start(&Wish { ldif: &ldif, ..Wish::default() }) else { return };
    let bench = over_tls(&slapd, world(&["ann", "a.smith", "bob", "dan"], &["a.smith", "dan"]), "", "", "staff");
    let ran = bench.apply(0);
    assert_eq!(bench.members("Staff"), ["a.smith", "bob"], "{ran:#}");
    let skips = ran["skips"].as_array().unwrap();
    let told = skips.iter().map(|skip| (skip["person"].as_str().unwrap(), skip["why"].as_str().unwrap()));
    assert_eq!(told.collect::<Vec<_>>(), [("a.smith@corp.example", "ambiguous"), ("ann@corp.example", "ambiguous")]);
    for skip in skips {
        let detail = skip["detail"].as_str().unwrap();
        let both = "2 accounts of one person: a.smith@corp.example, ann@corp.example (uid=ann,";
        assert!(detail.starts_with(both), "{detail}");
    }
    bench.in_step();
    // The account that is not used any more is deactivated: the other one takes its place.
    bench.simulator().change(|world| {
        world.user_mut("a.smith@corp.example").unwrap().kind = rosterd::simulator::UserType::DeactivatedUser;
    });
    bench.apply(0);
    assert_eq!(bench.members("Staff"), ["ann", "bob"]);
    bench.in_step();
}

#[test]
fn a_run_that_changes_nothing_writes_no_more_for_many_groups() {
    let few = (0..2).map(|number| group(&format!("g{number}"), &[&dn("ann")])).collect::<String>();
    let many = (0..300).map(|number| group(&format!("g{number}"), &[&dn("ann")])).collect::<String>();
    let mut lengths = Vec::new();
    for ldif in [few, many] {
        let ldif = people(&["ann"]) + &ldif;
        let Some(slapd) = Slapd::start(&Wish { ldif: &ldif, ..Wish::default() }) else { return };
        let mut bench = over_tls(&slapd, world(&["ann"], &["ann"]), "", "", "x");
        bench.rest = bench.rest.replace("group = \"x\"", "match = \"^g\"");
        let ran = bench.apply(0);
        assert_eq!(
            ran["sources"][0]["directory_groups"].as_array().map(Vec::len),
            ran["sources"][0]["groups"].as_u64().map(|count| usize::try_from(count).unwrap())
        );
        lengths.push(bench.audit().iter().map(|record| record.to_string().len()).sum::<usize>());
    }
    let [few, many] = lengths[..] else { panic!("{lengths:?}") };
    assert!(many < few + 100, "{few} {many}");
}

/// The names of a crowd, and its LDIF with one group of them all.
fn crowd(count: usize) -> (Vec<String>, String) {
    let names: Vec<String> = (0..count).map(|number| format!("p{number:03}")).collect();
    let plain: Vec<&str> = names.iter().map(String::as_str).collect();
    let members: Vec<String> = names.iter().map(|name| dn(name)).collect();
    let members: Vec<&str> = members.iter().map(String::as_str).collect();
    let ldif = people(&plain) + &group("staff", &members);
    (names, ldif)
}

fn hide(slapd: &Slapd, names: &[String], hidden: bool) {
    let (action, value) = if hidden { ("add", "description: hidden\n") } else { ("delete", "") };
    let ldif: String = (names.iter())
        .map(|name| format!("dn: {}\nchangetype: modify\n{action}: description\n{value}\n", dn(name)))
        .collect();
    slapd.modify(&ldif);
}

/// Rule, number of changes and sentence of every hold.
fn holds(run: &Value) -> Vec<(String, u64, String)> {
    let holds = run["holds"].as_array().unwrap().iter();
    let text = |hold: &Value, key: &str| hold[key].as_str().unwrap_or_default().to_owned();
    holds.map(|hold| (text(hold, "rule"), hold["changes"].as_u64().unwrap(), text(hold, "text"))).collect()
}

/// A guard that lets all removals through but those of a source that shrinks.
const LAX: &str = "group_removals = { percent = 100, floor = 1000 }\nrun_removals = { percent = 100, floor = 1000 }\n\
                   day_removals = { percent = 100, floor = 1000 }\nsource_shrink = { percent = 10, floor = 1 }\n";

#[test]
fn addresses_that_are_suddenly_hidden_remove_nobody() {
    let (names, ldif) = crowd(20);
    // With an immutable id, and without one: then an address is all that ties a person to an account.
    for (more, held, sentence) in [
        (
            "",
            1,
            "of 19 granted people of ldap only 9 have an address; at the last full run 20 of 20 had one: 10 fewer than \
             expected, the limit is 2 (may the account that reads still see addresses?)",
        ),
        (
            "id_attribute = \"employeeNumber\"\n",
            11,
            "of 19 granted people of ldap only 9 have an address; at the last full run 20 of 20 had one: 10 fewer than \
             expected, the limit is 2 (may the account that reads still see addresses?)",
        ),
    ] {
        let Some(slapd) = Slapd::start(&Wish { ldif: &ldif, database: HIDING, ..Wish::default() }) else { return };
        let plain: Vec<&str> = names.iter().map(String::as_str).collect();
        let bench = over_tls(&slapd, world(&plain, &plain), LAX, more, "staff");
        bench.apply(0);
        bench.in_step();

        hide(&slapd, &names[10..], true);
        slapd.modify(&format!(
            "dn: cn=staff,ou=groups,{SUFFIX}\nchangetype: modify\ndelete: member\nmember: {}\n",
            dn("p000")
        ));
        for _ in 0..2 {
            let ran = bench.apply(11);
            assert_eq!(bench.members("Staff").len(), 20, "{ran}");
            assert_eq!(holds(&ran), [("source_shrink".to_owned(), held, sentence.to_owned())], "the baseline stays");
        }
        hide(&slapd, &names[10..], false);
        bench.apply(0);
        assert_eq!(bench.members("Staff").len(), 19);
        bench.in_step();
    }
}

#[test]
fn addresses_that_are_hidden_for_everybody_are_a_read_that_failed() {
    let (names, ldif) = crowd(5);
    let Some(slapd) = Slapd::start(&Wish { ldif: &ldif, database: HIDING, ..Wish::default() }) else { return };
    let plain: Vec<&str> = names.iter().map(String::as_str).collect();
    let bench = over_tls(&slapd, world(&plain, &plain), LAX, "id_attribute = \"employeeNumber\"\n", "staff");
    bench.apply(0);
    hide(&slapd, &names, true);
    let ran = bench.apply(13);
    assert_eq!(bench.members("Staff").len(), 5);
    let problems = ran["sources"][0]["problems"].to_string();
    assert!(problems.contains("none of 5 people has an address"), "{problems}");
    assert_eq!(ran["sources"][0]["read"]["with_address"], 0);
    hide(&slapd, &names, false);
    bench.apply(0);
    bench.in_step();
}

#[test]
fn a_loss_without_a_removal_is_told() {
    let (names, ldif) = crowd(20);
    let Some(slapd) = Slapd::start(&Wish { ldif: &ldif, database: HIDING, ..Wish::default() }) else { return };
    let plain: Vec<&str> = names.iter().map(String::as_str).collect();
    let bench = over_tls(&slapd, world(&plain, &plain), LAX, "", "staff");
    bench.apply(0);
    hide(&slapd, &names[10..], true);
    let ran = bench.apply(0);
    assert!(ran["problems"].to_string().contains("of 20 granted people of ldap only 10 have an address"), "{ran}");
    bench.in_step();
}

/// The part of a check that is about sources and mappings, without what differs from run to run.
fn directory_part(stdout: &str) -> String {
    let part = stdout.split("\nHyperproof: ").next().unwrap_or_default();
    let part = part.split_once('\n').map_or("", |(_, rest)| rest);
    let mut text = part.to_owned();
    for (pattern, to) in [
        (r"(localhost|127[.0-9]+):\d+", "HOST"),
        (r"\d+\.\d s", "TIME"),
        (r"ends on \d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "ends on DATE"),
        (r"until \d{4}-\d\d-\d\d", "until DATE"),
    ] {
        text = regex::Regex::new(pattern).unwrap().replace_all(&text, to).into_owned();
    }
    text
}

#[test]
fn a_check_tells_what_the_account_sees_and_which_limits_there_are() {
    let (names, ldif) = crowd(30);
    let ldif = ldif
        + &group("small", &[&dn("p000"), &dn("p029"), &format!("cn=staff,ou=groups,{SUFFIX}")])
        + &group("one", &[&dn("p000"), &dn("p001"), &dn("p015")]);
    let limited =
        format!("limits dn.exact=\"{READER}\" size.soft=25 size.hard=25 size.pr=10 size.prtotal=unlimited\n{HIDING}");
    let Some(slapd) = Slapd::start(&Wish { ldif: &ldif, database: &limited, ..Wish::default() }) else { return };
    hide(&slapd, &names[15..], true);
    let plain: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut bench = over_tls(&slapd, world(&plain, &[]), "", "page_size = 40\n", "small");
    let told = bench.run(&["check", "--online"]).exits(0);
    insta::assert_snapshot!(directory_part(&told.stdout), @r#"
    source ldap: read completely: 30 people, 2 directory groups (ldaps://HOST, OpenLDAP (dc=corp,dc=example), certificate until DATE; 0 people in 0 pages, 1 groups in 1 pages, 0 ranges, 31 looks, 0 references not followed; TIME)
      signed in; the server takes us for dn:cn=reader,dc=corp,dc=example
      its certificate ends on DATE UTC
      34 questions, 3 pages, 31 looks at single members, in TIME
      15 of 30 people have an address (of everybody)
      30 of 30 people show an immutable id
      who has left is not known: set `disabled`, if the directory has an attribute for it
      met the administrative limit (11) 2 times, and got round it by smaller pages
      everybody can be read: 30 people and 3 groups in TIME, met the administrative limit (11) 4 times, and got round it by smaller pages
    mapping ldap "small" -> "Staff": 1 directory group with 2 direct members, and 28 people more through 1 nested group
    "#);
    assert_eq!(bench.writes(), []);

    // A limit on the whole search is met by nobody yet, and will be.
    bench.rest = bench.rest.replace("group = \"small\"", "group = \"one\"");
    let limited = "limits * size.soft=25 size.hard=25 size.pr=10 size.prtotal=20\n".to_owned() + HIDING;
    let Some(slapd) = Slapd::start(&Wish { ldif: &ldif, database: &limited, ..Wish::default() }) else { return };
    let bench = over_tls(&slapd, world(&plain, &[]), "", "page_size = 10\n", "one");
    let told = bench.run(&["check", "--online"]).exits(0);
    insta::assert_snapshot!(directory_part(&told.stdout), @r#"
    source ldap: read completely: 3 people, 1 directory group (ldaps://HOST, OpenLDAP (dc=corp,dc=example), certificate until DATE; 0 people in 0 pages, 1 groups in 1 pages, 0 ranges, 3 looks, 0 references not followed; TIME)
      signed in; the server takes us for dn:cn=reader,dc=corp,dc=example
      its certificate ends on DATE UTC
      5 questions, 1 page, 3 looks at single members, in TIME
      3 of 3 people have an address (of those who were read)
      3 of 3 people show an immutable id
      who has left is not known: set `disabled`, if the directory has an attribute for it
      no limit was met
      everybody can NOT be read, as a group with many members, or a pattern, would need: source "ldap": ldaps://HOST: reading people: the server answered size limit exceeded (4) (help: raise the server's limits for the bind account (OpenLDAP: limits … size.prtotal=unlimited; 389 Directory Server: nsSizeLimit and nsLookThroughLimit of its entry), or lower page_size)
    mapping ldap "one" -> "Staff": 1 directory group with 3 direct members
    "#);
}

#[test]
fn a_check_of_active_directory() {
    let Some(samba) = Samba::start() else { return };
    let mut bench = Bench::new(world(&["ann"], &[]));
    secret(&bench.path("password"), SERVICE_PASSWORD);
    bench.rest = format!(
        "[[source]]\nname = \"ad\"\nkind = \"ldap\"\nurl = \"{}\"\nca_file = \"{}\"\nbind_dn = \"{SERVICE}\"\n\
         bind_password = {{ file = \"password\" }}\nschema = \"active-directory\"\n\
         user_base = \"OU=People,{DOMAIN}\"\ngroup_base = \"OU=Groups,{DOMAIN}\"\n\
         [[mapping]]\nsource = \"ad\"\ngroup = \"GRC-Compliance\"\nto = \"Staff\"\n",
        samba.url(),
        samba.ca_file().display()
    );
    let told = bench.run(&["check", "--online"]).exits(0);
    insta::assert_snapshot!(directory_part(&told.stdout), @r#"
    source ad: read completely: 7 people, 3 directory groups (ldaps://HOST, Samba (Active Directory) (DC=corp,DC=example), certificate until DATE; 0 people in 3 pages, 1 groups in 1 pages, 0 ranges, 9 looks, 0 references not followed; TIME)
      signs in as CN=svc-rosterd,OU=Service,DC=corp,DC=example; the server does not say whom it takes us for
      its certificate ends on DATE UTC
      18 questions, 4 pages, 9 looks at single members, in TIME
      1508 of 1509 people have an address (of everybody)
      1509 of 1509 people show an immutable id
      9 of 1509 people show the attribute that says who has left
      no limit was met
      everybody can be read: 1509 people and 6 groups in TIME, no limit was met
    mapping ad "GRC-Compliance" -> "Staff": 1 directory group with 5 direct members, and 2 people more through 2 nested groups
    "#);
}

#[test]
fn a_read_that_failed_has_its_codes() {
    let Some(slapd) = Slapd::start(&Wish { ldif: &nested(), ..Wish::default() }) else { return };
    let bench = over_tls(&slapd, world(&["ann"], &["ann"]), "", "", "staff");
    secret(&bench.path("password"), "of somebody else");
    let ran = bench.apply(13);
    let read = &ran["sources"][0]["read"];
    assert_eq!((&read["codes"], &read["server"]), (&json!({ "49": 1 }), &json!(slapd.secure())), "{read}");
    let audit = bench.audit();
    assert_eq!(events(&audit, "run_finished")[0]["sources"][0]["read"]["codes"], json!({ "49": 1 }));
    let told = bench.run(&["check", "--online"]).exits(13);
    let (ldap, _) = told.stdout.split_once("mapping ldap").unwrap();
    assert!(ldap.contains("invalid credentials (49)") && !ldap.contains("not encrypted"), "{ldap}");
    secret(&bench.path("password"), READER_PASSWORD);
    bench.apply(0);
    bench.in_step();
}

#[test]
fn a_certificate_that_ends_soon_is_told_for_both_sides() {
    let Some(slapd) = Slapd::start(&Wish { ldif: &nested(), ..Wish::default() }) else { return };
    let dir = tempfile::tempdir().unwrap();
    let ca = Ca::new(dir.path(), "ca");
    let ca_file = dir.path().join("ca.pem");
    let directory = TlsFront::start(slapd.upstream(), &ca.issue_for_days("directory", &["localhost"], 9));
    let world = world(&["ann", "bob", "cem"], &["ann", "bob", "cem"]);
    let mut bench = bench(world, &format!("ldaps://{}", directory.host()), &ca_file, "", "", "staff");
    let simulator = bench.simulator().url();
    let upstream = simulator.trim_start_matches("http://").parse().unwrap();
    for (days, told) in [(30, Some("in 30 days: see that it is renewed")), (300, None)] {
        let hyperproof = TlsFront::start(upstream, &ca.issue_for_days("hyperproof", &["localhost"], days));
        bench.hyperproof = format!("ca_file = \"{}\"\n", ca_file.display());
        let config = bench.config().replace(&simulator, &format!("https://{}", hyperproof.host()));
        bench.run(&["check"]);
        bench.write("tls.toml", &config);
        let ran = crate::support::bench::binary()
            .args(["--config", "tls.toml", "check", "--online"])
            .current_dir(bench.path(""))
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&ran.stdout).into_owned();
        assert_eq!(ran.status.code(), Some(0), "{text}{}", String::from_utf8_lossy(&ran.stderr));
        let lines: Vec<&str> = text.lines().filter(|line| line.contains("its certificate ends on")).collect();
        let [ldap, hyperproof] = lines[..] else { panic!("{text}") };
        assert!(ldap.ends_with("in 9 days: see that it is renewed"), "{ldap}");
        assert!(text.contains("the server's certificate ends on"), "a plan says it too: {text}");
        match told {
            Some(told) => assert!(hyperproof.ends_with(told), "{hyperproof}"),
            None => assert!(hyperproof.ends_with(" UTC"), "{hyperproof}"),
        }
    }
}

#[test]
fn a_search_that_is_given_up_loses_nobody() {
    let (_, ldif) = crowd(400);
    let few: Vec<String> = (0..400).step_by(5).map(|number| dn(&format!("p{number:03}"))).collect();
    let few: Vec<&str> = few.iter().map(String::as_str).collect();
    let ldif = ldif + &group("few", &few);
    let Some(slapd) = Slapd::start(&Wish { ldif: &ldif, ..Wish::default() }) else { return };
    let names: Vec<String> = (0..400).step_by(5).map(|number| format!("p{number:03}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let bench = over_tls(
        &slapd,
        world(&names, &[]),
        "group_adds = { percent = 100, floor = 1000 }\n",
        "page_size = 50\n",
        "few",
    );
    let ran = bench.apply(0);
    assert_eq!(bench.members("Staff").len(), 80);
    // Loopback: 80 looks take as long as some two hundred entries of a search.
    let read = &ran["sources"][0]["read"];
    let (pages, looks) = (read["pages"].as_u64().unwrap(), read["looks"].as_u64().unwrap());
    assert!((2..8).contains(&pages) && (1..80).contains(&looks), "{read}");
    slapd.modify(&format!(
        "dn: cn=few,ou=groups,{SUFFIX}\nchangetype: modify\ndelete: member\nmember: {}\n",
        dn("p395")
    ));
    let ran = bench.apply(0);
    assert_eq!(ran["changes"][0]["reason"], "grant_ended", "the connection goes on, and finds who is known: {ran}");
    bench.in_step();
}

#[test]
fn a_limit_that_only_a_search_for_everybody_meets_is_got_round() {
    let (names, ldif) = crowd(100);
    let database = "limits * size.soft=25 size.hard=25 size.pr=10 size.prtotal=20\n";
    let Some(slapd) = Slapd::start(&Wish { ldif: &ldif, database, ..Wish::default() }) else { return };
    let plain: Vec<&str> = names.iter().map(String::as_str).collect();
    let bench = over_tls(&slapd, world(&plain, &plain), "", "page_size = 50\n", "staff");
    let ran = bench.apply(0);
    let read = &ran["sources"][0]["read"];
    assert_eq!((&read["looks"], &read["codes"]["4"]), (&json!(100), &json!(1)), "{read}");
    bench.in_step();
}
