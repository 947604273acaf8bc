//! What was not as usual: held, approved, failed, undone, late; changes that were announced and of which nobody
//! told what became; runs that did not read or end as they should; and changes of the configuration.

use jiff::SignedDuration;

use super::due::Before;
use super::population::Outcome;
use super::record::{self, Told};
use super::table::{headings, row};
use super::who::Who;

/// The columns of `exceptions.csv`.
pub(super) const COLUMNS: [&str; 25] = [
    "kind",
    "seq",
    "at",
    "run_id",
    "op",
    "group_id",
    "group",
    "user_id",
    "email",
    "result",
    "reason",
    "hold",
    "rule",
    "scope",
    "limit",
    "measured",
    "changes",
    "approved_by",
    "login",
    "approval_reason",
    "ticket",
    "expires",
    "first_due",
    "took_seconds",
    "text",
];

/// The columns of `configuration.csv`.
pub(super) const CONFIGURATION: [&str; 7] =
    ["seq", "at", "run_id", "login", "version", "digest_before", "digest_after"];

/// A row of `exceptions.csv`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exception {
    /// `held`, `approved`, `failed`, `undone`, `unapproved`, `late`, `open` (a change without an outcome) or `run`.
    pub kind: &'static str,
    /// The record.
    pub seq: i64,
    /// Its time.
    pub at: String,
    run_id: String,
    /// The kind of change.
    pub op: String,
    group_id: String,
    /// The target group.
    pub group: String,
    /// The account.
    pub user_id: String,
    email: String,
    /// What became of it.
    pub result: String,
    reason: String,
    /// The hold's id.
    pub hold: String,
    /// Its rule.
    pub rule: String,
    scope: String,
    limit: String,
    measured: String,
    changes: String,
    /// Who approved.
    pub approved_by: String,
    login: String,
    /// Why.
    pub said: String,
    /// The ticket.
    pub ticket: String,
    expires: String,
    first_due: String,
    /// How long a removal took.
    pub took: Option<i64>,
    /// What is told of it.
    pub text: String,
}

/// Told of a change that was announced.
const NO_OUTCOME: &str =
    "the change was announced, and up to the end of the period the log does not tell what became of it";

/// Told of a run.
const NO_END: &str = "the log does not tell of its end: it was cut off, or was under way when the pack was made";

impl Exception {
    /// What a record that is no outcome adds; none for most.
    pub(super) fn of(told: &Told, who: &Who) -> Option<Self> {
        match told.event.as_str() {
            "hold" => Some(Self { kind: "held", ..Self::frame(told, who) }),
            "approval" => Some(Self { kind: "approved", ..Self::frame(told, who) }),
            "run_finished" => {
                let result = told.outcome.clone().unwrap_or_default();
                let odd = ["unread", "throttled", "failed"].contains(&result.as_str());
                odd.then(|| Self { kind: "run", result, ..Self::frame(told, who) })
            }
            _ => None,
        }
    }

    /// An intent, for as long as the log does not tell what became of it.
    pub(super) fn of_intent(told: &Told, who: &Who) -> Self {
        let (group, member) = (told.group.as_ref(), told.member.as_ref());
        Self {
            kind: "open",
            op: told.op.clone().unwrap_or_default(),
            group_id: group.and_then(|group| group.id.clone()).unwrap_or_default(),
            user_id: member.map(|member| who.user(&member.user_id)).unwrap_or_default(),
            email: who.mail(member.and_then(|member| member.email.as_deref()).unwrap_or_default()),
            reason: told.reason.clone().unwrap_or_default(),
            text: NO_OUTCOME.to_owned(),
            ..Self::frame(told, who)
        }
    }

    /// A run, for as long as the log does not tell of its end.
    pub(super) fn of_start(told: &Told, who: &Who) -> Self {
        Self { kind: "run", result: "not_ended".to_owned(), text: NO_END.to_owned(), ..Self::frame(told, who) }
    }

    /// What an outcome adds: a row for each way in which it was not as usual. `late`: how long it took.
    pub(super) fn of_outcome(
        told: &Told,
        outcome: &Outcome,
        before: &Before,
        late: Option<SignedDuration>,
        who: &Who,
    ) -> Vec<Self> {
        let row = |kind| Self {
            kind,
            op: outcome.op.clone(),
            group_id: outcome.group_id.clone(),
            user_id: outcome.user_id.clone(),
            email: outcome.email.clone(),
            result: outcome.result.clone(),
            reason: outcome.reason.clone(),
            first_due: before.due.map(|(_, at)| record::time(at)).unwrap_or_default(),
            ..Self::frame(told, who)
        };
        let mut rows = Vec::new();
        if !["done", "already_so"].contains(&outcome.result.as_str()) {
            rows.push(row("failed"));
        }
        if outcome.reason == "undo" {
            rows.push(row("undone"));
        }
        if let Some(why) = before.unapproved {
            rows.push(Self { text: why.to_owned(), ..row("unapproved") });
        }
        if let Some(took) = late {
            rows.push(Self { took: Some(took.as_secs()), ..row("late") });
        }
        rows
    }

    fn frame(told: &Told, who: &Who) -> Self {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let number = |value: &Option<serde_json::Value>| match value {
            Some(serde_json::Value::String(text)) => text.clone(),
            Some(value) => value.to_string(),
            None => String::new(),
        };
        let approval = told.approval.as_ref();
        let said = told.error.as_deref().or(told.text.as_deref()).unwrap_or_default();
        Self {
            seq: told.seq,
            at: record::time(told.at),
            run_id: text(&told.run_id),
            group: told.group.as_ref().map(|group| who.thing(&group.name)).unwrap_or_default(),
            hold: text(&told.hold),
            rule: text(&told.rule),
            scope: who.thing(told.scope.as_deref().unwrap_or_default()),
            limit: number(&told.limit),
            measured: number(&told.measured),
            changes: told.changes.as_ref().map(|changes| changes.count.to_string()).unwrap_or_default(),
            approved_by: approval.map(|approval| who.actor(&approval.by)).unwrap_or_default(),
            login: approval.map(|approval| who.actor(&approval.login)).unwrap_or_default(),
            said: approval.map(|approval| who.free(&approval.reason)).unwrap_or_default(),
            ticket: approval
                .and_then(|approval| approval.ticket.as_deref())
                .map(|ticket| who.thing(ticket))
                .unwrap_or_default(),
            expires: approval.map(|approval| record::time(approval.expires)).unwrap_or_default(),
            text: who.free(said),
            ..Self::default()
        }
    }

    pub(super) fn csv(&self) -> String {
        row(&[
            self.kind.into(),
            self.seq.into(),
            (&self.at).into(),
            (&self.run_id).into(),
            (&self.op).into(),
            (&self.group_id).into(),
            (&self.group).into(),
            (&self.user_id).into(),
            (&self.email).into(),
            (&self.result).into(),
            (&self.reason).into(),
            (&self.hold).into(),
            (&self.rule).into(),
            (&self.scope).into(),
            (&self.limit).into(),
            (&self.measured).into(),
            (&self.changes).into(),
            (&self.approved_by).into(),
            (&self.login).into(),
            (&self.said).into(),
            (&self.ticket).into(),
            (&self.expires).into(),
            (&self.first_due).into(),
            self.took.into(),
            (&self.text).into(),
        ])
    }
}

/// A row of `configuration.csv`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// The record.
    pub seq: i64,
    /// Its time.
    pub at: String,
    /// The run that began with the new configuration.
    pub run_id: String,
    /// The login that set that run off.
    pub login: String,
    /// The version of rosterd.
    pub version: String,
    /// The digest before.
    pub before: String,
    /// The digest since.
    pub after: String,
}

impl Changed {
    pub(super) fn of(told: &Told, who: &Who) -> Option<Self> {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let login = told.actor.as_ref().and_then(|actor| actor.operator.as_deref()).unwrap_or_default();
        (told.event == "config_changed").then(|| Self {
            seq: told.seq,
            at: record::time(told.at),
            run_id: text(&told.run_id),
            login: who.actor(login),
            version: text(&told.version),
            before: text(&told.config_digest_before),
            after: text(&told.config_digest),
        })
    }

    pub(super) fn csv(&self) -> String {
        row(&[
            self.seq.into(),
            (&self.at).into(),
            (&self.run_id).into(),
            (&self.login).into(),
            (&self.version).into(),
            (&self.before).into(),
            (&self.after).into(),
        ])
    }
}

/// The first lines of `exceptions.csv` and `configuration.csv`.
pub fn exception_headings() -> [String; 2] {
    [headings(&COLUMNS), headings(&CONFIGURATION)]
}
