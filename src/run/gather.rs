//! Reading everything at once: every source, and Hyperproof.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use futures_util::future::{join, join_all};
use jiff::Timestamp;
use tracing::{info, warn};

use super::Order;
use crate::model::address::Address;
use crate::model::directory::{SourceKind, SourceSnapshot};
use crate::model::id::{GroupId, SourceName};
use crate::model::live::LiveState;
use crate::model::memory::Memory;
use crate::model::plan::{Plan, PlanDigest, SourceSummary};
use crate::model::policy::{Policy, Selector};
use crate::model::problem::Problem;
use crate::reconcile::find;
use crate::reconcile::mapping::Yields;
use crate::reconcile::resolve::origins;
use crate::reconcile::summary;
use crate::source::{Source, Wanted};
use crate::target::{Client, Draft, Known, Lists, Settings, TargetError};

/// What was read.
#[derive(Debug)]
pub struct Reading {
    /// Every source, complete or not.
    pub sources: Vec<SourceSnapshot>,
    /// Hyperproof, or why it is not to be believed.
    pub live: Result<LiveState, TargetError>,
}

/// Reads the sources and Hyperproof at the same time.
pub async fn read(order: &Order<'_>, client: &Client, memory: &Memory, now: Timestamp) -> Reading {
    let (sources, live) = join(read_sources(order, memory, now), read_live(order, client, memory, now)).await;
    both(order, client, memory, sources, live).await
}

/// What was read of the directory and of Hyperproof. Which target groups there are to be is known now: one that
/// Hyperproof had, by a name that nobody mapped then, is asked for before it is taken for new.
pub(super) async fn both(
    order: &Order<'_>,
    client: &Client,
    memory: &Memory,
    sources: Vec<SourceSnapshot>,
    live: Result<LiveState, TargetError>,
) -> Reading {
    let mut reading = Reading { sources, live };
    let Ok(live) = &mut reading.live else { return reading };
    let unheard = find::unheard(order.policy, &reading.sources, live, memory);
    if unheard.is_empty() {
        return reading;
    }
    info!(groups = unheard.len(), "asking for groups that are known and not listed");
    if let Err(error) = client.reader().ask_for_more(live, &unheard).await {
        unwritten(&error);
        reading.live = Err(error);
    }
    reading
}

fn unwritten(error: &TargetError) {
    warn!(%error, help = error.help(), "Hyperproof was not read: nothing is written");
}

/// Reads every source.
pub(super) async fn read_sources(order: &Order<'_>, memory: &Memory, now: Timestamp) -> Vec<SourceSnapshot> {
    let sources = order.sources.iter().map(|source| async {
        let wanted = wanted(&source.name, order.policy, memory);
        let began = Instant::now();
        let mut snapshot = source.read(&wanted, now).await;
        snapshot.facts.took = began.elapsed();
        snapshot
    });
    let sources = join_all(sources).await;
    for source in &sources {
        let complete = source.completeness.is_complete();
        info!(source = %source.name, complete, people = source.people.len(), groups = source.groups.len(), "source read");
        if !complete {
            let (problems, why) = (source.problems.len(), why(source));
            warn!(source = %source.name, problems, why, "source was not read to its end: nothing of it is applied");
        }
    }
    sources
}

/// Why a source was not read to its end, for the log: the first of its problems, as far as they name nobody. Those of
/// files never do; entries of a directory are called by names of people.
fn why(source: &SourceSnapshot) -> String {
    const TOLD: usize = 3;
    let names_nobody = |text: &String| match source.kind {
        SourceKind::Csv => true,
        // Where nothing was read, a name is one of the configuration.
        SourceKind::Ldap => !text.contains('@') && (source.people.is_empty() || !text.contains('=')),
    };
    let told: Vec<String> =
        source.problems.iter().take(TOLD).map(ToString::to_string).take_while(names_nobody).collect();
    match (told.is_empty(), source.problems.len() - told.len()) {
        (true, _) => "it may name people: see rosterd status".to_owned(),
        (false, 0) => told.join("; "),
        (false, more) => format!("{}; and {more} more", told.join("; ")),
    }
}

/// What the mappings need of a source, and what was known of it.
fn wanted(source: &SourceName, policy: &Policy, memory: &Memory) -> Wanted {
    let mut wanted = Wanted::default();
    for mapping in policy.mappings.iter().filter(|mapping| mapping.source == *source) {
        match &mapping.from {
            Selector::Name(name) => _ = wanted.names.insert(name.clone()),
            Selector::Pattern(_) => wanted.all = true,
        }
    }
    let feeds = memory.learned.feeds.values().flatten().filter(|feed| feed.source == *source && feed.immutable);
    wanted.groups = feeds.filter_map(|feed| feed.key.clone()).collect();
    wanted.people.share(source, &memory.learned.person_links);
    wanted.columns = memory.learned.columns.get(source).cloned().unwrap_or_default();
    let own = policy.groups.values().chain([&policy.group_defaults]).flat_map(|group| &group.keep);
    let ignored = policy.identity.ignore.iter().map(String::as_str);
    let named = own.map(Address::as_str).chain(ignored);
    wanted.protected = named.flat_map(|pattern| origins(&policy.identity, pattern)).collect();
    wanted
}

/// Reads Hyperproof.
pub(super) async fn read_live(
    order: &Order<'_>,
    client: &Client,
    memory: &Memory,
    now: Timestamp,
) -> Result<LiveState, TargetError> {
    let own = own_id(order, memory.own_account.as_ref());
    let draft = match may_ask(order, client, memory.throttled_until, now) {
        Ok(()) => client.reader().draft(own).await,
        Err(error) => Err(error),
    };
    believe(order, client, memory, draft).await
}

/// The lists of Hyperproof as they came. `own` is the account that is remembered, with its client id.
pub(super) async fn read_lists(
    order: &Order<'_>,
    client: &Client,
    own: Option<&(String, String)>,
    throttled_until: Option<Timestamp>,
    now: Timestamp,
) -> Result<Lists, TargetError> {
    may_ask(order, client, throttled_until, now)?;
    client.reader().lists(own_id(order, own)).await
}

/// Whether Hyperproof may be asked, now or after a pause.
fn may_ask(
    order: &Order<'_>,
    client: &Client,
    throttled_until: Option<Timestamp>,
    now: Timestamp,
) -> Result<(), TargetError> {
    // Told to wait until then, and longer than this run would: not even asking is the polite answer.
    if let Some(until) = throttled_until {
        let wait = std::time::Duration::try_from(until.duration_since(now)).unwrap_or_default();
        // A time that no throttle reaches was noted by a clock that was wrong.
        let believed = wait <= Settings::LONGEST_THROTTLE;
        if believed && wait > order.target.max_wait {
            return Err(TargetError::Throttled { until });
        }
        if believed {
            client.pause(wait);
        }
    }
    Ok(())
}

/// What the lists say, held against what is known.
pub(super) async fn believe(
    order: &Order<'_>,
    client: &Client,
    memory: &Memory,
    draft: Result<Draft, TargetError>,
) -> Result<LiveState, TargetError> {
    let yields = Yields::of(order.policy);
    let mapped = mapped(order.policy, &yields, memory);
    let known = Known {
        own_account: own_id(order, memory.own_account.as_ref()),
        member_id: memory.member_id,
        groups: &memory.known_groups,
        mapped: &mapped,
        is_target: &|name| is_yielded(&yields, name),
        left: &memory.left,
    };
    let mut live = match draft {
        Ok(draft) => client.reader().believe(draft, known).await,
        Err(error) => Err(error),
    };
    if let Ok(found) = &mut live
        && let Err(error) = ask_for_followed(client, memory, found).await
    {
        live = Err(error);
    }
    match &live {
        Ok(live) => {
            info!(accounts = live.accounts.len(), groups = live.groups.len(), gets = live.reads, "Hyperproof read")
        }
        Err(error) => unwritten(error),
    }
    live
}

/// Asks for groups that the log is not done with, and that are in no list and mapped no more: whether they are gone is
/// to be known. What keeps one of them from being asked for, or from being listed, keeps nothing else from being done:
/// nothing rests on it, and it stays unknown.
async fn ask_for_followed(client: &Client, memory: &Memory, live: &mut LiveState) -> Result<(), TargetError> {
    let is_unknown = |id: &&GroupId| live.group(id).is_none() && !live.absent.contains_key(*id);
    let unknown: Vec<GroupId> = memory.followed.iter().filter(is_unknown).cloned().collect();
    for id in unknown {
        match client.reader().ask_for_more(live, &BTreeSet::from([id.clone()])).await {
            Ok(()) => {}
            Err(error) if error.stops_the_run() => return Err(error),
            Err(error) => warn!(group = %id, %error, "a group is in no list, and whether it is gone is not known"),
        }
    }
    Ok(())
}

/// The `id` of `/users/me`, where it is remembered for this client id.
pub(super) fn own_id<'a>(order: &Order<'_>, own: Option<&'a (String, String)>) -> Option<&'a str> {
    own.filter(|(client_id, _)| *client_id == order.target.client_id).map(|(_, id)| id.as_str())
}

/// Whether a mapping can yield a target group of this name.
fn is_yielded(yields: &Yields<'_>, name: &str) -> bool {
    !yields.to(name).is_empty()
}

/// Groups that must be there: named by the configuration, or found under a name that a mapping yields.
fn mapped(policy: &Policy, yields: &Yields<'_>, memory: &Memory) -> BTreeSet<GroupId> {
    let configured = policy.groups.values().filter_map(|group| group.id.clone());
    let links: &BTreeMap<_, _> = &memory.group_links;
    let linked = links.iter().filter(|(name, _)| is_yielded(yields, name.as_str())).map(|(_, id)| id.clone());
    configured.chain(linked).collect()
}

impl Reading {
    /// Nothing was read, because the run was asked to stop. What an earlier run was told to wait still
    /// holds.
    pub(super) fn given_up(order: &Order<'_>, memory: &Memory) -> Self {
        let why = "the run was asked to stop before everything was read";
        warn!("{why}");
        let unread =
            |source: &Source| SourceSnapshot::unread(source.name.clone(), source.kind(), Problem::new("run", why));
        let live = match memory.throttled_until {
            Some(until) => TargetError::Throttled { until },
            None => TargetError::Stopped { call: "reading".to_owned() },
        };
        Self { sources: order.sources.iter().map(unread).collect(), live: Err(live) }
    }

    /// Hyperproof was not read, and said to wait until then.
    pub(super) fn until(&self) -> Option<Timestamp> {
        self.live.as_ref().err().and_then(|error| error.until())
    }

    /// The plan of a run that could not read Hyperproof: the sources, the reason, and no change.
    pub fn unread_plan(&self) -> Plan {
        let mut sources: Vec<SourceSummary> = self.sources.iter().map(|source| summary(source, 0)).collect();
        sources.sort_by(|a, b| a.name.cmp(&b.name));
        let problem =
            self.live.as_ref().err().map(|error| Problem::new("Hyperproof", error.to_string()).help(error.help()));
        Plan {
            undo_of: None,
            digest: PlanDigest::of([]),
            complete: false,
            sources,
            groups: Vec::new(),
            changes: Vec::new(),
            skips: Vec::new(),
            holds: Vec::new(),
            problems: problem.into_iter().collect(),
            reads: 0,
            writes: 0,
        }
    }
}
