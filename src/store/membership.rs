//! What the log tells of memberships, as events for those who derive who was in a group, and why.

use futures_util::TryStreamExt;
use sqlx::SqliteConnection;

use super::audit::canonical::Json;
use super::audit::{AuditRecord, Event, RecordApproval, RecordEntry, RecordGrant, RecordMember, RecordRequest};
use super::error::Fault;
use crate::model::address::Address;
use crate::model::desired::Grant;
use crate::model::history::{self, Call, Consent, Made, Seen, What};
use crate::model::id::{AccountId, GroupId};
use crate::model::plan::{Entry, Op};
use crate::model::run::ChangeResult;

/// Records that tell of memberships, and hold one of three texts. A text narrows down alone: what is found is
/// looked at once more.
const FITTING: &str = "SELECT seq, record FROM audit \
     WHERE (record LIKE '%\"event\":\"outcome\"%' OR record LIKE '%\"event\":\"observed\"%') \
     AND (record LIKE $1 OR record LIKE $2 OR record LIKE $3) ORDER BY seq";

/// In a full list of members.
const BASELINE: &str = "\"baseline\":true";

/// In the creation of a group, from which on all of its members are known.
const CREATED: &str = "\"op\":\"create_group\"";

fn pattern(text: &str) -> String {
    format!("%{text}%")
}

/// All that the log tells of a group, by its id or its configured name.
pub(super) async fn of_group(
    conn: &mut SqliteConnection,
    id: Option<&GroupId>,
    name: &str,
) -> Result<Vec<history::Event>, Fault> {
    let by_name = pattern(&format!("\"name\":{}", Json::from(name).canonical()));
    let by_id = id.map_or_else(|| by_name.clone(), |id| pattern(&format!("\"id\":\"{id}\"")));
    let mut events = fitting(conn, [&by_id, &by_name, &by_name]).await?;
    events.retain(|event| event.group == name || (id.is_some() && event.group_id.as_ref() == id));
    Ok(events)
}

/// All that the log tells of an account, every full list (with this account alone in it), and every
/// creation of a group.
pub(super) async fn of_account(conn: &mut SqliteConnection, account: &AccountId) -> Result<Vec<history::Event>, Fault> {
    let by_id = pattern(&format!("\"user_id\":{}", Json::from(account.as_str()).canonical()));
    let mut events = fitting(conn, [&by_id, &pattern(BASELINE), &pattern(CREATED)]).await?;
    let own = |seen: &Seen| seen.account == *account;
    for event in &mut events {
        match &mut event.what {
            What::Baseline { members, .. } => members.retain(own),
            What::Drift { added, removed, .. } => {
                added.retain(own);
                removed.retain(own);
            }
            What::Made(_) => {}
        }
    }
    events.retain(|event| {
        let whole = match &event.what {
            What::Baseline { .. } => true,
            What::Made(made) => made.op == Op::CreateGroup,
            What::Drift { .. } => false,
        };
        whole || event.tries(account)
    });
    Ok(events)
}

/// Accounts that the log knows by an address, or by their id, oldest first, each once.
pub(super) async fn known(conn: &mut SqliteConnection, text: &str) -> Result<Vec<Seen>, Fault> {
    let address = Address::parse(text).ok();
    let needle = pattern(address.as_ref().map_or(text, |address| address.as_str()));
    let events = fitting(conn, [&needle, &needle, &needle]).await?;
    let mut known: Vec<Seen> = Vec::new();
    for event in events {
        let seen = match event.what {
            What::Baseline { members, .. } => members,
            What::Drift { added, removed, .. } => added.into_iter().chain(removed).collect(),
            What::Made(made) => made.member.into_iter().collect(),
        };
        for seen in seen {
            let email = seen.email.as_deref().and_then(|email| Address::parse(email).ok());
            let fits = seen.account.as_str() == text || (address.is_some() && email == address);
            if fits && !known.iter().any(|known| known.account == seen.account) {
                known.push(seen);
            }
        }
    }
    Ok(known)
}

/// When the last record before `before` was written that says that a hold began to wait.
pub(super) async fn hold_began(
    conn: &mut SqliteConnection,
    hold: &str,
    before: i64,
) -> Result<Option<jiff::Timestamp>, Fault> {
    let text: Option<String> = sqlx::query_scalar(
        "SELECT record FROM audit WHERE seq < $1 AND record LIKE '%\"event\":\"hold\"%' AND record LIKE $2 \
         ORDER BY seq DESC LIMIT 1",
    )
    .bind(before)
    .bind(pattern(&format!("\"hold\":{}", Json::from(hold).canonical())))
    .fetch_optional(conn)
    .await?;
    let record = text.map(|text| AuditRecord::parse(&text)).transpose();
    Ok(record.map_err(|why| Fault::row("audit", hold, why))?.map(|record| record.at))
}

async fn fitting(conn: &mut SqliteConnection, texts: [&str; 3]) -> Result<Vec<history::Event>, Fault> {
    let [one, two, three] = texts;
    let mut rows = sqlx::query_as::<_, (i64, String)>(FITTING).bind(one).bind(two).bind(three).fetch(conn);
    let mut events = Vec::new();
    while let Some((seq, text)) = rows.try_next().await? {
        let record = AuditRecord::parse(&text).map_err(|why| Fault::row("audit", seq, why))?;
        events.extend(event(record));
    }
    Ok(events)
}

/// A record as an event; none where it tells of no membership.
fn event(mut record: AuditRecord) -> Option<history::Event> {
    let group = record.group.take()?;
    let what = if record.event == Event::Observed.as_str() {
        let members = std::mem::take(&mut record.members).into_iter().map(seen).collect();
        match record.baseline {
            true => What::Baseline { part: record.part.unwrap_or(1), of: record.of.unwrap_or(1), members },
            false => What::Drift {
                added: std::mem::take(&mut record.added).into_iter().map(seen).collect(),
                removed: std::mem::take(&mut record.removed).into_iter().map(seen).collect(),
                since: record.since,
            },
        }
    } else {
        What::Made(Box::new(made(&mut record)?))
    };
    Some(history::Event {
        seq: record.seq,
        at: record.at,
        run: record.run_id.map(Into::into),
        group_id: group.id.map(Into::into),
        group: group.name,
        what,
    })
}

fn made(record: &mut AuditRecord) -> Option<Made> {
    let result = record.result.take()?;
    let so = [ChangeResult::Done, ChangeResult::AlreadySo].iter().any(|so| so.as_str() == result);
    Some(Made {
        op: record.op.as_deref().and_then(Op::parse)?,
        member: record.member.take().map(seen),
        reason: record.reason.take().unwrap_or_default(),
        because: std::mem::take(&mut record.because).into_iter().map(grant).collect(),
        entry: record.entry.take().map(entry),
        result,
        so,
        error: record.error.take(),
        read_back: record.read_back,
        call: record.request.take().map(call),
        hold: record.hold.take(),
        consent: record.approval.take().map(consent),
        recovered_by: record.recovered_by.take().map(Into::into),
    })
}

fn seen(member: RecordMember) -> Seen {
    Seen { account: member.user_id.into(), email: member.email }
}

fn grant(grant: RecordGrant) -> Grant {
    Grant {
        source: grant.source.into(),
        directory_group: grant.directory_group.into(),
        path: grant.path.into_iter().map(Into::into).collect(),
    }
}

fn entry(entry: RecordEntry) -> Entry {
    Entry { source: entry.source.into(), id: entry.id.into(), origin: entry.origin.unwrap_or_default() }
}

fn call(request: RecordRequest) -> Call {
    Call { method: request.method, path: request.path, status: request.status, attempts: request.attempts }
}

fn consent(approval: RecordApproval) -> Consent {
    Consent { by: approval.by, login: approval.login, reason: approval.reason, ticket: approval.ticket }
}
