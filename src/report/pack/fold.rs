//! One pass over the log: from records to the rows of a pack. Rows are handed out as they come; what is kept
//! does not grow with the log.

use std::collections::{BTreeMap, BTreeSet};

use super::due::{Context, Latency};
use super::exceptions::{Changed, Exception};
use super::members::Members;
use super::period::Period;
use super::population::Outcome;
use super::record::Told;
use super::sample::Draw;
use super::who::Who;

/// So many rows of a table are shown in the report; all of them are in its file.
const SHOWN: usize = 500;

/// Counts over the records of a pack. Each record is counted once by its event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Records.
    pub records: u64,
    /// Records by event.
    pub events: BTreeMap<String, u64>,
    /// Outcomes by kind of change and result.
    pub outcomes: BTreeMap<String, BTreeMap<String, u64>>,
    /// Runs that ended, by how.
    pub runs: BTreeMap<String, u64>,
    /// Rows of `exceptions.csv` by kind.
    pub exceptions: BTreeMap<String, u64>,
    /// Records that stand between others of the period and bear a time outside of it.
    pub outside: u64,
    /// Configurations by digest: the first and the last record of each.
    pub configurations: BTreeMap<String, (i64, i64)>,
    /// Versions of rosterd: the first and the last record of each.
    pub versions: BTreeMap<String, (i64, i64)>,
}

/// The rows that a record adds to the files of a pack.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rows {
    /// Of the population.
    pub outcome: Option<Outcome>,
    /// Lines of `exceptions.csv`.
    pub exceptions: String,
    /// Lines of `configuration.csv`.
    pub configuration: String,
}

/// The state of the pass.
pub struct Fold {
    who: Who,
    period: Period,
    context: Context,
    members: Members,
    /// Changes that were announced, by their intents, as long as their outcome is not told.
    open: BTreeMap<i64, Exception>,
    /// Runs whose end is not told.
    under_way: BTreeMap<String, Exception>,
    /// Those of them that have records in the pack.
    here: BTreeSet<String>,
    /// Removals.
    pub latency: Latency,
    /// The sample.
    pub draw: Draw,
    /// The counts.
    pub counts: Counts,
    /// The first exceptions.
    pub exceptions: Vec<Exception>,
    /// The first changes of the configuration.
    pub changed: Vec<Changed>,
}

impl Fold {
    /// Nothing was taken yet.
    pub fn new(who: Who, period: Period, latency: Latency, draw: Draw) -> Self {
        Self {
            who,
            period,
            context: Context::default(),
            members: Members::default(),
            open: BTreeMap::new(),
            under_way: BTreeMap::new(),
            here: BTreeSet::new(),
            latency,
            draw,
            counts: Counts::default(),
            exceptions: Vec::new(),
            changed: Vec::new(),
        }
    }

    /// How people are named.
    pub fn who(&self) -> &Who {
        &self.who
    }

    /// The period.
    pub fn period(&self) -> &Period {
        &self.period
    }

    /// Memberships after the last record that was taken.
    pub fn members(&self) -> &Members {
        &self.members
    }

    /// Takes a record from before the pack: it adds to what later ones rest on.
    pub fn before(&mut self, told: &Told) {
        self.follow(told);
        self.context.take(told);
        self.members.take(told);
    }

    /// Takes a record of the pack.
    pub fn take(&mut self, told: &Told) -> Rows {
        self.count(told);
        self.follow(told);
        if let Some(run) = told.run_id.as_ref().filter(|run| self.under_way.contains_key(*run)) {
            self.here.insert(run.clone());
        }
        let before = self.context.take(told);
        self.members.take(told);
        let mut rows = Rows::default();
        if let (Some(outcome), Some(before)) = (Outcome::of(told, &self.who), before) {
            let took = before.due.filter(|_| told.is("remove_member", "done"));
            let took = took.map(|(_, due)| told.at.duration_since(due));
            let late = took.filter(|took| self.latency.note(told.seq, *took));
            self.draw.take(told, &outcome, &before, &self.who);
            for exception in Exception::of_outcome(told, &outcome, &before, late, &self.who) {
                self.except(exception, &mut rows);
            }
            rows.outcome = Some(outcome);
        }
        if let Some(exception) = Exception::of(told, &self.who) {
            self.except(exception, &mut rows);
        }
        if let Some(changed) = Changed::of(told, &self.who) {
            rows.configuration.push_str(&changed.csv());
            if self.changed.len() < SHOWN {
                self.changed.push(changed);
            }
        }
        rows
    }

    /// What was begun, and what was brought to its end.
    fn follow(&mut self, told: &Told) {
        match (told.event.as_str(), &told.run_id) {
            ("intent", _) => _ = self.open.insert(told.seq, Exception::of_intent(told, &self.who)),
            ("outcome", _) => _ = told.intent.map(|intent| self.open.remove(&intent)),
            ("run_started", Some(run)) => {
                self.under_way.insert(run.clone(), Exception::of_start(told, &self.who));
            }
            ("run_finished", Some(run)) => {
                self.under_way.remove(run);
                self.here.remove(run);
            }
            _ => {}
        }
    }

    /// Whether records from after the pack may tell the end of what it began.
    pub fn waits(&self) -> bool {
        !self.here.is_empty()
    }

    /// Takes a record from after the pack: a run of the pack that ended later ended.
    pub fn after(&mut self, told: &Told) {
        if told.event == "run_finished"
            && let Some(run) = &told.run_id
        {
            self.here.remove(run);
        }
    }

    /// Ends the pass; gives the rows of what came to no end.
    pub fn end(&mut self) -> Rows {
        let mut rows = Rows::default();
        let mut runs = std::mem::take(&mut self.under_way);
        runs.retain(|run, _| self.here.contains(run));
        let mut all: Vec<Exception> = std::mem::take(&mut self.open).into_values().chain(runs.into_values()).collect();
        all.sort_by_key(|exception| exception.seq);
        for exception in all {
            self.except(exception, &mut rows);
        }
        rows
    }

    fn except(&mut self, exception: Exception, rows: &mut Rows) {
        rows.exceptions.push_str(&exception.csv());
        *self.counts.exceptions.entry(exception.kind.to_owned()).or_default() += 1;
        if self.exceptions.len() < SHOWN {
            self.exceptions.push(exception);
        }
    }

    fn count(&mut self, told: &Told) {
        self.counts.take(told);
        self.counts.outside += u64::from(!self.period.has(told.at));
    }
}

impl Counts {
    /// Counts a record, by what it says alone.
    pub fn take(&mut self, told: &Told) {
        self.records += 1;
        *self.events.entry(told.event.clone()).or_default() += 1;
        let word = |word: &Option<String>| word.clone().unwrap_or_default();
        match told.event.as_str() {
            "outcome" => {
                *self.outcomes.entry(word(&told.op)).or_default().entry(word(&told.result)).or_default() += 1;
            }
            "run_finished" => *self.runs.entry(word(&told.outcome)).or_default() += 1,
            _ => {}
        }
        for (seen, name) in [(&mut self.configurations, &told.config_digest), (&mut self.versions, &told.version)] {
            if let Some(name) = name {
                seen.entry(name.clone()).or_insert((told.seq, told.seq)).1 = told.seq;
            }
        }
    }

    /// Outcomes of one kind with one result.
    pub fn of(&self, op: &str, result: &str) -> u64 {
        self.outcomes.get(op).and_then(|results| results.get(result)).copied().unwrap_or_default()
    }
}
