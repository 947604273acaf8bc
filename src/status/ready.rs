//! Whether the service does its work: what of it is not right. Floor 4, pure.

use jiff::Timestamp;

use crate::model::run::Outcome;
use crate::model::service::ServiceState;
use crate::report::words;

/// What is not right, each in a line; nothing when the service is ready. `unreadable`: why the state file
/// cannot be read.
pub(super) fn wrong(state: &ServiceState, unreadable: Option<&str>, now: Timestamp) -> Vec<String> {
    let mut wrong = Vec::new();
    if state.configuration.digest.is_empty() {
        wrong.push("no configuration is loaded".to_owned());
    }
    wrong.extend(unreadable.map(|why| format!("the state cannot be read: {}", words::clean(why))));
    let Some(last) = &state.last_run else {
        wrong.push("no run has ended yet".to_owned());
        return wrong;
    };
    match last.outcome {
        Outcome::Failed | Outcome::Unread | Outcome::Throttled => {
            wrong.push(format!("the last run: {}", words::outcome(last.outcome)));
        }
        // What waits for a person, or cannot be made in Hyperproof, does not keep the rest from being done.
        Outcome::InStep | Outcome::Applied | Outcome::Held | Outcome::PartlyApplied => {}
    }
    let age = now.duration_since(last.finished_at).try_into().unwrap_or_default();
    // A schedule may leave out nights and weekends: by then nothing is late.
    let is_late = state.second_after.is_none_or(|second| now > second);
    if is_late && state.interval.is_some_and(|interval| age > interval.saturating_mul(2)) {
        let text = format!("the last run ended {} ago, more than two intervals", words::duration(age));
        wrong.push(text);
    }
    wrong
}
