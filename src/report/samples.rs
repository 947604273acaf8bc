//! Plans for the tests of this module.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;

use crate::model::desired::Grant;
use crate::model::directory::{Completeness, ReadFacts};
use crate::model::evidence::{FileRead, GroupRead, MappedGroup, ReadEvidence};
use crate::model::hold::{Hold, HoldId, Rule, Scope};
use crate::model::id::{GroupId, GroupName, RunId, SourceName};
use crate::model::plan::{
    Change, ChangeKey, GroupStanding, GroupSummary, Op, Plan, PlanDigest, Reason, Skip, SourceSummary, Why,
};
use crate::model::policy::Mode;
use crate::model::problem::Problem;
use crate::model::run::{ChangeResult, Outcome, PlanReport, RunReport, Traffic};

pub(crate) fn noon() -> Timestamp {
    "2026-11-22T12:00:00.123456Z".parse().unwrap()
}

pub(crate) fn change(group: &str, op: Op, who: Option<&str>, reason: Reason) -> Change {
    Change {
        key: ChangeKey {
            group: GroupName::new(group),
            op,
            account: who.map(|who| format!("u-{}", who.split('@').next().unwrap_or(who)).into()),
        },
        group_id: Some(GroupId::new(format!("g-{}", group.len()))),
        email: who.map(ToOwned::to_owned),
        reason,
        because: Vec::new(),
        entry: None,
        drift: matches!(reason, Reason::DriftAdded | Reason::DriftRemoved),
        report: false,
        holds: Vec::new(),
        approval: None,
    }
}

pub(crate) fn grant(source: &str, path: &[&str]) -> Grant {
    Grant {
        source: SourceName::new(source),
        directory_group: Arc::from(path[0]),
        path: path.iter().map(|step| Arc::from(*step)).collect(),
    }
}

pub(crate) fn group(name: &str, live: usize, desired: usize) -> GroupSummary {
    GroupSummary {
        name: GroupName::new(name),
        id: Some(GroupId::new(format!("g-{}", name.len()))),
        mode: Mode::Mirror,
        lead: None,
        live,
        desired,
        standing: GroupStanding::Ready,
        complete: true,
        grounds: Vec::new(),
        mappings: Vec::new(),
        problems: Vec::new(),
    }
}

pub(crate) fn source(name: &str) -> SourceSummary {
    SourceSummary {
        name: SourceName::new(name),
        kind: "csv",
        complete: true,
        people: 120,
        groups: 7,
        memberships: 310,
        granted: 118,
        addressed: 117,
        evidence: "2 files, 310 rows".to_owned(),
        facts: ReadFacts::default(),
        read: ReadEvidence::Files(FileRead {
            files: 2,
            rows: 310,
            oldest: Some(noon() - jiff::SignedDuration::from_hours(3)),
        }),
        mapped: vec![MappedGroup {
            name: "audit".to_owned(),
            id: None,
            completeness: Completeness::Complete,
            nested: 1,
            read: GroupRead { members: 4, ranges: 0, problems: Vec::new() },
        }],
        problems: Vec::new(),
        unchanged_since: None,
    }
}

pub(crate) fn skip(group: &str, person: &str, why: Why, detail: Option<&str>) -> Skip {
    Skip { group: GroupName::new(group), person: person.to_owned(), why, detail: detail.map(ToOwned::to_owned) }
}

/// Holds the changes under a rule.
pub(crate) fn hold(changes: &mut [&mut Change], rule: Rule, scope: Scope, limit: u64, text: &str) -> Hold {
    let keys: BTreeSet<ChangeKey> = changes.iter().map(|change| change.key.clone()).collect();
    let id = HoldId::of(rule, &scope, &keys);
    for change in changes {
        change.holds.push(id.clone());
    }
    Hold { id, rule, scope, limit, measured: keys.len() as u64, changes: keys, text: text.to_owned(), approval: None }
}

/// A plan of these parts, sorted as plans are.
pub(crate) fn plan(groups: Vec<GroupSummary>, mut changes: Vec<Change>) -> PlanReport {
    changes.sort_by(|a, b| a.key.cmp(&b.key));
    PlanReport {
        run: RunId::new("0199-run"),
        made_at: noon(),
        plan: Plan {
            undo_of: None,
            digest: PlanDigest::of(changes.iter().map(|change| &change.key)),
            complete: true,
            sources: vec![source("hr")],
            groups,
            writes: u32::from(changes.iter().any(Change::is_cleared)),
            changes,
            skips: Vec::new(),
            holds: Vec::new(),
            problems: Vec::new(),
            reads: 3,
        },
    }
}

pub(crate) fn run(planned: PlanReport, results: Vec<ChangeResult>, outcome: Outcome, exit: u8) -> RunReport {
    RunReport {
        planned,
        results,
        outcome,
        exit,
        finished_at: noon(),
        throttled_until: None,
        traffic: Traffic::default(),
    }
}

/// Everything is as it should be.
pub(crate) fn quiet() -> PlanReport {
    plan(vec![group("Auditors", 4, 4), group("Managers", 12, 12)], Vec::new())
}

/// One change, one skip, one hold.
pub(crate) fn small() -> RunReport {
    let mut add = change("Auditors", Op::AddMember, Some("ann@corp.example"), Reason::Granted);
    add.because = vec![grant("hr", &["audit", "audit-emea"])];
    let mut remove = change("Auditors", Op::RemoveMember, Some("bob@corp.example"), Reason::PersonGone);
    let scope = Scope::Group(GroupName::new("Auditors"));
    let hold = hold(&mut [&mut remove], Rule::FirstRun, scope, 0, "first full run of this group");
    let mut planned = plan(vec![group("Auditors", 4, 4)], vec![add, remove]);
    planned.plan.holds = vec![hold];
    planned.plan.skips = vec![skip("Auditors", "cy@corp.example", Why::NoAccount, None)];
    run(planned, vec![ChangeResult::Done, ChangeResult::Held], Outcome::Held, 11)
}

/// A bad night: a source is unread, a group is gone, things are held, done, and have failed.
pub(crate) fn busy() -> RunReport {
    let granted = |group: &str, who: &str| {
        let mut add = change(group, Op::AddMember, Some(who), Reason::Granted);
        add.because = vec![grant("hr", &["compliance"])];
        add
    };
    let mut ann = granted("Managers", "ann@corp.example");
    ann.because.push(grant("hr", &["leads"]));
    let mut nested = granted("Managers", "cy@corp.example");
    nested.because = vec![grant("hr", &["compliance", "emea", "berlin"])];
    nested.reason = Reason::DriftRemoved;
    let bob = change("Managers", Op::RemoveMember, Some("bob@corp.example"), Reason::PersonGone);
    let lead = change("Managers", Op::SetLead, Some("ann@corp.example"), Reason::Granted);
    let create = change("New Team", Op::CreateGroup, None, Reason::Granted);
    let mut watched = granted("Watched", "dee@corp.example");
    watched.report = true;
    let mut gone: Vec<Change> = ["eve", "fay", "gus"]
        .map(|name| format!("{name}@corp.example"))
        .iter()
        .map(|who| change("Auditors", Op::RemoveMember, Some(who), Reason::GrantEnded))
        .collect();
    let auditors = Scope::Group(GroupName::new("Auditors"));
    let mut all: Vec<&mut Change> = gone.iter_mut().collect();
    let removals = hold(&mut all, Rule::GroupRemovals, auditors.clone(), 2, "3 removals, the limit is 2");
    let first = hold(
        &mut all[..1],
        Rule::FirstRun,
        auditors,
        0,
        "this is its first full run: 1 removal to be looked at by a person",
    );
    let missing = Hold {
        measured: 1,
        ..hold(
            &mut [],
            Rule::Missing,
            Scope::Directory {
                source: SourceName::new("hr"),
                directory_group: "legal".to_owned(),
                group: GroupName::new("Legal"),
            },
            0,
            "directory group \"legal\" of hr is not there",
        )
    };
    let mut holds = vec![removals, first, missing];
    holds.sort_by(|a, b| a.id.cmp(&b.id));

    let mut lost = group("Lost", 0, 3);
    lost.standing = GroupStanding::Unusable;
    lost.id = None;
    lost.problems =
        vec![Problem::new("group \"Lost\"", "is not in Hyperproof").help("create it there, or set create = true")];
    let mut watching = group("Watched", 1, 2);
    watching.mode = Mode::Report;
    let mut unread = source("corp-ad");
    unread.kind = "ldap";
    unread.complete = false;
    unread.evidence = String::new();
    unread.problems = vec![Problem::new("ldaps://dc1.corp.example", "did not answer within 60 s")];

    let groups = vec![
        group("Auditors", 4, 1),
        group("Legal", 2, 2),
        lost,
        group("Managers", 12, 13),
        group("New Team", 0, 0),
        watching,
    ];
    let changes = vec![ann, nested, bob, lead, create, watched];
    let mut planned = plan(groups, changes.into_iter().chain(gone).collect());
    let plan = &mut planned.plan;
    plan.complete = false;
    plan.sources.insert(0, unread);
    plan.sources.push(source("hr-contractors"));
    plan.holds = holds;
    plan.writes = 4;
    plan.skips = (1..=5)
        .map(|n| skip("Managers", &format!("n{n}@corp.example"), Why::NoAccount, None))
        .chain([skip("Managers", "hal@corp.example", Why::Ambiguous, Some("2 accounts bear hal@corp.example"))])
        .collect();
    let results = plan.changes.iter().map(result).collect();
    run(planned, results, Outcome::Unread, 13)
}

fn result(change: &Change) -> ChangeResult {
    match (change.key.op, &change.email) {
        _ if change.report => ChangeResult::Report,
        _ if !change.holds.is_empty() => ChangeResult::Held,
        (Op::RemoveMember, _) => ChangeResult::AlreadySo,
        (Op::SetLead, _) => ChangeResult::Failed("400 Bad Request: lead is not a member".to_owned()),
        (Op::CreateGroup, _) => ChangeResult::NotTried("throttled".to_owned()),
        (Op::AddMember | Op::ClearLead, _) => ChangeResult::Done,
    }
}

/// As many additions to one group, and as many skips.
pub(crate) fn many(count: usize) -> PlanReport {
    let who = |n: usize| format!("n{n:04}@corp.example");
    let changes = (0..count).map(|n| change("Everybody", Op::AddMember, Some(&who(n)), Reason::Granted)).collect();
    let mut report = plan(vec![group("Everybody", 0, count)], changes);
    report.plan.skips = (count..2 * count).map(|n| skip("Everybody", &who(n), Why::NoAccount, None)).collect();
    report
}

/// Names that try to be more than names.
pub(crate) fn hostile() -> PlanReport {
    let name = "Evil\u{1b}[2J\n0 to add, 0 to remove|`x`<b>@security\u{202e}";
    let mut add = change(name, Op::AddMember, Some("a|`b`@corp.example"), Reason::Granted);
    add.because = vec![grant("hr", &["<img>\u{9b}31m"])];
    let mut report = plan(vec![group(name, 0, 1)], vec![add]);
    report.plan.skips = vec![skip(name, "x\r\ny", Why::UnknownMember, Some("\u{7}bell"))];
    report.plan.problems = vec![Problem::new("group \u{1b}]0;x", "a\nb")];
    report
}
