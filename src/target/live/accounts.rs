//! Floor 2, pure: rows of `GET /users` → accounts.

use std::collections::BTreeMap;

use super::super::member_id::Pair;
use super::super::standing::standing;
use super::super::wire::User;
use crate::model::address::Address;
use crate::model::id::AccountId;
use crate::model::live::{Account, MemberIdKind, Standing};
use crate::model::problem::Problem;

/// The row that an id of `/users/me` means. By the vendor's samples it is a `userId`.
pub(super) fn row_of<'a>(rows: &'a [User], own: &str) -> Option<&'a User> {
    let by_user_id = rows.iter().find(|row| row.user_id.as_deref() == Some(own));
    by_user_id.or_else(|| rows.iter().find(|row| row.id.as_deref() == Some(own)))
}

/// The tool's own account, by the id that groups hold, where its row has one.
pub(super) fn own(rows: &[User], own: &str, kind: MemberIdKind) -> AccountId {
    AccountId::new(row_of(rows, own).and_then(|row| chosen(row, kind)).unwrap_or(own))
}

/// Both ids of every account of an eligible type.
pub(super) fn eligible_pairs<'a>(rows: &'a [User], eligible: &[String]) -> Vec<Pair<'a>> {
    rows.iter()
        .filter(|row| matches!(judge(row, eligible), Standing::Active | Standing::Inactive))
        .filter_map(|row| Some(Pair { user_id: row.user_id.as_deref()?, id: row.id.as_deref()? }))
        .collect()
}

/// Accounts by the id that groups hold, sorted, each once.
pub(super) fn accounts(
    rows: &[User],
    kind: MemberIdKind,
    eligible: &[String],
    problems: &mut Vec<Problem>,
) -> Vec<Account> {
    let mut by_id: BTreeMap<&str, Vec<&User>> = BTreeMap::new();
    for row in rows {
        match chosen(row, kind) {
            Some(id) => by_id.entry(id).or_default().push(row),
            None => problems.push(without_id(row, kind)),
        }
    }
    by_id
        .into_iter()
        .filter_map(|(id, rows)| {
            let mut account = account(id, rows.first()?, eligible, problems);
            if rows.len() > 1 {
                let text = format!("is listed {} times; nobody is matched to it", rows.len());
                problems.push(Problem::new(format!("account {id:?}"), text).help("ask Hyperproof's support"));
                account.standing = Standing::Ineligible;
            }
            Some(account)
        })
        .collect()
}

fn account(id: &str, row: &User, eligible: &[String], problems: &mut Vec<Problem>) -> Account {
    let email = row.email.as_deref().and_then(|text| match Address::parse(text) {
        Ok(email) => Some(email),
        Err(error) => {
            problems.push(Problem::new(format!("account {id:?}"), format!("its e-mail address {error}")));
            None
        }
    });
    Account {
        id: AccountId::new(id),
        email,
        kind: row.kind.clone().unwrap_or_default(),
        standing: judge(row, eligible),
    }
}

fn judge(row: &User, eligible: &[String]) -> Standing {
    standing(row.kind.as_deref(), row.status.as_deref(), eligible)
}

fn chosen(row: &User, kind: MemberIdKind) -> Option<&str> {
    match kind {
        MemberIdKind::UserId => row.user_id.as_deref(),
        MemberIdKind::Id => row.id.as_deref(),
    }
}

fn without_id(row: &User, kind: MemberIdKind) -> Problem {
    let (missing, other, value) = match kind {
        MemberIdKind::UserId => ("userId", "id", &row.id),
        MemberIdKind::Id => ("id", "userId", &row.user_id),
    };
    let place = match value {
        Some(value) => format!("account with {other} {value:?}"),
        None => "an account without any id".into(),
    };
    Problem::new(place, format!("has no {missing}, which groups hold; it is left out"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(user_id: &str, id: &str, email: &str) -> User {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        User { id: some(id), user_id: some(user_id), email: some(email), kind: some("activeUser"), status: None }
    }

    #[test]
    fn odd_rows_cost_themselves_alone() {
        let rows = [
            row("u2", "i2", "bob@corp.example"),
            row("u1", "i1", "ann@corp.example"),
            row("u3", "i3", "no address"),
            row("", "i4", "dan@corp.example"),
            row("", "", "eve@corp.example"),
            row("u5", "i5", ""),
            row("u6", "i6", "fay@corp.example"),
            row("u6", "i7", "gus@corp.example"),
        ];
        let mut problems = Vec::new();
        let accounts = accounts(&rows, MemberIdKind::UserId, &["activeUser".into()], &mut problems);
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
        assert_eq!(problems.len(), 4, "{problems:?}");
        assert!(problems.iter().all(|problem| !problem.to_string().contains('@')));
    }

    #[test]
    fn the_own_row_is_found_by_either_id() {
        let rows = [row("a", "b", ""), row("b", "c", ""), row("", "d", "")];
        assert_eq!(row_of(&rows, "b"), rows.get(1), "a userId wins");
        assert_eq!(own(&rows, "c", MemberIdKind::UserId).as_str(), "b");
        assert_eq!(own(&rows, "d", MemberIdKind::UserId).as_str(), "d", "better than none");
        assert_eq!(row_of(&rows, "z"), None);
    }
}
