//! Each reason by itself: the facts of a run that may skip, and one of them different.

use super::*;
use crate::model::live::Account;
use crate::store::{Actor, RunRow, Tally};

fn at(hours: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_hours(500_000 + hours)
}

fn last() -> RunRow {
    RunRow {
        undoes: None,
        run: "r1".into(),
        trigger: "apply".into(),
        partial: None,
        started_at: at(0),
        finished_at: Some(at(0)),
        outcome: Some(Outcome::Applied),
        exit: Some(0),
        planned: None,
        plan_digest: None,
        tally: Tally::default(),
        actor: Actor { service: String::new(), host: String::new(), operator: None },
        config_digest: "c".into(),
        version: "v".into(),
        first_seq: 1,
        last_seq: Some(2),
    }
}

fn live() -> LiveState {
    let account =
        |id: &str| Account { id: id.into(), email: None, kind: "activeUser".into(), standing: Standing::Active };
    LiveState {
        organisation: None,
        member_id: MemberIdKind::Id,
        member_id_proven: true,
        own: "own".into(),
        own_id: "own".to_owned(),
        accounts: vec![account("a1"), account("a2")],
        groups: vec![LiveGroup {
            id: "g1".into(),
            name: "One".to_owned(),
            lead: None,
            members: vec![0],
            strangers: Vec::new(),
        }],
        absent: BTreeMap::new(),
        problems: Vec::new(),
        reads: 3,
    }
}

fn memory() -> Memory {
    Memory {
        known_groups: [("g1".into(), "One".to_owned())].into(),
        left: [("g1".into(), vec!["a1".into()])].into(),
        seen: Some(Seen {
            at: at(0),
            marks: [("hr".into(), "m1".into()), ("ad".into(), "m2".into())].into(),
            live: live_digest(&live(), &Leads::new()),
        }),
        ..Memory::default()
    }
}

fn brief() -> Brief {
    Brief { seen: memory().seen, own_account: Some(("client".to_owned(), "own".to_owned())), ..Brief::default() }
}

/// The verdict where something differs from the facts of a run that may skip.
fn asked(change: impl FnOnce(&mut Facts<'_>, &mut Brief, &mut RunRow)) -> Result<(), Why> {
    let (hr, ad) = ("hr".into(), "ad".into());
    let (mut other, mut row) = (brief(), last());
    let brief = brief();
    let mut facts = Facts {
        partial: false,
        sources: vec![(&hr, true), (&ad, true)],
        digest: "c",
        version: "v",
        brief: &brief,
        now: at(1),
    };
    change(&mut facts, &mut other, &mut row);
    other.last = Some(row);
    facts.brief = &other;
    may_ask(&facts).map(|_| ())
}

#[test]
fn each_reason_to_read_is_one_alone() {
    assert_eq!(asked(|_, _, _| ()), Ok(()));
    assert_eq!(asked(|_, _, row| row.outcome = Some(Outcome::InStep)), Ok(()));
    assert_eq!(asked(|facts, _, _| facts.partial = true), Err(Why::Partial));
    assert_eq!(asked(|facts, _, _| facts.sources[1].1 = false), Err(Why::Always("ad".into())));
    assert_eq!(asked(|facts, _, _| facts.digest = "d"), Err(Why::Configuration));
    assert_eq!(asked(|facts, _, _| facts.version = "w"), Err(Why::Version));
    assert_eq!(asked(|_, brief, _| brief.holds = 1), Err(Why::Hold));
    assert_eq!(asked(|_, brief, _| brief.open = 1), Err(Why::CutOff));
    assert_eq!(asked(|_, brief, _| brief.seen = None), Err(Why::NothingSeen));
    assert_eq!(asked(|facts, _, _| _ = facts.sources.pop()), Err(Why::NothingSeen));
    assert_eq!(asked(|_, brief, _| brief.pending = 1), Err(Why::Grace));
    assert_eq!(asked(|_, brief, _| brief.approvals = 1), Err(Why::Approval));
}

#[test]
fn only_a_whole_run_that_left_nothing_to_do_is_followed() {
    for outcome in Outcome::ALL {
        let may = matches!(outcome, Outcome::InStep | Outcome::Applied);
        let expected = if may { Ok(()) } else { Err(Why::LastRun) };
        assert_eq!(asked(|_, _, row| row.outcome = Some(outcome)), expected, "{outcome:?}");
    }
    assert_eq!(asked(|_, _, row| row.outcome = None), Err(Why::LastRun), "killed");
    assert_eq!(asked(|_, _, row| row.partial = Some(Vec::new())), Err(Why::LastRun), "--group");
}

#[test]
fn a_day_is_the_longest_and_a_clock_that_was_set_back_is_not_believed() {
    let now = |now| asked(move |facts, _, _| facts.now = now);
    assert_eq!(now(at(24) - SignedDuration::from_secs(1)), Ok(()));
    assert_eq!(now(at(24)), Err(Why::Day(at(0))));
    assert_eq!(now(at(-1)), Err(Why::Day(at(0))));
}

#[test]
fn all_sources_vouch_or_none_does() {
    let unchanged = |name: &str| (SourceName::from(name), Answer::Unchanged(name.to_owned()));
    let how = all_vouch(vec![unchanged("hr"), unchanged("ad")]).unwrap();
    assert_eq!(how.len(), 2);
    let changed = ("ad".into(), Answer::Changed);
    assert_eq!(all_vouch(vec![unchanged("hr"), changed]), Err(Why::Changed("ad".into())));
    let silent = ("ad".into(), Answer::Silent("no answer".to_owned()));
    let why = all_vouch(vec![unchanged("hr"), silent]).unwrap_err();
    assert_eq!(why.to_string(), r#"source "ad" does not tell whether it changed: no answer"#);
}

#[test]
fn hyperproof_must_be_as_it_was_left() {
    let memory = memory();
    let seen = memory.seen.as_ref().unwrap();
    let verdict = |change: &dyn Fn(&mut LiveState)| {
        let mut live = live();
        change(&mut live);
        is_as_left(&memory, seen, &live)
    };
    assert_eq!(verdict(&|_| ()), Ok(()));
    assert_eq!(verdict(&|live| live.reads = 9), Ok(()));
    assert_eq!(verdict(&|live| live.groups[0].members.clear()), Err(Why::Drift));
    assert_eq!(verdict(&|live| live.groups[0].members.push(1)), Err(Why::Drift));
    assert_eq!(verdict(&|live| live.groups[0].strangers.push("a0".into())), Err(Why::Drift));
    assert_eq!(verdict(&|live| live.groups[0].name = "Two".to_owned()), Err(Why::Drift));
    assert_eq!(verdict(&|live| live.groups.clear()), Err(Why::Drift));
    let more =
        LiveGroup { id: "g2".into(), name: "Two".to_owned(), lead: None, members: Vec::new(), strangers: Vec::new() };
    assert_eq!(verdict(&|live| live.groups.push(more.clone())), Err(Why::Drift));
    let address = crate::model::address::Address::parse("ann@corp.example").ok();
    let changes: [&dyn Fn(&mut LiveState); 9] = [
        &|live| live.groups[0].lead = Some("a1".into()),
        &|live| live.accounts[0].email = address.clone(),
        &|live| live.accounts[0].standing = Standing::Deactivated,
        &|live| live.accounts[0].kind = "contact".into(),
        &|live| live.accounts[1].id = "a3".into(),
        &|live| _ = live.accounts.pop(),
        &|live| live.own = "a1".into(),
        &|live| live.member_id = MemberIdKind::UserId,
        &|live| _ = live.absent.insert("g9".into(), Absence::Gone),
    ];
    for (at, change) in changes.into_iter().enumerate() {
        assert_eq!(verdict(change), Err(Why::Accounts), "{at}");
    }
}

#[test]
fn a_group_that_is_known_from_before_and_left_nothing_is_no_drift() {
    let mut memory = memory();
    memory.known_groups.insert("g0".into(), "Zero".to_owned());
    memory.known_groups.insert("g9".into(), "Nine".to_owned());
    let seen = memory.seen.clone().unwrap();
    assert_eq!(is_as_left(&memory, &seen, &live()), Ok(()));
    let mut again = live();
    let nine =
        LiveGroup { id: "g9".into(), name: "Nine".to_owned(), lead: None, members: Vec::new(), strangers: Vec::new() };
    again.groups.push(nine);
    assert_eq!(is_as_left(&memory, &seen, &again), Err(Why::Drift), "it is back");
}

#[test]
fn answers_are_believed_by_their_seal_for_one_account_alone() {
    let lists = |users: &str, groups: &str, own: &str| Lists::new(users.into(), groups.into(), "[]".into(), own);
    let seen = lists("[1]", "[]", "own");
    let brief = Brief { answers: Some(seen.seal(SealKey::new(7))), ..brief() };
    assert!(is_as_answered(&brief, Some("own"), &seen));
    assert!(!is_as_answered(&brief, None, &seen), "signed in by another client id");
    assert!(!is_as_answered(&brief, Some("other"), &lists("[1]", "[]", "other")));
    assert!(!is_as_answered(&brief, Some("own"), &lists("[1] ", "[]", "own")));
    assert!(!is_as_answered(&brief, Some("own"), &lists("[]", "[1]", "own")), "which list it is counts");
    let without = |answers: Option<String>| Brief { answers, ..brief.clone() };
    assert!(!is_as_answered(&without(None), Some("own"), &seen));
    let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad".to_owned();
    assert!(!is_as_answered(&without(Some(digest)), Some("own"), &seen), "of a version without seals");
}

#[test]
fn a_lead_that_a_run_set_is_expected() {
    let mut after = live();
    after.groups[0].lead = Some("a1".into());
    let (group, account) = (GroupId::from("g1"), AccountId::from("a1"));
    assert_eq!(live_digest(&live(), &[(&group, Some(&account))].into()), live_digest(&after, &Leads::new()));
    assert_eq!(live_digest(&after, &[(&group, None)].into()), live_digest(&live(), &Leads::new()));
}
