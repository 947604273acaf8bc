//! Shapes of the parts of facts, as JSON has them, and the way there and back: columns instead of records.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::facts::{AccountFacts, ChangeFacts, FeedFacts, Found, GroupFacts, PersonFacts, SkipFacts};
use crate::model::live::Standing;
use crate::model::plan::{Op, Reason, Why};
use crate::model::policy::Mode;

#[derive(Serialize, Deserialize, Default)]
pub(super) struct Accounts {
    ids: Vec<String>,
    emails: Vec<Option<String>>,
    /// Kinds, and where each account's is.
    kinds: Vec<String>,
    kind: Vec<usize>,
    standing: Vec<u8>,
}

/// People of one source. An address has no blanks in it, so blanks part addresses.
#[derive(Serialize, Deserialize, Default)]
pub(super) struct People {
    keys: Vec<String>,
    origins: Vec<String>,
    addresses: Vec<String>,
    account: Vec<Option<u32>>,
    mutable: Vec<u32>,
    disabled: Vec<u32>,
    sought: BTreeMap<u32, String>,
    left_out: BTreeMap<u32, (String, Option<String>)>,
}

/// A directory group: name, what was missing, people, nested groups.
pub(super) type Directory = (String, Option<String>, Vec<u32>, Vec<u32>);

#[derive(Serialize, Deserialize)]
pub(super) struct Group {
    id: Option<String>,
    mode: String,
    ready: bool,
    complete: bool,
    members: Vec<u32>,
    strangers: Vec<String>,
    feeds: Vec<(u32, u32, StoredFound)>,
    problems: Vec<String>,
    changes: Vec<Change>,
    skips: Vec<(String, String, Option<String>)>,
}

#[derive(Serialize, Deserialize)]
enum StoredFound {
    Group(u32),
    Missing(String, Option<String>, bool),
    Doubled,
    Nothing,
    Unread,
}

#[derive(Serialize, Deserialize)]
struct Change {
    op: String,
    account: Option<String>,
    reason: String,
    report: bool,
    holds: Vec<String>,
    result: Option<String>,
    error: Option<String>,
}

const STANDINGS: [Standing; 4] = [Standing::Active, Standing::Inactive, Standing::Deactivated, Standing::Ineligible];

pub(super) fn accounts(accounts: &[AccountFacts]) -> Accounts {
    let mut stored = Accounts::default();
    for account in accounts {
        stored.ids.push(account.id.to_string());
        stored.emails.push(account.email.clone());
        let kind = stored.kinds.iter().position(|kind| *kind == account.kind).unwrap_or_else(|| {
            stored.kinds.push(account.kind.clone());
            stored.kinds.len() - 1
        });
        stored.kind.push(kind);
        let standing = STANDINGS.iter().position(|standing| *standing == account.standing);
        stored.standing.push(standing.and_then(|at| u8::try_from(at).ok()).unwrap_or_default());
    }
    stored
}

pub(super) fn people(people: &[PersonFacts]) -> People {
    let mut stored = People::default();
    for (at, person) in (0..).zip(people) {
        stored.keys.push(person.key.clone());
        stored.origins.push(person.origin.clone());
        stored.addresses.push(person.addresses.join(" "));
        stored.account.push(person.account);
        if !person.immutable {
            stored.mutable.push(at);
        }
        if person.disabled {
            stored.disabled.push(at);
        }
        if !person.sought.is_empty() {
            stored.sought.insert(at, person.sought.join(" "));
        }
        if let Some((why, detail)) = &person.left_out {
            stored.left_out.insert(at, (why.as_str().to_owned(), detail.clone()));
        }
    }
    stored.mutable = deltas(&stored.mutable);
    stored.disabled = deltas(&stored.disabled);
    stored
}

pub(super) fn stored_group(group: &GroupFacts) -> Group {
    let feed = |feed: &FeedFacts| {
        let found = match &feed.found {
            Found::Group(at) => StoredFound::Group(*at),
            Found::Missing { name, renamed_to, accepted } => {
                StoredFound::Missing(name.clone(), renamed_to.clone(), *accepted)
            }
            Found::Doubled => StoredFound::Doubled,
            Found::Nothing => StoredFound::Nothing,
            Found::Unread => StoredFound::Unread,
        };
        (feed.mapping, feed.source, found)
    };
    let change = |change: &ChangeFacts| Change {
        op: change.op.as_str().to_owned(),
        account: change.account.as_ref().map(ToString::to_string),
        reason: change.reason.as_str().to_owned(),
        report: change.report,
        holds: change.holds.clone(),
        result: change.result.clone(),
        error: change.error.clone(),
    };
    Group {
        id: group.id.as_ref().map(ToString::to_string),
        mode: group.mode.as_str().to_owned(),
        ready: group.ready,
        complete: group.complete,
        members: deltas(&group.members),
        strangers: group.strangers.iter().map(ToString::to_string).collect(),
        feeds: group.feeds.iter().map(feed).collect(),
        problems: group.problems.clone(),
        changes: group.changes.iter().map(change).collect(),
        skips: (group.skips.iter())
            .map(|skip| (skip.person.clone(), skip.why.as_str().to_owned(), skip.detail.clone()))
            .collect(),
    }
}

/// Rising numbers as the steps between them, which are shorter.
pub(super) fn deltas(rising: &[u32]) -> Vec<u32> {
    let mut before = 0;
    rising.iter().map(|number| number.wrapping_sub(std::mem::replace(&mut before, *number))).collect()
}

pub(super) fn sums(steps: &[u32]) -> Vec<u32> {
    let mut sum = 0_u32;
    steps
        .iter()
        .map(|step| {
            sum = sum.wrapping_add(*step);
            sum
        })
        .collect()
}

pub(super) fn accounts_of(stored: Accounts) -> Option<Vec<AccountFacts>> {
    let Accounts { ids, emails, kinds, kind, standing } = stored;
    let rows = ids.into_iter().zip(emails).zip(kind).zip(standing);
    rows.map(|(((id, email), kind), standing)| {
        Some(AccountFacts {
            id: id.into(),
            email,
            kind: kinds.get(kind)?.clone(),
            standing: *STANDINGS.get(usize::from(standing))?,
        })
    })
    .collect()
}

pub(super) fn people_of(stored: People) -> Option<Vec<PersonFacts>> {
    let People { keys, origins, addresses, account, mutable, disabled, sought, mut left_out } = stored;
    let (mutable, disabled) = (sums(&mutable), sums(&disabled));
    let has = |list: &[u32], at: u32| list.binary_search(&at).is_ok();
    let split = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    if [origins.len(), addresses.len(), account.len()].iter().any(|length| *length != keys.len()) {
        return None;
    }
    let rows = (0..).zip(keys).zip(origins).zip(addresses).zip(account);
    rows.map(|((((at, key), origin), addresses), account)| {
        let left_out = match left_out.remove(&at) {
            Some((why, detail)) => Some((Why::parse(&why)?, detail)),
            None => None,
        };
        Some(PersonFacts {
            key,
            immutable: !has(&mutable, at),
            addresses: split(&addresses),
            sought: sought.get(&at).map(|text| split(text)).unwrap_or_default(),
            disabled: has(&disabled, at),
            origin,
            account,
            left_out,
        })
    })
    .collect()
}

pub(super) fn group_of(name: String, stored: Group) -> Option<GroupFacts> {
    let feed = |(mapping, source, found): (u32, u32, StoredFound)| FeedFacts {
        mapping,
        source,
        found: match found {
            StoredFound::Group(at) => Found::Group(at),
            StoredFound::Missing(name, renamed_to, accepted) => Found::Missing { name, renamed_to, accepted },
            StoredFound::Doubled => Found::Doubled,
            StoredFound::Nothing => Found::Nothing,
            StoredFound::Unread => Found::Unread,
        },
    };
    let change = |change: Change| {
        Some(ChangeFacts {
            op: Op::parse(&change.op)?,
            account: change.account.map(Into::into),
            reason: Reason::parse(&change.reason)?,
            report: change.report,
            holds: change.holds,
            result: change.result,
            error: change.error,
        })
    };
    let skip = |(person, why, detail): (String, String, Option<String>)| {
        Some(SkipFacts { person, why: Why::parse(&why)?, detail })
    };
    Some(GroupFacts {
        name: name.into(),
        id: stored.id.map(Into::into),
        mode: Mode::parse(&stored.mode)?,
        ready: stored.ready,
        complete: stored.complete,
        members: sums(&stored.members),
        strangers: stored.strangers.into_iter().map(Into::into).collect(),
        feeds: stored.feeds.into_iter().map(feed).collect(),
        problems: stored.problems,
        changes: stored.changes.into_iter().map(change).collect::<Option<_>>()?,
        skips: stored.skips.into_iter().map(skip).collect::<Option<_>>()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_and_sums_are_each_others_way_back() {
        for numbers in [&[][..], &[0], &[0, 1, 5, 1_000_000], &[7, u32::MAX]] {
            assert_eq!(sums(&deltas(numbers)), numbers);
        }
    }
}
