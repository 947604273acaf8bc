//! The facts of a decision: they say what was decided, are kept as they are, and stay small.

use std::collections::BTreeSet;

use jiff::Timestamp;
use proptest::prelude::*;
use rosterd::model::address::Address;
use rosterd::model::desired::PersonRef;
use rosterd::model::directory::{Person, SourceSnapshot};
use rosterd::model::facts::{DirectoryFacts, Facts, FeedFacts, Found, GroupFacts, MappingFacts, SourceFacts};
use rosterd::model::id::RunId;
use rosterd::model::live::{Account, Standing};
use rosterd::model::plan::{Op, Why};
use rosterd::model::policy::Mode;
use rosterd::reconcile::{Inputs, decide, facts, grants};
use rosterd::report::explain::{self, Asked, GroupAnswer, Identity, Question, Who, find};

use crate::store::State;
use crate::support::random::world;
use crate::support::small::{Source, World};

/// What a world comes to: its facts, and who is granted what, by group.
fn facts_of(world: &World) -> (Facts<'static>, Vec<(String, BTreeSet<PersonRef>)>) {
    let sources: Vec<SourceSnapshot> = world.sources.iter().map(Source::snapshot).collect();
    let inputs = Inputs {
        policy: &world.policy,
        sources: &sources,
        live: &world.live.state(),
        memory: &world.memory,
        now: world.now,
        only: None,
    };
    let decision = decide(inputs);
    let granted = (decision.desired.iter())
        .map(|(name, group)| (name.to_string(), grants::everybody(&sources, group).into_iter().collect()))
        .collect();
    (facts::of(&inputs, &decision, &RunId::new("r1")).into_owned(), granted)
}

/// Who is granted a group by the facts alone.
fn granted(facts: &Facts<'_>, group: &GroupFacts) -> BTreeSet<PersonRef> {
    let mut granted = BTreeSet::new();
    for feed in &group.feeds {
        let (Found::Group(root), source) = (&feed.found, &facts.sources[feed.source as usize]) else { continue };
        for (person, entry) in (0..).zip(source.people.iter()) {
            if !entry.disabled && !source.ways(*root, person).0.is_empty() {
                granted.insert(PersonRef { source: feed.source, person });
            }
        }
    }
    granted
}

/// The number of cases can be raised by `PROPTEST_CASES`.
fn config() -> ProptestConfig {
    let default = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    match std::env::var_os("PROPTEST_CASES") {
        Some(_) => default,
        None => ProptestConfig { cases: 120, ..default },
    }
}

/// The answer for one person in one group.
fn answer(facts: &Facts<'_>, who: &Identity, group: &GroupFacts) -> GroupAnswer {
    let asked = Asked { person: "somebody".into(), ..Asked::default() };
    let question = Question {
        asked: &asked,
        facts,
        who,
        group: Some(group),
        in_log: who.account.as_ref(),
        events: &[],
        holds: &Default::default(),
        now: facts.at,
    };
    explain::answer(&question).groups.remove(0)
}

proptest! {
    #![proptest_config(config())]

    /// The facts explain exactly the grants on which the decision rests, and everybody is found by each
    /// of their addresses.
    #[test]
    fn the_facts_explain_what_was_decided(seed in prop::collection::vec(any::<u8>(), 420)) {
        let (facts, wanted) = facts_of(&world(&seed));
        for (name, wanted) in wanted {
            let group = facts.group(&name).unwrap();
            prop_assert_eq!(granted(&facts, group), wanted, "{}", name);
        }
        for source in &facts.sources {
            for person in source.people.iter() {
                for address in &person.addresses {
                    prop_assert_ne!(find(&facts, address.as_str()), Who::Nobody);
                }
                prop_assert_ne!(find(&facts, person.key.as_str()), Who::Nobody);
            }
        }
    }

    /// Whoever is skipped or changed is told so, by whatever name they are asked for, with the same reason.
    #[test]
    fn every_skip_and_every_change_has_its_answer(seed in prop::collection::vec(any::<u8>(), 420)) {
        let (facts, _) = facts_of(&world(&seed));
        for group in &facts.groups {
            for skip in group.skips.iter().filter(|skip| skip.detail.as_deref() != Some("as the group's lead")) {
                match find(&facts, &skip.person) {
                    Who::One(who) => {
                        let answer = answer(&facts, &who, group);
                        let told = answer.skips.iter().any(|told| told.why == skip.why.as_str());
                        prop_assert!(told, "{:?} {:#?}", skip, answer);
                    }
                    // Two people, or two accounts, with one address: each is found by an id.
                    Who::Several(lines) => prop_assert!(lines.len() > 1),
                    Who::Nobody => prop_assert_eq!(skip.why, Why::UnknownMember),
                }
            }
            for change in &group.changes {
                let Some(account) = change.account.as_ref().filter(|_| matches!(change.op, Op::AddMember | Op::RemoveMember)) else { continue };
                let Who::One(who) = find(&facts, account.as_str()) else { panic!("{account} is one account") };
                let answer = answer(&facts, &who, group);
                prop_assert_eq!(answer.change.map(|change| change.op), Some(change.op.as_str().to_owned()));
                prop_assert_eq!(answer.member, Some(change.op == Op::RemoveMember), "nothing was carried out yet");
                if change.op == Op::AddMember {
                    prop_assert_eq!(answer.granted, Some(true));
                }
            }
        }
    }

    #[test]
    fn what_is_kept_is_what_was_found(seeds in prop::collection::vec(prop::collection::vec(any::<u8>(), 420), 2)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let state = State::new();
            let store = state.open().await;
            prop_assert_eq!(store.facts().await.unwrap(), None);
            for seed in seeds {
                let (mut facts, _) = facts_of(&world(&seed));
                // Times are kept to the millisecond.
                facts.at = Timestamp::from_millisecond(facts.at.as_millisecond()).unwrap();
                store.keep_facts(&facts).await.unwrap();
                prop_assert_eq!(store.facts().await.unwrap(), Some(facts));
            }
            Ok(())
        })?;
    }
}

/// A company of 25 000 people with ten memberships each.
fn large() -> Facts<'static> {
    const PEOPLE: u32 = 25_000;
    const GROUPS: u32 = 50;
    let address = |at: u32| format!("firstname.lastname{at}@corp.example");
    let id = |at: u32| format!("{at:08x}-5c9d-4d46-96f8-192da078dff6");
    // Every fifth person is in a group.
    let members = |group: u32| (0..PEOPLE).filter(move |at| (at + group).is_multiple_of(5)).collect::<Vec<u32>>();
    Facts {
        run: "r1".into(),
        at: Timestamp::UNIX_EPOCH,
        complete: true,
        own: "own".into(),
        sources: vec![SourceFacts {
            name: "ad".into(),
            kind: "ldap".into(),
            unread: None,
            everyone: false,
            evidence: String::new(),
            people: (0..PEOPLE)
                .map(|at| Person {
                    key: id(at).as_str().into(),
                    immutable: true,
                    addresses: vec![Address::parse(&address(at)).unwrap()],
                    disabled: false,
                    origin: format!("CN=Firstname Lastname {at},OU=Staff,OU=Berlin,DC=corp,DC=example").into(),
                })
                .collect(),
            meant: (0..PEOPLE).map(Some).collect(),
            sought: Default::default(),
            left_out: Default::default(),
            groups: (0..GROUPS)
                .map(|group| DirectoryFacts {
                    name: format!("grc-{group}"),
                    partial: None,
                    people: members(group),
                    groups: Vec::new(),
                })
                .collect(),
        }],
        mappings: vec![MappingFacts { source: "ad".into(), from: "^grc-".into(), pattern: true, to: "$0".into() }],
        accounts: (0..PEOPLE)
            .map(|at| Account {
                id: id(at).as_str().into(),
                email: Some(Address::parse(&address(at)).unwrap()),
                kind: "activeUser".into(),
                standing: Standing::Active,
            })
            .collect(),
        groups: (0..GROUPS)
            .map(|group| GroupFacts {
                name: format!("grc-{group}").as_str().into(),
                id: Some(id(group).as_str().into()),
                mode: Mode::Mirror,
                ready: true,
                complete: true,
                members: members(group),
                strangers: Vec::new(),
                feeds: vec![FeedFacts { mapping: 0, source: 0, found: Found::Group(group) }],
                problems: Vec::new(),
                changes: Vec::new(),
                skips: Vec::new(),
            })
            .collect(),
        holds: Default::default(),
    }
}

#[tokio::test]
async fn a_quarter_of_a_million_memberships_take_some_megabytes_and_a_second_time_nothing() {
    let state = State::new();
    let store = state.open().await;
    let mut facts = large();
    store.keep_facts(&facts).await.unwrap();
    let size = || {
        let of = |end: &str| std::fs::metadata(format!("{}{end}", state.path().display())).map_or(0, |file| file.len());
        of("") + of("-wal")
    };
    let first = size();
    assert!(first < 16 * 1024 * 1024, "{first} bytes");
    for run in 2..30 {
        facts.run = RunId::new(format!("r{run}"));
        store.keep_facts(&facts).await.unwrap();
    }
    // What SQLite writes beside the file grows with what is written, so nothing to speak of was.
    assert!(size() < first + 1024 * 1024, "{} bytes after {first}", size());
    assert_eq!(store.facts().await.unwrap(), Some(facts));
}
