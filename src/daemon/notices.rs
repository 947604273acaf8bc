//! Notices after a run: what is due is queued in the state file, and delivered from there beside the
//! runs. Nothing here fails a run or makes it wait. Floor 4.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Mutex, Notify};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use crate::model::notice::{Account, Due, End, Seen, Waiting, due};
use crate::model::run::RunReport;
use crate::notice::{self, Message, NoticeKind, NoticeSettings};
use crate::report::notice_json::{self, NoticeDocument};
use crate::report::notice_text::{self, NoticeView};
use crate::report::{json, written};
use crate::run::RunError;
use crate::store::{Fault, NewNotice, QueuedNotice, Store, StoreError};

/// The first attempt is repeated after this long, and each one after twice the wait of the one before.
const FIRST_WAIT: SignedDuration = SignedDuration::from_secs(30);
/// No wait is longer.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_hours(1);
/// A notice that could not be delivered for this long is given up.
const GIVEN_UP: SignedDuration = SignedDuration::from_hours(72);
/// The outbox is looked at this often, whatever happens: another process may have put something in.
const LOOK: Duration = Duration::from_secs(60);

/// The receivers of a configuration. One value serves [`after_run`] and [`deliver`], so that what is
/// queued is sent at once.
#[derive(Debug)]
pub struct Channels {
    all: Vec<Channel>,
    host: String,
    wake: Notify,
    unstored: Mutex<Unstored>,
}

/// What could not be written to the state file. That it cannot be used is itself worth a notice, and
/// as long as the process lives it is told once.
#[derive(Debug, Default)]
struct Unstored {
    /// What the state file had of what receivers were told, when it could be used last.
    stored: Option<BTreeMap<String, Account>>,
    /// What they were told by now, where that could not be written down.
    told: Option<BTreeMap<String, Account>>,
    queue: Vec<QueuedNotice>,
}

#[derive(Debug)]
struct Channel {
    key: String,
    /// How the log calls it: `notify[1] (slack)`.
    label: String,
    settings: NoticeSettings,
}

/// How a run ended, for those who are to be told.
#[derive(Debug, Clone, Copy)]
pub struct Ended<'a> {
    /// What came of it.
    pub run: Result<&'a RunReport, &'a RunError>,
    /// It was over some groups alone (`--group`).
    pub partial: bool,
    /// It was asked to stop; what it left undone is no failure.
    pub stopped: bool,
}

impl Channels {
    /// The receivers of these settings. `host` is the machine, for the text.
    pub fn new(settings: &[NoticeSettings], host: &str) -> Self {
        let mut all: Vec<Channel> = Vec::with_capacity(settings.len());
        for (at, settings) in settings.iter().enumerate() {
            let key = settings.key();
            // Two entries may have one receiver and differ in what they tell it.
            let same = all.iter().filter(|other| other.settings.key() == key).count();
            all.push(Channel {
                key: if same == 0 { key } else { format!("{key}-{}", same + 1) },
                label: format!("notify[{}] ({})", at + 1, settings.kind()),
                settings: settings.clone(),
            });
        }
        Self { all, host: host.to_owned(), wake: Notify::new(), unstored: Mutex::default() }
    }

    /// Goes on where the receivers of the configuration before left off, as far as they are in this one too:
    /// what they were told is told already, also where no state has it.
    pub async fn take_over(&self, before: &Self) {
        let (mut stored, mut told) = {
            let mut unstored = before.unstored.lock().await;
            (unstored.stored.take(), unstored.told.take())
        };
        let keys = self.keys();
        for told in [&mut stored, &mut told].into_iter().flatten() {
            told.retain(|channel, _| keys.contains(channel));
        }
        let mut unstored = self.unstored.lock().await;
        (unstored.stored, unstored.told) = (stored, told);
    }

    /// Takes over what waits for them and could not be queued, once nobody attempts it any more.
    pub async fn take_queue(&self, before: &Self) {
        let mut queue = std::mem::take(&mut before.unstored.lock().await.queue);
        let keys = self.keys();
        queue.retain(|queued| keys.contains(&queued.notice.channel));
        let mut unstored = self.unstored.lock().await;
        queue.append(&mut unstored.queue);
        unstored.queue = queue;
    }

    /// Learns from the state file what receivers were told, for when it cannot be used any more. Once.
    pub async fn learn(&self, store: &Store) {
        if self.is_empty() || self.unstored.lock().await.stored.is_some() {
            return;
        }
        match store.notices_told().await {
            Ok(mut told) => {
                let keys = self.keys();
                told.retain(|channel, _| keys.contains(channel));
                self.unstored.lock().await.stored = Some(told);
            }
            Err(error) => debug!(%error, "what receivers were told is not known"),
        }
    }

    /// Whether nobody is told anything.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// What is due to each of them; `told` is brought up to date.
    fn decide(&self, told: &mut BTreeMap<String, Account>, seen: &Seen<'_>) -> Vec<NewNotice> {
        let findings = seen.findings();
        let mut notices = Vec::new();
        for channel in &self.all {
            let told = told.entry(channel.key.clone()).or_default();
            let due = due(told, &findings, &channel.settings.on, seen.at);
            notices.extend(due.iter().map(|due| rendered(channel, &self.host, due, seen)));
        }
        notices
    }

    fn get(&self, key: &str) -> Option<&Channel> {
        self.all.iter().find(|channel| channel.key == key)
    }

    fn keys(&self) -> BTreeSet<String> {
        self.all.iter().map(|channel| channel.key.clone()).collect()
    }
}

/// Queues what is due after a run, in one transaction, and tells how many notices that were. That
/// another run was under way, or that `--group` names nothing, is no state of the service.
///
/// # Errors
/// The state file cannot be read or written. What is due is then kept in memory, for [`deliver`] alone.
pub async fn after_run(
    store: &Store,
    channels: &Channels,
    ended: &Ended<'_>,
    now: Timestamp,
) -> Result<usize, StoreError> {
    let end = match ended.run {
        Err(RunError::UnknownGroup { .. }) => return Ok(0),
        Err(RunError::Store(error)) if matches!(error.fault, Fault::Busy { .. }) => return Ok(0),
        Ok(report) => End::Report(report),
        Err(error) => End::Error { text: error.to_string(), help: error.help(), exit: error.exit() },
    };
    let mut seen = Seen { at: now, end, partial: ended.partial, stopped: ended.stopped, waiting: Vec::new() };
    channels.learn(store).await;
    let queued = settle(store, channels, &mut seen).await;
    if queued.is_err() {
        let Unstored { stored, told, queue } = &mut *channels.unstored.lock().await;
        let told = told.get_or_insert_with(|| stored.clone().unwrap_or_default());
        let notices = channels.decide(told, &seen);
        queue.extend(notices.into_iter().map(|notice| QueuedNotice { notice, made_at: now, attempts: 0 }));
    }
    if queued.as_ref().map_or(true, |queued| *queued > 0) {
        channels.wake.notify_one();
    }
    queued
}

async fn settle(store: &Store, channels: &Channels, seen: &mut Seen<'_>) -> Result<usize, StoreError> {
    if !channels.is_empty() {
        seen.waiting = waiting(store, seen.at).await?;
    }
    let unstored = channels.unstored.lock().await.told.clone();
    let mut stored = BTreeMap::new();
    let decide = |told: &mut BTreeMap<String, Account>| {
        // It began with what the state file had, and is newer.
        told.extend(unstored.into_iter().flatten());
        let notices = channels.decide(told, seen);
        stored.clone_from(told);
        notices
    };
    let queued = store.settle_notices(&channels.keys(), seen.at, decide).await?;
    let mut unstored = channels.unstored.lock().await;
    (unstored.stored, unstored.told) = (Some(stored), None);
    Ok(queued)
}

/// Holds without an approval: of this run, and those of earlier ones that it could not judge.
async fn waiting(store: &Store, now: Timestamp) -> Result<Vec<Waiting>, StoreError> {
    let holds = store.holds(now).await?.into_iter().filter(|hold| hold.approval.is_none());
    let waiting = holds.map(|hold| Waiting {
        id: hold.id,
        rule: hold.rule,
        group: hold.group,
        text: hold.text,
        changes: hold.changes,
        first_seen: hold.first_seen,
    });
    Ok(waiting.collect())
}

fn rendered(channel: &Channel, host: &str, due: &Due, seen: &Seen<'_>) -> NewNotice {
    let id = uuid::Uuid::now_v7().to_string();
    let settings = &channel.settings;
    let version = env!("CARGO_PKG_VERSION");
    let view = NoticeView { id: &id, due, seen, personal_data: settings.personal_data, host, version };
    let body = match settings.kind {
        NoticeKind::Webhook { .. } => json(&NoticeDocument::of(&view)),
        NoticeKind::Slack { .. } => notice_json::slack(&view),
        NoticeKind::Teams { .. } => notice_json::teams(&view),
        NoticeKind::Email { .. } => written(|out| notice_text::write(out, &view)),
    };
    NewNotice { subject: notice_text::subject(&view), channel: channel.key.clone(), body, id }
}

/// Delivers what is queued until `stop`, each receiver on its own, and its notices in their order. An attempt that is
/// under way then comes to its end, within [`notice::DEADLINE`]: one that is broken off is made again, and whoever has
/// heard hears twice. Whoever cannot wait so long drops it, as the service does at its end.
pub async fn deliver(store: &Store, channels: &Channels, stop: &CancellationToken) {
    while !stop.is_cancelled() {
        deliver_unstored(channels).await;
        if stop.is_cancelled() {
            break;
        }
        let wait = match round(store, channels).await {
            Ok(wait) => wait.unwrap_or(LOOK).min(LOOK),
            Err(error) => {
                warn!(%error, "notices wait: the state file cannot be used");
                LOOK
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = channels.wake.notified() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// Attempts what could not be queued, each about once a minute until it is delivered or given up. It stays in
/// the queue meanwhile: an attempt that is broken off is made again.
async fn deliver_unstored(channels: &Channels) {
    let queue = channels.unstored.lock().await.queue.clone();
    let attempts = queue.into_iter().map(|mut queued| async move {
        queued.attempts += 1;
        let fate = attempt(channels, &queued).await;
        (queued, fate)
    });
    let attempted = join_all(attempts).await;
    let mut unstored = channels.unstored.lock().await;
    for (tried, fate) in attempted {
        match fate {
            Fate::Over => unstored.queue.retain(|queued| queued.notice.id != tried.notice.id),
            Fate::Waits => {
                let queued = unstored.queue.iter_mut().find(|queued| queued.notice.id == tried.notice.id);
                queued.into_iter().for_each(|queued| queued.attempts = tried.attempts);
            }
        }
    }
}

/// Delivers what can be delivered now, for at most this long; what is left waits for the next time.
pub async fn deliver_for(store: &Store, channels: &Channels, limit: Duration, stop: &CancellationToken) {
    let work = async {
        // What failed is not tried again here: its next attempt is half a minute away.
        while let Some(Duration::ZERO) = round(store, channels).await? {}
        Ok::<(), StoreError>(())
    };
    tokio::select! {
        () = stop.cancelled() => {}
        ended = tokio::time::timeout(limit, work) => match ended {
            Ok(Ok(())) => {}
            Ok(Err(error)) => warn!(%error, "notices wait: the state file cannot be used"),
            Err(_) => warn!("not every notice was delivered in time; the next run tries again"),
        },
    }
}

/// Attempts whatever is due, and tells how long it is until something is; none where nothing waits.
async fn round(store: &Store, channels: &Channels) -> Result<Option<Duration>, StoreError> {
    let until = |next: Timestamp, now: Timestamp| Duration::try_from(next.duration_since(now)).unwrap_or_default();
    let Some(next) = store.next_notice().await? else { return Ok(None) };
    let wait = until(next, Timestamp::now());
    // A longer wait than there is was made by a clock that has been set back since.
    if wait > Duration::ZERO && wait <= LONGEST_WAIT.unsigned_abs() {
        return Ok(Some(wait));
    }
    let claimed = store.claim_notices(Timestamp::now(), again_after).await?;
    let attempts = claimed.iter().map(|queued| async move {
        match attempt(channels, queued).await {
            Fate::Over => store.forget_notice(&queued.notice.id).await,
            Fate::Waits => Ok(()),
        }
    });
    join_all(attempts).await.into_iter().collect::<Result<(), StoreError>>()?;
    let now = Timestamp::now();
    Ok(store.next_notice().await?.map(|next| until(next, now)))
}

/// How long after an attempt began the next one may: 30 s, 1 min, 2 min … 1 h.
fn again_after(attempts: u32) -> SignedDuration {
    let doubled = FIRST_WAIT.as_secs().saturating_mul(1 << attempts.saturating_sub(1).min(20));
    SignedDuration::from_secs(doubled).min(LONGEST_WAIT)
}

/// What becomes of a notice after an attempt.
enum Fate {
    /// It is delivered, or given up.
    Over,
    /// It is tried again.
    Waits,
}

async fn attempt(channels: &Channels, queued: &QueuedNotice) -> Fate {
    let NewNotice { id, channel, subject, body } = &queued.notice;
    // It was taken out of the configuration since: the next run forgets what waits for it.
    let Some(channel) = channels.get(channel) else { return Fate::Waits };
    let to = channel.label.as_str();
    let message = Message { id: id.clone(), subject: subject.clone(), body: body.clone() };
    let Err(failed) = notice::send(&channel.settings, &message).await else {
        info!(to, id, "notice delivered");
        return Fate::Over;
    };
    let old = Timestamp::now().duration_since(queued.made_at) > GIVEN_UP;
    if old || !failed.retryable {
        error!(to, id, error = %failed, attempts = queued.attempts, "notice given up");
        return Fate::Over;
    }
    // Told once; a receiver that stays away would fill the log.
    match queued.attempts {
        1 => warn!(to, id, error = %failed, "notice not delivered, will be tried again"),
        attempts => debug!(to, id, error = %failed, attempts, "notice not delivered, will be tried again"),
    }
    Fate::Waits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_from_half_a_minute_to_an_hour() {
        let seconds = [0, 1, 2, 3, 7, 8, 9, u32::MAX].map(|attempts| again_after(attempts).as_secs());
        assert_eq!(seconds, [30, 30, 60, 120, 1920, 3600, 3600, 3600]);
    }
}
