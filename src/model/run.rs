//! One run: what set it off, and what became of it.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::id::RunId;
use super::plan::Plan;

/// What set a run off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// `rosterd plan`.
    Plan,
    /// `rosterd apply`.
    Apply,
    /// The service's schedule.
    Schedule,
    /// A signal to the service.
    Signal,
    /// `rosterd undo`.
    Undo,
}

impl Trigger {
    /// Every trigger.
    pub const ALL: [Trigger; 5] = [Trigger::Plan, Trigger::Apply, Trigger::Schedule, Trigger::Signal, Trigger::Undo];

    /// The trigger that a word of [`Trigger::as_str`] means.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|trigger| trigger.as_str() == word)
    }

    /// The word of the state and the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Apply => "apply",
            Self::Schedule => "schedule",
            Self::Signal => "signal",
            Self::Undo => "undo",
        }
    }
}

/// What became of a run. Ordered by exit code, so that the worst is the largest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// Nothing to do.
    InStep,
    /// Everything that was cleared was done.
    Applied,
    /// The guard holds something.
    Held,
    /// Some changes failed or could not be made.
    PartlyApplied,
    /// A source or Hyperproof could not be read completely.
    Unread,
    /// Hyperproof's throttling cut the run off.
    Throttled,
    /// Unexpected failure: nothing was sent after it.
    Failed,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Outcome; 7] = [
        Outcome::InStep,
        Outcome::Applied,
        Outcome::Held,
        Outcome::PartlyApplied,
        Outcome::Unread,
        Outcome::Throttled,
        Outcome::Failed,
    ];

    /// The word of the documents and the state.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InStep => "in_step",
            Self::Applied => "applied",
            Self::Held => "held",
            Self::PartlyApplied => "partly_applied",
            Self::Unread => "unread",
            Self::Throttled => "throttled",
            Self::Failed => "failed",
        }
    }

    /// The outcome that a word of [`Outcome::as_str`] means.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == word)
    }
}

/// What became of one change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangeResult {
    /// Made, and Hyperproof's answer (or a read afterwards) shows it.
    Done,
    /// Somebody else had made it already.
    AlreadySo,
    /// Refused, or not confirmed.
    Failed(String),
    /// The run stopped before it.
    NotTried(String),
    /// It waits for an approval.
    Held,
    /// Its group is in report mode.
    Report,
}

impl ChangeResult {
    /// The word of the documents and the log.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::AlreadySo => "already_so",
            Self::Failed(_) => "failed",
            Self::NotTried(_) => "not_tried",
            Self::Held => "held",
            Self::Report => "report",
        }
    }

    /// What went wrong.
    pub fn error(&self) -> Option<&str> {
        match self {
            Self::Failed(error) | Self::NotTried(error) => Some(error),
            Self::Done | Self::AlreadySo | Self::Held | Self::Report => None,
        }
    }

    /// Whether live is now as the change wants it.
    pub fn is_so(&self) -> bool {
        matches!(self, Self::Done | Self::AlreadySo)
    }
}

/// A plan with its frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanReport {
    /// The run that made it.
    pub run: RunId,
    /// When.
    pub made_at: Timestamp,
    /// The plan.
    pub plan: Plan,
}

/// A real run: its plan, and what became of each change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunReport {
    /// Plan and frame.
    pub planned: PlanReport,
    /// One result for each change of the plan, in its order.
    pub results: Vec<ChangeResult>,
    /// What became of the run.
    pub outcome: Outcome,
    /// The process exit code: a throttled reading is 13, a throttled writing 12.
    pub exit: u8,
    /// When it ended.
    pub finished_at: Timestamp,
    /// Hyperproof said to wait until then.
    pub throttled_until: Option<Timestamp>,
    /// What it asked of Hyperproof, and how that went.
    pub traffic: Traffic,
}

/// The calls of a run to Hyperproof, every attempt counted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Traffic {
    /// How many there were of each kind.
    pub calls: BTreeMap<Call, u64>,
    /// How long Hyperproof's throttling held calls back.
    pub throttled: Duration,
    /// When Hyperproof's TLS certificate ends; none where nothing was answered, and without TLS.
    pub certificate_ends: Option<Timestamp>,
}

/// A kind of call, with what came of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Call {
    /// Method and path, ids left out (`PUT /groups/{id}/users/delete`): there are but a few of them.
    pub endpoint: String,
    /// The answer's status; none where no whole answer came.
    pub status: Option<u16>,
}
