//! What the state file remembers of earlier runs. A belief: it explains differences and withholds
//! trust; no removal rests on it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::desired::Feed;
use super::hold::Approval;
use super::id::{AccountId, GroupId, GroupName, SourceName, Watermark};
use super::links::PersonLinks;
use super::live::MemberIdKind;
use super::memberships::Memberships;
use super::undo::{Undone, UndoneKey};

/// All that is remembered when a run begins.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Memory {
    /// The organisation that the state belongs to.
    pub organisation: Option<String>,
    /// The digest of the configuration of the last real run.
    pub config_digest: Option<String>,
    /// The `client_id` and the `id` of `/users/me` that it signed in as.
    pub own_account: Option<(String, String)>,
    /// Which id groups hold, once there was evidence.
    pub member_id: Option<MemberIdKind>,
    /// Hyperproof said to wait until then.
    pub throttled_until: Option<Timestamp>,
    /// Ids of target groups that were found or created, by configured name. Recorded when they are.
    pub group_links: BTreeMap<GroupName, GroupId>,
    /// Groups that Hyperproof listed at a full run, with the names that they had then. One that is listed no
    /// more stays, so that it is not created again whenever a mapping names it; it has nothing in `left`.
    pub known_groups: BTreeMap<GroupId, String>,
    /// Groups that the log is not done with: it follows their members, or announced a change of which it does not
    /// know yet what became of it. Somebody may have taken the mapping out since.
    pub followed: BTreeSet<GroupId>,
    /// Memberships as the last full run left them.
    pub left: Memberships,
    /// Memberships that rosterd made. Recorded when they are.
    pub owned: Memberships,
    /// What an undo took back, until the directory says something else or a person approves it. Recorded when
    /// it is done.
    pub undone: BTreeMap<UndoneKey, Undone>,
    /// What the last full run learned.
    pub learned: Learned,
    /// What the last full run found, where every source vouches for its state.
    pub seen: Option<Seen>,
    /// Approvals with changes (or a missing directory group) left, not expired, oldest first.
    pub approvals: Vec<Approval>,
    /// Removals of the last 24 hours that no approval let through.
    pub removed_today: u64,
    /// Target groups whose last call failed, whichever failed last at the end: their turn comes after the others'.
    pub failed_groups: Vec<GroupName>,
}

/// What a full run teaches; it takes the place of what the last one did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Learned {
    /// Accounts of people who have an immutable id.
    pub person_links: PersonLinks,
    /// Directory groups that fed each target group.
    pub feeds: BTreeMap<GroupName, Vec<Feed>>,
    /// Directory groups nested in those, by the names by which groups name their members; sorted.
    pub nested: BTreeMap<GroupName, Vec<Feed>>,
    /// Target groups whose first full run is over, with the digest of their mappings, mode and id.
    pub settled: BTreeMap<GroupName, String>,
    /// People with a mapped grant, by source.
    pub baselines: BTreeMap<SourceName, u64>,
    /// Those of them who had an address, by source.
    pub addressed: BTreeMap<SourceName, u64>,
    /// Since when somebody is absent whose removal waits for its grace period.
    pub pending: BTreeMap<(GroupName, AccountId), Timestamp>,
    /// Missing directory groups that a person accepted as empty: source, directory group, target group.
    pub accepted_missing: BTreeSet<(SourceName, String, GroupName)>,
    /// The files that each source was read from, where its kind has files.
    pub files: BTreeMap<SourceName, BTreeSet<String>>,
    /// The optional columns that each source had, by their keys, where its kind has columns; and what else
    /// [`super::directory::SourceSnapshot::columns`] says.
    pub columns: BTreeMap<SourceName, BTreeSet<String>>,
}

/// What a full run found: enough to tell later that nothing changed since. It moves only at the end of
/// a full run that read everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// When the reading began.
    pub at: Timestamp,
    /// The state of each source: all of them, or this is not stored.
    pub marks: BTreeMap<SourceName, Watermark>,
    /// Digest of what Hyperproof had beside groups' names and members, as the run left it.
    pub live: String,
}
