//! What each run counted of its changes, against the records that the log has of them: a record that vanished
//! while it was written leaves no gap in the chain, and is missing here.

use std::collections::BTreeMap;

use super::canonical::Json;
use super::record::Event;
use super::walk::{Fields, Verification, tampered, text};

/// `actual` of a run's last record.
const FIELD: &str = "actual";

/// Runs that were seen to begin, with what was seen of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tallies(BTreeMap<String, BTreeMap<&'static str, i64>>);

impl Tallies {
    /// Looks at a record that fits the chain. Of a run that began before the first record, or has not ended,
    /// nothing can be said.
    pub(crate) fn see(&mut self, seq: i64, fields: &Fields) -> Result<(), Verification> {
        let Some(run) = text(fields, "run_id") else { return Ok(()) };
        match text(fields, "event").and_then(Event::parse) {
            Some(Event::RunStarted) => _ = self.0.insert(run.to_owned(), BTreeMap::new()),
            Some(Event::Intent) => self.count(run, Some("intents")),
            Some(Event::Outcome) => self.count(run, text(fields, "result").and_then(counter)),
            Some(Event::RunFinished) => {
                if let (Some(seen), Some(Json::Object(told))) = (self.0.remove(run), fields.get(FIELD)) {
                    return compare(seq, told, &seen);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn count(&mut self, run: &str, counter: Option<&'static str>) {
        if let (Some(seen), Some(counter)) = (self.0.get_mut(run), counter) {
            *seen.entry(counter).or_default() += 1;
        }
    }
}

/// What an outcome with this result is counted as.
fn counter(result: &str) -> Option<&'static str> {
    match result {
        "done" => Some("done"),
        "already_so" => Some("already_so"),
        "failed" => Some("failed"),
        "not_tried" | "held" | "report" => Some("not_tried"),
        _ => None,
    }
}

fn compare(seq: i64, told: &Fields, seen: &BTreeMap<&'static str, i64>) -> Result<(), Verification> {
    for name in ["intents", "done", "already_so", "failed", "not_tried"] {
        let found = seen.get(name).copied().unwrap_or_default();
        match told.get(name) {
            Some(Json::Int(told)) if *told != found => {
                let what = match name {
                    "intents" => "intents".to_owned(),
                    result => format!("outcomes {result:?}"),
                };
                return Err(tampered(seq, format!("the run counted {told} {what}, and the log has {found}")));
            }
            _ => {}
        }
    }
    Ok(())
}
