//! From snapshots and mappings to the desired state: who should be in which target group, and what
//! stands against believing that nobody else should.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use crate::model::desired::{DesiredGroup, DesiredState, Feed, Gap, Missing, Reached, Walk};
use crate::model::directory::{Completeness, DirectoryGroup, SourceSnapshot};
use crate::model::id::{DirectoryGroupKey, GroupName};
use crate::model::policy::{Mapping, Selector};
use crate::model::problem::Problem;

use super::Inputs;
use super::evidence::{absent, ground};
use super::mapping::{Names, Yields, by_pattern, folded, indexed, named_targets, same_name, target_of};

/// The desired state, and what was odd on the way.
#[derive(Debug)]
pub struct Compiled {
    /// Every target group that a mapping yields, or yielded at the last full run.
    pub state: DesiredState,
    /// Mappings that came to nothing.
    pub problems: Vec<Problem>,
}

/// Compiles the mappings against the snapshots.
pub fn build(inputs: &Inputs<'_>, yields: &Yields<'_>) -> Compiled {
    let is_pattern = |mapping: &&Mapping| matches!(mapping.from, Selector::Pattern(_));
    let mut builder = Builder {
        inputs,
        yields,
        patterns: inputs.policy.mappings.iter().filter(is_pattern).collect(),
        names: inputs.sources.iter().map(|_| OnceCell::new()).collect(),
        state: named_targets(inputs.policy).into_iter().map(|name| (name, DesiredGroup::default())).collect(),
        fed: BTreeSet::new(),
        problems: Vec::new(),
    };
    for mapping in &inputs.policy.mappings {
        builder.mapping(mapping);
    }
    builder.sort_feeds();
    builder.namesakes();
    builder.remembered();
    builder.nested();
    builder.unread();
    builder.finish()
}

struct Builder<'a> {
    inputs: &'a Inputs<'a>,
    yields: &'a Yields<'a>,
    patterns: Vec<&'a Mapping>,
    /// Names of each source's directory groups, once a mapping asks for one.
    names: Vec<OnceCell<Names<'a>>>,
    state: DesiredState,
    /// Which directory group (source, group) was walked for which target group already.
    fed: BTreeSet<(u32, u32, GroupName)>,
    problems: Vec<Problem>,
}

impl<'a> Builder<'a> {
    fn source(&self, mapping: &Mapping) -> Option<(u32, &'a SourceSnapshot)> {
        (0..).zip(self.inputs.sources).find(|(_, source)| source.name == mapping.source)
    }

    fn mapping(&mut self, mapping: &Mapping) {
        let Some((at, source)) = self.source(mapping) else {
            return;
        };
        match &mapping.from {
            Selector::Name(name) => self.by_name(mapping, name, at, source),
            Selector::Pattern(_) => self.by_pattern(mapping, at, source),
        }
    }

    fn by_name(&mut self, mapping: &Mapping, name: &str, at: u32, source: &'a SourceSnapshot) {
        let target = GroupName::new(mapping.to.trim());
        let names = self.names.get(at as usize).map(|names| names.get_or_init(|| Names::of(source)));
        match *names.map_or(&[][..], |names| names.bearers(name)) {
            [] if source.completeness.is_complete() => self.missing(mapping, name, source, target),
            [] => {}
            [group] => self.feed(target, name, at, group, source),
            _ => self
                .group(target)
                .gaps
                .push(Gap::Doubled { source: source.name.clone(), directory_group: name.to_owned() }),
        }
    }

    fn by_pattern(&mut self, mapping: &Mapping, at: u32, source: &SourceSnapshot) {
        for (index, group) in indexed(source) {
            match by_pattern(mapping, source.kind, group) {
                Some((name, Some(target))) => self.feed(target, name, at, index, source),
                Some((name, None)) => self.problems.push(
                    Problem::new(
                        format!("mapping {:?}", mapping.from.as_str()),
                        format!("gives directory group {name:?} an empty target name: left alone"),
                    )
                    .help("mend `to`, or narrow `match`"),
                ),
                None => {}
            }
        }
    }

    fn group(&mut self, target: GroupName) -> &mut DesiredGroup {
        self.state.entry(target).or_default()
    }

    /// What the last full run knew of a feed: it may have borne an immutable id.
    fn known_feed(&self, target: &GroupName, mapping: &Mapping, name: &str) -> Feed {
        let known = self
            .inputs
            .memory
            .learned
            .feeds
            .get(target)
            .and_then(|feeds| feeds.iter().find(|feed| feed.source == mapping.source && feed.name == name));
        known.cloned().unwrap_or_else(|| Feed {
            source: mapping.source.clone(),
            name: name.to_owned(),
            key: None,
            immutable: false,
        })
    }

    fn missing(&mut self, mapping: &Mapping, name: &str, source: &SourceSnapshot, target: GroupName) {
        let feed = self.known_feed(&target, mapping, name);
        self.absent(feed, source, target);
    }

    fn absent(&mut self, feed: Feed, source: &SourceSnapshot, target: GroupName) {
        self.note_absent(feed, source, target, None);
    }

    fn note_absent(&mut self, feed: Feed, source: &SourceSnapshot, target: GroupName, named_by: Option<String>) {
        let renamed_to = (feed.key.as_ref())
            .filter(|_| feed.immutable)
            .and_then(|key| source.groups.iter().find(|group| group.key == *key))
            .map(|group| group.name().to_owned());
        let accepted = self.inputs.memory.learned.accepted_missing.contains(&(
            feed.source.clone(),
            feed.name.clone(),
            target.clone(),
        ));
        let missing = Missing { feed, renamed_to, named_by };
        let group = self.group(target);
        let list = if accepted { &mut group.accepted } else { &mut group.missing };
        if !list.contains(&missing) {
            list.push(missing);
        }
    }

    fn sort_feeds(&mut self) {
        for group in self.state.values_mut() {
            group.feeds.sort();
            group.feeds.dedup();
        }
    }

    /// Directory groups of one name that feed one target group. A pattern means all of its name, so all count; whoever
    /// wrote it with one of them in mind learns of the other.
    fn namesakes(&mut self) {
        for (target, group) in self.state.iter().filter(|(_, group)| group.feeds.len() > 1) {
            for source in self.inputs.sources {
                let own = group.feeds.iter().filter(|feed| feed.source == source.name);
                let mut named: BTreeMap<Cow<'_, str>, BTreeSet<&DirectoryGroupKey>> = BTreeMap::new();
                for feed in own {
                    named.entry(folded(source.kind, &feed.name)).or_default().extend(&feed.key);
                }
                for keys in named.into_values().filter(|keys| keys.len() > 1) {
                    let mut shown: Vec<&str> = keys.into_iter().map(|key| in_full(source, key)).collect();
                    shown.sort_unstable();
                    let (count, shown) = (shown.len(), shown.join("; "));
                    let text =
                        format!("{count} directory groups of {} bear one name, and all feed it: {shown}", source.name);
                    let problem = Problem::new(format!("group {:?}", target.as_str()), text);
                    self.problems.push(problem.help("where one of them alone is meant, map it by its DN"));
                }
            }
        }
    }

    /// Directory groups that fed a target group at the last full run by way of a pattern, and are not
    /// there any more, although the pattern still means them.
    fn remembered(&mut self) {
        let memory = self.inputs.memory;
        // Both are sorted by name. Where all feeds are there, none is missed.
        let mut state = self.state.iter().peekable();
        let mut others = Vec::new();
        for (target, feeds) in &memory.learned.feeds {
            while state.next_if(|(name, _)| *name < target).is_some() {}
            let now = state.next_if(|(name, _)| *name == target).map(|(_, group)| &group.feeds);
            if now != Some(feeds) {
                others.push((target, feeds));
            }
        }
        for (target, feeds) in others {
            for feed in feeds {
                self.remember(target, feed);
            }
        }
    }

    fn remember(&mut self, target: &GroupName, feed: &Feed) {
        let Some((at, source)) = (0..).zip(self.inputs.sources).find(|(_, source)| source.name == feed.source) else {
            return;
        };
        let there = self.is_fed_by(target, at, source, feed)
            || self.state.get(target).is_some_and(|group| group.missing.iter().any(|missing| missing.feed == *feed));
        let meant = !there
            && !is_called_in_full(source, feed)
            && self.patterns.iter().any(|mapping| {
                mapping.source == feed.source
                    && target_of(mapping, source.kind, &feed.name) == Some(Some(target.clone()))
            });
        if meant && self.took_its_place(target, feed) {
            return;
        }
        if meant && source.completeness.is_complete() {
            self.absent(feed.clone(), source, target.clone());
        } else if meant {
            // The source was not read to its end: `unread` puts the gap there.
            self.group(target.clone());
        }
    }

    /// Directory groups that fed a target group at the last full run as nested ones, that are still named as members,
    /// and that are not there: renamed where nobody mends what names them, deleted, or hidden. (One that its parent
    /// names no more was taken out of it: that is an answer, and what it granted ends.)
    fn nested(&mut self) {
        for (target, feeds) in &self.inputs.memory.learned.nested {
            for feed in feeds {
                let found = self.state.get(target).and_then(|group| self.still_named(group, feed));
                if let Some((source, parent)) = found {
                    self.note_absent(feed.clone(), source, target.clone(), Some(parent.name().to_owned()));
                }
            }
        }
    }

    /// The group that names one that is not there, among those that feed a target group.
    fn still_named(&self, target: &DesiredGroup, nested: &Feed) -> Option<(&'a SourceSnapshot, &'a DirectoryGroup)> {
        let (at, source) = (0..).zip(self.inputs.sources).find(|(_, source)| source.name == nested.source)?;
        let reached = target.walks.iter().filter(|walk| walk.source == at).flat_map(|walk| &walk.reached);
        let mut reached = reached.filter_map(|reached| source.groups.get(reached.group as usize));
        if reached.clone().any(|group| Some(&group.key) == nested.key.as_ref()) {
            return None;
        }
        let parent = reached.find(|group| group.dangling.binary_search(&nested.name).is_ok())?;
        Some((source, parent))
    }

    /// Whether the directory group of a feed feeds the target group, under whatever name.
    fn is_fed_by(&self, target: &GroupName, at: u32, source: &SourceSnapshot, feed: &Feed) -> bool {
        let index = found(source, feed).and_then(|found| u32::try_from(found).ok());
        index.is_some_and(|index| self.fed.contains(&(at, index, target.clone())))
    }

    /// Whether a group that was accepted as missing was made anew under the same name.
    fn took_its_place(&self, target: &GroupName, feed: &Feed) -> bool {
        let accepted = (feed.source.clone(), feed.name.clone(), target.clone());
        self.inputs.memory.learned.accepted_missing.contains(&accepted)
            && self
                .state
                .get(target)
                .is_some_and(|group| group.feeds.iter().any(|own| own.source == feed.source && own.name == feed.name))
    }

    /// Names the sources of each target group; one that was not read to its end is a gap, and so is one
    /// of which nothing was heard.
    fn unread(&mut self) {
        let inputs = self.inputs;
        for (target, group) in &mut self.state {
            let mappings = self.yields.to(target.as_str());
            for (_, mapping) in &mappings {
                let heard = inputs.sources.iter().any(|source| source.name == mapping.source);
                if !heard {
                    group
                        .gaps
                        .push(Gap::Source { source: mapping.source.clone(), why: "it was not read at all".to_owned() });
                }
            }
            for source in inputs.sources {
                if !mappings.iter().any(|(_, mapping)| mapping.source == source.name) {
                    continue;
                }
                group.sources.push(source.name.clone());
                if let Completeness::Incomplete { why } = &source.completeness {
                    group.gaps.push(Gap::Source { source: source.name.clone(), why: why.clone() });
                }
            }
        }
    }

    fn feed(&mut self, target: GroupName, name: &str, at: u32, index: u32, source: &SourceSnapshot) {
        let Some(group) = source.groups.get(index as usize) else {
            return;
        };
        let feed = Feed {
            source: source.name.clone(),
            name: name.to_owned(),
            key: Some(group.key.clone()),
            immutable: group.immutable,
        };
        let first = self.fed.insert((at, index, target.clone()));
        let desired = self.group(target);
        desired.feeds.push(feed);
        if first {
            walk(desired, at, index, group, source);
        }
    }

    fn finish(mut self) -> Compiled {
        for group in self.state.values_mut() {
            group.sources.sort();
            group.gaps.sort();
            group.gaps.dedup();
            group.missing.sort();
            group.accepted.sort();
            group.grounds.extend(group.missing.iter().chain(&group.accepted).map(absent));
            group.grounds.sort();
            group.grounds.dedup();
        }
        self.problems.sort();
        Compiled { state: self.state, problems: self.problems }
    }
}

/// Where the directory group of a feed stands.
fn found(source: &SourceSnapshot, feed: &Feed) -> Option<usize> {
    let key = feed.key.as_ref()?;
    source.groups.binary_search_by(|group| group.key.cmp(key)).ok()
}

/// Whether a feed calls its directory group, which is there, by its name in full: no pattern does that.
fn is_called_in_full(source: &SourceSnapshot, feed: &Feed) -> bool {
    let group = found(source, feed).and_then(|at| source.groups.get(at));
    group.is_some_and(|group| group.full_names.iter().any(|name| same_name(source.kind, name, &feed.name)))
}

/// A directory group by the name that it shares with no other: its DN, where its source has such.
fn in_full<'a>(source: &'a SourceSnapshot, key: &'a DirectoryGroupKey) -> &'a str {
    let at = source.groups.binary_search_by(|group| group.key.cmp(key));
    let group = at.ok().and_then(|at| source.groups.get(at));
    group.and_then(|group| group.full_names.first()).map_or(key.as_str(), String::as_str)
}

/// Walks through a directory group and all that is nested in it, breadth first, so that the first group that
/// has a person is at the end of the shortest path; cycles and diamonds are met once.
fn walk(desired: &mut DesiredGroup, at: u32, index: u32, root: &DirectoryGroup, source: &SourceSnapshot) {
    let mut reached = vec![Reached { group: index, from: 0 }];
    let mut met = BTreeSet::new();
    let mut next = 0;
    while let Some(Reached { group, .. }) = reached.get(next as usize).copied() {
        let from = next;
        next += 1;
        let Some(group) = source.groups.get(group as usize) else { continue };
        if let Completeness::Incomplete { why } = &group.completeness {
            // A source's own gap says it already.
            if source.completeness.is_complete() {
                desired.gaps.push(Gap::Group {
                    source: source.name.clone(),
                    directory_group: group.name().to_owned(),
                    why: why.clone(),
                });
            }
        }
        let there = group.groups.iter().filter(|nested| (**nested as usize) < source.groups.len());
        let new = there.filter(|nested| **nested != index && met.insert(**nested));
        reached.extend(new.map(|&group| Reached { group, from }));
    }
    desired.grounds.push(ground(source, root, reached.iter().map(|reached| reached.group)));
    desired.walks.push(Walk { source: at, reached });
}
