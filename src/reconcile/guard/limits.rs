//! How many changes are too many: in a group, in a run, in a day, and how much of a source may go.

use super::*;

impl Guard<'_, '_> {
    pub(super) fn group_limits(&mut self, name: &GroupName) {
        let policy = self.inputs.policy;
        let own = policy.group(name);
        let live = self.facts(name).map_or(0, |facts| facts.summary.live);
        let removals = own.group_removals.unwrap_or(policy.guard.group_removals).of(live);
        let adds = own.group_adds.unwrap_or(policy.guard.group_adds).of(live);
        let scope = || Scope::Group(name.clone());
        self.limit(Rule::GroupRemovals, scope(), removals, self.unapproved(Op::RemoveMember, Some(name)), 0);
        self.limit(Rule::GroupAdds, scope(), adds, self.unapproved(Op::AddMember, Some(name)), 0);
    }

    /// Holds changes that are, with those made `before`, more than a limit.
    fn limit(&mut self, rule: Rule, scope: Scope, limit: u64, changes: Vec<usize>, before: u64) {
        let measured = (changes.len() as u64).saturating_add(before);
        if measured <= limit || changes.is_empty() {
            self.remainder(rule, &scope, &changes);
            return;
        }
        let removing = matches!(rule, Rule::GroupRemovals | Rule::RunRemovals | Rule::DayRemovals);
        let what = match removing {
            true => format!("{measured} removals"),
            false => self.additions(&changes),
        };
        let within = match rule {
            Rule::DayRemovals => " within 24 hours",
            Rule::RunRemovals | Rule::RunAdds => " in this run",
            _ => "",
        };
        self.hold(Objection {
            rule,
            scope,
            limit,
            measured,
            text: format!("{what}{within}, the limit is {limit}"),
            changes: if removing { changes } else { self.with_creation(changes) },
        });
    }

    pub(super) fn source_shrink(&mut self, desired: &DesiredState, sources: &[SourceSummary]) {
        for source in sources.iter().filter(|source| source.complete) {
            let fewer = self.fewer_people(source);
            let unaddressed = self.fewer_addresses(source);
            let missing = self.missing_files(&source.name);
            let (limit, measured) = match fewer.as_ref().or(unaddressed.as_ref()) {
                Some((limit, measured, _)) => (*limit, *measured),
                None => (0, missing.as_ref().map_or(0, |(count, _)| *count)),
            };
            let fed: Vec<&GroupName> = desired
                .iter()
                .filter(|(_, group)| group.sources.contains(&source.name))
                .map(|(name, _)| name)
                .collect();
            let addresses = unaddressed.is_some();
            let fewer = fewer.into_iter().chain(unaddressed).map(|(.., text)| text);
            let texts: Vec<String> = fewer.chain(missing.map(|(_, text)| text)).collect();
            if texts.is_empty() {
                let changes: Vec<usize> = fed.iter().flat_map(|name| self.of(Op::RemoveMember, Some(name))).collect();
                self.remainder(Rule::SourceShrink, &Scope::Source(source.name.clone()), &changes);
            } else {
                self.shrunk(&fed, &source.name, (limit, measured), texts.join("; "), addresses);
            }
        }
    }

    /// Limit, measured value and sentence, where a source grants far fewer people than before.
    fn fewer_people(&self, source: &SourceSummary) -> Option<(u64, u64, String)> {
        let baseline = *self.inputs.memory.learned.baselines.get(&source.name)?;
        let limit = self.inputs.policy.guard.source_shrink.of(usize::try_from(baseline).unwrap_or(usize::MAX));
        let measured = baseline.saturating_sub(source.granted as u64);
        let text = format!(
            "{} grants {} people, {baseline} at the last full run: {measured} fewer, the limit is {limit}",
            source.name, source.granted
        );
        (measured > limit).then_some((limit, measured, text))
    }

    /// Limit, measured value and sentence, where a far smaller share of the people whom a source grants
    /// something have an address than before: an account that may not read addresses any more sees
    /// everybody, and can tell nobody's account. Who left is not counted: as many as are fewer people
    /// may be fewer addresses.
    fn fewer_addresses(&self, source: &SourceSummary) -> Option<(u64, u64, String)> {
        let learned = &self.inputs.memory.learned;
        let before = *learned.addressed.get(&source.name)?;
        let people = *learned.baselines.get(&source.name).filter(|people| **people > 0)?;
        let (granted, now) = (source.granted as u64, source.addressed as u64);
        // More people than before owe no more addresses than before.
        let expected = before.saturating_mul(granted.min(people)) / people;
        let limit = self.inputs.policy.guard.source_shrink.of(usize::try_from(expected).unwrap_or(usize::MAX));
        let measured = expected.saturating_sub(now);
        let text = format!(
            "of {granted} granted people of {} only {now} have an address; at the last full run {before} of {people} \
             had one: {measured} fewer than expected, the limit is {limit} (may the account that reads still see \
             addresses?)",
            source.name
        );
        (measured > limit).then_some((limit, measured, text))
    }

    /// How many, and a sentence, where a source has fewer files than before: one may be late, and
    /// everybody in it would look gone. (Files that only changed their names are as many as before.)
    fn missing_files(&self, source: &SourceName) -> Option<(u64, String)> {
        const NAMED: usize = 3;
        let before = self.inputs.memory.learned.files.get(source)?;
        let now = &self.inputs.sources.iter().find(|own| own.name == *source)?.files;
        let count = before.len().checked_sub(now.len()).filter(|count| *count > 0)?;
        let gone: Vec<&str> = before.difference(now).map(String::as_str).collect();
        let more = match gone.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let named = gone.get(..NAMED).unwrap_or(&gone).join(", ");
        let text = format!(
            "{source} has {} of the {} files of the last full run; not there: {named}{more}",
            now.len(),
            before.len()
        );
        Some((count as u64, text))
    }

    /// Holds a source's removals. `told`: it is worth saying, also where there are none.
    fn shrunk(
        &mut self,
        fed: &[&GroupName],
        source: &SourceName,
        (limit, measured): (u64, u64),
        text: String,
        told: bool,
    ) {
        let changes: Vec<usize> = fed.iter().flat_map(|name| self.unapproved(Op::RemoveMember, Some(name))).collect();
        if changes.is_empty() {
            // Nothing to hold yet. While people wait for their grace period, the loss must not be
            // forgotten before their removals come.
            let in_grace = fed.iter().any(|name| self.facts(name).is_some_and(|facts| facts.in_grace > 0));
            if in_grace {
                self.guarded.frozen_baselines.insert(source.clone());
            }
            if in_grace || told {
                self.guarded.problems.push(Problem::new(format!("source {source}"), text));
            }
            return;
        }
        let approved = self.hold(Objection {
            rule: Rule::SourceShrink,
            scope: Scope::Source(source.clone()),
            limit,
            measured,
            changes,
            text,
        });
        if !approved {
            self.guarded.frozen_baselines.insert(source.clone());
        }
    }

    pub(super) fn run_adds(&mut self) {
        let limit = self.inputs.policy.guard.run_adds.of(self.difference.memberships);
        let mut changes = self.passing(Op::AddMember);
        // Hyperproof has no way to delete a group: making one is one thing to be let through, also where nobody joins it.
        let joined: BTreeSet<&GroupName> = changes.iter().filter_map(|at| self.group_of(*at)).collect();
        let mut creations = self.passing(Op::CreateGroup);
        creations.retain(|at| self.group_of(*at).is_some_and(|group| !joined.contains(group)));
        changes.append(&mut creations);
        changes.sort_unstable();
        self.limit(Rule::RunAdds, Scope::Run, limit, changes, 0);
    }

    fn group_of(&self, at: usize) -> Option<&GroupName> {
        self.difference.changes.get(at).map(|change| &change.key.group)
    }

    /// Additions, and creations of groups that nobody joins, in words.
    fn additions(&self, changes: &[usize]) -> String {
        let is_creation =
            |at: &&usize| self.difference.changes.get(**at).is_some_and(|change| change.key.op == Op::CreateGroup);
        let creations = changes.iter().filter(is_creation).count();
        match (changes.len() - creations, creations) {
            (additions, 0) => format!("{additions} additions"),
            (0, creations) => format!("{creations} creations of groups"),
            (additions, creations) => format!("{additions} additions and {creations} creations of groups"),
        }
    }

    pub(super) fn run_removals(&mut self) {
        let limit = self.inputs.policy.guard.run_removals.of(self.difference.memberships);
        self.limit(Rule::RunRemovals, Scope::Run, limit, self.passing(Op::RemoveMember), 0);
    }

    pub(super) fn day_removals(&mut self) {
        let limit = self.inputs.policy.guard.day_removals.of(self.difference.memberships);
        let before = self.inputs.memory.removed_today;
        self.limit(Rule::DayRemovals, Scope::Run, limit, self.passing(Op::RemoveMember), before);
    }
}
