//! Why a run could not do everything: from its document, a line each.

use serde::Deserialize;

use super::document::{GroupEntry, SourceEntry};
use crate::model::plan::GroupStanding;

/// What of a run's document tells why.
#[derive(Deserialize)]
struct Told {
    sources: Vec<SourceEntry>,
    groups: Vec<GroupEntry>,
    #[serde(default)]
    problems: Vec<String>,
}

/// What kept a run from reading Hyperproof, the first problem of each source that was not read completely, and of
/// each group that could not be worked on. Empty where there is nothing of the kind, or the document is none.
pub fn reasons(document: &str) -> Vec<String> {
    let Ok(Told { sources, groups, problems }) = serde_json::from_str(document) else { return Vec::new() };
    let of_source = |source: SourceEntry| {
        let more = match source.problems.len() {
            0 | 1 => String::new(),
            count => format!(" (and {} more)", count - 1),
        };
        let first = source.problems.into_iter().next()?;
        // Some problems name the source already, and some a file of it.
        let own = format!("source {:?}: ", source.name);
        Some(format!("source {}: {}{more}", source.name, first.strip_prefix(&own).unwrap_or(&first)))
    };
    let unread = sources.into_iter().filter(|source| !source.complete).filter_map(of_source);
    let unusable = groups.into_iter().filter(|group| group.standing == GroupStanding::Unusable);
    problems.into_iter().chain(unread).chain(unusable.filter_map(|group| group.problems.into_iter().next())).collect()
}
