//! Whether a run may leave the directory unread, and if not, why. Pure.
//!
//! The only conclusion is "nothing to do". So whatever could make something to do, beside the
//! directory itself, makes a run that reads: this is the list of it.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::model::digest::Digest;
use crate::model::id::{AccountId, GroupId, SourceName};
use crate::model::live::{Absence, LiveGroup, LiveState, MemberIdKind, Standing};
use crate::model::memberships::Members;
use crate::model::memory::{Memory, Seen};
use crate::model::run::Outcome;
use crate::model::seal::SealKey;
use crate::source::Answer;
use crate::store::Brief;
use crate::target::Lists;

/// After so long the directory is read, whatever it says: rights of the account that reads, and
/// changes that an administrator made past the server's own count, show in a reading alone.
const LONGEST: SignedDuration = SignedDuration::from_hours(24);

/// Why a run reads the directory.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Why {
    #[error("the run is about some groups alone")]
    Partial,
    #[error("source {:?} is to be read always (skip_unchanged = false)", .0.as_str())]
    Always(SourceName),
    #[error("no full run has left a state that every source vouches for")]
    NothingSeen,
    #[error("the last run was not over all groups, or left something to do")]
    LastRun,
    #[error("the configuration changed")]
    Configuration,
    #[error("the last run was made by another version")]
    Version,
    #[error("the directory was read last at {0:.0}, and a day is the longest")]
    Day(Timestamp),
    #[error("a removal waits for its grace period")]
    Grace,
    #[error("an approval was given")]
    Approval,
    #[error("something waits for an approval")]
    Hold,
    #[error("a run was cut off")]
    CutOff,
    #[error("source {:?} changed, or another server answers", .0.as_str())]
    Changed(SourceName),
    #[error("source {:?} does not tell whether it changed: {}", .0.as_str(), .1)]
    Silent(SourceName, String),
    #[error("Hyperproof could not be read")]
    NoLive,
    #[error("groups or members in Hyperproof are not as the last run left them")]
    Drift,
    #[error("accounts or leads in Hyperproof are not as the last run left them")]
    Accounts,
}

/// What is known before anything is asked.
pub(super) struct Facts<'a> {
    /// The run is limited to some groups.
    pub(super) partial: bool,
    /// Every source with whether it may be left unread.
    pub(super) sources: Vec<(&'a SourceName, bool)>,
    /// Digest of the configuration.
    pub(super) digest: &'a str,
    /// The version of rosterd.
    pub(super) version: &'a str,
    /// What earlier runs left, in brief.
    pub(super) brief: &'a Brief,
    /// The beginning of this run.
    pub(super) now: Timestamp,
}

/// Whether it is worth asking the sources; what they are to be asked by.
pub(super) fn may_ask<'a>(facts: &Facts<'a>) -> Result<&'a Seen, Why> {
    if facts.partial {
        return Err(Why::Partial);
    }
    if let Some((name, _)) = facts.sources.iter().find(|(_, may)| !may) {
        return Err(Why::Always((*name).clone()));
    }
    let brief = facts.brief;
    let last = brief.last.as_ref().ok_or(Why::NothingSeen)?;
    if last.config_digest != facts.digest {
        return Err(Why::Configuration);
    }
    if last.version != facts.version {
        return Err(Why::Version);
    }
    // Such a run was a full one, or found that nothing changed since one.
    if last.undoes.is_some()
        || last.partial.is_some()
        || !matches!(last.outcome, Some(Outcome::InStep | Outcome::Applied))
    {
        return Err(Why::LastRun);
    }
    let waits = [
        (brief.open > 0, Why::CutOff),
        (brief.approvals > 0, Why::Approval),
        (brief.holds > 0, Why::Hold),
        (brief.pending > 0, Why::Grace),
    ];
    if let Some((_, why)) = waits.into_iter().find(|(waits, _)| *waits) {
        return Err(why);
    }
    let seen = brief.seen.as_ref().ok_or(Why::NothingSeen)?;
    let mut names: Vec<&SourceName> = facts.sources.iter().map(|(name, _)| *name).collect();
    names.sort();
    if !names.into_iter().eq(seen.marks.keys()) {
        return Err(Why::NothingSeen);
    }
    // A clock that was set back says nothing of how long it is.
    match facts.now.duration_since(seen.at) {
        age if age.is_negative() || age >= LONGEST => Err(Why::Day(seen.at)),
        _ => Ok(seen),
    }
}

/// What the sources answered: how each of them vouches, or why one of them does not.
pub(super) fn all_vouch(answers: Vec<(SourceName, Answer)>) -> Result<BTreeMap<SourceName, String>, Why> {
    let vouch = |(name, answer)| match answer {
        Answer::Unchanged(how) => Ok((name, how)),
        Answer::Changed => Err(Why::Changed(name)),
        Answer::Silent(why) => Err(Why::Silent(name, why)),
    };
    answers.into_iter().map(vouch).collect()
}

/// Whether answers of Hyperproof are those in which the last run found everything as the run before left it, so
/// that what they say need not be looked at again. That run wrote nothing, and what answers are judged by moves in a
/// run alone. They are asked for with the same account, by which they are judged, too.
pub(super) fn is_as_answered(brief: &Brief, own: Option<&str>, lists: &Lists) -> bool {
    let is_sealed = |seal: &String| SealKey::of(seal).is_some_and(|key| lists.seal(key) == *seal);
    own == Some(lists.own.as_str()) && brief.answers.as_ref().is_some_and(is_sealed)
}

/// Whether Hyperproof is as the last run left it.
pub(super) fn is_as_left(memory: &Memory, seen: &Seen, live: &LiveState) -> Result<(), Why> {
    let names = live.groups.iter().map(|group| (&group.id, &group.name));
    let is_left = |(group, (id, left)): (&LiveGroup, (&GroupId, Members<'_>))| {
        group.id == *id && group.count() == left.len() && live.members(group).eq(left.iter())
    };
    let all_left =
        live.groups.len() == memory.left.iter().count() && live.groups.iter().zip(memory.left.iter()).all(is_left);
    // A group that is known from before and was not there any more has nothing left in it.
    let known = memory.known_groups.iter().filter(|(id, _)| memory.left.of(id).is_some());
    if !all_left || !names.eq(known) {
        return Err(Why::Drift);
    }
    match live_digest(live, &BTreeMap::new()) == seen.live {
        true => Ok(()),
        false => Err(Why::Accounts),
    }
}

/// Leads that a run set or cleared.
pub(in crate::run) type Leads<'a> = BTreeMap<&'a GroupId, Option<&'a AccountId>>;

/// Digest of all that a decision takes from Hyperproof, but for groups' names and members, which are
/// remembered as they are. `leads` take the place of those that were read.
pub(in crate::run) fn live_digest(live: &LiveState, leads: &Leads<'_>) -> String {
    let mut digest = Digest::new();
    digest.part(live.own.as_str()).part(match live.member_id {
        MemberIdKind::UserId => "user_id",
        MemberIdKind::Id => "id",
    });
    digest.part(live.organisation.as_deref().unwrap_or_default());
    digest.part(&live.accounts.len().to_string());
    digest.parts(live.accounts.iter().flat_map(|account| {
        let email = account.email.as_ref().map_or("", |email| email.as_str());
        let standing = match account.standing {
            Standing::Active => "active",
            Standing::Inactive => "inactive",
            Standing::Deactivated => "deactivated",
            Standing::Ineligible => "ineligible",
        };
        [account.id.as_str(), email, account.kind.as_str(), standing]
    }));
    for group in &live.groups {
        let read = group.lead.as_ref();
        let lead = leads.get(&group.id).copied().unwrap_or(read);
        digest.part(group.id.as_str()).part(lead.map_or("", AccountId::as_str));
    }
    for (id, absence) in &live.absent {
        digest.part(id.as_str()).part(match absence {
            Absence::Gone => "gone",
            Absence::Archived => "archived",
            Absence::Unread(_) => "unread",
        });
    }
    for problem in &live.problems {
        digest.part(&problem.to_string());
    }
    digest.hex()
}

#[cfg(test)]
mod tests;
