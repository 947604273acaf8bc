//! What the commands that work on an installation share: the configuration, the state, who acts, and
//! a runtime.

use std::collections::BTreeSet;
use std::future::Future;
use std::path::Path;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::args::Global;
use super::exit::{Exit, Fault};
use super::output::Output;
use crate::config::{self, Config, Environment, Installation};
use crate::model::id::GroupName;
use crate::model::run::Trigger;
use crate::run::{self, Order, RunError, Setup};
use crate::store::{self, Access, Actor, Store, StoreError};

/// Loads the configuration; what is odd in it is told.
pub(super) fn configuration(global: &Global, output: &Output) -> Result<Config, Fault> {
    let config = config::load(&global.config, &Environment::process()).map_err(Fault::usage)?;
    for warning in &config.warnings {
        output.note(&format!("warning: {warning}"));
    }
    Ok(config)
}

/// Loads the configuration for a command that works on the state alone: it needs no secret, so that a
/// person can use it whose shell does not have the service's. What is odd is told by the other commands.
pub(super) fn without_secrets(global: &Global) -> Result<Config, Fault> {
    config::load_without_secrets(&global.config, &Environment::process()).map_err(Fault::usage)
}

/// Loads what a command needs that looks at the state, or lets something through, and nothing more: a mistake
/// elsewhere in the file is told and no obstacle, as the service goes on with what it read before.
pub(super) fn installation(global: &Global, output: &Output) -> Result<Installation, Fault> {
    let found = config::load_installation(&global.config, &Environment::process()).map_err(Fault::usage)?;
    if let Some(mistakes) = &found.mistakes {
        output.note(&format!("warning: {mistakes}: `rosterd check` until it is mended; nothing of it is needed here"));
    }
    Ok(found)
}

/// Opens the state of an installation, for a command that ends no run.
pub(super) async fn open_state(found: &Installation, access: Access) -> Result<Store, Fault> {
    Ok(Store::open(&found.state.path, access).await?)
}

/// Opens the state for a command that only looks: also where its file system is read-only, unless it is of an older
/// version, which has to be brought up to date first.
pub(super) async fn look_into(state: &Path) -> Result<Store, Fault> {
    let refused = match Store::open(state, Access::ExistingOnly).await {
        Err(error) if matches!(error.fault, store::Fault::ReadOnly(_)) => error,
        opened => return Ok(opened?),
    };
    match Store::open(state, Access::ReadOnly).await {
        Ok(store) if store.is_current().await? => Ok(store),
        Ok(store) => {
            store.close().await;
            Err(refused.into())
        }
        Err(StoreError { fault: store::Fault::Unwritable(_), .. }) => Err(refused.into()),
        Err(error) => Err(error.into()),
    }
}

/// Opens the state that the configuration names. Runs that end by it are signed, where there is a key.
pub(super) async fn open(config: &Config, access: Access) -> Result<Store, Fault> {
    let store = Store::open(&config.state.path, access).await?;
    Ok(store.signing(config.audit.signing()))
}

/// Runs the asynchronous part of a command that does one thing. One thread beside this one is enough for it, and each
/// thread keeps memory of its own: what one of them let go of the others cannot have.
pub(super) fn block_on<T>(work: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    block_on_with(1, work)
}

/// Runs the asynchronous part of a command that serves others while it works.
pub(super) fn serve<T>(work: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    block_on_with(2, work)
}

fn block_on_with<T>(threads: usize, work: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()
        .map_err(|error| Fault::from(anyhow::Error::new(error).context("cannot start")))?;
    let result = runtime.block_on(work);
    // A thread that still reads from a share which does not answer is not waited for.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    result
}

/// Who acts: the identity towards Hyperproof, the host, and the operating-system login.
pub(super) fn actor(client_id: &str) -> Actor {
    Actor {
        service: client_id.to_owned(),
        host: hostname::get().unwrap_or_default().to_string_lossy().into_owned(),
        operator: Some(login()),
    }
}

/// The operating-system login: of the session that the process belongs to, where the kernel knows it
/// (it survives `sudo`), else of the process itself. The environment is not asked: anybody can set it.
pub(super) fn login() -> String {
    let session = std::fs::read_to_string("/proc/self/loginuid").ok().and_then(|text| text.trim().parse().ok());
    let uid = session.filter(|uid| *uid != NO_LOGIN).or_else(|| {
        use std::os::unix::fs::MetadataExt;
        std::fs::metadata("/proc/self").ok().map(|own| own.uid())
    });
    let Some(uid) = uid else { return "unknown".to_owned() };
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    name_of(uid, &users).unwrap_or_else(|| format!("uid {uid}"))
}

/// What the kernel says where there was no login (audit, `man 5 proc`).
const NO_LOGIN: u32 = u32::MAX;

fn name_of(uid: u32, passwd: &str) -> Option<String> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    })
}

/// The part of a configuration that a run works by.
pub(super) fn order(config: &Config) -> Order<'_> {
    Order {
        target: &config.target,
        sources: &config.sources,
        policy: &config.policy,
        digest: &config.digest,
        retention: config.state.retention,
    }
}

/// Everything for a run. Progress is shown; `stop` ends it cleanly.
pub(super) fn setup<'a>(
    config: &'a Config,
    store: &'a Store,
    trigger: Trigger,
    groups: &[String],
    stop: CancellationToken,
) -> Setup<'a> {
    let only: BTreeSet<GroupName> = groups.iter().map(|name| GroupName::new(name.trim())).collect();
    Setup {
        order: order(config),
        store,
        actor: actor(&config.target.client_id),
        trigger,
        only: (!only.is_empty()).then_some(only),
        progress: watch::Sender::new(run::Progress::default()),
        stop,
    }
}

/// Shows a run's progress until it ends.
pub(super) async fn with_progress<T>(output: &Output, setup: &Setup<'_>, work: impl Future<Output = T>) -> T {
    let mut changes = setup.progress.subscribe();
    let mut shown = run::Progress::default();
    let mut work = std::pin::pin!(work);
    loop {
        tokio::select! {
            result = &mut work => return result,
            Ok(()) = changes.changed() => {
                let now = changes.borrow_and_update().clone();
                if now.stage != shown.stage {
                    output.progress().stage(now.stage, (now.total > 0).then_some(now.total));
                    shown = run::Progress { done: 0, ..now.clone() };
                }
                output.progress().inc(now.done.saturating_sub(shown.done));
                shown = now;
            }
        }
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        let exit = match &error.fault {
            store::Fault::Busy { .. } | store::Fault::Served { .. } => Exit::Busy,
            store::Fault::UnknownHold { .. }
            | store::Fault::AmbiguousPlan(_)
            | store::Fault::UnknownRun(_)
            | store::Fault::OtherOrganisation { .. }
            | store::Fault::Missing
            | store::Fault::NoDirectory(_)
            | store::Fault::IsDirectory => Exit::Usage,
            _ => Exit::Failed,
        };
        let help = error.help();
        // What was typed is wrong here, and not the file.
        let text = match &error.fault {
            store::Fault::UnknownHold { .. } | store::Fault::AmbiguousPlan(_) | store::Fault::UnknownRun(_) => {
                error.fault.to_string()
            }
            _ => error.to_string(),
        };
        Self::new(exit, anyhow::anyhow!("{text}\nhelp: {help}"))
    }
}

impl From<RunError> for Fault {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Store(error) => error.into(),
            RunError::Panicked(_) | RunError::Left => {
                let help = error.help();
                Self::new(Exit::Failed, anyhow::anyhow!("{error}\nhelp: {help}"))
            }
            RunError::Unread { why, help } => {
                Self::new(Exit::Unread, anyhow::anyhow!("Hyperproof was not read: {why}\nhelp: {help}"))
            }
            RunError::Target(_) | RunError::UnknownGroup { .. } => {
                let help = error.help();
                Self::usage(anyhow::anyhow!("{error}\nhelp: {help}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::name_of;

    #[test]
    fn a_login_is_found_by_its_number() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\nbroken\n";
        assert_eq!(name_of(1000, passwd).as_deref(), Some("ann"));
        assert_eq!(name_of(1, passwd), None);
    }
}
