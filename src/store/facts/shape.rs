//! Shapes of the parts of facts, as JSON has them, and the way there and back: columns instead of records.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::address::Address;
use crate::model::directory::Person;
use crate::model::facts::{ChangeFacts, FeedFacts, Found, GroupFacts, SkipFacts, SourceFacts};
use crate::model::id::AccountType;
use crate::model::live::{Account, Standing};
use crate::model::plan::{Op, Reason, Why};
use crate::model::policy::Mode;
use crate::store::stored::Text;

#[derive(Serialize, Deserialize, Default)]
pub(super) struct Accounts<'a> {
    #[serde(borrow)]
    ids: Vec<Text<'a>>,
    #[serde(borrow)]
    emails: Vec<Option<Text<'a>>>,
    /// Kinds, and where each account's is.
    kinds: Vec<String>,
    kind: Vec<usize>,
    standing: Vec<u8>,
}

/// People of one source. An address has no blanks in it, so blanks part addresses.
#[derive(Serialize, Deserialize, Default)]
pub(super) struct People<'a> {
    #[serde(borrow)]
    keys: Vec<Text<'a>>,
    #[serde(borrow)]
    origins: Vec<Text<'a>>,
    #[serde(borrow)]
    addresses: Vec<Text<'a>>,
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

pub(super) fn accounts(accounts: &[Account]) -> Accounts<'_> {
    let mut stored = Accounts::default();
    for account in accounts {
        stored.ids.push(account.id.as_str().into());
        stored.emails.push(account.email.as_ref().map(|email| email.as_str().into()));
        let kind = stored.kinds.iter().position(|kind| *kind == account.kind.as_str()).unwrap_or_else(|| {
            stored.kinds.push(account.kind.to_string());
            stored.kinds.len() - 1
        });
        stored.kind.push(kind);
        let standing = STANDINGS.iter().position(|standing| *standing == account.standing);
        stored.standing.push(standing.and_then(|at| u8::try_from(at).ok()).unwrap_or_default());
    }
    stored
}

pub(super) fn people<'a>(source: &'a SourceFacts<'_>) -> People<'a> {
    let mut stored = People { account: source.meant.clone(), ..People::default() };
    for (at, person) in (0..).zip(source.people.iter()) {
        stored.keys.push(person.key.as_str().into());
        stored.origins.push(person.origin.as_str().into());
        stored.addresses.push(joined(&person.addresses));
        if !person.immutable {
            stored.mutable.push(at);
        }
        if person.disabled {
            stored.disabled.push(at);
        }
    }
    stored.mutable = deltas(&stored.mutable);
    stored.disabled = deltas(&stored.disabled);
    stored.sought = source.sought.iter().map(|(at, sought)| (*at, joined(sought).as_str().to_owned())).collect();
    let left_out =
        |(at, (why, detail)): (&u32, &(Why, Option<String>))| (*at, (why.as_str().to_owned(), detail.clone()));
    stored.left_out = source.left_out.iter().map(left_out).collect();
    stored
}

fn joined(addresses: &[Address]) -> Text<'_> {
    match addresses {
        [one] => one.as_str().into(),
        many => many.iter().map(Address::as_str).collect::<Vec<_>>().join(" ").into(),
    }
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

pub(super) fn accounts_of(stored: Accounts<'_>) -> Option<Vec<Account>> {
    let Accounts { ids, emails, kinds, kind, standing } = stored;
    let kinds: Vec<AccountType> = kinds.into_iter().map(AccountType::from).collect();
    let rows = ids.into_iter().zip(emails).zip(kind).zip(standing);
    rows.map(|(((id, email), kind), standing)| {
        let email = email.map(|email| Address::parse(email.as_str())).transpose();
        Some(Account {
            id: id.as_str().into(),
            email: email.ok()?,
            kind: kinds.get(kind)?.clone(),
            standing: *STANDINGS.get(usize::from(standing))?,
        })
    })
    .collect()
}

/// People with what is said of them, in place of what `source` has.
pub(super) fn people_of(stored: People<'_>, source: &mut SourceFacts<'_>) -> Option<()> {
    let People { keys, origins, addresses, account, mutable, disabled, sought, left_out } = stored;
    let (mutable, disabled) = (sums(&mutable), sums(&disabled));
    let has = |list: &[u32], at: u32| list.binary_search(&at).is_ok();
    let split = |text: &str| text.split_whitespace().map(Address::parse).collect::<Result<Vec<_>, _>>().ok();
    if [origins.len(), addresses.len(), account.len()].iter().any(|length| *length != keys.len()) {
        return None;
    }
    let rows = (0..).zip(keys).zip(origins).zip(addresses);
    let people = rows.map(|(((at, key), origin), addresses)| {
        Some(Person {
            key: key.as_str().into(),
            immutable: !has(&mutable, at),
            addresses: split(addresses.as_str())?,
            disabled: has(&disabled, at),
            origin: origin.as_str().to_owned(),
        })
    });
    source.people = people.collect::<Option<Vec<_>>>()?.into();
    source.meant = account;
    source.sought = sought.into_iter().map(|(at, text)| Some((at, split(&text)?))).collect::<Option<_>>()?;
    let left_out = left_out.into_iter().map(|(at, (why, detail))| Some((at, (Why::parse(&why)?, detail))));
    source.left_out = left_out.collect::<Option<_>>()?;
    Some(())
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
