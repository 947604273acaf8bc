//! Floor 2: the state file. It remembers what rosterd believes and proves what it did; all SQL is
//! here. Only the model is known here, and nothing outside sees a row or a statement.
//!
//! Whatever may write takes the write lock at once (`BEGIN IMMEDIATE`): a transaction that first reads
//! and then writes would fail instead of waiting. Times are kept to the millisecond.

mod approvals;
mod archive;
mod audit;
mod backup;
mod brief;
mod changes;
mod checkpoint;
mod documents;
mod effects;
mod error;
mod facts;
mod form;
mod given;
mod history;
mod holds;
mod lately;
mod learned;
mod links;
mod lock;
mod membership;
mod memory;
mod notices;
mod observed;
mod open;
mod recorded;
mod rows;
mod runs;
mod settings;
mod stored;
mod undo;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use sqlx::sqlite::SqlitePool;
use sqlx::{Sqlite, Transaction};

pub use approvals::{ApprovedHold, NewApproval, StillHeld};
pub use archive::{Archive, FilesVerdict, LogCursor, Retire, WholeLog, WholeVerdict, verify_archive, verify_archives};
pub use audit::*;
pub use backup::Backup;
pub use brief::Brief;
pub use changes::{Intent, OpenIntent, OutcomeRecord};
pub use checkpoint::{
    CheckpointFile, CheckpointTrouble, Judgement, LogVerdict, Published, Signing, Witness, judge, verify_log,
};
pub use documents::LatestPlan;
pub use error::{Fault, StoreError};
pub use history::{RunRow, SourceRead, Tally};
pub use holds::StoredHold;
pub use learned::FullRun;
pub use lock::{RunLock, ServiceLock, ServiceSeen};
pub use notices::{NewNotice, QueuedNotice};
pub use observed::Observation;
pub use open::Access;
pub use runs::{Calls, RunFinish, RunStart};

use audit::chain::Chain;
use audit::record::Record;
use audit::verify;

use crate::model::facts::Facts;
use crate::model::history::{Event as Happening, Seen};
use crate::model::hold::Approval;
use crate::model::id::{AccountId, GroupId, GroupName, RunId};
use crate::model::live::MemberIdKind;
use crate::model::memory::Memory;
use crate::model::plan::Plan;
use crate::model::run::PlanReport;
use crate::model::undo::Deeds;

/// The state file, opened. Clones share its connections.
#[derive(Debug, Clone)]
pub struct Store {
    pool: SqlitePool,
    path: Arc<Path>,
    /// Device and inode of the file that was opened; none where the system did not tell.
    file: Option<(u64, u64)>,
    /// How the ends of runs are signed.
    signing: Option<Arc<Signing>>,
    /// Held by who writes to the checkpoint file, which may not come back for long.
    writing: Arc<Mutex<()>>,
}

impl Store {
    /// Opens the state file, and brings it up to date where `access` lets it. A new file is its
    /// owner's alone (mode 0600). Foreign, newer and damaged files are refused as they are.
    pub async fn open(path: &Path, access: Access) -> Result<Self, StoreError> {
        // SQLite takes some names (":memory:", "file:…") for something else than a path.
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        // The locks lie beside the file itself: by whatever link two runs come, they meet there.
        let path = std::fs::canonicalize(&path).unwrap_or(path);
        match open::open(&path, access).await {
            Ok(pool) => {
                let file = place(&path).ok();
                Ok(Self { pool, file, path: Arc::from(path), signing: None, writing: Arc::default() })
            }
            Err(fault) => Err(StoreError { path, fault }),
        }
    }

    /// Whether it is of this version. One that was opened as it is ([`Access::ReadOnly`]) can be older, and then nothing
    /// but its log can be relied on.
    pub async fn is_current(&self) -> Result<bool, StoreError> {
        open::is_current(&self.pool).await.map_err(|fault| self.failed(fault))
    }

    /// The state file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Closes the connections and waits for it, so that the file is whole without its `-wal`.
    pub async fn close(self) {
        let options = self.pool.connect_options();
        self.pool.close().await;
        // sqlx closes those that are on their way back at one moment, and SQLite takes none of them for the last one,
        // which takes the log away: one more, alone, does. Where another process is at work, it takes nothing away.
        if lock::beside(&self.path, "-wal").exists()
            && let Err(error) = open::open_and_close(&options).await
        {
            tracing::debug!(%error, "the state's log could not be taken away");
        }
    }

    /// Takes the lock that lets one run at a time be under way, across processes, until it is
    /// dropped or the process ends. Fails with [`Fault::Busy`] where another one has it, and with
    /// [`Fault::Replaced`] where the path leads to another file by now: a process that lives long could
    /// record everything in a file that nobody will ever find.
    pub fn lock_run(&self, command: &str, now: Timestamp) -> Result<RunLock, StoreError> {
        let lock = lock::lock_run(&self.path, command, now).map_err(|fault| self.failed(fault))?;
        let is_gone = match place(&self.path) {
            Ok(found) => self.file.is_some_and(|opened| opened != found),
            Err(error) => error.kind() == ErrorKind::NotFound,
        };
        if is_gone { Err(self.failed(Fault::Replaced)) } else { Ok(lock) }
    }

    /// What tells whether there is anything to read, as of one moment: little, however much is remembered.
    pub async fn brief(&self, now: Timestamp) -> Result<Brief, StoreError> {
        let mut tx = self.read().await?;
        let brief = brief::load(&mut tx, now).await;
        self.end(tx, brief).await
    }

    /// All that is remembered, as of one moment.
    pub async fn memory(&self, now: Timestamp) -> Result<Memory, StoreError> {
        let mut tx = self.read().await?;
        let memory = memory::load(&mut tx, now).await;
        self.end(tx, memory).await
    }

    /// Writes and commits something small, so that a state that cannot be written stops a run before
    /// its first call.
    pub async fn check_writable(&self, now: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        let done = settings::touch(&mut tx, now).await;
        self.end(tx, done).await
    }

    /// Stores a mere plan with its holds, so that they can be approved; nothing else moves. Holds that mere plans
    /// alone found, and that this one judged and does not have, are closed; a plan of some groups (`partial`)
    /// closes only those that are about them alone. The last 20 plans are kept.
    pub async fn store_plan(
        &self,
        report: &PlanReport,
        document: &str,
        partial: Option<&BTreeSet<GroupName>>,
    ) -> Result<(), StoreError> {
        let (run, at) = (&report.run, report.made_at);
        let mut tx = self.write().await?;
        let done = async {
            holds::record_plan(&mut tx, run, at, &report.plan, partial).await?;
            documents::keep(&mut tx, run, documents::PLAN, at, document).await
        }
        .await;
        self.end(tx, done).await
    }

    /// A real run begins: its row, its first record, and one more where the configuration differs
    /// from that of the run before.
    pub async fn begin_run(&self, start: &RunStart) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        let done = runs::begin(&mut tx, start).await;
        self.end(tx, done).await
    }

    /// Intents without an outcome, oldest first. Where no run is under way, they tell of a crash.
    pub async fn open_intents(&self) -> Result<Vec<OpenIntent>, StoreError> {
        let mut tx = self.read().await?;
        let open = changes::open_intents(&mut tx).await;
        self.end(tx, open).await
    }

    /// Announces changes before the call that makes them; gives the `seq` of each. Without success no
    /// call may be made.
    pub async fn record_intents(&self, run: &RunId, at: Timestamp, intents: &[Intent]) -> Result<Vec<i64>, StoreError> {
        let mut tx = self.write().await?;
        let seqs = changes::record_intents(&mut tx, run, at, intents).await;
        self.end(tx, seqs).await
    }

    /// Records what became of intents, with all that a success means for the state: a membership that
    /// rosterd made or took away, a group that it created, an approval that was used, a removal that
    /// counts for the day. `run` is the run that found out; the record bears the id of the one that
    /// announced the change.
    pub async fn record_outcomes(
        &self,
        run: &RunId,
        at: Timestamp,
        outcomes: &[OutcomeRecord],
    ) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        let done = changes::record_outcomes(&mut tx, run, at, outcomes).await;
        self.end(tx, done).await
    }

    /// Remembers the ids of target groups that were found by their names.
    pub async fn link_groups(&self, found: Vec<(&GroupName, &GroupId)>) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        let done = settings::link_groups(&mut tx, found).await;
        self.end(tx, done).await
    }

    /// Forgets that rosterd made these memberships: they are no longer there.
    pub async fn disown(&self, lapsed: &[(GroupId, AccountId)]) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        let done = effects::disown_all(&mut tx, lapsed).await;
        self.end(tx, done).await
    }

    /// Memberships that rosterd took away within the last minutes; none where it did nothing at all.
    pub async fn removed_lately(&self, now: Timestamp) -> Result<Option<Vec<(GroupId, AccountId)>>, StoreError> {
        let mut tx = self.read().await?;
        let removed = lately::removed(&mut tx, now).await;
        self.end(tx, removed).await
    }

    /// Whether rosterd made one of these memberships within the last minutes, and did not take it back since.
    pub async fn made_lately(&self, of: &[(GroupId, AccountId)], now: Timestamp) -> Result<bool, StoreError> {
        let mut tx = self.read().await?;
        let made = lately::made_one_of(&mut tx, of, now).await;
        self.end(tx, made).await
    }

    /// Remembers the target groups whose last call failed, in this order.
    pub async fn remember_failed_groups(&self, groups: &[GroupName]) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        let done = settings::remember_failed_groups(&mut tx, groups).await;
        self.end(tx, done).await
    }

    /// Remembers the `id` of `/users/me` for a `client_id`.
    pub async fn remember_own(&self, client_id: &str, id: &str) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        let done = settings::remember_own(&mut tx, client_id, id).await;
        self.end(tx, done).await
    }

    /// Remembers which id groups hold.
    pub async fn remember_member_id(&self, kind: MemberIdKind) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        let done = settings::remember_member_id(&mut tx, kind).await;
        self.end(tx, done).await
    }

    /// Binds the state to an organisation; fails with [`Fault::OtherOrganisation`] where it belongs
    /// to another one.
    pub async fn bind_organisation(&self, organisation: &str) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        let done = settings::bind_organisation(&mut tx, organisation).await;
        self.end(tx, done).await
    }

    /// Remembers until when Hyperproof said to wait, or forgets it.
    pub async fn set_throttled_until(&self, until: Option<Timestamp>, now: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        let done = settings::set_throttled_until(&mut tx, until, now).await;
        self.end(tx, done).await
    }

    /// The clock was set by so much: the time until which Hyperproof said to wait goes along, and the wait is as long
    /// as it was.
    pub async fn move_throttled_until(&self, by: SignedDuration) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        let done = settings::move_throttled_until(&mut tx, by).await;
        self.end(tx, done).await
    }

    /// Writes down the plan of a real run: its digest and its holds. Holds that it judged and does not have
    /// any more are closed; those about what was not read stay, and a run over some groups (`partial`)
    /// closes only those that are about them alone. The log tells of a hold when it is new, or waits again.
    pub async fn record_holds(
        &self,
        run: &RunId,
        at: Timestamp,
        plan: &Plan,
        partial: Option<&BTreeSet<GroupName>>,
    ) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        let done = holds::record(&mut tx, run, at, plan, partial).await;
        self.end(tx, done).await
    }

    /// Tells the log what a run found in the groups, before it changes any: a full list of members at first
    /// and every 90 days (or three times in the time for which records stay), else what somebody else changed. Tells how
    /// many records that took.
    pub async fn observe(
        &self,
        run: &RunId,
        at: Timestamp,
        observation: &Observation<'_>,
    ) -> Result<usize, StoreError> {
        let mut tx = self.write().await?;
        let told = observed::record(&mut tx, run, at, observation).await;
        self.end(tx, told).await
    }

    /// What the log tells of the members of a group, in its order: by the group's id, where it is known,
    /// and by its configured name.
    pub async fn group_history(&self, id: Option<&GroupId>, name: &str) -> Result<Vec<Happening>, StoreError> {
        let mut tx = self.read().await?;
        let events = membership::of_group(&mut tx, id, name).await;
        self.end(tx, events).await
    }

    /// What the log tells of the memberships of an account, in its order. Full lists of groups are
    /// among it, with this account alone in them, or empty.
    pub async fn account_history(&self, account: &AccountId) -> Result<Vec<Happening>, StoreError> {
        let mut tx = self.read().await?;
        let events = membership::of_account(&mut tx, account).await;
        self.end(tx, events).await
    }

    /// Accounts that the log knows by this address or id.
    pub async fn accounts_in_log(&self, text: &str) -> Result<Vec<Seen>, StoreError> {
        let mut tx = self.read().await?;
        let known = membership::known(&mut tx, text).await;
        self.end(tx, known).await
    }

    /// When a hold began to wait, by the newest record of it before `seq`.
    pub async fn hold_began(&self, hold: &str, seq: i64) -> Result<Option<Timestamp>, StoreError> {
        let mut tx = self.read().await?;
        let began = membership::hold_began(&mut tx, hold, seq).await;
        self.end(tx, began).await
    }

    /// Keeps the facts of a run in place of those of the one before; only parts that differ are written.
    pub async fn keep_facts(&self, facts: &Facts<'_>) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        let kept = facts::keep(&mut tx, facts).await;
        self.end(tx, kept).await
    }

    /// The facts of the last run that kept some.
    pub async fn facts(&self) -> Result<Option<Facts<'static>>, StoreError> {
        let mut tx = self.read().await?;
        let facts = facts::load(&mut tx).await;
        self.end(tx, facts).await
    }

    /// A real run ends: its row, its last record (signed, where this store can), and a mark of how far the
    /// log goes. `full` takes the place of what the last full run learned; only differences are written.
    pub async fn finish_run(&self, finish: &RunFinish, full: Option<&FullRun>) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        let key = self.signing.as_ref().map(|signing| &signing.key);
        let done = runs::finish(&mut tx, finish, full, key).await;
        self.end(tx, done).await
    }

    /// Lets holds through: all that the ids mean, or none. An id is a hold's, or the digest of one of
    /// the last plans (with or without `sha256:`, 12 digits or more) for all of its holds that have no
    /// approval. Approving an approved hold again gives it new terms; a change still passes once.
    /// Fails with [`Fault::UnknownHold`] where an id means nothing that waits.
    pub async fn approve(&self, ids: &[String], new: &NewApproval) -> Result<Vec<ApprovedHold>, StoreError> {
        let mut tx = self.write().await?;
        let approved = approvals::approve(&mut tx, ids, new).await;
        self.end(tx, approved).await
    }

    /// Takes the lock that lets one service work on this state, until it is dropped or the process ends.
    /// Fails with [`Fault::Served`] where another one has it.
    pub fn lock_service(&self, now: Timestamp) -> Result<ServiceLock, StoreError> {
        lock::lock_service(&self.path, now).map_err(|fault| self.failed(fault))
    }

    /// The service at work, if there is one.
    pub fn service(&self) -> Option<ServiceSeen> {
        lock::service(&self.path)
    }

    /// The run under way, if there is one: who, and since when.
    pub fn running(&self) -> Option<(String, Timestamp)> {
        lock::running(&self.path)
    }

    /// The newest plan, of `plan` or of a real run: when it was made, its digest, and its document
    /// where that is kept.
    pub async fn latest_plan(&self) -> Result<Option<LatestPlan>, StoreError> {
        let mut tx = self.read().await?;
        let latest = documents::latest_plan(&mut tx).await;
        self.end(tx, latest).await
    }

    /// What waits, approved holds included, by id.
    pub async fn holds(&self, now: Timestamp) -> Result<Vec<StoredHold>, StoreError> {
        let mut tx = self.read().await?;
        let holds = holds::waiting(&mut tx, now).await;
        self.end(tx, holds).await
    }

    /// Approvals that stand, and that nothing which waits needs, oldest first.
    pub async fn unused_approvals(&self, now: Timestamp) -> Result<Vec<Approval>, StoreError> {
        let mut tx = self.read().await?;
        let unused = holds::unused_approvals(&mut tx, now).await;
        self.end(tx, unused).await
    }

    /// The last real runs, newest first.
    pub async fn runs(&self, limit: u32) -> Result<Vec<RunRow>, StoreError> {
        let mut tx = self.read().await?;
        let rows = history::latest(&mut tx, limit).await;
        self.end(tx, rows).await
    }

    /// One real run; none where there was no such run.
    pub async fn run(&self, run: &RunId) -> Result<Option<RunRow>, StoreError> {
        let mut tx = self.read().await?;
        let row = history::one(&mut tx, run).await;
        self.end(tx, row).await
    }

    /// Real runs whose ids begin so, newest first, 10 at most; a whole id means that run alone.
    pub async fn runs_named(&self, id: &str) -> Result<Vec<RunId>, StoreError> {
        let mut tx = self.read().await?;
        let runs = undo::runs_named(&mut tx, id).await;
        self.end(tx, runs).await
    }

    /// What a run did, by the log, and what was done to the same things after it. Fails with
    /// [`Fault::UnknownRun`] where there was no such run, or its records were archived.
    pub async fn deeds(&self, run: &RunId) -> Result<Deeds, StoreError> {
        let mut tx = self.read().await?;
        let deeds = undo::deeds(&mut tx, run).await;
        self.end(tx, deeds).await
    }

    /// The printed document of a plan or a real run, while it is kept (the last 20 of each).
    pub async fn document(&self, run: &RunId) -> Result<Option<String>, StoreError> {
        let mut tx = self.read().await?;
        let document = documents::get(&mut tx, run).await;
        self.end(tx, document).await
    }

    /// How each source was read last by a real run, by name.
    pub async fn sources(&self) -> Result<Vec<SourceRead>, StoreError> {
        let mut tx = self.read().await?;
        let sources = history::sources(&mut tx).await;
        self.end(tx, sources).await
    }

    /// Goes through the audit log, oldest first, page by page.
    pub async fn audit(&self, filter: AuditFilter) -> Result<AuditCursor, StoreError> {
        AuditCursor::new(self.clone(), filter).await.map_err(|fault| self.failed(fault))
    }

    /// Checks the whole log that is in the state file; needs no key, and no trust in anything but the file.
    pub async fn verify(&self) -> Result<Verification, StoreError> {
        let mut tx = self.read().await?;
        let checked = verify::verify(&mut tx, &[]).await;
        self.end(tx, checked).await.map(|checked| checked.verification)
    }

    /// Appends a record that belongs to no run: an export, say. `detail` are texts for the reader; they
    /// stand in the record's field `detail`.
    pub async fn record_event(
        &self,
        event: Event,
        at: Timestamp,
        actor: &Actor,
        version: &str,
        detail: &BTreeMap<String, String>,
    ) -> Result<i64, StoreError> {
        let detail = detail.iter().map(|(name, text)| (name.clone(), text.as_str().into()));
        let record = Record::new(event, at)
            .with("actor", actor.json())
            .with("version", version)
            .with("detail", audit::canonical::Json::Object(detail.collect()));
        let mut tx = self.write().await?;
        let seq = async { Chain::read(&mut tx).await?.append(&mut tx, record).await }.await;
        self.end(tx, seq).await
    }

    /// A transaction that only reads: everything in it is of one moment.
    async fn read(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        self.pool.begin().await.map_err(|error| self.failed(error.into()))
    }

    /// A transaction that may write: no other one is under way until it ends.
    async fn write(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        let begun = self.pool.begin_with("BEGIN IMMEDIATE").await;
        begun.map_err(|error| self.failed(error.into()))
    }

    /// Commits a success; a failure leaves nothing behind.
    async fn end<T>(&self, tx: Transaction<'static, Sqlite>, result: Result<T, Fault>) -> Result<T, StoreError> {
        let ended = match &result {
            Ok(_) => tx.commit().await,
            // The transaction may be gone already, and the first failure is the one to tell.
            Err(_) => tx.rollback().await.or(Ok(())),
        };
        ended.map_err(Fault::from).and(result).map_err(|fault| self.failed(fault))
    }

    fn failed(&self, fault: Fault) -> StoreError {
        StoreError { path: PathBuf::from(&*self.path), fault }
    }
}

/// Where a file lies: what a name leads to can change, and this does not.
fn place(path: &Path) -> io::Result<(u64, u64)> {
    std::fs::metadata(path).map(|found| (found.dev(), found.ino()))
}

#[cfg(test)]
mod tests;
