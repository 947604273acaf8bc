//! LDAP as a source, read from a real OpenLDAP server, and from servers that are none.

mod ds389;
mod hostile;
mod ids;
mod member_of;
mod members;
mod patterns;
mod protected;
mod references;
mod session;

use std::path::Path;

use jiff::Timestamp;
use rosterd::config::{Environment, load};
use rosterd::model::directory::{DirectoryGroup, SourceSnapshot};
use rosterd::simulator::World;
use rosterd::source::{Source, Wanted};

use crate::support::bench::{Bench, address};
use crate::support::slapd::{READER, READER_PASSWORD, SUFFIX, Slapd, Wish, dn, group, people};

/// The keys of a source that reads with a password over TLS.
fn keys(slapd: &Slapd, url: &str) -> String {
    format!(
        "url = \"{url}\"\nca_file = \"{}\"\nbind_dn = \"{READER}\"\nbind_password = {{ env = \"PASSWORD\" }}\n\
         schema = \"openldap\"\n{}",
        slapd.ca_file().display(),
        bases()
    )
}

fn bases() -> String {
    format!("user_base = \"ou=people,{SUFFIX}\"\ngroup_base = \"ou=groups,{SUFFIX}\"\ntimeout = \"10s\"\n")
}

/// The source that these keys make, checked as the configuration is.
fn source(keys: &str) -> Source {
    let dir = tempfile::tempdir().unwrap();
    let text = format!(
        "[hyperproof]\nclient_id = \"x\"\nclient_secret = {{ env = \"PASSWORD\" }}\n[state]\npath = \"x.db\"\n\
         [[source]]\nname = \"ldap\"\nkind = \"ldap\"\n{keys}\n[[mapping]]\nsource = \"ldap\"\ngroup = \"g\"\nto = \"G\"\n"
    );
    let path = dir.path().join("rosterd.toml");
    std::fs::write(&path, text).unwrap();
    let config = load(&path, &Environment::of([("PASSWORD", READER_PASSWORD)]));
    config.unwrap_or_else(|mistakes| panic!("{mistakes}")).sources.remove(0)
}

/// Reads the groups of these names, or all of them where there are none.
fn read(keys: &str, names: &[&str]) -> SourceSnapshot {
    let wanted = Wanted {
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        all: names.is_empty(),
        ..Wanted::default()
    };
    read_wanted(keys, &wanted)
}

fn read_wanted(keys: &str, wanted: &Wanted) -> SourceSnapshot {
    let source = source(keys);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(source.read(wanted, Timestamp::now()))
}

#[track_caller]
fn complete(snapshot: SourceSnapshot) -> SourceSnapshot {
    assert!(snapshot.completeness.is_complete(), "{:#?}", snapshot.problems);
    snapshot
}

/// The one finding of a source that was not read.
#[track_caller]
fn unread(snapshot: &SourceSnapshot) -> String {
    assert!(!snapshot.completeness.is_complete());
    assert_eq!((snapshot.people.len(), snapshot.groups.len()), (0, 0));
    assert_eq!(snapshot.problems.len(), 1);
    snapshot.problems[0].to_string()
}

#[track_caller]
fn named<'a>(snapshot: &'a SourceSnapshot, name: &str) -> &'a DirectoryGroup {
    let found = snapshot.groups.iter().find(|group| group.name() == name);
    found.unwrap_or_else(|| panic!("no group {name:?} among {:#?}", snapshot.groups))
}

/// Direct members by the part of their address before the `@`, sorted.
#[track_caller]
fn members(snapshot: &SourceSnapshot, name: &str) -> Vec<String> {
    let people = named(snapshot, name).people.iter().map(|at| &snapshot.people[*at as usize]);
    let mut members: Vec<String> = people
        .map(|person| person.addresses.first().map_or("nobody", |address| address.as_str()))
        .map(|address| address.split('@').next().unwrap_or_default().to_owned())
        .collect();
    members.sort();
    members
}

/// Everything that was odd, in one text.
fn told(snapshot: &SourceSnapshot) -> String {
    snapshot.problems.iter().map(|problem| format!("{problem}\n")).collect()
}

/// A small company: `compliance` has Ann and Bob, `all` has `compliance` and Cem.
fn company() -> String {
    let groups = format!("cn=compliance,ou=groups,{SUFFIX}");
    people(&["ann", "bob", "cem", "dan"])
        + &group("compliance", &[&dn("ann"), &dn("bob")])
        + &group("all", &[&dn("cem"), &groups])
}

/// An organisation of these accounts, with a group Compliance of some of them.
fn organisation(accounts: &[&str], members: &[&str]) -> World {
    let mut world = World::new("Corp");
    for name in accounts {
        world.add_user(&address(name));
    }
    let members: Vec<String> = members.iter().map(|name| address(name)).collect();
    world.add_group("Compliance", &members.iter().map(String::as_str).collect::<Vec<_>>());
    world
}

/// A bench that feeds it from the directory by these mappings.
fn fed(keys: &str, world: World, mappings: &str) -> Bench {
    let mut bench = Bench::new(world);
    crate::support::bench::secret(&bench.path("password"), READER_PASSWORD);
    let keys = keys.replace("{ env = \"PASSWORD\" }", "{ file = \"password\" }");
    bench.rest = format!(
        "[guard]\nfirst_removals = \"apply\"\n[[source]]\nname = \"ldap\"\nkind = \"ldap\"\n{keys}\n{mappings}"
    );
    bench
}

/// The company's `all` feeds the group Compliance, in which these are.
fn compliance(slapd: &Slapd, members: &[&str]) -> Bench {
    let mapping = "[[mapping]]\nsource = \"ldap\"\ngroup = \"all\"\nto = \"Compliance\"\n";
    fed(&keys(slapd, &slapd.secure()), organisation(&["ann", "bob", "cem", "dan"], members), mapping)
}

#[test]
fn a_directory_feeds_groups_to_the_end() {
    let Some(slapd) = Slapd::start(&Wish { ldif: &company(), ..Wish::default() }) else { return };
    let bench = compliance(&slapd, &["dan"]);
    let check = bench.run(&["check", "--online"]).exits(0);
    for part in ["OpenLDAP", SUFFIX, "certificate until", "ldaps://localhost", "read completely", "1 directory group"] {
        assert!(check.stdout.contains(part), "{part}: {}", check.stdout);
    }
    let plan = bench.apply(0);
    let change = |email: &str| {
        let changes = plan["changes"].as_array().unwrap();
        changes.iter().find(|change| change["email"] == address(email)).unwrap_or_else(|| panic!("{email}: {plan}"))
    };
    assert_eq!(change("ann")["because"][0]["path"], serde_json::json!(["all", "compliance"]));
    assert_eq!(change("dan")["reason"], "grant_ended", "never granted, and in the directory all the same");
    assert_eq!(bench.members("Compliance"), ["ann", "bob", "cem"]);
    bench.in_step();

    slapd.modify(&format!(
        "dn: cn=compliance,ou=groups,{SUFFIX}\nchangetype: modify\ndelete: member\nmember: {}\n",
        dn("bob")
    ));
    let plan = bench.apply(0);
    assert_eq!(plan["changes"][0]["reason"], "grant_ended", "bob is still there: {plan}");
    assert_eq!(bench.members("Compliance"), ["ann", "cem"]);
    slapd.modify(&format!("dn: {}\nchangetype: delete\n", dn("cem")));
    let plan = bench.apply(0);
    assert_eq!(plan["changes"][0]["reason"], "person_gone", "{plan}");
    bench.in_step();

    slapd
        .modify(&format!("dn: cn=all,ou=groups,{SUFFIX}\nchangetype: modrdn\nnewrdn: cn=everybody\ndeleteoldrdn: 1\n"));
    let ran = bench.run(&["apply"]).exits(11);
    assert!(ran.stdout.contains("renamed to") && ran.stdout.contains("everybody"), "{}", ran.stdout);
    assert_eq!(bench.members("Compliance"), ["ann"], "what it granted stays");
}

/// slapd does not mend the names of members: after a rename, a deletion, or behind an access rule, the parent still names
/// a group that the server says is not there.
#[test]
fn a_nested_group_that_was_renamed_is_not_an_empty_one() {
    let Some(slapd) = Slapd::start(&Wish { ldif: &company(), ..Wish::default() }) else { return };
    let bench = compliance(&slapd, &["ann", "bob", "cem"]);
    bench.apply(0);
    bench.in_step();
    slapd.modify(&format!(
        "dn: CN=Compliance,ou=groups,{SUFFIX}\nchangetype: modrdn\nnewrdn: cn=conformity\ndeleteoldrdn: 1\n"
    ));
    let ran = bench.run(&["apply"]).exits(11);
    assert!(ran.stdout.contains("a member of \"all\", is not there; what it granted stays"), "{}", ran.stdout);
    assert_eq!(bench.members("Compliance"), ["ann", "bob", "cem"]);
    bench.run(&["apply"]).exits(11);
    assert_eq!(bench.members("Compliance"), ["ann", "bob", "cem"], "it goes on being missed");
    let mended = |what: &str, name: &str| {
        let member = format!("{what}: member\nmember: cn={name},ou=groups,{SUFFIX}\n");
        slapd.modify(&format!("dn: cn=all,ou=groups,{SUFFIX}\nchangetype: modify\n{member}"));
        bench.in_step();
    };
    // The old name beside the new one is a leftover: the group is there.
    mended("add", "conformity");
    mended("delete", "compliance");
}

#[test]
fn searches_are_logged_as_commands_without_the_password() {
    let Some(slapd) = Slapd::start(&Wish { ldif: &company(), ..Wish::default() }) else { return };
    let mut bench = Bench::new(World::new("Corp"));
    crate::support::bench::secret(&bench.path("password"), READER_PASSWORD);
    let keys = keys(&slapd, &slapd.secure()).replace("{ env = \"PASSWORD\" }", "{ file = \"password\" }");
    bench.rest = format!(
        "[[source]]\nname = \"ldap\"\nkind = \"ldap\"\n{keys}\n[[mapping]]\nsource = \"ldap\"\nmatch = \"^(c.*)$\"\nto = \"$1\"\n"
    );
    let ran = bench.run(&["-v", "-v", "-v", "plan"]);
    let line = ran.stderr.lines().find(|line| line.contains("ldapsearch") && line.contains("inetOrgPerson"));
    let line = line.unwrap_or_else(|| panic!("no search is logged: {}", ran.stderr));
    assert!(!ran.stderr.contains(READER_PASSWORD), "{}", ran.stderr);
    let command = line.split_once("ldapsearch").unwrap().1.split("\u{1b}").next().unwrap();
    let command =
        format!("LDAPTLS_REQCERT=never ldapsearch{}", command.replace(" -W", &format!(" -w {READER_PASSWORD}")));
    let pasted = std::process::Command::new("sh").args(["-c", &command]).output().unwrap();
    let shown = String::from_utf8_lossy(&pasted.stdout).into_owned();
    assert!(pasted.status.success() && shown.matches("dn: uid=").count() == 4, "{command}\n{shown}{:?}", pasted.stderr);
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
