//! Floor 2, pure: rows of `GET /users` → accounts.

use std::collections::BTreeMap;

use super::super::member_id::Pair;
use super::super::standing::standing;
use super::super::wire::{User, first};
use super::pieces::Entries;
use crate::model::address::Address;
use crate::model::id::{AccountId, AccountType};
use crate::model::live::{Account, AccountIndex, MemberIdKind, Standing};
use crate::model::numbered::{Id, Key, Numbered, Span, Texts};
use crate::model::piece::Piece;
use crate::model::problem::Problem;

/// Texts of so many accounts lie together.
const TOGETHER: usize = 500;

/// The list of users, with nothing in it but what is needed.
#[derive(Debug)]
pub(super) struct Users {
    eligible: Vec<String>,
    rows: Vec<Row>,
    texts: Texts,
    /// Types of accounts, as they came first.
    kinds: Vec<AccountType>,
    kind_at: BTreeMap<AccountType, u32>,
    /// Entries that are no objects.
    pub(super) odd: usize,
}

#[derive(Debug)]
struct Row {
    user_id: Option<Id>,
    id: Option<Id>,
    email: Option<Span>,
    /// Which of the types.
    kind: u32,
    standing: Standing,
}

/// Both ids of a row as numbers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Numbers {
    user_id: Option<u32>,
    id: Option<u32>,
}

impl Numbers {
    fn chosen(self, kind: MemberIdKind) -> Option<u32> {
        match kind {
            MemberIdKind::UserId => self.user_id,
            MemberIdKind::Id => self.id,
        }
    }
}

impl Entries for Users {
    fn take(&mut self, bytes: &[u8]) -> Result<Option<usize>, serde_json::Error> {
        let Some((user, length)) = first::<User<'_>>(bytes)? else { return Ok(None) };
        match user {
            Some(user) => self.add(&user),
            None => self.odd += 1,
        }
        Ok(Some(length))
    }

    fn clear(&mut self) {
        *self = Self::new(std::mem::take(&mut self.eligible));
    }
}

impl Users {
    /// Nobody yet. `eligible`: types of accounts that may be added or removed.
    pub(super) fn new(eligible: Vec<String>) -> Self {
        Self {
            eligible,
            rows: Vec::new(),
            texts: Texts::default(),
            kinds: Vec::new(),
            kind_at: BTreeMap::new(),
            odd: 0,
        }
    }

    fn add(&mut self, user: &User<'_>) {
        let standing = standing(user.kind.as_deref(), user.status.as_deref(), &self.eligible);
        let kind = self.kind(user.kind.as_deref().unwrap_or_default());
        let texts = &mut self.texts;
        self.rows.push(Row {
            user_id: user.user_id.as_deref().map(|id| Id::new(id, texts)),
            id: user.id.as_deref().map(|id| Id::new(id, texts)),
            email: user.email.as_deref().map(|email| texts.add(email)),
            kind,
            standing,
        });
    }

    fn kind(&mut self, kind: &str) -> u32 {
        if let Some(at) = self.kind_at.get(kind) {
            return *at;
        }
        let (kind, at) = (AccountType::new(kind), u32::try_from(self.kinds.len()).unwrap_or(u32::MAX));
        self.kinds.push(kind.clone());
        self.kind_at.insert(kind, at);
        at
    }

    /// Entries, odd ones too.
    pub(super) fn len(&self) -> usize {
        self.rows.len() + self.odd
    }

    /// Whether an id of `/users/me` is that of a row.
    pub(super) fn has(&self, own: &str) -> bool {
        let own = Some(Key::of(own));
        self.rows.iter().any(|row| own == self.key(row.user_id) || own == self.key(row.id))
    }

    fn key(&self, id: Option<Id>) -> Option<Key<'_>> {
        id.map(|id| id.key(&self.texts))
    }

    /// All ids as numbers, and those of each row.
    pub(super) fn numbered(&self) -> (Numbered<'_>, Vec<Numbers>) {
        let (ids, numbers) =
            Numbered::of(self.rows.iter().flat_map(|row| [row.user_id, row.id]).map(|id| self.key(id)));
        let pair = |pair: &[Option<u32>]| Numbers {
            user_id: pair.first().copied().flatten(),
            id: pair.last().copied().flatten(),
        };
        (ids, numbers.chunks(2).map(pair).collect())
    }

    /// Both ids of every account of an eligible type.
    pub(super) fn eligible_pairs<'a>(&'a self, numbers: &'a [Numbers]) -> impl Iterator<Item = Pair> + Clone + 'a {
        let rows = self.rows.iter().zip(numbers);
        let eligible = rows.filter(|(row, _)| matches!(row.standing, Standing::Active | Standing::Inactive));
        eligible.filter_map(|(_, numbers)| Some(Pair { user_id: numbers.user_id?, id: numbers.id? }))
    }

    /// Accounts by the id that groups hold, sorted, each once; and where the account of each number of an id stands.
    pub(super) fn accounts(
        &self,
        ids: &Numbered<'_>,
        numbers: &[Numbers],
        kind: MemberIdKind,
        problems: &mut Vec<Problem>,
    ) -> (Vec<Account>, Vec<Option<AccountIndex>>) {
        // Of rows with one id the first one counts.
        let mut rows: Vec<Option<&Row>> = vec![None; ids.count()];
        let mut again: BTreeMap<u32, usize> = BTreeMap::new();
        let mut count = 0;
        for (row, numbers) in self.rows.iter().zip(numbers) {
            let Some(number) = numbers.chosen(kind) else {
                problems.push(self.without_id(row, kind));
                continue;
            };
            match rows.get_mut(number as usize) {
                Some(Some(_)) => *again.entry(number).or_default() += 1,
                Some(first) => (*first, count) = (Some(row), count + 1),
                None => {}
            }
        }
        let mut accounts = Vec::with_capacity(count);
        let mut places = vec![None; ids.count()];
        let mut chosen = ids.in_order().filter_map(|number| Some((number, (*rows.get(number as usize)?)?))).peekable();
        while chosen.peek().is_some() {
            let some: Vec<(u32, &Row)> = chosen.by_ref().take(TOGETHER).collect();
            for ((number, _), mut account) in some.iter().zip(self.made(&some, ids, problems)) {
                if let Some(again) = again.get(number) {
                    let text = format!("is listed {} times; nobody is matched to it", again + 1);
                    let problem = Problem::new(format!("account {:?}", account.id), text);
                    problems.push(problem.help("ask Hyperproof's support"));
                    account.standing = Standing::Ineligible;
                }
                if let Some(place) = places.get_mut(*number as usize) {
                    *place = u32::try_from(accounts.len()).ok();
                }
                accounts.push(account);
            }
        }
        (accounts, places)
    }

    /// Accounts whose ids and addresses lie together.
    fn made(&self, some: &[(u32, &Row)], ids: &Numbered<'_>, problems: &mut Vec<Problem>) -> Vec<Account> {
        let (mut texts, mut ends) = (String::new(), Vec::with_capacity(2 * some.len()));
        for (number, row) in some {
            ids.key(*number).with(|id| texts.push_str(id));
            ends.push(texts.len());
            texts.push_str(row.email.map_or("", |email| self.texts.of(email).trim()));
            ends.push(texts.len());
        }
        let mut pieces = Piece::cut(texts, ends);
        let mut made = Vec::with_capacity(some.len());
        for (_, row) in some {
            let (Some(id), Some(email)) = (pieces.next().map(AccountId::from), pieces.next()) else { break };
            let email = row.email.and_then(|_| match Address::of(email) {
                Ok(email) => Some(email),
                Err(error) => {
                    problems.push(Problem::new(format!("account {id:?}"), format!("its e-mail address {error}")));
                    None
                }
            });
            let kind = self.kinds.get(row.kind as usize).cloned().unwrap_or_else(|| AccountType::new(""));
            made.push(Account { id, email, kind, standing: row.standing });
        }
        made
    }

    fn without_id(&self, row: &Row, kind: MemberIdKind) -> Problem {
        let (missing, other, value) = match kind {
            MemberIdKind::UserId => ("userId", "id", row.id),
            MemberIdKind::Id => ("id", "userId", row.user_id),
        };
        let place = match self.key(value) {
            Some(value) => value.with(|value| format!("account with {other} {value:?}")),
            None => "an account without any id".into(),
        };
        Problem::new(place, format!("has no {missing}, which groups hold; it is left out"))
    }
}

/// The tool's own account, by the id that groups hold, where its row has one. An id of `/users/me` is a `userId` by
/// the vendor's samples.
pub(super) fn own(ids: &Numbered<'_>, numbers: &[Numbers], own: &str, kind: MemberIdKind) -> AccountId {
    let number = ids.find(Key::of(own));
    let by_user_id = numbers.iter().find(|row| number.is_some() && row.user_id == number);
    let row = by_user_id.or_else(|| numbers.iter().find(|row| number.is_some() && row.id == number));
    let chosen = row.and_then(|row| row.chosen(kind));
    chosen.map_or_else(|| AccountId::new(own), |number| ids.key(number).account())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users<const N: usize>(rows: [(&str, &str, &str); N]) -> Users {
        let some = |text: &'static str| Some(text.into());
        let mut users = Users::new(vec!["activeUser".into()]);
        for (user_id, id, email) in rows {
            let has = |text: &str| (!text.is_empty()).then(|| text.to_owned().into());
            let (user_id, id, email) = (has(user_id), has(id), has(email));
            users.add(&User { id, user_id, email, kind: some("activeUser"), status: None });
        }
        users
    }

    #[test]
    fn odd_rows_cost_themselves_alone() {
        let users = users([
            ("u2", "i2", "bob@corp.example"),
            ("u1", "i1", "ann@corp.example"),
            ("u3", "i3", "no address"),
            ("", "i4", "dan@corp.example"),
            ("", "", "eve@corp.example"),
            ("u5", "i5", ""),
            ("u6", "i6", "fay@corp.example"),
            ("u6", "i7", "gus@corp.example"),
        ]);
        let mut problems = Vec::new();
        let (ids, numbers) = users.numbered();
        let (accounts, places) = users.accounts(&ids, &numbers, MemberIdKind::UserId, &mut problems);
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
            assert_eq!(places[ids.find(Key::of(account.id.as_str())).unwrap() as usize], Some(at as u32));
        }
        assert_eq!(places[ids.find(Key::of("i1")).unwrap() as usize], None);
        assert_eq!(problems.len(), 4, "{problems:?}");
        assert!(problems.iter().all(|problem| !problem.to_string().contains('@')));
    }

    #[test]
    fn the_own_row_is_found_by_either_id() {
        let users = users([("a", "b", ""), ("b", "c", ""), ("", "d", "")]);
        let (ids, numbers) = users.numbered();
        let own = |id: &str| own(&ids, &numbers, id, MemberIdKind::UserId);
        assert_eq!(own("b").as_str(), "b", "a userId wins");
        assert_eq!(own("c").as_str(), "b");
        assert_eq!(own("d").as_str(), "d", "better than none");
        assert!(users.has("c") && users.has("d") && !users.has("z"));
    }
}
