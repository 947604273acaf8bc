//! `[guard]` and the limits in it.

use super::node::Table;
use crate::model::policy::{FirstRemovals, Guard, Limit};

/// Removals in one group, unless the file says otherwise.
const GROUP_REMOVALS: Limit = Limit { percent: 20, floor: 3 };
/// Additions in one group, unless the file says otherwise.
const GROUP_ADDS: Limit = Limit { percent: 100, floor: 20 };

/// Checks it.
pub(super) fn read(table: &Table<'_>) -> Guard {
    let limit_or = |key, percent, floor| limit(table, key, Limit { percent, floor });
    Guard {
        group_removals: limit(table, "group_removals", GROUP_REMOVALS),
        group_adds: limit(table, "group_adds", GROUP_ADDS),
        run_removals: limit_or("run_removals", 10, 20),
        run_adds: limit_or("run_adds", 25, 100),
        day_removals: limit_or("day_removals", 20, 40),
        source_shrink: limit_or("source_shrink", 10, 10),
        first_removals: match table.text("first_removals") {
            Some("apply") => FirstRemovals::Apply,
            _ => FirstRemovals::Hold,
        },
        removal_grace: table.duration("removal_grace").unwrap_or_default(),
    }
}

/// The limit of a key. What it leaves out is as in the default.
pub(super) fn limit(table: &Table<'_>, key: &str, default: Limit) -> Limit {
    let inner = table.table(key);
    if inner.is_there() && !inner.has("percent") && !inner.has("floor") {
        table.mistake(key, "has neither percent nor floor", "such as { percent = 20, floor = 3 }");
    }
    Limit {
        percent: inner.number("percent").unwrap_or(default.percent),
        floor: inner.number("floor").unwrap_or(default.floor),
    }
}
