//! `rosterd plan`: the one-shot dry run.

use tokio_util::sync::CancellationToken;

use super::args::{Global, Plan, PlanFormat};
use super::exit::{Exit, Fault};
use super::output::Output;
use super::session;
use crate::model::run::Trigger;
use crate::store::Access;
use crate::{report, run};

/// Plans, stores the plan, and shows it.
pub(super) fn run(global: &Global, output: &Output, plan: &Plan) -> Result<Exit, Fault> {
    let config = session::configuration(global, output)?;
    let report = session::block_on(async {
        let store = session::open(&config, Access::CreateOrWrite).await?;
        let setup = session::setup(&config, &store, Trigger::Plan, &plan.groups, CancellationToken::new());
        let report = session::with_progress(output, &setup, run::plan(&setup)).await;
        store.close().await;
        Ok(report?)
    })?;
    let look = if plan.out.is_some() { output.look_in_file() } else { output.look() };
    let text = match plan.format {
        PlanFormat::Text => report::plan_text(&report, &look),
        PlanFormat::Json => report::plan_json(&report),
        PlanFormat::Markdown => report::plan_markdown(&report),
    };
    output.progress().finish();
    output.answer_to(plan.out.as_deref(), &text)?;
    Ok(Exit::of(run::plan_exit(&report.plan, plan.exit_code)))
}
