//! Whole runs of the real binary, against a directory server and a simulated Hyperproof.

use std::collections::BTreeMap;

use rosterd::simulator::RequestRecord;

use crate::cold;
use crate::installation::{self, BINARY, BURST, HEAP, Installation, Way};
use crate::json;
use crate::measure::{self, Figures, Goal, Row, Scale, median, pair, program};
use crate::slapd::{self, BIND_DN, PASSWORD, SUFFIX, Slapd};
use crate::world::{self, Shape};

const SMALL: Shape = Shape { people: 1_000, groups: 120, memberships: 10_000, largest: 500 };
const MIDDLE: Shape = Shape { people: 20_000, groups: 520, memberships: 60_000, largest: 10_000 };
const ONE_HUGE_GROUP: Shape = Shape { people: 300_000, groups: 2_000, memberships: 500_000, largest: 250_000 };
/// No group needs a second call, so that no answer proves that the server lists members.
const EVEN: Shape = Shape { people: 100_000, groups: 2_000, memberships: 250_000, largest: 125 };
const MILLION: Shape = Shape { people: 1_000_000, groups: 10_000, memberships: 2_500_000, largest: 250_000 };

/// People in one call: the default of `max_users_per_call`.
const PER_CALL: u32 = 200;
/// Calls that read Hyperproof when nothing is to be looked at twice: users, groups, memberships.
const READS: u64 = 3;
/// The default of `requests_per_minute`.
const USUAL_RATE: u32 = 120;
/// Runs before those with which later ones are compared.
const FEW: u32 = 10;
/// Runs that are compared: nine of ten have nothing to do.
const COMPARED: u32 = 20;
/// What a first sync is tried at where the usual rate would take too long.
const QUICK_RATE: u32 = 600;

/// All rows, or with `SIZES="1000 100000"` in the environment those of organisations with so many people.
pub(crate) fn rows(scale: Scale) -> Vec<Row> {
    let sizes = std::env::var("SIZES").unwrap_or_default();
    let wanted =
        |shape: &Shape| sizes.is_empty() || sizes.split_whitespace().any(|size| size.parse() == Ok(shape.people));
    let full = scale == Scale::Full;
    let mut rows = vec![told(cold::binary()), told(cold::cold_start())];
    for shape in [SMALL, MIDDLE, Shape::USUAL].into_iter().filter(wanted) {
        rows.extend(directory(shape, full));
    }
    for shape in [ONE_HUGE_GROUP, MILLION].into_iter().filter(|shape| full && wanted(shape)) {
        rows.extend(large(shape));
    }
    if sizes.is_empty() {
        if full {
            rows.extend(Settled::of(EVEN).map(|settled| told(settled.first_sync(EVEN, QUICK_RATE))));
        }
        rows.push(told(history(if full { 10_000 } else { 300 })));
    }
    rows
}

/// `json FILE…`: what parsing the bodies costs at the least. `serve small|middle|usual`: an installation
/// that stays until the standard input ends, for a profiler. `first-sync SIZE RATE` and `history RUNS`: that
/// row alone.
pub(crate) fn child(args: &[&str]) -> Figures {
    match args {
        ["first-sync", size, rate] => {
            let (shape, rate) = (shape(size), rate.parse().expect("calls a minute are a number"));
            let settled = Settled::of(shape).expect("a first sync wants a directory");
            alone(&settled.first_sync(shape, rate))
        }
        ["history", runs] => alone(&history(runs.parse().expect("runs are counted"))),
        ["serve", size] => {
            let settled = Settled::of(shape(size)).expect("a profiler wants a directory");
            eprintln!("{HEAP} {BINARY} --config {} apply", settled.installation.config(Way::IN_FULL));
            std::io::stdin().lines().for_each(drop);
            Figures::default()
        }
        ["json", files @ ..] => json::parse(files),
        _ => panic!("the parent names a part: {args:?}"),
    }
}

fn shape(size: &str) -> Shape {
    match size {
        "small" => SMALL,
        "middle" => MIDDLE,
        "even" => EVEN,
        "usual" => Shape::USUAL,
        _ => panic!("no such size: {size}"),
    }
}

/// A row that nothing else is measured with.
fn alone(row: &Row) -> Figures {
    println!("{}", measure::line(row));
    row.ours
}

fn says(shape: Shape) -> String {
    format!("{} people, {} groups, {} memberships", shape.people, shape.groups, shape.memberships)
}

/// A server, an installation in step that has run once, and the bodies of its reads.
struct Settled {
    slapd: Slapd,
    installation: Installation,
    bodies: Vec<String>,
    /// Seconds that the simulator took to answer with them.
    answering: f64,
}

impl Settled {
    fn of(shape: Shape) -> Option<Self> {
        eprintln!("run: {}", says(shape));
        let slapd = Slapd::start(shape)?;
        let installation = Installation::of_directory(shape, &slapd);
        // The first run asks for more: whose account it uses, what it does not know yet.
        installation.apply(Way::IN_FULL);
        let (_, calls) = installation.apply(Way::IN_FULL);
        let (bodies, answering) = installation.bodies(&calls);
        Some(Self { slapd, installation, bodies, answering: answering.as_secs_f64() })
    }

    /// ldapsearch of the same entries, then typed parsing of the same bodies.
    fn floor(&self) -> Figures {
        let search = |filter: &str, attributes: &str| {
            format!(
                "ldapsearch -x -LLL -E pr=1000/noprompt -H {} -D {BIND_DN} -w {PASSWORD} -b {SUFFIX} '{filter}' \
                 {attributes} >/dev/null",
                self.slapd.url()
            )
        };
        let people = search("(objectClass=inetOrgPerson)", "uid mail entryUUID");
        let groups = search("(objectClass=groupOfNames)", "cn member entryUUID");
        let search = program(&["sh", "-c", &format!("{people} && {groups}")]);
        let bodies: Vec<&str> = self.bodies.iter().map(String::as_str).collect();
        let parse = measure::child("run", &[&["json"], bodies.as_slice()].concat());
        Figures {
            wall: search.wall + parse.wall,
            cpu: search.cpu + parse.cpu,
            peak: search.peak.max(parse.peak),
            ..Figures::default()
        }
    }

    /// Everything read, nothing to do.
    fn steady(&self) -> Figures {
        let (figures, calls) = self.installation.apply(Way::IN_FULL);
        assert_eq!(writes(&calls), 0, "nothing is to be done");
        figures
    }

    fn in_full(&self, shape: Shape, rounds: usize) -> Row {
        let (ours, floor) = pair(rounds, || self.steady(), || self.floor());
        let usual = shape.people == Shape::USUAL.people;
        Row {
            subject: "run".to_owned(),
            case: format!("{}: nothing to do, read in full", says(shape)),
            ours,
            floor: Some(("ldapsearch + JSON".to_owned(), floor)),
            goals: if usual { vec![Goal::Wall(1.5), Goal::Peak(120 * 1024)] } else { Vec::new() },
            note: format!("the simulator alone takes {:.2} s to answer the reads", self.answering),
        }
    }

    /// The directory vouches that nothing changed: calls to Hyperproof, and searches.
    fn unchanged(&self, shape: Shape) -> Vec<Row> {
        let way = Way { skip_unchanged: true, ..Way::IN_FULL };
        // The first one finds another configuration.
        self.installation.apply(way);
        let before = installation::searches(&self.slapd);
        let rounds = 5;
        let ours = median((0..rounds).map(|_| self.installation.apply(way).0).collect());
        let searches = (installation::searches(&self.slapd) - before - 1) / rounds;
        let row = |case: &str, ours, goals| Row {
            subject: "run".to_owned(),
            case: format!("{}: {case}", says(shape)),
            ours,
            floor: None,
            goals,
            note: String::new(),
        };
        vec![
            row("the directory says that nothing changed", ours, vec![Goal::Calls(3), Goal::CpuSeconds(0.05)]),
            row(
                "LDAP searches when nothing changed",
                Figures { calls: searches, ..Figures::default() },
                vec![Goal::Calls(1)],
            ),
        ]
    }

    /// Somebody comes into a small group, or leaves it again.
    fn one_change(&self, shape: Shape, rounds: usize) -> Row {
        let mut there = false;
        let stranger = outsiders(shape, 1, 1);
        let mut most = 0;
        let ours = || {
            let change = if there { "delete" } else { "add" };
            installation::modify(&self.slapd, &members(1, &[(change, &stranger)]));
            there = !there;
            let (figures, calls) = self.installation.apply(Way::IN_FULL);
            most = most.max(writes(&calls));
            figures
        };
        let (ours, floor) = pair(rounds, ours, || self.steady());
        // Back to where it was, for whoever comes next.
        if there {
            installation::modify(&self.slapd, &members(1, &[("delete", &stranger)]));
            self.installation.apply(Way::IN_FULL);
        }
        Row {
            subject: "run".to_owned(),
            case: format!("{}: one change", says(shape)),
            ours,
            floor: Some(("nothing to do".to_owned(), floor)),
            goals: vec![Goal::Wall(1.1), Goal::Calls(READS + 2)],
            note: format!("{most} writes"),
        }
    }

    /// One membership in a hundred is another one.
    fn churn(&self, shape: Shape) -> Row {
        let (mut ldif, mut least, mut changes) = (String::new(), 0, 0);
        for group in 0..shape.groups {
            let half = (shape.count(group) / 200).max(u32::from(group % 2 == 0));
            let gone: Vec<u32> = shape.members(group).into_iter().step_by(2).take(half as usize).collect();
            let half = (shape.count(group) / 200).max(u32::from(group % 2 == 1));
            let new = outsiders(shape, group, half);
            changes += gone.len() + new.len();
            least += u64::from(calls_for(gone.len() as u32) + calls_for(new.len() as u32));
            ldif += &members(group, &[("delete", &gone), ("add", &new)]);
        }
        installation::modify(&self.slapd, &ldif);
        let floor = self.plan(Way::IN_FULL);
        let (ours, calls) = self.installation.apply(Way::IN_FULL);
        assert!(writes(&calls) > 0, "something is to be done");
        Row {
            subject: "run".to_owned(),
            case: format!("{}: 1 % churn", says(shape)),
            ours,
            floor: Some(("the plan of it".to_owned(), floor)),
            goals: vec![Goal::Calls(READS + least)],
            note: format!("{changes} changes in {} writes", writes(&calls)),
        }
    }

    /// The same reading and deciding, and no writing.
    fn plan(&self, way: Way) -> Figures {
        program(&["env", HEAP, BINARY, "--config", &self.installation.config(way), "plan"])
    }

    /// All groups empty, nothing known: everybody is added, at the rate.
    fn first_sync(&self, shape: Shape, rate: u32) -> Row {
        self.installation.empty_all_groups();
        let adds: u64 = (0..shape.groups).map(|group| u64::from(calls_for(shape.count(group)))).sum();
        let (ours, calls) = self.installation.apply(Way { rate, state: "first.db", ..Way::IN_FULL });
        // The tool's own account is asked for once; where no answer could show whether the server lists members
        // or says what it was sent, all memberships are read once more.
        let proof = u64::from((0..shape.groups).all(|group| calls_for(shape.count(group)) < 2));
        let least = adds + READS + 1 + proof;
        // Nothing but the rate: what is read, decided and written down besides is ours.
        let wall = (least as f64 - f64::from(BURST)) * 60.0 / f64::from(rate);
        let floor = Figures { wall, ..Figures::default() };
        let goals = vec![Goal::Wall(1.02), Goal::Calls(least)];
        Row {
            subject: "run".to_owned(),
            case: format!("{}: first sync at {rate} calls a minute", says(shape)),
            ours,
            floor: Some(("the calls at that rate".to_owned(), floor)),
            goals: if shape.people == Shape::USUAL.people { goals } else { Vec::new() },
            note: format!("{} writes; {}", writes(&calls), reads(&calls)),
        }
    }
}

/// The cases with a directory.
fn directory(shape: Shape, full: bool) -> Vec<Row> {
    let Some(settled) = Settled::of(shape) else { return Vec::new() };
    let usual = shape.people == Shape::USUAL.people;
    let rounds = if full { 7 } else { 3 };
    let mut rows = vec![told(settled.in_full(shape, rounds))];
    rows.extend(settled.unchanged(shape).into_iter().map(told));
    rows.push(told(settled.one_change(shape, rounds)));
    rows.push(told(settled.churn(shape)));
    if full || !usual {
        rows.push(told(settled.first_sync(shape, if usual { USUAL_RATE } else { QUICK_RATE })));
    }
    rows
}

/// A word on the way: these cases take minutes.
fn told(row: Row) -> Row {
    let floor = row.floor.as_ref().map(|(name, floor)| format!("; {name} {:.3} s", floor.wall)).unwrap_or_default();
    let Figures { wall, cpu, calls, .. } = row.ours;
    eprintln!("run:   {}: {wall:.3} s, CPU {cpu:.3} s, {calls} calls{floor}", row.case);
    row
}

/// The cases of the largest directories.
fn large(shape: Shape) -> Vec<Row> {
    let Some(settled) = Settled::of(shape) else { return Vec::new() };
    let mut rows = vec![told(settled.in_full(shape, 3))];
    rows.extend(settled.unchanged(shape).into_iter().map(told));
    rows
}

fn calls_for(members: u32) -> u32 {
    members.div_ceil(PER_CALL)
}

fn writes(calls: &[RequestRecord]) -> usize {
    calls.iter().filter(|call| call.method != "GET").count()
}

/// What was read how often, in words.
fn reads(calls: &[RequestRecord]) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for call in calls.iter().filter(|call| call.method == "GET") {
        // An id is as long as one; no other part of a path is.
        let parts = call.path.split('/').map(|part| if part.len() == 36 { "{id}" } else { part });
        *counts.entry(parts.collect::<Vec<_>>().join("/")).or_default() += 1;
    }
    let words: Vec<String> = counts.iter().map(|(path, count)| format!("{count} x GET {path}")).collect();
    words.join(", ")
}

/// The first people who are not in a group.
fn outsiders(shape: Shape, group: u32, count: u32) -> Vec<u32> {
    let members = shape.members(group);
    let out = (0..shape.people).filter(|person| members.binary_search(person).is_err());
    out.take(count as usize).collect()
}

/// LDIF that changes a group's members.
fn members(group: u32, changes: &[(&str, &[u32])]) -> String {
    let mut text = format!("dn: cn={},ou=groups,{SUFFIX}\nchangetype: modify\n", world::group_name(group));
    for (change, people) in changes.iter().filter(|(_, people)| !people.is_empty()) {
        text += &format!("{change}: member\n");
        for person in *people {
            text += &format!("member: {}\n", slapd::dn(*person));
        }
        text += "-\n";
    }
    text + "\n"
}

/// Runs after many runs, against runs after few. Each tenth run makes a change.
fn history(runs: u32) -> Row {
    eprintln!("run: {runs} runs, one after the other");
    let installation = Installation::of_file(Shape { people: 100, groups: 5, memberships: 150, largest: 50 });
    let all = std::fs::read_to_string(installation.path("people.csv")).expect("it was written");
    // Without the last row, and with the line end before it: a file without one looks cut short.
    let less = all.trim_end().rfind('\n').and_then(|end| all.get(..=end)).expect("there is more than one row");
    let run = |at: u32| {
        if at.is_multiple_of(10) {
            installation.write("people.csv", if at.is_multiple_of(20) { &all } else { less });
        }
        let bytes = std::fs::metadata(installation.path("rosterd.db")).map_or(0, |state| state.len());
        Figures { bytes, ..installation.apply(Way::IN_FULL).0 }
    };
    for at in 1..=FEW {
        run(at);
    }
    let early: Vec<Figures> = (FEW + 1..=FEW + COMPARED).map(run).collect();
    for at in FEW + COMPARED + 1..=runs - COMPARED {
        if at.is_multiple_of(1000) {
            eprintln!("run:   {at} of {runs}");
        }
        run(at);
    }
    let late: Vec<Figures> = (runs - COMPARED + 1..=runs).map(run).collect();
    let (early, late) = (median_cpu(early), median_cpu(late));
    let growth = late.bytes.saturating_sub(early.bytes) / u64::from(runs);
    Row {
        subject: "run".to_owned(),
        case: format!("100 people, after {runs} runs"),
        ours: late,
        floor: Some((format!("after {FEW} runs"), early)),
        goals: vec![Goal::Cpu(1.1)],
        note: format!("the state has {:.1} MB, {growth} bytes a run", late.bytes as f64 / 1e6),
    }
}

/// The round with the median CPU time.
fn median_cpu(mut rounds: Vec<Figures>) -> Figures {
    rounds.sort_by(|a, b| a.cpu.total_cmp(&b.cpu));
    rounds.get(rounds.len() / 2).copied().unwrap_or_default()
}
