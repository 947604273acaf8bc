//! Floor 2, pure: which of an account's two ids groups hold.
//!
//! No vendor page says it, and both ids look alike (hyperproof-api.md, section 7). Eligible accounts
//! that are members show it: one of their ids stands among the members, the other does not.

use super::error::TargetError;
use crate::model::live::MemberIdKind;

/// The ids of an eligible account that has both, as numbers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pair {
    pub(super) user_id: u32,
    pub(super) id: u32,
}

/// Which id it is, and whether that is more than a guess.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) kind: MemberIdKind,
    pub(super) proven: bool,
}

/// Decides. The configuration wins; else the evidence, which must not contradict itself or what is
/// remembered; else what is remembered; else `userId`, as a guess. `members` tells of each number whether a
/// group holds it.
pub(super) fn decide(
    configured: Option<MemberIdKind>,
    remembered: Option<MemberIdKind>,
    accounts: impl Iterator<Item = Pair> + Clone,
    members: &[bool],
) -> Result<Verdict, TargetError> {
    if let Some(kind) = configured {
        return Ok(Verdict { kind, proven: true });
    }
    let (user_id, id) = weigh(accounts, members);
    let shown = match (user_id, id) {
        (0, 0) => None,
        (_, 0) => Some(MemberIdKind::UserId),
        (0, _) => Some(MemberIdKind::Id),
        _ => {
            return Err(contradiction(format!(
                "groups hold both kinds of ids: {user_id} members are a userId and {id} an id"
            )));
        }
    };
    match (shown, remembered) {
        (Some(shown), Some(remembered)) if shown != remembered => Err(contradiction(format!(
            "groups hold accounts' {} now, and held their {} before",
            name(shown),
            name(remembered)
        ))),
        (Some(kind), _) | (None, Some(kind)) => Ok(Verdict { kind, proven: true }),
        (None, None) => Ok(Verdict { kind: MemberIdKind::UserId, proven: false }),
    }
}

/// How many accounts are members by their `userId` alone, and how many by their `id` alone. An id
/// that one account has as `id` and another as `userId` shows nothing.
fn weigh(accounts: impl Iterator<Item = Pair> + Clone, members: &[bool]) -> (usize, usize) {
    let mut owners = vec![0_u8; members.len()];
    let mut own = |id: u32| {
        if let Some(count) = owners.get_mut(id as usize) {
            *count = count.saturating_add(1);
        }
    };
    for pair in accounts.clone() {
        own(pair.user_id);
        if pair.id != pair.user_id {
            own(pair.id);
        }
    }
    let is_member = |id: u32| members.get(id as usize) == Some(&true) && owners.get(id as usize) == Some(&1);
    let mut count = (0, 0);
    for pair in accounts {
        match (is_member(pair.user_id), is_member(pair.id)) {
            (true, false) => count.0 += 1,
            (false, true) => count.1 += 1,
            _ => {}
        }
    }
    count
}

fn name(kind: MemberIdKind) -> &'static str {
    match kind {
        MemberIdKind::UserId => "userId",
        MemberIdKind::Id => "id",
    }
}

fn contradiction(what: String) -> TargetError {
    TargetError::Unbelievable {
        what,
        help: "set hyperproof.member_id to \"user_id\" or \"id\", whichever the members of a group that you know hold",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use MemberIdKind::{Id, UserId};

    /// The verdict over accounts and members by their texts.
    fn decided(
        configured: Option<MemberIdKind>,
        remembered: Option<MemberIdKind>,
        accounts: &[(&str, &str)],
        members: &[&str],
    ) -> Result<Verdict, TargetError> {
        let texts: BTreeSet<&str> =
            accounts.iter().flat_map(|(a, b)| [*a, *b]).chain(members.iter().copied()).collect();
        let number = |text: &str| texts.iter().position(|other| *other == text).unwrap() as u32;
        let pairs = accounts.iter().map(|(user_id, id)| Pair { user_id: number(user_id), id: number(id) });
        let pairs: Vec<Pair> = pairs.collect();
        let members: Vec<bool> = texts.iter().map(|text| members.contains(text)).collect();
        decide(configured, remembered, pairs.iter().copied(), &members)
    }

    #[test]
    fn evidence_decides_and_contradictions_stop() {
        let accounts = [("u1", "i1"), ("u2", "i2"), ("same", "same"), ("x", "u9"), ("u9", "y")];
        type Case<'a> = (Option<MemberIdKind>, Option<MemberIdKind>, &'a [&'a str], Option<(MemberIdKind, bool)>);
        let cases: [Case<'_>; 13] = [
            (None, None, &[], Some((UserId, false))),
            (None, None, &["stranger", "same"], Some((UserId, false))),
            (None, None, &["u1", "u2"], Some((UserId, true))),
            (None, None, &["i1"], Some((Id, true))),
            (None, None, &["u1", "i2"], None),
            (None, None, &["u1", "i1"], Some((UserId, false))),
            (None, None, &["u9"], Some((UserId, false))),
            (None, Some(Id), &[], Some((Id, true))),
            (None, Some(Id), &["i1"], Some((Id, true))),
            (None, Some(Id), &["u1"], None),
            (None, Some(UserId), &["u1", "i2"], None),
            (Some(Id), Some(UserId), &["u1", "i2"], Some((Id, true))),
            (Some(UserId), None, &[], Some((UserId, true))),
        ];
        for (configured, remembered, members, expected) in cases {
            let got = decided(configured, remembered, &accounts, members);
            let got = got.ok().map(|verdict| (verdict.kind, verdict.proven));
            assert_eq!(got, expected, "{configured:?} {remembered:?} {members:?}");
        }
    }

    #[test]
    fn the_error_says_which_key_to_set() {
        let error = decided(None, None, &[("u1", "i1"), ("u2", "i2")], &["u1", "i2"]).unwrap_err();
        assert!(error.help().contains("hyperproof.member_id"), "{error}");
    }
}
