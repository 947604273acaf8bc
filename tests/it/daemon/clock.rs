//! The clock is set while the service runs. A test cannot set it; but the service compares it with one that nobody sets,
//! and that one can be put forward here: the clock of the wall is then behind by as much.

use std::time::Duration;

use jiff::Timestamp;
use rosterd::config::{self, Environment};
use rosterd::daemon::{self, Parts, Signals};
use rosterd::model::run::Outcome;
use rosterd::model::service::ServiceState;
use rosterd::simulator::{Fault, FaultKind, RetryAfter};
use rosterd::store::{Access, Actor, Store};
use tokio::sync::watch;

use super::scheduled;

fn outcome(state: &ServiceState) -> Option<Outcome> {
    state.last_run.as_ref().map(|run| run.outcome)
}

/// Told to wait 20 s, and then the clock is set back by 17: 3 s are left of it, and not 20 more. The step is smaller than
/// what a time of the state tells by itself.
#[test]
fn a_step_back_makes_no_throttle_longer() {
    let bench = scheduled("cron = \"0 0 0 1 1 *\"\njitter = \"0s\"");
    let wait = FaultKind::Quota { retry_after: Some(RetryAfter::Seconds(20)) };
    bench.simulator().inject(Fault::on("GET", "/v1/users", wait));
    // Writes the configuration.
    bench.run(&["check"]).exits(0);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let signals = Signals::listen().unwrap();
        let environment = Environment::process();
        let config = config::load(&bench.path("rosterd.toml"), &environment).unwrap();
        let store = Store::open(&config.state.path, Access::CreateOrWrite).await.unwrap();
        let now = Timestamp::now();
        let lock = store.lock_service(now).unwrap();
        let (state, mut seen) = watch::channel(daemon::at_start(&config, &store, now).await.unwrap());
        let actor = Actor { service: "test".to_owned(), host: "here".to_owned(), operator: None };
        let schedule = config.schedule.clone().unwrap();
        let parts = Parts { config, schedule, environment, store: store.clone(), lock, actor, state };
        let look = async {
            seen.wait_for(|state| outcome(state) == Some(Outcome::Throttled)).await.unwrap();
            // A moment later than it was noted.
            tokio::time::sleep(Duration::from_millis(500)).await;
            tokio::time::pause();
            tokio::time::advance(Duration::from_secs(17)).await;
            tokio::time::resume();
            seen.wait_for(|state| outcome(state) == Some(Outcome::Applied)).await.unwrap();
        };
        tokio::select! {
            () = daemon::run(parts, signals) => panic!("nobody stopped it"),
            looked = tokio::time::timeout(Duration::from_secs(90), look) => looked.unwrap(),
        }
        store.close().await;
    });
    let ended = bench.audit().into_iter().filter(|record| record["event"] == "run_finished");
    let outcomes: Vec<String> = ended.map(|record| record["outcome"].as_str().unwrap().to_owned()).collect();
    assert_eq!(outcomes, ["throttled", "applied"]);
    bench.in_step();
}
