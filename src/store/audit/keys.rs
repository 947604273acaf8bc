//! By what records of the log are found again, kept beside it: records of memberships by the group, the
//! accounts and the addresses that they are about, records of holds by the hold. Keys are made from a record
//! alone, when it is appended or when an older state is brought up to date; no proof rests on them, but answers do.

use std::collections::BTreeSet;

use sqlx::SqliteConnection;

use super::canonical::Json;
use super::record::Event;
use super::walk::Fields;
use crate::model::address::Address;
use crate::model::plan::Op;
use crate::store::error::Fault;
use crate::store::rows;

/// Records that are in memory at once.
const PAGE: i64 = 500;

/// After so many records it is told how far it is.
const TOLD_EVERY: usize = 100_000;

/// What a key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Of an outcome or an observation: the group's id.
    Group,
    /// The group's configured name.
    Name,
    /// An account that is made or lost a member; not those of a full list.
    Account,
    /// The address of such an account, in the form by which addresses are compared.
    Address,
    /// A full list of members, or a group that was created: from there on it is known who is in. Or the end of
    /// that. No value.
    Roll,
    /// Of a hold that began to wait: its id.
    Hold,
}

impl Kind {
    /// The word of the table.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Group => "group",
            Self::Name => "name",
            Self::Account => "account",
            Self::Address => "address",
            Self::Roll => "roll",
            Self::Hold => "hold",
        }
    }

    /// The kind that a word of [`Kind::as_str`] means.
    pub(crate) fn parse(word: &str) -> Option<Self> {
        let all = [Self::Group, Self::Name, Self::Account, Self::Address, Self::Roll, Self::Hold];
        all.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// A key of one record.
pub(crate) type Key = (Kind, String);

/// The keys of a record.
pub(crate) fn of(record: &Fields) -> BTreeSet<Key> {
    let mut keys = BTreeSet::new();
    let event = text(record, "event").and_then(Event::parse);
    if event == Some(Event::Hold) {
        keys.extend(text(record, "hold").map(|id| (Kind::Hold, id.to_owned())));
    }
    if !matches!(event, Some(Event::Outcome | Event::Observed)) {
        return keys;
    }
    if let Some(Json::Object(group)) = record.get("group") {
        keys.extend(text(group, "id").map(|id| (Kind::Group, id.to_owned())));
        keys.extend(text(group, "name").map(|name| (Kind::Name, name.to_owned())));
    }
    let lists = ["added", "removed"].iter().filter_map(|name| match record.get(*name) {
        Some(Json::List(members)) => Some(members),
        _ => None,
    });
    for member in record.get("member").into_iter().chain(lists.flatten()) {
        let Json::Object(member) = member else { continue };
        keys.extend(text(member, "user_id").map(|id| (Kind::Account, id.to_owned())));
        let address = text(member, "email").and_then(|email| Address::parse(email).ok());
        keys.extend(address.map(|address| (Kind::Address, address.key().to_owned())));
    }
    let created = text(record, "op") == Some(Op::CreateGroup.as_str());
    if created || record.get("baseline") == Some(&Json::Bool(true)) || record.contains_key("ended") {
        keys.insert((Kind::Roll, String::new()));
    }
    keys
}

fn text<'a>(fields: &'a Fields, name: &str) -> Option<&'a str> {
    match fields.get(name) {
        Some(Json::Text(text)) => Some(text),
        _ => None,
    }
}

/// Keeps keys of records.
pub(crate) async fn keep(conn: &mut SqliteConnection, keys: Vec<(i64, Key)>) -> Result<(), Fault> {
    const SQL: &str = "INSERT INTO audit_key (kind, value, seq) VALUES ($1, $2, $3)";
    rows::insert(conn, SQL, keys, |mut row, (seq, (kind, value))| {
        row.push_bind(kind.as_str()).push_bind(value).push_bind(seq);
    })
    .await
}

/// Indexes that are put up when all keys are there: sorted once, and not kept in order at every key.
const INDEXES: [(&str, &str); 2] = [
    ("DROP INDEX audit_key_value", "CREATE INDEX audit_key_value ON audit_key (kind, value, seq)"),
    ("DROP INDEX audit_key_seq", "CREATE INDEX audit_key_seq ON audit_key (seq)"),
];

/// Makes the keys of all records of a state that has none. A record that cannot be read gets none: that it
/// does not verify is told elsewhere.
pub(crate) async fn fill(conn: &mut SqliteConnection) -> Result<(), Fault> {
    let mut after = i64::MIN;
    let mut done = 0;
    for (drop, _) in INDEXES {
        sqlx::query(drop).execute(&mut *conn).await?;
    }
    loop {
        let page: Vec<(i64, String)> =
            sqlx::query_as("SELECT seq, record FROM audit WHERE seq > $1 ORDER BY seq LIMIT $2")
                .bind(after)
                .bind(PAGE)
                .fetch_all(&mut *conn)
                .await?;
        let Some((last, _)) = page.last() else { break };
        after = *last;
        let mut keys = Vec::new();
        for (seq, record) in &page {
            if let Some(Json::Object(record)) = Json::parse(record) {
                keys.extend(of(&record).into_iter().map(|key| (*seq, key)));
            }
        }
        keep(conn, keys).await?;
        let before = done;
        done += page.len();
        if before / TOLD_EVERY != done / TOLD_EVERY {
            tracing::info!(records = done, "bringing the state up to date: going through the audit log");
        }
    }
    for (_, create) in INDEXES {
        sqlx::query(create).execute(&mut *conn).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(record: &str) -> Vec<String> {
        let Some(Json::Object(record)) = Json::parse(record) else { panic!("{record}") };
        of(&record).iter().map(|(kind, value)| format!("{}={value}", kind.as_str())).collect()
    }

    #[test]
    fn records_of_memberships_are_found_by_whom_they_are_about() {
        let ann = r#"{"user_id":"u1","email":"Ann@Corp.Example"}"#;
        let outcome =
            format!(r#"{{"event":"outcome","op":"add_member","group":{{"id":"g1","name":"A"}},"member":{ann}}}"#);
        assert_eq!(keys(&outcome), ["group=g1", "name=A", "account=u1", "address=ann@corp.example"]);
        let drift = format!(
            r#"{{"event":"observed","group":{{"id":"g1","name":"A"}},"added":[{ann}],"removed":[{{"user_id":"u2"}}]}}"#
        );
        assert_eq!(keys(&drift), ["group=g1", "name=A", "account=u1", "account=u2", "address=ann@corp.example"]);
        let list = format!(r#"{{"event":"observed","baseline":true,"group":{{"name":"A"}},"members":[{ann}]}}"#);
        assert_eq!(keys(&list), ["name=A", "roll="]);
        let ended = r#"{"event":"observed","ended":"gone","group":{"id":"g1","name":"A"}}"#;
        assert_eq!(keys(ended), ["group=g1", "name=A", "roll="]);
        let created = r#"{"event":"outcome","op":"create_group","group":{"id":"g1","name":"A"}}"#;
        assert_eq!(keys(created), ["group=g1", "name=A", "roll="]);
    }

    #[test]
    fn other_records_have_no_keys_but_holds() {
        assert_eq!(keys(r#"{"event":"hold","hold":"h-1","group":{"name":"A"}}"#), ["hold=h-1"]);
        for event in ["intent", "run_started", "approval", "no such event"] {
            let text =
                format!(r#"{{"event":"{event}","hold":"h-1","group":{{"name":"A"}},"member":{{"user_id":"u1"}}}}"#);
            assert!(keys(&text).is_empty(), "{event}");
        }
    }
}
