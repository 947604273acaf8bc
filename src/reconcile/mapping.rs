//! Which directory groups feed which target groups.

use regex::Regex;

use crate::model::digest::Digest;
use crate::model::directory::{DirectoryGroup, SourceKind, SourceSnapshot};
use crate::model::id::GroupName;
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
    match kind {
        SourceKind::Csv => a == b,
        SourceKind::Ldap => a == b || a.to_lowercase() == b.to_lowercase(),
    }
}

/// The directory groups of a source that bear a name.
pub fn named<'a>(source: &'a SourceSnapshot, name: &str) -> Vec<(u32, &'a DirectoryGroup)> {
    indexed(source).filter(|(_, group)| group.names.iter().any(|own| same_name(source.kind, own, name))).collect()
}

/// A source's directory groups with their indices.
pub fn indexed(source: &SourceSnapshot) -> impl Iterator<Item = (u32, &DirectoryGroup)> {
    (0..).zip(&source.groups)
}

/// Whether a mapping can yield a target group of this name from some directory group.
pub fn may_yield(mapping: &Mapping, target: &str) -> bool {
    match &mapping.from {
        Selector::Name(_) => mapping.to.trim() == target,
        Selector::Pattern(_) => template_shape(&mapping.to).is_none_or(|shape| shape.is_match(target)),
    }
}

/// What names a template can yield: its literal parts with anything in place of its references. None
/// when that is no usable pattern, so that anything must be expected.
fn template_shape(template: &str) -> Option<Regex> {
    // The regex crate's rule for `$name`: as many letters, digits and underscores as follow.
    let reference = Regex::new(r"\$\$|\$\{[^}]*\}|\$[0-9A-Za-z_]+").ok()?;
    let mut shape = String::from("(?s)^");
    let mut end = 0;
    for found in reference.find_iter(template) {
        shape.push_str(&regex::escape(template.get(end..found.start())?));
        shape.push_str(if found.as_str() == "$$" { r"\$" } else { ".*" });
        end = found.end();
    }
    shape.push_str(&regex::escape(template.get(end..)?));
    shape.push('$');
    Regex::new(&shape).ok()
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

/// Digest of what decides over a target group's members: the mappings that may yield it, in order, and
/// its mode. When it changes, the next full run counts as the group's first.
pub fn digest(policy: &Policy, target: &GroupName, mode: Mode) -> String {
    let mut digest = Digest::new();
    digest.part(mode.as_str());
    for mapping in policy.mappings.iter().filter(|mapping| may_yield(mapping, target.as_str())) {
        let kind = match mapping.from {
            Selector::Name(_) => "name",
            Selector::Pattern(_) => "pattern",
        };
        digest.part(mapping.source.as_str()).part(kind).part(mapping.from.as_str()).part(&mapping.to);
    }
    digest.hex()
}

#[cfg(test)]
mod tests {
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
    }

    #[test]
    fn csv_names_compare_exactly_and_ldap_names_without_case() {
        assert!(!same_name(SourceKind::Csv, "Risk", "risk"));
        assert!(same_name(SourceKind::Ldap, "Risk", "risk"));
    }
}
