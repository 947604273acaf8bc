//! What the log tells of memberships, as events for those who derive who was in a group, and why.

use futures_util::TryStreamExt;
use sqlx::SqliteConnection;

use super::audit::keys::Kind;
use super::audit::{AuditRecord, Event, RecordApproval, RecordEntry, RecordGrant, RecordMember, RecordRequest};
use super::error::Fault;
use crate::model::address::Address;
use crate::model::desired::Grant;
use crate::model::history::{self, Call, Consent, Made, Seen, What};
use crate::model::id::{AccountId, GroupId};
use crate::model::plan::{Entry, Op};
use crate::model::run::ChangeResult;

/// Records with one of three keys, in the order of the log.
const KEYED: &str = "SELECT seq, record FROM audit WHERE seq IN ( \
     SELECT seq FROM audit_key WHERE kind = $1 AND value = $2 \
     UNION SELECT seq FROM audit_key WHERE kind = $3 AND value = $4 \
     UNION SELECT seq FROM audit_key WHERE kind = $5 AND value = $6) ORDER BY seq";

/// The last record before another one that a hold began to wait.
const BEGAN: &str = "SELECT record FROM audit WHERE seq = ( \
     SELECT MAX(seq) FROM audit_key WHERE kind = $1 AND value = $2 AND seq < $3)";

/// Full lists of members, and groups that were created.
const ROLL: (Kind, &str) = (Kind::Roll, "");

/// All that the log tells of a group, by its id or its configured name.
pub(super) async fn of_group(
    conn: &mut SqliteConnection,
    id: Option<&GroupId>,
    name: &str,
) -> Result<Vec<history::Event>, Fault> {
    let by_name = (Kind::Name, name);
    let by_id = id.map_or(by_name, |id| (Kind::Group, id.as_str()));
    let mut events = Vec::new();
    keyed(conn, [by_id, by_name, by_name], |event| events.push(event)).await?;
    Ok(events)
}

/// All that the log tells of an account, every full list (with this account alone in it), every creation of a
/// group, and every end of what is known of one.
pub(super) async fn of_account(conn: &mut SqliteConnection, account: &AccountId) -> Result<Vec<history::Event>, Fault> {
    let by_id = (Kind::Account, account.as_str());
    let own = |seen: &Seen| seen.account == *account;
    let mut events = Vec::new();
    keyed(conn, [by_id, ROLL, ROLL], |mut event| {
        let whole = match &mut event.what {
            What::Baseline { members, .. } => {
                members.retain(own);
                // Full lists are long, and there are many.
                members.shrink_to_fit();
                true
            }
            What::Drift { added, removed, .. } => {
                added.retain(own);
                removed.retain(own);
                false
            }
            What::Made(made) => made.op == Op::CreateGroup,
            What::Ended { .. } => true,
        };
        if whole || event.tries(account) {
            events.push(event);
        }
    })
    .await?;
    Ok(events)
}

/// Accounts that the log knows by an address, or by their id, oldest first, each once.
pub(super) async fn known(conn: &mut SqliteConnection, text: &str) -> Result<Vec<Seen>, Fault> {
    let address = Address::parse(text).ok();
    let by_address = address.as_ref().map_or(ROLL, |address| (Kind::Address, address.key()));
    let mut known: Vec<Seen> = Vec::new();
    keyed(conn, [(Kind::Account, text), by_address, ROLL], |event| {
        let seen = match event.what {
            What::Baseline { members, .. } => members,
            What::Drift { added, removed, .. } => added.into_iter().chain(removed).collect(),
            What::Made(made) => made.member.into_iter().collect(),
            What::Ended { .. } => Vec::new(),
        };
        for seen in seen {
            let email = seen.email.as_deref().and_then(|email| Address::parse(email).ok());
            let fits = seen.account.as_str() == text || (address.is_some() && email == address);
            if fits && !known.iter().any(|known| known.account == seen.account) {
                known.push(seen);
            }
        }
    })
    .await?;
    Ok(known)
}

/// When the last record before `before` was written that says that a hold began to wait.
pub(super) async fn hold_began(
    conn: &mut SqliteConnection,
    hold: &str,
    before: i64,
) -> Result<Option<jiff::Timestamp>, Fault> {
    let text: Option<String> =
        sqlx::query_scalar(BEGAN).bind(Kind::Hold.as_str()).bind(hold).bind(before).fetch_optional(conn).await?;
    let record = text.map(|text| AuditRecord::parse(&text)).transpose();
    Ok(record.map_err(|why| Fault::row("audit", hold, why))?.map(|record| record.at))
}

/// Shows `each` what records with one of these keys tell.
async fn keyed(
    conn: &mut SqliteConnection,
    keys: [(Kind, &str); 3],
    mut each: impl FnMut(history::Event),
) -> Result<(), Fault> {
    let query = sqlx::query_as::<_, (i64, String)>(KEYED);
    let query = keys.iter().fold(query, |query, (kind, value)| query.bind(kind.as_str()).bind(*value));
    let mut rows = query.fetch(conn);
    while let Some((seq, text)) = rows.try_next().await? {
        let record = AuditRecord::parse(&text).map_err(|why| Fault::row("audit", seq, why))?;
        if let Some(event) = event(record) {
            each(event);
        }
    }
    Ok(())
}

/// A record as an event; none where it tells of no membership.
fn event(mut record: AuditRecord) -> Option<history::Event> {
    let group = record.group.take()?;
    let what = if record.event == Event::Observed.as_str() {
        let members = std::mem::take(&mut record.members).into_iter().map(seen).collect();
        match (record.ended.take(), record.baseline) {
            (Some(why), _) => What::Ended { why, since: record.since },
            (None, true) => What::Baseline { part: record.part.unwrap_or(1), of: record.of.unwrap_or(1), members },
            (None, false) => What::Drift {
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
    let one = record.approval.take().map(consent);
    let all: Vec<Consent> = std::mem::take(&mut record.approvals).into_iter().map(consent).collect();
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
        consents: if all.is_empty() { one.clone().into_iter().collect() } else { all },
        consent: one,
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
