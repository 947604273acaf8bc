//! What one attempt to read a server cost, and what came back. Floor 2.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Counts everything that all connections of one attempt ask.
#[derive(Debug, Clone, Default)]
pub(super) struct Meter(Arc<Mutex<Counts>>);

/// What was counted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Counts {
    /// Searches, looks included.
    pub(super) searches: usize,
    /// Pages.
    pub(super) pages: usize,
    /// Entries.
    pub(super) entries: usize,
    /// References to other servers.
    pub(super) references: usize,
    /// Result codes.
    pub(super) codes: BTreeMap<u32, usize>,
    /// The shortest time that a look at one entry took: the round trip, and what the server must do at
    /// least.
    pub(super) trip: Option<Duration>,
}

/// What an answer brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Brought {
    /// Entries.
    pub(super) entries: usize,
    /// References to other servers.
    pub(super) references: usize,
}

impl Meter {
    fn lock(&self) -> MutexGuard<'_, Counts> {
        // A poisoned lock is a panic elsewhere in this read; the counts are still counts.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A search begins.
    pub(super) fn search(&self) {
        self.lock().searches += 1;
    }

    /// A page came to its end.
    pub(super) fn page(&self, code: u32, brought: Brought) {
        let mut counts = self.lock();
        counts.pages += 1;
        counts.take(code, brought);
    }

    /// A look at one entry came to its end.
    pub(super) fn look(&self, code: u32, brought: Brought, took: Duration) {
        let mut counts = self.lock();
        counts.searches += 1;
        counts.take(code, brought);
        counts.trip = Some(counts.trip.map_or(took, |trip| trip.min(took)));
    }

    /// Another request was answered.
    pub(super) fn answer(&self, code: u32) {
        self.lock().take(code, Brought::default());
    }

    /// What was counted so far.
    pub(super) fn counts(&self) -> Counts {
        self.lock().clone()
    }
}

impl Counts {
    fn take(&mut self, code: u32, brought: Brought) {
        *self.codes.entry(code).or_default() += 1;
        self.entries += brought.entries;
        self.references += brought.references;
    }
}
