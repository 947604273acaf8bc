//! `rosterd approve`: letting exactly what is held through.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::args::{Approve, Global};
use super::exit::{Exit, Fault};
use super::output::Output;
use super::session;
use crate::model::id::RunId;
use crate::report::approve as command;
use crate::report::words::{clean, plural, when};
use crate::store::{Access, ApprovedHold, NewApproval};

/// Approves holds, all that were named or none.
pub(super) fn run(global: &Global, output: &Output, approve: &Approve) -> Result<Exit, Fault> {
    let found = session::installation(global, output)?;
    let at = Timestamp::now();
    let expires = SignedDuration::try_from(approve.expires)
        .ok()
        .and_then(|length| at.checked_add(length).ok())
        .ok_or_else(|| Fault::usage(anyhow::anyhow!("--expires is too far away")))?;
    let new = NewApproval {
        by: approve.by.clone(),
        actor: session::actor(&found.client_id),
        reason: approve.reason.clone(),
        ticket: approve.ticket.clone(),
        at,
        expires,
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let approved = session::block_on(async {
        let store = session::open_state(&found, Access::ExistingOnly).await?;
        let approved = store.approve(&approve.ids, &new).await;
        store.close().await;
        Ok(approved?)
    })?;
    output.answer(&told(&approved, expires))?;
    Ok(Exit::Fine)
}

/// What was approved, and what happens next.
pub(super) fn told(approved: &[ApprovedHold], expires: Timestamp) -> String {
    let mut text = String::new();
    for approved in approved {
        let hold = &approved.hold;
        let group = hold.group.as_ref().map(|group| format!("{}: ", clean(group.as_str()))).unwrap_or_default();
        let changes = plural(hold.changes.len(), "change");
        text.push_str(&format!("approved {}  {group}{} [{changes}]\n", hold.id, clean(&hold.text)));
        for still in &approved.still {
            let changes = match still.changes == hold.changes.len() {
                true => "all of it".to_owned(),
                false => format!("{} of them", still.changes),
            };
            let command = command(still.id.as_str());
            text.push_str(&format!("  {} [{}] still holds {changes}: {command}\n", still.id, still.rule.as_str()));
        }
    }
    let until = when(&crate::report::time(expires));
    let runs: BTreeSet<&str> = approved.iter().filter_map(|own| own.hold.undoes.as_ref()).map(RunId::as_str).collect();
    let usual = approved.iter().any(|approved| approved.hold.undoes.is_none()).then(|| "rosterd apply".to_owned());
    let undo = runs.into_iter().map(|run| format!("rosterd undo {run} --apply"));
    let commands: Vec<String> = usual.into_iter().chain(undo).collect();
    let what = match approved.iter().any(|approved| !approved.still.is_empty()) {
        true => "The next run lets these changes through, each once, but for those that another hold still holds",
        false => "The next run lets exactly these changes through, each once",
    };
    text.push_str(&format!(
        "{} approved until {until}. {what}: {}\n",
        plural(approved.len(), "hold"),
        commands.join(", then "),
    ));
    text
}
