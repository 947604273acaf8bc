//! What a group's removals and creations depend on, whatever their number.

use super::*;

impl Guard<'_, '_> {
    /// What a group's removals (and creation) depend on, whatever their number.
    pub(super) fn conditions(&mut self, name: &GroupName, yields: &Yields<'_>, desired: &DesiredState) {
        // Whatever the mode, and with no change to hold: a name that nobody bears is a mistake, or a loss.
        if let Some(group) = desired.get(name) {
            self.missed(name, group);
        }
        if self.inputs.policy.group(name).mode == Mode::Report {
            return;
        }
        self.first_run(name, yields);
        if self.ranges.contains_key(name) {
            self.expect(name);
            self.min_members(name);
        }
    }

    /// What an undo would leave of a group: `expect` and `min_members` are not asked of the directory.
    pub(super) fn what_is_left(&mut self, name: &GroupName) {
        self.expect(name);
        self.min_members(name);
    }

    /// Directory groups that bore one name are one hold.
    fn missed(&mut self, name: &GroupName, group: &DesiredGroup) {
        for accepted in &group.accepted {
            let changes = self.of(Op::RemoveMember, Some(name));
            self.remainder(Rule::Missing, &directory(name, &accepted.feed), &changes);
        }
        let mut names: BTreeMap<(&SourceName, &str), &Missing> = BTreeMap::new();
        for missing in &group.missing {
            let entry = names.entry((&missing.feed.source, &missing.feed.name)).or_insert(missing);
            if entry.renamed_to.is_none() {
                *entry = missing;
            }
        }
        for missing in names.into_values() {
            self.missing(name, missing);
        }
    }

    fn missing(&mut self, name: &GroupName, missing: &Missing) {
        let changes = self.of(Op::RemoveMember, Some(name));
        let feed = &missing.feed;
        let text = match (&missing.renamed_to, &missing.named_by) {
            (Some(to), None) => {
                format!("directory group {:?} was renamed to {to:?}; the mapping wants the new name", feed.name)
            }
            (Some(to), Some(parent)) => {
                format!("directory group {:?} was renamed to {to:?}; {parent:?} wants the new name", feed.name)
            }
            (None, None) => format!("directory group {:?} is not there; what it granted stays", feed.name),
            (None, Some(parent)) => {
                format!("directory group {:?}, a member of {parent:?}, is not there; what it granted stays", feed.name)
            }
        };
        let approved = self.hold(Objection {
            rule: Rule::Missing,
            scope: directory(name, feed),
            limit: 0,
            measured: changes.len() as u64,
            changes,
            text,
        });
        if approved {
            self.guarded.accepted.insert((feed.source.clone(), feed.name.clone(), name.clone()));
        }
    }

    fn first_run(&mut self, name: &GroupName, yields: &Yields<'_>) {
        // A group in which nothing changes, now or later, has nothing to wait.
        let in_grace = self.facts(name).is_some_and(|facts| facts.in_grace > 0);
        if !in_grace && !self.ranges.contains_key(name) {
            return;
        }
        let policy = self.inputs.policy;
        let settled = self.inputs.memory.learned.settled.get(name);
        let id = self.facts(name).and_then(|facts| facts.summary.id.as_ref());
        let over = yields.is_settled(settled, name, policy.group(name).mode, id);
        let changes = self.of(Op::RemoveMember, Some(name));
        if over || policy.guard.first_removals == FirstRemovals::Apply {
            self.remainder(Rule::FirstRun, &Scope::Group(name.clone()), &changes);
            return;
        }
        // Somebody whose grace period runs would be removed by a later run as if this one had settled it.
        if in_grace {
            self.guarded.unsettled.insert(name.clone());
        }
        if changes.is_empty() {
            return;
        }
        let cause = match settled {
            Some(_) => "its mappings, mode or id changed",
            None => "this is its first full run",
        };
        let approved = self.hold(Objection {
            rule: Rule::FirstRun,
            scope: Scope::Group(name.clone()),
            limit: 0,
            measured: changes.len() as u64,
            text: format!("{cause}: {} to be looked at by a person", removals(changes.len())),
            changes,
        });
        if !approved {
            self.guarded.unsettled.insert(name.clone());
        }
    }

    /// An organisation that shows no groups to an account that may be too weak to see them. That is one
    /// thing to approve: once the first group is there, the organisation shows one.
    pub(super) fn blind_creations(&mut self) {
        let blind = self.inputs.live.groups.is_empty() && self.inputs.memory.known_groups.is_empty();
        let creations = self.of(Op::CreateGroup, None);
        if !blind && self.inputs.memory.approvals.is_empty() {
            return;
        }
        let additions = self.of(Op::AddMember, None);
        let measured = creations.len() as u64;
        let changes: Vec<usize> = creations.into_iter().chain(additions).collect();
        let changes = self.with_creation(changes);
        if !blind || measured == 0 {
            self.remainder(Rule::FirstRun, &Scope::Run, &changes);
            return;
        }
        self.hold(Objection {
            rule: Rule::FirstRun,
            scope: Scope::Run,
            limit: 0,
            measured,
            changes,
            text: "Hyperproof lists no group at all; an account with too low a role sees the same".to_owned(),
        });
    }

    fn expect(&mut self, name: &GroupName) {
        let changes = self.of(Op::RemoveMember, Some(name));
        let Some(facts) = self.facts(name).filter(|facts| !facts.not_granted.is_empty() && !changes.is_empty()) else {
            self.remainder(Rule::Expect, &Scope::Group(name.clone()), &changes);
            return;
        };
        let names: Vec<&str> = facts.not_granted.iter().map(|address| address.as_str()).collect();
        self.hold(Objection {
            rule: Rule::Expect,
            scope: Scope::Group(name.clone()),
            limit: 0,
            measured: names.len() as u64,
            text: format!("expected and not granted: {}", names.join(", ")),
            changes,
        });
    }

    fn min_members(&mut self, name: &GroupName) {
        let changes = self.of(Op::RemoveMember, Some(name));
        let limit = self.inputs.policy.group(name).min_members;
        let desired = self.facts(name).map_or(0, |facts| facts.desired_accounts);
        if desired as u64 >= u64::from(limit) || changes.is_empty() {
            self.remainder(Rule::MinMembers, &Scope::Group(name.clone()), &changes);
            return;
        }
        self.hold(Objection {
            rule: Rule::MinMembers,
            scope: Scope::Group(name.clone()),
            limit: u64::from(limit),
            measured: desired as u64,
            text: format!("{desired} desired members, at least {limit} are expected"),
            changes,
        });
    }

    /// Counts the additions that nothing holds so far. Returns whether there was something to object to.
    pub(super) fn empty(&mut self, name: &GroupName) -> bool {
        let mut changes = self.of(Op::RemoveMember, Some(name));
        changes.retain(|at| !self.undone.contains(at));
        let live = self.facts(name).map_or(0, |facts| facts.summary.live);
        let added = self.of(Op::AddMember, Some(name));
        let cleared = |at: &&usize| self.difference.changes.get(**at).is_some_and(|change| change.is_cleared());
        let left = (live + added.iter().filter(cleared).count()).saturating_sub(changes.len());
        if left > 0 || changes.is_empty() || self.inputs.policy.group(name).allow_empty {
            self.remainder(Rule::Empty, &Scope::Group(name.clone()), &changes);
            return false;
        }
        self.hold(Objection {
            rule: Rule::Empty,
            scope: Scope::Group(name.clone()),
            limit: 0,
            measured: changes.len() as u64,
            text: format!("{} would leave nobody in the group", removals(changes.len())),
            changes,
        });
        true
    }
}

fn directory(group: &GroupName, feed: &Feed) -> Scope {
    Scope::Directory { source: feed.source.clone(), directory_group: feed.name.clone(), group: group.clone() }
}

fn removals(count: usize) -> String {
    match count {
        1 => "1 removal".to_owned(),
        count => format!("{count} removals"),
    }
}
