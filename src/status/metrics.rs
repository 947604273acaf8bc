//! The metrics, in OpenMetrics text. Floor 4, pure: state in, text out. Names follow Prometheus' conventions:
//! base units, `_total` for what only goes up, times as Unix seconds.

mod exposition;

use std::time::Duration;

use jiff::Timestamp;

use super::ready;
use super::view::Stored;
use crate::model::hold::Rule;
use crate::model::plan::{Op, Plan, SourceSummary, Why};
use crate::model::run::{ChangeResult, Outcome};
use crate::model::service::{ServiceState, Totals};
use exposition::{Exposition, Family};

pub use exposition::CONTENT_TYPE;

/// What becomes of a change that was due.
const RESULTS: [ChangeResult; 4] = [
    ChangeResult::Done,
    ChangeResult::AlreadySo,
    ChangeResult::Failed(String::new()),
    ChangeResult::NotTried(String::new()),
];

/// All metrics. Without `stored` (the state file cannot be read), what comes from there has no values. Every
/// name is there from the start with its help; a value that is not known is left out, and never 0.
pub fn render(state: &ServiceState, stored: Option<&Stored>, now: Timestamp) -> String {
    let mut all = Exposition::default();
    service(&mut all, state, stored, now);
    runs(&mut all, state);
    work(&mut all, state, stored);
    sources(&mut all, state, stored);
    target(&mut all, state, now);
    certificates(&mut all, &state.totals);
    all.text()
}

fn service(all: &mut Exposition, state: &ServiceState, stored: Option<&Stored>, now: Timestamp) {
    let configuration = &state.configuration;
    let unreadable = stored.is_none().then_some("");
    all.put(
        Family::gauge("rosterd_build_info", "The version that runs; always 1")
            .real(&[("version", env!("CARGO_PKG_VERSION"))], 1.0),
    );
    all.put(Family::gauge("process_start_time_seconds", "When the process began").at(&[], Some(state.started_at)));
    all.put(
        Family::gauge("rosterd_ready", "1 while /readyz answers 200")
            .flag(&[], ready::wrong(state, unreadable, now).is_empty()),
    );
    all.put(Family::gauge("rosterd_state_readable", "1 while the state file can be read").flag(&[], stored.is_some()));
    all.put(
        Family::gauge("rosterd_configuration_loaded_timestamp_seconds", "When the configuration in use was loaded")
            .at(&[], Some(configuration.loaded_at)),
    );
    all.put(
        Family::gauge("rosterd_configuration_refused", "1 while a newer configuration is refused")
            .flag(&[], configuration.refused.is_some()),
    );
    all.put(
        Family::counter("rosterd_reloads_refused", "Configurations that were refused on reload")
            .count(&[], state.totals.refused_reloads),
    );
}

fn runs(all: &mut Exposition, state: &ServiceState) {
    let last = state.last_run.as_ref();
    let took = last.map(|last| length(last.started_at, last.finished_at));
    all.put(Family::gauge("rosterd_run_in_progress", "1 while a run is under way").flag(&[], state.running.is_some()));
    let mut runs = Family::counter("rosterd_runs", "Runs that ended, by outcome");
    let mut current = Family::gauge("rosterd_last_run_outcome", "1 for the outcome of the last run, 0 for the others");
    for outcome in Outcome::ALL {
        let label = [("outcome", outcome.as_str())];
        runs = runs.count(&label, state.totals.runs.get(&outcome).copied().unwrap_or_default());
        if let Some(last) = last {
            current = current.flag(&label, last.outcome == outcome);
        }
    }
    all.put(runs);
    all.put(current);
    all.put(
        Family::gauge("rosterd_last_run_timestamp_seconds", "When the last run ended")
            .at(&[], last.map(|last| last.finished_at)),
    );
    all.put(Family::gauge("rosterd_last_run_duration_seconds", "How long the last run took").lasts(&[], took));
    all.put(
        Family::gauge(
            "rosterd_last_success_timestamp_seconds",
            "When the last run ended that left everything in step but for holds",
        )
        .at(&[], state.last_success),
    );
    all.put(Family::gauge("rosterd_next_run_timestamp_seconds", "When the next run is due").at(&[], state.next_run));
    all.put(
        Family::gauge("rosterd_schedule_interval_seconds", "How far apart the schedule's next two runs are")
            .lasts(&[], state.interval),
    );
    all.put(
        Family::counter("rosterd_schedule_ticks_skipped", "Times of the schedule that fell into a run")
            .count(&[], state.totals.skipped_ticks),
    );
}

fn work(all: &mut Exposition, state: &ServiceState, stored: Option<&Stored>) {
    let mut changes = Family::counter("rosterd_changes", "Changes that were due, by kind and by what became of them");
    for op in Op::ALL {
        for result in &RESULTS {
            let count = state.totals.changes.get(&(op, result.as_str())).copied().unwrap_or_default();
            changes = changes.count(&[("op", op.as_str()), ("result", result.as_str())], count);
        }
    }
    all.put(changes);
    let plan = plan(state);
    let mut held = Family::gauge("rosterd_changes_held", "Changes of the last run that wait for an approval");
    let mut skips = Family::gauge("rosterd_skips", "Steps that the last run deliberately did not take, by reason");
    if let Some(plan) = plan {
        held = held.whole(&[], plan.counts().held);
        for why in Why::ALL {
            let count = plan.skips.iter().filter(|skip| skip.why == why).count();
            skips = skips.whole(&[("why", why.as_str())], count);
        }
    }
    all.put(held);
    all.put(skips);
    let mut holds = Family::gauge("rosterd_holds", "Holds, by rule, and whether they wait or were approved");
    let mut oldest = Family::gauge("rosterd_oldest_hold_timestamp_seconds", "Since when the oldest hold waits");
    if let Some(stored) = stored {
        for rule in Rule::ALL {
            for (word, approved) in [("waiting", false), ("approved", true)] {
                let fits = stored.holds.iter().filter(|hold| hold.rule == rule && hold.approval.is_some() == approved);
                holds = holds.whole(&[("rule", rule.as_str()), ("standing", word)], fits.count());
            }
        }
        let waiting = stored.holds.iter().filter(|hold| hold.approval.is_none());
        oldest = oldest.at(&[], waiting.map(|hold| hold.first_seen).min());
    }
    all.put(holds);
    all.put(oldest);
}

/// The plan of the last run; none where that did not come to one.
fn plan(state: &ServiceState) -> Option<&Plan> {
    let report = state.report.as_ref().filter(|_| state.last_run.as_ref().is_none_or(|last| last.error.is_none()));
    report.map(|report| &report.planned.plan)
}

fn sources(all: &mut Exposition, state: &ServiceState, stored: Option<&Stored>) {
    let sources = plan(state).map(|plan| plan.sources.as_slice()).unwrap_or_default();
    let known = state.report.as_ref().map(|report| report.planned.plan.sources.as_slice()).unwrap_or_default();
    let counted = |name, help, count: fn(&SourceSummary) -> usize| {
        sources.iter().fold(Family::gauge(name, help), |family, source| {
            family.whole(&[("source", source.name.as_str())], count(source))
        })
    };
    all.put(counted("rosterd_source_complete", "1 where the last run read the source to its end", |source| {
        usize::from(source.complete)
    }));
    all.put(counted("rosterd_source_people", "People whom the last run read in the source", |source| source.people));
    all.put(counted("rosterd_source_groups", "Directory groups that the last run read", |source| source.groups));
    all.put(counted("rosterd_source_memberships", "Direct memberships that the last run read", |source| {
        source.memberships
    }));
    let mut took = Family::gauge("rosterd_source_read_seconds", "How long the last run's read of the source took");
    let mut written = Family::gauge(
        "rosterd_source_written_timestamp_seconds",
        "When the source's data were written (the oldest file); CSV only",
    );
    for source in sources {
        let label = [("source", source.name.as_str())];
        took = took.lasts(&label, Some(source.facts.took));
        written = written.at(&label, source.facts.written_at);
    }
    all.put(took);
    all.put(written);
    let mut complete = Family::gauge(
        "rosterd_source_complete_read_timestamp_seconds",
        "When the source was last read to its end, by any real run",
    );
    // A source that was taken out of the configuration is still known to the state.
    let read = stored.map(|stored| stored.sources.as_slice()).unwrap_or_default().iter();
    for read in read.filter(|read| known.iter().any(|source| source.name.as_str() == read.source)) {
        complete = complete.at(&[("source", &read.source)], read.complete_at);
    }
    all.put(complete);
    let lags = state.totals.seen.lags.iter();
    all.put(lags.fold(
        Family::gauge(
            "rosterd_source_effect_lag_seconds",
            "From the data being written to the end of the last run that made changes by them; CSV only",
        ),
        |family, (name, lag)| family.lasts(&[("source", name.as_str())], Some(*lag)),
    ));
}

fn target(all: &mut Exposition, state: &ServiceState, now: Timestamp) {
    let mut calls =
        Family::counter("rosterd_api_calls", "Attempts of calls to Hyperproof, by endpoint and status (or \"lost\")");
    for (call, count) in &state.totals.calls {
        let status = call.status.map_or_else(|| "lost".to_owned(), |status| status.to_string());
        calls = calls.count(&[("endpoint", &call.endpoint), ("status", &status)], *count);
    }
    all.put(calls);
    all.put(
        Family::counter("rosterd_api_throttled_seconds", "How long Hyperproof's throttling held calls back")
            .real(&[], state.totals.throttled.as_secs_f64()),
    );
    all.put(
        Family::gauge("rosterd_api_throttled_until_timestamp_seconds", "Until when Hyperproof said to wait")
            .at(&[], state.throttled_until.filter(|until| *until > now)),
    );
}

fn certificates(all: &mut Exposition, totals: &Totals) {
    let mut tls = Family::gauge(
        "rosterd_tls_certificate_expiry_timestamp_seconds",
        "When a server's TLS certificate ends, as last seen",
    );
    for (source, ends) in &totals.seen.certificates {
        tls = match source {
            None => tls.at(&[("peer", "hyperproof")], Some(*ends)),
            Some(name) => tls.at(&[("peer", "source"), ("source", name.as_str())], Some(*ends)),
        };
    }
    all.put(tls);
    let credentials = totals.seen.credentials.iter();
    all.put(credentials.fold(
        Family::gauge(
            "rosterd_credential_expiry_timestamp_seconds",
            "When the certificate ends with which rosterd signs in at a source (client_cert)",
        ),
        |family, (name, ends)| family.at(&[("source", name.as_str())], Some(*ends)),
    ));
}

fn length(from: Timestamp, to: Timestamp) -> Duration {
    to.duration_since(from).try_into().unwrap_or_default()
}
