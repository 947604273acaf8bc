//! Which live group a target group is: by its configured id, by the id that it was found under before,
//! else by its name.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use crate::model::directory::SourceSnapshot;
use crate::model::id::{GroupId, GroupName};
use crate::model::live::{Absence, LiveGroup, LiveState};
use crate::model::memory::Memory;
use crate::model::policy::Policy;
use crate::model::problem::Problem;

use super::Inputs;
use super::mapping;
use super::table::Table;

/// What was found for one target group.
#[derive(Debug)]
pub enum Found<'a> {
    /// It is there.
    Group {
        /// Where it stands in [`crate::model::live::LiveState::groups`].
        at: usize,
        /// The live group.
        group: &'a LiveGroup,
        /// What is worth saying (it was renamed).
        problems: Vec<Problem>,
    },
    /// It is not there and never was: it may be created, if the configuration says so.
    Absent {
        /// What to do, where it may not be created.
        problems: Vec<Problem>,
    },
    /// It must be left alone.
    Unusable {
        /// Why.
        problems: Vec<Problem>,
        /// The group that it was, so that it is not forgotten.
        known: Option<GroupId>,
    },
}

impl<'a> Found<'a> {
    /// The live group.
    pub fn group(&self) -> Option<&'a LiveGroup> {
        match self {
            Self::Group { group, .. } => Some(group),
            Self::Absent { .. } | Self::Unusable { .. } => None,
        }
    }

    /// What is worth saying.
    pub fn problems(&self) -> &[Problem] {
        match self {
            Self::Group { problems, .. } | Self::Absent { problems } | Self::Unusable { problems, .. } => problems,
        }
    }

    /// The id by which the target group is to be followed from now on.
    pub fn link(&self) -> Option<&GroupId> {
        match self {
            Self::Group { group, .. } => Some(&group.id),
            Self::Absent { .. } => None,
            Self::Unusable { known, .. } => known.as_ref(),
        }
    }
}

/// The live groups of target groups, in the order of these names, which are sorted and name each once. One live
/// group for two target groups is neither's.
pub fn find<'a>(inputs: &Inputs<'a>, names: impl Iterator<Item = &'a GroupName>) -> Vec<Found<'a>> {
    let index = Index::of(inputs);
    let names: Vec<&GroupName> = names.collect();
    // Sorted by name, too.
    let mut links = inputs.memory.group_links.iter().peekable();
    let mut link = |name: &GroupName| {
        while links.next_if(|(linked, _)| *linked < name).is_some() {}
        links.next_if(|(linked, _)| *linked == name).map(|(_, id)| id)
    };
    let mut found: Vec<Found<'_>> = names.iter().map(|name| one(&index, name, link(name))).collect();
    let mut claims: Vec<(usize, usize)> = (found.iter().enumerate())
        .filter_map(|(at, found)| match found {
            Found::Group { at: group, .. } => Some((*group, at)),
            Found::Absent { .. } | Found::Unusable { .. } => None,
        })
        .collect();
    claims.sort_unstable();
    for claims in claims.chunk_by(|(a, _), (b, _)| a == b).filter(|claims| claims.len() > 1) {
        let claims: Vec<(usize, &GroupName)> =
            claims.iter().filter_map(|(_, at)| Some((*at, *names.get(*at)?))).collect();
        let names: Vec<&GroupName> = claims.iter().map(|(_, name)| *name).collect();
        for (at, name) in &claims {
            let Some(id) = found.get(*at).and_then(|found| Some(found.group()?.id.clone())) else { continue };
            let text = format!("{} target groups are one Hyperproof group ({id}): {names:?}", names.len());
            let problem = problem(name, text).help("give each its own `id`, or map both to one name");
            if let Some(found) = found.get_mut(*at) {
                *found = unusable(problem);
            }
        }
    }
    found
}

/// Groups that are known and not listed, of which nothing is known yet, and whose name a target group bears that is
/// to be found by its name and is not there: to be asked for before it is created, a second time perhaps.
pub fn unheard(policy: &Policy, sources: &[SourceSnapshot], live: &LiveState, memory: &Memory) -> BTreeSet<GroupId> {
    let is_unheard = |id: &GroupId| live.group(id).is_none() && !live.absent.contains_key(id);
    let known: Vec<_> = memory.known_groups.iter().filter(|(id, _)| is_unheard(id)).collect();
    if known.is_empty() {
        return BTreeSet::new();
    }
    let there: BTreeSet<String> = live.groups.iter().map(|group| fold(&group.name)).collect();
    let is_followed = |name: &GroupName| policy.group(name).id.is_some() || memory.group_links.contains_key(name);
    let targets = mapping::targets(policy, sources).into_iter().filter(|name| !is_followed(name));
    let wanted: BTreeSet<String> =
        targets.map(|name| fold(name.as_str())).filter(|name| !there.contains(name)).collect();
    known.into_iter().filter(|(_, name)| wanted.contains(&fold(name))).map(|(id, _)| id.clone()).collect()
}

fn problem(name: &GroupName, text: impl Into<String>) -> Problem {
    Problem::new(format!("group {:?}", name.as_str()), text)
}

fn unusable<'a>(problem: Problem) -> Found<'a> {
    Found::Unusable { problems: vec![problem], known: None }
}

/// Live groups, and those that are known from before, by name.
struct Index<'a> {
    inputs: Inputs<'a>,
    /// Groups by id.
    ids: Table,
    /// Groups by name, once one is asked for; most are followed by their ids.
    exact: OnceCell<BTreeMap<&'a str, Vec<(usize, &'a LiveGroup)>>>,
    /// The first group of each name without case and blanks, once one is asked for.
    near: OnceCell<BTreeMap<String, &'a LiveGroup>>,
    /// The same of the groups that are known and no longer there.
    known: OnceCell<BTreeMap<String, &'a GroupId>>,
}

impl<'a> Index<'a> {
    fn of(inputs: &Inputs<'a>) -> Self {
        let ids = Table::of(inputs.live.groups.iter().map(|group| Some(group.id.as_bytes())));
        Self { inputs: *inputs, ids, exact: OnceCell::new(), near: OnceCell::new(), known: OnceCell::new() }
    }

    /// The group with an id, and where it stands.
    fn group(&self, id: &GroupId) -> Option<(usize, &'a LiveGroup)> {
        let at = |at: u32| Some((at as usize, self.inputs.live.groups.get(at as usize)?));
        self.ids.likely(id.as_bytes()).filter_map(at).find(|(_, group)| group.id == *id)
    }

    fn exact(&self, name: &str) -> &[(usize, &'a LiveGroup)] {
        let groups = || {
            let mut exact: BTreeMap<&str, Vec<(usize, &LiveGroup)>> = BTreeMap::new();
            for (at, group) in self.inputs.live.groups.iter().enumerate() {
                exact.entry(&group.name).or_default().push((at, group));
            }
            exact
        };
        self.exact.get_or_init(groups).get(name).map_or(&[], Vec::as_slice)
    }

    fn near(&self, name: &str) -> Option<&'a LiveGroup> {
        let groups = || first(self.inputs.live.groups.iter().map(|group| (group.name.as_str(), group)));
        self.near.get_or_init(groups).get(&fold(name)).copied()
    }

    /// A group of this name, or nearly, whose members are not to be had.
    fn unread(&self, name: &str) -> Option<(&'a GroupId, &'a Absence)> {
        let bears = |absence: &Absence| matches!(absence, Absence::Unread(own) if fold(own) == fold(name));
        self.inputs.live.absent.iter().find(|(_, absence)| bears(absence))
    }

    fn known(&self, name: &str) -> Option<&'a GroupId> {
        let Inputs { memory, live, .. } = self.inputs;
        let is_absent = |(id, _): &(&GroupId, &String)| live.absent.contains_key(*id);
        let groups = || first(memory.known_groups.iter().filter(is_absent).map(|(id, name)| (name.as_str(), id)));
        self.known.get_or_init(groups).get(&fold(name)).copied()
    }
}

fn fold(name: &str) -> String {
    name.trim().to_lowercase()
}

/// The first of each folded name.
fn first<'a, T>(named: impl Iterator<Item = (&'a str, T)>) -> BTreeMap<String, T> {
    let mut all = BTreeMap::new();
    for (name, one) in named {
        all.entry(fold(name)).or_insert(one);
    }
    all
}

/// `link`: the id under which the target group was found before.
fn one<'a>(index: &Index<'a>, name: &GroupName, link: Option<&GroupId>) -> Found<'a> {
    let configured = index.inputs.policy.group(name).id.as_ref();
    match configured.or(link) {
        Some(id) => by_id(index, name, id),
        None => by_name(index, name),
    }
}

fn by_id<'a>(index: &Index<'a>, name: &GroupName, id: &GroupId) -> Found<'a> {
    match (index.group(id), index.inputs.live.absent.get(id)) {
        (Some((at, group)), _) => Found::Group {
            at,
            group,
            problems: if group.name == name.as_str() {
                Vec::new()
            } else {
                let text = format!("is named {:?} in Hyperproof now; it is followed by its id {id}", group.name);
                vec![problem(name, text)]
            },
        },
        (None, absence) => unusable(gone(name, id, absence)),
    }
}

pub(super) fn gone(name: &GroupName, id: &GroupId, absence: Option<&Absence>) -> Problem {
    let what = match absence {
        Some(Absence::Archived) => "is archived in Hyperproof",
        Some(Absence::Gone) | None => "is no longer in Hyperproof",
        Some(Absence::Unread(_)) => {
            let text = format!("its members are not to be had from Hyperproof, which lists it ({id}): left alone");
            return problem(name, text).help("does Hyperproof show it, and may the service account see its members?");
        }
    };
    problem(name, format!("{what} ({id}): left alone")).help(
        "restore it in Hyperproof, or set `id` to the group that takes its place; rosterd will not create it again",
    )
}

fn by_name<'a>(index: &Index<'a>, name: &GroupName) -> Found<'a> {
    let exact = index.exact(name.as_str());
    if let Some((id, unread)) = index.unread(name.as_str()) {
        if exact.is_empty() {
            return unusable(gone(name, id, Some(unread)));
        }
        let text = format!("is the name of {} groups in Hyperproof: left alone", exact.len() + 1);
        return unusable(problem(name, text).help("set its `id` to that of one of them"));
    }
    match exact {
        [(at, group)] => Found::Group { at: *at, group, problems: Vec::new() },
        [] => near_or_absent(index, name),
        several => {
            let ids: Vec<&str> = several.iter().map(|(_, group)| group.id.as_str()).collect();
            let text = format!("is the name of {} groups in Hyperproof: left alone", ids.len());
            unusable(problem(name, text).help(format!("set its `id` to one of {}", ids.join(", "))))
        }
    }
}

/// Whether Hyperproof compares names without case is not known: a name that differs in case or blanks
/// alone is neither taken for the group nor created beside it.
fn near_or_absent<'a>(index: &Index<'a>, name: &GroupName) -> Found<'a> {
    let inputs = &index.inputs;
    if let Some(near) = index.near(name.as_str()) {
        let text = format!("is not in Hyperproof, but {:?} is: left alone", near.name);
        let help = format!("write the name as it is there, or set `id = \"{}\"`", near.id);
        return unusable(problem(name, text).help(help));
    }
    let known = index.known(name.as_str());
    if let Some((id, absence)) = known.and_then(|id| Some((id, inputs.live.absent.get(id)?))) {
        return Found::Unusable { problems: vec![gone(name, id, Some(absence))], known: Some(id.clone()) };
    }
    if inputs.policy.group(name).create {
        return Found::Absent { problems: Vec::new() };
    }
    // Without any group to see, the account's role is the likelier reason.
    let help = match inputs.live.groups.is_empty() {
        true => "Hyperproof shows no group at all: the role of the service account may be too low to see any",
        false => "create it there, or set `create = true` for it (Hyperproof has no way to delete a group)",
    };
    Found::Absent { problems: vec![problem(name, "is not in Hyperproof: left alone").help(help)] }
}
