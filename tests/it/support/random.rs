//! Random small worlds: at most three sources, eight people, a handful of groups, with memory that real
//! runs left behind and then a few things changed. A world is made of bytes; fewer and smaller bytes
//! make a simpler one, which is how proptest shrinks it.

use std::time::Duration;

use rosterd::model::directory::SourceKind;
use rosterd::model::live::{Absence, Standing};
use rosterd::model::policy::{FirstRemovals, Lead, Limit, Mode, Rewrite};

use super::small::{Source, World, address, id, limit, mail};

const PEOPLE: [&str; 8] = ["p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7"];
const SOURCES: [&str; 3] = ["ad", "hr", "it"];
const FROM: [&str; 4] = ["t-a", "t-b", "t-c", "inner"];
const TARGETS: [&str; 4] = ["a", "b", "c", "d"];

/// Decisions made of bytes; the simplest one when they run out.
pub(crate) struct Choices<'a>(std::slice::Iter<'a, u8>);

impl<'a> Choices<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes.iter())
    }

    /// Below `n`.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        self.0.next().map_or(0, |byte| usize::from(*byte) % n)
    }

    /// Once in `n` times.
    pub(crate) fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == n - 1
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

/// A world as runs left it (or never ran in), and then changed a little.
pub(crate) fn world(bytes: &[u8]) -> World {
    let c = &mut Choices::new(bytes);
    let mut world = start(c);
    for _ in 0..c.below(3) {
        if c.once_in(2) {
            world.approve_all();
        }
        world.apply();
        if c.once_in(2) {
            world.memory.removed_today = c.below(4) as u64;
        }
        world.now += Duration::from_hours(c.below(30) as u64);
        for _ in 0..=c.below(4) {
            mutate(c, &mut world);
        }
    }
    if !c.once_in(2) {
        approve_some(c, &mut world);
    }
    if c.once_in(4) {
        mutate(c, &mut world);
    }
    world
}

/// Approves a few holds, sometimes of less than is held by now.
pub(crate) fn approve_some(c: &mut Choices<'_>, world: &mut World) {
    for hold in &world.plan().holds {
        if !c.once_in(3) {
            let mut approval = world.approval(hold);
            if c.once_in(4) {
                approval.changes.pop_first();
            }
            world.memory.approvals.push(approval);
        }
    }
}

fn start(c: &mut Choices<'_>) -> World {
    let mut world = World::new();
    accounts(c, &mut world);
    for name in SOURCES.iter().take(1 + c.below(3)) {
        world.source(name);
        let at = world.sources.len() - 1;
        source(c, &mut world.sources[at]);
    }
    mappings(c, &mut world);
    live(c, &mut world);
    rules(c, &mut world);
    guard(c, &mut world);
    world
}

fn accounts(c: &mut Choices<'_>, world: &mut World) {
    for name in PEOPLE {
        let odd = [Standing::Inactive, Standing::Deactivated, Standing::Ineligible];
        let standing = if c.once_in(8) { c.of(&odd) } else { Standing::Active };
        if !c.once_in(12) {
            world.account(name).standing = standing;
        }
    }
    for extra in ["x0", "x1"] {
        if c.once_in(3) {
            let bears = c.of(&PEOPLE);
            world.account(extra).email = Some(address(bears));
        }
    }
    if c.once_in(4) {
        world.account("mute").email = None;
    }
    if c.once_in(4) {
        let shift = c.of(&PEOPLE);
        world.account(&format!("{shift}-new"));
    }
}

fn source(c: &mut Choices<'_>, source: &mut Source) {
    source.kind = c.of(&[SourceKind::Csv, SourceKind::Ldap]);
    source.complete = !c.once_in(12);
    let immutable = c.once_in(2);
    for name in PEOPLE {
        if c.once_in(3) {
            continue;
        }
        // The key is another in each source, as ids are.
        let key = format!("{}-{name}", source.name);
        let human = source.person(&key);
        human.immutable = immutable;
        human.addresses = vec![mail(name)];
        human.disabled = c.once_in(8);
        if c.once_in(6) {
            human.addresses.push(mail(c.of(&PEOPLE)));
        }
        if c.once_in(12) {
            human.addresses = vec![mail(&format!("{name}@old.example")), mail(name)];
        }
        if c.once_in(20) {
            human.addresses.clear();
        }
    }
    for name in FROM {
        if !c.once_in(9) {
            group(c, source, name, immutable);
        }
    }
}

fn group(c: &mut Choices<'_>, source: &mut Source, name: &str, immutable: bool) {
    let people: Vec<String> = source.people.iter().map(|human| human.key.clone()).collect();
    let (share, nested, complete) = (2 + c.below(3), c.once_in(2), !c.once_in(16));
    let id_of = |group: &str| if immutable { format!("{}-{group}", source.name) } else { group.to_owned() };
    let inner = nested.then(|| id_of(c.of(&FROM)));
    let group = source.group(&id_of(name));
    group.immutable = immutable;
    group.names = vec![name.to_owned()];
    group.complete = complete;
    for person in people {
        if c.once_in(share) {
            group.people.insert(person);
        }
    }
    group.groups.extend(inner);
}

fn mappings(c: &mut Choices<'_>, world: &mut World) {
    let names: Vec<String> = world.sources.iter().map(|source| source.name.clone()).collect();
    for name in names {
        if c.once_in(3) {
            world.map_pattern(&name, "^t-(?<x>.)$", "${x}");
        }
        for _ in 0..=c.below(3) {
            let from = c.of(&FROM);
            let to = c.of(&TARGETS);
            world.map(&name, from, to);
        }
    }
}

fn live(c: &mut Choices<'_>, world: &mut World) {
    for target in TARGETS {
        if c.once_in(6) {
            continue;
        }
        world.live_group(target);
        for account in world.live.accounts.clone() {
            if c.once_in(2) {
                world.live_group(target).members.push(account.id);
            }
        }
        if c.once_in(8) {
            world.live_group(target).members.push(id("zz-unknown"));
        }
        if c.once_in(6) {
            world.live_group(target).lead = Some(id(c.of(&PEOPLE)));
        }
    }
    if c.once_in(12) {
        // Two groups of one name, or one that differs in case.
        let name = c.of(&["a", "A"]);
        world.live_group("zz").name = name.to_owned();
    }
}

fn rules(c: &mut Choices<'_>, world: &mut World) {
    for target in TARGETS {
        let mode =
            c.of(&[Mode::Mirror, Mode::Mirror, Mode::Mirror, Mode::Mirror, Mode::Owned, Mode::AddOnly, Mode::Report]);
        let rules = world.rules(target);
        rules.mode = mode;
        rules.create = c.once_in(2);
        rules.allow_empty = c.once_in(2);
        if c.once_in(5) {
            rules.keep = vec![address(c.of(&PEOPLE))];
        }
        if c.once_in(8) {
            rules.expect = vec![address(c.of(&PEOPLE))];
        }
        rules.min_members = if c.once_in(8) { c.below(5) as u32 } else { 0 };
        if c.once_in(5) {
            rules.lead = if c.once_in(3) { Lead::Cleared } else { Lead::Person(address(c.of(&PEOPLE))) };
        }
        if c.once_in(4) {
            rules.group_removals = Some(a_limit(c));
        }
        if c.once_in(4) {
            rules.group_adds = Some(a_limit(c));
        }
    }
    if c.once_in(6) {
        world.policy.identity.ignore = vec![mail(c.of(&PEOPLE))];
    }
    if c.once_in(6) {
        world.policy.identity.aliases = [(address(c.of(&PEOPLE)), address(c.of(&PEOPLE)))].into();
    }
    if c.once_in(6) {
        world.policy.identity.rewrite =
            vec![Rewrite { from: "@old.example".to_owned(), to: "@corp.example".to_owned() }];
    }
    world.policy.max_users_per_call = 1 + c.below(4);
}

pub(crate) fn a_limit(c: &mut Choices<'_>) -> Limit {
    limit(c.of(&[100, 100, 0, 0, 20, 50]), c.of(&[20, 20, 0, 1, 2, 3, 5]))
}

fn guard(c: &mut Choices<'_>, world: &mut World) {
    let guard = &mut world.policy.guard;
    guard.group_removals = a_limit(c);
    guard.group_adds = a_limit(c);
    guard.run_removals = a_limit(c);
    guard.run_adds = a_limit(c);
    guard.day_removals = a_limit(c);
    guard.source_shrink = a_limit(c);
    guard.first_removals = c.of(&[FirstRemovals::Apply, FirstRemovals::Apply, FirstRemovals::Hold]);
    guard.removal_grace = Duration::from_hours(if c.once_in(4) { 12 } else { 0 });
}

/// Changes one thing, as a day in a company does.
pub(crate) fn mutate(c: &mut Choices<'_>, world: &mut World) {
    match c.below(14) {
        0 | 1 => drift(c, world),
        2 => world.policy.guard.run_removals = a_limit(c),
        3 => {
            let account = c.below(world.live.accounts.len());
            let account = &mut world.live.accounts[account];
            if account.id != world.live.own {
                account.standing = c.of(&[Standing::Deactivated, Standing::Inactive, Standing::Active]);
            }
        }
        4 => {
            world.rules(TARGETS[0]).mode = c.of(&[Mode::Mirror, Mode::Report, Mode::Owned, Mode::AddOnly]);
        }
        5 => {
            let at = c.below(TARGETS.len());
            let group = format!("g-{}", TARGETS[at]).as_str().into();
            if world.live.group(&group).is_some() && c.once_in(3) {
                world.live.groups.retain(|live| live.id != group);
                world.live.absent.insert(group, Absence::Archived);
            }
        }
        _ => {
            let at = c.below(world.sources.len());
            mutate_source(c, &mut world.sources[at]);
        }
    }
}

fn drift(c: &mut Choices<'_>, world: &mut World) {
    let member = id(c.of(&PEOPLE));
    let Some(at) = (0..world.live.groups.len()).nth(c.below(4)) else { return };
    let members = &mut world.live.groups[at].members;
    match members.binary_search(&member) {
        Ok(at) => drop(members.remove(at)),
        Err(at) => members.insert(at, member),
    }
}

fn mutate_source(c: &mut Choices<'_>, source: &mut Source) {
    let person = c.below(source.people.len().max(1));
    let group = c.below(source.groups.len().max(1));
    match c.below(9) {
        0 => source.complete = !c.once_in(3),
        1 => {
            if person < source.people.len() {
                source.people.remove(person);
            }
        }
        2 => source.people.iter_mut().skip(person).take(1).for_each(|one| one.disabled = !one.disabled),
        3 => {
            let address = if c.once_in(2) { "-new" } else { "-newer" };
            for one in source.people.iter_mut().skip(person).take(1) {
                one.addresses = vec![mail(&format!("{}{address}", one.key.rsplit('-').next().unwrap_or("p0")))];
            }
        }
        4 => {
            if group < source.groups.len() {
                source.groups.remove(group);
            }
        }
        5 => {
            let name = c.of(&["t-a", "t-d", "other"]);
            source.groups.iter_mut().skip(group).take(1).for_each(|one| one.names = vec![name.to_owned()]);
        }
        _ => {
            let key = source.people.get(person).map(|one| one.key.clone());
            for one in source.groups.iter_mut().skip(group).take(1) {
                if let Some(key) = &key
                    && !one.people.remove(key)
                {
                    one.people.insert(key.clone());
                }
            }
        }
    }
}
