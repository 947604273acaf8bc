//! Floor 2, pure: rows of `GET /users` → accounts.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::super::member_id::Pair;
use super::super::standing::standing;
use super::super::wire::User;
use super::texts::{Id, Numbered};
use crate::model::address::Address;
use crate::model::id::{AccountId, AccountType};
use crate::model::live::{Account, AccountIndex, MemberIdKind, Standing};
use crate::model::problem::Problem;

/// A row, with its ids as numbers.
#[derive(Debug)]
pub(super) struct Row<'a> {
    user_id: Option<u32>,
    id: Option<u32>,
    email: Option<Cow<'a, str>>,
    kind: Option<Cow<'a, str>>,
    standing: Standing,
}

impl<'a> Row<'a> {
    pub(super) fn new(user: User<'a>, eligible: &[String], ids: &mut Numbered<'a>) -> Self {
        let User { id, user_id, email, kind, status } = user;
        let standing = standing(kind.as_deref(), status.as_deref(), eligible);
        Self { user_id: user_id.map(|id| ids.number(id)), id: id.map(|id| ids.number(id)), email, kind, standing }
    }

    fn chosen(&self, kind: MemberIdKind) -> Option<u32> {
        match kind {
            MemberIdKind::UserId => self.user_id,
            MemberIdKind::Id => self.id,
        }
    }
}

/// The row that an id of `/users/me` means. By the vendor's samples it is a `userId`.
pub(super) fn row_of<'r, 'a>(rows: &'r [Row<'a>], ids: &Numbered<'a>, own: &str) -> Option<&'r Row<'a>> {
    let own = Some(ids.find(own)?);
    let by_user_id = rows.iter().find(|row| row.user_id == own);
    by_user_id.or_else(|| rows.iter().find(|row| row.id == own))
}

/// The tool's own account, by the id that groups hold, where its row has one.
pub(super) fn own(rows: &[Row<'_>], ids: &Numbered<'_>, own: &str, kind: MemberIdKind) -> AccountId {
    let chosen = row_of(rows, ids, own).and_then(|row| row.chosen(kind));
    chosen.map_or_else(|| AccountId::new(own), |id| ids.id(id).account())
}

/// Both ids of every account of an eligible type.
pub(super) fn eligible_pairs(rows: &[Row<'_>]) -> impl Iterator<Item = Pair> + Clone {
    rows.iter()
        .filter(|row| matches!(row.standing, Standing::Active | Standing::Inactive))
        .filter_map(|row| Some(Pair { user_id: row.user_id?, id: row.id? }))
}

/// Accounts by the id that groups hold, sorted, each once; and where the account of each number of an id stands.
pub(super) fn accounts(
    rows: &[Row<'_>],
    ids: &Numbered<'_>,
    kind: MemberIdKind,
    problems: &mut Vec<Problem>,
) -> (Vec<Account>, Vec<Option<AccountIndex>>) {
    let mut sorted: Vec<(&Id<'_>, u32, &Row<'_>)> = Vec::with_capacity(rows.len());
    for row in rows {
        match row.chosen(kind) {
            Some(number) => sorted.push((ids.id(number), number, row)),
            None => problems.push(without_id(row, ids, kind)),
        }
    }
    // Stable: of rows with one id the first one counts.
    sorted.sort_by_key(|(id, ..)| *id);
    let mut accounts = Vec::with_capacity(sorted.len());
    let mut places = vec![None; ids.len()];
    let mut kinds = BTreeSet::new();
    for same in sorted.chunk_by(|(_, a, _), (_, b, _)| a == b) {
        let Some((id, number, row)) = same.first() else { continue };
        let mut account = account(id.account(), row, &mut kinds, problems);
        if same.len() > 1 {
            let text = format!("is listed {} times; nobody is matched to it", same.len());
            problems.push(Problem::new(format!("account {:?}", account.id), text).help("ask Hyperproof's support"));
            account.standing = Standing::Ineligible;
        }
        if let Some(place) = places.get_mut(*number as usize) {
            *place = u32::try_from(accounts.len()).ok();
        }
        accounts.push(account);
    }
    (accounts, places)
}

fn account(id: AccountId, row: &Row<'_>, kinds: &mut BTreeSet<AccountType>, problems: &mut Vec<Problem>) -> Account {
    let email = row.email.as_deref().and_then(|text| match Address::parse(text) {
        Ok(email) => Some(email),
        Err(error) => {
            problems.push(Problem::new(format!("account {id:?}"), format!("its e-mail address {error}")));
            None
        }
    });
    let kind = row.kind.as_deref().unwrap_or_default();
    let kind = kinds.get(kind).cloned().unwrap_or_else(|| {
        let kind = AccountType::new(kind);
        kinds.insert(kind.clone());
        kind
    });
    Account { id, email, kind, standing: row.standing }
}

fn without_id(row: &Row<'_>, ids: &Numbered<'_>, kind: MemberIdKind) -> Problem {
    let (missing, other, value) = match kind {
        MemberIdKind::UserId => ("userId", "id", row.id),
        MemberIdKind::Id => ("id", "userId", row.user_id),
    };
    let place = match value {
        Some(value) => ids.id(value).with(|value| format!("account with {other} {value:?}")),
        None => "an account without any id".into(),
    };
    Problem::new(place, format!("has no {missing}, which groups hold; it is left out"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(user_id: &'static str, id: &'static str, email: &'static str) -> User<'static> {
        let some = |text: &'static str| (!text.is_empty()).then_some(Cow::Borrowed(text));
        User { id: some(id), user_id: some(user_id), email: some(email), kind: some("activeUser"), status: None }
    }

    fn numbered<const N: usize>(users: [User<'static>; N]) -> (Numbered<'static>, Vec<Row<'static>>) {
        let mut ids = Numbered::default();
        let rows = users.into_iter().map(|user| Row::new(user, &["activeUser".into()], &mut ids)).collect();
        (ids, rows)
    }

    #[test]
    fn odd_rows_cost_themselves_alone() {
        let (ids, rows) = numbered([
            row("u2", "i2", "bob@corp.example"),
            row("u1", "i1", "ann@corp.example"),
            row("u3", "i3", "no address"),
            row("", "i4", "dan@corp.example"),
            row("", "", "eve@corp.example"),
            row("u5", "i5", ""),
            row("u6", "i6", "fay@corp.example"),
            row("u6", "i7", "gus@corp.example"),
        ]);
        let mut problems = Vec::new();
        let (accounts, places) = accounts(&rows, &ids, MemberIdKind::UserId, &mut problems);
        let seen: Vec<_> =
            accounts.iter().map(|account| (account.id.as_str(), account.email.is_some(), account.standing)).collect();
        use Standing::{Active, Ineligible};
        let expected = [
            ("u1", true, Active),
            ("u2", true, Active),
            ("u3", false, Active),
            ("u5", false, Active),
            ("u6", true, Ineligible),
        ];
        assert_eq!(seen, expected);
        assert_eq!(accounts[4].email.as_ref().unwrap().as_str(), "fay@corp.example", "the first row counts");
        for (at, account) in accounts.iter().enumerate() {
            assert_eq!(places[ids.find(account.id.as_str()).unwrap() as usize], Some(at as u32));
        }
        assert_eq!(places[ids.find("i1").unwrap() as usize], None);
        assert_eq!(problems.len(), 4, "{problems:?}");
        assert!(problems.iter().all(|problem| !problem.to_string().contains('@')));
    }

    #[test]
    fn the_own_row_is_found_by_either_id() {
        let (ids, rows) = numbered([row("a", "b", ""), row("b", "c", ""), row("", "d", "")]);
        let own = |id: &str| own(&rows, &ids, id, MemberIdKind::UserId);
        assert_eq!(own("b").as_str(), "b", "a userId wins");
        assert_eq!(own("c").as_str(), "b");
        assert_eq!(own("d").as_str(), "d", "better than none");
        assert!(row_of(&rows, &ids, "z").is_none());
    }
}
