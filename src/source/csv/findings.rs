//! What was odd in a source, and whether it was read to its end. Floor 2, pure.

use crate::model::directory::Completeness;
use crate::model::problem::Problem;

/// So many bad rows are told one by one. All are counted.
const ROWS_TOLD: usize = 100;

/// Collects what is odd.
#[derive(Debug, Default)]
pub(super) struct Findings {
    gaps: Vec<Problem>,
    bad_rows: Vec<Problem>,
    bad_row_count: usize,
    notes: Vec<Problem>,
}

impl Findings {
    /// A file that was not read, not to its end, or not in time.
    pub(super) fn gap(&mut self, problem: Problem) {
        self.gaps.push(problem);
    }

    /// A row that means nothing.
    pub(super) fn bad_row(&mut self, problem: impl FnOnce() -> Problem) {
        self.bad_row_count += 1;
        if self.bad_rows.len() < ROWS_TOLD {
            self.bad_rows.push(problem());
        }
    }

    /// Something odd that takes nothing away from what was read.
    pub(super) fn note(&mut self, problem: Problem) {
        self.notes.push(problem);
    }

    /// Complete, or the first reason why not and how many more there are.
    pub(super) fn completeness(&self) -> Completeness {
        let Some(first) = self.gaps.first().or(self.bad_rows.first()) else {
            return Completeness::Complete;
        };
        let more = match (self.gaps.len() + self.bad_row_count).saturating_sub(1) {
            0 => String::new(),
            more => format!(" (and {more} more)"),
        };
        Completeness::Incomplete { why: format!("{}: {}{more}", first.place, first.text) }
    }

    /// Everything: gaps first, then bad rows, then what is odd only.
    pub(super) fn into_problems(self, source: &str) -> Vec<Problem> {
        let untold = self.bad_row_count - self.bad_rows.len();
        let rest =
            (untold > 0).then(|| Problem::new(format!("source {source:?}"), format!("and {untold} more bad rows")));
        let told = self.gaps.into_iter().chain(self.bad_rows);
        told.chain(rest).chain(self.notes).collect()
    }
}
