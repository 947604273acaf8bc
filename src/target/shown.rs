//! Floor 2, pure: what a reply to a membership write shows.
//!
//! By the vendor's pages the reply's `userIds` are "the users who are in the group", and that this
//! means after the change is inferred (hyperproof-api.md, section 8). A server that echoes what was
//! sent, or names only what it changed, must not be believed for that.

use std::collections::BTreeSet;

use crate::model::id::AccountId;

/// Which way a membership changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Into the group.
    In,
    /// Out of it.
    Out,
}

impl Way {
    /// Whether an account stands as wanted among the members.
    pub(super) fn is_so(self, account: &AccountId, members: &BTreeSet<AccountId>) -> bool {
        members.contains(account) == (self == Self::In)
    }
}

/// What a reply says about the members after the change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// It lists the members: it has somebody whom the request did not name.
    Members,
    /// It agrees with the change, and an echo or a list of what was changed would look the same.
    Perhaps,
    /// It does not show the change.
    No,
}

/// Judges a reply.
pub(super) fn shown(way: Way, sent: &[AccountId], reply: &BTreeSet<AccountId>) -> Shown {
    let sent_set: BTreeSet<&AccountId> = sent.iter().collect();
    if reply.iter().any(|id| !sent_set.contains(id)) {
        return Shown::Members;
    }
    if sent.iter().all(|account| way.is_so(account, reply)) { Shown::Perhaps } else { Shown::No }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_told_apart() {
        let cases = [
            // The members after an addition, with somebody who was there before.
            (Way::In, "a b", "a b x", Shown::Members),
            // One was silently left out: still a list of members.
            (Way::In, "a b", "a x", Shown::Members),
            // The first members of an empty group, or an echo.
            (Way::In, "a b", "a b", Shown::Perhaps),
            // Only what was changed.
            (Way::In, "a b", "a", Shown::No),
            (Way::In, "a b", "", Shown::No),
            (Way::Out, "a b", "x", Shown::Members),
            (Way::Out, "a b", "a x", Shown::Members),
            // The last members are gone, or nothing was changed.
            (Way::Out, "a b", "", Shown::Perhaps),
            // An echo, or what was changed.
            (Way::Out, "a b", "a b", Shown::No),
            (Way::Out, "a b", "a", Shown::No),
        ];
        let ids = |text: &str| text.split_whitespace().map(AccountId::from).collect::<Vec<_>>();
        for (way, sent, reply, expected) in cases {
            let got = shown(way, &ids(sent), &ids(reply).into_iter().collect());
            assert_eq!(got, expected, "{way:?} {sent:?} {reply:?}");
        }
    }
}
