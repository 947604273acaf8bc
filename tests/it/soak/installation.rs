//! One installation: what goes wrong in it, and what has to be so at its end.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rosterd::simulator::{Edit, Fault, FaultKind, Moment, RetryAfter, World};

use super::record::Resources;
use super::{Dice, Figures, record};
use crate::support::bench::{Bench, address, secret};
use crate::support::receiver::{Receiver, Reply};
use crate::support::service::Service;

const PEOPLE: usize = 40;
const GROUPS: [&str; 4] = ["Auditors", "Compliance", "Engineers", "Managers"];

/// Everything that could hold is out of the way: nobody is there to approve.
const REST: &str = r#"
[guard]
group_removals = { percent = 100, floor = 100000 }
group_adds = { percent = 100, floor = 100000 }
run_removals = { percent = 100, floor = 100000 }
run_adds = { percent = 100, floor = 100000 }
day_removals = { percent = 100, floor = 100000 }
source_shrink = { percent = 100, floor = 100000 }
first_removals = "apply"

[group_defaults]
allow_empty = true

[schedule]
cron = "* * * * * *"
jitter = "0s"

[http]
listen = "127.0.0.1:0"

[[notify]]
kind = "webhook"
url = { file = "hook" }

[[source]]
name = "hr"
kind = "csv"
path = "people.csv"
"#;

/// Short waits, and few attempts, so that what goes wrong ends runs too.
const PATIENCE: &str =
    "requests_per_minute = 60000\nburst = 1000\ntimeout = \"2s\"\nmax_attempts = 2\nmax_wait = \"1s\"\n";

fn name(number: usize) -> String {
    format!("p{number:02}")
}

pub(super) struct Installation {
    bench: Bench,
    receiver: Receiver,
    service: Option<Service>,
    dice: Dice,
    /// Who should be where.
    desired: BTreeMap<&'static str, BTreeSet<usize>>,
    faults: usize,
    /// Resident memory in KiB, once a minute.
    memory: Vec<u64>,
    /// When the service was not there, because it was killed.
    away: Vec<(Timestamp, Timestamp)>,
    /// What services logged that were killed.
    logs: Vec<String>,
}

impl Installation {
    pub(super) fn new(seed: u64) -> Self {
        let mut world = World::new("Corp");
        for number in 0..PEOPLE {
            world.add_user(&address(&name(number)));
        }
        for group in GROUPS {
            world.add_group(group, &[]);
        }
        let mut bench = Bench::new(world);
        bench.hyperproof = PATIENCE.to_owned();
        bench.rest = REST.to_owned();
        for group in GROUPS {
            let mapping = "\n[[mapping]]\nsource = \"hr\"\ngroup = \"";
            bench.rest.push_str(&format!("{mapping}{group}\"\nto = \"{group}\"\n"));
        }
        let receiver = Receiver::start();
        secret(&bench.path("hook"), &receiver.url());
        let desired = GROUPS.map(|group| (group, BTreeSet::from([0, 1]))).into();
        let dice = Dice(seed);
        let mut new = Self {
            bench,
            receiver,
            service: None,
            dice,
            desired,
            faults: 0,
            memory: Vec::new(),
            away: Vec::new(),
            logs: Vec::new(),
        };
        new.write_directory();
        new.start();
        new
    }

    fn start(&mut self) {
        self.service = Some(Service::start_with(&self.bench, &["--log-format", "json"], &[]));
    }

    fn service(&mut self) -> &mut Service {
        self.service.as_mut().expect("it was started, and stop() alone takes it")
    }

    /// Everything for so long, and then the end.
    pub(super) fn live(mut self, time: Duration) -> Figures {
        let began = Instant::now();
        // A process that was killed says nothing of leaks: kills are for the first third.
        self.suffer(began + time / 3, true);
        let first = self.resources();
        self.suffer(began + time, false);
        let last = self.resources();
        self.calm();
        let service = self.service.take().expect("it runs");
        let stopped = service.stop();
        self.logs.push(stopped.log);
        let mut figures = record::judge(&self.bench, &self.logs, &self.away, self.faults, (first, last));
        figures.memory = self.memory;
        self.bench.run(&["audit", "verify"]).exits(0);
        self.bench.run(&["plan", "--exit-code"]).exits(0);
        figures
    }

    fn suffer(&mut self, until: Instant, kills: bool) {
        let mut sampled = Instant::now();
        while Instant::now() < until {
            match self.dice.below(30) {
                0..=2 => self.fault(),
                3..=14 => {
                    self.reorganise();
                    self.write_directory();
                }
                15 => self.break_directory(),
                16..=19 => self.drift(),
                20 => self.service().signal("HUP"),
                21 => self.service().signal("USR1"),
                22 => {
                    let reply = Reply::Status(500, "not now".to_owned());
                    let reply = if self.dice.once_in(2) { reply } else { Reply::Hang };
                    self.receiver.reply(reply);
                }
                23 => {
                    self.bench.simulator().clear_faults();
                    self.bench.simulator().release();
                }
                24 if kills => self.kill(),
                _ => {}
            }
            if sampled.elapsed() > Duration::from_secs(60) {
                sampled = Instant::now();
                let pid = self.service().id();
                self.memory.push(Resources::of(pid).kib);
            }
            let pause = Duration::from_millis(self.dice.below(600) as u64);
            let next = (Instant::now() + pause).min(until);
            while Instant::now() < next {
                self.service().hear();
            }
            // What was asked is no matter here, and an hour of it fills the memory.
            if self.bench.simulator().requests().len() > 2000 {
                self.bench.simulator().forget_requests();
                self.receiver.take();
            }
        }
    }

    fn fault(&mut self) {
        let calls = [
            ("GET", "/v1/users"),
            ("GET", "/v1/groups"),
            ("GET", "/v1/groups/*"),
            ("POST", "/v1/groups/*/users"),
            ("POST", "/v1/groups/*/users"),
            ("PUT", "/v1/groups/*/users/delete"),
            ("PUT", "/v1/groups/*/users/delete"),
            ("POST", "/oauth/token"),
        ];
        let (method, path) = self.dice.of(&calls);
        let moment = self.dice.of(&[Moment::Before, Moment::After]);
        let wait = self.dice.below(3) as u64;
        let kind = match self.dice.below(10) {
            0 => FaultKind::RateLimit { retry_after: Some(RetryAfter::Seconds(wait)), seconds: wait },
            1 => FaultKind::Quota { retry_after: Some(RetryAfter::Seconds(wait)) },
            2 => FaultKind::Unauthorized,
            3 | 4 => FaultKind::Status { code: 503, moment },
            5 => FaultKind::Cut { moment, reset: self.dice.once_in(2) },
            6 => FaultKind::Slow { ms: self.dice.below(3000) as u64, moment },
            7 => FaultKind::Hold { moment },
            8 => FaultKind::Truncated,
            _ if method == "GET" => FaultKind::EmptyList,
            _ => FaultKind::Html,
        };
        let times = 1 + u32::try_from(self.dice.below(2)).unwrap();
        self.bench.simulator().inject(Fault::on(method, path, kind).times(times));
        self.faults += 1;
    }

    /// People come and go; somebody is always left, so that no group is missing.
    fn reorganise(&mut self) {
        for _ in 0..=self.dice.below(8) {
            let (group, person) = (self.dice.of(&GROUPS), self.dice.below(PEOPLE));
            let members = self.desired.get_mut(group).expect("every group is there");
            if !members.insert(person) && members.len() > 1 {
                members.remove(&person);
            }
        }
    }

    fn directory(&self) -> String {
        let rows = self.desired.iter().flat_map(|(group, people)| {
            people.iter().map(move |person| format!("{group},{},active\n", address(&name(*person))))
        });
        format!("group,email,status\n{}", rows.collect::<String>())
    }

    /// As an export should be written: beside it, and then renamed.
    fn put_directory(&self, text: &str) {
        self.bench.write("people.csv.new", text);
        std::fs::rename(self.bench.path("people.csv.new"), self.bench.path("people.csv")).unwrap();
    }

    fn write_directory(&self) {
        self.put_directory(&self.directory());
    }

    fn break_directory(&mut self) {
        let text = self.directory();
        let text = match self.dice.below(4) {
            0 => String::new(),
            1 => "group,email,status\n".to_owned(),
            2 => text.replace(",active\n", ",perhaps\n"),
            _ => text[..text.len() / 2].to_owned() + "\"",
        };
        self.put_directory(&text);
    }

    fn drift(&mut self) {
        let (group, user) = (self.dice.of(&GROUPS).to_owned(), address(&name(self.dice.below(PEOPLE))));
        let add = self.dice.once_in(2);
        let edit = if add { Edit::AddMember { group, user } } else { Edit::RemoveMember { group, user } };
        self.bench.simulator().edit(edit).unwrap();
    }

    fn kill(&mut self) {
        let before = Timestamp::now();
        let service = self.service.take().expect("it runs");
        self.logs.push(service.log());
        service.kill();
        self.start();
        self.away.push((before, Timestamp::now()));
    }

    fn resources(&mut self) -> Resources {
        let pid = self.service().id();
        // The least of some looks: a run under way has more of everything.
        let looks = (0..20).map(|_| {
            let until = Instant::now() + Duration::from_millis(100);
            while Instant::now() < until {
                self.service().hear();
            }
            Resources::of(pid)
        });
        looks.reduce(Resources::least).expect("there were looks")
    }

    /// Nothing goes wrong any more: it gets into step by itself.
    fn calm(&mut self) {
        self.bench.simulator().clear_faults();
        self.bench.simulator().release();
        self.write_directory();
        let deadline = Instant::now() + Duration::from_secs(90);
        let wanted = |desired: &BTreeMap<&str, BTreeSet<usize>>| -> BTreeMap<String, Vec<String>> {
            let names = |people: &BTreeSet<usize>| people.iter().map(|person| name(*person)).collect();
            desired.iter().map(|(group, people)| ((*group).to_owned(), names(people))).collect()
        };
        let wanted = wanted(&self.desired);
        loop {
            let live: BTreeMap<String, Vec<String>> =
                GROUPS.iter().map(|group| ((*group).to_owned(), self.bench.members(group))).collect();
            if live == wanted {
                break;
            }
            let log = || -> String { self.service.as_ref().map(Service::log).unwrap_or_default() };
            assert!(Instant::now() < deadline, "live {live:#?}\nwanted {wanted:#?}\n{}", record::tail(&log(), 60));
            self.service().hear();
        }
        // What was held up by faults to the last is recorded by a run that is in step.
        let log = self.service().log();
        let before = log.matches("\"in_step\"").count();
        while self.service().log().matches("\"in_step\"").count() == before {
            assert!(Instant::now() < deadline, "{}", record::tail(&self.service().log(), 60));
            self.service().hear();
        }
    }
}
