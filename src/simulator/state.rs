//! Everything that changes while the simulator runs.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use super::{
    auth::Tokens,
    call::Call,
    fault::FaultKind,
    ids,
    queue::Queue,
    record::{CallState, RequestRecord},
    switches::RateLimit,
    world::{Group, World},
};

/// The state of a simulator; it lives behind one lock.
#[derive(Debug)]
pub(super) struct State {
    pub(super) world: World,
    pub(super) tokens: Tokens,
    pub(super) faults: Queue,
    records: Vec<RequestRecord>,
    /// How many calls have come in, also those whose records were dropped.
    calls: u64,
    /// Where each user stands in the world's list, by `userId` and by `id`.
    by_user_id: BTreeMap<String, usize>,
    by_id: BTreeMap<String, usize>,
    /// Whether every member of every group is a user. Calls of the API keep it so; a change by hand may not.
    all_known: bool,
    /// The last group that was changed, for stale reads.
    undo: Option<Undo>,
    stale_reads_left: u32,
    /// The time of the last change, in seconds since 1970. It moves by one with each change.
    now: i64,
    /// How many changes there were.
    pub(super) revision: u64,
    window: Option<(Instant, u32)>,
}

/// A group as it was before the last change; `None` if it was not there.
#[derive(Debug)]
pub(super) struct Undo {
    pub(super) id: String,
    pub(super) before: Option<Group>,
}

impl State {
    /// A fresh state around a world.
    pub(super) fn new(world: World) -> Self {
        let mut state = Self {
            world,
            tokens: Tokens::default(),
            faults: Queue::default(),
            records: Vec::new(),
            calls: 0,
            by_user_id: BTreeMap::new(),
            by_id: BTreeMap::new(),
            all_known: false,
            undo: None,
            stale_reads_left: 0,
            now: ids::FIRST_SECOND,
            revision: 0,
            window: None,
        };
        state.world_was_edited();
        state
    }

    /// Records a call and finds out what strikes it.
    pub(super) fn begin(&mut self, call: &mut Call) -> Option<FaultKind> {
        self.calls += 1;
        call.seq = self.calls;
        let struck = self.faults.strike(call);
        let fault = struck.as_ref().map(FaultKind::name);
        self.records.push(RequestRecord { fault, ..call.record() });
        struck
    }

    /// Changes the record of a call, unless it was dropped.
    pub(super) fn note(&mut self, seq: u64, change: impl FnOnce(&mut RequestRecord)) {
        let position = self.records.binary_search_by_key(&seq, |record| record.seq);
        if let Some(record) = position.ok().and_then(|position| self.records.get_mut(position)) {
            change(record);
        }
    }

    /// Notes how far a call has come.
    pub(super) fn note_state(&mut self, seq: u64, state: CallState) {
        self.note(seq, |record| record.state = state);
    }

    /// The record of all calls.
    pub(super) fn records(&self) -> &[RequestRecord] {
        &self.records
    }

    /// Drops the record; the numbering goes on.
    pub(super) fn forget_records(&mut self) {
        self.records.clear();
    }

    /// Brings everything that follows from the world up to date after a change by hand.
    pub(super) fn world_was_edited(&mut self) {
        self.world.complete();
        let users = || self.world.users.iter().enumerate();
        self.by_user_id = users().map(|(position, user)| (user.user_id.clone(), position)).collect();
        self.by_id = users().map(|(position, user)| (user.id.clone(), position)).collect();
        let mut members = self.world.groups.iter().flat_map(|group| &group.members);
        self.all_known = members.all(|id| self.by_user_id.contains_key(id));
        let latest = self.world.groups.iter().map(|group| group.updated_on).max();
        self.now = self.now.max(latest.unwrap_or(self.now));
        self.undo = None;
        self.stale_reads_left = 0;
    }

    /// Where the user with this `userId` stands.
    pub(super) fn position_by_user_id(&self, id: &str) -> Option<usize> {
        self.by_user_id.get(id).copied()
    }

    /// Where the user with this organisation-user id stands.
    pub(super) fn position_by_id(&self, id: &str) -> Option<usize> {
        self.by_id.get(id).copied()
    }

    /// Whether every member of every group is a user.
    pub(super) fn all_known(&self) -> bool {
        self.all_known
    }

    /// Notes that a group is about to change, and returns the time of the change.
    pub(super) fn about_to_change(&mut self, id: &str, before: Option<Group>) -> i64 {
        self.undo = Some(Undo { id: id.to_owned(), before });
        self.stale_reads_left = self.world.switches.stale_reads;
        self.now = self.now.saturating_add(1);
        self.revision += 1;
        self.now
    }

    /// Whether this read shows the past. Counts it, if so.
    pub(super) fn reads_past(&mut self, struck: bool) -> bool {
        if struck {
            return true;
        }
        let stale = self.stale_reads_left > 0;
        self.stale_reads_left = self.stale_reads_left.saturating_sub(1);
        stale
    }

    /// The last change, for a read that shows the past.
    pub(super) fn undo(&self) -> Option<&Undo> {
        self.undo.as_ref()
    }

    /// Counts a call against the standing limit. The answer is how long to wait, if it is over.
    pub(super) fn over_limit(&mut self, limit: RateLimit) -> Option<Duration> {
        let now = Instant::now();
        let length = Duration::from_millis(limit.window_ms);
        let (start, used) = match self.window {
            Some((start, used)) if now.duration_since(start) < length => (start, used),
            _ => (now, 0),
        };
        self.window = Some((start, used.saturating_add(1)));
        (used >= limit.calls).then(|| length.saturating_sub(now.duration_since(start)))
    }
}
