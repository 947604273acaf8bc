//! One read of a directory by the LDAP source, for `benches/ldap_read.sh`: prints what was read, the
//! seconds, and the most memory the process had.
//!
//!     ldap_read URL SUFFIX BIND_DN PASSWORD
#![expect(clippy::print_stdout, reason = "it has nothing else to do")]

use std::time::{Duration, Instant};

use rosterd::model::id::SourceName;
use rosterd::secret::Secret;
use rosterd::source::Wanted;
use rosterd::source::ldap::address::Server;
use rosterd::source::ldap::{Bind, Preset, Schema, Settings, read};
use rosterd::tls::Trust;

fn main() {
    let mut args = std::env::args().skip(1).filter(|arg| !arg.starts_with("--"));
    let (Some(url), Some(suffix), Some(dn), Some(password)) = (args.next(), args.next(), args.next(), args.next())
    else {
        println!("ldap_read: benches/ldap_read.sh starts a server for it");
        return;
    };
    let settings = Settings {
        servers: vec![Server::parse(&url).expect("the script gives a URL")],
        start_tls: false,
        trust: Trust::default(),
        server_name: None,
        identity: None,
        bind: Bind::Simple { dn, password: Secret::new(password) },
        schema: Schema::of(Preset::Rfc2307bis),
        user_base: suffix.clone(),
        group_base: suffix,
        nested: true,
        page_size: 1000,
        timeout: Duration::from_secs(120),
    };
    let wanted = Wanted { all: true, ..Wanted::default() };
    let runtime = tokio::runtime::Runtime::new().expect("threads can be started");
    let began = Instant::now();
    let snapshot = runtime.block_on(read(&SourceName::new("bench"), &settings, &wanted, jiff::Timestamp::now()));
    let took = began.elapsed().as_secs_f64();
    let addresses = snapshot.people.iter().filter(|person| !person.addresses.is_empty()).count();
    let members: usize = snapshot.groups.iter().map(|group| group.people.len()).sum();
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("?").trim();
    println!(
        "{took:.3} s, {peak}, {addresses} people with an address, {} groups, {members} memberships, {:?}, {}",
        snapshot.groups.len(),
        snapshot.completeness,
        snapshot.evidence
    );
}
