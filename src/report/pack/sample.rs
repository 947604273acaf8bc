//! The sample: joiners and leavers, each drawn by an order that nobody can choose after the fact and everybody
//! can compute: the SHA-256 of seed and number.

use std::collections::BTreeMap;

use super::due::Before;
use super::population::{Outcome, joined};
use super::record::{self, Told};
use super::table::{headings, row};
use super::who::Who;
use crate::model::digest::sha256_hex;

/// The columns of `sample.csv`.
pub(super) const COLUMNS: [&str; 30] = [
    "kind",
    "rank",
    "draw",
    "seq",
    "at",
    "run_id",
    "op",
    "group_id",
    "group",
    "user_id",
    "email",
    "reason",
    "source",
    "path",
    "entry_id",
    "requested_seq",
    "requested_at",
    "authority",
    "held_seq",
    "held_at",
    "approved_seq",
    "approved_at",
    "approved_by",
    "approved_by_login",
    "approval_reason",
    "ticket",
    "sent_seq",
    "sent_at",
    "read_back",
    "in_order",
];

/// The algorithm, as it stands in the manifest and in the report.
pub const ALGORITHM: &str = "Joiners are the rows of population.csv with op add_member and result done, leavers \
     those with op remove_member and result done. For each row the SHA-256 of the text SEED:SEQ (the seed and the \
     row's seq as decimal numbers, a colon between, nothing else) is written in lower-case hexadecimal. Rows are \
     sorted by it, and the first ones are the sample.";

/// A drawn row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drawn {
    /// The digest that it was drawn by.
    pub draw: String,
    /// The row of the population.
    pub outcome: Outcome,
    entry: String,
    login: String,
    said: String,
    /// What came before it: number and time of each record.
    due: Option<(i64, String)>,
    hold: Option<(i64, String)>,
    approval: Option<(i64, String)>,
    intent: Option<(i64, String)>,
    /// `approval`; `undo` where an operator took back what a run did; or `mapping` where the configuration says
    /// so. In the last two the guard held nothing.
    pub authority: &'static str,
    read_back: &'static str,
    /// Whether request, approval, call and outcome stand in this order.
    pub in_order: bool,
}

/// Draws as the population goes by; keeps no more than the sample.
#[derive(Debug, Clone)]
pub struct Draw {
    seed: u64,
    size: usize,
    joiners: BTreeMap<(String, i64), Drawn>,
    leavers: BTreeMap<(String, i64), Drawn>,
    populations: [u64; 2],
}

/// The digest that a row is drawn by.
pub fn draw(seed: u64, seq: i64) -> String {
    sha256_hex(format!("{seed}:{seq}").as_bytes())
}

impl Draw {
    /// So many of each kind.
    pub fn new(seed: u64, size: usize) -> Self {
        Self { seed, size, joiners: BTreeMap::new(), leavers: BTreeMap::new(), populations: [0; 2] }
    }

    pub(super) fn take(&mut self, told: &Told, outcome: &Outcome, before: &Before, who: &Who) {
        let (drawn, population) = if told.is("add_member", "done") {
            (&mut self.joiners, &mut self.populations[0])
        } else if told.is("remove_member", "done") {
            (&mut self.leavers, &mut self.populations[1])
        } else {
            return;
        };
        *population += 1;
        let key = (draw(self.seed, told.seq), told.seq);
        let fits = drawn.len() < self.size || drawn.last_key_value().is_some_and(|(last, _)| key < *last);
        if fits && self.size > 0 {
            let row = Drawn::of(&key.0, told, outcome, before, who);
            drawn.insert(key, row);
            if drawn.len() > self.size {
                drawn.pop_last();
            }
        }
    }

    /// The seed.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// How many of each kind were asked for.
    pub fn size(&self) -> usize {
        self.size
    }

    /// How many joiners and how many leavers there are to draw from.
    pub fn populations(&self) -> [u64; 2] {
        self.populations
    }

    /// The joiners that were drawn, in their order.
    pub fn joiners(&self) -> impl ExactSizeIterator<Item = &Drawn> {
        self.joiners.values()
    }

    /// The leavers that were drawn, in their order.
    pub fn leavers(&self) -> impl ExactSizeIterator<Item = &Drawn> {
        self.leavers.values()
    }

    /// As `sample.csv`.
    pub fn csv(&self) -> String {
        let mut text = headings(&COLUMNS);
        for (kind, drawn) in [("joiner", &self.joiners), ("leaver", &self.leavers)] {
            for (rank, drawn) in (1..).zip(drawn.values()) {
                text.push_str(&drawn.csv(kind, rank));
            }
        }
        text
    }
}

impl Drawn {
    fn of(draw: &str, told: &Told, outcome: &Outcome, before: &Before, who: &Who) -> Self {
        let approval = told.approval.as_ref();
        let place = |place: Option<(i64, jiff::Timestamp)>| place.map(|(seq, at)| (seq, record::time(at)));
        let steps = [before.due, before.approval, before.intent, Some((told.seq, told.at))];
        let steps: Vec<i64> = steps.into_iter().flatten().map(|(seq, _)| seq).collect();
        let whole =
            before.intent.is_some() && (approval.is_none() || before.approval.is_some()) && before.unapproved.is_none();
        // Whoever let it through by another rule did so before the call, too.
        let whole = whole && before.last_approval.is_none_or(|last| before.intent.is_some_and(|intent| last < intent));
        Self {
            draw: draw.to_owned(),
            outcome: outcome.clone(),
            entry: told.entry.as_ref().map(|entry| who.entry(&entry.id)).unwrap_or_default(),
            login: joined(told.consents().map(|approval| who.actor(&approval.login))),
            said: joined(told.consents().map(|approval| who.free(&approval.reason))),
            due: place(before.due),
            hold: place(before.hold),
            approval: place(before.approval),
            intent: place(before.intent),
            authority: match (approval, told.reason.as_deref()) {
                (Some(_), _) => "approval",
                (None, Some("undo")) => "undo",
                (None, _) => "mapping",
            },
            read_back: match told.read_back {
                Some(true) => "yes",
                Some(false) => "no",
                None => "not looked",
            },
            in_order: whole && steps.is_sorted(),
        }
    }

    /// Number and time of what came before: request, approval, call.
    pub fn steps(&self) -> [Option<&(i64, String)>; 3] {
        [self.due.as_ref(), self.approval.as_ref(), self.intent.as_ref()]
    }

    fn csv(&self, kind: &str, rank: i64) -> String {
        let seq = |place: &Option<(i64, String)>| place.as_ref().map(|(seq, _)| *seq);
        let at = |place: &Option<(i64, String)>| place.as_ref().map(|(_, at)| at.clone());
        let row_of = &self.outcome;
        row(&[
            kind.into(),
            rank.into(),
            (&self.draw).into(),
            row_of.seq.into(),
            (&row_of.at).into(),
            (&row_of.run_id).into(),
            (&row_of.op).into(),
            (&row_of.group_id).into(),
            (&row_of.group).into(),
            (&row_of.user_id).into(),
            (&row_of.email).into(),
            (&row_of.reason).into(),
            (&row_of.source).into(),
            (&row_of.path).into(),
            (&self.entry).into(),
            seq(&self.due).into(),
            (&at(&self.due)).into(),
            self.authority.into(),
            seq(&self.hold).into(),
            (&at(&self.hold)).into(),
            seq(&self.approval).into(),
            (&at(&self.approval)).into(),
            (&row_of.approved_by).into(),
            (&self.login).into(),
            (&self.said).into(),
            (&row_of.ticket).into(),
            seq(&self.intent).into(),
            (&at(&self.intent)).into(),
            self.read_back.into(),
            (if self.in_order { "yes" } else { "no" }).into(),
        ])
    }
}
