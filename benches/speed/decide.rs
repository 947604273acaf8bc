//! `decide()` beside a sorted merge of the same pairs: what it costs to know that nothing is to be done, and
//! what is.
//!
//! Bytes a membership are the most memory that the process had while it decided, less what it had when people,
//! their links to accounts, accounts and policy alone were there, over the memberships of the directory. So the
//! directory's groups, Hyperproof's groups, what the last run left, what rosterd owns and all that deciding
//! itself takes (the plan included) count; what there is once a person does not.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rosterd::model::address::Address;
use rosterd::model::desired::Feed;
use rosterd::model::directory::{Completeness, DirectoryGroup, Person, ReadFacts, SourceKind, SourceSnapshot};
use rosterd::model::id::{AccountId, AccountType, GroupId, GroupName};
use rosterd::model::live::{Account, LiveGroup, LiveState, MemberIdKind, Standing};
use rosterd::model::memberships::Memberships;
use rosterd::model::memory::{Learned, Memory};
use rosterd::model::piece::Piece;
use rosterd::model::policy::{
    FirstRemovals, GroupPolicy, Guard, Identity, Lead, Limit, Mapping, Mode, Policy, Selector,
};
use rosterd::reconcile::{Inputs, decide, mapping};

use crate::measure::{self, Figures, Goal, Row, Scale};
use crate::world::{Shape, account_id, address, group_id, group_name};

/// What there is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Todo {
    Nothing,
    /// One membership in a hundred differs: half of them are to be added, the others to be removed.
    Churn,
    /// All groups are empty, and nothing is remembered.
    Everything,
}

const TODOS: [(&str, Todo); 3] = [("nothing", Todo::Nothing), ("churn", Todo::Churn), ("everything", Todo::Everything)];

const SMALL: Shape = Shape { people: 1_000, groups: 100, memberships: 10_000, largest: 500 };
const MIDDLE: Shape = Shape { people: 20_000, groups: 1_000, memberships: 100_000, largest: 5_000 };
const MILLION: Shape = Shape { people: 100_000, groups: 1_000, memberships: 1_000_000, largest: 50_000 };
const LARGE: Shape = Shape { people: 20_000, groups: 1_000, memberships: 10_000_000, largest: 20_000 };
const MANY: Shape = Shape { people: 100_000, groups: 10_000, memberships: 10_000_000, largest: 50_000 };
const WIDE: Shape = Shape { people: 1_000_000, groups: 10_000, memberships: 10_000_000, largest: 250_000 };

pub(crate) fn rows(scale: Scale) -> Vec<Row> {
    use Todo::{Churn, Everything, Nothing};
    let cases: &[(Shape, Todo)] = match scale {
        Scale::Quick => &[(SMALL, Nothing), (Shape::USUAL, Churn), (MILLION, Nothing)],
        Scale::Full => &[
            (SMALL, Nothing),
            (SMALL, Churn),
            (SMALL, Everything),
            (MIDDLE, Nothing),
            (MIDDLE, Churn),
            (MIDDLE, Everything),
            (Shape::USUAL, Nothing),
            (Shape::USUAL, Churn),
            (Shape::USUAL, Everything),
            (MILLION, Nothing),
            (MILLION, Churn),
            (MILLION, Everything),
            (LARGE, Nothing),
            (LARGE, Churn),
            (MANY, Nothing),
            (WIDE, Nothing),
        ],
    };
    cases.iter().map(|(shape, todo)| row(*shape, *todo)).collect()
}

fn row(shape: Shape, todo: Todo) -> Row {
    let Shape { people, groups, memberships, largest } = shape;
    let word = TODOS.iter().find(|(_, own)| *own == todo).map_or("", |(word, _)| word);
    let size = [people, groups, memberships, largest].map(|count| count.to_string());
    let args = |part| [part, word, &size[0], &size[1], &size[2], &size[3]].map(str::to_owned);
    let child = |part| {
        let args = args(part);
        measure::child("decide", &args.each_ref().map(String::as_str))
    };
    let (ours, floor) = measure::pair(3, || child("decide"), || child("merge"));
    let bytes = (ours.peak.saturating_sub(ours.base) * 1024) as f64 / f64::from(memberships);
    Row {
        subject: "decide".to_owned(),
        case: format!("{people} people, {groups} groups, {memberships} memberships, {word} to do"),
        ours,
        floor: Some(("sorted merge".to_owned(), floor)),
        goals: match (memberships, todo) {
            (10_000_000, Todo::Nothing) => vec![Goal::Wall(3.0), Goal::Cpu(3.0)],
            _ => Vec::new(),
        },
        note: format!("{bytes:.1} bytes a membership"),
    }
}

pub(crate) fn child(args: &[&str]) -> Figures {
    let [part, todo, size @ ..] = args else { panic!("{args:?}") };
    let size: Vec<u32> = size.iter().map(|count| count.parse().expect("a number")).collect();
    let &[people, groups, memberships, largest] = size.as_slice() else { panic!("{args:?}") };
    let shape = Shape { people, groups, memberships, largest };
    let (_, todo) = TODOS.into_iter().find(|(word, _)| word == todo).expect("a word of ours");
    match *part {
        "decide" => deciding(shape, todo),
        "merge" => merging(shape, todo),
        _ => panic!("{args:?}"),
    }
}

/// Members of a group in Hyperproof, as people.
fn live_members(shape: Shape, todo: Todo, group: u32) -> Vec<u32> {
    let wanted = shape.members(group);
    match todo {
        Todo::Nothing => wanted,
        Todo::Everything => Vec::new(),
        Todo::Churn => {
            let moves = |at: usize| at % 200 == 100;
            let stays = wanted.iter().enumerate().filter(|(at, _)| !moves(*at)).map(|(_, person)| *person);
            let others = wanted.iter().enumerate().filter(|(at, _)| moves(*at)).map(|(_, person)| person + 1);
            let others = others.filter(|other| *other < shape.people && wanted.binary_search(other).is_err());
            let mut members: Vec<u32> = stays.chain(others).collect();
            members.sort_unstable();
            members
        }
    }
}

/// Where each person's account stands among accounts that are sorted by id.
fn places(shape: Shape) -> Vec<u32> {
    let mut order: Vec<u32> = (0..shape.people).collect();
    order.sort_by_cached_key(|person| account_id(*person));
    let mut places = vec![0; order.len()];
    for (person, place) in order.into_iter().zip(0..) {
        places[person as usize] = place;
    }
    places
}

/// The floor: the same memberships as sorted pairs, already there.
fn merging(shape: Shape, todo: Todo) -> Figures {
    let places = places(shape);
    let pairs = |members: &dyn Fn(u32) -> Vec<u32>| {
        let mut pairs: Vec<(u32, u32)> = Vec::with_capacity(shape.memberships as usize);
        for group in 0..shape.groups {
            let from = pairs.len();
            pairs.extend(members(group).into_iter().map(|person| (group, places[person as usize])));
            pairs[from..].sort_unstable();
        }
        pairs
    };
    let desired = pairs(&|group| shape.members(group));
    let live = pairs(&|group| live_members(shape, todo, group));
    let ((added, removed), figures) = measure::section(|| merge(&desired, &live));
    assert_eq!(added + removed == 0, todo == Todo::Nothing);
    figures
}

/// Pairs that are on one side alone.
fn merge(desired: &[(u32, u32)], live: &[(u32, u32)]) -> (usize, usize) {
    let (mut at, mut live_at) = (0, 0);
    let (mut added, mut removed) = (0, 0);
    while let (Some(wanted), Some(found)) = (desired.get(at), live.get(live_at)) {
        match wanted.cmp(found) {
            std::cmp::Ordering::Equal => {
                at += 1;
                live_at += 1;
            }
            std::cmp::Ordering::Less => {
                added += 1;
                at += 1;
            }
            std::cmp::Ordering::Greater => {
                removed += 1;
                live_at += 1;
            }
        }
    }
    (added + desired.len() - at, removed + live.len() - live_at)
}

fn deciding(shape: Shape, todo: Todo) -> Figures {
    let policy = policy();
    let mut source = source(shape);
    let places = places(shape);
    let mut memory = Memory::default();
    if todo != Todo::Everything {
        memory.learned = Learned {
            person_links: (0..shape.people)
                .map(|person| (("hr".into(), key(person).into()), AccountId::new(account_id(person))))
                .collect(),
            ..Learned::default()
        };
    }
    let mut live = live(shape);
    let ((), alone) = measure::section(|| ());
    for group in 0..shape.groups {
        source.groups.push(directory_group(group, shape.members(group)));
        let mut members: Vec<u32> =
            live_members(shape, todo, group).into_iter().map(|person| places[person as usize]).collect();
        members.sort_unstable();
        live.groups.push(LiveGroup {
            id: GroupId::new(group_id(group)),
            name: group_name(group),
            lead: None,
            members,
            strangers: Vec::new(),
        });
    }
    live.groups.sort_by(|a, b| a.id.cmp(&b.id));
    if todo != Todo::Everything {
        remember(shape, &policy, &live, &mut memory);
    }
    let sources = [source];
    let inputs = Inputs {
        policy: &policy,
        sources: &sources,
        live: &live,
        memory: &memory,
        now: Timestamp::UNIX_EPOCH,
        only: None,
    };
    tidy();
    let (decision, figures) = measure::section(|| decide(inputs));
    let plan = decision.cleared.plan();
    assert_eq!(plan.changes.is_empty(), todo == Todo::Nothing, "{} changes", plan.changes.len());
    assert_eq!((plan.groups.len(), plan.complete), (shape.groups as usize, true));
    assert!(
        plan.skips.is_empty() && decision.learned.settled.len() == memory.learned.settled.len().max(plan.groups.len())
    );
    Figures { base: alone.base, ..figures }
}

/// Has the allocator join the hundred thousands of small pieces that the preparation freed. It puts that off to the
/// next large allocation, and that would be one of the measured work.
fn tidy() {
    drop(std::hint::black_box(Vec::<u8>::with_capacity(64 * 1024)));
}

fn key(person: u32) -> String {
    format!("{person:08x}-0000-4000-a000-000000000000")
}

/// Texts that lie together, as the decoders lay them.
fn together<'a, const N: usize>(texts: impl Iterator<Item = &'a [String; N]>) -> impl Iterator<Item = [Piece; N]> {
    let (mut whole, mut ends) = (String::new(), Vec::new());
    for text in texts.flatten() {
        whole.push_str(text);
        ends.push(whole.len());
    }
    let mut pieces = Piece::cut(whole, ends);
    std::iter::from_fn(move || {
        let one: [Option<Piece>; N] = std::array::from_fn(|_| pieces.next());
        one[N - 1].is_some().then(|| one.map(|piece| piece.expect("the last is there")))
    })
}

/// The source with its people, before its groups.
fn source(shape: Shape) -> SourceSnapshot {
    let person = |person| {
        let texts = [key(person), format!("uid=person.{person},ou=people,dc=corp,dc=example"), address(person)];
        let [key, origin, address] = together([&texts].into_iter()).next().expect("there is one");
        let addresses = vec![Address::of(address).expect("an address")];
        Person { key: key.into(), immutable: true, addresses, disabled: false, origin }
    };
    SourceSnapshot {
        name: "hr".into(),
        kind: SourceKind::Ldap,
        completeness: Completeness::Complete,
        people: (0..shape.people).map(person).collect(),
        everyone: true,
        groups: Vec::new(),
        problems: Vec::new(),
        evidence: String::new(),
        read: Default::default(),
        files: Default::default(),
        columns: Default::default(),
        facts: ReadFacts::default(),
        watermark: None,
    }
}

fn directory_group(group: u32, people: Vec<u32>) -> DirectoryGroup {
    let name = group_name(group);
    let dn = format!("cn={name},ou=groups,dc=corp,dc=example");
    DirectoryGroup {
        key: format!("{group:08x}-0000-4000-b000-000000000000").into(),
        immutable: true,
        names: vec![name],
        full_names: vec![dn.clone()],
        people,
        groups: Vec::new(),
        completeness: Completeness::Complete,
        member_name: Some(dn),
        dangling: Vec::new(),
        read: Default::default(),
    }
}

/// Hyperproof with its accounts, before its groups.
fn live(shape: Shape) -> LiveState {
    let mut texts: Vec<[String; 2]> = (0..shape.people).map(|person| [account_id(person), address(person)]).collect();
    texts.sort_unstable();
    let kind = AccountType::new("activeUser");
    let account = |[id, email]: [Piece; 2]| Account {
        id: id.into(),
        email: Address::of(email).ok(),
        kind: kind.clone(),
        standing: Standing::Active,
    };
    let accounts = texts.chunks(500).flat_map(|some| together(some.iter())).map(account).collect();
    LiveState {
        organisation: Some("org".to_owned()),
        member_id: MemberIdKind::UserId,
        member_id_proven: true,
        own: "own".into(),
        own_id: "own".to_owned(),
        accounts,
        groups: Vec::new(),
        absent: BTreeMap::new(),
        problems: Vec::new(),
        reads: 3,
    }
}

/// What a run left that made all of live's memberships.
fn remember(shape: Shape, policy: &Policy, live: &LiveState, memory: &mut Memory) {
    // As they are loaded: with ids of their own, which what is owned shares with what was left.
    let ids: Vec<AccountId> = live.accounts.iter().map(|account| AccountId::new(account.id.as_str())).collect();
    let memberships = |ids| {
        let groups = live.groups.iter().map(|group| (group.id.clone(), group.members.clone()));
        Memberships::new(ids, groups.collect())
    };
    memory.left = memberships(ids.clone());
    memory.owned = memberships(ids);
    for group in 0..shape.groups {
        let (name, id) = (GroupName::new(group_name(group)), GroupId::new(group_id(group)));
        memory.known_groups.insert(id.clone(), name.to_string());
        memory.learned.settled.insert(name.clone(), mapping::digest(policy, &name, Mode::Mirror, Some(&id)));
        let feed = Feed {
            source: "hr".into(),
            name: group_name(group),
            key: Some(directory_group(group, Vec::new()).key),
            immutable: true,
        };
        memory.learned.feeds.insert(name.clone(), vec![feed]);
        memory.group_links.insert(name, id);
    }
    memory.learned.baselines.insert("hr".into(), u64::from(shape.people));
    memory.learned.addressed.insert("hr".into(), u64::from(shape.people));
}

/// The defaults of the product; every directory group has a target group of its name.
fn policy() -> Policy {
    let limit = |percent, floor| Limit { percent, floor };
    let from = regex::Regex::new("^(?<name>group-.*)$").expect("a pattern");
    Policy {
        mappings: vec![Mapping { source: "hr".into(), from: Selector::Pattern(from), to: "${name}".to_owned() }],
        groups: BTreeMap::new(),
        group_defaults: GroupPolicy {
            id: None,
            mode: Mode::Mirror,
            keep: Vec::new(),
            expect: Vec::new(),
            min_members: 0,
            lead: Lead::Untouched,
            create: false,
            allow_empty: false,
            group_removals: None,
            group_adds: None,
        },
        identity: Identity::default(),
        guard: Guard {
            group_removals: limit(20, 3),
            group_adds: limit(100, 20),
            run_removals: limit(10, 20),
            run_adds: limit(25, 100),
            day_removals: limit(20, 40),
            source_shrink: limit(10, 10),
            first_removals: FirstRemovals::Hold,
            removal_grace: std::time::Duration::ZERO,
        },
        max_users_per_call: 200,
    }
}
