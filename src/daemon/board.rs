//! How the service stands, in one line for systemd, and as the state file knows it when it starts.

use jiff::{Timestamp, Unit};

use crate::config::Config;
use crate::model::run::{Outcome, Trigger};
use crate::model::service::{LastRun, ServiceState};
use crate::report::words;
use crate::store::{RunRow, Store, StoreError};

/// So many runs are looked at for the last good one.
const RUNS: u32 = 100;

/// The service as it starts: what the state file knows of the runs before it.
///
/// # Errors
/// The state cannot be read.
pub async fn at_start(config: &Config, store: &Store, now: Timestamp) -> Result<ServiceState, StoreError> {
    let mut state = ServiceState::new(now, &config.digest);
    let runs = store.runs(RUNS).await?;
    state.last_run = runs.iter().find_map(last_run);
    state.last_success = runs.iter().filter(|run| run.outcome.is_some_and(is_success)).find_map(|run| run.finished_at);
    state.waiting = waiting(store, now).await?;
    let longest = crate::run::LONGEST_THROTTLE;
    let believed = |until: &Timestamp| *until > now && now.duration_until(*until).unsigned_abs() <= longest;
    state.throttled_until = store.memory(now).await?.throttled_until.filter(believed);
    Ok(state)
}

/// Holds without an approval.
pub(super) async fn waiting(store: &Store, now: Timestamp) -> Result<u64, StoreError> {
    let holds = store.holds(now).await?;
    Ok(holds.iter().filter(|hold| hold.approval.is_none()).count() as u64)
}

/// Whether a run left everything in step but for holds.
pub(super) fn is_success(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::InStep | Outcome::Applied | Outcome::Held)
}

fn last_run(row: &RunRow) -> Option<LastRun> {
    Some(LastRun {
        trigger: Trigger::parse(&row.trigger)?,
        started_at: row.started_at,
        finished_at: row.finished_at?,
        outcome: row.outcome?,
        error: None,
    })
}

/// The service in one line.
pub(super) fn line(state: &ServiceState) -> String {
    let mut parts = Vec::new();
    if let Some(running) = &state.running {
        parts.push(format!("run under way since {} ({})", when(running.since), running.trigger.as_str()));
    }
    parts.push(match &state.last_run {
        Some(run) => format!("last run {}: {}", when(run.finished_at), words::outcome(run.outcome)),
        None => "no run yet".to_owned(),
    });
    if let Some((at, why)) = &state.let_go {
        parts.push(format!("no run at {}: {why}", when(*at)));
    }
    parts.push(match state.next_run {
        Some(next) => format!("next run {}", when(next)),
        None => "no next run".to_owned(),
    });
    if state.waiting > 0 {
        let holds = words::plural(usize::try_from(state.waiting).unwrap_or(usize::MAX), "hold");
        parts.push(format!("{holds} waiting for approval"));
    }
    if let Some((at, _)) = &state.configuration.refused {
        parts.push(format!("the configuration of {} was refused", when(*at)));
    }
    parts.join("; ")
}

fn when(at: Timestamp) -> String {
    words::when(&at.round(Unit::Second).unwrap_or(at).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::service::Running;

    #[test]
    fn the_line_tells_runs_holds_and_what_was_refused() {
        let at = |text: &str| -> Timestamp { text.parse().unwrap() };
        let mut state = ServiceState::new(at("2026-11-22T12:00:00Z"), "d");
        assert_eq!(line(&state), "no run yet; no next run");
        state.last_run = Some(LastRun {
            trigger: Trigger::Schedule,
            started_at: at("2026-11-22T12:00:00Z"),
            finished_at: at("2026-11-22T12:00:07.6Z"),
            outcome: Outcome::Held,
            error: None,
        });
        state.next_run = Some(at("2026-11-22T12:15:00Z"));
        state.waiting = 2;
        insta::assert_snapshot!(line(&state), @"last run 2026-11-22 12:00:08 UTC: finished, and the guard holds something; next run 2026-11-22 12:15:00 UTC; 2 holds waiting for approval");
        state.running = Some(Running { trigger: Trigger::Signal, since: at("2026-11-22T12:10:00Z") });
        state.let_go = Some((at("2026-11-22T12:05:00Z"), "another run is under way".to_owned()));
        state.configuration.refused = Some((at("2026-11-22T12:01:00Z"), "x".to_owned()));
        insta::assert_snapshot!(line(&state), @"run under way since 2026-11-22 12:10:00 UTC (signal); last run 2026-11-22 12:00:08 UTC: finished, and the guard holds something; no run at 2026-11-22 12:05:00 UTC: another run is under way; next run 2026-11-22 12:15:00 UTC; 2 holds waiting for approval; the configuration of 2026-11-22 12:01:00 UTC was refused");
    }
}
