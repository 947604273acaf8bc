//! Notices as they are sent: texts, documents, cards, and that nobody is named who must not be.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use crate::model::hold::{Hold, HoldId, Rule};
use crate::model::notice::{Condition, Due, End, Seen, Waiting};
use crate::model::problem::Problem;
use crate::model::run::{Outcome, RunReport};
use crate::report::notice_json::{self, NoticeDocument};
use crate::report::notice_text::{self, NoticeView};
use crate::report::{json, samples, written};

fn yesterday() -> Timestamp {
    samples::noon() - SignedDuration::from_hours(24)
}

fn waiting(hold: &Hold) -> Waiting {
    Waiting {
        id: hold.id.clone(),
        rule: hold.rule,
        group: hold.scope.group().cloned(),
        text: hold.text.clone(),
        changes: hold.changes.clone(),
        first_seen: yesterday(),
    }
}

fn seen(report: &RunReport) -> Seen<'_> {
    let waiting = report.planned.plan.holds.iter().map(waiting).collect();
    Seen { at: samples::noon(), end: End::Report(report), partial: false, stopped: false, waiting }
}

fn view<'a>(due: &'a Due, seen: &'a Seen<'a>, personal_data: bool) -> NoticeView<'a> {
    NoticeView { id: "0199-notice", due, seen, personal_data, host: "grc1", version: "1.2.3" }
}

fn began(condition: Condition, new: &[&str]) -> Due {
    Due::Began { condition, since: samples::noon(), new: new.iter().map(|part| (*part).to_owned()).collect() }
}

/// Subject and text.
fn told(due: &Due, seen: &Seen<'_>, personal_data: bool) -> String {
    let view = view(due, seen, personal_data);
    format!("{}\n\n{}", notice_text::subject(&view), written(|out| notice_text::write(out, &view)))
}

/// A run in which nothing could be read, or everything was.
fn run(outcome: Outcome, exit: u8) -> RunReport {
    samples::run(samples::quiet(), Vec::new(), outcome, exit)
}

#[test]
fn a_hold_is_told_with_the_command_that_approves_it() {
    let report = samples::busy();
    let seen = seen(&report);
    insta::assert_snapshot!(told(&began(Condition::Held, &["h-14e981d2f2bb"]), &seen, false), @r#"
    rosterd on grc1: 1 new hold waits for approval, 3 in all

    The guard holds what follows, since 2026-11-22 12:00:00 UTC. None of it happens until a person approves it.

    new: h-14e981d2f2bb Auditors: 3 removals, the limit is 2 [group_removals; 3 changes]
        rosterd approve h-14e981d2f2bb --by YOU --reason "…"

    h-24f9683dfca3 Auditors: this is its first full run: 1 removal to be looked at by a person [first_run; 1 change]
        rosterd approve h-24f9683dfca3 --by YOU --reason "…"

    h-c7025fe642d1 Legal: directory group "legal" of hr is not there [missing; 0 changes]
        rosterd approve h-c7025fe642d1 --by YOU --reason "…"

    All of them at once:
        rosterd approve sha256:01f27b74e2d8ef19ffd5af329e076cd783af33b2a2431fc9640c7d3197a0b3c3 --by YOU --reason "…"

    What to do next: look at them with
        rosterd holds
    Approve what is right, by the command under it. What is wrong is mended in the directory or in the configuration; its hold then goes by itself.

    Run 0199-run of 2026-11-22 12:00:00 UTC: a source or Hyperproof could not be read completely
    2 added, 0 removed, 1 already so, 1 failed, 1 not tried, 3 held, 1 report only, 6 skipped
    rosterd 1.2.3 on grc1
    "#);
}

#[test]
fn with_personal_data_the_changes_are_named() {
    let report = samples::small();
    let seen = seen(&report);
    insta::assert_snapshot!(told(&began(Condition::Held, &["h-601fe0de4c7c"]), &seen, true), @r#"
    rosterd on grc1: 1 hold waits for approval

    The guard holds what follows, since 2026-11-22 12:00:00 UTC. None of it happens until a person approves it.

    new: h-601fe0de4c7c Auditors: first full run of this group [first_run; 1 change]
        rosterd approve h-601fe0de4c7c --by YOU --reason "…"

    What they hold:
    - remove bob@corp.example in Auditors

    What to do next: look at them with
        rosterd holds
    Approve what is right, by the command under it. What is wrong is mended in the directory or in the configuration; its hold then goes by itself.

    Run 0199-run of 2026-11-22 12:00:00 UTC: finished, and the guard holds something
    1 added, 0 removed, 0 failed, 1 held, 1 skipped
    rosterd 1.2.3 on grc1
    "#);
}

#[test]
fn a_failure_is_told_part_by_part() {
    let report = samples::busy();
    insta::assert_snapshot!(told(&Due::Lasts { condition: Condition::Failed, since: yesterday() }, &seen(&report), false), @r#"
    rosterd on grc1: still: not every source could be read

    What is the matter, since 2026-11-21 12:00:00 UTC:
    - source corp-ad (ldap) was not read completely; rosterd status tells more
    - group Lost: is not in Hyperproof (help: create it there, or set create = true)
    - 1 change failed; the next run tries again
    - 1 change not tried; the next run goes on

    What could not be read was left alone: nobody is removed because of it.

    What to do next: mend what is named above; the next run goes on by itself. To see whether everything can be read:
        rosterd check --online

    Run 0199-run of 2026-11-22 12:00:00 UTC: a source or Hyperproof could not be read completely
    2 added, 0 removed, 1 already so, 1 failed, 1 not tried, 3 held, 1 report only, 6 skipped
    rosterd 1.2.3 on grc1
    "#);
    let text = told(&Due::Lasts { condition: Condition::Failed, since: yesterday() }, &seen(&report), true);
    assert!(text.contains("- make ann@corp.example the lead in Managers: 400 Bad Request"), "{text}");
}

#[test]
fn groups_that_rest_on_an_unread_source_are_told_together_and_others_by_themselves() {
    let mut report = run(Outcome::Unread, 13);
    let plan = &mut report.planned.plan;
    plan.complete = false;
    for group in &mut plan.groups {
        group.complete = false;
    }
    let due = began(Condition::Failed, &[]);
    let text = told(&due, &seen(&report), false);
    assert!(text.contains("- group Auditors: not everything that could grant it was read"), "{text}");
    report.planned.plan.sources[0].complete = false;
    let text = told(&due, &seen(&report), false);
    assert!(text.contains("- because of that nobody is removed from Auditors, Managers\n"), "{text}");
    assert!(!text.contains("- group Auditors"), "{text}");
    let quiet = run(Outcome::PartlyApplied, 12);
    let text = told(&due, &seen(&quiet), false);
    assert!(text.contains("- some changes failed or could not be made; rosterd status tells more"), "{text}");
}

#[test]
fn hyperproof_unread_and_a_run_that_broke() {
    let mut report = run(Outcome::Unread, 13);
    report.planned.plan.reads = 0;
    report.planned.plan.complete = false;
    report.planned.plan.problems = vec![Problem::new("Hyperproof", "GET /users: no answer within 30s")];
    insta::assert_snapshot!(told(&began(Condition::Failed, &[]), &seen(&report), false), @r#"
    rosterd on grc1: Hyperproof could not be read

    What is the matter, since 2026-11-22 12:00:00 UTC:
    - Hyperproof could not be read: GET /users: no answer within 30s

    What could not be read was left alone: nobody is removed because of it.

    What to do next: mend what is named above; the next run goes on by itself. To see whether everything can be read:
        rosterd check --online

    Run 0199-run of 2026-11-22 12:00:00 UTC: a source or Hyperproof could not be read completely
    0 added, 0 removed, 0 failed, 0 held, 0 skipped
    rosterd 1.2.3 on grc1
    "#);
    let end = End::Error { text: "state file: the disk is full".into(), help: "make room".into(), exit: 1 };
    let broke = Seen { end, ..seen(&report) };
    insta::assert_snapshot!(told(&began(Condition::Failed, &[]), &broke, false), @r#"
    rosterd on grc1: a run failed

    What is the matter, since 2026-11-22 12:00:00 UTC:
    - the run ended before its time: state file: the disk is full (help: make room)

    Nothing was sent after that.

    What to do next: mend what is named above; the next run goes on by itself. To see whether everything can be read:
        rosterd check --online

    rosterd 1.2.3 on grc1
    "#);
}

#[test]
fn a_throttle_and_the_end_of_all_trouble() {
    let mut report = run(Outcome::Throttled, 13);
    report.throttled_until = Some(samples::noon() + SignedDuration::from_hours(1));
    insta::assert_snapshot!(told(&began(Condition::Throttled, &[]), &seen(&report), false), @r#"
    rosterd on grc1: throttled by Hyperproof

    Hyperproof takes no more requests for now, since 2026-11-22 12:00:00 UTC; the run was cut off.
    Nothing is asked before 2026-11-22 13:00:00 UTC.

    What to do next: nothing; the first run after that goes on. If this happens often, lower requests_per_minute in [hyperproof], or let runs be further apart.

    Run 0199-run of 2026-11-22 12:00:00 UTC: throttled by Hyperproof
    0 added, 0 removed, 0 failed, 0 held, 0 skipped
    rosterd 1.2.3 on grc1
    "#);
    let report = run(Outcome::InStep, 0);
    let due = Due::Recovered { since: yesterday(), was: vec![Condition::Held, Condition::Failed] };
    insta::assert_snapshot!(told(&due, &seen(&report), false), @r#"
    rosterd on grc1: all is well again

    The last run found everything in order. It had not been since 2026-11-21 12:00:00 UTC (held, failed).
    There is nothing to do.

    Run 0199-run of 2026-11-22 12:00:00 UTC: in step
    0 added, 0 removed, 0 failed, 0 held, 0 skipped
    rosterd 1.2.3 on grc1
    "#);
}

#[test]
fn a_webhook_gets_a_document() {
    let report = samples::small();
    let due = began(Condition::Held, &["h-601fe0de4c7c"]);
    insta::assert_snapshot!(json(&NoticeDocument::of(&view(&due, &seen(&report), false))), @r#"
    {
      "format": "rosterd.notice/1",
      "id": "0199-notice",
      "event": "held",
      "lasting": false,
      "since": "2026-11-22T12:00:00Z",
      "at": "2026-11-22T12:00:00Z",
      "host": "grc1",
      "version": "1.2.3",
      "run_id": "0199-run",
      "outcome": "held",
      "exit": 11,
      "subject": "rosterd on grc1: 1 hold waits for approval",
      "text": "The guard holds what follows, since 2026-11-22 12:00:00 UTC. None of it happens until a person approves it.\n\nnew: h-601fe0de4c7c Auditors: first full run of this group [first_run; 1 change]\n    rosterd approve h-601fe0de4c7c --by YOU --reason \"…\"\n\nWhat to do next: look at them with\n    rosterd holds\nApprove what is right, by the command under it. What is wrong is mended in the directory or in the configuration; its hold then goes by itself.\n\nRun 0199-run of 2026-11-22 12:00:00 UTC: finished, and the guard holds something\n1 added, 0 removed, 0 failed, 1 held, 1 skipped\nrosterd 1.2.3 on grc1\n",
      "holds": [
        {
          "id": "h-601fe0de4c7c",
          "rule": "first_run",
          "group": "Auditors",
          "changes": 1,
          "new": true,
          "approve": "rosterd approve h-601fe0de4c7c --by YOU --reason \"…\""
        }
      ],
      "waiting": 1,
      "sources": [],
      "groups": [],
      "throttled_until": null,
      "changes": []
    }
    "#);
}

#[test]
fn slack_gets_a_message_in_which_names_are_names() {
    let report = samples::small();
    let mut seen = seen(&report);
    seen.waiting[0].group = Some("<!channel> R&D".into());
    let due = began(Condition::Held, &["h-601fe0de4c7c"]);
    insta::assert_snapshot!(notice_json::slack(&view(&due, &seen, false)), @r#"
    {
      "text": "*rosterd on grc1: 1 hold waits for approval*\nThe guard holds what follows, since 2026-11-22 12:00:00 UTC. None of it happens until a person approves it.\n\nnew: h-601fe0de4c7c &lt;!channel&gt; R&amp;D: first full run of this group [first_run; 1 change]\n`rosterd approve h-601fe0de4c7c --by YOU --reason \"…\"`\n\nWhat to do next: look at them with\n`rosterd holds`\nApprove what is right, by the command under it. What is wrong is mended in the directory or in the configuration; its hold then goes by itself.\n\nRun 0199-run of 2026-11-22 12:00:00 UTC: finished, and the guard holds something\n1 added, 0 removed, 0 failed, 1 held, 1 skipped\nrosterd 1.2.3 on grc1",
      "mrkdwn": true,
      "unfurl_links": false
    }
    "#);
}

#[test]
fn teams_gets_a_card_without_markdown() {
    let report = run(Outcome::InStep, 0);
    let due = Due::Recovered { since: yesterday(), was: vec![Condition::Held] };
    insta::assert_snapshot!(notice_json::teams(&view(&due, &seen(&report), false)), @r#"
    {"type":"message","attachments":[{"contentType":"application/vnd.microsoft.card.adaptive","contentUrl":null,"content":{"$schema":"http://adaptivecards.io/schemas/adaptive-card.json","type":"AdaptiveCard","version":"1.4","body":[{"type":"RichTextBlock","spacing":"None","inlines":[{"type":"TextRun","text":"rosterd on grc1: all is well again","weight":"Bolder"}]},{"type":"RichTextBlock","spacing":"Medium","inlines":[{"type":"TextRun","text":"The last run found everything in order. It had not been since 2026-11-21 12:00:00 UTC (held)."}]},{"type":"RichTextBlock","spacing":"None","inlines":[{"type":"TextRun","text":"There is nothing to do."}]},{"type":"RichTextBlock","spacing":"Medium","inlines":[{"type":"TextRun","text":"Run 0199-run of 2026-11-22 12:00:00 UTC: in step"}]},{"type":"RichTextBlock","spacing":"None","inlines":[{"type":"TextRun","text":"0 added, 0 removed, 0 failed, 0 held, 0 skipped"}]},{"type":"RichTextBlock","spacing":"None","inlines":[{"type":"TextRun","text":"rosterd 1.2.3 on grc1"}]}]}}]}
    "#);
}

/// A hold of each rule, its text full of what must not be told, and more of them than anybody reads.
fn crowd(count: usize) -> Vec<Waiting> {
    let hold = |n: usize| Waiting {
        id: HoldId::from_text(&format!("h-{n:012x}")),
        rule: Rule::ALL[n % Rule::ALL.len()],
        group: Some(format!("Group {n}").into()),
        text: format!("expected and not granted: ann{n}@corp.example"),
        changes: BTreeSet::new(),
        first_seen: yesterday(),
    };
    (0..count).map(hold).collect()
}

#[test]
fn nobody_is_named_without_personal_data() {
    let mut report = samples::busy();
    let plan = &mut report.planned.plan;
    for source in &mut plan.sources {
        source.complete = false;
        source.problems = vec![Problem::new("people.csv:7", "email \"Ann Example\" is not an address")];
    }
    plan.sources[0].people = 0;
    plan.sources[1].people = 0;
    plan.sources[1].problems = vec![Problem::new("CN=Ann Example,OU=people", "cannot be read")];
    plan.groups[2].problems = vec![Problem::new("group \"Lost\"", "lead ann@corp.example has no account")];
    let mut seen = seen(&report);
    seen.waiting.extend(crowd(40));
    let dues = [
        began(Condition::Held, &[]),
        began(Condition::Failed, &[]),
        Due::Lasts { condition: Condition::Throttled, since: yesterday() },
    ];
    for due in &dues {
        let view = view(due, &seen, false);
        let all = [
            told(due, &seen, false),
            json(&NoticeDocument::of(&view)),
            notice_json::slack(&view),
            notice_json::teams(&view),
        ];
        for text in all {
            for name in ["@", "Ann Example", "CN=", "u-eve"] {
                assert!(!text.contains(name), "{name}: {text}");
            }
        }
    }
}

#[test]
fn what_is_long_is_cut() {
    let report = samples::small();
    let mut seen = seen(&report);
    seen.waiting = crowd(5000);
    let due = began(Condition::Held, &[]);
    let view = view(&due, &seen, true);
    let text = told(&due, &seen, true);
    assert!(text.contains("… and 4980 more"), "{text}");
    assert_eq!(NoticeDocument::of(&view).holds.len(), 20);
    assert_eq!(NoticeDocument::of(&view).waiting, 5000);
    let mut seen = seen.clone();
    for waiting in &mut seen.waiting {
        waiting.text = "x".repeat(3000);
    }
    let view = NoticeView { seen: &seen, ..view };
    assert!(notice_json::teams(&view).len() < 21_000);
    assert!(notice_json::slack(&view).len() < 40_000);
}
