//! Notices: which bad states the service is in after a run, and what is due to be told about them.
//!
//! A state is told once when it begins, once more for everything new under it, and daily while it
//! lasts; that all is well again is told once, and only to those who were told of something bad.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::hold::{HoldId, Rule};
use super::id::GroupName;
use super::plan::{ChangeKey, GroupStanding, GroupSummary};
use super::run::{ChangeResult, Outcome, RunReport};

/// After this long a lasting state is told again. It is less than a day, so that runs which are made
/// once a day, a little earlier or later, do not miss every second one.
pub const DAILY: SignedDuration = SignedDuration::from_hours(23);

/// A change of state that can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NoticeOn {
    /// The guard holds something.
    Held,
    /// A run failed, or something could not be read or made.
    Failed,
    /// Hyperproof's throttling cut a run off.
    Throttled,
    /// All is well again.
    Recovered,
}

impl NoticeOn {
    /// Every one.
    pub const ALL: [NoticeOn; 4] = [Self::Held, Self::Failed, Self::Throttled, Self::Recovered];

    /// The word of the configuration and the documents.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Failed => "failed",
            Self::Throttled => "throttled",
            Self::Recovered => "recovered",
        }
    }
}

/// A bad state. Several can be at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Condition {
    /// Holds wait for a person.
    Held,
    /// Something failed, could not be read, or could not be made.
    Failed,
    /// Hyperproof's throttling cut the last run off.
    Throttled,
}

impl Condition {
    /// Every one.
    pub const ALL: [Condition; 3] = [Self::Held, Self::Failed, Self::Throttled];

    /// The event that tells of it.
    pub fn event(self) -> NoticeOn {
        match self {
            Self::Held => NoticeOn::Held,
            Self::Failed => NoticeOn::Failed,
            Self::Throttled => NoticeOn::Throttled,
        }
    }

    /// The word of the state file.
    pub fn as_str(self) -> &'static str {
        self.event().as_str()
    }

    /// The condition that a word of [`Condition::as_str`] means.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|condition| condition.as_str() == word)
    }
}

/// How a run ended.
#[derive(Debug, Clone)]
pub enum End<'a> {
    /// With a report.
    Report(&'a RunReport),
    /// Before it came to one.
    Error {
        /// What went wrong.
        text: String,
        /// What to do about it.
        help: String,
        /// The exit code.
        exit: u8,
    },
}

/// A hold without an approval, of this run or of an earlier one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Its id.
    pub id: HoldId,
    /// The rule.
    pub rule: Rule,
    /// The one target group that it is about.
    pub group: Option<GroupName>,
    /// One sentence for a person.
    pub text: String,
    /// What it holds.
    pub changes: BTreeSet<ChangeKey>,
    /// When it was found first, in this spell of waiting.
    pub first_seen: Timestamp,
}

/// What is known when a run has ended.
#[derive(Debug, Clone)]
pub struct Seen<'a> {
    /// When that was.
    pub at: Timestamp,
    /// How it ended.
    pub end: End<'a>,
    /// It was over some groups alone (`--group`): it says nothing of the others.
    pub partial: bool,
    /// It was asked to stop: what it did not do is no failure.
    pub stopped: bool,
    /// What waits for a person, by id.
    pub waiting: Vec<Waiting>,
}

/// What a run found of one condition.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Found {
    /// What it consists of: ids of holds, names of sources and groups. Empty: it was not found.
    pub parts: BTreeSet<String>,
    /// The run could see all of it: what it did not find is over.
    pub whole: bool,
}

/// What a run found of all of them.
pub type Findings = BTreeMap<Condition, Found>;

impl Seen<'_> {
    /// The conditions after the run.
    pub fn findings(&self) -> Findings {
        let known = !self.partial && !self.stopped;
        let (report, read, complete) = match &self.end {
            End::Report(report) => (Some(*report), report.planned.plan.reads > 0, report.planned.plan.complete),
            End::Error { .. } => (None, false, false),
        };
        let held = self.waiting.iter().map(|hold| hold.id.to_string()).collect();
        let throttled = report.is_some_and(|report| !self.stopped && is_throttled(report));
        let throttled = throttled.then(|| "hyperproof".to_owned()).into_iter().collect();
        let failed = match report {
            _ if self.stopped => BTreeSet::new(),
            Some(report) => failures(report),
            None => BTreeSet::from(["run".to_owned()]),
        };
        BTreeMap::from([
            (Condition::Held, Found { parts: held, whole: known && complete }),
            (Condition::Failed, Found { parts: failed, whole: known && read }),
            (Condition::Throttled, Found { parts: throttled, whole: known && read }),
        ])
    }
}

/// Whether Hyperproof's throttling cut the run off.
pub fn is_throttled(report: &RunReport) -> bool {
    report.throttled_until.is_some() || report.outcome == Outcome::Throttled
}

/// Whether a target group could not be worked on, or only on a part of what it rests on.
pub fn is_troubled(group: &GroupSummary) -> bool {
    group.standing == GroupStanding::Unusable || !group.complete
}

/// What a run did not get done, apart from throttling and holds.
fn failures(report: &RunReport) -> BTreeSet<String> {
    let plan = &report.planned.plan;
    let sources = plan.sources.iter().filter(|source| !source.complete);
    let mut parts: BTreeSet<String> = sources.map(|source| format!("source {}", source.name)).collect();
    parts.extend(plan.groups.iter().filter(|group| is_troubled(group)).map(|group| format!("group {}", group.name)));
    if plan.reads == 0 && !is_throttled(report) {
        parts.insert("hyperproof".to_owned());
    }
    if report.results.iter().any(|result| matches!(result, ChangeResult::Failed(_))) {
        parts.insert("changes".to_owned());
    }
    let bad = matches!(report.outcome, Outcome::PartlyApplied | Outcome::Unread | Outcome::Failed);
    if parts.is_empty() && bad {
        parts.insert("run".to_owned());
    }
    parts
}

/// What a channel was told of one condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Since when the condition is there, as far as the channel knows.
    pub since: Timestamp,
    /// When the channel was told last.
    pub told_at: Timestamp,
    /// What it consisted of.
    pub parts: BTreeSet<String>,
    /// Whether it was there after the last run.
    pub lasts: bool,
}

/// What a channel was told since all was well.
pub type Account = BTreeMap<Condition, Told>;

/// A notice that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Due {
    /// A condition began, or something new came under it.
    Began {
        /// The condition.
        condition: Condition,
        /// Since when it is there.
        since: Timestamp,
        /// What is new of it.
        new: BTreeSet<String>,
    },
    /// A condition lasts.
    Lasts {
        /// The condition.
        condition: Condition,
        /// Since when it is there.
        since: Timestamp,
    },
    /// All is well again.
    Recovered {
        /// Since when it was not.
        since: Timestamp,
        /// What was told in the meantime.
        was: Vec<Condition>,
    },
}

impl Due {
    /// The event that it tells of.
    pub fn event(&self) -> NoticeOn {
        match self {
            Self::Began { condition, .. } | Self::Lasts { condition, .. } => condition.event(),
            Self::Recovered { .. } => NoticeOn::Recovered,
        }
    }

    /// Since when the state that it tells of is, or was, there.
    pub fn since(&self) -> Timestamp {
        match self {
            Self::Began { since, .. } | Self::Lasts { since, .. } | Self::Recovered { since, .. } => *since,
        }
    }
}

/// What is due to a channel that hears `on`; `told` is brought up to date as if it were told at once.
pub fn due(told: &mut Account, found: &Findings, on: &[NoticeOn], now: Timestamp) -> Vec<Due> {
    let mut due = Vec::new();
    for (condition, found) in found.iter().filter(|(condition, _)| on.contains(&condition.event())) {
        due.extend(of_condition(told, *condition, found, now));
    }
    let well = found.values().all(|found| found.whole && found.parts.is_empty());
    let since = told.values().map(|told| told.since).min();
    if let (true, Some(since)) = (well, since) {
        let was = std::mem::take(told).into_keys().collect();
        if on.contains(&NoticeOn::Recovered) {
            due.push(Due::Recovered { since, was });
        }
    }
    due
}

fn of_condition(account: &mut Account, condition: Condition, found: &Found, now: Timestamp) -> Option<Due> {
    let Some(told) = account.get_mut(&condition) else {
        if found.parts.is_empty() {
            return None;
        }
        let parts = found.parts.clone();
        account.insert(condition, Told { since: now, told_at: now, parts: parts.clone(), lasts: true });
        return Some(Due::Began { condition, since: now, new: parts });
    };
    if found.parts.is_empty() {
        if found.whole {
            told.parts.clear();
            told.lasts = false;
        }
        return None;
    }
    if !told.lasts {
        told.since = now;
        told.lasts = true;
    }
    // A clock that was set back must not silence a channel until it has caught up.
    told.told_at = told.told_at.min(now);
    let new: BTreeSet<String> = found.parts.difference(&told.parts).cloned().collect();
    match found.whole {
        true => told.parts.clone_from(&found.parts),
        false => told.parts.extend(new.iter().cloned()),
    }
    let since = told.since;
    if !new.is_empty() {
        told.told_at = now;
        return Some(Due::Began { condition, since, new });
    }
    if now.duration_since(told.told_at) < DAILY {
        return None;
    }
    told.told_at = now;
    Some(Due::Lasts { condition, since })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_hours(490_000 + hour)
    }

    fn found(held: &[&str], failed: &[&str], whole: bool) -> Findings {
        let of = |parts: &[&str]| Found { parts: parts.iter().map(|part| (*part).to_owned()).collect(), whole };
        BTreeMap::from([(Condition::Held, of(held)), (Condition::Failed, of(failed)), (Condition::Throttled, of(&[]))])
    }

    /// What is due, in short: `held +a`, `held lasts`, `recovered`.
    fn told(account: &mut Account, hour: i64, found: &Findings, on: &[NoticeOn]) -> Vec<String> {
        let short = |due: Due| match due {
            Due::Began { condition, new, .. } => {
                format!("{} +{}", condition.as_str(), new.into_iter().collect::<Vec<_>>().join("+"))
            }
            Due::Lasts { condition, .. } => format!("{} lasts", condition.as_str()),
            Due::Recovered { since, was } => {
                let was: Vec<&str> = was.into_iter().map(Condition::as_str).collect();
                format!("recovered from {} of {}", was.join(" "), since.duration_since(at(0)).as_hours())
            }
        };
        due(account, found, on, at(hour)).into_iter().map(short).collect()
    }

    #[test]
    fn a_state_is_told_once_then_daily_and_its_end_once() {
        let (account, all) = (&mut Account::new(), &NoticeOn::ALL[..]);
        let nothing: [&str; 0] = [];
        assert_eq!(told(account, 0, &found(&[], &[], true), all), nothing);
        assert_eq!(told(account, 1, &found(&["a"], &[], true), all), ["held +a"]);
        assert_eq!(told(account, 2, &found(&["a"], &[], true), all), nothing);
        assert_eq!(told(account, 3, &found(&["a", "b"], &[], true), all), ["held +b"]);
        assert_eq!(told(account, 25, &found(&["a", "b"], &[], true), all), nothing);
        assert_eq!(told(account, 26, &found(&["a"], &[], true), all), ["held lasts"]);
        assert_eq!(told(account, 27, &found(&["a", "b"], &[], true), all), ["held +b"], "it is there again");
        assert_eq!(told(account, 30, &found(&[], &[], true), all), ["recovered from held of 1"]);
        assert_eq!(told(account, 31, &found(&[], &[], true), all), nothing);
        assert_eq!(told(account, 32, &found(&["a"], &[], true), all), ["held +a"]);
    }

    #[test]
    fn what_a_run_could_not_see_is_not_over() {
        let (account, all) = (&mut Account::new(), &NoticeOn::ALL[..]);
        let nothing: [&str; 0] = [];
        assert_eq!(told(account, 0, &found(&["a"], &["source hr"], false), all), ["held +a", "failed +source hr"]);
        assert_eq!(told(account, 1, &found(&[], &[], false), all), nothing);
        assert_eq!(told(account, 2, &found(&["a"], &["source hr"], false), all), nothing);
        assert_eq!(told(account, 3, &found(&["a"], &[], true), all), nothing, "one is over, the other is not");
        assert_eq!(told(account, 4, &found(&["a"], &["source hr"], true), all), ["failed +source hr"]);
        assert_eq!(told(account, 5, &found(&[], &[], true), all), ["recovered from held failed of 0"]);
    }

    #[test]
    fn a_channel_hears_what_it_asked_for() {
        let (account, nothing): (_, [&str; 0]) = (&mut Account::new(), []);
        let failed = &[NoticeOn::Failed, NoticeOn::Recovered][..];
        assert_eq!(told(account, 0, &found(&["a"], &[], true), failed), nothing);
        assert_eq!(told(account, 1, &found(&[], &[], true), failed), nothing, "nothing bad was told");
        assert_eq!(told(account, 2, &found(&["a"], &["x"], true), failed), ["failed +x"]);
        assert_eq!(told(account, 3, &found(&["a"], &[], true), failed), nothing, "not all is well");
        assert_eq!(told(account, 4, &found(&[], &[], true), failed), ["recovered from failed of 2"]);
        let held = &[NoticeOn::Held][..];
        assert_eq!(told(account, 5, &found(&["a"], &[], true), held), ["held +a"]);
        assert_eq!(told(account, 6, &found(&[], &[], true), held), nothing);
        assert!(account.is_empty());
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_silence() {
        let (account, all) = (&mut Account::new(), &NoticeOn::ALL[..]);
        assert_eq!(told(account, 500, &found(&["a"], &[], true), all), ["held +a"]);
        assert_eq!(told(account, 10, &found(&["a"], &[], true), all), Vec::<String>::new());
        assert_eq!(told(account, 34, &found(&["a"], &[], true), all), ["held lasts"]);
    }

    #[test]
    fn words_are_read_back() {
        for condition in Condition::ALL {
            assert_eq!(Condition::parse(condition.as_str()), Some(condition));
        }
        assert_eq!(Condition::parse("recovered"), None);
    }
}
