//! Group names are unique, says the vendor's help; how they are compared it does not say.

use axum::http::StatusCode;

use super::{
    api::Refusal,
    choices::{DuplicateName, NameCase},
    switches::Switches,
    world::{GroupStatus, World},
};

/// Refuses an empty name, and a name that a group other than `own` has.
pub(super) fn check_free(world: &World, name: &str, own: Option<&str>) -> Result<(), Refusal> {
    if name.trim().is_empty() {
        return Err(Refusal::bad("name is empty"));
    }
    let switches = &world.switches;
    let counts = |status| status == GroupStatus::Active || switches.archived_names_count;
    let taken = world
        .groups
        .iter()
        .any(|group| own != Some(group.id.as_str()) && counts(group.status) && same(switches, &group.name, name));
    let message = || format!("A group with the name {name:?} already exists.");
    match switches.duplicate_name {
        DuplicateName::BadRequest if taken => Err(Refusal::bad(message())),
        DuplicateName::Conflict if taken => Err(Refusal::new(StatusCode::CONFLICT, message())),
        _ => Ok(()),
    }
}

fn same(switches: &Switches, one: &str, other: &str) -> bool {
    match switches.name_case {
        NameCase::Exact => one == other,
        NameCase::Insensitive => one.to_lowercase() == other.to_lowercase(),
    }
}
