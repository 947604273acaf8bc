//! Every way for an LDAP server to fail costs one unread source: exit 13, nobody is removed, the other
//! source goes on, and it all stays within bounds of time and memory.

use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use rosterd::simulator::World;
use serde_json::Value;

use crate::support::bench::{Bench, Ran, address, secret};
use crate::support::ldap_proxy::{Break, Fail, How, Proxy, Rules};
use crate::support::slapd::{self, ROOT, ROOT_PASSWORD, SUFFIX, Slapd, Wish};

/// What `timeout` is set to, and what a run may take then, with every new attempt.
const TIMEOUT: Duration = Duration::from_secs(2);
const BOUND: Duration = Duration::from_secs(45);
/// Resident memory of a run, in kB.
const MEMORY: u64 = 150 * 1024;

/// 36 people: with pages of ten four pages; two groups, one of them nested in the other.
fn entries() -> String {
    let crowd: Vec<String> = (0..30).map(|number| format!("p{number:02}")).collect();
    let names = ["ann", "bob", "cem", "dan", "eve", "fay"].into_iter().chain(crowd.iter().map(String::as_str));
    let risk = format!("cn=Risk,ou=groups,{SUFFIX}");
    let [ann, bob, cem, dan] = ["ann", "bob", "cem", "dan"].map(slapd::dn);
    slapd::people(&names.collect::<Vec<_>>())
        + &slapd::group("Risk", &[&dan])
        + &slapd::group("Compliance", &[&ann, &bob, &cem, &risk])
}

fn server() -> Option<Slapd> {
    Slapd::start(&Wish { ldif: &entries(), ..Wish::default() })
}

/// The directory wants Dan in and Eve out of Compliance; the CSV source wants Fay among the auditors.
fn organisation() -> World {
    let mut world = World::new("Corp");
    for name in ["ann", "bob", "cem", "dan", "eve", "fay"] {
        world.add_user(&address(name));
    }
    let members = ["ann", "bob", "cem", "eve"].map(address);
    world.add_group("Compliance", &members.iter().map(String::as_str).collect::<Vec<_>>());
    world.add_group("Auditors", &[&address("ann")]);
    world
}

/// A bench that reads these URLs. All groups are scanned, so that reading takes pages and two connections.
fn bench(urls: &[String], more: &str) -> Bench {
    let mut bench = Bench::new(organisation());
    secret(&bench.path("ldap-password"), ROOT_PASSWORD);
    let urls: Vec<String> = urls.iter().map(|url| format!("{url:?}")).collect();
    bench.rest = format!(
        r#"
[guard]
first_removals = "apply"

[[source]]
name = "directory"
kind = "ldap"
url = [{}]
bind_dn = "{ROOT}"
bind_password = {{ file = "ldap-password" }}
schema = "openldap"
user_base = "ou=people,{SUFFIX}"
group_base = "ou=groups,{SUFFIX}"
page_size = 10
timeout = "{}s"
{more}

[[source]]
name = "hr"
kind = "csv"
path = "people.csv"

[[mapping]]
source = "directory"
match = "^Comp.*$"
to = "Compliance"

[[mapping]]
source = "hr"
group = "auditors"
to = "Auditors"
"#,
        urls.join(", "),
        TIMEOUT.as_secs()
    );
    bench.people(&["auditors,ann"]);
    bench
}

/// The most memory that the process had, in kB, and what it left behind.
fn measured(bench: &Bench, args: &[&str]) -> (Ran, u64) {
    let child = bench.start(args);
    let status = format!("/proc/{}/status", child.id());
    let watch = std::thread::spawn(move || {
        let mut most = 0;
        // The entry stays until the process has been waited for, without the line once it has ended.
        while let Ok(text) = std::fs::read_to_string(&status) {
            let Some(line) = text.lines().find_map(|line| line.strip_prefix("VmHWM:")) else { break };
            most = line.trim().trim_end_matches(" kB").parse().unwrap_or(most);
            std::thread::sleep(Duration::from_millis(10));
        }
        most
    });
    let ran = bench.wait(child);
    (ran, watch.join().expect("it only reads a file"))
}

/// One run while the directory cannot be read: it costs that source, and nothing else.
#[track_caller]
fn unread(bench: &Bench, what: &str) -> Ran {
    let before = bench.members("Compliance");
    bench.people(&["auditors,ann", "auditors,fay"]);
    bench.simulator().change(|world| {
        let ann = world.user("ann@corp.example").expect("she has an account").user_id.clone();

        let group = world.group_mut("Auditors").expect("it is there");
        group.members.retain(|member| *member == ann);
    });
    let started = Instant::now();
    let (ran, memory) = measured(bench, &["apply", "--format", "json"]);
    let took = started.elapsed();
    assert_eq!(ran.code, 13, "{what}\n{}\n{}", ran.stdout, ran.stderr);
    assert!(!ran.stderr.contains("panicked"), "{what}\n{}", ran.stderr);
    assert!(took < BOUND, "{what}: {took:?}");
    assert!(memory > 0 && memory < MEMORY, "{what}: {memory} kB");
    assert_eq!(bench.members("Compliance"), before, "{what}");
    assert_eq!(bench.members("Auditors"), ["ann", "fay"], "{what}");
    let document = ran.json();
    assert_eq!(document["outcome"], "unread", "{what}");
    let source = directory(&document);
    assert_eq!(source["complete"], false, "{what}: {source}");
    assert!(source["problems"].as_array().is_some_and(|problems| !problems.is_empty()), "{what}: {source}");
    assert!(!format!("{}{}", ran.stdout, ran.stderr).contains(ROOT_PASSWORD), "{what}");
    ran
}

fn directory(document: &Value) -> &Value {
    let sources = document["sources"].as_array().expect("sources");
    sources.iter().find(|source| source["name"] == "directory").unwrap_or_else(|| panic!("no source in {document}"))
}

/// Without a fault it reads, and does what it should.
#[track_caller]
fn heals(bench: &Bench) {
    bench.people(&["auditors,ann", "auditors,fay"]);
    bench.apply(0);
    assert_eq!(bench.members("Compliance"), ["ann", "bob", "cem", "dan"]);
    bench.in_step();
}

/// A bench behind a proxy.
fn behind(slapd: &Slapd) -> (Proxy, Bench) {
    let proxy = Proxy::start(slapd.upstream());
    let bench = bench(&[proxy.url()], "");
    (proxy, bench)
}

#[test]
fn result_codes() {
    let Some(slapd) = server() else { return };
    let (proxy, bench) = behind(&slapd);
    for code in [1, 2, 3, 4, 11, 32, 50, 51, 52, 53, 80] {
        proxy.rules(Rules { fail: Some(Fail::from(2, code)), ..Rules::default() });
        unread(&bench, &format!("result code {code}"));
    }
    proxy.rules(Rules::default());
    heals(&bench);
}

#[test]
fn page_sizes_that_are_refused_are_halved() {
    let Some(slapd) = server() else { return };
    let (proxy, bench) = behind(&slapd);
    // Never a page: an end must come.
    let refused = Fail { entries: false, ..Fail::from(1, 11) };
    proxy.rules(Rules { fail: Some(refused.clone()), ..Rules::default() });
    unread(&bench, "every page is refused");
    // The first two pages only: those of ten.
    proxy.rules(Rules { fail: Some(Fail { times: 2, ..refused }), ..Rules::default() });
    heals(&bench);
    assert!(proxy.seen().iter().any(|seen| seen.page == Some(5)), "{:?}", proxy.seen());
    // A server that lowers pages quietly.
    proxy.rules(Rules { max_page: Some(3), ..Rules::default() });
    bench.in_step();
}

#[test]
fn answers_that_break_off() {
    let Some(slapd) = server() else { return };
    let (proxy, bench) = behind(&slapd);
    for how in [How::Cut, How::Rubbish, How::Inconsistent, How::Unknown, How::OddName] {
        for after_entries in [0, 12] {
            proxy.rules(Rules { broken: Some(Break { after_entries, how }), ..Rules::default() });
            unread(&bench, &format!("{how:?} after {after_entries}"));
        }
    }
    proxy.rules(Rules::default());
    heals(&bench);
}

#[test]
fn a_server_that_stalls() {
    let Some(slapd) = server() else { return };
    let (proxy, bench) = behind(&slapd);
    proxy.rules(Rules { broken: Some(Break { after_entries: 12, how: How::Stall }), ..Rules::default() });
    unread(&bench, "stall");
    proxy.rules(Rules::default());
    heals(&bench);
}

#[test]
fn an_endless_message() {
    let Some(slapd) = server() else { return };
    let (proxy, bench) = behind(&slapd);
    proxy.rules(Rules { broken: Some(Break { after_entries: 12, how: How::Endless }), ..Rules::default() });
    unread(&bench, "endless");
    proxy.rules(Rules::default());
    heals(&bench);
}

#[test]
fn nobody_answers() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ldap://{}", silent.local_addr().unwrap());
    unread(&bench(&[url], ""), "connected, and silence");
    drop(silent);
    unread(&bench(&["ldap://127.0.0.1:1".to_owned()], ""), "refused");
    // The name does not exist (RFC 6761).
    unread(&bench(&["ldaps://dc1.corp.invalid".to_owned()], ""), "no such host");
}

#[test]
fn bases_that_are_denied() {
    let Some(slapd) = server() else { return };
    let (proxy, bench) = behind(&slapd);
    for unit in ["people", "groups"] {
        for code in [32, 50] {
            let base = format!("ou={unit},{SUFFIX}");
            proxy.rules(Rules { denied: Some((base, code)), ..Rules::default() });
            unread(&bench, &format!("{unit}, {code}"));
        }
    }
    proxy.rules(Rules::default());
    heals(&bench);
}

/// A wrong password is asked for once: more attempts lock the account.
#[test]
fn a_wrong_password() {
    let Some(slapd) = server() else { return };
    let proxy = Proxy::start(slapd.upstream());
    let bench = bench(&[proxy.url(), proxy.url()], "");
    secret(&bench.path("ldap-password"), "wrong");
    let ran = unread(&bench, "wrong password");
    assert_eq!(proxy.connections(), 1, "{}", ran.stderr);
    assert!(ran.stdout.contains("bind_password"), "{}", ran.stdout);
    proxy.rules(Rules { bind: Some(51), ..Rules::default() });
    secret(&bench.path("ldap-password"), ROOT_PASSWORD);
    unread(&bench, "busy");
    proxy.rules(Rules::default());
    heals(&bench);
}

/// After a full run, the right to read an attribute is lost: every code is 0 all the same.
#[test]
fn a_lost_right_removes_nobody() {
    let Some(slapd) = server() else { return };
    for attribute in ["mail", "member", "objectClass"] {
        let (proxy, bench) = behind(&slapd);
        heals(&bench);
        proxy.rules(Rules { hidden: vec![attribute.to_owned()], ..Rules::default() });
        let ran = bench.run(&["apply", "--format", "json"]);
        assert_eq!(bench.members("Compliance"), ["ann", "bob", "cem", "dan"], "{attribute}\n{}", ran.stdout);
        // The class alone is nothing that a reading needs: the server tests it in its filter.
        let quiet = attribute == "objectClass" && ran.code == 0;
        assert!(quiet || [11, 13].contains(&ran.code), "{attribute}: {}\n{}", ran.code, ran.stderr);
        proxy.rules(Rules::default());
        bench.in_step();
    }
}

/// OpenLDAP has no group of these classes without a member. Where somebody else fills the target group, nothing
/// but that tells a lost right from a group that was emptied.
#[test]
fn members_that_are_not_shown_are_not_nobody() {
    let Some(slapd) = server() else { return };
    let (proxy, mut bench) = behind(&slapd);
    bench.rest.push_str("[[mapping]]\nsource = \"hr\"\ngroup = \"compliance\"\nto = \"Compliance\"\n");
    bench.people(&["auditors,ann", "compliance,fay"]);
    bench.apply(0);
    let before = bench.members("Compliance");
    assert_eq!(before, ["ann", "bob", "cem", "dan", "fay"]);
    proxy.rules(Rules { hidden: vec!["member".to_owned()], ..Rules::default() });
    let document = bench.apply(13);
    assert_eq!(bench.members("Compliance"), before);
    let told = directory(&document).to_string();
    assert!(told.contains("its member is not shown, and a group of its class has one"), "{told}");
    proxy.rules(Rules::default());
    bench.in_step();
}

/// Who is followed by an id is not found again without it, once the address changes.
#[test]
fn ids_that_are_not_shown_any_more_are_a_lost_right() {
    let Some(slapd) = server() else { return };
    for (before, code) in [(false, 0), (true, 13)] {
        let (proxy, bench) = behind(&slapd);
        if before {
            heals(&bench);
        }
        // Where nobody ever had one, it is told.
        proxy.rules(Rules { hidden: vec!["entryUUID".to_owned()], ..Rules::default() });
        let document = bench.apply(code);
        let told = directory(&document)["problems"].to_string();
        assert!(told.contains("none of 36 people shows entryUUID: nobody can be followed"), "{told}");
        if before {
            proxy.rules(Rules::default());
            bench.in_step();
        }
    }
}

#[test]
fn references_are_reported_and_not_followed() {
    let Some(slapd) = server() else { return };
    let (proxy, bench) = behind(&slapd);
    let trap = TcpListener::bind("127.0.0.1:0").unwrap();
    trap.set_nonblocking(true).unwrap();
    let references = vec![format!("ldap://{}/{SUFFIX}", trap.local_addr().unwrap())];
    proxy.rules(Rules { references, ..Rules::default() });
    let document = bench.apply(0);
    assert!(directory(&document).to_string().contains("reference"), "{}", directory(&document));
    assert!(trap.accept().is_err(), "the reference was followed");
    bench.in_step();
}

#[test]
fn the_next_url_is_tried() {
    let Some(slapd) = server() else { return };
    let good = Proxy::start(slapd.upstream());
    let bad = Proxy::start(slapd.upstream());
    let dead = "ldap://127.0.0.1:1".to_owned();
    let bench = bench(&[dead, bad.url(), good.url()], "");
    for how in [How::Cut, How::Stall, How::Rubbish] {
        bad.rules(Rules { broken: Some(Break { after_entries: 12, how }), ..Rules::default() });
        good.rules(Rules::default());
        let started = Instant::now();
        heals(&bench);
        assert!(started.elapsed() < BOUND, "{how:?}");
        assert!(good.connections() > 0 && bad.connections() > 0, "{how:?}");
    }
}

/// The read of a server that is gone for a moment is begun again.
#[test]
fn a_busy_moment_is_outlived() {
    let Some(slapd) = server() else { return };
    for code in [51, 52] {
        let (proxy, bench) = behind(&slapd);
        proxy.rules(Rules { fail: Some(Fail::once(2, code)), ..Rules::default() });
        heals(&bench);
    }
}

fn secure(slapd: &Slapd, ca: &Slapd, more: &str) -> Bench {
    bench(&[slapd.secure()], &format!("ca_file = {:?}\n{more}", ca.ca_file()))
}

#[test]
fn certificates() {
    let Some(slapd) = server() else { return };
    heals(&secure(&slapd, &slapd, ""));
    heals(&secure(&slapd, &slapd, "server_name = \"ldap.corp.example\""));
    unread(&secure(&slapd, &slapd, "server_name = \"dc9.corp.example\""), "another name");
    let starttls = format!("ca_file = {:?}\nstart_tls = true", slapd.ca_file());
    heals(&bench(&[slapd.plain()], &starttls));

    let Some(other) = server() else { return };
    let ran = unread(&secure(&slapd, &other, ""), "another authority");
    assert!(ran.stdout.contains("ca_file"), "{}", ran.stdout);
    // Never in the clear instead: StartTLS that fails ends there.
    unread(&bench(&[other.plain()], &starttls), "StartTLS with another authority");

    let wish = Wish { ldif: &entries(), expired: true, ..Wish::default() };
    let Some(old) = Slapd::start(&wish) else { return };
    let ran = unread(&secure(&old, &old, ""), "expired");
    assert!(ran.stdout.contains("expired"), "{}", ran.stdout);
}

/// Killed while it answers.
#[test]
fn a_server_that_is_killed() {
    let Some(slapd) = server() else { return };
    let (proxy, bench) = behind(&slapd);
    let address: SocketAddr = slapd.upstream();
    proxy.rules(Rules { broken: Some(Break { after_entries: 12, how: How::Cut }), ..Rules::default() });
    drop(slapd);
    assert!(std::net::TcpStream::connect(address).is_err());
    unread(&bench, "killed");
}
