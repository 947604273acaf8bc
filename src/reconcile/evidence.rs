//! What a plan rests on: the directory groups behind each target group, as they were read.

use crate::model::desired::{DesiredState, Missing};
use crate::model::directory::{DirectoryGroup, SourceSnapshot};
use crate::model::evidence::{Ground, MappedGroup};

use super::Inputs;

/// The directory groups that feed target groups, nested ones included: for each source, sorted by name.
pub fn mapped(inputs: &Inputs<'_>, desired: &DesiredState) -> Vec<Vec<MappedGroup>> {
    let walked = walked(inputs, desired);
    let of = |(source, walked): (&SourceSnapshot, Vec<bool>)| {
        let groups = source.groups.iter().zip(walked).filter(|(_, walked)| *walked);
        let mut list: Vec<MappedGroup> = groups.map(|(group, _)| entry(group)).collect();
        list.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
        list
    };
    inputs.sources.iter().zip(walked).map(of).collect()
}

/// Whether each directory group of each source was looked into for some target group.
pub(super) fn walked(inputs: &Inputs<'_>, desired: &DesiredState) -> Vec<Vec<bool>> {
    let mut walked: Vec<Vec<bool>> = inputs.sources.iter().map(|source| vec![false; source.groups.len()]).collect();
    for walk in desired.values().flat_map(|group| &group.walks) {
        let Some(source) = walked.get_mut(walk.source as usize) else { continue };
        for reached in &walk.reached {
            if let Some(walked) = source.get_mut(reached.group as usize) {
                *walked = true;
            }
        }
    }
    walked
}

fn entry(group: &DirectoryGroup) -> MappedGroup {
    MappedGroup {
        name: group.name().to_owned(),
        id: group.immutable.then(|| group.key.clone()),
        completeness: group.completeness.clone(),
        nested: group.groups.len(),
        read: group.read.clone(),
    }
}

/// What one feed says of the members of its target group: the feed, and all (`reached`, itself
/// included) that is nested in it.
pub fn ground(source: &SourceSnapshot, feed: &DirectoryGroup, reached: impl Iterator<Item = u32>) -> Ground {
    let mut ground = Ground {
        source: source.name.clone(),
        directory_group: feed.name().to_owned(),
        id: feed.immutable.then(|| feed.key.clone()),
        missing: false,
        complete: source.completeness.is_complete(),
        members: 0,
        ranges: 0,
        nested: 0,
    };
    let mut groups = 0_usize;
    for group in reached.filter_map(|at| source.groups.get(at as usize)) {
        groups += 1;
        ground.complete &= group.completeness.is_complete();
        ground.members += group.read.members;
        ground.ranges += group.read.ranges;
    }
    ground.nested = groups.saturating_sub(1);
    ground
}

/// What is to be said of a feed that is not there.
pub fn absent(missing: &Missing) -> Ground {
    Ground {
        source: missing.feed.source.clone(),
        directory_group: missing.feed.name.clone(),
        id: missing.feed.key.clone().filter(|_| missing.feed.immutable),
        missing: true,
        complete: true,
        members: 0,
        ranges: 0,
        nested: 0,
    }
}
