//! `[group_defaults]` and `[group."…"]`: the rules of target groups.

use std::collections::BTreeMap;

use super::guard::limit;
use super::mapping::Mappings;
use super::node::Table;
use super::spelling::nearest;
use crate::model::address::Address;
use crate::model::id::{GroupId, GroupName};
use crate::model::policy::{GroupPolicy, Guard, Lead, Limit, Mode};

/// The rules.
pub(super) struct Groups {
    /// Of groups that have a table.
    pub(super) named: BTreeMap<GroupName, GroupPolicy>,
    /// Of all others.
    pub(super) defaults: GroupPolicy,
}

/// Checks them all. A key of a group's own takes the place of the default, lists included.
pub(super) fn read(top: &Table<'_>, mappings: &Mappings, guard: &Guard) -> Groups {
    let untouched = GroupPolicy {
        id: None,
        mode: Mode::Mirror,
        keep: Vec::new(),
        expect: Vec::new(),
        min_members: 0,
        lead: Lead::Untouched,
        create: false,
        allow_empty: false,
        group_removals: None,
        group_adds: None,
    };
    let defaults = policy(&top.table("group_defaults"), &untouched, guard);
    let mut named = BTreeMap::new();
    let mut ids: BTreeMap<&str, &str> = BTreeMap::new();
    for (name, table) in top.named("group") {
        check_name(name, &table, mappings);
        check_id(name, &table, &mut ids);
        named.insert(GroupName::new(name), policy(&table, &defaults, guard));
    }
    Groups { named, defaults }
}

/// A name that nothing yields is a slip of the pen, and its rules would protect nobody.
fn check_name(name: &str, table: &Table<'_>, mappings: &Mappings) {
    if mappings.can_yield(name) {
        return;
    }
    let help = match nearest(name, mappings.names()) {
        Some(meant) => format!("did you mean \"{meant}\"?"),
        None => "it must be the to of a mapping, letter by letter".to_owned(),
    };
    table.desk().mistake(table.place(), "no mapping can yield this target group", help);
}

fn check_id<'a>(name: &'a str, table: &Table<'a>, ids: &mut BTreeMap<&'a str, &'a str>) {
    let Some(id) = table.text("id").map(str::trim).filter(|id| !id.is_empty()) else { return };
    // The id becomes a part of the address of a call.
    if !id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')) {
        table.mistake(
            "id",
            format!("{id:?} is not a group's id"),
            "copy it from the address of the group's page or the API, such as \"c0ffee00-0000-4000-8000-000000000001\"",
        );
    }
    if let Some(other) = ids.insert(id, name) {
        table.mistake("id", format!("is the id of the group {other:?} too"), "each target group has an id of its own");
    }
}

fn policy(table: &Table<'_>, defaults: &GroupPolicy, whole: &Guard) -> GroupPolicy {
    let guard = table.table("guard");
    let own_limit = |key: &str, default: Option<Limit>, fallback: Limit| {
        if guard.has(key) { Some(limit(&guard, key, default.unwrap_or(fallback))) } else { default }
    };
    GroupPolicy {
        id: table.text("id").map(|id| GroupId::new(id.trim())),
        mode: match table.text("mode") {
            Some("mirror") => Mode::Mirror,
            Some("add-only") => Mode::AddOnly,
            Some("owned") => Mode::Owned,
            Some("report") => Mode::Report,
            _ => defaults.mode,
        },
        keep: addresses(table, "keep").unwrap_or_else(|| defaults.keep.clone()),
        expect: addresses(table, "expect").unwrap_or_else(|| defaults.expect.clone()),
        min_members: table.number("min_members").unwrap_or(defaults.min_members),
        lead: lead(table).unwrap_or_else(|| defaults.lead.clone()),
        create: table.flag("create").unwrap_or(defaults.create),
        allow_empty: table.flag("allow_empty").unwrap_or(defaults.allow_empty),
        group_removals: own_limit("group_removals", defaults.group_removals, whole.group_removals),
        group_adds: own_limit("group_adds", defaults.group_adds, whole.group_adds),
    }
}

fn addresses(table: &Table<'_>, key: &str) -> Option<Vec<Address>> {
    let items = table.texts(key)?;
    let mut addresses: Vec<Address> = Vec::new();
    for address in items.iter().filter_map(|item| Address::parse(item.text()?).ok()) {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    Some(addresses)
}

fn lead(table: &Table<'_>) -> Option<Lead> {
    match table.text("lead")? {
        "" => Some(Lead::Cleared),
        text => Address::parse(text).ok().map(Lead::Person),
    }
}
