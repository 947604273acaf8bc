//! Which directory groups feed which target groups.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::model::digest::parts_hex;
use crate::model::directory::{DirectoryGroup, SourceKind, SourceSnapshot};
use crate::model::id::{GroupId, GroupName};
use crate::model::policy::{Mapping, Mode, Policy, Selector};

/// The target group that a mapping makes of a directory group by one of its names; none when the name
/// is not meant. The inner `None`: it is meant, and the template yields an empty name.
pub fn target_of(mapping: &Mapping, kind: SourceKind, name: &str) -> Option<Option<GroupName>> {
    match &mapping.from {
        Selector::Name(wanted) => same_name(kind, wanted, name).then(|| non_empty(&mapping.to)),
        Selector::Pattern(pattern) => pattern.captures(name).map(|captures| {
            let mut target = String::new();
            captures.expand(&mapping.to, &mut target);
            non_empty(&target)
        }),
    }
}

fn non_empty(name: &str) -> Option<GroupName> {
    let name = name.trim();
    (!name.is_empty()).then(|| GroupName::new(name))
}

/// LDAP compares names without case, CSV exactly.
pub fn same_name(kind: SourceKind, a: &str, b: &str) -> bool {
    a == b || folded(kind, a) == folded(kind, b)
}

/// A name in the form by which names are compared.
pub fn folded(kind: SourceKind, name: &str) -> Cow<'_, str> {
    match kind {
        SourceKind::Csv => Cow::Borrowed(name),
        SourceKind::Ldap => Cow::Owned(name.to_lowercase()),
    }
}

/// The directory groups of a source by name: each mapping by name looks them up.
#[derive(Debug)]
pub struct Names<'a> {
    kind: SourceKind,
    groups: BTreeMap<Cow<'a, str>, Vec<u32>>,
}

impl<'a> Names<'a> {
    /// All names of a source's directory groups.
    pub fn of(source: &'a SourceSnapshot) -> Self {
        let mut groups: BTreeMap<Cow<'_, str>, Vec<u32>> = BTreeMap::new();
        for (at, group) in indexed(source) {
            for name in group.names.iter().chain(&group.full_names) {
                let bearers = groups.entry(folded(source.kind, name)).or_default();
                if bearers.last() != Some(&at) {
                    bearers.push(at);
                }
            }
        }
        Self { kind: source.kind, groups }
    }

    /// The directory groups that bear a name, in their order, each once.
    pub fn bearers(&self, name: &str) -> &[u32] {
        self.groups.get(folded(self.kind, name).as_ref()).map_or(&[], Vec::as_slice)
    }
}

/// A source's directory groups with their indices.
pub fn indexed(source: &SourceSnapshot) -> impl Iterator<Item = (u32, &DirectoryGroup)> {
    (0..).zip(&source.groups)
}

/// Whether a mapping can yield a target group of this name from some directory group. Blanks are not
/// looked at: a name loses those around it, wherever in the template they came from. Saying yes too
/// often keeps members; saying no wrongly would remove some.
pub fn may_yield(mapping: &Mapping, target: &str) -> bool {
    match &mapping.from {
        Selector::Name(_) => mapping.to.trim() == target,
        Selector::Pattern(_) => fits(&literals(&mapping.to), &without_blanks(target)),
    }
}

/// Which mappings may yield a target group, without asking each of them about each group.
#[derive(Debug)]
pub struct Yields<'a> {
    mappings: &'a [Mapping],
    /// Mappings by name, by the target group that they give.
    named: BTreeMap<&'a str, Vec<usize>>,
    /// Mappings by pattern, with the literal parts of their templates.
    patterns: Vec<(usize, Vec<String>)>,
}

impl<'a> Yields<'a> {
    /// The mappings of a policy.
    pub fn of(policy: &'a Policy) -> Self {
        let mut yields = Self { mappings: &policy.mappings, named: BTreeMap::new(), patterns: Vec::new() };
        for (at, mapping) in policy.mappings.iter().enumerate() {
            match &mapping.from {
                Selector::Name(_) => yields.named.entry(mapping.to.trim()).or_default().push(at),
                Selector::Pattern(_) => yields.patterns.push((at, literals(&mapping.to))),
            }
        }
        yields
    }

    /// The mappings that may yield a target group ([`may_yield`]), with their places, in the order of the
    /// configuration.
    pub fn to(&self, target: &str) -> Vec<(usize, &'a Mapping)> {
        let mut places = self.named.get(target).cloned().unwrap_or_default();
        if !self.patterns.is_empty() {
            let target = without_blanks(target);
            let fitting = self.patterns.iter().filter(|(_, literals)| fits(literals, &target));
            places.extend(fitting.map(|(at, _)| *at));
            places.sort_unstable();
        }
        places.into_iter().filter_map(|at| Some((at, self.mappings.get(at)?))).collect()
    }

    /// Digest of what decides over a target group's members: the mappings that may yield it, its mode, and
    /// which live group it is (none: it is being created). When it changes, the next full run counts as the
    /// group's first.
    pub fn digest(&self, target: &GroupName, mode: Mode, id: Option<&GroupId>) -> String {
        let part = |(_, mapping): (usize, &'a Mapping)| {
            let kind = match mapping.from {
                Selector::Name(_) => "name",
                Selector::Pattern(_) => "pattern",
            };
            [mapping.source.as_str(), kind, mapping.from.as_str(), mapping.to.as_str()]
        };
        // Sorted: in another order the mappings grant the same.
        let mut parts: Vec<[&str; 4]> = self.to(target.as_str()).into_iter().map(part).collect();
        parts.sort_unstable();
        parts.dedup();
        let led = [mode.as_str(), id.map_or("", GroupId::as_str)];
        parts_hex(led.into_iter().chain(parts.into_iter().flatten()))
    }

    /// Whether a target group had its first full run under the rules of now. A group that was created in
    /// that run had no id then.
    pub fn is_settled(&self, settled: Option<&String>, target: &GroupName, mode: Mode, id: Option<&GroupId>) -> bool {
        settled.is_some_and(|settled| [id, None].iter().any(|id| *settled == self.digest(target, mode, *id)))
    }
}

fn without_blanks(text: &str) -> Cow<'_, str> {
    if text.contains(char::is_whitespace) {
        Cow::Owned(text.chars().filter(|c| !c.is_whitespace()).collect())
    } else {
        Cow::Borrowed(text)
    }
}

/// The literal parts of a template, without blanks: between each and the next stands a reference, by
/// the regex crate's rules (`$name` takes as many letters, digits and underscores as follow).
fn literals(template: &str) -> Vec<String> {
    let (mut done, mut part, mut rest) = (Vec::new(), String::new(), template);
    while let Some((before, after)) = rest.split_once('$') {
        part.push_str(&without_blanks(before));
        let braced = after.strip_prefix('{').and_then(|inner| inner.split_once('}'));
        let name = after.len() - after.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_').len();
        rest = match (after.strip_prefix('$'), braced) {
            (Some(behind), _) => {
                part.push('$');
                behind
            }
            (None, Some((_, behind))) => {
                done.push(std::mem::take(&mut part));
                behind
            }
            (None, None) if name > 0 => {
                done.push(std::mem::take(&mut part));
                after.get(name..).unwrap_or_default()
            }
            (None, None) => {
                part.push('$');
                after
            }
        };
    }
    part.push_str(&without_blanks(rest));
    done.push(part);
    done
}

/// Whether a text is these parts in their order, with anything between them.
fn fits(parts: &[String], text: &str) -> bool {
    let [first, between @ .., last] = parts else {
        return parts.first().is_some_and(|only| only == text);
    };
    let Some(mut rest) = text.strip_prefix(first.as_str()) else {
        return false;
    };
    for part in between {
        match rest.split_once(part.as_str()) {
            Some((_, behind)) => rest = behind,
            None => return false,
        }
    }
    rest.ends_with(last.as_str())
}

/// The target groups that mappings by name give: they are there whatever a source says.
pub fn named_targets(policy: &Policy) -> Vec<GroupName> {
    policy
        .mappings
        .iter()
        .filter(|mapping| matches!(mapping.from, Selector::Name(_)))
        .filter_map(|mapping| non_empty(&mapping.to))
        .collect()
}

/// The target groups that mappings give: those by name, and those by pattern of what was read.
pub fn targets(policy: &Policy, sources: &[SourceSnapshot]) -> BTreeSet<GroupName> {
    let mut targets: BTreeSet<GroupName> = named_targets(policy).into_iter().collect();
    for mapping in policy.mappings.iter().filter(|mapping| matches!(mapping.from, Selector::Pattern(_))) {
        for source in sources.iter().filter(|source| source.name == mapping.source) {
            let of = |group: &DirectoryGroup| by_pattern(mapping, source.kind, group).and_then(|(_, target)| target);
            targets.extend(source.groups.iter().filter_map(of));
        }
    }
    targets
}

/// Whether a mapping means a directory group.
pub fn means(mapping: &Mapping, kind: SourceKind, group: &DirectoryGroup) -> bool {
    match &mapping.from {
        Selector::Name(wanted) => group.names.iter().chain(&group.full_names).any(|name| same_name(kind, wanted, name)),
        Selector::Pattern(_) => by_pattern(mapping, kind, group).is_some(),
    }
}

/// What a mapping by pattern makes of a directory group, by the first of its names that is meant. Where it
/// lies is none of them.
pub fn by_pattern<'a>(
    mapping: &Mapping,
    kind: SourceKind,
    group: &'a DirectoryGroup,
) -> Option<(&'a str, Option<GroupName>)> {
    group.names.iter().find_map(|name| Some((name.as_str(), target_of(mapping, kind, name)?)))
}

/// [`Yields::digest`] of one target group.
pub fn digest(policy: &Policy, target: &GroupName, mode: Mode, id: Option<&GroupId>) -> String {
    Yields::of(policy).digest(target, mode, id)
}

#[cfg(test)]
mod tests {
    use regex::Regex;

    use super::*;

    fn pattern(from: &str, to: &str) -> Mapping {
        Mapping { source: "hr".into(), from: Selector::Pattern(Regex::new(from).unwrap()), to: to.into() }
    }

    #[test]
    fn a_template_is_filled_from_the_name() {
        let mapping = pattern("^GRC-(?<team>.+)$", "${team} team");
        let target = |name| target_of(&mapping, SourceKind::Csv, name);
        assert_eq!(target("GRC-Risk"), Some(Some("Risk team".into())));
        assert_eq!(target("Risk"), None);
        assert_eq!(target_of(&pattern("^(x?)y$", "$1"), SourceKind::Csv, "y"), Some(None));
    }

    #[test]
    fn a_mapping_may_yield_what_its_template_can_become() {
        let mapping = pattern("^GRC-(?<team>.+)$", "Team ${team}");
        assert!(may_yield(&mapping, "Team Risk"));
        assert!(!may_yield(&mapping, "Risk"));
        assert!(may_yield(&pattern("x", "a$$b"), "a$b"));
        assert!(!may_yield(&pattern("x", "a.b"), "axb"));
        assert!(may_yield(&pattern("x", "${a}-$b-end"), "left-right-end"));
        assert!(!may_yield(&pattern("x", "${a}-$b-end"), "left-end"));
    }

    #[test]
    fn whatever_a_pattern_gave_it_may_yield() {
        for (from, to, name) in [
            ("^GRC-?(?<team>.*)$", "Team ${team}", "GRC"),
            ("^(?<team>.*)$", " ${team} ", "Risk"),
            ("^(.*)$", "$1 ", " Risk"),
            ("^(.*)$", "$1_x", "Risk"),
            ("^(.)(.*)$", "$2${1}$$", "Risk"),
            ("^(.*)$", "${1", "Risk"),
            ("^(.*)$", "$1$", "Risk"),
            ("^(?<a>.*)$", "$", "Risk"),
        ] {
            let mapping = pattern(from, to);
            if let Some(Some(target)) = target_of(&mapping, SourceKind::Csv, name) {
                assert!(may_yield(&mapping, target.as_str()), "{to:?} gave {target:?}");
            }
        }
    }

    #[test]
    fn csv_names_compare_exactly_and_ldap_names_without_case() {
        assert!(!same_name(SourceKind::Csv, "Risk", "risk"));
        assert!(same_name(SourceKind::Ldap, "Risk", "risk"));
    }
}
