//! Calls that were answered with success by a server that has not shown how it answers. Their intents stay open
//! until that is proven: by the answer to another call, or by a read for all of them.

use std::sync::{MutexGuard, PoisonError};

use crate::model::id::GroupId;
use crate::reconcile::Step;
use crate::store::OutcomeRecord;
use crate::target::Unproven;

use super::Applier;

/// So many changes wait at most before a read is spent on them: what waits is written down after the last call,
/// when nothing else is left to wait for.
const WAITING_AT_MOST: usize = 100_000;

/// About so many outcomes are written down at once.
const AT_ONCE: usize = 500;

/// A call that waits for its proof.
#[derive(Debug)]
pub(super) struct Waiting<'a> {
    pub(super) step: &'a Step,
    pub(super) group: Option<GroupId>,
    /// The intents of its changes.
    pub(super) seqs: Vec<i64>,
    pub(super) write: Unproven,
}

impl<'a> Applier<'a> {
    fn waiting(&self) -> MutexGuard<'_, Vec<Waiting<'a>>> {
        // As with the tally.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn wait(&self, call: Waiting<'a>) {
        self.waiting().push(call);
    }

    /// Whether what waits can be settled without a read, or is too much to wait on.
    pub(super) fn is_time_to_prove(&self) -> bool {
        let waiting = self.waiting();
        let changes: usize = waiting.iter().map(|call| call.seqs.len()).sum();
        let is_proven = |call: &Waiting<'_>| self.writer.is_proven(&call.write);
        !waiting.is_empty() && (waiting.iter().all(is_proven) || changes >= WAITING_AT_MOST)
    }

    /// Settles what waits, and writes it down.
    pub(super) async fn prove(&self) {
        // What cannot be written down need not be found out: the intents stay open for the next run.
        if self.tally().broken.is_some() {
            return;
        }
        let waiting = std::mem::take(&mut *self.waiting());
        let (mut calls, mut writes) = (Vec::with_capacity(waiting.len()), Vec::with_capacity(waiting.len()));
        for Waiting { step, group, seqs, write } in waiting {
            calls.push((step, group, seqs, write.call().clone()));
            writes.push(write);
        }
        let written = self.writer.prove(writes).await;
        let mut outcomes: Vec<OutcomeRecord> = Vec::new();
        for ((step, group, seqs, call), written) in calls.into_iter().zip(written) {
            let mut settled = self.outcomes(step, group, seqs, self.members(step, written), &call);
            // What could not be read is not known to have failed: its intents stay open, and the next run settles them
            // by what it sees. A failure in the log would make these memberships somebody else's.
            settled.retain(|outcome| outcome.result.is_so() || outcome.read_back.is_some());
            outcomes.append(&mut settled);
            if outcomes.len() >= AT_ONCE {
                self.write(&mut outcomes).await;
            }
        }
        self.write(&mut outcomes).await;
    }

    /// Writes down what there is, as long as that is possible: the next run finds out what of it is not.
    async fn write(&self, outcomes: &mut Vec<OutcomeRecord>) {
        let outcomes = std::mem::take(outcomes);
        if outcomes.is_empty() || self.tally().broken.is_some() {
            return;
        }
        if let Err(broken) = self.record(&outcomes).await {
            self.broken(broken);
        }
    }
}
