//! Notices as hooks take them: our own document, a Slack message, a Teams card.

use serde::{Deserialize, Serialize};

use super::build;
use super::notice_text::{self, LISTED, NoticeView};
use super::sections::approve;
use super::{word, written};
use crate::model::hold::Rule;
use crate::model::notice::{Due, End, is_troubled};

/// The `format` of a notice.
pub const NOTICE_FORMAT: &str = "rosterd.notice/1";

/// `rosterd.notice/1`: what a webhook gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeDocument {
    /// [`NOTICE_FORMAT`].
    pub format: String,
    /// What tells it from every other; a repetition has the same.
    pub id: String,
    /// `held`, `failed`, `throttled` or `recovered`.
    pub event: String,
    /// It was told before and lasts: the daily digest.
    pub lasting: bool,
    /// Since when.
    pub since: String,
    /// When the notice was made.
    pub at: String,
    /// The machine that rosterd runs on.
    pub host: String,
    /// The version of rosterd.
    pub version: String,
    /// The run; none where it did not come to a report.
    pub run_id: Option<String>,
    /// What became of it.
    pub outcome: String,
    /// Its exit code.
    pub exit: u8,
    /// One line.
    pub subject: String,
    /// The whole text.
    pub text: String,
    /// What waits for a person, what is new first; the first 20.
    pub holds: Vec<NoticeHold>,
    /// How many wait in all.
    pub waiting: usize,
    /// Sources that were not read completely.
    pub sources: Vec<String>,
    /// Target groups that could not be worked on, or only on a part of what they rest on.
    pub groups: Vec<String>,
    /// Hyperproof said to wait until then.
    pub throttled_until: Option<String>,
    /// What is held, with names; empty without `personal_data`.
    pub changes: Vec<String>,
}

/// A hold in a notice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeHold {
    /// Its id.
    pub id: String,
    /// The rule.
    #[serde(with = "word")]
    pub rule: Rule,
    /// The one target group that it is about.
    pub group: Option<String>,
    /// How many changes it holds.
    pub changes: usize,
    /// Not told before.
    pub new: bool,
    /// The command that approves it.
    pub approve: String,
}

impl NoticeDocument {
    /// The document of a notice.
    pub fn of(view: &NoticeView<'_>) -> Self {
        let plan = view.report().map(|report| &report.planned.plan);
        let (outcome, exit) = match &view.seen.end {
            End::Report(report) => (report.outcome.as_str(), report.exit),
            End::Error { exit, .. } => ("failed", *exit),
        };
        let hold = |hold: &&crate::model::notice::Waiting| NoticeHold {
            id: hold.id.to_string(),
            rule: hold.rule,
            group: hold.group.as_ref().map(ToString::to_string),
            changes: hold.changes.len(),
            new: view.is_new(hold),
            approve: approve(hold.id.as_str()),
        };
        let sources = plan.into_iter().flat_map(|plan| &plan.sources).filter(|source| !source.complete);
        let groups = plan.into_iter().flat_map(|plan| &plan.groups);
        let groups = groups.filter(|group| is_troubled(group));
        Self {
            format: NOTICE_FORMAT.to_owned(),
            id: view.id.to_owned(),
            event: view.due.event().as_str().to_owned(),
            lasting: matches!(view.due, Due::Lasts { .. }),
            since: build::time(view.due.since()),
            at: build::time(view.seen.at),
            host: view.host.to_owned(),
            version: view.version.to_owned(),
            run_id: view.report().map(|report| report.planned.run.to_string()),
            outcome: outcome.to_owned(),
            exit,
            subject: notice_text::subject(view),
            text: written(|out| notice_text::write(out, view)),
            holds: view.holds().iter().take(LISTED).map(hold).collect(),
            waiting: view.seen.waiting.len(),
            sources: sources.map(|source| source.name.to_string()).take(LISTED).collect(),
            groups: groups.map(|group| group.name.to_string()).take(LISTED).collect(),
            throttled_until: view.report().and_then(|report| report.throttled_until).map(build::time),
            changes: view.held_changes().into_iter().take(LISTED).collect(),
        }
    }
}

/// A Slack message (<https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks>).
#[derive(Serialize)]
struct SlackMessage {
    text: String,
    mrkdwn: bool,
    unfurl_links: bool,
}

/// Slack cuts a message off at 40 000 characters.
const SLACK_LONGEST: usize = 30_000;

/// The body for a Slack incoming webhook. Names cannot make links or mentions.
pub fn slack(view: &NoticeView<'_>) -> String {
    let mut text = format!("*{}*\n", slack_escaped(&notice_text::subject(view)));
    for line in written(|out| notice_text::write(out, view)).lines() {
        let escaped = slack_escaped(line);
        let line = match command(line) {
            true => format!("`{}`\n", escaped.trim()),
            false => format!("{escaped}\n"),
        };
        if text.len() + line.len() > SLACK_LONGEST {
            text.push('…');
            break;
        }
        text.push_str(&line);
    }
    super::json(&SlackMessage { text: text.trim_end().to_owned(), mrkdwn: true, unfurl_links: false })
}

fn slack_escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Whether a line of the text is a command: they alone are indented.
fn command(line: &str) -> bool {
    line.starts_with("    ")
}

/// A message with an Adaptive Card, as the Teams trigger "When a Teams webhook request is received" of a
/// workflow takes it.
#[derive(Serialize)]
struct TeamsMessage {
    #[serde(rename = "type")]
    kind: &'static str,
    attachments: [TeamsAttachment; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TeamsAttachment {
    content_type: &'static str,
    content_url: Option<String>,
    content: TeamsCard,
}

#[derive(Serialize)]
struct TeamsCard {
    #[serde(rename = "$schema")]
    schema: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    version: &'static str,
    body: Vec<TeamsLine>,
}

/// A line. A `TextBlock` would read Markdown in it, and a name could be a link; this does not.
#[derive(Serialize)]
struct TeamsLine {
    #[serde(rename = "type")]
    kind: &'static str,
    spacing: &'static str,
    inlines: [TeamsRun; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TeamsRun {
    #[serde(rename = "type")]
    kind: &'static str,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    weight: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    font_type: Option<&'static str>,
}

/// Teams takes about 28 KB for a message with all that it adds to it.
const TEAMS_LONGEST: usize = 18_000;
/// What a line costs beside its text.
const TEAMS_LINE: usize = 130;

/// The body for a Teams workflow.
pub fn teams(view: &NoticeView<'_>) -> String {
    let line = |text: String, spacing, weight, font_type| TeamsLine {
        kind: "RichTextBlock",
        spacing,
        inlines: [TeamsRun { kind: "TextRun", text, weight, font_type }],
    };
    let mut body = vec![line(notice_text::subject(view), "None", Some("Bolder"), None)];
    let mut size = 0;
    let mut spacing = "Medium";
    for text in written(|out| notice_text::write(out, view)).lines() {
        if text.is_empty() {
            spacing = "Medium";
            continue;
        }
        size += text.len() + TEAMS_LINE;
        if size > TEAMS_LONGEST {
            body.push(line("…".to_owned(), "None", None, None));
            break;
        }
        let font = command(text).then_some("Monospace");
        body.push(line(text.trim().to_owned(), spacing, None, font));
        spacing = "None";
    }
    let content = TeamsCard {
        schema: "http://adaptivecards.io/schemas/adaptive-card.json",
        kind: "AdaptiveCard",
        version: "1.4",
        body,
    };
    let content_type = "application/vnd.microsoft.card.adaptive";
    compact(&TeamsMessage {
        kind: "message",
        attachments: [TeamsAttachment { content_type, content_url: None, content }],
    })
}

fn compact(document: &impl Serialize) -> String {
    serde_json::to_string(document).expect("it holds strings alone, and lists of them")
}
