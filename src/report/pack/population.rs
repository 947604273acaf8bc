//! The population: a row for each outcome in the log.

use serde::{Deserialize, Serialize};

use super::record::{self, Told};
use super::table::{headings, row};
use super::who::Who;

/// The columns of `population.csv`, and the keys of `population.jsonl`.
pub const COLUMNS: [&str; 14] = [
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
    "source",
    "path",
    "approved_by",
    "ticket",
];

/// A row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// Its number in the chain.
    pub seq: i64,
    /// When it was recorded.
    pub at: String,
    /// The run.
    pub run_id: String,
    /// The kind of change.
    pub op: String,
    /// The target group's id.
    pub group_id: String,
    /// Its configured name.
    pub group: String,
    /// The account.
    pub user_id: String,
    /// Its address.
    pub email: String,
    /// What became of it.
    pub result: String,
    /// Why it was made.
    pub reason: String,
    /// The sources that grant it, or the source of the person who is removed.
    pub source: String,
    /// The way through directory groups (`outer > inner`); of several grants all, divided by `; `.
    pub path: String,
    /// Who approved it; of several all, divided by `; `.
    pub approved_by: String,
    /// The approvals' tickets, likewise.
    pub ticket: String,
}

impl Outcome {
    /// The row of a record; none where it is no outcome.
    pub fn of(told: &Told, who: &Who) -> Option<Self> {
        if told.event != "outcome" {
            return None;
        }
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let (group, member) = (told.group.as_ref(), told.member.as_ref());
        let email = member.and_then(|member| member.email.as_deref()).unwrap_or_default();
        Some(Self {
            seq: told.seq,
            at: record::time(told.at),
            run_id: text(&told.run_id),
            op: text(&told.op),
            group_id: group.and_then(|group| group.id.clone()).unwrap_or_default(),
            group: group.map(|group| who.thing(&group.name)).unwrap_or_default(),
            user_id: member.map(|member| who.user(&member.user_id)).unwrap_or_default(),
            email: who.mail(email),
            result: text(&told.result),
            reason: text(&told.reason),
            source: who.thing(&source(told)),
            path: path(told, who),
            approved_by: joined(told.consents().map(|approval| who.actor(&approval.by))),
            ticket: joined(
                told.consents().filter_map(|approval| approval.ticket.as_deref()).map(|ref_| who.thing(ref_)),
            ),
        })
    }

    /// As a line of `population.csv`.
    pub fn csv(&self) -> String {
        row(&[
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
            (&self.source).into(),
            (&self.path).into(),
            (&self.approved_by).into(),
            (&self.ticket).into(),
        ])
    }

    /// From a line of `population.jsonl`; the error says what is wrong, for a person.
    pub fn parse(line: &str) -> Result<Self, String> {
        serde_json::from_str(line).map_err(|error| error.to_string())
    }

    /// As a line of `population.jsonl`.
    pub fn json(&self) -> String {
        let text = serde_json::to_string(self).expect("a number and texts are always JSON");
        format!("{text}\n")
    }
}

/// The first line of `population.csv`.
pub fn csv_headings() -> String {
    headings(&COLUMNS)
}

/// Several texts as one.
pub(super) fn joined(texts: impl Iterator<Item = String>) -> String {
    texts.collect::<Vec<_>>().join("; ")
}

fn source(told: &Told) -> String {
    let mut sources: Vec<&str> = told.because.iter().map(|grant| grant.source.as_str()).collect();
    sources.sort_unstable();
    sources.dedup();
    match (sources.is_empty(), &told.entry) {
        (true, Some(entry)) => entry.source.clone(),
        _ => sources.join("; "),
    }
}

fn path(told: &Told, who: &Who) -> String {
    let path = |path: &[String]| path.iter().map(|name| who.thing(name)).collect::<Vec<_>>().join(" > ");
    told.because.iter().map(|grant| path(&grant.path)).collect::<Vec<_>>().join("; ")
}
