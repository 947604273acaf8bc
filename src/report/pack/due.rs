//! How long removals took, and what came before each change: what the log told before an outcome, kept for as
//! long as an outcome may refer to it.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::record::Told;

/// A record and its time.
pub(super) type Place = (i64, Timestamp);

/// The definition, as it stands in the manifest and in the report.
pub const DEFINITION: &str = "From when a removal was first due, by the log, to the record of its outcome \"done\". \
     First due is the earliest of: the record of the hold that was approved for it, that of the approval, the start of the first run that \
     tried the same removal and failed, the start of the run that made it. The log names the people under a hold by \
     number and digest: a hold that went away without an approval is not counted as waiting, nor is the time of \
     removal_grace, nor the time between the change in the source and the run that read it.";

/// Why an approval that an outcome names is none for it.
const UNKNOWN: &str = "it names an approval that the log has no record of";
const ENDED: &str = "it names an approval that had ended before";
const PASSED: &str = "it names an approval, and the change had passed by it before";

/// What an outcome may refer to.
#[derive(Debug, Default)]
pub(super) struct Context {
    runs: BTreeMap<String, Place>,
    intents: BTreeMap<i64, Timestamp>,
    holds: BTreeMap<String, Place>,
    approvals: BTreeMap<i64, Place>,
    /// What passed by each of those that have not expired.
    passed: BTreeMap<i64, Used>,
    /// Those that ended before they expired, and where.
    ended: BTreeMap<i64, i64>,
    tried: BTreeMap<(String, String), Place>,
    /// The first record that was taken: before the very first there are no approvals.
    first: Option<i64>,
}

/// Until when an approval is good, and the changes that passed by it (kind, group, account), each with its outcome.
#[derive(Debug)]
struct Used {
    expires: Timestamp,
    changes: BTreeMap<[String; 3], i64>,
}

/// What came before an outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Before {
    /// When the change was first due, and the record that says so.
    pub(super) due: Option<Place>,
    /// The hold.
    pub(super) hold: Option<Place>,
    /// The approval.
    pub(super) approval: Option<Place>,
    /// The last of all approvals that it used up.
    pub(super) last_approval: Option<Place>,
    /// Why an approval that it names is none for it; none where all are as they should be.
    pub(super) unapproved: Option<&'static str>,
    /// The intent.
    pub(super) intent: Option<Place>,
}

impl Context {
    /// Remembers what a record says; of an outcome, tells what came before it.
    pub(super) fn take(&mut self, told: &Told) -> Option<Before> {
        let place = (told.seq, told.at);
        self.first.get_or_insert(told.seq);
        match told.event.as_str() {
            "run_started" => _ = told.run_id.clone().map(|run| self.runs.insert(run, place)),
            "run_finished" => {
                self.ended.extend(told.approvals_ended.iter().map(|approval| (approval.number, told.seq)));
                _ = told.run_id.as_ref().map(|run| self.runs.remove(run));
            }
            "hold" => _ = told.hold.clone().map(|hold| self.holds.insert(hold, place)),
            "approval" => {
                // What has expired lets nothing through any more.
                self.passed.retain(|_, used| used.expires > told.at);
                if let Some(approval) = &told.approval
                    && let Some(number) = approval.number
                {
                    self.approvals.insert(number, place);
                    self.passed.insert(number, Used { expires: approval.expires, changes: BTreeMap::new() });
                    self.ended.remove(&number);
                }
            }
            "intent" => {
                self.intents.insert(told.seq, told.at);
                if told.op.as_deref() == Some("remove_member")
                    && let Some(key) = key(told)
                {
                    let run = self.run(told).unwrap_or(place);
                    self.tried.entry(key).or_insert(run);
                }
            }
            "outcome" => return Some(self.outcome(told)),
            _ => {}
        }
        None
    }

    fn run(&self, told: &Told) -> Option<Place> {
        told.run_id.as_ref().and_then(|run| self.runs.get(run)).copied()
    }

    fn outcome(&mut self, told: &Told) -> Before {
        let intent = told.intent.and_then(|seq| self.intents.remove(&seq).map(|at| (seq, at)));
        let hold = told.hold.as_ref().and_then(|hold| self.holds.get(hold)).copied();
        let number = told.approval.as_ref().and_then(|approval| approval.number);
        let approval = number.and_then(|number| self.approvals.get(&number)).copied();
        let numbers = told.consents().filter_map(|approval| approval.number);
        let last_approval = numbers.clone().filter_map(|number| self.approvals.get(&number)).max().copied();
        // Where the log was not read from its beginning, only approvals after the first that was met must be there.
        let known_from = match self.first {
            Some(1) => Some(0),
            _ => self.approvals.first_key_value().map(|(number, _)| *number),
        };
        let is_unknown =
            |number: &i64| known_from.is_some_and(|from| *number >= from) && !self.approvals.contains_key(number);
        let change = change(told);
        // What was announced before is told late, where a run was cut off.
        let is_before = |seq: &i64| told.intent.is_none_or(|intent| *seq < intent);
        let has_ended = |number: &i64| self.ended.get(number).is_some_and(is_before);
        let has_passed =
            |number: &i64| self.passed.get(number).and_then(|used| used.changes.get(&change)).is_some_and(is_before);
        let any = |is_so: &dyn Fn(&i64) -> bool| numbers.clone().any(|number| is_so(&number));
        let unapproved = if any(&is_unknown) {
            Some(UNKNOWN)
        } else if any(&has_ended) {
            Some(ENDED)
        } else if any(&has_passed) {
            Some(PASSED)
        } else {
            None
        };
        if ["done", "already_so"].contains(&told.result.as_deref().unwrap_or_default()) {
            for number in numbers {
                if let Some(used) = self.passed.get_mut(&number) {
                    used.changes.entry(change.clone()).or_insert(told.seq);
                }
            }
        }
        let tried = key(told).and_then(|key| match told.is_so("remove_member") || told.is_so("add_member") {
            true => self.tried.remove(&key),
            false => self.tried.get(&key).copied(),
        });
        let tried = tried.filter(|_| told.op.as_deref() == Some("remove_member"));
        // What was approved was due by then: a mere plan showed it, which is not in the log.
        let places = [hold, approval, tried, self.run(told), intent];
        let due = places.into_iter().flatten().min_by_key(|(seq, at)| (*at, *seq));
        Before { due, hold, approval, last_approval, unapproved, intent }
    }
}

/// Kind, group and account of a change.
fn change(told: &Told) -> [String; 3] {
    let group = told.group.as_ref().map(|group| group.name.clone());
    let member = told.member.as_ref().map(|member| member.user_id.clone());
    [told.op.clone(), group, member].map(Option::unwrap_or_default)
}

/// Group and account of a change.
fn key(told: &Told) -> Option<(String, String)> {
    let (group, member) = (told.group.as_ref()?, told.member.as_ref()?);
    Some((group.name.clone(), member.user_id.clone()))
}

/// How long removals took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Latency {
    objective: SignedDuration,
    took: Vec<i64>,
    worst: Option<(i64, i64)>,
    late: u64,
}

impl Latency {
    /// Against this objective.
    pub fn new(objective: SignedDuration) -> Self {
        Self { objective, took: Vec::new(), worst: None, late: 0 }
    }

    /// Notes a removal; true where it was late.
    pub(super) fn note(&mut self, seq: i64, took: SignedDuration) -> bool {
        let millis = i64::try_from(took.as_millis()).unwrap_or(i64::MAX).max(0);
        self.took.push(millis);
        if self.worst.is_none_or(|(worst, _)| millis > worst) {
            self.worst = Some((millis, seq));
        }
        let late = took > self.objective;
        self.late += u64::from(late);
        late
    }

    /// The objective.
    pub fn objective(&self) -> SignedDuration {
        self.objective
    }

    /// How many removals.
    pub fn removals(&self) -> u64 {
        self.took.len() as u64
    }

    /// How many took longer than the objective.
    pub fn late(&self) -> u64 {
        self.late
    }

    /// The longest, and the record of its outcome.
    pub fn worst(&self) -> Option<(SignedDuration, i64)> {
        self.worst.map(|(millis, seq)| (SignedDuration::from_millis(millis), seq))
    }

    /// So many percent took no longer (nearest rank).
    pub fn percentile(&self, percent: u64) -> Option<SignedDuration> {
        let mut took = self.took.clone();
        took.sort_unstable();
        let rank = (took.len() as u64 * percent).div_ceil(100).max(1);
        let at = usize::try_from(rank - 1).ok()?;
        took.get(at).map(|millis| SignedDuration::from_millis(*millis))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_the_nearest_rank() {
        let mut latency = Latency::new(SignedDuration::from_secs(19));
        assert_eq!((latency.percentile(50), latency.worst()), (None, None));
        for seq in 1..=20 {
            latency.note(seq, SignedDuration::from_secs(21 - seq));
        }
        let seconds = [0, 5, 50, 95, 100].map(|percent| latency.percentile(percent).unwrap().as_secs());
        assert_eq!(seconds, [1, 1, 10, 19, 20]);
        assert_eq!((latency.late(), latency.removals()), (1, 20));
        assert_eq!(latency.worst(), Some((SignedDuration::from_secs(20), 1)));
    }

    #[test]
    fn a_removal_is_due_from_its_hold_or_from_the_first_run_that_tried_it() {
        let told = |seq: i64, fields: &str| {
            Told::parse(&format!(r#"{{"at":"2026-01-01T00:00:0{seq}Z","prev":"","seq":{seq},{fields}}}"#)).unwrap()
        };
        let change = r#""op":"remove_member","group":{"name":"Risk"},"member":{"user_id":"a"}"#;
        let mut context = Context::default();
        let mut at = |seq, fields: &str| context.take(&told(seq, fields));
        at(1, r#""event":"run_started","run_id":"r1""#);
        at(2, &format!(r#""event":"intent","run_id":"r1",{change}"#));
        let failed =
            at(3, &format!(r#""event":"outcome","run_id":"r1","result":"failed","intent":2,{change}"#)).unwrap();
        assert_eq!((failed.due.unwrap().0, failed.intent.unwrap().0), (1, 2));
        at(4, r#""event":"run_finished","run_id":"r1""#);
        at(5, r#""event":"run_started","run_id":"r2""#);
        at(6, &format!(r#""event":"intent","run_id":"r2",{change}"#));
        let done = format!(r#""event":"outcome","run_id":"r2","result":"done","intent":6,{change}"#);
        assert_eq!(at(7, &done).unwrap().due.unwrap().0, 1);
        // Done once: the next one begins anew.
        at(8, &format!(r#""event":"intent","run_id":"r2",{change}"#));
        assert_eq!(at(9, &done.replace(":6", ":8")).unwrap().due.unwrap().0, 5);
    }

    #[test]
    fn an_approval_lets_a_change_through_once_and_not_after_its_end() {
        const BY: &str =
            r#""approval":{"number":1,"by":"Ann","login":"ann","reason":"x","expires":"2026-01-02T00:00:00Z"}"#;
        let unapproved = |records: &[&str]| -> Vec<Option<&'static str>> {
            let mut context = Context::default();
            let record = |(at, fields): (usize, &&str)| {
                Told::parse(&format!(r#"{{"at":"2026-01-01T00:00:00Z","prev":"","seq":{},{fields}}}"#, at + 1)).unwrap()
            };
            let told: Vec<Told> = records.iter().enumerate().map(record).collect();
            told.iter().filter_map(|told| context.take(told)).map(|before| before.unapproved).collect()
        };
        let change = r#""op":"remove_member","group":{"name":"A"},"member":{"user_id":"a"}"#;
        let given = format!(r#""event":"approval",{BY}"#);
        let intent = format!(r#""event":"intent",{change},{BY}"#);
        let outcome = |intent: i64, result: &str| {
            format!(r#""event":"outcome","intent":{intent},"result":"{result}",{change},{BY}"#)
        };
        let ended = r#""event":"run_finished","approvals_ended":[{"number":1,"hold":"h-1"}]"#;
        let again =
            [&given, &intent, &outcome(2, "failed"), &intent, &outcome(4, "done"), &intent, &outcome(6, "done")];
        assert_eq!(unapproved(&again.map(String::as_str)), [None, None, Some(PASSED)]);
        // What a run announced that was cut off is told later: it had begun before the end.
        let late = [&given, &intent, ended, &outcome(2, "done"), &intent, &outcome(5, "failed")];
        assert_eq!(unapproved(&late), [None, Some(ENDED)]);
        assert_eq!(unapproved(&[&given, ended, &given, &intent, &outcome(4, "done")]), [None], "given again");
        assert_eq!(unapproved(&[&intent, &outcome(1, "done")]), [Some(UNKNOWN)]);
    }
}
