//! One read of a directory by the LDAP source, beside ldapsearch reading the same entries from the same
//! server and throwing them away.

use std::time::Duration;

use rosterd::model::id::SourceName;
use rosterd::secret::Secret;
use rosterd::source::Wanted;
use rosterd::source::ldap::address::Server;
use rosterd::source::ldap::{Bind, Preset, Schema, Settings, read};
use rosterd::tls::Trust;

use crate::measure::{self, Figures, Goal, Row, Scale};
use crate::slapd::{BIND_DN, PASSWORD, SUFFIX, Slapd};
use crate::world::Shape;

const SMALL: Shape = Shape { people: 1_000, groups: 50, memberships: 5_000, largest: 500 };
const MIDDLE: Shape = Shape { people: 20_000, groups: 400, memberships: 50_000, largest: 10_000 };
const HUGE: Shape = Shape { people: 1_000_000, groups: 20_000, memberships: 2_500_000, largest: 300_000 };

pub(crate) fn rows(scale: Scale) -> Vec<Row> {
    let shapes: &[(Shape, usize)] = match scale {
        Scale::Quick => &[(SMALL, 5), (Shape::USUAL, 5)],
        Scale::Full => &[(SMALL, 21), (MIDDLE, 11), (Shape::USUAL, 11), (HUGE, 1)],
    };
    shapes.iter().filter_map(|(shape, rounds)| row(*shape, *rounds)).collect()
}

fn row(shape: Shape, rounds: usize) -> Option<Row> {
    let server = Slapd::start(shape)?;
    let url = server.url();
    let floor = searches(&url);
    let floor = || measure::program(&["sh", "-c", &floor]);
    let ours = || measure::child("ldap", &[&url]);
    // Warms the server's cache.
    floor();
    let (ours, floor) = measure::pair(rounds, ours, floor);
    let is_usual = shape.people == Shape::USUAL.people;
    Some(Row {
        subject: "ldap".to_owned(),
        case: format!("{} people, {} groups, {} memberships", shape.people, shape.groups, shape.memberships),
        ours,
        floor: Some(("ldapsearch, twice".to_owned(), floor)),
        goals: if is_usual { vec![Goal::Wall(1.2), Goal::Peak(60 * 1024)] } else { Vec::new() },
        note: String::new(),
    })
}

/// The two searches of the source, as commands.
fn searches(url: &str) -> String {
    let schema = Schema::of(Preset::Rfc2307bis);
    let search = |filter: &str, attributes: &str| {
        format!(
            "ldapsearch -x -LLL -E pr=1000/noprompt -H {url} -D {BIND_DN} -w {PASSWORD} -b {SUFFIX} '{filter}' {attributes} >/dev/null"
        )
    };
    let people = search(&schema.user_filter, "entryUUID mail");
    let groups = search(
        &schema.group_filter,
        "entryUUID objectClass cn member uniqueMember uSNChanged entryCSN modifyTimestamp",
    );
    format!("{people} && {groups}")
}

/// A whole read, in the kind of runtime that the program has.
pub(crate) fn child(args: &[&str]) -> Figures {
    let [url] = args else { panic!("the parent gives the server's URL") };
    let settings = Settings {
        servers: vec![Server::parse(url).expect("the server gives a URL")],
        start_tls: false,
        trust: Trust::default(),
        server_name: None,
        identity: None,
        bind: Bind::Simple { dn: BIND_DN.to_owned(), password: Secret::new(PASSWORD.to_owned()) },
        schema: Schema::of(Preset::Rfc2307bis),
        user_base: SUFFIX.to_owned(),
        group_base: SUFFIX.to_owned(),
        nested: true,
        page_size: 1000,
        timeout: Duration::from_secs(120),
    };
    let wanted = Wanted { all: true, ..Wanted::default() };
    let name = SourceName::new("bench");
    let (snapshot, figures) = measure::section(|| {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.expect("threads can be started");
        runtime.block_on(read(&name, &settings, &wanted, jiff::Timestamp::now()))
    });
    assert!(snapshot.completeness.is_complete() && snapshot.problems.is_empty(), "{:?}", snapshot.problems);
    assert!(!snapshot.people.is_empty() && snapshot.people.iter().all(|person| !person.addresses.is_empty()));
    let searches = snapshot.read.server().map_or(0, |read| read.searches);
    Figures { calls: searches as u64, ..figures }
}
