//! `rosterd holds`: what waits for a person.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::args::Global;
use super::exit::{Exit, Fault};
use super::output::Output;
use super::session;
use crate::model::facts::Facts;
use crate::model::hold::Approval;
use crate::model::id::AccountId;
use crate::model::plan::ChangeKey;
use crate::report::document::{HoldEntry, PlanDocument};
use crate::report::holds_text::{self, HeldChange, HeldView, HoldsView};
use crate::report::{words, written};
use crate::store::{LatestPlan, Store, StoredHold};

/// Shows the holds, those that wait first.
pub(super) fn run(global: &Global, output: &Output) -> Result<Exit, Fault> {
    let found = session::installation(global, output)?;
    let view = session::block_on(async {
        let store = session::look_into(&found.state.path).await?;
        let view = view(&store, Timestamp::now()).await;
        store.close().await;
        view
    })?;
    output.answer(&written(|out| holds_text::write(out, &view, &output.look())))?;
    Ok(Exit::Fine)
}

/// What the state says of holds.
pub(super) async fn view(store: &Store, now: Timestamp) -> Result<HoldsView, Fault> {
    let latest = store.latest_plan().await?;
    let document = latest.as_ref().and_then(document);
    let mut emails = document.as_ref().map(emails).unwrap_or_default();
    let holds = store.holds(now).await?;
    let unused = store.unused_approvals(now).await?;
    let changes = holds.iter().flat_map(|hold| &hold.changes);
    let accounts =
        changes.chain(unused.iter().flat_map(|approval| &approval.changes)).filter_map(|key| key.account.as_ref());
    let unnamed: Vec<&AccountId> = accounts.filter(|account| !emails.contains_key(account.as_str())).collect();
    if !unnamed.is_empty()
        && let Some(facts) = store.facts().await?
    {
        let named = |id: &AccountId| Some((id.to_string(), address_in(&facts, id)?));
        emails.extend(unnamed.into_iter().filter_map(named).collect::<Vec<_>>());
    }
    // The plan of an undo has its own holds alone: its digest does not stand for all that wait.
    let of_undo = document.is_some_and(|document| document.undo_of.is_some());
    let made_at = latest.as_ref().map(|latest| latest.made_at);
    let is_of_it = |hold: &StoredHold| made_at.is_none_or(|made_at| hold.last_seen >= made_at);
    let waiting = || holds.iter().filter(|hold| hold.approval.is_none());
    let stands_for_all = !of_undo && waiting().all(|hold| hold.undoes.is_none() && is_of_it(hold));
    Ok(HoldsView {
        made_at,
        digest: latest.filter(|_| stands_for_all).map(|own| own.digest),
        holds: (holds.iter())
            .map(|hold| HeldView { found: (!is_of_it(hold)).then_some(hold.last_seen), ..held(hold, &emails) })
            .collect(),
        unused: unused.iter().map(|approval| left_over(approval, &emails)).collect(),
    })
}

/// An account's address, as the last run over everything knew it.
fn address_in(facts: &Facts<'_>, id: &AccountId) -> Option<String> {
    let account = facts.accounts.get(usize::try_from(facts.account_index(id)?).ok()?)?;
    account.email.as_ref().map(ToString::to_string)
}

/// Addresses by account, from the document of the newest plan. Of an account of which it says nothing, the facts of
/// the last run may know it.
fn emails(document: &PlanDocument) -> BTreeMap<String, String> {
    let changes = document.changes.iter();
    changes.filter_map(|change| Some((change.user_id.clone()?, change.email.clone()?))).collect()
}

fn document(latest: &LatestPlan) -> Option<PlanDocument> {
    latest.document.as_deref().and_then(|text| serde_json::from_str(text).ok())
}

fn held(hold: &StoredHold, emails: &BTreeMap<String, String>) -> HeldView {
    HeldView {
        hold: HoldEntry {
            id: hold.id.to_string(),
            rule: hold.rule,
            group: hold.group.as_ref().map(ToString::to_string),
            limit: hold.limit,
            measured: hold.measured,
            approved: hold.approval.is_some(),
            scope: hold.scope.clone(),
            source: None,
            directory_group: None,
            changes: hold.changes.len(),
            text: hold.text.clone(),
        },
        approved: hold.approval.as_ref().map(approved),
        found: None,
        changes: sorted(&hold.changes, emails),
    }
}

/// An approval that nothing needs which waits.
fn left_over(approval: &Approval, emails: &BTreeMap<String, String>) -> HeldView {
    let left = approval.changes.len();
    HeldView {
        hold: HoldEntry {
            id: approval.hold.to_string(),
            rule: approval.rule,
            group: None,
            limit: 0,
            measured: 0,
            approved: true,
            scope: approval.scope.clone(),
            source: None,
            directory_group: None,
            changes: left,
            text: match left {
                0 => format!("{}: accepted without a change", approval.scope),
                left => format!("{}: {} may pass once", approval.scope, words::plural(left, "change")),
            },
        },
        approved: Some(approved(approval)),
        found: None,
        changes: sorted(&approval.changes, emails),
    }
}

fn sorted(changes: &BTreeSet<ChangeKey>, emails: &BTreeMap<String, String>) -> Vec<HeldChange> {
    let mut changes: Vec<HeldChange> = changes.iter().map(|change| named(change, emails)).collect();
    changes.sort_by(|a, b| (&a.group, a.op, &a.who).cmp(&(&b.group, b.op, &b.who)));
    changes
}

fn named(change: &ChangeKey, emails: &BTreeMap<String, String>) -> HeldChange {
    let account = change.account.as_ref().map(|account| account.as_str());
    HeldChange {
        op: change.op,
        group: change.group.to_string(),
        who: match account {
            Some(account) => emails.get(account).cloned().unwrap_or_else(|| format!("account {account}")),
            None => "nobody".to_owned(),
        },
    }
}

fn approved(approval: &Approval) -> String {
    let ticket = approval.ticket.as_ref().map(|ticket| format!(", ticket {ticket}")).unwrap_or_default();
    let expires = words::when(&crate::report::time(approval.expires));
    format!("by {} (login {}): {}{ticket}; until {expires}", approval.by, approval.login, approval.reason)
}
